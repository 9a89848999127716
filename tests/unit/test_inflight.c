/* SPDX-License-Identifier: ISC */
#include <sys/resource.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../fake_resolver.h"
#include "arena.h"
#include "cache.h"
#include "hash.h"
#include "inflight.h"
#include "log.h"
#include "stats.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define START	INT64_C(1700000000000)
#define TIMEOUT 5000
#define KEEP	INFLIGHT_FAILURE_KEEP
#define HOUR	INT64_C(3600000)
#define FLIGHTS 16384 /* the cap in inflight.c */

static char directory[] = "/tmp/test_inflight.XXXXXX", path[64];
static struct resolver resolver;
static struct cache *cache;
static struct inflight *inflight;
static struct inflight_policy policy;
static struct arena *arena;
static int64_t now;

/* What a waiter was told. */
struct told {
	struct waiter waiter;
	unsigned times;
	struct rrset *set; /* arena */
};

/*
 * Not on the stacks of the tests: who fails an assertion leaves its stack, but
 * not the list of those who wait, which the teardown goes through.
 */
static struct told a, b, other, next[2];

static void
answered(
    void *arg, const struct dname *name, uint16_t type, const struct rrset *set)
{
	struct told *told = arg;

	(void)name;
	assert_int_equal(type, RR_TXT);
	told->times++;
	told->set = rrset_copy(arena, set);
}

static int
setup(void **state)
{
	const struct cache_options options = {.path = path,
	    .size = 4U << 20,
	    .stale_max = HOUR,
	    .failure_keep = KEEP,
	    .now = START};

	(void)state;
	policy = (struct inflight_policy){.timeout = TIMEOUT,
	    .max_ttl = 86400,
	    .negative_max_ttl = 3600,
	    .stale_max = HOUR};
	now = START;
	a = b = other = next[0] = next[1] = (struct told){.times = 0};
	unlink(path);
	fake_open(&resolver);
	cache = cache_open(&options);
	inflight = inflight_new(&resolver, cache, &policy);
	arena = arena_new();
	return (cache == NULL ? -1 : 0);
}

static int
teardown(void **state)
{
	(void)state;
	inflight_free(inflight);
	cache_close(cache);
	fake_close(&resolver);
	arena_free(arena);
	return (0);
}

static struct dname
name_of(const char *text)
{
	struct dname name;

	assert_int_equal(dname_from_text(&name, text), 0);
	return (name);
}

static int
join(const char *text, struct told *told)
{
	const struct dname name = name_of(text);

	if (told != NULL) {
		told->waiter.answered = answered;
		told->waiter.arg = told;
	}
	return (inflight_join(
	    inflight, &name, RR_TXT, told == NULL ? NULL : &told->waiter, now));
}

static struct rrset *
data(enum rr_state state, uint32_t ttl)
{
	struct rrset *set = rrset_new(state);

	set->ttl = ttl;
	set->dnssec = DNSSEC_SECURE;
	if (state == RR_PRESENT)
		rrset_add_txt(set, "hello", 5);
	return (set);
}

static struct rrset *
failure(enum rr_failure why)
{
	struct rrset *set = rrset_new(RR_FAILED);

	set->failure = why;
	return (set);
}

/* Answers the lookup; it must have been asked for. */
static void
answer(const char *text, struct rrset *set)
{
	const struct dname name = name_of(text);
	struct fake_lookup *lookup = fake_asked(&resolver, &name, RR_TXT);

	assert_non_null(lookup);
	fake_answer(&resolver, lookup, set);
	inflight_collect(inflight, now);
}

/* What the cache has, as every later request will see it. Arena. */
static struct rrset *
stored(const char *text)
{
	const struct dname name = name_of(text);
	const struct rrset *set;
	struct rrset *copy;

	cache_begin(cache);
	set = cache_get(cache, arena, &name, RR_TXT);
	copy = set == NULL ? NULL : rrset_copy(arena, set);
	cache_end(cache);
	return (copy);
}

/* One lookup from its first waiter to its answer. */
static struct rrset *
round_of(const char *text, struct rrset *set)
{
	static struct told told;

	told = (struct told){.times = 0};
	assert_int_equal(join(text, &told), 0);
	answer(text, set);
	assert_int_equal(told.times, 1);
	return (told.set);
}

