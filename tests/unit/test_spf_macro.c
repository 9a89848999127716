/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spf_macro.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define VALUE_LONG 250 /* octets: about what a name may have */

/* What is a domain-spec, a macro-string, an explain-string (RFC 7208 7.1)? */
static const struct {
	const char *text;
	bool domain, string, explanation;
} grammar[] = {
    {"", false, true, true},
    {"example.com", true, true, true},
    {"example.com.", true, true, true},
    {"com", false, true, true},
    {"com.", false, true, true},
    {".com", true, true, true},
    {"example.com..", false, true, true},
    {"example.123", false, true, true},
    {"example.1a3", true, true, true},
    {"example.-com", false, true, true},
    {"example.com-", false, true, true},
    {"example.c-m", true, true, true},
    {"example.xn--zckzah", true, true, true},
    {"example.c_m", false, true, true},
    {"a:b/c.example", true, true, true},
    {"example.com:8080", false, true, true},
    {"a..example", true, true, true},
    {"%{d}", true, true, true},
    {"x%{d}", true, true, true},
    {"%{d}.com", true, true, true},
    {"%{d}com", false, true, true},
    {"%{d}.", false, true, true},
    {"%%", true, true, true},
    {"a.%_", true, true, true},
    {"a.%-", true, true, true},
    {"%%{d}", false, true, true},
    {"%", false, false, false},
    {"a%.com", false, false, false},
    {"%(d).com", false, false, false},
    {"%{", false, false, false},
    {"%{}", false, false, false},
    {"%{d", false, false, false},
    {"%{x}", false, false, false},
    {"%{dd}", false, false, false},
    {"%{d r}", false, false, false},
    {"%{d0}", false, false, false},
    {"%{d00}", false, false, false},
    {"%{d01}", true, true, true},
    {"%{d128}", true, true, true},
    {"%{d4294967297}", true, true, true},
    {"%{dr}", true, true, true},
    {"%{dR}", true, true, true},
    {"%{D2R}", true, true, true},
    {"%{dr2}", false, false, false},
    {"%{d2r.-+,/_=}", true, true, true},
    {"%{d:}", false, false, false},
    {"%{s}", true, true, true},
    {"%{l}", true, true, true},
    {"%{o}", true, true, true},
    {"%{i}", true, true, true},
    {"%{p}", true, true, true},
    {"%{h}", true, true, true},
    {"%{v}", true, true, true},
    {"%{c}", false, true, true},
    {"%{r}", false, true, true},
    {"%{t}", false, true, true},
    {"%{T}.example", false, true, true},
    {"a b.example", false, false, true},
    {"a\tb.example", false, false, false},
    {"a\x7f.example", false, false, false},
    {"\xc3\xa9.example", false, false, false},
};

static void
test_grammar(void **state)
{
	size_t i, len;

	(void)state;
	for (i = 0; i < ROWS(grammar); i++) {
		len = strlen(grammar[i].text);
		if (spf_macro_is_domain(grammar[i].text, len) !=
			grammar[i].domain ||
		    spf_macro_is_string(grammar[i].text, len) !=
			grammar[i].string ||
		    spf_macro_is_explanation(grammar[i].text, len) !=
			grammar[i].explanation)
			fail_msg("row %zu: %s", i, grammar[i].text);
	}
	assert_false(spf_macro_is_domain("a\0b.example", 11));
	assert_false(spf_macro_is_domain("%\0.example", 10));
	assert_false(spf_macro_is_domain("%{d\0}", 5));
	assert_false(spf_macro_is_domain("%{\0}", 4));
	assert_false(spf_macro_is_explanation("a\0b", 3));
}

static const char *
client_name_given(void *arg, const char *domain)
{
	(void)domain;
	return (arg);
}

static struct ipaddr client4, client6;

