/* SPDX-License-Identifier: ISC */
#include "ctl_situation.h"

#include <string.h>

#include "arena.h"
#include "view.h"

#define AUTHOR	"author.invalid"
#define FOREIGN "foreign.invalid"

/* Temperror is no truth, but that there is one and it is not known. */
#define SPF_UNKNOWN  (0x7f & ~FACTS_ONE(SPF_TEMPERROR))
#define DKIM_UNKNOWN (0x7f & ~FACTS_ONE(DKIM_TEMPERROR))

#define POLICY_ONE(policy) FACTS_ONE(FACTS_POLICY_##policy)
#define POLICY_ANY                                                             \
	(POLICY_ONE(ABSENT) | POLICY_ONE(NONE) | POLICY_ONE(QUARANTINE) |      \
	    POLICY_ONE(REJECT))

static const struct {
	const char *text;
	enum spf_result result;
	enum tri aligned;
} spf_states[SITUATION_SPF_ALL] = {
    [SITUATION_SPF_PASS_ALIGNED] = {"pass aligned", SPF_PASS, TRI_TRUE},
    [SITUATION_SPF_PASS] = {"pass unaligned", SPF_PASS, TRI_FALSE},
    [SITUATION_SPF_FAIL] = {"fail", SPF_FAIL, TRI_FALSE},
    [SITUATION_SPF_SOFTFAIL] = {"softfail", SPF_SOFTFAIL, TRI_FALSE},
    [SITUATION_SPF_NEUTRAL] = {"neutral", SPF_NEUTRAL, TRI_FALSE},
    [SITUATION_SPF_NONE] = {"none", SPF_NONE, TRI_FALSE},
    [SITUATION_SPF_PERMERROR] = {"permerror", SPF_PERMERROR, TRI_FALSE},
    [SITUATION_SPF_TEMPERROR] = {"temperror", SPF_TEMPERROR, TRI_UNKNOWN},
    [SITUATION_SPF_PASS_UNCLEAR] = {"pass, aligned unknown", SPF_PASS,
	TRI_UNKNOWN},
};

/* `aligned`: the signature's domain is. */
static const struct {
	const char *text;
	enum dkim_result result;
	enum tri aligned;
} dkim_states[SITUATION_DKIM_ALL] = {
    [SITUATION_DKIM_PASS_ALIGNED] = {"pass aligned", DKIM_PASS, TRI_TRUE},
    [SITUATION_DKIM_PASS] = {"pass unaligned", DKIM_PASS, TRI_FALSE},
    [SITUATION_DKIM_FAIL] = {"fail", DKIM_FAIL, TRI_TRUE},
    [SITUATION_DKIM_NONE] = {"none", DKIM_NONE, TRI_FALSE},
    [SITUATION_DKIM_TEMPERROR] = {"temperror", DKIM_TEMPERROR, TRI_TRUE},
    [SITUATION_DKIM_PASS_UNCLEAR] = {"pass, aligned unknown", DKIM_PASS,
	TRI_UNKNOWN},
    [SITUATION_DKIM_TEMPERROR_FOREIGN] = {"temperror, unaligned",
	DKIM_TEMPERROR, TRI_FALSE},
    [SITUATION_DKIM_POLICY] = {"policy", DKIM_POLICY, TRI_TRUE},
    [SITUATION_DKIM_NEUTRAL] = {"neutral", DKIM_NEUTRAL, TRI_TRUE},
    [SITUATION_DKIM_PERMERROR] = {"permerror", DKIM_PERMERROR, TRI_TRUE},
};

static const struct {
	const char *text;
	facts_set applies, published;
	bool t;
} policy_states[SITUATION_POLICY_ALL] = {
    [SITUATION_POLICY_ABSENT] = {"absent", POLICY_ONE(ABSENT),
	POLICY_ONE(ABSENT), false},
    [SITUATION_POLICY_NONE] = {"none", POLICY_ONE(NONE), POLICY_ONE(NONE),
	false},
    [SITUATION_POLICY_QUARANTINE] = {"quarantine", POLICY_ONE(QUARANTINE),
	POLICY_ONE(QUARANTINE), false},
    [SITUATION_POLICY_REJECT] = {"reject", POLICY_ONE(REJECT),
	POLICY_ONE(REJECT), false},
    [SITUATION_POLICY_UNKNOWN] = {"unknown", POLICY_ANY, POLICY_ANY, false},
    /* RFC 9989 4.7: t=y is one level below. */
    [SITUATION_POLICY_T_NONE] = {"none, t=y", POLICY_ONE(NONE),
	POLICY_ONE(NONE), true},
    [SITUATION_POLICY_T_QUARANTINE] = {"quarantine, t=y", POLICY_ONE(NONE),
	POLICY_ONE(QUARANTINE), true},
    [SITUATION_POLICY_T_REJECT] = {"reject, t=y", POLICY_ONE(QUARANTINE),
	POLICY_ONE(REJECT), true},
    /* RFC 7489 6.6.4: and so is what is not in the sample. */
    [SITUATION_POLICY_LOWERED_QUARANTINE] = {"quarantine, by pct",
	POLICY_ONE(NONE), POLICY_ONE(QUARANTINE), false},
    [SITUATION_POLICY_LOWERED_REJECT] = {"reject, by pct",
	POLICY_ONE(QUARANTINE), POLICY_ONE(REJECT), false},
    [SITUATION_POLICY_NO_AUTHOR] = {"no From", POLICY_ONE(ABSENT),
	POLICY_ONE(ABSENT), false},
};

