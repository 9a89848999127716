/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mail_key.h"
#include "mail_signature.h"

#define NOW 1000000

/* A good signature is this and what a case adds in front. */
#define REST "b=AbCd; bh=Zm9v; h=From:To"
#define TAGS10(c)                                                              \
	";" c "0=;" c "1=;" c "2=;" c "3=;" c "4=;" c "5=;" c "6=;" c "7=;" c  \
	"8=;" c "9="
#define SOME "v=1; a=rsa-sha256; d=example.org; s=k1; "

static const struct {
	const char *value;
	const char *problem; /* NULL: none */
	enum dkim_result result;
} cases[] = {
    {SOME REST, NULL, DKIM_PERMERROR},
    {SOME REST ";", NULL, DKIM_PERMERROR},
    {SOME REST " ; \r\n ", NULL, DKIM_PERMERROR},
    {SOME REST "; unknown=x; z=a:b|c:d", NULL, DKIM_PERMERROR},
    /* RFC 6376 3.2: the list */
    {SOME REST ";;", "not a list of tags", DKIM_NEUTRAL},
    {SOME "; " REST, "not a list of tags", DKIM_NEUTRAL},
    {SOME REST "; x", "not a list of tags", DKIM_NEUTRAL},
    {SOME REST "; 1x=1", "not a list of tags", DKIM_NEUTRAL},
    {SOME REST "; n=a\x01", "not a list of tags", DKIM_NEUTRAL},
    {SOME REST "; d=example.com", "a tag stands twice", DKIM_NEUTRAL},
    {SOME REST "; zz=1; zz=1", "a tag stands twice", DKIM_NEUTRAL},
    /* with the seven of SOME REST 64 and 65 */
    {SOME REST TAGS10("a") TAGS10("b") TAGS10("c") TAGS10("d")
	    TAGS10("e") ";fa=;fb=;fc=;fd=;fe=;ff=;fg=",
	NULL, DKIM_PERMERROR},
    {SOME REST TAGS10("a") TAGS10("b") TAGS10("c") TAGS10("d")
	    TAGS10("e") ";fa=;fb=;fc=;fd=;fe=;ff=;fg=;fh=",
	"a tag stands twice", DKIM_NEUTRAL},
    {SOME REST "; D=1", NULL, DKIM_PERMERROR}, /* names have a case */
    {"", "v= is not 1", DKIM_NEUTRAL},
    /* 6.1.1: version, required tags */
    {"v=2; a=rsa-sha256; d=example.org; s=k1;" REST, "v= is not 1",
	DKIM_NEUTRAL},
    {"a=rsa-sha256; d=example.org; s=k1;" REST, "v= is not 1", DKIM_NEUTRAL},
    {"v=1; d=example.org; s=k1;" REST, "a required tag is missing",
	DKIM_NEUTRAL},
    {"v=1; a=rsa-sha256; s=k1;" REST, "a required tag is missing",
	DKIM_NEUTRAL},
    {"v=1; a=rsa-sha256; d=example.org;" REST, "a required tag is missing",
	DKIM_NEUTRAL},
    {SOME "b=AbCd; h=From", "a required tag is missing", DKIM_NEUTRAL},
    {SOME "bh=AbCd; h=From", "a required tag is missing", DKIM_NEUTRAL},
    {SOME "b=AbCd; bh=AbCd", "a required tag is missing", DKIM_NEUTRAL},
    {SOME "b=; bh=AbCd; h=From", "b= or bh= is not base64", DKIM_NEUTRAL},
    {SOME "b=A!b; bh=AbCd; h=From", "b= or bh= is not base64", DKIM_NEUTRAL},
    {SOME "b=AbCd; bh=; h=From", "b= or bh= is not base64", DKIM_NEUTRAL},
    /* 3.5: the names that become a question to DNS */
    {"v=1;a=rsa-sha256;d=legit.com(.evil.com;s=k;" REST,
	"d= is not a domain name", DKIM_NEUTRAL},
    {"v=1;a=rsa-sha256;d=a b.com;s=k;" REST, "d= is not a domain name",
	DKIM_NEUTRAL},
    {"v=1;a=rsa-sha256;d=a..com;s=k;" REST, "d= is not a domain name",
	DKIM_NEUTRAL},
    {"v=1;a=rsa-sha256;d=example.com.;s=k;" REST, "d= is not a domain name",
	DKIM_NEUTRAL},
    {"v=1;a=rsa-sha256;d=com;s=k;" REST, "d= is not a domain name",
	DKIM_NEUTRAL},
    {"v=1;a=rsa-sha256;d=;s=k;" REST, "d= is not a domain name", DKIM_NEUTRAL},
    {"v=1;a=rsa-sha256;d=example.org;s=a/b;" REST, "s= is not a selector",
	DKIM_NEUTRAL},
    {"v=1;a=rsa-sha256;d=example.org;s=;" REST, "s= is not a selector",
	DKIM_NEUTRAL},
    {"v=1;a=rsa-sha256;d=example.org;s=a.b_c;" REST, NULL, DKIM_PERMERROR},
    /* a= */
    {"v=1;a=rsa-sha512;d=example.org;s=k;" REST,
	"unknown algorithm in a=", DKIM_NEUTRAL},
    {"v=1;a=ed25519-sha256;d=example.org;s=k;" REST, NULL, DKIM_PERMERROR},
    {"v=1;a=rsa-sha1;d=example.org;s=k;" REST, "rsa-sha1 is not secure",
	DKIM_PERMERROR},
    /* c= l= t= x= q= */
    {SOME REST ";c=relaxed", NULL, DKIM_PERMERROR},
    {SOME REST ";c=relaxed/simple", NULL, DKIM_PERMERROR},
    {SOME REST ";c=nowsp", "unknown canonicalization in c=", DKIM_NEUTRAL},
    {SOME REST ";l=10", NULL, DKIM_PERMERROR},
    {SOME REST ";l=-1", "l= is not a number", DKIM_NEUTRAL},
    {SOME REST ";l=", "l= is not a number", DKIM_NEUTRAL},
    {SOME REST ";x=1000001", NULL, DKIM_PERMERROR},
    {SOME REST ";x=999999", "the signature has expired", DKIM_PERMERROR},
    {SOME REST ";x=99999999999999999999999999", NULL, DKIM_PERMERROR},
    {SOME REST ";x=1e9", "t= or x= is not a number", DKIM_NEUTRAL},
    {SOME REST ";t=2000000;x=1500000", "x= is not after t=", DKIM_PERMERROR},
    {SOME REST ";q=dns/txt", NULL, DKIM_PERMERROR},
    {SOME REST ";q=http : dns/txt", NULL, DKIM_PERMERROR},
    {SOME REST ";q=http", "unknown query method in q=", DKIM_NEUTRAL},
    /* h= i= */
    {SOME "b=AbCd; bh=Zm9v; h=To", "From is not signed", DKIM_PERMERROR},
    {SOME "b=AbCd; bh=Zm9v; h=", "From is not signed", DKIM_PERMERROR},
    {SOME "b=AbCd; bh=Zm9v; h=To : FROM", NULL, DKIM_PERMERROR},
    {SOME "b=AbCd; bh=Zm9v; h=Fromage", "From is not signed", DKIM_PERMERROR},
    {SOME REST ";i=@example.org", NULL, DKIM_PERMERROR},
    {SOME REST ";i=joe@Sub.Example.org", NULL, DKIM_PERMERROR},
    {SOME REST ";i=@notexample.org",
	"the domain of i= is not below d=", DKIM_PERMERROR},
    {SOME REST ";i=@org", "the domain of i= is not below d=", DKIM_PERMERROR},
    {SOME REST ";i=example.org",
	"the domain of i= is not below d=", DKIM_PERMERROR},
};

