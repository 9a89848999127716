/* SPDX-License-Identifier: ISC */
/*
 * One line per event: "level event name=value name=value". The daemon calls
 * log_open() once before anything else; every other module only logs. Values
 * that hold spaces or control characters are quoted by log_field().
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR,   /* something the operator must act on */
	LOG_LEVEL_WARNING, /* something odd that the daemon coped with */
	LOG_LEVEL_INFO,    /* life cycle: start, reload, stop */
	LOG_LEVEL_DEBUG    /* each question and each lookup */
};

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };

/*
 * What the command line says of every log_open() to come. `debug`: everything,
 * and to standard error; `verbose`: a level more.
 */
void log_insist(bool debug, bool verbose);
/* May be called again, for example after a reload. */
void log_open(enum log_target target, enum log_level level);
enum log_level log_threshold(void);
void log_set_level(enum log_level level);
/* "error" and so on. Returns 0, or -1 if it is none. */
int log_level_from_text(const char *text, enum log_level *level);

/*
 * `fmt` begins with the event's name and continues with name=value fields.
 * errno is preserved.
 */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* For an event whose level is configured. */
void log_event(enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Writes `value` so that it is safe as one field: printable ASCII as it is,
 * quoted when it holds a space, quote, "=" or nothing at all, and "?" for any
 * other octet. Truncates to `size`. Returns `buf`.
 */
const char *log_field(char *buf, size_t size, const char *value);

/* Logs as an error and exits: 100 usage or configuration, 111 temporary. */
_Noreturn void fatal(int status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
