/* SPDX-License-Identifier: ISC */
/* The parts of verdict-queue, without a daemon. */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue_envelope.h"
#include "queue_fields.h"
#include "queue_peer.h"
#include "queue_refuse.h"
#include "queue_spool.h"

/* A descriptor to read these octets from. */
static int
octets_fd(const char *octets, size_t len)
{
	int fd = memfd_create("test", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, octets, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return (fd);
}

static size_t
fd_octets(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, size - len)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	return (len);
}

/* --- Envelopes; "/" stands for the NUL ------------------------------------- */

static const struct {
	const char *text;
	enum queue_exit want;
	const char *sender;
	size_t recipients;
} envelopes[] = {
    {"Fa@b/Tc@d//", QUEUE_DONE, "a@b", 1},
    {"F/Tc@d/Te/Tf@g//", QUEUE_DONE, "", 3},
    {"Fa@b@c/T//", QUEUE_DONE, "a@b@c", 1},
    {"Fa//", QUEUE_DONE, "a", 0},
    {"Fa/Tb//Tc//", QUEUE_DONE, "a", 1},
    {"Fa/Tb//", QUEUE_DONE, "a", 1},
    {"", QUEUE_READ, NULL, 0},
    {"F", QUEUE_READ, NULL, 0},
    {"Fa", QUEUE_READ, NULL, 0},
    {"Fa/", QUEUE_READ, NULL, 0},
    {"Fa/Tb", QUEUE_READ, NULL, 0},
    {"Fa/Tb/", QUEUE_READ, NULL, 0},
    {"/", QUEUE_ENVELOPE, NULL, 0},
    {"Ta/", QUEUE_ENVELOPE, NULL, 0},
    {"Fa/Fb//", QUEUE_ENVELOPE, NULL, 0},
    {"Fa/b//", QUEUE_ENVELOPE, NULL, 0},
};

static int
envelope_fd(const char *text)
{
	char octets[256], *p;
	size_t len = strlen(text);

	memcpy(octets, text, len + 1);
	for (p = octets; (p = strchr(p, '/')) != NULL;)
		*p++ = '\0';
	return (octets_fd(octets, len));
}

static void
envelope_want(const struct envelope *envelope, const char *want)
{
	char buf[256];
	size_t len = fd_octets(envelope->fd, buf, sizeof(buf)), i;

	for (i = 0; i < len; i++)
		if (buf[i] == '\0')
			buf[i] = '/';
	buf[len] = '\0';
	assert_string_equal(buf, want);
}

static void
test_envelope(void **state)
{
	struct envelope envelope;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(envelopes) / sizeof(envelopes[0]); i++) {
		int fd = envelope_fd(envelopes[i].text);

		print_message("# %s\n", envelopes[i].text);
		assert_int_equal(
		    envelope_read(&envelope, fd), envelopes[i].want);
		if (envelopes[i].want == QUEUE_DONE) {
			assert_string_equal(
			    envelope.sender, envelopes[i].sender);
			assert_int_equal(
			    envelope.recipients, envelopes[i].recipients);
			close(envelope.fd);
		}
		close(fd);
	}
}

/* qmail-queue takes addresses of 1002 octets. */
static void
test_envelope_long(void **state)
{
	char text[QUEUE_ADDRESS_MAX + 8] = "F";
	struct envelope envelope;
	int fd, more;

	(void)state;
	for (more = 0; more < 2; more++) {
		size_t len = QUEUE_ADDRESS_MAX - 1 + (size_t)more;

		memset(text + 1, 'a', len);
		memset(text + 1 + len, '\0', 2);
		fd = octets_fd(text, len + 3);
		assert_int_equal(envelope_read(&envelope, fd),
		    more ? QUEUE_TOO_LONG : QUEUE_DONE);
		close(fd);
		if (!more)
			close(envelope.fd);
	}
}

static const struct {
	const char *text, *target, *want;
} redirects[] = {
    {"Fa@b/Tc@d/Te//", "-junk", "Fa@b/Tc-junk@d/Te-junk//"},
    {"Fa@b/Tc@d@e//", "+junk", "Fa@b/Tc@d+junk@e//"},
    {"F/T@d//", "-junk", "F/T-junk@d//"},
    {"Fa@b/Tc@d/Te@f//", "x@y", "Fa@b/Tx@y//"},
    {"Fa@b//", "x@y", "Fa@b/Tx@y//"},
};

