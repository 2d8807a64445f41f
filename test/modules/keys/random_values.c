/*
 * random_values.c
 *	  Random values of every type that has keys, and what the types' own functions say of them.
 */
#include "test_keys.h"

#include "am/key_inet.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "am/strategies.h"

PG_MODULE_MAGIC;

const Oid	test_types[TEST_TYPES] = {
	INT2OID, INT4OID, INT8OID, OIDOID, DATEOID, TIMESTAMPOID, TIMESTAMPTZOID,
	TEXTOID, BPCHAROID, BYTEAOID, UUIDOID, INETOID
};

static uint64 random_state = 1;

void
random_seed(uint64 seed)
{
	random_state = seed * UINT64CONST(0x9E3779B97F4A7C15) + 1;
	for (int i = 0; i < 8; i++)
		(void) random_below(2);
}

uint32
random_below(uint32 limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32) ((random_state >> 32) % limit);
}

/* Small ones, and those beside powers of 2, up to so many bits. */
static int64
random_integer(int bits)
{
	int64		value = (int64) random_below(9) - 4;

	if (random_below(2) == 0)
		value += (int64) (UINT64CONST(1) << random_below(bits - 1));
	if (random_below(8) == 0)
		value = (int64) ((UINT64CONST(1) << (bits - 1)) - 1) - random_below(3);
	if (random_below(2) == 0)
		value = ~value;
	if (bits < 64)
		value = Min(Max(value, -(INT64CONST(1) << (bits - 1))), (INT64CONST(1) << (bits - 1)) - 1);
	return value;
}

static DateADT
random_date(void)
{
	/* Beside clock changes of Europe, America; Samoa's day that was left out; the ends. */
	static const int32 days[] = {0, -1, 4383 - 2, 4382, 10, 8846, 8850, 8853, 9067,
	-2451545, -2451544, 106751983 - 10957, 106751992, 2145031948, 1234567};

	if (random_below(12) == 0)
		return random_below(2) == 0 ? DATEVAL_NOBEGIN : DATEVAL_NOEND;
	return days[random_below(lengthof(days))] + (int32) random_below(3);
}

static Timestamp
random_timestamp(void)
{
	int			overflow;
	Timestamp	timestamp = date2timestamp_opt_overflow(random_date(), &overflow);

	if (overflow != 0)
		return END_TIMESTAMP - 1 - random_below(2);
	if (TIMESTAMP_NOT_FINITE(timestamp) || random_below(3) == 0)
		return timestamp;
	if (random_below(2) == 0)
		timestamp += ((int64) random_below(60) - 30) * 30 * USECS_PER_MINUTE;
	else
		timestamp += (int64) random_below(3) - 1;
	return Min(Max(timestamp, MIN_TIMESTAMP), END_TIMESTAMP - 1);
}

/* Short strings over few letters. */
static Datum
random_string(const char *letters, int count, int most)
{
	int			length = (int) random_below(most + 1);
	struct varlena *result = palloc(VARHDRSZ + length);

	for (int i = 0; i < length; i++)
		VARDATA(result)[i] = letters[random_below(count)];
	SET_VARSIZE(result, VARHDRSZ + length);
	return PointerGetDatum(result);
}

static Datum
random_inet(void)
{
	inet	   *result = palloc0(sizeof(inet));
	bool		is_v4 = random_below(3) != 0;
	int			bytes = is_v4 ? 4 : 16;
	static const unsigned char common[] = {0, 10, 10, 10, 128, 255};

	result->inet_data.family = is_v4 ? PGSQL_AF_INET : PGSQL_AF_INET6;
	for (int i = 0; i < bytes; i++)
		result->inet_data.ipaddr[i] = i < 2 || i == bytes - 1 ? common[random_below(6)] : 0;
	result->inet_data.bits = (unsigned char) random_below(bytes * 8 + 1);
	if (random_below(3) == 0)
		result->inet_data.bits = (unsigned char) (8 * random_below(bytes + 1));
	SET_INET_VARSIZE(result);
	return PointerGetDatum(result);
}

