/* SPDX-License-Identifier: ISC */
#include "mail_dkim.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <sys/types.h>
#include <dkim.h>

#include "mail_header.h"

#define KEY_BITS_MIN 1024 /* RFC 8301 3.2 */

/*
 * libopendkim compares each name in h= with each field of the header. So many
 * it does in a tenth of a second; real mail needs some ten thousand.
 */
#define COMPARISONS_MAX 20000000

struct mail_dkim {
	const char *header;
	size_t header_len;
	size_t fields; /* in the header */

	struct signature sigs[MAIL_DKIM_MAX];
	size_t names[MAIL_DKIM_MAX];		/* in h=, at most */
	struct mail_key *key_of[MAIL_DKIM_MAX]; /* NULL: needs none */
	size_t n, more;
	struct mail_key keys[MAIL_DKIM_MAX]; /* different ones */
	size_t n_keys;

	DKIM_LIB *lib;
	DKIM *handle; /* NULL: nothing to verify, or it went wrong */
	bool costly[MAIL_DKIM_MAX]; /* is never given to it */
	bool fed[MAIL_DKIM_MAX];    /* was given to it */
	const char *wrong;	    /* why none can be verified */
	enum dkim_result wrong_result;
};

static void
result_set(struct signature *sig, enum dkim_result result, const char *why)
{
	sig->result = result;
	sig->problem = why;
}

/* --- Which signatures and which keys -------------------------------------- */

/* The key of a signature, shared with others of the same d= and s=. */
static struct mail_key *
key_add(struct mail_dkim *m, const struct signature *sig)
{
	struct mail_key *key;
	size_t i;

	for (i = 0; i < m->n_keys; i++)
		if (strcmp(m->keys[i].domain, sig->domain) == 0 &&
		    strcmp(m->keys[i].selector, sig->selector) == 0)
			return (&m->keys[i]);
	key = &m->keys[m->n_keys++];
	memcpy(key->domain, sig->domain, sizeof(key->domain));
	memcpy(key->selector, sig->selector, sizeof(key->selector));
	return (key);
}

static void
signature_add(struct mail_dkim *m, const struct header_field *field, time_t now)
{
	size_t colons = 0, i;

	if (m->n == MAIL_DKIM_MAX) {
		m->more++;
		return;
	}
	/* All of them: libopendkim finds an h= even where we find no tags. */
	for (i = 0; i < field->value_len; i++)
		colons += field->value[i] == ':';
	m->names[m->n] = colons + 1;
	signature_parse(&m->sigs[m->n++], field, now);
}

/* From the top down, until there would be too many comparisons. */
static void
costly_find(struct mail_dkim *m)
{
	uint64_t left = COMPARISONS_MAX, comparisons;
	size_t i;

	for (i = 0; i < m->n; i++) {
		comparisons = (uint64_t)m->names[i] * m->fields;
		m->costly[i] = comparisons > left;
		if (!m->costly[i])
			left -= comparisons;
		else if (m->sigs[i].problem == NULL)
			result_set(&m->sigs[i], DKIM_TEMPERROR,
			    "too many names in h= and fields in the header");
	}
}

struct mail_dkim *
mail_dkim_new(const char *header, size_t len, time_t now)
{
	struct mail_dkim *m = calloc(1, sizeof(*m));
	struct header_field field;
	const char *cursor = header;
	size_t i;

	if (m == NULL)
		return (NULL);
	m->header = header;
	m->header_len = len;
	for (; header_next(&cursor, header + len, &field); m->fields++)
		if (header_is(&field, "dkim-signature"))
			signature_add(m, &field, now);
	costly_find(m);
	for (i = 0; i < m->n; i++)
		if (m->sigs[i].problem == NULL)
			m->key_of[i] = key_add(m, &m->sigs[i]);
	return (m);
}

static void
library_close(struct mail_dkim *m)
{
	if (m->handle != NULL)
		dkim_free(m->handle);
	if (m->lib != NULL)
		dkim_close(m->lib);
	m->handle = NULL;
	m->lib = NULL;
}

void
mail_dkim_free(struct mail_dkim *m)
{
	if (m == NULL)
		return;
	library_close(m);
	free(m);
}

