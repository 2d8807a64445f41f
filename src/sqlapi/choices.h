/*
 * choices.h
 *	  Arguments that are one word of a list.
 */
#ifndef ZP_CHOICES_H
#define ZP_CHOICES_H

#include "sqlapi/sqlapi.h"

#define ZP_NOT_BUILT (-1)

/* A word that an argument may be, and what it stands for.  A list ends with no word. */
typedef struct ZpChoice
{
	const char *word;
	int			meaning;		/* ZP_NOT_BUILT: known, but not built */
} ZpChoice;

extern const ZpChoice zp_access_level_choices[];
extern const ZpChoice zp_pool_level_choices[];
extern const ZpChoice zp_preset_choices[];

/* What argument `number`, called `name`, stands for; else an error. */
extern int	zp_choose(FunctionCallInfo fcinfo, int number, const char *name,
					  const ZpChoice *choices);

/* An argument of bytes that may be NULL: 0; else it must be positive. */
extern uint64 zp_bytes_argument(FunctionCallInfo fcinfo, int number, const char *name);

/* Raises the error for options that make no pool: a capacity without level fixed, and so on. */
extern void zp_check_pool_options(const ZpPoolOptions *options);

#endif							/* ZP_CHOICES_H */
