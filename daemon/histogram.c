/* SPDX-License-Identifier: ISC */
#include "histogram.h"

#define PARTS	  16 /* of each doubling */
#define PART_BITS 4

static unsigned
log2_floor(uint64_t value)
{
	unsigned bits = 0;

	while (value >>= 1)
		bits++;
	return (bits);
}

/* Row 0 has the values below 16; row n those from 2^(n+3) to 2^(n+4) - 1. */
unsigned
histogram_index(uint64_t us)
{
	unsigned row;

	if (us > HISTOGRAM_MAX)
		us = HISTOGRAM_MAX;
	if (us < PARTS)
		return ((unsigned)us);
	row = log2_floor(us) - PART_BITS;
	return (row * PARTS + (unsigned)(us >> row));
}

uint64_t
histogram_least(unsigned index)
{
	unsigned row;

	if (index < PARTS)
		return (index);
	row = index / PARTS - 1;
	return ((uint64_t)(index - row * PARTS) << row);
}

void
histogram_add(struct histogram *histogram, uint64_t us)
{
	histogram->bucket[histogram_index(us)]++;
	histogram->count++;
	histogram->sum += us;
	if (us > histogram->max)
		histogram->max = us;
}

uint64_t
histogram_quantile(const struct histogram *histogram, unsigned permille)
{
	uint64_t left, last;
	unsigned i;

	if (histogram->count == 0)
		return (0);
	/* The rank, rounded up: of 10 values, 990 permille are all 10. */
	left = histogram->count / 1000 * permille +
	       (histogram->count % 1000 * permille + 999) / 1000;
	for (i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		if (left <= histogram->bucket[i])
			break;
		left -= histogram->bucket[i];
	}
	last = histogram_least(i + 1) - 1;
	return (last < histogram->max ? last : histogram->max);
}

uint64_t
histogram_below(const struct histogram *histogram, unsigned bits)
{
	const unsigned end = bits >= HISTOGRAM_BITS
				 ? HISTOGRAM_BUCKETS
				 : histogram_index(UINT64_C(1) << bits);
	uint64_t count = 0;
	unsigned i;

	for (i = 0; i < end; i++)
		count += histogram->bucket[i];
	return (count);
}
