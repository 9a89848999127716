/* SPDX-License-Identifier: ISC */
/*
 * How a question becomes an answer.
 *
 * Each verb reads its fields, asks the evaluators (dkimkey, spf, dmarc, or
 * rules, which ask spf and dmarc through facts), and writes what they found.
 * None of them looks whether a record was missing: the caller does, once, and
 * throws the reply away if so.
 */
#include "config.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "authres.h"
#include "dkimkey.h"
#include "dmarc_compare.h"
#include "dname.h"
#include "facts.h"
#include "idn.h"
#include "ipaddr.h"
#include "rdata_text.h"
#include "rules.h"
#include "spf.h"
#include "spf_memo.h"
#include "stats.h"

/* One message's keys: more signatures than this are not mail. */
#define RUN_KEYS_MAX 64
/* Signatures of one message that are judged; each may cost a tree walk. */
#define RUN_SIGNATURES_MAX 64
/*
 * Author domains of one message. RFC 5322 allows several, honest mail has one;
 * each costs a tree walk.
 */
#define RUN_AUTHORS_MAX 8

struct run {
	const struct run_options *options;
	const struct msg *question;
	struct view *view;
	struct arena *arena;
	struct msg_out *reply;
	struct run_outcome *outcome;
};

void
run_error(struct msg_out *reply, const char *reason)
{
	msg_begin(reply, reply->buf, reply->size, "error");
	msg_put(reply, "reason", reason);
}

/* The field's value, "" if it is not there. */
static const char *
field(const struct run *run, const char *name)
{
	const char *value = msg_get(run->question, name);

	return (value == NULL ? "" : value);
}

static void
put_error(struct run *run, const char *name, const char *problem)
{
	run_error(
	    run->reply, arena_printf(run->arena, "%s: %s", name, problem));
}

/* NULL, and the reply is an error, when the field is missing or empty. */
static const char *
field_required(struct run *run, const char *name)
{
	const char *value = field(run, name);

	if (*value != '\0')
		return (value);
	put_error(run, name, "missing");
	return (NULL);
}

/* What the question is about; no name at all is fine. */
static void
outcome_domain(struct run *run, const char *domain)
{
	run->outcome->has_domain =
	    idn_to_dname(&run->outcome->domain, domain) == 0;
}

static void
put_int(struct run *run, const char *name, int64_t value)
{
	msg_putf(run->reply, name, "%lld", (long long)value);
}

static int64_t
seconds_left(const struct run *run, int64_t expires)
{
	const int64_t left = expires - view_asof(run->view);

	return (left <= 0 || expires == INT64_MAX ? 0 : left / 1000);
}

/* Rounded up: a record that is stale at all is stale for a second. */
static int64_t
seconds_up(int64_t ms)
{
	return ((ms + 999) / 1000);
}

/* What the answer rests on: the fields that all replies share. */
static void
put_scope(struct run *run, const struct view_scope *scope)
{
	put_int(run, "ttl", seconds_left(run, scope->expires));
	msg_put(run->reply, "dnssec", dnssec_text(view_scope_dnssec(scope)));
	put_int(run, "stale", seconds_up(scope->stale));
	if (scope->failed_since != 0)
		put_int(run, "failed_for",
		    seconds_up(view_asof(run->view) - scope->failed_since));
}

/*
 * ping
 */

static void
run_ping(struct run *run)
{
	msg_put(run->reply, "version", VERSION);
	put_int(run, "uptime",
	    (view_asof(run->view) - run->options->started) / 1000);
}

