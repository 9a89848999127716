/* SPDX-License-Identifier: ISC */
#include "dkimkey.h"

#include <string.h>
#include <sys/types.h>

#include "abnf.h"
#include "arena.h"
#include "idn.h"
#include "taglist.h"

#define ED25519_OCTETS 32 /* RFC 8032 5.1.5 */
#define RECORDS_MAX    16 /* more beside a key are a mistake or an attack */

/*
 * DER, as far as an RSA public key needs it (X.690). The reader is strict:
 * lengths and integers in their shortest form, nothing left over. `damaged`
 * sticks, so that a caller reads what it expects and asks once at the end.
 */
struct der {
	const uint8_t *next;
	const uint8_t *end;
	bool damaged;
};

enum der_type {
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30
};

static size_t
der_left(const struct der *der)
{
	return ((size_t)(der->end - der->next));
}

static uint8_t
der_octet(struct der *der)
{
	if (der->next == der->end) {
		der->damaged = true;
		return (0);
	}
	return (*der->next++);
}

static size_t
der_length(struct der *der)
{
	uint8_t first = der_octet(der);
	size_t length;

	if (first < 0x80)
		return (first);
	/* Two octets of length reach as far as a set of TXT records does. */
	if (first == 0x81) {
		length = der_octet(der);
		der->damaged |= length < 0x80;
		return (length);
	}
	length = (size_t)der_octet(der) << 8;
	length |= der_octet(der);
	der->damaged |= first != 0x82 || length < 0x100;
	return (length);
}

/* The contents of the next element, which must be of `type`. */
static struct der
der_enter(struct der *der, enum der_type type)
{
	struct der inner = {.damaged = true};
	size_t length;

	der->damaged |= der_octet(der) != type;
	length = der_length(der);
	if (der->damaged || length > der_left(der)) {
		der->damaged = true;
		return (inner);
	}
	inner.next = der->next;
	inner.end = der->next += length;
	inner.damaged = false;
	return (inner);
}

/* The bits of a positive INTEGER; 0 if there is none here. */
static unsigned
der_integer_bits(struct der *der)
{
	struct der number = der_enter(der, DER_INTEGER);
	unsigned bits;
	uint8_t top;

	top = der_octet(&number);
	if (top == 0) {
		/* X.690 8.3.2: a zero in front only if the sign needs it. */
		top = der_octet(&number);
		number.damaged |= top < 0x80;
	} else if (top >= 0x80)
		number.damaged = true;
	if (number.damaged) {
		der->damaged = true;
		return (0);
	}
	bits = 8 * (unsigned)der_left(&number);
	for (; top != 0; top >>= 1)
		bits++;
	return (bits);
}

/*
 * RFC 8017 A.1.1: RSAPublicKey ::= SEQUENCE { modulus, publicExponent }, from
 * the inside of the SEQUENCE. Returns the bits of the modulus, 0 if damaged.
 */
static unsigned
rsa_public_key_bits(struct der *key)
{
	unsigned bits = der_integer_bits(key);

	(void)der_integer_bits(key);
	return (key->damaged || der_left(key) > 0 ? 0 : bits);
}

/*
 * RFC 5280 4.1.2.7: SubjectPublicKeyInfo ::= SEQUENCE { algorithm
 * AlgorithmIdentifier, subjectPublicKey BIT STRING }, from the inside.
 */
