/* SPDX-License-Identifier: ISC */
/*
 * A file that was parsed, as those see it who check, take and print it: a
 * section has options, each with its texts, and sections within. Names are
 * those of the table in conf_option.h; another one is a mistake of ours.
 * Everything is borrowed from the file. conf.c has the code.
 */
#ifndef CONF_SECTION_H
#define CONF_SECTION_H

#include <stddef.h>

struct conf_section;

/* NULL: it has none. */
const char *conf_title(struct conf_section *section);
/* The text of an option: its default if it is not in the file, or NULL. */
const char *conf_text(struct conf_section *section, const char *name);
/* How many texts a list has, or sections there are of that name. */
size_t conf_count(struct conf_section *section, const char *name);
const char *conf_item(struct conf_section *section, const char *name, size_t i);
struct conf_section *conf_inner(
    struct conf_section *section, const char *name, size_t i);

/*
 * Both only while the file is being loaded. The line on which the text or the
 * section begins, or 0 if it is not in the file; and a mistake on that line.
 */
int conf_line(struct conf_section *section, const char *name, size_t i);
void conf_complain(struct conf_section *section, const char *name, size_t i,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
