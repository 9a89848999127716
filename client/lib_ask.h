/* SPDX-License-Identifier: ISC */
/*
 * One question to one of several servers: asks the first, goes on to the next
 * as soon as a server refuses or gives an answer that is of no use, and at the
 * latest when its share of the time is over, or after `hedge_ms` if that is
 * sooner. Servers asked before stay in the race: the first good answer wins.
 * The last one is asked again at half of its time, over another connection.
 * Never takes longer than the deadline.
 */
#ifndef LIB_ASK_H
#define LIB_ASK_H

#include <stdbool.h>
#include <stddef.h>

/* What the asker says to an answer. */
enum ask_choice {
	ASK_TAKE,     /* it is the one */
	ASK_TRY_NEXT, /* of no use: another server */
	ASK_AGAIN,    /* put the question anew to the same one, now */
	ASK_LATER     /* another server; if there is none, this one in a while */
};

struct ask {
	const char *const *servers;
	size_t		   n_servers; /* at most NANO_SERVERS_MAX */
	int		   timeout_ms;
	int		   hedge_ms; /* 0: the share alone counts */
	/* Room for an answer; answer[size] is left writable. */
	char  *answer;
	size_t size;
	/*
	 * Writes the question to a server; `ms` is what is left. Returns its
	 * length.
	 */
	size_t (*question)(void *closure, size_t server, int ms,
	    const char **octets);
	/*
	 * An answer of `len` octets stands in `answer`, to be used as the
	 * callee likes; cut if it has more than `size`.
	 */
	enum ask_choice (*answered)(void *closure, size_t server, size_t len);
	/* At the end: a server that refused, or was silent all its share. */
	void (*missed)(void *closure, size_t server);
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
