/* SPDX-License-Identifier: ISC */
#include "spf_record.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "abnf.h"
#include "spf_macro.h"

#define VERSION "v=spf1"

/* What may follow a mechanism's name (RFC 7208 5). */
enum argument {
	ARGUMENT_NONE,
	ARGUMENT_DOMAIN,	/* ":" domain-spec */
	ARGUMENT_DOMAIN_MAYBE,	/* [ ":" domain-spec ] */
	ARGUMENT_DOMAIN_PREFIX, /* ... [ dual-cidr-length ] */
	ARGUMENT_NETWORK	/* ":" network [ cidr-length ] */
};

static const struct mechanism {
	const char *name;
	enum spf_kind kind;
	enum argument argument;
} mechanisms[] = {
    {"all", SPF_ALL, ARGUMENT_NONE},
    {"include", SPF_INCLUDE, ARGUMENT_DOMAIN},
    {"a", SPF_A, ARGUMENT_DOMAIN_PREFIX},
    {"mx", SPF_MX, ARGUMENT_DOMAIN_PREFIX},
    {"ptr", SPF_PTR, ARGUMENT_DOMAIN_MAYBE},
    {"ip4", SPF_IP4, ARGUMENT_NETWORK},
    {"ip6", SPF_IP6, ARGUMENT_NETWORK},
    {"exists", SPF_EXISTS, ARGUMENT_DOMAIN},
};

bool
spf_record_is(const char *text, size_t len)
{
	const size_t version = strlen(VERSION);

	return (len >= version && strncasecmp(text, VERSION, version) == 0 &&
		(len == version || text[version] == ' '));
}

void
spf_cursor_open(struct spf_cursor *cursor, const char *text, size_t len)
{
	*cursor = (struct spf_cursor){
	    .at = text + strlen(VERSION), .end = text + len};
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ); 0: there is none. */
static size_t
name_length(const char *p, const char *end)
{
	const char *start = p;

	if (p == end || !abnf_is_alpha(*p))
		return (0);
	while (p < end && (abnf_is_alpha(*p) || abnf_is_digit(*p) ||
			      *p == '-' || *p == '_' || *p == '.'))
		p++;
	return ((size_t)(p - start));
}

static bool
name_is(const char *p, size_t len, const char *name)
{
	return (len == strlen(name) && strncasecmp(p, name, len) == 0);
}

/*
 * Takes "/" digits (`mark` "/" or "//") from the end of the text [p, *end).
 * RFC 7208 5.6: no leading zero, at most `max`. Returns -1 when it is there and
 * wrong; when it is not there, 0, too.
 */
static int
prefix_take(const char *p, const char **end, const char *mark, unsigned max,
    uint8_t *bits)
{
	const char *digits = *end, *stop = *end;
	const size_t len = strlen(mark);
	unsigned value = 0;

	while (digits > p && abnf_is_digit(digits[-1]))
		digits--;
	if (digits == stop || (size_t)(digits - p) < len ||
	    memcmp(digits - len, mark, len) != 0)
		return (0);
	*end = digits - len;
	if (stop - digits > 3 || (*digits == '0' && stop - digits > 1))
		return (-1);
	for (; digits < stop; digits++)
		value = value * 10 + (unsigned)(*digits - '0');
	*bits = (uint8_t)value;
	return (value <= max ? 0 : -1);
}

/* dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ] */
static const char *
prefixes_parse(const char *p, const char **end, struct spf_term *term)
{
	if (prefix_take(p, end, "//", 128, &term->bits6) == -1)
		return ("IPv6 prefix length is not 0 to 128");
	if (prefix_take(p, end, "/", 32, &term->bits4) == -1)
		return ("IPv4 prefix length is not 0 to 32");
	return (NULL);
}

static const char *
target_parse(const char *p, const char *end, struct spf_term *term)
{
	term->target = p;
	term->target_len = (size_t)(end - p);
	if (p == end)
		return ("domain is empty");
	if (!spf_macro_is_domain(p, term->target_len))
		return ("domain is not valid");
	return (NULL);
}

