/* SPDX-License-Identifier: ISC */
/*
 * The parts of the program `verdict` (verdict(1)): cli_main.c reads the
 * options, then either asks a question given in words or hands over to
 * cli_message(); both end in cli_answer().
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "verdict.h"

/* Exit status: what a mail program can act on, and djb's two for trouble. */
enum cli_exit {
	CLI_ACCEPT     = 0, /* or: answered */
	CLI_REJECT     = 1,
	CLI_QUARANTINE = 2,
	CLI_USAGE      = 100,
	CLI_TEMPORARY  = 111
};

struct cli {
	struct verdict *verdict;
	bool		json;
	size_t		style; /* of exit statuses; 0: those above */
};

/* What `status` is in the style. */
int cli_exit(const struct cli *cli, int status);
/* By its name; complains and returns -1 if there is none. */
int cli_exit_style(struct cli *cli, const char *name);

/* Complains on standard error, in one line. */
void cli_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* `verdict message ...`: argv[0] is "message". Returns an exit status. */
int cli_message(struct cli *cli, int argc, char **argv);

#define CLI_IP_MAX   46
#define CLI_HELO_MAX 256
/* The client that the message came from. false: its header does not say. */
bool cli_received(const char *header, size_t len, char ip[CLI_IP_MAX],
    char helo[CLI_HELO_MAX]);

/* Sends the question; complains if there is no answer. Returns 0 or a status. */
int cli_send(struct verdict *v);
/* The exit status for the answer to `verb`. */
int cli_status(const struct verdict *v, const char *verb);

/*
 * Output: print_field() in the order wanted, then print_end() returns 0, or -1
 * if standard output could not be written. In JSON a name that comes again
 * makes a list.
 */
struct print;
struct print *print_begin(bool json);
/* NULL values are left out. */
void print_field(struct print *print, const char *name, const char *value);
void print_answer(struct print *print, const struct verdict *v);
int print_end(struct print *print);

#endif
