/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "view.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Times in seconds from here, in the tables. */
#define NOW	  INT64_C(1000000000)
#define AT(s)	  (NOW + (int64_t)(s)*1000)
#define STALE_MAX 3600000

/* The one set that the source has, for any name but "other". */
static const struct rrset *stored;

static const struct rrset *
source_get(void *arg, const struct dname *name, uint16_t type)
{
	(void)arg;
	(void)type;
	return (memcmp(name->wire, "\005other", 6) == 0 ? NULL : stored);
}

static const struct view_source source = {.get = source_get};

static struct dname
name_of(const char *text)
{
	struct dname name;

	assert_int_equal(dname_from_text(&name, text), 0);
	return (name);
}

/* clang-format off */
/* Data of `life` seconds that ends at `e`. */
#define DATA(life, e) \
	.state = RR_PRESENT, .dnssec = DNSSEC_SECURE, .ttl = (life), \
	.fetched = AT((e) - (life)), .expires = AT(e)
/* The last attempt failed at `at`, the first at `since`. */
#define FAILURE(since, at, retry) \
	.failure = RR_FAILURE_SERVFAIL, .failures = 2, \
	.failed_since = AT(since), .failed_at = AT(at), .retry_at = AT(retry)
#define FAILED .state = RR_FAILED, .dnssec = DNSSEC_INDETERMINATE

enum seen { MISSING, FRESH, STALE, FAILING, TIMED_OUT };

static const struct {
	const char *what;
	struct rrset set;
	enum seen ask, final;	 /* in VIEW_ASK, in VIEW_FINAL */
	int64_t stale;		 /* seconds, in both if it serves */
	int64_t failed_since;	 /* seconds, if it fails */
	bool renew;		 /* in both */
	int64_t lost_since;	 /* seconds, if not as failed_since */
} cases[] = {
    {"young", {DATA(300, 250)}, FRESH, FRESH, 0, 0, false, 0},
    {"nine tenths old", {DATA(300, 30)}, FRESH, FRESH, 0, 0, false, 0},
    {"in the last tenth", {DATA(300, 29)}, FRESH, FRESH, 0, 0, true, 0},
    {"in the last tenth, and renewal has failed",
	{DATA(300, 29), FAILURE(-5, -1, 10)}, FRESH, FRESH, 0, 0, false, 0},
    {"in the last tenth, renewal failed long ago",
	{DATA(300, 29), FAILURE(-5, -2, -1)}, FRESH, FRESH, 0, 0, true, 0},
    {"of TTL 0, just received", {DATA(0, 0)}, FRESH, FRESH, 0, 0, false, 0},
    {"of TTL 0, received later", {DATA(0, 3)}, FRESH, FRESH, 0, 0, false, 0},
    {"of TTL 0, of before", {DATA(0, -1)}, MISSING, STALE, 1, 0, false, 0},
    {"expired", {DATA(300, -100)}, MISSING, STALE, 100, 0, true, 0},
    {"expired, renewal has failed", {DATA(300, -100), FAILURE(-90, -5, 5)},
	STALE, STALE, 100, 0, false, 0},
    {"expired, renewal failed while waiting",
	{DATA(300, -100), FAILURE(-90, 2, 3)}, STALE, STALE, 100, 0, false, 0},
    {"expired, renewal failed at this moment",
	{DATA(300, -100), FAILURE(-90, 0, 0)}, STALE, STALE, 100, 0, true, 0},
    {"expired, renewal failed and is due again",
	{DATA(300, -100), FAILURE(-90, -50, 0)}, MISSING, STALE, 100, 0, true, 0},
    {"as stale as it may be", {DATA(300, -3600), FAILURE(-90, -5, 5)},
	STALE, STALE, 3600, 0, false, 0},
    {"too stale", {DATA(300, -3601), FAILURE(-3000, -5, 5)},
	FAILING, FAILING, 0, -3000, false, -1},
    {"too stale, due again", {DATA(300, -3601), FAILURE(-3000, -50, -1)},
	MISSING, TIMED_OUT, 0, -3000, false, -1},
    {"too stale before it failed", {DATA(300, -9000), FAILURE(-3000, -5, 5)},
	FAILING, FAILING, 0, -3000, false, 0},
    {"too stale, never failed", {DATA(300, -3601)},
	MISSING, TIMED_OUT, 0, 0, false, 0},
    {"failed", {FAILED, FAILURE(-3000, -5, 5)},
	FAILING, FAILING, 0, -3000, false, 0},
    {"failed while waiting", {FAILED, FAILURE(1, 1, 2)},
	FAILING, FAILING, 0, 0, false, 0},
    {"failed once more while waiting", {FAILED, FAILURE(-9, 1, 2)},
	FAILING, FAILING, 0, -10, false, 0},
    {"failed, due again", {FAILED, FAILURE(-3000, -5, -1)},
	MISSING, TIMED_OUT, 0, -3000, false, 0},
    {"failed, older data served", {FAILED, FAILURE(-3000, -5, 5),
	.expires = AT(-100)}, FAILING, FAILING, 0, -3000, false, -100},
    {"failed, older data served, due again", {FAILED,
	FAILURE(-3000, -5, -1), .expires = AT(-100)},
	MISSING, TIMED_OUT, 0, -3000, false, -100},
    {"failed, older data served before", {FAILED, FAILURE(-3000, -5, 5),
	.expires = AT(-3100)}, FAILING, FAILING, 0, -3000, false, 0},
    {"failed while waiting, older data served", {FAILED, FAILURE(-99, 9, 10),
	.expires = AT(4)}, FAILING, FAILING, 0, -108, false, -5},
};
/* clang-format on */

