/*
 * intervals.h
 *	  Sets of byte strings as intervals, in order and apart from each other.
 */
#ifndef ZP_INTERVALS_H
#define ZP_INTERVALS_H

#include "compat.h"

#include "am/cut.h"
#include "trie/cursor.h"		/* ZpDirection */

typedef struct ZpInterval
{
	ZpCut		lower;
	ZpCut		upper;
} ZpInterval;

typedef struct ZpIntervals
{
	ZpInterval *interval;
	int			count;
	int			hint;			/* where the last string was found, or near it */
} ZpIntervals;

/* Makes a set of any intervals, which are sorted and joined where they are; how many are left. */
extern int	zp_intervals_unite(ZpInterval *intervals, int count);

/* Leaves in set what is in other too; new room is from the current context. */
extern void zp_intervals_intersect(ZpIntervals *set, const ZpIntervals *other);

extern bool zp_intervals_have(ZpIntervals *set, const unsigned char *string, size_t bytes);

/*
 * The first place at from or further on in direction from which strings of the set may
 * follow.  false: none follow.
 */
extern bool zp_intervals_resume(ZpIntervals *set, ZpDirection direction,
								const ZpCut *from, ZpCut *to);

#endif							/* ZP_INTERVALS_H */
