/* SPDX-License-Identifier: ISC */
/*
 * What the parts of run share. run.c has the way from a question to its
 * verdict; run_read.c reads the question's fields, run_reply.c writes what was
 * found, and run_explain.c tells why.
 */
#ifndef RUN_PRIVATE_H
#define RUN_PRIVATE_H

#include "dkimkey.h"
#include "facts.h"
#include "rules.h"
#include "run.h"

/*
 * Author domains of one message. RFC 5322 allows several, honest mail has one;
 * each costs a tree walk.
 */
#define RUN_AUTHORS_MAX 8

/* One question on its way. */
struct run {
	const struct run_options *options;
	const struct msg	 *question;
	struct view		 *view;
	struct arena		 *arena; /* the view's */
	struct msg_out		 *reply;
	struct run_outcome	 *outcome;
};

/* What is found for one author domain of a message. */
struct verdict {
	struct facts	      facts;
	struct rules_decision decision;
};

/*
 * Reading. Who returns -1 or NULL has made the reply an error. Strings are
 * borrowed from the question, or the arena's.
 */

/* The field's value, "" if it is not there. */
const char *run_field(const struct run *run, const char *name);
const char *run_field_required(struct run *run, const char *name);
/* The reply is an error: "name: problem". */
void run_refuse(struct run *run, const char *name, const char *problem);
int run_read_spf(struct run *run, struct spf_question *question);
/* All but the author. */
int run_read_facts(struct run *run, struct facts *facts);
/* The different author domains; `*more`: there are others beyond them. */
unsigned run_read_authors(struct run *run,
    struct dname authors[RUN_AUTHORS_MAX], bool *more);

/* Writing. */

void run_put_int(struct run *run, const char *name, int64_t value);
/* What the answer rests on: the fields that all replies share. */
void run_put_scope(struct run *run, const struct view_scope *scope);
/* `share`: the octets that the line may take. */
void run_put_key(struct run *run, const char *asked, const struct dkimkey *key,
    size_t share);
void run_put_spf(struct run *run, const struct spf_question *question,
    const struct spf_answer *answer);
void run_put_dmarc(struct run *run, const struct dmarc *dmarc);
void run_put_decision(struct run *run, struct verdict *verdict);
void run_put_facts(struct run *run, const struct verdict *verdict);
/* Behind all others. Asks the rules once more. */
void run_put_explanation(struct run *run, struct verdict *verdict);

/* Rounded up: a record that is stale at all is stale for a second. */
static inline int64_t
run_seconds_up(int64_t ms)
{
	return ((ms + 999) / 1000);
}

#endif
