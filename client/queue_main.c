/* SPDX-License-Identifier: ISC */
/* verdict-queue(8): a QMAILQUEUE program that asks verdictd. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue.h"
#include "queue_envelope.h"
#include "queue_fields.h"
#include "queue_judge.h"
#include "queue_peer.h"
#include "queue_refuse.h"
#include "queue_spool.h"
#include "stub_conf.h"
#include "stub_daemon.h"

#define NEXT_DEFAULT "/var/qmail/bin/qmail-queue"
/* Set to our process id: who finds it so has been here before. */
#define LOOP_VARIABLE "VERDICT_QUEUE_PID"

struct queue {
	struct stub_conf conf;
	char *next; /* the program that takes the message */
	bool fallback_defers;
	char authserv_id[AUTHSERV_ID_MAX];

	struct refusal refusal;
	struct spool spool;
	struct envelope envelope;
	struct peer peer;
	struct stub_daemon daemon;
	struct judgement judgement;
	struct fields fields;
};

/*
 * A line for the log of qmail-smtpd. Not where standard error is what the
 * client will be told.
 */
static void complain(const struct queue *queue, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(const struct queue *queue, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	char *p;

	if (queue->refusal.fd == STDERR_FILENO)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (p = line; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	fprintf(stderr, "verdict-queue: %s\n", line);
}

/* --- Settings ------------------------------------------------------------- */

/* The first line of qmail's name for this host. */
static bool
control_me_read(char *id, size_t size)
{
	static const char *const paths[] = {
	    "control/me", "/var/qmail/control/me"};
	FILE *me = NULL;
	bool found;
	size_t i;

	for (i = 0; me == NULL && i < sizeof(paths) / sizeof(paths[0]); i++)
		me = fopen(paths[i], "re");
	if (me == NULL)
		return (false);
	found = fgets(id, (int)size, me) != NULL;
	fclose(me);
	if (found)
		id[strcspn(id, " \t\r\n")] = '\0';
	return (found);
}

static int
authserv_id_find(struct queue *queue)
{
	const char *given = stub_conf_get(&queue->conf, "authserv_id");
	char *id = queue->authserv_id;

	if (given != NULL)
		snprintf(id, AUTHSERV_ID_MAX, "%s", given);
	else if (!control_me_read(id, AUTHSERV_ID_MAX) &&
		 gethostname(id, AUTHSERV_ID_MAX - 1) < 0)
		return (-1);
	return (authserv_id_valid(id) ? 0 : -1);
}

static const char *
fallback_read(struct queue *queue)
{
	const char *word = stub_conf_get(&queue->conf, "fallback");

	queue->fallback_defers = word != NULL && strcmp(word, "defer") == 0;
	if (word == NULL || queue->fallback_defers ||
	    strcmp(word, "accept") == 0)
		return (NULL);
	return ("fallback: neither accept nor defer");
}

/* What is needed to judge. Returns NULL, or what is wrong. */
static const char *
settings_judge(struct queue *queue)
{
	if (authserv_id_find(queue) < 0)
		return ("authserv_id: not the name of a host");
	if (stub_daemon_open(&queue->daemon, &queue->conf) < 0)
		return (queue->daemon.problem);
	return (fallback_read(queue));
}

/* What is needed in any case. Returns NULL, or what is wrong. */
static const char *
settings_read(struct queue *queue)
{
	const char *next, *pid = getenv(LOOP_VARIABLE);

	queue->refusal.fd = -1;
	if (stub_conf_read(&queue->conf) < 0)
		return (queue->conf.problem);
	if (refusal_find(
		&queue->refusal, stub_conf_get(&queue->conf, "dialect")) < 0)
		return ("dialect: there is netqmail, simscan, sagredo, "
			"notqmail, indimail and plain");
	next = stub_conf_get(&queue->conf, "queue");
	queue->next = strdup(next == NULL ? NEXT_DEFAULT : next);
	if (queue->next == NULL)
		return ("out of memory");
	if (pid != NULL && strtol(pid, NULL, 10) == (long)getpid())
		return ("queue: the next program is this one again");
	return (NULL);
}

/* --- The next program ----------------------------------------------------- */

static enum queue_exit
become_next(const struct queue *queue)
{
	char *argv[] = {queue->next, NULL};
	char pid[24];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv(LOOP_VARIABLE, pid, 1);
	execv(queue->next, argv);
	complain(queue, "%s: %s", queue->next, strerror(errno));
	return (QUEUE_EXEC);
}

static void
fields_make(struct queue *queue)
{
	const struct judgement *judgement = &queue->judgement;
	struct fields *fields = &queue->fields;

	fields_begin(fields);
	if (judgement->action == JUDGE_NONE) {
		fields_add(fields, "X-Verdict-Fallback", judgement->problem);
		return;
	}
	fields_add_results(fields, queue->authserv_id, judgement->results);
	fields_add(fields, "Received-SPF", judgement->received_spf);
	fields_add(fields, "X-Verdict-Action",
	    judgement->action == JUDGE_QUARANTINE ? "quarantine" : "accept");
	fields_add(fields, "X-Verdict-Rule", judgement->rule);
	fields_add(fields, "X-Verdict-Score", judgement->score);
}

/* Returns why it cannot be passed on, if it returns. */
static enum queue_exit
pass_on(struct queue *queue)
{
	const char *target = stub_conf_get(&queue->conf, "quarantine");
	enum queue_exit status = QUEUE_DONE;

	fields_make(queue);
	if (fields_disown(&queue->spool, queue->authserv_id) < 0 ||
	    spool_prepend(
		&queue->spool, queue->fields.octets, queue->fields.len) < 0) {
		complain(queue, "the message: %s", strerror(errno));
		return (QUEUE_WRITE);
	}
	if (queue->judgement.action == JUDGE_QUARANTINE && target != NULL)
		status = envelope_redirect(&queue->envelope, target);
	if (status != QUEUE_DONE)
		return (status);
	if (spool_hand_on(&queue->spool, STDIN_FILENO) < 0 ||
	    envelope_hand_on(&queue->envelope, STDOUT_FILENO) < 0)
		return (QUEUE_WRITE);
	return (become_next(queue));
}

/* --- The message ---------------------------------------------------------- */

/*
 * A limit on the size of files is then an error that can be told. The next
 * program has the signal as it was: exec takes handlers off.
 */
static void
size_limit_met(int number)
{
	(void)number;
}

static void
size_limit_survive(void)
{
	if (signal(SIGXFSZ, size_limit_met) == SIG_IGN)
		signal(SIGXFSZ, SIG_IGN);
}

/* The message first, to its end: the caller writes the envelope after it. */
static enum queue_exit
message_take(struct queue *queue)
{
	const char *spool = stub_conf_get(&queue->conf, "spool");
	enum queue_exit status;

	size_limit_survive();
	if (spool != NULL && strcmp(spool, "memory") == 0)
		spool = NULL;
	if (spool_open(&queue->spool, spool) < 0) {
		complain(queue, "spool: %s", strerror(errno));
		return (QUEUE_WRITE);
	}
	status = spool_fill(&queue->spool, STDIN_FILENO);
	if (status != QUEUE_DONE) {
		complain(queue, "the message: %s", strerror(errno));
		return (status);
	}
	status = envelope_read(&queue->envelope, STDOUT_FILENO);
	if (status == QUEUE_DONE)
		return (spool_header(&queue->spool));
	/* Not complete: the client went away, as clients do. */
	if (status != QUEUE_READ)
		complain(queue, "the envelope: %s",
		    status == QUEUE_TOO_LONG ? "an address is too long"
		    : status == QUEUE_WRITE  ? strerror(errno)
					     : "it is none");
	return (status);
}

static enum queue_exit
refuse(struct queue *queue, bool for_good, const char *text)
{
	complain(queue, "%s %s <%s>: %s", for_good ? "rejected" : "deferred",
	    queue->peer.ip, queue->envelope.sender, text);
	return (refusal_send(&queue->refusal, for_good, text));
}

static enum queue_exit
fallback_take(struct queue *queue)
{
	complain(queue, "no verdict on %s <%s>: %s", queue->peer.ip,
	    queue->envelope.sender, queue->judgement.problem);
	if (queue->fallback_defers)
		return (refuse(queue, false,
		    "4.3.0 This message cannot be checked now; please try "
		    "again later"));
	return (pass_on(queue));
}

static enum queue_exit
verdict_follow(struct queue *queue)
{
	const struct judgement *judgement = &queue->judgement;
	const char *reply = judgement->reply;

	switch (judgement->action) {
	case JUDGE_ACCEPT:
	case JUDGE_QUARANTINE:
		return (pass_on(queue));
	case JUDGE_REJECT:
		return (refuse(queue, true,
		    reply != NULL ? reply : "5.7.1 Refused by policy"));
	case JUDGE_DEFER:
		return (refuse(queue, false,
		    reply != NULL ? reply : "4.7.1 Please try again later"));
	case JUDGE_NONE:
		break;
	}
	return (fallback_take(queue));
}

static void
message_judge(struct queue *queue)
{
	memset(&queue->judgement, 0, sizeof(queue->judgement));
	queue->judgement.action = JUDGE_NONE;
	queue->judgement.problem = queue->daemon.problem;
	if (queue->daemon.verdict != NULL)
		judge(&queue->judgement, &queue->daemon, &queue->spool,
		    &queue->peer, queue->envelope.sender);
}

/* No descriptor of ours may get the number of one of these. */
static bool
standard_fds_open(void)
{
	if (fcntl(STDIN_FILENO, F_GETFD) < 0 ||
	    fcntl(STDOUT_FILENO, F_GETFD) < 0)
		return (false);
	return (fcntl(STDERR_FILENO, F_GETFD) >= 0 ||
		open("/dev/null", O_WRONLY) == STDERR_FILENO);
}

static enum queue_exit
message_handle(struct queue *queue)
{
	enum queue_exit status = message_take(queue);

	if (status == QUEUE_REJECTED)
		return (refuse(queue, true,
		    "5.3.4 The header of the message is too long"));
	if (status != QUEUE_DONE)
		return (status);
	peer_read(&queue->peer, queue->envelope.sender, queue->spool.header,
	    queue->spool.header_len);
	message_judge(queue);
	return (verdict_follow(queue));
}

int
main(void)
{
	static struct queue queue;
	const char *problem;
	bool stranger = peer_is_stranger();

	if (!standard_fds_open())
		return (QUEUE_READ);
	problem = settings_read(&queue);
	if (problem == NULL && stranger)
		problem = settings_judge(&queue);
	if (problem != NULL) {
		complain(&queue, "%s", problem);
		return (QUEUE_CONFIG);
	}
	return (stranger ? message_handle(&queue) : become_next(&queue));
}