static void
test_redirect(void **state)
{
	struct envelope envelope;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(redirects) / sizeof(redirects[0]); i++) {
		int fd = envelope_fd(redirects[i].text);

		assert_int_equal(envelope_read(&envelope, fd), QUEUE_DONE);
		assert_int_equal(
		    envelope_redirect(&envelope, redirects[i].target),
		    QUEUE_DONE);
		envelope_want(&envelope, redirects[i].want);
		close(envelope.fd);
		close(fd);
	}
}

/* --- Who sent it ------------------------------------------------------------ */

/* TCPREMOTEIP is 192.0.2.1; what the Received field says about HELO. */
static const struct {
	const char *header, *helo;
} peers[] = {
    {"Received: from h (HELO x) (192.0.2.1)\n  by m\n\n", "x"},
    {"received:\tfrom h (HELO x) (i@192.0.2.1)\n\n", "x"},
    {"Received: from h (192.0.2.1)\n", "h"},
    {"Received: from h (EHLO [192.0.2.9]) (192.0.2.1)\n", "[192.0.2.9]"},
    {"Received: from h (HELO x) (a) (192.0.2.1)\n", ""},
    {"Received: from h (HELO x) (i@j@192.0.2.1) by\n", "x"},
    {"Received: from h (HELO x) (192.0.2.1@192.0.2.2)\n", ""},
    {"Received: from h (HELO x) (192.0.2.11)\n", ""},
    {"Received: from h (HELO x) (192.0.2.1\n", ""},
    {"Received: from h (HELO x\n", ""},
    {"Received: from h\n", ""},
    {"Received: from \n", ""},
    {"Received: (qmail 1 invoked)\n", ""},
    {"Received: by h (HELO x) (192.0.2.1)\n", ""},
    {"X: y\nReceived: from h (HELO x) (192.0.2.1)\n", ""},
    {"junk\nReceived: from h (HELO x) (192.0.2.1)\n", ""},
    {"\nReceived: from h (HELO x) (192.0.2.1)\n", ""},
    {"", ""},
};

static void
environment_clear(void)
{
	unsetenv("RELAYCLIENT");
	unsetenv("TCPREMOTEIP");
	unsetenv("TCP6REMOTEIP");
	unsetenv("SMTPHELOHOST");
	unsetenv("HELOHOST");
	unsetenv("VERDICT_SPP");
	unsetenv("ERROR_FD");
	unsetenv("SSLCTLFD");
	unsetenv("SSLREADFD");
	unsetenv("SSLWRITEFD");
}

static void
test_peer(void **state)
{
	struct peer peer;
	size_t i;

	(void)state;
	environment_clear();
	assert_false(peer_is_stranger());
	setenv("TCPREMOTEIP", "192.0.2.1", 1);
	assert_true(peer_is_stranger());
	for (i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		print_message("# %s\n", peers[i].header);
		peer_read(
		    &peer, "a@b", peers[i].header, strlen(peers[i].header));
		assert_string_equal(peer.helo, peers[i].helo);
		assert_string_equal(peer.ip, "192.0.2.1");
	}
	setenv("VERDICT_SPP",
	    "spf=none client_ip=192.0.2.1 helo=n%21 mail_from=a@c", 1);
	peer_read(&peer, "a@b", peers[0].header, strlen(peers[0].header));
	assert_string_equal(peer.helo, "x");
	peer_read(&peer, "a@c", peers[0].header, strlen(peers[0].header));
	assert_string_equal(peer.helo, "n!");
	setenv("HELOHOST", "env", 1);
	peer_read(&peer, "a@b", peers[0].header, strlen(peers[0].header));
	assert_string_equal(peer.helo, "env");
	setenv("SMTPHELOHOST", "smtp", 1);
	peer_read(&peer, "a@b", peers[0].header, strlen(peers[0].header));
	assert_string_equal(peer.helo, "smtp");
	setenv("RELAYCLIENT", "", 1);
	assert_false(peer_is_stranger());
}

