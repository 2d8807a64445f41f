/*
 * local.c
 *	  What a backend caches for itself, in backend-local storage; see local.h.
 */
#include "postgres.h"

#include "shm/local.h"

void
zp_local_cache_set(ZpLocalCache cache, void *value, ZpLocalDestructor destructor)
{
	ZpStatus	status;

	Assert(zp_local_cache(cache) == NULL);
	status = zp_local_set(&zp_backend.local, zp_backend.control->local_keys[cache], value,
						  destructor);
	if (status != ZP_OK)
		elog(ERROR, "could not set backend-local cache: %s", zp_status_name(status));
	(void) zp_fetch_add_relaxed_u32(&zp_backend.control->local_users[cache], 1);
}

void
zp_local_cache_gone(ZpLocalCache cache)
{
	(void) zp_fetch_sub_relaxed_u32(&zp_backend.control->local_users[cache], 1);
}

void
zp_local_cache_clear(ZpLocalCache cache)
{
	(void) zp_local_set(&zp_backend.local, zp_backend.control->local_keys[cache], NULL, NULL);
}

const char *
zp_local_cache_name(ZpLocalCache cache)
{
	switch (cache)
	{
		case ZP_LOCAL_HANDLES:
			return "handles";
		case ZP_LOCAL_FUTEX_NODE:
			return "futex node";
	}
	return "unknown";
}

uint32
zp_local_cache_users(ZpLocalCache cache)
{
	return zp_load_relaxed_u32(&zp_backend.control->local_users[cache]);
}
