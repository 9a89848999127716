/* SPDX-License-Identifier: ISC */
/*
 * An entry stands in the store (store.h) under its key (entry.h); the store's
 * index lists when entries will be of no use, which is the order they are
 * removed in. The record about the file is what makes it ours: its secret, and
 * whether it was closed cleanly.
 *
 * The store writes without sync (a cache may be lost), which is safe as long
 * as the kernel lives: after a crash of the daemon the file is whole. After a
 * crash of the host it may be a mixture of old and new pages, so a file that
 * was open under another boot id is not used. LMDB trusts what is in the file;
 * so mdbfile_check() goes through all of it before it may be opened.
 */
#include "cache.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "entry.h"
#include "hash.h"
#include "log.h"
#include "mdbfile.h"
#include "share.h"
#include "stats.h"
#include "store.h"

#define MAP_MIN	    (4 * 1024 * 1024)
#define LOCK_MODE   0600
#define TICK_MAX    100	  /* removals at once: at most about 1 ms */
#define PUT_REMOVES 2	  /* per put over the bound; one more a page */
#define MINUTE	    60000 /* ms: between complaints, reader checks, retries */

_Static_assert(STORE_KEY == ENTRY_KEY, "key");

struct cache {
	char *path;
	size_t limit, map; /* octets: of live pages, of the map */
	int64_t stale_max, failure_keep;
	char boot_id[ENTRY_BOOT_ID];
	int64_t now; /* as of the last tick */

	int lock; /* holds FILE.owner: no other daemon uses the file */
	struct store *store;
	bool reading;	  /* a snapshot is open */
	uint64_t pending; /* puts not yet committed */
	struct entry_meta meta;
	bool marked;	    /* the file is marked as in use */
	bool full;	    /* the map was: relieve it before any put */
	const char *broken; /* why the file is of no use any more, or NULL */

	int64_t next_open, next_complaint, next_check;
	struct cache_stats stats;
	unsigned names_share;
	struct share share;
	uint8_t buf[ENTRY_MAX];
};

/* --- Errors -------------------------------------------------------------- */

static void
cache_complain(struct cache *cache, const char *doing, const char *why)
{
	if (cache->now < cache->next_complaint)
		return;
	cache->next_complaint = cache->now + MINUTE;
	log_warning("cache.failed doing=%s reason=\"%s\" put_failures=%llu",
	    doing, why, (unsigned long long)cache->stats.put_failures);
}

/* An operation failed: go on, and say so, but not every time. */
static void
cache_failed(struct cache *cache, const char *doing, enum store_result result)
{
	if (result == STORE_DAMAGED)
		cache->broken = store_problem(cache->store);
	if (result == STORE_FULL)
		cache->full = true;
	cache_complain(cache, doing, store_problem(cache->store));
}

/* --- The meta record ----------------------------------------------------- */

static enum store_result
meta_put(struct cache *cache, const struct entry_meta *meta)
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
		result = meta_put(cache, meta);
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
meta_mark(struct cache *cache, bool clean)
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

/* --- Opening ------------------------------------------------------------- */

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

static void
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

/* Each entry has its place in the index, or some would never be removed. */
static bool
index_fits(struct cache *cache)
{
	struct store_stats stats;

	if (store_snapshot(cache->store) != STORE_OK)
		return (false);
	stats = store_stats(cache->store, STORE_SNAPSHOT);
	store_snapshot_end(cache->store);
	return (stats.values == stats.places);
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
		result = meta_mark(cache, false);
	if (result != STORE_OK)
		cache_failed(cache, "open", result);
}

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
	if (flock(cache->lock, LOCK_EX | LOCK_NB) == 0)
		return (0);
	error = errno;
	close(cache->lock);
	cache->lock = -1;
	return (error);
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

static struct cache *
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
	cache->next_check = options->now + MINUTE;
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

