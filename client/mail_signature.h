/* SPDX-License-Identifier: ISC */
/*
 * A DKIM-Signature field taken apart (RFC 6376 3.5), with every check that
 * needs no key and no message. The cryptography is mail_dkim.h; its library
 * lets some of these faults pass, so they are all checked here.
 */
#ifndef MAIL_SIGNATURE_H
#define MAIL_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "mail_header.h"

#define SIGNATURE_NAME_MAX 256 /* a domain name as text, with its NUL */
#define SIGNATURE_B_MAX	   64  /* octets of b= that are kept, and the NUL */

/* The results of RFC 8601 2.7.1, and where RFC 6376 3.9 has only PERMFAIL. */
enum dkim_result {
	DKIM_PASS,
	DKIM_FAIL,    /* the text or the body was changed */
	DKIM_NEUTRAL, /* a signature that cannot be understood */
	DKIM_POLICY,  /* not looked at, by a rule of ours */
	DKIM_TEMPERROR,
	DKIM_PERMERROR
};

const char *dkim_result_name(enum dkim_result result);

struct signature {
	/* Lower case; empty if missing or not the name of a host. */
	char domain[SIGNATURE_NAME_MAX];   /* d= */
	char selector[SIGNATURE_NAME_MAX]; /* s= */
	char algorithm[24];		   /* a= */
	char b[SIGNATURE_B_MAX];	   /* the first characters of b= */
	bool covers_others; /* h= names DKIM-Signature, too */

	/* With a pass: it signs only so many octets of a longer body; or -1. */
	long limit;

	/* Does it fail already? Then with this result and reason. */
	const char	*problem; /* a constant string, NULL if it does not */
	enum dkim_result result;
};

/* `now` is what x= is compared with. */
void signature_parse(struct signature *sig, const struct header_field *field,
    time_t now);

#endif
