/* SPDX-License-Identifier: ISC */
#include "spf_memo.h"

#include <string.h>

#include "arena.h"
#include "stats.h"

/* An evaluation of one record costs no more than remembering it. */
#define RECORDS_MIN 2
/* Longer ones are not mail, and not remembered. */
#define KEY_MAX	  1200
#define VALUE_MAX 2048
/* See view.c: records are renewed in the last tenth of their life. */
#define RENEW_FRACTION 10

/*
 * A key begins with it. Another one, whenever the layout changes, or what an
 * evaluation concludes from the same records: what stands in a cache's file
 * from before is then not found any more.
 */
#define TAG "spf2"

/* What the answer depends on beside address, identity and domain. */
#define READ_LOCAL 1
#define READ_HELO  2

/* A cursor over octets, in or out; once it fails it stays failed. */
struct octets {
	uint8_t *at, *end;
	bool failed;
};

static void
put(struct octets *out, const void *data, size_t len)
{
	if (out->failed || (size_t)(out->end - out->at) < len) {
		out->failed = true;
		return;
	}
	if (len > 0)
		memcpy(out->at, data, len);
	out->at += len;
}

static void
take(struct octets *in, void *data, size_t len)
{
	if (in->failed || (size_t)(in->end - in->at) < len) {
		in->failed = true;
		memset(data, 0, len);
		return;
	}
	memcpy(data, in->at, len);
	in->at += len;
}

/* NULL and "" are different. */
static void
put_text(struct octets *out, const char *text)
{
	const uint16_t len = text == NULL ? UINT16_MAX : (uint16_t)strlen(text);

	put(out, &len, sizeof(len));
	if (text != NULL)
		put(out, text, len);
}

static const char *
take_text(struct octets *in, struct arena *arena)
{
	const char *text;
	uint16_t len;

	take(in, &len, sizeof(len));
	if (in->failed || len == UINT16_MAX)
		return (NULL);
	if ((size_t)(in->end - in->at) < len) {
		in->failed = true;
		return (NULL);
	}
	text = arena_strndup(arena, (const char *)in->at, len);
	in->at += len;
	return (text);
}

/*
 * The key holds the strings as they were asked, in their case, since parts of
 * the answer repeat them. With a null reverse-path the HELO name is what is
 * checked (RFC 7208 2.4), so it is always in.
 */
static size_t
key_write(uint8_t key[KEY_MAX], const struct spf_question *q, uint8_t reads)
{
	struct octets out = {key, key + KEY_MAX, false};
	const char *at = strrchr(q->mail_from, '@');
	const uint8_t kind =
	    q->identity == SPF_HELO || *q->mail_from == '\0' ? 'h' : 'm';

	put(&out, TAG, strlen(TAG));
	put(&out, &kind, 1);
	put(&out, &reads, 1);
	put(&out, &q->client_ip, sizeof(q->client_ip));
	/* For %{r}: it may have been configured anew since. */
	put_text(&out, q->receiver);
	put_text(&out, at == NULL ? q->mail_from : at + 1);
	if (kind == 'h' || (reads & READ_HELO) != 0)
		put_text(&out, q->helo);
	if (kind == 'h' || (reads & READ_LOCAL) != 0)
		put_text(&out, q->mail_from);
	return (out.failed ? 0 : (size_t)(out.at - key));
}

/*
 * A value begins with what the answer depends on. Under the shortest key may
 * stand only that: the answer is then under the longer key.
 */
struct head {
	int64_t made, expires;
	uint32_t asked; /* records read */
	uint8_t reads, result, identity, dnssec;
};

/* Takes all that is left of the value; false if that is no answer. */
static bool
answer_take(struct octets *in, const struct head *head, struct arena *arena,
    struct spf_answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->result = (enum spf_result)head->result;
	answer->identity = (enum spf_identity)head->identity;
	answer->domain = take_text(in, arena);
	answer->mechanism = take_text(in, arena);
	answer->problem = take_text(in, arena);
	answer->explanation = take_text(in, arena);
	answer->read_local = (head->reads & READ_LOCAL) != 0;
	answer->read_helo = (head->reads & READ_HELO) != 0;
	answer->read.asked = head->asked;
	answer->read.dnssec = (enum dnssec)head->dnssec;
	answer->read.expires = head->expires;
	return (!in->failed && in->at == in->end && answer->domain != NULL &&
		answer->mechanism != NULL);
}

static bool
head_is_usable(const struct head *head, int64_t asof)
{
	return (head->made - asof <= RRSET_FUTURE &&
		head->expires - asof >
		    (head->expires - head->made) / RENEW_FRACTION);
}

