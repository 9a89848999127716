/* SPDX-License-Identifier: ISC */
/*
 * The tag=value lists of DKIM keys (RFC 6376 3.2) and DMARC records
 * (RFC 9989 4.8): "tag = value; tag = value". Both grammars allow white space
 * around "=" and ";" and a final ";"; what a tag or a value may hold, and what
 * a duplicate or a damaged tag means, is for the caller to say.
 *
 * The parser keeps going after a damaged element: it is listed with `bad` set,
 * so that DMARC can ignore it and DKIM can refuse the record. What follows
 * TAGLIST_MAX elements is one bad element: nobody writes such a record but to
 * cost the reader time.
 */
#ifndef TAGLIST_H
#define TAGLIST_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

#define TAGLIST_MAX 128 /* elements; the longest honest record has a dozen */

struct tag {
	const char	 *name;	 /* as written; "" if bad */
	const char	 *value; /* outer white space removed, NUL-terminated */
	size_t		  len;	 /* of value, which may hold NULs */
	bool		  bad;	 /* no "=", or a name that is none */
	const struct tag *next;
};

/* Elements in order; NULL when there is none. Arena. */
const struct tag *taglist_parse(struct arena *arena, const char *text,
    size_t len);
/* The first good tag called `name` (names are case-sensitive), or NULL. */
const struct tag *taglist_find(const struct tag *list, const char *name);

/*
 * Is `word` among the colon-separated words of the tag's value, white space
 * around them aside (the h=, s= and t= of RFC 6376 3.6.1)? Letters compare
 * without case, as ABNF literals do.
 */
bool tag_lists(const struct tag *tag, const char *word);
/* The whole value is `word`, without case. */
bool tag_is(const struct tag *tag, const char *word);

#endif
