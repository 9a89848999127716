/* SPDX-License-Identifier: ISC */
/*
 * A zone in memory for tests of the SPF evaluator: answers that a view reads
 * at once (warm), or only after they were asked for (cold).
 *
 * Order of calls: zone_add(), zone_dead() or zone_text(), then zone_check() as
 * often as wanted, then zone_clear().
 */
#ifndef SPF_ZONE_H
#define SPF_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "ipaddr.h"
#include "spf.h"
#include "view.h"

#define ZONE_NOW     1400000000000LL /* ms since the epoch */
#define ZONE_ALIASES 8		     /* CNAMEs that are followed */

struct zone_entry {
	struct dname name;
	uint16_t type;
	struct rrset *set;
	bool fetched; /* cold: it was asked for, so it is at hand */
};

struct zone {
	struct zone_entry *entries;
	size_t count, room;
	bool cold;
	unsigned fetches; /* questions that a cold check asked */
};

static inline struct zone_entry *
zone_find(const struct zone *zone, const struct dname *name, uint16_t type)
{
	size_t i;

	for (i = 0; i < zone->count; i++)
		if (zone->entries[i].type == type &&
		    dname_equal(&zone->entries[i].name, name))
			return (&zone->entries[i]);
	return (NULL);
}

static inline struct zone_entry *
zone_enter(struct zone *zone, const struct dname *name, uint16_t type,
    enum rr_state state)
{
	struct zone_entry *entry;
	struct rrset *set = rrset_new(state);

	if (zone->count == zone->room) {
		zone->room = 2 * zone->room + 64;
		zone->entries = realloc(
		    zone->entries, zone->room * sizeof(*zone->entries));
		if (zone->entries == NULL)
			abort();
	}
	set->fetched = ZONE_NOW;
	set->expires = ZONE_NOW + 300000;
	set->dnssec = DNSSEC_INSECURE;
	if (state == RR_FAILED) {
		set->failure = RR_FAILURE_TIMEOUT;
		set->failed_since = set->failed_at = ZONE_NOW;
		set->retry_at = ZONE_NOW + 5000;
	}
	entry = &zone->entries[zone->count++];
	*entry = (struct zone_entry){.name = *name, .type = type, .set = set};
	return (entry);
}

/* One record, its data in wire form without compression. */
static inline void
zone_add(struct zone *zone, const struct dname *name, uint16_t type,
    const void *data, size_t len)
{
	struct zone_entry *entry = zone_find(zone, name, type);

	if (entry == NULL)
		entry = zone_enter(zone, name, type, RR_PRESENT);
	rrset_add(entry->set, data, len);
}

/* A question that is never answered. */
static inline void
zone_dead(struct zone *zone, const struct dname *name, uint16_t type)
{
	if (zone_find(zone, name, type) == NULL)
		zone_enter(zone, name, type, RR_FAILED);
}

static inline void
zone_clear(struct zone *zone)
{
	size_t i;

	for (i = 0; i < zone->count; i++)
		rrset_free(zone->entries[i].set);
	free(zone->entries);
	memset(zone, 0, sizeof(*zone));
}

/*
 * What a resolver says of a question that the zone does not hold as such:
 * aliases followed, a missing type told from a missing name.
 */
static inline struct zone_entry *
zone_derive(struct zone *zone, const struct dname *question, uint16_t type)
{
	const struct zone_entry *alias, *target = NULL;
	struct dname name = *question;
	struct zone_entry *made;
	struct rdata record;
	enum rr_state state = RR_NXDOMAIN;
	int links = 0;
	size_t i;

	while ((alias = zone_find(zone, &name, RR_CNAME)) != NULL &&
	       alias->set->state == RR_PRESENT && links++ < ZONE_ALIASES) {
		memset(&record, 0, sizeof(record));
		if (!rrset_next(alias->set, &record) ||
		    rdata_name(&record, 0, &name) == -1)
			break;
		target = zone_find(zone, &name, type);
		if (target != NULL)
			break;
	}
	for (i = 0; i < zone->count && state == RR_NXDOMAIN; i++)
		if (dname_equal(&zone->entries[i].name, &name) &&
		    zone->entries[i].set->state != RR_NXDOMAIN)
			state = RR_NODATA;
	if (links > ZONE_ALIASES)
		state = RR_FAILED;
	if (target != NULL)
		state = target->set->state;
	i = target == NULL ? 0 : (size_t)(target - zone->entries);
	made = zone_enter(zone, question, type, state);
	if (target != NULL) {
		memset(&record, 0, sizeof(record));
		while (rrset_next(zone->entries[i].set, &record))
			rrset_add(made->set, record.data, record.len);
	}
	return (made);
}

