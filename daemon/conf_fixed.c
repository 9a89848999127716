/* SPDX-License-Identifier: ISC */
/* What a running process cannot take from another configuration. */
#include "conf.h"

#include <stdio.h>
#include <string.h>

#include "arena.h"

/* As in struct conf; keys and hosts are not kept, they can change. */
struct conf_fixed {
	struct arena *arena;
	size_t endpoints;
	struct server_options *endpoint;
	struct server_options control;
	const char *file;
	size_t size;
	const char *user;
	bool sandbox;
};

static struct server_options
fixed_server(struct arena *arena, const struct server_options *server)
{
	return ((struct server_options){
	    .address = arena_strdup(arena, server->address),
	    .mode = server->mode,
	    .group = server->group});
}

struct conf_fixed *
conf_fixed_new(const struct conf *begun)
{
	struct arena *arena = arena_new();
	struct conf_fixed *fixed = arena_alloc(arena, sizeof(*fixed));
	size_t i;

	fixed->arena = arena;
	fixed->endpoints = begun->endpoints;
	fixed->endpoint =
	    arena_alloc(arena, begun->endpoints * sizeof(*fixed->endpoint));
	for (i = 0; i < begun->endpoints; i++)
		fixed->endpoint[i] = fixed_server(arena, &begun->endpoint[i]);
	fixed->control = fixed_server(arena, &begun->control);
	fixed->file = arena_strdup(arena, begun->cache.file);
	fixed->size = begun->cache.size;
	fixed->user = arena_strdup(arena, begun->user);
	fixed->sandbox = begun->sandbox;
	return (fixed);
}

void
conf_fixed_free(struct conf_fixed *fixed)
{
	if (fixed != NULL)
		arena_free(fixed->arena);
}

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
same_endpoints(const struct conf_fixed *fixed, const struct conf *conf)
{
	size_t i;

	for (i = 0; i < fixed->endpoints; i++)
		if (!has_server(conf, &fixed->endpoint[i]))
			return (false);
	return (fixed->endpoints == conf->endpoints);
}

size_t
conf_fixed_compare(const struct conf_fixed *fixed, const struct conf *conf,
    const char *names[CONF_FIXED_MAX])
{
	size_t n = 0;

	if (!same_endpoints(fixed, conf))
		names[n++] = "endpoint";
	if (!same_server(&fixed->control, &conf->control))
		names[n++] = "control";
	if (strcmp(fixed->file, conf->cache.file) != 0)
		names[n++] = "file";
	if (fixed->size != conf->cache.size)
		names[n++] = "size";
	if (strcmp(fixed->user, conf->user) != 0)
		names[n++] = "user";
	if (fixed->sandbox != conf->sandbox)
		names[n++] = "sandbox";
	return (n);
}
