/* SPDX-License-Identifier: ISC */
/*
 * The daemon, for programs that qmail-smtpd starts: with little memory, and
 * with one limit on the time that it may take, over all their questions and
 * what they do between them.
 *
 *	stub_daemon_open(&daemon, &conf)
 *	stub_daemon_start(&daemon);
 *	status = stub_daemon_ask(&daemon, 100, asks, closure);
 *	stub_daemon_close(&daemon);
 */
#ifndef STUB_DAEMON_H
#define STUB_DAEMON_H

#include <stdint.h>

#include "stub_conf.h"
#include "verdict.h"

struct stub_daemon {
	struct verdict *verdict;
	int		timeout_ms;
	int64_t		deadline; /* private */
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

/* The time runs from now on. */
void stub_daemon_start(struct stub_daemon *daemon);
/* Milliseconds that are left; 0 when it is over. */
int stub_daemon_left(const struct stub_daemon *daemon);

/* Calls ask(closure) with `percent` of the time that is left for time-out. */
enum verdict_status stub_daemon_ask(struct stub_daemon *daemon, int percent,
    enum verdict_status (*ask)(struct verdict *v, void *closure),
    void *closure);

#endif
