/* SPDX-License-Identifier: ISC */
/*
 * The only file that knows libconfuse, which has the syntax: what it has
 * parsed is a struct conf_section to everybody else. All values are texts to
 * it, so that what they mean, and what is said of a bad one, is ours.
 */
#include "conf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "arena.h"
#include "conf_error.h"
#include "conf_file.h"
#include "conf_option.h"
#include "conf_private.h"
#include "preset.h"
#include "rules.h"

/* Where a text or a section stands in the file. */
struct place {
	const cfg_opt_t *opt;
	unsigned index;
	int line;
};

/*
 * The file that is being loaded: the library's callbacks have no argument.
 * Places are sorted when all of it is parsed.
 */
static struct {
	const char *path;
	struct conf_file file;
	size_t closed; /* sections */
	struct place *place;
	size_t places, size;
	bool list_ended;
} loading;

/*
 * What stands where
 */

static void
place_add(const cfg_opt_t *opt, unsigned index, int line)
{
	struct place *place = loading.place;

	if (place == NULL || loading.places == loading.size) {
		loading.size = loading.size * 2 + 64;
		place = realloc(place, loading.size * sizeof(*place));
		if (place == NULL)
			fatal(111, "conf.out_of_memory");
		loading.place = place;
	}
	place[loading.places++] =
	    (struct place){.opt = opt, .index = index, .line = line};
}

static int
place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	const uintptr_t p = (uintptr_t)x->opt, q = (uintptr_t)y->opt;

	if (p != q)
		return (p < q ? -1 : 1);
	return ((x->index > y->index) - (x->index < y->index));
}

static int
place_order_all(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	const int order = place_order(a, b);

	return (order != 0 ? order : x->line - y->line);
}

static void
places_sort(void)
{
	if (loading.places > 0)
		qsort(loading.place, loading.places, sizeof(*loading.place),
		    place_order_all);
}

/* One of two values would silently not count. A section may go on. */
static void
places_check(void)
{
	size_t i;

	for (i = 1; i < loading.places; i++) {
		const struct place *first = &loading.place[i - 1];
		const struct place *second = &loading.place[i];

		if (place_order(first, second) == 0 && first->index == 0 &&
		    first->opt->type != CFGT_SEC)
			conf_error_add(loading.path, second->line,
			    "%s: has a value already, on line %d",
			    first->opt->name, first->line);
	}
}

static void
places_free(void)
{
	free(loading.place);
	memset(&loading, 0, sizeof(loading));
}

/*
 * Called by the library when it has set a text, and once more at the end of a
 * list, be it empty.
 */
static int
text_set(cfg_t *cfg, cfg_opt_t *opt)
{
	const unsigned n = cfg_opt_size(opt);
	const struct place *last =
	    loading.places == 0 ? NULL : &loading.place[loading.places - 1];

	if (n == 0)
		return (0);
	if ((opt->flags & CFGF_LIST) != 0 && last != NULL && last->opt == opt &&
	    last->index == n - 1 && !loading.list_ended) {
		loading.list_ended = true;
		return (0);
	}
	place_add(opt, n - 1, cfg->line);
	loading.list_ended = false;
	return (0);
}

/* Called by the library when a section has come to its end. */
static int
section_closed(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct conf_file *file = &loading.file;

	place_add(opt, cfg_opt_size(opt) - 1,
	    loading.closed < file->sections ? file->section[loading.closed]
					    : cfg->line);
	loading.closed++;
	return (0);
}

/*
 * The grammar
 */

/* Without the last flag a second section of a title changes the first. */
#define UNIQUE (CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES)

/* The library wants it writable, and does not write. */
static char empty_list[] = "{}";

static cfg_opt_t *grammar_new(const struct conf_option *options);

static cfg_opt_t
grammar_option(const struct conf_option *option)
{
	const char *name = option->name;
	const cfg_opt_t none = CFG_END();

	switch (option->kind) {
	case CONF_TEXT:
		return ((cfg_opt_t)CFG_STR(name, option->standard,
		    option->standard == NULL ? CFGF_NODEFAULT : CFGF_NONE));
	case CONF_LIST:
		return ((cfg_opt_t)CFG_STR_LIST(name, empty_list, CFGF_NONE));
	case CONF_SECTION:
		return ((cfg_opt_t)CFG_SEC(
		    name, grammar_new(option->inner), CFGF_NONE));
	case CONF_TITLED:
		return ((cfg_opt_t)CFG_SEC(
		    name, grammar_new(option->inner), UNIQUE));
	}
	return (none);
}

/* The table as the library has it. Caller: grammar_free(). */
static cfg_opt_t *
grammar_new(const struct conf_option *options)
{
	size_t n = 0, i;
	cfg_opt_t *grammar;

	while (options[n].name != NULL)
		n++;
	grammar = calloc(n + 1, sizeof(*grammar));
	if (grammar == NULL)
		fatal(111, "conf.out_of_memory");
	for (i = 0; i < n; i++) {
		grammar[i] = grammar_option(&options[i]);
		grammar[i].validcb =
		    options[i].inner == NULL ? text_set : section_closed;
	}
	return (grammar);
}

