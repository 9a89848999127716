/* SPDX-License-Identifier: ISC */
#include "mail_signature.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define TAG_NAME_MAX 8 /* longer names are extensions, which are ignored */
#define TAGS_MAX     64

/* A value without its outer white space; folds are still in it. */
struct tag_value {
	const char *p; /* NULL: the tag is missing */
	size_t len;
};

/* The tags that mean something (RFC 6376 3.5). */
struct tags {
	struct tag_value a, b, bh, c, d, h, i, l, q, s, t, v, x;
	const char *seen[TAGS_MAX]; /* all names, to find a second one */
	size_t seen_len[TAGS_MAX];
	size_t n;
};

const char *
dkim_result_name(enum dkim_result result)
{
	switch (result) {
	case DKIM_PASS:
		return ("pass");
	case DKIM_FAIL:
		return ("fail");
	case DKIM_NEUTRAL:
		return ("neutral");
	case DKIM_POLICY:
		return ("policy");
	case DKIM_TEMPERROR:
		return ("temperror");
	case DKIM_PERMERROR:
		return ("permerror");
	}
	return ("permerror");
}

/* --- The tag list (RFC 6376 3.2) ------------------------------------------ */

static bool
is_space(char c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

static bool
is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

static bool
is_alpha(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

static struct tag_value
trimmed(const char *start, const char *end)
{
	struct tag_value value;

	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	value.p = start;
	value.len = (size_t)(end - start);
	return (value);
}

/* tag-name = ALPHA *ALNUMPUNC */
static bool
tag_name_valid(struct tag_value name)
{
	size_t i;

	if (name.len == 0 || !is_alpha(name.p[0]))
		return (false);
	for (i = 1; i < name.len; i++)
		if (!is_alpha(name.p[i]) && !is_digit(name.p[i]) &&
		    name.p[i] != '_')
			return (false);
	return (true);
}

/* tag-value: VALCHAR, white space between them. Text beyond ASCII: RFC 8616. */
static bool
tag_value_valid(struct tag_value value)
{
	size_t i;

	for (i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((c < ' ' && !is_space((char)c)) || c == 0x7f)
			return (false);
	}
	return (true);
}

static struct tag_value *
tag_slot(struct tags *tags, struct tag_value name)
{
	const struct {
		const char *name;
		struct tag_value *slot;
	} known[] = {{"a", &tags->a}, {"b", &tags->b}, {"bh", &tags->bh},
	    {"c", &tags->c}, {"d", &tags->d}, {"h", &tags->h}, {"i", &tags->i},
	    {"l", &tags->l}, {"q", &tags->q}, {"s", &tags->s}, {"t", &tags->t},
	    {"v", &tags->v}, {"x", &tags->x}};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == name.len &&
		    memcmp(known[i].name, name.p, name.len) == 0)
			return (known[i].slot);
	return (NULL);
}

/* RFC 6376 3.2: two tags of one name make the whole list invalid. */
static bool
tag_is_new(struct tags *tags, struct tag_value name)
{
	size_t i;

	for (i = 0; i < tags->n; i++)
		if (tags->seen_len[i] == name.len &&
		    memcmp(tags->seen[i], name.p, name.len) == 0)
			return (false);
	if (tags->n == TAGS_MAX)
		return (false);
	tags->seen[tags->n] = name.p;
	tags->seen_len[tags->n++] = name.len;
	return (true);
}

static const char *
tag_parse(struct tags *tags, struct tag_value spec)
{
	const char *equals = memchr(spec.p, '=', spec.len);
	struct tag_value name, value, *slot;

	if (equals == NULL)
		return ("not a list of tags");
	name = trimmed(spec.p, equals);
	value = trimmed(equals + 1, spec.p + spec.len);
	if (!tag_name_valid(name) || !tag_value_valid(value))
		return ("not a list of tags");
	if (!tag_is_new(tags, name))
		return ("a tag stands twice");
	slot = tag_slot(tags, name);
	if (slot != NULL)
		*slot = value;
	return (NULL);
}

static const char *
tags_parse(struct tags *tags, const char *p, size_t len)
{
	const char *end = p + len, *semicolon, *problem;
	struct tag_value spec;

	for (; p < end; p = semicolon + 1) {
		semicolon = memchr(p, ';', (size_t)(end - p));
		if (semicolon == NULL)
			semicolon = end;
		spec = trimmed(p, semicolon);
		/* Nothing may stand behind the last ";" only. */
		if (spec.len == 0 && semicolon == end)
			break;
		problem = tag_parse(tags, spec);
		if (problem != NULL)
			return (problem);
	}
	return (NULL);
}

/* --- The values ----------------------------------------------------------- */

static bool
value_is(struct tag_value value, const char *word)
{
	return (strlen(word) == value.len &&
		strncasecmp(word, value.p, value.len) == 0);
}

/* Copies in lower case; false if it does not fit. */
static bool
word_copy(struct tag_value value, char *buf, size_t size)
{
	size_t i;

	buf[0] = '\0';
	if (value.len >= size)
		return (false);
	for (i = 0; i < value.len; i++) {
		buf[i] = value.p[i];
		if (buf[i] >= 'A' && buf[i] <= 'Z')
			buf[i] = (char)(buf[i] - 'A' + 'a');
	}
	buf[i] = '\0';
	return (true);
}

/* Letters, digits, "+", "/", "=" and folds: is it base64 at all? */
static bool
base64_valid(struct tag_value value)
{
	size_t i;

	for (i = 0; i < value.len; i++)
		if (!is_alpha(value.p[i]) && !is_digit(value.p[i]) &&
		    value.p[i] != '+' && value.p[i] != '/' &&
		    value.p[i] != '=' && !is_space(value.p[i]))
			return (false);
	return (true);
}

/* Copies as much as fits, without the folds that base64 may have. */
static void
base64_copy(struct tag_value value, char *buf, size_t size)
{
	size_t used = 0, i, len = base64_valid(value) ? value.len : 0;

	for (i = 0; i < len && used + 1 < size; i++)
		if (!is_space(value.p[i]))
			buf[used++] = value.p[i];
	buf[used] = '\0';
}

/*
 * d= and s= become part of a question to DNS: RFC 6376 3.5 has them made of
 * RFC 5321's sub-domain, letters, digits and hyphens. An underscore is let pass
 * because selectors have it, and octets above 127 because RFC 8616 allows them.
 */
static bool
hostname_valid(const char *name)
{
	size_t label = 0;

	for (; *name != '\0'; name++) {
		if (*name == '.') {
			if (label == 0)
				return (false);
			label = 0;
			continue;
		}
		if (!is_alpha(*name) && !is_digit(*name) && *name != '-' &&
		    *name != '_' && (unsigned char)*name < 0x80)
			return (false);
		if (++label > 63)
			return (false);
	}
	return (label > 0);
}

/* Leaves an empty string if the value is no name. */
static void
hostname_copy(struct tag_value value, char *buf)
{
	if (!word_copy(value, buf, SIGNATURE_NAME_MAX) || !hostname_valid(buf))
		buf[0] = '\0';
}

/* Digits only. Returns -1 if it is no number; what is too large is capped. */
static int64_t
number(struct tag_value value)
{
	int64_t n = 0;
	size_t i;

	if (value.len == 0)
		return (-1);
	for (i = 0; i < value.len; i++) {
		if (!is_digit(value.p[i]))
			return (-1);
		if (n < INT64_MAX / 10 - 9)
			n = n * 10 + (value.p[i] - '0');
	}
	return (n);
}

/* Is `word` one of the names between colons? */
static bool
list_has(struct tag_value list, const char *word)
{
	const char *p = list.p, *end = list.p + list.len, *colon;

	for (; p <= end; p = colon + 1) {
		colon = memchr(p, ':', (size_t)(end - p));
		if (colon == NULL)
			colon = end;
		if (value_is(trimmed(p, colon), word))
			return (true);
	}
	return (false);
}

/* RFC 6376 3.5, c=: simple or relaxed, once or twice. */
static bool
canonicalization_valid(struct tag_value value)
{
	const char *words[] = {"simple", "relaxed", "simple/simple",
	    "simple/relaxed", "relaxed/simple", "relaxed/relaxed"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (value_is(value, words[i]))
			return (true);
	return (false);
}

/* RFC 6376 3.5, i=: its domain is d= or below it. */
static bool
identity_below(struct tag_value identity, const char *domain)
{
	char text[1024];
	const char *at;
	size_t len, suffix = strlen(domain);

	if (!word_copy(identity, text, sizeof(text)))
		return (false);
	at = strrchr(text, '@');
	if (at == NULL)
		return (false);
	len = strlen(++at);
	if (len < suffix || strcmp(at + len - suffix, domain) != 0)
		return (false);
	return (len == suffix || at[len - suffix - 1] == '.');
}

/* --- The checks, in the order of RFC 6376 6.1.1 --------------------------- */

static const char *
syntax_problem(const struct tags *tags, const struct signature *sig)
{
	if (tags->v.p == NULL || !value_is(tags->v, "1"))
		return ("v= is not 1");
	if (tags->a.p == NULL || tags->b.p == NULL || tags->bh.p == NULL ||
	    tags->d.p == NULL || tags->h.p == NULL || tags->s.p == NULL)
		return ("a required tag is missing");
	/* A domain has a dot: the ABNF of d= wants two labels at least. */
	if (strchr(sig->domain, '.') == NULL)
		return ("d= is not a domain name");
	if (sig->selector[0] == '\0')
		return ("s= is not a selector");
	if (sig->b[0] == '\0' || tags->bh.len == 0 || !base64_valid(tags->bh))
		return ("b= or bh= is not base64");
	if (tags->c.p != NULL && !canonicalization_valid(tags->c))
		return ("unknown canonicalization in c=");
	if (tags->l.p != NULL && number(tags->l) < 0)
		return ("l= is not a number");
	if ((tags->t.p != NULL && number(tags->t) < 0) ||
	    (tags->x.p != NULL && number(tags->x) < 0))
		return ("t= or x= is not a number");
	if (tags->q.p != NULL && !list_has(tags->q, "dns/txt"))
		return ("unknown query method in q=");
	return (NULL);
}

static const char *
permanent_problem(
    const struct tags *tags, const struct signature *sig, time_t now)
{
	/* RFC 8301 3.1: rsa-sha1 has permanently failed. */
	if (strcmp(sig->algorithm, "rsa-sha1") == 0)
		return ("rsa-sha1 is not secure");
	if (!list_has(tags->h, "from"))
		return ("From is not signed");
	if (tags->i.p != NULL && !identity_below(tags->i, sig->domain))
		return ("the domain of i= is not below d=");
	if (tags->x.p != NULL && number(tags->x) < (int64_t)now)
		return ("the signature has expired");
	if (tags->x.p != NULL && tags->t.p != NULL &&
	    number(tags->x) <= number(tags->t))
		return ("x= is not after t=");
	return (NULL);
}

static bool
algorithm_known(const char *algorithm)
{
	return (strcmp(algorithm, "rsa-sha256") == 0 ||
		strcmp(algorithm, "ed25519-sha256") == 0 ||
		strcmp(algorithm, "rsa-sha1") == 0);
}

void
signature_parse(
    struct signature *sig, const struct header_field *field, time_t now)
{
	struct tags tags;

	memset(sig, 0, sizeof(*sig));
	memset(&tags, 0, sizeof(tags));
	sig->limit = -1;
	sig->result = DKIM_NEUTRAL;
	sig->problem = tags_parse(&tags, field->value, field->value_len);
	hostname_copy(tags.d, sig->domain);
	hostname_copy(tags.s, sig->selector);
	base64_copy(tags.b, sig->b, sizeof(sig->b));
	sig->covers_others =
	    tags.h.p != NULL && list_has(tags.h, "dkim-signature");
	if (!word_copy(tags.a, sig->algorithm, sizeof(sig->algorithm)) ||
	    !algorithm_known(sig->algorithm))
		sig->algorithm[0] = '\0';
	if (sig->problem == NULL)
		sig->problem = syntax_problem(&tags, sig);
	if (sig->problem == NULL && sig->algorithm[0] == '\0')
		sig->problem = "unknown algorithm in a=";
	if (sig->problem != NULL)
		return;
	sig->result = DKIM_PERMERROR;
	sig->problem = permanent_problem(&tags, sig, now);
}
