/* SPDX-License-Identifier: ISC */
/*
 * DKIM keys from the daemon: all that a message needs in one question.
 * (verdict-protocol(7), dkim-key)
 */
#ifndef MAIL_KEY_H
#define MAIL_KEY_H

#include <stddef.h>

#include "mail_signature.h"
#include "verdict.h"

enum mail_key_status {
	MAIL_KEY_TEMPERROR, /* the answer is not known (yet) */
	MAIL_KEY_OK,
	MAIL_KEY_NONE,
	MAIL_KEY_REVOKED,
	MAIL_KEY_INVALID
};

/* libopendkim cuts a longer record; 4096 bits of RSA need about 700 octets. */
#define MAIL_KEY_RECORD_MAX 1024

struct mail_key {
	char selector[SIGNATURE_NAME_MAX]; /* given: which key */
	char domain[SIGNATURE_NAME_MAX];

	enum mail_key_status status; /* found: the rest */
	char		     alg[16]; /* rsa or ed25519 */
	unsigned	     bits;
	char		     record[MAIL_KEY_RECORD_MAX];
};

/*
 * Fills in the `n` keys. Returns what verdict_send() did; unless that is
 * VERDICT_OK all the keys are left MAIL_KEY_TEMPERROR.
 */
enum verdict_status mail_keys_ask(struct verdict *v, struct mail_key *keys,
    size_t n);

/* Reads the value of one key= line of the answer. */
void mail_key_read(struct mail_key *key, const char *value);

#endif
