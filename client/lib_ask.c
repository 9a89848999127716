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
/*
 * However long DNS takes, nanomsg's thread in the daemon greets at once. Where
 * it has not after this time, nobody will answer soon.
 */
#define GREET_MS 250
/* A daemon that ends is followed by the next one within a second or so. */
#define LATER_MS 200
/* Each of these was answered, so the server lives: but there is an end. */
#define AGAIN_MAX 4

/* A server that may still answer. */
struct runner {
	int handle;
	size_t server;
	unsigned again;
	int64_t greet_at; /* should have greeted by then */
	int64_t hung_at;  /* silent until then: its share is over */
};

struct race {
	const struct ask *ask;
	struct runner runner[NANO_SERVERS_MAX];
	size_t n;
	size_t next;	   /* the first server not asked yet */
	int64_t deadline;  /* milliseconds of the monotonic clock */
	int64_t next_at;   /* when `next` gets its turn at the latest */
	int64_t repeat_at; /* when the last one asked is asked again, or 0 */
	bool has_later;	   /* a server said to come back ... */
	size_t later;
	int64_t later_at; /* ... then, if no other can be asked */
	int problem;	  /* errno of the last server that could not be asked */
};

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* Puts the question to a runner's server. Returns 0, or -1 with errno. */
static int
runner_send(const struct race *race, const struct runner *runner, int64_t now)
{
	const struct ask *ask = race->ask;
	const char *octets;
	const size_t len = ask->question(
	    ask->closure, runner->server, (int)(race->deadline - now), &octets);

	return (nano_send(runner->handle, octets, len));
}

static void
race_start(struct race *race, size_t server, int64_t hung_at, int64_t now)
{
	struct runner *runner = &race->runner[race->n];

	*runner = (struct runner){.server = server,
	    .greet_at =
		now + (race->ask->hedge_ms > 0 && race->ask->hedge_ms < GREET_MS
			      ? race->ask->hedge_ms
			      : GREET_MS),
	    .hung_at = hung_at};
	runner->handle = nano_open(race->ask->servers[server]);
	if (runner->handle < 0) {
		race->problem = errno;
		return;
	}
	if (runner_send(race, runner, now) < 0) {
		race->problem = errno;
		nano_close(runner->handle);
		return;
	}
	race->n++;
	race->repeat_at = now + (race->deadline - now) / 2;
}

/*
 * A daemon that dies within microseconds of its greeting leaves nanomsg with
 * no connection and no notion of it: it neither connects nor fails any more,
 * and looks like a server that thinks. So who is silent for half of the time
 * that is left is asked once more, over another connection. Costs no lookup,
 * where it does think: the daemon's questions wait together.
 */
static bool
race_repeat(struct race *race, int64_t now)
{
	const struct runner *last;

	if (race->repeat_at == 0 || now < race->repeat_at)
		return (false);
	race->repeat_at = 0;
	if (race->n == 0 || race->n == NANO_SERVERS_MAX)
		return (false);
	last = &race->runner[race->n - 1];
	if (!nano_greeted(last->handle))
		return (false);
	race_start(race, last->server, race->deadline, now);
	race->repeat_at = 0;
	return (true);
}

/* Asks the next server. The servers left share the time that is left. */
static void
race_start_next(struct race *race, int64_t now)
{
	const struct ask *ask = race->ask;
	const int64_t left = race->deadline - now;
	const int64_t share = left / (int64_t)(ask->n_servers - race->next);

	race->next_at = now + share;
	if (ask->hedge_ms > 0 && ask->hedge_ms < share)
		race->next_at = now + ask->hedge_ms;
	race_start(race, race->next++, now + share, now);
}

static void
race_drop(struct race *race, size_t i)
{
	nano_close(race->runner[i].handle);
	race->n--;
	memmove(&race->runner[i], &race->runner[i + 1],
	    (race->n - i) * sizeof(race->runner[0]));
}

static bool
race_all_refused(const struct race *race)
{
	size_t i;

	for (i = 0; i < race->n; i++)
		if (!nano_refused(race->runner[i].handle))
			return (false);
	return (true);
}

