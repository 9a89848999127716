/* SPDX-License-Identifier: ISC */
/*
 * A daemon for tests: a thread that answers each question at an endpoint with
 * the same text, or behaves badly.
 */
#ifndef CLIENT_RESPONDER_H
#define CLIENT_RESPONDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

struct responder {
	const char *endpoint;
	const char *reply;     /* NULL: reads questions, answers none */
	/* Instead of `reply`: makes it from the question. */
	const char *(*answer)(const char *question);
	size_t	    reply_len; /* 0: strlen(reply) */
	int	    delay_ms;  /* before it opens its endpoint */
	int	    forget;	/* goes away and comes back after so many */

	char	   question[4096]; /* the last one, cut to this */
	atomic_int open; /* the endpoint is */
	atomic_int questions;
	atomic_int stop;
	pthread_t  thread;
};

/* Returns when the endpoint is open, unless there is a delay. */
void responder_start(struct responder *r);
/* The same, but returns -1 if the endpoint cannot be opened. */
int responder_try(struct responder *r);
void responder_stop(struct responder *r);

#endif
