/*
 * handle.h
 *	  This backend's grip on a named object, and the frame of every operation on a trie.
 *
 * An operation on a trie (for pools see pool_handle.h):
 *
 *		ZpCall		call;
 *
 *		zp_call_begin(&call, name, name_bytes, ZP_PRIVILEGE_READ);
 *		do
 *			status = zp_trie_lookup(&call.handle->session, ...);
 *		while (zp_call_again(&call, status, key_bytes));
 *
 * What is left in status is an outcome: ZP_OK, ZP_EXISTS, ZP_NOT_FOUND or ZP_END.
 */
#ifndef ZP_HANDLE_H
#define ZP_HANDLE_H

#include "compat.h"

#include "access/xact.h"
#include "lib/ilist.h"

#include "shm/backend.h"
#include "shm/local.h"
#include "shm/registry.h"

typedef struct ZpHandle
{
	/* The key of the cache. */
	char		name[ZP_NAME_BYTES];	/* filled up with zeros */
	ZpObjectKind kind;

	dlist_node	place;			/* among all handles */
	uint32		users;			/* scans that will come back to it */

	ZpObject   *object;			/* pinned; NULL: closed */
	uint64		object_id;
	bool		open;			/* session, pool or sync can be used */
	bool		written;		/* in this transaction; of a pool: used */

	/* Of a trie. */
	ZpValueType value_type;
	ZpTrieSession session;
	/* Of a pool. */
	ZpPool	   *pool;
	/* Of a counter, flag or futex. */
	ZpSyncState *sync;

	/* The last decision on rights, and what it was based on. */
	uint32		allowed;
	Oid			allowed_role;
	uint32		allowed_generation;
	LocalTransactionId allowed_lxid;
	CommandId	allowed_command;
} ZpHandle;

typedef struct ZpCall
{
	ZpHandle   *handle;
	uint32		privileges;
	bool		relieved;		/* memory was looked for once already */
	bool		waited;			/* it has the lock of the one writer, for this call */
} ZpCall;

/* Grows when handles are forgotten: a pointer kept from before may be stale. */
extern uint64 zp_handle_generation;

/*
 * The handle of an object, pinned but perhaps not open; rights are checked.
 * With missing_ok NULL for an object that is not there, else an error.
 */
extern ZpHandle *zp_handle_find_kind(ZpObjectKind kind, const char *name, size_t name_bytes,
									 uint32 privileges, bool missing_ok);

/* The same for a trie. */
static inline ZpHandle *
zp_handle_find(const char *name, size_t name_bytes, uint32 privileges, bool missing_ok)
{
	return zp_handle_find_kind(ZP_OBJECT_TRIE, name, name_bytes, privileges, missing_ok);
}

/* The same with a session. */
extern ZpHandle *zp_handle_open(const char *name, size_t name_bytes, uint32 privileges);

/* The handle of a counter, flag or futex, open; as zp_handle_find_kind. */
extern ZpHandle *zp_handle_open_sync(ZpObjectKind kind, const char *name, size_t name_bytes,
									 uint32 privileges, bool missing_ok);

/* Opens a session if there is none; false: it cannot be had now (memory is short, it was dropped). */
extern bool zp_handle_try_open(ZpHandle *handle);

/* Ends session and pin. */
extern void zp_handle_close(ZpHandle *handle);

/* Raises an error unless the current user has these rights. */
extern void zp_handle_check(ZpHandle *handle, uint32 privileges);

/* False: there is no session, or the trie was dropped. */
extern bool zp_handle_pool_stats(ZpHandle *handle, ZpPoolStats *stats);

/* Whether the object was dropped since the handle found it. */
static inline bool
zp_handle_is_dropped(const ZpHandle *handle)
{
	return zp_load_acquire_u32(&handle->object->dropped) != 0;
}

/* Raises the error for a name that no object can have; else copies it, filled up with NULs. */
extern void zp_check_name(ZpObjectKind kind, const char *name, size_t name_bytes, char *copy);

extern void zp_handles_end_transaction(bool aborted);

/* See zp_handle_rest; all handles.  With unlock their locks are released, too. */
extern void zp_handles_rest(bool unlock);

/* What the cache of handles has. */
extern void zp_handles_figures(ZpLocalFigures *figures);

extern bool zp_call_failed(ZpCall *call, ZpStatus status, size_t key_bytes);
extern void zp_call_unlock(ZpCall *call);

/* Whether handle may be used for these rights without further ado. */
static inline bool
zp_handle_is_ready(const ZpHandle *handle, uint32 privileges)
{
	return handle->open &&
		(handle->allowed & privileges) == privileges &&
		handle->allowed_role == GetUserId() &&
		handle->allowed_lxid == ZP_MY_LXID &&
		handle->allowed_generation == zp_load_relaxed_u32(&handle->object->acl_generation) &&
		handle->allowed_command == GetCurrentCommandId(false) &&
		zp_backend.applied_limit == zp_memory_limit;
}

/* Whether to do the operation again; raises the error if it failed for good. */
static inline bool
zp_call_again(ZpCall *call, ZpStatus status, size_t key_bytes)
{
	if (ZP_LIKELY(status <= ZP_END))
	{
		if (unlikely(call->waited))
			zp_call_unlock(call);
		return false;
	}
	return zp_call_failed(call, status, key_bytes);
}

#endif							/* ZP_HANDLE_H */
