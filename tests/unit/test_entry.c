/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "entry.h"

static const struct entry_secret secret = {.id = {1}, .sum = {2}};
static uint8_t buf[ENTRY_MAX];

static size_t
sample_rrset(uint8_t key[ENTRY_KEY], struct entry *entry)
{
	static uint8_t rdata[] = {0, 2, 1, 'x', 0, 0};
	static struct dname name;

	assert_int_equal(dname_from_text(&name, "a.example"), 0);
	*entry = (struct entry){.kind = ENTRY_RRSET,
	    .useless = 0xfedcba98,
	    .name = name.wire,
	    .name_len = name.len,
	    .type = RR_TXT,
	    .set = {.state = RR_PRESENT,
		.dnssec = DNSSEC_INSECURE,
		.ttl = 0x87654321,
		.fetched = 0x0123456789abcdef,
		.expires = -2,
		.failure = RR_FAILURE_TIMEOUT,
		.failures = 3,
		.failed_since = 4,
		.failed_at = 5,
		.retry_at = 6,
		.count = 2,
		.len = sizeof(rdata),
		.rdata = rdata}};
	entry_key_rrset(key, &secret, &name, RR_TXT);
	return (entry_encode(buf, &secret, key, entry));
}

static void
test_rrset(void **state)
{
	uint8_t key[ENTRY_KEY];
	struct entry in, out;
	size_t len = sample_rrset(key, &in);

	(void)state;
	assert_true(len > 0);
	assert_true(entry_decode(&out, &secret, key, buf, len));
	assert_int_equal(out.kind, ENTRY_RRSET);
	assert_true(out.useless == in.useless);
	assert_int_equal(out.type, in.type);
	assert_int_equal(out.name_len, in.name_len);
	assert_memory_equal(out.name, in.name, in.name_len);
	assert_int_equal(out.set.state, in.set.state);
	assert_int_equal(out.set.dnssec, in.set.dnssec);
	assert_true(out.set.ttl == in.set.ttl);
	assert_true(out.set.fetched == in.set.fetched);
	assert_true(out.set.expires == in.set.expires);
	assert_int_equal(out.set.failure, in.set.failure);
	assert_int_equal(out.set.failures, 3);
	assert_int_equal(out.set.failed_since, 4);
	assert_int_equal(out.set.failed_at, 5);
	assert_int_equal(out.set.retry_at, 6);
	assert_int_equal(out.set.count, 2);
	assert_int_equal(out.set.len, in.set.len);
	assert_memory_equal(out.set.rdata, in.set.rdata, in.set.len);
}

static void
test_memo(void **state)
{
	struct entry in = {.kind = ENTRY_MEMO,
	    .useless = 7,
	    .epoch = 8,
	    .expires = 9,
	    .key = (const uint8_t *)"key",
	    .key_len = 3,
	    .data = (const uint8_t *)"value",
	    .data_len = 5};
	uint8_t key[ENTRY_KEY];
	struct entry out;
	size_t len;

	(void)state;
	entry_key_memo(key, &secret, "key", 3);
	len = entry_encode(buf, &secret, key, &in);
	assert_true(len > 0);
	assert_true(entry_decode(&out, &secret, key, buf, len));
	assert_int_equal(out.kind, ENTRY_MEMO);
	assert_int_equal(out.useless, 7);
	assert_int_equal(out.epoch, 8);
	assert_int_equal(out.expires, 9);
	assert_int_equal(out.key_len, 3);
	assert_memory_equal(out.key, "key", 3);
	assert_int_equal(out.data_len, 5);
	assert_memory_equal(out.data, "value", 5);
}

/* Any bit, any cut, any other key or secret: not believed. */
static void
test_damage(void **state)
{
	struct entry_secret other = secret;
	uint8_t key[ENTRY_KEY];
	struct entry in, out;
	size_t len = sample_rrset(key, &in), at;

	(void)state;
	for (at = 0; at < len * 8; at++) {
		buf[at / 8] ^= (uint8_t)(1U << at % 8);
		assert_false(entry_decode(&out, &secret, key, buf, len));
		buf[at / 8] ^= (uint8_t)(1U << at % 8);
	}
	for (at = 0; at < len; at++)
		assert_false(entry_decode(&out, &secret, key, buf, at));
	for (at = 0; at < ENTRY_KEY; at++) {
		key[at] ^= 1;
		assert_false(entry_decode(&out, &secret, key, buf, len));
		key[at] ^= 1;
	}
	other.sum[3] ^= 1;
	assert_false(entry_decode(&out, &other, key, buf, len));
	assert_true(entry_decode(&out, &secret, key, buf, len));
}

