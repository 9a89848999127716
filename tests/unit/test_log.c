/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"

/* Everything that was written to stderr since capture_begin(). */
static int saved_stderr;
static FILE *captured;
static char text[8192];

static void
capture_begin(void)
{
	captured = tmpfile();
	assert_non_null(captured);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fileno(captured), STDERR_FILENO);
}

static const char *
capture_end(void)
{
	size_t len;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	rewind(captured);
	len = fread(text, 1, sizeof(text) - 1, captured);
	text[len] = '\0';
	fclose(captured);
	return (text);
}

static void
test_threshold(void **state)
{
	static const struct {
		enum log_level level;
		const char *lines;
	} cases[] = {
	    {LOG_LEVEL_ERROR, "error e\n"},
	    {LOG_LEVEL_WARNING, "error e\nwarning w\n"},
	    {LOG_LEVEL_INFO, "error e\nwarning w\ninfo i\n"},
	    {LOG_LEVEL_DEBUG, "error e\nwarning w\ninfo i\ndebug d\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		log_open(LOG_TO_STDERR, cases[i].level);
		assert_int_equal(log_threshold(), cases[i].level);
		capture_begin();
		log_error("e");
		log_warning("w");
		log_info("i");
		log_debug("d");
		assert_string_equal(capture_end(), cases[i].lines);
	}
}

static void
test_set_level(void **state)
{
	(void)state;
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	log_set_level(LOG_LEVEL_DEBUG);
	capture_begin();
	log_debug("x a=%d", 1);
	assert_string_equal(capture_end(), "debug x a=1\n");
}

static void
test_level_from_text(void **state)
{
	static const struct {
		const char *text;
		int level; /* -1: none */
	} cases[] = {
	    {"error", LOG_LEVEL_ERROR},
	    {"warning", LOG_LEVEL_WARNING},
	    {"info", LOG_LEVEL_INFO},
	    {"debug", LOG_LEVEL_DEBUG},
	    {"", -1},
	    {"Error", -1},
	    {"errors", -1},
	    {"notice", -1},
	};
	enum log_level level;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int ret = log_level_from_text(cases[i].text, &level);

		assert_int_equal(ret, cases[i].level == -1 ? -1 : 0);
		if (ret == 0)
			assert_int_equal(level, cases[i].level);
	}
}

static void
test_errno_stays(void **state)
{
	(void)state;
	log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
	capture_begin();
	errno = ENOSPC;
	log_error("e");
	assert_int_equal(errno, ENOSPC);
	capture_end();
}

/* However long: one line, cut, with its newline. */
static void
test_long_line(void **state)
{
	char value[5000];
	const char *line;

	(void)state;
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	log_open(LOG_TO_STDERR, LOG_LEVEL_INFO);
	capture_begin();
	log_info("%s", value);
	line = capture_end();
	assert_true(strlen(line) > 2000 && strlen(line) < 2049);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void
test_field(void **state)
{
	static const struct {
		const char *value;
		size_t size;
		const char *field;
	} cases[] = {
	    {"plain", 64, "plain"},
	    {"", 64, "\"\""},
	    {"two words", 64, "\"two words\""},
	    {"a=b", 64, "\"a=b\""},
	    {"say \"x\"", 64, "\"say ?x?\""},
	    {"a\"b", 64, "\"a?b\""},
	    {"line\nbreak", 64, "line?break"},
	    {"\r\t\033[31m", 64, "???[31m"},
	    {"\303\244", 64, "??"},
	    {"two\nlines error x=y", 64, "\"two?lines error x=y\""},
	    {"0123456789", 8, "0123456"},
	    {"01234 6789", 8, "\"01234\""},
	    {" ", 4, "\" \""},
	    {" x", 4, "\" \""},
	};
	char buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(buf, '#', sizeof(buf));
		log_field(buf, cases[i].size, cases[i].value);
		assert_string_equal(buf, cases[i].field);
	}
}

static void
test_fatal(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	capture_begin();
	fflush(NULL);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		/* Not a second time what the parent will print. */
		fclose(stdout);
		fatal(111, "out why=%s", "test");
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_string_equal(capture_end(), "error out why=test\n");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 111);
}

/* -d and -v stand over what the configuration says, also after a reload. */
static void
test_insist(void **state)
{
	static const struct {
		bool debug, verbose;
		enum log_level configured, found;
	} cases[] = {
	    {false, false, LOG_LEVEL_WARNING, LOG_LEVEL_WARNING},
	    {false, true, LOG_LEVEL_WARNING, LOG_LEVEL_INFO},
	    {false, true, LOG_LEVEL_DEBUG, LOG_LEVEL_DEBUG},
	    {true, false, LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG},
	    {true, true, LOG_LEVEL_ERROR, LOG_LEVEL_DEBUG},
	};
	size_t i, times;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		log_insist(cases[i].debug, cases[i].verbose);
		for (times = 0; times < 2; times++) {
			log_open(LOG_TO_STDERR, cases[i].configured);
			assert_int_equal(log_threshold(), cases[i].found);
		}
	}
	log_insist(true, false);
	capture_begin();
	log_open(LOG_TO_SYSLOG, LOG_LEVEL_ERROR);
	log_debug("d");
	assert_string_equal(capture_end(), "debug d\n");
	log_insist(false, false);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_threshold),
	    cmocka_unit_test(test_insist),
	    cmocka_unit_test(test_set_level),
	    cmocka_unit_test(test_level_from_text),
	    cmocka_unit_test(test_errno_stays),
	    cmocka_unit_test(test_long_line),
	    cmocka_unit_test(test_field),
	    cmocka_unit_test(test_fatal),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