struct mail_key *
mail_dkim_keys(struct mail_dkim *m, size_t *n)
{
	*n = m->n_keys;
	return (m->keys);
}

/* --- libopendkim's side --------------------------------------------------- */

/* libopendkim's prototypes lack const, but it does not write there. */
static u_char *
unconst(const char *octets)
{
	return ((u_char *)(uintptr_t)octets);
}

static bool
same_name(const unsigned char *theirs, const char *ours)
{
	return (theirs != NULL && strcasecmp((const char *)theirs, ours) == 0);
}

/*
 * libopendkim's key lookup. A key that DNS could not give now is "not found"
 * as well: the answer for that case would end the whole message. Its true
 * status is in our table.
 */
static DKIM_CBSTAT
key_lookup(DKIM *handle, DKIM_SIGINFO *info, u_char *buf, size_t size)
{
	struct mail_dkim *m = dkim_get_user_context(handle);
	size_t i, len;

	for (i = 0; i < m->n_keys; i++) {
		const struct mail_key *key = &m->keys[i];

		if (key->status != MAIL_KEY_OK ||
		    !same_name(dkim_sig_getdomain(info), key->domain) ||
		    !same_name(dkim_sig_getselector(info), key->selector))
			continue;
		len = strlen(key->record);
		if (len >= size)
			break;
		memcpy(buf, key->record, len + 1);
		return (DKIM_CBSTAT_CONTINUE);
	}
	return (DKIM_CBSTAT_NOTFOUND);
}

/* Is this libopendkim's view of our signature? */
static bool
info_matches(DKIM_SIGINFO *info, const struct signature *sig)
{
	const u_char *b = dkim_sig_gettagvalue(info, false, unconst("b"));
	size_t at = 0;

	if (!same_name(dkim_sig_getdomain(info), sig->domain) ||
	    !same_name(dkim_sig_getselector(info), sig->selector) || b == NULL)
		return (false);
	for (; *b != '\0' && sig->b[at] != '\0'; b++)
		if (strchr(" \t\r\n", *b) == NULL &&
		    *b != (unsigned char)sig->b[at++])
			return (false);
	return (sig->b[at] == '\0');
}

/*
 * Finds libopendkim's handles of our signatures, in order: it leaves some out
 * that it cannot parse. Those that are not found stay NULL. A broken one takes
 * its handle, too, or a copy without the fault would get the broken one's
 * result: libopendkim does not mind rsa-sha1.
 */
static void
infos_match(const struct mail_dkim *m, DKIM_SIGINFO **infos, int n,
    DKIM_SIGINFO *matched[])
{
	int next = 0, at;
	size_t i;

	for (i = 0; i < m->n; i++) {
		const bool broken = m->sigs[i].problem != NULL;

		matched[i] = NULL;
		if (!m->fed[i] || (broken && m->sigs[i].b[0] == '\0'))
			continue;
		for (at = next; at < n; at++) {
			if (!info_matches(infos[at], &m->sigs[i]))
				continue;
			matched[i] = broken ? NULL : infos[at];
			next = at + 1;
			break;
		}
	}
}

/* Before any key is looked up: no work for what we do not ask about. */
static DKIM_CBSTAT
signatures_screen(DKIM *handle, DKIM_SIGINFO **infos, int n)
{
	struct mail_dkim *m = dkim_get_user_context(handle);
	DKIM_SIGINFO *matched[MAIL_DKIM_MAX];
	size_t i;
	int at;

	infos_match(m, infos, n, matched);
	for (at = 0; at < n; at++) {
		for (i = 0; i < m->n && matched[i] != infos[at]; i++)
			;
		if (i == m->n)
			dkim_sig_ignore(infos[at]);
	}
	return (DKIM_CBSTAT_CONTINUE);
}

