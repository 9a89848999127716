/* SPDX-License-Identifier: ISC */
#include "inflight.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "cache.h"
#include "hash.h"
#include "log.h"
#include "resolver.h"
#include "stats.h"

/*
 * Names that may be in flight or wait for their turn: a thousand mail hosts'
 * worth of cold questions. Each costs about 700 octets with its resolver part.
 */
#define INFLIGHT_MAX 16384
#define BUCKETS	     4096

/* RFC 9520 3.2: at least 1 second, at most 5 minutes. */
#define PAUSE_MIN 1000
#define PAUSE_MAX 300000

struct flight {
	LIST_ENTRY(flight) bucket;
	TAILQ_ENTRY(flight) order; /* by deadline, or in `done` */
	LIST_HEAD(, waiter) waiters;
	struct dname name;
	uint16_t type;
	bool timed; /* in the list of deadlines */
	int64_t deadline;
	const struct rrset *set; /* when done */
};

LIST_HEAD(bucket, flight);
TAILQ_HEAD(flights, flight);

struct inflight {
	struct resolver *resolver;
	struct cache *cache;
	struct inflight_policy policy;
	inflight_answered *answered;
	uint8_t key[HASH_KEY];
	struct bucket table[BUCKETS];
	struct flights deadlines;
	unsigned count;
	inflight_watched *watch; /* NULL: nobody */
	void *watch_arg;
};

struct inflight *
inflight_new(struct resolver *resolver, struct cache *cache,
    const struct inflight_policy *policy)
{
	struct inflight *inflight = calloc(1, sizeof(*inflight));

	if (inflight == NULL)
		fatal(111, "inflight.out_of_memory");
	inflight->resolver = resolver;
	inflight->cache = cache;
	inflight->policy = *policy;
	TAILQ_INIT(&inflight->deadlines);
	hash_random(inflight->key, sizeof(inflight->key));
	return (inflight);
}

void
inflight_set_policy(
    struct inflight *inflight, const struct inflight_policy *policy)
{
	inflight->policy = *policy;
}

void
inflight_watch(struct inflight *inflight, inflight_watched *watch, void *arg)
{
	inflight->watch = watch;
	inflight->watch_arg = arg;
}

/* The key is secret, so nobody can choose names that share a bucket. */
static struct bucket *
bucket_of(struct inflight *inflight, const struct dname *name, uint16_t type)
{
	uint8_t octets[DNAME_MAX + 2];

	memcpy(octets, name->wire, name->len);
	octets[name->len] = (uint8_t)(type >> 8);
	octets[name->len + 1] = (uint8_t)type;
	return (
	    &inflight->table[hash_short(inflight->key, octets, name->len + 2U) %
			     BUCKETS]);
}

static struct flight *
flight_find(struct inflight *inflight, const struct dname *name, uint16_t type)
{
	struct flight *f;

	LIST_FOREACH(f, bucket_of(inflight, name, type), bucket)
	if (f->type == type && dname_equal(&f->name, name))
		return (f);
	return (NULL);
}

static void
flight_free(struct inflight *inflight, struct flight *f)
{
	struct waiter *w;

	while ((w = LIST_FIRST(&f->waiters)) != NULL)
		inflight_leave(w);
	if (f->timed)
		TAILQ_REMOVE(&inflight->deadlines, f, order);
	LIST_REMOVE(f, bucket);
	inflight->count--;
	free(f);
}

void
inflight_free(struct inflight *inflight)
{
	struct flight *f;
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		while ((f = LIST_FIRST(&inflight->table[i])) != NULL)
			/* The analyzer does not follow LIST_REMOVE. */
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
			flight_free(inflight, f);
	free(inflight);
}

static struct flight *
flight_start(struct inflight *inflight, const struct dname *name, uint16_t type)
{
	struct flight *f;

	if (inflight->count == INFLIGHT_MAX) {
		stat_count(STAT_LOOKUPS_OVER);
		return (NULL);
	}
	if ((f = calloc(1, sizeof(*f))) == NULL)
		fatal(111, "inflight.out_of_memory");
	f->name = *name;
	f->type = type;
	LIST_INSERT_HEAD(bucket_of(inflight, name, type), f, bucket);
	inflight->count++;
	stat_count(STAT_LOOKUPS);
	resolver_ask(inflight->resolver, name, type);
	return (f);
}

/* By deadline; nearly all may take as long, so look from the end. */
static void
deadline_set(struct inflight *inflight, struct flight *f, int64_t now)
{
	struct flight *before;

	f->timed = true;
	f->deadline = now + inflight->policy.timeout;
	TAILQ_FOREACH_REVERSE(before, &inflight->deadlines, flights, order)
	if (before->deadline <= f->deadline)
		break;
	if (before == NULL)
		TAILQ_INSERT_HEAD(&inflight->deadlines, f, order);
	else
		TAILQ_INSERT_AFTER(&inflight->deadlines, before, f, order);
}

