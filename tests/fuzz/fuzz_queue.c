/* SPDX-License-Identifier: ISC */
/*
 * The header path of verdict-queue: a message comes in, what claims to be ours
 * is disowned, fields go on top. Whatever the message is, its length stays, all
 * but the claiming names stays octet for octet, nothing claims any more, and the
 * fields are whole lines. Input: 32 octets of text for the fields, then the
 * message.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "mail_header.h"
#include "queue_envelope.h"
#include "queue_fields.h"
#include "queue_peer.h"
#include "queue_spool.h"

#define ID	 "mx.example"
#define TEXT_LEN 32

static bool
is_claim(const struct header_field *field)
{
	if (header_is(field, "authentication-results"))
		return (results_claim(field->value, field->value_len, ID));
	return (field->name_len > 10 &&
		strncasecmp(field->octets, "x-verdict-", 10) == 0);
}

/*
 * Nothing but names at the start of a line, also one that only a CR begins, is
 * another than before; and no claim is left.
 */
static void
disowned_check(const char *before, const char *after, size_t len)
{
	const char *cursor = after;
	struct header_field field;
	size_t at = 0;

	while (at < len) {
		if (before[at] == after[at]) {
			at++;
			continue;
		}
		/* X-Verdict- and X-Claimed- begin in the same way. */
		if (before[at] == 'V' || before[at] == 'v')
			at -= 2;
		check(at == 0 || strchr("\r\n", before[at - 1]) != NULL);
		check(strncasecmp(after + at, "X-Claimed-", 10) == 0);
		at += strncasecmp(before + at, "X-Verdict-", 10) == 0
			  ? 10
			  : strlen("Authentication-Results");
	}
	while (header_next(&cursor, after + len, &field))
		check(!is_claim(&field));
	cursor = after;
	while (header_next_behind_cr(&cursor, after + len, &field))
		check(!is_claim(&field));
}

/* Whole fields: each line begins one or goes on with one, and is printable. */
static void
fields_check(const struct fields *fields)
{
	const char *p = fields->octets, *end = p + fields->len, *lf;
	struct header_field field;
	size_t count = 0;

	for (; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		check(lf != NULL && lf > p);
		check(strspn(p, " ") < (size_t)(lf - p));
		for (const char *c = p; c < lf; c++)
			check(*c >= ' ' && *c <= '~');
	}
	p = fields->octets;
	while (header_next(&p, end, &field))
		count++;
	check(count == 2);
}

static void
fields_try(const char *text, struct spool *spool)
{
	static struct fields fields;

	fields_begin(&fields);
	fields_add_results(&fields, ID, text);
	fields_add(&fields, "Received-SPF", text);
	fields_check(&fields);
	check(spool_prepend(spool, fields.octets, fields.len) == 0);
}

static void
message_try(int in, const char *text, const uint8_t *data, size_t size)
{
	static char *whole;
	struct spool spool;
	struct peer peer;

	if (whole == NULL)
		whole = malloc(1 << 20);
	if (whole == NULL || size > 1 << 20)
		return;
	check(spool_open(&spool, NULL) == 0);
	check(spool_fill(&spool, in) == QUEUE_DONE);
	if (spool_header(&spool) == QUEUE_DONE) {
		peer_read(&peer, "", spool.header, spool.header_len);
		check(strlen(peer.helo) < sizeof(peer.helo));
		check(fields_disown(&spool, ID) == 0);
		fields_try(text, &spool);
		check(
		    pread(spool.fd, whole, size, SPOOL_ROOM) == (ssize_t)size);
		disowned_check(spool.header, whole, spool.header_len);
		check(size == spool.header_len ||
		      memcmp(whole + spool.header_len, data + spool.header_len,
			  size - spool.header_len) == 0);
	}
	free(spool.header);
	close(spool.fd);
}

/* The same octets as an envelope. */
static void
envelope_try(int in)
{
	struct envelope envelope;
	size_t recipients;
	int copy;

	check(lseek(in, 0, SEEK_SET) == 0);
	if (envelope_read(&envelope, in) != QUEUE_DONE)
		return;
	recipients = envelope.recipients;
	check(envelope_redirect(&envelope, "-x") == QUEUE_DONE);
	copy = envelope.fd;
	check(envelope_read(&envelope, copy) == QUEUE_DONE);
	check(envelope.recipients == recipients);
	close(copy);
	close(envelope.fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int in = -1;
	char text[TEXT_LEN + 1] = "";
	size_t len = size < TEXT_LEN ? size : TEXT_LEN;

	if (in < 0) {
		in = memfd_create("input", MFD_CLOEXEC);
		check(in >= 0);
		setenv("TCPREMOTEIP", "192.0.2.1", 1);
	}
	memcpy(text, data, len);
	data += len;
	size -= len;
	check(ftruncate(in, 0) == 0);
	check(pwrite(in, data, size, 0) == (ssize_t)size);
	check(lseek(in, 0, SEEK_SET) == 0);
	message_try(in, text, data, size);
	envelope_try(in);
	return (0);
}
