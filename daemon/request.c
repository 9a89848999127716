/* SPDX-License-Identifier: ISC */
#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include "arena.h"
#include "cache.h"
#include "inflight.h"
#include "log.h"
#include "msg.h"
#include "rules.h"
#include "run.h"
#include "server.h"
#include "stats.h"
#include "tally.h"
#include "verdict_log.h"
#include "view.h"

/*
 * Parked at most: some hosts' worth of cold mail. Each holds an arena of 8 kB
 * or more, so this also bounds their memory to about 200 MB.
 */
#define REQUESTS_MAX 16384
/*
 * Of these one host with a key, and all programs at one other endpoint: others
 * find room whatever it does.
 */
#define HOST_REQUESTS_MAX     (REQUESTS_MAX / 4)
#define ENDPOINT_REQUESTS_MAX (REQUESTS_MAX / 4 * 3)
/*
 * The worst record that the SPF limits allow, ten MX terms of ten hosts each
 * found one after the other and an explanation that needs PTR, takes 124.
 */
#define ROUNDS_MAX 130
/* RFC 7208 4.6.4: a check should be given at least 20 seconds. */
#define TIMEOUT_DEFAULT 20000
#define TIMEOUT_MAX	60000
/* The answer has to leave before the asker stops waiting. */
#define TIMEOUT_MARGIN(timeout) ((timeout) / 20 + 10)

/* An answer that the request waited for: it must be used, whatever its TTL
   and whether or not the cache could keep it. */
struct pin {
	SLIST_ENTRY(pin) entry;
	struct dname name;
	uint16_t type;
	struct rrset *set;
};

struct wait {
	SLIST_ENTRY(wait) entry;
	struct waiter waiter;
};

struct request {
	TAILQ_ENTRY(request) order; /* by deadline */
	TAILQ_ENTRY(request) ready;
	struct requests *requests;
	struct arena *arena;
	struct server *server;
	struct peer peer;
	struct msg question;
	bool control;
	bool is_ready;
	int64_t arrived, deadline;
	uint64_t taken_us; /* by the steady clock */
	unsigned rounds;
	unsigned pending; /* names waited for */
	SLIST_HEAD(, pin) pins;
	SLIST_HEAD(, wait) waits;
};

TAILQ_HEAD(request_list, request);

struct requests {
	struct cache *cache;
	struct inflight *inflight;
	const struct run_options *options;
	struct request_list parked, ready;
	unsigned count; /* parked */
	unsigned by_asker[SERVER_ASKERS];
	bool refusing;
	struct tally *tally;
	uint64_t verdicts; /* numbers their ids */
	char reply[MSG_MAX];
};

struct requests *
requests_new(struct cache *cache, struct inflight *inflight,
    const struct run_options *options)
{
	struct requests *requests = calloc(1, sizeof(*requests));

	if (requests == NULL)
		fatal(111, "request.out_of_memory");
	requests->cache = cache;
	requests->inflight = inflight;
	requests->options = options;
	TAILQ_INIT(&requests->parked);
	TAILQ_INIT(&requests->ready);
	return (requests);
}

void
requests_set_options(
    struct requests *requests, const struct run_options *options)
{
	requests->options = options;
}

void
requests_set_tally(struct requests *requests, struct tally *tally)
{
	requests->tally = tally;
}

void
requests_refuse(struct requests *requests)
{
	requests->refusing = true;
}

unsigned
requests_parked(const struct requests *requests)
{
	return (requests->count);
}

/*
 * Parking
 */

/* By deadline; nearly all have the same timeout, so look from the end. */
static void
request_park(struct request *request)
{
	struct requests *requests = request->requests;
	struct request *before;

	TAILQ_FOREACH_REVERSE(before, &requests->parked, request_list, order)
	if (before->deadline <= request->deadline)
		break;
	if (before == NULL)
		TAILQ_INSERT_HEAD(&requests->parked, request, order);
	else
		TAILQ_INSERT_AFTER(&requests->parked, before, request, order);
	requests->count++;
	requests->by_asker[request->peer.asker]++;
}

