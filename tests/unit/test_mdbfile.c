/* SPDX-License-Identifier: ISC */
/*
 * mdbfile_check() over a file that the cache has written, and over the same
 * file with one thing wrong. Offsets are those of a 64-bit machine, the only
 * ones the test runs on; test_cache.c damages files at random everywhere.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache.h"
#include "hash.h"
#include "log.h"
#include "mdbfile.h"

#define NOW INT64_C(1700000000000)

enum { AT_FLAGS = 10, AT_LOWER = 12, AT_OFFSETS = 16 };
enum { META_VERSION = 20, META_FREE = 40, META_MAIN = 88 };
enum { META_LAST = 136, META_TXN = 144 };
enum { ROOT_FLAGS = 4, ROOT_DEPTH = 6, ROOT_ENTRIES = 32, ROOT_PAGE = 40 };
enum { BRANCH = 1, LEAF = 2, OVERFLOW = 4 };

static char dir[64], path[80];
static uint8_t *good, *bad;
static size_t size, page;

static void
remove_files(void)
{
	static const char *const suffixes[] = {"", "-lock", ".owner"};
	char file[128];
	size_t i;

	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
		(void)unlink(file);
	}
}

static void
write_file(const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_true(write(fd, data, len) == (ssize_t)len);
	close(fd);
}

static void
read_file(void)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	size = (size_t)st.st_size;
	good = malloc(size);
	bad = malloc(size);
	assert_true(good != NULL && bad != NULL);
	assert_true(read(fd, good, size) == st.st_size);
	close(fd);
}

/* Two levels, a value on pages of its own, pages that have become free. */
static void
fill(struct cache *cache)
{
	struct rrset *set;
	struct dname name;
	char text[4000];
	unsigned i;

	memset(text, 'x', sizeof(text));
	for (i = 0; i < 100; i++) {
		(void)snprintf(text, 32, "host%u.example", i);
		assert_int_equal(dname_from_text(&name, text), 0);
		set = rrset_new(RR_PRESENT);
		(void)rrset_add_txt(set, text, i == 5 ? sizeof(text) : 100);
		set->expires = NOW;
		cache_put(cache, &name, RR_TXT, set);
		rrset_free(set);
		if (i % 20 == 0)
			cache_commit(cache);
	}
}

static int
set_up(void **state)
{
	struct cache_options options = {.size = 1, .now = NOW};
	struct cache *cache;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s", "/tmp/test_mdbfile.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return (-1);
	(void)snprintf(path, sizeof(path), "%s/cache", dir);
	options.path = path;
	cache = cache_open(&options);
	assert_non_null(cache);
	fill(cache);
	cache_close(cache);
	read_file();
	page = (size_t)sysconf(_SC_PAGESIZE);
	return (0);
}

static int
tear_down(void **state)
{
	(void)state;
	remove_files();
	free(good);
	free(bad);
	return (rmdir(dir));
}

static const char *
check_bad(size_t len)
{
	write_file(bad, len);
	return (mdbfile_check(path));
}

static uint64_t
number_at(size_t at)
{
	uint64_t value;

	memcpy(&value, bad + at, sizeof(value));
	return (value);
}

static void
set_number(size_t at, uint64_t value)
{
	memcpy(bad + at, &value, sizeof(value));
}

static uint16_t
short_at(size_t at)
{
	uint16_t value;

	memcpy(&value, bad + at, sizeof(value));
	return (value);
}

/* Where the later meta page begins. */
static size_t
meta_at(void)
{
	return (number_at(META_TXN) > number_at(page + META_TXN) ? 0 : page);
}

/* The root page of the main database, whose values name the others'. */
static size_t
main_page(void)
{
	return (number_at(meta_at() + META_MAIN + ROOT_PAGE) * page);
}

