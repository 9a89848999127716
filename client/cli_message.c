/* SPDX-License-Identifier: ISC */
/* `verdict message`: what the daemon thinks of a message. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mail_author.h"
#include "mail_dkim.h"
#include "mail_header.h"
#include "mail_message.h"

/* What the command line says about the message. */
struct envelope {
	const char *client_ip;
	const char *helo;
	const char *mail_from;
	bool dry; /* -n: print the question */
};

/* What the message says about itself. */
struct facts {
	struct authors authors;
	char message_id[512];
	struct mail_dkim *dkim;
};

static int
envelope_read(struct envelope *envelope, int argc, char **argv)
{
	int option;

	optind = 1;
	while ((option = getopt(argc, argv, "+e:f:i:n")) != -1) {
		switch (option) {
		case 'e':
			envelope->helo = optarg;
			break;
		case 'f':
			envelope->mail_from = optarg;
			break;
		case 'i':
			envelope->client_ip = optarg;
			break;
		case 'n':
			envelope->dry = true;
			break;
		default:
			return (-1);
		}
	}
	if (optind == argc)
		return (0);
	cli_complain("message: %s: the message is read from standard input",
	    argv[optind]);
	return (-1);
}

/* --- Reading -------------------------------------------------------------- */

static int
facts_read(struct facts *facts, const struct message *message)
{
	struct header_field field;
	size_t len;
	const char *header = message_header(message, &len), *cursor = header;

	authors_begin(&facts->authors);
	while (header_next(&cursor, header + len, &field)) {
		if (header_is(&field, "from"))
			authors_add(
			    &facts->authors, field.value, field.value_len);
		else if (header_is(&field, "message-id") &&
			 !header_text(&field, facts->message_id,
			     sizeof(facts->message_id)))
			facts->message_id[0] = '\0';
	}
	facts->dkim = mail_dkim_new(header, len, time(NULL));
	return (facts->dkim == NULL ? -1 : 0);
}

/* Keys, then the body. Returns 0 or an exit status. */
static int
signatures_verify(struct cli *cli, struct facts *facts, struct message *message)
{
	char buf[16384];
	struct mail_key *keys;
	ssize_t len;
	size_t n;

	keys = mail_dkim_keys(facts->dkim, &n);
	if (n > 0 && mail_keys_ask(cli->verdict, keys, n) != VERDICT_OK) {
		cli_complain(
		    "asking for keys: %s", verdict_problem(cli->verdict));
		return (CLI_TEMPORARY);
	}
	mail_dkim_begin(facts->dkim);
	while ((len = message_body(message, buf, sizeof(buf))) > 0)
		mail_dkim_body(facts->dkim, buf, (size_t)len);
	if (len < 0) {
		cli_complain("standard input: %s", strerror(errno));
		return (CLI_TEMPORARY);
	}
	mail_dkim_end(facts->dkim);
	return (0);
}

/* --- The question, and the same for the user ------------------------------ */

/* "pass d=example.org s=k1 a=rsa-sha256 b=dzdVyOfA"; what is unknown, not. */
static void
signature_print(const struct mail_dkim *dkim, size_t i, char *buf, size_t size)
{
	size_t n, more;
	const struct signature *sig = &mail_dkim_results(dkim, &n, &more)[i];
	const struct {
		const char *tag, *value;
		int len;
	} tags[] = {{"d", sig->domain, SIGNATURE_NAME_MAX},
	    {"s", sig->selector, SIGNATURE_NAME_MAX},
	    {"a", sig->algorithm, SIGNATURE_NAME_MAX},
	    {"b", sig->b, mail_dkim_b_length(dkim, i)}};
	size_t used, k;

	used = (size_t)snprintf(buf, size, "%s", dkim_result_name(sig->result));
	for (k = 0; k < sizeof(tags) / sizeof(tags[0]); k++)
		if (tags[k].value[0] != '\0' && used < size)
			used += (size_t)snprintf(buf + used, size - used,
			    " %s=%.*s", tags[k].tag, tags[k].len,
			    tags[k].value);
	if (sig->limit >= 0 && used < size)
		snprintf(buf + used, size - used, " l=%ld", sig->limit);
}

