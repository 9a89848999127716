/* SPDX-License-Identifier: ISC */
/*
 * Asks verdictd the same or many questions, many at a time, and checks every
 * answer: for tests of crowds and for load.
 *
 *	flood -s ENDPOINT [-n COUNT] [-j CONNECTIONS] [-w WINDOW]
 *	    [-m DISTINCT] [-t SECONDS] [-k KEYS] [-e LINE]... VERB [name=value]...
 *
 *	-n	questions in all [1]
 *	-j	connections [1]; each is a raw REQ socket
 *	-w	questions outstanding on each connection [64], the most that a
 *		nanomsg server is sure to answer all
 *	-m	%d in a value counts from 0 to DISTINCT - 1 and again [COUNT]
 *	-t	give up after so long without any answer [10]
 *	-k	seal the questions with the first key of this file; what cannot be
 *		opened is wrong
 *	-e	a line that each "ok" answer must have, at least up to a space;
 *		it may hold %d too
 *
 * Prints one line of name=value. Exit: 0 when all were answered as expected,
 * 1 when not (busy, error, wrong, lost), 100 usage, 111 no socket.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

#include "keyring.h"
#include "seal.h"

#define MESSAGE_MAX   65536
#define WINDOW_MAX    64
#define EXPECT_MAX    8
#define CONNECT_PAUSE 5 /* ms between tries to send while not connected */
#define REQUEST_BIT   UINT32_C(0x80000000) /* ends a nanomsg backtrace */

struct order {
	const char *endpoint;
	long count, connections, window, distinct, patience;
	const char *expect[EXPECT_MAX];
	int expects;
	int words; /* VERB and fields */
	char **word;
	const struct seal_key *key; /* NULL: in the clear */
};

/* What the daemon wants to see in a sealed question; of the last answer. */
static uint8_t cookie[SEAL_COOKIE];

struct tally {
	long sent, answered, ok, busy, error, wrong;
	char example[512]; /* the first answer that was not as expected */
};

struct connection {
	int sock;
	long outstanding;
};

/* A question's request id is its index here. */
struct question {
	int64_t sent;	 /* microseconds */
	int64_t latency; /* -1: not answered yet */
	struct connection *by;
	struct seal_mark mark;
};

/* The header nanomsg wants beside a raw message: the request id. */
union control {
	struct nn_cmsghdr align;
	char octets[NN_CMSG_SPACE(sizeof(size_t) + sizeof(uint32_t) * 9)];
};

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Appends `text` to `buf` with each %d replaced; cut off at MESSAGE_MAX. */
static size_t
expand(char *buf, size_t len, const char *text, long number)
{
	for (; *text != '\0' && len + 24 < MESSAGE_MAX; text++) {
		if (text[0] == '%' && text[1] == 'd') {
			len += (size_t)sprintf(buf + len, "%ld", number);
			text++;
		} else
			buf[len++] = *text;
	}
	buf[len] = '\0';
	return (len);
}

static size_t
question_write(char *buf, const struct order *order, long index)
{
	size_t len = expand(buf, 0, "verdict/1 ", 0);

	for (int i = 0; i < order->words; i++) {
		len = expand(buf, len, order->word[i], index % order->distinct);
		len = expand(buf, len, "\n", 0);
	}
	return (len);
}

/* Returns 0, or -1 when the socket takes nothing now. */
static int
question_send(struct connection *to, const struct order *order,
    struct question *question, long index)
{
	static uint8_t sealed[MESSAGE_MAX + SEAL_OVERHEAD];
	char buf[MESSAGE_MAX];
	uint32_t id = htonl((uint32_t)index | REQUEST_BIT);
	size_t size = sizeof id;
	union control control;
	struct nn_iovec iov = {buf, question_write(buf, order, index)};
	struct nn_msghdr msg = {
	    &iov, 1, &control, NN_CMSG_SPACE(sizeof size + sizeof id)};

	if (order->key != NULL) {
		iov.iov_len = seal_request(sealed, order->key, cookie, buf,
		    iov.iov_len, &question->mark);
		iov.iov_base = sealed;
	}
	memset(&control, 0, sizeof control);
	control.align.cmsg_len = NN_CMSG_LEN(sizeof size + sizeof id);
	control.align.cmsg_level = PROTO_SP;
	control.align.cmsg_type = SP_HDR;
	memcpy(NN_CMSG_DATA(&control.align), &size, sizeof size);
	memcpy(NN_CMSG_DATA(&control.align) + sizeof size, &id, sizeof id);
	return (nn_sendmsg(to->sock, &msg, NN_DONTWAIT) < 0 ? -1 : 0);
}

/* `line` is one of the lines of `answer`, or all of one before a space. */
static bool
answer_has(const char *answer, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = answer; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, line, len) == 0 &&
		    strchr("\n ", at[len]) != NULL)
			return (true);
	}
	return (false);
}

