/* SPDX-License-Identifier: ISC */
/*
 * Messages signed here with libopendkim's signer, changed on the way as the
 * case says, and verified with keys from a table. The example of RFC 8463
 * appendix A is an anchor that libopendkim did not make.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <sys/types.h>

#include <cmocka.h>
#include <dkim.h>

#include "client_keys.h"
#include "mail_dkim.h"
#include "mail_facts.h"
#include "mail_message.h"

#define MESSAGE_MAX 400000

/* --- What libopendkim is given -------------------------------------------- */

/* Counted on the way there: it is the work that a message makes. */
static size_t signatures_fed, bodies_fed;

DKIM_STAT
dkim_header(DKIM *dkim, u_char *hdr, size_t len)
{
	DKIM_STAT (*there)(DKIM *, u_char *, size_t);

	*(void **)&there = dlsym(RTLD_NEXT, "dkim_header");
	if (len > 14 && strncasecmp((char *)hdr, "dkim-signature", 14) == 0)
		signatures_fed++;
	return (there(dkim, hdr, len));
}

DKIM_STAT
dkim_body(DKIM *dkim, u_char *buf, size_t len)
{
	DKIM_STAT (*there)(DKIM *, u_char *, size_t);

	*(void **)&there = dlsym(RTLD_NEXT, "dkim_body");
	bodies_fed++;
	return (there(dkim, buf, len));
}

/* --- The keys, as the daemon would give them ------------------------------ */

static const struct key {
	const char *selector; /* all at example.com */
	enum mail_key_status status;
	const char *alg;
	unsigned bits;
	const char *record;
	const char *private; /* PEM */
} keys[] = {
    {"r2", MAIL_KEY_OK, "rsa", 2048, rsa2048_record, rsa2048_private},
    {"r1", MAIL_KEY_OK, "rsa", 1024, rsa1024_record, rsa1024_private},
    {"short", MAIL_KEY_OK, "rsa", 1023, rsa1023_record, rsa1023_private},
    {"e", MAIL_KEY_OK, "ed25519", 256, ed25519_record, ed25519_private},
    {"wrong", MAIL_KEY_OK, "rsa", 1024, rsa1024_record, rsa2048_private},
    {"kind", MAIL_KEY_OK, "ed25519", 256, ed25519_record, rsa2048_private},
    {"temp", MAIL_KEY_TEMPERROR, "", 0, "", rsa2048_private},
    {"none", MAIL_KEY_NONE, "", 0, "", rsa2048_private},
    {"revoked", MAIL_KEY_REVOKED, "", 0, "", rsa2048_private},
    {"invalid", MAIL_KEY_INVALID, "", 0, "", rsa2048_private},
    {"test", MAIL_KEY_OK, "rsa", 1024, NULL, NULL},
    {"brisbane", MAIL_KEY_OK, "ed25519", 256, ed25519_record, NULL},
};

static const struct key *
key_find(const char *selector)
{
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].selector, selector) == 0)
			return (&keys[i]);
	fail_msg("no key %s", selector);
	return (NULL);
}

/* The key of `selector`; `flags` (t=...) is put into the record. */
static void
key_give(struct mail_key *key, const char *flags)
{
	const struct key *known = key_find(key->selector);
	const char *record =
	    known->record == NULL ? rsa1024_record : known->record;

	key->status = known->status;
	key->bits = known->bits;
	snprintf(key->alg, sizeof(key->alg), "%s", known->alg);
	snprintf(key->record, sizeof(key->record), "%s%s", record, flags);
}

/* --- Signing -------------------------------------------------------------- */

/* How one signature is made. */
struct signer {
	const char *selector;
	dkim_alg_t algorithm;
	dkim_canon_t canon;
	ssize_t length;		/* -1: all of the body */
	const char *identity;	/* i=, or NULL */
	const char *oversigned; /* a field that may not be added, or NULL */
	bool expired;
};

#define RSA	DKIM_SIGN_RSASHA256
#define SHA1	DKIM_SIGN_RSASHA1
#define ED	DKIM_SIGN_ED25519SHA256
#define SIMPLE	DKIM_CANON_SIMPLE
#define RELAXED DKIM_CANON_RELAXED

#define SIGNER(s, a, c)                                                        \
	{                                                                      \
		.selector = s, .algorithm = a, .canon = c, .length = -1        \
	}
#define KEY(s)	  SIGNER(s, RSA, RELAXED)
#define R1	  SIGNER("r1", RSA, RELAXED)
#define R1_SIMPLE SIGNER("r1", RSA, SIMPLE)
#define R2	  SIGNER("r2", RSA, RELAXED)
#define R2_SIMPLE SIGNER("r2", RSA, SIMPLE)
#define E	  SIGNER("e", ED, RELAXED)

