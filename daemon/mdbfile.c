/* SPDX-License-Identifier: ISC */
/*
 * The format of LMDB 0.9 (data version 1), in the machine's own byte order and
 * word size. Pages 0 and 1 are meta pages; the one of the later transaction
 * holds the roots of two B+ trees: the free pages, and the main database, in
 * which the named ones stand as values. All pages but the meta ones are named
 * by exactly one tree, free, or lost.
 *
 *	page	header, offsets of nodes, room, nodes packed to the end
 *	node	header, key, then a branch's child is in the header, a leaf's
 *		value behind the key or, if large, on overflow pages
 */
#include "mdbfile.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define MAGIC	  0xBEEFC0DEU
#define VERSION	  1
#define PAGE_MAX  32768
#define DEPTH_MAX 32
#define KEY_MAX	  511
#define NO_ROOT	  SIZE_MAX

enum { PAGE_BRANCH = 0x01, PAGE_LEAF = 0x02, PAGE_OVERFLOW = 0x04 };
enum { PAGE_META = 0x08 };
enum { NODE_BIG = 0x01, NODE_TREE = 0x02 };
enum { TREE_INTEGERKEY = 0x08, TREE_KIND = 0x7f };

struct page {
	size_t number;
	uint16_t pad, flags;
	uint16_t lower, upper; /* of the room; overflow: a count in both */
};

struct node {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint16_t low, high;
#else
	uint16_t high, low;
#endif
	uint16_t flags, key_len;
};

struct root {
	uint32_t pad; /* of the free pages' tree: the page size */
	uint16_t flags, depth;
	size_t branches, leaves, overflows, entries, page;
};

struct meta {
	uint32_t magic, version;
	size_t address, mapsize;
	struct root free, main;
	size_t last, txn;
};

struct key {
	const uint8_t *data;
	size_t len;
};

struct walk {
	const uint8_t *map;
	size_t size, page; /* octets: of the file, of a page */
	size_t last;	   /* the last page in use */
	uint8_t *seen;	   /* [last + 1] */
	size_t free;	   /* pages that are free */
	const char *why;
};

enum tree_kind { TREE_FREE, TREE_MAIN, TREE_NAMED };

struct tree {
	struct walk *walk;
	enum tree_kind kind;
	struct root root;
	struct root found; /* the counts, as they are */
};

static void tree_check(
    struct walk *walk, enum tree_kind kind, const struct root *root);

/* The first problem stands. Always false, for the caller to return. */
static bool
damaged(struct walk *walk, const char *why)
{
	if (walk->why == NULL)
		walk->why = why;
	return (false);
}

static const uint8_t *
page_at(const struct walk *walk, size_t number)
{
	return (walk->map + number * walk->page);
}

static struct page
page_header(const struct walk *walk, size_t number)
{
	struct page page;

	memcpy(&page, page_at(walk, number), sizeof(page));
	return (page);
}

/* Pages that nothing else may use, and that lie in the file. */
static bool
pages_claim(struct walk *walk, size_t first, size_t count)
{
	size_t in_file = walk->size / walk->page, i;

	if (first < 2 || first > walk->last || count > walk->last - first + 1)
		return (damaged(walk, "page out of range"));
	if (first >= in_file || count > in_file - first)
		return (damaged(walk, "truncated"));
	for (i = first; i < first + count; i++) {
		if (walk->seen[i] != 0)
			return (damaged(walk, "page used twice"));
		walk->seen[i] = 1;
	}
	return (true);
}

/* --- Nodes --------------------------------------------------------------- */

static struct node
node_at(const uint8_t *page, unsigned index, size_t *offset)
{
	struct node node;
	uint16_t at;

	memcpy(&at, page + sizeof(struct page) + 2U * index, sizeof(at));
	*offset = at;
	memcpy(&node, page + at, sizeof(node));
	return (node);
}

static size_t
node_value_len(const struct node *node)
{
	return ((size_t)node->high << 16 | node->low);
}

static size_t
node_child(const struct node *node)
{
	size_t child = node_value_len(node);

#if SIZE_MAX > UINT32_MAX
	child |= (size_t)node->flags << 32;
#endif
	return (child);
}

