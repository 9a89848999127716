/* SPDX-License-Identifier: ISC */
/*
 * What an operator may want to know beyond plain counters (stats.h): how long
 * answers take, who asks, about which domains, which rules decide, where DNS
 * fails and since when, which domains have changed their policy, and the last
 * day by the minute. All tables are of fixed size. With the counters they are
 * kept in a file and so outlive the daemon; nothing here is ever set back.
 *
 * Order of calls: tally_new(); tally_load() once, before anything is counted;
 * the functions that count; tally_tick() from a timer; tally_save();
 * tally_free(). One thread only. All but the first take NULL for "nobody wants
 * to know".
 */
#ifndef TALLY_H
#define TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "dname.h"
#include "histogram.h"
#include "history.h"
#include "rrset.h"
#include "series.h"
#include "top.h"

struct dmarc_options;
struct run_outcome;

/* The verbs whose times are kept apart; what is none of them is "other". */
#define TALLY_VERBS 8

/* The tables, the names under which they are asked for, and their caps. */
enum tally_table {
	TALLY_DOMAINS,	/* asked about: 1024, what an operator looks at */
	TALLY_REJECTS,	/* domains rejected: the same */
	TALLY_FAILURES, /* domains whose DNS fails: the same */
	TALLY_HOSTS,	/* that ask: 256, more than one installation has */
	TALLY_RULES,	/* 512: configurations have tens of rules */
	TALLY_TABLES
};

/* The columns of each table, in `count` of its entries. */
enum tally_asked {
	TALLY_QUESTIONS,
	TALLY_ACCEPT,
	TALLY_QUARANTINE,
	TALLY_REJECT,
	TALLY_DEFER,
	TALLY_UNDECIDED,
	TALLY_BUSY
};
enum tally_rule { TALLY_DECIDED, TALLY_SHADOW };

struct tally {
	struct histogram latency[TALLY_VERBS];
	struct histogram minute; /* all verbs, since the last sample */
	struct top	*table[TALLY_TABLES];
	struct history	 history;
	struct series	 series;
	int64_t		 began;	     /* counting, ms since the epoch */
	int64_t		 sampled;    /* when the last sample was taken */
	int64_t		 complained; /* that it cannot be written; 0: never */
	uint64_t	 base[SERIES_COUNT]; /* counters at the last sample */
	char		*path;
};

struct tally *tally_new(int64_t now);
void tally_free(struct tally *tally);

/* "check" and so on; NULL behind the last. */
const char *tally_verb(unsigned number);
const char *tally_table_name(enum tally_table table);
/* The name of a column of the table, or NULL behind the last. */
const char *tally_column(enum tally_table table, unsigned column);

/*
 * A question was answered after `us` microseconds. `host` is who says to ask,
 * or NULL. `outcome` may be NULL.
 */
void tally_answered(struct tally *tally, const char *verb, const char *host,
    const struct run_outcome *outcome, uint64_t us, int64_t now);
/* A question was not taken. */
void tally_busy(struct tally *tally, const char *host, int64_t now);
/*
 * A lookup ended: `set` is what will be stored in place of `older`, NULL if
 * there is none.
 */
void tally_fetched(struct tally *tally, const struct dname *name,
    uint16_t type, const struct rrset *older, const struct rrset *set,
    const struct dmarc_options *options, int64_t now);

/* What is measured for a sample. */
struct tally_gauges {
	uint64_t entries, live;
};
/* A minute is over: tally_sample() and tally_save() are due. */
bool tally_due(const struct tally *tally, int64_t now);
void tally_sample(struct tally *tally, const struct tally_gauges *gauges,
    int64_t now);

#endif
