/* SPDX-License-Identifier: ISC */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>

#include "log.h"
#include "msg.h"

#define IPC "ipc://"

struct server {
	int socket, fd;
};

/* The library aborts on a path that does not fit into a sockaddr_un. */
const char *
server_address_problem(const char *address)
{
	const size_t scheme = sizeof(IPC) - 1;

	if (strncmp(address, "tcp://", 6) == 0)
		return ("tcp is refused without a key, and keys are not "
			"supported yet: use ipc");
	if (strncmp(address, IPC, scheme) != 0)
		return ("not an ipc:///path address");
	if (address[scheme] != '/')
		return ("the path is not absolute");
	if (strlen(address + scheme) >=
	    sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return ("the path is too long for a socket");
	return (NULL);
}

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
options_set(int socket)
{
	if (option_set(
		socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, MSG_MAX + PEER_MAX) == -1)
		return (-1);
	if (option_set(socket, NN_SOL_SOCKET, NN_MAXTTL, 1) == -1)
		return (-1);
	return (option_set(socket, NN_TCP, NN_TCP_NODELAY, 1));
}

/* The umask closes the moment between bind and chmod. */
static int
socket_bind(int socket, const struct server_options *options)
{
	const char *path = options->address + sizeof(IPC) - 1;
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

struct server *
server_open(const struct server_options *options)
{
	struct server *server = calloc(1, sizeof(*server));
	size_t size = sizeof(server->fd);

	if (server == NULL)
		fatal(111, "server.out_of_memory");
	if (path_check(options->address + sizeof(IPC) - 1) == -1) {
		free(server);
		return (NULL);
	}
	server->socket = nn_socket(AF_SP_RAW, NN_REP);
	if (server->socket == -1 || options_set(server->socket) == -1 ||
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
	free(server);
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

ssize_t
server_receive(struct server *server, void *buf, struct peer *peer)
{
	_Alignas(struct nn_cmsghdr) uint8_t control[PEER_MAX];
	struct nn_iovec iov = {.iov_base = buf, .iov_len = MSG_MAX + 1};
	struct nn_msghdr header = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	int n;

	for (;;) {
		/* A header that does not fit leaves the space as it is. */
		memset(control, 0, sizeof(control));
		n = nn_recvmsg(server->socket, &header, NN_DONTWAIT);
		if (n == -1)
			return (-1);
		/* The length is the message's, even if it was cut. */
		if (peer_keep(peer, &header) == 0)
			return (n > MSG_MAX ? MSG_MAX + 1 : n);
	}
}

void
server_reply(struct server *server, const struct peer *peer, const void *reply,
    size_t len)
{
	_Alignas(struct nn_cmsghdr) uint8_t control[PEER_MAX];
	struct nn_iovec iov = {.iov_len = len};
	struct nn_msghdr header = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = peer->len};

	memcpy(control, peer->header, peer->len);
	memcpy(&iov.iov_base, &reply, sizeof(reply)); /* it is only read */
	if (nn_sendmsg(server->socket, &header, NN_DONTWAIT) == -1)
		log_debug(
		    "server.reply problem=\"%s\"", nn_strerror(nn_errno()));
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
