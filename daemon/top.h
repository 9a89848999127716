/* SPDX-License-Identifier: ISC */
/*
 * The names that come most often, in a table of fixed size: who asks, about
 * which domains. Names come from outside without end, so the table keeps the
 * frequent ones by the space-saving method (Metwally, Agrawal, El Abbadi,
 * 2005): a new name takes the place of the one with the least weight, and
 * inherits that weight as its possible error. Any name that makes up more than
 * 1/capacity of all is sure to be in it; and its true number lies between
 * weight - error and weight.
 *
 * Beside the weight an entry has counters for the caller, which begin when the
 * entry does.
 *
 * Order of calls: top_new(); top_touch() for each name; top_list(); top_free().
 */
#ifndef TOP_H
#define TOP_H

#include <stddef.h>
#include <stdint.h>

/* Longer names are cut: a domain in text has 253, escapes aside. */
#define TOP_KEY	   256
#define TOP_COUNTS 8

struct top;

struct top_entry {
	char	 key[TOP_KEY];
	uint64_t weight;
	uint64_t error;
	uint64_t count[TOP_COUNTS]; /* the caller's */
	int64_t	 first, last;	    /* touched, ms since the epoch */
	int64_t	 since, ended;	    /* the caller's, ms or 0 */
};

struct top *top_new(unsigned capacity);
void top_free(struct top *top); /* NULL is fine */

/* The name's entry, one heavier. Borrowed until the next call. */
struct top_entry *top_touch(struct top *top, const char *key, int64_t now);
/* The same without adding anything; NULL if it is not there. */
struct top_entry *top_find(struct top *top, const char *key);
/* An entry as it was. -1 when there is no room or the name is there. */
int top_restore(struct top *top, const struct top_entry *entry);

/*
 * Writes up to `max` entries with the greatest values of a counter, greatest
 * first; `column` TOP_COUNTS: the weight. Those of 0 are left out. Returns how
 * many. Borrowed until the next top_touch().
 */
size_t top_list(const struct top *top, unsigned column,
    const struct top_entry **list, size_t max);
unsigned top_capacity(const struct top *top);

#endif
