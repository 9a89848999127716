/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnsmsg.h"

/* A message under construction. */
struct packet {
	uint8_t data[65536];
	size_t len;
	unsigned answers, authorities;
};

static struct packet packet;

static void
put(uint32_t value, unsigned octets)
{
	while (octets-- > 0)
		packet.data[packet.len++] = (uint8_t)(value >> 8 * octets);
}

static void
put_name(const char *text)
{
	struct dname name;

	/* "~" is a pointer to the question's name, "^" one to itself. */
	if (strcmp(text, "~") == 0) {
		put(0xc00c, 2);
		return;
	}
	if (strcmp(text, "^") == 0) {
		put(0xc000U | (uint32_t)packet.len, 2);
		return;
	}
	assert_int_equal(dname_from_text(&name, text), 0);
	memcpy(packet.data + packet.len, name.wire, name.len);
	packet.len += name.len;
}

static void
put_rdata(uint16_t type, const char *data)
{
	unsigned number;
	char name[256];

	switch (type) {
	case RR_NS:
	case RR_CNAME:
	case RR_PTR:
		put_name(data);
		break;
	case RR_MX:
		assert_int_equal(sscanf(data, "%u %255s", &number, name), 2);
		put(number, 2);
		put_name(name);
		break;
	case RR_SOA:
		put_name("ns.example");
		put_name("~");
		put(1, 4);
		put(2, 4);
		put(3, 4);
		put(4, 4);
		put((uint32_t)strtoul(data, NULL, 10), 4);
		break;
	case RR_TXT:
		put((uint32_t)strlen(data), 1);
		/* FALLTHROUGH */
	default:
		memcpy(packet.data + packet.len, data, strlen(data));
		packet.len += strlen(data);
		break;
	}
}

/* "OWNER TYPE TTL DATA" */
static void
put_record(const char *line, uint16_t class)
{
	char owner[256], data[256] = "";
	unsigned long ttl;
	unsigned type;
	size_t at;

	assert_true(sscanf(line, "%255s %u %lu %255[^\n]", owner, &type, &ttl,
			data) >= 3);
	put_name(owner);
	put(type, 2);
	put(class, 2);
	put((uint32_t)ttl, 4);
	at = packet.len;
	put(0, 2);
	put_rdata((uint16_t)type, data);
	packet.data[at] = (uint8_t)((packet.len - at - 2) >> 8);
	packet.data[at + 1] = (uint8_t)(packet.len - at - 2);
}

#define LINES 8

struct sample {
	const char *label, *qname;
	uint16_t qtype;
	uint16_t flags; /* with the rcode */
	const char *answer[LINES], *authority[LINES];
	/* "STATE/FAILURE TTL CNAMES" and the records, each behind a "|" */
	const char *expected;
};

static void
packet_build(const struct sample *sample)
{
	unsigned i;

	memset(&packet, 0, sizeof(packet));
	put(0x1234, 2);
	put(sample->flags, 2);
	put(1, 2);
	put(0, 2);
	put(0, 2);
	put(0, 2);
	put_name(sample->qname);
	put(sample->qtype, 2);
	put(1, 2);
	for (i = 0; i < LINES && sample->answer[i] != NULL; i++)
		put_record(sample->answer[i], 1);
	packet.data[7] = (uint8_t)i;
	for (i = 0; i < LINES && sample->authority[i] != NULL; i++)
		put_record(sample->authority[i], 1);
	packet.data[9] = (uint8_t)i;
}

static void
record_text(char *out, size_t size, uint16_t type, const struct rdata *record)
{
	char text[DNAME_TEXT_MAX];
	struct dname name;

	switch (type) {
	case RR_NS:
	case RR_CNAME:
	case RR_PTR:
		assert_int_equal(rdata_name(record, 0, &name), 0);
		(void)snprintf(out, size, "|%s", dname_text(&name, text));
		break;
	case RR_MX:
		assert_int_equal(rdata_name(record, 2, &name), 0);
		(void)snprintf(out, size, "|%d %s", record->data[1],
		    dname_text(&name, text));
		break;
	default:
		(void)snprintf(out, size, "|%.*s", record->len,
		    (const char *)record->data);
		break;
	}
}

