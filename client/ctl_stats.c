/* SPDX-License-Identifier: ISC */
/* What a daemon has counted: as text, for programs, for people, and live. */
#include "ctl.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl_answer.h"
#include "ctl_collect.h"
#include "ctl_metrics.h"
#include "ctl_question.h"
#include "histogram.h"

#define HEADER_EACH 20 /* lines of --watch */
#define BITS_LEAST  4  /* of the histograms that the daemon tells */

static int
stats_text(const struct ctl *ctl)
{
	int status;
	struct verdict *v = question_ask(ctl, &status, "stats", (char *)NULL);

	if (v == NULL)
		return (status);
	answer_print(v);
	verdict_free(v);
	return (status);
}

static int
stats_metrics(const struct ctl *ctl, const char *form)
{
	struct collect collect;
	int status = collect_get(ctl, &collect);

	if (status != CTL_OK)
		return (status);
	if (strcmp(form, "--json") == 0)
		metrics_json(&collect);
	else
		metrics_open(&collect, strcmp(form, "--prometheus") == 0);
	collect_free(&collect);
	return (CTL_OK);
}

int
ctl_status(const struct ctl *ctl, int argc, char **argv)
{
	struct collect collect;
	int status;

	(void)argv;
	if (argc != 0)
		return (ctl_misused(ctl));
	if ((status = collect_get(ctl, &collect)) != CTL_OK)
		return (status);
	answer_print_status(&collect);
	collect_free(&collect);
	return (CTL_OK);
}

/* ---- live ------------------------------------------------------------- */

/* How many answers took less than 2^n us: of all verbs but ping and record. */
struct moment {
	struct verdict *stats;
	uint64_t below[HISTOGRAM_BITS + 1];
	struct timespec at;
};

static void
below_add(uint64_t below[HISTOGRAM_BITS + 1], const char *line)
{
	const char *p = line_rest(line, "below");
	unsigned bits;
	char *end;

	for (bits = BITS_LEAST; bits <= HISTOGRAM_BITS && *p != '\0'; bits++) {
		below[bits] += strtoull(p, &end, 10);
		p = *end == ',' ? end + 1 : end;
	}
}

static int
moment_get(const struct ctl *ctl, struct moment *moment)
{
	const char *cursor = NULL, *line;
	struct verdict *latency;
	int status;

	memset(moment, 0, sizeof(*moment));
	if ((latency = question_ask(ctl, &status, "latency", (char *)NULL)) ==
	    NULL)
		return (status);
	while ((line = answer_line(latency, "latency", &cursor)) != NULL)
		if (strncmp(line, "ping ", 5) != 0 &&
		    strncmp(line, "record ", 7) != 0)
			below_add(moment->below, line);
	verdict_free(latency);
	clock_gettime(CLOCK_MONOTONIC, &moment->at);
	moment->stats = question_ask(ctl, &status, "stats", (char *)NULL);
	return (status);
}

static double
seconds_between(const struct timespec *from, const struct timespec *to)
{
	return ((double)(to->tv_sec - from->tv_sec) +
		(double)(to->tv_nsec - from->tv_nsec) / 1e9);
}

/* A daemon that was killed may have lost the end of its counts. */
static uint64_t
difference(uint64_t from, uint64_t to)
{
	return (to > from ? to - from : 0);
}

/* A bound within a factor of two; 0 when nothing was answered. */
static double
quantile_ms(const struct moment *from, const struct moment *to, double part)
{
	const uint64_t count =
	    difference(from->below[HISTOGRAM_BITS], to->below[HISTOGRAM_BITS]);
	unsigned bits;

	for (bits = BITS_LEAST; bits < HISTOGRAM_BITS; bits++)
		if ((double)difference(from->below[bits], to->below[bits]) >=
		    part * (double)count)
			break;
	return (count == 0 ? 0 : (double)(UINT64_C(1) << bits) / 1000);
}

static double
grown(const struct moment *from, const struct moment *to, const char *name)
{
	return ((double)difference(
	    answer_number(from->stats, name), answer_number(to->stats, name)));
}

