/* SPDX-License-Identifier: ISC */
#include "mail_header.h"

#include <string.h>
#include <strings.h>

static bool
is_blank(char c)
{
	return (c == ' ' || c == '\t');
}

/* The start of the next line, or `end`. */
static const char *
line_next(const char *line, const char *end)
{
	const char *lf = memchr(line, '\n', (size_t)(end - line));

	return (lf == NULL ? end : lf + 1);
}

/* A line that starts with white space continues the one before (2.2.3). */
static const char *
unfolded_next(const char *line, const char *end)
{
	do
		line = line_next(line, end);
	while (line < end && is_blank(*line));
	return (line);
}

static const char *
line_end_strip(const char *start, const char *end)
{
	if (end > start && end[-1] == '\n')
		end--;
	if (end > start && end[-1] == '\r')
		end--;
	return (end);
}

/* RFC 5322 2.2: a name is made of printable US-ASCII but the colon. */
static size_t
name_span(const char *p, const char *end)
{
	const char *start = p;

	while (p<end && * p> ' ' && *p < 0x7f && *p != ':')
		p++;
	return ((size_t)(p - start));
}

/* Takes the octets from `start` to `end` for a field; false if they are none. */
static bool
field_parse(struct header_field *field, const char *start, const char *end)
{
	const char *p;

	field->octets = start;
	field->len = (size_t)(end - start);
	field->name_len = name_span(start, end);
	/* RFC 5322 4.5: obsolete syntax has white space before the colon. */
	for (p = start + field->name_len; p < end && is_blank(*p); p++)
		;
	if (field->name_len == 0 || p == end || *p != ':')
		return (false);
	field->value = p + 1;
	field->value_len = (size_t)(end - field->value);
	return (true);
}

bool
header_next(const char **cursor, const char *end, struct header_field *field)
{
	const char *start, *next;

	for (start = *cursor; start < end; start = next) {
		next = unfolded_next(start, end);
		if (field_parse(field, start, line_end_strip(start, next))) {
			*cursor = next;
			return (true);
		}
	}
	*cursor = end;
	return (false);
}

/* Where a line ends, with its continuations, for whom a CR ends one, too. */
static const char *
cr_unfolded_end(const char *p, const char *end)
{
	const char *stop;

	for (;; p++) {
		while (p < end && *p != '\r' && *p != '\n')
			p++;
		stop = p;
		if (end - p > 1 && p[0] == '\r' && p[1] == '\n')
			p++;
		if (end - p < 2 || !is_blank(p[1]))
			return (stop);
	}
}

bool
header_next_behind_cr(
    const char **cursor, const char *end, struct header_field *field)
{
	const char *p = *cursor, *stop;

	while ((p = memchr(p, '\r', (size_t)(end - p))) != NULL) {
		stop = cr_unfolded_end(++p, end);
		if (field_parse(field, p, stop)) {
			*cursor = stop;
			return (true);
		}
		p = stop;
	}
	*cursor = end;
	return (false);
}

bool
header_is(const struct header_field *field, const char *name)
{
	return (strlen(name) == field->name_len &&
		strncasecmp(field->octets, name, field->name_len) == 0);
}

bool
header_text(const struct header_field *field, char *buf, size_t size)
{
	size_t used = 0, i;
	char c;

	for (i = 0; i < field->value_len; i++) {
		c = field->value[i];
		if (c == '\r' || c == '\n')
			continue;
		if (c == '\t')
			c = ' ';
		if ((unsigned char)c < ' ' || c == 0x7f)
			return (false);
		if (used == 0 && c == ' ')
			continue;
		if (used + 1 >= size)
			return (false);
		buf[used++] = c;
	}
	while (used > 0 && buf[used - 1] == ' ')
		used--;
	if (size == 0)
		return (false);
	buf[used] = '\0';
	return (true);
}

const char *
header_end(const char *octets, size_t len)
{
	const char *line = octets, *end = octets + len, *next;

	for (; line < end; line = next) {
		next = line_next(line, end);
		if (next[-1] == '\n' && line_end_strip(line, next) == line)
			return (next);
	}
	return (NULL);
}
