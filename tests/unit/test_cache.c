/* SPDX-License-Identifier: ISC */
/*
 * The cache over a real file. Each test has its own directory, which the
 * teardown removes.
 */
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "cache.h"
#include "cache_dump.h"
#include "hash.h"
#include "log.h"

#define NOW    INT64_C(1700000000000)
#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define MIB    (1024 * 1024)

static char dir[64], path[80];
static struct arena *arena;
static unsigned damage_first, damage_rounds = 300;
static pid_t idle; /* a process to be ended with the test, or 0 */

static const char *const files[] = {
    "cache", "cache-lock", "cache.owner", "cache.damaged"};

static int
set_up(void **state)
{
	(void)state;
	/* In memory if possible: the tests sync more than a daemon would. */
	(void)snprintf(dir, sizeof(dir), "%s/test_cache.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir) == NULL)
		return (-1);
	(void)snprintf(path, sizeof(path), "%s/cache", dir);
	arena = arena_new();
	return (0);
}

static void
end_idle(void)
{
	if (idle == 0)
		return;
	(void)kill(idle, SIGKILL);
	(void)waitpid(idle, NULL, 0);
	idle = 0;
}

static int
tear_down(void **state)
{
	char file[128];
	size_t i;

	(void)state;
	end_idle();
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s/%s", dir, files[i]);
		(void)unlink(file);
	}
	arena_free(arena);
	return (rmdir(dir));
}

static struct cache *
open_at(int64_t now, const char *boot_id)
{
	const struct cache_options options = {.path = path,
	    .size = 2 * MIB,
	    .stale_max = HOUR,
	    .failure_keep = 4 * HOUR,
	    .now = now,
	    .boot_id = boot_id};

	return (cache_open(&options));
}

static struct cache *
open_cache(void)
{
	struct cache *cache = open_at(NOW, NULL);

	assert_non_null(cache);
	return (cache);
}

static struct cache_stats
stats_of(struct cache *cache)
{
	struct cache_stats stats;

	cache_stats(cache, &stats);
	return (stats);
}

static bool
exists(const char *suffix)
{
	char file[128];

	(void)snprintf(file, sizeof(file), "%s%s", path, suffix);
	return (access(file, F_OK) == 0);
}

static struct dname
name_of(unsigned number)
{
	struct dname name;
	char text[64];

	(void)snprintf(text, sizeof(text), "host%u.example.org", number);
	assert_int_equal(dname_from_text(&name, text), 0);
	return (name);
}

/*
 * What is stored under a number follows from it alone, so that whatever is
 * read back can be checked: octets in `len`, ttl and times in `number`.
 */
static struct rrset *
set_of(unsigned number)
{
	static const size_t lens[] = {5, 60, 300, 700, 1500, 2030, 9000};
	size_t len = lens[number % 7], i;
	struct rrset *set = rrset_new(RR_PRESENT);
	char text[9000];

	for (i = 0; i < len; i++)
		text[i] = (char)(number * 31 + i);
	assert_int_equal(rrset_add_txt(set, text, len), 0);
	set->dnssec = DNSSEC_SECURE;
	set->ttl = 60 + number;
	set->fetched = NOW;
	set->expires = NOW + (int64_t)set->ttl * SECOND;
	return (set);
}

static void
put_number(struct cache *cache, unsigned number)
{
	struct dname name = name_of(number);
	struct rrset *set = set_of(number);

	cache_put(cache, &name, RR_TXT, set);
	rrset_free(set);
}

/* Is it there? If so it must be right. */
static bool
has_number(struct cache *cache, unsigned number)
{
	struct dname name = name_of(number);
	struct rrset *want = set_of(number);
	const struct rrset *have = cache_get(cache, arena, &name, RR_TXT);

	if (have != NULL) {
		assert_int_equal(have->state, want->state);
		assert_int_equal(have->dnssec, want->dnssec);
		assert_int_equal(have->ttl, want->ttl);
		assert_true(have->fetched == want->fetched);
		assert_true(have->expires == want->expires);
		assert_int_equal(have->count, want->count);
		assert_int_equal(have->len, want->len);
		assert_memory_equal(have->rdata, want->rdata, want->len);
	}
	rrset_free(want);
	return (have != NULL);
}

/* How many of the numbers below `end` are there, in one snapshot. */
static unsigned
count_numbers(struct cache *cache, unsigned end)
{
	unsigned number, found = 0;

	cache_begin(cache);
	for (number = 0; number < end; number++)
		found += has_number(cache, number);
	cache_end(cache);
	return (found);
}

static void
put_failure(struct cache *cache, unsigned number, int64_t at)
{
	struct dname name = name_of(number);
	struct rrset *set = rrset_new(RR_FAILED);

	set->failure = RR_FAILURE_TIMEOUT;
	set->failures = 1;
	set->failed_since = set->failed_at = at;
	set->retry_at = at + 30 * SECOND;
	cache_put(cache, &name, RR_TXT, set);
	rrset_free(set);
}

static const struct rrset *
get_number(struct cache *cache, unsigned number)
{
	struct dname name = name_of(number);

	return (cache_get(cache, arena, &name, RR_TXT));
}

/* --- Ordinary use -------------------------------------------------------- */

