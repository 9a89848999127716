/* SPDX-License-Identifier: ISC */
/*
 * Two databases that always change together:
 *
 *	data	key of the entry (entry.h) -> the entry
 *	expiry	u32 big-endian seconds, key of the entry -> nothing
 *
 * The second lists what will first be of no use: the order in which entries
 * are removed. Beside them stands the meta record: what makes the file ours,
 * its secret, and whether it was closed cleanly.
 *
 * LMDB writes without sync (a cache may be lost), which is safe as long as the
 * kernel lives: after a crash of the daemon the file is whole. After a crash
 * of the host it may be a mixture of old and new pages, so a file that was
 * open under another boot id is not used. LMDB itself trusts what is in the
 * file; so mdbfile_check() goes through all of it before LMDB may.
 */
#include "cache.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
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

/*
 * The plain mode of LMDB, not WRITEMAP: a full disk then is an error of the
 * write, and not a signal.
 */
#define ENV_FLAGS (MDB_NOSUBDIR | MDB_NOTLS | MDB_NOSYNC | MDB_NORDAHEAD)
#define ENV_MODE  0600

#define MAP_MIN	    (4 * 1024 * 1024)
#define INDEX_KEY   (4 + ENTRY_KEY)
#define TICK_MAX    100	  /* removals at once: at most about 1 ms */
#define PUT_REMOVES 2	  /* per put over the bound; one more a page */
#define MINUTE	    60000 /* ms: between complaints, reader checks, retries */

/* In the main database, beside the names of the two. */
static char meta_key[] = "verdictd";

struct cache {
	char *path;
	size_t limit, map; /* octets: of live pages, of the map */
	int64_t stale_max, failure_keep;
	char boot_id[ENTRY_BOOT_ID];
	int64_t now; /* as of the last tick */

	int lock;     /* holds FILE.owner: no other daemon uses the file */
	MDB_env *env; /* NULL: no file at the moment */
	MDB_dbi main, data, expiry;
	size_t page;
	MDB_txn *read;	/* reset unless `reading` */
	MDB_txn *write; /* NULL: none open */
	bool reading;
	uint64_t pending; /* puts in `write` */
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

/* An operation failed: go on, and say so, but not every time. */
static void
cache_failed(struct cache *cache, const char *doing, int rc)
{
	if (rc_is_damage(rc))
		cache->broken = mdb_strerror(rc);
	if (rc == MDB_MAP_FULL)
		cache->full = true;
	if (cache->now < cache->next_complaint)
		return;
	cache->next_complaint = cache->now + MINUTE;
	log_warning("cache.failed doing=%s reason=\"%s\" put_failures=%llu",
	    doing, mdb_strerror(rc),
	    (unsigned long long)cache->stats.put_failures);
}

/* LMDB found its own structure wrong, and will abort the process. */
static void
cache_assertion(MDB_env *env, const char *message)
{
	struct cache *cache = mdb_env_get_userctx(env);

	log_error(
	    "cache.assertion path=%s reason=\"%s\"", cache->path, message);
	(void)unlink(cache->path);
}

/* --- The meta record ----------------------------------------------------- */

static int
meta_put(struct cache *cache, MDB_txn *txn, const struct entry_meta *meta)
{
	uint8_t buf[ENTRY_META_LEN];
	MDB_val key = {sizeof(meta_key), meta_key};
	MDB_val value = {ENTRY_META_LEN, buf};

	entry_meta_encode(meta, buf);
	return (mdb_put(txn, cache->main, &key, &value, 0));
}

/* In a transaction of its own. */
static int
meta_save(struct cache *cache, const struct entry_meta *meta)
{
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(cache->env, NULL, 0, &txn);
	if (rc != 0)
		return (rc);
	rc = meta_put(cache, txn, meta);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return (rc);
	}
	return (mdb_txn_commit(txn));
}

/*
 * The mark "in use" must be on the disk before any other page is written, and
 * "closed" only after all of them: hence a sync on either side.
 */