static bool
decodes(const struct entry *in)
{
	uint8_t key[ENTRY_KEY] = {0};
	struct entry out;
	size_t len = entry_encode(buf, &secret, key, in);

	return (len > 0 && entry_decode(&out, &secret, key, buf, len));
}

/* A checksum that fits does not make nonsense acceptable. */
static void
test_nonsense(void **state)
{
	uint8_t key[ENTRY_KEY];
	struct entry good, bad;

	(void)state;
	(void)sample_rrset(key, &good);
	assert_true(decodes(&good));
	bad = good;
	bad.set.state = (enum rr_state)0;
	assert_false(decodes(&bad));
	bad.set.state = (enum rr_state)5;
	assert_false(decodes(&bad));
	bad = good;
	bad.set.dnssec = (enum dnssec)4;
	assert_false(decodes(&bad));
	bad = good;
	bad.set.failure = (enum rr_failure)7;
	assert_false(decodes(&bad));
	bad = good;
	bad.set.count = 3;
	assert_false(decodes(&bad));
	bad = good;
	bad.set.len--;
	assert_false(decodes(&bad));
	bad = good;
	bad.kind = (enum entry_kind)3;
	assert_false(decodes(&bad));
}

static void
test_limits(void **state)
{
	uint8_t key[ENTRY_KEY] = {0}, *large = calloc(1, ENTRY_DATA_MAX + 1);
	struct entry in = {.kind = ENTRY_MEMO, .key = large, .data = large};

	(void)state;
	assert_non_null(large);
	in.key_len = ENTRY_MEMO_KEY;
	in.data_len = ENTRY_DATA_MAX;
	assert_true(decodes(&in));
	in.data_len++;
	assert_int_equal(entry_encode(buf, &secret, key, &in), 0);
	in.data_len--;
	in.key_len++;
	assert_int_equal(entry_encode(buf, &secret, key, &in), 0);
	free(large);
}

/* A name, a type and a memo never share a key. */
static void
test_keys(void **state)
{
	uint8_t one[ENTRY_KEY], two[ENTRY_KEY];
	struct entry_secret other = secret;
	struct dname name, root;

	(void)state;
	assert_int_equal(dname_from_text(&name, "a.example"), 0);
	assert_int_equal(dname_from_text(&root, "."), 0);
	entry_key_rrset(one, &secret, &name, RR_A);
	entry_key_rrset(two, &secret, &name, RR_TXT);
	assert_memory_not_equal(one, two, ENTRY_KEY);
	entry_key_rrset(two, &secret, &root, RR_A);
	assert_memory_not_equal(one, two, ENTRY_KEY);
	other.id[0] ^= 1;
	entry_key_rrset(two, &other, &name, RR_A);
	assert_memory_not_equal(one, two, ENTRY_KEY);
	entry_key_memo(one, &secret, "\1\0\0", 3);
	entry_key_rrset(two, &secret, &root, 1);
	assert_memory_not_equal(one, two, ENTRY_KEY);
}

static void
test_meta(void **state)
{
	struct entry_meta in = {.secret = {.id = {3}, .sum = {4}},
			      .boot_id = "boot",
			      .clean = true,
			      .memo_epoch = 5,
			      .failures_until = -6},
			  out;
	uint8_t value[ENTRY_META_LEN];
	size_t at;

	(void)state;
	entry_meta_encode(&in, value);
	assert_true(entry_meta_decode(&out, value, sizeof(value)));
	assert_memory_equal(&out.secret, &in.secret, sizeof(in.secret));
	assert_string_equal(out.boot_id, "boot");
	assert_true(out.clean);
	assert_int_equal(out.memo_epoch, 5);
	assert_int_equal(out.failures_until, -6);
	for (at = 0; at < sizeof(value) * 8; at++) {
		value[at / 8] ^= (uint8_t)(1U << at % 8);
		assert_false(entry_meta_decode(&out, value, sizeof(value)));
		value[at / 8] ^= (uint8_t)(1U << at % 8);
	}
	assert_false(entry_meta_decode(&out, value, sizeof(value) - 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rrset),
	    cmocka_unit_test(test_memo),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_meta),
	};

	hash_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
