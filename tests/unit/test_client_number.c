/* SPDX-License-Identifier: ISC */
/* Whole numbers from outside. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib_number.h"

static const struct {
	const char *text, *unit;
	long least, most, number;
} cases[] = {
    {"0", NULL, 0, 10, 0},
    {"0", NULL, 1, 10, -1},
    {"10", NULL, 1, 10, 10},
    {"11", NULL, 1, 10, -1},
    {"007", NULL, 1, 10, 7},
    {"30", "ms", 0, 100, 30},
    {"30ms", "ms", 0, 100, 30},
    {"30ms", NULL, 0, 100, -1},
    {"30 ms", "ms", 0, 100, -1},
    {"30m", "ms", 0, 100, -1},
    {"30mss", "ms", 0, 100, -1},
    {"ms", "ms", 0, 100, -1},
    {"", NULL, 0, 100, -1},
    {" 3", NULL, 0, 100, -1},
    {"+3", NULL, 0, 100, -1},
    {"-3", NULL, 0, 100, -1},
    {"0x3", NULL, 0, 100, -1},
    {"3.0", NULL, 0, 100, -1},
    {"2147483647", NULL, 1, INT_MAX, INT_MAX},
    {"4294967297", NULL, 1, INT_MAX, -1},
    {"99999999999999999999999", NULL, 1, INT_MAX, -1},
};

static void
test_cases(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# \"%s\"\n", cases[i].text);
		assert_int_equal(number_read(cases[i].text, cases[i].unit,
				     cases[i].least, cases[i].most),
		    cases[i].number);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
