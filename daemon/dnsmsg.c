/* SPDX-License-Identifier: ISC */
#include "dnsmsg.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define HEADER_LEN 12

#define FLAG_QR	    0x8000 /* a response */
#define FLAG_OPCODE 0x7800
#define FLAG_TC	    0x0200 /* cut off */
#define FLAG_RCODE  0x000f

#define RCODE_NOERROR  0
#define RCODE_NXDOMAIN 3

#define CLASS_IN 1

/*
 * Reads from `at` on. Once something did not fit, `bad` is set, every later
 * read gives 0, and it is enough to look at `bad` in the end.
 */
struct cursor {
	const uint8_t *pkt;
	size_t len, at;
	bool bad;
};

/* A resource record whose rdata is still in the message. */
struct record {
	struct dname owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t at, end; /* rdata */
};

struct message {
	const uint8_t *pkt;
	size_t len;
	unsigned flags, questions, answers, authorities;
	size_t answer_at;
};

/* The state of one decoding. `problem` NULL: all is well. */
struct decode {
	struct message msg;
	struct dname target; /* where the CNAME chain has led so far */
	uint16_t qtype;
	unsigned cnames;
	uint32_t ttl; /* the least one so far */
	enum rr_failure failure;
	const char *problem;
};

static uint16_t
cursor_u16(struct cursor *c)
{
	const uint8_t *p;

	if (c->bad || c->len - c->at < 2) {
		c->bad = true;
		return (0);
	}
	p = c->pkt + c->at;
	c->at += 2;
	return ((uint16_t)(p[0] << 8 | p[1]));
}

static uint32_t
cursor_u32(struct cursor *c)
{
	uint32_t high = cursor_u16(c);

	return (high << 16 | cursor_u16(c));
}

/* RFC 2181 8: a TTL with the top bit set is to be taken as zero. */
static uint32_t
cursor_ttl(struct cursor *c)
{
	uint32_t ttl = cursor_u32(c);

	return (ttl > INT32_MAX ? 0 : ttl);
}

static void
cursor_name(struct cursor *c, struct dname *name)
{
	name->len = 0;
	if (!c->bad && dname_from_wire(name, c->pkt, c->len, &c->at) == -1)
		c->bad = true;
}

static void
cursor_skip(struct cursor *c, size_t len)
{
	if (c->bad || c->len - c->at < len)
		c->bad = true;
	else
		c->at += len;
}

/* Reads the next record and moves behind it; false if it is damaged. */
static bool
record_read(struct cursor *c, struct record *rr)
{
	uint16_t len;

	cursor_name(c, &rr->owner);
	rr->type = cursor_u16(c);
	rr->class = cursor_u16(c);
	rr->ttl = cursor_ttl(c);
	len = cursor_u16(c);
	rr->at = c->at;
	cursor_skip(c, len);
	rr->end = c->at;
	return (!c->bad);
}

static bool
record_is(const struct record *rr, const struct dname *owner, uint16_t type)
{
	return (rr->type == type && rr->class == CLASS_IN &&
		dname_equal(&rr->owner, owner));
}

static void
decode_fail(struct decode *d, enum rr_failure failure, const char *problem)
{
	if (d->problem != NULL)
		return;
	d->failure = failure;
	d->problem = problem;
}

static void
decode_damaged(struct decode *d, const char *problem)
{
	decode_fail(d, RR_FAILURE_MALFORMED, problem);
}

static void
decode_ttl(struct decode *d, uint32_t ttl)
{
	if (ttl < d->ttl)
		d->ttl = ttl;
}

static struct cursor
decode_cursor(const struct decode *d, size_t at)
{
	struct cursor c = {
	    .pkt = d->msg.pkt, .len = d->msg.len, .at = at, .bad = false};

	return (c);
}

/* The header and the question, which must be ours. */
static void
decode_question(struct decode *d, const struct dname *qname)
{
	struct cursor c = decode_cursor(d, 0);
	struct dname name;
	uint16_t type, class;

	cursor_u16(&c); /* the ID is the resolver's */
	d->msg.flags = cursor_u16(&c);
	d->msg.questions = cursor_u16(&c);
	d->msg.answers = cursor_u16(&c);
	d->msg.authorities = cursor_u16(&c);
	cursor_u16(&c);
	cursor_name(&c, &name);
	type = cursor_u16(&c);
	class = cursor_u16(&c);
	d->msg.answer_at = c.at;
	if (c.bad || d->msg.questions != 1)
		decode_damaged(d, "no header and question");
	else if ((d->msg.flags & (FLAG_QR | FLAG_OPCODE)) != FLAG_QR)
		decode_damaged(d, "not a response");
	else if (type != d->qtype || class != CLASS_IN ||
		 !dname_equal(&name, qname))
		decode_damaged(d, "another question");
	else if ((d->msg.flags & FLAG_TC) != 0)
		decode_damaged(d, "truncated");
}

