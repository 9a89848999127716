/* SPDX-License-Identifier: ISC */
/*
 * The combination: what ordered rules and scores make of known and unknown
 * inputs, what the presets do, and that a decision is never one that full
 * information could contradict.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "facts_given.h"
#include "preset_rules.h"
#include "rules.h"
#include "view.h"

#define HOUR   ((int64_t)3600 * 1000)
#define ACCEPT RULES_ACCEPT
#define QUAR   RULES_QUARANTINE
#define DEFER  RULES_DEFER
#define REJECT RULES_REJECT
#define NONE   NULL
#define BIT(a) (1U << (a))

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new();
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return (0);
}

/* A rule in one line; the name is a letter. */
struct one {
	const char *when, *action;
	double score; /* 0: none */
	bool shadow;
};

#define ONES 5

static struct rules *
build(const struct one *one, const struct rules_settings *settings)
{
	static const char *const names[ONES] = {"a", "b", "c", "d", "e"};
	struct rules *rules = rules_new();
	struct rules_error error;
	char text[1024];
	size_t i;

	for (i = 0; i < ONES && (one[i].action || one[i].score != 0); i++) {
		struct rule_source source = {.name = names[i],
		    .when = one[i].when,
		    .action = one[i].action,
		    .has_score = one[i].score < 0 || one[i].score > 0,
		    .score = one[i].score,
		    .shadow = one[i].shadow,
		    .file = "table",
		    .line = (int)i};

		if (rules_add(rules, &source, &error) != 0)
			fail_msg(
			    "%s", rules_error_text(&error, text, sizeof(text)));
	}
	assert_int_equal(rules_settings(rules, settings, &error), 0);
	return (rules);
}

/*
 * The facts of these tables: spf fails for certain; the policy is reject or
 * quarantine; dmarc is pass or fail; dkim is aligned or not.
 */
static void
half_known(struct given *given)
{
	facts_given(given);
	given->facts.spf.result = SPF_FAIL;
	given->facts.spf_result = FACTS_ONE(SPF_FAIL);
	given->facts.policy_set =
	    FACTS_ONE(FACTS_POLICY_REJECT) | FACTS_ONE(FACTS_POLICY_QUARANTINE);
	given->facts.dmarc =
	    FACTS_ONE(DMARC_RESULT_PASS) | FACTS_ONE(DMARC_RESULT_FAIL);
	given->facts.dmarc_reported = DMARC_RESULT_TEMPERROR;
	given->facts.dkim_aligned = TRI_UNKNOWN;
	given->facts.spf.read.lost_since = 0;
}

/* Wholly known, partly known, and what becomes of it. */
#define TRUE_  "spf is fail"
#define FALSE_ "spf is pass"
#define MAYBE  "dmarc is fail"

static void
test_ordered(void **state)
{
	static const struct {
		struct one rule[ONES];
		unsigned possible;
		const char *by, *doubt;
	} table[] = {
	    {{{NONE, NONE, 0, 0}}, BIT(ACCEPT), "default", NONE},
	    {{{FALSE_, "reject", 0, 0}}, BIT(ACCEPT), "default", NONE},
	    {{{TRUE_, "reject", 0, 0}}, BIT(REJECT), "a", NONE},
	    {{{NONE, "defer", 0, 0}}, BIT(DEFER), "a", NONE},
	    /* The first that is true ends the list. */
	    {{{TRUE_, "quarantine", 0, 0}, {TRUE_, "reject", 0, 0}}, BIT(QUAR),
		"a", NONE},
	    {{{TRUE_, "accept", 0, 0}, {TRUE_, "reject", 0, 0}}, BIT(ACCEPT),
		"a", NONE},
	    {{{FALSE_, "accept", 0, 0}, {TRUE_, "reject", 0, 0}}, BIT(REJECT),
		"b", NONE},
	    /* One that is unknown adds its action, and the list goes on. */
	    {{{MAYBE, "reject", 0, 0}}, BIT(ACCEPT) | BIT(REJECT), "undecided",
		"a"},
	    {{{MAYBE, "reject", 0, 0}, {TRUE_, "quarantine", 0, 0}},
		BIT(QUAR) | BIT(REJECT), "undecided", "a"},
	    {{{FALSE_, "defer", 0, 0}, {MAYBE, "accept", 0, 0},
		 {MAYBE, "reject", 0, 0}, {TRUE_, "defer", 0, 0}},
		BIT(ACCEPT) | BIT(REJECT) | BIT(DEFER), "undecided", "b"},
	    /* All ways lead to the same: decided, by what is certain. */
	    {{{MAYBE, "reject", 0, 0}, {TRUE_, "reject", 0, 0}}, BIT(REJECT),
		"b", NONE},
	    {{{MAYBE, "accept", 0, 0}}, BIT(ACCEPT), "default", NONE},
	    {{{MAYBE, "accept", 0, 0}, {TRUE_, "accept", 0, 0},
		 {TRUE_, "reject", 0, 0}},
		BIT(ACCEPT), "b", NONE},
	    /* No rule behind the end matters. */
	    {{{TRUE_, "reject", 0, 0}, {MAYBE, "accept", 0, 0}}, BIT(REJECT),
		"a", NONE},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct rules *rules =
		    build(table[i].rule, &rules_settings_default);
		struct rules_decision d;
		struct given given;

		half_known(&given);
		rules_decide(rules, &given.facts, arena, &d);
		if (d.possible != table[i].possible ||
		    strcmp(d.rule, table[i].by) != 0)
			fail_msg("line %zu: %x by %s", i, d.possible, d.rule);
		assert_int_equal(d.decided, table[i].doubt == NULL);
		if (d.decided)
			assert_int_equal(BIT(d.action), d.possible);
		if (table[i].doubt != NULL)
			assert_string_equal(d.doubt, table[i].doubt);
		rules_free(rules);
	}
}

