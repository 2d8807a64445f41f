/*
 * pool_handle.h
 *	  This backend's grip on a named pool, and the frame of every operation on it.
 *
 * Between zp_pool_enter and zp_pool_leave the pool stays; nothing that can throw or look at
 * interrupts may be called there.
 *
 * Who frees, reads or writes a block holds the mutex of its ref, so that nobody frees a
 * block, and gets its memory for something else, while another writes to it.
 */
#ifndef ZP_POOL_HANDLE_H
#define ZP_POOL_HANDLE_H

#include "compat.h"

#include "lib/ilist.h"

#include "shm/backend.h"
#include "shm/registry.h"

typedef struct ZpPoolHandle
{
	char		name[ZP_NAME_BYTES];	/* the key of the cache */
	dlist_node	place;			/* among all handles */
	ZpObject   *object;			/* pinned; NULL: closed */
	ZpPool	   *pool;
	bool		used;			/* in this transaction */
} ZpPoolHandle;

/*
 * The handle of a pool that the current user owns; else an error.  With missing_ok NULL for
 * a pool that is not there.
 */
extern ZpPoolHandle *zp_pool_handle_open(const char *name, size_t name_bytes, bool missing_ok);

/* Gives back what this backend keeps in the pool, and the pin. */
extern void zp_pool_handle_close(ZpPoolHandle *handle);

/* At the end of a transaction, and of the backend. */
extern void zp_pool_handles_end_transaction(bool aborted);
extern void zp_pool_handles_close_all(void);

/* false: the pool was dropped. */
extern bool zp_pool_enter(ZpPoolHandle *handle);
extern void zp_pool_leave(ZpPoolHandle *handle);

/* The mutex of a block. */
static inline ZpMutex *
zp_block_mutex(ZpPoolHandle *handle, ZpRef ref)
{
	return &handle->object->block_mutexes[(ref * 0x9e3779b1u >> 16) % ZP_BLOCK_MUTEXES];
}

#endif							/* ZP_POOL_HANDLE_H */
