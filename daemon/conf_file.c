/* SPDX-License-Identifier: ISC */
#include "conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "conf_error.h"

/* A configuration is text written by hand; list files are separate. */
#define FILE_OCTETS_MAX (16 << 20)
/* More braces within braces than the grammar has; the parser refuses them. */
#define DEPTH_MAX 8

/*
 * Reading
 */

static const char *
file_problem(int fd, struct stat *st)
{
	if (fd == -1 || fstat(fd, st) == -1)
		return (strerror(errno));
	if (!S_ISREG(st->st_mode))
		return ("not a file");
	if (st->st_size > FILE_OCTETS_MAX)
		return ("too large for a configuration");
	return (NULL);
}

/* Returns how many octets, or -1. */
static ssize_t
file_octets(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(fd, text + len, size - len)) != 0) {
		if (n == -1)
			return (-1);
		len += (size_t)n;
	}
	return ((ssize_t)len);
}

/* Arena; NULL after an error. */
static char *
text_read(struct arena *arena, const char *path)
{
	/* Not blocking: a FIFO must not stop a reload. */
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st = {0};
	const char *problem = file_problem(fd, &st);
	char *text = NULL;
	ssize_t len;

	if (problem == NULL) {
		text = arena_alloc(arena, (size_t)st.st_size + 1);
		len = file_octets(fd, text, (size_t)st.st_size);
		if (len == -1)
			problem = strerror(errno);
		else if (strlen(text) < (size_t)len)
			problem = "holds a NUL octet, so it is not text";
	}
	if (fd != -1)
		close(fd);
	if (problem == NULL)
		return (text);
	conf_error_add(path, 0, "%s", problem);
	return (NULL);
}

/*
 * Scanning
 */

struct scan {
	struct conf_file *file;
	const char *path;
	char *p;
	int line;
	char before; /* the last character that was no space */
	/* What is open, from the outermost. */
	size_t depth;
	struct {
		bool list;
		int line;
	} open[DEPTH_MAX];
};

/* To `end`; NULL: to the end of the text. */
static void
scan_skip(struct scan *scan, const char *end)
{
	for (; *scan->p != '\0' && scan->p != end; scan->p++)
		if (*scan->p == '\n')
			scan->line++;
}

/* Likewise, and what is skipped becomes spaces. */
static void
scan_blank(struct scan *scan, const char *end)
{
	char *p = scan->p;

	scan_skip(scan, end);
	for (; p < scan->p; p++)
		if (*p != '\n')
			*p = ' ';
}

/* What begins on `line` has no end. */
static int
scan_unclosed(const struct scan *scan, int line, const char *what)
{
	conf_error_add(scan->path, line, "%s", what);
	return (-1);
}

/* A slash within a word ("ipc:///path") is just a slash. */
static bool
comment_begins(const struct scan *scan)
{
	const char *p = scan->p;

	if (*p != '/')
		return (*p == '#');
	return ((p[1] == '/' || p[1] == '*') &&
		(p == scan->file->text ||
		    strchr(" \t\r\n{}()=+,*\"'", p[-1]) != NULL));
}

static int
scan_comment(struct scan *scan)
{
	const int line = scan->line;
	const char *end;

	if (scan->p[0] == '#' || scan->p[1] == '/') {
		scan_blank(scan, scan->p + strcspn(scan->p, "\n"));
		return (0);
	}
	end = strstr(scan->p + 2, "*/");
	scan_blank(scan, end == NULL ? NULL : end + 2);
	return (end != NULL ? 0
			    : scan_unclosed(scan, line,
				  "a comment that begins here is not closed: "
				  "\"*/\" is missing"));
}

/* Between double quotes "${NAME}" is one, whatever is in the name. */
static int
scan_string(struct scan *scan)
{
	const int line = scan->line;
	const char quote = *scan->p;
	const char *end, *name;

	for (end = scan->p + 1; *end != '\0' && *end != quote; end++) {
		if (*end == '\\' && end[1] != '\0')
			end++;
		else if (quote == '"' && strncmp(end, "${", 2) == 0 &&
			 (name = strchr(end, '}')) != NULL)
			end = name;
	}
	scan_skip(scan, end + (*end != '\0'));
	return (*end != '\0'
		    ? 0
		    : scan_unclosed(scan, line,
			  "a text that begins here is not closed, or one "
			  "before it: its quote is missing"));
}

static void
scan_brace(struct scan *scan)
{
	struct conf_file *file = scan->file;

	if (*scan->p == '{') {
		if (scan->depth < DEPTH_MAX) {
			/* A list, or the name of a variable. */
			scan->open[scan->depth].list =
			    scan->before == '=' || scan->before == '$';
			scan->open[scan->depth].line = scan->line;
		}
		scan->depth++;
	} else if (scan->depth > 0 && --scan->depth < DEPTH_MAX &&
		   !scan->open[scan->depth].list) {
		file->section[file->sections++] = scan->open[scan->depth].line;
	}
}

static int
scan_one(struct scan *scan)
{
	const char c = *scan->p;

	if (comment_begins(scan))
		return (scan_comment(scan));
	if (c == '{' || c == '}')
		scan_brace(scan);
	if (strchr(" \t\r\n", c) == NULL)
		scan->before = c;
	if (c == '"' || c == '\'')
		return (scan_string(scan));
	scan_skip(scan, scan->p + 1);
	return (0);
}

static int
scan_all(struct scan *scan)
{
	const size_t last = DEPTH_MAX - 1;
	size_t depth;

	/* The mark that some editors put before a text in UTF-8. */
	if (strncmp(scan->p, "\xef\xbb\xbf", 3) == 0)
		scan_blank(scan, scan->p + 3);
	while (*scan->p != '\0')
		if (scan_one(scan) == -1)
			return (-1);
	if ((depth = scan->depth) == 0)
		return (0);
	return (scan_unclosed(scan,
	    scan->open[depth - 1 < last ? depth - 1 : last].line,
	    "what begins here is not closed: \"}\" is missing"));
}

static size_t
braces(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '}')) != NULL; text++)
		n++;
	return (n);
}

static int
file_scan(struct conf_file *file, struct arena *arena, const char *path)
{
	struct scan scan = {
	    .file = file, .path = path, .p = file->text, .line = 1};

	file->sections = 0;
	file->section = arena_alloc(
	    arena, (braces(file->text) + 1) * sizeof(*file->section));
	return (scan_all(&scan));
}

int
conf_file_read(struct conf_file *file, struct arena *arena, const char *path)
{
	file->text = text_read(arena, path);
	return (file->text == NULL ? -1 : file_scan(file, arena, path));
}

int
conf_file_text(struct conf_file *file, struct arena *arena, const char *path,
    const char *text)
{
	file->text = arena_strdup(arena, text);
	return (file_scan(file, arena, path));
}
