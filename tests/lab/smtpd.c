/* SPDX-License-Identifier: ISC */
/*
 * Gives a message to a QMAILQUEUE program again and again, as qmail-smtpd does,
 * and measures.
 *
 *	smtpd [-n COUNT] PROGRAM MESSAGE
 *
 * Prints "median_ms=M p90_ms=P peak_kb=K cpu_ms=C": of a message from fork to
 * exit, the largest resident memory of the process, its processor time. Fails
 * if the program does.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char envelope[] = "Fbob@example.com\0Tann@example.org\0";

static void
fail(const char *what)
{
	perror(what);
	exit(111);
}

static void
write_all(int fd, const char *octets, size_t len)
{
	ssize_t n;

	for (; len > 0; octets += n, len -= (size_t)n)
		if ((n = write(fd, octets, len)) < 0)
			fail("write");
	close(fd);
}

/* The pipes' ends are close-on-exec but those that become 0, 1 and 4. */
static pid_t
start(const char *program, int message[2], int recipients[2], int error[2])
{
	pid_t pid;

	if (pipe2(message, O_CLOEXEC) < 0 || pipe2(recipients, O_CLOEXEC) < 0 ||
	    pipe2(error, O_CLOEXEC) < 0)
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid > 0)
		return (pid);
	dup2(message[0], 0);
	dup2(recipients[0], 1);
	if (error[1] == 4)
		fcntl(4, F_SETFD, 0);
	else
		dup2(error[1], 4);
	execl(program, program, (char *)NULL);
	_exit(120);
}

static double
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6);
}

static double
deliver(
    const char *program, const char *octets, size_t len, struct rusage *usage)
{
	double started = clock_ms();
	int message[2], recipients[2], error[2], status;
	char text[256];
	pid_t pid = start(program, message, recipients, error);

	close(message[0]);
	close(recipients[0]);
	close(error[1]);
	write_all(message[1], octets, len);
	write_all(recipients[1], envelope, sizeof(envelope));
	while (read(error[0], text, sizeof(text)) > 0)
		;
	close(error[0]);
	if (wait4(pid, &status, 0, usage) != pid)
		fail("wait4");
	if (status != 0) {
		fprintf(stderr, "smtpd: %s: status %x\n", program, status);
		exit(1);
	}
	return (clock_ms() - started);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

static double
cpu_ms(const struct rusage *usage)
{
	return (
	    (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e3 +
	    (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e3);
}

static void
measure(const char *program, const char *octets, size_t len, size_t count)
{
	double *ms = calloc(count, sizeof(*ms)), cpu = 0;
	struct rusage usage;
	long peak = 0;
	size_t i;

	if (ms == NULL)
		fail("memory");
	for (i = 0; i < count; i++) {
		ms[i] = deliver(program, octets, len, &usage);
		cpu += cpu_ms(&usage);
		if (usage.ru_maxrss > peak)
			peak = usage.ru_maxrss;
	}
	qsort(ms, count, sizeof(*ms), compare);
	printf("median_ms=%.3f p90_ms=%.3f peak_kb=%ld cpu_ms=%.3f\n",
	    ms[count / 2], ms[count * 9 / 10], peak, cpu / (double)count);
	free(ms);
}

int
main(int argc, char **argv)
{
	long count = 1;
	struct stat st;
	char *octets;
	int option, fd;

	while ((option = getopt(argc, argv, "n:")) == 'n')
		count = strtol(optarg, NULL, 10);
	if (option != -1 || argc - optind != 2 || count < 1) {
		fputs("usage: smtpd [-n COUNT] PROGRAM MESSAGE\n", stderr);
		return (100);
	}
	signal(SIGPIPE, SIG_IGN);
	fd = open(argv[optind + 1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		fail(argv[optind + 1]);
	/* Mapped: read into memory it would be in the children's, too. */
	octets = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (octets == MAP_FAILED)
		fail("mmap");
	measure(argv[optind], octets, (size_t)st.st_size, (size_t)count);
	return (0);
}
