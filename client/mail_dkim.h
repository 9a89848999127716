/* SPDX-License-Identifier: ISC */
/*
 * The DKIM signatures of one message, verified by libopendkim. Each keeps its
 * own result: one that fails, or whose key cannot be had now, says nothing
 * about the others.
 *
 *	m = mail_dkim_new(header, len, time(NULL));
 *	keys = mail_dkim_keys(m, &n);		fill them in (mail_key.h)
 *	mail_dkim_begin(m);
 *	mail_dkim_body(m, octets, len);		as often as needed, or
 *	mail_dkim_late(m);			to give up
 *	mail_dkim_end(m);
 *	sigs = mail_dkim_results(m, &n, &more);
 *	mail_dkim_free(m);
 */
#ifndef MAIL_DKIM_H
#define MAIL_DKIM_H

#include <stddef.h>
#include <time.h>

#include "mail_key.h"
#include "mail_signature.h"

/*
 * Each costs a lookup, a hash of the body and a public-key operation. Real mail
 * has up to five; the ones below are not looked at.
 */
#define MAIL_DKIM_MAX 20

struct mail_dkim;

/*
 * `header` in CRLF form, as message_header() gives it; borrowed until
 * mail_dkim_begin() has returned. NULL when out of memory.
 */
struct mail_dkim *mail_dkim_new(const char *header, size_t len, time_t now);
void mail_dkim_free(struct mail_dkim *m);

/* The different keys that the signatures need; to be filled in. */
struct mail_key *mail_dkim_keys(struct mail_dkim *m, size_t *n);

void mail_dkim_begin(struct mail_dkim *m);
/* `octets` in CRLF form; they are not changed. */
void mail_dkim_body(struct mail_dkim *m, char *octets, size_t len);
/*
 * There is no time for the rest of the body. What is not verified becomes
 * DKIM_TEMPERROR: nothing is known of it.
 */
void mail_dkim_late(struct mail_dkim *m);
void mail_dkim_end(struct mail_dkim *m);

/*
 * The signatures from the top of the header down, each with its `result`, and
 * with the reason in `problem` unless it passed. *more is the number of those
 * that were not looked at because there are too many.
 */
const struct signature *mail_dkim_results(const struct mail_dkim *m, size_t *n,
    size_t *more);

/*
 * How many characters of b= tell signature `i` from the others: 8 or more
 * (RFC 6008 4).
 */
int mail_dkim_b_length(const struct mail_dkim *m, size_t i);

#endif
