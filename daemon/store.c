/* SPDX-License-Identifier: ISC */
/*
 * Three databases of one LMDB environment:
 *
 *	data	key -> value
 *	expiry	u32 big-endian time, key -> nothing
 *	main	(the unnamed one) the record about the file
 *
 * LMDB writes without sync, which is safe as long as the kernel lives: after a
 * crash of the process the file is whole.
 */
#include "store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/*
 * The plain mode of LMDB, not WRITEMAP: a full disk then is an error of the
 * write, and not a signal.
 */
#define FLAGS	  (MDB_NOSUBDIR | MDB_NOTLS | MDB_NOSYNC | MDB_NORDAHEAD)
#define MODE	  0600
#define INDEX_KEY (4 + STORE_KEY)

/* In the main database, beside the names of the two. */
static char meta_key[] = "verdictd";

struct store {
	char *path;
	size_t map, page;
	MDB_env *env; /* NULL: closed */
	MDB_dbi main, data, expiry;
	MDB_txn *read;	/* reset unless a snapshot is open */
	MDB_txn *write; /* NULL: none open */
	const char *problem;
};

/* Errors that say that the file, not the moment, is bad. */
static bool
rc_is_damage(int rc)
{
	switch (rc) {
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_PANIC:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE:
	case MDB_CURSOR_FULL:
	case MDB_PAGE_FULL:
	case MDB_NOTFOUND:
	case MDB_BAD_VALSIZE:
		return (true);
	default:
		return (false);
	}
}

static enum store_result
store_ended(struct store *store, int rc)
{
	if (rc == 0)
		return (STORE_OK);
	store->problem = mdb_strerror(rc);
	if (rc == MDB_MAP_FULL)
		return (STORE_FULL);
	return (rc_is_damage(rc) ? STORE_DAMAGED : STORE_FAILED);
}

/* Where it is no surprise that there is nothing. */
static enum store_result
store_found(struct store *store, int rc)
{
	return (rc == MDB_NOTFOUND ? STORE_NOTHING : store_ended(store, rc));
}

static enum store_result
store_damaged(struct store *store, const char *problem)
{
	store->problem = problem;
	return (STORE_DAMAGED);
}

const char *
store_problem(const struct store *store)
{
	return (store->problem);
}

/* LMDB found its own structure wrong, and will abort the process. */
static void
store_assertion(MDB_env *env, const char *message)
{
	struct store *store = mdb_env_get_userctx(env);

	log_error(
	    "cache.assertion path=%s reason=\"%s\"", store->path, message);
	(void)unlink(store->path);
}

/* --- Opening ------------------------------------------------------------- */

struct store *
store_new(const char *path, size_t map)
{
	struct store *store = calloc(1, sizeof(*store));

	if (store == NULL || (store->path = strdup(path)) == NULL)
		fatal(111, "store.out_of_memory");
	store->map = map;
	store->problem = "closed";
	return (store);
}

void
store_free(struct store *store)
{
	store_close(store);
	free(store->path);
	free(store);
}

bool
store_is_open(const struct store *store)
{
	return (store->env != NULL);
}

void
store_close(struct store *store)
{
	if (store->env == NULL)
		return;
	store_abort(store);
	if (store->read != NULL)
		mdb_txn_abort(store->read);
	mdb_env_close(store->env);
	store->env = NULL;
	store->read = NULL;
}

static int
meta_put(struct store *store, MDB_txn *txn, void *meta, size_t len)
{
	MDB_val key = {sizeof(meta_key), meta_key};
	MDB_val value = {len, meta};

	return (mdb_put(txn, store->main, &key, &value, 0));
}

/* The record of the file; a file without it, or with another, is not ours. */
static enum store_result
meta_get(struct store *store, MDB_txn *txn, void *meta, size_t len)
{
	MDB_val key = {sizeof(meta_key), meta_key}, value;

	if (mdb_get(txn, store->main, &key, &value) != 0 ||
	    value.mv_size != len)
		return (store_damaged(store, "not a cache of this version"));
	memcpy(meta, value.mv_data, len);
	return (STORE_OK);
}

static int
databases_open(struct store *store, MDB_txn *txn, unsigned flags)
{
	int rc = mdb_dbi_open(txn, "data", flags, &store->data);

	return (
	    rc == 0 ? mdb_dbi_open(txn, "expiry", flags, &store->expiry) : rc);
}

/* A file without anything in it is new, unless it may not be written to. */
static enum store_result
contents_open(
    struct store *store, MDB_txn *txn, void *meta, size_t len, bool writing)
{
	enum store_result result;
	MDB_stat stat;
	int rc;

	if ((rc = mdb_dbi_open(txn, NULL, 0, &store->main)) != 0 ||
	    (rc = mdb_stat(txn, store->main, &stat)) != 0)
		return (store_ended(store, rc));
	store->page = stat.ms_psize;
	if (stat.ms_entries == 0 && writing) {
		rc = meta_put(store, txn, meta, len);
		if (rc == 0)
			rc = databases_open(store, txn, MDB_CREATE);
		return (store_ended(store, rc));
	}
	result = meta_get(store, txn, meta, len);
	if (result != STORE_OK)
		return (result);
	return (store_ended(store, databases_open(store, txn, 0)));
}

