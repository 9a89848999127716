/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <strings.h>

#include "expr_input.h"
#include "idn.h"
#include "listfile.h"

/* ---- words, in the order of the enums --------------------------------- */

static const char *const yes_no_words[] = {"no", "yes", NULL};
static const char *const spf_words[] = {"none", "neutral", "pass", "fail",
    "softfail", "temperror", "permerror", NULL};
static const char *const dkim_words[] = {"none", "pass", "fail", "policy",
    "neutral", "temperror", "permerror", NULL};
static const char *const dmarc_words[] = {
    "none", "pass", "fail", "temperror", "permerror", NULL};
static const char *const policy_words[] = {
    "absent", "none", "quarantine", "reject", NULL};
static const char *const dnssec_words[] = {
    "secure", "insecure", "indeterminate", "bogus", NULL};

/* ---- reading ---------------------------------------------------------- */

static facts_set
set_from_tri(enum tri value)
{
	switch (value) {
	case TRI_FALSE:
		return (FACTS_ONE(0));
	case TRI_TRUE:
		return (FACTS_ONE(1));
	case TRI_UNKNOWN:
		break;
	}
	return (FACTS_ONE(0) | FACTS_ONE(1));
}

static facts_set
read_has_from(const struct facts *facts, facts_set *state)
{
	(void)state;
	return (FACTS_ONE(facts->has_author));
}

static facts_set
read_spf(const struct facts *facts, facts_set *state)
{
	*state |= FACTS_ONE(facts->spf.result);
	return (facts->spf_result);
}

static facts_set
read_dmarc(const struct facts *facts, facts_set *state)
{
	*state |= FACTS_ONE(facts->dmarc_reported);
	return (facts->dmarc);
}

static facts_set
read_policy(const struct facts *facts, facts_set *state)
{
	(void)state;
	return (facts->policy_set);
}

static facts_set
read_published(const struct facts *facts, facts_set *state)
{
	(void)state;
	return (facts->published_set);
}

static facts_set
read_spf_aligned(const struct facts *facts, facts_set *state)
{
	(void)state;
	return (set_from_tri(facts->spf_aligned));
}

static facts_set
read_dkim_aligned(const struct facts *facts, facts_set *state)
{
	(void)state;
	return (set_from_tri(facts->dkim_aligned));
}

/* Is there a policy record whose fields can be read? */
static enum tri
policy_found(const struct facts *facts)
{
	if (!facts->has_author)
		return (TRI_FALSE);
	switch (facts->policy.status) {
	case DMARC_FOUND:
		return (TRI_TRUE);
	case DMARC_NONE:
		return (TRI_FALSE);
	case DMARC_TEMPERROR:
		break;
	}
	return (TRI_UNKNOWN);
}

static facts_set
read_t(const struct facts *facts, facts_set *state)
{
	enum tri found = policy_found(facts);

	(void)state;
	if (found == TRI_TRUE)
		return (FACTS_ONE(facts->policy.t));
	return (set_from_tri(found));
}

/*
 * What was proved of an answer. After a failure the answer that did not come
 * could have been of any kind; that validation failed is a fact of its own.
 */
static facts_set
read_scope(const struct view_scope *scope, facts_set *state)
{
	if (scope->failed > 0) {
		*state |= FACTS_ONE(scope->dnssec);
		return (FACTS_ONE(DNSSEC_SECURE) | FACTS_ONE(DNSSEC_INSECURE) |
			FACTS_ONE(DNSSEC_INDETERMINATE));
	}
	*state |= FACTS_ONE(view_scope_dnssec(scope));
	return (FACTS_ONE(view_scope_dnssec(scope)));
}

static facts_set
read_spf_dnssec(const struct facts *facts, facts_set *state)
{
	return (read_scope(&facts->spf.read, state));
}

static facts_set
read_dmarc_dnssec(const struct facts *facts, facts_set *state)
{
	return (read_scope(&facts->policy.read, state));
}

static const struct dname *
domain_from_text(const char *text, struct dname *room, enum tri *why)
{
	*why = TRI_FALSE;
	return (idn_to_dname(room, text) == 0 ? room : NULL);
}

