/*
 * cut.h
 *	  A place between byte strings: before, or behind, all that begin with some bytes.
 *
 * Where strings are free of prefixes, as keys and the values of a column are, each lies on
 * one side of a cut, and every bound of an interval is a cut: "less than v" ends before v,
 * "at most v" behind it, and what begins with p lies from before p to behind p.  The empty
 * byte string stands before or behind everything.
 */
#ifndef ZP_CUT_H
#define ZP_CUT_H

#include "compat.h"

typedef struct ZpCut
{
	const unsigned char *bytes; /* never NULL */
	size_t		length;
	bool		after;
} ZpCut;

static inline ZpCut
zp_cut(const void *bytes, size_t length, bool after)
{
	ZpCut		cut = {.bytes = bytes,.length = length,.after = after};

	return cut;
}

/* Whether a string lies before the cut. */
static inline bool
zp_is_before_cut(const unsigned char *string, size_t bytes, const ZpCut *cut)
{
	int			order = memcmp(string, cut->bytes, Min(bytes, cut->length));

	if (order != 0)
		return order < 0;
	return bytes < cut->length || cut->after;
}

/* Order of two cuts: < 0, 0, > 0. */
static inline int
zp_cut_compare(const ZpCut *a, const ZpCut *b)
{
	int			order = memcmp(a->bytes, b->bytes, Min(a->length, b->length));

	if (order != 0)
		return order;
	if (a->length < b->length)
		return a->after ? 1 : -1;
	if (a->length > b->length)
		return b->after ? -1 : 1;
	return (int) a->after - (int) b->after;
}

#endif							/* ZP_CUT_H */
