/* SPDX-License-Identifier: ISC */
/*
 * The last day on one page: a file of HTML that needs nothing else, for a
 * browser or a mail.
 */
#include "ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl_answer.h"
#include "ctl_collect.h"
#include "ctl_plot.h"
#include "ctl_question.h"
#include "ctl_series.h"

/* Rows of a table on the page. */
#define ROWS 15

struct report {
	struct collect collect;
	struct series_view view;
	struct verdict *history;
	time_t now;
	FILE *out;
};

/*
 * Light and dark as the reader has it. The colours are told apart by those who
 * do not see red or green, too: they differ in lightness.
 */
static const char style[] =
    ":root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--ink:#1d2330;"
    "--soft:#5c6575;--rule:#dfe3ea;--accept:#3b7dd8;--quarantine:#e5a823;"
    "--defer:#9aa3b2;--reject:#c03a2b;--one:#3b7dd8;--two:#e08a1e;"
    "--three:#a13d63}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#14171d;--card:#1d2129;"
    "--ink:#e8ebf0;--soft:#9da7b8;--rule:#333a46;--accept:#5b9bf0;"
    "--quarantine:#f0bc4a;--defer:#7d8799;--reject:#ef6a58;--one:#5b9bf0;"
    "--two:#f0a04b;--three:#e07aa5}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--back);"
    "color:var(--ink);font:15px/1.45 system-ui,sans-serif}"
    "main{max-width:1240px;margin:0 auto;padding:16px}"
    "h1{font-size:1.35rem;margin:.3rem 0}h2{font-size:1.05rem;margin:0 0 .5rem}"
    "small,.sub{color:var(--soft);font-weight:400}.sub{margin:0 0 1rem}"
    ".tiles,.plots{display:grid;gap:12px;margin:12px 0}"
    ".tiles{grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}"
    ".plots{grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr))}"
    ".tables{columns:400px 2;column-gap:12px}"
    ".tile,figure,section{background:var(--card);border:1px solid var(--rule);"
    "border-radius:8px;padding:12px;margin:0;min-width:0;"
    "print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".tables section{break-inside:avoid;margin-bottom:12px}"
    ".tile b{display:block;font-size:1.45rem;font-variant-numeric:tabular-nums}"
    "figcaption{font-weight:600}figcaption small{margin-left:.4em}"
    ".legend{margin:.2rem 0;font-size:.85rem;color:var(--soft)}"
    ".legend span{margin-right:1em;white-space:nowrap}"
    ".legend i{display:inline-block;width:.8em;height:.8em;border-radius:2px;"
    "margin-right:.4em;background:currentColor}"
    "svg{display:block;width:100%;height:auto}"
    "svg text{fill:var(--soft);font:11px system-ui,sans-serif}"
    ".grid{stroke:var(--rule)}.tick{stroke:var(--soft)}"
    ".line{fill:none;stroke-width:1.8;stroke:currentColor;"
    "stroke-linejoin:round;stroke-linecap:round}"
    "rect{fill:currentColor}.hover{fill:transparent}"
    ".hover:hover{fill:var(--soft);fill-opacity:.18}"
    ".s-accept{color:var(--accept)}.s-quarantine{color:var(--quarantine)}"
    ".s-defer{color:var(--defer)}.s-reject{color:var(--reject)}"
    ".s-one{color:var(--one)}.s-two{color:var(--two)}"
    ".s-three{color:var(--three)}"
    "svg .none{paint-order:stroke;stroke:var(--card);stroke-width:8px}"
    "table{border-collapse:collapse;width:100%;"
    "font-size:.9rem}th{text-align:right;color:var(--soft);font-weight:500}"
    "td{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;"
    "border-top:1px solid var(--rule)}th,td{padding:3px 6px}"
    "th:first-child,td:first-child{text-align:left;padding-left:0}"
    "td:first-child,.words{white-space:normal;overflow-wrap:anywhere}"
    ".none{color:var(--soft)}"
    ".bar{position:relative;display:block;height:5px;margin-top:2px;"
    "border-radius:2px;background:var(--accept);color:var(--reject)}"
    ".bar i{position:absolute;right:0;height:5px;border-radius:2px;"
    "background:var(--reject)}"
    /* A name that leaves no room for its numbers stands above them. */
    "@media(max-width:560px){tr{display:flex;flex-wrap:wrap}"
    "th,td{flex:1 1 0}th:first-child{display:none}"
    "td:first-child{flex:0 0 100%}svg text{font-size:13px}"
    "td:nth-child(n+2){border:0;padding-top:0}"
    "th:nth-child(2),td:nth-child(2){padding-left:0;text-align:left}}"
    "@media print{figure{break-inside:avoid}body{background:none}"
    ".plots{grid-template-columns:1fr 1fr}}";

