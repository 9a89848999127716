/* SPDX-License-Identifier: ISC */
#include "facts.h"

#include <string.h>

#include "arena.h"
#include "dkimkey.h"
#include "hash.h"
#include "idn.h"
#include "spf_memo.h"

/* What may be true when nothing is known. TEMPERROR is no truth. */
#define SPF_ALL                                                                \
	(FACTS_ONE(SPF_NONE) | FACTS_ONE(SPF_NEUTRAL) | FACTS_ONE(SPF_PASS) |  \
	    FACTS_ONE(SPF_FAIL) | FACTS_ONE(SPF_SOFTFAIL) |                    \
	    FACTS_ONE(SPF_PERMERROR))
#define POLICY_ALL                                                             \
	(FACTS_ONE(FACTS_POLICY_ABSENT) | FACTS_ONE(FACTS_POLICY_NONE) |       \
	    FACTS_ONE(FACTS_POLICY_QUARANTINE) |                               \
	    FACTS_ONE(FACTS_POLICY_REJECT))
#define DMARC_ALL                                                              \
	(FACTS_ONE(DMARC_RESULT_NONE) | FACTS_ONE(DMARC_RESULT_PASS) |         \
	    FACTS_ONE(DMARC_RESULT_FAIL))

static bool
is_single(facts_set set)
{
	return (set != 0 && (set & (set - 1)) == 0);
}

enum tri
facts_is(facts_set set, unsigned value)
{
	if ((set & FACTS_ONE(value)) == 0)
		return (TRI_FALSE);
	return (is_single(set) ? TRI_TRUE : TRI_UNKNOWN);
}

static void
spf_find(struct facts *facts)
{
	facts->question.identity = SPF_MAILFROM;
	spf_recall(facts->view, &facts->question, &facts->spf);
	if (facts->spf.read.missing > 0 || facts->spf.result == SPF_TEMPERROR)
		facts->spf_result = SPF_ALL;
	else
		facts->spf_result = FACTS_ONE(facts->spf.result);
}

/* RFC 9989 5.3.1: without an author domain there is nothing to validate. */
static void
dmarc_no_author(struct facts *facts)
{
	facts->policy = (struct dmarc){.status = DMARC_NONE,
	    .pct = 100,
	    .rua = "",
	    .ruf = "",
	    .fo = "",
	    .record = "",
	    .problem = "no author domain",
	    .may_be_absent = true};
	facts->policy_set = FACTS_ONE(FACTS_POLICY_ABSENT);
	facts->published_set = FACTS_ONE(FACTS_POLICY_ABSENT);
	facts->spf_aligned = facts->dkim_aligned = TRI_FALSE;
	facts->dmarc = FACTS_ONE(DMARC_RESULT_NONE);
	facts->dmarc_reported = DMARC_RESULT_NONE;
}

/* Until the missing records are here, anything may be true. */
static void
dmarc_unknown(struct facts *facts)
{
	facts->policy_set = facts->published_set = POLICY_ALL;
	facts->spf_aligned = facts->dkim_aligned = TRI_UNKNOWN;
	facts->dmarc = DMARC_ALL;
	facts->dmarc_reported = DMARC_RESULT_TEMPERROR;
}

/*
 * RFC 7489 6.6.4: is the message in the sample? The digest is over what a
 * retry repeats, so that it meets the same answer, on whatever host.
 */
static bool
is_sampled(const struct facts *facts)
{
	struct arena *arena = view_arena(facts->view);
	const char *key = facts->options->pct_key;
	uint8_t digest[HASH_DIGEST];
	char ip[IPADDR_TEXT_MAX], author[DNAME_TEXT_MAX];
	const char *text;

	if (facts->policy.pct == 100)
		return (true);
	/* No line of mail holds a newline: the fields cannot run together. */
	text = arena_printf(arena, "%s\n%s\n%s\n%s",
	    facts->client_ip.octets != 0 ? ipaddr_text(&facts->client_ip, ip)
					 : "",
	    facts->mail_from, dname_text(&facts->author, author),
	    facts->message_id);
	hash_digest(
	    digest, key, key != NULL ? strlen(key) : 0, text, strlen(text));
	return (dmarc_sampled(facts->policy.pct, digest));
}

/* A set of enum dmarc_policy as one of enum facts_policy. */
static facts_set
policy_set(unsigned policies, bool may_be_absent)
{
	facts_set set = 0;

	if ((policies & FACTS_ONE(DMARC_POLICY_NONE)) != 0)
		set |= FACTS_ONE(FACTS_POLICY_NONE);
	if ((policies & FACTS_ONE(DMARC_POLICY_QUARANTINE)) != 0)
		set |= FACTS_ONE(FACTS_POLICY_QUARANTINE);
	if ((policies & FACTS_ONE(DMARC_POLICY_REJECT)) != 0)
		set |= FACTS_ONE(FACTS_POLICY_REJECT);
	if (may_be_absent)
		set |= FACTS_ONE(FACTS_POLICY_ABSENT);
	return (set);
}

