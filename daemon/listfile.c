/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listfile.h"
#include "log.h"

/* A domain of 253 octets, a comment of the usual length, and room. */
#define LINE_OCTETS_MAX 2048

/* An address family's number before the address keeps the families apart. */
#define KEY_OCTETS 17

/* All keys from first to last, both included. */
struct range {
	uint8_t first[KEY_OCTETS];
	uint8_t last[KEY_OCTETS];
};

/*
 * Domains and words stand one behind the other in `blob`, each as its length
 * (two octets) and its octets; `slot` is a hash table of offsets into it, 0
 * for empty, which holds because the blob begins with an octet of padding.
 * One million domains take 17 MB and 8 MB. Addresses are sorted, disjoint
 * ranges.
 */
struct listfile {
	enum listfile_kind kind;
	size_t count;

	uint8_t *blob;
	size_t blob_used, blob_size;
	uint32_t *slot;
	size_t slots; /* a power of two */

	struct range *range;
	size_t range_size;
};

static void *
grow(void *old, size_t *size, size_t need, size_t width)
{
	void *new;

	if (need <= *size)
		return (old);
	*size = need + need / 2;
	new = realloc(old, *size * width);
	if (new == NULL)
		fatal(111, "list_memory octets=%zu", *size * width);
	return (new);
}

struct listfile *
listfile_new(enum listfile_kind kind)
{
	struct listfile *list = calloc(1, sizeof(*list));

	if (list == NULL)
		fatal(111, "list_memory octets=%zu", sizeof(*list));
	list->kind = kind;
	return (list);
}

void
listfile_free(struct listfile *list)
{
	if (list == NULL)
		return;
	free(list->blob);
	free(list->slot);
	free(list->range);
	free(list);
}

static int __attribute__((format(printf, 2, 3)))
refuse(struct listfile_error *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error->line = 0;
	(void)vsnprintf(error->message, sizeof(error->message), fmt, ap);
	va_end(ap);
	return (-1);
}

/* ---- domains and words ------------------------------------------------ */

/*
 * FNV-1a from the last octet to the first, so that the hash of a name goes
 * on from the hash of its parent. Unkeyed: the entries are the
 * administrator's, so a stranger cannot make them collide.
 */
#define HASH_START 14695981039346656037ULL
#define HASH_PRIME 1099511628211ULL

static uint64_t
hash_back(uint64_t hash, const uint8_t *octets, size_t len)
{
	while (len > 0)
		hash = (hash ^ octets[--len]) * HASH_PRIME;
	return (hash);
}

/* The slot that holds the octets, or the empty one where they belong. */
static size_t
slot_find(const struct listfile *list, uint64_t hash, const uint8_t *octets,
    size_t len)
{
	size_t i;

	/* FNV's low bits are its weakest. */
	for (i = (hash ^ hash >> 32) & (list->slots - 1); list->slot[i] != 0;
	     i = (i + 1) & (list->slots - 1)) {
		const uint8_t *entry = list->blob + list->slot[i];

		if ((size_t)(entry[0] << 8 | entry[1]) == len &&
		    memcmp(entry + 2, octets, len) == 0)
			break;
	}
	return (i);
}

static int
blob_add(struct listfile *list, const uint8_t *octets, size_t len,
    struct listfile_error *error)
{
	size_t need;

	if (list->blob_used == 0)
		list->blob_used = 1; /* offset 0 is the empty slot */
	need = list->blob_used + 2 + len;
	if (need > UINT32_MAX)
		return (refuse(error, "the list is larger than 4 GB"));
	list->blob = grow(list->blob, &list->blob_size, need, 1);
	list->blob[list->blob_used] = (uint8_t)(len >> 8);
	list->blob[list->blob_used + 1] = (uint8_t)len;
	memcpy(list->blob + list->blob_used + 2, octets, len);
	list->blob_used = need;
	return (0);
}

