/*
 * pool.h
 *	  Allocator of blocks by size class, in an arena: one interface, five levels.
 *
 * A pool takes chunks (runs of pages) from the arena.  A chunk holds blocks of
 * one size class and a bitmap of those that are taken, or one large block.  A
 * block is found free or taken by its bit, never by what is written in it, so a
 * double free, a wrong size or a foreign ref is told in every build and damages
 * nothing.  A chunk whose last block is freed goes back to the arena at once.
 */
#ifndef ZP_POOL_H
#define ZP_POOL_H

#include "mem/arena.h"
#include "mem/sizeclass.h"

typedef enum ZpPoolLevel
{
	ZP_POOL_NO_LOCK = 1,		/* one participant, checked; no atomic operation */
	ZP_POOL_MUTEX = 2			/* a futex mutex per size class */
} ZpPoolLevel;

typedef struct ZpPool ZpPool;	/* shared; see pool_internal.h */

/* Largest block: what fits a segment of 8 GB would do, but sizes are 32-bit in stats. */
#define ZP_LARGEST_BLOCK_BYTES ((size_t) 1 << 31)

/*
 * Makes a pool; *pool is its ref (its own memory comes from the arena).
 * max_bytes bounds its chunks; 0: no bound.
 */
extern ZpStatus zp_pool_create(ZpArenaMap *map, ZpPoolLevel level, uint64_t max_bytes,
							   ZpRef *pool);

/*
 * Gives all its chunks and itself back.  Nobody may be using it.  ZP_BAD_REF: not a
 * pool.  ZP_MAP_FAILED: some chunks are left; nothing but a further call may follow.
 */
extern ZpStatus zp_pool_destroy(ZpArenaMap *map, ZpRef pool);

/*
 * A block of at least size bytes, 16-byte aligned (64-byte aligned if its size
 * class is a multiple of 64, or it is large), contents undefined.
 * 1 <= size <= ZP_LARGEST_BLOCK_BYTES, else ZP_BAD_ARGUMENT.
 * ZP_OUT_OF_MEMORY, ZP_OVER_LIMIT, ZP_CANCELLED, ZP_NOT_OWNER, ZP_MAP_FAILED.
 */
extern ZpStatus zp_pool_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref);

/*
 * Frees a block; size must be of the class that it was asked with (a large block: the
 * very size).  ZP_BAD_REF, ZP_BAD_SIZE, ZP_DOUBLE_FREE, ZP_NOT_OWNER.  Not cancellable:
 * with good arguments it succeeds, but for ZP_MAP_FAILED (nothing changed) if a segment
 * cannot be mapped here.
 */
extern ZpStatus zp_pool_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size);

/* Allocates n blocks, all or none. */
extern ZpStatus zp_pool_reserve(ZpArenaMap *map, ZpPool *pool, uint32_t n,
								const size_t *sizes, ZpRef *refs);

/* Changes the bound on the chunks; 0: none. */
extern void zp_pool_set_limit(ZpPool *pool, uint64_t max_bytes);

typedef struct ZpPoolStats
{
	ZpPoolLevel level;
	uint64_t	max_bytes;		/* 0: none */
	uint64_t	reserved_bytes; /* chunks taken from the arena */
	uint64_t	used_bytes;		/* in blocks handed out, small ones rounded to their class */
	uint64_t	free_bytes;		/* free blocks inside chunks */
	uint64_t	chunks;
	uint64_t	blocks;			/* handed out now */
	uint64_t	large_blocks;	/* of them, larger than every class */
	uint64_t	large_bytes;
	uint64_t	allocations;	/* since the pool was made */
	uint64_t	frees;
	uint64_t	failures;		/* allocations refused */
	uint64_t	bad_frees;		/* frees refused */
	uint64_t	sleeps;			/* times that somebody slept on a lock of the pool */
} ZpPoolStats;

extern void zp_pool_stats(ZpArenaMap *map, ZpPool *pool, ZpPoolStats *stats);

/* Walks all chunks; ZP_CORRUPTED and why.  Nobody else may use the pool meanwhile. */
extern ZpStatus zp_pool_check(ZpArenaMap *map, ZpPool *pool, char *why, size_t why_bytes);

#endif							/* ZP_POOL_H */
