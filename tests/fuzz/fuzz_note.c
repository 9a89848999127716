/* SPDX-License-Identifier: ISC */
/*
 * The note that verdict-spp leaves in the environment: what was written is one
 * line and is read back the same, for the same client and sender alone; and
 * any text can be read.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "spp_note.h"

/* The four values, each ended by a newline. */
static void
values_take(struct note *note, char *text)
{
	const char **const values[] = {
	    &note->spf, &note->client_ip, &note->helo, &note->mail_from};
	size_t i;

	for (i = 0; i < 4; i++) {
		*values[i] = text;
		text += strcspn(text, "\n");
		if (*text != '\0')
			*text++ = '\0';
	}
}

static void
check_printable(const char *text)
{
	for (; *text != '\0'; text++)
		check(*text >= ' ' && *text <= '~');
}

static void
check_back(const struct note *note, char *buf)
{
	static char copy[NOTE_MAX];
	struct note back;

	strcpy(copy, buf);
	check(!note_read(&back, copy, note->client_ip, "somebody else"));
	check(note_read(&back, buf, note->client_ip, note->mail_from));
	check(strcmp(back.spf, note->spf) == 0);
	check(strcmp(back.helo, note->helo) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[NOTE_MAX], buf[NOTE_MAX];
	struct note note;

	if (size >= sizeof(text))
		return (0);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	strcpy(buf, text);
	(void)note_read(&note, buf, "192.0.2.1", "a@b.example");
	values_take(&note, text);
	if (!note_write(buf, &note))
		return (0);
	check_printable(buf);
	check_back(&note, buf);
	return (0);
}