static void
grammar_free(cfg_opt_t *grammar)
{
	size_t i;

	for (i = 0; grammar[i].name != NULL; i++)
		if (grammar[i].subopts != NULL)
			grammar_free(grammar[i].subopts);
	free(grammar);
}

/*
 * Parsing
 */

/* All that could stand where `cfg` has something unknown. */
static void
complain_unknown(const cfg_t *cfg, const char *text)
{
	char names[512] = "";
	const cfg_opt_t *opt;
	size_t len = 0;

	for (opt = cfg->opts; opt->name != NULL && len < sizeof(names); opt++)
		len += (size_t)snprintf(names + len, sizeof(names) - len,
		    "%s%s", len == 0 ? "" : ", ", opt->name);
	conf_error_add(loading.path, cfg->line, "%s; there is %s", text, names);
}

static void
error_callback(cfg_t *cfg, const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (cfg != NULL && strncmp(text, "no such option", 14) == 0)
		complain_unknown(cfg, text);
	else
		conf_error_add(
		    loading.path, cfg == NULL ? 0 : cfg->line, "%s", text);
}

static cfg_t *
parser_new(void)
{
	cfg_opt_t *grammar = grammar_new(conf_options);
	cfg_t *cfg = cfg_init(grammar, CFGF_NONE); /* copies it */

	if (cfg == NULL)
		fatal(111, "conf.out_of_memory");
	grammar_free(grammar);
	cfg_set_error_function(cfg, error_callback);
	return (cfg);
}

/* What is in `loading.file`. Returns 0, or -1 after a complaint. */
static int
parse(cfg_t *cfg)
{
	loading.closed = 0;
	if (cfg_parse_buf(cfg, loading.file.text) == CFG_SUCCESS &&
	    loading.closed == loading.file.sections) {
		places_sort();
		return (0);
	}
	if (!conf_error_any())
		conf_error_add(loading.path, 0, "syntax error");
	return (-1);
}

/*
 * What was parsed
 */

static cfg_t *
of(struct conf_section *section)
{
	return ((cfg_t *)(void *)section);
}

static struct conf_section *
from(cfg_t *cfg)
{
	return ((struct conf_section *)(void *)cfg);
}

const char *
conf_title(struct conf_section *section)
{
	return (cfg_title(of(section)));
}

const char *
conf_text(struct conf_section *section, const char *name)
{
	return (cfg_size(of(section), name) == 0
		    ? NULL
		    : cfg_getstr(of(section), name));
}

size_t
conf_count(struct conf_section *section, const char *name)
{
	return (cfg_size(of(section), name));
}

const char *
conf_item(struct conf_section *section, const char *name, size_t i)
{
	return (cfg_getnstr(of(section), name, (unsigned)i));
}

struct conf_section *
conf_inner(struct conf_section *section, const char *name, size_t i)
{
	return (from(cfg_getnsec(of(section), name, (unsigned)i)));
}

int
conf_line(struct conf_section *section, const char *name, size_t i)
{
	const struct place key = {
	    .opt = cfg_getopt(of(section), name), .index = (unsigned)i};
	const struct place *place =
	    loading.places == 0 ? NULL
				: bsearch(&key, loading.place, loading.places,
				      sizeof(*loading.place), place_order);

	return (place == NULL ? 0 : place->line);
}

void
conf_complain(struct conf_section *section, const char *name, size_t i,
    const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf_error_add(loading.path, conf_line(section, name, i), "%s", text);
}

struct conf_section *
conf_preset_open(struct arena *arena, const char *name)
{
	cfg_t *cfg = parser_new();

	if (conf_file_text(&loading.file, arena, name, preset_text(name)) ==
		-1 ||
	    parse(cfg) == -1)
		fatal(111, "conf.preset name=%s problem=\"bad text\"", name);
	return (from(cfg));
}

void
conf_preset_close(struct conf_section *preset)
{
	cfg_free(of(preset));
}

/*
 * The whole
 */

static void
conf_read(struct conf *conf)
{
	struct conf_private *private = conf->private;

	if (conf_file_read(&loading.file, private->arena, private->path) ==
		-1 ||
	    parse(of(private->root)) == -1)
		return;
	places_check();
	conf_check(private->root);
	if (!conf_error_any())
		conf_take(conf);
}

struct conf *
conf_load(const char *path, char error[CONF_ERROR_MAX])
{
	struct arena *arena = arena_new();
	struct conf *conf = arena_alloc(arena, sizeof(*conf));
	bool good;

	conf->private = arena_alloc(arena, sizeof(*conf->private));
	conf->private->arena = arena;
	conf->private->path = arena_strdup(arena, path);
	conf->private->root = from(parser_new());
	loading.path = conf->private->path;
	conf_error_begin(error, CONF_ERROR_MAX);
	conf_read(conf);
	good = !conf_error_any();
	conf_error_end();
	places_free();
	if (good)
		return (conf);
	conf_free(conf);
	return (NULL);
}

void
conf_free(struct conf *conf)
{
	struct conf_keys *keys;

	if (conf == NULL)
		return;
	SLIST_FOREACH(keys, &conf->private->keys, entry)
	keyring_wipe(&keys->ring);
	rules_free(conf->private->rules);
	cfg_free(of(conf->private->root));
	arena_free(conf->private->arena);
}

const char *
conf_library_version(void)
{
	return (confuse_version);
}
