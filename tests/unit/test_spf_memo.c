/* SPDX-License-Identifier: ISC */
/*
 * Answers that are remembered: whoever gets one must get what a check of his
 * own would have given him, and none rests on what may change sooner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../spf_run.h"
#include "spf_memo.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* --- What the daemon's cache does with conclusions ------------------------ */

#define MEMOS_MAX 16

static struct memo {
	uint8_t key[4096], value[4096];
	size_t keylen, len;
} memos[MEMOS_MAX];
static size_t memo_count;
static struct zone *zone;

static const struct rrset *
source_get(void *arg, const struct dname *name, uint16_t type)
{
	(void)arg;
	return (zone_get(zone, name, type));
}

static struct memo *
memo_find(const void *key, size_t keylen)
{
	size_t i;

	for (i = 0; i < memo_count; i++)
		if (memos[i].keylen == keylen &&
		    memcmp(memos[i].key, key, keylen) == 0)
			return (&memos[i]);
	return (NULL);
}

static const uint8_t *
source_recall(void *arg, const void *key, size_t keylen, size_t *len)
{
	const struct memo *memo = memo_find(key, keylen);

	(void)arg;
	if (memo == NULL)
		return (NULL);
	*len = memo->len;
	return (memo->value);
}

static void
source_remember(void *arg, const void *key, size_t keylen, const void *value,
    size_t len, int64_t expires)
{
	struct memo *memo = memo_find(key, keylen);

	(void)arg;
	assert_true(expires > ZONE_NOW);
	assert_true(keylen <= sizeof(memo->key) && len <= sizeof(memo->value));
	if (memo == NULL) {
		assert_true(memo_count < MEMOS_MAX);
		memo = &memos[memo_count++];
	}
	memcpy(memo->key, key, keylen);
	memo->keylen = keylen;
	memcpy(memo->value, value, len);
	memo->len = len;
}

static const struct view_source source = {
    source_get, NULL, source_recall, source_remember};

/* --- Questions ------------------------------------------------------------ */

struct asker {
	const char *from, *helo, *ip, *receiver; /* NULL: the usual */
	enum spf_identity identity;
};

static struct spf_question
question_of(const struct asker *asker)
{
	struct spf_question question = {.helo = "mail.d.example",
	    .mail_from = "bob@d.example",
	    .identity = SPF_MAILFROM,
	    .receiver = "mx.example"};

	if (asker->from != NULL)
		question.mail_from = asker->from;
	if (asker->helo != NULL)
		question.helo = asker->helo;
	if (asker->receiver != NULL)
		question.receiver = asker->receiver;
	if (asker->identity == SPF_HELO)
		question.identity = SPF_HELO;
	ipaddr_from_text(
	    &question.client_ip, asker->ip == NULL ? "192.0.2.1" : asker->ip);
	return (question);
}

/* Asks at `when`; was the answer remembered? */
static bool
ask(struct arena *arena, const struct asker *asker, int64_t when,
    struct spf_answer *answer)
{
	const struct spf_question question = question_of(asker);
	struct view *view = view_open(arena, &source, when, 3600000, VIEW_ASK);
	struct view_scope scope;

	zone_forget(zone);
	view_enter(view, &scope);
	spf_recall(view, &question, answer);
	view_leave(view);
	assert_false(view_missing(view));
	/* Whoever stands around it learns what it rests on. */
	assert_int_equal(scope.asked, answer->read.asked);
	assert_int_equal(scope.expires, answer->read.expires);
	assert_int_equal(scope.dnssec, answer->read.dnssec);
	view_close(view);
	return (zone->lookups == 0);
}