/* Refused, or not even greeted in time. */
static bool
runner_is_away(const struct runner *runner, int64_t now)
{
	if (nano_refused(runner->handle))
		return (true);
	return (now >= runner->greet_at && !nano_greeted(runner->handle));
}

static bool
race_all_away(const struct race *race, int64_t now)
{
	size_t i;

	for (i = 0; i < race->n; i++)
		if (!runner_is_away(&race->runner[i], now))
			return (false);
	return (true);
}

/* Reads one answer; true if it was taken. */
static bool
race_read(struct race *race, size_t i)
{
	const struct ask *ask = race->ask;
	struct runner *runner = &race->runner[i];
	const ssize_t len =
	    nano_receive(runner->handle, ask->answer, ask->size);
	enum ask_choice choice = ASK_TRY_NEXT;

	if (len < 0 && errno == EAGAIN)
		return (false);
	if (len >= 0)
		choice =
		    ask->answered(ask->closure, runner->server, (size_t)len);
	switch (choice) {
	case ASK_TAKE:
		return (true);
	case ASK_AGAIN:
		if (runner->again++ < AGAIN_MAX &&
		    runner_send(race, runner, clock_ms()) == 0)
			return (false);
		break;
	case ASK_LATER:
		race->has_later = true;
		race->later = runner->server;
		race->later_at = clock_ms() + LATER_MS;
		break;
	case ASK_TRY_NEXT:
		break;
	}
	race_drop(race, i);
	return (false);
}

/* Starts whoever has a turn now. */
static bool
race_turn(struct race *race, int64_t now)
{
	if (race->next < race->ask->n_servers) {
		if (now < race->next_at && !race_all_away(race, now))
			return (false);
		race_start_next(race, now);
		return (true);
	}
	if (!race->has_later)
		return (race_repeat(race, now));
	if (now < race->later_at)
		return (false);
	race->has_later = false;
	race_start(race, race->later, race->deadline, now);
	return (true);
}

static int
slice_ms(const struct race *race, int64_t now, int slice)
{
	int64_t left = race->deadline - now;

	if (race->next < race->ask->n_servers) {
		if (race->next_at - now < left)
			left = race->next_at - now;
	} else if (race->has_later && race->later_at - now < left) {
		left = race->later_at - now;
	}
	return (left < slice ? (int)left : slice);
}

static int
race_wait(const struct race *race, int ms)
{
	int handles[NANO_SERVERS_MAX];
	size_t i;

	for (i = 0; i < race->n; i++)
		handles[i] = race->runner[i].handle;
	return (nano_wait(handles, race->n, ms));
}

/* Returns when an answer was taken (true) or none can come any more. */
static bool
race_run(struct race *race)
{
	int slice = SLICE_FIRST_MS;
	int64_t now;
	int ready;

	while ((now = clock_ms()) < race->deadline) {
		if (race_turn(race, now)) {
			slice = SLICE_FIRST_MS;
			continue;
		}
		if (race->n == 0 && !race->has_later)
			return (false);
		ready = race_wait(race, slice_ms(race, now, slice));
		if (ready >= 0 && race_read(race, (size_t)ready))
			return (true);
		if (slice < SLICE_MAX_MS)
			slice *= 2;
	}
	return (false);
}

/* Who is still in the race, and had time enough, has missed it. */
static void
race_end(struct race *race)
{
	const int64_t now = clock_ms();
	const struct ask *ask = race->ask;
	const struct runner *runner = race->runner;

	for (; runner < race->runner + race->n; runner++) {
		if (ask->missed != NULL && runner->again == 0 &&
		    (runner->hung_at <= now || runner_is_away(runner, now)))
			ask->missed(ask->closure, runner->server);
		nano_close(runner->handle);
	}
}

enum ask_result
ask_run(const struct ask *ask)
{
	struct race race = {.ask = ask};
	enum ask_result result;

	race.next_at = clock_ms();
	race.deadline = race.next_at + ask->timeout_ms;
	if (race_run(&race))
		result = ASK_TAKEN;
	else if (race.n > 0)
		result = race_all_refused(&race) ? ASK_REFUSED : ASK_TIMEOUT;
	else
		result = race.problem != 0 ? ASK_SYSTEM : ASK_TIMEOUT;
	race_end(&race);
	errno = race.problem;
	return (result);
}
