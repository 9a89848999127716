/* SPDX-License-Identifier: ISC */
/*
 * Lookups under way: one for each (name, type), however many requests wait.
 * The first waiter starts it. This is also where an answer becomes a record
 * of the cache: TTL bounds, the memory of failures with growing pauses
 * (RFC 9520), and old data kept beside a failed renewal (RFC 8767).
 *
 * Order of calls: inflight_new(); inflight_join() for each missing name; in
 * each turn of the loop inflight_collect(), which calls each waiter's
 * `answered`, at most once; inflight_leave() for a waiter that gives up.
 */
#ifndef INFLIGHT_H
#define INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dname.h"
#include "rrset.h"

struct cache;
struct inflight;
struct resolver;

struct inflight_policy {
	int64_t	 timeout;	   /* ms that a lookup's waiters wait */
	uint32_t min_ttl, max_ttl; /* seconds */
	uint32_t negative_max_ttl; /* seconds */
	int64_t	 stale_max;	   /* ms past expiry that data may serve */
};

/*
 * How long a failure's history is kept past its retry_at, ms: longer than a
 * mail queue waits between two attempts for one message, which may be up to 6
 * hours. Where nobody else asks, defer-at-most would never be over otherwise.
 */
#define INFLIGHT_FAILURE_KEEP (INT64_C(8) * 3600 * 1000)

/* `set` is borrowed for the call. */
typedef void inflight_answered(void *arg, const struct dname *name,
    uint16_t type, const struct rrset *set);

/*
 * Told of each answer: `set` is what will be stored in place of `older`, NULL
 * if there is none. Both borrowed for the call, which must not use the cache.
 */
typedef void inflight_watched(void *arg, const struct dname *name,
    uint16_t type, const struct rrset *older, const struct rrset *set,
    int64_t now);

/* In the waiter's own memory; zeroed when it waits for nothing. */
struct waiter {
	LIST_ENTRY(waiter) entry; /* private */
	bool		   waiting;
	inflight_answered *answered;
	void		  *arg;
};

struct inflight *inflight_new(struct resolver *resolver, struct cache *cache,
    const struct inflight_policy *policy);
void inflight_free(struct inflight *inflight);
void inflight_set_policy(struct inflight *inflight,
    const struct inflight_policy *policy);

/* One watcher; NULL: none, as at first. */
void inflight_watch(struct inflight *inflight, inflight_watched *watch,
    void *arg);

/*
 * Waits for a lookup, starting it if nobody does. `waiter` NULL: only renews
 * the record. Returns 0, or -1 when too many lookups are in flight.
 */
int inflight_join(struct inflight *inflight, const struct dname *name,
    uint16_t type, struct waiter *waiter, int64_t now);
void inflight_leave(struct waiter *waiter);

/* The clock was set, `by` so much: nobody waits longer or shorter for it. */
void inflight_shift(struct inflight *inflight, int64_t by);

/* Takes what the resolver has answered, and what has timed out. */
void inflight_collect(struct inflight *inflight, int64_t now);
/* When inflight_collect() is due for the next timeout; INT64_MAX: never. */
int64_t inflight_due(const struct inflight *inflight);
unsigned inflight_count(const struct inflight *inflight);

#endif
