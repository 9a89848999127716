/* SPDX-License-Identifier: ISC */
/*
 * The program verdict, run as a user runs it, against a server of our own. It
 * is looked for in $BUILD, else in the current directory.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client_keys.h"
#include "client_responder.h"

#define KEY_LINE "status=ok dnssec=secure ttl=60 stale=0 "

static char directory[64], endpoint[96], program[512];
static const char *limits = ""; /* shell commands that set some */

/* --- The server ----------------------------------------------------------- */

static const char key_answer[] = "verdict/1 ok\n"
				 "key=brisbane football.example.com " KEY_LINE
				 "bits=256 alg=ed25519 flags= record=%s\n"
				 "key=test football.example.com " KEY_LINE
				 "bits=1024 alg=rsa flags= record=%s\n";

/* By verb; the answer to check is named by the helo. */
static const struct {
	const char *question; /* how it begins, or a line in it */
	const char *answer;
} answers[] = {
    {"helo=accept\n", "verdict/1 ok\naction=accept\n"},
    {"helo=reject\n", "verdict/1 ok\naction=reject\nrule=dmarc reject\n"},
    {"helo=quarantine\n", "verdict/1 ok\naction=quarantine\n"},
    {"helo=defer\n", "verdict/1 ok\naction=defer\ndecided=no\n"},
    {"helo=fallback\n", "verdict/1 ok\naction=accept\ndecided=no\n"},
    {"helo=new\n", "verdict/1 ok\naction=greylist\n"},
    {"helo=nothing\n", "verdict/1 ok\n"},
    {"helo=busy\n", "verdict/1 busy\n"},
    {"helo=error\n", "verdict/1 error\nreason=bad client_ip\n"},
    {"verdict/1 ping\n", "verdict/1 ok\nversion=1\nuptime=5\n"},
    {"from_domain=temp\n", "verdict/1 ok\nstatus=temperror\n"},
    {"from_domain=none\n", "verdict/1 ok\nstatus=none\n"},
    {"mail_from=temp\n", "verdict/1 ok\nresult=temperror\n"},
    {"mail_from=fail\n", "verdict/1 ok\nresult=fail\n"},
    {"mail_from=odd\n",
	"verdict/1 ok\na=1\ta\x1b[2J\nb=\xc3\xa9\nb=\xff\nb=3\n"},
    {"key=a b\n", "verdict/1 ok\nkey=a b status=temperror record=\n"},
    {"key=c d\n", "verdict/1 ok\nkey=c d status=ok record=p= "
		  "status=temperror\n"},
};

static const char *
answer_find(const char *question)
{
	static char keys[4096];
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strstr(question, answers[i].question) != NULL)
			return (answers[i].answer);
	if (strstr(question, "key=brisbane football.example.com\n"
			     "key=test football.example.com\n") == NULL)
		return ("verdict/1 error\nreason=the test has no answer\n");
	snprintf(
	    keys, sizeof(keys), key_answer, ed25519_record, rsa1024_record);
	return (keys);
}

/* --- Running -------------------------------------------------------------- */

struct run {
	char out[8192], err[1024];
	int status;
};

static void
file_read(const char *name, char *buf, size_t size)
{
	char path[128];
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(buf, 1, size - 1, file);
	buf[n] = '\0';
	fclose(file);
	unlink(path);
}

static void
run(struct run *run, const char *arguments, const char *input)
{
	char command[2048];
	FILE *pipe;

	snprintf(command, sizeof(command),
	    "exec >%s/out 2>%s/err; %s VERDICT_SERVERS=%s '%s' %s", directory,
	    directory, limits, endpoint, program, arguments);
	pipe = popen(command, "w");
	assert_non_null(pipe);
	/* A mistake in its arguments ends it before it reads. */
	signal(SIGPIPE, SIG_IGN);
	fputs(input == NULL ? "" : input, pipe);
	run->status = WEXITSTATUS(pclose(pipe));
	signal(SIGPIPE, SIG_DFL);
	file_read("out", run->out, sizeof(run->out));
	file_read("err", run->err, sizeof(run->err));
}

#define MAIL "From: a@Example.com\nMessage-ID: <1@x>\n\nHi.\n"

#define RECEIVED(from)                                                         \
	"Received: " from                                                      \
	"\n  by mx with SMTP; 1 Jan 2024 12:00:00 -0000\n" MAIL
