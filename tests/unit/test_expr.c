/* SPDX-License-Identifier: ISC */
/*
 * The language of conditions: what each test means, what each mistake is told,
 * and that no result is definite against what DNS could still say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arena.h"
#include "expr.h"
#include "facts_given.h"
#include "listfile.h"

#define F TRI_FALSE
#define U TRI_UNKNOWN
#define T TRI_TRUE

static struct arena *arena;
static struct listfile_pool *pool;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new();
	pool = listfile_pool_new();
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	listfile_pool_free(pool);
	arena_free(arena);
	return (0);
}

static struct expr *
compile(const char *text)
{
	struct expr_error error;
	struct expr *expr = expr_compile(arena, pool, text, &error);

	if (expr == NULL)
		fail_msg(
		    "%s\n%*s^ %s", text, (int)error.offset, "", error.message);
	return (expr);
}

/* The value, and that an explanation walks the same way. */
static enum tri
value(const char *text, struct given *given)
{
	return (expr_eval(compile(text), &given->facts));
}

struct line {
	const char *text;
	enum tri expect;
};

static void
check_lines(const struct line *line, size_t lines, struct given *given)
{
	for (; lines > 0; lines--, line++)
		if (value(line->text, given) != line->expect)
			fail_msg(
			    "%s: not %s", line->text, tri_text(line->expect));
}

#define CHECK(table, given)                                                    \
	check_lines(table, sizeof(table) / sizeof((table)[0]), given)

/* ---- meaning ---------------------------------------------------------- */

static void
test_everything_known(void **state)
{
	static const struct line table[] = {
	    /* choices */
	    {"spf is pass", T},
	    {"spf is fail", F},
	    {"spf is not fail", T},
	    {"spf is temperror", F},
	    {"spf is unknown", F},
	    {"spf in {pass, neutral}", T},
	    {"spf in pass", T},
	    {"spf not in {pass, neutral}", F},
	    {"spf in {fail, softfail}", F},
	    {"dmarc is pass", T},
	    {"policy is reject and published is reject", T},
	    {"policy is absent", F},
	    {"policy is none", F},
	    /* yes or no */
	    {"dkim_aligned", T},
	    {"spf_aligned", F},
	    {"spf_aligned is no", T},
	    {"dkim_aligned is not yes", F},
	    {"t", F},
	    {"has_from", T},
	    /* signatures */
	    {"dkim is pass", T},
	    {"dkim is fail", F},
	    {"dkim is none", F},
	    {"dkim_domain in {example.com}", T},
	    {"dkim_domain in com", T},
	    {"dkim_domain is com", F},
	    {"dkim_domain is example.com", T},
	    {"dkim_domain in {example.org, xample.com, ample.com}", F},
	    /* addresses */
	    {"client_ip in 192.0.2.0/24", T},
	    {"client_ip in {10.0.0.0/8, 192.0.2.1}", T},
	    {"client_ip in {10.0.0.0/8, 192.0.2.0/32}", F},
	    {"client_ip in 0.0.0.0/0", T},
	    {"client_ip in ::/0", F},
	    {"client_ip in ::ffff:192.0.2.1", T},
	    {"client_ip is 192.0.2.1", T},
	    {"client_ip is 192.0.2.2", F},
	    {"client_ip not in 198.51.100.0/24", T},
	    /* names */
	    {"from in example.com", T},
	    {"from in Example.COM.", T},
	    {"from is example.com", F},
	    {"from is news.example.com", T},
	    {"from in {ws.example.com, www.news.example.com}", F},
	    {"org_domain is example.com", T},
	    {"policy_domain is example.com", T},
	    {"spf_domain in example.org", T},
	    {"mail_from_domain is lists.example.org", T},
	    {"helo in {example.net, example.org}", T},
	    /* text */
	    {"mail_from is bounce@lists.example.org", T},
	    {"mail_from is 'Bounce@Lists.Example.org'", T},
	    {"mail_from is ''", F},
	    {"mail_from in {'', bounce@lists.example.org}", T},
	    {"host is mx1.example.net", T},
	    {"host in {mx2.example.net, mx3.example.net}", F},
	    /* DNS */
	    {"spf_dnssec is insecure", T},
	    {"dmarc_dnssec is secure", T},
	    {"dmarc_dnssec in {insecure, bogus}", F},
	    {"stale > 0", F},
	    {"stale <= 0", T},
	    {"stale < 1h", T},
	    {"stale >= 4h 30m", F},
	    /* words between */
	    {"true", T},
	    {"false", F},
	    {"not false", T},
	    {"not not false", F},
	    {"true or false and false", T},
	    {"(true or false) and false", F},
	    {"not false and false", F},
	    {"not (false and false)", T},
	    {"not spf is fail", T},
	    {"spf is fail or spf is pass", T},
	    {" ( ( spf is pass ) ) ", T},
	    {"spf\nis\n\tpass\r\n", T},
	};
	struct given given;

	(void)state;
	facts_given(&given);
	CHECK(table, &given);
}

