/* SPDX-License-Identifier: ISC */
#include "mail_author.h"

#include <string.h>

/* --- Words ---------------------------------------------------------------- */

enum token {
	TOKEN_END,
	TOKEN_ATOM,    /* RFC 5322 3.2.3, and any octet above 127 (RFC 6532) */
	TOKEN_QUOTED,  /* "..." */
	TOKEN_LITERAL, /* [...] */
	TOKEN_DOT,
	TOKEN_AT,
	TOKEN_COMMA,
	TOKEN_COLON,
	TOKEN_SEMICOLON,
	TOKEN_OPEN,  /* < */
	TOKEN_CLOSE, /* > */
	TOKEN_JUNK   /* what may not stand there */
};

struct lexer {
	const char *p, *end;
	enum token token;  /* the one that ends at p */
	enum token before; /* and the one before that */
	const char *text;  /* where it starts */
	/*
	 * Set when one was seen that is never closed. It then counts as a
	 * single stray character, and is not looked for again: so the work
	 * stays linear, and nothing behind it is lost.
	 */
	bool no_quote, no_comment, no_literal;
	bool passes_controls; /* reads as if they were not there */
};

/* A control character that may not be in a field; p is before end. */
static bool
is_control(const char *p, const char *end)
{
	if (*p == '\r')
		return (p + 1 == end || p[1] != '\n');
	return (((unsigned char)*p < ' ' && *p != '\t' && *p != '\n') ||
		*p == 0x7f);
}

static bool
is_atext(char c)
{
	return ((unsigned char)c > ' ' && c != 0x7f &&
		strchr("()<>[]:;@\\,.\"", c) == NULL);
}

/* Goes over white space, and over control characters if that is how to read. */
static bool
space_skip(struct lexer *lexer)
{
	const char *p = lexer->p;
	bool space = (unsigned char)*p <= ' ' || *p == 0x7f;

	if (!space || (is_control(p, lexer->end) && !lexer->passes_controls))
		return (false);
	lexer->p++;
	return (true);
}

/* Behind the next `close` that has no backslash, or NULL. */
static const char *
closing(const char *p, const char *end, char close)
{
	for (; p < end; p++) {
		if (*p == close)
			return (p + 1);
		if (*p == '\\')
			p++;
	}
	return (NULL);
}

/* Behind the comment that starts before `p`, or NULL. Comments nest. */
static const char *
comment_closing(const char *p, const char *end)
{
	size_t depth = 1;

	for (; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return (p + 1);
	}
	return (NULL);
}

/* RFC 5322 3.2.2: comments and folding white space. */
static void
cfws_skip(struct lexer *lexer)
{
	const char *behind;

	while (lexer->p < lexer->end) {
		if (space_skip(lexer))
			continue;
		if (*lexer->p != '(' || lexer->no_comment)
			return;
		behind = comment_closing(lexer->p + 1, lexer->end);
		if (behind == NULL)
			lexer->no_comment = true;
		else
			lexer->p = behind;
	}
}

/* Something enclosed; a stray character if it is never closed. */
static enum token
enclosed_take(struct lexer *lexer, char close, bool *never, enum token token)
{
	const char *behind = NULL;

	if (!*never)
		behind = closing(lexer->p, lexer->end, close);
	if (behind == NULL) {
		*never = true;
		return (TOKEN_JUNK);
	}
	lexer->p = behind;
	return (token);
}

static enum token
atom_take(struct lexer *lexer)
{
	while (lexer->p < lexer->end &&
	       (is_atext(*lexer->p) || (lexer->passes_controls &&
					   is_control(lexer->p, lexer->end))))
		lexer->p++;
	return (TOKEN_ATOM);
}

static enum token
token_take(struct lexer *lexer)
{
	char c = *lexer->p++;

	switch (c) {
	case '.':
		return (TOKEN_DOT);
	case '@':
		return (TOKEN_AT);
	case ',':
		return (TOKEN_COMMA);
	case ':':
		return (TOKEN_COLON);
	case ';':
		return (TOKEN_SEMICOLON);
	case '<':
		return (TOKEN_OPEN);
	case '>':
		return (TOKEN_CLOSE);
	case '"':
		return (
		    enclosed_take(lexer, '"', &lexer->no_quote, TOKEN_QUOTED));
	case '[':
		return (enclosed_take(
		    lexer, ']', &lexer->no_literal, TOKEN_LITERAL));
	default:
		return (is_atext(c) ? atom_take(lexer) : TOKEN_JUNK);
	}
}

