/* SPDX-License-Identifier: ISC */
#include "entry.h"

#include <string.h>

/*
 *  0 u64 checksum of all that follows
 *  8 u16 magic, u8 version, u8 kind, u32 useless
 * 16 a record set: u16 type, u8 state, u8 dnssec, u8 failure, u8 name_len,
 *    u16 count, u32 ttl, u32 failures, i64 fetched, i64 expires,
 *    i64 failed_since, i64 failed_at, i64 retry_at, u32 len; name, rdata
 *    a memo: u32 epoch, i64 expires, u16 key_len, u32 data_len; key, data
 */
#define SUM_LEN	  8
#define HEAD_LEN  16
#define RRSET_LEN (HEAD_LEN + 60)
#define MEMO_LEN  (HEAD_LEN + 18)
#define MAGIC	  0x6456

_Static_assert(sizeof(struct entry_secret) == 2 * HASH_KEY, "secret");
_Static_assert(ENTRY_MAX >= RRSET_LEN + DNAME_MAX + ENTRY_DATA_MAX, "rrset");
_Static_assert(ENTRY_MAX >= MEMO_LEN + ENTRY_MEMO_KEY + ENTRY_DATA_MAX, "memo");

/* Writes the low `octets` octets, the lowest first, and moves on. */
static void
put(uint8_t **p, uint64_t value, unsigned octets)
{
	for (; octets > 0; octets--, value >>= 8)
		*(*p)++ = (uint8_t)value;
}

static void
put_octets(uint8_t **p, const uint8_t *src, size_t len)
{
	if (len > 0)
		memcpy(*p, src, len);
	*p += len;
}

static uint64_t
get(const uint8_t **p, unsigned octets)
{
	uint64_t value = 0;
	unsigned i;

	for (i = octets; i-- > 0;)
		value = value << 8 | (*p)[i];
	*p += octets;
	return (value);
}

void
entry_key_rrset(uint8_t key[ENTRY_KEY], const struct entry_secret *secret,
    const struct dname *name, uint16_t type)
{
	uint8_t buf[3 + DNAME_MAX], *p = buf;

	put(&p, ENTRY_RRSET, 1);
	put(&p, type, 2);
	put_octets(&p, name->wire, name->len);
	hash_id(key, secret->id, buf, (size_t)(p - buf));
}

void
entry_key_memo(uint8_t key[ENTRY_KEY], const struct entry_secret *secret,
    const void *data, size_t len)
{
	uint8_t buf[1 + ENTRY_MEMO_KEY], *p = buf;

	put(&p, ENTRY_MEMO, 1);
	put_octets(&p, data, len);
	hash_id(key, secret->id, buf, (size_t)(p - buf));
}

/* The entry's key goes in as part of the hash's own: no copy is needed. */
static uint64_t
entry_sum(const struct entry_secret *secret, const uint8_t key[ENTRY_KEY],
    const uint8_t *value, size_t len)
{
	uint8_t mixed[HASH_KEY];
	unsigned i;

	_Static_assert(HASH_KEY == ENTRY_KEY, "one octet each");
	for (i = 0; i < HASH_KEY; i++)
		mixed[i] = secret->sum[i] ^ key[i];
	return (hash_short(mixed, value + SUM_LEN, len - SUM_LEN));
}

static bool
put_rrset(uint8_t **p, const struct entry *entry)
{
	const struct rrset *set = &entry->set;

	if (set->len > ENTRY_DATA_MAX)
		return (false);
	put(p, entry->type, 2);
	put(p, set->state, 1);
	put(p, set->dnssec, 1);
	put(p, set->failure, 1);
	put(p, entry->name_len, 1);
	put(p, set->count, 2);
	put(p, set->ttl, 4);
	put(p, set->failures, 4);
	put(p, (uint64_t)set->fetched, 8);
	put(p, (uint64_t)set->expires, 8);
	put(p, (uint64_t)set->failed_since, 8);
	put(p, (uint64_t)set->failed_at, 8);
	put(p, (uint64_t)set->retry_at, 8);
	put(p, set->len, 4);
	put_octets(p, entry->name, entry->name_len);
	put_octets(p, set->rdata, set->len);
	return (true);
}

static bool
put_memo(uint8_t **p, const struct entry *entry)
{
	if (entry->key_len > ENTRY_MEMO_KEY || entry->data_len > ENTRY_DATA_MAX)
		return (false);
	put(p, entry->epoch, 4);
	put(p, (uint64_t)entry->expires, 8);
	put(p, entry->key_len, 2);
	put(p, entry->data_len, 4);
	put_octets(p, entry->key, entry->key_len);
	put_octets(p, entry->data, entry->data_len);
	return (true);
}

size_t
entry_encode(uint8_t *buf, const struct entry_secret *secret,
    const uint8_t key[ENTRY_KEY], const struct entry *entry)
{
	uint8_t *p = buf + SUM_LEN, *sum = buf;
	bool fits;
	size_t len;

	put(&p, MAGIC, 2);
	put(&p, ENTRY_VERSION, 1);
	put(&p, entry->kind, 1);
	put(&p, entry->useless, 4);
	if (entry->kind == ENTRY_RRSET)
		fits = put_rrset(&p, entry);
	else
		fits = put_memo(&p, entry);
	if (!fits)
		return (0);
	len = (size_t)(p - buf);
	put(&sum, entry_sum(secret, key, buf, len), SUM_LEN);
	return (len);
}

