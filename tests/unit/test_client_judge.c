/* SPDX-License-Identifier: ISC */
/*
 * verdict-queue's judgement, with a daemon that answers at once and a clock that
 * moves on only as the test wants: one deadline holds for all of it.
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <sys/types.h>

#include <cmocka.h>
#include <dkim.h>

#include "client_keys.h"
#include "client_responder.h"
#include "queue_judge.h"

#define TIMEOUT 60000

/* --- The clock ------------------------------------------------------------ */

static atomic_long ahead_ms;

/* Everybody's in this program. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	long ms = atomic_load(&ahead_ms);
	int status = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += ms / 1000;
	return (status);
}

/* How much later it is after each piece of the body has been hashed. */
static long piece_ms;
static int pieces;

DKIM_STAT
dkim_body(DKIM *dkim, u_char *buf, size_t len)
{
	DKIM_STAT (*there)(DKIM *, u_char *, size_t);

	*(void **)&there = dlsym(RTLD_NEXT, "dkim_body");
	atomic_fetch_add(&ahead_ms, piece_ms);
	pieces++;
	return (there(dkim, buf, len));
}

/* --- The daemon ----------------------------------------------------------- */

static long keys_ms; /* how long it looks for them, the first time */
static char checked[4096];

static const char *
answer(const char *question)
{
	static char reply[2048];

	if (strncmp(question, "verdict/1 dkim-key\n", 19) == 0) {
		snprintf(reply, sizeof(reply),
		    "verdict/1 ok\nkey=k example.com status=ok dnssec=secure "
		    "ttl=1 stale=0 bits=256 alg=ed25519 record=%s\n",
		    ed25519_record);
		/* The client may ask again, since the time jumps ahead. */
		atomic_fetch_add(&ahead_ms, keys_ms);
		keys_ms = 0;
		return (reply);
	}
	snprintf(checked, sizeof(checked), "%s", question);
	return ("verdict/1 ok\naction=accept\n");
}

/* The milliseconds that the asker has, by the question's timeout_ms. */
static long
time_given(const char *question)
{
	const char *line = strstr(question, "\ntimeout_ms=");

	assert_non_null(line);
	return (strtol(line + 12, NULL, 10));
}

/* --- The message ---------------------------------------------------------- */

#define PIECE  16384 /* mail_facts.c reads so much at once */
#define PIECES 20

static void
message_spool(struct spool *spool)
{
	static const char header[] =
	    "DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=k; "
	    "h=From; bh=Zm9v; b=Zm9v\n"
	    "From: joe@example.com\n\n";
	static char body[PIECE * PIECES];
	int in = memfd_create("message", MFD_CLOEXEC);

	memset(body, 'x', sizeof(body));
	assert_int_equal(
	    write(in, header, strlen(header)), (ssize_t)strlen(header));
	assert_int_equal(write(in, body, sizeof(body)), (ssize_t)sizeof(body));
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(spool_open(spool, NULL), 0);
	assert_int_equal(spool_fill(spool, in), QUEUE_DONE);
	close(in);
}

static void
message_judge(long keys, long piece)
{
	static const struct peer peer = {.ip = "192.0.2.1"};
	char endpoint[64];
	struct responder r = {.endpoint = endpoint, .answer = answer};
	struct stub_daemon daemon;
	struct judgement judgement;
	static struct stub_conf conf;
	struct spool spool;

	keys_ms = keys;
	piece_ms = piece;
	pieces = 0;
	*checked = '\0';
	snprintf(endpoint, sizeof(endpoint), "ipc:///tmp/judge.%ld.sock",
	    (long)getpid());
	setenv("VERDICT_SERVERS", endpoint, 1);
	setenv("VERDICT_TIMEOUT", "60s", 1);
	setenv("VERDICT_CONF", "/dev/null", 1);
	assert_int_equal(stub_conf_read(&conf), 0);
	assert_int_equal(stub_daemon_open(&daemon, &conf), 0);
	message_spool(&spool);
	/* What the client took to send it does not count. */
	atomic_fetch_add(&ahead_ms, 2L * TIMEOUT);
	responder_start(&r);
	judge(&judgement, &daemon, &spool, &peer, "a@example.com");
	responder_stop(&r);
	if (judgement.action == JUDGE_NONE)
		fail_msg("no verdict: %s", judgement.problem);
	assert_int_equal(judgement.action, JUDGE_ACCEPT);
	stub_daemon_close(&daemon);
	close(spool.fd);
	unlink(endpoint + strlen("ipc://"));
}

static void
test_in_time(void **state)
{
	(void)state;
	message_judge(0, 0);
	assert_true(pieces >= PIECES);
	assert_non_null(strstr(checked, "dkim=fail d=example.com s=k "));
}

/*
 * Three seconds for each piece: 36 of the 60 s are for signatures, and when they are
 * over the verdict is asked for without, with the rest of the time.
 */
static void
test_slow_hash(void **state)
{
	(void)state;
	message_judge(0, 3000);
	assert_true(pieces >= 10 && pieces <= 13);
	assert_non_null(strstr(checked, "dkim=temperror d=example.com s=k "));
	assert_true(time_given(checked) > 15000);
	assert_true(time_given(checked) <= 24000);
}

/* Keys take what is theirs; the signatures get less, and the verdict some. */
static void
test_slow_keys(void **state)
{
	(void)state;
	message_judge(30000, 3000);
	assert_true(pieces >= 5 && pieces <= 7);
	assert_non_null(strstr(checked, "dkim=temperror d=example.com s=k "));
	assert_true(time_given(checked) > 6000);
	assert_true(time_given(checked) <= 12000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_in_time),
	    cmocka_unit_test(test_slow_hash),
	    cmocka_unit_test(test_slow_keys),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
