/* SPDX-License-Identifier: ISC */
/*
 * The parts of verdict-queue(8), which stands between qmail-smtpd and
 * qmail-queue: queue_main.c takes the message (queue_spool.h), then the envelope
 * (queue_envelope.h), learns who sent it (queue_peer.h) and asks the daemon
 * (queue_judge.h); then it refuses (queue_refuse.h), or puts header fields on
 * top (queue_fields.h) and becomes the next program.
 */
#ifndef QUEUE_H
#define QUEUE_H

/* qmail-queue(8): what the caller is told. Most become 451, 11 to 40 a 554. */
enum queue_exit {
	QUEUE_DONE     = 0,
	QUEUE_TOO_LONG = 11, /* an address */
	QUEUE_REJECTED = 31,
	QUEUE_MEMORY   = 51,
	QUEUE_WRITE    = 53,
	QUEUE_READ     = 54, /* message or envelope: not complete */
	QUEUE_CONFIG   = 55,
	QUEUE_DEFERRED = 71,
	QUEUE_CUSTOM   = 82, /* the reason is on the error descriptor */
	QUEUE_ENVELOPE = 91, /* is none */
	QUEUE_EXEC     = 120
};

/* An address has fewer octets in qmail-queue. */
#define QUEUE_ADDRESS_MAX 1003

#endif
