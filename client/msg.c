/* SPDX-License-Identifier: ISC */
#include "msg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A field's name: [a-z][a-z0-9_]* */
static size_t
name_span(const char *p, const char *end)
{
	const char *start = p;

	if (p == end || *p < 'a' || *p > 'z')
		return (0);
	while (p < end && ((*p >= 'a' && *p <= 'z') ||
			      (*p >= '0' && *p <= '9') || *p == '_'))
		p++;
	return ((size_t)(p - start));
}

/*
 * Cuts off the line at `p`: puts a NUL where it ends and returns the start of
 * the next one. buf[len] is ours, so the last line may lack its newline.
 */
static char *
line_cut(char *p, char *end)
{
	char *newline = memchr(p, '\n', (size_t)(end - p));

	if (newline == NULL)
		newline = end;
	*newline = '\0';
	return (newline == end ? end : newline + 1);
}

/* "verdict/1 WORD"; a verb is made of a-z, 0-9 and "-". */
static const char *
first_line_parse(struct msg *msg, char *line)
{
	const size_t version = sizeof(MSG_VERSION) - 1;

	if (strncmp(line, "verdict/", 8) != 0)
		return ("not a verdict message");
	if (strncmp(line, MSG_VERSION, version) != 0 || line[version] != ' ')
		return ("unknown protocol version");
	msg->word = line + version + 1;
	if (*msg->word == '\0' ||
	    msg->word[strspn(
		msg->word, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0')
		return ("malformed word on the first line");
	return (NULL);
}

const char *
msg_parse(struct msg *msg, char *buf, size_t len)
{
	char *end = buf + len, *line, *next;
	const char *problem;
	size_t span, fields = 0;

	if (len > MSG_MAX)
		return ("message too long");
	if (memchr(buf, '\0', len) != NULL)
		return ("NUL octet in message");
	*end = '\0';
	msg->first = line_cut(buf, end);
	msg->end = end;
	if ((problem = first_line_parse(msg, buf)) != NULL)
		return (problem);
	for (line = msg->first; line < end; line = next) {
		span = name_span(line, end);
		next = line_cut(line, end);
		if (span == 0 || line[span] != '=')
			return ("line is not name=value");
		line[span] = '\0';
		if (++fields > MSG_FIELDS_MAX)
			return ("too many fields");
	}
	return (NULL);
}

const char *
msg_next(const struct msg *msg, const char **cursor, const char **name)
{
	const char *field = *cursor, *value;

	field = field == NULL ? msg->first : field + strlen(field) + 1;
	if (field >= msg->end)
		return (NULL);
	value = field + strlen(field) + 1;
	*name = field;
	*cursor = value;
	return (value);
}

const char *
msg_get(const struct msg *msg, const char *name)
{
	const char *cursor = NULL, *found = NULL, *field, *value;

	while ((value = msg_next(msg, &cursor, &field)) != NULL)
		if (strcmp(field, name) == 0)
			found = value;
	return (found);
}

/* Room for `len` octets, or NULL and the overflow is noted. */
static char *
out_reserve(struct msg_out *out, size_t len)
{
	char *at = out->buf + out->len;

	if (out->size - out->len < len) {
		out->overflow = true;
		return (NULL);
	}
	out->len += len;
	return (at);
}

void
msg_begin(struct msg_out *out, char *buf, size_t size, const char *word)
{
	const size_t wordlen = strlen(word);
	char *at;

	out->buf = buf;
	out->size = size;
	out->len = 0;
	out->overflow = false;
	at = out_reserve(out, sizeof(MSG_VERSION) + wordlen + 1);
	if (at == NULL)
		return;
	memcpy(at, MSG_VERSION " ", sizeof(MSG_VERSION));
	memcpy(at + sizeof(MSG_VERSION), word, wordlen);
	at[sizeof(MSG_VERSION) + wordlen] = '\n';
}

void
msg_put(struct msg_out *out, const char *name, const char *value)
{
	const size_t namelen = strlen(name), len = strlen(value);
	char *at = out_reserve(out, namelen + len + 2), *newline;

	if (at == NULL)
		return;
	memcpy(at, name, namelen);
	at[namelen] = '=';
	at += namelen + 1;
	memcpy(at, value, len);
	while ((newline = memchr(at, '\n', len)) != NULL)
		*newline = ' ';
	at[len] = '\n';
}

void
msg_putf(struct msg_out *out, const char *name, const char *fmt, ...)
{
	char value[1024];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(value))
		out->overflow = true;
	else
		msg_put(out, name, value);
}
