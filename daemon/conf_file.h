/* SPDX-License-Identifier: ISC */
/*
 * The text of a configuration file, made ready for libconfuse 3.3, and what
 * the library does not tell of it: it counts the line of a comment several
 * times, takes the end of the file for the end of every section, and knows of
 * a section only where it ends.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include <stddef.h>

struct arena;

struct conf_file {
	char  *text;	/* without comments */
	size_t sections;
	int   *section; /* by the order of their ends: the line of the "{" */
};

/* Both: arena. Return 0, or -1 after conf_error_add(). */
int conf_file_read(
    struct conf_file *file, struct arena *arena, const char *path);
/* The same of a text at hand, which is copied; `path` is for errors. */
int conf_file_text(struct conf_file *file, struct arena *arena,
    const char *path, const char *text);

#endif
