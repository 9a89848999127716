/* SPDX-License-Identifier: ISC */
/*
 * Names out of a message, at an offset that the first octet gives, and the
 * same octets as text. Whatever comes out is a name in canonical form, and
 * the functions on names agree about it.
 */
#include <stdint.h>
#include <string.h>

#include "dname.h"
#include "fuzz.h"

/* Labels of 1 to 63 octets in lower case, then the root. */
static unsigned
check_form(const struct dname *name)
{
	unsigned at = 0, labels = 0, i, len;

	check(name->len >= 1);
	for (; (len = name->wire[at]) != 0; at += len + 1) {
		check(len <= DNAME_LABEL && at + len + 1 < name->len);
		for (i = 1; i <= len; i++)
			check(name->wire[at + i] < 'A' ||
			      name->wire[at + i] > 'Z');
		labels++;
	}
	check(at + 1 == name->len);
	return (labels);
}

static void
check_text(const struct dname *name)
{
	char text[DNAME_TEXT_MAX];
	struct dname again;

	dname_text(name, text);
	check(strlen(text) < DNAME_TEXT_MAX);
	check(text[strspn(text, "!\"#$%&'()*+,-./0123456789:;<=>?@"
				"[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~")] ==
	      '\0');
	/* There is no way back from an escape. */
	if (strchr(text, '\\') == NULL)
		check(dname_from_text(&again, text) == 0 &&
		      dname_equal(&again, name));
}

static void
check_relatives(const struct dname *name, unsigned labels)
{
	struct dname suffix, longer;
	unsigned i;

	check(dname_labels(name) == labels);
	for (i = 0; i <= labels + 1; i++) {
		dname_suffix(&suffix, name, i);
		check(check_form(&suffix) == (i < labels ? i : labels));
		check(dname_within(name, &suffix));
		check(
		    dname_within(&suffix, name) == dname_equal(name, &suffix));
	}
	if (dname_prepend(&longer, "_x", name) == 0) {
		check(check_form(&longer) == labels + 1);
		check(longer.len == name->len + 3);
		check(dname_within(&longer, name));
	} else {
		check(name->len + 3 > DNAME_MAX);
	}
}

static void
check_name(const struct dname *name)
{
	struct dname again;
	size_t offset = 0;

	check_relatives(name, check_form(name));
	check_text(name);
	check(dname_from_wire(&again, name->wire, name->len, &offset) == 0);
	check(offset == name->len && dname_equal(&again, name));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dname name;
	size_t offset;

	if (size == 0)
		return (0);
	offset = data[0];
	if (dname_from_wire(&name, data + 1, size - 1, &offset) == 0) {
		check(offset > data[0] && offset <= size - 1);
		check_name(&name);
	}
	if (dname_from_octets(&name, data + 1, size - 1) == 0) {
		check(name.len <= size + 1);
		check_name(&name);
	}
	return (0);
}
