/* SPDX-License-Identifier: ISC */
/* Whole numbers from outside: options, the environment, configuration. */
#ifndef LIB_NUMBER_H
#define LIB_NUMBER_H

/*
 * Decimal digits alone, or with `unit` (NULL: none) right behind them. -1 if it
 * is none, or not from `least`, 0 or more, to `most`, less than LONG_MAX.
 */
long number_read(const char *text, const char *unit, long least, long most);

#endif
