/* SPDX-License-Identifier: ISC */
#include "script.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_RESOLVER_TYPES
#include "../fake_resolver.h"
#include "stats.h"
#include "world.h"

#define LINE_MAX_OCTETS 4096
#define TEXT_MAX_OCTETS 65536

struct scenario {
	struct scenario *next;
	char *file;
	char *name;
	unsigned line; /* of the file, where it begins */
	char *text;    /* its lines, without the first */
	size_t len;
};

/* One that runs. */
struct play {
	const struct scenario *scenario;
	const char *directory;
	struct world *world;
	const char *next; /* the lines to come */
	unsigned line;	  /* of the file: the one that runs */
	unsigned generation;
	uint64_t stats[STATS_COUNT]; /* at the beginning */
	char conf[TEXT_MAX_OCTETS];
	char problem[2 * TEXT_MAX_OCTETS];
	jmp_buf failed;
};

static void play_fail(struct play *play, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

static void
play_fail(struct play *play, const char *fmt, ...)
{
	va_list ap;
	int len;

	len = snprintf(play->problem, sizeof(play->problem),
	    "%s:%u: ", play->scenario->file, play->line);
	va_start(ap, fmt);
	vsnprintf(
	    play->problem + len, sizeof(play->problem) - (size_t)len, fmt, ap);
	va_end(ap);
	longjmp(play->failed, 1);
}

/*
 * Lines
 */

/* The next line without its newline, or false at the end. */
static bool
line_read(struct play *play, char *line)
{
	const size_t len = strcspn(play->next, "\n");

	if (*play->next == '\0')
		return (false);
	play->line++;
	if (len >= LINE_MAX_OCTETS)
		play_fail(play, "the line is too long");
	memcpy(line, play->next, len);
	line[len] = '\0';
	play->next += len + (play->next[len] == '\n');
	return (true);
}

static bool
line_is_indented(const struct play *play)
{
	return (*play->next == ' ' || *play->next == '\t');
}

/* Cuts off the first word; what is left begins with the next one. */
static char *
word_next(char **rest)
{
	char *word = *rest;

	*rest += strcspn(*rest, " \t");
	if (**rest != '\0')
		*(*rest)++ = '\0';
	*rest += strspn(*rest, " \t");
	return (word);
}

/* Cuts off what stands before the next ", "; NULL at the end. */
static char *
item_next(char **rest)
{
	char *item = *rest, *comma;

	if (item == NULL || *item == '\0')
		return (NULL);
	comma = strstr(item, ", ");
	if (comma == NULL) {
		*rest = NULL;
	} else {
		*comma = '\0';
		*rest = comma + 2;
	}
	return (item);
}

/*
 * What the world is
 */

static void
block_read(struct play *play, char *text, size_t size)
{
	char line[LINE_MAX_OCTETS];
	size_t len = 0;

	*text = '\0';
	while (line_is_indented(play) && line_read(play, line)) {
		len += (size_t)snprintf(text + len, size - len, "%s\n", line);
		if (len >= size)
			play_fail(play, "the block is too long");
	}
}

static struct world *
world_of(struct play *play)
{
	const char *problem = NULL;

	if (play->world != NULL)
		return (play->world);
	play->world = world_open(play->directory, play->conf, &problem);
	if (play->world == NULL)
		play_fail(play, "conf: %s", problem);
	return (play->world);
}

static void
do_conf(struct play *play, char *rest)
{
	(void)rest;
	if (play->world != NULL)
		play_fail(play, "conf comes first; use reload");
	block_read(play, play->conf, sizeof(play->conf));
}

static void
do_reload(struct play *play, char *rest)
{
	const char *problem;

	(void)rest;
	block_read(play, play->conf, sizeof(play->conf));
	problem = world_reload(world_of(play), play->conf);
	if (problem != NULL)
		play_fail(play, "%s", problem);
}

static void
do_zone(struct play *play, char *rest)
{
	char line[LINE_MAX_OCTETS];
	struct world *world = world_of(play);

	(void)rest;
	play->generation++;
	while (line_is_indented(play) && line_read(play, line))
		world_zone(world, line + strspn(line, " \t"), play->generation);
}

static void
do_dns(struct play *play, char *rest)
{
	if (strcmp(rest, "up") == 0)
		world_dns(world_of(play), WORLD_DNS_UP);
	else if (strcmp(rest, "down") == 0)
		world_dns(world_of(play), WORLD_DNS_DOWN);
	else if (strcmp(rest, "silent") == 0)
		world_dns(world_of(play), WORLD_DNS_SILENT);
	else
		play_fail(play, "dns: up, down or silent");
}

static void
do_disk(struct play *play, char *rest)
{
	if (strcmp(rest, "full") != 0 && strcmp(rest, "free") != 0)
		play_fail(play, "disk: full or free");
	world_disk(world_of(play), strcmp(rest, "full") == 0);
}

static void
do_flush(struct play *play, char *rest)
{
	world_flush(world_of(play), strcmp(rest, "all") == 0 ? NULL : rest);
}

static void
do_refuse(struct play *play, char *rest)
{
	(void)rest;
	world_refuse(world_of(play));
}

static void
do_restart(struct play *play, char *rest)
{
	(void)rest;
	world_restart(world_of(play));
}

static int64_t
time_read(struct play *play, const char *text)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000},
	    {"d", 86400000}};
	char *unit;
	const long number = strtol(text, &unit, 10);
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, unit) == 0)
			return (number * units[i].ms);
	play_fail(play, "not a time: %s", text);
}

