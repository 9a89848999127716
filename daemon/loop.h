/* SPDX-License-Identifier: ISC */
/*
 * The daemon itself: the parts put together, and the one poll() loop that
 * decides everything. Beside it run only nanomsg's worker and the resolver's
 * thread.
 *
 * Order of calls: loop_open(), loop_run(), loop_close(). Never fork after
 * loop_open().
 */
#ifndef LOOP_H
#define LOOP_H

struct conf;
struct loop;

/*
 * Takes over `conf`; `path` is read again on reload and borrowed. NULL, after
 * a log line that says why, when a part cannot be opened.
 */
struct loop *loop_open(struct conf *conf, const char *path);
/* Until told to stop. Returns the exit status. */
int loop_run(struct loop *loop);
void loop_close(struct loop *loop);

#endif