static int
meta_mark(struct cache *cache, bool clean)
{
	struct entry_meta meta = cache->meta;
	int rc = 0;

	memcpy(meta.boot_id, cache->boot_id, ENTRY_BOOT_ID);
	meta.clean = clean;
	if (clean)
		rc = mdb_env_sync(cache->env, 1);
	if (rc == 0)
		rc = meta_save(cache, &meta);
	if (rc == 0)
		rc = mdb_env_sync(cache->env, 1);
	if (rc == 0) {
		cache->meta = meta;
		cache->marked = !clean;
	}
	return (rc);
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

/* What every other module may not see: the three handles, in one write. */
static int
env_begin(struct cache *cache, MDB_txn *txn, const char **why)
{
	MDB_val key = {sizeof(meta_key), meta_key}, value;
	unsigned create = 0;
	MDB_stat stat;
	int rc;

	if ((rc = mdb_dbi_open(txn, NULL, 0, &cache->main)) != 0 ||
	    (rc = mdb_stat(txn, cache->main, &stat)) != 0)
		return (rc);
	if (stat.ms_entries == 0) {
		create = MDB_CREATE;
		hash_random(&cache->meta.secret, sizeof(cache->meta.secret));
		cache->meta.clean = true;
		if ((rc = meta_put(cache, txn, &cache->meta)) != 0)
			return (rc);
	} else if (mdb_get(txn, cache->main, &key, &value) != 0 ||
		   !entry_meta_decode(
		       &cache->meta, value.mv_data, value.mv_size)) {
		*why = "not a cache of this version";
	} else if (!meta_is_whole(&cache->meta, cache->boot_id)) {
		*why = "in use when the host went down";
	}
	if (*why != NULL)
		return (MDB_INVALID);
	if ((rc = mdb_dbi_open(txn, "data", create, &cache->data)) != 0)
		return (rc);
	return (mdb_dbi_open(txn, "expiry", create, &cache->expiry));
}

/* Each entry has its place in the index, or some would never be removed. */
static int
env_consistent(struct cache *cache, MDB_txn *txn, const char **why)
{
	MDB_stat data, expiry;
	int rc;

	if ((rc = mdb_stat(txn, cache->data, &data)) != 0 ||
	    (rc = mdb_stat(txn, cache->expiry, &expiry)) != 0)
		return (rc);
	if (data.ms_entries == expiry.ms_entries)
		return (0);
	*why = "the index does not fit the data";
	return (MDB_INVALID);
}

static int
env_databases(struct cache *cache, const char **why)
{
	MDB_txn *txn;
	int rc;

	rc = mdb_txn_begin(cache->env, NULL, 0, &txn);
	if (rc != 0)
		return (rc);
	rc = env_begin(cache, txn, why);
	if (rc == 0)
		rc = env_consistent(cache, txn, why);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return (rc);
	}
	return (mdb_txn_commit(txn));
}

/* On failure cache->env may be set: env_close(). */
static int
env_start(struct cache *cache, const char **why)
{
	MDB_stat stat;
	int rc;

	if ((rc = mdb_env_create(&cache->env)) != 0)
		return (rc);
	mdb_env_set_userctx(cache->env, cache);
	mdb_env_set_assert(cache->env, cache_assertion);
	if ((rc = mdb_env_set_maxdbs(cache->env, 2)) != 0 ||
	    (rc = mdb_env_set_mapsize(cache->env, cache->map)) != 0 ||
	    (rc = mdb_env_open(cache->env, cache->path, ENV_FLAGS, ENV_MODE)) !=
		0 ||
	    (rc = mdb_env_stat(cache->env, &stat)) != 0 ||
	    (rc = env_databases(cache, why)) != 0 ||
	    (rc = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &cache->read)) !=
		0)
		return (rc);
	mdb_txn_reset(cache->read);
	cache->page = stat.ms_psize;
	return (0);
}

