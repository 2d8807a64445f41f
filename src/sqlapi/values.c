/*
 * values.c
 *	  Value types of tries: their names, their bytes, their text forms.
 *
 * A bigint is the trie's fixed payload.  A text, bytea or jsonb is kept as the bytes
 * after the varlena header, uncompressed and not toasted.
 */
#include "sqlapi/sqlapi.h"

#include "mb/pg_wchar.h"
#include "utils/jsonb.h"

/* Values up to this size are copied by way of the stack. */
#define ZP_VALUE_ON_STACK 1024

const char *const zp_value_type_names[ZP_VALUE_TYPES] = {
	[ZP_VALUE_NONE] = "none",
	[ZP_VALUE_BIGINT] = "bigint",
	[ZP_VALUE_TEXT] = "text",
	[ZP_VALUE_BYTEA] = "bytea",
	[ZP_VALUE_JSONB] = "jsonb"
};

void
zp_wrong_value_type(ZpHandle *handle, ZpValueType given)
{
	const char *type = zp_value_type_names[handle->value_type];

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 handle->value_type == ZP_VALUE_NONE ?
			 errmsg("trie \"%s\" has keys without values", handle->name) :
			 given == ZP_VALUE_NONE ?
			 errmsg("trie \"%s\" needs a value of type %s with each key", handle->name, type) :
			 errmsg("trie \"%s\" has values of type %s, not %s", handle->name, type,
					zp_value_type_names[given]),
			 handle->value_type == ZP_VALUE_NONE ?
			 errhint("Leave the value out; ask with zipora_contains.") :
			 given == ZP_VALUE_NONE ? 0 :
			 errhint("Use the function for values of type %s, or cast to it.", type)));
	pg_unreachable();
}

text *
zp_value_as_text(ZpValueType type, uint64 payload, const void *value, size_t value_bytes)
{
	switch (type)
	{
		case ZP_VALUE_NONE:
			break;

		case ZP_VALUE_BIGINT:
			{
				char		digits[MAXINT8LEN + 1];
				int			length = pg_lltoa((int64) payload, digits);

				return cstring_to_text_with_len(digits, length);
			}

		case ZP_VALUE_TEXT:
			return cstring_to_text_with_len(value, (int) value_bytes);

		case ZP_VALUE_BYTEA:
		case ZP_VALUE_JSONB:
			{
				struct varlena *datum = palloc(VARHDRSZ + value_bytes);
				char	   *string;
				text	   *result;

				SET_VARSIZE(datum, VARHDRSZ + value_bytes);
				memcpy(VARDATA(datum), value, value_bytes);
				if (type == ZP_VALUE_BYTEA)
					string = DatumGetCString(DirectFunctionCall1(byteaout,
																 PointerGetDatum(datum)));
				else
					string = JsonbToCString(NULL, &((Jsonb *) datum)->root,
											(int) (VARHDRSZ + value_bytes));
				result = cstring_to_text(string);
				pfree(string);
				pfree(datum);
				return result;
			}
	}
	elog(ERROR, "unexpected value type %d", (int) type);
}

Datum
zp_key_as_datum(const void *key, size_t key_bytes, bool as_bytea)
{
	if (!as_bytea && !pg_verifymbstr(key, (int) key_bytes, true))
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("a key is not valid text in encoding \"%s\"", GetDatabaseEncodingName()),
				 errhint("Use the form of the function that takes and gives keys as bytea.")));
	return PointerGetDatum(cstring_to_text_with_len(key, (int) key_bytes));
}

struct varlena *
zp_fetch_value(ZpCall *call, const void *key, size_t key_bytes)
{
	char		small[ZP_VALUE_ON_STACK];
	struct varlena *result = NULL;
	size_t		capacity = sizeof(small);
	size_t		value_bytes = 0;
	ZpStatus	status;

	do
	{
		status = zp_trie_lookup_value(&call->handle->session, key, key_bytes,
									  result == NULL ? small : VARDATA(result), capacity,
									  &value_bytes);
		if (status == ZP_BUFFER_TOO_SMALL)
		{
			/* It may be larger the next time: then once more. */
			if (result != NULL)
				pfree(result);
			CHECK_FOR_INTERRUPTS();
			result = palloc(VARHDRSZ + value_bytes);
			capacity = value_bytes;
			continue;
		}
		if (!zp_call_again(call, status, key_bytes))
			break;
	} while (true);

	if (status == ZP_NOT_FOUND)
		return NULL;
	if (result == NULL)
	{
		result = palloc(VARHDRSZ + value_bytes);
		memcpy(VARDATA(result), small, value_bytes);
	}
	SET_VARSIZE(result, VARHDRSZ + value_bytes);
	return result;
}
