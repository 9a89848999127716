/* SPDX-License-Identifier: ISC */
#include "ctl_metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl_answer.h"
#include "ctl_collect.h"
#include "ctl_json.h"
#include "ctl_question.h"
#include "stats.h"

/* The daemon's histograms are told at 2^4 us and each doubling. */
#define BITS_LEAST 4

/*
 * JSON
 */

static void
json_pairs(const char *line, const char *const *names, const char *comma)
{
	for (; *names != NULL; names++, comma = ", ")
		printf("%s\"%s\": %" PRIu64, comma, *names,
		    line_number(line, *names));
}

static void
json_latency(const struct collect *collect)
{
	static const char *const names[] = {"count", "sum_us", "max_us",
	    "p50_us", "p90_us", "p99_us", "p999_us", NULL};
	const char *cursor = NULL, *line, *comma = "";

	printf(",\n  \"latency\": {");
	while ((line = collect_latency(collect, &cursor)) != NULL) {
		printf("%s\n    ", comma);
		json_string(line, strcspn(line, " "));
		printf(": {");
		json_pairs(line, names, "");
		putchar('}');
		comma = ",";
	}
	printf("\n  }");
}

static void
json_table(const struct collect *collect, enum tally_table table)
{
	static const char *const common[] = {
	    "weight", "error", "first", "last", NULL};
	static const char *const failing[] = {"since", "ended", NULL};
	const char *cursor = NULL, *line, *comma = "", *name, *column;
	unsigned i;

	printf(",\n  \"%s\": [", tally_table_name(table));
	while ((line = collect_entry(collect, table, &cursor)) != NULL) {
		name = line_rest(line, "name");
		printf("%s\n    {\"name\": ", comma);
		json_string(name, strlen(name));
		json_pairs(line, common, ", ");
		if (table == TALLY_FAILURES)
			json_pairs(line, failing, ", ");
		for (i = 0; (column = tally_column(table, i)) != NULL; i++)
			printf(", \"%s\": %" PRIu64, column,
			    line_number(line, column));
		putchar('}');
		comma = ",";
	}
	printf("\n  ]");
}

void
metrics_json(const struct collect *collect)
{
	int i;

	putchar('{');
	answer_print_members(collect->stats);
	printf(",\n  \"uptime\": %" PRIu64,
	    answer_number(collect->ping, "uptime"));
	json_latency(collect);
	for (i = 0; i < TALLY_TABLES; i++)
		json_table(collect, (enum tally_table)i);
	puts("\n}");
}

/*
 * OpenMetrics
 */

/* The value of a label. What is no printable ASCII is shown as \xHH. */
static void
label(const char *text)
{
	const unsigned char *p;

	putchar('"');
	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p >= ' ' && *p < 0x7f)
			putchar(*p);
		else
			printf("\\\\x%02x", *p);
	putchar('"');
}

struct family {
	const char *name; /* without "verdictd_" */
	const char *type, *unit, *help;
	bool classic;
};

static void
family_begin(const struct family *family)
{
	const char *suffix =
	    family->classic && strcmp(family->type, "counter") == 0 ? "_total"
								    : "";

	printf(
	    "# HELP verdictd_%s%s %s.\n", family->name, suffix, family->help);
	printf("# TYPE verdictd_%s%s %s\n", family->name, suffix, family->type);
	if (family->unit != NULL && !family->classic)
		printf("# UNIT verdictd_%s %s\n", family->name, family->unit);
}

/* "of these: reject" needs the counter before it to be understood. */
static void
counter_help(enum stat_id id, char *buf, size_t size)
{
	enum stat_id whole = id;
	const char *help = stat_help(id);

	while (whole > 0 && strncmp(stat_help(whole), "of these: ", 10) == 0)
		whole--;
	if (whole != id)
		snprintf(
		    buf, size, "%s, of these: %s", stat_help(whole), help + 10);
	else
		snprintf(buf, size, "%s", help);
	if (buf[0] >= 'a' && buf[0] <= 'z')
		buf[0] = (char)(buf[0] - 'a' + 'A');
}

static void
counters_print(const struct collect *collect, bool classic)
{
	char help[256];
	enum stat_id id;

	for (id = 0; id < STATS_COUNT; id++) {
		const struct family family = {
		    stat_name(id), "counter", NULL, help, classic};

		counter_help(id, help, sizeof(help));
		family_begin(&family);
		printf("verdictd_%s_total %" PRIu64 "\n", stat_name(id),
		    answer_number(collect->stats, stat_name(id)));
	}
}