static void
check_same(struct arena *arena, const char *name, const struct asker *asker,
    const struct spf_answer *answer)
{
	const struct spf_question question = question_of(asker);
	struct view *view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
	struct spf_answer own;

	spf_check(view, &question, &own);
	view_close(view);
	if (own.result != answer->result || own.identity != answer->identity ||
	    !spf_text_equal(own.domain, answer->domain) ||
	    !spf_text_equal(own.mechanism, answer->mechanism) ||
	    !spf_text_equal(own.problem, answer->problem) ||
	    !spf_text_equal(own.explanation, answer->explanation) ||
	    own.read_local != answer->read_local ||
	    own.read_helo != answer->read_helo ||
	    own.read.asked != answer->read.asked ||
	    own.read.expires != answer->read.expires ||
	    own.read.dnssec != answer->read.dnssec)
		fail_msg("%s: not what a check would have given: %s %s %s",
		    name, spf_result_text(answer->result), answer->mechanism,
		    answer->explanation);
}

/* --- Who shares with whom ------------------------------------------------- */

#define D "d.example TXT v=spf1 "
/* Two records at least: else a check costs no more than remembering it. */
#define PLAIN D "mx -all\nd.example MX 0 m.example\nm.example A 192.0.2.1"
#define LOCAL D "exists:%{l}.u.example -all\nbob.u.example A 127.0.0.2"
#define HELO                                                                   \
	D "exists:%{h}.u.example -all\nmail.d.example.u.example A 127.0.0.2"
#define EXP    D "a:x.example -all exp=e.d.example\ne.d.example TXT "
#define UMLAUT "j\xc3\xbcrgen@d.example"

static const struct {
	const char *name;
	const char *zone;
	struct asker first, second;
	bool shared;
} table[] = {
    /* clang-format off */
    {"the same", PLAIN, {0}, {0}, true},
    {"another local-part", PLAIN, {0}, {.from = "x@d.example"}, true},
    {"a source route", PLAIN, {0}, {.from = "@r.example:x@d.example"}, true},
    {"another HELO", PLAIN, {0}, {.helo = "x"}, true},
    {"another client", PLAIN, {0}, {.ip = "192.0.2.2"}, false},
    {"a mapped client", PLAIN, {0}, {.ip = "::ffff:192.0.2.1"}, true},
    {"another domain", PLAIN, {0}, {.from = "bob@e.example"}, false},
    {"a domain in the local-part", PLAIN, {0},
	{.from = "\"bob@d.example\"@e.example"}, false},
    {"HELO of that name", PLAIN, {0},
	{.helo = "d.example", .identity = SPF_HELO}, false},
    {"null reverse-path", PLAIN, {.from = ""}, {.from = "", .helo = "x.org"},
	false},
    {"null reverse-path, the same HELO", "mail." PLAIN "\n"
	"mail.d.example MX 0 m.example", {.from = ""}, {.from = ""}, true},

    {"the local-part is read", LOCAL, {0}, {0}, true},
    {"... and is another", LOCAL, {0}, {.from = "x@d.example"}, false},
    {"... of another case", LOCAL, {0}, {.from = "Bob@d.example"}, false},
    {"... and not ASCII", LOCAL, {0}, {.from = UMLAUT}, false},
    {"... and only the HELO differs", LOCAL, {0}, {.helo = "x"}, true},
    {"not ASCII first", LOCAL, {.from = UMLAUT}, {0}, false},
    {"the HELO name is read", HELO, {0}, {0}, true},
    {"... and is another", HELO, {0}, {.helo = "x"}, false},
    {"... and only the local-part differs", HELO, {0},
	{.from = "x@d.example"}, true},
    {"read only for the explanation", EXP "%{l}", {0},
	{.from = "x@d.example"}, false},
    {"the explanation names the receiver", EXP "%{r}", {0},
	{.receiver = "mx2.example"}, false},
    {"the explanation tells the time", EXP "%{t}", {0}, {0}, false},
    {"the explanation names the client", EXP "%{c}", {0},
	{.ip = "192.0.2.2"}, false},
    {"a permanent error", D "a:x.example moo", {0}, {0}, false},
    {"a failure", D "a:x.example -all\nx.example A !FAILED", {0}, {0}, false},
    {"the explanation's failure", EXP "!FAILED", {0}, {0}, false},
    {"one record", D "ip4:192.0.2.1", {0}, {0}, false},
    /* clang-format on */
};

