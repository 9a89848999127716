/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"
#include "top.h"

#define ALL TOP_COUNTS

static void
touch(struct top *top, const char *key, unsigned times)
{
	while (times-- > 0)
		top_touch(top, key, 1000);
}

static void
test_order(void **state)
{
	struct top *top = top_new(8);
	const struct top_entry *list[8];

	(void)state;
	assert_int_equal(top_list(top, ALL, list, 8), 0);
	touch(top, "two", 2);
	touch(top, "five", 5);
	touch(top, "one", 1);
	touch(top, "", 3);
	assert_int_equal(top_list(top, ALL, list, 8), 4);
	assert_string_equal(list[0]->key, "five");
	assert_string_equal(list[1]->key, "");
	assert_string_equal(list[2]->key, "two");
	assert_string_equal(list[3]->key, "one");
	assert_int_equal(list[0]->weight, 5);
	assert_int_equal(list[0]->error, 0);
	assert_int_equal(top_list(top, ALL, list, 2), 2);
	assert_string_equal(list[1]->key, "");
	assert_int_equal(top_list(top, ALL, list, 0), 0);
	top_free(top);
}

static void
test_columns(void **state)
{
	struct top *top = top_new(8);
	const struct top_entry *list[8];

	(void)state;
	touch(top, "often", 9);
	top_touch(top, "refused", 2000)->count[3] = 7;
	top_touch(top, "refused", 3000)->count[3]++;
	top_touch(top, "little", 1)->count[3]++;
	assert_int_equal(top_list(top, 3, list, 8), 2);
	assert_string_equal(list[0]->key, "refused");
	assert_int_equal(list[0]->count[3], 8);
	assert_int_equal(list[0]->first, 2000);
	assert_int_equal(list[0]->last, 3000);
	assert_ptr_equal(top_find(top, "refused"), list[0]);
	assert_null(top_find(top, "never"));
	top_free(top);
}

/* The lightest makes room, and what it weighed is the newcomer's error. */
static void
test_replace(void **state)
{
	struct top *top = top_new(2);
	struct top_entry *entry;

	(void)state;
	touch(top, "a", 4);
	top_touch(top, "b", 1)->count[0] = 99;
	entry = top_touch(top, "c", 5);
	assert_int_equal(entry->weight, 2);
	assert_int_equal(entry->error, 1);
	assert_int_equal(entry->count[0], 0);
	assert_int_equal(entry->first, 5);
	assert_null(top_find(top, "b"));
	assert_non_null(top_find(top, "a"));
	top_free(top);
}

/*
 * The promise: what is frequent is there, and its number lies within the
 * bounds, though the stream is full of names that come once.
 */
static void
test_stream(void **state)
{
	struct top *top = top_new(64);
	const struct top_entry *list[64];
	char key[32];
	unsigned i, n;

	(void)state;
	for (i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "once%u.example", i);
		touch(top, key, 1);
		if (i % 10 == 0)
			touch(top, "often.example", 1);
		if (i % 20 == 0)
			touch(top, "less.example", 1);
	}
	n = (unsigned)top_list(top, ALL, list, 64);
	assert_int_equal(n, 64);
	assert_string_equal(list[0]->key, "often.example");
	assert_string_equal(list[1]->key, "less.example");
	assert_in_range(
	    2000, list[0]->weight - list[0]->error, list[0]->weight);
	assert_in_range(
	    1000, list[1]->weight - list[1]->error, list[1]->weight);
	for (i = 1; i < n; i++)
		assert_true(list[i - 1]->weight >= list[i]->weight);
	top_free(top);
}

static void
test_long_key(void **state)
{
	struct top *top = top_new(4);
	char key[2 * TOP_KEY], cut[TOP_KEY];

	(void)state;
	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	memset(cut, 'k', sizeof(cut));
	cut[sizeof(cut) - 1] = '\0';
	touch(top, key, 1);
	assert_int_equal(top_touch(top, cut, 1)->weight, 2);
	assert_non_null(top_find(top, key));
	top_free(top);
}

static void
test_restore(void **state)
{
	struct top *top = top_new(2);
	struct top_entry entry = {.key = "old",
	    .weight = 10,
	    .error = 3,
	    .count = {4, 5},
	    .first = 6,
	    .last = 7,
	    .since = 8};

	(void)state;
	touch(top, "new", 2);
	assert_int_equal(top_restore(top, &entry), 0);
	assert_int_equal(top_restore(top, &entry), -1);
	strcpy(entry.key, "none left");
	assert_int_equal(top_restore(top, &entry), -1);
	/* "new" is the lightest still. */
	touch(top, "third", 1);
	assert_null(top_find(top, "new"));
	assert_int_equal(top_find(top, "old")->count[1], 5);
	assert_int_equal(top_touch(top, "old", 9)->weight, 11);
	top_free(top);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_columns),
	    cmocka_unit_test(test_replace),
	    cmocka_unit_test(test_stream),
	    cmocka_unit_test(test_long_key),
	    cmocka_unit_test(test_restore),
	};

	hash_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