/* Checks and appends a name that must end at or before `end`. */
static int
rdata_put_name(struct cursor *c, uint8_t *out, size_t *len)
{
	struct dname name;

	cursor_name(c, &name);
	if (c->bad)
		return (-1);
	memcpy(out + *len, name.wire, name.len);
	*len += name.len;
	return (0);
}

static int
rdata_put_octets(struct cursor *c, uint8_t *out, size_t *len, size_t octets)
{
	size_t at = c->at;

	cursor_skip(c, octets);
	if (c->bad)
		return (-1);
	memcpy(out + *len, c->pkt + at, octets);
	*len += octets;
	return (0);
}

/*
 * Adds rdata that consists of `before` octets, `names` names and `after`
 * octets: RFC 1035 3.3 lets names in these types be compressed.
 */
static int
rdata_add_names(struct rrset *set, struct cursor *c, const struct record *rr,
    size_t before, unsigned names, size_t after)
{
	uint8_t buf[2 + 2 * DNAME_MAX + 20];
	size_t len = 0;

	if (rdata_put_octets(c, buf, &len, before) == -1)
		return (-1);
	for (; names > 0; names--)
		if (rdata_put_name(c, buf, &len) == -1)
			return (-1);
	if (rdata_put_octets(c, buf, &len, after) == -1 || c->at != rr->end)
		return (-1);
	return (rrset_add(set, buf, len));
}

/* RFC 1035 3.3.14: one or more character-strings. */
static bool
rdata_is_txt(const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (at < len)
		at += 1U + p[at];
	return (len > 0 && at == len);
}

/* 0, or -1 if the rdata is not of its type's form or too much. */
static int
rdata_add(struct rrset *set, const struct message *msg, const struct record *rr)
{
	struct cursor c = {
	    .pkt = msg->pkt, .len = msg->len, .at = rr->at, .bad = false};
	size_t len = rr->end - rr->at;

	switch (rr->type) {
	case RR_NS:
	case RR_CNAME:
	case RR_PTR:
		return (rdata_add_names(set, &c, rr, 0, 1, 0));
	case RR_MX:
		return (rdata_add_names(set, &c, rr, 2, 1, 0));
	case RR_SOA:
		return (rdata_add_names(set, &c, rr, 0, 2, 20));
	case RR_A:
		if (len != 4)
			return (-1);
		break;
	case RR_AAAA:
		if (len != 16)
			return (-1);
		break;
	case RR_TXT:
		if (!rdata_is_txt(msg->pkt + rr->at, len))
			return (-1);
		break;
	default:
		break;
	}
	return (rrset_add(set, msg->pkt + rr->at, len));
}

/* RFC 4034 6.3: as left-justified octet strings. */
static int
rdata_compare(const void *one, const void *two)
{
	const struct rdata *a = one, *b = two;
	int diff = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

	return (diff != 0 ? diff : (a->len > b->len) - (a->len < b->len));
}

/*
 * Brings the records into canonical order and drops duplicates, so that what
 * the evaluators see does not depend on the order a server listed them in.
 */
static struct rrset *
rrset_canonical(struct rrset *set)
{
	struct rrset *out = rrset_new(set->state);
	struct rdata *records, record = {0};
	size_t n = 0, i;

	records = calloc(set->count, sizeof(*records));
	if (records == NULL)
		fatal(111, "dnsmsg.out_of_memory");
	while (rrset_next(set, &record))
		records[n++] = record;
	qsort(records, n, sizeof(*records), rdata_compare);
	for (i = 0; i < n; i++)
		if (i == 0 || rdata_compare(&records[i - 1], &records[i]) != 0)
			(void)rrset_add(out, records[i].data, records[i].len);
	free(records);
	rrset_free(set);
	return (out);
}

/* The records of the type asked for at the target; an empty set if none. */
static struct rrset *
decode_records(struct decode *d)
{
	struct cursor c = decode_cursor(d, d->msg.answer_at);
	struct rrset *set = rrset_new(RR_PRESENT);
	struct record rr;
	unsigned i;

	for (i = 0; i < d->msg.answers && d->problem == NULL; i++) {
		if (!record_read(&c, &rr))
			decode_damaged(d, "answer section");
		else if (!record_is(&rr, &d->target, d->qtype))
			continue;
		else if (rdata_add(set, &d->msg, &rr) == -1)
			decode_damaged(d, "rdata");
		else
			decode_ttl(d, rr.ttl);
	}
	return (set);
}

/*
 * Follows one link of the chain. False when there is none, or on a problem. A
 * name with two different CNAMEs leads nowhere (RFC 1034 3.6.2): which one
 * comes first must not decide.
 */
