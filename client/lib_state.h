/* SPDX-License-Identifier: ISC */
/*
 * What one question teaches the next, though each is a process of its own: a
 * directory with small files for each server, by the hash of its address.
 *
 *	HASH.down	it did not answer; as of the file's time
 *	HASH.seal	the cookie that its daemon wants in sealed requests
 *
 * Nothing depends on them: without a directory, or with nonsense in it, it
 * takes longer to find a server that answers, and no more.
 */
#ifndef LIB_STATE_H
#define LIB_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "seal.h"

/* A server that did not answer is asked last for so many seconds. */
#define STATE_DOWN_SECONDS 10

struct state {
	int directory; /* -1: none */
};

/* `path` may be missing. */
void state_open(struct state *state, const char *path);
void state_close(struct state *state);

/*
 * Is the server down, as far as known? When the time is up one process, this
 * one, hears that it is not, and tries; the others wait for what it finds.
 */
bool state_is_down(const struct state *state, const char *endpoint);
void state_down(const struct state *state, const char *endpoint);
void state_up(const struct state *state, const char *endpoint);

/* All zeros if none is known. */
void state_cookie_get(const struct state *state, const char *endpoint,
    uint8_t cookie[SEAL_COOKIE]);
void state_cookie_put(const struct state *state, const char *endpoint,
    const uint8_t cookie[SEAL_COOKIE]);

#endif