static DKIM_LIB *
signer_library(const struct signer *signer)
{
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	const char *fields[] = {signer->oversigned, NULL};
	uint64_t ttl = 10, past = (uint64_t)time(NULL) - 1000;
	u_int bits = 512;

	assert_non_null(lib);
	dkim_options(
	    lib, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits, sizeof(bits));
	if (signer->oversigned != NULL)
		dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_OVERSIGNHDRS,
		    fields, sizeof(u_char **));
	if (signer->expired) {
		dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNATURETTL, &ttl,
		    sizeof(ttl));
		dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME, &past,
		    sizeof(past));
	}
	return (lib);
}

/* Feeds the message in CRLF form, header field by header field. */
static void
sign_feed(DKIM *dkim, char *message)
{
	char *body = strstr(message, "\r\n\r\n") + 4, *field = message, *end;

	while (field < body - 2) {
		for (end = strstr(field, "\r\n");
		     end[2] == ' ' || end[2] == '\t';)
			end = strstr(end + 2, "\r\n");
		assert_int_equal(
		    dkim_header(dkim, (u_char *)field, (size_t)(end - field)),
		    DKIM_STAT_OK);
		field = end + 2;
	}
	assert_int_equal(dkim_eoh(dkim), DKIM_STAT_OK);
	if (*body != '\0')
		assert_int_equal(dkim_body(dkim, (u_char *)body, strlen(body)),
		    DKIM_STAT_OK);
	assert_int_equal(dkim_eom(dkim, NULL), DKIM_STAT_OK);
}

/* Puts a signature in front of the message. */
static void
sign(char *message, const struct signer *signer)
{
	static u_char id[] = "test", domain[] = "example.com";
	static char signed_message[MESSAGE_MAX];
	DKIM_LIB *lib = signer_library(signer);
	char *key = strdup(key_find(signer->selector)->private);
	char *selector = strdup(signer->selector);
	DKIM_STAT status;
	u_char *header;
	size_t len;
	DKIM *dkim;

	dkim = dkim_sign(lib, id, NULL, (dkim_sigkey_t)key, (u_char *)selector,
	    domain, signer->canon, signer->canon, signer->algorithm,
	    signer->length, &status);
	assert_non_null(dkim);
	if (signer->identity != NULL) {
		char *identity = strdup(signer->identity);

		dkim_set_signer(dkim, (u_char *)identity);
		free(identity);
	}
	sign_feed(dkim, message);
	assert_int_equal(
	    dkim_getsighdr_d(dkim, 16, &header, &len), DKIM_STAT_OK);
	snprintf(signed_message, sizeof(signed_message),
	    "DKIM-Signature: %s\r\n%s", header, message);
	strcpy(message, signed_message);
	dkim_free(dkim);
	dkim_close(lib);
	free(key);
	free(selector);
}

/* --- Verifying ------------------------------------------------------------ */

/* Reads the message from a file, as the programs do, in pieces. */
static struct mail_dkim *
verify(const char *octets, size_t len, const char *flags)
{
	FILE *file = tmpfile();
	const char *problem, *header;
	struct message *message;
	struct mail_dkim *dkim;
	struct mail_key *wanted;
	char buf[1000];
	size_t n, i;
	ssize_t got;

	assert_int_equal(fwrite(octets, 1, len, file), len);
	fflush(file);
	rewind(file);
	message = message_open(fileno(file), &problem);
	assert_non_null(message);
	header = message_header(message, &n);
	dkim = mail_dkim_new(header, n, time(NULL));
	assert_non_null(dkim);
	wanted = mail_dkim_keys(dkim, &n);
	for (i = 0; i < n; i++)
		key_give(&wanted[i], flags);
	mail_dkim_begin(dkim);
	while ((got = message_body(message, buf, sizeof(buf))) > 0)
		mail_dkim_body(dkim, buf, (size_t)got);
	mail_dkim_end(dkim);
	message_close(message);
	fclose(file);
	return (dkim);
}

static void
results_text(const struct mail_dkim *dkim, char *buf, size_t size)
{
	const struct signature *sigs;
	size_t n, more, i;

	*buf = '\0';
	sigs = mail_dkim_results(dkim, &n, &more);
	for (i = 0; i < n; i++)
		snprintf(buf + strlen(buf), size - strlen(buf), "%s%s%s%s%s",
		    i > 0 ? " " : "", dkim_result_name(sigs[i].result),
		    sigs[i].problem == NULL ? "" : ":",
		    sigs[i].problem == NULL ? "" : sigs[i].problem,
		    sigs[i].limit < 0 ? "" : "-limited");
	if (more > 0)
		snprintf(buf + strlen(buf), size - strlen(buf), " +%zu", more);
}