static unsigned
rsa_spki_bits(struct der *spki)
{
	/* 1.2.840.113549.1.1.1 */
	static const uint8_t rsa[] = {
	    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
	struct der algorithm = der_enter(spki, DER_SEQUENCE);
	struct der oid = der_enter(&algorithm, DER_OID);
	struct der string, key;

	if (oid.damaged || der_left(&oid) != sizeof(rsa) ||
	    memcmp(oid.next, rsa, sizeof(rsa)) != 0)
		return (0);
	/* RFC 3279 2.3.1 wants NULL parameters; some writers leave them out. */
	if (der_left(&algorithm) > 0) {
		(void)der_enter(&algorithm, DER_NULL);
		if (algorithm.damaged || der_left(&algorithm) > 0)
			return (0);
	}
	string = der_enter(spki, DER_BIT_STRING);
	/* The octet in front counts the unused bits at the end. */
	if (der_octet(&string) != 0 || string.damaged || der_left(spki) > 0)
		return (0);
	key = der_enter(&string, DER_SEQUENCE);
	return (der_left(&string) > 0 ? 0 : rsa_public_key_bits(&key));
}

/*
 * RFC 6376 3.6.1 asks for RSAPublicKey, yet its own examples, and nearly the
 * whole world, publish SubjectPublicKeyInfo (RFC 6376 erratum): both are
 * read. They differ in the first element.
 */
static unsigned
rsa_bits(const uint8_t *data, size_t len)
{
	struct der der = {data, data + len, false};
	struct der inner = der_enter(&der, DER_SEQUENCE);

	if (inner.damaged || der_left(&der) > 0 || der_left(&inner) == 0)
		return (0);
	if (*inner.next == DER_SEQUENCE)
		return (rsa_spki_bits(&inner));
	return (rsa_public_key_bits(&inner));
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (c - 'A');
	if (c >= 'a' && c <= 'z')
		return (c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (c - '0' + 52);
	return (c == '+' ? 62 : c == '/' ? 63 : -1);
}

/*
 * RFC 6376 2.10: base64 with white space anywhere, and, as the ABNF has it,
 * with no, one or two "=" behind. `out` has room for `len` octets. Returns
 * the octets written, or -1.
 */
static ssize_t
base64_decode(uint8_t *out, const char *text, size_t len)
{
	uint32_t bits = 0;
	unsigned digits = 0, padding = 0;
	size_t n = 0, i;
	int digit;

	for (i = 0; i < len; i++) {
		digit = base64_digit(text[i]);
		if (digit == -1) {
			if (text[i] == '=')
				padding++;
			else if (!abnf_is_fws(text[i]))
				return (-1);
			continue;
		}
		if (padding > 0)
			return (-1);
		bits = bits << 6 | (uint32_t)digit;
		/* Each digit but the first of four completes an octet. */
		if (digits++ % 4 != 0)
			out[n++] =
			    (uint8_t)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	if (padding > 2 || digits % 4 == 1)
		return (-1);
	return ((ssize_t)n);
}

static void
key_invalid(struct dkimkey *key, const char *problem)
{
	key->status = DKIMKEY_INVALID;
	key->problem = problem;
}

/* RFC 6376 3.2: a repeated tag spoils the list. */
static bool
has_duplicates(const struct tag *list)
{
	for (; list != NULL; list = list->next) {
		if (taglist_find(list->next, list->name) != NULL)
			return (true);
	}
	return (false);
}

static const char *
syntax_problem(const struct tag *list)
{
	const struct tag *tag;

	for (tag = list; tag != NULL; tag = tag->next) {
		if (tag->bad)
			return ("something in it is not tag=value");
	}
	if (has_duplicates(list))
		return ("a tag is repeated");
	tag = taglist_find(list, "v");
	if (tag != NULL && tag != list)
		return ("v= is not the first tag");
	if (taglist_find(list, "p") == NULL)
		return ("p= is missing");
	return (NULL);
}

/* What the record says it may be used for does not include our use. */
static const char *
use_problem(const struct tag *list)
{
	const struct tag *tag;

	tag = taglist_find(list, "h");
	/* RFC 8301 3.1: sha256 is the only hash left. */
	if (tag != NULL && !tag_lists(tag, "sha256"))
		return ("h= does not allow sha256");
	tag = taglist_find(list, "s");
	if (tag != NULL && !tag_lists(tag, "*") && !tag_lists(tag, "email"))
		return ("s= does not allow email");
	return (NULL);
}

static enum dkimkey_alg
key_type(const struct tag *list)
{
	const struct tag *tag = taglist_find(list, "k");

	if (tag == NULL || tag_is(tag, "rsa"))
		return (DKIMKEY_ALG_RSA);
	/* RFC 8463 4.2 */
	return (
	    tag_is(tag, "ed25519") ? DKIMKEY_ALG_ED25519 : DKIMKEY_ALG_NONE);
}

static void
key_read_data(struct arena *arena, const struct tag *p, struct dkimkey *key)
{
	uint8_t *data = arena_alloc(arena, p->len);
	ssize_t len = base64_decode(data, p->value, p->len);

	if (len == -1) {
		key_invalid(key, "p= is not base64");
		return;
	}
	if (key->alg == DKIMKEY_ALG_ED25519) {
		if (len != ED25519_OCTETS)
			key_invalid(key, "p= is not the 32 octets of an "
					 "ed25519 key");
		else
			key->bits = 8 * ED25519_OCTETS;
		return;
	}
	key->bits = rsa_bits(data, (size_t)len);
	if (key->bits == 0)
		key_invalid(key, "p= is not an RSA public key");
}

/* RFC 6376 3.6.1 and 6.1.2 */
static void
key_read(struct arena *arena, const struct tag *list, struct dkimkey *key)
{
	const struct tag *p, *t;
	const char *problem = syntax_problem(list);

	if (problem != NULL) {
		key_invalid(key, problem);
		return;
	}
	t = taglist_find(list, "t");
	if (t != NULL)
		key->flags = t->value;
	p = taglist_find(list, "p");
	/* A revoked key is revoked for every use and algorithm. */
	if (p->len == 0) {
		key->status = DKIMKEY_REVOKED;
		return;
	}
	problem = use_problem(list);
	key->alg = key_type(list);
	if (problem == NULL && key->alg == DKIMKEY_ALG_NONE)
		problem = "k= is neither rsa nor ed25519";
	if (problem != NULL) {
		key_invalid(key, problem);
		return;
	}
	key->status = DKIMKEY_OK;
	key_read_data(arena, p, key);
}

/* RFC 6376 3.6.1: "MUST be discarded", a wildcard's v=spf1 for example. */
static bool
is_discarded(const struct tag *list)
{
	return (list != NULL && strcmp(list->name, "v") == 0 &&
		strcmp(list->value, "DKIM1") != 0);
}

static void
key_choose(struct arena *arena, const struct rrset *set, struct dkimkey *key)
{
	struct rdata record = {.data = NULL};
	const struct tag *list, *chosen = NULL;
	unsigned left = 0;
	size_t len;
	char *text;

	if (set->count > RECORDS_MAX)
		left = 2;
	while (left < 2 && rrset_next(set, &record)) {
		text = rdata_txt(arena, &record, &len);
		list = taglist_parse(arena, text, len);
		if (is_discarded(list))
			continue;
		left++;
		chosen = list;
		key->record = text;
	}
	if (left == 1)
		key_read(arena, chosen, key);
	else if (left == 0)
		key_invalid(key, "v= is not DKIM1");
	else {
		/* RFC 6376 3.6.2.2 leaves the result undefined. */
		key->record = "";
		key_invalid(key, "several records");
	}
}

static int
key_name(struct arena *arena, struct dname *name, const char *selector,
    const char *domain)
{
	/* A name of the root would swallow an empty domain. */
	if (*selector == '\0' || *domain == '\0')
		return (-1);
	return (idn_to_dname(
	    name, arena_printf(arena, "%s._domainkey.%s", selector, domain)));
}

static void
key_lookup(struct view *view, const struct dname *name, struct dkimkey *key)
{
	const struct rrset *set = view_get(view, name, RR_TXT);

	if (set == NULL)
		return;
	switch (set->state) {
	case RR_PRESENT:
		key_choose(view_arena(view), set, key);
		break;
	case RR_NODATA:
	case RR_NXDOMAIN:
		key->status = DKIMKEY_NONE;
		break;
	case RR_FAILED:
		key->problem = rr_failure_text(set->failure);
		break;
	}
}

void
dkimkey_find(struct view *view, const char *selector, const char *domain,
    struct dkimkey *key)
{
	struct dname name;

	*key = (struct dkimkey){
	    .status = DKIMKEY_TEMPERROR, .flags = "", .record = ""};
	view_enter(view, &key->read);
	if (key_name(view_arena(view), &name, selector, domain) == -1)
		key_invalid(key, "selector and domain make no DNS name");
	else
		key_lookup(view, &name, key);
	view_leave(view);
}

const char *
dkimkey_status_text(enum dkimkey_status status)
{
	switch (status) {
	case DKIMKEY_OK:
		return ("ok");
	case DKIMKEY_NONE:
		return ("none");
	case DKIMKEY_REVOKED:
		return ("revoked");
	case DKIMKEY_INVALID:
		return ("invalid");
	case DKIMKEY_TEMPERROR:
		return ("temperror");
	}
	return ("?");
}

const char *
dkimkey_alg_text(enum dkimkey_alg alg)
{
	switch (alg) {
	case DKIMKEY_ALG_NONE:
		return ("");
	case DKIMKEY_ALG_RSA:
		return ("rsa");
	case DKIMKEY_ALG_ED25519:
		return ("ed25519");
	}
	return ("?");
}
