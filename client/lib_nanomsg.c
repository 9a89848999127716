/* SPDX-License-Identifier: ISC */
#include "lib_nanomsg.h"

#include <errno.h>
#include <limits.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <nanomsg/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib_endpoint.h"
#include "msg.h"

#define WORKER_STACK 131072 /* octets; nanomsg's thread needs few of them */
#define RECONNECT_MS 5	    /* a daemon that restarts is found again at once */
#define DESCRIPTORS  5	    /* two of the thread, two of the socket, and one */
/* The protocol puts four octets before ours; a little more does no harm. */
#define RECEIVE_MAX (MSG_MAX + 64)

static int
option_set(int handle, int level, int option, int value)
{
	return (nn_setsockopt(handle, level, option, &value, sizeof(value)));
}

/* All of these must stand before the connect: later they have no effect. */
static int
options_set(int handle, enum endpoint_kind kind)
{
	if (option_set(handle, NN_SOL_SOCKET, NN_RECONNECT_IVL, RECONNECT_MS) <
	    0)
		return (-1);
	if (option_set(handle, NN_SOL_SOCKET, NN_RCVMAXSIZE, RECEIVE_MAX) < 0)
		return (-1);
	/* A resend would double the question at a slow server. */
	if (option_set(handle, NN_REQ, NN_REQ_RESEND_IVL, INT_MAX) < 0)
		return (-1);
	if (kind == ENDPOINT_IPC)
		return (0);
	/* Switched off with an IPv4 address, nanomsg aborts. */
	if (kind == ENDPOINT_TCP6 &&
	    option_set(handle, NN_SOL_SOCKET, NN_IPV4ONLY, 0) < 0)
		return (-1);
	return (option_set(handle, NN_TCP, NN_TCP_NODELAY, 1));
}

/*
 * Where descriptors run out while nanomsg starts its thread, it does not fail
 * but hangs for ever. Returns 0 if there are enough, or -1 with errno.
 */
static int
descriptors_check(void)
{
	int fds[DESCRIPTORS], n = 0, error = 0;

	while (n < DESCRIPTORS && error == 0)
		if ((fds[n] = eventfd(0, EFD_CLOEXEC)) == -1)
			error = errno;
		else
			n++;
	while (n > 0)
		close(fds[--n]);
	errno = error;
	return (error == 0 ? 0 : -1);
}

static bool
is_limited(int resource)
{
	struct rlimit limit;

	return (getrlimit(resource, &limit) == 0 &&
		limit.rlim_cur != RLIM_INFINITY);
}

/* Leaves what it was in `usual`; false: nothing was changed. */
static bool
stack_default_small(pthread_attr_t *usual)
{
	pthread_attr_t small;

	if (pthread_getattr_default_np(usual) != 0)
		return (false);
	if (pthread_attr_init(&small) == 0) {
		pthread_attr_setstacksize(&small, WORKER_STACK);
		pthread_setattr_default_np(&small);
		pthread_attr_destroy(&small);
	}
	return (true);
}

static int
socket_open_small(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_attr_t usual;
	bool changed;
	int handle;

	pthread_mutex_lock(&lock);
	changed = stack_default_small(&usual);
	handle = nn_socket(AF_SP, NN_REQ);
	if (changed) {
		pthread_setattr_default_np(&usual);
		pthread_attr_destroy(&usual);
	}
	pthread_mutex_unlock(&lock);
	return (handle);
}

/*
 * nanomsg starts a thread with its first socket, and aborts if it cannot. A
 * stack of the usual 8 MB does not fit where qmail's softlimit allows 16 MB in
 * all, so there the default is a small one for this moment. The default is the
 * whole program's, and another thread may start one just then: where memory is
 * not limited it stays as it is.
 */
static int
socket_open(void)
{
	if (is_limited(RLIMIT_AS) || is_limited(RLIMIT_DATA))
		return (socket_open_small());
	return (nn_socket(AF_SP, NN_REQ));
}

int
nano_open(const char *endpoint)
{
	enum endpoint_kind kind = endpoint_kind(endpoint);
	int handle;

	if (kind == ENDPOINT_BAD) {
		errno = EINVAL;
		return (-1);
	}
	if (descriptors_check() < 0 || (handle = socket_open()) < 0)
		return (-1);
	if (options_set(handle, kind) < 0 || nn_connect(handle, endpoint) < 0) {
		nano_close(handle);
		return (-1);
	}
	return (handle);
}

int
nano_send(int handle, const char *octets, size_t len)
{
	return (nn_send(handle, octets, len, NN_DONTWAIT) < 0 ? -1 : 0);
}

/* Counted when the greeting is complete, and until the connection ends. */
bool
nano_greeted(int handle)
{
	return (nn_get_statistic(handle, NN_STAT_CURRENT_CONNECTIONS) > 0);
}

bool
nano_refused(int handle)
{
	return (nn_get_statistic(handle, NN_STAT_CONNECT_ERRORS) > 0 &&
		!nano_greeted(handle));
}

int
nano_wait(const int handles[], size_t n, int ms)
{
	struct nn_pollfd fds[NANO_SERVERS_MAX];
	size_t i;

	for (i = 0; i < n && i < NANO_SERVERS_MAX; i++) {
		fds[i].fd = handles[i];
		fds[i].events = NN_POLLIN;
		fds[i].revents = 0;
	}
	/* nn_poll() asserts that there is something to watch. */
	if (n == 0) {
		poll(NULL, 0, ms);
		return (-1);
	}
	if (nn_poll(fds, (int)i, ms) <= 0)
		return (-1);
	for (i = 0; i < n && i < NANO_SERVERS_MAX; i++)
		if (fds[i].revents & NN_POLLIN)
			return ((int)i);
	return (-1);
}

ssize_t
nano_receive(int handle, char *buf, size_t size)
{
	return (nn_recv(handle, buf, size, NN_DONTWAIT));
}

void
nano_close(int handle)
{
	/* EINTR means that the socket is still open. */
	while (nn_close(handle) < 0 && nn_errno() == EINTR)
		;
}
