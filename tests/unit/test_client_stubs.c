/* SPDX-License-Identifier: ISC */
/* What verdict-check is asked, and what verdict-spp hands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "check_input.h"
#include "spp_note.h"
#include "stub_program.h"

/* --- Descriptor 3 --------------------------------------------------------- */

/* NUL is written "|". */
static const struct {
	const char *octets;
	const char *question; /* NULL: malformed */
} inputs[] = {
    {"192.0.2.1|h|a@b|c.example|",
	"client_ip=192.0.2.1\nhelo=h\nmail_from=a@b\nfrom_domain=c.example\n"},
    {"192.0.2.1||||", "client_ip=192.0.2.1\nmail_from=\n"},
    {"192.0.2.1|h|||dkim=pass d=x s=y|message_id=<1=2>|",
	"client_ip=192.0.2.1\nhelo=h\nmail_from=\ndkim=pass d=x s=y\n"
	"message_id=<1=2>\n"},
    {"192.0.2.1|h|||from_domain=|",
	"client_ip=192.0.2.1\nhelo=h\nmail_from=\nfrom_domain=\n"},
    {"", NULL},
    {"|", NULL},
    {"||||", NULL},
    {"192.0.2.1|h|a@b|", NULL},
    {"192.0.2.1|h|a@b|c.example", NULL},
    {"192.0.2.1|h|a@b|c.example|x", NULL},
    {"192.0.2.1|h|a@b|c.example|x=1", NULL},
    {"192.0.2.1|h|a@b|c.example||", NULL},
    {"192.0.2.1|h|a@b|c.example|=1|", NULL},
    {"192.0.2.1|h|a@b|c.example|X=1|", NULL},
    {"192.0.2.1|h|a@b|c.example|1x=1|", NULL},
    {"192.0.2.1|h|a@b|c.example|a b=1|", NULL},
    {"192.0.2.1|h|a@b|c.example|a\nb=1|", NULL},
    {"192.0.2.1|h|a@b|c.example|"
     "a123456789012345678901234567890123456789012345678901234567890123=1|",
	NULL},
};

static void
put(void *to, const char *name, const char *value)
{
	char *text = to;
	size_t used = strlen(text);

	snprintf(text + used, 1024 - used, "%s=%s\n", name, value);
}

static bool
input_holds(size_t i)
{
	const char *octets = inputs[i].octets;
	struct input input = {.len = strlen(octets)};
	char text[1024] = "";
	size_t k;

	for (k = 0; k < input.len; k++)
		input.octets[k] = octets[k] == '|' ? '\0' : octets[k];
	if (input_parse(&input) == 0)
		input_walk(&input, put, text);
	else
		strcpy(text, "malformed");
	if (strcmp(text, inputs[i].question == NULL ? "malformed"
						    : inputs[i].question) == 0)
		return (true);
	print_error("%s\n gives %s\n", octets, text);
	return (false);
}

static void
test_inputs(void **state)
{
	size_t i, bad = 0;

	(void)state;
	for (i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		bad += !input_holds(i);
	assert_int_equal(bad, 0);
}

/* Writes `len` octets into a pipe, and may leave it open. */
static enum input_status
read_from_pipe(struct input *input, size_t len, bool close_it, int ms)
{
	static char octets[INPUT_MAX + 10] = "192.0.2.1\0h\0a@b\0c.example\0m=";
	enum input_status status;
	int fds[2];

	memset(octets + 28, 'x', sizeof(octets) - 28);
	octets[len - 1] = '\0';
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], octets, len), len);
	if (close_it)
		close(fds[1]);
	status = input_read(input, fds[0], ms);
	if (!close_it)
		close(fds[1]);
	octets[len - 1] = 'x';
	/* It is closed, whatever came. */
	assert_int_equal(close(fds[0]), -1);
	return (status);
}

