/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "stub_daemon.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* For a question: a thread's stack, the sockets' buffers, some room. */
#define MEMORY_NEEDED ((size_t)768 * 1024)

/* nanomsg aborts when it gets none, and that would look like a crash. */
static bool
memory_suffices(void)
{
	void *room = mmap(NULL, MEMORY_NEEDED, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED)
		return (false);
	munmap(room, MEMORY_NEEDED);
	return (true);
}

/* Adds each word of `servers`. */
static int
servers_add(struct verdict *v, const char *servers)
{
	char word[256];
	size_t len;

	for (servers += strspn(servers, " \t"); *servers != '\0';
	     servers += strspn(servers, " \t")) {
		len = strcspn(servers, " \t");
		if (len >= sizeof(word))
			return (-1);
		memcpy(word, servers, len);
		word[len] = '\0';
		if (verdict_server(v, word) < 0)
			return (-1);
		servers += len;
	}
	return (0);
}

/* "30" or "30ms". */
static int
hedge_set(struct verdict *v, const char *text)
{
	char *end;
	const long ms = strtol(text, &end, 10);

	if (end == text || (*end != '\0' && strcmp(end, "ms") != 0) || ms < 0 ||
	    ms > 3600000)
		return (-1);
	verdict_hedge(v, (int)ms);
	return (0);
}

static int
fail(struct stub_daemon *daemon, int status, const char *problem)
{
	stub_daemon_close(daemon);
	daemon->problem = problem;
	return (status);
}

/* What has a built-in value in libverdict. */
static int
options_take(struct stub_daemon *daemon, const struct stub_conf *conf)
{
	const char *key_file = stub_conf_get(conf, "key_file");
	const char *hedge = stub_conf_get(conf, "hedge");
	const char *state = stub_conf_get(conf, "state_dir");

	if (hedge != NULL && hedge_set(daemon->verdict, hedge) < 0)
		return (fail(daemon, -1, "hedge: not milliseconds"));
	if (state != NULL && verdict_state(daemon->verdict, state) < 0)
		return (fail(daemon, 1, "out of memory"));
	if (key_file == NULL ||
	    verdict_key_file(daemon->verdict, key_file) == 0)
		return (0);
	snprintf(daemon->text, sizeof(daemon->text), "key_file: %s",
	    verdict_problem(daemon->verdict));
	return (fail(daemon, -1, daemon->text));
}

int
stub_daemon_open(struct stub_daemon *daemon, const struct stub_conf *conf)
{
	const char *timeout = stub_conf_get(conf, "timeout");
	const char *servers = stub_conf_get(conf, "servers");

	memset(daemon, 0, sizeof(*daemon));
	daemon->timeout_ms = VERDICT_DEFAULT_TIMEOUT;
	if (timeout != NULL)
		daemon->timeout_ms = stub_conf_ms(timeout);
	if (daemon->timeout_ms < 0)
		return (fail(daemon, -1, "timeout: not a time such as 5s"));
#ifdef M_ARENA_MAX
	/* An arena for nanomsg's thread would take 64 MB of addresses. */
	mallopt(M_ARENA_MAX, 1);
#endif
	daemon->verdict = verdict_new();
	if (daemon->verdict == NULL)
		return (fail(daemon, 1, "out of memory"));
	if (servers_add(daemon->verdict,
		servers == NULL ? VERDICT_DEFAULT_SERVER : servers) < 0)
		return (fail(daemon, -1,
		    "servers: not ipc:///path or tcp://address:port, "
		    "or too many"));
	return (options_take(daemon, conf));
}

void
stub_daemon_close(struct stub_daemon *daemon)
{
	verdict_free(daemon->verdict);
	daemon->verdict = NULL;
}

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

void
stub_daemon_start(struct stub_daemon *daemon)
{
	daemon->deadline = clock_ms() + daemon->timeout_ms;
}

int
stub_daemon_left(const struct stub_daemon *daemon)
{
	int64_t left = daemon->deadline - clock_ms();

	return (left > 0 ? (int)left : 0);
}

enum verdict_status
stub_daemon_ask(struct stub_daemon *daemon, int percent,
    enum verdict_status (*ask)(struct verdict *v, void *closure), void *closure)
{
	int64_t ms = (int64_t)stub_daemon_left(daemon) * percent / 100;

	if (!memory_suffices())
		return (VERDICT_NO_MEMORY);
	verdict_timeout(daemon->verdict, (int)ms);
	return (ask(daemon->verdict, closure));
}
