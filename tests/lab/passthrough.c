/* SPDX-License-Identifier: ISC */
/*
 * The least that a QMAILQUEUE program with a look at the whole message can do:
 * takes message and envelope into memory and becomes $VERDICT_QUEUE. What
 * verdict-queue costs is told beside this.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void
take(int fd)
{
	static char buf[65536];
	int memory = memfd_create("copy", MFD_CLOEXEC);
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(memory, buf, (size_t)n) != n)
			exit(53);
	if (n < 0 || lseek(memory, 0, SEEK_SET) < 0 || dup2(memory, fd) < 0)
		exit(54);
}

int
main(void)
{
	char *next = getenv("VERDICT_QUEUE"), *argv[] = {next, NULL};

	take(STDIN_FILENO);
	take(STDOUT_FILENO);
	execv(next, argv);
	return (120);
}
