/* SPDX-License-Identifier: ISC */
/*
 * SPF (RFC 7208): check_host() over a view. The record is parsed, validated
 * and macro-expanded here; libspf2 runs the control flow and the address
 * matching over a canonical record that holds no octet from outside.
 *
 * Order of calls: spf_check() until nothing was missing, then spf_received()
 * where the line is wanted. One thread only, see spf_library.h.
 */
#ifndef SPF_H
#define SPF_H

#include <stdbool.h>
#include <stdint.h>

#include "ipaddr.h"
#include "view.h"

/* RFC 7208 4.6.4: the limits, each global for one check. */
#define SPF_TERMS_MAX 10 /* terms that need DNS */
#define SPF_VOIDS_MAX 2	 /* of them, answers without any record */
#define SPF_MX_MAX    10 /* MX records of one mx */
#define SPF_PTR_MAX   10 /* PTR records of the client that are looked at */

/*
 * A cold check never needs more rounds of fetching. Each round brings at least
 * the first name that was missing, and with it all that is read beside it: the
 * first record (1), two for each term (an MX or PTR set, then all its hosts),
 * two for %{p}, one for the explanation. A check that is still missing names
 * after that is fed by answers that come and go; it is not worth more.
 */
#define SPF_ROUNDS_MAX (1 + 2 * SPF_TERMS_MAX + 2 + 1)

/* RFC 7208 2.6 */
enum spf_result {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR
};

enum spf_identity { SPF_MAILFROM, SPF_HELO };

struct spf_question {
	struct ipaddr	  client_ip;
	const char	 *helo;	     /* as given; may be empty, not NULL */
	const char	 *mail_from; /* reverse-path without <>; "" if null */
	enum spf_identity identity;
	const char	 *receiver;  /* our host's name, for %{r} */
	/*
	 * What is asked for beside the first missing name. No: all that is
	 * read unless a term before it matches, and that no macro names. Yes:
	 * names made by macros too, and the explanation of a likely fail.
	 */
	bool		  prefetch;
};

/* Strings: arena of the view, or constant; never NULL unless said. */
struct spf_answer {
	enum spf_result	  result;
	enum spf_identity identity;    /* what was checked: HELO when the
					  reverse-path is null (2.4) */
	const char	 *domain;      /* that identity's domain; may be "" */
	const char	 *mechanism;   /* what matched, "default" if nothing */
	const char	 *problem;     /* why perm- or temperror; NULL if not */
	const char	 *explanation; /* 6.2: one line of printable ASCII, at
					  most 512 octets; NULL if none */
	bool		  read_local;  /* the result depends on local-part */
	bool		  read_helo;   /* ... on the HELO name */
	bool		  read_time;   /* the explanation tells the time */
	struct view_scope read;	       /* what DNS it rests on */
};

/* Of no meaning when answer->read.missing is not 0. */
void spf_check(struct view *view, const struct spf_question *question,
    struct spf_answer *answer);

/*
 * A Received-SPF field's body (RFC 7208 9.1), without the field name, on one
 * line. Arena of the view.
 */
const char *spf_received(struct view *view, const struct spf_question *question,
    const struct spf_answer *answer);

const char *spf_result_text(enum spf_result result);

#endif