static void
waits_leave(struct request *request)
{
	struct wait *wait;

	SLIST_FOREACH(wait, &request->waits, entry)
	inflight_leave(&wait->waiter);
	SLIST_INIT(&request->waits);
	request->pending = 0;
}

static void
request_unpark(struct request *request)
{
	struct requests *requests = request->requests;

	waits_leave(request);
	TAILQ_REMOVE(&requests->parked, request, order);
	requests->count--;
	requests->by_asker[request->peer.asker]--;
	if (request->is_ready)
		TAILQ_REMOVE(&requests->ready, request, ready);
	request->is_ready = false;
}

void
requests_free(struct requests *requests)
{
	struct request *request;

	while ((request = TAILQ_FIRST(&requests->parked)) != NULL) {
		request_unpark(request);
		arena_free(request->arena);
	}
	free(requests);
}

/* An inflight_answered: a name that the request waits for is here. */
static void
request_answered(
    void *arg, const struct dname *name, uint16_t type, const struct rrset *set)
{
	struct request *request = arg;
	struct pin *pin = arena_alloc(request->arena, sizeof(*pin));

	pin->name = *name;
	pin->type = type;
	pin->set = rrset_copy(request->arena, set);
	SLIST_INSERT_HEAD(&request->pins, pin, entry);
	if (--request->pending > 0)
		return;
	request->is_ready = true;
	TAILQ_INSERT_TAIL(&request->requests->ready, request, ready);
}

void
requests_shift(struct requests *requests, int64_t by)
{
	struct request *request;
	struct pin *pin;

	TAILQ_FOREACH(request, &requests->parked, order)
	{
		request->arrived += by;
		request->deadline += by;
		SLIST_FOREACH(pin, &request->pins, entry)
		rrset_shift(pin->set, by);
	}
}

/* Waits for all that the run missed. -1: too much is in flight already. */
static int
missing_join(struct request *request, const struct view *view, int64_t now)
{
	const struct view_name *missing = view_missing_list(view);
	struct wait *wait;

	for (; missing != NULL; missing = missing->next) {
		wait = arena_alloc(request->arena, sizeof(*wait));
		wait->waiter.answered = request_answered;
		wait->waiter.arg = request;
		if (inflight_join(request->requests->inflight, &missing->name,
			missing->type, &wait->waiter, now) == -1) {
			waits_leave(request);
			return (-1);
		}
		SLIST_INSERT_HEAD(&request->waits, wait, entry);
		request->pending++;
	}
	return (0);
}

/* What was used near its end is fetched anew behind the answer. */
static void
renewals_start(struct requests *requests, const struct view *view, int64_t now)
{
	const struct view_name *renew = view_renew_list(view);

	if (!requests->options->renew)
		return;
	for (; renew != NULL; renew = renew->next)
		/* If too many are in flight, the next question tries again. */
		(void)inflight_join(
		    requests->inflight, &renew->name, renew->type, NULL, now);
}

/*
 * Running
 */

struct source {
	struct request *request;
	struct arena *scratch;
};

static const struct rrset *
source_get(void *arg, const struct dname *name, uint16_t type)
{
	const struct source *source = arg;
	struct requests *requests = source->request->requests;
	const struct rrset *set;
	const struct pin *pin;

	SLIST_FOREACH(pin, &source->request->pins, entry)
	if (pin->type == type && dname_equal(&pin->name, name))
		return (pin->set);
	set = cache_get(requests->cache, source->scratch, name, type);
	stat_count(set != NULL && rrset_fresh(set, source->request->arrived)
		       ? STAT_CACHE_HITS
		       : STAT_CACHE_MISSES);
	return (set);
}

static const uint8_t *
source_recall(void *arg, const void *key, size_t keylen, size_t *len)
{
	const struct source *source = arg;

	return (cache_memo_get(source->request->requests->cache, key, keylen,
	    source->request->arrived, len));
}

static void
source_remember(void *arg, const void *key, size_t keylen, const void *value,
    size_t len, int64_t expires)
{
	const struct source *source = arg;

	cache_memo_put(
	    source->request->requests->cache, key, keylen, value, len, expires);
}

