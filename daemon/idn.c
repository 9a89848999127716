/* SPDX-License-Identifier: ISC */
#include "idn.h"

#include <idn2.h>
#include <string.h>

/*
 * A code point of a U-label takes up to four octets where its A-label takes
 * at least one: no longer text can become a name.
 */
#define IDN_TEXT_MAX (4 * DNAME_MAX)

/* The name under construction, in ASCII. */
struct ascii {
	char text[DNAME_TEXT_MAX];
	size_t len;
};

static int
ascii_append(struct ascii *ascii, const char *text, size_t len)
{
	if (len > sizeof(ascii->text) - ascii->len)
		return (-1);
	memcpy(ascii->text + ascii->len, text, len);
	ascii->len += len;
	return (0);
}

static bool
is_ascii(const char *text, size_t len)
{
	while (len-- > 0) {
		if ((unsigned char)*text++ >= 0x80)
			return (false);
	}
	return (true);
}

static int
ulabel_append(struct ascii *ascii, const char *text, size_t len)
{
	uint8_t ulabel[IDN_TEXT_MAX + 1];
	uint8_t *alabel;
	int result;

	memcpy(ulabel, text, len);
	ulabel[len] = '\0';
	if (idn2_lookup_u8(ulabel, &alabel,
		IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return (-1);
	result = ascii_append(
	    ascii, (const char *)alabel, strlen((const char *)alabel));
	idn2_free(alabel);
	return (result);
}

static int
label_append(struct ascii *ascii, const char *text, size_t len)
{
	if (is_ascii(text, len))
		return (ascii_append(ascii, text, len));
	return (ulabel_append(ascii, text, len));
}

int
idn_to_dname(struct dname *name, const char *text)
{
	struct ascii ascii = {.len = 0};
	size_t len = strlen(text), label;

	if (len > IDN_TEXT_MAX)
		return (-1);
	for (;;) {
		label = strcspn(text, ".");
		if (label_append(&ascii, text, label) == -1)
			return (-1);
		text += label;
		if (*text == '\0')
			break;
		if (ascii_append(&ascii, text++, 1) == -1)
			return (-1);
	}
	return (dname_from_octets(name, ascii.text, ascii.len));
}
