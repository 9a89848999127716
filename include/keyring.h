/* SPDX-License-Identifier: ISC */
/*
 * A file of keys for sealed messages (seal.h), the same form on both sides:
 *
 *	# name	64 hexadecimal digits		the host that has it
 *	mx1-a	9b0c...a1			mx1.example.net
 *	mx1-b	77e2...04			mx1.example.net
 *
 * The daemon takes messages under any of its keys, so a key is changed by
 * giving the daemon the new one beside the old, then the host, and then taking
 * the old one away. A client uses the first.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include <stddef.h>

#include "seal.h"

#define KEYRING_MAX 256 /* two keys for each of 128 hosts */

struct keyring {
	size_t		n;
	struct seal_key key[KEYRING_MAX];
};

/*
 * Returns 0, or -1 with what is wrong, file and line in front, in `error`. A
 * file that others can read, or the group write, is refused.
 */
int keyring_read(struct keyring *keyring, const char *path, char *error,
    size_t size);
/*
 * A new key; `host` "" for one that anybody may have. Returns NULL, or what is
 * wrong with the names. After seal_init().
 */
const char *keyring_make(struct seal_key *key, const char *id,
    const char *host);
/* NULL: none of that name. */
const struct seal_key *keyring_find(const struct keyring *keyring,
    const char *id);
/*
 * Keeps the keys, and what lies beside them in memory, out of a core. For as
 * long as the process runs, so not for the memory of another's program.
 */
void keyring_guard(struct keyring *keyring);
/* Leaves nothing of the keys in memory. */
void keyring_wipe(struct keyring *keyring);

#endif
