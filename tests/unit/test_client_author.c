/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mail_author.h"

/*
 * What stands in From fields (a second one behind "\n\n"), and the domains
 * found; "!" is put behind them where the syntax is broken, "+" where not all
 * of them fitted.
 */
static const struct {
	const char *from;
	const char *want;
} cases[] = {
    /* RFC 5322 3.4: addr-spec and name-addr */
    {"joe@example.com", "example.com"},
    {" joe@example.com\r\n", "example.com"},
    {"Joe <joe@example.com>", "example.com"},
    {"<joe@example.com>", "example.com"},
    {"Joe Q. Public <joe@example.com>", "example.com"},
    {"\"Joe\" <joe@Example.COM>", "example.com"},
    {"\"Joe <x@evil.example>\" <joe@example.com>", "example.com"},
    {"\"a \\\" b@evil.example\" <joe@example.com>", "example.com"},
    {"\"joe smith\"@example.com", "example.com"},
    {"\"joe@evil.example\"@example.com", "example.com"},
    {"\"\"@example.com", "example.com"},
    {"joe+tag=x!y@example.com", "example.com"},
    {"joe@a-b.example", "a-b.example"},
    {"joe@localhost", "localhost"},
    /* 3.2.2: folding and comments */
    {"Joe\r\n <joe@example.com>", "example.com"},
    {"Joe\n\t<joe@example.com>", "example.com"},
    {"joe@example.com (Joe)", "example.com"},
    {"(x@evil.example) joe@example.com", "example.com"},
    {"joe(c)@(c)example.com", "example.com"},
    {"joe@example(c).(d)com", "example.com"},
    {"Joe (a (nested <x@evil.example>) one) <joe@example.com>", "example.com"},
    {"Joe (a \\) <x@evil.example>) <joe@example.com>", "example.com"},
    {"joe@(\"quote in comment)example.com", "example.com"},
    /* 3.4: lists and groups */
    {"a@one.example, b@two.example", "one.example two.example"},
    {"A <a@one.example>, \"B, C\" <b@two.example>", "one.example two.example"},
    {"a@one.example, b@ONE.example", "one.example"},
    {"a@b.example, c@a.example, d@b.example", "b.example a.example"},
    {"Group: a@one.example, B <b@two.example>;", "one.example two.example"},
    {"Empty group:;", ""},
    {"Undisclosed recipients:;, a@one.example", "one.example"},
    {"G: a@one.example; , b@two.example", "one.example two.example"},
    {"\"G: x@evil.example\": a@one.example;", "one.example"},
    /* 4.4: obsolete */
    {"<@relay.example,@r2.example:joe@example.com>", "example.com"},
    {"Joe <@relay.example:joe@example.com>", "example.com"},
    {"<@relay.example, , @r2.example : joe@example.com>", "example.com"},
    {"joe . smith @ example . com", "example.com"},
    {",a@one.example,,b@two.example,", "one.example two.example"},
    {"joe@example\r\n .com", "example.com"},
    {"joe@[192.0.2.1]", ""},
    {"<joe@[IPv6:2001:db8::1]>", ""},
    {"a@[192.0.2.1], b@two.example", "two.example"},
    /* RFC 2047: encoded words are words and nothing more */
    {"=?utf-8?q?J=C3=B6rg?= <joe@example.com>", "example.com"},
    {"=?utf-8?q?x=40evil.example?= <joe@example.com>", "example.com"},
    {"=?utf-8?b?eEBldmlsLmV4YW1wbGU=?= <joe@example.com>", "example.com"},
    {"=?utf-8?q?A,_B?= <joe@example.com>", "example.com !"},
    {"=?utf-8?q?x@evil.example?= <joe@example.com>", "example.com !"},
    /* RFC 6532: UTF-8 */
    {"J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc"
     "cher.example>",
	"b\xc3\xbc"
	"cher.example"},
    {"joe@xn--bcher-kva.example", "xn--bcher-kva.example"},
    /* no address at all */
    {"", ""},
    {"   ", ""},
    {"Joe", "!"},
    {"Joe <joe>", "!"},
    {"Joe <>", "!"},
    {"<>", "!"},
    {"=?utf-8?q?joe=40example.com?=", "!"},
    /* broken: what may be meant is found */
    {"joe@evil.example <joe@example.com>", "example.com !"},
    {"a@one.example <>", "one.example !"},
    {"a@one.example b@two.example", "one.example two.example !"},
    {"a@one.example@two.example", "one.example two.example !"},
    {"<a@one.example@two.example>", "one.example two.example !"},
    {"<a@one.example> <b@two.example>", "one.example two.example !"},
    {"<a@one.example> b@two.example", "one.example two.example !"},
    {"<a@one.example", "one.example !"},
    {"<a@one.example, <b@two.example>", "one.example two.example !"},
    {"a@one.example>", "one.example !"},
    {"<<a@one.example>>", "one.example !"},
    {"a@one.example rubbish", "one.example !"},
    {"\"Joe <joe@example.com>", "example.com !"},
    {"(Joe <joe@example.com>", "example.com !"},
    {"joe@[192.0.2.1 <joe@example.com>", "example.com !"},
    {"\"a\" \"b <joe@example.com>", "example.com !"},
    {"Joe; <joe@example.com>", "example.com !"},
    {"joe@example.com: b@two.example;", "example.com two.example !"},
    {"<@one.example>", "one.example !"},
    {"@one.example", "one.example !"},
    {"joe@example.com.", "example.com !"},
    {"joe@example..com", "!"},
    {"joe@.example.com", "!"},
    {"joe@", "!"},
    {"joe@ , b@two.example", "two.example !"},
    {"joe@exa\\mple.com", "exa !"},
    /* control characters: shown, passed over, or the end */
    {"joe@exa\x01mple.com", "exa example.com !"},
    {"joe@bank.example\x01.evil.example",
	"bank.example bank.example.evil.example !"},
    {"joe@ba\x7fnk.example", "ba bank.example !"},
    {"joe@\x01"
     "bank.example",
	"bank.example !"},
    {"joe\x01@bank.example", "bank.example !"},
    {"joe@bank.example\x01 <x@evil.example>", "evil.example bank.example !"},
    {"\x01", "!"},
    {"joe@bank.example \x01", "bank.example !"},
    {"joe@bank.example\r.evil.example",
	"bank.example bank.example.evil.example !"},
    {"joe@bank.example\rX <x@evil.example>", "evil.example bank.example !"},
    {"joe@bank.example\r", "bank.example !"},
    {"joe@bank\r\n .example", "bank.example"},
    {"joe\\@example.com", "example.com !"},
    /* RFC 9989 looks at all of them */
    {"a@one.example\n\nb@two.example", "one.example two.example"},
    {"a@one.example\n\nb@one.example", "one.example"},
    {"Joe\n\nb@one.example", "one.example !"},
};

