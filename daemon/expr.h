/* SPDX-License-Identifier: ISC */
/*
 * The conditions of the rules: "dmarc is fail and client_ip in 192.0.2.0/24".
 *
 *	expression  = conjunction *( "or" conjunction )
 *	conjunction = negation *( "and" negation )
 *	negation    = *"not" ( "(" expression ")" / test / "true" / "false" )
 *	test        = input		    ; inputs that are yes or no
 *	            / input "is" ["not"] value
 *	            / input ["not"] "in" set
 *	            / input ( "<" / "<=" / ">" / ">=" ) duration
 *	set         = value / "{" value *( "," value ) "}" / "file" path
 *
 * Text is compiled once, with its types checked, into an array of nodes.
 * Evaluation is Kleene's: a test of an input that DNS could not provide is
 * unknown, and so is whatever depends on it. Operands of "and" and "or" are
 * taken in the order of their cost (no lookup, SPF, DMARC), which cannot
 * change the result.
 */
#ifndef EXPR_H
#define EXPR_H

#include <stdint.h>

#include "facts.h"
#include "tri.h"

struct arena;
struct listfile_pool;

#define EXPR_TEXT_MAX  65536 /* octets: long lists belong into a file */
#define EXPR_DEPTH_MAX 64    /* parentheses around one test: bounds the stack
				of the parser and of the evaluator */

struct expr;

struct expr_error {
	size_t	 offset, width; /* the octets of the text at fault */
	char	 message[384];
	char	 file[256];	/* a list file at fault; "" if the text is */
	unsigned line;		/* of that file; 0: of no one line */
};

/*
 * Arena; the text is copied. List files come from `pool`, which must live as
 * long. Returns NULL with `*error` filled if there is a mistake.
 */
struct expr *expr_compile(struct arena *arena, struct listfile_pool *pool,
    const char *text, struct expr_error *error);

/* When the result is unknown, facts->doubted then holds what it hangs on. */
enum tri expr_eval(const struct expr *expr, struct facts *facts);

/* The text, with "[yes]", "[no]" or "[unknown]" behind each test that the
   evaluation needed. Arena. */
const char *expr_explain(const struct expr *expr, struct facts *facts,
    struct arena *arena);

/* The groups of facts it may need: an OR of enum facts_group. */
unsigned expr_needs(const struct expr *expr);

/* Walks the names of all inputs: index from 0; NULL behind the last. */
const char *expr_input_name(unsigned index);

/*
 * "4h", "1h30m", "1h 30m", "90s", "90" (seconds): units w d h m s. Returns 0,
 * or -1 if it is no duration or one of over 10 years.
 */
int expr_duration(const char *text, int64_t *milliseconds);

#endif
