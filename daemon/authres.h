/* SPDX-License-Identifier: ISC */
/*
 * The results part of an Authentication-Results field (RFC 8601 2.2): what
 * stands behind the authserv-id, which only the mail host knows. Methods,
 * properties and results are registered ones only, because readers throw the
 * whole field away for any other; what else is known goes into comments.
 */
#ifndef AUTHRES_H
#define AUTHRES_H

struct arena;
struct facts;
struct rules_decision;

/* "spf=pass smtp.mailfrom=example.org; dkim=..." on one line. Arena. */
const char *authres_text(struct arena *arena, const struct facts *facts,
    const struct rules_decision *decision);

#endif