static void
reply_send(
    struct server *server, const struct peer *peer, const struct msg_out *out)
{
	static const char error[] = MSG_VERSION " error\n";

	server_reply(server, peer, out->buf, out->len);
	stat_count(STAT_REPLIES);
	if (out->len >= sizeof(error) - 1 &&
	    memcmp(out->buf, error, sizeof(error) - 1) == 0)
		stat_count(STAT_MALFORMED);
}

static void
reply_busy(
    struct requests *requests, struct server *server, const struct peer *peer)
{
	struct msg_out out;

	msg_begin(&out, requests->reply, sizeof(requests->reply), "busy");
	if (requests->refusing)
		msg_put(&out, "stopping", "yes");
	stat_count(STAT_BUSY);
	reply_send(server, peer, &out);
}

static void
answer_log(const struct request *request, enum view_mode mode, int64_t now)
{
	const char *host = msg_get(&request->question, "host");
	char verb[64], from[256];

	if (log_threshold() < LOG_LEVEL_DEBUG)
		return;
	log_debug("question verb=%s host=%s runs=%u waited_ms=%lld in_time=%s",
	    log_field(verb, sizeof(verb), request->question.word),
	    log_field(from, sizeof(from), host == NULL ? "-" : host),
	    request->rounds, (long long)(now - request->arrived),
	    mode == VIEW_FINAL ? "no" : "yes");
}

static uint64_t
clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

static void
verdict_count(const struct rules_decision *decision)
{
	stat_count(STAT_CHECKS);
	if (!decision->decided)
		stat_count(STAT_UNDECIDED);
	switch (decision->action) {
	case RULES_ACCEPT:
		stat_count(STAT_ACCEPTED);
		break;
	case RULES_QUARANTINE:
		stat_count(STAT_QUARANTINED);
		break;
	case RULES_DEFER:
		stat_count(STAT_DEFERRED);
		break;
	case RULES_REJECT:
		stat_count(STAT_REJECTED);
		break;
	}
}

/* The reply has left: now there is time for the accounts. */
static void
answer_account(struct request *request, const char *id,
    const struct run_outcome *outcome, int64_t now)
{
	struct requests *requests = request->requests;
	const uint64_t us = clock_us() - request->taken_us;

	tally_answered(requests->tally, request->question.word,
	    msg_get(&request->question, "host"), outcome, us, now);
	if (outcome->decision == NULL)
		return;
	verdict_count(outcome->decision);
	verdict_log(requests->options, id, &request->question, outcome, us,
	    request->rounds, now);
}

unsigned
requests_dismiss(struct requests *requests)
{
	const unsigned count = requests->count;
	struct request *request;

	requests_refuse(requests);
	while ((request = TAILQ_FIRST(&requests->parked)) != NULL) {
		request_unpark(request);
		reply_busy(requests, request->server, &request->peer);
		arena_free(request->arena);
	}
	return (count);
}

enum outcome { ANSWERED, MISSING, OVERLOADED };

/* One evaluation over one snapshot of the cache. */
static enum outcome
request_run(struct request *request, enum view_mode mode, int64_t now)
{
	struct requests *requests = request->requests;
	struct source source = {request, arena_new()};
	struct view_source records = {
	    source_get, &source, source_recall, source_remember};
	struct msg_out out = {
	    .buf = requests->reply, .size = sizeof(requests->reply)};
	struct run_outcome found;
	struct view *view;
	char id[VERDICT_ID_MAX];
	enum outcome outcome = ANSWERED;

	stat_count(STAT_RUNS);
	request->rounds++;
	cache_begin(requests->cache);
	view = view_open(source.scratch, &records, request->arrived,
	    requests->options->stale_max, mode);
	run_question(requests->options, &request->question, request->control,
	    view, &out, &found);
	if (!view_missing(view)) {
		if (found.decision != NULL)
			msg_put(&out, "id",
			    verdict_id(id, requests->options->started,
				++requests->verdicts));
		reply_send(request->server, &request->peer, &out);
		answer_log(request, mode, now);
		answer_account(request, id, &found, now);
		renewals_start(requests, view, now);
	} else {
		outcome = missing_join(request, view, now) == 0 ? MISSING
								: OVERLOADED;
	}
	view_close(view);
	cache_end(requests->cache);
	arena_free(source.scratch);
	return (outcome);
}

