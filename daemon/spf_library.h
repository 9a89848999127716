/* SPDX-License-Identifier: ISC */
/*
 * libspf2, and all that it needs to be kept from: it evaluates one canonical
 * record (spf_canonical.h) and the ones that include and redirect lead to, and
 * asks for everything else by handle.
 *
 * Order of calls: spf_library_run(), which calls back for each handle that the
 * library comes to. One thread only: the library is set up once, for all.
 */
#ifndef SPF_LIBRARY_H
#define SPF_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "ipaddr.h"
#include "spf.h"
#include "spf_canonical.h"

/* What a lookup finds; it begins empty, which is: no such name. */
struct spf_reply;

/* An address, of the client's family (of an exists: IPv4, any). */
void spf_reply_address(struct spf_reply *reply, const struct ipaddr *ip);
/* The handle of a host of an mx. */
void spf_reply_host(struct spf_reply *reply, unsigned handle);

struct spf_hooks {
	/* What is at a, mx, exists or a host of an mx? */
	void (*lookup)(void *arg, unsigned handle, struct spf_reply *reply);
	/* The record of an include or redirect; not read when it is over. */
	void (*record)(void *arg, unsigned handle,
	    struct spf_canonical *canonical);
	/*
	 * Is the result decided, whatever the library would make of the rest?
	 * It is asked before and after each of the above; the library is then
	 * told of failures only, so that it comes to an end.
	 */
	bool (*over)(void *arg);
	void *arg;
};

struct spf_verdict {
	enum spf_result result;
	bool matched; /* a mechanism; false: the default (RFC 7208 4.7) */
	const char *problem; /* of temperror and permerror; constant */
};

/* When the library gives up, the verdict is temperror. */
void spf_library_run(const struct spf_canonical *record,
    const struct ipaddr *client, struct spf_hooks *hooks,
    struct spf_verdict *verdict);

const char *spf_library_version(void);

#endif