/* All LF, as qmail has it on disk. */
static size_t
lf_only(char *message)
{
	char *to = message, *from;

	for (from = message; *from != '\0'; from++)
		if (*from != '\r' || from[1] != '\n')
			*to++ = *from;
	*to = '\0';
	return (strlen(message));
}

/* --- Cases ---------------------------------------------------------------- */

#define HEADER                                                                 \
	"From: Joe <joe@example.com>\r\nTo: Suzie <suzie@example.net>\r\n"     \
	"Subject: Is  dinner\r\n ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 "   \
	"-0700\r\n"
#define BODY  "Hi.\r\n\r\nWe lost the game. \t Are you hungry yet?\r\n"
#define PLAIN HEADER "\r\n" BODY

#define GOOD "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=r2; "

static const struct {
	const char *name;
	const char *message;	  /* NULL: PLAIN */
	struct signer signers[3]; /* the last one ends on top */
	const char *above;	  /* put on top of the signed message */
	const char *find, *put;	  /* changed once, after that */
	const char *below;	  /* put at its end */
	const char *flags;	  /* put behind the key records */
	const char *want;
} cases[] = {
    {.name = "no signature", .want = ""},
    {.name = "relaxed", .signers = {R2}, .want = "pass"},
    {.name = "simple", .signers = {R2_SIMPLE}, .want = "pass"},
    /* RFC 8301 3.2: 1024 bits are enough */
    {.name = "1024 bits", .signers = {R1}, .want = "pass"},
    {.name = "1023 bits",
	.signers = {KEY("short")},
	.want = "permerror:the key is too short"},
    /* RFC 8463 */
    {.name = "ed25519", .signers = {E}, .want = "pass"},
    {.name = "three", .signers = {R2, E, R1_SIMPLE}, .want = "pass pass pass"},
    {.name = "the same twice", .signers = {R2, R2_SIMPLE}, .want = "pass pass"},
    /* RFC 6376 3.4: what a relay may do to relaxed, not to simple */
    {.name = "spaces, relaxed",
	.signers = {R2},
	.find = "Is  dinner\r\n ready?",
	.put = "Is dinner ready?  ",
	.want = "pass"},
    {.name = "spaces, simple",
	.signers = {R2_SIMPLE},
	.find = "Is  dinner\r\n ready?",
	.put = "Is dinner ready?  ",
	.want = "fail:the signature does not match"},
    {.name = "body spaces, relaxed",
	.signers = {R2},
	.find = "game. \t Are",
	.put = "game. Are",
	.want = "pass"},
    {.name = "body spaces, simple",
	.signers = {R2_SIMPLE},
	.find = "game. \t Are",
	.put = "game. Are",
	.want = "fail:the body was changed"},
    {.name = "empty lines at the end",
	.signers = {R2, R2_SIMPLE},
	.below = "\r\n\r\n",
	.want = "pass pass"},
    {.name = "empty body",
	.message = HEADER "\r\n",
	.signers = {R2, R2_SIMPLE},
	.want = "pass pass"},
    {.name = "no line end at the end",
	.signers = {R2, R2_SIMPLE},
	.find = "yet?\r\n",
	.put = "yet?",
	.want = "pass pass"},
    {.name = "8-bit",
	.message = HEADER "X: \xc3\xa9\r\n\r\n\xff\xfe\r\n",
	.signers = {R2},
	.want = "pass"},
    {.name = "bare CR",
	.message = HEADER "\r\na\rb\r\n",
	.signers = {R2, R2_SIMPLE},
	.want = "pass pass"},
    /* changed on the way */
    {.name = "body changed",
	.signers = {R2, E},
	.find = "lost",
	.put = "won",
	.want = "fail:the body was changed fail:the body was changed"},
    {.name = "header changed",
	.signers = {R2},
	.find = "Is  dinner",
	.put = "Is lunch",
	.want = "fail:the signature does not match"},
    {.name = "From changed",
	.signers = {R2},
	.find = "joe@example.com",
	.put = "eve@example.com",
	.want = "fail:the signature does not match"},
    {.name = "footer",
	.signers = {R2},
	.below = "-- \r\nlist footer\r\n",
	.want = "fail:the body was changed"},
    /* RFC 6376 3.5, l= */
    {.name = "footer behind l=",
	.signers = {{.selector = "r2",
	    .algorithm = RSA,
	    .canon = RELAXED,
	    .length = 20}},
	.below = "list footer\r\n",
	.want = "pass-limited"},
    {.name = "l= of the whole body",
	.signers = {{.selector = "r2",
	    .algorithm = RSA,
	    .canon = SIMPLE,
	    .length = 1000}},
	.want = "pass"},
    {.name = "body changed behind l=",
	.signers = {{.selector = "r2",
	    .algorithm = RSA,
	    .canon = SIMPLE,
	    .length = 5}},
	.find = "lost",
	.put = "won",
	.want = "pass-limited"},
    {.name = "body shorter than l=",
	.signers = {{.selector = "r2",
	    .algorithm = RSA,
	    .canon = SIMPLE,
	    .length = 40}},
	.find = "We lost the game. \t Are you hungry yet?\r\n",
	.put = "",
	.want = "fail:l= is larger than the body"},
    /* a field added: only oversigning notices (RFC 6376 8.15) */
    {.name = "second From, oversigned",
	.signers = {{.selector = "r2",
	    .algorithm = RSA,
	    .canon = RELAXED,
	    .length = -1,
	    .oversigned = "From"}},
	.above = "From: eve@evil.example\r\n",
	.want = "fail:the signature does not match"},
    {.name = "second From below",
	.signers = {R2},
	.find = "Date:",
	.put = "From: eve@evil.example\r\nDate:",
	.want = "fail:the signature does not match"},
    {.name = "unsigned field added",
	.signers = {R2},
	.above = "Received: from x\r\n\tby y\r\n",
	.want = "pass"},
    /* the signature itself */
    {.name = "expired",
	.signers = {{.selector = "r2",
	    .algorithm = RSA,
	    .canon = RELAXED,
	    .length = -1,
	    .expired = true}},
	.want = "permerror:the signature has expired"},
    {.name = "rsa-sha1",
	.signers = {{.selector = "r2",
	    .algorithm = SHA1,
	    .canon = RELAXED,
	    .length = -1}},
	.want = "permerror:rsa-sha1 is not secure"},
    {.name = "d= changed",
	.signers = {R2},
	.find = "d=example.com",
	.put = "d=legit.com(.example.com",
	.want = "neutral:d= is not a domain name"},
    {.name = "tag doubled",
	.signers = {R2},
	.find = "d=example.com",
	.put = "d=example.com; d=example.com",
	.want = "neutral:a tag stands twice"},
    {.name = "a bad one above a good one",
	.signers = {R2},
	.above = GOOD "bh=Zm9v; h=From; b=!\r\n",
	.want = "neutral:b= or bh= is not base64 pass"},
    {.name = "rubbish above a good one",
	.signers = {R2},
	.above = "DKIM-Signature: rubbish\r\nDKIM-Signature:\r\n",
	.want = "neutral:not a list of tags neutral:v= is not 1 pass"},
    {.name = "an empty one above a good one",
	.signers = {R2},
	.above = "DKIM-Signature:\r\n",
	.want = "neutral:v= is not 1 pass"},
    {.name = "a blank one above a good one",
	.signers = {R2},
	.above = "DKIM-Signature: \r\n \r\n",
	.want = "neutral:v= is not 1 pass"},
    {.name = "a forged one above a good one",
	.signers = {R2},
	.above = GOOD "bh=Zm9v; h=From; b=Zm9v\r\n",
	.want = "fail:the signature does not match pass"},
    {.name = "From not in h=",
	.signers = {R2},
	.above = GOOD "bh=Zm9v; h=To; b=Zm9v\r\n",
	.want = "permerror:From is not signed pass"},
    /* keys: each signature for itself */
    {.name = "wrong key",
	.signers = {KEY("wrong")},
	.want = "fail:the signature does not match"},
    {.name = "wrong kind",
	.signers = {KEY("kind")},
	.want = "permerror:the key is of another kind"},
    {.name = "no key",
	.signers = {KEY("none"), R1},
	.want = "pass permerror:there is no key"},
    {.name = "revoked",
	.signers = {R1, KEY("revoked")},
	.want = "permerror:the key is revoked pass"},
    {.name = "invalid",
	.signers = {R1, KEY("invalid")},
	.want = "permerror:the key record is invalid pass"},
    {.name = "temporary",
	.signers = {R1, KEY("temp"), E},
	.want = "pass temperror:the key cannot be had now pass"},
    {.name = "only temporary",
	.signers = {KEY("temp")},
	.want = "temperror:the key cannot be had now"},
    /* RFC 6376 3.6.1, t= s= h= */
    {.name = "i= below",
	.signers = {{.selector = "r2",
	    .algorithm = RSA,
	    .canon = RELAXED,
	    .length = -1,
	    .identity = "@sub.example.com"}},
	.want = "pass"},
    {.name = "i= below, t=s",
	.signers = {{.selector = "r2",
	    .algorithm = RSA,
	    .canon = RELAXED,
	    .length = -1,
	    .identity = "@sub.example.com"}},
	.flags = "; t=s",
	.want = "permerror:unauthorized subdomain"},
    {.name = "t=y", .signers = {R2}, .flags = "; t=y", .want = "pass"},
    {.name = "s=tlsrpt",
	.signers = {R2},
	.flags = "; s=tlsrpt",
	.want = "permerror:not an e-mail key"},
    {.name = "h=sha1",
	.signers = {R2},
	.flags = "; h=sha1",
	.want = "permerror:signature-key hash mismatch"},
    /* the header as a whole */
    {.name = "no From left",
	.signers = {R2},
	.find = "From: Joe <joe@example.com>\r\n",
	.put = "",
	.want = "fail:the signature does not match"},
    {.name = "unsigned and without From",
	.message = "To: a\r\n\r\nHi.\r\n",
	.above = GOOD "bh=Zm9v; h=From; b=Zm9v\r\n",
	.want = "fail:the signature does not match"},
    {.name = "From without an address",
	.message = "From: Joe\r\n\r\nHi.\r\n",
	.signers = {R2},
	.want = "pass"},
    {.name = "two From",
	.message = "From: a@one.example\r\nFrom: b@two.example\r\n\r\nHi\r\n",
	.signers = {R2},
	.want = "pass"},
    {.name = "empty field",
	.message = "From: joe@example.com\r\nX-Empty:\r\n\r\nHi.\r\n",
	.signers = {R2},
	.want = "pass"},
    {.name = "a field that no h= can name",
	.signers = {R2},
	.above = "X;Y: z\r\n",
	.want = "pass"},
    {.name = "rubbish in the header",
	.signers = {R2},
	.above = "From joe Mon\r\nrubbish\r\n",
	.want = "pass"},
};

