/* SPDX-License-Identifier: ISC */
#include "sealer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keyring.h"
#include "log.h"
#include "replay.h"
#include "stats.h"

#define COMPLAIN_PAUSE 60 /* seconds between two lines about bad seals */

struct sealer {
	struct keyring keys;
	struct replay *replay;
	time_t complain_at;
	uint8_t out[SEALER_MESSAGE_MAX];
};

/* One text for all causes: a stranger learns nothing about keys. */
static const char refusal[] = MSG_VERSION
    " error\n"
    "reason=this endpoint takes messages sealed with a key it knows\n";

struct sealer *
sealer_new(const struct keyring *keys)
{
	struct sealer *sealer = calloc(1, sizeof(*sealer));

	if (sealer == NULL)
		fatal(111, "sealer.out_of_memory");
	if (seal_init() == -1)
		fatal(111, "sealer.no_randomness");
	sealer->replay = replay_new();
	keyring_guard(&sealer->keys);
	sealer->keys = *keys;
	return (sealer);
}

void
sealer_free(struct sealer *sealer)
{
	if (sealer == NULL)
		return;
	replay_free(sealer->replay);
	keyring_wipe(&sealer->keys);
	free(sealer);
}

void
sealer_keys(struct sealer *sealer, const struct keyring *keys)
{
	sealer->keys = *keys;
}

/* The first key of the same host; a key for all is a host of its own. */
static unsigned
asker_of(const struct sealer *sealer, const struct seal_key *key)
{
	const struct seal_key *first = sealer->keys.key;

	if (key->host[0] != '\0')
		while (strcmp(first->host, key->host) != 0)
			first++;
	else
		first = key;
	return ((unsigned)(first - sealer->keys.key));
}

/* Which key was used wrongly helps only an operator, and not each time. */
static void
refuse(struct sealer *sealer, const char *id, const void **answer, size_t *len)
{
	struct timespec now;
	char quoted[4 * SEAL_ID_MAX];

	stat_count(STAT_SEAL_REFUSED);
	*answer = refusal;
	*len = sizeof(refusal) - 1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < sealer->complain_at)
		return;
	sealer->complain_at = now.tv_sec + COMPLAIN_PAUSE;
	log_warning("seal.refused key=%s",
	    id == NULL ? "none" : log_field(quoted, sizeof(quoted), id));
}

/*
 * The last line counts: nobody can be another host than the key's. A text that
 * leaves no room for it is too long.
 */
static ssize_t
host_add(char *text, ssize_t len, const char *host)
{
	struct msg_out out = {.buf = text, .size = MSG_MAX, .len = (size_t)len};

	if (*host == '\0')
		return (len);
	if (len > 0 && text[len - 1] != '\n' && out.len < MSG_MAX)
		out.buf[out.len++] = '\n';
	msg_put(&out, "host", host);
	return (out.overflow ? MSG_MAX + 1 : (ssize_t)out.len);
}

static void
ask_again(struct sealer *sealer, const struct seal_key *key,
    const struct seal_mark *mark, const void **answer, size_t *len)
{
	stat_count(STAT_SEAL_AGAIN);
	*answer = sealer->out;
	*len = seal_reply(
	    sealer->out, key, replay_cookie(sealer->replay), NULL, 0, mark);
}

ssize_t
sealer_open(struct sealer *sealer, const void *message, size_t len, char *text,
    struct sealer_peer *peer, const void **answer, size_t *answer_len)
{
	const struct seal_key *key;
	uint8_t cookie[SEAL_COOKIE];
	ssize_t n;

	if (seal_id(message, len, peer->key) == -1 ||
	    len > SEALER_MESSAGE_MAX) {
		refuse(sealer, NULL, answer, answer_len);
		return (-1);
	}
	key = keyring_find(&sealer->keys, peer->key);
	n = key == NULL ? -1
			: seal_open_request(
			      text, key, message, len, cookie, &peer->mark);
	if (n == -1) {
		refuse(sealer, peer->key, answer, answer_len);
		return (-1);
	}
	if (!replay_take(sealer->replay, cookie, peer->mark.nonce)) {
		ask_again(sealer, key, &peer->mark, answer, answer_len);
		return (-1);
	}
	peer->asker = asker_of(sealer, key);
	return (host_add(text, n, key->host));
}

const void *
sealer_seal(struct sealer *sealer, const struct sealer_peer *peer,
    const void *reply, size_t len, size_t *sealed_len)
{
	const struct seal_key *key = keyring_find(&sealer->keys, peer->key);

	if (key == NULL) {
		*sealed_len = sizeof(refusal) - 1;
		return (refusal);
	}
	*sealed_len = seal_reply(sealer->out, key,
	    replay_cookie(sealer->replay), reply, len, &peer->mark);
	return (sealer->out);
}
