/* SPDX-License-Identifier: ISC */
/*
 * Who may connect over tcp, decided when the connection is accepted: by
 * address, and not too many from one address or from all of them, so that a
 * flood of connections leaves room for others and for the local sockets.
 * Connections whose other end is gone are noticed here, too.
 */
#ifndef ADMIT_H
#define ADMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipaddr.h"

/* Once, before the first socket: descriptors below `limit` are clients'. */
void admit_open(int limit);
/* For the listener at this address, from now on; copied. None: from anywhere. */
void admit_hosts(const struct ipaddr *ip, uint16_t port,
    const struct ipaddr_net *hosts, size_t count);
/*
 * Of a connection `peer` that the listener `fd` has accepted: false if it is
 * to be closed. Any thread.
 */
bool admit(int fd, int peer);

#endif
