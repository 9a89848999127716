/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf.h"
#include "keyring.h"
#include "preset.h"
#include "rules.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char directory[] = "/tmp/test_conf.XXXXXX", path[64];
static char error[CONF_ERROR_MAX];

static void
file_write(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static struct conf *
load(const char *text)
{
	file_write(text);
	return (conf_load(path, error));
}

static struct conf *
load_good(const char *text)
{
	struct conf *conf = load(text);

	if (conf == NULL)
		fail_msg("%s", error);
	assert_string_equal(error, "");
	return (conf);
}

/* To a string; caller frees. */
static char *
print(const struct conf *conf)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	conf_print(conf, out);
	assert_int_equal(fclose(out), 0);
	return (text);
}

/* All that is not written has a value. */
static void
test_defaults(void **state)
{
	static const char *const empty[] = {
	    "",
	    "\n\n# nothing\n// at\n/* all */",
	    "resolver {} cache {} dmarc {} spf {} verdict {} score {} log {}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(empty); i++) {
		struct conf *conf = load_good(empty[i]);

		assert_int_equal(conf->endpoints, 1);
		assert_non_null(
		    strstr(conf->endpoint[0].address, "/verdictd.sock"));
		assert_int_equal(conf->endpoint[0].mode, 0660);
		assert_true(conf->endpoint[0].group == (gid_t)-1);
		assert_non_null(strstr(conf->control.address, "/control.sock"));
		assert_int_equal(conf->control.mode, 0600);
		assert_true(conf->resolver.validate);
		assert_int_equal(conf->resolver.forwards, 0);
		assert_int_equal(conf->resolver.stubs, 0);
		assert_int_equal(conf->resolver.anchors, 0);
		assert_int_equal(conf->resolver.anchor_files, 1);
		assert_string_equal(
		    conf->resolver.anchor_file[0], "/usr/share/dns/root.key");
		assert_null(conf->resolver.root_hints);
		assert_int_equal(conf->resolver.in_flight, 512);
		assert_int_equal(conf->timeout, 5000);
		assert_non_null(strstr(conf->cache.file, "/cache.lmdb"));
		assert_int_equal(conf->cache.size, 256 << 20);
		assert_int_equal(conf->cache.min_ttl, 0);
		assert_int_equal(conf->cache.max_ttl, 86400);
		assert_int_equal(conf->cache.negative_max_ttl, 3600);
		assert_int_equal(conf->cache.stale_max, 86400000);
		assert_int_equal(conf->run.stale_max, 86400000);
		assert_true(conf->run.renew);
		assert_int_equal(conf->run.dmarc.discovery, DMARC_TREE_WALK);
		assert_false(conf->run.dmarc.pct);
		assert_null(conf->run.dmarc.pct_key);
		assert_false(conf->run.compare);
		assert_false(conf->run.spf_prefetch);
		assert_true(*conf->run.receiver != '\0');
		assert_int_equal(rules_count(conf->run.rules), 2);
		assert_int_equal(conf->log_level, LOG_LEVEL_INFO);
		assert_int_equal(conf->log_target, LOG_TO_STDERR);
		conf_free(conf);
	}
	conf_free(NULL);
}

/* What is printed of no configuration says where questions come in. */
static void
test_print_defaults(void **state)
{
	struct conf *conf = load_good("");
	char *text = print(conf);

	(void)state;
	assert_non_null(strstr(text, "endpoint \"ipc:///"));
	assert_non_null(strstr(text, "/verdictd.sock\" {\n  mode = 0660\n"));
	assert_non_null(strstr(text, "control \"ipc:///"));
	assert_non_null(strstr(text, "/control.sock\" {\n  mode = 0600\n"));
	conf_free(conf);
	conf = load_good(text);
	assert_int_equal(conf->endpoints, 1);
	assert_int_equal(conf->endpoint[0].mode, 0660);
	assert_int_equal(conf->control.mode, 0600);
	conf_free(conf);
	free(text);
}

static void
test_tcp(void **state)
{
	struct conf *conf =
	    load_good("endpoint \"tcp://127.0.0.1:5705\" { insecure = yes\n"
		      "  hosts = {\"192.0.2.0/24\", \"2001:db8::1\"} }\n"
		      "endpoint \"tcp://[::1]:5705\" { insecure = yes }\n");

	(void)state;
	assert_int_equal(conf->endpoints, 2);
	assert_null(conf->endpoint[0].keys);
	assert_int_equal(conf->endpoint[0].hosts, 2);
	assert_int_equal(conf->endpoint[0].host[0].bits, 24);
	assert_int_equal(conf->endpoint[0].host[1].bits, 128);
	assert_int_equal(conf->endpoint[1].hosts, 0);
	conf_free(conf);
}

