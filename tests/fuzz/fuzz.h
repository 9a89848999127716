/* SPDX-License-Identifier: ISC */
/*
 * What every fuzz target begins with: the function that the fuzzer, or
 * replay.c with files of octets, calls; and the one way to say that a promise
 * was broken. Include it once, in the target.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* `data` is borrowed for the call. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Both a fuzzer and `make check` report an abort, with the input. */
static inline void
check(bool holds)
{
	if (!holds)
		abort();
}

#endif
