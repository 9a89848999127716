/* SPDX-License-Identifier: ISC */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "expr_private.h"

unsigned
expr_needs(const struct expr *expr)
{
	return (expr->node[expr->root].needs);
}

const char *
expr_input_name(unsigned index)
{
	const struct input *input = input_get(index);

	return (input == NULL ? NULL : input->name);
}

/* ---- evaluation ------------------------------------------------------- */

struct evaluation {
	const struct expr *expr;
	struct facts *facts;
	unsigned char *seen; /* of each node: 1 + its value; may be NULL */
};

static enum tri
compare_test(const struct node *node, int64_t value)
{
	int64_t limit = node->arg.milliseconds;

	switch (node->compare) {
	case LESS:
		return (tri_from_bool(value < limit));
	case LESS_EQUAL:
		return (tri_from_bool(value <= limit));
	case GREATER:
		return (tri_from_bool(value > limit));
	case GREATER_EQUAL:
		return (tri_from_bool(value >= limit));
	}
	return (TRI_UNKNOWN);
}

static enum tri
test_eval(const struct node *node, struct facts *facts)
{
	const struct input *input = node->input;
	enum tri value;

	if (facts->hypothetical && input_of_sender(input))
		return (TRI_UNKNOWN);
	if ((input->needs & ~facts->have) != 0)
		facts_need(facts, input->needs);
	if (node->op == NODE_COMPARE)
		value = compare_test(node, input->read.duration(facts));
	else if (node->op == NODE_IN_SET)
		value = input_in_set(input, facts, node->arg.set);
	else
		value = input_in_list(input, facts, node->arg.list, node->name);
	/* Of what is given with the request, only signatures can be unknown. */
	if (value == TRI_UNKNOWN)
		facts->doubted |= input->needs != 0 ? input->needs : FACTS_DKIM;
	return (node->negated ? tri_not(value) : value);
}

static enum tri node_eval(const struct evaluation *ev, uint32_t index);

/*
 * One operand can settle the whole; an unknown one cannot, and the others
 * still can. So the order is free, and the result is Kleene's. When one has
 * settled it, what the others left in doubt does not matter.
 */
static enum tri
chain_eval(const struct evaluation *ev, uint32_t first, enum tri settles)
{
	const unsigned doubted = ev->facts->doubted;
	enum tri value = tri_not(settles);
	uint32_t index;

	for (index = first; index != 0 && value != settles;
	     index = ev->expr->node[index].next) {
		enum tri one = node_eval(ev, index);

		value = settles == TRI_TRUE ? tri_or(value, one)
					    : tri_and(value, one);
	}
	if (value == settles)
		ev->facts->doubted = doubted;
	return (value);
}

static enum tri
node_eval(const struct evaluation *ev, uint32_t index)
{
	const struct node *node = &ev->expr->node[index];
	enum tri value = TRI_UNKNOWN;

	switch (node->op) {
	case NODE_OR:
		return (chain_eval(ev, node->first, TRI_TRUE));
	case NODE_AND:
		return (chain_eval(ev, node->first, TRI_FALSE));
	case NODE_NOT:
		return (tri_not(node_eval(ev, node->first)));
	case NODE_CONSTANT:
		return (node->arg.constant);
	case NODE_IN_SET:
	case NODE_IN_LIST:
	case NODE_COMPARE:
		value = test_eval(node, ev->facts);
		if (ev->seen != NULL)
			ev->seen[index] = (unsigned char)(1 + value);
		break;
	}
	return (value);
}

enum tri
expr_eval(const struct expr *expr, struct facts *facts)
{
	struct evaluation ev = {expr, facts, NULL};

	return (node_eval(&ev, expr->root));
}

const char *
expr_explain(const struct expr *expr, struct facts *facts, struct arena *arena)
{
	struct evaluation ev = {expr, facts, arena_alloc(arena, expr->nodes)};
	size_t from = 0, used = 0;
	char *out;
	uint32_t i;

	(void)node_eval(&ev, expr->root);
	out = arena_alloc(
	    arena, strlen(expr->text) + 1 + expr->nodes * sizeof("[unknown]"));
	/* Tests were made in the order of the text. */
	for (i = 1; i < expr->nodes; i++) {
		size_t end = expr->node[i].end;

		if (ev.seen[i] == 0)
			continue;
		memcpy(out + used, expr->text + from, end - from);
		used += end - from;
		from = end;
		used += (size_t)sprintf(
		    out + used, "[%s]", tri_text((enum tri)(ev.seen[i] - 1)));
	}
	memcpy(out + used, expr->text + from, strlen(expr->text + from) + 1);
	return (out);
}

/* ---- durations -------------------------------------------------------- */

#define DURATION_MAX ((int64_t)10 * 365 * 86400 * 1000)

/* Milliseconds of a unit, which may be left out behind a lone number. */
static int64_t
unit(char c)
{
	switch (c) {
	case 'w':
		return ((int64_t)7 * 86400 * 1000);
	case 'd':
		return ((int64_t)86400 * 1000);
	case 'h':
		return ((int64_t)3600 * 1000);
	case 'm':
		return ((int64_t)60 * 1000);
	case 's':
		return (1000);
	}
	return (0);
}

int
expr_duration(const char *text, int64_t *milliseconds)
{
	int64_t sum = 0, number, one;
	const char *p = text;
	bool alone = true;

	do {
		for (number = 0; isdigit((unsigned char)*p); p++) {
			number = number * 10 + (*p - '0');
			if (number > DURATION_MAX)
				return (-1);
		}
		if (p == text || !isdigit((unsigned char)p[-1]))
			return (-1);
		one = unit(*p);
		if (one != 0)
			p++;
		else if (alone && *p == '\0')
			one = 1000;
		if (one == 0 || number > DURATION_MAX / one)
			return (-1);
		sum += number * one;
		alone = false;
		p += strspn(p, " \t\r\n");
	} while (*p != '\0');
	*milliseconds = sum;
	return (sum > DURATION_MAX ? -1 : 0);
}