static void
change(char *message, const char *find, const char *put)
{
	static char rest[MESSAGE_MAX];
	char *at = strstr(message, find);

	assert_non_null(at);
	strcpy(rest, at + strlen(find));
	strcpy(at, put);
	strcat(at, rest);
}

static void
case_make(size_t i, char *message)
{
	static char rest[MESSAGE_MAX];
	size_t k;

	strcpy(message, cases[i].message == NULL ? PLAIN : cases[i].message);
	for (k = 0; k < 3 && cases[i].signers[k].selector != NULL; k++)
		sign(message, &cases[i].signers[k]);
	if (cases[i].above != NULL) {
		strcpy(rest, message);
		strcpy(message, cases[i].above);
		strcat(message, rest);
	}
	if (cases[i].find != NULL)
		change(message, cases[i].find, cases[i].put);
	if (cases[i].below != NULL)
		strcat(message, cases[i].below);
}

static bool
case_holds(size_t i, const char *message, const char *form)
{
	struct mail_dkim *dkim;
	char text[2048];

	dkim = verify(message, strlen(message),
	    cases[i].flags == NULL ? "" : cases[i].flags);
	results_text(dkim, text, sizeof(text));
	mail_dkim_free(dkim);
	if (strcmp(text, cases[i].want) == 0)
		return (true);
	print_error("%s (%s)\n  want %s\n  have %s\n", cases[i].name, form,
	    cases[i].want, text);
	return (false);
}

