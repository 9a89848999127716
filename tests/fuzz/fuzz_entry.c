/* SPDX-License-Identifier: ISC */
/*
 * A stored value of the cache. The checksum is made to fit, or no input would
 * come past it: what lies behind must stand on its own.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "fuzz.h"

static const struct entry_secret secret = {.id = {1}, .sum = {2}};

/* As entry.c has it, for a key of zeros. */
static void
fit_checksum(uint8_t *value, size_t size)
{
	uint64_t sum;
	unsigned i;

	if (size < 8)
		return;
	sum = hash_short(secret.sum, value + 8, size - 8);
	for (i = 0; i < 8; i++)
		value[i] = (uint8_t)(sum >> 8 * i);
}

/* What is accepted is exactly what would be written. */
static void
check_round_trip(const struct entry *entry, const uint8_t *value, size_t size)
{
	static const uint8_t key[ENTRY_KEY];
	static uint8_t again[ENTRY_MAX];
	size_t len = entry_encode(again, &secret, key, entry);

	check(len == 0 || (len == size && memcmp(again, value, len) == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[ENTRY_KEY];
	uint8_t *value = malloc(size + 1);
	struct rdata record = {0};
	struct entry entry = {.set = {.len = 0}};

	if (value == NULL)
		return (0);
	memcpy(value, data, size);
	fit_checksum(value, size);
	if (entry_decode(&entry, &secret, key, value, size)) {
		check_round_trip(&entry, value, size);
		while (rrset_next(&entry.set, &record))
			check(record.next <= entry.set.len);
	}
	free(value);
	return (0);
}
