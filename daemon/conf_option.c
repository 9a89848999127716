/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "conf_option.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_value.h"
#include "dname.h"
#include "ipaddr.h"
#include "preset.h"
#include "server.h"

/*
 * Checks
 */

static int refuse(char *problem, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
refuse(char *problem, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(problem, CONF_PROBLEM_MAX, fmt, ap);
	va_end(ap);
	return (-1);
}

static int
check_choice(
    const char *value, char *problem, const struct conf_choice *choices)
{
	char names[128] = "";
	size_t len = 0;

	if (conf_choice(choices, value) != -1)
		return (0);
	for (; choices->name != NULL && len < sizeof(names); choices++)
		len += (size_t)snprintf(names + len, sizeof(names) - len,
		    "%s%s", len == 0 ? "" : ", ", choices->name);
	return (refuse(problem, "\"%s\" is not one of %s", value, names));
}

static int
check_level(const char *value, char *problem)
{
	return (check_choice(value, problem, conf_log_levels));
}

static int
check_verdicts(const char *value, char *problem)
{
	return (check_choice(value, problem, conf_log_levels_or_none));
}

static int
check_target(const char *value, char *problem)
{
	return (check_choice(value, problem, conf_log_targets));
}

static int
check_action(const char *value, char *problem)
{
	return (check_choice(value, problem, conf_actions));
}

static int
check_discovery(const char *value, char *problem)
{
	return (check_choice(value, problem, conf_discoveries));
}

static int
check_preset(const char *value, char *problem)
{
	char names[256] = "none";
	const char *known;
	unsigned i;

	if (strcmp(value, "none") == 0 || preset_text(value) != NULL)
		return (0);
	for (i = 0; (known = preset_name(i)) != NULL; i++) {
		strncat(names, ", ", sizeof(names) - strlen(names) - 1);
		strncat(names, known, sizeof(names) - strlen(names) - 1);
	}
	return (refuse(problem, "\"%s\" is not one of %s", value, names));
}

static int
check_flag(const char *value, char *problem)
{
	bool flag;

	return (conf_flag(value, &flag) == 0
		    ? 0
		    : refuse(problem,
			  "\"%s\" is not one of true, on, yes, false, off, no",
			  value));
}

static int
check_time(const char *value, char *problem)
{
	int64_t ms;

	return (conf_time(value, &ms) == 0 && ms <= INT64_C(366) * 86400000
		    ? 0
		    : refuse(problem,
			  "\"%s\" is not a time of at most 366 days, like 90, "
			  "500ms, 5m, 4h or 7d",
			  value));
}

static int
check_timeout(const char *value, char *problem)
{
	int64_t ms;

	return (conf_time(value, &ms) == 0 && ms >= 100 && ms <= 60000
		    ? 0
		    : refuse(problem, "\"%s\" is not a time from 100ms to 60s",
			  value));
}

static int
check_cache_size(const char *value, char *problem)
{
	int64_t size;

	return (conf_size(value, &size) == 0 && size >= 1 << 20 &&
			size <= INT64_C(1) << 40
		    ? 0
		    : refuse(problem,
			  "\"%s\" is not a size from 1M to 1024G, like 256M",
			  value));
}

static int
check_in_flight(const char *value, char *problem)
{
	long number;

	return (
	    conf_integer(value, &number) == 0 && number >= 1 && number <= 1024
		? 0
		: refuse(
		      problem, "\"%s\" is not a number from 1 to 1024", value));
}

static int
check_decimal(const char *value, char *problem)
{
	double number;

	return (conf_decimal(value, &number) == 0
		    ? 0
		    : refuse(problem, "\"%s\" is not a number like 5 or -0.25",
			  value));
}

static int
check_mode(const char *value, char *problem)
{
	mode_t mode;

	return (conf_mode(value, &mode) == 0
		    ? 0
		    : refuse(problem, "\"%s\" is not an octal mode like 0660",
			  value));
}

static int
check_group(const char *value, char *problem)
{
	return (*value == '\0' || getgrnam(value) != NULL
		    ? 0
		    : refuse(problem, "there is no group \"%s\"", value));
}

static int
check_user(const char *value, char *problem)
{
	return (*value == '\0' || getpwnam(value) != NULL
		    ? 0
		    : refuse(problem, "there is no user \"%s\"", value));
}

static int
check_address(const char *value, char *problem)
{
	const char *why = server_address_problem(value);

	return (why == NULL ? 0 : refuse(problem, "%s", why));
}

static int
check_control(const char *value, char *problem)
{
	if (server_address_is_tcp(value))
		return (refuse(problem, "tcp is refused: orders are local"));
	return (check_address(value, problem));
}

static int
check_host(const char *value, char *problem)
{
	struct ipaddr_net net;

	return (ipaddr_net_from_text(&net, value) == 0
		    ? 0
		    : refuse(problem,
			  "\"%s\" is not an address or a prefix like "
			  "192.0.2.0/24",
			  value));
}

#define TLS_REFUSED                                                            \
	"DNS over TLS is refused: the libunbound of this system is built "     \
	"without it and would silently send plain DNS; forward to a local "    \
	"resolver that speaks it"

/* "192.0.2.1@853" and "192.0.2.1#name" are how unbound is asked for TLS. */
static int
check_server(const char *value, char *problem)
{
	const long port = conf_dns_port(value);

	if (port == 853 || strchr(value, '#') != NULL)
		return (refuse(problem, "\"%s\": %s", value, TLS_REFUSED));
	if (port == 0)
		return (refuse(problem,
		    "\"%s\" is not an address like 192.0.2.1 or "
		    "2001:db8::1@5300",
		    value));
	return (0);
}

static int
check_tls(const char *value, char *problem)
{
	bool tls;

	if (check_flag(value, problem) == -1)
		return (-1);
	return (conf_flag(value, &tls) == 0 && tls
		    ? refuse(problem, "%s", TLS_REFUSED)
		    : 0);
}

static int
check_zone(const char *value, char *problem)
{
	struct dname zone;

	return (dname_from_text(&zone, value) == 0
		    ? 0
		    : refuse(problem, "no domain name"));
}

/* The library says nothing of one that is none, and then answers nothing. */
static int
check_anchor(const char *value, char *problem)
{
	return (conf_is_anchor(value)
		    ? 0
		    : refuse(problem,
			  "\"%s\" is not a DS or DNSKEY record, like \". DS "
			  "20326 8 2 E06D...8D\"",
			  value));
}

/* Another file than a plain one would block whoever reads it, or worse. */
static int
check_readable(const char *value, char *problem)
{
	struct stat st;

	if (*value == '\0')
		return (0);
	if (access(value, R_OK) == -1 || stat(value, &st) == -1)
		return (refuse(problem, "%s: %s", value, strerror(errno)));
	return (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)
		    ? 0
		    : refuse(problem, "%s: not a file", value));
}

