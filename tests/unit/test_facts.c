/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../zone.h"
#include "arena.h"
#include "facts.h"

#define SIGNATURES_MAX 4

static const struct dmarc_options walk = {.discovery = DMARC_TREE_WALK};
static const struct dmarc_options psl = {.discovery = DMARC_PSL};

/* A message: who sends it, and "RESULT DOMAIN" of signatures, with commas. */
struct message {
	const char *mail_from;
	const char *author; /* "": none */
	const char *dkim;
};

/* The next messages' */
static const char *message_id = "";

struct judged {
	struct facts facts;
	struct facts_signature signature[SIGNATURES_MAX];
	struct arena *arena;
};

static void
signature_set(struct arena *arena, struct facts_signature *sig,
    const char *text, size_t len)
{
	const char *space = memchr(text, ' ', len);
	unsigned value;

	assert_int_equal(dkim_result_from_text(
			     arena_strndup(arena, text, (size_t)(space - text)),
			     &sig->reported),
	    0);
	sig->d =
	    arena_strndup(arena, space + 1, len - (size_t)(space + 1 - text));
	sig->s = "k";
	sig->a = sig->b = "";
	sig->has_domain = dname_from_text(&sig->domain, sig->d) == 0;
	sig->result = FACTS_ONE(sig->reported);
	if (sig->reported != DKIM_TEMPERROR)
		return;
	for (value = DKIM_NONE; value <= DKIM_PERMERROR; value++)
		if (value != DKIM_TEMPERROR)
			sig->result |= FACTS_ONE(value);
	sig->result &= ~FACTS_ONE(DKIM_TEMPERROR);
}

static void
message_set(struct judged *judged, const struct message *message,
    const struct dmarc_options *options)
{
	struct facts *facts = &judged->facts;
	const char *text = message->dkim;
	size_t len;

	memset(facts, 0, sizeof(*facts));
	facts->options = options;
	facts->helo = facts->question.helo = "mail.example.org";
	facts->mail_from = facts->question.mail_from = message->mail_from;
	facts->question.receiver = "mx.example.net";
	ipaddr_from_text(&facts->client_ip, "192.0.2.1");
	facts->question.client_ip = facts->client_ip;
	facts->host = "";
	facts->message_id = message_id;
	facts->has_author =
	    *message->author != '\0' &&
	    dname_from_text(&facts->author, message->author) == 0;
	facts->signature = judged->signature;
	for (; *text != '\0'; text += len + strspn(text + len, ", ")) {
		len = strcspn(text, ",");
		assert_true(facts->signatures < SIGNATURES_MAX);
		signature_set(judged->arena,
		    &judged->signature[facts->signatures++], text, len);
	}
}

/* What is missing leaves everything open. */
static void
check_open(const struct facts *facts)
{
	if (facts->spf.read.missing > 0)
		assert_int_equal(
		    facts->spf_result, 0x7f & ~FACTS_ONE(SPF_TEMPERROR));
	if (facts->policy.read.missing == 0)
		return;
	assert_int_equal(facts->policy_set, 0xf);
	assert_int_equal(facts->published_set, 0xf);
	assert_int_equal(facts->dmarc, FACTS_ONE(DMARC_RESULT_NONE) |
					   FACTS_ONE(DMARC_RESULT_PASS) |
					   FACTS_ONE(DMARC_RESULT_FAIL));
	assert_int_equal(facts->dkim_aligned, TRI_UNKNOWN);
}

/* Everything is found; free judged->arena when done. */
static void
judge(struct judged *judged, struct zone *zone, const struct message *message,
    const struct dmarc_options *options)
{
	struct view_source source = zone_source(zone);
	struct view *view;

	judged->arena = arena_new();
	for (;;) {
		message_set(judged, message, options);
		view = view_open(judged->arena, &source, ZONE_NOW, 0, VIEW_ASK);
		judged->facts.view = view;
		facts_need(&judged->facts, FACTS_DMARC | FACTS_SPF);
		check_open(&judged->facts);
		if (!view_missing(view))
			return;
		assert_true(zone->rounds < 6);
		zone_fetch(zone, view_missing_list(view));
	}
}