static struct spf_macros
macros_given(void)
{
	static char name[] = "mx.example.org";

	ipaddr_from_text(&client4, "192.0.2.3");
	ipaddr_from_text(&client6, "2001:db8::cb01");
	return ((struct spf_macros){.local = "strong-bad",
	    .origin = "email.example.com",
	    .domain = "email.example.com",
	    .helo = "host.example",
	    .receiver = "mx.example.net",
	    .client_ip = &client4,
	    .now = 1400000000,
	    .client_name = client_name_given,
	    .arg = name});
}

/* The inputs are those of RFC 7208 7.4. */
static const struct {
	const char *text;
	const char *expansion;
} expansions[] = {
    /* RFC 7208 7.4 */
    {"%{s}", "strong-bad@email.example.com"},
    {"%{o}", "email.example.com"},
    {"%{d}", "email.example.com"},
    {"%{d4}", "email.example.com"},
    {"%{d3}", "email.example.com"},
    {"%{d2}", "example.com"},
    {"%{d1}", "com"},
    {"%{dr}", "com.example.email"},
    {"%{d2r}", "example.email"},
    {"%{l}", "strong-bad"},
    {"%{l-}", "strong.bad"},
    {"%{lr}", "strong-bad"},
    {"%{lr-}", "bad.strong"},
    {"%{l1r-}", "strong"},
    {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
    {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
    {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
	"bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
    {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
	"3.2.0.192.in-addr.strong.lp._spf.example.com"},
    {"%{d2}.trusted-domains.example.net",
	"example.com.trusted-domains.example.net"},
    /* The others, and transformers */
    {"%{c} %{r} %{t} %{h} %{p}",
	"192.0.2.3 mx.example.net 1400000000 host.example mx.example.org"},
    {"a%%b%_c%-d", "a%b c%20d"},
    {"%{S}", "strong-bad%40email.example.com"},
    {"%{s=@}", ""}, /* "@" is no delimiter: not accepted, not expanded */
    {"%{D2R}", "example.email"},
    {"%{s,}", "strong-bad@email.example.com"},
    {"%{s.}", "strong-bad@email.example.com"},
    {"%{s1.}", "com"},
    {"%{s-.}", "strong.bad@email.example.com"},
    {"%{d127}", "email.example.com"},
    {"%{d99999999999999999999}", "email.example.com"},
    {"%{i1}", "3"},
    {"%{i2r}", "0.192"},
};

static void
test_expansion(void **state)
{
	char out[SPF_TEXT_MAX + 1];
	struct spf_macros macros = macros_given();
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(expansions); i++) {
		spf_macro_explanation(&macros, expansions[i].text,
		    strlen(expansions[i].text), out);
		assert_string_equal(out, expansions[i].expansion);
	}
}

static const struct {
	const char *local;
	const char *text;
	const char *expansion;
} locals[] = {
    {"a.b", "%{l2r}", "b.a"},
    {"a..b", "%{l}", "a..b"},
    {"a..b", "%{l2}", ".b"},
    {"a..b", "%{l2r}", ".a"},
    {".a", "%{lr}", "a."},
    {"a.", "%{l1}", ""},
    {"a.", "%{lr}", ".a"},
    {"a+b=c_d,e/f", "%{l+}", "a.b=c_d,e/f"},
    {"a+b=c_d,e/f", "%{lr+=_,/}", "f.e.d.c.b.a"},
    {"a+b=c_d,e/f", "%{l2+=_,/}", "e.f"},
    {"", "%{l}", ""},
    {"", "%{lr}", ""},
    {"", "%{l1-}", ""},
    {"a b", "%{L}", "a%20b"},
    {"~a-b._", "%{L}", "~a-b._"},
    {"j\xc3\xbcrgen", "%{L}", "j%C3%BCrgen"},
    {"j\xc3\xbcrgen", "%{l}", "j??rgen"},
    {"a\r\nX: y", "%{l}", "a??X: y"},
    {"a%{d}", "%{l}", "a%{d}"}, /* what is expanded is not read again */
    {"A-B", "%{LR-}", "B.A"},
};

static void
test_local(void **state)
{
	char out[SPF_TEXT_MAX + 1];
	struct spf_macros macros = macros_given();
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(locals); i++) {
		macros.local = locals[i].local;
		spf_macro_explanation(
		    &macros, locals[i].text, strlen(locals[i].text), out);
		assert_string_equal(out, locals[i].expansion);
	}
}

static void
test_ip6(void **state)
{
	static const char text[] = "%{ir}.%{v}._spf.%{d2}";
	struct spf_macros macros = macros_given();
	char name[SPF_NAME_MAX + 1], out[SPF_TEXT_MAX + 1];

	(void)state;
	macros.client_ip = &client6;
	spf_macro_name(&macros, text, strlen(text), name);
	assert_string_equal(name,
	    "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2"
	    ".ip6._spf.example.com");
	spf_macro_explanation(&macros, "%{c}", 4, out);
	assert_string_equal(out, "2001:db8::cb01");
}

/* Which inputs were read decides who may share the answer. */
static const struct {
	const char *text;
	bool local, helo, time;
} reads[] = {
    {"%{d}%{o}%{i}%{p}%{v}%{c}%{r}", false, false, false},
    {"%{t}", false, false, true},
    {"%{T1}%{h}", false, true, true},
    {"%%{l}%%{h}", false, false, false},
    {"%{s}", true, false, false},
    {"%{S1r}", true, false, false},
    {"%{l}", true, false, false},
    {"%{L}", true, false, false},
    {"%{h}", false, true, false},
    {"%{H2}", false, true, false},
    {"%{h}%{l}", true, true, false},
};

static void
test_reads(void **state)
{
	char out[SPF_TEXT_MAX + 1];
	struct spf_macros macros;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(reads); i++) {
		macros = macros_given();
		spf_macro_explanation(
		    &macros, reads[i].text, strlen(reads[i].text), out);
		assert_int_equal(macros.read_local, reads[i].local);
		assert_int_equal(macros.read_helo, reads[i].helo);
		assert_int_equal(macros.read_time, reads[i].time);
	}
}

