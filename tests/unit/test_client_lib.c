/* SPDX-License-Identifier: ISC */
/* libverdict against servers that answer, hang, are away or talk rubbish. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "client_responder.h"
#include "lib_endpoint.h"
#include "verdict.h"

/*
 * A busy machine may take SOON_MS for what is to come at once. Where there are
 * two servers, waiting for the first one's share of LONG_MS takes longer.
 */
#define SOON_MS 20000
#define LONG_MS 60000

static char directory[64], ipc_a[96], ipc_b[96], ipc_none[96];

static int
directory_make(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/verdict-test.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return (-1);
	snprintf(ipc_a, sizeof(ipc_a), "ipc://%s/a", directory);
	snprintf(ipc_b, sizeof(ipc_b), "ipc://%s/b", directory);
	snprintf(ipc_none, sizeof(ipc_none), "ipc://%s/none", directory);
	unsetenv("VERDICT_SERVERS");
	unsetenv("VERDICT_HEDGE");
	unsetenv("VERDICT_KEY_FILE");
	setenv("VERDICT_STATE_DIR", "/nonexistent", 1);
	return (0);
}

static int
directory_remove(void **state)
{
	(void)state;
	unlink(ipc_a + strlen("ipc://"));
	unlink(ipc_b + strlen("ipc://"));
	return (rmdir(directory));
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* --- Addresses ------------------------------------------------------------ */

static const struct {
	const char *endpoint;
	enum endpoint_kind kind;
} endpoints[] = {
    {"ipc:///run/verdictd/verdictd.sock", ENDPOINT_IPC},
    {"ipc://relative", ENDPOINT_IPC},
    {"ipc://", ENDPOINT_BAD},
    {"tcp://192.0.2.1:5705", ENDPOINT_TCP4},
    {"tcp://[2001:db8::1]:5705", ENDPOINT_TCP6},
    {"tcp://[::1]:65535", ENDPOINT_TCP6},
    {"tcp://192.0.2.1:0", ENDPOINT_BAD},
    {"tcp://192.0.2.1:65536", ENDPOINT_BAD},
    {"tcp://192.0.2.1:+80", ENDPOINT_BAD},
    {"tcp://192.0.2.1:8 ", ENDPOINT_BAD},
    {"tcp://192.0.2.1:", ENDPOINT_BAD},
    {"tcp://192.0.2.1", ENDPOINT_BAD},
    {"tcp://192.0.2:5705", ENDPOINT_BAD},
    {"tcp://::1:5705", ENDPOINT_BAD},
    {"tcp://[::1:5705", ENDPOINT_BAD},
    {"tcp://[192.0.2.1]:5705", ENDPOINT_BAD},
    {"tcp://[]:5705", ENDPOINT_BAD},
    {"tcp://[:1", ENDPOINT_BAD},
    {"tcp://localhost:5705", ENDPOINT_BAD},
    {"tcp://*:5705", ENDPOINT_BAD},
    {"tcp://eth0;192.0.2.1:5705", ENDPOINT_BAD},
    {"tcp://:5705", ENDPOINT_BAD},
    {"inproc://x", ENDPOINT_BAD},
    {"ws://192.0.2.1:80", ENDPOINT_BAD},
    {"/run/verdictd.sock", ENDPOINT_BAD},
    {"", ENDPOINT_BAD},
};

static void
test_endpoints(void **state)
{
	struct verdict *v = verdict_new();
	char path[256] = "ipc:///";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		assert_int_equal(
		    endpoint_kind(endpoints[i].endpoint), endpoints[i].kind);
	/* sun_path holds 107 octets and a NUL; nanomsg aborts on 108. */
	memset(path + 7, 'x', 106);
	assert_int_equal(verdict_server(v, path), 0);
	path[6 + 107] = 'x';
	assert_int_equal(verdict_server(v, path), -1);
	assert_int_equal(verdict_server(v, "tcp://localhost:1"), -1);
	for (i = 1; i < 8; i++)
		assert_int_equal(verdict_server(v, ipc_a), 0);
	assert_int_equal(verdict_server(v, ipc_a), -1);
	verdict_free(v);
}

/* --- One question and what comes of it ------------------------------------ */

/* Asks `a` and, if there is one, `b`. Returns the milliseconds it took. */
static int
ask(struct verdict *v, const char *a, const char *b, int timeout,
    enum verdict_status want)
{
	int64_t start = now_ms();
	enum verdict_status status;

	assert_int_equal(verdict_server(v, a), 0);
	if (b != NULL)
		assert_int_equal(verdict_server(v, b), 0);
	verdict_timeout(v, timeout);
	verdict_ask(v, "ping");
	status = verdict_send(v);
	if (status != want)
		print_error("%s\n", verdict_problem(v));
	assert_int_equal(status, want);
	return ((int)(now_ms() - start));
}

static void
test_answer(void **state)
{
	struct responder r = {.endpoint = ipc_a,
	    .reply = "verdict/1 ok\naction=reject\nshadow=a\nshadow=b=c\n"};
	struct verdict *v = verdict_new();
	const char *cursor = NULL, *name, *value;
	int i;

	(void)state;
	responder_start(&r);
	assert_int_equal(verdict_server(v, ipc_a), 0);
	assert_null(verdict_get(v, "action"));
	for (i = 0; i < 3; i++) {
		verdict_ask(v, "check");
		verdict_add(v, "helo", "two\nlines");
		verdict_add(v, "client_ip", "192.0.2.1");
		assert_int_equal(verdict_send(v), VERDICT_OK);
		assert_string_equal(verdict_get(v, "action"), "reject");
		assert_string_equal(verdict_get(v, "shadow"), "b=c");
		assert_null(verdict_get(v, "other"));
	}
	value = verdict_next(v, &cursor, &name);
	assert_string_equal(name, "action");
	assert_string_equal(value, "reject");
	value = verdict_next(v, &cursor, &name);
	assert_string_equal(value, "a");
	value = verdict_next(v, &cursor, &name);
	assert_string_equal(value, "b=c");
	assert_null(verdict_next(v, &cursor, &name));
	responder_stop(&r);
	/* The daemon is told how long there is; here that is the default. */
	assert_non_null(strstr(r.question,
	    "verdict/1 check\nhelo=two lines\nclient_ip=192.0.2.1\n"
	    "timeout_ms="));
	assert_in_range(
	    strtol(strstr(r.question, "timeout_ms=") + 11, NULL, 10), 1000,
	    VERDICT_DEFAULT_TIMEOUT);
	verdict_free(v);
}

static void
test_timeout_given(void **state)
{
	struct responder r = {.endpoint = ipc_a, .reply = "verdict/1 ok\n"};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&r);
	assert_int_equal(verdict_server(v, ipc_a), 0);
	verdict_ask(v, "ping");
	verdict_add(v, "timeout_ms", "77");
	assert_int_equal(verdict_send(v), VERDICT_OK);
	responder_stop(&r);
	assert_string_equal(r.question, "verdict/1 ping\ntimeout_ms=77\n");
	verdict_free(v);
}

