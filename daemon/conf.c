/* SPDX-License-Identifier: ISC */
/*
 * The only file that knows libconfuse. Each option is checked while it is
 * parsed, so that the library can name its line; only what concerns several
 * options together is looked at afterwards.
 */
#include "config.h"
#include "conf.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <confuse.h>

#include "arena.h"
#include "conf_error.h"
#include "conf_file.h"
#include "dname.h"
#include "ipaddr.h"
#include "keyring.h"
#include "preset.h"
#include "rules.h"

#define HOST_MAX 256

/* Of one endpoint; wiped before the memory is given back. */
struct conf_keys {
	SLIST_ENTRY(conf_keys) entry;
	struct keyring ring;
};

struct conf_private {
	cfg_t *cfg;
	SLIST_HEAD(, conf_keys) keys;
	struct arena *arena; /* everything that struct conf points to */
	struct rules *rules;
	const char *path;
	const char *preset;
};

/*
 * Errors: the library reports through a callback without an argument.
 */

static const char *error_file; /* the library forgets it in sections */

static void
error_callback(cfg_t *cfg, const char *fmt, va_list ap)
{
	const int line = cfg == NULL ? 0 : cfg->line;
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (strstr(text, CONF_FILE_END) != NULL)
		conf_error_add(
		    error_file, 0, "a section is not closed: \"}\" is missing");
	else
		conf_error_add(error_file, line, "%s", text);
}

/*
 * Values
 */

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit time_units[] = {{"", 1000}, {"ms", 1}, {"s", 1000},
    {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}, {NULL, 0}};
static const struct unit size_units[] = {
    {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};

/* "4h", "256M". Returns 0, or -1 if it is none or does not fit. */
static int
quantity_parse(const char *text, const struct unit *units, int64_t *value)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (end == text || errno != 0 || number < 0)
		return (-1);
	for (; units->name != NULL; units++)
		if (strcmp(end, units->name) == 0) {
			if (number > INT64_MAX / units->factor)
				return (-1);
			*value = number * units->factor;
			return (0);
		}
	return (-1);
}

struct choice {
	const char *name;
	int value;
};

static const struct choice levels[] = {{"error", LOG_LEVEL_ERROR},
    {"warning", LOG_LEVEL_WARNING}, {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG}, {NULL, 0}};
static const struct choice verdict_levels[] = {{"error", LOG_LEVEL_ERROR},
    {"warning", LOG_LEVEL_WARNING}, {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG}, {"none", LOG_LEVEL_DEBUG + 1}, {NULL, 0}};
static const struct choice targets[] = {
    {"stderr", LOG_TO_STDERR}, {"syslog", LOG_TO_SYSLOG}, {NULL, 0}};
static const struct choice actions[] = {{"accept", RULES_ACCEPT},
    {"quarantine", RULES_QUARANTINE}, {"defer", RULES_DEFER},
    {"reject", RULES_REJECT}, {NULL, 0}};
static const struct choice discoveries[] = {
    {"tree-walk", DMARC_TREE_WALK}, {"psl", DMARC_PSL}, {NULL, 0}};

static int
choice_find(const struct choice *choices, const char *name)
{
	for (; choices->name != NULL; choices++)
		if (strcmp(choices->name, name) == 0)
			return (choices->value);
	return (-1);
}

/*
 * Checks while parsing. Each looks at the value that was just set.
 */

static const char *
value_last(cfg_opt_t *opt)
{
	const unsigned n = cfg_opt_size(opt);
	const char *text = n == 0 ? NULL : cfg_opt_getnstr(opt, n - 1);

	return (text == NULL ? "" : text);
}

static int
check_choice(cfg_t *cfg, cfg_opt_t *opt, const struct choice *choices)
{
	const char *text = value_last(opt);
	char names[128] = "";
	size_t len = 0;

	if (choice_find(choices, text) != -1)
		return (0);
	for (; choices->name != NULL && len < sizeof(names); choices++)
		len += (size_t)snprintf(names + len, sizeof(names) - len,
		    "%s%s", len == 0 ? "" : ", ", choices->name);
	cfg_error(
	    cfg, "%s: \"%s\" is not one of %s", cfg_opt_name(opt), text, names);
	return (-1);
}

static int
check_level(cfg_t *cfg, cfg_opt_t *opt)
{
	return (check_choice(cfg, opt, levels));
}

static int
check_verdicts(cfg_t *cfg, cfg_opt_t *opt)
{
	return (check_choice(cfg, opt, verdict_levels));
}

