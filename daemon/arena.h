/* SPDX-License-Identifier: ISC */
/*
 * A bump allocator: everything one request needs, freed at once.
 *
 * Memory that comes from an arena dies with it ("arena" in the ownership
 * comments of other headers). Allocation never returns NULL: out of memory is
 * fatal, because a crash-only daemon restarts warm.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); /* NULL is fine */

/* Zeroed, aligned for any object. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_memdup(struct arena *arena, const void *src, size_t size);
char *arena_strdup(struct arena *arena, const char *src);
char *arena_strndup(struct arena *arena, const char *src, size_t len);
char *arena_printf(struct arena *arena, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Octets handed out so far: what a request costs, for limits and tests. */
size_t arena_used(const struct arena *arena);

#endif
