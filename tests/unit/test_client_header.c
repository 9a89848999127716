/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mail_header.h"
#include "mail_message.h"

/* A header, and its fields as NAME<text> of the unfolded value. */
static const struct {
	const char *header;
	const char *want;
} headers[] = {
    {"A: 1\r\nB: 2\r\n\r\n", "A<1>B<2>"},
    {"A: 1\nB: 2\n\n", "A<1>B<2>"},
    {"A:1", "A<1>"},
    {"A:\r\n", "A<>"},
    {"A: 1\r\n 2\r\n\t3\r\nB: 4\r\n", "A<1 2 3>B<4>"},
    {"A: 1\r\n \r\n 2\r\n", "A<1  2>"},
    /* RFC 5322 4.5: white space before the colon */
    {"A : 1\r\nB\t: 2\r\n", "A<1>B<2>"},
    {"A: b: c\r\n", "A<b: c>"},
    /* no field: an mbox line, rubbish, a continuation of nothing */
    {"From joe Mon\r\nA: 1\r\n", "A<1>"},
    {" x: y\r\nA: 1\r\n", "A<1>"},
    {"rubbish\r\n more: of it\r\nA: 1\r\n", "A<1>"},
    {": 1\r\nA: 1\r\n", "A<1>"},
    {"A b: 1\r\nB: 2\r\n", "B<2>"},
    {"\xc3\xa9: 1\r\nB: 2\r\n", "B<2>"},
    {"A: \xc3\xa9\r\n", "A<\xc3\xa9>"},
    {"A: 1\x01\r\nB: 2\r\n", "A?B<2>"},
    {"", ""},
    {"\r\n", ""},
};

static void
fields_text(const char *header,
    bool (*next)(
	const char **cursor, const char *end, struct header_field *field),
    char *buf, size_t size)
{
	struct header_field field;
	const char *cursor = header, *end = header + strlen(header);
	char value[256];

	*buf = '\0';
	while (next(&cursor, end, &field)) {
		bool ok = header_text(&field, value, sizeof(value));

		snprintf(buf + strlen(buf), size - strlen(buf),
		    ok ? "%.*s<%s>" : "%.*s?", (int)field.name_len,
		    field.octets, value);
	}
}

static void
test_fields(void **state)
{
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		fields_text(headers[i].header, header_next, text, sizeof(text));
		assert_string_equal(text, headers[i].want);
	}
}

/* The same, for those whom a CR ends a line. */
static const struct {
	const char *header;
	const char *want;
} behind_crs[] = {
    {"A: 1\r\nB: 2\r\n\r\n", ""},
    {"A: 1\rB: 2\rC: 3\r\n", "B<2>C<3>"},
    {"A: 1\rB: 2\r 3\n 4\r\n\t5\nC: 6\n", "B<2 3 4 5>"},
    {"\rA: 1\nB: 2\n", "A<1>"},
    {"A: 1\r\rB: 2\r\r", "B<2>"},
    {"A: 1\r x: 2\rB: 3", "B<3>"},
    {"rubbish\rA: 1\r\n", "A<1>"},
    {"A: 1\r\r\nB: 2\r\n", ""},
    {"A: 1\r", ""},
    {"A: 1\rB:", "B<>"},
    {"", ""},
};

static void
test_behind_cr(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(behind_crs) / sizeof(behind_crs[0]); i++) {
		char text[512];

		fields_text(behind_crs[i].header, header_next_behind_cr, text,
		    sizeof(text));
		assert_string_equal(text, behind_crs[i].want);
	}
}

static void
test_names(void **state)
{
	struct header_field field;
	const char *text = "DKIM-signature : x", *cursor = text;
	char small[2];

	(void)state;
	assert_true(header_next(&cursor, text + strlen(text), &field));
	assert_true(header_is(&field, "dkim-signature"));
	assert_false(header_is(&field, "dkim-signatur"));
	assert_false(header_is(&field, "dkim-signaturee"));
	assert_true(header_text(&field, small, 2));
	assert_false(header_text(&field, small, 1));
}

static void
test_end(void **state)
{
	static const struct {
		const char *octets;
		int at; /* -1: no empty line */
	} ends[] = {{"A: 1\r\n\r\nbody", 8}, {"A: 1\n\nbody", 6},
	    {"\r\nbody", 2}, {"\nbody", 1}, {"A: 1\r\n", -1}, {"", -1},
	    {"A: 1\r\n \r\n", -1}, {"A: 1\r\n\r", -1}, {"\r\r\n", -1}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const char *octets = ends[i].octets;
		const char *end = header_end(octets, strlen(octets));

		assert_int_equal(end == NULL ? -1 : end - octets, ends[i].at);
	}
}

/* --- The whole message ---------------------------------------------------- */

