/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../zone.h"
#include "arena.h"
#include "dmarc.h"

static const struct dmarc_options walk = {.discovery = DMARC_TREE_WALK};
static const struct dmarc_options walk_pct = {.pct = true};
static const struct dmarc_options psl = {.discovery = DMARC_PSL};

/*
 * What a case expects, and gets, is one line of text: "none", "temperror", or
 * "found POLICY_DOMAIN ORG_DOMAIN POLICY" with more where it is not the
 * default. An organizational domain that is not known is "?".
 */
static const char *
dmarc_line(struct arena *arena, const struct dmarc *dmarc)
{
	char domain[DNAME_TEXT_MAX], org[DNAME_TEXT_MAX];
	const char *line = dmarc_status_text(dmarc->status);

	if (dmarc->status != DMARC_FOUND)
		return (line);
	dname_text(&dmarc->org_domain, org);
	line = arena_printf(arena, "%s %s %s %s", line,
	    dname_text(&dmarc->policy_domain, domain),
	    dmarc->org_known == TRI_TRUE ? org : "?",
	    dmarc_policy_text(dmarc->policy));
	if (dmarc->published != dmarc->policy)
		line = arena_printf(arena, "%s published=%s", line,
		    dmarc_policy_text(dmarc->published));
	if (dmarc->adkim != DMARC_RELAXED || dmarc->aspf != DMARC_RELAXED)
		line = arena_printf(arena, "%s adkim=%s aspf=%s", line,
		    dmarc_mode_text(dmarc->adkim),
		    dmarc_mode_text(dmarc->aspf));
	if (dmarc->pct != 100)
		line = arena_printf(arena, "%s pct=%d", line, dmarc->pct);
	return (line);
}

/* RFC 9989 4.7, 4.8: one record at the author domain, example.com. */
#define REJECT "found example.com example.com reject"
#define NONE_  "found example.com example.com none"

static const struct {
	const char *record;
	const char *want;
	const char *problem;
} records[] = {
    {"v=DMARC1; p=reject", REJECT, NULL},
    {"v=DMARC1; p=reject;", REJECT, NULL},
    {"v=DMARC1;p=reject ; ", REJECT, NULL},
    {"v = DMARC1;p=reject", REJECT, NULL},
    {"v\t=\tDMARC1\t;\tp\t=\treject\t", REJECT, NULL},
    {"v=DMARC1; p=Reject", REJECT, NULL},
    {"v=DMARC1; adkim=s; p=QUARANTINE; aspf=S",
	"found example.com example.com quarantine adkim=s aspf=s", NULL},
    {"v=DMARC1; rua=mailto:a@b.example; p=reject", REJECT, NULL},
    {"v=DMARC1; x-p=none; p=reject", REJECT,
	"what is not tag=value was ignored"},
    {"v=DMARC1; xp=none; p=reject", REJECT, NULL},
    {"v=DMARC1; p=reject; rf=afrf; ri=86400; pct=10", REJECT, NULL},
    {"v=DMARC1; p=reject; p=none", REJECT, NULL},

    /* what is no DMARC record at all */
    {"v=dmarc1; p=reject", "none", NULL},
    {"v=DMARC1 p=reject", "none", NULL},
    {"v=DMARC2; p=reject", "none", NULL},
    {"v=DMARC1.0; p=reject", "none", NULL},
    {"v=DMARC1x; p=reject", "none", NULL},
    {"V=DMARC1; p=reject", "none", NULL},
    {" v=DMARC1; p=reject", "none", NULL},
    {"p=reject; v=DMARC1", "none", NULL},
    {"v=spf1 -all", "none", NULL},
    {"v", "none", NULL},
    {"", "none", NULL},

    /* defaults for what is damaged */
    {"v=DMARC1; p=reject; adkim=strict; aspf=", REJECT,
	"adkim= is not valid and was ignored; "
	"aspf= is not valid and was ignored"},
    {"v=DMARC1; p=reject; t=yes; psd=maybe", REJECT,
	"psd= is not valid and was ignored; t= is not valid and was ignored"},
    {"v=DMARC1; rubbish; p=reject", REJECT,
	"what is not tag=value was ignored"},
    {"v=DMARC1;; p=reject", REJECT, "what is not tag=value was ignored"},

    /* t= */
    {"v=DMARC1; p=reject; t=y",
	"found example.com example.com quarantine published=reject", NULL},
    {"v=DMARC1; p=quarantine; t=Y",
	"found example.com example.com none published=quarantine", NULL},
    {"v=DMARC1; p=none; t=y", NONE_, NULL},
    {"v=DMARC1; p=reject; t=n", REJECT, NULL},

    /* 4.10.1: p missing or invalid, sp or np invalid; with and without rua */
    {"v=DMARC1", "none", "p= is missing: not usable without a valid rua="},
    {"v=DMARC1; sp=reject", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=mailto:a@b.example", NONE_,
	"p= is missing: taken as p=none"},
    {"v=DMARC1; p=; rua=mailto:a@b.example", NONE_,
	"p= is not valid: taken as p=none"},
    {"v=DMARC1; p=rejects", "none",
	"p= is not valid: not usable without a valid rua="},
    {"v=DMARC1; p=r; rua=mailto:a@b.example", NONE_,
	"p= is not valid: taken as p=none"},
    {"v=DMARC1; p=reject; sp=x", "none",
	"sp= is not valid: not usable without a valid rua="},
    {"v=DMARC1; p=reject; sp=x; rua=mailto:a@b.example", NONE_,
	"sp= is not valid: taken as p=none"},
    {"v=DMARC1; p=reject; np=", "none",
	"np= is not valid: not usable without a valid rua="},
    {"v=DMARC1; p=reject; np=x; rua=mailto:a@b.example", NONE_,
	"np= is not valid: taken as p=none"},

    /* what is a syntactically valid reporting URI */
    {"v=DMARC1; rua=a@b.example", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=mailto:", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=mailto:nobody", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=mailto:@b.example", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=:a@b", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=mailto:a b@c.example", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=mailto:a@b!c.example", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=mailto:a@", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=1a:b", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=+a:b", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=a+1.-b:c", NONE_, "p= is missing: taken as p=none"},
    {"v=DMARC1; rua=,", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=mailto:a@b.example!10m", NONE_,
	"p= is missing: taken as p=none"},
    {"v=DMARC1; rua=mailto:a@b.example!10", NONE_,
	"p= is missing: taken as p=none"},
    {"v=DMARC1; rua=mailto:a@b.example!m", "none",
	"p= is missing: not usable without a valid rua="},
    {"v=DMARC1; rua=rubbish , mailto:a@b.example ", NONE_,
	"p= is missing: taken as p=none"},
    {"v=DMARC1; rua=https://b.example/dmarc?x=1", NONE_,
	"p= is missing: taken as p=none"},
};

