/* SPDX-License-Identifier: ISC */
/*
 * The Received-SPF field (RFC 7208 9.1):
 *
 *	pass (mx.example.net: domain of example.org designates 192.0.2.1 as
 *	    permitted sender) client-ip=192.0.2.1;
 *	    envelope-from="bob@example.org"; helo=a.example.org;
 *	    receiver=mx.example.net; identity=mailfrom; mechanism=a
 *
 * Most of it was said by the sender. So each value is made printable, quoted
 * where it has to be, and cut; and a pair that would make the line too long is
 * left out.
 */
#include "spf.h"

#include <stdio.h>
#include <string.h>

#include "abnf.h"
#include "arena.h"

/* RFC 5322 2.1.1: a line has 998 octets; the field's name takes 14. */
#define LINE_MAX_OCTETS (998 - 14)
/*
 * RFC 5321 4.5.3.1.3: a path has 256 octets. With the comment at its longest
 * there is still room for two such values: envelope-from and helo.
 */
#define VALUE_MAX   256
#define COMMENT_MAX 100 /* a foreign word within the comment */

struct line {
	char text[LINE_MAX_OCTETS + 1];
	size_t len;
	bool over; /* something did not fit */
};

static void
line_put(struct line *line, char c)
{
	if (line->len == LINE_MAX_OCTETS) {
		line->over = true;
		return;
	}
	line->text[line->len++] = c;
	line->text[line->len] = '\0';
}

static void
line_puts(struct line *line, const char *text)
{
	while (*text != '\0')
		line_put(line, *text++);
}

static char
octet_printable(char c)
{
	return (c < ' ' || c > '~' ? '?' : c);
}

static bool
is_atext(char c)
{
	return (abnf_is_alpha(c) || abnf_is_digit(c) ||
		(c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL));
}

/* RFC 5322 3.2.3 */
static bool
is_dot_atom(const char *text)
{
	for (;;) {
		if (!is_atext(*text))
			return (false);
		while (is_atext(*text))
			text++;
		if (*text == '\0')
			return (true);
		if (*text++ != '.')
			return (false);
	}
}

/* RFC 7208 9.1: dot-atom / quoted-string */
static void
line_put_value(struct line *line, const char *value)
{
	size_t i;

	if (strlen(value) <= VALUE_MAX && is_dot_atom(value)) {
		line_puts(line, value);
		return;
	}
	line_put(line, '"');
	for (i = 0; *value != '\0' && i < VALUE_MAX; i++, value++) {
		if (*value == '"' || *value == '\\') {
			line_put(line, '\\');
			i++;
		}
		line_put(line, octet_printable(*value));
	}
	line_put(line, '"');
}

static void
line_put_pair(struct line *line, const char *key, const char *value)
{
	const size_t before = line->len;
	const bool first = line->text[before - 1] == ')';

	line_puts(line, first ? " " : "; ");
	line_puts(line, key);
	line_put(line, '=');
	line_put_value(line, value);
	if (line->over) {
		line->len = before;
		line->text[before] = '\0';
		line->over = false;
	}
}

/* Within a comment (RFC 5322 3.2.2) parentheses and "\" are special. */
static void
line_put_word(struct line *line, const char *word)
{
	const size_t len = strnlen(word, COMMENT_MAX);
	size_t i;

	for (i = 0; i < len; i++)
		line_put(line, strchr("()\\", word[i]) != NULL
				   ? '?'
				   : octet_printable(word[i]));
}

/* What the result says of the client: text before and after its address. */
static const char *const *
result_comment(enum spf_result result)
{
	static const char *const texts[][2] = {
	    [SPF_NONE] = {"does not say whether ", " is a permitted sender"},
	    [SPF_NEUTRAL] = {"neither permits nor denies ", ""},
	    [SPF_PASS] = {"designates ", " as permitted sender"},
	    [SPF_FAIL] = {"does not designate ", " as permitted sender"},
	    [SPF_SOFTFAIL] = {"does not designate ", " as permitted sender"},
	    [SPF_TEMPERROR] = {"could not be checked for ", ""},
	    [SPF_PERMERROR] = {"has no usable record to check ", ""},
	};

	return (texts[result]);
}

static void
line_put_comment(struct line *line, const char *receiver, const char *client_ip,
    const struct spf_answer *answer)
{
	const char *const *text = result_comment(answer->result);

	line_puts(line, " (");
	line_put_word(line, receiver);
	line_puts(line, ": domain of ");
	line_put_word(line, answer->domain);
	line_put(line, ' ');
	line_puts(line, text[0]);
	line_puts(line, client_ip);
	line_puts(line, text[1]);
	line_put(line, ')');
}

const char *
spf_received(struct view *view, const struct spf_question *question,
    const struct spf_answer *answer)
{
	const char *receiver = question->receiver;
	char client_ip[IPADDR_TEXT_MAX];
	struct line line = {.len = 0};

	if (receiver == NULL || *receiver == '\0')
		receiver = "unknown";
	ipaddr_text(&question->client_ip, client_ip);
	line_puts(&line, spf_result_text(answer->result));
	line_put_comment(&line, receiver, client_ip, answer);
	line_put_pair(&line, "client-ip", client_ip);
	/* The null reverse-path, too: it is why the HELO name was checked. */
	if (question->identity == SPF_MAILFROM)
		line_put_pair(&line, "envelope-from", question->mail_from);
	line_put_pair(&line, "helo", question->helo);
	line_put_pair(&line, "receiver", receiver);
	line_put_pair(&line, "identity",
	    answer->identity == SPF_HELO ? "helo" : "mailfrom");
	line_put_pair(&line, "mechanism", answer->mechanism);
	if (answer->problem != NULL)
		line_put_pair(&line, "problem", answer->problem);
	return (arena_strndup(view_arena(view), line.text, line.len));
}
