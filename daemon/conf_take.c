/* SPDX-License-Identifier: ISC */
/*
 * From the sections of a file to struct conf. What was checked is not checked
 * again.
 */
#include "config.h"
#include "conf_private.h"
#include "conf_value.h"

#include <grp.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "rules.h"

#define HOST_MAX 256

static int64_t
take_time(struct conf_section *section, const char *name)
{
	int64_t ms = 0;

	conf_time(conf_text(section, name), &ms);
	return (ms);
}

static uint32_t
take_seconds(struct conf_section *section, const char *name)
{
	return ((uint32_t)(take_time(section, name) / 1000));
}

static bool
take_flag(struct conf_section *section, const char *name)
{
	bool flag = false;

	conf_flag(conf_text(section, name), &flag);
	return (flag);
}

/* NULL for an empty text. */
static const char *
take_text(struct conf_section *section, const char *name)
{
	const char *text = conf_text(section, name);

	return (*text == '\0' ? NULL : text);
}

static const char *const *
take_list(struct conf *conf, struct conf_section *section, const char *name,
    size_t *count)
{
	const size_t n = conf_count(section, name);
	const char **list =
	    arena_alloc(conf->private->arena, (n + 1) * sizeof(*list));
	size_t i;

	for (i = 0; i < n; i++)
		list[i] = conf_item(section, name, i);
	*count = n;
	return (list);
}

/*
 * Endpoints
 */

static void
take_server(struct conf_section *section, struct server_options *options)
{
	const struct group *group = getgrnam(conf_text(section, "group"));

	options->address = conf_title(section);
	conf_mode(conf_text(section, "mode"), &options->mode);
	options->group = group == NULL ? (gid_t)-1 : group->gr_gid;
}

/* The keys are read with the rest, so that a reload takes new ones. */
static void
take_keys(struct conf *conf, struct conf_section *section,
    struct server_options *options)
{
	const char *path = take_text(section, "key-file");
	struct conf_keys *keys;
	char problem[512];

	if (path == NULL)
		return;
	keys = arena_alloc(conf->private->arena, sizeof(*keys));
	SLIST_INSERT_HEAD(&conf->private->keys, keys, entry);
	options->keys = &keys->ring;
	keyring_guard(&keys->ring);
	if (keyring_read(&keys->ring, path, problem, sizeof(problem)) == -1)
		conf_complain(section, "key-file", 0, "key-file: %s", problem);
}

static void
take_hosts(struct conf *conf, struct conf_section *section,
    struct server_options *options)
{
	const size_t n = conf_count(section, "hosts");
	struct ipaddr_net *host =
	    arena_alloc(conf->private->arena, (n + 1) * sizeof(*host));
	size_t i;

	for (i = 0; i < n; i++)
		ipaddr_net_from_text(&host[i], conf_item(section, "hosts", i));
	options->hosts = n;
	options->host = host;
}

static void
take_endpoints(struct conf *conf, struct conf_section *root)
{
	size_t i;

	conf->endpoints = conf_count(root, "endpoint");
	conf->endpoint = arena_alloc(conf->private->arena,
	    (conf->endpoints + 1) * sizeof(*conf->endpoint));
	for (i = 0; i < conf->endpoints; i++) {
		struct conf_section *section = conf_inner(root, "endpoint", i);

		take_server(section, &conf->endpoint[i]);
		take_hosts(conf, section, &conf->endpoint[i]);
		take_keys(conf, section, &conf->endpoint[i]);
	}
	if (conf->endpoints == 0) {
		conf->endpoints = 1;
		conf->endpoint[0] = (struct server_options){
		    .address = "ipc://" VERDICT_RUNDIR "/verdictd.sock",
		    .mode = 0660,
		    .group = (gid_t)-1};
	}
	conf->control = (struct server_options){
	    .address = "ipc://" VERDICT_RUNDIR "/control.sock",
	    .mode = 0600,
	    .group = (gid_t)-1};
	if (conf_count(root, "control") > 0)
		take_server(conf_inner(root, "control", 0), &conf->control);
}

/*
 * DNS
 */

static void
take_stubs(struct conf *conf, struct conf_section *section)
{
	const size_t n = conf_count(section, "stub");
	struct resolver_stub *stubs =
	    arena_alloc(conf->private->arena, (n + 1) * sizeof(*stubs));
	size_t i;

	for (i = 0; i < n; i++) {
		struct conf_section *stub = conf_inner(section, "stub", i);

		stubs[i].zone = conf_title(stub);
		stubs[i].address =
		    take_list(conf, stub, "address", &stubs[i].addresses);
	}
	conf->resolver.stubs = n;
	conf->resolver.stub = stubs;
}

