/* SPDX-License-Identifier: ISC */
/* A record for people to read. */
#ifndef RDATA_TEXT_H
#define RDATA_TEXT_H

#include <stdint.h>

struct arena;
struct rdata;

/* TXT as text, addresses and names as such, the rest in hexadecimal. Arena. */
const char *rdata_text(struct arena *arena, uint16_t type,
    const struct rdata *record);

#endif
