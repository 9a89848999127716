/* SPDX-License-Identifier: ISC */
/*
 * How many new names each registrable domain puts into the cache: whoever asks
 * for random names below one domain must not push out what others use. A
 * count is an estimate, too high where domains meet in a slot, and never too
 * low; it halves each minute.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "dname.h"
#include "hash.h"

#define SHARE_SLOTS 4096

struct share {
	uint8_t	 key[HASH_KEY]; /* random, so that nobody can choose a slot */
	int64_t	 halved;	/* ms */
	uint16_t count[SHARE_SLOTS];
};

void share_init(struct share *share);
/* Counts `name`. True if its domain has now more than `limit`. */
bool share_over(struct share *share, const struct dname *name,
    unsigned limit, int64_t now);

#endif
