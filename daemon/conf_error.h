/* SPDX-License-Identifier: ISC */
/*
 * The account of what is wrong with a configuration, a line for each mistake.
 *
 * There is one at a time, as the parser's callbacks have no argument that
 * could say which: conf_error_begin(), conf_error_add() as often as needed,
 * conf_error_end().
 */
#ifndef CONF_ERROR_H
#define CONF_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* `text` is the caller's, of `size` octets; what does not fit is left out. */
void conf_error_begin(char *text, size_t size);
/* "file:line: ..."; without what is 0 or NULL. */
void conf_error_add(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Has anything been added? */
bool conf_error_any(void);
void conf_error_end(void);

#endif
