/* SPDX-License-Identifier: ISC */
/*
 * DMARC against a second reading of RFC 9989: dmarc_model.py makes zones by
 * chance and says what must be found; the daemon's code must find it. Of what
 * DNS failed to tell it may think more possible than is, but it must be certain
 * exactly where all possibilities agree.
 *
 * VERDICT_CASES sets how many, VERDICT_SEED which.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../zone.h"
#include "arena.h"
#include "dmarc.h"

#define LINE_MAX_ 1024
#define WORDS	  16

static char zone_text[65536];
static size_t zone_len;
static unsigned long cases, wrong;

/* Does a set of policies hold all of the model's, and one if the model one? */
static bool
policies_agree(unsigned policies, bool absent, const char *model)
{
	static const char letters[] = "nqr";
	const char *p;
	unsigned i, count = absent;

	for (i = DMARC_POLICY_NONE; i <= DMARC_POLICY_REJECT; i++)
		count += policies >> i & 1;
	for (p = model; *p != '\0'; p++) {
		const char *letter = strchr(letters, *p);

		if (letter == NULL ? !absent
				   : !(policies >> (letter - letters) & 1))
			return (false);
	}
	return ((count == 1) == (strlen(model) == 1));
}

static bool
name_agrees(const struct dname *name, bool known, const char *model)
{
	char text[DNAME_TEXT_MAX];

	if (!known)
		return (strcmp(model, "-") == 0);
	return (strcmp(dname_text(name, text), model) == 0);
}

static bool
dmarc_agrees(const struct dmarc *dmarc, char *const model[])
{
	if (!policies_agree(dmarc->may_apply, dmarc->may_be_absent, model[0]) ||
	    !policies_agree(
		dmarc->may_publish, dmarc->may_be_absent, model[1]) ||
	    !name_agrees(
		&dmarc->org_domain, dmarc->org_known == TRI_TRUE, model[3]))
		return (false);
	if (dmarc->status != DMARC_FOUND)
		return (true);
	return (name_agrees(&dmarc->policy_domain, true, model[2]) &&
		strcmp(dmarc_mode_text(dmarc->adkim), model[4]) == 0);
}

/*
 * Without a policy nothing is aligned, and it makes no difference. Where the
 * policy is not known more may be said to be unknown than is: that costs
 * certainty, never truth.
 */
static bool
aligned_agrees(struct view *view, const struct dmarc *dmarc,
    const char *identifier, const char *model)
{
	struct dname name;
	enum tri aligned;

	if (dname_from_text(&name, identifier) == -1)
		return (false);
	aligned = dmarc_aligned(view, dmarc, &name, dmarc->adkim);
	return (strcmp(model, "-") == 0 ||
		strcmp(tri_text(aligned), model) == 0 ||
		(aligned == TRI_UNKNOWN && dmarc->status == DMARC_TEMPERROR));
}

/* Cuts `line` up; the last word is NULL. */
static void
words(char *line, char *word[WORDS + 1])
{
	unsigned i = 0;

	for (word[0] = strtok(line, " \n"); word[i] != NULL && i < WORDS - 1;)
		word[++i] = strtok(NULL, " \n");
}

static bool
case_agrees(
    const struct zone *zone, char *const question[], char *const model[])
{
	const struct dmarc_options options = {.discovery = DMARC_TREE_WALK};
	const struct view_source source =
	    zone_source((struct zone *)(uintptr_t)zone);
	struct arena *arena = arena_new();
	struct view *view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
	struct dmarc dmarc;
	struct dname author;
	bool agrees;
	unsigned i;

	agrees = dname_from_text(&author, question[0]) == 0;
	dmarc_find(view, &author, &options, &dmarc);
	agrees = agrees && dmarc_agrees(&dmarc, model);
	for (i = 1; agrees && question[i] != NULL; i++)
		agrees =
		    aligned_agrees(view, &dmarc, question[i], model[4 + i]);
	view_close(view);
	arena_free(arena);
	return (agrees);
}

/* `question` and `model` are cut up. */
static void
case_run(char *question, char *model)
{
	char *asked[WORDS + 1], *wanted[WORDS + 1];
	char question_line[LINE_MAX_], model_line[LINE_MAX_];
	struct zone *zone = zone_open(zone_text, false);

	strcpy(question_line, question);
	strcpy(model_line, model);
	words(question + 2, asked);
	words(model + 2, wanted);
	cases++;
	if (!case_agrees(zone, asked, wanted) && wrong++ < 10) {
		const char *p;

		for (p = zone_text; *p != '\0'; p++) {
			if (p == zone_text || p[-1] == '\n')
				fputs("# ", stdout);
			putchar(*p);
		}
		printf("# %s# %s", question_line, model_line);
	}
	zone_close(zone);
	zone_len = 0;
	zone_text[0] = '\0';
}

static void
zone_add_line(const char *line)
{
	size_t len = strlen(line);

	if (zone_len + len >= sizeof(zone_text))
		zone_mistake("too long", line);
	memcpy(zone_text + zone_len, line, len + 1);
	zone_len += len;
}

static void
cases_read(FILE *lines)
{
	char line[LINE_MAX_], question[LINE_MAX_] = "";

	while (fgets(line, sizeof(line), lines) != NULL) {
		if (*line == '=')
			strcpy(question, line);
		else if (*line == '>')
			case_run(question, line);
		else
			zone_add_line(line);
	}
}

static const char *
setting(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return (value != NULL && *value != '\0' ? value : otherwise);
}

int
main(void)
{
	char command[LINE_MAX_];
	FILE *lines;
	int status;

	snprintf(command, sizeof(command),
	    "exec /usr/bin/python3 '%s/tests/suites/dmarc_model.py' %s %s",
	    setting("SRC", "."), setting("VERDICT_CASES", "4000"),
	    setting("VERDICT_SEED", "1"));
	lines = popen(command, "r");
	if (lines == NULL) {
		printf("Bail out! cannot run %s\n", command);
		return (1);
	}
	cases_read(lines);
	status = pclose(lines);
	printf("%sok 1 - %lu cases, %lu of them differ\n",
	    status == 0 && cases > 0 && wrong == 0 ? "" : "not ", cases, wrong);
	puts("1..1");
	return (status == 0 && cases > 0 && wrong == 0 ? 0 : 1);
}
