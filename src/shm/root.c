/*
 * root.c
 *	  Finding and making the root struct.
 *
 * ShmemInitStruct works from a library that is loaded by the first call of a
 * function just as from shared_preload_libraries: the server keeps about 100 kB of
 * main shared memory for latecomers, and we take 256 bytes.  Preloading only makes
 * sure that they are there.
 *
 * The lock's tranche is allocated by whoever makes the struct and registered by
 * every backend, so that waits for it have a name in pg_stat_activity.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "shm/root.h"

static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

static void
request_root(void)
{
	if (next_request_hook)
		next_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(ZpRoot)));
}

static void
start_root(void)
{
	if (next_startup_hook)
		next_startup_hook();
	(void) zp_root_attach();
}

void
zp_root_install_hooks(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_root;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_root;
}

ZpRoot *
zp_root_attach(void)
{
	ZpRoot	   *root;
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	root = ShmemInitStruct(ZP_ROOT_NAME, sizeof(ZpRoot), &found);
	if (!found)
	{
		memset(root, 0, sizeof(ZpRoot));
		root->tranche_id = LWLockNewTrancheId();
		LWLockInitialize(&root->lock, root->tranche_id);
		root->magic = ZP_ROOT_MAGIC;
	}
	LWLockRelease(AddinShmemInitLock);

	if (root->magic != ZP_ROOT_MAGIC)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("shared memory of zipora is damaged"),
				 errdetail("The root struct has magic number %08X.", root->magic)));
	LWLockRegisterTranche(root->tranche_id, "ZiporaRegistry");
	return root;
}
