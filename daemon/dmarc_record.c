/* SPDX-License-Identifier: ISC */
#include "dmarc_record.h"

#include <string.h>
#include <strings.h>

#include "abnf.h"
#include "arena.h"
#include "taglist.h"

/*
 * RFC 9989 4.7: "v" is the first tag and its value, in this case only, is
 * DMARC1; else the record is none. By the grammar of 4.8 nothing stands
 * before the "v". The octet behind the text is a NUL.
 */
static bool
has_version(const char *text, size_t len)
{
	static const char version[] = "DMARC1";
	const char *p = text, *end = text + len;

	if (*p++ != 'v')
		return (false);
	while (abnf_is_wsp(*p))
		p++;
	if (*p++ != '=')
		return (false);
	while (abnf_is_wsp(*p))
		p++;
	if (strncmp(p, version, strlen(version)) != 0)
		return (false);
	p += strlen(version);
	while (abnf_is_wsp(*p))
		p++;
	return (p == end || *p == ';');
}

/* Several remarks stand one behind the other. */
static void
record_remark(
    struct arena *arena, struct dmarc_record *record, const char *remark)
{
	if (record->problem == NULL)
		record->problem = remark;
	else
		record->problem =
		    arena_printf(arena, "%s; %s", record->problem, remark);
}

/* 4.8: dmarc-value = %x20-3A / %x3C-7E, at least one. */
static bool
is_value(const struct tag *tag)
{
	size_t i;

	for (i = 0; i < tag->len; i++) {
		if (tag->value[i] < ' ' || tag->value[i] > '~')
			return (false);
	}
	return (tag->len > 0);
}

/*
 * The index of the tag's value among `words`; `otherwise` if the tag is absent
 * or its value none of them, which is remarked.
 */
static int
tag_choice(struct arena *arena, struct dmarc_record *record,
    const struct tag *list, const char *name, const char *const words[],
    int otherwise)
{
	const struct tag *tag = taglist_find(list, name);
	int i;

	if (tag == NULL)
		return (otherwise);
	for (i = 0; words[i] != NULL; i++) {
		if (tag_is(tag, words[i]))
			return (i);
	}
	record_remark(arena, record,
	    arena_printf(arena, "%s= is not valid and was ignored", name));
	return (otherwise);
}

static const char *
tag_text(const struct tag *list, const char *name)
{
	const struct tag *tag = taglist_find(list, name);

	return (tag != NULL && is_value(tag) ? tag->value : "");
}

/* RFC 7489 6.3: an integer between 0 and 100. */
static int
tag_percent(const struct tag *list)
{
	const struct tag *tag = taglist_find(list, "pct");
	size_t i;
	int pct = 0;

	if (tag == NULL || tag->len == 0 || tag->len > 3)
		return (100);
	for (i = 0; i < tag->len; i++) {
		if (!abnf_is_digit(tag->value[i]))
			return (100);
		pct = 10 * pct + tag->value[i] - '0';
	}
	return (pct <= 100 ? pct : 100);
}

/* 4.8: obs-dmarc-report-size, "!10m" behind the URI, is read over. */
static size_t
uri_length(const char *uri, size_t len)
{
	size_t end = len, digits;

	if (end > 0 && strchr("kmgtKMGT", uri[end - 1]) != NULL)
		end--;
	for (digits = end; end > 0 && abnf_is_digit(uri[end - 1]); end--)
		;
	return (end > 0 && end < digits && uri[end - 1] == '!' ? end - 1 : len);
}

/* RFC 3986 3.1: scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) */
static bool
is_scheme(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (!abnf_is_alpha(text[i]) &&
		    (i == 0 || !abnf_is_digit(text[i])) &&
		    (i == 0 || strchr("+-.", text[i]) == NULL))
			return (false);
	}
	return (len > 0);
}

/* RFC 3986 2: what a URI is made of; "!" must be encoded here (4.8). */
static bool
is_uri_text(const char *text, size_t len)
{
	for (; len > 0; text++, len--) {
		if (!abnf_is_alpha(*text) && !abnf_is_digit(*text) &&
		    strchr("-._~:/?#[]@$&'()*+;=%", *text) == NULL)
			return (false);
	}
	return (true);
}

static bool
is_uri(const char *uri, size_t len)
{
	const char *colon = memchr(uri, ':', len), *rest, *at;
	size_t scheme, left;

	if (colon == NULL)
		return (false);
	scheme = (size_t)(colon - uri);
	rest = colon + 1;
	left = len - scheme - 1;
	if (!is_scheme(uri, scheme) || left == 0 || !is_uri_text(rest, left))
		return (false);
	if (scheme != strlen("mailto") ||
	    strncasecmp(uri, "mailto", scheme) != 0)
		return (true);
	/* RFC 6068 2, as far as there must be a mailbox. */
	at = memchr(rest, '@', left);
	return (at != NULL && at > rest && at + 1 < rest + left);
}

