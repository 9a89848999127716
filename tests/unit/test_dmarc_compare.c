/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../zone.h"
#include "arena.h"
#include "dmarc_compare.h"
#include "stats.h"

#define DMARC(domain, rest) "_dmarc." domain " TXT v=DMARC1; " rest "\n"

/* co.uk is a public suffix, example.co.uk is not. */
static const struct {
	const char *name, *zone, *author;
	unsigned compared, policy, org;
} cases[] = {
    {"no record at all", "", "example.com", 1, 0, 0},
    {"its own record", DMARC("example.com", "p=reject"), "example.com", 1, 0,
	0},
    {"its organization's record", DMARC("example.com", "p=reject"),
	"a.b.example.com", 1, 0, 0},
    {"a record in between is of the walk alone",
	DMARC("example.com", "p=none")
	    DMARC("b.example.com", "p=reject; psd=n"),
	"a.b.example.com", 1, 1, 0},
    {"a record of the public suffix is of the walk alone",
	DMARC("co.uk", "p=reject; psd=y"), "example.co.uk", 1, 1, 0},
    {"t=y is of the walk alone", DMARC("example.com", "p=reject; t=y"),
	"example.com", 1, 1, 0},
    {"np= is of the walk alone", DMARC("example.com", "p=none; np=reject"),
	"a.example.com", 1, 1, 0},
    {"the same policy, another organization",
	DMARC("a.example.com", "p=reject; psd=n"), "a.example.com", 1, 0, 1},
    {"what DNS keeps back is no difference", "_dmarc.example.com TXT !FAILED\n",
	"example.com", 0, 0, 0},
    {"nor where the walk alone fails",
	DMARC("example.com", "p=reject") "_dmarc.b.example.com TXT !FAILED\n",
	"a.b.example.com", 0, 0, 0},
};

struct counts {
	uint64_t compared, policy, org;
};

static struct counts
counts_now(void)
{
	return ((struct counts){stat_value(STAT_COMPARED),
	    stat_value(STAT_POLICY_DIFFERS), stat_value(STAT_ORG_DIFFERS)});
}

/* Returns whether anything was missing. */
static bool
compare(struct zone *zone, const char *author, enum dmarc_discovery discovery,
    struct view_scope *scope)
{
	const struct dmarc_options options = {.discovery = discovery};
	struct view_source source = zone_source(zone);
	struct arena *arena = arena_new();
	struct view *view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
	struct dname name;
	struct dmarc dmarc;
	bool missing;

	assert_int_equal(dname_from_text(&name, author), 0);
	view_enter(view, scope);
	dmarc_find(view, &name, &options, &dmarc);
	view_leave(view);
	dmarc_compare(view, &options, &name);
	missing = view_missing(view);
	if (missing)
		zone_fetch(zone, view_missing_list(view));
	view_close(view);
	arena_free(arena);
	return (missing);
}

/* Whichever method is in force, and once each, however often it runs. */
static void
case_run(size_t i, enum dmarc_discovery discovery)
{
	struct zone *zone = zone_open(cases[i].zone, true);
	const struct counts before = counts_now();
	struct counts after;
	struct view_scope scope;

	while (compare(zone, cases[i].author, discovery, &scope))
		assert_true(zone->rounds < 8);
	after = counts_now();
	if (after.compared - before.compared != cases[i].compared ||
	    after.policy - before.policy != cases[i].policy ||
	    after.org - before.org != cases[i].org)
		fail_msg("%s: compared %u, policy %u, organization %u",
		    cases[i].name, (unsigned)(after.compared - before.compared),
		    (unsigned)(after.policy - before.policy),
		    (unsigned)(after.org - before.org));
	zone_close(zone);
}

static void
test_cases(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		case_run(i, DMARC_TREE_WALK);
		case_run(i, DMARC_PSL);
	}
}

/* The other method's failures are not in the scope of the answer. */
static void
test_scope(void **state)
{
	struct zone *zone =
	    zone_open(DMARC("example.com",
			  "p=reject") "_dmarc.b.example.com TXT !FAILED\n",
		true);
	struct view_scope scope;

	(void)state;
	while (compare(zone, "a.b.example.com", DMARC_PSL, &scope))
		assert_true(zone->rounds < 8);
	assert_int_equal(scope.failed, 0);
	zone_close(zone);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_scope),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
