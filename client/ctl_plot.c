/* SPDX-License-Identifier: ISC */
#include "ctl_plot.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* In units of the drawing, which the page scales. */
#define WIDTH  400.0
#define HEIGHT 190.0
#define LEFT   44.0 /* of the axes, with room for their numbers */
#define RIGHT  392.0
#define TOP    10.0
#define BOTTOM 166.0

#define TICKS 4 /* of the value axis, or a few more */

void
html_text(FILE *out, const char *text)
{
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p != '\0'; p++)
		switch (*p) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			if (*p < ' ' || *p > '~')
				fprintf(out, "\\x%02x", *p);
			else
				putc(*p, out);
		}
}

/* Three digits that matter, without zeros behind them. */
const char *
number_text(char buf[PLOT_NUMBER_MAX], double value)
{
	static const char *const units[] = {"", " k", " M", " G", " T"};
	size_t i = 0;

	if (value < 1000) {
		snprintf(buf, PLOT_NUMBER_MAX, "%.3g", value);
		return (buf);
	}
	for (; value >= 999.5 && i < sizeof(units) / sizeof(*units) - 1; i++)
		value /= 1000;
	snprintf(buf, PLOT_NUMBER_MAX, "%.3g%s", value, units[i]);
	return (buf);
}

/*
 * The axes
 */

struct axis {
	bool log;
	double least, most, step; /* of a logarithmic one: exponents of ten */
};

static double
stack_at(const struct plot *plot, unsigned point)
{
	double sum = 0;
	unsigned i;

	for (i = 0; i < plot->count; i++)
		sum += fmax(0, plot->series[i].value[point]);
	return (sum);
}

static double
value_most(const struct plot *plot)
{
	double most = 0;
	unsigned i, n;

	for (n = 0; n < plot->points; n++) {
		if (plot->kind == PLOT_STACK)
			most = fmax(most, stack_at(plot, n));
		for (i = 0; i < plot->count; i++)
			most = fmax(most, plot->series[i].value[n]);
	}
	return (most);
}

static double
value_least(const struct plot *plot)
{
	double least = 1e9;
	unsigned i, n;

	for (n = 0; n < plot->points; n++)
		for (i = 0; i < plot->count; i++)
			if (plot->series[i].value[n] > 0)
				least = fmin(least, plot->series[i].value[n]);
	return (least);
}

/* 1, 2 or 5 times a power of ten. */
static double
step_nice(double range)
{
	const double rough = range / TICKS;
	const double power = pow(10, floor(log10(rough)));
	const double digit = rough / power;

	return (power * (digit <= 1	 ? 1
			    : digit <= 2 ? 2
			    : digit <= 5 ? 5
					 : 10));
}

static struct axis
axis_of(const struct plot *plot)
{
	const double most = value_most(plot), least = value_least(plot);
	struct axis axis = {.log = plot->scale == PLOT_LOG, .step = 1};

	if (axis.log) {
		axis.least = most > 0 ? floor(log10(least)) : 0;
		axis.most = most > 0 ? ceil(log10(most * 1.001)) : 1;
		return (axis);
	}
	axis.most = plot->scale == PLOT_PERCENT ? 100 : fmax(most, 1);
	axis.step = plot->scale == PLOT_PERCENT ? 25 : step_nice(axis.most);
	axis.most = ceil(axis.most / axis.step - 1e-9) * axis.step;
	return (axis);
}

static double
y_of(const struct axis *axis, double value)
{
	if (axis->log)
		value = value > 0 ? log10(value) : axis->least;
	return (BOTTOM - (BOTTOM - TOP) * (value - axis->least) /
			     (axis->most - axis->least));
}

static double
x_of(const struct plot *plot, double point)
{
	return (LEFT + (RIGHT - LEFT) * point / plot->points);
}

static void
value_ticks(const struct plot *plot, const struct axis *axis, FILE *out)
{
	const int ticks = (int)lround((axis->most - axis->least) / axis->step);
	char number[PLOT_NUMBER_MAX];
	int i;

	for (i = 0; i <= ticks; i++) {
		const double at = axis->least + i * axis->step;
		const double value = axis->log ? pow(10, at) : at;
		const double y = y_of(axis, value);

		fprintf(out,
		    "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" "
		    "y1=\"%.1f\" y2=\"%.1f\"/><text x=\"%.0f\" y=\"%.1f\" "
		    "text-anchor=\"end\">%s%s</text>\n",
		    LEFT, RIGHT, y, y, LEFT - 4, y + 3.5,
		    number_text(number, value),
		    plot->scale == PLOT_PERCENT ? " %" : "");
	}
}

static int64_t
hours_step(int64_t span)
{
	return (span <= 3600	    ? 900
		: span <= 3 * 3600  ? 1800
		: span <= 6 * 3600  ? 3600
		: span <= 12 * 3600 ? 2 * 3600
				    : 4 * 3600);
}

static void
clock_text(char buf[16], int64_t seconds)
{
	const time_t at = (time_t)seconds;
	struct tm tm;

	buf[0] = '\0';
	if (localtime_r(&at, &tm) != NULL)
		strftime(buf, 16, "%H:%M", &tm);
}

