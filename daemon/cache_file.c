/* SPDX-License-Identifier: ISC */
#include "cache_file.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "mdbfile.h"
#include "stats.h"

#define MAP_MIN	   (4 * 1024 * 1024)
#define LOCK_MODE  0600
#define LOCK_TRIES 200 /* in 10 seconds */

_Static_assert(STORE_KEY == ENTRY_KEY, "key");

/* --- Errors -------------------------------------------------------------- */

/* Goes on, and says so, but not every time. */
static void
cache_complain(struct cache *cache, const char *doing, const char *why)
{
	if (cache->now < cache->next_complaint)
		return;
	cache->next_complaint = cache->now + CACHE_MINUTE;
	log_warning("cache.failed doing=%s reason=\"%s\" put_failures=%llu",
	    doing, why, (unsigned long long)cache->stats.put_failures);
}

void
cache_failed(struct cache *cache, const char *doing, enum store_result result)
{
	if (result == STORE_DAMAGED)
		cache->broken = store_problem(cache->store);
	if (result == STORE_FULL)
		cache->full = true;
	cache_complain(cache, doing, store_problem(cache->store));
}

/* --- Transactions -------------------------------------------------------- */

bool
cache_usable(const struct cache *cache)
{
	return (store_is_open(cache->store) && cache->broken == NULL);
}

void
cache_begin(struct cache *cache)
{
	enum store_result result;

	if (!cache_usable(cache))
		return;
	result = store_snapshot(cache->store);
	if (result == STORE_OK)
		cache->reading = true;
	else
		cache_failed(cache, "begin", result);
}

void
cache_end(struct cache *cache)
{
	if (cache->reading)
		store_snapshot_end(cache->store);
	cache->reading = false;
}

enum store_result
cache_meta_put(struct cache *cache, const struct entry_meta *meta)
{
	uint8_t buf[ENTRY_META_LEN];

	entry_meta_encode(meta, buf);
	return (store_meta_put(cache->store, buf, sizeof(buf)));
}

/* In a transaction of its own. */
static enum store_result
meta_save(struct cache *cache, const struct entry_meta *meta)
{
	enum store_result result = store_write(cache->store);

	if (result == STORE_OK)
		result = cache_meta_put(cache, meta);
	if (result == STORE_OK)
		return (store_commit(cache->store));
	store_abort(cache->store);
	return (result);
}

/*
 * The mark "in use" must be on the disk before any other page is written, and
 * "closed" only after all of them: hence a sync on either side.
 */
static enum store_result
cache_mark(struct cache *cache, bool clean)
{
	struct entry_meta meta = cache->meta;
	enum store_result result = STORE_OK;

	memcpy(meta.boot_id, cache->boot_id, ENTRY_BOOT_ID);
	meta.clean = clean;
	if (clean)
		result = store_sync(cache->store);
	if (result == STORE_OK)
		result = meta_save(cache, &meta);
	if (result == STORE_OK)
		result = store_sync(cache->store);
	if (result == STORE_OK) {
		cache->meta = meta;
		cache->marked = !clean;
	}
	return (result);
}

bool
cache_write(struct cache *cache)
{
	enum store_result result = STORE_OK;

	if (!cache_usable(cache))
		return (false);
	if (store_is_writing(cache->store))
		return (true);
	if (!cache->marked)
		result = cache_mark(cache, false);
	if (result == STORE_OK)
		result = store_write(cache->store);
	if (result == STORE_OK)
		return (true);
	cache_failed(cache, "write", result);
	return (false);
}

void
cache_write_abort(
    struct cache *cache, const char *doing, enum store_result result)
{
	store_abort(cache->store);
	cache->stats.put_failures += cache->pending;
	stat_add(STAT_CACHE_PUT_FAILURES, cache->pending);
	cache->pending = 0;
	cache_failed(cache, doing, result);
}

enum store_result
cache_write_commit(struct cache *cache)
{
	enum store_result result = store_commit(cache->store);

	if (result != STORE_OK)
		cache_write_abort(cache, "commit", result);
	cache->pending = 0;
	return (result);
}

void
cache_commit(struct cache *cache)
{
	(void)cache_write_commit(cache);
}

bool
cache_read_side(struct cache *cache, enum store_side *side)
{
	*side = cache->reading ? STORE_SNAPSHOT : STORE_WRITING;
	return (cache->reading || cache_write(cache));
}

/* --- The file ------------------------------------------------------------ */

