/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

/* The loop sets these while the resolver's thread may be logging. */
static _Atomic enum log_target target = LOG_TO_STDERR;
static _Atomic enum log_level threshold = LOG_LEVEL_INFO;

static bool insist_debug, insist_verbose;

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void
log_insist(bool debug, bool verbose)
{
	insist_debug = debug;
	insist_verbose = verbose;
}

void
log_open(enum log_target to, enum log_level level)
{
	if (insist_debug) {
		to = LOG_TO_STDERR;
		level = LOG_LEVEL_DEBUG;
	} else if (insist_verbose && level < LOG_LEVEL_DEBUG) {
		level++;
	}
	if (to == LOG_TO_SYSLOG && target != LOG_TO_SYSLOG)
		openlog("verdictd", LOG_PID | LOG_NDELAY, LOG_MAIL);
	target = to;
	threshold = level;
}

enum log_level
log_threshold(void)
{
	return (threshold);
}

void
log_set_level(enum log_level level)
{
	threshold = level;
}

int
log_level_from_text(const char *text, enum log_level *level)
{
	size_t i;

	for (i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
		if (strcmp(level_names[i], text) == 0) {
			*level = (enum log_level)i;
			return (0);
		}
	return (-1);
}

static int
syslog_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return (LOG_ERR);
	case LOG_LEVEL_WARNING:
		return (LOG_WARNING);
	case LOG_LEVEL_INFO:
		return (LOG_INFO);
	case LOG_LEVEL_DEBUG:
		return (LOG_DEBUG);
	}
	return (LOG_ERR);
}

/* One write(2) a line, so that lines of several threads do not mix. */
static void
log_line(enum log_level level, const char *fmt, va_list ap)
{
	const int saved = errno;
	char line[2048];
	int head, len;

	if (level > threshold)
		return;
	head = target == LOG_TO_SYSLOG
		   ? 0
		   : snprintf(line, sizeof(line), "%s ", level_names[level]);
	len = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
	if (len < 0)
		return;
	len += head;
	if ((size_t)len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	if (target == LOG_TO_SYSLOG) {
		syslog(syslog_priority(level), "%s", line);
	} else {
		line[len++] = '\n';
		while (write(STDERR_FILENO, line, (size_t)len) == -1 &&
		       errno == EINTR)
			;
	}
	errno = saved;
}

#define LOG_FUNCTION(name, level)                                              \
	void name(const char *fmt, ...)                                        \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		log_line(level, fmt, ap);                                      \
		va_end(ap);                                                    \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

void
log_event(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(level, fmt, ap);
	va_end(ap);
}

/* Copies what is printable ASCII; the rest becomes "?". */
static void
field_copy(char *buf, size_t size, const char *value)
{
	size_t i;

	for (i = 0; value[i] != '\0' && i + 1 < size; i++) {
		const unsigned char c = (unsigned char)value[i];

		buf[i] = c < ' ' || c > '~' || c == '"' ? '?' : (char)c;
	}
	buf[i] = '\0';
}

const char *
log_field(char *buf, size_t size, const char *value)
{
	size_t len;

	if (*value != '\0' && strpbrk(value, " =\"") == NULL) {
		field_copy(buf, size, value);
		return (buf);
	}
	buf[0] = '"';
	field_copy(buf + 1, size - 2, value);
	len = strlen(buf);
	buf[len] = '"';
	buf[len + 1] = '\0';
	return (buf);
}

void
fatal(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
	exit(status);
}