static void
test_put_get(void **state)
{
	struct cache *cache = open_cache();
	struct dname name = name_of(1);
	unsigned number;

	(void)state;
	cache_begin(cache);
	assert_false(has_number(cache, 1));
	cache_end(cache);
	for (number = 0; number < 7; number++)
		put_number(cache, number);
	/* Seen by who writes, not by a snapshot. */
	assert_true(has_number(cache, 1));
	assert_int_equal(count_numbers(cache, 7), 0);
	cache_commit(cache);
	assert_int_equal(count_numbers(cache, 8), 7);
	cache_begin(cache);
	assert_null(cache_get(cache, arena, &name, RR_A));
	cache_end(cache);
	assert_int_equal(stats_of(cache).entries, 7);
	assert_int_equal(stats_of(cache).puts, 7);
	assert_int_equal(stats_of(cache).put_failures, 0);
	cache_close(cache);
}

static void
test_replace(void **state)
{
	struct cache *cache = open_cache();
	struct dname name = name_of(3);
	struct rrset *set = rrset_new(RR_NXDOMAIN);
	unsigned i;

	(void)state;
	put_number(cache, 3);
	cache_commit(cache);
	for (i = 0; i < 3; i++) {
		set->expires = NOW + i * SECOND;
		cache_put(cache, &name, RR_TXT, set);
		cache_commit(cache);
		cache_begin(cache);
		assert_int_equal(get_number(cache, 3)->state, RR_NXDOMAIN);
		assert_int_equal(get_number(cache, 3)->count, 0);
		cache_end(cache);
	}
	rrset_free(set);
	assert_int_equal(stats_of(cache).entries, 1);
	/* No trace of the older times is left in the index. */
	while (cache_tick(cache, NOW + 100 * HOUR))
		;
	assert_int_equal(stats_of(cache).expired, 1);
	cache_close(cache);
}

/* "Get, change, put" in one transaction, as failures are merged. */
static void
test_merge(void **state)
{
	struct cache *cache = open_cache();
	struct dname name = name_of(6);
	const struct rrset *have;
	struct rrset *set;

	(void)state;
	put_number(cache, 6);
	have = get_number(cache, 6);
	assert_non_null(have);
	set = rrset_copy(arena, have);
	set->rdata = have->rdata; /* still in the map */
	set->failure = RR_FAILURE_SERVFAIL;
	set->failures = 2;
	set->failed_since = set->failed_at = NOW + SECOND;
	set->retry_at = NOW + 5 * SECOND;
	cache_put(cache, &name, RR_TXT, set);
	cache_commit(cache);
	cache_begin(cache);
	assert_true(has_number(cache, 6));
	have = get_number(cache, 6);
	assert_int_equal(have->failure, RR_FAILURE_SERVFAIL);
	assert_int_equal(have->failures, 2);
	assert_true(have->retry_at == NOW + 5 * SECOND);
	cache_end(cache);
	cache_close(cache);
}

/* A snapshot stays what it was. */
static void
test_snapshot(void **state)
{
	struct cache *cache = open_cache();
	unsigned number;

	(void)state;
	for (number = 0; number < 50; number++)
		put_number(cache, number);
	cache_commit(cache);
	cache_begin(cache);
	assert_int_equal(cache_flush(cache, NULL), 0);
	for (number = 50; number < 100; number++)
		put_number(cache, number);
	cache_commit(cache);
	for (number = 0; number < 50; number++)
		assert_true(has_number(cache, number));
	assert_false(has_number(cache, 60));
	cache_end(cache);
	assert_int_equal(count_numbers(cache, 100), 50);
	cache_close(cache);
}

static void
test_memo(void **state)
{
	static uint8_t large[CACHE_MEMO_MAX + 1];
	struct cache *cache = open_cache();
	const uint8_t *value;
	size_t len = 0;

	(void)state;
	cache_memo_put(cache, "spf|a", 5, "pass", 4, NOW + SECOND);
	cache_memo_put(cache, "empty", 5, NULL, 0, NOW + SECOND);
	cache_memo_put(cache, "large", 5, large, CACHE_MEMO_MAX, NOW + SECOND);
	cache_memo_put(cache, "larger", 6, large, sizeof(large), NOW + SECOND);
	cache_memo_put(cache, large, CACHE_MEMO_KEY_MAX + 1, "", 0, NOW + HOUR);
	cache_commit(cache);
	cache_begin(cache);
	value = cache_memo_get(cache, "spf|a", 5, NOW, &len);
	assert_non_null(value);
	assert_int_equal(len, 4);
	assert_memory_equal(value, "pass", 4);
	assert_null(cache_memo_get(cache, "spf|b", 5, NOW, &len));
	assert_null(cache_memo_get(cache, "spf|a", 4, NOW, &len));
	assert_null(cache_memo_get(cache, "spf|a", 5, NOW + SECOND, &len));
	assert_non_null(cache_memo_get(cache, "empty", 5, NOW, &len));
	assert_int_equal(len, 0);
	assert_non_null(cache_memo_get(cache, "large", 5, NOW, &len));
	assert_int_equal(len, CACHE_MEMO_MAX);
	assert_null(cache_memo_get(cache, "larger", 6, NOW, &len));
	cache_end(cache);
	assert_int_equal(cache_flush_memos(cache), 0);
	cache_begin(cache);
	assert_null(cache_memo_get(cache, "spf|a", 5, NOW, &len));
	cache_end(cache);
	cache_close(cache);
}

