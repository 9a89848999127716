/* SPDX-License-Identifier: ISC */
/*
 * A whole check over a zone made of the input's lines:
 *
 *	client address
 *	reverse-path
 *	HELO name
 *	owner TYPE data		A, AAAA, TXT, MX, PTR; "!" fails; any number
 *
 * Warm, cold and prefetching checks must agree, within the limits, and only
 * canonical records may reach libspf2's compiler.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>

#include <spf2/spf.h>

#define ZONE_MAX 2048
#include "../spf_run.h"
#include "fuzz.h"

#define LINES_MAX     100
#define CANONICAL_MAX 512
/* The first record, ten terms with ten hosts, the client's names, exp. */
#define READS_MAX (1 + 10 * 11 + 11 + 1)

/* Stands before the library's own. */
SPF_errcode_t
SPF_record_compile(SPF_server_t *server, SPF_response_t *response,
    SPF_record_t **record, const char *text)
{
	static SPF_errcode_t (*real)(
	    SPF_server_t *, SPF_response_t *, SPF_record_t **, const char *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "SPF_record_compile");
	check(strncmp(text, "v=spf1", 6) == 0 && strlen(text) < CANONICAL_MAX);
	check(text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789 "
				".:/#=+-?~")] == '\0');
	return (real(server, response, record, text));
}

/* Data that makes no sense is left out: what is tested comes later. */
static void
add_data(struct rrset *set, uint16_t type, const char *data)
{
	uint8_t rdata[2 + DNAME_MAX] = {0};
	const size_t skip = type == RR_MX ? 2 : 0;
	struct dname name;
	struct ipaddr ip;

	if (type == RR_TXT)
		rrset_add_txt(set, data, strlen(data));
	else if (type == RR_A || type == RR_AAAA) {
		if (ipaddr_from_text(&ip, data) == 0)
			rrset_add(set, ip.addr, ip.octets);
	} else if (dname_from_text(&name, data) == 0) {
		memcpy(rdata + skip, name.wire, name.len);
		rrset_add(set, rdata, skip + name.len);
	}
}

static void
add_line(struct zone *zone, char *line)
{
	static const struct {
		const char *text;
		uint16_t type;
	} types[] = {{"A ", RR_A}, {"AAAA ", RR_AAAA}, {"TXT ", RR_TXT},
	    {"MX ", RR_MX}, {"PTR ", RR_PTR}};
	const char *owner = strsep(&line, " ");
	struct zone_entry *entry;
	struct dname name;
	size_t i, len;

	if (line == NULL || dname_from_text(&name, owner) == -1)
		return;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		len = strlen(types[i].text);
		if (strncmp(line, types[i].text, len) != 0)
			continue;
		entry = zone_find(zone, &name, types[i].type);
		if (entry == NULL) {
			entry = zone_add(zone, &name, types[i].type,
			    zone_set(line[len] == '!' ? RR_FAILED : RR_PRESENT,
				RR_FAILURE_TIMEOUT));
			entry->given = true;
		}
		if (entry->set->state == RR_PRESENT)
			add_data(entry->set, types[i].type, line + len);
	}
}

static void
check_answer(const struct spf_answer *answer, const char *received)
{
	const char *p;

	check(answer->result <= SPF_PERMERROR && answer->domain != NULL &&
	      answer->mechanism != NULL);
	check(
	    (answer->problem != NULL) == (answer->result == SPF_TEMPERROR ||
					     answer->result == SPF_PERMERROR));
	check(answer->explanation == NULL || answer->result == SPF_FAIL);
	check(
	    answer->explanation == NULL || strlen(answer->explanation) <= 512);
	check(answer->read.asked <= READS_MAX && answer->read.missing == 0);
	check(strlen(received) <= 998 - 14);
	for (p = received; *p != '\0'; p++)
		check(*p >= ' ' && *p <= '~');
	for (p = answer->explanation; p != NULL && *p != '\0'; p++)
		check(*p >= ' ' && *p <= '~');
}

static void
check_question(struct zone *zone, struct spf_question *question)
{
	struct arena *arena = arena_new();
	struct spf_answer warm, cold;
	struct spf_cost cost;
	const char *received;

	spf_run(zone, arena, SPF_WARM, question, &warm, &cost, &received);
	check(cost.rounds == 0);
	check_answer(&warm, received);
	check(
	    spf_run(zone, arena, SPF_COLD, question, &cold, &cost, NULL) == 0);
	check(spf_answer_equal(&warm, &cold));
	question->prefetch = true;
	check(
	    spf_run(zone, arena, SPF_COLD, question, &cold, &cost, NULL) == 0);
	check(spf_answer_equal(&warm, &cold));
	arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), *rest = copy, *line;
	struct spf_question question = {.receiver = "mx.example"};
	struct zone *zone;
	unsigned lines = 0;

	check(copy != NULL);
	memcpy(copy, data, size);
	copy[size] = '\0';
	line = strsep(&rest, "\n");
	question.mail_from = strsep(&rest, "\n");
	question.helo = strsep(&rest, "\n");
	if (question.helo != NULL &&
	    ipaddr_from_text(&question.client_ip, line) == 0) {
		zone = zone_open("", false);
		while (
		    lines++ < LINES_MAX && (line = strsep(&rest, "\n")) != NULL)
			add_line(zone, line);
		check_question(zone, &question);
		zone_close(zone);
	}
	free(copy);
	return (0);
}
