/* SPDX-License-Identifier: ISC */
/*
 * What stands in the cache, read from its file while the daemon goes on. The
 * daemon is not asked, so a million entries cost it nothing; and each entry is
 * read in a snapshot of its own, that is over before anything is written: what
 * the daemon gives up meanwhile could not be used again, and who reads the
 * output may take for ever.
 */
#include "ctl.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "cache.h"
#include "cache_dump.h"
#include "conf.h"
#include "ctl_answer.h"
#include "ctl_json.h"
#include "dname.h"
#include "rdata_text.h"
#include "rrset.h"
#include "spf_memo.h"

/* What --state may ask for, beside the four of enum rr_state. */
#define STATE_STALE 5 /* data past its life */

struct dump {
	const char *file;
	bool json, count;
	bool records, verdicts; /* which of them */
	bool has_domain;
	struct dname domain;
	uint16_t type;		       /* 0: any */
	unsigned state;		       /* 0: any */
	int64_t min_age, max_age, now; /* ms */
	/* For --count: by state, and of verdicts. */
	uint64_t by_state[STATE_STALE + 1], memos, octets;
	struct arena *arena; /* of one entry */
};

/* ---- options ---------------------------------------------------------- */

static int
type_find(const char *name, uint16_t *type)
{
	static const uint16_t types[] = {
	    RR_A, RR_NS, RR_CNAME, RR_SOA, RR_PTR, RR_MX, RR_TXT, RR_AAAA};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcasecmp(rr_type_text(types[i]), name) == 0) {
			*type = types[i];
			return (0);
		}
	return (-1);
}

static int
state_find(const char *name, unsigned *state)
{
	unsigned i;

	for (i = RR_PRESENT; i <= RR_FAILED; i++)
		if (strcmp(rr_state_text((enum rr_state)i), name) == 0) {
			*state = i;
			return (0);
		}
	*state = STATE_STALE;
	return (strcmp(name, "stale") == 0 ? 0 : -1);
}

static int
age_read(const char *text, int64_t *age)
{
	char *end;
	const long long seconds = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || seconds < 0 ||
	    seconds > INT64_C(1000000000))
		return (-1);
	*age = seconds * 1000;
	return (0);
}

static int
option_take(struct dump *dump, int option)
{
	switch (option) {
	case 'j':
		dump->json = true;
		return (0);
	case 'c':
		dump->count = true;
		return (0);
	case 'r':
		dump->verdicts = false;
		return (0);
	case 'v':
		dump->records = false;
		return (0);
	case 'd':
		dump->has_domain = true;
		return (dname_from_text(&dump->domain, optarg));
	case 't':
		return (type_find(optarg, &dump->type));
	case 's':
		return (state_find(optarg, &dump->state));
	case 'm':
		return (age_read(optarg, &dump->min_age));
	case 'M':
		return (age_read(optarg, &dump->max_age));
	case 'f':
		dump->file = optarg;
		return (0);
	default:
		return (-1);
	}
}

static int
dump_options(struct dump *dump, int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {"count", no_argument, NULL, 'c'},
	    {"records", no_argument, NULL, 'r'},
	    {"verdicts", no_argument, NULL, 'v'},
	    {"domain", required_argument, NULL, 'd'},
	    {"type", required_argument, NULL, 't'},
	    {"state", required_argument, NULL, 's'},
	    {"min-age", required_argument, NULL, 'm'},
	    {"max-age", required_argument, NULL, 'M'},
	    {"file", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	int option;

	/* getopt() wants the command's name before its options. */
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc + 1, argv - 1, "+", options, NULL)) !=
	       -1)
		if (option_take(dump, option) == -1) {
			if (option != '?')
				ctl_complain(
				    "dump: %s: not understood", optarg);
			return (-1);
		}
	return (optind == argc + 1 && !(dump->json && dump->count) ? 0 : -1);
}

/* ---- which ------------------------------------------------------------ */

static bool
age_fits(const struct dump *dump, int64_t made)
{
	const int64_t age = dump->now - made;

	return (age >= dump->min_age && age <= dump->max_age);
}

