/* SPDX-License-Identifier: ISC */
/*
 * Octets by the core rules of RFC 5234 B.1, whatever the locale says.
 */
#ifndef ABNF_H
#define ABNF_H

#include <stdbool.h>

static inline bool
abnf_is_alpha(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

static inline bool
abnf_is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

static inline bool
abnf_is_wsp(char c)
{
	return (c == ' ' || c == '\t');
}

/* What the FWS of RFC 6376 2.8 is made of: white space that may fold lines. */
static inline bool
abnf_is_fws(char c)
{
	return (abnf_is_wsp(c) || c == '\r' || c == '\n');
}

#endif
