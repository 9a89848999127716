/* SPDX-License-Identifier: ISC */
/*
 * Is this file a whole LMDB environment? LMDB trusts the file it opens: a
 * damaged page makes it crash or give out wrong values. mdbfile_check() reads
 * the file first and follows every page that LMDB could ever follow.
 */
#ifndef MDBFILE_H
#define MDBFILE_H

/*
 * NULL when LMDB may open the file (also when there is none, or an empty one),
 * else why it must not: a constant string. Nobody may write to the file
 * meanwhile.
 */
const char *mdbfile_check(const char *path);

#endif