static const char *
network_parse(const char *p, const char *end, struct spf_term *term)
{
	const bool ip4 = term->kind == SPF_IP4;
	char text[INET6_ADDRSTRLEN];

	if (prefix_take(p, &end, "/", ip4 ? 32 : 128,
		ip4 ? &term->bits4 : &term->bits6) == -1)
		return ("prefix length is out of range");
	if ((size_t)(end - p) >= sizeof(text) ||
	    memchr(p, '\0', (size_t)(end - p)) != NULL)
		return ("address is not valid");
	memcpy(text, p, (size_t)(end - p));
	text[end - p] = '\0';
	/* inet_pton() takes what RFC 7208 5.6 and RFC 4291 2.2 allow. */
	if (inet_pton(ip4 ? AF_INET : AF_INET6, text, term->net.addr) != 1)
		return ("address is not valid");
	term->net.octets = ip4 ? 4 : 16;
	return (NULL);
}

static const char *
argument_parse(const char *p, const char *end, enum argument argument,
    struct spf_term *term)
{
	const char *problem;

	term->bits4 = 32;
	term->bits6 = 128;
	if (argument == ARGUMENT_DOMAIN_PREFIX) {
		problem = prefixes_parse(p, &end, term);
		if (problem != NULL)
			return (problem);
	}
	if (p == end)
		return (
		    argument == ARGUMENT_DOMAIN || argument == ARGUMENT_NETWORK
			? "argument is missing"
			: NULL);
	if (*p != ':' || argument == ARGUMENT_NONE)
		return ("argument is not valid");
	p++;
	if (argument == ARGUMENT_NETWORK)
		return (network_parse(p, end, term));
	return (target_parse(p, end, term));
}

/* directive = [ qualifier ] mechanism */
static const char *
directive_parse(const char *p, const char *end, struct spf_term *term)
{
	static const enum spf_result meaning[] = {
	    SPF_PASS, SPF_FAIL, SPF_NEUTRAL, SPF_SOFTFAIL};
	static const char qualifiers[] = "+-?~";
	const char *q = *p == '\0' ? NULL : strchr(qualifiers, *p);
	const struct mechanism *mechanism;
	size_t len, i;

	/* RFC 7208 4.6.2: the qualifier defaults to "+". */
	term->qualifier = q == NULL ? SPF_PASS : meaning[q - qualifiers];
	if (q != NULL)
		p++;
	len = name_length(p, end);
	for (i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		mechanism = &mechanisms[i];
		if (name_is(p, len, mechanism->name)) {
			term->kind = mechanism->kind;
			return (argument_parse(
			    p + len, end, mechanism->argument, term));
		}
	}
	return ("mechanism is unknown");
}

/* RFC 7208 6: redirect and exp have a domain-spec and come once at most. */
static const char *
known_modifier_parse(const char *p, const char *end, enum spf_kind kind,
    bool *seen, struct spf_term *term)
{
	term->kind = kind;
	if (*seen)
		return ("modifier comes twice");
	*seen = true;
	return (target_parse(p, end, term));
}

static const char *
modifier_parse(struct spf_cursor *cursor, const char *p, size_t len,
    const char *end, struct spf_term *term)
{
	const char *value = p + len + 1;

	if (name_is(p, len, "redirect"))
		return (known_modifier_parse(
		    value, end, SPF_REDIRECT, &cursor->redirect, term));
	if (name_is(p, len, "exp"))
		return (known_modifier_parse(
		    value, end, SPF_EXP, &cursor->exp, term));
	/* RFC 7208 6: unknown ones are ignored, but have a grammar. */
	term->kind = SPF_OTHER;
	if (!spf_macro_is_string(value, (size_t)(end - value)))
		return ("modifier's value is not valid");
	return (NULL);
}

/* RFC 7208 4.6.1: terms = *( 1*SP ( directive / modifier ) ) */
bool
spf_cursor_next(struct spf_cursor *cursor, struct spf_term *term)
{
	const char *p = cursor->at, *end;
	size_t len;

	if (cursor->problem != NULL)
		return (false);
	while (p < cursor->end && *p == ' ')
		p++;
	if (p == cursor->end)
		return (false);
	end = memchr(p, ' ', (size_t)(cursor->end - p));
	if (end == NULL)
		end = cursor->end;
	memset(term, 0, sizeof(*term));
	term->text = p;
	term->len = (size_t)(end - p);
	len = name_length(p, end);
	/* A modifier has "=" after its name, before any ":" or "/". */
	if (len > 0 && p + len < end && p[len] == '=')
		cursor->problem = modifier_parse(cursor, p, len, end, term);
	else
		cursor->problem = directive_parse(p, end, term);
	cursor->at = end;
	if (cursor->problem == NULL)
		return (true);
	cursor->bad = term->text;
	cursor->bad_len = term->len;
	return (false);
}
