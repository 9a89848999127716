/* SPDX-License-Identifier: ISC */
/*
 * What a message says about itself, as the daemon is told it: who its authors
 * are, its signatures, its Message-ID.
 *
 *	mail_facts_read(&facts, message)
 *	mail_keys_ask(v, keys, n)		keys of facts.dkim
 *	mail_facts_verify(&facts, message, late, closure)
 *	mail_facts_put(&facts, put, to)
 *	mail_facts_free(&facts);
 */
#ifndef MAIL_FACTS_H
#define MAIL_FACTS_H

#include <stdbool.h>

#include "mail_author.h"
#include "mail_dkim.h"
#include "mail_message.h"

struct mail_facts {
	struct authors	  authors;
	char		  message_id[512]; /* empty: none of use */
	struct mail_dkim *dkim;
};

/* From the header. Returns 0, or -1 when out of memory. */
int mail_facts_read(struct mail_facts *facts, const struct message *message);

/*
 * The body, as far as a signature needs it. late(closure) is asked again and
 * again: when it says so, what is not verified yet becomes a temperror. NULL:
 * there is time. Returns 0, or -1 with errno: it cannot be read.
 */
int mail_facts_verify(struct mail_facts *facts, struct message *message,
    bool (*late)(void *closure), void *closure);

/* Calls `put` for each field of a question (verdict-protocol(7), check). */
void mail_facts_put(const struct mail_facts *facts,
    void (*put)(void *to, const char *name, const char *value), void *to);

void mail_facts_free(struct mail_facts *facts);

#endif
