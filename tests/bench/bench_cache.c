/* SPDX-License-Identifier: ISC */
/*
 * What the cache costs: time per call, octets of file and of memory per entry.
 *
 *	bench_cache [ENTRIES [DIRECTORY]]
 *
 * The default of 100,000 takes a few seconds; 1000000 about a minute and
 * 1 GB in the directory (default: /tmp).
 */
#include <sys/stat.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "cache.h"
#include "hash.h"
#include "log.h"
#include "mdbfile.h"

#define NOW	 INT64_C(1700000000000)
#define RDATA	 200 /* octets of a TXT record: a short DKIM key or SPF */
#define SAMPLES	 200000
#define PER_READ 4 /* records of one run */

static char dir[256], path[300];
static unsigned entries = 100000;

static double
microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3);
}

static void
report(const char *what, double value, const char *unit)
{
	printf("%-44s %10.2f %s\n", what, value, unit);
	fflush(stdout);
}

/* Our own pages in kB: what the kernel cannot drop as it can the map. */
static double
memory_kb(const char *field)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	double value = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			value = strtod(line + strlen(field) + 1, NULL);
	if (file != NULL)
		fclose(file);
	return (value);
}

static struct dname
name_of(unsigned number)
{
	struct dname name;
	char text[96];

	(void)snprintf(text, sizeof(text),
	    "selector%u._domainkey.host%u.example.org", number % 10, number);
	if (dname_from_text(&name, text) == -1)
		fatal(111, "bench_cache.name");
	return (name);
}

static struct cache *
open_cache(size_t size)
{
	const struct cache_options options = {
	    .path = path, .size = size, .now = NOW};
	struct cache *cache = cache_open(&options);

	if (cache == NULL)
		fatal(111, "bench_cache.open path=%s", path);
	return (cache);
}

static unsigned
pick(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return ((unsigned)(*seed >> 33) % entries);
}

/* Puts `count` numbers, a commit after each `batch`; microseconds per put. */
static double
put_numbers(struct cache *cache, unsigned count, unsigned batch, uint64_t seed)
{
	struct rrset *set = rrset_new(RR_PRESENT);
	char text[RDATA] = "v=DKIM1; k=rsa; p=";
	struct dname name;
	unsigned i, number;
	double start;

	(void)rrset_add_txt(set, text, sizeof(text));
	set->ttl = 3600;
	set->fetched = NOW;
	start = microseconds();
	for (i = 0; i < count; i++) {
		number = seed == 0 ? i : pick(&seed);
		name = name_of(number);
		set->expires = NOW + 3600000 + number % 86400 * INT64_C(1000);
		cache_put(cache, &name, RR_TXT, set);
		if (i % batch == batch - 1)
			cache_commit(cache);
	}
	cache_commit(cache);
	rrset_free(set);
	return ((microseconds() - start) / count);
}

/* Microseconds per get of a random name, PER_READ in each snapshot. */
static double
get_numbers(struct cache *cache, uint16_t type, unsigned *found)
{
	struct arena *arena = arena_new();
	uint64_t seed = 42;
	struct dname name;
	unsigned i, j;
	double start = microseconds();

	*found = 0;
	for (i = 0; i < SAMPLES; i += PER_READ) {
		cache_begin(cache);
		for (j = 0; j < PER_READ; j++) {
			name = name_of(pick(&seed));
			*found += cache_get(cache, arena, &name, type) != NULL;
		}
		cache_end(cache);
		if (i % 10000 == 0) {
			arena_free(arena);
			arena = arena_new();
		}
	}
	start = microseconds() - start;
	arena_free(arena);
	return (start / SAMPLES);
}

/* What name_of() and pick() take of the figures above. */
static double
overhead(void)
{
	uint64_t seed = 42;
	unsigned i, sum = 0;
	double start = microseconds();

	for (i = 0; i < SAMPLES; i++)
		sum += name_of(pick(&seed)).len;
	return (sum == 0 ? 0 : (microseconds() - start) / SAMPLES);
}

static void
bench_memos(struct cache *cache)
{
	char value[150] = "spf=pass";
	unsigned i, found = 0;
	double start;
	size_t len;

	start = microseconds();
	for (i = 0; i < 10000; i++) {
		cache_memo_put(
		    cache, &i, sizeof(i), value, sizeof(value), NOW + 1000);
		if (i % 10 == 9)
			cache_commit(cache);
	}
	report(
	    "put memo, 10 per commit", (microseconds() - start) / 10000, "us");
	start = microseconds();
	for (i = 0; i < 10000; i++) {
		cache_begin(cache);
		found +=
		    cache_memo_get(cache, &i, sizeof(i), NOW, &len) != NULL;
		cache_end(cache);
	}
	report("get memo, with begin and end", (microseconds() - start) / 10000,
	    "us");
	if (found != 10000)
		fatal(111, "bench_cache.memos found=%u", found);
}