static void
test_peer_address(void **state)
{
	static const struct {
		const char *given, *want;
	} addresses[] = {{"192.0.2.1", "192.0.2.1"},
	    {"::ffff:192.0.2.1", "192.0.2.1"},
	    {"::FFFF:192.0.2.1", "192.0.2.1"}, {"::ffff:1", "::ffff:1"},
	    {"2001:db8::1", "2001:db8::1"}};
	struct peer peer;
	size_t i;

	(void)state;
	environment_clear();
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		setenv("TCP6REMOTEIP", addresses[i].given, 1);
		assert_true(peer_is_stranger());
		peer_read(&peer, "a@b", "", 0);
		assert_string_equal(peer.ip, addresses[i].want);
	}
}

/* --- Fields ----------------------------------------------------------------- */

/* Is the field, unfolded, as before, and no line too long? */
static void
fold_check(const struct fields *fields, const char *want)
{
	char text[2048];
	size_t used = 0, i, start = 0;

	for (i = 0; i < fields->len; i++) {
		if (fields->octets[i] != '\n') {
			text[used++] = fields->octets[i];
			continue;
		}
		assert_true(i - start <= 78);
		start = i + 1;
		if (start < fields->len)
			assert_int_equal(fields->octets[start], ' ');
	}
	text[used] = '\0';
	assert_string_equal(text, want);
}

static void
test_fold(void **state)
{
	static struct fields fields;
	char value[1200] = "";
	char want[1300];
	size_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		snprintf(value + strlen(value), sizeof(value) - strlen(value),
		    "%.*s%s", (int)(i % 11) + 1, "abcdefghijkl",
		    i % 7 == 0 ? "  " : " ");
	value[strlen(value) - 1] = '\0';
	fields_begin(&fields);
	fields_add(&fields, "Name", value);
	snprintf(want, sizeof(want), "Name: %s", value);
	fold_check(&fields, want);
}

static const struct {
	const char *value, *want;
} values[] = {
    {"x", "N: x\n"},
    {"", "N: \n"},
    {" x", "N: x\n"},
    {"x ", "N: x\n"},
    {"a\nb: c\r\x01\x7f\xff", "N: a?b: c????\n"},
    {"a; b; c", "N: a; b; c\n"},
};

static void
test_fields(void **state)
{
	static struct fields fields;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		fields_begin(&fields);
		fields_add(&fields, "N", values[i].value);
		fields_add(&fields, "M", NULL);
		assert_int_equal(fields.len, strlen(values[i].want));
		assert_memory_equal(fields.octets, values[i].want, fields.len);
	}
	fields_begin(&fields);
	fields_add_results(&fields, "id", "spf=pass (a; b) x=y; dkim=none");
	assert_memory_equal(fields.octets,
	    "Authentication-Results: id;\n spf=pass (a; b) x=y;\n dkim=none\n",
	    fields.len);
}

/* Half a field is never written. */
static void
test_fields_overflow(void **state)
{
	static struct fields fields;
	static char value[SPOOL_ROOM];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	fields_begin(&fields);
	fields_add(&fields, "A", "1");
	fields_add(&fields, "B", value);
	assert_int_equal(fields.len, 5);
	assert_true(fields.overflow);
}

/* The authserv-id is mx.example. */
static const struct {
	const char *value;
	bool claims;
} claims[] = {
    {" mx.example; spf=pass", true},
    {"mx.example", true},
    {" mx.example 1; none", true},
    {" MX.Example. ; none", true},
    {" \"mx.example\"; none", true},
    {" \"m\\x.example\"; none", true},
    {" (c) mx.example(c); none", true},
    {"\r\n mx.example\r\n ;none", true},
    {" mx.example/1; none", true},
    {" mx.example=1; none", true},
    /* another host's, in order */
    {" mx.example.org; spf=pass", false},
    {" a.mx.example; spf=pass", false},
    {" mx.exampl; none", false},
    {" other.example 1; none", false},
    {" other.example", false},
    {" \"other.example\" (mx.example) 1 ; none", false},
    /* what another reader could read otherwise */
    {"", true},
    {" ; none", true},
    {" (mx.example; none", true},
    {" \"mx.example; none", true},
    {" \"\"; none", true},
    {" \"other.example\x01\"; none", true},
    {" other.example mx.example; none", true},
    {" other.example (; none", true},
};