static void
test_sharing(void **state)
{
	struct spf_answer answer;
	struct arena *arena;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(table); i++) {
		arena = arena_new();
		zone = zone_open(table[i].zone, false);
		memo_count = 0;
		assert_false(ask(arena, &table[i].first, ZONE_NOW, &answer));
		if (ask(arena, &table[i].second, ZONE_NOW, &answer) !=
		    table[i].shared)
			fail_msg("%s: shared or not", table[i].name);
		check_same(arena, table[i].name, &table[i].second, &answer);
		zone_close(zone);
		arena_free(arena);
	}
}

/* --- For how long --------------------------------------------------------- */

static void
set_expiry(const char *text, uint16_t type, int64_t expires)
{
	struct dname name;

	assert_int_equal(dname_from_text(&name, text), 0);
	zone_find(zone, &name, type)->set->expires = expires;
}

static void
test_life(void **state)
{
	static const struct asker asker = {0};
	struct arena *arena = arena_new();
	struct spf_answer answer;

	(void)state;
	zone = zone_open(PLAIN, false);
	/* The earliest of the records it rests on. */
	set_expiry("m.example", RR_A, ZONE_NOW + 100000);
	memo_count = 0;
	assert_false(ask(arena, &asker, ZONE_NOW, &answer));
	assert_int_equal(answer.read.expires, ZONE_NOW + 100000);
	assert_true(ask(arena, &asker, ZONE_NOW + 89999, &answer));
	assert_int_equal(answer.read.expires, ZONE_NOW + 100000);
	/* In the last tenth the records are read, to be renewed in time. */
	assert_false(ask(arena, &asker, ZONE_NOW + 90000, &answer));
	zone_close(zone);
	arena_free(arena);
}

/* --- For dumps ------------------------------------------------------------- */

/* Of another length it is none of ours: it is cut, or of another layout. */
static void
check_damaged(struct arena *arena, const struct memo *whole)
{
	struct spf_memo memo;
	uint8_t *key, *value;
	size_t len;

	for (len = 0; len <= whole->keylen + 1; len++) {
		key = malloc(len + 1);
		memcpy(key, whole->key, len);
		assert_int_equal(spf_memo_read(&memo, arena, key, len,
				     whole->value, whole->len),
		    len == whole->keylen);
		free(key);
	}
	for (len = 0; len <= whole->len + 1; len++) {
		value = malloc(len + 1);
		memcpy(value, whole->value, len);
		assert_int_equal(spf_memo_read(&memo, arena, whole->key,
				     whole->keylen, value, len),
		    len == whole->len);
		free(value);
	}
}

/* What stands in a memo's key and value is read back as it was asked. */
static void
test_read(void **state)
{
	static const struct {
		const char *zone, *helo, *mail_from;
	} cases[] = {
	    {PLAIN, NULL, NULL},
	    {LOCAL, NULL, "bob@d.example"},
	    {HELO, "mail.d.example", NULL},
	};
	static const struct asker asker = {0};
	struct arena *arena = arena_new();
	struct spf_answer answer;
	struct spf_memo memo;
	const struct memo *last;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(cases); i++) {
		zone = zone_open(cases[i].zone, false);
		memo_count = 0;
		assert_false(ask(arena, &asker, ZONE_NOW, &answer));
		/* The one that only points to it is stored before it. */
		last = &memos[memo_count - 1];
		assert_true(spf_memo_read(&memo, arena, last->key, last->keylen,
		    last->value, last->len));
		assert_string_equal(memo.asked, "d.example");
		assert_true(spf_text_equal(memo.helo, cases[i].helo));
		assert_true(spf_text_equal(memo.mail_from, cases[i].mail_from));
		assert_int_equal(memo.made, ZONE_NOW);
		assert_int_equal(memo.answer.result, answer.result);
		check_damaged(arena, last);
		zone_close(zone);
	}
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sharing),
	    cmocka_unit_test(test_life),
	    cmocka_unit_test(test_read),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