/* Discovery (4.10): zone, author, what is found. */
#define AT(domain)    "_dmarc." domain " TXT v=DMARC1;"
#define FAILS(domain) "_dmarc." domain " TXT !FAILED\n"

/* The zones of RFC 9989 appendix B.4.1 and B.4.2, and of B.4.3 */
#define EXAMPLE_COM                                                            \
	AT("example.com") "p=reject\n" AT("signing.example.com") "p=none"
#define BANK                                                                   \
	AT("bank.example")                                                     \
	"p=reject;psd=y\n" AT("giant.bank.example") "p=quarantine"

static const struct {
	const char *name;
	const char *zone;
	const char *author;
	const char *want;
} cases[] = {
    /* clang-format off */
    /* The regressions: each is wrong in some implementation. */
    {"records at mail.example.com and example.com",
	AT("mail.example.com") "p=none\n" AT("example.com") "p=reject",
	"a.mail.example.com", "found example.com example.com reject"},
    {"the same with psd=n at mail.example.com",
	AT("mail.example.com") "p=none;psd=n\n" AT("example.com") "p=reject",
	"a.mail.example.com", "found mail.example.com mail.example.com none"},
    {"only psd=y at com", AT("com") "p=reject;psd=y", "a.mail.example.com",
	"found com example.com reject"},
    {"psd=y at co.uk, author x.foo.co.uk", AT("co.uk") "p=reject;psd=y",
	"x.foo.co.uk", "found co.uk foo.co.uk reject"},
    {"the author itself is psd=y",
	AT("co.uk") "p=reject;sp=none;psd=y\n" AT("uk") "p=none", "co.uk",
	"found co.uk co.uk reject"},
    {"two records at the author, one at the parent",
	AT("a.example.com") "p=none\n" AT("a.example.com") "p=quarantine\n"
	AT("example.com") "p=reject", "a.example.com",
	"found example.com example.com reject"},
    {"12 labels, records at 6 and at 2",
	AT("f.g.h.i.example.com") "p=none\n" AT("example.com") "p=reject",
	"1.2.3.4.5.e.f.g.h.i.example.com",
	"found example.com example.com reject"},
    {"9 labels, psd=y at 6", AT("d.e.f.g.h.i") "p=reject;psd=y",
	"a.b.c.d.e.f.g.h.i", "found d.e.f.g.h.i c.d.e.f.g.h.i reject"},
    {"9 labels, psd=y at 7 (8 is never queried)",
	AT("c.d.e.f.g.h.i") "p=reject;psd=y\n" AT("b.c.d.e.f.g.h.i") "p=none",
	"a.b.c.d.e.f.g.h.i", "found c.d.e.f.g.h.i b.c.d.e.f.g.h.i reject"},
    {"SERVFAIL at the author, a record at the parent",
	FAILS("a.example.com") AT("example.com") "p=reject", "a.example.com",
	"temperror"},

    /* RFC 9989 appendix B.4 */
    {"B.4.1", EXAMPLE_COM, "example.com",
	"found example.com example.com reject"},
    {"B.4.2", EXAMPLE_COM, "a.b.c.d.e.f.g.h.i.j.k.example.com",
	"found example.com example.com reject"},
    {"B.4.3", BANK, "giant.bank.example",
	"found giant.bank.example giant.bank.example quarantine"},
    {"B.4.3, mail.giant", BANK, "mail.giant.bank.example",
	"found giant.bank.example giant.bank.example quarantine"},
    {"B.4.3, mail.mega", BANK, "mail.mega.bank.example",
	"found bank.example mega.bank.example reject"},

    /* The author's record, and the organizational domain above it */
    {"nothing", "", "example.com", "none"},
    {"the author's", AT("a.example.com") "p=reject", "a.example.com",
	"found a.example.com a.example.com reject"},
    {"the author's before the parent's",
	AT("a.example.com") "p=none\n" AT("example.com") "p=reject",
	"a.example.com", "found a.example.com example.com none"},
    {"p counts at the author, not sp or np",
	AT("example.com") "p=reject;sp=none;np=none", "example.com",
	"found example.com example.com reject"},
    {"the author's, without policy, hides the parent's",
	AT("a.example.com") "\n" AT("example.com") "p=reject",
	"a.example.com", "none"},
    {"another version is no record",
	"_dmarc.a.example.com TXT v=DMARC2;p=none\n" AT("example.com")
	"p=reject", "a.example.com", "found example.com example.com reject"},
    {"beside other TXT records",
	"_dmarc.example.com TXT v=spf1 -all\n" AT("example.com") "p=reject\n"
	"_dmarc.example.com TXT hello", "example.com",
	"found example.com example.com reject"},
    {"two at the author and none above",
	AT("example.com") "p=none\n" AT("example.com") "p=reject",
	"example.com", "none"},
    {"two at the parent, one above",
	AT("b.example.com") "p=none\n" AT("b.example.com") "p=none\n"
	AT("example.com") "p=reject", "a.b.example.com",
	"found example.com example.com reject"},
    {"the fewest labels: a TLD without psd", AT("com") "p=reject",
	"example.com", "found com com reject"},
    {"a record in between does not count",
	AT("b.c.example.com") "p=none\n" AT("com") "p=reject;psd=y",
	"a.b.c.example.com", "found com example.com reject"},
    {"the organizational domain's before the PSD's",
	AT("example.com") "p=quarantine\n" AT("com") "p=reject;psd=y",
	"a.example.com", "found example.com example.com quarantine"},
    {"psd=y ends the walk",
	AT("foo.co.uk") "p=none\n" AT("co.uk") "p=reject;psd=y\n"
	AT("uk") "p=reject;psd=n", "x.foo.co.uk",
	"found foo.co.uk foo.co.uk none"},
    {"psd=n at the author ends the walk",
	AT("a.example.com") "p=reject;psd=n\n" FAILS("example.com"),
	"a.example.com", "found a.example.com a.example.com reject"},
    {"psd=y at the parent of the author", AT("com") "p=none;sp=reject;psd=y",
	"example.com", "found com example.com reject"},
    {"8 labels: all asked for", AT("b.c.d.e.f.g.h") "p=reject",
	"a.b.c.d.e.f.g.h", "found b.c.d.e.f.g.h b.c.d.e.f.g.h reject"},
    {"9 labels: the second is not", AT("b.c.d.e.f.g.h.i") "p=reject",
	"a.b.c.d.e.f.g.h.i", "none"},
    {"one label", AT("localhost") "p=reject", "localhost",
	"found localhost localhost reject"},
    {"the root", "", ".", "none"},

    /* sp and np */
    {"sp for a name that exists",
	AT("example.com") "p=reject;sp=none;np=quarantine\n"
	"a.example.com A 192.0.2.1", "a.example.com",
	"found example.com example.com none"},
    {"sp beside an invalid p does not count", AT("example.com")
	"p=x;sp=reject;np=reject;rua=mailto:a@b.example", "a.example.com",
	"found example.com example.com none"},
    {"np for one that does not",
	AT("example.com") "p=none;sp=quarantine;np=reject", "a.example.com",
	"found example.com example.com reject"},
    {"np falls back to sp", AT("example.com") "p=none;sp=reject",
	"a.example.com", "found example.com example.com reject"},
    {"np without sp: p for a name that exists",
	AT("example.com") "p=quarantine;np=reject\na.example.com A 192.0.2.1",
	"a.example.com", "found example.com example.com quarantine"},
    {"an empty non-terminal exists",
	AT("example.com") "p=none;np=reject\nb.a.example.com A 192.0.2.1",
	"a.example.com", "found example.com example.com none"},
    {"NXDOMAIN at _dmarc does not prove it absent",
	AT("example.com") "p=none;np=reject\n"
	"_dmarc.a.example.com TXT !NXDOMAIN\na.example.com TXT !NODATA",
	"a.example.com", "found example.com example.com none"},
    {"NODATA at _dmarc proves that it exists",
	AT("example.com") "p=none;np=reject\n"
	"_dmarc.a.example.com TXT !NODATA\na.example.com TXT !FAILED",
	"a.example.com", "found example.com example.com none"},
    {"np of a PSD", AT("com") "p=none;np=reject;psd=y", "nosuch.com",
	"found com nosuch.com reject"},
    {"t lowers sp, too", AT("example.com") "p=none;sp=reject;t=y",
	"a.example.com",
	"found example.com example.com quarantine published=reject"},

    /* Failures: only where they could change the result */
    {"bogus is a failure", "_dmarc.example.com TXT !BOGUS", "example.com",
	"temperror"},
    {"failure above the author's record: the policy is known",
	AT("a.example.com") "p=reject\n" FAILS("example.com"), "a.example.com",
	"found a.example.com ? reject"},
    {"failure above psd=n is never seen",
	AT("example.com") "p=reject;psd=n\n" FAILS("com"), "a.example.com",
	"found example.com example.com reject"},
    {"failure above psd=y is never seen",
	AT("co.uk") "p=reject;psd=y\n" FAILS("uk"), "foo.co.uk",
	"found co.uk foo.co.uk reject"},
    {"failure below the organizational domain's record",
	FAILS("b.example.com") AT("example.com") "p=reject", "a.b.example.com",
	"temperror"},
    {"failure above it: the TLD might have a record",
	AT("example.com") "p=reject\n" FAILS("com"), "a.example.com",
	"temperror"},
    {"failure and nothing else", FAILS("com"), "a.example.com", "temperror"},
    {"failure where the author's record is of no use",
	AT("a.example.com") "\n" FAILS("example.com"), "a.example.com",
	"none"},
    {"existence unknown, sp and np differ",
	AT("example.com") "p=none;sp=none;np=reject\na.example.com TXT "
	"!FAILED\n_dmarc.a.example.com TXT !NXDOMAIN",
	"a.example.com", "temperror"},
    {"existence unknown, sp and np do not",
	AT("example.com") "p=none;sp=reject;np=reject\na.example.com TXT "
	"!FAILED\n_dmarc.a.example.com TXT !NXDOMAIN",
	"a.example.com", "found example.com example.com reject"},
    /* clang-format on */
};

