/* SPDX-License-Identifier: ISC */
/*
 * SPF macros (RFC 7208 7): the grammar, and the expansion.
 *
 * Order of calls: check the text with the spf_macro_is_*() that fits its
 * place; expand only what that accepted. Expansion is bounded whatever the
 * text and the inputs are: a name never passes 253 octets, an explanation
 * never passes SPF_TEXT_MAX.
 */
#ifndef SPF_MACRO_H
#define SPF_MACRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipaddr.h"

#define SPF_NAME_MAX 253 /* RFC 7208 7.3: octets of an expanded name */
#define SPF_TEXT_MAX 512 /* octets of an explanation (6.2: MAY limit) */
/*
 * One expansion reads no more octets of values than this. What comes out bounds
 * the work, but for macros that read much and give nothing: "%{l1}" of a
 * local-part of dots. A name has at most 253 octets, so that no record that is
 * of use comes near.
 */
#define SPF_READ_MAX 65536

/* What the letters stand for (7.2). Strings are borrowed, none is NULL. */
struct spf_macros {
	const char	    *local;	/* %{l}: local-part of <sender> */
	const char	    *origin;	/* %{o}: domain of <sender> */
	const char	    *domain;	/* %{d}: <domain>, changes by record */
	const char	    *helo;	/* %{h} */
	const char	    *receiver;	/* %{r} */
	const struct ipaddr *client_ip; /* %{i} %{c} %{v} */
	int64_t		     now;	/* %{t}: seconds since the epoch */

	/* %{p}: a validated name of the client; called only when needed. */
	const char *(*client_name)(void *arg, const char *domain);
	void *arg;

	/* Set by the expansion: the outcome depends on these inputs. */
	bool read_local; /* %{s} or %{l} */
	bool read_helo;	 /* %{h} */
	bool read_time;	 /* %{t} */
};

/* domain-spec: of a mechanism, redirect= or exp=. */
bool spf_macro_is_domain(const char *text, size_t len);
/* macro-string: what an unknown modifier may hold. */
bool spf_macro_is_string(const char *text, size_t len);
/* explain-string: the text that exp= leads to. */
bool spf_macro_is_explanation(const char *text, size_t len);

/* Does the text use macro `letter` (lower case)? '\0': does it use any? */
bool spf_macro_uses(const char *text, size_t len, char letter);

/*
 * The <target-name> (4.8). Cut from the left to 253 octets (7.3), without its
 * trailing dot. It may still be no name: "a..b", "a..", or nothing, which is
 * also what is left of macros that read SPF_READ_MAX to give less than that.
 * `name` gets a NUL. Returns its length.
 */
size_t spf_macro_name(struct spf_macros *macros, const char *text, size_t len,
    char name[SPF_NAME_MAX + 1]);
/*
 * The explanation: one line of printable ASCII (other octets, which only the
 * inputs can bring in, become "?"). `out` gets a NUL. Returns its length.
 */
size_t spf_macro_explanation(struct spf_macros *macros, const char *text,
    size_t len, char out[SPF_TEXT_MAX + 1]);

#endif
