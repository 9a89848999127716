/* SPDX-License-Identifier: ISC */
#include "authres.h"

#include <stdbool.h>
#include <string.h>

#include "arena.h"
#include "facts.h"
#include "rules.h"

/*
 * RFC 5321 4.5.3.1: a path has 256 octets, a domain 255. What is longer is no
 * mail, and is cut: the sender must not make a reply too long to be sent.
 */
#define VALUE_MAX 512

/* RFC 2045 5.1: a token holds no space, control or tspecials. */
static bool
is_token(const char *value, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (value[i] <= ' ' || value[i] > '~' ||
		    strchr("()<>@,;:\\\"/[]?=", value[i]) != NULL)
			return (false);
	return (len > 0);
}

/* RFC 6376 3.5: letters, digits and hyphens; hosts have underscores, too. */
static bool
is_domain(const char *value)
{
	const size_t len =
	    strspn(value, "abcdefghijklmnopqrstuvwxyz"
			  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return (len > 0 && value[len] == '\0' && *value != '.' &&
		value[len - 1] != '.');
}

/* A token, or an address: a dot-atom at a domain. */
static bool
value_is_plain(const char *value)
{
	const char *at = strchr(value, '@');

	if (at == NULL)
		return (is_token(value, strlen(value)));
	return (is_token(value, (size_t)(at - value)) && *value != '.' &&
		at[-1] != '.' && strstr(value, "..") == NULL &&
		is_domain(at + 1));
}

/*
 * RFC 8601 2.2: a pvalue is a token, a quoted-string, or an address. Octets
 * that no header field may hold become "?".
 */
static const char *
pvalue(struct arena *arena, const char *value)
{
	const size_t len = strnlen(value, VALUE_MAX);
	const char *end = value + len;
	char *quoted, *out;

	if (*end == '\0' && value_is_plain(value))
		return (value);
	out = quoted = arena_alloc(arena, 2 * len + 3);
	*out++ = '"';
	for (; value < end; value++) {
		if (*value == '"' || *value == '\\')
			*out++ = '\\';
		*out++ = *value < ' ' || *value > '~' ? '?' : *value;
	}
	*out = '"';
	return (quoted);
}

/* Inside a comment: no parentheses, no backslash. */
static const char *
comment(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text), *p;

	for (p = copy; *p != '\0'; p++)
		if (*p < ' ' || *p > '~' || *p == '(' || *p == ')' ||
		    *p == '\\')
			*p = '?';
	return (copy);
}

static const char *
spf_part(struct arena *arena, const struct facts *facts)
{
	const struct spf_answer *spf = &facts->spf;
	const bool helo = spf->identity == SPF_HELO;

	return (arena_printf(arena, "spf=%s (%s) smtp.%s=%s",
	    spf_result_text(spf->result),
	    dnssec_text(view_scope_dnssec(&spf->read)),
	    helo ? "helo" : "mailfrom",
	    pvalue(arena, helo ? facts->helo : facts->mail_from)));
}

static const char *
dkim_part(struct arena *arena, const struct facts_signature *sig)
{
	const char *part =
	    arena_printf(arena, "dkim=%s", dkim_result_text(sig->reported));

	if (*sig->d != '\0')
		part = arena_printf(
		    arena, "%s header.d=%s", part, pvalue(arena, sig->d));
	if (*sig->s != '\0')
		part = arena_printf(
		    arena, "%s header.s=%s", part, pvalue(arena, sig->s));
	if (*sig->a != '\0')
		part = arena_printf(
		    arena, "%s header.a=%s", part, pvalue(arena, sig->a));
	if (*sig->b != '\0')
		part = arena_printf(
		    arena, "%s header.b=%s", part, pvalue(arena, sig->b));
	return (part);
}

/*
 * RFC 9989 9.1: policy.dmarc is the policy that applies. The comment holds
 * what has no registered property: action, rule and DNSSEC status.
 */
static const char *
dmarc_part(struct arena *arena, const struct facts *facts,
    const struct rules_decision *decision)
{
	const struct dmarc *dmarc = &facts->policy;
	char author[DNAME_TEXT_MAX];
	const char *part;

	part = arena_printf(arena, "dmarc=%s (%s; %s by %s)",
	    dmarc_result_text(facts->dmarc_reported),
	    dnssec_text(view_scope_dnssec(&dmarc->read)),
	    rules_action_text(decision->action),
	    comment(arena, decision->rule));
	if (facts->has_author)
		part = arena_printf(arena, "%s header.from=%s", part,
		    pvalue(arena, dname_text(&facts->author, author)));
	if (facts->has_author && dmarc->status == DMARC_FOUND)
		part = arena_printf(arena, "%s policy.dmarc=%s", part,
		    dmarc_policy_text(dmarc->policy));
	return (part);
}

const char *
authres_text(struct arena *arena, const struct facts *facts,
    const struct rules_decision *decision)
{
	const char *text = NULL, *part;
	size_t i;

	/* Without a client there was no SPF check to speak of. */
	if ((facts->have & FACTS_SPF) != 0 && facts->client_ip.octets != 0)
		text = spf_part(arena, facts);
	for (i = 0; i < facts->signatures; i++) {
		part = dkim_part(arena, &facts->signature[i]);
		text = text == NULL ? part
				    : arena_printf(arena, "%s; %s", text, part);
	}
	if (facts->signatures == 0)
		text = text == NULL
			   ? "dkim=none"
			   : arena_printf(arena, "%s; dkim=none", text);
	if ((facts->have & FACTS_DMARC) != 0)
		text = arena_printf(
		    arena, "%s; %s", text, dmarc_part(arena, facts, decision));
	return (text);
}
