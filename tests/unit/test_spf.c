/* SPDX-License-Identifier: ISC */
/*
 * check_host() over zones given as text. Each case runs warm, cold, and cold
 * with prefetch, and must say the same each time; and on the way nothing but
 * canonical records may reach libspf2's compiler.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <netinet/in.h>

#include <spf2/spf.h>

#include "../spf_run.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* --- What libspf2 is given ------------------------------------------------ */

/* The compiled form has 511 octets; our records stay well below. */
#define CANONICAL_MAX 512

static unsigned compiled;
static bool library_breaks; /* at the next record */

/*
 * Stands before the library's own (the linker finds it first). CVE-2023-42118
 * is in the library's macro compiler: it needs "%", or a long text.
 */
SPF_errcode_t
SPF_record_compile(SPF_server_t *server, SPF_response_t *response,
    SPF_record_t **record, const char *text)
{
	static SPF_errcode_t (*real)(
	    SPF_server_t *, SPF_response_t *, SPF_record_t **, const char *);
	const char *p;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "SPF_record_compile");
	compiled++;
	if (library_breaks) {
		library_breaks = false;
		SPF_error_handler("", 0, "out of memory");
	}
	assert_non_null(real);
	assert_memory_equal(text, "v=spf1", 6);
	assert_true(strlen(text) < CANONICAL_MAX);
	for (p = text + 6; *p != '\0'; p++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789 .:/#=+-?~",
			*p) == NULL)
			fail_msg("to the library: %s", text);
	return (real(server, response, record, text));
}

/* --- Cases ---------------------------------------------------------------- */

struct test {
	const char *name;
	const char *zone;
	enum spf_result result;
	const char *detail; /* the mechanism, or part of the problem */
	const char *explanation;
	/* Where they are not the usual ones: */
	const char *ip, *from, *helo;
	enum spf_identity identity;
	bool read_local, read_helo;
};

#define D    "d.example TXT v=spf1 "
#define E63  "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
#define IP6  "2001:db8::1"
#define PTR6 "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"

