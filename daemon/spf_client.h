/* SPDX-License-Identifier: ISC */
/*
 * The validated names of an SMTP client (RFC 7208 5.5): those that its address
 * maps to and that map back to it. ptr and %{p} ask for them.
 *
 * Zero a struct spf_client and set its view and address; the names are looked
 * up at the first question. Errors of DNS mean that a name is not validated.
 */
#ifndef SPF_CLIENT_H
#define SPF_CLIENT_H

#include <stdbool.h>

#include "dname.h"
#include "ipaddr.h"
#include "spf.h"
#include "view.h"

struct spf_client {
	struct view	    *view;
	const struct ipaddr *ip;

	bool	     missing; /* something was not at hand: names may be, too */
	bool	     known;   /* private from here on */
	struct dname names[SPF_PTR_MAX];
	unsigned     count;
};

/* Is a validated name `target`, or below it? */
bool spf_client_within(struct spf_client *client, const struct dname *target);
/*
 * RFC 7208 7.3: `domain` itself if it is validated, else a name below it, else
 * any; "unknown" if there is none. Arena of the view, or constant.
 */
const char *spf_client_name(struct spf_client *client, const char *domain);

/* RFC 7208 5: A for an IPv4 client, AAAA for an IPv6 client. */
uint16_t spf_client_type(const struct ipaddr *ip);
/* The next address of the client's family in a set of that type. */
bool spf_client_address(const struct ipaddr *ip, const struct rrset *set,
    struct rdata *record, struct ipaddr *address);

#endif
