/* SPDX-License-Identifier: ISC */
/*
 * How long things took: counts by microseconds in a table of fixed size. Up to
 * 16 us each value has a place of its own; from there each doubling is cut
 * into 16 equal parts, so that a quantile is at most a sixteenth too high,
 * wherever it lies. Nothing is allocated; a zeroed struct is empty.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

/* Values up to here, 67 s: no request waits longer. Longer ones count as it. */
#define HISTOGRAM_BITS 26
#define HISTOGRAM_MAX  ((UINT64_C(1) << HISTOGRAM_BITS) - 1)
#define HISTOGRAM_BUCKETS (16 * (HISTOGRAM_BITS - 4 + 1))

struct histogram {
	uint64_t count;
	uint64_t sum; /* us */
	uint64_t max; /* us */
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t us);

/* The bucket of a value, and the least value of a bucket. */
unsigned histogram_index(uint64_t us);
uint64_t histogram_least(unsigned index);

/*
 * A value that `permille` of a thousand do not exceed: the last of its bucket,
 * but no more than the greatest seen. 0 when there is none.
 */
uint64_t histogram_quantile(const struct histogram *histogram,
    unsigned permille);
/* How many are less than 2 to the power of `bits`, exactly. */
uint64_t histogram_below(const struct histogram *histogram, unsigned bits);

#endif