/* Thresholds: quarantine 5, reject 10. */
static void
test_scores(void **state)
{
	static const struct {
		struct one rule[ONES];
		unsigned possible;
		double low, high;
		const char *by;
	} table[] = {
	    {{{TRUE_, NONE, 4.999, 0}}, BIT(ACCEPT), 4.999, 4.999, "default"},
	    {{{TRUE_, NONE, 5, 0}}, BIT(QUAR), 5, 5, "score"},
	    {{{TRUE_, NONE, 5, 0}, {TRUE_, NONE, 5, 0}}, BIT(REJECT), 10, 10,
		"score"},
	    {{{FALSE_, NONE, 50, 0}}, BIT(ACCEPT), 0, 0, "default"},
	    /* Ten times a tenth is one. */
	    {{{TRUE_, NONE, 4.9, 0}, {TRUE_, NONE, 0.1, 0}}, BIT(QUAR), 5, 5,
		"score"},
	    /* Unknown widens, to either side. */
	    {{{MAYBE, NONE, 4, 0}}, BIT(ACCEPT), 0, 4, "default"},
	    {{{MAYBE, NONE, 5, 0}}, BIT(ACCEPT) | BIT(QUAR), 0, 5, "undecided"},
	    {{{MAYBE, NONE, 12, 0}}, BIT(ACCEPT) | BIT(QUAR) | BIT(REJECT), 0,
		12, "undecided"},
	    {{{TRUE_, NONE, 10, 0}, {MAYBE, NONE, -3, 0}},
		BIT(QUAR) | BIT(REJECT), 7, 10, "undecided"},
	    {{{TRUE_, NONE, 12, 0}, {MAYBE, NONE, -2, 0}}, BIT(REJECT), 10, 12,
		"score"},
	    /* The stricter of action and score stands. */
	    {{{TRUE_, "quarantine", 0, 0}, {TRUE_, NONE, 10, 0}}, BIT(REJECT),
		10, 10, "score"},
	    {{{TRUE_, "reject", 0, 0}, {TRUE_, NONE, 5, 0}}, BIT(REJECT), 0, 0,
		"a"},
	    {{{TRUE_, "quarantine", 6, 0}, {TRUE_, NONE, 2, 0}}, BIT(QUAR), 8,
		8, "a"},
	    {{{TRUE_, "defer", 6, 0}}, BIT(DEFER), 6, 6, "a"},
	    {{{TRUE_, NONE, 10, 0}, {TRUE_, "defer", 0, 0}}, BIT(REJECT), 10,
		10, "score"},
	    /* An accept that fired ends both, whatever the score is. */
	    {{{TRUE_, NONE, 10, 0}, {TRUE_, "accept", 0, 0}}, BIT(ACCEPT), 10,
		10, "b"},
	    {{{TRUE_, "accept", 0, 0}, {TRUE_, NONE, 10, 0}}, BIT(ACCEPT), 0, 0,
		"a"},
	    {{{MAYBE, "accept", 0, 0}, {TRUE_, NONE, 10, 0}},
		BIT(ACCEPT) | BIT(REJECT), 10, 10, "undecided"},
	    /* ... but not behind an action that fired before. */
	    {{{TRUE_, "quarantine", 0, 0}, {TRUE_, "accept", 0, 0},
		 {TRUE_, NONE, 10, 0}},
		BIT(REJECT), 10, 10, "score"},
	    {{{MAYBE, "quarantine", 0, 0}, {TRUE_, "accept", 0, 0},
		 {TRUE_, NONE, 10, 0}},
		BIT(ACCEPT) | BIT(REJECT), 10, 10, "undecided"},
	};
	struct rules_settings settings = rules_settings_default;
	size_t i;

	(void)state;
	settings.has_quarantine = settings.has_reject = true;
	settings.quarantine = 5;
	settings.reject = 10;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct rules *rules = build(table[i].rule, &settings);
		struct rules_decision d;
		struct given given;

		half_known(&given);
		rules_decide(rules, &given.facts, arena, &d);
		if (d.possible != table[i].possible ||
		    strcmp(d.rule, table[i].by) != 0 ||
		    (int)(d.score_low * 1000) != (int)(table[i].low * 1000) ||
		    (int)(d.score_high * 1000) != (int)(table[i].high * 1000))
			fail_msg("line %zu: %x by %s, %g to %g", i, d.possible,
			    d.rule, d.score_low, d.score_high);
		rules_free(rules);
	}
}

