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
#include "mem/preset.h"
#include "mem/sizeclass.h"

typedef enum ZpPoolLevel
{
	ZP_POOL_AUTO = 0,			/* as a choice: see zp_pool_choose_level; no pool has it */
	ZP_POOL_NO_LOCK = 1,		/* one participant, checked; no atomic operation */
	ZP_POOL_MUTEX = 2,			/* a futex mutex per size class */
	ZP_POOL_LOCK_FREE = 3,		/* compare-and-swap; locks only where a chunk comes or goes */
	ZP_POOL_LOCAL_CACHE = 4,	/* and magazines of promised blocks for each participant */
	ZP_POOL_FIXED = 5			/* all memory at creation, never more; constant time */
} ZpPoolLevel;

typedef struct ZpPool ZpPool;	/* shared; see pool_internal.h */

/* Largest block: what fits a segment of 8 GB would do, but sizes are 32-bit in stats. */
#define ZP_LARGEST_BLOCK_BYTES ((size_t) 1 << 31)

/* What zp_pool_create_with is told; all zeros: a balanced pool at the level that suits. */
typedef struct ZpPoolOptions
{
	ZpPoolLevel level;			/* AUTO: chosen, and raised later if there is contention */
	ZpPresetName preset;
	uint64_t	max_bytes;		/* bound on the chunks; 0: none.  Not for level fixed */
	uint64_t	capacity;		/* bytes for blocks, at level fixed; AUTO with one is fixed */
	uint32_t	cores;			/* for AUTO; 0: as many as the machine has */
	bool		clean;			/* what comes from the arena is filled with zeros first */
} ZpPoolOptions;

/*
 * Makes a pool; *pool is its ref (its own memory comes from the arena).
 * ZP_BAD_ARGUMENT: no such level or preset; fixed without a capacity or with one over
 * ZP_LARGEST_CAPACITY; max_bytes and capacity at the wrong level.
 */
extern ZpStatus zp_pool_create_with(ZpArenaMap *map, const ZpPoolOptions *options,
									ZpRef *pool);

/* The same in preset balanced; at level fixed max_bytes is the capacity. */
extern ZpStatus zp_pool_create(ZpArenaMap *map, ZpPoolLevel level, uint64_t max_bytes,
							   ZpRef *pool);

#define ZP_LARGEST_CAPACITY	((uint64_t) 1 << 32)

/*
 * The rule of AUTO, a pure function.  A capacity: fixed.  One core: no_lock, if only one
 * participant is to use the pool, else mutex.  2 to 4: mutex if blocks up to more than
 * 16 KB are small ones, else lock_free.  5 to 16: local_cache for a pool of more than
 * 1 MB, else lock_free.  More: local_cache.
 */
extern ZpPoolLevel zp_pool_choose_level(uint32_t cores, uint64_t small_bytes,
										uint64_t arena_bytes, uint64_t capacity, bool shared);

/* As SQL names it. */
extern const char *zp_pool_level_name(ZpPoolLevel level);

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

/*
 * How large the block at ref is, its size rounded up to its class.  ZP_OK; ZP_BAD_REF: no
 * block begins there; ZP_DOUBLE_FREE: one does, but it is free.  It is true for as long as the
 * caller keeps others from freeing it.
 */
extern ZpStatus zp_pool_block_bytes(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t *bytes);

/*
 * What a block of a size counts as, in bytes: its class's size, or at a large one its own.
 * 1 <= size <= ZP_LARGEST_BLOCK_BYTES.
 */
extern size_t zp_pool_counted_bytes(const ZpPool *pool, size_t size);

/* Changes the bound on the chunks; 0: none.  Nothing at level fixed. */
extern void zp_pool_set_limit(ZpPool *pool, uint64_t max_bytes);

/*
 * Gives back what a participant keeps in a pool: its magazines and its record.  For the
 * participant itself when it has done with the pool, or for one that is gone, whatever
 * stopped it between two calls.  ZP_MAP_FAILED: some is left, call again.
 */
extern ZpStatus zp_pool_forget(ZpArenaMap *map, ZpPool *pool, uint32_t participant);

