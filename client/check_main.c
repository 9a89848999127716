/* SPDX-License-Identifier: ISC */
/* verdict-check(8): asks verdictd, then becomes another program. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_input.h"
#include "stub_conf.h"
#include "stub_daemon.h"
#include "stub_program.h"

#define NAME	 "verdict-check"
#define INPUT_FD 3

/* checkpassword(8)'s; on success there is no exit. */
enum check_exit {
	CHECK_GO_ON = 0,
	CHECK_REFUSED = 1,
	CHECK_MISUSE = 2,
	CHECK_TEMPORARY = 111
};

struct check {
	char **argv; /* the program to become */
	struct stub_conf conf;
	enum program_fallback fallback;
	bool quarantine_runs;
	struct stub_daemon daemon;
	struct input input;
};

/* --- The program ---------------------------------------------------------- */

/*
 * What the program learns: NAME as VERDICT_NAME. Some are not in every answer,
 * and must not be left over from one before.
 */
static const char *const results[] = {"action", "decided", "rule", "score",
    "reply", "override", "spf", "spf_domain", "spf_aligned", "dkim_aligned",
    "dmarc", "policy", "policy_domain", "org_domain", "dnssec", "stale",
    "authentication_results", "received_spf", "problem"};

static int
result_set(const char *result, const char *value)
{
	char name[64] = "VERDICT_", *p = name + strlen(name);

	for (; *result != '\0' && p < name + sizeof(name) - 1; result++)
		*p++ = *result >= 'a' && *result <= 'z'
			   ? (char)(*result - 'a' + 'A')
			   : *result;
	*p = '\0';
	return (value == NULL ? unsetenv(name) : setenv(name, value, 1));
}

/* From the answer; without one, all of them are unset. */
static int
results_set(const struct verdict *answer)
{
	size_t i;

	for (i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (result_set(results[i],
			answer == NULL ? NULL
				       : verdict_get(answer, results[i])) < 0)
			return (-1);
	return (0);
}

static enum check_exit
become_program(const struct check *check)
{
	execvp(check->argv[0], check->argv);
	program_complain(NAME, "%s: %s", check->argv[0], strerror(errno));
	return (CHECK_TEMPORARY);
}

static enum check_exit
fallback_take(const struct check *check, const char *problem)
{
	program_complain(
	    NAME, "no verdict on %s: %s", check->input.client_ip, problem);
	if (check->fallback != FALLBACK_ACCEPT || results_set(NULL) < 0 ||
	    result_set("action", "accept") < 0 ||
	    result_set("decided", "no") < 0 ||
	    result_set("problem", problem) < 0)
		return (CHECK_TEMPORARY);
	return (become_program(check));
}

/* --- The verdict ---------------------------------------------------------- */

static enum check_exit
verdict_follow(const struct check *check)
{
	const struct verdict *answer = check->daemon.verdict;
	const char *action = verdict_get(answer, "action");
	bool quarantine;

	if (action == NULL)
		return (fallback_take(check, "the answer has no action"));
	if (strcmp(action, "defer") == 0)
		return (CHECK_TEMPORARY);
	quarantine = strcmp(action, "quarantine") == 0;
	if (strcmp(action, "reject") == 0 ||
	    (quarantine && !check->quarantine_runs))
		return (CHECK_REFUSED);
	if (!quarantine && strcmp(action, "accept") != 0)
		return (fallback_take(check, "the answer's action is unknown"));
	if (results_set(answer) < 0)
		return (CHECK_TEMPORARY);
	return (become_program(check));
}

static void
put(void *to, const char *name, const char *value)
{
	verdict_add(to, name, value);
}

static enum verdict_status
ask(struct verdict *v, void *closure)
{
	const struct check *check = closure;

	verdict_ask(v, "check");
	input_walk(&check->input, put, v);
	return (verdict_send(v));
}

static enum check_exit
check_client(struct check *check)
{
	enum verdict_status status;
	const char *problem = verdict_problem(check->daemon.verdict);

	status = stub_daemon_ask(&check->daemon, 100, ask, check);
	switch (status) {
	case VERDICT_OK:
		return (verdict_follow(check));
	case VERDICT_REFUSED:
	case VERDICT_USAGE:
		program_complain(NAME, "%s", problem);
		return (CHECK_MISUSE);
	case VERDICT_NO_MEMORY:
		return (fallback_take(check, "out of memory"));
	case VERDICT_BUSY:
	case VERDICT_UNREACHABLE:
	case VERDICT_MALFORMED:
		return (fallback_take(check, problem));
	}
	return (CHECK_TEMPORARY);
}

/* --- The start ------------------------------------------------------------ */

/* Returns NULL, or what is wrong. */
static const char *
settings_read(struct check *check)
{
	const char *word;

	if (stub_conf_read(&check->conf) < 0)
		return (check->conf.problem);
	check->fallback = program_fallback(&check->conf);
	if (check->fallback == FALLBACK_MISTAKE)
		return ("fallback: neither accept nor defer");
	word = stub_conf_get(&check->conf, "check_quarantine");
	check->quarantine_runs = word != NULL && strcmp(word, "run") == 0;
	if (word != NULL && !check->quarantine_runs &&
	    strcmp(word, "refuse") != 0)
		return ("check_quarantine: neither refuse nor run");
	return (stub_daemon_open(&check->daemon, &check->conf) < 0
		    ? check->daemon.problem
		    : NULL);
}

static enum check_exit
input_take(struct check *check)
{
	switch (input_read(
	    &check->input, INPUT_FD, stub_daemon_left(&check->daemon))) {
	case INPUT_READ:
		return (CHECK_GO_ON);
	case INPUT_CLOSED:
		if (input_from_environment(&check->input) == 0)
			return (CHECK_GO_ON);
		program_complain(NAME, "descriptor 3 is closed, and there is "
				       "no TCPREMOTEIP");
		return (CHECK_MISUSE);
	case INPUT_LATE:
		program_complain(NAME, "descriptor 3 does not end");
		return (CHECK_TEMPORARY);
	case INPUT_BAD:
		program_complain(NAME,
		    "descriptor 3: malformed or over %d "
		    "octets",
		    INPUT_MAX);
		return (CHECK_MISUSE);
	}
	return (CHECK_MISUSE);
}

static enum check_exit
run(struct check *check)
{
	const char *problem = settings_read(check);
	enum check_exit status;

	if (problem != NULL) {
		program_complain(NAME, "%s", problem);
		return (CHECK_TEMPORARY);
	}
	stub_daemon_start(&check->daemon);
	status = input_take(check);
	if (status != CHECK_GO_ON)
		return (status);
	if (program_client_relays())
		return (results_set(NULL) < 0 ? CHECK_TEMPORARY
					      : become_program(check));
	if (check->daemon.verdict == NULL)
		return (fallback_take(check, check->daemon.problem));
	return (check_client(check));
}

int
main(int argc, char **argv)
{
	static struct check check;

	if (argc < 2) {
		program_complain(NAME, "usage: " NAME " prog [arg ...]");
		return (CHECK_MISUSE);
	}
	check.argv = argv + 1;
	/* If 3 is closed it must stay so: 0 to 2 are filled up at once. */
	if (program_open_standard_fds() < 0)
		return (CHECK_TEMPORARY);
	return (run(&check));
}
