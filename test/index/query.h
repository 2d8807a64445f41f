/*
 * query.h
 *	  A random query that an index can answer, and the comparison of its answers.
 */
#ifndef QUERY_H
#define QUERY_H

#include "difftest.h"

/* How the index is read. */
typedef enum Path
{
	PATH_INDEX,
	PATH_INDEX_ONLY,
	PATH_BITMAP,
	PATHS
} Path;

typedef enum Shape
{
	SHAPE_PLAIN,
	SHAPE_EXTREMES,				/* min, max */
	SHAPE_JOIN,					/* the index is on the inner side of a nested loop */
	SHAPE_PREPARED,				/* a generic plan with a parameter */
	SHAPES
} Shape;

#define QUERY_CONDITIONS	4

typedef struct Condition
{
	Text		text[2];		/* by Side */
	Text		before[2];		/* its operand, a constant; empty: it has none */
	Text		operand;		/* the constant */
	const char *operand_type;
	bool		indexable;		/* a scan of the index must be able to use it */
	bool		is_array;
	bool		is_empty;		/* an array without elements */
} Condition;

typedef struct Query
{
	const Table *table;
	Shape		shape;
	Path		path;
	Text		sql[2];			/* by Side */
	Text		generic[2];		/* the same with a parameter; SHAPE_PREPARED, if it has a constant */
	int			conditions;
	Condition	condition[QUERY_CONDITIONS];
	int			order_columns;	/* the first ones of the index; 0: in any order */
	bool		backward;
	int			limit;			/* 0: none */
	int			offset;
	bool		must_use;		/* the plan must use the index, in the way of path */
	bool		must_not_sort;
} Query;

/* For a cursor: without LIMIT, PLAIN, not BITMAP. */
extern void query_create(Query *query, const Table *table, bool for_cursor);
extern void query_free(Query *query);

/*
 * Adds a condition for UPDATE and DELETE, from those that an index is for.  (For the tested
 * side.)
 */
extern void add_random_condition(Text *sql, const Table *table);

/* SET LOCAL for a sequential scan, and for the query's path */
extern const char *const sequential_settings;
extern const char *path_settings(Path path);

/* The rows of an answer. */
typedef struct Answer
{
	int			rows;
	char	  **row;			/* all fields as one string */
	char	  **key;			/* the fields that order */
} Answer;

extern void answer_take(Answer *answer, const Query *query, const PGresult *result);
extern void answer_free(Answer *answer);

/* Whether row i of the answer may stand where the reference has row j. */
extern bool answer_key_equal(const Answer *answer, int i, const Answer *reference, int j);

/* Sorts a copy of the rows, by all fields. */
extern char **answer_sorted(const Answer *answer);

/*
 * Runs the query in the session's transaction, whose snapshot must not change, by a sequential scan, by the
 * index, and at random by its twin, and compares.
 */
extern void query_check(Query *query, Session *session);

/* Ends the program with a report. */
extern void query_wrong(const Query *query, const Session *session, const char *what,
						const Answer *expected, const Answer *found) __attribute__((noreturn));

/* Whether the plan is as the query says; counts. */
extern void query_check_plan(const Query *query, Session *session, Side side,
							 const PGresult *plan);

/* What was compared so far. */
typedef struct QueryCounts
{
	long		compared;
	long		by_tested;		/* with a plan that used the tested index */
	long		by_twin;
	long		rows;			/* of the references */
	long		path[PATHS];	/* of by_tested */
	long		shape[SHAPES];
	long		ordered;		/* in the index's order, without a sort */
	long		arrays;
} QueryCounts;

extern QueryCounts query_counts;

#endif							/* QUERY_H */
