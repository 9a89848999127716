/* SPDX-License-Identifier: ISC */
#include "admit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "log.h"
#include "stats.h"

#define LISTENERS_MAX 16
/* Of the clients' descriptors, tcp gets three quarters ... */
#define TCP_SHARE(limit) ((limit) / 4 * 3)
/* ... and one peer an eighth: some thousand, if there are enough. */
#define PEER_SHARE(limit) ((limit) / 8 > 16 ? (limit) / 8 : 16)
/* Counting anew costs a system call a connection, so not too often. */
#define RECOUNT_PAUSE 100 /* ms */
/* A host that is gone without a word is noticed after a minute or so. */
#define IDLE_SECONDS	 30
#define INTERVAL_SECONDS 10
#define PROBES		 3
#define USER_TIMEOUT	 30000 /* ms that sent data may stay unacknowledged */

struct listener {
	struct ipaddr ip;
	uint16_t port;
	size_t count;
	struct ipaddr_net *host;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct listener listeners[LISTENERS_MAX];
static size_t listeners_count;
static int descriptor_limit;
/* By descriptor: who had it last, which may be long ago. */
static struct ipaddr *owner;
static int64_t recount_at;

void
admit_open(int limit)
{
	owner = calloc((size_t)limit, sizeof(*owner));
	if (owner == NULL)
		fatal(111, "admit.out_of_memory");
	descriptor_limit = limit;
}

static bool
ip_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return (ipaddr_within(a, b, a->octets * 8U));
}

/* RFC 4291 2.5.4: of IPv6, whoever has one address has all of a /64. */
static bool
same_peer(const struct ipaddr *a, const struct ipaddr *b)
{
	return (ipaddr_within(a, b, a->octets == 16 ? 64 : 32));
}

static struct listener *
listener_find(const struct ipaddr *ip, uint16_t port)
{
	size_t i;

	for (i = 0; i < listeners_count; i++)
		if (listeners[i].port == port && ip_equal(&listeners[i].ip, ip))
			return (&listeners[i]);
	return (NULL);
}

void
admit_hosts(const struct ipaddr *ip, uint16_t port,
    const struct ipaddr_net *hosts, size_t count)
{
	struct ipaddr_net *copy = calloc(count + 1, sizeof(*copy));
	struct listener *listener;

	if (copy == NULL)
		fatal(111, "admit.out_of_memory");
	if (count > 0)
		memcpy(copy, hosts, count * sizeof(*copy));
	pthread_mutex_lock(&lock);
	listener = listener_find(ip, port);
	if (listener == NULL) {
		if (listeners_count == LISTENERS_MAX)
			fatal(111, "admit.too_many_endpoints most=%d",
			    LISTENERS_MAX);
		listener = &listeners[listeners_count++];
		listener->ip = *ip;
		listener->port = port;
	}
	free(listener->host);
	listener->host = copy;
	listener->count = count;
	pthread_mutex_unlock(&lock);
}

/* Whether `listener` takes connections from `ip`. */
static bool
address_allowed(const struct listener *listener, const struct ipaddr *ip)
{
	size_t i;

	for (i = 0; i < listener->count; i++)
		if (ipaddr_within(
			ip, &listener->host[i].ip, listener->host[i].bits))
			return (true);
	return (listener->count == 0);
}

static bool
address_of(int fd, struct ipaddr *ip, uint16_t *port,
    int (*name)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (name(fd, (struct sockaddr *)&address, &len) == -1)
		return (false);
	ipaddr_from_sockaddr(ip, port, (struct sockaddr *)&address);
	return (ip->octets != 0);
}

static int
owned_count(const struct ipaddr *ip)
{
	int i, count = 0;

	for (i = 0; i < descriptor_limit; i++)
		if (owner[i].octets != 0 && same_peer(&owner[i], ip))
			count++;
	return (count);
}

/* Forgets connections that have been closed meanwhile, nobody having told. */
static void
owned_recount(const struct ipaddr *ip)
{
	struct timespec ts;
	struct ipaddr now;
	uint16_t port;
	int64_t ms;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	if (ms < recount_at)
		return;
	recount_at = ms + RECOUNT_PAUSE;
	for (i = 0; i < descriptor_limit; i++)
		if (owner[i].octets != 0 && same_peer(&owner[i], ip) &&
		    (!address_of(i, &now, &port, getpeername) ||
			!same_peer(&now, ip)))
			owner[i].octets = 0;
}

static bool
share_left(int peer, const struct ipaddr *ip)
{
	if (peer >= TCP_SHARE(descriptor_limit))
		return (false);
	owner[peer].octets = 0;
	if (owned_count(ip) >= PEER_SHARE(descriptor_limit)) {
		owned_recount(ip);
		if (owned_count(ip) >= PEER_SHARE(descriptor_limit))
			return (false);
	}
	owner[peer] = *ip;
	return (true);
}

/* A failure leaves the connection as it would have been. */
static void
liveness_watch(int fd)
{
	const int on = 1, idle = IDLE_SECONDS, interval = INTERVAL_SECONDS,
		  probes = PROBES, timeout = USER_TIMEOUT;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(
	    fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
}

bool
admit(int fd, int peer)
{
	struct ipaddr local, remote;
	const struct listener *listener;
	uint16_t port, ignored;
	bool good;

	if (!address_of(fd, &local, &port, getsockname))
		return (true); /* not tcp */
	if (!address_of(peer, &remote, &ignored, getpeername))
		return (false); /* gone already */
	pthread_mutex_lock(&lock);
	listener = listener_find(&local, port);
	good = listener == NULL || address_allowed(listener, &remote);
	if (!good)
		stat_count(STAT_CONNECTIONS_DENIED);
	else if (!(good = share_left(peer, &remote)))
		stat_count(STAT_CONNECTIONS_SHED);
	pthread_mutex_unlock(&lock);
	if (good)
		liveness_watch(peer);
	return (good);
}
