/* SPDX-License-Identifier: ISC */
/*
 * Compiles a preset without the daemon's configuration parser: its text is
 * ours, one block or one "key = value" a line.
 */
#ifndef PRESET_RULES_H
#define PRESET_RULES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preset.h"
#include "rules.h"

/* `rest` of a line without quotes. Static buffers, one for each `slot`. */
static inline const char *
preset_unquote(unsigned slot, const char *rest)
{
	static char buf[8][512];
	size_t len = strlen(rest);

	snprintf(buf[slot], sizeof(buf[slot]), "%s", rest);
	if (len >= 2 && rest[0] == '"' && rest[len - 1] == '"')
		snprintf(buf[slot], sizeof(buf[slot]), "%.*s", (int)len - 2,
		    rest + 1);
	return (buf[slot]);
}

/* One line; true when a rule is complete. */
static inline bool
preset_line(char *line, struct rule_source *source,
    struct rules_settings *settings)
{
	char *equals;

	line += strspn(line, " ");
	if (sscanf(line, "score { quarantine = %lf reject = %lf }",
		&settings->quarantine, &settings->reject) == 2) {
		settings->has_quarantine = settings->has_reject = true;
	} else if (strncmp(line, "rule ", 5) == 0) {
		line[strlen(line) - 2] = '\0'; /* " {" */
		*source = (struct rule_source){.file = "preset"};
		source->name = preset_unquote(0, line + 5);
	} else if ((equals = strstr(line, " = ")) != NULL && *line != '#') {
		*equals = '\0';
		if (strcmp(line, "when") == 0)
			source->when = preset_unquote(1, equals + 3);
		else if (strcmp(line, "action") == 0)
			source->action = preset_unquote(2, equals + 3);
		else if (strcmp(line, "reply") == 0)
			source->reply = preset_unquote(3, equals + 3);
		else if (strcmp(line, "shadow") == 0)
			source->shadow = true;
		else if (strcmp(line, "score") == 0) {
			source->has_score = true;
			source->score = strtod(equals + 3, NULL);
		}
	}
	return (strcmp(line, "}") == 0);
}

/* Adds the preset's rules and sets its thresholds. NULL, or what is wrong. */
static inline const char *
preset_add(struct rules *rules, const char *name,
    struct rules_settings *settings)
{
	static char why[1024];
	static char text[8192];
	struct rules_error error;
	struct rule_source source = {.name = NULL};
	char *line, *save = NULL;

	snprintf(text, sizeof(text), "%s", preset_text(name));
	for (line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		if (preset_line(line, &source, settings) &&
		    rules_add(rules, &source, &error) != 0)
			return (rules_error_text(&error, why, sizeof(why)));
	if (rules_settings(rules, settings, &error) != 0 ||
	    rules_finish(rules, &error) != 0)
		return (rules_error_text(&error, why, sizeof(why)));
	return (NULL);
}

#endif
