/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "idn.h"

#define LABEL63                                                                \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* want NULL: refused */
static const struct {
	const char *text;
	const char *want;
} names[] = {
    {"example.com", "example.com"},
    {"EXAMPLE.com.", "example.com"},
    {"b\303\274cher.example", "xn--bcher-kva.example"},
    {"B\303\234CHER.Example", "xn--bcher-kva.example"},
    {"_dmarc.b\303\274cher.example", "_dmarc.xn--bcher-kva.example"},
    {"xn--bcher-kva.example", "xn--bcher-kva.example"},
    /* non-transitional: sharp s stays what it is */
    {"stra\303\237e.example", "xn--strae-oqa.example"},
    {"\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
	"xn--r8jz45g.xn--zckzah"},
    /* an ideographic full stop separates labels */
    {"\344\276\213\343\201\210\343\200\202com", "xn--r8jz45g.com"},
    {"a_b.ex-ample.com", "a_b.ex-ample.com"},
    {"ab--cd.example", "ab--cd.example"},
    {"", NULL},
    {"a..b", NULL},
    {".a", NULL},
    {"\xff.example", NULL},
    {"b\xc3.example", NULL},
    {LABEL63 ".example", LABEL63 ".example"},
    {LABEL63 "a.example", NULL},
    {LABEL63 "\xc3\xbc.example", NULL},
    {LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, NULL},
};

static void
test_names(void **state)
{
	char text[DNAME_TEXT_MAX];
	struct dname name;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].want == NULL) {
			assert_int_equal(
			    idn_to_dname(&name, names[i].text), -1);
			continue;
		}
		assert_int_equal(idn_to_dname(&name, names[i].text), 0);
		assert_string_equal(dname_text(&name, text), names[i].want);
	}
}

static void
test_long(void **state)
{
	static char text[100000];
	struct dname name;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(idn_to_dname(&name, text), -1);
	memset(text, '\xbc', sizeof(text) - 1);
	assert_int_equal(idn_to_dname(&name, text), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_long),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
