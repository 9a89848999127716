/* SPDX-License-Identifier: ISC */
/*
 * The wire form, shared by the daemon and its clients: one message each way,
 * "verdict/1 WORD" on the first line and then "name=value" lines
 * (verdict-protocol(7)).
 *
 * Reading: msg_parse() once, then msg_get() or msg_next(). Writing:
 * msg_begin(), msg_put()..., then use out->len octets unless out->overflow.
 */
#ifndef MSG_H
#define MSG_H

#include <stdbool.h>
#include <stddef.h>

#define MSG_MAX	       65536 /* octets of a message */
#define MSG_FIELDS_MAX 1024  /* lines: bounds the work one message costs */
#define MSG_VERSION    "verdict/1"

/* A parsed message. Borrows the caller's buffer, which it has cut up. */
struct msg {
	const char *word;  /* the verb of a request, the status of a reply */
	char	   *first; /* private: the fields, each NUL-terminated */
	char	   *end;
};

/*
 * Parses `len` octets at `buf` in place; buf[len] must be writable. Returns
 * NULL, or why the message is malformed (a constant string).
 */
const char *msg_parse(struct msg *msg, char *buf, size_t len);

/* The last field called `name`, or NULL. */
const char *msg_get(const struct msg *msg, const char *name);

/*
 * Walks all fields: start with *cursor NULL. Returns the value and sets
 * *name, or returns NULL behind the last field.
 */
const char *msg_next(const struct msg *msg, const char **cursor,
    const char **name);

struct msg_out {
	char  *buf;
	size_t size;
	size_t len;
	bool   overflow; /* something did not fit and was left out */
};

/* `buf` is the caller's, `size` octets; `word` as in struct msg. */
void msg_begin(struct msg_out *out, char *buf, size_t size, const char *word);
/* A NUL cannot occur in `value`; a newline becomes a space. */
void msg_put(struct msg_out *out, const char *name, const char *value);
void msg_putf(struct msg_out *out, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
