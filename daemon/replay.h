/* SPDX-License-Identifier: ISC */
/*
 * Sealed requests are taken once. Somebody who has recorded them can send them
 * again, but not change them, and each carries a cookie that the daemon gave
 * out: so only what was sealed under one of the two newest cookies needs to be
 * remembered, and a cookie is replaced when so many requests came under it as
 * can be. No clock is involved, and the memory is bounded.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <stdbool.h>

#include "seal.h"

struct replay;

/* Requests under one cookie; 2 MB for both generations. */
#define REPLAY_MAX 65536

/* After hash_init(). */
struct replay *replay_new(void);
void replay_free(struct replay *replay);

/* The newest cookie: goes with every reply. */
const uint8_t *replay_cookie(const struct replay *replay);
/*
 * True, once, for a nonce under a cookie that is still good. Only for requests
 * whose seal was good.
 */
bool replay_take(struct replay *replay, const uint8_t cookie[SEAL_COOKIE],
    const uint8_t nonce[SEAL_NONCE]);

#endif
