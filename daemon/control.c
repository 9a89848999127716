/* SPDX-License-Identifier: ISC */
#include "control.h"

#include <string.h>

#include "arena.h"
#include "cache.h"
#include "control_tally.h"
#include "dname.h"
#include "inflight.h"
#include "log.h"
#include "request.h"
#include "run.h"
#include "stats.h"
#include "tally.h"

static void
put_count(struct msg_out *reply, const char *name, uint64_t value)
{
	msg_putf(reply, name, "%llu", (unsigned long long)value);
}

/* stats: the counters, and what there is at this moment. */
static void
control_stats(const struct control *control, const struct msg *msg, int64_t now,
    struct msg_out *reply)
{
	struct cache_stats cache;
	enum stat_id stat;

	(void)msg;
	(void)now;
	for (stat = 0; stat < STATS_COUNT; stat++)
		put_count(reply, stat_name(stat), stat_value(stat));
	put_count(
	    reply, "counting_since", (uint64_t)control->tally->began / 1000);
	put_count(reply, "parked", requests_parked(control->requests));
	put_count(reply, "in_flight", inflight_count(control->inflight));
	cache_stats(control->cache, &cache);
	put_count(reply, "cache_open", cache.open);
	put_count(reply, "cache_entries", cache.entries);
	put_count(reply, "cache_live_octets", cache.live);
	put_count(reply, "cache_limit_octets", cache.limit);
	put_count(reply, "cache_file_octets", cache.file);
}

/* flush name=DOMAIN | what=all | what=failures */
static void
control_flush(const struct control *control, const struct msg *msg, int64_t now,
    struct msg_out *reply)
{
	const char *name = msg_get(msg, "name"), *what = msg_get(msg, "what");
	struct dname domain;
	int ret;

	if (name != NULL) {
		if (dname_from_text(&domain, name) == -1) {
			run_error(reply, "name: no domain name");
			return;
		}
		ret = cache_flush(control->cache, &domain);
	} else if (what != NULL && strcmp(what, "all") == 0) {
		ret = cache_flush(control->cache, NULL);
	} else if (what != NULL && strcmp(what, "failures") == 0) {
		ret = cache_flush_failures(control->cache, now);
	} else {
		run_error(reply, "flush: name=DOMAIN, what=all or "
				 "what=failures is needed");
		return;
	}
	control->forget(control->arg);
	if (ret == -1)
		run_error(reply, "flush: the cache could not be written");
}

static void
control_reload(const struct control *control, const struct msg *msg,
    int64_t now, struct msg_out *reply)
{
	const char *problem = control->reload(control->arg);

	(void)msg;
	(void)now;
	if (problem != NULL)
		run_error(reply, problem);
}

/* log level=error|warning|info|debug, until the next reload */
static void
control_log(const struct control *control, const struct msg *msg, int64_t now,
    struct msg_out *reply)
{
	const char *level = msg_get(msg, "level");
	enum log_level value;

	(void)control;
	(void)now;
	if (level == NULL || log_level_from_text(level, &value) == -1) {
		run_error(
		    reply, "level: not one of error, warning, info, debug");
		return;
	}
	log_set_level(value);
}

/*
 * What the tally shows
 */

static void
show_latency(const struct control *control, const struct msg *msg, int64_t now,
    struct msg_out *reply)
{
	(void)now;
	control_latency(control->tally, msg, reply);
}

static void
show_top(const struct control *control, const struct msg *msg, int64_t now,
    struct msg_out *reply)
{
	(void)now;
	control_top(control->tally, msg, reply);
}

static void
show_history(const struct control *control, const struct msg *msg, int64_t now,
    struct msg_out *reply)
{
	(void)now;
	control_history(control->tally, msg, reply);
}

static void
show_series(const struct control *control, const struct msg *msg, int64_t now,
    struct msg_out *reply)
{
	(void)now;
	control_series(control->tally, msg, reply);
}

static const struct verb {
	const char *name;
	void (*answer)(const struct control *, const struct msg *, int64_t,
	    struct msg_out *);
} verbs[] = {
    {"flush", control_flush},
    {"history", show_history},
    {"latency", show_latency},
    {"log", control_log},
    {"reload", control_reload},
    {"series", show_series},
    {"stats", control_stats},
    {"top", show_top},
};

bool
control_answer(const struct control *control, const char *message, size_t len,
    int64_t now, struct msg_out *reply)
{
	struct arena *arena = arena_new();
	struct msg msg;
	bool ours = false;
	size_t i;

	if (len > MSG_MAX ||
	    msg_parse(&msg, arena_strndup(arena, message, len), len) != NULL) {
		arena_free(arena);
		return (false);
	}
	for (i = 0; i < sizeof(verbs) / sizeof(*verbs) && !ours; i++)
		if (strcmp(verbs[i].name, msg.word) == 0) {
			ours = true;
			msg_begin(reply, reply->buf, reply->size, "ok");
			verbs[i].answer(control, &msg, now, reply);
		}
	arena_free(arena);
	return (ours);
}
