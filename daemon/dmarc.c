/* SPDX-License-Identifier: ISC */
#include "dmarc.h"

#include "arena.h"
#include "psl.h"

#define POLICY_ONE(policy) ((uint8_t)(1U << (policy)))
#define POLICY_ALL                                                             \
	(POLICY_ONE(DMARC_POLICY_NONE) | POLICY_ONE(DMARC_POLICY_QUARANTINE) | \
	    POLICY_ONE(DMARC_POLICY_REJECT))

enum dmarc_policy
dmarc_policy_lower(enum dmarc_policy policy)
{
	switch (policy) {
	case DMARC_POLICY_NONE:
	case DMARC_POLICY_QUARANTINE:
		return (DMARC_POLICY_NONE);
	case DMARC_POLICY_REJECT:
		return (DMARC_POLICY_QUARANTINE);
	}
	return (policy);
}

bool
dmarc_sampled(int pct, const uint8_t digest[8])
{
	uint64_t number = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		number = number << 8 | digest[i];
	return (number % 100 < (uint64_t)pct);
}

/* A remark of our own goes before those on the record. */
static void
dmarc_remark(struct view *view, struct dmarc *dmarc, const char *remark)
{
	if (dmarc->problem == NULL)
		dmarc->problem = remark;
	else
		dmarc->problem = arena_printf(
		    view_arena(view), "%s; %s", remark, dmarc->problem);
}

/* "WHAT at _dmarc.NAME", NAME being the `labels` last of the author's. */
static const char *
text_at(struct view *view, const struct dmarc *dmarc, const char *what,
    unsigned labels)
{
	char buf[DNAME_TEXT_MAX];
	struct dname name;

	dname_suffix(&name, &dmarc->author, labels);
	return (arena_printf(
	    view_arena(view), "%s at _dmarc.%s", what, dname_text(&name, buf)));
}

static void
dmarc_temperror(
    struct view *view, struct dmarc *dmarc, const struct dmarc_step *step)
{
	dmarc->status = DMARC_TEMPERROR;
	dmarc->may_apply = dmarc->may_publish = POLICY_ALL;
	dmarc->may_be_absent = true;
	dmarc->problem =
	    text_at(view, dmarc, rr_failure_text(step->failure), step->labels);
}

static void
dmarc_none(struct dmarc *dmarc)
{
	dmarc->status = DMARC_NONE;
	dmarc->may_apply = dmarc->may_publish = 0;
	dmarc->may_be_absent = true;
}

/* Adds `published` to what may be the policy that is asked for. */
static void
dmarc_may(struct dmarc *dmarc, enum dmarc_policy published)
{
	dmarc->published = dmarc->policy = published;
	/* RFC 9989 4.7: t=y is one level below. */
	if (dmarc->t)
		dmarc->policy = dmarc_policy_lower(published);
	dmarc->may_publish |= POLICY_ONE(dmarc->published);
	dmarc->may_apply |= POLICY_ONE(dmarc->policy);
}

/*
 * Does the author domain exist (RFC 9989 3.2.13)? Only NXDOMAIN for the name
 * itself says no; any record or NODATA at _dmarc below it says yes (RFC 8020).
 * The type does not matter: TXT is what SPF asks for, too.
 */
static enum tri
author_exists(struct view *view, const struct dmarc *dmarc)
{
	const enum rr_state below = dmarc->walk.step[0].state;
	const struct rrset *set;

	if (below == RR_PRESENT || below == RR_NODATA)
		return (TRI_TRUE);
	set = view_get(view, &dmarc->author, RR_TXT);
	if (set == NULL || set->state == RR_FAILED)
		return (TRI_UNKNOWN);
	return (tri_from_bool(set->state != RR_NXDOMAIN));
}

/* 4.10.1: the record of a domain above the author's has sp or np for it. */
static void
apply_from_above(
    struct view *view, struct dmarc *dmarc, const struct dmarc_record *record)
{
	enum tri exists = TRI_TRUE;

	if (record->np != record->sp)
		exists = author_exists(view, dmarc);
	if (exists != TRI_TRUE)
		dmarc_may(dmarc, record->np);
	if (exists != TRI_FALSE)
		dmarc_may(dmarc, record->sp);
	if (exists == TRI_UNKNOWN) {
		dmarc->status = DMARC_TEMPERROR;
		dmarc_remark(view, dmarc,
		    "DNS cannot tell whether the author domain exists");
	}
}

/* The record in `step` is the one that applies. */
static void
apply_record(
    struct view *view, struct dmarc *dmarc, const struct dmarc_step *step)
{
	const struct dmarc_record *record = step->record;

