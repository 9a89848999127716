/* SPDX-License-Identifier: ISC */
/* What was found, as fields of the reply. */
#include <string.h>

#include "arena.h"
#include "authres.h"
#include "run_private.h"

void
run_put_int(struct run *run, const char *name, int64_t value)
{
	msg_putf(run->reply, name, "%lld", (long long)value);
}

static int64_t
seconds_left(const struct run *run, int64_t expires)
{
	const int64_t left = expires - view_asof(run->view);

	return (left <= 0 || expires == INT64_MAX ? 0 : left / 1000);
}

/* What the answer rests on: the fields that all replies share. */
void
run_put_scope(struct run *run, const struct view_scope *scope)
{
	run_put_int(run, "ttl", seconds_left(run, scope->expires));
	msg_put(run->reply, "dnssec", dnssec_text(view_scope_dnssec(scope)));
	run_put_int(run, "stale", run_seconds_up(scope->stale));
	if (scope->failed_since != 0)
		run_put_int(run, "failed_for",
		    run_seconds_up(view_asof(run->view) - scope->failed_since));
}

/* A tag's value as one word: t= may hold white space. */
static const char *
word(struct run *run, const char *text)
{
	char *copy = arena_strdup(run->arena, text), *out = copy;

	for (; *text != '\0'; text++)
		if (*text > ' ' && *text <= '~')
			*out++ = *text;
	*out = '\0';
	return (copy);
}

/*
 * A record longer than its line's share of the reply is not given, and a key
 * in it cannot be used: else the records of one sender's many signatures could
 * keep the whole reply from being sent.
 */
void
run_put_key(
    struct run *run, const char *asked, const struct dkimkey *key, size_t share)
{
	enum dkimkey_status status = key->status;
	const char *record = key->record, *line;

	for (;;) {
		line = arena_printf(run->arena,
		    "%s status=%s dnssec=%s ttl=%lld stale=%lld bits=%u "
		    "alg=%s flags=%s record=%s",
		    asked, dkimkey_status_text(status),
		    dnssec_text(view_scope_dnssec(&key->read)),
		    (long long)seconds_left(run, key->read.expires),
		    (long long)run_seconds_up(key->read.stale), key->bits,
		    dkimkey_alg_text(key->alg),
		    *record != '\0' ? word(run, key->flags) : "", record);
		if (strlen(line) <= share || *record == '\0')
			break;
		record = "";
		if (status == DKIMKEY_OK)
			status = DKIMKEY_INVALID;
	}
	msg_put(run->reply, "key", line);
}

void
run_put_spf(struct run *run, const struct spf_question *question,
    const struct spf_answer *answer)
{
	msg_put(run->reply, "result", spf_result_text(answer->result));
	msg_put(run->reply, "domain", answer->domain);
	msg_put(run->reply, "identity",
	    answer->identity == SPF_HELO ? "helo" : "mailfrom");
	msg_put(run->reply, "mechanism", answer->mechanism);
	if (answer->problem != NULL)
		msg_put(run->reply, "problem", answer->problem);
	if (answer->explanation != NULL)
		msg_put(run->reply, "explanation", answer->explanation);
	msg_put(run->reply, "received_spf",
	    spf_received(run->view, question, answer));
	run_put_scope(run, &answer->read);
}

static void
put_dmarc_record(struct run *run, const struct dmarc *dmarc)
{
	static const char psd[][2] = {
	    [DMARC_PSD_U] = "u", [DMARC_PSD_N] = "n", [DMARC_PSD_Y] = "y"};

	msg_put(run->reply, "published", dmarc_policy_text(dmarc->published));
	msg_put(run->reply, "adkim", dmarc->adkim == DMARC_STRICT ? "s" : "r");
	msg_put(run->reply, "aspf", dmarc->aspf == DMARC_STRICT ? "s" : "r");
	msg_put(run->reply, "t", dmarc->t ? "y" : "n");
	msg_put(run->reply, "psd", psd[dmarc->psd]);
	run_put_int(run, "pct", dmarc->pct);
	msg_put(run->reply, "rua", dmarc->rua);
	msg_put(run->reply, "ruf", dmarc->ruf);
	msg_put(run->reply, "fo", dmarc->fo);
	msg_put(run->reply, "record", dmarc->record);
}

static void
put_policy(struct run *run, const struct dmarc *dmarc)
{
	char text[DNAME_TEXT_MAX];

	if (dmarc->status == DMARC_FOUND) {
		msg_put(run->reply, "policy", dmarc_policy_text(dmarc->policy));
		msg_put(run->reply, "policy_domain",
		    dname_text(&dmarc->policy_domain, text));
	}
	if (dmarc->status == DMARC_FOUND && dmarc->org_known == TRI_TRUE)
		msg_put(run->reply, "org_domain",
		    dname_text(&dmarc->org_domain, text));
}

void
run_put_dmarc(struct run *run, const struct dmarc *dmarc)
{
	msg_put(run->reply, "status", dmarc_status_text(dmarc->status));
	put_policy(run, dmarc);
	if (dmarc->status == DMARC_FOUND)
		put_dmarc_record(run, dmarc);
	if (dmarc->problem != NULL)
		msg_put(run->reply, "problem", dmarc->problem);
	run_put_scope(run, &dmarc->read);
}

void
run_put_decision(struct run *run, struct verdict *verdict)
{
	const struct rules_decision *decision = &verdict->decision;
	const struct rules_shadow *shadow;
	const char *text;

	msg_put(run->reply, "action", rules_action_text(decision->action));
	msg_put(run->reply, "decided", decision->decided ? "yes" : "no");
	msg_put(run->reply, "rule", decision->rule);
	if (decision->doubt != NULL)
		msg_put(run->reply, "doubt", decision->doubt);
	if (decision->score_low == decision->score_high)
		msg_putf(run->reply, "score", "%.14g", decision->score_low);
	else
		msg_putf(run->reply, "score", "%.14g-%.14g",
		    decision->score_low, decision->score_high);
	text = rules_reply(decision, &verdict->facts, run->arena);
	if (text != NULL)
		msg_put(run->reply, "reply", text);
	if (decision->override != NULL)
		msg_put(run->reply, "override", decision->override);
	for (shadow = decision->shadow; shadow != NULL; shadow = shadow->next)
		msg_put(run->reply, "shadow", shadow->rule);
}

void
run_put_facts(struct run *run, const struct verdict *verdict)
{
	const struct facts *facts = &verdict->facts;

	if ((facts->have & FACTS_SPF) != 0) {
		msg_put(run->reply, "spf", spf_result_text(facts->spf.result));
		msg_put(run->reply, "spf_domain", facts->spf.domain);
		if (facts->client_ip.octets != 0)
			msg_put(run->reply, "received_spf",
			    spf_received(
				run->view, &facts->question, &facts->spf));
	}
	if ((facts->have & FACTS_DMARC) != 0) {
		msg_put(
		    run->reply, "spf_aligned", tri_text(facts->spf_aligned));
		msg_put(
		    run->reply, "dkim_aligned", tri_text(facts->dkim_aligned));
		msg_put(run->reply, "dmarc",
		    dmarc_result_text(facts->dmarc_reported));
		put_policy(run, &facts->policy);
	}
	msg_put(run->reply, "authentication_results",
	    authres_text(run->arena, facts, &verdict->decision));
}
