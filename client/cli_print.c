/* SPDX-License-Identifier: ISC */
/* The answer on standard output, as lines of name=value or as JSON. */
#include "cli.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct print {
	json_t *object; /* NULL: text */
	bool failed;	/* out of memory */
};

struct print *
print_begin(bool json)
{
	struct print *print = calloc(1, sizeof(*print));

	if (print == NULL)
		return (NULL);
	if (json) {
		print->object = json_object();
		print->failed = print->object == NULL;
	}
	return (print);
}

/*
 * The answer quotes DNS records and messages, so what could order a terminal
 * about (or fake a line) is shown as \xHH. Beyond ASCII that are C1 controls
 * and marks of direction, so none of it passes.
 */
static void
text_put(const char *name, const char *value)
{
	const unsigned char *p;

	printf("%s=", name);
	for (p = (const unsigned char *)value; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e)
			printf("\\x%02x", *p);
		else
			putchar(*p);
	}
	putchar('\n');
}

/* JSON is UTF-8; octets that are not are taken for Latin-1, so none is lost. */
static json_t *
json_octets(const char *value)
{
	size_t len = strlen(value), used = 0;
	json_t *string = json_string(value);
	char *utf8;

	if (string != NULL)
		return (string);
	utf8 = malloc(2 * len + 1);
	if (utf8 == NULL)
		return (NULL);
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (c >= 0x80) {
			utf8[used++] = (char)(0xc0 | c >> 6);
			c = 0x80 | (c & 0x3f);
		}
		utf8[used++] = (char)c;
	}
	string = json_stringn(utf8, used);
	free(utf8);
	return (string);
}

/* The second value of a name turns the first into a list. */
static int
json_put(json_t *object, const char *name, json_t *value)
{
	json_t *before = json_object_get(object, name), *list;

	if (value == NULL)
		return (-1);
	if (before == NULL)
		return (json_object_set_new(object, name, value));
	if (json_is_array(before))
		return (json_array_append_new(before, value));
	list = json_array();
	if (list == NULL || json_array_append(list, before) < 0 ||
	    json_array_append_new(list, value) < 0) {
		json_decref(list);
		return (-1);
	}
	return (json_object_set_new(object, name, list));
}

void
print_field(struct print *print, const char *name, const char *value)
{
	if (print == NULL || print->failed || value == NULL)
		return;
	if (print->object == NULL)
		text_put(name, value);
	else if (json_put(print->object, name, json_octets(value)) < 0)
		print->failed = true;
}

void
print_answer(struct print *print, const struct verdict *v)
{
	const char *cursor = NULL, *name, *value;

	while ((value = verdict_next(v, &cursor, &name)) != NULL)
		print_field(print, name, value);
}

int
print_end(struct print *print)
{
	bool failed = print == NULL || print->failed;

	if (!failed && print->object != NULL) {
		failed = json_dumpf(print->object, stdout,
			     JSON_INDENT(2) | JSON_ENSURE_ASCII) < 0;
		putchar('\n');
	}
	if (print != NULL)
		json_decref(print->object);
	free(print);
	if (failed) {
		cli_complain("out of memory");
		return (-1);
	}
	if (fflush(stdout) == EOF || ferror(stdout)) {
		cli_complain("standard output: %s", strerror(errno));
		return (-1);
	}
	return (0);
}