/* What a row leaves out is zero: the usual. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* clang-format off */
static const struct test tests[] = {
    /* Records: RFC 7208 4.3 to 4.5 */
    {"no record", "d.example A 192.0.2.1", SPF_NONE, "default"},
    {"no such domain", "x.example A 192.0.2.1", SPF_NONE, "default"},
    {"another TXT", "d.example TXT hello", SPF_NONE, "default"},
    {"empty record", "d.example TXT v=spf1", SPF_NEUTRAL, "default"},
    {"one of several TXT", "d.example TXT x\n" D "-all\nd.example TXT v=spf10",
	SPF_FAIL, "-all"},
    {"two records", D "-all\n" D "+all", SPF_PERMERROR, "several SPF records"},
    {"first TXT fails", "d.example TXT !FAILED", SPF_TEMPERROR,
	"d.example TXT: servfail"},
    {"first TXT bogus", "d.example TXT !BOGUS", SPF_TEMPERROR, "bogus"},
    {"an error anywhere", D "+all moo", SPF_PERMERROR, "\"moo\""},
    {"single label", "example TXT v=spf1 -all", SPF_NONE, "default",
	.from = "bob@example"},
    {"trailing dot", D "-all exp=e.d.example\ne.d.example TXT %{d} %{o} %{s}",
	SPF_FAIL, "-all", "d.example d.example bob@d.example",
	.from = "bob@d.example.", .read_local = true},
    {"two trailing dots", D "-all", SPF_NONE, "default",
	.from = "bob@d.example.."},
    {"two trailing dots in HELO", D "-all", SPF_NONE, "default",
	.identity = SPF_HELO, .helo = "d.example.."},
    {"only dots", D "-all", SPF_NONE, "default", .from = "bob@..."},
    {"no domain", D "-all", SPF_NONE, "default", .from = "bob@"},
    {"empty label", D "-all", SPF_NONE, "default", .from = "bob@d..example"},
    {"long label", D "-all", SPF_NONE, "default",
	.from = "bob@e" E63 ".example"},
    {"address literal", "[192.0.2.1] TXT v=spf1 -all", SPF_NONE, "default",
	.from = "bob@[192.0.2.1]"},
    {"an address", "192.0.2.1 TXT v=spf1 -all", SPF_NONE, "default",
	.identity = SPF_HELO, .helo = "192.0.2.1"},
    {"a name of 63 octets a label", E63 ".example TXT v=spf1 -all", SPF_FAIL,
	"-all", .from = "bob@" E63 ".example"},
    {"underscores", "_x.d_y.example TXT v=spf1 -all", SPF_FAIL, "-all",
	.from = "bob@_x.d_y.example"},
    /* Spelling: 4.5, 4.6.1, 5, 6, 12; RFC 5234 has letters of either case */
    {"upper case", "D.EXAMPLE TXT V=SPF1 IP4:10.0.0.1 A:X.Example -ALL\n"
	"x.example A 192.0.2.1", SPF_PASS, "A:X.Example"},
    {"redirect in capitals", D "ReDirect=r.example\n"
	"r.example TXT v=spf1 -all EXP=e.example\ne.example TXT why", SPF_FAIL,
	"-all", "why"},
    {"capitals twice", D "exp=e.example EXP=e.example -all", SPF_PERMERROR,
	"comes twice"},
    {"spaces at the end", D "-all   ", SPF_FAIL, "-all"},
    {"many spaces", D "  ip4:10.0.0.1    -all", SPF_FAIL, "-all"},
    {"a tab between terms", D "a\t-all", SPF_PERMERROR, "\"a?-all\""},
    {"a space behind the colon", D "ip4: 192.0.2.1", SPF_PERMERROR, "\"ip4:\""},
    {"a space behind the qualifier", D "- all", SPF_PERMERROR, "\"-\""},
    {"a comma", D "ip4:192.0.2.1, -all", SPF_PERMERROR, "192.0.2.1,"},
    {"in quotes", "d.example TXT \"v=spf1 -all\"", SPF_NONE, "default"},
    {"not ASCII", D "a \xc3\xa9 -all", SPF_PERMERROR, "\"??\""},
    {"a name without argument", D "ip4:192.0.2.1 +exists", SPF_PERMERROR,
	"argument is missing"},
    {"only a prefix length", D "ip4:192.0.2.1 a:/24", SPF_PERMERROR,
	"\"a:/24\""},
    {"an unknown modifier many times", D "x=a x=b X=%{c}%{t} ip4:192.0.2.1",
	SPF_PASS, "ip4:192.0.2.1"},
    {"a wrong prefix behind a match", D "ip4:192.0.2.1 mx/24/64", SPF_PERMERROR,
	"\"mx/24/64\""},
    /* RFC 8616 4: U-labels are for MAIL FROM alone */
    {"U-label", "xn--bcher-kva.example TXT v=spf1 -all exp=e.d.example\n"
	"e.d.example TXT %{d} %{s}", SPF_FAIL, "-all",
	"xn--bcher-kva.example bob@xn--bcher-kva.example",
	.from = "bob@B\xc3\x9c" "cher.example", .read_local = true},
    {"U-label, no name", "d.example TXT v=spf1 -all", SPF_NONE, "default",
	.from = "bob@b\xc3.example"},
    {"U-label in HELO", "xn--bcher-kva.example TXT v=spf1 -all", SPF_NONE,
	"default", .identity = SPF_HELO, .helo = "b\xc3\xbc" "cher.example"},
    {"A-label", "xn--bcher-kva.example TXT v=spf1 a -all\n"
	"xn--bcher-kva.example A 192.0.2.1", SPF_PASS, "a",
	.from = "bob@XN--Bcher-kva.Example"},
    {"a space in the domain", D "-all", SPF_NONE, "default",
	.from = "bob@d .example"},

    /* Identities: 2.3, 2.4, 4.3 */
    {"HELO", "mail.d.example TXT v=spf1 a -all\nmail.d.example A 192.0.2.1",
	SPF_PASS, "a", .identity = SPF_HELO},
    {"HELO, not a name", "x TXT v=spf1 -all", SPF_NONE, "default",
	.identity = SPF_HELO, .helo = "x"},
    {"HELO, empty", D "-all", SPF_NONE, "default", .identity = SPF_HELO,
	.helo = ""},
    {"null reverse-path",
	"mail.d.example TXT v=spf1 -all exp=e.d.example\n"
	"e.d.example TXT %{s} %{l} %{o}", SPF_FAIL, "-all",
	"postmaster@mail.d.example postmaster mail.d.example", .from = "",
	.read_local = true},
    {"no local-part", D "-all exp=e.d.example\ne.d.example TXT %{s}",
	SPF_FAIL, "-all", "postmaster@d.example", .from = "@d.example",
	.read_local = true},
    {"no at sign", D "-all exp=e.d.example\ne.d.example TXT %{s}",
	SPF_FAIL, "-all", "postmaster@d.example", .from = "d.example",
	.read_local = true},
    {"source route", D "-all exp=e.d.example\ne.d.example TXT %{s}",
	SPF_FAIL, "-all", "bob@d.example", .from = "@x.org,@y.org:bob@d.example",
	.read_local = true},
    {"at sign in local-part", D "-all exp=e.d.example\ne.d.example TXT %{l}",
	SPF_FAIL, "-all", "\"a@b\"", .from = "\"a@b\"@d.example",
	.read_local = true},
    /* RFC 8616 4: terms with %{s} or %{l} then match nothing */
    {"SMTPUTF8 local-part", D "exists:%{l}.u.d.example -all\n"
	"j\xc3\xbcrgen.u.d.example A 127.0.0.2", SPF_FAIL, "-all",
	.from = "j\xc3\xbcrgen@d.example", .read_local = true},
    {"SMTPUTF8 sender, reduced", D "exists:%{s1}.u.d.example ?all\n"
	"example.u.d.example A 127.0.0.2", SPF_NEUTRAL, "?all",
	.from = "j\xc3\xbcrgen@d.example", .read_local = true},
    {"SMTPUTF8, include", D "include:%{l1}.u.d.example ~all", SPF_SOFTFAIL,
	"~all", .from = "j\xc3\xbcrgen@d.example", .read_local = true},
    {"SMTPUTF8, redirect", D "redirect=%{l1}.u.d.example", SPF_NEUTRAL,
	"default", .from = "j\xc3\xbcrgen@d.example", .read_local = true},
    {"SMTPUTF8, nothing of it used", D "exists:%{d}.u.d.example -all\n"
	"d.example.u.d.example A 127.0.0.2", SPF_PASS,
	"exists:%{d}.u.d.example", .from = "j\xc3\xbcrgen@d.example"},
    {"SMTPUTF8 in an explanation", D "-all exp=e.d.example\n"
	"e.d.example TXT %{l} %{L}", SPF_FAIL, "-all", "j??rgen j%C3%BCrgen",
	.from = "j\xc3\xbcrgen@d.example", .read_local = true},

    /* CIDR: /0, leading zeroes */
    {"ip4 /0", D "ip4:10.0.0.0/0 -all", SPF_PASS, "ip4:10.0.0.0/0"},
    {"ip6 /0", D "ip6:::/0 -all", SPF_PASS, "ip6:::/0", .ip = IP6},
    {"ip6 /0, IPv4 client", D "ip6:::/0 -all", SPF_FAIL, "-all"},
    {"ip4 /0, IPv6 client", D "ip4:0.0.0.0/0 -all", SPF_FAIL, "-all",
	.ip = IP6},
    {"a /0", D "a/0 -all\nd.example A 10.0.0.1", SPF_PASS, "a/0"},
    {"a /0, no address", D "a/0 -all", SPF_FAIL, "-all"},
    {"ip6 that holds all IPv4", D "ip6:::/96 ip6:::1/64 -all", SPF_FAIL,
	"-all"},
    {"a //0", D "a//0 -all\nd.example AAAA 2001:db9::1", SPF_PASS, "a//0",
	.ip = IP6},
    {"mx /0", D "mx/0 -all\nd.example MX 0 m.d.example\n"
	"m.d.example A 10.0.0.1", SPF_PASS, "mx/0"},
    {"a /25", D "a/25 -all\nd.example A 192.0.2.126", SPF_PASS, "a/25"},
    {"a /25, other half", D "a/25 -all\nd.example A 192.0.2.129", SPF_FAIL,
	"-all"},
    {"a //33", D "a/0//33 -all\nd.example AAAA 2001:db8:7fff::9", SPF_PASS,
	"a/0//33", .ip = IP6},
    {"a //33, other half", D "a/0//33 -all\nd.example AAAA 2001:db8:8000::9",
	SPF_FAIL, "-all", .ip = IP6},
    {"leading zero", D "ip4:192.0.2.1/032 -all", SPF_PERMERROR,
	"\"ip4:192.0.2.1/032\": prefix length"},

    /* domain-spec: toplabel, empty, "%" */
    {"no toplabel", D "a:localhost -all", SPF_PERMERROR, "domain is not valid"},
    {"empty domain-spec", D "include: -all", SPF_PERMERROR, "domain is empty"},
    {"bad percent", D "exists:%(i).d.example -all", SPF_PERMERROR,
	"domain is not valid"},
    {"c only in explanations", D "exists:%{c}.d.example -all", SPF_PERMERROR,
	"domain is not valid"},
    {"name with strange octets", D "a:x:y/z.d.example -all\n"
	"x:y/z.d.example A 192.0.2.1", SPF_PASS, "a:x:y/z.d.example"},
    {"trailing dot of a target", D "a:x.d.example. -all\n"
	"x.d.example A 192.0.2.1", SPF_PASS, "a:x.d.example."},
    {"target that is no name", D "a:x..d.example -all", SPF_FAIL, "-all"},
    {"include that is no name", D "include:x..d.example -all", SPF_PERMERROR,
	"x..d.example: no SPF record"},
    {"redirect that is no name", D "redirect=x..d.example", SPF_PERMERROR,
	"no SPF record"},
    {"empty target", D "a:%{h} -all", SPF_FAIL, "-all", .helo = "",
	.read_helo = true},

    {"target with two trailing dots", D "a:%{h} -all\n"
	"d.example A 192.0.2.1", SPF_FAIL, "-all", .helo = "d.example..",
	.read_helo = true},
    {"target with one", D "a:%{h} -all\nd.example A 192.0.2.1", SPF_PASS,
	"a:%{h}", .helo = "d.example.", .read_helo = true},
    {"target is a dot", D "a:%{h} -all\n. A 192.0.2.1", SPF_FAIL, "-all",
	.helo = ".", .read_helo = true},
    {"label of 64 octets", D "a:e" E63 ".example a:b.%{l}.example -all",
	SPF_FAIL, "-all", .from = "e" E63 "@d.example", .read_local = true},
    /* 7.3: what makes a name too long goes from its left side */
    {"name of 271 octets", D "include:i.example -all\ni.example TXT v=spf1 "
	"a:" E63 "." E63 "." E63 "." E63 ".%{d1}.example\n"
	E63 "." E63 "." E63 ".example.example A 192.0.2.1", SPF_PASS,
	"include:i.example"},
    {"long local-part", D "include:%{l}.%{d} -all\n" E63 "." E63 "." E63
	".d.example TXT v=spf1 +all", SPF_PASS, "include:%{l}.%{d}",
	.from = E63 "." E63 "." E63 "." E63 "@d.example", .read_local = true},
    {"quoted local-part", D "exists:%{l}.u.example -all\n"
	"\"a.b+c\".u.example A 127.0.0.2", SPF_PASS, "exists:%{l}.u.example",
	.from = "\"a.b+c\"@d.example", .read_local = true},
    {"a backslash is no escape", D "a:%{l}.x.example -all\n"
	"a\\.b.x.example A 192.0.2.1", SPF_PASS, "a:%{l}.x.example",
	.from = "a\\.b@d.example", .read_local = true},
    {"subaddress", D "exists:%{l1r+}.u.example -all\n"
	"bob.u.example A 127.0.0.2", SPF_PASS, "exists:%{l1r+}.u.example",
	.from = "bob+x.y@d.example", .read_local = true},

    /* Explanations: spaces, several strings, ASCII, NUL (below) */
    {"spaces", D "-all exp=e.d.example\ne.d.example TXT  a  b ", SPF_FAIL,
	"-all", " a  b "},
    {"more than one string", D "-all exp=e.d.example\ne.d.example TXT "
	E63 E63 E63 E63 E63, SPF_FAIL, "-all", E63 E63 E63 E63 E63},
    {"not ASCII", D "-all exp=e.d.example\ne.d.example TXT \xc3\xa9",
	SPF_FAIL, "-all"},
    {"a control character", D "-all exp=e.d.example\ne.d.example TXT a\tb",
	SPF_FAIL, "-all"},
    {"bad macro", D "-all exp=e.d.example\ne.d.example TXT 100%", SPF_FAIL,
	"-all"},
    {"two explanations", D "-all exp=e.d.example\n"
	"e.d.example TXT a\ne.d.example TXT b", SPF_FAIL, "-all"},
    {"no explanation", D "-all exp=e.d.example", SPF_FAIL, "-all"},
    {"explanation fails", D "-all exp=e.d.example\ne.d.example TXT !FAILED",
	SPF_FAIL, "-all"},
    {"only for fail", D "~all exp=e.d.example\ne.d.example TXT a",
	SPF_SOFTFAIL, "~all"},
    {"exp before its mechanism", D "exp=e.d.example -all\ne.d.example TXT a",
	SPF_FAIL, "-all", "a"},
    {"exp of the included", D "include:i.example -all\n"
	"i.example TXT v=spf1 -all exp=e.example\ne.example TXT no",
	SPF_FAIL, "-all"},
    {"exp of a failing include", D "-include:i.example exp=e.d.example\n"
	"i.example TXT v=spf1 +all exp=e.example\ne.example TXT no\n"
	"e.d.example TXT yes", SPF_FAIL, "-include:i.example", "yes"},
    {"exp of the redirected", D "redirect=r.example exp=e.d.example\n"
	"r.example TXT v=spf1 -all exp=e.example\ne.example TXT %{d}\n"
	"e.d.example TXT no", SPF_FAIL, "-all", "r.example"},
    {"redirect without exp", D "redirect=r.example exp=e.d.example\n"
	"r.example TXT v=spf1 -all\ne.d.example TXT no", SPF_FAIL, "-all"},
    {"redirect within an include", D "include:i.example -all exp=e.d.example\n"
	"i.example TXT v=spf1 redirect=r.example\n"
	"r.example TXT v=spf1 -all exp=e.example\ne.example TXT no\n"
	"e.d.example TXT %{d}", SPF_FAIL, "-all", "d.example"},
    {"all letters", D "-all exp=e.d.example\n"
	"e.d.example TXT %{i} %{c} %{v} %{h} %{r} %{t}", SPF_FAIL, "-all",
	"192.0.2.1 192.0.2.1 in-addr mail.d.example mx.example 1000000000",
	.read_helo = true},
    {"injection", D "-all exp=e.d.example\ne.d.example TXT %{h}", SPF_FAIL,
	"-all", "a??250 ok", .helo = "a\r\n250 ok", .read_helo = true},

    /* Macros: hex, %{d2} of two labels, delimiters, upper-case R */
    {"nibbles", D "exists:%{ir}.n.d.example -all\n" PTR6
	".n.d.example A 127.0.0.2", SPF_PASS, "exists:%{ir}.n.d.example",
	.ip = IP6},
    {"d2 of two labels", D "a:x.%{d2} -all\nx.d.example A 192.0.2.1", SPF_PASS,
	"a:x.%{d2}"},
    {"upper-case R", D "a:x.%{dR} -all\nx.example.d A 192.0.2.1", SPF_PASS,
	"a:x.%{dR}"},
    {"comma and slash", D "a:%{lr,/}.d.example -all\n"
	"c.b.a.d.example A 192.0.2.1", SPF_PASS, "a:%{lr,/}.d.example",
	.from = "a,b/c@d.example", .read_local = true},
    {"a macro gives a macro", D "a:%{h}.d.example -all\n"
	"%{d}.d.example A 192.0.2.1", SPF_PASS, "a:%{h}.d.example",
	.helo = "%{d}", .read_helo = true},
    {"not reached, not read", D "ip4:192.0.2.1 exists:%{l}.%{h}.example",
	SPF_PASS, "ip4:192.0.2.1"},
    {"read before the match", D "exists:%{l}.x.example ip4:192.0.2.1",
	SPF_PASS, "ip4:192.0.2.1", .read_local = true},
    {"read by an include", D "include:i.example -all\n"
	"i.example TXT v=spf1 exists:%{s}.%{h}.example", SPF_FAIL, "-all",
	.read_local = true, .read_helo = true},
    {"read for the explanation's name", D "-all exp=%{l}.d.example", SPF_FAIL,
	"-all", .read_local = true},

    /* redirect is a modifier; duplicates; names of modifiers */
    {"redirect before mechanisms", D "redirect=r.example ip4:192.0.2.1\n"
	"r.example TXT v=spf1 -all", SPF_PASS, "ip4:192.0.2.1"},
    {"redirect, nothing matches", D "redirect=r.example ip4:10.0.0.1\n"
	"r.example TXT v=spf1 ?all", SPF_NEUTRAL, "?all"},
    {"redirect and all", D "redirect=r.example ?all\n"
	"r.example TXT v=spf1 -all", SPF_NEUTRAL, "?all"},
    {"redirect runs off the end", D "redirect=r.example\n"
	"r.example TXT v=spf1 ip4:10.0.0.1", SPF_NEUTRAL, "default"},
    {"redirect to nothing", D "redirect=r.example", SPF_PERMERROR,
	"r.example: no SPF record"},
    {"redirect:", D "redirect:r.example", SPF_PERMERROR, "unknown"},
    {"redirect twice", D "redirect=r.example redirect=r.example",
	SPF_PERMERROR, "comes twice"},
    {"exp twice", D "exp=r.example exp=r.example -all", SPF_PERMERROR,
	"comes twice"},
    {"a dot in a modifier's name", D "x.y=z ip4:192.0.2.1", SPF_PASS,
	"ip4:192.0.2.1"},
    {"implicit domain after redirect", D "redirect=r.example\n"
	"r.example TXT v=spf1 a -all\nr.example A 192.0.2.1", SPF_PASS, "a"},

    /* include: 5.2 */
    {"include pass", D "?include:i.example -all\ni.example TXT v=spf1 +all",
	SPF_NEUTRAL, "?include:i.example"},
    {"include that names its mechanism", D "include:i.example -all\n"
	"i.example TXT v=spf1 a -all\ni.example A 192.0.2.1", SPF_PASS,
	"include:i.example"},
    {"nothing matches", D "a ip4:10.0.0.1\nd.example A 10.0.0.1",
	SPF_NEUTRAL, "default"},
    {"include fail", D "include:i.example ~all\ni.example TXT v=spf1 -all",
	SPF_SOFTFAIL, "~all"},
    {"include without record", D "include:i.example ~all", SPF_PERMERROR,
	"i.example: no SPF record"},
    {"include with an error", D "include:i.example ~all\n"
	"i.example TXT v=spf1 moo", SPF_PERMERROR, "i.example: \"moo\""},
    {"include fails", D "include:i.example ~all\ni.example TXT !FAILED",
	SPF_TEMPERROR, "i.example TXT: servfail"},
    {"an inner temperror", D "include:i.example ~all\n"
	"i.example TXT v=spf1 a\ni.example A !FAILED", SPF_TEMPERROR,
	"i.example A: servfail"},
    {"a failure not reached", D "ip4:192.0.2.1 include:i.example\n"
	"i.example TXT !FAILED", SPF_PASS, "ip4:192.0.2.1"},

    /* a, mx, exists: 5.3, 5.4, 5.7 */
    {"a fails", D "a -all\nd.example A !FAILED", SPF_TEMPERROR,
	"d.example A: servfail"},
    {"mx fails", D "mx -all\nd.example MX !FAILED", SPF_TEMPERROR, "MX"},
    {"mx host fails", D "mx -all\nd.example MX 0 m.example\n"
	"m.example A !FAILED", SPF_TEMPERROR, "m.example A"},
    {"mx of IPv6", D "mx -all\nd.example MX 0 m.example\n"
	"m.example AAAA " IP6, SPF_PASS, "mx", .ip = IP6},
    {"no implicit mx", D "mx -all\nd.example A 192.0.2.1", SPF_FAIL, "-all"},
    {"null mx", D "mx -all\nd.example MX 0 .\n. A 192.0.2.1", SPF_FAIL,
	"-all"},
    {"exists is an A lookup", D "exists:x.example -all\nx.example A 10.0.0.1",
	SPF_PASS, "exists:x.example", .ip = IP6},
    {"exists of AAAA only", D "exists:x.example -all\nx.example AAAA ::2",
	SPF_FAIL, "-all"},
    {"an A that is no A", D "a -all\nd.example AAAA " IP6, SPF_FAIL, "-all"},

    /* Clients: mapped, loopback */
    {"mapped", D "ip4:192.0.2.1 -all", SPF_PASS, "ip4:192.0.2.1",
	.ip = "::ffff:192.0.2.1"},
    {"mapped, against ip6", D "ip6:::ffff:192.0.2.1 -all", SPF_FAIL, "-all",
	.ip = "::ffff:192.0.2.1"},
    {"127/8 gets no pass", D "-all", SPF_FAIL, "-all", .ip = "127.0.0.1"},
    {"::1 gets no pass", D "-all", SPF_FAIL, "-all", .ip = "::1"},

    /* ptr and %{p}: 5.5 */
    {"ptr", D "ptr -all\n1.2.0.192.in-addr.arpa PTR x.d.example\n"
	"x.d.example A 192.0.2.1", SPF_PASS, "ptr"},
    {"ptr not confirmed", D "ptr -all\n1.2.0.192.in-addr.arpa PTR d.example\n"
	"d.example A 192.0.2.2", SPF_FAIL, "-all"},
    {"ptr elsewhere", D "ptr -all\n1.2.0.192.in-addr.arpa PTR xd.example\n"
	"xd.example A 192.0.2.1", SPF_FAIL, "-all"},
    {"ptr with a dot", D "ptr:x.example. -all\n"
	"1.2.0.192.in-addr.arpa PTR Y.x.Example\ny.x.example A 192.0.2.1",
	SPF_PASS, "ptr:x.example."},
    {"ptr of IPv6", D "ptr -all\n" PTR6 ".ip6.arpa PTR d.example\n"
	"d.example AAAA " IP6, SPF_PASS, "ptr", .ip = IP6},
    {"ptr fails", D "ptr -all\n1.2.0.192.in-addr.arpa PTR !FAILED", SPF_FAIL,
	"-all"},
    {"one name fails", D "ptr -all\n1.2.0.192.in-addr.arpa PTR x.example\n"
	"1.2.0.192.in-addr.arpa PTR d.example\nx.example A !FAILED\n"
	"d.example A 192.0.2.1", SPF_PASS, "ptr"},
    {"p prefers the domain", D "-all exp=e.d.example\ne.d.example TXT %{p}\n"
	"1.2.0.192.in-addr.arpa PTR o.example\n"
	"1.2.0.192.in-addr.arpa PTR x.d.example\n"
	"1.2.0.192.in-addr.arpa PTR d.example\n"
	"o.example A 192.0.2.1\nx.d.example A 192.0.2.1\nd.example A 192.0.2.1",
	SPF_FAIL, "-all", "d.example"},
    {"p prefers what is below", D "-all exp=e.d.example\ne.d.example TXT %{p}\n"
	"1.2.0.192.in-addr.arpa PTR o.example\n"
	"1.2.0.192.in-addr.arpa PTR x.d.example\n"
	"o.example A 192.0.2.1\nx.d.example A 192.0.2.1",
	SPF_FAIL, "-all", "x.d.example"},
    {"p takes any", D "-all exp=e.d.example\ne.d.example TXT %{p}\n"
	"1.2.0.192.in-addr.arpa PTR o.example\no.example A 192.0.2.1",
	SPF_FAIL, "-all", "o.example"},
    {"p unknown", D "exists:%{p}.d.example\nunknown.d.example A 127.0.0.2",
	SPF_PASS, "exists:%{p}.d.example"},
    {"p that is no host name", D "-all exp=e.d.example\n"
	"e.d.example TXT %{p}\n1.2.0.192.in-addr.arpa PTR m\xc3.d.example\n"
	"1.2.0.192.in-addr.arpa PTR o.example\no.example A 192.0.2.1\n"
	"m\xc3.d.example A 192.0.2.1", SPF_FAIL, "-all", "o.example"},
    {"p not confirmed", D "exists:%{p}.x.example -all\n"
	"1.2.0.192.in-addr.arpa PTR h.example\nh.example A 10.0.0.1\n"
	"unknown.x.example A 127.0.0.2", SPF_PASS, "exists:%{p}.x.example"},
    {"p fails", D "-all exp=e.d.example\ne.d.example TXT %{p}\n"
	"1.2.0.192.in-addr.arpa PTR !FAILED", SPF_FAIL, "-all", "unknown"},

    /* Limits: 4.6.4 */
    {"ten terms", D "a a a a a a a a a a ip4:192.0.2.1\nd.example A 10.0.0.1",
	SPF_PASS, "ip4:192.0.2.1"},
    {"eleven terms", D "a a a a a a a a a a a ip4:192.0.2.1\n"
	"d.example A 10.0.0.1", SPF_PERMERROR, "more than 10 terms"},
    {"the eleventh is not reached", D "a a a a a a a a a ip4:192.0.2.1 a a\n"
	"d.example A 10.0.0.1", SPF_PASS, "ip4:192.0.2.1"},
    {"counted across includes", D "include:i.example include:i.example -all\n"
	"i.example TXT v=spf1 a a a a\ni.example A 10.0.0.1", SPF_FAIL, "-all"},
    {"too many across includes", D "include:i.example include:i.example -all\n"
	"i.example TXT v=spf1 a a a a a\ni.example A 10.0.0.1",
	SPF_PERMERROR, "more than 10 terms"},
    {"redirect counts", D "a a a a a a a a a a redirect=r.example\n"
	"d.example A 10.0.0.1\nr.example TXT v=spf1 +all", SPF_PERMERROR,
	"more than 10 terms"},
    {"self-include", D "include:d.example -all", SPF_PERMERROR,
	"more than 10 terms"},
    {"a redirect that is not reached", D
	"a a a a a a a a a a ip4:192.0.2.1 redirect=r.example\n"
	"d.example A 10.0.0.1", SPF_PASS, "ip4:192.0.2.1"},
    {"include loop", D "include:i.example\n"
	"i.example TXT v=spf1 include:d.example", SPF_PERMERROR,
	"more than 10 terms"},
    {"redirect loop", D "redirect=d.example", SPF_PERMERROR,
	"more than 10 terms"},
    {"two void lookups", D "a:x.example exists:y.example -all", SPF_FAIL,
	"-all"},
    {"three void lookups", D "a:x.example exists:y.example mx:z.example -all",
	SPF_PERMERROR, "more than 2 void lookups"},
    {"NODATA is void, too", D "a a a -all", SPF_PERMERROR, "void"},
    {"void across includes", D "a:x.example include:i.example a:z.example\n"
	"i.example TXT v=spf1 a:y.example", SPF_PERMERROR, "void"},
    {"mx hosts are not void", D "mx -all\nd.example MX 0 a.example\n"
	"d.example MX 0 b.example\nd.example MX 0 c.example", SPF_FAIL, "-all",
	.ip = IP6},
    /* Whoever connects chooses his names: they must not cost a fail. */
    {"ptr is not void", D "a:x.example a:y.example ptr -all", SPF_FAIL, "-all"},
    {"null mx is not void", D "a:x.example a:y.example mx -all\n"
	"d.example MX 0 .", SPF_FAIL, "-all"},
    {"exp is not void", D "a:x.example a:y.example -all exp=z.example",
	SPF_FAIL, "-all"},
    {"a match ends the count", D "a:x.example a:y.example ip4:192.0.2.1 "
	"a:z.example", SPF_PASS, "ip4:192.0.2.1"},
};
/* clang-format on */

