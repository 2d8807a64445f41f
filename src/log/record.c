/*
 * record.c
 *	  Entries on their way through PostgreSQL's sort, as byte strings.
 */
#include "compat.h"

#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "utils/builtins.h"
#include "utils/tuplesort.h"

#include "log/log.h"

void
zp_tid_encode(unsigned char *to, ItemPointer tid)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);
	OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(tid);

	to[0] = (unsigned char) (block >> 24);
	to[1] = (unsigned char) (block >> 16);
	to[2] = (unsigned char) (block >> 8);
	to[3] = (unsigned char) block;
	to[4] = (unsigned char) (offset >> 8);
	to[5] = (unsigned char) offset;
}

void
zp_tid_decode(const unsigned char *from, ItemPointer tid)
{
	ItemPointerSet(tid,
				   (BlockNumber) from[0] << 24 | (BlockNumber) from[1] << 16 |
				   (BlockNumber) from[2] << 8 | from[3],
				   (OffsetNumber) (from[4] << 8 | from[5]));
}

Tuplesortstate *
zp_records_begin(int memory_kb, bool both_ways)
{
	return tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false,
								 memory_kb, NULL,
								 both_ways ? TUPLESORT_RANDOMACCESS : TUPLESORT_NONE);
}

void
zp_records_put(Tuplesortstate *sort, StringInfo scratch, const ZpRecord *record)
{
	uint16		key_bytes = (uint16) record->key_bytes;
	unsigned char tid[ZP_TID_BYTES];

	zp_tid_encode(tid, unconstify(ItemPointerData *, &record->tid));
	resetStringInfo(scratch);
	appendStringInfoSpaces(scratch, VARHDRSZ);
	appendBinaryStringInfo(scratch, (const char *) record->key, (int) record->key_bytes);
	appendBinaryStringInfo(scratch, (const char *) tid, sizeof(tid));
	appendBinaryStringInfo(scratch, (const char *) record->included,
						   (int) record->included_bytes);
	appendBinaryStringInfo(scratch, (const char *) &key_bytes, sizeof(key_bytes));
	SET_VARSIZE(scratch->data, scratch->len);
	tuplesort_putdatum(sort, PointerGetDatum(scratch->data), false);
}

bool
zp_records_get(Tuplesortstate *sort, bool forward, ZpRecord *record)
{
	Datum		datum;
	bool		isnull;
	const unsigned char *bytes;
	size_t		length;
	uint16		key_bytes;

	if (record->memory != NULL)
		pfree(record->memory);
	record->memory = NULL;
	if (!zp_tuplesort_getdatum(sort, forward, &datum, &isnull))
		return false;
	record->memory = DatumGetPointer(datum);
	bytes = (const unsigned char *) VARDATA_ANY(DatumGetPointer(datum));
	length = VARSIZE_ANY_EXHDR(DatumGetPointer(datum));
	memcpy(&key_bytes, bytes + length - sizeof(key_bytes), sizeof(key_bytes));
	record->key = bytes;
	record->key_bytes = key_bytes;
	zp_tid_decode(bytes + key_bytes, &record->tid);
	record->included = bytes + key_bytes + ZP_TID_BYTES;
	record->included_bytes = length - key_bytes - ZP_TID_BYTES - sizeof(key_bytes);
	return true;
}
