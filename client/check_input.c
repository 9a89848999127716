/* SPDX-License-Identifier: ISC */
#include "check_input.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stub_program.h"

/* Of the name of a field, with its NUL. */
#define NAME_MAX_LEN 64

/* --- Reading -------------------------------------------------------------- */

static int64_t
clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/*
 * The descriptor is the caller's too, so it is not made non-blocking: poll()
 * comes first.
 */
static bool
wait_readable(int fd, int64_t deadline)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int64_t left;

	while ((left = deadline - clock_ms()) > 0)
		if (poll(&pollfd, 1, (int)left) > 0)
			return (true);
	return (false);
}

/* Reads until the end, or one octet more than is allowed. */
static enum input_status
octets_read(struct input *input, int fd, int64_t deadline)
{
	ssize_t n;

	while (input->len <= INPUT_MAX) {
		if (!wait_readable(fd, deadline))
			return (INPUT_LATE);
		n = read(fd, input->octets + input->len,
		    sizeof(input->octets) - input->len);
		if (n == 0)
			return (INPUT_READ);
		if (n > 0)
			input->len += (size_t)n;
		else if (errno == EBADF)
			return (INPUT_CLOSED);
		else if (errno != EINTR && errno != EAGAIN)
			return (INPUT_BAD);
	}
	return (INPUT_BAD);
}

enum input_status
input_read(struct input *input, int fd, int ms)
{
	enum input_status status;

	input->len = 0;
	status = octets_read(input, fd, clock_ms() + ms);
	if (status != INPUT_CLOSED)
		close(fd);
	if (status == INPUT_READ && input_parse(input) < 0)
		status = INPUT_BAD;
	return (status);
}

/* --- Parsing -------------------------------------------------------------- */

/* The string at *cursor, which is moved behind it; NULL if none is left. */
static const char *
string_next(const char **cursor, const char *end)
{
	const char *string = *cursor, *nul;

	if (string == end)
		return (NULL);
	nul = memchr(string, '\0', (size_t)(end - string));
	if (nul == NULL)
		return (NULL);
	*cursor = nul + 1;
	return (string);
}

/* Is it "name=value", with a name that can be one? */
static bool
is_more(const char *string)
{
	size_t len = strspn(string, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return (*string >= 'a' && *string <= 'z' && len < NAME_MAX_LEN &&
		string[len] == '=');
}

int
input_parse(struct input *input)
{
	const char *cursor = input->octets, *end = cursor + input->len;
	const char *string;

	input->client_ip = string_next(&cursor, end);
	input->helo = string_next(&cursor, end);
	input->mail_from = string_next(&cursor, end);
	input->from_domain = string_next(&cursor, end);
	input->more = cursor;
	if (input->from_domain == NULL || *input->client_ip == '\0')
		return (-1);
	while ((string = string_next(&cursor, end)) != NULL)
		if (!is_more(string))
			return (-1);
	/* What has no NUL behind it was cut off. */
	return (cursor == end ? 0 : -1);
}

int
input_from_environment(struct input *input)
{
	const char *mail_from = getenv("SMTPMAILFROM");
	const char *from_domain = getenv("VERDICT_FROM_DOMAIN");

	input->client_ip = program_client_ip();
	input->helo = program_client_helo();
	input->mail_from = mail_from == NULL ? "" : mail_from;
	input->from_domain = from_domain == NULL ? "" : from_domain;
	input->len = 0;
	input->more = input->octets;
	return (input->client_ip == NULL ? -1 : 0);
}

/* --- The question --------------------------------------------------------- */

static void
more_walk(const struct input *input,
    void (*put)(void *to, const char *name, const char *value), void *to)
{
	const char *cursor = input->more, *end = input->octets + input->len;
	const char *string, *equals;
	char name[NAME_MAX_LEN];

	while ((string = string_next(&cursor, end)) != NULL) {
		equals = strchr(string, '=');
		memcpy(name, string, (size_t)(equals - string));
		name[equals - string] = '\0';
		put(to, name, equals + 1);
	}
}

void
input_walk(const struct input *input,
    void (*put)(void *to, const char *name, const char *value), void *to)
{
	put(to, "client_ip", input->client_ip);
	if (input->helo != NULL && *input->helo != '\0')
		put(to, "helo", input->helo);
	put(to, "mail_from", input->mail_from);
	if (*input->from_domain != '\0')
		put(to, "from_domain", input->from_domain);
	more_walk(input, put, to);
}
