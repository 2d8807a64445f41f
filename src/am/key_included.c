/*
 * key_included.c
 *	  The included attributes of an index as bytes.
 *
 * A bit for each attribute that is NULL (lowest bit first, whole bytes), then the values that
 * are not, one after the other without alignment: as many bytes as the type has, a varlena as
 * it is stored in a tuple (with the short header where it fits), a C string with its end.
 *
 * Values that live elsewhere are fetched, since the heap's toast table may lose them before
 * the index does; those that are compressed in place stay so.
 */
#include "am/key.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"

static void
append_varlena(StringInfo bytes, Datum value, bool packable)
{
	struct varlena *datum = (struct varlena *) DatumGetPointer(value);
	struct varlena *fetched = NULL;

	if (VARATT_IS_EXTERNAL(datum))
		datum = fetched = detoast_external_attr(datum);
	if (packable && VARATT_CAN_MAKE_SHORT(datum))
	{
		Size		size = VARATT_CONVERTED_SHORT_SIZE(datum);
		char		header[1];

		SET_VARSIZE_SHORT(header, size);
		appendBinaryStringInfo(bytes, header, 1);
		appendBinaryStringInfo(bytes, VARDATA(datum), (int) (size - 1));
	}
	else
		appendBinaryStringInfo(bytes, (char *) datum, (int) VARSIZE_ANY(datum));
	if (fetched != NULL)
		pfree(fetched);
}

static void
append_by_value(StringInfo bytes, Datum value, int length)
{
	char		byte = DatumGetChar(value);
	int16		two = DatumGetInt16(value);
	int32		four = DatumGetInt32(value);

	switch (length)
	{
		case 1:
			appendBinaryStringInfo(bytes, &byte, 1);
			break;
		case 2:
			appendBinaryStringInfo(bytes, (char *) &two, 2);
			break;
		case 4:
			appendBinaryStringInfo(bytes, (char *) &four, 4);
			break;
		default:
			Assert(length == sizeof(Datum));
			appendBinaryStringInfo(bytes, (char *) &value, sizeof(Datum));
	}
}

static Datum
read_by_value(const unsigned char *bytes, int length)
{
	int16		two;
	int32		four;
	Datum		value;

	switch (length)
	{
		case 1:
			return CharGetDatum((char) *bytes);
		case 2:
			memcpy(&two, bytes, 2);
			return Int16GetDatum(two);
		case 4:
			memcpy(&four, bytes, 4);
			return Int32GetDatum(four);
		default:
			Assert(length == sizeof(Datum));
			memcpy(&value, bytes, sizeof(Datum));
			return value;
	}
}

void
zp_included_encode(const ZpKeyLayout *layout, const Datum *values, const bool *isnull,
				   StringInfo bytes)
{
	int			count = layout->attributes - layout->columns;
	int			start = bytes->len;

	values += layout->columns;
	isnull += layout->columns;
	for (int i = 0; i < (count + 7) / 8; i++)
		appendStringInfoChar(bytes, '\0');
	for (int i = 0; i < count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(layout->included, i);

		if (isnull[i])
			bytes->data[start + i / 8] |= 1 << i % 8;
		else if (attribute->attbyval)
			append_by_value(bytes, values[i], attribute->attlen);
		else if (attribute->attlen == -1)
			append_varlena(bytes, values[i], attribute->attstorage != TYPSTORAGE_PLAIN);
		else if (attribute->attlen == -2)
			appendBinaryStringInfo(bytes, DatumGetCString(values[i]),
								   (int) strlen(DatumGetCString(values[i])) + 1);
		else
			appendBinaryStringInfo(bytes, DatumGetPointer(values[i]), attribute->attlen);
	}
}

/* Size of a varlena, whose header need not be aligned; 0: it is not wholly there. */
static size_t
varlena_bytes(const unsigned char *at, size_t available)
{
	uint32		header;
	size_t		size;

	if (available == 0 || VARATT_IS_1B_E(at))
		return 0;
	if (VARATT_IS_1B(at))
		size = VARSIZE_1B(at);
	else
	{
		if (available < VARHDRSZ)
			return 0;
		memcpy(&header, at, sizeof(header));
		size = VARSIZE_4B(&header);
		if (size < VARHDRSZ)
			return 0;
	}
	return size <= available ? size : 0;
}

bool
zp_included_decode(const ZpKeyLayout *layout, const unsigned char *bytes, size_t length,
				   Datum *values, bool *isnull)
{
	int			count = layout->attributes - layout->columns;
	const unsigned char *nulls = bytes;
	const unsigned char *at = bytes + (count + 7) / 8;
	const unsigned char *end = bytes + length;

	if (length < (size_t) (count + 7) / 8)
		return false;
	values += layout->columns;
	isnull += layout->columns;
	for (int i = 0; i < count; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(layout->included, i);
		size_t		size;

		values[i] = (Datum) 0;
		isnull[i] = (nulls[i / 8] & 1 << i % 8) != 0;
		if (isnull[i])
			continue;
		if (attribute->attlen == -1)
			size = varlena_bytes(at, end - at);
		else if (attribute->attlen == -2)
			size = strnlen((const char *) at, end - at) + 1;
		else
			size = (size_t) attribute->attlen;
		if (size == 0 || size > (size_t) (end - at))
			return false;
		if (attribute->attbyval)
			values[i] = read_by_value(at, attribute->attlen);
		else
			values[i] = PointerGetDatum(memcpy(palloc(size), at, size));
		at += size;
	}
	return at == end;
}