static void
test_cases(void **state)
{
	static char message[MESSAGE_MAX];
	size_t i, bad = 0;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		case_make(i, message);
		bad += !case_holds(i, message, "CRLF");
		lf_only(message);
		bad += !case_holds(i, message, "LF");
	}
	assert_int_equal(bad, 0);
}

static void
test_rfc8463(void **state)
{
	struct mail_dkim *dkim =
	    verify(rfc8463_message, strlen(rfc8463_message), "");
	const struct signature *sigs;
	char text[256];
	size_t n, more;

	(void)state;
	results_text(dkim, text, sizeof(text));
	assert_string_equal(text, "pass pass");
	sigs = mail_dkim_results(dkim, &n, &more);
	assert_string_equal(sigs[0].domain, "football.example.com");
	assert_string_equal(sigs[0].selector, "brisbane");
	assert_string_equal(sigs[0].algorithm, "ed25519-sha256");
	assert_memory_equal(sigs[1].b, "F45dVWDf", 8);
	assert_int_equal(mail_dkim_b_length(dkim, 0), 8);
	mail_dkim_free(dkim);
}

/*
 * libopendkim cannot sign with Ed25519 and simple canonicalisation: what it
 * makes does not verify, here or elsewhere. So this one was signed with
 * openssl's pkeyutl.
 */
