/* SPDX-License-Identifier: ISC */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "admit.h"
#include "cache.h"
#include "conf.h"
#include "control.h"
#include "hash.h"
#include "inflight.h"
#include "keyring.h"
#include "log.h"
#include "msg.h"
#include "psl.h"
#include "request.h"
#include "resolver.h"
#include "server.h"
#include "stats.h"
#include "tally_file.h"

/* Messages of one endpoint in one turn, so that none starves the others. */
#define RECEIVE_MAX 64
#define TICK	    1000 /* ms between two looks at the cache */
#define TICK_SOON   20	 /* ... while it has work left */
/*
 * ms that parked requests get after SIGTERM. Clients come back for the next
 * daemon, which cannot start before the end: it is less than they wait.
 */
#define DRAIN_MAX   4000
#define LINGER	    100	  /* ms for the last replies to leave */
#define PROOF_RETRY 60000 /* ms */
/*
 * New names of one registrable domain a minute that are kept for long: what a
 * large sender's hosts are called, and not what somebody makes up.
 */
#define NAMES_SHARE 500
/* The wall clock may be set; less than this is its ordinary drift, ms. */
#define CLOCK_SLACK 1000

struct loop {
	struct conf *conf;
	struct conf_fixed *fixed; /* of the one it was started with */
	const char *path;
	struct cache *cache;
	struct resolver *resolver;
	struct inflight *inflight;
	struct requests *requests;
	struct tally *tally;
	struct control control;
	size_t servers; /* the last one is the control endpoint */
	struct server **server;
	struct pollfd *fds; /* one for each server, resolver, signals */
	int signal_fd;
	int64_t clock_offset; /* wall clock minus monotonic, ms */
	int64_t now, tick_at;
	struct waiter proof; /* that the root is secure */
	int64_t proof_at;
	bool proved, reloaded;
	bool stopping;
	int64_t stop_at;
	int status;
	char message[SERVER_BUFFER];
	char reply[MSG_MAX];
	char error[CONF_ERROR_MAX];
};

static int64_t
clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* What was due in a while is due in the same while by the new clock. */
static void
clock_shift(struct loop *loop, int64_t drift)
{
	loop->clock_offset += drift;
	loop->tick_at += drift;
	loop->proof_at += drift;
	loop->stop_at += drift;
	loop->conf->run.started += drift;
	inflight_shift(loop->inflight, drift);
	requests_shift(loop->requests, drift);
}

/*
 * Records live by the wall clock, since they outlive the process; deadlines
 * must not jump when it is set. So time runs on steadily, and all that is due
 * is moved with it when the wall clock is another.
 */
static int64_t
clock_now(struct loop *loop)
{
	const int64_t steady = clock_read(CLOCK_MONOTONIC);
	const int64_t offset = clock_read(CLOCK_REALTIME) - steady;
	const int64_t drift = offset - loop->clock_offset;

	if (drift > CLOCK_SLACK || drift < -CLOCK_SLACK)
		clock_shift(loop, drift);
	return (steady + loop->clock_offset);
}

/*
 * Opening
 */