static void
do_wait(struct play *play, char *rest)
{
	world_wait(world_of(play), time_read(play, rest));
}

static void
do_clock(struct play *play, char *rest)
{
	const char *direction = word_next(&rest);

	if (strcmp(direction, "back") == 0)
		world_clock(world_of(play), -time_read(play, rest));
	else if (strcmp(direction, "on") == 0)
		world_clock(world_of(play), time_read(play, rest));
	else
		play_fail(play, "clock: back or on TIME");
}

/*
 * Questions and answers
 */

static void
question_ask(struct play *play, char *rest, bool control)
{
	char text[2 * LINE_MAX_OCTETS];
	const char *id = word_next(&rest), *verb = word_next(&rest);
	const char *item;
	size_t len;

	if (world_question(world_of(play), id) != NULL)
		play_fail(play, "there is a question %s already", id);
	len = (size_t)snprintf(text, sizeof(text), "verdict/1 %s\n", verb);
	while ((item = item_next(&rest)) != NULL)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "%s\n", item);
	world_ask(play->world, id, control, text);
}

static void
do_ask(struct play *play, char *rest)
{
	question_ask(play, rest, false);
}

static void
do_control(struct play *play, char *rest)
{
	question_ask(play, rest, true);
}

static void
do_host(struct play *play, char *rest)
{
	world_host(world_of(play), (unsigned)strtoul(rest, NULL, 10));
}

static void
fill_requests(struct world *world, long count)
{
	long i;

	for (i = 0; i < count; i++)
		world_ask(world, "", false,
		    "verdict/1 dmarc\nfrom_domain=fill.example\n");
}

/* 64 names a question. */
static void
fill_lookups(struct world *world, long count)
{
	static char text[TEXT_MAX_OCTETS];
	size_t len = 0;
	long i;

	for (i = 0; i < count; i++) {
		if (i % 64 == 0)
			len = (size_t)snprintf(
			    text, sizeof(text), "verdict/1 dkim-key\n");
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "key=k%ld fill.example\n", i);
		if (i % 64 == 63 || i + 1 == count)
			world_ask(world, "", false, text);
	}
}