static void
boot_id_read(char boot_id[ENTRY_BOOT_ID])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = -1;

	memset(boot_id, 0, ENTRY_BOOT_ID);
	if (fd == -1)
		return;
	len = read(fd, boot_id, ENTRY_BOOT_ID - 1);
	close(fd);
	if (len < 0)
		memset(boot_id, 0, ENTRY_BOOT_ID);
}

/* Without a boot id every crash could have been the host's. */
static bool
meta_is_whole(const struct entry_meta *meta, const char boot_id[ENTRY_BOOT_ID])
{
	return (meta->clean ||
		(boot_id[0] != '\0' &&
		    memcmp(meta->boot_id, boot_id, ENTRY_BOOT_ID) == 0));
}

void
cache_path(
    const struct cache *cache, char *buf, size_t size, const char *suffix)
{
	(void)snprintf(buf, size, "%s%s", cache->path, suffix);
}

static void
cache_set_aside(struct cache *cache, const char *reason)
{
	char aside[4096];

	cache_path(cache, aside, sizeof(aside), ".damaged");
	store_forget_readers(cache->store);
	cache->stats.set_aside++;
	stat_count(STAT_CACHE_SET_ASIDE);
	if (rename(cache->path, aside) == 0) {
		log_warning("cache.set_aside path=%s to=%s reason=\"%s\"",
		    cache->path, aside, reason);
		return;
	}
	log_error("cache.set_aside_failed path=%s error=\"%s\" reason=\"%s\"",
	    cache->path, strerror(errno), reason);
	(void)unlink(cache->path);
}

/*
 * Each entry has its place in the index, or some would never be removed. There
 * may be more places: a damaged entry that was replaced has left one.
 */
static bool
index_fits(struct cache *cache)
{
	struct store_stats stats;

	if (store_snapshot(cache->store) != STORE_OK)
		return (false);
	stats = store_stats(cache->store, STORE_SNAPSHOT);
	store_snapshot_end(cache->store);
	return (stats.values <= stats.places);
}

/* Why the file that has been opened must not be used, or NULL. */
static const char *
file_refuse(struct cache *cache, const uint8_t meta[ENTRY_META_LEN])
{
	if (!entry_meta_decode(&cache->meta, meta, ENTRY_META_LEN))
		return ("not a cache of this version");
	if (!meta_is_whole(&cache->meta, cache->boot_id))
		return ("in use when the host went down");
	if (!index_fits(cache))
		return ("the index does not fit the data");
	return (NULL);
}

/* `*why` is set when the file is bad. */
static enum store_result
file_open(struct cache *cache, const char **why)
{
	struct entry_meta begun = {.clean = true};
	uint8_t meta[ENTRY_META_LEN];
	enum store_result result;

	hash_random(&begun.secret, sizeof(begun.secret));
	entry_meta_encode(&begun, meta);
	result = store_open(cache->store, meta, sizeof(meta));
	if (result == STORE_OK)
		*why = file_refuse(cache, meta);
	else if (result == STORE_DAMAGED)
		*why = store_problem(cache->store);
	return (*why != NULL ? STORE_DAMAGED : result);
}

static void
file_close(struct cache *cache)
{
	store_close(cache->store);
	cache->reading = cache->marked = cache->full = false;
	cache->pending = 0;
	cache->broken = NULL;
}

/*
 * Opens the file, or a new one in its place when there is something wrong with
 * it. On failure the store is closed.
 */
static void
file_begin(struct cache *cache)
{
	const char *why = mdbfile_check(cache->path);
	enum store_result result;
	int attempt;

	for (attempt = 0; attempt < 2; attempt++) {
		if (why != NULL)
			cache_set_aside(cache, why);
		why = NULL;
		result = file_open(cache, &why);
		if (result == STORE_OK)
			break;
		file_close(cache);
		if (result != STORE_DAMAGED)
			break;
	}
	/* A disk that is full may still be read: marking is tried again. */
	if (result == STORE_OK)
		result = cache_mark(cache, false);
	if (result != STORE_OK)
		cache_failed(cache, "open", result);
}

/*
 * Who only looks shares the lock, until it has seen that the file is whole:
 * that is waited for. 0, or an errno.
 */
