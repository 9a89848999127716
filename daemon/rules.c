/* SPDX-License-Identifier: ISC */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "listfile.h"
#include "log.h"
#include "rules_private.h"

#define BIT(action) (1U << (action))

struct rule {
	const char *name;
	const char *text;
	const struct expr *when; /* NULL: always */
	bool acts, scores, shadow;
	enum rules_action action;
	int64_t score; /* thousandths */
	const char *reply, *override;
	unsigned reply_needs; /* groups of facts that the reply tells of */
	const char *file;
	int line;
};

struct rules {
	struct arena *arena;
	struct listfile_pool *pool;
	struct rule *rule;
	size_t rules, size;
	struct rules_settings settings;
	int64_t quarantine, reject; /* thresholds in thousandths */
};

const struct rules_settings rules_settings_default = {
    .undecided = RULES_DEFER,
    .defer_at_most = (int64_t)4 * 3600 * 1000,
    .after_defer = RULES_ACCEPT,
};

/* Names that the decision uses for what is not a rule. */
#define BY_SCORE       "score"
#define BY_DEFAULT     "default"
#define BY_UNDECIDED   "undecided"
#define BY_AFTER_DEFER "after-defer"

static const char *const action_words[] = {
    "accept", "quarantine", "defer", "reject"};

const char *
rules_action_text(enum rules_action action)
{
	return (action_words[action]);
}

int
rules_action_from_text(const char *text, enum rules_action *action)
{
	unsigned i;

	for (i = RULES_ACCEPT; i <= RULES_REJECT; i++)
		if (strcmp(text, action_words[i]) == 0) {
			*action = (enum rules_action)i;
			return (0);
		}
	return (-1);
}

/* ---- building --------------------------------------------------------- */

struct rules *
rules_new(void)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (rules == NULL)
		fatal(111, "rules.out_of_memory octets=%zu", sizeof(*rules));
	rules->arena = arena_new();
	rules->pool = listfile_pool_new();
	rules->settings = rules_settings_default;
	return (rules);
}

void
rules_free(struct rules *rules)
{
	if (rules == NULL)
		return;
	listfile_pool_free(rules->pool);
	arena_free(rules->arena);
	free(rules->rule);
	free(rules);
}

/* False for what is out of range, NaN included. */
static bool
thousandths(double value, int64_t *out)
{
	if (!(value >= -RULES_SCORE_MAX && value <= RULES_SCORE_MAX))
		return (false);
	*out = (int64_t)(value * 1000 + (value < 0 ? -0.5 : 0.5));
	return (true);
}

int
rules_settings(struct rules *rules, const struct rules_settings *settings,
    struct rules_error *error)
{
	rules->settings = *settings;
	if ((settings->has_quarantine &&
		!thousandths(settings->quarantine, &rules->quarantine)) ||
	    (settings->has_reject &&
		!thousandths(settings->reject, &rules->reject)))
		return (rules_refuse(
		    error, NULL, "a score is at most %d", RULES_SCORE_MAX));
	if (settings->has_quarantine && settings->has_reject &&
	    rules->quarantine > rules->reject)
		return (rules_refuse(error, NULL,
		    "score: quarantine = %g is above reject = %g",
		    settings->quarantine, settings->reject));
	if (settings->defer_at_most < 0)
		return (rules_refuse(error, NULL, "defer-at-most is negative"));
	return (0);
}

bool
rules_printable(const char *text, size_t most)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++)
		if (i == most || text[i] < ' ' || text[i] > '~')
			return (false);
	return (true);
}

static int
name_check(const struct rules *rules, const struct rule_source *source,
    struct rules_error *error)
{
	static const char *const taken[] = {
	    BY_SCORE, BY_DEFAULT, BY_UNDECIDED, BY_AFTER_DEFER};
	size_t i;

	if (source->name == NULL || source->name[0] == '\0')
		return (rules_refuse(error, source, "a rule needs a name"));
	if (!rules_printable(source->name, 63))
		return (rules_refuse(error, source,
		    "a rule's name is at most 63 characters of ASCII"));
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (strcmp(source->name, taken[i]) == 0)
			return (rules_refuse(error, source,
			    "this name stands for a decision without a rule"));
	for (i = 0; i < rules->rules; i++)
		if (strcmp(source->name, rules->rule[i].name) == 0)
			return (rules_refuse(error, source,
			    "this name is taken by the rule at %s:%d",
			    rules->rule[i].file, rules->rule[i].line));
	return (0);
}

/* ---- adding ----------------------------------------------------------- */

