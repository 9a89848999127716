/* SPDX-License-Identifier: ISC */
#include "spf_macro.h"

#include <stdio.h>
#include <string.h>

#include "abnf.h"

/*
 * Of the local-part and the HELO name no more than this is expanded. RFC 5321
 * 4.5.3.1 allows 64 and 255 octets; without a bound a record of 64 kB could
 * multiply a sender of 64 kB.
 */
#define INPUT_MAX 512

/* %{s}: local-part, "@", domain. The longest that a letter can stand for. */
#define VALUE_MAX (INPUT_MAX + 1 + INPUT_MAX)

/* A TXT record has no more octets, so it has no more tokens. */
#define TOKENS_MAX 65536

/* At least as many parts as a name has labels (RFC 7208 7.3: 127). */
#define PARTS_MAX 1000

/* One macro-expand or macro-literal. */
struct token {
	enum { TOKEN_LITERAL, TOKEN_MACRO } kind;
	const char *text; /* TOKEN_LITERAL: what it stands for */
	size_t len;
	char letter; /* TOKEN_MACRO, in lower case */
	bool escape; /* the letter was in upper case: URL escaping */
	bool reverse;
	unsigned parts; /* right-hand parts to keep; 0: all */
	const char *delimiters;
	size_t ndelimiters; /* 0: "." */
};

static char
letter_lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
}

static bool
octet_is_alnum(char c)
{
	return (abnf_is_alpha(c) || abnf_is_digit(c));
}

/* *DIGIT of the transformers. RFC 7208 7.3: if specified, it is not zero. */
static const char *
parts_parse(const char *p, const char *end, unsigned *parts)
{
	const char *start = p;

	*parts = 0;
	for (; p < end && abnf_is_digit(*p); p++)
		if (*parts < PARTS_MAX)
			*parts = *parts * 10 + (unsigned)(*p - '0');
	return (p > start && *parts == 0 ? NULL : p);
}

/* RFC 7208 7.1: "%{" macro-letter transformers *delimiter "}" */
static const char *
macro_parse(const char *p, const char *end, struct token *token)
{
	p += 2;
	if (p == end)
		return (NULL);
	token->kind = TOKEN_MACRO;
	token->letter = letter_lower(*p);
	token->escape = token->letter != *p;
	if (*p == '\0' || strchr("slodiphcrtv", token->letter) == NULL)
		return (NULL);
	p = parts_parse(p + 1, end, &token->parts);
	if (p == NULL)
		return (NULL);
	token->reverse = p < end && letter_lower(*p) == 'r';
	if (token->reverse)
		p++;
	token->delimiters = p;
	while (p < end && *p != '\0' && strchr(".-+,/_=", *p) != NULL)
		p++;
	token->ndelimiters = (size_t)(p - token->delimiters);
	return (p < end && *p == '}' ? p + 1 : NULL);
}

/*
 * Reads one token and returns what follows it, or NULL for a syntax error.
 * `space`: an explanation, in which a space is a literal, too.
 */
static const char *
token_parse(const char *p, const char *end, bool space, struct token *token)
{
	memset(token, 0, sizeof(*token));
	token->text = p;
	token->len = 1;
	if (*p != '%')
		/* RFC 7208 7.1: a literal is a visible character. */
		return ((*p > ' ' && *p <= '~') || (space && *p == ' ') ? p + 1
									: NULL);
	if (end - p < 2)
		return (NULL);
	switch (p[1]) {
	case '%':
		return (p + 2);
	case '_':
		token->text = " ";
		return (p + 2);
	case '-':
		token->text = "%20";
		token->len = 3;
		return (p + 2);
	case '{':
		token->len = 0;
		return (macro_parse(p, end, token));
	default:
		/* RFC 7208 7.3: any other "%" is a syntax error. */
		return (NULL);
	}
}

static bool
text_is_valid(const char *text, size_t len, bool space)
{
	const char *p = text, *end = text + len;
	struct token token;

	while (p != NULL && p < end)
		p = token_parse(p, end, space, &token);
	return (p != NULL);
}

bool
spf_macro_is_string(const char *text, size_t len)
{
	return (text_is_valid(text, len, false));
}

bool
spf_macro_is_explanation(const char *text, size_t len)
{
	return (text_is_valid(text, len, true));
}

/*
 * RFC 7208 7.1: "." toplabel [ "." ], at the end of a literal. A toplabel is
 * letters, digits and inner hyphens, and not digits alone.
 */
static bool
ends_in_toplabel(const char *text, size_t len)
{
	const char *end = text + len, *p;
	bool digits = true;

	if (len > 0 && end[-1] == '.')
		end--;
	for (p = end; p > text && p[-1] != '.'; p--) {
		if (!octet_is_alnum(p[-1]) && p[-1] != '-')
			return (false);
		digits = digits && abnf_is_digit(p[-1]);
	}
	return (p > text && p < end && !digits && *p != '-' && end[-1] != '-');
}

