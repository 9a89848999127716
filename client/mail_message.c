/* SPDX-License-Identifier: ISC */
#include "mail_message.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 16384

/*
 * Octets go from the descriptor to `raw`, and from there in CRLF form to who
 * asks: the header line by line, then the body.
 */
struct message {
	int fd;
	bool eof;
	char last;     /* the last octet that was converted, NUL at first */
	bool has_body; /* the body has an octet at least */
	/* How the first line ends, once that is known. */
	enum { FORM_UNKNOWN, FORM_LF, FORM_CRLF } form;

	char raw[READ_SIZE];
	size_t raw_at, raw_len;

	char *header; /* in CRLF form */
	size_t len, size;
	size_t raw_header; /* octets, as they came */
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

/*
 * Is the LF that comes now a line end by itself? With a CR before it that may
 * be one octet of the line: in a file whose lines end in LF it was there on the
 * wire, too, and is signed. Nearly all who read mail pass over it; so the header
 * ends where they see it end.
 */
static bool
lf_is_alone(const struct message *m, bool in_header)
{
	return (m->last != '\r' || (m->form == FORM_LF && !in_header));
}

/*
 * Converts as much of `raw` as fits, in the header not beyond the end of a
 * line. Returns the octets written.
 */
static size_t
raw_convert(struct message *m, char *to, size_t size, bool in_header)
{
	size_t used = 0;
	char c = '\0';

	while (m->raw_at < m->raw_len && !(in_header && c == '\n')) {
		c = m->raw[m->raw_at];
		if (c == '\n' && m->form == FORM_UNKNOWN)
			m->form = m->last == '\r' ? FORM_CRLF : FORM_LF;
		if (c == '\n' && lf_is_alone(m, in_header)) {
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
header_grow(struct message *m)
{
	size_t size = m->size == 0 ? (size_t)4 * READ_SIZE : m->size * 2;
	char *header;

	if (m->size - m->len >= (size_t)2 * READ_SIZE)
		return (0);
	header = realloc(m->header, size);
	if (header == NULL)
		return (-1);
	m->header = header;
	m->size = size;
	return (0);
}

/* Reads as much of the next line as is at hand. Returns NULL or the problem. */
static const char *
line_read(struct message *m)
{
	size_t before;

	if (header_grow(m) < 0)
		return ("out of memory");
	if (raw_fill(m) < 0)
		return ("the message cannot be read");
	before = m->raw_at;
	m->len += raw_convert(m, m->header + m->len, m->size - m->len, true);
	m->raw_header += m->raw_at - before;
	return (m->raw_header > MESSAGE_HEADER_MAX ? "the header is too long"
						   : NULL);
}

/* Reads until the empty line. Returns NULL or the problem. */
static const char *
header_read(struct message *m)
{
	size_t line = 0; /* where the last one begins */
	const char *problem;
	bool ended;

	while (!m->eof) {
		problem = line_read(m);
		if (problem != NULL)
			return (problem);
		ended = m->len > line && m->header[m->len - 1] == '\n';
		if (ended && m->len - line == strlen("\r\n"))
			break;
		if (ended)
			line = m->len;
	}
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
	free(m->header);
	free(m);
}

const char *
message_header(const struct message *m, size_t *len)
{
	*len = m->len;
	return (m->header);
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
	size_t n;

	if (size < 2) {
		errno = EINVAL;
		return (-1);
	}
	if (raw_fill(m) < 0)
		return (-1);
	n = raw_convert(m, buf, size, false);
	if (n == 0)
		return ((ssize_t)body_finish(m, buf));
	m->has_body = true;
	return ((ssize_t)n);
}
