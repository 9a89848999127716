/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dname.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
#define L9  "123456789"
#define L63 L9 L9 L9 L9 L9 L9 L9
/* 3 * 64 + 62 + 1 is 255 octets of wire format, the most. */
#define N192 L63 "." L63 "." L63 "."
#define L61 L9 L9 L9 L9 L9 L9 "1234567"
/* clang-format on */

static struct dname
name_of(const char *text)
{
	struct dname name;

	if (dname_from_text(&name, text) == -1)
		fail_msg("%s is no name", text);
	return (name);
}

static void
test_text(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: refused */
	} cases[] = {
	    {"example.com", "example.com"},
	    {"example.com.", "example.com"},
	    {"EXAMPLE.Com", "example.com"},
	    {".", "."},
	    {"a", "a"},
	    {"_dmarc.example.com", "_dmarc.example.com"},
	    {"-a-.b", "-a-.b"},
	    {"", NULL},
	    {"..", NULL},
	    {".a", NULL},
	    {"a..b", NULL},
	    {"a..", NULL},
	    {"...", NULL},
	    {L63, L63},
	    {L63 "1", NULL},
	    {L63 "1.com", NULL},
	    {N192 L61, N192 L61},
	    {N192 L61 ".", N192 L61},
	    {N192 L61 "1", NULL},
	    {N192 L61 ".a", NULL},
	    {"a b", "a\\032b"},
	    {"a\\.b", "a\\\\.b"},
	    {"x\"y", "x\\\"y"},
	    {"(;)@$", "\\(\\;\\)\\@\\$"},
	    {"\001\177\377", "\\001\\127\\255"},
	    {"\303\204.DE", "\\195\\132.de"},
	};
	char text[DNAME_TEXT_MAX];
	struct dname name;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const int ret = dname_from_text(&name, cases[i].in);

		assert_int_equal(ret, cases[i].out == NULL ? -1 : 0);
		if (ret == 0)
			assert_string_equal(
			    dname_text(&name, text), cases[i].out);
	}
}

static void
test_lengths(void **state)
{
	(void)state;
	assert_int_equal(name_of(".").len, 1);
	assert_int_equal(name_of("a").len, 3);
	assert_int_equal(name_of("example.com").len, 13);
	assert_int_equal(name_of(N192 L61).len, DNAME_MAX);
}

static void
test_octets(void **state)
{
	char text[DNAME_TEXT_MAX];
	struct dname name;

	(void)state;
	assert_int_equal(dname_from_octets(&name, "A\0b.c", 5), 0);
	assert_string_equal(dname_text(&name, text), "a\\000b.c");
	assert_int_equal(dname_from_octets(&name, "abc", 0), -1);
	/* No further than told. */
	assert_int_equal(dname_from_octets(&name, "a.b..", 3), 0);
	assert_string_equal(dname_text(&name, text), "a.b");
}

/* All octets escaped, and the longest text there is. */
static void
test_text_longest(void **state)
{
	char octets[254], text[DNAME_TEXT_MAX];
	struct dname name;
	size_t i;

	(void)state;
	for (i = 0; i < 253; i++)
		octets[i] = i % 64 == 63 ? '.' : '\377';
	assert_int_equal(dname_from_octets(&name, octets, 253), 0);
	assert_int_equal(name.len, DNAME_MAX);
	assert_int_equal(strlen(dname_text(&name, text)), 250 * 4 + 3);
}

#define WIRE(octets) octets, sizeof(octets) - 1

static void
test_wire(void **state)
{
	static const struct {
		const char *msg;
		size_t len, offset;
		const char *text; /* NULL: damaged */
		size_t after;
	} cases[] = {
	    {WIRE("\0"), 0, ".", 1},
	    {WIRE("\1A\2bC\0rest"), 0, "a.bc", 6},
	    {WIRE("xx\1a\0"), 2, "a", 5},
	    /* RFC 1035 4.1.4: pointers, back and forth, one after another */
	    {WIRE("\1a\0\xc0\0"), 3, "a", 5},
	    {WIRE("\1a\0\1b\xc0\0rest"), 3, "b.a", 7},
	    {WIRE("\1a\0\xc0\0\xc0\3"), 5, "a", 7},
	    {WIRE("\xc0\2\1a\0"), 0, "a", 2},
	    {WIRE("\1a\xc0\4\0"), 0, "a", 4},
	    {WIRE("\xc0\2\xc0\4\0"), 0, ".", 2},
	    /* ... but not for ever */
	    {WIRE("\xc0\0"), 0, NULL, 0},
	    {WIRE("\xc0\2\xc0\0"), 0, NULL, 0},
	    {WIRE("\1a\xc0\0"), 0, NULL, 0},
	    /* ... nor out of the message */
	    {WIRE("\xc0\2"), 0, NULL, 0},
	    {WIRE("\xff\xff"), 0, NULL, 0},
	    {WIRE("\xc0"), 0, NULL, 0},
	    {WIRE("\1a"), 0, NULL, 0},
	    {WIRE("\2a"), 0, NULL, 0},
	    {WIRE("\1"), 0, NULL, 0},
	    {WIRE(""), 0, NULL, 0},
	    {WIRE("\0"), 1, NULL, 0},
	    {WIRE("\0"), 7, NULL, 0},
	    /* RFC 6891 5: 01 and 10 are reserved */
	    {WIRE("\x40" L63 "1\0"), 0, NULL, 0},
	    {WIRE("\x80\0"), 0, NULL, 0},
	    {WIRE("\x3f" L63 "\0"), 0, L63, 65},
	};
	char text[DNAME_TEXT_MAX];
	struct dname name;
	size_t i, offset;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const int ret = (offset = cases[i].offset,
		    dname_from_wire(&name, (const uint8_t *)cases[i].msg,
			cases[i].len, &offset));

		assert_int_equal(ret, cases[i].text == NULL ? -1 : 0);
		if (ret == -1)
			continue;
		assert_string_equal(dname_text(&name, text), cases[i].text);
		assert_int_equal(offset, cases[i].after);
	}
}

