/* SPDX-License-Identifier: ISC */
#include "rrset.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "log.h"

/* A DNS message holds no more (RFC 1035 4.2.2); a bound for what we keep. */
#define RRSET_OCTETS_MAX 65535

struct rrset *
rrset_new(enum rr_state state)
{
	struct rrset *set = calloc(1, sizeof(*set));

	if (set == NULL)
		fatal(111, "rrset.out_of_memory");
	set->state = state;
	set->dnssec = DNSSEC_INDETERMINATE;
	return (set);
}

void
rrset_free(struct rrset *set)
{
	if (set == NULL)
		return;
	free(set->rdata);
	free(set);
}

int
rrset_add(struct rrset *set, const void *data, size_t len)
{
	uint8_t *grown;

	if (len > UINT16_MAX || set->len + len + 2 > RRSET_OCTETS_MAX ||
	    set->count == UINT16_MAX)
		return (-1);
	grown = realloc(set->rdata, set->len + len + 2);
	if (grown == NULL)
		fatal(111, "rrset.out_of_memory");
	set->rdata = grown;
	grown += set->len;
	grown[0] = (uint8_t)(len >> 8);
	grown[1] = (uint8_t)len;
	if (len > 0)
		memcpy(grown + 2, data, len);
	set->len += (uint32_t)len + 2;
	set->count++;
	return (0);
}

int
rrset_add_txt(struct rrset *set, const void *text, size_t len)
{
	const uint8_t *p = text;
	uint8_t *data, *out;
	size_t piece;
	int ret;

	data = out = malloc(len + len / 255 + 1);
	if (data == NULL)
		fatal(111, "rrset.out_of_memory");
	do {
		piece = len > 255 ? 255 : len;
		*out++ = (uint8_t)piece;
		memcpy(out, p, piece);
		out += piece;
		p += piece;
		len -= piece;
	} while (len > 0);
	ret = rrset_add(set, data, (size_t)(out - data));
	free(data);
	return (ret);
}

struct rrset *
rrset_copy(struct arena *arena, const struct rrset *set)
{
	struct rrset *copy = arena_memdup(arena, set, sizeof(*set));

	copy->rdata =
	    set->len == 0 ? NULL : arena_memdup(arena, set->rdata, set->len);
	return (copy);
}

bool
rrset_next(const struct rrset *set, struct rdata *record)
{
	const uint8_t *p;
	uint32_t len;

	if (set->len - record->next < 2)
		return (false);
	p = set->rdata + record->next;
	len = (uint32_t)p[0] << 8 | p[1];
	if (set->len - record->next - 2 < len)
		return (false);
	record->data = p + 2;
	record->len = (uint16_t)len;
	record->next += len + 2;
	return (true);
}

char *
rdata_txt(struct arena *arena, const struct rdata *record, size_t *len)
{
	char *text = arena_alloc(arena, record->len + 1U);
	char *out = text;
	unsigned at = 0, piece;

	while (at < record->len) {
		piece = record->data[at++];
		if (piece > record->len - at)
			piece = record->len - at;
		memcpy(out, record->data + at, piece);
		out += piece;
		at += piece;
	}
	*len = (size_t)(out - text);
	return (text);
}

int
rdata_name(const struct rdata *record, size_t skip, struct dname *name)
{
	size_t offset = skip;

	if (dname_from_wire(name, record->data, record->len, &offset) == -1)
		return (-1);
	return (offset == record->len ? 0 : -1);
}

bool
rrset_fresh(const struct rrset *set, int64_t asof)
{
	if (set->state == RR_FAILED)
		return (set->retry_at > asof || set->failed_at >= asof);
	return (set->expires > asof || set->fetched >= asof);
}

bool
rrset_from_future(const struct rrset *set, int64_t asof)
{
	const int64_t latest = asof + RRSET_FUTURE;

	return (set->fetched > latest || set->failed_at > latest ||
		set->failed_since > latest);
}

void
rrset_shift(struct rrset *set, int64_t by)
{
	int64_t *const times[] = {&set->fetched, &set->expires,
	    &set->failed_since, &set->failed_at, &set->retry_at};
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (*times[i] != 0)
			*times[i] += by;
}

const char *
rr_type_text(uint16_t type)
{
	switch (type) {
	case RR_A:
		return ("A");
	case RR_NS:
		return ("NS");
	case RR_CNAME:
		return ("CNAME");
	case RR_SOA:
		return ("SOA");
	case RR_PTR:
		return ("PTR");
	case RR_MX:
		return ("MX");
	case RR_TXT:
		return ("TXT");
	case RR_AAAA:
		return ("AAAA");
	default:
		return ("TYPE?");
	}
}

const char *
rr_state_text(enum rr_state state)
{
	switch (state) {
	case RR_PRESENT:
		return ("present");
	case RR_NODATA:
		return ("nodata");
	case RR_NXDOMAIN:
		return ("nxdomain");
	case RR_FAILED:
		return ("failed");
	}
	return ("?");
}

const char *
rr_failure_text(enum rr_failure failure)
{
	switch (failure) {
	case RR_FAILURE_NONE:
		return ("none");
	case RR_FAILURE_TIMEOUT:
		return ("timeout");
	case RR_FAILURE_SERVFAIL:
		return ("servfail");
	case RR_FAILURE_BOGUS:
		return ("bogus");
	case RR_FAILURE_LAME:
		return ("lame");
	case RR_FAILURE_MALFORMED:
		return ("malformed");
	case RR_FAILURE_BUSY:
		return ("busy");
	}
	return ("?");
}

const char *
dnssec_text(enum dnssec dnssec)
{
	switch (dnssec) {
	case DNSSEC_SECURE:
		return ("secure");
	case DNSSEC_INSECURE:
		return ("insecure");
	case DNSSEC_INDETERMINATE:
		return ("indeterminate");
	case DNSSEC_BOGUS:
		return ("bogus");
	}
	return ("?");
}