static void
cache_free(struct cache *cache)
{
	store_free(cache->store);
	if (cache->lock != -1)
		close(cache->lock);
	free(cache->path);
	free(cache);
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
		cache->next_open = cache->now + MINUTE;
	return (error);
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

/* --- Only looking --------------------------------------------------------- */

/* A daemon that uses the file has checked it; nobody else has. */
static const char *
file_check(const struct cache *cache)
{
	char path[4096];
	const char *why = NULL;
	int fd;

	cache_path(cache, path, sizeof(path), ".owner");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 || flock(fd, LOCK_SH | LOCK_NB) == 0)
		why = mdbfile_check(cache->path);
	if (fd != -1)
		close(fd);
	return (why);
}

struct cache *
cache_open_reading(const char *path, const char **problem)
{
	const struct cache_options options = {.path = path, .boot_id = ""};
	uint8_t meta[ENTRY_META_LEN];
	struct cache *cache;

	if (access(path, R_OK) == -1) {
		*problem = strerror(errno);
		return (NULL);
	}
	cache = cache_new(&options);
	*problem = file_check(cache);
	if (*problem == NULL &&
	    store_open_reading(cache->store, meta, sizeof(meta)) != STORE_OK)
		*problem = store_problem(cache->store);
	if (*problem == NULL &&
	    !entry_meta_decode(&cache->meta, meta, sizeof(meta)))
		*problem = "not a cache of this version";
	if (*problem == NULL)
		return (cache);
	cache_free(cache);
	return (NULL);
}

static bool
cache_usable(const struct cache *cache)
{
	return (store_is_open(cache->store) && cache->broken == NULL);
}

