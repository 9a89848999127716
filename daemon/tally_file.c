/* SPDX-License-Identifier: ISC */
#include "tally_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "log.h"
#include "stats.h"

#define HEADER "verdictd-tally 1\n"
/* "sum " and 16 digits and a newline. */
#define SUM_LEN 21
/* All tables full, with long names, are 2 MB. */
#define FILE_MAX (8 << 20)
#define HOUR	 INT64_C(3600000)

/* Guards against accidents only: whoever can write the file may lie in it. */
static const uint8_t sum_key[HASH_KEY] = "verdictd-tally";

/*
 * Writing
 */

static void
text_write(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	/* No field is empty, so that each has its place. */
	if (*p == '\0')
		fputs("%", out);
	for (; *p != '\0'; p++)
		if (*p > ' ' && *p < 0x7f && *p != '%')
			putc(*p, out);
		else
			fprintf(out, "%%%02x", *p);
}

static void
latency_write(const struct histogram *latency, const char *verb, FILE *out)
{
	unsigned i;

	if (latency->count == 0)
		return;
	fprintf(out, "latency %s %" PRIu64 " %" PRIu64, verb, latency->sum,
	    latency->max);
	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (latency->bucket[i] > 0)
			fprintf(out, " %u:%" PRIu64, i, latency->bucket[i]);
	putc('\n', out);
}

static void
table_write(const struct tally *tally, enum tally_table table, FILE *out)
{
	const struct top *top = tally->table[table];
	const struct top_entry **list =
	    calloc(top_capacity(top), sizeof(struct top_entry *));
	size_t count, i;
	unsigned column;

	if (list == NULL)
		fatal(111, "tally.out_of_memory");
	count = top_list(top, TOP_COUNTS, list, top_capacity(top));
	for (i = 0; i < count; i++) {
		const struct top_entry *e = list[i];

		fprintf(out,
		    "top %s %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64
		    " %" PRId64 " %" PRId64,
		    tally_table_name(table), e->weight, e->error, e->first,
		    e->last, e->since, e->ended);
		for (column = 0; column < TOP_COUNTS; column++)
			fprintf(out, " %" PRIu64, e->count[column]);
		putc(' ', out);
		text_write(out, e->key);
		putc('\n', out);
	}
	free(list);
}

static void
history_write(const struct history *history, FILE *out)
{
	size_t i;

	for (i = 0; i < history_count(history); i++) {
		const struct history_change *change = history_at(history, i);

		fprintf(out, "change %" PRId64 " ", change->at);
		text_write(out, change->domain);
		putc(' ', out);
		text_write(out, change->before);
		putc(' ', out);
		text_write(out, change->after);
		putc('\n', out);
	}
}

static void
series_write(const struct series *series, FILE *out)
{
	size_t i;
	unsigned column;

	for (i = 0; i < series_count(series); i++) {
		const struct series_sample *sample = series_at(series, i);

		fprintf(out, "sample %" PRId64, sample->at);
		for (column = 0; column < SERIES_COUNT; column++)
			fprintf(out, " %" PRIu64, sample->value[column]);
		putc('\n', out);
	}
}

static void
lines_write(const struct tally *tally, FILE *out)
{
	unsigned i;
	enum stat_id stat;

	fprintf(out, HEADER "began %" PRId64 "\n", tally->began);
	for (stat = 0; stat < STATS_COUNT; stat++)
		fprintf(out, "counter %s %" PRIu64 "\n", stat_name(stat),
		    stat_value(stat));
	for (i = 0; i < TALLY_VERBS; i++)
		latency_write(&tally->latency[i], tally_verb(i), out);
	for (i = 0; i < TALLY_TABLES; i++)
		table_write(tally, (enum tally_table)i, out);
	history_write(&tally->history, out);
	series_write(&tally->series, out);
}

void
tally_write(const struct tally *tally, FILE *out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);

	if (memory == NULL)
		fatal(111, "tally.out_of_memory");
	lines_write(tally, memory);
	if (fclose(memory) == EOF)
		fatal(111, "tally.out_of_memory");
	fwrite(text, 1, len, out);
	fprintf(out, "sum %016" PRIx64 "\n", hash_short(sum_key, text, len));
	free(text);
}

/*
 * Reading: a line is cut into words at its spaces; once something is wrong
 * with it, it stays so.
 */

struct line {
	const char *at, *end;
	bool failed;
};

/* The next word, which ends at a space or at the end of the line. */
static size_t
word_next(struct line *line, const char **word)
{
	size_t len = 0;

	while (line->at + len < line->end && line->at[len] != ' ')
		len++;
	*word = line->at;
	line->at += len;
	if (line->at < line->end)
		line->at++;
	if (len == 0)
		line->failed = true;
	return (len);
}

static bool
is_over(const struct line *line)
{
	return (line->at >= line->end);
}