static void
test_uses(void **state)
{
	(void)state;
	assert_true(spf_macro_uses("a.%{d}", 6, '\0'));
	assert_true(spf_macro_uses("a.%{P}", 6, 'p'));
	assert_false(spf_macro_uses("a.%{d}", 6, 'p'));
	assert_false(spf_macro_uses("a.%%{p}", 7, 'p'));
	assert_false(spf_macro_uses("a.%%%_", 6, '\0'));
}

/* RFC 7208 7.3: labels go from the left until at most 253 octets are left. */
static void
test_truncation(void **state)
{
	struct spf_macros macros = macros_given();
	char domain[512] = "", text[64], name[SPF_NAME_MAX + 1];
	size_t len, i;

	(void)state;
	macros.domain = domain;
	/* 127 labels of one octet: 253 octets. */
	for (i = 0; i < 127; i++)
		strcat(domain, i == 0 ? "a" : ".a");
	assert_int_equal(spf_macro_name(&macros, "%{d}", 4, name), 253);
	assert_string_equal(name, domain);
	assert_int_equal(spf_macro_name(&macros, "%{d}.", 5, name), 253);
	assert_string_equal(name, domain);
	strcpy(text, "b.%{d}");
	assert_int_equal(spf_macro_name(&macros, text, 6, name), 253);
	assert_string_equal(name, domain);
	strcpy(text, "%{d}.bcd");
	assert_int_equal(spf_macro_name(&macros, text, 8, name), 253);
	assert_string_equal(name, strcat(domain, ".bcd") + 4);
	/* The same with literals: each octet is a token of its own. */
	spf_macro_name(&macros, domain, strlen(domain), name);
	assert_string_equal(name, domain + 4);
	/* One octet left of the limit is a label that cannot stay whole. */
	domain[253] = '\0';
	domain[1] = 'a';
	strcpy(text, "%{d}x.%{d}");
	len = spf_macro_name(&macros, text, 10, name);
	assert_true(len <= 253);
	assert_string_equal(name, domain + (253 - len));
	/* More than is kept while it is put together: the right end stays. */
	for (i = 0; i < 256; i++)
		memcpy(domain + 2 * i, "&.", 2);
	domain[511] = '\0';
	len = spf_macro_name(&macros, "%{D}.example", 12, name);
	assert_int_equal(len, 251);
	for (i = 0; i < 61; i++)
		assert_memory_equal(name + 4 * i, "%26.", 4);
	assert_string_equal(name + 4 * i, "example");
	/* No dot at all: nothing is left that could be a name. */
	memset(domain, 'a', 400);
	domain[400] = '\0';
	assert_int_equal(spf_macro_name(&macros, "%{d}", 4, name), 0);
	assert_string_equal(name, "");
}

