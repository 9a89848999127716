/* SPDX-License-Identifier: ISC */
/*
 * What the operator may ask and order: the verbs that exist on the control
 * endpoint alone and that need no DNS. They are answered at once.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "msg.h"

struct cache;
struct inflight;
struct requests;
struct tally;

struct control {
	struct cache	*cache;
	struct inflight *inflight;
	struct requests *requests;
	struct tally	*tally;
	/* Returns NULL, or what is wrong with the new configuration. */
	const char *(*reload)(void *arg);
	/* Makes the resolver forget what it keeps itself. */
	void (*forget)(void *arg);
	void *arg;
};

/*
 * Writes the reply and returns true if the message is one of ours: malformed
 * ones are not. The message is left as it is.
 */
bool control_answer(const struct control *control, const char *message,
    size_t len, int64_t now, struct msg_out *reply);

#endif
