/*
 * trie_lookup.c
 *	  zipora_contains, zipora_lookup and its typed forms, zipora_count.
 *
 * zipora_lookup gives any type's text form.  For a trie without values there is
 * nothing to give: it is an error that names zipora_contains, since an empty text
 * could not be told from a value.
 */
#include "sqlapi/sqlapi.h"

PG_FUNCTION_INFO_V1(zipora_contains);
PG_FUNCTION_INFO_V1(zipora_lookup);
PG_FUNCTION_INFO_V1(zipora_lookup_bigint);
PG_FUNCTION_INFO_V1(zipora_lookup_bytea);
PG_FUNCTION_INFO_V1(zipora_lookup_jsonb);
PG_FUNCTION_INFO_V1(zipora_count);

/* ZP_OK or ZP_NOT_FOUND; the payload of a trie of fixed payloads. */
static inline ZpStatus
look_up_fixed(ZpCall *call, FunctionCallInfo fcinfo, uint64_t *payload)
{
	struct varlena *key = PG_GETARG_VARLENA_PP(1);
	size_t		key_bytes = VARSIZE_ANY_EXHDR(key);
	ZpStatus	status;

	do
		status = zp_trie_lookup(&call->handle->session, VARDATA_ANY(key), key_bytes, payload);
	while (zp_call_again(call, status, key_bytes));
	PG_FREE_IF_COPY(key, 1);
	return status;
}

/* The value of a trie of blocks; NULL: no such key. */
static inline struct varlena *
look_up_block(ZpCall *call, FunctionCallInfo fcinfo)
{
	struct varlena *key = PG_GETARG_VARLENA_PP(1);
	struct varlena *value;

	value = zp_fetch_value(call, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
	PG_FREE_IF_COPY(key, 1);
	return value;
}

/* The forms with a token are not strict: a null token is an error. */
static inline bool
asks_for_null(FunctionCallInfo fcinfo)
{
	return unlikely(PG_NARGS() > 2) && (PG_ARGISNULL(0) || PG_ARGISNULL(1));
}

PGDLLEXPORT Datum
zipora_contains(PG_FUNCTION_ARGS)
{
	ZpCall		call;

	if (asks_for_null(fcinfo))
		PG_RETURN_NULL();
	zp_call_begin_of(&call, fcinfo, ZP_PRIVILEGE_READ, 2);
	PG_RETURN_BOOL(look_up_fixed(&call, fcinfo, NULL) == ZP_OK);
}

PGDLLEXPORT Datum
zipora_lookup_bigint(PG_FUNCTION_ARGS)
{
	ZpCall		call;
	uint64_t	payload;

	if (asks_for_null(fcinfo))
		PG_RETURN_NULL();
	zp_call_begin_of(&call, fcinfo, ZP_PRIVILEGE_READ, 2);
	zp_require_value_type(call.handle, ZP_VALUE_BIGINT);
	if (look_up_fixed(&call, fcinfo, &payload) != ZP_OK)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) payload);
}

static Datum
look_up_typed(FunctionCallInfo fcinfo, ZpValueType type)
{
	ZpCall		call;
	struct varlena *value;

	if (asks_for_null(fcinfo))
		PG_RETURN_NULL();
	zp_call_begin_of(&call, fcinfo, ZP_PRIVILEGE_READ, 2);
	zp_require_value_type(call.handle, type);
	value = look_up_block(&call, fcinfo);
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(value);
}

PGDLLEXPORT Datum
zipora_lookup_bytea(PG_FUNCTION_ARGS)
{
	return look_up_typed(fcinfo, ZP_VALUE_BYTEA);
}

PGDLLEXPORT Datum
zipora_lookup_jsonb(PG_FUNCTION_ARGS)
{
	return look_up_typed(fcinfo, ZP_VALUE_JSONB);
}

PGDLLEXPORT Datum
zipora_lookup(PG_FUNCTION_ARGS)
{
	ZpCall		call;
	ZpValueType type;
	struct varlena *value;
	uint64_t	payload;

	if (asks_for_null(fcinfo))
		PG_RETURN_NULL();
	zp_call_begin_of(&call, fcinfo, ZP_PRIVILEGE_READ, 2);
	type = call.handle->value_type;
	switch (type)
	{
		case ZP_VALUE_NONE:
			zp_wrong_value_type(call.handle, ZP_VALUE_TEXT);

		case ZP_VALUE_BIGINT:
			if (look_up_fixed(&call, fcinfo, &payload) != ZP_OK)
				PG_RETURN_NULL();
			PG_RETURN_TEXT_P(zp_value_as_text(type, payload, NULL, 0));

		case ZP_VALUE_TEXT:
		case ZP_VALUE_BYTEA:
		case ZP_VALUE_JSONB:
			value = look_up_block(&call, fcinfo);
			if (value == NULL)
				PG_RETURN_NULL();
			if (type == ZP_VALUE_TEXT)
				PG_RETURN_TEXT_P(value);
			PG_RETURN_TEXT_P(zp_value_as_text(type, 0, VARDATA(value),
											  VARSIZE(value) - VARHDRSZ));
	}
	PG_RETURN_NULL();
}

PGDLLEXPORT Datum
zipora_count(PG_FUNCTION_ARGS)
{
	ZpCall		call;

	zp_call_begin(&call, fcinfo, ZP_PRIVILEGE_READ);
	PG_RETURN_INT64((int64) zp_trie_count(&call.handle->session));
}
