/* SPDX-License-Identifier: ISC */
/*
 * Every subset of the lookups that a message needs, failing: no failure may
 * lead to a verdict other than the one that full information gives, but for
 * the configured fallback, which says so. With older data at hand for what
 * fails, the verdict is the one of full information.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../zone.h"
#include "arena.h"
#include "facts.h"
#include "preset_rules.h"
#include "rules.h"

#define SIGNATURES_MAX 3
#define LOOKUPS_MAX    11 /* of one message: 2048 subsets */
#define PRESETS_MAX    8
#define STALE_MAX      3600000

#define DMARC(domain, rest) "_dmarc." domain " TXT v=DMARC1; " rest "\n"
#define KEY(domain)	    "k._domainkey." domain " TXT v=DKIM1; p=\n"

/* Sent by 192.0.2.1. `dkim`: "RESULT DOMAIN" of each signature, commas. */
static const struct message {
	const char *name, *mail_from, *author, *dkim, *zone;
} messages[] = {
    {"direct", "a@example.com", "example.com", "pass example.com",
	"example.com TXT v=spf1 ip4:192.0.2.1 -all\n" DMARC(
	    "example.com", "p=reject") KEY("example.com")},
    {"forwarded, signature whole", "a@example.com", "example.com",
	"pass example.com",
	"example.com TXT v=spf1 ip4:198.51.100.1 -all\n" DMARC(
	    "example.com", "p=reject") KEY("example.com")},
    {"forwarded, signature broken", "a@example.com", "example.com",
	"fail example.com",
	"example.com TXT v=spf1 ip4:198.51.100.1 -all\n" DMARC(
	    "example.com", "p=quarantine") KEY("example.com")},
    {"forged", "x@example.net", "example.com", "",
	"example.net TXT v=spf1 ip4:192.0.2.1 -all\n" DMARC(
	    "example.com", "p=reject") DMARC("example.net", "p=none")},
    {"forged, signed by the forger", "x@example.net", "example.com",
	"pass example.net",
	"example.net TXT v=spf1 ip4:192.0.2.1 -all\n" DMARC("example.com",
	    "p=reject") DMARC("example.net", "p=reject") KEY("example.net")},
    {"SPF of many lookups", "a@example.com", "example.com", "",
	"example.com TXT v=spf1 a mx include:spf.example.org -all\n"
	"example.com A 192.0.2.9\n"
	"example.com MX 10 mx.example.com\n"
	"mx.example.com A 192.0.2.10\n"
	"spf.example.org TXT v=spf1 a:out.example.org -all\n"
	"out.example.org A 192.0.2.1\n" DMARC("example.com", "p=reject")},
    {"SPF of many lookups, none fits", "a@example.com", "example.com", "",
	"example.com TXT v=spf1 a mx include:spf.example.org -all\n"
	"example.com A 192.0.2.9\n"
	"example.com MX 10 mx.example.com\n"
	"mx.example.com A 192.0.2.10\n"
	"spf.example.org TXT v=spf1 a:out.example.org -all\n"
	"out.example.org A 192.0.2.2\n" DMARC("example.com", "p=reject")},
    {"relaxed alignment", "b@bounce.example.com", "news.example.com",
	"pass lists.example.com",
	"bounce.example.com TXT v=spf1 ip4:192.0.2.1 -all\n" DMARC(
	    "example.com", "p=reject; sp=quarantine") KEY("lists.example.com")},
    {"strict alignment", "b@bounce.example.com", "example.com",
	"pass lists.example.com",
	"bounce.example.com TXT v=spf1 ip4:192.0.2.1 -all\n" DMARC(
	    "example.com", "p=reject; adkim=s; aspf=s")
	    KEY("lists.example.com")},
    {"an author domain that does not exist", "x@example.net", "no.example.com",
	"",
	"example.net TXT v=spf1 ip4:192.0.2.1 -all\n" DMARC(
	    "example.com", "p=none; sp=quarantine; np=reject")},
    {"a record between author and organization", "x@example.net",
	"a.b.example.com", "pass b.example.com",
	"example.net TXT v=spf1 ip4:192.0.2.1 -all\n" DMARC(
	    "example.com", "p=reject") DMARC("b.example.com", "p=none; psd=n")
	    KEY("b.example.com")},
    {"a public suffix with a policy", "x@bank.example.net", "bank.example",
	"fail bank.example",
	"bank.example.net TXT v=spf1 redirect=spf.example.net\n"
	"spf.example.net TXT v=spf1 ip4:192.0.2.1 -all\n" DMARC(
	    "example", "p=reject; psd=y") KEY("bank.example")},
    {"no policy, SPF fail", "a@example.com", "example.com", "",
	"example.com TXT v=spf1 ip4:198.51.100.1 -all\n"},
    {"p=none", "a@example.com", "example.com", "fail example.com",
	"example.com TXT v=spf1 ip4:198.51.100.1 ~all\n" DMARC(
	    "example.com", "p=none") KEY("example.com")},
    {"two signatures, one good", "", "example.com",
	"fail example.com, pass mail.example.com",
	"mail.example.org TXT v=spf1 -all\n" DMARC("example.com", "p=reject")
	    KEY("example.com") KEY("mail.example.com")},
    {"several records, testing", "a@example.org", "example.com",
	"pass example.org",
	"example.org TXT v=spf1 exists:%{ir}.list.example.org -all\n"
	"1.2.0.192.list.example.org A 127.0.0.2\n" DMARC(
	    "example.com", "p=reject; t=y") DMARC("example.org", "p=none")
	    DMARC("example.org", "p=reject") KEY("example.org")},
};

