/* SPDX-License-Identifier: ISC */
#include "lib_endpoint.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static bool
path_fits(const char *path)
{
	size_t len = strlen(path);

	return (len > 0 && len < sizeof(((struct sockaddr_un *)0)->sun_path));
}

/* 1 to 65535, digits only: strtol would take a sign or a space. */
static bool
port_valid(const char *text)
{
	size_t len = strlen(text);
	long port;

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return (false);
	port = strtol(text, NULL, 10);
	return (port > 0 && port <= 65535);
}

/* Is the text between `start` and `end` an address of this family? */
static bool
host_valid(int family, const char *start, const char *end)
{
	char host[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];
	size_t len = (size_t)(end - start);

	if (len >= sizeof(host))
		return (false);
	memcpy(host, start, len);
	host[len] = '\0';
	return (inet_pton(family, host, address) == 1);
}

static enum endpoint_kind
tcp_kind(const char *rest)
{
	const char *colon = strrchr(rest, ':');

	if (colon == NULL || !port_valid(colon + 1))
		return (ENDPOINT_BAD);
	if (rest[0] == '[' && colon[-1] == ']')
		return (host_valid(AF_INET6, rest + 1, colon - 1)
			    ? ENDPOINT_TCP6
			    : ENDPOINT_BAD);
	return (
	    host_valid(AF_INET, rest, colon) ? ENDPOINT_TCP4 : ENDPOINT_BAD);
}

enum endpoint_kind
endpoint_kind(const char *endpoint)
{
	if (strncmp(endpoint, "ipc://", 6) == 0)
		return (path_fits(endpoint + 6) ? ENDPOINT_IPC : ENDPOINT_BAD);
	if (strncmp(endpoint, "tcp://", 6) == 0)
		return (tcp_kind(endpoint + 6));
	return (ENDPOINT_BAD);
}
