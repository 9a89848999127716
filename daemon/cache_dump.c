/* SPDX-License-Identifier: ISC */
#include "cache_dump.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "cache_entry.h"
#include "cache_file.h"
#include "mdbfile.h"

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
cache_open_reading(const char *path, int64_t now, const char **problem)
{
	const struct cache_options options = {
	    .path = path, .now = now, .boot_id = ""};
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

/* Whoever can write the file can write anything under its checksum. */
static bool
name_is_one(const struct entry *entry)
{
	struct dname name;
	size_t end = 0;

	return (
	    dname_from_wire(&name, entry->name, entry->name_len, &end) == 0 &&
	    end == entry->name_len && name.len == entry->name_len);
}

/* Not damaged, not flushed. */
static bool
entry_is_shown(const struct cache *cache, struct entry *entry)
{
	switch (entry->kind) {
	case ENTRY_RRSET:
		return (
		    name_is_one(entry) && cache_forgive(cache, &entry->set));
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
		cache_entry_read(cache, cursor->key, value, len, entry);
	} while (!entry_is_shown(cache, entry));
	return (STORE_OK);
}

bool
cache_walk(struct cache *cache, struct cache_cursor *cursor,
    struct arena *arena, struct cache_item *item)
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
		item->set = *rrset_copy(arena, &entry.set);
		return (true);
	}
	item->memo = true;
	item->key = arena_memdup(arena, entry.key, entry.key_len);
	item->key_len = entry.key_len;
	item->data = arena_memdup(arena, entry.data, entry.data_len);
	item->data_len = entry.data_len;
	item->expires = entry.expires;
	return (true);
}
