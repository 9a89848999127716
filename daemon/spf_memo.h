/* SPDX-License-Identifier: ISC */
/*
 * SPF answers remembered under the inputs that they depend on, and no others:
 * one that used neither local-part nor HELO name is shared by all senders of
 * the domain, which matters for bulk mail with a new reverse-path each time.
 *
 * An answer is remembered until the first record it rests on expires, never
 * when a lookup failed or old data served. In the last tenth of its life it is
 * not used any more, so that the records are read and renewed in time.
 */
#ifndef SPF_MEMO_H
#define SPF_MEMO_H

#include "spf.h"

/* As spf_check(), from memory where possible. */
void spf_recall(struct view *view, const struct spf_question *question,
    struct spf_answer *answer);

#endif