static const char ed25519_simple_message[] =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=simple/simple; d=example.com; s=e;\n"
    "\tbh=UrA8rmgY3eNBotmDWtzAmHyn5RyZv8Gea45sNGsP0zw=; h=From:To:Subject;\n"
    "\tb=ZdI5WhBCtoPVZR4WPXN0QO0ZHdxnI8IM8ExOkN/OpZVTmWPR8Db0kk34BBu5WoJXAk0xlbR2h6X/SLPyPlPTAQ==\n"
    "From: Joe <joe@example.com>\n"
    "To: Suzie <s@example.net>\n"
    "Subject: Is  dinner\n"
    " ready?\n"
    "\n"
    "Hi.\n";

static void
test_ed25519_simple(void **state)
{
	struct mail_dkim *dkim =
	    verify(ed25519_simple_message, strlen(ed25519_simple_message), "");
	char text[256];

	(void)state;
	results_text(dkim, text, sizeof(text));
	assert_string_equal(text, "pass");
	mail_dkim_free(dkim);
}

/*
 * The cap: what is above it is verified, what is below is only counted. Who
 * signs all fields, as libopendkim does by itself, signs those below, too: then
 * nothing is known.
 */
static void
test_many(void **state)
{
	static char message[MESSAGE_MAX];
	const struct signer signer = E;
	struct mail_dkim *dkim;
	const struct signature *sigs;
	size_t n, more, i;

	(void)state;
	strcpy(message, PLAIN);
	for (i = 0; i < 25; i++)
		sign(message, &signer);
	signatures_fed = 0;
	dkim = verify(message, strlen(message), "");
	assert_int_equal(signatures_fed, MAIL_DKIM_MAX);
	sigs = mail_dkim_results(dkim, &n, &more);
	assert_int_equal(n, MAIL_DKIM_MAX);
	assert_int_equal(more, 25 - MAIL_DKIM_MAX);
	for (i = 0; i < n; i++)
		assert_string_equal(sigs[i].problem,
		    "it signs a signature that was not looked at");
	mail_dkim_free(dkim);
}

/* The same with a signature that signs From alone. */
static void
test_many_alone(void **state)
{
	static char message[MESSAGE_MAX], whole[MESSAGE_MAX];
	const struct signer signer = R2;
	struct mail_dkim *dkim;
	char text[2048], want[2048] = "";
	size_t i;

	(void)state;
	strcpy(message, PLAIN);
	sign(message, &signer);
	*whole = '\0';
	for (i = 0; i < MAIL_DKIM_MAX - 1; i++)
		strcat(whole, "DKIM-Signature: v=1;\r\n");
	strcat(whole, message);
	*strstr(whole, "From: Joe") = '\0';
	for (i = 0; i < 5000; i++)
		strcat(whole, "DKIM-Signature: v=1; l=1;\r\n");
	strcat(whole, PLAIN);
	signatures_fed = 0;
	dkim = verify(whole, strlen(whole), "");
	results_text(dkim, text, sizeof(text));
	for (i = 0; i < MAIL_DKIM_MAX - 1; i++)
		strcat(want, "neutral:a required tag is missing ");
	strcat(want, "pass +5000");
	assert_string_equal(text, want);
	assert_true(signatures_fed <= 2 * MAIL_DKIM_MAX);
	mail_dkim_free(dkim);
}

/* Where b= begins alike, more of it is needed (RFC 6008 4). */
static void
test_b_length(void **state)
{
	static const char header[] =
	    GOOD "bh=Zm9v; h=From; b=AAAAAAAAAAx\r\n" GOOD
		 "bh=Zm9v; h=From; b=AAAAAAAAAAy\r\n" GOOD
		 "bh=Zm9v; h=From; b=B\r\n";
	struct mail_dkim *dkim = mail_dkim_new(header, strlen(header), 0);

	(void)state;
	assert_int_equal(mail_dkim_b_length(dkim, 0), 11);
	assert_int_equal(mail_dkim_b_length(dkim, 1), 11);
	assert_int_equal(mail_dkim_b_length(dkim, 2), 8);
	mail_dkim_free(dkim);
}