int
inflight_join(struct inflight *inflight, const struct dname *name,
    uint16_t type, struct waiter *waiter, int64_t now)
{
	struct flight *f = flight_find(inflight, name, type);

	if (f != NULL)
		stat_count(STAT_JOINED);
	else if ((f = flight_start(inflight, name, type)) == NULL)
		return (-1);
	else if (waiter == NULL)
		stat_count(STAT_RENEWED);
	/* Also a lookup that timed out and still goes on: wait again. */
	if (!f->timed)
		deadline_set(inflight, f, now);
	if (waiter != NULL) {
		waiter->waiting = true;
		LIST_INSERT_HEAD(&f->waiters, waiter, entry);
	}
	return (0);
}

void
inflight_leave(struct waiter *waiter)
{
	if (!waiter->waiting)
		return;
	waiter->waiting = false;
	LIST_REMOVE(waiter, entry);
}

/*
 * What the cache is to hold
 */

static uint32_t
ttl_bound(uint32_t ttl, uint32_t least, uint32_t most)
{
	if (ttl < least)
		ttl = least;
	return (ttl > most ? most : ttl);
}

static void
set_stamp(const struct inflight_policy *policy, struct rrset *set, int64_t now)
{
	set->ttl = ttl_bound(set->ttl, policy->min_ttl,
	    set->state == RR_PRESENT ? policy->max_ttl
				     : policy->negative_max_ttl);
	set->fetched = now;
	set->expires = now + (int64_t)set->ttl * 1000;
}

/* RFC 9520 3.2: each failure in a row doubles the pause. */
static int64_t
pause_after(uint32_t failures)
{
	int64_t pause = PAUSE_MIN;

	while (--failures > 0 && pause < PAUSE_MAX)
		pause *= 2;
	return (pause < PAUSE_MAX ? pause : PAUSE_MAX);
}

static void
failure_stamp(struct rrset *set, const struct rrset *older, int64_t now)
{
	set->failures = 1;
	set->failed_since = now;
	if (older != NULL && older->failure != RR_FAILURE_NONE &&
	    now - older->retry_at < INFLIGHT_FAILURE_KEEP) {
		set->failures = older->failures + 1;
		set->failed_since = older->failed_since;
	}
	set->failed_at = now;
	set->retry_at = now + pause_after(set->failures);
}

/* News of a failure that is known: it was one attempt, and counts once. */
static void
failure_carry(struct rrset *set, const struct rrset *known)
{
	set->failures = known->failures;
	set->failed_since = known->failed_since;
	set->failed_at = known->failed_at;
	set->retry_at = known->retry_at;
}

/*
 * The older data with the failure to renew it, if the data can still serve;
 * else the failure, which tells until when it could.
 */
static const struct rrset *
set_merge(const struct inflight *inflight, struct arena *arena,
    struct rrset *failed, const struct rrset *older, int64_t now)
{
	const int64_t stale_max = inflight->policy.stale_max;
	struct rrset *merged;

	if (older == NULL)
		return (failed);
	if (older->state == RR_FAILED || now - older->expires > stale_max) {
		failed->expires = older->expires;
		if (older->state != RR_FAILED)
			failed->expires += stale_max;
		return (failed);
	}
	merged = rrset_copy(arena, older);
	merged->failure = failed->failure;
	merged->failures = failed->failures;
	merged->failed_since = failed->failed_since;
	merged->failed_at = failed->failed_at;
	merged->retry_at = failed->retry_at;
	return (merged);
}

/*
 * Stores an answer. Returns what was stored: `set`, or arena. `timed_out`: the
 * attempt has been stored as a failure already, when its time was over.
 */
static const struct rrset *
answer_keep(struct inflight *inflight, struct arena *arena,
    const struct dname *name, uint16_t type, struct rrset *set, bool timed_out,
    int64_t now)
{
	const struct rrset *kept = set, *older = NULL;

	if (set->state == RR_FAILED || inflight->watch != NULL)
		older = cache_get(inflight->cache, arena, name, type);
	if (set->state == RR_FAILED) {
		if (older != NULL && rrset_from_future(older, now))
			older = NULL;
		if (timed_out && older != NULL &&
		    older->failure != RR_FAILURE_NONE)
			failure_carry(set, older);
		else
			failure_stamp(set, older, now);
		kept = set_merge(inflight, arena, set, older, now);
	} else {
		set_stamp(&inflight->policy, set, now);
	}
	if (inflight->watch != NULL)
		inflight->watch(
		    inflight->watch_arg, name, type, older, kept, now);
	cache_put(inflight->cache, name, type, kept);
	return (kept);
}