	dname_suffix(&dmarc->policy_domain, &dmarc->author, step->labels);
	dmarc->adkim = record->adkim;
	dmarc->aspf = record->aspf;
	dmarc->mode_known = true;
	dmarc->t = record->t;
	dmarc->psd = record->psd;
	dmarc->pct = record->pct;
	dmarc->rua = record->rua;
	dmarc->ruf = record->ruf;
	dmarc->fo = record->fo;
	dmarc->record = record->text;
	dmarc->problem = record->problem;
	dmarc->status = DMARC_FOUND;
	dmarc->may_apply = dmarc->may_publish = 0;
	dmarc->may_be_absent = false;
	if (!record->usable)
		dmarc_none(dmarc);
	else if (step->labels == dname_labels(&dmarc->author))
		dmarc_may(dmarc, record->p);
	else
		apply_from_above(view, dmarc, record);
}

static void
org_set(struct dmarc *dmarc, unsigned labels)
{
	dname_suffix(&dmarc->org_domain, &dmarc->author, labels);
	dmarc->org_known = TRI_TRUE;
}

/* The organizational domain, if the walk leaves but one. */
static void
walk_org(struct dmarc *dmarc)
{
	unsigned orgs = dmarc_walk_orgs(&dmarc->walk), labels = 0;

	if ((orgs & (orgs - 1)) != 0)
		return;
	while (orgs >> (labels + 1) != 0)
		labels++;
	org_set(dmarc, labels != 0 ? labels : dmarc->walk.labels);
}

/*
 * 4.10.1, when there is no record at the author domain: the organizational
 * domain's applies, or else the public suffix domain's, with which the walk
 * has ended. What stands at other names in between does not count.
 */
static const struct dmarc_step *
record_from_above(const struct dmarc *dmarc)
{
	const unsigned org = dname_labels(&dmarc->org_domain);
	const struct dmarc_walk *walk = &dmarc->walk;
	const struct dmarc_step *step = walk->step;

	for (; step < walk->step + walk->count; step++) {
		if (step->record != NULL &&
		    (step->labels == org || step->fate == DMARC_FATE_PSD_Y))
			return (step);
	}
	return (NULL);
}

static const struct dmarc_step *
first_failed(const struct dmarc_walk *walk)
{
	const struct dmarc_step *step = walk->step;

	for (; step < walk->step + walk->count; step++) {
		if (step->fate == DMARC_FATE_FAILED)
			return (step);
	}
	return (NULL);
}

static void
no_record(struct view *view, struct dmarc *dmarc)
{
	const struct dmarc_step *step = dmarc->walk.step;

	dmarc_none(dmarc);
	dmarc->problem = "no DMARC record at the author domain or above";
	for (; step < dmarc->walk.step + dmarc->walk.count; step++) {
		if (step->fate != DMARC_FATE_SEVERAL)
			continue;
		dmarc->problem = text_at(view, dmarc,
		    "several DMARC records, all discarded,", step->labels);
		break;
	}
}

static void
find_by_walk(
    struct view *view, const struct dmarc_options *options, struct dmarc *dmarc)
{
	struct dmarc_walk *walk = &dmarc->walk;
	const struct dmarc_step *failed, *above;

	dmarc_walk_climb(view, &dmarc->author, options, walk);
	if (walk->missing)
		return;
	walk_org(dmarc);
	failed = first_failed(walk);
	/*
	 * With the author domain's own record at hand nothing above can change
	 * the policy. Without, a name that failed anywhere might have held the
	 * record that applies; most of all the author domain's own, which must
	 * not give way to a parent's.
	 */
	if (walk->step[0].record != NULL) {
		apply_record(view, dmarc, walk->step);
		if (dmarc->org_known == TRI_UNKNOWN)
			dmarc_remark(view, dmarc,
			    text_at(view, dmarc,
				"the organizational domain is not known: DNS "
				"failed",
				failed->labels));
	} else if (failed != NULL)
		dmarc_temperror(view, dmarc, failed);
	else if ((above = record_from_above(dmarc)) != NULL)
		apply_record(view, dmarc, above);
	else
		no_record(view, dmarc);
}

/*
 * RFC 7489 6.6.3: the author domain's record, else the organizational
 * domain's. Several records at either end the search.
 */
static void
find_by_psl(
    struct view *view, const struct dmarc_options *options, struct dmarc *dmarc)
{
	const unsigned author = dname_labels(&dmarc->author);
	const unsigned org = psl_organizational(&dmarc->author);
	struct dmarc_walk *walk = &dmarc->walk;
	struct dmarc_step *step = walk->step;

	org_set(dmarc, org);
	walk->labels = author;
	*step = dmarc_step_read(view, &dmarc->author, author, options);
	walk->count = 1;
	/* Nearly always needed, and mostly warm: in the same round. */
	if (org != author &&
	    (step->missing || step->fate == DMARC_FATE_EMPTY)) {
		step[1] = dmarc_step_read(view, &dmarc->author, org, options);
		walk->count = 2;
		if (!step->missing)
			step++;
	}
	walk->missing = step->missing;
	if (walk->missing)
		return;
	if (step->fate == DMARC_FATE_FAILED)
		dmarc_temperror(view, dmarc, step);
	else if (step->record != NULL)
		apply_record(view, dmarc, step);
	else
		no_record(view, dmarc);
}