/* RFC 7489: the public suffix list, no np, psd and t; pct. */
static const struct {
	const char *name;
	const char *zone;
	const char *author;
	const char *want;
} psl_cases[] = {
    /* clang-format off */
    {"the author's", AT("a.example.co.uk") "p=reject;pct=20",
	"a.example.co.uk", "found a.example.co.uk example.co.uk reject pct=20"},
    {"the organizational domain's, sp",
	AT("example.co.uk") "p=none;sp=reject", "a.b.example.co.uk",
	"found example.co.uk example.co.uk reject"},
    {"not one in between",
	AT("b.example.co.uk") "p=reject", "a.b.example.co.uk", "none"},
    {"no np", AT("example.com") "p=reject;np=none", "nosuch.example.com",
	"found example.com example.com reject"},
    {"no invalid np, no t, no psd",
	AT("example.com") "p=reject;np=x;t=y;psd=n", "example.com",
	"found example.com example.com reject"},
    {"invalid sp", AT("example.com") "p=reject;sp=x", "example.com", "none"},
    {"several records end it",
	AT("a.example.com") "p=none\n" AT("a.example.com") "p=none\n"
	AT("example.com") "p=reject", "a.example.com", "none"},
    {"the PSD's is not used", AT("com") "p=reject;psd=y", "example.com",
	"none"},
    {"an author that is a public suffix", AT("co.uk") "p=reject", "co.uk",
	"found co.uk co.uk reject"},
    {"a name of no listed suffix", AT("b.nosuchtld") "p=reject",
	"a.b.nosuchtld", "found b.nosuchtld b.nosuchtld reject"},
    {"A-labels are listed",
	AT("a.xn--55qx5d.cn") "p=reject", "b.a.xn--55qx5d.cn",
	"found a.xn--55qx5d.cn a.xn--55qx5d.cn reject"},
    {"the private section counts", AT("github.io") "p=reject",
	"a.b.github.io", "none"},
    {"... so that its tenants are organizations",
	AT("b.github.io") "p=reject", "a.b.github.io",
	"found b.github.io b.github.io reject"},
    {"a wildcard rule, *.ck", AT("b.c.ck") "p=reject", "a.b.c.ck",
	"found b.c.ck b.c.ck reject"},
    {"... and its exception, !www.ck", AT("www.ck") "p=reject", "a.www.ck",
	"found www.ck www.ck reject"},
    {"an underscore", AT("b_c.example.com") "p=none\n"
	AT("example.com") "p=reject", "a.b_c.example.com",
	"found example.com example.com reject"},
    {"failure at the author", FAILS("a.example.com") AT("example.com")
	"p=reject", "a.example.com", "temperror"},
    {"failure at the organizational domain", FAILS("example.com"),
	"a.example.com", "temperror"},
    {"failure that nobody asks about",
	AT("a.example.com") "p=reject\n" FAILS("example.com"), "a.example.com",
	"found a.example.com example.com reject"},
    {"pct out of range", AT("example.com") "p=reject;pct=101", "example.com",
	"found example.com example.com reject"},
    {"pct is empty", AT("example.com") "p=reject;pct=", "example.com",
	"found example.com example.com reject"},
    {"pct is no number", AT("example.com") "p=reject;pct=1x", "example.com",
	"found example.com example.com reject"},
    {"pct is too long", AT("example.com") "p=reject;pct=0010", "example.com",
	"found example.com example.com reject"},
    {"pct=010", AT("example.com") "p=reject;pct=010", "example.com",
	"found example.com example.com reject pct=10"},
    {"pct=0", AT("example.com") "p=reject;pct=0", "example.com",
	"found example.com example.com reject pct=0"},
    /* clang-format on */
};

