/* SPDX-License-Identifier: ISC */
#include "lib_number.h"

#include <stdlib.h>
#include <string.h>

long
number_read(const char *text, const char *unit, long least, long most)
{
	char *end;
	long number;

	/* strtol() would take white space and a sign. */
	if (*text < '0' || *text > '9')
		return (-1);
	/* One that is too large becomes LONG_MAX, which is more than `most`. */
	number = strtol(text, &end, 10);
	if (*end != '\0' && (unit == NULL || strcmp(end, unit) != 0))
		return (-1);
	return (number < least || number > most ? -1 : number);
}