/* Does a comma-separated list hold at least one valid reporting URI? */
static bool
has_uri(const char *list)
{
	size_t len, trimmed;

	while (*list != '\0') {
		len = strcspn(list, ",");
		while (len > 0 && abnf_is_wsp(*list)) {
			list++;
			len--;
		}
		trimmed = len;
		while (trimmed > 0 && abnf_is_wsp(list[trimmed - 1]))
			trimmed--;
		if (is_uri(list, uri_length(list, trimmed)))
			return (true);
		list += len;
		if (*list == ',')
			list++;
	}
	return (false);
}

enum { POLICY_ABSENT = -1, POLICY_BAD = -2 };

static int
tag_policy(const struct tag *list, const char *name)
{
	static const char *const words[] = {"none", "quarantine", "reject"};
	const struct tag *tag = taglist_find(list, name);
	int i;

	if (tag == NULL)
		return (POLICY_ABSENT);
	for (i = DMARC_POLICY_NONE; i <= DMARC_POLICY_REJECT; i++) {
		if (tag_is(tag, words[i]))
			return (i);
	}
	return (POLICY_BAD);
}

/*
 * 4.10.1: a record without a valid p, or with an invalid sp or np, is p=none
 * if somebody wants reports, and otherwise as good as none. A missing p is
 * treated the same: 4.7, which takes it for p=none, refers to 4.10.1.
 */
static void
record_policies(struct arena *arena, struct dmarc_record *record,
    const struct tag *list, const struct dmarc_options *options)
{
	const char *wrong;
	int p = tag_policy(list, "p"), sp = tag_policy(list, "sp");
	int np = POLICY_ABSENT;

	if (options->discovery == DMARC_TREE_WALK)
		np = tag_policy(list, "np");
	wrong = p == POLICY_ABSENT ? "p= is missing"
		: p == POLICY_BAD  ? "p= is not valid"
		: sp == POLICY_BAD ? "sp= is not valid"
		: np == POLICY_BAD ? "np= is not valid"
				   : NULL;
	record->usable = wrong == NULL || has_uri(record->rua);
	if (wrong != NULL) {
		record_remark(arena, record,
		    arena_printf(arena, "%s: %s", wrong,
			record->usable ? "taken as p=none"
				       : "not usable without a valid rua="));
		p = DMARC_POLICY_NONE;
		sp = np = POLICY_ABSENT;
	}
	record->p = (enum dmarc_policy)p;
	record->sp = sp >= 0 ? (enum dmarc_policy)sp : record->p;
	record->np = np >= 0 ? (enum dmarc_policy)np : record->sp;
}

static void
record_parse(struct arena *arena, const char *text, size_t len,
    const struct dmarc_options *options, struct dmarc_record *record)
{
	static const char *const modes[] = {"r", "s", NULL};
	static const char *const psds[] = {"u", "n", "y", NULL};
	static const char *const flags[] = {"n", "y", NULL};
	const struct tag *list = taglist_parse(arena, text, len), *tag;

	*record = (struct dmarc_record){.text = text, .pct = 100};
	for (tag = list; tag != NULL && !tag->bad; tag = tag->next)
		;
	if (tag != NULL)
		record_remark(
		    arena, record, "what is not tag=value was ignored");
	record->rua = tag_text(list, "rua");
	record->ruf = tag_text(list, "ruf");
	record->fo = tag_text(list, "fo");
	record->adkim = (enum dmarc_mode)tag_choice(
	    arena, record, list, "adkim", modes, DMARC_RELAXED);
	record->aspf = (enum dmarc_mode)tag_choice(
	    arena, record, list, "aspf", modes, DMARC_RELAXED);
	if (options->discovery == DMARC_TREE_WALK) {
		record->psd = (enum dmarc_psd)tag_choice(
		    arena, record, list, "psd", psds, DMARC_PSD_U);
		record->t = tag_choice(arena, record, list, "t", flags, 0) == 1;
	}
	/* RFC 9989 has no pct (A.6); RFC 7489 always has. */
	if (options->discovery == DMARC_PSL || options->pct)
		record->pct = tag_percent(list);
	record_policies(arena, record, list, options);
}

enum dmarc_record_count
dmarc_record_choose(struct arena *arena, const struct rrset *set,
    const struct dmarc_options *options, struct dmarc_record *record)
{
	struct rdata rdata = {.data = NULL};
	const char *text, *chosen = NULL;
	size_t len, chosen_len = 0;

	while (rrset_next(set, &rdata)) {
		text = rdata_txt(arena, &rdata, &len);
		if (!has_version(text, len))
			continue;
		if (chosen != NULL)
			return (DMARC_RECORD_SEVERAL);
		chosen = text;
		chosen_len = len;
	}
	if (chosen == NULL)
		return (DMARC_RECORD_NO);
	record_parse(arena, chosen, chosen_len, options, record);
	return (DMARC_RECORD_ONE);
}