/* ---- plots ------------------------------------------------------------ */

static struct plot
plot_of(const struct report *report, const char *title, const char *note,
    const char *unit)
{
	struct plot plot = {.title = title,
	    .note = note,
	    .unit = unit,
	    .kind = PLOT_LINES,
	    .begin = report->view.begin,
	    .interval = report->view.interval,
	    .points = report->view.slots};

	return (plot);
}

/* The column's values times `factor`; nothing where there is no sample. */
static void
plot_add(struct plot *plot, const struct report *report, const char *name,
    const char *class, enum series_column column, double factor)
{
	struct plot_series *series = &plot->series[plot->count++];
	unsigned n;

	series->name = name;
	series->class = class;
	for (n = 0; n < plot->points; n++) {
		const struct series_slot *slot = &report->view.slot[n];

		series->value[n] = slot->samples == 0
				       ? -1
				       : (double)slot->value[column] * factor;
	}
}

/* Of how long an interval a point is the sum. */
static const char *
interval_text(const struct report *report, char buf[32], const char *what)
{
	if (report->view.interval == 60)
		snprintf(buf, 32, "%s per minute", what);
	else
		snprintf(buf, 32, "%s per %d min", what,
		    (int)report->view.interval / 60);
	return (buf);
}

static void
plot_verdicts(const struct report *report)
{
	char note[32];
	struct plot plot = plot_of(
	    report, "Verdicts", interval_text(report, note, "by action,"), "");

	plot.kind = PLOT_STACK;
	plot_add(&plot, report, "accept", "s-accept", SERIES_ACCEPTED, 1);
	plot_add(
	    &plot, report, "quarantine", "s-quarantine", SERIES_QUARANTINED, 1);
	plot_add(&plot, report, "defer", "s-defer", SERIES_DEFERRED, 1);
	plot_add(&plot, report, "reject", "s-reject", SERIES_REJECTED, 1);
	plot_print(&plot, report->out);
}

static void
plot_hits(const struct report *report)
{
	struct plot plot = plot_of(
	    report, "Found fresh in the cache", "of all records read", " %");
	unsigned n;

	plot.scale = PLOT_PERCENT;
	plot_add(&plot, report, "fresh", "s-one", SERIES_HITS, 1);
	for (n = 0; n < plot.points; n++) {
		const struct series_slot *slot = &report->view.slot[n];
		const double reads = (double)(slot->value[SERIES_HITS] +
					      slot->value[SERIES_MISSES]);

		plot.series[0].value[n] =
		    reads == 0 ? -1
			       : 100 * (double)slot->value[SERIES_HITS] / reads;
	}
	plot_print(&plot, report->out);
}

static void
plot_latency(const struct report *report)
{
	struct plot plot = plot_of(report, "Time to the answer",
	    "milliseconds, of the worst minute", " ms");
	unsigned i, n;

	plot.scale = PLOT_LOG;
	plot_add(&plot, report, "half", "s-one", SERIES_P50, 0.001);
	plot_add(&plot, report, "90 %", "s-two", SERIES_P90, 0.001);
	plot_add(&plot, report, "99 %", "s-three", SERIES_P99, 0.001);
	/* A minute without questions has no quantiles. */
	for (i = 0; i < plot.count; i++)
		for (n = 0; n < plot.points; n++)
			if (plot.series[i].value[n] <= 0)
				plot.series[i].value[n] = -1;
	plot_print(&plot, report->out);
}

