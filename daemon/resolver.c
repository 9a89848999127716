/* SPDX-License-Identifier: ISC */
/*
 * The resolver thread.
 *
 * libunbound's own asynchronous mode blocks its caller when its pipe is full,
 * and its event mode validates all waiters of one key in one call: either
 * would stall the loop that answers mail hosts. So the event mode runs here,
 * in a thread of its own.
 *
 * Who touches what: `asked`, `answers` and `reload` belong to the mutex;
 * everything else belongs to the thread once it runs.
 */
#include "resolver.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <unbound.h>
#include <unbound-event.h>

#include "dnsmsg.h"
#include "log.h"

/* sec argument of the library's callback */
#define UB_BOGUS  1
#define UB_SECURE 2

struct lookup {
	TAILQ_ENTRY(lookup) entry;
	struct resolver *resolver;
	struct dname name;
	uint16_t type;
	bool late;	/* not in `running` any more */
	bool clearing;	/* the root is asked in its place: see lame_again() */
	unsigned tries; /* answers that were lame */
	int64_t asked, started; /* ms, monotonic */
};

TAILQ_HEAD(lookups, lookup);

/*
 * A dead server holds a lookup for up to a minute. Those that are late do not
 * count against in_flight, or a few hundred of them would starve the rest;
 * this bounds them all. It fits the sockets that outgoing_range() allows.
 */
#define ACTIVE_MAX 2048

/*
 * A zone with one lame server among good ones: the library ends at either, and
 * asked again it may come to a good one. Each time halves the odds of failure.
 */
#define LAME_TRIES 4

struct resolver {
	pthread_t thread;
	struct event_base *base;
	struct event *wakeup_event; /* wakeup_fd is readable */
	struct event *start_event;  /* there is room for more lookups */
	struct ub_ctx *ctx;
	bool validate;
	bool retiring;	       /* ctx is being deleted */
	unsigned active, late; /* late: of the active */
	unsigned in_flight, patience;
	struct lookups waiting; /* in order of asking */
	struct lookups running; /* active and not late, by start */
	int wakeup_fd, answer_fd;
	bool stop;

	pthread_mutex_t mutex;
	pthread_cond_t reloaded;
	struct lookups asked;
	struct resolver_answer *answers, **answers_end;
	const struct resolver_options *reload;
	int reload_result;
};

static void
event_signal(int fd)
{
	const uint64_t one = 1;

	/* Fails only when the counter is full, and then it is readable. */
	if (write(fd, &one, sizeof(one)) == -1)
		return;
}

static void
event_drain(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) == -1)
		return;
}

/*
 * Setting up a context
 */

struct option {
	const char *name, *value;
};

/*
 * Why each differs from the library's default: its outgoing-range of 16 lets a
 * few dead servers starve all else; fewer retries and restarts make failures
 * known before a mail host gives up; caches are small because ours is the one
 * that counts; and stale answers and prefetch are ours too, since the
 * library's come unmarked. It has no cache of answers to speak of (0 keeps the
 * last one a slab), because what we ask is always meant to reach DNS: a record
 * to be renewed before it expires, or a failure to be tried again. Keys,
 * delegations and proofs of absence stay in its cache of record sets.
 */
static const struct option options_fixed[] = {
    {"outgoing-num-tcp:", "64"},
    {"msg-cache-size:", "0"},
    {"msg-cache-slabs:", "1"},
    {"rrset-cache-size:", "32m"},
    {"key-cache-size:", "8m"},
    {"neg-cache-size:", "4m"},
    {"infra-cache-numhosts:", "50000"},
    {"edns-buffer-size:", "1232"},
    {"harden-algo-downgrade:", "no"},
    {"outbound-msg-retry:", "3"},
    {"tcp-auth-query-timeout:", "2000"},
    {"val-max-restart:", "1"},
    {"cache-max-ttl:", "86400"},
    {"cache-max-negative-ttl:", "3600"},
    {"serve-expired:", "no"},
    {"prefetch:", "no"},
};

/* Descriptors the daemon needs beside the resolver's sockets. */
#define DESCRIPTORS_RESERVED 1000
#define OUTGOING_RANGE_MAX   4096
#define OUTGOING_RANGE_MIN   64

