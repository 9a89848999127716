/* SPDX-License-Identifier: ISC */
/* `verdictctl rules`: the rules of the configuration file, and the presets. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

#include "conf.h"
#include "preset.h"

static struct conf *
conf_open(const struct ctl *ctl)
{
	char error[CONF_ERROR_MAX];
	struct conf *conf = conf_load(ctl->config, error);

	if (conf == NULL)
		fputs(error, stderr);
	return (conf);
}

static int
rules_check(const struct ctl *ctl)
{
	struct conf *conf = conf_open(ctl);
	int status;

	if (conf == NULL)
		return (CTL_USAGE);
	status = ctl_check(conf, ctl->config);
	conf_free(conf);
	return (status);
}

static int
rules_table(const struct ctl *ctl, bool csv)
{
	struct conf *conf = conf_open(ctl);
	int status;

	if (conf == NULL)
		return (CTL_USAGE);
	status = ctl_table(conf, csv);
	conf_free(conf);
	return (status);
}

static int
presets_print(void)
{
	unsigned i;

	for (i = 0; preset_name(i) != NULL; i++)
		printf("%-16s%s\n", preset_name(i), preset_summary(i));
	return (CTL_OK);
}

static int
preset_print(const char *name)
{
	const char *text = preset_text(name);

	if (text == NULL) {
		ctl_complain("there is no preset \"%s\"; "
			     "\"rules presets\" shows all",
		    name);
		return (CTL_USAGE);
	}
	fputs(text, stdout);
	return (CTL_OK);
}

int
ctl_rules(const struct ctl *ctl, int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "check") == 0)
		return (rules_check(ctl));
	if (argc == 1 && strcmp(argv[0], "table") == 0)
		return (rules_table(ctl, false));
	if (argc == 2 && strcmp(argv[0], "table") == 0 &&
	    strcmp(argv[1], "--csv") == 0)
		return (rules_table(ctl, true));
	if (argc == 1 && strcmp(argv[0], "presets") == 0)
		return (presets_print());
	if (argc == 2 && strcmp(argv[0], "preset") == 0)
		return (preset_print(argv[1]));
	return (ctl_misused(ctl));
}
