/* SPDX-License-Identifier: ISC */
/*
 * Kleene's three-valued logic. Unknown means that DNS could not tell: the
 * result is definite only when every way of filling in the unknowns agrees.
 */
#ifndef TRI_H
#define TRI_H

#include <stdbool.h>

enum tri { TRI_FALSE, TRI_UNKNOWN, TRI_TRUE };

static inline enum tri
tri_from_bool(bool value)
{
	return (value ? TRI_TRUE : TRI_FALSE);
}

static inline enum tri
tri_not(enum tri a)
{
	return ((enum tri)(TRI_TRUE - a));
}

static inline enum tri
tri_and(enum tri a, enum tri b)
{
	return (a < b ? a : b);
}

static inline enum tri
tri_or(enum tri a, enum tri b)
{
	return (a > b ? a : b);
}

/* "no", "unknown", "yes": as the wire has it. */
static inline const char *
tri_text(enum tri a)
{
	return (a == TRI_TRUE ? "yes" : a == TRI_FALSE ? "no" : "unknown");
}

#endif