/* RFC 9990, PolicyOverrideType. */
static bool
override_known(const char *word)
{
	static const char *const words[] = {"local_policy", "mailing_list",
	    "other", "policy_test_mode", "trusted_forwarder"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return (true);
	return (false);
}

static int
effects_check(const struct rule_source *source, struct rule *rule,
    struct rules_error *error)
{
	rule->acts = source->action != NULL && source->action[0] != '\0';
	rule->scores = source->has_score;
	rule->shadow = source->shadow;
	if (rule->acts &&
	    rules_action_from_text(source->action, &rule->action) != 0)
		return (rules_refuse(error, source,
		    "action is accept, quarantine, defer or reject, not \"%s\"",
		    source->action));
	if (!rule->acts && !rule->scores)
		return (rules_refuse(
		    error, source, "a rule needs an action or a score"));
	if (rule->scores && !thousandths(source->score, &rule->score))
		return (rules_refuse(
		    error, source, "a score is at most %d", RULES_SCORE_MAX));
	if (rule->scores && rule->acts && rule->action == RULES_ACCEPT)
		return (rules_refuse(error, source,
		    "action = accept ends the scores: a score has no effect"));
	if (source->override != NULL && !override_known(source->override))
		return (rules_refuse(error, source,
		    "override is local_policy, trusted_forwarder, "
		    "mailing_list, policy_test_mode or other"));
	if (source->override != NULL && !rule->acts)
		return (
		    rules_refuse(error, source, "override needs an action"));
	if (source->reply == NULL || source->reply[0] == '\0')
		return (0);
	if (!rule->acts ||
	    (rule->action != RULES_REJECT && rule->action != RULES_DEFER))
		return (rules_refuse(error, source,
		    "reply needs action = reject or action = defer"));
	return (
	    rules_reply_check(source, rule->action, &rule->reply_needs, error));
}

static const char *
copy(struct arena *arena, const char *text)
{
	return (
	    text == NULL || text[0] == '\0' ? NULL : arena_strdup(arena, text));
}

static struct rule *
rule_new(struct rules *rules)
{
	if (rules->rules == rules->size) {
		rules->size = rules->size * 2 + 16;
		rules->rule =
		    realloc(rules->rule, rules->size * sizeof(*rules->rule));
		if (rules->rule == NULL)
			fatal(
			    111, "rules.out_of_memory rules=%zu", rules->size);
	}
	return (&rules->rule[rules->rules++]);
}

int
rules_add(struct rules *rules, const struct rule_source *source,
    struct rules_error *error)
{
	struct rule rule = {.line = source->line};
	struct expr_error why;

	if (rules->rules == RULES_MAX)
		return (rules_refuse(
		    error, source, "more than %d rules", RULES_MAX));
	if (name_check(rules, source, error) != 0 ||
	    effects_check(source, &rule, error) != 0)
		return (-1);
	rule.text = "true";
	if (source->when != NULL && source->when[0] != '\0') {
		rule.text = arena_strdup(rules->arena, source->when);
		rule.when =
		    expr_compile(rules->arena, rules->pool, rule.text, &why);
		if (rule.when == NULL)
			return (rules_refuse_expr(error, source, &why));
	}
	rule.name = arena_strdup(rules->arena, source->name);
	rule.file = source->file == NULL
			? ""
			: arena_strdup(rules->arena, source->file);
	rule.reply = copy(rules->arena, source->reply);
	rule.override = copy(rules->arena, source->override);
	*rule_new(rules) = rule;
	return (0);
}

int
rules_finish(struct rules *rules, struct rules_error *error)
{
	const struct rules_settings *s = &rules->settings;
	size_t i;

	if (!s->has_quarantine && !s->has_reject)
		return (0);
	for (i = 0; i < rules->rules; i++)
		if (rules->rule[i].scores)
			return (0);
	return (rules_refuse(error, NULL,
	    "there is a threshold for scores, but no rule has a score"));
}

size_t
rules_count(const struct rules *rules)
{
	return (rules->rules);
}

const struct rules_settings *
rules_settings_of(const struct rules *rules)
{
	return (&rules->settings);
}

enum tri
rules_value(const struct rules *rules, size_t index, struct facts *facts)
{
	const struct expr *when = rules->rule[index].when;

	return (when == NULL ? TRI_TRUE : expr_eval(when, facts));
}

/* ---- the walk --------------------------------------------------------- */

/* What could not be told, of all actions or of all scores. */
struct doubt {
	const struct rule *rule; /* the first; NULL: nothing */
	unsigned groups;	 /* of facts */
};

/*
 * What is known is one of several worlds: each way of filling in the unknown
 * inputs is a world, and each walks down the list by itself. The walk keeps
 * what all these worlds have come to, each independent of the other, which
 * can only make it hold more worlds than there are.
 */
struct walk {
	const struct rules *rules;
	struct facts *facts;
	struct arena *arena;
	bool open;	   /* in some world no action has fired yet */
	unsigned acts;	   /* actions that fired in worlds that walk on */
	bool accepted;	   /* in some world an accept ended the walk */
	int64_t low, high; /* the score, in all worlds that walk on */
	const struct rule *decider; /* the action that fired in every world
				       that had none before */
	struct doubt of_acts, of_score;
	const struct rules_scored *scored, **scored_end;
	const struct rules_shadow *shadow, **shadow_end;
	const struct rules_trace *trace, **trace_end; /* NULL: not wanted */
};

/*
 * Once an action fired in every world, later ones cannot; only scores can make
 * it stricter, and nothing is stricter than reject.
 */
static bool
rule_matters(const struct walk *walk, const struct rule *rule)
{
	if (walk->open)
		return (true);
	return (rule->scores && !rule->shadow &&
		(walk->acts & ~BIT(RULES_REJECT)) != 0);
}

static void
shadow_note(struct walk *walk, const struct rule *rule)
{
	struct rules_shadow *note = arena_alloc(walk->arena, sizeof(*note));

	note->rule = rule->name;
	note->acts = rule->acts;
	note->action = rule->action;
	*walk->shadow_end = note;
	walk->shadow_end = &note->next;
}

static void
scored_note(struct walk *walk, const struct rule *rule)
{
	struct rules_scored *note = arena_alloc(walk->arena, sizeof(*note));

	note->rule = rule->name;
	*walk->scored_end = note;
	walk->scored_end = &note->next;
}

static void
doubt_note(
    struct doubt *doubt, const struct walk *walk, const struct rule *rule)
{
	if (doubt->rule == NULL)
		doubt->rule = rule;
	doubt->groups |= walk->facts->doubted;
}

/* The rule is true, or unknown: it fires in all open worlds, or in some. */
static void
rule_apply(struct walk *walk, const struct rule *rule, bool certain)
{
	if (rule->acts && walk->open) {
		if (!certain)
			doubt_note(&walk->of_acts, walk, rule);
		if (rule->action == RULES_ACCEPT)
			walk->accepted = true;
		else
			walk->acts |= BIT(rule->action);
		if (certain) {
			walk->open = false;
			walk->decider = rule;
		}
	}
	if (rule->scores) {
		if (certain)
			scored_note(walk, rule);
		else
			doubt_note(&walk->of_score, walk, rule);
		if (certain || rule->score < 0)
			walk->low += rule->score;
		if (certain || rule->score > 0)
			walk->high += rule->score;
	}
}

static void
trace_note(
    struct walk *walk, const struct rule *rule, bool evaluated, enum tri value)
{
	struct rules_trace *note = arena_alloc(walk->arena, sizeof(*note));

	*note = (struct rules_trace){
	    .rule = rule->name,
	    .when = rule->text,
	    .file = rule->file,
	    .line = rule->line,
	    .shadow = rule->shadow,
	    .acts = rule->acts,
	    .scores = rule->scores,
	    .action = rule->action,
	    .score = (double)rule->score / 1000,
	    .step = evaluated ? RULES_STEP_EVALUATED : RULES_STEP_SETTLED,
	    .value = value,
	    .detail = evaluated ? rule->text : NULL,
	};
	if (evaluated && rule->when != NULL)
		note->detail =
		    expr_explain(rule->when, walk->facts, walk->arena);
	*walk->trace_end = note;
	walk->trace_end = &note->next;
}

static void
rule_walk(struct walk *walk, const struct rule *rule)
{
	bool matters = rule_matters(walk, rule);
	enum tri value = TRI_TRUE;

	walk->facts->doubted = 0;
	if (matters && rule->when != NULL)
		value = expr_eval(rule->when, walk->facts);
	if (walk->trace_end != NULL)
		trace_note(walk, rule, matters, value);
	if (!matters)
		return;
	if (!rule->shadow && value != TRI_FALSE)
		rule_apply(walk, rule, value == TRI_TRUE);
	else if (rule->shadow && value == TRI_TRUE)
		shadow_note(walk, rule);
}

static void
walk_all(struct walk *walk)
{
	size_t i;

	walk->open = true;
	walk->scored_end = &walk->scored;
	walk->shadow_end = &walk->shadow;
	for (i = 0; i < walk->rules->rules; i++)
		rule_walk(walk, &walk->rules->rule[i]);
}

static enum rules_action
score_action(const struct rules *rules, int64_t score)
{
	if (rules->settings.has_reject && score >= rules->reject)
		return (RULES_REJECT);
	if (rules->settings.has_quarantine && score >= rules->quarantine)
		return (RULES_QUARANTINE);
	return (RULES_ACCEPT);
}

/* All actions that the score may lead to. */
static unsigned
score_actions(const struct walk *walk)
{
	enum rules_action low = score_action(walk->rules, walk->low);
	enum rules_action high = score_action(walk->rules, walk->high);
	unsigned set = BIT(low) | BIT(high);

	/* A score between the ends may fall between the thresholds. */
	if (low == RULES_ACCEPT && high == RULES_REJECT &&
	    walk->rules->settings.has_quarantine)
		set |= BIT(RULES_QUARANTINE);
	return (set);
}

/* The stricter of each action and each that the score may lead to. */
static unsigned
walk_possible(const struct walk *walk)
{
	unsigned acts = walk->acts | (walk->open ? BIT(RULES_ACCEPT) : 0);
	unsigned scores = score_actions(walk), possible = 0;
	unsigned a, s;

	for (a = RULES_ACCEPT; a <= RULES_REJECT; a++)
		for (s = RULES_ACCEPT; s <= RULES_REJECT; s++)
			if ((acts & BIT(a)) != 0 && (scores & BIT(s)) != 0)
				possible |= BIT(a > s ? a : s);
	return (possible | (walk->accepted ? BIT(RULES_ACCEPT) : 0));
}

/* There is one action: who decided it? */
static void
decide_certain(const struct walk *walk, struct rules_decision *decision)
{
	const struct rule *rule = walk->decider;

	decision->decided = true;
	while (decision->action < RULES_REJECT &&
	       BIT(decision->action) != decision->possible)
		decision->action++;
	if (rule != NULL && rule->action == decision->action) {
		decision->rule = rule->name;
		decision->template = rule->reply;
		decision->override = rule->override;
		facts_need(walk->facts, rule->reply_needs);
	} else {
		decision->rule =
		    decision->action == RULES_ACCEPT ? BY_DEFAULT : BY_SCORE;
	}
}

/* What leaves the verdict open; a score that acts the same either way not. */
static struct doubt
walk_doubt(const struct walk *walk)
{
	const unsigned scores = score_actions(walk);
	struct doubt doubt = walk->of_acts;

	if ((scores & (scores - 1)) == 0)
		return (doubt);
	doubt.groups |= walk->of_score.groups;
	if (doubt.rule == NULL || walk->of_score.rule < doubt.rule)
		doubt.rule = walk->of_score.rule;
	return (doubt);
}

static void
decide_fallback(const struct walk *walk, struct rules_decision *decision)
{
	const struct rules_settings *s = &walk->rules->settings;
	const struct doubt doubt = walk_doubt(walk);

	decision->action = s->undecided;
	decision->rule = BY_UNDECIDED;
	decision->doubt = doubt.rule->name;
	if (s->undecided == RULES_DEFER && s->defer_at_most > 0 &&
	    facts_failing_for(walk->facts, doubt.groups) > s->defer_at_most) {
		decision->action = s->after_defer;
		decision->rule = BY_AFTER_DEFER;
	}
}

void
rules_decide(const struct rules *rules, struct facts *facts,
    struct arena *arena, struct rules_decision *decision)
{
	struct walk walk = {.rules = rules, .facts = facts, .arena = arena};

	walk_all(&walk);
	*decision = (struct rules_decision){
	    .action = RULES_ACCEPT,
	    .possible = walk_possible(&walk),
	    .score_low = (double)walk.low / 1000,
	    .score_high = (double)walk.high / 1000,
	    .scored = walk.scored,
	    .shadow = walk.shadow,
	};
	if ((decision->possible & (decision->possible - 1)) == 0)
		decide_certain(&walk, decision);
	else
		decide_fallback(&walk, decision);
}

const struct rules_trace *
rules_explain(
    const struct rules *rules, struct facts *facts, struct arena *arena)
{
	struct walk walk = {.rules = rules, .facts = facts, .arena = arena};

	walk.trace_end = &walk.trace;
	walk_all(&walk);
	return (walk.trace);
}

const char *
rules_file(const struct rules *rules, size_t number)
{
	return (listfile_pool_path(rules->pool, number));
}
