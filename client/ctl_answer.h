/* SPDX-License-Identifier: ISC */
/* What the daemon has answered, on standard output. */
#ifndef CTL_ANSWER_H
#define CTL_ANSWER_H

#include "verdict.h"

struct collect;

/* The field's text, "" if it is not there. */
const char *answer_text(const struct verdict *v, const char *name);

/* Lines of name=value; what could move a cursor is shown as \xHH. */
void answer_print(const struct verdict *v);
/* A text of strangers, in the same way. */
void answer_put(const char *text);
/* The same in quotes; those within it are shown as \x22. */
void answer_put_quoted(const char *text);
/* The numbers, as members of a JSON object without its braces. */
void answer_print_members(const struct verdict *v);
/* "3 d 4 h", "12 min 5 s": the two greatest units. Returns `buf`. */
#define DURATION_MAX 48
const char *duration_text(char buf[DURATION_MAX], unsigned long long seconds);

/* One screen of text. */
void answer_print_status(const struct collect *collect);

#endif