static const struct {
	const char *reply;
	size_t len;
	enum verdict_status want;
	const char *problem;
} replies[] = {
    {"verdict/1 ok", 0, VERDICT_OK, ""},
    {"verdict/1 ok\n", 0, VERDICT_OK, ""},
    {"verdict/1 error\nreason=no such verb\n", 0, VERDICT_REFUSED,
	"the server refused the question: no such verb"},
    {"verdict/1 error\n", 0, VERDICT_REFUSED,
	"the server refused the question: it gave no reason"},
    {"verdict/1 busy\n", 0, VERDICT_BUSY, "the server is overloaded"},
    {"verdict/1 later\n", 0, VERDICT_MALFORMED,
	"the answer is malformed: unknown status"},
    {"verdict/2 ok\n", 0, VERDICT_MALFORMED, NULL},
    {"hello", 0, VERDICT_MALFORMED, NULL},
    {"\n", 0, VERDICT_MALFORMED, NULL},
    {"verdict/1 ok\nno field\n", 0, VERDICT_MALFORMED, NULL},
    {"verdict/1 ok\na=1\0b=2\n", 21, VERDICT_MALFORMED, NULL},
    {"verdict/1 ", 0, VERDICT_MALFORMED, NULL},
};

static void
test_replies(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		struct responder r = {.endpoint = ipc_a,
		    .reply = replies[i].reply,
		    .reply_len = replies[i].len};
		struct verdict *v = verdict_new();

		responder_start(&r);
		ask(v, ipc_a, NULL, LONG_MS, replies[i].want);
		if (replies[i].problem != NULL)
			assert_string_equal(
			    verdict_problem(v), replies[i].problem);
		responder_stop(&r);
		verdict_free(v);
	}
}

