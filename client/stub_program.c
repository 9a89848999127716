/* SPDX-License-Identifier: ISC */
#include "stub_program.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
program_open_standard_fds(void)
{
	int fd;

	/* The lowest that is closed is the one that open() returns. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return (-1);
	close(fd);
	return (0);
}

void
program_complain(const char *name, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (p = line; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	fprintf(stderr, "%s: %s\n", name, line);
}

enum program_fallback
program_fallback(const struct stub_conf *conf)
{
	const char *word = stub_conf_get(conf, "fallback");

	if (word == NULL || strcmp(word, "accept") == 0)
		return (FALLBACK_ACCEPT);
	return (strcmp(word, "defer") == 0 ? FALLBACK_DEFER : FALLBACK_MISTAKE);
}

/* The first of the two that is set to something. */
static const char *
variable(const char *name, const char *other)
{
	const char *value = getenv(name);

	if (value == NULL || *value == '\0')
		value = getenv(other);
	return (value == NULL || *value == '\0' ? NULL : value);
}

const char *
program_client_ip(void)
{
	return (variable("TCPREMOTEIP", "TCP6REMOTEIP"));
}

const char *
program_client_helo(void)
{
	static char name[PROGRAM_HELO_MAX];
	const char *helo = variable("SMTPHELOHOST", "HELOHOST");

	if (helo == NULL)
		return (NULL);
	snprintf(name, sizeof(name), "%s", helo);
	return (name);
}

bool
program_client_relays(void)
{
	/* It is most often set to nothing. */
	return (getenv("RELAYCLIENT") != NULL);
}
