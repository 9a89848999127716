/* SPDX-License-Identifier: ISC */
/*
 * One question to one of several servers: asks the first, goes on to the next
 * as soon as a server refuses or gives an answer that is of no use, and at the
 * latest when its share of the time is over. Servers asked before stay in
 * the race: the first good answer wins. Never takes longer than the deadline.
 */
#ifndef LIB_ASK_H
#define LIB_ASK_H

#include <stdbool.h>
#include <stddef.h>

/* What the asker says to an answer: enough, or try another server. */
enum ask_choice { ASK_TAKE, ASK_TRY_NEXT };

struct ask {
	const char *const *servers;
	size_t		   n_servers; /* at most NANO_SERVERS_MAX */
	int		   timeout_ms;
	/* Room for an answer; answer[size] is left writable. */
	char  *answer;
	size_t size;
	/* Writes the question; `ms` is what is left. Returns its length. */
	size_t (*question)(void *closure, int ms, const char **octets);
	/*
	 * An answer of `len` octets stands in `answer`, to be used as the
	 * callee likes; cut if it has more than `size`.
	 */
	enum ask_choice (*answered)(void *closure, size_t len);
	void *closure;
};

enum ask_result {
	ASK_TAKEN,   /* answered() took one */
	ASK_REFUSED, /* nobody listens at any of the servers */
	ASK_TIMEOUT, /* somebody does, but no answer was taken */
	ASK_SYSTEM   /* no socket could be opened; errno says why */
};

enum ask_result ask_run(const struct ask *ask);

#endif
