/* SPDX-License-Identifier: ISC */
/*
 * The language of conditions: any text. A mistake is told where it stands; an
 * expression gives the same value twice, its explanation is its own text with
 * brackets in it, and no completion of partial facts contradicts it.
 */
#include <string.h>

#include "../unit/facts_given.h"
#include "arena.h"
#include "expr.h"
#include "fuzz.h"
#include "listfile.h"

static void
check_error(const struct expr_error *error, size_t size)
{
	check(error->offset <= size && error->width > 0);
	check(error->offset + error->width <= size + 1);
	check(error->message[0] != '\0');
	check(strlen(error->message) < sizeof(error->message));
}

/* The explanation without its brackets is the text. */
static void
check_explanation(const char *text, const char *explanation)
{
	static const char *const bracket[] = {"[yes]", "[no]", "[unknown]"};
	size_t i;

	while (*explanation != '\0') {
		if (*explanation == *text && *text != '[') {
			explanation++;
			text++;
			continue;
		}
		for (i = 0; i < 3; i++)
			if (strncmp(explanation, bracket[i],
				strlen(bracket[i])) == 0)
				break;
		/* Within quotes, a bracket may be the text's own. */
		if (i == 3) {
			check(*explanation == *text);
			explanation++;
			text++;
			continue;
		}
		explanation += strlen(bracket[i]);
	}
}

static void
check_value(const struct expr *expr, const char *text, struct arena *arena)
{
	facts_set set[OPEN_INPUTS], full[OPEN_INPUTS] = {0};
	struct given given;
	unsigned walked = 0;
	enum tri partial;

	facts_given(&given);
	chance_state = strlen(text); /* the same for the same input */
	open_random(&given.facts, set);
	partial = expr_eval(expr, &given.facts);
	check(partial == expr_eval(expr, &given.facts));
	/* "is unknown" tells how DNS did: no completion keeps that. */
	if (strstr(text, "unknown") != NULL || strchr(text, '[') != NULL)
		return;
	check_explanation(text, expr_explain(expr, &given.facts, arena));
	while (open_next(&given.facts, set, full) && walked++ < 64) {
		enum tri one = expr_eval(expr, &given.facts);

		check(partial == TRI_UNKNOWN || one == partial);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct listfile_pool *pool = listfile_pool_new();
	char *text = arena_strndup(arena, (const char *)data, size);
	struct expr_error error;
	const struct expr *expr = NULL;
	int64_t ms;

	/* Files of this host are no part of the input. */
	if (strstr(text, "file") == NULL) {
		expr = expr_compile(arena, pool, text, &error);
		if (expr == NULL)
			check_error(&error, strlen(text));
		else
			check_value(expr, text, arena);
	}
	if (expr_duration(text, &ms) == 0)
		check(ms >= 0);
	listfile_pool_free(pool);
	arena_free(arena);
	return (0);
}
