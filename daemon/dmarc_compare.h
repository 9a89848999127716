/* SPDX-License-Identifier: ISC */
/*
 * What would the other way of discovery say? For receivers that think of
 * changing from RFC 7489 to RFC 9989, or back: each difference is counted and
 * logged, and nothing else depends on it.
 */
#ifndef DMARC_COMPARE_H
#define DMARC_COMPARE_H

#include "dmarc.h"
#include "view.h"

enum dmarc_difference {
	DMARC_SAME,
	DMARC_POLICY_DIFFERS, /* or only one finds any */
	DMARC_ORG_DIFFERS,    /* the same policy, another organization */
	DMARC_NOT_COMPARED    /* one of them is not known */
};

/* Both for one author domain and known whole. */
enum dmarc_difference dmarc_difference(
    const struct dmarc *a, const struct dmarc *b);

/*
 * Finds the policy both ways. To be called outside of all scopes of the view,
 * so that what only the other way reads is no part of the answer's. When
 * anything is missing nothing is counted yet.
 */
void dmarc_compare(struct view *view, const struct dmarc_options *options,
    const struct dname *author);

#endif
