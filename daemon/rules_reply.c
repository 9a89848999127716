/* SPDX-License-Identifier: ISC */
/* What a sending host is told: templates, checked and filled in. */
#include <string.h>

#include "arena.h"
#include "rules_private.h"

static const char *const placeholders[] = {
    "from", "policy_domain", "spf_domain", "client_ip", "rule"};

enum placeholder {
	HOLDS_FROM,
	HOLDS_POLICY_DOMAIN,
	HOLDS_SPF_DOMAIN,
	HOLDS_CLIENT_IP,
	HOLDS_RULE,
	HOLDS_NONE
};

/* At a "%{": which placeholder, and its length with the braces. */
static enum placeholder
placeholder_at(const char *text, size_t *len)
{
	unsigned i;

	for (i = 0; i < HOLDS_NONE; i++) {
		size_t name = strlen(placeholders[i]);

		*len = name + 3;
		if (strncmp(text + 2, placeholders[i], name) == 0 &&
		    text[2 + name] == '}')
			break;
	}
	return ((enum placeholder)i);
}

static size_t
digits(const char *text)
{
	return (strspn(text, "0123456789"));
}

/* Length of "550 " at `text`, or 0. */
static size_t
basic_code(const char *text)
{
	return (digits(text) == 3 && text[3] == ' ' ? 4 : 0);
}

/* Length of "5.7.1 " at `text` (RFC 3463 2), or 0. */
static size_t
enhanced_code(const char *text)
{
	size_t at, part, i;

	if (digits(text) != 1 || text[1] != '.')
		return (0);
	for (at = 2, i = 0; i < 2; i++) {
		part = digits(text + at);
		if (part < 1 || part > 3 ||
		    text[at + part] != (i == 0 ? '.' : ' '))
			return (0);
		at += part + 1;
	}
	return (at);
}

static unsigned
placeholder_needs(enum placeholder what)
{
	switch (what) {
	case HOLDS_POLICY_DOMAIN:
		return (FACTS_DMARC);
	case HOLDS_SPF_DOMAIN:
		return (FACTS_SPF);
	case HOLDS_FROM:
	case HOLDS_CLIENT_IP:
	case HOLDS_RULE:
	case HOLDS_NONE:
		break;
	}
	return (0);
}

/* Checks the placeholders, and notes what they need. 0 or -1. */
static int
placeholders_check(const char *text, unsigned *needs)
{
	enum placeholder what;
	size_t len;

	for (; (text = strchr(text, '%')) != NULL; text += len) {
		len = 2;
		if (text[1] == '%')
			continue;
		what = text[1] == '{' ? placeholder_at(text, &len) : HOLDS_NONE;
		if (what == HOLDS_NONE)
			return (-1);
		*needs |= placeholder_needs(what);
	}
	return (0);
}

int
rules_reply_check(const struct rule_source *source, enum rules_action action,
    unsigned *needs, struct rules_error *error)
{
	const char *text = source->reply;
	char class = action == RULES_DEFER ? '4' : '5';
	size_t basic = basic_code(text);

	if (!rules_printable(text, RULES_REPLY_MAX))
		return (rules_refuse(error, source,
		    "reply is at most %d characters of ASCII, on one line",
		    RULES_REPLY_MAX));
	if ((basic != 0 && text[0] != class) ||
	    (enhanced_code(text + basic) != 0 && text[basic] != class))
		return (rules_refuse(error, source,
		    "reply: the codes of action = %s begin with %c",
		    rules_action_text(action), class));
	if (placeholders_check(text, needs) != 0)
		return (rules_refuse(error, source,
		    "reply: there is %%{from}, %%{policy_domain}, "
		    "%%{spf_domain}, %%{client_ip}, %%{rule} and %%%%"));
	return (0);
}

/* A value from outside: printable, or "?". Returns what is used of `out`. */
static size_t
value_put(char *out, size_t size, size_t used, const char *value)
{
	for (; *value != '\0' && used + 1 < size; value++)
		out[used++] = *value >= ' ' && *value <= '~' ? *value : '?';
	return (used);
}

static const char *
placeholder_value(enum placeholder what, const struct rules_decision *decision,
    const struct facts *facts, char buf[DNAME_TEXT_MAX])
{
	switch (what) {
	case HOLDS_FROM:
		if (facts->has_author)
			return (dname_text(&facts->author, buf));
		break;
	case HOLDS_POLICY_DOMAIN:
		if ((facts->have & FACTS_DMARC) != 0 && facts->has_author &&
		    facts->policy.status == DMARC_FOUND)
			return (dname_text(&facts->policy.policy_domain, buf));
		break;
	case HOLDS_SPF_DOMAIN:
		if ((facts->have & FACTS_SPF) != 0)
			return (facts->spf.domain);
		break;
	case HOLDS_CLIENT_IP:
		if (facts->client_ip.octets != 0)
			return (ipaddr_text(&facts->client_ip, buf));
		break;
	case HOLDS_RULE:
		return (decision->rule);
	case HOLDS_NONE:
		break;
	}
	return ("(unknown)");
}

static const char *
template_default(const struct rules_decision *decision)
{
	if (decision->action == RULES_REJECT)
		return ("This message is refused by local policy (%{rule})");
	if (decision->decided)
		return ("Please try again later (%{rule})");
	return ("The sender's DNS cannot tell who may send this message; "
		"please try again later");
}

const char *
rules_reply(const struct rules_decision *decision, const struct facts *facts,
    struct arena *arena)
{
	bool reject = decision->action == RULES_REJECT;
	const char *text = decision->template;
	char out[RULES_REPLY_MAX + 1], value[DNAME_TEXT_MAX];
	size_t used = 0, len;

	if (!reject && decision->action != RULES_DEFER)
		return (NULL);
	if (text == NULL)
		text = template_default(decision);
	/* Codes that are missing are added. */
	len = basic_code(text);
	used = value_put(out, sizeof(out), used,
	    len != 0 ? arena_strndup(arena, text, len)
	    : reject ? "550 "
		     : "451 ");
	text += len;
	if (enhanced_code(text) == 0)
		used = value_put(
		    out, sizeof(out), used, reject ? "5.7.1 " : "4.7.1 ");
	for (; *text != '\0'; text += len) {
		len = *text == '%' ? 2 : 1;
		if (*text == '%' && text[1] == '{')
			used = value_put(out, sizeof(out), used,
			    placeholder_value(placeholder_at(text, &len),
				decision, facts, value));
		else if (used + 1 < sizeof(out))
			out[used++] = *text;
	}
	return (arena_strndup(arena, out, used));
}
