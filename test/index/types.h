/*
 * types.h
 *	  The types that can be keys: their operators, and values that collide.
 */
#ifndef TYPES_H
#define TYPES_H

#include "support.h"

/* The access method that is tested; the others serve to test this test. */
typedef enum Method
{
	METHOD_ZIPORA,
	METHOD_BTREE
} Method;

typedef struct Type
{
	const char *name;			/* in messages */
	const char *column;			/* of the column, with its collation */
	const char *value_type;		/* of constants */
	const char *opclass[2];		/* by method; empty: the default */

	/*
	 * Operators that queries may use, and after each "!" if a scan of an index by this
	 * method must be able to use it, by method.
	 */
	const char *operators[2];

	/* For ORDER BY; empty: the type's own order. */
	const char *using_less;
	const char *using_greater;

	/* A random value; see random_value. */
	void		(*value) (Text *out);

	bool		returnable;		/* an index-only scan must be possible */
	bool		blanks;			/* equal values may differ in blanks at their ends */
	int			family;			/* types of the same one (but 0) can be compared */
} Type;

extern const Type types[];
extern const int type_count;

/* A random value, as the type's input function takes it, not quoted. */
extern void random_value(const Type *type, Text *out);

/* A type of the same family; at random type itself. */
extern const Type *comparable_type(const Type *type);

/*
 * Chooses what values look like until the next call; texts have at most so many bytes.  Whether
 * there are only a few of each type: then a row is often replaced by one with its key and place.
 */
extern bool choose_styles(int longest_text);

#endif							/* TYPES_H */