void
cache_close(struct cache *cache)
{
	enum store_result result;

	if (cache == NULL)
		return;
	cache_commit(cache);
	if (cache_usable(cache) && cache->marked) {
		result = meta_mark(cache, true);
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

/* --- Transactions -------------------------------------------------------- */

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

/* Opens the write transaction unless there is one. */
static bool
write_begin(struct cache *cache)
{
	enum store_result result = STORE_OK;

	if (!cache_usable(cache))
		return (false);
	if (store_is_writing(cache->store))
		return (true);
	if (!cache->marked)
		result = meta_mark(cache, false);
	if (result == STORE_OK)
		result = store_write(cache->store);
	if (result == STORE_OK)
		return (true);
	cache_failed(cache, "write", result);
	return (false);
}

/* A transaction is void after an error: all its puts are lost. */
static void
write_abort(struct cache *cache, const char *doing, enum store_result result)
{
	store_abort(cache->store);
	cache->stats.put_failures += cache->pending;
	stat_add(STAT_CACHE_PUT_FAILURES, cache->pending);
	cache->pending = 0;
	cache_failed(cache, doing, result);
}

static enum store_result
write_commit(struct cache *cache)
{
	enum store_result result = store_commit(cache->store);

	if (result != STORE_OK)
		write_abort(cache, "commit", result);
	cache->pending = 0;
	return (result);
}

void
cache_commit(struct cache *cache)
{
	(void)write_commit(cache);
}

/* Where the getters read; false: nowhere. */
static bool
read_side(struct cache *cache, enum store_side *side)
{
	*side = cache->reading ? STORE_SNAPSHOT : STORE_WRITING;
	return (cache->reading || write_begin(cache));
}

/* --- Removing ------------------------------------------------------------ */

/* What stands in a value; kind 0, and counted, if it does not verify. */
static void
entry_read(struct cache *cache, const uint8_t key[ENTRY_KEY], uint8_t *value,
    size_t len, struct entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	if (entry_decode(entry, &cache->meta.secret, key, value, len))
		return;
	entry->kind = 0;
	cache->stats.damaged++;
	stat_count(STAT_CACHE_DAMAGED);
}

/* What stands under `key`, as entry_read() has it. */
static enum store_result
entry_find(struct cache *cache, enum store_side side,
    const uint8_t key[ENTRY_KEY], struct entry *entry)
{
	enum store_result result;
	uint8_t *value;
	size_t len;

	result = store_get(cache->store, side, key, &value, &len);
	if (result == STORE_OK)
		entry_read(cache, key, value, len, entry);
	return (result);
}

/* Removes the entry if it is there, and its place in the index. */
static enum store_result
entry_remove(struct cache *cache, const uint8_t key[ENTRY_KEY])
{
	enum store_result result;
	struct entry entry;

	result = entry_find(cache, STORE_WRITING, key, &entry);
	if (result == STORE_NOTHING)
		return (STORE_OK);
	/* The place of a damaged one goes when its time comes. */
	if (result == STORE_OK && entry.kind != 0)
		result = store_index_del(cache->store, entry.useless, key);
	return (result == STORE_OK ? store_del(cache->store, key) : result);
}

/* Removes a place in the index, and the entry that has it. */
static enum store_result
place_remove(
    struct cache *cache, uint32_t useless, const uint8_t key[ENTRY_KEY])
{
	enum store_result result;
	struct entry entry;

	result = entry_find(cache, STORE_WRITING, key, &entry);
	/* An entry with another time has another place in the index. */
	if (result == STORE_OK && (entry.kind == 0 || entry.useless == useless))
		result = store_del(cache->store, key);
	if (result != STORE_OK && result != STORE_NOTHING)
		return (result);
	return (store_index_del(cache->store, useless, key));
}

static bool
is_too_large(struct cache *cache)
{
	return (store_stats(cache->store, STORE_WRITING).live > cache->limit);
}

static void
removal_count(struct cache *cache, bool expired)
{
	if (expired)
		cache->stats.expired++;
	else
		cache->stats.evicted++;
	stat_count(expired ? STAT_CACHE_EXPIRED : STAT_CACHE_EVICTED);
}

/*
 * Removes up to `max` entries that are of no use any more or, while the file
 * is over its bound, the next to be so. STORE_NOTHING: nothing is left to do.
 */
static enum store_result
remove_some(struct cache *cache, unsigned max)
{
	uint8_t key[ENTRY_KEY];
	enum store_result result;
	uint32_t useless;
	bool expired;

	for (; max > 0; max--) {
		result = store_index_first(cache->store, &useless, key);
		if (result != STORE_OK)
			return (result);
		expired = useless < cache->now / 1000;
		if (!expired && !cache->full && !is_too_large(cache))
			return (STORE_NOTHING);
		result = place_remove(cache, useless, key);
		if (result != STORE_OK)
			return (result);
		removal_count(cache, expired);
	}
	return (STORE_OK);
}

/* --- Putting ------------------------------------------------------------- */

static uint32_t
seconds(int64_t ms)
{
	if (ms <= 0)
		return (0);
	return (
	    ms / 1000 >= UINT32_MAX ? UINT32_MAX : (uint32_t)(ms / 1000 + 1));
}

/* Times come from configuration and from DNS: no overflow. */
static int64_t
time_later(int64_t time, int64_t by)
{
	return (time > INT64_MAX - by ? INT64_MAX : time + by);
}

/* Until when a set is worth its room. */
static int64_t
rrset_useless(const struct cache *cache, const struct rrset *set)
{
	int64_t failure = 0, data = 0;

	if (set->failure != RR_FAILURE_NONE || set->state == RR_FAILED)
		failure = time_later(set->retry_at, cache->failure_keep);
	if (set->state != RR_FAILED)
		data = time_later(set->expires, cache->stale_max);
	return (failure > data ? failure : data);
}

static enum store_result
entry_store(struct cache *cache, const uint8_t key[ENTRY_KEY], size_t len,
    uint32_t useless)
{
	enum store_result result;

	if (is_too_large(cache)) {
		result = remove_some(cache,
		    PUT_REMOVES + (unsigned)(len / store_page(cache->store)));
		if (result != STORE_OK && result != STORE_NOTHING)
			return (result);
	}
	result = entry_remove(cache, key);
	if (result == STORE_OK)
		result = store_put(cache->store, key, cache->buf, len);
	if (result == STORE_OK)
		result = store_index_put(cache->store, useless, key);
	return (result);
}

/*
 * Encodes first: what `entry` borrows may lie in the pages that the removal
 * of its predecessor gives up.
 */
static void
entry_put(struct cache *cache, const uint8_t key[ENTRY_KEY],
    const struct entry *entry)
{
	enum store_result result;
	size_t len;

	cache->stats.puts++;
	stat_count(STAT_CACHE_PUTS);
	len = entry_encode(cache->buf, &cache->meta.secret, key, entry);
	if (len == 0 || cache->full || !write_begin(cache)) {
		cache->stats.put_failures++;
		stat_count(STAT_CACHE_PUT_FAILURES);
		return;
	}
	cache->pending++;
	result = entry_store(cache, key, len, entry->useless);
	if (result != STORE_OK)
		write_abort(cache, "put", result);
}

/* One of too many new names of its domain, and itself not known yet. */
static bool
is_crowd(
    struct cache *cache, const struct dname *name, const uint8_t key[ENTRY_KEY])
{
	uint8_t *value;
	size_t len;

	if (cache->names_share == 0 ||
	    !share_over(&cache->share, name, cache->names_share, cache->now))
		return (false);
	if (cache->full || !write_begin(cache) ||
	    store_get(cache->store, STORE_WRITING, key, &value, &len) !=
		STORE_NOTHING)
		return (false);
	stat_count(STAT_CACHE_CROWD);
	return (true);
}

void
cache_put(struct cache *cache, const struct dname *name, uint16_t type,
    const struct rrset *set)
{
	struct entry entry = {.kind = ENTRY_RRSET,
	    .name = name->wire,
	    .name_len = name->len,
	    .type = type,
	    .set = *set};
	uint8_t key[ENTRY_KEY];

	entry_key_rrset(key, &cache->meta.secret, name, type);
	entry.useless = seconds(rrset_useless(cache, set));
	if (is_crowd(cache, name, key) &&
	    entry.useless > seconds(cache->now + CACHE_CROWD_KEEP))
		entry.useless = seconds(cache->now + CACHE_CROWD_KEEP);
	entry_put(cache, key, &entry);
}

void
cache_memo_put(struct cache *cache, const void *key, size_t keylen,
    const void *value, size_t len, int64_t expires)
{
	struct entry entry = {.kind = ENTRY_MEMO,
	    .useless = seconds(expires),
	    .epoch = cache->meta.memo_epoch,
	    .expires = expires,
	    .key = key,
	    .key_len = keylen,
	    .data = value,
	    .data_len = len};
	uint8_t id[ENTRY_KEY];

	if (keylen > CACHE_MEMO_KEY_MAX)
		return;
	entry_key_memo(id, &cache->meta.secret, key, keylen);
	entry_put(cache, id, &entry);
}

/* --- Getting ------------------------------------------------------------- */

/* False: nothing there that can be used. */
static bool
entry_get(
    struct cache *cache, const uint8_t key[ENTRY_KEY], struct entry *entry)
{
	enum store_result result;
	enum store_side side;

	if (!read_side(cache, &side))
		return (false);
	result = entry_find(cache, side, key, entry);
	if (result == STORE_OK)
		return (entry->kind != 0);
	if (result != STORE_NOTHING)
		cache_failed(cache, "get", result);
	return (false);
}

/* Failures that were flushed are as if they had not been. False: nothing. */
static bool
rrset_forgive(const struct cache *cache, struct rrset *set)
{
	if (set->failure == RR_FAILURE_NONE ||
	    set->failed_at > cache->meta.failures_until)
		return (true);
	set->failure = RR_FAILURE_NONE;
	set->failures = 0;
	set->failed_since = set->failed_at = set->retry_at = 0;
	return (set->state != RR_FAILED);
}

const struct rrset *
cache_get(struct cache *cache, struct arena *arena, const struct dname *name,
    uint16_t type)
{
	uint8_t key[ENTRY_KEY];
	struct entry entry;

	entry_key_rrset(key, &cache->meta.secret, name, type);
	if (!entry_get(cache, key, &entry) || entry.kind != ENTRY_RRSET ||
	    entry.type != type || entry.name_len != name->len ||
	    memcmp(entry.name, name->wire, name->len) != 0 ||
	    !rrset_forgive(cache, &entry.set))
		return (NULL);
	return (arena_memdup(arena, &entry.set, sizeof(entry.set)));
}

const uint8_t *
cache_memo_get(struct cache *cache, const void *key, size_t keylen, int64_t now,
    size_t *len)
{
	uint8_t id[ENTRY_KEY];
	struct entry entry;

	if (keylen > CACHE_MEMO_KEY_MAX)
		return (NULL);
	entry_key_memo(id, &cache->meta.secret, key, keylen);
	if (!entry_get(cache, id, &entry) || entry.kind != ENTRY_MEMO ||
	    entry.epoch != cache->meta.memo_epoch || entry.expires <= now ||
	    entry.key_len != keylen || memcmp(entry.key, key, keylen) != 0)
		return (NULL);
	*len = entry.data_len;
	return (entry.data);
}

/* --- The timer ----------------------------------------------------------- */

static void
reader_check(struct cache *cache)
{
	int dead;

	if (cache->now < cache->next_check)
		return;
	cache->next_check = cache->now + MINUTE;
	if ((dead = store_reader_check(cache->store)) > 0)
		log_info("cache.dead_readers count=%d", dead);
}

/*
 * Nothing fits into the map any more. Removing needs pages too, so one entry
 * at a time; when even that fails the file is given up.
 */
static void
cache_relieve(struct cache *cache)
{
	enum store_result result = STORE_OK;
	unsigned i;

	(void)store_reader_check(cache->store);
	for (i = 0; i < TICK_MAX && write_begin(cache); i++) {
		result = remove_some(cache, 1);
		if (result != STORE_OK && result != STORE_NOTHING)
			break;
		if ((result = write_commit(cache)) != STORE_OK)
			break;
	}
	if (i < TICK_MAX && store_is_writing(cache->store))
		write_abort(cache, "relieve", result);
	if (i == 0 && result == STORE_FULL)
		cache->broken = "full";
	cache->full = false;
}

static bool
cache_tidy(struct cache *cache)
{
	enum store_result result;

	if (!write_begin(cache))
		return (false);
	result = remove_some(cache, TICK_MAX);
	if (result == STORE_OK || result == STORE_NOTHING)
		return (write_commit(cache) == STORE_OK && result == STORE_OK);
	write_abort(cache, "tidy", result);
	return (false);
}

/* A file that turned out to be bad while in use. */
static void
cache_restart(struct cache *cache)
{
	const char *why = cache->broken;

	file_close(cache);
	if (why != NULL)
		cache_set_aside(cache, why);
	(void)cache_start(cache);
}

bool
cache_tick(struct cache *cache, int64_t now)
{
	cache->now = now;
	cache_commit(cache);
	if (cache->broken != NULL ||
	    (!store_is_open(cache->store) && now >= cache->next_open))
		cache_restart(cache);
	if (!cache_usable(cache))
		return (false);
	reader_check(cache);
	if (cache->full)
		cache_relieve(cache);
	return (cache_tidy(cache));
}

/* --- Forgetting ---------------------------------------------------------- */

/* Ends a transaction that changes the meta record with the rest. 0 or -1. */
static int
flush_commit(struct cache *cache, const struct entry_meta *meta,
    enum store_result result)
{
	if (result == STORE_OK)
		result = meta_put(cache, meta);
	if (result != STORE_OK)
		write_abort(cache, "flush", result);
	else
		result = write_commit(cache);
	if (result != STORE_OK)
		return (-1);
	cache->meta = *meta;
	return (0);
}

static enum store_result
flush_name(struct cache *cache, const struct dname *name)
{
	static const uint16_t types[] = {
	    RR_A, RR_NS, RR_CNAME, RR_SOA, RR_PTR, RR_MX, RR_TXT, RR_AAAA};
	enum store_result result = STORE_OK;
	uint8_t key[ENTRY_KEY];
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (result != STORE_OK)
			break;
		entry_key_rrset(key, &cache->meta.secret, name, types[i]);
		result = entry_remove(cache, key);
	}
	return (result);
}

int
cache_flush(struct cache *cache, const struct dname *name)
{
	struct entry_meta meta;

	cache_commit(cache);
	if (!write_begin(cache))
		return (-1);
	meta = cache->meta;
	meta.memo_epoch++;
	return (flush_commit(cache, &meta,
	    name == NULL ? store_clear(cache->store)
			 : flush_name(cache, name)));
}

int
cache_flush_failures(struct cache *cache, int64_t now)
{
	struct entry_meta meta;

	cache_commit(cache);
	if (!write_begin(cache))
		return (-1);
	meta = cache->meta;
	meta.failures_until = now;
	return (flush_commit(cache, &meta, STORE_OK));
}

int
cache_flush_memos(struct cache *cache)
{
	struct entry_meta meta;

	cache_commit(cache);
	if (!write_begin(cache))
		return (-1);
	meta = cache->meta;
	meta.memo_epoch++;
	return (flush_commit(cache, &meta, STORE_OK));
}

/* --- Looking ------------------------------------------------------------- */

void
cache_stats(struct cache *cache, struct cache_stats *stats)
{
	bool outside = !cache->reading;
	struct store_stats store;
	struct stat st;

	*stats = cache->stats;
	stats->limit = cache->limit;
	stats->map = cache->map;
	stats->open = cache_usable(cache);
	if (stat(cache->path, &st) == 0)
		stats->file = (uint64_t)st.st_size;
	if (outside)
		cache_begin(cache);
	if (cache->reading) {
		store = store_stats(cache->store, STORE_SNAPSHOT);
		stats->entries = store.values;
		stats->live = store.live;
	}
	if (outside)
		cache_end(cache);
}

/* Not damaged, not flushed. */
static bool
entry_is_shown(const struct cache *cache, struct entry *entry)
{
	switch (entry->kind) {
	case ENTRY_RRSET:
		return (rrset_forgive(cache, &entry->set));
	case ENTRY_MEMO:
		return (entry->epoch == cache->meta.memo_epoch);
	}
	return (false);
}

/* The first entry behind the cursor that can be shown. */
static enum store_result
cursor_next(
    struct cache *cache, struct cache_cursor *cursor, struct entry *entry)
{
	enum store_result result;
	enum store_side side;
	uint8_t *value;
	size_t len;

	if (!read_side(cache, &side))
		return (STORE_NOTHING);
	do {
		result = store_next(cache->store, side, !cursor->started,
		    cursor->key, &value, &len);
		if (result != STORE_OK)
			return (result);
		cursor->started = true;
		entry_read(cache, cursor->key, value, len, entry);
	} while (!entry_is_shown(cache, entry));
	return (STORE_OK);
}

bool
cache_walk(
    struct cache *cache, struct cache_cursor *cursor, struct cache_item *item)
{
	enum store_result result;
	struct entry entry;

	result = cursor_next(cache, cursor, &entry);
	if (result != STORE_OK) {
		if (result != STORE_NOTHING)
			cache_failed(cache, "walk", result);
		return (false);
	}
	memset(item, 0, sizeof(*item));
	if (entry.kind == ENTRY_RRSET) {
		item->name.len = entry.name_len;
		memcpy(item->name.wire, entry.name, entry.name_len);
		item->type = entry.type;
		item->set = entry.set;
		return (true);
	}
	item->memo = true;
	item->key = entry.key;
	item->key_len = entry.key_len;
	item->data = entry.data;
	item->data_len = entry.data_len;
	item->expires = entry.expires;
	return (true);
}

bool
cache_next(struct cache *cache, struct cache_cursor *cursor,
    struct arena *arena, struct dname *name, uint16_t *type,
    const struct rrset **set)
{
	struct cache_item item;

	do {
		if (!cache_walk(cache, cursor, &item))
			return (false);
	} while (item.memo);
	*name = item.name;
	*type = item.type;
	*set = arena_memdup(arena, &item.set, sizeof(item.set));
	return (true);
}

const char *
cache_library_version(void)
{
	return (store_library_version());
}