/* What came after the request counts as if it had come with it. */
static int64_t
late(int64_t came)
{
	return (came > NOW ? came - NOW : 0);
}

static void
check_scope(const struct view_scope *scope, enum seen seen, size_t i)
{
	assert_int_equal(scope->asked, 1);
	assert_int_equal(scope->missing, seen == MISSING);
	assert_int_equal(scope->failed, seen == FAILING || seen == TIMED_OUT);
	assert_int_equal(
	    scope->stale, seen == STALE ? cases[i].stale * 1000 : 0);
	if (scope->failed > 0) {
		assert_int_equal(
		    scope->failed_since, AT(cases[i].failed_since));
		assert_int_equal(scope->lost_since,
		    AT(cases[i].lost_since != 0 ? cases[i].lost_since
						: cases[i].failed_since));
	} else {
		assert_int_equal(scope->failed_since, 0);
		assert_int_equal(scope->lost_since, 0);
	}
	if (seen == FAILING || seen == TIMED_OUT)
		assert_int_equal(scope->dnssec, DNSSEC_INDETERMINATE);
	else
		assert_int_equal(scope->dnssec, DNSSEC_SECURE);
	if (seen == MISSING)
		assert_true(scope->expires == INT64_MAX);
	if (seen == FRESH || seen == STALE)
		assert_int_equal(scope->expires,
		    cases[i].set.expires - late(cases[i].set.fetched));
	if (seen == FAILING)
		assert_int_equal(scope->expires,
		    cases[i].set.retry_at - late(cases[i].set.failed_at));
}

static void
check_set(const struct rrset *set, enum seen seen, size_t i)
{
	switch (seen) {
	case MISSING:
		assert_null(set);
		return;
	case FRESH:
	case STALE:
		assert_ptr_equal(set, stored);
		return;
	case FAILING:
		assert_int_equal(set->state, RR_FAILED);
		assert_int_equal(set->failure, RR_FAILURE_SERVFAIL);
		assert_int_equal(set->retry_at, cases[i].set.retry_at);
		assert_int_equal(set->len, 0);
		return;
	case TIMED_OUT:
		assert_int_equal(set->state, RR_FAILED);
		assert_int_equal(set->failure, RR_FAILURE_TIMEOUT);
		return;
	}
}

static void
check_case(size_t i, enum view_mode mode, enum seen seen)
{
	const struct dname name = name_of("example.com");
	struct arena *arena = arena_new();
	struct view *view = view_open(arena, &source, NOW, STALE_MAX, mode);
	struct view_scope scope;

	stored = &cases[i].set;
	view_enter(view, &scope);
	check_set(view_get(view, &name, RR_TXT), seen, i);
	view_leave(view);
	check_scope(&scope, seen, i);
	assert_int_equal(view_missing(view), seen == MISSING);
	assert_int_equal(
	    view_renew_list(view) != NULL, seen != MISSING && cases[i].renew);
	assert_int_equal(view_want(view, &name, RR_TXT), seen != MISSING);
	view_close(view);
	arena_free(arena);
}

static void
test_ask(void **state)
{
	const size_t i = *(size_t *)*state;

	check_case(i, VIEW_ASK, cases[i].ask);
}

static void
test_final(void **state)
{
	const size_t i = *(size_t *)*state;

	check_case(i, VIEW_FINAL, cases[i].final);
}

