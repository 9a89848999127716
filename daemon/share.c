/* SPDX-License-Identifier: ISC */
#include "share.h"

#include <string.h>

#include "psl.h"

#define MINUTE 60000 /* ms */

void
share_init(struct share *share)
{
	memset(share, 0, sizeof(*share));
	hash_random(share->key, sizeof(share->key));
}

/* A clock that was set back counts as one that went on. */
static void
halve(struct share *share, int64_t now)
{
	unsigned i;

	if (now >= share->halved && now - share->halved < MINUTE)
		return;
	for (i = 0; i < SHARE_SLOTS; i++)
		share->count[i] /= 2;
	share->halved = now;
}

bool
share_over(
    struct share *share, const struct dname *name, unsigned limit, int64_t now)
{
	struct dname domain;
	uint16_t *count;

	halve(share, now);
	dname_suffix(&domain, name, psl_organizational(name));
	count = &share->count[hash_short(share->key, domain.wire, domain.len) %
			      SHARE_SLOTS];
	if (*count < UINT16_MAX)
		(*count)++;
	return (*count > limit);
}