/* A NUL hides the rest of a field from libopendkim. */
static void
test_nul(void **state)
{
	static char message[MESSAGE_MAX];
	const struct signer signer = R2;
	struct mail_dkim *dkim;
	char text[256];
	size_t len;

	(void)state;
	strcpy(message, PLAIN);
	sign(message, &signer);
	len = strlen(message);
	strstr(message, "Subject: Is")[9] = '\0';
	dkim = verify(message, len, "");
	results_text(dkim, text, sizeof(text));
	assert_string_equal(text, "permerror:there is a NUL in the header");
	mail_dkim_free(dkim);
}

/*
 * A signature that libopendkim takes and we do not, and below it a copy that
 * differs only in what we look at: the copy must not get the other's result.
 */
static void
test_copied(void **state)
{
	static const struct signer signer = {.selector = "r2",
	    .algorithm = SHA1,
	    .canon = RELAXED,
	    .length = -1};
	static char message[MESSAGE_MAX], signature[4096], copied[MESSAGE_MAX];
	struct mail_dkim *dkim;
	char text[256];
	size_t len;

	(void)state;
	strcpy(message, PLAIN);
	sign(message, &signer);
	len = (size_t)(strstr(message, "From: Joe") - message);
	assert_true(len < sizeof(signature));
	memcpy(signature, message, len);
	signature[len] = '\0';
	change(signature, "a=rsa-sha1", "a=rsa-sha256");
	snprintf(copied, sizeof(copied), "%.*s%s%s", (int)len, message,
	    signature, message + len);
	dkim = verify(copied, strlen(copied), "");
	results_text(dkim, text, sizeof(text));
	assert_string_equal(text, "permerror:rsa-sha1 is not secure "
				  "fail:the signature does not match");
	mail_dkim_free(dkim);
}

/*
 * libopendkim refuses the header for an empty signature, and is then given it
 * without the broken ones: the good one keeps its result all the same.
 */
static void
test_copied_and_refused(void **state)
{
	static char message[MESSAGE_MAX], broken[4096], whole[MESSAGE_MAX];
	const struct signer signer = R2;
	struct mail_dkim *dkim;
	char text[256];
	size_t len;

	(void)state;
	strcpy(message, PLAIN);
	sign(message, &signer);
	len = (size_t)(strstr(message, "From: Joe") - message);
	assert_true(len < sizeof(broken) - 100);
	memcpy(broken, message, len);
	broken[len] = '\0';
	change(broken, "v=1;", "v=1; l=x;");
	strcpy(whole, "DKIM-Signature:\r\n");
	strcat(whole, broken);
	strcat(whole, message);
	dkim = verify(whole, strlen(whole), "");
	results_text(dkim, text, sizeof(text));
	assert_string_equal(
	    text, "neutral:v= is not 1 neutral:l= is not a number pass");
	mail_dkim_free(dkim);
}

/*
 * What libopendkim refuses the header for, and we find no fault with: the
 * others keep their results, whatever else is broken.
 */
static void
test_refused(void **state)
{
	static const char refused[] =
	    "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=r2; "
	    "bh=Zm9v; h=From; x=99999999999999999999; b=Zm9v\r\n";
	static char message[MESSAGE_MAX], whole[MESSAGE_MAX];
	const struct signer good = R2, changed = E;
	struct mail_dkim *dkim;
	char text[1024];

	(void)state;
	strcpy(message, PLAIN);
	sign(message, &changed);
	change(message, "DKIM-Signature: v=1;", "DKIM-Signature: v=1; z=;");
	sign(message, &good);
	strcpy(whole, refused);
	strcat(whole, "DKIM-Signature:\r\n");
	strcat(whole, refused);
	strcat(whole, message);
	dkim = verify(whole, strlen(whole), "");
	results_text(dkim, text, sizeof(text));
	assert_string_equal(text,
	    "neutral:libopendkim refuses the signature or the header "
	    "neutral:v= is not 1 "
	    "neutral:libopendkim refuses the signature or the header "
	    "pass fail:the signature does not match");
	mail_dkim_free(dkim);
}

/*
 * h= names every field, and more: libopendkim wrote behind the end of its table
 * of them. The C library sees that when the table is of certain sizes.
 */
static void
test_all_named(void **state)
{
	char message[4096];
	struct mail_dkim *dkim;
	char text[256];
	int others, i;

	(void)state;
	for (others = 0; others < 20; others++) {
		strcpy(message, GOOD "bh=Zm9v; b=Zm9v; h=From");
		for (i = 0; i < others; i++)
			strcat(message, ":X");
		strcat(message, ":DKIM-Signature:From:From\r\n");
		for (i = 0; i < others; i++)
			strcat(message, "X: y\r\n");
		strcat(message, "From: joe@example.com\r\n\r\nHi.\r\n");
		dkim = verify(message, strlen(message), "");
		results_text(dkim, text, sizeof(text));
		assert_string_equal(text, "fail:the signature does not match");
		mail_dkim_free(dkim);
	}
}