static void
authors_read(struct authors *authors, const char *from)
{
	const char *next;

	authors_begin(authors);
	while ((next = strstr(from, "\n\n")) != NULL) {
		authors_add(authors, from, (size_t)(next - from));
		from = next + 2;
	}
	authors_add(authors, from, strlen(from));
}

static void
authors_text(const struct authors *authors, char *buf, size_t size)
{
	size_t i;

	*buf = '\0';
	for (i = 0; i < authors->n; i++)
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s",
		    i > 0 ? " " : "", authors->domains[i]);
	if (authors->malformed)
		snprintf(buf + strlen(buf), size - strlen(buf), "%s!",
		    authors->n > 0 ? " " : "");
	if (authors->too_many)
		snprintf(buf + strlen(buf), size - strlen(buf), "+");
}

static void
test_cases(void **state)
{
	struct authors authors;
	char text[1024];
	size_t i, bad = 0;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		authors_read(&authors, cases[i].from);
		authors_text(&authors, text, sizeof(text));
		if (strcmp(text, cases[i].want) == 0)
			continue;
		print_error("From:%s\n  want \"%s\"\n  have \"%s\"\n",
		    cases[i].from, cases[i].want, text);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* The room for domains is bounded, and running out of it is said. */
static void
test_many(void **state)
{
	struct authors authors;
	char from[64];
	int i;

	(void)state;
	authors_begin(&authors);
	for (i = 0; i < AUTHORS_MAX; i++) {
		snprintf(
		    from, sizeof(from), "a@d%d.example, b@d%d.example", i, i);
		authors_add(&authors, from, strlen(from));
	}
	assert_int_equal(authors.n, AUTHORS_MAX);
	authors_add(&authors, "a@one.more", 10);
	assert_int_equal(authors.n, AUTHORS_MAX);
	assert_true(authors.too_many);
	assert_false(authors.malformed);
	assert_string_equal(authors.domains[AUTHORS_MAX - 1], "d8.example");
}

/* A name that no DNS can hold is none; it does not run over. */
static void
test_long_domain(void **state)
{
	struct authors authors;
	char from[4096] = "a@";
	size_t i;

	(void)state;
	memset(from + 2, 'x', sizeof(from) - 3);
	from[sizeof(from) - 1] = '\0';
	authors_read(&authors, from);
	assert_int_equal(authors.n, 0);
	assert_true(authors.malformed);
	/* 63 octets are a label, 64 are not. */
	from[2 + 63] = '\0';
	authors_read(&authors, from);
	assert_int_equal(authors.n, 1);
	from[2 + 63] = 'x';
	from[2 + 64] = '\0';
	authors_read(&authors, from);
	assert_int_equal(authors.n, 0);
	/* 253 octets are a name, 254 are not. */
	for (i = 2; i < 2 + 254; i++)
		from[i] = i % 50 == 0 ? '.' : 'x';
	from[2 + 253] = '\0';
	authors_read(&authors, from);
	assert_int_equal(authors.n, 1);
	from[2 + 253] = 'x';
	from[2 + 254] = '\0';
	authors_read(&authors, from);
	assert_int_equal(authors.n, 0);
}

/* A NUL is a control character like the others. */
static void
test_nul(void **state)
{
	static const char from[] = "joe@bank.example\0.evil.example";
	struct authors authors;
	char text[256];

	(void)state;
	authors_begin(&authors);
	authors_add(&authors, from, sizeof(from) - 1);
	authors_text(&authors, text, sizeof(text));
	assert_string_equal(text, "bank.example bank.example.evil.example !");
}

/* Unclosed brackets must not cost more than their number. */
static void
test_linear(void **state)
{
	static char from[400000];
	struct authors authors;
	const char *fill = "(\"[<";
	size_t i;

	(void)state;
	for (; *fill != '\0'; fill++) {
		memset(from, *fill, sizeof(from));
		for (i = 1; i < sizeof(from); i += 2)
			from[i] = '\\';
		memcpy(from + sizeof(from) - 8, " a@b.cd ", 8);
		authors_begin(&authors);
		authors_add(&authors, from, sizeof(from));
		assert_int_equal(authors.n, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_long_domain),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_linear),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
