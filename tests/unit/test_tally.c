/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dmarc_record.h"
#include "hash.h"
#include "log.h"
#include "rules.h"
#include "run.h"
#include "stats.h"
#include "tally_file.h"

#define NOW INT64_C(1800000000000)

static const struct dmarc_options options = {.discovery = DMARC_TREE_WALK};

static struct dname
name_of(const char *text)
{
	struct dname name;

	assert_int_equal(dname_from_text(&name, text), 0);
	return (name);
}

/* --- Questions ------------------------------------------------------------ */

static void
answer(struct tally *tally, const char *domain, enum rules_action action,
    const char *rule, const struct rules_shadow *shadow)
{
	const struct rules_decision decision = {
	    .action = action, .decided = true, .rule = rule, .shadow = shadow};
	struct run_outcome outcome = {.has_domain = true,
	    .domain = name_of(domain),
	    .decision = &decision};

	tally_answered(tally, "check", "mx1", &outcome, 250, NOW);
}

static void
test_answers(void **state)
{
	static const struct rules_shadow second = {.rule = "trial 2"};
	static const struct rules_shadow first = {
	    .rule = "trial 1", .next = &second};
	struct tally *tally = tally_new(NOW);
	const struct top_entry *entry;

	(void)state;
	answer(tally, "Example.COM", RULES_REJECT, "dmarc reject", NULL);
	answer(tally, "example.com", RULES_ACCEPT, "default", &first);
	tally_answered(tally, "ping", NULL, NULL, 3, NOW);
	tally_answered(tally, "no such verb", "", NULL, 4, NOW);
	tally_busy(tally, "mx1", NOW);

	entry = top_find(tally->table[TALLY_DOMAINS], "example.com");
	assert_int_equal(entry->count[TALLY_QUESTIONS], 2);
	assert_int_equal(entry->count[TALLY_REJECT], 1);
	assert_int_equal(entry->count[TALLY_ACCEPT], 1);
	assert_int_equal(entry->count[TALLY_UNDECIDED], 0);
	entry = top_find(tally->table[TALLY_REJECTS], "example.com");
	assert_int_equal(entry->count[0], 1);
	entry = top_find(tally->table[TALLY_HOSTS], "mx1");
	assert_int_equal(entry->count[TALLY_QUESTIONS], 2);
	assert_int_equal(entry->count[TALLY_BUSY], 1);
	entry = top_find(tally->table[TALLY_HOSTS], "-");
	assert_int_equal(entry->count[TALLY_QUESTIONS], 2);
	entry = top_find(tally->table[TALLY_RULES], "trial 2");
	assert_int_equal(entry->count[TALLY_SHADOW], 1);
	assert_int_equal(entry->count[TALLY_DECIDED], 0);
	entry = top_find(tally->table[TALLY_RULES], "dmarc reject");
	assert_int_equal(entry->count[TALLY_DECIDED], 1);
	assert_string_equal(tally_verb(0), "check");
	assert_int_equal(tally->latency[0].count, 2);
	assert_string_equal(tally_verb(TALLY_VERBS - 1), "other");
	assert_int_equal(tally->latency[TALLY_VERBS - 1].count, 1);
	assert_null(tally_verb(TALLY_VERBS));
	/* A ping is no work. */
	assert_int_equal(tally->minute.count, 3);
	tally_free(tally);
}

/* Nobody wants to know. */
static void
test_null(void **state)
{
	const struct dname name = name_of("example.com");
	struct rrset set = {.state = RR_NODATA};

	(void)state;
	tally_answered(NULL, "check", NULL, NULL, 1, NOW);
	tally_busy(NULL, "mx1", NOW);
	tally_fetched(NULL, &name, RR_TXT, NULL, &set, &options, NOW);
	tally_save(NULL, NOW);
	assert_false(tally_due(NULL, NOW));
	tally_free(NULL);
}

/* --- Lookups -------------------------------------------------------------- */

