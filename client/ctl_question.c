/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "ctl_question.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

#define DEFAULT_SERVER "ipc://" VERDICT_RUNDIR "/control.sock"

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
struct verdict *
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

int
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

struct verdict *
question_ask(const struct ctl *ctl, int *status, const char *verb, ...)
{
	struct verdict *v = question_new(ctl, verb, status);
	const char *name, *value;
	va_list ap;

	if (v == NULL)
		return (NULL);
	va_start(ap, verb);
	while ((name = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		verdict_add(v, name, value);
	}
	va_end(ap);
	if ((*status = question_send(v)) == CTL_OK)
		return (v);
	verdict_free(v);
	return (NULL);
}

/* ---- answers ---------------------------------------------------------- */

uint64_t
answer_number(const struct verdict *v, const char *name)
{
	const char *value = verdict_get(v, name);

	return (value == NULL ? 0 : strtoull(value, NULL, 10));
}

const char *
answer_line(const struct verdict *v, const char *name, const char **cursor)
{
	const char *found, *value;

	while ((value = verdict_next(v, cursor, &found)) != NULL)
		if (strcmp(found, name) == 0)
			return (value);
	return (NULL);
}

/* "name" comes last and is the text of strangers: nothing is sought in it. */
const char *
line_rest(const char *line, const char *name)
{
	const size_t len = strlen(name);

	for (; line != NULL; line = strchr(line, ' ')) {
		line += strspn(line, " ");
		if (strncmp(line, name, len) == 0 && line[len] == '=')
			return (line + len + 1);
		if (strncmp(line, "name=", 5) == 0)
			break;
	}
	return ("");
}

uint64_t
line_number(const char *line, const char *name)
{
	return (strtoull(line_rest(line, name), NULL, 10));
}
