/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "authres.h"
#include "facts_given.h"
#include "rules.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct given given;
static struct facts *const facts = &given.facts;
static struct rules_decision decision;
static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new();
	facts_given(&given);
	decision = (struct rules_decision){
	    .action = RULES_ACCEPT, .decided = true, .rule = "default"};
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return (0);
}

/*
 * RFC 8601 2.2, as far as a reader must be able to split the line: quotes and
 * comments are closed, and nothing is in it that a header cannot hold.
 */
static void
check_form(const char *text)
{
	bool quoted = false;
	int depth = 0;

	for (; *text != '\0'; text++) {
		assert_in_range((unsigned char)*text, ' ', '~');
		if (quoted && *text == '\\')
			assert_in_range((unsigned char)*++text, ' ', '~');
		else if (*text == '"')
			quoted = !quoted;
		else if (!quoted && *text == '(')
			depth++;
		else if (!quoted && *text == ')')
			assert_true(depth-- > 0);
	}
	assert_false(quoted);
	assert_int_equal(depth, 0);
}

static const char *
text_of(void)
{
	const char *text = authres_text(arena, facts, &decision);

	check_form(text);
	return (text);
}

static void
test_whole(void **state)
{
	(void)state;
	assert_string_equal(text_of(),
	    "spf=pass (insecure) smtp.mailfrom=bounce@lists.example.org; "
	    "dkim=pass header.d=example.com header.s=k1 "
	    "header.a=rsa-sha256; "
	    "dmarc=pass (secure; accept by default) "
	    "header.from=news.example.com policy.dmarc=reject");
}

static void
test_parts(void **state)
{
	(void)state;
	/* What no rule has asked for is not there. */
	facts->have = FACTS_SPF;
	assert_null(strstr(text_of(), "dmarc="));
	facts->have = 0;
	assert_null(strstr(text_of(), "spf="));
	assert_non_null(strstr(text_of(), "dkim=pass"));
	facts->signatures = 0;
	assert_string_equal(text_of(), "dkim=none");
	/* No policy: no policy.dmarc. */
	facts->have = FACTS_DMARC;
	facts->policy.status = DMARC_NONE;
	facts->dmarc_reported = DMARC_RESULT_NONE;
	assert_non_null(strstr(text_of(), "dmarc=none"));
	assert_null(strstr(text_of(), "policy.dmarc"));
	facts->has_author = false;
	assert_null(strstr(text_of(), "header.from"));
	/* Out of a mailbox: no client, no SPF. */
	facts->have = (unsigned)FACTS_SPF | (unsigned)FACTS_DMARC;
	facts->client_ip.octets = 0;
	assert_null(strstr(text_of(), "spf="));
}

static void
test_signatures(void **state)
{
	(void)state;
	facts->signatures = 2;
	given.signature[1] =
	    (struct facts_signature){.reported = DKIM_TEMPERROR,
		.d = "b.example",
		.s = "",
		.a = "",
		.b = "dzdVyOfA"};
	assert_non_null(strstr(text_of(),
	    "dkim=pass header.d=example.com header.s=k1 header.a=rsa-sha256; "
	    "dkim=temperror header.d=b.example header.b=dzdVyOfA; "));
}

static void
test_helo(void **state)
{
	(void)state;
	facts->spf.identity = SPF_HELO;
	facts->mail_from = "";
	assert_non_null(strstr(text_of(), "smtp.helo=mail.example.org;"));
	facts->helo = "";
	assert_non_null(strstr(text_of(), "smtp.helo=\"\";"));
}