static bool
answer_expected(const struct order *order, const char *answer, long index)
{
	char line[MESSAGE_MAX];

	for (int i = 0; i < order->expects; i++) {
		expand(line, 0, order->expect[i], index % order->distinct);
		if (!answer_has(answer, line))
			return (false);
	}
	return (true);
}

static void
answer_count(struct tally *tally, const struct order *order, const char *answer,
    long index)
{
	bool good = false;

	if (answer_has(answer, "verdict/1 busy"))
		tally->busy++;
	else if (answer_has(answer, "verdict/1 error"))
		tally->error++;
	else if (answer_has(answer, "verdict/1 ok") &&
		 answer_expected(order, answer, index)) {
		tally->ok++;
		good = true;
	} else
		tally->wrong++;
	if (!good && tally->example[0] == '\0')
		snprintf(
		    tally->example, sizeof tally->example, "%.500s", answer);
}

/* The text of a sealed answer in its place. Returns its length, or -1. */
static int
answer_open(const struct order *order, const struct question *question,
    char *buf, int len)
{
	static char text[MESSAGE_MAX + SEAL_OVERHEAD];
	const ssize_t n = seal_open_reply(text, order->key, (uint8_t *)buf,
	    (size_t)len, cookie, &question->mark);

	if (n > 0)
		memcpy(buf, text, (size_t)n);
	return ((int)n);
}

/* Takes one answer; returns 0, or -1 when there is none now. */
static int
answer_take(int sock, const struct order *order, struct question *questions,
    struct tally *tally)
{
	char buf[MESSAGE_MAX + SEAL_OVERHEAD + 1];
	union control control;
	uint32_t id;
	struct nn_iovec iov = {buf, sizeof(buf) - 1};
	struct nn_msghdr msg = {&iov, 1, &control, sizeof control};
	struct question *question;
	int len = nn_recvmsg(sock, &msg, NN_DONTWAIT);

	if (len < 0)
		return (-1);
	memcpy(&id, NN_CMSG_DATA(&control.align) + sizeof(size_t), sizeof id);
	id = ntohl(id) & ~REQUEST_BIT;
	if ((long)id >= tally->sent || questions[id].latency >= 0) {
		tally->wrong++; /* an answer to no question of ours */
		return (0);
	}
	question = &questions[id];
	if (order->key != NULL) {
		len = answer_open(order, question, buf, len);
		/* No text: it has a new cookie, and wants the question anew. */
		if (len == 0 &&
		    question_send(question->by, order, question, (long)id) == 0)
			return (0);
	}
	buf[len < 0 ? 0 : len] = '\0';
	question->latency = now() - question->sent;
	question->by->outstanding--;
	tally->answered++;
	answer_count(tally, order, buf, (long)id);
	return (0);
}

/* Fills the windows. Returns false when a socket would not take more. */
static bool
windows_fill(struct connection *connections, const struct order *order,
    struct question *questions, struct tally *tally)
{
	bool all = true;

	for (long i = 0; i < order->connections; i++) {
		struct connection *c = &connections[i];

		while (c->outstanding < order->window &&
		       tally->sent < order->count) {
			struct question *question = &questions[tally->sent];

			question->sent = now();
			question->latency = -1;
			question->by = c;
			if (question_send(c, order, question, tally->sent) !=
			    0) {
				all = false;
				break;
			}
			tally->sent++;
			c->outstanding++;
		}
	}
	return (all);
}

static void
run(const struct order *order, struct connection *connections,
    struct pollfd *fds, struct question *questions, struct tally *tally)
{
	int64_t progress = now();

	while (tally->answered < order->count &&
	       now() - progress < order->patience * 1000000) {
		bool all = windows_fill(connections, order, questions, tally);

		if (poll(fds, (nfds_t)order->connections,
			all ? 100 : CONNECT_PAUSE) < 0 &&
		    errno != EINTR)
			break;
		for (long i = 0; i < order->connections; i++)
			while (fds[i].revents != 0 &&
			       answer_take(connections[i].sock, order,
				   questions, tally) == 0)
				progress = now();
	}
}

static int
connect_one(const char *endpoint)
{
	int sock = nn_socket(AF_SP_RAW, NN_REQ), interval = CONNECT_PAUSE;

	if (sock < 0 ||
	    nn_setsockopt(sock, NN_SOL_SOCKET, NN_RECONNECT_IVL, &interval,
		sizeof interval) != 0 ||
	    nn_connect(sock, endpoint) < 0) {
		fprintf(stderr, "flood: %s: %s\n", endpoint,
		    nn_strerror(nn_errno()));
		exit(111);
	}
	return (sock);
}