static void
test_join(void **state)
{
	(void)state;
	assert_int_equal(join("a.example", &a), 0);
	assert_int_equal(join("a.example", &b), 0);
	assert_int_equal(join("b.example", &other), 0);
	assert_int_equal(resolver.count, 2);
	assert_int_equal(inflight_count(inflight), 2);
	answer("a.example", data(RR_PRESENT, 300));
	assert_int_equal(a.times, 1);
	assert_int_equal(b.times, 1);
	assert_false(a.waiter.waiting);
	assert_int_equal(other.times, 0);
	assert_int_equal(inflight_count(inflight), 1);
	assert_int_equal(a.set->state, RR_PRESENT);
	assert_int_equal(a.set->fetched, now);
	assert_int_equal(a.set->expires, now + 300000);
	assert_int_equal(stored("a.example")->count, 1);
	/* Answered: the next one starts anew. */
	assert_int_equal(join("a.example", &a), 0);
	assert_int_equal(resolver.count, 3);
	inflight_leave(&a.waiter);
	inflight_leave(&other.waiter);
}

static void
test_types(void **state)
{
	const struct dname name = name_of("a.example");
	const uint64_t renewed = stat_value(STAT_RENEWED);

	(void)state;
	inflight_join(inflight, &name, RR_A, NULL, now);
	inflight_join(inflight, &name, RR_AAAA, NULL, now);
	inflight_join(inflight, &name, RR_A, NULL, now);
	assert_int_equal(resolver.count, 2);
	/* Who comes upon a renewal under way makes no other lookup. */
	assert_int_equal(stat_value(STAT_RENEWED) - renewed, 2);
}

static void
test_leave(void **state)
{
	(void)state;
	join("a.example", &a);
	join("a.example", &b);
	inflight_leave(&a.waiter);
	inflight_leave(&a.waiter);
	answer("a.example", data(RR_PRESENT, 300));
	assert_int_equal(a.times, 0);
	assert_int_equal(b.times, 1);
	/* Nobody waits any more: what comes is stored all the same. */
	join("b.example", &a);
	inflight_leave(&a.waiter);
	answer("b.example", data(RR_PRESENT, 300));
	assert_int_equal(a.times, 0);
	assert_non_null(stored("b.example"));
}

static void
test_timeout(void **state)
{
	(void)state;
	assert_true(inflight_due(inflight) == INT64_MAX);
	join("a.example", &a);
	assert_int_equal(inflight_due(inflight), now + TIMEOUT);
	now += TIMEOUT - 1;
	inflight_collect(inflight, now);
	assert_int_equal(a.times, 0);
	now += 1;
	inflight_collect(inflight, now);
	assert_int_equal(a.times, 1);
	assert_int_equal(a.set->state, RR_FAILED);
	assert_int_equal(a.set->failure, RR_FAILURE_TIMEOUT);
	assert_int_equal(stored("a.example")->failure, RR_FAILURE_TIMEOUT);
	assert_true(inflight_due(inflight) == INT64_MAX);
	/* The lookup goes on; who comes now joins it, with a time of its own. */
	assert_int_equal(inflight_count(inflight), 1);
	now += 3000;
	join("a.example", &b);
	assert_int_equal(resolver.count, 1);
	assert_int_equal(inflight_due(inflight), now + TIMEOUT);
	now += 1000;
	answer("a.example", data(RR_PRESENT, 300));
	assert_int_equal(a.times, 1);
	assert_int_equal(b.times, 1);
	assert_int_equal(b.set->state, RR_PRESENT);
	assert_int_equal(stored("a.example")->failure, RR_FAILURE_NONE);
	assert_true(inflight_due(inflight) == INT64_MAX);
}

/* Nobody waits for it any more, but it is worth having. */
static void
test_late_answer(void **state)
{
	(void)state;
	join("a.example", &a);
	now += TIMEOUT;
	inflight_collect(inflight, now);
	now += 60000;
	answer("a.example", data(RR_PRESENT, 300));
	assert_int_equal(a.times, 1);
	assert_int_equal(inflight_count(inflight), 0);
	assert_int_equal(stored("a.example")->state, RR_PRESENT);
	assert_int_equal(stored("a.example")->fetched, now);
}