/* Runs until nothing is missing. Returns the number of fetches it took. */
static unsigned
find(struct arena *arena, struct zone *zone, const char *author,
    const struct dmarc_options *options, struct dmarc *dmarc)
{
	struct view_source source = zone_source(zone);
	struct dname name;
	struct view *view;

	assert_int_equal(dname_from_text(&name, author), 0);
	for (;;) {
		view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
		dmarc_find(view, &name, options, dmarc);
		assert_int_equal(view_missing(view), dmarc->read.missing > 0);
		if (!view_missing(view))
			break;
		assert_true(zone->rounds < 5);
		zone_fetch(zone, view_missing_list(view));
	}
	view_close(view);
	return (zone->rounds);
}

/* FOUND and NONE are one possibility, a temporary failure is several. */
static void
check_sets(const struct dmarc *dmarc)
{
	switch (dmarc->status) {
	case DMARC_FOUND:
		assert_int_equal(dmarc->may_apply, 1U << dmarc->policy);
		assert_int_equal(dmarc->may_publish, 1U << dmarc->published);
		assert_false(dmarc->may_be_absent);
		break;
	case DMARC_NONE:
		assert_int_equal(dmarc->may_apply | dmarc->may_publish, 0);
		assert_true(dmarc->may_be_absent);
		break;
	case DMARC_TEMPERROR:
		assert_true(dmarc->may_be_absent ||
			    (dmarc->may_apply & (dmarc->may_apply - 1)) != 0);
		break;
	}
}

static void
run_case(const char *name, const char *table, const char *author,
    const char *want, const struct dmarc_options *options)
{
	struct arena *arena = arena_new();
	struct dmarc dmarc;
	struct zone *zone;
	int cold;

	for (cold = 0; cold < 2; cold++) {
		zone = zone_open(table, cold);
		/* Only a name's existence is asked for in a second round. */
		assert_in_range(
		    find(arena, zone, author, options, &dmarc), 0, 2 * cold);
		if (strcmp(dmarc_line(arena, &dmarc), want) != 0)
			print_error("%s: %s\n", name, dmarc.problem);
		assert_string_equal(dmarc_line(arena, &dmarc), want);
		check_sets(&dmarc);
		assert_true(zone->lookups <= 9);
		zone_close(zone);
	}
	arena_free(arena);
}

