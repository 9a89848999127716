/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../zone.h"
#include "arena.h"
#include "dkimkey.h"

/*
 * Keys by openssl genrsa; ED is RFC 8463 A.2's. The second lot are the same
 * octets, damaged: a length in more octets than it needs, an integer without
 * its sign, and so on.
 */
/* clang-format off */
#define RSA512 \
	"MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMQCFyHymOUgwIVR4rUC5LAuT/ea" \
	"4eGfyeXeqHlbJWZYqZOsoR+1jrOW5A/uThIcICb6bm9D/bVuRfgeDOOCF/EC" \
	"AwEAAQ=="
#define RSA512_PKCS1 \
	"MEgCQQDEAhch8pjlIMCFUeK1AuSwLk/3muHhn8nl3qh5WyVmWKmTrKEftY6z" \
	"luQP7k4SHCAm+m5vQ/21bkX4HgzjghfxAgMBAAE="
#define RSA1023 \
	"MIGeMA0GCSqGSIb3DQEBAQUAA4GMADCBiAKBgGUrDBoNi7wwEaXMWgA9OrdZ" \
	"lJy6pfFfPeXGr/H1wBU1C85Y0pF2k1cpcBr+DQmY9WmS+/YLeeu14IbKt+1s" \
	"s+FNqFYtQoQkQnkLAsXke475XdWVOkPh7z9BmdTxsg8XKCQC5GgBSYRCHaLu" \
	"R8+CvBWq7RL92P2dQbJkbD6uUCGhAgMBAAE="
#define RSA1024 \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDGDZaV+YFDNVQUQSFdSRqT" \
	"Z0CD8XbjzxqdlNXOEmh/iUT8rNCcLEZvgK6pg1B3aWwvC++D+Cnnb5/6ikkI" \
	"gAa/dvryT+yKHQ/Iy8055md+EUDiqFZRmeN3MEjj3ZJm9H+2XyL6c/4sKXa/" \
	"OBm67g+oqqmA0Pmz4f+40FTcrJpyXQIDAQAB"
#define RSA2048 \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlxJxpSwxjxykjmaW" \
	"OHzuEqWtDUvyl2YF69SI0w4qcrMgk9HdZEu03WRQUFxPADfbGWFLIHtrP4rS" \
	"ToBxunNrQVebm6W79q4MHKxwRmXQmqjkNks02V/6YXHktYxszvaRxAUIMxwe" \
	"oAou7EOG2qYE/4fiLThPvR12oXRb2Uz8vdMANZfyPetW12gqpJLguXiXr9Wb" \
	"ZfMjvELjIzdGdJdsDqHntTD3c5lGMLb8+laeBlGj9o8aazQ8WY7iJ/Gw/zlN" \
	"vjntSCDOUuu1hDZyl3lxOp45M+KDUhfD5NwGseJvJgNdzU02gZ2VbI0IqPAR" \
	"TDFTSoxDfloDVbZ/nmI6XHANcwIDAQAB"
#define RSA2048_PKCS1 \
	"MIIBCgKCAQEAlxJxpSwxjxykjmaWOHzuEqWtDUvyl2YF69SI0w4qcrMgk9Hd" \
	"ZEu03WRQUFxPADfbGWFLIHtrP4rSToBxunNrQVebm6W79q4MHKxwRmXQmqjk" \
	"Nks02V/6YXHktYxszvaRxAUIMxweoAou7EOG2qYE/4fiLThPvR12oXRb2Uz8" \
	"vdMANZfyPetW12gqpJLguXiXr9WbZfMjvELjIzdGdJdsDqHntTD3c5lGMLb8" \
	"+laeBlGj9o8aazQ8WY7iJ/Gw/zlNvjntSCDOUuu1hDZyl3lxOp45M+KDUhfD" \
	"5NwGseJvJgNdzU02gZ2VbI0IqPARTDFTSoxDfloDVbZ/nmI6XHANcwIDAQAB"
#define ED \
	"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define TRAILING \
	"MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMQCFyHymOUgwIVR4rUC5LAuT/ea" \
	"4eGfyeXeqHlbJWZYqZOsoR+1jrOW5A/uThIcICb6bm9D/bVuRfgeDOOCF/EC" \
	"AwEAAQA="
#define SHORT \
	"MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMQCFyHymOUgwIVR4rUC5LAuT/ea" \
	"4eGfyeXeqHlbJWZYqZOsoR+1jrOW5A/uThIcICb6bm9D/bVuRfgeDOOCF/EC" \
	"AwEA"