#define MESSAGES (sizeof(messages) / sizeof(messages[0]))

/* ---- the source ------------------------------------------------------- */

struct world {
	struct zone *zone;
	size_t lookup[LOOKUPS_MAX]; /* indices of entries that were asked */
	size_t lookups;
	bool stale; /* what fails has older data */
	struct rrset old[LOOKUPS_MAX];
};

/* As it was received long ago; to renew it has failed. */
static const struct rrset *
stale_make(struct rrset *room, const struct rrset *set)
{
	*room = *set;
	room->expires = ZONE_NOW - 60000;
	room->fetched = room->expires - 300000;
	room->failure = RR_FAILURE_SERVFAIL;
	room->failures = 1;
	room->failed_since = room->failed_at = ZONE_BEGAN;
	room->retry_at = ZONE_NOW + 30000;
	return (room);
}

static const struct rrset *
world_get(void *arg, const struct dname *name, uint16_t type)
{
	struct world *world = arg;
	const struct rrset *set = zone_get(world->zone, name, type);
	size_t i;

	for (i = 0; i < world->lookups; i++) {
		struct zone_entry *entry =
		    &world->zone->entry[world->lookup[i]];

		if (world->stale && entry->failing && entry->type == type &&
		    dname_equal(&entry->name, name))
			return (stale_make(&world->old[i], entry->set));
	}
	return (set);
}

/* Notes what has been asked for by now. True if that is more than before. */
static bool
lookups_grow(struct world *world)
{
	const size_t before = world->lookups;
	size_t i, j;

	for (i = 0; i < world->zone->count; i++) {
		if (!world->zone->entry[i].asked)
			continue;
		for (j = 0; j < world->lookups; j++)
			if (world->lookup[j] == i)
				break;
		if (j < world->lookups)
			continue;
		assert_true(world->lookups < LOOKUPS_MAX);
		world->lookup[world->lookups++] = i;
	}
	return (world->lookups > before);
}

static void
subset_fail(struct world *world, unsigned subset)
{
	size_t i;

	for (i = 0; i < world->lookups; i++)
		world->zone->entry[world->lookup[i]].failing =
		    (subset >> i & 1) != 0;
}

/* ---- the message ------------------------------------------------------ */

/* The verifier asks for the key; without it, it cannot tell. */
static bool
key_at_hand(struct view *view, const char *domain)
{
	char text[DNAME_TEXT_MAX];
	struct dname name;
	const struct rrset *set;

	snprintf(text, sizeof(text), "k._domainkey.%s", domain);
	assert_int_equal(dname_from_text(&name, text), 0);
	set = view_get(view, &name, RR_TXT);
	assert_non_null(set);
	return (set->state != RR_FAILED);
}

