/* SPDX-License-Identifier: ISC */
/*
 * A whole message through libopendkim: whatever is in it, each signature gets
 * a result, and none passes that was not made with the key.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "mail_dkim.h"
#include "mail_message.h"

static void
keys_give(struct mail_dkim *dkim)
{
	static const char record[] =
	    "v=DKIM1; k=ed25519; "
	    "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
	struct mail_key *keys;
	size_t n, i;

	keys = mail_dkim_keys(dkim, &n);
	check(n <= MAIL_DKIM_MAX);
	for (i = 0; i < n; i++) {
		keys[i].status = MAIL_KEY_OK;
		keys[i].bits = 256;
		strcpy(keys[i].alg, "ed25519");
		strcpy(keys[i].record, record);
	}
}

static void
results_check(const struct mail_dkim *dkim)
{
	const struct signature *sigs;
	size_t n, more, i;

	sigs = mail_dkim_results(dkim, &n, &more);
	check(n <= MAIL_DKIM_MAX && (more == 0 || n == MAIL_DKIM_MAX));
	for (i = 0; i < n; i++) {
		check(dkim_result_name(sigs[i].result) != NULL);
		check(
		    (sigs[i].problem == NULL) == (sigs[i].result == DKIM_PASS));
		check(mail_dkim_b_length(dkim, i) >= 8);
	}
}

static void
message_verify(int fd)
{
	const char *problem, *header;
	struct message *message = message_open(fd, &problem);
	struct mail_dkim *dkim;
	char buf[4096];
	ssize_t n;
	size_t len;

	if (message == NULL)
		return;
	header = message_header(message, &len);
	dkim = mail_dkim_new(header, len, 1528637909);
	check(dkim != NULL);
	keys_give(dkim);
	mail_dkim_begin(dkim);
	while ((n = message_body(message, buf, sizeof(buf))) > 0)
		mail_dkim_body(dkim, buf, (size_t)n);
	mail_dkim_end(dkim);
	results_check(dkim);
	mail_dkim_free(dkim);
	message_close(message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (fd < 0) {
		fd = fileno(tmpfile());
		check(fd >= 0);
	}
	check(ftruncate(fd, 0) == 0);
	check(pwrite(fd, data, size, 0) == (ssize_t)size);
	check(lseek(fd, 0, SEEK_SET) == 0);
	message_verify(fd);
	return (0);
}
