/* SPDX-License-Identifier: ISC */
/*
 * Who may connect. The system calls that tell whose a descriptor is are stood
 * in for here, so that there are as many addresses as wanted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "admit.h"

#define LIMIT 256
/* What there is of it for tcp, and for one address. */
#define ALL (LIMIT / 4 * 3)
#define ONE (LIMIT / 8)

/* Listeners have descriptors that no connection gets. */
#define OPEN   1000
#define NARROW 1001
#define WIDE   1002
#define LOCAL  1003 /* not tcp */
#define FDS    1004

static struct sockaddr_storage bound[FDS], peer[FDS];

static void
address_set(struct sockaddr_storage *storage, const char *text, uint16_t port)
{
	struct sockaddr_in *in = (void *)storage;
	struct sockaddr_in6 *in6 = (void *)storage;

	memset(storage, 0, sizeof(*storage));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
	}
}

static int
address_get(const struct sockaddr_storage *storage, struct sockaddr *address,
    socklen_t *len)
{
	if (storage->ss_family == AF_UNSPEC) {
		errno = ENOTCONN;
		return (-1);
	}
	memcpy(address, storage, sizeof(*storage));
	*len = sizeof(*storage);
	return (0);
}

int
getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict len)
{
	return (address_get(&bound[fd], address, len));
}

int
getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict len)
{
	return (address_get(&peer[fd], address, len));
}

static struct ipaddr
ip_of(const char *text)
{
	struct ipaddr ip;

	assert_int_equal(ipaddr_from_text(&ip, text), 0);
	return (ip);
}

static int
prepare(void **state)
{
	const struct ipaddr any = ip_of("0.0.0.0"), any6 = ip_of("::");
	struct ipaddr_net nets[2];

	(void)state;
	admit_open(LIMIT);
	address_set(&bound[OPEN], "0.0.0.0", 1);
	address_set(&bound[NARROW], "0.0.0.0", 2);
	address_set(&bound[WIDE], "::", 3);
	bound[LOCAL].ss_family = AF_UNIX;
	ipaddr_net_from_text(&nets[0], "192.0.2.0/30");
	ipaddr_net_from_text(&nets[1], "2001:db8:1::/48");
	admit_hosts(&any, 1, NULL, 0);
	admit_hosts(&any, 2, nets, 1);
	admit_hosts(&any6, 3, nets, 2);
	return (0);
}

/* `text` connects to a listener and gets descriptor `fd`. */
static bool
comes(int listener, int fd, const char *text)
{
	address_set(&peer[fd], text, 50000);
	if (admit(listener, fd))
		return (true);
	memset(&peer[fd], 0, sizeof(peer[fd]));
	return (false);
}

static void
all_leave(void)
{
	memset(peer, 0, sizeof(peer));
}

static void
test_hosts(void **state)
{
	static const struct {
		int listener;
		const char *from;
		bool good;
	} cases[] = {
	    {OPEN, "203.0.113.1", true}, {NARROW, "192.0.2.3", true},
	    {NARROW, "192.0.2.4", false}, {WIDE, "2001:db8:1:ffff::1", true},
	    {WIDE, "2001:db8:2::1", false},
	    /* What comes by IPv4 to a socket of both. */
	    {WIDE, "::ffff:192.0.2.1", true}, {WIDE, "::ffff:192.0.2.4", false},
	    {LOCAL, "", true}, {OPEN, "", false}, /* gone already */
	};
	struct ipaddr any = ip_of("0.0.0.0");
	struct ipaddr_net net;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (comes(cases[i].listener, 9, cases[i].from) != cases[i].good)
			fail_msg("from %s", cases[i].from);
	/* Others from now on. */
	ipaddr_net_from_text(&net, "192.0.2.4");
	admit_hosts(&any, 2, &net, 1);
	assert_true(comes(NARROW, 9, "192.0.2.4"));
	assert_false(comes(NARROW, 9, "192.0.2.3"));
	all_leave();
}

/* How many of an attacker's connections stay, the first at descriptor 0. */
static int
crowd(const char *format)
{
	char text[IPADDR_TEXT_MAX];
	int fd, stay = 0;

	for (fd = 0; fd < LIMIT; fd++) {
		snprintf(text, sizeof(text), format, fd % 250);
		stay += comes(WIDE, stay, text);
	}
	return (stay);
}

static void
test_shares(void **state)
{
	struct ipaddr any6 = ip_of("::");

	(void)state;
	admit_hosts(&any6, 3, NULL, 0);
	all_leave();
	assert_int_equal(crowd("::ffff:192.0.2.1"), ONE);
	all_leave();
	assert_int_equal(crowd("::ffff:192.0.2.%d"), ALL);
	all_leave();
	assert_int_equal(crowd("2001:db8::1"), ONE);
	/* One customer has 2^64 addresses. */
	all_leave();
	assert_int_equal(crowd("2001:db8::%x"), ONE);
	all_leave();
	assert_int_equal(crowd("2001:db8:0:%x::1"), ALL);
	/* Others find room beside him. */
	all_leave();
	crowd("2001:db8::%x");
	assert_true(comes(WIDE, ONE, "2001:db8:0:1::1"));
	assert_true(comes(WIDE, ONE + 1, "::ffff:192.0.2.1"));
	all_leave();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_shares),
	};

	return (cmocka_run_group_tests(tests, prepare, NULL));
}