static const char *
outcome(const struct rrset *set, uint16_t type, const struct dnsmsg_info *info)
{
	static char text[4096];
	struct rdata record = {0};
	size_t len;

	(void)snprintf(text, sizeof(text), "%s/%s %u %u",
	    rr_state_text(set->state), rr_failure_text(set->failure),
	    (unsigned)set->ttl, info->cnames);
	while (rrset_next(set, &record)) {
		len = strlen(text);
		record_text(text + len, sizeof(text) - len, type, &record);
	}
	return (text);
}

#define OK    0x8180
#define NX    0x8183
#define SOA   "example 6 900 300"
#define CHAIN "a.example 5 50 b.example"

/* TYPE: 1 A, 2 NS, 5 CNAME, 6 SOA, 12 PTR, 15 MX, 16 TXT, 28 AAAA */
static const struct sample samples[] = {
    {"one record", "a.example", 16, OK, {"~ 16 60 v=spf1"}, {NULL},
	"present/none 60 0|\006v=spf1"},
    {"least TTL", "a.example", 1, OK, {"~ 1 60 aaaa", "~ 1 30 bbbb"}, {NULL},
	"present/none 30 0|aaaa|bbbb"},
    {"canonical order", "a.example", 1, OK,
	{"~ 1 9 cccc", "~ 1 9 aaaa", "~ 1 9 bbbb"}, {NULL},
	"present/none 9 0|aaaa|bbbb|cccc"},
    {"duplicates", "a.example", 1, OK,
	{"~ 1 9 cccc", "~ 1 9 aaaa", "~ 1 9 cccc"}, {NULL},
	"present/none 9 0|aaaa|cccc"},
    {"names in lower case", "A.Example", 15, OK,
	{"a.EXAMPLE 15 9 5 MX.Example", "~ 15 9 5 mx.example"}, {NULL},
	"present/none 9 0|5 mx.example"},
    {"compressed name in rdata", "a.example", 12, OK, {"~ 12 9 ~"}, {NULL},
	"present/none 9 0|a.example"},
    {"TTL with the top bit", "a.example", 1, OK, {"~ 1 2147483648 aaaa"},
	{NULL}, "present/none 0 0|aaaa"},
    {"TTL as large as can be", "a.example", 1, OK, {"~ 1 2147483647 aaaa"},
	{NULL}, "present/none 2147483647 0|aaaa"},
    {"others' records", "a.example", 1, OK,
	{"b.example 1 5 bbbb", "~ 1 60 aaaa", "~ 16 5 text"}, {NULL},
	"present/none 60 0|aaaa"},
    {"type we do not know", "a.example", 99, OK, {"~ 99 60 any"}, {NULL},
	"present/none 60 0|any"},
    {"unknown type, empty", "a.example", 99, OK, {"~ 99 60"}, {NULL},
	"present/none 60 0|"},

    {"chain", "a.example", 1, OK, {CHAIN, "b.example 1 60 bbbb"}, {NULL},
	"present/none 50 1|bbbb"},
    {"chain out of order", "a.example", 1, OK,
	{"c.example 1 60 cccc", "b.example 5 40 c.example", CHAIN}, {NULL},
	"present/none 40 2|cccc"},
    {"the CNAME itself", "a.example", 5, OK, {CHAIN}, {NULL},
	"present/none 50 0|b.example"},
    {"chain to itself", "a.example", 1, OK, {"~ 5 9 ~"}, {NULL},
	"failed/malformed 0 17"},
    {"chain in a circle", "a.example", 1, OK,
	{CHAIN, "b.example 5 9 a.example"}, {NULL}, "failed/malformed 0 17"},
    {"two CNAMEs", "a.example", 1, OK,
	{CHAIN, "~ 5 9 c.example", "b.example 1 9 bbbb", "c.example 1 9 cccc"},
	{NULL}, "failed/malformed 0 0"},
    {"one CNAME twice", "a.example", 1, OK,
	{CHAIN, CHAIN, "b.example 1 60 bbbb"}, {NULL},
	"present/none 50 1|bbbb"},
    {"record beside CNAME", "a.example", 1, OK,
	{CHAIN, "~ 1 60 aaaa", "b.example 1 60 bbbb"}, {NULL},
	"present/none 60 0|aaaa"},
    {"chain to nothing", "a.example", 1, NX, {CHAIN}, {SOA},
	"nxdomain/none 50 1"},
    {"chain to no data", "a.example", 1, OK, {CHAIN}, {SOA},
	"nodata/none 50 1"},
    {"SOA of another zone than the chain's end", "a.example", 1, OK,
	{"~ 5 9 b.test"}, {SOA}, "failed/lame 0 1"},

    {"NXDOMAIN, minimum", "a.example", 1, NX, {NULL}, {SOA},
	"nxdomain/none 300 0"},
    {"NXDOMAIN, SOA's TTL", "a.example", 1, NX, {NULL}, {"example 6 30 300"},
	"nxdomain/none 30 0"},
    {"NODATA", "a.example", 1, OK, {NULL}, {SOA}, "nodata/none 300 0"},
    {"NODATA at the apex", "example", 1, OK, {NULL}, {SOA},
	"nodata/none 300 0"},
    {"NODATA, SOA of the root", "a.example", 1, OK, {NULL}, {". 6 60 60"},
	"nodata/none 60 0"},
    {"NODATA, minimum 0", "a.example", 1, OK, {NULL}, {"example 6 60 0"},
	"nodata/none 0 0"},
    {"NODATA, minimum with the top bit", "a.example", 1, OK, {NULL},
	{"example 6 60 4294967295"}, "nodata/none 0 0"},
    {"NODATA with NS and SOA", "a.example", 1, OK, {NULL},
	{"example 2 60 ns.example", SOA}, "nodata/none 300 0"},
    {"no SOA", "a.example", 1, OK, {NULL}, {NULL}, "failed/lame 0 0"},
    {"NXDOMAIN without SOA", "a.example", 1, NX, {NULL}, {NULL},
	"failed/lame 0 0"},
    {"referral", "a.example", 1, OK, {NULL}, {"example 2 60 ns.example"},
	"failed/lame 0 0"},
    {"SOA of a child", "a.example", 1, OK, {NULL}, {"b.a.example 6 60 60"},
	"failed/lame 0 0"},
    {"SOA of a sibling", "a.example", 1, OK, {NULL}, {"b.example 6 60 60"},
	"failed/lame 0 0"},
    {"SOA in the answer is none in authority", "a.example", 1, OK, {SOA},
	{NULL}, "failed/lame 0 0"},
    {"NXDOMAIN with records", "a.example", 1, NX, {"~ 1 60 aaaa"}, {SOA},
	"failed/malformed 0 0"},

    {"SERVFAIL", "a.example", 1, 0x8182, {NULL}, {NULL}, "failed/servfail 0 0"},
    {"REFUSED", "a.example", 1, 0x8185, {NULL}, {NULL}, "failed/servfail 0 0"},
    {"SERVFAIL with records", "a.example", 1, 0x8182, {"~ 1 60 aaaa"}, {NULL},
	"failed/servfail 0 0"},
    {"a query", "a.example", 1, 0x0100, {"~ 1 60 aaaa"}, {NULL},
	"failed/malformed 0 0"},
    {"another opcode", "a.example", 1, 0x8980, {"~ 1 60 aaaa"}, {NULL},
	"failed/malformed 0 0"},
    {"truncated", "a.example", 1, 0x8380, {"~ 1 60 aaaa"}, {NULL},
	"failed/malformed 0 0"},
    {"A of 3 octets", "a.example", 1, OK, {"~ 1 60 aaa"}, {NULL},
	"failed/malformed 0 0"},
    {"AAAA of 4 octets", "a.example", 28, OK, {"~ 28 60 aaaa"}, {NULL},
	"failed/malformed 0 0"},
    {"damaged record of another name", "a.example", 1, OK,
	{"~ 1 60 aaaa", "b.example 1 60 b"}, {NULL}, "present/none 60 0|aaaa"},
    {"name that points to itself", "a.example", 5, OK, {"~ 5 60 ^"}, {NULL},
	"failed/malformed 0 0"},
    {"owner that points to itself", "a.example", 5, OK, {"^ 5 60 a.example"},
	{NULL}, "failed/malformed 0 0"},
    {"chain over a damaged name", "a.example", 1, OK, {"~ 5 60 ^"}, {NULL},
	"failed/malformed 0 0"},
};

