/*
 * pool_handle.c
 *	  The frame of operations on named pools; see pool_handle.h.
 */
#include "compat.h"

#include "shm/pool_handle.h"
#include "shm/report.h"

bool
zp_pool_enter(ZpHandle *handle)
{
	(void) zp_fetch_add_seq_cst_u32(&handle->object->users, 1);
	zp_fence_seq_cst();
	if (!zp_handle_is_dropped(handle))
		return true;
	zp_pool_leave(handle);
	return false;
}

void
zp_pool_leave(ZpHandle *handle)
{
	(void) zp_fetch_add_seq_cst_u32(&handle->object->users, (uint32) -1);
}

ZpHandle *
zp_pool_handle_open(const char *name, size_t name_bytes, bool missing_ok)
{
	ZpHandle   *handle;

	handle = zp_handle_find_kind(ZP_OBJECT_POOL, name, name_bytes, ZP_PRIVILEGE_OWN, missing_ok);
	if (handle == NULL)
		return NULL;
	if (!handle->open)
	{
		/* Read once: who drops it meanwhile sets it to null when it is destroyed. */
		ZpRef		ref = *(volatile ZpRef *) &handle->object->pool;

		if (ref == ZP_NULL_REF)
		{
			zp_handle_close(handle);
			if (missing_ok)
				return NULL;
			zp_report_unknown(ZP_OBJECT_POOL, handle->name);
		}
		zp_backend.map.map_failed = false;
		handle->pool = zp_at(&zp_backend.map, ref);
		if (zp_backend.map.map_failed)
			zp_report_pool(ZP_MAP_FAILED, handle->name, 0, 0);
		handle->open = true;
	}
	handle->written = true;
	return handle;
}