/* As large as a message may be, and larger. */
static void
test_large_replies(void **state)
{
	static char reply[70000];
	struct responder r = {.endpoint = ipc_a, .reply = reply};
	struct verdict *v = verdict_new();

	(void)state;
	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "verdict/1 ok\na=", 15);
	r.reply_len = 65536;
	responder_start(&r);
	ask(v, ipc_a, NULL, LONG_MS, VERDICT_OK);
	assert_int_equal(strlen(verdict_get(v, "a")), 65536 - 15);
	responder_stop(&r);
	verdict_free(v);

	v = verdict_new();
	r.reply_len = 65537;
	r.stop = 0;
	responder_start(&r);
	ask(v, ipc_a, NULL, LONG_MS, VERDICT_MALFORMED);
	responder_stop(&r);
	verdict_free(v);
}

/* --- Servers that fail ---------------------------------------------------- */

static void
test_dead(void **state)
{
	struct verdict *v = verdict_new();
	char want[256];

	(void)state;
	assert_in_range(
	    ask(v, ipc_none, NULL, 300, VERDICT_UNREACHABLE), 299, SOON_MS);
	snprintf(want, sizeof(want), "nothing listens at %s", ipc_none);
	assert_string_equal(verdict_problem(v), want);
	verdict_free(v);
}

static void
test_hung(void **state)
{
	struct responder r = {.endpoint = ipc_a};
	struct verdict *v = verdict_new();
	char want[256];

	(void)state;
	responder_start(&r);
	assert_in_range(
	    ask(v, ipc_a, NULL, 300, VERDICT_UNREACHABLE), 299, SOON_MS);
	snprintf(want, sizeof(want), "no answer from %s within 300 ms", ipc_a);
	assert_string_equal(verdict_problem(v), want);
	responder_stop(&r);
	verdict_free(v);
}

/* A server that is away costs next to nothing. */
static void
test_dead_then_good(void **state)
{
	struct responder r = {.endpoint = ipc_b, .reply = "verdict/1 ok\n"};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&r);
	assert_in_range(
	    ask(v, ipc_none, ipc_b, LONG_MS, VERDICT_OK), 0, SOON_MS);
	responder_stop(&r);
	verdict_free(v);
}

/* One that hangs costs its share of the time, here a half. */
static void
test_hung_then_good(void **state)
{
	struct responder a = {.endpoint = ipc_a};
	struct responder b = {.endpoint = ipc_b, .reply = "verdict/1 ok\n"};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&a);
	responder_start(&b);
	assert_in_range(ask(v, ipc_a, ipc_b, 3000, VERDICT_OK), 1499, SOON_MS);
	/* What is left is what the second one hears. */
	assert_in_range(
	    strtol(strstr(b.question, "timeout_ms=") + 11, NULL, 10), 1, 1501);
	responder_stop(&a);
	responder_stop(&b);
	verdict_free(v);
}

/* A slow one stays in the race after the other was asked. */
static struct responder silent;

static const char *
after_the_other(const char *question)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	(void)question;
	while (silent.questions == 0)
		nanosleep(&pause, NULL);
	return ("verdict/1 ok\nby=a\n");
}

static void
test_slow_wins(void **state)
{
	struct responder a = {.endpoint = ipc_a, .answer = after_the_other};
	struct verdict *v = verdict_new();

	(void)state;
	silent = (struct responder){.endpoint = ipc_b};
	responder_start(&a);
	responder_start(&silent);
	ask(v, ipc_a, ipc_b, 3000, VERDICT_OK);
	assert_string_equal(verdict_get(v, "by"), "a");
	responder_stop(&a);
	responder_stop(&silent);
	verdict_free(v);
}

