/*
 * trie_insert.c
 *	  zipora_insert (leaves a key alone that is there) and zipora_upsert (replaces
 *	  its value), for each type of value.
 *
 * Both answer whether the key is new.  A null key or value is an error: a write that
 * silently does nothing would be a trap.
 */
#include "sqlapi/sqlapi.h"

PG_FUNCTION_INFO_V1(zipora_insert_none);
PG_FUNCTION_INFO_V1(zipora_insert_bigint);
PG_FUNCTION_INFO_V1(zipora_insert_text);
PG_FUNCTION_INFO_V1(zipora_insert_bytea);
PG_FUNCTION_INFO_V1(zipora_insert_jsonb);
PG_FUNCTION_INFO_V1(zipora_upsert_none);
PG_FUNCTION_INFO_V1(zipora_upsert_bigint);
PG_FUNCTION_INFO_V1(zipora_upsert_text);
PG_FUNCTION_INFO_V1(zipora_upsert_bytea);
PG_FUNCTION_INFO_V1(zipora_upsert_jsonb);

/* Puts key (argument 1) and value (argument 2) into the trie; true: the key is new. */
static inline Datum
put(FunctionCallInfo fcinfo, ZpValueType type, bool replace)
{
	ZpCall		call;
	struct varlena *key;
	const void *key_data;
	size_t		key_bytes;
	ZpStatus	status;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a trie");
	if (PG_ARGISNULL(1))
		zp_null_argument("key");
	if (type != ZP_VALUE_NONE && PG_ARGISNULL(2))
		zp_null_argument("value");

	zp_call_begin_of(&call, fcinfo, ZP_PRIVILEGE_WRITE, type == ZP_VALUE_NONE ? 2 : 3);
	zp_require_value_type(call.handle, type);
	key = PG_GETARG_VARLENA_PP(1);
	key_data = VARDATA_ANY(key);
	key_bytes = VARSIZE_ANY_EXHDR(key);
	if (type == ZP_VALUE_NONE || type == ZP_VALUE_BIGINT)
	{
		uint64		payload = type == ZP_VALUE_NONE ? 0 : (uint64) PG_GETARG_INT64(2);

		do
			status = replace ?
				zp_trie_upsert(&call.handle->session, key_data, key_bytes, payload, NULL) :
				zp_trie_insert(&call.handle->session, key_data, key_bytes, payload);
		while (zp_call_again(&call, status, key_bytes));
	}
	else
	{
		struct varlena *value = PG_GETARG_VARLENA_PP(2);
		const void *value_data = VARDATA_ANY(value);
		size_t		value_bytes = VARSIZE_ANY_EXHDR(value);

		do
			status = replace ?
				zp_trie_upsert_value(&call.handle->session, key_data, key_bytes,
									 value_data, value_bytes) :
				zp_trie_insert_value(&call.handle->session, key_data, key_bytes,
									 value_data, value_bytes);
		while (zp_call_again(&call, status, key_bytes));
		PG_FREE_IF_COPY(value, 2);
	}
	PG_FREE_IF_COPY(key, 1);
	PG_RETURN_BOOL(status == ZP_OK);
}

PGDLLEXPORT Datum
zipora_insert_none(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_NONE, false);
}

PGDLLEXPORT Datum
zipora_insert_bigint(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_BIGINT, false);
}

PGDLLEXPORT Datum
zipora_insert_text(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_TEXT, false);
}

PGDLLEXPORT Datum
zipora_insert_bytea(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_BYTEA, false);
}

PGDLLEXPORT Datum
zipora_insert_jsonb(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_JSONB, false);
}

PGDLLEXPORT Datum
zipora_upsert_none(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_NONE, true);
}

PGDLLEXPORT Datum
zipora_upsert_bigint(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_BIGINT, true);
}

PGDLLEXPORT Datum
zipora_upsert_text(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_TEXT, true);
}

PGDLLEXPORT Datum
zipora_upsert_bytea(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_BYTEA, true);
}

PGDLLEXPORT Datum
zipora_upsert_jsonb(PG_FUNCTION_ARGS)
{
	return put(fcinfo, ZP_VALUE_JSONB, true);
}