static void
test_cases(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_case(cases[i].name, cases[i].zone, cases[i].author,
		    cases[i].want, &walk);
	for (i = 0; i < sizeof(psl_cases) / sizeof(psl_cases[0]); i++)
		run_case(psl_cases[i].name, psl_cases[i].zone,
		    psl_cases[i].author, psl_cases[i].want, &psl);
}

static void
test_records(void **state)
{
	struct arena *arena = arena_new();
	struct dmarc dmarc;
	struct zone *zone;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		zone =
		    zone_open(arena_printf(arena, "_dmarc.example.com TXT %s",
				  records[i].record),
			false);
		find(arena, zone, "example.com", &walk, &dmarc);
		if (strcmp(dmarc_line(arena, &dmarc), records[i].want) != 0)
			print_error("%s\n", records[i].record);
		assert_string_equal(dmarc_line(arena, &dmarc), records[i].want);
		if (records[i].problem != NULL)
			assert_string_equal(dmarc.problem, records[i].problem);
		else if (dmarc.status == DMARC_FOUND)
			assert_null(dmarc.problem);
		else
			assert_non_null(dmarc.problem);
		zone_close(zone);
	}
	arena_free(arena);
}

/* Which lookup failed, and how, where the policy is not known. */
static void
test_failure_told(void **state)
{
	static const struct {
		const char *zone, *problem;
	} table[] = {
	    {"_dmarc.b.example.com TXT !BOGUS",
		"bogus at _dmarc.b.example.com"},
	    {FAILS("example.com") FAILS("com"),
		"servfail at _dmarc.example.com"},
	    {AT("a.b.example.com") "p=none\n" FAILS("b.example.com"),
		"the organizational domain is not known: DNS failed at "
		"_dmarc.b.example.com"},
	    {AT("a.b.example.com") "p=none;x\n" FAILS("com"),
		"the organizational domain is not known: DNS failed at "
		"_dmarc.com; what is not tag=value was ignored"},
	};
	struct arena *arena = arena_new();
	struct dmarc dmarc;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct zone *zone = zone_open(table[i].zone, false);

		find(arena, zone, "a.b.example.com", &walk, &dmarc);
		assert_string_equal(dmarc.problem, table[i].problem);
		zone_close(zone);
	}
	arena_free(arena);
}

static void
test_fields(void **state)
{
	static const char text[] =
	    "v=DMARC1; p=reject; rua= mailto:a@b.example!10m ,mailto:c@d ; "
	    "ruf=mailto:e@f; fo=0:d; psd=n; adkim=s; pct=30";
	struct arena *arena = arena_new();
	struct zone *zone = zone_open(
	    arena_printf(arena, "_dmarc.example.com TXT %s", text), false);
	struct dmarc dmarc;

	(void)state;
	find(arena, zone, "example.com", &walk, &dmarc);
	assert_string_equal(dmarc.record, text);
	assert_string_equal(dmarc.rua, "mailto:a@b.example!10m ,mailto:c@d");
	assert_string_equal(dmarc.ruf, "mailto:e@f");
	assert_string_equal(dmarc.fo, "0:d");
	assert_string_equal(dmarc_psd_text(dmarc.psd), "n");
	assert_string_equal(dmarc_mode_text(dmarc.adkim), "s");
	assert_int_equal(dmarc.pct, 100);
	/* psd=n: nothing above is read */
	assert_int_equal(zone->lookups, 1);
	assert_int_equal(dmarc.read.asked, 1);
	find(arena, zone, "example.com", &walk_pct, &dmarc);
	assert_int_equal(dmarc.pct, 30);
	zone_close(zone);
	/* 4.8: a value is of printable characters. */
	zone = zone_open("_dmarc.example.com TXT v=DMARC1; p=reject; "
			 "rua=mailto:a@b.example\t,mailto:c@d",
	    false);
	find(arena, zone, "example.com", &walk, &dmarc);
	assert_string_equal(dmarc.rua, "");
	zone_close(zone);
	arena_free(arena);
}

/* The queries of the example in RFC 9989 4.10, all in one round. */
static void
test_walk_names(void **state)
{
	static const char *const names[] = {
	    "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
	    "_dmarc.g.h.i.j.mail.example.com", "_dmarc.h.i.j.mail.example.com",
	    "_dmarc.i.j.mail.example.com", "_dmarc.j.mail.example.com",
	    "_dmarc.mail.example.com", "_dmarc.example.com", "_dmarc.com"};
	struct arena *arena = arena_new();
	struct zone *zone = zone_open("", true);
	struct dmarc dmarc;
	struct dname name;
	size_t i;

	(void)state;
	assert_int_equal(find(arena, zone,
			     "a.b.c.d.e.f.g.h.i.j.mail."
			     "example.com",
			     &walk, &dmarc),
	    1);
	assert_int_equal(zone->lookups, 8);
	for (i = 0; i < 8; i++) {
		assert_int_equal(dname_from_text(&name, names[i]), 0);
		assert_non_null(zone_find(zone, &name, RR_TXT));
	}
	zone_close(zone);
	arena_free(arena);
}

/* _dmarc does not fit before a name of 255 octets: no record there. */
static void
test_long_name(void **state)
{
	struct arena *arena = arena_new();
	struct zone *zone = zone_open(AT("com") "p=reject", true);
	char text[256] = "";
	struct dmarc dmarc;

	(void)state;
	while (strlen(text) < 249)
		strcat(text, "a.");
	strcat(text, "com");
	find(arena, zone, text, &walk, &dmarc);
	assert_string_equal(dmarc_line(arena, &dmarc), "found com com reject");
	assert_int_equal(zone->lookups, 7);
	zone_close(zone);
	arena_free(arena);
}

