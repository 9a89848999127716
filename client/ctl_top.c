/* SPDX-License-Identifier: ISC */
/* What comes most often, and what has changed. */
#include "ctl.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl_answer.h"
#include "ctl_question.h"
#include "tally.h"

/* "2026-11-24 23:58:07 +0100"; "-" if it has not come. */
static void
time_print(uint64_t seconds)
{
	const time_t at = (time_t)seconds;
	struct tm tm;
	char text[40] = "-";

	if (seconds != 0 && localtime_r(&at, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	printf("%-25s", text);
}

/* ---- top -------------------------------------------------------------- */

struct top_options {
	enum tally_table table;
	const char *column; /* NULL: by weight */
	const char *count;
};

static int
table_find(const char *name, enum tally_table *table)
{
	int i;

	for (i = 0; i < TALLY_TABLES; i++)
		if (strcmp(tally_table_name((enum tally_table)i), name) == 0) {
			*table = (enum tally_table)i;
			return (0);
		}
	return (-1);
}

static bool
column_exists(enum tally_table table, const char *name)
{
	const char *column;
	unsigned i;

	for (i = 0; (column = tally_column(table, i)) != NULL; i++)
		if (strcmp(column, name) == 0)
			return (true);
	return (false);
}

static int
top_options_read(struct top_options *options, int argc, char **argv)
{
	*options = (struct top_options){TALLY_DOMAINS, NULL, "20"};
	if (argc > 0 && table_find(argv[0], &options->table) == 0) {
		argc--;
		argv++;
	}
	if (argc > 0 && column_exists(options->table, argv[0])) {
		options->column = argv[0];
		argc--;
		argv++;
	}
	if (argc > 0 && strspn(argv[0], "0123456789") == strlen(argv[0]) &&
	    *argv[0] != '\0') {
		options->count = argv[0];
		argc--;
	}
	return (argc == 0 ? 0 : -1);
}

/* Each column is as wide as its heading and its greatest number need. */
struct widths {
	int of[TOP_COUNTS];
};

static void
widths_find(
    struct widths *widths, enum tally_table table, const struct verdict *answer)
{
	const char *cursor, *line, *column;
	unsigned i;
	int width;

	memset(widths, 0, sizeof(*widths));
	for (i = 0; (column = tally_column(table, i)) != NULL; i++) {
		widths->of[i] = (int)strlen(column);
		cursor = NULL;
		while ((line = answer_line(answer, "entry", &cursor)) != NULL) {
			width = snprintf(
			    NULL, 0, "%" PRIu64, line_number(line, column));
			if (widths->of[i] < width)
				widths->of[i] = width;
		}
	}
}

static void
top_header(enum tally_table table, const struct widths *widths)
{
	const char *column;
	unsigned i;

	if (table == TALLY_FAILURES)
		printf("%-25s %-25s", "since", "works again");
	else
		printf("%-25s", "last");
	for (i = 0; (column = tally_column(table, i)) != NULL; i++)
		printf(" %*s", widths->of[i], column);
	puts("  name");
}

/*
 * An entry that took the place of another has counted only since then; what it
 * may have had before is told.
 */
static void
top_line(enum tally_table table, const struct widths *widths, const char *line)
{
	const char *column;
	unsigned i;

	if (table == TALLY_FAILURES) {
		time_print(line_number(line, "since"));
		putchar(' ');
		time_print(line_number(line, "ended"));
	} else {
		time_print(line_number(line, "last"));
	}
	for (i = 0; (column = tally_column(table, i)) != NULL; i++)
		printf(" %*" PRIu64, widths->of[i], line_number(line, column));
	fputs("  ", stdout);
	answer_put(line_rest(line, "name"));
	if (line_number(line, "error") > 0)
		printf(" (and up to %" PRIu64 " earlier)",
		    line_number(line, "error"));
	putchar('\n');
}

int
ctl_top(const struct ctl *ctl, int argc, char **argv)
{
	const char *cursor = NULL, *line;
	struct top_options options;
	struct widths widths;
	struct verdict *v;
	int status;

	if (top_options_read(&options, argc, argv) == -1)
		return (ctl_misused(ctl));
	v = question_ask(ctl, &status, "top", "table",
	    tally_table_name(options.table), "by",
	    options.column == NULL ? "" : options.column, "limit",
	    options.count, (char *)NULL);
	if (v == NULL)
		return (status);
	widths_find(&widths, options.table, v);
	top_header(options.table, &widths);
	while ((line = answer_line(v, "entry", &cursor)) != NULL)
		top_line(options.table, &widths, line);
	verdict_free(v);
	return (CTL_OK);
}

/* ---- history ---------------------------------------------------------- */

static void
change_print(const char *line)
{
	const char *domain = line_rest(line, "domain");
	const char *before = line_rest(line, "before");
	const char *after = line_rest(line, "after");
	char text[1024];

	time_print(line_number(line, "at"));
	snprintf(text, sizeof(text), " %.*s moved %.*s to %s",
	    (int)strcspn(domain, " "), domain,
	    (int)(after - before) - (int)strlen(" after="), before, after);
	answer_put(text);
	putchar('\n');
}

/* One part of it. Returns how many changes there were, or -1. */
static int
history_part(
    const struct ctl *ctl, unsigned from, const char *only, int *status)
{
	const char *cursor = NULL, *line;
	struct verdict *v;
	char number[16];
	int lines = 0;

	snprintf(number, sizeof(number), "%u", from);
	v = question_ask(ctl, status, "history", "from", number, (char *)NULL);
	if (v == NULL)
		return (-1);
	for (; (line = answer_line(v, "change", &cursor)) != NULL; lines++) {
		const char *domain = line_rest(line, "domain");

		if (only == NULL ||
		    (strlen(only) == strcspn(domain, " ") &&
			strncasecmp(only, domain, strlen(only)) == 0))
			change_print(line);
	}
	verdict_free(v);
	return (lines);
}

int
ctl_history(const struct ctl *ctl, int argc, char **argv)
{
	unsigned from = 0;
	int lines, status = CTL_OK;

	if (argc > 1 || (argc == 1 && *argv[0] == '-'))
		return (ctl_misused(ctl));
	do {
		lines = history_part(
		    ctl, from, argc == 1 ? argv[0] : NULL, &status);
		from += lines > 0 ? (unsigned)lines : 0;
	} while (lines > 0);
	return (status);
}
