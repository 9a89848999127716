/* SPDX-License-Identifier: ISC */
#include "cache.h"

#include <sys/stat.h>

#include <string.h>

#include "arena.h"
#include "cache_entry.h"
#include "cache_file.h"
#include "stats.h"

#define PUT_REMOVES 2 /* per put over the bound; one more a page */

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

	if (cache_too_large(cache)) {
		result = cache_make_room(cache,
		    PUT_REMOVES + (unsigned)(len / store_page(cache->store)));
		if (result != STORE_OK && result != STORE_NOTHING)
			return (result);
	}
	result = cache_entry_remove(cache, key);
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
	result = cache_entry_find(cache, side, key, entry);
	if (result == STORE_OK)
		return (entry->kind != 0);
	if (result != STORE_NOTHING)
		cache_failed(cache, "get", result);
	return (false);
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
	    !cache_forgive(cache, &entry.set))
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

/* --- Forgetting ---------------------------------------------------------- */

/*
 * Commits what was removed, and the meta record with it. That one holds from
 * now on even if it cannot be written: then it may be later. 0 or -1.
 */
static int
flush_commit(struct cache *cache, enum store_result result)
{
	if (result == STORE_OK)
		result = cache_meta_put(cache, &cache->meta);
	if (result != STORE_OK)
		cache_write_abort(cache, "flush", result);
	else
		result = cache_write_commit(cache);
	return (result == STORE_OK ? 0 : -1);
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
		result = cache_entry_remove(cache, key);
	}
	return (result);
}

int
cache_flush(struct cache *cache, const struct dname *name)
{
	cache_commit(cache);
	cache->meta.memo_epoch++;
	if (!cache_write(cache))
		return (-1);
	return (flush_commit(cache, name == NULL ? store_clear(cache->store)
						 : flush_name(cache, name)));
}

int
cache_flush_failures(struct cache *cache, int64_t now)
{
	cache_commit(cache);
	cache->meta.failures_until = now;
	return (cache_write(cache) ? flush_commit(cache, STORE_OK) : -1);
}

int
cache_flush_memos(struct cache *cache)
{
	cache_commit(cache);
	cache->meta.memo_epoch++;
	return (cache_write(cache) ? flush_commit(cache, STORE_OK) : -1);
}

/* --- Accounts ------------------------------------------------------------ */

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

const char *
cache_library_version(void)
{
	return (store_library_version());
}
