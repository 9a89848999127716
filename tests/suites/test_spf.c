/* SPDX-License-Identifier: ISC */
/*
 * The public SPF suites against the production evaluator. VERDICT_SUITES names
 * the directory that holds them; spf_lines.py turns them into lines.
 *
 * Each case runs warm (every record at hand) and cold (all records missing at
 * first; what a run notes as missing is put there, and it runs again), cold
 * once without and once with prefetch. All must give the same answer, and the
 * suite's.
 */
#include <stdarg.h>
#include <stdbool.h>

#include "../spf_run.h"

#define FIELDS_MAX 8

/* What RFC 7208 removed, or never had: not run. */
static const struct {
	const char *suite, *id, *reason;
} removed[] = {
    {"pyspf", "default-modifier",
	"default= was a draft's; RFC 7208 6 ignores unknown modifiers"},
    {"pyspf", "default-modifier-harsh",
	"wants \"ambiguous\", which is no result of RFC 7208 2.6"},
};

static struct zone *zone;
static unsigned number, failures;
static unsigned colds, rounds_most, rounds_all, questions_most, questions_all;

/* In place; NUL behind it. Returns the length. */
static size_t
unhex(char *text)
{
	size_t len = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2, i;
	unsigned octet;

	for (i = 0; i < len; i++) {
		sscanf(text + 2 * i, "%2x", &octet);
		text[i] = (char)octet;
	}
	text[len] = '\0';
	return (len);
}

static bool
result_is_listed(const char *results, const char *result)
{
	const char *at = strstr(results, result);
	const size_t len = strlen(result);

	/* "softfail" must not pass for "fail". */
	for (; at != NULL; at = strstr(at + 1, result))
		if ((at == results || at[-1] == ',') &&
		    (at[len] == ',' || at[len] == '\0'))
			return (true);
	return (false);
}

static bool
explanation_is(const char *wanted, const struct spf_answer *answer)
{
	char *text;
	bool same;

	if (strcmp(wanted, "any") == 0)
		return (true);
	if (strcmp(wanted, "none") == 0 || answer->explanation == NULL)
		return (
		    strcmp(wanted, "none") == 0 && answer->explanation == NULL);
	text = strdup(wanted + 1);
	unhex(text);
	same = strcmp(text, answer->explanation) == 0;
	free(text);
	return (same);
}

static void
cold_count(const struct spf_cost *cost)
{
	colds++;
	rounds_all += cost->rounds;
	questions_all += cost->questions;
	if (cost->rounds > rounds_most)
		rounds_most = cost->rounds;
	if (cost->questions > questions_most)
		questions_most = cost->questions;
}

/* NULL if the case holds, else what is wrong. */
static const char *
case_run(struct arena *arena, struct spf_question *question,
    const char *results, const char *explanation, struct spf_answer *answer)
{
	struct spf_answer again;
	struct spf_cost cost;

	spf_run(zone, arena, SPF_WARM, question, answer, &cost, NULL);
	if (cost.rounds != 0)
		return ("warm: records are missing");
	if (!result_is_listed(results, spf_result_text(answer->result)))
		return ("result");
	if (!explanation_is(explanation, answer))
		return ("explanation");
	if (spf_run(zone, arena, SPF_COLD, question, &again, &cost, NULL) == -1)
		return ("cold: no end");
	cold_count(&cost);
	if (!spf_answer_equal(answer, &again))
		return ("cold: another answer");
	question->prefetch = true;
	if (spf_run(zone, arena, SPF_COLD, question, &again, &cost, NULL) == -1)
		return ("prefetch: no end");
	if (!spf_answer_equal(answer, &again))
		return ("prefetch: another answer");
	return (NULL);
}

static const char *
removed_reason(const char *suite, const char *id)
{
	size_t i;

	for (i = 0; i < sizeof(removed) / sizeof(removed[0]); i++)
		if (strcmp(removed[i].suite, suite) == 0 &&
		    strcmp(removed[i].id, id) == 0)
			return (removed[i].reason);
	return (NULL);
}

