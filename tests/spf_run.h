/* SPDX-License-Identifier: ISC */
/*
 * An SPF check over a zone.h, run as the daemon would: again and again until
 * nothing is missing. For tests, fuzz targets and benchmarks.
 */
#ifndef SPF_RUN_H
#define SPF_RUN_H

#include "arena.h"
#include "spf.h"
#include "zone.h"

/* What a check cost. */
struct spf_cost {
	unsigned rounds;    /* of fetching; 0 if everything was at hand */
	unsigned questions; /* fetched in them */
};

enum spf_run_mode { SPF_WARM, SPF_COLD };

/* The zone knows everything, or nothing until it is fetched. */
static inline void
spf_run_begin(struct zone *zone, enum spf_run_mode mode)
{
	size_t i;

	zone_forget(zone);
	zone->cold = mode == SPF_COLD;
	for (i = 0; i < zone->count; i++)
		zone->entry[i].fetched = mode == SPF_WARM;
}

static inline unsigned
spf_run_count(const struct view *view)
{
	const struct view_name *name;
	unsigned count = 0;

	for (name = view_missing_list(view); name != NULL; name = name->next)
		count++;
	return (count);
}

/*
 * The answer's strings live in `arena`. Returns 0, or -1 if SPF_ROUNDS_MAX
 * rounds were not enough. `received` may be NULL.
 */
static inline int
spf_run(struct zone *zone, struct arena *arena, enum spf_run_mode mode,
    const struct spf_question *question, struct spf_answer *answer,
    struct spf_cost *cost, const char **received)
{
	const struct view_source source = zone_source(zone);
	struct view *view;
	bool missing;

	spf_run_begin(zone, mode);
	*cost = (struct spf_cost){0};
	for (;;) {
		view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
		spf_check(view, question, answer);
		missing = view_missing(view);
		if (!missing && received != NULL)
			*received = spf_received(view, question, answer);
		cost->questions += spf_run_count(view);
		zone_fetch(zone, view_missing_list(view));
		view_close(view);
		if (!missing)
			return (0);
		if (cost->rounds++ == SPF_ROUNDS_MAX)
			return (-1);
	}
}

static inline bool
spf_text_equal(const char *a, const char *b)
{
	return (a == b || (a != NULL && b != NULL && strcmp(a, b) == 0));
}

/* How a check came to its answer must not show in it. */
static inline bool
spf_answer_equal(const struct spf_answer *a, const struct spf_answer *b)
{
	return (a->result == b->result && a->identity == b->identity &&
		spf_text_equal(a->domain, b->domain) &&
		spf_text_equal(a->mechanism, b->mechanism) &&
		spf_text_equal(a->problem, b->problem) &&
		spf_text_equal(a->explanation, b->explanation) &&
		a->read_local == b->read_local &&
		a->read_helo == b->read_helo &&
		a->read_time == b->read_time &&
		a->read.asked == b->read.asked &&
		a->read.failed == b->read.failed &&
		a->read.expires == b->read.expires);
}

#endif
