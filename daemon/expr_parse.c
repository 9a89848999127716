/* SPDX-License-Identifier: ISC */
/* The grammar of conditions (expr.h): from text to nodes. */
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "expr_private.h"
#include "log.h"

/* ---- the lexer -------------------------------------------------------- */

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_STRING, /* begin and end are inside the quotes */
	TOKEN_MARK    /* ( ) { } , < <= > >= */
};

struct token {
	enum token_kind kind;
	size_t begin, end;
};

struct parser {
	const char *text;
	struct token token; /* the next one, not yet taken */
	struct arena *arena;
	struct listfile_pool *pool;
	unsigned depth;
	struct node *node; /* grows; copied to the arena at the end */
	uint32_t nodes, nodes_size;
	const struct input *last; /* tested last, to explain a mistake */
	bool failed;		  /* sticky: the first mistake stands */
	struct expr_error *error;
};

/* Notes the first mistake; what follows from it would only confuse. */
static void __attribute__((format(printf, 4, 5)))
mistake(struct parser *p, size_t begin, size_t end, const char *fmt, ...)
{
	va_list ap;

	/* Nothing more is read, so every loop of the parser ends. */
	p->token.kind = TOKEN_END;
	if (p->failed)
		return;
	p->failed = true;
	p->error->offset = begin;
	p->error->width = end > begin ? end - begin : 1;
	p->error->file[0] = '\0';
	p->error->line = 0;
	va_start(ap, fmt);
	(void)vsnprintf(p->error->message, sizeof(p->error->message), fmt, ap);
	va_end(ap);
}

static bool
word_octet(char c)
{
	return (isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
		(c != '\0' && strchr("_-.:/@+*", c) != NULL));
}

static void
string_take(struct parser *p, size_t at)
{
	size_t end = at + 1;

	while (p->text[end] != '\0' && p->text[end] != p->text[at] &&
	       !iscntrl((unsigned char)p->text[end]))
		end++;
	if (p->text[end] != p->text[at]) {
		mistake(p, at, end, "this quotation does not end");
		return;
	}
	p->token = (struct token){TOKEN_STRING, at + 1, end};
}

/* What other languages write. */
static void
mark_refuse(struct parser *p, size_t at)
{
	static const struct {
		const char *mark, *instead;
	} table[] = {{"&&", "and"}, {"||", "or"}, {"!=", "is not"},
	    {"==", "is"}, {"=", "is"}, {"!", "not"}};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = strlen(table[i].mark);

		if (strncmp(p->text + at, table[i].mark, len) == 0) {
			mistake(
			    p, at, at + len, "write \"%s\"", table[i].instead);
			return;
		}
	}
	mistake(p, at, at + 1, "this character has no meaning here");
}

/* Moves to the next token. */
static void
token_next(struct parser *p)
{
	size_t at = p->token.end, end;
	char c;

	if (p->failed)
		return;
	if (p->token.kind == TOKEN_STRING)
		at++; /* behind the quote */
	while (p->text[at] != '\0' && strchr(" \t\r\n", p->text[at]) != NULL)
		at++;
	c = p->text[at];
	p->token = (struct token){TOKEN_END, at, at};
	if (c == '\0')
		return;
	for (end = at; word_octet(p->text[end]); end++)
		;
	if (end > at)
		p->token = (struct token){TOKEN_WORD, at, end};
	else if (c == '"' || c == '\'')
		string_take(p, at);
	else if (c == '<' || c == '>')
		p->token = (struct token){
		    TOKEN_MARK, at, at + (p->text[at + 1] == '=' ? 2 : 1)};
	else if (strchr("(){},", c) != NULL)
		p->token = (struct token){TOKEN_MARK, at, at + 1};
	else
		mark_refuse(p, at);
}

static bool
token_equals(const struct parser *p, enum token_kind kind, const char *text)
{
	return (p->token.kind == kind &&
		strlen(text) == p->token.end - p->token.begin &&
		memcmp(text, p->text + p->token.begin, strlen(text)) == 0);
}

/* Takes the token if it is this one. */
static bool
take(struct parser *p, enum token_kind kind, const char *text)
{
	if (!token_equals(p, kind, text))
		return (false);
	token_next(p);
	return (true);
}

