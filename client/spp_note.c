/* SPDX-License-Identifier: ISC */
#include "spp_note.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* --- Writing -------------------------------------------------------------- */

struct out {
	char *buf;
	size_t len;
	bool overflow;
};

static void
out_put(struct out *out, const char *text)
{
	size_t len = strlen(text);

	if (out->len + len >= NOTE_MAX) {
		out->overflow = true;
		return;
	}
	memcpy(out->buf + out->len, text, len + 1);
	out->len += len;
}

static void
value_put(struct out *out, const char *name, const char *value)
{
	char text[4];

	out_put(out, name);
	for (; *value != '\0'; value++) {
		snprintf(text, sizeof(text),
		    *value > ' ' && *value <= '~' && *value != '%' ? "%c"
								   : "%%%02X",
		    (unsigned char)*value);
		out_put(out, text);
	}
}

bool
note_write(char buf[NOTE_MAX], const struct note *note)
{
	struct out out = {.buf = buf};

	value_put(&out, "spf=", note->spf);
	value_put(&out, " client_ip=", note->client_ip);
	value_put(&out, " helo=", note->helo);
	value_put(&out, " mail_from=", note->mail_from);
	return (!out.overflow);
}

/* --- Reading -------------------------------------------------------------- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	return (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

/* Undoes %HH, in place; false if there is no such octet. */
static bool
value_decode(char *value)
{
	char *out = value;
	int high, low;

	for (; *value != '\0'; value++) {
		if (*value != '%') {
			*out++ = *value;
			continue;
		}
		high = hex_digit(value[1]);
		low = high < 0 ? -1 : hex_digit(value[2]);
		if (low < 0 || high + low == 0)
			return (false);
		*out++ = (char)(high * 16 + low);
		value += 2;
	}
	*out = '\0';
	return (true);
}

/* The next value, which must be called `name`; NULL if it is not. */
static const char *
value_next(char **cursor, const char *name)
{
	size_t len = strlen(name);
	char *value = *cursor + len, *end;

	if (strncmp(*cursor, name, len) != 0)
		return (NULL);
	end = value + strcspn(value, " ");
	*cursor = *end == '\0' ? end : end + 1;
	*end = '\0';
	return (value_decode(value) ? value : NULL);
}

bool
note_read(
    struct note *note, char *text, const char *client_ip, const char *mail_from)
{
	note->spf = value_next(&text, "spf=");
	note->client_ip = value_next(&text, "client_ip=");
	note->helo = value_next(&text, "helo=");
	note->mail_from = value_next(&text, "mail_from=");
	return (note->spf != NULL && note->client_ip != NULL &&
		note->helo != NULL && note->mail_from != NULL &&
		*text == '\0' && strcasecmp(note->client_ip, client_ip) == 0 &&
		strcmp(note->mail_from, mail_from) == 0);
}