static void
test_fail(
    const struct test *test, const struct spf_answer *answer, const char *what)
{
	fail_msg("%s: %s: got %s, mechanism %s, problem %s, explanation %s, "
		 "local %d, helo %d",
	    test->name, what, spf_result_text(answer->result),
	    answer->mechanism, answer->problem, answer->explanation,
	    answer->read_local, answer->read_helo);
}

static void
answer_check(const struct test *test, const struct spf_answer *answer)
{
	const bool error =
	    answer->result == SPF_PERMERROR || answer->result == SPF_TEMPERROR;

	if (answer->result != test->result)
		test_fail(test, answer, "result");
	if (error ? answer->problem == NULL ||
			strstr(answer->problem, test->detail) == NULL
		  : answer->problem != NULL ||
			strcmp(answer->mechanism, test->detail) != 0)
		test_fail(test, answer, "detail");
	if (!spf_text_equal(answer->explanation, test->explanation))
		test_fail(test, answer, "explanation");
	if (answer->read_local != test->read_local ||
	    answer->read_helo != test->read_helo)
		test_fail(test, answer, "inputs");
}

static struct spf_question
question_make(const struct test *test)
{
	struct spf_question question = {.helo = "mail.d.example",
	    .mail_from = "bob@d.example",
	    .identity = test->identity,
	    .receiver = "mx.example"};

	ipaddr_from_text(
	    &question.client_ip, test->ip == NULL ? "192.0.2.1" : test->ip);
	if (test->from != NULL)
		question.mail_from = test->from;
	if (test->helo != NULL)
		question.helo = test->helo;
	if (test->identity != SPF_HELO)
		question.identity = SPF_MAILFROM;
	return (question);
}

