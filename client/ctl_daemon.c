/* SPDX-License-Identifier: ISC */
/* The commands that a running daemon answers, at its control endpoint. */
#include "ctl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "config.h"
#include "ctl_answer.h"

#define DEFAULT_SERVER "ipc://" VERDICT_RUNDIR "/control.sock"
/* A record may have to be fetched, by several tries of the resolver. */
#define RECORD_TIMEOUT 20000

/* ---- asking ----------------------------------------------------------- */

/* -s, or what the file given by -c says, or the usual place. 0 or -1. */
static int
server_set(const struct ctl *ctl, struct verdict *v)
{
	char error[CONF_ERROR_MAX];
	struct conf *conf;
	int ret;

	if (ctl->server == NULL && ctl->has_config) {
		if ((conf = conf_load(ctl->config, error)) == NULL) {
			fputs(error, stderr);
			return (-1);
		}
		ret = verdict_server(v, conf->control.address);
		conf_free(conf);
		return (ret);
	}
	if (verdict_server(
		v, ctl->server != NULL ? ctl->server : DEFAULT_SERVER) == 0)
		return (0);
	ctl_complain(
	    "-s %s: not ipc:///path or tcp://address:port", ctl->server);
	return (-1);
}

/* A question of our own, or NULL with *status set. */
static struct verdict *
question_new(const struct ctl *ctl, const char *verb, int *status)
{
	struct verdict *v = verdict_new();

	if (v == NULL) {
		ctl_complain("out of memory");
		*status = CTL_TEMPORARY;
		return (NULL);
	}
	if (server_set(ctl, v) == -1) {
		verdict_free(v);
		*status = CTL_USAGE;
		return (NULL);
	}
	if (ctl->timeout > 0)
		verdict_timeout(v, ctl->timeout);
	verdict_ask(v, verb);
	return (v);
}

static int
question_send(struct verdict *v)
{
	const enum verdict_status status = verdict_send(v);

	switch (status) {
	case VERDICT_OK:
		return (CTL_OK);
	case VERDICT_REFUSED: /* asking again would not help */
	case VERDICT_USAGE:
		ctl_complain("%s", verdict_problem(v));
		return (CTL_USAGE);
	case VERDICT_BUSY:
	case VERDICT_UNREACHABLE:
	case VERDICT_MALFORMED:
	case VERDICT_NO_MEMORY:
		break;
	}
	ctl_complain("%s", verdict_problem(v));
	return (CTL_TEMPORARY);
}

/* A question with at most one field, whose answer is only yes or no. */
static int
order(const struct ctl *ctl, const char *verb, const char *name,
    const char *value)
{
	int status;
	struct verdict *v = question_new(ctl, verb, &status);

	if (v == NULL)
		return (status);
	if (name != NULL)
		verdict_add(v, name, value);
	status = question_send(v);
	verdict_free(v);
	return (status);
}

/* ---- orders ----------------------------------------------------------- */

int
ctl_flush(const struct ctl *ctl, int argc, char **argv)
{
	if (argc != 1 || *argv[0] == '\0')
		return (ctl_misused("flush NAME | --all | --failures"));
	if (strcmp(argv[0], "--all") == 0)
		return (order(ctl, "flush", "what", "all"));
	if (strcmp(argv[0], "--failures") == 0)
		return (order(ctl, "flush", "what", "failures"));
	if (*argv[0] == '-')
		return (ctl_misused("flush NAME | --all | --failures"));
	return (order(ctl, "flush", "name", argv[0]));
}

int
ctl_loglevel(const struct ctl *ctl, int argc, char **argv)
{
	if (argc != 1)
		return (ctl_misused("loglevel error | warning | info | debug"));
	return (order(ctl, "log", "level", argv[0]));
}

int
ctl_reload(const struct ctl *ctl, int argc, char **argv)
{
	(void)argv;
	if (argc != 0)
		return (ctl_misused("reload"));
	return (order(ctl, "reload", NULL, NULL));
}

/* ---- questions -------------------------------------------------------- */

int
ctl_ping(const struct ctl *ctl, int argc, char **argv)
{
	int status;
	struct verdict *v;

	(void)argv;
	if (argc != 0)
		return (ctl_misused("ping"));
	if ((v = question_new(ctl, "ping", &status)) == NULL)
		return (status);
	if ((status = question_send(v)) == CTL_OK)
		answer_print(v);
	verdict_free(v);
	return (status);
}

static const char *
upper(char *text)
{
	char *p;

	for (p = text; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return (text);
}

int
ctl_record(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl own = *ctl;
	struct verdict *v;
	int status;

	if (argc < 1 || argc > 2)
		return (ctl_misused("record NAME [TYPE]"));
	if (own.timeout == 0)
		own.timeout = RECORD_TIMEOUT;
	if ((v = question_new(&own, "record", &status)) == NULL)
		return (status);
	verdict_add(v, "name", argv[0]);
	verdict_add(v, "type", argc == 2 ? upper(argv[1]) : "TXT");
	if ((status = question_send(v)) == CTL_OK) {
		answer_print(v);
		if (strcmp(answer_text(v, "state"), "failed") == 0)
			status = CTL_TEMPORARY;
	}
	verdict_free(v);
	return (status);
}

int
ctl_stats(const struct ctl *ctl, int argc, char **argv)
{
	const bool json = argc == 1 && strcmp(argv[0], "--json") == 0;
	struct verdict *v;
	int status;

	if (argc != 0 && !json)
		return (ctl_misused("stats [--json]"));
	if ((v = question_new(ctl, "stats", &status)) == NULL)
		return (status);
	if ((status = question_send(v)) == CTL_OK) {
		if (json)
			answer_print_json(v);
		else
			answer_print(v);
	}
	verdict_free(v);
	return (status);
}

int
ctl_status(const struct ctl *ctl, int argc, char **argv)
{
	struct verdict *ping, *stats = NULL;
	int status;

	(void)argv;
	if (argc != 0)
		return (ctl_misused("status"));
	if ((ping = question_new(ctl, "ping", &status)) == NULL)
		return (status);
	if ((status = question_send(ping)) == CTL_OK &&
	    (stats = question_new(ctl, "stats", &status)) != NULL &&
	    (status = question_send(stats)) == CTL_OK)
		answer_print_status(ping, stats);
	verdict_free(stats);
	verdict_free(ping);
	return (status);
}
