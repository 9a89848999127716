/* SPDX-License-Identifier: ISC */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>

#include "keyring.h"
#include "log.h"

/* Sealed messages that are answered here for each one that is handed on. */
#define REFUSE_MAX 64

struct server {
	int socket, fd;
	unsigned number;
	char *address;
	struct sealer *sealer;	   /* NULL: messages come as they are */
	uint8_t in[SERVER_BUFFER]; /* sealed */
};

/* The library would remove a regular file that is in its way. */
static int
path_check(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1 || S_ISSOCK(st.st_mode))
		return (0);
	log_error(
	    "server.open path=%s problem=\"exists and is not a socket\"", path);
	return (-1);
}

static int
option_set(int socket, int level, int option, int value)
{
	return (nn_setsockopt(socket, level, option, &value, sizeof(value)));
}

/*
 * What bounds a peer: no path through devices, and no message so long that
 * it could not be answered with an error; longer ones end the connection.
 */
static int
options_set(int socket, const struct server_options *options)
{
	const int most = MSG_MAX + PEER_MAX +
			 (options->keys == NULL ? 0 : (int)SEAL_OVERHEAD);

	if (option_set(socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, most) == -1)
		return (-1);
	if (option_set(socket, NN_SOL_SOCKET, NN_MAXTTL, 1) == -1)
		return (-1);
	/* With an IPv4 address, switching this off makes the library abort. */
	if (server_address_is_tcp(options->address) &&
	    options->address[sizeof(SERVER_TCP) - 1] == '[' &&
	    option_set(socket, NN_SOL_SOCKET, NN_IPV4ONLY, 0) == -1)
		return (-1);
	return (option_set(socket, NN_TCP, NN_TCP_NODELAY, 1));
}

/* The umask closes the moment between bind and chmod. */
static int
ipc_bind(int socket, const struct server_options *options)
{
	const char *path = options->address + sizeof(SERVER_IPC) - 1;
	const mode_t mask = umask(0777 & ~options->mode);
	const int bound = nn_bind(socket, options->address);

	umask(mask);
	if (bound == -1)
		return (-1);
	if (options->group != (gid_t)-1 &&
	    chown(path, (uid_t)-1, options->group) == -1)
		return (-1);
	return (chmod(path, options->mode));
}

static int
socket_bind(int socket, const struct server_options *options)
{
	if (server_address_is_tcp(options->address))
		return (nn_bind(socket, options->address) == -1 ? -1 : 0);
	return (ipc_bind(socket, options));
}

struct server *
server_open(const struct server_options *options)
{
	static unsigned number;
	struct server *server;
	size_t size = sizeof(server->fd);

	if (!server_address_is_tcp(options->address) &&
	    path_check(options->address + sizeof(SERVER_IPC) - 1) == -1)
		return (NULL);
	server = calloc(1, sizeof(*server));
	if (server == NULL)
		fatal(111, "server.out_of_memory");
	server->number = number++;
	if ((server->address = strdup(options->address)) == NULL)
		fatal(111, "server.out_of_memory");
	if (options->keys != NULL)
		server->sealer = sealer_new(options->keys);
	server->socket = nn_socket(AF_SP_RAW, NN_REP);
	if (server->socket == -1 ||
	    options_set(server->socket, options) == -1 ||
	    socket_bind(server->socket, options) == -1 ||
	    nn_getsockopt(server->socket, NN_SOL_SOCKET, NN_RCVFD, &server->fd,
		&size) == -1) {
		log_error("server.open address=%s problem=\"%s\"",
		    options->address, nn_strerror(nn_errno()));
		server_close(server);
		return (NULL);
	}
	return (server);
}

void
server_close(struct server *server)
{
	if (server == NULL)
		return;
	if (server->socket != -1)
		nn_close(server->socket);
	sealer_free(server->sealer);
	free(server->address);
	free(server);
}

const char *
server_address(const struct server *server)
{
	return (server->address);
}

int
server_keys(struct server *server, const struct keyring *keys)
{
	if ((server->sealer == NULL) != (keys == NULL))
		return (-1);
	if (keys != NULL)
		sealer_keys(server->sealer, keys);
	return (0);
}