static void
test_failures(void **state)
{
	static const struct {
		const char *name, *domain;
	} cases[] = {
	    {"example.com", "example.com"},
	    {"_dmarc.example.com", "example.com"},
	    {"k1._domainkey.mail.example.com", "mail.example.com"},
	    {"_a._b.example.com", "example.com"},
	    {"_tld", "."},
	    {".", "."},
	};
	struct rrset failed = {.state = RR_FAILED,
	    .failure = RR_FAILURE_TIMEOUT,
	    .failed_since = NOW - 9000,
	    .failed_at = NOW};
	struct rrset good = {.state = RR_NODATA};
	const struct top_entry *entry;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tally *tally = tally_new(NOW);
		const struct dname name = name_of(cases[i].name);

		tally_fetched(
		    tally, &name, RR_TXT, NULL, &failed, &options, NOW);
		entry = top_find(tally->table[TALLY_FAILURES], cases[i].domain);
		assert_non_null(entry);
		assert_int_equal(entry->count[0], 1);
		assert_int_equal(entry->since, NOW - 9000);
		assert_int_equal(entry->ended, 0);
		/* News of the same failure. */
		tally_fetched(
		    tally, &name, RR_TXT, NULL, &failed, &options, NOW + 50);
		assert_int_equal(entry->count[0], 1);
		tally_fetched(
		    tally, &name, RR_TXT, NULL, &good, &options, NOW + 60);
		assert_int_equal(entry->ended, NOW + 60);
		tally_free(tally);
	}
}

static struct rrset *
txt(const char *text)
{
	struct rrset *set;

	if (text == NULL)
		return (rrset_new(RR_NXDOMAIN));
	set = rrset_new(RR_PRESENT);
	assert_int_equal(rrset_add_txt(set, text, strlen(text)), 0);
	return (set);
}

static void
test_history(void **state)
{
	static const struct {
		const char *older, *newer, *before, *after;
	} cases[] = {
	    {"v=DMARC1; p=none", "v=DMARC1; p=reject", "none", "reject"},
	    {NULL, "v=DMARC1; p=quarantine; sp=none", "absent",
		"quarantine sp=none"},
	    {"v=DMARC1; p=reject", "unrelated", "reject", "absent"},
	    {"v=DMARC1; p=reject; t=y; aspf=s", NULL, "reject t=y aspf=s",
		"absent"},
	    {"v=DMARC1; p=reject; np=none; psd=y; adkim=s",
		"v=DMARC1; p=reject; np=reject", "reject np=none psd=y adkim=s",
		"reject"},
	    {"v=DMARC1; p=oops", "v=DMARC1; p=none", "invalid", "none"},
	    /* Who gets the reports is no policy. */
	    {"v=DMARC1; p=none", "v=DMARC1; p=none; rua=mailto:a@b.example",
		NULL, NULL},
	    {NULL, NULL, NULL, NULL},
	};
	const struct dname name = name_of("_dmarc.example.com");
	const struct history_change *change;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tally *tally = tally_new(NOW);
		struct rrset *older = txt(cases[i].older);
		struct rrset *newer = txt(cases[i].newer);

		tally_fetched(
		    tally, &name, RR_TXT, older, newer, &options, NOW);
		assert_int_equal(history_count(&tally->history),
		    cases[i].before == NULL ? 0 : 1);
		if (cases[i].before != NULL) {
			change = history_at(&tally->history, 0);
			assert_string_equal(change->domain, "example.com");
			assert_string_equal(change->before, cases[i].before);
			assert_string_equal(change->after, cases[i].after);
			assert_int_equal(change->at, NOW);
		}
		rrset_free(older);
		rrset_free(newer);
		tally_free(tally);
	}
}