static void
test_claims(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		print_message("# %s\n", claims[i].value);
		assert_int_equal(results_claim(claims[i].value,
				     strlen(claims[i].value), "mx.example"),
		    claims[i].claims);
	}
}

/* U-labels are not compared with A-labels: they might be the same. */
static void
test_claims_idn(void **state)
{
	static const char value[] = " m\xc3\xbc.example; none";

	(void)state;
	assert_true(results_claim(value, strlen(value), "xn--m-xka.example"));
	assert_false(results_claim(value, strlen(value), "mx.example"));
	assert_false(results_claim(" mu.example; none",
	    strlen(" mu.example; none"), "xn--m-xka.example"));
}

static void
test_authserv_id(void **state)
{
	char text[AUTHSERV_ID_MAX + 1];

	(void)state;
	assert_true(authserv_id_valid("mx-1.example_x"));
	assert_false(authserv_id_valid(""));
	assert_false(authserv_id_valid("a b"));
	assert_false(authserv_id_valid("a;b"));
	memset(text, 'a', AUTHSERV_ID_MAX);
	text[AUTHSERV_ID_MAX] = '\0';
	assert_false(authserv_id_valid(text));
}

/* --- The message at rest ---------------------------------------------------- */

static void
test_spool(void **state)
{
	static const char message[] = "A: 1\nX-Verdict-Score: 2\n"
				      "Authentication-Results: id; x\n"
				      "B: \rX-Verdict-Score: 2\rcc\r"
				      "Authentication-Results: id; x\r\n\n"
				      "X-Verdict-Score: 3\n";
	static const char want[] = "New: 1\nA: 1\nX-Claimed-Score: 2\n"
				   "X-Claimed-Auth-Results: id; x\n"
				   "B: \rX-Claimed-Score: 2\rcc\r"
				   "X-Claimed-Auth-Results: id; x\r\n\n"
				   "X-Verdict-Score: 3\n";
	struct spool spool;
	char buf[512];
	int in = octets_fd(message, strlen(message)), i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(lseek(in, 0, SEEK_SET), 0);
		assert_int_equal(spool_open(&spool, i ? "/tmp" : NULL), 0);
		assert_int_equal(spool_fill(&spool, in), QUEUE_DONE);
		assert_int_equal(spool_header(&spool), QUEUE_DONE);
		assert_int_equal(
		    spool.header_len, strstr(message, "\n\n") + 2 - message);
		assert_int_equal(spool_rewind(&spool), 0);
		assert_int_equal(
		    fd_octets(spool.fd, buf, sizeof(buf)), strlen(message));
		assert_memory_equal(buf, message, strlen(message));
		assert_int_equal(fields_disown(&spool, "id"), 0);
		assert_int_equal(spool_prepend(&spool, "New: 1\n", 7), 0);
		assert_int_equal(
		    fd_octets(spool.fd, buf, sizeof(buf)), strlen(want));
		assert_memory_equal(buf, want, strlen(want));
		free(spool.header);
		close(spool.fd);
	}
	assert_int_equal(spool_open(&spool, "/nonexistent"), -1);
	close(in);
}

/* --- Saying no -------------------------------------------------------------- */

static void
test_refusal_text(void **state)
{
	static const struct {
		const char *text, *want;
	} texts[] = {{"5.7.1 no", "D5.7.1 no"}, {"", "D--"}, {"a", "Da-"},
	    {"a\nb\xff\t", "Da?b??"}};
	struct refusal refusal;
	char buf[512], text[600];
	int fds[2];
	size_t i;

	(void)state;
	environment_clear();
	assert_int_equal(pipe(fds), 0);
	refusal.fd = fds[1];
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(
		    refusal_send(&refusal, true, texts[i].text), QUEUE_CUSTOM);
		assert_int_equal(
		    read(fds[0], buf, sizeof(buf)), strlen(texts[i].want));
		assert_memory_equal(buf, texts[i].want, strlen(texts[i].want));
	}
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(refusal_send(&refusal, false, text), QUEUE_CUSTOM);
	assert_int_equal(read(fds[0], buf, sizeof(buf)), 254);
	assert_int_equal(buf[0], 'Z');
	/* The reader is gone, then the descriptor, too. */
	close(fds[0]);
	assert_int_equal(refusal_send(&refusal, true, text), QUEUE_REJECTED);
	close(fds[1]);
	assert_int_equal(refusal_send(&refusal, false, text), QUEUE_DEFERRED);
}

