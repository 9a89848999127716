/* SPDX-License-Identifier: ISC */
/*
 * The author domains of a message: the domains of the addresses in its From
 * fields (RFC 5322 3.4 and 4.4, RFC 6532 for UTF-8). Several fields and several
 * addresses give several domains; who evaluates them decides what that means.
 *
 * The reading is total: whatever stands in the field, a domain that a mail
 * reader could take for the author's is found. So broken syntax cannot hide
 * one; it is only reported as malformed.
 */
#ifndef MAIL_AUTHOR_H
#define MAIL_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>

/* One more than the daemon judges: it then knows that there are too many. */
#define AUTHORS_MAX	  9
#define AUTHOR_DOMAIN_MAX 512 /* octets: UTF-8 may be longer than A-labels */

struct authors {
	/* Different ones, lower case (ASCII), without a final dot. */
	char   domains[AUTHORS_MAX][AUTHOR_DOMAIN_MAX];
	size_t n;
	bool   malformed; /* against the grammar, the obsolete one included */
	bool   too_many;  /* some did not fit */
};

void authors_begin(struct authors *authors);
/* Adds what the value of one From field names. */
void authors_add(struct authors *authors, const char *value, size_t len);

#endif