/* The handles stay only if the transaction that opened them is committed. */
static enum store_result
environment_begin(struct store *store, void *meta, size_t len, bool writing)
{
	enum store_result result;
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(store->env, NULL, writing ? 0 : MDB_RDONLY, &txn);
	if (rc != 0)
		return (store_ended(store, rc));
	result = contents_open(store, txn, meta, len, writing);
	if (result != STORE_OK) {
		mdb_txn_abort(txn);
		return (result);
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->read);
	if (rc == 0)
		mdb_txn_reset(store->read);
	return (store_ended(store, rc));
}

static int
environment_open(struct store *store, unsigned flags)
{
	int rc = mdb_env_create(&store->env);

	if (rc != 0) {
		store->env = NULL;
		return (rc);
	}
	mdb_env_set_userctx(store->env, store);
	rc = mdb_env_set_maxdbs(store->env, 2);
	if (rc == 0 && (flags & MDB_RDONLY) == 0)
		rc = mdb_env_set_assert(store->env, store_assertion);
	if (rc == 0 && (flags & MDB_RDONLY) == 0)
		rc = mdb_env_set_mapsize(store->env, store->map);
	return (
	    rc != 0 ? rc : mdb_env_open(store->env, store->path, flags, MODE));
}

static enum store_result
file_open(struct store *store, void *meta, size_t len, unsigned flags)
{
	enum store_result result;

	result = store_ended(store, environment_open(store, flags));
	if (result == STORE_OK)
		result = environment_begin(
		    store, meta, len, (flags & MDB_RDONLY) == 0);
	if (result != STORE_OK)
		store_close(store);
	return (result);
}

enum store_result
store_open(struct store *store, void *meta, size_t len)
{
	return (file_open(store, meta, len, FLAGS));
}

/* Where LMDB lists the readers. */
static void
lock_path(const struct store *store, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s-lock", store->path);
}

/* Without a lock file there has been no daemon, and one is not made for it. */
enum store_result
store_open_reading(struct store *store, void *meta, size_t len)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY;
	char path[4096];

	lock_path(store, path, sizeof(path));
	if (access(path, F_OK) == -1)
		flags |= MDB_NOLOCK;
	return (file_open(store, meta, len, flags));
}

/* --- Transactions -------------------------------------------------------- */

enum store_result
store_snapshot(struct store *store)
{
	return (store_ended(store, mdb_txn_renew(store->read)));
}

void
store_snapshot_end(struct store *store)
{
	if (store->env != NULL)
		mdb_txn_reset(store->read);
}

enum store_result
store_write(struct store *store)
{
	int rc;

	if (store->write != NULL)
		return (STORE_OK);
	rc = mdb_txn_begin(store->env, NULL, 0, &store->write);
	if (rc != 0)
		store->write = NULL;
	return (store_ended(store, rc));
}

bool
store_is_writing(const struct store *store)
{
	return (store->write != NULL);
}

enum store_result
store_commit(struct store *store)
{
	MDB_txn *txn = store->write;

	store->write = NULL;
	return (
	    txn == NULL ? STORE_OK : store_ended(store, mdb_txn_commit(txn)));
}

void
store_abort(struct store *store)
{
	if (store->write != NULL)
		mdb_txn_abort(store->write);
	store->write = NULL;
}

enum store_result
store_sync(struct store *store)
{
	return (store_ended(store, mdb_env_sync(store->env, 1)));
}

int
store_reader_check(struct store *store)
{
	int dead = 0;

	return (mdb_reader_check(store->env, &dead) == 0 ? dead : 0);
}

void
store_forget_readers(struct store *store)
{
	char path[4096];

	lock_path(store, path, sizeof(path));
	(void)unlink(path);
}

/* --- Values -------------------------------------------------------------- */

static MDB_txn *
side_txn(const struct store *store, enum store_side side)
{
	return (side == STORE_SNAPSHOT ? store->read : store->write);
}

/* LMDB does not write to keys, but its types cannot say so: hence a copy. */
static MDB_val
key_copy(uint8_t copy[STORE_KEY], const uint8_t key[STORE_KEY])
{
	MDB_val val = {STORE_KEY, copy};

	memcpy(copy, key, STORE_KEY);
	return (val);
}

enum store_result
store_get(struct store *store, enum store_side side,
    const uint8_t key[STORE_KEY], uint8_t **value, size_t *len)
{
	uint8_t copy[STORE_KEY];
	MDB_val k = key_copy(copy, key), found;
	int rc = mdb_get(side_txn(store, side), store->data, &k, &found);

	if (rc == 0) {
		*value = found.mv_data;
		*len = found.mv_size;
	}
	return (store_found(store, rc));
}

