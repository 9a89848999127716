/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../spf_run.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define LONGEST	    (998 - 14) /* RFC 5322 2.1.1, without "Received-SPF: " */

static const char records[] = "d.example TXT v=spf1 ip4:192.0.2.1 "
			      "include:i.example exists:%{l}.d.example ~all\n"
			      "i.example TXT v=spf1 ip6:2001:db8::/32 -all\n"
			      "a.b.c.d.example A 127.0.0.2\n"
			      "f.example TXT v=spf1 -all\n"
			      "n.example TXT v=spf1 ?all\n"
			      "e.example TXT v=spf1\n"
			      "t.example TXT !FAILED\n"
			      "p.example TXT v=spf1 \"(x)\\y\n"
			      "mail.d.example TXT v=spf1 a -all\n"
			      "mail.d.example A 192.0.2.1\n";

/* The body of the field for a client, a reverse-path and a HELO name. */
static const struct {
	const char *ip, *from, *helo, *receiver;
	enum spf_identity identity;
	const char *body;
} rows[] = {
    {"192.0.2.1", "bob@d.example", "mail.d.example", "mx.example", SPF_MAILFROM,
	"pass (mx.example: domain of d.example designates 192.0.2.1 as "
	"permitted sender) client-ip=192.0.2.1; "
	"envelope-from=\"bob@d.example\"; helo=mail.d.example; "
	"receiver=mx.example; identity=mailfrom; "
	"mechanism=\"ip4:192.0.2.1\""},
    {"2001:db8::1", "bob@d.example", "mail.d.example", "mx.example",
	SPF_MAILFROM,
	"pass (mx.example: domain of d.example designates 2001:db8::1 as "
	"permitted sender) client-ip=\"2001:db8::1\"; "
	"envelope-from=\"bob@d.example\"; helo=mail.d.example; "
	"receiver=mx.example; identity=mailfrom; "
	"mechanism=\"include:i.example\""},
    {"198.51.100.1", "a.b.c@d.example", "mail.d.example", "mx.example",
	SPF_MAILFROM,
	"pass (mx.example: domain of d.example designates 198.51.100.1 as "
	"permitted sender) client-ip=198.51.100.1; "
	"envelope-from=\"a.b.c@d.example\"; helo=mail.d.example; "
	"receiver=mx.example; identity=mailfrom; "
	"mechanism=\"exists:%{l}.d.example\""},
    {"198.51.100.1", "bob@d.example", "mail.d.example", "mx.example",
	SPF_MAILFROM,
	"softfail (mx.example: domain of d.example does not designate "
	"198.51.100.1 as permitted sender) client-ip=198.51.100.1; "
	"envelope-from=\"bob@d.example\"; helo=mail.d.example; "
	"receiver=mx.example; identity=mailfrom; mechanism=~all"},
    {"192.0.2.1", "bob@f.example", "x", "", SPF_MAILFROM,
	"fail (unknown: domain of f.example does not designate 192.0.2.1 as "
	"permitted sender) client-ip=192.0.2.1; "
	"envelope-from=\"bob@f.example\"; helo=x; receiver=unknown; "
	"identity=mailfrom; mechanism=-all"},
    {"192.0.2.1", "bob@n.example", "x", "mx", SPF_MAILFROM,
	"neutral (mx: domain of n.example neither permits nor denies "
	"192.0.2.1) client-ip=192.0.2.1; envelope-from=\"bob@n.example\"; "
	"helo=x; receiver=mx; identity=mailfrom; mechanism=?all"},
    {"192.0.2.1", "bob@e.example", "x", "mx", SPF_MAILFROM,
	"neutral (mx: domain of e.example neither permits nor denies "
	"192.0.2.1) client-ip=192.0.2.1; envelope-from=\"bob@e.example\"; "
	"helo=x; receiver=mx; identity=mailfrom; mechanism=default"},
    {"192.0.2.1", "bob@x.example", "x", "mx", SPF_MAILFROM,
	"none (mx: domain of x.example does not say whether 192.0.2.1 is a "
	"permitted sender) client-ip=192.0.2.1; "
	"envelope-from=\"bob@x.example\"; helo=x; receiver=mx; "
	"identity=mailfrom; mechanism=default"},
    {"192.0.2.1", "bob@t.example", "x", "mx", SPF_MAILFROM,
	"temperror (mx: domain of t.example could not be checked for "
	"192.0.2.1) client-ip=192.0.2.1; envelope-from=\"bob@t.example\"; "
	"helo=x; receiver=mx; identity=mailfrom; mechanism=default; "
	"problem=\"t.example TXT: servfail\""},
    {"192.0.2.1", "bob@p.example", "x", "mx", SPF_MAILFROM,
	"permerror (mx: domain of p.example has no usable record to check "
	"192.0.2.1) client-ip=192.0.2.1; envelope-from=\"bob@p.example\"; "
	"helo=x; receiver=mx; identity=mailfrom; mechanism=default; "
	"problem=\"p.example: \\\"\\\"(x)\\\\y\\\": mechanism is unknown\""},
    /* The null reverse-path, and the HELO name by itself (2.3, 2.4). */
    {"192.0.2.1", "", "mail.d.example", "mx", SPF_MAILFROM,
	"pass (mx: domain of mail.d.example designates 192.0.2.1 as "
	"permitted sender) client-ip=192.0.2.1; envelope-from=\"\"; "
	"helo=mail.d.example; receiver=mx; identity=helo; mechanism=a"},
    {"192.0.2.1", "bob@d.example", "mail.d.example", "mx", SPF_HELO,
	"pass (mx: domain of mail.d.example designates 192.0.2.1 as "
	"permitted sender) client-ip=192.0.2.1; helo=mail.d.example; "
	"receiver=mx; identity=helo; mechanism=a"},
    /* What a sender may try. */
    {"192.0.2.1", "a\"b\\c)@f.example", "x\r\ny: z", "m(x)", SPF_MAILFROM,
	"fail (m?x?: domain of f.example does not designate 192.0.2.1 as "
	"permitted sender) client-ip=192.0.2.1; "
	"envelope-from=\"a\\\"b\\\\c)@f.example\"; helo=\"x??y: z\"; "
	"receiver=\"m(x)\"; identity=mailfrom; mechanism=-all"},
    {"192.0.2.1", "j\xc3\xbcrgen@f.example", "a..b", "mx", SPF_MAILFROM,
	"fail (mx: domain of f.example does not designate 192.0.2.1 as "
	"permitted sender) client-ip=192.0.2.1; "
	"envelope-from=\"j??rgen@f.example\"; helo=\"a..b\"; receiver=mx; "
	"identity=mailfrom; mechanism=-all"},
    {"192.0.2.1", "bob@(\\.example", "", "mx", SPF_MAILFROM,
	"none (mx: domain of ??.example does not say whether 192.0.2.1 is a "
	"permitted sender) client-ip=192.0.2.1; "
	"envelope-from=\"bob@(\\\\.example\"; helo=\"\"; receiver=mx; "
	"identity=mailfrom; mechanism=default"},
};

