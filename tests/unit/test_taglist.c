/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "taglist.h"

/* Each list is written back as name=<value>, or "?" for a bad element. */
static const struct {
	const char *text;
	const char *want;
} lists[] = {
    {"", ""},
    {"   ", ""},
    {"a=1", "a=<1>"},
    {"a=1;", "a=<1>"},
    {"a=1; ", "a=<1>"},
    {" \t a\t = \r\n 1 2  ; b=3", "a=<1 2> b=<3>"},
    {"a=", "a=<>"},
    {"a=;b= ;", "a=<> b=<>"},
    {"a=b=c", "a=<b=c>"},
    {"a=1;;b=2", "a=<1> ? b=<2>"},
    {";a=1", "? a=<1>"},
    {"a", "?"},
    {"a=1; b; c=3", "a=<1> ? c=<3>"},
    {"=1", "?"},
    {"1a=1", "?"},
    {"a b=1", "?"},
    {"a-b=1", "?"},
    {"_a=1", "?"},
    {"a_1=1;A=2", "a_1=<1> A=<2>"},
    {"a=1;a=2", "a=<1> a=<2>"},
    {"\xc3\xa9=1;n=\xc3\xa9", "? n=<\xc3\xa9>"},
};

static const char *
list_text(struct arena *arena, const struct tag *list)
{
	const char *text = "";

	for (; list != NULL; list = list->next) {
		if (*text != '\0')
			text = arena_printf(arena, "%s ", text);
		if (list->bad)
			text = arena_printf(arena, "%s?", text);
		else
			text = arena_printf(
			    arena, "%s%s=<%s>", text, list->name, list->value);
	}
	return (text);
}

static void
test_parse(void **state)
{
	struct arena *arena = arena_new();
	const struct tag *list;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		list =
		    taglist_parse(arena, lists[i].text, strlen(lists[i].text));
		assert_string_equal(list_text(arena, list), lists[i].want);
	}
	arena_free(arena);
}

static void
test_find(void **state)
{
	static const char text[] = "a=1;b;a=2;A=3";
	struct arena *arena = arena_new();
	const struct tag *list = taglist_parse(arena, text, strlen(text));

	(void)state;
	assert_string_equal(taglist_find(list, "a")->value, "1");
	assert_string_equal(taglist_find(list, "A")->value, "3");
	assert_null(taglist_find(list, "b"));
	assert_null(taglist_find(list, ""));
	assert_null(taglist_find(NULL, "a"));
	arena_free(arena);
}

static void
test_nul(void **state)
{
	static const char text[] = "a=1\0002;b=3";
	struct arena *arena = arena_new();
	const struct tag *list = taglist_parse(arena, text, sizeof(text) - 1);

	(void)state;
	assert_int_equal(list->len, 3);
	assert_memory_equal(list->value, "1\0002", 4);
	assert_string_equal(list->next->value, "3");
	arena_free(arena);
}

static void
test_bound(void **state)
{
	char text[4 * TAGLIST_MAX];
	struct arena *arena = arena_new();
	const struct tag *list;
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'a' : ';';
	list = taglist_parse(arena, text, sizeof(text));
	for (; list->next != NULL; list = list->next)
		n++;
	assert_int_equal(n, TAGLIST_MAX);
	assert_true(list->bad);
	arena_free(arena);
}

static const struct {
	const char *value;
	const char *word;
	bool listed;
	bool whole;
} words[] = {
    {"x=sha256", "sha256", true, true},
    {"x=SHA256", "sha256", true, true},
    {"x=sha1:sha256", "sha256", true, false},
    {"x=sha1 : \t sha256 : foo", "sha256", true, false},
    {"x=sha2567", "sha256", false, false},
    {"x=sha25", "sha256", false, false},
    {"x=", "sha256", false, false},
    {"x=:", "sha256", false, false},
    {"x=*", "*", true, true},
};

static void
test_words(void **state)
{
	struct arena *arena = arena_new();
	const struct tag *tag;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		tag = taglist_parse(
		    arena, words[i].value, strlen(words[i].value));
		assert_int_equal(
		    tag_lists(tag, words[i].word), words[i].listed);
		assert_int_equal(tag_is(tag, words[i].word), words[i].whole);
	}
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_find),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_bound),
	    cmocka_unit_test(test_words),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
