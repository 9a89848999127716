/* SPDX-License-Identifier: ISC */
#include "ctl_answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl_collect.h"
#include "ctl_question.h"

const char *
answer_text(const struct verdict *v, const char *name)
{
	const char *value = verdict_get(v, name);

	return (value == NULL ? "" : value);
}

/*
 * Records come from anywhere: they may not order a terminal about. Beyond ASCII
 * there are C1 controls and marks of direction.
 */
static void
octets_put(const char *text, unsigned char hidden)
{
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e || *p == hidden)
			printf("\\x%02x", *p);
		else
			putchar(*p);
}

void
answer_put(const char *text)
{
	octets_put(text, '\0');
}

void
answer_put_quoted(const char *text)
{
	putchar('"');
	octets_put(text, '"');
	putchar('"');
}

void
answer_print(const struct verdict *v)
{
	const char *cursor = NULL, *name, *value;

	while ((value = verdict_next(v, &cursor, &name)) != NULL) {
		printf("%s=", name);
		answer_put(value);
		putchar('\n');
	}
}

static bool
is_number(const char *text)
{
	return (*text != '\0' && text[strspn(text, "0123456789")] == '\0');
}

/* Names on the wire are letters, digits and "_". */
void
answer_print_members(const struct verdict *v)
{
	const char *cursor = NULL, *name, *value, *comma = "";

	while ((value = verdict_next(v, &cursor, &name)) != NULL) {
		if (!is_number(value))
			continue;
		printf("%s\n  \"%s\": %s", comma, name, value);
		comma = ",";
	}
}

const char *
duration_text(char buf[DURATION_MAX], unsigned long long seconds)
{
	static const struct {
		unsigned long long seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i;

	for (i = 0; i < 3 && seconds < units[i].seconds; i++)
		;
	if (i == 3)
		snprintf(buf, DURATION_MAX, "%llu s", seconds);
	else
		snprintf(buf, DURATION_MAX, "%llu %s %llu %s",
		    seconds / units[i].seconds, units[i].name,
		    seconds % units[i].seconds / units[i + 1].seconds,
		    units[i + 1].name);
	return (buf);
}

/* ---- status ----------------------------------------------------------- */

static unsigned long long
number(const struct verdict *v, const char *name)
{
	return (answer_number(v, name));
}

/* Of a terminal; the last column is left free. */
#define WIDTH 80

/* A heading, then "N what" for each counter, in as many lines as it takes. */
struct item {
	const char *counter, *what;
};

static void
line_print(const struct verdict *v, const char *heading,
    const struct item *items, size_t count)
{
	int column = printf("%-9s", heading), len;
	char text[64];
	size_t i;

	for (i = 0; i < count; i++) {
		len = snprintf(text, sizeof(text), "%llu %s%s",
		    number(v, items[i].counter), items[i].what,
		    i + 1 < count ? "," : "");
		if (column + 1 + len >= WIDTH)
			column = printf("\n%9s", "") - 1;
		column += printf(" %s", text);
	}
	putchar('\n');
}

static double
percent(unsigned long long part, unsigned long long other)
{
	return (part == 0 ? 0 : 100 * (double)part / (double)(part + other));
}

static void
cache_print(const struct verdict *v)
{
	if (number(v, "cache_open") == 0) {
		puts("cache     not in use: the daemon could not open its "
		     "file, see the log");
		return;
	}
	printf(
	    "cache     %llu entries, %.1f of %.1f MiB, %.1f %% found fresh\n",
	    number(v, "cache_entries"),
	    (double)number(v, "cache_live_octets") / (1 << 20),
	    (double)number(v, "cache_limit_octets") / (1 << 20),
	    percent(number(v, "cache_hits"), number(v, "cache_misses")));
	if (number(v, "cache_put_failures") > 0)
		printf("          %llu could not be written, see the log\n",
		    number(v, "cache_put_failures"));
}

/* "0.085 ms" needs no more than three digits. */
static void
ms_put(unsigned long long us)
{
	printf("%.*f ms",
	    us < 10000	  ? 2
	    : us < 100000 ? 1
			  : 0,
	    (double)us / 1000);
}

/* What mail asks; all on one screen. */
static bool
is_mail_verb(const char *line)
{
	static const char *const others[] = {"ping ", "record ", "other "};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strncmp(line, others[i], strlen(others[i])) == 0)
			return (false);
	return (true);
}

