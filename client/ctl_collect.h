/* SPDX-License-Identifier: ISC */
/*
 * All that a running daemon tells of itself, asked for at once: what status,
 * stats and report are made from.
 */
#ifndef CTL_COLLECT_H
#define CTL_COLLECT_H

#include <stdint.h>

#include <stdbool.h>
#include <time.h>

#include "ctl.h"
#include "tally.h"

/* Entries of each table that are asked for. */
#define COLLECT_ENTRIES 100

struct collect {
	struct verdict *ping, *stats, *latency;
	struct verdict *table[TALLY_TABLES];
};

/* Returns an exit status; unless it is CTL_OK there is nothing to free. */
int collect_get(const struct ctl *ctl, struct collect *collect);
void collect_free(struct collect *collect);

/* Walks the verbs: start with *cursor NULL. The line of "latency", or NULL. */
const char *collect_latency(const struct collect *collect,
    const char **cursor);
/* The same for a table: the line of "entry". */
const char *collect_entry(const struct collect *collect,
    enum tally_table table, const char **cursor);

/*
 * Does DNS fail at this time, by a line of TALLY_FAILURES? Not if that is old
 * news, which nobody has come upon for so long that it is forgotten.
 */
bool collect_is_failing(const char *line, time_t now);

/* The numbers of "stats" that are no counters of stats.h, with what they are;
   NULL behind the last. A name in octets is told in bytes to others. */
struct collect_gauge {
	const char *name, *help;
};
extern const struct collect_gauge collect_gauges[];

#endif
