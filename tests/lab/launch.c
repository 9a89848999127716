/* SPDX-License-Identifier: ISC */
/*
 * How long a program takes from fork() to its end, run over and over with the
 * same octets on descriptor 3.
 *
 *	launch COUNT FILE PROGRAM [ARGUMENT ...]
 *
 * prints "p50_us=N p90_us=N peak_kb=N". A program that does not exit with 0
 * ends it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 100000

static void
fail(const char *what)
{
	perror(what);
	exit(111);
}

static int64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

static void
child_run(const char *input, char **argv)
{
	int fd = open(input, O_RDONLY);

	if (fd >= 0 && fd != 3) {
		dup2(fd, 3);
		close(fd);
	}
	execv(argv[0], argv);
	_exit(127);
}

/* Nanoseconds. */
static int64_t
launch(const char *input, char **argv)
{
	int64_t start = clock_ns();
	pid_t child = fork();
	int status;

	if (child < 0)
		fail("fork");
	if (child == 0)
		child_run(input, argv);
	if (waitpid(child, &status, 0) < 0)
		fail("waitpid");
	if (status != 0) {
		fprintf(stderr, "launch: %s: status %#x\n", argv[0],
		    (unsigned)status);
		exit(111);
	}
	return (clock_ns() - start);
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return ((*x > *y) - (*x < *y));
}

int
main(int argc, char **argv)
{
	static int64_t ns[COUNT_MAX];
	struct rusage usage;
	int count, i;

	count = argc < 4 ? 0 : atoi(argv[1]);
	if (count < 1 || count > COUNT_MAX) {
		fputs("usage: launch count file program [argument ...]\n",
		    stderr);
		return (100);
	}
	/* The descriptor is the children's. */
	close(3);
	launch(argv[2], argv + 3);
	for (i = 0; i < count; i++)
		ns[i] = launch(argv[2], argv + 3);
	qsort(ns, (size_t)count, sizeof(ns[0]), compare);
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("p50_us=%lld p90_us=%lld peak_kb=%ld\n",
	    (long long)ns[count / 2] / 1000,
	    (long long)ns[count * 9 / 10] / 1000, usage.ru_maxrss);
	return (0);
}
