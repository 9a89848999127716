/* SPDX-License-Identifier: ISC */
/*
 * Any octets as a configuration. It is refused with a reason, or what is
 * printed of it can be read again and prints the same. What is read after it
 * means what it always means: the parser keeps nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf.h"
#include "fuzz.h"

/* conf_load() wants a file: one in memory, made once. */
static struct conf *
load(const void *data, size_t size, char error[CONF_ERROR_MAX])
{
	static int fd = -1;
	static char path[64];

	if (fd == -1) {
		fd = memfd_create("conf", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	check(ftruncate(fd, 0) == 0);
	check(pwrite(fd, data, size, 0) == (ssize_t)size);
	return (conf_load(path, error));
}

static char *
print(const struct conf *conf, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	check(out != NULL);
	conf_print(conf, out);
	fclose(out);
	return (text);
}

static void
check_print(const struct conf *conf)
{
	char error[CONF_ERROR_MAX], *text, *again;
	size_t size, size_again;
	struct conf *copy;

	text = print(conf, &size);
	copy = load(text, size, error);
	check(copy != NULL);
	again = print(copy, &size_again);
	check(size == size_again && memcmp(text, again, size) == 0);
	free(again);
	conf_free(copy);
	free(text);
}

static void
check_next(void)
{
	static const char text[] = "log { level = debug } spf { receiver = a }";
	char error[CONF_ERROR_MAX];
	struct conf *conf = load(text, sizeof(text) - 1, error);

	check(conf != NULL && conf->log_level == LOG_LEVEL_DEBUG &&
	      strcmp(conf->run.receiver, "a") == 0);
	conf_free(conf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[CONF_ERROR_MAX];
	struct conf *conf = load(data, size, error);

	check_next();
	if (conf == NULL) {
		check(*error != '\0' && strlen(error) < CONF_ERROR_MAX);
		return (0);
	}
	check(*error == '\0');
	check_print(conf);
	conf_free(conf);
	return (0);
}
