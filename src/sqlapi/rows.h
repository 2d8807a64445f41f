/*
 * rows.h
 *	  Functions that give rows (key, value): fetched from the trie in batches.
 *
 * A function gives its rows one by one (value per call), so where the executor
 * stops early, little is read.  The first batch is small, the next ones larger.
 */
#ifndef ZP_ROWS_H
#define ZP_ROWS_H

#include "sqlapi/sqlapi.h"

#include "funcapi.h"

#include "trie/cursor.h"

#define ZP_ROWS_BATCH 256

typedef struct ZpRows ZpRows;

/* Fills rows->entries: as zp_cursor_read. */
typedef ZpStatus (*ZpRowsFill) (ZpRows *rows, size_t max_entries, size_t *count, size_t *needed);

struct ZpRows
{
	ZpHandle   *handle;
	uint64		object_id;		/* of the trie that the rows are from */
	ZpRowsFill	fill;
	bool		as_bytea;		/* keys, else text */
	uint64		left;			/* rows that may still be given */

	char	   *buffer;
	size_t		buffer_bytes;
	size_t		batch;			/* entries asked for the next time */
	size_t		count;			/* entries that there are */
	size_t		next;			/* the first not given yet */
	bool		ended;
	ZpEntry		entries[ZP_ROWS_BATCH];

	MemoryContextCallback at_end;
	ZpCursor	cursor;			/* of a scan; else unused */
	ZpDirection direction;
	bool		has_stop;		/* forward: stop at keys >= stop; backward: < stop */
	unsigned char *stop;
	size_t		stop_bytes;

	unsigned char *query;		/* of zipora_prefixes_of; else unused */
	size_t		query_bytes;
	size_t		min_bytes;
};

/*
 * Begins in the function's first call: finds the trie of argument 0, checks rights,
 * makes rows (in funcctx's long-lived memory, where what it needs later must be, too).
 */
extern ZpRows *zp_rows_begin(FunctionCallInfo fcinfo, FuncCallContext *funcctx,
							 ZpRowsFill fill, bool as_bytea);

/* Argument `number`, the most rows to give; NULL: all. */
extern void zp_rows_set_max(ZpRows *rows, FunctionCallInfo fcinfo, int number);

/* The next row, or the end. */
extern Datum zp_rows_next(FunctionCallInfo fcinfo, FuncCallContext *funcctx);

/* One row as a tuple. */
extern Datum zp_form_row(TupleDesc row, ZpValueType type, const void *key, size_t key_bytes,
						 bool as_bytea, uint64 payload, const void *value, size_t value_bytes);

#endif							/* ZP_ROWS_H */
