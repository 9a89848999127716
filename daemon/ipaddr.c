/* SPDX-License-Identifier: ISC */
#include "ipaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 4291 2.5.5.2 */
static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static void
unmap(struct ipaddr *ip)
{
	if (memcmp(ip->addr, mapped, sizeof(mapped)) != 0)
		return;
	memmove(ip->addr, ip->addr + 12, 4);
	memset(ip->addr + 4, 0, 12);
	ip->octets = 4;
}

int
ipaddr_from_text(struct ipaddr *ip, const char *text)
{
	memset(ip, 0, sizeof(*ip));
	if (inet_pton(AF_INET, text, ip->addr) == 1) {
		ip->octets = 4;
		return (0);
	}
	if (inet_pton(AF_INET6, text, ip->addr) != 1)
		return (-1);
	ip->octets = 16;
	unmap(ip);
	return (0);
}

void
ipaddr_from_sockaddr(
    struct ipaddr *ip, uint16_t *port, const struct sockaddr *sockaddr)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(ip, 0, sizeof(*ip));
	*port = 0;
	if (sockaddr->sa_family == AF_INET) {
		memcpy(&in, sockaddr, sizeof(in));
		ip->octets = 4;
		memcpy(ip->addr, &in.sin_addr, 4);
		*port = ntohs(in.sin_port);
	} else if (sockaddr->sa_family == AF_INET6) {
		memcpy(&in6, sockaddr, sizeof(in6));
		ip->octets = 16;
		memcpy(ip->addr, &in6.sin6_addr, 16);
		unmap(ip);
		*port = ntohs(in6.sin6_port);
	}
}

int
ipaddr_net_from_text(struct ipaddr_net *net, const char *text)
{
	const char *slash = strchr(text, '/');
	const size_t len =
	    slash == NULL ? strlen(text) : (size_t)(slash - text);
	char address[IPADDR_TEXT_MAX], *end;
	struct ipaddr low;
	long bits;

	if (len >= sizeof(address))
		return (-1);
	memcpy(address, text, len);
	address[len] = '\0';
	if (ipaddr_from_text(&net->ip, address) == -1)
		return (-1);
	bits = net->ip.octets * 8;
	if (slash != NULL) {
		if (slash[1] < '0' || slash[1] > '9')
			return (-1);
		bits = strtol(slash + 1, &end, 10);
		if (*end != '\0' || bits > net->ip.octets * 8)
			return (-1);
	}
	net->bits = (uint8_t)bits;
	low = net->ip;
	if (bits % 8 != 0)
		low.addr[bits / 8] &= (uint8_t)(0xff << (8 - bits % 8));
	for (bits = (bits + 7) / 8; bits < net->ip.octets; bits++)
		low.addr[bits] = 0;
	return (memcmp(low.addr, net->ip.addr, sizeof(low.addr)) == 0 ? 0 : -1);
}

const char *
ipaddr_text(const struct ipaddr *ip, char buf[IPADDR_TEXT_MAX])
{
	if (ip->octets == 0 || inet_ntop(ip->octets == 4 ? AF_INET : AF_INET6,
				   ip->addr, buf, IPADDR_TEXT_MAX) == NULL)
		snprintf(buf, IPADDR_TEXT_MAX, "unknown");
	return (buf);
}

bool
ipaddr_within(const struct ipaddr *ip, const struct ipaddr *net, unsigned bits)
{
	const unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask;

	if (ip->octets != net->octets || bits > ip->octets * 8U)
		return (false);
	if (memcmp(ip->addr, net->addr, whole) != 0)
		return (false);
	if (rest == 0)
		return (true);
	mask = (uint8_t)(0xff << (8 - rest));
	return (((ip->addr[whole] ^ net->addr[whole]) & mask) == 0);
}