static void
plot_dns(const struct report *report)
{
	char note[32];
	struct plot plot = plot_of(
	    report, "Lookups", interval_text(report, note, "in DNS,"), "");

	plot_add(&plot, report, "lookups", "s-one", SERIES_LOOKUPS, 1);
	plot_add(&plot, report, "failed", "s-reject", SERIES_FAILED, 1);
	plot_print(&plot, report->out);
}

static void
plot_entries(const struct report *report)
{
	struct plot plot = plot_of(report, "Entries in the cache", "", "");

	plot_add(&plot, report, "entries", "s-one", SERIES_ENTRIES, 1);
	plot_print(&plot, report->out);
}

static void
plot_octets(const struct report *report)
{
	struct plot plot =
	    plot_of(report, "Size of the cache", "MiB in use", " MiB");

	plot_add(
	    &plot, report, "in use", "s-one", SERIES_LIVE, 1.0 / (1024 * 1024));
	plot_print(&plot, report->out);
}

/* ---- tiles ------------------------------------------------------------ */

static void
tile(const struct report *report, const char *what, const char *value)
{
	fprintf(report->out, "<div class=\"tile\"><b>%s</b> %s</div>\n", value,
	    what);
}

static void
tile_number(const struct report *report, const char *what, double value)
{
	char text[PLOT_NUMBER_MAX];

	tile(report, what, number_text(text, value));
}

static void
tile_fresh(const struct report *report)
{
	const double hits =
	    (double)answer_number(report->collect.stats, "cache_hits");
	const double reads =
	    hits + (double)answer_number(report->collect.stats, "cache_misses");
	char text[32];

	/* Of nothing there is no share. */
	if (reads == 0)
		snprintf(text, sizeof(text), "&ndash;");
	else
		snprintf(text, sizeof(text), "%.1f %%", 100 * hits / reads);
	tile(report, "records found fresh", text);
}

static void
tile_latency(const struct report *report)
{
	const char *cursor = NULL, *line;
	char text[PLOT_NUMBER_MAX], with_unit[PLOT_NUMBER_MAX + 4];

	while ((line = collect_latency(&report->collect, &cursor)) != NULL)
		if (strncmp(line, "check ", 6) == 0) {
			snprintf(with_unit, sizeof(with_unit), "%s ms",
			    number_text(text,
				(double)line_number(line, "p99_us") / 1000));
			tile(report, "for 99 % of verdicts", with_unit);
		}
}

static unsigned
failing_count(const struct report *report)
{
	const char *cursor = NULL, *line;
	unsigned count = 0;

	while ((line = collect_entry(
		    &report->collect, TALLY_FAILURES, &cursor)) != NULL)
		if (collect_is_failing(line, report->now))
			count++;
	return (count);
}

static void
tiles_print(const struct report *report)
{
	const struct verdict *stats = report->collect.stats;

	fputs("<div class=\"tiles\">\n", report->out);
	tile_number(
	    report, "questions", (double)answer_number(stats, "requests"));
	tile_number(report, "verdicts", (double)answer_number(stats, "checks"));
	tile_number(
	    report, "rejected", (double)answer_number(stats, "rejected"));
	tile_fresh(report);
	tile_latency(report);
	tile_number(
	    report, "domains whose DNS fails", (double)failing_count(report));
	fputs("</div>\n", report->out);
}

/* ---- tables ----------------------------------------------------------- */

static void
time_cell(const struct report *report, uint64_t seconds)
{
	const time_t at = (time_t)seconds;
	struct tm tm;
	char text[32] = "";

	if (seconds != 0 && localtime_r(&at, &tm) != NULL)
		strftime(text, sizeof(text), "%m-%d %H:%M", &tm);
	fprintf(report->out, "<td>%s</td>", text);
}

static void
table_begin(
    const struct report *report, const char *title, const char *const *headings)
{
	fprintf(report->out, "<section><h2>%s</h2><table><tr>", title);
	for (; *headings != NULL; headings++)
		fprintf(report->out, "<th scope=\"col\">%s</th>", *headings);
	fputs("</tr>\n", report->out);
}

static void
table_end(const struct report *report, unsigned rows)
{
	if (rows == 0)
		fputs("<tr><td class=\"none\">none</td></tr>\n", report->out);
	fputs("</table></section>\n", report->out);
}

