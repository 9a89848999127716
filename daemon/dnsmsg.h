/* SPDX-License-Identifier: ISC */
/*
 * DNS answers (RFC 1035 4): a message from the resolver becomes a record set.
 * The message is remote data of any shape; whatever it holds, the result is a
 * set that can be trusted in form.
 *
 * An answer that is none (a failing rcode, a negative answer without SOA, a
 * damaged message) is a set too: RR_FAILED with the failure that says so.
 */
#ifndef DNSMSG_H
#define DNSMSG_H

#include <stddef.h>
#include <stdint.h>

#include "rrset.h"

/* Longer CNAME chains are refused; resolvers stop at about as many. */
#define DNSMSG_CHAIN_MAX 16

struct dnsmsg_info {
	unsigned rcode;	       /* of the header; 0 if there is none */
	unsigned cnames;       /* links of the chain that was followed */
	struct dname target;   /* where it ends: the question's name if none */
	const char *problem;   /* why the set is RR_FAILED, else NULL */
};

/*
 * The records of `qtype` at the end of the CNAME chain from `qname`, in
 * canonical order without duplicates, names in them uncompressed and in lower
 * case. `ttl` is the least one over the chain, for a negative answer the one
 * of RFC 2308 5, as received. The times are 0 and the DNSSEC status is left as
 * rrset_new() has it, for the caller to set. `info` may be NULL. Caller frees;
 * never NULL.
 */
struct rrset *dnsmsg_decode(const uint8_t *pkt, size_t len,
    const struct dname *qname, uint16_t qtype, struct dnsmsg_info *info);

#endif