static bool
take_word(struct parser *p, const char *word)
{
	return (take(p, TOKEN_WORD, word));
}

static bool
take_mark(struct parser *p, const char *mark)
{
	return (take(p, TOKEN_MARK, mark));
}

/* For messages: at most 64 octets of a token. */
#define TOKEN_SHOW(p, t)                                                       \
	((t)->end - (t)->begin > 64 ? 64 : (int)((t)->end - (t)->begin)),      \
	    (p)->text + (t)->begin

/* ---- nodes ------------------------------------------------------------ */

static uint32_t
node_new(struct parser *p, enum node_op op)
{
	if (p->nodes == p->nodes_size) {
		p->nodes_size = p->nodes_size * 2 + 16;
		p->node = realloc(p->node, p->nodes_size * sizeof(*p->node));
		if (p->node == NULL)
			fatal(111, "expr.out_of_memory nodes=%u",
			    (unsigned)p->nodes_size);
	}
	p->node[p->nodes] = (struct node){.op = op};
	return (p->nodes++);
}

/*
 * The operands of one "and" or "or": those that cost no lookup first, then
 * SPF, then DMARC (which brings SPF with it), each kind in the text's order.
 */
#define COSTS 3

struct operands {
	uint32_t first[COSTS], last[COSTS];
	uint32_t count;
};

static unsigned
cost(unsigned needs)
{
	if ((needs & FACTS_DMARC) != 0)
		return (2);
	return ((needs & FACTS_SPF) != 0 ? 1 : 0);
}

static void
operands_add(struct parser *p, struct operands *list, uint32_t node)
{
	unsigned i;

	if (p->failed)
		return;
	i = cost(p->node[node].needs);
	if (list->first[i] == 0)
		list->first[i] = node;
	else
		p->node[list->last[i]].next = node;
	list->last[i] = node;
	list->count++;
}

/* The node that joins the operands; a single one is its own join. */
static uint32_t
operands_join(struct parser *p, struct operands *list, enum node_op op)
{
	uint32_t parent, chain = 0, one;
	unsigned i;

	if (p->failed)
		return (0);
	for (i = COSTS; i-- > 0;) {
		if (list->first[i] == 0)
			continue;
		p->node[list->last[i]].next = chain;
		chain = list->first[i];
	}
	if (list->count == 1)
		return (chain);
	parent = node_new(p, op);
	p->node[parent].first = chain;
	for (one = chain; one != 0; one = p->node[one].next)
		p->node[parent].needs |= p->node[one].needs;
	return (parent);
}

/* ---- values ----------------------------------------------------------- */

static bool
value_at_hand(struct parser *p, const char *what)
{
	if (p->token.kind == TOKEN_WORD || p->token.kind == TOKEN_STRING)
		return (true);
	mistake(p, p->token.begin, p->token.end, "here %s is missing", what);
	return (false);
}

/* The words of an input, "none, pass or fail". */
static const char *
words_text(const struct input *input, char *buf, size_t size)
{
	size_t used = 0;
	unsigned i;

	buf[0] = '\0';
	for (i = 0; input->words[i] != NULL && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s",
		    i == 0			  ? ""
		    : input->words[i + 1] == NULL ? " or "
						  : ", ",
		    input->words[i]);
	return (buf);
}

static facts_set
word_take(struct parser *p, const struct input *input)
{
	struct token word = p->token;
	const char *near;
	facts_set bit;
	char all[160];

	if (!value_at_hand(p, "a value"))
		return (0);
	bit = input_word(input, p->text + word.begin, word.end - word.begin);
	if (bit != 0) {
		token_next(p);
		return (bit);
	}
	near = input_nearest_word(
	    input, p->text + word.begin, word.end - word.begin);
	if (near != NULL)
		mistake(p, word.begin, word.end,
		    "%s is never \"%.*s\"; did you mean \"%s\"?", input->name,
		    TOKEN_SHOW(p, &word), near);
	else
		mistake(p, word.begin, word.end,
		    "%s is never \"%.*s\"; it is %s", input->name,
		    TOKEN_SHOW(p, &word), words_text(input, all, sizeof(all)));
	return (0);
}