static int
domain_add(struct listfile *list, const char *text, size_t len,
    struct listfile_error *error)
{
	struct dname name;
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c > 0x7e)
			return (refuse(error,
			    "\"%.*s\": write the name in its ASCII form (xn--)",
			    (int)len, text));
		if (c <= ' ' || strchr("@*/,;:()\"'\\", c) != NULL)
			return (refuse(error, "\"%.*s\" is no domain name%s",
			    (int)len, text,
			    c == '*' ? "; a name alone stands for all below it"
			    : c == '@' ? "; give only what is behind the \"@\""
				       : ""));
	}
	if (len > 0 && text[0] == '.')
		return (refuse(error,
		    "\"%.*s\": leave the first dot out; "
		    "a name stands for itself and all below it",
		    (int)len, text));
	if (dname_from_octets(&name, text, len) != 0)
		return (refuse(
		    error, "\"%.*s\" is no domain name", (int)len, text));
	return (blob_add(list, name.wire, name.len, error));
}

static int
word_add(struct listfile *list, const char *text, size_t len,
    struct listfile_error *error)
{
	uint8_t lower[LINE_OCTETS_MAX];
	size_t i;

	if (len > sizeof(lower))
		return (refuse(
		    error, "an entry of over %d octets", LINE_OCTETS_MAX));
	for (i = 0; i < len; i++)
		lower[i] =
		    (uint8_t)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20
							       : text[i]);
	return (blob_add(list, lower, len, error));
}

/* The size is known, so the table is made once; half of it stays empty. */
static void
table_build(struct listfile *list)
{
	size_t offset, slots = 8;

	while (slots < list->count * 2)
		slots *= 2;
	list->slots = slots;
	list->slot = calloc(slots, sizeof(*list->slot));
	if (list->slot == NULL)
		fatal(
		    111, "list_memory octets=%zu", slots * sizeof(*list->slot));
	list->count = 0;
	for (offset = 1; offset < list->blob_used;) {
		const uint8_t *entry = list->blob + offset;
		size_t len = (size_t)(entry[0] << 8 | entry[1]);
		uint64_t hash = hash_back(HASH_START, entry + 2, len);
		size_t i = slot_find(list, hash, entry + 2, len);

		if (list->slot[i] == 0) {
			list->slot[i] = (uint32_t)offset;
			list->count++;
		}
		offset += 2 + len;
	}
}

bool
listfile_has_domain(const struct listfile *list, const struct dname *name)
{
	uint8_t label[DNAME_MAX / 2 + 1]; /* where each begins */
	unsigned at = 0, end, labels = 0;
	uint64_t hash;

	if (list->kind != LISTFILE_DOMAINS || list->count == 0)
		return (false);
	for (; name->wire[at] != 0; at += name->wire[at] + 1U)
		label[labels++] = (uint8_t)at;
	/* From the top level down: the hash goes on from label to label. */
	end = at;
	hash = hash_back(HASH_START, name->wire + at, 1);
	while (labels > 0) {
		const uint8_t *suffix = name->wire + label[--labels];
		size_t i;

		hash = hash_back(hash, suffix, end - label[labels]);
		end = label[labels];
		i = slot_find(list, hash, suffix, name->len - end);
		if (list->slot[i] != 0)
			return (true);
	}
	return (false);
}

bool
listfile_has_word(const struct listfile *list, const char *word)
{
	uint8_t lower[LINE_OCTETS_MAX];
	size_t i;

	if (list->kind != LISTFILE_WORDS || list->count == 0)
		return (false);
	for (i = 0; word[i] != '\0'; i++) {
		if (i == sizeof(lower))
			return (false);
		lower[i] =
		    (uint8_t)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] | 0x20
							       : word[i]);
	}
	return (list->slot[slot_find(
		    list, hash_back(HASH_START, lower, i), lower, i)] != 0);
}

/* ---- addresses -------------------------------------------------------- */

static void
key_from_address(uint8_t key[KEY_OCTETS], const struct ipaddr *ip)
{
	memset(key, 0, KEY_OCTETS);
	key[0] = ip->octets;
	memcpy(key + 1, ip->addr, ip->octets);
}

/* Fills the range of a prefix. Returns -1 if bits are set behind it. */
static int
range_from_prefix(struct range *range, const struct ipaddr *ip, unsigned bits)
{
	unsigned i;

	key_from_address(range->first, ip);
	key_from_address(range->last, ip);
	for (i = bits; i < ip->octets * 8U; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		if ((range->first[1 + i / 8] & bit) != 0)
			return (-1);
		range->last[1 + i / 8] |= bit;
	}
	return (0);
}

