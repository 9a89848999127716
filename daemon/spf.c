/* SPDX-License-Identifier: ISC */
/*
 * check_host() (RFC 7208 4) on top of libspf2.
 *
 * libspf2 as it stands neither follows RFC 7208 nor survives hostile text, so
 * it never sees any: it gets canonical records (spf_canonical.h), in which a
 * handle stands for each term. When the library looks a handle up, lookup()
 * finds the term, expands its domain, reads the view and answers. Thus the
 * library runs the control flow and compares the addresses; grammar, macros,
 * names, limits and explanations are ours.
 *
 * Two things turn the course of an evaluation:
 *
 * - check->stopped: the result is decided (a limit, an error). The library is
 *   told TRY_AGAIN from there on, so that it comes to an end.
 *
 * - check->missing: a record was not at hand, so the result of this run will
 *   be thrown away. The library goes on as if the record did not match, and
 *   what it then looks up is what the next run will probably read: it is noted
 *   and fetched in the same round. Names that came out of a macro are not
 *   looked up any more (unless prefetch says so), %{p} never: it would invent
 *   names from a client name that is not known yet.
 */
#include "spf.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <spf2/spf.h>

#include "arena.h"
#include "idn.h"
#include "spf_canonical.h"
#include "spf_client.h"
#include "spf_macro.h"
#include "spf_record.h"

/*
 * A record is loaded at most once for each of the ten terms and at the start,
 * with at most as many handles as terms are left (11, 10, ...), a mark each;
 * and ten mx may have ten hosts.
 */
#define HANDLES_MAX 256

#define EXCERPT_MAX 100 /* octets of a foreign text in a problem */

/* One check_host(): a domain and its record. */
struct frame {
	const char *domain;  /* <domain>, for %{d} */
	struct spf_term exp; /* its exp=; target NULL if there is none */
};

/* What "#N.z" in a canonical record stands for. */
struct handle {
	enum { HANDLE_TERM, HANDLE_MARK, HANDLE_HOST } role;
	struct frame *frame;
	struct spf_term term;
	const struct dname *host; /* HANDLE_HOST: of an mx term */
};

struct check {
	struct view *view;
	struct arena *arena;
	const struct spf_question *question;
	struct spf_answer *answer;
	struct spf_macros macros;

	bool missing; /* the result will be thrown away */
	bool stopped; /* the result is `answer->result` */
	unsigned terms, voids;

	struct handle *handles[HANDLES_MAX];
	unsigned nhandles;

	struct frame *judge;		/* whose match is the answer */
	const struct spf_term *matched; /* its last term that was reached */

	struct spf_client client; /* for ptr and %{p} */
};

/* --- Results -------------------------------------------------------------- */

const char *
spf_result_text(enum spf_result result)
{
	switch (result) {
	case SPF_NONE:
		return ("none");
	case SPF_NEUTRAL:
		return ("neutral");
	case SPF_PASS:
		return ("pass");
	case SPF_FAIL:
		return ("fail");
	case SPF_SOFTFAIL:
		return ("softfail");
	case SPF_TEMPERROR:
		return ("temperror");
	case SPF_PERMERROR:
		return ("permerror");
	}
	return ("?");
}

/* The first reason to stop is the one that counts. */
static void
check_stop(struct check *check, enum spf_result result, const char *problem)
{
	if (check->stopped)
		return;
	check->stopped = true;
	check->answer->result = result;
	check->answer->problem = problem;
}

/* Foreign text for a problem: short, and printable. */
static const char *
excerpt(struct check *check, const char *text, size_t len)
{
	const bool cut = len > EXCERPT_MAX;
	char *copy = arena_strndup(check->arena, text, cut ? EXCERPT_MAX : len);
	size_t i;

	for (i = 0; i < (cut ? EXCERPT_MAX : len); i++)
		if (copy[i] < ' ' || copy[i] > '~')
			copy[i] = '?';
	return (cut ? arena_printf(check->arena, "%s...", copy) : copy);
}