static void
test_flush(void **state)
{
	struct cache *cache = open_cache();
	struct dname name = name_of(2);
	struct rrset *set = set_of(2);
	size_t len;

	(void)state;
	put_number(cache, 1);
	put_number(cache, 2);
	cache_put(cache, &name, RR_MX, set);
	cache_memo_put(cache, "k", 1, "v", 1, NOW + HOUR);
	cache_commit(cache);
	assert_int_equal(cache_flush(cache, &name), 0);
	cache_begin(cache);
	assert_true(has_number(cache, 1));
	assert_false(has_number(cache, 2));
	assert_null(cache_get(cache, arena, &name, RR_MX));
	assert_null(cache_memo_get(cache, "k", 1, NOW, &len));
	cache_end(cache);
	assert_int_equal(cache_flush(cache, NULL), 0);
	assert_int_equal(stats_of(cache).entries, 0);
	rrset_free(set);
	cache_close(cache);
}

static void
test_flush_failures(void **state)
{
	struct cache *cache = open_cache();
	struct dname name = name_of(2);
	struct rrset *set = set_of(2);

	(void)state;
	put_failure(cache, 1, NOW);
	set->failure = RR_FAILURE_TIMEOUT;
	set->failed_since = set->failed_at = NOW;
	set->retry_at = NOW + HOUR;
	cache_put(cache, &name, RR_TXT, set);
	rrset_free(set);
	cache_commit(cache);
	assert_int_equal(cache_flush_failures(cache, NOW + SECOND), 0);
	put_failure(cache, 3, NOW + 2 * SECOND);
	cache_commit(cache);
	cache_close(cache);
	cache = open_cache();
	cache_begin(cache);
	assert_null(get_number(cache, 1));
	assert_true(has_number(cache, 2));
	assert_int_equal(get_number(cache, 2)->failure, RR_FAILURE_NONE);
	assert_int_equal(get_number(cache, 2)->retry_at, 0);
	assert_non_null(get_number(cache, 3));
	cache_end(cache);
	cache_close(cache);
}

/* Flushed under a clock that was years ahead: that is not for years. */
static void
test_flush_failures_ahead(void **state)
{
	struct cache *cache = open_cache();

	(void)state;
	(void)cache_tick(cache, NOW + 10000 * HOUR);
	assert_int_equal(cache_flush_failures(cache, NOW + 10000 * HOUR), 0);
	put_failure(cache, 1, NOW + 10000 * HOUR - SECOND);
	(void)cache_tick(cache, NOW);
	put_failure(cache, 2, NOW + SECOND);
	cache_commit(cache);
	cache_begin(cache);
	assert_non_null(get_number(cache, 2));
	cache_end(cache);
	cache_close(cache);
	cache = open_cache();
	cache_begin(cache);
	assert_non_null(get_number(cache, 2));
	cache_end(cache);
	cache_close(cache);
}

static void
test_walk(void **state)
{
	struct cache_cursor cursor = {.started = false};
	struct cache *cache = open_cache();
	struct cache_item item;
	bool seen[100] = {false};
	struct dname want;
	unsigned number, found = 0, memos = 0;

	(void)state;
	for (number = 0; number < 100; number++)
		put_number(cache, number);
	cache_memo_put(cache, "k", 1, "v", 1, NOW + HOUR);
	cache_commit(cache);
	cache_begin(cache);
	while (cache_walk(cache, &cursor, arena, &item)) {
		if (item.memo) {
			assert_int_equal(item.key_len, 1);
			assert_memory_equal(item.data, "v", 1);
			memos++;
			continue;
		}
		assert_int_equal(item.type, RR_TXT);
		number = item.set.ttl - 60;
		want = name_of(number);
		assert_true(dname_equal(&item.name, &want));
		assert_false(seen[number]);
		seen[number] = true;
		if (++found == 50) { /* a dump may pause, and things change */
			cache_end(cache);
			put_number(cache, 3);
			cache_commit(cache);
			cache_begin(cache);
		}
	}
	cache_end(cache);
	assert_int_equal(found, 100);
	assert_int_equal(memos, 1);
	cache_close(cache);
}

/* No names but names: whoever can write the file has its secret, too. */
static void
test_walk_bad_name(void **state)
{
	struct cache_cursor cursor = {.started = false};
	struct cache *cache = open_cache();
	struct rrset *set = rrset_new(RR_NODATA);
	struct dname bad = {.len = DNAME_MAX};
	struct dname cut = {.len = 3, .wire = {3, 'a', 'b'}};
	struct dname none = {.len = 0};
	struct cache_item item;

	(void)state;
	memset(bad.wire, 255, sizeof(bad.wire));
	set->expires = NOW + HOUR;
	cache_put(cache, &bad, RR_TXT, set);
	cache_put(cache, &cut, RR_TXT, set);
	cache_put(cache, &none, RR_TXT, set);
	put_number(cache, 1);
	cache_commit(cache);
	cache_begin(cache);
	assert_true(cache_walk(cache, &cursor, arena, &item));
	assert_int_equal(item.set.ttl, 61);
	assert_false(cache_walk(cache, &cursor, arena, &item));
	cache_end(cache);
	rrset_free(set);
	cache_close(cache);
}

/* --- Time and room ------------------------------------------------------- */

