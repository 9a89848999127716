/* SPDX-License-Identifier: ISC */
/*
 * What an SPF check costs when every record is at hand, beside what the bare
 * library needs for the same record over the same zone; then what a cold check
 * costs in questions and rounds, and what hostile records cost at most.
 */
#include <netinet/in.h>
#include <time.h>

#include <spf2/spf.h>

#include "../spf_run.h"

#define CHECKS 20000

struct shape {
	const char *name;
	const char *client_ip;
	const char *zone;
};

static const struct shape shapes[] = {
    {"one ip4", "192.0.2.1", "d.example TXT v=spf1 ip4:192.0.2.1 -all\n"},
    {"3 includes, mx, ip4 list", "198.51.100.99",
	"d.example TXT v=spf1 ip4:192.0.2.1 ip4:192.0.2.64/26 "
	"ip4:203.0.113.0/28 ip4:203.0.113.64/28 ip4:203.0.113.128/27 "
	"include:a.example include:b.example include:c.example mx -all\n"
	"a.example TXT v=spf1 ip4:192.0.2.128/27 ip4:192.0.2.160/27 ~all\n"
	"b.example TXT v=spf1 ip4:203.0.113.192/27 ip4:203.0.113.5 ~all\n"
	"c.example TXT v=spf1 ip4:203.0.113.17 ip4:203.0.113.18 ~all\n"
	"d.example MX 10 mx1.d.example\nd.example MX 20 mx2.d.example\n"
	"mx1.d.example A 198.51.100.98\nmx2.d.example A 198.51.100.99\n"},
    {"provider, 6 includes nested", "198.51.100.99",
	"d.example TXT v=spf1 include:p.example include:q.example -all\n"
	"p.example TXT v=spf1 include:n1.example include:n2.example "
	"include:n3.example ~all\n"
	"n1.example TXT v=spf1 ip4:192.0.2.0/26 ip4:192.0.2.64/26 "
	"ip4:192.0.2.128/26 ip4:203.0.113.0/26 ip6:2001:db8::/48 ~all\n"
	"n2.example TXT v=spf1 ip4:203.0.113.64/27 ip4:203.0.113.96/27 "
	"ip4:203.0.113.128/27 ip6:2001:db8:1::/48 ~all\n"
	"n3.example TXT v=spf1 ip4:203.0.113.160/28 ip4:203.0.113.176/28 "
	"ip6:2001:db8:2::/48 ~all\n"
	"q.example TXT v=spf1 include:n4.example -all\n"
	"n4.example TXT v=spf1 ip4:198.51.100.0/24 -all\n"},
    {"exists with macros", "198.51.100.99",
	"d.example TXT v=spf1 exists:%{ir}.%{l1r-}._spf.%{d} -all\n"
	"99.100.51.198.bob._spf.d.example A 127.0.0.2\n"},
};

static double
microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3);
}

static struct spf_question
question_for(const char *client_ip)
{
	struct spf_question question = {.helo = "mail.d.example",
	    .mail_from = "bob@d.example",
	    .receiver = "mx.example"};

	ipaddr_from_text(&question.client_ip, client_ip);
	return (question);
}

/* --- The production evaluator --------------------------------------------- */

static double
ours_time(struct zone *zone, const struct spf_question *question,
    unsigned checks, struct spf_answer *answer)
{
	const struct view_source source = zone_source(zone);
	struct arena *arena;
	struct view *view;
	double start;
	unsigned i;

	spf_run_begin(zone, SPF_WARM);
	start = microseconds();
	for (i = 0; i < checks; i++) {
		arena = arena_new();
		view = view_open(arena, &source, ZONE_NOW, 0, VIEW_ASK);
		spf_check(view, question, answer);
		view_close(view);
		arena_free(arena);
	}
	return ((microseconds() - start) / checks);
}

/* --- The bare library ----------------------------------------------------- */

static void
bare_add(SPF_dns_rr_t *rr, uint16_t type, const struct rdata *record)
{
	SPF_dns_rr_data_t *data;
	struct dname host;
	char text[DNAME_TEXT_MAX];
	struct arena *arena;
	size_t len;

	SPF_dns_rr_buf_realloc(rr, rr->num_rr, record->len + 1024U);
	data = rr->rr[rr->num_rr];
	if (type == RR_A || type == RR_AAAA) {
		memcpy(data, record->data, record->len);
	} else if (type == RR_TXT) {
		arena = arena_new();
		strcpy(data->txt, rdata_txt(arena, record, &len));
		arena_free(arena);
	} else {
		rdata_name(record, type == RR_MX ? 2 : 0, &host);
		strcpy(data->ptr, dname_text(&host, text));
	}
	rr->num_rr++;
}