static const struct dname *
read_helo(const struct facts *facts, struct dname *room, enum tri *why)
{
	return (domain_from_text(facts->helo, room, why));
}

static const struct dname *
read_mail_from_domain(
    const struct facts *facts, struct dname *room, enum tri *why)
{
	const char *at = strrchr(facts->mail_from, '@');

	*why = TRI_FALSE; /* the null reverse-path has no domain */
	return (at == NULL ? NULL : domain_from_text(at + 1, room, why));
}

static const struct dname *
read_spf_domain(const struct facts *facts, struct dname *room, enum tri *why)
{
	return (domain_from_text(facts->spf.domain, room, why));
}

static const struct dname *
read_from(const struct facts *facts, struct dname *room, enum tri *why)
{
	(void)room;
	*why = TRI_FALSE;
	return (facts->has_author ? &facts->author : NULL);
}

static const struct dname *
read_policy_domain(const struct facts *facts, struct dname *room, enum tri *why)
{
	(void)room;
	*why = policy_found(facts);
	return (*why == TRI_TRUE ? &facts->policy.policy_domain : NULL);
}

/* RFC 9989 4.10.2: a domain without any policy is its own organization. */
static const struct dname *
read_org_domain(const struct facts *facts, struct dname *room, enum tri *why)
{
	(void)room;
	*why = TRI_FALSE;
	if (!facts->has_author)
		return (NULL);
	*why = TRI_UNKNOWN;
	return (facts->policy.org_known == TRI_TRUE ? &facts->policy.org_domain
						    : NULL);
}

static const char *
read_mail_from(const struct facts *facts)
{
	return (facts->mail_from);
}

static const char *
read_host(const struct facts *facts)
{
	return (facts->host);
}

static int64_t
read_stale(const struct facts *facts)
{
	int64_t spf = facts->spf.read.stale, dmarc = facts->policy.read.stale;
	int64_t walks = facts->alignment.stale;

	if (walks > dmarc)
		dmarc = walks;
	return (spf > dmarc ? spf : dmarc);
}

static int64_t
read_failing_for(const struct facts *facts)
{
	return (facts_failing_for(facts, FACTS_SPF | FACTS_DMARC | FACTS_DKIM));
}

/* ---- the table -------------------------------------------------------- */

#define SPF   FACTS_SPF
#define DMARC FACTS_DMARC
#define BOTH  ((unsigned)FACTS_SPF | (unsigned)FACTS_DMARC)

#define YES_NO(n, needs, reader)                                               \
	{                                                                      \
		n, INPUT_YES_NO, needs, yes_no_words, 0,                       \
		{                                                              \
			.choice = reader                                       \
		}                                                              \
	}
#define CHOICE(n, needs, words, state, reader)                                 \
	{                                                                      \
		n, INPUT_CHOICE, needs, words, state,                          \
		{                                                              \
			.choice = reader                                       \
		}                                                              \
	}
#define DOMAIN(n, needs, reader)                                               \
	{                                                                      \
		n, INPUT_DOMAIN, needs, NULL, 0,                               \
		{                                                              \
			.domain = reader                                       \
		}                                                              \
	}
#define TEXT(n, reader)                                                        \
	{                                                                      \
		n, INPUT_TEXT, 0, NULL, 0,                                     \
		{                                                              \
			.text = reader                                         \
		}                                                              \
	}
#define DURATION(n, reader)                                                    \
	{                                                                      \
		n, INPUT_DURATION, BOTH, NULL, 0,                              \
		{                                                              \
			.duration = reader                                     \
		}                                                              \
	}