/* nanomsg may have lost the question with the connection, and not know it. */
static const char *
second_time(const char *question)
{
	static int count;

	(void)question;
	return (count++ == 0 ? NULL : "verdict/1 ok\n");
}

static void
test_silent_once(void **state)
{
	struct responder r = {.endpoint = ipc_a, .answer = second_time};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&r);
	assert_in_range(ask(v, ipc_a, NULL, 3000, VERDICT_OK), 1499, SOON_MS);
	assert_int_equal(r.questions, 2);
	responder_stop(&r);
	verdict_free(v);
}

static void
test_both_fail(void **state)
{
	struct responder a = {.endpoint = ipc_a};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&a);
	assert_in_range(
	    ask(v, ipc_a, ipc_none, 300, VERDICT_UNREACHABLE), 299, SOON_MS);
	responder_stop(&a);
	verdict_free(v);
}

/* Busy or broken: on to the next at once; the last word if there is none. */
static void
test_useless_then_good(void **state)
{
	const char *useless[] = {"verdict/1 busy\n", "rubbish"};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct responder a = {.endpoint = ipc_a, .reply = useless[i]};
		struct responder b = {
		    .endpoint = ipc_b, .reply = "verdict/1 ok\n"};
		struct verdict *v = verdict_new();

		responder_start(&a);
		responder_start(&b);
		assert_in_range(
		    ask(v, ipc_a, ipc_b, LONG_MS, VERDICT_OK), 0, SOON_MS);
		responder_stop(&a);
		responder_stop(&b);
		verdict_free(v);
	}
}

static void
test_busy_then_dead(void **state)
{
	struct responder a = {.endpoint = ipc_a, .reply = "verdict/1 busy\n"};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&a);
	assert_in_range(ask(v, ipc_a, ipc_none, 300, VERDICT_BUSY), 0, SOON_MS);
	responder_stop(&a);
	verdict_free(v);
}

/* A daemon that is being restarted is waited for. */
static void
test_late_start(void **state)
{
	struct responder r = {
	    .endpoint = ipc_a, .reply = "verdict/1 ok\n", .delay_ms = 200};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&r);
	assert_in_range(ask(v, ipc_a, NULL, LONG_MS, VERDICT_OK), 190, SOON_MS);
	responder_stop(&r);
	verdict_free(v);
}

/* One that dies between question and answer is asked again. */
static void
test_killed_between(void **state)
{
	struct responder r = {
	    .endpoint = ipc_a, .reply = "verdict/1 ok\n", .forget = 1};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&r);
	assert_in_range(ask(v, ipc_a, NULL, LONG_MS, VERDICT_OK), 0, SOON_MS);
	assert_int_equal(r.questions, 2);
	responder_stop(&r);
	verdict_free(v);
}

/* One that is being stopped is asked again: its successor answers. */
static const char *
stopping_once(const char *question)
{
	static int count;

	(void)question;
	return (
	    count++ == 0 ? "verdict/1 busy\nstopping=yes\n" : "verdict/1 ok\n");
}

static void
test_stopping(void **state)
{
	struct responder r = {.endpoint = ipc_a, .answer = stopping_once};
	struct responder busy = {
	    .endpoint = ipc_b, .reply = "verdict/1 busy\nstopping=yes\n"};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&r);
	assert_in_range(ask(v, ipc_a, NULL, LONG_MS, VERDICT_OK), 190, SOON_MS);
	responder_stop(&r);
	verdict_free(v);
	/* If there is none, no longer than there is time. */
	v = verdict_new();
	responder_start(&busy);
	assert_in_range(ask(v, ipc_b, NULL, 1500, VERDICT_BUSY), 1490, SOON_MS);
	assert_string_equal(verdict_problem(v), "the server is being stopped");
	assert_in_range(busy.questions, 2, 8);
	responder_stop(&busy);
	verdict_free(v);
}

/* A process that is frozen accepts connections, since the kernel does. */
static void
test_frozen(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct responder b = {.endpoint = ipc_b, .reply = "verdict/1 ok\n"};
	struct verdict *v = verdict_new();
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	strcpy(address.sun_path, ipc_a + strlen("ipc://"));
	unlink(address.sun_path);
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	responder_start(&b);
	assert_in_range(
	    ask(v, ipc_a, ipc_b, LONG_MS, VERDICT_OK), 240, SOON_MS);
	verdict_free(v);
	responder_stop(&b);
	close(fd);
	unlink(address.sun_path);
}

