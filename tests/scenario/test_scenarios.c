/* SPDX-License-Identifier: ISC */
/*
 * Runs the scenarios of all *.scn files of this directory (script.h), or of
 * the files named as arguments: one test each.
 */
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hash.h"
#include "log.h"
#include "script.h"

#define SCENARIOS_MAX 256

static char directory[] = "/tmp/test_scenarios.XXXXXX";
static struct CMUnitTest tests[SCENARIOS_MAX];
static size_t count;

static void
test_scenario(void **state)
{
	char *problem = scenario_run(*state, directory);

	if (problem == NULL)
		return;
	print_error("%s\n", problem);
	free(problem);
	fail();
}

/* Returns the file's scenarios, which the tests point to. */
static struct scenario *
file_add(const char *path)
{
	struct scenario *scenarios = scenarios_read(path), *s;

	if (scenarios == NULL) {
		fprintf(stderr, "%s: no scenarios\n", path);
		exit(1);
	}
	for (s = scenarios; s != NULL; s = scenario_following(s)) {
		if (count == SCENARIOS_MAX) {
			fprintf(stderr, "%s: too many scenarios\n", path);
			exit(1);
		}
		tests[count++] = (struct CMUnitTest){
		    scenario_name(s), test_scenario, NULL, NULL, s};
	}
	return (scenarios);
}

int
main(int argc, char *argv[])
{
	const char *src = getenv("SRC");
	struct scenario *files[SCENARIOS_MAX];
	char pattern[1024];
	glob_t found = {0};
	size_t i, n = 0;
	int failed;

	snprintf(pattern, sizeof(pattern), "%s/tests/scenario/*.scn",
	    src == NULL ? "." : src);
	if (argc == 1 && glob(pattern, 0, NULL, &found) != 0) {
		fprintf(stderr, "no %s; set SRC\n", pattern);
		return (1);
	}
	for (i = 0; i < found.gl_pathc && n < SCENARIOS_MAX; i++)
		files[n++] = file_add(found.gl_pathv[i]);
	for (i = 1; i < (size_t)argc && n < SCENARIOS_MAX; i++)
		files[n++] = file_add(argv[i]);
	signal(SIGXFSZ, SIG_IGN);
	hash_init();
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	if (mkdtemp(directory) == NULL)
		return (1);
	failed = _cmocka_run_group_tests("scenarios", tests, count, NULL, NULL);
	rmdir(directory);
	while (n > 0)
		scenarios_free(files[--n]);
	if (argc == 1)
		globfree(&found);
	return (failed);
}