static int
signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A full disk or a file size limit is an error, not the end. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return (signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

static struct inflight_policy
policy_of(const struct conf *conf)
{
	return ((struct inflight_policy){
	    .timeout = conf->timeout,
	    .min_ttl = conf->cache.min_ttl,
	    .max_ttl = conf->cache.max_ttl,
	    .negative_max_ttl = conf->cache.negative_max_ttl,
	    .stale_max = conf->cache.stale_max,
	});
}

static struct cache *
cache_of(const struct conf *conf, int64_t now)
{
	const struct cache_options options = {
	    .path = conf->cache.file,
	    .size = conf->cache.size,
	    .stale_max = conf->cache.stale_max,
	    .failure_keep = INFLIGHT_FAILURE_KEEP,
	    .share = NAMES_SHARE,
	    .now = now,
	};

	return (cache_open(&options));
}

static void
hosts_admit(const struct server_options *options)
{
	struct ipaddr ip;
	uint16_t port;

	if (!server_address_is_tcp(options->address))
		return;
	server_address_parts(options->address, &ip, &port);
	admit_hosts(&ip, port, options->host, options->hosts);
}

static void
endpoint_log(const struct server_options *options, bool control)
{
	if (!server_address_is_tcp(options->address))
		log_info("endpoint address=%s mode=%04o control=%s",
		    options->address, (unsigned)options->mode,
		    control ? "yes" : "no");
	else if (options->keys != NULL)
		log_info("endpoint address=%s keys=%zu hosts=%zu",
		    options->address, options->keys->n, options->hosts);
	else
		log_warning("endpoint address=%s problem=\"insecure: who can "
			    "reach it is believed\"",
		    options->address);
}

static int
servers_open(struct loop *loop)
{
	const struct conf *conf = loop->conf;
	size_t i;

	loop->server = calloc(conf->endpoints + 1, sizeof(struct server *));
	loop->fds = calloc(conf->endpoints + 3, sizeof(*loop->fds));
	if (loop->server == NULL || loop->fds == NULL)
		fatal(111, "loop.out_of_memory");
	for (i = 0; i <= conf->endpoints; i++) {
		const struct server_options *options =
		    i < conf->endpoints ? &conf->endpoint[i] : &conf->control;

		hosts_admit(options);
		if ((loop->server[i] = server_open(options)) == NULL)
			return (-1);
		loop->servers++;
		loop->fds[i].fd = server_fd(loop->server[i]);
		loop->fds[i].events = POLLIN;
		endpoint_log(options, i == conf->endpoints);
	}
	loop->fds[i].fd = resolver_fd(loop->resolver);
	loop->fds[i].events = POLLIN;
	loop->fds[i + 1].fd = loop->signal_fd;
	loop->fds[i + 1].events = POLLIN;
	return (0);
}

/* Of one file name made from another. */
#define TALLY_SUFFIX ".stats"

/* Only who owns the cache may read and write the file beside it. */
static struct tally *
tally_of(const struct conf *conf, int64_t now)
{
	struct tally *tally = tally_new(now);
	char path[4096];

	snprintf(path, sizeof(path), "%s" TALLY_SUFFIX, conf->cache.file);
	tally_load(tally, path);
	return (tally);
}

/* An inflight_watched. */
static void
loop_fetched(void *arg, const struct dname *name, uint16_t type,
    const struct rrset *older, const struct rrset *set, int64_t now)
{
	struct loop *loop = arg;

	tally_fetched(
	    loop->tally, name, type, older, set, &loop->conf->run.dmarc, now);
}

static const char *loop_reload(void *arg);
static void loop_forget(void *arg);

static int
parts_open(struct loop *loop)
{
	struct conf *conf = loop->conf;
	const struct inflight_policy policy = policy_of(conf);

	if ((loop->cache = cache_of(conf, loop->now)) == NULL ||
	    (loop->resolver = resolver_open(&conf->resolver)) == NULL)
		return (-1);
	conf->run.started = loop->now;
	loop->inflight = inflight_new(loop->resolver, loop->cache, &policy);
	loop->requests = requests_new(loop->cache, loop->inflight, &conf->run);
	loop->tally = tally_of(conf, loop->now);
	requests_set_tally(loop->requests, loop->tally);
	inflight_watch(loop->inflight, loop_fetched, loop);
	loop->control = (struct control){loop->cache, loop->inflight,
	    loop->requests, loop->tally, loop_reload, loop_forget, loop};
	return (servers_open(loop));
}

struct loop *
loop_open(struct conf *conf, const char *path)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		fatal(111, "loop.out_of_memory");
	loop->conf = conf;
	loop->fixed = conf_fixed_new(conf);
	loop->path = path;
	hash_init();
	psl_open();
	loop->now = clock_read(CLOCK_REALTIME);
	loop->clock_offset = loop->now - clock_read(CLOCK_MONOTONIC);
	loop->signal_fd = signals_open();
	if (loop->signal_fd == -1 || parts_open(loop) == -1) {
		loop_close(loop);
		return (NULL);
	}
	return (loop);
}

/* In reverse: nobody may ask for what is gone. */
void
loop_close(struct loop *loop)
{
	size_t i;

	if (loop->requests != NULL)
		requests_free(loop->requests);
	for (i = 0; i < loop->servers; i++)
		server_close(loop->server[i]);
	inflight_leave(&loop->proof);
	if (loop->inflight != NULL)
		inflight_free(loop->inflight);
	resolver_close(loop->resolver);
	cache_close(loop->cache);
	tally_free(loop->tally);
	if (loop->signal_fd != -1)
		close(loop->signal_fd);
	psl_close();
	conf_free(loop->conf);
	conf_fixed_free(loop->fixed);
	free(loop->server);
	free(loop->fds);
	free(loop);
}

/*
 * The proof that validation validates: libunbound takes an empty trust anchor
 * for "everything is insecure" and says nothing.
 */

