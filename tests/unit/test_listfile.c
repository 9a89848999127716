/* SPDX-License-Identifier: ISC */
/* Sets of names, addresses and words, against what the same sets mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "facts_given.h"
#include "listfile.h"

/* A list of what stands in `text`, separated by spaces. */
static struct listfile *
build(enum listfile_kind kind, const char *text)
{
	struct listfile *list = listfile_new(kind);
	struct listfile_error error;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (listfile_add(list, text, len, &error) != 0)
			fail_msg("%s: %s", text, error.message);
		text += len + strspn(text + len, " ");
	}
	listfile_finish(list);
	return (list);
}

static void
test_domains(void **state)
{
	static const struct {
		const char *name;
		bool in;
	} table[] = {
	    {"example.com", true},
	    {"EXAMPLE.com", true},
	    {"a.b.example.com", true},
	    {"example.net", false},
	    {"a.example.net", true},
	    {"b.example.net", false},
	    {"ba.example.net", false},
	    {"com", false},
	    {".", false},
	    {"org", true},
	    {"x.y.z.org", true},
	    {"xorg", false},
	};
	struct listfile *list = build(LISTFILE_DOMAINS,
	    "example.com org a.example.net Example.Com. www.example.com");
	struct dname name;
	struct ipaddr ip;
	size_t i;

	(void)state;
	assert_int_equal(listfile_count(list), 4); /* one stands there twice */
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(dname_from_text(&name, table[i].name), 0);
		if (listfile_has_domain(list, &name) != table[i].in)
			fail_msg("%s", table[i].name);
	}
	/* A dot within a label is no border of one. */
	name.len = 13;
	memcpy(name.wire, "\013example.com", 13);
	assert_false(listfile_has_domain(list, &name));
	assert_int_equal(ipaddr_from_text(&ip, "192.0.2.1"), 0);
	assert_false(listfile_has_address(list, &ip));
	assert_false(listfile_has_word(list, "example.com"));
	listfile_free(list);
}

static void
test_addresses(void **state)
{
	static const struct {
		const char *ip;
		bool in;
	} table[] = {
	    {"192.0.2.0", true},
	    {"192.0.2.255", true},
	    {"192.0.3.0", true},
	    {"192.0.3.1", false},
	    {"192.0.1.255", false},
	    {"10.255.255.255", true},
	    {"11.0.0.0", false},
	    {"9.255.255.255", false},
	    {"::ffff:10.1.2.3", true},
	    {"2001:db8::1", true},
	    {"2001:db8:0:ffff:ffff:ffff:ffff:ffff", true},
	    {"2001:db8:1::", false},
	    {"2001:db7:ffff::", false},
	    {"::", false},
	    {"c000:200::", false}, /* the octets of 192.0.2.0 */
	    {"255.255.255.255", true},
	    {"255.255.255.254", false},
	};
	struct listfile *list = build(LISTFILE_ADDRESSES,
	    "192.0.2.128/25 192.0.2.0/24 192.0.2.7 10.0.0.0/8 192.0.3.0 "
	    "10.1.0.0/16 2001:db8::/48 255.255.255.255/32");
	struct ipaddr ip;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(ipaddr_from_text(&ip, table[i].ip), 0);
		if (listfile_has_address(list, &ip) != table[i].in)
			fail_msg("%s", table[i].ip);
	}
	ip.octets = 0;
	assert_false(listfile_has_address(list, &ip));
	listfile_free(list);
}

static void
test_words(void **state)
{
	struct listfile *list = build(LISTFILE_WORDS, "A@Example.org b");

	(void)state;
	assert_true(listfile_has_word(list, "a@example.ORG"));
	assert_true(listfile_has_word(list, "B"));
	assert_false(listfile_has_word(list, ""));
	assert_false(listfile_has_word(list, "a@example.or"));
	assert_false(listfile_has_word(list, "example.org"));
	listfile_free(list);
}

static void
test_empty(void **state)
{
	enum listfile_kind kind;
	struct dname name;
	struct ipaddr ip;

	(void)state;
	assert_int_equal(dname_from_text(&name, "example.com"), 0);
	assert_int_equal(ipaddr_from_text(&ip, "192.0.2.1"), 0);
	for (kind = LISTFILE_DOMAINS; kind <= LISTFILE_WORDS; kind++) {
		struct listfile *list = build(kind, "");

		assert_int_equal(listfile_count(list), 0);
		assert_false(listfile_has_domain(list, &name));
		assert_false(listfile_has_address(list, &ip));
		assert_false(listfile_has_word(list, "x"));
		listfile_free(list);
	}
	listfile_free(NULL);
}

/* Random prefixes, each address against each of them. */
static void
test_addresses_random(void **state)
{
	struct {
		struct ipaddr net;
		unsigned bits;
	} prefix[12];
	unsigned round, i, j;

	(void)state;
	for (round = 0; round < 500; round++) {
		struct listfile *list = listfile_new(LISTFILE_ADDRESSES);
		struct listfile_error error;
		char text[80], addr[IPADDR_TEXT_MAX];

		/* Few bits vary, so that prefixes nest and touch. */
		for (i = 0; i < 12; i++) {
			unsigned low = (unsigned)chance(256);

			prefix[i].bits = 24 + (unsigned)chance(9);
			low &= 0xff00U >> (prefix[i].bits - 24);
			snprintf(text, sizeof(text), "192.0.%u.%u",
			    (unsigned)chance(2), low & 0xff);
			ipaddr_from_text(&prefix[i].net, text);
			snprintf(text, sizeof(text), "%s/%u",
			    ipaddr_text(&prefix[i].net, addr), prefix[i].bits);
			if (listfile_add(list, text, strlen(text), &error) != 0)
				fail_msg("%s", error.message);
		}
		listfile_finish(list);
		for (i = 0; i < 512; i++) {
			struct ipaddr ip;
			bool in = false;

			snprintf(text, sizeof(text), "192.0.%u.%u", i / 256,
			    i % 256);
			ipaddr_from_text(&ip, text);
			for (j = 0; j < 12; j++)
				in |= ipaddr_within(
				    &ip, &prefix[j].net, prefix[j].bits);
			if (listfile_has_address(list, &ip) != in)
				fail_msg("%s", text);
		}
		listfile_free(list);
	}
}

