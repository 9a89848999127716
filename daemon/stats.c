/* SPDX-License-Identifier: ISC */
#include "stats.h"

#include <stdatomic.h>

static _Atomic uint64_t counters[STATS_COUNT];

static const char *const names[] = {
#define STATS_NAME(id, name, help) name,
    STATS_COUNTERS(STATS_NAME)
#undef STATS_NAME
};

static const char *const helps[] = {
#define STATS_HELP(id, name, help) help,
    STATS_COUNTERS(STATS_HELP)
#undef STATS_HELP
};

void
stat_count(enum stat_id stat)
{
	atomic_fetch_add_explicit(&counters[stat], 1, memory_order_relaxed);
}

void
stat_add(enum stat_id stat, uint64_t value)
{
	atomic_fetch_add_explicit(&counters[stat], value, memory_order_relaxed);
}

uint64_t
stat_value(enum stat_id stat)
{
	return (atomic_load_explicit(&counters[stat], memory_order_relaxed));
}

const char *
stat_name(enum stat_id stat)
{
	return (names[stat]);
}

const char *
stat_help(enum stat_id stat)
{
	return (helps[stat]);
}