#define LONGFORM \
	"MIFcMA0GCSqGSIb3DQEBAQUAA0sAMEgCQQDEAhch8pjlIMCFUeK1AuSwLk/3" \
	"muHhn8nl3qh5WyVmWKmTrKEftY6zluQP7k4SHCAm+m5vQ/21bkX4Hgzjghfx" \
	"AgMBAAE="
#define NO_NULL \
	"MFowCwYJKoZIhvcNAQEBA0sAMEgCQQDEAhch8pjlIMCFUeK1AuSwLk/3muHh" \
	"n8nl3qh5WyVmWKmTrKEftY6zluQP7k4SHCAm+m5vQ/21bkX4HgzjghfxAgMB" \
	"AAE="
#define OID_EC \
	"MFgwCQYHKoZIzj0CAQNLADBIAkEAxAIXIfKY5SDAhVHitQLksC5P95rh4Z/J" \
	"5d6oeVslZlipk6yhH7WOs5bkD+5OEhwgJvpub0P9tW5F+B4M44IX8QIDAQAB"
#define PSS \
	"MFwwDQYJKoZIhvcNAQEKBQADSwAwSAJBAMQCFyHymOUgwIVR4rUC5LAuT/ea" \
	"4eGfyeXeqHlbJWZYqZOsoR+1jrOW5A/uThIcICb6bm9D/bVuRfgeDOOCF/EC" \
	"AwEAAQ=="
#define UNUSED_BITS \
	"MFwwDQYJKoZIhvcNAQEBBQADSwEwSAJBAMQCFyHymOUgwIVR4rUC5LAuT/ea" \
	"4eGfyeXeqHlbJWZYqZOsoR+1jrOW5A/uThIcICb6bm9D/bVuRfgeDOOCF/EC" \
	"AwEAAQ=="
#define BAD_PARAM \
	"MF0wDgYJKoZIhvcNAQEBAgEAA0sAMEgCQQDEAhch8pjlIMCFUeK1AuSwLk/3" \
	"muHhn8nl3qh5WyVmWKmTrKEftY6zluQP7k4SHCAm+m5vQ/21bkX4Hgzjghfx" \
	"AgMBAAE="
#define NEGATIVE \
	"MEcCQMQCFyHymOUgwIVR4rUC5LAuT/ea4eGfyeXeqHlbJWZYqZOsoR+1jrOW" \
	"5A/uThIcICb6bm9D/bVuRfgeDOOCF/ECAwEAAQ=="
#define PADDED \
	"MEkCQgAAxAIXIfKY5SDAhVHitQLksC5P95rh4Z/J5d6oeVslZlipk6yhH7WO" \
	"s5bkD+5OEhwgJvpub0P9tW5F+B4M44IX8QIDAQAB"
#define ZERO \
	"MAgCAQACAwEAAQ=="
#define EMPTY_INT \
	"MAcCAAIDAQAB"
#define NO_EXPONENT \
	"MEMCQQDEAhch8pjlIMCFUeK1AuSwLk/3muHhn8nl3qh5WyVmWKmTrKEftY6z" \
	"luQP7k4SHCAm+m5vQ/21bkX4Hgzjghfx"
#define EXTRA \
	"MEsCQQDEAhch8pjlIMCFUeK1AuSwLk/3muHhn8nl3qh5WyVmWKmTrKEftY6z" \
	"luQP7k4SHCAm+m5vQ/21bkX4HgzjghfxAgMBAAECAQE="
/* A length that says three octets and has two; parameters beside NULL. */
#define THREE \
	"MIMBBwKCAQBAAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB" \
	"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB" \
	"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB" \
	"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB" \
	"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB" \
	"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAgED"
#define TWO_NULLS \
	"MBwwDwYJKoZIhvcNAQEBBQAFAAMJADAGAgEFAgED"
#define TINY \
	"MAYCAQUCAQM="
#define HUGE_LENGTH \
	"MIT/////"
#define INDEFINITE \
	"MIACQQDEAhch8pjlIMCFUeK1AuSwLk/3muHhn8nl3qh5WyVmWKmTrKEftY6z" \
	"luQP7k4SHCAm+m5vQ/21bkX4HgzjghfxAgMBAAEAAA=="
#define SPKI_NO_KEY \
	"MA8wDQYJKoZIhvcNAQEBBQA="
#define EMPTY_SEQ \
	"MAA="
#define ED_SPKI \
	"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define ED31 \
	"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUQ=="