static void
lexer_next(struct lexer *lexer)
{
	cfws_skip(lexer);
	lexer->before = lexer->token;
	lexer->text = lexer->p;
	lexer->token = lexer->p < lexer->end ? token_take(lexer) : TOKEN_END;
}

/* --- Domains -------------------------------------------------------------- */

void
authors_begin(struct authors *authors)
{
	authors->n = 0;
	authors->malformed = false;
	authors->too_many = false;
}

static bool
author_known(const struct authors *authors, size_t n, const char *domain)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(authors->domains[i], domain) == 0)
			return (true);
	return (false);
}

/* Where the next domain is put together; NULL if there is no room. */
static char *
author_slot(struct authors *authors)
{
	if (authors->n < AUTHORS_MAX)
		return (authors->domains[authors->n]);
	authors->too_many = true;
	return (NULL);
}

/*
 * Appends an atom in lower case, without the control characters in it that were
 * passed over; false if it does not fit.
 */
static bool
atom_append(char *slot, size_t *used, const char *text, size_t len)
{
	size_t i;

	if (len >= AUTHOR_DOMAIN_MAX - *used)
		return (false);
	for (i = 0; i < len; i++) {
		char c = text[i];

		if (c != '.' && !is_atext(c))
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		slot[(*used)++] = c;
	}
	slot[*used] = '\0';
	return (true);
}

/*
 * RFC 1035 2.3.4: 63 octets for a label, 253 for a name as text. What is not
 * ASCII gets other lengths as A-labels, which are the daemon's affair.
 */
