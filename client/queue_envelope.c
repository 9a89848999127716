/* SPDX-License-Identifier: ISC */
#include "queue_envelope.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A new envelope, in memory: the list of recipients can be of any length. */
static FILE *
copy_open(void)
{
	int fd = memfd_create("envelope", MFD_CLOEXEC);
	FILE *copy;

	if (fd < 0)
		return (NULL);
	copy = fdopen(fd, "w");
	if (copy == NULL)
		close(fd);
	return (copy);
}

/* Closes the stream and keeps the descriptor, or -1. */
static int
copy_finish(FILE *copy)
{
	int fd = -1;

	if (fflush(copy) == 0 && !ferror(copy))
		fd = fcntl(fileno(copy), F_DUPFD_CLOEXEC, 3);
	fclose(copy);
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		fd = -1;
	}
	return (fd);
}

/* Reads one address and its NUL; it is cut if it is too long. */
static enum queue_exit
address_read(FILE *from, char address[QUEUE_ADDRESS_MAX])
{
	size_t len = 0;
	int c;

	while ((c = getc(from)) != '\0') {
		if (c == EOF)
			return (QUEUE_READ);
		if (len + 1 == QUEUE_ADDRESS_MAX)
			return (QUEUE_TOO_LONG);
		address[len++] = (char)c;
	}
	address[len] = '\0';
	return (QUEUE_DONE);
}

static void
address_write(FILE *to, char letter, const char *address)
{
	fputc(letter, to);
	fputs(address, to);
	fputc('\0', to);
}

/* What comes next: an address (QUEUE_DONE), the end, or nothing good. */
static enum queue_exit
letter_read(FILE *from, char letter, bool *end)
{
	int c = getc(from);

	*end = c == '\0' && letter == 'T';
	if (c == EOF)
		return (QUEUE_READ);
	return (c == letter || *end ? QUEUE_DONE : QUEUE_ENVELOPE);
}

/*
 * Where addresses go: the letter and the address of each, in their order. What
 * stands behind the end is not waited for.
 */
struct sink {
	void (*put)(struct sink *sink, char letter, const char *address);
	struct envelope *envelope;
	FILE *to;
	const char *target;
};

static enum queue_exit
envelope_walk(FILE *from, struct sink *sink)
{
	char address[QUEUE_ADDRESS_MAX];
	enum queue_exit status;
	char letter = 'F';
	bool end;

	for (;; letter = 'T') {
		status = letter_read(from, letter, &end);
		if (status != QUEUE_DONE || end)
			return (status);
		status = address_read(from, address);
		if (status != QUEUE_DONE)
			return (status);
		sink->put(sink, letter, address);
	}
}

/* Walks, and what was put becomes the envelope. */
static enum queue_exit
envelope_pass(FILE *from, struct sink *sink)
{
	enum queue_exit status;
	int fd;

	sink->to = copy_open();
	if (sink->to == NULL)
		return (QUEUE_WRITE);
	status = envelope_walk(from, sink);
	fputc('\0', sink->to);
	fd = copy_finish(sink->to);
	if (status == QUEUE_DONE && fd < 0)
		status = QUEUE_WRITE;
	if (status == QUEUE_DONE)
		sink->envelope->fd = fd;
	else if (fd >= 0)
		close(fd);
	return (status);
}

/* --- Reading -------------------------------------------------------------- */

static void
put_as_is(struct sink *sink, char letter, const char *address)
{
	if (letter == 'F')
		snprintf(
		    sink->envelope->sender, QUEUE_ADDRESS_MAX, "%s", address);
	else
		sink->envelope->recipients++;
	address_write(sink->to, letter, address);
}

enum queue_exit
envelope_read(struct envelope *envelope, int from)
{
	struct sink sink = {.put = put_as_is, .envelope = envelope};
	enum queue_exit status;
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 3);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");

	if (in == NULL)
		return (QUEUE_READ);
	envelope->recipients = 0;
	status = envelope_pass(in, &sink);
	fclose(in);
	return (status);
}

/* --- Other recipients ----------------------------------------------------- */

static void
put_target_only(struct sink *sink, char letter, const char *address)
{
	if (letter == 'F') {
		address_write(sink->to, letter, address);
		address_write(sink->to, 'T', sink->target);
	}
}

/* joe@example.org and "-junk": joe-junk@example.org, if that is not too long */
static void
put_with_suffix(struct sink *sink, char letter, const char *address)
{
	const char *at = strrchr(address, '@');
	size_t local = at == NULL ? strlen(address) : (size_t)(at - address);
	char longer[QUEUE_ADDRESS_MAX];
	int len;

	len = snprintf(longer, sizeof(longer), "%.*s%s%s", (int)local, address,
	    sink->target, address + local);
	if (letter == 'F' || len < 0 || (size_t)len >= sizeof(longer))
		address_write(sink->to, letter, address);
	else
		address_write(sink->to, letter, longer);
}

enum queue_exit
envelope_redirect(struct envelope *envelope, const char *target)
{
	struct sink sink = {.envelope = envelope, .target = target};
	enum queue_exit status;
	FILE *in = fdopen(envelope->fd, "r");

	if (in == NULL)
		return (QUEUE_MEMORY);
	sink.put =
	    strchr(target, '@') == NULL ? put_with_suffix : put_target_only;
	status = envelope_pass(in, &sink);
	fclose(in);
	return (status);
}

int
envelope_hand_on(const struct envelope *envelope, int as)
{
	if (envelope->fd == as)
		return (fcntl(as, F_SETFD, 0));
	return (dup2(envelope->fd, as) < 0 ? -1 : 0);
}
