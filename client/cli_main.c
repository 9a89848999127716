/* SPDX-License-Identifier: ISC */
/* verdict(1): asks verdictd from a shell. */
#include "config.h"
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
cli_complain(const char *fmt, ...)
{
	va_list ap;

	fputs("verdict: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void
usage_print(FILE *to)
{
	fputs(
	    "usage: verdict [-hjV] [-k keys] [-s endpoint]... [-t ms] [-x style]\n"
	    "               VERB [name=value]...\n"
	    "       verdict [-hjV] [-k keys] [-s endpoint]... [-t ms] [-x style]\n"
	    "               message [-nr] [-i client_ip] [-e helo] "
	    "[-f mail_from] < file\n"
	    "VERB: ping dkim-key spf dmarc check explain\n",
	    to);
}

static int
timeout_set(struct cli *cli, const char *text)
{
	char *end;
	long ms;

	errno = 0;
	ms = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || ms <= 0 ||
	    ms > INT_MAX) {
		cli_complain("-t %s: not a number of milliseconds", text);
		return (-1);
	}
	verdict_timeout(cli->verdict, (int)ms);
	return (0);
}

static int
server_set(struct cli *cli, const char *endpoint)
{
	if (verdict_server(cli->verdict, endpoint) == 0)
		return (0);
	cli_complain("-s %s: not ipc:///path or tcp://address:port, "
		     "or one too many",
	    endpoint);
	return (-1);
}

static int
keys_set(struct cli *cli, const char *path)
{
	if (verdict_key_file(cli->verdict, path) == 0)
		return (0);
	cli_complain("-k %s", verdict_problem(cli->verdict));
	return (-1);
}

/* Returns 0 to go on, -1 after a mistake, 1 when all is done. */
static int
options_read(struct cli *cli, int argc, char **argv)
{
	int option, bad = 0;

	/* "+": the options of `message` come after the verb. */
	while (
	    bad == 0 && (option = getopt(argc, argv, "+hjk:s:t:Vx:")) != -1) {
		switch (option) {
		case 'j':
			cli->json = true;
			break;
		case 'k':
			bad = keys_set(cli, optarg);
			break;
		case 's':
			bad = server_set(cli, optarg);
			break;
		case 't':
			bad = timeout_set(cli, optarg);
			break;
		case 'x':
			bad = cli_exit_style(cli, optarg);
			break;
		case 'V':
			puts("verdict " VERSION);
			return (1);
		case 'h':
			usage_print(stdout);
			return (1);
		default:
			return (-1);
		}
	}
	return (bad);
}

/* Adds "name=value"; the argument is cut up. */
static int
argument_add(struct verdict *v, char *argument)
{
	char *equals = strchr(argument, '=');

	if (equals == NULL) {
		cli_complain("%s: not name=value", argument);
		return (-1);
	}
	*equals = '\0';
	verdict_add(v, argument, equals + 1);
	*equals = '=';
	return (0);
}

static int
question_ask(struct cli *cli, char **argv)
{
	const char *verb = argv[0];
	struct print *print;
	int status;

	verdict_ask(cli->verdict, verb);
	while (*++argv != NULL)
		if (argument_add(cli->verdict, *argv) < 0)
			return (CLI_USAGE);
	status = cli_send(cli->verdict);
	if (status != 0)
		return (status);
	print = print_begin(cli->json);
	print_answer(print, cli->verdict);
	if (print_end(print) < 0)
		return (CLI_TEMPORARY);
	return (cli_status(cli->verdict, verb));
}

int
main(int argc, char **argv)
{
	struct cli cli = {0};
	int status;

	cli.verdict = verdict_new();
	if (cli.verdict == NULL) {
		cli_complain("out of memory");
		return (CLI_TEMPORARY);
	}
	status = options_read(&cli, argc, argv);
	argc -= optind;
	argv += optind;
	if (status < 0 || (status == 0 && argc == 0)) {
		usage_print(stderr);
		status = cli_exit(&cli, CLI_USAGE);
	} else if (status > 0) {
		status = 0;
	} else if (strcmp(argv[0], "message") == 0) {
		status = cli_exit(&cli, cli_message(&cli, argc, argv));
	} else {
		status = cli_exit(&cli, question_ask(&cli, argv));
	}
	verdict_free(cli.verdict);
	return (status);
}
