/*
 * key.c
 *	  The keys of an index as byte strings whose order is the index's order.
 *
 *	  integers, dates, timestamps	key_integer.h
 *	  text, varchar					80, the bytes, 00 (text has no NUL)
 *	  char(n)						the same without trailing blanks
 *	  bytea							80, the bytes with each 00 as 00 FF, 00 00
 *	  uuid							80, 16 bytes
 *	  inet, cidr					key_inet.h
 *
 * Each is free of prefixes: the text's end cannot stand inside one, nor 00 00 at an even place of
 * an escaped bytea's zeros; the others tell their length before it matters.  Complementing
 * bytes changes nothing about that.
 */
#include "am/key.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "am/key_inet.h"
#include "am/key_integer.h"

bool
zp_key_kind_of_type(Oid type, ZpKeyKind *kind)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			*kind = ZP_KEY_INTEGER;
			return true;
		case TEXTOID:
		case VARCHAROID:
			*kind = ZP_KEY_TEXT;
			return true;
		case BPCHAROID:
			*kind = ZP_KEY_BPCHAR;
			return true;
		case BYTEAOID:
			*kind = ZP_KEY_BYTEA;
			return true;
		case UUIDOID:
			*kind = ZP_KEY_UUID;
			return true;
		case INETOID:
		case CIDROID:
			*kind = ZP_KEY_INET;
			return true;
		default:
			return false;
	}
}

/* The integer that a value of a type of kind ZP_KEY_INTEGER is. */
static inline int64
integer_of(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case DATEOID:
			return DatumGetDateADT(value);
		case OIDOID:
			return DatumGetObjectId(value);
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return DatumGetTimestamp(value);
		default:
			Assert(type == INT8OID);
			return DatumGetInt64(value);
	}
}

ZpKeyLayout *
zp_key_layout(Relation index, MemoryContext context)
{
	TupleDesc	attributes = RelationGetDescr(index);
	int			columns = IndexRelationGetNumberOfKeyAttributes(index);
	int			included = IndexRelationGetNumberOfAttributes(index) - columns;
	TupleDesc	descriptor = NULL;
	Size		size = MAXALIGN(sizeof(ZpKeyLayout));
	ZpKeyLayout *layout;

	if (included > 0)
	{
		descriptor = CreateTemplateTupleDesc(included);
		for (int i = 0; i < included; i++)
			TupleDescCopyEntry(descriptor, (AttrNumber) (i + 1),
							   attributes, (AttrNumber) (columns + i + 1));
		size += TupleDescSize(descriptor);
	}

	layout = MemoryContextAllocZero(context, size);
	layout->columns = columns;
	layout->attributes = columns + included;
	for (int i = 0; i < columns; i++)
	{
		ZpKeyColumn *column = &layout->column[i];

		column->type = index->rd_opcintype[i];
		column->descending = (index->rd_indoption[i] & INDOPTION_DESC) != 0;
		column->nulls_first = (index->rd_indoption[i] & INDOPTION_NULLS_FIRST) != 0;
		if (!zp_key_kind_of_type(column->type, &column->kind))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("access method \"%s\" has no keys of type %s", "zipora",
							format_type_be(column->type)),
					 errdetail("Column %d of index \"%s\" has an operator class for this type.",
							   i + 1, RelationGetRelationName(index))));
	}
	if (descriptor != NULL)
	{
		layout->included = (TupleDesc) ((char *) layout + MAXALIGN(sizeof(ZpKeyLayout)));
		TupleDescCopy(layout->included, descriptor);
		FreeTupleDesc(descriptor);
	}
	return layout;
}

/* ---- encoding ---------------------------------------------------------------- */

/* Room for so many bytes at the end, and a byte for StringInfo's own use. */
static inline unsigned char *
reserve(StringInfo key, size_t bytes)
{
	if (unlikely(bytes >= (size_t) (key->maxlen - key->len)))
	{
		if (bytes > MaxAllocSize)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("index key is too large")));
		enlargeStringInfo(key, (int) bytes);
	}
	return (unsigned char *) key->data + key->len;
}

static inline void
advance(StringInfo key, size_t bytes)
{
	key->len += (int) bytes;
	key->data[key->len] = '\0';
}

