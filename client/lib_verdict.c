/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib_ask.h"
#include "lib_endpoint.h"
#include "keyring.h"
#include "lib_nanomsg.h"
#include "lib_state.h"
#include "msg.h"
#include "seal.h"

#define PROBLEM_MAX 512
/* Kept free at the end of a question for the timeout_ms line. */
#define TIMEOUT_LINE 32
#define HEDGE_MAX    3600000 /* ms */

struct server {
	char endpoint[ENDPOINT_MAX];
	/* With a key, over tcp: */
	uint8_t cookie[SEAL_COOKIE];
	struct seal_mark mark; /* of the question that is out */
};

struct verdict {
	struct server servers[NANO_SERVERS_MAX];
	size_t n_servers;
	/* The servers of this question, in the order of asking. */
	struct server *order[NANO_SERVERS_MAX];
	const struct server *answered; /* the last one that did */
	int timeout_ms;
	int hedge_ms; /* -1: as the environment says */
	bool has_key;
	struct seal_key key;
	char *state_directory; /* NULL: as the environment says */
	struct state state;

	struct msg_out question;
	bool timeout_given;  /* by verdict_add(): then ours is not added */
	const char *mistake; /* in the question, found while it was made */

	struct msg answer;
	bool has_answer;
	enum verdict_status status; /* of the last answer looked at */
	char problem[PROBLEM_MAX];

	char request[MSG_MAX];
	uint8_t sealed[MSG_MAX + SEAL_OVERHEAD];
	char reply[MSG_MAX + SEAL_OVERHEAD + 1];
	char text[MSG_MAX + SEAL_OVERHEAD + 1]; /* of a sealed reply */
};

struct verdict *
verdict_new(void)
{
	struct verdict *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return (NULL);
	v->timeout_ms = VERDICT_DEFAULT_TIMEOUT;
	v->hedge_ms = -1;
	v->state.directory = -1;
	v->mistake = "no question was made";
	return (v);
}

void
verdict_free(struct verdict *v)
{
	if (v == NULL)
		return;
	explicit_bzero(&v->key, sizeof(v->key));
	free(v->state_directory);
	free(v);
}

