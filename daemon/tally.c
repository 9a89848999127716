/* SPDX-License-Identifier: ISC */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "log.h"
#include "rules.h"
#include "run.h"
#include "stats.h"

#define MINUTE 60000 /* ms between two samples, and two writes of the file */

static const char *const verbs[TALLY_VERBS] = {
    "check", "dkim-key", "dmarc", "explain", "ping", "record", "spf", "other"};

static const struct {
	const char *name;
	unsigned capacity;
	const char *column[TOP_COUNTS];
} tables[TALLY_TABLES] = {
    [TALLY_DOMAINS] = {"domains", 1024,
	{"questions", "accept", "quarantine", "reject", "defer", "undecided"}},
    [TALLY_REJECTS] = {"rejects", 1024, {"rejects"}},
    [TALLY_FAILURES] = {"failures", 1024, {"failures"}},
    [TALLY_HOSTS] = {"hosts", 256,
	{"questions", "accept", "quarantine", "reject", "defer", "undecided",
	    "busy"}},
    [TALLY_RULES] = {"rules", 512, {"decided", "shadow"}},
};

struct tally *
tally_new(int64_t now)
{
	struct tally *tally = calloc(1, sizeof(*tally));
	unsigned i;

	if (tally == NULL)
		fatal(111, "tally.out_of_memory");
	for (i = 0; i < TALLY_TABLES; i++)
		tally->table[i] = top_new(tables[i].capacity);
	tally->began = tally->sampled = now;
	return (tally);
}

void
tally_free(struct tally *tally)
{
	unsigned i;

	if (tally == NULL)
		return;
	for (i = 0; i < TALLY_TABLES; i++)
		top_free(tally->table[i]);
	free(tally->path);
	free(tally);
}

const char *
tally_verb(unsigned number)
{
	return (number < TALLY_VERBS ? verbs[number] : NULL);
}

const char *
tally_table_name(enum tally_table table)
{
	return (tables[table].name);
}

const char *
tally_column(enum tally_table table, unsigned column)
{
	return (column < TOP_COUNTS ? tables[table].column[column] : NULL);
}

/*
 * Questions
 */

static void
latency_count(struct tally *tally, const char *verb, uint64_t us)
{
	unsigned i;

	for (i = 0; i < TALLY_VERBS - 1; i++)
		if (strcmp(verbs[i], verb) == 0)
			break;
	histogram_add(&tally->latency[i], us);
	/* Neither asks DNS about mail: they would make the rest look good. */
	if (strcmp(verb, "ping") != 0 && strcmp(verb, "record") != 0)
		histogram_add(&tally->minute, us);
}

static unsigned
column_of(enum rules_action action)
{
	switch (action) {
	case RULES_ACCEPT:
		return (TALLY_ACCEPT);
	case RULES_QUARANTINE:
		return (TALLY_QUARANTINE);
	case RULES_DEFER:
		return (TALLY_DEFER);
	case RULES_REJECT:
		return (TALLY_REJECT);
	}
	return (TALLY_ACCEPT);
}

static void
entry_count(struct top_entry *entry, const struct rules_decision *decision)
{
	entry->count[TALLY_QUESTIONS]++;
	if (decision == NULL)
		return;
	entry->count[column_of(decision->action)]++;
	if (!decision->decided)
		entry->count[TALLY_UNDECIDED]++;
}

static void
rules_count_decision(
    struct tally *tally, const struct rules_decision *decision, int64_t now)
{
	struct top *table = tally->table[TALLY_RULES];
	const struct rules_shadow *shadow;

	top_touch(table, decision->rule, now)->count[TALLY_DECIDED]++;
	for (shadow = decision->shadow; shadow != NULL; shadow = shadow->next)
		top_touch(table, shadow->rule, now)->count[TALLY_SHADOW]++;
}

static void
outcome_count(
    struct tally *tally, const struct run_outcome *outcome, int64_t now)
{
	const struct rules_decision *decision = outcome->decision;
	char domain[DNAME_TEXT_MAX];

	if (decision != NULL)
		rules_count_decision(tally, decision, now);
	if (!outcome->has_domain)
		return;
	dname_text(&outcome->domain, domain);
	entry_count(
	    top_touch(tally->table[TALLY_DOMAINS], domain, now), decision);
	if (decision != NULL && decision->action == RULES_REJECT)
		top_touch(tally->table[TALLY_REJECTS], domain, now)->count[0]++;
}

/* Who does not say its name is "-". */
static const char *
host_name(const char *host)
{
	return (host == NULL || *host == '\0' ? "-" : host);
}

void
tally_answered(struct tally *tally, const char *verb, const char *host,
    const struct run_outcome *outcome, uint64_t us, int64_t now)
{
	if (tally == NULL)
		return;
	latency_count(tally, verb, us);
	entry_count(top_touch(tally->table[TALLY_HOSTS], host_name(host), now),
	    outcome == NULL ? NULL : outcome->decision);
	if (outcome != NULL)
		outcome_count(tally, outcome, now);
}