/* An escaped string, without the first byte. */
static size_t
escape(const unsigned char *string, size_t bytes, unsigned char *out)
{
	const unsigned char *end = string + bytes;
	unsigned char *begin = out;

	while (string < end)
	{
		const unsigned char *zero = memchr(string, 0x00, end - string);
		size_t		run = (zero == NULL ? end : zero) - string;

		memcpy(out, string, run);
		out += run;
		string += run;
		if (zero != NULL)
		{
			*out++ = 0x00;
			*out++ = 0xFF;
			string++;
		}
	}
	*out++ = 0x00;
	*out++ = 0x00;
	return out - begin;
}

void
zp_key_encode_string(ZpKeyKind kind, const unsigned char *string, size_t bytes, StringInfo key)
{
	unsigned char *out = reserve(key, kind == ZP_KEY_BYTEA ? 2 * bytes + 3 : bytes + 2);

	out[0] = ZP_KEY_VALUE;
	if (kind == ZP_KEY_BYTEA)
		advance(key, 1 + escape(string, bytes, out + 1));
	else
	{
		memcpy(out + 1, string, bytes);
		out[1 + bytes] = 0x00;
		advance(key, bytes + 2);
	}
}

void
zp_key_encode_value(const ZpKeyColumn *column, Oid type, Datum value, StringInfo key)
{
	int			start = key->len;

	switch (column->kind)
	{
		case ZP_KEY_INTEGER:
			{
				int64		integer = integer_of(type, value);
				unsigned char *out = reserve(key, ZP_INTEGER_MAX_BYTES);

				advance(key, zp_integer_encode(column->descending ? ~integer : integer, out));
				return;
			}
		case ZP_KEY_TEXT:
		case ZP_KEY_BPCHAR:
		case ZP_KEY_BYTEA:
			{
				struct varlena *datum = PG_DETOAST_DATUM_PACKED(value);
				const char *string = VARDATA_ANY(datum);
				size_t		bytes = VARSIZE_ANY_EXHDR(datum);

				if (column->kind == ZP_KEY_BPCHAR)
					bytes = bpchartruelen(unconstify(char *, string), (int) bytes);
				zp_key_encode_string(column->kind, (const unsigned char *) string, bytes, key);
				if ((Pointer) datum != DatumGetPointer(value))
					pfree(datum);
				break;
			}
		case ZP_KEY_UUID:
			{
				unsigned char *out = reserve(key, 1 + UUID_LEN);

				out[0] = ZP_KEY_VALUE;
				memcpy(out + 1, DatumGetUUIDP(value)->data, UUID_LEN);
				advance(key, 1 + UUID_LEN);
				break;
			}
		case ZP_KEY_INET:
			{
				struct varlena *datum = PG_DETOAST_DATUM_PACKED(value);
				unsigned char *out = reserve(key, ZP_INET_MAX_BYTES);

				advance(key, zp_inet_encode((const inet_struct *) VARDATA_ANY(datum), out));
				if ((Pointer) datum != DatumGetPointer(value))
					pfree(datum);
				break;
			}
	}
	if (column->descending)
	{
		for (int i = start; i < key->len; i++)
			key->data[i] = ~key->data[i];
	}
}

void
zp_key_encode(const ZpKeyLayout *layout, const Datum *values, const bool *isnull,
			  StringInfo key)
{
	for (int i = 0; i < layout->columns; i++)
	{
		const ZpKeyColumn *column = &layout->column[i];

		if (isnull[i])
		{
			*reserve(key, 1) = ZP_KEY_NULL(column);
			advance(key, 1);
		}
		else
			zp_key_encode_value(column, column->type, values[i], key);
	}
}

/* ---- reading ----------------------------------------------------------------- */

/* Up to and with the end of an escaped string; 0: there is none. */
static size_t
escaped_bytes(const unsigned char *bytes, size_t available, unsigned char flip)
{
	const unsigned char *at = bytes;
	const unsigned char *end = bytes + available;

	while ((at = memchr(at, flip, end - at)) != NULL && end - at >= 2)
	{
		if (at[1] == flip)
			return at + 2 - bytes;
		if (at[1] != (unsigned char) ~flip)
			return 0;
		at += 2;
	}
	return 0;
}

