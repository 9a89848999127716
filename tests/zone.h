/* SPDX-License-Identifier: ISC */
/*
 * DNS as a table, for tests of the evaluators: a view_source over lines of
 *
 *	name TYPE data
 *	name TYPE !FAILED      (or !BOGUS, !NODATA, !NXDOMAIN)
 *
 * Several lines of one name and type are one record set. TYPE is A, AAAA, TXT,
 * MX, NS, PTR or CNAME; the data of TXT is the rest of the line as it stands.
 * A name without a line has no records of the type: NODATA when something is
 * known at or below it, else NXDOMAIN (RFC 8020).
 *
 * Order of calls: zone_open(); zone_source() for view_open(); zone_close().
 * A cold zone knows nothing until it was fetched: after a run with missing
 * names call zone_fetch() and run again.
 */
#ifndef ZONE_H
#define ZONE_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dname.h"
#include "rrset.h"
#include "view.h"

#ifndef ZONE_MAX /* names and types, those asked for included */
#define ZONE_MAX 256
#endif
#define ZONE_NOW   INT64_C(1000000000000) /* the tests' time of arrival, ms */
#define ZONE_BEGAN (ZONE_NOW - 60000)	  /* when failures began */

struct zone_entry {
	struct dname name;
	uint16_t type;
	struct rrset *set;
	bool given;   /* by a line of the table */
	bool fetched; /* or not cold */
	bool asked;   /* since zone_forget() */
	bool failing; /* set by the test: answered with a failure */
};

struct zone {
	struct zone_entry entry[ZONE_MAX];
	size_t count;
	bool cold;
	unsigned lookups; /* distinct names and types asked for */
	unsigned rounds;  /* calls of zone_fetch() */
	struct rrset *failure;
};

/* A test table with a mistake in it tests nothing. */
_Noreturn static inline void
zone_mistake(const char *what, const char *text)
{
	fprintf(stderr, "zone: %s: %s\n", what, text);
	abort();
}

static inline struct rrset *
zone_set(enum rr_state state, enum rr_failure failure)
{
	struct rrset *set = rrset_new(state);

	set->dnssec = DNSSEC_INSECURE;
	set->ttl = 300;
	set->fetched = ZONE_NOW - 1000;
	set->expires = set->fetched + 300 * 1000;
	if (state == RR_FAILED) {
		set->expires = 0;
		set->failure = failure;
		set->failures = 3;
		set->dnssec = failure == RR_FAILURE_BOGUS
				  ? DNSSEC_BOGUS
				  : DNSSEC_INDETERMINATE;
		set->failed_since = ZONE_BEGAN;
		set->failed_at = ZONE_NOW - 1000;
		set->retry_at = ZONE_NOW + 30000;
	}
	return (set);
}

static inline struct zone_entry *
zone_find(struct zone *zone, const struct dname *name, uint16_t type)
{
	size_t i;

	for (i = 0; i < zone->count; i++)
		if (zone->entry[i].type == type &&
		    dname_equal(&zone->entry[i].name, name))
			return (&zone->entry[i]);
	return (NULL);
}

static inline struct zone_entry *
zone_add(struct zone *zone, const struct dname *name, uint16_t type,
    struct rrset *set)
{
	struct zone_entry *entry = &zone->entry[zone->count];

	if (zone->count++ == ZONE_MAX)
		zone_mistake("too many names", "raise ZONE_MAX");
	entry->name = *name;
	entry->type = type;
	entry->set = set;
	entry->fetched = !zone->cold;
	return (entry);
}

static inline uint16_t
zone_type(const char *text)
{
	static const uint16_t types[] = {
	    RR_A, RR_AAAA, RR_TXT, RR_MX, RR_NS, RR_PTR, RR_CNAME};
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(rr_type_text(types[i]), text) == 0)
			return (types[i]);
	zone_mistake("unknown type", text);
}

static inline struct rrset *
zone_state(const char *text)
{
	if (strcmp(text, "!FAILED") == 0)
		return (zone_set(RR_FAILED, RR_FAILURE_SERVFAIL));
	if (strcmp(text, "!BOGUS") == 0)
		return (zone_set(RR_FAILED, RR_FAILURE_BOGUS));
	if (strcmp(text, "!NODATA") == 0)
		return (zone_set(RR_NODATA, RR_FAILURE_NONE));
	if (strcmp(text, "!NXDOMAIN") == 0)
		return (zone_set(RR_NXDOMAIN, RR_FAILURE_NONE));
	return (NULL);
}

