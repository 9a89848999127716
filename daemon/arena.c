/* SPDX-License-Identifier: ISC */
#include "arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* Most requests fit into the first chunk: one malloc, one free. */
#define CHUNK 8192

struct chunk {
	struct chunk *next;
	size_t size, used; /* of data */
	alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk *chunks; /* the one in use first */
	size_t used;
};

static struct chunk *
chunk_new(size_t size)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + size);

	if (chunk == NULL)
		fatal(111, "arena.out_of_memory octets=%zu", size);
	chunk->next = NULL;
	chunk->size = size;
	chunk->used = 0;
	return (chunk);
}

struct arena *
arena_new(void)
{
	struct chunk *chunk = chunk_new(CHUNK);
	struct arena *arena = (struct arena *)(void *)chunk->data;

	/* The arena lives in its own first chunk. */
	chunk->used = (sizeof(*arena) + alignof(max_align_t) - 1) /
		      alignof(max_align_t) * alignof(max_align_t);
	arena->chunks = chunk;
	arena->used = 0;
	return (arena);
}

void
arena_free(struct arena *arena)
{
	struct chunk *chunk, *next;

	if (arena == NULL)
		return;
	/* The last in the list is the first made: it holds the arena. */
	for (chunk = arena->chunks; chunk != NULL; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
}

/* As arena_alloc(), but with whatever stands there. */
static void *
arena_take(struct arena *arena, size_t size)
{
	struct chunk *chunk = arena->chunks;
	void *at;

	if (size > SIZE_MAX / 2)
		fatal(111, "arena.out_of_memory octets=%zu", size);
	size = (size + alignof(max_align_t) - 1) / alignof(max_align_t) *
	       alignof(max_align_t);
	if (chunk->size - chunk->used < size) {
		chunk = chunk_new(size > CHUNK ? size : CHUNK);
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	at = chunk->data + chunk->used;
	chunk->used += size;
	arena->used += size;
	return (at);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	return (memset(arena_take(arena, size), 0, size));
}

void *
arena_memdup(struct arena *arena, const void *src, size_t size)
{
	void *copy = arena_take(arena, size);

	if (size > 0)
		memcpy(copy, src, size);
	return (copy);
}

char *
arena_strndup(struct arena *arena, const char *src, size_t len)
{
	char *copy = arena_take(arena, len + 1);

	if (len > 0)
		memcpy(copy, src, len);
	copy[len] = '\0';
	return (copy);
}

char *
arena_strdup(struct arena *arena, const char *src)
{
	return (arena_strndup(arena, src, strlen(src)));
}

/* Nearly always it fits into what is left, and is written only once. */
char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
	const struct chunk *chunk = arena->chunks;
	const size_t room = chunk->size - chunk->used;
	char *text = (char *)arena->chunks->data + chunk->used;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, room, fmt, ap);
	va_end(ap);
	if (len < 0)
		return (arena_strdup(arena, ""));
	text = arena_take(arena, (size_t)len + 1);
	if ((size_t)len < room)
		return (text);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, ap);
	va_end(ap);
	return (text);
}

size_t
arena_used(const struct arena *arena)
{
	return (arena->used);
}
