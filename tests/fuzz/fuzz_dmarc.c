/* SPDX-License-Identifier: ISC */
/*
 * DMARC records: the input, cut at its newlines, is what stands at _dmarc of
 * the author domain, of its parent and of theirs (an empty line: NXDOMAIN; one
 * that begins with "!": a failure; a "+" joins a second record to the one
 * before it). What comes out must keep the promises of dmarc.h.
 */
#include <string.h>

#include "arena.h"
#include "dmarc.h"
#include "fuzz.h"

#define NAMES 3

static const char *const names[NAMES] = {
    "_dmarc.a.example.com", "_dmarc.example.com", "_dmarc.com"};

static const struct rrset *
get_set(void *arg, const struct dname *name, uint16_t type)
{
	struct rrset *const *sets = arg;
	struct dname known;
	unsigned i;

	(void)type;
	for (i = 0; i < NAMES; i++) {
		dname_from_text(&known, names[i]);
		if (dname_equal(name, &known))
			return (sets[i]);
	}
	return (sets[NAMES]);
}

static struct rrset *
set_new(enum rr_state state)
{
	struct rrset *set = rrset_new(state);

	set->expires = 2;
	set->retry_at = 2;
	return (set);
}

static void
sets_fill(struct rrset *sets[NAMES + 1], const char *text, size_t len)
{
	const char *end = text + len, *newline;
	unsigned i = 0;

	for (; text <= end && i < NAMES; text = newline + 1) {
		newline = memchr(text, '\n', (size_t)(end - text));
		if (newline == NULL)
			newline = end;
		if (text < newline && *text == '+' && i > 0) {
			sets[i - 1]->state = RR_PRESENT;
			rrset_add_txt(sets[i - 1], text + 1,
			    (size_t)(newline - text - 1));
			continue;
		}
		sets[i] = set_new(text == newline ? RR_NXDOMAIN
				  : *text == '!'  ? RR_FAILED
						  : RR_PRESENT);
		if (sets[i]->state == RR_PRESENT)
			rrset_add_txt(sets[i], text, (size_t)(newline - text));
		i++;
	}
	for (; i <= NAMES; i++)
		sets[i] = set_new(RR_NXDOMAIN);
}

static void
check_dmarc(const struct dmarc *dmarc)
{
	check(dmarc->rua != NULL && dmarc->ruf != NULL && dmarc->fo != NULL);
	check(dmarc->record != NULL && dmarc->pct >= 0 && dmarc->pct <= 100);
	check(dname_within(&dmarc->author, &dmarc->policy_domain));
	check(dname_within(&dmarc->author, &dmarc->org_domain));
	check((dmarc->may_apply == 0) == (dmarc->status == DMARC_NONE));
	check(dmarc->status == DMARC_FOUND || dmarc->problem != NULL);
	if (dmarc->status == DMARC_FOUND) {
		check(dmarc->may_apply == 1U << dmarc->policy);
		check(dmarc->policy <= dmarc->published);
	}
}

static void
run(struct rrset *sets[NAMES + 1], const struct dmarc_options *options)
{
	const struct view_source source = {.get = get_set, .arg = sets};
	struct arena *arena = arena_new();
	struct dname author, other;
	struct dmarc dmarc;
	struct view *view;

	dname_from_text(&author, "a.example.com");
	dname_from_text(&other, "b.example.com");
	view = view_open(arena, &source, 1, 0, VIEW_ASK);
	dmarc_find(view, &author, options, &dmarc);
	check_dmarc(&dmarc);
	check(dmarc_aligned(view, &dmarc, &author, dmarc.aspf) == TRI_TRUE);
	(void)dmarc_aligned(view, &dmarc, &other, dmarc.aspf);
	check(!view_missing(view));
	view_close(view);
	arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dmarc_options walk = {.pct = true};
	static const struct dmarc_options psl = {.discovery = DMARC_PSL};
	struct rrset *sets[NAMES + 1];
	unsigned i;

	sets_fill(sets, (const char *)data, size);
	run(sets, &walk);
	run(sets, &psl);
	for (i = 0; i <= NAMES; i++)
		rrset_free(sets[i]);
	return (0);
}
