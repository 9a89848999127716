/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spf_canonical.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* What becomes of a record for a client. */
static const struct {
	const char *ip, *record, *canonical;
} rows[] = {
    {"192.0.2.1", "v=spf1 -all", "v=spf1 exists:#0.z -all"},
    {"192.0.2.1", "v=spf1", "v=spf1"},
    {"192.0.2.1", "v=spf1 a ~mx ?ptr include:a.example -exists:b.example",
	"v=spf1 +a:#0.z/32 ~mx:#1.z/32 ?exists:#2.z +include:#3.z "
	"-exists:#4.z"},
    {"2001:db8::1", "v=spf1 a/24//48 mx/24 a//0 mx/0 -all",
	"v=spf1 +a:#0.z//48 +mx:#1.z//128 +a:#2.z +mx:#3.z//128 exists:#4.z "
	"-all"},
    {"192.0.2.1", "v=spf1 a/24//48 mx//64 a//0 mx/0 ?all",
	"v=spf1 +a:#0.z/24 +mx:#1.z/32 +a:#2.z/32 +mx:#3.z exists:#4.z ?all"},
    {"192.0.2.1", "v=spf1 ip4:10.0.0.0/8 ip6:::/0 ~ip4:192.0.2.0/24 a -all",
	"v=spf1 exists:#0.z ~ip4:192.0.2.0/24"},
    {"192.0.2.1", "v=spf1 -ip4:10.0.0.0/0",
	"v=spf1 exists:#0.z -ip4:192.0.2.1/32"},
    {"2001:db8::1", "v=spf1 ip4:0.0.0.0/0 ip6:2001:db8::/32",
	"v=spf1 exists:#0.z +ip6:2001:db8::/32"},
    {"2001:db8::1", "v=spf1 ip6:::/0",
	"v=spf1 exists:#0.z +ip6:2001:db8::1/128"},
    {"192.0.2.1", "v=spf1 x=%{d} exp=e.example redirect=r.example",
	"v=spf1 redirect=#0.z"},
    {"192.0.2.1", "v=spf1 a:%{l}.%{d}.example -exists:%%%_%-.example",
	"v=spf1 +a:#0.z/32 -exists:#1.z"},
};

static void
test_canonical(void **state)
{
	struct spf_canonical canonical;
	enum spf_weight weight;
	struct spf_cursor cursor;
	struct spf_term term;
	struct ipaddr ip;
	unsigned handle;
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(rows); i++) {
		ipaddr_from_text(&ip, rows[i].ip);
		spf_canonical_open(&canonical);
		spf_cursor_open(
		    &cursor, rows[i].record, strlen(rows[i].record));
		weight = SPF_WEIGHT_NONE;
		handle = 0;
		while (weight != SPF_WEIGHT_CERTAIN &&
		       spf_cursor_next(&cursor, &term)) {
			weight =
			    spf_canonical_add(&canonical, &term, &ip, handle);
			handle += weight != SPF_WEIGHT_NONE;
		}
		assert_null(cursor.problem);
		assert_string_equal(canonical.text, rows[i].canonical);
	}
}

/* It is full before it is damaged. */
static void
test_full(void **state)
{
	const struct spf_term term = {.kind = SPF_INCLUDE};
	struct spf_canonical canonical;
	struct ipaddr ip;
	unsigned i;

	(void)state;
	ipaddr_from_text(&ip, "192.0.2.1");
	spf_canonical_open(&canonical);
	for (i = 0; i < 1000; i++)
		spf_canonical_add(&canonical, &term, &ip, 77);
	assert_true(canonical.len < SPF_CANONICAL_MAX);
	assert_int_equal(strlen(canonical.text), canonical.len);
	assert_string_equal(
	    canonical.text + canonical.len - 15, " +include:#77.z");
}

static const struct {
	const char *text;
	int handle;
} handles[] = {
    {"#0.z", 0},
    {"#255.z", 255},
    {"#99999.z", 99999},
    {"#100000.z", -1},
    {"#99999999999999999999999.z", -1},
    {"#-1.z", -1},
    {"# 1.z", -1},
    {"#+1.z", -1},
    {"#.z", -1},
    {"#1", -1},
    {"#1.z.", -1},
    {"#1.zz", -1},
    {"1.z", -1},
    {"z", -1},
    {"", -1},
};

static void
test_handles(void **state)
{
	char text[SPF_HANDLE_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ROWS(handles); i++) {
		assert_int_equal(
		    spf_handle_parse(handles[i].text), handles[i].handle);
		if (handles[i].handle != -1)
			assert_string_equal(
			    spf_handle_text((unsigned)handles[i].handle, text),
			    handles[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_canonical),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_handles),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
