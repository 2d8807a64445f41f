/*
 * sync_object.h
 *	  What the functions of counters, flags and futexes share.
 *
 * A function that writes a value makes the object if it is not there; one that only looks,
 * resets or clears gives NULL then; one that waits or wakes raises an error, since nobody
 * could ever come.
 */
#ifndef ZP_SYNC_OBJECT_H
#define ZP_SYNC_OBJECT_H

#include "sqlapi/sqlapi.h"

typedef enum ZpIfMissing
{
	ZP_IF_MISSING_NULL,
	ZP_IF_MISSING_CREATE,
	ZP_IF_MISSING_ERROR
} ZpIfMissing;

extern ZpHandle *zp_sync_begin_slow(FunctionCallInfo fcinfo, ZpObjectKind kind, const char *name,
									size_t name_bytes, uint32 privileges, ZpIfMissing if_missing);

/* Argument 0 is the object's name: its handle, open, with these rights; or NULL. */
static inline ZpHandle *
zp_sync_begin(FunctionCallInfo fcinfo, ZpObjectKind kind, uint32 privileges,
			  ZpIfMissing if_missing)
{
	text	   *name = PG_GETARG_TEXT_PP(0);
	const char *bytes = VARDATA_ANY(name);
	size_t		name_bytes = VARSIZE_ANY_EXHDR(name);
	ZpCallCache *cache = fcinfo->flinfo->fn_extra;

	if (likely(cache != NULL &&
			   cache->generation == zp_handle_generation &&
			   cache->name_bytes == name_bytes &&
			   memcmp(cache->name, bytes, name_bytes) == 0 &&
			   zp_handle_is_ready(cache->handle, privileges) &&
			   !zp_handle_is_dropped(cache->handle)))
		return cache->handle;
	return zp_sync_begin_slow(fcinfo, kind, bytes, name_bytes, privileges, if_missing);
}

/* The whole of a drop function: arguments are the name and if_exists. */
extern Datum zp_sync_drop(FunctionCallInfo fcinfo, ZpObjectKind kind);

#endif							/* ZP_SYNC_OBJECT_H */