static inline const struct rrset *
zone_get(void *arg, const struct dname *name, uint16_t type)
{
	struct zone *zone = arg;
	struct zone_entry *entry = zone_find(zone, name, type);

	if (entry == NULL)
		entry = zone_derive(zone, name, type);
	return (zone->cold && !entry->fetched ? NULL : entry->set);
}

static inline void
zone_fetch(struct zone *zone, const struct view *view)
{
	const struct view_name *want;
	struct zone_entry *entry;

	for (want = view_missing_list(view); want != NULL; want = want->next) {
		entry = zone_find(zone, &want->name, want->type);
		if (entry == NULL)
			entry = zone_derive(zone, &want->name, want->type);
		entry->fetched = true;
		zone->fetches++;
	}
}

/*
 * Runs spf_check() until nothing is missing. `cold`: nothing is at hand at
 * first. Returns how many rounds of fetching that took, or -1 if it did not
 * come to an end within SPF_ROUNDS_MAX. The answer's strings live in `arena`.
 */
static inline int
zone_check(struct zone *zone, struct arena *arena, bool cold,
    const struct spf_question *question, struct spf_answer *answer)
{
	const struct view_source source = {zone_get, zone};
	struct view *view;
	bool missing;
	size_t i;
	int rounds;

	zone->cold = cold;
	zone->fetches = 0;
	for (i = 0; i < zone->count; i++)
		zone->entries[i].fetched = false;
	for (rounds = 0; rounds <= SPF_ROUNDS_MAX; rounds++) {
		view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
		spf_check(view, question, answer);
		missing = view_missing(view);
		zone_fetch(zone, view);
		view_close(view);
		if (!missing)
			return (rounds);
	}
	return (-1);
}

static inline void
zone_wire_name(const char *text, uint8_t *out, size_t *len)
{
	struct dname name;

	if (dname_from_text(&name, *text == '\0' ? "." : text) == -1)
		abort();
	memcpy(out, name.wire, name.len);
	*len = name.len;
}

/*
 * One record as text: "example.org TXT v=spf1 -all", MX without preference,
 * and "DEAD" for a TXT, A, AAAA, MX and PTR that are never answered.
 */
static inline void
zone_line(struct zone *zone, const char *line)
{
	static const uint16_t all[] = {RR_TXT, RR_A, RR_AAAA, RR_MX, RR_PTR};
	char owner[300], type[8];
	uint8_t data[2 + DNAME_MAX] = {0};
	struct dname name;
	struct ipaddr ip;
	struct rrset *txt;
	struct rdata record = {0};
	int at = 0;
	size_t len, i;

	if (sscanf(line, "%299s %7s %n", owner, type, &at) < 2 ||
	    dname_from_text(&name, owner) == -1)
		abort();
	line += at;
	if (strcmp(type, "TXT") == 0) {
		txt = rrset_new(RR_PRESENT);
		rrset_add_txt(txt, line, strlen(line));
		if (rrset_next(txt, &record))
			zone_add(zone, &name, RR_TXT, record.data, record.len);
		rrset_free(txt);
	} else if (strcmp(type, "MX") == 0) {
		zone_wire_name(line, data + 2, &len);
		zone_add(zone, &name, RR_MX, data, len + 2);
	} else if (strcmp(type, "PTR") == 0 || strcmp(type, "CNAME") == 0) {
		zone_wire_name(line, data, &len);
		zone_add(zone, &name, type[0] == 'P' ? RR_PTR : RR_CNAME, data,
		    len);
	} else if (strcmp(type, "DEAD") == 0) {
		for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			zone_dead(zone, &name, all[i]);
	} else {
		if (ipaddr_from_text(&ip, line) == -1)
			abort();
		zone_add(zone, &name, ip.octets == 4 ? RR_A : RR_AAAA, ip.addr,
		    ip.octets);
	}
}

/* Lines as above, each ended by "\n"; empty ones are skipped. */
static inline void
zone_text(struct zone *zone, const char *text)
{
	char *copy = strdup(text), *line, *rest;

	for (line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		zone_line(zone, line);
	free(copy);
}

#endif
