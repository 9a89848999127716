/* SPDX-License-Identifier: ISC */
/*
 * libverdict: ask verdictd. See libverdict(3).
 *
 * A struct verdict is one question and its answer:
 *
 *	v = verdict_new();
 *	verdict_server(v, "ipc:///run/verdictd/verdictd.sock");
 *	verdict_timeout(v, 5000);
 *	verdict_ask(v, "check");
 *	verdict_add(v, "client_ip", "192.0.2.1");
 *	if (verdict_send(v) == VERDICT_OK)
 *		action = verdict_get(v, "action");
 *	verdict_free(v);
 *
 * After verdict_free() or another verdict_ask() the strings of the answer are
 * gone. Not for several threads at once on one struct verdict.
 */
#ifndef VERDICT_H
#define VERDICT_H

#ifdef __cplusplus
extern "C" {
#endif

struct verdict;

enum verdict_status {
	VERDICT_OK,	     /* answered */
	VERDICT_BUSY,	     /* the daemon is overloaded: take the fallback */
	VERDICT_REFUSED,     /* "verdict/1 error": see verdict_problem() */
	VERDICT_UNREACHABLE, /* no answer within the timeout */
	VERDICT_MALFORMED,   /* an answer that is none */
	VERDICT_NO_MEMORY,
	VERDICT_USAGE /* the caller's mistake, and nothing was sent: a verb or
			 a name that cannot be one, no question at all, or one
			 too long for a message */
};

#ifndef VERDICT_DEFAULT_SERVER /* else of the build: config.h comes first */
#define VERDICT_DEFAULT_SERVER "ipc:///run/verdictd/verdictd.sock"
#define VERDICT_DEFAULT_STATE  "/run/verdictd/clients"
#endif
#define VERDICT_DEFAULT_TIMEOUT 5000 /* milliseconds */

/* NULL when out of memory. */
struct verdict *verdict_new(void);
void verdict_free(struct verdict *v);

/*
 * Adds an endpoint; several are asked in the order they were added. Without
 * any, VERDICT_SERVERS of the environment (separated by spaces), else
 * VERDICT_DEFAULT_SERVER. Returns 0, or -1 if the address is malformed, too
 * long or one too many (8).
 */
int verdict_server(struct verdict *v, const char *endpoint);
/*
 * A file of keys (verdict-protocol(7)): questions over tcp are sealed with its
 * first one, and only what is sealed with it is an answer. Without, the file
 * that VERDICT_KEY_FILE of the environment names; without that, tcp is in the
 * clear. Returns 0, or -1 with verdict_problem() about it.
 */
int verdict_key_file(struct verdict *v, const char *path);
/*
 * Ask the second server, too, when the first has not answered after so many
 * milliseconds; 0: when its share of the time is over. Without: VERDICT_HEDGE
 * of the environment, else 0.
 */
void verdict_hedge(struct verdict *v, int ms);
/*
 * A directory, which may be missing, where is remembered between processes
 * which servers are down. Without: VERDICT_STATE_DIR of the environment, else
 * VERDICT_DEFAULT_STATE. Returns 0, or -1 if out of memory.
 */
int verdict_state(struct verdict *v, const char *directory);
/* For the whole of verdict_send(), over all servers; milliseconds, > 0. */
void verdict_timeout(struct verdict *v, int ms);

/* Starts a new question. */
void verdict_ask(struct verdict *v, const char *verb);
/*
 * Adds a field; a newline in `value` becomes a space. A mistake here or in
 * verdict_ask() shows in verdict_send().
 */
void verdict_add(struct verdict *v, const char *name, const char *value);
enum verdict_status verdict_send(struct verdict *v);

/* The answer's last field called `name`, or NULL. */
const char *verdict_get(const struct verdict *v, const char *name);
/* Walks all fields: start with *cursor NULL; NULL behind the last. */
const char *verdict_next(const struct verdict *v, const char **cursor,
    const char **name);
/* Why verdict_send() did not return VERDICT_OK, in words. Never NULL. */
const char *verdict_problem(const struct verdict *v);

#ifdef __cplusplus
}
#endif

#endif
