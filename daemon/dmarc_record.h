/* SPDX-License-Identifier: ISC */
/*
 * One DMARC policy record (RFC 9989 4.7 and 4.8): its grammar, the defaults
 * for what is absent or damaged, and which record of a TXT set counts.
 */
#ifndef DMARC_RECORD_H
#define DMARC_RECORD_H

#include <stdbool.h>

#include "rrset.h"

struct arena;

enum dmarc_discovery {
	DMARC_TREE_WALK, /* RFC 9989 */
	DMARC_PSL	 /* RFC 7489: the public suffix list */
};

struct dmarc_options {
	enum dmarc_discovery discovery;
	bool pct; /* honour pct= in a tree walk, too */
	const char *pct_key; /* what all hosts share to draw the same sample;
				NULL: no secret, a sender can foretell it */
};

enum dmarc_policy { DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE,
	DMARC_POLICY_REJECT };
enum dmarc_psd { DMARC_PSD_U, DMARC_PSD_N, DMARC_PSD_Y };
enum dmarc_mode { DMARC_RELAXED, DMARC_STRICT };

struct dmarc_record {
	bool usable; /* 4.10.1: p, sp and np are valid, or rua saves them */
	enum dmarc_policy p, sp, np; /* np falls back to sp, sp to p */
	enum dmarc_psd psd;
	enum dmarc_mode adkim, aspf;
	bool t;
	int pct;
	const char *rua, *ruf, *fo; /* as written, "" if absent */
	const char *text;
	const char *problem; /* what is wrong or was ignored, or NULL */
};

enum dmarc_record_count { DMARC_RECORD_NO, DMARC_RECORD_ONE,
	DMARC_RECORD_SEVERAL };

/*
 * Looks for DMARC records among the TXT records of `set`, whose state is
 * PRESENT. Fills `record` when there is one. Its strings are the arena's.
 */
enum dmarc_record_count dmarc_record_choose(struct arena *arena,
    const struct rrset *set, const struct dmarc_options *options,
    struct dmarc_record *record);

#endif
