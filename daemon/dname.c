/* SPDX-License-Identifier: ISC */
#include "dname.h"

#include <stdio.h>
#include <string.h>

/* RFC 1035 4.1.4: a pointer may lead to another, but not for ever. */
#define POINTERS_MAX 128

static uint8_t
octet_lower(uint8_t c)
{
	return (c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c);
}

/* Appends a label, keeping room for the root's zero. */
static int
label_append(struct dname *name, const uint8_t *label, size_t len)
{
	size_t i;

	if (len == 0 || len > DNAME_LABEL || name->len + len + 2 > DNAME_MAX)
		return (-1);
	name->wire[name->len++] = (uint8_t)len;
	for (i = 0; i < len; i++)
		name->wire[name->len++] = octet_lower(label[i]);
	return (0);
}

int
dname_from_octets(struct dname *name, const void *text, size_t len)
{
	const uint8_t *p = text, *end = p + len, *dot;

	name->len = 0;
	if (len == 0)
		return (-1);
	if (len == 1 && *p == '.')
		end = p;
	while (p < end) {
		dot = memchr(p, '.', (size_t)(end - p));
		if (dot == NULL)
			dot = end;
		if (label_append(name, p, (size_t)(dot - p)) == -1)
			return (-1);
		p = dot == end ? end : dot + 1;
	}
	name->wire[name->len++] = 0;
	return (0);
}

int
dname_from_text(struct dname *name, const char *text)
{
	return (dname_from_octets(name, text, strlen(text)));
}

int
dname_from_wire(
    struct dname *name, const uint8_t *msg, size_t msglen, size_t *offset)
{
	size_t at = *offset, pointers = 0;
	unsigned len;

	name->len = 0;
	for (;;) {
		if (at >= msglen)
			return (-1);
		len = msg[at];
		if (len == 0)
			break;
		if ((len & 0xc0) == 0xc0) {
			if (msglen - at < 2 || pointers++ == POINTERS_MAX)
				return (-1);
			if (pointers == 1)
				*offset = at + 2;
			at = (len & 0x3fU) << 8 | msg[at + 1];
			continue;
		}
		/* label_append refuses 01 and 10 in the top bits: over 63. */
		if (msglen - at - 1 < len ||
		    label_append(name, msg + at + 1, len) == -1)
			return (-1);
		at += len + 1;
	}
	if (pointers == 0)
		*offset = at + 1;
	name->wire[name->len++] = 0;
	return (0);
}

static char *
octet_text(char *out, uint8_t c)
{
	if (c == '.' || c == '\\' || c == '"' || c == ';' || c == '(' ||
	    c == ')' || c == '@' || c == '$') {
		*out++ = '\\';
		*out++ = (char)c;
	} else if (c <= ' ' || c > '~') {
		*out++ = '\\';
		*out++ = (char)('0' + c / 100);
		*out++ = (char)('0' + c / 10 % 10);
		*out++ = (char)('0' + c % 10);
	} else {
		*out++ = (char)c;
	}
	return (out);
}

const char *
dname_text(const struct dname *name, char buf[DNAME_TEXT_MAX])
{
	const uint8_t *p = name->wire;
	char *out = buf;
	unsigned len;

	for (; *p != 0; p += len + 1) {
		len = *p;
		if (out != buf)
			*out++ = '.';
		for (unsigned i = 1; i <= len; i++)
			out = octet_text(out, p[i]);
	}
	if (out == buf)
		*out++ = '.';
	*out = '\0';
	return (buf);
}

bool
dname_equal(const struct dname *a, const struct dname *b)
{
	return (a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0);
}

unsigned
dname_labels(const struct dname *name)
{
	const uint8_t *p;
	unsigned labels = 0;

	for (p = name->wire; *p != 0; p += *p + 1)
		labels++;
	return (labels);
}

void
dname_suffix(struct dname *out, const struct dname *name, unsigned labels)
{
	unsigned skip = dname_labels(name);
	const uint8_t *p = name->wire;
	uint8_t len;

	for (skip = skip > labels ? skip - labels : 0; skip > 0; skip--)
		p += *p + 1;
	len = (uint8_t)(name->len - (p - name->wire));
	memmove(out->wire, p, len);
	out->len = len;
}

bool
dname_within(const struct dname *name, const struct dname *ancestor)
{
	struct dname tail;

	dname_suffix(&tail, name, dname_labels(ancestor));
	return (dname_equal(&tail, ancestor));
}

int
dname_prepend(struct dname *out, const char *prefix, const struct dname *name)
{
	if (dname_from_text(out, prefix) == -1)
		return (-1);
	if (out->len - 1 + name->len > DNAME_MAX)
		return (-1);
	memcpy(out->wire + out->len - 1, name->wire, name->len);
	out->len = (uint8_t)(out->len - 1 + name->len);
	return (0);
}
