/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "msg.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal) literal, sizeof(literal) - 1

/* In memory of exactly the size that msg_parse() may touch. */
static char *
copy_of(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '#';
	return (copy);
}

/* All fields as "name=value|name=value|". */
static const char *
fields_of(const struct msg *msg, char *out, size_t size)
{
	const char *cursor = NULL, *name, *value;
	size_t len = 0;

	*out = '\0';
	while ((value = msg_next(msg, &cursor, &name)) != NULL)
		len += (size_t)snprintf(
		    out + len, size - len, "%s=%s|", name, value);
	return (out);
}

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *word, *fields;
	} cases[] = {
	    {TEXT("verdict/1 ping"), "ping", ""},
	    {TEXT("verdict/1 ping\n"), "ping", ""},
	    {TEXT("verdict/1 dkim-key\nkey=a b\n"), "dkim-key", "key=a b|"},
	    {TEXT("verdict/1 x\na=1\nb=2"), "x", "a=1|b=2|"},
	    {TEXT("verdict/1 x\na=\nb="), "x", "a=|b=|"},
	    {TEXT("verdict/1 x\na=b=c\n"), "x", "a=b=c|"},
	    {TEXT("verdict/1 x\na=1\na=2\n"), "x", "a=1|a=2|"},
	    {TEXT("verdict/1 x\na_9z= y \r\n"), "x", "a_9z= y \r|"},
	    {TEXT("verdict/1 x\na=\001\377\n"), "x", "a=\001\377|"},
	};
	char fields[256];
	struct msg msg;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char *buf = copy_of(cases[i].text, cases[i].len);

		assert_null(msg_parse(&msg, buf, cases[i].len));
		assert_string_equal(msg.word, cases[i].word);
		assert_string_equal(
		    fields_of(&msg, fields, sizeof(fields)), cases[i].fields);
		free(buf);
	}
}

static void
test_malformed(void **state)
{
#define VERSION "unknown protocol version"
#define WORD	"malformed word on the first line"
#define OTHER	"not a verdict message"
#define LINE	"line is not name=value"
	static const struct {
		const char *text;
		size_t len;
		const char *problem;
	} cases[] = {
	    {TEXT(""), OTHER},
	    {TEXT("\n"), OTHER},
	    {TEXT("verdict"), OTHER},
	    {TEXT("GET / HTTP/1.1\r\n"), OTHER},
	    {TEXT("\nverdict/1 ping\n"), OTHER},
	    {TEXT("verdict/"), VERSION},
	    {TEXT("verdict/2 ping"), VERSION},
	    {TEXT("verdict/1"), VERSION},
	    {TEXT("verdict/11 ping"), VERSION},
	    {TEXT("verdict/1\tping"), VERSION},
	    {TEXT("verdict/1 "), WORD},
	    {TEXT("verdict/1  ping"), WORD},
	    {TEXT("verdict/1 ping "), WORD},
	    {TEXT("verdict/1 ping\r\n"), WORD},
	    {TEXT("verdict/1 Ping"), WORD},
	    {TEXT("verdict/1 ping\n\n"), LINE},
	    {TEXT("verdict/1 ping\na\n"), LINE},
	    {TEXT("verdict/1 ping\n=x\n"), LINE},
	    {TEXT("verdict/1 ping\n a=x\n"), LINE},
	    {TEXT("verdict/1 ping\na =x\n"), LINE},
	    {TEXT("verdict/1 ping\nA=x\n"), LINE},
	    {TEXT("verdict/1 ping\n9=x\n"), LINE},
	    {TEXT("verdict/1 ping\na-b=x\n"), LINE},
	    {TEXT("verdict/1 ping\na=x\nb"), LINE},
	    {TEXT("verdict/1 ping\na=x\0y\n"), "NUL octet in message"},
	    {TEXT("verdict/1 ping\0"), "NUL octet in message"},
	};
	struct msg msg;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char *buf = copy_of(cases[i].text, cases[i].len);
		const char *problem = msg_parse(&msg, buf, cases[i].len);

		if (problem == NULL)
			fail_msg("taken: %s", cases[i].text);
		assert_string_equal(problem, cases[i].problem);
		free(buf);
	}
}

