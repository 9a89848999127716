/* SPDX-License-Identifier: ISC */
#include "verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib_ask.h"
#include "lib_endpoint.h"
#include "lib_nanomsg.h"
#include "msg.h"

#define PROBLEM_MAX 512
/* Kept free at the end of a question for the timeout_ms line. */
#define TIMEOUT_LINE 32

struct verdict {
	char servers[NANO_SERVERS_MAX][ENDPOINT_MAX];
	size_t n_servers;
	int timeout_ms;

	struct msg_out question;
	bool timeout_given;  /* by verdict_add(): then ours is not added */
	const char *mistake; /* in the question, found while it was made */

	struct msg answer;
	bool has_answer;
	enum verdict_status status; /* of the last answer looked at */
	char problem[PROBLEM_MAX];

	char request[MSG_MAX];
	char reply[MSG_MAX + 1];
};

struct verdict *
verdict_new(void)
{
	struct verdict *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return (NULL);
	v->timeout_ms = VERDICT_DEFAULT_TIMEOUT;
	v->mistake = "no question was made";
	return (v);
}

void
verdict_free(struct verdict *v)
{
	free(v);
}

static int
server_add(struct verdict *v, const char *endpoint, size_t len)
{
	char *slot;

	if (v->n_servers == NANO_SERVERS_MAX || len >= ENDPOINT_MAX)
		return (-1);
	slot = v->servers[v->n_servers];
	memcpy(slot, endpoint, len);
	slot[len] = '\0';
	if (endpoint_kind(slot) == ENDPOINT_BAD)
		return (-1);
	v->n_servers++;
	return (0);
}

int
verdict_server(struct verdict *v, const char *endpoint)
{
	return (server_add(v, endpoint, strlen(endpoint)));
}

void
verdict_timeout(struct verdict *v, int ms)
{
	v->timeout_ms = ms > 0 ? ms : 1;
}

static void problem_set(struct verdict *v, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
problem_set(struct verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->problem, sizeof(v->problem), fmt, ap);
	va_end(ap);
}

/* A letter first, then letters, digits and `joiner`: no line can be faked. */
static bool
word_valid(const char *word, char joiner)
{
	size_t i;

	for (i = 0; word[i] != '\0'; i++) {
		if (word[i] >= 'a' && word[i] <= 'z')
			continue;
		if (i == 0)
			return (false);
		if (word[i] != joiner && (word[i] < '0' || word[i] > '9'))
			return (false);
	}
	return (i > 0);
}

void
verdict_ask(struct verdict *v, const char *verb)
{
	v->has_answer = false;
	v->timeout_given = false;
	v->mistake = NULL;
	if (!word_valid(verb, '-')) {
		v->mistake = "a verb has lower-case letters only";
		verb = "none";
	}
	msg_begin(
	    &v->question, v->request, sizeof(v->request) - TIMEOUT_LINE, verb);
}

void
verdict_add(struct verdict *v, const char *name, const char *value)
{
	if (v->mistake != NULL)
		return;
	if (!word_valid(name, '_')) {
		v->mistake = "the name of a field has letters, digits and _";
		return;
	}
	if (strcmp(name, "timeout_ms") == 0)
		v->timeout_given = true;
	msg_put(&v->question, name, value);
	if (v->question.overflow)
		v->mistake = "the question does not fit into a message";
}

/* For lib_ask: the question with the time that is left. */
static size_t
question_write(void *closure, int ms, const char **octets)
{
	struct verdict *v = closure;
	struct msg_out out = v->question;

	if (!v->timeout_given) {
		out.size = sizeof(v->request);
		msg_putf(&out, "timeout_ms", "%d", ms);
	}
	*octets = v->request;
	return (out.len);
}

