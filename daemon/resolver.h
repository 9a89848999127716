/* SPDX-License-Identifier: ISC */
/*
 * DNS resolution with DNSSEC validation, in a thread of its own that alone
 * touches libunbound. Questions and answers cross as plain copied values in
 * two queues; an eventfd tells the poll loop that answers wait.
 *
 * Order of calls: resolver_open() after the process has become what it will
 * be (no fork afterwards); resolver_ask(); when resolver_fd() is readable,
 * resolver_next() until it returns NULL; resolver_close().
 *
 * Every question gets exactly one answer. The resolver does not remember
 * failures and does not enforce a deadline: inflight.h does both.
 */
#ifndef RESOLVER_H
#define RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname.h"
#include "rrset.h"

struct resolver;

/* A zone whose servers are given and not looked for. */
struct resolver_stub {
	const char	   *zone;
	size_t		    addresses;
	const char *const  *address; /* "192.0.2.1" or "192.0.2.1@5300" */
};

struct resolver_options {
	bool		    validate;
	size_t		    forwards; /* none: iterate from the root */
	const char *const  *forward;
	size_t		    stubs;
	const struct resolver_stub *stub;
	size_t		    anchor_files;
	const char *const  *anchor_file;
	size_t		    anchors;
	const char *const  *anchor;   /* DS or DNSKEY in zone file form */
	const char	   *root_hints; /* NULL: the library's own */
	unsigned	    in_flight;	/* lookups at once; the rest waits */
	unsigned	    patience;	/* ms; a lookup under way for longer
					   does not keep others waiting */
};

/* `set` is FAILED, or as DNS had it: times not yet set, TTL as received. */
struct resolver_answer {
	struct dname	name;
	uint16_t	type;
	struct rrset   *set;
	char	       *why_bogus; /* NULL if not bogus */
	struct resolver_answer *next; /* private */
};

/* NULL, after a log line that says why, if the options are not usable. */
struct resolver *resolver_open(const struct resolver_options *options);
void resolver_close(struct resolver *resolver);

/*
 * Takes new options; lookups under way begin again under them. Returns 0, or
 * -1 after a log line: the old options then stay.
 */
int resolver_reload(struct resolver *resolver,
    const struct resolver_options *options);

void resolver_ask(struct resolver *resolver, const struct dname *name,
    uint16_t type);

int resolver_fd(const struct resolver *resolver);
/* The next answer or NULL. Free with resolver_answer_free(). */
struct resolver_answer *resolver_next(struct resolver *resolver);
void resolver_answer_free(struct resolver_answer *answer);

const char *resolver_version(void);

#endif
