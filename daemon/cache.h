/* SPDX-License-Identifier: ISC */
/*
 * What the daemon remembers between requests and across restarts: record sets
 * and verdicts, in one LMDB file. It may forget, it may refuse to learn, but
 * it never lies and never stops the daemon: every value carries its full name
 * and a keyed checksum and is verified at every read, a file that is damaged
 * or not ours is set aside (FILE.damaged) and a new one begun, and a disk that
 * is full makes puts fail and nothing else.
 *
 * Order of calls: cache_open(); in each turn of the loop
 *
 *	cache_put()... cache_commit()        one write transaction
 *	cache_begin() cache_get()... cache_end()  one snapshot for each run
 *	cache_tick()                         from a timer
 *
 * and cache_close(). One thread only. No function waits for the disk, save
 * cache_open() and cache_close(), and cache_tick() when it starts a new file.
 *
 * Times are milliseconds since the epoch. The caller ignores SIGXFSZ, so that
 * a file size limit is an error like a full disk.
 */
#ifndef CACHE_H
#define CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname.h"
#include "rrset.h"

struct arena;
struct cache;

/* How much of a memo can be stored. */
#define CACHE_MEMO_KEY_MAX 4096
#define CACHE_MEMO_MAX	   65536

#define CACHE_CROWD_KEEP (5 * 60 * 1000) /* ms */

struct cache_options {
	const char *path;     /* the file; its directory is private to us */
	size_t	    size;     /* octets of live pages: the bound that is held,
				 at least 2 MiB. The file may grow to twice
				 this, and never shrinks */
	int64_t	    stale_max; /* data is kept this long past its expiry */
	int64_t	    failure_keep; /* a failure is kept this long past its
				     retry_at: it tells since when DNS failed */
	unsigned    share;    /* new names of one registrable domain in a
				 minute that are kept as long as others; 0: all.
				 What is more is kept for CACHE_CROWD_KEEP and
				 so evicted first, unless it is asked again */
	int64_t	    now;
	const char *boot_id;  /* NULL: the kernel's. For tests */
};

/*
 * NULL, with the reason logged, when the configuration cannot work: the
 * directory is missing, not writable or not private, or the file is in use by
 * another daemon. Everything else (a full disk included) gives a cache, if
 * need be one that is empty until a later cache_tick() can open it.
 */
struct cache *cache_open(const struct cache_options *options);
/* Commits, marks the file as cleanly closed and syncs it. NULL is fine. */
void cache_close(struct cache *cache);
/* New values of stale_max and failure_keep, for later puts. */
void cache_keep(struct cache *cache, int64_t stale_max, int64_t failure_keep);

/*
 * A snapshot of what is committed. cache_begin() does not nest. What the
 * getters return between the two is borrowed until cache_end().
 *
 * Without cache_begin() the getters read what has been put so far in this
 * write transaction, and the result is borrowed only until the next call that
 * writes: meant for "get, change a copy, put".
 */
void cache_begin(struct cache *cache);
void cache_end(struct cache *cache);

/*
 * The set as it was put, expired or not, or NULL. The struct is in `arena`,
 * its rdata in the file's map: read only.
 */
const struct rrset *cache_get(struct cache *cache, struct arena *arena,
    const struct dname *name, uint16_t type);

/*
 * Remembers the set in place of an older one, with all its fields. Failures to
 * store are counted and logged once a minute. Nothing is visible to
 * cache_begin() and nothing survives before cache_commit().
 */
void cache_put(struct cache *cache, const struct dname *name, uint16_t type,
    const struct rrset *set);
/* Nothing to do is fine, and cheap. */
void cache_commit(struct cache *cache);

/*
 * Memos: values of the caller's own under keys of its own, for verdicts. A
 * memo past `expires` is not returned (`now`). Keys up to CACHE_MEMO_KEY_MAX,
 * values up to CACHE_MEMO_MAX; longer ones are not stored. Borrowed as above.
 */
const uint8_t *cache_memo_get(struct cache *cache, const void *key,
    size_t keylen, int64_t now, size_t *len);
void cache_memo_put(struct cache *cache, const void *key, size_t keylen,
    const void *value, size_t len, int64_t expires);

/*
 * Timer work, at least once a second, not between cache_begin() and
 * cache_end(): removes at most 100 entries that are of no use any more or, if
 * the file is too large, next to be so; recovers from damage. True: call again
 * soon.
 */
bool cache_tick(struct cache *cache, int64_t now);

/*
 * Forgets a name's records of all types and every memo, which may rest on
 * them; `name` NULL: everything. Committed at once. Not between cache_begin()
 * and cache_end(). Returns 0, or -1 if it could not be written.
 */
int cache_flush(struct cache *cache, const struct dname *name);
/*
 * Forgets all failures seen until `now`: what failed will be asked again. This
 * and the next hold at once, also when they cannot be written.
 */
int cache_flush_failures(struct cache *cache, int64_t now);
/* Forgets all memos: after the rules have changed. */
int cache_flush_memos(struct cache *cache);

struct cache_stats {
	bool	 open;		/* false: no file at the moment */
	uint64_t entries;	/* record sets and memos */
	uint64_t live;		/* octets of pages in use */
	uint64_t limit;		/* the bound on `live` */
	uint64_t map;		/* the largest the file can become */
	uint64_t file;		/* its length now */
	uint64_t puts;		/* since cache_open(), as all that follow */
	uint64_t put_failures;
	uint64_t expired;	/* removed when they were of no use any more */
	uint64_t evicted;	/* removed before, to stay within the bound */
	uint64_t damaged;	/* values that did not verify: misses */
	uint64_t set_aside;	/* files given up */
};
void cache_stats(struct cache *cache, struct cache_stats *stats);

const char *cache_library_version(void);

#endif