static bool
record_fits(const struct dump *dump, const struct cache_item *item)
{
	const struct rrset *set = &item->set;
	const bool stale = set->state != RR_FAILED && set->expires <= dump->now;

	if (!dump->records ||
	    (dump->has_domain && !dname_within(&item->name, &dump->domain)) ||
	    (dump->type != 0 && dump->type != item->type))
		return (false);
	if (dump->state == STATE_STALE
		? !stale
		: dump->state != 0 && dump->state != set->state)
		return (false);
	return (age_fits(
	    dump, set->state == RR_FAILED ? set->failed_at : set->fetched));
}

static bool
memo_fits(const struct dump *dump, const struct spf_memo *memo)
{
	struct dname asked;

	if (!dump->verdicts || dump->type != 0 || dump->state != 0)
		return (false);
	if (dump->has_domain &&
	    (dname_from_text(&asked, memo->answer.domain) == -1 ||
		!dname_within(&asked, &dump->domain)))
		return (false);
	return (age_fits(dump, memo->made));
}

/* ---- text ------------------------------------------------------------- */

/* A time that has come is 0. */
static int64_t
seconds(int64_t ms)
{
	return (ms < 0 ? 0 : ms / 1000);
}

static void
record_text(const struct dump *dump, const struct cache_item *item)
{
	const struct rrset *set = &item->set;
	struct rdata record = {0};
	char name[DNAME_TEXT_MAX];

	printf("%s %s state=%s dnssec=%s", dname_text(&item->name, name),
	    rr_type_text(item->type), rr_state_text(set->state),
	    dnssec_text(set->dnssec));
	if (set->state != RR_FAILED)
		printf(" age=%" PRId64 " ttl=%u left=%" PRId64,
		    seconds(dump->now - set->fetched), set->ttl,
		    seconds(set->expires - dump->now));
	if (set->failure != RR_FAILURE_NONE)
		printf(" failure=%s failures=%u failed_for=%" PRId64
		       " retry_in=%" PRId64,
		    rr_failure_text(set->failure), set->failures,
		    seconds(dump->now - set->failed_since),
		    seconds(set->retry_at - dump->now));
	while (rrset_next(set, &record)) {
		fputs(" data=", stdout);
		answer_put_quoted(rdata_text(dump->arena, item->type, &record));
	}
	putchar('\n');
}

/* Absent is not empty. */
static void
text_pair(const char *name, const char *value)
{
	if (value == NULL)
		return;
	printf(" %s=", name);
	answer_put_quoted(value);
}

static void
memo_text(const struct dump *dump, const struct cache_item *item,
    const struct spf_memo *memo)
{
	char ip[IPADDR_TEXT_MAX];

	answer_put(memo->answer.domain);
	printf(" SPF result=%s client_ip=%s dnssec=%s age=%" PRId64
	       " left=%" PRId64,
	    spf_result_text(memo->answer.result),
	    ipaddr_text(&memo->client_ip, ip),
	    dnssec_text(memo->answer.read.dnssec),
	    seconds(dump->now - memo->made),
	    seconds(item->expires - dump->now));
	text_pair("helo", memo->helo);
	text_pair("mail_from", memo->mail_from);
	text_pair("mechanism", memo->answer.mechanism);
	text_pair("problem", memo->answer.problem);
	putchar('\n');
}

/* ---- JSON lines ------------------------------------------------------- */

static void
json_pair(const char *name, const char *value)
{
	if (value == NULL)
		return;
	printf(", \"%s\": ", name);
	json_string(value, strlen(value));
}

static void
json_number(const char *name, int64_t value)
{
	printf(", \"%s\": %" PRId64, name, value);
}

static void
record_json(const struct dump *dump, const struct cache_item *item)
{
	const struct rrset *set = &item->set;
	struct rdata record = {0};
	char name[DNAME_TEXT_MAX];
	const char *text, *comma = "";

	printf("{\"kind\": \"record\"");
	json_pair("name", dname_text(&item->name, name));
	json_pair("type", rr_type_text(item->type));
	json_pair("state", rr_state_text(set->state));
	json_pair("dnssec", dnssec_text(set->dnssec));
	if (set->state != RR_FAILED) {
		json_number("fetched", seconds(set->fetched));
		json_number("ttl", set->ttl);
		json_number("expires", seconds(set->expires));
	}
	if (set->failure != RR_FAILURE_NONE) {
		json_pair("failure", rr_failure_text(set->failure));
		json_number("failures", set->failures);
		json_number("failed_since", seconds(set->failed_since));
		json_number("retry_at", seconds(set->retry_at));
	}
	printf(", \"data\": [");
	for (; rrset_next(set, &record); comma = ", ") {
		text = rdata_text(dump->arena, item->type, &record);
		fputs(comma, stdout);
		json_string(text, strlen(text));
	}
	puts("]}");
}

