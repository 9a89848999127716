/* SPDX-License-Identifier: ISC */
/*
 * What verdict-check(8) and verdict-spp(8) have in common: they are started
 * once for a client, by programs that leave descriptors closed, and must know
 * what to do when there is nobody to ask.
 */
#ifndef STUB_PROGRAM_H
#define STUB_PROGRAM_H

#include <stdbool.h>

#include "stub_conf.h"

/*
 * qmail-smtpd starts its plugins with standard input closed. A descriptor of
 * ours must not get the number of a standard one. Returns 0 or -1.
 */
int program_open_standard_fds(void);

/* "NAME: ...", one line of printable characters on standard error. */
void program_complain(const char *name, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

enum program_fallback {
	FALLBACK_ACCEPT,
	FALLBACK_DEFER,
	FALLBACK_MISTAKE /* the setting is neither */
};

enum program_fallback program_fallback(const struct stub_conf *conf);

/*
 * RFC 5321 4.5.3.1.2: a domain has at most 255 octets. Of what is longer only
 * this is taken, with the NUL: no client may make a question too long to be
 * asked, and so get what is for a daemon that does not answer.
 */
#define PROGRAM_HELO_MAX 512

/*
 * The client as the server's environment has it (tcp-environ(5)). NULL where
 * there is none.
 */
const char *program_client_ip(void);
const char *program_client_helo(void);
/* It may send mail to anywhere, and is not judged. */
bool program_client_relays(void);

#endif