/* Where the value of the main database under `name` begins. */
static size_t
value_of(const char *name)
{
	uint8_t *key = memmem(bad + main_page(), page, name, strlen(name));

	assert_non_null(key);
	return ((size_t)(key - bad) + strlen(name));
}

/* The root page of the database with the entries: a branch. */
static size_t
data_page(void)
{
	size_t at = number_at(value_of("data") + ROOT_PAGE) * page;

	assert_int_equal(short_at(at + AT_FLAGS), BRANCH);
	return (at);
}

/* The page of the first child. */
static size_t
leaf_page(void)
{
	size_t at = data_page(), child;

	child = short_at(at + short_at(at + AT_OFFSETS)) * page;
	assert_int_equal(short_at(child + AT_FLAGS), LEAF);
	return (child);
}

/* The page of the large value, where it is in use. */
static size_t
overflow_page(void)
{
	size_t at;

	for (at = 2 * page; at < size; at += page)
		if (short_at(at + AT_FLAGS) == OVERFLOW &&
		    number_at(at) * page == at)
			return (at);
	fail();
	return (0);
}

/* --- One thing wrong ------------------------------------------------------ */

static void
wrong_magic(void)
{
	bad[16] ^= 1;
}

static void
wrong_version(void)
{
	bad[META_VERSION] = bad[page + META_VERSION] = 2;
}

static void
wrong_page_size(void)
{
	bad[META_FREE + 1] ^= 0x30;
}

static void
wrong_txn(void)
{
	set_number(meta_at() + META_TXN,
	    number_at(meta_at() + META_TXN) | UINT64_C(1) << 60);
}

static void
wrong_last(void)
{
	set_number(meta_at() + META_LAST, UINT64_C(1) << 50);
}

static void
wrong_last_too_low(void)
{
	set_number(meta_at() + META_LAST, 2);
}

static void
wrong_root_flags(void)
{
	bad[meta_at() + META_MAIN + ROOT_FLAGS] |= 4;
}

static void
wrong_root_depth(void)
{
	bad[meta_at() + META_MAIN + ROOT_DEPTH]++;
}

static void
wrong_root_page(void)
{
	set_number(meta_at() + META_MAIN + ROOT_PAGE, 1);
}

static void
wrong_entries(void)
{
	bad[value_of("data") + ROOT_ENTRIES]++;
}

static void
wrong_named_depth(void)
{
	bad[value_of("data") + ROOT_DEPTH] = 200;
}

static void
wrong_page_number(void)
{
	bad[leaf_page()] ^= 1;
}

static void
wrong_page_flags(void)
{
	bad[leaf_page() + AT_FLAGS] |= 0x20;
}

static void
wrong_lower(void)
{
	bad[leaf_page() + AT_LOWER] += 2;
}

static void
wrong_node_offset(void)
{
	bad[leaf_page() + AT_OFFSETS] ^= 2;
}

static void
wrong_node_size(void)
{
	size_t leaf = leaf_page();

	bad[leaf + short_at(leaf + AT_OFFSETS)] ^= 0x40;
}

static void
wrong_order(void)
{
	size_t leaf = leaf_page();
	uint16_t first = short_at(leaf + AT_OFFSETS);

	memcpy(bad + leaf + AT_OFFSETS, bad + leaf + AT_OFFSETS + 2, 2);
	memcpy(bad + leaf + AT_OFFSETS + 2, &first, 2);
}

static void
wrong_child(void)
{
	size_t root = data_page(), first, second;

	first = root + short_at(root + AT_OFFSETS);
	second = root + short_at(root + AT_OFFSETS + 2);
	memcpy(bad + first, bad + second, 4);
}

static void
wrong_overflow_count(void)
{
	bad[overflow_page() + AT_LOWER] = 0;
}

static void
wrong_overflow_flags(void)
{
	bad[overflow_page() + AT_FLAGS] = LEAF;
}

