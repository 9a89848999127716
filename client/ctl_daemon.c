/* SPDX-License-Identifier: ISC */
/* The commands that a running daemon answers, at its control endpoint. */
#include "ctl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_answer.h"
#include "ctl_question.h"

/* A record may have to be fetched, by several tries of the resolver. */
#define RECORD_TIMEOUT 20000

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
		return (ctl_misused(ctl));
	if (strcmp(argv[0], "--all") == 0)
		return (order(ctl, "flush", "what", "all"));
	if (strcmp(argv[0], "--failures") == 0)
		return (order(ctl, "flush", "what", "failures"));
	if (*argv[0] == '-')
		return (ctl_misused(ctl));
	return (order(ctl, "flush", "name", argv[0]));
}

int
ctl_loglevel(const struct ctl *ctl, int argc, char **argv)
{
	if (argc != 1)
		return (ctl_misused(ctl));
	return (order(ctl, "log", "level", argv[0]));
}

int
ctl_reload(const struct ctl *ctl, int argc, char **argv)
{
	(void)argv;
	if (argc != 0)
		return (ctl_misused(ctl));
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
		return (ctl_misused(ctl));
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
		return (ctl_misused(ctl));
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
