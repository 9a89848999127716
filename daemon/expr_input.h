/* SPDX-License-Identifier: ISC */
/*
 * The inputs that an expression can test: their names, their types, and how
 * each is read from the facts. Private to expr; the grammar is in expr_parse.c.
 *
 * Words such as "pass" are kept as a set of bits, one for each value of the
 * input's enum, so that "is pass" and "in {pass, neutral}" are the same test.
 */
#ifndef EXPR_INPUT_H
#define EXPR_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facts.h"
#include "tri.h"

struct listfile;

enum input_type {
	INPUT_YES_NO,	  /* may stand alone */
	INPUT_CHOICE,	  /* one of a few words */
	INPUT_SIGNATURES, /* the same, of any signature */
	INPUT_DOMAIN,	  /* a name */
	INPUT_SIGNERS,	  /* the name of any signature that passed */
	INPUT_ADDRESS,
	INPUT_TEXT,	  /* compared whole, letters in any case */
	INPUT_DURATION
};

/* "x is unknown": DNS could not tell. Beside the enum's own bits. */
#define INPUT_UNKNOWN FACTS_ONE(31)

struct input {
	const char	   *name;
	enum input_type	    type;
	unsigned	    needs; /* an OR of enum facts_group */
	const char *const  *words; /* indexed by the enum; NULL at the end */
	facts_set	    state; /* words that tell how DNS did, not what a
				      domain says: always definite */
	union input_reader {
		/* The values it may have, and the `state` words that hold. */
		facts_set (*choice)(const struct facts *, facts_set *state);
		/* A name (or `room`, filled), or NULL with *why set to
		   TRI_FALSE (there is none) or TRI_UNKNOWN. */
		const struct dname *(*domain)(const struct facts *,
		    struct dname *room, enum tri *why);
		const char *(*text)(const struct facts *);
		int64_t (*duration)(const struct facts *); /* ms */
	} read;
};

/* NULL if there is none of that name. */
const struct input *input_find(const char *name, size_t len);
/* By index from 0; NULL behind the last. */
const struct input *input_get(unsigned index);
/* The name most like it, or NULL if none is near. */
const char *input_nearest(const char *name, size_t len);

/* Does it tell who sends, or how DNS was asked, rather than a result? */
bool input_of_sender(const struct input *input);

/* The bit of a word of the input's type; 0 if it is none of its words. */
facts_set input_word(const struct input *input, const char *word, size_t len);
/* The word of the input most like it, or NULL. */
const char *input_nearest_word(const struct input *input, const char *word,
    size_t len);

/*
 * The tests. The groups in `needs` are at hand already. A domain is tested
 * against a list, or for equality with `name` where that is not NULL.
 */
enum tri input_in_set(const struct input *input, const struct facts *facts,
    facts_set set);
enum tri input_in_list(const struct input *input, const struct facts *facts,
    const struct listfile *list, const struct dname *name);

#endif