/* `label` is part of the text, so that a failure says which line it is. */
static void
check(const char *label, const struct rrset *set, uint16_t qtype,
    const struct dnsmsg_info *info, const char *expected)
{
	char want[8192], have[8192];

	(void)snprintf(want, sizeof(want), "%s: %s", label, expected);
	(void)snprintf(
	    have, sizeof(have), "%s: %s", label, outcome(set, qtype, info));
	assert_string_equal(have, want);
	assert_true((set->state == RR_FAILED) == (info->problem != NULL));
	assert_int_equal(set->expires, 0);
}

static void
test_samples(void **state)
{
	struct dnsmsg_info info;
	struct dname qname;
	struct rrset *set;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		packet_build(&samples[i]);
		assert_int_equal(dname_from_text(&qname, samples[i].qname), 0);
		set = dnsmsg_decode(
		    packet.data, packet.len, &qname, samples[i].qtype, &info);
		check(samples[i].label, set, samples[i].qtype, &info,
		    samples[i].expected);
		rrset_free(set);
	}
}

static enum rr_state
decode(const char *name, uint16_t qtype, size_t len, const char **problem)
{
	struct dnsmsg_info info;
	struct dname qname;
	struct rrset *set;
	enum rr_state state;

	assert_int_equal(dname_from_text(&qname, name), 0);
	set = dnsmsg_decode(packet.data, len, &qname, qtype, &info);
	state = set->state;
	if (state == RR_FAILED)
		assert_int_equal(set->count, 0);
	*problem = info.problem;
	rrset_free(set);
	return (state);
}

