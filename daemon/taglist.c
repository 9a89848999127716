/* SPDX-License-Identifier: ISC */
#include "taglist.h"

#include <string.h>
#include <strings.h>

#include "abnf.h"
#include "arena.h"

/*
 * A piece of text. The parser only narrows pieces; it never copies but the
 * whole record, once.
 */
struct piece {
	char *start;
	char *end;
};

/*
 * RFC 6376 2.8: FWS folds lines, RFC 9989's WSP does not. A line break in a
 * TXT record is somebody's slip of the editor in either case.
 */
static void
piece_trim(struct piece *piece)
{
	while (piece->start < piece->end && abnf_is_fws(*piece->start))
		piece->start++;
	while (piece->end > piece->start && abnf_is_fws(piece->end[-1]))
		piece->end--;
}

/* RFC 6376 3.2: tag-name = ALPHA *(ALPHA / DIGIT / "_") */
static bool
piece_is_name(const struct piece *piece)
{
	const char *p = piece->start;

	if (p == piece->end || !abnf_is_alpha(*p))
		return (false);
	while (++p < piece->end) {
		if (!abnf_is_alpha(*p) && *p != '_' && !abnf_is_digit(*p))
			return (false);
	}
	return (true);
}

/*
 * Fills `tag` from one element. The octet behind the element is a ";" or the
 * end of the copy, the one behind a name "=" or white space: both may become
 * the terminating NUL.
 */
static void
tag_parse(struct tag *tag, struct piece element)
{
	struct piece name = element, value = element;
	char *equals;

	equals =
	    memchr(element.start, '=', (size_t)(element.end - element.start));
	if (equals != NULL) {
		name.end = equals;
		value.start = equals + 1;
	}
	piece_trim(&name);
	piece_trim(&value);
	tag->bad = equals == NULL || !piece_is_name(&name);
	tag->value = value.start;
	tag->len = (size_t)(value.end - value.start);
	*value.end = '\0';
	tag->name = "";
	if (!tag->bad) {
		*name.end = '\0';
		tag->name = name.start;
	}
}

const struct tag *
taglist_parse(struct arena *arena, const char *text, size_t len)
{
	const struct tag *list = NULL, **tail = &list;
	struct piece rest, element;
	struct tag *tag;
	unsigned n = 0;
	char *semicolon;

	rest.start = arena_alloc(arena, len + 1);
	if (len > 0)
		memcpy(rest.start, text, len);
	rest.end = rest.start + len;
	piece_trim(&rest);
	while (rest.start < rest.end) {
		semicolon =
		    memchr(rest.start, ';', (size_t)(rest.end - rest.start));
		element.start = rest.start;
		element.end = semicolon != NULL ? semicolon : rest.end;
		rest.start = semicolon != NULL ? semicolon + 1 : rest.end;

		tag = arena_alloc(arena, sizeof(*tag));
		*tail = tag;
		tail = &tag->next;
		if (n++ == TAGLIST_MAX) {
			*tag =
			    (struct tag){.name = "", .value = "", .bad = true};
			break;
		}
		tag_parse(tag, element);
	}
	return (list);
}

const struct tag *
taglist_find(const struct tag *list, const char *name)
{
	for (; list != NULL; list = list->next) {
		if (!list->bad && strcmp(list->name, name) == 0)
			return (list);
	}
	return (NULL);
}

static bool
is_word(const char *text, size_t len, const char *word)
{
	return (len == strlen(word) && strncasecmp(text, word, len) == 0);
}

bool
tag_lists(const struct tag *tag, const char *word)
{
	const char *p = tag->value, *end = tag->value + tag->len;
	const char *colon, *last;

	for (;;) {
		colon = memchr(p, ':', (size_t)(end - p));
		last = colon != NULL ? colon : end;
		while (p < last && abnf_is_fws(*p))
			p++;
		while (last > p && abnf_is_fws(last[-1]))
			last--;
		if (is_word(p, (size_t)(last - p), word))
			return (true);
		if (colon == NULL)
			return (false);
		p = colon + 1;
	}
}

bool
tag_is(const struct tag *tag, const char *word)
{
	return (is_word(tag->value, tag->len, word));
}