static void
signature_set(struct facts *facts, struct arena *arena, const char *text)
{
	struct facts_signature *sig = &facts->signature[facts->signatures++];
	const size_t word = strcspn(text, " ");
	unsigned value;

	assert_true(facts->signatures <= SIGNATURES_MAX);
	memset(sig, 0, sizeof(*sig));
	sig->d = arena_strndup(
	    arena, text + word + 1, strcspn(text + word + 1, ","));
	sig->s = "k";
	sig->a = sig->b = "";
	sig->has_domain = dname_from_text(&sig->domain, sig->d) == 0;
	assert_int_equal(dkim_result_from_text(
			     arena_strndup(arena, text, word), &sig->reported),
	    0);
	sig->result = FACTS_ONE(sig->reported);
	if (key_at_hand(facts->view, sig->d))
		return;
	sig->reported = DKIM_TEMPERROR;
	for (sig->result = 0, value = DKIM_NONE; value <= DKIM_PERMERROR;
	     value++)
		if (value != DKIM_TEMPERROR)
			sig->result |= FACTS_ONE(value);
}

static void
message_set(struct facts *facts, const struct message *message,
    const struct dmarc_options *options)
{
	struct arena *arena = view_arena(facts->view);
	const char *text = message->dkim;

	facts->options = options;
	facts->helo = facts->question.helo = "mail.example.org";
	facts->mail_from = facts->question.mail_from = message->mail_from;
	facts->question.receiver = "mx.example.net";
	facts->host = facts->message_id = "";
	ipaddr_from_text(&facts->client_ip, "192.0.2.1");
	facts->question.client_ip = facts->client_ip;
	facts->has_author =
	    dname_from_text(&facts->author, message->author) == 0;
	while (*text != '\0') {
		signature_set(facts, arena, text);
		text += strcspn(text, ",");
		text += strspn(text, ", ");
	}
}

/* The decision's texts are of the rules, and outlive this. */
static struct rules_decision
judge(struct world *world, const struct message *message,
    const struct dmarc_options *options, const struct rules *rules,
    int64_t *stale)
{
	const struct view_source source = {.get = world_get, .arg = world};
	struct facts_signature signature[SIGNATURES_MAX];
	struct facts facts = {.signature = signature};
	struct arena *arena = arena_new();
	struct rules_decision decision;
	struct view_scope scope;

	facts.view = view_open(arena, &source, ZONE_NOW, STALE_MAX, VIEW_ASK);
	view_enter(facts.view, &scope);
	message_set(&facts, message, options);
	rules_decide(rules, &facts, arena, &decision);
	assert_false(view_missing(facts.view));
	view_leave(facts.view);
	view_close(facts.view);
	arena_free(arena);
	*stale = scope.stale;
	return (decision);
}

/* ---- the matrix ------------------------------------------------------- */

struct matrix {
	struct rules *rules[PRESETS_MAX];
	enum rules_action undecided;
	unsigned presets;
	unsigned cells, undecided_cells, stale_cells;
};

static void
presets_open(struct matrix *matrix, enum rules_action undecided)
{
	struct rules_settings settings;
	const char *problem;

	matrix->undecided = undecided;
	for (matrix->presets = 0; preset_name(matrix->presets) != NULL;
	     matrix->presets++) {
		assert_true(matrix->presets < PRESETS_MAX);
		settings = rules_settings_default;
		settings.undecided = undecided;
		matrix->rules[matrix->presets] = rules_new();
		problem = preset_add(matrix->rules[matrix->presets],
		    preset_name(matrix->presets), &settings);
		if (problem != NULL)
			fail_msg("%s", problem);
	}
}

static void
presets_close(struct matrix *matrix)
{
	while (matrix->presets > 0)
		rules_free(matrix->rules[--matrix->presets]);
}

/* Which lookups fail, for those who have to find out why. */
static const char *
subset_text(const struct world *world)
{
	static char text[LOOKUPS_MAX * (DNAME_TEXT_MAX + 8)];
	char name[DNAME_TEXT_MAX];
	size_t i, used = 0;

	text[0] = '\0';
	for (i = 0; i < world->lookups; i++) {
		const struct zone_entry *entry =
		    &world->zone->entry[world->lookup[i]];

		if (entry->failing)
			used += (size_t)sprintf(text + used, " %s/%s",
			    dname_text(&entry->name, name),
			    rr_type_text(entry->type));
	}
	return (text);
}

