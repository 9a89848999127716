/* SPDX-License-Identifier: ISC */
/*
 * What must hold however DNS behaves. DNS holds the same records all the time,
 * so each question has one right answer. Answers of DNS are late, out of
 * order, lost, or failures; the disk is full, the daemon is restarted, its
 * memory flushed: and still
 *
 *	- each question is answered once, and in time;
 *	- no lookup is under way twice;
 *	- an answer is the right one, or says that DNS could not tell; and a
 *	  verdict that claims to be decided is the right one;
 *	- where DNS never fails, it says so only when its time was over.
 *
 * usage: test_chance [SEED [RUNS]]
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FAKE_RESOLVER_TYPES
#include "../fake_resolver.h"
#include "hash.h"
#include "log.h"
#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STEPS	     300
#define ASKED_MAX    60
#define VALUE_MAX    64

static char directory[] = "/tmp/test_chance.XXXXXX";
static uint64_t seed = 1, runs = 30;

/* No ptr: RFC 7208 5.5 has it not match when DNS fails, so that an answer may
   be wrong and not say so. */
static const char *const zone[] = {
    "example.com 20 TXT v=spf1 a mx include:a.example -all",
    "example.com 30 A 192.0.2.9",
    "example.com 60 MX 10 mx1.example.com",
    "example.com 60 MX 20 mx2.example.com",
    "mx1.example.com 10 A 192.0.2.10",
    "mx2.example.com 0 A 192.0.2.1",
    "a.example 40 TXT v=spf1 exists:%{l}.%{i}.ok.example redirect=b.example",
    "one.198.51.100.1.ok.example 30 A 127.0.0.2",
    "b.example 0 TXT v=spf1 ip4:203.0.113.0/28 ?all",
    "_dmarc.example.com 30 secure TXT v=DMARC1; p=reject; sp=quarantine",
    "_dmarc.none.example 5 TXT v=DMARC1; p=none",
    "none.example 5 TXT v=spf1 include:a.example ~all",
    "k1._domainkey.example.com 10 TXT v=DKIM1; p=",
    "alias.example.com 40 TXT v=spf1 redirect=example.com",
};

static const struct {
	const char *text;
	/* What must be right, unless `doubt` (NAME=VALUE) is in the answer. */
	const char *fields[3], *doubt;
} questions[] = {
#define CHECK(fields)                                                          \
	{                                                                      \
		"verdict/1 check\n" fields, {"action"}, "decided=no"           \
	}
#define SPF(fields)                                                            \
	{                                                                      \
		"verdict/1 spf\n" fields, {"result", "mechanism"},             \
		    "result=temperror"                                         \
	}
#define DMARC(fields)                                                          \
	{                                                                      \
		"verdict/1 dmarc\n" fields,                                    \
		    {"status", "policy", "policy_domain"}, "status=temperror"  \
	}
    SPF("client_ip=192.0.2.1\nmail_from=one@example.com\n"),
    SPF("client_ip=192.0.2.9\nmail_from=one@alias.example.com\n"),
    SPF("client_ip=198.51.100.1\nmail_from=one@example.com\n"),
    SPF("client_ip=198.51.100.1\nmail_from=two@example.com\n"),
    SPF("client_ip=203.0.113.3\nmail_from=one@none.example\n"),
    SPF("client_ip=203.0.113.3\nmail_from=one@nothing.example\n"),
    DMARC("from_domain=example.com\n"),
    DMARC("from_domain=mail.sub.example.com\n"),
    DMARC("from_domain=nothing.example\n"),
    CHECK("client_ip=192.0.2.1\nmail_from=one@example.com\n"
	  "from_domain=example.com\n"),
    CHECK("client_ip=203.0.113.99\nmail_from=one@example.com\n"
	  "from_domain=example.com\n"),
    CHECK("client_ip=203.0.113.99\nmail_from=one@example.com\n"
	  "from_domain=example.com\ndkim=pass d=example.com s=k1\n"),
    CHECK("client_ip=203.0.113.99\nmail_from=one@example.com\n"
	  "from_domain=mail.example.com\ndkim=temperror d=a.example s=k1\n"),
    CHECK("client_ip=203.0.113.3\nmail_from=one@none.example\n"
	  "from_domain=none.example\nfrom_domain=sub.example.com\n"),
    CHECK("client_ip=198.51.100.1\nmail_from=two@alias.example.com\n"
	  "from_domain=alias.example.com\n"),
    CHECK("client_ip=198.51.100.1\nmail_from=one@alias.example.com\n"
	  "from_domain=alias.example.com\n"),
    CHECK("client_ip=192.0.2.77\nmail_from=x@nothing.example\n"
	  "from_domain=nothing.example\n"),
};