/* Moves to the first key behind `key`, or of all. */
static int
cursor_step(
    MDB_cursor *at, bool first, uint8_t key[STORE_KEY], MDB_val *k, MDB_val *v)
{
	int rc;

	*k = (MDB_val){STORE_KEY, key};
	rc = mdb_cursor_get(at, k, v, first ? MDB_FIRST : MDB_SET_RANGE);
	if (rc == 0 && !first && k->mv_size == STORE_KEY &&
	    memcmp(k->mv_data, key, STORE_KEY) == 0)
		rc = mdb_cursor_get(at, k, v, MDB_NEXT);
	if (rc == 0 && k->mv_size != STORE_KEY)
		rc = MDB_CORRUPTED;
	return (rc);
}

enum store_result
store_next(struct store *store, enum store_side side, bool first,
    uint8_t key[STORE_KEY], uint8_t **value, size_t *len)
{
	MDB_cursor *at;
	MDB_val k, v;
	int rc;

	rc = mdb_cursor_open(side_txn(store, side), store->data, &at);
	if (rc != 0)
		return (store_ended(store, rc));
	rc = cursor_step(at, first, key, &k, &v);
	mdb_cursor_close(at);
	if (rc == 0) {
		memcpy(key, k.mv_data, STORE_KEY);
		*value = v.mv_data;
		*len = v.mv_size;
	}
	return (store_found(store, rc));
}

enum store_result
store_put(
    struct store *store, const uint8_t key[STORE_KEY], void *value, size_t len)
{
	uint8_t copy[STORE_KEY];
	MDB_val k = key_copy(copy, key), v = {len, value};

	return (
	    store_ended(store, mdb_put(store->write, store->data, &k, &v, 0)));
}

enum store_result
store_del(struct store *store, const uint8_t key[STORE_KEY])
{
	uint8_t copy[STORE_KEY];
	MDB_val k = key_copy(copy, key);

	return (
	    store_ended(store, mdb_del(store->write, store->data, &k, NULL)));
}

/* --- The index ----------------------------------------------------------- */

/* So written, times sort as numbers do. */
static void
index_write(uint8_t out[INDEX_KEY], uint32_t time, const uint8_t key[STORE_KEY])
{
	unsigned i;

	for (i = 0; i < 4; i++)
		out[i] = (uint8_t)(time >> (24 - 8 * i));
	memcpy(out + 4, key, STORE_KEY);
}

enum store_result
store_index_put(
    struct store *store, uint32_t time, const uint8_t key[STORE_KEY])
{
	uint8_t buf[INDEX_KEY];
	MDB_val k = {INDEX_KEY, buf}, none = {0, NULL};

	index_write(buf, time, key);
	return (store_ended(
	    store, mdb_put(store->write, store->expiry, &k, &none, 0)));
}

enum store_result
store_index_del(
    struct store *store, uint32_t time, const uint8_t key[STORE_KEY])
{
	uint8_t buf[INDEX_KEY];
	MDB_val k = {INDEX_KEY, buf};
	int rc;

	index_write(buf, time, key);
	rc = mdb_del(store->write, store->expiry, &k, NULL);
	return (store_ended(store, rc == MDB_NOTFOUND ? 0 : rc));
}

enum store_result
store_index_first(struct store *store, uint32_t *time, uint8_t key[STORE_KEY])
{
	MDB_cursor *cursor;
	MDB_val k, v;
	const uint8_t *p;
	int rc;

	rc = mdb_cursor_open(store->write, store->expiry, &cursor);
	if (rc != 0)
		return (store_ended(store, rc));
	rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
	mdb_cursor_close(cursor);
	if (rc == 0 && k.mv_size != INDEX_KEY)
		rc = MDB_CORRUPTED;
	if (rc == 0) {
		p = k.mv_data;
		*time = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
			(uint32_t)p[2] << 8 | p[3];
		memcpy(key, p + 4, STORE_KEY);
	}
	return (store_found(store, rc));
}

/* --- The file ------------------------------------------------------------ */

enum store_result
store_meta_put(struct store *store, void *meta, size_t len)
{
	return (store_ended(store, meta_put(store, store->write, meta, len)));
}

enum store_result
store_clear(struct store *store)
{
	int rc = mdb_drop(store->write, store->data, 0);

	if (rc == 0)
		rc = mdb_drop(store->write, store->expiry, 0);
	return (store_ended(store, rc));
}

struct store_stats
store_stats(struct store *store, enum store_side side)
{
	const MDB_dbi dbi[3] = {store->main, store->data, store->expiry};
	struct store_stats stats = {0, 0, 0};
	MDB_stat stat[3];
	unsigned i;

	for (i = 0; i < 3; i++) {
		if (mdb_stat(side_txn(store, side), dbi[i], &stat[i]) != 0)
			memset(&stat[i], 0, sizeof(stat[i]));
		stats.live += (stat[i].ms_branch_pages + stat[i].ms_leaf_pages +
				  stat[i].ms_overflow_pages) *
			      store->page;
	}
	stats.values = stat[1].ms_entries;
	stats.places = stat[2].ms_entries;
	return (stats);
}

size_t
store_page(const struct store *store)
{
	return (store->page);
}

const char *
store_library_version(void)
{
	static char text[32];
	int major, minor, patch;

	mdb_version(&major, &minor, &patch);
	(void)snprintf(text, sizeof(text), "%d.%d.%d", major, minor, patch);
	return (text);
}