#define FOUND(ip, helo)                                                        \
	"client_ip=" ip "\nhelo=" helo                                         \
	"\nfrom_domain=example.com\nmessage_id=<1@x>\n"

static const struct {
	const char *arguments;
	const char *input;
	int status;
	const char *out; /* all of it */
	const char *err; /* how it begins; NULL: nothing */
} cases[] = {
    {"ping", NULL, 0, "version=1\nuptime=5\n", NULL},
    {"-j ping", NULL, 0, "{\n  \"version\": \"1\",\n  \"uptime\": \"5\"\n}\n",
	NULL},
    {"-V", NULL, 0, NULL, NULL},
    {"-h", NULL, 0, NULL, NULL},
    /* exit status: the action, else whether there is an answer */
    {"check helo=accept", NULL, 0, "action=accept\n", NULL},
    {"check helo=reject", NULL, 1, "action=reject\nrule=dmarc reject\n", NULL},
    {"explain helo=quarantine", NULL, 2, "action=quarantine\n", NULL},
    {"check helo=defer", NULL, 111, "action=defer\ndecided=no\n", NULL},
    {"check helo=fallback", NULL, 0, "action=accept\ndecided=no\n", NULL},
    {"check helo=new", NULL, 111, "action=greylist\n", NULL},
    {"check helo=nothing", NULL, 111, "", NULL},
    {"check helo=busy", NULL, 111, "", "verdict: the server is overloaded\n"},
    {"check helo=error", NULL, 100, "",
	"verdict: the server refused the question: bad client_ip\n"},
    {"dmarc from_domain=none", NULL, 0, "status=none\n", NULL},
    {"dmarc from_domain=temp", NULL, 111, "status=temperror\n", NULL},
    {"spf mail_from=fail", NULL, 0, "result=fail\n", NULL},
    {"spf mail_from=temp", NULL, 111, "result=temperror\n", NULL},
    {"dkim-key 'key=a b'", NULL, 111, "key=a b status=temperror record=\n",
	NULL},
    {"dkim-key 'key=c d'", NULL, 0,
	"key=c d status=ok record=p= status=temperror\n", NULL},
    {"-t 100 -s ipc:///nonexistent/s ping", NULL, 111, "",
	"verdict: nothing listens at ipc:///nonexistent/s\n"},
    /* what others wrote cannot steer the terminal */
    {"spf mail_from=odd", NULL, 0,
	"a=1\\x09a\\x1b[2J\nb=\\xc3\\xa9\nb=\\xff\nb=3\n", NULL},
    {"-j spf mail_from=odd", NULL, 0,
	"{\n  \"a\": \"1\\ta\\u001B[2J\",\n  \"b\": [\n"
	"    \"\\u00E9\",\n    \"\\u00FF\",\n    \"3\"\n  ]\n}\n",
	NULL},
    /* usage */
    {"", NULL, 100, "", "usage: verdict"},
    {"-q ping", NULL, 100, "", NULL},
    {"-x ping", NULL, 100, "", "verdict: -x ping: there is plain, qmail"},
    {"-t 0 ping", NULL, 100, "", "verdict: -t 0: not a number"},
    {"-t 5s ping", NULL, 100, "", "verdict: -t 5s: not a number"},
    {"-s tcp://localhost:1 ping", NULL, 100, "",
	"verdict: -s tcp://localhost:1: not ipc:///path or tcp://"},
    {"ping x", NULL, 100, "", "verdict: x: not name=value\n"},
    {"ping X=1", NULL, 100, "", "verdict: the name of a field"},
    {"'a b' x=1", NULL, 100, "", "verdict: a verb has"},
    {"message -q", MAIL, 100, "", "verdict: message: -q: no such option"},
    {"message -i", MAIL, 100, "", "verdict: message: -i: no such option"},
    {"message x", MAIL, 100, "", "verdict: message: x: the message is read"},
    /* messages */
    {"message -n -i 192.0.2.1 -e h -f b@c", MAIL, 0,
	"client_ip=192.0.2.1\nhelo=h\nmail_from=b@c\n"
	"from_domain=example.com\nmessage_id=<1@x>\n",
	NULL},
    {"message -e reject", MAIL, 1,
	"helo=reject\nfrom_domain=example.com\nmessage_id=<1@x>\n"
	"action=reject\nrule=dmarc reject\n",
	NULL},
    {"message -e defer", "From: a\n\n", 111,
	"helo=defer\nproblem=From is malformed\naction=defer\ndecided=no\n",
	NULL},
    {"message -e busy", MAIL, 111, "", "verdict: the server is overloaded\n"},
    {"message -e accept", rfc8463_message, 0,
	"helo=accept\nfrom_domain=football.example.com\n"
	"dkim=pass d=football.example.com s=brisbane a=ed25519-sha256 "
	"b=/gCrinpc\n"
	"dkim=pass d=football.example.com s=test a=rsa-sha256 b=F45dVWDf\n"
	"message_id=<20030712040037.46341.5F8J@football.example.com>\n"
	"action=accept\n",
	NULL},
    /* exit statuses for others */
    {"-x plain check helo=quarantine", NULL, 2, NULL, NULL},
    {"-x qmail check helo=accept", NULL, 0, NULL, NULL},
    {"-x qmail check helo=quarantine", NULL, 0, NULL, NULL},
    {"-x qmail check helo=reject", NULL, 100, NULL, NULL},
    {"-x qmail check helo=defer", NULL, 111, NULL, NULL},
    {"-x qmail check helo=busy", NULL, 111, NULL, NULL},
    {"-x qmail check helo=error", NULL, 111, NULL, NULL},
    {"-x qmail -Q", NULL, 111, NULL, NULL},
    {"-x qmail-stop check helo=accept", NULL, 0, NULL, NULL},
    {"-x qmail-stop check helo=quarantine", NULL, 99, NULL, NULL},
    {"-x qmail-stop check helo=reject", NULL, 99, NULL, NULL},
    {"-x qmail-stop check helo=busy", NULL, 111, NULL, NULL},
    {"-x condredirect check helo=accept", NULL, 1, NULL, NULL},
    {"-x condredirect check helo=quarantine", NULL, 0, NULL, NULL},
    {"-x condredirect check helo=reject", NULL, 0, NULL, NULL},
    {"-x condredirect check helo=defer", NULL, 111, NULL, NULL},
    {"-x condredirect check x", NULL, 111, NULL, NULL},
    {"-x maildrop check helo=accept", NULL, 0, NULL, NULL},
    {"-x maildrop check helo=quarantine", NULL, 2, NULL, NULL},
    {"-x maildrop check helo=reject", NULL, 77, NULL, NULL},
    {"-x maildrop message -e busy", MAIL, 75, NULL, NULL},
    /* -r: the client in the topmost Received */
    {"message -nr", RECEIVED("from h.example (192.0.2.1)"), 0,
	FOUND("192.0.2.1", "h.example"), NULL},
    {"message -nr", RECEIVED("from unknown (HELO x.y) (192.0.2.1)"), 0,
	FOUND("192.0.2.1", "x.y"), NULL},
    {"message -nr", RECEIVED("from h (HELO x.y) (a?b@2001:db8::1)"), 0,
	FOUND("2001:db8::1", "x.y"), NULL},
    {"message -nr", RECEIVED("from h (EHLO [192.0.2.9]) (192.0.2.1)"), 0,
	FOUND("192.0.2.1", "[192.0.2.9]"), NULL},
    {"message -nr", RECEIVED("from x.y (h [192.0.2.1])"), 0,
	FOUND("192.0.2.1", "x.y"), NULL},
    {"message -nr", RECEIVED("from x.y (h [IPv6:2001:db8::1])"), 0,
	FOUND("2001:db8::1", "x.y"), NULL},
    {"message -nr",
	"Received: (qmail 1 invoked from network)\n" RECEIVED(
	    "from h (192.0.2.1)"),
	0, FOUND("192.0.2.1", "h"), NULL},
    {"message -nr -i 192.0.2.3 -e e", RECEIVED("from h (192.0.2.1)"), 0,
	FOUND("192.0.2.3", "e"), NULL},
    /* none: it was not taken from the network */
    {"message -r -e reject", MAIL, 0, "", "verdict: no client in"},
    {"message -r -e reject",
	RECEIVED("(nobody@h)") RECEIVED("from h (192.0.2.1)"), 0, "",
	"verdict: no client in"},
    {"message -r -e reject", RECEIVED("from h (192.0.2.300)"), 0, "",
	"verdict: no client in"},
    {"message -r -e reject", RECEIVED("from (192.0.2.1)"), 0, "",
	"verdict: no client in"},
    {"message -r -e reject", RECEIVED("from h (HELO x (192.0.2.1"), 0, "",
	"verdict: no client in"},
    {"-x qmail message -r -e reject", RECEIVED("from h (192.0.2.1)"), 100, NULL,
	NULL},
    {"message -n", "DKIM-Signature: v=2\nFrom: a@b.c\n\n", 0,
	"from_domain=b.c\ndkim=neutral\n"
	"problem=signature 1: v= is not 1\n",
	NULL},
};

