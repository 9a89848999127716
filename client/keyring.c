/* SPDX-License-Identifier: ISC */
#include "keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 512
#define BLANKS		" \t\r\n"
#define WORD_OCTETS                                                            \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-"

static const char bad_id[] =
    "the name of a key is 1 to 16 letters, digits, . _ : or -";
static const char bad_host[] =
    "the name of a host is 1 to 63 letters, digits, . _ : or -";

struct reading {
	struct keyring *keyring;
	const char *path;
	unsigned line;
	char *error;
	size_t size;
};

static int fail(struct reading *reading, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail(struct reading *reading, const char *fmt, ...)
{
	size_t len = (size_t)snprintf(reading->error, reading->size,
	    "%s:%u: ", reading->path, reading->line);
	va_list ap;

	if (len >= reading->size)
		return (-1);
	va_start(ap, fmt);
	vsnprintf(reading->error + len, reading->size - len, fmt, ap);
	va_end(ap);
	return (-1);
}

static bool
word_valid(const char *word, size_t max)
{
	const size_t len = strlen(word);

	return (len > 0 && len <= max && strspn(word, WORD_OCTETS) == len);
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

static int
secret_read(uint8_t secret[SEAL_KEY], const char *hex)
{
	size_t i;
	int high, low;

	if (strlen(hex) != 2 * (size_t)SEAL_KEY)
		return (-1);
	for (i = 0; i < SEAL_KEY; i++) {
		high = digit_value(hex[2 * i]);
		low = digit_value(hex[2 * i + 1]);
		if (high == -1 || low == -1)
			return (-1);
		secret[i] = (uint8_t)(high << 4 | low);
	}
	return (0);
}

/* Both have been found valid, and fit. */
static void
names_set(struct seal_key *key, const char *id, const char *host)
{
	snprintf(key->id, sizeof(key->id), "%s", id);
	snprintf(key->host, sizeof(key->host), "%s", host);
}

/* What is wrong is told without the key itself: it would end up in a log. */
static int
key_read(struct reading *reading, char *line)
{
	struct keyring *keyring = reading->keyring;
	char *rest = NULL, *id = strtok_r(line, BLANKS, &rest);
	char *secret = strtok_r(NULL, BLANKS, &rest);
	char *host = strtok_r(NULL, BLANKS, &rest);
	struct seal_key *key;

	if (keyring->n == KEYRING_MAX)
		return (fail(reading, "more than %d keys", KEYRING_MAX));
	if (secret == NULL || strtok_r(NULL, BLANKS, &rest) != NULL)
		return (fail(reading, "not NAME KEY [HOST]"));
	if (!word_valid(id, SEAL_ID_MAX))
		return (fail(reading, "%s", bad_id));
	if (keyring_find(keyring, id) != NULL)
		return (fail(reading, "a second key named %s", id));
	key = &keyring->key[keyring->n];
	memset(key, 0, sizeof(*key));
	if (secret_read(key->secret, secret) == -1)
		return (fail(
		    reading, "a key is %d hexadecimal digits", 2 * SEAL_KEY));
	if (host != NULL && !word_valid(host, SEAL_HOST_MAX))
		return (fail(reading, "%s", bad_host));
	names_set(key, id, host == NULL ? "" : host);
	keyring->n++;
	return (0);
}

static int
lines_read(struct reading *reading, FILE *in)
{
	char line[LINE_MAX_OCTETS];
	int bad = 0;

	while (bad == 0 && fgets(line, sizeof(line), in) != NULL) {
		reading->line++;
		if (strchr(line, '\n') == NULL && !feof(in))
			bad = fail(reading, "the line is too long");
		else if (strchr("#\n", line[strspn(line, " \t\r")]) == NULL)
			bad = key_read(reading, line);
	}
	explicit_bzero(line, sizeof(line));
	if (bad == 0 && ferror(in))
		bad = fail(reading, "%s", strerror(errno));
	if (bad == 0 && reading->keyring->n == 0)
		bad = fail(reading, "there is no key in it");
	return (bad);
}

/* Who can read the file has the keys; who can write it chooses them. */
static int
mode_check(struct reading *reading, FILE *in)
{
	struct stat st;

	if (fstat(fileno(in), &st) == -1)
		return (fail(reading, "%s", strerror(errno)));
	if (!S_ISREG(st.st_mode))
		return (fail(reading, "not a file"));
	if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		return (fail(reading,
		    "mode %04o: others must have no access, and the group at "
		    "most read it (chmod 0640)",
		    (unsigned)st.st_mode & 07777));
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return (fail(reading, "it belongs to neither root nor us"));
	return (0);
}

/* Without waiting, if it is a pipe: mode_check() refuses that. */
static FILE *
file_open(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *in = fd == -1 ? NULL : fdopen(fd, "r");

	if (in == NULL && fd != -1)
		close(fd);
	return (in);
}

int
keyring_read(
    struct keyring *keyring, const char *path, char *error, size_t size)
{
	struct reading reading = {keyring, path, 0, error, size};
	char buffer[BUFSIZ];
	FILE *in = file_open(path);
	int bad;

	memset(keyring, 0, sizeof(*keyring));
	if (in == NULL) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return (-1);
	}
	/* Ours, so that it can be wiped. */
	setvbuf(in, buffer, _IOFBF, sizeof(buffer));
	bad = mode_check(&reading, in);
	if (bad == 0)
		bad = lines_read(&reading, in);
	fclose(in);
	explicit_bzero(buffer, sizeof(buffer));
	if (bad != 0)
		keyring_wipe(keyring);
	return (bad);
}

const char *
keyring_make(struct seal_key *key, const char *id, const char *host)
{
	memset(key, 0, sizeof(*key));
	if (!word_valid(id, SEAL_ID_MAX))
		return (bad_id);
	if (*host != '\0' && !word_valid(host, SEAL_HOST_MAX))
		return (bad_host);
	names_set(key, id, host);
	seal_random(key->secret, sizeof(key->secret));
	return (NULL);
}

const struct seal_key *
keyring_find(const struct keyring *keyring, const char *id)
{
	size_t i;

	for (i = 0; i < keyring->n; i++)
		if (strcmp(keyring->key[i].id, id) == 0)
			return (&keyring->key[i]);
	return (NULL);
}

void
keyring_guard(struct keyring *keyring)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t before = (uintptr_t)keyring % page;

	/* Whole pages only; older kernels cannot. */
	madvise(
	    (char *)keyring - before, before + sizeof(*keyring), MADV_DONTDUMP);
}

void
keyring_wipe(struct keyring *keyring)
{
	explicit_bzero(keyring, sizeof(*keyring));
}
