/* SPDX-License-Identifier: ISC */
/* What clients leave each other in a directory where others may write, too. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib_state.h"

#define SERVER "tcp://192.0.2.1:5705"
#define COUNT  (sizeof(obstacles) / sizeof(obstacles[0]))

static const uint8_t cookie[SEAL_COOKIE] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t none[SEAL_COOKIE];
static char directory[] = "/tmp/verdict-state.XXXXXX";
static char victim[64], path[300];
static struct state memory;

static int
prepare(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return (-1);
	snprintf(victim, sizeof(victim), "%s.victim", directory);
	return (0);
}

static int
clean(void **state)
{
	(void)state;
	return (rmdir(directory));
}

/* `path` becomes the one file there is in the directory. */
static void
path_find(void)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;

	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.')
			snprintf(path, sizeof(path), "%s/%s", directory,
			    entry->d_name);
	closedir(stream);
}

static void
time_set(const char *file, time_t seconds)
{
	const struct timespec times[2] = {{seconds, 0}, {seconds, 0}};

	assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
}

static void
victim_make(void)
{
	FILE *out = fopen(victim, "w");

	assert_non_null(out);
	fputs("the words of a victim", out);
	fclose(out);
	time_set(victim, 1000);
}

static void
victim_check(void)
{
	char text[64] = "";
	FILE *in = fopen(victim, "r");
	struct stat st;

	assert_non_null(in);
	assert_non_null(fgets(text, sizeof(text), in));
	fclose(in);
	assert_string_equal(text, "the words of a victim");
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_mtime, 1000);
}

static int
link_symbolic(void)
{
	return (symlink(victim, path));
}

static int
link_hard(void)
{
	return (link(victim, path));
}

static int
link_loop(void)
{
	return (symlink(path, path));
}

static int
pipe_make(void)
{
	return (mkfifo(path, 0666));
}

static const struct {
	const char *what;
	int (*make)(void); /* at `path`, where the library wants a file */
} obstacles[] = {
    {"a symbolic link", link_symbolic},
    {"a hard link", link_hard},
    {"a link to itself", link_loop},
    {"a pipe", pipe_make},
};

static void
test_down(void **state)
{
	struct stat st;
	size_t i;

	(void)state;
	state_open(&memory, directory);
	assert_false(state_is_down(&memory, SERVER));
	state_down(&memory, SERVER);
	assert_true(state_is_down(&memory, SERVER));
	path_find();
	for (i = 0; i < COUNT; i++) {
		print_message("# %s\n", obstacles[i].what);
		victim_make();
		unlink(path);
		assert_int_equal(obstacles[i].make(), 0);
		state_down(&memory, SERVER);
		assert_true(state_is_down(&memory, SERVER));
		assert_int_equal(lstat(path, &st), 0);
		assert_true(S_ISREG(st.st_mode) && st.st_nlink == 1);
		victim_check();
		state_up(&memory, SERVER);
		assert_false(state_is_down(&memory, SERVER));
		victim_check();
		unlink(victim);
	}
	state_close(&memory);
}

/* A clock that is set does not keep a server away for longer. */
static void
test_clock(void **state)
{
	static const int offsets[] = {-STATE_DOWN_SECONDS - 1, 3600, 100000000};
	size_t i;

	(void)state;
	state_open(&memory, directory);
	state_down(&memory, SERVER);
	path_find();
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		time_set(path, time(NULL) + offsets[i]);
		/* This one tries; others wait for what it finds. */
		assert_false(state_is_down(&memory, SERVER));
		assert_true(state_is_down(&memory, SERVER));
	}
	state_up(&memory, SERVER);
	state_close(&memory);
}

static void
test_cookie(void **state)
{
	uint8_t got[SEAL_COOKIE];
	struct stat st;
	size_t i;

	(void)state;
	state_open(&memory, directory);
	state_cookie_get(&memory, SERVER, got);
	assert_memory_equal(got, none, sizeof(none));
	state_cookie_put(&memory, SERVER, cookie);
	state_cookie_get(&memory, SERVER, got);
	assert_memory_equal(got, cookie, sizeof(got));
	path_find();
	for (i = 0; i < COUNT; i++) {
		print_message("# %s\n", obstacles[i].what);
		victim_make();
		unlink(path);
		assert_int_equal(obstacles[i].make(), 0);
		state_cookie_get(&memory, SERVER, got);
		state_cookie_put(&memory, SERVER, cookie);
		state_cookie_get(&memory, SERVER, got);
		assert_memory_equal(got, cookie, sizeof(got));
		assert_int_equal(lstat(path, &st), 0);
		assert_true(S_ISREG(st.st_mode) && st.st_nlink == 1);
		victim_check();
		unlink(victim);
	}
	/* Too short to be one. */
	assert_int_equal(truncate(path, SEAL_COOKIE - 1), 0);
	state_cookie_get(&memory, SERVER, got);
	assert_memory_equal(got, none, sizeof(none));
	unlink(path);
	/* Where no file can be, there is none. */
	assert_int_equal(mkdir(path, 0700), 0);
	state_cookie_put(&memory, SERVER, cookie);
	state_cookie_get(&memory, SERVER, got);
	assert_memory_equal(got, none, sizeof(none));
	assert_int_equal(rmdir(path), 0);
	state_close(&memory);
}

static void
test_missing(void **state)
{
	uint8_t got[SEAL_COOKIE];

	(void)state;
	state_open(&memory, "/nonexistent/directory");
	state_down(&memory, SERVER);
	assert_false(state_is_down(&memory, SERVER));
	state_up(&memory, SERVER);
	state_cookie_put(&memory, SERVER, cookie);
	state_cookie_get(&memory, SERVER, got);
	assert_memory_equal(got, none, sizeof(none));
	state_close(&memory);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_down),
	    cmocka_unit_test(test_clock),
	    cmocka_unit_test(test_cookie),
	    cmocka_unit_test(test_missing),
	};

	return (cmocka_run_group_tests(tests, prepare, clean));
}
