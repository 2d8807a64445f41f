/*
 * sync_futex.c
 *	  zipora_futex_store, zipora_futex_load, zipora_futex_wait, zipora_futex_wake,
 *	  zipora_futex_drop.
 *
 * The value is 32 bits, an integer in SQL.  Storing returns the value before it, so that a
 * store is an exchange: enough for a mutex.
 */
#include "sqlapi/sync_object.h"

#include "utils/timestamp.h"

#include "shm/futex_wait.h"

PG_FUNCTION_INFO_V1(zipora_futex_store);
PG_FUNCTION_INFO_V1(zipora_futex_load);
PG_FUNCTION_INFO_V1(zipora_futex_wait);
PG_FUNCTION_INFO_V1(zipora_futex_wake);
PG_FUNCTION_INFO_V1(zipora_futex_drop);

static void
report_dropped(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("futex \"%s\" was dropped meanwhile", name)));
}

PGDLLEXPORT Datum
zipora_futex_store(PG_FUNCTION_ARGS)
{
	ZpHandle   *handle;
	uint32		value;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a futex");
	if (PG_ARGISNULL(1))
		zp_null_argument("value of a futex");
	value = (uint32) PG_GETARG_INT32(1);
	handle = zp_sync_begin(fcinfo, ZP_OBJECT_FUTEX, ZP_PRIVILEGE_WRITE, ZP_IF_MISSING_CREATE);
	PG_RETURN_INT32((int32) zp_futex_queue_exchange_seq_cst(&handle->sync->futex, value));
}

PGDLLEXPORT Datum
zipora_futex_load(PG_FUNCTION_ARGS)
{
	ZpHandle   *handle;

	handle = zp_sync_begin(fcinfo, ZP_OBJECT_FUTEX, ZP_PRIVILEGE_READ, ZP_IF_MISSING_NULL);
	if (handle == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) zp_futex_queue_load_acquire(&handle->sync->futex));
}

/* Argument 2 in microseconds; NULL is for ever. */
static int64
timeout_argument(FunctionCallInfo fcinfo)
{
	Interval   *timeout;
	double		us;

	if (PG_ARGISNULL(2))
		return ZP_WAIT_FOREVER;
	timeout = PG_GETARG_INTERVAL_P(2);
	us = (double) timeout->time + (double) USECS_PER_DAY *
		(timeout->day + (double) DAYS_PER_MONTH * timeout->month);
	if (us < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must not be negative"),
				 errhint("Leave it null to wait without a limit.")));
	return us >= (double) (PG_INT64_MAX / 2) ? ZP_WAIT_FOREVER : (int64) us;
}

PGDLLEXPORT Datum
zipora_futex_wait(PG_FUNCTION_ARGS)
{
	const char *outcome = "woken";
	ZpHandle   *handle;
	uint32		expected;
	int64		timeout_us;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a futex");
	if (PG_ARGISNULL(1))
		zp_null_argument("expected value of a futex");
	expected = (uint32) PG_GETARG_INT32(1);
	timeout_us = timeout_argument(fcinfo);
	handle = zp_sync_begin(fcinfo, ZP_OBJECT_FUTEX, ZP_PRIVILEGE_READ, ZP_IF_MISSING_ERROR);
	switch (zp_futex_wait_on(handle, expected, timeout_us))
	{
		case ZP_FUTEX_WOKEN:
			break;
		case ZP_FUTEX_TIMED_OUT:
			outcome = "timed_out";
			break;
		case ZP_FUTEX_DIFFERS:
			outcome = "differs";
			break;
		case ZP_FUTEX_DROPPED:
			report_dropped(handle->name);
			break;
	}
	PG_RETURN_TEXT_P(cstring_to_text(outcome));
}

PGDLLEXPORT Datum
zipora_futex_wake(PG_FUNCTION_ARGS)
{
	ZpHandle   *handle;
	ZpStatus	status;
	uint32		n = PG_UINT32_MAX;
	uint32		woken;

	if (PG_ARGISNULL(0))
		zp_null_argument("name of a futex");
	if (!PG_ARGISNULL(1))
	{
		if (PG_GETARG_INT32(1) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("number of waiters to wake must not be negative"),
					 errhint("Leave it null to wake all.")));
		n = (uint32) PG_GETARG_INT32(1);
	}
	handle = zp_sync_begin(fcinfo, ZP_OBJECT_FUTEX, ZP_PRIVILEGE_WRITE, ZP_IF_MISSING_ERROR);
	while ((status = zp_futex_queue_wake(&zp_backend.map, &handle->sync->futex, n,
										 &woken)) == ZP_CANCELLED)
		CHECK_FOR_INTERRUPTS();
	if (status != ZP_OK)
		zp_report(status, NULL, 0);
	PG_RETURN_INT32((int32) woken);
}

PGDLLEXPORT Datum
zipora_futex_drop(PG_FUNCTION_ARGS)
{
	return zp_sync_drop(fcinfo, ZP_OBJECT_FUTEX);
}