static SPF_dns_rr_t *
bare_lookup(
    SPF_dns_server_t *server, const char *domain, ns_type type, int cache)
{
	const struct rrset *set;
	struct rdata record = {0};
	struct dname name;
	SPF_dns_rr_t *rr;

	(void)cache;
	if (dname_from_text(&name, domain) == -1)
		return (SPF_dns_rr_new_init(
		    server, domain, type, 0, HOST_NOT_FOUND));
	set = zone_get(server->hook, &name, (uint16_t)type);
	rr = SPF_dns_rr_new_init(server, domain, type, 0,
	    set->state == RR_PRESENT ? NETDB_SUCCESS : HOST_NOT_FOUND);
	while (rrset_next(set, &record))
		bare_add(rr, (uint16_t)type, &record);
	return (rr);
}

static double
bare_time(struct zone *zone, const struct spf_question *question,
    SPF_result_t *result)
{
	SPF_dns_server_t dns = {
	    .lookup = bare_lookup, .name = "zone", .hook = zone};
	SPF_server_t *server = SPF_server_new_dns(&dns, 0);
	char ip[IPADDR_TEXT_MAX];
	SPF_response_t *response;
	SPF_request_t *request;
	double start;
	unsigned i;

	spf_run_begin(zone, SPF_WARM);
	ipaddr_text(&question->client_ip, ip);
	start = microseconds();
	for (i = 0; i < CHECKS; i++) {
		response = NULL;
		request = SPF_request_new(server);
		SPF_request_set_ipv4_str(request, ip);
		SPF_request_set_helo_dom(request, question->helo);
		SPF_request_set_env_from(request, question->mail_from);
		SPF_request_query_mailfrom(request, &response);
		*result = SPF_response_result(response);
		SPF_response_free(response);
		SPF_request_free(request);
	}
	start = (microseconds() - start) / CHECKS;
	SPF_server_free(server);
	return (start);
}

static void
shape_print(const struct shape *shape)
{
	const struct spf_question question = question_for(shape->client_ip);
	struct zone *zone = zone_open(shape->zone, false);
	struct arena *arena = arena_new();
	struct spf_answer answer;
	struct spf_cost cost;
	SPF_result_t bare_result = SPF_RESULT_INVALID;
	double ours, bare;

	ours = ours_time(zone, &question, CHECKS, &answer);
	bare = bare_time(zone, &question, &bare_result);
	spf_run(zone, arena, SPF_COLD, &question, &answer, &cost, NULL);
	printf("%-30s %8.1f %8.1f  %-9s %-9s %6u %9u\n", shape->name, ours,
	    bare, spf_result_text(answer.result), SPF_strresult(bare_result),
	    cost.rounds, cost.questions);
	arena_free(arena);
	zone_close(zone);
}

/* --- Hostile records ------------------------------------------------------ */

#define HOSTILE_OCTETS 65000

struct text {
	char *start;
	size_t len, room;
};

__attribute__((format(printf, 2, 3))) static void
text_add(struct text *text, const char *fmt, ...)
{
	va_list ap;

	if (text->room - text->len < 4096) {
		text->room = 2 * text->room + 8192;
		text->start = realloc(text->start, text->room);
		if (text->start == NULL)
			abort();
	}
	va_start(ap, fmt);
	text->len += (size_t)vsnprintf(
	    text->start + text->len, text->room - text->len, fmt, ap);
	va_end(ap);
}

/* Ten includes in each of ten records, ten times over. */
static void
make_include_bomb(struct text *text)
{
	unsigned i, j;

	for (i = 0; i <= 10; i++) {
		text_add(text,
		    i == 0 ? "d.example TXT v=spf1" : "b%u.example TXT v=spf1",
		    i);
		for (j = 1; j <= 10; j++)
			text_add(text, " include:b%u.example", j);
		text_add(text, "\n");
	}
}

static void
make_long(
    struct text *text, const char *head, const char *term, const char *tail)
{
	const size_t before = text->len;

	text_add(text, "%s", head);
	while (text->len - before < HOSTILE_OCTETS)
		text_add(text, "%s", term);
	text_add(text, "%s\n", tail);
}

static void
make_networks(struct text *text)
{
	make_long(text, "d.example TXT v=spf1", " ip4:192.0.2.1", " -all");
}

static void
make_macros(struct text *text)
{
	make_long(text, "d.example TXT v=spf1 exists:", "%{S}", " -all");
}

static void
make_punctuation(struct text *text)
{
	make_long(text, "d.example TXT v=spf1 a:", ".!", ".example -all");
}

