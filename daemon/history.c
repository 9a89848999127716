/* SPDX-License-Identifier: ISC */
#include "history.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dmarc.h"
#include "dmarc_record.h"
#include "rrset.h"

void
history_add(struct history *history, const struct history_change *change)
{
	history->ring[history->seen++ % HISTORY_MAX] = *change;
}

size_t
history_count(const struct history *history)
{
	return (
	    history->seen < HISTORY_MAX ? (size_t)history->seen : HISTORY_MAX);
}

const struct history_change *
history_at(const struct history *history, size_t number)
{
	const uint64_t oldest = history->seen - history_count(history);

	return (&history->ring[(oldest + number) % HISTORY_MAX]);
}

static void append(char text[HISTORY_POLICY], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
append(char text[HISTORY_POLICY], const char *fmt, ...)
{
	const size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, HISTORY_POLICY - len, fmt, ap);
	va_end(ap);
}

/* RFC 9989 4.7: the defaults are left out. */
static void
policy_describe(char text[HISTORY_POLICY], const struct dmarc_record *record)
{
	append(text, "%s", dmarc_policy_text(record->p));
	if (record->sp != record->p)
		append(text, " sp=%s", dmarc_policy_text(record->sp));
	if (record->np != record->sp)
		append(text, " np=%s", dmarc_policy_text(record->np));
	if (record->t)
		append(text, " t=y");
	if (record->pct != 100)
		append(text, " pct=%d", record->pct);
	if (record->psd != DMARC_PSD_U)
		append(text, " psd=%s", dmarc_psd_text(record->psd));
	if (record->adkim == DMARC_STRICT)
		append(text, " adkim=s");
	if (record->aspf == DMARC_STRICT)
		append(text, " aspf=s");
}

const char *
history_policy(char text[HISTORY_POLICY], struct arena *arena,
    const struct rrset *set, const struct dmarc_options *options)
{
	enum dmarc_record_count count = DMARC_RECORD_NO;
	struct dmarc_record record;

	text[0] = '\0';
	if (set->state == RR_PRESENT)
		count = dmarc_record_choose(arena, set, options, &record);
	switch (count) {
	case DMARC_RECORD_NO:
		append(text, "absent");
		break;
	case DMARC_RECORD_SEVERAL:
		append(text, "several");
		break;
	case DMARC_RECORD_ONE:
		if (record.usable)
			policy_describe(text, &record);
		else
			append(text, "invalid");
		break;
	}
	return (text);
}