/* 1: `answer` is there; 0: it is not; and *reads what the key must hold. */
static int
recall(struct view *view, const struct spf_question *question, uint8_t *reads,
    struct spf_answer *answer)
{
	uint8_t key[KEY_MAX], value[VALUE_MAX];
	const size_t keylen = key_write(key, question, *reads);
	struct octets in = {value, value, false};
	struct head head;
	const uint8_t *stored;
	size_t len;

	stored = keylen == 0 ? NULL : view_recall(view, key, keylen, &len);
	if (stored == NULL || len > sizeof(value))
		return (0);
	memcpy(value, stored, len);
	in.end = value + len;
	take(&in, &head, sizeof(head));
	if (in.failed || !head_is_usable(&head, view_asof(view)))
		return (0);
	if (head.reads != *reads) {
		*reads = head.reads;
		return (0);
	}
	return (answer_take(&in, &head, view_arena(view), answer) ? 1 : 0);
}

static void
remember_at(struct view *view, const struct spf_question *question,
    uint8_t key_reads, const struct head *head, const struct spf_answer *answer)
{
	uint8_t key[KEY_MAX], value[VALUE_MAX];
	struct octets out = {value, value + sizeof(value), false};
	const size_t keylen = key_write(key, question, key_reads);

	put(&out, head, sizeof(*head));
	if (answer != NULL) {
		put_text(&out, answer->domain);
		put_text(&out, answer->mechanism);
		put_text(&out, answer->problem);
		put_text(&out, answer->explanation);
	}
	if (keylen > 0 && !out.failed)
		view_remember(view, key, keylen, value,
		    (size_t)(out.at - value), head->expires);
}

static void
remember(struct view *view, const struct spf_question *question,
    const struct spf_answer *answer)
{
	const struct view_scope *read = &answer->read;
	const struct head head = {
	    .reads = (uint8_t)((answer->read_local ? READ_LOCAL : 0) |
			       (answer->read_helo ? READ_HELO : 0)),
	    .result = (uint8_t)answer->result,
	    .identity = (uint8_t)answer->identity,
	    .dnssec = (uint8_t)read->dnssec,
	    .made = view_asof(view),
	    .expires = read->expires,
	    .asked = read->asked,
	};

	if (answer->read_time || read->missing > 0 || read->failed > 0 ||
	    read->stale > 0 || read->asked < RECORDS_MIN ||
	    read->expires == INT64_MAX ||
	    !head_is_usable(&head, view_asof(view)))
		return;
	if (head.reads != 0)
		remember_at(view, question, 0, &head, NULL);
	remember_at(view, question, head.reads, &head, answer);
}

void
spf_recall(struct view *view, const struct spf_question *question,
    struct spf_answer *answer)
{
	uint8_t reads = 0;
	int found = recall(view, question, &reads, answer);

	if (!found && reads != 0)
		found = recall(view, question, &reads, answer);
	if (!found) {
		spf_check(view, question, answer);
		remember(view, question, answer);
		return;
	}
	stat_count(STAT_REMEMBERED);
	view_account(view, &answer->read);
}

/* As key_write() has it. */
static bool
key_take(
    struct spf_memo *memo, struct arena *arena, const void *key, size_t keylen)
{
	uint8_t copy[KEY_MAX], tag[sizeof(TAG) - 1], kind, reads;
	struct octets in = {copy, copy + keylen, false};

	if (keylen > sizeof(copy))
		return (false);
	memcpy(copy, key, keylen);
	take(&in, tag, sizeof(tag));
	take(&in, &kind, 1);
	take(&in, &reads, 1);
	take(&in, &memo->client_ip, sizeof(memo->client_ip));
	if (in.failed || memcmp(tag, TAG, sizeof(tag)) != 0)
		return (false);
	take_text(&in, arena); /* the receiver */
	memo->asked = take_text(&in, arena);
	if (kind == 'h' || (reads & READ_HELO) != 0)
		memo->helo = take_text(&in, arena);
	if (kind == 'h' || (reads & READ_LOCAL) != 0)
		memo->mail_from = take_text(&in, arena);
	return (!in.failed && in.at == in.end && memo->asked != NULL);
}

bool
spf_memo_read(struct spf_memo *memo, struct arena *arena, const void *key,
    size_t keylen, const void *value, size_t len)
{
	uint8_t copy[VALUE_MAX];
	struct octets in = {copy, copy + len, false};
	struct head head;

	memset(memo, 0, sizeof(*memo));
	if (len > sizeof(copy) || !key_take(memo, arena, key, keylen))
		return (false);
	memcpy(copy, value, len);
	take(&in, &head, sizeof(head));
	memo->made = head.made;
	return (answer_take(&in, &head, arena, &memo->answer));
}
