/* SPDX-License-Identifier: ISC */
/*
 * What the texts of a configuration mean. Functions of the text alone, for
 * those who check an option and those who take it.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* All: 0, or -1 if the text is none of the kind, and nothing is set. */
int conf_time(const char *text, int64_t *ms);	  /* "90", "500ms", "4h" */
int conf_size(const char *text, int64_t *octets); /* "256M" */
int conf_integer(const char *text, long *value);  /* decimal */
int conf_decimal(const char *text, double *value); /* "-0.25" */
int conf_flag(const char *text, bool *value);	  /* "yes", in any case */
int conf_mode(const char *text, mode_t *mode);	  /* octal, up to 0777 */

/* The port of "192.0.2.1" or "2001:db8::1@5300"; 0: the text is neither. */
long conf_dns_port(const char *text);
/* "example.com DS 12345 13 2 0123...CDEF", or a DNSKEY, as in a zone file. */
bool conf_is_anchor(const char *text);

/* Words of which an option is one; the last has no name. */
struct conf_choice {
	const char *name;
	int	    value;
};

extern const struct conf_choice conf_log_levels[]; /* enum log_level */
/* ... and "none", which is one more than the last level. */
extern const struct conf_choice conf_log_levels_or_none[];
extern const struct conf_choice conf_log_targets[]; /* enum log_target */
extern const struct conf_choice conf_actions[];	    /* enum rules_action */
extern const struct conf_choice conf_discoveries[]; /* enum dmarc_discovery */

/* The word's value, or -1. */
int conf_choice(const struct conf_choice *choices, const char *word);

#endif