/*
 * Each name in h= is compared with each field: what would take long is not
 * begun, and is no failure. Nor is it if the signature is broken.
 */
static void
test_costly(void **state)
{
	static char message[MESSAGE_MAX], whole[MESSAGE_MAX];
	static const char *const starts[] = {GOOD,
	    "DKIM-Signature: v=1; a=rsa-sha1; d=example.com; s=r2; ",
	    "DKIM-Signature: rubbish; "};
	const struct signer signer = R2;
	struct mail_dkim *dkim;
	char text[1024], *p = whole;
	size_t i, k;

	(void)state;
	strcpy(message, PLAIN);
	sign(message, &signer);
	for (k = 0; k < 3; k++) {
		p += sprintf(p, "%sbh=Zm9v; b=Zm9v; h=From", starts[k]);
		for (i = 0; i < 10000; i++)
			p += sprintf(p, ":A");
		p += sprintf(p, "\r\n");
	}
	for (i = 0; i < 3000; i++)
		p += sprintf(p, "B:\r\n");
	strcpy(p, message);
	signatures_fed = 0;
	dkim = verify(whole, strlen(whole), "");
	results_text(dkim, text, sizeof(text));
	assert_string_equal(text,
	    "temperror:too many names in h= and fields in the header "
	    "permerror:rsa-sha1 is not secure "
	    "neutral:not a list of tags pass");
	assert_int_equal(signatures_fed, 1);
	mail_dkim_free(dkim);
}

/* A clock that strikes at the fourth look. */
static bool
fourth(void *closure)
{
	int *looks = closure;

	return (++*looks == 4);
}

/* Out of time in the midst of the body: then nothing is known of it. */
static void
test_late(void **state)
{
	static char message[MESSAGE_MAX];
	const struct signer signers[] = {R2, KEY("revoked"), R1_SIMPLE};
	FILE *file = tmpfile();
	struct mail_facts facts;
	struct message *m;
	struct mail_key *wanted;
	const char *problem;
	char text[256];
	int looks = 0;
	size_t i, n;

	(void)state;
	strcpy(message, HEADER "\r\n");
	for (i = 0; i < 3000; i++)
		strcat(message, "Not now, not later, and not at all.\r\n");
	for (i = 0; i < 3; i++)
		sign(message, &signers[i]);
	fputs(message, file);
	rewind(file);
	m = message_open(fileno(file), &problem);
	assert_non_null(m);
	assert_int_equal(mail_facts_read(&facts, m), 0);
	wanted = mail_dkim_keys(facts.dkim, &n);
	for (i = 0; i < n; i++)
		key_give(&wanted[i], "");
	bodies_fed = 0;
	assert_int_equal(mail_facts_verify(&facts, m, fourth, &looks), 0);
	assert_int_equal(looks, 4);
	assert_int_equal(bodies_fed, 3);
	results_text(facts.dkim, text, sizeof(text));
	assert_string_equal(text, "temperror:there was no time to verify it "
				  "permerror:the key is revoked "
				  "temperror:there was no time to verify it");
	mail_facts_free(&facts);
	message_close(m);
	fclose(file);
}

/* Long lines and a body of many reads. */
static void
test_big(void **state)
{
	static char message[MESSAGE_MAX];
	const struct signer signers[] = {R2, R2_SIMPLE};
	struct mail_dkim *dkim;
	char text[256];
	size_t i;

	(void)state;
	strcpy(message, HEADER "\r\n");
	for (i = strlen(message); i < MESSAGE_MAX - 20000; i++) {
		message[i] = (char)(' ' + i % 90);
		if (i % 5001 == 0)
			memcpy(message + i++, "\r\n", 2);
	}
	strcpy(message + i, "\r\n");
	sign(message, &signers[0]);
	sign(message, &signers[1]);
	dkim = verify(message, lf_only(message), "");
	results_text(dkim, text, sizeof(text));
	assert_string_equal(text, "pass pass");
	mail_dkim_free(dkim);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_rfc8463),
	    cmocka_unit_test(test_ed25519_simple),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_many_alone),
	    cmocka_unit_test(test_b_length),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_big),
	    cmocka_unit_test(test_copied),
	    cmocka_unit_test(test_copied_and_refused),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_all_named),
	    cmocka_unit_test(test_costly),
	    cmocka_unit_test(test_late),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