/* What is not a policy found anew beside a policy known says nothing. */
static void
test_no_history(void **state)
{
	struct tally *tally = tally_new(NOW);
	struct rrset *none = txt("v=DMARC1; p=none");
	struct rrset *reject = txt("v=DMARC1; p=reject");
	struct rrset *failed = rrset_new(RR_FAILED);
	const struct dname other = name_of("_dmarcx.example.com");
	const struct dname name = name_of("_dmarc.example.com");

	(void)state;
	failed->failure = RR_FAILURE_SERVFAIL;
	tally_fetched(tally, &other, RR_TXT, none, reject, &options, NOW);
	tally_fetched(tally, &name, RR_A, none, reject, &options, NOW);
	tally_fetched(tally, &name, RR_TXT, NULL, reject, &options, NOW);
	tally_fetched(tally, &name, RR_TXT, none, failed, &options, NOW);
	tally_fetched(tally, &name, RR_TXT, failed, reject, &options, NOW);
	assert_int_equal(history_count(&tally->history), 0);
	rrset_free(none);
	rrset_free(reject);
	rrset_free(failed);
	tally_free(tally);
}

static void
test_rings(void **state)
{
	struct tally *tally = tally_new(NOW);
	struct history_change change = {.domain = "d"};
	struct series_sample sample = {.at = 0};
	int i;

	(void)state;
	for (i = 0; i < HISTORY_MAX + 5; i++) {
		change.at = i;
		history_add(&tally->history, &change);
	}
	assert_int_equal(history_count(&tally->history), HISTORY_MAX);
	assert_int_equal(history_at(&tally->history, 0)->at, 5);
	assert_int_equal(
	    history_at(&tally->history, HISTORY_MAX - 1)->at, HISTORY_MAX + 4);
	for (i = 0; i < SERIES_MAX + 7; i++) {
		sample.at = i;
		series_add(&tally->series, &sample);
	}
	assert_int_equal(series_count(&tally->series), SERIES_MAX);
	assert_int_equal(series_at(&tally->series, 0)->at, 7);
	tally_free(tally);
}

/* --- The day -------------------------------------------------------------- */

static void
test_samples(void **state)
{
	static const struct tally_gauges gauges = {42, 4096};
	struct tally *tally = tally_new(NOW);
	const struct series_sample *sample;

	(void)state;
	assert_false(tally_due(tally, NOW + 59999));
	assert_true(tally_due(tally, NOW + 60000));
	assert_true(tally_due(tally, NOW - 60001));
	tally_sample(tally, &gauges, NOW); /* what other tests have counted */
	stat_count(STAT_REJECTED);
	stat_count(STAT_REJECTED);
	answer(tally, "example.com", RULES_REJECT, "r", NULL);
	tally_sample(tally, &gauges, NOW + 60000);
	assert_false(tally_due(tally, NOW + 60001));
	sample = series_at(&tally->series, 1);
	assert_int_equal(sample->at, NOW + 60000);
	assert_int_equal(sample->value[SERIES_REJECTED], 2);
	assert_int_equal(sample->value[SERIES_P50], 250);
	assert_int_equal(sample->value[SERIES_ENTRIES], 42);
	tally_sample(tally, &gauges, NOW + 120000);
	sample = series_at(&tally->series, 2);
	assert_int_equal(sample->value[SERIES_REJECTED], 0);
	assert_int_equal(sample->value[SERIES_P50], 0);
	tally_free(tally);
}

/* --- The file ------------------------------------------------------------- */

/* Caller frees *text. */
static size_t
written(const struct tally *tally, char **text)
{
	size_t len;
	FILE *out = open_memstream(text, &len);

	tally_write(tally, out);
	fclose(out);
	return (len);
}

static struct tally *
example(void)
{
	static const struct tally_gauges gauges = {42, 4096};
	struct tally *tally = tally_new(NOW);
	struct history_change change = {NOW, "a b%.example", "", "reject t=y"};

	stat_count(STAT_RELOADS);
	answer(tally, "example.com", RULES_REJECT, "dmarc reject", NULL);
	tally_answered(tally, "dmarc", "m x\xff=", NULL, 70000000, NOW + 1);
	history_add(&tally->history, &change);
	tally_sample(tally, &gauges, NOW + 60000);
	return (tally);
}