/* Senders choose these octets. */
static void
test_values(void **state)
{
	static const struct {
		const char *mail_from, *shown;
	} cases[] = {
	    {"a@b.example", "a@b.example"},
	    {"a.b+c@b.example", "a.b+c@b.example"},
	    {"", "\"\""},
	    {"@b.example", "\"@b.example\""},
	    {"a@", "\"a@\""},
	    {".a@b.example", "\".a@b.example\""},
	    {"a.@b.example", "\"a.@b.example\""},
	    {"a@b@c", "\"a@b@c\""},
	    {"a..b@c.example", "\"a..b@c.example\""},
	    {"a@b..example", "\"a@b..example\""},
	    {"a@b.example.", "\"a@b.example.\""},
	    {"a@.b.example", "\"a@.b.example\""},
	    {"a@b!c.example", "\"a@b!c.example\""},
	    {"a@b_c.example", "a@b_c.example"},
	    {"a b@c", "\"a b@c\""},
	    {"a;dkim=pass@c", "\"a;dkim=pass@c\""},
	    {"a(b@c", "\"a(b@c\""},
	    {"a\"b@c", "\"a\\\"b@c\""},
	    {"a\\b@c", "\"a\\\\b@c\""},
	    {"\"a\"@c", "\"\\\"a\\\"@c\""},
	    {"a\r\nX: y@c", "\"a??X: y@c\""},
	    {"\303\244@c", "\"??@c\""},
	    {"a\t@c", "\"a?@c\""},
	    {"\177@c", "\"?@c\""},
	};
	char want[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		facts->mail_from = cases[i].mail_from;
		snprintf(
		    want, sizeof(want), " smtp.mailfrom=%s;", cases[i].shown);
		if (strstr(text_of(), want) == NULL)
			fail_msg("not %s: %s", want, text_of());
	}
}

static void
test_signature_values(void **state)
{
	struct facts_signature *sig = &given.signature[0];

	(void)state;
	sig->d = "a b";
	sig->s = "x;y";
	sig->a = "rsa\"";
	sig->b = "ab/c=";
	assert_non_null(strstr(text_of(),
	    "header.d=\"a b\" header.s=\"x;y\" header.a=\"rsa\\\"\" "
	    "header.b=\"ab/c=\""));
	/* A signature that could not be read names no domain. */
	sig->d = sig->s = sig->a = sig->b = "";
	assert_non_null(strstr(text_of(), "; dkim=pass; "));
}

/* The reply has to fit into a message whatever the sender says. */
static void
test_long_value(void **state)
{
	char address[20000];

	(void)state;
	memset(address, '"', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	facts->mail_from = address;
	assert_in_range(strlen(text_of()), 1000, 2000);
	memset(address, 'a', sizeof(address) - 1);
	assert_in_range(strlen(text_of()), 500, 1000);
}

/* A rule may be called what its author likes. */
static void
test_rule_name(void **state)
{
	(void)state;
	decision.action = RULES_REJECT;
	decision.rule = "sp) (x\\ a;b";
	assert_non_null(strstr(text_of(), "(secure; reject by sp? ?x? a;b)"));
}

static void
test_results(void **state)
{
	static const struct {
		enum spf_result spf;
		enum dmarc_result dmarc;
		const char *one, *two;
	} cases[] = {
	    {SPF_NONE, DMARC_RESULT_NONE, "spf=none ", "dmarc=none "},
	    {SPF_NEUTRAL, DMARC_RESULT_PASS, "spf=neutral ", "dmarc=pass "},
	    {SPF_FAIL, DMARC_RESULT_FAIL, "spf=fail ", "dmarc=fail "},
	    {SPF_SOFTFAIL, DMARC_RESULT_TEMPERROR, "spf=softfail ",
		"dmarc=temperror "},
	    {SPF_TEMPERROR, DMARC_RESULT_PERMERROR, "spf=temperror ",
		"dmarc=permerror "},
	    {SPF_PERMERROR, DMARC_RESULT_PASS, "spf=permerror ", "dmarc=pass "},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		facts->spf.result = cases[i].spf;
		facts->dmarc_reported = cases[i].dmarc;
		assert_non_null(strstr(text_of(), cases[i].one));
		assert_non_null(strstr(text_of(), cases[i].two));
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_whole),
	    TEST(test_parts),
	    TEST(test_signatures),
	    TEST(test_helo),
	    TEST(test_values),
	    TEST(test_signature_values),
	    TEST(test_long_value),
	    TEST(test_rule_name),
	    TEST(test_results),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