int
server_fd(const struct server *server)
{
	return (server->fd);
}

/* Keeps the routing header of a message as it came, length and all. */
static int
peer_keep(struct peer *peer, struct nn_msghdr *header)
{
	const struct nn_cmsghdr *cmsg = NN_CMSG_FIRSTHDR(header);

	if (cmsg == NULL || cmsg->cmsg_level != PROTO_SP ||
	    cmsg->cmsg_type != SP_HDR || cmsg->cmsg_len > PEER_MAX)
		return (-1);
	peer->len = (uint8_t)cmsg->cmsg_len;
	memcpy(peer->header, cmsg, cmsg->cmsg_len);
	return (0);
}

/* Returns the message's length, even if it was cut; -1: there is none now. */
static int
message_take(
    const struct server *server, void *buf, size_t size, struct peer *peer)
{
	_Alignas(struct nn_cmsghdr) uint8_t control[PEER_MAX];
	struct nn_iovec iov = {.iov_base = buf, .iov_len = size};
	struct nn_msghdr header = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	int n;

	do {
		/* A header that does not fit leaves the space as it is. */
		memset(control, 0, sizeof(control));
		n = nn_recvmsg(server->socket, &header, NN_DONTWAIT);
	} while (n != -1 && peer_keep(peer, &header) == -1);
	return (n);
}

static void
message_send(const struct server *server, const struct peer *peer,
    const void *octets, size_t len)
{
	_Alignas(struct nn_cmsghdr) uint8_t control[PEER_MAX];
	struct nn_iovec iov = {.iov_len = len};
	struct nn_msghdr header = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = peer->len};

	memcpy(control, peer->header, peer->len);
	memcpy(&iov.iov_base, &octets, sizeof(octets)); /* it is only read */
	if (nn_sendmsg(server->socket, &header, NN_DONTWAIT) == -1)
		log_debug(
		    "server.reply problem=\"%s\"", nn_strerror(nn_errno()));
}

/* Hosts of a sealed endpoint are told apart, sixteen endpoints of them. */
static uint16_t
asker_of(const struct server *server, unsigned host)
{
	return ((uint16_t)((server->number % (SERVER_ASKERS / KEYRING_MAX)) *
			       KEYRING_MAX +
			   host));
}

/* Of strangers' messages only so many in a turn: others wait, too. */
static ssize_t
sealed_receive(struct server *server, char *buf, struct peer *peer)
{
	const void *answer;
	size_t answer_len;
	ssize_t len;
	int n, refused;

	for (refused = 0; refused < REFUSE_MAX; refused++) {
		n = message_take(server, server->in, sizeof(server->in), peer);
		if (n == -1)
			return (-1);
		len = sealer_open(server->sealer, server->in, (size_t)n, buf,
		    &peer->seal, &answer, &answer_len);
		if (len != -1) {
			peer->asker = asker_of(server, peer->seal.asker);
			peer->is_host = true;
			return (len);
		}
		message_send(server, peer, answer, answer_len);
	}
	return (-1);
}

ssize_t
server_receive(struct server *server, void *buf, struct peer *peer)
{
	int n;

	if (server->sealer != NULL)
		return (sealed_receive(server, buf, peer));
	peer->asker = asker_of(server, 0);
	peer->is_host = false;
	n = message_take(server, buf, MSG_MAX + 1, peer);
	return (n > MSG_MAX ? MSG_MAX + 1 : n);
}

void
server_reply(struct server *server, const struct peer *peer, const void *reply,
    size_t len)
{
	if (server->sealer != NULL)
		reply =
		    sealer_seal(server->sealer, &peer->seal, reply, len, &len);
	message_send(server, peer, reply, len);
}

/* The library tells its ABI version only: 5.1.1 is release 1.1.5. */
const char *
server_library_version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "abi %d.%d.%d", NN_VERSION_CURRENT,
	    NN_VERSION_REVISION, NN_VERSION_AGE);
	return (text);
}
