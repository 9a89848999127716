/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "rrset.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
test_walk(void **state)
{
	struct rrset *set = rrset_new(RR_PRESENT);
	struct rdata record = {0};

	(void)state;
	assert_int_equal(set->state, RR_PRESENT);
	assert_int_equal(set->dnssec, DNSSEC_INDETERMINATE);
	assert_false(rrset_next(set, &record));
	assert_int_equal(rrset_add(set, "abc", 3), 0);
	assert_int_equal(rrset_add(set, "", 0), 0);
	assert_int_equal(rrset_add(set, "de", 2), 0);
	assert_int_equal(set->count, 3);
	assert_true(rrset_next(set, &record));
	assert_int_equal(record.len, 3);
	assert_memory_equal(record.data, "abc", 3);
	assert_true(rrset_next(set, &record));
	assert_int_equal(record.len, 0);
	assert_true(rrset_next(set, &record));
	assert_memory_equal(record.data, "de", 2);
	assert_false(rrset_next(set, &record));
	assert_false(rrset_next(set, &record));
	rrset_free(set);
	rrset_free(NULL);
}

/* Octets that are no set: the walk stays inside them. */
static void
test_walk_damaged(void **state)
{
	static const struct {
		const char *octets;
		uint32_t len;
		unsigned records;
	} cases[] = {
	    {"", 0, 0},
	    {"\0", 1, 0},
	    {"\0\1", 2, 0},
	    {"\0\1x", 3, 1},
	    {"\0\2x", 3, 0},
	    {"\0\1x\0", 4, 1},
	    {"\0\1x\0\1", 5, 1},
	    {"\xff\xffx", 3, 0},
	};
	struct rrset set = {.state = RR_PRESENT, .count = 9};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct rdata record = {0};
		unsigned records = 0;

		/* Exactly as long, so that a sanitizer sees an overrun. */
		set.rdata = malloc(cases[i].len + 1);
		memcpy(set.rdata, cases[i].octets, cases[i].len);
		set.rdata = realloc(set.rdata, cases[i].len + !cases[i].len);
		set.len = cases[i].len;
		while (rrset_next(&set, &record))
			records++;
		assert_int_equal(records, cases[i].records);
		free(set.rdata);
	}
}

static void
test_bounds(void **state)
{
	static uint8_t octets[70000];
	struct rrset *set = rrset_new(RR_PRESENT);

	(void)state;
	assert_int_equal(rrset_add(set, octets, 65536), -1);
	assert_int_equal(rrset_add(set, octets, 65534), -1);
	assert_int_equal(rrset_add(set, octets, 65533), 0);
	assert_int_equal(rrset_add(set, octets, 0), -1);
	assert_int_equal(set->count, 1);
	assert_int_equal(set->len, 65535);
	rrset_free(set);
	set = rrset_new(RR_PRESENT);
	assert_int_equal(rrset_add_txt(set, octets, 65535), -1);
	assert_int_equal(set->count, 0);
	rrset_free(set);
}

static void
test_copy(void **state)
{
	struct arena *arena = arena_new();
	struct rrset *set = rrset_new(RR_PRESENT), *copy;

	(void)state;
	copy = rrset_copy(arena, set);
	assert_null(copy->rdata);
	rrset_add(set, "abc", 3);
	set->ttl = 7;
	copy = rrset_copy(arena, set);
	memset(set->rdata, 0, set->len);
	rrset_free(set);
	assert_int_equal(copy->ttl, 7);
	assert_int_equal(copy->len, 5);
	assert_memory_equal(copy->rdata + 2, "abc", 3);
	arena_free(arena);
}

/* RFC 7208 3.3: strings are joined; what is damaged is cut, never overrun. */
static void
test_txt(void **state)
{
	static const struct {
		const char *rdata;
		uint16_t len;
		const char *text;
	} cases[] = {
	    {"\3abc", 4, "abc"},
	    {"\3abc\2de", 7, "abcde"},
	    {"\0", 1, ""},
	    {"\0\1a\0", 4, "a"},
	    {"", 0, ""},
	    {"\3ab", 3, "ab"},
	    {"\377a", 2, "a"},
	    {"\377", 1, ""},
	    {"\1a\5b", 4, "ab"},
	};
	struct arena *arena = arena_new();
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		uint8_t *data = malloc(cases[i].len + 1U);
		struct rdata record = {.data = data, .len = cases[i].len};
		const char *text;

		memcpy(data, cases[i].rdata, cases[i].len);
		text = rdata_txt(arena, &record, &len);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(len, strlen(cases[i].text));
		free(data);
	}
	arena_free(arena);
}

/* Whatever its length, a text comes back as it was. */
static void
test_txt_round(void **state)
{
	static const size_t lengths[] = {
	    0, 1, 254, 255, 256, 510, 511, 4096, 65000};
	struct arena *arena = arena_new();
	static char text[65000];
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	for (i = 0; i < COUNT(lengths); i++) {
		struct rrset *set = rrset_new(RR_PRESENT);
		struct rdata record = {0};

		assert_int_equal(rrset_add_txt(set, text, lengths[i]), 0);
		assert_true(rrset_next(set, &record));
		assert_true(record.len > 0); /* RFC 1035 3.3.14 */
		assert_memory_equal(
		    rdata_txt(arena, &record, &len), text, lengths[i]);
		assert_int_equal(len, lengths[i]);
		rrset_free(set);
	}
	arena_free(arena);
}

