/* SPDX-License-Identifier: ISC */
/*
 * What the rules may meet, as far as results go: one situation for each way
 * that SPF, DKIM and DMARC can come out, with the facts that the daemon's
 * evaluators would find in it. No DNS is asked.
 */
#ifndef CTL_SITUATION_H
#define CTL_SITUATION_H

#include <stdbool.h>

#include "facts.h"

struct arena;

/* Up to ..._TABLE are the words of the truth table; those behind are rarer. */
enum situation_spf {
	SITUATION_SPF_PASS_ALIGNED,
	SITUATION_SPF_PASS,
	SITUATION_SPF_FAIL,
	SITUATION_SPF_SOFTFAIL,
	SITUATION_SPF_NEUTRAL,
	SITUATION_SPF_NONE,
	SITUATION_SPF_PERMERROR,
	SITUATION_SPF_TEMPERROR,
	SITUATION_SPF_TABLE,
	SITUATION_SPF_PASS_UNCLEAR = SITUATION_SPF_TABLE, /* aligned? */
	SITUATION_SPF_ALL
};

enum situation_dkim {
	SITUATION_DKIM_PASS_ALIGNED,
	SITUATION_DKIM_PASS,
	SITUATION_DKIM_FAIL,
	SITUATION_DKIM_NONE, /* no signature */
	SITUATION_DKIM_TEMPERROR,
	SITUATION_DKIM_TABLE,
	SITUATION_DKIM_PASS_UNCLEAR = SITUATION_DKIM_TABLE,
	SITUATION_DKIM_TEMPERROR_FOREIGN, /* of a domain not aligned */
	SITUATION_DKIM_POLICY,
	SITUATION_DKIM_NEUTRAL,
	SITUATION_DKIM_PERMERROR,
	SITUATION_DKIM_ALL
};

enum situation_policy {
	SITUATION_POLICY_ABSENT,
	SITUATION_POLICY_NONE,
	SITUATION_POLICY_QUARANTINE,
	SITUATION_POLICY_REJECT,
	SITUATION_POLICY_UNKNOWN,
	SITUATION_POLICY_TABLE,
	SITUATION_POLICY_T_NONE = SITUATION_POLICY_TABLE, /* with t=y */
	SITUATION_POLICY_T_QUARANTINE,
	SITUATION_POLICY_T_REJECT,
	SITUATION_POLICY_LOWERED_QUARANTINE, /* by pct, one level down */
	SITUATION_POLICY_LOWERED_REJECT,
	SITUATION_POLICY_NO_AUTHOR, /* a message without From */
	SITUATION_POLICY_ALL
};

struct situation {
	enum situation_spf    spf;
	enum situation_dkim   dkim, second; /* of two signatures */
	enum situation_policy policy;
};

/* `all`: also the rarer ones, and two signatures. */
void situations_each(bool all,
    void (*visit)(void *arg, const struct situation *situation), void *arg);

/* Has DNS failed in it? */
bool situation_failing(const struct situation *situation);
/* One of one signature at most, in which DMARC fails under p=reject. */
bool situation_forged(const struct situation *situation);
/* May `partial` turn out to be `whole` when DNS works again? */
bool situation_completes(
    const struct situation *partial, const struct situation *whole);

const char *situation_spf_text(enum situation_spf spf);
const char *situation_dkim_text(enum situation_dkim dkim);
const char *situation_policy_text(enum situation_policy policy);
/* "none", "spf", "spf + dkim key" and so on. */
const char *situation_dns_text(const struct situation *situation);

#define SITUATION_SIGNATURES 2
struct situation_facts {
	struct facts	       facts;
	struct facts_signature signature[SITUATION_SIGNATURES];
};

/* Everything is found already. The sender is on no list; see `hypothetical`. */
void situation_facts(const struct situation *situation, struct arena *arena,
    struct situation_facts *found);

#endif
