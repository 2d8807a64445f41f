/*
 * pool_handle.h
 *	  The frame of every operation on a named pool, beyond what handle.h has.
 *
 * Between zp_pool_enter and zp_pool_leave the pool stays; nothing that can throw or look at
 * interrupts may be called there.
 *
 * Who frees, reads or writes a block holds the mutex of its ref, so that nobody frees a
 * block, and gets its memory for something else, while another writes to it.
 */
#ifndef ZP_POOL_HANDLE_H
#define ZP_POOL_HANDLE_H

#include "shm/handle.h"

/*
 * The handle of a pool that the current user owns; else an error.  With missing_ok NULL for
 * a pool that is not there.
 */
extern ZpHandle *zp_pool_handle_open(const char *name, size_t name_bytes, bool missing_ok);

/* false: the pool was dropped. */
extern bool zp_pool_enter(ZpHandle *handle);
extern void zp_pool_leave(ZpHandle *handle);

/* The mutex of a block. */
static inline ZpMutex *
zp_block_mutex(ZpHandle *handle, ZpRef ref)
{
	return &handle->object->block_mutexes[(ref * 0x9e3779b1u >> 16) % ZP_BLOCK_MUTEXES];
}

#endif							/* ZP_POOL_HANDLE_H */
