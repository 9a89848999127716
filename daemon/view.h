/* SPDX-License-Identifier: ISC */
/*
 * The evaluators' only window on DNS: a snapshot of records as of the moment
 * the request arrived. It either has a record or notes it as missing; it never
 * waits. When anything was missing, the results of the run are worthless: the
 * caller fetches what view_missing_next() lists and runs again from the start.
 *
 * Order of calls: view_open(); evaluators call view_get() and view_want(),
 * each inside its own view_enter()/view_leave(); then the caller reads
 * view_missing(); view_close().
 *
 * Records are borrowed until view_close().
 */
#ifndef VIEW_H
#define VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname.h"
#include "rrset.h"

struct arena;

/* Where records come from: the request's own answers, then the cache. */
struct view_source {
	/* What is stored, fresh or not, or NULL. Valid until view_close(). */
	const struct rrset *(*get)(
	    void *arg, const struct dname *name, uint16_t type);
	void *arg;
	/* Conclusions: both, or neither (NULL: nothing is remembered). */
	const uint8_t *(*recall)(
	    void *arg, const void *key, size_t keylen, size_t *len);
	void (*remember)(void *arg, const void *key, size_t keylen,
	    const void *value, size_t len, int64_t expires);
};

/* What one evaluation has read. view_leave() adds it to the scope around. */
struct view_scope {
	unsigned	   asked;	 /* records read */
	unsigned	   missing;	 /* of these not at hand */
	enum dnssec	   dnssec;	 /* the weakest; see view_scope_dnssec() */
	int64_t		   expires;	 /* the earliest expiry; INT64_MAX: none */
	int64_t		   stale;	 /* ms past expiry of the oldest; 0: none */
	int64_t		   failed_since; /* earliest failure begun; 0: none */
	int64_t		   lost_since;	 /* the same, but not before the end of
					    older data that served (RFC 8767) */
	unsigned	   failed;	 /* records that were FAILED */
	struct view_scope *outer;	 /* private */
};

/* The weakest among the records read; where none was, nothing was proved. */
static inline enum dnssec
view_scope_dnssec(const struct view_scope *scope)
{
	return (scope->asked > 0 ? scope->dnssec : DNSSEC_INDETERMINATE);
}

enum view_mode {
	VIEW_ASK,  /* what is missing is noted, to be fetched */
	VIEW_FINAL /* no time left: what is missing has timed out */
};

struct view;

/* Arena. `stale_max`: how long past expiry data may serve, milliseconds. */
struct view *view_open(struct arena *arena, const struct view_source *source,
    int64_t asof, int64_t stale_max, enum view_mode mode);
void view_close(struct view *view);

/* The request's time of arrival, ms since the epoch: the evaluators' clock. */
int64_t view_asof(const struct view *view);
struct arena *view_arena(struct view *view);

/*
 * The record set, or NULL: missing, and noted. Never NULL in VIEW_FINAL.
 * A set of state RR_FAILED is an answer: DNS could not tell (temperror).
 */
const struct rrset *view_get(struct view *view, const struct dname *name,
    uint16_t type);
/*
 * Notes a name that is certain to be read later in this evaluation, so that
 * it is fetched in the same round. True when it is at hand.
 */
bool view_want(struct view *view, const struct dname *name, uint16_t type);

void view_enter(struct view *view, struct view_scope *scope);
void view_leave(struct view *view);

/* As if what `read` tells of had been read in the present scope. */
void view_account(struct view *view, const struct view_scope *read);

/*
 * What an earlier evaluation has concluded and remembered under `key`, or
 * NULL. Borrowed until view_close().
 */
const uint8_t *view_recall(struct view *view, const void *key, size_t keylen,
    size_t *len);
/*
 * Remembers a conclusion for later runs until `expires`, the earliest expiry
 * of what it rests on. Never one that rests on a failure.
 */
void view_remember(struct view *view, const void *key, size_t keylen,
    const void *value, size_t len, int64_t expires);
/* From here on nothing is recalled: each record has to be read and shown. */
void view_forget(struct view *view);

/* Was anything missing since view_open()? */
bool view_missing(const struct view *view);

struct view_name {
	struct dname		name;
	uint16_t		type;
	struct view_name	*next;
};
/* The lists, each name and type once, in order of asking. Arena. */
const struct view_name *view_missing_list(const struct view *view);
/* At hand, but in the last tenth of its life or stale: worth renewing. */
const struct view_name *view_renew_list(const struct view *view);

/*
 * Every record read in this run, once each and in order, for explanations. `set` is as
 * view_get() returned it.
 */
struct view_read {
	struct dname		name;
	uint16_t		type;
	const struct rrset     *set;
	struct view_read   *next;
};
const struct view_read *view_read_list(const struct view *view);

#endif
