/* SPDX-License-Identifier: ISC */
/*
 * The text of a configuration file, made ready for the parser.
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H

struct arena;

/*
 * The library takes the end of the file for the end of every section. So this
 * option is set at the end, and is unknown inside of any section.
 */
#define CONF_FILE_END "end-of-file"

/* Arena; NULL after conf_error_add(). */
char *conf_file_read(struct arena *arena, const char *path);

/* Comments become spaces, in place. */
void conf_file_blank(char *text);

#endif
