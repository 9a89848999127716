/* SPDX-License-Identifier: ISC */
#include "spf_sender.h"

#include <string.h>

#include "arena.h"
#include "dname.h"
#include "idn.h"
#include "ipaddr.h"

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return (false);
	return (true);
}

/*
 * RFC 5321 4.1.2: local-part "@" domain, perhaps behind a source route
 * ("@a,@b:"), which says nothing about the sender (RFC 7208 2.2).
 */
static void
mailbox_split(
    struct spf_sender *sender, struct arena *arena, const char *mailbox)
{
	const char *at = strrchr(mailbox, '@'), *colon;

	sender->domain = mailbox;
	if (at == NULL)
		return;
	sender->domain = at + 1;
	colon = *mailbox == '@' ? strchr(mailbox, ':') : NULL;
	if (colon != NULL && colon < at)
		mailbox = colon + 1;
	if (at > mailbox)
		sender->local =
		    arena_strndup(arena, mailbox, (size_t)(at - mailbox));
}

/*
 * RFC 8616 4: the domain of a reverse-path may come in U-labels and is checked
 * in A-labels; a HELO name must come in A-labels.
 */
static const char *
domain_ascii(struct arena *arena, const char *domain)
{
	struct dname name;
	char text[DNAME_TEXT_MAX];

	if (is_ascii(domain) || idn_to_dname(&name, domain) == -1)
		return (domain);
	return (arena_strdup(arena, dname_text(&name, text)));
}

/* RFC 7208 4.3: an empty label is the last one, or the name is malformed. */
static const char *
domain_undotted(struct arena *arena, const char *domain)
{
	const size_t len = strlen(domain);

	if (len < 2 || domain[len - 1] != '.' || domain[len - 2] == '.')
		return (domain);
	return (arena_strndup(arena, domain, len - 1));
}

/*
 * RFC 7208 2.3, 4.3: is there a domain to ask about? An address is none, as a
 * literal or as it stands, nor is a name that is not in A-labels. The rest is
 * for whoever looks for its record.
 */
static bool
domain_is_name(const char *domain)
{
	struct ipaddr ip;

	if (ipaddr_from_text(&ip, domain) == 0)
		return (false);
	for (; *domain != '\0'; domain++)
		if (*domain <= ' ' || *domain > '~' || *domain == '[')
			return (false);
	return (true);
}

void
spf_sender_set(struct spf_sender *sender, struct arena *arena,
    const struct spf_question *question)
{
	sender->identity = question->identity;
	/* RFC 7208 2.4: the null reverse-path is postmaster at the HELO. */
	if (question->mail_from[0] == '\0')
		sender->identity = SPF_HELO;
	/* RFC 7208 4.3: without a local-part it is "postmaster". */
	sender->local = "postmaster";
	if (sender->identity == SPF_HELO) {
		sender->domain = question->helo;
	} else {
		mailbox_split(sender, arena, question->mail_from);
		sender->domain = domain_ascii(arena, sender->domain);
	}
	sender->domain = domain_undotted(arena, sender->domain);
	sender->local_is_ascii = is_ascii(sender->local);
	sender->has_domain = domain_is_name(sender->domain);
}