/* Calls `put` for each field of the question. */
static void
question_walk(const struct envelope *envelope, const struct facts *facts,
    void (*put)(void *to, const char *name, const char *value), void *to)
{
	char line[1024];
	size_t n, more, i;

	if (envelope->client_ip != NULL)
		put(to, "client_ip", envelope->client_ip);
	if (envelope->helo != NULL)
		put(to, "helo", envelope->helo);
	if (envelope->mail_from != NULL)
		put(to, "mail_from", envelope->mail_from);
	for (i = 0; i < facts->authors.n; i++)
		put(to, "from_domain", facts->authors.domains[i]);
	(void)mail_dkim_results(facts->dkim, &n, &more);
	for (i = 0; i < n; i++) {
		signature_print(facts->dkim, i, line, sizeof(line));
		put(to, "dkim", line);
	}
	if (facts->message_id[0] != '\0')
		put(to, "message_id", facts->message_id);
}

static void
put_question(void *to, const char *name, const char *value)
{
	verdict_add(to, name, value);
}

static void
put_output(void *to, const char *name, const char *value)
{
	print_field(to, name, value);
}

/* What the daemon is not told, but a person wants to know. */
static void
problems_print(struct print *print, const struct facts *facts)
{
	char line[256];
	size_t n, more, i;
	const struct signature *sigs;

	if (facts->authors.malformed)
		print_field(print, "problem", "From is malformed");
	if (facts->authors.too_many)
		print_field(print, "problem", "From has too many domains");
	sigs = mail_dkim_results(facts->dkim, &n, &more);
	for (i = 0; i < n; i++) {
		if (sigs[i].problem != NULL)
			snprintf(line, sizeof(line), "signature %zu: %s", i + 1,
			    sigs[i].problem);
		else if (sigs[i].limit >= 0)
			snprintf(line, sizeof(line),
			    "signature %zu: signs %ld octets of a longer body",
			    i + 1, sigs[i].limit);
		else
			continue;
		print_field(print, "problem", line);
	}
	if (more > 0) {
		snprintf(line, sizeof(line),
		    "%zu signatures more than %d were not looked at", more,
		    MAIL_DKIM_MAX);
		print_field(print, "problem", line);
	}
}

static int
verdict_get_and_print(
    struct cli *cli, const struct envelope *envelope, const struct facts *facts)
{
	struct print *print;
	int status = 0;

	if (!envelope->dry) {
		verdict_ask(cli->verdict, "check");
		question_walk(envelope, facts, put_question, cli->verdict);
		status = cli_send(cli->verdict);
		if (status != 0)
			return (status);
	}
	print = print_begin(cli->json);
	question_walk(envelope, facts, put_output, print);
	problems_print(print, facts);
	if (!envelope->dry) {
		print_answer(print, cli->verdict);
		status = cli_status(cli->verdict, "check");
	}
	return (print_end(print) < 0 ? CLI_TEMPORARY : status);
}

int
cli_message(struct cli *cli, int argc, char **argv)
{
	struct envelope envelope = {0};
	struct facts facts = {0};
	struct message *message;
	const char *problem;
	int status;

	if (envelope_read(&envelope, argc, argv) < 0)
		return (CLI_USAGE);
	message = message_open(STDIN_FILENO, &problem);
	if (message == NULL) {
		cli_complain("standard input: %s", problem);
		return (CLI_TEMPORARY);
	}
	if (facts_read(&facts, message) < 0) {
		cli_complain("out of memory");
		status = CLI_TEMPORARY;
	} else {
		status = signatures_verify(cli, &facts, message);
	}
	if (status == 0)
		status = verdict_get_and_print(cli, &envelope, &facts);
	mail_dkim_free(facts.dkim);
	message_close(message);
	return (status);
}
