/*
 * test_encodings.c
 *	  Encodings of random values: in order, free of prefixes, and back again.
 */
#include "test_keys.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(test_key_encodings);
PG_FUNCTION_INFO_V1(test_key_included);
PG_FUNCTION_INFO_V1(test_key_included_text);

/* One column's values and their encodings. */
#define VALUES 60

static void
check_pair(const ZpKeyColumn *column, const Datum *values, const bool *nulls,
		   const StringInfoData *keys, int a, int b)
{
	int			expected;
	int			order = memcmp(keys[a].data, keys[b].data, Min(keys[a].len, keys[b].len));

	if (nulls[a] || nulls[b])
	{
		expected = (int) nulls[a] - (int) nulls[b];
		if (column->nulls_first)
			expected = -expected;
	}
	else
	{
		expected = compare_values(column->type, values[a], column->type, values[b]);
		if (column->descending)
			expected = -expected;
	}
	if (order == 0 && keys[a].len != keys[b].len)
		elog(ERROR, "the key of %s is a prefix of that of %s, type %s",
			 value_text(column->type, values[a]), value_text(column->type, values[b]),
			 format_type_be(column->type));
	if ((order > 0) != (expected > 0) || (order < 0) != (expected < 0))
		elog(ERROR, "keys of %s and %s compare as %d, they themselves as %d, type %s",
			 value_text(column->type, values[a]), value_text(column->type, values[b]),
			 order, expected, format_type_be(column->type));
}

static void
check_back(const ZpKeyLayout *layout, Datum value, bool is_null, const StringInfoData *key)
{
	const ZpKeyColumn *column = &layout->column[0];
	size_t		bytes = zp_key_column_bytes(column, (unsigned char *) key->data, key->len);
	Datum		back;
	bool		back_null;
	int16		length;
	bool		by_value;

	if (bytes != (size_t) key->len)
		elog(ERROR, "a key has %zu bytes, not %d, type %s", bytes, key->len,
			 format_type_be(column->type));
	for (int i = 0; i < key->len; i++)
	{
		if (zp_key_column_bytes(column, (unsigned char *) key->data, i) != 0)
			elog(ERROR, "a key cut off passes for one, type %s", format_type_be(column->type));
	}
	if (!zp_key_decode(layout, (unsigned char *) key->data, key->len, &back, &back_null))
		elog(ERROR, "a key cannot be read, type %s", format_type_be(column->type));
	if (back_null != (is_null || !zp_key_is_returnable(layout, 0)))
		elog(ERROR, "NULL came from a key, or none, type %s", format_type_be(column->type));
	get_typlenbyval(column->type, &length, &by_value);
	if (!back_null && !datumIsEqual(value, back, by_value, length))
		elog(ERROR, "%s came back as %s, type %s", value_text(column->type, value),
			 value_text(column->type, back), format_type_be(column->type));
}

/* What any bytes, changed at random, are read as is no matter, but not more than is there. */
static void
check_damage(const ZpKeyLayout *layout, const StringInfoData *key)
{
	unsigned char *damaged = palloc(key->len);
	Datum		value;
	bool		is_null;

	memcpy(damaged, key->data, key->len);
	damaged[random_below(key->len)] ^= (unsigned char) (1 + random_below(255));
	if (zp_key_column_bytes(&layout->column[0], damaged, key->len) > (size_t) key->len)
		elog(ERROR, "a damaged key reaches beyond its end");
	(void) zp_key_decode(layout, damaged, key->len, &value, &is_null);
	pfree(damaged);
}

/* (seed, rounds) → pairs compared */
PGDLLEXPORT Datum
test_key_encodings(PG_FUNCTION_ARGS)
{
	int64		pairs = 0;
	MemoryContext room = AllocSetContextCreate(CurrentMemoryContext, "test_key_encodings",
											   ALLOCSET_DEFAULT_SIZES);

	random_seed(PG_GETARG_INT64(0));
	for (int round = 0; round < PG_GETARG_INT32(1); round++)
	{
		MemoryContext before = MemoryContextSwitchTo(room);
		ZpKeyLayout layout = {.columns = 1,.attributes = 1};
		Datum		values[VALUES];
		bool		nulls[VALUES];
		StringInfoData keys[VALUES];

		layout.column[0].type = test_types[round % TEST_TYPES];
		layout.column[0].descending = random_below(2) == 0;
		layout.column[0].nulls_first = random_below(2) == 0;
		if (!zp_key_kind_of_type(layout.column[0].type, &layout.column[0].kind))
			elog(ERROR, "a type has no kind");
		for (int i = 0; i < VALUES; i++)
		{
			values[i] = random_value(layout.column[0].type);
			nulls[i] = random_below(20) == 0;
			initStringInfo(&keys[i]);
			zp_key_encode(&layout, &values[i], &nulls[i], &keys[i]);
			check_back(&layout, values[i], nulls[i], &keys[i]);
			check_damage(&layout, &keys[i]);
			for (int j = 0; j <= i; j++)
				check_pair(&layout.column[0], values, nulls, keys, i, j);
			pairs += i + 1;
		}
		MemoryContextSwitchTo(before);
		MemoryContextReset(room);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_INT64(pairs);
}

/* Whether included columns come back as they were, with nothing left elsewhere. */
static bool
included_come_back(const ZpKeyLayout *layout, const Datum *values, const bool *nulls)
{
	Datum	   *back = palloc(sizeof(Datum) * layout->attributes);
	bool	   *back_nulls = palloc(layout->attributes);
	bool		same = true;
	StringInfoData bytes;
	unsigned char *copy;

	initStringInfo(&bytes);
	zp_included_encode(layout, values, nulls, &bytes);

	/* At an odd address, and nothing behind it. */
	copy = palloc(bytes.len + 1);
	memcpy(copy + 1, bytes.data, bytes.len);
	if (!zp_included_decode(layout, copy + 1, bytes.len, back, back_nulls))
		elog(ERROR, "included values are not decoded");
	for (int i = 0; i < layout->attributes; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(layout->included, i);

		if (nulls[i] != back_nulls[i])
			same = false;
		if (nulls[i] || back_nulls[i])
			continue;
		if (!datum_image_eq(values[i], back[i], attribute->attbyval, attribute->attlen) ||
			(attribute->attlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(back[i]))))
			same = false;
	}
	return same;
}

/* A row of any types as included columns. */
PGDLLEXPORT Datum
test_key_included(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	ZpKeyLayout layout = {0};
	HeapTupleData tuple;
	Datum	   *values;
	bool	   *nulls;

	layout.included = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(row),
												  HeapTupleHeaderGetTypMod(row));
	layout.attributes = layout.included->natts;
	values = palloc(sizeof(Datum) * layout.attributes);
	nulls = palloc(layout.attributes);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	tuple.t_data = row;
	heap_deform_tuple(&tuple, layout.included, values, nulls);
	PG_RETURN_BOOL(included_come_back(&layout, values, nulls));
}

/* One text as it is stored. */
PGDLLEXPORT Datum
test_key_included_text(PG_FUNCTION_ARGS)
{
	Datum		value = PG_GETARG_DATUM(0);
	bool		null = false;
	ZpKeyLayout layout = {.attributes = 1};

	layout.included = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(layout.included, 1, "t", TEXTOID, -1, 0);
	if (!VARATT_IS_EXTERNAL(DatumGetPointer(value)) &&
		!VARATT_IS_COMPRESSED(DatumGetPointer(value)))
		elog(ERROR, "the text is neither compressed nor elsewhere");
	PG_RETURN_BOOL(included_come_back(&layout, &value, &null));
}
