/* SPDX-License-Identifier: ISC */
/* What conf.c and its neighbours share of a configuration. */
#ifndef CONF_PRIVATE_H
#define CONF_PRIVATE_H

#include <sys/queue.h>

#include "conf.h"
#include "conf_section.h"
#include "keyring.h"

/* Of one endpoint; wiped before the memory is given back. */
struct conf_keys {
	SLIST_ENTRY(conf_keys) entry;
	struct keyring ring;
};

struct conf_private {
	const char *path;
	struct arena *arena; /* everything that struct conf points to */
	struct conf_section *root;
	SLIST_HEAD(, conf_keys) keys;
	struct rules *rules;
};

/* conf.c: the text of a preset, parsed. */
struct conf_section *conf_preset_open(struct arena *arena, const char *name);
void conf_preset_close(struct conf_section *preset);

/* conf_check.c: complains of what the file must not hold. */
void conf_check(struct conf_section *root);
/*
 * conf_take.c: fills `conf` from a file that was checked. What can only be
 * found wrong by reading other files is complained of.
 */
void conf_take(struct conf *conf);
/* conf_verdict.c: the part of it that is rules. */
void conf_take_verdict(struct conf *conf);

#endif
