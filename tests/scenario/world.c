/* SPDX-License-Identifier: ISC */
#include "world.h"

#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../fake_resolver.h"
#include "../zone.h"
#include "cache.h"
#include "conf.h"
#include "inflight.h"
#include "request.h"
#include "server.h"

#define START	      INT64_C(1700000000000)
#define CACHE_SIZE    (4U << 20)
#define RECORDS_MAX   256
#define QUESTIONS_MAX 64
#define NEGATIVE_TTL  300

/* Not what a scenario is about, but what conf.c would look for. */
#define CONF_BASE                                                              \
	"resolver { validate = false }\n"                                      \
	"spf { receiver = \"mx.example.net\" }\n"

struct record {
	struct dname name;
	uint16_t type;
	unsigned generation;
	bool silent;
	struct rrset *set;
};

struct world {
	unsigned asker;
	char cache_path[128], conf_path[128];
	int64_t now;
	enum world_dns dns;
	bool disk_full;
	struct conf *conf;
	struct cache *cache;
	struct resolver resolver;
	struct inflight *inflight;
	struct requests *requests;
	size_t records;
	struct record record[RECORDS_MAX];
	unsigned questions;
	struct world_question question[QUESTIONS_MAX];
	char message[MSG_MAX + 1];
	char error[CONF_ERROR_MAX];
};

static struct world *current;

/*
 * In the place of server.c. The peer of a question is its index.
 */

void
server_reply(struct server *server, const struct peer *peer, const void *reply,
    size_t len)
{
	struct world_question *q;

	(void)server;
	if (peer->len == 0)
		return;
	q = &current->question[peer->header[0]];
	if (q->replies++ > 0)
		return;
	q->text = malloc(len + 1);
	if (q->text == NULL)
		abort();
	memcpy(q->text, reply, len);
	if (msg_parse(&q->reply, q->text, len) != NULL)
		zone_mistake("not a message", q->id);
}

/* conf.c asks for it; weak, as it may come with the library all the same. */
__attribute__((weak)) const char *
server_address_problem(const char *address)
{
	(void)address;
	return (NULL);
}

/*
 * The parts, put together as in loop.c
 */

static struct conf *
conf_make(struct world *world, const char *text)
{
	FILE *file = fopen(world->conf_path, "w");

	if (file == NULL)
		zone_mistake("cannot write", world->conf_path);
	fputs(CONF_BASE, file);
	fputs(text, file);
	fclose(file);
	return (conf_load(world->conf_path, world->error));
}

static struct inflight_policy
policy_of(const struct conf *conf)
{
	return ((struct inflight_policy){.timeout = conf->timeout,
	    .min_ttl = conf->cache.min_ttl,
	    .max_ttl = conf->cache.max_ttl,
	    .negative_max_ttl = conf->cache.negative_max_ttl,
	    .stale_max = conf->cache.stale_max});
}

static void
parts_open(struct world *world)
{
	const struct inflight_policy policy = policy_of(world->conf);
	const struct cache_options options = {.path = world->cache_path,
	    .size = CACHE_SIZE,
	    .stale_max = world->conf->cache.stale_max,
	    .failure_keep = INFLIGHT_FAILURE_KEEP,
	    .now = world->now};

	world->conf->run.started = world->now;
	fake_open(&world->resolver);
	if ((world->cache = cache_open(&options)) == NULL)
		zone_mistake("no cache", world->cache_path);
	world->inflight = inflight_new(&world->resolver, world->cache, &policy);
	world->requests =
	    requests_new(world->cache, world->inflight, &world->conf->run);
}

static void
parts_close(struct world *world)
{
	requests_free(world->requests);
	inflight_free(world->inflight);
	cache_close(world->cache);
	fake_close(&world->resolver);
}

static void
file_remove(const char *path, const char *suffix)
{
	char name[160];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	unlink(name);
}

static void
files_remove(const struct world *world)
{
	file_remove(world->cache_path, "");
	file_remove(world->cache_path, "-lock");
	file_remove(world->cache_path, ".owner");
	file_remove(world->conf_path, "");
}

struct world *
world_open(const char *directory, const char *conf, const char **problem)
{
	struct world *world = calloc(1, sizeof(*world));

	if (world == NULL)
		abort();
	world->now = START;
	snprintf(world->cache_path, sizeof(world->cache_path), "%s/cache.lmdb",
	    directory);
	snprintf(
	    world->conf_path, sizeof(world->conf_path), "%s/conf", directory);
	files_remove(world);
	if ((world->conf = conf_make(world, conf)) == NULL) {
		*problem = strdup(world->error);
		free(world);
		return (NULL);
	}
	current = world;
	parts_open(world);
	return (world);
}

