/* SPDX-License-Identifier: ISC */
/*
 * Facts for tests of the rules: all found already, so that no view is asked.
 * facts_given() makes a message that passes everything; a test then changes
 * what it is about. A random source and the ways of completing partial facts
 * serve the property tests.
 */
#ifndef FACTS_GIVEN_H
#define FACTS_GIVEN_H

#include <stdint.h>
#include <string.h>

#include "facts.h"

#define GIVEN_SIGNATURES 2

struct given {
	struct facts facts;
	struct facts_signature signature[GIVEN_SIGNATURES];
};

static inline void
facts_given(struct given *given)
{
	struct facts *f = &given->facts;
	struct facts_signature *sig = &given->signature[0];

	memset(given, 0, sizeof(*given));
	(void)ipaddr_from_text(&f->client_ip, "192.0.2.1");
	f->helo = "mail.example.org";
	f->mail_from = "bounce@lists.example.org";
	f->host = "mx1.example.net";
	f->has_author = dname_from_text(&f->author, "news.example.com") == 0;
	f->signatures = 1;
	f->signature = given->signature;
	sig->reported = DKIM_PASS;
	sig->result = FACTS_ONE(DKIM_PASS);
	sig->d = "example.com";
	sig->s = "k1";
	sig->a = "rsa-sha256";
	sig->b = "";
	sig->has_domain = dname_from_text(&sig->domain, "example.com") == 0;
	sig->aligned = TRI_TRUE;
	f->have = (unsigned)FACTS_SPF | (unsigned)FACTS_DMARC;
	f->question.client_ip = f->client_ip;
	f->question.helo = f->helo;
	f->question.mail_from = f->mail_from;
	f->spf.result = SPF_PASS;
	f->spf.domain = "lists.example.org";
	f->spf.read.asked = 1;
	f->spf.read.dnssec = DNSSEC_INSECURE;
	f->spf.read.expires = INT64_MAX;
	f->spf_result = FACTS_ONE(SPF_PASS);
	f->policy.status = DMARC_FOUND;
	f->policy.author = f->author;
	(void)dname_from_text(&f->policy.policy_domain, "example.com");
	f->policy.org_domain = f->policy.policy_domain;
	f->policy.org_known = TRI_TRUE;
	f->policy.policy = f->policy.published = DMARC_POLICY_REJECT;
	f->policy.pct = 100;
	f->policy.rua = f->policy.ruf = f->policy.fo = f->policy.record = "";
	f->policy.read.asked = 2;
	f->policy.read.dnssec = DNSSEC_SECURE;
	f->policy.read.expires = INT64_MAX;
	f->policy_set = f->published_set = FACTS_ONE(FACTS_POLICY_REJECT);
	f->spf_aligned = TRI_FALSE;
	f->dkim_aligned = TRI_TRUE;
	f->dmarc = FACTS_ONE(DMARC_RESULT_PASS);
	f->dmarc_reported = DMARC_RESULT_PASS;
}

/* ---- chance, the same in every run ------------------------------------ */

static uint64_t chance_state = 1;

static inline uint64_t
chance(uint64_t below)
{
	uint64_t z = (chance_state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return ((z ^ z >> 31) % below);
}

/* ---- partial facts and their completions ------------------------------ */

/* The inputs that are sets: what DNS leaves open, each by itself. */
enum open_input {
	OPEN_SPF,
	OPEN_DMARC,
	OPEN_POLICY,
	OPEN_PUBLISHED,
	OPEN_SPF_ALIGNED,
	OPEN_DKIM_ALIGNED,
	OPEN_INPUTS
};

/* All values that each may have; temperror is none of them. */
static inline facts_set
open_full(unsigned input)
{
	static const facts_set full[OPEN_INPUTS] = {
	    0x7f & ~FACTS_ONE(SPF_TEMPERROR),
	    0x1f & ~FACTS_ONE(DMARC_RESULT_TEMPERROR), 0xf, 0xf, 3, 3};

	return (full[input]);
}

static inline enum tri
open_tri(facts_set set)
{
	return (set == 1 ? TRI_FALSE : set == 2 ? TRI_TRUE : TRI_UNKNOWN);
}

static inline void
open_set(struct facts *f, const facts_set set[OPEN_INPUTS])
{
	f->spf_result = set[OPEN_SPF];
	f->dmarc = set[OPEN_DMARC];
	f->policy_set = set[OPEN_POLICY];
	f->published_set = set[OPEN_PUBLISHED];
	f->spf_aligned = open_tri(set[OPEN_SPF_ALIGNED]);
	f->dkim_aligned = open_tri(set[OPEN_DKIM_ALIGNED]);
}

static inline bool
open_single(facts_set set)
{
	return ((set & (set - 1)) == 0);
}

/* The lowest value in `set` above those in `below`, as a set. */
static inline facts_set
open_lowest(facts_set set)
{
	return (set & (~set + 1));
}

/* Partial facts: each input is known, wholly open, or something between. */
static inline void
open_random(struct facts *f, facts_set set[OPEN_INPUTS])
{
	unsigned i;

	for (i = 0; i < OPEN_INPUTS; i++) {
		bool single = chance(2) == 0;

		do
			set[i] = open_full(i) &
			    (single ? FACTS_ONE(chance(7)) : chance(0x80));
		while (set[i] == 0);
	}
	open_set(f, set);
	/* The reports: what is not known has failed. */
	f->spf.result = SPF_TEMPERROR;
	if (open_single(set[OPEN_SPF]))
		for (f->spf.result = SPF_NONE;
		     FACTS_ONE(f->spf.result) != set[OPEN_SPF];)
			f->spf.result++;
	f->dmarc_reported = DMARC_RESULT_TEMPERROR;
	if (open_single(set[OPEN_DMARC]))
		for (f->dmarc_reported = DMARC_RESULT_NONE;
		     FACTS_ONE(f->dmarc_reported) != set[OPEN_DMARC];)
			f->dmarc_reported++;
}

/*
 * Walks all completions: start with `value` all 0; false behind the last. The
 * reports stay as they are: they say how DNS did, which is over.
 */
static inline bool
open_next(struct facts *f, const facts_set set[OPEN_INPUTS],
    facts_set value[OPEN_INPUTS])
{
	unsigned i;

	if (value[0] == 0) {
		for (i = 0; i < OPEN_INPUTS; i++)
			value[i] = open_lowest(set[i]);
		open_set(f, value);
		return (true);
	}
	for (i = 0; i < OPEN_INPUTS; i++) {
		/* Without the values up to this one. */
		facts_set rest = set[i] & ~(value[i] | (value[i] - 1));

		value[i] = open_lowest(rest != 0 ? rest : set[i]);
		if (rest != 0)
			break;
	}
	open_set(f, value);
	return (i < OPEN_INPUTS);
}

#endif
