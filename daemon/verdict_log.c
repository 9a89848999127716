/* SPDX-License-Identifier: ISC */
#include "verdict_log.h"

#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "log.h"
#include "rules.h"

/* All fields together stay under what a line of the log can hold. */
#define FIELD_MAX 132
/* A mail address may be long, and its end tells most. */
#define ADDRESS_MAX 328
#define LINE_MAX    1500

struct line {
	char text[LINE_MAX];
	size_t len;
};

const char *
verdict_id(char id[VERDICT_ID_MAX], int64_t started, uint64_t number)
{
	snprintf(id, VERDICT_ID_MAX, "%llx-%llx",
	    (unsigned long long)(started / 1000), (unsigned long long)number);
	return (id);
}

/* What does not fit is left out whole. */
static void
put(struct line *line, const char *name, const char *value)
{
	char buf[ADDRESS_MAX];
	const size_t size =
	    strcmp(name, "mail_from") == 0 ? ADDRESS_MAX : FIELD_MAX;
	char *at = line->text + line->len;
	size_t len;

	if (value == NULL)
		return;
	log_field(buf, size, value);
	len = strlen(name) + strlen(buf) + 2;
	if (len >= sizeof(line->text) - line->len)
		return;
	*at++ = ' ';
	at = stpcpy(at, name);
	*at++ = '=';
	stpcpy(at, buf);
	line->len += len;
}

static void
put_question(struct line *line, const struct msg *question)
{
	static const char *const names[] = {
	    "client_ip", "helo", "mail_from", "message_id"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		put(line, names[i], msg_get(question, names[i]));
}

/* The first signature that passed, or else the first. */
static void
put_dkim(struct line *line, const struct facts *facts)
{
	const struct facts_signature *best = NULL;
	size_t i;

	for (i = 0; i < facts->signatures; i++)
		if (best == NULL ||
		    (best->reported != DKIM_PASS &&
			facts->signature[i].reported == DKIM_PASS))
			best = &facts->signature[i];
	put(line, "dkim",
	    dkim_result_text(best == NULL ? DKIM_NONE : best->reported));
	if (best != NULL)
		put(line, "dkim_domain", best->d);
}

static void
put_facts(struct line *line, const struct facts *facts)
{
	char name[DNAME_TEXT_MAX];

	if (facts->has_author)
		put(line, "from_domain", dname_text(&facts->author, name));
	put_dkim(line, facts);
	if ((facts->have & FACTS_SPF) != 0) {
		put(line, "spf", spf_result_text(facts->spf.result));
		put(line, "spf_problem", facts->spf.problem);
	}
	if ((facts->have & FACTS_DMARC) == 0)
		return;
	put(line, "spf_aligned", tri_text(facts->spf_aligned));
	put(line, "dkim_aligned", tri_text(facts->dkim_aligned));
	put(line, "dmarc", dmarc_result_text(facts->dmarc_reported));
	if (facts->policy.status == DMARC_TEMPERROR)
		put(line, "dmarc_problem", facts->policy.problem);
	if (facts->policy.status == DMARC_FOUND) {
		put(line, "policy", dmarc_policy_text(facts->policy.policy));
		put(line, "policy_domain",
		    dname_text(&facts->policy.policy_domain, name));
	}
}

static void
put_scored(struct line *line, const struct rules_decision *decision)
{
	const struct rules_scored *scored;

	for (scored = decision->scored; scored != NULL; scored = scored->next)
		put(line, "scored", scored->rule);
}

static void
put_shadows(struct line *line, const struct rules_decision *decision)
{
	const struct rules_shadow *shadow;

	for (shadow = decision->shadow; shadow != NULL; shadow = shadow->next)
		put(line, "shadow", shadow->rule);
}

/* "6", or "5-11.1" when not all rules could be told. */
static const char *
score_text(char buf[64], const struct rules_decision *decision)
{
	const int len = snprintf(buf, 64, "%.14g", decision->score_low);

	if (decision->score_low != decision->score_high)
		snprintf(buf + len, 64 - (size_t)len, "-%.14g",
		    decision->score_high);
	return (buf);
}

void
verdict_log(const struct run_options *options, const char *id,
    const struct msg *question, const struct run_outcome *outcome, uint64_t us,
    unsigned runs, int64_t now)
{
	const struct rules_decision *decision = outcome->decision;
	const struct view_scope *scope = outcome->scope;
	char host[FIELD_MAX], rule[FIELD_MAX], score[64];
	const char *asker = msg_get(question, "host");
	struct line line = {.len = 0};

	if (!options->log_verdicts || options->log_level > log_threshold())
		return;
	put_question(&line, question);
	put_facts(&line, outcome->facts);
	put(&line, "doubt", decision->doubt);
	put_scored(&line, decision);
	put_shadows(&line, decision);
	log_event(options->log_level,
	    "verdict id=%s host=%s action=%s decided=%s rule=%s score=%s "
	    "ms=%llu.%03llu runs=%u dnssec=%s stale=%lld failed_for=%lld%s",
	    id, log_field(host, sizeof(host), asker == NULL ? "-" : asker),
	    rules_action_text(decision->action),
	    decision->decided ? "yes" : "no",
	    log_field(rule, sizeof(rule), decision->rule),
	    score_text(score, decision), (unsigned long long)(us / 1000),
	    (unsigned long long)(us % 1000), runs,
	    dnssec_text(view_scope_dnssec(scope)),
	    (long long)((scope->stale + 999) / 1000),
	    (long long)(scope->failed_since == 0
			    ? 0
			    : (now - scope->failed_since) / 1000),
	    line.text);
}
