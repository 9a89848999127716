/* SPDX-License-Identifier: ISC */
/* Sealed messages: what opens them, what does not, and files of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hash.h"
#include "keyring.h"
#include "msg.h"
#include "replay.h"
#include "sealer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT	     "verdict/1 ping\n"
#define TEXT_LEN     (sizeof(TEXT) - 1)

static const uint8_t cookie[SEAL_COOKIE] = {1, 2, 3, 4, 5, 6, 7, 8};
static struct seal_key mx1 = {"mx1-a", "mx1.example.net", {1}};
static struct seal_key mx2 = {"mx2-a", "mx2.example.net", {2}};

static int
prepare(void **state)
{
	(void)state;
	hash_init();
	return (seal_init());
}

static void
test_round(void **state)
{
	static const size_t lengths[] = {0, 1, TEXT_LEN, MSG_MAX};
	uint8_t *sealed = malloc(SEALER_MESSAGE_MAX), got[SEAL_COOKIE];
	char *text = calloc(1, MSG_MAX), *out = malloc(SEALER_MESSAGE_MAX);
	char id[SEAL_ID_MAX + 1];
	struct seal_mark mark, seen;
	size_t i, len;

	(void)state;
	memcpy(text, TEXT, TEXT_LEN);
	for (i = 0; i < COUNT(lengths); i++) {
		len =
		    seal_request(sealed, &mx1, cookie, text, lengths[i], &mark);
		assert_int_equal(len, lengths[i] + SEAL_OVERHEAD);
		assert_int_equal(seal_id(sealed, len, id), 0);
		assert_string_equal(id, "mx1-a");
		memset(got, 0, sizeof(got));
		assert_int_equal(
		    seal_open_request(out, &mx1, sealed, len, got, &seen),
		    lengths[i]);
		assert_memory_equal(out, text, lengths[i]);
		assert_memory_equal(got, cookie, sizeof(got));
		assert_memory_equal(&seen, &mark, sizeof(mark));
		len = seal_reply(sealed, &mx1, cookie, text, lengths[i], &mark);
		assert_int_equal(len, lengths[i] + SEAL_OVERHEAD);
		assert_int_equal(
		    seal_open_reply(out, &mx1, sealed, len, got, &mark),
		    lengths[i]);
		assert_memory_equal(out, text, lengths[i]);
	}
	free(sealed);
	free(text);
	free(out);
}

/* Each bit, and each shorter length, of a request and of its reply. */
static void
test_tampering(void **state)
{
	uint8_t request[TEXT_LEN + SEAL_OVERHEAD], reply[sizeof(request)];
	uint8_t got[SEAL_COOKIE];
	char out[sizeof(request)], zero[sizeof(request)] = {0};
	struct seal_mark mark, seen;
	size_t i, bit;

	(void)state;
	seal_request(request, &mx1, cookie, TEXT, TEXT_LEN, &mark);
	seal_reply(reply, &mx1, cookie, TEXT, TEXT_LEN, &mark);
	for (i = 0; i < sizeof(request); i++)
		for (bit = 0; bit < 8; bit++) {
			memset(out, 0, sizeof(out));
			request[i] ^= (uint8_t)(1 << bit);
			reply[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(seal_open_request(out, &mx1, request,
					     sizeof(request), got, &seen),
			    -1);
			assert_int_equal(seal_open_reply(out, &mx1, reply,
					     sizeof(reply), got, &mark),
			    -1);
			assert_memory_equal(out, zero, sizeof(out));
			request[i] ^= (uint8_t)(1 << bit);
			reply[i] ^= (uint8_t)(1 << bit);
		}
	for (i = 0; i < sizeof(request); i++) {
		assert_int_equal(
		    seal_open_request(out, &mx1, request, i, got, &seen), -1);
		assert_int_equal(
		    seal_open_reply(out, &mx1, reply, i, got, &mark), -1);
	}
	assert_int_equal(
	    seal_open_request(out, &mx1, request, sizeof(request), got, &seen),
	    TEXT_LEN);
	assert_int_equal(
	    seal_open_reply(out, &mx1, reply, sizeof(reply), got, &mark),
	    TEXT_LEN);
}

/* A reply is for one request, and is no request, nor the other way round. */
static void
test_binding(void **state)
{
	uint8_t first[TEXT_LEN + SEAL_OVERHEAD], second[sizeof(first)];
	uint8_t reply[sizeof(first)], got[SEAL_COOKIE];
	char out[sizeof(first)];
	struct seal_mark one, two, mixed;
	struct seal_key other = mx1;

	(void)state;
	seal_request(first, &mx1, cookie, TEXT, TEXT_LEN, &one);
	seal_request(second, &mx1, cookie, TEXT, TEXT_LEN, &two);
	assert_memory_not_equal(first, second, sizeof(first));
	seal_reply(reply, &mx1, cookie, TEXT, TEXT_LEN, &one);
	assert_int_equal(
	    seal_open_reply(out, &mx1, reply, sizeof(reply), got, &two), -1);
	mixed = one;
	memcpy(mixed.tag, two.tag, sizeof(mixed.tag));
	assert_int_equal(
	    seal_open_reply(out, &mx1, reply, sizeof(reply), got, &mixed), -1);
	assert_int_equal(
	    seal_open_reply(out, &mx1, first, sizeof(first), got, &one), -1);
	assert_int_equal(
	    seal_open_request(out, &mx1, reply, sizeof(reply), got, &two), -1);
	/* Another key, another name of the same key. */
	assert_int_equal(
	    seal_open_request(out, &mx2, first, sizeof(first), got, &two), -1);
	other.secret[31] ^= 1;
	assert_int_equal(
	    seal_open_request(out, &other, first, sizeof(first), got, &two),
	    -1);
}

/* --- Replay --------------------------------------------------------------- */

static void
nonce_make(uint8_t nonce[SEAL_NONCE], uint64_t number)
{
	memset(nonce, 0, SEAL_NONCE);
	memcpy(nonce, &number, sizeof(number));
}

static void
test_replay(void **state)
{
	static const uint8_t none[SEAL_COOKIE];
	struct replay *replay = replay_new();
	uint8_t nonce[SEAL_NONCE], older[SEAL_COOKIE], oldest[SEAL_COOKIE];
	uint64_t i, n = 0;

	(void)state;
	nonce_make(nonce, n++);
	assert_false(replay_take(replay, none, nonce));
	assert_true(replay_take(replay, replay_cookie(replay), nonce));
	assert_false(replay_take(replay, replay_cookie(replay), nonce));
	memcpy(oldest, replay_cookie(replay), sizeof(oldest));
	for (; memcmp(replay_cookie(replay), oldest, SEAL_COOKIE) == 0; n++) {
		nonce_make(nonce, n);
		assert_true(replay_take(replay, oldest, nonce));
		assert_true(n < REPLAY_MAX);
	}
	/* The one before is still taken, but each nonce once, and not for ever. */
	for (i = 0; i < n; i++) {
		nonce_make(nonce, i);
		assert_false(replay_take(replay, oldest, nonce));
	}
	for (i = n; i < REPLAY_MAX; i++) {
		nonce_make(nonce, i);
		assert_true(replay_take(replay, oldest, nonce));
	}
	nonce_make(nonce, REPLAY_MAX);
	assert_false(replay_take(replay, oldest, nonce));
	/* After one more change it is gone. */
	memcpy(older, replay_cookie(replay), sizeof(older));
	for (i = 0; memcmp(replay_cookie(replay), older, SEAL_COOKIE) == 0;
	     i++) {
		nonce_make(nonce, i);
		assert_true(replay_take(replay, older, nonce));
	}
	nonce_make(nonce, REPLAY_MAX + 1);
	assert_false(replay_take(replay, oldest, nonce));
	assert_true(replay_take(replay, older, nonce));
	replay_free(replay);
}

/* --- The daemon's end ----------------------------------------------------- */

/*
 * A host that asks a daemon. `cookie` is what it knows; true if the text was
 * taken, else `answer` is what comes back.
 */
struct host {
	struct sealer *sealer;
	struct seal_key key;
	uint8_t cookie[SEAL_COOKIE];
	struct seal_mark mark;
	uint8_t sealed[512];
	size_t len;
	char text[SEALER_MESSAGE_MAX];
	ssize_t text_len;
	struct sealer_peer peer;
	const void *answer;
	size_t answer_len;
};

static bool
host_send(struct host *host)
{
	host->answer = NULL;
	host->text_len = sealer_open(host->sealer, host->sealed, host->len,
	    host->text, &host->peer, &host->answer, &host->answer_len);
	assert_true((host->text_len == -1) == (host->answer != NULL));
	return (host->text_len != -1);
}

static bool
host_ask(struct host *host, const char *text)
{
	host->len = seal_request(host->sealed, &host->key, host->cookie, text,
	    strlen(text), &host->mark);
	return (host_send(host));
}

/* The answer is one to ask again at, and gives the cookie. */
static bool
host_again(struct host *host)
{
	char none[SEALER_MESSAGE_MAX];

	return (seal_open_reply(none, &host->key, host->answer,
		    host->answer_len, host->cookie, &host->mark) == 0);
}

static struct keyring *
ring_of(size_t n, const struct seal_key *key[])
{
	static struct keyring ring;
	size_t i;

	memset(&ring, 0, sizeof(ring));
	for (i = 0; i < n; i++)
		ring.key[ring.n++] = *key[i];
	return (&ring);
}

static struct sealer *
sealer_of(size_t n, const struct seal_key *key[])
{
	return (sealer_new(ring_of(n, key)));
}

static void
test_sealer(void **state)
{
	const struct seal_key *keys[] = {&mx1, &mx2};
	struct host *host = calloc(1, sizeof(*host));
	char out[SEALER_MESSAGE_MAX];
	const void *reply;
	struct msg msg;
	size_t len;

	(void)state;
	host->sealer = sealer_of(2, keys);
	host->key = mx1;
	/* The first time a host has no cookie. */
	assert_false(host_ask(host, TEXT "host=mx2.example.net"));
	assert_true(host_again(host));
	assert_true(host_ask(host, TEXT "host=mx2.example.net"));
	/* Whatever it says, it is the host of its key. */
	assert_null(msg_parse(&msg, host->text, (size_t)host->text_len));
	assert_string_equal(msg_get(&msg, "host"), "mx1.example.net");
	assert_int_equal(host->peer.asker, 0);
	reply = sealer_seal(host->sealer, &host->peer, "x", 1, &len);
	assert_int_equal(
	    seal_open_reply(out, &mx1, reply, len, host->cookie, &host->mark),
	    1);
	/* The same octets again: an answer without text. */
	assert_false(host_send(host));
	assert_true(host_again(host));
	assert_true(host_ask(host, TEXT));
	/* Recorded from a daemon that has gone. */
	sealer_free(host->sealer);
	host->sealer = sealer_of(2, keys);
	assert_false(host_send(host));
	assert_true(host_again(host));
	sealer_free(host->sealer);
	free(host);
}

/* The line with the host has to fit, too; if not, a sealed answer says so. */
static void
test_long(void **state)
{
	const struct seal_key *keys[] = {&mx1};
	const size_t host_line = sizeof("host=mx1.example.net\n") - 1;
	uint8_t *sealed = malloc(SEALER_MESSAGE_MAX), known[SEAL_COOKIE];
	char *text = calloc(1, MSG_MAX), *out = malloc(SEALER_MESSAGE_MAX);
	struct sealer *sealer = sealer_of(1, keys);
	struct sealer_peer peer;
	struct seal_mark mark;
	const void *answer;
	size_t len, answer_len, i;

	(void)state;
	memset(text, 'x', MSG_MAX);
	memcpy(text, TEXT "a=", TEXT_LEN + 2);
	len = seal_request(sealed, &mx1, cookie, text, 1, &mark);
	assert_int_equal(
	    sealer_open(sealer, sealed, len, out, &peer, &answer, &answer_len),
	    -1);
	assert_int_equal(
	    seal_open_reply(out, &mx1, answer, answer_len, known, &mark), 0);
	for (i = 0; i <= host_line + 1; i++) {
		len =
		    seal_request(sealed, &mx1, known, text, MSG_MAX - i, &mark);
		assert_int_equal(sealer_open(sealer, sealed, len, out, &peer,
				     &answer, &answer_len),
		    i <= host_line ? MSG_MAX + 1 : MSG_MAX - i + host_line + 1);
		answer = sealer_seal(sealer, &peer, "x", 1, &answer_len);
		assert_int_equal(seal_open_reply(out, &mx1, answer, answer_len,
				     known, &mark),
		    1);
	}
	sealer_free(sealer);
	free(sealed);
	free(text);
	free(out);
}

/* What no key opens is answered in the clear, all in the same words. */
static void
test_strangers(void **state)
{
	const struct seal_key *keys[] = {&mx1};
	struct host *host = calloc(1, sizeof(*host));
	struct seal_key forged = mx1;
	char first[256];
	size_t i, len;

	(void)state;
	host->sealer = sealer_of(1, keys);
	forged.secret[0] ^= 1;
	host->key = forged;
	assert_false(host_ask(host, TEXT));
	assert_memory_equal(host->answer, "verdict/1 error\nreason=", 23);
	len = host->answer_len;
	memcpy(first, host->answer, len);
	host->key = mx2;
	assert_false(host_ask(host, TEXT));
	assert_int_equal(host->answer_len, len);
	assert_memory_equal(host->answer, first, len);
	for (i = 0; i < sizeof(host->sealed); i++) {
		host->len = i;
		assert_false(host_send(host));
		assert_memory_equal(host->answer, first, len);
	}
	sealer_free(host->sealer);
	free(host);
}

/* The new key beside the old, then the old one away. */
static void
test_rotation(void **state)
{
	struct seal_key next = {"mx1-b", "mx1.example.net", {9}};
	const struct seal_key *old[] = {&mx2, &mx1};
	const struct seal_key *both[] = {&mx2, &mx1, &next};
	const struct seal_key *new[] = {&mx2, &next};
	struct host *host = calloc(1, sizeof(*host));
	struct sealer_peer parked;
	const void *reply;
	unsigned asker;
	size_t len;

	(void)state;
	host->sealer = sealer_of(2, old);
	host->key = mx1;
	assert_false(host_ask(host, TEXT));
	assert_true(host_again(host));
	sealer_keys(host->sealer, ring_of(3, both));
	assert_true(host_ask(host, TEXT));
	parked = host->peer;
	asker = host->peer.asker;
	host->key = next;
	assert_true(host_ask(host, TEXT));
	assert_int_equal(host->peer.asker, asker);
	sealer_keys(host->sealer, ring_of(2, new));
	assert_true(host_ask(host, TEXT));
	host->key = mx1;
	assert_false(host_ask(host, TEXT));
	assert_false(host_again(host));
	/* What was asked under the old one gets no reply under another. */
	reply = sealer_seal(host->sealer, &parked, "x", 1, &len);
	assert_true(len > 16);
	assert_memory_equal(reply, "verdict/1 error\n", 16);
	sealer_free(host->sealer);
	free(host);
}

/* --- Files of keys -------------------------------------------------------- */

#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static const struct {
	const char *text;
	mode_t mode;
	size_t keys;
	const char *error;
} files[] = {
    {"a " HEX "\n", 0600, 1, NULL},
    {"a " HEX, 0640, 1, NULL},
    {"# none\n\n \t\na\t" HEX "  mx1.example.net \nb " HEX " mx1\n", 0400, 2,
	NULL},
    {"a-b_c.d:0123456 " HEX "\r\n", 0600, 1, NULL},
    {"", 0600, 0, ":0: there is no key in it"},
    {"# a " HEX "\n", 0600, 0, ":1: there is no key in it"},
    {"a " HEX "\n", 0644, 0, ":0: mode 0644: others must"},
    {"a " HEX "\n", 0660, 0, ":0: mode 0660: others must"},
    {"a " HEX "\n", 0602, 0, ":0: mode 0602: others must"},
    {"\na\n", 0600, 0, ":2: not NAME KEY [HOST]"},
    {"a " HEX " b c\n", 0600, 0, ":1: not NAME KEY [HOST]"},
    {"a " HEX "0\n", 0600, 0, ":1: a key is 64 hexadecimal digits"},
    {"a 0x" HEX "\n", 0600, 0, ":1: a key is 64 hexadecimal digits"},
    {"a g" HEX "\n", 0600, 0, ":1: a key is 64 hexadecimal digits"},
    {"a " HEX "\na " HEX "\n", 0600, 0, ":2: a second key named a"},
    {"0123456789abcdef0 " HEX "\n", 0600, 0, ":1: the name of a key is 1 to"},
    {"a=b " HEX "\n", 0600, 0, ":1: the name of a key is"},
    {"a " HEX " mx1=2\n", 0600, 0, ":1: the name of a host is 1 to"},
};