static unsigned
outgoing_range(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    limit.rlim_cur < DESCRIPTORS_RESERVED + OUTGOING_RANGE_MIN)
		return (OUTGOING_RANGE_MIN);
	if (limit.rlim_cur - DESCRIPTORS_RESERVED > OUTGOING_RANGE_MAX)
		return (OUTGOING_RANGE_MAX);
	return ((unsigned)(limit.rlim_cur - DESCRIPTORS_RESERVED));
}

static int
option_set(struct ub_ctx *ctx, const char *name, const char *value)
{
	const int error = ub_ctx_set_option(ctx, name, value);

	if (error == 0)
		return (0);
	log_error("resolver.option name=%s value=%s problem=\"%s\"", name,
	    value, ub_strerror(error));
	return (-1);
}

static int
options_set(struct ub_ctx *ctx)
{
	char range[16];
	size_t i;

	snprintf(range, sizeof(range), "%u", outgoing_range());
	if (option_set(ctx, "outgoing-range:", range) == -1)
		return (-1);
	for (i = 0; i < sizeof(options_fixed) / sizeof(*options_fixed); i++)
		if (option_set(ctx, options_fixed[i].name,
			options_fixed[i].value) == -1)
			return (-1);
	return (0);
}

/* Logs when `error` is one; returns 0 or -1. */
static int
source_check(const char *what, const char *value, int error)
{
	if (error == 0)
		return (0);
	log_error("resolver.%s value=\"%s\" problem=\"%s\"", what, value,
	    ub_strerror(error));
	return (-1);
}

/* Where answers come from: forwarders, stubs, or the root. */
static int
sources_set(struct ub_ctx *ctx, const struct resolver_options *options)
{
	size_t i, j;

	/*
	 * RFC 6303 has a resolver answer for private reverse zones itself. A
	 * forwarder is one: it knows what the local network has.
	 */
	if (options->forwards > 0 &&
	    option_set(ctx, "unblock-lan-zones:", "yes") == -1)
		return (-1);
	for (i = 0; i < options->forwards; i++)
		if (source_check("forward", options->forward[i],
			ub_ctx_set_fwd(ctx, options->forward[i])) == -1)
			return (-1);
	for (i = 0; i < options->stubs; i++) {
		const struct resolver_stub *stub = &options->stub[i];

		for (j = 0; j < stub->addresses; j++)
			if (source_check("stub", stub->address[j],
				ub_ctx_set_stub(ctx, stub->zone,
				    stub->address[j], 0)) == -1)
				return (-1);
	}
	if (options->root_hints != NULL)
		return (option_set(ctx, "root-hints:", options->root_hints));
	return (0);
}

/* The library takes a missing file for "no anchor": look for it ourselves. */
static int
anchor_file_set(struct ub_ctx *ctx, const char *path)
{
	if (access(path, R_OK) == -1) {
		log_error("resolver.trust_anchor file=\"%s\" problem=\"%s\"",
		    path, strerror(errno));
		return (-1);
	}
	return (
	    source_check("trust_anchor", path, ub_ctx_add_ta_file(ctx, path)));
}

static int
anchors_set(struct ub_ctx *ctx, const struct resolver_options *options)
{
	size_t i;

	if (!options->validate)
		return (option_set(ctx, "module-config:", "iterator"));
	for (i = 0; i < options->anchor_files; i++)
		if (anchor_file_set(ctx, options->anchor_file[i]) == -1)
			return (-1);
	for (i = 0; i < options->anchors; i++)
		if (source_check("trust_anchor", options->anchor[i],
			ub_ctx_add_ta(ctx, options->anchor[i])) == -1)
			return (-1);
	return (0);
}

static struct ub_ctx *
context_new(struct event_base *base, const struct resolver_options *options)
{
	struct ub_ctx *ctx = ub_ctx_create_event(base);

	if (ctx == NULL) {
		log_error("resolver.context problem=\"out of memory\"");
		return (NULL);
	}
	if (options_set(ctx) == -1 || sources_set(ctx, options) == -1 ||
	    anchors_set(ctx, options) == -1) {
		ub_ctx_delete(ctx);
		return (NULL);
	}
	return (ctx);
}