/* Nothing stored at all. */
static void
test_nothing(void **state)
{
	const struct dname name = name_of("example.com");
	struct arena *arena = arena_new();
	struct view *view;
	const struct rrset *set;

	(void)state;
	stored = NULL;
	view = view_open(arena, &source, NOW, STALE_MAX, VIEW_ASK);
	assert_int_equal(view_asof(view), NOW);
	assert_ptr_equal(view_arena(view), arena);
	assert_false(view_missing(view));
	assert_null(view_get(view, &name, RR_TXT));
	assert_true(view_missing(view));
	assert_null(view_read_list(view));
	view_close(view);
	view = view_open(arena, &source, NOW, STALE_MAX, VIEW_FINAL);
	set = view_get(view, &name, RR_TXT);
	assert_int_equal(set->state, RR_FAILED);
	assert_int_equal(set->failure, RR_FAILURE_TIMEOUT);
	assert_int_equal(set->failed_since, NOW);
	assert_true(view_want(view, &name, RR_TXT));
	assert_false(view_missing(view));
	view_close(view);
	arena_free(arena);
}

static unsigned
list_length(const struct view_name *list)
{
	unsigned n = 0;

	for (; list != NULL; list = list->next)
		n++;
	return (n);
}

/* Each name and type once, however often it was asked for. */
static void
test_lists(void **state)
{
	const struct dname a = name_of("a.example"), b = name_of("b.example");
	const struct rrset near_end = {DATA(300, 5)};
	struct arena *arena = arena_new();
	struct view *view = view_open(arena, &source, NOW, STALE_MAX, VIEW_ASK);
	const struct view_read *read;
	unsigned reads = 0;

	(void)state;
	stored = NULL;
	view_get(view, &a, RR_TXT);
	view_get(view, &a, RR_TXT);
	view_want(view, &a, RR_TXT);
	view_want(view, &a, RR_A);
	view_get(view, &b, RR_TXT);
	assert_int_equal(list_length(view_missing_list(view)), 3);
	stored = &near_end;
	view_get(view, &a, RR_TXT);
	view_get(view, &a, RR_TXT);
	view_get(view, &b, RR_TXT);
	assert_int_equal(list_length(view_renew_list(view)), 2);
	for (read = view_read_list(view); read != NULL; read = read->next) {
		assert_ptr_equal(read->set, &near_end);
		reads++;
	}
	assert_int_equal(reads, 2);
	view_close(view);
	arena_free(arena);
}

/* What an inner scope has read, the outer one has; not the other way. */
static void
test_scopes(void **state)
{
	const struct rrset secure = {DATA(300, 200)};
	const struct rrset stale = {.state = RR_NODATA,
	    .dnssec = DNSSEC_INSECURE,
	    .ttl = 300,
	    .fetched = AT(-310),
	    .expires = AT(-10),
	    FAILURE(-7, -5, 5)};
	const struct rrset bogus = {
	    .state = RR_FAILED, .dnssec = DNSSEC_BOGUS, FAILURE(-20, -5, 9)};
	const struct dname name = name_of("example.com");
	const struct dname other = name_of("other.example");
	struct arena *arena = arena_new();
	struct view *view = view_open(arena, &source, NOW, STALE_MAX, VIEW_ASK);
	struct view_scope outer, first, second, third;

	(void)state;
	view_enter(view, &outer);
	stored = &secure;
	view_get(view, &name, RR_TXT);
	view_enter(view, &first);
	assert_int_equal(first.asked, 0);
	assert_int_equal(first.dnssec, DNSSEC_SECURE);
	stored = &stale;
	view_get(view, &name, RR_MX);
	view_leave(view);
	view_enter(view, &second);
	view_enter(view, &third);
	stored = &bogus;
	view_get(view, &name, RR_A);
	view_leave(view);
	view_get(view, &other, RR_A);
	view_want(view, &other, RR_AAAA);
	view_leave(view);
	view_leave(view);

	assert_int_equal(first.asked, 1);
	assert_int_equal(first.dnssec, DNSSEC_INSECURE);
	assert_int_equal(first.stale, 10000);
	assert_int_equal(first.expires, AT(-10));
	assert_int_equal(first.failed, 0);
	assert_int_equal(third.asked, 1);
	assert_int_equal(third.missing, 0);
	assert_int_equal(third.failed, 1);
	assert_int_equal(third.failed_since, AT(-20));
	assert_int_equal(third.expires, AT(9));
	assert_int_equal(second.asked, 2);
	assert_int_equal(second.missing, 2);
	assert_int_equal(second.dnssec, DNSSEC_BOGUS);
	assert_int_equal(second.stale, 0);
	assert_int_equal(outer.asked, 4);
	assert_int_equal(outer.missing, 2);
	assert_int_equal(outer.failed, 1);
	assert_int_equal(outer.dnssec, DNSSEC_BOGUS);
	assert_int_equal(outer.stale, 10000);
	assert_int_equal(outer.expires, AT(-10));
	assert_int_equal(outer.failed_since, AT(-20));
	assert_int_equal(outer.lost_since, AT(-20));
	view_close(view);
	arena_free(arena);
}

