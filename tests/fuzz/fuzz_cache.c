/* SPDX-License-Identifier: ISC */
/*
 * A cache file: any octets in its place. It is used or set aside, but reading
 * and writing goes on, and what is read has a checksum that fits.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "arena.h"
#include "cache.h"
#include "cache_dump.h"
#include "fuzz.h"
#include "hash.h"
#include "log.h"

#define NOW INT64_C(1700000000000)

static char dir[64], path[80];

static void
remove_files(void)
{
	static const char *const suffixes[] = {
	    "", "-lock", ".owner", ".damaged"};
	char file[128];
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		(void)unlink(file);
	}
	(void)rmdir(dir);
}

static void
set_up(void)
{
	if (dir[0] != '\0')
		return;
	hash_init();
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	(void)snprintf(dir, sizeof(dir), "%s/fuzz_cache.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
	(void)snprintf(path, sizeof(path), "%s/cache", dir);
	(void)atexit(remove_files);
}

static void
write_file(const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

static void
put_some(struct cache *cache)
{
	struct rrset *set = rrset_new(RR_PRESENT);
	struct dname name;
	char text[32];
	unsigned i;

	(void)rrset_add_txt(set, "v=spf1 -all", 11);
	set->expires = NOW;
	for (i = 0; i < 40; i++) {
		(void)snprintf(text, sizeof(text), "host%u.example", i);
		if (dname_from_text(&name, text) == 0)
			cache_put(cache, &name, RR_TXT, set);
	}
	rrset_free(set);
	cache_commit(cache);
}

static void
read_all(struct cache *cache)
{
	struct cache_cursor cursor = {.started = false};
	struct arena *arena = arena_new();
	struct cache_item item;

	cache_begin(cache);
	while (cache_walk(cache, &cursor, arena, &item))
		;
	cache_end(cache);
	arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cache_options options = {.size = 1, .now = NOW, .boot_id = "f"};
	struct cache_stats stats;
	struct cache *cache;

	set_up();
	write_file(data, size);
	options.path = path;
	cache = cache_open(&options);
	if (cache == NULL)
		abort();
	cache_stats(cache, &stats);
	if (!stats.open)
		abort();
	read_all(cache);
	put_some(cache);
	read_all(cache);
	(void)cache_tick(cache, NOW + 10000);
	(void)cache_flush(cache, NULL);
	cache_close(cache);
	return (0);
}
