/* SPDX-License-Identifier: ISC */
/*
 * The DNS tree walk (RFC 9989 4.10) and what it says about the organizational
 * domain (4.10.2). A name whose lookup failed might have held anything, so the
 * answer is a set of domains; two walks that meet at such a name share its
 * unknown contents.
 */
#ifndef DMARC_WALK_H
#define DMARC_WALK_H

#include "dmarc_record.h"
#include "dname.h"
#include "tri.h"
#include "view.h"

#define DMARC_WALK_MAX 8 /* RFC 9989 4.10: queries, and labels cut to 7 */

enum dmarc_fate {
	DMARC_FATE_EMPTY,   /* no DMARC record */
	DMARC_FATE_SEVERAL, /* more than one: all discarded */
	DMARC_FATE_PSD_U,   /* one record, neither psd=n nor psd=y */
	DMARC_FATE_PSD_N,
	DMARC_FATE_PSD_Y,
	DMARC_FATE_FAILED   /* not known */
};

struct dmarc_step {
	unsigned	labels; /* right-most labels of the start asked for */
	enum dmarc_fate fate;
	bool		missing; /* from the view: FAILED, for the time being */
	enum rr_state	state;
	enum rr_failure failure; /* of a FAILED step */
	const struct dmarc_record *record; /* NULL unless psd u, n or y */
};

struct dmarc_walk {
	unsigned	  labels; /* of the name where it starts */
	unsigned	  count;
	bool		  missing; /* some step is: nothing below holds */
	struct dmarc_step step[DMARC_WALK_MAX]; /* from the start upwards */
};

/* What stands at _dmarc.NAME, NAME being the `labels` last of `start`. */
struct dmarc_step dmarc_step_read(struct view *view, const struct dname *start,
    unsigned labels, const struct dmarc_options *options);

/*
 * Walks from `start`. All names are asked for at once: a step that is missing
 * does not end the walk, a psd=n or psd=y at hand does.
 */
void dmarc_walk_climb(struct view *view, const struct dname *start,
    const struct dmarc_options *options, struct dmarc_walk *walk);

/*
 * The organizational domains the start may have: bit n stands for its n
 * right-most labels, bit 0 for a start of more than 8 labels itself. Never
 * empty.
 */
unsigned dmarc_walk_orgs(const struct dmarc_walk *walk);

/*
 * Do both starts, different names that have `common` right-most labels in
 * common (DMARC_WALK_MAX stands for more), have the same organizational domain?
 */
enum tri dmarc_walks_meet(const struct dmarc_walk *a,
    const struct dmarc_walk *b, unsigned common);

/* `orgs` without the domains that have more than `common` labels; the same. */
unsigned dmarc_orgs_within(unsigned orgs, unsigned common);

#endif
