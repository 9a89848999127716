/* SPDX-License-Identifier: ISC */
#include "cache_entry.h"

#include <string.h>

#include "cache_file.h"
#include "log.h"
#include "stats.h"

#define TICK_MAX 100 /* removals at once: at most about 1 ms */

/* --- Finding ------------------------------------------------------------- */

void
cache_entry_read(struct cache *cache, const uint8_t key[ENTRY_KEY],
    uint8_t *value, size_t len, struct entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	if (entry_decode(entry, &cache->meta.secret, key, value, len))
		return;
	entry->kind = 0;
	cache->stats.damaged++;
	stat_count(STAT_CACHE_DAMAGED);
}

enum store_result
cache_entry_find(struct cache *cache, enum store_side side,
    const uint8_t key[ENTRY_KEY], struct entry *entry)
{
	enum store_result result;
	uint8_t *value;
	size_t len;

	result = store_get(cache->store, side, key, &value, &len);
	if (result == STORE_OK)
		cache_entry_read(cache, key, value, len, entry);
	return (result);
}

bool
cache_forgive(const struct cache *cache, struct rrset *set)
{
	const int64_t until = cache->meta.failures_until;

	/* A flush that is still to come was made under a wrong clock. */
	if (set->failure == RR_FAILURE_NONE || set->failed_at > until ||
	    until > cache->now + RRSET_FUTURE)
		return (true);
	set->failure = RR_FAILURE_NONE;
	set->failures = 0;
	set->failed_since = set->failed_at = set->retry_at = 0;
	return (set->state != RR_FAILED);
}

/* --- Removing ------------------------------------------------------------ */

enum store_result
cache_entry_remove(struct cache *cache, const uint8_t key[ENTRY_KEY])
{
	enum store_result result;
	struct entry entry;

	result = cache_entry_find(cache, STORE_WRITING, key, &entry);
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

	result = cache_entry_find(cache, STORE_WRITING, key, &entry);
	/* An entry with another time has another place in the index. */
	if (result == STORE_OK && (entry.kind == 0 || entry.useless == useless))
		result = store_del(cache->store, key);
	if (result != STORE_OK && result != STORE_NOTHING)
		return (result);
	return (store_index_del(cache->store, useless, key));
}

bool
cache_too_large(struct cache *cache)
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

enum store_result
cache_make_room(struct cache *cache, unsigned max)
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
		if (!expired && !cache->full && !cache_too_large(cache))
			return (STORE_NOTHING);
		result = place_remove(cache, useless, key);
		if (result != STORE_OK)
			return (result);
		removal_count(cache, expired);
	}
	return (STORE_OK);
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
		result = cache_make_room(cache, 1);
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
	result = cache_make_room(cache, TICK_MAX);
	if (result == STORE_OK || result == STORE_NOTHING)
		return (cache_write_commit(cache) == STORE_OK &&
			result == STORE_OK);
	cache_write_abort(cache, "tidy", result);
	return (false);
}

/* When the clock is set back, what was due in a while is due now. */
static void
time_take(struct cache *cache, int64_t now)
{
	if (now < cache->now)
		cache->next_open = cache->next_complaint = cache->next_check =
		    now;
	cache->now = now;
}

bool
cache_tick(struct cache *cache, int64_t now)
{
	time_take(cache, now);
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
