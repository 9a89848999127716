/* SPDX-License-Identifier: ISC */
/* The fields of a question. */
#include <string.h>

#include "arena.h"
#include "idn.h"
#include "ipaddr.h"
#include "run_private.h"

/* Signatures of one message that are judged; each may cost a tree walk. */
#define RUN_SIGNATURES_MAX 64

/* The field's value, "" if it is not there. */
const char *
run_field(const struct run *run, const char *name)
{
	const char *value = msg_get(run->question, name);

	return (value == NULL ? "" : value);
}

void
run_refuse(struct run *run, const char *name, const char *problem)
{
	run_error(
	    run->reply, arena_printf(run->arena, "%s: %s", name, problem));
}

/* NULL, and the reply is an error, when the field is missing or empty. */
const char *
run_field_required(struct run *run, const char *name)
{
	const char *value = run_field(run, name);

	if (*value != '\0')
		return (value);
	run_refuse(run, name, "missing");
	return (NULL);
}

/*
 * Returns 0, or -1 and the reply is an error. Without the field there is no
 * client, as for a message that was taken out of a mailbox: SPF is none.
 */
static int
client_ip_read(struct run *run, struct ipaddr *ip)
{
	const char *text = run_field(run, "client_ip");

	if (*text == '\0' || ipaddr_from_text(ip, text) == 0)
		return (0);
	run_refuse(run, "client_ip", "no IP address");
	return (-1);
}

/* A reverse-path may come with its angle brackets. */
static const char *
mail_from_read(struct run *run)
{
	const char *path = run_field(run, "mail_from");
	const size_t len = strlen(path);

	if (len >= 2 && path[0] == '<' && path[len - 1] == '>')
		return (arena_strndup(run->arena, path + 1, len - 2));
	return (path);
}

static int
identity_read(struct run *run, enum spf_identity *identity)
{
	const char *text = run_field(run, "identity");

	*identity = strcmp(text, "helo") == 0 ? SPF_HELO : SPF_MAILFROM;
	if (*text == '\0' || *identity == SPF_HELO ||
	    strcmp(text, "mailfrom") == 0)
		return (0);
	run_refuse(run, "identity", "neither mailfrom nor helo");
	return (-1);
}

int
run_read_spf(struct run *run, struct spf_question *question)
{
	memset(question, 0, sizeof(*question));
	if (client_ip_read(run, &question->client_ip) == -1 ||
	    identity_read(run, &question->identity) == -1)
		return (-1);
	question->helo = run_field(run, "helo");
	question->mail_from = mail_from_read(run);
	question->receiver = run->options->receiver;
	question->prefetch = run->options->spf_prefetch;
	return (0);
}

/* The value of "name=" in "pass d=example.org s=k1"; "" if absent. Arena. */
static const char *
subfield(struct run *run, const char *line, const char *name)
{
	const size_t len = strlen(name);
	const char *p = line;

	while ((p = strchr(p, ' ')) != NULL) {
		p += strspn(p, " ");
		if (strncmp(p, name, len) == 0 && p[len] == '=') {
			p += len + 1;
			return (arena_strndup(run->arena, p, strcspn(p, " ")));
		}
	}
	return ("");
}

static int
signature_read(struct run *run, const char *line, struct facts_signature *sig)
{
	const char *result =
	    arena_strndup(run->arena, line, strcspn(line, " "));
	unsigned value;

	if (dkim_result_from_text(result, &sig->reported) == -1) {
		run_refuse(run, "dkim", "unknown result");
		return (-1);
	}
	sig->result = FACTS_ONE(sig->reported);
	if (sig->reported == DKIM_TEMPERROR)
		for (sig->result = 0, value = 0; value <= DKIM_PERMERROR;
		     value++)
			if (value != DKIM_TEMPERROR)
				sig->result |= FACTS_ONE(value);
	sig->d = subfield(run, line, "d");
	sig->s = subfield(run, line, "s");
	sig->a = subfield(run, line, "a");
	sig->b = subfield(run, line, "b");
	sig->has_domain = idn_to_dname(&sig->domain, sig->d) == 0;
	sig->aligned = TRI_UNKNOWN;
	return (0);
}

static int
signatures_read(struct run *run, struct facts *facts)
{
	const char *cursor = NULL, *name, *value;

	facts->signature = arena_alloc(
	    run->arena, RUN_SIGNATURES_MAX * sizeof(*facts->signature));
	while ((value = msg_next(run->question, &cursor, &name)) != NULL) {
		if (strcmp(name, "dkim") != 0)
			continue;
		if (facts->signatures == RUN_SIGNATURES_MAX) {
			run_refuse(run, "dkim", "too many");
			return (-1);
		}
		if (signature_read(
			run, value, &facts->signature[facts->signatures]) == -1)
			return (-1);
		facts->signatures++;
	}
	return (0);
}

/*
 * The different author domains, and whether there are more. What cannot be a
 * name is passed over: it has no policy, and a From field made to be unreadable
 * must not keep the others from being judged.
 */
unsigned
run_read_authors(
    struct run *run, struct dname authors[RUN_AUTHORS_MAX], bool *more)
{
	const char *cursor = NULL, *name, *value;
	struct dname author;
	unsigned count = 0, i;

	*more = false;
	while ((value = msg_next(run->question, &cursor, &name)) != NULL) {
		if (strcmp(name, "from_domain") != 0 ||
		    idn_to_dname(&author, value) == -1)
			continue;
		for (i = 0; i < count; i++)
			if (dname_equal(&authors[i], &author))
				break;
		if (i == RUN_AUTHORS_MAX)
			*more = true;
		else if (i == count)
			authors[count++] = author;
	}
	return (count);
}

int
run_read_facts(struct run *run, struct facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	facts->view = run->view;
	facts->options = &run->options->dmarc;
	facts->helo = run_field(run, "helo");
	facts->mail_from = mail_from_read(run);
	facts->host = run_field(run, "host");
	facts->message_id = run_field(run, "message_id");
	if (run_read_spf(run, &facts->question) == -1)
		return (-1);
	facts->client_ip = facts->question.client_ip;
	return (signatures_read(run, facts));
}