static void
parse(struct signature *sig, const char *value)
{
	struct header_field field = {
	    .value = value, .value_len = strlen(value)};

	signature_parse(sig, &field, NOW);
}

static void
test_cases(void **state)
{
	struct signature sig;
	size_t i, bad = 0;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *want = cases[i].problem;

		parse(&sig, cases[i].value);
		if (want == NULL ? sig.problem == NULL
				 : sig.problem != NULL &&
				       strcmp(sig.problem, want) == 0 &&
				       sig.result == cases[i].result)
			continue;
		print_error("%s\n  want %s\n  have %s, %s\n", cases[i].value,
		    want == NULL ? "no problem" : want,
		    sig.problem == NULL ? "no problem" : sig.problem,
		    dkim_result_name(sig.result));
		bad++;
	}
	assert_int_equal(bad, 0);
}

static void
test_values(void **state)
{
	struct signature sig;

	(void)state;
	parse(&sig, " v = 1 ; a=RSA-sha256; d=Example.ORG;\r\n s=K1;"
		    " b= ab\r\n\tCD +/= ; bh=Zm9v; h=from");
	assert_null(sig.problem);
	assert_string_equal(sig.domain, "example.org");
	assert_string_equal(sig.selector, "k1");
	assert_string_equal(sig.algorithm, "rsa-sha256");
	assert_string_equal(sig.b, "abCD+/=");
	/* What is not usable is not shown either. */
	parse(&sig, "v=1; a=evil x; d=a b.com; s=k\x7f; b=\"; bh=x; h=from");
	assert_non_null(sig.problem);
	assert_string_equal(sig.domain, "");
	assert_string_equal(sig.selector, "");
	assert_string_equal(sig.algorithm, "");
	assert_string_equal(sig.b, "");
}

