/*
 * strategies.h
 *	  The numbers of the operators in our operator families.
 *
 * 1 to 5 are those of btree, since the planner looks for the order of an index there.
 */
#ifndef ZP_STRATEGIES_H
#define ZP_STRATEGIES_H

#include "compat.h"

#include "access/stratnum.h"

#define ZP_STRATEGY_LESS			BTLessStrategyNumber
#define ZP_STRATEGY_LESS_EQUAL		BTLessEqualStrategyNumber
#define ZP_STRATEGY_EQUAL			BTEqualStrategyNumber
#define ZP_STRATEGY_GREATER_EQUAL	BTGreaterEqualStrategyNumber
#define ZP_STRATEGY_GREATER			BTGreaterStrategyNumber
#define ZP_STRATEGY_BEGINS_WITH		6	/* k ^@ q: q is a prefix of k */
#define ZP_STRATEGY_PREFIX_OF		7	/* k @^ q: k is a prefix of q */
/* 8 and 9 are kept for ~~ (LIKE) and ~ */
#define ZP_STRATEGY_CONTAINS		10	/* k >>= q: q is inside k, or the same network */
#define ZP_STRATEGY_CONTAINED		11	/* k <<= q */

#define ZP_STRATEGIES				11

#endif							/* ZP_STRATEGIES_H */