static void
memo_json(const struct cache_item *item, const struct spf_memo *memo)
{
	char ip[IPADDR_TEXT_MAX];

	printf("{\"kind\": \"spf\"");
	json_pair("domain", memo->answer.domain);
	json_pair("result", spf_result_text(memo->answer.result));
	json_pair("client_ip", ipaddr_text(&memo->client_ip, ip));
	json_pair("dnssec", dnssec_text(memo->answer.read.dnssec));
	json_number("made", seconds(memo->made));
	json_number("expires", seconds(item->expires));
	json_pair("helo", memo->helo);
	json_pair("mail_from", memo->mail_from);
	json_pair("mechanism", memo->answer.mechanism);
	json_pair("problem", memo->answer.problem);
	puts("}");
}

/* ---- the walk --------------------------------------------------------- */

static void
record_show(struct dump *dump, const struct cache_item *item)
{
	if (!record_fits(dump, item))
		return;
	if (dump->count) {
		dump->by_state[item->set.state]++;
		if (item->set.state != RR_FAILED &&
		    item->set.expires <= dump->now)
			dump->by_state[STATE_STALE]++;
		dump->octets += item->set.len;
	} else if (dump->json) {
		record_json(dump, item);
	} else {
		record_text(dump, item);
	}
}

static void
memo_show(struct dump *dump, const struct cache_item *item)
{
	struct spf_memo memo;

	if (item->expires <= dump->now ||
	    !spf_memo_read(&memo, dump->arena, item->key, item->key_len,
		item->data, item->data_len) ||
	    !memo_fits(dump, &memo))
		return;
	if (dump->count)
		dump->memos++;
	else if (dump->json)
		memo_json(item, &memo);
	else
		memo_text(dump, item, &memo);
}

/* The next one; false when all has been seen. */
static bool
entry_show(struct dump *dump, struct cache *cache, struct cache_cursor *cursor)
{
	struct cache_item item;
	bool found;

	dump->arena = arena_new();
	cache_begin(cache);
	found = cache_walk(cache, cursor, dump->arena, &item);
	cache_end(cache);
	if (found && item.memo)
		memo_show(dump, &item);
	else if (found)
		record_show(dump, &item);
	arena_free(dump->arena);
	return (found);
}

static void
count_show(const struct dump *dump)
{
	unsigned state;

	for (state = RR_PRESENT; state <= RR_FAILED; state++)
		printf("%s=%" PRIu64 "\n", rr_state_text((enum rr_state)state),
		    dump->by_state[state]);
	printf("stale=%" PRIu64 "\nverdicts=%" PRIu64 "\ndata_octets=%" PRIu64
	       "\n",
	    dump->by_state[STATE_STALE], dump->memos, dump->octets);
}

static int
file_show(struct dump *dump)
{
	struct cache_cursor cursor = {.started = false};
	const char *problem;
	struct cache *cache =
	    cache_open_reading(dump->file, dump->now, &problem);

	if (cache == NULL) {
		ctl_complain("%s: %s", dump->file, problem);
		return (CTL_TEMPORARY);
	}
	while (entry_show(dump, cache, &cursor) && !ferror(stdout))
		;
	cache_close(cache);
	if (dump->count)
		count_show(dump);
	return (CTL_OK);
}

int
ctl_dump(const struct ctl *ctl, int argc, char **argv)
{
	struct dump dump = {.records = true,
	    .verdicts = true,
	    .max_age = INT64_MAX,
	    .min_age = INT64_MIN,
	    .now = (int64_t)time(NULL) * 1000};
	char error[CONF_ERROR_MAX];
	struct conf *conf = NULL;
	int status;

	if (dump_options(&dump, argc, argv) == -1)
		return (ctl_misused(ctl));
	if (dump.file == NULL) {
		if ((conf = conf_load(ctl->config, error)) == NULL) {
			fputs(error, stderr);
			return (CTL_USAGE);
		}
		dump.file = conf->cache.file;
	}
	status = file_show(&dump);
	conf_free(conf);
	return (status);
}
