/* SPDX-License-Identifier: ISC */
/* verdictctl(8): looks after verdictd and its rules. */
#include "config.h"
#include "ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
ctl_complain(const char *fmt, ...)
{
	va_list ap;

	fputs("verdictctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int
ctl_misused(const struct ctl *ctl)
{
	fprintf(stderr, "usage: verdictctl %s %s\n", ctl->name, ctl->arguments);
	return (CTL_USAGE);
}

static const struct command {
	const char *name;
	int (*run)(const struct ctl *, int, char **);
	const char *arguments, *summary;
} commands[] = {
    {"dump", ctl_dump,
	"[--json | --count] [--records | --verdicts] [--domain NAME]\n"
	"       [--type TYPE] [--state STATE] [--min-age S] [--max-age S]\n"
	"       [--file FILE]",
	"the cache's file; asks no daemon"},
    {"flush", ctl_flush, "NAME | --all | --failures",
	"forget records, NAME's and below"},
    {"history", ctl_history, "[DOMAIN]", "policies that have changed"},
    {"keygen", ctl_keygen, "NAME [HOST]", "a new key, as a line of a file"},
    {"loglevel", ctl_loglevel, "error | warning | info | debug",
	"until the next reload"},
    {"ping", ctl_ping, "", "is the daemon there?"},
    {"record", ctl_record, "NAME [TYPE]", "what the daemon knows of it"},
    {"reload", ctl_reload, "", "read the configuration again"},
    {"report", ctl_report, "--html FILE", "the last day, with plots"},
    {"rules", ctl_rules, "check | table [--csv] | presets | preset NAME",
	"of the file; asks no daemon"},
    {"stats", ctl_stats,
	"[--json | --openmetrics | --prometheus |\n"
	"        --watch [SECONDS [COUNT]]]",
	"all that is counted"},
    {"status", ctl_status, "", "the same for people, one screen"},
    {"top", ctl_top,
	"[domains | rejects | failures | hosts | rules] [COLUMN] [COUNT]",
	"what comes most often"},
};

/* Where the summaries begin; arguments that do not fit have their own line. */
#define SUMMARY_AT 46

static void
usage_print(FILE *to)
{
	const struct command *command = commands;
	int column;

	fputs("usage: verdictctl [-hV] [-c file] [-s control] [-t ms] "
	      "COMMAND\n",
	    to);
	for (; command < commands + sizeof(commands) / sizeof(*commands);
	     command++) {
		column =
		    fprintf(to, "  %s %s", command->name, command->arguments);
		if (column >= SUMMARY_AT) {
			putc('\n', to);
			column = 0;
		}
		fprintf(
		    to, "%*s%s\n", SUMMARY_AT - column, "", command->summary);
	}
}

static int
timeout_read(struct ctl *ctl, const char *text)
{
	char *end;
	long ms;

	errno = 0;
	ms = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || ms <= 0 ||
	    ms > INT_MAX) {
		ctl_complain("-t %s: not a number of milliseconds", text);
		return (-1);
	}
	ctl->timeout = (int)ms;
	return (0);
}

/* Returns 0 to go on, -1 after a mistake, 1 when all is done. */
static int
options_read(struct ctl *ctl, int argc, char **argv)
{
	int option;

	/* "+": the command's own options come behind it. */
	while ((option = getopt(argc, argv, "+c:hs:t:V")) != -1) {
		switch (option) {
		case 'c':
			ctl->config = optarg;
			ctl->has_config = true;
			break;
		case 's':
			ctl->server = optarg;
			break;
		case 't':
			if (timeout_read(ctl, optarg) == -1)
				return (-1);
			break;
		case 'V':
			puts("verdictctl " VERSION);
			return (1);
		case 'h':
			usage_print(stdout);
			return (1);
		default:
			return (-1);
		}
	}
	return (0);
}

static int
command_run(struct ctl *ctl, int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, argv[0]) == 0) {
			ctl->name = commands[i].name;
			ctl->arguments = commands[i].arguments;
			return (commands[i].run(ctl, argc - 1, argv + 1));
		}
	ctl_complain("%s: no such command; -h shows all", argv[0]);
	return (CTL_USAGE);
}

int
main(int argc, char **argv)
{
	struct ctl ctl = {.config = VERDICT_SYSCONFDIR "/verdictd.conf"};
	int status = options_read(&ctl, argc, argv);

	argc -= optind;
	argv += optind;
	if (status < 0 || (status == 0 && argc == 0)) {
		usage_print(stderr);
		return (CTL_USAGE);
	}
	status = status > 0 ? CTL_OK : command_run(&ctl, argc, argv);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		ctl_complain("standard output: %s", strerror(errno));
		return (CTL_TEMPORARY);
	}
	return (status);
}