static const char *
set_text(struct arena *arena, facts_set set, const char *const words[])
{
	const char *text = "";
	unsigned i;

	for (i = 0; words[i] != NULL; i++) {
		if ((set >> i & 1) != 0)
			text = arena_printf(arena, "%s%s%s", text,
			    *text != '\0' ? "|" : "", words[i]);
	}
	return (text);
}

/* "SPF SPF_ALIGNED DKIM_ALIGNED DMARC POLICY"; "*" is any SPF result. */
static const char *
facts_line(struct arena *arena, const struct facts *facts)
{
	static const char *const spf[] = {"none", "neutral", "pass", "fail",
	    "softfail", "temperror", "permerror", NULL};
	static const char *const dmarc[] = {"none", "pass", "fail", NULL};
	static const char *const policy[] = {
	    "absent", "none", "quarantine", "reject", NULL};

	return (arena_printf(arena, "%s %s %s %s %s",
	    facts->spf_result == (0x7f & ~FACTS_ONE(SPF_TEMPERROR))
		? "*"
		: set_text(arena, facts->spf_result, spf),
	    tri_text(facts->spf_aligned), tri_text(facts->dkim_aligned),
	    set_text(arena, facts->dmarc, dmarc),
	    set_text(arena, facts->policy_set, policy)));
}

#define DMARC(domain)	"_dmarc." domain " TXT v=DMARC1;"
#define SPF_OK(domain)	domain " TXT v=spf1 ip4:192.0.2.1 -all\n"
#define SPF_NOT(domain) domain " TXT v=spf1 -all\n"
#define FAILS(domain)	domain " TXT !FAILED\n"
#define REJECT		DMARC("example.com") "p=reject\n"
#define ALL		(FACTS_SPF | FACTS_DMARC | FACTS_DKIM)
#define ANY		"absent|none|quarantine|reject"

