/* SPDX-License-Identifier: ISC */
/* A configuration as the text that it could be read from. */
#include "conf_option.h"
#include "conf_private.h"

#include <string.h>

#include "preset.h"

static void print_section(FILE *out, struct conf_section *section,
    const struct conf_option *options, int depth);

static void
print_quoted(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text != '\0'; text++) {
		/* "${NAME}" would be looked up in the environment. */
		if (strchr("\"\\$", *text) != NULL)
			putc('\\', out);
		putc(*text, out);
	}
	putc('"', out);
}

/* In quotes, unless it is a word that needs none. */
static void
print_text(FILE *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	if (*text != '\0' && text[strspn(text, plain)] == '\0')
		fputs(text, out);
	else
		print_quoted(out, text);
}

static void
print_list(FILE *out, struct conf_section *section, const char *name)
{
	const size_t n = conf_count(section, name);
	size_t i;

	putc('{', out);
	for (i = 0; i < n; i++) {
		fputs(i == 0 ? "" : ", ", out);
		print_quoted(out, conf_item(section, name, i));
	}
	putc('}', out);
}

static void
print_inner(FILE *out, struct conf_section *section,
    const struct conf_option *option, int depth)
{
	const size_t n = conf_count(section, option->name);
	size_t i;

	for (i = 0; i < n; i++) {
		struct conf_section *inner =
		    conf_inner(section, option->name, i);

		fprintf(out, "%*s%s ", depth, "", option->name);
		if (option->kind == CONF_TITLED) {
			print_quoted(out, conf_title(inner));
			putc(' ', out);
		}
		fputs("{\n", out);
		print_section(out, inner, option->inner, depth + 2);
		fprintf(out, "%*s}\n", depth, "");
	}
}

static void
print_value(FILE *out, struct conf_section *section,
    const struct conf_option *option, int depth)
{
	/* What has no default may be missing, and then cannot be written. */
	if (option->kind == CONF_TEXT &&
	    conf_text(section, option->name) == NULL)
		return;
	fprintf(out, "%*s%s = ", depth, "", option->name);
	if (option->kind == CONF_LIST)
		print_list(out, section, option->name);
	else
		print_text(out, conf_text(section, option->name));
	putc('\n', out);
}

static void
print_section(FILE *out, struct conf_section *section,
    const struct conf_option *options, int depth)
{
	for (; options->name != NULL; options++)
		if (options->inner != NULL)
			print_inner(out, section, options, depth);
		else
			print_value(out, section, options, depth);
}

/* A section that the file does not have, and which holds all the same. */
static void
print_standard(FILE *out, const struct conf_option *options, const char *name,
    const char *title)
{
	while (strcmp(options->name, name) != 0)
		options++;
	fprintf(out, "%s ", name);
	print_quoted(out, title);
	fputs(" {\n", out);
	for (options = options->inner; options->name != NULL; options++) {
		fprintf(out, "  %s = ", options->name);
		if (options->kind == CONF_LIST)
			fputs("{}", out);
		else
			print_text(out, options->standard);
		putc('\n', out);
	}
	fputs("}\n", out);
}

/* As comments: they hold by the preset's name, and hold only once. */
static void
print_preset(const char *name, FILE *out)
{
	const char *line = preset_text(name);
	size_t len;

	fprintf(out,
	    "\n# The rules of preset \"%s\", which follow those above:\n",
	    name);
	for (; *line != '\0'; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		fprintf(out, "# %.*s\n", (int)len, line);
	}
}

void
conf_print(const struct conf *conf, FILE *out)
{
	struct conf_section *root = conf->private->root;
	const char *preset =
	    conf_text(conf_inner(root, "verdict", 0), "preset");

	if (conf_count(root, "endpoint") == 0)
		print_standard(
		    out, conf_options, "endpoint", conf->endpoint[0].address);
	if (conf_count(root, "control") == 0)
		print_standard(
		    out, conf_options, "control", conf->control.address);
	print_section(out, root, conf_options, 0);
	if (strcmp(preset, "none") != 0)
		print_preset(preset, out);
}