bool
spf_macro_is_domain(const char *text, size_t len)
{
	const char *p = text, *end = text + len, *last = text;
	struct token token;

	while (p < end) {
		last = p;
		p = token_parse(p, end, false, &token);
		if (p == NULL)
			return (false);
		/* RFC 7208 7.2: c, r and t are for explanations only. */
		if (token.kind == TOKEN_MACRO &&
		    strchr("crt", token.letter) != NULL)
			return (false);
	}
	/* RFC 7208 7.1: domain-end is a macro-expand or a toplabel. */
	return ((len > 0 && *last == '%') || ends_in_toplabel(text, len));
}

bool
spf_macro_uses(const char *text, size_t len, char letter)
{
	const char *p = text, *end = text + len;
	struct token token;

	while (p < end) {
		p = token_parse(p, end, true, &token);
		if (p == NULL)
			return (false);
		if (token.kind == TOKEN_MACRO &&
		    (letter == '\0' || token.letter == letter))
			return (true);
	}
	return (false);
}

/*
 * Where an expansion goes. A name is cut from its left side (RFC 7208 7.3),
 * so only its tail is kept; of an explanation, only its head.
 */
struct sink {
	char buf[2 * SPF_TEXT_MAX];
	size_t len;
	bool tail;
	size_t read; /* octets of the values that were put in */
};

static void
sink_put(struct sink *sink, char c)
{
	if (sink->len == sizeof(sink->buf)) {
		if (!sink->tail)
			return;
		sink->len = sizeof(sink->buf) / 2;
		memmove(sink->buf, sink->buf + sink->len, sink->len);
	}
	sink->buf[sink->len++] = c;
}

static bool
sink_is_full(const struct sink *sink)
{
	return (sink->read > SPF_READ_MAX ||
		(!sink->tail && sink->len == sizeof(sink->buf)));
}

/* RFC 7208 7.3, RFC 3986 2.3: all but the unreserved set is escaped. */
static void
sink_put_escaped(struct sink *sink, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	const unsigned char octet = (unsigned char)c;

	if (octet_is_alnum(c) || (c != '\0' && strchr("-._~", c) != NULL)) {
		sink_put(sink, c);
		return;
	}
	sink_put(sink, '%');
	sink_put(sink, hex[octet >> 4]);
	sink_put(sink, hex[octet & 15]);
}

static bool
is_delimiter(const struct token *token, char c)
{
	if (token->ndelimiters == 0)
		return (c == '.');
	return (memchr(token->delimiters, c, token->ndelimiters) != NULL);
}

/* A run of parts, joined by dots whatever had split them (RFC 7208 7.3). */
static void
parts_put(struct sink *sink, const struct token *token, const char *p,
    const char *end)
{
	char c;

	for (; p < end; p++) {
		c = is_delimiter(token, *p) ? '.' : *p;
		if (token->escape)
			sink_put_escaped(sink, c);
		else
			sink_put(sink, c);
	}
}

/* The right-most parts, in order. */
static void
parts_put_forward(struct sink *sink, const struct token *token,
    const char *value, size_t len, size_t skip)
{
	const char *p = value, *end = value + len;

	for (; skip > 0; p++)
		if (is_delimiter(token, *p))
			skip--;
	parts_put(sink, token, p, end);
}

/* The same after reversal: the left-most parts, from the last to the first. */
static void
parts_put_reversed(struct sink *sink, const struct token *token,
    const char *value, size_t len, size_t skip)
{
	const char *p, *end = value + len;

	for (; skip > 0; end--)
		if (is_delimiter(token, end[-1]))
			skip--;
	for (;;) {
		for (p = end; p > value && !is_delimiter(token, p[-1]); p--)
			;
		parts_put(sink, token, p, end);
		if (p == value)
			return;
		sink_put(sink, '.');
		end = p - 1;
	}
}

static void
value_put(struct sink *sink, const struct token *token, const char *value)
{
	const size_t len = strlen(value);
	size_t parts = 1, skip, i;

	sink->read += len;
	if (token->parts == 0 && !token->reverse && token->ndelimiters == 0) {
		/* No transformer and no delimiter: nothing is split. */
		struct token whole = *token;

		whole.ndelimiters = 1;
		whole.delimiters = "";
		parts_put(sink, &whole, value, value + len);
		return;
	}
	for (i = 0; i < len; i++)
		parts += is_delimiter(token, value[i]);
	skip =
	    token->parts > 0 && token->parts < parts ? parts - token->parts : 0;
	if (token->reverse)
		parts_put_reversed(sink, token, value, len, skip);
	else
		parts_put_forward(sink, token, value, len, skip);
}

/* RFC 7208 7.3: "i" is dotted, for IPv6 by nibbles (so that %{ir} works). */
static const char *
address_dotted(const struct ipaddr *ip, char buf[VALUE_MAX + 1])
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = buf;
	unsigned i;

	if (ip->octets != 16)
		return (ipaddr_text(ip, buf));
	for (i = 0; i < 16; i++) {
		*out++ = hex[ip->addr[i] >> 4];
		*out++ = '.';
		*out++ = hex[ip->addr[i] & 15];
		*out++ = '.';
	}
	out[-1] = '\0';
	return (buf);
}