/* 64 kB of macros over long inputs: bounded, and the right end or start. */
static void
test_bounds(void **state)
{
	struct spf_macros macros = macros_given();
	char *text = malloc(65000), *local = malloc(65001);
	char name[SPF_NAME_MAX + 1], out[SPF_TEXT_MAX + 1];
	size_t i, len;

	(void)state;
	memset(local, '.', 65000);
	local[65000] = '\0';
	macros.local = local;
	for (i = 0; i + 4 <= 65000; i += 4)
		memcpy(text + i, "%{L}", 4);
	memcpy(text + 65000 - 8, ".example", 8);
	len = spf_macro_name(&macros, text, 65000, name);
	assert_int_equal(len, 253);
	assert_string_equal(name + 253 - 8, ".example");
	assert_int_equal(
	    spf_macro_explanation(&macros, text, 65000, out), SPF_TEXT_MAX);
	/* Macros that stand for nothing do not hide what is left of them. */
	macros.local = "";
	memcpy(text, "abc.", 4);
	assert_int_equal(spf_macro_name(&macros, text, 65000, name), 12);
	assert_string_equal(name, "abc..example");
	free(text);
	free(local);
}

static unsigned names_asked;

/* The last of its parts by "-" is empty: "%{p1-}" stands for nothing. */
static const char *
client_name_long(void *arg, const char *domain)
{
	static char name[VALUE_LONG + 1];

	(void)arg;
	(void)domain;
	names_asked++;
	memset(name, '-', VALUE_LONG);
	return (name);
}

/* Nothing comes out, however long the inputs are: that ends, too. */
static void
test_nothing(void **state)
{
	struct spf_macros macros = macros_given();
	char *text = malloc(65000);
	char name[SPF_NAME_MAX + 1], out[SPF_TEXT_MAX + 1];
	size_t i;

	(void)state;
	macros.client_name = client_name_long;
	for (i = 0; i + 6 <= 60000; i += 6)
		memcpy(text + i, "%{p1-}", 6);
	/* Few enough are read: what stands left of them counts. */
	memcpy(text, "abcde.", 6);
	assert_int_equal(spf_macro_name(&macros, text, 600, name), 5);
	assert_string_equal(name, "abcde");
	names_asked = 0;
	assert_int_equal(spf_macro_name(&macros, text, 60000, name), 0);
	assert_string_equal(name, "");
	spf_macro_explanation(&macros, text, 60000, out);
	assert_string_equal(out, "abcde.");
	assert_in_range(names_asked, 200, 600);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_grammar),
	    cmocka_unit_test(test_expansion),
	    cmocka_unit_test(test_local),
	    cmocka_unit_test(test_ip6),
	    cmocka_unit_test(test_reads),
	    cmocka_unit_test(test_uses),
	    cmocka_unit_test(test_truncation),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_nothing),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
