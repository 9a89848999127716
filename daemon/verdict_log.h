/* SPDX-License-Identifier: ISC */
/*
 * One line in the log for each verdict, for people and for programs: what was
 * asked, what came of it and why. Its fields are listed in verdictd(8).
 */
#ifndef VERDICT_LOG_H
#define VERDICT_LOG_H

#include <stdint.h>

#include "msg.h"
#include "run.h"

/* Room for an id: the daemon's start and a number, in hexadecimal. */
#define VERDICT_ID_MAX 40

/* Of one question, unique over restarts. Returns `id`. */
const char *verdict_id(char id[VERDICT_ID_MAX], int64_t started,
    uint64_t number);

/*
 * Writes the line if the configuration wants it. `us` is the time from the
 * question's arrival to its answer; `runs` how often it was evaluated.
 */
void verdict_log(const struct run_options *options, const char *id,
    const struct msg *question, const struct run_outcome *outcome, uint64_t us,
    unsigned runs, int64_t now);

#endif