/* A failure that comes late is no second one: the pause stays as it was. */
static void
test_late_failure(void **state)
{
	const int64_t began = now + TIMEOUT;

	(void)state;
	join("a.example", &a);
	now += TIMEOUT;
	inflight_collect(inflight, now);
	now += 700;
	answer("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(stored("a.example")->failure, RR_FAILURE_SERVFAIL);
	assert_int_equal(stored("a.example")->failures, 1);
	assert_int_equal(stored("a.example")->failed_at, began);
	assert_int_equal(stored("a.example")->retry_at, began + 1000);

	/* Who waits anew for the same lookup has a new attempt. */
	now = began + 1000;
	join("a.example", &a);
	now += TIMEOUT;
	inflight_collect(inflight, now);
	now += 2000;
	join("a.example", &b);
	answer("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(stored("a.example")->failures, 3);
	assert_int_equal(stored("a.example")->failed_since, began);
	assert_int_equal(stored("a.example")->retry_at, now + 4000);

	/* And who has flushed it meanwhile, too. */
	now += 4000;
	join("a.example", &a);
	now += TIMEOUT;
	inflight_collect(inflight, now);
	assert_int_equal(cache_flush(cache, NULL), 0);
	answer("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(stored("a.example")->failures, 1);
	assert_int_equal(stored("a.example")->retry_at, now + 1000);
}

/* Of two at once, the answer comes first and the timeout of the other too. */
static void
test_both_at_once(void **state)
{
	(void)state;
	join("a.example", &a);
	join("b.example", &b);
	now += TIMEOUT;
	answer("a.example", data(RR_PRESENT, 300));
	assert_int_equal(a.set->state, RR_PRESENT);
	assert_int_equal(b.set->failure, RR_FAILURE_TIMEOUT);
}

/* RFC 9520 3.2: 1 s at first, twice as long each time, 5 minutes at most. */
static void
test_pauses(void **state)
{
	static const int64_t pauses[] = {
	    1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300};
	const int64_t since = now;
	struct rrset *set;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(pauses); i++) {
		set = round_of("a.example", failure(RR_FAILURE_SERVFAIL));
		assert_int_equal(set->failures, i + 1);
		assert_int_equal(set->retry_at, now + pauses[i] * 1000);
		assert_int_equal(set->failed_at, now);
		assert_int_equal(set->failed_since, since);
		now = set->retry_at;
	}
	/* One success, and all is forgotten. */
	set = round_of("a.example", data(RR_PRESENT, 300));
	assert_int_equal(set->failure, RR_FAILURE_NONE);
	set = round_of("a.example", failure(RR_FAILURE_TIMEOUT));
	assert_int_equal(set->failures, 1);
	assert_int_equal(set->retry_at, now + 1000);
	assert_int_equal(set->failed_since, now);
}

/* Failures go on when nobody asks for a while, but not for ever. */
static void
test_failure_memory(void **state)
{
	struct rrset *set;
	int64_t since;

	(void)state;
	since = now;
	set = round_of("a.example", failure(RR_FAILURE_SERVFAIL));
	now = set->retry_at + KEEP - 1;
	set = round_of("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(set->failures, 2);
	assert_int_equal(set->failed_since, since);
	now = set->retry_at + KEEP;
	set = round_of("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(set->failures, 1);
	assert_int_equal(set->failed_since, now);
}

/* RFC 8767: old data stays beside the failure to renew it. */
static void
test_stale(void **state)
{
	struct rrset *set;
	int64_t since, fetched = now;

	(void)state;
	round_of("a.example", data(RR_PRESENT, 300));
	now += 400000;
	since = now;
	set = round_of("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(set->state, RR_PRESENT);
	assert_int_equal(set->count, 1);
	assert_int_equal(set->dnssec, DNSSEC_SECURE);
	assert_int_equal(set->fetched, fetched);
	assert_int_equal(set->expires, fetched + 300000);
	assert_int_equal(set->failure, RR_FAILURE_SERVFAIL);
	assert_int_equal(set->retry_at, now + 1000);
	now = set->retry_at;
	set = round_of("a.example", failure(RR_FAILURE_TIMEOUT));
	assert_int_equal(set->state, RR_PRESENT);
	assert_int_equal(set->failures, 2);
	assert_int_equal(set->failed_since, since);
	/* To the last moment of stale_max, and no longer. */
	now = fetched + 300000 + HOUR;
	set = round_of("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(set->state, RR_PRESENT);
	now += 1;
	set = round_of("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(set->state, RR_FAILED);
	assert_int_equal(set->failed_since, since);
	assert_int_equal(set->failures, 4);
	assert_int_equal(stored("a.example")->len, 0);
	/* That it served for so long is not forgotten. */
	assert_int_equal(set->expires, fetched + 300000 + HOUR);
	now = set->retry_at;
	set = round_of("a.example", failure(RR_FAILURE_SERVFAIL));
	assert_int_equal(set->expires, fetched + 300000 + HOUR);
	assert_int_equal(stored("a.example")->expires, fetched + 300000 + HOUR);
}

/* Renewal that fails leaves data that is still good as it is. */
static void
test_renew(void **state)
{
	struct rrset *set;

	(void)state;
	round_of("a.example", data(RR_NXDOMAIN, 300));
	now += 290000;
	assert_int_equal(join("a.example", NULL), 0);
	answer("a.example", failure(RR_FAILURE_SERVFAIL));
	set = stored("a.example");
	assert_int_equal(set->state, RR_NXDOMAIN);
	assert_true(rrset_fresh(set, now));
	assert_int_equal(set->failure, RR_FAILURE_SERVFAIL);
	assert_int_equal(join("a.example", NULL), 0);
	answer("a.example", data(RR_PRESENT, 600));
	set = stored("a.example");
	assert_int_equal(set->state, RR_PRESENT);
	assert_int_equal(set->expires, now + 600000);
	assert_int_equal(set->failure, RR_FAILURE_NONE);
}

static void
test_ttl(void **state)
{
	static const struct {
		enum rr_state state;
		uint32_t ttl;			/* as received */
		uint32_t least, most, negative; /* the policy */
		uint32_t kept;
	} cases[] = {
	    {RR_PRESENT, 300, 0, 86400, 3600, 300},
	    {RR_PRESENT, 0, 0, 86400, 3600, 0},
	    {RR_PRESENT, 0, 60, 86400, 3600, 60},
	    {RR_PRESENT, 86401, 0, 86400, 3600, 86400},
	    {RR_PRESENT, UINT32_MAX, 0, 86400, 3600, 86400},
	    {RR_NODATA, 300, 0, 86400, 3600, 300},
	    {RR_NODATA, 7200, 0, 86400, 3600, 3600},
	    {RR_NXDOMAIN, 7200, 0, 86400, 3600, 3600},
	    {RR_NXDOMAIN, 0, 60, 86400, 3600, 60},
	    /* the bound wins over the floor */
	    {RR_NXDOMAIN, 0, 60, 86400, 30, 30},
	    {RR_PRESENT, 300, 0, 0, 0, 0},
	};
	struct rrset *set;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		policy.min_ttl = cases[i].least;
		policy.max_ttl = cases[i].most;
		policy.negative_max_ttl = cases[i].negative;
		inflight_set_policy(inflight, &policy);
		set = round_of("a.example", data(cases[i].state, cases[i].ttl));
		assert_int_equal(set->ttl, cases[i].kept);
		assert_int_equal(
		    set->expires, now + cases[i].kept * INT64_C(1000));
		assert_int_equal(stored("a.example")->ttl, cases[i].kept);
	}
}

/* The deadlines of several, in order. */
static void
test_due(void **state)
{
	(void)state;
	join("a.example", &a);
	now += 1000;
	join("b.example", &b);
	join("a.example", NULL);
	assert_int_equal(inflight_due(inflight), START + TIMEOUT);
	answer("a.example", data(RR_PRESENT, 300));
	assert_int_equal(inflight_due(inflight), START + 1000 + TIMEOUT);
	now = START + 1000 + TIMEOUT;
	inflight_collect(inflight, now);
	assert_int_equal(b.times, 1);
}

/* A reload shortens the time: those who wait longer hold nobody up. */
static void
test_due_shorter(void **state)
{
	(void)state;
	join("a.example", &a);
	policy.timeout = 1000;
	inflight_set_policy(inflight, &policy);
	join("b.example", &b);
	assert_int_equal(inflight_due(inflight), START + 1000);
	now += 1000;
	inflight_collect(inflight, now);
	assert_int_equal(b.times, 1);
	assert_int_equal(a.times, 0);
	assert_int_equal(inflight_due(inflight), START + TIMEOUT);
	now = START + TIMEOUT;
	inflight_collect(inflight, now);
	assert_int_equal(a.times, 1);
}

/* The clock is set while they wait: as long as before, in the same order. */
static void
test_shift(void **state)
{
	(void)state;
	join("a.example", &a);
	now += 1000;
	join("b.example", &b);
	now -= HOUR;
	inflight_shift(inflight, -HOUR);
	assert_int_equal(inflight_due(inflight), now + TIMEOUT - 1000);
	now += TIMEOUT - 1000;
	inflight_collect(inflight, now);
	assert_int_equal(a.times, 1);
	assert_int_equal(b.times, 0);
	assert_int_equal(a.set->failed_since, now);
	assert_int_equal(inflight_due(inflight), now + 1000);
}

static void
test_full(void **state)
{
	char name[32];
	unsigned i;

	(void)state;
	for (i = 0; i < FLIGHTS; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		assert_int_equal(join(name, NULL), 0);
	}
	assert_int_equal(join("one-more.example", &a), -1);
	assert_false(a.waiter.waiting);
	assert_int_equal(resolver.count, FLIGHTS);
	/* Who only joins needs no room. */
	assert_int_equal(join("n0.example", &a), 0);
	answer("n0.example", data(RR_PRESENT, 300));
	assert_int_equal(a.times, 1);
	assert_int_equal(join("one-more.example", NULL), 0);
}

/* A disk that takes nothing: all is as before, but for the memory. */
static void
test_disk_full(void **state)
{
	struct rlimit limit, none;
	struct cache_stats stats;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	join("a.example", &a);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	answer("a.example", data(RR_PRESENT, 300));
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(a.times, 1);
	assert_int_equal(a.set->state, RR_PRESENT);
	assert_int_equal(a.set->count, 1);
	assert_null(stored("a.example"));
	cache_stats(cache, &stats);
	assert_int_equal(stats.put_failures, 1);
	/* And when there is room again, it is used. */
	round_of("a.example", data(RR_PRESENT, 300));
	assert_non_null(stored("a.example"));
}

/* One that comes from a waiter's answer: the next lookup, of another name. */
static void
answered_again(
    void *arg, const struct dname *name, uint16_t type, const struct rrset *set)
{
	(void)arg;
	(void)name;
	(void)type;
	(void)set;
	assert_int_equal(join("next.example", &next[0]), 0);
	assert_int_equal(join("a.example", &next[1]), 0);
}

static void
test_join_when_told(void **state)
{
	const struct dname name = name_of("a.example");

	(void)state;
	a.waiter.answered = answered_again;
	inflight_join(inflight, &name, RR_TXT, &a.waiter, now);
	answer("a.example", data(RR_PRESENT, 0));
	assert_int_equal(resolver.count, 3);
	answer("a.example", data(RR_PRESENT, 0));
	answer("next.example", data(RR_PRESENT, 0));
	assert_int_equal(next[0].times, 1);
	assert_int_equal(next[1].times, 1);
}

/* Waiters that are left at the end are told nothing and may be freed. */
static void
test_end(void **state)
{
	(void)state;
	join("a.example", &a);
	inflight_free(inflight);
	inflight = inflight_new(&resolver, cache, &policy);
	assert_false(a.waiter.waiting);
	assert_int_equal(a.times, 0);
	/* An answer that nobody here has asked for is still an answer. */
	answer("a.example", data(RR_PRESENT, 300));
	assert_non_null(stored("a.example"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_join),
	    TEST(test_types),
	    TEST(test_leave),
	    TEST(test_timeout),
	    TEST(test_late_answer),
	    TEST(test_late_failure),
	    TEST(test_both_at_once),
	    TEST(test_pauses),
	    TEST(test_failure_memory),
	    TEST(test_stale),
	    TEST(test_renew),
	    TEST(test_ttl),
	    TEST(test_due),
	    TEST(test_due_shorter),
	    TEST(test_shift),
	    TEST(test_full),
	    TEST(test_disk_full),
	    TEST(test_join_when_told),
	    TEST(test_end),
	};
	int failed;

	signal(SIGXFSZ, SIG_IGN);
	hash_init();
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	if (mkdtemp(directory) == NULL)
		return (1);
	snprintf(path, sizeof(path), "%s/cache.lmdb", directory);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	snprintf(path, sizeof(path), "%s/cache.lmdb.owner", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/cache.lmdb-lock", directory);
	unlink(path);
	rmdir(directory);
	return (failed);
}