Datum
random_value(Oid type)
{
	switch (type)
	{
		case INT2OID:
			return Int16GetDatum((int16) random_integer(16));
		case INT4OID:
			return Int32GetDatum((int32) random_integer(32));
		case INT8OID:
			return Int64GetDatum(random_integer(64));
		case OIDOID:
			return ObjectIdGetDatum((Oid) random_integer(33));
		case DATEOID:
			return DateADTGetDatum(random_date());
		case TIMESTAMPOID:
			return TimestampGetDatum(random_timestamp());
		case TIMESTAMPTZOID:
			if (random_below(3) == 0)
			{
				/* midnight here */
				int			overflow;
				TimestampTz midnight = date2timestamptz_opt_overflow(random_date(), &overflow);

				if (overflow == 0)
					return TimestampTzGetDatum(midnight);
			}
			return TimestampTzGetDatum(random_timestamp());
		case TEXTOID:
			return random_string("aab\x01\x7f", 5, 5);
		case BPCHAROID:
			return random_string("a b ", 4, 5);
		case BYTEAOID:
			return random_string("\0\x01\xff\xfe" "a\0\xff", 7, 5);
		case UUIDOID:
			{
				pg_uuid_t  *uuid = palloc0(sizeof(pg_uuid_t));

				uuid->data[0] = (unsigned char) (random_below(3) * 127);
				uuid->data[15] = (unsigned char) (random_below(3) * 127);
				return UUIDPGetDatum(uuid);
			}
		default:
			Assert(type == INETOID);
			return random_inet();
	}
}

static int64
as_int64(Oid type, Datum value)
{
	return type == INT2OID ? DatumGetInt16(value) :
		type == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
}

int
compare_values(Oid a_type, Datum a, Oid b_type, Datum b)
{
	PGFunction	function = NULL;

	if (a_type == b_type)
	{
		TypeCacheEntry *entry = lookup_type_cache(a_type, TYPECACHE_CMP_PROC_FINFO);

		return DatumGetInt32(FunctionCall2Coll(&entry->cmp_proc_finfo, C_COLLATION_OID, a, b));
	}
	if (a_type == INT2OID || a_type == INT4OID || a_type == INT8OID)
	{
		int64		x = as_int64(a_type, a);
		int64		y = as_int64(b_type, b);

		return x < y ? -1 : x > y;
	}
	if (a_type == DATEOID)
		function = b_type == TIMESTAMPOID ? date_cmp_timestamp : date_cmp_timestamptz;
	else if (a_type == TIMESTAMPOID)
		function = b_type == DATEOID ? timestamp_cmp_date : timestamp_cmp_timestamptz;
	else if (a_type == TIMESTAMPTZOID)
		function = b_type == DATEOID ? timestamptz_cmp_date : timestamptz_cmp_timestamp;
	if (function == NULL)
		elog(ERROR, "types %u and %u have no order", a_type, b_type);
	return DatumGetInt32(DirectFunctionCall2(function, a, b));
}

static bool
begins_with(Datum string, Datum prefix)
{
	struct varlena *s = (struct varlena *) DatumGetPointer(string);
	struct varlena *p = (struct varlena *) DatumGetPointer(prefix);

	return VARSIZE_ANY_EXHDR(s) >= VARSIZE_ANY_EXHDR(p) &&
		memcmp(VARDATA_ANY(s), VARDATA_ANY(p), VARSIZE_ANY_EXHDR(p)) == 0;
}

bool
apply_operator(StrategyNumber strategy, Oid type, Datum value, Oid constant_type,
			   Datum constant)
{
	switch (strategy)
	{
		case ZP_STRATEGY_LESS:
			return compare_values(type, value, constant_type, constant) < 0;
		case ZP_STRATEGY_LESS_EQUAL:
			return compare_values(type, value, constant_type, constant) <= 0;
		case ZP_STRATEGY_EQUAL:
			return compare_values(type, value, constant_type, constant) == 0;
		case ZP_STRATEGY_GREATER_EQUAL:
			return compare_values(type, value, constant_type, constant) >= 0;
		case ZP_STRATEGY_GREATER:
			return compare_values(type, value, constant_type, constant) > 0;
		case ZP_STRATEGY_BEGINS_WITH:
			return begins_with(value, constant);
		case ZP_STRATEGY_PREFIX_OF:
			return begins_with(constant, value);
		case ZP_STRATEGY_CONTAINS:
			return DatumGetBool(DirectFunctionCall2(network_supeq, value, constant));
		case ZP_STRATEGY_CONTAINED:
			return DatumGetBool(DirectFunctionCall2(network_subeq, value, constant));
		default:
			elog(ERROR, "no such strategy: %d", strategy);
	}
}

char *
value_text(Oid type, Datum value)
{
	Oid			function;
	bool		is_varlena;

	/* Letters of the texts need not be printable. */
	if (type == TEXTOID || type == BPCHAROID)
		type = BYTEAOID;
	getTypeOutputInfo(type, &function, &is_varlena);
	return OidOutputFunctionCall(function, value);
}
