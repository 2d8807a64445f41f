/*
 * sync_flag.c
 *	  zipora_flag_set, zipora_flag_clear, zipora_flag_test, zipora_flag_drop.
 */
#include "sqlapi/sync_object.h"

PG_FUNCTION_INFO_V1(zipora_flag_set);
PG_FUNCTION_INFO_V1(zipora_flag_clear);
PG_FUNCTION_INFO_V1(zipora_flag_test);
PG_FUNCTION_INFO_V1(zipora_flag_drop);

PGDLLEXPORT Datum
zipora_flag_set(PG_FUNCTION_ARGS)
{
	ZpHandle   *handle;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a flag");
	handle = zp_sync_begin(fcinfo, ZP_OBJECT_FLAG, ZP_PRIVILEGE_WRITE, ZP_IF_MISSING_CREATE);
	PG_RETURN_BOOL(zp_flag_set_acq_rel(&handle->sync->flag));
}

PGDLLEXPORT Datum
zipora_flag_clear(PG_FUNCTION_ARGS)
{
	ZpHandle   *handle;

	handle = zp_sync_begin(fcinfo, ZP_OBJECT_FLAG, ZP_PRIVILEGE_WRITE, ZP_IF_MISSING_NULL);
	if (handle == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(zp_flag_clear_acq_rel(&handle->sync->flag));
}

PGDLLEXPORT Datum
zipora_flag_test(PG_FUNCTION_ARGS)
{
	ZpHandle   *handle;

	handle = zp_sync_begin(fcinfo, ZP_OBJECT_FLAG, ZP_PRIVILEGE_READ, ZP_IF_MISSING_NULL);
	if (handle == NULL)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(zp_flag_test_acquire(&handle->sync->flag));
}

PGDLLEXPORT Datum
zipora_flag_drop(PG_FUNCTION_ARGS)
{
	return zp_sync_drop(fcinfo, ZP_OBJECT_FLAG);
}
