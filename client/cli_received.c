/* SPDX-License-Identifier: ISC */
/*
 * The client that the topmost Received field names, for a message that our own
 * server has taken:
 *
 *	from HOST (HELO name) (info@192.0.2.1)		qmail-smtpd
 *	from name (HOST [192.0.2.1])			Postfix, sendmail
 */
#include "cli.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "mail_header.h"

/* Copies an address if `len` octets at `p` are one. */
static bool
address_copy(const char *p, size_t len, char *ip)
{
	unsigned char octets[sizeof(struct in6_addr)];

	if (len > 5 && strncasecmp(p, "IPv6:", 5) == 0) {
		p += 5;
		len -= 5;
	}
	if (len >= CLI_IP_MAX)
		return (false);
	memcpy(ip, p, len);
	ip[len] = '\0';
	return (inet_pton(AF_INET, ip, octets) == 1 ||
		inet_pton(AF_INET6, ip, octets) == 1);
}

/*
 * "(HOST [IP])", or "(info@IP)" where what ident said comes first and may say
 * anything.
 */
static bool
comment_read(const char *p, const char *close, char *ip)
{
	const char *start = close, *end = close;

	if (close > p && close[-1] == ']') {
		end = close - 1;
		for (start = end; start > p && start[-1] != '['; start--)
			;
	} else {
		while (start > p && start[-1] != '@' && start[-1] != ' ')
			start--;
	}
	return (address_copy(start, (size_t)(end - start), ip));
}

static bool
name_copy(const char *p, size_t len, char *helo)
{
	if (len == 0 || len >= CLI_HELO_MAX)
		return (false);
	memcpy(helo, p, len);
	helo[len] = '\0';
	return (true);
}

/* "from NAME " and up to two comments, of which the last has the address. */
static bool
text_read(const char *text, char *ip, char *helo)
{
	const char *p = text + strlen("from "), *close;
	size_t len;

	if (strncmp(text, "from ", strlen("from ")) != 0)
		return (false);
	len = strcspn(p, " ");
	if (!name_copy(p, len, helo))
		return (false);
	p += len;
	if (strncmp(p, " (HELO ", 7) == 0 || strncmp(p, " (EHLO ", 7) == 0) {
		p += 7;
		len = strcspn(p, ")");
		if (p[len] == '\0' || !name_copy(p, len, helo))
			return (false);
		p += len + 1;
	}
	close = strchr(p, ')');
	return (strncmp(p, " (", 2) == 0 && close != NULL &&
		comment_read(p + 2, close, ip));
}

bool
cli_received(const char *header, size_t len, char ip[CLI_IP_MAX],
    char helo[CLI_HELO_MAX])
{
	struct header_field field;
	const char *cursor = header;
	char text[2048];

	while (header_next(&cursor, header + len, &field)) {
		if (!header_is(&field, "received"))
			continue;
		if (!header_text(&field, text, sizeof(text)))
			return (false);
		/* qmail-queue's own: "(qmail 123 invoked by uid 64011)". */
		if (strncmp(text, "(qmail ", 7) == 0)
			continue;
		return (text_read(text, ip, helo));
	}
	return (false);
}
