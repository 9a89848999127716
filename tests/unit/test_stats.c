/* SPDX-License-Identifier: ISC */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stats.h"

#define ROUNDS 100000

static void
test_count(void **state)
{
	(void)state;
	assert_int_equal(stat_value(STAT_BUSY), 0);
	stat_count(STAT_BUSY);
	stat_count(STAT_BUSY);
	assert_int_equal(stat_value(STAT_BUSY), 2);
	assert_int_equal(stat_value(STAT_BUSY + 1), 0);
}

/* Names are field names of the wire, and no two are the same. */
static void
test_names(void **state)
{
	enum stat_id a, b;

	(void)state;
	for (a = 0; a < STATS_COUNT; a++) {
		const char *name = stat_name(a);

		assert_true(*name >= 'a' && *name <= 'z');
		assert_int_equal(
		    strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		assert_non_null(stat_help(a));
		for (b = 0; b < a; b++)
			assert_string_not_equal(name, stat_name(b));
	}
	assert_string_equal(stat_name(STAT_REQUESTS), "requests");
}

static void *
counting(void *arg)
{
	unsigned i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++)
		stat_count(STAT_LOOKUPS);
	return (NULL);
}

static void
test_threads(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, counting, NULL), 0);
	counting(NULL);
	pthread_join(thread, NULL);
	assert_int_equal(stat_value(STAT_LOOKUPS), 2 * ROUNDS);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_count),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_threads),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