/* --- Records -------------------------------------------------------------- */

/*
 * NULL: the set is missing, or it failed. A failure stops the check with
 * temperror (RFC 7208 4.4, 5) unless it is `tolerated`.
 */
static const struct rrset *
record_get(struct check *check, const struct dname *name, uint16_t type,
    bool tolerated)
{
	const struct rrset *set = view_get(check->view, name, type);
	char text[DNAME_TEXT_MAX];

	if (set == NULL) {
		check->missing = true;
		return (NULL);
	}
	if (set->state != RR_FAILED)
		return (set);
	if (!tolerated) {
		dname_text(name, text);
		check_stop(check, SPF_TEMPERROR,
		    arena_printf(check->arena, "%s %s: %s",
			excerpt(check, text, strlen(text)), rr_type_text(type),
			rr_failure_text(set->failure)));
	}
	return (NULL);
}

/* --- Targets -------------------------------------------------------------- */

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return (false);
	return (true);
}

/*
 * RFC 8616 4: with a local-part that is not ASCII, a term that includes %{s}
 * or %{l} does not match anything.
 */
static bool
term_is_void(struct check *check, const struct spf_term *term)
{
	if (term->target == NULL ||
	    (!spf_macro_uses(term->target, term->target_len, 's') &&
		!spf_macro_uses(term->target, term->target_len, 'l')))
		return (false);
	check->macros.read_local = true;
	return (!is_ascii(check->macros.local));
}

/*
 * The <target-name> of a term, NULL when it is not known in this run. It may
 * be no domain name: RFC 7208 4.8 leaves open what then; here it names nothing
 * that exists.
 */
static const char *
target_text(
    struct check *check, const struct frame *frame, const struct spf_term *term)
{
	const bool missing = check->missing;
	char name[SPF_NAME_MAX + 1];

	if (term->target == NULL)
		return (frame->domain);
	if (missing &&
	    (spf_macro_uses(term->target, term->target_len, 'p') ||
		(!check->question->prefetch &&
		    spf_macro_uses(term->target, term->target_len, '\0'))))
		return (NULL);
	check->macros.domain = frame->domain;
	spf_macro_name(&check->macros, term->target, term->target_len, name);
	/* The client's name was asked for and is missing. */
	check->missing = check->missing || check->client.missing;
	if (check->missing && !missing)
		return (NULL);
	return (arena_strdup(check->arena, name));
}

static int
target_name(
    struct check *check, const struct handle *handle, struct dname *name)
{
	const char *text;

	if (term_is_void(check, &handle->term))
		return (-1);
	text = target_text(check, handle->frame, &handle->term);
	return (text == NULL ? -1 : dname_from_text(name, text));
}

/* --- Handles -------------------------------------------------------------- */

static struct handle *
handle_new(struct check *check, int role, struct frame *frame,
    const struct spf_term *term)
{
	struct handle *handle = arena_alloc(check->arena, sizeof(*handle));

	handle->role = role;
	handle->frame = frame;
	handle->term = *term;
	/* One that does not fit is never found: it cannot match. */
	if (check->nhandles < HANDLES_MAX)
		check->handles[check->nhandles++] = handle;
	return (handle);
}

static struct handle *
handle_find(const struct check *check, const char *text)
{
	const int n = spf_handle_parse(text);

	return (n == -1 || (unsigned)n >= check->nhandles ? NULL
							  : check->handles[n]);
}

/* --- Records, made canonical ---------------------------------------------- */

/*
 * `left`: how many terms may still be looked up. Returns false when nothing
 * behind this term can matter any more.
 */
static bool
term_add(struct check *check, struct spf_canonical *canonical,
    struct frame *frame, const struct spf_term *term, unsigned *left)
{
	switch (spf_canonical_add(
	    canonical, term, &check->question->client_ip, check->nhandles)) {
	case SPF_WEIGHT_NONE:
		return (true);
	case SPF_WEIGHT_LOOKUP:
		handle_new(check, HANDLE_TERM, frame, term);
		return (--*left > 0);
	case SPF_WEIGHT_CERTAIN:
		handle_new(check, HANDLE_MARK, frame, term);
		return (false);
	}
	return (false);
}

