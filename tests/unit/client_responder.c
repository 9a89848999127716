/* SPDX-License-Identifier: ISC */
#include "client_responder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>

static int
endpoint_open(const char *endpoint)
{
	int socket, off = 0, wait_ms = 5;

	socket = nn_socket(AF_SP, NN_REP);
	if (socket < 0)
		return (-1);
	nn_setsockopt(
	    socket, NN_SOL_SOCKET, NN_RCVTIMEO, &wait_ms, sizeof(wait_ms));
	if (strchr(endpoint, '[') != NULL)
		nn_setsockopt(
		    socket, NN_SOL_SOCKET, NN_IPV4ONLY, &off, sizeof(off));
	if (nn_bind(socket, endpoint) < 0) {
		nn_close(socket);
		return (-1);
	}
	return (socket);
}

static void
sleep_ms(int ms)
{
	usleep((useconds_t)ms * 1000);
}

static void
question_answer(struct responder *r, int socket, const char *reply)
{
	int n = nn_recv(socket, r->question, sizeof(r->question) - 1, 0);
	size_t len = r->reply_len;

	if (n < 0)
		return;
	if ((size_t)n >= sizeof(r->question))
		n = sizeof(r->question) - 1;
	r->question[n] = '\0';
	r->questions++;
	if (r->answer != NULL)
		reply = r->answer(r->question);
	if (reply != NULL)
		nn_send(socket, reply, len > 0 ? len : strlen(reply), 0);
}

static void *
responder_run(void *arg)
{
	struct responder *r = arg;
	int socket;

	sleep_ms(r->delay_ms);
	socket = endpoint_open(r->endpoint);
	r->open = socket < 0 ? -1 : 1;
	if (socket < 0)
		return (NULL);
	/* Dies with a question in its hands, and starts again. */
	while (r->forget > 0 && r->questions < r->forget && !r->stop)
		question_answer(r, socket, NULL);
	if (r->forget > 0) {
		nn_close(socket);
		sleep_ms(50);
		socket = endpoint_open(r->endpoint);
	}
	while (!r->stop)
		question_answer(r, socket, r->reply);
	nn_close(socket);
	return (NULL);
}

int
responder_try(struct responder *r)
{
	r->open = 0;
	assert_int_equal(pthread_create(&r->thread, NULL, responder_run, r), 0);
	while (r->delay_ms == 0 && r->open == 0)
		sleep_ms(1);
	if (r->open != -1)
		return (0);
	pthread_join(r->thread, NULL);
	return (-1);
}

void
responder_start(struct responder *r)
{
	assert_int_equal(responder_try(r), 0);
}

void
responder_stop(struct responder *r)
{
	r->stop = 1;
	pthread_join(r->thread, NULL);
}