static void
test_nothing_known(void **state)
{
	static const struct line table[] = {
	    {"spf is pass", U},
	    {"spf is not pass", U},
	    {"spf is temperror", T},
	    {"spf is not temperror", F},
	    {"spf is unknown", T},
	    {"spf in {temperror, pass}", T},
	    {"spf in {pass, fail}", U},
	    {"dmarc is pass", U},
	    {"dmarc is temperror", T},
	    {"policy is reject", U},
	    {"policy is absent", U},
	    {"policy is unknown", T},
	    {"dkim_aligned", U},
	    {"dkim_aligned is unknown", T},
	    {"dkim is pass", U},
	    {"dkim is temperror", T},
	    {"dkim is none", F},
	    {"dkim_domain in example.com", U},
	    {"dkim_domain in example.org", F},
	    {"t", U},
	    {"policy_domain in com", U},
	    {"org_domain is example.com", U},
	    {"spf_dnssec is secure", U},
	    {"spf_dnssec is bogus", F},
	    {"dmarc_dnssec is bogus", T},
	    /* What needs no DNS stays as it is. */
	    {"from is news.example.com", T},
	    {"spf_domain is lists.example.org", T},
	    {"client_ip in 192.0.2.0/24", T},
	    /* Kleene */
	    {"spf is pass and false", F},
	    {"spf is pass and true", U},
	    {"spf is pass or true", T},
	    {"spf is pass or false", U},
	    {"not (spf is pass or dmarc is pass)", U},
	    /* Sound, not complete: the two tests are not seen as one. */
	    {"spf is pass or spf is not pass", U},
	};
	struct given given;
	struct facts *f = &given.facts;

	(void)state;
	facts_given(&given);
	f->spf.result = SPF_TEMPERROR;
	f->spf_result = open_full(OPEN_SPF);
	f->spf.read.failed = 1;
	f->spf.read.dnssec = DNSSEC_INDETERMINATE;
	f->policy.status = DMARC_TEMPERROR;
	f->policy.org_known = TRI_UNKNOWN;
	f->policy.read.failed = 1;
	f->policy.read.dnssec = DNSSEC_BOGUS;
	f->dmarc = open_full(OPEN_DMARC);
	f->dmarc_reported = DMARC_RESULT_TEMPERROR;
	f->policy_set = f->published_set = open_full(OPEN_POLICY);
	f->dkim_aligned = f->spf_aligned = TRI_UNKNOWN;
	given.signature[0].reported = DKIM_TEMPERROR;
	given.signature[0].result = FACTS_ONE(DKIM_PASS) | FACTS_ONE(DKIM_FAIL);
	CHECK(table, &given);
}

/* Sets in between: some values are excluded although the one is unknown. */
static void
test_partly_known(void **state)
{
	static const struct line table[] = {
	    {"policy is reject", U},
	    {"policy is absent", F},
	    {"policy in {reject, quarantine}", T},
	    {"policy not in {absent, none}", T},
	    {"policy in {reject, none}", U},
	};
	struct given given;

	(void)state;
	facts_given(&given);
	given.facts.policy_set =
	    FACTS_ONE(FACTS_POLICY_REJECT) | FACTS_ONE(FACTS_POLICY_QUARANTINE);
	CHECK(table, &given);
}

