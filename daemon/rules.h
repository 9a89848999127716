/* SPDX-License-Identifier: ISC */
/*
 * The combination: an ordered list of rules makes one verdict of what is known
 * about a message (verdict-rules(7) teaches the language).
 *
 * DNS may leave inputs unknown, so a rule is true, false or unknown, and the
 * list gives the *set* of actions that full information could lead to. One
 * action: that is the verdict. Several: the configured fallback, and the
 * decision says so. What always holds: a decision with `decided` set is the
 * one that every completion of the unknown inputs gives.
 *
 * To build: rules_new(); rules_settings(); rules_add() in order, the user's
 * rules before those of a preset; rules_finish(). After that it does not
 * change. On any error: rules_free(), and the old rules stay in force.
 * To use: rules_decide() for each message, then rules_reply() if it needs one.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "expr.h"
#include "facts.h"
#include "tri.h"

struct arena;

/* 1,000 are tried in the benchmark; what is beyond 10,000 is a mistake. */
#define RULES_MAX 10000

/* From lenient to strict: the stricter of two is the greater. */
enum rules_action {
	RULES_ACCEPT,
	RULES_QUARANTINE,
	RULES_DEFER,
	RULES_REJECT
};

/* A rule as the configuration has it. All strings are copied. */
struct rule_source {
	const char *name;     /* unique, printable ASCII, 1 to 63 octets */
	const char *when;     /* NULL or "": always */
	const char *action;   /* accept quarantine defer reject; NULL: none */
	bool	    has_score;
	double	    score;    /* kept in thousandths */
	const char *reply;    /* SMTP text, see rules_reply(); NULL: default */
	const char *override; /* RFC 9990 PolicyOverrideType; NULL: none */
	bool	    shadow;   /* only counted, never applied */
	const char *file;     /* "preset rfc9989" for a preset's text */
	int	    line;     /* where the rule's block begins, or near it */
};

struct rules_settings {
	enum rules_action undecided;	 /* when several actions are possible */
	int64_t		  defer_at_most; /* ms that DNS has failed; 0: no end */
	enum rules_action after_defer;	 /* ... instead of undecided = defer */
	bool		  has_quarantine, has_reject; /* thresholds given */
	double		  quarantine, reject; /* reached or passed: acts */
};

/* Scores are of this size at most: their sums stay exact. */
#define RULES_SCORE_MAX 1000000

/* Octets of a reply: qmail's error text is under 255 (qmail.c). */
#define RULES_REPLY_MAX 250

/* defer, 4 h, accept; no thresholds. */
extern const struct rules_settings rules_settings_default;

/* Where and why a configuration is refused. */
struct rules_error {
	char	 file[256];
	int	 line;		 /* 0: of no one line */
	unsigned column;	 /* from 1; 0: of no one column */
	char	 rule[64];	 /* "" if of no one rule */
	char	 message[384];
	char	 source[128];	 /* the line at fault, or its middle; or "" */
	unsigned caret, width;	 /* in `source`: from 0, octets */
};

struct rules;

struct rules *rules_new(void);
void rules_free(struct rules *rules); /* NULL is fine */

/* All: 0, or -1 with `*error` filled. */
int rules_settings(struct rules *rules, const struct rules_settings *settings,
    struct rules_error *error);
int rules_add(struct rules *rules, const struct rule_source *source,
    struct rules_error *error);
/* What can only be told of all rules together. */
int rules_finish(struct rules *rules, struct rules_error *error);

/*
 * "file:line:column: message", and under it the source line with a caret.
 * Several lines, each ended by a newline but the last. Returns `buf`.
 */
const char *rules_error_text(const struct rules_error *error, char *buf,
    size_t size);

struct rules_shadow {
	const char		  *rule;
	bool			   acts; /* has an action, not only a score */
	enum rules_action	   action;
	const struct rules_shadow *next;
};

struct rules_scored {
	const char		  *rule;
	const struct rules_scored *next;
};

struct rules_decision {
	enum rules_action action;
	bool		  decided;  /* no: the configured fallback */
	unsigned	  possible; /* a bit (1 << action) for each that full
				       information could have led to */
	const char	 *rule;	    /* what decided: a rule's name, "score",
				       "default", "undecided" or "after-defer" */
	const char	 *doubt;    /* undecided: the first rule that could
				       not be told; else NULL */
	const char	 *template; /* that rule's reply; NULL: none */
	const char	 *override; /* that rule's override; NULL: none */
	double		  score_low, score_high;
	const struct rules_scored *scored; /* whose scores are in both ends, in
					      order. Arena */
	const struct rules_shadow *shadow; /* that fired, in order. Arena */
};

/*
 * Strings of the decision are borrowed from `rules`. Runs SPF and DMARC
 * through facts_need(), only as far as the verdict and its reply depend on
 * them. When anything was missing from the facts' view, the decision has no
 * meaning.
 */
void rules_decide(const struct rules *rules, struct facts *facts,
    struct arena *arena, struct rules_decision *decision);

/*
 * The whole SMTP reply ("550 5.7.1 ..."), or NULL for accept and quarantine.
 * A template may begin with the basic and enhanced code, the enhanced code, or
 * neither, and may hold %{from}, %{policy_domain}, %{spf_domain},
 * %{client_ip}, %{rule} and %%. One line of printable ASCII. Arena.
 */
const char *rules_reply(const struct rules_decision *decision,
    const struct facts *facts, struct arena *arena);

/* Each rule in order, for explanations and tables. */
enum rules_step {
	RULES_STEP_EVALUATED,
	RULES_STEP_SETTLED /* not reached: the verdict was certain before */
};

struct rules_trace {
	const char		 *rule;
	const char		 *when;
	const char		 *file;
	int			  line;
	bool			  shadow;
	bool			  acts, scores;
	enum rules_action	  action;
	double			  score;
	enum rules_step		  step;
	enum tri		  value; /* if evaluated */
	/* If evaluated: "dmarc is fail[yes] and policy is reject[unknown]".
	   What was skipped as it could not matter has no bracket. */
	const char		 *detail;
	const struct rules_trace *next;
};

/* The same walk as rules_decide(), and what each step found. Arena. */
const struct rules_trace *rules_explain(const struct rules *rules,
    struct facts *facts, struct arena *arena);

/* The list files that were read, by number from 0; NULL behind the last. */
const char *rules_file(const struct rules *rules, size_t number);

size_t rules_count(const struct rules *rules);
/* By index from 0: is the rule's condition true, wherever it stands? */
enum tri rules_value(const struct rules *rules, size_t index,
    struct facts *facts);
/* Borrowed. */
const struct rules_settings *rules_settings_of(const struct rules *rules);

/* "accept" and so on. From text: 0, or -1 if it is none. */
const char *rules_action_text(enum rules_action action);
int rules_action_from_text(const char *text, enum rules_action *action);

#endif
