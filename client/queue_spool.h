/* SPDX-License-Identifier: ISC */
/*
 * The message at rest, in memory that is no address space (memfd), or in a file
 * without a name. Room is kept before it: what is prepended later is written
 * there, and nothing is copied. The room is a hole and takes no space.
 *
 *	spool_open(&spool, NULL)
 *	spool_fill(&spool, STDIN_FILENO)
 *	spool_header(&spool)
 *	spool_rewind(&spool)			and read the message
 *	spool_overwrite(&spool, at, octets, len)
 *	spool_prepend(&spool, octets, len)
 *	spool_hand_on(&spool, STDIN_FILENO)
 */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include <stddef.h>

#include "queue.h"

/* More than a whole answer of the daemon in folded lines. */
#define SPOOL_ROOM 131072

struct spool {
	int    fd;
	char  *header; /* with its empty line, as it came */
	size_t header_len;
};

/* `directory`: where to make the file; NULL: in memory. 0, or -1 with errno. */
int spool_open(struct spool *spool, const char *directory);

/* Reads `from` to its end. QUEUE_DONE, QUEUE_READ or QUEUE_WRITE, and errno. */
enum queue_exit spool_fill(struct spool *spool, int from);

/*
 * Fetches the header into memory. QUEUE_DONE, QUEUE_MEMORY, QUEUE_READ or, when
 * it is longer than MESSAGE_HEADER_MAX, QUEUE_REJECTED.
 */
enum queue_exit spool_header(struct spool *spool);

/* The next read gives the message's first octet. 0, or -1 with errno. */
int spool_rewind(const struct spool *spool);

/* Changes octets of the message in place. 0, or -1 with errno. */
int spool_overwrite(
    struct spool *spool, size_t at, const char *octets, size_t len);

/*
 * Puts octets (SPOOL_ROOM at most) before the message; the next read gives
 * their first. 0, or -1 with errno.
 */
int spool_prepend(struct spool *spool, const char *octets, size_t len);

/* Makes it the descriptor `as` of the next program. 0, or -1 with errno. */
int spool_hand_on(const struct spool *spool, int as);

#endif
