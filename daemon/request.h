/* SPDX-License-Identifier: ISC */
/*
 * A question on its way to an answer: run; if records were missing, parked
 * until the resolver has brought them all; run again. One invariant: a reply
 * leaves only from a run that noted nothing missing. When the asker's time is
 * nearly up, the last run takes what is missing for timed out.
 *
 * Order of calls: requests_new(); for each message request_begin(); in each
 * turn of the loop, after inflight_collect(), requests_run(); at the end
 * requests_dismiss(), so that nobody is left waiting, and requests_free().
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;
struct inflight;
struct peer;
struct requests;
struct run_options;
struct server;
struct tally;

/* `options` is borrowed until requests_set_options() or requests_free(). */
struct requests *requests_new(struct cache *cache, struct inflight *inflight,
    const struct run_options *options);
void requests_free(struct requests *requests);
/* Requests that are parked go on with the new options. */
void requests_set_options(struct requests *requests,
    const struct run_options *options);
/* Where answers are accounted for; borrowed. NULL, as at first: nowhere. */
void requests_set_tally(struct requests *requests, struct tally *tally);
/* From now on every message is answered with "busy". */
void requests_refuse(struct requests *requests);
/* The parked ones get that answer too: the end is here. Returns how many. */
unsigned requests_dismiss(struct requests *requests);

/*
 * Takes a message of `len` octets; buf[len] is ours. The reply goes out by
 * `server`, at once or later, and always.
 */
void request_begin(struct requests *requests, struct server *server,
    const struct peer *peer, bool control, char *buf, size_t len, int64_t now);

/*
 * The clock was set, `by` so much: what is parked arrived as long ago as
 * before, waits no longer and no shorter, and keeps the answers it has.
 */
void requests_shift(struct requests *requests, int64_t by);

/* Runs the requests that have all they waited for or are out of time. */
void requests_run(struct requests *requests, int64_t now);
/* When requests_run() is due for lack of time; INT64_MAX: never. */
int64_t requests_due(const struct requests *requests);
unsigned requests_parked(const struct requests *requests);

#endif
