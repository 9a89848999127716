/* SPDX-License-Identifier: ISC */
#include "mail_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies the word behind " name=", as far as it fits. */
static void
word_find(
    const char *line, const char *end, const char *name, char *buf, size_t size)
{
	size_t len = strlen(name), used = 0;
	const char *p;

	for (p = line; p + len < end; p++)
		if (memcmp(p, name, len) == 0)
			break;
	if (p + len < end)
		for (p += len; p < end && *p != ' ' && used + 1 < size; p++)
			buf[used++] = *p;
	buf[used] = '\0';
}

static enum mail_key_status
status_read(const char *word)
{
	static const struct {
		const char *word;
		enum mail_key_status status;
	} words[] = {{"ok", MAIL_KEY_OK}, {"none", MAIL_KEY_NONE},
	    {"revoked", MAIL_KEY_REVOKED}, {"invalid", MAIL_KEY_INVALID}};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return (words[i].status);
	return (MAIL_KEY_TEMPERROR);
}

static bool
is_space(char c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

/*
 * A record that is too long for libopendkim may fit without its white space,
 * which means nothing in a key, and without its note (RFC 6376 3.6.1, n=).
 */
static bool
record_squeeze(const char *text, char *buf, size_t size)
{
	size_t used = 0, tag = 0;
	char c;

	for (; (c = *text) != '\0'; text++) {
		if (is_space(c))
			continue;
		if (used + 1 == size)
			return (false);
		buf[used++] = c;
		if (c == ';')
			tag = used;
		if (used - tag == 2 && buf[tag] == 'n' && c == '=') {
			used = tag;
			text += strcspn(text, ";");
			if (*text == '\0')
				break;
		}
	}
	buf[used] = '\0';
	return (true);
}

void
mail_key_read(struct mail_key *key, const char *value)
{
	const char *record = strstr(value, " record=");
	const char *end = record == NULL ? value + strlen(value) : record;
	char word[32];

	word_find(value, end, " status=", word, sizeof(word));
	key->status = status_read(word);
	word_find(value, end, " bits=", word, sizeof(word));
	key->bits = (unsigned)strtoul(word, NULL, 10);
	word_find(value, end, " alg=", key->alg, sizeof(key->alg));
	key->record[0] = '\0';
	if (key->status != MAIL_KEY_OK)
		return;
	record = record == NULL ? "" : record + strlen(" record=");
	if (strlen(record) < sizeof(key->record))
		memcpy(key->record, record, strlen(record) + 1);
	else if (!record_squeeze(record, key->record, sizeof(key->record)))
		key->status = MAIL_KEY_INVALID;
}

/* The answer names the keys in the order of the question. */
static size_t
answer_read(const struct verdict *v, struct mail_key *keys, size_t n)
{
	const char *cursor = NULL, *name, *value;
	size_t found = 0;

	while ((value = verdict_next(v, &cursor, &name)) != NULL)
		if (strcmp(name, "key") == 0 && found++ < n)
			mail_key_read(&keys[found - 1], value);
	return (found);
}

enum verdict_status
mail_keys_ask(struct verdict *v, struct mail_key *keys, size_t n)
{
	char line[2 * SIGNATURE_NAME_MAX];
	enum verdict_status status;
	size_t i;

	verdict_ask(v, "dkim-key");
	for (i = 0; i < n; i++) {
		keys[i].status = MAIL_KEY_TEMPERROR;
		snprintf(line, sizeof(line), "%s %s", keys[i].selector,
		    keys[i].domain);
		verdict_add(v, "key", line);
	}
	status = verdict_send(v);
	if (status != VERDICT_OK || answer_read(v, keys, n) == n)
		return (status);
	for (i = 0; i < n; i++)
		keys[i].status = MAIL_KEY_TEMPERROR;
	return (VERDICT_MALFORMED);
}