/* Keys are read with the configuration, and their mistakes told with it. */
static void
test_keys(void **state)
{
	char keys[80], text[256];
	FILE *file;
	struct conf *conf;

	(void)state;
	snprintf(keys, sizeof(keys), "%s/keys", directory);
	file = fopen(keys, "w");
	assert_non_null(file);
	fchmod(fileno(file), 0600);
	fprintf(file, "a %064x mx1\n", 1);
	fclose(file);
	snprintf(text, sizeof(text),
	    "endpoint \"tcp://127.0.0.1:5705\" { key-file = \"%s\" }", keys);
	conf = load_good(text);
	assert_non_null(conf->endpoint[0].keys);
	assert_int_equal(conf->endpoint[0].keys->n, 1);
	assert_string_equal(conf->endpoint[0].keys->key[0].host, "mx1");
	conf_free(conf);
	snprintf(text, sizeof(text),
	    "endpoint \"tcp://127.0.0.1:5705\" { key-file = \"%s\"\n"
	    "insecure = yes }",
	    keys);
	assert_null(load(text));
	assert_non_null(strstr(error, "both a key-file and insecure"));
	unlink(keys);
}

static const char everything[] =
    "endpoint \"ipc:///run/a.sock\" { mode = \"0666\" group = \"root\" }\n"
    "endpoint \"ipc:///run/b.sock\" { }\n"
    "control \"ipc:///run/c.sock\" { mode = 0640 }\n"
    "resolver {\n"
    "  forward = {\"127.0.0.1@5300\", \"2001:db8::1\"}\n"
    "  stub \"example.com\" { address = {\"192.0.2.1\", \"192.0.2.2@54\"} }\n"
    "  stub \"example.org\" { address = {\"192.0.2.3\"} }\n"
    "  trust-anchor-file = \"\"\n"
    "  trust-anchor = {\". DS 20326 8 2 E06D44B8\"}\n"
    "  root-hints = \"/dev/null\"\n"
    "  timeout = 1500ms\n"
    "  in-flight = 7\n"
    "  tls = false\n"
    "}\n"
    "cache { file = \"/x/y\" size = 2M min-ttl = 1m max-ttl = 2h\n"
    "  negative-max-ttl = 90 stale-max = 7d prefetch = no }\n"
    "dmarc { discovery = psl pct = yes pct-key = \"secret\" compare = on }\n"
    "spf { receiver = \"mx.example.net\" prefetch = true }\n"
    "verdict { preset = \"monitor\" undecided = accept defer-at-most = 0\n"
    "  after-defer = quarantine }\n"
    "score { quarantine = 4.5 reject = 10 }\n"
    "rule \"first\" { when = \"spf is fail\" action = reject\n"
    "  reply = \"5.7.1 a \\\"b\\\" c\" override = \"local_policy\" }\n"
    "rule \"second, with blanks\" { when = 'spf is pass' score = -0.25\n"
    "  shadow = true }\n"
    "log { level = debug to = syslog verdicts = warning }\n"
    "user = root\nsandbox = off\n";

