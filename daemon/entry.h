/* SPDX-License-Identifier: ISC */
/*
 * A cache entry as it stands in the file. An entry is not believed because of
 * where it was found: it holds the full name it is for, and a keyed checksum
 * over its key and all its octets, so that damage of any kind, or an entry
 * under a wrong key, is noticed when it is read.
 *
 * Numbers are little-endian whatever the machine, so a file can be moved.
 * A change of the form changes ENTRY_VERSION.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dname.h"
#include "hash.h"
#include "rrset.h"

#define ENTRY_VERSION  1
#define ENTRY_KEY      HASH_ID
#define ENTRY_MEMO_KEY 4096  /* the most octets of a memo's key */
#define ENTRY_DATA_MAX 65536 /* ... of a memo's value, or of rdata */
#define ENTRY_BOOT_ID  40
#define ENTRY_META_LEN (4 + 2 * HASH_KEY + ENTRY_BOOT_ID + 13 + HASH_DIGEST)
#define ENTRY_MAX      (80 + ENTRY_MEMO_KEY + ENTRY_DATA_MAX)

/* Of one file. Whoever knows it can choose names that collide. */
struct entry_secret {
	uint8_t id[HASH_KEY];  /* makes keys */
	uint8_t sum[HASH_KEY]; /* makes checksums */
};

/* The one record about the file itself: what makes it ours. */
struct entry_meta {
	struct entry_secret secret;
	char		    boot_id[ENTRY_BOOT_ID]; /* last open under it */
	bool		    clean;	    /* and closed */
	uint32_t	    memo_epoch;	    /* other memos are forgotten */
	int64_t		    failures_until; /* failures until then too */
};

enum entry_kind { ENTRY_RRSET = 1, ENTRY_MEMO };

/* Pointers are borrowed: the caller's, or into the decoded value. */
struct entry {
	enum entry_kind kind;
	uint32_t	useless; /* seconds since the epoch: of no use after */
	/* ENTRY_RRSET: the wire name and what DNS said. */
	uint8_t		name_len;
	const uint8_t  *name;
	uint16_t	type;
	struct rrset	set;
	/* ENTRY_MEMO */
	uint32_t	epoch; /* of no meaning when another has begun */
	int64_t		expires;
	size_t		key_len, data_len;
	const uint8_t  *key, *data;
};

void entry_key_rrset(uint8_t key[ENTRY_KEY], const struct entry_secret *secret,
    const struct dname *name, uint16_t type);
/* `len` up to ENTRY_MEMO_KEY. */
void entry_key_memo(uint8_t key[ENTRY_KEY], const struct entry_secret *secret,
    const void *data, size_t len);

/*
 * Writes the value for `key` to `buf` of ENTRY_MAX octets. Returns its length,
 * or 0 if the entry is larger than the limits above.
 */
size_t entry_encode(uint8_t *buf, const struct entry_secret *secret,
    const uint8_t key[ENTRY_KEY], const struct entry *entry);
/*
 * False if the value is not, octet for octet, what entry_encode() wrote for
 * this key. `value` is not written to; set.rdata points into it all the same.
 */
bool entry_decode(struct entry *entry, const struct entry_secret *secret,
    const uint8_t key[ENTRY_KEY], uint8_t *value, size_t len);

void entry_meta_encode(const struct entry_meta *meta,
    uint8_t buf[ENTRY_META_LEN]);
/* False if it is not ours, of another version, or damaged. */
bool entry_meta_decode(struct entry_meta *meta, const uint8_t *value,
    size_t len);

#endif
