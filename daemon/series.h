/* SPDX-License-Identifier: ISC */
/*
 * The last day, minute by minute: what the plots of `verdictctl report` are
 * made from. A ring of samples; what a sample counts is what was added in its
 * minute.
 */
#ifndef SERIES_H
#define SERIES_H

#include <stddef.h>
#include <stdint.h>

/* One a minute for a day: 190 kB. */
#define SERIES_MAX 1440

/* name as it is reported: first what is counted, then what is measured */
#define SERIES_COLUMNS(X)                                                      \
	X(SERIES_REQUESTS, "requests")                                         \
	X(SERIES_ACCEPTED, "accepted")                                         \
	X(SERIES_QUARANTINED, "quarantined")                                   \
	X(SERIES_REJECTED, "rejected")                                         \
	X(SERIES_DEFERRED, "deferred")                                         \
	X(SERIES_UNDECIDED, "undecided")                                       \
	X(SERIES_BUSY, "busy")                                                 \
	X(SERIES_HITS, "cache_hits")                                           \
	X(SERIES_MISSES, "cache_misses")                                       \
	X(SERIES_LOOKUPS, "lookups")                                           \
	X(SERIES_FAILED, "answers_failed")                                     \
	X(SERIES_P50, "p50_us")                                                \
	X(SERIES_P90, "p90_us")                                                \
	X(SERIES_P99, "p99_us")                                                \
	X(SERIES_ENTRIES, "cache_entries")                                     \
	X(SERIES_LIVE, "cache_live_octets")

enum series_column {
#define SERIES_ENUM(id, name) id,
	SERIES_COLUMNS(SERIES_ENUM)
#undef SERIES_ENUM
	    SERIES_COUNT
};

struct series_sample {
	int64_t	 at; /* the end of the minute, ms since the epoch */
	uint64_t value[SERIES_COUNT];
};

struct series {
	uint64_t	     seen; /* in all; the ring has the last of them */
	struct series_sample ring[SERIES_MAX];
};

void series_add(struct series *series, const struct series_sample *sample);
/* How many there are, and by number from 0, the oldest. */
size_t series_count(const struct series *series);
const struct series_sample *series_at(const struct series *series,
    size_t number);
const char *series_name(enum series_column column);

#endif