static const struct input inputs[] = {
    {"client_ip", INPUT_ADDRESS, 0, NULL, 0, {NULL}},
    {"dkim", INPUT_SIGNATURES, 0, dkim_words, FACTS_ONE(DKIM_TEMPERROR),
	{NULL}},
    {"dkim_domain", INPUT_SIGNERS, 0, NULL, 0, {NULL}},
    YES_NO("dkim_aligned", DMARC, read_dkim_aligned),
    CHOICE("dmarc", DMARC, dmarc_words, FACTS_ONE(DMARC_RESULT_TEMPERROR),
	read_dmarc),
    CHOICE("dmarc_dnssec", DMARC, dnssec_words, FACTS_ONE(DNSSEC_BOGUS),
	read_dmarc_dnssec),
    DURATION("dns_failing_for", read_failing_for),
    DOMAIN("from", 0, read_from),
    YES_NO("has_from", 0, read_has_from),
    DOMAIN("helo", 0, read_helo),
    TEXT("host", read_host),
    TEXT("mail_from", read_mail_from),
    DOMAIN("mail_from_domain", 0, read_mail_from_domain),
    DOMAIN("org_domain", DMARC, read_org_domain),
    CHOICE("policy", DMARC, policy_words, 0, read_policy),
    DOMAIN("policy_domain", DMARC, read_policy_domain),
    CHOICE("published", DMARC, policy_words, 0, read_published),
    CHOICE("spf", SPF, spf_words, FACTS_ONE(SPF_TEMPERROR), read_spf),
    /* FACTS_DMARC brings SPF with it. */
    YES_NO("spf_aligned", DMARC, read_spf_aligned),
    CHOICE("spf_dnssec", SPF, dnssec_words, FACTS_ONE(DNSSEC_BOGUS),
	read_spf_dnssec),
    DOMAIN("spf_domain", SPF, read_spf_domain),
    DURATION("stale", read_stale),
    YES_NO("t", DMARC, read_t),
};

#define INPUTS (sizeof(inputs) / sizeof(inputs[0]))

const struct input *
input_get(unsigned index)
{
	return (index < INPUTS ? &inputs[index] : NULL);
}

bool
input_of_sender(const struct input *input)
{
	switch (input->type) {
	case INPUT_ADDRESS:
	case INPUT_DOMAIN:
	case INPUT_DURATION:
	case INPUT_SIGNERS:
	case INPUT_TEXT:
		return (true);
	case INPUT_CHOICE:
		return (input->words == dnssec_words);
	case INPUT_SIGNATURES:
	case INPUT_YES_NO:
		break;
	}
	return (false);
}

static bool
same(const char *word, const char *text, size_t len)
{
	return (strlen(word) == len && memcmp(word, text, len) == 0);
}

const struct input *
input_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < INPUTS; i++)
		if (same(inputs[i].name, name, len))
			return (&inputs[i]);
	return (NULL);
}

facts_set
input_word(const struct input *input, const char *word, size_t len)
{
	unsigned i;

	if (input->words == NULL)
		return (0);
	for (i = 0; input->words[i] != NULL; i++)
		if (same(input->words[i], word, len))
			return (FACTS_ONE(i));
	return (same("unknown", word, len) ? INPUT_UNKNOWN : 0);
}

/* ---- near misses ------------------------------------------------------ */

#define NEAR_MAX 24 /* octets: longer than any of our words */

static size_t
least(size_t a, size_t b)
{
	return (a < b ? a : b);
}

/*
 * How many letters must be put in, left out, changed or swapped with their
 * neighbour. Three rows of the usual matrix are enough.
 */
