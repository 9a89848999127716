/* SPDX-License-Identifier: ISC */
#include "conf_error.h"

#include <stdarg.h>
#include <stdio.h>

static struct {
	char *text;
	size_t size, len;
} account;

void
conf_error_begin(char *text, size_t size)
{
	account.text = text;
	account.size = size;
	account.len = 0;
	*text = '\0';
}

static void
account_put(const char *fmt, va_list ap)
{
	const size_t room = account.size - account.len;
	const int len = vsnprintf(account.text + account.len, room, fmt, ap);

	if (len > 0)
		account.len += (size_t)len < room ? (size_t)len : room - 1;
}

static void account_putf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

static void
account_putf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	account_put(fmt, ap);
	va_end(ap);
}

void
conf_error_add(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (account.text == NULL)
		return;
	if (line > 0)
		account_putf("%s:%d: ", file, line);
	else if (file != NULL)
		account_putf("%s: ", file);
	va_start(ap, fmt);
	account_put(fmt, ap);
	va_end(ap);
	/* What was cut ends as a line, too. */
	if (account.len + 1 == account.size)
		account.len--;
	account_putf("\n");
}

bool
conf_error_any(void)
{
	return (account.len > 0);
}

void
conf_error_end(void)
{
	account.text = NULL;
}