static void
check_everything(const struct conf *conf)
{
	const struct resolver_options *r = &conf->resolver;

	assert_int_equal(conf->endpoints, 2);
	assert_string_equal(conf->endpoint[0].address, "ipc:///run/a.sock");
	assert_int_equal(conf->endpoint[0].mode, 0666);
	assert_int_equal(conf->endpoint[0].group, 0);
	assert_string_equal(conf->endpoint[1].address, "ipc:///run/b.sock");
	assert_int_equal(conf->endpoint[1].mode, 0660);
	assert_string_equal(conf->control.address, "ipc:///run/c.sock");
	assert_int_equal(conf->control.mode, 0640);
	assert_int_equal(r->forwards, 2);
	assert_string_equal(r->forward[0], "127.0.0.1@5300");
	assert_string_equal(r->forward[1], "2001:db8::1");
	assert_int_equal(r->stubs, 2);
	assert_string_equal(r->stub[0].zone, "example.com");
	assert_int_equal(r->stub[0].addresses, 2);
	assert_string_equal(r->stub[0].address[1], "192.0.2.2@54");
	assert_string_equal(r->stub[1].zone, "example.org");
	assert_int_equal(r->anchor_files, 0);
	assert_int_equal(r->anchors, 1);
	assert_string_equal(r->anchor[0], ". DS 20326 8 2 E06D44B8");
	assert_string_equal(r->root_hints, "/dev/null");
	assert_int_equal(r->in_flight, 7);
	assert_int_equal(r->patience, 1500);
	assert_int_equal(conf->timeout, 1500);
	assert_string_equal(conf->cache.file, "/x/y");
	assert_int_equal(conf->cache.size, 2 << 20);
	assert_int_equal(conf->cache.min_ttl, 60);
	assert_int_equal(conf->cache.max_ttl, 7200);
	assert_int_equal(conf->cache.negative_max_ttl, 90);
	assert_int_equal(conf->cache.stale_max, 7 * INT64_C(86400000));
	assert_false(conf->run.renew);
	assert_int_equal(conf->run.dmarc.discovery, DMARC_PSL);
	assert_true(conf->run.dmarc.pct);
	assert_string_equal(conf->run.dmarc.pct_key, "secret");
	assert_true(conf->run.compare);
	assert_string_equal(conf->run.receiver, "mx.example.net");
	assert_true(conf->run.spf_prefetch);
	assert_int_equal(rules_count(conf->run.rules), 4);
	assert_int_equal(conf->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(conf->log_target, LOG_TO_SYSLOG);
	assert_true(conf->run.log_verdicts);
	assert_int_equal(conf->run.log_level, LOG_LEVEL_WARNING);
	assert_string_equal(conf->user, "root");
	assert_false(conf->sandbox);
	/* What a reload reads again: this file and the hints. */
	assert_int_equal(conf->reads, 2);
	assert_string_equal(conf->read[1], "/dev/null");
}

static void
test_everything(void **state)
{
	struct conf *conf = load_good(everything);

	(void)state;
	check_everything(conf);
	conf_free(conf);
}

/* A section may go on later, and so may a list. */
static void
test_parts(void **state)
{
	struct conf *conf = load_good(
	    "resolver { forward = {\"::1\"} }\n"
	    "log { level = debug }\n"
	    "resolver { timeout = 3 forward += {\"::2\", \"::3\"} }\n"
	    "rule \"a\" { action = accept } rule \"b\" { action = accept }\n"
	    "resolver { forward += \"::4\" } log { to = syslog }\n");

	(void)state;
	assert_int_equal(conf->resolver.forwards, 4);
	assert_string_equal(conf->resolver.forward[3], "::4");
	assert_int_equal(conf->timeout, 3000);
	assert_int_equal(conf->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(conf->log_target, LOG_TO_SYSLOG);
	conf_free(conf);
}

/* Forms of an anchor that a zone file may have. */
static void
test_anchors(void **state)
{
	static const char *const anchors[] = {
	    ". DS 20326 8 2 E06D44B8",
	    "example.com 300 IN DS 1 13 2 e06d 44b8",
	    "example.com.\tIN\t300\tds 1 13 2 e06d44b8",
	    ". DNSKEY 257 3 8 AwEAAa+/ Zg==",
	    ". IN DNSKEY 257 3 15 aGVsbG8gd29ybGQ=",
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(anchors); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text),
		    "resolver { trust-anchor = {\"%s\"} }", anchors[i]);
		conf = load_good(text);
		assert_string_equal(conf->resolver.anchor[0], anchors[i]);
		conf_free(conf);
	}
}

/* What is printed says the same again, and prints the same. */
static void
test_print(void **state)
{
	const char *name;
	char text[256], *first, *second;
	struct conf *conf;
	unsigned i;

	(void)state;
	conf = load_good(everything);
	first = print(conf);
	conf_free(conf);
	conf = load_good(first);
	check_everything(conf);
	second = print(conf);
	assert_string_equal(first, second);
	conf_free(conf);
	free(first);
	free(second);
	for (i = 0; (name = preset_name(i)) != NULL; i++) {
		snprintf(
		    text, sizeof(text), "verdict { preset = \"%s\" }", name);
		conf = load_good(text);
		first = print(conf);
		assert_non_null(strstr(first, name));
		conf_free(conf);
		conf = load_good(first);
		second = print(conf);
		assert_string_equal(first, second);
		conf_free(conf);
		free(first);
		free(second);
	}
}

/* Whatever is in a text, it is read as it was printed. */
static void
test_quotes(void **state)
{
	static const char *const texts[] = {
	    "",
	    "a b",
	    "\"",
	    "\\",
	    "\\\"",
	    "$",
	    "${HOME}",
	    "\\${HOME}",
	    "$${HOME",
	    "'",
	    "{}#/*=",
	    "a\nb\tc\rd",
	    "\x01\xff",
	};
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		struct conf *conf;
		char *printed, *p = text;
		const char *from;

		p += sprintf(p, "dmarc { pct-key = '");
		for (from = texts[i]; *from != '\0'; from++)
			p += sprintf(p, "%s%c",
			    strchr("'\\", *from) != NULL ? "\\" : "", *from);
		sprintf(p, "' }");
		conf = load_good(text);
		if (*texts[i] == '\0')
			assert_null(conf->run.dmarc.pct_key);
		else
			assert_string_equal(conf->run.dmarc.pct_key, texts[i]);
		printed = print(conf);
		conf_free(conf);
		conf = load_good(printed);
		if (*texts[i] != '\0')
			assert_string_equal(conf->run.dmarc.pct_key, texts[i]);
		conf_free(conf);
		free(printed);
	}
}