static void
test_nothing_given(void **state)
{
	static const struct line table[] = {
	    {"client_ip in 0.0.0.0/0", F},
	    {"client_ip in ::/0", F},
	    {"from in com", F},
	    {"has_from", F},
	    {"org_domain in com", F},
	    {"policy_domain in com", F},
	    {"t", F},
	    {"helo in com", F},
	    {"mail_from is ''", T},
	    {"mail_from_domain in com", F},
	    {"spf_domain in com", F},
	    {"dkim is pass", F},
	    {"dkim is none", T},
	    {"dkim in {none, fail}", T},
	    {"dkim_domain in com", F},
	    {"host is ''", T},
	    {"spf_dnssec is secure", F},
	    {"spf_dnssec is indeterminate", T},
	};
	struct given given;
	struct facts *f = &given.facts;

	(void)state;
	facts_given(&given);
	f->client_ip.octets = 0;
	f->has_author = false;
	f->helo = f->mail_from = f->host = f->spf.domain = "";
	f->signatures = 0;
	f->spf.read.asked = 0;
	f->spf.read.dnssec = DNSSEC_SECURE;
	CHECK(table, &given);
}

/* The oldest of all that was used, an identifier's walk included. */
static void
test_stale(void **state)
{
	static const struct line table[] = {
	    {"stale > 5h", F},
	    {"stale >= 5h", T},
	    {"stale <= 5h", T},
	    {"stale < 5h", F},
	};
	const int64_t hour = (int64_t)3600 * 1000;
	struct given given;
	struct view_scope *const scopes[] = {&given.facts.spf.read,
	    &given.facts.policy.read, &given.facts.alignment};
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		facts_given(&given);
		scopes[i]->stale = 5 * hour;
		scopes[(i + 1) % 3]->stale = hour;
		CHECK(table, &given);
	}
}

static void
test_signatures(void **state)
{
	static const struct line table[] = {
	    {"dkim is pass", T},
	    {"dkim is none", F}, /* not all are */
	    {"dkim in {none, fail}", F},
	    {"dkim_domain in example.com", T},
	};
	static const struct line nameless[] = {
	    {"dkim is pass", T}, {"dkim_domain in example.com", T},
	    {"dkim_domain in example.net", F}, /* d= was no name */
	};
	struct given given;
	struct facts_signature *sig = &given.signature[1];

	(void)state;
	facts_given(&given);
	given.facts.signatures = 2;
	*sig = given.signature[0];
	assert_int_equal(dname_from_text(&sig->domain, "example.net"), 0);
	sig->has_domain = false;
	CHECK(nameless, &given);
	sig->reported = DKIM_NONE;
	sig->result = FACTS_ONE(DKIM_NONE);
	CHECK(table, &given);
}

/* RFC 7489: the organization is known from a list, whatever DNS does. */
static void
test_org_known(void **state)
{
	static const struct line table[] = {
	    {"org_domain is example.com", T},
	    {"org_domain in example.org", F},
	    {"policy_domain is example.com", U},
	};
	struct given given;

	(void)state;
	facts_given(&given);
	given.facts.policy.status = DMARC_TEMPERROR;
	CHECK(table, &given);
}

/* An author domain without a policy. */
static void
test_no_policy(void **state)
{
	static const struct line table[] = {
	    {"policy_domain in com", F},
	    {"policy_domain not in com", T},
	    {"t", F},
	    {"org_domain is example.com", T},
	};
	struct given given;

	(void)state;
	facts_given(&given);
	given.facts.policy.status = DMARC_NONE;
	CHECK(table, &given);
}

/* RFC 5321 4.1.2: the local part may be quoted, and hold an "@". */
static void
test_quoted_local_part(void **state)
{
	static const struct line table[] = {
	    {"mail_from_domain is example.org", T},
	    {"mail_from_domain in example.com", F},
	    {"mail_from is '\"a@example.com\"@EXAMPLE.org'", T},
	};
	struct given given;

	(void)state;
	facts_given(&given);
	given.facts.mail_from = "\"a@example.com\"@example.org";
	CHECK(table, &given);
}

/* RFC 6531: MAIL FROM may bring U-labels; the lists hold A-labels. */
static void
test_ulabels(void **state)
{
	static const struct line table[] = {
	    {"mail_from_domain in xn--bcher-kva.example", T},
	    {"mail_from_domain is lists.xn--bcher-kva.example", T},
	    {"helo is xn--bcher-kva.example", T},
	};
	struct given given;

	(void)state;
	facts_given(&given);
	given.facts.mail_from = "x@Lists.B\xc3\x9c"
				"cher.example";
	given.facts.helo = "b\xc3\xbc"
			   "cher.example";
	CHECK(table, &given);
}