static bool
case_holds(size_t i)
{
	struct run r;

	run(&r, cases[i].arguments, cases[i].input);
	if (r.status == cases[i].status &&
	    (cases[i].out == NULL || strcmp(r.out, cases[i].out) == 0) &&
	    (cases[i].err == NULL ||
		strncmp(r.err, cases[i].err, strlen(cases[i].err)) == 0))
		return (true);
	print_error("verdict %s\n exit %d, not %d\n%s\n%s", cases[i].arguments,
	    r.status, cases[i].status, r.out, r.err);
	return (false);
}

static void
test_cases(void **state)
{
	struct responder r = {.endpoint = endpoint, .answer = answer_find};
	size_t i, bad = 0;

	(void)state;
	assert_int_equal(access(program, X_OK), 0);
	responder_start(&r);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bad += !case_holds(i);
	responder_stop(&r);
	assert_int_equal(bad, 0);
}

/* The daemon learns of each signature what the body made of it. */
static void
test_changed_message(void **state)
{
	struct responder r = {.endpoint = endpoint, .answer = answer_find};
	static char message[4096];
	struct run result;

	(void)state;
	assert_int_equal(access(program, X_OK), 0);
	strcpy(message, rfc8463_message);
	memcpy(strstr(message, "lost"), "Lost", 4);
	responder_start(&r);
	run(&result, "message -e reject -i 192.0.2.1", message);
	assert_int_equal(result.status, 1);
	responder_stop(&r);
	assert_non_null(strstr(r.question,
	    "verdict/1 check\nclient_ip=192.0.2.1\nhelo=reject\n"
	    "from_domain=football.example.com\n"
	    "dkim=fail d=football.example.com s=brisbane a=ed25519-sha256 "
	    "b=/gCrinpc\n"
	    "dkim=fail d=football.example.com s=test a=rsa-sha256 "
	    "b=F45dVWDf\n"));
}