/* Readers of a set trust that its records fill rdata exactly. */
static bool
rdata_adds_up(const struct rrset *set)
{
	struct rdata record = {0};
	unsigned count = 0;

	while (rrset_next(set, &record))
		count++;
	return (count == set->count && record.next == set->len);
}

static bool
rrset_in_range(const struct rrset *set)
{
	return (set->state >= RR_PRESENT && set->state <= RR_FAILED &&
		set->dnssec <= DNSSEC_BOGUS && set->failure <= RR_FAILURE_BUSY);
}

static bool
get_rrset(struct entry *entry, const uint8_t *p, uint8_t *value, size_t len)
{
	struct rrset *set = &entry->set;

	if (len < RRSET_LEN)
		return (false);
	entry->type = (uint16_t)get(&p, 2);
	set->state = (enum rr_state)get(&p, 1);
	set->dnssec = (enum dnssec)get(&p, 1);
	set->failure = (enum rr_failure)get(&p, 1);
	entry->name_len = (uint8_t)get(&p, 1);
	set->count = (uint16_t)get(&p, 2);
	set->ttl = (uint32_t)get(&p, 4);
	set->failures = (uint32_t)get(&p, 4);
	set->fetched = (int64_t)get(&p, 8);
	set->expires = (int64_t)get(&p, 8);
	set->failed_since = (int64_t)get(&p, 8);
	set->failed_at = (int64_t)get(&p, 8);
	set->retry_at = (int64_t)get(&p, 8);
	set->len = (uint32_t)get(&p, 4);
	if (len - RRSET_LEN != (uint64_t)entry->name_len + set->len)
		return (false);
	entry->name = p;
	set->rdata = value + RRSET_LEN + entry->name_len;
	return (rrset_in_range(set) && rdata_adds_up(set));
}

static bool
get_memo(struct entry *entry, const uint8_t *p, size_t len)
{
	if (len < MEMO_LEN)
		return (false);
	entry->epoch = (uint32_t)get(&p, 4);
	entry->expires = (int64_t)get(&p, 8);
	entry->key_len = (size_t)get(&p, 2);
	entry->data_len = (size_t)get(&p, 4);
	if (len - MEMO_LEN != (uint64_t)entry->key_len + entry->data_len)
		return (false);
	entry->key = p;
	entry->data = p + entry->key_len;
	return (true);
}

bool
entry_decode(struct entry *entry, const struct entry_secret *secret,
    const uint8_t key[ENTRY_KEY], uint8_t *value, size_t len)
{
	const uint8_t *p = value;
	uint64_t sum;

	if (len < HEAD_LEN)
		return (false);
	sum = get(&p, SUM_LEN);
	if (sum != entry_sum(secret, key, value, len))
		return (false);
	if (get(&p, 2) != MAGIC || get(&p, 1) != ENTRY_VERSION)
		return (false);
	entry->kind = (enum entry_kind)get(&p, 1);
	entry->useless = (uint32_t)get(&p, 4);
	switch (entry->kind) {
	case ENTRY_RRSET:
		return (get_rrset(entry, p, value, len));
	case ENTRY_MEMO:
		return (get_memo(entry, p, len));
	}
	return (false);
}

void
entry_meta_encode(const struct entry_meta *meta, uint8_t buf[ENTRY_META_LEN])
{
	uint8_t *p = buf;

	put(&p, MAGIC, 2);
	put(&p, ENTRY_VERSION, 2);
	put_octets(&p, meta->secret.id, HASH_KEY);
	put_octets(&p, meta->secret.sum, HASH_KEY);
	memcpy(p, meta->boot_id, ENTRY_BOOT_ID);
	p += ENTRY_BOOT_ID;
	put(&p, meta->clean, 1);
	put(&p, meta->memo_epoch, 4);
	put(&p, (uint64_t)meta->failures_until, 8);
	hash_digest(p, NULL, 0, buf, (size_t)(p - buf));
}

bool
entry_meta_decode(struct entry_meta *meta, const uint8_t *value, size_t len)
{
	uint8_t digest[HASH_DIGEST];
	const uint8_t *p = value;

	if (len != ENTRY_META_LEN)
		return (false);
	len -= HASH_DIGEST;
	hash_digest(digest, NULL, 0, value, len);
	if (memcmp(digest, value + len, HASH_DIGEST) != 0 ||
	    get(&p, 2) != MAGIC || get(&p, 2) != ENTRY_VERSION)
		return (false);
	memcpy(&meta->secret, p, sizeof(meta->secret));
	p += sizeof(meta->secret);
	memcpy(meta->boot_id, p, ENTRY_BOOT_ID);
	p += ENTRY_BOOT_ID;
	meta->clean = get(&p, 1) != 0;
	meta->memo_epoch = (uint32_t)get(&p, 4);
	meta->failures_until = (int64_t)get(&p, 8);
	return (true);
}