/* clang-format off */
static const struct {
	const char *name;
	const char *zone;
	struct message message;
	const char *want;
	int64_t failing_for;
} cases[] = {
    /* All known */
    {"SPF passes aligned", SPF_OK("example.com") REJECT,
	{"a@example.com", "example.com", ""}, "pass yes no pass reject", 0},
    {"SPF passes, not aligned", SPF_OK("example.org") REJECT,
	{"a@example.org", "example.com", ""}, "pass no no fail reject", 0},
    {"SPF passes, aligned only in relaxed mode",
	SPF_OK("b.example.com") DMARC("example.com") "p=reject;aspf=s",
	{"a@b.example.com", "example.com", ""}, "pass no no fail reject", 0},
    {"adkim is for DKIM", SPF_OK("b.example.com") DMARC("example.com")
	"p=reject;adkim=s",
	{"a@b.example.com", "example.com", "pass b.example.com"},
	"pass yes no pass reject", 0},
    {"SPF fails aligned", SPF_NOT("example.com") REJECT,
	{"a@example.com", "example.com", ""}, "fail no no fail reject", 0},
    {"null reverse-path: the HELO name", SPF_OK("mail.example.org")
	DMARC("example.org") "p=reject",
	{"", "example.org", ""}, "pass yes no pass reject", 0},
    {"DKIM passes aligned", SPF_NOT("example.org") REJECT,
	{"a@example.org", "example.com", "fail example.com, pass "
	"mail.example.com"},
	"fail no yes pass reject", 0},
    {"DKIM passes, not aligned", REJECT,
	{"a@example.org", "example.com", "pass example.org"},
	"none no no fail reject", 0},
    {"DKIM fails aligned", REJECT,
	{"a@example.org", "example.com", "fail example.com"},
	"none no no fail reject", 0},
    {"a signature without a domain", REJECT,
	{"a@example.org", "example.com", "pass a..b"},
	"none no no fail reject", 0},
    {"no policy", SPF_OK("example.com"), {"a@example.com", "example.com", ""},
	"pass yes no none absent", 0},
    {"no author", SPF_OK("example.com"), {"a@example.com", "", "pass a.com"},
	"pass no no none absent", 0},
    {"no author, SPF failed", FAILS("example.com"), {"a@example.com", "", ""},
	"* no no none absent", 60000},

    /* SPF is not known */
    {"it would be aligned", FAILS("example.com") REJECT,
	{"a@example.com", "example.com", ""},
	"* unknown no pass|fail reject", 60000},
    {"it could not align", FAILS("example.org") REJECT,
	{"a@example.org", "example.com", ""}, "* no no fail reject", 60000},
    {"it does not matter", FAILS("example.com") REJECT,
	{"a@example.com", "example.com", "pass example.com"},
	"* unknown yes pass reject", 60000},
    {"no policy anyway", FAILS("example.com"),
	{"a@example.com", "example.com", ""}, "* unknown no none absent",
	60000},

    /* A signature could not be verified */
    {"it would be aligned", FAILS("k._domainkey.example.com") REJECT,
	{"a@example.org", "example.com", "temperror example.com"},
	"none no unknown pass|fail reject", 60000},
    {"it would be aligned, and its key is back", REJECT,
	{"a@example.org", "example.com", "temperror example.com"},
	"none no unknown pass|fail reject", 0},
    {"it could not align", FAILS("k._domainkey.example.org") REJECT,
	{"a@example.org", "example.com", "temperror example.org"},
	"none no no fail reject", 60000},
    {"it does not matter", REJECT,
	{"a@example.org", "example.com", "temperror example.com, pass "
	"example.com"},
	"none no yes pass reject", 0},

    /* The policy is not known */
    {"nothing passes", FAILS("_dmarc.example.com"),
	{"a@example.org", "example.com", "pass example.net"},
	"none no no none|fail " ANY, 60000},
    {"the author domain passes", FAILS("_dmarc.example.com"),
	{"a@example.org", "example.com", "pass example.com"},
	"none no yes none|pass " ANY, 60000},
    {"a subdomain passes", FAILS("_dmarc.example.com"),
	{"a@example.org", "example.com", "pass a.example.com"},
	"none no unknown none|pass|fail " ANY, 60000},
    {"it does not fall through to the parent's",
	FAILS("_dmarc.a.example.com") REJECT,
	{"a@example.org", "a.example.com", ""}, "none no no none|fail " ANY,
	60000},
    {"does the author domain exist?",
	DMARC("example.com") "p=none;sp=quarantine;np=reject\n"
	"_dmarc.a.example.com TXT !NXDOMAIN\n" FAILS("a.example.com"),
	{"a@example.org", "a.example.com", ""},
	"none no no fail quarantine|reject", 60000},
    {"does it, if only what is published depends on it",
	DMARC("example.com") "p=none;sp=quarantine;np=none;t=y\n"
	"_dmarc.a.example.com TXT !NXDOMAIN\n" FAILS("a.example.com"),
	{"a@example.org", "a.example.com", ""},
	"none no no fail none", 60000},
    {"does it, and an aligned pass",
	DMARC("example.com") "p=none;sp=quarantine;np=reject\n"
	"_dmarc.a.example.com TXT !NXDOMAIN\n" FAILS("a.example.com"),
	{"a@example.org", "a.example.com", "pass example.com"},
	"none no yes pass quarantine|reject", 60000},

    /* A name above the record, which nobody's alignment depends on */
    {"all is known", FAILS("_dmarc.com") REJECT,
	{"a@example.org", "example.com", ""}, "none no no fail reject", 0},

    /* An alignment is not known */
    {"the identifier's walk", REJECT FAILS("_dmarc.b.example.com"),
	{"a@example.org", "example.com", "pass b.example.com"},
	"none no unknown pass|fail reject", 60000},
    {"the walk of one that has failed", REJECT FAILS("_dmarc.b.example.com"),
	{"a@example.org", "example.com", "fail b.example.com"},
	"none no no fail reject", 0},
    {"a broken domain of no concern is no escape",
	REJECT FAILS("_dmarc.b.example.org") FAILS("_dmarc.example.org")
	FAILS("example.org"),
	{"a@example.org", "example.com", "pass b.example.org, temperror "
	"example.org"},
	"* no no fail reject", 60000},
};
/* clang-format on */