static void
proof_answered(
    void *arg, const struct dname *name, uint16_t type, const struct rrset *set)
{
	struct loop *loop = arg;

	(void)name;
	(void)type;
	if (set->failure != RR_FAILURE_NONE) {
		log_warning("resolver.root failure=%s problem=\"validation "
			    "could not be proved yet\"",
		    rr_failure_text(set->failure));
		loop->proof_at = loop->now + PROOF_RETRY;
		return;
	}
	if (set->dnssec == DNSSEC_SECURE) {
		log_info("resolver.root dnssec=secure");
		loop->proved = true;
		return;
	}
	log_error("resolver.root dnssec=%s problem=\"validation is on, but the "
		  "root is not secure: the trust anchor is missing or empty\"",
	    dnssec_text(set->dnssec));
	loop->proof_at = loop->now + PROOF_RETRY;
	if (loop->reloaded)
		return;
	loop->status = 100;
	loop->stopping = true;
	loop->stop_at = loop->now;
}

static void
proof_start(struct loop *loop)
{
	struct dname root;

	if (loop->proved || loop->proof_at > loop->now || loop->proof.waiting)
		return;
	if (!loop->conf->resolver.validate) {
		log_warning("resolver.root problem=\"validation is off: every "
			    "answer is indeterminate\"");
		loop->proved = true;
		return;
	}
	dname_from_text(&root, ".");
	loop->proof.answered = proof_answered;
	loop->proof.arg = loop;
	if (inflight_join(
		loop->inflight, &root, RR_NS, &loop->proof, loop->now) == -1)
		loop->proof_at = loop->now + TICK;
}

/*
 * Reload and stop
 */

static void
reload_refused(const char *problem)
{
	char line[1024];
	char *copy = strdup(problem), *rest = copy, *part;

	stat_count(STAT_RELOADS_FAILED);
	while (copy != NULL && (part = strsep(&rest, "\n")) != NULL)
		if (*part != '\0')
			log_error("reload.refused problem=%s",
			    log_field(line, sizeof(line), part));
	free(copy);
}

/* What a running process cannot change: said at each reload until it is. */
static void
reload_compare(const struct loop *loop, const struct conf *conf)
{
	const char *names[CONF_FIXED_MAX];
	const size_t n = conf_fixed_compare(loop->fixed, conf, names);
	size_t i;

	for (i = 0; i < n; i++)
		log_warning("reload option=%s problem=\"changes with a restart "
			    "only\"",
		    names[i]);
}

/* An endpoint stays as it is, but who may use it can change. */
static void
access_take(struct server *server, const struct server_options *options)
{
	if (strcmp(server_address(server), options->address) != 0)
		return;
	hosts_admit(options);
	if (server_keys(server, options->keys) == -1)
		log_warning("reload endpoint=%s problem=\"insecure or not "
			    "changes with a restart only\"",
		    options->address);
}

static void
conf_take(struct loop *loop, struct conf *conf)
{
	const struct inflight_policy policy = policy_of(conf);
	size_t i, j;

	reload_compare(loop, conf);
	for (i = 0; i + 1 < loop->servers; i++)
		for (j = 0; j < conf->endpoints; j++)
			access_take(loop->server[i], &conf->endpoint[j]);
	conf->run.started = loop->conf->run.started;
	log_open(conf->log_target, conf->log_level);
	inflight_set_policy(loop->inflight, &policy);
	cache_keep(loop->cache, conf->cache.stale_max, INFLIGHT_FAILURE_KEEP);
	/* What was concluded under the old rules may be wrong under these. */
	cache_flush_memos(loop->cache);
	requests_set_options(loop->requests, &conf->run);
	conf_free(loop->conf);
	loop->conf = conf;
	loop->reloaded = true;
	loop->proved = false;
	loop->proof_at = 0;
}

static const char *
loop_reload(void *arg)
{
	struct loop *loop = arg;
	struct conf *conf = conf_load(loop->path, loop->error);

	if (conf == NULL) {
		reload_refused(loop->error);
		return (loop->error);
	}
	if (resolver_reload(loop->resolver, &conf->resolver) == -1) {
		conf_free(conf);
		reload_refused("the resolver refuses its options");
		return ("the resolver refuses its options: see the log");
	}
	conf_take(loop, conf);
	stat_count(STAT_RELOADS);
	log_info("reload file=%s", loop->path);
	return (NULL);
}