static void
test_keyring(void **state)
{
	static struct keyring ring;
	char path[] = "/tmp/test_seal.XXXXXX", error[256], want[256];
	const int fd = mkstemp(path);
	size_t i;

	(void)state;
	assert_int_not_equal(fd, -1);
	for (i = 0; i < COUNT(files); i++) {
		const size_t len = strlen(files[i].text);

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, files[i].text, len, 0), len);
		fchmod(fd, files[i].mode);
		*error = '\0';
		if (keyring_read(&ring, path, error, sizeof(error)) == 0)
			assert_null(files[i].error);
		assert_int_equal(ring.n, files[i].keys);
		if (files[i].error == NULL) {
			assert_string_equal(error, "");
			continue;
		}
		snprintf(want, sizeof(want), "%s%s", path, files[i].error);
		if (strncmp(error, want, strlen(want)) != 0)
			fail_msg("%s: %s", want, error);
		/* A key in a message would end up in a log. */
		assert_null(strstr(error, "00112233"));
	}
	close(fd);
	unlink(path);
	assert_int_equal(keyring_read(&ring, path, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "No such file"));
	assert_int_equal(keyring_read(&ring, "/tmp", error, sizeof(error)), -1);
	/* Without waiting for somebody who writes. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(keyring_read(&ring, path, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "not a file"));
	unlink(path);
}

/* Is the page at `address` left out of a core? */
static bool
is_guarded(const void *address)
{
	FILE *in = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	bool inside = false, found = false;
	char line[512];

	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= (uintptr_t)address &&
				 (uintptr_t)address < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line, " dd ") != NULL;
	}
	fclose(in);
	return (found);
}

static void
test_guard(void **state)
{
	char *memory = malloc(sizeof(struct keyring) + 100);
	struct keyring *keyring = (void *)(memory + 64);

	(void)state;
	assert_false(is_guarded(memory));
	keyring_guard(keyring);
	assert_true(is_guarded(keyring));
	assert_true(is_guarded((char *)(keyring + 1) - 1));
	free(memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round),
	    cmocka_unit_test(test_tampering),
	    cmocka_unit_test(test_binding),
	    cmocka_unit_test(test_replay),
	    cmocka_unit_test(test_sealer),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_strangers),
	    cmocka_unit_test(test_rotation),
	    cmocka_unit_test(test_keyring),
	    cmocka_unit_test(test_guard),
	};

	return (cmocka_run_group_tests(tests, prepare, NULL));
}
