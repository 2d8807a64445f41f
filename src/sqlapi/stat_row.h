/*
 * stat_row.h
 *	  What the functions behind the views of statistics share.
 */
#ifndef ZP_STAT_ROW_H
#define ZP_STAT_ROW_H

#include "sqlapi/sqlapi.h"

#include "funcapi.h"
#include "utils/tuplestore.h"

/* No view has more. */
#define ZP_ROW_COLUMNS 30

extern bool zp_reads_all_stats(void);

/*
 * Opens a trie to look at its figures, if it is still there and the user may see
 * them; *close says that it was not open before.
 */
extern ZpHandle *zp_open_to_look(const char *name, bool all_stats, bool *close);

/* A row under construction. */
typedef struct Row
{
	Datum		values[ZP_ROW_COLUMNS];
	bool		nulls[ZP_ROW_COLUMNS];
	int			columns;
} Row;

static inline void
add_datum(Row *row, Datum value)
{
	row->values[row->columns] = value;
	row->nulls[row->columns++] = false;
}

static inline void
add_null(Row *row)
{
	row->values[row->columns] = (Datum) 0;
	row->nulls[row->columns++] = true;
}

static inline void
add_number(Row *row, uint64 number)
{
	add_datum(row, Int64GetDatum((int64) number));
}

/* 0 means that there is no limit. */
static inline void
add_limit(Row *row, uint64 number)
{
	if (number == 0)
		add_null(row);
	else
		add_number(row, number);
}

static inline void
add_ratio(Row *row, uint64 part, uint64 whole)
{
	if (whole == 0)
		add_null(row);
	else
		add_datum(row, Float8GetDatum((double) part / (double) whole));
}

static inline void
put_row(FunctionCallInfo fcinfo, Row *row, int columns)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	Assert(row->columns == columns && result->setDesc->natts == columns);
	tuplestore_putvalues(result->setResult, result->setDesc, row->values, row->nulls);
	row->columns = 0;
}

#endif							/* ZP_STAT_ROW_H */