static void
test_cases(void **state)
{
	struct judged judged;
	struct zone *zone;
	size_t i, cold;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (cold = 0; cold < 2; cold++) {
			zone = zone_open(cases[i].zone, cold);
			judge(&judged, zone, &cases[i].message, &walk);
			if (strcmp(facts_line(judged.arena, &judged.facts),
				cases[i].want) != 0)
				print_error("%s\n", cases[i].name);
			assert_string_equal(
			    facts_line(judged.arena, &judged.facts),
			    cases[i].want);
			/* Brings the keys of signatures in doubt. */
			(void)facts_failing_for(&judged.facts, ALL);
			zone_fetch(zone, view_missing_list(judged.facts.view));
			assert_int_equal(facts_failing_for(&judged.facts, ALL),
			    cases[i].failing_for);
			arena_free(judged.arena);
			zone_close(zone);
		}
	}
}

/* The key of a signature that could not align is nothing to DMARC. */
static void
test_key_of_no_concern(void **state)
{
	static const struct message message = {
	    "a@example.org", "example.com", "temperror example.org"};
	struct zone *zone = zone_open(FAILS("_dmarc.example.com"), 1);
	struct judged judged;

	(void)state;
	judge(&judged, zone, &message, &walk);
	assert_int_equal(facts_failing_for(&judged.facts, FACTS_DMARC), 60000);
	assert_false(view_missing(judged.facts.view));
	(void)facts_failing_for(&judged.facts, FACTS_DKIM);
	assert_true(view_missing(judged.facts.view));
	arena_free(judged.arena);
	zone_close(zone);
}

/*
 * Each message's lookups x each subset of them failing: what is said to be
 * known is so with full information.
 */
/* clang-format off */
static const struct {
	const char *zone;
	struct message message;
} worlds[] = {
    {SPF_OK("example.com") REJECT,
	{"a@example.com", "example.com", "pass example.com"}},
    {SPF_NOT("b.example.com") REJECT,
	{"a@b.example.com", "news.example.com",
	    "pass example.com, fail news.example.com"}},
    {"example.org TXT v=spf1 include:_spf.example.net a -all\n"
     "_spf.example.net TXT v=spf1 ip4:198.51.100.0/24 ?all\n"
     "example.org A 192.0.2.1\n" REJECT,
	{"a@example.org", "example.com", ""}},
    {"mail.example.com TXT v=spf1 redirect=_spf.example.com\n"
     "_spf.example.com TXT v=spf1 ip4:192.0.2.1 -all\n"
     DMARC("example.com") "p=none;sp=quarantine;np=reject;aspf=s\n"
     DMARC("com") "p=reject;psd=y",
	{"a@mail.example.com", "nosuch.example.com", "pass mail.example.com"}},
    {SPF_OK("foo.co.uk") DMARC("co.uk") "p=reject;psd=y\n"
     DMARC("b.foo.co.uk") "p=quarantine;psd=n",
	{"x@foo.co.uk", "a.foo.co.uk", "pass b.foo.co.uk"}},
    {DMARC("a.example.com") "p=reject;t=y\n" DMARC("example.com") "p=none\n"
     DMARC("example.com") "p=reject\n" DMARC("com") "p=none",
	{"x@b.example.com", "a.example.com",
	    "pass b.example.com, pass c.b.example.com, pass other.com"}},
    {SPF_OK("example.com"), {"x@example.com", "example.com", ""}},
    {"mail.example.org A 192.0.2.1\nmail.example.org TXT v=spf1 a -all\n"
     DMARC("example.org") "p=quarantine",
	{"", "example.org", ""}},
};
/* clang-format on */

#define WORLD_LOOKUPS_MAX 12

