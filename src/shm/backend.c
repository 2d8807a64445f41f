/*
 * backend.c
 *	  A backend's beginning and end in shared memory.
 *
 * The first user of the server makes the arena and in it the control struct,
 * under the root's lock, and lets others find each only when it is complete.
 * Whatever fails on the way leaves a state that the next user goes on from: no arena; or
 * an arena without a control struct.
 *
 * The end: before_shmem_exit comes after LWLocks were released and before dynamic
 * shared memory is unmapped, and runs for FATAL as for a normal exit.  We close all
 * sessions there.  Nothing else needs to be done, since no operation of the core
 * is ever left by an error.  A backend that is killed (SIGKILL, a crash) makes the
 * server drop all shared memory.
 *
 * The end of a transaction frees the blocks that its writes replaced, and closes sessions
 * with tries and pools that were dropped.  If it failed, what this backend keeps in the pools
 * that it used is given back, too.
 */
#include "compat.h"

#include "access/xact.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"

#include "shm/backend.h"
#include "shm/dsm_segments.h"
#include "shm/futex_wait.h"
#include "shm/handle.h"
#include "shm/report.h"
#include "shm/token_handle.h"
#include "shm/waits.h"

ZpBackend	zp_backend;

static void
end_of_transaction(XactEvent event, void *argument)
{
	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			if (zp_backend.started)
				zp_tokens_before_prepare();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			if (zp_backend.started)
			{
				zp_tokens_end_transaction();
				zp_handles_end_transaction(event == XACT_EVENT_ABORT ||
										   event == XACT_EVENT_PARALLEL_ABORT);
			}
			break;
		default:
			break;
	}
}

static void
end_of_subtransaction(SubXactEvent event, SubTransactionId ended, SubTransactionId parent,
					  void *argument)
{
	if (zp_backend.started &&
		(event == SUBXACT_EVENT_COMMIT_SUB || event == SUBXACT_EVENT_ABORT_SUB))
		zp_tokens_end_subtransaction(event == SUBXACT_EVENT_ABORT_SUB, ended, parent);
}

static void
end_of_backend(int code, Datum argument)
{
	if (!zp_backend.started)
		return;
	zp_tokens_close_all();
	zp_futex_wait_abandon();
	/* Closes the handles, among others. */
	(void) zp_local_free_all(&zp_backend.local);
	zp_trie_close(&zp_backend.names);
	zp_backend.started = false;
}

/* Makes the control struct; the root's lock is held, and nobody can find it yet. */
static ZpStatus
make_control(ZpArenaMap *map)
{
	ZpRef		control_pool = ZP_NULL_REF;
	ZpRef		names_pool = ZP_NULL_REF;
	ZpRef		names;
	ZpRef		ref;
	ZpControl  *control;
	ZpStatus	status;

	status = zp_pool_create(map, ZP_POOL_MUTEX, 0, &control_pool);
	if (status == ZP_OK)
		status = zp_pool_create(map, ZP_POOL_MUTEX, 0, &names_pool);
	if (status == ZP_OK)
		status = zp_trie_create(map, control_pool, names_pool, ZP_PAYLOAD_FIXED, &names);
	if (status == ZP_OK)
		status = zp_pool_alloc(map, zp_at(map, control_pool), sizeof(ZpControl), &ref);
	if (status != ZP_OK)
	{
		if (names_pool != ZP_NULL_REF)
			(void) zp_pool_destroy(map, names_pool);
		if (control_pool != ZP_NULL_REF)
			(void) zp_pool_destroy(map, control_pool);
		return status;
	}
	control = zp_at(map, ref);
	memset(control, 0, sizeof(*control));
	control->magic = ZP_CONTROL_MAGIC;
	control->layout = ZP_CONTROL_LAYOUT;
	control->control_pool = control_pool;
	control->names_pool = names_pool;
	control->names = names;

	/*
	 * Not the numbers of an earlier run of the server: prepared transactions may hold locks
	 * on those.
	 */
	zp_store_relaxed_u64(&control->last_id,
						 (uint64) (GetCurrentTimestamp() / USECS_PER_SEC) << 20);
	zp_local_table_init(&control->local_table);
	for (int cache = 0; cache < ZP_LOCAL_CACHES; cache++)
		(void) zp_local_key_alloc(&control->local_table, &control->local_keys[cache]);
	zp_arena_set_root(map, ref);
	return ZP_OK;
}

