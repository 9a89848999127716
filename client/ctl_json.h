/* SPDX-License-Identifier: ISC */
/* JSON on standard output. */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include <stddef.h>

/*
 * A string with its quotes. JSON must be UTF-8, and the text of strangers may
 * be anything: an octet over 127 is shown as the character of its number.
 */
void json_string(const char *text, size_t len);

#endif
