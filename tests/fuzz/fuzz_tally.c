/* SPDX-License-Identifier: ISC */
/*
 * The file in which the tally outlives the daemon. The checksum is made to
 * fit, or no input would come past it. What has been read once is written, and
 * must be read again as the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "tally_file.h"

static const char header[] = "verdictd-tally 1\n";

/* From the first counter on: the counters themselves are added up. */
static const char *
behind_counters(const char *text)
{
	const char *at = strstr(text, "latency "), *end = strstr(text, "sum ");

	return (at == NULL ? end : at);
}

/* Caller frees *text. */
static void
written(const struct tally *tally, char **text)
{
	size_t len = 0;
	FILE *out = open_memstream(text, &len);

	if (out == NULL)
		abort();
	tally_write(tally, out);
	fclose(out);
}

/* As tally_file.c has it. */
static char *
with_sum(const uint8_t *data, size_t size)
{
	static const uint8_t key[HASH_KEY] = "verdictd-tally";
	const size_t head = sizeof(header) - 1;
	char *text = malloc(head + size + 32);

	if (text == NULL)
		abort();
	memcpy(text, header, head);
	if (size > 0)
		memcpy(text + head, data, size);
	snprintf(text + head + size, 32, "sum %016" PRIx64 "\n",
	    hash_short(key, text, head + size));
	return (text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally *tally = tally_new(1), *again = tally_new(1);
	char *text = with_sum(data, size), *first, *second;

	(void)tally_read(tally, (const char *)data, size);
	if (tally_read(tally, text, sizeof(header) - 1 + size + 21) == -1)
		abort();
	written(tally, &first);
	if (tally_read(again, first, strlen(first)) == -1)
		abort();
	written(again, &second);
	if (strlen(behind_counters(first)) != strlen(behind_counters(second)))
		abort();
	free(text);
	free(first);
	free(second);
	tally_free(tally);
	tally_free(again);
	return (0);
}
