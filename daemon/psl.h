/* SPDX-License-Identifier: ISC */
/*
 * The public suffix list, for receivers that stay with RFC 7489.
 */
#ifndef PSL_H
#define PSL_H

#include "dname.h"

/*
 * Reads the system's list if there is one newer than the library's own. Call
 * it once, while files can still be opened; without, the library's own serves.
 */
void psl_open(void);
void psl_close(void);

/*
 * RFC 7489 3.2: the labels of the organizational domain of `name`: one more
 * than its public suffix has, or all of them when it has no more.
 */
unsigned psl_organizational(const struct dname *name);

#endif