/* At whole quarters and hours of the clock on the wall. */
static void
time_ticks(const struct plot *plot, FILE *out)
{
	const int64_t span = plot->interval * plot->points;
	const int64_t step = hours_step(span);
	const time_t begin = (time_t)plot->begin;
	struct tm tm = {.tm_gmtoff = 0};
	int64_t at;
	char clock[16];

	localtime_r(&begin, &tm);
	at = plot->begin + step - (plot->begin + tm.tm_gmtoff) % step;
	for (; at <= plot->begin + span; at += step) {
		const double x = x_of(
		    plot, (double)(at - plot->begin) / (double)plot->interval);

		clock_text(clock, at);
		fprintf(out,
		    "<line class=\"tick\" x1=\"%.1f\" x2=\"%.1f\" "
		    "y1=\"%.0f\" y2=\"%.0f\"/><text x=\"%.1f\" y=\"%.0f\" "
		    "text-anchor=\"%s\">%s</text>\n",
		    x, x, BOTTOM, BOTTOM + 4, x, BOTTOM + 15,
		    x > RIGHT - 14 ? "end" : "middle", clock);
	}
}

/*
 * What is drawn
 */

/* What a pointer over the point shows. */
static void
point_title(const struct plot *plot, unsigned point, FILE *out)
{
	char clock[16], number[PLOT_NUMBER_MAX];
	unsigned i;

	clock_text(clock, plot->begin + (int64_t)point * plot->interval);
	fprintf(out, "<title>%s", clock);
	for (i = 0; i < plot->count; i++)
		if (plot->series[i].value[point] >= 0)
			fprintf(out, "\n%s: %s%s", plot->series[i].name,
			    number_text(number, plot->series[i].value[point]),
			    plot->unit);
	fputs("</title>", out);
}

static void
stack_draw(const struct plot *plot, const struct axis *axis, FILE *out)
{
	const double width = (RIGHT - LEFT) / plot->points;
	unsigned i, n;

	for (n = 0; n < plot->points; n++) {
		double below = 0;

		for (i = 0; i < plot->count; i++) {
			const double value = fmax(0, plot->series[i].value[n]);

			if (value > 0)
				fprintf(out,
				    "<rect class=\"%s\" x=\"%.1f\" "
				    "y=\"%.1f\" width=\"%.1f\" "
				    "height=\"%.1f\"/>",
				    plot->series[i].class, x_of(plot, n),
				    y_of(axis, below + value),
				    width > 2 ? width - 0.6 : width,
				    y_of(axis, below) -
					y_of(axis, below + value));
			below += value;
		}
	}
	fputc('\n', out);
}

/* A line has a gap where nothing is known; a lonely point is a dot. */
static void
line_draw(const struct plot *plot, const struct plot_series *series,
    const struct axis *axis, FILE *out)
{
	bool drawing = false;
	unsigned n;

	fprintf(out, "<path class=\"line %s\" d=\"", series->class);
	for (n = 0; n < plot->points; n++) {
		if (series->value[n] < 0) {
			drawing = false;
			continue;
		}
		fprintf(out, "%c%.1f %.1f", drawing ? 'L' : 'M',
		    x_of(plot, n + 0.5), y_of(axis, series->value[n]));
		if (!drawing)
			fputs("h0.1", out);
		drawing = true;
	}
	fputs("\"/>\n", out);
}

static bool
is_empty(const struct plot *plot)
{
	unsigned i, n;

	for (i = 0; i < plot->count; i++)
		for (n = 0; n < plot->points; n++)
			if (plot->series[i].value[n] >= 0)
				return (false);
	return (true);
}

static void
empty_draw(FILE *out)
{
	fprintf(out,
	    "<text class=\"none\" x=\"%.0f\" y=\"%.0f\" "
	    "text-anchor=\"middle\">nothing yet: a sample is taken each minute</text>\n",
	    (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2);
}

static void
hover_draw(const struct plot *plot, FILE *out)
{
	unsigned n;

	for (n = 0; n < plot->points; n++) {
		fprintf(out,
		    "<rect class=\"hover\" x=\"%.1f\" y=\"%.0f\" "
		    "width=\"%.2f\" height=\"%.0f\">",
		    x_of(plot, n), TOP, (RIGHT - LEFT) / plot->points,
		    BOTTOM - TOP);
		point_title(plot, n, out);
		fputs("</rect>", out);
	}
	fputc('\n', out);
}

static void
legend_print(const struct plot *plot, FILE *out)
{
	unsigned i;

	fputs("<p class=\"legend\">", out);
	for (i = 0; i < plot->count; i++)
		fprintf(out, "<span><i class=\"%s\"></i>%s</span> ",
		    plot->series[i].class, plot->series[i].name);
	fputs("</p>\n", out);
}

void
plot_print(const struct plot *plot, FILE *out)
{
	const struct axis axis = axis_of(plot);
	unsigned i;

	fprintf(out, "<figure><figcaption>%s <small>%s</small></figcaption>\n",
	    plot->title, plot->note);
	legend_print(plot, out);
	fprintf(out,
	    "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
	    "aria-label=\"%s %s\">\n",
	    WIDTH, HEIGHT, plot->title, plot->note);
	value_ticks(plot, &axis, out);
	time_ticks(plot, out);
	if (is_empty(plot))
		empty_draw(out);
	else if (plot->kind == PLOT_STACK)
		stack_draw(plot, &axis, out);
	else
		for (i = 0; i < plot->count; i++)
			line_draw(plot, &plot->series[i], &axis, out);
	hover_draw(plot, out);
	fputs("</svg></figure>\n", out);
}