/*
 * Reads the record to its end, since any error in it counts (RFC 7208 4.6).
 * Returns 0, or -1 when the check is over.
 */
static int
canonical_make(struct check *check, struct spf_canonical *canonical,
    struct frame *frame, const char *text, size_t len)
{
	/* One more than may be evaluated: reaching it is the error. */
	unsigned left = SPF_TERMS_MAX + 1 - check->terms;
	bool open = true;
	struct spf_term term, redirect = {0};
	struct spf_cursor cursor;

	spf_canonical_open(canonical);
	spf_cursor_open(&cursor, text, len);
	while (spf_cursor_next(&cursor, &term)) {
		if (term.kind == SPF_EXP)
			frame->exp = term;
		else if (term.kind == SPF_REDIRECT)
			redirect = term;
		else if (open)
			open = term_add(check, canonical, frame, &term, &left);
	}
	if (cursor.problem != NULL) {
		check_stop(check, SPF_PERMERROR,
		    arena_printf(check->arena, "%s: \"%s\": %s",
			excerpt(check, frame->domain, strlen(frame->domain)),
			excerpt(check, cursor.bad, cursor.bad_len),
			cursor.problem));
		return (-1);
	}
	/*
	 * RFC 7208 6.1: after all mechanisms. An all, wherever it stands, is a
	 * certain match and leaves nothing to redirect.
	 */
	if (redirect.target != NULL && open)
		term_add(check, canonical, frame, &redirect, &left);
	return (0);
}

/* RFC 7208 4.5. Returns how many SPF records there are; the last in *text. */
static unsigned
record_select(struct check *check, const struct rrset *set, const char **text,
    size_t *len)
{
	struct rdata record = {0};
	unsigned found = 0;
	const char *joined;
	size_t n;

	while (rrset_next(set, &record)) {
		/* RFC 7208 3.3: strings are joined without spaces. */
		joined = rdata_txt(check->arena, &record, &n);
		if (!spf_record_is(joined, n))
			continue;
		found++;
		*text = joined;
		*len = n;
	}
	return (found);
}

/*
 * Finds the record of `domain` and makes it canonical. `nothing` is what a
 * domain without a record means here. Returns the frame, or NULL when the
 * check is over or the record missing.
 */
static struct frame *
record_load(struct check *check, const char *domain, enum spf_result nothing,
    struct spf_canonical *canonical)
{
	struct frame *frame = arena_alloc(check->arena, sizeof(*frame));
	const struct rrset *set;
	const char *text = NULL, *problem;
	struct dname name;
	unsigned found = 0;
	size_t len = 0;

	frame->domain = domain;
	/* RFC 7208 4.3: malformed, or one label only: there is no record. */
	if (dname_from_text(&name, domain) == 0 && dname_labels(&name) > 1) {
		set = record_get(check, &name, RR_TXT, false);
		if (set == NULL)
			return (NULL);
		found = record_select(check, set, &text, &len);
	}
	if (found != 1) {
		problem = found == 0 ? "no SPF record" : "several SPF records";
		check_stop(check, found == 0 ? nothing : SPF_PERMERROR,
		    arena_printf(check->arena, "%s: %s",
			excerpt(check, domain, strlen(domain)), problem));
		return (NULL);
	}
	if (canonical_make(check, canonical, frame, text, len) == -1)
		return (NULL);
	return (frame);
}

/* --- What the library asks ------------------------------------------------ */

/* It sees no other names than handles; the rest of its queries are ours. */
static SPF_dns_rr_t *
rr_new(int type, int outcome)
{
	return (SPF_dns_rr_new_init(NULL, "z", type, 0, outcome));
}

