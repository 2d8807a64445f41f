/*
 * trie_scan.c
 *	  zipora_scan and zipora_prefix: rows in key order, either way.
 *
 * The order is that of the key's bytes, which for text is COLLATE "C".  A range
 * includes its lower bound and excludes its upper one, in both directions, so
 * that ranges can be put side by side.  A prefix is the range from itself to the
 * first string that is greater than all that begin with it.
 *
 * PostgreSQL collects all rows of a function in FROM before the first is used, so there
 * max_rows saves work where LIMIT does not; in the select list rows come one by one.
 */
#include "sqlapi/rows.h"

PG_FUNCTION_INFO_V1(zipora_scan);
PG_FUNCTION_INFO_V1(zipora_scan_bytea);
PG_FUNCTION_INFO_V1(zipora_prefix);
PG_FUNCTION_INFO_V1(zipora_prefix_bytea);

static ZpStatus
fill_from_cursor(ZpRows *rows, size_t max_entries, size_t *count, size_t *needed)
{
	return zp_cursor_read(&rows->cursor, rows->direction, rows->entries, max_entries,
						  rows->buffer, rows->buffer_bytes, count, needed);
}

static void
seek(ZpRows *rows, const void *key, size_t key_bytes, bool past)
{
	ZpStatus	status = zp_cursor_seek(&rows->cursor, key, key_bytes, past);

	if (status == ZP_OUT_OF_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (status != ZP_OK)
		zp_report(status, rows->handle, key_bytes);
}

/* Sets the range [lower, upper); NULL: no bound on that side. */
static void
set_range(ZpRows *rows, FuncCallContext *funcctx, const char *lower, size_t lower_bytes,
		  const char *upper, size_t upper_bytes, bool descending)
{
	const char *stop = descending ? lower : upper;
	size_t		stop_bytes = descending ? lower_bytes : upper_bytes;

	rows->direction = descending ? ZP_BACKWARD : ZP_FORWARD;
	if (descending && upper != NULL)
		seek(rows, upper, upper_bytes, true);
	if (!descending && lower != NULL)
		seek(rows, lower, lower_bytes, false);
	if (stop != NULL)
	{
		rows->has_stop = true;
		rows->stop = MemoryContextAlloc(funcctx->multi_call_memory_ctx, stop_bytes + 1);
		memcpy(rows->stop, stop, stop_bytes);
		rows->stop_bytes = stop_bytes;
	}
}

static bool
is_descending(FunctionCallInfo fcinfo, int number)
{
	if (PG_ARGISNULL(number))
		zp_null_argument("descending");
	return PG_GETARG_BOOL(number);
}

static Datum
scan(FunctionCallInfo fcinfo, bool as_bytea)
{
	FuncCallContext *funcctx;

	if (SRF_IS_FIRSTCALL())
	{
		ZpRows	   *rows;
		struct varlena *lower = PG_ARGISNULL(1) ? NULL : PG_GETARG_VARLENA_PP(1);
		struct varlena *upper = PG_ARGISNULL(2) ? NULL : PG_GETARG_VARLENA_PP(2);
		bool		descending = is_descending(fcinfo, 3);

		if (PG_ARGISNULL(0))
			zp_null_argument("name of a trie");
		funcctx = SRF_FIRSTCALL_INIT();
		rows = zp_rows_begin(fcinfo, funcctx, fill_from_cursor, as_bytea);
		zp_rows_set_max(rows, fcinfo, 4);
		set_range(rows, funcctx,
				  lower != NULL ? VARDATA_ANY(lower) : NULL,
				  lower != NULL ? VARSIZE_ANY_EXHDR(lower) : 0,
				  upper != NULL ? VARDATA_ANY(upper) : NULL,
				  upper != NULL ? VARSIZE_ANY_EXHDR(upper) : 0,
				  descending);
	}
	funcctx = SRF_PERCALL_SETUP();
	return zp_rows_next(fcinfo, funcctx);
}

static Datum
prefix(FunctionCallInfo fcinfo, bool as_bytea)
{
	FuncCallContext *funcctx;

	if (SRF_IS_FIRSTCALL())
	{
		ZpRows	   *rows;
		struct varlena *lower;
		char	   *upper;
		size_t		upper_bytes;
		bool		descending = is_descending(fcinfo, 2);

		if (PG_ARGISNULL(0))
			zp_null_argument("name of a trie");
		if (PG_ARGISNULL(1))
			zp_null_argument("prefix");
		lower = PG_GETARG_VARLENA_PP(1);

		/* Cut trailing FF bytes and add one to the last byte that is left. */
		upper_bytes = VARSIZE_ANY_EXHDR(lower);
		upper = palloc(upper_bytes + 1);
		memcpy(upper, VARDATA_ANY(lower), upper_bytes);
		while (upper_bytes > 0 && (unsigned char) upper[upper_bytes - 1] == 0xFF)
			upper_bytes--;
		if (upper_bytes > 0)
			upper[upper_bytes - 1]++;

		funcctx = SRF_FIRSTCALL_INIT();
		rows = zp_rows_begin(fcinfo, funcctx, fill_from_cursor, as_bytea);
		zp_rows_set_max(rows, fcinfo, 3);
		set_range(rows, funcctx, VARDATA_ANY(lower), VARSIZE_ANY_EXHDR(lower),
				  upper_bytes > 0 ? upper : NULL, upper_bytes, descending);
	}
	funcctx = SRF_PERCALL_SETUP();
	return zp_rows_next(fcinfo, funcctx);
}

PGDLLEXPORT Datum
zipora_scan(PG_FUNCTION_ARGS)
{
	return scan(fcinfo, false);
}

PGDLLEXPORT Datum
zipora_scan_bytea(PG_FUNCTION_ARGS)
{
	return scan(fcinfo, true);
}

PGDLLEXPORT Datum
zipora_prefix(PG_FUNCTION_ARGS)
{
	return prefix(fcinfo, false);
}

PGDLLEXPORT Datum
zipora_prefix_bytea(PG_FUNCTION_ARGS)
{
	return prefix(fcinfo, true);
}
