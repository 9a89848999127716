/* SPDX-License-Identifier: ISC */
/*
 * `verdictctl rules check`: puts the rules into every situation, of any
 * sender, notes what each of them does there, and says what an administrator
 * may not have meant. It knows the rules only by what they do: a condition
 * may be written in any way.
 */
#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "conf.h"
#include "ctl_situation.h"
#include "rules.h"
#include "tri.h"

#define BIT(n) (1U << (n))

/* What a rule was seen to do while DNS works, or while it fails. */
struct sight {
	bool could; /* its condition by itself is not always false */
	bool took;  /* nor is it where the list gets to it */
	const struct note *blocker; /* ended the list where it could */
	bool blockers;		    /* several did */
};

/* `rule` is of any trace: its texts last. */
struct note {
	struct rules_trace rule;
	unsigned values; /* of its condition: bits of enum tri */
	struct sight working, failing;
	bool stricter;	     /* acts on a message with an aligned pass */
	bool stricter_score; /* its score does, with others */
	enum rules_action by_score;
	bool lets_through; /* accepts what fails DMARC under p=reject */
	bool on_failure;   /* rejects for no other reason than failure */
	struct situation failure;
};

/* What the whole list does with what fails DMARC, by policy. */
struct outcome {
	unsigned possible;
	double low, high;
};

struct check {
	const char *path;
	const struct rules *rules;
	size_t count;
	struct note *note;
	bool differs[SITUATION_POLICY_TABLE]; /* from no policy at all */
	bool undecided;			      /* the fallback is ever taken */
	struct situation partial;
	size_t rule; /* being completed */
	unsigned findings;
};

/* ---- looking ---------------------------------------------------------- */

/* Kept while one situation is looked at. */
struct look {
	struct check *check;
	const struct situation *situation;
	struct arena *arena;
	struct situation_facts found;
	const struct rules_trace *trace;
	struct rules_decision decision;
	bool pass; /* aligned, under a policy, and all is known */
};

/* Who cannot be told by results alone is a matter of local policy. */
static bool
is_of_sender(const struct note *note)
{
	return (note->values == BIT(TRI_UNKNOWN));
}

static bool
fires(const struct rules_trace *trace)
{
	return (trace->step == RULES_STEP_EVALUATED &&
		trace->value != TRI_FALSE && !trace->shadow);
}

static void
sight_note(struct sight *sight, bool evaluated, enum tri value,
    const struct note *decider)
{
	if (value == TRI_FALSE)
		return;
	sight->could = true;
	if (evaluated)
		sight->took = true;
	else if (sight->blocker == NULL)
		sight->blocker = decider;
	else if (sight->blocker != decider)
		sight->blockers = true;
}

/* The rule acts here, or may. */
static void
action_look(
    struct look *look, struct note *note, const struct rules_trace *trace)
{
	const struct situation *situation = look->situation;
	const bool certain = trace->value == TRI_TRUE;

	if (look->pass && (trace->action == RULES_REJECT ||
			      trace->action == RULES_QUARANTINE))
		note->stricter = true;
	if (trace->action == RULES_ACCEPT && certain &&
	    situation_forged(situation))
		note->lets_through = true;
	if (trace->action == RULES_REJECT && certain && !note->on_failure &&
	    situation_failing(situation) &&
	    situation->second == SITUATION_DKIM_NONE) {
		note->on_failure = true; /* until completions are looked at */
		note->failure = *situation;
	}
}

/* Words that ask how DNS does. Where it fails they may be true. */
static bool
is_of_failure(const struct rules_trace *trace)
{
	static const char *const words[] = {"temperror", "unknown", "bogus"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(trace->when, words[i]) != NULL)
			return (true);
	return (false);
}

/*
 * While DNS fails most conditions are unknown, also one that can never be
 * true. So that counts only for those that are about failures.
 */
static void
sights_note(struct look *look, struct note *note,
    const struct rules_trace *trace, enum tri value, const struct note *decider)
{
	const bool evaluated = trace->step == RULES_STEP_EVALUATED;

	if (!situation_failing(look->situation))
		sight_note(&note->working, evaluated, value, decider);
	else if (value == TRI_TRUE || is_of_failure(trace))
		sight_note(&note->failing, evaluated, value, decider);
}