const char *
situation_spf_text(enum situation_spf spf)
{
	return (spf_states[spf].text);
}

const char *
situation_dkim_text(enum situation_dkim dkim)
{
	return (dkim_states[dkim].text);
}

const char *
situation_policy_text(enum situation_policy policy)
{
	return (policy_states[policy].text);
}

/* ---- which there are -------------------------------------------------- */

static void
policies_each(struct situation situation, bool all,
    void (*visit)(void *, const struct situation *), void *arg)
{
	const unsigned end =
	    all ? SITUATION_POLICY_ALL : SITUATION_POLICY_TABLE;
	unsigned i;

	for (i = 0; i < end; i++) {
		situation.policy = (enum situation_policy)i;
		visit(arg, &situation);
	}
}

/* The order of two signatures does not matter. */
static void
signatures_each(struct situation situation, bool all,
    void (*visit)(void *, const struct situation *), void *arg)
{
	const unsigned end = all ? SITUATION_DKIM_ALL : SITUATION_DKIM_TABLE;
	unsigned i, j;

	for (i = 0; i < end; i++) {
		situation.dkim = (enum situation_dkim)i;
		situation.second = SITUATION_DKIM_NONE;
		policies_each(situation, all, visit, arg);
		if (!all || i == SITUATION_DKIM_NONE)
			continue;
		for (j = i; j < end; j++) {
			situation.second = (enum situation_dkim)j;
			if (j != SITUATION_DKIM_NONE)
				policies_each(situation, all, visit, arg);
		}
	}
}

void
situations_each(
    bool all, void (*visit)(void *, const struct situation *), void *arg)
{
	const unsigned end = all ? SITUATION_SPF_ALL : SITUATION_SPF_TABLE;
	struct situation situation = {.spf = SITUATION_SPF_PASS};
	unsigned i;

	for (i = 0; i < end; i++) {
		situation.spf = (enum situation_spf)i;
		signatures_each(situation, all, visit, arg);
	}
}

/* ---- what they are ---------------------------------------------------- */

static bool
spf_failing(const struct situation *situation)
{
	return (situation->spf == SITUATION_SPF_TEMPERROR);
}

static bool
dkim_failing(enum situation_dkim dkim)
{
	return (dkim_states[dkim].result == DKIM_TEMPERROR);
}

static bool
policy_failing(const struct situation *situation)
{
	return (situation->policy == SITUATION_POLICY_UNKNOWN ||
		situation->spf == SITUATION_SPF_PASS_UNCLEAR ||
		situation->dkim == SITUATION_DKIM_PASS_UNCLEAR ||
		situation->second == SITUATION_DKIM_PASS_UNCLEAR);
}

bool
situation_failing(const struct situation *situation)
{
	return (spf_failing(situation) || dkim_failing(situation->dkim) ||
		dkim_failing(situation->second) || policy_failing(situation));
}

bool
situation_forged(const struct situation *situation)
{
	return (situation->policy == SITUATION_POLICY_REJECT &&
		situation->spf != SITUATION_SPF_PASS_ALIGNED &&
		situation->dkim != SITUATION_DKIM_PASS_ALIGNED &&
		situation->second == SITUATION_DKIM_NONE &&
		!situation_failing(situation));
}

bool
situation_completes(
    const struct situation *partial, const struct situation *whole)
{
	if (situation_failing(whole) || partial->second != whole->second)
		return (false);
	return ((spf_failing(partial) || partial->spf == whole->spf) &&
		(partial->dkim == whole->dkim ||
		    (partial->dkim == SITUATION_DKIM_TEMPERROR &&
			dkim_states[whole->dkim].aligned == TRI_TRUE)) &&
		(partial->policy == whole->policy ||
		    (partial->policy == SITUATION_POLICY_UNKNOWN &&
			whole->policy != SITUATION_POLICY_NO_AUTHOR)));
}

