/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "histogram.h"

static void
test_buckets(void **state)
{
	static const struct {
		uint64_t us;
		unsigned index;
	} cases[] = {
	    {0, 0},
	    {15, 15},
	    {16, 16},
	    {17, 17},
	    {31, 31},
	    {32, 32},
	    {33, 32},
	    {34, 33},
	    {63, 47},
	    {64, 48},
	    {1023, 111},
	    {1024, 112},
	    {HISTOGRAM_MAX, HISTOGRAM_BUCKETS - 1},
	    {HISTOGRAM_MAX + 1, HISTOGRAM_BUCKETS - 1},
	    {UINT64_MAX, HISTOGRAM_BUCKETS - 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(histogram_index(cases[i].us), cases[i].index);
}

/* Each bucket begins where the one before ends, and is a sixteenth wide. */
static void
test_bounds(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		const uint64_t least = histogram_least(i);
		const uint64_t next = histogram_least(i + 1);

		assert_int_equal(histogram_index(least), i);
		assert_int_equal(histogram_index(next - 1), i);
		assert_true((next - least) * 16 <= (least < 16 ? 16 : least));
	}
	assert_int_equal(histogram_least(i), HISTOGRAM_MAX + 1);
}

static void
test_quantiles(void **state)
{
	static struct histogram h;
	unsigned i;

	(void)state;
	assert_int_equal(histogram_quantile(&h, 500), 0);
	histogram_add(&h, 7);
	assert_int_equal(histogram_quantile(&h, 0), 0);
	assert_int_equal(histogram_quantile(&h, 1), 7);
	assert_int_equal(histogram_quantile(&h, 1000), 7);
	for (i = 1; i < 1000; i++)
		histogram_add(&h, i <= 500 ? 7 : 1000 + i);
	assert_int_equal(h.count, 1000);
	assert_int_equal(histogram_quantile(&h, 500), 7);
	assert_int_equal(histogram_quantile(&h, 501), 7);
	/* 1501 to 1999: within a sixteenth, never less. */
	assert_in_range(histogram_quantile(&h, 502), 1501, 1501 * 17 / 16);
	assert_in_range(histogram_quantile(&h, 990), 1990, 1999);
	assert_int_equal(histogram_quantile(&h, 1000), 1999);
	histogram_add(&h, HISTOGRAM_MAX + 5);
	assert_int_equal(histogram_quantile(&h, 1000), HISTOGRAM_MAX);
	assert_int_equal(h.max, HISTOGRAM_MAX + 5);
}

/* 990 of a thousand of ten values are all ten. */
static void
test_quantile_of_few(void **state)
{
	static struct histogram h;
	unsigned i;

	(void)state;
	for (i = 1; i <= 10; i++)
		histogram_add(&h, i);
	assert_int_equal(histogram_quantile(&h, 500), 5);
	assert_int_equal(histogram_quantile(&h, 501), 6);
	assert_int_equal(histogram_quantile(&h, 990), 10);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y ? -1 : x > y);
}

/* Beside the same values in order: never less, a sixteenth more at most. */
static void
test_reference(void **state)
{
	static const unsigned permille[] = {1, 10, 250, 500, 900, 990, 999};
	static const unsigned counts[] = {1, 2, 9, 100, 999, 1000, 5000};
	static uint64_t value[5000];
	static struct histogram h;
	uint64_t seed = 1;
	unsigned c, i, rank;

	(void)state;
	for (c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
		memset(&h, 0, sizeof(h));
		for (i = 0; i < counts[c]; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			/* Of every magnitude up to 2^26. */
			value[i] = seed >> 38 >> (seed >> 33) % 26;
			histogram_add(&h, value[i]);
		}
		qsort(value, counts[c], sizeof(*value), compare);
		for (i = 0; i < sizeof(permille) / sizeof(*permille); i++) {
			rank = (counts[c] * permille[i] + 999) / 1000;
			assert_in_range(histogram_quantile(&h, permille[i]),
			    value[rank - 1],
			    value[rank - 1] + value[rank - 1] / 16);
		}
	}
}

static void
test_below(void **state)
{
	static struct histogram h;
	unsigned bits;

	(void)state;
	for (bits = 0; bits < HISTOGRAM_BITS; bits++) {
		histogram_add(&h, (UINT64_C(1) << bits) - 1);
		histogram_add(&h, UINT64_C(1) << bits);
	}
	/* 0, 1 | 1, 2 | 3, 4 | 7, 8 ... */
	assert_int_equal(histogram_below(&h, 0), 1);
	for (bits = 1; bits < HISTOGRAM_BITS; bits++)
		assert_int_equal(histogram_below(&h, bits), 2 * bits + 1);
	assert_int_equal(histogram_below(&h, HISTOGRAM_BITS), h.count);
	assert_int_equal(histogram_below(&h, 63), h.count);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_buckets),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_quantiles),
	    cmocka_unit_test(test_quantile_of_few),
	    cmocka_unit_test(test_reference),
	    cmocka_unit_test(test_below),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