static int
check_target(cfg_t *cfg, cfg_opt_t *opt)
{
	return (check_choice(cfg, opt, targets));
}

static int
check_action(cfg_t *cfg, cfg_opt_t *opt)
{
	return (check_choice(cfg, opt, actions));
}

static int
check_discovery(cfg_t *cfg, cfg_opt_t *opt)
{
	return (check_choice(cfg, opt, discoveries));
}

static int
check_quantity(cfg_t *cfg, cfg_opt_t *opt, const struct unit *units,
    int64_t least, int64_t most, const char *what)
{
	const char *text = value_last(opt);
	int64_t value;

	if (quantity_parse(text, units, &value) == 0 && value >= least &&
	    value <= most)
		return (0);
	cfg_error(cfg, "%s: \"%s\" is not %s", cfg_opt_name(opt), text, what);
	return (-1);
}

static int
check_time(cfg_t *cfg, cfg_opt_t *opt)
{
	return (check_quantity(cfg, opt, time_units, 0, INT64_C(366) * 86400000,
	    "a time of at most 366 days, like 90, 500ms, 5m, 4h or 7d"));
}

static int
check_timeout(cfg_t *cfg, cfg_opt_t *opt)
{
	return (check_quantity(
	    cfg, opt, time_units, 100, 60000, "a time from 100ms to 60s"));
}

static int
check_cache_size(cfg_t *cfg, cfg_opt_t *opt)
{
	return (check_quantity(cfg, opt, size_units, 1 << 20, INT64_C(1) << 40,
	    "a size from 1M to 1024G, like 256M"));
}

static int
check_in_flight(cfg_t *cfg, cfg_opt_t *opt)
{
	const long value = cfg_opt_getnint(opt, 0);

	if (value >= 1 && value <= 1024)
		return (0);
	cfg_error(
	    cfg, "%s: %ld is not from 1 to 1024", cfg_opt_name(opt), value);
	return (-1);
}

static int
mode_parse(const char *text)
{
	char *end;
	const long mode = strtol(text, &end, 8);

	return (end == text || *end != '\0' || mode < 0 || mode > 0777
		    ? -1
		    : (int)mode);
}

static int
check_mode(cfg_t *cfg, cfg_opt_t *opt)
{
	if (mode_parse(value_last(opt)) != -1)
		return (0);
	cfg_error(cfg, "%s: \"%s\" is not an octal mode like 0660",
	    cfg_opt_name(opt), value_last(opt));
	return (-1);
}

static int
check_group(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = value_last(opt);

	if (*name == '\0' || getgrnam(name) != NULL)
		return (0);
	cfg_error(cfg, "%s: there is no group \"%s\"", cfg_opt_name(opt), name);
	return (-1);
}

static int
check_user(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = value_last(opt);

	if (*name == '\0' || getpwnam(name) != NULL)
		return (0);
	cfg_error(cfg, "%s: there is no user \"%s\"", cfg_opt_name(opt), name);
	return (-1);
}

/* The title of the section that was just read. */
static const char *
title_last(cfg_opt_t *opt)
{
	return (cfg_title(cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1)));
}

/* The library prints titles as they are, and could not read these again. */
static int
check_title(cfg_t *cfg, cfg_opt_t *opt)
{
	if (strpbrk(title_last(opt), "\"\\") == NULL)
		return (0);
	cfg_error(cfg, "%s: a title holds no quote and no backslash",
	    cfg_opt_name(opt));
	return (-1);
}

static int
check_address(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *address = title_last(opt);
	const char *problem = server_address_problem(address);

	if (check_title(cfg, opt) == -1)
		return (-1);
	if (problem == NULL)
		return (0);
	cfg_error(cfg, "%s \"%s\": %s", cfg_opt_name(opt), address, problem);
	return (-1);
}

static int
check_control(cfg_t *cfg, cfg_opt_t *opt)
{
	if (!server_address_is_tcp(title_last(opt)))
		return (check_address(cfg, opt));
	cfg_error(cfg, "control \"%s\": tcp is refused: orders are local",
	    title_last(opt));
	return (-1);
}

/*
 * Over tcp anybody could claim anything, and read what is answered: a key, or
 * the operator's word that nobody can reach it.
 */
