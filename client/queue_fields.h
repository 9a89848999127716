/* SPDX-License-Identifier: ISC */
/*
 * Header fields: those that are put on top of a message, and those in it that
 * claim to be ours.
 */
#ifndef QUEUE_FIELDS_H
#define QUEUE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "queue_spool.h"

#define AUTHSERV_ID_MAX 256

struct fields {
	char   octets[SPOOL_ROOM];
	size_t len;
	bool   overflow;
};

void fields_begin(struct fields *fields);
/*
 * "name: value", folded where there is white space. What no header may hold
 * becomes "?". A NULL value: no field.
 */
void fields_add(struct fields *fields, const char *name, const char *value);

/*
 * Authentication-Results (RFC 8601 2.2): `resinfo` is what follows the
 * authserv-id and its semicolon.
 */
void fields_add_results(
    struct fields *fields, const char *authserv_id, const char *resinfo);

/* Can it stand in the field as it is: a name of letters, digits, "." "-" "_"? */
bool authserv_id_valid(const char *id);

/*
 * Renames, in place and without changing their length, the message's
 * Authentication-Results fields that bear our authserv-id or cannot be read
 * (RFC 8601 5), to X-Claimed-Auth-Results; and X-Verdict-... to X-Claimed-...
 * Also where only a CR makes it look like a field. Returns 0, or -1 with errno.
 */
int fields_disown(struct spool *spool, const char *authserv_id);

/* Does the value of an Authentication-Results field claim to be of `id`? */
bool results_claim(const char *value, size_t len, const char *id);

#endif