static int
library_open(struct mail_dkim *m)
{
	u_int flags = DKIM_LIBFLAGS_BADSIGHANDLES, bits = KEY_BITS_MIN;
	DKIM_STAT status;

	m->lib = dkim_init(NULL, NULL);
	if (m->lib == NULL)
		return (-1);
	dkim_options(
	    m->lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags));
	dkim_options(
	    m->lib, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits, sizeof(bits));
	dkim_set_key_lookup(m->lib, key_lookup);
	dkim_set_prescreen(m->lib, signatures_screen);
	m->handle = dkim_verify(m->lib, unconst("verdict"), NULL, &status);
	if (m->handle == NULL)
		return (-1);
	dkim_set_user_context(m->handle, m);
	return (0);
}

/* --- The message ---------------------------------------------------------- */

/* Nothing can be verified; what has no result yet gets this one. */
static void
give_up(struct mail_dkim *m, enum dkim_result result, const char *why)
{
	m->wrong = why;
	m->wrong_result = result;
	library_close(m);
}

/*
 * Is the field one that libopendkim is not to see? With a semicolon in its name
 * it can be in no h=, and the whole header would be refused. Signatures beyond
 * our cap it would all parse, and hash the body for each.
 */
static bool
field_is_left_out(const struct mail_dkim *m, const struct header_field *field,
    size_t *sigs_seen)
{
	size_t i;

	if (!header_is(field, "dkim-signature"))
		return (memchr(field->octets, ';', field->name_len) != NULL);
	i = (*sigs_seen)++;
	return (i >= m->n || !m->fed[i]);
}

/*
 * A field that no signature can name, because nobody knows its name. When h=
 * names all fields there are, and one more, libopendkim writes a NULL behind its
 * table of them; so there is always one more.
 */
static DKIM_STAT
nameless_feed(struct mail_dkim *m)
{
	unsigned char random[16];
	char field[2 * sizeof(random) + 2], *p = field;
	size_t i;

	if (getentropy(random, sizeof(random)) < 0)
		return (DKIM_STAT_NORESOURCE);
	for (i = 0; i < sizeof(random); i++, p += 2)
		snprintf(p, 3, "%02x", random[i]);
	*p++ = ':';
	return (dkim_header(m->handle, (u_char *)field, (size_t)(p - field)));
}

static DKIM_STAT
header_feed(struct mail_dkim *m)
{
	struct header_field field;
	const char *cursor = m->header, *end = m->header + m->header_len;
	DKIM_STAT status = nameless_feed(m);
	size_t sigs_seen = 0;

	while (status == DKIM_STAT_OK && header_next(&cursor, end, &field))
		if (!field_is_left_out(m, &field, &sigs_seen))
			status = dkim_header(
			    m->handle, unconst(field.octets), field.len);
	return (status == DKIM_STAT_OK ? dkim_eoh(m->handle) : status);
}

/* Can verification go on? Some say no more than that a signature failed. */
static bool
status_is_good(DKIM_STAT status)
{
	switch (status) {
	case DKIM_STAT_OK:
	case DKIM_STAT_NOSIG:
	case DKIM_STAT_NOKEY:
	case DKIM_STAT_CANTVRFY:
	case DKIM_STAT_BADSIG:
	case DKIM_STAT_REVOKED:
	case DKIM_STAT_KEYFAIL:
		return (true);
	default:
		return (false);
	}
}

/* Begins anew, with the signatures that are to be fed. */
static DKIM_STAT
header_try(struct mail_dkim *m)
{
	DKIM_STAT status;

	library_close(m);
	status = library_open(m) < 0 ? DKIM_STAT_NORESOURCE : header_feed(m);
	if (!status_is_good(status))
		library_close(m);
	return (status);
}

/* Tries the signature alone, and gives it a result if it is refused. */
static bool
signature_is_refused(struct mail_dkim *m, size_t i)
{
	DKIM_STAT status;

	memset(m->fed, 0, sizeof(m->fed));
	m->fed[i] = true;
	status = header_try(m);
	if (status_is_good(status))
		return (false);
	m->key_of[i] = NULL;
	if (status == DKIM_STAT_NORESOURCE)
		result_set(&m->sigs[i], DKIM_TEMPERROR, "out of memory");
	else
		result_set(&m->sigs[i], DKIM_NEUTRAL,
		    "libopendkim refuses the signature or the header");
	return (true);
}

