/* SPDX-License-Identifier: ISC */
/*
 * DMARC (RFC 9989): which policy applies to an author domain, and whether an
 * authenticated identifier is aligned with it. Order of calls: dmarc_find()
 * for the author domain; then, unless something was missing from the view,
 * dmarc_aligned() for each identifier that has passed or might have.
 *
 * What DNS failed to tell is kept as what it may be: a struct dmarc holds the
 * sets of policies and of organizational domains that are possible, and an
 * alignment is unknown only when the answers that are left disagree.
 */
#ifndef DMARC_H
#define DMARC_H

#include <stdbool.h>
#include <stdint.h>

#include "dmarc_record.h"
#include "dmarc_walk.h"
#include "dname.h"
#include "tri.h"
#include "view.h"

enum dmarc_status {
	DMARC_FOUND,	/* a policy applies */
	DMARC_NONE,	/* no record, or none that may be used (4.10.1) */
	DMARC_TEMPERROR /* DNS could not tell */
};

struct dmarc {
	enum dmarc_status status;
	struct dname	  author;	 /* the author domain asked for */
	struct dname	  policy_domain; /* where the record stood (4.10.1) */
	struct dname	  org_domain;	 /* the author's (4.10.2), if known */
	enum tri	  org_known;	 /* TRI_UNKNOWN: the walk above the
					    author's record failed */
	enum dmarc_policy policy;    /* what applies, after sp, np and t */
	enum dmarc_policy published; /* what applies, before t */
	enum dmarc_mode	  adkim, aspf;
	bool		  t;	     /* testing */
	enum dmarc_psd	  psd;
	int		  pct;	     /* to sample by: 100 if absent or bad, or
					not honoured (see dmarc_options) */
	const char	 *rua, *ruf, *fo; /* as written, "" if absent */
	const char	 *record;    /* the record's text. Arena; "" if none */
	const char	 *problem;   /* why there is none, or what was ignored;
					NULL if nothing */
	struct view_scope read;

	/*
	 * The truth lies in these sets of 1 << enum dmarc_policy; they have
	 * one member when FOUND and none when NONE.
	 */
	uint8_t		  may_apply, may_publish;
	bool		  may_be_absent; /* no policy may apply at all */
	bool		  mode_known;	 /* adkim and aspf are the truth */

	enum dmarc_discovery discovery;	 /* as asked for */
	struct dmarc_walk    walk;	 /* private: the author's */
};

/*
 * Of no meaning when dmarc->read.missing is not 0. With DMARC_PSL this is
 * RFC 7489 6.6.3: no walk, no np, psd and t; pct is honoured in any case.
 */
void dmarc_find(struct view *view, const struct dname *author,
    const struct dmarc_options *options, struct dmarc *dmarc);

/*
 * Is `identifier` aligned with the author domain, in `mode` (4.10.2)? `mode`
 * is dmarc->adkim or dmarc->aspf. Unknown when a lookup failed that could have
 * made the difference. Of no meaning when something was missing from the view.
 *
 * No lookup is made for a name equal to the author domain, which is aligned;
 * for one that lies in no organizational domain the author may have, which is
 * not; and for any other when no policy applies or none is known.
 */
enum tri dmarc_aligned(struct view *view, const struct dmarc *dmarc,
    const struct dname *identifier, enum dmarc_mode mode);

/* One level down: what t=y, or pct on a message not sampled, makes of it. */
enum dmarc_policy dmarc_policy_lower(enum dmarc_policy policy);
/*
 * RFC 7489 6.6.4: is a message among the `pct` percent to which the policy
 * applies? `digest` is a keyed hash of what a retry repeats, so that all hosts
 * and all retries agree.
 */
bool dmarc_sampled(int pct, const uint8_t digest[8]);

const char *dmarc_status_text(enum dmarc_status status);
const char *dmarc_policy_text(enum dmarc_policy policy);
const char *dmarc_psd_text(enum dmarc_psd psd);	  /* "u", "n", "y" */
const char *dmarc_mode_text(enum dmarc_mode mode); /* "r", "s" */

#endif
