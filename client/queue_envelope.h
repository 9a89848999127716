/* SPDX-License-Identifier: ISC */
/*
 * The envelope as qmail-queue reads it (qmail-queue(8)):
 *
 *	F sender NUL  T recipient NUL ...  NUL
 *
 * A caller whose client went away closes the descriptor without the last NUL,
 * and must find nothing queued; that is how it takes the message back.
 */
#ifndef QUEUE_ENVELOPE_H
#define QUEUE_ENVELOPE_H

#include <stddef.h>

#include "queue.h"

struct envelope {
	int    fd;			  /* of a copy, in memory */
	char   sender[QUEUE_ADDRESS_MAX]; /* ends in a NUL */
	size_t recipients;
};

/*
 * Reads it whole from `from`. QUEUE_DONE; QUEUE_READ: not complete;
 * QUEUE_ENVELOPE: something else; QUEUE_TOO_LONG: an address.
 */
enum queue_exit envelope_read(struct envelope *envelope, int from);

/*
 * Sends the message elsewhere: to `target` alone if that is an address, else to
 * each recipient's address with `target` put before its "@". QUEUE_DONE, or why
 * it cannot be done.
 */
enum queue_exit envelope_redirect(
    struct envelope *envelope, const char *target);

/* Makes it the descriptor `as` of the next program. 0, or -1 with errno. */
int envelope_hand_on(const struct envelope *envelope, int as);

#endif
