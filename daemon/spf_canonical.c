/* SPDX-License-Identifier: ISC */
#include "spf_canonical.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDLE_NUMBER_MAX 99999

__attribute__((format(printf, 2, 3))) static void
canonical_put(struct spf_canonical *canonical, const char *fmt, ...)
{
	const size_t room = sizeof(canonical->text) - canonical->len;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(canonical->text + canonical->len, room, fmt, ap);
	va_end(ap);
	/* A term that does not fit is not written at all. */
	if (len > 0 && (size_t)len < room)
		canonical->len += (size_t)len;
	else
		canonical->text[canonical->len] = '\0';
}

void
spf_canonical_open(struct spf_canonical *canonical)
{
	canonical->len = 0;
	canonical_put(canonical, "v=spf1");
}

const char *
spf_handle_text(unsigned handle, char buf[SPF_HANDLE_MAX])
{
	snprintf(buf, SPF_HANDLE_MAX, "#%u.z", handle);
	return (buf);
}

int
spf_handle_parse(const char *text)
{
	unsigned long handle;
	char *end;

	if (text[0] != '#' || text[1] < '0' || text[1] > '9')
		return (-1);
	handle = strtoul(text + 1, &end, 10);
	if (strcmp(end, ".z") != 0 || handle > HANDLE_NUMBER_MAX)
		return (-1);
	return ((int)handle);
}

static char
qualifier_sign(enum spf_result qualifier)
{
	switch (qualifier) {
	case SPF_FAIL:
		return ('-');
	case SPF_SOFTFAIL:
		return ('~');
	case SPF_NEUTRAL:
		return ('?');
	case SPF_PASS:
	case SPF_NONE:
	case SPF_TEMPERROR:
	case SPF_PERMERROR:
		break;
	}
	return ('+');
}

unsigned
spf_canonical_bits(const struct spf_term *term, const struct ipaddr *client)
{
	return (client->octets == 4 ? term->bits4 : term->bits6);
}

/* "a" or "mx", with its prefix length. */
static void
put_addresses(struct spf_canonical *canonical, const struct spf_term *term,
    const struct ipaddr *client, unsigned handle)
{
	const unsigned bits = spf_canonical_bits(term, client);

	canonical_put(canonical, " %c%s:#%u.z", qualifier_sign(term->qualifier),
	    term->kind == SPF_A ? "a" : "mx", handle);
	if (bits > 0)
		canonical_put(
		    canonical, "%s%u", client->octets == 4 ? "/" : "//", bits);
}

/* Only a network that holds the client comes here: "/0" may be the client. */
static void
put_network(struct spf_canonical *canonical, const struct spf_term *term,
    const struct ipaddr *client)
{
	const unsigned bits = spf_canonical_bits(term, client);
	char text[IPADDR_TEXT_MAX];

	canonical_put(canonical, " %c%s:%s/%u", qualifier_sign(term->qualifier),
	    client->octets == 4 ? "ip4" : "ip6",
	    ipaddr_text(bits == 0 ? client : &term->net, text),
	    bits == 0 ? client->octets * 8U : bits);
}

enum spf_weight
spf_canonical_add(struct spf_canonical *canonical, const struct spf_term *term,
    const struct ipaddr *client, unsigned handle)
{
	const char sign = qualifier_sign(term->qualifier);

	switch (term->kind) {
	case SPF_ALL:
		canonical_put(canonical, " exists:#%u.z %call", handle, sign);
		return (SPF_WEIGHT_CERTAIN);
	case SPF_IP4:
	case SPF_IP6:
		/* RFC 7208 5: families do not mix. */
		if (!ipaddr_within(
			client, &term->net, spf_canonical_bits(term, client)))
			return (SPF_WEIGHT_NONE);
		canonical_put(canonical, " exists:#%u.z", handle);
		put_network(canonical, term, client);
		return (SPF_WEIGHT_CERTAIN);
	case SPF_A:
	case SPF_MX:
		put_addresses(canonical, term, client, handle);
		return (SPF_WEIGHT_LOOKUP);
	case SPF_PTR:
		/* The library's ptr compares names; it sees only handles. */
	case SPF_EXISTS:
		canonical_put(canonical, " %cexists:#%u.z", sign, handle);
		return (SPF_WEIGHT_LOOKUP);
	case SPF_INCLUDE:
		canonical_put(canonical, " %cinclude:#%u.z", sign, handle);
		return (SPF_WEIGHT_LOOKUP);
	case SPF_REDIRECT:
		canonical_put(canonical, " redirect=#%u.z", handle);
		return (SPF_WEIGHT_LOOKUP);
	case SPF_EXP:
	case SPF_OTHER:
		break;
	}
	return (SPF_WEIGHT_NONE);
}
