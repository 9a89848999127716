/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "ipaddr.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
test_text(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: no address */
		unsigned octets;
	} cases[] = {
	    {"192.0.2.1", "192.0.2.1", 4},
	    {"0.0.0.0", "0.0.0.0", 4},
	    {"255.255.255.255", "255.255.255.255", 4},
	    {"::", "::", 16},
	    {"2001:DB8::1", "2001:db8::1", 16},
	    {"2001:db8:0:0:0:0:0:1", "2001:db8::1", 16},
	    /* RFC 4291 2.5.5.2: mapped; but not 2.5.5.1: compatible */
	    {"::ffff:192.0.2.1", "192.0.2.1", 4},
	    {"::FFFF:c000:201", "192.0.2.1", 4},
	    {"::192.0.2.1", "::192.0.2.1", 16},
	    {"::ffff:0:192.0.2.1", "::ffff:0:c000:201", 16},
	    {"", NULL, 0},
	    {"unknown", NULL, 0},
	    {"192.0.2", NULL, 0},
	    {"192.0.2.256", NULL, 0},
	    {"192.0.2.1.", NULL, 0},
	    {" 192.0.2.1", NULL, 0},
	    {"192.0.2.1 ", NULL, 0},
	    {"192.0.2.1/32", NULL, 0},
	    {"0x7f.1", NULL, 0},
	    {"2001:db8::1%eth0", NULL, 0},
	    {"[2001:db8::1]", NULL, 0},
	    {"1:2:3:4:5:6:7:8:9", NULL, 0},
	    {"::1::", NULL, 0},
	};
	char text[IPADDR_TEXT_MAX];
	struct ipaddr ip;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const int ret = ipaddr_from_text(&ip, cases[i].in);

		assert_int_equal(ret, cases[i].out == NULL ? -1 : 0);
		if (ret == -1)
			continue;
		assert_int_equal(ip.octets, cases[i].octets);
		assert_string_equal(ipaddr_text(&ip, text), cases[i].out);
	}
	memset(&ip, 0, sizeof(ip));
	assert_string_equal(ipaddr_text(&ip, text), "unknown");
}

static void
test_within(void **state)
{
	static const struct {
		const char *ip, *net;
		unsigned bits;
		int within;
	} cases[] = {
	    {"192.0.2.1", "192.0.2.0", 24, 1},
	    {"192.0.3.1", "192.0.2.0", 24, 0},
	    {"192.0.3.1", "192.0.2.0", 23, 1},
	    {"192.0.2.1", "192.0.2.1", 32, 1},
	    {"192.0.2.0", "192.0.2.1", 32, 0},
	    {"192.0.2.0", "192.0.2.1", 31, 1},
	    {"192.0.2.1", "10.0.0.0", 0, 1},
	    {"192.0.2.1", "128.0.0.0", 1, 1},
	    {"192.0.2.1", "0.0.0.0", 1, 0},
	    {"192.0.2.1", "192.0.2.1", 33, 0},
	    {"::ffff:192.0.2.1", "192.0.2.0", 24, 1},
	    {"2001:db8::1", "2001:db8::", 32, 1},
	    {"2001:db8::1", "2001:db8::", 128, 0},
	    {"2001:db8::1", "2001:db8::1", 128, 1},
	    {"2001:db8::1", "2001:db8::", 127, 1},
	    {"2001:db8::1", "2001:db8::", 129, 0},
	    {"2001:db8::1", "::", 0, 1},
	    /* families do not mix */
	    {"192.0.2.1", "::", 0, 0},
	    {"2001:db8::1", "0.0.0.0", 0, 0},
	};
	struct ipaddr ip, net;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(ipaddr_from_text(&ip, cases[i].ip), 0);
		assert_int_equal(ipaddr_from_text(&net, cases[i].net), 0);
		if (ipaddr_within(&ip, &net, cases[i].bits) != cases[i].within)
			fail_msg("%s in %s/%u", cases[i].ip, cases[i].net,
			    cases[i].bits);
	}
}

static void
test_net(void **state)
{
	static const struct {
		const char *in;
		int bits; /* -1: no prefix */
	} cases[] = {
	    {"192.0.2.1", 32},
	    {"192.0.2.0/24", 24},
	    {"192.0.2.1/32", 32},
	    {"2001:db8::1/128", 128},
	    {"192.64.0.0/9", -1},
	    {"192.128.0.0/9", 9},
	    {"192.0.2.128/25", 25},
	    {"0.0.0.0/0", 0},
	    {"2001:db8::/32", 32},
	    {"2001:db8::1", 128},
	    {"::/0", 0},
	    {"192.0.2.1/24", -1},
	    {"192.0.2.64/25", -1},
	    {"128.0.0.0/0", -1},
	    {"2001:db8::1/127", -1},
	    {"192.0.2.0/33", -1},
	    {"2001:db8::/129", -1},
	    {"192.0.2.0/", -1},
	    {"192.0.2.0/+8", -1},
	    {"192.0.2.0/ 8", -1},
	    {"192.0.2.0/8x", -1},
	    {"192.0.2.0/24/24", -1},
	    {"192.0.2/24", -1},
	    {"/24", -1},
	    {"", -1},
	};
	struct ipaddr_net net;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		const int ret = ipaddr_net_from_text(&net, cases[i].in);

		assert_int_equal(ret, cases[i].bits == -1 ? -1 : 0);
		if (ret == 0)
			assert_int_equal(net.bits, cases[i].bits);
	}
}

static void
test_sockaddr(void **state)
{
	static const struct {
		int family;
		const char *in, *out;
		unsigned port; /* 0: other families have none */
	} cases[] = {
	    {AF_INET, "192.0.2.1", "192.0.2.1", 5300},
	    {AF_INET6, "2001:db8::1", "2001:db8::1", 5301},
	    {AF_INET6, "::ffff:192.0.2.1", "192.0.2.1", 5302},
	    {AF_UNIX, NULL, "unknown", 0},
	};
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} from;
	char text[IPADDR_TEXT_MAX];
	struct ipaddr ip, same;
	uint16_t port;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&from, 0, sizeof(from));
		memset(&ip, 0xa5, sizeof(ip));
		from.any.sa_family = (sa_family_t)cases[i].family;
		if (cases[i].family == AF_INET) {
			inet_pton(AF_INET, cases[i].in, &from.in.sin_addr);
			from.in.sin_port = htons((uint16_t)cases[i].port);
		} else if (cases[i].family == AF_INET6) {
			inet_pton(AF_INET6, cases[i].in, &from.in6.sin6_addr);
			from.in6.sin6_port = htons((uint16_t)cases[i].port);
		}
		ipaddr_from_sockaddr(&ip, &port, &from.any);
		assert_string_equal(ipaddr_text(&ip, text), cases[i].out);
		assert_int_equal(port, cases[i].port);
		/* As a value: no octet of it is left as it was. */
		if (cases[i].in != NULL) {
			ipaddr_from_text(&same, cases[i].in);
			assert_memory_equal(&ip, &same, sizeof(ip));
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_within),
	    cmocka_unit_test(test_net),
	    cmocka_unit_test(test_sockaddr),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
