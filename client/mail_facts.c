/* SPDX-License-Identifier: ISC */
#include "mail_facts.h"

#include <stdio.h>
#include <time.h>

#include "mail_header.h"

int
mail_facts_read(struct mail_facts *facts, const struct message *message)
{
	struct header_field field;
	size_t len;
	const char *header = message_header(message, &len), *cursor = header;

	authors_begin(&facts->authors);
	facts->message_id[0] = '\0';
	while (header_next(&cursor, header + len, &field)) {
		if (header_is(&field, "from"))
			authors_add(
			    &facts->authors, field.value, field.value_len);
		else if (header_is(&field, "message-id") &&
			 !header_text(&field, facts->message_id,
			     sizeof(facts->message_id)))
			facts->message_id[0] = '\0';
	}
	cursor = header;
	while (header_next_behind_cr(&cursor, header + len, &field))
		if (header_is(&field, "from"))
			authors_add(
			    &facts->authors, field.value, field.value_len);
	facts->dkim = mail_dkim_new(header, len, time(NULL));
	return (facts->dkim == NULL ? -1 : 0);
}

/* Without a key nothing can be verified, and the body need not be read. */
static bool
has_key(struct mail_dkim *dkim)
{
	size_t n, i;
	const struct mail_key *keys = mail_dkim_keys(dkim, &n);

	for (i = 0; i < n; i++)
		if (keys[i].status == MAIL_KEY_OK)
			return (true);
	return (false);
}

int
mail_facts_verify(struct mail_facts *facts, struct message *message,
    bool (*late)(void *closure), void *closure)
{
	char buf[16384];
	ssize_t len = 0;

	if (has_key(facts->dkim)) {
		mail_dkim_begin(facts->dkim);
		while ((len = message_body(message, buf, sizeof(buf))) > 0) {
			if (late != NULL && late(closure)) {
				mail_dkim_late(facts->dkim);
				break;
			}
			mail_dkim_body(facts->dkim, buf, (size_t)len);
		}
	}
	if (len < 0)
		return (-1);
	mail_dkim_end(facts->dkim);
	return (0);
}

/* "pass d=example.org s=k1 a=rsa-sha256 b=dzdVyOfA"; what is unknown, not. */
static void
signature_print(const struct mail_dkim *dkim, const struct signature *sig,
    size_t i, char *buf, size_t size)
{
	const struct {
		const char *tag, *value;
		int len;
	} tags[] = {{"d", sig->domain, SIGNATURE_NAME_MAX},
	    {"s", sig->selector, SIGNATURE_NAME_MAX},
	    {"a", sig->algorithm, SIGNATURE_NAME_MAX},
	    {"b", sig->b, mail_dkim_b_length(dkim, i)}};
	size_t used, k;

	used = (size_t)snprintf(buf, size, "%s", dkim_result_name(sig->result));
	for (k = 0; k < sizeof(tags) / sizeof(tags[0]); k++)
		if (tags[k].value[0] != '\0' && used < size)
			used += (size_t)snprintf(buf + used, size - used,
			    " %s=%.*s", tags[k].tag, tags[k].len,
			    tags[k].value);
	if (sig->limit >= 0 && used < size)
		snprintf(buf + used, size - used, " l=%ld", sig->limit);
}

void
mail_facts_put(const struct mail_facts *facts,
    void (*put)(void *to, const char *name, const char *value), void *to)
{
	const struct signature *sigs;
	char line[1024];
	size_t n, more, i;

	for (i = 0; i < facts->authors.n; i++)
		put(to, "from_domain", facts->authors.domains[i]);
	sigs = mail_dkim_results(facts->dkim, &n, &more);
	for (i = 0; i < n; i++) {
		signature_print(facts->dkim, &sigs[i], i, line, sizeof(line));
		put(to, "dkim", line);
	}
	if (facts->message_id[0] != '\0')
		put(to, "message_id", facts->message_id);
}

void
mail_facts_free(struct mail_facts *facts)
{
	mail_dkim_free(facts->dkim);
	facts->dkim = NULL;
}