/*
 * Lookups
 */

static void
answer_post(struct resolver *r, struct lookup *lookup, struct rrset *set,
    const char *why_bogus)
{
	struct resolver_answer *answer = calloc(1, sizeof(*answer));
	bool first;

	if (answer == NULL)
		fatal(111, "resolver.out_of_memory");
	answer->name = lookup->name;
	answer->type = lookup->type;
	answer->set = set;
	if (why_bogus != NULL)
		answer->why_bogus = strdup(why_bogus);
	pthread_mutex_lock(&r->mutex);
	first = r->answers == NULL;
	*r->answers_end = answer;
	r->answers_end = &answer->next;
	pthread_mutex_unlock(&r->mutex);
	if (first)
		event_signal(r->answer_fd);
	free(lookup);
}

static struct rrset *
failure_new(enum rr_failure failure, enum dnssec dnssec)
{
	struct rrset *set = rrset_new(RR_FAILED);

	set->failure = failure;
	set->dnssec = dnssec;
	return (set);
}

/* Bogus data never leaves this function. */
static struct rrset *
answer_read(const struct lookup *lookup, int rcode, const void *packet, int len,
    int sec)
{
	struct rrset *set;

	if (sec == UB_BOGUS)
		return (failure_new(RR_FAILURE_BOGUS, DNSSEC_BOGUS));
	/* With an rcode the packet may hold somebody else's answer. */
	if (rcode != 0 || packet == NULL || len <= 0)
		return (failure_new(RR_FAILURE_SERVFAIL, DNSSEC_INDETERMINATE));
	set = dnsmsg_decode(
	    packet, (size_t)len, &lookup->name, lookup->type, NULL);
	if (set->state == RR_FAILED || !lookup->resolver->validate)
		set->dnssec = DNSSEC_INDETERMINATE;
	else
		set->dnssec =
		    sec == UB_SECURE ? DNSSEC_SECURE : DNSSEC_INSECURE;
	return (set);
}

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void
lookup_started(struct resolver *r, struct lookup *lookup)
{
	lookup->started = clock_ms();
	lookup->late = false;
	TAILQ_INSERT_TAIL(&r->running, lookup, entry);
	r->active++;
}

static void
lookup_stopped(struct resolver *r, struct lookup *lookup)
{
	if (lookup->late)
		r->late--;
	else
		TAILQ_REMOVE(&r->running, lookup, entry);
	r->active--;
}

/*
 * Ask again after a lame answer? The library still holds that answer, though
 * its cache has room for no more than the last one (see options_fixed). So
 * something else is looked up first, to take that place.
 */
static bool
lame_again(struct lookup *lookup, const struct rrset *set)
{
	if (lookup->clearing) {
		lookup->clearing = false;
		return (true);
	}
	if (set->failure != RR_FAILURE_LAME || ++lookup->tries > LAME_TRIES)
		return (false);
	lookup->clearing = true;
	return (true);
}

/*
 * The library calls this from its event loop or, for what it has cached,
 * from inside ub_resolve_event(): it must not start another lookup.
 */
static void
lookup_done(void *arg, int rcode, void *packet, int len, int sec,
    char *why_bogus, int was_ratelimited)
{
	struct lookup *lookup = arg;
	struct resolver *r = lookup->resolver;
	struct rrset *set;

	(void)was_ratelimited;
	lookup_stopped(r, lookup);
	if (r->retiring) {
		/* Not an answer: the context is going away. Ask the next. */
		lookup->clearing = false;
		TAILQ_INSERT_TAIL(&r->waiting, lookup, entry);
		return;
	}
	set = answer_read(lookup, rcode, packet, len, sec);
	if (lame_again(lookup, set)) {
		rrset_free(set);
		TAILQ_INSERT_HEAD(&r->waiting, lookup, entry);
	} else {
		answer_post(r, lookup, set, sec == UB_BOGUS ? why_bogus : NULL);
	}
	event_active(r->start_event, 0, 0);
}

