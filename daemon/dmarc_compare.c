/* SPDX-License-Identifier: ISC */
#include "dmarc_compare.h"

#include <stdio.h>

#include "log.h"
#include "stats.h"

enum dmarc_difference
dmarc_difference(const struct dmarc *a, const struct dmarc *b)
{
	/* What DNS failed to tell is no difference between the methods. */
	if (a->status == DMARC_TEMPERROR || b->status == DMARC_TEMPERROR)
		return (DMARC_NOT_COMPARED);
	if (a->status != b->status)
		return (DMARC_POLICY_DIFFERS);
	/* Without a policy nothing is ever aligned, so no domain matters. */
	if (a->status == DMARC_NONE)
		return (DMARC_SAME);
	if (a->policy != b->policy)
		return (DMARC_POLICY_DIFFERS);
	if (a->org_known != TRI_TRUE || b->org_known != TRI_TRUE)
		return (DMARC_NOT_COMPARED);
	return (dname_equal(&a->org_domain, &b->org_domain)
		    ? DMARC_SAME
		    : DMARC_ORG_DIFFERS);
}

#define RESULT_TEXT_MAX (2 * DNAME_TEXT_MAX + 32)

/* "reject by example.com, organization example.com" */
static const char *
result_text(const struct dmarc *dmarc, char buf[RESULT_TEXT_MAX])
{
	char policy[DNAME_TEXT_MAX], org[DNAME_TEXT_MAX];

	if (dmarc->status != DMARC_FOUND)
		return ("no policy");
	snprintf(buf, RESULT_TEXT_MAX, "%s by %s, organization %s",
	    dmarc_policy_text(dmarc->policy),
	    dname_text(&dmarc->policy_domain, policy),
	    dmarc->org_known == TRI_TRUE ? dname_text(&dmarc->org_domain, org)
					 : "unknown");
	return (buf);
}

static void
difference_log(const struct dmarc *walk, const struct dmarc *psl)
{
	char name[DNAME_TEXT_MAX];
	char walk_text[RESULT_TEXT_MAX], psl_text[RESULT_TEXT_MAX];

	log_info("dmarc.differs name=%s tree_walk=\"%s\" psl=\"%s\"",
	    dname_text(&walk->author, name), result_text(walk, walk_text),
	    result_text(psl, psl_text));
}

static void
find(struct view *view, const struct dmarc_options *options,
    enum dmarc_discovery discovery, const struct dname *author,
    struct dmarc *dmarc)
{
	struct dmarc_options way = *options;

	way.discovery = discovery;
	dmarc_find(view, author, &way, dmarc);
}

void
dmarc_compare(struct view *view, const struct dmarc_options *options,
    const struct dname *author)
{
	struct dmarc walk, psl;
	enum dmarc_difference difference;

	find(view, options, DMARC_TREE_WALK, author, &walk);
	find(view, options, DMARC_PSL, author, &psl);
	if (view_missing(view))
		return;
	difference = dmarc_difference(&walk, &psl);
	if (difference == DMARC_NOT_COMPARED)
		return;
	stat_count(STAT_COMPARED);
	if (difference == DMARC_SAME)
		return;
	stat_count(difference == DMARC_POLICY_DIFFERS ? STAT_POLICY_DIFFERS
						      : STAT_ORG_DIFFERS);
	difference_log(&walk, &psl);
}