static int
check_endpoint(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	const char *address = title_last(opt), *problem = NULL;
	const bool keyed = *cfg_getstr(section, "key-file") != '\0';
	const bool insecure = cfg_getbool(section, "insecure");

	if (check_address(cfg, opt) == -1)
		return (-1);
	if (server_address_is_tcp(address)) {
		if (!keyed && !insecure)
			problem = "tcp is refused without a key: give it a "
				  "key-file, or write insecure = yes";
		else if (keyed && insecure)
			problem = "both a key-file and insecure = yes";
	} else if (keyed || insecure || cfg_size(section, "hosts") > 0) {
		problem = "key-file, hosts and insecure are for tcp; a socket "
			  "file has a mode and a group";
	}
	if (problem == NULL)
		return (0);
	cfg_error(cfg, "endpoint \"%s\": %s", address, problem);
	return (-1);
}

static int
check_host(cfg_t *cfg, cfg_opt_t *opt)
{
	struct ipaddr_net net;

	if (ipaddr_net_from_text(&net, value_last(opt)) == 0)
		return (0);
	cfg_error(cfg,
	    "%s: \"%s\" is not an address or a prefix like 192.0.2.0/24",
	    cfg_opt_name(opt), value_last(opt));
	return (-1);
}

static int
check_key_file(cfg_t *cfg, cfg_opt_t *opt)
{
	struct keyring *keys;
	char problem[512];
	int ret;

	if (*value_last(opt) == '\0')
		return (0);
	if ((keys = malloc(sizeof(*keys))) == NULL)
		fatal(111, "conf.out_of_memory");
	ret = keyring_read(keys, value_last(opt), problem, sizeof(problem));
	keyring_wipe(keys);
	free(keys);
	if (ret == -1)
		cfg_error(cfg, "%s: %s", cfg_opt_name(opt), problem);
	return (ret);
}

#define TLS_REFUSED                                                            \
	"DNS over TLS is refused: the libunbound of this system is built "     \
	"without it and would silently send plain DNS; forward to a local "    \
	"resolver that speaks it"

/* The port of "192.0.2.1" or "2001:db8::1@5300"; 0: the text is neither. */
static long
dns_port(const char *text)
{
	const size_t len = strcspn(text, "@");
	char host[IPADDR_TEXT_MAX], *end;
	struct ipaddr ip;
	long port;

	if (len >= sizeof(host))
		return (0);
	memcpy(host, text, len);
	host[len] = '\0';
	if (ipaddr_from_text(&ip, host) == -1)
		return (0);
	if (text[len] == '\0')
		return (53);
	port = strtol(text + len + 1, &end, 10);
	return (*end != '\0' || port < 0 || port > 65535 ? 0 : port);
}

/* "192.0.2.1@853" and "192.0.2.1#name" are how unbound is asked for TLS. */
static int
check_forward(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *address = value_last(opt);
	const long port = dns_port(address);

	if (port == 853 || strchr(address, '#') != NULL)
		cfg_error(cfg, "%s: \"%s\": %s", cfg_opt_name(opt), address,
		    TLS_REFUSED);
	else if (port == 0)
		cfg_error(cfg,
		    "%s: \"%s\" is not an address like 192.0.2.1 or "
		    "2001:db8::1@5300",
		    cfg_opt_name(opt), address);
	else
		return (0);
	return (-1);
}

static int
check_stub(cfg_t *cfg, cfg_opt_t *opt)
{
	cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct dname zone;

	if (check_title(cfg, opt) == -1)
		return (-1);
	if (dname_from_text(&zone, title_last(opt)) == -1)
		cfg_error(cfg, "stub \"%s\": no domain name", title_last(opt));
	else if (cfg_size(section, "address") == 0)
		cfg_error(cfg, "stub \"%s\": no address", title_last(opt));
	else
		return (0);
	return (-1);
}

static int
check_tls(cfg_t *cfg, cfg_opt_t *opt)
{
	if (!cfg_opt_getnbool(opt, 0))
		return (0);
	cfg_error(cfg, "%s: %s", cfg_opt_name(opt), TLS_REFUSED);
	return (-1);
}

static int
check_readable(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *path = value_last(opt);

	if (*path == '\0' || access(path, R_OK) == 0)
		return (0);
	cfg_error(cfg, "%s: %s: %s", cfg_opt_name(opt), path, strerror(errno));
	return (-1);
}

static int
check_preset(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = value_last(opt), *known;
	char names[256] = "none";
	unsigned i;

	if (strcmp(name, "none") == 0 || preset_text(name) != NULL)
		return (0);
	for (i = 0; (known = preset_name(i)) != NULL; i++) {
		strncat(names, ", ", sizeof(names) - strlen(names) - 1);
		strncat(names, known, sizeof(names) - strlen(names) - 1);
	}
	cfg_error(cfg, "preset: \"%s\" is not one of %s", name, names);
	return (-1);
}