/* Runs; true if the request is done with, and its memory may go. */
static bool
request_advance(struct request *request, int64_t now)
{
	enum view_mode mode = VIEW_ASK;

	if (request->deadline <= now) {
		stat_count(STAT_DEADLINES);
		mode = VIEW_FINAL;
	} else if (request->rounds >= ROUNDS_MAX) {
		stat_count(STAT_ROUNDS_OVER);
		mode = VIEW_FINAL;
	}
	switch (request_run(request, mode, now)) {
	case ANSWERED:
		return (true);
	case MISSING:
		return (false);
	case OVERLOADED:
		reply_busy(request->requests, request->server, &request->peer);
		tally_busy(request->requests->tally,
		    msg_get(&request->question, "host"), now);
		return (true);
	}
	return (true);
}

/* Decimal digits, else the default. */
static int64_t
timeout_read(const struct msg *question)
{
	const char *text = msg_get(question, "timeout_ms");
	char *end;
	long timeout;

	if (text == NULL)
		return (TIMEOUT_DEFAULT);
	timeout = strtol(text, &end, 10);
	if (end == text || *end != '\0' || timeout <= 0)
		return (TIMEOUT_DEFAULT);
	return (timeout > TIMEOUT_MAX ? TIMEOUT_MAX : timeout);
}

static struct request *
request_new(struct requests *requests, struct server *server,
    const struct peer *peer, bool control, int64_t now)
{
	struct arena *arena = arena_new();
	struct request *request = arena_alloc(arena, sizeof(*request));

	request->requests = requests;
	request->arena = arena;
	request->server = server;
	request->peer = *peer;
	request->control = control;
	request->arrived = now;
	request->taken_us = clock_us();
	return (request);
}

/* Has whoever asks its share of parked requests already? */
static bool
share_over(const struct requests *requests, const struct peer *peer)
{
	return (
	    requests->count >= REQUESTS_MAX ||
	    requests->by_asker[peer->asker] >=
		(peer->is_host ? HOST_REQUESTS_MAX : ENDPOINT_REQUESTS_MAX));
}

void
request_begin(struct requests *requests, struct server *server,
    const struct peer *peer, bool control, char *buf, size_t len, int64_t now)
{
	struct request *request;
	struct msg_out out = {
	    .buf = requests->reply, .size = sizeof(requests->reply)};
	const char *problem;
	int64_t timeout;

	stat_count(STAT_REQUESTS);
	if (requests->refusing || share_over(requests, peer)) {
		reply_busy(requests, server, peer);
		return;
	}
	request = request_new(requests, server, peer, control, now);
	/* A copy: the question may have to outlive this turn of the loop. */
	problem = msg_parse(&request->question,
	    len > MSG_MAX ? buf : arena_strndup(request->arena, buf, len), len);
	if (problem != NULL) {
		run_error(&out, problem);
		reply_send(server, peer, &out);
		arena_free(request->arena);
		return;
	}
	timeout = timeout_read(&request->question);
	request->deadline = now + timeout - TIMEOUT_MARGIN(timeout);
	if (request_advance(request, now))
		arena_free(request->arena);
	else
		request_park(request);
}

void
requests_run(struct requests *requests, int64_t now)
{
	struct request *request;

	while ((request = TAILQ_FIRST(&requests->ready)) != NULL ||
	       ((request = TAILQ_FIRST(&requests->parked)) != NULL &&
		   request->deadline <= now)) {
		request_unpark(request);
		if (request_advance(request, now))
			arena_free(request->arena);
		else
			request_park(request);
	}
}

int64_t
requests_due(const struct requests *requests)
{
	const struct request *request = TAILQ_FIRST(&requests->parked);

	return (request == NULL ? INT64_MAX : request->deadline);
}
