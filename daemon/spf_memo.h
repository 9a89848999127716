/* SPDX-License-Identifier: ISC */
/*
 * SPF answers remembered under the inputs that they depend on, and no others:
 * one that used neither local-part nor HELO name is shared by all senders of
 * the domain, which matters for bulk mail with a new reverse-path each time.
 *
 * An answer is remembered until the first record it rests on expires, never
 * when a lookup failed, old data served or the explanation tells the time. In
 * the last tenth of its life it is not used any more, so that the records are
 * read and renewed in time.
 */
#ifndef SPF_MEMO_H
#define SPF_MEMO_H

#include <stdbool.h>
#include <stddef.h>

#include "ipaddr.h"
#include "spf.h"

/* As spf_check(), from memory where possible. */
void spf_recall(struct view *view, const struct spf_question *question,
    struct spf_answer *answer);

/*
 * A memo as it is stored, for dumps. False if it is none of these, or only
 * points to another. Strings are the arena's; those that the answer does not
 * depend on are NULL.
 */
struct spf_memo {
	int64_t made;
	struct ipaddr client_ip;
	const char *asked; /* the domain that was asked about */
	const char *helo, *mail_from;
	struct spf_answer answer;
};
bool spf_memo_read(struct spf_memo *memo, struct arena *arena,
    const void *key, size_t keylen, const void *value, size_t len);

#endif