/* What pct leaves of the policy for a message outside the sample. */
static void
policy_lower(struct dmarc *dmarc)
{
	unsigned policy, lowered = 0;

	for (policy = DMARC_POLICY_NONE; policy <= DMARC_POLICY_REJECT;
	     policy++) {
		if ((dmarc->may_apply & FACTS_ONE(policy)) != 0)
			lowered |= FACTS_ONE(
			    dmarc_policy_lower((enum dmarc_policy)policy));
	}
	dmarc->may_apply = (uint8_t)lowered;
	dmarc->policy = dmarc_policy_lower(dmarc->policy);
}

static void
policy_find(struct facts *facts)
{
	struct dmarc *policy = &facts->policy;

	if (!is_sampled(facts))
		policy_lower(policy);
	facts->policy_set =
	    policy_set(policy->may_apply, policy->may_be_absent);
	facts->published_set =
	    policy_set(policy->may_publish, policy->may_be_absent);
}

static void
spf_align(struct facts *facts)
{
	enum tri pass = facts_is(facts->spf_result, SPF_PASS);
	struct dname domain;

	facts->spf_aligned = pass;
	/* No lookup is made for what did not pass, or may yet not. */
	if (pass == TRI_FALSE || facts->spf.read.missing > 0)
		return;
	if (idn_to_dname(&domain, facts->spf.domain) == -1)
		facts->spf_aligned = TRI_FALSE;
	else
		facts->spf_aligned =
		    tri_and(pass, dmarc_aligned(facts->view, &facts->policy,
				      &domain, facts->policy.aspf));
}

static void
signature_align(struct facts *facts, struct facts_signature *sig)
{
	if (!sig->has_domain)
		sig->aligned = TRI_FALSE;
	else if (facts_is(sig->result, DKIM_PASS) == TRI_FALSE)
		sig->aligned =
		    tri_from_bool(dname_equal(&sig->domain, &facts->author));
	else
		sig->aligned = dmarc_aligned(facts->view, &facts->policy,
		    &sig->domain, facts->policy.adkim);
}

static void
dkim_align(struct facts *facts)
{
	struct facts_signature *sig = facts->signature;
	enum tri pass;

	facts->dkim_aligned = TRI_FALSE;
	for (; sig < facts->signature + facts->signatures; sig++) {
		signature_align(facts, sig);
		pass = facts_is(sig->result, DKIM_PASS);
		facts->dkim_aligned =
		    tri_or(facts->dkim_aligned, tri_and(pass, sig->aligned));
	}
}

/*
 * RFC 9989 5.3.5: one aligned pass is enough. 5.3.6: when DNS failed, the
 * message can be held neither to pass nor to fail, unless all that may be true
 * agrees.
 */
static void
result_find(struct facts *facts)
{
	enum tri pass = tri_or(facts->spf_aligned, facts->dkim_aligned);
	unsigned result = DMARC_RESULT_NONE;

	facts->dmarc = 0;
	if (facts->policy.may_apply != 0 && pass != TRI_FALSE)
		facts->dmarc |= FACTS_ONE(DMARC_RESULT_PASS);
	if (facts->policy.may_apply != 0 && pass != TRI_TRUE)
		facts->dmarc |= FACTS_ONE(DMARC_RESULT_FAIL);
	if (facts->policy.may_be_absent)
		facts->dmarc |= FACTS_ONE(DMARC_RESULT_NONE);
	while (facts->dmarc >> (result + 1) != 0)
		result++;
	facts->dmarc_reported = is_single(facts->dmarc)
				    ? (enum dmarc_result)result
				    : DMARC_RESULT_TEMPERROR;
}

static void
dmarc_evaluate(struct facts *facts)
{
	if (!facts->has_author) {
		dmarc_no_author(facts);
		return;
	}
	dmarc_find(facts->view, &facts->author, facts->options, &facts->policy);
	if (facts->policy.read.missing > 0) {
		dmarc_unknown(facts);
		return;
	}
	policy_find(facts);
	view_enter(facts->view, &facts->alignment);
	spf_align(facts);
	dkim_align(facts);
	view_leave(facts->view);
	result_find(facts);
}