/*
 * Broken signatures are fed, too, because another one may sign them. But
 * libopendkim gives the whole message up over some of them (an empty one will
 * do), and over some that we find no fault with (an x= of 20 digits). Those are
 * found by trying each alone: the others then keep their result.
 */
void
mail_dkim_begin(struct mail_dkim *m)
{
	bool good[MAIL_DKIM_MAX] = {false};
	size_t i;

	if (m->n_keys == 0)
		return;
	/* libopendkim would see the field end there, a mail reader not. */
	if (memchr(m->header, '\0', m->header_len) != NULL) {
		give_up(m, DKIM_PERMERROR, "there is a NUL in the header");
		return;
	}
	for (i = 0; i < m->n; i++)
		m->fed[i] = !m->costly[i];
	if (status_is_good(header_try(m)))
		return;
	for (i = 0; i < m->n; i++)
		good[i] = m->key_of[i] != NULL && !signature_is_refused(m, i);
	memcpy(m->fed, good, sizeof(m->fed));
	if (!status_is_good(header_try(m)))
		give_up(m, DKIM_TEMPERROR, "libopendkim refuses the header");
}

void
mail_dkim_body(struct mail_dkim *m, char *octets, size_t len)
{
	if (m->handle == NULL)
		return;
	if (dkim_body(m->handle, (u_char *)octets, len) != DKIM_STAT_OK)
		give_up(m, DKIM_NEUTRAL, "libopendkim cannot read the body");
}

void
mail_dkim_late(struct mail_dkim *m)
{
	if (m->handle != NULL)
		give_up(m, DKIM_TEMPERROR, "there was no time to verify it");
}

/* --- The results ---------------------------------------------------------- */

/* What the key alone decides. Returns false if nothing. */
static bool
key_decides(struct signature *sig, const struct mail_key *key)
{
	bool rsa = strncmp(sig->algorithm, "rsa-", 4) == 0;

	switch (key->status) {
	case MAIL_KEY_TEMPERROR:
		result_set(sig, DKIM_TEMPERROR, "the key cannot be had now");
		return (true);
	case MAIL_KEY_NONE: /* RFC 6376 6.1.2 step 3 */
		result_set(sig, DKIM_PERMERROR, "there is no key");
		return (true);
	case MAIL_KEY_REVOKED: /* step 7 */
		result_set(sig, DKIM_PERMERROR, "the key is revoked");
		return (true);
	case MAIL_KEY_INVALID: /* step 4 */
		result_set(sig, DKIM_PERMERROR, "the key record is invalid");
		return (true);
	case MAIL_KEY_OK:
		break;
	}
	/* Step 8: the kinds of key and signature must go together. */
	if (strcmp(key->alg, rsa ? "rsa" : "ed25519") != 0) {
		result_set(sig, DKIM_PERMERROR, "the key is of another kind");
		return (true);
	}
	/* libopendkim rounds the bits up to whole octets. */
	if (rsa && key->bits < KEY_BITS_MIN) {
		result_set(sig, DKIM_PERMERROR, "the key is too short");
		return (true);
	}
	return (false);
}

/* libopendkim's error as ours; the text is a constant of the library. */
static void
error_set(struct signature *sig, int error)
{
	const char *why = dkim_sig_geterrorstr(error);

	if (why == NULL)
		why = "not verified";
	switch (error) {
	case DKIM_SIGERROR_BADSIG:
		result_set(sig, DKIM_FAIL, "the signature does not match");
		return;
	case DKIM_SIGERROR_TOOLARGE_L: /* RFC 6376 3.5: cut short */
		result_set(sig, DKIM_FAIL, "l= is larger than the body");
		return;
	case DKIM_SIGERROR_EXPIRED:
	case DKIM_SIGERROR_FUTURE:
	case DKIM_SIGERROR_TIMESTAMPS:
	case DKIM_SIGERROR_SUBDOMAIN:
	case DKIM_SIGERROR_NOKEY:
	case DKIM_SIGERROR_DNSSYNTAX:
	case DKIM_SIGERROR_KEYFAIL:
	case DKIM_SIGERROR_MULTIREPLY:
	case DKIM_SIGERROR_KEYVERSION:
	case DKIM_SIGERROR_KEYUNKNOWNHASH:
	case DKIM_SIGERROR_KEYHASHMISMATCH:
	case DKIM_SIGERROR_NOTEMAILKEY:
	case DKIM_SIGERROR_KEYTYPEMISSING:
	case DKIM_SIGERROR_KEYTYPEUNKNOWN:
	case DKIM_SIGERROR_KEYREVOKED:
	case DKIM_SIGERROR_KEYDECODE:
	case DKIM_SIGERROR_KEYTOOSMALL:
		result_set(sig, DKIM_PERMERROR, why);
		return;
	default: /* faults of the signature's form: RFC 8601 2.7.1 */
		result_set(sig, DKIM_NEUTRAL, why);
		return;
	}
}