#define AT "s._domainkey.example.com TXT "

static const struct {
	const char *zone;
	enum dkimkey_status status;
	enum dkimkey_alg alg;
	unsigned bits;
	const char *flags;
	const char *problem;
} cases[] = {
#define OK(record, alg, bits) \
	{AT record, DKIMKEY_OK, DKIMKEY_ALG_##alg, bits, "", NULL}
#define INVALID(record, problem) \
	{AT record, DKIMKEY_INVALID, DKIMKEY_ALG_NONE, 0, "", problem}
#define UNFIT(record, problem) \
	{AT record, DKIMKEY_INVALID, DKIMKEY_ALG_RSA, 0, "", problem}
#define NOT_RSA(data) \
	{AT "p=" data, DKIMKEY_INVALID, DKIMKEY_ALG_RSA, 0, "", \
	    "p= is not an RSA public key"}

    /* RFC 6376 3.6.1: the record */
    OK("v=DKIM1; k=rsa; p=" RSA1024, RSA, 1024),
    OK("p=" RSA2048, RSA, 2048),
    OK("p=" RSA2048 ";", RSA, 2048),
    OK(" v = DKIM1 ; p = " RSA1024 " ; ", RSA, 1024),
    OK("v=DKIM1; n=note; x=unknown; p=" RSA1024, RSA, 1024),
    OK("k=RSA; p=" RSA1024, RSA, 1024),
    OK("g=; p=" RSA1024, RSA, 1024),
    INVALID("v=DKIM1; k=dsa; p=" RSA1024, "k= is neither rsa nor ed25519"),
    INVALID("k=; p=" RSA1024, "k= is neither rsa nor ed25519"),
    INVALID("v=DKIM1; k=rsa", "p= is missing"),
    INVALID("", "p= is missing"),
    INVALID("p=" RSA1024 "; v=DKIM1", "v= is not the first tag"),
    INVALID("v=DKIM1.0; p=" RSA1024, "v= is not DKIM1"),
    INVALID("v=dkim1; p=" RSA1024, "v= is not DKIM1"),
    INVALID("V=DKIM1; v=DKIM1; p=" RSA1024, "v= is not the first tag"),
    INVALID("v=DKIM1; p=" RSA1024 "; p=", "a tag is repeated"),
    INVALID("x=1; x=1; p=" RSA1024, "a tag is repeated"),
    INVALID("v=DKIM1; rubbish; p=" RSA1024, "something in it is not tag=value"),
    INVALID("v=DKIM1;; p=" RSA1024, "something in it is not tag=value"),
    INVALID("rubbish", "something in it is not tag=value"),
    {AT "v=DKIM1; p=", DKIMKEY_REVOKED, DKIMKEY_ALG_NONE, 0, "", NULL},
    {AT "p=", DKIMKEY_REVOKED, DKIMKEY_ALG_NONE, 0, "", NULL},
    {AT "k=x; h=sha1; t=y; p=;", DKIMKEY_REVOKED, DKIMKEY_ALG_NONE, 0, "y",
	NULL},

    /* h=, s=, t= */
    OK("h=sha256; p=" RSA1024, RSA, 1024),
    OK("h=sha1 : SHA256; p=" RSA1024, RSA, 1024),
    UNFIT("h=sha1; p=" RSA1024, "h= does not allow sha256"),
    UNFIT("h=; p=" RSA1024, "h= does not allow sha256"),
    OK("s=*; p=" RSA1024, RSA, 1024),
    OK("s=other:email; p=" RSA1024, RSA, 1024),
    UNFIT("s=other; p=" RSA1024, "s= does not allow email"),
    UNFIT("s=; p=" RSA1024, "s= does not allow email"),
    {AT "t=y:s; p=" RSA1024, DKIMKEY_OK, DKIMKEY_ALG_RSA, 1024, "y:s", NULL},
    {AT "t= y : x ; k=dsa; p=" RSA1024, DKIMKEY_INVALID, DKIMKEY_ALG_NONE, 0,
	"y : x", "k= is neither rsa nor ed25519"},

    /* RFC 8463 4.2 */
    OK("v=DKIM1; k=ed25519; p=" ED, ED25519, 256),
    {AT "k=ed25519; p=" ED31, DKIMKEY_INVALID, DKIMKEY_ALG_ED25519, 0, "",
	"p= is not the 32 octets of an ed25519 key"},
    {AT "k=ed25519; p=" ED_SPKI, DKIMKEY_INVALID, DKIMKEY_ALG_ED25519, 0, "",
	"p= is not the 32 octets of an ed25519 key"},
    NOT_RSA(ED),
    NOT_RSA(ED_SPKI),

    /* The modulus, exactly */
    OK("p=" RSA512, RSA, 512),
    OK("p=" RSA512_PKCS1, RSA, 512),
    OK("p=" RSA1023, RSA, 1023),
    OK("p=" RSA2048_PKCS1, RSA, 2048),
    OK("p=" NO_NULL, RSA, 512),
    OK("p=" TINY, RSA, 3),
    NOT_RSA(TRAILING),
    NOT_RSA(SHORT),
    NOT_RSA(LONGFORM),
    NOT_RSA("MIIABgIBBQIBAw=="), /* the length in two octets, of TINY */
    NOT_RSA(THREE),
    NOT_RSA(TWO_NULLS),
    NOT_RSA("MBwwDQYJKoZIhvcNAQEBBQADCwAwBgIBBQIBAwUA"), /* behind the key */
    OK("p=MBowDQYJKoZIhvcNAQEBBQADCQAwBgIBBQIBAw==", RSA, 3),
    NOT_RSA(OID_EC),
    NOT_RSA(PSS),
    NOT_RSA(UNUSED_BITS),
    NOT_RSA(BAD_PARAM),
    NOT_RSA(NEGATIVE),
    NOT_RSA(PADDED),
    NOT_RSA(ZERO),
    NOT_RSA(EMPTY_INT),
    NOT_RSA(NO_EXPONENT),
    NOT_RSA(EXTRA),
    NOT_RSA(HUGE_LENGTH),
    NOT_RSA(INDEFINITE),
    NOT_RSA(SPKI_NO_KEY),
    NOT_RSA(EMPTY_SEQ),

    /* RFC 6376 2.10: base64 */
    OK("k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", ED25519,
	256),
    OK("k=ed25519; p=11qYAYKx Crf\tVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo =", ED25519,
	256),
    {AT "p=MFww=DQYJ", DKIMKEY_INVALID, DKIMKEY_ALG_RSA, 0, "",
	"p= is not base64"},
    {AT "p=MFwwD", DKIMKEY_INVALID, DKIMKEY_ALG_RSA, 0, "",
	"p= is not base64"},
    {AT "p=MFww====", DKIMKEY_INVALID, DKIMKEY_ALG_RSA, 0, "",
	"p= is not base64"},
    {AT "p=\"MFww\"", DKIMKEY_INVALID, DKIMKEY_ALG_RSA, 0, "",
	"p= is not base64"},
    {AT "p==", DKIMKEY_INVALID, DKIMKEY_ALG_RSA, 0, "",
	"p= is not an RSA public key"},

    /* RFC 6376 3.6.2.2: several records */
    INVALID("p=" RSA1024 "\n" AT "p=" RSA2048, "several records"),
    INVALID("p=" RSA1024 "\n" AT "rubbish", "several records"),
    OK("v=spf1 -all\n" AT "p=" RSA1024, RSA, 1024),
    OK("v=DKIM1; p=" RSA1024 "\n" AT "v=DMARC1; p=none", RSA, 1024),
    INVALID("v=spf1 -all\n" AT "v=DMARC1; p=none", "v= is not DKIM1"),

    /* What DNS says */
    {"", DKIMKEY_NONE, DKIMKEY_ALG_NONE, 0, "", NULL},
    {"s._domainkey.example.com A 192.0.2.1", DKIMKEY_NONE, DKIMKEY_ALG_NONE, 0,
	"", NULL},
    {AT "!FAILED", DKIMKEY_TEMPERROR, DKIMKEY_ALG_NONE, 0, "", "servfail"},
    {AT "!BOGUS", DKIMKEY_TEMPERROR, DKIMKEY_ALG_NONE, 0, "", "bogus"},
};
/* clang-format on */

static void
run_case(const char *table, bool cold, size_t i)
{
	struct zone *zone = zone_open(table, cold);
	struct view_source source = zone_source(zone);
	struct arena *arena = arena_new();
	struct dkimkey key;
	struct view *view;
	unsigned runs = 0;

	do {
		view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
		dkimkey_find(view, "s", "example.com", &key);
		assert_int_equal(view_missing(view), key.read.missing);
		zone_fetch(zone, view_missing_list(view));
		view_close(view);
	} while (key.read.missing > 0 && ++runs < 3);
	assert_int_equal(runs, cold);
	if (key.status != cases[i].status || key.alg != cases[i].alg)
		print_error("case %zu: %s\n", i, table);
	assert_string_equal(dkimkey_status_text(key.status),
	    dkimkey_status_text(cases[i].status));
	assert_string_equal(
	    dkimkey_alg_text(key.alg), dkimkey_alg_text(cases[i].alg));
	assert_int_equal(key.bits, cases[i].bits);
	assert_string_equal(key.flags, cases[i].flags);
	if (cases[i].problem == NULL)
		assert_null(key.problem);
	else
		assert_string_equal(key.problem, cases[i].problem);
	assert_int_equal(zone->lookups, 1);
	arena_free(arena);
	zone_close(zone);
}

static void
test_cases(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_case(cases[i].zone, false, i);
		run_case(cases[i].zone, true, i);
	}
}

