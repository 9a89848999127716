/* SPDX-License-Identifier: ISC */
#include "view.h"

#include "arena.h"
#include "log.h"

/* Renewal is due in the last tenth of a record's life. */
#define RENEW_FRACTION 10

struct view {
	struct arena *arena;
	struct view_source source;
	int64_t asof;
	int64_t stale_max;
	enum view_mode mode;
	struct view_scope whole; /* outermost scope */
	struct view_scope *scope;
	struct view_name *missing, *renew;
	struct view_read *reads;
	const struct rrset *timed_out; /* VIEW_FINAL's answer, made once */
};

static void
scope_clear(struct view_scope *scope, struct view_scope *outer)
{
	*scope = (struct view_scope){
	    .dnssec = DNSSEC_SECURE, .expires = INT64_MAX, .outer = outer};
}

struct view *
view_open(struct arena *arena, const struct view_source *source, int64_t asof,
    int64_t stale_max, enum view_mode mode)
{
	struct view *view = arena_alloc(arena, sizeof(*view));

	view->arena = arena;
	view->source = *source;
	view->asof = asof;
	view->stale_max = stale_max;
	view->mode = mode;
	scope_clear(&view->whole, NULL);
	view->scope = &view->whole;
	return (view);
}

void
view_close(struct view *view)
{
	/* Everything is the arena's; this marks where borrowing ends. */
	view->source.get = NULL;
}

int64_t
view_asof(const struct view *view)
{
	return (view->asof);
}

struct arena *
view_arena(struct view *view)
{
	return (view->arena);
}

void
view_enter(struct view *view, struct view_scope *scope)
{
	scope_clear(scope, view->scope);
	view->scope = scope;
}

/* Keeps the earlier of the two; 0 stands for never. */
static void
since_note(int64_t *earliest, int64_t since)
{
	if (since != 0 && (*earliest == 0 || since < *earliest))
		*earliest = since;
}

void
view_account(struct view *view, const struct view_scope *inner)
{
	struct view_scope *outer = view->scope;

	outer->asked += inner->asked;
	outer->missing += inner->missing;
	outer->failed += inner->failed;
	if (inner->dnssec > outer->dnssec)
		outer->dnssec = inner->dnssec;
	if (inner->expires < outer->expires)
		outer->expires = inner->expires;
	if (inner->stale > outer->stale)
		outer->stale = inner->stale;
	since_note(&outer->failed_since, inner->failed_since);
	since_note(&outer->lost_since, inner->lost_since);
}

void
view_leave(struct view *view)
{
	struct view_scope *inner = view->scope;

	view->scope = inner->outer;
	view_account(view, inner);
}

const uint8_t *
view_recall(struct view *view, const void *key, size_t keylen, size_t *len)
{
	if (view->source.recall == NULL)
		return (NULL);
	return (view->source.recall(view->source.arg, key, keylen, len));
}

void
view_remember(struct view *view, const void *key, size_t keylen,
    const void *value, size_t len, int64_t expires)
{
	if (view->source.remember != NULL)
		view->source.remember(
		    view->source.arg, key, keylen, value, len, expires);
}

void
view_forget(struct view *view)
{
	view->source.recall = NULL;
}

/* Each name and type once, in the order of asking. */
static void
list_add(struct view *view, struct view_name **list, const struct dname *name,
    uint16_t type)
{
	struct view_name *entry;

	for (; (entry = *list) != NULL; list = &entry->next)
		if (entry->type == type && dname_equal(&entry->name, name))
			return;
	*list = entry = arena_alloc(view->arena, sizeof(*entry));
	entry->name = *name;
	entry->type = type;
}

/* Past its life, and the attempt to renew it has failed (RFC 8767 5). */
static bool
set_is_stale(const struct view *view, const struct rrset *set)
{
	if (set->state == RR_FAILED ||
	    view->asof - set->expires > view->stale_max)
		return (false);
	if (view->mode == VIEW_FINAL)
		return (true);
	return (set->retry_at > view->asof || set->failed_at >= view->asof);
}

/* Data too old to serve, and asking again is not due: only the failure. */
static bool
set_is_failure(const struct view *view, const struct rrset *set)
{
	return (set->failure != RR_FAILURE_NONE &&
		(set->retry_at > view->asof || set->failed_at >= view->asof));
}

static const struct rrset *
failure_only(struct view *view, const struct rrset *set)
{
	struct rrset *failed;

	if (set->state == RR_FAILED)
		return (set);
	failed = arena_memdup(view->arena, set, sizeof(*set));
	failed->state = RR_FAILED;
	failed->dnssec = set->failure == RR_FAILURE_BOGUS
			     ? DNSSEC_BOGUS
			     : DNSSEC_INDETERMINATE;
	failed->expires = set->expires + view->stale_max;
	failed->count = 0;
	failed->len = 0;
	failed->rdata = NULL;
	return (failed);
}

