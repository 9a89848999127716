/* SPDX-License-Identifier: ISC */
/* libverdict where descriptors run out, and in a program of several threads. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "verdict.h"

#define NOBODY	      "ipc:///nonexistent/socket"
#define NOBODY_EITHER "ipc:///nonexistent/either"
/* The library is to be done in a fraction of it: whoever is not, hangs. */
#define PATIENCE 60 /* seconds */
#define THREADS	 8

static int
prepare(void **state)
{
	(void)state;
	return (setenv("VERDICT_STATE_DIR", "/nonexistent", 1));
}

static enum verdict_status
nobody_ask(struct verdict *v, int ms)
{
	verdict_timeout(v, ms);
	verdict_ask(v, "ping");
	return (verdict_send(v));
}

static int
descriptors_count(void)
{
	DIR *stream = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(stream);
	while (readdir(stream) != NULL)
		count++;
	closedir(stream);
	return (count);
}

/* A process of its own, with so few; never returns. */
_Noreturn static void
few_ask(rlim_t descriptors)
{
	struct verdict *v = verdict_new();
	struct rlimit limit;
	bool good;

	alarm(PATIENCE);
	if (v == NULL || getrlimit(RLIMIT_NOFILE, &limit) == -1)
		_exit(2);
	limit.rlim_cur = descriptors;
	if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
		_exit(3);
	verdict_server(v, NOBODY);
	verdict_server(v, NOBODY_EITHER);
	good = nobody_ask(v, 50) == VERDICT_UNREACHABLE &&
	       (strstr(verdict_problem(v), "nothing listens") != NULL ||
		   strstr(verdict_problem(v), strerror(EMFILE)) != NULL);
	verdict_free(v);
	_exit(good ? 0 : 1);
}

static void
test_descriptors(void **state)
{
	const int held = descriptors_count();
	pid_t child;
	int n, status;

	(void)state;
	for (n = 3; n < held + 16; n++) {
		child = fork();
		assert_int_not_equal(child, -1);
		if (child == 0)
			few_ask((rlim_t)n);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (status != 0)
			fail_msg("%d descriptors: status %x", n, status);
	}
}

static void
test_leaks(void **state)
{
	struct verdict *v = verdict_new();
	int i, before = 0;

	(void)state;
	verdict_server(v, NOBODY);
	for (i = 0; i < 300; i++) {
		assert_int_equal(nobody_ask(v, 2), VERDICT_UNREACHABLE);
		if (i == 0)
			before = descriptors_count();
	}
	assert_int_equal(descriptors_count(), before);
	verdict_free(v);
}

/* --- Threads -------------------------------------------------------------- */

static atomic_int asking;

static void *
thread_ask(void *arg)
{
	struct verdict *v = verdict_new();
	int i;

	(void)arg;
	verdict_server(v, NOBODY);
	for (i = 0; i < 100; i++)
		nobody_ask(v, 1);
	verdict_free(v);
	asking--;
	return (NULL);
}

/* What a thread gets that is made without saying how much it needs. */
static size_t
stack_default(void)
{
	pthread_attr_t attr;
	size_t size;

	assert_int_equal(pthread_getattr_default_np(&attr), 0);
	assert_int_equal(pthread_attr_getstacksize(&attr, &size), 0);
	pthread_attr_destroy(&attr);
	return (size);
}

/* Returns whether it was always `usual` while they asked. */
static bool
threads_ask(size_t usual)
{
	pthread_t thread[THREADS];
	bool always = true;
	size_t i;

	asking = THREADS;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, thread_ask, NULL), 0);
	while (asking > 0)
		if (stack_default() != usual)
			always = false;
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return (always);
}

/* Other threads of the program have the stacks that they count on. */
static void
test_threads(void **state)
{
	const size_t usual = stack_default();
	struct rlimit given, limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_AS, &given), 0);
	if (given.rlim_cur == RLIM_INFINITY)
		assert_true(threads_ask(usual));
	limit = given;
	if (limit.rlim_cur > (rlim_t)1 << 46)
		limit.rlim_cur = (rlim_t)1 << 46;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	threads_ask(usual);
	assert_int_equal(stack_default(), usual);
	assert_int_equal(setrlimit(RLIMIT_AS, &given), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_descriptors),
	    cmocka_unit_test(test_leaks),
	    cmocka_unit_test(test_threads),
	};

	return (cmocka_run_group_tests(tests, prepare, NULL));
}
