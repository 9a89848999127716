/* SPDX-License-Identifier: ISC */
/*
 * The entries lie in an array; a binary heap of their numbers has the lightest
 * at its root, and a hash table with chains finds them by name.
 */
#include "top.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "log.h"

#define NONE UINT32_MAX

struct slot {
	struct top_entry entry;
	uint32_t next; /* in its chain */
	uint32_t at;   /* in the heap */
};

struct top {
	uint8_t hash_key[HASH_KEY];
	uint32_t capacity, used;
	struct slot *slot;
	uint32_t *heap;	 /* numbers of slots */
	uint32_t *chain; /* `capacity` of them */
};

struct top *
top_new(unsigned capacity)
{
	struct top *top = calloc(1, sizeof(*top));

	if (top == NULL ||
	    (top->slot = calloc(capacity, sizeof(*top->slot))) == NULL ||
	    (top->heap = calloc(capacity, sizeof(*top->heap))) == NULL ||
	    (top->chain = malloc(capacity * sizeof(*top->chain))) == NULL)
		fatal(111, "top.out_of_memory");
	top->capacity = capacity;
	memset(top->chain, 0xff, capacity * sizeof(*top->chain));
	hash_random(top->hash_key, sizeof(top->hash_key));
	return (top);
}

void
top_free(struct top *top)
{
	if (top == NULL)
		return;
	free(top->slot);
	free(top->heap);
	free(top->chain);
	free(top);
}

unsigned
top_capacity(const struct top *top)
{
	return (top->capacity);
}

/*
 * The heap: no entry is lighter than the one above it.
 */

static uint64_t
weight_at(const struct top *top, uint32_t at)
{
	return (top->slot[top->heap[at]].entry.weight);
}

static void
heap_swap(struct top *top, uint32_t a, uint32_t b)
{
	const uint32_t number = top->heap[a];

	top->heap[a] = top->heap[b];
	top->heap[b] = number;
	top->slot[top->heap[a]].at = a;
	top->slot[top->heap[b]].at = b;
}

static void
heap_up(struct top *top, uint32_t at)
{
	while (at > 0 && weight_at(top, at) < weight_at(top, (at - 1) / 2)) {
		heap_swap(top, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void
heap_down(struct top *top, uint32_t at)
{
	uint32_t least;

	while ((least = 2 * at + 1) < top->used) {
		if (least + 1 < top->used &&
		    weight_at(top, least + 1) < weight_at(top, least))
			least++;
		if (weight_at(top, at) <= weight_at(top, least))
			return;
		heap_swap(top, at, least);
		at = least;
	}
}

/*
 * The table
 */

static uint32_t *
chain_of(const struct top *top, const char *key)
{
	return (&top->chain[hash_short(top->hash_key, key, strlen(key)) %
			    top->capacity]);
}

static void
key_copy(char out[TOP_KEY], const char *key)
{
	const size_t len = strnlen(key, TOP_KEY - 1);

	memcpy(out, key, len);
	memset(out + len, 0, TOP_KEY - len);
}

/* `key` is cut to size already. */
static struct slot *
slot_find(const struct top *top, const char *key)
{
	uint32_t n;

	for (n = *chain_of(top, key); n != NONE; n = top->slot[n].next)
		if (strcmp(top->slot[n].entry.key, key) == 0)
			return (&top->slot[n]);
	return (NULL);
}

static void
slot_link(struct top *top, struct slot *slot)
{
	uint32_t *chain = chain_of(top, slot->entry.key);

	slot->next = *chain;
	*chain = (uint32_t)(slot - top->slot);
}

static void
slot_unlink(struct top *top, const struct slot *slot)
{
	uint32_t *link = chain_of(top, slot->entry.key);

	while (&top->slot[*link] != slot)
		link = &top->slot[*link].next;
	*link = slot->next;
}

/* A new one, lightest of all, at the end of the heap. */
static struct slot *
slot_add(struct top *top)
{
	struct slot *slot = &top->slot[top->used];

	slot->at = top->used;
	top->heap[top->used] = top->used;
	top->used++;
	return (slot);
}

/* A place for a new name: an empty one, or the lightest's. */
static struct slot *
slot_new(struct top *top, const char *key, int64_t now)
{
	struct slot *slot;
	uint64_t error = 0;

	if (top->used < top->capacity) {
		slot = slot_add(top);
	} else {
		slot = &top->slot[top->heap[0]];
		slot_unlink(top, slot);
		error = slot->entry.weight;
	}
	memset(&slot->entry, 0, sizeof(slot->entry));
	memcpy(slot->entry.key, key, TOP_KEY);
	slot->entry.weight = slot->entry.error = error;
	slot->entry.first = now;
	slot_link(top, slot);
	if (error == 0)
		heap_up(top, slot->at);
	return (slot);
}

struct top_entry *
top_touch(struct top *top, const char *key, int64_t now)
{
	char cut[TOP_KEY];
	struct slot *slot;

	key_copy(cut, key);
	if ((slot = slot_find(top, cut)) == NULL)
		slot = slot_new(top, cut, now);
	slot->entry.weight++;
	slot->entry.last = now;
	heap_down(top, slot->at);
	return (&slot->entry);
}

struct top_entry *
top_find(struct top *top, const char *key)
{
	char cut[TOP_KEY];
	struct slot *slot;

	key_copy(cut, key);
	slot = slot_find(top, cut);
	return (slot == NULL ? NULL : &slot->entry);
}

int
top_restore(struct top *top, const struct top_entry *entry)
{
	struct slot *slot;

	if (top->used == top->capacity || slot_find(top, entry->key) != NULL)
		return (-1);
	slot = slot_add(top);
	slot->entry = *entry;
	key_copy(slot->entry.key, entry->key);
	slot_link(top, slot);
	heap_up(top, slot->at);
	return (0);
}

/*
 * Listing
 */

static uint64_t
value_of(const struct top_entry *entry, unsigned column)
{
	return (column < TOP_COUNTS ? entry->count[column] : entry->weight);
}

static void
list_insert(const struct top_entry **list, size_t count,
    const struct top_entry *entry, unsigned column)
{
	size_t at;

	for (at = count;
	     at > 0 && value_of(list[at - 1], column) < value_of(entry, column);
	     at--)
		list[at] = list[at - 1];
	list[at] = entry;
}

/* Few are listed of many, so most are done with after one comparison. */
size_t
top_list(const struct top *top, unsigned column, const struct top_entry **list,
    size_t max)
{
	const struct top_entry *entry;
	size_t count = 0;
	uint32_t i;

	for (i = 0; i < top->used && max > 0; i++) {
		entry = &top->slot[i].entry;
		if (value_of(entry, column) == 0)
			continue;
		if (count < max)
			count++;
		else if (value_of(list[max - 1], column) >=
			 value_of(entry, column))
			continue;
		list_insert(list, count - 1, entry, column);
	}
	return (count);
}