/* Octets the node takes in its page, always an even number. */
static size_t
node_size(const struct node *node, bool branch)
{
	size_t len = sizeof(*node) + node->key_len;

	if (!branch)
		len += (node->flags & NODE_BIG) != 0 ? sizeof(size_t)
						     : node_value_len(node);
	return ((len + 1) & ~(size_t)1);
}

/*
 * The nodes fill the end of the page without overlap or gap. Their headers
 * are read only after their offsets have been found to be in the page.
 */
static bool
nodes_packed(const struct walk *walk, const uint8_t *page, unsigned count,
    size_t upper, bool branch)
{
	uint16_t size_at[PAGE_MAX / 2];
	size_t at, size, most = (walk->page - sizeof(struct page)) / 2;
	struct node node;
	uint16_t offset;
	unsigned i;

	memset(size_at, 0, walk->page / 2 * sizeof(size_at[0]));
	for (i = 0; i < count; i++) {
		memcpy(&offset, page + sizeof(struct page) + 2U * i, 2);
		if (offset < upper || offset % 2 != 0 ||
		    offset > walk->page - sizeof(node))
			return (false);
		node = node_at(page, i, &at);
		size = node_size(&node, branch);
		if (size > most || size_at[at / 2] != 0)
			return (false);
		size_at[at / 2] = (uint16_t)size;
	}
	for (at = upper; at < walk->page; at += size)
		if ((size = size_at[at / 2]) == 0 || count-- == 0)
			return (false);
	return (at == walk->page && count == 0);
}

/* How many nodes the page has; 0 if it is damaged. */
static unsigned
nodes_check(struct walk *walk, size_t number, bool branch)
{
	struct page head = page_header(walk, number);
	unsigned count;

	if (head.number != number ||
	    head.flags != (branch ? PAGE_BRANCH : PAGE_LEAF) ||
	    head.lower < sizeof(head) || head.lower % 2 != 0 ||
	    head.upper < head.lower || head.upper > walk->page) {
		damaged(walk, "page header");
		return (0);
	}
	count = (unsigned)(head.lower - sizeof(head)) / 2;
	if (count == 0 || !nodes_packed(walk, page_at(walk, number), count,
			      head.upper, branch)) {
		damaged(walk, "nodes of a page");
		return (0);
	}
	return (count);
}

/* --- Keys ---------------------------------------------------------------- */

static int
key_compare(const struct tree *tree, const struct key *a, const struct key *b)
{
	size_t one, two;
	int diff;

	if (tree->kind == TREE_FREE) {
		memcpy(&one, a->data, sizeof(one));
		memcpy(&two, b->data, sizeof(two));
		return ((one > two) - (one < two));
	}
	diff = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
	return (diff != 0 ? diff : (a->len > b->len) - (a->len < b->len));
}

/* At least `low` and less than `high`, where there are such bounds. */
static bool
key_check(struct tree *tree, const struct key *key, const struct key *low,
    const struct key *high)
{
	bool fits = tree->kind == TREE_FREE
			? key->len == sizeof(size_t)
			: key->len > 0 && key->len <= KEY_MAX;

	if (!fits || (low != NULL && key_compare(tree, key, low) < 0) ||
	    (high != NULL && key_compare(tree, key, high) >= 0))
		return (damaged(tree->walk, "key"));
	return (true);
}

/* --- Values -------------------------------------------------------------- */

/* The value on overflow pages whose first is named at `data`; NULL: damaged. */
static const uint8_t *
value_big(struct tree *tree, const uint8_t *data, size_t len)
{
	struct walk *walk = tree->walk;
	struct page head;
	size_t number;
	uint32_t count;

	memcpy(&number, data, sizeof(number));
	if (number < 2 || number >= walk->size / walk->page) {
		damaged(walk, "overflow page out of range");
		return (NULL);
	}
	head = page_header(walk, number);
	memcpy(&count, page_at(walk, number) + offsetof(struct page, lower), 4);
	/* A value that was replaced by a smaller one keeps its pages. */
	if (head.number != number || head.flags != PAGE_OVERFLOW ||
	    count < (sizeof(head) - 1 + len) / walk->page + 1) {
		damaged(walk, "overflow page");
		return (NULL);
	}
	if (!pages_claim(walk, number, count))
		return (NULL);
	tree->found.overflows += count;
	return (page_at(walk, number) + sizeof(head));
}