/* What editors of other systems add. */
static void
test_foreign(void **state)
{
	struct conf *conf =
	    load_good("\xef\xbb\xbflog {\r\n level = debug\r\n}\r\n");

	(void)state;
	assert_int_equal(conf->log_level, LOG_LEVEL_DEBUG);
	conf_free(conf);
	assert_null(load("\xef\xbb\xbf\r\nlog {\r\n level = x\r\n}\r\n"));
	assert_non_null(strstr(error, ":3: level: \"x\""));
}

static void
test_presets(void **state)
{
	static const struct {
		const char *text;
		size_t rules;
	} cases[] = {
	    {"verdict { preset = \"none\" }", 0},
	    {"verdict { preset = none }", 0},
	    {"verdict { preset = rfc9989 }", 2},
	    {"verdict { preset = both-must-pass }", 2},
	    {"verdict { preset = askdns-score }", 3},
	    {"verdict { preset = monitor }", 2},
	    {"verdict { preset = spf-first }", 3},
	    {"verdict { preset = none } rule \"x\" { action = reject }", 1},
	    {"rule \"x\" { action = reject }", 3},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct conf *conf = load_good(cases[i].text);

		assert_int_equal(rules_count(conf->run.rules), cases[i].rules);
		conf_free(conf);
	}
}

static void
test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
	    {"0", 0},
	    {"90", 90000},
	    {"500ms", 500},
	    {"1s", 1000},
	    {"5m", 300000},
	    {"4h", 14400000},
	    {"7d", 604800000},
	    {"2w", 1209600000},
	    {"366d", INT64_C(31622400000)},
	};
	char text[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text), "cache { stale-max = \"%s\" }",
		    cases[i].text);
		conf = load_good(text);
		assert_true(conf->cache.stale_max == cases[i].ms);
		conf_free(conf);
	}
}

#define SEVERAL                                                                \
	"log {\n level = x\n to = y\n}\n"                                      \
	"resolver {\n forward = {\"::1\",\n \"mx\",\n \"192.0.2.1\"}\n}\n"     \
	"rule \"a\\\\b\" {\n\n}"

