/* SPDX-License-Identifier: ISC */
/*
 * Keyed hashes and random octets: the one place that knows libsodium's
 * primitives. hash_init() once, before all else and before privileges are
 * dropped (it may open the random device).
 */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_KEY    16 /* octets of a key of hash_short() and hash_id() */
#define HASH_ID	    16
#define HASH_DIGEST 32

/* Harmless if repeated. Fatal if there is no source of randomness. */
void hash_init(void);

void hash_random(void *buf, size_t len);

/* SipHash-2-4: for tables and checksums. */
uint64_t hash_short(const uint8_t key[HASH_KEY], const void *data, size_t len);
/* SipHash-2-4-128: wide enough to stand for what was hashed. */
void hash_id(uint8_t id[HASH_ID], const uint8_t key[HASH_KEY],
    const void *data, size_t len);
/*
 * BLAKE2b-256, with a key of any length (0: none): for what other hosts or
 * programs must be able to compute, or that must resist an attacker.
 */
void hash_digest(uint8_t digest[HASH_DIGEST], const void *key, size_t keylen,
    const void *data, size_t len);

const char *hash_library_version(void);

#endif
