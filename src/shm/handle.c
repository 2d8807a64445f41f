/*
 * handle.c
 *	  This backend's grips on named tries.
 *
 * The registry is asked once per backend and name; the answer, with an open session
 * (a token) and the last decision on rights, is kept in a hash table.  Functions keep a
 * pointer to the handle in fn_extra, so a call compares the name with the last
 * call's, and four numbers that say that the rights are still those.
 *
 * A decision on rights is good for one command of one transaction of one role, and
 * until the next grant or revoke.  Within one command rights do not change.
 *
 * Handles of dropped tries are closed at their next use and at the end of a
 * transaction that finds control->drops changed.  A closed handle stays in the table:
 * fn_extra points to it.  When there are many, they are forgotten all at once and
 * zp_handle_generation grows, which makes kept pointers void.
 *
 * A trie that was dropped and created anew under its old name is found by itself: an
 * operation that is told ZP_DROPPED looks the name up again.
 */
#include "compat.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "shm/handle.h"
#include "shm/report.h"
#include "shm/token_handle.h"
#include "shm/waits.h"

/* As many closed handles are kept at most. */
#define ZP_CLOSED_HANDLES 256

uint64		zp_handle_generation = 1;

static HTAB *handles = NULL;
static dlist_head handle_list = DLIST_STATIC_INIT(handle_list);
static uint32 drops_seen = 0;

void
zp_check_name(ZpObjectKind kind, const char *name, size_t name_bytes, char *copy)
{
	if (name_bytes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 kind == ZP_OBJECT_POOL ?
				 errmsg("name of a pool must not be empty") :
				 errmsg("name of a trie must not be empty")));
	if (name_bytes >= ZP_NAME_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 kind == ZP_OBJECT_POOL ?
				 errmsg("name of a pool is too long") :
				 errmsg("name of a trie is too long"),
				 errdetail("The name has %zu bytes; the limit is %d.",
						   name_bytes, ZP_NAME_BYTES - 1)));
	memcpy(copy, name, name_bytes);
	copy[name_bytes] = '\0';
}

/* Forgets closed handles that nobody will come back to. */
static void
forget_closed(void)
{
	dlist_mutable_iter iter;
	int			closed = 0;

	dlist_foreach_modify(iter, &handle_list)
	{
		ZpHandle   *handle = dlist_container(ZpHandle, place, iter.cur);

		if (handle->object == NULL && handle->users == 0)
			closed++;
	}
	if (closed < ZP_CLOSED_HANDLES)
		return;
	dlist_foreach_modify(iter, &handle_list)
	{
		ZpHandle   *handle = dlist_container(ZpHandle, place, iter.cur);

		if (handle->object == NULL && handle->users == 0)
		{
			dlist_delete(&handle->place);
			hash_search(handles, handle->name, HASH_REMOVE, NULL);
		}
	}
	zp_handle_generation++;
}

/* The handle of a name, made if need be; perhaps closed. */
static ZpHandle *
handle_of_name(const char *name)
{
	ZpHandle   *handle;
	bool		found;

	if (handles == NULL)
	{
		HASHCTL		control = {0};

		control.keysize = ZP_NAME_BYTES;
		control.entrysize = sizeof(ZpHandle);
		control.hcxt = TopMemoryContext;
		handles = hash_create("zipora handles", 16, &control,
							  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	handle = hash_search(handles, name, HASH_FIND, NULL);
	if (handle != NULL)
		return handle;
	forget_closed();
	handle = hash_search(handles, name, HASH_ENTER, &found);
	memset((char *) handle + ZP_NAME_BYTES, 0, sizeof(ZpHandle) - ZP_NAME_BYTES);
	dlist_push_tail(&handle_list, &handle->place);
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
		zp_trie_close(&handle->session);
		/* Last, for closing frees blocks, which may be kept. */
		zp_registry_leave_pool(object);
	}
	handle->open = false;
	handle->written = false;
	handle->allowed = 0;
	handle->object = NULL;
	zp_registry_unpin(object);
}

static inline bool
is_dropped(const ZpHandle *handle)
{
	return zp_load_acquire_u32(&handle->object->dropped) != 0;
}

void
zp_handle_check(ZpHandle *handle, uint32 privileges)
{
	uint32		generation = zp_load_acquire_u32(&handle->object->acl_generation);

	if (!zp_registry_allows(handle->object, GetUserId(), privileges))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 (privileges & ZP_PRIVILEGE_OWN) != 0 ?
				 errmsg("must be owner of trie \"%s\"", handle->name) :
				 errmsg("permission denied for trie \"%s\"", handle->name)));

	/* The pool would tell, but only a write that takes or frees memory. */
	if ((privileges & ZP_PRIVILEGE_WRITE) != 0 &&
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
zp_handle_find(const char *name, size_t name_bytes, uint32 privileges, bool missing_ok)
{
	char		copy[ZP_NAME_BYTES];
	ZpHandle   *handle;

	zp_check_name(ZP_OBJECT_TRIE, name, name_bytes, copy);
	zp_backend_start();
	handle = handle_of_name(copy);
	if (handle->object != NULL && is_dropped(handle))
		zp_handle_close(handle);
	if (handle->object == NULL)
	{
		ZpObject   *object = zp_registry_pin(ZP_OBJECT_TRIE, copy);

		if (object == NULL)
		{
			if (missing_ok)
				return NULL;
			zp_report_unknown(ZP_OBJECT_TRIE, copy);
		}
		handle->object = object;
		handle->object_id = object->id;
		handle->value_type = (ZpValueType) object->value_type;
	}
	zp_handle_check(handle, privileges);
	return handle;
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

void
zp_call_unlock(ZpCall *call)
{
	zp_trie_unlock(call->handle, ShareRowExclusiveLock, CurrentResourceOwner);
	call->waited = false;
}

void
zp_handles_rest(bool unlock)
{
	dlist_iter	iter;

	dlist_foreach(iter, &handle_list)
	{
		ZpHandle   *handle = dlist_container(ZpHandle, place, iter.cur);

		if (!handle->open)
			continue;
		if (unlock && handle->session.pass.asked)
			zp_trie_unlock(handle, RowExclusiveLock, TopTransactionResourceOwner);
		zp_handle_rest(handle);
	}
}

void
zp_handles_end_transaction(bool aborted)
{
	uint32		drops = zp_load_acquire_u32(&zp_backend.control->drops);
	bool		look_for_dropped = drops != drops_seen;
	dlist_iter	iter;

	dlist_foreach(iter, &handle_list)
	{
		ZpHandle   *handle = dlist_container(ZpHandle, place, iter.cur);

		if (handle->object == NULL)
			continue;
		zp_handle_rest(handle);
		if (handle->written)
		{
			handle->written = false;
			zp_trie_reclaim_own(&handle->session);
			if (aborted && zp_trie_enter(&handle->session) == ZP_OK)
			{
				(void) zp_pool_flush(&zp_backend.map, handle->session.pool);
				zp_trie_leave(&handle->session);
			}
		}
		if (look_for_dropped && is_dropped(handle))
			zp_handle_close(handle);
	}
	drops_seen = drops;
}

void
zp_handles_close_all(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &handle_list)
		zp_handle_close(dlist_container(ZpHandle, place, iter.cur));
}
