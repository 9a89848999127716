/* SPDX-License-Identifier: ISC */
/* Questions to the control endpoint, and how to read the lines of answers. */
#ifndef CTL_QUESTION_H
#define CTL_QUESTION_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"

/* A question with no field yet; NULL, after a complaint, with *status set. */
struct verdict *question_new(const struct ctl *ctl, const char *verb,
    int *status);
/* An enum ctl_exit; complains. */
int question_send(struct verdict *v);
/*
 * Asks, with the fields that follow (name, value, ..., (char *)NULL). NULL, after a
 * complaint, with *status set. Caller frees by verdict_free().
 */
struct verdict *question_ask(const struct ctl *ctl, int *status,
    const char *verb, ...) __attribute__((sentinel));

/* The field of the answer as a number, 0 if it is none. */
uint64_t answer_number(const struct verdict *v, const char *name);
/* Walks the fields of one name: start with *cursor NULL. */
const char *answer_line(const struct verdict *v, const char *name,
    const char **cursor);

/* Of a line "a=1 b=2 name=all the rest": a number, 0 if absent. */
uint64_t line_number(const char *line, const char *name);
/* What stands behind "name=", up to the end of the line; "" if absent. */
const char *line_rest(const char *line, const char *name);

#endif