/* clang-format off */
/* "PATH" stands for the file's name; of a longer message this is a part. */
static const struct {
	const char *text, *error;
} mistakes[] = {
    /* what is not in the language */
    {"x = 1", "PATH:1: no such option 'x'; there is endpoint, control, "
	"resolver, cache, dmarc, spf, verdict, score, rule, log, user, "
	"sandbox\n"},
    {"\n\nlog { x = 1 }",
	"PATH:3: no such option 'x'; there is level, to, verdicts\n"},
    {"end-of-file = true", "PATH:1: no such option 'end-of-file'; there is"},
    {"log { level = }", "PATH:1: unexpected token '}'\n"},
    {"}", "PATH:1: unexpected closing brace\n"},
    {"log level = info", "PATH:1: missing opening brace for section 'log'\n"},
    {"rule { action = reject }", "PATH:1: missing title for section 'rule'\n"},
    {"log { level = info", "PATH:1: what begins here is not closed: \"}\" is missing\n"},
    {"\nlog {\nlevel = info\n\ncache { size = 2M }\n",
	"PATH:2: what begins here is not closed: \"}\" is missing\n"},
    {"resolver { forward = {\"::1\"\n}", "PATH:1: what begins here"},
    {"{{{{{{{{{{{{", "PATH:1: what begins here"},
    {"*/**", "PATH:1: a comment that begins here"},
    {"\n/* no end", "PATH:2: a comment that begins here is not closed: "
	"\"*/\" is missing\n"},
    {"log {\n level = \"info }\n",
	"PATH:2: a text that begins here is not closed, or one before it: its "
	"quote is missing\n"},
    {"log {\n level = 'info }\n", "PATH:2: a text that begins here"},
    {"spf { receiver = \"${A\" }", "PATH:1: a text that begins here"},
    {"include(\"/dev/null\")", "PATH:1: no such option 'include'; there"},
    /* the mistakes of a file are told together, each where it stands */
    {SEVERAL,
	"PATH:2: level: \"x\" is not one of error, warning, info, debug\n"},
    {SEVERAL,
	"PATH:3: to: \"y\" is not one of stderr, syslog\n"},
    {SEVERAL,
	"PATH:7: forward: \"mx\" is not an address"},
    {SEVERAL,
	"PATH:10: rule \"a\\b\": a title holds no quote"},
    /* two values of one option */
    {"log { level = info\nlevel = info }",
	"PATH:2: level: has a value already, on line 1\n"},
    {"log { level = info }\nlog { to = stderr }\nlog { level = debug }",
	"PATH:3: level: has a value already, on line 1\n"},
    {"resolver { forward = {\"::1\", \"::2\"}\nforward = {\"::3\"} }",
	"PATH:2: forward: has a value already, on line 1\n"},
    {"resolver { forward = {\"::1\"}\nforward = {\"::3\"} }",
	"PATH:2: forward: has a value already, on line 1\n"},
    {"user = root\nuser = root", "PATH:2: user: has a value already, on line 1"},
    /* comments do not disturb the count of lines */
    {"# 1\n// 2\n/* 3\n4\n*/ # 5\nx = 1", "PATH:6: no such option 'x'; there"},
    {"log { # 1\n\n# 3\nlevel = x }", "PATH:4: level: \"x\""},
    {"spf { receiver = \"#\" }\nx = 1", "PATH:2: no such option 'x'; there"},
    /* endpoints */
    {"\nendpoint \"tcp://127.0.0.1:1\" {}",
	"PATH:2: endpoint \"tcp://127.0.0.1:1\": tcp is refused without a key"},
    {"endpoint \"/run/x\" {}",
	"PATH:1: endpoint \"/run/x\": neither an ipc:///path nor a "
	"tcp://address:port\n"},
    {"endpoint \"tcp://mx:1\" { insecure = yes }", "not a tcp address of"},
    {"endpoint \"tcp://*:1\" { insecure = yes }", "not a tcp address of"},
    {"endpoint \"tcp://127.0.0.1:0\" { insecure = yes }", "not a tcp address"},
    {"endpoint \"tcp://127.0.0.1\" { insecure = yes }", "not a tcp address of"},
    {"endpoint \"tcp://::1:7\" { insecure = yes }", "not a tcp address of"},
    {"endpoint \"tcp://[127.0.0.1]:7\" { insecure = yes }", "not a tcp addr"},
    {"endpoint \"tcp://[::ffff:127.0.0.1]:7\" { insecure = yes }",
	"not a tcp address of"},
    {"endpoint \"tcp://127.0.0.1:1\" {\nhosts = {\"192.0.2.1/24\"}\n}",
	"PATH:2: hosts: \"192.0.2.1/24\" is not an address or a prefix"},
    {"endpoint \"tcp://127.0.0.1:1\" {\nhosts = {\"mx1\"}\n}", "PATH:2: hosts:"},
    {"endpoint \"tcp://127.0.0.1:1\" {\nkey-file = \"/none\"\n}",
	"PATH:2: key-file: /none: No such file or directory\n"},
    {"endpoint \"tcp://127.0.0.1:1\" { key-file = \"/etc/passwd\" }",
	"PATH:1: key-file: /etc/passwd:0: mode 0644: others must have"},
    {"endpoint \"ipc:///a\" { insecure = yes }", "PATH:1: endpoint \"ipc:///a\":"},
    {"endpoint \"ipc:///a\" { hosts = {\"::1\"} }", "PATH:1: endpoint"},
    {"endpoint \"ipc://x\" {}", "the path is not absolute\n"},
    {"control \"tcp://*:1\" {}", "PATH:1: control \"tcp://*:1\": tcp is refused"},
    {"endpoint \"ipc:///a\" {}\ncontrol \"ipc:///a\" {}",
	"PATH:2: control \"ipc:///a\": is an endpoint's address, too\n"},
    {"control \"ipc:///a\" {} control \"ipc:///b\" {}",
	"PATH:1: only one control endpoint is possible\n"},
    {"endpoint \"ipc:///a\" {}\nendpoint \"ipc:///a\" {}",
	"PATH:2: found duplicate title 'ipc:///a'\n"},
    {"endpoint \"ipc:///a\" { mode = 0888 }",
	"PATH:1: mode: \"0888\" is not an octal mode like 0660\n"},
    {"endpoint \"ipc:///a\" { mode = 01777 }", "PATH:1: mode:"},
    {"endpoint \"ipc:///a\" { mode = \"\" }", "PATH:1: mode:"},
    {"endpoint \"ipc:///a\" { group = no-such-group }",
	"PATH:1: group: there is no group \"no-such-group\"\n"},
    /* the resolver */
    {"resolver {\n tls = true }",
	"PATH:2: tls: DNS over TLS is refused: the libunbound of this system "
	"is built without it and would silently send plain DNS"},
    {"resolver { forward = {\"192.0.2.1@853\"} }",
	"PATH:1: forward: \"192.0.2.1@853\": DNS over TLS is refused"},
    {"resolver { forward = {\"192.0.2.1#dns.example\"} }",
	"DNS over TLS is refused"},
    {"resolver { forward = {\"192.0.2.1\", \"192.0.2.1@53#x\"} }",
	"DNS over TLS is refused"},
    {"resolver { forward = {\"dns.example\"} }",
	"PATH:1: forward: \"dns.example\" is not an address"},
    {"resolver { forward = {\"\"} }", "is not an address"},
    {"resolver { forward = {\"192.0.2.1@\"} }", "is not an address"},
    {"resolver { forward = {\"192.0.2.1@0\"} }", "is not an address"},
    {"resolver { forward = {\"192.0.2.1@65536\"} }", "is not an address"},
    {"resolver { forward = {\"192.0.2.1:53\"} }", "is not an address"},
    {"resolver { stub \"a..b\" { address = {\"192.0.2.1\"} } }",
	"PATH:1: stub \"a..b\": no domain name\n"},
    {"resolver { stub \"a.b\" { } }", "PATH:1: stub \"a.b\": no address\n"},
    {"resolver { stub \"a.b\" { address = {\"x\"} } }",
	"PATH:1: address: \"x\" is not an address"},
    {"resolver { root-hints = \"/nonexistent\" }",
	"PATH:1: root-hints: /nonexistent: No such file or directory\n"},
    {"resolver { trust-anchor-file = \"/nonexistent\" }",
	"PATH:1: trust-anchor-file: /nonexistent: No such file or directory\n"},
    {"resolver { trust-anchor-file = \"/tmp\" }",
	"PATH:1: trust-anchor-file: /tmp: not a file\n"},
    {"resolver { root-hints = \"/tmp\" }", "PATH:1: root-hints: /tmp: not a"},
    {"resolver { trust-anchor = {\n\"\"} }",
	"PATH:2: trust-anchor: \"\" is not a DS or DNSKEY record, like \". DS "
	"20326 8 2 E06D...8D\"\n"},
    {"resolver { trust-anchor = {\"x\"} }", "PATH:1: trust-anchor: \"x\""},
    {"resolver { trust-anchor = {\". DS 1 8 2\"} }", "PATH:1: trust-anchor:"},
    {"resolver { trust-anchor = {\". DS 1 8 2 xy\"} }", "PATH:1: trust-anch"},
    {"resolver { trust-anchor = {\". DS 1 8 2 abc\"} }", "PATH:1: trust-anc"},
    {"resolver { trust-anchor = {\". DS 1 8 a ab\"} }", "PATH:1: trust-anch"},
    {"resolver { trust-anchor = {\"a..b DS 1 8 2 ab\"} }", "PATH:1: trust-a"},
    {"resolver { trust-anchor = {\". TXT 1 8 2 ab\"} }", "PATH:1: trust-anc"},
    {"resolver { trust-anchor = {\". DNSKEY 257 3 8 !\"} }", "PATH:1: trust-"},
    {"resolver { trust-anchor-file = \"\" }",
	"PATH:1: validate is on, but there is neither a trust-anchor-file nor a "
	"trust-anchor\n"},
    {"resolver { timeout = 99ms }",
	"PATH:1: timeout: \"99ms\" is not a time from 100ms to 60s\n"},
    {"resolver { timeout = 61 }", "PATH:1: timeout:"},
    {"resolver { in-flight = 0 }",
	"PATH:1: in-flight: \"0\" is not a number from 1 to 1024\n"},
    {"resolver { in-flight = 1025 }", "PATH:1: in-flight:"},
    {"resolver { in-flight = many }",
	"PATH:1: in-flight: \"many\" is not a number from 1 to 1024\n"},
    {"resolver { validate = maybe }",
	"PATH:1: validate: \"maybe\" is not one of true, on, yes, false, off, "
	"no\n"},
    /* the cache */
    {"cache { size = 1023K }",
	"PATH:1: size: \"1023K\" is not a size from 1M to 1024G, like 256M\n"},
    {"cache { size = 9999999999G }", "PATH:1: size:"},
    {"cache { size = -1M }", "PATH:1: size:"},
    {"cache { size = 5T }", "PATH:1: size:"},
    {"cache { size = \"\" }", "PATH:1: size:"},
    {"cache { stale-max = 367d }",
	"PATH:1: stale-max: \"367d\" is not a time of at most 366 days"},
    {"cache { stale-max = -1 }", "PATH:1: stale-max:"},
    {"cache { stale-max = 5x }", "PATH:1: stale-max:"},
    {"cache { stale-max = \"5 m\" }", "PATH:1: stale-max:"},
    {"cache { stale-max = 99999999999999999999 }", "PATH:1: stale-max:"},
    {"cache { min-ttl = x }", "PATH:1: min-ttl:"},
    {"cache { max-ttl = x }", "PATH:1: max-ttl:"},
    {"cache { negative-max-ttl = x }", "PATH:1: negative-max-ttl:"},
    {"cache { min-ttl = 5 max-ttl = 4 }",
	"PATH:1: cache: min-ttl is greater than max-ttl\n"},
    {"cache { file = \"\" }", "PATH:1: file: a cache needs a file\n"},
    {"cache { file = \"/tmp\" }", "PATH:1: file: /tmp: not a file\n"},
    {"cache { prefetch = 2 }", "PATH:1: prefetch: \"2\" is not one of"},
    /* evaluators and verdicts */
    {"dmarc { discovery = dns }",
	"PATH:1: discovery: \"dns\" is not one of tree-walk, psl\n"},
    {"spf { receiver = \"a b\" }",
	"PATH:1: receiver: \"a b\" is not a name like mx.example.net\n"},
    {"spf { receiver = \"a\nb\" }", "PATH:2: receiver:"},
    {"spf { receiver = \"a\xff\" }", "PATH:1: receiver:"},
    {"verdict { preset = x }",
	"PATH:1: preset: \"x\" is not one of none, rfc9989, both-must-pass"},
    {"verdict { undecided = x }",
	"PATH:1: undecided: \"x\" is not one of accept, quarantine, defer, "
	"reject\n"},
    {"verdict { after-defer = x }", "PATH:1: after-defer: \"x\""},
    {"verdict { defer-at-most = x }", "PATH:1: defer-at-most: \"x\""},
    {"score { quarantine = 10 reject = 5 }",
	"PATH:1: score: quarantine = 10 is above reject = 5\n"},
    {"score { reject = nan }", "PATH:1: reject: \"nan\" is not a number"},
    {"score { reject = 0x10 }", "PATH:1: reject: \"0x10\" is not a number"},
    {"resolver { in-flight = 0x10 }", "PATH:1: in-flight: \"0x10\" is not a"},
    {"resolver { in-flight = 99999999999999999999 }", "PATH:1: in-flight:"},
    {"score { reject = x }", "PATH:1: reject: \"x\" is not a number like 5 or -0.25\n"},
    /* a rule is where it begins, and a condition where it stands */
    {"\nrule \"x\" {\n when = \"spf is\"\n action = reject }",
	"PATH:3:16: rule \"x\": here a value is missing"},
    {"rule \"x\" {\n when = \"client_ip in file /none\"\n action = accept }",
	"PATH:2:28: rule \"x\": /none: No such file or directory\n"},
    {"rule \"x\" {\n when = \"client_ip in file /tmp\"\n action = accept }",
	"PATH:2:28: rule \"x\": /tmp: not a regular file\n"},
    {"spf { receiver = ${HOME} }\nrule \"x\" {\n\n\n}\n",
	"PATH:2: rule \"x\": a rule needs an action or a score\n"},
    {"rule \"x\" {\n action = reject\n}\nrule \"y\" {\n action = no\n}\n",
	"PATH:4: rule \"y\": action is accept"},
    {"rule \"x\" {\n action = no\n}\nrule \"y\" {\n action = no\n}\n",
	"\"no\"\nPATH:4: rule \"y\": action is accept"},
    {"rule \"x\" { when = \"spf is\" action = reject }",
	"rule \"x\": here a value is missing\n    spf is\n          ^\n"},
    {"rule \"x\" { action = bounce }",
	"PATH:1: rule \"x\": action is accept, quarantine, defer or reject, "
	"not \"bounce\"\n"},
    {"rule \"x\" { action = reject }\nrule \"x\" { action = accept }",
	"PATH:2: found duplicate title 'x'\n"},
    {"rule \"dmarc reject\" { action = reject }", "dmarc reject"},
    {"rule \"a\\\\b\" { action = reject }",
	"PATH:1: rule \"a\\b\": a title holds no quote and no backslash\n"},
    {"rule \"a\\\"b\" { action = reject }", "PATH:1: rule \"a\"b\": a title holds no"},
    /* the log */
    {"log { level = loud }",
	"PATH:1: level: \"loud\" is not one of error, warning, info, debug\n"},
    {"log { to = file }", "PATH:1: to: \"file\" is not one of stderr, syslog\n"},
    {"log { verdicts = loud }",
	"PATH:1: verdicts: \"loud\" is not one of error, warning, info, debug, "
	"none\n"},
    {"\nuser = \"no such user\"",
	"PATH:2: user: there is no user \"no such user\"\n"},
};
/* clang-format on */

