/* SPDX-License-Identifier: ISC */
#include "series.h"

static const char *const names[] = {
#define SERIES_NAME(id, name) name,
    SERIES_COLUMNS(SERIES_NAME)
#undef SERIES_NAME
};

void
series_add(struct series *series, const struct series_sample *sample)
{
	series->ring[series->seen++ % SERIES_MAX] = *sample;
}

size_t
series_count(const struct series *series)
{
	return (series->seen < SERIES_MAX ? (size_t)series->seen : SERIES_MAX);
}

const struct series_sample *
series_at(const struct series *series, size_t number)
{
	const uint64_t oldest = series->seen - series_count(series);

	return (&series->ring[(oldest + number) % SERIES_MAX]);
}

const char *
series_name(enum series_column column)
{
	return (names[column]);
}