/* Ends at `end`, or the line is wrong. */
static uint64_t
digits_read(struct line *line, const char *at, const char *end)
{
	uint64_t value = 0;

	if (at == end)
		line->failed = true;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9' || value > UINT64_MAX / 10 - 1) {
			line->failed = true;
			return (0);
		}
		value = value * 10 + (uint64_t)(*at - '0');
	}
	return (value);
}

static uint64_t
number_read(struct line *line)
{
	const char *word;
	const size_t len = word_next(line, &word);

	return (digits_read(line, word, word + len));
}

static int64_t
time_read(struct line *line)
{
	const uint64_t value = number_read(line);

	if (value > INT64_MAX)
		line->failed = true;
	return (line->failed ? 0 : (int64_t)value);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/* Too long a text is cut. */
static void
text_read(struct line *line, char *out, size_t size)
{
	const char *word;
	const size_t len = word_next(line, &word);
	size_t i, used = 0;

	for (i = 0; i < len && used + 1 < size; i++) {
		int c = (unsigned char)word[i];

		if (c == '%' && len == 1)
			break;
		if (c == '%') {
			if (len - i < 3 || hex_value(word[i + 1]) == -1 ||
			    hex_value(word[i + 2]) == -1) {
				line->failed = true;
				break;
			}
			c = hex_value(word[i + 1]) << 4 |
			    hex_value(word[i + 2]);
			i += 2;
		}
		if (c == '\0')
			line->failed = true;
		out[used++] = (char)c;
	}
	memset(out + used, 0, size - used);
}

static bool
word_is(const char *word, size_t len, const char *text)
{
	return (strlen(text) == len && memcmp(word, text, len) == 0);
}

static void
counter_read(struct line *line)
{
	const char *word;
	const size_t len = word_next(line, &word);
	const uint64_t value = number_read(line);
	enum stat_id stat;

	for (stat = 0; stat < STATS_COUNT && !line->failed; stat++)
		if (word_is(word, len, stat_name(stat)))
			stat_add(stat, value);
}

static void
bucket_read(struct line *line, struct histogram *latency)
{
	const char *word, *colon;
	const size_t len = word_next(line, &word);
	uint64_t index, count;

	if ((colon = memchr(word, ':', len)) == NULL) {
		line->failed = true;
		return;
	}
	index = digits_read(line, word, colon);
	count = digits_read(line, colon + 1, word + len);
	if (line->failed || index >= HISTOGRAM_BUCKETS)
		return;
	latency->bucket[index] += count;
	latency->count += count;
}

static void
latency_read(struct tally *tally, struct line *line)
{
	struct histogram latency = {0};
	const char *word;
	const size_t len = word_next(line, &word);
	unsigned i;

	latency.sum = number_read(line);
	latency.max = number_read(line);
	while (!line->failed && !is_over(line))
		bucket_read(line, &latency);
	for (i = 0; i < TALLY_VERBS && !line->failed; i++)
		if (word_is(word, len, tally_verb(i)))
			tally->latency[i] = latency;
}

static void
entry_read(struct tally *tally, struct line *line)
{
	struct top_entry entry;
	const char *word;
	const size_t len = word_next(line, &word);
	unsigned i;

	memset(&entry, 0, sizeof(entry));
	entry.weight = number_read(line);
	entry.error = number_read(line);
	entry.first = time_read(line);
	entry.last = time_read(line);
	entry.since = time_read(line);
	entry.ended = time_read(line);
	for (i = 0; i < TOP_COUNTS; i++)
		entry.count[i] = number_read(line);
	text_read(line, entry.key, sizeof(entry.key));
	for (i = 0; i < TALLY_TABLES && !line->failed; i++)
		if (word_is(word, len, tally_table_name((enum tally_table)i)))
			(void)top_restore(tally->table[i], &entry);
}

static void
change_read(struct tally *tally, struct line *line)
{
	struct history_change change;

	change.at = time_read(line);
	text_read(line, change.domain, sizeof(change.domain));
	text_read(line, change.before, sizeof(change.before));
	text_read(line, change.after, sizeof(change.after));
	if (!line->failed)
		history_add(&tally->history, &change);
}

static void
sample_read(struct tally *tally, struct line *line)
{
	struct series_sample sample;
	unsigned i;

	sample.at = time_read(line);
	for (i = 0; i < SERIES_COUNT; i++)
		sample.value[i] = number_read(line);
	if (!line->failed && is_over(line))
		series_add(&tally->series, &sample);
}

static void
line_read(struct tally *tally, struct line *line)
{
	const char *word;
	const size_t len = word_next(line, &word);
	int64_t began;

	if (word_is(word, len, "counter")) {
		counter_read(line);
	} else if (word_is(word, len, "latency")) {
		latency_read(tally, line);
	} else if (word_is(word, len, "top")) {
		entry_read(tally, line);
	} else if (word_is(word, len, "change")) {
		change_read(tally, line);
	} else if (word_is(word, len, "sample")) {
		sample_read(tally, line);
	} else if (word_is(word, len, "began")) {
		began = time_read(line);
		if (!line->failed)
			tally->began = began;
	}
}

/* The samples to come count from here. */
static void
base_set(struct tally *tally)
{
	const struct tally_gauges none = {0, 0};
	const uint64_t seen = tally->series.seen;
	const int64_t sampled = tally->sampled;
	struct series_sample *last =
	    &tally->series.ring[tally->series.seen % SERIES_MAX];
	const struct series_sample kept = *last;

	tally_sample(tally, &none, sampled);
	*last = kept;
	tally->series.seen = seen;
}

int
tally_read(struct tally *tally, const char *text, size_t len)
{
	const size_t head = sizeof(HEADER) - 1;
	const char *at, *end = text + len - SUM_LEN;
	char sum[SUM_LEN + 1];
	struct line line;

	if (len < head + SUM_LEN || memcmp(text, HEADER, head) != 0)
		return (-1);
	snprintf(sum, sizeof(sum), "sum %016" PRIx64 "\n",
	    hash_short(sum_key, text, len - SUM_LEN));
	if (memcmp(end, sum, SUM_LEN) != 0)
		return (-1);
	for (at = text + head; at < end; at = line.end + 1) {
		line.at = at;
		line.end = memchr(at, '\n', (size_t)(end - at));
		line.failed = false;
		if (line.end == NULL)
			break;
		line_read(tally, &line);
	}
	base_set(tally);
	return (0);
}

/*
 * Files
 */

static void
path_write(
    const struct tally *tally, char *out, size_t size, const char *suffix)
{
	snprintf(out, size, "%s%s", tally->path, suffix);
}

/* The file's text, caller frees; NULL: it cannot be read. */
static char *
file_read(const char *path, size_t *len)
{
	const int fd =
	    open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const off_t size = fd == -1 ? -1 : lseek(fd, 0, SEEK_END);
	char *text = NULL;
	ssize_t got;

	if (size >= 0 && size <= FILE_MAX && lseek(fd, 0, SEEK_SET) == 0)
		text = malloc((size_t)size + 1);
	for (*len = 0; text != NULL && *len < (size_t)size; *len += (size_t)got)
		if ((got = read(fd, text + *len, (size_t)size - *len)) <= 0)
			break;
	if (fd != -1)
		close(fd);
	return (text);
}

/* 1: taken; 0: there is none; -1: there is one that is no good. */
static int
file_take(struct tally *tally, const char *path)
{
	size_t len;
	char *text;
	int ret;

	if (access(path, F_OK) == -1)
		return (0);
	if ((text = file_read(path, &len)) == NULL)
		return (-1);
	ret = tally_read(tally, text, len) == 0 ? 1 : -1;
	free(text);
	return (ret);
}

static void
file_set_aside(const struct tally *tally)
{
	char aside[4096];

	path_write(tally, aside, sizeof(aside), ".damaged");
	if (rename(tally->path, aside) == -1)
		log_warning("tally.set_aside path=%s problem=\"%s\"",
		    tally->path, strerror(errno));
	else
		log_warning("tally.set_aside path=%s to=%s reason=damaged",
		    tally->path, aside);
}

void
tally_load(struct tally *tally, const char *path)
{
	char old[4096];
	int taken;

	if ((tally->path = strdup(path)) == NULL)
		fatal(111, "tally.out_of_memory");
	taken = file_take(tally, path);
	if (taken == 1)
		return;
	if (taken == -1)
		file_set_aside(tally);
	path_write(tally, old, sizeof(old), ".old");
	if (file_take(tally, old) == 1)
		log_info("tally.older path=%s", old);
}

static int
file_write(const struct tally *tally, const char *path)
{
	const int fd = open(
	    path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = fd == -1 ? NULL : fdopen(fd, "w");
	bool failed;

	if (out == NULL) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	tally_write(tally, out);
	failed = fflush(out) == EOF || ferror(out) != 0;
	return (fclose(out) == EOF || failed ? -1 : 0);
}

/* At each moment one of the two names has a whole file. */
static int
file_replace(const struct tally *tally)
{
	char fresh[4096], old[4096];

	path_write(tally, fresh, sizeof(fresh), ".new");
	path_write(tally, old, sizeof(old), ".old");
	if (file_write(tally, fresh) == -1)
		return (-1);
	if (rename(tally->path, old) == -1 && errno != ENOENT)
		return (-1);
	return (rename(fresh, tally->path));
}

void
tally_save(struct tally *tally, int64_t now)
{
	if (tally == NULL || tally->path == NULL)
		return;
	if (file_replace(tally) == 0) {
		tally->complained = 0;
		return;
	}
	if (tally->complained != 0 && now - tally->complained < HOUR)
		return;
	tally->complained = now;
	log_warning(
	    "tally.save path=%s problem=\"%s\"", tally->path, strerror(errno));
}
