/* SPDX-License-Identifier: ISC */
/*
 * All that is in a cache, one after the other: for whoever only looks, in the
 * daemon or, while it goes on, in another process.
 *
 * Order of calls: cache_open_reading(), unless the cache is open anyway; then,
 * from a zeroed cursor on, cache_begin(), cache_walk()..., cache_end(), as
 * often as it takes; cache_close().
 */
#ifndef CACHE_DUMP_H
#define CACHE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache.h"
#include "dname.h"
#include "rrset.h"

struct arena;

/*
 * For another process, whether or not a daemon uses the file. No other calls
 * than the above are possible with it. NULL, with *problem set. Between
 * cache_begin() and cache_end() nothing may wait, least of all for who reads
 * the output: what the daemon gives up meanwhile cannot be used again, and it
 * ends with a cache that is full of that.
 */
struct cache *cache_open_reading(const char *path, int64_t now,
    const char **problem);

/*
 * In no order. The cursor outlives cache_end(), so that a long dump can go on
 * in a later snapshot.
 */
struct cache_cursor {
	bool	 started;
	uint8_t	 key[16];
};
/* A record set or a memo. */
struct cache_item {
	bool	       memo;
	struct dname   name; /* of a record set */
	uint16_t       type;
	struct rrset   set;
	const uint8_t *key, *data; /* of a memo */
	size_t	       key_len, data_len;
	int64_t	       expires;
};
/* Pointers in the item are arena. False behind the last. */
bool cache_walk(struct cache *cache, struct cache_cursor *cursor,
    struct arena *arena, struct cache_item *item);

#endif
