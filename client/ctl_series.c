/* SPDX-License-Identifier: ISC */
#include "ctl_series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_question.h"

/* Spans and how they are cut, in seconds. */
static const struct {
	int64_t span, interval;
} spans[] = {{3600, 60}, {3 * 3600, 180}, {6 * 3600, 300}, {12 * 3600, 600},
    {24 * 3600, 900}};

#define SPANS (sizeof(spans) / sizeof(*spans))

struct samples {
	size_t count;
	struct series_sample at[SERIES_MAX];
};

/* "SECONDS VALUE..."; false if something is missing. */
static bool
sample_read(const char *line, struct series_sample *sample)
{
	char *end;
	int i;

	sample->at = strtoll(line, &end, 10);
	for (i = 0; i < SERIES_COUNT; i++) {
		if (*end != ' ')
			return (false);
		sample->value[i] = strtoull(end + 1, &end, 10);
	}
	return (true);
}

/* One part of them. Returns how many came, or -1 with *status set. */
static int
samples_part(const struct ctl *ctl, struct samples *samples, int *status)
{
	const char *cursor = NULL, *line;
	struct verdict *v;
	char from[16];
	int lines = 0;

	snprintf(from, sizeof(from), "%zu", samples->count);
	v = question_ask(ctl, status, "series", "from", from, (char *)NULL);
	if (v == NULL)
		return (-1);
	while (samples->count < SERIES_MAX &&
	       (line = answer_line(v, "sample", &cursor)) != NULL) {
		if (sample_read(line, &samples->at[samples->count]))
			samples->count++;
		lines++;
	}
	verdict_free(v);
	return (lines);
}

/* Quantiles do not add up, and what is measured is not counted. */
static void
slot_add(struct series_slot *slot, const struct series_sample *sample)
{
	int i;

	for (i = 0; i < SERIES_COUNT; i++) {
		if (i < SERIES_P50)
			slot->value[i] += sample->value[i];
		else if (i >= SERIES_ENTRIES ||
			 slot->value[i] < sample->value[i])
			slot->value[i] = sample->value[i];
	}
	slot->samples++;
}

static void
view_begin(struct series_view *view, int64_t first, int64_t now)
{
	size_t i;

	for (i = 0; i < SPANS - 1; i++)
		if (now - first <= spans[i].span)
			break;
	memset(view, 0, sizeof(*view));
	view->interval = spans[i].interval;
	view->slots = (unsigned)(spans[i].span / view->interval);
	view->end = now;
	view->begin = now - spans[i].span;
}

static void
view_fill(struct series_view *view, const struct samples *samples)
{
	size_t i;

	for (i = 0; i < samples->count; i++) {
		const int64_t at = samples->at[i].at;

		/* A sample tells of the minute before it. */
		if (at > view->begin && at <= view->end)
			slot_add(&view->slot[(at - view->begin - 1) /
					     view->interval],
			    &samples->at[i]);
	}
}

int
series_get(const struct ctl *ctl, int64_t now, struct series_view *view)
{
	struct samples *samples = calloc(1, sizeof(*samples));
	int status = CTL_OK, lines;

	if (samples == NULL) {
		ctl_complain("out of memory");
		return (CTL_TEMPORARY);
	}
	do
		lines = samples_part(ctl, samples, &status);
	while (lines > 0);
	if (lines == 0) {
		view_begin(
		    view, samples->count > 0 ? samples->at[0].at : now, now);
		view_fill(view, samples);
	}
	free(samples);
	return (status);
}