/* Wherever a message is cut off, it is damaged: nothing is made up. */
static void
test_cut(void **state)
{
	static const struct sample cut[] = {
	    {"", "a.example", 15, OK, {"~ 15 60 5 mx.example"}, {NULL}, ""},
	    {"", "a.example", 1, OK, {CHAIN, "b.example 1 5 bbbb"}, {NULL}, ""},
	    {"", "a.example", 1, NX, {NULL}, {SOA}, ""},
	};
	const char *problem;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		packet_build(&cut[i]);
		for (len = 0; len < packet.len; len++) {
			assert_int_equal(
			    decode("a.example", cut[i].qtype, len, &problem),
			    RR_FAILED);
			assert_non_null(problem);
		}
		assert_int_not_equal(
		    decode("a.example", cut[i].qtype, len, &problem),
		    RR_FAILED);
		assert_null(problem);
	}
}

/* Any octet may be anything: the sanitizers judge. */
static void
test_flipped(void **state)
{
	static const struct sample flip = {"", "a.example", 1, OK,
	    {CHAIN, "b.example 5 9 c.example", "c.example 1 60 bbbb"},
	    {"example 2 9 ns.example", SOA}, ""};
	const char *problem;
	size_t at;
	unsigned bit;

	(void)state;
	packet_build(&flip);
	for (at = 0; at < packet.len; at++)
		for (bit = 0; bit < 8; bit++) {
			packet.data[at] ^= (uint8_t)(1U << bit);
			(void)decode("a.example", 1, packet.len, &problem);
			packet.data[at] ^= (uint8_t)(1U << bit);
		}
	assert_int_equal(
	    decode("a.example", 1, packet.len, &problem), RR_PRESENT);
}

