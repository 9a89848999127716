/* SPDX-License-Identifier: ISC */
/* What can be said of an endpoint's address without opening it. */
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "log.h"
#include "server.h"

bool
server_address_is_tcp(const char *address)
{
	return (strncmp(address, SERVER_TCP, sizeof(SERVER_TCP) - 1) == 0);
}

/*
 * "tcp://192.0.2.1:5705", "tcp://[2001:db8::1]:5705": numbers alone, since a
 * name would have to be looked up by the one who answers look-ups. Returns 0,
 * or -1 if it is none.
 */
static int
tcp_parse(const char *address, struct ipaddr *ip, uint16_t *port)
{
	const char *host = address + sizeof(SERVER_TCP) - 1;
	const char *colon = strrchr(host, ':');
	const bool v6 = *host == '[';
	char text[IPADDR_TEXT_MAX];
	size_t len;
	long number;

	if (colon == NULL || (v6 && colon[-1] != ']'))
		return (-1);
	len = (size_t)(colon - host) - (v6 ? 2 : 0);
	if (len >= sizeof(text) || strlen(colon + 1) > 5 ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return (-1);
	memcpy(text, host + (v6 ? 1 : 0), len);
	text[len] = '\0';
	number = strtol(colon + 1, NULL, 10);
	if (ipaddr_from_text(ip, text) == -1 || number < 1 || number > 65535)
		return (-1);
	*port = (uint16_t)number;
	/* A mapped address in brackets is one of IPv4, and not meant. */
	return ((strchr(text, ':') != NULL) == v6 && (ip->octets == 16) == v6
		    ? 0
		    : -1);
}

void
server_address_parts(const char *address, struct ipaddr *ip, uint16_t *port)
{
	if (tcp_parse(address, ip, port) == -1)
		fatal(111, "server.address problem=\"not checked\"");
}

/* The library aborts on a path that does not fit into a sockaddr_un. */
const char *
server_address_problem(const char *address)
{
	const size_t scheme = sizeof(SERVER_IPC) - 1;
	struct ipaddr ip;
	uint16_t port;

	if (server_address_is_tcp(address))
		return (tcp_parse(address, &ip, &port) == 0
			    ? NULL
			    : "not a tcp address of numbers, like "
			      "tcp://192.0.2.1:5705 or "
			      "tcp://[2001:db8::1]:5705");
	if (strncmp(address, SERVER_IPC, scheme) != 0)
		return ("neither an ipc:///path nor a tcp://address:port");
	if (address[scheme] != '/')
		return ("the path is not absolute");
	if (strlen(address + scheme) >=
	    sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return ("the path is too long for a socket");
	return (NULL);
}