void
world_close(struct world *world)
{
	size_t i;

	parts_close(world);
	conf_free(world->conf);
	for (i = 0; i < world->records; i++)
		rrset_free(world->record[i].set);
	for (i = 0; i < world->questions; i++)
		free(world->question[i].text);
	files_remove(world);
	free(world);
	current = NULL;
}

const char *
world_reload(struct world *world, const char *text)
{
	struct conf *conf = conf_make(world, text);
	struct inflight_policy policy;

	if (conf == NULL)
		return (world->error);
	policy = policy_of(conf);
	conf->run.started = world->conf->run.started;
	inflight_set_policy(world->inflight, &policy);
	cache_keep(world->cache, conf->cache.stale_max, INFLIGHT_FAILURE_KEEP);
	cache_flush_memos(world->cache);
	requests_set_options(world->requests, &conf->run);
	conf_free(world->conf);
	world->conf = conf;
	return (NULL);
}

void
world_refuse(struct world *world)
{
	requests_refuse(world->requests);
}

void
world_restart(struct world *world)
{
	parts_close(world);
	parts_open(world);
}

/*
 * Time
 */

/* A disk is full for what the daemon does, not for the report of the test. */
static void
disk_limit(const struct world *world, struct rlimit *saved)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, saved);
	limit = *saved;
	if (world->disk_full)
		limit.rlim_cur = 0;
	setrlimit(RLIMIT_FSIZE, &limit);
}

void
world_turn(struct world *world)
{
	struct rlimit saved;

	disk_limit(world, &saved);
	inflight_collect(world->inflight, world->now);
	requests_run(world->requests, world->now);
	cache_commit(world->cache);
	cache_tick(world->cache, world->now);
	setrlimit(RLIMIT_FSIZE, &saved);
}

static int64_t
due(const struct world *world)
{
	const int64_t lookup = inflight_due(world->inflight);
	const int64_t request = requests_due(world->requests);

	return (lookup < request ? lookup : request);
}

void
world_wait(struct world *world, int64_t ms)
{
	const int64_t until = world->now + ms;

	while (due(world) <= until) {
		if (due(world) > world->now)
			world->now = due(world);
		world_turn(world);
	}
	world->now = until;
	world_turn(world);
}

void
world_clock(struct world *world, int64_t ms)
{
	world->now += ms;
	inflight_shift(world->inflight, ms);
	requests_shift(world->requests, ms);
}

void
world_disk(struct world *world, bool full)
{
	world->disk_full = full;
}

/*
 * Questions
 */

void
world_host(struct world *world, unsigned asker)
{
	world->asker = asker;
}

void
world_ask(struct world *world, const char *id, bool control, const char *text)
{
	struct peer peer = {
	    .asker = (uint16_t)world->asker, .is_host = world->asker > 0};
	struct world_question *q;
	struct rlimit saved;
	const size_t len = strlen(text);

	if (*id != '\0') {
		if (world->questions == QUESTIONS_MAX)
			zone_mistake("too many questions", id);
		q = &world->question[world->questions];
		snprintf(q->id, sizeof(q->id), "%s", id);
		peer.len = 1;
		peer.header[0] = (uint8_t)world->questions++;
	}
	memcpy(world->message, text, len);
	disk_limit(world, &saved);
	request_begin(world->requests, NULL, &peer, control, world->message,
	    len, world->now);
	cache_commit(world->cache);
	setrlimit(RLIMIT_FSIZE, &saved);
}

struct world_question *
world_question(struct world *world, const char *id)
{
	unsigned i;

	for (i = 0; i < world->questions; i++)
		if (strcmp(world->question[i].id, id) == 0)
			return (&world->question[i]);
	return (NULL);
}

struct world_question *
world_question_at(struct world *world, unsigned index)
{
	return (index < world->questions ? &world->question[index] : NULL);
}

unsigned
world_parked(const struct world *world)
{
	return (requests_parked(world->requests));
}

void
world_flush(struct world *world, const char *name)
{
	struct dname domain;

	if (name == NULL)
		cache_flush(world->cache, NULL);
	else if (strcmp(name, "failures") == 0)
		cache_flush_failures(world->cache, world->now);
	else if (dname_from_text(&domain, name) == 0)
		cache_flush(world->cache, &domain);
	else
		zone_mistake("not a name", name);
}

/*
 * DNS
 */

static struct record *
record_find(struct world *world, const struct dname *name, uint16_t type)
{
	size_t i;

	for (i = 0; i < world->records; i++)
		if (world->record[i].type == type &&
		    dname_equal(&world->record[i].name, name))
			return (&world->record[i]);
	return (NULL);
}

static struct record *
record_new(struct world *world, const struct dname *name, uint16_t type)
{
	struct record *record = record_find(world, name, type);

	if (record != NULL) {
		rrset_free(record->set);
	} else if (world->records == RECORDS_MAX) {
		zone_mistake("too many names", "raise RECORDS_MAX");
	} else {
		record = &world->record[world->records++];
		record->name = *name;
		record->type = type;
	}
	record->set = NULL;
	record->silent = false;
	return (record);
}