/* Warm, cold, and cold with prefetch: always the same answer. */
static void
check_all_ways(struct zone *zone, const struct test *test)
{
	struct spf_question question = question_make(test);
	struct arena *arena = arena_new();
	struct spf_answer warm, cold;
	struct spf_cost cost;

	assert_int_equal(
	    spf_run(zone, arena, SPF_WARM, &question, &warm, &cost, NULL), 0);
	assert_int_equal(cost.rounds, 0);
	answer_check(test, &warm);
	assert_int_equal(
	    spf_run(zone, arena, SPF_COLD, &question, &cold, &cost, NULL), 0);
	if (!spf_answer_equal(&warm, &cold))
		test_fail(test, &cold, "cold");
	question.prefetch = true;
	assert_int_equal(
	    spf_run(zone, arena, SPF_COLD, &question, &cold, &cost, NULL), 0);
	if (!spf_answer_equal(&warm, &cold))
		test_fail(test, &cold, "prefetch");
	arena_free(arena);
}

static void
test_cases(void **state)
{
	struct zone *zone;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(tests); i++) {
		zone = zone_open(tests[i].zone, false);
		check_all_ways(zone, &tests[i]);
		zone_close(zone);
	}
	assert_true(compiled > ROWS(tests));
}

/* --- RFC 7208 appendix A -------------------------------------------------- */

