/* SPDX-License-Identifier: ISC */
/*
 * Plots over time as SVG inside of a page of HTML. Colours and fonts are those
 * of the page: each series has a class, "s-NAME".
 */
#ifndef CTL_PLOT_H
#define CTL_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PLOT_SERIES 5
#define PLOT_POINTS 128

enum plot_kind { PLOT_STACK, PLOT_LINES };
enum plot_scale { PLOT_LINEAR, PLOT_PERCENT, PLOT_LOG };

struct plot_series {
	const char *name; /* in the legend */
	const char *class;
	double value[PLOT_POINTS]; /* negative: nothing known */
};

struct plot {
	const char	*title, *unit; /* the unit stands behind the values */
	const char	*note;	       /* under the title */
	enum plot_kind	 kind;
	enum plot_scale	 scale;
	int64_t		 begin, interval; /* seconds */
	unsigned	 points;
	unsigned	 count; /* of series */
	struct plot_series series[PLOT_SERIES];
};

/* A <figure> with title, legend and drawing. */
void plot_print(const struct plot *plot, FILE *out);

/* Text of strangers: nothing in it is markup, and all of it is ASCII. */
void html_text(FILE *out, const char *text);
/* "1234", "56.7 k", "8.9 M". Returns `buf`. */
#define PLOT_NUMBER_MAX 32
const char *number_text(char buf[PLOT_NUMBER_MAX], double value);

#endif