/* Whose scores those are: not of what is only possible or under trial. */
static void
test_scored(void **state)
{
	static const struct one rule[ONES] = {
	    {TRUE_, NONE, 1, false},
	    {MAYBE, NONE, 2, false},
	    {FALSE_, NONE, 3, false},
	    {TRUE_, NONE, 4, true},
	    {TRUE_, "quarantine", -5, false},
	};
	struct rules *rules = build(rule, &rules_settings_default);
	struct rules_decision d;
	struct given given;

	(void)state;
	half_known(&given);
	rules_decide(rules, &given.facts, arena, &d);
	assert_string_equal(d.scored->rule, "a");
	assert_string_equal(d.scored->next->rule, "e");
	assert_null(d.scored->next->next);
	rules_free(rules);
}

/* Without thresholds a score is only told. */
static void
test_score_without_threshold(void **state)
{
	static const struct one rule[ONES] = {{TRUE_, NONE, 1000, 0}};
	struct rules *rules = build(rule, &rules_settings_default);
	struct rules_decision d;
	struct given given;

	(void)state;
	half_known(&given);
	rules_decide(rules, &given.facts, arena, &d);
	assert_int_equal(d.action, ACCEPT);
	assert_true(d.score_low > 999);
	rules_free(rules);
}

static void
test_shadow(void **state)
{
	static const struct one rule[ONES] = {
	    {TRUE_, "reject", 0, true}, {MAYBE, "reject", 0, true},
	    {TRUE_, NONE, 9, true}, {TRUE_, "quarantine", 0, false},
	    {TRUE_, "reject", 9, true}, /* would not have been reached */
	};
	struct rules *rules = build(rule, &rules_settings_default);
	struct rules_decision d;
	struct given given;

	(void)state;
	half_known(&given);
	rules_decide(rules, &given.facts, arena, &d);
	assert_int_equal(d.possible, BIT(QUAR));
	assert_true(d.score_high < 1);
	assert_string_equal(d.shadow->rule, "a");
	assert_true(d.shadow->acts);
	assert_int_equal(d.shadow->action, REJECT);
	assert_string_equal(d.shadow->next->rule, "c");
	assert_false(d.shadow->next->acts);
	assert_null(d.shadow->next->next);
	rules_free(rules);
}

/* ---- the fallback ----------------------------------------------------- */

static const struct rrset *
nothing(void *arg, const struct dname *name, uint16_t type)
{
	(void)arg;
	(void)name;
	(void)type;
	return (NULL);
}

static void
test_undecided(void **state)
{
	static const struct {
		enum rules_action undecided;
		int64_t at_most;
		enum rules_action after;
		int64_t failing;
		enum rules_action expect;
		const char *by;
	} table[] = {
	    {DEFER, 4 * HOUR, ACCEPT, 0, DEFER, "undecided"},
	    {DEFER, 4 * HOUR, ACCEPT, 4 * HOUR, DEFER, "undecided"},
	    {DEFER, 4 * HOUR, ACCEPT, 4 * HOUR + 1, ACCEPT, "after-defer"},
	    {DEFER, 4 * HOUR, QUAR, 5 * HOUR, QUAR, "after-defer"},
	    {DEFER, 0, ACCEPT, 5 * HOUR, DEFER, "undecided"},
	    {ACCEPT, 4 * HOUR, REJECT, 5 * HOUR, ACCEPT, "undecided"},
	    {QUAR, 4 * HOUR, ACCEPT, 0, QUAR, "undecided"},
	    {REJECT, 4 * HOUR, ACCEPT, 5 * HOUR, REJECT, "undecided"},
	};
	static const struct one rule[ONES] = {{MAYBE, "reject", 0, 0}};
	const struct view_source source = {.get = nothing};
	const int64_t now = INT64_C(1700000000000);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct rules_settings settings = rules_settings_default;
		struct rules_decision d;
		struct rules *rules;
		struct given given;

		half_known(&given);
		given.facts.view =
		    view_open(arena, &source, now, HOUR, VIEW_ASK);
		if (table[i].failing > 0) {
			given.facts.policy.read.failed = 1;
			given.facts.policy.read.lost_since =
			    now - table[i].failing;
		}
		settings.undecided = table[i].undecided;
		settings.defer_at_most = table[i].at_most;
		settings.after_defer = table[i].after;
		rules = build(rule, &settings);
		rules_decide(rules, &given.facts, arena, &d);
		assert_false(d.decided);
		if (d.action != table[i].expect ||
		    strcmp(d.rule, table[i].by) != 0)
			fail_msg("line %zu: %s by %s", i,
			    rules_action_text(d.action), d.rule);
		assert_string_equal(d.doubt, "a");
		rules_free(rules);
		view_close(given.facts.view);
	}
}

/*
 * Only what leaves the verdict undecided has to have failed for long: a
 * sender's own broken domain does not spare it the wait for the author's. SPF
 * fails since 5 h, DMARC since now.
 */
