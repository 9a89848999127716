/* SPDX-License-Identifier: ISC */
/*
 * Exit statuses for programs that have a meaning of their own for them:
 * qmail-command(8), condredirect(1), maildropfilter(7).
 */
#include "cli.h"

#include <string.h>

static const struct {
	const char *name;
	int accept, reject, quarantine, temporary, usage;
} styles[] = {
    {"plain", CLI_ACCEPT, CLI_REJECT, CLI_QUARANTINE, CLI_TEMPORARY, CLI_USAGE},
    /* 0: go on; 99: stop here, and all is well; 100: bounce; 111: again.
     * A mistake of ours is to be mended, so no mail bounces for it. */
    {"qmail", 0, 100, 0, 111, 111},
    {"qmail-stop", 0, 99, 99, 111, 111},
    /* 0: redirect; 111: again; any other: go on. */
    {"condredirect", 1, 0, 0, 111, 111},
    /* EX_NOPERM: bounce; EX_TEMPFAIL: again (sysexits.h). */
    {"maildrop", 0, 77, 2, 75, 75},
};

int
cli_exit_style(struct cli *cli, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		if (strcmp(styles[i].name, name) != 0)
			continue;
		cli->style = i;
		return (0);
	}
	cli_complain("-x %s: there is plain, qmail, qmail-stop, condredirect "
		     "and maildrop",
	    name);
	return (-1);
}

int
cli_exit(const struct cli *cli, int status)
{
	switch ((enum cli_exit)status) {
	case CLI_ACCEPT:
		return (styles[cli->style].accept);
	case CLI_REJECT:
		return (styles[cli->style].reject);
	case CLI_QUARANTINE:
		return (styles[cli->style].quarantine);
	case CLI_USAGE:
		return (styles[cli->style].usage);
	case CLI_TEMPORARY:
		break;
	}
	return (styles[cli->style].temporary);
}
