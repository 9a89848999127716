/* SPDX-License-Identifier: ISC */
/*
 * Sets of names, addresses or words that a rule tests for membership, from a
 * rule's own text or from a file of one entry per line ("#" begins a comment).
 *
 * A domain in the set stands for itself and all names below it; an address
 * for itself, a prefix for all addresses in it; a word for itself in any case
 * of letters.
 *
 * To build: listfile_new(), listfile_add() or listfile_load(),
 * listfile_finish(). After that the set does not change. A pool loads each
 * file once, whatever the number of rules that use it.
 */
#ifndef LISTFILE_H
#define LISTFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "dname.h"
#include "ipaddr.h"

/* Offsets are 32 bits, and a list beyond this is not one for a mail host. */
#define LISTFILE_ENTRIES_MAX 16000000

enum listfile_kind { LISTFILE_DOMAINS, LISTFILE_ADDRESSES, LISTFILE_WORDS };

struct listfile;

struct listfile_error {
	unsigned line; /* 0: of no one line */
	char	 message[256];
};

struct listfile *listfile_new(enum listfile_kind kind);
void listfile_free(struct listfile *list); /* NULL is fine */

/* Both: 0, or -1 with `*error` filled. */
int listfile_add(struct listfile *list, const char *text, size_t len,
    struct listfile_error *error);
int listfile_load(struct listfile *list, const char *path,
    struct listfile_error *error);
void listfile_finish(struct listfile *list);

/* Of the kind that the list was made with; else false. */
bool listfile_has_domain(const struct listfile *list, const struct dname *name);
bool listfile_has_address(const struct listfile *list, const struct ipaddr *ip);
bool listfile_has_word(const struct listfile *list, const char *word);

size_t listfile_count(const struct listfile *list);  /* without repetitions */
size_t listfile_memory(const struct listfile *list); /* octets allocated */

/* Owns all the lists of one configuration. */
struct listfile_pool;

struct listfile_pool *listfile_pool_new(void);
void listfile_pool_free(struct listfile_pool *pool); /* NULL is fine */
/* The list at `path`, loaded at the first call; NULL with `*error` filled. */
const struct listfile *listfile_pool_get(struct listfile_pool *pool,
    const char *path, enum listfile_kind kind, struct listfile_error *error);
/* The files that it has loaded, by number from 0; NULL behind the last. */
const char *listfile_pool_path(const struct listfile_pool *pool, size_t number);
/* The pool frees `list` with itself. */
void listfile_pool_adopt(struct listfile_pool *pool, struct listfile *list);

#endif