static const struct {
	const char *selector;
	const char *domain;
	enum dkimkey_status status;
} names[] = {
    {"s", "example.com", DKIMKEY_OK},
    {"S", "EXAMPLE.com", DKIMKEY_OK},
    {"s", "example.com.", DKIMKEY_OK},
    {"a.b", "example.com", DKIMKEY_REVOKED},
    /* RFC 8616 5: s= and d= may hold U-labels */
    {"\303\274", "b\303\274cher.example", DKIMKEY_REVOKED},
    {"t", "example.com", DKIMKEY_NONE},
    {"", "example.com", DKIMKEY_INVALID},
    {"s", "", DKIMKEY_INVALID},
    {"s", ".", DKIMKEY_INVALID},
    {"s", "example..com", DKIMKEY_INVALID},
    {"s.", "example.com", DKIMKEY_INVALID},
    {".s", "example.com", DKIMKEY_INVALID},
    {"\xff", "example.com", DKIMKEY_INVALID},
};

static const char names_zone[] =
    AT "p=" RSA1024 "\n"
       "a.b._domainkey.example.com TXT p=\n"
       "xn--tda._domainkey.xn--bcher-kva.example TXT p=";

static void
test_names(void **state)
{
	struct zone *zone = zone_open(names_zone, false);
	struct view_source source = zone_source(zone);
	struct arena *arena = arena_new();
	struct dkimkey key;
	struct view *view;
	size_t i;

	(void)state;
	view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		dkimkey_find(view, names[i].selector, names[i].domain, &key);
		assert_string_equal(dkimkey_status_text(key.status),
		    dkimkey_status_text(names[i].status));
	}
	view_close(view);
	arena_free(arena);
	zone_close(zone);
}