static void
rule_look(struct look *look, struct note *note, const struct rules_trace *trace,
    const struct note *decider)
{
	const enum tri value = rules_value(look->check->rules,
	    (size_t)(note - look->check->note), &look->found.facts);

	note->rule = *trace;
	note->values |= BIT(value);
	sights_note(look, note, trace, value, decider);
	if (fires(trace) && trace->acts)
		action_look(look, note, trace);
}

/* Each rule in its order, and who has ended the list by then. */
static void
rules_look(struct look *look)
{
	const struct rules_trace *trace = look->trace;
	struct note *note = look->check->note, *decider = NULL;

	for (; trace != NULL; trace = trace->next, note++) {
		rule_look(look, note, trace, decider);
		if (decider == NULL && fires(trace) && trace->acts &&
		    trace->value == TRI_TRUE)
			decider = note;
	}
}

/* An action that no rule names comes from the scores. */
static void
scores_look(struct look *look)
{
	const struct rules_trace *trace;
	struct note *note = look->check->note;
	unsigned acts = 0, scored;

	for (trace = look->trace; trace != NULL; trace = trace->next)
		if (fires(trace) && trace->acts)
			acts |= BIT(trace->action);
	scored = look->decision.possible & ~acts &
		 (BIT(RULES_REJECT) | BIT(RULES_QUARANTINE));
	if (scored == 0)
		return;
	for (trace = look->trace; trace != NULL; trace = trace->next, note++) {
		if (!fires(trace) || !trace->scores || trace->score <= 0)
			continue;
		note->stricter_score = true;
		note->by_score = (scored & BIT(RULES_REJECT)) != 0
				     ? RULES_REJECT
				     : RULES_QUARANTINE;
	}
}

static bool
situation_passes(const struct situation *situation, const struct facts *facts)
{
	return (!situation_failing(situation) &&
		facts_is(facts->dmarc, DMARC_RESULT_PASS) == TRI_TRUE);
}

static void
situation_look(void *arg, const struct situation *situation)
{
	struct look look = {.check = arg, .situation = situation};
	struct facts *facts = &look.found.facts;

	look.arena = arena_new();
	situation_facts(situation, look.arena, &look.found);
	facts->hypothetical = true;
	look.pass = situation_passes(situation, facts);
	look.trace = rules_explain(look.check->rules, facts, look.arena);
	rules_look(&look);
	if (look.pass) {
		rules_decide(
		    look.check->rules, facts, look.arena, &look.decision);
		scores_look(&look);
	}
	arena_free(look.arena);
}

/* ---- what failures do ------------------------------------------------- */

static enum tri
rule_value(struct check *check, size_t rule, const struct situation *situation)
{
	struct arena *arena = arena_new();
	struct situation_facts found;
	enum tri value;

	situation_facts(situation, arena, &found);
	found.facts.hypothetical = true;
	value = rules_value(check->rules, rule, &found.facts);
	arena_free(arena);
	return (value);
}

/* With full information the rule might be false. */
static void
completion_look(void *arg, const struct situation *situation)
{
	struct check *check = arg;

	if (check->note[check->rule].on_failure ||
	    !situation_completes(&check->partial, situation))
		return;
	if (rule_value(check, check->rule, situation) == TRI_FALSE)
		check->note[check->rule].on_failure = true;
}

/*
 * A rule that is true while DNS fails is at fault only if it need not be true
 * when DNS works: then it asks for the failure itself.
 */
static void
failures_look(struct check *check)
{
	for (check->rule = 0; check->rule < check->count; check->rule++) {
		struct note *note = &check->note[check->rule];

		if (!note->on_failure)
			continue;
		note->on_failure = false;
		check->partial = note->failure;
		situations_each(true, completion_look, check);
	}
}

