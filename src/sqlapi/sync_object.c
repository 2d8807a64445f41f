/*
 * sync_object.c
 *	  What the functions of counters, flags and futexes share: finding, making, dropping.
 */
#include "sqlapi/sync_object.h"

/* No handle is at hand, or it is not ready for these rights. */
ZpHandle *
zp_sync_begin_slow(FunctionCallInfo fcinfo, ZpObjectKind kind, const char *name,
				   size_t name_bytes, uint32 privileges, ZpIfMissing if_missing)
{
	ZpCallCache *cache = fcinfo->flinfo->fn_extra;
	ZpHandle   *handle;

	while ((handle = zp_handle_open_sync(kind, name, name_bytes, privileges,
										 if_missing != ZP_IF_MISSING_ERROR)) == NULL)
	{
		ZpObjectSpec spec;

		if (if_missing == ZP_IF_MISSING_NULL)
			return NULL;
		memset(&spec, 0, sizeof(spec));
		spec.kind = kind;
		zp_check_name(kind, name, name_bytes, spec.name);
		/* Somebody else may have made it just now: then it is theirs. */
		(void) zp_registry_create(&spec);
	}
	if (cache == NULL)
	{
		cache = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(ZpCallCache));
		fcinfo->flinfo->fn_extra = cache;
	}
	cache->generation = zp_handle_generation;
	cache->handle = handle;
	cache->name_bytes = name_bytes;
	memcpy(cache->name, name, name_bytes);
	return handle;
}

Datum
zp_sync_drop(FunctionCallInfo fcinfo, ZpObjectKind kind)
{
	char		copy[ZP_NAME_BYTES];
	bool		if_exists = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	bool		dropped = false;
	text	   *name;
	ZpHandle   *handle;

	if (PG_ARGISNULL(0))
		zp_null_argument(psprintf("name of a %s", zp_object_kind_name(kind)));
	name = PG_GETARG_TEXT_PP(0);
	zp_check_name(kind, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), copy);
	handle = zp_handle_find_kind(kind, copy, strlen(copy), ZP_PRIVILEGE_OWN, true);
	if (handle != NULL)
	{
		dropped = zp_registry_drop(handle->object);
		zp_handle_close(handle);
	}
	if (dropped)
		PG_RETURN_BOOL(true);
	if (!if_exists)
		zp_report_unknown(kind, copy);
	ereport(NOTICE,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s \"%s\" does not exist, skipping", zp_object_kind_name(kind), copy)));
	PG_RETURN_BOOL(false);
}
