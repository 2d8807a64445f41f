/*
 * walker.h
 *	  A condition on a column that is more than intervals, as a walk over its values in order.
 *
 * k @^ q is one; an automaton over bytes is another.  Values are seen as they stand in the
 * key: encoded, complemented if the column is DESC, NULL among them.
 */
#ifndef ZP_WALKER_H
#define ZP_WALKER_H

#include "compat.h"

#include "lib/stringinfo.h"

#include "am/cut.h"
#include "am/key.h"
#include "am/quals.h"

typedef struct ZpWalker ZpWalker;

struct ZpWalker
{
	/*
	 * Of one whole value: ZP_VERDICT_MATCH, ZP_VERDICT_SKIP (the next value may be an answer),
	 * or ZP_VERDICT_SEEK: resume says where to go on.
	 */
	ZpVerdict	(*judge) (ZpWalker *walker, const unsigned char *value, size_t bytes);

	/*
	 * The first place at from or further on in direction where a value may be an answer.
	 * false: there is none.  to may be from itself, or point into room, which is
	 * overwritten; from never does.
	 */
	bool		(*resume) (ZpWalker *walker, ZpDirection direction, const ZpCut *from,
						   StringInfo room, ZpCut *to);
};

/* A string of any bytes. */
typedef struct ZpString
{
	const unsigned char *bytes;
	size_t		length;
} ZpString;

/*
 * The values that are a prefix of one of the strings; in the current context.  Keeps the
 * strings and their array, which it sorts.
 */
extern ZpWalker *zp_prefix_walker(const ZpKeyColumn *column, ZpString *strings, int count);

#endif							/* ZP_WALKER_H */
