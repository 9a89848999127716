/* SPDX-License-Identifier: ISC */
/* verdict-spp(8): a plugin of qmail-spp that asks verdictd. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "spp_note.h"
#include "stub_conf.h"
#include "stub_daemon.h"
#include "stub_program.h"

#define NAME "verdict-spp"

/* RFC 5321 4.5.3.1.5: a line of a reply; with the letter and the newline. */
#define ANSWER_MAX 512

/* In the order in which SMTP has them. */
enum section {
	SECTION_HELO,
	SECTION_MAIL,
	SECTION_RCPT,
	SECTION_DATA,
	SECTION_UNKNOWN
};

struct spp {
	enum section section;
	enum section later; /* when the client is told, if that is later */
	bool disconnects;
	struct stub_conf conf;
	enum program_fallback fallback;
	struct stub_daemon daemon;
	struct note note; /* about this client and this sender */
};

/* --- What qmail-smtpd is told --------------------------------------------- */

/*
 * qmail-spp takes the last octet of each line off without looking, so each has
 * its newline. What is not printable could be a line of its own for the client.
 */
static void
say(const char *command, const char *text)
{
	char line[ANSWER_MAX], *p;

	snprintf(line, sizeof(line), "%s%s", command, text);
	for (p = line; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	puts(line);
}

/* qmail-spp's command for a refusal. */
static const char *
refusal_command(const struct spp *spp)
{
	if (spp->disconnects)
		return ("R");
	if (spp->later <= spp->section)
		return ("E");
	return (spp->later == SECTION_RCPT ? "LR" : "LD");
}

/* The text has its code: `digit` first, or it is put there. */
static void
refuse(
    const struct spp *spp, char digit, const char *standard, const char *reply)
{
	bool complete = reply != NULL && strspn(reply, "0123456789") == 3 &&
			reply[0] == digit && reply[3] == ' ';

	say(refusal_command(spp), complete ? reply : standard);
}

static void
hand_on(struct spp *spp, const char *spf)
{
	static char text[NOTE_MAX];

	spp->note.spf = spf == NULL ? "" : spf;
	if (note_write(text, &spp->note))
		printf("S" NOTE_VARIABLE "=%s\n", text);
	else
		puts("U" NOTE_VARIABLE);
}

/* --- The verdict ---------------------------------------------------------- */

static void
fallback_take(const struct spp *spp, const char *problem)
{
	program_complain(
	    NAME, "no verdict on %s: %s", spp->note.client_ip, problem);
	puts("U" NOTE_VARIABLE);
	if (spp->fallback == FALLBACK_DEFER)
		refuse(spp, '4',
		    "451 4.3.0 This sender cannot be checked now; please try "
		    "again later",
		    NULL);
}

static void
verdict_follow(struct spp *spp)
{
	const struct verdict *answer = spp->daemon.verdict;
	const char *action = verdict_get(answer, "action");
	const char *reply = verdict_get(answer, "reply");

	if (action == NULL) {
		fallback_take(spp, "the answer has no action");
		return;
	}
	/* At HELO there is no sender that a note could be about. */
	if (spp->section != SECTION_HELO)
		hand_on(spp, verdict_get(answer, "spf"));
	if (strcmp(action, "reject") == 0)
		refuse(spp, '5', "550 5.7.1 Refused by policy", reply);
	else if (strcmp(action, "defer") == 0)
		refuse(spp, '4', "451 4.7.1 Please try again later", reply);
}

static enum verdict_status
ask(struct verdict *v, void *closure)
{
	const struct spp *spp = closure;

	verdict_ask(v, "check");
	verdict_add(v, "client_ip", spp->note.client_ip);
	if (*spp->note.helo != '\0')
		verdict_add(v, "helo", spp->note.helo);
	verdict_add(v, "mail_from", spp->note.mail_from);
	return (verdict_send(v));
}

static void
client_check(struct spp *spp)
{
	enum verdict_status status;

	stub_daemon_start(&spp->daemon);
	status = stub_daemon_ask(&spp->daemon, 100, ask, spp);
	if (status == VERDICT_OK)
		verdict_follow(spp);
	else
		fallback_take(spp, status == VERDICT_NO_MEMORY
				       ? "out of memory"
				       : verdict_problem(spp->daemon.verdict));
}

/* --- The start ------------------------------------------------------------ */

/* From its name; without one, from what the environment already holds. */
static enum section
section_find(const char *name)
{
	static const char *const names[] = {"helo", "mail", "rcpt", "data"};
	size_t i;

	for (i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return ((enum section)i);
	if (name != NULL)
		return (SECTION_UNKNOWN);
	if (getenv("SMTPRCPTTO") != NULL)
		return (SECTION_RCPT);
	return (getenv("SMTPMAILFROM") != NULL ? SECTION_MAIL : SECTION_HELO);
}

/* When the client is told. Returns 0 or -1. */
static int
refusal_read(struct spp *spp)
{
	const char *word = stub_conf_get(&spp->conf, "spp_refuse");

	spp->later = SECTION_HELO;
	spp->disconnects = false;
	if (word == NULL || strcmp(word, "now") == 0)
		return (0);
	if (strcmp(word, "rcpt") == 0)
		spp->later = SECTION_RCPT;
	else if (strcmp(word, "data") == 0)
		spp->later = SECTION_DATA;
	else if (strcmp(word, "disconnect") == 0)
		spp->disconnects = true;
	else
		return (-1);
	return (0);
}

/* Returns NULL, or what is wrong. */
static const char *
settings_read(struct spp *spp, int argc, char **argv)
{
	spp->section = argc > 2 ? SECTION_UNKNOWN : section_find(argv[1]);
	if (spp->section == SECTION_UNKNOWN)
		return ("usage: " NAME " [helo | mail | rcpt | data]");
	if (stub_conf_read(&spp->conf) < 0)
		return (spp->conf.problem);
	spp->fallback = program_fallback(&spp->conf);
	if (spp->fallback == FALLBACK_MISTAKE)
		return ("fallback: neither accept nor defer");
	if (refusal_read(spp) < 0)
		return ("spp_refuse: there is now, rcpt, data and disconnect");
	return (stub_daemon_open(&spp->daemon, &spp->conf) < 0
		    ? spp->daemon.problem
		    : NULL);
}

static void
client_read(struct spp *spp)
{
	const char *helo = program_client_helo();
	const char *mail_from = getenv("SMTPMAILFROM");

	spp->note.client_ip = program_client_ip();
	spp->note.helo = helo == NULL ? "" : helo;
	/* A second HELO comes with the sender of before. */
	spp->note.mail_from =
	    mail_from == NULL || spp->section == SECTION_HELO ? "" : mail_from;
}

/* RFC 5321 4.5.1: postmaster must be within reach of those we refuse. */
static bool
is_for_postmaster(const struct spp *spp)
{
	const char *recipient = getenv("SMTPRCPTTO");

	return (spp->section == SECTION_RCPT && recipient != NULL &&
		strncasecmp(recipient, "postmaster", 10) == 0 &&
		(recipient[10] == '\0' || recipient[10] == '@'));
}

int
main(int argc, char **argv)
{
	static struct spp spp;
	const char *problem;

	if (program_open_standard_fds() < 0)
		return (111);
	problem = settings_read(&spp, argc, argv);
	if (problem != NULL) {
		/* qmail-spp sees no exit status: mail must not be lost. */
		program_complain(NAME, "%s", problem);
		puts("E451 4.3.5 " NAME " is not configured correctly");
		return (fflush(stdout) == 0 ? 0 : 111);
	}
	client_read(&spp);
	if (spp.note.client_ip == NULL || program_client_relays() ||
	    is_for_postmaster(&spp))
		return (0);
	if (spp.daemon.verdict == NULL)
		fallback_take(&spp, spp.daemon.problem);
	else
		client_check(&spp);
	return (fflush(stdout) == 0 ? 0 : 111);
}
