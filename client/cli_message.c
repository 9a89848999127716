/* SPDX-License-Identifier: ISC */
/* `verdict message`: what the daemon thinks of a message. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail_facts.h"
#include "mail_message.h"

/* What the command line says about the message. */
struct envelope {
	const char *client_ip;
	const char *helo;
	const char *mail_from;
	bool dry;      /* -n: print the question */
	bool received; /* -r: the client is in the header */
	char ip_found[CLI_IP_MAX];
	char helo_found[CLI_HELO_MAX];
};

static int
envelope_read(struct envelope *envelope, int argc, char **argv)
{
	int option;

	optind = 1;
	opterr = 0; /* it would name "message" as the program */
	while ((option = getopt(argc, argv, "+e:f:i:nr")) != -1) {
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
		case 'r':
			envelope->received = true;
			break;
		default:
			cli_complain("message: -%c: no such option, or its "
				     "value is missing",
			    optopt);
			return (-1);
		}
	}
	if (optind == argc)
		return (0);
	cli_complain("message: %s: the message is read from standard input",
	    argv[optind]);
	return (-1);
}

/* For -r; what the command line says comes first. Returns 0 or -1. */
static int
envelope_complete(struct envelope *envelope, const struct message *message)
{
	size_t len;
	const char *header = message_header(message, &len);

	if (!envelope->received)
		return (0);
	if (!cli_received(
		header, len, envelope->ip_found, envelope->helo_found))
		return (-1);
	if (envelope->client_ip == NULL)
		envelope->client_ip = envelope->ip_found;
	if (envelope->helo == NULL)
		envelope->helo = envelope->helo_found;
	return (0);
}

/* --- Reading -------------------------------------------------------------- */

/* Keys, then the body. Returns 0 or an exit status. */
static int
signatures_verify(
    struct cli *cli, struct mail_facts *facts, struct message *message)
{
	struct mail_key *keys;
	size_t n;

	keys = mail_dkim_keys(facts->dkim, &n);
	if (n > 0 && mail_keys_ask(cli->verdict, keys, n) != VERDICT_OK) {
		cli_complain(
		    "asking for keys: %s", verdict_problem(cli->verdict));
		return (CLI_TEMPORARY);
	}
	if (mail_facts_verify(facts, message, NULL, NULL) < 0) {
		cli_complain("standard input: %s", strerror(errno));
		return (CLI_TEMPORARY);
	}
	return (0);
}

/* --- The question, and the same for the user ------------------------------ */

/* Calls `put` for each field of the question. */
static void
question_walk(const struct envelope *envelope, const struct mail_facts *facts,
    void (*put)(void *to, const char *name, const char *value), void *to)
{
	if (envelope->client_ip != NULL)
		put(to, "client_ip", envelope->client_ip);
	if (envelope->helo != NULL)
		put(to, "helo", envelope->helo);
	if (envelope->mail_from != NULL)
		put(to, "mail_from", envelope->mail_from);
	mail_facts_put(facts, put, to);
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
problems_print(struct print *print, const struct mail_facts *facts)
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
verdict_get_and_print(struct cli *cli, const struct envelope *envelope,
    const struct mail_facts *facts)
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
	struct mail_facts facts = {0};
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
	if (envelope_complete(&envelope, message) < 0) {
		/* Of our own: it would be refused for want of SPF. */
		cli_complain("no client in the topmost Received field: "
			     "nothing to judge");
		message_close(message);
		return (CLI_ACCEPT);
	}
	if (mail_facts_read(&facts, message) < 0) {
		cli_complain("out of memory");
		status = CLI_TEMPORARY;
	} else {
		status = signatures_verify(cli, &facts, message);
	}
	if (status == 0)
		status = verdict_get_and_print(cli, &envelope, &facts);
	mail_facts_free(&facts);
	message_close(message);
	return (status);
}
