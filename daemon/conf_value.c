/* SPDX-License-Identifier: ISC */
#include "conf_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dmarc.h"
#include "dname.h"
#include "ipaddr.h"
#include "log.h"
#include "rules.h"

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit time_units[] = {{"", 1000}, {"ms", 1}, {"s", 1000},
    {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}, {NULL, 0}};
static const struct unit size_units[] = {
    {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};

const struct conf_choice conf_log_levels[] = {{"error", LOG_LEVEL_ERROR},
    {"warning", LOG_LEVEL_WARNING}, {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG}, {NULL, 0}};
const struct conf_choice conf_log_levels_or_none[] = {
    {"error", LOG_LEVEL_ERROR}, {"warning", LOG_LEVEL_WARNING},
    {"info", LOG_LEVEL_INFO}, {"debug", LOG_LEVEL_DEBUG},
    {"none", LOG_LEVEL_DEBUG + 1}, {NULL, 0}};
const struct conf_choice conf_log_targets[] = {
    {"stderr", LOG_TO_STDERR}, {"syslog", LOG_TO_SYSLOG}, {NULL, 0}};
const struct conf_choice conf_actions[] = {{"accept", RULES_ACCEPT},
    {"quarantine", RULES_QUARANTINE}, {"defer", RULES_DEFER},
    {"reject", RULES_REJECT}, {NULL, 0}};
const struct conf_choice conf_discoveries[] = {
    {"tree-walk", DMARC_TREE_WALK}, {"psl", DMARC_PSL}, {NULL, 0}};

static int
quantity(const char *text, const struct unit *units, int64_t *value)
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

int
conf_time(const char *text, int64_t *ms)
{
	return (quantity(text, time_units, ms));
}

int
conf_size(const char *text, int64_t *octets)
{
	return (quantity(text, size_units, octets));
}

int
conf_integer(const char *text, long *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0)
		return (-1);
	*value = number;
	return (0);
}

/* Decimal digits alone: strtod() knows "nan", "inf" and "0x10", too. */
int
conf_decimal(const char *text, double *value)
{
	char *end;
	double number;

	if (text[strspn(text, "+-.0123456789")] != '\0')
		return (-1);
	errno = 0;
	number = strtod(text, &end);
	if (end == text || *end != '\0' || errno != 0)
		return (-1);
	*value = number;
	return (0);
}

int
conf_flag(const char *text, bool *value)
{
	static const struct {
		const char *name;
		bool value;
	} words[] = {{"true", true}, {"on", true}, {"yes", true},
	    {"false", false}, {"off", false}, {"no", false}};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasecmp(words[i].name, text) == 0) {
			*value = words[i].value;
			return (0);
		}
	return (-1);
}

int
conf_mode(const char *text, mode_t *mode)
{
	char *end;
	const long value = strtol(text, &end, 8);

	if (end == text || *end != '\0' || value < 0 || value > 0777)
		return (-1);
	*mode = (mode_t)value;
	return (0);
}

int
conf_choice(const struct conf_choice *choices, const char *word)
{
	for (; choices->name != NULL; choices++)
		if (strcmp(choices->name, word) == 0)
			return (choices->value);
	return (-1);
}

long
conf_dns_port(const char *text)
{
	const size_t len = strcspn(text, "@");
	char host[IPADDR_TEXT_MAX];
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
	if (conf_integer(text + len + 1, &port) == -1)
		return (0);
	return (port < 0 || port > 65535 ? 0 : port);
}

static bool
is_number(const char *text)
{
	return (*text != '\0' && text[strspn(text, "0123456789")] == '\0');
}

/* The next field of a record; "" at its end. */
static const char *
field_next(char **rest)
{
	const char *field;

	while ((field = strsep(rest, " \t")) != NULL && *field == '\0')
		;
	return (field == NULL ? "" : field);
}

/* What is behind the name: TTL and class, the type, three numbers, data. */
static bool
is_anchor_data(char *rest)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/=";
	const char *field = field_next(&rest);
	size_t octets = 0;
	bool ds;
	int i;

	while (is_number(field) || strcasecmp(field, "IN") == 0)
		field = field_next(&rest);
	ds = strcasecmp(field, "DS") == 0;
	if (!ds && strcasecmp(field, "DNSKEY") != 0)
		return (false);
	for (i = 0; i < 3; i++)
		if (!is_number(field_next(&rest)))
			return (false);
	while (*(field = field_next(&rest)) != '\0') {
		if (field[strspn(field, ds ? hex : base64)] != '\0')
			return (false);
		octets += strlen(field);
	}
	return (octets > 0 && octets % (ds ? 2 : 4) == 0);
}

bool
conf_is_anchor(const char *text)
{
	char *copy = strdup(text), *rest = copy;
	struct dname name;
	bool good;

	if (copy == NULL)
		fatal(111, "conf.out_of_memory");
	good = dname_from_text(&name, field_next(&rest)) == 0 && rest != NULL &&
	       is_anchor_data(rest);
	free(copy);
	return (good);
}