/* One of several keys in one view: its own record, its own scope. */
static const char read_zone[] = AT "p=" RSA1024 "\n"
				   "t._domainkey.example.com TXT !FAILED";

static void
test_read(void **state)
{
	struct zone *zone = zone_open(read_zone, false);
	struct view_source source = zone_source(zone);
	struct arena *arena = arena_new();
	struct dkimkey key;
	struct view *view;

	(void)state;
	view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
	dkimkey_find(view, "t", "example.com", &key);
	assert_int_equal(key.read.failed_since, ZONE_BEGAN);
	assert_int_equal(key.read.dnssec, DNSSEC_INDETERMINATE);
	dkimkey_find(view, "s", "example.com", &key);
	assert_string_equal(key.record, "p=" RSA1024);
	assert_int_equal(key.read.failed_since, 0);
	assert_int_equal(key.read.dnssec, DNSSEC_INSECURE);
	assert_int_equal(key.read.expires, ZONE_NOW + 299000);
	view_close(view);
	arena_free(arena);
	zone_close(zone);
}

/* A key among so many records is not looked for. */
static void
test_many_records(void **state)
{
	static const struct {
		unsigned others;
		enum dkimkey_status want;
	} table[] = {{15, DKIMKEY_OK}, {16, DKIMKEY_INVALID}};
	char text[2048];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct arena *arena = arena_new();
		struct view_source source;
		struct dkimkey key;
		struct zone *zone;
		struct view *view;
		unsigned n;

		strcpy(text, AT "p=" RSA512);
		for (n = 0; n < table[i].others; n++)
			strcat(text, "\n" AT "v=spf1 -all");
		zone = zone_open(text, false);
		source = zone_source(zone);
		view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
		dkimkey_find(view, "s", "example.com", &key);
		assert_int_equal(key.status, table[i].want);
		view_close(view);
		zone_close(zone);
		arena_free(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_many_records),
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_read),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