/*
 * The last test: it takes these numbers from whoever has them. Which descriptor
 * is taken, by what 4, 6 and 9 are: a pipe to Write to, a
 * pipe to Read from, a File, or closed (-).
 */
static const struct {
	const char *dialect, *fds, *error_fd;
	int want;
} dialects[] = {
    {NULL, "---", NULL, -1},
    {NULL, "W--", NULL, 4},
    {NULL, "-W-", NULL, 6},
    {NULL, "WW-", NULL, 6},
    {NULL, "WR-", NULL, 4},
    {NULL, "F--", NULL, -1},
    {NULL, "FF-", NULL, -1},
    {NULL, "W-W", "9", 9},
    {NULL, "W-F", "9", -1},
    {NULL, "W--", "-1", -1},
    {NULL, "W--", "4x", -1},
    {"netqmail", "WWW", "9", 4},
    {"netqmail", "-W-", NULL, -1},
    {"simscan", "W--", NULL, 4},
    {"sagredo", "WW-", NULL, 4},
    {"sagredo", "WWW", "9", 9},
    {"notqmail", "WW-", NULL, 6},
    {"notqmail", "W--", NULL, -1},
    {"indimail", "WWW", "9", 9},
    {"indimail", "WWW", "-1", -1},
    {"plain", "WWW", NULL, -1},
};

static void
descriptor_make(int as, char kind)
{
	int fds[2];

	close(as);
	if (kind == '-')
		return;
	assert_int_equal(pipe(fds), 0);
	if (kind == 'F')
		assert_int_equal(dup2(STDERR_FILENO, as), as);
	else
		assert_int_equal(dup2(fds[kind == 'W'], as), as);
	if (fds[0] != as)
		close(fds[0]);
	if (fds[1] != as)
		close(fds[1]);
}

static void
dialect_check(const char *dialect, const char *fds, int want)
{
	static const int numbers[] = {4, 6, 9};
	struct refusal refusal;
	size_t k;
	int file = octets_fd("", 0), saved = fcntl(STDERR_FILENO, F_DUPFD, 20);

	/* Standard error serves as the file. */
	dup2(file, STDERR_FILENO);
	for (k = 0; k < 3; k++)
		descriptor_make(numbers[k], fds[k]);
	assert_int_equal(refusal_find(&refusal, dialect), 0);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(refusal.fd, want);
}

static void
test_refusal_find(void **state)
{
	struct refusal refusal;
	size_t i;

	(void)state;
	environment_clear();
	for (i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		print_message("# %zu\n", i);
		if (dialects[i].error_fd != NULL)
			setenv("ERROR_FD", dialects[i].error_fd, 1);
		else
			unsetenv("ERROR_FD");
		dialect_check(
		    dialects[i].dialect, dialects[i].fds, dialects[i].want);
	}
	unsetenv("ERROR_FD");
	descriptor_make(4, 'W');
	descriptor_make(6, '-');
	setenv("SSLWRITEFD", "4", 1);
	assert_int_equal(refusal_find(&refusal, NULL), 0);
	assert_int_equal(refusal.fd, -1);
	assert_int_equal(refusal_find(&refusal, "exim"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_envelope),
	    cmocka_unit_test(test_envelope_long),
	    cmocka_unit_test(test_redirect),
	    cmocka_unit_test(test_peer),
	    cmocka_unit_test(test_peer_address),
	    cmocka_unit_test(test_fold),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_fields_overflow),
	    cmocka_unit_test(test_claims),
	    cmocka_unit_test(test_claims_idn),
	    cmocka_unit_test(test_authserv_id),
	    cmocka_unit_test(test_spool),
	    cmocka_unit_test(test_refusal_text),
	    cmocka_unit_test(test_refusal_find),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