static void
do_fill(struct play *play, char *rest)
{
	const char *what = word_next(&rest);
	struct fake_lookup *lookup;

	if (strcmp(what, "requests") == 0)
		fill_requests(world_of(play), strtol(rest, NULL, 10));
	else if (strcmp(what, "lookups") == 0)
		fill_lookups(world_of(play), strtol(rest, NULL, 10));
	else
		play_fail(play, "fill: requests or lookups");
	for (lookup = world_lookups(play->world); lookup != NULL;
	     lookup = TAILQ_NEXT(lookup, entry))
		lookup->noted = true;
}

static struct world_question *
question_of(struct play *play, const char *id)
{
	struct world_question *q = world_question(world_of(play), id);

	if (q == NULL)
		play_fail(play, "there is no question %s", id);
	return (q);
}

static void
do_waiting(struct play *play, char *rest)
{
	while (*rest != '\0') {
		const char *id = word_next(&rest);

		if (question_of(play, id)->replies > 0)
			play_fail(play, "%s is answered", id);
	}
}

/* Some field of the name has the value, or with '~' holds it. */
static bool
field_matches(
    const struct msg *reply, const char *name, char how, const char *want)
{
	const char *cursor = NULL, *field, *value;

	while ((value = msg_next(reply, &cursor, &field)) != NULL)
		if (strcmp(field, name) == 0 &&
		    (how == '=' ? strcmp(value, want) == 0
				: strstr(value, want) != NULL))
			return (true);
	return (false);
}

static void
reply_print(const struct msg *reply, char *text, size_t size)
{
	const char *cursor = NULL, *name, *value;
	size_t len = (size_t)snprintf(text, size, "%s", reply->word);

	while ((value = msg_next(reply, &cursor, &name)) != NULL && len < size)
		len += (size_t)snprintf(
		    text + len, size - len, "\n\t%s=%s", name, value);
}

static void
reply_fail(struct play *play, const struct msg *reply, const char *id,
    const char *want)
{
	static char text[TEXT_MAX_OCTETS];

	reply_print(reply, text, sizeof(text));
	play_fail(play, "%s: not %s, but %s", id, want, text);
}

static void
field_check(
    struct play *play, const struct msg *reply, const char *id, char *item)
{
	const size_t len = strcspn(item, "=~");
	const char how = item[len];
	char want[LINE_MAX_OCTETS];

	snprintf(want, sizeof(want), "%s", item);
	if (*item == '!') {
		if (msg_get(reply, item + 1) != NULL)
			reply_fail(play, reply, id, want);
		return;
	}
	if (how == '\0')
		play_fail(play, "neither NAME=VALUE nor NAME~TEXT: %s", item);
	item[len] = '\0';
	if (!field_matches(reply, item, how, item + len + 1))
		reply_fail(play, reply, id, want);
}

static void
do_reply(struct play *play, char *rest)
{
	const char *id = word_next(&rest), *status = word_next(&rest);
	struct world_question *q = question_of(play, id);
	char *item;

	if (q->replies != 1)
		play_fail(play, "%s has %u answers", id, q->replies);
	q->checked = true;
	if (strcmp(q->reply.word, status) != 0)
		reply_fail(play, &q->reply, id, status);
	while ((item = item_next(&rest)) != NULL)
		field_check(play, &q->reply, id, item);
}

/*
 * Lookups
 */

static bool
lookup_is(const struct fake_lookup *lookup, const char *name, const char *type)
{
	char text[DNAME_TEXT_MAX];

	return (strcmp(dname_text(&lookup->name, text), name) == 0 &&
		strcmp(rr_type_text(lookup->type), type) == 0);
}

static struct fake_lookup *
lookup_find(struct world *world, const char *name, const char *type)
{
	struct fake_lookup *lookup;

	for (lookup = world_lookups(world); lookup != NULL;
	     lookup = TAILQ_NEXT(lookup, entry))
		if (lookup_is(lookup, name, type))
			return (lookup);
	return (NULL);
}

