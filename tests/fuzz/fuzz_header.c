/* SPDX-License-Identifier: ISC */
/*
 * The header of a message: any octets. The fields lie inside, and what is read
 * out of From and DKIM-Signature can be put into a question as it is.
 */
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "mail_author.h"
#include "mail_header.h"
#include "mail_signature.h"

/* No white space, no control characters: it stays one word of one line. */
static void
check_word(const char *word)
{
	for (; *word != '\0'; word++)
		check((unsigned char)*word > ' ' && *word != 0x7f);
}

static void
check_field(
    const struct header_field *field, const char *start, const char *end)
{
	char text[256];

	check(field->octets >= start && field->octets + field->len <= end);
	check(field->name_len > 0 && field->name_len < field->len);
	check(field->value + field->value_len == field->octets + field->len);
	check(field->value[-1] == ':');
	if (!header_text(field, text, sizeof(text)))
		return;
	check(strpbrk(text, "\r\n\t") == NULL && strlen(text) < sizeof(text));
}

static void
check_authors(const struct authors *authors)
{
	size_t i, k, len;

	check(authors->n <= AUTHORS_MAX);
	for (i = 0; i < authors->n; i++) {
		len = strlen(authors->domains[i]);
		check(len > 0 && len < AUTHOR_DOMAIN_MAX);
		check(authors->domains[i][0] != '.');
		check(authors->domains[i][len - 1] != '.');
		check_word(authors->domains[i]);
		for (k = 0; k < i; k++)
			check(strcmp(authors->domains[i],
				  authors->domains[k]) != 0);
	}
}

static void
check_signature(const struct header_field *field)
{
	struct signature sig;

	signature_parse(&sig, field, 1500000000);
	check_word(sig.domain);
	check_word(sig.selector);
	check_word(sig.algorithm);
	check_word(sig.b);
	if (sig.problem != NULL)
		check(
		    sig.result == DKIM_NEUTRAL || sig.result == DKIM_PERMERROR);
	else
		check(sig.domain[0] != '\0' && sig.selector[0] != '\0' &&
		      sig.algorithm[0] != '\0' && sig.b[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *start = (const char *)data, *cursor = start, *end, *before;
	struct header_field field;
	struct authors authors;

	end = header_end(start, size);
	check(end == NULL || (end > start && end <= start + size));
	if (end == NULL)
		end = start + size;
	authors_begin(&authors);
	for (before = cursor; header_next(&cursor, end, &field);
	     before = cursor) {
		check(cursor > before && cursor <= end);
		check_field(&field, before, cursor);
		/* Every field as a From too: that is the parser to break. */
		authors_add(&authors, field.value, field.value_len);
		check_authors(&authors);
		check_signature(&field);
	}
	check(cursor == end);
	cursor = start;
	for (before = cursor; header_next_behind_cr(&cursor, end, &field);
	     before = cursor) {
		check(cursor > before && cursor <= end);
		check(field.octets > start && field.octets[-1] == '\r');
		check_field(&field, before, cursor);
	}
	check(cursor == end);
	return (0);
}
