/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spf_record.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* RFC 7208 4.5 */
static const struct {
	const char *text;
	bool spf;
} versions[] = {
    {"v=spf1", true},
    {"v=spf1 ", true},
    {"V=SPF1 -all", true},
    {"v=spf1  a", true},
    {"v=spf10 a", false},
    {"v=spf1a", false},
    {"v=spf1\ta", false},
    {" v=spf1", false},
    {"v=spf", false},
    {"v=spf2.0/pra a", false},
    {"", false},
};

static void
test_version(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(versions); i++)
		assert_int_equal(
		    spf_record_is(versions[i].text, strlen(versions[i].text)),
		    versions[i].spf);
	assert_false(spf_record_is("v=spf1\0 -all", 12));
}

/* Terms that must be accepted. The target of ip4 and ip6 is the network. */
static const struct {
	const char *term;
	enum spf_kind kind;
	enum spf_result qualifier;
	const char *target;
	unsigned bits4, bits6;
} good[] = {
    {"all", SPF_ALL, SPF_PASS, NULL, 32, 128},
    {"+all", SPF_ALL, SPF_PASS, NULL, 32, 128},
    {"-ALL", SPF_ALL, SPF_FAIL, NULL, 32, 128},
    {"~all", SPF_ALL, SPF_SOFTFAIL, NULL, 32, 128},
    {"?aLl", SPF_ALL, SPF_NEUTRAL, NULL, 32, 128},
    {"include:a.example", SPF_INCLUDE, SPF_PASS, "a.example", 32, 128},
    {"a", SPF_A, SPF_PASS, NULL, 32, 128},
    {"A", SPF_A, SPF_PASS, NULL, 32, 128},
    {"a/0", SPF_A, SPF_PASS, NULL, 0, 128},
    {"a/24", SPF_A, SPF_PASS, NULL, 24, 128},
    {"a//0", SPF_A, SPF_PASS, NULL, 32, 0},
    {"a//64", SPF_A, SPF_PASS, NULL, 32, 64},
    {"a/24//64", SPF_A, SPF_PASS, NULL, 24, 64},
    {"a/32//128", SPF_A, SPF_PASS, NULL, 32, 128},
    {"a:b.example/24//64", SPF_A, SPF_PASS, "b.example", 24, 64},
    {"a:b/c.example", SPF_A, SPF_PASS, "b/c.example", 32, 128},
    {"a:b/24.example", SPF_A, SPF_PASS, "b/24.example", 32, 128},
    {"a:b/24.example/8", SPF_A, SPF_PASS, "b/24.example", 8, 128},
    {"a:b:c.example", SPF_A, SPF_PASS, "b:c.example", 32, 128},
    {"a:%{d}/24", SPF_A, SPF_PASS, "%{d}", 24, 128},
    {"a:%{d/}//64", SPF_A, SPF_PASS, "%{d/}", 32, 64},
    {"mx", SPF_MX, SPF_PASS, NULL, 32, 128},
    {"-mx:x.example/8", SPF_MX, SPF_FAIL, "x.example", 8, 128},
    {"ptr", SPF_PTR, SPF_PASS, NULL, 32, 128},
    {"ptr:x.example", SPF_PTR, SPF_PASS, "x.example", 32, 128},
    {"ptr:x.example.", SPF_PTR, SPF_PASS, "x.example.", 32, 128},
    {"ip4:192.0.2.1", SPF_IP4, SPF_PASS, "192.0.2.1", 32, 128},
    {"ip4:192.0.2.0/24", SPF_IP4, SPF_PASS, "192.0.2.0", 24, 128},
    {"ip4:0.0.0.0/0", SPF_IP4, SPF_PASS, "0.0.0.0", 0, 128},
    {"ip6:2001:DB8::1", SPF_IP6, SPF_PASS, "2001:db8::1", 32, 128},
    {"ip6:::/0", SPF_IP6, SPF_PASS, "::", 32, 0},
    {"ip6:::ffff:192.0.2.1/96", SPF_IP6, SPF_PASS, "::ffff:192.0.2.1", 32, 96},
    {"exists:%{i}.example", SPF_EXISTS, SPF_PASS, "%{i}.example", 32, 128},
    {"redirect=a.example", SPF_REDIRECT, SPF_PASS, "a.example", 0, 0},
    {"Redirect=%{d}", SPF_REDIRECT, SPF_PASS, "%{d}", 0, 0},
    {"exp=a.example", SPF_EXP, SPF_PASS, "a.example", 0, 0},
    {"moo=", SPF_OTHER, SPF_PASS, NULL, 0, 0},
    {"moo.cow-far_out=man:dog/cat", SPF_OTHER, SPF_PASS, NULL, 0, 0},
    {"a=b", SPF_OTHER, SPF_PASS, NULL, 0, 0},
    {"all=%{c}", SPF_OTHER, SPF_PASS, NULL, 0, 0},
    {"x==", SPF_OTHER, SPF_PASS, NULL, 0, 0},
};

static void
check_net(const struct spf_term *term, const char *text)
{
	char buf[IPADDR_TEXT_MAX];

	ipaddr_text(&term->net, buf);
	assert_string_equal(buf, text);
	/* An ip6 network stays IPv6: it must not hold an IPv4 client. */
	assert_int_equal(term->net.octets, term->kind == SPF_IP4 ? 4 : 16);
}

