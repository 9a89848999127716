/* SPDX-License-Identifier: ISC */
/*
 * Saying no. A plain qmail has two exit codes for that and texts of its own; the
 * others read a text from a descriptor, each from another one. A text written
 * to the wrong one is lost, and its exit code then means "try again later": so
 * a refusal for good would come back for days.
 */
#ifndef QUEUE_REFUSE_H
#define QUEUE_REFUSE_H

#include <stdbool.h>

#include "queue.h"

struct refusal {
	int fd; /* where the text goes; -1: nowhere */
};

/*
 * Finds the descriptor: that of `dialect` (netqmail, simscan, sagredo, notqmail,
 * indimail, plain), or if NULL the one that looks like it. To be called before
 * anything else is opened. Returns 0, or -1: there is no such dialect.
 */
int refusal_find(struct refusal *refusal, const char *dialect);

/* Hands over the text and returns the exit status that goes with it. */
enum queue_exit refusal_send(
    const struct refusal *refusal, bool for_good, const char *text);

#endif