/* What is in a file, and what it is on the wire; "|" begins the body. */
static const struct {
	const char *file;
	const char *want;
} messages[] = {
    {"A: 1\n\nx\ny\n", "A: 1\r\n\r\n|x\r\ny\r\n"},
    {"A: 1\r\n\r\nx\r\ny\r\n", "A: 1\r\n\r\n|x\r\ny\r\n"},
    {"A: 1\r\n\r\nx\ny\r\n", "A: 1\r\n\r\n|x\r\ny\r\n"},
    {"A: 1\n\nx", "A: 1\r\n\r\n|x\r\n"},
    {"A: 1\n\n", "A: 1\r\n\r\n|"},
    {"A: 1\n", "A: 1\r\n|"},
    {"A: 1", "A: 1|"},
    {"", "|"},
    {"\nx\n", "\r\n|x\r\n"},
    {"A: 1\n\n\n\n", "A: 1\r\n\r\n|\r\n\r\n"},
    {"A: 1\n\nx\ry\n", "A: 1\r\n\r\n|x\ry\r\n"},
    /* Where lines end in LF, a CR before it came over the wire. */
    {"A: 1\n\nx\r\n", "A: 1\r\n\r\n|x\r\r\n"},
    {"A: 1\n\nx\r\r\n", "A: 1\r\n\r\n|x\r\r\r\n"},
    {"A: 1\n\n\r\nx\n", "A: 1\r\n\r\n|\r\r\nx\r\n"},
    {"A: 1\r\n\r\nx\r\r\n", "A: 1\r\n\r\n|x\r\r\n"},
    {"\n\r\n", "\r\n|\r\r\n"},
    /* In the header it ends the line: readers of mail see it so. */
    {"A: 1\nB: 2\r\n\r\nx\r\n", "A: 1\r\nB: 2\r\n\r\n|x\r\r\n"},
    {"A: 1\n\r\r\nx\n", "A: 1\r\n\r\r\nx\r\n|"},
    {"A: 1\n\nx\r", "A: 1\r\n\r\n|x\r\r\n"},
};

/* A pipe with these octets in it; they are fewer than a pipe holds. */
static int
pipe_with(const char *octets)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(
	    write(fds[1], octets, strlen(octets)), (ssize_t)strlen(octets));
	close(fds[1]);
	return (fds[0]);
}

static void
message_text(const char *file, size_t piece, char *buf)
{
	const char *problem, *header;
	int fd = pipe_with(file);
	struct message *m = message_open(fd, &problem);
	size_t len;
	ssize_t n;

	assert_non_null(m);
	header = message_header(m, &len);
	memcpy(buf, header, len);
	buf[len++] = '|';
	while ((n = message_body(m, buf + len, piece)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	buf[len] = '\0';
	message_close(m);
	close(fd);
}

static void
test_messages(void **state)
{
	char text[512];
	size_t i, piece;

	(void)state;
	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		for (piece = 2; piece < 8; piece++) {
			message_text(messages[i].file, piece, text);
			assert_string_equal(text, messages[i].want);
		}
}

/* Line ends at every offset around the size of a read. */
static void
test_big(void **state)
{
	FILE *file = tmpfile();
	const char *problem;
	struct message *m;
	char buf[1000], last = 0;
	size_t lines = 0, octets = 0, i;
	ssize_t n;

	(void)state;
	fputs("A: 1\n\n", file);
	for (i = 0; i < 100000; i++)
		fputs("1234567890\n", file);
	fflush(file);
	rewind(file);
	m = message_open(fileno(file), &problem);
	assert_non_null(m);
	while ((n = message_body(m, buf, sizeof(buf))) > 0)
		for (octets += (size_t)n, i = 0; i < (size_t)n; i++) {
			if (buf[i] == '\n')
				assert_int_equal(last, '\r');
			lines += buf[i] == '\n';
			last = buf[i];
		}
	assert_int_equal(lines, 100000);
	assert_int_equal(octets, 1200000);
	message_close(m);
	fclose(file);
}

/* What counts is the header as it came: CRLF must not make it too long. */
static void
test_header_of_short_lines(void **state)
{
	FILE *file = tmpfile();
	const char *problem = NULL;
	struct message *m;
	size_t i, len;

	(void)state;
	for (i = 0; i < MESSAGE_HEADER_MAX / 3 - 1; i++)
		fputs("A:\n", file);
	fputs("\nx\n", file);
	fflush(file);
	rewind(file);
	m = message_open(fileno(file), &problem);
	assert_non_null(m);
	(void)message_header(m, &len);
	assert_int_equal(len, i * 4 + 2);
	message_close(m);
	fclose(file);
}

static void
test_endless_header(void **state)
{
	FILE *file = tmpfile();
	const char *problem = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < 70000; i++)
		fputs("A: 345678\n", file);
	fflush(file);
	rewind(file);
	assert_null(message_open(fileno(file), &problem));
	assert_string_equal(problem, "the header is too long");
	assert_null(message_open(-1, &problem));
	assert_string_equal(problem, "the message cannot be read");
	fclose(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_behind_cr),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_end),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_big),
	    cmocka_unit_test(test_header_of_short_lines),
	    cmocka_unit_test(test_endless_header),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