/* All that nobody has expected yet. Empty: there are none. */
static const char *
lookups_unexpected(struct world *world, char *text, size_t size)
{
	char name[DNAME_TEXT_MAX];
	struct fake_lookup *lookup;
	size_t len = 0;

	*text = '\0';
	for (lookup = world_lookups(world); lookup != NULL && len < size;
	     lookup = TAILQ_NEXT(lookup, entry))
		if (!lookup->noted)
			len += (size_t)snprintf(text + len, size - len,
			    "%s%s %s", len > 0 ? ", " : "",
			    dname_text(&lookup->name, name),
			    rr_type_text(lookup->type));
	return (text);
}

static void
do_lookups(struct play *play, char *rest)
{
	struct world *world = world_of(play);
	char unexpected[LINE_MAX_OCTETS];
	struct fake_lookup *lookup;
	char *item;

	lookups_unexpected(world, unexpected, sizeof(unexpected));
	if (strcmp(rest, "none") == 0)
		*rest = '\0';
	while ((item = item_next(&rest)) != NULL) {
		const char *name = word_next(&item);

		lookup = lookup_find(world, name, item);
		if (lookup == NULL || lookup->noted)
			play_fail(play, "%s %s is no new lookup; new are: %s",
			    name, item, unexpected);
		lookup->noted = true;
	}
	lookups_unexpected(world, unexpected, sizeof(unexpected));
	if (*unexpected != '\0')
		play_fail(play, "lookups not expected: %s", unexpected);
}

static void
answer_all(struct world *world)
{
	struct fake_lookup *lookup, *next;

	for (lookup = world_lookups(world); lookup != NULL; lookup = next) {
		next = TAILQ_NEXT(lookup, entry);
		world_answer(world, lookup);
	}
}

static void
do_answer(struct play *play, char *rest)
{
	struct world *world = world_of(play);
	struct fake_lookup *lookup;
	char *item;

	if (*rest == '\0')
		answer_all(world);
	while ((item = item_next(&rest)) != NULL) {
		const char *name = word_next(&item);

		if ((lookup = lookup_find(world, name, item)) == NULL)
			play_fail(play, "%s %s is not asked", name, item);
		world_answer(world, lookup);
	}
	world_turn(world);
}

static void
do_round(struct play *play, char *rest)
{
	do_lookups(play, rest);
	answer_all(play->world);
	world_turn(play->world);
}

static void
do_settle(struct play *play, char *rest)
{
	struct fake_lookup *lookup;

	(void)rest;
	world_settle(world_of(play));
	for (lookup = world_lookups(play->world); lookup != NULL;
	     lookup = TAILQ_NEXT(lookup, entry))
		lookup->noted = true;
}

/*
 * Numbers
 */

static void
do_parked(struct play *play, char *rest)
{
	const unsigned parked = world_parked(world_of(play));

	if (parked != strtoul(rest, NULL, 10))
		play_fail(play, "%u are parked", parked);
}

static void
do_stat(struct play *play, char *rest)
{
	const char *name = word_next(&rest);
	const uint64_t want = strtoull(rest, NULL, 10);
	uint64_t value;
	enum stat_id stat;

	for (stat = 0; stat < STATS_COUNT; stat++)
		if (strcmp(stat_name(stat), name) == 0)
			break;
	if (stat == STATS_COUNT)
		play_fail(play, "no counter is called %s", name);
	value = stat_value(stat) - play->stats[stat];
	if (value != want)
		play_fail(play, "%s is %llu", name, (unsigned long long)value);
}

static const struct command {
	const char *name;
	void (*run)(struct play *, char *);
} commands[] = {
    {"answer", do_answer},
    {"ask", do_ask},
    {"clock", do_clock},
    {"conf", do_conf},
    {"control", do_control},
    {"disk", do_disk},
    {"dns", do_dns},
    {"fill", do_fill},
    {"flush", do_flush},
    {"host", do_host},
    {"lookups", do_lookups},
    {"parked", do_parked},
    {"refuse", do_refuse},
    {"reload", do_reload},
    {"reply", do_reply},
    {"restart", do_restart},
    {"round", do_round},
    {"settle", do_settle},
    {"stat", do_stat},
    {"wait", do_wait},
    {"waiting", do_waiting},
    {"zone", do_zone},
};

