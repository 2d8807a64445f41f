/*
 * table.h
 *	  A random table with the index that is tested and its twin.
 *
 * Each key column (or expression) x has a generated twin column with the same value, and the
 * twins have an index of their own, a btree.  So a query on the former can use the
 * index that is tested only, and the same query on the twins the btree only.
 */
#ifndef TABLE_H
#define TABLE_H

#include "session.h"
#include "types.h"

#define TABLE_COLUMNS	3

/* Which of the two a query is meant for. */
typedef enum Side
{
	SIDE_TESTED,
	SIDE_TWIN
} Side;

typedef struct KeyColumn
{
	const Type *type;
	char		expression[2][24];	/* by Side */
	bool		is_expression;	/* not just a column */
	bool		descending;
	bool		nulls_first;
} KeyColumn;

typedef struct Table
{
	char		name[24];
	char		index[32];		/* the one that is tested */
	char		twin[32];		/* the other one */
	int			columns;
	KeyColumn	column[TABLE_COLUMNS];
	bool		includes_id;
	bool		includes_note;
	bool		partial;		/* only rows with part >= 5 (of the twins, twin_part >= 5) */
	bool		unlogged;
	bool		few;			/* different values */
	int			null_percent;
	bool		wide;			/* notes are long, and included: few rows fill the index's pages */
	int			scale;			/* how many times more rows are changed at once than usual */
	int			next_id;
	Text		definition;		/* for reports */
} Table;

/* By Side. */
extern const char *const part_columns[2];

/*
 * Makes a table with some rows and both indexes.  single: the type of its only key column;
 * NULL: one to three of random types.
 */
extern void table_create(Table *table, Session *session, int number, const Type *single);

/* In a new transaction that empties it, adds rows, and has no other change: the index is built in place. */
extern void table_refill(Table *table, Session *session);

extern void table_insert(Table *table, Session *session, int rows);

/* The value of a column, or NULL: as a constant, as COPY data */
extern void add_constant(Text *sql, const Table *table, int column);
extern void add_copy_value(Text *data, const Table *table, int column);

/* "note, part, k0, k1, ...": what a row is given by, after id; and such a row's constants */
extern void add_column_names(Text *sql, const Table *table);
extern void add_row(Text *sql, Table *table, int id);

#endif							/* TABLE_H */