static void
test_question(void **state)
{
	static const struct sample plain = {
	    "", "a.example", 1, OK, {"~ 1 60 aaaa"}, {NULL}, ""};
	const char *problem;

	(void)state;
	packet_build(&plain);
	assert_int_equal(
	    decode("b.example", 1, packet.len, &problem), RR_FAILED);
	assert_string_equal(problem, "another question");
	assert_int_equal(
	    decode("a.example", 28, packet.len, &problem), RR_FAILED);
	packet.data[5] = 0;
	assert_int_equal(
	    decode("a.example", 1, packet.len, &problem), RR_FAILED);
	packet.data[5] = 2;
	assert_int_equal(
	    decode("a.example", 1, packet.len, &problem), RR_FAILED);
	packet_build(&plain);
	packet.data[26] = 3; /* CHAOS */
	assert_int_equal(
	    decode("a.example", 1, packet.len, &problem), RR_FAILED);
	/* A record of another class is none of ours. */
	packet_build(&plain);
	packet.data[packet.len - 11] = 3;
	assert_int_equal(
	    decode("a.example", 1, packet.len, &problem), RR_FAILED);
	assert_string_equal(problem, "no SOA");
}

static void
chain_build(unsigned links)
{
	struct sample none = {"", "n0.example", 1, OK, {NULL}, {NULL}, ""};
	char line[64];
	unsigned i;

	packet_build(&none);
	for (i = links; i > 0; i--) {
		(void)snprintf(line, sizeof(line),
		    "n%u.example 5 60 n%u.example", i - 1, i);
		put_record(line, 1);
	}
	(void)snprintf(line, sizeof(line), "n%u.example 1 60 aaaa", links);
	put_record(line, 1);
	packet.data[7] = (uint8_t)(links + 1);
}

static void
test_long_chain(void **state)
{
	const char *problem;

	(void)state;
	chain_build(DNSMSG_CHAIN_MAX);
	assert_int_equal(
	    decode("n0.example", 1, packet.len, &problem), RR_PRESENT);
	chain_build(DNSMSG_CHAIN_MAX + 1);
	assert_int_equal(
	    decode("n0.example", 1, packet.len, &problem), RR_FAILED);
	assert_string_equal(problem, "CNAME chain too long");
}

/* RFC 1035 3.3.14: character-strings that fill the rdata exactly. */
static void
test_txt_form(void **state)
{
	static const struct {
		const char *rdata;
		unsigned len;
		enum rr_state state;
	} forms[] = {
	    {"\003abc", 4, RR_PRESENT},
	    {"\003abc\001d", 6, RR_PRESENT},
	    {"\000", 1, RR_PRESENT},
	    {"", 0, RR_FAILED},
	    {"\004abc", 4, RR_FAILED},
	    {"\002abc", 4, RR_FAILED},
	    {"\377abc", 4, RR_FAILED},
	};
	struct sample none = {"", "a.example", 16, OK, {NULL}, {NULL}, ""};
	const char *problem;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		packet_build(&none);
		packet.data[7] = 1;
		put_name("~");
		put(16, 2);
		put(1, 2);
		put(60, 4);
		put(forms[i].len, 2);
		memcpy(packet.data + packet.len, forms[i].rdata, forms[i].len);
		packet.len += forms[i].len;
		assert_int_equal(decode("a.example", 16, packet.len, &problem),
		    forms[i].state);
	}
}

/* `count` different MX records, whose names are compressed to 2 octets. */
static void
many_build(const char *name, unsigned count)
{
	struct sample none = {"", name, 15, OK, {NULL}, {NULL}, ""};
	unsigned i;

	packet_build(&none);
	for (i = 0; i < count; i++) {
		put_name("~");
		put(15, 2);
		put(1, 2);
		put(60, 4);
		put(4, 2);
		put(i, 2);
		put_name("~");
	}
	packet.data[6] = (uint8_t)(count >> 8);
	packet.data[7] = (uint8_t)count;
}

/* What is small in the message may not be so without compression. */
static void
test_too_much(void **state)
{
	const char *name = "0123456789012345678901234567890123456789.example";
	const char *problem;

	(void)state;
	many_build(name, 1000);
	assert_int_equal(decode(name, 15, packet.len, &problem), RR_PRESENT);
	many_build(name, 4000);
	assert_int_equal(decode(name, 15, packet.len, &problem), RR_FAILED);
	assert_string_equal(problem, "rdata");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_question),
	    cmocka_unit_test(test_long_chain),
	    cmocka_unit_test(test_txt_form),
	    cmocka_unit_test(test_too_much),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