static void
test_limits(void **state)
{
	static const char head[] = "verdict/1 x\n";
	char *buf = malloc(MSG_MAX + 2);
	size_t len = sizeof(head) - 1, i;
	struct msg msg;

	(void)state;
	memset(buf, 'a', MSG_MAX + 2);
	memcpy(buf, "verdict/1 x\na=", 14);
	assert_null(msg_parse(&msg, buf, MSG_MAX));
	assert_int_equal(strlen(msg_get(&msg, "a")), MSG_MAX - 14);
	assert_string_equal(
	    msg_parse(&msg, buf, MSG_MAX + 1), "message too long");
	memcpy(buf, head, len);
	for (i = 0; i < MSG_FIELDS_MAX + 1; i++)
		memcpy(buf + len + 3 * i, "f=\n", 3);
	assert_string_equal(
	    msg_parse(&msg, buf, len + 3 * (MSG_FIELDS_MAX + 1)),
	    "too many fields");
	memcpy(buf, head, len);
	for (i = 0; i < MSG_FIELDS_MAX; i++)
		memcpy(buf + len + 3 * i, "f=\n", 3);
	assert_null(msg_parse(&msg, buf, len + 3 * MSG_FIELDS_MAX));
	free(buf);
}

static void
test_get(void **state)
{
	char buf[] = "verdict/1 x\na=1\nab=2\na=3\nempty=\n";
	struct msg msg;

	(void)state;
	assert_null(msg_parse(&msg, buf, sizeof(buf) - 1));
	assert_string_equal(msg_get(&msg, "a"), "3");
	assert_string_equal(msg_get(&msg, "ab"), "2");
	assert_string_equal(msg_get(&msg, "empty"), "");
	assert_null(msg_get(&msg, "b"));
	assert_null(msg_get(&msg, ""));
	assert_null(msg_get(&msg, "1"));
}

static void
test_put(void **state)
{
	static const char want[] =
	    "verdict/1 ok\na=1\nb=two lines\nempty=\nn=-5 x\n";
	char buf[256];
	struct msg_out out;
	struct msg msg;

	(void)state;
	msg_begin(&out, buf, sizeof(buf), "ok");
	msg_put(&out, "a", "1");
	msg_put(&out, "b", "two\nlines");
	msg_put(&out, "empty", "");
	msg_putf(&out, "n", "%d %s", -5, "x");
	assert_false(out.overflow);
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(out.buf, want, sizeof(want) - 1);
	/* What is written can be read. */
	assert_null(msg_parse(&msg, out.buf, out.len));
	assert_string_equal(msg_get(&msg, "b"), "two lines");
}

/* A field is written whole or not at all. */
static void
test_overflow(void **state)
{
	static const struct {
		size_t size, len;
		bool overflow;
	} cases[] = {
	    {0, 0, true},
	    {12, 0, true},
	    {13, 13, true},
	    {17, 13, true},
	    {18, 18, false},
	};
	char *buf, value[2000];
	struct msg_out out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		buf = malloc(cases[i].size + 1);
		msg_begin(&out, buf, cases[i].size, "ok");
		if (out.len > 0)
			msg_put(&out, "ab", "c");
		assert_int_equal(out.len, cases[i].len);
		assert_int_equal(out.overflow, cases[i].overflow);
		free(buf);
	}
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	buf = malloc(4096);
	msg_begin(&out, buf, 4096, "ok");
	msg_putf(&out, "a", "%s", value);
	assert_true(out.overflow);
	assert_int_equal(out.len, 13);
	free(buf);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_get),
	    cmocka_unit_test(test_put),
	    cmocka_unit_test(test_overflow),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