/* `want` with PATH replaced. */
static const char *
wanted(const char *want)
{
	static char text[1024];
	const char *mark = strstr(want, "PATH");

	if (mark == NULL)
		return (want);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - want), want, path,
	    mark + 4);
	return (text);
}

static void
test_mistake(void **state)
{
	const size_t i = *(size_t *)*state;
	struct conf *conf = load(mistakes[i].text);
	const char *want = wanted(mistakes[i].error);

	if (conf != NULL) {
		conf_free(conf);
		fail_msg("taken: %s", mistakes[i].text);
	}
	if (strstr(error, want) == NULL)
		fail_msg("not \"%s\" but \"%s\"", want, error);
	/* Whatever it says, it says where, and ends its line. */
	assert_int_equal(error[strlen(error) - 1], '\n');
}

static void
test_unreadable(void **state)
{
	static const char nul[] = "log { level = info }\0\n";
	FILE *file;

	(void)state;
	assert_null(conf_load("/nonexistent/verdictd.conf", error));
	assert_string_equal(
	    error, "/nonexistent/verdictd.conf: No such file or directory\n");
	assert_null(conf_load(directory, error));
	assert_non_null(strstr(error, ": not a file\n"));
	/* Nobody writes to it: who opened it would wait. */
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(conf_load(path, error));
	assert_non_null(strstr(error, ": not a file\n"));
	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fwrite(nul, 1, sizeof(nul), file);
	fclose(file);
	assert_null(conf_load(path, error));
	assert_non_null(strstr(error, "NUL"));
}

