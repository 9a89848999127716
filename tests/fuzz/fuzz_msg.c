/* SPDX-License-Identifier: ISC */
/*
 * The wire form: any octets as a message. What is taken for one can be walked,
 * is clean, and written again gives the same fields.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "msg.h"

static void
check_name(const char *name)
{
	check(*name >= 'a' && *name <= 'z');
	check(name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] ==
	      '\0');
}

/* Writes the fields of `msg` again. Returns how many there are. */
static size_t
fields_copy(const struct msg *msg, struct msg_out *out)
{
	const char *cursor = NULL, *name, *value;
	size_t n = 0;

	while ((value = msg_next(msg, &cursor, &name)) != NULL) {
		check_name(name);
		check(strchr(value, '\n') == NULL);
		/* Each is found by name; a few tell, more take time. */
		check(n++ > 16 || msg_get(msg, name) != NULL);
		msg_put(out, name, value);
	}
	return (n);
}

static void
fields_compare(const struct msg *a, const struct msg *b)
{
	const char *at = NULL, *bt = NULL, *aname, *bname, *avalue, *bvalue;

	do {
		avalue = msg_next(a, &at, &aname);
		bvalue = msg_next(b, &bt, &bname);
		check((avalue == NULL) == (bvalue == NULL));
		if (avalue != NULL)
			check(strcmp(avalue, bvalue) == 0 &&
			      strcmp(aname, bname) == 0);
	} while (avalue != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *buf = malloc(size + 1), *again = malloc(MSG_MAX + 2);
	struct msg_out out;
	struct msg msg, copy;

	check(buf != NULL && again != NULL);
	if (size > 0)
		memcpy(buf, data, size);
	if (msg_parse(&msg, buf, size) == NULL) {
		check(size <= MSG_MAX);
		/* One more than there was: the last newline may be missing. */
		msg_begin(&out, again, MSG_MAX + 1, msg.word);
		check(fields_copy(&msg, &out) <= MSG_FIELDS_MAX);
		check(!out.overflow && out.len <= size + 1);
		if (out.len <= MSG_MAX) {
			check(msg_parse(&copy, again, out.len) == NULL);
			check(strcmp(msg.word, copy.word) == 0);
			fields_compare(&msg, &copy);
		}
	}
	free(buf);
	free(again);
	return (0);
}
