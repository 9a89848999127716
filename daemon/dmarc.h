/* SPDX-License-Identifier: ISC */
/*
 * DMARC (RFC 9989): which policy applies to an author domain, and whether an
 * authenticated identifier is aligned with it. Order of calls: dmarc_find()
 * for the author domain; then dmarc_aligned() for each identifier that has
 * passed or might have.
 */
#ifndef DMARC_H
#define DMARC_H

#include <stdbool.h>
#include <stdint.h>

#include "dname.h"
#include "tri.h"
#include "view.h"

enum dmarc_status {
	DMARC_FOUND,	/* a policy applies */
	DMARC_NONE,	/* no record, or none that may be used (4.10.1) */
	DMARC_TEMPERROR /* DNS could not tell */
};

enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE,
	DMARC_POLICY_REJECT };
enum dmarc_psd { DMARC_PSD_U, DMARC_PSD_N, DMARC_PSD_Y };
enum dmarc_mode { DMARC_RELAXED, DMARC_STRICT };

struct dmarc {
	enum dmarc_status status;
	struct dname	  author;	 /* the author domain asked for */
	struct dname	  policy_domain; /* where the record stood (4.10.1) */
	struct dname	  org_domain;	 /* the author's (4.10.2) */
	enum tri	  org_known;	 /* TRI_UNKNOWN: the walk above the
					    author's record failed */
	enum dmarc_policy policy;    /* what applies, after sp, np and t */
	enum dmarc_policy published; /* what applies, before t */
	enum dmarc_mode	  adkim, aspf;
	bool		  t;	     /* testing */
	enum dmarc_psd	  psd;
	int		  pct;	     /* 0 to 100; 100 if absent or bad */
	const char	 *rua, *ruf, *fo; /* as written, "" if absent */
	const char	 *record;    /* the record's text. Arena; "" if none */
	const char	 *problem;   /* why there is none, or what was ignored;
					NULL if nothing */
	struct view_scope read;
};

/* Of no meaning when dmarc->read.missing is not 0. */
void dmarc_find(struct view *view, const struct dname *author,
    struct dmarc *dmarc);

/*
 * Is `identifier` aligned with the author domain, in `mode` (5.3.3, 5.3.4)?
 * Unknown when a lookup failed that could have made the difference. Of no
 * meaning when something was missing from the view. An identifier that
 * shares no label with the author's name costs no lookup: it is not aligned.
 */
enum tri dmarc_aligned(struct view *view, const struct dmarc *dmarc,
    const struct dname *identifier, enum dmarc_mode mode);

const char *dmarc_status_text(enum dmarc_status status);
const char *dmarc_policy_text(enum dmarc_policy policy);

#endif
