/*
 * trie_prefixes.c
 *	  zipora_longest_prefix and zipora_prefixes_of: the keys that a string begins with.
 *
 * A query longer than any key may be is fine: its beginning decides.
 */
#include "sqlapi/rows.h"

#include "match/prefixes.h"

#define ZP_VALUE_ON_STACK 1024

PG_FUNCTION_INFO_V1(zipora_longest_prefix);
PG_FUNCTION_INFO_V1(zipora_longest_prefix_bytea);
PG_FUNCTION_INFO_V1(zipora_prefixes_of);
PG_FUNCTION_INFO_V1(zipora_prefixes_of_bytea);

static Datum
longest_prefix(FunctionCallInfo fcinfo, bool as_bytea)
{
	ZpCall		call;
	ZpCallCache *cache;
	struct varlena *query;
	const char *query_data;
	size_t		query_bytes;
	size_t		key_bytes = 0;
	uint64_t	payload = 0;
	char		small[ZP_VALUE_ON_STACK] pg_attribute_aligned(8);
	char	   *buffer = small;
	size_t		capacity = sizeof(small);
	size_t		value_bytes = 0;
	ZpStatus	status;

	zp_call_begin(&call, fcinfo, ZP_PRIVILEGE_READ);
	query = PG_GETARG_VARLENA_PP(1);
	query_data = VARDATA_ANY(query);
	query_bytes = VARSIZE_ANY_EXHDR(query);
	for (;;)
	{
		status = zp_longest_prefix(&call.handle->session, query_data, query_bytes,
								   &key_bytes, &payload, buffer, capacity, &value_bytes);
		if (status == ZP_BUFFER_TOO_SMALL)
		{
			CHECK_FOR_INTERRUPTS();
			if (buffer != small)
				pfree(buffer);
			buffer = palloc(value_bytes);
			capacity = value_bytes;
		}
		else if (!zp_call_again(&call, status, query_bytes))
			break;
	}
	if (status == ZP_NOT_FOUND)
		PG_RETURN_NULL();

	cache = fcinfo->flinfo->fn_extra;
	if (cache->row == NULL)
	{
		MemoryContext old_context = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		TupleDesc	row;

		if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		cache->row = BlessTupleDesc(row);
		MemoryContextSwitchTo(old_context);
	}
	return zp_form_row(cache->row, call.handle->value_type, query_data, key_bytes, as_bytea,
					   payload, buffer, value_bytes);
}

static ZpStatus
fill_from_query(ZpRows *rows, size_t max_entries, size_t *count, size_t *needed)
{
	ZpStatus	status;

	status = zp_prefixes_of(&rows->handle->session, rows->query, rows->query_bytes,
							rows->min_bytes, rows->entries, max_entries,
							rows->buffer, rows->buffer_bytes, count, needed);
	if (status == ZP_OK)
		rows->min_bytes = rows->entries[*count - 1].key_bytes + 1;
	return status;
}

static Datum
prefixes_of(FunctionCallInfo fcinfo, bool as_bytea)
{
	FuncCallContext *funcctx;

	if (SRF_IS_FIRSTCALL())
	{
		struct varlena *query = PG_GETARG_VARLENA_PP(1);
		ZpRows	   *rows;

		funcctx = SRF_FIRSTCALL_INIT();
		rows = zp_rows_begin(fcinfo, funcctx, fill_from_query, as_bytea);
		rows->query_bytes = VARSIZE_ANY_EXHDR(query);
		rows->query = MemoryContextAlloc(funcctx->multi_call_memory_ctx, rows->query_bytes + 1);
		memcpy(rows->query, VARDATA_ANY(query), rows->query_bytes);
	}
	funcctx = SRF_PERCALL_SETUP();
	return zp_rows_next(fcinfo, funcctx);
}

PGDLLEXPORT Datum
zipora_longest_prefix(PG_FUNCTION_ARGS)
{
	return longest_prefix(fcinfo, false);
}

PGDLLEXPORT Datum
zipora_longest_prefix_bytea(PG_FUNCTION_ARGS)
{
	return longest_prefix(fcinfo, true);
}

PGDLLEXPORT Datum
zipora_prefixes_of(PG_FUNCTION_ARGS)
{
	return prefixes_of(fcinfo, false);
}

PGDLLEXPORT Datum
zipora_prefixes_of_bytea(PG_FUNCTION_ARGS)
{
	return prefixes_of(fcinfo, true);
}
