/* SPDX-License-Identifier: ISC */
/*
 * What a file must not hold: each text by itself, as the table of options has
 * it, and then what several say together. All mistakes are told at once.
 */
#include "conf_option.h"
#include "conf_private.h"
#include "conf_value.h"

#include <string.h>

#include "server.h"

/*
 * Each by itself
 */

static void check_section(
    struct conf_section *section, const struct conf_option *options);

static void
check_text(struct conf_section *section, const struct conf_option *option,
    const char *text, size_t i)
{
	char problem[CONF_PROBLEM_MAX];

	if (option->check == NULL || option->check(text, problem) == 0)
		return;
	if (option->kind == CONF_TITLED)
		conf_complain(section, option->name, i, "%s \"%s\": %s",
		    option->name, text, problem);
	else
		conf_complain(
		    section, option->name, i, "%s: %s", option->name, problem);
}

static void
check_option(struct conf_section *section, const struct conf_option *option)
{
	const char *name = option->name;
	const size_t n = conf_count(section, name);
	size_t i;

	for (i = 0; i < n; i++)
		switch (option->kind) {
		case CONF_TEXT:
		case CONF_LIST:
			if (conf_line(section, name, i) > 0)
				check_text(section, option,
				    conf_item(section, name, i), i);
			break;
		case CONF_TITLED:
			check_text(section, option,
			    conf_title(conf_inner(section, name, i)), i);
			check_section(
			    conf_inner(section, name, i), option->inner);
			break;
		case CONF_SECTION:
			check_section(
			    conf_inner(section, name, i), option->inner);
			break;
		}
}

static void
check_section(struct conf_section *section, const struct conf_option *options)
{
	for (; options->name != NULL; options++)
		check_option(section, options);
}

/*
 * Together
 */

/*
 * Over tcp anybody could claim anything, and read what is answered: a key, or
 * the operator's word that nobody can reach it.
 */
static const char *
endpoint_problem(struct conf_section *endpoint)
{
	const bool tcp = server_address_is_tcp(conf_title(endpoint));
	const bool keyed = *conf_text(endpoint, "key-file") != '\0';
	bool insecure = false;

	conf_flag(conf_text(endpoint, "insecure"), &insecure);
	if (tcp && !keyed && !insecure)
		return ("tcp is refused without a key: give it a key-file, or "
			"write insecure = yes");
	if (tcp && keyed && insecure)
		return ("both a key-file and insecure = yes");
	if (!tcp && (keyed || insecure || conf_count(endpoint, "hosts") > 0))
		return ("key-file, hosts and insecure are for tcp; a socket "
			"file has a mode and a group");
	return (NULL);
}

/* Orders come in where no questions do. */
static void
check_control(struct conf_section *root)
{
	const size_t n = conf_count(root, "endpoint");
	const char *address;
	size_t i;

	if (conf_count(root, "control") > 1)
		conf_complain(root, "control", 1,
		    "only one control endpoint is possible");
	if (conf_count(root, "control") == 0)
		return;
	address = conf_title(conf_inner(root, "control", 0));
	for (i = 0; i < n; i++)
		if (strcmp(conf_title(conf_inner(root, "endpoint", i)),
			address) == 0)
			conf_complain(root, "control", 0,
			    "control \"%s\": is an endpoint's address, too",
			    address);
}

static void
check_endpoints(struct conf_section *root)
{
	const size_t n = conf_count(root, "endpoint");
	const char *problem;
	size_t i;

	for (i = 0; i < n; i++) {
		struct conf_section *endpoint = conf_inner(root, "endpoint", i);

		if ((problem = endpoint_problem(endpoint)) != NULL)
			conf_complain(root, "endpoint", i,
			    "endpoint \"%s\": %s", conf_title(endpoint),
			    problem);
	}
	check_control(root);
}

static void
check_resolver(struct conf_section *resolver)
{
	const size_t n = conf_count(resolver, "stub");
	bool validate = true;
	size_t i;

	for (i = 0; i < n; i++) {
		struct conf_section *stub = conf_inner(resolver, "stub", i);

		if (conf_count(stub, "address") == 0)
			conf_complain(resolver, "stub", i,
			    "stub \"%s\": no address", conf_title(stub));
	}
	conf_flag(conf_text(resolver, "validate"), &validate);
	if (validate && *conf_text(resolver, "trust-anchor-file") == '\0' &&
	    conf_count(resolver, "trust-anchor") == 0)
		conf_complain(resolver, "trust-anchor-file", 0,
		    "validate is on, but there is neither a trust-anchor-file "
		    "nor a trust-anchor");
}

static void
check_cache(struct conf_section *cache)
{
	int64_t least = 0, most = 0;

	if (conf_time(conf_text(cache, "min-ttl"), &least) == 0 &&
	    conf_time(conf_text(cache, "max-ttl"), &most) == 0 && least > most)
		conf_complain(cache, "min-ttl", 0,
		    "cache: min-ttl is greater than max-ttl");
}

void
conf_check(struct conf_section *root)
{
	check_section(root, conf_options);
	check_endpoints(root);
	check_resolver(conf_inner(root, "resolver", 0));
	check_cache(conf_inner(root, "cache", 0));
}
