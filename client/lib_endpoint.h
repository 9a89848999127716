/* SPDX-License-Identifier: ISC */
/*
 * The addresses of servers. nanomsg aborts the process on some malformed ones,
 * so every address passes here before it reaches the transport:
 *
 *	ipc:///path/of/socket	a path that fits into sun_path
 *	tcp://192.0.2.1:5705	literal addresses only: a name would
 *	tcp://[2001:db8::1]:5705	have to be resolved first
 */
#ifndef LIB_ENDPOINT_H
#define LIB_ENDPOINT_H

#include <stdbool.h>

#define ENDPOINT_MAX 128 /* octets with the NUL: ipc:// and 107 of path */

enum endpoint_kind { ENDPOINT_BAD, ENDPOINT_IPC, ENDPOINT_TCP4, ENDPOINT_TCP6 };

enum endpoint_kind endpoint_kind(const char *endpoint);

#endif
