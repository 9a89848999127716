/* SPDX-License-Identifier: ISC */
#include "control_tally.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"
#include "tally.h"

/* Lines of one reply, so that the longest fit into a message. */
#define TOP_LINES     100
#define TOP_DEFAULT   20
#define HISTORY_LINES 100
#define SERIES_LINES  150

/* Bounds of the histogram that is told: 2^4 us and each doubling. */
#define BITS_LEAST 4

#define LINE_MAX 1024

struct line {
	char text[LINE_MAX];
	size_t len;
};

static void add(struct line *line, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct line *line, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(
	    line->text + line->len, sizeof(line->text) - line->len, fmt, ap);
	va_end(ap);
	if (len > 0 && (size_t)len < sizeof(line->text) - line->len)
		line->len += (size_t)len;
}

/* The field as a number; `fallback` if it is not there or is none. */
static uint64_t
number(const struct msg *msg, const char *name, uint64_t fallback)
{
	const char *text = msg_get(msg, name);
	char *end;
	uint64_t value;

	if (text == NULL || *text < '0' || *text > '9')
		return (fallback);
	value = strtoull(text, &end, 10);
	return (*end == '\0' ? value : fallback);
}

static void
put_latency(
    struct msg_out *reply, const char *verb, const struct histogram *latency)
{
	struct line line = {.len = 0};
	unsigned bits;

	add(&line,
	    "%s count=%" PRIu64 " sum_us=%" PRIu64 " max_us=%" PRIu64
	    " p50_us=%" PRIu64 " p90_us=%" PRIu64 " p99_us=%" PRIu64
	    " p999_us=%" PRIu64 " below=",
	    verb, latency->count, latency->sum, latency->max,
	    histogram_quantile(latency, 500), histogram_quantile(latency, 900),
	    histogram_quantile(latency, 990), histogram_quantile(latency, 999));
	for (bits = BITS_LEAST; bits <= HISTOGRAM_BITS; bits++)
		add(&line, "%s%" PRIu64, bits == BITS_LEAST ? "" : ",",
		    histogram_below(latency, bits));
	msg_put(reply, "latency", line.text);
}

void
control_latency(
    const struct tally *tally, const struct msg *msg, struct msg_out *reply)
{
	unsigned i;

	(void)msg;
	for (i = 0; i < TALLY_VERBS; i++)
		if (tally->latency[i].count > 0)
			put_latency(reply, tally_verb(i), &tally->latency[i]);
}

/* Returns 0, or -1 and the reply is an error. */
static int
table_read(
    const struct msg *msg, struct msg_out *reply, enum tally_table *table)
{
	const char *name = msg_get(msg, "table");
	unsigned i;

	for (i = 0; name != NULL && i < TALLY_TABLES; i++) {
		*table = (enum tally_table)i;
		if (strcmp(tally_table_name(*table), name) == 0)
			return (0);
	}
	run_error(reply,
	    "table: not one of domains, rejects, failures, hosts, rules");
	return (-1);
}

/* TOP_COUNTS, the weight, unless another column is asked for. */
static unsigned
column_read(const struct msg *msg, enum tally_table table)
{
	const char *by = msg_get(msg, "by"), *name;
	unsigned i;

	for (i = 0; by != NULL && (name = tally_column(table, i)) != NULL; i++)
		if (strcmp(name, by) == 0)
			return (i);
	return (TOP_COUNTS);
}

static void
put_entry(struct msg_out *reply, enum tally_table table,
    const struct top_entry *entry)
{
	struct line line = {.len = 0};
	const char *name;
	unsigned i;

	add(&line,
	    "weight=%" PRIu64 " error=%" PRIu64 " first=%" PRId64
	    " last=%" PRId64,
	    entry->weight, entry->error, entry->first / 1000,
	    entry->last / 1000);
	if (entry->since != 0)
		add(&line, " since=%" PRId64 " ended=%" PRId64,
		    entry->since / 1000, entry->ended / 1000);
	for (i = 0; (name = tally_column(table, i)) != NULL; i++)
		add(&line, " %s=%" PRIu64, name, entry->count[i]);
	/* Last, since it may hold spaces. */
	add(&line, " name=%s", entry->key);
	msg_put(reply, "entry", line.text);
}

void
control_top(
    const struct tally *tally, const struct msg *msg, struct msg_out *reply)
{
	const uint64_t limit = number(msg, "limit", TOP_DEFAULT);
	const struct top_entry *list[TOP_LINES];
	enum tally_table table;
	size_t count, i;

	if (table_read(msg, reply, &table) == -1)
		return;
	count = top_list(tally->table[table], column_read(msg, table), list,
	    limit < TOP_LINES ? limit : TOP_LINES);
	for (i = 0; i < count; i++)
		put_entry(reply, table, list[i]);
}

void
control_history(
    const struct tally *tally, const struct msg *msg, struct msg_out *reply)
{
	const size_t count = history_count(&tally->history);
	size_t i = number(msg, "from", 0), lines;

	msg_putf(reply, "count", "%zu", count);
	for (lines = 0; i < count && lines < HISTORY_LINES; i++, lines++) {
		const struct history_change *change =
		    history_at(&tally->history, count - 1 - i);

		/* "before" and "after" hold spaces, but never "after=". */
		msg_putf(reply, "change",
		    "at=%" PRId64 " domain=%s before=%s after=%s",
		    change->at / 1000, change->domain, change->before,
		    change->after);
	}
}

static void
put_columns(struct msg_out *reply)
{
	struct line line = {.len = 0};
	unsigned i;

	add(&line, "at");
	for (i = 0; i < SERIES_COUNT; i++)
		add(&line, " %s", series_name((enum series_column)i));
	msg_put(reply, "columns", line.text);
}

static void
put_sample(struct msg_out *reply, const struct series_sample *sample)
{
	struct line line = {.len = 0};
	unsigned i;

	add(&line, "%" PRId64, sample->at / 1000);
	for (i = 0; i < SERIES_COUNT; i++)
		add(&line, " %" PRIu64, sample->value[i]);
	msg_put(reply, "sample", line.text);
}

void
control_series(
    const struct tally *tally, const struct msg *msg, struct msg_out *reply)
{
	const size_t count = series_count(&tally->series);
	size_t i = number(msg, "from", 0), lines;

	msg_putf(reply, "count", "%zu", count);
	put_columns(reply);
	for (lines = 0; i < count && lines < SERIES_LINES; i++, lines++)
		put_sample(reply, series_at(&tally->series, i));
}
