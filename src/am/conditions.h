/*
 * conditions.h
 *	  A scan's conditions on one column, as a set of intervals and walkers.
 */
#ifndef ZP_CONDITIONS_H
#define ZP_CONDITIONS_H

#include "compat.h"

#include "access/skey.h"

#include "am/intervals.h"
#include "am/key.h"
#include "am/walker.h"

/* All that hold at once.  A value is an answer if it is in the intervals and every walker says so. */
typedef struct ZpConditions
{
	bool		present;		/* there are any */
	bool		inexact;		/* the executor must look again */
	ZpIntervals intervals;		/* everything, if only walkers are there */
	int			walker_count;
	int			walker_room;
	ZpWalker  **walkers;
} ZpConditions;

/* Adds a condition; what it keeps is from the current context. */
extern void zp_conditions_add(ZpConditions *conditions, const ZpKeyColumn *column, ScanKey key);

/* Whether a column of one type can answer an operator of this strategy with a constant of another. */
extern bool zp_condition_is_possible(Oid column_type, StrategyNumber strategy, Oid type);

#endif							/* ZP_CONDITIONS_H */
