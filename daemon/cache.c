/* SPDX-License-Identifier: ISC */
/*
 * An entry stands in the store (store.h) under its key (entry.h); the store's
 * index lists when entries will be of no use, which is the order they are
 * removed in.
 */
#include "cache.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "cache_file.h"
#include "log.h"
#include "mdbfile.h"
#include "stats.h"

#define TICK_MAX    100 /* removals at once: at most about 1 ms */
#define PUT_REMOVES 2	/* per put over the bound; one more a page */

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
	if (len == 0 || cache->full || !cache_write(cache)) {
		cache->stats.put_failures++;
		stat_count(STAT_CACHE_PUT_FAILURES);
		return;
	}
	cache->pending++;
	result = entry_store(cache, key, len, entry->useless);
	if (result != STORE_OK)
		cache_write_abort(cache, "put", result);
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
	if (cache->full || !cache_write(cache) ||
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

	if (!cache_read_side(cache, &side))
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
	cache->next_check = cache->now + CACHE_MINUTE;
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
	for (i = 0; i < TICK_MAX && cache_write(cache); i++) {
		result = remove_some(cache, 1);
		if (result != STORE_OK && result != STORE_NOTHING)
			break;
		if ((result = cache_write_commit(cache)) != STORE_OK)
			break;
	}
	if (i < TICK_MAX && store_is_writing(cache->store))
		cache_write_abort(cache, "relieve", result);
	if (i == 0 && result == STORE_FULL)
		cache->broken = "full";
	cache->full = false;
}

static bool
cache_tidy(struct cache *cache)
{
	enum store_result result;

	if (!cache_write(cache))
		return (false);
	result = remove_some(cache, TICK_MAX);
	if (result == STORE_OK || result == STORE_NOTHING)
		return (cache_write_commit(cache) == STORE_OK &&
			result == STORE_OK);
	cache_write_abort(cache, "tidy", result);
	return (false);
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
		result = cache_meta_put(cache, meta);
	if (result != STORE_OK)
		cache_write_abort(cache, "flush", result);
	else
		result = cache_write_commit(cache);
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
	if (!cache_write(cache))
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
	if (!cache_write(cache))
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
	if (!cache_write(cache))
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

	if (!cache_read_side(cache, &side))
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