/* A list of free pages: their count, then their numbers, the highest first. */
static bool
free_list_check(struct walk *walk, const uint8_t *value, size_t len)
{
	size_t count, number, above = walk->last + 1, i;

	if (len < sizeof(count))
		return (damaged(walk, "free list"));
	memcpy(&count, value, sizeof(count));
	if (count > len / sizeof(count) - 1)
		return (damaged(walk, "free list"));
	for (i = 1; i <= count; i++) {
		memcpy(&number, value + i * sizeof(number), sizeof(number));
		if (number < 2 || number >= above)
			return (damaged(walk, "free list"));
		if (walk->seen[number] != 0)
			return (damaged(walk, "free page in use"));
		walk->seen[number] = 1;
		walk->free++;
		above = number;
	}
	return (true);
}

/* The value of a node with `flags` at `data`, `len` octets. */
static bool
value_check(struct tree *tree, unsigned flags, const uint8_t *data, size_t len)
{
	struct root root;

	if ((flags & NODE_BIG) != 0)
		data = value_big(tree, data, len);
	if (data == NULL)
		return (false);
	if (tree->kind == TREE_FREE && flags <= NODE_BIG)
		return (free_list_check(tree->walk, data, len));
	if (flags <= NODE_BIG)
		return (true);
	if (tree->kind != TREE_MAIN || flags != NODE_TREE ||
	    len != sizeof(root))
		return (damaged(tree->walk, "value"));
	memcpy(&root, data, sizeof(root));
	tree_check(tree->walk, TREE_NAMED, &root);
	return (tree->walk->why == NULL);
}

/* --- Trees --------------------------------------------------------------- */

static bool
leaf_check(struct tree *tree, size_t number, const struct key *low,
    const struct key *high)
{
	const uint8_t *page = page_at(tree->walk, number);
	unsigned count = nodes_check(tree->walk, number, false), i;
	struct key key = {NULL, 0}, before;
	struct node node;
	size_t at;

	tree->found.leaves++;
	tree->found.entries += count;
	for (i = 0; i < count; i++) {
		before = key;
		node = node_at(page, i, &at);
		key.data = page + at + sizeof(node);
		key.len = node.key_len;
		if (!key_check(tree, &key, low, high) ||
		    (i > 0 && key_compare(tree, &before, &key) >= 0))
			return (damaged(tree->walk, "order of keys"));
		if (!value_check(tree, node.flags, key.data + key.len,
			node_value_len(&node)))
			return (false);
	}
	return (count > 0);
}

static bool page_check(struct tree *tree, size_t number, unsigned depth,
    const struct key *low, const struct key *high);

/* A child's keys lie between the key of its node and that of the next. */
static bool
branch_check(struct tree *tree, size_t number, unsigned depth,
    const struct key *low, const struct key *high)
{
	const uint8_t *page = page_at(tree->walk, number);
	unsigned count = nodes_check(tree->walk, number, true), i;
	struct key key, next;
	struct node node, after;
	size_t at;

	tree->found.branches++;
	if (count < 2 && tree->kind != TREE_FREE)
		return (damaged(tree->walk, "branch with one child"));
	for (i = 0; i < count; i++) {
		node = node_at(page, i, &at);
		key.data = page + at + sizeof(node);
		key.len = node.key_len;
		/* The first key is of no meaning, and may be empty. */
		if (i > 0 && !key_check(tree, &key, low, high))
			return (false);
		if (i + 1 < count) {
			after = node_at(page, i + 1, &at);
			next.data = page + at + sizeof(after);
			next.len = after.key_len;
			if (!key_check(tree, &next, i > 0 ? &key : low, high))
				return (false);
		}
		if (!page_check(tree, node_child(&node), depth + 1,
			i > 0 ? &key : low, i + 1 < count ? &next : high))
			return (false);
	}
	return (count > 0);
}

/* All leaves stand at the depth that the root names. */
static bool
page_check(struct tree *tree, size_t number, unsigned depth,
    const struct key *low, const struct key *high)
{
	if (!pages_claim(tree->walk, number, 1))
		return (false);
	if (depth == tree->root.depth)
		return (leaf_check(tree, number, low, high));
	return (branch_check(tree, number, depth, low, high));
}

