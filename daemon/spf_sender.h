/* SPDX-License-Identifier: ISC */
/*
 * Who is checked (RFC 7208 2.3, 2.4, 4.1, 4.3): <sender> and <domain>, taken
 * out of what was said in MAIL FROM or HELO.
 */
#ifndef SPF_SENDER_H
#define SPF_SENDER_H

#include <stdbool.h>

#include "spf.h"

struct arena;

/* Strings: `arena`, the question's, or constant. */
struct spf_sender {
	enum spf_identity identity; /* HELO when the reverse-path is null */
	const char *local;	    /* "postmaster" if there is none */
	const char *domain;	    /* without its trailing dot; may be "" */
	bool	    local_is_ascii;
	bool	    has_domain; /* false: there is nothing to ask about */
};

void spf_sender_set(struct spf_sender *sender, struct arena *arena,
    const struct spf_question *question);

#endif