/* Two at a time, as in a reload: neither knows of the other. */
static void
test_two(void **state)
{
	struct conf *old =
	    load_good("cache { size = 2M } log { level = debug }");
	struct conf *new = load_good("cache { size = 3M }");

	(void)state;
	assert_null(load("cache { size = x }"));
	assert_int_equal(old->cache.size, 2 << 20);
	assert_int_equal(new->cache.size, 3 << 20);
	assert_int_equal(old->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(new->log_level, LOG_LEVEL_INFO);
	conf_free(old);
	assert_int_equal(new->cache.size, 3 << 20);
	conf_free(new);
}

/* What a reload cannot take, and that it takes the rest. */
static void
test_fixed(void **state)
{
#define BASE                                                                   \
	"endpoint 'ipc:///a' { mode = 0600 } endpoint 'ipc:///b' {} "          \
	"control 'ipc:///c' {}"
	static const struct {
		const char *text, *names;
	} cases[] = {
	    {BASE, ""},
	    {"endpoint 'ipc:///b' {} endpoint 'ipc:///a' { mode = 0600 } "
	     "control 'ipc:///c' {}",
		""},
	    {BASE "resolver { timeout = 3 validate = no in-flight = 3 "
		  "forward = {'::1'} root-hints = '/dev/null' } "
		  "cache { min-ttl = 1 max-ttl = 2 negative-max-ttl = 3 "
		  "stale-max = 4 prefetch = no } dmarc { discovery = psl } "
		  "spf { receiver = b } verdict { preset = none } "
		  "rule 'x' { action = accept } log { to = syslog }",
		""},
	    {"endpoint 'ipc:///a' {} endpoint 'ipc:///b' {} "
	     "control 'ipc:///c' {}",
		"endpoint "},
	    {"endpoint 'ipc:///a' { mode = 0600 } "
	     "endpoint 'ipc:///b' { group = root } control 'ipc:///c' {}",
		"endpoint "},
	    {"endpoint 'ipc:///a' { mode = 0600 } control 'ipc:///c' {}",
		"endpoint "},
	    {BASE " endpoint 'ipc:///d' {}", "endpoint "},
	    {"endpoint 'ipc:///a' { mode = 0600 } endpoint 'ipc:///b' {}",
		"control "},
	    {"endpoint 'ipc:///a' { mode = 0600 } endpoint 'ipc:///b' {} "
	     "control 'ipc:///c' { mode = 0666 }",
		"control "},
	    {BASE "cache { file = '/x' }", "file "},
	    {BASE "cache { size = 2M }", "size "},
	    {BASE "user = root sandbox = no", "user sandbox "},
	};
	struct conf *conf = load_good(BASE);
	struct conf_fixed *fixed = conf_fixed_new(conf);
	const char *names[CONF_FIXED_MAX];
	char text[128];
	size_t i, j, n;

	(void)state;
	conf_free(conf);
	for (i = 0; i < COUNT(cases); i++) {
		conf = load_good(cases[i].text);
		n = conf_fixed_compare(fixed, conf, names);
		*text = '\0';
		for (j = 0; j < n; j++)
			strcat(strcat(text, names[j]), " ");
		assert_string_equal(text, cases[i].names);
		conf_free(conf);
	}
	conf_fixed_free(fixed);
}

int
main(void)
{
	static const struct CMUnitTest others[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_print_defaults),
	    cmocka_unit_test(test_tcp),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_everything),
	    cmocka_unit_test(test_anchors),
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_quotes),
	    cmocka_unit_test(test_foreign),
	    cmocka_unit_test(test_presets),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_unreadable),
	    cmocka_unit_test(test_two),
	    cmocka_unit_test(test_fixed),
	};
	static struct CMUnitTest tests[COUNT(mistakes) + COUNT(others)];
	static char names[COUNT(mistakes)][16];
	static size_t index[COUNT(mistakes)];
	size_t i;
	int failed;

	for (i = 0; i < COUNT(mistakes); i++) {
		index[i] = i;
		snprintf(names[i], sizeof(names[i]), "mistake %zu", i);
		tests[i] = (struct CMUnitTest){
		    names[i], test_mistake, NULL, NULL, &index[i]};
	}
	memcpy(&tests[i], others, sizeof(others));
	if (mkdtemp(directory) == NULL)
		return (1);
	snprintf(path, sizeof(path), "%s/conf", directory);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(directory);
	return (failed);
}