static int
check_cache_file(const char *value, char *problem)
{
	struct stat st;

	if (*value == '\0')
		return (refuse(problem, "a cache needs a file"));
	return (stat(value, &st) == -1 || S_ISREG(st.st_mode)
		    ? 0
		    : refuse(problem, "%s: not a file", value));
}

/* It is quoted to others, in explanations and header fields. */
static int
check_receiver(const char *value, char *problem)
{
	const char *p = value;

	while (*p > ' ' && *p <= '~')
		p++;
	return (*p == '\0' && p - value <= 255
		    ? 0
		    : refuse(problem,
			  "\"%s\" is not a name like mx.example.net", value));
}

/* Names of rules are logged and sent as they are. */
static int
check_rule(const char *value, char *problem)
{
	return (
	    strpbrk(value, "\"\\") == NULL
		? 0
		: refuse(problem, "a title holds no quote and no backslash"));
}

/*
 * The table
 */

static const struct conf_option endpoint_options[] = {
    {CONF_TEXT, "mode", "0660", check_mode, NULL},
    {CONF_TEXT, "group", "", check_group, NULL},
    {CONF_TEXT, "key-file", "", NULL, NULL},
    {CONF_LIST, "hosts", NULL, check_host, NULL},
    {CONF_TEXT, "insecure", "false", check_flag, NULL},
    {0},
};

static const struct conf_option control_options[] = {
    {CONF_TEXT, "mode", "0600", check_mode, NULL},
    {CONF_TEXT, "group", "", check_group, NULL},
    {0},
};

static const struct conf_option stub_options[] = {
    {CONF_LIST, "address", NULL, check_server, NULL},
    {0},
};

