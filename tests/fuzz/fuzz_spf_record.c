/* SPDX-License-Identifier: ISC */
/*
 * The text of an SPF record. The cursor must stay within it, end, and hold
 * what spf_record.h promises of each term.
 */
#include <string.h>

#include "fuzz.h"
#include "spf_macro.h"
#include "spf_record.h"

static void
check_term(const char *text, size_t size, const struct spf_term *term)
{
	const char *end = text + size;

	check(term->text >= text && term->len > 0 &&
	      term->len <= (size_t)(end - term->text));
	check(memchr(term->text, ' ', term->len) == NULL);
	check(term->bits4 <= 32 && term->bits6 <= 128);
	if (term->target != NULL) {
		check(term->target > term->text &&
		      term->target_len <= (size_t)(end - term->target));
		check(spf_macro_is_domain(term->target, term->target_len));
	}
	switch (term->kind) {
	case SPF_INCLUDE:
	case SPF_EXISTS:
	case SPF_REDIRECT:
	case SPF_EXP:
		check(term->target != NULL);
		break;
	case SPF_IP4:
		check(term->net.octets == 4 && term->target == NULL);
		break;
	case SPF_IP6:
		check(term->net.octets == 16 && term->target == NULL);
		break;
	case SPF_ALL:
	case SPF_OTHER:
		check(term->target == NULL);
		break;
	case SPF_A:
	case SPF_MX:
	case SPF_PTR:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct spf_cursor cursor;
	struct spf_term term;
	size_t terms = 0;

	if (size > 65535 || !spf_record_is(text, size))
		return (0);
	spf_cursor_open(&cursor, text, size);
	while (spf_cursor_next(&cursor, &term)) {
		check_term(text, size, &term);
		check(++terms <= size);
	}
	check(!spf_cursor_next(&cursor, &term));
	if (cursor.problem != NULL)
		check(cursor.bad >= text && cursor.bad_len > 0 &&
		      cursor.bad_len <= (size_t)(text + size - cursor.bad));
	/* What was accepted is printable ASCII. */
	for (terms = 0; cursor.problem == NULL && terms < size; terms++)
		check(data[terms] >= ' ' && data[terms] <= '~');
	return (0);
}
