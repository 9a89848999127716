/* SPDX-License-Identifier: ISC */
/*
 * Stands where qmail-queue would, and notes what it is given: each call leaves
 * N.message, N.envelope and N.about in $TAKER_DIR, with N from 1. About: its
 * process id, and the descriptors that are open. It exits with $TAKER_EXIT (0)
 * after it has written $TAKER_SAY, if set, to descriptor $TAKER_SAY_TO (4).
 * Without $TAKER_DIR it reads, and keeps nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[512];

static int
file_new(unsigned number, const char *what, int flags)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%u.%s", directory, number, what);
	return (open(path, O_WRONLY | O_CREAT | flags, 0600));
}

/* `to` -1: nowhere. */
static void
copy(int from, int to)
{
	static char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (to >= 0 && write(to, buf, (size_t)n) != n)
			exit(53);
	if (n < 0)
		exit(54);
	if (to >= 0)
		close(to);
}

static void
about_write(int fd)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;

	dprintf(fd, "pid %ld\n", (long)getpid());
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != fd &&
		    atoi(entry->d_name) != dirfd(dir))
			dprintf(fd, "fd %s\n", entry->d_name);
	close(fd);
	if (dir != NULL)
		closedir(dir);
}

static void
notes_take(void)
{
	unsigned number = 1;
	int fd;

	while ((fd = file_new(number, "about", O_EXCL)) < 0) {
		if (errno != EEXIST)
			exit(53);
		number++;
	}
	about_write(fd);
	copy(STDIN_FILENO, file_new(number, "message", 0));
	copy(STDOUT_FILENO, file_new(number, "envelope", 0));
}

int
main(void)
{
	const char *where = getenv("TAKER_DIR"), *status = getenv("TAKER_EXIT");
	const char *say = getenv("TAKER_SAY"), *to = getenv("TAKER_SAY_TO");

	if (where != NULL) {
		snprintf(directory, sizeof(directory), "%s", where);
		notes_take();
	} else {
		copy(STDIN_FILENO, -1);
		copy(STDOUT_FILENO, -1);
	}
	if (say != NULL &&
	    write(to != NULL ? atoi(to) : 4, say, strlen(say)) < 0)
		return (53);
	return (status != NULL ? atoi(status) : 0);
}
