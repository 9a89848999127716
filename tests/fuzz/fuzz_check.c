/* SPDX-License-Identifier: ISC */
/*
 * Descriptor 3 of verdict-check: any octets. What is accepted gives a question
 * whose fields lie inside, with names that can be ones; written down again it
 * is the same input.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "check_input.h"
#include "fuzz.h"

struct copy {
	const struct input *input;
	char octets[INPUT_MAX];
	size_t len;
};

static void
copy_put(struct copy *copy, const char *text, size_t len)
{
	check(copy->len + len <= sizeof(copy->octets));
	memcpy(copy->octets + copy->len, text, len);
	copy->len += len;
}

/* The first four without their names, the others with theirs. */
static void
put(void *to, const char *name, const char *value)
{
	struct copy *copy = to;
	const struct input *input = copy->input;

	check(value >= input->octets && value < input->octets + input->len);
	check(*name >= 'a' && *name <= 'z');
	check(name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] ==
	      '\0');
	if (value >= input->more) {
		copy_put(copy, name, strlen(name));
		copy_put(copy, "=", 1);
	}
	copy_put(copy, value, strlen(value) + 1);
}

static void
check_fields(const struct input *input)
{
	struct copy copy = {.input = input};
	size_t first = (size_t)(input->more - input->octets), skipped;

	check(input->octets[input->len - 1] == '\0');
	check(*input->client_ip != '\0');
	check(input->client_ip == input->octets);
	input_walk(input, put, &copy);
	/* Without the two that are left out when they are empty. */
	skipped = (size_t)(*input->helo == '\0') +
		  (size_t)(*input->from_domain == '\0');
	check(copy.len + skipped == input->len);
	/* All that comes behind the four is in its place. */
	check(memcmp(copy.octets + first - skipped, input->more,
		  input->len - first) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input input;

	if (size > INPUT_MAX)
		return (0);
	/* Behind the end is what must not be looked at. */
	memset(&input, 'x', sizeof(input));
	if (size > 0)
		memcpy(input.octets, data, size);
	input.len = size;
	if (input_parse(&input) == 0)
		check_fields(&input);
	return (0);
}
