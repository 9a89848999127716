/* SPDX-License-Identifier: ISC */
/*
 * Least privilege: what the process gives up before it talks to anybody, so
 * that who takes it over has little. Each step that the kernel does not know
 * is logged as unavailable, and the daemon goes on without it.
 *
 * Order of calls: sandbox_user() once limits are raised and before any file of
 * ours is made; sandbox_enter() before the first thread starts, since Landlock
 * holds for the calling thread and those that it will start.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stddef.h>

/*
 * Becomes that user, with its groups, for good. NULL or "": stays who it is.
 * Returns 0, or -1 after a log line that says why it cannot.
 */
int sandbox_user(const char *user);

struct sandbox_paths {
	/* Files that may be read (and what else is in their directories, as a
	   new version of a file is another file). */
	size_t		   reads;
	const char *const *read;
	/* Files that may be made, changed and removed, likewise. */
	size_t		   writes;
	const char *const *write;
};

/*
 * No new privileges; Landlock: no file but these and those of the system may
 * be read, none but these written, and none executed; seccomp: no system call
 * but those that the daemon and its libraries use, no process but this one, no
 * sockets but of the internet and of this host.
 */
void sandbox_enter(const struct sandbox_paths *paths);

#endif
