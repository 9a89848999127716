/* SPDX-License-Identifier: ISC */
/*
 * The only records that libspf2 gets: short, and without any octet from
 * outside. For a client 192.0.2.1,
 *
 *	v=spf1 a:example.org/24 ip4:10.0.0.1 mx:%{d2} ip4:192.0.2.0/24 -all
 *	v=spf1 +a:#0.z/24 +mx:#1.z exists:#2.z +ip4:192.0.2.0/24
 *
 * "#1.z" is a handle: the library looks it up when it comes to the term, and
 * whoever answers knows what it stands for. A term that needs no lookup stands
 * behind an exists that never matches, so that the handle tells that the
 * library has come there. What cannot matter is left out: ip4 and ip6 that do
 * not hold the client, whatever follows a certain match. A prefix length is
 * the client's family's; the library refuses "/0", so that it is not written
 * and the answer to the handle has to be the client's own address.
 *
 * Order of calls: spf_canonical_open(); spf_canonical_add() for the terms in
 * order, redirect= last, until one is certain.
 */
#ifndef SPF_CANONICAL_H
#define SPF_CANONICAL_H

#include <stddef.h>

#include "ipaddr.h"
#include "spf_record.h"

/*
 * Twelve terms of at most 60 octets, ip6 being the longest. libspf2 loses what
 * goes beyond 511 octets of its compiled form, which is shorter.
 */
#define SPF_CANONICAL_MAX 1024

#define SPF_HANDLE_MAX 16 /* octets of a handle, its NUL included */

struct spf_canonical {
	char   text[SPF_CANONICAL_MAX];
	size_t len;
};

enum spf_weight {
	SPF_WEIGHT_NONE,   /* cannot match: left out, the handle is unused */
	SPF_WEIGHT_LOOKUP, /* the handle's answer decides */
	SPF_WEIGHT_CERTAIN /* matches whatever the answer: the record ends */
};

void spf_canonical_open(struct spf_canonical *canonical);
/* exp= and unknown modifiers weigh nothing. */
enum spf_weight spf_canonical_add(struct spf_canonical *canonical,
    const struct spf_term *term, const struct ipaddr *client, unsigned handle);

/* The prefix length of a term for the client's family. */
unsigned spf_canonical_bits(const struct spf_term *term,
    const struct ipaddr *client);

const char *spf_handle_text(unsigned handle, char buf[SPF_HANDLE_MAX]);
/* Returns the handle, or -1 if `text` is none. */
int spf_handle_parse(const char *text);

#endif