static void
check_good(size_t i)
{
	struct spf_cursor cursor;
	struct spf_term term;
	char text[256];

	snprintf(text, sizeof(text), "v=spf1  %s ", good[i].term);
	spf_cursor_open(&cursor, text, strlen(text));
	if (!spf_cursor_next(&cursor, &term))
		fail_msg("%s: %s", good[i].term, cursor.problem);
	assert_int_equal(term.len, strlen(good[i].term));
	assert_memory_equal(term.text, good[i].term, term.len);
	assert_int_equal(term.kind, good[i].kind);
	if (term.kind < SPF_REDIRECT)
		assert_int_equal(term.qualifier, good[i].qualifier);
	assert_int_equal(term.bits4, good[i].bits4);
	assert_int_equal(term.bits6, good[i].bits6);
	if (term.kind == SPF_IP4 || term.kind == SPF_IP6) {
		check_net(&term, good[i].target);
	} else if (good[i].target == NULL) {
		assert_null(term.target);
	} else {
		assert_int_equal(term.target_len, strlen(good[i].target));
		assert_memory_equal(
		    term.target, good[i].target, term.target_len);
	}
	assert_false(spf_cursor_next(&cursor, &term));
	assert_null(cursor.problem);
}

static void
test_good(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(good); i++)
		check_good(i);
}

static const char *const bad[] = {
    "all.",
    "all:x.example",
    "all/8",
    "all:",
    "--all",
    "+-all",
    "-",
    "+",
    "include",
    "include:",
    "include:com",
    "include:a.example/24",
    "a:",
    "a:/24",
    "a/",
    "a//",
    "a/33",
    "a//129",
    "a/024",
    "a/00",
    "a//064",
    "a/24/64",
    "a/1000",
    "a/24//",
    "a///64",
    "a/-1",
    "a:com",
    "a:b.123",
    "a:1.2.3.4",
    "a:b.example:8080",
    "a:b.-c",
    "a:b.c-",
    "a:%b.example",
    "a:%{c}",
    "a:%{x}.example",
    "a.",
    "mx:",
    "mx/33",
    "mx:com/24",
    "ptr:",
    "ptr/24",
    "ptr:a.example/24",
    "ip4",
    "ip4:",
    "ip4:1.2.3",
    "ip4:1.2.3.4.5",
    "ip4:1.2.3.4/33",
    "ip4:1.2.3.4/032",
    "ip4:1.2.3.4//32",
    "ip4:1.2.3.4/",
    "ip4:1.2.3.4:25",
    "ip4:1.2.3.256",
    "ip4:01.2.3.4",
    "ip4:2001:db8::1",
    "ip4/24",
    "ip6",
    "ip6:",
    "ip6:1.2.3.4",
    "ip6:::1/129",
    "ip6:::1//64",
    "ip6::CAFE::BABE",
    "ip6:fe80::1%eth0",
    "ip6:12345::",
    "exists",
    "exists:",
    "exists:a.example/24",
    "exists:%{t}.example",
    "moo",
    "moo:x",
    "moo/x",
    "1up=x",
    "=all",
    "_x=y",
    "moo=%",
    "moo=%a",
    "moo.cow/far=x",
    "moo:far=x",
    "-moo=x",
    "redirect:a.example",
    "redirect=",
    "redirect=com",
    "redirect",
    "redirect=-all",
    "exp=",
    "exp=%{r}.example",
    "exp=-all",
    "-exp=a.example",
    "a\tmx",
    "a\r",
    "\nall",
    "\x80",
    "a:b\xef\xbb\xbf.example",
    "moo=\x7f",
    "redirect=a.example redirect=b.example",
    "exp=a.example EXP=a.example",
};

static void
test_bad(void **state)
{
	struct spf_cursor cursor;
	struct spf_term term;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(bad); i++) {
		snprintf(text, sizeof(text), "v=spf1 -all %s mx", bad[i]);
		spf_cursor_open(&cursor, text, strlen(text));
		while (spf_cursor_next(&cursor, &term))
			;
		if (cursor.problem == NULL)
			fail_msg("accepted: %s", bad[i]);
		assert_in_range((uintptr_t)cursor.bad, (uintptr_t)text,
		    (uintptr_t)(text + strlen(text)));
		/* The error sticks. */
		assert_false(spf_cursor_next(&cursor, &term));
	}
}

static void
test_nul(void **state)
{
	static const char *const texts[] = {"v=spf1 a:foo.example\0",
	    "v=spf1 \0all", "v=spf1 -\0all", "v=spf1 ip4:\0", "v=spf1 m\0o=x"};
	static const size_t lens[] = {21, 11, 12, 12, 12};
	struct spf_cursor cursor;
	struct spf_term term;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(texts); i++) {
		spf_cursor_open(&cursor, texts[i], lens[i]);
		assert_false(spf_cursor_next(&cursor, &term));
		assert_non_null(cursor.problem);
	}
}

/* No term is lost, however many there are. */
static void
test_many(void **state)
{
	char *text = malloc(70000);
	struct spf_cursor cursor;
	struct spf_term term;
	size_t len = 6, terms = 0;

	(void)state;
	memcpy(text, "v=spf1", 6);
	while (len + 13 < 65535) {
		memcpy(text + len, " ip4:10.0.0.1", 13);
		len += 13;
		terms++;
	}
	spf_cursor_open(&cursor, text, len);
	while (spf_cursor_next(&cursor, &term))
		terms--;
	assert_null(cursor.problem);
	assert_int_equal(terms, 0);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_version),
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_many),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
