/* SPDX-License-Identifier: ISC */
/*
 * An SPF check by libspf2 alone, one lookup after the other, as most programs
 * use it. What the daemon's rounds save is measured against it.
 *
 *	spf_bare PORT CLIENT_IP HELO MAIL_FROM
 *
 * Asks the DNS server at 127.0.0.1, PORT. Prints the result, the number of
 * lookups and the milliseconds.
 */
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spf2/spf.h>

#define MESSAGE_MAX 4096

static struct __res_state resolver;
static unsigned lookups;

static void
resolver_open(const char *port)
{
	res_ninit(&resolver);
	resolver.nscount = 1;
	resolver.options |= RES_USE_EDNS0;
	resolver.nsaddr_list[0] = (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)atoi(port)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* The first string of a TXT record is enough for what is measured. */
static void
record_add(SPF_dns_rr_t *rr, const ns_msg *msg, const ns_rr *record)
{
	const unsigned char *data = ns_rr_rdata(*record);
	const ns_type type = ns_rr_type(*record);
	char *out;

	SPF_dns_rr_buf_realloc(rr, rr->num_rr, NS_MAXDNAME);
	out = rr->rr[rr->num_rr]->txt;
	if (type == ns_t_a || type == ns_t_aaaa)
		memcpy(out, data, ns_rr_rdlen(*record));
	else if (type == ns_t_txt)
		snprintf(
		    out, NS_MAXDNAME, "%.*s", data[0], (const char *)data + 1);
	else if (dn_expand(ns_msg_base(*msg), ns_msg_end(*msg),
		     type == ns_t_mx ? data + 2 : data, out, NS_MAXDNAME) == -1)
		return;
	rr->num_rr++;
}

static SPF_dns_rr_t *
lookup(SPF_dns_server_t *server, const char *domain, ns_type type, int cache)
{
	unsigned char answer[MESSAGE_MAX];
	SPF_dns_rr_t *rr;
	ns_rr record;
	ns_msg msg;
	int len, i;

	(void)cache;
	lookups++;
	rr = SPF_dns_rr_new_init(server, domain, type, 0, HOST_NOT_FOUND);
	len = res_nquery(
	    &resolver, domain, ns_c_in, type, answer, sizeof(answer));
	if (len == -1 || ns_initparse(answer, len, &msg) == -1)
		return (rr);
	for (i = 0; i < ns_msg_count(msg, ns_s_an); i++)
		if (ns_parserr(&msg, ns_s_an, i, &record) == 0 &&
		    ns_rr_type(record) == type)
			record_add(rr, &msg, &record);
	if (rr->num_rr > 0)
		rr->herrno = NETDB_SUCCESS;
	return (rr);
}

static double
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6);
}

int
main(int argc, char *argv[])
{
	SPF_dns_server_t dns = {.lookup = lookup, .name = "resolv"};
	SPF_response_t *response = NULL;
	SPF_request_t *request;
	SPF_server_t *server;
	double start;

	if (argc != 5) {
		fprintf(stderr, "usage: %s PORT CLIENT_IP HELO MAIL_FROM\n",
		    argv[0]);
		return (100);
	}
	resolver_open(argv[1]);
	server = SPF_server_new_dns(&dns, 0);
	start = milliseconds();
	request = SPF_request_new(server);
	SPF_request_set_ipv4_str(request, argv[2]);
	SPF_request_set_helo_dom(request, argv[3]);
	SPF_request_set_env_from(request, argv[4]);
	SPF_request_query_mailfrom(request, &response);
	printf("result=%s lookups=%u ms=%.1f\n",
	    SPF_strresult(SPF_response_result(response)), lookups,
	    milliseconds() - start);
	SPF_response_free(response);
	SPF_request_free(request);
	SPF_server_free(server);
	res_nclose(&resolver);
	return (0);
}
