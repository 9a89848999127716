/* SPDX-License-Identifier: ISC */
/*
 * The daemon's end of sealed messages: knows the keys of an endpoint, takes a
 * request once, and seals the reply for whoever sent it.
 *
 * A request that cannot be taken has an answer, too: one whose seal is good
 * but whose cookie is old or which came before, a sealed reply without text
 * and with the cookie of now, at which its sender seals it anew; anything else
 * an error in the clear.
 */
#ifndef SEALER_H
#define SEALER_H

#include <sys/types.h>

#include "msg.h"
#include "seal.h"

struct keyring;
struct sealer;

#define SEALER_MESSAGE_MAX (MSG_MAX + SEAL_OVERHEAD)

/* Whom a sealed request came from: a plain value. */
struct sealer_peer {
	char		 key[SEAL_ID_MAX + 1];
	unsigned	 asker; /* the same for all keys of a host */
	struct seal_mark mark;
};

/* The keys are copied. */
struct sealer *sealer_new(const struct keyring *keys);
void sealer_free(struct sealer *sealer); /* NULL is fine */
/* Other keys from now on; what was sealed under one that is gone is refused. */
void sealer_keys(struct sealer *sealer, const struct keyring *keys);

/*
 * Opens the message of `len` octets into `text`, SEALER_MESSAGE_MAX octets.
 * Returns the length of the text: it ends with a line "host=" if the key
 * belongs to a host, which counts before any other; MSG_MAX + 1 if it is longer
 * than MSG_MAX with that. Or -1: then *answer, borrowed, is to be sent back.
 */
ssize_t sealer_open(struct sealer *sealer, const void *message, size_t len,
    char *text, struct sealer_peer *peer, const void **answer,
    size_t *answer_len);
/*
 * The reply, at most MSG_MAX octets, sealed; if the key is gone an error in the
 * clear, at which its sender asks another server. Borrowed.
 */
const void *sealer_seal(struct sealer *sealer, const struct sealer_peer *peer,
    const void *reply, size_t len, size_t *sealed_len);

#endif
