/* SPDX-License-Identifier: ISC */
/*
 * The daemon without its edges: requests, evaluators, lookups in flight and
 * the cache are the real ones; the network, the sockets and the clock are
 * ours. A world does what the poll loop does, in its order, at the time that
 * the scenario says.
 *
 * One world at a time: the functions that take the place of server.c have no
 * argument to find it by.
 */
#ifndef WORLD_H
#define WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "dname.h"
#include "msg.h"

struct world;
struct fake_lookup;

enum world_dns {
	WORLD_DNS_UP,
	WORLD_DNS_DOWN,	 /* every lookup fails at once */
	WORLD_DNS_SILENT /* no lookup is answered */
};

/*
 * A question and, once it is there, its answer. `replies` counts the answers:
 * more than one is a defect.
 */
#define WORLD_ID 16
struct world_question {
	char id[WORLD_ID];
	unsigned replies;
	bool checked; /* for the script */
	struct msg reply;
	char *text; /* of the reply */
};

/* `conf` is added to what every world needs. NULL, and why. */
struct world *world_open(const char *directory, const char *conf,
    const char **problem);
void world_close(struct world *world);

/* NULL, or why not. */
const char *world_reload(struct world *world, const char *conf);
/* It was told to end, and takes no more questions. */
void world_refuse(struct world *world);
/* The daemon ends and starts again: all but the file is lost. */
void world_restart(struct world *world);

/*
 * "name [TTL] [secure] TYPE data" as in zone.h; lines of one generation and
 * name and type are one set, one of a later generation replaces it.
 */
void world_zone(struct world *world, char *line, unsigned generation);
void world_dns(struct world *world, enum world_dns dns);
void world_disk(struct world *world, bool full);
/* Time goes on to `now + ms`, and what is due by then happens when it is. */
void world_wait(struct world *world, int64_t ms);
/* The clock is set, by so much. */
void world_clock(struct world *world, int64_t ms);

/* Which host asks from now on: a number; 0, as at first: this one. */
void world_host(struct world *world, unsigned asker);
/* A question comes in. `text` is the whole message. */
void world_ask(struct world *world, const char *id, bool control,
    const char *text);
struct world_question *world_question(struct world *world, const char *id);
struct world_question *world_question_at(struct world *world, unsigned index);

/* The lookups that the resolver has been given and has not answered. */
struct fake_lookup *world_lookups(struct world *world);
/* Answers one from the zone; false if there is to be no answer now. */
bool world_answer(struct world *world, struct fake_lookup *lookup);
/* One turn of the poll loop. */
void world_turn(struct world *world);
/* Answers everything and turns until nothing is left to answer. */
void world_settle(struct world *world);

unsigned world_parked(const struct world *world);
/* name NULL: everything; "failures". */
void world_flush(struct world *world, const char *name);

#endif
