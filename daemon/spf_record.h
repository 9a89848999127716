/* SPDX-License-Identifier: ISC */
/*
 * An SPF record's text, term by term (RFC 7208 4.5, 4.6.1, 5, 6, 12). A record
 * with one bad term is bad as a whole (4.6), so read it to its end and look at
 * `problem` before anything in it is used:
 *
 *	if (!spf_record_is(text, len)) ... not SPF
 *	spf_cursor_open(&cursor, text, len);
 *	while (spf_cursor_next(&cursor, &term))
 *		...
 *	if (cursor.problem != NULL) ... permerror
 */
#ifndef SPF_RECORD_H
#define SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipaddr.h"
#include "spf.h"

enum spf_kind {
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	SPF_REDIRECT, /* modifiers from here on */
	SPF_EXP,
	SPF_OTHER
};

/* Pointers go into the record's text. */
struct spf_term {
	enum spf_kind	kind;
	enum spf_result qualifier; /* of a mechanism: what a match means */
	const char     *text;	   /* as written */
	size_t		len;
	const char     *target;	   /* domain-spec, NULL if there is none */
	size_t		target_len;
	struct ipaddr	net;	   /* ip4 and ip6; an ip6 net stays IPv6 */
	uint8_t		bits4;	   /* a, mx, ip4: prefix length, 32 if none */
	uint8_t		bits6;	   /* a, mx, ip6: the same, 128 if none */
};

struct spf_cursor {
	const char *at, *end;
	bool	    redirect, exp; /* seen: neither may come twice */
	const char *problem;	   /* NULL: no error so far; constant */
	const char *bad;	   /* the term that is wrong */
	size_t	    bad_len;
};

/* RFC 7208 4.5: begins with "v=spf1", and a space or nothing after it. */
bool spf_record_is(const char *text, size_t len);

void spf_cursor_open(struct spf_cursor *cursor, const char *text, size_t len);
/* False at the end of the record, and for good at the first error. */
bool spf_cursor_next(struct spf_cursor *cursor, struct spf_term *term);

#endif