static void
test_failing_for(void **state)
{
	static const struct {
		struct one first; /* the second is MAYBE: reject */
		enum tri spf_aligned;
		const char *by, *doubt;
	} table[] = {
	    {{"dmarc is fail", "accept", 0, 0}, TRI_FALSE, "undecided", "a"},
	    {{"dmarc is fail", "accept", 0, 0}, TRI_UNKNOWN, "after-defer",
		"a"},
	    {{"spf is fail and dmarc is fail", "accept", 0, 0}, TRI_FALSE,
		"after-defer", "a"},
	    {{"spf is fail and dmarc is pass and false", "accept", 0, 0},
		TRI_FALSE, "undecided", "b"},
	    {{"spf is fail", "accept", 0, 0}, TRI_FALSE, "after-defer", "a"},
	    {{"spf is fail", "accept", 0, true}, TRI_FALSE, "undecided", "b"},
	    /* What another test of the condition has settled. */
	    {{"(spf is fail and dmarc is none) or dmarc is fail", "accept", 0,
		 0},
		TRI_FALSE, "undecided", "a"},
	    {{"(spf is fail or policy is not none) and dmarc is fail", "accept",
		 0, 0},
		TRI_FALSE, "undecided", "a"},
	    {{"not (spf is fail and dmarc is none) and dmarc is fail", "accept",
		 0, 0},
		TRI_FALSE, "undecided", "a"},
	    {{"(spf is fail or dmarc is fail) and dmarc is not none", "accept",
		 0, 0},
		TRI_FALSE, "after-defer", "a"},
	    /* Thresholds of 5 and 10. */
	    {{"spf is fail", NONE, 4, 0}, TRI_FALSE, "undecided", "b"},
	    {{"spf is fail", NONE, 5, 0}, TRI_FALSE, "after-defer", "a"},
	};
	const struct view_source source = {.get = nothing};
	struct rules_settings settings = rules_settings_default;
	const int64_t now = INT64_C(1700000000000);
	size_t i;

	(void)state;
	settings.has_quarantine = settings.has_reject = true;
	settings.quarantine = 5;
	settings.reject = 10;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct one rule[ONES] = {
		    table[i].first, {MAYBE, "reject", 0, 0}};
		struct rules *rules = build(rule, &settings);
		struct rules_decision d;
		struct given given;

		half_known(&given);
		given.facts.view =
		    view_open(arena, &source, now, HOUR, VIEW_ASK);
		given.facts.spf_result = open_full(OPEN_SPF);
		given.facts.spf_aligned = table[i].spf_aligned;
		given.facts.spf.read.lost_since = now - 5 * HOUR;
		given.facts.policy.read.lost_since = now - 1;
		rules_decide(rules, &given.facts, arena, &d);
		if (d.decided || strcmp(d.rule, table[i].by) != 0 ||
		    strcmp(d.doubt, table[i].doubt) != 0)
			fail_msg(
			    "line %zu: by %s, doubt %s", i, d.rule, d.doubt);
		rules_free(rules);
		view_close(given.facts.view);
	}
}

/*
 * What doubt there is of a score counts only where thresholds make it matter,
 * and of an action only as long as none has fired.
 */
static void
test_doubt(void **state)
{
	static const struct {
		struct one rule[ONES];
		bool thresholds;
		const char *doubt;
	} table[] = {
	    {{{MAYBE, NONE, 50, 0}, {MAYBE, "reject", 0, 0}}, false, "b"},
	    {{{MAYBE, NONE, 50, 0}, {MAYBE, "reject", 0, 0}}, true, "a"},
	    {{{MAYBE, "reject", 0, 0}, {MAYBE, NONE, 50, 0}}, true, "a"},
	    {{{TRUE_, "quarantine", 0, 0}, {MAYBE, "reject", 1, 0},
		 {MAYBE, NONE, 50, 0}},
		true, "b"},
	    {{{TRUE_, "quarantine", 0, 0}, {MAYBE, "reject", 0, 0},
		 {MAYBE, NONE, 50, 0}},
		true, "c"},
	};
	struct rules_settings settings = rules_settings_default;
	size_t i;

	(void)state;
	settings.quarantine = 5;
	settings.reject = 10;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct rules_decision d;
		struct given given;
		struct rules *rules;

		settings.has_quarantine = settings.has_reject =
		    table[i].thresholds;
		rules = build(table[i].rule, &settings);
		half_known(&given);
		rules_decide(rules, &given.facts, arena, &d);
		if (d.decided || strcmp(d.doubt, table[i].doubt) != 0)
			fail_msg(
			    "line %zu: %s", i, d.decided ? "decided" : d.doubt);
		rules_free(rules);
	}
}

/* ---- presets ---------------------------------------------------------- */