static void
tree_check(struct walk *walk, enum tree_kind kind, const struct root *root)
{
	struct tree tree = {.walk = walk, .kind = kind, .root = *root};
	unsigned expected = kind == TREE_FREE ? TREE_INTEGERKEY : 0;

	if ((root->flags & TREE_KIND) != expected ||
	    root->depth > DEPTH_MAX - 1 ||
	    (root->depth == 0) != (root->page == NO_ROOT)) {
		damaged(walk, "root");
		return;
	}
	if (root->page != NO_ROOT &&
	    !page_check(&tree, root->page, 1, NULL, NULL))
		return;
	if (tree.found.branches != root->branches ||
	    tree.found.leaves != root->leaves ||
	    tree.found.overflows != root->overflows ||
	    tree.found.entries != root->entries)
		damaged(walk, "counts");
}

/* --- The file ------------------------------------------------------------ */

static bool
meta_read(struct walk *walk, size_t number, struct meta *meta)
{
	struct page head = page_header(walk, number);

	memcpy(meta, page_at(walk, number) + sizeof(head), sizeof(*meta));
	if (head.flags != PAGE_META || meta->magic != MAGIC)
		return (damaged(walk, "not of LMDB"));
	if (meta->version != VERSION)
		return (damaged(walk, "another format of LMDB"));
	if (meta->free.pad != walk->page)
		return (damaged(walk, "another page size"));
	return (true);
}

/*
 * Picks the later meta page as LMDB does. Transactions write the two in turn,
 * so what they say of their age must fit where they are.
 */
static bool
meta_pick(struct walk *walk, struct meta *meta)
{
	struct meta other;
	size_t in_file = walk->size / walk->page;

	if (!meta_read(walk, 0, meta) || !meta_read(walk, 1, &other))
		return (false);
	if ((meta->txn | other.txn) != 0 &&
	    (meta->txn % 2 != 0 || other.txn % 2 != 1 ||
		(meta->txn != other.txn + 1 && other.txn != meta->txn + 1)))
		return (damaged(walk, "meta pages"));
	if (other.txn > meta->txn)
		*meta = other;
	/* A bound for our own memory; the exact one is in free_check(). */
	if (meta->last < 1 || meta->last / 2 > in_file)
		return (damaged(walk, "truncated"));
	walk->last = meta->last;
	return (true);
}

static void
walk_trees(struct walk *walk, const struct meta *meta)
{
	size_t in_file = walk->size / walk->page;

	walk->seen = calloc(walk->last + 1, 1);
	if (walk->seen == NULL)
		fatal(111, "mdbfile.out_of_memory");
	tree_check(walk, TREE_MAIN, &meta->main);
	if (walk->why == NULL)
		tree_check(walk, TREE_FREE, &meta->free);
	/* Only a page that was freed without use need not be in the file. */
	if (walk->last >= in_file && walk->last - in_file >= walk->free)
		damaged(walk, "truncated");
	free(walk->seen);
}

/* `size` octets at `map`. */
static const char *
map_check(const uint8_t *map, size_t size, size_t page)
{
	struct walk walk = {.map = map, .size = size, .page = page};
	struct meta meta;

	if (page < 512 || page > PAGE_MAX)
		page = walk.page = PAGE_MAX;
	if (size / page < 2)
		return ("truncated");
	if (meta_pick(&walk, &meta))
		walk_trees(&walk, &meta);
	return (walk.why);
}

static const char *
fd_check(int fd)
{
	const char *why;
	struct stat st;
	size_t size;
	void *map;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return ("not a regular file");
	if (st.st_size == 0)
		return (NULL);
	if (st.st_uid != geteuid())
		return ("owned by another user");
	size = (size_t)st.st_size;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return ("cannot be mapped");
	why = map_check(map, size, (size_t)sysconf(_SC_PAGESIZE));
	munmap(map, size);
	return (why);
}

const char *
mdbfile_check(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	const char *why;

	if (fd == -1)
		return (errno == ENOENT ? NULL : "cannot be opened");
	why = fd_check(fd);
	close(fd);
	return (why);
}
