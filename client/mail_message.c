/* SPDX-License-Identifier: ISC */
#include "mail_message.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mail_header.h"

#define READ_SIZE 16384

/*
 * Octets go from the descriptor to `raw`, and from there in CRLF form to who
 * asks. The header is collected first; what was converted with it and belongs
 * to the body is given out before the rest.
 */
struct message {
	int fd;
	bool eof;
	char last;     /* the last octet that was converted, NUL at first */
	bool has_body; /* the body has an octet at least */

	char raw[READ_SIZE];
	size_t raw_at, raw_len;

	char *octets; /* in CRLF form: the header, then a piece of body */
	size_t len, size;
	size_t header_len;
	size_t body_at; /* what message_body() has given out of it */
};

/* Fills `raw` if it is empty. Returns -1 with errno. */
static int
raw_fill(struct message *m)
{
	ssize_t n;

	if (m->raw_at < m->raw_len || m->eof)
		return (0);
	do
		n = read(m->fd, m->raw, sizeof(m->raw));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return (-1);
	m->raw_at = 0;
	m->raw_len = (size_t)n;
	m->eof = n == 0;
	return (0);
}

/* Converts as much of `raw` as fits. Returns the octets written. */
static size_t
raw_convert(struct message *m, char *to, size_t size)
{
	size_t used = 0;
	char c;

	while (m->raw_at < m->raw_len) {
		c = m->raw[m->raw_at];
		if (c == '\n' && m->last != '\r') {
			if (size - used < 2)
				break;
			to[used++] = '\r';
		}
		if (used == size)
			break;
		to[used++] = m->last = c;
		m->raw_at++;
	}
	return (used);
}

/* Room for another READ_SIZE octets in CRLF form. */
static int
octets_grow(struct message *m)
{
	size_t size = m->size == 0 ? (size_t)4 * READ_SIZE : m->size * 2;
	char *octets;

	if (m->size - m->len >= (size_t)2 * READ_SIZE)
		return (0);
	octets = realloc(m->octets, size);
	if (octets == NULL)
		return (-1);
	m->octets = octets;
	m->size = size;
	return (0);
}

/* Where to look for the empty line: at the start of the last line known. */
static size_t
last_line(const struct message *m)
{
	size_t at = m->len;

	while (at > 0 && m->octets[at - 1] != '\n')
		at--;
	return (at);
}

/* Reads until the empty line. Returns NULL or the problem. */
static const char *
header_read(struct message *m)
{
	const char *end = NULL;
	size_t from;

	while (end == NULL && !m->eof) {
		if (m->len > MESSAGE_HEADER_MAX)
			return ("the header is too long");
		if (octets_grow(m) < 0)
			return ("out of memory");
		if (raw_fill(m) < 0)
			return ("the message cannot be read");
		from = last_line(m);
		m->len += raw_convert(m, m->octets + m->len, m->size - m->len);
		end = header_end(m->octets + from, m->len - from);
	}
	m->header_len = end == NULL ? m->len : (size_t)(end - m->octets);
	if (m->header_len > MESSAGE_HEADER_MAX)
		return ("the header is too long");
	m->body_at = m->header_len;
	return (NULL);
}

struct message *
message_open(int fd, const char **problem)
{
	struct message *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		*problem = "out of memory";
		return (NULL);
	}
	m->fd = fd;
	*problem = header_read(m);
	if (*problem == NULL)
		return (m);
	message_close(m);
	return (NULL);
}

void
message_close(struct message *m)
{
	if (m == NULL)
		return;
	free(m->octets);
	free(m);
}

const char *
message_header(const struct message *m, size_t *len)
{
	*len = m->header_len;
	return (m->octets);
}

/* RFC 6376 3.4.3, 3.4.4: a last line without CRLF counts as if it had one. */
static size_t
body_finish(struct message *m, char *buf)
{
	if (!m->has_body || m->last == '\n')
		return (0);
	m->last = '\n';
	memcpy(buf, "\r\n", 2);
	return (2);
}

ssize_t
message_body(struct message *m, char *buf, size_t size)
{
	size_t n = m->len - m->body_at;

	if (size < 2) {
		errno = EINVAL;
		return (-1);
	}
	if (n > 0) {
		n = n < size ? n : size;
		memcpy(buf, m->octets + m->body_at, n);
		m->body_at += n;
		m->has_body = true;
		return ((ssize_t)n);
	}
	if (raw_fill(m) < 0)
		return (-1);
	n = raw_convert(m, buf, size);
	if (n == 0)
		return ((ssize_t)body_finish(m, buf));
	m->has_body = true;
	return ((ssize_t)n);
}