size_t
zp_key_column_bytes(const ZpKeyColumn *column, const unsigned char *bytes, size_t available)
{
	unsigned char flip = column->descending ? 0xFF : 0x00;
	size_t		length;

	if (available == 0)
		return 0;
	if (bytes[0] == ZP_KEY_NULL(column))
		return 1;
	switch (column->kind)
	{
		case ZP_KEY_INTEGER:
			length = 1 + zp_integer_tail_bytes(bytes[0]);
			return length <= Min(available, ZP_INTEGER_MAX_BYTES) ? length : 0;
		case ZP_KEY_INET:
			return zp_inet_bytes(bytes, available, flip);
		default:
			break;
	}
	if ((bytes[0] ^ flip) != ZP_KEY_VALUE)
		return 0;
	switch (column->kind)
	{
		case ZP_KEY_UUID:
			return available >= 1 + UUID_LEN ? 1 + UUID_LEN : 0;
		case ZP_KEY_BYTEA:
			length = escaped_bytes(bytes + 1, available - 1, flip);
			return length == 0 ? 0 : 1 + length;
		default:
			{
				const unsigned char *end = memchr(bytes + 1, flip, available - 1);

				return end == NULL ? 0 : (size_t) (end + 1 - bytes);
			}
	}
}

bool
zp_key_decode_string(ZpKeyKind kind, const unsigned char *key, size_t available,
					 StringInfo string)
{
	const unsigned char *end = key + available;

	for (;;)
	{
		const unsigned char *zero = memchr(key, 0x00, end - key);

		appendBinaryStringInfo(string, (const char *) key,
							   (int) ((zero == NULL ? end : zero) - key));
		if (zero == NULL)
			return false;
		if (kind != ZP_KEY_BYTEA)
			return true;
		if (end - zero < 2)
			return false;
		if (zero[1] == 0x00)
			return true;
		appendStringInfoChar(string, '\0');
		key = zero + 2;
	}
}

bool
zp_key_is_returnable(const ZpKeyLayout *layout, int attribute)
{
	return attribute >= layout->columns || layout->column[attribute].kind != ZP_KEY_BPCHAR;
}

static Datum
make_varlena(const void *bytes, size_t length)
{
	struct varlena *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), bytes, length);
	return PointerGetDatum(result);
}

/* bytes: one column's value, without DESC. */
static bool
decode_value(const ZpKeyColumn *column, const unsigned char *bytes, size_t length, Datum *value)
{
	switch (column->kind)
	{
		case ZP_KEY_INTEGER:
			{
				int64		integer;

				return zp_integer_decode(bytes, &integer) &&
					zp_integer_value(column->type, integer, value);
			}
		case ZP_KEY_TEXT:
			*value = make_varlena(bytes + 1, length - 2);
			return true;
		case ZP_KEY_BYTEA:
			{
				StringInfoData string;

				initStringInfo(&string);
				(void) zp_key_decode_string(ZP_KEY_BYTEA, bytes + 1, length - 1, &string);
				*value = make_varlena(string.data, string.len);
				pfree(string.data);
				return true;
			}
		case ZP_KEY_UUID:
			{
				pg_uuid_t  *uuid = palloc(sizeof(pg_uuid_t));

				memcpy(uuid->data, bytes + 1, UUID_LEN);
				*value = UUIDPGetDatum(uuid);
				return true;
			}
		case ZP_KEY_INET:
			{
				inet	   *address = palloc0(sizeof(inet));

				if (!zp_inet_decode(bytes, &address->inet_data))
					return false;
				SET_INET_VARSIZE(address);
				*value = PointerGetDatum(address);
				return true;
			}
		case ZP_KEY_BPCHAR:
			break;
	}
	return false;
}

bool
zp_key_decode(const ZpKeyLayout *layout, const unsigned char *key, size_t key_bytes,
			  Datum *values, bool *isnull)
{
	for (int i = 0; i < layout->columns; i++)
	{
		const ZpKeyColumn *column = &layout->column[i];
		size_t		length = zp_key_column_bytes(column, key, key_bytes);
		bool		right = true;

		if (length == 0)
			return false;
		values[i] = (Datum) 0;
		isnull[i] = key[0] == ZP_KEY_NULL(column) || column->kind == ZP_KEY_BPCHAR;
		if (!isnull[i] && !column->descending)
			right = decode_value(column, key, length, &values[i]);
		else if (!isnull[i])
		{
			unsigned char room[64];
			unsigned char *bytes = length <= sizeof(room) ? room : palloc(length);

			for (size_t j = 0; j < length; j++)
				bytes[j] = (unsigned char) ~key[j];
			right = decode_value(column, bytes, length, &values[i]);
			if (bytes != room)
				pfree(bytes);
		}
		if (!right)
			return false;
		key += length;
		key_bytes -= length;
	}
	return key_bytes == 0;
}