/* The right answers. */
static char right[COUNT(questions)][3][VALUE_MAX];

static uint64_t
chance(uint64_t below)
{
	static uint64_t state;
	uint64_t z = (state += 0x9e3779b97f4a7c15U);

	if (below == 0) {
		state = seed; /* begin again */
		return (0);
	}
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return ((z ^ z >> 31) % below);
}

/* Of one run. */
struct asked {
	size_t question;
	int64_t deadline;
	bool checked;
};

static struct asked asked[ASKED_MAX];
static unsigned asked_count;
/* Of all runs of a test: no doubt, or nothing but, would test little. */
static unsigned answers, doubts;
static bool never_failing;
static int64_t now;
static size_t first; /* question of those that are asked in this run */

static struct world *
world_new(void)
{
	const char *problem = NULL;
	struct world *world = world_open(directory,
	    "resolver { timeout = 5s }\n"
	    "cache { stale-max = 10s }\n",
	    &problem);
	char line[256];
	size_t i;

	if (world == NULL)
		fail_msg("%s", problem);
	for (i = 0; i < COUNT(zone); i++) {
		snprintf(line, sizeof(line), "%s", zone[i]);
		world_zone(world, line, 1);
	}
	now = 0;
	asked_count = 0;
	first = chance(COUNT(questions));
	return (world);
}

/* Asks question `n`, to be answered within `timeout`. */
static void
ask(struct world *world, size_t n, int64_t timeout)
{
	char id[16], text[1024];

	snprintf(id, sizeof(id), "%u", asked_count);
	snprintf(text, sizeof(text), "%stimeout_ms=%lld\n", questions[n].text,
	    (long long)timeout);
	/* The answer leaves a little before the asker stops waiting. */
	asked[asked_count++] =
	    (struct asked){n, now + timeout - timeout / 20 - 10, false};
	world_ask(world, id, false, text);
}

static const char *
value_of(const struct msg *reply, const char *name)
{
	const char *value = name == NULL ? NULL : msg_get(reply, name);

	return (value == NULL ? "" : value);
}

static int
find_right(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(questions); i++) {
		struct world *world = world_new();
		const struct world_question *q;

		ask(world, i, 20000);
		world_settle(world);
		q = world_question_at(world, 0);
		assert_int_equal(q->replies, 1);
		for (j = 0; j < 3; j++)
			snprintf(right[i][j], VALUE_MAX, "%s",
			    value_of(&q->reply, questions[i].fields[j]));
		assert_string_not_equal(right[i][0], "");
		world_close(world);
	}
	return (0);
}

/* Does the answer say that DNS could not tell? */
static bool
is_doubtful(const struct msg *reply, size_t n)
{
	const char *doubt = questions[n].doubt, *equal = strchr(doubt, '=');
	char name[32];

	snprintf(name, sizeof(name), "%.*s", (int)(equal - doubt), doubt);
	return (strcmp(value_of(reply, name), equal + 1) == 0);
}

static void
check_answer(const struct world_question *q, const struct asked *a)
{
	const size_t n = a->question;
	size_t j;

	assert_int_equal(q->replies, 1);
	assert_string_equal(q->reply.word, "ok");
	answers++;
	if (is_doubtful(&q->reply, n)) {
		doubts++;
		if (never_failing && now < a->deadline)
			fail_msg(
			    "in doubt without a reason: %s", questions[n].text);
		return;
	}
	for (j = 0; j < 3; j++)
		if (strcmp(value_of(&q->reply, questions[n].fields[j]),
			right[n][j]) != 0)
			fail_msg("%s: %s is \"%s\", not \"%s\"",
			    questions[n].text, questions[n].fields[j],
			    value_of(&q->reply, questions[n].fields[j]),
			    right[n][j]);
}