/* case ID IP HELO MAIL_FROM RECEIVER RESULTS EXPLANATION */
static void
case_line(const char *suite, char **field)
{
	struct spf_question question = {
	    .helo = field[3], .mail_from = field[4], .receiver = field[5]};
	struct arena *arena;
	struct spf_answer answer;
	const char *problem, *reason = removed_reason(suite, field[1]);

	number++;
	if (reason != NULL) {
		printf("ok %u - %s %s # SKIP %s\n", number, suite, field[1],
		    reason);
		return;
	}
	arena = arena_new();
	unhex(field[3]);
	unhex(field[4]);
	unhex(field[5]);
	ipaddr_from_text(&question.client_ip, field[2]);
	problem = case_run(arena, &question, field[6], field[7], &answer);
	if (problem == NULL) {
		printf("ok %u - %s %s\n", number, suite, field[1]);
	} else {
		failures++;
		printf("not ok %u - %s %s: %s: %s wanted, got %s (%s) "
		       "explanation \"%s\"\n",
		    number, suite, field[1], problem, field[6],
		    spf_result_text(answer.result),
		    answer.problem == NULL ? answer.mechanism : answer.problem,
		    answer.explanation == NULL ? "" : answer.explanation);
	}
	arena_free(arena);
}

/* The set that a record belongs to. */
static struct rrset *
zone_set_of(const struct dname *name, uint16_t type)
{
	struct zone_entry *entry = zone_find(zone, name, type);

	if (entry == NULL) {
		entry = zone_add(
		    zone, name, type, zone_set(RR_PRESENT, RR_FAILURE_NONE));
		entry->given = true;
	}
	return (entry->set);
}

/* rr NAME TYPE RDATA, or dead NAME TYPE */
static void
record_line(char **field, size_t n)
{
	const uint16_t type = (uint16_t)atoi(field[2]);
	struct dname name;
	size_t len = unhex(field[1]);

	/* Some names of the suites cannot be asked for. */
	if (dname_from_octets(&name, field[1], len) == -1)
		return;
	if (strcmp(field[0], "dead") == 0) {
		zone_add(
		    zone, &name, type, zone_set(RR_FAILED, RR_FAILURE_TIMEOUT))
		    ->given = true;
		return;
	}
	if (n < 4) {
		printf("# not a record: %s\n", field[1]);
		failures++;
		return;
	}
	len = unhex(field[3]);
	rrset_add(zone_set_of(&name, type), field[3], len);
}

static void
zone_begin(void)
{
	if (zone != NULL)
		zone_close(zone);
	zone = zone_open("", false);
}

static void
suite_read(const char *suite, FILE *lines)
{
	char *line = NULL, *field[FIELDS_MAX], *rest;
	size_t size = 0, n;

	while (getline(&line, &size, lines) > 0) {
		n = 0;
		rest = line;
		line[strcspn(line, "\n")] = '\0';
		while (n < FIELDS_MAX && rest != NULL)
			field[n++] = strsep(&rest, "\t");
		if (strcmp(field[0], "zone") == 0)
			zone_begin();
		else if (strcmp(field[0], "case") == 0 && n == FIELDS_MAX)
			case_line(suite, field);
		else if (n >= 3)
			record_line(field, n);
	}
	free(line);
}

/* At least so many cases, or something has been lost on the way. */
static void
suite_run(
    const char *directory, const char *suite, const char *file, unsigned cases)
{
	const char *source = getenv("SRC");
	const unsigned before = number;
	char command[1024];
	FILE *lines;
	int status;

	snprintf(command, sizeof(command),
	    "exec /usr/bin/python3 '%s/tests/suites/spf_lines.py' '%s/%s'",
	    source == NULL ? "." : source, directory, file);
	lines = popen(command, "r");
	if (lines == NULL) {
		printf("Bail out! cannot run %s\n", command);
		exit(1);
	}
	suite_read(suite, lines);
	status = pclose(lines);
	number++;
	if (status == 0 && number - 1 - before == cases) {
		printf("ok %u - %s: all %u cases\n", number, suite, cases);
	} else {
		failures++;
		printf("not ok %u - %s: %u of %u cases, status %d\n", number,
		    suite, number - 1 - before, cases, status);
	}
}

int
main(void)
{
	const char *directory = getenv("VERDICT_SUITES");

	if (directory == NULL || *directory == '\0') {
		printf("1..0 # SKIP VERDICT_SUITES is not set\n");
		return (0);
	}
	zone_begin();
	suite_run(directory, "rfc7208", "rfc7208-tests.yml", 203);
	suite_run(directory, "rfc4408", "rfc4408-tests.yml", 191);
	suite_run(directory, "pyspf", "pyspf-test.yml", 16);
	zone_close(zone);
	if (colds > 0)
		printf("# cold: %u rounds at most, %.1f on average; "
		       "%u questions at most, %.1f on average\n",
		    rounds_most, (double)rounds_all / colds, questions_most,
		    (double)questions_all / colds);
	printf("1..%u\n", number);
	return (failures == 0 ? 0 : 1);
}
