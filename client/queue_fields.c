/* SPDX-License-Identifier: ISC */
#include "queue_fields.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "mail_header.h"

/* RFC 5322 2.1.1 */
#define LINE_LENGTH 78

/* --- Making --------------------------------------------------------------- */

void
fields_begin(struct fields *fields)
{
	fields->len = 0;
	fields->overflow = false;
}

static void
octet_add(struct fields *fields, char c)
{
	if (fields->len == sizeof(fields->octets))
		fields->overflow = true;
	else
		fields->octets[fields->len++] = c;
}

static void
word_add(struct fields *fields, const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		octet_add(
		    fields, word[i] >= ' ' && word[i] <= '~' ? word[i] : '?');
}

/* By how much the word goes deeper into comments. */
static int
word_depth(const char *word, size_t len)
{
	int depth = 0;

	for (; len > 0; len--, word++)
		depth += (*word == '(') - (*word == ')');
	return (depth);
}

/*
 * Folds before a space: the space stays, so that unfolding gives the same text
 * back (RFC 5322 2.2.3). A line never has white space alone: a word comes with
 * all the spaces before it. `listed`: a new line behind each semicolon that is
 * in no comment.
 */
static void
value_fold(struct fields *fields, const char *value, size_t column, bool listed)
{
	size_t spaces, len;
	bool first = true, item = false;
	int depth = 0;

	for (; *value != '\0'; value += spaces + len, first = false) {
		spaces = strspn(value, " ");
		len = strcspn(value + spaces, " ");
		if (len == 0)
			break;
		if (!first && (item || column + spaces + len > LINE_LENGTH)) {
			octet_add(fields, '\n');
			column = 0;
		}
		word_add(fields, value, spaces + len);
		column += spaces + len;
		depth += word_depth(value + spaces, len);
		item = listed && depth == 0 && value[spaces + len - 1] == ';';
	}
}

static void
field_add(
    struct fields *fields, const char *name, const char *value, bool listed)
{
	size_t start = fields->len;

	if (value == NULL)
		return;
	word_add(fields, name, strlen(name));
	word_add(fields, ": ", 2);
	value += strspn(value, " ");
	value_fold(fields, value, fields->len - start, listed);
	octet_add(fields, '\n');
	/* Half a field would spoil what comes below it. */
	if (fields->overflow)
		fields->len = start;
}

void
fields_add(struct fields *fields, const char *name, const char *value)
{
	field_add(fields, name, value, false);
}

void
fields_add_results(
    struct fields *fields, const char *authserv_id, const char *resinfo)
{
	/* Not on the stack: as long as an answer can be. */
	static char value[SPOOL_ROOM / 2];

	if (resinfo == NULL)
		return;
	snprintf(value, sizeof(value), "%s; %s", authserv_id, resinfo);
	field_add(fields, "Authentication-Results", value, true);
}

bool
authserv_id_valid(const char *id)
{
	size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

	return (len > 0 && len < AUTHSERV_ID_MAX && id[len] == '\0');
}

/* --- Claims --------------------------------------------------------------- */

/* Moves behind white space and comments, which nest. false: one is open. */
static bool
cfws_skip(const char **p, const char *end)
{
	size_t depth = 0;

	for (; *p < end; (*p)++) {
		if (**p == '(')
			depth++;
		else if (depth > 0 && **p == ')')
			depth--;
		else if (depth > 0 && **p == '\\' && *p + 1 < end)
			(*p)++;
		else if (depth == 0 && strchr(" \t\r\n", **p) == NULL)
			break;
	}
	return (depth == 0);
}

/* RFC 2045 5.1: what no token may hold. */
static bool
ends_token(char c)
{
	return ((unsigned char)c <= ' ' || strchr("()<>@,;:\\\"/[]?=", c));
}

/*
 * Copies the token or quoted-string; false if there is none, it is open, or it
 * holds control characters.
 */
static bool
value_copy(const char **p, const char *end, char *buf, size_t size)
{
	bool quoted = *p < end && **p == '"';
	size_t used = 0;

	for (*p += quoted; *p < end; (*p)++) {
		if (quoted ? **p == '"' : ends_token(**p))
			break;
		if (quoted && **p == '\\' && *p + 1 < end)
			(*p)++;
		if ((unsigned char)**p < ' ')
			return (false);
		if (used + 1 < size)
			buf[used++] = **p;
	}
	buf[used] = '\0';
	if (quoted && (*p)++ == end)
		return (false);
	return (used > 0);
}

/* Could it be the U-label form (RFC 5890) of a name that has A-labels? */
static bool
may_be_same(const char *word, const char *id)
{
	if (strcasestr(id, "xn--") == NULL)
		return (false);
	while (*word != '\0' && (unsigned char)*word < 0x80)
		word++;
	return (*word != '\0');
}

/*
 * RFC 8601 2.2: [CFWS] authserv-id [CFWS version] and then ";". The host's name
 * with a final dot is the same host. What cannot be read is not left to the
 * next reader, who might read it in some other way.
 */
bool
results_claim(const char *value, size_t len, const char *id)
{
	const char *p = value, *end = value + len;
	char word[AUTHSERV_ID_MAX + 2];
	size_t used;

	if (!cfws_skip(&p, end) || !value_copy(&p, end, word, sizeof(word)))
		return (true);
	used = strlen(word);
	if (word[used - 1] == '.')
		word[used - 1] = '\0';
	if (strcasecmp(word, id) == 0 || may_be_same(word, id))
		return (true);
	if (!cfws_skip(&p, end))
		return (true);
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (!cfws_skip(&p, end) || (p < end && *p != ';'));
}

/* What the field is called instead, with the same length; NULL: as before. */
static const char *
other_name(const struct header_field *field, const char *authserv_id)
{
	if (header_is(field, "authentication-results"))
		return (
		    results_claim(field->value, field->value_len, authserv_id)
			? "X-Claimed-Auth-Results"
			: NULL);
	if (field->name_len > 10 &&
	    strncasecmp(field->octets, "x-verdict-", 10) == 0)
		return ("X-Claimed-");
	return (NULL);
}

static int
field_disown(struct spool *spool, const struct header_field *field,
    const char *authserv_id)
{
	const char *name = other_name(field, authserv_id);

	return (name == NULL ? 0
			     : spool_overwrite(spool,
				   (size_t)(field->octets - spool->header),
				   name, strlen(name)));
}

int
fields_disown(struct spool *spool, const char *authserv_id)
{
	const char *cursor = spool->header, *end = cursor + spool->header_len;
	struct header_field field;

	while (header_next(&cursor, end, &field))
		if (field_disown(spool, &field, authserv_id) < 0)
			return (-1);
	cursor = spool->header;
	while (header_next_behind_cr(&cursor, end, &field))
		if (field_disown(spool, &field, authserv_id) < 0)
			return (-1);
	return (0);
}