static void
lookup_start(struct resolver *r, struct lookup *lookup)
{
	char text[DNAME_TEXT_MAX];
	int error;

	lookup_started(r, lookup);
	dname_text(&lookup->name, text);
	error = ub_resolve_event(r->ctx, lookup->clearing ? "." : text,
	    lookup->clearing ? RR_NS : lookup->type, 1, lookup, lookup_done,
	    NULL);
	if (error == 0)
		return;
	lookup_stopped(r, lookup);
	log_warning("resolver.refused name=%s type=%s problem=\"%s\"", text,
	    rr_type_text(lookup->type), ub_strerror(error));
	answer_post(r, lookup,
	    failure_new(RR_FAILURE_MALFORMED, DNSSEC_INDETERMINATE), NULL);
}

static void
lookups_age(struct resolver *r)
{
	const int64_t now = clock_ms();
	struct lookup *lookup;

	while ((lookup = TAILQ_FIRST(&r->running)) != NULL &&
	       now - lookup->started >= r->patience) {
		TAILQ_REMOVE(&r->running, lookup, entry);
		lookup->late = true;
		r->late++;
	}
}

/*
 * Starts a lookup that has waited for its turn, unless whoever asked has given
 * up by now: then a flood of dead domains must not keep others waiting.
 */
static void
lookup_take(struct resolver *r, struct lookup *lookup)
{
	if (clock_ms() - lookup->asked < r->patience)
		lookup_start(r, lookup);
	else
		answer_post(r, lookup,
		    failure_new(RR_FAILURE_TIMEOUT, DNSSEC_INDETERMINATE),
		    NULL);
}

static void
lookups_start(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	struct lookup *lookup;

	(void)fd;
	(void)what;
	lookups_age(r);
	while (r->active - r->late < r->in_flight && r->active < ACTIVE_MAX &&
	       (lookup = TAILQ_FIRST(&r->waiting)) != NULL) {
		TAILQ_REMOVE(&r->waiting, lookup, entry);
		lookup_take(r, lookup);
	}
}

/* Under the mutex. The old context's lookups move to the new one. */
static void
context_swap(struct resolver *r)
{
	struct ub_ctx *ctx = context_new(r->base, r->reload);

	if (ctx != NULL) {
		r->retiring = true;
		ub_ctx_delete(r->ctx);
		r->retiring = false;
		r->ctx = ctx;
		r->validate = r->reload->validate;
		r->in_flight = r->reload->in_flight;
		r->patience = r->reload->patience;
	}
	r->reload_result = ctx == NULL ? -1 : 0;
	r->reload = NULL;
	pthread_cond_signal(&r->reloaded);
}

static void
wakeup(evutil_socket_t fd, short what, void *arg)
{
	struct resolver *r = arg;
	bool stop;

	event_drain((int)fd);
	pthread_mutex_lock(&r->mutex);
	TAILQ_CONCAT(&r->waiting, &r->asked, entry);
	if (r->reload != NULL)
		context_swap(r);
	stop = r->stop;
	pthread_mutex_unlock(&r->mutex);
	if (stop)
		event_base_loopbreak(r->base);
	else
		lookups_start(fd, what, arg);
}

static void *
resolver_main(void *arg)
{
	struct resolver *r = arg;

	event_base_dispatch(r->base);
	return (NULL);
}

/*
 * The other thread's side
 */

/* Signals are the poll loop's: the thread inherits a full mask. */
static int
thread_start(struct resolver *r)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&r->thread, NULL, resolver_main, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error == 0)
		return (0);
	log_error("resolver.thread problem=\"%s\"", strerror(error));
	return (-1);
}

static int
events_open(struct resolver *r)
{
	const struct timeval second = {.tv_sec = 1};

	r->base = event_base_new();
	r->wakeup_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->answer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->base == NULL || r->wakeup_fd == -1 || r->answer_fd == -1) {
		log_error("resolver.events problem=\"%s\"", strerror(errno));
		return (-1);
	}
	r->wakeup_event =
	    event_new(r->base, r->wakeup_fd, EV_READ | EV_PERSIST, wakeup, r);
	r->start_event = event_new(r->base, -1, EV_PERSIST, lookups_start, r);
	if (r->wakeup_event == NULL || r->start_event == NULL)
		fatal(111, "resolver.out_of_memory");
	event_add(r->wakeup_event, NULL);
	/* Once a second also, for lookups that have become late. */
	event_add(r->start_event, &second);
	return (0);
}

