/* SPDX-License-Identifier: ISC */
/*
 * From a question to its answer: each verb of the protocol is one function
 * that reads the question's fields, asks the evaluators over a view, and
 * writes the reply. Nothing here waits or keeps state: the same question, over
 * the same records and configuration, gives the same answer.
 */
#ifndef RUN_H
#define RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "dmarc.h"
#include "dname.h"
#include "log.h"
#include "msg.h"
#include "view.h"

struct facts;
struct rules;
struct rules_decision;

/* What the configuration says about answers. Borrowed by requests. */
struct run_options {
	const struct rules  *rules;
	struct dmarc_options dmarc;
	bool		     compare;	   /* see dmarc_compare.h */
	const char	    *receiver;	   /* for SPF's %{r}; our name */
	bool		     spf_prefetch; /* see struct spf_question */
	bool		     renew;	   /* records in use, near their end */
	int64_t		     stale_max;	   /* ms */
	int64_t		     started;	   /* of the daemon, ms */
	bool		     log_verdicts; /* a line for each, */
	enum log_level	     log_level;	   /* at this level */
};

/* What was found, for whoever keeps accounts. All of it is the view's arena. */
struct run_outcome {
	bool	     has_domain;
	struct dname domain; /* that the question is about */
	/* NULL, all three, unless a verdict was given. */
	const struct rules_decision *decision;
	const struct facts	    *facts;
	const struct view_scope	    *scope; /* what it rests on */
};

/*
 * Writes the whole reply. When view_missing() holds afterwards, the reply is
 * worthless: fetch, and run again. `control`: asked on the control endpoint,
 * which has a few more verbs.
 */
void run_question(const struct run_options *options, const struct msg *question,
    bool control, struct view *view, struct msg_out *reply,
    struct run_outcome *outcome);

/* A reply of "verdict/1 error". */
void run_error(struct msg_out *reply, const char *reason);

#endif
