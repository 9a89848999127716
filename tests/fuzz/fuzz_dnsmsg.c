/* SPDX-License-Identifier: ISC */
/*
 * A DNS message, asked with the question it holds itself. What comes out must
 * keep the promises of dnsmsg.h and rrset.h.
 */
#include <stdbool.h>
#include <string.h>

#include "dnsmsg.h"
#include "fuzz.h"

static bool
has_form(const struct rdata *record, uint16_t type)
{
	struct dname name;

	switch (type) {
	case RR_A:
		return (record->len == 4);
	case RR_AAAA:
		return (record->len == 16);
	case RR_NS:
	case RR_CNAME:
	case RR_PTR:
		return (rdata_name(record, 0, &name) == 0);
	case RR_MX:
		return (rdata_name(record, 2, &name) == 0);
	case RR_TXT:
		return (record->len > 0);
	default:
		return (true);
	}
}

/* Greater than the one before: sorted, and each once. */
static bool
is_greater(const struct rdata *after, const struct rdata *before)
{
	size_t len = after->len < before->len ? after->len : before->len;
	int diff = memcmp(after->data, before->data, len);

	return (diff > 0 || (diff == 0 && after->len > before->len));
}

static void
check_records(const struct rrset *set, uint16_t type)
{
	struct rdata record = {0}, before;
	unsigned count = 0;

	for (before = record; rrset_next(set, &record); before = record) {
		check(has_form(&record, type));
		check(count++ == 0 || is_greater(&record, &before));
	}
	check(count == set->count && record.next == set->len);
}

static void
check_set(
    const struct rrset *set, uint16_t type, const struct dnsmsg_info *info)
{
	check((set->state == RR_FAILED) == (info->problem != NULL));
	check((set->state == RR_FAILED) == (set->failure != RR_FAILURE_NONE));
	check((set->state == RR_PRESENT) == (set->count > 0));
	check(set->ttl <= INT32_MAX);
	check_records(set, type);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dnsmsg_info info;
	struct rrset *set;
	struct dname name;
	uint16_t type = RR_TXT;
	size_t at = 12;

	if (size < at || dname_from_wire(&name, data, size, &at) == -1) {
		name.len = 1;
		name.wire[0] = 0;
	} else if (size - at >= 2) {
		type = (uint16_t)(data[at] << 8 | data[at + 1]);
	}
	set = dnsmsg_decode(data, size, &name, type, &info);
	check_set(set, type, &info);
	rrset_free(set);
	return (0);
}