void
dmarc_find(struct view *view, const struct dname *author,
    const struct dmarc_options *options, struct dmarc *dmarc)
{
	*dmarc = (struct dmarc){.status = DMARC_TEMPERROR,
	    .author = *author,
	    .policy_domain = *author,
	    .org_domain = *author,
	    .org_known = TRI_UNKNOWN,
	    .pct = 100,
	    .rua = "",
	    .ruf = "",
	    .fo = "",
	    .record = "",
	    .may_apply = POLICY_ALL,
	    .may_publish = POLICY_ALL,
	    .may_be_absent = true,
	    .discovery = options->discovery};
	view_enter(view, &dmarc->read);
	switch (options->discovery) {
	case DMARC_TREE_WALK:
		find_by_walk(view, options, dmarc);
		break;
	case DMARC_PSL:
		find_by_psl(view, options, dmarc);
		break;
	}
	view_leave(view);
}

/*
 * The right-most labels that two names have in common, as far as a walk can
 * tell names apart.
 */
static unsigned
common_labels(const struct dname *a, const struct dname *b)
{
	unsigned common;
	struct dname tail;

	for (common = 0; common < DMARC_WALK_MAX; common++) {
		dname_suffix(&tail, a, common + 1);
		if (dname_labels(&tail) == common || !dname_within(b, &tail))
			break;
	}
	return (common);
}

/* Both have their organizational domain from the list: no lookup. */
static enum tri
aligned_by_psl(const struct dmarc *dmarc, const struct dname *identifier)
{
	struct dname org;

	dname_suffix(&org, identifier, psl_organizational(identifier));
	return (tri_from_bool(dname_equal(&org, &dmarc->org_domain)));
}

/* 4.10.2: the identifier has a walk of its own. */
static enum tri
aligned_by_walk(struct view *view, const struct dmarc *dmarc,
    const struct dname *identifier)
{
	const struct dmarc_options options = {.discovery = DMARC_TREE_WALK};
	const unsigned common = common_labels(&dmarc->author, identifier);
	struct dmarc_walk walk;

	/*
	 * The organizational domains would have to be equal, so that the
	 * identifier lies in the author's.
	 */
	if (dmarc_orgs_within(dmarc_walk_orgs(&dmarc->walk), common) == 0)
		return (TRI_FALSE);
	if (!dmarc->mode_known)
		return (TRI_UNKNOWN);
	dmarc_walk_climb(view, identifier, &options, &walk);
	if (walk.missing)
		return (TRI_UNKNOWN);
	return (dmarc_walks_meet(&dmarc->walk, &walk, common));
}

enum tri
dmarc_aligned(struct view *view, const struct dmarc *dmarc,
    const struct dname *identifier, enum dmarc_mode mode)
{
	enum tri aligned;

	if (dname_equal(&dmarc->author, identifier))
		return (TRI_TRUE);
	/* 4.10.2: no need to evaluate it where DMARC does not apply. */
	if (dmarc->status == DMARC_NONE)
		return (TRI_FALSE);
	if (dmarc->mode_known && mode == DMARC_STRICT)
		return (TRI_FALSE);
	if (dmarc->discovery == DMARC_PSL)
		aligned = aligned_by_psl(dmarc, identifier);
	else
		aligned = aligned_by_walk(view, dmarc, identifier);
	/* It may yet turn out that the domain asks for strict alignment. */
	if (!dmarc->mode_known)
		aligned = tri_and(aligned, TRI_UNKNOWN);
	return (aligned);
}

const char *
dmarc_status_text(enum dmarc_status status)
{
	switch (status) {
	case DMARC_FOUND:
		return ("found");
	case DMARC_NONE:
		return ("none");
	case DMARC_TEMPERROR:
		return ("temperror");
	}
	return ("?");
}

const char *
dmarc_policy_text(enum dmarc_policy policy)
{
	switch (policy) {
	case DMARC_POLICY_NONE:
		return ("none");
	case DMARC_POLICY_QUARANTINE:
		return ("quarantine");
	case DMARC_POLICY_REJECT:
		return ("reject");
	}
	return ("?");
}

const char *
dmarc_psd_text(enum dmarc_psd psd)
{
	switch (psd) {
	case DMARC_PSD_U:
		return ("u");
	case DMARC_PSD_N:
		return ("n");
	case DMARC_PSD_Y:
		return ("y");
	}
	return ("?");
}

const char *
dmarc_mode_text(enum dmarc_mode mode)
{
	switch (mode) {
	case DMARC_RELAXED:
		return ("r");
	case DMARC_STRICT:
		return ("s");
	}
	return ("?");
}