const char *
situation_dns_text(const struct situation *situation)
{
	static const char *const texts[] = {"none", "spf", "dkim key",
	    "spf + dkim key", "dmarc record", "spf + dmarc record",
	    "dkim key + dmarc record", "spf + dkim key + dmarc record"};

	return (texts[(spf_failing(situation) ? 1 : 0) |
		      (dkim_failing(situation->dkim) ||
				  dkim_failing(situation->second)
			      ? 2
			      : 0) |
		      (policy_failing(situation) ? 4 : 0)]);
}

/* ---- the facts -------------------------------------------------------- */

static void
spf_set(struct facts *facts, const struct situation *situation)
{
	facts->spf.result = spf_states[situation->spf].result;
	facts->spf.domain =
	    spf_states[situation->spf].aligned == TRI_FALSE ? FOREIGN : AUTHOR;
	facts->spf_result =
	    spf_failing(situation) ? SPF_UNKNOWN : FACTS_ONE(facts->spf.result);
	facts->spf_aligned = spf_states[situation->spf].aligned;
}

static void
signature_add(struct facts *facts, enum situation_dkim dkim)
{
	struct facts_signature *sig = &facts->signature[facts->signatures];

	if (dkim == SITUATION_DKIM_NONE)
		return;
	facts->signatures++;
	memset(sig, 0, sizeof(*sig));
	sig->reported = dkim_states[dkim].result;
	sig->result =
	    dkim_failing(dkim) ? DKIM_UNKNOWN : FACTS_ONE(sig->reported);
	sig->aligned = dkim_states[dkim].aligned;
	sig->d = sig->aligned == TRI_FALSE ? FOREIGN : AUTHOR;
	sig->s = "selector";
	sig->a = sig->b = "";
	sig->has_domain = dname_from_text(&sig->domain, sig->d) == 0;
	facts->dkim_aligned = tri_or(facts->dkim_aligned,
	    tri_and(facts_is(sig->result, DKIM_PASS), sig->aligned));
}

static void
policy_set(struct facts *facts, const struct situation *situation)
{
	struct dmarc *policy = &facts->policy;

	facts->policy_set = policy_states[situation->policy].applies;
	facts->published_set = policy_states[situation->policy].published;
	policy->status =
	    situation->policy == SITUATION_POLICY_UNKNOWN ? DMARC_TEMPERROR
	    : facts->policy_set == POLICY_ONE(ABSENT)	  ? DMARC_NONE
							  : DMARC_FOUND;
	policy->t = policy_states[situation->policy].t;
	policy->author = policy->policy_domain = policy->org_domain =
	    facts->author;
	policy->org_known = TRI_TRUE;
	policy->pct = 100;
	policy->rua = policy->ruf = policy->fo = policy->record = "";
}

/* RFC 9989 5.3.5 and 5.3.6, as facts.c has it for what it has looked up. */
static void
dmarc_set(struct facts *facts)
{
	const enum tri pass = tri_or(facts->spf_aligned, facts->dkim_aligned);
	const bool may_apply = facts->policy_set != POLICY_ONE(ABSENT);
	unsigned result = DMARC_RESULT_NONE;

	if ((facts->policy_set & POLICY_ONE(ABSENT)) != 0)
		facts->dmarc |= FACTS_ONE(DMARC_RESULT_NONE);
	if (may_apply && pass != TRI_FALSE)
		facts->dmarc |= FACTS_ONE(DMARC_RESULT_PASS);
	if (may_apply && pass != TRI_TRUE)
		facts->dmarc |= FACTS_ONE(DMARC_RESULT_FAIL);
	while (FACTS_ONE(result) != facts->dmarc &&
	       result != DMARC_RESULT_TEMPERROR)
		result++;
	facts->dmarc_reported = (enum dmarc_result)result;
}

static const struct rrset *
no_record(void *arg, const struct dname *name, uint16_t type)
{
	(void)arg;
	(void)name;
	(void)type;
	return (NULL);
}

void
situation_facts(const struct situation *situation, struct arena *arena,
    struct situation_facts *found)
{
	static const struct dmarc_options options;
	static const struct view_source nothing = {.get = no_record};
	struct facts *facts = &found->facts;

	memset(facts, 0, sizeof(*facts));
	facts->helo = facts->mail_from = facts->host = facts->message_id = "";
	facts->options = &options;
	facts->signature = found->signature;
	facts->has_author = situation->policy != SITUATION_POLICY_NO_AUTHOR;
	(void)dname_from_text(&facts->author, AUTHOR);
	facts->have = (unsigned)FACTS_SPF | (unsigned)FACTS_DMARC;
	facts->dkim_aligned = TRI_FALSE;
	spf_set(facts, situation);
	signature_add(facts, situation->dkim);
	signature_add(facts, situation->second);
	policy_set(facts, situation);
	if (!facts->has_author)
		facts->spf_aligned = facts->dkim_aligned = TRI_FALSE;
	dmarc_set(facts);
	facts->view = view_open(arena, &nothing, 1, 0, VIEW_FINAL);
}
