/* SPDX-License-Identifier: ISC */
#include "rdata_text.h"

#include <string.h>

#include "arena.h"
#include "ipaddr.h"
#include "rrset.h"

static const char *
hex(struct arena *arena, const uint8_t *octets, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	char *text = arena_alloc(arena, 2 * len + 1);
	size_t i;

	for (i = 0; i < len; i++) {
		text[2 * i] = digits[octets[i] >> 4];
		text[2 * i + 1] = digits[octets[i] & 15];
	}
	return (text);
}

const char *
rdata_text(struct arena *arena, uint16_t type, const struct rdata *record)
{
	struct ipaddr ip = {0};
	struct dname name;
	char text[DNAME_TEXT_MAX];
	size_t len;

	if (type == RR_TXT)
		return (rdata_txt(arena, record, &len));
	if ((type == RR_A && record->len == 4) ||
	    (type == RR_AAAA && record->len == 16)) {
		ip.octets = (uint8_t)record->len;
		memcpy(ip.addr, record->data, record->len);
		return (arena_strdup(arena, ipaddr_text(&ip, text)));
	}
	if (rdata_name(record, type == RR_MX ? 2 : 0, &name) == 0)
		return (arena_strdup(arena, dname_text(&name, text)));
	return (hex(arena, record->data, record->len));
}
