/* SPDX-License-Identifier: ISC */
#include "queue_refuse.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* With the letter in front; qmail's buffer takes 255 with its NUL. */
#define TEXT_MAX 254
/* Less than three octets are taken for none. */
#define TEXT_MIN 3

/* A pipe's writing end, as qmail makes it; no log file and no socket. */
static bool
is_pipe_to(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return (flags >= 0 && (flags & O_ACCMODE) == O_WRONLY &&
		fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode));
}

/* The number in an environment variable; -1 if there is none. */
static int
variable_fd(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long fd;

	if (text == NULL || *text < '0' || *text > '9')
		return (-1);
	errno = 0;
	fd = strtol(text, &end, 10);
	return (errno != 0 || *end != '\0' || fd > 65535 ? -1 : (int)fd);
}

/* sslserver's pipes to its child that does the cryptography. */
static bool
is_of_ssl(int fd)
{
	return (fd == variable_fd("SSLCTLFD") ||
		fd == variable_fd("SSLREADFD") ||
		fd == variable_fd("SSLWRITEFD"));
}

/*
 * `own` is the dialect's number; where it takes another from the environment,
 * that one counts, and a negative one there means none at all.
 */
static int
fd_of(int own, bool by_variable)
{
	const char *text = by_variable ? getenv("ERROR_FD") : NULL;
	int fd = text == NULL ? own : variable_fd("ERROR_FD");

	return (fd >= 0 && is_pipe_to(fd) ? fd : -1);
}

/* notqmail's, else what the environment says, else what most others use. */
static int
fd_detect(void)
{
	int fd;

	if (is_pipe_to(6) && !is_of_ssl(6))
		return (6);
	fd = fd_of(4, true);
	return (is_of_ssl(fd) ? -1 : fd);
}

int
refusal_find(struct refusal *refusal, const char *dialect)
{
	static const struct {
		const char *name;
		int fd;
		bool by_variable;
	} dialects[] = {{"netqmail", 4, false}, {"simscan", 4, false},
	    {"sagredo", 4, true}, {"notqmail", 6, false}, {"indimail", 2, true},
	    {"plain", -1, false}};
	size_t i;

	refusal->fd = -1;
	if (dialect == NULL) {
		refusal->fd = fd_detect();
		return (0);
	}
	for (i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		if (strcmp(dialects[i].name, dialect) != 0)
			continue;
		refusal->fd = fd_of(dialects[i].fd, dialects[i].by_variable);
		return (0);
	}
	return (-1);
}

/* One line of printable ASCII, whatever the text is made of. */
static size_t
text_make(char buf[TEXT_MAX], char letter, const char *text)
{
	size_t len = 0;

	buf[len++] = letter;
	for (; *text != '\0' && len < TEXT_MAX; text++)
		buf[len++] = *text >= ' ' && *text <= '~' ? *text : '?';
	while (len < TEXT_MIN)
		buf[len++] = '-';
	return (len);
}

/*
 * In one piece: a pipe takes so few octets at once or not at all. Should
 * nobody read it, that is an error and no reason to die.
 */
static bool
text_write(int fd, const char *text, size_t len)
{
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	return (n == (ssize_t)len);
}

enum queue_exit
refusal_send(const struct refusal *refusal, bool for_good, const char *text)
{
	char buf[TEXT_MAX];
	size_t len = text_make(buf, for_good ? 'D' : 'Z', text);

	if (refusal->fd >= 0 && text_write(refusal->fd, buf, len))
		return (QUEUE_CUSTOM);
	return (for_good ? QUEUE_REJECTED : QUEUE_DEFERRED);
}
