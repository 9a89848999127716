/* SPDX-License-Identifier: ISC */
/* What a running process cannot take from another configuration. */
#include "conf.h"

#include <stdio.h>
#include <string.h>

static bool
same_server(const struct server_options *a, const struct server_options *b)
{
	return (strcmp(a->address, b->address) == 0 && a->mode == b->mode &&
		a->group == b->group);
}

/* In whatever order. */
static bool
has_server(const struct conf *conf, const struct server_options *server)
{
	size_t i;

	for (i = 0; i < conf->endpoints; i++)
		if (same_server(&conf->endpoint[i], server))
			return (true);
	return (false);
}

static bool
same_endpoints(const struct conf *a, const struct conf *b)
{
	size_t i;

	for (i = 0; i < a->endpoints; i++)
		if (!has_server(b, &a->endpoint[i]))
			return (false);
	return (a->endpoints == b->endpoints);
}

size_t
conf_compare(const struct conf *old, const struct conf *new,
    const char *names[CONF_FIXED])
{
	size_t n = 0;

	if (!same_endpoints(old, new))
		names[n++] = "endpoint";
	if (!same_server(&old->control, &new->control))
		names[n++] = "control";
	if (strcmp(old->cache.file, new->cache.file) != 0)
		names[n++] = "file";
	if (old->cache.size != new->cache.size)
		names[n++] = "size";
	if (strcmp(old->user, new->user) != 0)
		names[n++] = "user";
	if (old->sandbox != new->sandbox)
		names[n++] = "sandbox";
	return (n);
}
