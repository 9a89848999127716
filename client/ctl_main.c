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
ctl_misused(const char *usage)
{
	fprintf(stderr, "usage: verdictctl %s\n", usage);
	return (CTL_USAGE);
}

static const struct command {
	const char *name;
	int (*run)(const struct ctl *, int, char **);
	const char *arguments, *summary;
} commands[] = {
    {"dump", ctl_dump, "[--json] [--domain NAME] ...",
	"the cache's file; asks no daemon"},
    {"flush", ctl_flush, "NAME | --all | --failures",
	"forget records (NAME: and below it)"},
    {"history", ctl_history, "[DOMAIN]", "policies that have changed"},
    {"keygen", ctl_keygen, "NAME [HOST]",
	"a new key for tcp, as a line for a key file"},
    {"loglevel", ctl_loglevel, "error | warning | info | debug",
	"until the next reload"},
    {"ping", ctl_ping, "", "is the daemon there?"},
    {"record", ctl_record, "NAME [TYPE]", "what the daemon knows of it"},
    {"reload", ctl_reload, "", "read the configuration again"},
    {"report", ctl_report, "--html FILE", "the last day, with plots"},
    {"rules", ctl_rules, "check | table | presets | preset",
	"of the file; asks no daemon"},
    {"stats", ctl_stats, "[--json | --openmetrics | --watch]",
	"all that is counted"},
    {"status", ctl_status, "", "the same for people, on one screen"},
    {"top", ctl_top, "[TABLE] [COLUMN] [COUNT]",
	"domains, rejects, failures, hosts, rules"},
};

static void
usage_print(FILE *to)
{
	size_t i;

	fputs("usage: verdictctl [-V] [-c file] [-s control] [-t ms] COMMAND\n",
	    to);
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(to, "  %-9s%-35s%s\n", commands[i].name,
		    commands[i].arguments, commands[i].summary);
}

/* Returns 0 to go on, -1 after a mistake, 1 when all is done. */
static int
options_read(struct ctl *ctl, int argc, char **argv)
{
	int option;
	char *end;

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
			errno = 0;
			ctl->timeout = (int)strtol(optarg, &end, 10);
			if (errno == 0 && *end == '\0' && ctl->timeout > 0)
				break;
			ctl_complain("-t %s: not milliseconds", optarg);
			return (-1);
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
command_run(const struct ctl *ctl, int argc, char **argv)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, argv[0]) == 0)
			return (commands[i].run(ctl, argc - 1, argv + 1));
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