/* Of a sender on no list, as most are. */
static void
undecided_look(void *arg, const struct situation *situation)
{
	struct check *check = arg;
	struct arena *arena = arena_new();
	struct situation_facts found;
	struct rules_decision decision;

	situation_facts(situation, arena, &found);
	rules_decide(check->rules, &found.facts, arena, &decision);
	check->undecided |= !decision.decided;
	arena_free(arena);
}

/* ---- what policies do ------------------------------------------------- */

static struct outcome
outcome_find(struct check *check, const struct situation *situation,
    enum situation_policy policy, bool hypothetical)
{
	struct situation changed = *situation;
	struct arena *arena = arena_new();
	struct situation_facts found;
	struct rules_decision decision;

	changed.policy = policy;
	situation_facts(&changed, arena, &found);
	found.facts.hypothetical = hypothetical;
	rules_decide(check->rules, &found.facts, arena, &decision);
	arena_free(arena);
	return ((struct outcome){
	    decision.possible, decision.score_low, decision.score_high});
}

/* Or is it the same as if the domain had none? */
static bool
policy_matters(struct check *check, const struct situation *situation,
    enum situation_policy policy, bool hypothetical)
{
	const struct outcome with =
	    outcome_find(check, situation, policy, hypothetical);
	const struct outcome without = outcome_find(
	    check, situation, SITUATION_POLICY_ABSENT, hypothetical);

	return (with.possible != without.possible || with.low < without.low ||
		with.low > without.low || with.high < without.high ||
		with.high > without.high);
}

/*
 * What fails DMARC, by policy: of any sender, and of one on no list, since
 * rules about senders can hide what is done to the rest.
 */
static void
policy_look(void *arg, const struct situation *situation)
{
	static const enum situation_policy asked[] = {
	    SITUATION_POLICY_QUARANTINE, SITUATION_POLICY_REJECT};
	struct check *check = arg;
	size_t i;

	if (!situation_forged(situation))
		return;
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if (policy_matters(check, situation, asked[i], true) ||
		    policy_matters(check, situation, asked[i], false))
			check->differs[asked[i]] = true;
}

/* ---- saying ----------------------------------------------------------- */

