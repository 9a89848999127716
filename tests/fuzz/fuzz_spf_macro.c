/* SPDX-License-Identifier: ISC */
/*
 * A macro string and what its letters stand for: five strings that end at a
 * NUL (local-part, origin, domain, HELO name, the client's name), an octet that
 * chooses the client, then the macro string.
 *
 * The two expansions work from opposite ends; where neither is cut they must
 * agree.
 */
#include <string.h>

#include "fuzz.h"
#include "spf_macro.h"

#define INPUTS 5

static const char *
client_name(void *arg, const char *domain)
{
	check(domain != NULL);
	return (arg);
}

/* RFC 7208 7.3, on a text that is whole. */
static const char *
name_cut(char *text)
{
	size_t len = strlen(text);
	char *dot;

	if (len > 0 && text[len - 1] == '.' &&
	    (len == 1 || text[len - 2] != '.'))
		text[--len] = '\0';
	while (len > SPF_NAME_MAX) {
		dot = strchr(text, '.');
		text = dot == NULL ? text + len : dot + 1;
		len = strlen(text);
	}
	return (text);
}

/* `read`: no more octets of values than so many are read. */
static void
check_text(struct spf_macros *macros, const char *text, size_t len, size_t read)
{
	char name[SPF_NAME_MAX + 1], out[SPF_TEXT_MAX + 1];
	size_t name_len, out_len, i;

	out_len = spf_macro_explanation(macros, text, len, out);
	check(out_len <= SPF_TEXT_MAX && out[out_len] == '\0');
	for (i = 0; i < out_len; i++)
		check(out[i] >= ' ' && out[i] <= '~');
	if (!spf_macro_is_string(text, len))
		return;
	name_len = spf_macro_name(macros, text, len, name);
	check(name_len <= SPF_NAME_MAX && name[name_len] == '\0');
	if (out_len == SPF_TEXT_MAX || read > SPF_READ_MAX ||
	    strchr(out, '?') != NULL)
		return;
	check(strcmp(name_cut(out), name) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *input[INPUTS], *text = (const char *)data, *end;
	struct ipaddr ip;
	struct spf_macros macros;
	size_t left = size, i;

	for (i = 0; i < INPUTS; i++) {
		end = memchr(text, '\0', left);
		if (end == NULL)
			return (0);
		input[i] = text;
		left -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	if (left == 0)
		return (0);
	ipaddr_from_text(&ip, *text & 1 ? "192.0.2.1" : "2001:db8::1");
	macros = (struct spf_macros){.local = input[0],
	    .origin = input[1],
	    .domain = input[2],
	    .helo = input[3],
	    .receiver = "mx.example",
	    .client_ip = &ip,
	    .now = 1400000000,
	    .client_name = client_name,
	    .arg = (void *)(uintptr_t)input[4]};
	text++;
	left--;
	if (left > 65535)
		return (0);
	/* A domain-spec is a macro-string, and that an explain-string. */
	if (spf_macro_is_domain(text, left))
		check(spf_macro_is_string(text, left));
	if (spf_macro_is_string(text, left))
		check(spf_macro_is_explanation(text, left));
	if (spf_macro_is_explanation(text, left))
		check_text(&macros, text, left, (left / 4 + 1) * (size + 64));
	return (0);
}
