/* SPDX-License-Identifier: ISC */
/*
 * The cache's file as a plain store, and the only place that knows LMDB:
 * values under keys, an index of the times they stand for, and one record
 * about the file itself, all changed together by transactions. What the
 * octets mean, when the file may be trusted and what to do when not is the
 * cache's business.
 *
 * Order of calls: store_new(); store_open() or store_open_reading(), after
 * mdbfile_check(); then
 *
 *	store_snapshot() store_get()... store_snapshot_end()
 *	store_write() store_put()... store_commit() or store_abort()
 *
 * in any mixture, one of each at a time; store_close() and perhaps another
 * store_open(); store_free(). Nothing waits for the disk but store_sync().
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_KEY 16

struct store;

/* How each operation ended. store_problem() has words for the last three. */
enum store_result {
	STORE_OK,
	STORE_NOTHING, /* nothing there, or nothing behind the last */
	STORE_FULL,    /* no page of the map is left: store_abort() */
	STORE_DAMAGED, /* the file is bad, and will be: store_close() */
	STORE_FAILED   /* not this time; a full disk, say: store_abort() */
};

/* Where to read: what is committed, or that and what is being written. */
enum store_side { STORE_SNAPSHOT, STORE_WRITING };

/* `map`: octets, the largest the file can become. Closed at first. */
struct store *store_new(const char *path, size_t map);
void store_free(struct store *store);

/*
 * Opens the file, or makes one. `meta` of `len` octets is the record for a new
 * file; it gets the record of one that was there. On failure it is closed.
 */
enum store_result store_open(struct store *store, void *meta, size_t len);
/* For a process that only looks. Nothing is made. */
enum store_result store_open_reading(struct store *store, void *meta,
    size_t len);
/* What is not committed is lost. Closed already is fine. */
void store_close(struct store *store);
bool store_is_open(const struct store *store);

enum store_result store_snapshot(struct store *store);
void store_snapshot_end(struct store *store); /* none is fine */

/* A transaction that is open goes on. */
enum store_result store_write(struct store *store);
bool store_is_writing(const struct store *store);
/* Both end the transaction; none is fine. */
enum store_result store_commit(struct store *store);
void store_abort(struct store *store);

/* The value, borrowed until the end of the snapshot or the next write. */
enum store_result store_get(struct store *store, enum store_side side,
    const uint8_t key[STORE_KEY], uint8_t **value, size_t *len);
/*
 * The value behind `key` in the order of keys, the first if `first`; `key`
 * becomes its key.
 */
enum store_result store_next(struct store *store, enum store_side side,
    bool first, uint8_t key[STORE_KEY], uint8_t **value, size_t *len);

/*
 * These write, and do not change what they are given. A value and its place in
 * the index are put separately: only the caller knows the time a value has.
 */
enum store_result store_put(struct store *store, const uint8_t key[STORE_KEY],
    void *value, size_t len);
/* There must be one. */
enum store_result store_del(struct store *store, const uint8_t key[STORE_KEY]);
enum store_result store_index_put(struct store *store, uint32_t time,
    const uint8_t key[STORE_KEY]);
/* There may be none. */
enum store_result store_index_del(struct store *store, uint32_t time,
    const uint8_t key[STORE_KEY]);
/* The earliest of the index. */
enum store_result store_index_first(struct store *store, uint32_t *time,
    uint8_t key[STORE_KEY]);
enum store_result store_meta_put(struct store *store, void *meta,
    size_t len);
/* Forgets all values and the index. */
enum store_result store_clear(struct store *store);

/* All that is committed is on the disk. */
enum store_result store_sync(struct store *store);
/*
 * While closed, and after the file has been moved away: who still reads that
 * one shall not pin the pages of the next.
 */
void store_forget_readers(struct store *store);
/* Frees what processes that died had pinned. Returns how many these were. */
int store_reader_check(struct store *store);

struct store_stats {
	uint64_t values, places; /* in the index: fewer is damage */
	size_t	 live;		 /* octets of pages in use */
};
/* Zeros if it cannot be told. */
struct store_stats store_stats(struct store *store, enum store_side side);
size_t store_page(const struct store *store); /* octets */

/* Why the last operation that failed did. A constant, or valid until then. */
const char *store_problem(const struct store *store);
const char *store_library_version(void);

#endif