/*
 * In A.4 the ptr has the domain that it needs: without, it asks for names
 * below ptr._spf.example.com, which no client has.
 */
/* clang-format off */
#define APPENDIX_A							\
	"example.com MX 10 mail-a.example.com\n"			\
	"example.com MX 20 mail-b.example.com\n"			\
	"example.com A 192.0.2.10\n"					\
	"example.com A 192.0.2.11\n"					\
	"amy.example.com A 192.0.2.65\n"				\
	"bob.example.com A 192.0.2.66\n"				\
	"mail-a.example.com A 192.0.2.129\n"				\
	"mail-b.example.com A 192.0.2.130\n"				\
	"example.org MX 10 mail-c.example.org\n"			\
	"mail-c.example.org A 192.0.2.140\n"				\
	"10.2.0.192.in-addr.arpa PTR example.com\n"			\
	"65.2.0.192.in-addr.arpa PTR amy.example.com\n"		\
	"140.2.0.192.in-addr.arpa PTR mail-c.example.org\n"		\
	"4.0.0.10.in-addr.arpa PTR bob.example.com\n"			\
	"mary.mobile-users._spf.example.com A 127.0.0.2\n"		\
	"fred.mobile-users._spf.example.com A 127.0.0.2\n"		\
	"15.15.168.192.joel.remote-users._spf.example.com A 127.0.0.2\n" \
	"16.15.168.192.joel.remote-users._spf.example.com A 127.0.0.2\n" \
	"mobile-users._spf.example.com TXT v=spf1 exists:%{l1r+}.%{d}\n" \
	"remote-users._spf.example.com TXT "				\
	"v=spf1 exists:%{ir}.%{l1r+}.%{d}\n"				\
	"example.net TXT v=spf1 ip4:192.0.2.200 -all\n"		\
	"example.org TXT v=spf1 include:example.com "			\
	"include:example.net -all\n"					\
	"la.example.org TXT v=spf1 redirect=example.org\n"		\
	"ip4._spf.example.com TXT v=spf1 -ip4:192.0.2.0/24 +all\n"	\
	"ptr._spf.example.com TXT v=spf1 -ptr:%{o} +all\n"

