/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

static int
is_zero(const unsigned char *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (p[i] != 0)
			return (0);
	return (1);
}

/* Sizes around a chunk's, each block aligned, zeroed, and its own. */
static void
test_alloc(void **state)
{
	static const size_t sizes[] = {0, 1, 7, 8, 16, 17, 255, 4096, 8000,
	    8191, 8192, 8193, 20000, 1, 100000, 3};
	const size_t count = sizeof(sizes) / sizeof(sizes[0]);
	unsigned char *block[sizeof(sizes) / sizeof(sizes[0])];
	struct arena *arena = arena_new();
	size_t i, j;

	(void)state;
	for (i = 0; i < count; i++) {
		block[i] = arena_alloc(arena, sizes[i]);
		assert_int_equal((uintptr_t)block[i] % alignof(max_align_t), 0);
		assert_true(is_zero(block[i], sizes[i]));
		memset(block[i], (int)i + 1, sizes[i]);
	}
	for (i = 0; i < count; i++)
		for (j = 0; j < sizes[i]; j++)
			assert_int_equal(block[i][j], i + 1);
	arena_free(arena);
}

static void
test_many(void **state)
{
	struct arena *arena = arena_new();
	unsigned **p = arena_alloc(arena, 10000 * sizeof(*p));
	unsigned i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		p[i] = arena_alloc(arena, sizeof(**p));
		*p[i] = i;
	}
	for (i = 0; i < 10000; i++)
		assert_int_equal(*p[i], i);
	arena_free(arena);
}

static void
test_copies(void **state)
{
	struct arena *arena = arena_new();
	char long_text[9000];

	(void)state;
	assert_string_equal(arena_strdup(arena, ""), "");
	assert_string_equal(arena_strdup(arena, "abc"), "abc");
	assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(arena, "abc", 0), "");
	assert_memory_equal(arena_memdup(arena, "a\0b", 3), "a\0b", 3);
	assert_non_null(arena_memdup(arena, NULL, 0));
	assert_string_equal(arena_printf(arena, "%s-%d", "x", 7), "x-7");
	assert_string_equal(arena_printf(arena, "%s", ""), "");
	memset(long_text, 'y', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_string_equal(
	    arena_printf(arena, "%s%s", long_text, "z") + 8999, "z");
	arena_free(arena);
}

/* All lengths, wherever in a chunk, and what stands before stays. */
static void
test_printf(void **state)
{
	struct arena *arena = arena_new();
	char *text[300];
	int i, j;

	(void)state;
	for (i = 0; i < 300; i++) {
		text[i] = arena_printf(arena, "%0*d", i + 1, i % 10);
		for (j = 0; j <= i; j++) {
			assert_int_equal(strlen(text[j]), j + 1);
			assert_int_equal(text[j][j], '0' + j % 10);
		}
		assert_true(is_zero(arena_alloc(arena, 16), 16));
	}
	arena_free(arena);
}

static void
test_used(void **state)
{
	struct arena *arena = arena_new();
	size_t used;

	(void)state;
	assert_int_equal(arena_used(arena), 0);
	arena_alloc(arena, 100);
	used = arena_used(arena);
	assert_in_range(used, 100, 128);
	arena_alloc(arena, 50000);
	assert_in_range(arena_used(arena) - used, 50000, 50064);
	arena_free(arena);
}

static void
test_free_null(void **state)
{
	(void)state;
	arena_free(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_alloc),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_copies),
	    cmocka_unit_test(test_printf),
	    cmocka_unit_test(test_used),
	    cmocka_unit_test(test_free_null),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
