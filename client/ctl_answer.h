/* SPDX-License-Identifier: ISC */
/* What the daemon has answered, on standard output. */
#ifndef CTL_ANSWER_H
#define CTL_ANSWER_H

#include "verdict.h"

/* The field's text, "" if it is not there. */
const char *answer_text(const struct verdict *v, const char *name);

/* Lines of name=value; what could move a cursor is shown as \xHH. */
void answer_print(const struct verdict *v);
/* Counters, as one object with numbers. */
void answer_print_json(const struct verdict *v);
/* The answers to "ping" and "stats", as one screen of text. */
void answer_print_status(
    const struct verdict *ping, const struct verdict *stats);

#endif