static inline void
zone_rdata(struct rrset *set, uint16_t type, const char *text)
{
	uint8_t data[2 + DNAME_MAX];
	struct dname name;
	unsigned long preference;
	size_t skip = 0;
	char *rest;

	if (type == RR_TXT) {
		rrset_add_txt(set, text, strlen(text));
		return;
	}
	if (type == RR_A || type == RR_AAAA) {
		if (inet_pton(type == RR_A ? AF_INET : AF_INET6, text, data) !=
		    1)
			zone_mistake("not an address", text);
		rrset_add(set, data, type == RR_A ? 4 : 16);
		return;
	}
	if (type == RR_MX) {
		preference = strtoul(text, &rest, 10);
		data[0] = (uint8_t)(preference >> 8);
		data[1] = (uint8_t)preference;
		text = rest + strspn(rest, " ");
		skip = 2;
	}
	if (dname_from_text(&name, text) == -1)
		zone_mistake("not a name", text);
	memcpy(data + skip, name.wire, name.len);
	rrset_add(set, data, skip + name.len);
}

/* `line` is "name TYPE data" and is cut up. */
static inline void
zone_line(struct zone *zone, char *line)
{
	struct zone_entry *entry;
	struct dname name;
	char *type, *data = NULL;
	uint16_t rrtype;

	line += strspn(line, " \t");
	type = strpbrk(line, " \t");
	if (type != NULL) {
		*type++ = '\0';
		type += strspn(type, " \t");
		data = strpbrk(type, " \t");
	}
	if (data == NULL)
		zone_mistake("not \"name TYPE data\"", line);
	*data++ = '\0';
	rrtype = zone_type(type);
	if (dname_from_text(&name, line) == -1)
		zone_mistake("not a name", line);
	entry = zone_find(zone, &name, rrtype);
	if (entry == NULL) {
		entry = zone_add(zone, &name, rrtype, zone_state(data));
		entry->given = true;
		if (entry->set != NULL)
			return;
		entry->set = zone_set(RR_PRESENT, RR_FAILURE_NONE);
	}
	zone_rdata(entry->set, rrtype, data);
}

/* Empty lines, and lines that begin with "#", are skipped. */
static inline struct zone *
zone_open(const char *table, bool cold)
{
	struct zone *zone = calloc(1, sizeof(*zone));
	char *copy = strdup(table), *next = copy, *line;

	if (zone == NULL || copy == NULL)
		abort();
	zone->cold = cold;
	zone->failure = zone_set(RR_FAILED, RR_FAILURE_SERVFAIL);
	while ((line = strsep(&next, "\n")) != NULL)
		if (*line != '\0' && *line != '#')
			zone_line(zone, line);
	free(copy);
	return (zone);
}

static inline void
zone_close(struct zone *zone)
{
	size_t i;

	for (i = 0; i < zone->count; i++)
		rrset_free(zone->entry[i].set);
	rrset_free(zone->failure);
	free(zone);
}

/* What a server says about a name that has no line of its own. */
static inline struct rrset *
zone_negative(const struct zone *zone, const struct dname *name)
{
	size_t i;

	for (i = 0; i < zone->count; i++)
		if (zone->entry[i].given &&
		    zone->entry[i].set->state != RR_NXDOMAIN &&
		    dname_within(&zone->entry[i].name, name))
			return (zone_set(RR_NODATA, RR_FAILURE_NONE));
	return (zone_set(RR_NXDOMAIN, RR_FAILURE_NONE));
}

static inline const struct rrset *
zone_get(void *arg, const struct dname *name, uint16_t type)
{
	struct zone *zone = arg;
	struct zone_entry *entry = zone_find(zone, name, type);

	if (entry == NULL)
		entry = zone_add(zone, name, type, zone_negative(zone, name));
	if (!entry->asked) {
		entry->asked = true;
		zone->lookups++;
	}
	if (!entry->fetched)
		return (NULL);
	return (entry->failing ? zone->failure : entry->set);
}

static inline struct view_source
zone_source(struct zone *zone)
{
	return ((struct view_source){.get = zone_get, .arg = zone});
}

static inline void
zone_fetch(struct zone *zone, const struct view_name *missing)
{
	for (; missing != NULL; missing = missing->next)
		zone_find(zone, &missing->name, missing->type)->fetched = true;
	zone->rounds++;
}

/* Counts from zero again. */
static inline void
zone_forget(struct zone *zone)
{
	size_t i;

	for (i = 0; i < zone->count; i++)
		zone->entry[i].asked = false;
	zone->lookups = zone->rounds = 0;
}

#endif