static const struct {
	const char *record; /* of example.com */
	const char *passes, *fails; /* clients */
	const char *from; /* NULL: strong-bad@example.com */
} appendix_a[] = {
    {"+all", "192.0.2.1 2001:db8::1", "", NULL},
    {"a -all", "192.0.2.10 192.0.2.11", "192.0.2.65 192.0.2.129", NULL},
    {"a:example.org -all", "", "192.0.2.10 192.0.2.140", NULL},
    {"mx -all", "192.0.2.129 192.0.2.130", "192.0.2.10 192.0.2.140", NULL},
    {"mx:example.org -all", "192.0.2.140", "192.0.2.129", NULL},
    {"mx mx:example.org -all", "192.0.2.129 192.0.2.130 192.0.2.140",
	"192.0.2.131", NULL},
    {"mx/30 mx:example.org/30 -all",
	"192.0.2.128 192.0.2.131 192.0.2.140 192.0.2.143",
	"192.0.2.127 192.0.2.132 192.0.2.139 192.0.2.144", NULL},
    {"ptr -all", "192.0.2.65 192.0.2.10", "192.0.2.140 10.0.0.4 192.0.2.66",
	NULL},
    {"ip4:192.0.2.128/28 -all", "192.0.2.129 192.0.2.143",
	"192.0.2.65 192.0.2.144", NULL},
    {"mx -all", "192.0.2.129 192.0.2.200", "192.0.2.140", "a@example.org"},
    {"mx -all", "192.0.2.129 192.0.2.200", "192.0.2.140", "a@la.example.org"},
#define USERS								\
	"mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all"
    {USERS, "10.0.0.4", "", "mary@example.com"},
    {USERS, "10.0.0.4", "", "fred+list@example.com"},
    {USERS, "192.168.15.15 192.168.15.16 192.0.2.129",
	"192.168.15.17 10.0.0.4", "joel@example.com"},
    {"-include:ip4._spf.%{d} -include:ptr._spf.%{d} +all", "192.0.2.65",
	"10.0.0.4 192.0.2.140", NULL},
};
/* clang-format on */

static void
check_clients(size_t i, const char *clients, enum spf_result result)
{
	char *zone_text = malloc(8192), *list = strdup(clients), *ip, *rest;
	struct test test = {.name = appendix_a[i].record, .result = result};
	struct spf_answer answer;
	struct spf_question question;
	struct spf_cost cost;
	struct arena *arena = arena_new();
	struct zone *zone;

	snprintf(zone_text, 8192, "%sexample.com TXT v=spf1 %s", APPENDIX_A,
	    appendix_a[i].record);
	zone = zone_open(zone_text, false);
	test.from = appendix_a[i].from == NULL ? "strong-bad@example.com"
					       : appendix_a[i].from;
	for (ip = strtok_r(list, " ", &rest); ip != NULL;
	     ip = strtok_r(NULL, " ", &rest)) {
		test.ip = ip;
		question = question_make(&test);
		assert_int_equal(spf_run(zone, arena, SPF_WARM, &question,
				     &answer, &cost, NULL),
		    0);
		if (answer.result != result)
			test_fail(&test, &answer, ip);
	}
	zone_close(zone);
	arena_free(arena);
	free(list);
	free(zone_text);
}

static void
test_appendix_a(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(appendix_a); i++) {
		check_clients(i, appendix_a[i].passes, SPF_PASS);
		check_clients(i, appendix_a[i].fails, SPF_FAIL);
	}
}

/* --- Zones that a table cannot hold --------------------------------------- */

/* Text made by repetition: head, `count` times `part` with its number, tail. */
static char *
text_make(const char *head, const char *part, unsigned count, const char *tail)
{
	const size_t room =
	    strlen(head) + count * (strlen(part) + 20UL) + strlen(tail) + 1;
	char *text = malloc(room), *p = text;
	unsigned i;

	p += sprintf(p, "%s", head);
	for (i = 0; i < count; i++) {
		const char *hash = strchr(part, '#');

		if (hash == NULL)
			p += sprintf(p, "%s", part);
		else
			p += sprintf(p, "%.*s%u%s", (int)(hash - part), part, i,
			    hash + 1);
	}
	sprintf(p, "%s", tail);
	return (text);
}

static void
check_text(char *text, const struct test *test)
{
	struct zone *zone = zone_open(text, false);

	check_all_ways(zone, test);
	zone_close(zone);
	free(text);
}

/* RFC 7208 puts no limit on them; libspf2 holds 63, or 25 of IPv6. */
static void
test_long_records(void **state)
{
	(void)state;
	check_text(text_make(D, "ip4:10.0.0.# ", 70, "ip4:192.0.2.1 -all"),
	    &(struct test){"70 ip4, then one", .result = SPF_PASS,
		.detail = "ip4:192.0.2.1"});
	check_text(text_make(D, "ip4:10.0.0.# ", 70, "-all"),
	    &(struct test){
		"70 ip4, then all", .result = SPF_FAIL, .detail = "-all"});
	check_text(text_make(D, "ip6:2001:db9::# ", 70, "-all"),
	    &(struct test){"70 ip6, then all", .result = SPF_FAIL,
		.detail = "-all", .ip = IP6});
	check_text(text_make(D "redirect=r.example ", "ip4:10.0.0.1 ", 5000,
		       "\nr.example TXT v=spf1 -all"),
	    &(struct test){
		"64 kB, then redirect", .result = SPF_FAIL, .detail = "-all"});
	check_text(text_make(D, "ip4:10.0.0.1 ", 5000, "x"),
	    &(struct test){"64 kB, then an error", .result = SPF_PERMERROR,
		.detail = "\"x\""});
	check_text(text_make(D "a:", ".!", 32000, ".example -all"),
	    &(struct test){
		"64 kB of punctuation", .result = SPF_FAIL, .detail = "-all"});
}

static void
test_counts(void **state)
{
	(void)state;
	check_text(text_make(D, "a ", 5000, "-all\nd.example A 10.0.0.1"),
	    &(struct test){"thousands of terms", .result = SPF_PERMERROR,
		.detail = "more than 10 terms"});
	check_text(text_make(D "mx -all\n", "d.example MX 0 m#.example\n", 9,
		       "d.example MX 0 x.example\nx.example A 192.0.2.1"),
	    &(struct test){"ten mx", .result = SPF_PASS, .detail = "mx"});
	check_text(text_make(D "mx -all\n", "d.example MX 0 m#.example\n", 11,
		       "m0.example A 192.0.2.1"),
	    &(struct test){"eleven mx, the first matches",
		.result = SPF_PERMERROR, .detail = "more than 10 MX"});
	check_text(text_make(D "ptr -all\n",
		       "1.2.0.192.in-addr.arpa PTR p#.d.example\n", 11,
		       "p9.d.example A 192.0.2.1"),
	    &(struct test){
		"the tenth ptr", .result = SPF_PASS, .detail = "ptr"});
	check_text(text_make(D "ptr -all\n",
		       "1.2.0.192.in-addr.arpa PTR p#.d.example\n", 11,
		       "p10.d.example A 192.0.2.1"),
	    &(struct test){
		"the eleventh ptr", .result = SPF_FAIL, .detail = "-all"});
	check_text(text_make(D "a -all\n", "d.example A 10.0.0.#\n", 200,
		       "d.example A 192.0.2.1"),
	    &(struct test){
		"any number of addresses", .result = SPF_PASS, .detail = "a"});
}

