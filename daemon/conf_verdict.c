/* SPDX-License-Identifier: ISC */
/*
 * The rules of a configuration: the file's, and then those of its preset,
 * which is text of the same form.
 */
#include "conf_error.h"
#include "conf_private.h"
#include "conf_value.h"

#include <stdio.h>
#include <string.h>

#include "preset.h"
#include "rules.h"

static void
rules_complain(const struct conf *conf, const struct rules_error *error)
{
	char text[1024];

	rules_error_text(error, text, sizeof(text));
	if (*error->file == '\0')
		conf_complain(conf->private->root, "score", 0, "%s", text);
	else
		conf_error_add(NULL, 0, "%s", text);
}

static void
take_rule(
    struct conf *conf, struct conf_section *section, const char *file, int line)
{
	struct rules_error error;
	const char *score = conf_text(section, "score");
	struct rule_source source = {
	    .name = conf_title(section),
	    .when = conf_text(section, "when"),
	    .action = conf_text(section, "action"),
	    .has_score = score != NULL,
	    .reply = conf_text(section, "reply"),
	    .override = conf_text(section, "override"),
	    .file = file,
	    .line = line,
	};

	if (score != NULL)
		conf_decimal(score, &source.score);
	conf_flag(conf_text(section, "shadow"), &source.shadow);
	if (rules_add(conf->private->rules, &source, &error) == -1)
		rules_complain(conf, &error);
}

static void
take_rules(struct conf *conf, struct conf_section *root, const char *file)
{
	const size_t n = conf_count(root, "rule");
	size_t i;

	for (i = 0; i < n; i++)
		take_rule(conf, conf_inner(root, "rule", i), file,
		    conf_line(root, "rule", i));
}

static void
take_threshold(struct conf_section *section, const char *name, bool *has,
    double *threshold)
{
	const char *text = conf_text(section, name);

	if (*has || text == NULL)
		return;
	*has = true;
	conf_decimal(text, threshold);
}

/* A threshold in the file comes before the preset's. */
static void
take_thresholds(struct conf_section *root, struct rules_settings *settings)
{
	struct conf_section *section = conf_inner(root, "score", 0);

	take_threshold(section, "quarantine", &settings->has_quarantine,
	    &settings->quarantine);
	take_threshold(
	    section, "reject", &settings->has_reject, &settings->reject);
}

static void
take_settings(struct conf_section *section, struct rules_settings *settings)
{
	settings->undecided = (enum rules_action)conf_choice(
	    conf_actions, conf_text(section, "undecided"));
	conf_time(
	    conf_text(section, "defer-at-most"), &settings->defer_at_most);
	settings->after_defer = (enum rules_action)conf_choice(
	    conf_actions, conf_text(section, "after-defer"));
}

void
conf_take_verdict(struct conf *conf)
{
	struct conf_section *root = conf->private->root;
	struct conf_section *section = conf_inner(root, "verdict", 0);
	struct conf_section *preset = NULL;
	struct rules_settings settings = rules_settings_default;
	struct rules_error error;
	const char *name = conf_text(section, "preset");
	char file[64];

	if (strcmp(name, "none") != 0)
		preset = conf_preset_open(conf->private->arena, name);
	conf->private->rules = rules_new();
	take_settings(section, &settings);
	take_thresholds(root, &settings);
	if (preset != NULL)
		take_thresholds(preset, &settings);
	if (rules_settings(conf->private->rules, &settings, &error) == -1)
		rules_complain(conf, &error);
	take_rules(conf, root, conf->private->path);
	if (preset != NULL) {
		snprintf(file, sizeof(file), "preset %s", name);
		take_rules(conf, preset, file);
		conf_preset_close(preset);
	}
	if (!conf_error_any() &&
	    rules_finish(conf->private->rules, &error) == -1)
		rules_complain(conf, &error);
	conf->run.rules = conf->private->rules;
}