/* Of any sender: results are known, who sends is not. */
static void
test_hypothetical(void **state)
{
	static const struct line table[] = {
	    {"client_ip in 192.0.2.0/24", U},
	    {"from in example.com", U},
	    {"from not in example.com", U},
	    {"helo in com", U},
	    {"host is 'mx1'", U},
	    {"mail_from is ''", U},
	    {"mail_from_domain in com", U},
	    {"org_domain in com", U},
	    {"policy_domain in com", U},
	    {"spf_domain in com", U},
	    {"dkim_domain in com", U},
	    {"spf_dnssec is secure", U},
	    {"dmarc_dnssec is bogus", U},
	    {"stale > 1h", U},
	    {"dns_failing_for > 1h", U},
	    {"spf is pass", T},
	    {"dmarc is fail", F},
	    {"policy is reject", T},
	    {"dkim is pass", T},
	    {"dkim_aligned", T},
	    {"has_from", T},
	    {"t", F},
	    {"from in com and dmarc is fail", F},
	    {"from in com or dmarc is pass", T},
	};
	struct given given;

	(void)state;
	facts_given(&given);
	given.facts.hypothetical = true;
	CHECK(table, &given);
}

/* One that passed is enough; that there is none is said of all. */
static void
test_two_signatures(void **state)
{
	static const struct line table[] = {
	    {"dkim is pass", T},
	    {"dkim is fail", T},
	    {"dkim is not pass", F},
	    {"dkim is none", F},
	    {"dkim in {permerror, neutral}", F},
	    {"dkim_domain in example.com", T},
	    {"dkim_domain in example.org", F},
	};
	struct given given;

	(void)state;
	facts_given(&given);
	given.facts.signatures = 2;
	given.signature[1] = given.signature[0];
	given.signature[1].reported = DKIM_FAIL;
	given.signature[1].result = FACTS_ONE(DKIM_FAIL);
	(void)dname_from_text(&given.signature[1].domain, "example.org");
	CHECK(table, &given);
}

/* ---- mistakes --------------------------------------------------------- */

static void
test_mistakes(void **state)
{
	static const struct {
		const char *text;
		size_t offset, width;
		const char *says;
	} table[] = {
	    {"", 0, 1, "name of an input is missing"},
	    {"helo is 'a\nb'", 8, 2, "does not end"},
	    {"dmrc is fail", 0, 4, "did you mean \"dmarc\""},
	    {"dkim_algined", 0, 12, "did you mean \"dkim_aligned\""},
	    {"colour is red", 0, 6, "no input \"colour\""},
	    {"dmarc is fial", 9, 4, "did you mean \"fail\""},
	    {"dmarc is red", 9, 3, "none, pass, fail, temperror or permerror"},
	    {"policy is temperror", 10, 9, "absent, none, quarantine or"},
	    {"spf", 3, 1, "spf is not yes or no"},
	    {"spf and t", 4, 3, "spf is not yes or no"},
	    {"spf is fail or softfail", 15, 8, "spf in {..., softfail}"},
	    {"spf pass", 4, 4, "spf is not yes or no"},
	    {"from example.com", 5, 11, "\"is\" or \"in\""},
	    {"spf is", 6, 1, "value is missing"},
	    {"spf is not", 10, 1, "value is missing"},
	    {"spf not pass", 8, 4, "comes \"in\""},
	    {"spf in {pass", 12, 1, "\",\" or \"}\" is missing"},
	    {"spf in {pass fail}", 13, 4, "\",\" or \"}\" is missing"},
	    {"spf in {}", 8, 1, "value is missing"},
	    {"spf > pass", 4, 1, "has no order"},
	    {"stale is 4h", 9, 2, "length of time"},
	    {"stale in 4h", 9, 2, "length of time"},
	    {"stale", 5, 1, "< <= > or >="},
	    {"stale > soon", 8, 4, "4h 30m"},
	    {"stale > 4h 30", 8, 5, "4h 30m"},
	    {"stale >", 7, 1, "length of time is missing"},
	    {"(t", 2, 1, "\")\" is missing"},
	    {"t)", 1, 1, "\"and\" or \"or\" is missing"},
	    {"t t", 2, 1, "\"and\" or \"or\" is missing"},
	    {"t and", 5, 1, "name of an input is missing"},
	    {"and t", 0, 3, "no input \"and\""},
	    {"t && t", 2, 2, "write \"and\""},
	    {"t || t", 2, 2, "write \"or\""},
	    {"!t", 0, 1, "write \"not\""},
	    {"spf == pass", 4, 2, "write \"is\""},
	    {"spf != pass", 4, 2, "write \"is not\""},
	    {"spf = pass", 4, 1, "write \"is\""},
	    {"t; t", 1, 1, "no meaning"},
	    {"mail_from is 'x", 13, 2, "does not end"},
	    {"client_ip in 192.0.2.0/33", 13, 12, "prefix length is 0 to 32"},
	    {"client_ip in 192.0.2.1/24", 13, 12, "behind the first 24"},
	    {"client_ip in example.com", 13, 11, "no address"},
	    {"client_ip is 192.0.2.0/24", 13, 12, "write \"in\""},
	    {"from in {a.example, *.b.example}", 20, 11, "name alone"},
	    {"from in .example.com", 8, 12, "leave the first dot out"},
	    {"from in a..example", 8, 10, "no domain name"},
	    {"from in user@example.com", 8, 16, "behind the \"@\""},
	    {"from in m\xc3\xbcller.example", 8, 15, "xn--"},
	    {"from is ''", 9, 1, "no domain name"},
	    {"from in file lists/a", 13, 7, "absolute path"},
	    {"from in file", 12, 1, "path is missing"},
	};
	struct expr_error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (expr_compile(arena, pool, table[i].text, &error) != NULL)
			fail_msg("%s: taken", table[i].text);
		if (strstr(error.message, table[i].says) == NULL ||
		    error.offset != table[i].offset ||
		    error.width != table[i].width)
			fail_msg("%s: at %zu, %zu wide: %s", table[i].text,
			    error.offset, error.width, error.message);
	}
}