static struct spf_question
question_make(size_t i)
{
	struct spf_question question = {.helo = rows[i].helo,
	    .mail_from = rows[i].from,
	    .identity = rows[i].identity,
	    .receiver = rows[i].receiver};

	ipaddr_from_text(&question.client_ip, rows[i].ip);
	return (question);
}

static void
test_received(void **state)
{
	struct zone *zone = zone_open(records, false);
	struct spf_question question;
	struct spf_answer answer;
	struct spf_cost cost;
	struct arena *arena;
	const char *body;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		arena = arena_new();
		question = question_make(i);
		spf_run(
		    zone, arena, SPF_WARM, &question, &answer, &cost, &body);
		assert_string_equal(body, rows[i].body);
		arena_free(arena);
	}
	zone_close(zone);
}

/* Everything as long as it can be: still one line, and whole pairs. */
static void
test_long(void **state)
{
	struct zone *zone = zone_open(records, false);
	char word[5000], from[5100];
	struct spf_question question = question_make(0);
	struct arena *arena = arena_new();
	struct spf_answer answer;
	struct spf_cost cost;
	const char *body;
	size_t quotes = 0, i;

	(void)state;
	memset(word, '"', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	snprintf(from, sizeof(from), "%s@p.example", word);
	question.mail_from = from;
	question.helo = question.receiver = word;
	spf_run(zone, arena, SPF_WARM, &question, &answer, &cost, &body);
	assert_true(strlen(body) <= LONGEST);
	assert_non_null(strstr(body, " client-ip=192.0.2.1; envelope-from="));
	/* RFC 7208 9.1: these are the least. */
	assert_non_null(strstr(body, "; helo=\""));
	assert_non_null(strstr(body, "; identity=mailfrom"));
	assert_non_null(strstr(body, "; problem="));
	for (i = strcspn(body, ")"); body[i] != '\0'; i++) {
		if (body[i] == '\\')
			i++;
		else if (body[i] == '"')
			quotes++;
	}
	assert_int_equal(quotes % 2, 0);
	arena_free(arena);
	zone_close(zone);
}

/* A value is cut at 256 octets, quoted since it may end anywhere. */
static void
test_cut(void **state)
{
	struct zone *zone = zone_open(records, false);
	struct spf_question question = question_make(0);
	struct arena *arena = arena_new();
	char helo[258], wanted[300];
	struct spf_answer answer;
	struct spf_cost cost;
	const char *body;

	(void)state;
	memset(helo, 'x', 257);
	helo[257] = '\0';
	question.helo = helo;
	spf_run(zone, arena, SPF_WARM, &question, &answer, &cost, &body);
	snprintf(wanted, sizeof(wanted), "; helo=\"%.256s\"; ", helo);
	assert_non_null(strstr(body, wanted));
	helo[256] = '\0';
	spf_run(zone, arena, SPF_WARM, &question, &answer, &cost, &body);
	snprintf(wanted, sizeof(wanted), "; helo=%.256s; ", helo);
	assert_non_null(strstr(body, wanted));
	arena_free(arena);
	zone_close(zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_received),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_cut),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