/* Empties this participant's magazines; its record stays. */
extern ZpStatus zp_pool_flush(ZpArenaMap *map, ZpPool *pool);

/* Gives the runs that are kept (see kept_bytes) back to the arena; true if there was one. */
extern bool zp_pool_release_kept(ZpArenaMap *map, ZpPool *pool);

/*
 * Raises the level, mutex to lock_free or lock_free to local_cache, while others use the
 * pool.  ZP_BAD_ARGUMENT: not from the level that it has to one of these above.
 */
extern ZpStatus zp_pool_raise(ZpPool *pool, ZpPoolLevel level);

typedef struct ZpPoolStats
{
	ZpPoolLevel level;
	uint64_t	max_bytes;		/* 0: none */
	uint64_t	reserved_bytes; /* chunks taken from the arena */
	uint64_t	used_bytes;		/* in blocks handed out, small ones rounded to their class */
	uint64_t	free_bytes;		/* free blocks inside chunks, those in magazines too */
	uint64_t	kept_bytes;		/* reserved, but in no chunk: to be used again */
	uint64_t	chunks;
	uint64_t	blocks;			/* handed out now */
	uint64_t	large_blocks;	/* of them, larger than every class */
	uint64_t	large_bytes;
	uint64_t	allocations;	/* since the pool was made, or its statistics were reset */
	uint64_t	frees;
	uint64_t	failures;		/* allocations refused */
	uint64_t	bad_frees;		/* frees refused */
	uint64_t	sleeps;			/* times that somebody slept on a lock of the pool */

	ZpPresetName preset;
	bool		adaptive;		/* made as AUTO */
	uint64_t	capacity;		/* level fixed */
	uint64_t	largest_free_bytes; /* level fixed: the longest free run */
	uint64_t	contention;		/* lost compare-and-swaps, mutexes found locked */
	uint64_t	participants;	/* that have a record in it */
	uint64_t	cached_blocks;	/* in magazines */
	uint64_t	cached_bytes;
	uint64_t	own_cached_blocks;	/* of them in this participant's */
	uint64_t	cache_hits;		/* allocations at level local_cache out of a magazine */
	uint64_t	cache_misses;	/* those that had to fill one first */
	uint64_t	huge_asked_bytes;	/* of large blocks for which huge pages were asked */
	uint64_t	huge_granted_bytes; /* of those that got them */

	/* The last raise; raised_from is AUTO if there was none. */
	uint32_t	raises;
	ZpPoolLevel raised_from;
	uint64_t	raised_events;	/* contention in so many operations was the reason */
	uint64_t	raised_operations;
	int64_t		raised_at;		/* microseconds since 1970 */
} ZpPoolStats;

/* map->map_failed: somebody's record cannot be mapped, and its figures are missing. */
extern void zp_pool_stats(ZpArenaMap *map, ZpPool *pool, ZpPoolStats *stats);

/* What one participant has counted and keeps; classes with a lock count for all together. */
typedef struct ZpPoolCache
{
	uint32_t	participant;
	uint64_t	allocations;	/* small blocks, since it first used the pool */
	uint64_t	frees;
	uint64_t	cached_blocks;	/* in its magazines */
	uint64_t	cached_bytes;
	uint64_t	hits;			/* allocations out of a magazine, and those that filled one first */
	uint64_t	misses;
} ZpPoolCache;

/*
 * All participants that have a record, up to `most` of them; *count is how many there are.
 * ZP_MAP_FAILED: a record cannot be mapped here.
 */
extern ZpStatus zp_pool_caches(ZpArenaMap *map, ZpPool *pool, ZpPoolCache *caches, uint32_t most,
							   uint32_t *count);

/* Counters since the pool was made begin at 0 again; what there is now stays. */
extern void zp_pool_stats_reset(ZpArenaMap *map, ZpPool *pool);

/* Walks all chunks; ZP_CORRUPTED and why.  Nobody else may use the pool meanwhile. */
extern ZpStatus zp_pool_check(ZpArenaMap *map, ZpPool *pool, char *why, size_t why_bytes);

#endif							/* ZP_POOL_H */