/*
 * dkim-key
 */

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
static void
put_key(
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
		    (long long)seconds_up(key->read.stale), key->bits,
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

/* How many keys are asked for? */
static unsigned
keys_count(const struct run *run)
{
	const char *cursor = NULL, *name;
	unsigned keys = 0;

	while (msg_next(run->question, &cursor, &name) != NULL)
		keys += strcmp(name, "key") == 0;
	return (keys);
}

static void
run_dkim_key(struct run *run)
{
	const unsigned keys = keys_count(run);
	const char *cursor = NULL, *name, *value, *space;
	struct dkimkey key;
	size_t share;

	if (keys == 0 || keys > RUN_KEYS_MAX) {
		put_error(run, "key", keys == 0 ? "missing" : "too many");
		return;
	}
	share = (run->reply->size - run->reply->len) / keys - strlen("key=\n");
	while ((value = msg_next(run->question, &cursor, &name)) != NULL) {
		if (strcmp(name, "key") != 0)
			continue;
		if ((space = strchr(value, ' ')) == NULL) {
			put_error(run, "key", "not \"SELECTOR DOMAIN\"");
			return;
		}
		dkimkey_find(run->view,
		    arena_strndup(run->arena, value, (size_t)(space - value)),
		    space + 1, &key);
		put_key(run, value, &key, share);
		outcome_domain(run, space + 1);
	}
}

/*
 * spf
 */

/*
 * Returns 0, or -1 and the reply is an error. Without the field there is no
 * client, as for a message that was taken out of a mailbox: SPF is none.
 */
static int
client_ip_read(struct run *run, struct ipaddr *ip)
{
	const char *text = field(run, "client_ip");

	if (*text == '\0' || ipaddr_from_text(ip, text) == 0)
		return (0);
	put_error(run, "client_ip", "no IP address");
	return (-1);
}

/* A reverse-path may come with its angle brackets. */
static const char *
mail_from_read(struct run *run)
{
	const char *path = field(run, "mail_from");
	const size_t len = strlen(path);

	if (len >= 2 && path[0] == '<' && path[len - 1] == '>')
		return (arena_strndup(run->arena, path + 1, len - 2));
	return (path);
}

static int
identity_read(struct run *run, enum spf_identity *identity)
{
	const char *text = field(run, "identity");

	*identity = strcmp(text, "helo") == 0 ? SPF_HELO : SPF_MAILFROM;
	if (*text == '\0' || *identity == SPF_HELO ||
	    strcmp(text, "mailfrom") == 0)
		return (0);
	put_error(run, "identity", "neither mailfrom nor helo");
	return (-1);
}

static int
spf_question_read(struct run *run, struct spf_question *question)
{
	memset(question, 0, sizeof(*question));
	if (client_ip_read(run, &question->client_ip) == -1 ||
	    identity_read(run, &question->identity) == -1)
		return (-1);
	question->helo = field(run, "helo");
	question->mail_from = mail_from_read(run);
	question->receiver = run->options->receiver;
	question->prefetch = run->options->spf_prefetch;
	return (0);
}

static void
run_spf(struct run *run)
{
	struct spf_question question;
	struct spf_answer answer;

	if (field_required(run, "client_ip") == NULL ||
	    spf_question_read(run, &question) == -1)
		return;
	spf_recall(run->view, &question, &answer);
	msg_put(run->reply, "result", spf_result_text(answer.result));
	msg_put(run->reply, "domain", answer.domain);
	outcome_domain(run, answer.domain);
	msg_put(run->reply, "identity",
	    answer.identity == SPF_HELO ? "helo" : "mailfrom");
	msg_put(run->reply, "mechanism", answer.mechanism);
	if (answer.problem != NULL)
		msg_put(run->reply, "problem", answer.problem);
	if (answer.explanation != NULL)
		msg_put(run->reply, "explanation", answer.explanation);
	msg_put(run->reply, "received_spf",
	    spf_received(run->view, &question, &answer));
	put_scope(run, &answer.read);
}

/*
 * dmarc
 */

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
	put_int(run, "pct", dmarc->pct);
	msg_put(run->reply, "rua", dmarc->rua);
	msg_put(run->reply, "ruf", dmarc->ruf);
	msg_put(run->reply, "fo", dmarc->fo);
	msg_put(run->reply, "record", dmarc->record);
}

static void
put_dmarc_policy(struct run *run, const struct dmarc *dmarc)
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

static void
run_dmarc(struct run *run)
{
	const char *from = field_required(run, "from_domain");
	struct dname author;
	struct dmarc dmarc;

	if (from == NULL)
		return;
	if (idn_to_dname(&author, from) == -1) {
		put_error(run, "from_domain", "no domain name");
		return;
	}
	run->outcome->has_domain = true;
	run->outcome->domain = author;
	dmarc_find(run->view, &author, &run->options->dmarc, &dmarc);
	msg_put(run->reply, "status", dmarc_status_text(dmarc.status));
	put_dmarc_policy(run, &dmarc);
	if (dmarc.status == DMARC_FOUND)
		put_dmarc_record(run, &dmarc);
	if (dmarc.problem != NULL)
		msg_put(run->reply, "problem", dmarc.problem);
	put_scope(run, &dmarc.read);
	if (run->options->compare)
		dmarc_compare(run->view, &run->options->dmarc, &author);
}

/*
 * check and explain
 */

/* The value of "name=" in "pass d=example.org s=k1"; "" if absent. Arena. */
static const char *
subfield(struct run *run, const char *line, const char *name)
{
	const size_t len = strlen(name);
	const char *p = line;

	while ((p = strchr(p, ' ')) != NULL) {
		p += strspn(p, " ");
		if (strncmp(p, name, len) == 0 && p[len] == '=') {
			p += len + 1;
			return (arena_strndup(run->arena, p, strcspn(p, " ")));
		}
	}
	return ("");
}