static void
test_list_file(void **state)
{
	char path[] = "/tmp/test_expr.XXXXXX", text[128];
	struct expr_error error;
	struct given given;
	FILE *file = fdopen(mkstemp(path), "w");

	(void)state;
	facts_given(&given);
	assert_non_null(file);
	fputs("# forwarders\n  example.com # a comment\n\nexample.net\n", file);
	fclose(file);
	snprintf(text, sizeof(text), "from in file '%s' and has_from", path);
	assert_int_equal(value(text, &given), T);
	snprintf(text, sizeof(text), "helo not in file %s", path);
	assert_int_equal(value(text, &given), T);
	/* The same file holds no addresses: its line is at fault. */
	snprintf(text, sizeof(text), "client_ip in file '%s'", path);
	assert_null(expr_compile(arena, pool, text, &error));
	assert_string_equal(error.file, path);
	assert_int_equal(error.line, 2);
	assert_non_null(strstr(error.message, "\"example.com\""));
	unlink(path);
	snprintf(text, sizeof(text), "mail_from_domain in file '%s.x'", path);
	assert_null(expr_compile(arena, pool, text, &error));
	assert_int_equal(error.line, 0);
	assert_non_null(strstr(error.message, "No such file"));
}

/* Both bounds, on both sides. */
static void
test_bounds(void **state)
{
	struct expr_error error;
	char *text = malloc(EXPR_TEXT_MAX + 2);
	size_t i;

	(void)state;
	for (i = 0; i < EXPR_DEPTH_MAX; i++) {
		text[i] = '(';
		text[EXPR_DEPTH_MAX + 1 + i] = ')';
	}
	text[EXPR_DEPTH_MAX] = 't';
	text[2 * EXPR_DEPTH_MAX + 1] = '\0';
	assert_non_null(expr_compile(arena, pool, text, &error));
	/* One beside the other is no depth. */
	for (i = 0; i < 2 * EXPR_DEPTH_MAX; i++)
		memcpy(text + i * 7, "(t) or ", 7);
	memcpy(text + i * 7, "(t)", 4);
	assert_non_null(expr_compile(arena, pool, text, &error));
	memset(text, '(', EXPR_TEXT_MAX);
	text[EXPR_TEXT_MAX] = '\0';
	assert_null(expr_compile(arena, pool, text, &error));
	assert_non_null(strstr(error.message, "64 parentheses"));
	for (i = 0; i < EXPR_TEXT_MAX; i += 4)
		memcpy(text + i, "not ", 4);
	memcpy(text + EXPR_TEXT_MAX - 4, "   t", 5);
	assert_non_null(expr_compile(arena, pool, text, &error));
	memcpy(text + EXPR_TEXT_MAX, " ", 2);
	assert_null(expr_compile(arena, pool, text, &error));
	assert_non_null(strstr(error.message, "into a file"));
	free(text);
}