/*
 * RFC 6376 8.2: with l= anybody may add to the body. libopendkim counts the
 * octets of the body as they came, and those that were signed after
 * canonicalisation, so a limit may be reported that cuts nothing but spaces.
 */
static void
limit_set(struct signature *sig, DKIM *handle, DKIM_SIGINFO *info)
{
	ssize_t all, canonical, limit;

	if (dkim_sig_getcanonlen(handle, info, &all, &canonical, &limit) ==
		DKIM_STAT_OK &&
	    limit >= 0 && all > limit)
		sig->limit = (long)limit;
}

/* Has libopendkim not seen all the signatures of the message? */
static bool
some_left_out(const struct mail_dkim *m)
{
	size_t i;

	for (i = 0; i < m->n && m->fed[i]; i++)
		;
	return (m->more > 0 || i < m->n);
}

static void
info_decides(
    const struct mail_dkim *m, struct signature *sig, DKIM_SIGINFO *info)
{
	unsigned flags = dkim_sig_getflags(info);
	int error = dkim_sig_geterror(info);

	if ((flags & DKIM_SIGFLAG_PASSED) != 0 &&
	    dkim_sig_getbh(info) == DKIM_SIGBH_MATCH &&
	    error == DKIM_SIGERROR_OK) {
		result_set(sig, DKIM_PASS, NULL);
		limit_set(sig, m->handle, info);
	} else if (dkim_sig_getbh(info) == DKIM_SIGBH_MISMATCH) {
		result_set(sig, DKIM_FAIL, "the body was changed");
	} else if (error == DKIM_SIGERROR_BADSIG && sig->covers_others &&
		   some_left_out(m)) {
		result_set(sig, DKIM_TEMPERROR,
		    "it signs a signature that was not looked at");
	} else {
		error_set(sig, error);
	}
}

void
mail_dkim_end(struct mail_dkim *m)
{
	DKIM_SIGINFO *matched[MAIL_DKIM_MAX] = {NULL}, **infos = NULL;
	int n = 0;
	size_t i;

	if (m->handle != NULL) {
		/* Its result is about one signature; each has its own. */
		(void)dkim_eom(m->handle, NULL);
		if (dkim_getsiglist(m->handle, &infos, &n) == DKIM_STAT_OK)
			infos_match(m, infos, n, matched);
	}
	for (i = 0; i < m->n; i++) {
		struct signature *sig = &m->sigs[i];

		if (m->key_of[i] == NULL || key_decides(sig, m->key_of[i]))
			continue;
		if (m->wrong != NULL)
			result_set(sig, m->wrong_result, m->wrong);
		else if (matched[i] == NULL)
			result_set(sig, DKIM_NEUTRAL,
			    "libopendkim cannot read the signature");
		else
			info_decides(m, sig, matched[i]);
	}
}

const struct signature *
mail_dkim_results(const struct mail_dkim *m, size_t *n, size_t *more)
{
	*n = m->n;
	*more = m->more;
	return (m->sigs);
}

int
mail_dkim_b_length(const struct mail_dkim *m, size_t i)
{
	const char *b = m->sigs[i].b;
	int len = 8;
	size_t k;

	for (k = 0; k < m->n; k++)
		if (k != i && strcmp(b, m->sigs[k].b) != 0)
			while (strncmp(b, m->sigs[k].b, (size_t)len) == 0)
				len++;
	return (len);
}
