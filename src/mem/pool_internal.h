/*
 * pool_internal.h
 *	  What the files of the pool share: its struct, and the work on one size class.
 *
 * Private to src/mem (and to what tests it).
 */
#ifndef ZP_POOL_INTERNAL_H
#define ZP_POOL_INTERNAL_H

#include "mem/chunk.h"

#define ZP_POOL_MAGIC	0x5a70506c

/*
 * Shared, a cache line.  All is guarded by mutex (level mutex), or used by the
 * owner alone (level no_lock).  The counters are atomic only so that
 * zp_pool_stats may read them without the lock; they are not changed by atomic
 * read-modify-writes.
 */
typedef struct ZpPoolClass
{
	ZpMutex		mutex;			/* level no_lock: unused */
	ZpRef		chunks;			/* all chunks of the class */
	ZpRef		partial;		/* slabs with free blocks */
	ZpAtomicU32 chunk_count;
	ZpAtomicU64 blocks;			/* in all chunks, free or not */
	ZpAtomicU64 allocations;
	ZpAtomicU64 frees;
	ZpAtomicU64 large_bytes;	/* handed out; large class only */
	char		padding[16];
} ZpPoolClass;

_Static_assert(sizeof(ZpPoolClass) == ZP_CACHE_LINE_BYTES, "a class is a cache line");

/* Shared; in a run of its own. */
struct ZpPool
{
	/*
	 * At the places of a chunk's first fields, which whoever looks at a wrong
	 * ref may read.  Constant from the end of creation on.
	 */
	ZpAtomicU32 magic;
	ZpAtomicU32 self;			/* the pool's own ref */
	ZpAtomicU32 level;			/* ZpPoolLevel */
	uint32_t	owner;			/* participant that made it; matters at no_lock */

	ZpAtomicU64 max_bytes;		/* 0: none; set by anybody at any time */
	ZpAtomicU64 reserved_bytes; /* counted before a chunk is taken; compare-and-swap */

	/* Rare events; added to by anybody. */
	ZpAtomicU64 failures;
	ZpAtomicU64 bad_frees;
	ZpAtomicU64 sleeps;

	_Alignas(ZP_CACHE_LINE_BYTES) ZpPoolClass classes[ZP_POOL_CLASSES];
};

/* Whether the segment of a ref is mapped here. */
static inline bool
zp_is_mapped(const ZpArenaMap *map, ZpRef ref)
{
	return map->biased[zp_ref_segment(ref)] != 0;
}

/* Maps it; not with a lock held. */
static inline bool
zp_map_ref(ZpArenaMap *map, ZpRef ref)
{
	(void) zp_at(map, ref);
	return zp_is_mapped(map, ref);
}

/* Adds to a counter that only one participant writes at a time. */
static inline void
zp_count(ZpAtomicU64 *counter, uint64_t delta)
{
	zp_store_relaxed_u64(counter, zp_load_relaxed_u64(counter) + delta);
}

/*
 * Work on one class.  "Locked": the class is the caller's.  These never wait; if
 * they need a segment that is not mapped, they change nothing, set *missing to a
 * ref in it and return ZP_MAP_FAILED: unlock, zp_map_ref, and try again.
 */

/* Locked.  A block of a slab that there is: ZP_OK, ZP_NOT_FOUND. */
static inline ZpStatus
zp_class_take(ZpArenaMap *map, ZpPoolClass *class, ZpRef *ref, ZpRef *missing)
{
	ZpRef		slab = class->partial;
	ZpChunk    *chunk;

	if (ZP_UNLIKELY(slab == ZP_NULL_REF))
		return ZP_NOT_FOUND;
	if (ZP_UNLIKELY(!zp_is_mapped(map, slab)))
	{
		*missing = slab;
		return ZP_MAP_FAILED;
	}
	chunk = zp_at(map, slab);
	*ref = slab + zp_slab_take(chunk);
	if (ZP_UNLIKELY(chunk->used == chunk->blocks))
		class->partial = chunk->next_partial;
	zp_count(&class->allocations, 1);
	return ZP_OK;
}

/*
 * Locked.  Frees the block that begins at ref in the chunk at run, after all checks.  If
 * that was the chunk's last block, the chunk is no longer in the pool and *released
 * says how many pages the caller has to give back (zp_pool_put_run); else 0.
 */
extern ZpStatus zp_class_give(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef run,
							  ZpRef ref, size_t size, uint32_t *released, ZpRef *missing);

/* Not locked.  Makes a new slab and takes a block from it; locks if `locking`. */
extern ZpStatus zp_class_refill(ZpArenaMap *map, ZpPool *pool, uint32_t size_class,
								bool locking, ZpRef *ref);

/* Not locked.  A large block. */
extern ZpStatus zp_class_take_large(ZpArenaMap *map, ZpPool *pool, size_t size,
									bool locking, ZpRef *ref);

/* Not locked.  The chunk of this pool that ref may lie in, and its class: ZP_OK, ZP_BAD_REF... */
extern ZpStatus zp_pool_find_chunk(ZpArenaMap *map, ZpPool *pool, ZpRef ref, ZpRef *run,
								   uint32_t *size_class);

/* Not locked.  Pages from the arena and back, counted against the pool's bound. */
extern ZpStatus zp_pool_get_run(ZpArenaMap *map, ZpPool *pool, uint32_t pages, ZpRef *run);
extern void zp_pool_put_run(ZpArenaMap *map, ZpPool *pool, ZpRef run, uint32_t pages);

/* Locks a class.  ZP_OK, or ZP_CANCELLED if hooks are given. */
extern ZpStatus zp_class_lock(ZpPool *pool, ZpPoolClass *class, const ZpWaitHooks *hooks);

/* The levels. */
extern ZpStatus zp_pool_no_lock_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref);
extern ZpStatus zp_pool_no_lock_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size);
extern ZpStatus zp_pool_mutex_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref);
extern ZpStatus zp_pool_mutex_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size);

#endif							/* ZP_POOL_INTERNAL_H */
