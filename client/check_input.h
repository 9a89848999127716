/* SPDX-License-Identifier: ISC */
/*
 * What verdict-check(8) is asked: on descriptor 3, as checkpassword(8) is
 *
 *	ip \0 helo \0 mail_from \0 from_domain \0 [name=value \0 ...]
 *
 * or else, when that is closed, in the environment of the mail server.
 *
 *	status = input_read(&input, 3, ms);
 *	input_walk(&input, put, to);
 */
#ifndef CHECK_INPUT_H
#define CHECK_INPUT_H

#include <stddef.h>

#define INPUT_MAX 512 /* octets, as for checkpassword */

struct input {
	char	    octets[INPUT_MAX + 1];
	size_t	    len;
	const char *client_ip, *helo, *mail_from, *from_domain;
	const char *more; /* the other fields, up to octets + len */
};

enum input_status {
	INPUT_READ,
	INPUT_CLOSED, /* there is no such descriptor */
	INPUT_LATE,   /* its end did not come in time */
	INPUT_BAD     /* too long, or not of the form above */
};

/* Reads to the end, for at most `ms`, and closes `fd`. */
enum input_status input_read(struct input *input, int fd, int ms);

/* `octets` and `len` are there: finds the fields. Returns 0 or -1. */
int input_parse(struct input *input);

/* Returns 0, or -1 if the environment knows no client. */
int input_from_environment(struct input *input);

/* Calls `put` for each field of the question. */
void input_walk(const struct input *input,
    void (*put)(void *to, const char *name, const char *value), void *to);

#endif