/* Appends one record's data; out of memory makes the answer a failure. */
static void
rr_add(SPF_dns_rr_t *rr, const void *data, size_t len)
{
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

/*
 * A term that needs DNS is about to be evaluated. Returns 0, or -1 if it is
 * one too many.
 */
static int
term_begin(struct check *check, const struct handle *handle)
{
	/* RFC 7208 4.6.4: more than ten is permerror. */
	if (++check->terms > SPF_TERMS_MAX) {
		check_stop(
		    check, SPF_PERMERROR, "more than 10 terms that need DNS");
		return (-1);
	}
	if (handle->frame == check->judge)
		check->matched = &handle->term;
	return (0);
}

/* RFC 7208 4.6.4: more than two void lookups is permerror. */
static void
void_count(struct check *check, const struct rrset *set)
{
	if (set == NULL || set->state == RR_PRESENT)
		return;
	if (++check->voids > SPF_VOIDS_MAX)
		check_stop(check, SPF_PERMERROR, "more than 2 void lookups");
}

static SPF_dns_rr_t *
addresses_answer(
    struct check *check, const struct rrset *set, const struct spf_term *term)
{
	const struct ipaddr *client = &check->question->client_ip;
	SPF_dns_rr_t *rr = rr_new(spf_client_type(client), HOST_NOT_FOUND);
	struct rdata record = {0};
	struct ipaddr ip;

	while (set != NULL && spf_client_address(client, set, &record, &ip)) {
		/* "/0": every address will do. */
		if (spf_canonical_bits(term, client) == 0)
			ip = *client;
		rr_add(rr, ip.addr, ip.octets);
	}
	return (rr);
}

/* RFC 7208 5.3 */
static SPF_dns_rr_t *
a_answer(struct check *check, const struct handle *handle)
{
	const struct rrset *set = NULL;
	struct dname name;

	if (target_name(check, handle, &name) == 0)
		set = record_get(check, &name,
		    spf_client_type(&check->question->client_ip), false);
	void_count(check, set);
	return (addresses_answer(check, set, &handle->term));
}

/* An address lookup of an mx host: it is not counted as void. */
static SPF_dns_rr_t *
host_answer(struct check *check, const struct handle *handle)
{
	const struct rrset *set = record_get(check, handle->host,
	    spf_client_type(&check->question->client_ip), false);

	return (addresses_answer(check, set, &handle->term));
}

/* RFC 7208 5.4: each host gets a handle of its own. */
static SPF_dns_rr_t *
mx_answer(struct check *check, const struct handle *handle)
{
	SPF_dns_rr_t *rr = rr_new(ns_t_mx, HOST_NOT_FOUND);
	const struct rrset *set = NULL;
	struct rdata record = {0};
	struct dname name;
	struct handle *host;
	char text[SPF_HANDLE_MAX];

	if (target_name(check, handle, &name) == 0)
		set = record_get(check, &name, RR_MX, false);
	void_count(check, set);
	/* RFC 7208 4.6.4: permerror, even if one of the first ten matches. */
	if (set != NULL && set->count > SPF_MX_MAX) {
		check_stop(check, SPF_PERMERROR, "more than 10 MX records");
		return (rr);
	}
	while (set != NULL && rrset_next(set, &record)) {
		/* RFC 7505: "." is no host, it says that there is none. */
		if (rdata_name(&record, 2, &name) == -1 ||
		    dname_labels(&name) == 0)
			continue;
		spf_handle_text(check->nhandles, text);
		host = handle_new(
		    check, HANDLE_HOST, handle->frame, &handle->term);
		host->host = arena_memdup(check->arena, &name, sizeof(name));
		rr_add(rr, text, strlen(text) + 1);
	}
	return (rr);
}

/* A match of a term that the library takes for an exists. */
static SPF_dns_rr_t *
match_answer(bool match)
{
	SPF_dns_rr_t *rr = rr_new(ns_t_a, HOST_NOT_FOUND);
	static const struct in_addr any;

	if (match)
		rr_add(rr, &any, sizeof(any));
	return (rr);
}

/* RFC 7208 5.7: an A lookup whatever the client's family. */
static SPF_dns_rr_t *
exists_answer(struct check *check, const struct handle *handle)
{
	const struct rrset *set = NULL;
	struct dname name;

	if (target_name(check, handle, &name) == 0)
		set = record_get(check, &name, RR_A, false);
	void_count(check, set);
	return (match_answer(set != NULL && set->count > 0));
}

/* RFC 7208 5.5: a validated name that is the target, or lies below it. */
static SPF_dns_rr_t *
ptr_answer(struct check *check, const struct handle *handle)
{
	struct dname target;
	bool match;

	if (target_name(check, handle, &target) == -1)
		return (match_answer(false));
	match = spf_client_within(&check->client, &target);
	check->missing = check->missing || check->client.missing;
	return (match_answer(match));
}

static SPF_dns_rr_t *
handle_answer(struct check *check, const struct handle *handle)
{
	if (handle->role == HANDLE_HOST)
		return (host_answer(check, handle));
	if (handle->role == HANDLE_MARK) {
		if (handle->frame == check->judge)
			check->matched = &handle->term;
		return (match_answer(false));
	}
	if (term_begin(check, handle) == -1)
		return (match_answer(false));
	switch (handle->term.kind) {
	case SPF_A:
		return (a_answer(check, handle));
	case SPF_MX:
		return (mx_answer(check, handle));
	case SPF_PTR:
		return (ptr_answer(check, handle));
	case SPF_EXISTS:
		return (exists_answer(check, handle));
	case SPF_ALL:
	case SPF_INCLUDE:
	case SPF_IP4:
	case SPF_IP6:
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_OTHER:
		break;
	}
	return (match_answer(false));
}

/* The library's hook: every address and MX lookup. Never NULL. */
static SPF_dns_rr_t *
lookup(SPF_dns_server_t *server, const char *domain, ns_type type, int cache)
{
	struct check *check = server->hook;
	const struct handle *handle = handle_find(check, domain);
	SPF_dns_rr_t *rr = NULL;

	(void)cache;
	if (handle != NULL && !check->stopped)
		rr = handle_answer(check, handle);
	if (handle != NULL && !check->stopped)
		return (rr);
	if (rr != NULL)
		SPF_dns_rr_free(rr);
	return (rr_new(type, TRY_AGAIN));
}

/* include: or redirect=: loads the record that the term leads to. */
static int
subrecord_load(struct check *check, const struct handle *handle,
    struct spf_canonical *canonical)
{
	const bool chain =
	    handle->frame == check->judge && handle->term.kind == SPF_REDIRECT;
	struct frame *frame = NULL;
	const char *domain;

	if (term_begin(check, handle) == -1)
		return (-1);
	if (term_is_void(check, &handle->term)) {
		spf_canonical_open(canonical);
		return (0);
	}
	domain = target_text(check, handle->frame, &handle->term);
	/* RFC 7208 5.2, 6.1: no record there is permerror, not none. */
	if (domain != NULL)
		frame = record_load(check, domain, SPF_PERMERROR, canonical);
	if (check->stopped)
		return (-1);
	if (frame == NULL) {
		/* Missing: go on as if it did not match. */
		spf_canonical_open(canonical);
	} else if (chain) {
		/* RFC 7208 6.2: the explanation is the redirected one's. */
		check->judge = frame;
		check->matched = NULL;
	}
	return (0);
}

/* The library's hook: the record of the current domain, which is a handle. */
static SPF_errcode_t
get_spf(SPF_server_t *server, SPF_request_t *request, SPF_response_t *response,
    SPF_record_t **record)
{
	struct check *check = server->resolver->hook;
	const struct handle *handle = handle_find(check, request->cur_dom);
	struct spf_canonical canonical;

	*record = NULL;
	if (handle == NULL || check->stopped ||
	    subrecord_load(check, handle, &canonical) == -1)
		return (SPF_E_DNS_ERROR);
	return (SPF_record_compile(server, response, record, canonical.text));
}

/* The library's hook: explanations are ours. */
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
library_result(struct check *check, SPF_response_t *response)
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
	const enum spf_result result = results[SPF_response_result(response)];

	/* RFC 7208 4.7: nothing matched. */
	if (SPF_response_reason(response) == SPF_REASON_DEFAULT)
		check->matched = NULL;
	/* Every error is ours and has stopped the check; but who knows. */
	check_stop(check, result,
	    result == SPF_PERMERROR || result == SPF_TEMPERROR
		? SPF_strerror(SPF_response_errcode(response))
		: NULL);
}

