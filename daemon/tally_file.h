/* SPDX-License-Identifier: ISC */
/*
 * The tally and the counters in a file: text, a line for each thing, a
 * checksum in the last. What a line of another version says is passed over.
 *
 *	verdictd-tally 1
 *	began MS
 *	counter NAME VALUE
 *	latency VERB SUM MAX BUCKET:COUNT...
 *	top TABLE WEIGHT ERROR FIRST LAST SINCE ENDED COUNT... KEY
 *	change MS DOMAIN BEFORE AFTER
 *	sample MS VALUE...
 *	sum HEX
 *
 * A text may hold any octet: "%" and what is not printable is %HH.
 */
#ifndef TALLY_FILE_H
#define TALLY_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "tally.h"

/*
 * Reads `path` if it exists, and keeps the name for tally_save(). A file that
 * is damaged is set aside (PATH.damaged), and the one before it (PATH.old) is
 * taken. What was kept is added to the counters.
 */
void tally_load(struct tally *tally, const char *path);
/*
 * Writes a new file and puts it in place of the old one. Does not wait for the
 * disk. A failure is logged once an hour, and counting goes on.
 */
void tally_save(struct tally *tally, int64_t now);

/* 0, or -1 if `text` is not a whole tally; then nothing was taken from it. */
int tally_read(struct tally *tally, const char *text, size_t len);
void tally_write(const struct tally *tally, FILE *out);

#endif
