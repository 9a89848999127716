/* SPDX-License-Identifier: ISC */
/* Reading the start of a file into memory. */
#ifndef STUB_READ_H
#define STUB_READ_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads from where `fd` stands until its end or until `size` octets are there.
 * Returns how many, or -1 with errno.
 */
ssize_t stub_read(int fd, char *buf, size_t size);

#endif
