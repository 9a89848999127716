/* SPDX-License-Identifier: ISC */
#include "queue_judge.h"

#include <stdbool.h>
#include <string.h>

#include "mail_facts.h"
#include "mail_message.h"

/*
 * Of the time that is left, for the keys and then for the signatures: however
 * late they are, there is some for the verdict.
 */
#define SHARE_PERCENT 60

struct question {
	struct mail_facts facts;
	const struct stub_daemon *daemon;
	int reserve_ms; /* is kept when signatures are verified */
	const struct peer *peer;
	const char *sender;
};

/* --- Questions ------------------------------------------------------------ */

static enum verdict_status
ask_keys(struct verdict *v, void *closure)
{
	struct question *question = closure;
	struct mail_key *keys;
	size_t n;

	keys = mail_dkim_keys(question->facts.dkim, &n);
	return (n == 0 ? VERDICT_OK : mail_keys_ask(v, keys, n));
}

static void
put(void *to, const char *name, const char *value)
{
	verdict_add(to, name, value);
}

static enum verdict_status
ask_check(struct verdict *v, void *closure)
{
	const struct question *question = closure;

	verdict_ask(v, "check");
	verdict_add(v, "client_ip", question->peer->ip);
	if (question->peer->helo[0] != '\0')
		verdict_add(v, "helo", question->peer->helo);
	verdict_add(v, "mail_from", question->sender);
	mail_facts_put(&question->facts, put, v);
	return (verdict_send(v));
}

static bool
late(void *closure)
{
	const struct question *question = closure;

	return (stub_daemon_left(question->daemon) < question->reserve_ms);
}

/* --- The verdict ---------------------------------------------------------- */

/* Unknown words are the daemon's of a later version. */
static enum judgement_action
action_read(const char *word)
{
	static const struct {
		const char *word;
		enum judgement_action action;
	} words[] = {{"accept", JUDGE_ACCEPT}, {"quarantine", JUDGE_QUARANTINE},
	    {"reject", JUDGE_REJECT}, {"defer", JUDGE_DEFER}};
	size_t i;

	for (i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return (words[i].action);
	return (JUDGE_NONE);
}

/* qmail-smtpd puts a 554 or 451 of its own before the text. */
static const char *
without_code(const char *reply)
{
	if (reply != NULL && strspn(reply, "0123456789") == 3 &&
	    reply[3] == ' ')
		reply += 4;
	return (reply);
}

static void
give_up(struct judgement *judgement, const char *problem)
{
	memset(judgement, 0, sizeof(*judgement));
	judgement->action = JUDGE_NONE;
	judgement->problem = problem;
}

static void
answer_read(struct judgement *judgement, const struct verdict *v)
{
	judgement->action = action_read(verdict_get(v, "action"));
	judgement->reply = without_code(verdict_get(v, "reply"));
	judgement->rule = verdict_get(v, "rule");
	judgement->score = verdict_get(v, "score");
	judgement->results = verdict_get(v, "authentication_results");
	judgement->received_spf = verdict_get(v, "received_spf");
	if (judgement->action == JUDGE_NONE)
		give_up(judgement, "the answer has no action that is known");
}

/* Why there is no answer. */
static const char *
problem_of(enum verdict_status status, const struct stub_daemon *daemon)
{
	return (status == VERDICT_NO_MEMORY ? "out of memory"
					    : verdict_problem(daemon->verdict));
}

/* Returns NULL, or why there is no verdict. */
static const char *
verdict_find(struct question *question, struct stub_daemon *daemon,
    struct message *message)
{
	enum verdict_status status;

	if (mail_facts_read(&question->facts, message) < 0)
		return ("out of memory");
	status = stub_daemon_ask(daemon, SHARE_PERCENT, ask_keys, question);
	if (status != VERDICT_OK)
		return (problem_of(status, daemon));
	question->reserve_ms =
	    stub_daemon_left(daemon) * (100 - SHARE_PERCENT) / 100;
	if (mail_facts_verify(&question->facts, message, late, question) < 0)
		return ("the message cannot be read again");
	status = stub_daemon_ask(daemon, 100, ask_check, question);
	return (status == VERDICT_OK ? NULL : problem_of(status, daemon));
}

/*
 * Those that did not fit could be anybody, and were not judged. The daemon
 * holds it the same way with more than it takes.
 */
static void
doubt(struct judgement *judgement)
{
	if (judgement->action != JUDGE_ACCEPT &&
	    judgement->action != JUDGE_QUARANTINE)
		return;
	judgement->action = JUDGE_DEFER;
	judgement->reply = "4.7.1 From names too many domains";
}

void
judge(struct judgement *judgement, struct stub_daemon *daemon,
    const struct spool *spool, const struct peer *peer, const char *sender)
{
	struct question question = {
	    .daemon = daemon, .peer = peer, .sender = sender};
	struct message *message = NULL;
	const char *problem = "the message cannot be read again";

	stub_daemon_start(daemon);
	if (spool_rewind(spool) == 0)
		message = message_open(spool->fd, &problem);
	if (message != NULL)
		problem = verdict_find(&question, daemon, message);
	if (problem != NULL)
		give_up(judgement, problem);
	else
		answer_read(judgement, daemon->verdict);
	if (question.facts.authors.too_many)
		doubt(judgement);
	mail_facts_free(&question.facts);
	message_close(message);
}