/* 255 octets after decompression are a name, 256 are none. */
static void
test_wire_longest(void **state)
{
	uint8_t msg[300] = {0};
	struct dname name;
	size_t offset, i;

	(void)state;
	for (i = 0; i < 3; i++)
		msg[64 * i] = 63;
	msg[192] = 61;
	offset = 0;
	assert_int_equal(dname_from_wire(&name, msg, sizeof(msg), &offset), 0);
	assert_int_equal(name.len, DNAME_MAX);
	assert_int_equal(offset, 255);
	msg[192] = 62;
	offset = 0;
	assert_int_equal(dname_from_wire(&name, msg, sizeof(msg), &offset), -1);
	/* The same by way of a pointer that is followed again and again. */
	memset(msg, 0, sizeof(msg));
	msg[0] = 63;
	msg[64] = 0xc0;
	offset = 0;
	assert_int_equal(dname_from_wire(&name, msg, 66, &offset), -1);
}

/* A long chain of pointers costs little, and one of them too many is none. */
static void
test_wire_chain(void **state)
{
	uint8_t msg[2 * 200 + 1] = {0};
	struct dname name;
	size_t i, offset;

	(void)state;
	for (i = 0; i < 200; i++) {
		msg[2 * i] = (uint8_t)(0xc0 | (2 * i + 2) >> 8);
		msg[2 * i + 1] = (uint8_t)(2 * i + 2);
	}
	offset = 2 * 190;
	assert_int_equal(dname_from_wire(&name, msg, sizeof(msg), &offset), 0);
	offset = 0;
	assert_int_equal(dname_from_wire(&name, msg, sizeof(msg), &offset), -1);
}

static void
test_within(void **state)
{
	static const struct {
		const char *name, *ancestor;
		int equal, within;
	} cases[] = {
	    {"example.com", "example.com", 1, 1},
	    {"EXAMPLE.com", "example.COM.", 1, 1},
	    {"a.example.com", "example.com", 0, 1},
	    {"example.com", "a.example.com", 0, 0},
	    {"anexample.com", "example.com", 0, 0},
	    {"example.com", ".", 0, 1},
	    {".", ".", 1, 1},
	    {".", "com", 0, 0},
	    {"a.b", "a.c", 0, 0},
	    /* octets of a label that look like a label's length */
	    {"\003com", "com", 0, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const struct dname name = name_of(cases[i].name);
		const struct dname ancestor = name_of(cases[i].ancestor);

		assert_int_equal(dname_equal(&name, &ancestor), cases[i].equal);
		assert_int_equal(
		    dname_within(&name, &ancestor), cases[i].within);
	}
}

static void
test_suffix(void **state)
{
	static const struct {
		const char *name;
		unsigned labels;
		const char *suffix;
	} cases[] = {
	    {"a.b.c", 0, "."},
	    {"a.b.c", 1, "c"},
	    {"a.b.c", 2, "b.c"},
	    {"a.b.c", 3, "a.b.c"},
	    {"a.b.c", 4, "a.b.c"},
	    {"a.b.c", 1000, "a.b.c"},
	    {".", 0, "."},
	    {".", 3, "."},
	};
	char text[DNAME_TEXT_MAX];
	struct dname name, suffix;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		name = name_of(cases[i].name);
		dname_suffix(&suffix, &name, cases[i].labels);
		assert_string_equal(dname_text(&suffix, text), cases[i].suffix);
		dname_suffix(&name, &name, cases[i].labels);
		assert_true(dname_equal(&name, &suffix));
	}
	name = name_of("a.b.c");
	assert_int_equal(dname_labels(&name), 3);
	name = name_of(".");
	assert_int_equal(dname_labels(&name), 0);
}

static void
test_prepend(void **state)
{
	static const struct {
		const char *prefix, *name;
		const char *out; /* NULL: refused */
	} cases[] = {
	    {"_dmarc", "example.com", "_dmarc.example.com"},
	    {"K1._domainkey", "example.com", "k1._domainkey.example.com"},
	    {"a", ".", "a"},
	    {".", "a", "a"},
	    {"", "a", NULL},
	    {"a..b", "c", NULL},
	    {L63 "1", "a", NULL},
	    /* 192 + 61 octets and the label's length: 255, then 256 */
	    {L61, L63 "." L63 "." L63, L61 "." L63 "." L63 "." L63},
	    {L61 "1", L63 "." L63 "." L63, NULL},
	    {N192 L61, "a", NULL},
	};
	char text[DNAME_TEXT_MAX];
	struct dname out;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const struct dname name = name_of(cases[i].name);
		const int ret = dname_prepend(&out, cases[i].prefix, &name);

		assert_int_equal(ret, cases[i].out == NULL ? -1 : 0);
		if (ret == 0)
			assert_string_equal(
			    dname_text(&out, text), cases[i].out);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_octets),
	    cmocka_unit_test(test_text_longest),
	    cmocka_unit_test(test_wire),
	    cmocka_unit_test(test_wire_longest),
	    cmocka_unit_test(test_wire_chain),
	    cmocka_unit_test(test_within),
	    cmocka_unit_test(test_suffix),
	    cmocka_unit_test(test_prepend),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
