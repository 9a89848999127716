/* SPDX-License-Identifier: ISC */
#include "hash.h"

#include <sodium.h>

#include "log.h"

_Static_assert(HASH_KEY == crypto_shorthash_siphash24_KEYBYTES, "key");
_Static_assert(HASH_KEY == crypto_shorthash_siphashx24_KEYBYTES, "key");
_Static_assert(HASH_ID == crypto_shorthash_siphashx24_BYTES, "id");
_Static_assert(HASH_DIGEST == crypto_generichash_blake2b_BYTES, "digest");

void
hash_init(void)
{
	if (sodium_init() == -1)
		fatal(111, "hash.no_randomness");
}

void
hash_random(void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

/* The octets are read as a little-endian number: the same on every host. */
uint64_t
hash_short(const uint8_t key[HASH_KEY], const void *data, size_t len)
{
	uint8_t out[8];
	uint64_t value = 0;
	unsigned i;

	crypto_shorthash_siphash24(out, data, len, key);
	for (i = 8; i-- > 0;)
		value = value << 8 | out[i];
	return (value);
}

void
hash_id(uint8_t id[HASH_ID], const uint8_t key[HASH_KEY], const void *data,
    size_t len)
{
	crypto_shorthash_siphashx24(id, data, len, key);
}

/* A key of any length is allowed: HMAC's way, a long one is hashed first. */
void
hash_digest(uint8_t digest[HASH_DIGEST], const void *key, size_t keylen,
    const void *data, size_t len)
{
	uint8_t shorter[HASH_DIGEST];

	if (keylen > crypto_generichash_blake2b_KEYBYTES_MAX) {
		hash_digest(shorter, NULL, 0, key, keylen);
		key = shorter;
		keylen = sizeof(shorter);
	}
	crypto_generichash_blake2b(
	    digest, HASH_DIGEST, data, len, keylen > 0 ? key : NULL, keylen);
}

const char *
hash_library_version(void)
{
	return (sodium_version_string());
}
