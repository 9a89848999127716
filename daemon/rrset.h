/* SPDX-License-Identifier: ISC */
/*
 * What DNS said about one (name, type): the unit that is fetched, cached and
 * read by the evaluators. A failure is an answer too (RFC 9520), with its own
 * short life; it never hides when it began.
 *
 * A record set can hold data *and* a failure: the data then is past its life
 * and the last attempt to renew it failed (RFC 8767).
 *
 * To build one: rrset_new(), rrset_add()..., rrset_free().
 * To read one: start with a zeroed struct rdata and call rrset_next().
 */
#ifndef RRSET_H
#define RRSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname.h"

struct arena;

enum rr_type {
	RR_A = 1,
	RR_NS = 2,
	RR_CNAME = 5,
	RR_SOA = 6,
	RR_PTR = 12,
	RR_MX = 15,
	RR_TXT = 16,
	RR_AAAA = 28
};

enum rr_state {
	RR_PRESENT = 1, /* there are records of the type */
	RR_NODATA,      /* the name exists, the type does not */
	RR_NXDOMAIN,    /* the name, or what it is an alias of, does not exist */
	RR_FAILED       /* no answer that could be used, and no older one */
};

/* From strongest to weakest: the weakest of several is the greatest. */
enum dnssec {
	DNSSEC_SECURE,        /* proved by a chain from the trust anchor */
	DNSSEC_INSECURE,      /* proved to be unsigned */
	DNSSEC_INDETERMINATE, /* nothing known: a failure, or no validation */
	DNSSEC_BOGUS          /* signed wrongly: the data was thrown away */
};

enum rr_failure {
	RR_FAILURE_NONE,
	RR_FAILURE_TIMEOUT,   /* no answer within the lookup's deadline */
	RR_FAILURE_SERVFAIL,  /* the resolver gave up */
	RR_FAILURE_BOGUS,     /* DNSSEC validation failed */
	RR_FAILURE_LAME,      /* a negative answer without SOA (RFC 2308 5) */
	RR_FAILURE_MALFORMED, /* an answer that could not be read */
	RR_FAILURE_BUSY       /* not asked: too many lookups in flight */
};

/* Times are milliseconds since the epoch; 0 stands for never. */
struct rrset {
	enum rr_state	 state;
	enum dnssec	 dnssec;
	uint32_t	 ttl;	      /* seconds, after the configured bounds */
	int64_t		 fetched;     /* when the data was received */
	int64_t		 expires;     /* fetched + ttl; if FAILED: until when older
					 data served in its place, 0: none did */

	enum rr_failure	 failure;     /* the last attempt's, NONE if it worked */
	uint32_t	 failures;    /* attempts that failed, in a row */
	int64_t		 failed_since; /* the first of them */
	int64_t		 failed_at;   /* the last of them */
	int64_t		 retry_at;    /* not asked again before */

	uint16_t	 count;	      /* records */
	uint32_t	 len;	      /* octets at rdata */
	uint8_t		*rdata;	      /* count x (u16 length, octets) */
};

/* A record, borrowed from its set. Zero it before the first rrset_next(). */
struct rdata {
	const uint8_t	*data; /* names in it are uncompressed */
	uint16_t	 len;
	uint32_t	 next; /* private */
};

struct rrset *rrset_new(enum rr_state state);
void rrset_free(struct rrset *set); /* NULL is fine */
/* Returns 0, or -1 when the set would pass 64 kB or 65535 records. */
int rrset_add(struct rrset *set, const void *data, size_t len);
/* A TXT record of `len` octets, cut into character-strings of 255. */
int rrset_add_txt(struct rrset *set, const void *text, size_t len);
struct rrset *rrset_copy(struct arena *arena, const struct rrset *set);

/* Moves to the next record; false when there is none. */
bool rrset_next(const struct rrset *set, struct rdata *record);

/*
 * A TXT record's character-strings joined (RFC 7208 3.3, RFC 6376 3.6.2.2),
 * with a NUL behind them that `*len` does not count. Arena.
 */
char *rdata_txt(struct arena *arena, const struct rdata *record, size_t *len);
/* The name of a CNAME, NS or PTR record (skip 0) or MX (skip 2). 0 or -1. */
int rdata_name(const struct rdata *record, size_t skip, struct dname *name);

/*
 * Fresh as of `asof`: not expired then, or received since. The second half
 * makes a record of TTL 0 usable for the request that waited for it.
 */
bool rrset_fresh(const struct rrset *set, int64_t asof);
/*
 * Received later than a request of that time can have waited for it: the clock
 * was wrong then, or is now, and the set's times mean nothing.
 */
#define RRSET_FUTURE 120000 /* ms: twice what the longest request waits */
bool rrset_from_future(const struct rrset *set, int64_t asof);

/* The clock was set, `by` so much: what was a while ago, or will be, is so. */
void rrset_shift(struct rrset *set, int64_t by);

/* The RFCs' words, for logs and replies. */
const char *rr_type_text(uint16_t type); /* "TXT", "TYPE99" as "TYPE?" */
const char *rr_state_text(enum rr_state state);
const char *rr_failure_text(enum rr_failure failure);
const char *dnssec_text(enum dnssec dnssec);

#endif
