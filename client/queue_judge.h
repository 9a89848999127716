/* SPDX-License-Identifier: ISC */
/*
 * The verdict on a message: reads it once, verifies its signatures with the
 * keys that the daemon gives, and asks the daemon what to do; all of it within
 * the time that the daemon's structure has.
 */
#ifndef QUEUE_JUDGE_H
#define QUEUE_JUDGE_H

#include "queue_peer.h"
#include "queue_spool.h"
#include "stub_daemon.h"

enum judgement_action {
	JUDGE_ACCEPT,
	JUDGE_QUARANTINE,
	JUDGE_REJECT,
	JUDGE_DEFER,
	JUDGE_NONE /* no verdict: take the fallback */
};

/* Borrowed from the daemon's answer; NULL where it said nothing. */
struct judgement {
	enum judgement_action action;
	const char	     *problem; /* of JUDGE_NONE */
	const char	     *reply;   /* without its basic code */
	const char	     *rule;
	const char	     *score;
	const char	     *results; /* for Authentication-Results */
	const char	     *received_spf;
};

void judge(struct judgement *judgement, struct stub_daemon *daemon,
    const struct spool *spool, const struct peer *peer, const char *sender);

#endif
