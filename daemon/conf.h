/* SPDX-License-Identifier: ISC */
/*
 * The configuration: one file, read whole into a struct that then does not
 * change. A reload reads a new one beside the old and swaps them.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "log.h"
#include "resolver.h"
#include "run.h"
#include "server.h"

struct conf_cache {
	const char *file;
	size_t	    size;		/* octets */
	uint32_t    min_ttl, max_ttl;	/* seconds */
	uint32_t    negative_max_ttl;	/* seconds */
	int64_t	    stale_max;		/* ms */
};

struct conf {
	size_t			endpoints;
	struct server_options  *endpoint;
	struct server_options	control;
	struct resolver_options resolver;
	int64_t			timeout; /* of a lookup, ms */
	struct conf_cache	cache;
	struct run_options	run; /* `started` is for the caller */
	enum log_target		log_target;
	enum log_level		log_level;
	const char	       *user; /* "": whoever started it */
	bool			sandbox;
	size_t			reads; /* files: this one and others */
	const char *const      *read;
	struct conf_private    *private;
};

/* Room for conf_load()'s account of what is wrong. */
#define CONF_ERROR_MAX 4096

/*
 * NULL if the file cannot be read or is not right; `error` then holds a line
 * for each problem, with file and line number.
 */
struct conf *conf_load(const char *path, char error[CONF_ERROR_MAX]);
void conf_free(struct conf *conf); /* NULL is fine */

/*
 * What a process keeps until it is started again: taken from the configuration
 * that it was started with, of which it is independent.
 */
struct conf_fixed;
struct conf_fixed *conf_fixed_new(const struct conf *begun);
void conf_fixed_free(struct conf_fixed *fixed); /* NULL is fine */
/* The names of those options in which `conf` differs. Returns how many. */
#define CONF_FIXED_MAX 6
size_t conf_fixed_compare(const struct conf_fixed *fixed,
    const struct conf *conf, const char *names[CONF_FIXED_MAX]);

/* The whole configuration with all defaults, as it could be read again. */
void conf_print(const struct conf *conf, FILE *out);

const char *conf_library_version(void);

#endif