/* Random short names, each against each entry. */
static void
test_domains_random(void **state)
{
	struct dname entry[40], name;
	unsigned round, i, j;

	(void)state;
	for (round = 0; round < 300; round++) {
		struct listfile *list = listfile_new(LISTFILE_DOMAINS);
		struct listfile_error error;
		char text[8];

		for (i = 0; i < 40 + 100; i++) {
			bool in = false;

			snprintf(text, sizeof(text), "%c.%c.%c",
			    (int)('a' + chance(4)), (int)('a' + chance(4)),
			    (int)('a' + chance(4)));
			j = (unsigned)chance(3) * 2;
			dname_from_text(&name, text + j);
			if (i < 40) {
				entry[i] = name;
				(void)listfile_add(
				    list, text + j, strlen(text + j), &error);
				if (i == 39)
					listfile_finish(list);
				continue;
			}
			for (j = 0; j < 40; j++)
				in |= dname_within(&name, &entry[j]);
			assert_int_equal(listfile_has_domain(list, &name), in);
		}
		listfile_free(list);
	}
}

/* ---- files ------------------------------------------------------------ */

static void
test_file_mistakes(void **state)
{
	static const struct {
		const char *text;
		size_t len; /* 0: as long as the text */
		unsigned line;
		const char *says;
	} table[] = {
	    {"a.example\nb example\n", 0, 2, "no domain name"},
	    {"\n\n*.example", 0, 3, "name alone"},
	    {"a@b.example", 0, 1, "behind the \"@\""},
	    {".example", 0, 1, "first dot"},
	    {"a..example", 0, 1, "no domain name"},
	    {"a.example#b", 0, 0, NULL},
	    {"a.example\0b\nc.example\n", 22, 1, "NUL"},
	    {"a.example\nb.example\0c", 21, 2, "NUL"},
	    {"caf\xc3\xa9.example", 0, 1, "xn--"},
	    {"", 0, 0, NULL},
	    {"# only\n   \n\t# this", 0, 0, NULL},
	    {"a.example \t # b\r\n b.example\r\n", 0, 0, NULL},
	};
	char path[] = "/tmp/test_listfile.XXXXXX";
	size_t i;

	(void)state;
	close(mkstemp(path));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct listfile *list = listfile_new(LISTFILE_DOMAINS);
		struct listfile_error error = {0, ""};
		FILE *file = fopen(path, "w");
		size_t len = table[i].len;
		int status;

		fwrite(
		    table[i].text, 1, len ? len : strlen(table[i].text), file);
		fclose(file);
		status = listfile_load(list, path, &error);
		listfile_finish(list);
		if (table[i].says == NULL && status != 0)
			fail_msg("line %zu: %s", i, error.message);
		if (table[i].says != NULL &&
		    (status == 0 || error.line != table[i].line ||
			strstr(error.message, table[i].says) == NULL))
			fail_msg(
			    "line %zu: %u %s", i, error.line, error.message);
		listfile_free(list);
	}
	unlink(path);
}

static void
test_file_long_line(void **state)
{
	char path[] = "/tmp/test_listfile.XXXXXX";
	struct listfile *list = listfile_new(LISTFILE_DOMAINS);
	struct listfile_error error;
	FILE *file = fdopen(mkstemp(path), "w");
	int i;

	(void)state;
	fputs("a.example # ", file);
	for (i = 0; i < 5000; i++)
		putc('x', file);
	fclose(file);
	assert_int_equal(listfile_load(list, path, &error), -1);
	assert_int_equal(error.line, 1);
	unlink(path);
	/* What is no file does not stop a reload. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(listfile_load(list, path, &error), -1);
	assert_non_null(strstr(error.message, "regular"));
	unlink(path);
	assert_int_equal(listfile_load(list, "/tmp", &error), -1);
	listfile_free(list);
}

static void
test_pool(void **state)
{
	char path[] = "/tmp/test_listfile.XXXXXX";
	struct listfile_pool *pool = listfile_pool_new();
	struct listfile_error error;
	const struct listfile *a;
	FILE *file = fdopen(mkstemp(path), "w");

	(void)state;
	fputs("a.example\n", file);
	fclose(file);
	a = listfile_pool_get(pool, path, LISTFILE_DOMAINS, &error);
	assert_non_null(a);
	assert_ptr_equal(
	    a, listfile_pool_get(pool, path, LISTFILE_DOMAINS, &error));
	assert_ptr_not_equal(
	    a, listfile_pool_get(pool, path, LISTFILE_WORDS, &error));
	assert_null(listfile_pool_get(pool, path, LISTFILE_ADDRESSES, &error));
	assert_true(listfile_memory(a) > 0);
	unlink(path);
	listfile_pool_free(pool);
	listfile_pool_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_domains),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_addresses_random),
	    cmocka_unit_test(test_domains_random),
	    cmocka_unit_test(test_file_mistakes),
	    cmocka_unit_test(test_file_long_line),
	    cmocka_unit_test(test_pool),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