static void
name_cell(const struct report *report, const char *name)
{
	fputs("<tr><td>", report->out);
	html_text(report->out, *name == '\0' ? "-" : name);
}

static void
number_cells(
    const struct report *report, const char *line, const char *const *columns)
{
	char text[PLOT_NUMBER_MAX];

	for (; *columns != NULL; columns++)
		fprintf(report->out, "<td>%s</td>",
		    number_text(text, (double)line_number(line, *columns)));
}

/* With a bar: how much of the first domain's, and how much of it rejected. */
static void
domains_print(const struct report *report)
{
	static const char *const columns[] = {
	    "questions", "accept", "reject", "defer", NULL};
	static const char *const headings[] = {
	    "domain", "questions", "accept", "reject", "defer", NULL};
	const char *cursor = NULL, *line;
	double most = 0;
	unsigned rows = 0;

	table_begin(report, "Domains asked about most", headings);
	while (rows < ROWS && (line = collect_entry(&report->collect,
				   TALLY_DOMAINS, &cursor)) != NULL) {
		const double questions =
		    fmax(1, (double)line_number(line, "questions"));

		most = fmax(most, questions);
		name_cell(report, line_rest(line, "name"));
		fprintf(report->out,
		    "<span class=\"bar\" style=\"width:%.1f%%\">"
		    "<i style=\"width:%.1f%%\"></i></span></td>",
		    100 * questions / most,
		    100 * (double)line_number(line, "reject") / questions);
		number_cells(report, line, columns);
		fputs("</tr>\n", report->out);
		rows++;
	}
	table_end(report, rows);
}

static void
numbers_print(const struct report *report, enum tally_table table,
    const char *title, const char *const *headings, const char *const *columns)
{
	const char *cursor = NULL, *line;
	unsigned rows = 0;

	table_begin(report, title, headings);
	while (rows < ROWS && (line = collect_entry(
				   &report->collect, table, &cursor)) != NULL) {
		name_cell(report, line_rest(line, "name"));
		fputs("</td>", report->out);
		number_cells(report, line, columns);
		fputs("</tr>\n", report->out);
		rows++;
	}
	table_end(report, rows);
}

static void
failures_print(const struct report *report)
{
	static const char *const headings[] = {
	    "domain", "failures", "since", "works again", NULL};
	static const char *const columns[] = {"failures", NULL};
	const char *cursor = NULL, *line;
	unsigned rows = 0;

	table_begin(report, "Where DNS fails", headings);
	while (rows < ROWS && (line = collect_entry(&report->collect,
				   TALLY_FAILURES, &cursor)) != NULL) {
		name_cell(report, line_rest(line, "name"));
		fputs("</td>", report->out);
		number_cells(report, line, columns);
		time_cell(report, line_number(line, "since"));
		time_cell(report, line_number(line, "ended"));
		fputs("</tr>\n", report->out);
		rows++;
	}
	table_end(report, rows);
}

/* A text that ends before `end`. */
static void
part_text(const struct report *report, const char *text, size_t len)
{
	char part[512];

	snprintf(part, sizeof(part), "%.*s", (int)len, text);
	html_text(report->out, part);
}

static void
history_print(const struct report *report)
{
	static const char *const headings[] = {
	    "domain", "before", "after", "when", NULL};
	const char *cursor = NULL, *line;
	unsigned rows = 0;

	table_begin(report, "Policies that have changed", headings);
	while (rows < ROWS && (line = answer_line(report->history, "change",
				   &cursor)) != NULL) {
		const char *domain = line_rest(line, "domain");
		const char *before = line_rest(line, "before");
		const char *after = line_rest(line, "after");

		fputs("<tr><td>", report->out);
		part_text(report, domain, strcspn(domain, " "));
		fputs("</td><td class=\"words\">", report->out);
		part_text(report, before,
		    (size_t)(after - before) - strlen(" after="));
		fputs("</td><td class=\"words\">", report->out);
		html_text(report->out, after);
		fputs("</td>", report->out);
		time_cell(report, line_number(line, "at"));
		fputs("</tr>\n", report->out);
		rows++;
	}
	table_end(report, rows);
}

