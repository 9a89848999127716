/* SPDX-License-Identifier: ISC */
/*
 * The least that a nanomsg server can do: answers every message with the same
 * octets. What verdictd costs is measured against it.
 *
 *	echo ENDPOINT FILE
 *
 * FILE holds the answer. Runs until it is killed.
 */
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

#define MESSAGE_MAX 65536

static char answer[MESSAGE_MAX], question[MESSAGE_MAX];
static size_t answer_len;

static void
answer_read(const char *path)
{
	FILE *in = fopen(path, "rb");

	if (in == NULL) {
		perror(path);
		exit(111);
	}
	answer_len = fread(answer, 1, sizeof(answer), in);
	fclose(in);
}

/* One message and its answer; -1 when there is none now. */
static int
turn(int sock)
{
	_Alignas(struct nn_cmsghdr) uint8_t control[64] = {0};
	struct nn_iovec iov = {question, sizeof(question)};
	struct nn_msghdr header = {&iov, 1, control, sizeof(control)};

	if (nn_recvmsg(sock, &header, NN_DONTWAIT) == -1)
		return (-1);
	iov = (struct nn_iovec){answer, answer_len};
	header.msg_controllen = NN_CMSG_FIRSTHDR(&header)->cmsg_len;
	return (nn_sendmsg(sock, &header, NN_DONTWAIT));
}

int
main(int argc, char *argv[])
{
	struct pollfd fd = {.events = POLLIN};
	size_t size = sizeof(fd.fd);
	int sock;

	if (argc != 3)
		return (100);
	answer_read(argv[2]);
	sock = nn_socket(AF_SP_RAW, NN_REP);
	if (sock == -1 || nn_bind(sock, argv[1]) == -1 ||
	    nn_getsockopt(sock, NN_SOL_SOCKET, NN_RCVFD, &fd.fd, &size) == -1) {
		fprintf(stderr, "echo: %s\n", nn_strerror(nn_errno()));
		return (111);
	}
	for (;;) {
		poll(&fd, 1, -1);
		while (turn(sock) != -1)
			;
	}
}
