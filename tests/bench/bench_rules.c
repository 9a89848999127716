/* SPDX-License-Identifier: ISC */
/*
 * What the combination costs: a decision of each preset with every input at
 * hand; a configuration of 1,000 rules; a list of 1,000,000 domains, loaded
 * and asked. Nanoseconds are the mean of many decisions in a row.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../unit/facts_given.h"
#include "../unit/preset_rules.h"
#include "arena.h"
#include "listfile.h"
#include "rules.h"

#define DECISIONS 1000000
#define DOMAINS	  1000000
#define PROBES	  1000000
#define RULES	  1000

/* Of processor time: the machine may have other work. */
static double
nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return ((double)now.tv_sec * 1e9 + (double)now.tv_nsec);
}

/* A message that fails DMARC under p=reject; or one of which DNS tells little. */
static void
message(struct given *given, bool known)
{
	facts_given(given);
	given->facts.spf.result = SPF_FAIL;
	given->facts.spf_result = FACTS_ONE(SPF_FAIL);
	given->facts.dkim_aligned = TRI_FALSE;
	given->facts.dmarc = FACTS_ONE(DMARC_RESULT_FAIL);
	if (known)
		return;
	given->facts.dkim_aligned = TRI_UNKNOWN;
	given->facts.dmarc = open_full(OPEN_DMARC);
	given->facts.policy_set = open_full(OPEN_POLICY);
	/* Not since long: the fallback asks for it. */
	given->facts.policy.read.lost_since = 0;
}

/* The arena of a request lives for one decision; here, for a thousand. */
static double
decide_many(const struct rules *rules, struct facts *facts, unsigned count,
    struct rules_decision *decision)
{
	double start = nanoseconds();
	unsigned i, j;

	for (i = 0; i < count; i += 1000) {
		struct arena *arena = arena_new();

		for (j = 0; j < 1000; j++)
			rules_decide(rules, facts, arena, decision);
		arena_free(arena);
	}
	return ((nanoseconds() - start) / count);
}

static void
bench_preset(const char *name)
{
	struct rules_settings settings = rules_settings_default;
	struct rules *rules = rules_new();
	const char *why = preset_add(rules, name, &settings);
	unsigned i;

	if (why != NULL) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	for (i = 0; i < 2; i++) {
		struct rules_decision decision;
		struct given given;
		double each;

		message(&given, i == 0);
		each = decide_many(rules, &given.facts, DECISIONS, &decision);
		printf("%-15s %-12s %6.0f ns  %s by %s\n", name,
		    i == 0 ? "all known" : "much unknown", each,
		    rules_action_text(decision.action), decision.rule);
	}
	rules_free(rules);
}

/* None is true until the last, as for most mail of a site with many rules. */
static void
bench_many_rules(void)
{
	struct rules *rules = rules_new();
	struct rules_decision decision;
	struct rules_error error;
	struct given given;
	double start = nanoseconds(), built;
	unsigned i;

	for (i = 0; i < RULES; i++) {
		char name[32], when[160];
		struct rule_source source = {
		    .name = name, .when = when, .action = "accept"};

		snprintf(name, sizeof(name), "rule %u", i);
		snprintf(when, sizeof(when),
		    "client_ip in {198.51.%u.0/24, 2001:db8:%x::/48} and "
		    "(dkim_domain in l%u.example or from is f%u.example) "
		    "or mail_from_domain in m%u.example and spf is pass",
		    i % 256, i, i, i, i);
		if (rules_add(rules, &source, &error) != 0)
			abort();
	}
	built = nanoseconds() - start;
	message(&given, true);
	printf("%u rules: built in %.1f ms, ", RULES, built / 1e6);
	printf("a decision through all of them %.0f ns\n",
	    decide_many(rules, &given.facts, 20000, &decision));
	rules_free(rules);
}

/* Names of the lengths that mail domains have, 14 octets in the mean. */
static void
domain_write(char *buf, size_t size, unsigned number)
{
	static const char *const top[] = {
	    "com", "net", "org", "de", "co.uk", "info", "example", "fr"};

	snprintf(buf, size, "d%x%s.%s", number * 2654435761U,
	    number % 3 == 0 ? "-mail" : "", top[number % 8]);
}

static void
list_write(const char *path)
{
	FILE *file = fopen(path, "w");
	char name[64];
	unsigned i;

	if (file == NULL)
		exit(111);
	for (i = 0; i < DOMAINS; i++) {
		domain_write(name, sizeof(name), i);
		fprintf(file, "%s\n", name);
	}
	fclose(file);
}

/* Below a name of the list, and below one that is not. */
static void
bench_lookup(const struct listfile *list, unsigned first, const char *what)
{
	struct dname *probe = malloc(PROBES * sizeof(*probe));
	double start, each;
	char name[64], text[80];
	unsigned i, found = 0;

	for (i = 0; i < PROBES; i++) {
		domain_write(
		    name, sizeof(name), first + (unsigned)chance(DOMAINS));
		snprintf(text, sizeof(text), "mx.%s", name);
		if (dname_from_text(&probe[i], text) != 0)
			abort();
	}
	start = nanoseconds();
	for (i = 0; i < PROBES; i++)
		found += listfile_has_domain(list, &probe[i]);
	each = (nanoseconds() - start) / PROBES;
	printf(
	    "a name %s: %.0f ns (%u of %u found)\n", what, each, found, PROBES);
	if (found != (first == 0 ? PROBES : 0))
		abort();
	free(probe);
}

static void
bench_list(void)
{
	char path[] = "/tmp/bench_rules.XXXXXX";
	struct listfile *list = listfile_new(LISTFILE_DOMAINS);
	struct listfile_error error;
	double start;

	(void)close(mkstemp(path));
	list_write(path);
	start = nanoseconds();
	if (listfile_load(list, path, &error) != 0)
		abort();
	listfile_finish(list);
	printf("list of %zu domains: loaded in %.0f ms, %.1f MB\n",
	    listfile_count(list), (nanoseconds() - start) / 1e6,
	    (double)listfile_memory(list) / 1e6);
	(void)unlink(path);
	bench_lookup(list, 0, "of the list");
	bench_lookup(list, DOMAINS, "of none");
	listfile_free(list);
}

int
main(void)
{
	unsigned i;

	for (i = 0; preset_name(i) != NULL; i++)
		bench_preset(preset_name(i));
	bench_many_rules();
	bench_list();
	return (0);
}
