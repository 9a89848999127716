/* SPDX-License-Identifier: ISC */
/*
 * What the programs between a mail server and the daemon are told: from the
 * environment, so that it can differ by connection, else from client.conf.
 *
 *	# the daemon, and how long to wait for it
 *	servers = ipc:///run/verdictd/verdictd.sock
 *	timeout = 5
 *
 * "timeout" is VERDICT_TIMEOUT in the environment, and so on. What is set there
 * counts even if it is empty: then the built-in value is back.
 *
 *	stub_conf_read(&conf)
 *	servers = stub_conf_get(&conf, "servers");
 */
#ifndef STUB_CONF_H
#define STUB_CONF_H

#include <stddef.h>

#define STUB_CONF_TEXT_MAX 8192 /* octets of a file */
#define STUB_CONF_LINES	   64

struct stub_conf {
	char text[STUB_CONF_TEXT_MAX + 1]; /* the file, cut up */
	struct {
		const char *name, *value;
	}      lines[STUB_CONF_LINES];
	size_t n;
	char   problem[256]; /* why stub_conf_read() failed */
};

/*
 * Reads the file $VERDICT_CONF, else client.conf where the daemon's
 * configuration is; that one may be missing. Returns 0, or -1 and `problem`.
 */
int stub_conf_read(struct stub_conf *conf);

/* NULL if it is not set, or set to nothing. Borrowed. */
const char *stub_conf_get(const struct stub_conf *conf, const char *name);

/* A duration: "5", "5s" or "500ms". Milliseconds, or -1 if it is none. */
int stub_conf_ms(const char *text);

#endif