/* Alignment (4.10.2). `lookups`: beyond those of the author's walk. */
static const struct {
	const char *name;
	const char *zone;
	const char *author;
	const char *identifier;
	const char *want;
	unsigned lookups;
} alignments[] = {
    /* clang-format off */
    {"equal", AT("example.com") "p=reject", "example.com", "example.com",
	"yes", 0},
    {"equal, strict", AT("example.com") "p=reject;adkim=s", "example.com",
	"example.com", "yes", 0},
    {"strict", AT("example.com") "p=reject;adkim=s", "example.com",
	"a.example.com", "no", 0},
    {"below the author", AT("example.com") "p=reject", "example.com",
	"a.example.com", "yes", 1},
    {"above the author", AT("example.com") "p=reject", "a.example.com",
	"example.com", "yes", 0},
    {"siblings", AT("example.com") "p=reject", "a.example.com",
	"b.c.example.com", "yes", 2},
    {"another domain", AT("example.com") "p=reject", "example.com",
	"example.net", "no", 0},
    {"another domain of the TLD", AT("example.com") "p=reject", "example.com",
	"other.com", "no", 0},
    {"the TLD itself", AT("example.com") "p=reject", "example.com", "com",
	"no", 0},
    {"a suffix of the text only", AT("example.com") "p=reject", "example.com",
	"badexample.com", "no", 0},
    {"the identifier has psd=n",
	AT("example.com") "p=reject\n" AT("b.example.com") "p=none;psd=n",
	"example.com", "a.b.example.com", "no", 2},
    {"the author has psd=n",
	AT("example.com") "p=none\n" AT("a.example.com") "p=reject;psd=n",
	"a.example.com", "example.com", "no", 0},
    {"both below a name with psd=n",
	AT("example.com") "p=none\n" AT("b.example.com") "p=reject;psd=n",
	"1.b.example.com", "2.b.example.com", "yes", 1},
    {"a PSD between author and identifier",
	AT("com") "p=none;psd=y\n" AT("a.com") "p=reject", "a.com",
	"b.com", "no", 0},
    {"organizational domain without a record, below a PSD",
	AT("com") "p=reject;psd=y", "x.example.com", "y.example.com", "yes",
	1},
    {"an identifier that is a PSD below the author's",
	AT("b.example.com") "p=none;psd=y\n" AT("example.com") "p=reject",
	"example.com", "b.example.com", "no", 1},
    {"the author's record only: it is its organizational domain",
	AT("a.example.com") "p=reject", "a.example.com", "example.com", "no",
	0},
    {"the same, below it", AT("a.example.com") "p=reject", "a.example.com",
	"b.a.example.com", "yes", 1},
    {"no policy", "", "example.com", "a.example.com", "no", 0},
    {"no policy, equal", "", "example.com", "example.com", "yes", 0},
    {"a TLD without psd", AT("com") "p=reject", "a.com", "b.com", "yes", 1},
    {"9 labels, 8 never queried, psd=y at 7",
	AT("c.d.e.f.g.h.i") "p=reject;psd=y", "a.b.c.d.e.f.g.h.i",
	"b.c.d.e.f.g.h.i", "yes", 1},

    /* RFC 9989 appendix B.1 and B.4 */
    {"B.1.1, example 3", AT("example.com") "p=reject", "child.example.com",
	"example.net", "no", 0},
    {"B.4.1", EXAMPLE_COM, "example.com", "signing.example.com", "yes", 1},
    {"B.4.2, MAIL FROM", EXAMPLE_COM, "a.b.c.d.e.f.g.h.i.j.k.example.com",
	"example.com", "yes", 0},
    {"B.4.2, DKIM", EXAMPLE_COM, "a.b.c.d.e.f.g.h.i.j.k.example.com",
	"signing.example.com", "yes", 1},
    {"B.4.3, MAIL FROM", BANK, "giant.bank.example",
	"mail.giant.bank.example", "yes", 1},
    {"B.4.3, DKIM", BANK, "giant.bank.example", "mail.mega.bank.example",
	"no", 0},

    /* SERVFAIL in the identifier's walk: cannot tell, not unaligned */
    {"failure at the identifier", AT("example.com") "p=reject\n"
	FAILS("b.example.com"), "example.com", "b.example.com", "unknown", 1},
    {"bogus at the identifier", AT("example.com") "p=reject\n"
	"_dmarc.b.example.com TXT !BOGUS", "example.com", "b.example.com",
	"unknown", 1},
    {"failure at an identifier that cannot align",
	AT("example.com") "p=reject\n" FAILS("b.example.net")
	FAILS("example.net"), "example.com", "b.example.net", "no", 0},
    {"... even of the same TLD", AT("example.com") "p=reject\n"
	FAILS("other.com"), "example.com", "b.other.com", "no", 0},
    {"failure, but strict", AT("example.com") "p=reject;adkim=s\n"
	FAILS("b.example.com"), "example.com", "b.example.com", "no", 0},
    {"failure above the author's record, shared: both move together",
	AT("example.com") "p=reject\n" FAILS("com"), "example.com",
	"b.example.com", "yes", 1},
    {"... and the identifier may be elsewhere",
	AT("example.com") "p=reject\n" FAILS("com"), "example.com",
	"other.com", "unknown", 1},
    {"... or an organizational domain of its own",
	AT("example.com") "p=reject\n" AT("b.example.com") "p=none;psd=n\n"
	FAILS("com"), "example.com", "b.example.com", "no", 1},
    {"... or not in the same TLD", AT("example.com") "p=reject\n"
	FAILS("com"), "example.com", "example.net", "no", 0},
    {"failure between the author and its organizational domain",
	AT("a.b.example.com") "p=reject\n" FAILS("b.example.com")
	AT("example.com") "p=none", "a.b.example.com", "c.example.com",
	"unknown", 1},

    /* The policy itself is not known, and so is the mode */
    {"no record known, equal", FAILS("example.com"), "example.com",
	"example.com", "yes", 0},
    {"no record known", FAILS("example.com"), "example.com",
	"b.example.com", "unknown", 0},
    {"no record known, no label in common", FAILS("example.com"),
	"example.com", "example.net", "no", 0},
    {"no record known, but none at the TLD", FAILS("example.com"),
	"example.com", "other.com", "no", 0},
    {"existence unknown: the record is known",
	AT("example.com") "p=none;np=reject\na.example.com TXT !FAILED\n"
	"_dmarc.a.example.com TXT !NXDOMAIN", "a.example.com",
	"b.example.com", "yes", 1},
    /* clang-format on */
};

