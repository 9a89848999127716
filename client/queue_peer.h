/* SPDX-License-Identifier: ISC */
/*
 * Who sent the message: what the server's environment says (tcp-environ(5)).
 * Where it is silent about HELO, what verdict-spp(8) noted, or else the server's
 * Received field on top of the message.
 */
#ifndef QUEUE_PEER_H
#define QUEUE_PEER_H

#include <stdbool.h>
#include <stddef.h>

struct peer {
	char ip[64];
	char helo[256]; /* empty: not known */
};

/*
 * Is it a client whose mail is to be judged? Not when it may relay, and not
 * when there is no client.
 */
bool peer_is_stranger(void);

/* `sender` is that of the envelope; `header` the message's. */
void peer_read(
    struct peer *peer, const char *sender, const char *header, size_t len);

#endif
