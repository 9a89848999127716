/* SPDX-License-Identifier: ISC */
/*
 * A resolver that answers what the test says, when the test says. It takes
 * the place of resolver.c when the program is linked: the linker looks for
 * these functions in the library only when the program has none. A second
 * source file of a program defines FAKE_RESOLVER_TYPES first, and gets none.
 *
 * What was asked waits in fake_asked() until fake_answer() answers it.
 */
#ifndef FAKE_RESOLVER_H
#define FAKE_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "dname.h"
#include "resolver.h"
#include "rrset.h"

struct fake_lookup {
	TAILQ_ENTRY(fake_lookup) entry;
	struct dname name;
	uint16_t type;
	bool noted; /* for the test: it has looked at this one */
};

TAILQ_HEAD(fake_lookups, fake_lookup);

struct resolver {
	struct fake_lookups asked; /* in order, not yet answered */
	unsigned count;		   /* asked for since fake_open() */
	struct resolver_answer *answers, **answers_end;
};

#ifndef FAKE_RESOLVER_TYPES

static inline void
fake_open(struct resolver *resolver)
{
	memset(resolver, 0, sizeof(*resolver));
	TAILQ_INIT(&resolver->asked);
	resolver->answers_end = &resolver->answers;
}

static inline void
fake_close(struct resolver *resolver)
{
	struct resolver_answer *answer;
	struct fake_lookup *lookup;

	while ((lookup = TAILQ_FIRST(&resolver->asked)) != NULL) {
		TAILQ_REMOVE(&resolver->asked, lookup, entry);
		free(lookup);
	}
	while ((answer = resolver_next(resolver)) != NULL)
		resolver_answer_free(answer);
}

static inline struct fake_lookup *
fake_asked(struct resolver *resolver, const struct dname *name, uint16_t type)
{
	struct fake_lookup *lookup;

	TAILQ_FOREACH(lookup, &resolver->asked, entry)
	if (lookup->type == type && dname_equal(&lookup->name, name))
		return (lookup);
	return (NULL);
}

/* Takes over `set`; it comes out of the next resolver_next(). */
static inline void
fake_answer(
    struct resolver *resolver, struct fake_lookup *lookup, struct rrset *set)
{
	struct resolver_answer *answer = calloc(1, sizeof(*answer));

	if (answer == NULL)
		abort();
	answer->name = lookup->name;
	answer->type = lookup->type;
	answer->set = set;
	*resolver->answers_end = answer;
	resolver->answers_end = &answer->next;
	TAILQ_REMOVE(&resolver->asked, lookup, entry);
	free(lookup);
}

void
resolver_ask(struct resolver *resolver, const struct dname *name, uint16_t type)
{
	struct fake_lookup *lookup = calloc(1, sizeof(*lookup));

	if (lookup == NULL)
		abort();
	lookup->name = *name;
	lookup->type = type;
	TAILQ_INSERT_TAIL(&resolver->asked, lookup, entry);
	resolver->count++;
}

struct resolver_answer *
resolver_next(struct resolver *resolver)
{
	struct resolver_answer *answer = resolver->answers;

	if (answer != NULL && (resolver->answers = answer->next) == NULL)
		resolver->answers_end = &resolver->answers;
	return (answer);
}

void
resolver_answer_free(struct resolver_answer *answer)
{
	rrset_free(answer->set);
	free(answer->why_bogus);
	free(answer);
}

#endif
#endif
