/* SPDX-License-Identifier: ISC */
#include <stddef.h>
#include <string.h>

#include "preset.h"

/* What RFC 9989 7.2 asks of the reply: that it names DMARC and the domain. */
#define DMARC_REPLY                                                            \
	"  reply = \"5.7.1 Email rejected per DMARC policy for %{from}\"\n"

#define RFC9989_RULES                                                          \
	"rule \"dmarc reject\" {\n"                                            \
	"  when = \"dmarc is fail and policy is reject\"\n"                    \
	"  action = reject\n" DMARC_REPLY "}\n"                                \
	"rule \"dmarc quarantine\" {\n"                                        \
	"  when = \"dmarc is fail and policy is quarantine\"\n"                \
	"  action = quarantine\n"                                              \
	"}\n"

static const char rfc9989[] =
    "# RFC 9989 5.3.5: one aligned pass, SPF or DKIM, is enough. A message\n"
    "# that fails gets what its author domain asks for.\n" RFC9989_RULES;

static const char both_must_pass[] =
    "# The strict reading: SPF and DKIM must both pass, aligned. This is\n"
    "# stricter than RFC 9989 5.3.5: forwarded mail loses its aligned SPF\n"
    "# and will be refused.\n"
    "rule \"both must pass, reject\" {\n"
    "  when = \"policy is reject and not (dkim_aligned and spf_aligned)\"\n"
    "  action = reject\n"
    "  reply = \"5.7.26 SPF and DKIM must both pass for %{from}\"\n"
    "}\n"
    "rule \"both must pass, quarantine\" {\n"
    "  when = \"policy is quarantine and "
    "not (dkim_aligned and spf_aligned)\"\n"
    "  action = quarantine\n"
    "}\n";

static const char askdns_score[] =
    "# The scores that SpamAssassin sites give with AskDNS: 10 for reject, 5\n"
    "# for quarantine, 0.1 for none, when neither DKIM nor SPF passes. Unlike\n"
    "# there, a pass counts only if it is aligned: any forger's own domain\n"
    "# passes SPF. For the letter of the recipe, write \"spf is pass\" in\n"
    "# place of \"spf_aligned\".\n"
    "score { quarantine = 5 reject = 10 }\n"
    "rule \"askdns reject\" {\n"
    "  when = \"policy is reject and not (dkim_aligned or spf_aligned)\"\n"
    "  score = 10\n"
    "}\n"
    "rule \"askdns quarantine\" {\n"
    "  when = \"policy is quarantine and "
    "not (dkim_aligned or spf_aligned)\"\n"
    "  score = 5\n"
    "}\n"
    "rule \"askdns none\" {\n"
    "  when = \"policy is none and not (dkim_aligned or spf_aligned)\"\n"
    "  score = 0.1\n"
    "}\n";

static const char monitor[] =
    "# Never acts. What rfc9989 would have done is counted, and named in the\n"
    "# reply as \"shadow\".\n"
    "rule \"dmarc reject\" {\n"
    "  when = \"dmarc is fail and policy is reject\"\n"
    "  action = reject\n"
    "  shadow = true\n"
    "}\n"
    "rule \"dmarc quarantine\" {\n"
    "  when = \"dmarc is fail and policy is quarantine\"\n"
    "  action = quarantine\n"
    "  shadow = true\n"
    "}\n";

static const char spf_first[] =
    "# As rfc9989; and where the author domain publishes no DMARC policy, a\n"
    "# hard fail of SPF is refused (RFC 7208 8.4). Where it publishes one,\n"
    "# DKIM has its chance first (RFC 9989 5.3.5).\n"
    "rule \"spf fail\" {\n"
    "  when = \"spf is fail and has_from and policy is absent\"\n"
    "  action = reject\n"
    "  reply = \"5.7.23 SPF: %{client_ip} may not send for %{spf_domain}\"\n"
    "}\n" RFC9989_RULES;

static const struct {
	const char *name, *summary, *text;
} presets[] = {
    {"rfc9989", "one aligned pass is enough, as the standard says", rfc9989},
    {"both-must-pass", "SPF and DKIM must both pass: the strict reading",
	both_must_pass},
    {"askdns-score", "the scores 10, 5 and 0.1 of SpamAssassin sites",
	askdns_score},
    {"monitor", "never acts, counts what rfc9989 would have done", monitor},
    {"spf-first", "rfc9989, and SPF fail refused where there is no policy",
	spf_first},
};

#define PRESETS (sizeof(presets) / sizeof(presets[0]))

const char *
preset_text(const char *name)
{
	size_t i;

	for (i = 0; i < PRESETS; i++)
		if (strcmp(presets[i].name, name) == 0)
			return (presets[i].text);
	return (NULL);
}

const char *
preset_name(unsigned index)
{
	return (index < PRESETS ? presets[index].name : NULL);
}

const char *
preset_summary(unsigned index)
{
	return (index < PRESETS ? presets[index].summary : NULL);
}
