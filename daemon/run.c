/* SPDX-License-Identifier: ISC */
/*
 * How a question becomes an answer: run_question(), the last function here,
 * has the table of the verbs.
 *
 * Each verb reads its fields (run_read.c), asks the evaluators (dkimkey, spf,
 * dmarc, or rules, which ask spf and dmarc through facts), and writes what they
 * found (run_reply.c, run_explain.c). None of them looks whether a record was
 * missing: the caller does, once, and throws the reply away if so.
 */
#include "config.h"
#include "run.h"

#include <string.h>

#include "arena.h"
#include "dmarc_compare.h"
#include "idn.h"
#include "rdata_text.h"
#include "run_private.h"
#include "spf_memo.h"

/* One message's keys: more signatures than this are not mail. */
#define RUN_KEYS_MAX 64

void
run_error(struct msg_out *reply, const char *reason)
{
	msg_begin(reply, reply->buf, reply->size, "error");
	msg_put(reply, "reason", reason);
}

/* What the question is about; no name at all is fine. */
static void
outcome_domain(struct run *run, const char *domain)
{
	run->outcome->has_domain =
	    idn_to_dname(&run->outcome->domain, domain) == 0;
}

/*
 * ping
 */

static void
run_ping(struct run *run)
{
	msg_put(run->reply, "version", VERSION);
	run_put_int(run, "uptime",
	    (view_asof(run->view) - run->options->started) / 1000);
}

/*
 * dkim-key
 */

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
		run_refuse(run, "key", keys == 0 ? "missing" : "too many");
		return;
	}
	share = (run->reply->size - run->reply->len) / keys - strlen("key=\n");
	while ((value = msg_next(run->question, &cursor, &name)) != NULL) {
		if (strcmp(name, "key") != 0)
			continue;
		if ((space = strchr(value, ' ')) == NULL) {
			run_refuse(run, "key", "not \"SELECTOR DOMAIN\"");
			return;
		}
		dkimkey_find(run->view,
		    arena_strndup(run->arena, value, (size_t)(space - value)),
		    space + 1, &key);
		run_put_key(run, value, &key, share);
		outcome_domain(run, space + 1);
	}
}

/*
 * spf
 */

static void
run_spf(struct run *run)
{
	struct spf_question question;
	struct spf_answer answer;

	if (run_field_required(run, "client_ip") == NULL ||
	    run_read_spf(run, &question) == -1)
		return;
	spf_recall(run->view, &question, &answer);
	outcome_domain(run, answer.domain);
	run_put_spf(run, &question, &answer);
}

/*
 * dmarc
 */

static void
run_dmarc(struct run *run)
{
	const char *from = run_field_required(run, "from_domain");
	struct dname author;
	struct dmarc dmarc;

	if (from == NULL)
		return;
	if (idn_to_dname(&author, from) == -1) {
		run_refuse(run, "from_domain", "no domain name");
		return;
	}
	run->outcome->has_domain = true;
	run->outcome->domain = author;
	dmarc_find(run->view, &author, &run->options->dmarc, &dmarc);
	run_put_dmarc(run, &dmarc);
	if (run->options->compare)
		dmarc_compare(run->view, &run->options->dmarc, &author);
}

/*
 * check and explain
 */

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

	if (run_read_facts(run, &given) == -1)
		return (-1);
	count = run_read_authors(run, authors, &more);
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
	run_put_decision(run, verdict);
	run_put_facts(run, verdict);
	run_put_scope(run, scope);
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

static void
run_explain(struct run *run)
{
	struct verdict *verdict;

	view_forget(run->view);
	if ((verdict = run_verdict(run)) != NULL)
		run_put_explanation(run, verdict);
	/* Somebody wants to know why: no message was judged. */
	run->outcome->decision = NULL;
}

/*
 * record: what the daemon holds for one name, for operators and tests
 */

static int
type_read(struct run *run, uint16_t *type)
{
	static const uint16_t types[] = {
	    RR_A, RR_NS, RR_CNAME, RR_SOA, RR_PTR, RR_MX, RR_TXT, RR_AAAA};
	const char *text = run_field(run, "type");
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(rr_type_text(types[i]), text) == 0) {
			*type = types[i];
			return (0);
		}
	run_refuse(run, "type", "not one of A NS CNAME SOA PTR MX TXT AAAA");
	return (-1);
}

static void
run_record(struct run *run)
{
	const char *text = run_field_required(run, "name");
	const struct rrset *set;
	struct rdata record = {0};
	struct view_scope scope;
	struct dname name;
	uint16_t type;

	if (text == NULL || type_read(run, &type) == -1)
		return;
	if (dname_from_text(&name, text) == -1) {
		run_refuse(run, "name", "no domain name");
		return;
	}
	view_enter(run->view, &scope);
	set = view_get(run->view, &name, type);
	view_leave(run->view);
	if (set == NULL)
		return;
	msg_put(run->reply, "state", rr_state_text(set->state));
	msg_put(run->reply, "failure", rr_failure_text(set->failure));
	run_put_scope(run, &scope);
	run_put_int(run, "count", set->count);
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
