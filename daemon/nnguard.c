/* SPDX-License-Identifier: ISC */
#include "nnguard.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "stats.h"

/* The kernel takes the lesser of this and net.core.somaxconn. */
#define BACKLOG 4096
/* No protocol level: control data that nobody will recognise. */
#define LEVEL_NONE (-1)

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
	stat_count(STAT_CONNECTIONS);
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
ssize_t
recvmsg(int fd, struct msghdr *msg, int flags)
{
	const ssize_t n = next_recvmsg(fd, msg, flags);
	struct cmsghdr *cmsg;

	if (n == -1 || msg->msg_control == NULL)
		return (n);
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
	return (n);
}
