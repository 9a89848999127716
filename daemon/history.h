/* SPDX-License-Identifier: ISC */
/*
 * What domains have changed about their DMARC policies: the last changes that
 * were seen, in a ring of fixed size. A change is seen when a record is fetched
 * anew while the older one is still known.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct dmarc_options;
struct rrset;

/* Enough for weeks: domains change their policy once in years. */
#define HISTORY_MAX    512
#define HISTORY_DOMAIN 256
#define HISTORY_POLICY 64 /* the longest is "quarantine sp=quarantine ..." */

struct history_change {
	int64_t at; /* ms since the epoch */
	char	domain[HISTORY_DOMAIN];
	char	before[HISTORY_POLICY], after[HISTORY_POLICY];
};

struct history {
	uint64_t	      seen; /* in all; the ring has the last of them */
	struct history_change ring[HISTORY_MAX];
};

void history_add(struct history *history, const struct history_change *change);
/* How many there are, and by number from 0, the oldest. */
size_t history_count(const struct history *history);
const struct history_change *history_at(const struct history *history,
    size_t number);

/*
 * What a set of TXT records says, in a few words that differ when policies do:
 * "absent", "several", "invalid", or p and what deviates from the defaults, as
 * in "reject sp=none t=y". Returns `text`.
 */
const char *history_policy(char text[HISTORY_POLICY], struct arena *arena,
    const struct rrset *set, const struct dmarc_options *options);

#endif