static void
latency_print(const struct collect *collect)
{
	const char *cursor = NULL, *line;

	while ((line = collect_latency(collect, &cursor)) != NULL) {
		if (!is_mail_verb(line))
			continue;
		printf("  %-8.*s %9llu answered, half in ",
		    (int)strcspn(line, " "), line,
		    (unsigned long long)line_number(line, "count"));
		ms_put(line_number(line, "p50_us"));
		fputs(", 99 % in ", stdout);
		ms_put(line_number(line, "p99_us"));
		fputs(", all in ", stdout);
		ms_put(line_number(line, "max_us"));
		putchar('\n');
	}
}

/* At most this many of each table, for one screen. */
#define STATUS_LINES 5

static const char *
plural(unsigned long long count)
{
	return (count == 1 ? "" : "s");
}

static void
askers_print(const struct collect *collect)
{
	const char *cursor = NULL, *line;
	int lines = 0;

	puts("who asks");
	while (lines++ < STATUS_LINES &&
	       (line = collect_entry(collect, TALLY_HOSTS, &cursor)) != NULL) {
		const unsigned long long questions =
		    line_number(line, "questions");

		printf("  %10llu question%s, %llu reject, %llu defer: ",
		    questions, plural(questions),
		    (unsigned long long)line_number(line, "reject"),
		    (unsigned long long)line_number(line, "defer"));
		answer_put(line_rest(line, "name"));
		putchar('\n');
	}
}

static void
failing_print(const struct collect *collect)
{
	const char *cursor = NULL, *line;
	const time_t now = time(NULL);
	char duration[DURATION_MAX];
	int lines = 0;

	while (lines < STATUS_LINES && (line = collect_entry(collect,
					    TALLY_FAILURES, &cursor)) != NULL) {
		const unsigned long long since = line_number(line, "since");
		const unsigned long long failures =
		    line_number(line, "failures");

		if (!collect_is_failing(line, now))
			continue;
		if (lines++ == 0)
			puts("DNS fails");
		duration_text(duration, (unsigned long long)now > since
					    ? (unsigned long long)now - since
					    : 0);
		printf("  for %s, %llu time%s: ", duration, failures,
		    plural(failures));
		answer_put(line_rest(line, "name"));
		putchar('\n');
	}
}

#define LINE(v, heading, items)                                                \
	line_print(v, heading, items, sizeof(items) / sizeof((items)[0]))

void
answer_print_status(const struct collect *collect)
{
	const struct verdict *ping = collect->ping, *stats = collect->stats;
	static const struct item questions[] = {{"requests", "received"},
	    {"replies", "answered"}, {"busy", "busy"},
	    {"malformed", "malformed"}, {"deadlines", "late"},
	    {"parked", "waiting"}};
	static const struct item verdicts[] = {{"checks", "given"},
	    {"accepted", "accept"}, {"quarantined", "quarantine"},
	    {"rejected", "reject"}, {"deferred", "defer"},
	    {"undecided", "undecided"}};
	static const struct item lookups[] = {{"lookups", "made"},
	    {"lookups_joined", "shared"}, {"answers_failed", "failed"},
	    {"lookup_timeouts", "timed out"}, {"lookups_over", "refused"},
	    {"in_flight", "in flight"}};
	static const struct item answers[] = {{"answers_secure", "secure"},
	    {"answers_insecure", "insecure"},
	    {"answers_indeterminate", "indeterminate"},
	    {"answers_bogus", "bogus"}};
	char up[DURATION_MAX];

	printf("verdictd  %s, up %s\n", answer_text(ping, "version"),
	    duration_text(up, number(ping, "uptime")));
	LINE(stats, "questions", questions);
	LINE(stats, "verdicts", verdicts);
	LINE(stats, "lookups", lookups);
	LINE(stats, "answers", answers);
	cache_print(stats);
	puts("answers by verb");
	latency_print(collect);
	askers_print(collect);
	failing_print(collect);
}
