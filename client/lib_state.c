/* SPDX-License-Identifier: ISC */
#include "lib_state.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_SIZE 32
/* The directory may be shared, so no link and no pipe of others' is opened. */
#define OPEN_FLAGS (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

void
state_open(struct state *state, const char *path)
{
	state->directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void
state_close(struct state *state)
{
	if (state->directory != -1)
		close(state->directory);
	state->directory = -1;
}

/* FNV-1a: addresses come from the configuration, not from an enemy. */
static void
file_name(char name[NAME_SIZE], const char *endpoint, const char *kind)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *endpoint != '\0'; endpoint++)
		hash = (hash ^ (uint8_t)*endpoint) * UINT64_C(0x100000001b3);
	snprintf(name, NAME_SIZE, "%016llx.%s", (unsigned long long)hash, kind);
}

/* A link to a file elsewhere would have that one written to. */
static bool
is_linked(int fd)
{
	struct stat st;

	return (fstat(fd, &st) == -1 || st.st_nlink > 1);
}

/* What belongs to another user is replaced, where the directory is ours. */
static int
file_open(const struct state *state, const char *name)
{
	int fd = openat(
	    state->directory, name, O_WRONLY | O_CREAT | OPEN_FLAGS, 0664);

	if (fd != -1 && !is_linked(fd))
		return (fd);
	if (fd != -1)
		close(fd);
	if (unlinkat(state->directory, name, 0) == -1)
		return (-1);
	return (openat(state->directory, name,
	    O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, 0664));
}

static void
file_touch(const struct state *state, const char *name)
{
	const int fd = file_open(state, name);

	if (fd == -1)
		return;
	futimens(fd, NULL);
	close(fd);
}

bool
state_is_down(const struct state *state, const char *endpoint)
{
	char name[NAME_SIZE];
	struct stat st;
	time_t age;

	file_name(name, endpoint, "down");
	if (state->directory == -1 ||
	    fstatat(state->directory, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return (false);
	age = time(NULL) - st.st_mtime;
	/* A file of the future is from a clock that was set back. */
	if (age >= -1 && age < STATE_DOWN_SECONDS)
		return (true);
	file_touch(state, name);
	return (false);
}

void
state_down(const struct state *state, const char *endpoint)
{
	char name[NAME_SIZE];

	if (state->directory == -1)
		return;
	file_name(name, endpoint, "down");
	file_touch(state, name);
}

void
state_up(const struct state *state, const char *endpoint)
{
	char name[NAME_SIZE];

	if (state->directory == -1)
		return;
	file_name(name, endpoint, "down");
	unlinkat(state->directory, name, 0);
}

void
state_cookie_get(const struct state *state, const char *endpoint,
    uint8_t cookie[SEAL_COOKIE])
{
	char name[NAME_SIZE];
	int fd;

	memset(cookie, 0, SEAL_COOKIE);
	if (state->directory == -1)
		return;
	file_name(name, endpoint, "seal");
	fd = openat(state->directory, name, O_RDONLY | OPEN_FLAGS);
	if (fd == -1)
		return;
	if (pread(fd, cookie, SEAL_COOKIE, 0) != SEAL_COOKIE)
		memset(cookie, 0, SEAL_COOKIE);
	close(fd);
}

/* Half of an old and half of a new one is a wrong one, and does no harm. */
void
state_cookie_put(const struct state *state, const char *endpoint,
    const uint8_t cookie[SEAL_COOKIE])
{
	char name[NAME_SIZE];
	int fd;

	if (state->directory == -1)
		return;
	file_name(name, endpoint, "seal");
	fd = file_open(state, name);
	if (fd == -1)
		return;
	if (pwrite(fd, cookie, SEAL_COOKIE, 0) != SEAL_COOKIE)
		unlinkat(state->directory, name, 0);
	close(fd);
}
