/*
 * rows.c
 *	  Functions that give rows (key, value): fetched from the trie in batches.
 *
 * Between two calls nothing of the trie is held but a place in a cursor, which is
 * memory from malloc, freed by a callback when the query's memory goes, come what
 * may.  The callback also gives back the use of the handle, which keeps its memory,
 * not its session: a trie that is dropped while a scan rests makes the scan's
 * next batch fail, and nothing waits for it.
 */
#include "sqlapi/rows.h"

#include "access/htup_details.h"
#include "miscadmin.h"

#include "shm/token_handle.h"

#define ZP_ROWS_FIRST_BATCH		16
#define ZP_ROWS_FIRST_BUFFER	4096
#define ZP_ROWS_LARGER_BUFFER	32768	/* or more, if one row takes more */

static void
end_rows(void *argument)
{
	ZpRows	   *rows = argument;

	zp_cursor_end(&rows->cursor);
	rows->handle->users--;
}

ZpRows *
zp_rows_begin(FunctionCallInfo fcinfo, FuncCallContext *funcctx, ZpRowsFill fill, bool as_bytea)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	MemoryContext context = funcctx->multi_call_memory_ctx;
	MemoryContext old_context = MemoryContextSwitchTo(context);
	TupleDesc	row;
	ZpRows	   *rows;

	if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	funcctx->tuple_desc = BlessTupleDesc(row);

	rows = palloc0(sizeof(ZpRows));
	rows->buffer = palloc(ZP_ROWS_FIRST_BUFFER);
	rows->buffer_bytes = ZP_ROWS_FIRST_BUFFER;
	rows->batch = ZP_ROWS_FIRST_BATCH;
	rows->fill = fill;
	rows->as_bytea = as_bytea;
	rows->left = PG_UINT64_MAX;
	rows->direction = ZP_FORWARD;

	rows->handle = zp_handle_open(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), ZP_PRIVILEGE_READ);
	rows->object_id = rows->handle->object_id;
	zp_cursor_begin(&rows->cursor, &rows->handle->session);
	rows->handle->users++;
	rows->at_end.func = end_rows;
	rows->at_end.arg = rows;
	MemoryContextRegisterResetCallback(context, &rows->at_end);

	funcctx->user_fctx = rows;
	MemoryContextSwitchTo(old_context);
	return rows;
}

void
zp_rows_set_max(ZpRows *rows, FunctionCallInfo fcinfo, int number)
{
	int64		max_rows;

	if (PG_ARGISNULL(number))
		return;
	max_rows = PG_GETARG_INT64(number);
	if (max_rows < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_rows must not be negative"),
				 errhint("Leave it null for all rows.")));
	rows->left = (uint64) max_rows;
}

/* Replaces the buffer; no entry points into it. */
static void
set_buffer(ZpRows *rows, MemoryContext context, size_t bytes)
{
	if (rows->buffer != NULL)
		pfree(rows->buffer);
	rows->buffer = NULL;
	rows->buffer = MemoryContextAllocHuge(context, bytes);
	rows->buffer_bytes = bytes;
}

/* Reads the next batch; sets ended if there is none. */
static void
fill_batch(ZpRows *rows, MemoryContext context)
{
	for (;;)
	{
		size_t		wanted = Min(rows->batch, rows->left);
		size_t		count = 0;
		size_t		needed = 0;
		ZpStatus	status;

		CHECK_FOR_INTERRUPTS();
		if (wanted > ZP_ROWS_FIRST_BATCH && rows->buffer_bytes < ZP_ROWS_LARGER_BUFFER)
			set_buffer(rows, context, ZP_ROWS_LARGER_BUFFER);
		if (rows->handle->object_id != rows->object_id || !rows->handle->open)
			zp_report(ZP_DROPPED, rows->handle, 0);
		status = rows->fill(rows, wanted, &count, &needed);
		rows->count = status == ZP_OK ? count : 0;
		rows->next = 0;
		switch (status)
		{
			case ZP_OK:
				rows->batch = Min(rows->batch * 2, ZP_ROWS_BATCH);
				return;

			case ZP_END:
				rows->ended = true;
				return;

			case ZP_BUFFER_TOO_SMALL:
				set_buffer(rows, context, needed);
				break;

			case ZP_CANCELLED:
				break;

			case ZP_ASK_FIRST:
				zp_handle_ask_to_stand(rows->handle);
				break;

			default:
				zp_report(status, rows->handle, 0);
		}
	}
}

Datum
zp_form_row(TupleDesc row, ZpValueType type, const void *key, size_t key_bytes,
			bool as_bytea, uint64 payload, const void *value, size_t value_bytes)
{
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[0] = zp_key_as_datum(key, key_bytes, as_bytea);
	if (type == ZP_VALUE_NONE)
	{
		values[1] = (Datum) 0;
		nulls[1] = true;
	}
	else
		values[1] = PointerGetDatum(zp_value_as_text(type, payload, value, value_bytes));
	return HeapTupleGetDatum(heap_form_tuple(row, values, nulls));
}

/* Whether a key lies behind the end of the range. */
static bool
is_past_stop(const ZpRows *rows, const ZpEntry *entry)
{
	int			order = memcmp(entry->key, rows->stop, Min(entry->key_bytes, rows->stop_bytes));

	if (order == 0)
		order = entry->key_bytes < rows->stop_bytes ? -1 : entry->key_bytes > rows->stop_bytes;
	return rows->direction == ZP_FORWARD ? order >= 0 : order < 0;
}

Datum
zp_rows_next(FunctionCallInfo fcinfo, FuncCallContext *funcctx)
{
	ZpRows	   *rows = funcctx->user_fctx;
	const ZpEntry *entry = NULL;

	if (rows->left > 0 && !rows->ended)
	{
		if (rows->next == rows->count)
			fill_batch(rows, funcctx->multi_call_memory_ctx);
		if (!rows->ended)
			entry = &rows->entries[rows->next++];
		if (entry != NULL && rows->has_stop && is_past_stop(rows, entry))
			entry = NULL;
	}
	if (entry == NULL)
	{
		rows->ended = true;
		SRF_RETURN_DONE(funcctx);
	}
	rows->left--;
	SRF_RETURN_NEXT(funcctx,
					zp_form_row(funcctx->tuple_desc, rows->handle->value_type,
								entry->key, entry->key_bytes, rows->as_bytea,
								entry->payload, entry->value, entry->value_bytes));
}
