/* SPDX-License-Identifier: ISC */
/*
 * The lower half of the cache, for its other parts alone: the file from its
 * finding to its end, and transactions over it. A file that is in use, damaged
 * or not ours is found out here, set aside, and begun anew; what the entries
 * in it mean is known above.
 *
 * The store writes without sync (a cache may be lost), which is safe as long
 * as the kernel lives: after a crash of the daemon the file is whole. After a
 * crash of the host it may be a mixture of old and new pages, so a file that
 * was open under another boot id is not used. LMDB trusts what is in the file;
 * so mdbfile_check() goes through all of it before it may be opened.
 *
 * cache_open(), cache_close(), cache_begin(), cache_end(), cache_commit() and
 * cache_keep() of cache.h are here, too.
 */
#ifndef CACHE_FILE_H
#define CACHE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache.h"
#include "entry.h"
#include "share.h"
#include "store.h"

#define CACHE_MINUTE 60000 /* ms: between complaints, reader checks, retries */

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

/* Just the struct, with no file open. */
struct cache *cache_new(const struct cache_options *options);
void cache_free(struct cache *cache);
/* The name of the file with a suffix. */
void cache_path(const struct cache *cache, char *buf, size_t size,
    const char *suffix);

/*
 * Closes the file, sets it aside if it is broken, and opens it or a new one:
 * now, or a minute later when that fails.
 */
void cache_restart(struct cache *cache);
/* There is a file, and nothing is known against it. */
bool cache_usable(const struct cache *cache);

/*
 * An operation failed: go on, and say so, but not every time. What has to be
 * done about it, cache_tick() will do.
 */
void cache_failed(struct cache *cache, const char *doing,
    enum store_result result);

/* Opens the write transaction unless there is one. False: not possible. */
bool cache_write(struct cache *cache);
enum store_result cache_write_commit(struct cache *cache);
/* After `doing` failed: the transaction is void, all its puts are lost. */
void cache_write_abort(struct cache *cache, const char *doing,
    enum store_result result);
/* Puts the record about the file. */
enum store_result cache_meta_put(struct cache *cache,
    const struct entry_meta *meta);

/* Where the getters read; false: nowhere. */
bool cache_read_side(struct cache *cache, enum store_side *side);

#endif
