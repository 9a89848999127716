/* SPDX-License-Identifier: ISC */
/*
 * Scenarios as text: what DNS holds, what is asked, what the daemon then must
 * look up, how time goes by, and what must be answered.
 *
 *	scenario NAME		begins one; all before is done with
 *	conf, zone		the indented lines below are configuration,
 *				or records (world.h); a later zone replaces
 *				the record sets that it names
 *	dns up | down | silent	what every lookup meets
 *	disk full | free	what the cache's writes meet
 *
 *	ask ID VERB NAME=VALUE, ...	a question comes in; ", " separates
 *	control ID VERB ...		... by the control endpoint
 *	wait TIME		300ms, 5s, 5m, 1h or 1d go by
 *	clock back | on TIME	the clock is set, and no time goes by
 *	refuse			it has been told to end
 *	restart			the daemon ends and starts again
 *	reload			with the configuration in the lines below
 *	flush all | failures | NAME
 *	host N			which host asks from now on [0]
 *	fill requests | lookups N	N of them, which stay unanswered
 *
 *	lookups NAME TYPE, ... | none	these and no others are new
 *	answer [NAME TYPE, ...]	these, or all, get their answer
 *	round NAME TYPE, ...	both: these are new, and all are answered
 *	settle			all are answered until nothing more is asked
 *	waiting ID ...		no answer yet
 *	reply ID STATUS EXPECTED, ...	NAME=VALUE is there; NAME~TEXT is in
 *				the value; !NAME is not there
 *	parked N
 *	stat NAME N		counted since the scenario began
 *
 * At the end of a scenario every answer has been looked at, and every lookup
 * has been expected.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

struct scenario;

/* Cuts a file up. `name` and `directory` are borrowed; NULL: unreadable. */
struct scenario *scenarios_read(const char *path);
const char *scenario_name(const struct scenario *scenario);
struct scenario *scenario_following(const struct scenario *scenario);
void scenarios_free(struct scenario *scenarios);

/*
 * Runs it with its files in `directory`. NULL, or what went wrong, with file
 * and line; to be freed.
 */
char *scenario_run(struct scenario *scenario, const char *directory);

#endif
