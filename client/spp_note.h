/* SPDX-License-Identifier: ISC */
/*
 * What verdict-spp(8) tells the programs after it, in the environment as
 * VERDICT_SPP:
 *
 *	spf=fail client_ip=192.0.2.1 helo=mail.example.org mail_from=a@b.example
 *
 * The server hands a variable on until it is set again, whatever becomes of
 * the sender meanwhile: MAIL may come twice, and the second be refused or not
 * be shown to the plugin. So the note repeats whom it is about, and counts for
 * nobody else.
 */
#ifndef SPP_NOTE_H
#define SPP_NOTE_H

#include <stdbool.h>
#include <stddef.h>

#define NOTE_VARIABLE "VERDICT_SPP"
#define NOTE_MAX      4096 /* octets, with the NUL */

struct note {
	const char *spf; /* the result; "" if none was asked for */
	const char *client_ip;
	const char *helo;
	const char *mail_from;
};

/*
 * One line of printable characters; others, spaces and "%" are %HH. Returns
 * false if it does not fit.
 */
bool note_write(char buf[NOTE_MAX], const struct note *note);

/*
 * Reads `text`, which is cut up, into `note`. Returns false if it is none, or
 * about another client or sender.
 */
bool note_read(struct note *note, char *text, const char *client_ip,
    const char *mail_from);

#endif