/* In five characters at most, since a line is to fit into 80 columns. */
static void
short_put(int width, double value)
{
	static const char *const units[] = {"", "k", "M"};
	const size_t last = sizeof(units) / sizeof(*units) - 1;
	size_t i;

	for (i = 0; i < last && value >= 9999.5; i++)
		value /= 1000;
	printf("%*.*f%s", width - (int)strlen(units[i]),
	    value > 0 && value < 9.95 ? 1 : 0, value, units[i]);
}

/* "-" where there was nothing to measure. */
static void
measure_put(bool measured, double value, int digits)
{
	if (measured)
		printf(" %5.*f", value < 10 ? digits : 0, value);
	else
		printf(" %5s", "-");
}

/* Their widths are those of the headings in watch_header(). */
static const struct {
	const char *counter;
	int width;
} rates[] = {{"requests", 6}, {"accepted", 7}, {"quarantined", 5},
    {"rejected", 7}, {"deferred", 6}, {"lookups", 5}, {"answers_failed", 5}};

static void
watch_header(void)
{
	puts("per s:     ask accept quar reject defer  dns fail"
	     " fresh p50ms p99ms wait cache");
}

static void
watch_line(const struct moment *from, const struct moment *to)
{
	const double span = seconds_between(&from->at, &to->at);
	const double hits = grown(from, to, "cache_hits");
	const double reads = hits + grown(from, to, "cache_misses");
	const double half = quantile_ms(from, to, 0.5);
	const time_t now = time(NULL);
	struct tm tm;
	char clock[16];
	size_t i;

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s ", clock);
	for (i = 0; i < sizeof(rates) / sizeof(*rates); i++)
		short_put(
		    rates[i].width, grown(from, to, rates[i].counter) / span);
	measure_put(reads > 0, 100 * hits / reads, 0);
	measure_put(half > 0, half, 2);
	measure_put(half > 0, quantile_ms(from, to, 0.99), 2);
	short_put(5, (double)answer_number(to->stats, "parked"));
	short_put(6, (double)answer_number(to->stats, "cache_entries"));
	putchar('\n');
	fflush(stdout);
}

static int
stats_watch(const struct ctl *ctl, long seconds, long count)
{
	const struct timespec pause = {.tv_sec = seconds};
	struct moment last, next;
	long line;
	int status;

	if ((status = moment_get(ctl, &last)) != CTL_OK)
		return (status);
	for (line = 0; count == 0 || line < count; line++) {
		nanosleep(&pause, NULL);
		if ((status = moment_get(ctl, &next)) != CTL_OK)
			break;
		if (line % HEADER_EACH == 0)
			watch_header();
		watch_line(&last, &next);
		verdict_free(last.stats);
		last = next;
	}
	verdict_free(last.stats);
	return (status);
}

/* A whole number from 1 to `most`, or -1. */
static long
natural(const char *text, long most)
{
	char *end;
	const long value = strtol(text, &end, 10);

	return (end == text || *end != '\0' || value < 1 || value > most
		    ? -1
		    : value);
}

static int
watch_start(const struct ctl *ctl, int argc, char **argv)
{
	const long seconds = argc > 0 ? natural(argv[0], 86400) : 1;
	const long count = argc > 1 ? natural(argv[1], 1000000) : 0;

	if (argc > 2 || seconds == -1 || count == -1)
		return (ctl_misused(ctl));
	return (stats_watch(ctl, seconds, count));
}

int
ctl_stats(const struct ctl *ctl, int argc, char **argv)
{
	if (argc == 0)
		return (stats_text(ctl));
	if (strcmp(argv[0], "--watch") == 0)
		return (watch_start(ctl, argc - 1, argv + 1));
	if (argc == 1 && (strcmp(argv[0], "--json") == 0 ||
			     strcmp(argv[0], "--openmetrics") == 0 ||
			     strcmp(argv[0], "--prometheus") == 0))
		return (stats_metrics(ctl, argv[0]));
	return (ctl_misused(ctl));
}
