/* SPDX-License-Identifier: ISC */
/*
 * What the parts of rules share. rules.c builds the list and walks it;
 * rules_reply.c does the replies, rules_error.c the mistakes.
 */
#ifndef RULES_PRIVATE_H
#define RULES_PRIVATE_H

#include "rules.h"

/* Fills `*error` and returns -1. `source` is the rule at fault, or NULL. */
int rules_refuse(struct rules_error *error, const struct rule_source *source,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same for a mistake in source->when: finds the line it stands in. */
int rules_refuse_expr(struct rules_error *error,
    const struct rule_source *source, const struct expr_error *why);

/* At most `most` octets, all of them printable ASCII? */
bool rules_printable(const char *text, size_t most);

/*
 * Is source->reply right for `action`? Adds the groups of facts that it tells
 * of to *needs. 0, or -1 with `*error` filled.
 */
int rules_reply_check(const struct rule_source *source,
    enum rules_action action, unsigned *needs, struct rules_error *error);

#endif