/* No time left to ask: what is missing counts as timed out. */
static const struct rrset *
failure_timeout(struct view *view, const struct rrset *older)
{
	struct rrset *failed;

	if (view->timed_out != NULL && older == NULL)
		return (view->timed_out);
	failed = arena_alloc(view->arena, sizeof(*failed));
	failed->state = RR_FAILED;
	failed->dnssec = DNSSEC_INDETERMINATE;
	failed->failure = RR_FAILURE_TIMEOUT;
	failed->failures = 1;
	failed->failed_since = failed->failed_at = view->asof;
	if (older != NULL && older->failed_since != 0) {
		failed->failed_since = older->failed_since;
		failed->expires = older->expires;
		if (older->state != RR_FAILED)
			failed->expires += view->stale_max;
	} else if (older == NULL)
		view->timed_out = failed;
	return (failed);
}

/*
 * What the stored set means as of the request's arrival: the set itself, the
 * failure it tells of, or NULL if it has to be asked for.
 */
static const struct rrset *
set_judge(struct view *view, const struct rrset *set, int64_t *stale)
{
	*stale = 0;
	if (set != NULL && rrset_from_future(set, view->asof))
		set = NULL;
	if (set != NULL) {
		if (rrset_fresh(set, view->asof))
			return (set);
		if (set_is_stale(view, set)) {
			*stale = view->asof - set->expires;
			return (set);
		}
		if (set_is_failure(view, set))
			return (failure_only(view, set));
	}
	return (view->mode == VIEW_FINAL ? failure_timeout(view, set) : NULL);
}

/*
 * A record that came after the request counts as if it had come with it, or
 * what is left of its life would be more than its TTL, and a failure would
 * begin in the future.
 */
static void
scope_count(struct view *view, const struct rrset *set, int64_t stale)
{
	struct view_scope *scope = view->scope;
	const bool failed = set->state == RR_FAILED;
	const int64_t came = failed ? set->failed_at : set->fetched;
	const int64_t late = came > view->asof ? came - view->asof : 0;
	const int64_t expires = (failed ? set->retry_at : set->expires) - late;
	const int64_t since = set->failed_since;

	scope->asked++;
	if (set->dnssec > scope->dnssec)
		scope->dnssec = set->dnssec;
	if (expires < scope->expires)
		scope->expires = expires;
	if (stale > scope->stale)
		scope->stale = stale;
	if (!failed)
		return;
	scope->failed++;
	since_note(&scope->failed_since, since - late);
	since_note(&scope->lost_since,
	    (set->expires > since ? set->expires : since) - late);
}

static void
read_note(struct view *view, const struct dname *name, uint16_t type,
    const struct rrset *set)
{
	struct view_read *entry, **list = &view->reads;

	for (; (entry = *list) != NULL; list = &entry->next)
		if (entry->type == type && dname_equal(&entry->name, name))
			return;
	*list = entry = arena_alloc(view->arena, sizeof(*entry));
	entry->name = *name;
	entry->type = type;
	entry->set = set;
}

/* In use and near its end, or past it: worth asking for behind the answer. */
static bool
renew_is_due(const struct view *view, const struct rrset *set)
{
	if (set->state == RR_FAILED || set->retry_at > view->asof)
		return (false);
	return (set->ttl > 0 && set->expires - view->asof <
				    (int64_t)set->ttl * 1000 / RENEW_FRACTION);
}

const struct rrset *
view_get(struct view *view, const struct dname *name, uint16_t type)
{
	const struct rrset *set;
	int64_t stale;

	set = view->source.get(view->source.arg, name, type);
	set = set_judge(view, set, &stale);
	if (set == NULL) {
		view->scope->asked++;
		view->scope->missing++;
		list_add(view, &view->missing, name, type);
		return (NULL);
	}
	scope_count(view, set, stale);
	read_note(view, name, type, set);
	if (renew_is_due(view, set))
		list_add(view, &view->renew, name, type);
	return (set);
}

bool
view_want(struct view *view, const struct dname *name, uint16_t type)
{
	const struct rrset *set;
	int64_t stale;

	set = view->source.get(view->source.arg, name, type);
	if (set_judge(view, set, &stale) != NULL)
		return (true);
	view->scope->missing++;
	list_add(view, &view->missing, name, type);
	return (false);
}

bool
view_missing(const struct view *view)
{
	return (view->missing != NULL);
}

const struct view_name *
view_missing_list(const struct view *view)
{
	return (view->missing);
}

const struct view_name *
view_renew_list(const struct view *view)
{
	return (view->renew);
}

const struct view_read *
view_read_list(const struct view *view)
{
	return (view->reads);
}