void
facts_need(struct facts *facts, unsigned groups)
{
	if ((groups & FACTS_DMARC) != 0 && facts->has_author)
		groups |= FACTS_SPF;
	groups &= ~facts->have;
	facts->have |= groups;
	if ((groups & FACTS_SPF) != 0)
		spf_find(facts);
	if ((groups & FACTS_DMARC) != 0)
		dmarc_evaluate(facts);
}

enum tri
facts_any_dkim(const struct facts *facts, enum dkim_result result)
{
	const struct facts_signature *sig = facts->signature;
	enum tri any = TRI_FALSE;

	/* RFC 8601 2.7.1: "none" is of the message, not of a signature. */
	if (facts->signatures == 0)
		return (tri_from_bool(result == DKIM_NONE));
	for (; sig < facts->signature + facts->signatures; sig++) {
		/* That it could not be verified is a fact of its own. */
		if (result == DKIM_TEMPERROR)
			any =
			    tri_or(any, tri_from_bool(sig->reported == result));
		else
			any = tri_or(any, facts_is(sig->result, result));
	}
	return (any);
}

/* The earlier of two times, where 0 stands for never. */
static int64_t
earlier(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return (a + b);
	return (a < b ? a : b);
}

static bool
dmarc_is_known(const struct facts *facts)
{
	return (is_single(facts->dmarc) && is_single(facts->policy_set) &&
		is_single(facts->published_set) &&
		facts->spf_aligned != TRI_UNKNOWN &&
		facts->dkim_aligned != TRI_UNKNOWN);
}

/* Since when the keys are lost that a verifier could not get. */
static int64_t
keys_failed_since(const struct facts *facts, unsigned groups)
{
	const struct facts_signature *sig = facts->signature;
	struct dkimkey key;
	int64_t since = 0;

	for (; sig < facts->signature + facts->signatures; sig++) {
		if (sig->reported != DKIM_TEMPERROR)
			continue;
		if ((groups & FACTS_DKIM) == 0 && sig->aligned == TRI_FALSE)
			continue;
		dkimkey_find(facts->view, sig->s, sig->d, &key);
		since = earlier(since, key.read.lost_since);
	}
	return (since);
}

int64_t
facts_failing_for(const struct facts *facts, unsigned groups)
{
	int64_t since = 0;

	groups &= facts->have | FACTS_DKIM;
	if (dmarc_is_known(facts))
		groups &= ~(unsigned)FACTS_DMARC;
	if ((groups & (FACTS_DKIM | FACTS_DMARC)) != 0)
		since = keys_failed_since(facts, groups);
	if (((groups & FACTS_SPF) != 0 && !is_single(facts->spf_result)) ||
	    ((groups & FACTS_DMARC) != 0 && facts->spf_aligned == TRI_UNKNOWN))
		since = earlier(since, facts->spf.read.lost_since);
	if ((groups & FACTS_DMARC) != 0) {
		since = earlier(since, facts->policy.read.lost_since);
		since = earlier(since, facts->alignment.lost_since);
	}
	return (since != 0 ? view_asof(facts->view) - since : 0);
}

static const char *const dkim_results[] = {[DKIM_NONE] = "none",
    [DKIM_PASS] = "pass",
    [DKIM_FAIL] = "fail",
    [DKIM_POLICY] = "policy",
    [DKIM_NEUTRAL] = "neutral",
    [DKIM_TEMPERROR] = "temperror",
    [DKIM_PERMERROR] = "permerror"};

int
dkim_result_from_text(const char *text, enum dkim_result *result)
{
	unsigned i;

	for (i = 0; i < sizeof(dkim_results) / sizeof(dkim_results[0]); i++) {
		if (strcmp(text, dkim_results[i]) == 0) {
			*result = (enum dkim_result)i;
			return (0);
		}
	}
	return (-1);
}

const char *
dkim_result_text(enum dkim_result result)
{
	return (dkim_results[result]);
}

const char *
dmarc_result_text(enum dmarc_result result)
{
	switch (result) {
	case DMARC_RESULT_NONE:
		return ("none");
	case DMARC_RESULT_PASS:
		return ("pass");
	case DMARC_RESULT_FAIL:
		return ("fail");
	case DMARC_RESULT_TEMPERROR:
		return ("temperror");
	case DMARC_RESULT_PERMERROR:
		return ("permerror");
	}
	return ("?");
}

const char *
facts_policy_text(enum facts_policy policy)
{
	switch (policy) {
	case FACTS_POLICY_ABSENT:
		return ("absent");
	case FACTS_POLICY_NONE:
		return ("none");
	case FACTS_POLICY_QUARANTINE:
		return ("quarantine");
	case FACTS_POLICY_REJECT:
		return ("reject");
	}
	return ("?");
}