/* Ten includes in each of ten records: libspf2 alone evaluates 10^10. */
static void
test_include_bomb(void **state)
{
	char *text = text_make(D, "include:b#.example ", 10, "\n"), *more,
	     part[32];
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		snprintf(part, sizeof(part), "b%u.example TXT v=spf1 ", i);
		more = text_make(part, "include:b#.example ", 10, "\n");
		text = realloc(text, strlen(text) + strlen(more) + 1);
		strcat(text, more);
		free(more);
	}
	compiled = 0;
	check_text(text, &(struct test){"include bomb", .result = SPF_PERMERROR,
			     .detail = "more than 10 terms"});
	/* Three checks of at most eleven records each, by a few rounds. */
	assert_in_range(compiled, 1, 3 * 11 * 3);
}

/* CVE-2023-42118: what overflowed the library's stack, in each place. */
static void
test_cve_2023_42118(void **state)
{
	static const char exp[] = D "-all exp=e.d.example\ne.d.example TXT ";
	char *literal = text_make("", "x", 3600, ""), *tail;
	/* Cut at 512 octets. */
	char *explanation = text_make("", "d.example", 57, "");

	(void)state;
	explanation[512] = '\0';
	check_text(text_make(exp, "%{d}", 127, "abcd"),
	    &(struct test){"in the explanation", .result = SPF_FAIL,
		.detail = "-all", .explanation = explanation});
	tail = text_make(literal, "", 0, ".e.%{d} -all");
	check_text(text_make(D "exists:", "%{d}", 127, tail),
	    &(struct test){
		"in a mechanism", .result = SPF_FAIL, .detail = "-all"});
	check_text(text_make(D "moo=", "%{d}", 127, tail),
	    &(struct test){
		"in a modifier", .result = SPF_FAIL, .detail = "-all"});
	check_text(text_make(D "exp=", "%{d}", 127, tail),
	    &(struct test){"in exp=", .result = SPF_FAIL, .detail = "-all"});
	free(tail);
	tail = text_make(literal, "", 0, ".e.%{d}");
	check_text(text_make(D "redirect=", "%{d}", 127, tail),
	    &(struct test){"in redirect=", .result = SPF_PERMERROR,
		.detail = "no SPF record"});
	free(tail);
	free(literal);
	free(explanation);
}

static void
add_txt(struct zone *zone, const char *owner, const void *text, size_t len)
{
	struct dname name;
	struct zone_entry *entry;

	assert_int_equal(dname_from_text(&name, owner), 0);
	entry = zone_add(
	    zone, &name, RR_TXT, zone_set(RR_PRESENT, RR_FAILURE_NONE));
	entry->given = true;
	rrset_add_txt(entry->set, text, len);
}

/* `text` with "|" between the strings of one record. */
static void
add_strings(struct zone *zone, const char *owner, const char *text)
{
	uint8_t data[512], *length = data, *p = data + 1;
	struct zone_entry *entry;
	struct dname name;

	assert_int_equal(dname_from_text(&name, owner), 0);
	entry = zone_add(
	    zone, &name, RR_TXT, zone_set(RR_PRESENT, RR_FAILURE_NONE));
	entry->given = true;
	for (; *text != '\0'; text++) {
		if (*text != '|') {
			*p++ = (uint8_t)*text;
			continue;
		}
		*length = (uint8_t)(p - length - 1);
		length = p++;
	}
	*length = (uint8_t)(p - length - 1);
	rrset_add(entry->set, data, (size_t)(p - data));
}

/* RFC 7208 3.3, 6.2: strings are joined without spaces. */
static void
test_strings(void **state)
{
	static const struct {
		const char *record, *exp;
		struct test test;
	} rows[] = {
	    {"v=sp|f1 ip4:192.|0.2.1 -a|ll", "",
		{"split anywhere", .result = SPF_PASS,
		    .detail = "ip4:192.0.2.1"}},
	    {"|v=spf1| -all|", "",
		{"empty strings", .result = SPF_FAIL, .detail = "-all"}},
	    {"v=spf1|", "",
		{"only a version", .result = SPF_NEUTRAL, .detail = "default"}},
	    {"v=spf1 ip4:192.0.2.1|-all", "",
		{"a forgotten space", .result = SPF_PERMERROR,
		    .detail = "ip4:192.0.2.1-all"}},
	    {"v=spf1|-all", "",
		{"another version", .result = SPF_NONE, .detail = "default"}},
	    {"v=spf1 -all exp=e.|d.example", "%{|d}| no",
		{"explanation", .result = SPF_FAIL, .detail = "-all",
		    .explanation = "d.example no"}},
	};
	struct zone *zone;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		zone = zone_open("", false);
		add_strings(zone, "d.example", rows[i].record);
		add_strings(zone, "e.d.example", rows[i].exp);
		check_all_ways(zone, &rows[i].test);
		zone_close(zone);
	}
}

/* A NUL does not end a text: it makes it wrong. */
static void
test_nul(void **state)
{
	struct zone *zone = zone_open("x.example A 192.0.2.1", false);

	(void)state;
	add_txt(zone, "d.example", "v=spf1 ip4:192.0.2.1\0 -all", 26);
	check_all_ways(
	    zone, &(struct test){"NUL in a record", .result = SPF_PERMERROR,
		      .detail = "ip4:192.0.2.1?"});
	zone_close(zone);
	zone = zone_open(D "-all exp=e.d.example", false);
	add_txt(zone, "e.d.example", "a\0b", 3);
	check_all_ways(zone, &(struct test){"NUL in an explanation",
				 .result = SPF_FAIL, .detail = "-all"});
	zone_close(zone);
}

/* --- Rounds --------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *zone;
	const char *ip;
	unsigned rounds, questions;	    /* cold */
	unsigned rounds_pre, questions_pre; /* cold, with prefetch */
} rounds[] = {
    {"provider: 3 includes and mx",
	D
	"include:a.example include:b.example include:c.example mx -all\n"
	"a.example TXT v=spf1 ip4:10.0.0.1\nb.example TXT v=spf1 ip4:10.0.0.2\n"
	"c.example TXT v=spf1 ip4:10.0.0.3\nd.example MX 0 m.example\n"
	"d.example MX 0 n.example\nm.example A 10.0.0.4\nn.example A 192.0.2.1",
	NULL, 3, 7, 3, 7},
    {"nested includes: as deep as they are",
	D "include:a.example include:b.example -all\n"
	  "a.example TXT v=spf1 include:a1.example include:a2.example\n"
	  "b.example TXT v=spf1 include:b1.example a:b2.example\n"
	  "a1.example TXT v=spf1 ip4:10.0.0.1\na2.example TXT v=spf1 a\n"
	  "b1.example TXT v=spf1 mx\nb2.example A 10.0.0.1\n"
	  "a2.example A 10.0.0.1\nb1.example MX 0 m.example\n"
	  "m.example A 192.0.2.1",
	NULL, 5, 10, 5, 10},
    {"nothing behind a certain match",
	D "a:x.example ip4:192.0.2.1 a:y.example include:z.example\n"
	  "x.example A 10.0.0.1",
	NULL, 2, 2, 2, 2},
    {"nothing behind a match of an include",
	D "include:a.example include:b.example\n"
	  "a.example TXT v=spf1 ip4:192.0.2.1 a:y.example\n"
	  "b.example TXT v=spf1 a:z.example",
	NULL, 2, 3, 2, 3},
    {"nothing behind three void lookups",
	D "include:a.example a:x.example a:y.example a:z.example "
	  "include:b.example\na.example TXT v=spf1 a:w.example\n"
	  "b.example TXT v=spf1 a:v.example",
	NULL, 3, 7, 3, 7},
    {"names by macros, one by one",
	D "exists:%{i}.x.example exists:%{l}.x.example exists:%{h}.x.example "
	  "-all\n192.0.2.1.x.example NS x.example\nbob.x.example NS x.example\n"
	  "mail.d.example.x.example A 127.0.0.2",
	NULL, 4, 4, 2, 4},
    {"the explanation's name beside the last",
	D "a -all exp=e.example\nd.example A 10.0.0.1\ne.example TXT no", NULL,
	3, 3, 2, 3},
    {"the client's name",
	D "exists:%{p}.x.example -all\n1.2.0.192.in-addr.arpa PTR m.example\n"
	  "1.2.0.192.in-addr.arpa PTR n.example\nm.example A 10.0.0.1\n"
	  "n.example A 192.0.2.1\nn.example.x.example A 127.0.0.2",
	NULL, 4, 5, 4, 5},
    {"no macros behind an unknown client name",
	D "ptr exists:%{i}.x.example -all\n"
	  "192.0.2.1.x.example A 127.0.0.2",
	NULL, 3, 3, 2, 3},
    {"no invented names",
	D "a:x.example exists:%{p}.x.example a:y.example -all\n"
	  "x.example A 192.0.2.1",
	NULL, 2, 3, 2, 3},
    {"both families: one is asked",
	D "mx -all\nd.example MX 0 m.example\n"
	  "m.example A 192.0.2.1\nm.example AAAA " IP6,
	IP6, 3, 3, 3, 3},
};