static void
check_questions(struct world *world)
{
	unsigned i, waiting = 0;

	for (i = 0; i < asked_count; i++) {
		const struct world_question *q = world_question_at(world, i);

		if (asked[i].checked)
			continue;
		if (q->replies > 0) {
			check_answer(q, &asked[i]);
			asked[i].checked = true;
			continue;
		}
		waiting++;
		if (now >= asked[i].deadline)
			fail_msg("question %u is late", i);
	}
	assert_int_equal(world_parked(world), waiting);
}

static void
check_lookups(struct world *world)
{
	struct fake_lookup *a, *b;

	for (a = world_lookups(world); a != NULL; a = TAILQ_NEXT(a, entry))
		for (b = TAILQ_NEXT(a, entry); b != NULL;
		     b = TAILQ_NEXT(b, entry))
			assert_false(a->type == b->type &&
				     dname_equal(&a->name, &b->name));
}

/* One of the lookups under way gets its answer: the right one, or none. */
static void
answer_some(struct world *world, unsigned failing)
{
	struct fake_lookup *lookup = world_lookups(world);
	uint64_t skip = chance(8);

	for (; lookup != NULL && skip > 0; skip--)
		lookup = TAILQ_NEXT(lookup, entry);
	if (lookup == NULL)
		return;
	if (chance(100) < failing)
		world_dns(world, WORLD_DNS_DOWN);
	world_answer(world, lookup);
	world_dns(world, WORLD_DNS_UP);
	world_turn(world);
}

/* What waits is lost with the daemon; nobody will answer it. */
static void
restart(struct world *world)
{
	unsigned i;

	world_restart(world);
	for (i = 0; i < asked_count; i++)
		asked[i].checked = true;
}

static void
step(struct world *world, unsigned failing)
{
	static const int64_t timeouts[] = {50, 1000, 3000, 20000, 60000};
	const uint64_t what = chance(100);
	int64_t ms;

	if (what < 20 && asked_count < ASKED_MAX) {
		/* Some that have to do with one another. */
		ask(world, (first + chance(5)) % COUNT(questions),
		    timeouts[chance(COUNT(timeouts))]);
	} else if (what < 85) {
		answer_some(world, failing);
	} else if (what < 95) {
		/* A second at most, or lookups would time out: a failure. */
		ms = (int64_t)chance(failing == 0 ? 100 : 3000);
		if (failing > 0 && what == 94)
			ms *= 10;
		now += ms;
		world_wait(world, ms);
	} else if (what < 98) {
		world_disk(world, chance(2) == 0);
	} else if (what == 98) {
		world_flush(world, chance(2) == 0 ? NULL : "failures");
	} else {
		restart(world);
	}
}

static void
run(unsigned failing)
{
	struct world *world = world_new();
	unsigned i;

	for (i = 0; i < STEPS; i++) {
		step(world, failing);
		check_questions(world);
		check_lookups(world);
	}
	world_settle(world);
	world_wait(world, 60000);
	now += 60000;
	check_questions(world);
	assert_int_equal(world_parked(world), 0);
	world_close(world);
}

static void
runs_with(unsigned failing)
{
	uint64_t i;

	answers = doubts = 0;
	never_failing = failing == 0;
	print_message("# seed %llu\n", (unsigned long long)seed);
	chance(0);
	for (i = 0; i < runs; i++)
		run(failing);
	print_message("# %u answers, %u in doubt\n", answers, doubts);
	assert_true(doubts > 0 && doubts < answers);
}

static void
test_never_failing(void **state)
{
	(void)state;
	runs_with(0);
}

static void
test_seldom_failing(void **state)
{
	(void)state;
	runs_with(5);
}

static void
test_often_failing(void **state)
{
	(void)state;
	runs_with(40);
}

int
main(int argc, char *argv[])
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_never_failing),
	    cmocka_unit_test(test_seldom_failing),
	    cmocka_unit_test(test_often_failing),
	};
	int failed;

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		runs = strtoull(argv[2], NULL, 10);
	signal(SIGXFSZ, SIG_IGN);
	hash_init();
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	if (mkdtemp(directory) == NULL)
		return (1);
	failed = cmocka_run_group_tests(tests, find_right, NULL);
	rmdir(directory);
	return (failed);
}