/* The first number of the last list of free pages. */
static void
wrong_free_page(void)
{
	size_t leaf = number_at(meta_at() + META_FREE + ROOT_PAGE) * page;
	size_t node = leaf + short_at(leaf + AT_OFFSETS);

	assert_int_equal(short_at(leaf + AT_FLAGS), LEAF);
	set_number(node + 8 + 8 + 8, data_page() / page);
}

static void
test_one_thing_wrong(void **state)
{
	static const struct {
		void (*make)(void);
		const char *why;
	} wrongs[] = {
	    {wrong_magic, "not of LMDB"},
	    {wrong_version, "another format of LMDB"},
	    {wrong_page_size, "another page size"},
	    {wrong_txn, "meta pages"},
	    {wrong_last, "truncated"},
	    {wrong_last_too_low, "page out of range"},
	    {wrong_root_flags, "root"},
	    {wrong_root_depth, "page header"},
	    {wrong_root_page, "page out of range"},
	    {wrong_entries, "counts"},
	    {wrong_named_depth, "root"},
	    {wrong_page_number, "page header"},
	    {wrong_page_flags, "page header"},
	    {wrong_lower, "nodes of a page"},
	    {wrong_node_offset, "nodes of a page"},
	    {wrong_node_size, "nodes of a page"},
	    {wrong_order, "order of keys"},
	    {wrong_child, "key"},
	    {wrong_overflow_count, "overflow page"},
	    {wrong_overflow_flags, "overflow page"},
	    {wrong_free_page, "free page in use"},
	};
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		memcpy(bad, good, size);
		wrongs[i].make();
		why = check_bad(size);
		if (why == NULL || strcmp(why, wrongs[i].why) != 0)
			print_message("line %zu: %s\n", i, wrongs[i].why);
		assert_non_null(why);
		assert_string_equal(why, wrongs[i].why);
	}
}

static void
test_whole(void **state)
{
	(void)state;
	write_file(good, size);
	assert_null(mdbfile_check(path));
	/* More at the end is of no concern. */
	memcpy(bad, good, size);
	assert_null(check_bad(size));
	remove_files();
	assert_null(mdbfile_check(path));
	write_file("", 0);
	assert_null(mdbfile_check(path));
}

static void
test_no_file_of_ours(void **state)
{
	(void)state;
	write_file(good, page);
	assert_string_equal(mdbfile_check(path), "truncated");
	memset(bad, 'x', size);
	assert_string_equal(check_bad(size), "not of LMDB");
	assert_string_equal(mdbfile_check(dir), "not a regular file");
	remove_files();
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_string_equal(mdbfile_check(path), "cannot be opened");
	remove_files();
}

static void
test_truncated(void **state)
{
	size_t len;

	(void)state;
	memcpy(bad, good, size);
	/* Not to the end: the last pages may be free. */
	for (len = 1; len < size / 2; len += 511)
		assert_string_equal(check_bad(len), "truncated");
}

/* Any bit of what the meta pages hold: a reason or none, but no crash. */
static void
test_bits(void **state)
{
	size_t at, bit, meta;
	unsigned refused = 0;

	(void)state;
	memcpy(bad, good, size);
	for (meta = 0; meta <= page; meta += page)
		for (bit = 0; bit < 152 * 8; bit++) {
			at = meta + bit / 8;
			bad[at] ^= (uint8_t)(1U << bit % 8);
			refused += check_bad(size) != NULL;
			bad[at] ^= (uint8_t)(1U << bit % 8);
		}
	assert_null(check_bad(size));
	assert_true(refused > 500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_one_thing_wrong),
	    cmocka_unit_test(test_no_file_of_ours),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_bits),
	};

	if (sizeof(size_t) != 8) {
		printf("1..0 # SKIP offsets of a 64-bit machine\n");
		return (0);
	}
	hash_init();
	log_open(LOG_TO_STDERR, LOG_LEVEL_ERROR);
	return (cmocka_run_group_tests(tests, set_up, tear_down));
}