static void
test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t expect; /* -1: refused */
	} table[] = {
	    {"0", 0},
	    {"90", 90000},
	    {"90s", 90000},
	    {"4h", 14400000},
	    {"4h30m", 16200000},
	    {"4h 30m 10s", 16210000},
	    {"1w 1d", 691200000},
	    {"3650d", 315360000000},
	    {"3651d", -1},
	    {"521w 3d", 315360000000},
	    {"521w 3d 1s", -1},
	    {"18446744073709551617s", -1}, /* 2^64 + 1 */
	    {"99999999999999999999s", -1},
	    {"", -1},
	    {"h", -1},
	    {"4 h", -1},
	    {"4h 30", -1},
	    {"4y", -1},
	    {"-4h", -1},
	    {"4h,30m", -1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int64_t ms = -1;

		if (expr_duration(table[i].text, &ms) != 0)
			ms = -1;
		if (ms != table[i].expect)
			fail_msg("%s: %lld", table[i].text, (long long)ms);
	}
}

/* ---- cost and explanation --------------------------------------------- */

static void
test_needs(void **state)
{
	(void)state;
	assert_int_equal(expr_needs(compile("client_ip in ::/0 and has_from "
					    "or dkim is pass")),
	    0);
	assert_int_equal(expr_needs(compile("not spf is pass")), FACTS_SPF);
	assert_int_equal(
	    expr_needs(compile("true or (t and false)")), FACTS_DMARC);
	assert_non_null(expr_input_name(0));
}

static void
test_explain(void **state)
{
	static const struct {
		const char *text, *expect;
	} table[] = {
	    {"spf is pass", "spf is pass[yes]"},
	    {"spf is not pass ", "spf is not pass[no] "},
	    {"not (spf is pass)", "not (spf is pass[yes])"},
	    /* DMARC is dearer than SPF, and that than nothing: the cheap test
	       comes first and settles. */
	    {"spf is fail and helo is 'a.example'",
		"spf is fail and helo is 'a.example'[no]"},
	    {"t or spf is pass", "t or spf is pass[yes]"},
	    {"dmarc is fail and from is 'a.example'",
		"dmarc is fail and from is 'a.example'[no]"},
	    {"policy is reject or mail_from is \"\"",
		"policy is reject[unknown] or mail_from is \"\"[no]"},
	    {"client_ip in {10.0.0.0/8, 192.0.2.0/24} or t",
		"client_ip in {10.0.0.0/8, 192.0.2.0/24}[yes] or t"},
	    {"stale > 4h 30m\nor true", "stale > 4h 30m\nor true"},
	    {"true", "true"},
	};
	struct given given;
	size_t i;

	(void)state;
	facts_given(&given);
	given.facts.policy_set = 0xf;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_string_equal(
		    expr_explain(compile(table[i].text), &given.facts, arena),
		    table[i].expect);
}

/* ---- properties ------------------------------------------------------- */

/* A test of one of the inputs that may be open. No state words: see below. */
static size_t
random_test(char *out, size_t size, unsigned input)
{
	static const char *const words[OPEN_INPUTS][6] = {
	    {"none", "neutral", "pass", "fail", "softfail", "permerror"},
	    {"none", "pass", "fail", "permerror"},
	    {"absent", "none", "quarantine", "reject"},
	    {"absent", "none", "quarantine", "reject"},
	    {"no", "yes"},
	    {"no", "yes"},
	};
	static const unsigned count[OPEN_INPUTS] = {6, 4, 4, 4, 2, 2};
	static const char *const name[OPEN_INPUTS] = {"spf", "dmarc", "policy",
	    "published", "spf_aligned", "dkim_aligned"};
	unsigned a = (unsigned)chance(count[input]);
	unsigned b = (unsigned)chance(count[input]);

	if (chance(2) == 0)
		return ((size_t)snprintf(out, size, "%s is %s%s", name[input],
		    chance(3) == 0 ? "not " : "", words[input][a]));
	return ((size_t)snprintf(out, size, "%s %sin {%s, %s}", name[input],
	    chance(3) == 0 ? "not " : "", words[input][a], words[input][b]));
}

