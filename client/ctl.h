/* SPDX-License-Identifier: ISC */
/*
 * The parts of the program `verdictctl` (verdictctl(8)): ctl_main.c reads the
 * options and finds the command. `rules` is answered here from the
 * configuration file, by the daemon's own code (ctl_rules.c, ctl_check.c,
 * ctl_table.c over ctl_situation.c); all else is asked of a running daemon
 * (ctl_daemon.c, ctl_stats.c, ctl_top.c, by way of ctl_question.c).
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>

#include "verdict.h"

enum ctl_exit {
	CTL_OK	      = 0,
	CTL_FINDINGS  = 1,   /* of `rules check` */
	CTL_USAGE     = 100, /* the command line or the configuration */
	CTL_TEMPORARY = 111  /* no answer; no memory; output failed */
};

struct ctl {
	const char *config;	/* path of the configuration */
	bool	    has_config; /* -c was given */
	const char *server;	/* -s; NULL: as the configuration says */
	int	    timeout;	/* ms; 0: the command's own */
	/* Of the command that runs, for ctl_misused(). */
	const char *name, *arguments;
};

/* Complains on standard error, in one line. */
void ctl_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Shows what arguments the command takes: returns CTL_USAGE. */
int ctl_misused(const struct ctl *ctl);

/* Each takes the arguments behind its name and returns an exit status. */
int ctl_report(const struct ctl *ctl, int argc, char **argv);
int ctl_rules(const struct ctl *ctl, int argc, char **argv);
int ctl_dump(const struct ctl *ctl, int argc, char **argv);
int ctl_flush(const struct ctl *ctl, int argc, char **argv);
int ctl_history(const struct ctl *ctl, int argc, char **argv);
int ctl_keygen(const struct ctl *ctl, int argc, char **argv);
int ctl_loglevel(const struct ctl *ctl, int argc, char **argv);
int ctl_ping(const struct ctl *ctl, int argc, char **argv);
int ctl_record(const struct ctl *ctl, int argc, char **argv);
int ctl_reload(const struct ctl *ctl, int argc, char **argv);
int ctl_stats(const struct ctl *ctl, int argc, char **argv);
int ctl_status(const struct ctl *ctl, int argc, char **argv);
int ctl_top(const struct ctl *ctl, int argc, char **argv);

/* The rules of a configuration: prints what there is to say about them. */
struct conf;
int ctl_check(const struct conf *conf, const char *path);
int ctl_table(const struct conf *conf, bool csv);

#endif
