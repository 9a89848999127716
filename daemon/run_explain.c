/* SPDX-License-Identifier: ISC */
/* Why the verdict is what it is: records, facts and rules, for people. */
#include "arena.h"
#include "run_private.h"

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
		(long long)(left < 0 ? run_seconds_up(-left) : 0)));
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

/* ": reject", ": score 6": what a rule that may be true does. */
static const char *
rule_effect(const struct run *run, const struct rules_trace *trace)
{
	if (trace->value == TRI_FALSE)
		return ("");
	return (arena_printf(run->arena, ": %s%s%s%s",
	    trace->shadow ? "under trial, " : "",
	    trace->acts ? rules_action_text(trace->action) : "",
	    trace->acts && trace->scores ? ", " : "",
	    trace->scores
		? arena_printf(run->arena, "score %.14g", trace->score)
		: ""));
}

static void
put_rule_line(struct run *run, const struct rules_trace *trace)
{
	if (trace->step == RULES_STEP_SETTLED)
		msg_put(run->reply, "rule_trace",
		    arena_printf(run->arena, "%s: not reached", trace->rule));
	else
		msg_put(run->reply, "rule_trace",
		    arena_printf(run->arena, "%s: %s: %s%s", trace->rule,
			tri_text(trace->value), trace->detail,
			rule_effect(run, trace)));
}

void
run_put_explanation(struct run *run, struct verdict *verdict)
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
		put_rule_line(run, trace);
}
