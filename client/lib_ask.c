/* SPDX-License-Identifier: ISC */
#include "lib_ask.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "lib_nanomsg.h"

/*
 * nanomsg does not wake a poller when a connection fails, so the wait for an
 * answer is cut into slices, after each of which the failures are looked at.
 * The first are short, because a missing server shows at once.
 */
#define SLICE_FIRST_MS 1
#define SLICE_MAX_MS   20

/* The race: handles[0..n) belong to servers that may still answer. */
struct race {
	const struct ask *ask;
	int handles[NANO_SERVERS_MAX];
	size_t n;
	size_t next;	  /* the first server not asked yet */
	int64_t deadline; /* milliseconds of the monotonic clock */
	int64_t next_at;  /* when `next` gets its turn at the latest */
	int problem;	  /* errno of the last server that could not be asked */
};

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* Asks the next server. The servers left share the time that is left. */
static void
race_start(struct race *race, int64_t now)
{
	const struct ask *ask = race->ask;
	int64_t left = race->deadline - now;
	size_t share = ask->n_servers - race->next;
	const char *octets;
	size_t len;
	int handle;

	race->next_at = now + left / (int64_t)share;
	handle = nano_open(ask->servers[race->next++]);
	if (handle < 0) {
		race->problem = errno;
		return;
	}
	len = ask->question(ask->closure, (int)left, &octets);
	if (nano_send(handle, octets, len) < 0) {
		race->problem = errno;
		nano_close(handle);
		return;
	}
	race->handles[race->n++] = handle;
}

static void
race_drop(struct race *race, size_t i)
{
	nano_close(race->handles[i]);
	race->n--;
	memmove(&race->handles[i], &race->handles[i + 1],
	    (race->n - i) * sizeof(race->handles[0]));
}

static bool
race_all_refused(const struct race *race)
{
	size_t i;

	for (i = 0; i < race->n; i++)
		if (!nano_refused(race->handles[i]))
			return (false);
	return (true);
}

/* Reads one answer; true if it was taken. */
static bool
race_read(struct race *race, size_t i)
{
	const struct ask *ask = race->ask;
	ssize_t len = nano_receive(race->handles[i], ask->answer, ask->size);

	if (len < 0 && errno == EAGAIN)
		return (false);
	if (len >= 0 && ask->answered(ask->closure, (size_t)len) == ASK_TAKE)
		return (true);
	race_drop(race, i);
	return (false);
}

static int
slice_ms(const struct race *race, int64_t now, int slice)
{
	int64_t left = race->deadline - now;

	if (race->next < race->ask->n_servers && race->next_at - now < left)
		left = race->next_at - now;
	return (left < slice ? (int)left : slice);
}

/* Returns when an answer was taken (true) or none can come any more. */
static bool
race_run(struct race *race)
{
	const struct ask *ask = race->ask;
	int slice = SLICE_FIRST_MS;
	int64_t now;
	int ready;

	while ((now = clock_ms()) < race->deadline) {
		if (race->next < ask->n_servers &&
		    (now >= race->next_at || race_all_refused(race))) {
			race_start(race, now);
			slice = SLICE_FIRST_MS;
			continue;
		}
		if (race->n == 0)
			return (false);
		ready = nano_wait(
		    race->handles, race->n, slice_ms(race, now, slice));
		if (ready >= 0 && race_read(race, (size_t)ready))
			return (true);
		if (slice < SLICE_MAX_MS)
			slice *= 2;
	}
	return (false);
}

enum ask_result
ask_run(const struct ask *ask)
{
	struct race race = {.ask = ask};
	enum ask_result result;
	size_t i;

	race.next_at = clock_ms();
	race.deadline = race.next_at + ask->timeout_ms;
	if (race_run(&race))
		result = ASK_TAKEN;
	else if (race.n > 0)
		result = race_all_refused(&race) ? ASK_REFUSED : ASK_TIMEOUT;
	else
		result = race.problem != 0 ? ASK_SYSTEM : ASK_TIMEOUT;
	for (i = 0; i < race.n; i++)
		nano_close(race.handles[i]);
	errno = race.problem;
	return (result);
}