/* Data is kept for stale_max, a failure for failure_keep past its retry. */
static void
test_expiry(void **state)
{
	static const struct {
		int64_t at;
		unsigned entries;
	} steps[] = {
	    {NOW + HOUR, 4}, {NOW + HOUR + 61 * SECOND, 4},
	    {NOW + HOUR + 63 * SECOND, 3},  /* number 1: 61 s */
	    {NOW + HOUR + 600 * SECOND, 2}, /* number 2: 62 s */
	    {NOW + 4 * HOUR + 29 * SECOND, 2},
	    {NOW + 4 * HOUR + 33 * SECOND, 1}, /* failure 4 */
	    {NOW + 5 * HOUR + 33 * SECOND, 1},
	    {NOW + 6 * HOUR + 33 * SECOND, 0}, /* number 3, with a failure */
	};
	struct cache *cache = open_cache();
	struct dname name = name_of(3);
	struct rrset *set = set_of(3);
	size_t i;

	(void)state;
	put_number(cache, 1);
	put_number(cache, 2);
	set->failure = RR_FAILURE_TIMEOUT;
	set->retry_at = NOW + 2 * HOUR;
	cache_put(cache, &name, RR_TXT, set);
	rrset_free(set);
	put_failure(cache, 4, NOW);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		(void)cache_tick(cache, steps[i].at);
		assert_int_equal(stats_of(cache).entries, steps[i].entries);
	}
	assert_int_equal(stats_of(cache).expired, 4);
	assert_int_equal(stats_of(cache).evicted, 0);
	cache_close(cache);
}

static void
test_absurd_times(void **state)
{
	struct cache *cache = open_cache();
	struct dname name = name_of(1);
	struct rrset *set = set_of(1);

	(void)state;
	set->expires = INT64_MAX;
	cache_put(cache, &name, RR_TXT, set);
	set->expires = INT64_MIN;
	cache_put(cache, &name, RR_MX, set);
	cache_commit(cache);
	(void)cache_tick(cache, NOW);
	assert_int_equal(stats_of(cache).entries, 1);
	rrset_free(set);
	cache_close(cache);
}

/* One tick removes at most 100, and says when there is more. */
static void
test_tick_is_bounded(void **state)
{
	struct cache *cache = open_cache();
	struct rrset *set = rrset_new(RR_NODATA);
	struct dname name;
	unsigned number;

	(void)state;
	for (number = 0; number < 250; number++) {
		name = name_of(number);
		cache_put(cache, &name, RR_A, set);
	}
	rrset_free(set);
	assert_true(cache_tick(cache, NOW));
	assert_int_equal(stats_of(cache).entries, 150);
	assert_true(cache_tick(cache, NOW));
	assert_false(cache_tick(cache, NOW));
	assert_int_equal(stats_of(cache).entries, 0);
	cache_close(cache);
}

/* However much is put: bounded, without a failure, the latest kept. */
static void
test_bound(void **state)
{
	struct cache *cache = open_cache();
	struct cache_stats stats;
	unsigned number;

	(void)state;
	for (number = 0; number < 30000; number++) {
		put_number(cache, number);
		if (number % 20 == 0)
			cache_commit(cache);
		if (number % 200 == 0)
			(void)cache_tick(cache, NOW);
		if (number % 1000 == 0) {
			stats = stats_of(cache);
			assert_true(stats.live < stats.limit * 11 / 10);
		}
	}
	while (cache_tick(cache, NOW))
		;
	stats = stats_of(cache);
	assert_int_equal(stats.put_failures, 0);
	assert_true(stats.live <= stats.limit);
	assert_true(stats.live > stats.limit * 8 / 10);
	assert_true(stats.file <= stats.map);
	assert_true(stats.evicted > 20000);
	assert_int_equal(stats.damaged, 0);
	cache_begin(cache);
	assert_true(has_number(cache, 29999));
	assert_false(has_number(cache, 0));
	cache_end(cache);
	cache_close(cache);
	cache = open_cache();
	assert_int_equal(stats_of(cache).entries, stats.entries);
	assert_int_equal(stats_of(cache).set_aside, 0);
	cache_close(cache);
}

static void
put_short(
    struct cache *cache, const char *format, unsigned number, int64_t expires)
{
	struct rrset *set = rrset_new(RR_NODATA);
	struct dname name;
	char text[64];

	(void)snprintf(text, sizeof(text), format, number);
	assert_int_equal(dname_from_text(&name, text), 0);
	set->expires = expires;
	cache_put(cache, &name, RR_TXT, set);
	rrset_free(set);
}

static bool
has_short(struct cache *cache, const char *format, unsigned number)
{
	struct dname name;
	char text[64];

	(void)snprintf(text, sizeof(text), format, number);
	assert_int_equal(dname_from_text(&name, text), 0);
	return (cache_get(cache, arena, &name, RR_TXT) != NULL);
}

/*
 * Names that somebody makes up below one domain, as long-lived as can be, do
 * not push out what others use, though that would expire much sooner. A name
 * of the crowd that comes a second time is one of theirs.
 */
static void
test_crowd(void **state)
{
	const struct cache_options options = {.path = path,
	    .size = 2 * MIB,
	    .stale_max = HOUR,
	    .failure_keep = HOUR,
	    .share = 100,
	    .now = NOW};
	struct cache *cache = cache_open(&options);
	unsigned number, found = 0, crowd = 0;

	(void)state;
	assert_non_null(cache);
	for (number = 0; number < 1000; number++)
		put_short(
		    cache, "_dmarc.domain%u.org", number, NOW + 60 * SECOND);
	for (number = 0; number < 40000; number++) {
		put_short(
		    cache, "random%u.flood.co.uk", number, NOW + 24 * HOUR);
		if (number == 1000)
			put_short(cache, "random%u.flood.co.uk", 1000,
			    NOW + 24 * HOUR);
		if (number % 100 == 0) {
			cache_commit(cache);
			(void)cache_tick(cache, NOW);
		}
	}
	cache_commit(cache);
	while (cache_tick(cache, NOW))
		;
	assert_true(stats_of(cache).evicted > 10000);
	cache_begin(cache);
	for (number = 0; number < 1000; number++)
		found += has_short(cache, "_dmarc.domain%u.org", number);
	for (number = 0; number < 40000; number++)
		crowd += has_short(cache, "random%u.flood.co.uk", number);
	/* Its share, but for the few that meet one another in the counts. */
	assert_true(found > 950);
	assert_true(has_short(cache, "random%u.flood.co.uk", 5));
	assert_true(has_short(cache, "random%u.flood.co.uk", 1000));
	assert_true(crowd > 100 && crowd < 30000);
	cache_end(cache);
	/* After five minutes only the share is left of it. */
	while (cache_tick(cache, NOW + CACHE_CROWD_KEEP + 2 * SECOND))
		;
	cache_begin(cache);
	for (number = crowd = 0; number < 40000; number++)
		crowd += has_short(cache, "random%u.flood.co.uk", number);
	/* One or another may have met its like in the counts by chance. */
	assert_true(crowd > 80 && crowd <= 101);
	cache_end(cache);
	cache_close(cache);
}