static void
test_presets(void **state)
{
	/* One message: what DMARC found, and what each preset does. */
	static const struct {
		facts_set policy, dmarc;
		enum tri spf, dkim;
		enum spf_result result;
		const char *preset, *expect; /* "?": undecided */
	} table[] = {
#define P_REJECT FACTS_ONE(FACTS_POLICY_REJECT)
#define P_QUAR	 FACTS_ONE(FACTS_POLICY_QUARANTINE)
#define P_NONE	 FACTS_ONE(FACTS_POLICY_NONE)
#define P_ABSENT FACTS_ONE(FACTS_POLICY_ABSENT)
#define P_ANY	 0xf
#define D_PASS	 FACTS_ONE(DMARC_RESULT_PASS)
#define D_FAIL	 FACTS_ONE(DMARC_RESULT_FAIL)
#define D_NONE	 FACTS_ONE(DMARC_RESULT_NONE)
#define D_ANY	 (D_PASS | D_FAIL | D_NONE)
#define NO	 TRI_FALSE
#define YES	 TRI_TRUE
#define HUH	 TRI_UNKNOWN
	    {P_REJECT, D_FAIL, NO, NO, SPF_FAIL, "rfc9989", "reject"},
	    {P_REJECT, D_PASS, NO, YES, SPF_FAIL, "rfc9989", "accept"},
	    {P_REJECT, D_PASS, YES, NO, SPF_PASS, "rfc9989", "accept"},
	    {P_QUAR, D_FAIL, NO, NO, SPF_FAIL, "rfc9989", "quarantine"},
	    {P_NONE, D_FAIL, NO, NO, SPF_FAIL, "rfc9989", "accept"},
	    {P_ABSENT, D_NONE, NO, NO, SPF_FAIL, "rfc9989", "accept"},
	    {P_REJECT, D_PASS | D_FAIL, HUH, NO, SPF_FAIL, "rfc9989", "?"},
	    {P_NONE, D_PASS | D_FAIL, HUH, NO, SPF_FAIL, "rfc9989", "accept"},
	    {P_ANY, D_FAIL | D_NONE, NO, NO, SPF_FAIL, "rfc9989", "?"},
	    {P_ANY, D_PASS | D_NONE, NO, YES, SPF_FAIL, "rfc9989", "accept"},
	    {P_REJECT, D_PASS, NO, YES, SPF_FAIL, "both-must-pass", "reject"},
	    {P_REJECT, D_PASS, YES, YES, SPF_PASS, "both-must-pass", "accept"},
	    {P_QUAR, D_PASS, YES, NO, SPF_PASS, "both-must-pass", "quarantine"},
	    {P_REJECT, D_ANY, NO, HUH, SPF_FAIL, "both-must-pass", "reject"},
	    {P_REJECT, D_ANY, HUH, YES, SPF_FAIL, "both-must-pass", "?"},
	    {P_NONE, D_FAIL, NO, NO, SPF_FAIL, "both-must-pass", "accept"},
	    {P_REJECT, D_FAIL, NO, NO, SPF_FAIL, "askdns-score", "reject"},
	    {P_QUAR, D_FAIL, NO, NO, SPF_FAIL, "askdns-score", "quarantine"},
	    {P_NONE, D_FAIL, NO, NO, SPF_FAIL, "askdns-score", "accept"},
	    {P_REJECT, D_PASS, NO, YES, SPF_FAIL, "askdns-score", "accept"},
	    {P_REJECT, D_ANY, NO, HUH, SPF_FAIL, "askdns-score", "?"},
	    {P_NONE, D_ANY, NO, HUH, SPF_FAIL, "askdns-score", "accept"},
	    {P_REJECT, D_FAIL, NO, NO, SPF_FAIL, "monitor", "accept"},
	    {P_ANY, D_ANY, HUH, HUH, SPF_FAIL, "monitor", "accept"},
	    {P_ABSENT, D_NONE, NO, NO, SPF_FAIL, "spf-first", "reject"},
	    {P_ABSENT, D_NONE, NO, NO, SPF_SOFTFAIL, "spf-first", "accept"},
	    {P_NONE, D_FAIL, NO, NO, SPF_FAIL, "spf-first", "accept"},
	    {P_REJECT, D_PASS, NO, YES, SPF_FAIL, "spf-first", "accept"},
	    {P_REJECT, D_FAIL, NO, NO, SPF_FAIL, "spf-first", "reject"},
	    {P_ANY, D_PASS | D_NONE, NO, YES, SPF_FAIL, "spf-first", "?"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct rules_settings settings = rules_settings_default;
		struct rules *rules = rules_new();
		const char *why = preset_add(rules, table[i].preset, &settings);
		struct rules_decision d;
		struct given given;

		if (why != NULL)
			fail_msg("%s: %s", table[i].preset, why);
		facts_given(&given);
		given.facts.policy_set = table[i].policy;
		given.facts.dmarc = table[i].dmarc;
		given.facts.spf_aligned = table[i].spf;
		given.facts.dkim_aligned = table[i].dkim;
		given.facts.spf.result = table[i].result;
		given.facts.spf_result = FACTS_ONE(table[i].result);
		rules_decide(rules, &given.facts, arena, &d);
		if (strcmp(d.decided ? rules_action_text(d.action) : "?",
			table[i].expect) != 0)
			fail_msg("line %zu: %s by %s", i,
			    rules_action_text(d.action), d.rule);
		rules_free(rules);
	}
}

static void
test_every_preset_compiles(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; preset_name(i) != NULL; i++) {
		struct rules_settings settings = rules_settings_default;
		struct rules *rules = rules_new();
		const char *why = preset_add(rules, preset_name(i), &settings);

		if (why != NULL)
			fail_msg("%s: %s", preset_name(i), why);
		assert_true(rules_count(rules) >= 2);
		assert_true(strlen(preset_summary(i)) > 0);
		rules_free(rules);
	}
	assert_int_equal(i, 5);
	assert_null(preset_text("rfc7489"));
	assert_null(preset_summary(i));
}

/* ---- overrides and replies -------------------------------------------- */