/* The digits of a prefix length, or -1. */
static int
prefix_bits(const char *text, unsigned limit)
{
	unsigned bits = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && p < text + 3; p++)
		bits = bits * 10 + (unsigned)(*p - '0');
	return (p == text || *p != '\0' || bits > limit ? -1 : (int)bits);
}

static int
address_add(struct listfile *list, const char *text, size_t len,
    struct listfile_error *error)
{
	char copy[IPADDR_TEXT_MAX + 4], *slash;
	struct ipaddr ip;
	struct range range;
	int bits;

	if (len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return (refuse(
		    error, "\"%.*s\" is no address or prefix", (int)len, text));
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (ipaddr_from_text(&ip, copy) != 0)
		return (refuse(
		    error, "\"%.*s\" is no address or prefix", (int)len, text));
	bits = (int)ip.octets * 8;
	if (slash != NULL) {
		bits = prefix_bits(slash + 1, ip.octets * 8U);
		if (bits < 0)
			return (refuse(error,
			    "\"%.*s\": the prefix length is 0 to %u", (int)len,
			    text, ip.octets * 8U));
	}
	if (range_from_prefix(&range, &ip, (unsigned)bits) != 0)
		return (refuse(error,
		    "\"%.*s\": there are bits set behind the first %d",
		    (int)len, text, bits));
	list->range = grow(list->range, &list->range_size, list->count + 1,
	    sizeof(*list->range));
	list->range[list->count] = range; /* the caller counts */
	return (0);
}

static int
range_order(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (memcmp(x->first, y->first, KEY_OCTETS));
}

/* Sorts, and joins what overlaps, so that one range at most can match. */
static void
ranges_build(struct listfile *list)
{
	size_t from, to = 0;

	if (list->count == 0)
		return;
	qsort(list->range, list->count, sizeof(*list->range), range_order);
	for (from = 1; from < list->count; from++) {
		struct range *next = &list->range[from];
		struct range *last = &list->range[to];

		if (memcmp(next->first, last->last, KEY_OCTETS) > 0)
			list->range[++to] = *next;
		else if (memcmp(next->last, last->last, KEY_OCTETS) > 0)
			memcpy(last->last, next->last, KEY_OCTETS);
	}
	list->count = to + 1;
}

bool
listfile_has_address(const struct listfile *list, const struct ipaddr *ip)
{
	uint8_t key[KEY_OCTETS];
	size_t low = 0, high = list->count;

	if (list->kind != LISTFILE_ADDRESSES || ip->octets == 0)
		return (false);
	key_from_address(key, ip);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(list->range[middle].last, key, KEY_OCTETS) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return (low < list->count &&
		memcmp(list->range[low].first, key, KEY_OCTETS) <= 0);
}

/* ---- all kinds -------------------------------------------------------- */

int
listfile_add(struct listfile *list, const char *text, size_t len,
    struct listfile_error *error)
{
	int status = -1;

