/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "stub_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stub_read.h"

#define CONF_FILE    VERDICT_SYSCONFDIR "/client.conf"
#define CONF_PREFIX  "VERDICT_"
#define DAY_MS	     86400000
#define NAME_MAX_LEN 32

/* Of all the programs: each reads what it needs, but all know a slip. */
static const char *const names[] = {
    "servers",		/* endpoints, separated by spaces */
    "key_file",		/* what seals the questions over tcp */
    "hedge",		/* milliseconds until the second server is asked, too */
    "state_dir",	/* where is remembered which servers are down */
    "timeout",		/* to wait for the daemon, over all questions */
    "fallback",		/* without a verdict: accept or defer */
    "authserv_id",	/* the name of this host in Authentication-Results */
    "dialect",		/* which qmail it is, for the text of a refusal */
    "queue",		/* the program that takes the message next */
    "spool",		/* memory, or a directory for temporary files */
    "quarantine",	/* an address, or what to put before its "@" */
    "check_quarantine", /* verdict-check: refuse or run */
    "spp_refuse",	/* verdict-spp: now, rcpt, data or disconnect */
};

static bool
name_known(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return (true);
	return (false);
}

static int fail(struct stub_conf *conf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail(struct stub_conf *conf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(conf->problem, sizeof(conf->problem), fmt, ap);
	va_end(ap);
	return (-1);
}

/* Cuts white space off both ends, in place. */
static char *
trimmed(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r", end[-1]) != NULL)
		end--;
	*end = '\0';
	return (text + strspn(text, " \t"));
}

/* Takes one line; it is cut up. */
static int
line_read(struct stub_conf *conf, const char *path, unsigned number, char *line)
{
	char *equals, *name;

	line = trimmed(line);
	if (*line == '\0' || *line == '#')
		return (0);
	equals = strchr(line, '=');
	if (equals == NULL)
		return (fail(conf, "%s:%u: not name = value", path, number));
	*equals = '\0';
	name = trimmed(line);
	if (!name_known(name))
		return (fail(conf, "%s:%u: no setting %s", path, number, name));
	if (conf->n == STUB_CONF_LINES)
		return (fail(conf, "%s:%u: too many lines", path, number));
	conf->lines[conf->n].name = name;
	conf->lines[conf->n++].value = trimmed(equals + 1);
	return (0);
}

static int
text_read(struct stub_conf *conf, const char *path)
{
	char *line = conf->text, *lf;
	unsigned number = 1;

	for (; line != NULL; line = lf, number++) {
		lf = strchr(line, '\n');
		if (lf != NULL)
			*lf++ = '\0';
		if (line_read(conf, path, number, line) < 0)
			return (-1);
	}
	return (0);
}

int
stub_conf_read(struct stub_conf *conf)
{
	const char *given = getenv("VERDICT_CONF");
	const char *path = given == NULL ? CONF_FILE : given;
	ssize_t len;
	int fd;

	conf->n = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && given == NULL)
		return (0);
	if (fd < 0)
		return (fail(conf, "%s: %s", path, strerror(errno)));
	/* One octet more than may be there. */
	len = stub_read(fd, conf->text, sizeof(conf->text));
	if (len < 0)
		fail(conf, "%s: %s", path, strerror(errno));
	close(fd);
	if (len < 0)
		return (-1);
	if (len > STUB_CONF_TEXT_MAX)
		return (fail(conf, "%s: too long", path));
	conf->text[len] = '\0';
	return (text_read(conf, path));
}

/* VERDICT_NAME of the environment. */
static const char *
environment_get(const char *name)
{
	char variable[sizeof(CONF_PREFIX) + NAME_MAX_LEN] = CONF_PREFIX;
	size_t at = strlen(CONF_PREFIX);

	for (; *name != '\0' && at + 1 < sizeof(variable); name++)
		variable[at++] = *name >= 'a' && *name <= 'z'
				     ? (char)(*name - 'a' + 'A')
				     : *name;
	variable[at] = '\0';
	return (getenv(variable));
}

const char *
stub_conf_get(const struct stub_conf *conf, const char *name)
{
	const char *value = environment_get(name);
	size_t i = conf->n;

	/* The last line counts. */
	while (value == NULL && i-- > 0)
		if (strcmp(conf->lines[i].name, name) == 0)
			value = conf->lines[i].value;
	return (value == NULL || *value == '\0' ? NULL : value);
}

int
stub_conf_ms(const char *text)
{
	char *end;
	long n;

	if (*text < '0' || *text > '9')
		return (-1);
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || n <= 0 || n > DAY_MS)
		return (-1);
	if (strcmp(end, "ms") == 0)
		return ((int)n);
	if (*end != '\0' && strcmp(end, "s") != 0)
		return (-1);
	return (n > DAY_MS / 1000 ? -1 : (int)n * 1000);
}
