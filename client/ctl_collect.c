/* SPDX-License-Identifier: ISC */
#include "ctl_collect.h"

#include <stdio.h>
#include <string.h>

#include "ctl_question.h"

/*
 * Seconds for which the daemon itself remembers a failure that nobody has come
 * upon again (INFLIGHT_FAILURE_KEEP).
 */
#define FAILURE_KEEP (8 * 3600)

const struct collect_gauge collect_gauges[] = {
    {"parked", "Requests that wait for DNS"},
    {"in_flight", "Lookups under way"},
    {"cache_open", "Whether the cache's file is in use"},
    {"cache_entries", "Record sets and conclusions in the cache"},
    {"cache_live_octets", "Pages of the cache in use"},
    {"cache_limit_octets", "The bound on the pages in use"},
    {"cache_file_octets", "Length of the cache's file"},
    {NULL, NULL},
};

static int
collect_ask(const struct ctl *ctl, struct collect *collect)
{
	char limit[16];
	int status = CTL_OK, i;

	snprintf(limit, sizeof(limit), "%d", COLLECT_ENTRIES);
	if ((collect->ping =
		    question_ask(ctl, &status, "ping", (char *)NULL)) == NULL ||
	    (collect->stats = question_ask(
		 ctl, &status, "stats", (char *)NULL)) == NULL ||
	    (collect->latency = question_ask(
		 ctl, &status, "latency", (char *)NULL)) == NULL)
		return (status);
	for (i = 0; i < TALLY_TABLES && status == CTL_OK; i++)
		collect->table[i] = question_ask(ctl, &status, "top", "table",
		    tally_table_name((enum tally_table)i), "limit", limit,
		    (char *)NULL);
	return (status);
}

int
collect_get(const struct ctl *ctl, struct collect *collect)
{
	int status;

	memset(collect, 0, sizeof(*collect));
	if ((status = collect_ask(ctl, collect)) != CTL_OK)
		collect_free(collect);
	return (status);
}

void
collect_free(struct collect *collect)
{
	int i;

	verdict_free(collect->ping);
	verdict_free(collect->stats);
	verdict_free(collect->latency);
	for (i = 0; i < TALLY_TABLES; i++)
		verdict_free(collect->table[i]);
}

const char *
collect_latency(const struct collect *collect, const char **cursor)
{
	return (answer_line(collect->latency, "latency", cursor));
}

bool
collect_is_failing(const char *line, time_t now)
{
	return (
	    line_number(line, "ended") == 0 &&
	    (int64_t)now - (int64_t)line_number(line, "last") <= FAILURE_KEEP);
}

const char *
collect_entry(
    const struct collect *collect, enum tally_table table, const char **cursor)
{
	return (answer_line(collect->table[table], "entry", cursor));
}
