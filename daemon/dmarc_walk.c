/* SPDX-License-Identifier: ISC */
#include "dmarc_walk.h"

#include "arena.h"

static enum dmarc_fate
record_fate(const struct dmarc_record *record)
{
	switch (record->psd) {
	case DMARC_PSD_U:
		return (DMARC_FATE_PSD_U);
	case DMARC_PSD_N:
		return (DMARC_FATE_PSD_N);
	case DMARC_PSD_Y:
		return (DMARC_FATE_PSD_Y);
	}
	return (DMARC_FATE_PSD_U);
}

static void
step_choose(struct view *view, const struct rrset *set,
    const struct dmarc_options *options, struct dmarc_step *step)
{
	struct arena *arena = view_arena(view);
	struct dmarc_record record;

	switch (dmarc_record_choose(arena, set, options, &record)) {
	case DMARC_RECORD_NO:
		step->fate = DMARC_FATE_EMPTY;
		break;
	case DMARC_RECORD_SEVERAL:
		step->fate = DMARC_FATE_SEVERAL;
		break;
	case DMARC_RECORD_ONE:
		step->fate = record_fate(&record);
		step->record = arena_memdup(arena, &record, sizeof(record));
		break;
	}
}

struct dmarc_step
dmarc_step_read(struct view *view, const struct dname *start, unsigned labels,
    const struct dmarc_options *options)
{
	struct dmarc_step step = {
	    .labels = labels, .fate = DMARC_FATE_EMPTY, .state = RR_NXDOMAIN};
	const struct rrset *set;
	struct dname domain, name;

	dname_suffix(&domain, start, labels);
	/* Nothing can stand at a name that is too long to be one. */
	if (dname_prepend(&name, "_dmarc", &domain) == -1)
		return (step);
	set = view_get(view, &name, RR_TXT);
	step.fate = DMARC_FATE_FAILED;
	step.missing = set == NULL;
	step.state = set != NULL ? set->state : RR_FAILED;
	if (set == NULL)
		return (step);
	switch (set->state) {
	case RR_PRESENT:
		step_choose(view, set, options, &step);
		break;
	case RR_NODATA:
	case RR_NXDOMAIN:
		step.fate = DMARC_FATE_EMPTY;
		break;
	case RR_FAILED:
		step.failure = set->failure;
		break;
	}
	return (step);
}

static bool
fate_ends_walk(enum dmarc_fate fate)
{
	return (fate == DMARC_FATE_PSD_N || fate == DMARC_FATE_PSD_Y);
}

void
dmarc_walk_climb(struct view *view, const struct dname *start,
    const struct dmarc_options *options, struct dmarc_walk *walk)
{
	struct dmarc_step *step;
	unsigned labels;

	*walk = (struct dmarc_walk){.labels = dname_labels(start)};
	for (labels = walk->labels; labels > 0; labels--) {
		step = &walk->step[walk->count++];
		*step = dmarc_step_read(view, start, labels, options);
		walk->missing |= step->missing;
		if (fate_ends_walk(step->fate))
			break;
		/* 4.10 step 4: from 8 labels or more straight to 7. */
		if (labels > DMARC_WALK_MAX)
			labels = DMARC_WALK_MAX;
	}
}

static unsigned
org_bit(unsigned labels)
{
	return (1U << (labels <= DMARC_WALK_MAX ? labels : 0));
}

/*
 * 4.10.2, from the longest name to the shortest: psd=n ends the search here,
 * psd=y one label below unless the walk started here, and else the shortest
 * name with a record is it, or the start: `top`, so far. A failed step may be
 * any of these, or nothing.
 */
unsigned
dmarc_walk_orgs(const struct dmarc_walk *walk)
{
	const struct dmarc_step *step = walk->step;
	unsigned found = 0, top = org_bit(walk->labels);
	unsigned here, below;

	for (; step < walk->step + walk->count; step++) {
		here = org_bit(step->labels);
		below = step == walk->step ? here : org_bit(step->labels + 1);
		switch (step->fate) {
		case DMARC_FATE_EMPTY:
		case DMARC_FATE_SEVERAL:
			break;
		case DMARC_FATE_PSD_U:
			top = here;
			break;
		case DMARC_FATE_PSD_N:
			return (found | here);
		case DMARC_FATE_PSD_Y:
			return (found | below);
		case DMARC_FATE_FAILED:
			found |= here | below;
			break;
		}
	}
	return (found | top);
}

unsigned
dmarc_orgs_within(unsigned orgs, unsigned common)
{
	return (orgs & ((2U << common) - 2));
}

static bool
is_single(unsigned set)
{
	return ((set & (set - 1)) == 0);
}

static enum tri
orgs_equal(unsigned a, unsigned b, unsigned common)
{
	if (dmarc_orgs_within(a & b, common) == 0)
		return (TRI_FALSE);
	return (is_single(a) && is_single(b) ? TRI_TRUE : TRI_UNKNOWN);
}

/* The step for the `labels` last labels, if the walk gets that far. */
static struct dmarc_step *
walk_reach(struct dmarc_walk *walk, unsigned labels)
{
	struct dmarc_step *step = walk->step;

	for (; step < walk->step + walk->count; step++) {
		if (step->labels == labels)
			return (step);
		if (fate_ends_walk(step->fate))
			break;
	}
	return (NULL);
}

/* The lowest name that both walks reach and where DNS failed. */
static bool
shared_failure(struct dmarc_walk *a, struct dmarc_walk *b, unsigned common,
    struct dmarc_step *step[2])
{
	for (; common > 0; common--) {
		step[0] = walk_reach(a, common);
		step[1] = walk_reach(b, common);
		if (step[0] != NULL && step[1] != NULL &&
		    step[0]->fate == DMARC_FATE_FAILED)
			return (true);
	}
	return (false);
}

/*
 * What stands at a name that both walks read is the same for both: try all it
 * may be. At most 7 names are shared, and half of what may stand there ends
 * both walks: under 400 cases.
 */
static enum tri
walks_try(struct dmarc_walk *a, struct dmarc_walk *b, unsigned common)
{
	static const enum dmarc_fate fates[] = {DMARC_FATE_EMPTY,
	    DMARC_FATE_PSD_U, DMARC_FATE_PSD_N, DMARC_FATE_PSD_Y};
	struct dmarc_step *step[2];
	enum tri meet = TRI_UNKNOWN, one;
	unsigned i;

	if (!shared_failure(a, b, common, step))
		return (
		    orgs_equal(dmarc_walk_orgs(a), dmarc_walk_orgs(b), common));
	for (i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
		step[0]->fate = step[1]->fate = fates[i];
		one = walks_try(a, b, common);
		if (i > 0 && one != meet)
			meet = TRI_UNKNOWN;
		else
			meet = one;
		if (meet == TRI_UNKNOWN)
			break;
	}
	step[0]->fate = step[1]->fate = DMARC_FATE_FAILED;
	return (meet);
}

enum tri
dmarc_walks_meet(
    const struct dmarc_walk *a, const struct dmarc_walk *b, unsigned common)
{
	struct dmarc_walk try_a = *a, try_b = *b;

	return (walks_try(&try_a, &try_b, common));
}
