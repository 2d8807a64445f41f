/*
 * handle.c
 *	  This backend's grips on named objects.
 *
 * The registry is asked once per backend and name; the answer, with what is needed to use
 * the object (of a trie, an open session with a token) and the last decision on rights, is
 * kept in one hash table for all kinds, in backend-local storage.  Functions keep a
 * pointer to the handle in fn_extra, so a call compares the name with the last
 * call's, and four numbers that say that the rights are still those.
 *
 * A decision on rights is good for one command of one transaction of one role, and
 * until the next grant or revoke.  Within one command rights do not change.
 *
 * Handles of dropped objects are closed at their next use and at the end of a
 * transaction that finds control->drops changed.  A closed handle stays in the table:
 * fn_extra points to it.  When there are many, they are forgotten all at once and
 * zp_handle_generation grows, which makes kept pointers void.
 *
 * At level local_cache a backend keeps promised blocks in the pools that it uses.  They
 * are given back when the handle is closed, which is when the object was dropped or the
 * backend ends, also by FATAL; and when a transaction that used the pool fails.
 *
 * A trie that was dropped and created anew under its old name is found by itself: an
 * operation that is told ZP_DROPPED looks the name up again.
 */
#include "compat.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "shm/handle.h"
#include "shm/pool_handle.h"
#include "shm/report.h"
#include "shm/token_handle.h"
#include "shm/waits.h"

/* As many closed handles are kept at most. */
#define ZP_CLOSED_HANDLES 256

uint64		zp_handle_generation = 1;

/* This backend's cache, a value in backend-local storage. */
typedef struct ZpHandleCache
{
	MemoryContext context;
	HTAB	   *handles;
	dlist_head	list;
	uint32		drops_seen;
	uint64		hits;			/* look-ups by name that did not ask the registry */
	uint64		misses;
} ZpHandleCache;

/* Closes all handles; at the end of the backend. */
static void
destroy_cache(void *value)
{
	ZpHandleCache *cache = value;
	dlist_iter	iter;

	dlist_foreach(iter, &cache->list)
		zp_handle_close(dlist_container(ZpHandle, place, iter.cur));
	zp_handle_generation++;

	/*
	 * The memory goes with the process, not now: the transaction that is aborted after this
	 * ends its scans, which point to their handles.
	 */
	zp_local_cache_gone(ZP_LOCAL_HANDLES);
}

/* This backend's cache, made if need be. */
static ZpHandleCache *
own_cache(void)
{
	ZpHandleCache *cache = zp_local_cache(ZP_LOCAL_HANDLES);
	HASHCTL		control = {0};
	MemoryContext context;

	if (likely(cache != NULL))
		return cache;
	context = AllocSetContextCreate(TopMemoryContext, "zipora handles", ALLOCSET_DEFAULT_SIZES);
	cache = MemoryContextAllocZero(context, sizeof(ZpHandleCache));
	cache->context = context;
	dlist_init(&cache->list);
	control.keysize = offsetof(ZpHandle, kind) + sizeof(ZpObjectKind);
	control.entrysize = sizeof(ZpHandle);
	control.hcxt = context;
	cache->handles = hash_create("zipora handles", 16, &control,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	zp_local_cache_set(ZP_LOCAL_HANDLES, cache, destroy_cache);
	return cache;
}

void
zp_check_name(ZpObjectKind kind, const char *name, size_t name_bytes, char *copy)
{
	if (name_bytes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a %s must not be empty", zp_object_kind_name(kind))));
	if (name_bytes >= ZP_NAME_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name of a %s is too long", zp_object_kind_name(kind)),
				 errdetail("The name has %zu bytes; the limit is %d.",
						   name_bytes, ZP_NAME_BYTES - 1)));
	memcpy(copy, name, name_bytes);
	memset(copy + name_bytes, 0, ZP_NAME_BYTES - name_bytes);
}

/* Forgets closed handles that nobody will come back to. */
static void
forget_closed(ZpHandleCache *cache)
{
	dlist_mutable_iter iter;
	int			closed = 0;

	dlist_foreach_modify(iter, &cache->list)
	{
		ZpHandle   *handle = dlist_container(ZpHandle, place, iter.cur);

		if (handle->object == NULL && handle->users == 0)
			closed++;
	}
	if (closed < ZP_CLOSED_HANDLES)
		return;
	dlist_foreach_modify(iter, &cache->list)
	{
		ZpHandle   *handle = dlist_container(ZpHandle, place, iter.cur);

		if (handle->object == NULL && handle->users == 0)
		{
			dlist_delete(&handle->place);
			hash_search(cache->handles, handle->name, HASH_REMOVE, NULL);
		}
	}
	zp_handle_generation++;
}

/* The handle of a name, made if need be; perhaps closed. */
static ZpHandle *
handle_of_name(ZpHandleCache *cache, ZpObjectKind kind, const char *name)
{
	/* Name and kind stand at the beginning of a handle as in this. */
	struct
	{
		char		name[ZP_NAME_BYTES];
		ZpObjectKind kind;
	}			key;
	ZpHandle   *handle;
	bool		found;

	memcpy(key.name, name, ZP_NAME_BYTES);
	key.kind = kind;
	handle = hash_search(cache->handles, &key, HASH_FIND, NULL);
	if (handle != NULL)
		return handle;
	forget_closed(cache);
	handle = hash_search(cache->handles, &key, HASH_ENTER, &found);
	memset((char *) handle + sizeof(key), 0, sizeof(ZpHandle) - sizeof(key));
	dlist_push_tail(&cache->list, &handle->place);
	return handle;
}

void
zp_handle_close(ZpHandle *handle)
{
	ZpObject   *object = handle->object;

	if (object == NULL)
		return;
	if (handle->open)
	{
		if (handle->kind == ZP_OBJECT_TRIE)
			zp_trie_close(&handle->session);
		/* Last, for closing frees blocks, which may be kept. */
		if (!zp_is_sync_kind(handle->kind))
			zp_registry_leave_pool(object);
	}
	handle->pool = NULL;
	handle->sync = NULL;
	handle->open = false;
	handle->written = false;
	handle->allowed = 0;
	handle->object = NULL;
	zp_registry_unpin(object);
}

void
zp_handle_check(ZpHandle *handle, uint32 privileges)
{
	uint32		generation = zp_load_acquire_u32(&handle->object->acl_generation);

	if (!zp_registry_allows(handle->object, GetUserId(), privileges))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 (privileges & ZP_PRIVILEGE_OWN) != 0 ?
				 errmsg("must be owner of %s \"%s\"",
						zp_object_kind_name(handle->kind), handle->name) :
				 errmsg("permission denied for %s \"%s\"",
						zp_object_kind_name(handle->kind), handle->name)));

	/* The pool would tell, but only a write that takes or frees memory. */
	if ((privileges & ZP_PRIVILEGE_WRITE) != 0 && handle->kind == ZP_OBJECT_TRIE &&
		handle->object->pool_level == ZP_POOL_NO_LOCK &&
		handle->object->creator != zp_backend.map.participant)
		zp_report(ZP_NOT_OWNER, handle, 0);

	if (handle->allowed_role != GetUserId() || handle->allowed_generation != generation ||
		handle->allowed_lxid != ZP_MY_LXID ||
		handle->allowed_command != GetCurrentCommandId(false))
		handle->allowed = 0;
	handle->allowed |= privileges;
	handle->allowed_role = GetUserId();
	handle->allowed_generation = generation;
	handle->allowed_lxid = ZP_MY_LXID;
	handle->allowed_command = GetCurrentCommandId(false);
}

