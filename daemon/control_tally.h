/* SPDX-License-Identifier: ISC */
/*
 * The verbs of the control endpoint that show the tally. Replies are bounded:
 * what has more entries is asked for in parts.
 */
#ifndef CONTROL_TALLY_H
#define CONTROL_TALLY_H

#include "msg.h"

struct tally;

/* latency: a line for each verb, with quantiles and a histogram */
void control_latency(const struct tally *tally, const struct msg *msg,
    struct msg_out *reply);
/* top table=TABLE [by=COLUMN] [limit=N]: the greatest first */
void control_top(const struct tally *tally, const struct msg *msg,
    struct msg_out *reply);
/* history [from=N]: policy changes, the latest first */
void control_history(const struct tally *tally, const struct msg *msg,
    struct msg_out *reply);
/* series [from=N]: samples, the oldest first */
void control_series(const struct tally *tally, const struct msg *msg,
    struct msg_out *reply);

#endif