static void
test_hedge(void **state)
{
	struct responder a = {.endpoint = ipc_a};
	struct responder b = {.endpoint = ipc_b, .reply = "verdict/1 ok\n"};
	struct verdict *v = verdict_new();

	(void)state;
	responder_start(&a);
	responder_start(&b);
	verdict_hedge(v, 60);
	assert_in_range(ask(v, ipc_a, ipc_b, LONG_MS, VERDICT_OK), 59, SOON_MS);
	verdict_free(v);
	setenv("VERDICT_HEDGE", "30", 1);
	v = verdict_new();
	assert_in_range(ask(v, ipc_a, ipc_b, LONG_MS, VERDICT_OK), 29, SOON_MS);
	verdict_free(v);
	setenv("VERDICT_HEDGE", "soon", 1);
	v = verdict_new();
	ask(v, ipc_a, ipc_b, LONG_MS, VERDICT_UNREACHABLE);
	assert_string_equal(
	    verdict_problem(v), "VERDICT_HEDGE: not milliseconds");
	verdict_free(v);
	unsetenv("VERDICT_HEDGE");
	responder_stop(&a);
	responder_stop(&b);
}

/* The only file in `memory` gets another time; -1 if it is not the only one. */
static int
memory_age(const char *memory, int seconds)
{
	char path[600] = "";
	struct timespec times[2];
	DIR *stream = opendir(memory);
	const struct dirent *entry;
	int count = 0;

	assert_non_null(stream);
	while ((entry = readdir(stream)) != NULL)
		if (entry->d_name[0] != '.') {
			snprintf(
			    path, sizeof(path), "%s/%s", memory, entry->d_name);
			count++;
		}
	closedir(stream);
	if (count != 1)
		return (-1);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= seconds;
	times[1] = times[0];
	return (utimensat(AT_FDCWD, path, times, 0));
}

/* What one process has learnt of a server, the next one uses. */
static void
ask_remembering(const char *memory)
{
	struct verdict *v = verdict_new();

	assert_int_equal(verdict_state(v, memory), 0);
	ask(v, ipc_a, ipc_b, 3000, VERDICT_OK);
	verdict_free(v);
}

static void
test_memory(void **state)
{
	struct responder a = {.endpoint = ipc_a};
	struct responder b = {.endpoint = ipc_b, .reply = "verdict/1 ok\n"};
	char memory[96];

	(void)state;
	snprintf(memory, sizeof(memory), "%s/memory", directory);
	responder_start(&a);
	responder_start(&b);
	/* Without the directory it works, too, but nothing is learnt. */
	ask_remembering(memory);
	assert_int_equal(mkdir(memory, 0700), 0);
	ask_remembering(memory);
	assert_int_equal(a.questions, 2);
	ask_remembering(memory);
	assert_int_equal(a.questions, 2);
	/* After a while it is tried again, by one. */
	assert_int_equal(memory_age(memory, 11), 0);
	ask_remembering(memory);
	ask_remembering(memory);
	assert_int_equal(a.questions, 3);
	responder_stop(&a);
	/* One that answers again is the first again. */
	a.stop = 0;
	a.reply = "verdict/1 ok\n";
	responder_start(&a);
	assert_int_equal(memory_age(memory, 11), 0);
	ask_remembering(memory);
	ask_remembering(memory);
	assert_int_equal(a.questions, 5);
	assert_int_equal(memory_age(memory, 0), -1);
	responder_stop(&a);
	responder_stop(&b);
	assert_int_equal(rmdir(memory), 0);
}

/* At a port below those that the kernel hands out; false: at none. */
static bool
tcp_ask(const char *address)
{
	char endpoint[64];
	struct responder r = {.endpoint = endpoint, .reply = "verdict/1 ok\n"};
	struct verdict *v;
	int port = 2000 + getpid() % 30000, end = port + 100;

	do {
		if (port == end)
			return (false);
		snprintf(
		    endpoint, sizeof(endpoint), "tcp://%s:%d", address, port++);
	} while (responder_try(&r) == -1);
	v = verdict_new();
	ask(v, endpoint, NULL, LONG_MS, VERDICT_OK);
	responder_stop(&r);
	verdict_free(v);
	v = verdict_new();
	ask(v, endpoint, NULL, 200, VERDICT_UNREACHABLE);
	assert_memory_equal(verdict_problem(v), "nothing listens", 15);
	verdict_free(v);
	return (true);
}

