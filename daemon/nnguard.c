/* SPDX-License-Identifier: ISC */
#include "nnguard.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admit.h"
#include "log.h"
#include "stats.h"

/* The kernel takes the lesser of this and net.core.somaxconn. */
#define BACKLOG 4096
/* No protocol level: control data that nobody will recognise. */
#define LEVEL_NONE (-1)

/* The ipc transport: a greeting, then frames of a kind, a length and a body. */
#define GREETING_OCTETS 8
#define FRAME_KIND	1
#define FRAME_HEADER	9 /* the kind and eight octets of length */

/*
 * Where an accepted connection is in its stream. The library accepts and
 * receives in its worker thread, and receives in ours as well, but always with
 * the lock of the socket that the connection belongs to: none is needed here.
 */
struct stream {
	bool followed;
	uint8_t header;	 /* octets of the frame's header that have come */
	uint64_t length; /* of the body, as far as known */
	uint64_t skip;	 /* octets to come that may be anything */
};

typedef int listen_function(int, int);
typedef int accept4_function(int, struct sockaddr *, socklen_t *, int);
typedef ssize_t recvmsg_function(int, struct msghdr *, int);

int listen(int fd, int backlog);
int accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags);
ssize_t recvmsg(int fd, struct msghdr *msg, int flags);

static listen_function *next_listen;
static accept4_function *next_accept4;
static recvmsg_function *next_recvmsg;
static atomic_int descriptor_limit = INT_MAX;
static struct stream *streams; /* by descriptor, below streams_limit */
static int streams_limit;

/* POSIX gives functions through void pointers; C does not. */
static void
next_find(void *function, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (symbol == NULL)
		fatal(111, "nnguard.symbol name=%s", name);
	memcpy(function, &symbol, sizeof(symbol));
}

/*
 * Before main() and before any thread. Functions are found here and not when
 * they are first called, since dlsym() may not be safe at that moment.
 */
__attribute__((constructor)) static void
next_find_all(void)
{
	next_find(&next_listen, "listen");
	next_find(&next_accept4, "accept4");
	next_find(&next_recvmsg, "recvmsg");
}

void
nnguard_open(int limit)
{
	streams = calloc((size_t)limit, sizeof(*streams));
	if (streams == NULL)
		fatal(111, "nnguard.out_of_memory");
	streams_limit = limit;
	atomic_store(&descriptor_limit, limit);
}

/* The library asks for 10, and 50 clients at once then wait 100 ms. */
int
listen(int fd, int backlog)
{
	return (next_listen(fd, backlog < BACKLOG ? BACKLOG : backlog));
}

/* The library knows what to do with these; of all others it aborts. */
static int
accept_errno(int error)
{
	switch (error) {
	case EAGAIN:
	case ECONNABORTED:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return (error);
	default:
		return (ECONNABORTED);
	}
}

static void
stream_begin(int peer)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	if (peer >= streams_limit)
		return;
	getsockopt(peer, SOL_SOCKET, SO_DOMAIN, &domain, &size);
	streams[peer] = (struct stream){
	    .followed = domain == AF_UNIX, .skip = GREETING_OCTETS};
}

/* Takes `n` octets; false when a frame is of a kind that there is not. */
static bool
stream_take(struct stream *stream, const uint8_t *p, size_t n)
{
	while (n > 0) {
		if (stream->skip > 0) {
			const size_t some =
			    n < stream->skip ? n : (size_t)stream->skip;

			stream->skip -= some;
			p += some;
			n -= some;
			continue;
		}
		if (stream->header == 0 && *p != FRAME_KIND)
			return (false);
		stream->length =
		    stream->header == 0 ? 0 : stream->length << 8 | *p;
		if (++stream->header == FRAME_HEADER) {
			stream->header = 0;
			stream->skip = stream->length;
		}
		p++;
		n--;
	}
	return (true);
}

/* What the library is about to see of a connection; false: it must not. */
static bool
stream_good(int fd, const struct msghdr *msg, size_t n)
{
	size_t i, some;

	/* A name is asked for with datagrams: the resolver's sockets. */
	if (fd >= streams_limit || !streams[fd].followed ||
	    msg->msg_name != NULL)
		return (true);
	for (i = 0; i < (size_t)msg->msg_iovlen && n > 0; i++, n -= some) {
		some =
		    n < msg->msg_iov[i].iov_len ? n : msg->msg_iov[i].iov_len;
		if (!stream_take(&streams[fd], msg->msg_iov[i].iov_base, some))
			return (false);
	}
	return (true);
}

/*
 * Descriptors are given out from the lowest free number, so a high one means
 * that many are open. Shedding keeps a reserve: without any, the library's
 * worker would spin.
 */
int
accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
	const int peer = next_accept4(fd, addr, addrlen, flags);

	if (peer == -1) {
		errno = accept_errno(errno);
		return (-1);
	}
	if (peer >= atomic_load(&descriptor_limit)) {
		close(peer);
		stat_count(STAT_CONNECTIONS_SHED);
		errno = ECONNABORTED;
		return (-1);
	}
	if (!admit(fd, peer)) {
		close(peer);
		errno = ECONNABORTED;
		return (-1);
	}
	stat_count(STAT_CONNECTIONS);
	stream_begin(peer);
	return (peer);
}

static void
descriptors_close(const struct cmsghdr *cmsg)
{
	const size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;
	size_t i;

	for (i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		close(fd);
		stat_count(STAT_DESCRIPTORS_CLOSED);
	}
}

/*
 * Descriptors passed by a peer arrive whether or not anybody wants them. Only
 * SCM_RIGHTS is looked at: other control data is the caller's (the resolver
 * asks for packet information).
 */
static void
control_clean(struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	if (msg->msg_control == NULL)
		return;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg))
		if (cmsg->cmsg_level == SOL_SOCKET &&
		    cmsg->cmsg_type == SCM_RIGHTS &&
		    cmsg->cmsg_len >= CMSG_LEN(0)) {
			descriptors_close(cmsg);
			/*
			 * The library would close the first one again, and
			 * abort, or hit what another thread has just opened.
			 */
			cmsg->cmsg_level = LEVEL_NONE;
		}
}

ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	const ssize_t n = next_recvmsg(fd, msg, flags);

	if (n == -1)
		return (-1);
	control_clean(msg);
	if (n == 0 || stream_good(fd, msg, (size_t)n))
		return (n);
	/* The library aborts at such a frame; at an end it closes. */
	stat_count(STAT_CONNECTIONS_CUT);
	return (0);
}
