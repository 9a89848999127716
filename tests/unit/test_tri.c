/* SPDX-License-Identifier: ISC */
/* Kleene's tables, and what they promise: no completion is contradicted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tri.h"

#define F TRI_FALSE
#define U TRI_UNKNOWN
#define T TRI_TRUE

static void
test_tables(void **state)
{
	static const struct {
		enum tri a, b, and, or ;
	} table[] = {
	    {F, F, F, F},
	    {F, U, F, U},
	    {F, T, F, T},
	    {U, F, F, U},
	    {U, U, U, U},
	    {U, T, U, T},
	    {T, F, F, T},
	    {T, U, U, T},
	    {T, T, T, T},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(tri_and(table[i].a, table[i].b), table[i].and);
		assert_int_equal(tri_or(table[i].a, table[i].b), table[i].or);
	}
	assert_int_equal(tri_not(F), T);
	assert_int_equal(tri_not(U), U);
	assert_int_equal(tri_not(T), F);
	assert_int_equal(tri_from_bool(true), T);
	assert_int_equal(tri_from_bool(false), F);
}

/* Each pair against all ways of filling in what is unknown. */
static void
test_completions(void **state)
{
	unsigned a, b, x, y;

	(void)state;
	for (a = F; a <= T; a++)
		for (b = F; b <= T; b++) {
			unsigned and = 0, or = 0; /* bits: 1 false, 2 true */

			for (x = 0; x < 2; x++)
				for (y = 0; y < 2; y++) {
					if ((a != U && x != (a == T)) ||
					    (b != U && y != (b == T)))
						continue;
					and |= 1U << (x & y);
					or |= 1U << (x | y);
				}
			assert_int_equal(
			    tri_and((enum tri)a, (enum tri)b), and == 3	  ? U
							       : and == 2 ? T
									  : F);
			assert_int_equal(tri_or((enum tri)a, (enum tri)b),
			    or == 3 ? U : or == 2 ? T
						  : F);
		}
}

static void
test_text(void **state)
{
	(void)state;
	assert_string_equal(tri_text(F), "no");
	assert_string_equal(tri_text(U), "unknown");
	assert_string_equal(tri_text(T), "yes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tables),
	    cmocka_unit_test(test_completions),
	    cmocka_unit_test(test_text),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
