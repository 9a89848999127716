/* SPDX-License-Identifier: ISC */
#include "conf_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "arena.h"
#include "conf_error.h"

/* A configuration is text written by hand; list files are separate. */
#define FILE_OCTETS_MAX (16 << 20)

char *
conf_file_read(struct arena *arena, const char *path)
{
	static const char end[] = "\n" CONF_FILE_END " = true\n";
	FILE *in = fopen(path, "r");
	char *text;
	struct stat st;
	size_t len;

	if (in == NULL || fstat(fileno(in), &st) == -1) {
		conf_error_add(path, 0, "%s", strerror(errno));
		if (in != NULL)
			fclose(in);
		return (NULL);
	}
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_OCTETS_MAX) {
		conf_error_add(path, 0, "%s",
		    S_ISREG(st.st_mode) ? "too large for a configuration"
					: "not a file");
		fclose(in);
		return (NULL);
	}
	text = arena_alloc(arena, (size_t)st.st_size + sizeof(end));
	len = fread(text, 1, (size_t)st.st_size, in);
	fclose(in);
	if (memchr(text, '\0', len) != NULL) {
		conf_error_add(path, 0, "holds a NUL octet, so it is not text");
		return (NULL);
	}
	memcpy(text + len, end, sizeof(end));
	return (text);
}

/*
 * The character behind a comment that starts at `p`, or `p` if none does. A
 * slash within a word ("ipc:///path") is just a slash.
 */
static char *
comment_end(const char *text, char *p)
{
	char *end;

	if (*p == '#')
		return (p + strcspn(p, "\n"));
	if (*p != '/' || (p > text && strchr(" \t\r\n{}()=+,", p[-1]) == NULL))
		return (p);
	if (p[1] == '/')
		return (p + strcspn(p, "\n"));
	if (p[1] != '*')
		return (p);
	end = strstr(p, "*/");
	return (end == NULL ? p : end + 2);
}

/* The character behind a quoted string that starts at `p`. */
static char *
string_end(char *p)
{
	const char quote = *p++;

	while (*p != '\0' && *p != quote)
		p += p[0] == '\\' && p[1] != '\0' ? 2 : 1;
	return (*p == '\0' ? p : p + 1);
}

/*
 * libconfuse 3.3 counts the line of a comment several times, and its errors
 * then name a wrong one. So it is shown none: they become spaces.
 */
void
conf_file_blank(char *text)
{
	char *p = text, *end;

	while (*p != '\0') {
		if (*p == '"' || *p == '\'') {
			p = string_end(p);
		} else if ((end = comment_end(text, p)) > p) {
			for (; p < end; p++)
				if (*p != '\n')
					*p = ' ';
		} else {
			p++;
		}
	}
}