/* Maps the arena and finds the control struct, making what is missing; the root's lock is held. */
static ZpStatus
find_control(ZpBackend *backend)
{
	ZpArenaMap *map = &backend->map;
	/* Unlike a slot number, a process number does not pass to the next session. */
	uint32_t	participant = (uint32_t) MyProcPid;
	ZpStatus	status;

	if (!backend->attached)
	{
		memset(map, 0, sizeof(*map));
		if (backend->root->arena_handle == 0)
		{
			uint32_t	handle;

			status = zp_arena_create(map, &zp_dsm_segment_ops, NULL, &zp_wait_hooks,
									 participant, &handle);
			if (status == ZP_OK)
				backend->root->arena_handle = handle;
		}
		else
			status = zp_arena_attach(map, &zp_dsm_segment_ops, NULL, &zp_wait_hooks,
									 participant, backend->root->arena_handle);
		if (status != ZP_OK)
			return status;
		backend->attached = true;
	}
	if (zp_arena_root(map) == ZP_NULL_REF)
	{
		status = make_control(map);
		if (status != ZP_OK)
			return status;
	}
	map->map_failed = false;
	backend->control = zp_at(map, zp_arena_root(map));
	if (map->map_failed)
		return ZP_MAP_FAILED;
	if (backend->control->magic != ZP_CONTROL_MAGIC ||
		backend->control->layout != ZP_CONTROL_LAYOUT)
		return ZP_CORRUPTED;
	backend->control_pool = zp_at(map, backend->control->control_pool);
	return map->map_failed ? ZP_MAP_FAILED : ZP_OK;
}

ZpStatus
zp_backend_try_start(void)
{
	ZpStatus	status;

	if (zp_backend.started)
	{
		if (zp_backend.applied_limit != zp_memory_limit)
			zp_backend_apply_limit();
		return ZP_OK;
	}
	zp_waits_start();
	if (zp_backend.root == NULL)
		zp_backend.root = zp_root_attach();
	if (!zp_backend.hooked)
	{
		before_shmem_exit(end_of_backend, (Datum) 0);
		RegisterXactCallback(end_of_transaction, NULL);
		RegisterSubXactCallback(end_of_subtransaction, NULL);
		zp_backend.hooked = true;
	}

	LWLockAcquire(&zp_backend.root->lock, LW_EXCLUSIVE);
	status = find_control(&zp_backend);
	if (status == ZP_OK)
		status = zp_trie_open(&zp_backend.map, zp_backend.control->names, &zp_backend.names);
	LWLockRelease(&zp_backend.root->lock);
	if (status == ZP_OK)
	{
		zp_local_storage_init(&zp_backend.local, &zp_backend.control->local_table);
		zp_backend.started = true;
		zp_backend_apply_limit();
	}
	return status;
}

void
zp_backend_start_slow(void)
{
	ZpStatus	status = zp_backend_try_start();

	if (status == ZP_CORRUPTED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("shared memory belongs to another version of zipora"),
				 errhint("Restart the server; named tries do not outlive it.")));
	if (status != ZP_OK)
		zp_report(status, NULL, 0);
}

/*
 * The parameter can change at any reload, in every backend at its own moment; the
 * last to notice wins, and all come to the same value.
 */
void
zp_backend_apply_limit(void)
{
	ZpArenaStats stats;
	uint64		bytes = (uint64) zp_memory_limit * 1024;

	zp_arena_stats(&zp_backend.map, &stats);
	if (stats.limit_bytes != bytes)
		zp_arena_set_limit(&zp_backend.map, bytes);
	zp_backend.applied_limit = zp_memory_limit;
}