static void
bench_load(struct cache *cache)
{
	double own = memory_kb("RssAnon:");
	struct cache_stats stats;

	report("load, 100 per commit, per put",
	    put_numbers(cache, entries, 100, 0), "us");
	cache_stats(cache, &stats);
	if (stats.put_failures > 0 || stats.entries != entries)
		fatal(111, "bench_cache.load entries=%" PRIu64, stats.entries);
	report("live octets per entry",
	    (double)stats.live / (double)stats.entries, "octets");
	report("octets of the file per entry",
	    (double)stats.file / (double)stats.entries, "octets");
	report("the file", (double)stats.file / 1048576, "MiB");
	report(
	    "own memory grew by", (memory_kb("RssAnon:") - own) / 1024, "MiB");
	report("own memory", memory_kb("RssAnon:") / 1024, "MiB");
	report("mapped pages of files in memory", memory_kb("RssFile:") / 1024,
	    "MiB");
}

static void
bench_gets(struct cache *cache)
{
	unsigned found;
	double own = overhead();

	report("get, present (4 per begin and end)",
	    get_numbers(cache, RR_TXT, &found) - own, "us");
	if (found != SAMPLES)
		fatal(111, "bench_cache.get found=%u", found);
	report("get, absent", get_numbers(cache, RR_MX, &found) - own, "us");
	if (found != 0)
		fatal(111, "bench_cache.get found=%u", found);
}

static void
bench_puts(struct cache *cache)
{
	static const unsigned batches[] = {1, 10, 100};
	char what[64];
	double each;
	size_t i;

	for (i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		each = put_numbers(cache, 5000, batches[i], 7 + i);
		(void)snprintf(what, sizeof(what),
		    "replace at random, %u per commit, per put", batches[i]);
		report(what, each, "us");
	}
}

static void
bench_evict(struct cache *cache)
{
	double start, worst = 0, all = 0, took;
	unsigned ticks = 0;

	/* An hour and a half on: the soonest to expire are of no use. */
	while (ticks < 50) {
		start = microseconds();
		if (!cache_tick(cache, NOW + 5400000))
			break;
		took = microseconds() - start;
		all += took;
		worst = took > worst ? took : worst;
		ticks++;
	}
	if (ticks == 0)
		return;
	report("tick that removes 100, mean", all / ticks / 1000, "ms");
	report("tick that removes 100, worst", worst / 1000, "ms");
}

static void
bench_reopen(struct cache *cache)
{
	double start = microseconds();
	const char *why;

	cache_close(cache);
	report("close, with sync", (microseconds() - start) / 1000, "ms");
	start = microseconds();
	why = mdbfile_check(path);
	if (why != NULL)
		fatal(111, "bench_cache.check reason=\"%s\"", why);
	report("of which open checks the file", (microseconds() - start) / 1000,
	    "ms");
	start = microseconds();
	cache = open_cache(entries * (size_t)1500);
	report(
	    "open, with check and sync", (microseconds() - start) / 1000, "ms");
	cache_close(cache);
}

/* A bound that holds half of what is put. */
static void
bench_churn(void)
{
	struct cache *cache;
	struct cache_stats stats;

	(void)unlink(path);
	cache = open_cache(entries * (size_t)250);
	report("put under eviction, 10 per commit, per put",
	    put_numbers(cache, entries, 10, 0), "us");
	cache_stats(cache, &stats);
	report("live octets of the bound",
	    100 * (double)stats.live / (double)stats.limit, "%");
	report("the file's length of the bound",
	    100 * (double)stats.file / (double)stats.limit, "%");
	report("puts that failed", (double)stats.put_failures, "");
	cache_close(cache);
}

static void
remove_files(void)
{
	static const char *const suffixes[] = {
	    "", "-lock", ".owner", ".damaged"};
	char file[320];
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		(void)unlink(file);
	}
	(void)rmdir(dir);
}

int
main(int argc, char **argv)
{
	struct cache *cache;

	hash_init();
	log_open(LOG_TO_STDERR, LOG_LEVEL_WARNING);
	if (argc > 1)
		entries = (unsigned)strtoul(argv[1], NULL, 10);
	(void)snprintf(dir, sizeof(dir), "%s/bench_cache.XXXXXX",
	    argc > 2 ? argv[2] : "/tmp");
	if (entries < 10000 || mkdtemp(dir) == NULL)
		fatal(100, "bench_cache.usage");
	(void)snprintf(path, sizeof(path), "%s/cache", dir);
	(void)atexit(remove_files);
	printf("%u entries, %d octets of rdata\n", entries, RDATA);
	cache = open_cache(entries * (size_t)1500);
	bench_load(cache);
	bench_gets(cache);
	bench_puts(cache);
	bench_memos(cache);
	bench_evict(cache);
	bench_reopen(cache);
	bench_churn();
	return (0);
}
