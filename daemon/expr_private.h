/* SPDX-License-Identifier: ISC */
/*
 * A compiled condition: expr_parse.c makes it of text, expr.c evaluates it.
 */
#ifndef EXPR_PRIVATE_H
#define EXPR_PRIVATE_H

#include "expr.h"
#include "expr_input.h"
#include "listfile.h"

enum node_op {
	NODE_OR,
	NODE_AND,
	NODE_NOT,
	NODE_CONSTANT,
	NODE_IN_SET,  /* words */
	NODE_IN_LIST, /* or is one name */
	NODE_COMPARE  /* a duration */
};

enum compare { LESS, LESS_EQUAL, GREATER, GREATER_EQUAL };

/* Index 0 is no node, so that it can end a chain of operands. */
struct node {
	enum node_op op;
	bool negated; /* "is not", "not in" */
	enum compare compare;
	unsigned needs; /* groups of facts */
	uint32_t first; /* operand */
	uint32_t next;	/* operand of the same parent */
	uint32_t end;	/* of a test: where it ends in the text */
	const struct input *input;
	union {
		enum tri constant;
		facts_set set;
		int64_t milliseconds;
		const struct listfile *list;
	} arg;
	const struct dname *name; /* NODE_IN_LIST: equal to it; else NULL */
};

struct expr {
	const char *text;
	uint32_t root;
	uint32_t nodes;
	const struct node *node;
};

#endif