static void
test_override(void **state)
{
	struct rules *rules = rules_new();
	struct rules_settings settings = rules_settings_default;
	const struct rule_source source = {.name = "our forwarder",
	    .when = "client_ip in 192.0.2.0/24 or dkim_domain in l.example",
	    .action = "accept",
	    .override = "trusted_forwarder"};
	struct rules_error error;
	struct rules_decision d;
	struct given given;

	(void)state;
	assert_int_equal(rules_add(rules, &source, &error), 0);
	assert_null(preset_add(rules, "rfc9989", &settings));
	facts_given(&given);
	given.facts.dmarc = FACTS_ONE(DMARC_RESULT_FAIL);
	rules_decide(rules, &given.facts, arena, &d);
	assert_int_equal(d.action, ACCEPT);
	assert_string_equal(d.rule, "our forwarder");
	assert_string_equal(d.override, "trusted_forwarder");
	(void)ipaddr_from_text(&given.facts.client_ip, "198.51.100.1");
	rules_decide(rules, &given.facts, arena, &d);
	assert_int_equal(d.action, REJECT);
	assert_null(d.override);
	assert_string_equal(rules_reply(&d, &given.facts, arena),
	    "550 5.7.1 Email rejected per DMARC policy for news.example.com");
	rules_free(rules);
}

static void
test_replies(void **state)
{
	static const struct {
		const char *action, *reply, *expect;
	} table[] = {
	    {"accept", NULL, NULL},
	    {"quarantine", NULL, NULL},
	    {"reject", NULL,
		"550 5.7.1 This message is refused by local policy (r)"},
	    {"defer", NULL, "451 4.7.1 Please try again later (r)"},
	    {"reject", "no", "550 5.7.1 no"},
	    {"defer", "later", "451 4.7.1 later"},
	    {"reject", "5.7.26 no", "550 5.7.26 no"},
	    {"reject", "554 5.7.0 no", "554 5.7.0 no"},
	    {"reject", "554 no", "554 5.7.1 no"},
	    {"reject", "5.7 no", "550 5.7.1 5.7 no"},
	    {"reject", "5..1 no", "550 5.7.1 5..1 no"},
	    {"reject", "5.7.1234 no", "550 5.7.1 5.7.1234 no"},
	    {"reject", "5.723.123 no", "550 5.723.123 no"},
	    {"reject", "5540 no", "550 5.7.1 5540 no"},
	    {"defer", "450 4.7.24 later", "450 4.7.24 later"},
	    {"reject", "100%% %{client_ip} %{from} %{rule}",
		"550 5.7.1 100% 192.0.2.1 news.example.com r"},
	    {"reject", "%{spf_domain}, %{policy_domain}",
		"550 5.7.1 lists.example.org?x, example.com"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct rule_source source = {.name = "r",
		    .action = table[i].action,
		    .reply = table[i].reply};
		struct rules *rules = rules_new();
		struct rules_error error;
		struct rules_decision d;
		struct given given;
		const char *reply;

		facts_given(&given);
		given.facts.spf.domain = "lists.example.org\nx";
		if (rules_add(rules, &source, &error) != 0)
			fail_msg("line %zu: %s", i, error.message);
		rules_decide(rules, &given.facts, arena, &d);
		reply = rules_reply(&d, &given.facts, arena);
		if (table[i].expect == NULL)
			assert_null(reply);
		else
			assert_string_equal(reply, table[i].expect);
		rules_free(rules);
	}
}

static void
test_reply_is_short(void **state)
{
	static const struct rule_source source = {.name = "r",
	    .action = "reject",
	    .reply = "%{from} %{from} %{from}"};
	struct rules *rules = rules_new();
	struct rules_error error;
	struct rules_decision d;
	struct given given;
	char name[250];

	(void)state;
	facts_given(&given);
	memset(name, 'x', sizeof(name));
	name[60] = name[120] = name[180] = '.';
	name[240] = '\0';
	assert_int_equal(dname_from_text(&given.facts.author, name), 0);
	assert_int_equal(rules_add(rules, &source, &error), 0);
	rules_decide(rules, &given.facts, arena, &d);
	assert_int_equal(
	    strlen(rules_reply(&d, &given.facts, arena)), RULES_REPLY_MAX);
	rules_free(rules);
}

/* What the reply tells is found before the decision, not after it. */
static void
test_reply_needs(void **state)
{
	static const struct {
		const char *reply;
		unsigned needs;
	} table[] = {
	    {"no", 0},
	    {"%{from} %{client_ip} %{rule} 100%%{spf_domain}", 0},
	    {"%{spf_domain}", FACTS_SPF},
	    {"%{policy_domain}", FACTS_DMARC},
	};
	static const struct dmarc_options options = {
	    .discovery = DMARC_TREE_WALK};
	const struct view_source source = {.get = nothing};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct rule_source rule = {
		    .name = "r", .action = "reject", .reply = table[i].reply};
		struct rules *rules = rules_new();
		struct rules_error error;
		struct rules_decision d;
		struct given given;

		facts_given(&given);
		given.facts.have = 0;
		given.facts.options = &options;
		given.facts.question.receiver = "mx.example.net";
		given.facts.view = view_open(
		    arena, &source, INT64_C(1700000000000), HOUR, VIEW_ASK);
		assert_int_equal(rules_add(rules, &rule, &error), 0);
		rules_decide(rules, &given.facts, arena, &d);
		assert_int_equal(
		    given.facts.have & table[i].needs, table[i].needs);
		assert_int_equal(
		    view_missing(given.facts.view), table[i].needs != 0);
		view_close(given.facts.view);
		rules_free(rules);
	}
}