/* --- Lines of the daemon's answer ----------------------------------------- */

static const struct {
	const char *line;
	enum mail_key_status status;
	unsigned bits;
	const char *alg, *record;
} keys[] = {
    {"s d status=ok dnssec=secure ttl=5 stale=0 bits=2048 alg=rsa flags=y:s "
     "record=v=DKIM1; p=AA",
	MAIL_KEY_OK, 2048, "rsa", "v=DKIM1; p=AA"},
    {"s d status=ok bits=256 alg=ed25519 flags= record=p=A status=none",
	MAIL_KEY_OK, 256, "ed25519", "p=A status=none"},
    {"s d status=none dnssec=secure ttl=5", MAIL_KEY_NONE, 0, "", ""},
    {"s d status=revoked bits=0 alg= record=p=", MAIL_KEY_REVOKED, 0, "", ""},
    {"s d status=invalid", MAIL_KEY_INVALID, 0, "", ""},
    {"s d status=temperror", MAIL_KEY_TEMPERROR, 0, "", ""},
    {"s d status=new", MAIL_KEY_TEMPERROR, 0, "", ""},
    {"s d", MAIL_KEY_TEMPERROR, 0, "", ""},
    {"", MAIL_KEY_TEMPERROR, 0, "", ""},
    {"s d record=x status=ok", MAIL_KEY_TEMPERROR, 0, "", ""},
};

static void
test_keys(void **state)
{
	struct mail_key key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		memset(&key, 0, sizeof(key));
		mail_key_read(&key, keys[i].line);
		assert_int_equal(key.status, keys[i].status);
		assert_int_equal(key.bits, keys[i].bits);
		assert_string_equal(key.alg, keys[i].alg);
		assert_string_equal(key.record, keys[i].record);
	}
}

/* Too long for libopendkim: without spaces and the note it may fit. */
static void
test_long_keys(void **state)
{
	struct mail_key key = {0};
	char line[8192], note[1200];

	(void)state;
	memset(note, 'x', sizeof(note));
	note[sizeof(note) - 1] = '\0';
	snprintf(line, sizeof(line),
	    "s d status=ok bits=2048 alg=rsa record=v=DKIM1; n=%s; p=A B C",
	    note);
	mail_key_read(&key, line);
	assert_int_equal(key.status, MAIL_KEY_OK);
	assert_string_equal(key.record, "v=DKIM1;p=ABC");
	snprintf(line, sizeof(line),
	    "s d status=ok bits=2048 alg=rsa record=v=DKIM1; p=A B C; n=%s",
	    note);
	mail_key_read(&key, line);
	assert_string_equal(key.record, "v=DKIM1;p=ABC;");
	snprintf(line, sizeof(line),
	    "s d status=ok bits=9000 alg=rsa record=v=DKIM1; p=%s", note);
	mail_key_read(&key, line);
	assert_int_equal(key.status, MAIL_KEY_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_long_keys),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