/* For lib_ask: an overloaded or broken server is one to go past. */
static enum ask_choice
answer_read(void *closure, size_t len)
{
	struct verdict *v = closure;
	const char *wrong = msg_parse(&v->answer, v->reply, len);
	const char *reason;

	v->has_answer = false;
	if (wrong != NULL) {
		v->status = VERDICT_MALFORMED;
		problem_set(v, "the answer is malformed: %s", wrong);
		return (ASK_TRY_NEXT);
	}
	v->has_answer = true;
	if (strcmp(v->answer.word, "ok") == 0) {
		v->status = VERDICT_OK;
		return (ASK_TAKE);
	}
	if (strcmp(v->answer.word, "error") == 0) {
		v->status = VERDICT_REFUSED;
		reason = msg_get(&v->answer, "reason");
		problem_set(v, "the server refused the question: %s",
		    reason == NULL ? "it gave no reason" : reason);
		return (ASK_TAKE);
	}
	if (strcmp(v->answer.word, "busy") == 0) {
		v->status = VERDICT_BUSY;
		problem_set(v, "the server is overloaded");
		return (ASK_TRY_NEXT);
	}
	v->has_answer = false;
	v->status = VERDICT_MALFORMED;
	problem_set(v, "the answer is malformed: unknown status");
	return (ASK_TRY_NEXT);
}

/* VERDICT_SERVERS, else the default. Only when none was added. */
static int
servers_default(struct verdict *v)
{
	const char *list = getenv("VERDICT_SERVERS");
	size_t len;

	if (list == NULL || list[strspn(list, " ")] == '\0')
		list = VERDICT_DEFAULT_SERVER;
	for (list += strspn(list, " "); *list != '\0';
	     list += strspn(list, " ")) {
		len = strcspn(list, " ");
		if (server_add(v, list, len) < 0) {
			problem_set(v,
			    "VERDICT_SERVERS: %.*s is no address of a server, "
			    "or one too many",
			    (int)(len < ENDPOINT_MAX ? len : ENDPOINT_MAX),
			    list);
			v->n_servers = 0;
			return (-1);
		}
		list += len;
	}
	return (0);
}

static enum verdict_status
unreachable(struct verdict *v, enum ask_result why, int error)
{
	const char *more = v->n_servers > 1 ? " or any other server" : "";

	/* A busy or broken server says more than the silence of the others. */
	if (v->status != VERDICT_UNREACHABLE)
		return (v->status);
	if (why == ASK_REFUSED)
		problem_set(v, "nothing listens at %s%s", v->servers[0], more);
	else if (why == ASK_SYSTEM)
		problem_set(v, "%s: %s", v->servers[0], strerror(error));
	else
		problem_set(v, "no answer from %s%s within %d ms",
		    v->servers[0], more, v->timeout_ms);
	return (why == ASK_SYSTEM && error == ENOMEM ? VERDICT_NO_MEMORY
						     : VERDICT_UNREACHABLE);
}

enum verdict_status
verdict_send(struct verdict *v)
{
	const char *servers[NANO_SERVERS_MAX];
	struct ask ask = {.servers = servers,
	    .timeout_ms = v->timeout_ms,
	    .answer = v->reply,
	    .size = MSG_MAX,
	    .question = question_write,
	    .answered = answer_read,
	    .closure = v};
	enum ask_result result;
	size_t i;

	v->has_answer = false;
	v->problem[0] = '\0';
	if (v->mistake != NULL) {
		problem_set(v, "%s", v->mistake);
		return (VERDICT_USAGE);
	}
	v->status = VERDICT_UNREACHABLE;
	if (v->n_servers == 0 && servers_default(v) < 0)
		return (VERDICT_UNREACHABLE);
	for (i = 0; i < v->n_servers; i++)
		servers[i] = v->servers[i];
	ask.n_servers = v->n_servers;
	result = ask_run(&ask);
	return (
	    result == ASK_TAKEN ? v->status : unreachable(v, result, errno));
}

const char *
verdict_get(const struct verdict *v, const char *name)
{
	return (v->has_answer ? msg_get(&v->answer, name) : NULL);
}

const char *
verdict_next(const struct verdict *v, const char **cursor, const char **name)
{
	return (v->has_answer ? msg_next(&v->answer, cursor, name) : NULL);
}

const char *
verdict_problem(const struct verdict *v)
{
	return (v->problem);
}
