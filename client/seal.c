/* SPDX-License-Identifier: ISC */
#include "seal.h"

#include <string.h>

#include <sodium.h>

_Static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(
    SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(SEAL_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");

/* A reply never passes for a request, nor a request for a reply. */
static const uint8_t request_magic[4] = {'v', 'S', '1', '?'};
static const uint8_t reply_magic[4] = {'v', 'S', '1', '!'};

#define AT_ID	 4
#define AT_NONCE (AT_ID + SEAL_ID_MAX)

/*
 * What is authenticated beside the text: the header as it is sent, and in a
 * reply the mark of the request.
 */
struct covered {
	uint8_t octets[SEAL_HEADER + SEAL_NONCE + SEAL_TAG];
	size_t len;
};

static struct covered
cover(const uint8_t *header, const struct seal_mark *mark)
{
	struct covered covered = {.len = SEAL_HEADER};

	memcpy(covered.octets, header, SEAL_HEADER);
	if (mark == NULL)
		return (covered);
	memcpy(covered.octets + covered.len, mark->nonce, SEAL_NONCE);
	covered.len += SEAL_NONCE;
	memcpy(covered.octets + covered.len, mark->tag, SEAL_TAG);
	covered.len += SEAL_TAG;
	return (covered);
}

int
seal_init(void)
{
	return (sodium_init() == -1 ? -1 : 0);
}

void
seal_random(void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

/* The name of a key fills its place, with NULs behind it. */
static void
header_write(uint8_t out[SEAL_HEADER], const uint8_t magic[4],
    const struct seal_key *key)
{
	memcpy(out, magic, 4);
	memset(out + AT_ID, 0, SEAL_ID_MAX);
	memcpy(out + AT_ID, key->id, strnlen(key->id, SEAL_ID_MAX));
	/* 192 random bits: they do not meet again, whoever else seals. */
	randombytes_buf(out + AT_NONCE, SEAL_NONCE);
}

static size_t
seal(uint8_t *out, const uint8_t magic[4], const struct seal_key *key,
    const uint8_t cookie[SEAL_COOKIE], const void *text, size_t len,
    const struct seal_mark *mark)
{
	uint8_t *body = out + SEAL_HEADER;
	struct covered covered;

	header_write(out, magic, key);
	covered = cover(out, mark);
	memcpy(body, cookie, SEAL_COOKIE);
	if (len > 0)
		memcpy(body + SEAL_COOKIE, text, len);
	crypto_aead_xchacha20poly1305_ietf_encrypt(body, NULL, body,
	    SEAL_COOKIE + len, covered.octets, covered.len, NULL,
	    out + AT_NONCE, key->secret);
	return (len + SEAL_OVERHEAD);
}

size_t
seal_request(uint8_t *out, const struct seal_key *key,
    const uint8_t cookie[SEAL_COOKIE], const void *text, size_t len,
    struct seal_mark *mark)
{
	const size_t size =
	    seal(out, request_magic, key, cookie, text, len, NULL);

	memcpy(mark->nonce, out + AT_NONCE, SEAL_NONCE);
	memcpy(mark->tag, out + size - SEAL_TAG, SEAL_TAG);
	return (size);
}

size_t
seal_reply(uint8_t *out, const struct seal_key *key,
    const uint8_t cookie[SEAL_COOKIE], const void *text, size_t len,
    const struct seal_mark *mark)
{
	return (seal(out, reply_magic, key, cookie, text, len, mark));
}

int
seal_id(const uint8_t *octets, size_t len, char id[SEAL_ID_MAX + 1])
{
	if (len < SEAL_OVERHEAD || memcmp(octets, request_magic, 4) != 0)
		return (-1);
	memcpy(id, octets + AT_ID, SEAL_ID_MAX);
	id[SEAL_ID_MAX] = '\0';
	return (0);
}

/* The cookie and the beginning of the text come out of one decryption. */
static ssize_t
unseal(void *text, const uint8_t magic[4], const struct seal_key *key,
    const uint8_t *octets, size_t len, uint8_t cookie[SEAL_COOKIE],
    const struct seal_mark *mark)
{
	struct covered covered;
	uint8_t *out = text;
	size_t body;

	if (len < SEAL_OVERHEAD || memcmp(octets, magic, 4) != 0)
		return (-1);
	covered = cover(octets, mark);
	body = len - SEAL_HEADER;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL,
		octets + SEAL_HEADER, body, covered.octets, covered.len,
		octets + AT_NONCE, key->secret) != 0)
		return (-1);
	body -= SEAL_TAG + SEAL_COOKIE;
	memcpy(cookie, out, SEAL_COOKIE);
	memmove(out, out + SEAL_COOKIE, body);
	return ((ssize_t)body);
}

ssize_t
seal_open_request(void *text, const struct seal_key *key, const uint8_t *octets,
    size_t len, uint8_t cookie[SEAL_COOKIE], struct seal_mark *mark)
{
	const ssize_t n =
	    unseal(text, request_magic, key, octets, len, cookie, NULL);

	if (n == -1)
		return (-1);
	memcpy(mark->nonce, octets + AT_NONCE, SEAL_NONCE);
	memcpy(mark->tag, octets + len - SEAL_TAG, SEAL_TAG);
	return (n);
}

ssize_t
seal_open_reply(void *text, const struct seal_key *key, const uint8_t *octets,
    size_t len, uint8_t cookie[SEAL_COOKIE], const struct seal_mark *mark)
{
	return (unseal(text, reply_magic, key, octets, len, cookie, mark));
}
