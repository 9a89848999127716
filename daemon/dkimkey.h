/* SPDX-License-Identifier: ISC */
/*
 * The DKIM key record of a selector and domain (RFC 6376 3.6.1, RFC 8463).
 * Whoever has the message verifies the signature; this module only answers
 * which key stands in DNS, and whether it may be used. A short RSA key is
 * DKIMKEY_OK with its true size: RFC 8301 3.2 leaves it to the verifier to
 * refuse what has less than 1024 bits.
 *
 * RFC 6376 3.6.2.2 leaves several records undefined. Records that begin with
 * a v= other than DKIM1 are discarded, as 3.6.1 says (a wildcard's SPF record
 * does no harm); when then more than one is left, there is no key.
 */
#ifndef DKIMKEY_H
#define DKIMKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "rrset.h"
#include "view.h"

enum dkimkey_status {
	DKIMKEY_OK,
	DKIMKEY_NONE,	  /* no record: RFC 6376 6.1.2, permanent */
	DKIMKEY_REVOKED,  /* empty p= */
	DKIMKEY_INVALID,  /* several records, syntax, unknown k= or h= */
	DKIMKEY_TEMPERROR /* DNS failed: the signature may be good */
};

enum dkimkey_alg { DKIMKEY_ALG_NONE, DKIMKEY_ALG_RSA, DKIMKEY_ALG_ED25519 };

struct dkimkey {
	enum dkimkey_status status;
	enum dkimkey_alg    alg;
	unsigned	    bits;     /* of the modulus, exactly; 256 ed25519 */
	const char	   *flags;    /* t= as written, "" if absent. Arena */
	const char	   *record;   /* the record's text. Arena */
	const char	   *problem;  /* why it is invalid or DNS failed, else
					 NULL */
	struct view_scope   read;     /* dnssec, ttl, stale of the lookup */
};

/*
 * Of no meaning when key->read.missing is not 0. A selector or domain that
 * cannot be a name is DKIMKEY_INVALID; both may hold U-labels (RFC 8616 5).
 * `flags` holds what stands in t= even where the key cannot be used; `record`
 * is "" unless there is exactly one that may count.
 */
void dkimkey_find(struct view *view, const char *selector, const char *domain,
    struct dkimkey *key);

const char *dkimkey_status_text(enum dkimkey_status status);
const char *dkimkey_alg_text(enum dkimkey_alg alg); /* "": not known */

#endif