/* Everything but the thread, which does not run, or not any more. */
static void
resolver_free(struct resolver *r)
{
	struct resolver_answer *answer;
	struct lookup *lookup;

	r->retiring = true;
	if (r->ctx != NULL)
		ub_ctx_delete(r->ctx);
	TAILQ_CONCAT(&r->waiting, &r->asked, entry);
	while ((lookup = TAILQ_FIRST(&r->waiting)) != NULL) {
		TAILQ_REMOVE(&r->waiting, lookup, entry);
		free(lookup);
	}
	while ((answer = resolver_next(r)) != NULL)
		resolver_answer_free(answer);
	if (r->wakeup_event != NULL)
		event_free(r->wakeup_event);
	if (r->start_event != NULL)
		event_free(r->start_event);
	if (r->base != NULL)
		event_base_free(r->base);
	if (r->wakeup_fd != -1)
		close(r->wakeup_fd);
	if (r->answer_fd != -1)
		close(r->answer_fd);
	pthread_mutex_destroy(&r->mutex);
	pthread_cond_destroy(&r->reloaded);
	free(r);
}

struct resolver *
resolver_open(const struct resolver_options *options)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r == NULL)
		fatal(111, "resolver.out_of_memory");
	r->wakeup_fd = r->answer_fd = -1;
	r->validate = options->validate;
	r->in_flight = options->in_flight;
	r->patience = options->patience;
	TAILQ_INIT(&r->waiting);
	TAILQ_INIT(&r->running);
	TAILQ_INIT(&r->asked);
	r->answers_end = &r->answers;
	pthread_mutex_init(&r->mutex, NULL);
	pthread_cond_init(&r->reloaded, NULL);
	if (events_open(r) == -1 ||
	    (r->ctx = context_new(r->base, options)) == NULL ||
	    thread_start(r) == -1) {
		resolver_free(r);
		return (NULL);
	}
	return (r);
}

void
resolver_close(struct resolver *r)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->mutex);
	r->stop = true;
	pthread_mutex_unlock(&r->mutex);
	event_signal(r->wakeup_fd);
	pthread_join(r->thread, NULL);
	resolver_free(r);
}

int
resolver_reload(struct resolver *r, const struct resolver_options *options)
{
	int result;

	pthread_mutex_lock(&r->mutex);
	r->reload = options;
	event_signal(r->wakeup_fd);
	while (r->reload != NULL)
		pthread_cond_wait(&r->reloaded, &r->mutex);
	result = r->reload_result;
	pthread_mutex_unlock(&r->mutex);
	return (result);
}

void
resolver_ask(struct resolver *r, const struct dname *name, uint16_t type)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	bool first;

	if (lookup == NULL)
		fatal(111, "resolver.out_of_memory");
	lookup->resolver = r;
	lookup->name = *name;
	lookup->type = type;
	lookup->asked = clock_ms();
	pthread_mutex_lock(&r->mutex);
	first = TAILQ_EMPTY(&r->asked);
	TAILQ_INSERT_TAIL(&r->asked, lookup, entry);
	pthread_mutex_unlock(&r->mutex);
	if (first)
		event_signal(r->wakeup_fd);
}

int
resolver_fd(const struct resolver *r)
{
	return (r->answer_fd);
}

struct resolver_answer *
resolver_next(struct resolver *r)
{
	struct resolver_answer *answer;

	pthread_mutex_lock(&r->mutex);
	answer = r->answers;
	if (answer != NULL && (r->answers = answer->next) == NULL)
		r->answers_end = &r->answers;
	if (answer == NULL && r->answer_fd != -1)
		event_drain(r->answer_fd);
	pthread_mutex_unlock(&r->mutex);
	return (answer);
}

void
resolver_answer_free(struct resolver_answer *answer)
{
	rrset_free(answer->set);
	free(answer->why_bogus);
	free(answer);
}

const char *
resolver_version(void)
{
	return (ub_version());
}
