/* SPDX-License-Identifier: ISC */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "log.h"

/* Twice as many as there can be: a search is short. */
#define SLOTS (2 * REPLAY_MAX)

struct generation {
	uint8_t cookie[SEAL_COOKIE];
	unsigned count;
	uint64_t slot[SLOTS]; /* hashes of nonces; 0: free */
};

struct replay {
	uint8_t key[HASH_KEY];
	unsigned newest; /* of the two */
	struct generation generation[2];
};

static void
generation_start(struct generation *generation)
{
	memset(generation, 0, sizeof(*generation));
	hash_random(generation->cookie, SEAL_COOKIE);
}

struct replay *
replay_new(void)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (replay == NULL)
		fatal(111, "replay.out_of_memory");
	hash_random(replay->key, sizeof(replay->key));
	/* Both: a cookie of zeros, what a new client has, is never good. */
	generation_start(&replay->generation[0]);
	generation_start(&replay->generation[1]);
	return (replay);
}

void
replay_free(struct replay *replay)
{
	free(replay);
}

const uint8_t *
replay_cookie(const struct replay *replay)
{
	return (replay->generation[replay->newest].cookie);
}

static struct generation *
generation_find(struct replay *replay, const uint8_t cookie[SEAL_COOKIE])
{
	unsigned i;

	for (i = 0; i < 2; i++)
		if (memcmp(replay->generation[i].cookie, cookie, SEAL_COOKIE) ==
		    0)
			return (&replay->generation[i]);
	return (NULL);
}

/* True if it was not there before. */
static bool
hash_add(struct generation *generation, uint64_t hash)
{
	size_t i = hash % SLOTS;

	while (generation->slot[i] != 0) {
		if (generation->slot[i] == hash)
			return (false);
		i = (i + 1) % SLOTS;
	}
	generation->slot[i] = hash;
	generation->count++;
	return (true);
}

bool
replay_take(struct replay *replay, const uint8_t cookie[SEAL_COOKIE],
    const uint8_t nonce[SEAL_NONCE])
{
	struct generation *generation = generation_find(replay, cookie);
	uint64_t hash;

	/* The older one has no more room once it is full, and must not grow. */
	if (generation == NULL || generation->count == REPLAY_MAX)
		return (false);
	hash = hash_short(replay->key, nonce, SEAL_NONCE);
	if (!hash_add(generation, hash == 0 ? 1 : hash))
		return (false);
	if (generation == &replay->generation[replay->newest] &&
	    generation->count == REPLAY_MAX / 2) {
		replay->newest ^= 1;
		generation_start(&replay->generation[replay->newest]);
	}
	return (true);
}