static size_t
distance(const char *word, const char *text, size_t len)
{
	size_t row[3][NEAR_MAX + 1], i, j;

	if (len > NEAR_MAX)
		return (NEAR_MAX);
	for (j = 0; j <= len; j++)
		row[0][j] = j;
	for (i = 1; word[i - 1] != '\0'; i++) {
		size_t *now = row[i % 3], *up = row[(i + 2) % 3];

		now[0] = i;
		for (j = 1; j <= len; j++) {
			bool differ =
			    (word[i - 1] | 0x20) != (text[j - 1] | 0x20);

			now[j] = least(
			    up[j - 1] + differ, least(up[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && word[i - 1] == text[j - 2] &&
			    word[i - 2] == text[j - 1])
				now[j] =
				    least(now[j], row[(i + 1) % 3][j - 2] + 1);
		}
	}
	return (row[(i + 2) % 3][len]);
}

/* Keeps the nearer of the two; a third of the letters may be wrong. */
static void
nearer(const char **best, size_t *least_far, const char *word, const char *text,
    size_t len)
{
	size_t far = distance(word, text, len);

	if (far < *least_far && far <= 1 + len / 4) {
		*best = word;
		*least_far = far;
	}
}

const char *
input_nearest(const char *name, size_t len)
{
	const char *best = NULL;
	size_t i, far = NEAR_MAX;

	for (i = 0; i < INPUTS; i++)
		nearer(&best, &far, inputs[i].name, name, len);
	return (best);
}

const char *
input_nearest_word(const struct input *input, const char *word, size_t len)
{
	const char *best = NULL;
	size_t i, far = NEAR_MAX;

	for (i = 0; input->words != NULL && input->words[i] != NULL; i++)
		nearer(&best, &far, input->words[i], word, len);
	return (best);
}

/* ---- tests ------------------------------------------------------------ */

/*
 * The values that may be, against those asked for: all of them, none of them,
 * or some. Words of state are asked of `state`, and are no values.
 */
static enum tri
set_test(
    facts_set possible, facts_set state, facts_set state_words, facts_set set)
{
	facts_set values = set & ~(state_words | INPUT_UNKNOWN);

	if ((possible & (possible - 1)) != 0)
		state |= INPUT_UNKNOWN;
	if ((set & state & (state_words | INPUT_UNKNOWN)) != 0)
		return (TRI_TRUE);
	if ((possible & values) == 0)
		return (TRI_FALSE);
	return ((possible & ~values) == 0 ? TRI_TRUE : TRI_UNKNOWN);
}

/*
 * Some signature's result is among those asked for. That there is none is a
 * statement about all of them.
 */
static enum tri
signatures_test(const struct facts *facts, facts_set state_words, facts_set set)
{
	enum tri any = TRI_FALSE, none = TRI_TRUE;
	size_t i;

	for (i = 0; i < facts->signatures; i++) {
		const struct facts_signature *sig = &facts->signature[i];

		none = tri_and(none, facts_is(sig->result, DKIM_NONE));
		any =
		    tri_or(any, set_test(sig->result, FACTS_ONE(sig->reported),
				    state_words, set & ~FACTS_ONE(DKIM_NONE)));
	}
	if ((set & FACTS_ONE(DKIM_NONE)) != 0)
		any = tri_or(any, none);
	return (any);
}

enum tri
input_in_set(
    const struct input *input, const struct facts *facts, facts_set set)
{
	facts_set possible, state = 0;

	if (input->type == INPUT_SIGNATURES)
		return (signatures_test(facts, input->state, set));
	possible = input->read.choice(facts, &state);
	return (set_test(possible, state, input->state, set));
}

static bool
name_matches(const struct dname *name, const struct listfile *list,
    const struct dname *same_as)
{
	if (same_as != NULL)
		return (dname_equal(name, same_as));
	return (listfile_has_domain(list, name));
}

static enum tri
signers_test(const struct facts *facts, const struct listfile *list,
    const struct dname *same_as)
{
	enum tri any = TRI_FALSE;
	size_t i;

	for (i = 0; i < facts->signatures; i++) {
		const struct facts_signature *sig = &facts->signature[i];

		if (sig->has_domain &&
		    name_matches(&sig->domain, list, same_as))
			any = tri_or(any, facts_is(sig->result, DKIM_PASS));
	}
	return (any);
}

enum tri
input_in_list(const struct input *input, const struct facts *facts,
    const struct listfile *list, const struct dname *same_as)
{
	struct dname room;
	const struct dname *name;
	enum tri why = TRI_UNKNOWN;

	switch (input->type) {
	case INPUT_ADDRESS:
		return (tri_from_bool(
		    listfile_has_address(list, &facts->client_ip)));
	case INPUT_TEXT:
		return (tri_from_bool(
		    listfile_has_word(list, input->read.text(facts))));
	case INPUT_SIGNERS:
		return (signers_test(facts, list, same_as));
	case INPUT_DOMAIN:
		name = input->read.domain(facts, &room, &why);
		if (name != NULL)
			why = tri_from_bool(name_matches(name, list, same_as));
		break;
	case INPUT_YES_NO:
	case INPUT_CHOICE:
	case INPUT_SIGNATURES:
	case INPUT_DURATION:
		break; /* the compiler of expressions lets none of them here */
	}
	return (why);
}
