/* SPDX-License-Identifier: ISC */
/* What a daemon tells of itself, in forms that programs read. */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include <stdbool.h>

struct collect;

/* One JSON object: the numbers of "stats", then the tables. */
void metrics_json(const struct collect *collect);
/*
 * The exposition format of OpenMetrics 1.0, or, with `classic`, the text
 * format of Prometheus 0.0.4 that it grew from: there a counter's family has
 * the "_total" of its samples, and neither units nor "info" exist.
 */
void metrics_open(const struct collect *collect, bool classic);

#endif
