/* SPDX-License-Identifier: ISC */
/*
 * Domains as mail carries them today (RFC 8616, RFC 6532): labels may be
 * U-labels in UTF-8. DNS, and every comparison in the daemon, wants A-labels.
 */
#ifndef IDN_H
#define IDN_H

#include "dname.h"

/*
 * Like dname_from_text(), but labels that are not ASCII become A-labels
 * (IDNA2008, with the mapping of UTS #46, non-transitional). ASCII labels stay
 * as they are, so that "_dmarc" and damaged names of old hosts pass through.
 * Returns 0, or -1 when `text` is no domain name.
 */
int idn_to_dname(struct dname *name, const char *text);

#endif