ZpHandle *
zp_handle_find_kind(ZpObjectKind kind, const char *name, size_t name_bytes, uint32 privileges,
					bool missing_ok)
{
	char		copy[ZP_NAME_BYTES];
	ZpHandleCache *cache;
	ZpHandle   *handle;

	zp_check_name(kind, name, name_bytes, copy);
	zp_backend_start();
	cache = own_cache();
	handle = handle_of_name(cache, kind, copy);
	if (handle->object != NULL && zp_handle_is_dropped(handle))
		zp_handle_close(handle);
	if (handle->object != NULL)
		cache->hits++;
	else
	{
		ZpObject   *object = zp_registry_pin(kind, copy);

		cache->misses++;
		if (object == NULL)
		{
			if (missing_ok)
				return NULL;
			zp_report_unknown(kind, copy);
		}
		handle->object = object;
		handle->object_id = object->id;
		handle->value_type = (ZpValueType) object->value_type;
	}
	zp_handle_check(handle, privileges);
	return handle;
}

bool
zp_handle_try_open(ZpHandle *handle)
{
	ZpStatus	status = ZP_OK;

	while (!handle->open)
	{
		status = zp_trie_open(&zp_backend.map, handle->object->trie, &handle->session);
		if (status == ZP_OK)
		{
			handle->open = true;
			handle->session.pass.asks = true;
		}
		else if (status == ZP_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		else
			return false;
	}
	return true;
}

ZpHandle *
zp_handle_open(const char *name, size_t name_bytes, uint32 privileges)
{
	ZpHandle   *handle = zp_handle_find(name, name_bytes, privileges, false);
	ZpStatus	status;

	while (!handle->open)
	{
		status = zp_trie_open(&zp_backend.map, handle->object->trie, &handle->session);
		if (status == ZP_OK)
		{
			handle->open = true;
			handle->session.pass.asks = true;
		}
		else if (status == ZP_CANCELLED)
			CHECK_FOR_INTERRUPTS();
		else
			zp_report(status, handle, 0);
	}
	return handle;
}

ZpHandle *
zp_handle_open_sync(ZpObjectKind kind, const char *name, size_t name_bytes, uint32 privileges,
					bool missing_ok)
{
	ZpHandle   *handle = zp_handle_find_kind(kind, name, name_bytes, privileges, missing_ok);

	if (handle == NULL || handle->open)
		return handle;
	zp_backend.map.map_failed = false;
	handle->sync = zp_at(&zp_backend.map, handle->object->sync);
	if (zp_backend.map.map_failed)
		zp_report(ZP_MAP_FAILED, NULL, 0);
	handle->open = true;
	return handle;
}

bool
zp_handle_pool_stats(ZpHandle *handle, ZpPoolStats *stats)
{
	if (!handle->open || zp_trie_enter(&handle->session) != ZP_OK)
		return false;
	zp_pool_stats(&zp_backend.map, handle->session.pool, stats);
	zp_trie_leave(&handle->session);
	return true;
}

/*
 * What to do about a status that is no outcome.  True: the operation is to be
 * done again, with call->handle, which may have changed.
 */
bool
zp_call_failed(ZpCall *call, ZpStatus status, size_t key_bytes)
{
	ZpHandle   *handle = call->handle;

	switch (status)
	{
		case ZP_CANCELLED:
			CHECK_FOR_INTERRUPTS();
			return true;

		case ZP_ASK_FIRST:
			zp_handle_ask_to_stand(handle);
			return true;

		case ZP_HELD:

			/*
			 * Another session holds the writer's token: it is waited for by its lock,
			 * which we keep until we are done.
			 */
			if (call->waited)
				zp_pause(1);
			else
			{
				(void) zp_trie_lock(handle, ShareRowExclusiveLock, CurrentResourceOwner, false);
				call->waited = true;
			}
			return true;

		case ZP_DROPPED:
			{
				char		name[ZP_NAME_BYTES];
				ZpValueType value_type = handle->value_type;

				if (call->waited)
					zp_call_unlock(call);

				memcpy(name, handle->name, ZP_NAME_BYTES);
				zp_handle_close(handle);
				call->handle = zp_handle_open(name, strlen(name), call->privileges);

				/* The caller has a value of the old type, or a place for one. */
				if (call->handle->value_type != value_type)
					zp_report(ZP_DROPPED, call->handle, 0);
				return true;
			}

		case ZP_OUT_OF_MEMORY:
		case ZP_OVER_LIMIT:
			if (call->relieved)
				break;
			call->relieved = true;
			if (handle->object->pool_level != ZP_POOL_NO_LOCK)
				(void) zp_trie_reclaim(&handle->session);
			(void) zp_registry_sweep();
			return true;

		default:
			break;
	}
	zp_report(status, handle, key_bytes);
}

/* After a transaction that wrote: what it keeps for itself. */
static void
end_writing(ZpHandle *handle, bool aborted)
{
	handle->written = false;
	if (!handle->open)
		return;
	if (handle->kind == ZP_OBJECT_TRIE)
	{
		zp_trie_reclaim_own(&handle->session);
		if (aborted && zp_trie_enter(&handle->session) == ZP_OK)
		{
			(void) zp_pool_flush(&zp_backend.map, handle->session.pool);
			zp_trie_leave(&handle->session);
		}
	}
	else if (handle->kind == ZP_OBJECT_POOL && aborted && zp_pool_enter(handle))
	{
		(void) zp_pool_flush(&zp_backend.map, handle->pool);
		zp_pool_leave(handle);
	}
}

void
zp_call_unlock(ZpCall *call)
{
	zp_trie_unlock(call->handle, ShareRowExclusiveLock, CurrentResourceOwner);
	call->waited = false;
}

void
zp_handles_rest(bool unlock)
{
	ZpHandleCache *cache = zp_local_cache(ZP_LOCAL_HANDLES);
	dlist_iter	iter;

	if (cache == NULL)
		return;
	dlist_foreach(iter, &cache->list)
	{
		ZpHandle   *handle = dlist_container(ZpHandle, place, iter.cur);

		if (!handle->open || handle->kind != ZP_OBJECT_TRIE)
			continue;
		if (unlock && handle->session.pass.asked)
			zp_trie_unlock(handle, RowExclusiveLock, TopTransactionResourceOwner);
		zp_handle_rest(handle);
	}
}

void
zp_handles_end_transaction(bool aborted)
{
	ZpHandleCache *cache = zp_local_cache(ZP_LOCAL_HANDLES);
	uint32		drops = zp_load_acquire_u32(&zp_backend.control->drops);
	bool		look_for_dropped;
	dlist_iter	iter;

	if (cache == NULL)
		return;
	look_for_dropped = drops != cache->drops_seen;
	dlist_foreach(iter, &cache->list)
	{
		ZpHandle   *handle = dlist_container(ZpHandle, place, iter.cur);

		if (handle->object == NULL)
			continue;
		zp_handle_rest(handle);
		if (handle->written)
			end_writing(handle, aborted);
		if (look_for_dropped && zp_handle_is_dropped(handle))
			zp_handle_close(handle);
	}
	cache->drops_seen = drops;
}

void
zp_handles_figures(ZpLocalFigures *figures)
{
	ZpHandleCache *cache = zp_local_cache(ZP_LOCAL_HANDLES);

	memset(figures, 0, sizeof(*figures));
	if (cache == NULL)
		return;
	figures->entries = (uint64) hash_get_num_entries(cache->handles);
	figures->bytes = MemoryContextMemAllocated(cache->context, true);
	figures->hits = cache->hits;
	figures->misses = cache->misses;
}