static void finding(struct check *check, const struct note *note,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* `note` NULL: of the settings, whose line is not known. */
static void
finding(struct check *check, const struct note *note, const char *fmt, ...)
{
	va_list ap;

	check->findings++;
	if (note != NULL)
		printf("%s:%d: rule \"%s\": ", note->rule.file, note->rule.line,
		    note->rule.rule);
	else
		printf("%s: verdict: ", check->path);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* An action with the same condition has gone before. */
static const struct note *
rule_twin(const struct check *check, const struct note *note)
{
	const struct note *twin = check->note;

	if (!note->rule.acts || note->rule.scores)
		return (NULL);
	for (; twin < note; twin++)
		if (twin->rule.acts && !twin->rule.shadow &&
		    strcmp(twin->rule.when, note->rule.when) == 0)
			return (twin);
	return (NULL);
}

static void
say_unreachable(struct check *check, const struct note *note)
{
	const struct note *twin = rule_twin(check, note);
	const struct sight *sight =
	    note->working.could ? &note->working : &note->failing;

	if (!sight->could)
		finding(check, note,
		    "it is never true, whatever SPF, DKIM and DMARC say");
	else if (!sight->took && !sight->blockers)
		finding(check, note,
		    "it never takes effect: wherever it is true, rule \"%s\" "
		    "(%s:%d) has ended the list before",
		    sight->blocker->rule.rule, sight->blocker->rule.file,
		    sight->blocker->rule.line);
	else if (!sight->took)
		finding(check, note,
		    "it never takes effect: wherever it is true, rules before "
		    "it have ended the list");
	else if (twin != NULL)
		finding(check, note,
		    "it never takes effect: rule \"%s\" (%s:%d) has the same "
		    "condition and ends the list before",
		    twin->rule.rule, twin->rule.file, twin->rule.line);
}

static const char *
done_text(enum rules_action action)
{
	switch (action) {
	case RULES_ACCEPT:
		return ("accepts");
	case RULES_QUARANTINE:
		return ("quarantines");
	case RULES_DEFER:
		return ("defers");
	case RULES_REJECT:
		return ("rejects");
	}
	return ("?");
}

#define STRICTER                                                               \
	"mail although SPF or DKIM has passed aligned; this is stricter than " \
	"RFC 9989 5.3.5"

static void
say_actions(struct check *check, const struct note *note)
{
	if (note->stricter && !is_of_sender(note))
		finding(check, note, "it %s " STRICTER,
		    done_text(note->rule.action));
	if (note->stricter_score && !is_of_sender(note))
		finding(check, note, "its score %s " STRICTER,
		    done_text(note->by_score));
	if (note->lets_through && note->values == BIT(TRI_TRUE))
		finding(check, note,
		    "it lets everything through that gets this far, also what "
		    "fails DMARC under p=reject");
	else if (note->lets_through)
		finding(check, note,
		    "it lets mail through that fails DMARC under p=reject, "
		    "whoever sends it");
	if (note->on_failure)
		finding(check, note,
		    "it rejects because DNS fails (%s), where full "
		    "information might not",
		    situation_dns_text(&note->failure));
}

static void
say_tolerance(struct check *check)
{
	const struct rules_settings *settings = rules_settings_of(check->rules);

	if (!check->undecided)
		return;
	if (settings->undecided == RULES_REJECT)
		finding(check, NULL,
		    "undecided = reject: while DNS fails, mail is rejected "
		    "that full information might let through");
	if (settings->undecided != RULES_DEFER)
		return;
	if (settings->defer_at_most == 0)
		finding(check, NULL,
		    "defer-at-most = 0: while a domain's DNS fails, its mail "
		    "is deferred until the sender gives up");
	else if (settings->after_defer == RULES_REJECT)
		finding(check, NULL,
		    "after-defer = reject: a domain whose DNS fails for long "
		    "has its mail rejected, whatever full information says");
	else if (settings->after_defer == RULES_DEFER)
		finding(check, NULL,
		    "after-defer = defer: while a domain's DNS fails, its "
		    "mail is deferred until the sender gives up");
}

/* A shadow rule that would act on a policy explains why nothing else does. */
static const struct note *
shadow_find(const struct check *check, enum rules_action action)
{
	const struct note *note = check->note;

	for (; note < check->note + check->count; note++)
		if (note->rule.shadow && note->rule.acts &&
		    note->rule.action == action)
			return (note);
	return (NULL);
}

static void
say_policies(struct check *check)
{
	static const struct {
		enum situation_policy policy;
		enum rules_action action;
	} asked[] = {{SITUATION_POLICY_REJECT, RULES_REJECT},
	    {SITUATION_POLICY_QUARANTINE, RULES_QUARANTINE}};
	const struct note *shadow;
	size_t i;

	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		if (check->differs[asked[i].policy])
			continue;
		shadow = shadow_find(check, asked[i].action);
		finding(check, shadow,
		    "p=%s is never acted on: mail that fails DMARC is treated "
		    "as if its domain had no policy%s",
		    situation_policy_text(asked[i].policy),
		    shadow != NULL ? "; this rule is only counted (shadow)"
				   : "");
	}
}

int
ctl_check(const struct conf *conf, const char *path)
{
	struct check check = {.path = path, .rules = conf->run.rules};
	size_t i;

	check.count = rules_count(check.rules);
	check.note = calloc(check.count + 1, sizeof(*check.note));
	if (check.note == NULL) {
		ctl_complain("out of memory");
		return (CTL_TEMPORARY);
	}
	situations_each(true, situation_look, &check);
	failures_look(&check);
	situations_each(false, undecided_look, &check);
	situations_each(false, policy_look, &check);
	for (i = 0; i < check.count; i++) {
		say_unreachable(&check, &check.note[i]);
		say_actions(&check, &check.note[i]);
	}
	say_tolerance(&check);
	say_policies(&check);
	printf("%zu rules, %u findings\n", check.count, check.findings);
	free(check.note);
	return (check.findings == 0 ? CTL_OK : CTL_FINDINGS);
}
