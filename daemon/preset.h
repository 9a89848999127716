/* SPDX-License-Identifier: ISC */
/*
 * Ready-made rule sets, as the configuration text that an administrator could
 * have written: `rule` blocks, and a `score` block where scores are used. The
 * text is parsed by the same code as a file, after the user's own rules, so
 * that these come first; to change a preset, print it and copy it.
 */
#ifndef PRESET_H
#define PRESET_H

/* The text, or NULL if there is no preset of that name. */
const char *preset_text(const char *name);

/* Walks all names: index from 0; NULL behind the last. */
const char *preset_name(unsigned index);
/* One line on what it is for. */
const char *preset_summary(unsigned index);

#endif