/* The entries asked for in the full run. */
static unsigned
world_asked(struct zone *zone, struct zone_entry *asked[WORLD_LOOKUPS_MAX])
{
	unsigned n = 0;
	size_t i;

	for (i = 0; i < zone->count; i++) {
		if (!zone->entry[i].asked)
			continue;
		assert_true(n < WORLD_LOOKUPS_MAX);
		asked[n++] = &zone->entry[i];
	}
	return (n);
}

static void
check_within(const struct facts *said, const struct facts *truth)
{
	assert_int_equal(
	    said->spf_result & truth->spf_result, truth->spf_result);
	assert_int_equal(said->dmarc & truth->dmarc, truth->dmarc);
	assert_int_equal(
	    said->policy_set & truth->policy_set, truth->policy_set);
	assert_int_equal(
	    said->published_set & truth->published_set, truth->published_set);
	if (said->spf_aligned != TRI_UNKNOWN)
		assert_int_equal(said->spf_aligned, truth->spf_aligned);
	if (said->dkim_aligned != TRI_UNKNOWN)
		assert_int_equal(said->dkim_aligned, truth->dkim_aligned);
	/* What is reported is the truth, or that it is not known. */
	if (said->dmarc_reported != DMARC_RESULT_TEMPERROR)
		assert_int_equal(said->dmarc_reported, truth->dmarc_reported);
	if (said->spf.result != SPF_TEMPERROR)
		assert_int_equal(said->spf.result, truth->spf.result);
	if (said->dmarc_reported == DMARC_RESULT_TEMPERROR)
		assert_true(facts_failing_for(said, ALL) > 0);
}

static void
test_failures(void **state)
{
	struct zone_entry *asked[WORLD_LOOKUPS_MAX];
	unsigned n, subset, i, total = 0, known = 0;
	struct judged truth, said;
	struct zone *zone;
	size_t w;

	(void)state;
	for (w = 0; w < sizeof(worlds) / sizeof(worlds[0]); w++) {
		zone = zone_open(worlds[w].zone, false);
		judge(&truth, zone, &worlds[w].message, &walk);
		n = world_asked(zone, asked);
		for (subset = 0; subset < 1U << n; subset++) {
			for (i = 0; i < n; i++)
				asked[i]->failing = subset >> i & 1;
			judge(&said, zone, &worlds[w].message, &walk);
			check_within(&said.facts, &truth.facts);
			if (subset == 0)
				assert_string_equal(
				    facts_line(said.arena, &said.facts),
				    facts_line(said.arena, &truth.facts));
			known += said.facts.dmarc == truth.facts.dmarc;
			total++;
			arena_free(said.arena);
		}
		arena_free(truth.arena);
		zone_close(zone);
	}
	print_message(
	    "%u subsets of failing lookups, dmarc known in %u\n", total, known);
	/* Were it always unknown, nothing were tested. */
	assert_true(known > total / 20 && known < total);
}

/* A signature in doubt: the truth is among what its results could give. */
static void
test_doubt(void **state)
{
	static const char *const results[] = {
	    "none", "pass", "fail", "policy", "neutral", "permerror"};
	static const char *const domains[] = {
	    "example.com", "b.example.com", "example.org"};
	static const struct message shape = {
	    .mail_from = "a@example.org", .author = "example.com"};
	struct message message = shape;
	struct judged said, truth;
	struct zone *zone = zone_open(REJECT, false);
	facts_set seen;
	size_t d, r;

	(void)state;
	for (d = 0; d < sizeof(domains) / sizeof(domains[0]); d++) {
		char text[64];

		snprintf(text, sizeof(text), "temperror %s", domains[d]);
		message.dkim = text;
		judge(&said, zone, &message, &walk);
		seen = 0;
		for (r = 0; r < sizeof(results) / sizeof(results[0]); r++) {
			snprintf(text, sizeof(text), "%s %s", results[r],
			    domains[d]);
			judge(&truth, zone, &message, &walk);
			seen |= truth.facts.dmarc;
			arena_free(truth.arena);
		}
		assert_int_equal(said.facts.dmarc, seen);
		arena_free(said.arena);
	}
	zone_close(zone);
}

