/* SPDX-License-Identifier: ISC */
/*
 * An endpoint: messages come in and replies go out, in any order. The only
 * file that knows nanomsg.
 *
 * Order of calls: server_open(); when server_fd() is readable, as the poll
 * loop sees it, server_receive() until it returns -1 or enough is enough;
 * server_reply() at any time later; server_close(). Never fork in between.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "ipaddr.h"
#include "msg.h"
#include "sealer.h"

struct keyring;
struct server;

/*
 * Where a reply goes: the request's routing header, kept as it came. Opaque,
 * and a plain value. Large enough for the request id, one hop of routing and
 * what precedes them; other messages are not received at all.
 */
#define PEER_MAX 64
struct peer {
	uint8_t		   len;
	uint8_t		   header[PEER_MAX];
	uint16_t	   asker; /* < SERVER_ASKERS, as far as told apart:
				     a sealed endpoint's hosts, else endpoints */
	bool		   is_host; /* the former */
	struct sealer_peer seal;
};
#define SERVER_ASKERS 4096

struct server_options {
	const char *address; /* "ipc:///path", "tcp://address:port" */
	mode_t	    mode;    /* of the socket file */
	gid_t	    group;   /* (gid_t)-1: leave it */
	/* tcp: what seals the messages; NULL: nothing does. */
	const struct keyring *keys;
	/* tcp: whence connections are taken; 0: from anywhere. */
	size_t			hosts;
	const struct ipaddr_net *host;
};

#define SERVER_IPC "ipc://"
#define SERVER_TCP "tcp://"
/* Why an address cannot be served, or NULL if it can. Constant. */
const char *server_address_problem(const char *address);
bool server_address_is_tcp(const char *address);
/* Of a tcp address without a problem. */
void server_address_parts(const char *address, struct ipaddr *ip,
    uint16_t *port);

/* NULL, after a log line that says why. */
struct server *server_open(const struct server_options *options);
void server_close(struct server *server);

int server_fd(const struct server *server);
const char *server_address(const struct server *server);
/*
 * Other keys from now on; copied. -1: an endpoint without keys cannot get some,
 * nor the other way round.
 */
int server_keys(struct server *server, const struct keyring *keys);
/*
 * One message into `buf`, SERVER_BUFFER octets. Returns its length,
 * MSG_MAX + 1 if it was longer than MSG_MAX, or -1 when there is none now.
 * Messages whose seal is not good are answered here and do not count.
 */
#define SERVER_BUFFER (SEALER_MESSAGE_MAX + 1)
ssize_t server_receive(struct server *server, void *buf, struct peer *peer);
/* Never waits; a peer that is gone or does not read gets nothing. */
void server_reply(struct server *server, const struct peer *peer,
    const void *reply, size_t len);

const char *server_library_version(void);

#endif