static void
test_reading(void **state)
{
	struct input input;
	const int ms = 20000;

	(void)state;
	assert_int_equal(
	    read_from_pipe(&input, INPUT_MAX, true, ms), INPUT_READ);
	assert_int_equal(input.len, INPUT_MAX);
	assert_int_equal(
	    read_from_pipe(&input, INPUT_MAX + 1, true, ms), INPUT_BAD);
	assert_int_equal(
	    read_from_pipe(&input, INPUT_MAX + 9, false, ms), INPUT_BAD);
	assert_int_equal(read_from_pipe(&input, 100, false, 30), INPUT_LATE);
	assert_int_equal(input_read(&input, 99, ms), INPUT_CLOSED);
}

/* --- The note ------------------------------------------------------------- */

static const struct {
	struct note note;
	const char *text;
} written[] = {
    {{"fail", "192.0.2.1", "h.example", "a@b.example"},
	"spf=fail client_ip=192.0.2.1 helo=h.example mail_from=a@b.example"},
    {{"", "2001:db8::1", "", ""},
	"spf= client_ip=2001:db8::1 helo= mail_from="},
    {{"pass", "192.0.2.1", "a b\n%", "x=y mail_from=@z"},
	"spf=pass client_ip=192.0.2.1 helo=a%20b%0A%25 "
	"mail_from=x=y%20mail_from=@z"},
    {{"pass", "192.0.2.1", "\xc3\xa9", "a@b"},
	"spf=pass client_ip=192.0.2.1 helo=%C3%A9 mail_from=a@b"},
};

static void
test_notes(void **state)
{
	char text[NOTE_MAX];
	struct note back;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		const struct note *note = &written[i].note;

		assert_true(note_write(text, note));
		assert_string_equal(text, written[i].text);
		assert_true(
		    note_read(&back, text, note->client_ip, note->mail_from));
		assert_string_equal(back.spf, note->spf);
		assert_string_equal(back.helo, note->helo);
	}
}

/* None of these is about 192.0.2.1 and a@b. */
static const char *const foreign[] = {
    "",
    "spf=pass",
    "spf=pass client_ip=192.0.2.1 helo=h",
    "spf=pass client_ip=192.0.2.2 helo=h mail_from=a@b",
    "spf=pass client_ip=192.0.2.1 helo=h mail_from=A@b",
    "spf=pass client_ip=192.0.2.1 helo=h mail_from=",
    "spf=pass client_ip=192.0.2.1 helo=h mail_from=a@b x=y",
    "client_ip=192.0.2.1 spf=pass helo=h mail_from=a@b",
    "spf=pass client_ip=192.0.2.1 helo=%0 mail_from=a@b",
    "spf=pass client_ip=192.0.2.1 helo=%00 mail_from=a@b",
    "spf=pass client_ip=192.0.2.1 helo=%zz mail_from=a@b",
    "spf=pass client_ip=192.0.2.1 helo=h mail_from=a@b%",
};

static void
test_foreign(void **state)
{
	char text[256];
	struct note note;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		strcpy(text, foreign[i]);
		if (note_read(&note, text, "192.0.2.1", "a@b"))
			fail_msg("taken: %s", foreign[i]);
	}
}

static void
test_too_long(void **state)
{
	char text[NOTE_MAX], helo[NOTE_MAX / 3];
	struct note note = {"pass", "192.0.2.1", helo, "a@b"};

	(void)state;
	memset(helo, ' ', sizeof(helo));
	helo[sizeof(helo) - 1] = '\0';
	assert_false(note_write(text, &note));
}

/* A name too long for a question must not keep it from being asked. */
static void
test_long_helo(void **state)
{
	char name[70000];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	setenv("SMTPHELOHOST", name, 1);
	assert_int_equal(strlen(program_client_helo()), PROGRAM_HELO_MAX - 1);
	setenv("SMTPHELOHOST", "mail.example.org", 1);
	assert_string_equal(program_client_helo(), "mail.example.org");
	unsetenv("SMTPHELOHOST");
	assert_null(program_client_helo());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_inputs),
	    cmocka_unit_test(test_reading),
	    cmocka_unit_test(test_notes),
	    cmocka_unit_test(test_foreign),
	    cmocka_unit_test(test_too_long),
	    cmocka_unit_test(test_long_helo),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
