/*
 * trie_load.c
 *	  zipora_load: the rows of a query into a trie, later rows replacing earlier
 *	  ones of the same key.
 *
 * The query runs through a cursor, ZP_LOAD_BATCH rows at a time, so memory does
 * not grow with its result.  It runs with the caller's rights, and may do
 * anything, even drop the trie; so the trie is looked up again for each batch.
 * What was loaded before an error stays: tries are not transactional.
 */
#include "sqlapi/sqlapi.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "portability/instr_time.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define ZP_LOAD_BATCH			1000
#define ZP_LOAD_NOTICE_SECONDS	2.0

PG_FUNCTION_INFO_V1(zipora_load);

/* How a column of the query becomes a value of the trie. */
typedef struct LoadColumns
{
	Oid			key_type;
	Oid			value_type;		/* InvalidOid: there is none */
} LoadColumns;

/* Whether a value of a column's type can go into a trie of this type. */
static bool
fits(ZpValueType type, Oid column_type)
{
	switch (type)
	{
		case ZP_VALUE_NONE:
			return false;
		case ZP_VALUE_BIGINT:
			return column_type == INT8OID || column_type == INT4OID || column_type == INT2OID;
		case ZP_VALUE_TEXT:
			return column_type == TEXTOID || column_type == VARCHAROID;
		case ZP_VALUE_BYTEA:
			return column_type == BYTEAOID;
		case ZP_VALUE_JSONB:
			return column_type == JSONBOID;
	}
	return false;
}

/* Raises an error unless the query's columns suit the trie. */
static LoadColumns
check_columns(ZpHandle *handle, TupleDesc row)
{
	int			wanted = handle->value_type == ZP_VALUE_NONE ? 1 : 2;
	LoadColumns columns = {InvalidOid, InvalidOid};

	if (row == NULL || row->natts != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg_plural("query for trie \"%s\" must give %d column, not %d",
							   "query for trie \"%s\" must give %d columns, not %d",
							   wanted, handle->name, wanted, row == NULL ? 0 : row->natts),
				 wanted == 1 ?
				 errdetail("It gives the keys, as text or bytea.") :
				 errdetail("They are the key, as text or bytea, and the value, as %s.",
						   zp_value_type_names[handle->value_type])));
	columns.key_type = getBaseType(TupleDescAttr(row, 0)->atttypid);
	if (columns.key_type != TEXTOID && columns.key_type != VARCHAROID &&
		columns.key_type != BYTEAOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("keys must be of type text or bytea, not %s",
						format_type_be(columns.key_type)),
				 errhint("Cast the query's first column.")));
	if (wanted == 1)
		return columns;
	columns.value_type = getBaseType(TupleDescAttr(row, 1)->atttypid);
	if (!fits(handle->value_type, columns.value_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("trie \"%s\" has values of type %s, not %s", handle->name,
						zp_value_type_names[handle->value_type],
						format_type_be(columns.value_type)),
				 errhint("Cast the query's second column.")));
	return columns;
}

static uint64
as_payload(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return (uint64) (int64) DatumGetInt16(value);
		case INT4OID:
			return (uint64) (int64) DatumGetInt32(value);
		default:
			return (uint64) DatumGetInt64(value);
	}
}

/* Puts one row of the query into the trie. */
static void
load_row(ZpCall *call, const LoadColumns *columns, HeapTuple tuple, TupleDesc row)
{
	bool		is_null;
	Datum		datum;
	struct varlena *key;
	const void *key_data;
	size_t		key_bytes;
	ZpStatus	status;

	datum = heap_getattr(tuple, 1, row, &is_null);
	if (is_null)
		zp_null_argument("key");
	key = PG_DETOAST_DATUM_PACKED(datum);
	key_data = VARDATA_ANY(key);
	key_bytes = VARSIZE_ANY_EXHDR(key);

	datum = (Datum) 0;
	if (columns->value_type != InvalidOid)
	{
		datum = heap_getattr(tuple, 2, row, &is_null);
		if (is_null)
			zp_null_argument("value");
	}
	if (call->handle->value_type == ZP_VALUE_NONE || call->handle->value_type == ZP_VALUE_BIGINT)
	{
		uint64		payload = columns->value_type == InvalidOid ? 0 :
			as_payload(columns->value_type, datum);

		do
			status = zp_trie_upsert(&call->handle->session, key_data, key_bytes, payload, NULL);
		while (zp_call_again(call, status, key_bytes));
	}
	else
	{
		struct varlena *value = PG_DETOAST_DATUM_PACKED(datum);

		do
			status = zp_trie_upsert_value(&call->handle->session, key_data, key_bytes,
										  VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
		while (zp_call_again(call, status, key_bytes));
	}
}

/* Opens the trie for a batch; raises an error if it is another than at first. */
static void
open_for_batch(ZpCall *call, const char *name, uint64 *object_id)
{
	call->handle = zp_handle_open(name, strlen(name), ZP_PRIVILEGE_WRITE);
	call->privileges = ZP_PRIVILEGE_WRITE;
	call->relieved = false;
	call->waited = false;
	call->handle->written = true;
	if (*object_id != 0 && call->handle->object_id != *object_id)
		zp_report(ZP_DROPPED, call->handle, 0);
	*object_id = call->handle->object_id;
}

PGDLLEXPORT Datum
zipora_load(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *query;
	ZpCall		call;
	uint64		object_id = 0;
	LoadColumns columns;
	Portal		portal;
	MemoryContext batch_context;
	MemoryContext old_context;
	instr_time	begin;
	double		noticed = 0;
	uint64		rows = 0;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	if (PG_ARGISNULL(1))
		zp_null_argument("query");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	open_for_batch(&call, name, &object_id);
	INSTR_TIME_SET_CURRENT(begin);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	batch_context = AllocSetContextCreate(CurrentMemoryContext, "zipora_load batch",
										  ALLOCSET_DEFAULT_SIZES);
	portal = SPI_cursor_open_with_args(NULL, query, 0, NULL, NULL, NULL, false, 0);
	columns = check_columns(call.handle, portal->tupDesc);
	for (;;)
	{
		instr_time	now;
		double		seconds;

		SPI_cursor_fetch(portal, true, ZP_LOAD_BATCH);
		if (SPI_processed == 0)
			break;
		open_for_batch(&call, name, &object_id);
		old_context = MemoryContextSwitchTo(batch_context);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			CHECK_FOR_INTERRUPTS();
			load_row(&call, &columns, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		}
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(batch_context);
		rows += SPI_processed;
		SPI_freetuptable(SPI_tuptable);

		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, begin);
		seconds = INSTR_TIME_GET_DOUBLE(now);
		if (seconds - noticed >= ZP_LOAD_NOTICE_SECONDS)
		{
			noticed = seconds;
			ereport(NOTICE,
					(errmsg("loading trie \"%s\": " UINT64_FORMAT " rows in %.0f s",
							name, rows, seconds)));
		}
	}
	SPI_cursor_close(portal);
	SPI_finish();
	PG_RETURN_INT64((int64) rows);
}