/*
 * The grammar
 */

/* Without the last flag a second section of a title changes the first. */
#define CFGF_UNIQUE (CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES)

/* The library wants it writable, and does not write. */
static char empty_list[] = "{}";

static cfg_opt_t endpoint_opts[] = {
    CFG_STR("mode", "0660", CFGF_NONE),
    CFG_STR("group", "", CFGF_NONE),
    CFG_STR("key-file", "", CFGF_NONE),
    CFG_STR_LIST("hosts", empty_list, CFGF_NONE),
    CFG_BOOL("insecure", cfg_false, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t control_opts[] = {CFG_STR("mode", "0600", CFGF_NONE),
    CFG_STR("group", "", CFGF_NONE), CFG_END()};

static cfg_opt_t stub_opts[] = {
    CFG_STR_LIST("address", empty_list, CFGF_NONE), CFG_END()};

static cfg_opt_t resolver_opts[] = {
    CFG_STR_LIST("forward", empty_list, CFGF_NONE),
    CFG_SEC("stub", stub_opts, CFGF_UNIQUE),
    CFG_STR("trust-anchor-file", "/usr/share/dns/root.key", CFGF_NONE),
    CFG_STR_LIST("trust-anchor", empty_list, CFGF_NONE),
    CFG_STR("root-hints", "", CFGF_NONE),
    CFG_BOOL("validate", cfg_true, CFGF_NONE),
    CFG_STR("timeout", "5", CFGF_NONE),
    CFG_INT("in-flight", 512, CFGF_NONE),
    CFG_BOOL("tls", cfg_false, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t cache_opts[] = {
    CFG_STR("file", VERDICT_CACHEDIR "/cache.lmdb", CFGF_NONE),
    CFG_STR("size", "256M", CFGF_NONE),
    CFG_STR("min-ttl", "0", CFGF_NONE),
    CFG_STR("max-ttl", "86400", CFGF_NONE),
    CFG_STR("negative-max-ttl", "3600", CFGF_NONE),
    CFG_STR("stale-max", "86400", CFGF_NONE),
    CFG_BOOL("prefetch", cfg_true, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t dmarc_opts[] = {CFG_STR("discovery", "tree-walk", CFGF_NONE),
    CFG_BOOL("pct", cfg_false, CFGF_NONE), CFG_STR("pct-key", "", CFGF_NONE),
    CFG_BOOL("compare", cfg_false, CFGF_NONE), CFG_END()};

static cfg_opt_t spf_opts[] = {CFG_STR("receiver", "", CFGF_NONE),
    CFG_BOOL("prefetch", cfg_false, CFGF_NONE), CFG_END()};

static cfg_opt_t verdict_opts[] = {
    CFG_STR("preset", "rfc9989", CFGF_NONE),
    CFG_STR("undecided", "defer", CFGF_NONE),
    CFG_STR("defer-at-most", "4h", CFGF_NONE),
    CFG_STR("after-defer", "accept", CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t score_opts[] = {CFG_FLOAT("quarantine", 0, CFGF_NODEFAULT),
    CFG_FLOAT("reject", 0, CFGF_NODEFAULT), CFG_END()};

static cfg_opt_t rule_opts[] = {
    CFG_STR("when", "", CFGF_NONE),
    CFG_STR("action", NULL, CFGF_NODEFAULT),
    CFG_FLOAT("score", 0, CFGF_NODEFAULT),
    CFG_STR("reply", NULL, CFGF_NODEFAULT),
    CFG_STR("override", NULL, CFGF_NODEFAULT),
    CFG_BOOL("shadow", cfg_false, CFGF_NONE),
    CFG_END(),
};

static cfg_opt_t log_opts[] = {CFG_STR("level", "info", CFGF_NONE),
    CFG_STR("to", "stderr", CFGF_NONE), CFG_STR("verdicts", "info", CFGF_NONE),
    CFG_END()};

static cfg_opt_t file_opts[] = {
    CFG_SEC("endpoint", endpoint_opts, CFGF_UNIQUE),
    CFG_SEC("control", control_opts, CFGF_UNIQUE),
    CFG_SEC("resolver", resolver_opts, CFGF_NONE),
    CFG_SEC("cache", cache_opts, CFGF_NONE),
    CFG_SEC("dmarc", dmarc_opts, CFGF_NONE),
    CFG_SEC("spf", spf_opts, CFGF_NONE),
    CFG_SEC("verdict", verdict_opts, CFGF_NONE),
    CFG_SEC("score", score_opts, CFGF_NONE),
    CFG_SEC("rule", rule_opts, CFGF_UNIQUE),
    CFG_SEC("log", log_opts, CFGF_NONE),
    CFG_STR("user", "", CFGF_NONE),
    CFG_BOOL("sandbox", cfg_true, CFGF_NONE),
    CFG_BOOL(CONF_FILE_END, cfg_false, CFGF_NONE),
    CFG_END(),
};

/* What a preset's text may hold. */
static cfg_opt_t preset_opts[] = {
    CFG_SEC("score", score_opts, CFGF_NONE),
    CFG_SEC("rule", rule_opts, CFGF_UNIQUE),
    CFG_END(),
};

static const struct {
	const char *option;
	cfg_validate_callback_t check;
} checks[] = {
    {"endpoint", check_endpoint},
    {"endpoint|mode", check_mode},
    {"endpoint|group", check_group},
    {"endpoint|key-file", check_key_file},
    {"endpoint|hosts", check_host},
    {"control", check_control},
    {"control|mode", check_mode},
    {"control|group", check_group},
    {"rule", check_title},
    {"resolver|forward", check_forward},
    {"resolver|stub", check_stub},
    {"resolver|stub|address", check_forward},
    {"resolver|trust-anchor-file", check_readable},
    {"resolver|root-hints", check_readable},
    {"resolver|timeout", check_timeout},
    {"resolver|in-flight", check_in_flight},
    {"resolver|tls", check_tls},
    {"cache|size", check_cache_size},
    {"cache|min-ttl", check_time},
    {"cache|max-ttl", check_time},
    {"cache|negative-max-ttl", check_time},
    {"cache|stale-max", check_time},
    {"dmarc|discovery", check_discovery},
    {"verdict|preset", check_preset},
    {"verdict|undecided", check_action},
    {"verdict|defer-at-most", check_time},
    {"verdict|after-defer", check_action},
    {"log|level", check_level},
    {"log|to", check_target},
    {"log|verdicts", check_verdicts},
    {"user", check_user},
};

/*
 * From the parsed file to struct conf. What was checked above is not checked
 * again.
 */

static int64_t
get_time(cfg_t *cfg, const char *name)
{
	int64_t value = 0;

	quantity_parse(cfg_getstr(cfg, name), time_units, &value);
	return (value);
}

static uint32_t
get_seconds(cfg_t *cfg, const char *name)
{
	return ((uint32_t)(get_time(cfg, name) / 1000));
}

static void
get_server(cfg_t *section, struct server_options *options)
{
	const struct group *group = getgrnam(cfg_getstr(section, "group"));

	options->address = cfg_title(section);
	options->mode = (mode_t)mode_parse(cfg_getstr(section, "mode"));
	options->group = group == NULL ? (gid_t)-1 : group->gr_gid;
}

/* The keys are read with the rest, so that a reload takes new ones. */
static int
get_keys(struct conf *conf, cfg_t *section, struct server_options *options)
{
	const char *path = cfg_getstr(section, "key-file");
	struct conf_keys *keys;
	char problem[512];

	if (*path == '\0')
		return (0);
	keys = arena_alloc(conf->private->arena, sizeof(*keys));
	SLIST_INSERT_HEAD(&conf->private->keys, keys, entry);
	options->keys = &keys->ring;
	if (keyring_read(&keys->ring, path, problem, sizeof(problem)) == 0)
		return (0);
	conf_error_add(conf->private->path, section->line, "%s", problem);
	return (-1);
}

static void
get_hosts(struct conf *conf, cfg_t *section, struct server_options *options)
{
	const unsigned n = cfg_size(section, "hosts");
	struct ipaddr_net *host =
	    arena_alloc(conf->private->arena, (n + 1) * sizeof(*host));
	unsigned i;

	for (i = 0; i < n; i++)
		ipaddr_net_from_text(
		    &host[i], cfg_getnstr(section, "hosts", i));
	options->hosts = n;
	options->host = host;
}

static int
get_endpoint(struct conf *conf, cfg_t *section, struct server_options *options)
{
	get_server(section, options);
	get_hosts(conf, section, options);
	return (get_keys(conf, section, options));
}

static int
get_endpoints(struct conf *conf)
{
	cfg_t *cfg = conf->private->cfg;
	size_t i;

	conf->endpoints = cfg_size(cfg, "endpoint");
	conf->endpoint = arena_alloc(conf->private->arena,
	    (conf->endpoints + 1) * sizeof(*conf->endpoint));
	for (i = 0; i < conf->endpoints; i++)
		if (get_endpoint(conf,
			cfg_getnsec(cfg, "endpoint", (unsigned)i),
			&conf->endpoint[i]) == -1)
			return (-1);
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
	if (cfg_size(cfg, "control") > 1) {
		conf_error_add(conf->private->path, 0,
		    "only one control endpoint is possible");
		return (-1);
	}
	if (cfg_size(cfg, "control") == 1)
		get_server(cfg_getnsec(cfg, "control", 0), &conf->control);
	return (0);
}

static const char *const *
get_list(struct conf *conf, cfg_t *section, const char *name, size_t *count)
{
	const unsigned n = cfg_size(section, name);
	const char **list =
	    arena_alloc(conf->private->arena, (n + 1) * sizeof(*list));
	unsigned i;

	for (i = 0; i < n; i++)
		list[i] = cfg_getnstr(section, name, i);
	*count = n;
	return (list);
}

static void
get_stubs(struct conf *conf, cfg_t *section)
{
	const unsigned n = cfg_size(section, "stub");
	struct resolver_stub *stubs =
	    arena_alloc(conf->private->arena, (n + 1) * sizeof(*stubs));
	unsigned i;

	for (i = 0; i < n; i++) {
		cfg_t *stub = cfg_getnsec(section, "stub", i);

		stubs[i].zone = cfg_title(stub);
		stubs[i].address =
		    get_list(conf, stub, "address", &stubs[i].addresses);
	}
	conf->resolver.stubs = n;
	conf->resolver.stub = stubs;
}

static int
get_resolver(struct conf *conf)
{
	cfg_t *cfg = conf->private->cfg;
	cfg_t *section = cfg_getsec(cfg, "resolver");
	struct resolver_options *options = &conf->resolver;
	const char **file = arena_alloc(conf->private->arena, sizeof(*file));
	const char *hints = cfg_getstr(section, "root-hints");

	conf->timeout = get_time(section, "timeout");
	options->validate = cfg_getbool(section, "validate");
	options->forward =
	    get_list(conf, section, "forward", &options->forwards);
	get_stubs(conf, section);
	*file = cfg_getstr(section, "trust-anchor-file");
	options->anchor_files = **file == '\0' ? 0 : 1;
	options->anchor_file = file;
	options->anchor =
	    get_list(conf, section, "trust-anchor", &options->anchors);
	options->root_hints = *hints == '\0' ? NULL : hints;
	options->in_flight = (unsigned)cfg_getint(section, "in-flight");
	options->patience = (unsigned)conf->timeout;
	if (!options->validate || options->anchor_files + options->anchors > 0)
		return (0);
	conf_error_add(conf->private->path, 0,
	    "validate is on, but there is neither a trust-anchor-file nor a "
	    "trust-anchor");
	return (-1);
}

static int
get_cache(struct conf *conf)
{
	cfg_t *cfg = conf->private->cfg;
	cfg_t *section = cfg_getsec(cfg, "cache");
	int64_t size = 0;

	quantity_parse(cfg_getstr(section, "size"), size_units, &size);
	conf->cache.file = cfg_getstr(section, "file");
	conf->cache.size = (size_t)size;
	conf->cache.min_ttl = get_seconds(section, "min-ttl");
	conf->cache.max_ttl = get_seconds(section, "max-ttl");
	conf->cache.negative_max_ttl = get_seconds(section, "negative-max-ttl");
	conf->cache.stale_max = get_time(section, "stale-max");
	conf->run.stale_max = conf->cache.stale_max;
	conf->run.renew = cfg_getbool(section, "prefetch");
	if (conf->cache.min_ttl <= conf->cache.max_ttl)
		return (0);
	conf_error_add(
	    conf->private->path, 0, "cache: min-ttl is greater than max-ttl");
	return (-1);
}

static void
get_evaluators(struct conf *conf)
{
	cfg_t *cfg = conf->private->cfg;
	cfg_t *dmarc = cfg_getsec(cfg, "dmarc");
	cfg_t *spf = cfg_getsec(cfg, "spf");
	char host[HOST_MAX] = "";
	const char *receiver = cfg_getstr(spf, "receiver");
	const char *key = cfg_getstr(dmarc, "pct-key");

	conf->run.dmarc.discovery = (enum dmarc_discovery)choice_find(
	    discoveries, cfg_getstr(dmarc, "discovery"));
	conf->run.dmarc.pct = cfg_getbool(dmarc, "pct");
	conf->run.dmarc.pct_key = *key == '\0' ? NULL : key;
	conf->run.compare = cfg_getbool(dmarc, "compare");
	if (*receiver == '\0') {
		if (gethostname(host, sizeof(host) - 1) == -1 || *host == '\0')
			strcpy(host, "unknown");
		receiver = arena_strdup(conf->private->arena, host);
	}
	conf->run.receiver = receiver;
	conf->run.spf_prefetch = cfg_getbool(spf, "prefetch");
}

static void
get_log(struct conf *conf)
{
	cfg_t *section = cfg_getsec(conf->private->cfg, "log");
	int level;

	conf->log_level =
	    (enum log_level)choice_find(levels, cfg_getstr(section, "level"));
	conf->log_target =
	    (enum log_target)choice_find(targets, cfg_getstr(section, "to"));
	level = choice_find(verdict_levels, cfg_getstr(section, "verdicts"));
	conf->run.log_verdicts = level <= LOG_LEVEL_DEBUG;
	conf->run.log_level = (enum log_level)level;
}

/*
 * Rules
 */

static int
rules_fail(const struct rules_error *error)
{
	char text[1024];

	rules_error_text(error, text, sizeof(text));
	if (*error->file == '\0')
		conf_error_add(error_file, 0, "%s", text);
	else
		conf_error_add(NULL, 0, "%s", text);
	return (-1);
}

static int
get_rule(struct rules *rules, cfg_t *section, const char *file)
{
	struct rules_error error;
	struct rule_source source = {
	    .name = cfg_title(section),
	    .when = cfg_getstr(section, "when"),
	    .action = cfg_getstr(section, "action"),
	    .has_score = cfg_size(section, "score") > 0,
	    .reply = cfg_getstr(section, "reply"),
	    .override = cfg_getstr(section, "override"),
	    .shadow = cfg_getbool(section, "shadow"),
	    .file = file,
	    .line = section->line,
	};

	if (source.has_score)
		source.score = cfg_getfloat(section, "score");
	return (
	    rules_add(rules, &source, &error) == -1 ? rules_fail(&error) : 0);
}

static int
get_rules(struct rules *rules, cfg_t *cfg, const char *file)
{
	unsigned i;

	for (i = 0; i < cfg_size(cfg, "rule"); i++)
		if (get_rule(rules, cfg_getnsec(cfg, "rule", i), file) == -1)
			return (-1);
	return (0);
}

/* A threshold in the file comes before the preset's. */
static void
get_thresholds(cfg_t *cfg, struct rules_settings *settings)
{
	cfg_t *section = cfg_getsec(cfg, "score");

	if (!settings->has_quarantine && cfg_size(section, "quarantine") > 0) {
		settings->has_quarantine = true;
		settings->quarantine = cfg_getfloat(section, "quarantine");
	}
	if (!settings->has_reject && cfg_size(section, "reject") > 0) {
		settings->has_reject = true;
		settings->reject = cfg_getfloat(section, "reject");
	}
}

static cfg_t *
preset_parse(const char *name)
{
	cfg_t *cfg = cfg_init(preset_opts, CFGF_NONE);
	const char *const file = error_file;
	char *text = strdup(preset_text(name));
	int ret;

	if (cfg == NULL || text == NULL)
		fatal(111, "conf.out_of_memory");
	conf_file_blank(text);
	error_file = name;
	cfg_set_error_function(cfg, error_callback);
	ret = cfg_parse_buf(cfg, text);
	error_file = file;
	free(text);
	if (ret == CFG_SUCCESS)
		return (cfg);
	cfg_free(cfg);
	return (NULL);
}

static int
rules_build(struct conf *conf, cfg_t *preset, struct rules_settings *settings)
{
	struct conf_private *private = conf->private;
	struct rules_error error;
	char file[64];

	get_thresholds(private->cfg, settings);
	if (preset != NULL)
		get_thresholds(preset, settings);
	if (rules_settings(private->rules, settings, &error) == -1)
		return (rules_fail(&error));
	if (get_rules(private->rules, private->cfg, private->path) == -1)
		return (-1);
	snprintf(file, sizeof(file), "preset %s", private->preset);
	if (preset != NULL && get_rules(private->rules, preset, file) == -1)
		return (-1);
	if (rules_finish(private->rules, &error) == -1)
		return (rules_fail(&error));
	conf->run.rules = private->rules;
	return (0);
}

static int
get_verdict(struct conf *conf)
{
	cfg_t *section = cfg_getsec(conf->private->cfg, "verdict");
	cfg_t *preset = NULL;
	struct rules_settings settings = rules_settings_default;
	const char *name = cfg_getstr(section, "preset");
	int ret;

	settings.undecided = (enum rules_action)choice_find(
	    actions, cfg_getstr(section, "undecided"));
	settings.defer_at_most = get_time(section, "defer-at-most");
	settings.after_defer = (enum rules_action)choice_find(
	    actions, cfg_getstr(section, "after-defer"));
	conf->private->rules = rules_new();
	conf->private->preset = name;
	if (strcmp(name, "none") != 0 && (preset = preset_parse(name)) == NULL)
		return (-1);
	ret = rules_build(conf, preset, &settings);
	if (preset != NULL)
		cfg_free(preset);
	return (ret);
}

/*
 * The whole
 */

static int
file_parse(struct conf *conf)
{
	struct conf_private *private = conf->private;
	char *text = conf_file_read(private->arena, private->path);
	size_t i;

	if (text == NULL)
		return (-1);
	conf_file_blank(text);
	cfg_set_error_function(private->cfg, error_callback);
	for (i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		cfg_set_validate_func(
		    private->cfg, checks[i].option, checks[i].check);
	if (cfg_parse_buf(private->cfg, text) == CFG_SUCCESS) {
		if (cfg_getbool(private->cfg, CONF_FILE_END))
			return (0);
		conf_error_add(private->path, 0, "a comment is not closed");
	}
	if (!conf_error_any())
		conf_error_add(private->path, 0, "syntax error");
	return (-1);
}

/*
 * Every file that was read, and will be again on a reload.
 */

static void
reads_add(struct conf *conf, const char **list, const char *path)
{
	if (path != NULL && *path != '\0')
		list[conf->reads++] = path;
}

static void
get_reads(struct conf *conf)
{
	cfg_t *cfg = conf->private->cfg;
	const unsigned endpoints = cfg_size(cfg, "endpoint");
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
		    cfg_getstr(
			cfg_getnsec(cfg, "endpoint", (unsigned)i), "key-file"));
	conf->read = list;
	conf->user = cfg_getstr(cfg, "user");
	conf->sandbox = cfg_getbool(cfg, "sandbox");
}

static int
conf_read(struct conf *conf)
{
	if (file_parse(conf) == -1)
		return (-1);
	get_evaluators(conf);
	get_log(conf);
	if (get_endpoints(conf) == -1 || get_resolver(conf) == -1 ||
	    get_cache(conf) == -1 || get_verdict(conf) == -1)
		return (-1);
	get_reads(conf);
	return (0);
}

struct conf *
conf_load(const char *path, char error[CONF_ERROR_MAX])
{
	struct arena *arena = arena_new();
	struct conf *conf = arena_alloc(arena, sizeof(*conf));
	int ret;

	conf->private = arena_alloc(arena, sizeof(*conf->private));
	conf->private->arena = arena;
	conf->private->path = arena_strdup(arena, path);
	conf->private->cfg = cfg_init(file_opts, CFGF_NONE);
	if (conf->private->cfg == NULL)
		fatal(111, "conf.out_of_memory");
	conf_error_begin(error, CONF_ERROR_MAX);
	error_file = conf->private->path;
	ret = conf_read(conf);
	conf_error_end();
	if (ret == 0)
		return (conf);
	conf_free(conf);
	return (NULL);
}

void
conf_free(struct conf *conf)
{
	struct conf_keys *keys;

	if (conf == NULL)
		return;
	SLIST_FOREACH(keys, &conf->private->keys, entry)
	keyring_wipe(&keys->ring);
	rules_free(conf->private->rules);
	cfg_free(conf->private->cfg);
	arena_free(conf->private->arena);
}

/* As comments: they hold by the preset's name, and hold only once. */
static void
preset_print(const char *name, FILE *out)
{
	const char *line = preset_text(name);
	size_t len;

	fprintf(out,
	    "\n# The rules of preset \"%s\", which follow those above:\n",
	    name);
	for (; *line != '\0'; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		fprintf(out, "# %.*s\n", (int)len, line);
	}
}

void
conf_print(const struct conf *conf, FILE *out)
{
	cfg_opt_t *opt;

	for (opt = conf->private->cfg->opts; opt->name != NULL; opt++)
		if (strcmp(opt->name, CONF_FILE_END) != 0)
			cfg_opt_print(opt, out);
	if (strcmp(conf->private->preset, "none") != 0)
		preset_print(conf->private->preset, out);
}

const char *
conf_library_version(void)
{
	return (confuse_version);
}