void
tally_busy(struct tally *tally, const char *host, int64_t now)
{
	if (tally != NULL)
		top_touch(tally->table[TALLY_HOSTS], host_name(host), now)
		    ->count[TALLY_BUSY]++;
}

/*
 * Lookups
 */

/* "_dmarc.a.example" and "k1._domainkey.a.example" are about a.example. */
static void
domain_of(struct dname *domain, const struct dname *name)
{
	const uint8_t *p = name->wire;
	unsigned below = 0, label;

	for (label = 1; *p != 0; p += *p + 1, label++)
		if (p[1] == '_')
			below = label;
	dname_suffix(domain, name, dname_labels(name) - below);
}

static void
failure_count(struct tally *tally, const struct dname *name,
    const struct rrset *set, int64_t now)
{
	struct top *table = tally->table[TALLY_FAILURES];
	char text[DNAME_TEXT_MAX];
	struct top_entry *entry;
	struct dname domain;

	domain_of(&domain, name);
	dname_text(&domain, text);
	if (set->failure == RR_FAILURE_NONE) {
		entry = top_find(table, text);
		if (entry != NULL && entry->ended == 0)
			entry->ended = now;
	} else if (set->failed_at == now) {
		/* Otherwise it is late news of a failure that was counted. */
		entry = top_touch(table, text, now);
		entry->count[0]++;
		entry->since = set->failed_since;
		entry->ended = 0;
	}
}

static void
policy_compare(struct tally *tally, const struct dname *name,
    const struct rrset *older, const struct rrset *set,
    const struct dmarc_options *options, int64_t now)
{
	struct arena *arena = arena_new();
	struct history_change change = {.at = now};
	char text[DNAME_TEXT_MAX];
	struct dname domain;

	history_policy(change.before, arena, older, options);
	history_policy(change.after, arena, set, options);
	arena_free(arena);
	if (strcmp(change.before, change.after) == 0)
		return;
	domain_of(&domain, name);
	strncpy(change.domain, dname_text(&domain, text),
	    sizeof(change.domain) - 1);
	history_add(&tally->history, &change);
	log_info("policy.changed domain=%s before=\"%s\" after=\"%s\"", text,
	    change.before, change.after);
}

static bool
is_policy(const struct dname *name, uint16_t type)
{
	static const uint8_t label[] = "\6_dmarc";

	return (type == RR_TXT && name->len >= sizeof(label) &&
		memcmp(name->wire, label, sizeof(label) - 1) == 0);
}

void
tally_fetched(struct tally *tally, const struct dname *name, uint16_t type,
    const struct rrset *older, const struct rrset *set,
    const struct dmarc_options *options, int64_t now)
{
	if (tally == NULL)
		return;
	failure_count(tally, name, set, now);
	if (is_policy(name, type) && older != NULL &&
	    older->state != RR_FAILED && set->failure == RR_FAILURE_NONE)
		policy_compare(tally, name, older, set, options, now);
}

/*
 * The day by the minute
 */

bool
tally_due(const struct tally *tally, int64_t now)
{
	/* The second half: the clock was set back. */
	return (tally != NULL && (now - tally->sampled >= MINUTE ||
				     now < tally->sampled - MINUTE));
}

static void
counted_sample(struct tally *tally, struct series_sample *sample)
{
	static const enum stat_id counted[] = {
	    [SERIES_REQUESTS] = STAT_REQUESTS,
	    [SERIES_ACCEPTED] = STAT_ACCEPTED,
	    [SERIES_QUARANTINED] = STAT_QUARANTINED,
	    [SERIES_REJECTED] = STAT_REJECTED,
	    [SERIES_DEFERRED] = STAT_DEFERRED,
	    [SERIES_UNDECIDED] = STAT_UNDECIDED,
	    [SERIES_BUSY] = STAT_BUSY,
	    [SERIES_HITS] = STAT_CACHE_HITS,
	    [SERIES_MISSES] = STAT_CACHE_MISSES,
	    [SERIES_LOOKUPS] = STAT_LOOKUPS,
	    [SERIES_FAILED] = STAT_FAILED,
	};
	unsigned i;

	for (i = 0; i < sizeof(counted) / sizeof(*counted); i++) {
		const uint64_t value = stat_value(counted[i]);

		sample->value[i] = value - tally->base[i];
		tally->base[i] = value;
	}
}

void
tally_sample(
    struct tally *tally, const struct tally_gauges *gauges, int64_t now)
{
	struct series_sample sample = {.at = now};

	counted_sample(tally, &sample);
	sample.value[SERIES_P50] = histogram_quantile(&tally->minute, 500);
	sample.value[SERIES_P90] = histogram_quantile(&tally->minute, 900);
	sample.value[SERIES_P99] = histogram_quantile(&tally->minute, 990);
	sample.value[SERIES_ENTRIES] = gauges->entries;
	sample.value[SERIES_LIVE] = gauges->live;
	series_add(&tally->series, &sample);
	memset(&tally->minute, 0, sizeof(tally->minute));
	tally->sampled = now;
}
