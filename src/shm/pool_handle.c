/*
 * pool_handle.c
 *	  This backend's grips on named pools.
 *
 * A handle is found by name and keeps the object pinned.  At level local_cache the
 * backend keeps promised blocks in the pool.  They are given back when the handle is
 * closed, which is when the pool was dropped or the backend ends, also by FATAL; and when
 * a transaction that used the pool fails.
 */
#include "compat.h"

#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "shm/handle.h"
#include "shm/pool_handle.h"
#include "shm/report.h"

static HTAB *handles = NULL;
static dlist_head handle_list = DLIST_STATIC_INIT(handle_list);
static uint32 drops_seen = 0;

/* The handle of a name, made if need be; perhaps closed. */
static ZpPoolHandle *
handle_of_name(const char *name)
{
	ZpPoolHandle *handle;
	bool		found;

	if (handles == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = ZP_NAME_BYTES;
		control.entrysize = sizeof(ZpPoolHandle);
		control.hcxt = TopMemoryContext;
		handles = hash_create("zipora pool handles", 16, &control,
							  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	handle = hash_search(handles, name, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) handle + ZP_NAME_BYTES, 0, sizeof(ZpPoolHandle) - ZP_NAME_BYTES);
		dlist_push_tail(&handle_list, &handle->place);
	}
	return handle;
}

static inline bool
is_dropped(const ZpPoolHandle *handle)
{
	return zp_load_acquire_u32(&handle->object->dropped) != 0;
}

bool
zp_pool_enter(ZpPoolHandle *handle)
{
	(void) zp_fetch_add_seq_cst_u32(&handle->object->users, 1);
	zp_fence_seq_cst();
	if (!is_dropped(handle))
		return true;
	zp_pool_leave(handle);
	return false;
}

void
zp_pool_leave(ZpPoolHandle *handle)
{
	(void) zp_fetch_add_seq_cst_u32(&handle->object->users, (uint32) -1);
}

void
zp_pool_handle_close(ZpPoolHandle *handle)
{
	ZpObject   *object = handle->object;

	if (object == NULL)
		return;
	zp_registry_leave_pool(object);
	handle->object = NULL;
	handle->pool = NULL;
	handle->used = false;
	zp_registry_unpin(object);
}

/* Handles that are closed are forgotten: nothing points to them between two calls. */
static void
forget_closed(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &handle_list)
	{
		ZpPoolHandle *handle = dlist_container(ZpPoolHandle, place, iter.cur);

		if (handle->object == NULL)
		{
			dlist_delete(&handle->place);
			hash_search(handles, handle->name, HASH_REMOVE, NULL);
		}
	}
}

ZpPoolHandle *
zp_pool_handle_open(const char *name, size_t name_bytes, bool missing_ok)
{
	char		copy[ZP_NAME_BYTES];
	ZpPoolHandle *handle;

	zp_check_name(ZP_OBJECT_POOL, name, name_bytes, copy);
	zp_backend_start();
	handle = handle_of_name(copy);
	if (handle->object != NULL && is_dropped(handle))
		zp_pool_handle_close(handle);
	if (handle->object == NULL)
	{
		ZpObject   *object = zp_registry_pin(ZP_OBJECT_POOL, copy);
		/* Read once: who drops it meanwhile sets it to null when it is destroyed. */
		ZpRef		ref = object != NULL ? *(volatile ZpRef *) &object->pool : ZP_NULL_REF;

		if (object != NULL && ref == ZP_NULL_REF)
		{
			zp_registry_unpin(object);
			object = NULL;
		}
		if (object == NULL)
		{
			if (missing_ok)
				return NULL;
			zp_report_unknown(ZP_OBJECT_POOL, copy);
		}
		zp_backend.map.map_failed = false;
		handle->pool = zp_at(&zp_backend.map, ref);
		if (zp_backend.map.map_failed)
		{
			zp_registry_unpin(object);
			zp_report_pool(ZP_MAP_FAILED, copy, 0, 0);
		}
		handle->object = object;
	}
	if (!has_privs_of_role(GetUserId(), handle->object->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of pool \"%s\"", handle->name)));
	handle->used = true;
	return handle;
}

void
zp_pool_handles_end_transaction(bool aborted)
{
	uint32		drops = zp_load_acquire_u32(&zp_backend.control->drops);
	bool		look_for_dropped = drops != drops_seen;
	dlist_iter	iter;

	dlist_foreach(iter, &handle_list)
	{
		ZpPoolHandle *handle = dlist_container(ZpPoolHandle, place, iter.cur);

		if (handle->object == NULL)
			continue;
		if (look_for_dropped && is_dropped(handle))
			zp_pool_handle_close(handle);
		else if (aborted && handle->used && zp_pool_enter(handle))
		{
			(void) zp_pool_flush(&zp_backend.map, handle->pool);
			zp_pool_leave(handle);
		}
		handle->used = false;
	}
	drops_seen = drops;
	forget_closed();
}

void
zp_pool_handles_close_all(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &handle_list)
		zp_pool_handle_close(dlist_container(ZpPoolHandle, place, iter.cur));
}
