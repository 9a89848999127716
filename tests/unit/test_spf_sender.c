/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "spf_sender.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	const char *mail_from, *helo;
	enum spf_identity asked, identity;
	const char *local, *domain;
	bool has_domain;
} rows[] = {
    /* clang-format off */
    {"bob@d.example", "h.example", SPF_MAILFROM, SPF_MAILFROM, "bob",
	"d.example", true},
    {"bob@d.example", "h.example", SPF_HELO, SPF_HELO, "postmaster",
	"h.example", true},
    /* RFC 7208 2.4, 4.3 */
    {"", "h.example", SPF_MAILFROM, SPF_HELO, "postmaster", "h.example", true},
    {"@d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "postmaster", "d.example",
	true},
    {"d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "postmaster", "d.example",
	true},
    {"bob@", "h", SPF_MAILFROM, SPF_MAILFROM, "bob", "", true},
    {"@", "h", SPF_MAILFROM, SPF_MAILFROM, "postmaster", "", true},
    {"\"a@b\"@d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "\"a@b\"",
	"d.example", true},
    {"a%b!c@d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "a%b!c", "d.example",
	true},
    /* Source routes; a colon alone is none */
    {"@x.org:bob@d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "bob",
	"d.example", true},
    {"@x.org,@y.org:bob@d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "bob",
	"d.example", true},
    {"@x.org:@d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "postmaster",
	"d.example", true},
    {"a:b@d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "a:b", "d.example",
	true},
    {"@x.org@d:example", "h", SPF_MAILFROM, SPF_MAILFROM, "@x.org",
	"d:example", true},
    /* Dots at the end */
    {"bob@d.example.", "h", SPF_MAILFROM, SPF_MAILFROM, "bob", "d.example",
	true},
    {"bob@d.example..", "h", SPF_MAILFROM, SPF_MAILFROM, "bob", "d.example..",
	true},
    {"", "h.example.", SPF_MAILFROM, SPF_HELO, "postmaster", "h.example",
	true},
    {"", ".", SPF_MAILFROM, SPF_HELO, "postmaster", ".", true},
    {"", "h.", SPF_MAILFROM, SPF_HELO, "postmaster", "h", true},
    {"", "", SPF_MAILFROM, SPF_HELO, "postmaster", "", true},
    /* No names */
    {"", "192.0.2.1", SPF_MAILFROM, SPF_HELO, "postmaster", "192.0.2.1",
	false},
    {"", "2001:db8::1", SPF_MAILFROM, SPF_HELO, "postmaster", "2001:db8::1",
	false},
    {"", "[192.0.2.1]", SPF_MAILFROM, SPF_HELO, "postmaster", "[192.0.2.1]",
	false},
    {"bob@[IPv6:2001:db8::1]", "h", SPF_MAILFROM, SPF_MAILFROM, "bob",
	"[IPv6:2001:db8::1]", false},
    {"bob@d example", "h", SPF_MAILFROM, SPF_MAILFROM, "bob", "d example",
	false},
    {"bob@d\x7f.example", "h", SPF_MAILFROM, SPF_MAILFROM, "bob",
	"d\x7f.example", false},
    {"bob@~d.example", "h", SPF_MAILFROM, SPF_MAILFROM, "bob", "~d.example",
	true},
    /* RFC 8616 4 */
    {"bob@b\xc3\xbc" "cher.example.", "h", SPF_MAILFROM, SPF_MAILFROM, "bob",
	"xn--bcher-kva.example", true},
    {"bob@b\xc3.example", "h", SPF_MAILFROM, SPF_MAILFROM, "bob",
	"b\xc3.example", false},
    {"", "b\xc3\xbc" "cher.example", SPF_MAILFROM, SPF_HELO, "postmaster",
	"b\xc3\xbc" "cher.example", false},
    {"j\xc3\xbcrgen@d.example", "h", SPF_MAILFROM, SPF_MAILFROM,
	"j\xc3\xbcrgen", "d.example", true},
    /* clang-format on */
};

static void
test_sender(void **state)
{
	struct arena *arena = arena_new();
	struct spf_question question = {0};
	struct spf_sender sender;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		question.mail_from = rows[i].mail_from;
		question.helo = rows[i].helo;
		question.identity = rows[i].asked;
		memset(&sender, 0xa5, sizeof(sender));
		spf_sender_set(&sender, arena, &question);
		if (sender.identity != rows[i].identity ||
		    strcmp(sender.local, rows[i].local) != 0 ||
		    strcmp(sender.domain, rows[i].domain) != 0 ||
		    sender.has_domain != rows[i].has_domain ||
		    sender.local_is_ascii !=
			(strchr(rows[i].local, 0xc3) == NULL))
			fail_msg("row %zu: %s, %s: %d %s %s %d", i,
			    rows[i].mail_from, rows[i].helo, sender.identity,
			    sender.local, sender.domain, sender.has_domain);
	}
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sender)};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