/*
 * A random expression. With `once`, each input is tested once at most, and
 * *once holds a bit for those used; it runs out to a constant.
 */
static size_t
random_expr(char *out, size_t size, unsigned depth, unsigned *once)
{
	unsigned input = (unsigned)chance(OPEN_INPUTS);
	size_t used;

	if (depth == 0 || chance(4) == 0) {
		if (once != NULL && (*once & 1U << input) != 0)
			return ((size_t)snprintf(out, size, "%s",
			    chance(2) == 0 ? "true" : "false"));
		if (once != NULL)
			*once |= 1U << input;
		return (random_test(out, size, input));
	}
	used = (size_t)snprintf(out, size, "%s(", chance(3) == 0 ? "not " : "");
	used += random_expr(out + used, size - used, depth - 1, once);
	used += (size_t)snprintf(
	    out + used, size - used, " %s ", chance(2) == 0 ? "and" : "or");
	used += random_expr(out + used, size - used, depth - 1, once);
	return (used + (size_t)snprintf(out + used, size - used, ")"));
}

/* All completions: bit 1 where one is false, bit 2 where one is true. */
static unsigned
outcomes(const struct expr *expr, struct given *given,
    const facts_set set[OPEN_INPUTS], const char *text)
{
	facts_set full[OPEN_INPUTS] = {0};
	unsigned seen = 0;

	while (open_next(&given->facts, set, full)) {
		enum tri one = expr_eval(expr, &given->facts);

		if (one == TRI_UNKNOWN)
			fail_msg("%s: unknown though all is known", text);
		seen |= one == TRI_TRUE ? 2 : 1;
	}
	return (seen);
}

static void
check_property(bool read_once)
{
	char text[4096];
	facts_set set[OPEN_INPUTS];
	struct given given;
	enum tri partial;
	unsigned seen, once = 0;
	struct expr *expr;

	facts_given(&given);
	(void)random_expr(
	    text, sizeof(text), read_once ? 3 : 4, read_once ? &once : NULL);
	expr = compile(text);
	open_random(&given.facts, set);
	partial = expr_eval(expr, &given.facts);
	seen = outcomes(expr, &given, set, text);
	if ((partial == TRI_TRUE && seen != 2) ||
	    (partial == TRI_FALSE && seen != 1))
		fail_msg("%s: definite against a completion", text);
	if (read_once && partial == TRI_UNKNOWN && seen != 3)
		fail_msg("%s: unknown, and yet all agree", text);
}

static void
test_never_definite_against_a_completion(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 4000; i++)
		check_property(false);
}

/* Where no input is tested twice, Kleene's logic loses nothing. */
static void
test_exact_when_read_once(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 4000; i++)
		check_property(true);
}

/* A group of operands in any order is the same: cost only moves them. */
static void
test_order_is_free(void **state)
{
	char a[1024], b[1024], ab[2100], ba[2100];
	facts_set set[OPEN_INPUTS];
	struct given given;
	unsigned i;

	(void)state;
	for (i = 0; i < 4000; i++) {
		const char *op = chance(2) == 0 ? "and" : "or";

		facts_given(&given);
		open_random(&given.facts, set);
		(void)random_expr(a, sizeof(a), 2, NULL);
		(void)random_expr(b, sizeof(b), 2, NULL);
		snprintf(ab, sizeof(ab), "%s %s %s", a, op, b);
		snprintf(ba, sizeof(ba), "%s %s %s", b, op, a);
		if (value(ab, &given) != value(ba, &given))
			fail_msg("%s: the order matters", ab);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everything_known),
	    cmocka_unit_test(test_nothing_known),
	    cmocka_unit_test(test_partly_known),
	    cmocka_unit_test(test_nothing_given),
	    cmocka_unit_test(test_stale),
	    cmocka_unit_test(test_signatures),
	    cmocka_unit_test(test_org_known),
	    cmocka_unit_test(test_no_policy),
	    cmocka_unit_test(test_quoted_local_part),
	    cmocka_unit_test(test_ulabels),
	    cmocka_unit_test(test_hypothetical),
	    cmocka_unit_test(test_two_signatures),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_list_file),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_durations),
	    cmocka_unit_test(test_needs),
	    cmocka_unit_test(test_explain),
	    cmocka_unit_test(test_never_definite_against_a_completion),
	    cmocka_unit_test(test_exact_when_read_once),
	    cmocka_unit_test(test_order_is_free),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