static void
rounds_check(size_t i, struct zone *zone, bool prefetch, unsigned most,
    unsigned questions)
{
	struct test test = {.ip = rounds[i].ip};
	struct spf_question question = question_make(&test);
	struct arena *arena = arena_new();
	struct spf_answer answer;
	struct spf_cost cost;

	question.prefetch = prefetch;
	spf_run(zone, arena, SPF_COLD, &question, &answer, &cost, NULL);
	if (cost.rounds != most || cost.questions != questions)
		fail_msg("%s%s: %u rounds, %u questions", rounds[i].name,
		    prefetch ? " (prefetch)" : "", cost.rounds, cost.questions);
	arena_free(arena);
}

static void
test_rounds(void **state)
{
	struct zone *zone;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rounds); i++) {
		zone = zone_open(rounds[i].zone, false);
		rounds_check(
		    i, zone, false, rounds[i].rounds, rounds[i].questions);
		rounds_check(i, zone, true, rounds[i].rounds_pre,
		    rounds[i].questions_pre);
		zone_close(zone);
	}
}

/* --- The fields of the answer --------------------------------------------- */

static void
test_identity(void **state)
{
	static const struct {
		const char *from;
		enum spf_identity asked, identity;
		const char *domain;
	} rows[] = {
	    {"bob@D.Example", SPF_MAILFROM, SPF_MAILFROM, "D.Example"},
	    {"bob@d.example.", SPF_MAILFROM, SPF_MAILFROM, "d.example"},
	    {"", SPF_MAILFROM, SPF_HELO, "mail.d.example"},
	    {"bob@d.example", SPF_HELO, SPF_HELO, "mail.d.example"},
	    {"bob@[192.0.2.1]", SPF_MAILFROM, SPF_MAILFROM, "[192.0.2.1]"},
	};
	struct zone *zone = zone_open(D "-all", false);
	struct test test = {0};
	struct spf_question question;
	struct spf_answer answer;
	struct spf_cost cost;
	struct arena *arena;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		arena = arena_new();
		question = question_make(&test);
		question.mail_from = rows[i].from;
		question.identity = rows[i].asked;
		spf_run(zone, arena, SPF_WARM, &question, &answer, &cost, NULL);
		assert_int_equal(answer.identity, rows[i].identity);
		assert_string_equal(answer.domain, rows[i].domain);
		arena_free(arena);
	}
	zone_close(zone);
}

/* RFC 7208 7.3: "unknown" stands in for a receiver without a name. */
static void
test_receiver(void **state)
{
	static const char *const rows[][2] = {
	    {NULL, "unknown"}, {"", "unknown"}, {"x", "x"}};
	struct zone *zone =
	    zone_open(D "-all exp=e.d.example\ne.d.example TXT %{r}", false);
	struct spf_question question = question_make(&(struct test){0});
	struct arena *arena = arena_new();
	struct spf_answer answer;
	struct spf_cost cost;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		question.receiver = rows[i][0];
		spf_run(zone, arena, SPF_WARM, &question, &answer, &cost, NULL);
		assert_string_equal(answer.explanation, rows[i][1]);
	}
	arena_free(arena);
	zone_close(zone);
}

/* The scope tells what the answer rests on, not what was at hand besides. */
static void
test_scope(void **state)
{
	struct zone *zone = zone_open(D "a ip4:192.0.2.1 mx -all\n"
					"d.example A 10.0.0.1\n"
					"d.example MX 0 m.example",
	    false);
	struct spf_question question = question_make(&(struct test){0});
	struct arena *arena = arena_new();
	struct spf_answer answer;
	struct spf_cost cost;

	(void)state;
	spf_run(zone, arena, SPF_WARM, &question, &answer, &cost, NULL);
	assert_int_equal(answer.read.asked, 2);
	assert_int_equal(answer.read.missing, 0);
	assert_int_equal(answer.read.failed, 0);
	assert_int_equal(answer.read.dnssec, DNSSEC_INSECURE);
	assert_int_equal(answer.read.expires, ZONE_NOW + 299000);
	arena_free(arena);
	zone_close(zone);
}

/* No time left: what is missing has timed out. */
static void
test_final(void **state)
{
	struct zone *zone = zone_open(D "a -all\nd.example A 192.0.2.1", true);
	const struct view_source source = zone_source(zone);
	struct spf_question question = question_make(&(struct test){0});
	struct arena *arena = arena_new();
	struct spf_answer answer;
	struct view *view;

	(void)state;
	view = view_open(arena, &source, ZONE_NOW, 0, VIEW_FINAL);
	spf_check(view, &question, &answer);
	assert_false(view_missing(view));
	assert_int_equal(answer.result, SPF_TEMPERROR);
	assert_string_equal(answer.problem, "d.example TXT: timeout");
	view_close(view);
	arena_free(arena);
	zone_close(zone);
}

/*
 * The library calls its handler when it cannot go on, from wherever it is. The
 * check ends, the daemon does not. What the library held then is lost, so this
 * runs in a child, where no one counts it.
 */
static void
test_library_error(void **state)
{
	struct zone *zone = zone_open(D "include:i.example -all\n"
					"i.example TXT v=spf1 a\n"
					"i.example A 192.0.2.1",
	    false);
	struct spf_question question = question_make(&(struct test){0});
	struct arena *arena = arena_new();
	struct spf_answer broken, whole;
	struct spf_cost cost;
	int status = -1;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		library_breaks = true;
		spf_run(zone, arena, SPF_WARM, &question, &broken, &cost, NULL);
		spf_run(zone, arena, SPF_WARM, &question, &whole, &cost, NULL);
		/* Its good end is SIGKILL: no leak checker looks at it. */
		if (broken.result == SPF_TEMPERROR &&
		    strcmp(broken.problem, "libspf2 gave up") == 0 &&
		    whole.result == SPF_PASS)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	arena_free(arena);
	zone_close(zone);
}

int
main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_appendix_a),
	    cmocka_unit_test(test_long_records),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_include_bomb),
	    cmocka_unit_test(test_cve_2023_42118),
	    cmocka_unit_test(test_strings),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_rounds),
	    cmocka_unit_test(test_identity),
	    cmocka_unit_test(test_receiver),
	    cmocka_unit_test(test_scope),
	    cmocka_unit_test(test_final),
	    cmocka_unit_test(test_library_error),
	};

	return (cmocka_run_group_tests(all, NULL, NULL));
}