/* Ten records of 64 kB, each reached through the one before. */
static void
make_redirects(struct text *text)
{
	char head[64], tail[64];
	unsigned i;

	for (i = 0; i < 11; i++) {
		snprintf(head, sizeof(head), "%c%.0u.example TXT v=spf1",
		    i == 0 ? 'd' : 'r', i);
		snprintf(tail, sizeof(tail), " redirect=r%u.example", i + 1);
		make_long(text, head, " ip4:192.0.2.1", tail);
	}
}

/* Macros that read a long HELO name and give nothing. */
static void
make_nothing(struct text *text)
{
	char head[64], tail[64];
	unsigned i;

	for (i = 0; i < 5; i++) {
		snprintf(head, sizeof(head),
		    "%c%.0u.example TXT v=spf1 exists:", i == 0 ? 'd' : 'r', i);
		snprintf(tail, sizeof(tail), " redirect=r%u.example", i + 1);
		make_long(text, head, "%{h1}", tail);
	}
}

static void
make_hosts(struct text *text)
{
	unsigned i, j;

	text_add(text, "d.example TXT v=spf1");
	for (i = 0; i < 10; i++)
		text_add(text, " mx:m%u.example", i);
	text_add(text, " -all exp=%%{p}.example\n");
	for (i = 0; i < 10; i++)
		for (j = 0; j < 10; j++)
			text_add(text,
			    "m%u.example MX 0 h%u.m%u.example\n"
			    "h%u.m%u.example A 192.0.2.%u\n",
			    i, j, i, j, i, j);
	for (j = 0; j < 10; j++)
		text_add(text,
		    "99.100.51.198.in-addr.arpa PTR p%u.example\n"
		    "p%u.example A 192.0.2.1\n",
		    j, j);
	text_add(text, "unknown.example TXT no\n");
}

static void
make_addresses(struct text *text)
{
	unsigned i;

	text_add(text, "d.example TXT v=spf1 a a a a a a a a a a -all\n");
	for (i = 0; i < 10000; i++)
		text_add(text, "d.example A 192.0.%u.%u\n", i / 256, i % 256);
}

static void
make_explanation(struct text *text)
{
	text_add(text, "d.example TXT v=spf1 -all exp=e.example\n");
	make_long(text, "e.example TXT ", "%{S}", "");
}

static const struct {
	const char *name;
	void (*make)(struct text *text);
} hostile[] = {
    {"include bomb, 10 x 10 x ...", make_include_bomb},
    {"64 kB of ip4 terms", make_networks},
    {"64 kB of %{S}, sender 1 kB", make_macros},
    {"5 x 64 kB that give nothing", make_nothing},
    {"64 kB of punctuation", make_punctuation},
    {"10 redirects to 64 kB each", make_redirects},
    {"10 mx x 10 hosts, exp=%{p}", make_hosts},
    {"10000 addresses, ten times", make_addresses},
    {"explanation of 64 kB of %{S}", make_explanation},
};

static void
hostile_print(size_t which)
{
	struct spf_question question = question_for("198.51.100.99");
	struct arena *arena = arena_new();
	struct text text = {0};
	struct spf_answer answer;
	struct spf_cost cost;
	struct zone *zone;
	char sender[1100], helo[513];
	double warm, cold;

	memset(sender, '&', 1000);
	strcpy(sender + 1000, "@d.example");
	question.mail_from = sender;
	memset(helo, '.', 512);
	helo[512] = '\0';
	question.helo = helo;
	hostile[which].make(&text);
	zone = zone_open(text.start, false);
	warm = ours_time(zone, &question, 20, &answer);
	cold = microseconds();
	spf_run(zone, arena, SPF_COLD, &question, &answer, &cost, NULL);
	cold = microseconds() - cold;
	printf("%-30s %8.0f %8.0f  %-9s %6u %9u %8zu\n", hostile[which].name,
	    warm, cold, spf_result_text(answer.result), cost.rounds,
	    cost.questions, arena_used(arena) / 1024);
	zone_close(zone);
	arena_free(arena);
	free(text.start);
}

int
main(void)
{
	size_t i;

	printf("%-30s %8s %8s  %-9s %-9s %6s %9s\n", "us for a check", "ours",
	    "bare", "ours", "bare", "rounds", "questions");
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		shape_print(&shapes[i]);
	printf("\n%-30s %8s %8s  %-9s %6s %9s %8s\n", "hostile", "us warm",
	    "us cold", "result", "rounds", "questions", "kB cold");
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		hostile_print(i);
	return (0);
}