static struct rrset *
failure_new(enum rr_failure failure)
{
	struct rrset *set = rrset_new(RR_FAILED);

	set->failure = failure;
	if (failure == RR_FAILURE_BOGUS)
		set->dnssec = DNSSEC_BOGUS;
	return (set);
}

/* What the words with "!" stand for; data otherwise. */
static struct rrset *
state_new(const char *data)
{
	if (strcmp(data, "!SERVFAIL") == 0)
		return (failure_new(RR_FAILURE_SERVFAIL));
	if (strcmp(data, "!BOGUS") == 0)
		return (failure_new(RR_FAILURE_BOGUS));
	if (strcmp(data, "!LAME") == 0)
		return (failure_new(RR_FAILURE_LAME));
	if (strcmp(data, "!NXDOMAIN") == 0)
		return (rrset_new(RR_NXDOMAIN));
	if (strcmp(data, "!NODATA") == 0)
		return (rrset_new(RR_NODATA));
	return (rrset_new(RR_PRESENT));
}

static char *
word_cut(char **rest)
{
	char *word = *rest + strspn(*rest, " \t");

	*rest = word + strcspn(word, " \t");
	if (**rest != '\0')
		*(*rest)++ = '\0';
	return (word);
}

void
world_zone(struct world *world, char *line, unsigned generation)
{
	char *rest = line, *word, *end;
	uint32_t ttl = NEGATIVE_TTL;
	enum dnssec dnssec = DNSSEC_INSECURE;
	struct record *record;
	struct dname name;
	uint16_t type;

	if (dname_from_text(&name, word_cut(&rest)) == -1)
		zone_mistake("not a name", line);
	word = word_cut(&rest);
	if (*word >= '0' && *word <= '9') {
		ttl = (uint32_t)strtoul(word, &end, 10);
		word = word_cut(&rest);
	}
	if (strcmp(word, "secure") == 0) {
		dnssec = DNSSEC_SECURE;
		word = word_cut(&rest);
	}
	type = zone_type(word);
	rest += strspn(rest, " \t");
	record = record_find(world, &name, type);
	if (record == NULL || record->generation != generation) {
		record = record_new(world, &name, type);
		record->generation = generation;
		record->silent = strcmp(rest, "!SILENT") == 0;
		record->set = state_new(rest);
		record->set->ttl = ttl;
		if (record->set->state != RR_FAILED)
			record->set->dnssec = dnssec;
	}
	if (*rest != '!')
		zone_rdata(record->set, type, rest);
}

void
world_dns(struct world *world, enum world_dns dns)
{
	world->dns = dns;
}

/* A name without a line: NODATA if there is something below it (RFC 8020). */
static struct rrset *
negative_new(const struct world *world, const struct dname *name)
{
	enum rr_state state = RR_NXDOMAIN;
	struct rrset *set;
	size_t i;

	for (i = 0; i < world->records; i++)
		if (world->record[i].set->state == RR_PRESENT &&
		    dname_within(&world->record[i].name, name))
			state = RR_NODATA;
	set = rrset_new(state);
	set->ttl = NEGATIVE_TTL;
	set->dnssec = DNSSEC_INSECURE;
	return (set);
}

/* A copy that can be given away. */
static struct rrset *
set_copy(const struct rrset *set)
{
	struct rrset *copy = rrset_new(set->state);
	struct rdata record = {0};

	copy->ttl = set->ttl;
	copy->dnssec = set->dnssec;
	copy->failure = set->failure;
	while (rrset_next(set, &record))
		rrset_add(copy, record.data, record.len);
	return (copy);
}

struct fake_lookup *
world_lookups(struct world *world)
{
	return (TAILQ_FIRST(&world->resolver.asked));
}

bool
world_answer(struct world *world, struct fake_lookup *lookup)
{
	const struct record *record =
	    record_find(world, &lookup->name, lookup->type);
	struct rrset *set;

	if (world->dns == WORLD_DNS_SILENT ||
	    (record != NULL && record->silent))
		return (false);
	if (world->dns == WORLD_DNS_DOWN)
		set = failure_new(RR_FAILURE_SERVFAIL);
	else if (record != NULL)
		set = set_copy(record->set);
	else
		set = negative_new(world, &lookup->name);
	fake_answer(&world->resolver, lookup, set);
	return (true);
}

void
world_settle(struct world *world)
{
	struct fake_lookup *lookup, *next;
	bool any;

	do {
		any = false;
		for (lookup = world_lookups(world); lookup != NULL;
		     lookup = next) {
			next = TAILQ_NEXT(lookup, entry);
			if (world_answer(world, lookup))
				any = true;
		}
		world_turn(world);
	} while (any);
}
