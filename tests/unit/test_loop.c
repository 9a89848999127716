/* SPDX-License-Identifier: ISC */
/* The whole loop, under a wall clock that the test sets. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <pthread.h>

#include <cmocka.h>

#include "conf.h"
#include "log.h"
#include "loop.h"

#define HOUR	 3600 /* seconds */
#define PATIENCE 6000 /* of 10 ms */

/* In the place of the C library's, also for the other libraries. */
static atomic_long clock_set; /* seconds */

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, id, ts) == -1)
		return (-1);
	if (id == CLOCK_REALTIME)
		ts->tv_sec += atomic_load(&clock_set);
	return (0);
}

static char directory[] = "/tmp/test_loop.XXXXXX";

static void
file_path(char path[64], const char *name)
{
	snprintf(path, 64, "%s/%s", directory, name);
}

static struct conf *
conf_make(const char *path)
{
	static char error[CONF_ERROR_MAX];
	FILE *out = fopen(path, "w");
	struct conf *conf;

	assert_non_null(out);
	fprintf(out,
	    "endpoint \"ipc://%s/socket\" { }\n"
	    "control \"ipc://%s/control\" { }\n"
	    "cache { file = \"%s/cache\" size = \"1M\" }\n"
	    "resolver { validate = false forward = {\"127.0.0.1@1\"} }\n",
	    directory, directory, directory);
	fclose(out);
	conf = conf_load(path, error);
	if (conf == NULL)
		fail_msg("%s", error);
	return (conf);
}

/* The file with the counts shows a tick: it is saved when the clock jumps. */
struct jump {
	long seconds;
	bool ticked;
};

static void *
jump_make(void *arg)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct jump *jump = arg;
	char counts[64];
	int i;

	file_path(counts, "cache.stats");
	nanosleep(&pause, NULL);
	atomic_fetch_add(&clock_set, jump->seconds);
	for (i = 0; i < PATIENCE && !jump->ticked; i++) {
		nanosleep(&pause, NULL);
		jump->ticked = access(counts, F_OK) == 0;
	}
	kill(getpid(), SIGTERM);
	return (NULL);
}

/* Expiry and eviction go on, or the cache would be full in the end. */
static void
test_clock_jump(void **state)
{
	static const long jumps[] = {-HOUR, HOUR};
	pthread_t thread;
	struct jump jump;
	struct loop *loop;
	char path[64];
	size_t i;

	(void)state;
	file_path(path, "conf");
	for (i = 0; i < sizeof(jumps) / sizeof(*jumps); i++) {
		loop = loop_open(conf_make(path), path);
		assert_non_null(loop);
		jump = (struct jump){.seconds = jumps[i]};
		assert_int_equal(
		    pthread_create(&thread, NULL, jump_make, &jump), 0);
		assert_int_equal(loop_run(loop), 0);
		pthread_join(thread, NULL);
		loop_close(loop);
		if (!jump.ticked)
			fail_msg("no tick after %ld seconds", jumps[i]);
		file_path(path, "cache.stats");
		unlink(path);
		file_path(path, "conf");
	}
}

/* The clock goes back and back, from before the end until it has come. */
static atomic_bool ended;

static void *
end_under_jumps(void *arg)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	int i;

	(void)arg;
	nanosleep(&pause, NULL);
	kill(getpid(), SIGTERM);
	for (i = 0; i < PATIENCE && !atomic_load(&ended); i++) {
		atomic_fetch_sub(&clock_set, HOUR);
		nanosleep(&pause, NULL);
	}
	/* If it has not come: let it. */
	atomic_fetch_add(&clock_set, (i + 1) * HOUR);
	return (i < PATIENCE ? arg : NULL);
}

static void
test_clock_at_the_end(void **state)
{
	pthread_t thread;
	struct loop *loop;
	char path[64];
	void *in_time;

	(void)state;
	file_path(path, "conf");
	loop = loop_open(conf_make(path), path);
	assert_non_null(loop);
	atomic_store(&ended, false);
	assert_int_equal(
	    pthread_create(&thread, NULL, end_under_jumps, loop), 0);
	assert_int_equal(loop_run(loop), 0);
	atomic_store(&ended, true);
	pthread_join(thread, &in_time);
	loop_close(loop);
	assert_non_null(in_time);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clock_jump),
	    cmocka_unit_test(test_clock_at_the_end),
	};
	char command[80];
	sigset_t stop;
	int failed;

	/* The loop's signals, before there is a thread that would take them. */
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	if (mkdtemp(directory) == NULL)
		return (1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return (system(command) != 0 || failed);
}