static void
gauges_print(const struct collect *collect, bool classic)
{
	const struct collect_gauge *gauge;
	char name[64];
	char *octets;

	for (gauge = collect_gauges; gauge->name != NULL; gauge++) {
		struct family family = {
		    name, "gauge", NULL, gauge->help, classic};

		snprintf(name, sizeof(name), "%s", gauge->name);
		if ((octets = strstr(name, "_octets")) != NULL) {
			memcpy(octets, "_bytes", sizeof("_bytes"));
			family.unit = "bytes";
		}
		family_begin(&family);
		printf("verdictd_%s %" PRIu64 "\n", name,
		    answer_number(collect->stats, gauge->name));
	}
}

static void
histogram_print(const char *line)
{
	const int len = (int)strcspn(line, " ");
	const char *below = line_rest(line, "below");
	unsigned bits = BITS_LEAST;
	char *end;

	while (*below >= '0' && *below <= '9') {
		printf("verdictd_reply_seconds_bucket{verb=\"%.*s\","
		       "le=\"%.6f\"} %" PRIu64 "\n",
		    len, line, (double)(UINT64_C(1) << bits++) / 1e6,
		    (uint64_t)strtoull(below, &end, 10));
		below = *end == ',' ? end + 1 : end;
	}
	printf("verdictd_reply_seconds_bucket{verb=\"%.*s\",le=\"+Inf\"} "
	       "%" PRIu64 "\n",
	    len, line, line_number(line, "count"));
	printf("verdictd_reply_seconds_sum{verb=\"%.*s\"} %.6f\n", len, line,
	    (double)line_number(line, "sum_us") / 1e6);
	printf("verdictd_reply_seconds_count{verb=\"%.*s\"} %" PRIu64 "\n", len,
	    line, line_number(line, "count"));
}

static void
latency_print(const struct collect *collect, bool classic)
{
	const struct family family = {"reply_seconds", "histogram", "seconds",
	    "Time from a question's arrival to its reply", classic};
	const char *cursor = NULL, *line;

	family_begin(&family);
	while ((line = collect_latency(collect, &cursor)) != NULL)
		histogram_print(line);
}

/* A column of a table as a counter, with a label for the entry's name. */
static void
column_print(const struct collect *collect, enum tally_table table,
    const char *column, const char *key, const struct family *family)
{
	const char *cursor = NULL, *line, *name;

	family_begin(family);
	while ((line = collect_entry(collect, table, &cursor)) != NULL) {
		name = line_rest(line, "name");
		printf("verdictd_%s_total{%s=", family->name, key);
		label(name);
		printf("} %" PRIu64 "\n", line_number(line, column));
	}
}

static void
tables_print(const struct collect *collect, bool classic)
{
	static const struct {
		enum tally_table table;
		const char *column, *label, *name, *help;
	} columns[] = {
	    {TALLY_RULES, "decided", "rule", "rule_decided",
		"Verdicts that a rule has decided"},
	    {TALLY_RULES, "shadow", "rule", "rule_shadow",
		"Verdicts for which a rule under trial would have fired"},
	    {TALLY_HOSTS, "questions", "host", "host_questions",
		"Questions by asking host"},
	    {TALLY_HOSTS, "reject", "host", "host_rejects",
		"Rejects by asking host"},
	    {TALLY_HOSTS, "busy", "host", "host_busy",
		"Questions of a host that were answered with busy"},
	};
	size_t i;

	for (i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		const struct family family = {
		    columns[i].name, "counter", NULL, columns[i].help, classic};

		column_print(collect, columns[i].table, columns[i].column,
		    columns[i].label, &family);
	}
}

static void
failing_print(const struct collect *collect, bool classic)
{
	const struct family family = {"failing_seconds", "gauge", "seconds",
	    "For how long DNS has failed for a domain", classic};
	const char *cursor = NULL, *line, *name;
	const time_t now = time(NULL);

	family_begin(&family);
	while (
	    (line = collect_entry(collect, TALLY_FAILURES, &cursor)) != NULL) {
		const time_t since = (time_t)line_number(line, "since");

		if (!collect_is_failing(line, now))
			continue;
		name = line_rest(line, "name");
		printf("verdictd_failing_seconds{domain=");
		label(name);
		printf("} %lld\n", (long long)(now > since ? now - since : 0));
	}
}

static void
process_print(const struct collect *collect, bool classic)
{
	const struct family build = {
	    "build", "info", NULL, "The version that runs", classic};
	const struct family up = {"uptime_seconds", "gauge", "seconds",
	    "Time since the daemon started", classic};

	if (!classic) {
		family_begin(&build);
		printf("verdictd_build_info{version=");
		label(answer_text(collect->ping, "version"));
		puts("} 1");
	}
	family_begin(&up);
	printf("verdictd_uptime_seconds %" PRIu64 "\n",
	    answer_number(collect->ping, "uptime"));
}

void
metrics_open(const struct collect *collect, bool classic)
{
	process_print(collect, classic);
	counters_print(collect, classic);
	gauges_print(collect, classic);
	latency_print(collect, classic);
	tables_print(collect, classic);
	failing_print(collect, classic);
	if (!classic)
		puts("# EOF");
}