static const char *
align(struct zone *zone, const struct dmarc *dmarc, const char *identifier)
{
	struct view_source source = zone_source(zone);
	struct arena *arena = arena_new();
	struct dname name;
	enum tri aligned;
	struct view *view;
	bool missing;

	assert_int_equal(dname_from_text(&name, identifier), 0);
	do {
		view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
		aligned = dmarc_aligned(view, dmarc, &name, dmarc->adkim);
		missing = view_missing(view);
		zone_fetch(zone, view_missing_list(view));
		view_close(view);
	} while (missing);
	arena_free(arena);
	return (tri_text(aligned));
}

static void
test_alignments(void **state)
{
	struct arena *arena = arena_new();
	struct dmarc dmarc;
	struct zone *zone;
	unsigned lookups;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
		zone = zone_open(alignments[i].zone, i % 2);
		find(arena, zone, alignments[i].author, &walk, &dmarc);
		lookups = zone->lookups;
		if (strcmp(align(zone, &dmarc, alignments[i].identifier),
			alignments[i].want) != 0)
			print_error("%s\n", alignments[i].name);
		assert_string_equal(
		    align(zone, &dmarc, alignments[i].identifier),
		    alignments[i].want);
		if (zone->lookups - lookups != alignments[i].lookups)
			print_error("%s\n", alignments[i].name);
		assert_int_equal(
		    zone->lookups - lookups, alignments[i].lookups);
		zone_close(zone);
	}
	arena_free(arena);
}

/* RFC 7489 3.1: the list decides, no lookup is made. */
static void
test_psl_alignment(void **state)
{
	static const struct {
		const char *identifier;
		const char *want;
	} table[] = {
	    {"a.example.co.uk", "yes"},
	    {"b.c.example.co.uk", "yes"},
	    {"example.co.uk", "yes"},
	    {"other.co.uk", "no"},
	    {"co.uk", "no"},
	    {"example.com", "no"},
	};
	struct arena *arena = arena_new();
	struct zone *zone = zone_open(
	    AT("example.co.uk") "p=reject\n" FAILS("other.co.uk"), false);
	struct dmarc dmarc;
	size_t i;

	(void)state;
	find(arena, zone, "a.example.co.uk", &psl, &dmarc);
	zone_forget(zone);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
		    align(zone, &dmarc, table[i].identifier), table[i].want);
	assert_int_equal(zone->lookups, 0);
	/* No record known: the mode may yet be strict. */
	find(arena, zone, "other.co.uk", &psl, &dmarc);
	assert_int_equal(dmarc.status, DMARC_TEMPERROR);
	assert_string_equal(align(zone, &dmarc, "a.other.co.uk"), "unknown");
	assert_string_equal(align(zone, &dmarc, "example.co.uk"), "no");
	assert_string_equal(align(zone, &dmarc, "other.co.uk"), "yes");
	zone_close(zone);
	arena_free(arena);
}

/*
 * Every zone over a few names, each of which has no record, a record of any
 * psd, or fails; against every zone that the failures may stand for. What is
 * said to be known must be so in all of these, and what is said to be unknown
 * about an alignment must differ between two of them.
 */
#define WORLD_NAMES 5
#define WORLD_FATES 5 /* of enum world_fate */

enum world_fate { WORLD_EMPTY, WORLD_U, WORLD_N, WORLD_Y, WORLD_FAILED };

struct world {
	const char *const *names;
	enum world_fate fate[WORLD_NAMES];
	const struct rrset *record[WORLD_NAMES][WORLD_FATES];
	const struct rrset *nothing;
};

static const struct rrset *
world_get(void *arg, const struct dname *name, uint16_t type)
{
	const struct world *world = arg;
	char text[DNAME_TEXT_MAX];
	unsigned i;

	(void)type;
	dname_text(name, text);
	for (i = 0; i < WORLD_NAMES; i++) {
		if (strncmp(text, "_dmarc.", 7) == 0 &&
		    strcmp(text + 7, world->names[i]) == 0)
			return (world->record[i][world->fate[i]]);
	}
	return (world->nothing);
}

static void
world_open(struct world *world, const char *const *names)
{
	static const char *const policies[WORLD_NAMES] = {"p=reject",
	    "p=quarantine", "p=none;sp=reject", "p=quarantine;t=y",
	    "p=reject;sp=quarantine"};
	static const char psd[] = "?uny";
	struct rrset *set;
	char text[128];
	unsigned i, fate;

	world->names = names;
	world->nothing = zone_set(RR_NXDOMAIN, RR_FAILURE_NONE);
	for (i = 0; i < WORLD_NAMES; i++) {
		world->record[i][WORLD_EMPTY] =
		    zone_set(RR_NXDOMAIN, RR_FAILURE_NONE);
		world->record[i][WORLD_FAILED] =
		    zone_set(RR_FAILED, RR_FAILURE_TIMEOUT);
		for (fate = WORLD_U; fate <= WORLD_Y; fate++) {
			snprintf(text, sizeof(text), "v=DMARC1;%s;psd=%c",
			    policies[i], psd[fate]);
			set = zone_set(RR_PRESENT, RR_FAILURE_NONE);
			rrset_add_txt(set, text, strlen(text));
			world->record[i][fate] = set;
		}
	}
}