static const char *
input_cut(const char *input, char buf[VALUE_MAX + 1])
{
	snprintf(buf, VALUE_MAX + 1, "%.*s", INPUT_MAX, input);
	return (buf);
}

/* RFC 7208 7.2 and 7.3 */
static const char *
letter_value(struct spf_macros *macros, char letter, char buf[VALUE_MAX + 1])
{
	switch (letter) {
	case 's':
		macros->read_local = true;
		snprintf(buf, VALUE_MAX + 1, "%.*s@%.*s", INPUT_MAX,
		    macros->local, INPUT_MAX, macros->origin);
		return (buf);
	case 'l':
		macros->read_local = true;
		return (input_cut(macros->local, buf));
	case 'o':
		return (input_cut(macros->origin, buf));
	case 'd':
		return (input_cut(macros->domain, buf));
	case 'i':
		return (address_dotted(macros->client_ip, buf));
	case 'p':
		return (macros->client_name(macros->arg, macros->domain));
	case 'v':
		return (macros->client_ip->octets == 4 ? "in-addr" : "ip6");
	case 'h':
		macros->read_helo = true;
		return (input_cut(macros->helo, buf));
	case 'c':
		return (ipaddr_text(macros->client_ip, buf));
	case 'r':
		return (input_cut(macros->receiver, buf));
	default: /* 't' */
		macros->read_time = true;
		snprintf(buf, VALUE_MAX + 1, "%lld", (long long)macros->now);
		return (buf);
	}
}

static void
token_put(
    struct sink *sink, struct spf_macros *macros, const struct token *token)
{
	char value[VALUE_MAX + 1];
	size_t i;

	if (token->kind == TOKEN_MACRO)
		value_put(
		    sink, token, letter_value(macros, token->letter, value));
	for (i = 0; i < token->len; i++)
		sink_put(sink, token->text[i]);
}

static void
expand(struct sink *sink, struct spf_macros *macros, const char *p,
    const char *end)
{
	struct token token;

	while (p < end && !sink_is_full(sink)) {
		p = token_parse(p, end, true, &token);
		if (p == NULL) /* the caller has not checked the grammar */
			return;
		token_put(sink, macros, &token);
	}
}

/*
 * Where to begin so that at least `enough` octets come out; at the start of
 * the text if all of it gives less, at its end if it reads too much for that.
 * What stands further left would be cut, so it is not expanded: the work is
 * bounded by what is kept.
 */
static const char *
tail_find(
    struct spf_macros *macros, const char *text, size_t len, size_t enough)
{
	uint8_t starts[TOKENS_MAX / 8 + 1]; /* a bit where a token begins */
	const char *p = text, *end = text + len;
	struct token token;
	struct sink sink = {.tail = false};
	size_t at, total = 0;

	memset(starts, 0, len / 8 + 1);
	while (p < end) {
		at = (size_t)(p - text);
		starts[at / 8] |= (uint8_t)(1U << at % 8);
		p = token_parse(p, end, true, &token);
		if (p == NULL) /* the caller has not checked the grammar */
			return (end);
	}
	for (at = len; at > 0 && total < enough;) {
		at--;
		if ((starts[at / 8] & 1U << at % 8) == 0)
			continue;
		sink.len = 0;
		token_parse(text + at, end, true, &token);
		token_put(&sink, macros, &token);
		total += sink.len;
		if (sink.read > SPF_READ_MAX)
			return (end);
	}
	return (text + at);
}

size_t
spf_macro_name(struct spf_macros *macros, const char *text, size_t len,
    char name[SPF_NAME_MAX + 1])
{
	struct sink sink = {.tail = true};
	const char *start, *dot;
	size_t left;

	name[0] = '\0';
	if (len > TOKENS_MAX)
		return (0);
	/* A dot may go at the end, and one octet tells that more is cut. */
	start = tail_find(macros, text, len, SPF_NAME_MAX + 2);
	expand(&sink, macros, start, text + len);
	start = sink.buf;
	left = sink.len;
	if (left > 0 && sink.buf[left - 1] == '.' &&
	    (left == 1 || sink.buf[left - 2] != '.'))
		left--;
	/* RFC 7208 7.3: labels go from the left until 253 octets are left. */
	while (left > SPF_NAME_MAX) {
		dot = memchr(start, '.', left);
		dot = dot == NULL ? start + left - 1 : dot;
		left -= (size_t)(dot + 1 - start);
		start = dot + 1;
	}
	memcpy(name, start, left);
	name[left] = '\0';
	return (left);
}

size_t
spf_macro_explanation(struct spf_macros *macros, const char *text, size_t len,
    char out[SPF_TEXT_MAX + 1])
{
	struct sink sink = {.tail = false};
	size_t i;

	expand(&sink, macros, text, text + len);
	if (sink.len > SPF_TEXT_MAX)
		sink.len = SPF_TEXT_MAX;
	/* RFC 7208 6.2: US-ASCII. A HELO name or a local-part may not be. */
	for (i = 0; i < sink.len; i++)
		out[i] = sink.buf[i] >= ' ' && sink.buf[i] <= '~' ? sink.buf[i]
								  : '?';
	out[sink.len] = '\0';
	return (sink.len);
}
