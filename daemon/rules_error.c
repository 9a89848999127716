/* SPDX-License-Identifier: ISC */
/* Why a configuration is refused, and where in it the mistake stands. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules_private.h"

int
rules_refuse(struct rules_error *error, const struct rule_source *source,
    const char *fmt, ...)
{
	va_list ap;
	char *p;

	memset(error, 0, sizeof(*error));
	if (source != NULL) {
		(void)snprintf(error->file, sizeof(error->file), "%s",
		    source->file == NULL ? "" : source->file);
		(void)snprintf(error->rule, sizeof(error->rule), "%s",
		    source->name == NULL ? "" : source->name);
		error->line = source->line;
	}
	va_start(ap, fmt);
	(void)vsnprintf(error->message, sizeof(error->message), fmt, ap);
	va_end(ap);
	/* It may quote what no terminal should obey. */
	for (p = error->message; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	return (-1);
}

/* A configuration larger than this is not searched for the mistake. */
#define LOCATE_MAX (1L << 20)

static char *
file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t len;

	if (file == NULL)
		return (NULL);
	text = calloc(1, LOCATE_MAX + 1);
	if (text != NULL) {
		len = fread(text, 1, LOCATE_MAX, file);
		text[len] = '\0';
	}
	(void)fclose(file);
	return (text);
}

static int
line_of(const char *text, const char *at)
{
	int line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return (line);
}

static int
far_from(int line, int other)
{
	return (line > other ? line - other : other - line);
}

/*
 * The parser of the configuration knows only about where a block stands. The
 * expression itself stands in the file as it is written, unless it holds
 * escapes, and the copy nearest to the block is the one.
 */
static void
error_locate(
    struct rules_error *error, const struct rule_source *source, size_t offset)
{
	char *text = file_read(source->file);
	const char *at, *best = NULL;
	int best_line = 0;

	if (text == NULL)
		return;
	for (at = text; (at = strstr(at, source->when)) != NULL; at++) {
		int line = line_of(text, at + offset);

		if (best == NULL || far_from(line, source->line) <
					far_from(best_line, source->line)) {
			best = at + offset;
			best_line = line;
		}
	}
	if (best != NULL) {
		error->line = best_line;
		for (at = best; at > text && at[-1] != '\n'; at--)
			;
		error->column = (unsigned)(best - at) + 1;
	}
	free(text);
}

/* The line of the expression that is at fault, or what fits around it. */
static void
error_source(
    struct rules_error *error, const char *text, size_t offset, size_t width)
{
	const char *fault = text + offset, *begin = fault, *end;
	size_t i, len;

	while (begin > text && begin[-1] != '\n' && fault - begin < 60)
		begin--;
	end = begin + strcspn(begin, "\n");
	len = (size_t)(end - begin);
	if (len > sizeof(error->source) - 1)
		len = sizeof(error->source) - 1;
	for (i = 0; i < len; i++)
		error->source[i] =
		    iscntrl((unsigned char)begin[i]) ? ' ' : begin[i];
	error->source[len] = '\0';
	error->caret = (unsigned)(fault - begin);
	error->width = (unsigned)width;
	/* A fault at the end of the text is one behind its last character. */
	if (error->caret + error->width > len)
		error->width =
		    len > error->caret ? (unsigned)len - error->caret : 1;
}

int
rules_refuse_expr(struct rules_error *error, const struct rule_source *source,
    const struct expr_error *why)
{
	(void)rules_refuse(error, source, "%s", why->message);
	if (why->file[0] != '\0') {
		(void)snprintf(
		    error->file, sizeof(error->file), "%s", why->file);
		error->line = (int)why->line;
		return (-1);
	}
	error->column = (unsigned)why->offset + 1;
	error_source(error, source->when, why->offset, why->width);
	if (source->file != NULL)
		error_locate(error, source, why->offset);
	return (-1);
}

static size_t __attribute__((format(printf, 4, 5)))
text_put(char *buf, size_t size, size_t used, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(buf + used, size - used, fmt, ap);
	va_end(ap);
	used += len > 0 ? (size_t)len : 0;
	return (used < size ? used : size - 1);
}

const char *
rules_error_text(const struct rules_error *error, char *buf, size_t size)
{
	size_t used = 0;
	unsigned i;

	buf[0] = '\0';
	if (error->file[0] != '\0')
		used = text_put(buf, size, used, "%s:", error->file);
	if (error->line > 0)
		used = text_put(buf, size, used, "%d:", error->line);
	if (error->column > 0)
		used = text_put(buf, size, used, "%u:", error->column);
	if (used > 0)
		used = text_put(buf, size, used, " ");
	if (error->rule[0] != '\0')
		used = text_put(buf, size, used, "rule \"%s\": ", error->rule);
	used = text_put(buf, size, used, "%s", error->message);
	if (error->source[0] == '\0')
		return (buf);
	used = text_put(buf, size, used, "\n    %s\n    %*s^", error->source,
	    (int)error->caret, "");
	for (i = 1; i < error->width; i++)
		used = text_put(buf, size, used, "~");
	return (buf);
}
