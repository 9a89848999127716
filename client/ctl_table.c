/* SPDX-License-Identifier: ISC */
/*
 * `verdictctl rules table`: what the configured rules do in each situation.
 * The sender is on no list, so rules about senders do not match.
 */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "conf.h"
#include "ctl_situation.h"
#include "rules.h"

struct table {
	const struct rules *rules;
	bool csv;
};

/* One line of the table. */
struct row {
	const char *spf, *dkim, *policy, *dns;
	const char *action, *decided, *rule, *later;
};

static void
text_print(const struct row *row)
{
	printf("%-15s%-15s%-11s%-31s%-11s%-8s%-11s%s\n", row->spf, row->dkim,
	    row->policy, row->dns, row->action, row->decided, row->later,
	    row->rule);
}

/* RFC 4180: a quote within quotes is doubled. */
static void
csv_put(const char *value, char end)
{
	const bool quoted = strpbrk(value, ",\"") != NULL;

	if (quoted)
		putchar('"');
	for (; *value != '\0'; value++) {
		if (*value == '"')
			putchar('"');
		putchar(*value);
	}
	if (quoted)
		putchar('"');
	putchar(end);
}

static void
csv_print(const struct row *row)
{
	csv_put(row->spf, ',');
	csv_put(row->dkim, ',');
	csv_put(row->policy, ',');
	csv_put(row->dns, ',');
	csv_put(row->action, ',');
	csv_put(row->decided, ',');
	csv_put(row->later, ',');
	csv_put(row->rule, '\n');
}

static void
row_print(const struct table *table, const struct row *row)
{
	if (table->csv)
		csv_print(row);
	else
		text_print(row);
}

/* What becomes of a message that is tried again while DNS goes on failing. */
static const char *
later_text(const struct rules *rules, const struct rules_decision *decision)
{
	const struct rules_settings *settings = rules_settings_of(rules);

	if (decision->decided || decision->action != RULES_DEFER ||
	    settings->defer_at_most == 0)
		return (rules_action_text(decision->action));
	return (rules_action_text(settings->after_defer));
}

static void
situation_print(void *arg, const struct situation *situation)
{
	const struct table *table = arg;
	struct arena *arena = arena_new();
	struct situation_facts found;
	struct rules_decision decision;

	situation_facts(situation, arena, &found);
	rules_decide(table->rules, &found.facts, arena, &decision);
	row_print(table, &(struct row){
			     .spf = situation_spf_text(situation->spf),
			     .dkim = situation_dkim_text(situation->dkim),
			     .policy = situation_policy_text(situation->policy),
			     .dns = situation_dns_text(situation),
			     .action = rules_action_text(decision.action),
			     .decided = decision.decided ? "yes" : "no",
			     .later = later_text(table->rules, &decision),
			     .rule = decision.rule,
			 });
	arena_free(arena);
}

int
ctl_table(const struct conf *conf, bool csv)
{
	struct table table = {conf->run.rules, csv};

	row_print(&table, &(struct row){"spf", "dkim", "policy", "dns_failure",
			      "action", "decided", "rule", "later"});
	situations_each(false, situation_print, &table);
	return (CTL_OK);
}
