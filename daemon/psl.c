/* SPDX-License-Identifier: ISC */
#include "psl.h"

#include <libpsl.h>

static psl_ctx_t *list;

void
psl_open(void)
{
	psl_close();
	list = psl_latest(NULL);
}

void
psl_close(void)
{
	psl_free(list);
	list = NULL;
}

/*
 * Lower-case text with one dot between labels. An octet that no public suffix
 * holds becomes "?", so that it matches none and labels stay apart.
 */
static const char *
plain_text(const struct dname *name, char buf[DNAME_MAX])
{
	const uint8_t *p = name->wire;
	char *out = buf;
	uint8_t left, c;

	for (; *p != 0;) {
		if (out != buf)
			*out++ = '.';
		for (left = *p++; left > 0; left--) {
			c = *p++;
			*out++ = (c >= 'a' && c <= 'z') ||
					 (c >= '0' && c <= '9') || c == '-'
				     ? (char)c
				     : '?';
		}
	}
	*out = '\0';
	return (buf);
}

static unsigned
text_labels(const char *text)
{
	unsigned labels = 1;

	for (; *text != '\0'; text++)
		labels += *text == '.';
	return (labels);
}

unsigned
psl_organizational(const struct dname *name)
{
	char buf[DNAME_MAX];
	const psl_ctx_t *ctx = list != NULL ? list : psl_builtin();
	const char *domain;

	if (ctx == NULL)
		return (dname_labels(name));
	domain = psl_registrable_domain(ctx, plain_text(name, buf));
	return (domain != NULL ? text_labels(domain) : dname_labels(name));
}