static void
env_close(struct cache *cache)
{
	if (cache->env == NULL)
		return;
	if (cache->write != NULL)
		mdb_txn_abort(cache->write);
	if (cache->read != NULL)
		mdb_txn_abort(cache->read);
	mdb_env_close(cache->env);
	cache->env = NULL;
	cache->write = cache->read = NULL;
	cache->reading = cache->marked = cache->full = false;
	cache->pending = 0;
	cache->broken = NULL;
}

/*
 * Opens the file, or a new one in its place when there is something wrong with
 * it. On failure cache->env is NULL.
 */
static void
env_open(struct cache *cache)
{
	const char *why = mdbfile_check(cache->path);
	int rc, attempt;

	for (attempt = 0; attempt < 2; attempt++) {
		if (why != NULL)
			cache_set_aside(cache, why);
		why = NULL;
		rc = env_start(cache, &why);
		if (rc == 0)
			break;
		env_close(cache);
		if (!rc_is_damage(rc))
			break;
		if (why == NULL)
			why = mdb_strerror(rc);
	}
	/* A disk that is full may still be read: marking is tried again. */
	if (rc == 0)
		rc = meta_mark(cache, false);
	if (rc != 0)
		cache_failed(cache, "open", rc);
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
	    open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, ENV_MODE);
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
	env_close(cache);
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
		env_open(cache);
	else if (error != EWOULDBLOCK)
		cache_failed(cache, "lock", error);
	if (cache->env == NULL)
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

static int
reading_databases(struct cache *cache, MDB_txn *txn)
{
	MDB_val key = {sizeof(meta_key), meta_key}, value;
	int rc;

	if ((rc = mdb_dbi_open(txn, NULL, 0, &cache->main)) != 0 ||
	    (rc = mdb_get(txn, cache->main, &key, &value)) != 0)
		return (rc);
	if (!entry_meta_decode(&cache->meta, value.mv_data, value.mv_size))
		return (MDB_VERSION_MISMATCH);
	return (mdb_dbi_open(txn, "data", 0, &cache->data));
}

/* Without a lock file there has been no daemon, and one is not made for it. */
static int
reading_start(struct cache *cache)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY;
	char path[4096];
	MDB_txn *txn;
	int rc;

	cache_path(cache, path, sizeof(path), "-lock");
	if (access(path, F_OK) == -1)
		flags |= MDB_NOLOCK;
	if ((rc = mdb_env_create(&cache->env)) != 0 ||
	    (rc = mdb_env_set_maxdbs(cache->env, 2)) != 0 ||
	    (rc = mdb_env_open(cache->env, cache->path, flags, ENV_MODE)) !=
		0 ||
	    (rc = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &txn)) != 0)
		return (rc);
	if ((rc = reading_databases(cache, txn)) != 0) {
		mdb_txn_abort(txn);
		return (rc);
	}
	/* Committed, or the handles would be closed again. */
	if ((rc = mdb_txn_commit(txn)) != 0 ||
	    (rc = mdb_txn_begin(cache->env, NULL, MDB_RDONLY, &cache->read)) !=
		0)
		return (rc);
	mdb_txn_reset(cache->read);
	return (0);
}

struct cache *
cache_open_reading(const char *path, const char **problem)
{
	const struct cache_options options = {.path = path, .boot_id = ""};
	struct cache *cache;
	int rc;

	if (access(path, R_OK) == -1) {
		*problem = strerror(errno);
		return (NULL);
	}
	cache = cache_new(&options);
	if ((*problem = file_check(cache)) == NULL) {
		if ((rc = reading_start(cache)) == 0)
			return (cache);
		*problem = mdb_strerror(rc);
	}
	cache_free(cache);
	return (NULL);
}