/* What is read is what was written: it is written the same again. */
static void
test_file(void **state)
{
	struct tally *tally = example(), *again = tally_new(NOW + 999);
	char *text, *text2;
	const size_t len = written(tally, &text);
	const uint64_t reloads = stat_value(STAT_RELOADS);

	(void)state;
	assert_int_equal(tally_read(again, text, len), 0);
	/* Counters are added to. */
	assert_int_equal(stat_value(STAT_RELOADS), 2 * reloads);
	assert_int_not_equal(written(again, &text2), 0);
	/* All but the counters, which are doubled: compare what is behind. */
	assert_memory_equal(strstr(text, "latency check"),
	    strstr(text2, "latency check"),
	    strlen(strstr(text, "latency check")) - 21);
	assert_int_equal(again->began, NOW);
	assert_int_equal(again->latency[0].count, 1);
	assert_non_null(top_find(again->table[TALLY_HOSTS], "m x\xff="));
	assert_string_equal(
	    history_at(&again->history, 0)->domain, "a b%.example");
	assert_string_equal(history_at(&again->history, 0)->before, "");
	assert_int_equal(series_count(&again->series), 1);
	/* The next sample has only what comes now. */
	stat_count(STAT_REQUESTS);
	tally_sample(again, &(struct tally_gauges){1, 1}, NOW + 120000);
	assert_int_equal(
	    series_at(&again->series, 1)->value[SERIES_REQUESTS], 1);
	free(text);
	free(text2);
	tally_free(tally);
	tally_free(again);
}

/* Every cut, and every octet changed, is noticed and changes nothing. */
static void
test_damage(void **state)
{
	struct tally *tally = example(), *again = tally_new(NOW + 999);
	const uint64_t reloads = stat_value(STAT_RELOADS);
	char *text;
	const size_t len = written(tally, &text);
	size_t i;

	(void)state;
	for (i = 0; i < len; i++)
		assert_int_equal(tally_read(again, text, i), -1);
	for (i = 0; i < len; i++) {
		text[i] ^= 1;
		assert_int_equal(tally_read(again, text, len), -1);
		text[i] ^= 1;
	}
	assert_int_equal(stat_value(STAT_RELOADS), reloads);
	assert_int_equal(again->latency[0].count, 0);
	free(text);
	tally_free(tally);
	tally_free(again);
}

/* On the disk: kept, lost and damaged. */
static void
test_disk(void **state)
{
	char directory[] = "/tmp/test_tally.XXXXXX", path[64], old[96], bad[96];
	struct tally *tally = example(), *again;
	FILE *out;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/stats", directory);
	snprintf(old, sizeof(old), "%s.old", path);
	snprintf(bad, sizeof(bad), "%s.damaged", path);
	tally_load(tally, path); /* there is none */
	tally_save(tally, NOW);
	assert_int_equal(access(path, F_OK), 0);
	tally_answered(tally, "check", NULL, NULL, 1, NOW);
	tally_save(tally, NOW);
	assert_int_equal(access(old, F_OK), 0);

	again = tally_new(NOW);
	tally_load(again, path);
	assert_int_equal(again->latency[0].count, 2);
	tally_free(again);

	/* A damaged one is set aside, and the one before it serves. */
	out = fopen(path, "w");
	fputs("verdictd-tally 1\nnot a tally\n", out);
	fclose(out);
	again = tally_new(NOW);
	tally_load(again, path);
	assert_int_equal(again->latency[0].count, 1);
	assert_int_equal(access(bad, F_OK), 0);
	tally_free(again);

	/* A directory that is gone is no reason to stop. */
	unlink(old);
	unlink(bad);
	assert_int_equal(rmdir(directory), 0);
	tally_save(tally, NOW);
	assert_int_equal(tally->complained, NOW);
	tally_free(tally);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_null),
	    cmocka_unit_test(test_failures),
	    cmocka_unit_test(test_history),
	    cmocka_unit_test(test_no_history),
	    cmocka_unit_test(test_rings),
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_disk),
	};

	hash_init();
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
