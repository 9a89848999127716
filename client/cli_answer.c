/* SPDX-License-Identifier: ISC */
/* Sends a question and turns its answer into an exit status. */
#include "cli.h"

#include <string.h>

/* A status of libverdict as an exit status; 0 if there is an answer. */
static int
send_status(enum verdict_status status)
{
	switch (status) {
	case VERDICT_OK:
		return (0);
	case VERDICT_REFUSED: /* asking again would not help */
	case VERDICT_USAGE:
		return (CLI_USAGE);
	case VERDICT_BUSY:
	case VERDICT_UNREACHABLE:
	case VERDICT_MALFORMED:
	case VERDICT_NO_MEMORY:
		return (CLI_TEMPORARY);
	}
	return (CLI_TEMPORARY);
}

int
cli_send(struct verdict *v)
{
	int status = send_status(verdict_send(v));

	if (status != 0)
		cli_complain("%s", verdict_problem(v));
	return (status);
}

static int
action_status(const char *action)
{
	if (strcmp(action, "accept") == 0)
		return (CLI_ACCEPT);
	if (strcmp(action, "reject") == 0)
		return (CLI_REJECT);
	if (strcmp(action, "quarantine") == 0)
		return (CLI_QUARANTINE);
	return (CLI_TEMPORARY); /* defer, and what we do not know yet */
}

/* "SELECTOR DOMAIN status=temperror ..." in any of the answer's keys. */
static bool
key_temperror(const struct verdict *v)
{
	const char *cursor = NULL, *name, *value, *status, *record;

	while ((value = verdict_next(v, &cursor, &name)) != NULL) {
		if (strcmp(name, "key") != 0)
			continue;
		/* The text of the record comes last and may say anything. */
		status = strstr(value, " status=temperror");
		record = strstr(value, " record=");
		if (status != NULL && (record == NULL || status < record))
			return (true);
	}
	return (false);
}

static bool
is_temperror(const char *result)
{
	return (result != NULL && strcmp(result, "temperror") == 0);
}

int
cli_status(const struct verdict *v, const char *verb)
{
	const char *action = verdict_get(v, "action");

	if (action != NULL)
		return (action_status(action));
	if (strcmp(verb, "check") == 0 || strcmp(verb, "explain") == 0)
		return (CLI_TEMPORARY); /* a verdict without one */
	if (is_temperror(verdict_get(v, "result")) ||
	    is_temperror(verdict_get(v, "status")) || key_temperror(v))
		return (CLI_TEMPORARY);
	return (CLI_ACCEPT);
}