static bool
lengths_fit(const char *domain)
{
	size_t label, len = strlen(domain);
	const char *p;

	for (p = domain; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return (true);
	for (p = domain; *p != '\0'; p += label + (p[label] == '.')) {
		label = strcspn(p, ".");
		if (label > 63)
			return (false);
	}
	return (len <= 253);
}

/*
 * Reads the domain behind an "@", with the comments and white space that the
 * obsolete syntax allows around its dots. Returns true if it is one that DNS
 * can know: an address literal has no policy, and neither has a..b.
 */
static bool
domain_read(struct lexer *lexer, struct authors *authors)
{
	char scratch[AUTHOR_DOMAIN_MAX], *slot = author_slot(authors);
	const bool room = slot != NULL;
	bool fits = true;
	size_t used = 0;

	if (!room)
		slot = scratch;
	lexer_next(lexer);
	if (lexer->token == TOKEN_LITERAL) {
		lexer_next(lexer);
		return (false);
	}
	while (lexer->token == TOKEN_ATOM) {
		fits = fits && atom_append(slot, &used, lexer->text,
				   (size_t)(lexer->p - lexer->text));
		lexer_next(lexer);
		if (lexer->token != TOKEN_DOT)
			break;
		lexer_next(lexer);
		if (lexer->token == TOKEN_ATOM)
			fits = fits && atom_append(slot, &used, ".", 1);
		else
			authors->malformed = true; /* a dot at the end */
	}
	/* Several dots together leave a dot here: no such name. */
	if (used == 0 || !fits || lexer->token == TOKEN_DOT ||
	    !lengths_fit(slot)) {
		authors->malformed = true;
		return (false);
	}
	return (room);
}

/* --- Addresses ------------------------------------------------------------ */

/* One element of the list, between commas. */
struct element {
	size_t first;	    /* its domains are domains[first..n) */
	bool words;	    /* something stands there */
	bool address;	    /* an "@" was seen */
	bool angle_address; /* and one in angle brackets */
};

static void
element_begin(struct element *element, const struct authors *authors)
{
	memset(element, 0, sizeof(*element));
	element->first = authors->n;
}

/* Drops the domains that were there before. */
static void
element_end(struct element *element, struct authors *authors)
{
	size_t i, kept = element->first;

	if (element->words && !element->address)
		authors->malformed = true;
	for (i = element->first; i < authors->n; i++) {
		if (author_known(authors, kept, authors->domains[i]))
			continue;
		if (i != kept)
			memcpy(authors->domains[kept], authors->domains[i],
			    AUTHOR_DOMAIN_MAX);
		kept++;
	}
	authors->n = kept;
	element_begin(element, authors);
}

/* The lexer stands on an "@"; afterwards on what follows the domain. */
static void
address_read(
    struct lexer *lexer, struct authors *authors, struct element *element)
{
	if (element->address) /* a@b@c: either may be meant. */
		authors->malformed = true;
	if (lexer->before != TOKEN_ATOM && lexer->before != TOKEN_QUOTED)
		authors->malformed = true; /* there is no local part */
	element->address = true;
	if (domain_read(lexer, authors))
		authors->n++;
}

/*
 * RFC 5322 4.4: <@relay1,@relay2:user@domain>. The domains of the route are
 * not the author's. The lexer moves only if it is a route.
 */
static void
route_skip(struct lexer *lexer, struct authors *authors)
{
	struct lexer start = *lexer;
	bool malformed = authors->malformed, too_many = authors->too_many;

	while (lexer->token == TOKEN_AT || lexer->token == TOKEN_COMMA) {
		if (lexer->token == TOKEN_AT)
			(void)domain_read(lexer, authors);
		else
			lexer_next(lexer);
	}
	authors->malformed = malformed;
	authors->too_many = too_many;
	if (lexer->token == TOKEN_COLON)
		lexer_next(lexer);
	else
		*lexer = start;
}

/*
 * <user@domain>. What stood before it is then the display name, even if
 * somebody wrote an address there without quoting it: that is what mail
 * readers take it for.
 */
static void
angle_read(
    struct lexer *lexer, struct authors *authors, struct element *element)
{
	lexer_next(lexer);
	if (lexer->token == TOKEN_AT)
		route_skip(lexer, authors);
	while (lexer->token != TOKEN_CLOSE && lexer->token != TOKEN_END &&
	       lexer->token != TOKEN_COMMA && lexer->token != TOKEN_OPEN) {
		if (lexer->token != TOKEN_AT) {
			lexer_next(lexer);
			continue;
		}
		if (!element->angle_address)
			authors->n = element->first;
		element->angle_address = true;
		address_read(lexer, authors, element);
	}
	if (lexer->token == TOKEN_CLOSE)
		lexer_next(lexer);
	else
		authors->malformed = true;
	if (!element->angle_address)
		authors->malformed = true;
}

static void
value_read(struct authors *authors, struct lexer lexer)
{
	struct element element;

	element_begin(&element, authors);
	lexer_next(&lexer);
	while (lexer.token != TOKEN_END) {
		switch (lexer.token) {
		case TOKEN_AT:
			address_read(&lexer, authors, &element);
			continue;
		case TOKEN_OPEN:
			element.words = true;
			angle_read(&lexer, authors, &element);
			continue;
		case TOKEN_COLON: /* "name:" opens a group */
			if (element.address)
				authors->malformed = true;
			element.words = false;
			element_end(&element, authors);
			break;
		case TOKEN_COMMA:
		case TOKEN_SEMICOLON:
			element_end(&element, authors);
			break;
		case TOKEN_CLOSE:
		case TOKEN_JUNK:
			authors->malformed = true;
			break;
		case TOKEN_ATOM:
		case TOKEN_QUOTED:
		case TOKEN_LITERAL:
		case TOKEN_DOT:
			/* user@domain rubbish */
			if (element.address)
				authors->malformed = true;
			element.words = true;
			break;
		case TOKEN_END:
			break;
		}
		lexer_next(&lexer);
	}
	element_end(&element, authors);
}

/*
 * Control characters may not stand there, and readers differ: some show them,
 * some end at the first (a NUL ends a string, a CR perhaps the line), some leave
 * them out. Each of them finds a domain of its own.
 */
void
authors_add(struct authors *authors, const char *value, size_t len)
{
	const char *end = value + len, *control;
	struct lexer lexer = {.p = value, .end = end};

	value_read(authors, lexer);
	for (control = value; control < end; control++)
		if (is_control(control, end))
			break;
	if (control == end)
		return;
	authors->malformed = true;
	lexer.passes_controls = true;
	value_read(authors, lexer);
	lexer.end = control;
	value_read(authors, lexer);
}
