/* SPDX-License-Identifier: ISC */
/*
 * The middle of the cache, for its other parts alone: how an entry stands in
 * the file, and how it leaves it. It stands in the store (store.h) under its
 * key, with a place in the index: when it will be of no use. That is also the
 * order in which entries are evicted when there are too many.
 *
 * cache_tick() of cache.h is here, too.
 */
#ifndef CACHE_ENTRY_H
#define CACHE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache.h"
#include "entry.h"
#include "store.h"

/* What stands in a value; kind 0, and counted, if it does not verify. */
void cache_entry_read(struct cache *cache, const uint8_t key[ENTRY_KEY],
    uint8_t *value, size_t len, struct entry *entry);
/* What stands under `key`, as cache_entry_read() has it. */
enum store_result cache_entry_find(struct cache *cache, enum store_side side,
    const uint8_t key[ENTRY_KEY], struct entry *entry);
/*
 * What the set says beside failures that have been flushed: they are as if
 * they had not been. False: nothing.
 */
bool cache_forgive(const struct cache *cache, struct rrset *set);

/* Removes the entry if it is there, and its place in the index. */
enum store_result cache_entry_remove(struct cache *cache,
    const uint8_t key[ENTRY_KEY]);
/* Of what is being written: is the file over its bound? */
bool cache_too_large(struct cache *cache);
/*
 * Removes up to `max` entries that are of no use any more or, while the file
 * is over its bound, the next to be so. STORE_NOTHING: nothing is left to do.
 */
enum store_result cache_make_room(struct cache *cache, unsigned max);

#endif
