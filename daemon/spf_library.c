/* SPDX-License-Identifier: ISC */
#include "spf_library.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <spf2/spf.h>

/* --- Replies -------------------------------------------------------------- */

struct spf_reply {
	SPF_dns_rr_t *rr; /* NULL: out of memory */
};

/* It sees no other names than handles; the rest of its queries are ours. */
static SPF_dns_rr_t *
rr_new(ns_type type, int outcome)
{
	return (SPF_dns_rr_new_init(NULL, "z", type, 0, outcome));
}

/* Appends one record's data; out of memory makes the answer a failure. */
static void
reply_add(struct spf_reply *reply, const void *data, size_t len)
{
	SPF_dns_rr_t *rr = reply->rr;

	if (rr == NULL)
		return;
	if (SPF_dns_rr_buf_realloc(rr, rr->num_rr, len) != SPF_E_SUCCESS) {
		rr->herrno = TRY_AGAIN;
		return;
	}
	memcpy(rr->rr[rr->num_rr], data, len);
	rr->num_rr++;
	rr->herrno = NETDB_SUCCESS;
}

void
spf_reply_address(struct spf_reply *reply, const struct ipaddr *ip)
{
	reply_add(reply, ip->addr, ip->octets);
}

void
spf_reply_host(struct spf_reply *reply, unsigned handle)
{
	char text[SPF_HANDLE_MAX];

	spf_handle_text(handle, text);
	reply_add(reply, text, strlen(text) + 1);
}

/* --- What it asks --------------------------------------------------------- */

/* Every address and MX lookup. Never NULL, or the library aborts. */
static SPF_dns_rr_t *
lookup(SPF_dns_server_t *server, const char *domain, ns_type type, int cache)
{
	const struct spf_hooks *hooks = server->hook;
	const int handle = spf_handle_parse(domain);
	struct spf_reply reply;

	(void)cache;
	if (handle == -1 || hooks->over(hooks->arg))
		return (rr_new(type, TRY_AGAIN));
	reply.rr = rr_new(type, HOST_NOT_FOUND);
	hooks->lookup(hooks->arg, (unsigned)handle, &reply);
	if (!hooks->over(hooks->arg))
		return (reply.rr);
	if (reply.rr != NULL)
		SPF_dns_rr_free(reply.rr);
	return (rr_new(type, TRY_AGAIN));
}

/* The record of the current domain, which is a handle. */
static SPF_errcode_t
get_spf(SPF_server_t *server, SPF_request_t *request, SPF_response_t *response,
    SPF_record_t **record)
{
	const struct spf_hooks *hooks = server->resolver->hook;
	const int handle = spf_handle_parse(request->cur_dom);
	struct spf_canonical canonical;

	*record = NULL;
	if (handle == -1 || hooks->over(hooks->arg))
		return (SPF_E_DNS_ERROR);
	spf_canonical_open(&canonical);
	hooks->record(hooks->arg, (unsigned)handle, &canonical);
	if (hooks->over(hooks->arg))
		return (SPF_E_DNS_ERROR);
	return (SPF_record_compile(server, response, record, canonical.text));
}

/* Explanations are ours. */
static SPF_errcode_t
get_exp(SPF_server_t *server, const char *domain, char **buf, size_t *len)
{
	(void)server;
	(void)domain;
	(void)buf;
	(void)len;
	return (SPF_E_NOT_SPF);
}

/* --- The library ---------------------------------------------------------- */

/* One for all checks: they run one after the other in one thread. */
static SPF_dns_server_t library_dns = {
    .lookup = lookup, .get_spf = get_spf, .get_exp = get_exp, .name = "view"};
static SPF_server_t *library;
static jmp_buf library_escape;

/* By default the library prints, and its errors abort the process. */
static void library_error(const char *file, int line, const char *message)
    __attribute__((noreturn));

static void
library_error(const char *file, int line, const char *message)
{
	(void)file;
	(void)line;
	(void)message;
	longjmp(library_escape, 1);
}

