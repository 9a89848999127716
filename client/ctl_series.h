/* SPDX-License-Identifier: ISC */
/*
 * The daemon's samples, put together for plots: the time they span is rounded
 * up to some hours and cut into intervals, as many as a plot can show.
 */
#ifndef CTL_SERIES_H
#define CTL_SERIES_H

#include <stdint.h>

#include "ctl.h"
#include "series.h"

#define SERIES_SLOTS_MAX 100

struct series_slot {
	unsigned samples; /* 0: the daemon did not run */
	/* Counted: the sum. Quantiles: of the worst minute. Cache: the last. */
	uint64_t value[SERIES_COUNT];
};

struct series_view {
	int64_t	 begin, end; /* seconds since the epoch */
	int64_t	 interval;   /* seconds */
	unsigned slots;
	struct series_slot slot[SERIES_SLOTS_MAX];
};

/* Asks for all samples; `now` is the end of the view. An exit status. */
int series_get(const struct ctl *ctl, int64_t now, struct series_view *view);

#endif
