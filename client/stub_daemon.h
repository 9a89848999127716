/* SPDX-License-Identifier: ISC */
/*
 * The daemon, for programs that qmail-smtpd starts: with little memory, and
 * with one limit on the time that they may wait for all their questions.
 *
 *	stub_daemon_open(&daemon, &conf)
 *	status = stub_daemon_ask(&daemon, 100, asks, closure);
 *	stub_daemon_close(&daemon);
 */
#ifndef STUB_DAEMON_H
#define STUB_DAEMON_H

#include "stub_conf.h"
#include "verdict.h"

struct stub_daemon {
	struct verdict *verdict;
	int		left_ms; /* of the waiting */
	const char     *problem; /* why stub_daemon_open() failed */
	char		text[512]; /* private: of `problem` */
};

/*
 * Takes `servers`, `key_file`, `hedge`, `state_dir` and `timeout` from the
 * configuration. Returns 0; -1 if they
 * are malformed; 1 if there is not enough memory to ask anything.
 */
int stub_daemon_open(struct stub_daemon *daemon, const struct stub_conf *conf);
void stub_daemon_close(struct stub_daemon *daemon);

/*
 * Calls ask(closure) with the verdict's timeout set to `percent` of the time
 * that is left, and takes the time that it needed off.
 */
enum verdict_status stub_daemon_ask(struct stub_daemon *daemon, int percent,
    enum verdict_status (*ask)(struct verdict *v, void *closure),
    void *closure);

#endif
