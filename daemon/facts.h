/* SPDX-License-Identifier: ISC */
/*
 * What is known about one message and one author domain: the inputs of the
 * rules. An input that DNS could not provide is not a value but the *set* of
 * values it may have: "spf is pass" is true when the set is {pass}, false when
 * pass is not in it, and unknown otherwise.
 *
 * Facts are found lazily: facts_need() runs SPF or DMARC when a rule first
 * asks. A run in which something was missing from the view is thrown away, so
 * what a fact then holds does not matter (it is the full set).
 *
 * Order of calls: facts_open() with the request; rules_decide(), which calls
 * facts_need(); then whoever writes the reply reads the fields of the groups
 * in facts->have.
 */
#ifndef FACTS_H
#define FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dmarc.h"
#include "dname.h"
#include "ipaddr.h"
#include "spf.h"
#include "tri.h"
#include "view.h"

/* A set of the values of an enum: bit n stands for value n. */
typedef uint32_t facts_set;
#define FACTS_ONE(value) ((facts_set)1 << (value))

/* set is {value}: true; value not in set: false; else unknown. */
enum tri facts_is(facts_set set, unsigned value);

/* RFC 8601 2.7.1: what the verifier found for one signature. */
enum dkim_result {
	DKIM_NONE,
	DKIM_PASS,
	DKIM_FAIL,
	DKIM_POLICY,
	DKIM_NEUTRAL,
	DKIM_TEMPERROR,
	DKIM_PERMERROR
};

/* RFC 9989 9.1 (RFC 8601): the result of DMARC. */
enum dmarc_result {
	DMARC_RESULT_NONE,
	DMARC_RESULT_PASS,
	DMARC_RESULT_FAIL,
	DMARC_RESULT_TEMPERROR,
	DMARC_RESULT_PERMERROR
};

/* The policy that applies; no policy at all is not p=none. */
enum facts_policy {
	FACTS_POLICY_ABSENT,
	FACTS_POLICY_NONE,
	FACTS_POLICY_QUARANTINE,
	FACTS_POLICY_REJECT
};

struct facts_signature {
	enum dkim_result reported; /* by the asker, who is trusted */
	facts_set	 result;   /* of enum dkim_result */
	const char	*d, *s, *a, *b; /* as given; "" if absent */
	bool		 has_domain; /* d could be read as a name */
	struct dname	 domain;
	/*
	 * Group FACTS_DMARC: the domain is. For a signature that cannot have
	 * passed no lookup is made: then only the author domain itself is.
	 */
	enum tri	 aligned;
};

/* FACTS_DKIM, the signatures, is given and never needs to be found. */
enum facts_group { FACTS_SPF = 1, FACTS_DMARC = 2, FACTS_DKIM = 4 };

struct facts {
	/* Given with the request; never NULL. */
	struct ipaddr	 client_ip; /* octets 0: not given */
	const char	*helo;
	const char	*mail_from;
	const char	*host;	   /* the mail host that asks; "" unknown */
	const char	*message_id; /* "" if not given */
	const struct dmarc_options *options;
	bool		 has_author;
	struct dname	 author;   /* the author domain, if has_author */
	size_t		 signatures;
	struct facts_signature *signature;

	/*
	 * Of no message but of any, to check the rules themselves: inputs that
	 * tell of the sender rather than of a result are unknown.
	 */
	bool		 hypothetical;

	/* Found so far: an OR of enum facts_group. */
	unsigned	 have;
	/* The groups of inputs that leave an expression unknown: expr_eval()
	   adds to it. Private to rules.c. */
	unsigned	 doubted;

	/* FACTS_SPF. `answer.result` is what to report. */
	struct spf_question question;
	struct spf_answer spf;
	facts_set	 spf_result; /* of enum spf_result; no TEMPERROR */

	/* FACTS_DMARC */
	struct dmarc	 policy;     /* the record and its fields */
	facts_set	 policy_set; /* of enum facts_policy: applies */
	facts_set	 published_set; /* the same before t= */
	struct view_scope alignment; /* what the identifiers' walks read */
	enum tri	 spf_aligned;  /* SPF passed, and for an aligned name */
	enum tri	 dkim_aligned; /* so did some signature */
	facts_set	 dmarc;	     /* of enum dmarc_result; no TEMPERROR */
	enum dmarc_result dmarc_reported;

	struct view	*view;
};

/*
 * Finds what `groups` names, unless it is at hand already. FACTS_DMARC brings
 * FACTS_SPF with it when there is an author domain. SPF is checked for the
 * MAIL FROM identity, on which alone DMARC relies (RFC 9989 4.4.2); a null
 * reverse-path makes that the HELO name (RFC 7208 2.4).
 */
void facts_need(struct facts *facts, unsigned groups);

/* The signatures' results: {pass} if some passed for certain, and so on. */
enum tri facts_any_dkim(const struct facts *facts, enum dkim_result result);

/*
 * How long DNS has failed for what was needed and is still not known in
 * `groups`, milliseconds; 0: it did not. As long as older records served, it
 * was known: that time does not count. For DMARC alone SPF and a signature
 * count only if they could be aligned. The keys of signatures that were
 * reported as temperror are looked up for it, and may be missing from the view.
 */
int64_t facts_failing_for(const struct facts *facts, unsigned groups);

int dkim_result_from_text(const char *text, enum dkim_result *result);
const char *dkim_result_text(enum dkim_result result);
const char *dmarc_result_text(enum dmarc_result result);
const char *facts_policy_text(enum facts_policy policy);

#endif