static void
library_evaluate(struct check *check, const char *canonical)
{
	const struct ipaddr *ip = &check->question->client_ip;
	SPF_request_t *request = SPF_request_new(library);
	SPF_response_t *response = SPF_response_new(request);
	SPF_record_t *record = NULL;
	struct in_addr ip4;
	struct in6_addr ip6;

	if (request == NULL || response == NULL)
		library_error(__FILE__, __LINE__, "out of memory");
	memcpy(&ip4, ip->addr, sizeof(ip4));
	memcpy(&ip6, ip->addr, sizeof(ip6));
	if (ip->octets == 4)
		SPF_request_set_ipv4(request, ip4);
	else
		SPF_request_set_ipv6(request, ip6);
	/* It asks for no record of this name: the first one is given. */
	request->cur_dom = "z";
	library_dns.hook = check;
	if (SPF_record_compile(library, response, &record, canonical) ==
	    SPF_E_SUCCESS) {
		response->spf_record_exp = record;
		SPF_record_interpret(record, request, response, 0);
	}
	library_result(check, response);
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
static void
library_run(struct check *check, const char *canonical)
{
	if (setjmp(library_escape) != 0) {
		library = NULL;
		check->stopped = false;
		check_stop(check, SPF_TEMPERROR, "libspf2 gave up");
		return;
	}
	if (library == NULL)
		library_open();
	library_evaluate(check, canonical);
}

/* --- The check ------------------------------------------------------------ */

/*
 * RFC 7208 6.2. Whatever goes wrong here means that there is no explanation.
 */
static void
explanation_make(struct check *check)
{
	const struct frame *frame = check->judge;
	const struct spf_term *exp = &frame->exp;
	const struct rrset *set;
	struct rdata record = {0};
	char out[SPF_TEXT_MAX + 1];
	const char *target, *text;
	struct dname name;
	size_t len;

	if (exp->target == NULL ||
	    (check->missing && !check->question->prefetch))
		return;
	if (term_is_void(check, exp))
		return;
	target = target_text(check, frame, exp);
	if (target == NULL || dname_from_text(&name, target) == -1)
		return;
	set = record_get(check, &name, RR_TXT, true);
	if (set == NULL || set->count != 1 || !rrset_next(set, &record))
		return;
	text = rdata_txt(check->arena, &record, &len);
	if (!spf_macro_is_explanation(text, len))
		return;
	check->macros.domain = frame->domain;
	spf_macro_explanation(&check->macros, text, len, out);
	check->answer->explanation = arena_strdup(check->arena, out);
}

/*
 * RFC 5321 4.1.2: local-part "@" domain, perhaps behind a source route
 * ("@a,@b:"), which says nothing about the sender (RFC 7208 2.2).
 */
static void
mailbox_split(struct check *check, const char *mailbox)
{
	const char *at = strrchr(mailbox, '@'), *colon;

	/* RFC 7208 4.3: without a local-part it is "postmaster". */
	check->macros.local = "postmaster";
	check->macros.origin = mailbox;
	if (at == NULL)
		return;
	check->macros.origin = at + 1;
	colon = *mailbox == '@' ? strchr(mailbox, ':') : NULL;
	if (colon != NULL && colon < at)
		mailbox = colon + 1;
	if (at > mailbox)
		check->macros.local = arena_strndup(
		    check->arena, mailbox, (size_t)(at - mailbox));
}

/*
 * RFC 8616 4: the domain of a reverse-path may come in U-labels and is checked
 * in A-labels; a HELO name must come in A-labels.
 */
static const char *
origin_ascii(struct check *check, const char *origin)
{
	struct dname name;
	char text[DNAME_TEXT_MAX];

	if (is_ascii(origin) || idn_to_dname(&name, origin) == -1)
		return (origin);
	return (arena_strdup(check->arena, dname_text(&name, text)));
}

/* <sender> and <domain> (RFC 7208 2.3, 2.4, 4.1). */
static void
identity_set(struct check *check)
{
	const struct spf_question *question = check->question;
	const char *origin;
	size_t len;

	check->answer->identity = question->identity;
	/* RFC 7208 2.4: the null reverse-path is postmaster at the HELO. */
	if (question->mail_from[0] == '\0')
		check->answer->identity = SPF_HELO;
	if (check->answer->identity == SPF_HELO) {
		check->macros.local = "postmaster";
		check->macros.origin = question->helo;
	} else {
		mailbox_split(check, question->mail_from);
		check->macros.origin =
		    origin_ascii(check, check->macros.origin);
	}
	origin = check->macros.origin;
	len = strlen(origin);
	/* RFC 7208 4.3: an empty label is the last one, or it is malformed. */
	if (len > 1 && origin[len - 1] == '.' && origin[len - 2] != '.')
		len--;
	check->macros.origin = arena_strndup(check->arena, origin, len);
	check->answer->domain = check->macros.origin;
}

/*
 * RFC 7208 2.3, 4.3: is there a domain to ask about? An address is none, as a
 * literal or as it stands, nor is a name that is not in A-labels. The rest is
 * for record_load().
 */
static bool
identity_is_domain(const char *domain)
{
	struct ipaddr ip;

	if (ipaddr_from_text(&ip, domain) == 0)
		return (false);
	for (; *domain != '\0'; domain++)
		if (*domain <= ' ' || *domain > '~' || *domain == '[')
			return (false);
	return (true);
}

static const char *
client_name(void *arg, const char *domain)
{
	return (spf_client_name(arg, domain));
}

static void
check_init(struct check *check, struct view *view,
    const struct spf_question *question, struct spf_answer *answer)
{
	*check = (struct check){.view = view,
	    .arena = view_arena(view),
	    .question = question,
	    .answer = answer};
	check->macros = (struct spf_macros){.helo = question->helo,
	    .receiver = "unknown",
	    .client_ip = &question->client_ip,
	    .now = view_asof(view) / 1000,
	    .client_name = client_name,
	    .arg = &check->client};
	check->client.view = view;
	check->client.ip = &question->client_ip;
	if (question->receiver != NULL && question->receiver[0] != '\0')
		check->macros.receiver = question->receiver;
}

static void
answer_finish(struct check *check)
{
	struct spf_answer *answer = check->answer;

	if (answer->result == SPF_FAIL && check->judge != NULL)
		explanation_make(check);
	if (answer->result == SPF_NONE)
		answer->problem = NULL;
	/* RFC 7208 9.1: "default" if nothing matched. */
	answer->mechanism = "default";
	if (answer->problem == NULL && check->matched != NULL)
		answer->mechanism =
		    excerpt(check, check->matched->text, check->matched->len);
	answer->read_local = check->macros.read_local;
	answer->read_helo = check->macros.read_helo;
	answer->read_time = check->macros.read_time;
}

void
spf_check(struct view *view, const struct spf_question *question,
    struct spf_answer *answer)
{
	struct spf_canonical canonical;
	struct check check;

	memset(answer, 0, sizeof(*answer));
	check_init(&check, view, question, answer);
	view_enter(view, &answer->read);
	identity_set(&check);
	if (question->client_ip.octets != 0 &&
	    identity_is_domain(answer->domain))
		check.judge =
		    record_load(&check, answer->domain, SPF_NONE, &canonical);
	if (check.judge != NULL)
		library_run(&check, canonical.text);
	answer_finish(&check);
	view_leave(view);
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