/* An answer that cannot be written is none. */
static void
test_full_disk(void **state)
{
	struct responder r = {.endpoint = endpoint, .answer = answer_find};
	struct run result;

	(void)state;
	assert_int_equal(access(program, X_OK), 0);
	responder_start(&r);
	run(&result, "ping >/dev/full", NULL);
	responder_stop(&r);
	assert_int_equal(result.status, 111);
	assert_string_equal(
	    result.err, "verdict: standard output: No space left on device\n");
}

/* A sanitizer needs terabytes of addresses before main() begins. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* Programs of qmail run under softlimit -m 16000000 and less. */
static void
test_small_memory(void **state)
{
	struct responder r = {.endpoint = endpoint, .answer = answer_find};
	struct run result;

	(void)state;
	assert_int_equal(access(program, X_OK), 0);
	if (SANITIZED) {
		print_message("# skipped: a sanitizer needs more memory\n");
		return;
	}
	responder_start(&r);
	limits = "ulimit -v 15625;";
	run(&result, "message -e reject", rfc8463_message);
	limits = "";
	responder_stop(&r);
	assert_int_equal(result.status, 1);
}

static int
directory_make(void **state)
{
	const char *build = getenv("BUILD");

	(void)state;
	snprintf(program, sizeof(program), "%s/verdict",
	    build == NULL ? "." : build);
	strcpy(directory, "/tmp/verdict-test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return (-1);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/s", directory);
	return (0);
}

static int
directory_remove(void **state)
{
	(void)state;
	unlink(endpoint + strlen("ipc://"));
	return (rmdir(directory));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cases),
	    cmocka_unit_test(test_changed_message),
	    cmocka_unit_test(test_full_disk),
	    cmocka_unit_test(test_small_memory),
	};

	return (
	    cmocka_run_group_tests(tests, directory_make, directory_remove));
}