static void
entry_take(struct parser *p, struct listfile *list, const char *what)
{
	struct listfile_error error;
	struct token entry = p->token;

	if (!value_at_hand(p, what))
		return;
	if (listfile_add(list, p->text + entry.begin, entry.end - entry.begin,
		&error) != 0)
		mistake(p, entry.begin, entry.end, "%s", error.message);
	else
		token_next(p);
}

static enum listfile_kind
list_kind(const struct input *input)
{
	if (input->type == INPUT_ADDRESS)
		return (LISTFILE_ADDRESSES);
	return (input->type == INPUT_TEXT ? LISTFILE_WORDS : LISTFILE_DOMAINS);
}

static const char *
kind_text(enum listfile_kind kind)
{
	switch (kind) {
	case LISTFILE_ADDRESSES:
		return ("an address or prefix");
	case LISTFILE_DOMAINS:
		return ("a domain");
	case LISTFILE_WORDS:
		break;
	}
	return ("a text");
}

/* Behind "file": an absolute path, as the daemon's directory is no matter. */
static const struct listfile *
file_take(struct parser *p, enum listfile_kind kind)
{
	struct listfile_error error;
	struct token token = p->token;
	const struct listfile *list;
	char *path;

	if (!value_at_hand(p, "the list file's path"))
		return (NULL);
	path = arena_strndup(
	    p->arena, p->text + token.begin, token.end - token.begin);
	if (path[0] != '/') {
		mistake(p, token.begin, token.end,
		    "a list file needs an absolute path");
		return (NULL);
	}
	list = listfile_pool_get(p->pool, path, kind, &error);
	/* Of the file as a whole: the mistake is where it is named. */
	if (list == NULL && error.line == 0) {
		mistake(
		    p, token.begin, token.end, "%s: %s", path, error.message);
		return (NULL);
	}
	if (list == NULL) {
		mistake(p, token.begin, token.end, "%s", error.message);
		(void)snprintf(
		    p->error->file, sizeof(p->error->file), "%s", path);
		p->error->line = error.line;
		return (NULL);
	}
	token_next(p);
	return (list);
}

/* ---- tests ------------------------------------------------------------ */

/* Behind "in": a value, {values} or file path. */
static const struct listfile *
list_take(struct parser *p, enum listfile_kind kind)
{
	struct listfile *list;

	if (take_word(p, "file"))
		return (file_take(p, kind));
	list = listfile_new(kind);
	listfile_pool_adopt(p->pool, list);
	if (take_mark(p, "{")) {
		do {
			entry_take(p, list, kind_text(kind));
		} while (take_mark(p, ","));
		if (!take_mark(p, "}"))
			mistake(p, p->token.begin, p->token.end,
			    "here \",\" or \"}\" is missing");
	} else {
		entry_take(p, list, kind_text(kind));
	}
	listfile_finish(list);
	return (list);
}

static facts_set
set_take(struct parser *p, const struct input *input)
{
	facts_set set = 0;

	if (!take_mark(p, "{"))
		return (word_take(p, input));
	do {
		set |= word_take(p, input);
	} while (take_mark(p, ","));
	if (!take_mark(p, "}"))
		mistake(p, p->token.begin, p->token.end,
		    "here \",\" or \"}\" is missing");
	return (set);
}

/* Behind "is" for a domain, address or text: one value, compared whole. */
static void
whole_take(struct parser *p, struct node *node)
{
	enum listfile_kind kind = list_kind(node->input);
	struct listfile *list = listfile_new(kind);
	struct token token = p->token;
	struct dname *name;

	listfile_pool_adopt(p->pool, list);
	entry_take(p, list, kind_text(kind));
	if (kind == LISTFILE_DOMAINS && !p->failed) {
		name = arena_alloc(p->arena, sizeof(*name));
		if (dname_from_octets(name, p->text + token.begin,
			token.end - token.begin) == 0)
			node->name = name;
	}
	if (kind == LISTFILE_ADDRESSES &&
	    memchr(p->text + token.begin, '/', token.end - token.begin) != NULL)
		mistake(p, token.begin, token.end,
		    "a prefix holds many addresses: write \"in\"");
	listfile_finish(list);
	node->arg.list = list;
}

static bool
has_words(const struct input *input)
{
	return (input->words != NULL);
}