static void
test_tcp(void **state)
{
	(void)state;
	assert_true(tcp_ask("127.0.0.1"));
	if (!tcp_ask("[::1]"))
		print_message("# no IPv6 here\n");
}

/* --- Mistakes of the caller ----------------------------------------------- */

static void
test_mistakes(void **state)
{
	static char large[70000];
	struct verdict *v = verdict_new();
	int i;

	(void)state;
	assert_string_equal(verdict_problem(v), "");
	assert_int_equal(verdict_send(v), VERDICT_USAGE);
	verdict_ask(v, "two words");
	assert_int_equal(verdict_send(v), VERDICT_USAGE);
	verdict_ask(v, "");
	assert_int_equal(verdict_send(v), VERDICT_USAGE);
	verdict_ask(v, "check");
	verdict_add(v, "a=b\nc", "1");
	verdict_add(v, "d", "1");
	assert_int_equal(verdict_send(v), VERDICT_USAGE);
	assert_string_equal(verdict_problem(v),
	    "the name of a field has letters, digits and _");
	memset(large, 'x', sizeof(large) - 1);
	verdict_ask(v, "check");
	verdict_add(v, "a", large);
	assert_int_equal(verdict_send(v), VERDICT_USAGE);
	large[1000] = '\0';
	verdict_ask(v, "check");
	for (i = 0; i < 66; i++)
		verdict_add(v, "a", large);
	assert_int_equal(verdict_send(v), VERDICT_USAGE);
	assert_string_equal(
	    verdict_problem(v), "the question does not fit into a message");
	verdict_free(v);
	verdict_free(NULL);
}

static void
test_environment(void **state)
{
	struct responder r = {.endpoint = ipc_b, .reply = "verdict/1 ok\n"};
	struct verdict *v;
	char list[256];

	(void)state;
	responder_start(&r);
	snprintf(list, sizeof(list), "  %s   %s ", ipc_none, ipc_b);
	setenv("VERDICT_SERVERS", list, 1);
	v = verdict_new();
	verdict_ask(v, "ping");
	assert_int_equal(verdict_send(v), VERDICT_OK);
	verdict_free(v);
	setenv("VERDICT_SERVERS", "tcp://nowhere:1", 1);
	v = verdict_new();
	verdict_ask(v, "ping");
	assert_int_equal(verdict_send(v), VERDICT_UNREACHABLE);
	assert_memory_equal(verdict_problem(v), "VERDICT_SERVERS: tcp:", 21);
	/* What was given goes before it. */
	assert_int_equal(verdict_server(v, ipc_b), 0);
	assert_int_equal(verdict_send(v), VERDICT_OK);
	verdict_free(v);
	unsetenv("VERDICT_SERVERS");
	responder_stop(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_endpoints),
	    cmocka_unit_test(test_answer),
	    cmocka_unit_test(test_timeout_given),
	    cmocka_unit_test(test_replies),
	    cmocka_unit_test(test_large_replies),
	    cmocka_unit_test(test_dead),
	    cmocka_unit_test(test_hung),
	    cmocka_unit_test(test_dead_then_good),
	    cmocka_unit_test(test_hung_then_good),
	    cmocka_unit_test(test_slow_wins),
	    cmocka_unit_test(test_silent_once),
	    cmocka_unit_test(test_both_fail),
	    cmocka_unit_test(test_useless_then_good),
	    cmocka_unit_test(test_busy_then_dead),
	    cmocka_unit_test(test_late_start),
	    cmocka_unit_test(test_killed_between),
	    cmocka_unit_test(test_stopping),
	    cmocka_unit_test(test_frozen),
	    cmocka_unit_test(test_hedge),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_tcp),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_environment),
	};

	return (
	    cmocka_run_group_tests(tests, directory_make, directory_remove));
}