static int
signature_read(struct run *run, const char *line, struct facts_signature *sig)
{
	const char *result =
	    arena_strndup(run->arena, line, strcspn(line, " "));
	unsigned value;

	if (dkim_result_from_text(result, &sig->reported) == -1) {
		put_error(run, "dkim", "unknown result");
		return (-1);
	}
	sig->result = FACTS_ONE(sig->reported);
	if (sig->reported == DKIM_TEMPERROR)
		for (sig->result = 0, value = 0; value <= DKIM_PERMERROR;
		     value++)
			if (value != DKIM_TEMPERROR)
				sig->result |= FACTS_ONE(value);
	sig->d = subfield(run, line, "d");
	sig->s = subfield(run, line, "s");
	sig->a = subfield(run, line, "a");
	sig->b = subfield(run, line, "b");
	sig->has_domain = idn_to_dname(&sig->domain, sig->d) == 0;
	sig->aligned = TRI_UNKNOWN;
	return (0);
}

static int
signatures_read(struct run *run, struct facts *facts)
{
	const char *cursor = NULL, *name, *value;

	facts->signature = arena_alloc(
	    run->arena, RUN_SIGNATURES_MAX * sizeof(*facts->signature));
	while ((value = msg_next(run->question, &cursor, &name)) != NULL) {
		if (strcmp(name, "dkim") != 0)
			continue;
		if (facts->signatures == RUN_SIGNATURES_MAX) {
			put_error(run, "dkim", "too many");
			return (-1);
		}
		if (signature_read(
			run, value, &facts->signature[facts->signatures]) == -1)
			return (-1);
		facts->signatures++;
	}
	return (0);
}

/*
 * The different author domains, and whether there are more. What cannot be a
 * name is passed over: it has no policy, and a From field made to be unreadable
 * must not keep the others from being judged.
 */
static unsigned
authors_read(struct run *run, struct dname authors[RUN_AUTHORS_MAX], bool *more)
{
	const char *cursor = NULL, *name, *value;
	struct dname author;
	unsigned count = 0, i;

	*more = false;
	while ((value = msg_next(run->question, &cursor, &name)) != NULL) {
		if (strcmp(name, "from_domain") != 0 ||
		    idn_to_dname(&author, value) == -1)
			continue;
		for (i = 0; i < count; i++)
			if (dname_equal(&authors[i], &author))
				break;
		if (i == RUN_AUTHORS_MAX)
			*more = true;
		else if (i == count)
			authors[count++] = author;
	}
	return (count);
}

static int
facts_read(struct run *run, struct facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->view = run->view;
	facts->options = &run->options->dmarc;
	facts->helo = field(run, "helo");
	facts->mail_from = mail_from_read(run);
	facts->host = field(run, "host");
	facts->message_id = field(run, "message_id");
	if (spf_question_read(run, &facts->question) == -1)
		return (-1);
	facts->client_ip = facts->question.client_ip;
	return (signatures_read(run, facts));
}

struct verdict {
	struct facts facts;
	struct rules_decision decision;
};

static void
verdict_find(struct run *run, struct verdict *verdict)
{
	rules_decide(run->options->rules, &verdict->facts, run->arena,
	    &verdict->decision);
	/*
	 * A rule that needed no DNS has spared it. Any other verdict reports
	 * SPF and DMARC whole, though the rules may have needed only one.
	 */
	if (verdict->facts.have != 0)
		facts_need(&verdict->facts, FACTS_SPF | FACTS_DMARC);
}

static void
verdict_of(struct run *run, const struct facts *given,
    const struct dname *author, struct verdict *verdict)
{
	verdict->facts = *given;
	/* What is found out about the signatures depends on the author. */
	verdict->facts.signature = arena_memdup(run->arena, given->signature,
	    given->signatures * sizeof(*given->signature));
	verdict->facts.has_author = author != NULL;
	if (author != NULL)
		verdict->facts.author = *author;
	verdict_find(run, verdict);
}

/* Judging only some of the authors is no judgement: nobody is let through. */
static void
verdict_doubt(struct verdict *verdict)
{
	if (verdict->decision.action >= RULES_DEFER)
		return;
	verdict->decision.action = RULES_DEFER;
	verdict->decision.decided = false;
	verdict->decision.rule = "too-many-authors";
	verdict->decision.template =
	    "4.7.1 This message has too many author domains to be judged";
	verdict->decision.override = NULL;
}

