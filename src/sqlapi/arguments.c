/*
 * arguments.c
 *	  The rarer ways of a function's arguments.
 */
#include "sqlapi/sqlapi.h"

/* No handle is at hand, or it is not ready for these rights. */
void
zp_call_begin_slow(ZpCall *call, FunctionCallInfo fcinfo, const char *name, size_t name_bytes,
				   uint32 privileges)
{
	ZpCallCache *cache = fcinfo->flinfo->fn_extra;

	call->handle = zp_handle_open(name, name_bytes, privileges);
	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ZpCallCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	cache->generation = zp_handle_generation;
	cache->handle = call->handle;
	cache->name_bytes = name_bytes;
	memcpy(cache->name, name, name_bytes);
}

void
zp_null_argument(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", what)));
	pg_unreachable();
}