static const struct conf_option resolver_options[] = {
    {CONF_LIST, "forward", NULL, check_server, NULL},
    {CONF_TITLED, "stub", NULL, check_zone, stub_options},
    {CONF_TEXT, "trust-anchor-file", "/usr/share/dns/root.key", check_readable,
	NULL},
    {CONF_LIST, "trust-anchor", NULL, check_anchor, NULL},
    {CONF_TEXT, "root-hints", "", check_readable, NULL},
    {CONF_TEXT, "validate", "true", check_flag, NULL},
    {CONF_TEXT, "timeout", "5", check_timeout, NULL},
    {CONF_TEXT, "in-flight", "512", check_in_flight, NULL},
    {CONF_TEXT, "tls", "false", check_tls, NULL},
    {0},
};

static const struct conf_option cache_options[] = {
    {CONF_TEXT, "file", VERDICT_CACHEDIR "/cache.lmdb", check_cache_file, NULL},
    {CONF_TEXT, "size", "256M", check_cache_size, NULL},
    {CONF_TEXT, "min-ttl", "0", check_time, NULL},
    {CONF_TEXT, "max-ttl", "86400", check_time, NULL},
    {CONF_TEXT, "negative-max-ttl", "3600", check_time, NULL},
    {CONF_TEXT, "stale-max", "86400", check_time, NULL},
    {CONF_TEXT, "prefetch", "true", check_flag, NULL},
    {0},
};

static const struct conf_option dmarc_options[] = {
    {CONF_TEXT, "discovery", "tree-walk", check_discovery, NULL},
    {CONF_TEXT, "pct", "false", check_flag, NULL},
    {CONF_TEXT, "pct-key", "", NULL, NULL},
    {CONF_TEXT, "compare", "false", check_flag, NULL},
    {0},
};

static const struct conf_option spf_options[] = {
    {CONF_TEXT, "receiver", "", check_receiver, NULL},
    {CONF_TEXT, "prefetch", "false", check_flag, NULL},
    {0},
};

static const struct conf_option verdict_options[] = {
    {CONF_TEXT, "preset", "rfc9989", check_preset, NULL},
    {CONF_TEXT, "undecided", "defer", check_action, NULL},
    {CONF_TEXT, "defer-at-most", "4h", check_time, NULL},
    {CONF_TEXT, "after-defer", "accept", check_action, NULL},
    {0},
};

static const struct conf_option score_options[] = {
    {CONF_TEXT, "quarantine", NULL, check_decimal, NULL},
    {CONF_TEXT, "reject", NULL, check_decimal, NULL},
    {0},
};

/* What else a rule may not be, the module of rules knows. */
static const struct conf_option rule_options[] = {
    {CONF_TEXT, "when", "", NULL, NULL},
    {CONF_TEXT, "action", NULL, NULL, NULL},
    {CONF_TEXT, "score", NULL, check_decimal, NULL},
    {CONF_TEXT, "reply", NULL, NULL, NULL},
    {CONF_TEXT, "override", NULL, NULL, NULL},
    {CONF_TEXT, "shadow", "false", check_flag, NULL},
    {0},
};

static const struct conf_option log_options[] = {
    {CONF_TEXT, "level", "info", check_level, NULL},
    {CONF_TEXT, "to", "stderr", check_target, NULL},
    {CONF_TEXT, "verdicts", "info", check_verdicts, NULL},
    {0},
};

const struct conf_option conf_options[] = {
    {CONF_TITLED, "endpoint", NULL, check_address, endpoint_options},
    {CONF_TITLED, "control", NULL, check_control, control_options},
    {CONF_SECTION, "resolver", NULL, NULL, resolver_options},
    {CONF_SECTION, "cache", NULL, NULL, cache_options},
    {CONF_SECTION, "dmarc", NULL, NULL, dmarc_options},
    {CONF_SECTION, "spf", NULL, NULL, spf_options},
    {CONF_SECTION, "verdict", NULL, NULL, verdict_options},
    {CONF_SECTION, "score", NULL, NULL, score_options},
    {CONF_TITLED, "rule", NULL, check_rule, rule_options},
    {CONF_SECTION, "log", NULL, NULL, log_options},
    {CONF_TEXT, "user", "", check_user, NULL},
    {CONF_TEXT, "sandbox", "true", check_flag, NULL},
    {0},
};
