/* SPDX-License-Identifier: ISC */
#include "spf_client.h"

#include <stdio.h>
#include <string.h>

#include "arena.h"

uint16_t
spf_client_type(const struct ipaddr *ip)
{
	return (ip->octets == 4 ? RR_A : RR_AAAA);
}

bool
spf_client_address(const struct ipaddr *ip, const struct rrset *set,
    struct rdata *record, struct ipaddr *address)
{
	while (rrset_next(set, record)) {
		if (record->len != ip->octets)
			continue;
		memset(address, 0, sizeof(*address));
		address->octets = (uint8_t)record->len;
		memcpy(address->addr, record->data, record->len);
		return (true);
	}
	return (false);
}

/* NULL: missing, or failed. */
static const struct rrset *
client_get(struct spf_client *client, const struct dname *name, uint16_t type)
{
	const struct rrset *set = view_get(client->view, name, type);

	if (set == NULL)
		client->missing = true;
	return (set == NULL || set->state == RR_FAILED ? NULL : set);
}

static void
reverse_name(const struct ipaddr *ip, struct dname *name)
{
	char text[4 * 16 + sizeof("in-addr.arpa")], *p = text;
	unsigned i;

	if (ip->octets == 4) {
		snprintf(text, sizeof(text), "%u.%u.%u.%u.in-addr.arpa",
		    ip->addr[3], ip->addr[2], ip->addr[1], ip->addr[0]);
	} else {
		for (i = 16; i-- > 0; p += 4)
			snprintf(p, 5, "%x.%x.", ip->addr[i] & 15U,
			    ip->addr[i] >> 4U);
		memcpy(p, "ip6.arpa", sizeof("ip6.arpa"));
	}
	/* It cannot fail: the text is ours. */
	dname_from_text(name, text);
}

/* Does `name` lead back to the client? */
static bool
name_is_validated(struct spf_client *client, const struct dname *name)
{
	/* RFC 7208 5.5: a name whose lookup fails is skipped. */
	const struct rrset *set =
	    client_get(client, name, spf_client_type(client->ip));
	struct rdata record = {0};
	struct ipaddr ip;

	while (set != NULL && spf_client_address(client->ip, set, &record, &ip))
		if (ipaddr_within(client->ip, &ip, ip.octets * 8U))
			return (true);
	return (false);
}

/* All candidates are asked for at once. */
static void
names_load(struct spf_client *client)
{
	struct rdata record = {0};
	const struct rrset *set;
	struct dname name;
	unsigned seen = 0;

	if (client->known)
		return;
	client->known = true;
	reverse_name(client->ip, &name);
	/* RFC 7208 5.5: an error here means that nothing is validated. */
	set = client_get(client, &name, RR_PTR);
	if (set == NULL)
		return;
	/* RFC 7208 4.6.4: all but the first ten are ignored. */
	while (seen++ < SPF_PTR_MAX && rrset_next(set, &record))
		if (rdata_name(&record, 0, &name) == 0 &&
		    name_is_validated(client, &name))
			client->names[client->count++] = name;
}

bool
spf_client_within(struct spf_client *client, const struct dname *target)
{
	unsigned i;

	names_load(client);
	for (i = 0; i < client->count; i++)
		if (dname_within(&client->names[i], target))
			return (true);
	return (false);
}

/* As text; NULL if it holds an octet that no host name has. */
static const char *
name_plain(struct arena *arena, const struct dname *name)
{
	char *text = arena_alloc(arena, name->len + 1U), *out = text;
	const uint8_t *p;
	unsigned i;

	for (p = name->wire; *p != 0; p += *p + 1) {
		if (out != text)
			*out++ = '.';
		for (i = 1; i <= *p; i++) {
			if (p[i] <= ' ' || p[i] > '~' || p[i] == '.')
				return (NULL);
			*out++ = (char)p[i];
		}
	}
	return (out == text ? NULL : text);
}

const char *
spf_client_name(struct spf_client *client, const char *domain)
{
	const char *best = "unknown", *plain;
	const struct dname *name;
	struct dname target;
	unsigned i, rank, best_rank = 0;
	bool named = dname_from_text(&target, domain) == 0;

	names_load(client);
	for (i = 0; i < client->count; i++) {
		name = &client->names[i];
		rank = 1;
		if (named && dname_within(name, &target))
			rank = dname_equal(name, &target) ? 3 : 2;
		if (rank <= best_rank)
			continue;
		plain = name_plain(view_arena(client->view), name);
		if (plain != NULL) {
			best_rank = rank;
			best = plain;
		}
	}
	return (best);
}