	if (list->count == LISTFILE_ENTRIES_MAX)
		return (refuse(
		    error, "more than %d entries", LISTFILE_ENTRIES_MAX));
	switch (list->kind) {
	case LISTFILE_DOMAINS:
		status = domain_add(list, text, len, error);
		break;
	case LISTFILE_ADDRESSES:
		status = address_add(list, text, len, error);
		break;
	case LISTFILE_WORDS:
		status = word_add(list, text, len, error);
		break;
	}
	if (status == 0)
		list->count++;
	return (status);
}

void
listfile_finish(struct listfile *list)
{
	if (list->kind == LISTFILE_ADDRESSES)
		ranges_build(list);
	else
		table_build(list);
}

/* Cuts a comment and white space off. A "#" within a word is part of it. */
static const char *
line_entry(char *line, size_t *len)
{
	char *p, *start = line + strspn(line, " \t");

	for (p = start; *p != '\0'; p++)
		if (*p == '#' && (p == start || p[-1] == ' ' || p[-1] == '\t'))
			break;
	while (p > start && strchr(" \t\r\n", p[-1]) != NULL)
		p--;
	*len = (size_t)(p - start);
	return (start);
}

/*
 * fgets() does not tell how much it has read, so a NUL shows as a line that
 * ends too early: without its newline, or short of where the file stands.
 */
static int
load_lines(struct listfile *list, FILE *file, struct listfile_error *error)
{
	char line[LINE_OCTETS_MAX];
	unsigned number = 0;
	off_t read = 0;
	int status = 0;

	while (status == 0 && fgets(line, sizeof(line), file) != NULL) {
		size_t len = strlen(line);
		bool whole = len > 0 && line[len - 1] == '\n';
		const char *entry;

		number++;
		read += (off_t)len;
		if (!whole && (!feof(file) || ftello(file) != read)) {
			status = refuse(error,
			    "a line with a NUL, or of over %d octets",
			    LINE_OCTETS_MAX - 2);
			break;
		}
		entry = line_entry(line, &len);
		if (len > 0)
			status = listfile_add(list, entry, len, error);
	}
	if (status != 0)
		error->line = number;
	else if (ferror(file))
		status = refuse(error, "%s", strerror(errno));
	return (status);
}

int
listfile_load(
    struct listfile *list, const char *path, struct listfile_error *error)
{
	struct stat st;
	FILE *file;
	int fd, status;

	/* Not blocking: a FIFO must not stop a reload. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return (refuse(error, "%s", strerror(errno)));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return (refuse(error, "not a regular file"));
	}
	file = fdopen(fd, "r");
	if (file == NULL) {
		(void)close(fd);
		return (refuse(error, "%s", strerror(errno)));
	}
	status = load_lines(list, file, error);
	(void)fclose(file);
	return (status);
}

size_t
listfile_count(const struct listfile *list)
{
	return (list->count);
}

size_t
listfile_memory(const struct listfile *list)
{
	return (sizeof(*list) + list->blob_size +
		list->slots * sizeof(*list->slot) +
		list->range_size * sizeof(*list->range));
}

/* ---- the pool --------------------------------------------------------- */

struct pooled {
	char *path; /* NULL: adopted */
	struct listfile *list;
	struct pooled *next;
};

struct listfile_pool {
	struct pooled *first;
};

struct listfile_pool *
listfile_pool_new(void)
{
	struct listfile_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		fatal(111, "list_memory octets=%zu", sizeof(*pool));
	return (pool);
}

void
listfile_pool_free(struct listfile_pool *pool)
{
	struct pooled *next;

	if (pool == NULL)
		return;
	for (; pool->first != NULL; pool->first = next) {
		next = pool->first->next;
		listfile_free(pool->first->list);
		free(pool->first->path);
		free(pool->first);
	}
	free(pool);
}

void
listfile_pool_adopt(struct listfile_pool *pool, struct listfile *list)
{
	struct pooled *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		fatal(111, "list_memory octets=%zu", sizeof(*entry));
	entry->list = list;
	entry->next = pool->first;
	pool->first = entry;
}

const struct listfile *
listfile_pool_get(struct listfile_pool *pool, const char *path,
    enum listfile_kind kind, struct listfile_error *error)
{
	struct pooled *entry;
	struct listfile *list;

	for (entry = pool->first; entry != NULL; entry = entry->next)
		if (entry->path != NULL && strcmp(entry->path, path) == 0 &&
		    entry->list->kind == kind)
			return (entry->list);
	list = listfile_new(kind);
	if (listfile_load(list, path, error) != 0) {
		listfile_free(list);
		return (NULL);
	}
	listfile_finish(list);
	listfile_pool_adopt(pool, list);
	pool->first->path = strdup(path);
	if (pool->first->path == NULL)
		fatal(111, "list_memory octets=%zu", strlen(path));
	return (list);
}

const char *
listfile_pool_path(const struct listfile_pool *pool, size_t number)
{
	const struct pooled *entry;

	for (entry = pool->first; entry != NULL; entry = entry->next)
		if (entry->path != NULL && number-- == 0)
			return (entry->path);
	return (NULL);
}
