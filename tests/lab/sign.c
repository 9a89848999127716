/* SPDX-License-Identifier: ISC */
/*
 * Signs a message for tests: puts a DKIM-Signature above what it reads from
 * standard input and writes all of it to standard output, with LF line ends.
 * Several signatures: run it several times.
 *
 *	sign -d DOMAIN -s SELECTOR -k KEY.pem [-a rsa|ed25519|rsa-sha1]
 *	    [-l OCTETS] [-otx] < message > signed
 *
 *	-l	sign only so much of the body (l=)
 *	-o	sign From and Subject once more than they are there: none may
 *		be added
 *	-t	simple canonicalisation for both parts; default relaxed
 *	-x	a signature that has expired
 */
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dkim.h>

/*
 * libopendkim does not free a key that it has loaded. This is over in a
 * moment; a sanitizer need not speak of it.
 */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return ("leak:dkim_privkey_load\nleak:libcrypto.so\n");
}

struct text {
	char *octets; /* NUL-terminated */
	size_t len, room;
};

struct order {
	const char *domain, *selector, *keyfile;
	dkim_alg_t algorithm;
	dkim_canon_t canon;
	ssize_t length;
	bool oversign, expired;
};

static void
fail(const char *what, const char *detail)
{
	fprintf(stderr, "sign: %s: %s\n", what, detail);
	exit(111);
}

static void
text_add(struct text *text, char c)
{
	if (text->len + 2 > text->room) {
		text->room = text->room * 2 + 4096;
		text->octets = realloc(text->octets, text->room);
		if (text->octets == NULL)
			fail("out of memory", "message");
	}
	text->octets[text->len++] = c;
	text->octets[text->len] = '\0';
}

/* Line ends become CRLF when `crlf` is set: what DKIM signs (RFC 6376 5.3). */
static struct text
text_read(FILE *from, bool crlf)
{
	struct text text = {0};
	int c, last = 0;

	while ((c = getc(from)) != EOF) {
		if (crlf && c == '\n' && last != '\r')
			text_add(&text, '\r');
		text_add(&text, (char)c);
		last = c;
	}
	if (ferror(from) || text.octets == NULL)
		fail("cannot read", "nothing there");
	return (text);
}

static struct text
key_read(const char *path)
{
	struct text key;
	FILE *file = fopen(path, "r");

	if (file == NULL)
		fail("cannot open", path);
	key = text_read(file, false);
	fclose(file);
	return (key);
}

static void
write_lf(const char *octets, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (octets[i] == '\r' && i + 1 < len && octets[i + 1] == '\n')
			continue;
		putchar(octets[i]);
	}
}

static void
check(DKIM *dkim, DKIM_STAT status, const char *what)
{
	const char *why = dkim == NULL ? NULL : dkim_geterror(dkim);

	if (status != DKIM_STAT_OK)
		fail(what, why != NULL ? why : dkim_getresultstr(status));
}

/* What is an option of the library, and holds for all it signs. */
static void
options_set(DKIM_LIB *lib, const struct order *order)
{
	static const char *names[] = {"from", "subject", NULL};
	uint64_t then = (uint64_t)time(NULL) - 7200, life = 3600;

	if (order->oversign)
		dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_OVERSIGNHDRS, names,
		    sizeof(const char **));
	if (order->expired) {
		dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME, &then,
		    sizeof(then));
		dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNATURETTL, &life,
		    sizeof(life));
	}
}

static void
sign(DKIM_LIB *lib, const struct order *order, struct text *message)
{
	struct text key = key_read(order->keyfile);
	u_char *header;
	size_t len;
	DKIM_STAT status;
	DKIM *dkim;

	dkim = dkim_sign(lib, (const u_char *)"sign", NULL,
	    (dkim_sigkey_t)key.octets, (const u_char *)order->selector,
	    (const u_char *)order->domain, order->canon, order->canon,
	    order->algorithm, order->length, &status);
	check(dkim, status, "dkim_sign");
	check(dkim, dkim_chunk(dkim, (u_char *)message->octets, message->len),
	    "dkim_chunk");
	check(dkim, dkim_chunk(dkim, NULL, 0), "dkim_chunk");
	check(dkim, dkim_eom(dkim, NULL), "dkim_eom");
	check(dkim,
	    dkim_getsighdr_d(dkim, sizeof DKIM_SIGNHEADER, &header, &len),
	    "dkim_getsighdr_d");
	fputs(DKIM_SIGNHEADER ": ", stdout);
	write_lf((const char *)header, len);
	putchar('\n');
	write_lf(message->octets, message->len);
	dkim_free(dkim);
	free(key.octets);
}

static dkim_alg_t
algorithm_named(const char *name)
{
	if (strcmp(name, "rsa") == 0)
		return (DKIM_SIGN_RSASHA256);
	if (strcmp(name, "ed25519") == 0)
		return (DKIM_SIGN_ED25519SHA256);
	if (strcmp(name, "rsa-sha1") == 0)
		return (DKIM_SIGN_RSASHA1);
	fail("no such algorithm", name);
	return (DKIM_SIGN_UNKNOWN);
}

static struct order
order_read(int argc, char **argv)
{
	struct order order = {.algorithm = DKIM_SIGN_RSASHA256,
	    .canon = DKIM_CANON_RELAXED,
	    .length = -1};
	int option;

	while ((option = getopt(argc, argv, "a:d:k:l:os:tx")) != -1) {
		switch (option) {
		case 'a':
			order.algorithm = algorithm_named(optarg);
			break;
		case 'd':
			order.domain = optarg;
			break;
		case 'k':
			order.keyfile = optarg;
			break;
		case 'l':
			order.length = (ssize_t)strtol(optarg, NULL, 10);
			break;
		case 'o':
			order.oversign = true;
			break;
		case 's':
			order.selector = optarg;
			break;
		case 't':
			order.canon = DKIM_CANON_SIMPLE;
			break;
		case 'x':
			order.expired = true;
			break;
		default:
			exit(100);
		}
	}
	if (order.domain == NULL || order.selector == NULL ||
	    order.keyfile == NULL || optind != argc) {
		fputs("usage: sign -d DOMAIN -s SELECTOR -k KEY.pem [-a ALG] "
		      "[-l OCTETS] [-otx] < message\n",
		    stderr);
		exit(100);
	}
	return (order);
}

int
main(int argc, char **argv)
{
	struct order order = order_read(argc, argv);
	struct text message = text_read(stdin, true);
	DKIM_LIB *lib = dkim_init(NULL, NULL);

	if (lib == NULL)
		fail("dkim_init", "out of memory");
	options_set(lib, &order);
	sign(lib, &order, &message);
	dkim_close(lib);
	free(message.octets);
	if (fflush(stdout) != 0 || ferror(stdout))
		fail("cannot write", "standard output");
	return (0);
}
