/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"

/* The key and the input of the vectors that SipHash's authors published. */
static const uint8_t octets[64] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

static void
test_short(void **state)
{
	(void)state;
	assert_true(hash_short(octets, octets, 15) == 0xa129ca6149be45e5U);
	assert_true(hash_short(octets, octets, 0) == 0x726fdb47dd0e0e31U);
	assert_true(hash_short(octets, octets, 14) !=
		    hash_short(octets + 1, octets, 14));
}

static void
test_id(void **state)
{
	static const uint8_t empty[HASH_ID] = {0xa3, 0x81, 0x7f, 0x04, 0xba,
	    0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
	uint8_t id[HASH_ID];

	(void)state;
	hash_id(id, octets, NULL, 0);
	assert_memory_equal(id, empty, HASH_ID);
	hash_id(id, octets + 1, NULL, 0);
	assert_memory_not_equal(id, empty, HASH_ID);
}

static void
test_digest(void **state)
{
	/* BLAKE2b-256 of "abc", as other programs compute it. */
	static const uint8_t abc[HASH_DIGEST] = {0xbd, 0xdd, 0x81, 0x3c, 0x63,
	    0x42, 0x39, 0x72, 0x31, 0x71, 0xef, 0x3f, 0xee, 0x98, 0x57, 0x9b,
	    0x94, 0x96, 0x4e, 0x3b, 0xb1, 0xcb, 0x3e, 0x42, 0x72, 0x62, 0xc8,
	    0xc0, 0x68, 0xd5, 0x23, 0x19};
	uint8_t one[HASH_DIGEST], two[HASH_DIGEST], key[200] = {1};

	(void)state;
	hash_digest(one, NULL, 0, "abc", 3);
	assert_memory_equal(one, abc, HASH_DIGEST);
	hash_digest(one, "k", 1, "abc", 3);
	assert_memory_not_equal(one, abc, HASH_DIGEST);
	/* All octets of a long key count. */
	hash_digest(one, key, sizeof(key), "abc", 3);
	key[sizeof(key) - 1] = 1;
	hash_digest(two, key, sizeof(key), "abc", 3);
	assert_memory_not_equal(one, two, HASH_DIGEST);
}

static void
test_random(void **state)
{
	uint8_t one[16], two[16];

	(void)state;
	hash_random(one, sizeof(one));
	hash_random(two, sizeof(two));
	assert_memory_not_equal(one, two, sizeof(one));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_id),
	    cmocka_unit_test(test_digest),
	    cmocka_unit_test(test_random),
	};

	hash_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