static void
test_is(void **state)
{
	(void)state;
	assert_int_equal(facts_is(FACTS_ONE(2), 2), TRI_TRUE);
	assert_int_equal(facts_is(FACTS_ONE(2), 1), TRI_FALSE);
	assert_int_equal(facts_is(FACTS_ONE(2) | FACTS_ONE(1), 1), TRI_UNKNOWN);
	assert_int_equal(facts_is(FACTS_ONE(2) | FACTS_ONE(1), 0), TRI_FALSE);
}

static void
test_any_dkim(void **state)
{
	static const struct {
		const char *dkim;
		enum dkim_result result;
		enum tri want;
	} table[] = {
	    {"", DKIM_NONE, TRI_TRUE},
	    {"", DKIM_PASS, TRI_FALSE},
	    {"pass a.com", DKIM_PASS, TRI_TRUE},
	    {"pass a.com", DKIM_NONE, TRI_FALSE},
	    {"fail a.com, pass a.com", DKIM_PASS, TRI_TRUE},
	    {"fail a.com, pass a.com", DKIM_FAIL, TRI_TRUE},
	    {"fail a.com, temperror a.com", DKIM_PASS, TRI_UNKNOWN},
	    {"fail a.com, temperror a.com", DKIM_FAIL, TRI_TRUE},
	    {"fail a.com, temperror a.com", DKIM_TEMPERROR, TRI_TRUE},
	    {"fail a.com", DKIM_TEMPERROR, TRI_FALSE},
	};
	struct judged judged = {.arena = arena_new()};
	struct message message = {"", "", ""};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		message.dkim = table[i].dkim;
		message_set(&judged, &message, &walk);
		assert_int_equal(facts_any_dkim(&judged.facts, table[i].result),
		    table[i].want);
	}
	arena_free(judged.arena);
}

/* What is asked for: nothing twice, nothing before a rule needs it. */
static void
test_lazy(void **state)
{
	static const struct message message = {
	    "a@example.com", "example.com", "fail a.example.com"};
	struct zone *zone = zone_open(SPF_OK("example.com") REJECT, false);
	struct view_source source = zone_source(zone);
	struct judged judged = {.arena = arena_new()};
	struct view *view;

	(void)state;
	message_set(&judged, &message, &walk);
	view = view_open(judged.arena, &source, ZONE_NOW, 0, VIEW_ASK);
	judged.facts.view = view;
	facts_need(&judged.facts, 0);
	assert_int_equal(zone->lookups, 0);
	facts_need(&judged.facts, FACTS_SPF);
	assert_int_equal(zone->lookups, 1);
	assert_int_equal(judged.facts.have, FACTS_SPF);
	facts_need(&judged.facts, FACTS_DMARC);
	/* _dmarc.example.com and _dmarc.com; not a.example.com's walk */
	assert_int_equal(zone->lookups, 3);
	assert_int_equal(judged.facts.have, FACTS_SPF | FACTS_DMARC);
	zone_forget(zone);
	facts_need(&judged.facts, FACTS_DMARC | FACTS_SPF);
	assert_int_equal(zone->lookups, 0);
	arena_free(judged.arena);
	zone_close(zone);
}

/* RFC 7489 6.6.4: reject becomes quarantine for what is not in the sample. */
static void
test_sample(void **state)
{
	static const struct message message = {
	    "a@example.org", "example.com", ""};
	static const struct {
		const char *record;
		const char *policy;
	} table[] = {
	    {DMARC("example.com") "p=reject;pct=0", "quarantine"},
	    {DMARC("example.com") "p=quarantine;pct=0", "none"},
	    {DMARC("example.com") "p=none;pct=0", "none"},
	    {DMARC("example.com") "p=reject;pct=100", "reject"},
	    {REJECT, "reject"},
	};
	struct judged judged;
	struct zone *zone;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		zone = zone_open(table[i].record, false);
		judge(&judged, zone, &message, &psl);
		assert_string_equal(
		    dmarc_policy_text(judged.facts.policy.policy),
		    table[i].policy);
		assert_int_equal(judged.facts.policy_set,
		    FACTS_ONE(judged.facts.policy.policy + 1));
		arena_free(judged.arena);
		zone_close(zone);
	}
}

