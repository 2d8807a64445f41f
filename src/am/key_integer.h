/*
 * key_integer.h
 *	  An integer of up to 64 bits as a byte string: as short as it can be, in order, and no
 *	  encoding a prefix of another.
 *
 * In the manner of FoundationDB's tuple layer, but in two's complement.  The first byte is
 * 0x80 plus the number of bytes that follow, of an integer >= 0, and 0x7F minus that number
 * of a negative one; what follows are the integer's low bytes, big end first, without those that
 * are nothing but sign.  So 0 is 80, 255 is 81 FF, -1 is 7F, -256 is 7E 00.
 *
 * The complement of an encoding is the encoding of the complement (~v), which is all that DESC needs.
 */
#ifndef ZP_KEY_INTEGER_H
#define ZP_KEY_INTEGER_H

#include "compat.h"

#include "catalog/pg_type.h"
#include "port/pg_bitutils.h"
#include "port/pg_bswap.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#define ZP_INTEGER_MAX_BYTES 9

/* How many bytes follow the first one; more than 8: it is no first byte. */
static inline unsigned int
zp_integer_tail_bytes(unsigned char first)
{
	return first >= 0x80 ? first - 0x80u : 0x7Fu - first;
}

/* Writes ZP_INTEGER_MAX_BYTES bytes, of which the first ones count; their number. */
static inline size_t
zp_integer_encode(int64 value, unsigned char *out)
{
	uint64		magnitude = (uint64) (value < 0 ? ~value : value);
	unsigned int bytes = magnitude == 0 ? 0 : pg_leftmost_one_pos64(magnitude) / 8 + 1;
	uint64		tail = 0;

	out[0] = (unsigned char) (value < 0 ? 0x7F - bytes : 0x80 + bytes);
	if (bytes > 0)
		tail = pg_hton64((uint64) value << (64 - 8 * bytes));
	memcpy(out + 1, &tail, sizeof(tail));
	return 1 + bytes;
}

/* The bytes are there, as zp_integer_tail_bytes says.  false: it could have been shorter. */
static inline bool
zp_integer_decode(const unsigned char *in, int64 *value)
{
	unsigned int bytes = zp_integer_tail_bytes(in[0]);
	uint64		sign = in[0] >= 0x80 ? 0 : PG_UINT64_MAX;
	uint64		result = sign;

	if (bytes > 0 && in[1] == (unsigned char) sign)
		return false;
	if (bytes >= 4)
	{
		/* Its first and its last four bytes; they may overlap. */
		uint32		first;
		uint32		last;

		memcpy(&first, in + 1, sizeof(first));
		memcpy(&last, in + bytes - 3, sizeof(last));
		if (bytes == 8)
			result = 0;
		result = (result << 32 | pg_ntoh32(first)) << (8 * (bytes - 4)) | pg_ntoh32(last);
	}
	else
	{
		for (unsigned int i = 1; i <= bytes; i++)
			result = result << 8 | in[i];
	}
	*value = (int64) result;
	return (*value < 0) == (sign != 0);
}

/* An integer as a value of a type of kind ZP_KEY_INTEGER; false: the type has no such value. */
static inline bool
zp_integer_value(Oid type, int64 integer, Datum *value)
{
	switch (type)
	{
		case INT2OID:
			*value = Int16GetDatum((int16) integer);
			return integer >= PG_INT16_MIN && integer <= PG_INT16_MAX;
		case INT4OID:
			*value = Int32GetDatum((int32) integer);
			return integer >= PG_INT32_MIN && integer <= PG_INT32_MAX;
		case DATEOID:
			*value = DateADTGetDatum((DateADT) integer);
			return integer >= PG_INT32_MIN && integer <= PG_INT32_MAX;
		case OIDOID:
			*value = ObjectIdGetDatum((Oid) integer);
			return integer >= 0 && integer <= PG_UINT32_MAX;
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			*value = TimestampGetDatum(integer);
			return true;
		default:
			Assert(type == INT8OID);
			*value = Int64GetDatum(integer);
			return true;
	}
}

#endif							/* ZP_KEY_INTEGER_H */