static void
tables_print(const struct report *report)
{
	static const char *const host_headings[] = {
	    "host", "questions", "reject", "defer", "busy", NULL};
	static const char *const rule_headings[] = {
	    "rule", "decided", "shadow", NULL};

	fputs("<div class=\"tables\">\n", report->out);
	domains_print(report);
	numbers_print(
	    report, TALLY_HOSTS, "Who asks", host_headings, host_headings + 1);
	numbers_print(
	    report, TALLY_RULES, "Rules", rule_headings, rule_headings + 1);
	failures_print(report);
	history_print(report);
	fputs("</div>\n", report->out);
}

/* ---- the page --------------------------------------------------------- */

static void
head_print(const struct report *report)
{
	const time_t since =
	    (time_t)answer_number(report->collect.stats, "counting_since");
	char host[256] = "", now[64] = "", first[64] = "", up[DURATION_MAX];
	struct tm tm;

	gethostname(host, sizeof(host) - 1);
	if (localtime_r(&report->now, &tm) != NULL)
		strftime(now, sizeof(now), "%Y-%m-%d %H:%M %z", &tm);
	if (localtime_r(&since, &tm) != NULL)
		strftime(first, sizeof(first), "%Y-%m-%d %H:%M", &tm);
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head>"
	      "<meta charset=\"utf-8\"><meta name=\"viewport\" "
	      "content=\"width=device-width,initial-scale=1\">"
	      "<title>verdictd on ",
	    report->out);
	html_text(report->out, host);
	fprintf(report->out,
	    "</title>\n<style>%s</style></head>\n"
	    "<body><main><h1>verdictd on ",
	    style);
	html_text(report->out, host);
	fputs("</h1>\n<p class=\"sub\">", report->out);
	fprintf(report->out, "%s. Version ", now);
	html_text(report->out, answer_text(report->collect.ping, "version"));
	fprintf(report->out,
	    ", up for %s. Totals count from %s; plots show the last "
	    "%" PRId64 " h.</p>\n",
	    duration_text(up, answer_number(report->collect.ping, "uptime")),
	    first, (report->view.end - report->view.begin) / 3600);
}

static void
page_print(const struct report *report)
{
	head_print(report);
	tiles_print(report);
	fputs("<div class=\"plots\">\n", report->out);
	plot_verdicts(report);
	plot_latency(report);
	plot_hits(report);
	plot_dns(report);
	plot_entries(report);
	plot_octets(report);
	fputs("</div>\n", report->out);
	tables_print(report);
	fputs("</main></body></html>\n", report->out);
}

static int
page_write(struct report *report, const char *path)
{
	bool failed;

	report->out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
	if (report->out == NULL) {
		ctl_complain("%s: %s", path, strerror(errno));
		return (CTL_TEMPORARY);
	}
	page_print(report);
	if (report->out == stdout)
		return (CTL_OK);
	failed = ferror(report->out) != 0;
	if (fclose(report->out) == 0 && !failed)
		return (CTL_OK);
	ctl_complain("%s: %s", path, strerror(errno));
	return (CTL_TEMPORARY);
}

static int
report_get(const struct ctl *ctl, struct report *report)
{
	int status = collect_get(ctl, &report->collect);

	if (status != CTL_OK)
		return (status);
	report->history = question_ask(ctl, &status, "history", (char *)NULL);
	if (report->history != NULL)
		status = series_get(ctl, (int64_t)report->now, &report->view);
	if (status == CTL_OK)
		return (status);
	verdict_free(report->history);
	collect_free(&report->collect);
	return (status);
}

int
ctl_report(const struct ctl *ctl, int argc, char **argv)
{
	struct report *report;
	int status;

	if (argc != 2 || strcmp(argv[0], "--html") != 0)
		return (ctl_misused(ctl));
	if ((report = calloc(1, sizeof(*report))) == NULL) {
		ctl_complain("out of memory");
		return (CTL_TEMPORARY);
	}
	report->now = time(NULL);
	if ((status = report_get(ctl, report)) == CTL_OK) {
		status = page_write(report, argv[1]);
		verdict_free(report->history);
		collect_free(&report->collect);
	}
	free(report);
	return (status);
}
