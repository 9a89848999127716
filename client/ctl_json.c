/* SPDX-License-Identifier: ISC */
#include "ctl_json.h"

#include <stdio.h>

void
json_string(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;

	putchar('"');
	for (; p < end; p++)
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p >= ' ' && *p < 0x7f)
			putchar(*p);
		else
			printf("\\u%04x", *p);
	putchar('"');
}
