/* SPDX-License-Identifier: ISC */
/*
 * check_host() (RFC 7208 4) on top of libspf2.
 *
 * libspf2 as it stands neither follows RFC 7208 nor survives hostile text, so
 * it never sees any: it gets canonical records (spf_canonical.h), in which a
 * handle stands for each term. When the library (spf_library.h) looks a handle
 * up, lookup() finds the term, expands its domain, reads the view and answers.
 * Thus the library runs the control flow and compares the addresses; grammar,
 * macros, names, limits and explanations are ours.
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

#include <string.h>

#include "arena.h"
#include "spf_canonical.h"
#include "spf_client.h"
#include "spf_library.h"
#include "spf_macro.h"
#include "spf_record.h"
#include "spf_sender.h"

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
	struct spf_sender sender;
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
	return (!check->sender.local_is_ascii);
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
handle_find(const struct check *check, unsigned n)
{
	return (n >= check->nhandles ? NULL : check->handles[n]);
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

static void
addresses_answer(struct check *check, const struct rrset *set,
    const struct spf_term *term, struct spf_reply *reply)
{
	const struct ipaddr *client = &check->question->client_ip;
	struct rdata record = {0};
	struct ipaddr ip;

	while (set != NULL && spf_client_address(client, set, &record, &ip)) {
		/* "/0": every address will do. */
		if (spf_canonical_bits(term, client) == 0)
			ip = *client;
		spf_reply_address(reply, &ip);
	}
}

/* RFC 7208 5.3 */
static void
a_answer(
    struct check *check, const struct handle *handle, struct spf_reply *reply)
{
	const struct rrset *set = NULL;
	struct dname name;

	if (target_name(check, handle, &name) == 0)
		set = record_get(check, &name,
		    spf_client_type(&check->question->client_ip), false);
	void_count(check, set);
	addresses_answer(check, set, &handle->term, reply);
}

/* An address lookup of an mx host: it is not counted as void. */
static void
host_answer(
    struct check *check, const struct handle *handle, struct spf_reply *reply)
{
	const struct rrset *set = record_get(check, handle->host,
	    spf_client_type(&check->question->client_ip), false);

	addresses_answer(check, set, &handle->term, reply);
}

/* RFC 7208 5.4: each host gets a handle of its own. */
static void
mx_answer(
    struct check *check, const struct handle *handle, struct spf_reply *reply)
{
	const struct rrset *set = NULL;
	struct rdata record = {0};
	struct dname name;
	struct handle *host;

	if (target_name(check, handle, &name) == 0)
		set = record_get(check, &name, RR_MX, false);
	void_count(check, set);
	/* RFC 7208 4.6.4: permerror, even if one of the first ten matches. */
	if (set != NULL && set->count > SPF_MX_MAX) {
		check_stop(check, SPF_PERMERROR, "more than 10 MX records");
		return;
	}
	while (set != NULL && rrset_next(set, &record)) {
		/* RFC 7505: "." is no host, it says that there is none. */
		if (rdata_name(&record, 2, &name) == -1 ||
		    dname_labels(&name) == 0)
			continue;
		spf_reply_host(reply, check->nhandles);
		host = handle_new(
		    check, HANDLE_HOST, handle->frame, &handle->term);
		host->host = arena_memdup(check->arena, &name, sizeof(name));
	}
}

/* A match of a term that the library takes for an exists. */
static void
match_answer(bool match, struct spf_reply *reply)
{
	static const struct ipaddr any = {.octets = 4};

	if (match)
		spf_reply_address(reply, &any);
}

/* RFC 7208 5.7: an A lookup whatever the client's family. */
static void
exists_answer(
    struct check *check, const struct handle *handle, struct spf_reply *reply)
{
	const struct rrset *set = NULL;
	struct dname name;

	if (target_name(check, handle, &name) == 0)
		set = record_get(check, &name, RR_A, false);
	void_count(check, set);
	match_answer(set != NULL && set->count > 0, reply);
}

/* RFC 7208 5.5: a validated name that is the target, or lies below it. */
static void
ptr_answer(
    struct check *check, const struct handle *handle, struct spf_reply *reply)
{
	struct dname target;

	if (target_name(check, handle, &target) == -1)
		return;
	match_answer(spf_client_within(&check->client, &target), reply);
	check->missing = check->missing || check->client.missing;
}

static void
term_answer(
    struct check *check, const struct handle *handle, struct spf_reply *reply)
{
	if (term_begin(check, handle) == -1)
		return;
	switch (handle->term.kind) {
	case SPF_A:
		a_answer(check, handle, reply);
		break;
	case SPF_MX:
		mx_answer(check, handle, reply);
		break;
	case SPF_PTR:
		ptr_answer(check, handle, reply);
		break;
	case SPF_EXISTS:
		exists_answer(check, handle, reply);
		break;
	case SPF_ALL:
	case SPF_INCLUDE:
	case SPF_IP4:
	case SPF_IP6:
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_OTHER:
		break;
	}
}

/* The library's hook: every address and MX lookup. */
static void
lookup(void *arg, unsigned n, struct spf_reply *reply)
{
	struct check *check = arg;
	const struct handle *handle = handle_find(check, n);

	if (handle == NULL)
		return;
	switch (handle->role) {
	case HANDLE_TERM:
		term_answer(check, handle, reply);
		break;
	case HANDLE_HOST:
		host_answer(check, handle, reply);
		break;
	case HANDLE_MARK:
		if (handle->frame == check->judge)
			check->matched = &handle->term;
		break;
	}
}

/* The library's hook: the record that an include: or redirect= leads to. */
static void
subrecord_load(void *arg, unsigned n, struct spf_canonical *canonical)
{
	struct check *check = arg;
	const struct handle *handle = handle_find(check, n);
	struct frame *frame = NULL;
	const char *domain;

	if (handle == NULL || term_begin(check, handle) == -1 ||
	    term_is_void(check, &handle->term))
		return;
	domain = target_text(check, handle->frame, &handle->term);
	/* RFC 7208 5.2, 6.1: no record there is permerror, not none. */
	if (domain != NULL)
		frame = record_load(check, domain, SPF_PERMERROR, canonical);
	/* RFC 7208 6.2: the explanation is the redirected one's. */
	if (frame != NULL && handle->term.kind == SPF_REDIRECT &&
	    handle->frame == check->judge) {
		check->judge = frame;
		check->matched = NULL;
	}
}

static bool
check_is_over(void *arg)
{
	const struct check *check = arg;

	return (check->stopped);
}

static void
library_run(struct check *check, const struct spf_canonical *canonical)
{
	struct spf_hooks hooks = {.lookup = lookup,
	    .record = subrecord_load,
	    .over = check_is_over,
	    .arg = check};
	struct spf_verdict verdict;

	spf_library_run(
	    canonical, &check->question->client_ip, &hooks, &verdict);
	if (!verdict.matched)
		check->matched = NULL;
	/* Every error is ours and has stopped the check; but who knows. */
	check_stop(check, verdict.result, verdict.problem);
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
	spf_sender_set(&check->sender, check->arena, question);
	answer->identity = check->sender.identity;
	answer->domain = check->sender.domain;
	check->macros = (struct spf_macros){.local = check->sender.local,
	    .origin = check->sender.domain,
	    .helo = question->helo,
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
	if (question->client_ip.octets != 0 && check.sender.has_domain)
		check.judge =
		    record_load(&check, answer->domain, SPF_NONE, &canonical);
	if (check.judge != NULL)
		library_run(&check, &canonical);
	answer_finish(&check);
	view_leave(view);
}
