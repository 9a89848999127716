/* SPDX-License-Identifier: ISC */
/*
 * A message read once from a descriptor, in the form that was on the wire: each
 * line ends in CRLF, whether the file has CRLF or LF. A CR by itself stays; in
 * the body of a file whose first line ends in LF, one before LF, too.
 *
 *	m = message_open(fd, &problem);
 *	header_next() over message_header()
 *	while ((n = message_body(m, buf, sizeof(buf))) > 0)
 *		...
 *	message_close(m);
 *
 * The header is held in memory (at most MESSAGE_HEADER_MAX), the body is not:
 * a message of any size costs the same.
 */
#ifndef MAIL_MESSAGE_H
#define MAIL_MESSAGE_H

#include <stddef.h>
#include <sys/types.h>

/* Octets, as they come; those of real messages are below 64 kB. */
#define MESSAGE_HEADER_MAX 524288

struct message;

/* Reads the header. NULL: *problem says why, a constant string. */
struct message *message_open(int fd, const char **problem);
/* Does not close the descriptor. */
void message_close(struct message *m);

/* The header with its empty line; borrowed. */
const char *message_header(const struct message *m, size_t *len);

/*
 * The next part of the body, in CRLF form; the last line gets its CRLF if it
 * has none. Returns the octets written, 0 at the end, -1 with errno.
 */
ssize_t message_body(struct message *m, char *buf, size_t size);

#endif
