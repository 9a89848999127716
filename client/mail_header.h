/* SPDX-License-Identifier: ISC */
/*
 * The header section of a message, field by field (RFC 5322 2.2). Lines may
 * end in CRLF or LF. Lines that are no field (an mbox "From " line, rubbish
 * without a colon) are passed over together with their continuations, as mail
 * readers do; so a field behind them still counts.
 *
 *	struct header_field field;
 *	const char *cursor = octets;
 *	while (header_next(&cursor, octets + len, &field))
 *		if (header_is(&field, "from"))
 *			...
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/* Borrows the octets; folds are still in them. Nothing ends in a NUL. */
struct header_field {
	const char *octets; /* the whole field, without its last line end */
	size_t	    len;
	size_t	    name_len; /* without the space there may be before ":" */
	const char *value;    /* what follows the colon */
	size_t	    value_len;
};

/* Goes to the next field. false: there is none. */
bool header_next(const char **cursor, const char *end,
    struct header_field *field);

/*
 * A CR alone ends no line (2.2), but some who read mail take it for the end of
 * one, and see a field behind it. Goes to the next such field, which lies within
 * one that header_next() gives, or within a line that is none.
 */
bool header_next_behind_cr(const char **cursor, const char *end,
    struct header_field *field);

/* Is this the field's name? Case does not matter. */
bool header_is(const struct header_field *field, const char *name);

/*
 * Copies the value with folds undone and outer white space removed. Returns
 * false if it holds control characters or does not fit into `size`.
 */
bool header_text(const struct header_field *field, char *buf, size_t size);

/*
 * Where the header ends and the body begins, behind the empty line; NULL if
 * there is no empty line among the `len` octets.
 */
const char *header_end(const char *octets, size_t len);

#endif