static int
server_add(struct verdict *v, const char *endpoint, size_t len)
{
	char *slot;

	if (v->n_servers == NANO_SERVERS_MAX || len >= ENDPOINT_MAX)
		return (-1);
	slot = v->servers[v->n_servers].endpoint;
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

/* tcp, when there is a key. */
static bool
is_sealed(const struct verdict *v, const struct server *server)
{
	return (v->has_key && endpoint_kind(server->endpoint) != ENDPOINT_IPC);
}

/* For lib_ask: the question with the time that is left. */
static size_t
question_write(void *closure, size_t i, int ms, const char **octets)
{
	struct verdict *v = closure;
	struct server *server = v->order[i];
	struct msg_out out = v->question;

	if (!v->timeout_given) {
		out.size = sizeof(v->request);
		msg_putf(&out, "timeout_ms", "%d", ms);
	}
	*octets = v->request;
	if (!is_sealed(v, server))
		return (out.len);
	*octets = (const char *)v->sealed;
	return (seal_request(v->sealed, &v->key, server->cookie, v->request,
	    out.len, &server->mark));
}

static enum ask_choice
answer_malformed(struct verdict *v, const char *why)
{
	v->has_answer = false;
	v->status = VERDICT_MALFORMED;
	problem_set(v, "the answer is malformed: %s", why);
	return (ASK_TRY_NEXT);
}

/* A daemon that ends says so: the next one will soon be there. */
static enum ask_choice
answer_busy(struct verdict *v)
{
	v->status = VERDICT_BUSY;
	if (msg_get(&v->answer, "stopping") == NULL) {
		problem_set(v, "the server is overloaded");
		return (ASK_TRY_NEXT);
	}
	problem_set(v, "the server is being stopped");
	return (ASK_LATER);
}

/* An overloaded or broken server is one to go past. */
static enum ask_choice
text_read(struct verdict *v, char *text, size_t len)
{
	const char *wrong = msg_parse(&v->answer, text, len);
	const char *reason;

	if (wrong != NULL)
		return (answer_malformed(v, wrong));
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
	if (strcmp(v->answer.word, "busy") == 0)
		return (answer_busy(v));
	return (answer_malformed(v, "unknown status"));
}

/* Whoever does not have the key may have sent this, so it decides nothing. */
static enum ask_choice
stranger_read(struct verdict *v, size_t len)
{
	struct msg msg;
	const char *reason = NULL;

	if (len <= MSG_MAX && msg_parse(&msg, v->reply, len) == NULL &&
	    strcmp(msg.word, "error") == 0)
		reason = msg_get(&msg, "reason");
	answer_malformed(v, "it is not sealed with our key");
	if (reason != NULL)
		problem_set(v,
		    "the answer is not sealed with key %s; it says: %s",
		    v->key.id, reason);
	return (ASK_TRY_NEXT);
}

/* For lib_ask. */
static enum ask_choice
answer_read(void *closure, size_t i, size_t len)
{
	struct verdict *v = closure;
	struct server *server = v->order[i];
	uint8_t cookie[SEAL_COOKIE];
	ssize_t n;

	v->has_answer = false;
	v->answered = server;
	if (!is_sealed(v, server))
		return (text_read(v, v->reply, len));
	n = len > MSG_MAX + SEAL_OVERHEAD
		? -1
		: seal_open_reply(v->text, &v->key, (uint8_t *)v->reply, len,
		      cookie, &server->mark);
	if (n == -1)
		return (stranger_read(v, len));
	if (memcmp(server->cookie, cookie, SEAL_COOKIE) != 0) {
		memcpy(server->cookie, cookie, SEAL_COOKIE);
		state_cookie_put(&v->state, server->endpoint, cookie);
	}
	return (n == 0 ? ASK_AGAIN : text_read(v, v->text, (size_t)n));
}

static void
server_missed(void *closure, size_t i)
{
	const struct verdict *v = closure;

	state_down(&v->state, v->order[i]->endpoint);
}

/* Not of whoever starts a set-user-ID program. */
static const char *
environment(const char *name, const char *otherwise)
{
	const char *value = secure_getenv(name);

	return (value == NULL || *value == '\0' ? otherwise : value);
}

/* VERDICT_SERVERS, else the default. Only when none was added. */
static int
servers_default(struct verdict *v)
{
	const char *list = environment("VERDICT_SERVERS", NULL);
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

int
verdict_key_file(struct verdict *v, const char *path)
{
	struct keyring *ring = malloc(sizeof(*ring));
	int bad;

	v->has_key = false;
	if (ring == NULL || seal_init() == -1) {
		problem_set(v, "out of memory, or of randomness");
		free(ring);
		return (-1);
	}
	bad = keyring_read(ring, path, v->problem, sizeof(v->problem));
	if (bad == 0) {
		v->key = ring->key[0];
		v->has_key = true;
	}
	keyring_wipe(ring);
	free(ring);
	return (bad);
}

void
verdict_hedge(struct verdict *v, int ms)
{
	v->hedge_ms = ms > 0 ? ms : 0;
}

int
verdict_state(struct verdict *v, const char *directory)
{
	char *copy = strdup(directory);

	if (copy == NULL)
		return (-1);
	free(v->state_directory);
	v->state_directory = copy;
	return (0);
}

/* What the caller has left to the environment. */
static int
defaults_take(struct verdict *v)
{
	const char *hedge = environment("VERDICT_HEDGE", "0");
	const char *keys = environment("VERDICT_KEY_FILE", NULL);
	char *end;
	long ms;

	if (v->n_servers == 0 && servers_default(v) < 0)
		return (-1);
	if (!v->has_key && keys != NULL && verdict_key_file(v, keys) < 0)
		return (-1);
	if (v->hedge_ms >= 0)
		return (0);
	ms = strtol(hedge, &end, 10);
	if (end == hedge || *end != '\0' || ms < 0 || ms > HEDGE_MAX) {
		problem_set(v, "VERDICT_HEDGE: not milliseconds");
		return (-1);
	}
	v->hedge_ms = (int)ms;
	return (0);
}

/* Those that are down come last; with the names in `servers`. */
static void
servers_order(struct verdict *v, const char *servers[NANO_SERVERS_MAX])
{
	bool down[NANO_SERVERS_MAX];
	size_t i, n = 0;

	for (i = 0; i < v->n_servers; i++) {
		down[i] = v->n_servers > 1 &&
			  state_is_down(&v->state, v->servers[i].endpoint);
		if (!down[i])
			v->order[n++] = &v->servers[i];
	}
	for (i = 0; i < v->n_servers; i++)
		if (down[i])
			v->order[n++] = &v->servers[i];
	for (i = 0; i < v->n_servers; i++) {
		servers[i] = v->order[i]->endpoint;
		if (is_sealed(v, v->order[i]))
			state_cookie_get(
			    &v->state, servers[i], v->order[i]->cookie);
	}
}

/* The transport does not tell this apart from a socket that is not there. */
static bool
is_forbidden(const char *endpoint)
{
	return (strncmp(endpoint, "ipc://", 6) == 0 &&
		faccessat(AT_FDCWD, endpoint + 6, W_OK, AT_EACCESS) == -1 &&
		errno == EACCES);
}

static enum verdict_status
unreachable(struct verdict *v, enum ask_result why, int error)
{
	const char *more = v->n_servers > 1 ? " or any other server" : "";
	const char *first = v->servers[0].endpoint;

	/* A busy or broken server says more than the silence of the others. */
	if (v->status != VERDICT_UNREACHABLE)
		return (v->status);
	if (why == ASK_REFUSED && is_forbidden(first))
		problem_set(v, "%s: %s", first, strerror(EACCES));
	else if (why == ASK_REFUSED)
		problem_set(v, "nothing listens at %s%s", first, more);
	else if (why == ASK_SYSTEM)
		problem_set(v, "%s: %s", first, strerror(error));
	else
		problem_set(v, "no answer from %s%s within %d ms", first, more,
		    v->timeout_ms);
	return (why == ASK_SYSTEM && error == ENOMEM ? VERDICT_NO_MEMORY
						     : VERDICT_UNREACHABLE);
}

static enum ask_result
ask_servers(struct verdict *v)
{
	const char *servers[NANO_SERVERS_MAX];
	const struct ask ask = {.servers = servers,
	    .n_servers = v->n_servers,
	    .timeout_ms = v->timeout_ms,
	    .hedge_ms = v->hedge_ms,
	    .answer = v->reply,
	    .size = sizeof(v->reply) - 1,
	    .question = question_write,
	    .answered = answer_read,
	    .missed = server_missed,
	    .closure = v};

	servers_order(v, servers);
	return (ask_run(&ask));
}

enum verdict_status
verdict_send(struct verdict *v)
{
	enum ask_result result;
	int error;

	v->has_answer = false;
	v->problem[0] = '\0';
	if (v->mistake != NULL) {
		problem_set(v, "%s", v->mistake);
		return (VERDICT_USAGE);
	}
	v->status = VERDICT_UNREACHABLE;
	if (defaults_take(v) < 0)
		return (VERDICT_UNREACHABLE);
	state_open(&v->state,
	    v->state_directory != NULL
		? v->state_directory
		: environment("VERDICT_STATE_DIR", VERDICT_DEFAULT_STATE));
	result = ask_servers(v);
	error = errno;
	if (result == ASK_TAKEN && v->n_servers > 1)
		state_up(&v->state, v->answered->endpoint);
	state_close(&v->state);
	return (
	    result == ASK_TAKEN ? v->status : unreachable(v, result, error));
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