/* Half of the senders are in the sample, and the same ones every time. */
static void
test_sample_is_stable(void **state)
{
	struct zone *zone =
	    zone_open(DMARC("example.com") "p=reject;pct=50", false);
	struct message message = {"", "example.com", ""};
	struct judged once, again;
	unsigned i, in = 0;
	char sender[32];

	(void)state;
	for (i = 0; i < 100; i++) {
		snprintf(sender, sizeof(sender), "%u@example.org", i);
		message.mail_from = sender;
		judge(&once, zone, &message, &psl);
		judge(&again, zone, &message, &psl);
		assert_int_equal(once.facts.policy_set, again.facts.policy_set);
		in += once.facts.policy.policy == DMARC_POLICY_REJECT;
		arena_free(once.arena);
		arena_free(again.arena);
	}
	assert_in_range(in, 30, 70);
	zone_close(zone);
}

/* In how many of 100 messages of one sender do two samples differ? */
static unsigned
samples_differ(
    const struct dmarc_options *a, const struct dmarc_options *b, bool same_id)
{
	struct zone *zone =
	    zone_open(DMARC("example.com") "p=reject;pct=50", false);
	const struct message message = {"a@example.org", "example.com", ""};
	char id[16], other[16];
	struct judged first, second;
	unsigned i, differ = 0;

	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "<%u@a>", i);
		snprintf(other, sizeof(other), "<%u@%c>", i, "ba"[same_id]);
		message_id = id;
		judge(&first, zone, &message, a);
		message_id = other;
		judge(&second, zone, &message, b);
		differ += first.facts.policy_set != second.facts.policy_set;
		arena_free(first.arena);
		arena_free(second.arena);
	}
	message_id = "";
	zone_close(zone);
	return (differ);
}

/* Every message is drawn for, and only who has the key can foretell it. */
static void
test_sample_inputs(void **state)
{
	static const struct dmarc_options keyed = {
	    .discovery = DMARC_PSL, .pct_key = "secret"};

	(void)state;
	assert_int_equal(samples_differ(&psl, &psl, true), 0);
	assert_int_equal(samples_differ(&keyed, &keyed, true), 0);
	assert_in_range(samples_differ(&psl, &psl, false), 30, 70);
	assert_in_range(samples_differ(&psl, &keyed, true), 30, 70);
}

/* What the record asks for is known without what t= leaves of it. */
static void
test_published(void **state)
{
	static const struct message message = {
	    "a@example.org", "example.com", ""};
	struct zone *zone =
	    zone_open(DMARC("example.com") "p=reject;t=y", false);
	struct judged judged;

	(void)state;
	judge(&judged, zone, &message, &walk);
	assert_int_equal(
	    judged.facts.policy_set, FACTS_ONE(FACTS_POLICY_QUARANTINE));
	assert_int_equal(
	    judged.facts.published_set, FACTS_ONE(FACTS_POLICY_REJECT));
	arena_free(judged.arena);
	zone_close(zone);
}

/* SPF that did not pass is aligned with nothing: its walk is spared. */
static void
test_spf_walk_is_spared(void **state)
{
	static const struct message message = {
	    "a@b.example.com", "example.com", ""};
	struct zone *zone = zone_open(SPF_NOT("b.example.com") REJECT, false);
	struct judged judged;

	(void)state;
	judge(&judged, zone, &message, &walk);
	/* The record of SPF, and the author's walk */
	assert_int_equal(zone->lookups, 3);
	arena_free(judged.arena);
	zone_close(zone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is),
	    cmocka_unit_test(test_any_dkim),
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_key_of_no_concern),
	    cmocka_unit_test(test_lazy),
	    cmocka_unit_test(test_failures),
	    cmocka_unit_test(test_doubt),
	    cmocka_unit_test(test_sample),
	    cmocka_unit_test(test_sample_is_stable),
	    cmocka_unit_test(test_sample_inputs),
	    cmocka_unit_test(test_published),
	    cmocka_unit_test(test_spf_walk_is_spared),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