/* A new context of the library knows nothing: what is flushed is asked anew. */
static void
loop_forget(void *arg)
{
	struct loop *loop = arg;

	resolver_reload(loop->resolver, &loop->conf->resolver);
}

/* Lame duck: what is parked is finished, what comes is told to go away. */
static void
loop_stop(struct loop *loop, unsigned signo)
{
	if (loop->stopping) {
		loop->stop_at = loop->now;
		return;
	}
	log_info(
	    "stop signal=%u parked=%u", signo, requests_parked(loop->requests));
	loop->stopping = true;
	loop->stop_at = loop->now + DRAIN_MAX;
	requests_refuse(loop->requests);
}

static void
signals_read(struct loop *loop)
{
	struct signalfd_siginfo info;

	while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			loop_reload(loop);
		else
			loop_stop(loop, info.ssi_signo);
	}
}

/*
 * A turn
 */

static void
message_take(struct loop *loop, size_t i, size_t len, const struct peer *peer)
{
	const bool control = i == loop->servers - 1;
	struct msg_out out = {.buf = loop->reply, .size = sizeof(loop->reply)};

	if (control && control_answer(&loop->control, loop->message, len,
			   loop->now, &out)) {
		server_reply(loop->server[i], peer, out.buf, out.len);
		return;
	}
	request_begin(loop->requests, loop->server[i], peer, control,
	    loop->message, len, loop->now);
}

static void
messages_take(struct loop *loop, size_t i)
{
	struct peer peer;
	ssize_t len;
	int n;

	for (n = 0; n < RECEIVE_MAX; n++) {
		len = server_receive(loop->server[i], loop->message, &peer);
		if (len == -1)
			return;
		message_take(loop, i, (size_t)len, &peer);
	}
}

static void
tally_keep(struct loop *loop)
{
	struct cache_stats stats;
	struct tally_gauges gauges;

	cache_stats(loop->cache, &stats);
	gauges = (struct tally_gauges){stats.entries, stats.live};
	tally_sample(loop->tally, &gauges, loop->now);
	tally_save(loop->tally, loop->now);
}

static void
tick(struct loop *loop)
{
	if (loop->tick_at > loop->now)
		return;
	loop->tick_at =
	    loop->now + (cache_tick(loop->cache, loop->now) ? TICK_SOON : TICK);
	proof_start(loop);
	if (tally_due(loop->tally, loop->now))
		tally_keep(loop);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return (a < b ? a : b);
}

static int
wait_ms(const struct loop *loop)
{
	int64_t due = loop->tick_at;

	due = earlier(due, requests_due(loop->requests));
	due = earlier(due, inflight_due(loop->inflight));
	if (loop->stopping)
		due = earlier(due, loop->stop_at);
	due -= loop->now;
	return (due < 0 ? 0 : due > TICK ? TICK : (int)due);
}

/*
 * Answers first: what they bring is stored before anybody reads. Then the
 * requests that waited, then new ones. Memos that runs have left are stored
 * at the end.
 */
static void
turn(struct loop *loop)
{
	size_t i;

	if ((loop->fds[loop->servers + 1].revents & POLLIN) != 0)
		signals_read(loop);
	if ((loop->fds[loop->servers].revents & POLLIN) != 0 ||
	    inflight_due(loop->inflight) <= loop->now)
		inflight_collect(loop->inflight, loop->now);
	requests_run(loop->requests, loop->now);
	for (i = 0; i < loop->servers; i++)
		if ((loop->fds[i].revents & POLLIN) != 0)
			messages_take(loop, i);
	cache_commit(loop->cache);
	tick(loop);
}

static bool
is_over(const struct loop *loop)
{
	return (loop->stopping && (requests_parked(loop->requests) == 0 ||
				      loop->stop_at <= loop->now));
}

static void
wait_and_turn(struct loop *loop)
{
	if (poll(loop->fds, loop->servers + 2, wait_ms(loop)) == -1 &&
	    errno != EINTR)
		fatal(111, "loop.poll problem=\"%s\"", strerror(errno));
	loop->now = clock_now(loop);
	turn(loop);
}

int
loop_run(struct loop *loop)
{
	unsigned unanswered;

	tick(loop);
	while (!is_over(loop))
		wait_and_turn(loop);
	unanswered = requests_dismiss(loop->requests);
	/* The last replies need time to leave; what comes is told to go. */
	loop->stop_at = loop->now + LINGER;
	while (loop->stop_at > loop->now)
		wait_and_turn(loop);
	tally_keep(loop);
	log_info("stopped unanswered=%u", unanswered);
	return (loop->status);
}