/* ---- mistakes --------------------------------------------------------- */

static void
test_mistakes(void **state)
{
	static const struct {
		struct rule_source source;
		const char *says;
	} table[] = {
	    {{.action = "accept"}, "needs a name"},
	    {{.name = "", .action = "accept"}, "needs a name"},
	    {{.name = "a\nb", .action = "accept"}, "characters of ASCII"},
	    {{.name = "first", .action = "accept"}, "taken by the rule at f:7"},
	    {{.name = "score", .action = "accept"}, "without a rule"},
	    {{.name = "r"}, "an action or a score"},
	    {{.name = "r", .shadow = true}, "an action or a score"},
	    {{.name = "r", .action = "drop"}, "not \"drop\""},
	    {{.name = "r", .action = "accept", .has_score = true, .score = 1},
		"no effect"},
	    {{.name = "r", .has_score = true, .score = 1e7}, "at most"},
	    {{.name = "r", .has_score = true, .score = 0.0 / 0.0}, "at most"},
	    {{.name = "r", .action = "accept", .override = "because"},
		"trusted_forwarder"},
	    {{.name = "r", .has_score = true, .score = 1, .override = "other"},
		"needs an action"},
	    {{.name = "r", .action = "accept", .reply = "x"}, "reply needs"},
	    {{.name = "r", .action = "reject", .reply = "451 x"},
		"begin with 5"},
	    {{.name = "r", .action = "reject", .reply = "550 4.7.1 x"},
		"begin with 5"},
	    {{.name = "r", .action = "defer", .reply = "5.7.1 x"},
		"begin with 4"},
	    {{.name = "r", .action = "reject", .reply = "a\nb"}, "one line"},
	    {{.name = "r", .action = "reject", .reply = "50% off"},
		"there is %{from}"},
	    {{.name = "r", .action = "reject", .reply = "%{fro}"},
		"there is %{from}"},
	    {{.name = "r", .action = "reject", .reply = "x%"},
		"there is %{from}"},
	    {{.name = "r", .action = "reject", .when = "spf is"}, "missing"},
	};
	static const struct rule_source first = {
	    .name = "first", .action = "accept", .file = "f", .line = 7};
	struct rules *rules = rules_new();
	struct rules_error error;
	size_t i;

	(void)state;
	assert_int_equal(rules_add(rules, &first, &error), 0);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (rules_add(rules, &table[i].source, &error) == 0)
			fail_msg("line %zu: taken", i);
		if (strstr(error.message, table[i].says) == NULL)
			fail_msg("line %zu: %s", i, error.message);
	}
	assert_int_equal(rules_count(rules), 1);
	rules_free(rules);
}

static void
test_settings_mistakes(void **state)
{
	struct rules *rules = rules_new();
	struct rules_settings s = rules_settings_default;
	struct rules_error error;

	(void)state;
	s.has_quarantine = s.has_reject = true;
	s.quarantine = 10;
	s.reject = 5;
	assert_int_equal(rules_settings(rules, &s, &error), -1);
	assert_non_null(strstr(error.message, "above reject"));
	s.reject = 1e9;
	assert_int_equal(rules_settings(rules, &s, &error), -1);
	s.reject = 10;
	assert_int_equal(rules_settings(rules, &s, &error), 0);
	assert_int_equal(rules_finish(rules, &error), -1);
	assert_non_null(strstr(error.message, "no rule has a score"));
	rules_free(rules);
}

/* Without the file at hand: the place within the expression. */
static void
test_caret(void **state)
{
	static const struct rule_source source = {.name = "r",
	    .when = "spf is pass and\n  dmrc is fail",
	    .action = "reject",
	    .file = "/nonexistent/verdictd.conf",
	    .line = 12};
	struct rules *rules = rules_new();
	struct rules_error error;
	char text[1024];

	(void)state;
	assert_int_equal(rules_add(rules, &source, &error), -1);
	assert_string_equal(rules_error_text(&error, text, sizeof(text)),
	    "/nonexistent/verdictd.conf:12:19: rule \"r\": there is no input "
	    "\"dmrc\"; did you mean \"dmarc\"?\n"
	    "      dmrc is fail\n"
	    "      ^~~~");
	/* It fits whatever room there is. */
	assert_int_equal(strlen(rules_error_text(&error, text, 20)), 19);
	rules_free(rules);
}

/* With it: the very line and column, in the copy nearest to the block. */
static void
test_location(void **state)
{
	char path[] = "/tmp/test_rules.XXXXXX", text[1024], expect[128];
	FILE *file = fdopen(mkstemp(path), "w");
	struct rules *rules = rules_new();
	struct rule_source source = {.name = "r",
	    .when = "client_ip is here",
	    .action = "reject",
	    .line = 6};
	struct rules_error error;

	(void)state;
	assert_non_null(file);
	fputs("# client_ip is here\n\n\n\nrule \"r\" {\n"
	      "  when = \"client_ip is here\"\n}\n",
	    file);
	fclose(file);
	source.file = path;
	assert_int_equal(rules_add(rules, &source, &error), -1);
	snprintf(expect, sizeof(expect), "%s:6:24: rule \"r\": ", path);
	rules_error_text(&error, text, sizeof(text));
	assert_memory_equal(text, expect, strlen(expect));
	unlink(path);
	rules_free(rules);
}