static int
lock_take(int fd)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	unsigned tries;

	for (tries = 0; flock(fd, LOCK_EX | LOCK_NB) == -1; tries++) {
		if (errno != EWOULDBLOCK || tries == LOCK_TRIES ||
		    flock(fd, LOCK_SH | LOCK_NB) == -1)
			return (errno);
		(void)flock(fd, LOCK_UN);
		(void)nanosleep(&pause, NULL);
	}
	return (0);
}

/*
 * A second LMDB environment on one file in the same process is not refused by
 * the library, and loses the locks of the first; so there is a lock of ours,
 * which belongs to the open file and not to the process. 0, or an errno.
 */
static int
cache_lock(struct cache *cache)
{
	char path[4096];
	int error;

	if (cache->lock != -1)
		return (0);
	cache_path(cache, path, sizeof(path), ".owner");
	cache->lock =
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
	if (cache->lock == -1)
		return (errno);
	if ((error = lock_take(cache->lock)) == 0)
		return (0);
	close(cache->lock);
	cache->lock = -1;
	return (error);
}

/* Now, or a minute later when it fails. */
static int
cache_start(struct cache *cache)
{
	int error = cache_lock(cache);

	if (error == 0)
		file_begin(cache);
	else if (error != EWOULDBLOCK)
		cache_complain(cache, "lock", strerror(error));
	if (!store_is_open(cache->store))
		cache->next_open = cache->now + CACHE_MINUTE;
	return (error);
}

void
cache_restart(struct cache *cache)
{
	const char *why = cache->broken;

	file_close(cache);
	if (why != NULL)
		cache_set_aside(cache, why);
	(void)cache_start(cache);
}

/* --- The cache ----------------------------------------------------------- */

/* 0, or -1 if the directory cannot hold our file. */
static int
directory_check(const char *path)
{
	char copy[4096];
	const char *dir;
	struct stat st;

	if (strlen(path) + sizeof(".damaged") > sizeof(copy)) {
		log_error("cache.path_too_long");
		return (-1);
	}
	(void)snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (stat(dir, &st) == -1 || access(dir, W_OK | X_OK) == -1) {
		log_error("cache.directory path=%s error=\"%s\"", dir,
		    strerror(errno));
		return (-1);
	}
	if (!S_ISDIR(st.st_mode) || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
	    (st.st_uid != geteuid() && st.st_uid != 0)) {
		log_error("cache.directory path=%s error=\"others may write "
			  "to it\"",
		    dir);
		return (-1);
	}
	return (0);
}

/* Twice the bound, so that there is always room to move pages. */
static size_t
map_size(size_t limit)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t map = limit > SIZE_MAX / 4 ? SIZE_MAX / 2 : limit * 2;

	if (map < MAP_MIN)
		map = MAP_MIN;
	return (map - map % page);
}

struct cache *
cache_new(const struct cache_options *options)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL || (cache->path = strdup(options->path)) == NULL)
		fatal(111, "cache.out_of_memory");
	cache->lock = -1;
	cache->map = map_size(options->size);
	cache->limit = cache->map / 2;
	cache->store = store_new(cache->path, cache->map);
	cache->now = options->now;
	cache->next_check = options->now + CACHE_MINUTE;
	cache_keep(cache, options->stale_max, options->failure_keep);
	cache->names_share = options->share;
	share_init(&cache->share);
	if (options->boot_id == NULL)
		boot_id_read(cache->boot_id);
	else
		(void)snprintf(
		    cache->boot_id, ENTRY_BOOT_ID, "%s", options->boot_id);
	return (cache);
}

void
cache_free(struct cache *cache)
{
	store_free(cache->store);
	if (cache->lock != -1)
		close(cache->lock);
	free(cache->path);
	free(cache);
}

struct cache *
cache_open(const struct cache_options *options)
{
	struct cache *cache;

	if (directory_check(options->path) == -1)
		return (NULL);
	cache = cache_new(options);
	if (cache_start(cache) == EWOULDBLOCK) {
		log_error("cache.in_use path=%s", cache->path);
		cache_free(cache);
		return (NULL);
	}
	return (cache);
}

void
cache_close(struct cache *cache)
{
	enum store_result result;

	if (cache == NULL)
		return;
	cache_commit(cache);
	if (cache_usable(cache) && cache->marked) {
		result = cache_mark(cache, true);
		if (result != STORE_OK)
			cache_failed(cache, "close", result);
	}
	cache_free(cache);
}

void
cache_keep(struct cache *cache, int64_t stale_max, int64_t failure_keep)
{
	cache->stale_max = stale_max;
	cache->failure_keep = failure_keep;
}