/*
 * A snapshot that is held while much is put pins the pages it sees, until the
 * map is full: what is put then is lost, but life goes on.
 */
static void
test_full_map(void **state)
{
	struct cache *cache = open_cache();
	unsigned number, turn, failures = 0;

	(void)state;
	for (number = 0; number < 300; number++)
		put_number(cache, number);
	cache_commit(cache);
	for (turn = 1; turn < 4; turn++) {
		cache_begin(cache);
		for (number = 300; number < 1500; number++) {
			put_number(cache, number * turn);
			cache_commit(cache);
		}
		cache_end(cache);
		assert_true(stats_of(cache).put_failures > failures);
		failures = (unsigned)stats_of(cache).put_failures;
		while (cache_tick(cache, NOW))
			;
		put_number(cache, 10000 + turn);
		cache_commit(cache);
		cache_begin(cache);
		assert_true(has_number(cache, 10000 + turn));
		cache_end(cache);
	}
	assert_true(stats_of(cache).open);
	assert_int_equal(stats_of(cache).put_failures, failures);
	cache_close(cache);
}

/* A process that takes a snapshot and then does nothing any more. */
static void
start_idle_reader(void)
{
	struct cache *reader;
	const char *problem;
	int ready[2];
	char octet;

	assert_int_equal(pipe(ready), 0);
	idle = fork();
	if (idle == 0) {
		close(ready[0]);
		reader = cache_open_reading(path, NOW, &problem);
		if (reader == NULL)
			_exit(1);
		cache_begin(reader);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
}

/* It costs the file that it looks at, but not the next ones too. */
static void
test_idle_reader(void **state)
{
	struct cache *cache = open_cache();
	unsigned number, turn;
	uint64_t failures = 0;

	(void)state;
	for (number = 0; number < 300; number++)
		put_number(cache, number);
	cache_commit(cache);
	start_idle_reader();
	for (turn = 0; turn < 8; turn++) {
		for (number = 0; number < 1000; number++) {
			put_number(cache, number * 8 + turn);
			cache_commit(cache);
		}
		(void)cache_tick(cache, NOW + turn * SECOND);
		if (turn == 4)
			failures = stats_of(cache).put_failures;
	}
	assert_int_equal(stats_of(cache).set_aside, 1);
	assert_int_equal(stats_of(cache).put_failures, failures);
	assert_true(stats_of(cache).entries > 300);
	cache_close(cache);
}

/* --- Opening ------------------------------------------------------------- */

static void
test_restart(void **state)
{
	struct cache *cache = open_cache();
	unsigned turn, number;
	struct stat st;
	size_t len;

	(void)state;
	for (turn = 0; turn < 5; turn++) {
		for (number = turn * 20; number < turn * 20 + 20; number++)
			put_number(cache, number);
		cache_memo_put(cache, "k", 1, "v", 1, NOW + HOUR);
		cache_close(cache);
		/* Closed cleanly: good even after the host went down. */
		cache = open_at(NOW, turn % 2 == 0 ? "another" : NULL);
		assert_non_null(cache);
		assert_int_equal(count_numbers(cache, 100), turn * 20 + 20);
		cache_begin(cache);
		assert_non_null(cache_memo_get(cache, "k", 1, NOW, &len));
		cache_end(cache);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(exists(".damaged"));
	cache_close(cache);
}

static void
test_open_twice(void **state)
{
	struct cache *cache = open_cache();
	int status;
	pid_t pid;

	(void)state;
	assert_null(open_at(NOW, NULL));
	pid = fork();
	if (pid == 0)
		_exit(open_at(NOW, NULL) == NULL ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	put_number(cache, 1);
	cache_commit(cache);
	assert_int_equal(count_numbers(cache, 2), 1);
	cache_close(cache);
	cache_close(open_cache());
}

/* Who only looks locks the file for a while; that is no other daemon. */
static void
test_open_while_looked_at(void **state)
{
	const struct timespec pause = {.tv_nsec = 200000000};
	char owner[128];
	int fd;

	(void)state;
	cache_close(open_cache());
	(void)snprintf(owner, sizeof(owner), "%s.owner", path);
	idle = fork();
	if (idle == 0) {
		fd = open(owner, O_RDONLY);
		if (fd == -1 || flock(fd, LOCK_SH) == -1)
			_exit(1);
		(void)nanosleep(&pause, NULL);
		_exit(0);
	}
	/* Until the lock is seen, or has been there and is gone again. */
	fd = open(owner, O_RDONLY);
	while (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	       waitpid(idle, NULL, WNOHANG) == 0)
		(void)flock(fd, LOCK_UN);
	close(fd);
	cache_close(open_cache());
}

static void
test_directory(void **state)
{
	(void)state;
	assert_int_equal(chmod(dir, 0770), 0);
	assert_null(open_at(NOW, NULL));
	assert_int_equal(chmod(dir, 0755), 0);
	cache_close(open_cache());
	(void)snprintf(path, sizeof(path), "%s/no/cache", dir);
	assert_null(open_at(NOW, NULL));
	(void)snprintf(path, sizeof(path), "%s/cache/cache", dir);
	assert_null(open_at(NOW, NULL));
	if (geteuid() != 0) {
		(void)snprintf(path, sizeof(path), "%s/cache", dir);
		assert_int_equal(chmod(dir, 0500), 0);
		assert_null(open_at(NOW, NULL));
		assert_int_equal(chmod(dir, 0700), 0);
	}
}

static void
write_file(const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_true(write(fd, data, len) == (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static uint8_t *
read_file(size_t *len)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *data;

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	data = malloc(*len);
	assert_non_null(data);
	assert_true(read(fd, data, *len) == st.st_size);
	close(fd);
	return (data);
}

/* Files that are none of ours, and are not harmed. */
static void
test_foreign(void **state)
{
	static uint8_t junk[20000];
	struct cache *cache;
	size_t len;

	(void)state;
	for (len = 1; len <= sizeof(junk); len = len * 3 + 1) {
		memset(junk, 'x', sizeof(junk));
		write_file(junk, len);
		cache = open_cache();
		assert_true(stats_of(cache).open);
		assert_int_equal(stats_of(cache).set_aside, 1);
		put_number(cache, 1);
		cache_commit(cache);
		assert_int_equal(count_numbers(cache, 2), 1);
		cache_close(cache);
		assert_true(exists(".damaged"));
	}
	write_file(junk, 0);
	cache = open_cache();
	assert_int_equal(stats_of(cache).set_aside, 0);
	cache_close(cache);
}

/* The directory in place of the file is moved away, too. */
static void
test_foreign_directory(void **state)
{
	char aside[128];
	struct cache *cache;

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	cache = open_cache();
	assert_true(stats_of(cache).open);
	cache_close(cache);
	(void)snprintf(aside, sizeof(aside), "%s.damaged", path);
	assert_int_equal(rmdir(aside), 0);
}

/* --- Crashes ------------------------------------------------------------- */

/* Puts numbers in an endless loop, until it is killed; says when some stand. */
static void
child_writes(const char *boot_id, unsigned seed, int ready)
{
	struct cache *cache = open_at(NOW, boot_id);
	unsigned i;

	if (cache == NULL)
		_exit(1);
	for (i = 0;; i++) {
		put_number(cache, (i * 7919 + seed) % 2000);
		if (i % (1 + seed % 13) == 0)
			cache_commit(cache);
		if (i % 50 == 0)
			(void)cache_tick(cache, NOW);
		if (i == 300 && write(ready, "", 1) != 1)
			_exit(1);
	}
}

/* A while after it is ready, or if not `ready` after its start. */
static void
kill_a_writer(const char *boot_id, unsigned seed, bool ready)
{
	struct timespec pause = {.tv_nsec = 2000000 * (seed % 11)};
	int fds[2], status;
	char octet;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		child_writes(boot_id, seed, fds[1]);
	close(fds[1]);
	if (ready)
		assert_int_equal(read(fds[0], &octet, 1), 1);
	(void)nanosleep(&pause, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(fds[0]);
}

static void
test_killed(void **state)
{
	struct cache *cache;
	unsigned round, found = 0;

	(void)state;
	for (round = 0; round < 20; round++) {
		kill_a_writer("this boot", round, round > 5);
		cache = open_at(NOW, "this boot");
		assert_non_null(cache);
		assert_true(stats_of(cache).open);
		if (round > 5)
			assert_int_equal(stats_of(cache).set_aside, 0);
		found = count_numbers(cache, 2000);
		assert_int_equal(stats_of(cache).damaged, 0);
		assert_int_equal(stats_of(cache).entries, found);
		cache_close(cache);
	}
	assert_true(found > 100);
}

/* Not closed, and the host has booted since: not to be trusted. */
static void
test_host_went_down(void **state)
{
	struct cache *cache;

	(void)state;
	kill_a_writer("a boot", 1, true);
	cache = open_at(NOW, "the next boot");
	assert_non_null(cache);
	assert_int_equal(stats_of(cache).set_aside, 1);
	assert_int_equal(stats_of(cache).entries, 0);
	cache_close(cache);
	assert_true(exists(".damaged"));
	/* No boot id at all is not the same boot. */
	kill_a_writer("", 2, true);
	cache = open_at(NOW, "");
	assert_non_null(cache);
	assert_int_equal(stats_of(cache).entries, 0);
	cache_close(cache);
}

/* --- Damage -------------------------------------------------------------- */

#define DAMAGE_NAMES 450

/* A file with everything in it: large values, free pages, two levels. */
static uint8_t *
template_file(size_t *len)
{
	struct cache *cache = open_cache();
	struct dname name;
	unsigned number;

	for (number = 0; number < DAMAGE_NAMES; number++) {
		if (number % 7 == 6 && number % 5 != 0)
			continue;
		put_number(cache, number);
		if (number % 10 == 0)
			cache_commit(cache);
	}
	for (number = 0; number < DAMAGE_NAMES; number += 9) {
		name = name_of(number);
		assert_int_equal(cache_flush(cache, &name), 0);
	}
	assert_int_equal(stats_of(cache).evicted, 0);
	cache_close(cache);
	return (read_file(len));
}

static uint64_t
next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (*seed >> 33);
}

/* Changes 1 to 32 places, often where pages have their structure. */
static size_t
damage(uint8_t *data, size_t len, uint64_t seed)
{
	unsigned changes = 1 + (unsigned)next_random(&seed) % 32;
	unsigned kind = (unsigned)next_random(&seed) % 4;
	size_t at;

	for (; changes > 0; changes--) {
		at = next_random(&seed) % len;
		if (kind == 1) /* the header and the nodes' offsets */
			at = at / 4096 * 4096 + next_random(&seed) % 64;
		if (kind == 2) /* the meta pages */
			at = (at & 1) * 4096 + next_random(&seed) % 160;
		if (next_random(&seed) % 2 == 0)
			data[at] ^= (uint8_t)(1U << next_random(&seed) % 8);
		else
			data[at] = (uint8_t)next_random(&seed);
	}
	return (kind == 3 ? next_random(&seed) % len : len);
}

/* Reads and writes all over the file; what is read must be right. */
static unsigned
use_file(struct cache *cache, unsigned salt)
{
	unsigned found = count_numbers(cache, DAMAGE_NAMES), number;

	for (number = salt % 7; number < DAMAGE_NAMES; number += 13)
		put_number(cache, number);
	cache_commit(cache);
	(void)cache_tick(cache, NOW + HOUR + (60 + DAMAGE_NAMES / 2) * SECOND);
	(void)count_numbers(cache, DAMAGE_NAMES);
	return (found);
}

static void
test_damaged(void **state)
{
	unsigned round, aside = 0, survived = 0, full;
	size_t len, cut;
	uint8_t *good = template_file(&len), *bad = malloc(len);
	struct cache *cache = open_cache();

	(void)state;
	assert_non_null(bad);
	full = count_numbers(cache, DAMAGE_NAMES);
	cache_close(cache);
	for (round = damage_first; round < damage_first + damage_rounds;
	     round++) {
		memcpy(bad, good, len);
		cut = damage(bad, len, round);
		write_file(bad, cut);
		cache = open_cache();
		assert_true(stats_of(cache).open);
		aside += stats_of(cache).set_aside > 0;
		survived += use_file(cache, round) > 0;
		cache_close(cache);
		/* Whatever came of it is a good file again. */
		cache = open_cache();
		assert_true(stats_of(cache).open);
		(void)use_file(cache, round + 1);
		cache_close(cache);
	}
	/* Both outcomes happened: the test can tell them apart. */
	assert_true(aside > damage_rounds / 8);
	assert_true(survived > damage_rounds / 8);
	assert_true(full > 300);
	free(good);
	free(bad);
}

/* Damage to a value alone costs that value. */
static void
test_damaged_value(void **state)
{
	struct cache *cache = open_cache();
	struct dname name = name_of(2);
	uint8_t *data, *at;
	struct rrset *set;
	size_t len;

	(void)state;
	put_number(cache, 1);
	put_number(cache, 2);
	cache_close(cache);
	data = read_file(&len);
	set = set_of(2);
	at = memmem(data, len, set->rdata, set->len);
	assert_non_null(at);
	do
		at[7] ^= 1; /* in each copy of the page */
	while ((at = memmem(at, len - (size_t)(at - data), set->rdata,
		    set->len)) != NULL);
	write_file(data, len);
	free(data);
	cache = open_cache();
	cache_begin(cache);
	assert_true(has_number(cache, 1));
	assert_false(has_number(cache, 2));
	cache_end(cache);
	assert_int_equal(stats_of(cache).damaged, 1);
	assert_int_equal(stats_of(cache).set_aside, 0);
	/* One with another life takes its place. */
	set->expires += HOUR;
	cache_put(cache, &name, RR_TXT, set);
	rrset_free(set);
	put_number(cache, 3);
	cache_close(cache);
	cache = open_cache();
	assert_int_equal(stats_of(cache).set_aside, 0);
	assert_int_equal(stats_of(cache).entries, 3);
	/* The old place in the index comes first, and is nobody's. */
	(void)cache_tick(cache, NOW + HOUR + 65 * SECOND);
	assert_int_equal(stats_of(cache).entries, 1);
	cache_begin(cache);
	assert_non_null(get_number(cache, 2));
	cache_end(cache);
	cache_close(cache);
}

/* Cut off at every page boundary and in between. */
static void
test_truncated(void **state)
{
	size_t len, cut;
	uint8_t *good = template_file(&len);
	struct cache *cache;

	(void)state;
	for (cut = 0; cut<len; cut += len> 100 * 2048 ? len / 100 : 2048) {
		write_file(good, cut);
		cache = open_cache();
		assert_true(stats_of(cache).open);
		(void)use_file(cache, 0);
		cache_close(cache);
	}
	free(good);
}

/* --- A full disk --------------------------------------------------------- */

/* RLIMIT_FSIZE makes writes fail as a full disk does, with EFBIG. */
static void
limit_file(rlim_t octets)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = octets;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
test_full_disk(void **state)
{
	struct cache *cache = open_cache();
	struct cache_stats stats;
	unsigned number, found;

	(void)state;
	for (number = 0; number < 300; number++)
		put_number(cache, number);
	cache_commit(cache);
	stats = stats_of(cache);
	limit_file((rlim_t)stats.file);
	for (number = 300; number < 900; number++) {
		put_number(cache, number);
		cache_commit(cache);
	}
	(void)cache_tick(cache, NOW + SECOND);
	assert_true(stats_of(cache).put_failures > 0);
	assert_int_equal(count_numbers(cache, 300), 300);
	found = count_numbers(cache, 900);
	limit_file(RLIM_INFINITY);
	for (number = 300; number < 900; number++)
		put_number(cache, number);
	cache_commit(cache);
	assert_true(count_numbers(cache, 900) > found);
	assert_int_equal(stats_of(cache).set_aside, 0);
	cache_close(cache);
}

/* What was concluded under old rules is forgotten, though it stays there. */
static void
test_full_disk_flush(void **state)
{
	struct cache *cache = open_cache();
	size_t len;

	(void)state;
	cache_memo_put(cache, "k", 1, "v", 1, NOW + HOUR);
	put_failure(cache, 1, NOW);
	cache_close(cache);
	limit_file(0);
	cache = open_cache();
	cache_begin(cache);
	assert_non_null(cache_memo_get(cache, "k", 1, NOW, &len));
	assert_non_null(get_number(cache, 1));
	cache_end(cache);
	assert_int_equal(cache_flush_memos(cache), -1);
	assert_int_equal(cache_flush_failures(cache, NOW + SECOND), -1);
	cache_begin(cache);
	assert_null(cache_memo_get(cache, "k", 1, NOW, &len));
	assert_null(get_number(cache, 1));
	cache_end(cache);
	/* And for ever, if there is room again before the end. */
	limit_file(RLIM_INFINITY);
	put_number(cache, 2);
	cache_close(cache);
	cache = open_cache();
	cache_begin(cache);
	assert_null(cache_memo_get(cache, "k", 1, NOW, &len));
	assert_null(get_number(cache, 1));
	assert_true(has_number(cache, 2));
	cache_end(cache);
	cache_close(cache);
}

/* Closing on a full disk, and opening a file that cannot be marked. */
static void
test_full_disk_reopen(void **state)
{
	struct cache *cache = open_cache();

	(void)state;
	put_number(cache, 1);
	cache_close(cache);
	limit_file(0);
	cache = open_cache();
	assert_true(stats_of(cache).open);
	assert_int_equal(count_numbers(cache, 2), 1);
	put_number(cache, 2);
	cache_commit(cache);
	assert_int_equal(count_numbers(cache, 3), 1);
	limit_file(RLIM_INFINITY);
	put_number(cache, 2);
	cache_commit(cache);
	assert_int_equal(count_numbers(cache, 3), 2);
	cache_close(cache);
}

/* No room for even a new file: empty until there is. */
static void
test_full_disk_new(void **state)
{
	struct cache *cache;

	(void)state;
	limit_file(0);
	cache = open_cache();
	assert_false(stats_of(cache).open);
	put_number(cache, 1);
	cache_commit(cache);
	assert_int_equal(count_numbers(cache, 2), 0);
	assert_int_equal(cache_flush(cache, NULL), -1);
	assert_false(cache_tick(cache, NOW + SECOND));
	limit_file(RLIM_INFINITY);
	(void)cache_tick(cache, NOW + 30 * SECOND);
	assert_false(stats_of(cache).open);
	(void)cache_tick(cache, NOW + 61 * SECOND);
	assert_true(stats_of(cache).open);
	put_number(cache, 1);
	cache_commit(cache);
	assert_int_equal(count_numbers(cache, 2), 1);
	cache_close(cache);
}

/* The clock is set back while there is no file: a minute is still a minute. */
static void
test_clock_set_back(void **state)
{
	struct cache *cache;

	(void)state;
	limit_file(0);
	cache = open_cache();
	assert_false(stats_of(cache).open);
	limit_file(RLIM_INFINITY);
	(void)cache_tick(cache, NOW - 10 * HOUR);
	(void)cache_tick(cache, NOW - 10 * HOUR + 61 * SECOND);
	assert_true(stats_of(cache).open);
	cache_close(cache);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* test_cache [ROUNDS [FIRST]]: how many damaged files, from which on. */
int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_put_get),
	    CASE(test_replace),
	    CASE(test_merge),
	    CASE(test_snapshot),
	    CASE(test_memo),
	    CASE(test_flush),
	    CASE(test_flush_failures),
	    CASE(test_flush_failures_ahead),
	    CASE(test_walk),
	    CASE(test_walk_bad_name),
	    CASE(test_expiry),
	    CASE(test_absurd_times),
	    CASE(test_tick_is_bounded),
	    CASE(test_bound),
	    CASE(test_crowd),
	    CASE(test_full_map),
	    CASE(test_idle_reader),
	    CASE(test_restart),
	    CASE(test_open_twice),
	    CASE(test_open_while_looked_at),
	    CASE(test_directory),
	    CASE(test_foreign),
	    CASE(test_foreign_directory),
	    CASE(test_killed),
	    CASE(test_host_went_down),
	    CASE(test_damaged),
	    CASE(test_damaged_value),
	    CASE(test_truncated),
	    CASE(test_full_disk),
	    CASE(test_full_disk_flush),
	    CASE(test_full_disk_reopen),
	    CASE(test_full_disk_new),
	    CASE(test_clock_set_back),
	};

	if (argc > 1)
		damage_rounds = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		damage_first = (unsigned)strtoul(argv[2], NULL, 10);
	hash_init();
	(void)signal(SIGXFSZ, SIG_IGN);
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