/* ---- explanation ------------------------------------------------------ */

static void
test_explain(void **state)
{
	static const struct one rule[ONES] = {
	    {FALSE_, "accept", 0, 0},
	    {MAYBE, "reject", 0, 0},
	    {NONE, "quarantine", 0, 0},
	    {TRUE_, "reject", 0, 0},
	};
	struct rules *rules = build(rule, &rules_settings_default);
	const struct rules_trace *t;
	struct given given;

	(void)state;
	half_known(&given);
	t = rules_explain(rules, &given.facts, arena);
	assert_string_equal(t->rule, "a");
	assert_int_equal(t->value, TRI_FALSE);
	assert_string_equal(t->detail, "spf is pass[no]");
	t = t->next;
	assert_int_equal(t->value, TRI_UNKNOWN);
	assert_string_equal(t->detail, "dmarc is fail[unknown]");
	assert_string_equal(t->when, "dmarc is fail");
	t = t->next;
	assert_int_equal(t->value, TRI_TRUE);
	assert_string_equal(t->detail, "true");
	t = t->next;
	assert_int_equal(t->step, RULES_STEP_SETTLED);
	assert_null(t->next);
	rules_free(rules);
}

/* ---- properties ------------------------------------------------------- */

static const char *
random_when(void)
{
	static const char *const some[] = {"spf is pass", "spf is fail",
	    "spf in {fail, softfail}", "dmarc is fail", "dmarc is not pass",
	    "policy is reject", "policy is quarantine",
	    "dmarc is fail and policy is reject",
	    "dmarc is fail and policy in {reject, quarantine}",
	    "policy is reject and not (dkim_aligned and spf_aligned)",
	    "dkim_aligned or spf_aligned", "published is reject",
	    "spf is temperror", "spf is fail and policy is absent", "true",
	    "false", "not dkim_aligned",
	    "published is not none or spf is none"};

	return (some[chance(sizeof(some) / sizeof(some[0]))]);
}

static struct rules *
random_rules(void)
{
	static const char *const action[] = {
	    "accept", "quarantine", "defer", "reject", NULL};
	struct rules_settings settings = rules_settings_default;
	struct one rule[ONES] = {{NULL, NULL, 0, false}};
	size_t i, rules = 1 + chance(ONES);

	for (i = 0; i < rules; i++) {
		rule[i].when = random_when();
		rule[i].action = action[chance(5)];
		if (rule[i].action == NULL ||
		    (chance(3) == 0 && rule[i].action[0] != 'a'))
			rule[i].score = (double)chance(12) - 3.5;
		rule[i].shadow = chance(6) == 0;
	}
	settings.has_quarantine = chance(3) != 0;
	settings.has_reject = chance(3) != 0;
	settings.quarantine = (double)chance(6);
	settings.reject = settings.quarantine + (double)chance(6);
	return (build(rule, &settings));
}

/*
 * Every completion leads to one of the possible actions; where that is one,
 * it is the decision. Nothing is left undecided when all is known.
 */
static void
check_completions(
    const struct rules *rules, struct arena *own, unsigned *decided)
{
	facts_set set[OPEN_INPUTS], full[OPEN_INPUTS] = {0};
	struct rules_decision partial, d;
	struct given given;

	facts_given(&given);
	open_random(&given.facts, set);
	rules_decide(rules, &given.facts, own, &partial);
	*decided += partial.decided;
	while (open_next(&given.facts, set, full)) {
		rules_decide(rules, &given.facts, own, &d);
		assert_true(d.decided);
		assert_int_equal(
		    partial.possible & BIT(d.action), BIT(d.action));
		if (partial.decided)
			assert_int_equal(d.action, partial.action);
	}
}

static void
test_no_completion_contradicts(void **state)
{
	unsigned i, decided = 0;

	(void)state;
	for (i = 0; i < 3000; i++) {
		struct arena *own = arena_new();
		struct rules *rules = random_rules();

		check_completions(rules, own, &decided);
		rules_free(rules);
		arena_free(own);
	}
	/* The property must not hold for want of decisions. */
	assert_true(decided > 600 && decided < 2900);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ordered),
	    cmocka_unit_test(test_scores),
	    cmocka_unit_test(test_score_without_threshold),
	    cmocka_unit_test(test_scored),
	    cmocka_unit_test(test_shadow),
	    cmocka_unit_test(test_undecided),
	    cmocka_unit_test(test_failing_for),
	    cmocka_unit_test(test_doubt),
	    cmocka_unit_test(test_presets),
	    cmocka_unit_test(test_every_preset_compiles),
	    cmocka_unit_test(test_override),
	    cmocka_unit_test(test_replies),
	    cmocka_unit_test(test_reply_is_short),
	    cmocka_unit_test(test_reply_needs),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_settings_mistakes),
	    cmocka_unit_test(test_caret),
	    cmocka_unit_test(test_location),
	    cmocka_unit_test(test_explain),
	    cmocka_unit_test(test_no_completion_contradicts),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