static void
test_name(void **state)
{
	static const struct {
		const char *rdata;
		uint16_t len;
		size_t skip;
		const char *name; /* NULL: damaged */
	} cases[] = {
	    {"\1a\1b\0", 5, 0, "a.b"},
	    {"\0\12\1a\0", 5, 2, "a"},
	    {"\0\12\0", 3, 2, "."}, /* RFC 7505: null MX */
	    {"\1a", 2, 0, NULL},
	    {"\1a\0x", 4, 0, NULL},
	    {"", 0, 0, NULL},
	    {"\0", 1, 2, NULL},
	    {"\0\12", 2, 2, NULL},
	    {"\xc0\0", 2, 0, NULL},
	};
	char text[DNAME_TEXT_MAX];
	struct dname name;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const struct rdata record = {
		    .data = (const uint8_t *)cases[i].rdata,
		    .len = cases[i].len};
		const int ret = rdata_name(&record, cases[i].skip, &name);

		assert_int_equal(ret, cases[i].name == NULL ? -1 : 0);
		if (ret == 0)
			assert_string_equal(
			    dname_text(&name, text), cases[i].name);
	}
}

static void
test_fresh(void **state)
{
	static const struct {
		const char *what;
		struct rrset set;
		int64_t asof;
		int fresh;
	} cases[] = {
#define DATA(f, e) {.state = RR_PRESENT, .fetched = (f), .expires = (e)}
#define FAILURE(at, retry)                                                     \
	{                                                                      \
		.state = RR_FAILED, .failed_at = (at), .retry_at = (retry)     \
	}
	    {"in its life", DATA(1000, 2000), 1500, 1},
	    {"at its last moment", DATA(1000, 2000), 1999, 1},
	    {"at its end", DATA(1000, 2000), 2000, 0},
	    {"after it", DATA(1000, 2000), 3000, 0},
	    {"TTL 0, waited for", DATA(1000, 1000), 1000, 1},
	    {"TTL 0, received later than the arrival", DATA(1000, 1000), 900,
		1},
	    {"TTL 0, for the next request", DATA(1000, 1000), 1001, 0},
	    {"not to be asked again yet", FAILURE(1000, 2000), 1999, 1},
	    {"to be asked again", FAILURE(1000, 2000), 2000, 0},
	    {"failed while waited for", FAILURE(1000, 1000), 1000, 1},
	    {"failed before", FAILURE(1000, 1000), 1001, 0},
#undef DATA
#undef FAILURE
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++)
		if (rrset_fresh(&cases[i].set, cases[i].asof) != cases[i].fresh)
			fail_msg("%s", cases[i].what);
}

/* The clock is set: what is 0 stands for never, and stays so. */
static void
test_shift(void **state)
{
	struct rrset set = {.state = RR_PRESENT,
	    .ttl = 300,
	    .fetched = 1000,
	    .expires = 301000,
	    .failed_at = 2000,
	    .retry_at = 3000};

	(void)state;
	rrset_shift(&set, -500);
	assert_int_equal(set.ttl, 300);
	assert_int_equal(set.fetched, 500);
	assert_int_equal(set.expires, 300500);
	assert_int_equal(set.failed_since, 0);
	assert_int_equal(set.failed_at, 1500);
	assert_int_equal(set.retry_at, 2500);
}

static void
test_words(void **state)
{
	(void)state;
	assert_string_equal(rr_type_text(RR_TXT), "TXT");
	assert_string_equal(rr_type_text(RR_AAAA), "AAAA");
	assert_string_equal(rr_type_text(99), "TYPE?");
	assert_string_equal(rr_state_text(RR_PRESENT), "present");
	assert_string_equal(rr_state_text(RR_NODATA), "nodata");
	assert_string_equal(rr_state_text(RR_NXDOMAIN), "nxdomain");
	assert_string_equal(rr_state_text(RR_FAILED), "failed");
	assert_string_equal(rr_failure_text(RR_FAILURE_NONE), "none");
	assert_string_equal(rr_failure_text(RR_FAILURE_TIMEOUT), "timeout");
	assert_string_equal(rr_failure_text(RR_FAILURE_LAME), "lame");
	assert_string_equal(dnssec_text(DNSSEC_SECURE), "secure");
	assert_string_equal(dnssec_text(DNSSEC_INSECURE), "insecure");
	assert_string_equal(dnssec_text(DNSSEC_INDETERMINATE), "indeterminate");
	assert_string_equal(dnssec_text(DNSSEC_BOGUS), "bogus");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_walk),
	    cmocka_unit_test(test_walk_damaged),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_copy),
	    cmocka_unit_test(test_txt),
	    cmocka_unit_test(test_txt_round),
	    cmocka_unit_test(test_name),
	    cmocka_unit_test(test_fresh),
	    cmocka_unit_test(test_shift),
	    cmocka_unit_test(test_words),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
