/* SPDX-License-Identifier: ISC */
/*
 * Sealed messages. The first octet chooses: any octets as a question to the
 * daemon's end, or as an answer, which must come to nothing; or a good one that
 * the rest of the input damages, which must, too; or the input as the text of
 * a good one, which must come out as it went in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "keyring.h"
#include "log.h"
#include "msg.h"
#include "sealer.h"

static struct keyring ring = {
    .n = 2, .key = {{"mx1", "mx1.example.net", {1}}, {"mx2", "", {2}}}};
static struct sealer *sealer;
static uint8_t cookie[SEAL_COOKIE];
static char text[SEALER_MESSAGE_MAX], line[SEALER_MESSAGE_MAX];
static uint8_t sealed[SEALER_MESSAGE_MAX];

/* The daemon's end takes it (its text is in `line`), or has an answer. */
static ssize_t
daemon_open(const uint8_t *octets, size_t len, struct sealer_peer *peer,
    const void **answer, size_t *answer_len)
{
	uint8_t *copy = malloc(len + 1); /* so that a read past it is seen */
	ssize_t n;

	check(copy != NULL);
	if (len > 0)
		memcpy(copy, octets, len);
	*answer = NULL;
	n = sealer_open(sealer, copy, len, line, peer, answer, answer_len);
	check(n <= MSG_MAX + 1 && (n == -1) == (*answer != NULL));
	free(copy);
	return (n);
}

/* Without the key nothing is taken, and the answer holds no secret. */
static void
stranger(const uint8_t *data, size_t size)
{
	const struct seal_mark mark = {{0}, {0}};
	struct sealer_peer peer;
	const void *answer;
	size_t len;

	check(daemon_open(data, size, &peer, &answer, &len) == -1);
	check(memcmp(answer, MSG_VERSION " error\n", 16) == 0);
	if (size <= sizeof(text))
		check(seal_open_reply(
			  text, &ring.key[0], data, size, cookie, &mark) == -1);
}

/* Where the input is not zero, the octets change; or they are cut. */
static void
damage(const uint8_t *data, size_t size)
{
	const size_t len = seal_request(sealed, &ring.key[1], cookie,
	    MSG_VERSION " ping\n", 15, &(struct seal_mark){{0}, {0}});
	size_t i, cut = size > 0 && data[0] < len ? data[0] : 0;
	struct sealer_peer peer;
	const void *answer;
	size_t answer_len;
	bool same = cut == 0;

	for (i = 1; i < size && i - 1 < len; i++) {
		sealed[i - 1] ^= data[i];
		same = same && data[i] == 0;
	}
	if (!same)
		check(daemon_open(sealed, len - cut, &peer, &answer,
			  &answer_len) == -1);
}

static void
round_trip(const uint8_t *data, size_t size)
{
	const struct seal_key *key = &ring.key[1];
	struct sealer_peer peer;
	struct seal_mark mark;
	const void *answer;
	size_t len, answer_len;
	ssize_t n;

	if (size > MSG_MAX)
		return;
	len = seal_request(sealed, key, cookie, data, size, &mark);
	n = daemon_open(sealed, len, &peer, &answer, &answer_len);
	if (n == -1) { /* the cookie is old, or the first */
		check(seal_open_reply(
			  text, key, answer, answer_len, cookie, &mark) == 0);
		len = seal_request(sealed, key, cookie, data, size, &mark);
		n = daemon_open(sealed, len, &peer, &answer, &answer_len);
	}
	check(n == (ssize_t)size && memcmp(line, data, size) == 0);
	/* Once. */
	check(daemon_open(sealed, len, &peer, &answer, &answer_len) == -1);
	answer = sealer_seal(sealer, &peer, data, size, &answer_len);
	check(seal_open_reply(text, key, answer, answer_len, cookie, &mark) ==
	      (ssize_t)size);
	check(memcmp(text, data, size) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (sealer == NULL) {
		hash_init();
		log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
		sealer = sealer_new(&ring);
	}
	if (size == 0)
		return (0);
	switch (data[0] % 3) {
	case 0:
		stranger(data + 1, size - 1);
		break;
	case 1:
		damage(data + 1, size - 1);
		break;
	default:
		round_trip(data + 1, size - 1);
	}
	return (0);
}