void
cache_close(struct cache *cache)
{
	int rc;

	if (cache == NULL)
		return;
	cache_commit(cache);
	if (cache->env != NULL && cache->broken == NULL && cache->marked) {
		rc = meta_mark(cache, true);
		if (rc != 0)
			cache_failed(cache, "close", rc);
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

static bool
cache_usable(const struct cache *cache)
{
	return (cache->env != NULL && cache->broken == NULL);
}

void
cache_begin(struct cache *cache)
{
	int rc;

	if (!cache_usable(cache))
		return;
	rc = mdb_txn_renew(cache->read);
	if (rc == 0)
		cache->reading = true;
	else
		cache_failed(cache, "begin", rc);
}

void
cache_end(struct cache *cache)
{
	if (cache->reading)
		mdb_txn_reset(cache->read);
	cache->reading = false;
}

/* Opens the write transaction unless there is one. */
static bool
write_begin(struct cache *cache)
{
	int rc = 0;

	if (!cache_usable(cache))
		return (false);
	if (cache->write != NULL)
		return (true);
	if (!cache->marked)
		rc = meta_mark(cache, false);
	if (rc == 0)
		rc = mdb_txn_begin(cache->env, NULL, 0, &cache->write);
	if (rc == 0)
		return (true);
	cache_failed(cache, "write", rc);
	return (false);
}

/* LMDB's transaction is void after an error: all its puts are lost. */
static void
write_abort(struct cache *cache, const char *doing, int rc)
{
	if (cache->write != NULL)
		mdb_txn_abort(cache->write);
	cache->write = NULL;
	cache->stats.put_failures += cache->pending;
	stat_add(STAT_CACHE_PUT_FAILURES, cache->pending);
	cache->pending = 0;
	cache_failed(cache, doing, rc);
}

static int
write_commit(struct cache *cache)
{
	MDB_txn *txn = cache->write;
	int rc;

	if (txn == NULL)
		return (0);
	cache->write = NULL;
	rc = mdb_txn_commit(txn);
	if (rc != 0)
		write_abort(cache, "commit", rc);
	cache->pending = 0;
	return (rc);
}

void
cache_commit(struct cache *cache)
{
	(void)write_commit(cache);
}

/* Where the getters read; NULL: nowhere. */
static MDB_txn *
read_txn(struct cache *cache)
{
	if (cache->reading)
		return (cache->read);
	return (write_begin(cache) ? cache->write : NULL);
}

/* --- Removing ------------------------------------------------------------ */

static void
index_key(
    uint8_t out[INDEX_KEY], uint32_t useless, const uint8_t key[ENTRY_KEY])
{
	unsigned i;

	for (i = 0; i < 4; i++)
		out[i] = (uint8_t)(useless >> (24 - 8 * i));
	memcpy(out + 4, key, ENTRY_KEY);
}

static uint32_t
index_useless(const uint8_t in[INDEX_KEY])
{
	return ((uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 |
		(uint32_t)in[2] << 8 | in[3]);
}

static int
index_del(struct cache *cache, uint32_t useless, const uint8_t key[ENTRY_KEY])
{
	uint8_t buf[INDEX_KEY];
	MDB_val k = {INDEX_KEY, buf};
	int rc;

	index_key(buf, useless, key);
	rc = mdb_del(cache->write, cache->expiry, &k, NULL);
	return (rc == MDB_NOTFOUND ? 0 : rc);
}

/*
 * What stands under `key`: 0, MDB_NOTFOUND or another error. A value that
 * does not verify is counted and gives `entry->kind` 0.
 */
static int
entry_find(struct cache *cache, MDB_txn *txn, const uint8_t key[ENTRY_KEY],
    struct entry *entry)
{
	uint8_t copy[ENTRY_KEY];
	MDB_val k = {ENTRY_KEY, copy}, value;
	int rc;

	memcpy(copy, key, ENTRY_KEY);
	rc = mdb_get(txn, cache->data, &k, &value);
	if (rc != 0)
		return (rc);
	memset(entry, 0, sizeof(*entry));
	if (!entry_decode(entry, &cache->meta.secret, key, value.mv_data,
		value.mv_size)) {
		entry->kind = 0;
		cache->stats.damaged++;
		stat_count(STAT_CACHE_DAMAGED);
	}
	return (0);
}

static int
data_del(struct cache *cache, const uint8_t key[ENTRY_KEY])
{
	uint8_t copy[ENTRY_KEY];
	MDB_val k = {ENTRY_KEY, copy};

	memcpy(copy, key, ENTRY_KEY);
	return (mdb_del(cache->write, cache->data, &k, NULL));
}

/* Removes the entry if it is there, from both databases. 0 or an error. */
static int
entry_remove(struct cache *cache, const uint8_t key[ENTRY_KEY])
{
	struct entry entry;
	int rc;

	rc = entry_find(cache, cache->write, key, &entry);
	if (rc == MDB_NOTFOUND)
		return (0);
	/* The index entry of a damaged one goes when its time comes. */
	if (rc == 0 && entry.kind != 0)
		rc = index_del(cache, entry.useless, key);
	return (rc == 0 ? data_del(cache, key) : rc);
}

/* The first of the index; MDB_NOTFOUND if it is empty. */
static int
index_first(struct cache *cache, uint8_t first[INDEX_KEY])
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc;

	rc = mdb_cursor_open(cache->write, cache->expiry, &cursor);
	if (rc != 0)
		return (rc);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	if (rc == 0 && key.mv_size != INDEX_KEY)
		rc = MDB_CORRUPTED;
	if (rc == 0)
		memcpy(first, key.mv_data, INDEX_KEY);
	mdb_cursor_close(cursor);
	return (rc);
}

static int
index_remove(struct cache *cache, const uint8_t first[INDEX_KEY])
{
	struct entry entry;
	int rc;

	rc = entry_find(cache, cache->write, first + 4, &entry);
	/* An entry with another time has another place in the index. */
	if (rc == 0 &&
	    (entry.kind == 0 || entry.useless == index_useless(first)))
		rc = data_del(cache, first + 4);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return (rc);
	return (index_del(cache, index_useless(first), first + 4));
}

/* Octets of the pages in use. */
static size_t
live_octets(struct cache *cache, MDB_txn *txn)
{
	MDB_dbi dbi[3] = {cache->main, cache->data, cache->expiry};
	size_t pages = 0, i;
	MDB_stat stat;

	for (i = 0; i < 3; i++)
		if (mdb_stat(txn, dbi[i], &stat) == 0)
			pages += stat.ms_branch_pages + stat.ms_leaf_pages +
				 stat.ms_overflow_pages;
	return (pages * cache->page);
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
 * is over its bound, the next to be so. Returns 0 when the work is done,
 * MDB_KEYEXIST when there is more, or another error.
 */
static int
remove_some(struct cache *cache, unsigned max)
{
	uint8_t first[INDEX_KEY];
	bool expired;
	int rc;

	for (; max > 0; max--) {
		rc = index_first(cache, first);
		if (rc == MDB_NOTFOUND)
			return (0);
		if (rc != 0)
			return (rc);
		expired = index_useless(first) < cache->now / 1000;
		if (!expired && !cache->full &&
		    live_octets(cache, cache->write) <= cache->limit)
			return (0);
		rc = index_remove(cache, first);
		if (rc != 0)
			return (rc);
		removal_count(cache, expired);
	}
	return (MDB_KEYEXIST);
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

static int
entry_store(struct cache *cache, const uint8_t key[ENTRY_KEY], size_t len,
    uint32_t useless)
{
	uint8_t index[INDEX_KEY];
	MDB_val data = {ENTRY_KEY, index + 4}, expiry = {INDEX_KEY, index};
	MDB_val value = {len, cache->buf}, none = {0, NULL};
	int rc;

	index_key(index, useless, key);
	if (live_octets(cache, cache->write) > cache->limit) {
		rc = remove_some(
		    cache, PUT_REMOVES + (unsigned)(len / cache->page));
		if (rc != 0 && rc != MDB_KEYEXIST)
			return (rc);
	}
	if ((rc = entry_remove(cache, key)) != 0 ||
	    (rc = mdb_put(cache->write, cache->data, &data, &value, 0)) != 0)
		return (rc);
	return (mdb_put(cache->write, cache->expiry, &expiry, &none, 0));
}

/*
 * Encodes first: what `entry` borrows may lie in the pages that the removal
 * of its predecessor gives up.
 */
static void
entry_put(struct cache *cache, const uint8_t key[ENTRY_KEY],
    const struct entry *entry)
{
	size_t len;
	int rc;

	cache->stats.puts++;
	stat_count(STAT_CACHE_PUTS);
	len = entry_encode(cache->buf, &cache->meta.secret, key, entry);
	if (len == 0 || cache->full || !write_begin(cache)) {
		cache->stats.put_failures++;
		stat_count(STAT_CACHE_PUT_FAILURES);
		return;
	}
	cache->pending++;
	rc = entry_store(cache, key, len, entry->useless);
	if (rc != 0)
		write_abort(cache, "put", rc);
}

/* One of too many new names of its domain, and itself not known yet. */
static bool
is_crowd(
    struct cache *cache, const struct dname *name, const uint8_t key[ENTRY_KEY])
{
	MDB_val data = {ENTRY_KEY, NULL}, value;
	uint8_t copy[ENTRY_KEY];

	if (cache->names_share == 0 ||
	    !share_over(&cache->share, name, cache->names_share, cache->now))
		return (false);
	memcpy(copy, key, ENTRY_KEY);
	data.mv_data = copy;
	if (cache->full || !write_begin(cache) ||
	    mdb_get(cache->write, cache->data, &data, &value) != MDB_NOTFOUND)
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
	MDB_txn *txn = read_txn(cache);
	int rc;

	if (txn == NULL)
		return (false);
	rc = entry_find(cache, txn, key, entry);
	if (rc == 0)
		return (entry->kind != 0);
	if (rc != MDB_NOTFOUND)
		cache_failed(cache, "get", rc);
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
	int dead = 0;

	if (cache->now < cache->next_check)
		return;
	cache->next_check = cache->now + MINUTE;
	if (mdb_reader_check(cache->env, &dead) == 0 && dead > 0)
		log_info("cache.dead_readers count=%d", dead);
}

/*
 * Nothing fits into the map any more. Removing needs pages too, so one entry
 * at a time; when even that fails the file is given up.
 */
static void
cache_relieve(struct cache *cache)
{
	unsigned i;
	int rc = 0;

	(void)mdb_reader_check(cache->env, NULL);
	for (i = 0; i < TICK_MAX && write_begin(cache); i++) {
		rc = remove_some(cache, 1);
		if (rc != 0 && rc != MDB_KEYEXIST)
			break;
		if ((rc = write_commit(cache)) != 0)
			break;
	}
	if (i < TICK_MAX && cache->write != NULL)
		write_abort(cache, "relieve", rc);
	if (i == 0 && rc == MDB_MAP_FULL)
		cache->broken = "full";
	cache->full = false;
}

static bool
cache_tidy(struct cache *cache)
{
	int rc;

	if (!write_begin(cache))
		return (false);
	rc = remove_some(cache, TICK_MAX);
	if (rc == 0 || rc == MDB_KEYEXIST)
		return (write_commit(cache) == 0 && rc == MDB_KEYEXIST);
	write_abort(cache, "tidy", rc);
	return (false);
}

/* A file that turned out to be bad while in use. */
static void
cache_restart(struct cache *cache)
{
	const char *why = cache->broken;

	env_close(cache);
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
	    (cache->env == NULL && now >= cache->next_open))
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
flush_commit(struct cache *cache, const struct entry_meta *meta, int rc)
{
	if (rc == 0)
		rc = meta_put(cache, cache->write, meta);
	if (rc != 0)
		write_abort(cache, "flush", rc);
	else
		rc = write_commit(cache);
	if (rc != 0)
		return (-1);
	cache->meta = *meta;
	return (0);
}

static int
flush_all(struct cache *cache)
{
	int rc = mdb_drop(cache->write, cache->data, 0);

	return (rc == 0 ? mdb_drop(cache->write, cache->expiry, 0) : rc);
}

static int
flush_name(struct cache *cache, const struct dname *name)
{
	static const uint16_t types[] = {
	    RR_A, RR_NS, RR_CNAME, RR_SOA, RR_PTR, RR_MX, RR_TXT, RR_AAAA};
	uint8_t key[ENTRY_KEY];
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof(types) / sizeof(types[0]) && rc == 0; i++) {
		entry_key_rrset(key, &cache->meta.secret, name, types[i]);
		rc = entry_remove(cache, key);
	}
	return (rc);
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
	    name == NULL ? flush_all(cache) : flush_name(cache, name)));
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
	return (flush_commit(cache, &meta, 0));
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
	return (flush_commit(cache, &meta, 0));
}

/* --- Looking ------------------------------------------------------------- */

static void
stats_read(struct cache *cache, MDB_txn *txn, struct cache_stats *stats)
{
	MDB_stat data;

	if (mdb_stat(txn, cache->data, &data) != 0)
		return;
	stats->entries = data.ms_entries;
	stats->live = live_octets(cache, txn);
}

void
cache_stats(struct cache *cache, struct cache_stats *stats)
{
	bool outside = !cache->reading;
	struct stat st;

	*stats = cache->stats;
	stats->limit = cache->limit;
	stats->map = cache->map;
	stats->open = cache_usable(cache);
	if (stat(cache->path, &st) == 0)
		stats->file = (uint64_t)st.st_size;
	if (outside)
		cache_begin(cache);
	if (cache->reading)
		stats_read(cache, cache->read, stats);
	if (outside)
		cache_end(cache);
}

/* Moves to the first record set behind the cursor. */
static int
cursor_step(struct cache *cache, MDB_cursor *at, struct cache_cursor *cursor,
    struct entry *entry)
{
	MDB_val key = {ENTRY_KEY, cursor->key}, value;
	int rc;

	rc = mdb_cursor_get(
	    at, &key, &value, cursor->started ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && cursor->started &&
	    memcmp(key.mv_data, cursor->key, ENTRY_KEY) == 0)
		rc = mdb_cursor_get(at, &key, &value, MDB_NEXT);
	if (rc != 0)
		return (rc);
	if (key.mv_size != ENTRY_KEY)
		return (MDB_CORRUPTED);
	memcpy(cursor->key, key.mv_data, ENTRY_KEY);
	cursor->started = true;
	return (entry_find(cache, mdb_cursor_txn(at), cursor->key, entry));
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

static int
cursor_next(
    struct cache *cache, struct cache_cursor *cursor, struct entry *entry)
{
	MDB_txn *txn = read_txn(cache);
	MDB_cursor *at;
	int rc;

	if (txn == NULL)
		return (MDB_NOTFOUND);
	rc = mdb_cursor_open(txn, cache->data, &at);
	if (rc != 0)
		return (rc);
	do
		rc = cursor_step(cache, at, cursor, entry);
	while (rc == 0 && !entry_is_shown(cache, entry));
	mdb_cursor_close(at);
	return (rc);
}

bool
cache_walk(
    struct cache *cache, struct cache_cursor *cursor, struct cache_item *item)
{
	struct entry entry;
	int rc = cursor_next(cache, cursor, &entry);

	if (rc != 0) {
		if (rc != MDB_NOTFOUND)
			cache_failed(cache, "walk", rc);
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
	static char text[32];
	int major, minor, patch;

	mdb_version(&major, &minor, &patch);
	snprintf(text, sizeof(text), "%d.%d.%d", major, minor, patch);
	return (text);
}
