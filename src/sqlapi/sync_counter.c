/*
 * sync_counter.c
 *	  zipora_counter_add, zipora_counter_get, zipora_counter_reset, zipora_counter_drop.
 */
#include "sqlapi/sync_object.h"

PG_FUNCTION_INFO_V1(zipora_counter_add);
PG_FUNCTION_INFO_V1(zipora_counter_get);
PG_FUNCTION_INFO_V1(zipora_counter_reset);
PG_FUNCTION_INFO_V1(zipora_counter_drop);

PGDLLEXPORT Datum
zipora_counter_add(PG_FUNCTION_ARGS)
{
	int64		delta;
	int64		sum;
	ZpHandle   *handle;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a counter");
	if (PG_ARGISNULL(1))
		zp_null_argument("delta");
	delta = PG_GETARG_INT64(1);
	handle = zp_sync_begin(fcinfo, ZP_OBJECT_COUNTER, ZP_PRIVILEGE_WRITE, ZP_IF_MISSING_CREATE);
	if (zp_counter_add_checked_acq_rel(&handle->sync->counter, delta, &sum) != ZP_OK)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("counter \"%s\" would be out of range", handle->name),
				 errdetail("Adding %lld would leave the range of bigint; the counter is unchanged.",
						   (long long) delta)));
	PG_RETURN_INT64(sum);
}

PGDLLEXPORT Datum
zipora_counter_get(PG_FUNCTION_ARGS)
{
	ZpHandle   *handle;

	handle = zp_sync_begin(fcinfo, ZP_OBJECT_COUNTER, ZP_PRIVILEGE_READ, ZP_IF_MISSING_NULL);
	if (handle == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(zp_counter_get_relaxed(&handle->sync->counter));
}

PGDLLEXPORT Datum
zipora_counter_reset(PG_FUNCTION_ARGS)
{
	ZpHandle   *handle;

	handle = zp_sync_begin(fcinfo, ZP_OBJECT_COUNTER, ZP_PRIVILEGE_WRITE, ZP_IF_MISSING_NULL);
	if (handle == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT64(zp_counter_reset_acquire(&handle->sync->counter));
}

PGDLLEXPORT Datum
zipora_counter_drop(PG_FUNCTION_ARGS)
{
	return zp_sync_drop(fcinfo, ZP_OBJECT_COUNTER);
}