static void
command_run(struct play *play, char *line)
{
	const char *name = word_next(&line);
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0) {
			commands[i].run(play, line);
			return;
		}
	play_fail(play, "no such command: %s", name);
}

/* Nothing may have happened that the scenario does not tell of. */
static void
end_check(struct play *play)
{
	char unexpected[LINE_MAX_OCTETS];
	const struct world_question *q;
	unsigned i;

	lookups_unexpected(world_of(play), unexpected, sizeof(unexpected));
	if (*unexpected != '\0')
		play_fail(play, "lookups not expected: %s", unexpected);
	for (i = 0; (q = world_question_at(play->world, i)) != NULL; i++) {
		if (q->replies > 1)
			play_fail(play, "%s has %u answers", q->id, q->replies);
		if (q->replies == 1 && !q->checked)
			play_fail(play, "%s has an answer", q->id);
	}
}

static void
play_run(struct play *play)
{
	char line[LINE_MAX_OCTETS];

	while (line_read(play, line))
		if (*line != '\0' && *line != '#')
			command_run(play, line);
	end_check(play);
}

char *
scenario_run(struct scenario *scenario, const char *directory)
{
	struct play *play = calloc(1, sizeof(*play));
	char *problem;
	enum stat_id stat;

	if (play == NULL)
		abort();
	play->scenario = scenario;
	play->directory = directory;
	play->next = scenario->text;
	play->line = scenario->line;
	for (stat = 0; stat < STATS_COUNT; stat++)
		play->stats[stat] = stat_value(stat);
	if (setjmp(play->failed) == 0)
		play_run(play);
	problem = *play->problem == '\0' ? NULL : strdup(play->problem);
	if (play->world != NULL)
		world_close(play->world);
	free(play);
	return (problem);
}

/*
 * Files
 */

const char *
scenario_name(const struct scenario *scenario)
{
	return (scenario->name);
}

struct scenario *
scenario_following(const struct scenario *scenario)
{
	return (scenario->next);
}

static struct scenario *
scenario_new(const char *file, unsigned line, const char *name)
{
	struct scenario *scenario = calloc(1, sizeof(*scenario));

	if (scenario == NULL)
		abort();
	scenario->line = line;
	scenario->file = strdup(file);
	scenario->name = strndup(name, strcspn(name, "\n"));
	scenario->text = strdup("");
	return (scenario);
}

static void
scenario_add(struct scenario *scenario, const char *line, size_t len)
{
	scenario->text = realloc(scenario->text, scenario->len + len + 1);
	if (scenario->text == NULL)
		abort();
	memcpy(scenario->text + scenario->len, line, len + 1);
	scenario->len += len;
}

struct scenario *
scenarios_read(const char *path)
{
	static const char begin[] = "scenario ";
	struct scenario *first = NULL, *last = NULL, **next = &first;
	FILE *file = fopen(path, "r");
	unsigned number = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (file == NULL)
		return (NULL);
	while ((len = getline(&line, &size, file)) != -1) {
		number++;
		if (strncmp(line, begin, sizeof(begin) - 1) == 0) {
			*next = last = scenario_new(
			    path, number, line + sizeof(begin) - 1);
			next = &last->next;
		} else if (last != NULL) {
			scenario_add(last, line, (size_t)len);
		}
	}
	free(line);
	fclose(file);
	return (first);
}

void
scenarios_free(struct scenario *scenario)
{
	struct scenario *next;

	for (; scenario != NULL; scenario = next) {
		next = scenario->next;
		free(scenario->file);
		free(scenario->name);
		free(scenario->text);
		free(scenario);
	}
}