/* `is` takes one value, `in` a set of them. */
static void
membership_take(struct parser *p, struct node *node, bool one)
{
	const struct input *input = node->input;

	if (input->type == INPUT_DURATION) {
		mistake(p, p->token.begin, p->token.end,
		    "%s is a length of time: compare it with < <= > or >=",
		    input->name);
	} else if (has_words(input)) {
		node->op = NODE_IN_SET;
		node->arg.set = one ? word_take(p, input) : set_take(p, input);
	} else {
		node->op = NODE_IN_LIST;
		if (one)
			whole_take(p, node);
		else
			node->arg.list = list_take(p, list_kind(input));
	}
}

/* Words as long as they look like it: "4h 30m". */
static void
duration_take(struct parser *p, struct node *node)
{
	size_t begin = p->token.begin, end;
	const char *text;

	if (!value_at_hand(p, "a length of time"))
		return;
	do {
		end = p->token.end;
		token_next(p);
	} while (p->token.kind == TOKEN_WORD &&
		 isdigit((unsigned char)p->text[p->token.begin]));
	text = arena_strndup(p->arena, p->text + begin, end - begin);
	if (expr_duration(text, &node->arg.milliseconds) != 0)
		mistake(p, begin, end,
		    "a length of time is like 4h 30m, 90s or 2d");
}

static bool
compare_take(struct parser *p, struct node *node)
{
	if (take_mark(p, "<="))
		node->compare = LESS_EQUAL;
	else if (take_mark(p, "<"))
		node->compare = LESS;
	else if (take_mark(p, ">="))
		node->compare = GREATER_EQUAL;
	else if (take_mark(p, ">"))
		node->compare = GREATER;
	else
		return (false);
	return (true);
}

/* What may stand behind the input's name, for those who wrote something else. */
static void
operator_missing(struct parser *p, const struct input *input)
{
	size_t begin = p->token.begin, end = p->token.end;

	if (input->type == INPUT_DURATION)
		mistake(
		    p, begin, end, "behind %s comes < <= > or >=", input->name);
	else if (has_words(input))
		mistake(p, begin, end,
		    "%s is not yes or no: write \"%s is %s\" or the like",
		    input->name, input->name, input->words[1]);
	else
		mistake(p, begin, end, "behind %s comes \"is\" or \"in\"",
		    input->name);
}

static void
test_operator(struct parser *p, struct node *node)
{
	const struct input *input = node->input;
	struct token at = p->token;

	if (take_word(p, "is")) {
		node->negated = take_word(p, "not");
		membership_take(p, node, true);
	} else if (token_equals(p, TOKEN_WORD, "in") ||
		   token_equals(p, TOKEN_WORD, "not")) {
		node->negated = take_word(p, "not");
		if (take_word(p, "in"))
			membership_take(p, node, false);
		else
			mistake(p, p->token.begin, p->token.end,
			    "behind \"%s not\" comes \"in\"", input->name);
	} else if (compare_take(p, node)) {
		node->op = NODE_COMPARE;
		if (input->type == INPUT_DURATION)
			duration_take(p, node);
		else
			mistake(p, at.begin, at.end,
			    "%s has no order: write \"is\" or \"in\"",
			    input->name);
	} else if (input->type == INPUT_YES_NO) {
		node->op = NODE_IN_SET;
		node->arg.set = input_word(input, "yes", 3);
	} else {
		operator_missing(p, input);
	}
}

/* A word that is no input's name. */
static void
input_refuse(struct parser *p)
{
	struct token *t = &p->token;
	size_t len = t->end - t->begin;
	const char *word = p->text + t->begin, *near;

	if (p->last != NULL && input_word(p->last, word, len) != 0) {
		mistake(p, t->begin, t->end,
		    "\"%.*s\" is a value: for several, write "
		    "\"%s in {..., %.*s}\"",
		    TOKEN_SHOW(p, t), p->last->name, TOKEN_SHOW(p, t));
		return;
	}
	near = input_nearest(word, len);
	if (near != NULL)
		mistake(p, t->begin, t->end,
		    "there is no input \"%.*s\"; did you mean \"%s\"?",
		    TOKEN_SHOW(p, t), near);
	else
		mistake(p, t->begin, t->end, "there is no input \"%.*s\"",
		    TOKEN_SHOW(p, t));
}