static char memo[8];

static const uint8_t *
memo_recall(void *arg, const void *key, size_t keylen, size_t *len)
{
	(void)arg;
	assert_int_equal(keylen, 1);
	assert_memory_equal(key, "k", 1);
	*len = strlen(memo);
	return (*len == 0 ? NULL : (const uint8_t *)memo);
}

static void
memo_remember(void *arg, const void *key, size_t keylen, const void *value,
    size_t len, int64_t expires)
{
	(void)arg;
	assert_int_equal(keylen, 1);
	assert_memory_equal(key, "k", 1);
	assert_int_equal(expires, AT(9));
	memcpy(memo, value, len);
}

static void
test_memos(void **state)
{
	const struct view_source with_memos = {
	    source_get, NULL, memo_recall, memo_remember};
	const struct view_scope read = {
	    .asked = 2, .dnssec = DNSSEC_INSECURE, .expires = AT(9)};
	struct arena *arena = arena_new();
	struct view *view = view_open(arena, &source, NOW, STALE_MAX, VIEW_ASK);
	struct view_scope scope;
	size_t len;

	(void)state;
	/* A source without memos: nothing is kept, nothing found. */
	view_remember(view, "k", 1, "v", 1, AT(9));
	assert_null(view_recall(view, "k", 1, &len));
	view_close(view);
	view = view_open(arena, &with_memos, NOW, STALE_MAX, VIEW_ASK);
	assert_null(view_recall(view, "k", 1, &len));
	view_remember(view, "k", 1, "v", 1, AT(9));
	assert_memory_equal(view_recall(view, "k", 1, &len), "v", 1);
	assert_int_equal(len, 1);
	/* What the memo rests on counts as read. */
	view_enter(view, &scope);
	view_account(view, &read);
	view_leave(view);
	assert_int_equal(scope.asked, 2);
	assert_int_equal(scope.dnssec, DNSSEC_INSECURE);
	assert_int_equal(scope.expires, AT(9));
	view_forget(view);
	assert_null(view_recall(view, "k", 1, &len));
	view_close(view);
	arena_free(arena);
}

/* A failure says nothing of the data that it hides. */
static void
test_failure_hides_data(void **state)
{
	struct rrset set = {DATA(300, -3601), FAILURE(-100, -5, 5)};
	const struct dname name = name_of("example.com");
	struct arena *arena = arena_new();
	struct view *view = view_open(arena, &source, NOW, STALE_MAX, VIEW_ASK);
	const struct rrset *seen;

	(void)state;
	stored = &set;
	set.count = 1;
	set.len = 5;
	set.rdata = (uint8_t[]){0, 3, 2, 'h', 'i'};
	seen = view_get(view, &name, RR_TXT);
	assert_int_equal(seen->state, RR_FAILED);
	assert_int_equal(seen->dnssec, DNSSEC_INDETERMINATE);
	assert_int_equal(seen->count, 0);
	assert_null(seen->rdata);
	set.failure = RR_FAILURE_BOGUS;
	seen = view_get(view, &name, RR_TXT);
	assert_int_equal(seen->dnssec, DNSSEC_BOGUS);
	view_close(view);
	arena_free(arena);
}

/* Two tests for each line of the table, so that a failure names its line. */
int
main(void)
{
	static const struct CMUnitTest others[] = {
	    cmocka_unit_test(test_nothing),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_scopes),
	    cmocka_unit_test(test_memos),
	    cmocka_unit_test(test_failure_hides_data),
	};
	static struct CMUnitTest tests[2 * COUNT(cases) + COUNT(others)];
	static size_t index[COUNT(cases)];
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		index[i] = i;
		tests[2 * i] = (struct CMUnitTest){
		    cases[i].what, test_ask, NULL, NULL, &index[i]};
		tests[2 * i + 1] = (struct CMUnitTest){
		    cases[i].what, test_final, NULL, NULL, &index[i]};
	}
	memcpy(&tests[2 * i], others, sizeof(others));
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