static void
library_message(const char *file, int line, const char *message)
{
	(void)file;
	(void)line;
	(void)message;
}

static void
library_open(void)
{
	SPF_response_t *response = NULL;

	SPF_error_handler = library_error;
	SPF_warning_handler = library_message;
	SPF_info_handler = library_message;
	SPF_debug_handler = library_message;
	library = SPF_server_new_dns(&library_dns, 0);
	if (library == NULL)
		library_error(__FILE__, __LINE__, "out of memory");
	/* The counts are ours; the marks must not use up the library's. */
	SPF_server_set_max_dns_mech(library, 1000);
	/* It expands an explanation for every fail: the cheapest there is. */
	SPF_server_set_explanation(library, "x", &response);
	if (response != NULL)
		SPF_response_free(response);
}

static void
verdict_take(struct spf_verdict *verdict, SPF_response_t *response)
{
	static const enum spf_result results[] = {
	    [SPF_RESULT_INVALID] = SPF_PERMERROR,
	    [SPF_RESULT_NEUTRAL] = SPF_NEUTRAL,
	    [SPF_RESULT_PASS] = SPF_PASS,
	    [SPF_RESULT_FAIL] = SPF_FAIL,
	    [SPF_RESULT_SOFTFAIL] = SPF_SOFTFAIL,
	    [SPF_RESULT_NONE] = SPF_PERMERROR,
	    [SPF_RESULT_TEMPERROR] = SPF_TEMPERROR,
	    [SPF_RESULT_PERMERROR] = SPF_PERMERROR};

	verdict->result = results[SPF_response_result(response)];
	verdict->matched = SPF_response_reason(response) != SPF_REASON_DEFAULT;
	verdict->problem = NULL;
	if (verdict->result == SPF_PERMERROR ||
	    verdict->result == SPF_TEMPERROR)
		verdict->problem = SPF_strerror(SPF_response_errcode(response));
}

static void
library_evaluate(const struct spf_canonical *canonical,
    const struct ipaddr *client, struct spf_verdict *verdict)
{
	SPF_request_t *request = SPF_request_new(library);
	SPF_response_t *response = SPF_response_new(request);
	SPF_record_t *record = NULL;
	struct in_addr ip4;
	struct in6_addr ip6;

	if (request == NULL || response == NULL)
		library_error(__FILE__, __LINE__, "out of memory");
	memcpy(&ip4, client->addr, sizeof(ip4));
	memcpy(&ip6, client->addr, sizeof(ip6));
	if (client->octets == 4)
		SPF_request_set_ipv4(request, ip4);
	else
		SPF_request_set_ipv6(request, ip6);
	/* It asks for no record of this name: the first one is given. */
	request->cur_dom = "z";
	if (SPF_record_compile(library, response, &record, canonical->text) ==
	    SPF_E_SUCCESS) {
		response->spf_record_exp = record;
		SPF_record_interpret(record, request, response, 0);
	}
	verdict_take(verdict, response);
	if (record != NULL)
		SPF_record_free(record);
	SPF_response_free(response);
	SPF_request_free(request);
}

/*
 * The library calls its error handler when memory is short or when it doubts
 * its own state, and expects it not to return. What it held is then lost, the
 * check ends with temperror, and the next one begins with a new library.
 */
void
spf_library_run(const struct spf_canonical *canonical,
    const struct ipaddr *client, struct spf_hooks *hooks,
    struct spf_verdict *verdict)
{
	if (setjmp(library_escape) != 0) {
		library = NULL;
		*verdict = (struct spf_verdict){
		    SPF_TEMPERROR, false, "libspf2 gave up"};
		return;
	}
	if (library == NULL)
		library_open();
	library_dns.hook = hooks;
	library_evaluate(canonical, client, verdict);
}

const char *
spf_library_version(void)
{
	static char text[32];
	int major, minor, patch;

	SPF_get_lib_version(&major, &minor, &patch);
	snprintf(text, sizeof(text), "%d.%d.%d", major, minor, patch);
	return (text);
}