static void
answer_count(const struct resolver_answer *answer)
{
	char name[DNAME_TEXT_MAX], why[256];

	switch (answer->set->dnssec) {
	case DNSSEC_SECURE:
		stat_count(STAT_SECURE);
		break;
	case DNSSEC_INSECURE:
		stat_count(STAT_INSECURE);
		break;
	case DNSSEC_INDETERMINATE:
		stat_count(STAT_INDETERMINATE);
		break;
	case DNSSEC_BOGUS:
		stat_count(STAT_BOGUS);
		break;
	}
	if (answer->set->state == RR_FAILED)
		stat_count(STAT_FAILED);
	if (log_threshold() < LOG_LEVEL_DEBUG)
		return;
	log_debug("lookup name=%s type=%s state=%s dnssec=%s ttl=%u "
		  "failure=%s why=%s",
	    dname_text(&answer->name, name), rr_type_text(answer->type),
	    rr_state_text(answer->set->state), dnssec_text(answer->set->dnssec),
	    answer->set->ttl, rr_failure_text(answer->set->failure),
	    log_field(why, sizeof(why),
		answer->why_bogus != NULL ? answer->why_bogus : "-"));
}

/*
 * Collecting: first everything is stored, in one transaction; only then are
 * the waiters told, so that what they read is what everybody reads.
 */

static void
flight_done(struct inflight *inflight, struct flights *done, struct flight *f,
    const struct rrset *set)
{
	if (f->timed)
		TAILQ_REMOVE(&inflight->deadlines, f, order);
	f->timed = false;
	f->set = set;
	TAILQ_INSERT_TAIL(done, f, order);
}

static void
collect_answers(struct inflight *inflight, struct arena *arena,
    struct flights *done, int64_t now)
{
	struct resolver_answer *answer;
	const struct rrset *set;
	struct flight *f;

	while ((answer = resolver_next(inflight->resolver)) != NULL) {
		answer_count(answer);
		f = flight_find(inflight, &answer->name, answer->type);
		set = answer_keep(inflight, arena, &answer->name, answer->type,
		    answer->set, f != NULL && !f->timed, now);
		if (f != NULL) {
			LIST_REMOVE(f, bucket);
			inflight->count--;
			flight_done(inflight, done, f, rrset_copy(arena, set));
		}
		resolver_answer_free(answer);
	}
}

/* The lookup itself goes on: what it brings late is stored all the same. */
static void
collect_timeouts(struct inflight *inflight, struct arena *arena,
    struct flights *done, int64_t now)
{
	struct flight *f, *told;
	struct rrset *failed;
	struct waiter *w;

	while ((f = TAILQ_FIRST(&inflight->deadlines)) != NULL &&
	       f->deadline <= now) {
		stat_count(STAT_TIMEOUTS);
		failed = arena_alloc(arena, sizeof(*failed));
		failed->state = RR_FAILED;
		failed->dnssec = DNSSEC_INDETERMINATE;
		failed->failure = RR_FAILURE_TIMEOUT;
		TAILQ_REMOVE(&inflight->deadlines, f, order);
		f->timed = false;
		/* A stand-in carries the waiters; the flight stays. */
		if ((told = calloc(1, sizeof(*told))) == NULL)
			fatal(111, "inflight.out_of_memory");
		told->name = f->name;
		told->type = f->type;
		while ((w = LIST_FIRST(&f->waiters)) != NULL) {
			LIST_REMOVE(w, entry);
			LIST_INSERT_HEAD(&told->waiters, w, entry);
		}
		flight_done(inflight, done, told,
		    answer_keep(inflight, arena, &f->name, f->type, failed,
			false, now));
	}
}

static void
waiters_tell(struct flight *f)
{
	struct waiter *w;

	while ((w = LIST_FIRST(&f->waiters)) != NULL) {
		inflight_leave(w);
		w->answered(w->arg, &f->name, f->type, f->set);
	}
}

void
inflight_collect(struct inflight *inflight, int64_t now)
{
	struct arena *arena = arena_new();
	struct flights done = TAILQ_HEAD_INITIALIZER(done);
	struct flight *f;

	collect_answers(inflight, arena, &done, now);
	collect_timeouts(inflight, arena, &done, now);
	cache_commit(inflight->cache);
	while ((f = TAILQ_FIRST(&done)) != NULL) {
		TAILQ_REMOVE(&done, f, order);
		waiters_tell(f);
		free(f);
	}
	arena_free(arena);
}

void
inflight_shift(struct inflight *inflight, int64_t by)
{
	struct flight *f;

	TAILQ_FOREACH(f, &inflight->deadlines, order)
	f->deadline += by;
}

int64_t
inflight_due(const struct inflight *inflight)
{
	const struct flight *f = TAILQ_FIRST(&inflight->deadlines);

	return (f == NULL ? INT64_MAX : f->deadline);
}

unsigned
inflight_count(const struct inflight *inflight)
{
	return (inflight->count);
}
