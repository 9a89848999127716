/* SPDX-License-Identifier: ISC */
#include "queue_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mail_header.h"
#include "spp_note.h"

/* Some servers for IPv6 use names of their own. */
static const char *
remote_ip(void)
{
	const char *ip = getenv("TCPREMOTEIP");

	if (ip == NULL || *ip == '\0')
		ip = getenv("TCP6REMOTEIP");
	return (ip);
}

bool
peer_is_stranger(void)
{
	const char *ip = remote_ip();

	/* RELAYCLIENT is most often set to nothing. */
	return (getenv("RELAYCLIENT") == NULL && ip != NULL && *ip != '\0');
}

/* An IPv4 client of a server that listens on IPv6: ::ffff:192.0.2.1 */
static const char *
unmapped(const char *ip)
{
	if (strncasecmp(ip, "::ffff:", 7) == 0 && strchr(ip, '.') != NULL)
		return (ip + 7);
	return (ip);
}

/* Moves behind `text`; false if it does not stand there. */
static bool
skip(const char **p, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*p, text, len) != 0)
		return (false);
	*p += len;
	return (true);
}

/* Does "(info@IP)" or "(IP)" stand there? */
static bool
names_client(const char *p, const char *ip)
{
	const char *close, *at;

	if (!skip(&p, "("))
		return (false);
	close = strchr(p, ')');
	if (close == NULL)
		return (false);
	/* What ident says comes first, and may say anything. */
	for (at = close; at > p && at[-1] != '@'; at--)
		;
	return (strlen(ip) == (size_t)(close - at) &&
		strncasecmp(at, ip, strlen(ip)) == 0);
}

/*
 * "from HOST (HELO name) (info@IP)"; without the first parentheses the name
 * was HOST. Anything else, or another address, is not the server's.
 */
static void
received_read(struct peer *peer, const char *text, const char *ip)
{
	const char *p = text, *name;
	size_t len;

	if (!skip(&p, "from "))
		return;
	name = p;
	len = strcspn(p, " ");
	p += len;
	if (skip(&p, " (HELO ") || skip(&p, " (EHLO ")) {
		name = p;
		len = strcspn(p, ")");
		p += len;
		if (!skip(&p, ")"))
			return;
	}
	if (!skip(&p, " ") || !names_client(p, ip) || len >= sizeof(peer->helo))
		return;
	memcpy(peer->helo, name, len);
	peer->helo[len] = '\0';
}

static void
helo_from_header(
    struct peer *peer, const char *ip, const char *header, size_t len)
{
	struct header_field field;
	const char *cursor = header;
	char text[1024];

	if (header_next(&cursor, header + len, &field) &&
	    field.octets == header && header_is(&field, "received") &&
	    header_text(&field, text, sizeof(text)))
		received_read(peer, text, ip);
}

/* In the server's environment, under one of several names. */
static bool
helo_from_server(struct peer *peer)
{
	static const char *const variables[] = {"SMTPHELOHOST", "HELOHOST"};
	const char *helo;
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		helo = getenv(variables[i]);
		if (helo == NULL || *helo == '\0')
			continue;
		snprintf(peer->helo, sizeof(peer->helo), "%s", helo);
		return (true);
	}
	return (false);
}

/* What verdict-spp noted, if that is about this client and sender. */
static bool
helo_from_note(struct peer *peer, const char *ip, const char *sender)
{
	const char *variable = getenv(NOTE_VARIABLE);
	char text[NOTE_MAX];
	struct note note;

	if (variable == NULL || strlen(variable) >= sizeof(text))
		return (false);
	memcpy(text, variable, strlen(variable) + 1);
	if (!note_read(&note, text, ip, sender) || *note.helo == '\0')
		return (false);
	snprintf(peer->helo, sizeof(peer->helo), "%s", note.helo);
	return (true);
}

void
peer_read(struct peer *peer, const char *sender, const char *header, size_t len)
{
	const char *ip = remote_ip();

	peer->helo[0] = '\0';
	snprintf(peer->ip, sizeof(peer->ip), "%s", unmapped(ip));
	if (!helo_from_server(peer) && !helo_from_note(peer, ip, sender))
		helo_from_header(peer, ip, header, len);
}
