/* SPDX-License-Identifier: ISC */
/* A new key for sealed messages, as a line for a file of keys. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

#include "keyring.h"
#include "seal.h"

int
ctl_keygen(const struct ctl *ctl, int argc, char **argv)
{
	struct seal_key key;
	const char *problem;
	size_t i;

	if (argc < 1 || argc > 2)
		return (ctl_misused(ctl));
	if (seal_init() == -1) {
		ctl_complain("no source of randomness");
		return (CTL_TEMPORARY);
	}
	problem = keyring_make(&key, argv[0], argc == 2 ? argv[1] : "");
	if (problem != NULL) {
		ctl_complain("keygen: %s", problem);
		return (CTL_USAGE);
	}
	printf("%s ", key.id);
	for (i = 0; i < sizeof(key.secret); i++)
		printf("%02x", key.secret[i]);
	printf("%s%s\n", key.host[0] == '\0' ? "" : " ", key.host);
	explicit_bzero(&key, sizeof(key));
	return (CTL_OK);
}
