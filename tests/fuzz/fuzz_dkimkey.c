/* SPDX-License-Identifier: ISC */
/*
 * The DKIM key record: any octets as the TXT record of a selector. What comes
 * out must keep the promises of dkimkey.h.
 */

#include "arena.h"
#include "dkimkey.h"
#include "fuzz.h"

static const struct rrset *
get_set(void *arg, const struct dname *name, uint16_t type)
{
	(void)name;
	(void)type;
	return (arg);
}

static void
check_key(const struct dkimkey *key)
{
	check(key->flags != NULL && key->record != NULL);
	check((key->problem != NULL) == (key->status == DKIMKEY_INVALID));
	if (key->status != DKIMKEY_OK)
		return;
	if (key->alg == DKIMKEY_ALG_RSA)
		check(key->bits > 0 && key->bits < 8 * 65536);
	else
		check(key->alg == DKIMKEY_ALG_ED25519 && key->bits == 256);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct rrset *set = rrset_new(RR_PRESENT);
	struct view_source source = {.get = get_set, .arg = set};
	struct dkimkey key;
	struct view *view;

	set->expires = 2;
	if (rrset_add_txt(set, data, size) == 0) {
		view = view_open(arena, &source, 1, 0, VIEW_ASK);
		dkimkey_find(view, "s", "example.com", &key);
		check_key(&key);
		view_close(view);
	}
	rrset_free(set);
	arena_free(arena);
	return (0);
}
