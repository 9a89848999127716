/* SPDX-License-Identifier: ISC */
/*
 * Every option of the configuration: its name, its default, and what it may
 * hold. The parser's grammar, the checks and what is printed follow from this
 * table; verdictd.conf(5) describes it.
 */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H

enum conf_kind {
	CONF_TEXT,    /* name = text */
	CONF_LIST,    /* name = {text, text}; the default is none */
	CONF_SECTION, /* name { ... }, which is always there */
	CONF_TITLED   /* name "title" { ... }, as often as there are titles */
};

#define CONF_PROBLEM_MAX 640

struct conf_option {
	enum conf_kind kind;
	const char    *name; /* NULL behind the last of a section */
	const char    *standard; /* a text's default; NULL: it may be missing */
	/*
	 * Of a text, of each in a list, of a title. Returns 0, or -1 with
	 * `problem` filled. NULL: all is well.
	 */
	int (*check)(const char *value, char *problem);
	const struct conf_option *inner; /* of a section */
};

/* What stands in no section, and the sections. */
extern const struct conf_option conf_options[];

#endif