/*
 * RFC 9989 5.3.1 lets a receiver go on with several author domains: each is
 * judged, and the strictest verdict is the message's, so that nobody escapes
 * a policy by naming a second author.
 */
static int
verdict_strictest(struct run *run, struct verdict *strictest)
{
	struct dname authors[RUN_AUTHORS_MAX];
	struct verdict next;
	struct facts given;
	unsigned count, i;
	bool more;

	if (facts_read(run, &given) == -1)
		return (-1);
	count = authors_read(run, authors, &more);
	verdict_of(run, &given, count > 0 ? &authors[0] : NULL, strictest);
	for (i = 1; i < count; i++) {
		verdict_of(run, &given, &authors[i], &next);
		if (next.decision.action > strictest->decision.action)
			*strictest = next;
	}
	if (more)
		verdict_doubt(strictest);
	return (0);
}

static void
put_decision(struct run *run, struct verdict *verdict)
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

static void
put_facts(struct run *run, const struct verdict *verdict)
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
		put_dmarc_policy(run, &facts->policy);
	}
	msg_put(run->reply, "authentication_results",
	    authres_text(run->arena, facts, &verdict->decision));
}

static void
outcome_verdict(struct run *run, const struct verdict *verdict,
    const struct view_scope *scope)
{
	struct run_outcome *outcome = run->outcome;

	outcome->decision = &verdict->decision;
	outcome->facts = &verdict->facts;
	outcome->scope = scope;
	outcome->has_domain = verdict->facts.has_author;
	outcome->domain = verdict->facts.author;
}

/* Arena; NULL, and the reply is an error, when the question is not right. */
static struct verdict *
run_verdict(struct run *run)
{
	struct verdict *verdict = arena_alloc(run->arena, sizeof(*verdict));
	struct view_scope *scope = arena_alloc(run->arena, sizeof(*scope));
	int ret;

	view_enter(run->view, scope);
	ret = verdict_strictest(run, verdict);
	view_leave(run->view);
	if (ret == -1)
		return (NULL);
	put_decision(run, verdict);
	put_facts(run, verdict);
	put_scope(run, scope);
	outcome_verdict(run, verdict, scope);
	return (verdict);
}

static void
run_check(struct run *run)
{
	const struct verdict *verdict = run_verdict(run);
	const struct facts *facts;

	if (verdict == NULL)
		return;
	facts = &verdict->facts;
	/* Behind the verdict and outside of its scope: it cannot change it. */
	if (run->options->compare && facts->has_author &&
	    (facts->have & FACTS_DMARC) != 0)
		dmarc_compare(run->view, &run->options->dmarc, &facts->author);
}

/* Of the request, or of what came while it waited, if that is later. */
static int64_t
time_seen(const struct run *run, int64_t came)
{
	const int64_t asof = view_asof(run->view);

	return (came > asof ? came : asof);
}

static const char *
record_life(struct run *run, const struct rrset *set)
{
	const int64_t at = time_seen(run, set->fetched);
	const int64_t left = set->expires - at;

	return (
	    arena_printf(run->arena, " age=%lld ttl=%u left=%lld stale=%lld",
		(long long)((at - set->fetched) / 1000), set->ttl,
		(long long)(left > 0 ? left / 1000 : 0),
		(long long)(left < 0 ? seconds_up(-left) : 0)));
}

static const char *
record_failure(struct run *run, const struct rrset *set)
{
	const int64_t at = time_seen(run, set->failed_at);
	const int64_t left = set->retry_at - at;

	return (arena_printf(run->arena,
	    " failure=%s failed_for=%lld retry_in=%lld",
	    rr_failure_text(set->failure),
	    (long long)((at - set->failed_since) / 1000),
	    (long long)(left > 0 ? left / 1000 : 0)));
}

static void
put_record_line(struct run *run, const struct view_read *read)
{
	const struct rrset *set = read->set;
	char name[DNAME_TEXT_MAX];

	msg_put(run->reply, "record",
	    arena_printf(run->arena, "%s %s state=%s dnssec=%s%s%s",
		dname_text(&read->name, name), rr_type_text(read->type),
		rr_state_text(set->state), dnssec_text(set->dnssec),
		set->state != RR_FAILED ? record_life(run, set) : "",
		set->failure != RR_FAILURE_NONE ? record_failure(run, set)
						: ""));
}

static void
put_signature_facts(struct run *run, const struct facts *facts)
{
	size_t i;

	for (i = 0; i < facts->signatures; i++) {
		const struct facts_signature *sig = &facts->signature[i];

		msg_put(run->reply, "fact",
		    arena_printf(run->arena, "dkim %s d=%s s=%s aligned=%s",
			dkim_result_text(sig->reported), sig->d, sig->s,
			tri_text(sig->aligned)));
	}
}