static void
world_close(struct world *world)
{
	unsigned i, fate;

	for (i = 0; i < WORLD_NAMES; i++)
		for (fate = 0; fate < WORLD_FATES; fate++)
			rrset_free(
			    (struct rrset *)(uintptr_t)world->record[i][fate]);
	rrset_free((struct rrset *)(uintptr_t)world->nothing);
}

/* The `number`-th choice of fates. False when there is none. */
static bool
world_choose(struct world *world, unsigned number)
{
	unsigned i;

	for (i = 0; i < WORLD_NAMES; i++) {
		world->fate[i] = (enum world_fate)(number % WORLD_FATES);
		number /= WORLD_FATES;
	}
	return (number == 0);
}

struct outcome {
	struct dmarc dmarc;
	enum tri aligned[WORLD_NAMES];
};

/* The first name is the author, all of them are identifiers. */
static void
world_judge(struct world *world, struct outcome *outcome)
{
	const struct view_source source = {.get = world_get, .arg = world};
	struct arena *arena = arena_new();
	struct dname name;
	struct view *view;
	unsigned i;

	view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
	dname_from_text(&name, world->names[0]);
	dmarc_find(view, &name, &walk, &outcome->dmarc);
	for (i = 0; i < WORLD_NAMES; i++) {
		dname_from_text(&name, world->names[i]);
		outcome->aligned[i] = dmarc_aligned(
		    view, &outcome->dmarc, &name, outcome->dmarc.adkim);
	}
	view_close(view);
	arena_free(arena);
}

/* All the worlds that `world`, whose failures are in `failed`, may be. */
static void
world_complete(const struct world *world, unsigned at,
    const struct outcome *said, unsigned seen[WORLD_NAMES])
{
	struct world full = *world;
	struct outcome truth;
	unsigned i;

	for (; at < WORLD_NAMES; at++) {
		if (full.fate[at] != WORLD_FAILED)
			continue;
		for (i = WORLD_EMPTY; i <= WORLD_Y; i++) {
			full.fate[at] = (enum world_fate)i;
			world_complete(&full, at + 1, said, seen);
		}
		return;
	}
	world_judge(&full, &truth);
	assert_true(truth.dmarc.status != DMARC_TEMPERROR);
	if (truth.dmarc.status == DMARC_FOUND) {
		assert_true(said->dmarc.may_apply >> truth.dmarc.policy & 1);
		assert_true(
		    said->dmarc.may_publish >> truth.dmarc.published & 1);
	} else
		assert_true(said->dmarc.may_be_absent);
	if (said->dmarc.org_known == TRI_TRUE)
		assert_true(dname_equal(
		    &said->dmarc.org_domain, &truth.dmarc.org_domain));
	for (i = 0; i < WORLD_NAMES; i++)
		seen[i] |= 1U << truth.aligned[i];
}

static void
run_world(const char *const *names)
{
	static const unsigned only[] = {[TRI_FALSE] = 1U << TRI_FALSE,
	    [TRI_TRUE] = 1U << TRI_TRUE,
	    [TRI_UNKNOWN] = 1U << TRI_FALSE | 1U << TRI_TRUE};
	unsigned number, i, seen[WORLD_NAMES];
	struct outcome said;
	struct world world;

	world_open(&world, names);
	for (number = 0; world_choose(&world, number); number++) {
		world_judge(&world, &said);
		memset(seen, 0, sizeof(seen));
		world_complete(&world, 0, &said, seen);
		for (i = 0; i < WORLD_NAMES; i++) {
			/* Without a record the mode is not known either. */
			if (said.dmarc.status != DMARC_TEMPERROR)
				assert_int_equal(
				    seen[i], only[said.aligned[i]]);
			else
				assert_int_equal(
				    seen[i] & ~only[said.aligned[i]], 0);
		}
	}
	world_close(&world);
}

static void
test_worlds(void **state)
{
	static const char *const worlds[][WORLD_NAMES] = {
	    {"a.b.c", "b.c", "c", "x.b.c", "x.c"},
	    {"b.c", "a.b.c", "c", "x.c", "y.a.b.c"},
	    {"c", "b.c", "a.b.c", "x.a.b.c", "x.c"},
	    /* around the cut */
	    {"1.2.3.4.5.6.7.8.9", "3.4.5.6.7.8.9", "2.3.4.5.6.7.8.9",
		"4.5.6.7.8.9", "a.3.4.5.6.7.8.9"},
	    {"2.3.4.5.6.7.8.9", "3.4.5.6.7.8.9", "1.2.3.4.5.6.7.8.9",
		"a.3.4.5.6.7.8.9", "9"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
		run_world(worlds[i]);
}

static void
test_sample(void **state)
{
	uint8_t digest[8] = {0};
	unsigned i, in[101] = {0};
	int pct;

	(void)state;
	for (i = 0; i < 100; i++) {
		digest[7] = (uint8_t)i;
		for (pct = 0; pct <= 100; pct++)
			in[pct] += dmarc_sampled(pct, digest);
	}
	for (pct = 0; pct <= 100; pct++)
		assert_int_equal(in[pct], pct);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_failure_told),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_walk_names),
	    cmocka_unit_test(test_long_name),
	    cmocka_unit_test(test_alignments),
	    cmocka_unit_test(test_psl_alignment),
	    cmocka_unit_test(test_worlds),
	    cmocka_unit_test(test_sample),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
