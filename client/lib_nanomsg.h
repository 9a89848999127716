/* SPDX-License-Identifier: ISC */
/*
 * The transport: one connection for one question to one server. The only file
 * of the clients that knows nanomsg, so that another transport can take its
 * place.
 *
 * nano_open() and nano_send() succeed even when nobody listens; whether anyone
 * does is learnt from nano_refused() (the connection failed so far; it is
 * being retried) and from nano_wait(). A connection is never used again after
 * its question: after a time-out nanomsg may never reconnect it.
 */
#ifndef LIB_NANOMSG_H
#define LIB_NANOMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NANO_SERVERS_MAX 8 /* what nano_wait() can watch */

/* `endpoint` must have passed endpoint_kind(). Returns a handle or -1. */
int nano_open(const char *endpoint);
/* Returns 0, or -1 with errno. Copies the octets. */
int nano_send(int handle, const char *octets, size_t len);
bool nano_refused(int handle);
/*
 * Is there a connection, and did the other side say that it speaks nanomsg? A
 * process that is frozen does not, nor one whose host is cut off.
 */
bool nano_greeted(int handle);
/*
 * Waits until one of `n` handles, maybe none, can be read, at most `ms`
 * milliseconds.
 * Returns its index, or -1: nothing yet, or a signal.
 */
int nano_wait(const int handles[], size_t n, int ms);
/*
 * Returns the length of the answer, of which no more than `size` octets were
 * written to `buf`; -1 if there is none after all.
 */
ssize_t nano_receive(int handle, char *buf, size_t size);
void nano_close(int handle);

#endif