static void
put_explanation(struct run *run, struct verdict *verdict)
{
	const struct facts *facts = &verdict->facts;
	const struct view_read *read;
	const struct rules_trace *trace;

	put_signature_facts(run, facts);
	if ((facts->have & FACTS_SPF) != 0)
		msg_put(run->reply, "fact",
		    arena_printf(run->arena, "spf %s by %s%s%s",
			spf_result_text(facts->spf.result),
			facts->spf.mechanism,
			facts->spf.problem == NULL ? "" : ": ",
			facts->spf.problem == NULL ? "" : facts->spf.problem));
	if ((facts->have & FACTS_DMARC) != 0)
		msg_put(run->reply, "fact",
		    arena_printf(run->arena, "dmarc %s%s%s record=%s",
			dmarc_status_text(facts->policy.status),
			facts->policy.problem == NULL ? "" : ": ",
			facts->policy.problem == NULL ? ""
						      : facts->policy.problem,
			facts->policy.record == NULL ? ""
						     : facts->policy.record));
	for (read = view_read_list(run->view); read != NULL; read = read->next)
		put_record_line(run, read);
	trace = rules_explain(run->options->rules, &verdict->facts, run->arena);
	for (; trace != NULL; trace = trace->next)
		msg_put(run->reply, "rule_trace",
		    arena_printf(run->arena, "%s: %s%s", trace->rule,
			trace->step == RULES_STEP_SETTLED
			    ? "not reached"
			    : tri_text(trace->value),
			trace->step == RULES_STEP_SETTLED
			    ? ""
			    : arena_printf(run->arena, ": %s", trace->detail)));
}

static void
run_explain(struct run *run)
{
	struct verdict *verdict;

	view_forget(run->view);
	if ((verdict = run_verdict(run)) != NULL)
		put_explanation(run, verdict);
}

/*
 * record: what the daemon holds for one name, for operators and tests
 */

static int
type_read(struct run *run, uint16_t *type)
{
	static const uint16_t types[] = {
	    RR_A, RR_NS, RR_CNAME, RR_SOA, RR_PTR, RR_MX, RR_TXT, RR_AAAA};
	const char *text = field(run, "type");
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(rr_type_text(types[i]), text) == 0) {
			*type = types[i];
			return (0);
		}
	put_error(run, "type", "not one of A NS CNAME SOA PTR MX TXT AAAA");
	return (-1);
}

static void
run_record(struct run *run)
{
	const char *text = field_required(run, "name");
	const struct rrset *set;
	struct rdata record = {0};
	struct view_scope scope;
	struct dname name;
	uint16_t type;

	if (text == NULL || type_read(run, &type) == -1)
		return;
	if (dname_from_text(&name, text) == -1) {
		put_error(run, "name", "no domain name");
		return;
	}
	view_enter(run->view, &scope);
	set = view_get(run->view, &name, type);
	view_leave(run->view);
	if (set == NULL)
		return;
	msg_put(run->reply, "state", rr_state_text(set->state));
	msg_put(run->reply, "failure", rr_failure_text(set->failure));
	put_scope(run, &scope);
	put_int(run, "count", set->count);
	while (rrset_next(set, &record))
		msg_put(
		    run->reply, "data", rdata_text(run->arena, type, &record));
}

static const struct verb {
	const char *name;
	void (*answer)(struct run *);
	bool control; /* only on the control endpoint */
} verbs[] = {
    {"check", run_check, false},
    {"dkim-key", run_dkim_key, false},
    {"dmarc", run_dmarc, false},
    {"explain", run_explain, false},
    {"ping", run_ping, false},
    {"record", run_record, true},
    {"spf", run_spf, false},
};

void
run_question(const struct run_options *options, const struct msg *question,
    bool control, struct view *view, struct msg_out *reply,
    struct run_outcome *outcome)
{
	struct run run = {
	    options, question, view, view_arena(view), reply, outcome};
	size_t i;

	memset(outcome, 0, sizeof(*outcome));
	msg_begin(reply, reply->buf, reply->size, "ok");
	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(verbs[i].name, question->word) == 0 &&
		    (control || !verbs[i].control))
			break;
	if (i == sizeof(verbs) / sizeof(*verbs)) {
		run_error(reply, "unknown verb");
		return;
	}
	verbs[i].answer(&run);
	if (!reply->overflow)
		return;
	run_error(reply, "the answer does not fit into a message");
	outcome->decision = NULL;
}
