/* SPDX-License-Identifier: ISC */
/*
 * Sealed messages, for networks that others can reach: what goes over tcp is
 * encrypted and authenticated (XChaCha20-Poly1305) under a key that both sides
 * have. verdict-protocol(7) has the form and what it is good for.
 *
 * A client: seal_request(), send; of what comes back, seal_open_reply() with
 * the mark that seal_request() left. The daemon: seal_id() names the key,
 * seal_open_request(), and with the mark of that seal_reply(). A mark stands
 * for one sealed request: a reply is good for the one that it was made for.
 *
 * seal_init() once before all else.
 */
#ifndef SEAL_H
#define SEAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SEAL_KEY      32
#define SEAL_ID_MAX   16 /* characters that name a key */
#define SEAL_HOST_MAX 63
/*
 * The daemon gives out a cookie with every reply and takes only requests that
 * carry it: one that was recorded earlier does not.
 */
#define SEAL_COOKIE   8
#define SEAL_NONCE    24
#define SEAL_TAG      16
#define SEAL_HEADER   (4 + SEAL_ID_MAX + SEAL_NONCE)
/* What a seal adds to a text. */
#define SEAL_OVERHEAD (SEAL_HEADER + SEAL_COOKIE + SEAL_TAG)

struct seal_key {
	char	id[SEAL_ID_MAX + 1];
	char	host[SEAL_HOST_MAX + 1]; /* who has it; "": anybody */
	uint8_t secret[SEAL_KEY];
};

struct seal_mark {
	uint8_t nonce[SEAL_NONCE];
	uint8_t tag[SEAL_TAG];
};

/* Returns 0, or -1 if there is no source of randomness. */
int seal_init(void);
void seal_random(void *buf, size_t len);

/*
 * Both write len + SEAL_OVERHEAD octets to `out` and return how many.
 */
size_t seal_request(uint8_t *out, const struct seal_key *key,
    const uint8_t cookie[SEAL_COOKIE], const void *text, size_t len,
    struct seal_mark *mark);
size_t seal_reply(uint8_t *out, const struct seal_key *key,
    const uint8_t cookie[SEAL_COOKIE], const void *text, size_t len,
    const struct seal_mark *mark);

/* Which key a request names. Returns 0, or -1 if it is not a sealed one. */
int seal_id(const uint8_t *octets, size_t len, char id[SEAL_ID_MAX + 1]);

/*
 * Both write the text to `text`, which has room for `len` octets and may not
 * overlap, and return its length; -1 if the seal is not good, and then `text`
 * holds nothing of it.
 */
ssize_t seal_open_request(void *text, const struct seal_key *key,
    const uint8_t *octets, size_t len, uint8_t cookie[SEAL_COOKIE],
    struct seal_mark *mark);
ssize_t seal_open_reply(void *text, const struct seal_key *key,
    const uint8_t *octets, size_t len, uint8_t cookie[SEAL_COOKIE],
    const struct seal_mark *mark);

#endif