static void
cell_check(struct matrix *matrix, struct world *world,
    const struct message *message, const struct rules_decision *full,
    const struct rules_decision *got, const char *preset)
{
	bool good;

	if (got->decided)
		good = got->action == full->action;
	else
		good = got->action == matrix->undecided &&
		       strcmp(got->rule, "undecided") == 0 &&
		       (got->possible & 1U << full->action) != 0;
	if (world->stale)
		good =
		    good && got->decided && strcmp(got->rule, full->rule) == 0;
	if (!good)
		fail_msg("%s, preset %s, %s%s: %s by %s, not %s by %s",
		    message->name, preset,
		    world->stale ? "stale:" : "failing:", subset_text(world),
		    rules_action_text(got->action), got->rule,
		    rules_action_text(full->action), full->rule);
	matrix->cells++;
	matrix->undecided_cells += !got->decided;
}

/* All subsets of what was asked so far. */
static void
subsets_check(struct matrix *matrix, struct world *world,
    const struct message *message, const struct dmarc_options *options,
    unsigned preset, const struct rules_decision *full)
{
	const unsigned end = 1U << world->lookups;
	struct rules_decision got;
	unsigned subset;
	int64_t stale;

	for (subset = 0; subset < end; subset++) {
		subset_fail(world, subset);
		world->stale = false;
		got = judge(
		    world, message, options, matrix->rules[preset], &stale);
		cell_check(
		    matrix, world, message, full, &got, preset_name(preset));
		world->stale = true;
		got = judge(
		    world, message, options, matrix->rules[preset], &stale);
		cell_check(
		    matrix, world, message, full, &got, preset_name(preset));
		matrix->stale_cells += stale > 0;
	}
	subset_fail(world, 0);
	world->stale = false;
}

/* A failure may lead to further lookups: until there are no new ones. */
static void
message_check(struct matrix *matrix, const struct message *message,
    const struct dmarc_options *options, unsigned preset)
{
	struct world world = {.zone = zone_open(message->zone, false)};
	struct rules_decision full;
	int64_t stale;

	full = judge(&world, message, options, matrix->rules[preset], &stale);
	assert_true(full.decided);
	while (lookups_grow(&world))
		subsets_check(matrix, &world, message, options, preset, &full);
	assert_true(world.lookups > 0);
	zone_close(world.zone);
}

static void
matrix_check(const struct dmarc_options *options, enum rules_action undecided)
{
	struct matrix matrix = {.cells = 0};
	unsigned preset;
	size_t i;

	presets_open(&matrix, undecided);
	for (preset = 0; preset < matrix.presets; preset++)
		for (i = 0; i < MESSAGES; i++)
			message_check(&matrix, &messages[i], options, preset);
	print_message("# %zu messages x %u presets x subsets of failing "
		      "lookups, undecided = %s, %s: %u cells; undecided in %u, "
		      "stale data used in %u\n",
	    MESSAGES, matrix.presets, rules_action_text(undecided),
	    options->discovery == DMARC_PSL ? "psl" : "tree-walk", matrix.cells,
	    matrix.undecided_cells, matrix.stale_cells);
	/* A matrix in which nothing happens shows nothing. */
	assert_true(matrix.undecided_cells > 0);
	assert_true(matrix.stale_cells > 0);
	presets_close(&matrix);
}

static const struct dmarc_options walk = {.discovery = DMARC_TREE_WALK};
static const struct dmarc_options psl = {.discovery = DMARC_PSL};

static void
test_defer(void **state)
{
	(void)state;
	matrix_check(&walk, RULES_DEFER);
}

static void
test_accept(void **state)
{
	(void)state;
	matrix_check(&psl, RULES_ACCEPT);
}

static void
test_quarantine(void **state)
{
	(void)state;
	matrix_check(&walk, RULES_QUARANTINE);
}

static void
test_reject(void **state)
{
	(void)state;
	matrix_check(&psl, RULES_REJECT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defer),
	    cmocka_unit_test(test_accept),
	    cmocka_unit_test(test_quarantine),
	    cmocka_unit_test(test_reject),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
