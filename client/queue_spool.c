/* SPDX-License-Identifier: ISC */
#include "queue_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mail_header.h"
#include "mail_message.h"
#include "stub_read.h"

/* A pipe holds so much. */
#define COPY_SIZE 65536
/* Nearly all headers are read at once. */
#define HEADER_FIRST 16384

/* A file in `directory` that is gone with its last descriptor. */
static int
file_open(const char *directory)
{
	char path[4096];
	int fd, len;

	len = snprintf(path, sizeof(path), "%s/verdict-XXXXXX", directory);
	if (len < 0 || (size_t)len >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return (fd);
}

int
spool_open(struct spool *spool, const char *directory)
{
	spool->header = NULL;
	spool->header_len = 0;
	spool->fd = directory == NULL ? memfd_create("message", MFD_CLOEXEC)
				      : file_open(directory);
	return (spool->fd < 0 ? -1 : 0);
}

static int
write_all(int fd, const char *octets, size_t len, off_t at)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, octets, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return (-1);
		octets += n;
		at += n;
		len -= (size_t)n;
	}
	return (0);
}

enum queue_exit
spool_fill(struct spool *spool, int from)
{
	static char buf[COPY_SIZE];
	off_t at = SPOOL_ROOM;
	ssize_t n;

	for (;;) {
		n = read(from, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return (QUEUE_READ);
		if (n == 0)
			return (QUEUE_DONE);
		if (write_all(spool->fd, buf, (size_t)n, at) < 0)
			return (QUEUE_WRITE);
		at += n;
	}
}

int
spool_rewind(const struct spool *spool)
{
	return (lseek(spool->fd, SPOOL_ROOM, SEEK_SET) < 0 ? -1 : 0);
}

enum queue_exit
spool_header(struct spool *spool)
{
	size_t size = HEADER_FIRST;
	const char *end;
	char *header;
	ssize_t len;

	for (;; size *= 2) {
		header = realloc(spool->header, size);
		if (header == NULL)
			return (QUEUE_MEMORY);
		spool->header = header;
		if (spool_rewind(spool) < 0 ||
		    (len = stub_read(spool->fd, header, size)) < 0)
			return (QUEUE_READ);
		spool->header_len = (size_t)len;
		end = header_end(header, (size_t)len);
		if (end != NULL)
			spool->header_len = (size_t)(end - header);
		if (end != NULL || (size_t)len < size)
			return (QUEUE_DONE);
		if (size >= MESSAGE_HEADER_MAX)
			return (QUEUE_REJECTED);
	}
}

int
spool_overwrite(struct spool *spool, size_t at, const char *octets, size_t len)
{
	return (write_all(spool->fd, octets, len, (off_t)(SPOOL_ROOM + at)));
}

int
spool_prepend(struct spool *spool, const char *octets, size_t len)
{
	off_t at = (off_t)(SPOOL_ROOM - len);

	if (write_all(spool->fd, octets, len, at) < 0)
		return (-1);
	return (lseek(spool->fd, at, SEEK_SET) < 0 ? -1 : 0);
}

/* In the unlikely case that it is the same number, dup2() keeps CLOEXEC. */
int
spool_hand_on(const struct spool *spool, int as)
{
	if (spool->fd == as)
		return (fcntl(as, F_SETFD, 0));
	return (dup2(spool->fd, as) < 0 ? -1 : 0);
}
