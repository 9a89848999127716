/* SPDX-License-Identifier: ISC */
/*
 * Domain names in canonical form: uncompressed wire format, ASCII letters in
 * lower case (RFC 4034 6.1), so that equality is memcmp and a name may hold
 * any octet. A struct dname is a plain value: copy it, keep it, compare it.
 *
 * There is no escape syntax on the way in: names come from mail protocols,
 * where a backslash is an octet like another.
 */
#ifndef DNAME_H
#define DNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNAME_MAX      255 /* RFC 1035 3.1: octets of wire format */
#define DNAME_LABEL    63  /* RFC 1035 2.3.4: octets of one label */
#define DNAME_TEXT_MAX 1024 /* presentation form, worst case escaped */

struct dname {
	uint8_t len; /* octets used in wire, the root's zero included */
	uint8_t wire[DNAME_MAX];
};

/*
 * Both: labels separated by dots, one trailing dot allowed, "." is the root.
 * Return 0, or -1 for an empty label, a label over 63 or a name over 255
 * octets; `name` is then undefined.
 */
int dname_from_text(struct dname *name, const char *text);
int dname_from_octets(struct dname *name, const void *text, size_t len);

/*
 * Reads a possibly compressed name (RFC 1035 4.1.4) at `*offset` of a DNS
 * message and moves `*offset` behind it. Returns 0, or -1 if it is damaged.
 */
int dname_from_wire(struct dname *name, const uint8_t *msg, size_t msglen,
    size_t *offset);

/*
 * Presentation form without a trailing dot ("." for the root); octets that
 * need it are escaped as \. \\ or \DDD. Returns `buf`.
 */
const char *dname_text(const struct dname *name, char buf[DNAME_TEXT_MAX]);

bool dname_equal(const struct dname *a, const struct dname *b);
/* `name` is `ancestor` or lies below it. */
bool dname_within(const struct dname *name, const struct dname *ancestor);

/* Labels without the root: 2 for example.com, 0 for the root. */
unsigned dname_labels(const struct dname *name);
/*
 * The right-most `labels` labels of `name`; all of it when it has no more.
 * `out` may be `name`.
 */
void dname_suffix(struct dname *out, const struct dname *name, unsigned labels);
/*
 * `prefix` ("_dmarc", "k1._domainkey") put before `name`. Returns 0, or -1
 * when the result is no name. `out` must not be `name`.
 */
int dname_prepend(struct dname *out, const char *prefix,
    const struct dname *name);

#endif
