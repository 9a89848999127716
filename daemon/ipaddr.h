/* SPDX-License-Identifier: ISC */
/*
 * IP addresses and prefixes as values. An IPv4-mapped IPv6 address
 * (::ffff:192.0.2.1) is an IPv4 address here: mail programs hand over both
 * forms for the same client.
 */
#ifndef IPADDR_H
#define IPADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

struct ipaddr {
	uint8_t octets; /* 4 or 16; 0: not an address */
	uint8_t addr[16];
};

struct ipaddr_net {
	struct ipaddr ip;
	uint8_t	      bits;
};

/* Returns 0, or -1 if `text` is no IPv4 or IPv6 address. */
int ipaddr_from_text(struct ipaddr *ip, const char *text);
const char *ipaddr_text(const struct ipaddr *ip, char buf[IPADDR_TEXT_MAX]);
/*
 * "192.0.2.0/24", or an address for itself alone. Returns 0, or -1 if it is
 * none or has bits set behind the prefix.
 */
int ipaddr_net_from_text(struct ipaddr_net *net, const char *text);
/* From a struct sockaddr of either family; others give no address. */
struct sockaddr;
void ipaddr_from_sockaddr(struct ipaddr *ip, uint16_t *port,
    const struct sockaddr *sockaddr);
/* The first `bits` of both agree; false when the families differ. */
bool ipaddr_within(const struct ipaddr *ip, const struct ipaddr *net,
    unsigned bits);

#endif
