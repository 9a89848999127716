/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "stub_conf.h"

static char path[] = "/tmp/test_client_conf.XXXXXX";

static int
conf_read(struct stub_conf *conf, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	return (stub_conf_read(conf));
}

/* A file, and what its "queue" is, or what stub_conf_read() complains of. */
static const struct {
	const char *text, *queue, *problem;
} files[] = {
    {"", NULL, NULL},
    {"queue=/a/b", "/a/b", NULL},
    {"queue = /a/b\n", "/a/b", NULL},
    {"\t queue\t=\t/a b \r\n", "/a b", NULL},
    {"# queue=x\n\n  # y\nqueue=/a=b#c\n", "/a=b#c", NULL},
    {"queue=a\nqueue=b\n", "b", NULL},
    {"queue=\n", NULL, NULL},
    {"queue=a\nqueue=\n", NULL, NULL},
    {"queue\n", NULL, ":1: not name = value"},
    {"\n\nqueu=x\n", NULL, ":3: no setting queu"},
    {"=x\n", NULL, ":1: no setting "},
    {"QUEUE=x\n", NULL, ":1: no setting QUEUE"},
};

static void
test_files(void **state)
{
	static struct stub_conf conf;
	const char *value;
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		print_message("# %s\n", files[i].text);
		status = conf_read(&conf, files[i].text, strlen(files[i].text));
		assert_int_equal(status, files[i].problem == NULL ? 0 : -1);
		if (files[i].problem != NULL) {
			assert_non_null(strstr(conf.problem, files[i].problem));
			continue;
		}
		value = stub_conf_get(&conf, "queue");
		assert_int_equal(value == NULL, files[i].queue == NULL);
		if (value != NULL)
			assert_string_equal(value, files[i].queue);
	}
}

static void
test_bounds(void **state)
{
	static struct stub_conf conf;
	static char text[STUB_CONF_TEXT_MAX + 1];
	size_t used = 0, i;

	(void)state;
	memset(text, '\n', sizeof(text));
	assert_int_equal(conf_read(&conf, text, STUB_CONF_TEXT_MAX), 0);
	assert_int_equal(conf_read(&conf, text, sizeof(text)), -1);
	assert_non_null(strstr(conf.problem, "too long"));
	for (i = 0; i <= STUB_CONF_LINES; i++)
		used += (size_t)snprintf(
		    text + used, sizeof(text) - used, "queue=x\n");
	assert_int_equal(conf_read(&conf, text, used), -1);
	assert_non_null(strstr(conf.problem, "too many lines"));
	assert_int_equal(conf_read(&conf, text, used - 8), 0);
	setenv("VERDICT_CONF", "/nonexistent/file", 1);
	assert_int_equal(stub_conf_read(&conf), -1);
	setenv("VERDICT_CONF", "/tmp", 1);
	assert_int_equal(stub_conf_read(&conf), -1);
	setenv("VERDICT_CONF", path, 1);
}

/* The environment counts, even an empty value of it. */
static void
test_environment(void **state)
{
	static struct stub_conf conf;

	(void)state;
	assert_int_equal(conf_read(&conf, "authserv_id=a\n", 14), 0);
	setenv("VERDICT_AUTHSERV_ID", "b", 1);
	assert_string_equal(stub_conf_get(&conf, "authserv_id"), "b");
	setenv("VERDICT_AUTHSERV_ID", "", 1);
	assert_null(stub_conf_get(&conf, "authserv_id"));
	unsetenv("VERDICT_AUTHSERV_ID");
	assert_string_equal(stub_conf_get(&conf, "authserv_id"), "a");
}

static const struct {
	const char *text;
	int ms;
} times[] = {
    {"5", 5000},
    {"5s", 5000},
    {"500ms", 500},
    {"1ms", 1},
    {"86400", 86400000},
    {"86401", -1},
    {"86400001ms", -1},
    {"0", -1},
    {"", -1},
    {"-1", -1},
    {" 5", -1},
    {"+5", -1},
    {"5 s", -1},
    {"5m", -1},
    {"5.5", -1},
    {"99999999999999999999", -1},
};

static void
test_times(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		assert_int_equal(stub_conf_ms(times[i].text), times[i].ms);
}

static int
setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return (-1);
	close(fd);
	unsetenv("VERDICT_QUEUE");
	return (setenv("VERDICT_CONF", path, 1));
}

static int
teardown(void **state)
{
	(void)state;
	return (unlink(path));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_environment),
	    cmocka_unit_test(test_times),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
