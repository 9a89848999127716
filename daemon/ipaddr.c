/* SPDX-License-Identifier: ISC */
#include "ipaddr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* RFC 4291 2.5.5.2 */
static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

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
	if (memcmp(ip->addr, mapped, sizeof(mapped)) == 0) {
		memmove(ip->addr, ip->addr + 12, 4);
		memset(ip->addr + 4, 0, 12);
		ip->octets = 4;
	}
	return (0);
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