static bool
decode_cname(struct decode *d)
{
	struct cursor c = decode_cursor(d, d->msg.answer_at), rdata;
	struct dname next = {0}, name;
	struct record rr;
	unsigned i;

	for (i = 0; i < d->msg.answers && record_read(&c, &rr); i++) {
		if (!record_is(&rr, &d->target, RR_CNAME))
			continue;
		rdata = decode_cursor(d, rr.at);
		cursor_name(&rdata, &name);
		if (rdata.bad || rdata.at != rr.end)
			decode_damaged(d, "CNAME");
		else if (next.len != 0 && !dname_equal(&next, &name))
			decode_damaged(d, "two CNAMEs at one name");
		next = name;
		decode_ttl(d, rr.ttl);
	}
	if (next.len == 0 || d->problem != NULL)
		return (false);
	if (d->cnames++ == DNSMSG_CHAIN_MAX)
		decode_damaged(d, "CNAME chain too long");
	d->target = next;
	return (d->problem == NULL);
}

/*
 * Walks the chain to its end and returns the records there. The answer
 * section is searched for each link: servers do not always list in order.
 */
static struct rrset *
decode_answer(struct decode *d)
{
	struct rrset *set = decode_records(d);

	while (d->problem == NULL && set->count == 0 && d->qtype != RR_CNAME &&
	       decode_cname(d)) {
		rrset_free(set);
		set = decode_records(d);
	}
	return (set);
}

/* RFC 2308 5: the SOA's own TTL or its MINIMUM field, whichever is less. */
static bool
soa_ttl(const struct decode *d, const struct record *rr, uint32_t *ttl)
{
	struct cursor c = decode_cursor(d, rr->at);
	struct dname name;
	uint32_t minimum;

	cursor_name(&c, &name);
	cursor_name(&c, &name);
	cursor_skip(&c, 16);
	minimum = cursor_ttl(&c);
	*ttl = minimum < rr->ttl ? minimum : rr->ttl;
	return (!c.bad && c.at == rr->end);
}

/*
 * The zone that says so must be named: without the SOA of a zone that holds
 * the target, "no records" may be the referral of a lame server (RFC 2308 5
 * forbids to cache it, and here it is not believed at all).
 */
static void
decode_negative(struct decode *d)
{
	struct cursor c = decode_cursor(d, d->msg.answer_at);
	struct record rr;
	bool found = false;
	uint32_t ttl;
	unsigned i;

	for (i = 0; i < d->msg.answers; i++)
		record_read(&c, &rr);
	for (i = 0; i < d->msg.authorities && record_read(&c, &rr); i++) {
		if (rr.type != RR_SOA || rr.class != CLASS_IN ||
		    !dname_within(&d->target, &rr.owner))
			continue;
		if (!soa_ttl(d, &rr, &ttl)) {
			decode_damaged(d, "SOA");
			return;
		}
		found = true;
		decode_ttl(d, ttl);
	}
	if (c.bad)
		decode_damaged(d, "authority section");
	else if (!found)
		decode_fail(d, RR_FAILURE_LAME, "no SOA");
}

static struct rrset *
decode_sections(struct decode *d, unsigned rcode)
{
	struct rrset *set = decode_answer(d);

	if (d->problem != NULL)
		return (set);
	if (set->count == 0) {
		/* RFC 2308 2.1: the rcode speaks of the chain's end. */
		set->state = rcode == RCODE_NXDOMAIN ? RR_NXDOMAIN : RR_NODATA;
		decode_negative(d);
	} else if (rcode == RCODE_NXDOMAIN) {
		decode_damaged(d, "NXDOMAIN with records");
	} else {
		set = rrset_canonical(set);
	}
	set->ttl = d->ttl;
	return (set);
}

struct rrset *
dnsmsg_decode(const uint8_t *pkt, size_t len, const struct dname *qname,
    uint16_t qtype, struct dnsmsg_info *info)
{
	struct decode d = {.msg.pkt = pkt,
	    .msg.len = len,
	    .target = *qname,
	    .qtype = qtype,
	    .ttl = INT32_MAX};
	struct rrset *set = NULL;
	unsigned rcode;

	decode_question(&d, qname);
	rcode = d.msg.flags & FLAG_RCODE;
	if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN)
		decode_fail(&d, RR_FAILURE_SERVFAIL, "rcode");
	if (d.problem == NULL)
		set = decode_sections(&d, rcode);
	if (d.problem != NULL) {
		rrset_free(set);
		set = rrset_new(RR_FAILED);
		set->failure = d.failure;
	}
	if (info != NULL) {
		info->rcode = rcode;
		info->cnames = d.cnames;
		info->target = d.target;
		info->problem = d.problem;
	}
	return (set);
}