static void
connect_all(const struct order *order, struct connection *connections,
    struct pollfd *fds)
{
	size_t size = sizeof fds->fd;

	for (long i = 0; i < order->connections; i++) {
		connections[i].sock = connect_one(order->endpoint);
		fds[i].events = POLLIN;
		nn_getsockopt(connections[i].sock, NN_SOL_SOCKET, NN_RCVFD,
		    &fds[i].fd, &size);
	}
}

static int
latency_compare(const void *a, const void *b)
{
	int64_t x = ((const struct question *)a)->latency;
	int64_t y = ((const struct question *)b)->latency;

	return (x > y) - (x < y);
}

/* Sorts the questions. */
static void
report(const struct order *order, struct question *questions,
    const struct tally *tally, double seconds)
{
	long lost = tally->sent - tally->answered, n = tally->answered;
	const struct question *answered;

	qsort(
	    questions, (size_t)tally->sent, sizeof *questions, latency_compare);
	answered = questions + lost; /* unanswered ones, -1, come first */
	printf("sent=%ld unsent=%ld ok=%ld busy=%ld error=%ld wrong=%ld "
	       "lost=%ld seconds=%.3f per_second=%.0f",
	    tally->sent, order->count - tally->sent, tally->ok, tally->busy,
	    tally->error, tally->wrong, lost, seconds,
	    seconds > 0 ? (double)n / seconds : 0);
	if (n > 0)
		printf(" p50_us=%lld p99_us=%lld max_us=%lld",
		    (long long)answered[n / 2].latency,
		    (long long)answered[n * 99 / 100].latency,
		    (long long)answered[n - 1].latency);
	putchar('\n');
	if (tally->example[0] != '\0')
		fprintf(stderr, "flood: the first that was not expected:\n%s\n",
		    tally->example);
}

static void
usage(void)
{
	fputs("usage: flood -s ENDPOINT [-n COUNT] [-j CONNECTIONS] "
	      "[-w WINDOW] [-m DISTINCT] [-t SECONDS] [-e LINE]... "
	      "VERB [name=value]...\n",
	    stderr);
	exit(100);
}

static long
number_read(const char *text, long max)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*end != '\0' || number < 1 || number > max) {
		fprintf(stderr, "flood: %s is not from 1 to %ld\n", text, max);
		exit(100);
	}
	return (number);
}

static const struct seal_key *
key_read(const char *path)
{
	static struct keyring ring;
	char error[256];

	if (seal_init() == -1 ||
	    keyring_read(&ring, path, error, sizeof error) == -1) {
		fprintf(stderr, "flood: %s\n", error);
		exit(100);
	}
	return (&ring.key[0]);
}

static void
option_read(struct order *order, int option)
{
	switch (option) {
	case 'k':
		order->key = key_read(optarg);
		break;
	case 's':
		order->endpoint = optarg;
		break;
	case 'n':
		order->count = number_read(optarg, 100000000);
		break;
	case 'j':
		order->connections = number_read(optarg, 500);
		break;
	case 'w':
		order->window = number_read(optarg, WINDOW_MAX);
		break;
	case 'm':
		order->distinct = number_read(optarg, 100000000);
		break;
	case 't':
		order->patience = number_read(optarg, 3600);
		break;
	case 'e':
		if (order->expects == EXPECT_MAX)
			usage();
		order->expect[order->expects++] = optarg;
		break;
	default:
		usage();
	}
}

static struct order
order_read(int argc, char **argv)
{
	struct order order = {
	    .count = 1, .connections = 1, .window = WINDOW_MAX, .patience = 10};
	int option;

	while ((option = getopt(argc, argv, "e:j:k:m:n:s:t:w:")) != -1)
		option_read(&order, option);
	order.words = argc - optind;
	order.word = argv + optind;
	if (order.endpoint == NULL || order.words < 1)
		usage();
	if (order.distinct == 0)
		order.distinct = order.count;
	return (order);
}

int
main(int argc, char **argv)
{
	struct order order = order_read(argc, argv);
	struct tally tally = {0};
	struct question *questions =
	    calloc((size_t)order.count, sizeof *questions);
	struct connection *connections =
	    calloc((size_t)order.connections, sizeof *connections);
	struct pollfd *fds = calloc((size_t)order.connections, sizeof *fds);
	int64_t start;

	if (questions == NULL || connections == NULL || fds == NULL) {
		fputs("flood: out of memory\n", stderr);
		return (111);
	}
	connect_all(&order, connections, fds);
	start = now();
	run(&order, connections, fds, questions, &tally);
	report(&order, questions, &tally, (double)(now() - start) / 1e6);
	fflush(stdout);
	/* Closing hundreds of sockets one by one takes long; exit does not. */
	_exit(tally.ok == order.count ? 0 : 1);
}