static void
take_resolver(struct conf *conf, struct conf_section *section)
{
	struct resolver_options *options = &conf->resolver;
	const char **file = arena_alloc(conf->private->arena, sizeof(*file));
	long in_flight = 0;

	conf->timeout = take_time(section, "timeout");
	options->validate = take_flag(section, "validate");
	options->forward =
	    take_list(conf, section, "forward", &options->forwards);
	take_stubs(conf, section);
	*file = take_text(section, "trust-anchor-file");
	options->anchor_files = *file == NULL ? 0 : 1;
	options->anchor_file = file;
	options->anchor =
	    take_list(conf, section, "trust-anchor", &options->anchors);
	options->root_hints = take_text(section, "root-hints");
	conf_integer(conf_text(section, "in-flight"), &in_flight);
	options->in_flight = (unsigned)in_flight;
	options->patience = (unsigned)conf->timeout;
}

static void
take_cache(struct conf *conf, struct conf_section *section)
{
	int64_t size = 0;

	conf_size(conf_text(section, "size"), &size);
	conf->cache.file = conf_text(section, "file");
	conf->cache.size = (size_t)size;
	conf->cache.min_ttl = take_seconds(section, "min-ttl");
	conf->cache.max_ttl = take_seconds(section, "max-ttl");
	conf->cache.negative_max_ttl =
	    take_seconds(section, "negative-max-ttl");
	conf->cache.stale_max = take_time(section, "stale-max");
	conf->run.stale_max = conf->cache.stale_max;
	conf->run.renew = take_flag(section, "prefetch");
}

/*
 * Evaluators, log, process
 */

static void
take_dmarc(struct conf *conf, struct conf_section *section)
{
	conf->run.dmarc.discovery = (enum dmarc_discovery)conf_choice(
	    conf_discoveries, conf_text(section, "discovery"));
	conf->run.dmarc.pct = take_flag(section, "pct");
	conf->run.dmarc.pct_key = take_text(section, "pct-key");
	conf->run.compare = take_flag(section, "compare");
}

static void
take_spf(struct conf *conf, struct conf_section *section)
{
	char host[HOST_MAX] = "";

	conf->run.spf_prefetch = take_flag(section, "prefetch");
	conf->run.receiver = take_text(section, "receiver");
	if (conf->run.receiver != NULL)
		return;
	if (gethostname(host, sizeof(host) - 1) == -1 || *host == '\0')
		strcpy(host, "unknown");
	conf->run.receiver = arena_strdup(conf->private->arena, host);
}

static void
take_log(struct conf *conf, struct conf_section *section)
{
	int level;

	conf->log_level = (enum log_level)conf_choice(
	    conf_log_levels, conf_text(section, "level"));
	conf->log_target = (enum log_target)conf_choice(
	    conf_log_targets, conf_text(section, "to"));
	level = conf_choice(
	    conf_log_levels_or_none, conf_text(section, "verdicts"));
	conf->run.log_verdicts = level <= LOG_LEVEL_DEBUG;
	conf->run.log_level = (enum log_level)level;
}

/*
 * Every file that was read, and will be again on a reload.
 */

static void
reads_add(struct conf *conf, const char **list, const char *path)
{
	if (path != NULL)
		list[conf->reads++] = path;
}

static void
take_reads(struct conf *conf, struct conf_section *root)
{
	const size_t endpoints = conf_count(root, "endpoint");
	size_t lists = 0, i;
	const char **list;

	while (rules_file(conf->private->rules, lists) != NULL)
		lists++;
	list = arena_alloc(conf->private->arena,
	    (endpoints + lists + conf->resolver.anchor_files + 2) *
		sizeof(*list));
	reads_add(conf, list, conf->private->path);
	reads_add(conf, list, conf->resolver.root_hints);
	for (i = 0; i < conf->resolver.anchor_files; i++)
		reads_add(conf, list, conf->resolver.anchor_file[i]);
	for (i = 0; i < lists; i++)
		reads_add(conf, list, rules_file(conf->private->rules, i));
	for (i = 0; i < endpoints; i++)
		reads_add(conf, list,
		    take_text(conf_inner(root, "endpoint", i), "key-file"));
	conf->read = list;
}

void
conf_take(struct conf *conf)
{
	struct conf_section *root = conf->private->root;

	take_endpoints(conf, root);
	take_resolver(conf, conf_inner(root, "resolver", 0));
	take_cache(conf, conf_inner(root, "cache", 0));
	take_dmarc(conf, conf_inner(root, "dmarc", 0));
	take_spf(conf, conf_inner(root, "spf", 0));
	take_log(conf, conf_inner(root, "log", 0));
	conf->user = conf_text(root, "user");
	conf->sandbox = take_flag(root, "sandbox");
	conf_take_verdict(conf);
	take_reads(conf, root);
}