static uint32_t
test_parse(struct parser *p)
{
	struct node node = {.op = NODE_IN_SET};
	size_t begin = p->token.begin, end = p->token.end;
	uint32_t index;

	if (p->token.kind != TOKEN_WORD) {
		mistake(p, begin, end, "here the name of an input is missing");
		return (0);
	}
	node.input = input_find(p->text + begin, end - begin);
	if (node.input == NULL) {
		input_refuse(p);
		return (0);
	}
	p->last = node.input;
	token_next(p);
	test_operator(p, &node);
	if (p->failed)
		return (0);
	/* White space behind the test is not part of it. */
	for (end = p->token.kind == TOKEN_STRING ? p->token.begin - 1
						 : p->token.begin;
	     strchr(" \t\r\n", p->text[end - 1]) != NULL;)
		end--;
	node.end = (uint32_t)end;
	node.needs = node.input->needs;
	index = node_new(p, node.op);
	p->node[index] = node;
	return (index);
}

/* ---- the grammar ------------------------------------------------------ */

static uint32_t or_parse(struct parser *p);

static uint32_t
group_parse(struct parser *p, size_t begin)
{
	uint32_t node;

	if (++p->depth > EXPR_DEPTH_MAX) {
		mistake(p, begin, begin + 1,
		    "more than %d parentheses one in the other",
		    EXPR_DEPTH_MAX);
		return (0);
	}
	node = or_parse(p);
	if (!take_mark(p, ")"))
		mistake(
		    p, p->token.begin, p->token.end, "here \")\" is missing");
	p->depth--;
	return (node);
}

static uint32_t
constant_new(struct parser *p, enum tri value)
{
	uint32_t node = node_new(p, NODE_CONSTANT);

	p->node[node].arg.constant = value;
	return (node);
}

static uint32_t
not_parse(struct parser *p)
{
	size_t begin;
	bool negate = false;
	uint32_t node, inner;

	while (take_word(p, "not"))
		negate = !negate;
	begin = p->token.begin;
	if (take_mark(p, "("))
		inner = group_parse(p, begin);
	else if (take_word(p, "true"))
		inner = constant_new(p, TRI_TRUE);
	else if (take_word(p, "false"))
		inner = constant_new(p, TRI_FALSE);
	else
		inner = test_parse(p);
	if (!negate || p->failed)
		return (inner);
	node = node_new(p, NODE_NOT);
	p->node[node].first = inner;
	p->node[node].needs = p->node[inner].needs;
	return (node);
}

static uint32_t
and_parse(struct parser *p)
{
	struct operands list = {.count = 0};

	do {
		operands_add(p, &list, not_parse(p));
	} while (take_word(p, "and"));
	return (operands_join(p, &list, NODE_AND));
}

static uint32_t
or_parse(struct parser *p)
{
	struct operands list = {.count = 0};

	do {
		operands_add(p, &list, and_parse(p));
	} while (take_word(p, "or"));
	return (operands_join(p, &list, NODE_OR));
}

static void
whole_parse(struct parser *p, struct expr *expr)
{
	if (strlen(p->text) > EXPR_TEXT_MAX) {
		mistake(p, 0, 1, "over %d octets: put long lists into a file",
		    EXPR_TEXT_MAX);
		return;
	}
	token_next(p);
	(void)node_new(p, NODE_CONSTANT); /* index 0 */
	expr->root = or_parse(p);
	if (p->token.kind != TOKEN_END)
		mistake(p, p->token.begin, p->token.end,
		    "here \"and\" or \"or\" is missing");
}

struct expr *
expr_compile(struct arena *arena, struct listfile_pool *pool, const char *text,
    struct expr_error *error)
{
	struct expr *expr = arena_alloc(arena, sizeof(*expr));
	struct parser parser = {
	    .arena = arena, .pool = pool, .error = error, .text = text};

	whole_parse(&parser, expr);
	if (!parser.failed) {
		expr->text = arena_strdup(arena, text);
		expr->nodes = parser.nodes;
		expr->node = arena_memdup(
		    arena, parser.node, parser.nodes * sizeof(*parser.node));
	}
	free(parser.node);
	return (parser.failed ? NULL : expr);
}
