/*
 * pool_fast.h
 *	  The usual case of an allocation and of a free, inline.
 *
 * Each function here either does all of its work or returns false with nothing changed,
 * and then the long way (the files of the levels) does it, or says what is wrong.  So
 * these know of no error, never wait but for a lock, and look for nothing but success.
 *
 * A free finds the block's slab by a guess first: the slab from which the caller's next block
 * would come.  That one is of the right pool and class, and stays while the caller owns the class,
 * has its lock, or has a promise in the slab.  So if a block of the slab begins at the ref,
 * and its mark is set, the free is right; nothing else need be looked at.  If the guess
 * fails, the page map tells the slab, as everywhere.
 *
 * Private to src/mem.
 */
#ifndef ZP_POOL_FAST_H
#define ZP_POOL_FAST_H

#include "mem/pool_internal.h"

/* ---- a class that is the caller's: no_lock, or locked ---- */

/* Gives the block at a ref back to a slab of the class, if neither list changes by that. */
static inline bool
zp_fast_give(ZpPoolClass *class, ZpChunk *chunk, ZpRef distance)
{
	uint32_t	block;
	uint32_t	word;
	uint64_t	mark;
	uint64_t	marks;

	if (ZP_UNLIKELY(!zp_slab_find(chunk, distance, &block)))
		return false;
	word = block / ZP_MARKS;
	mark = (uint64_t) 1 << (block % ZP_MARKS);
	marks = zp_load_relaxed_u64(&chunk->taken[word]);

	/* 2 <= used < blocks */
	if (ZP_UNLIKELY((marks & mark) == 0 || chunk->used - 2 >= chunk->blocks - 2))
		return false;
	zp_store_relaxed_u64(&chunk->taken[word], marks & ~mark);
	if (word < zp_load_relaxed_u32(&chunk->hint))
		zp_store_relaxed_u32(&chunk->hint, word);
	chunk->used--;
	zp_count(&class->frees, 1);
	return true;
}

/* Gives the block at a ref back, if the guess is right. */
static inline bool
zp_fast_free_guessed(const ZpArenaMap *map, ZpPoolClass *class, ZpRef ref)
{
	ZpRef		slab = class->partial;
	uintptr_t	biased;

	if (ZP_UNLIKELY(slab == ZP_NULL_REF))
		return false;
	biased = map->biased[zp_ref_segment(slab)];
	return ZP_LIKELY(biased != 0) &&
		zp_fast_give(class, (ZpChunk *) (biased + ((uintptr_t) slab << ZP_REF_SHIFT)), ref - slab);
}

/* The same by the page map; a function of its own, so that the guess needs few registers. */
static __attribute__((noinline, unused)) bool
zp_fast_free_found(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef ref)
{
	ZpChunk    *chunk;
	uint32_t	pages;
	ZpRef		slab;

	if (!zp_find_mapped_run(map, ref, &slab, &pages))
		return false;
	chunk = zp_at(map, slab);
	return zp_chunk_is_there(chunk, pool, size_class) &&
		zp_fast_give(&pool->classes[size_class], chunk, ref - slab);
}

static inline bool
zp_fast_no_lock_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	ZpRef		missing;

	return ZP_LIKELY(map->participant == pool->owner && size <= pool->small_bytes) &&
		ZP_LIKELY(zp_class_take(map, &pool->classes[zp_pool_size_class(pool, size)], ref,
								&missing) == ZP_OK);
}

static inline bool
zp_fast_no_lock_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	uint32_t	size_class;

	if (ZP_UNLIKELY(map->participant != pool->owner || size - 1 >= pool->small_bytes))
		return false;
	size_class = zp_pool_size_class(pool, size);
	return ZP_LIKELY(zp_fast_free_guessed(map, &pool->classes[size_class], ref));
}

static inline bool
zp_fast_mutex_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	ZpPoolClass *class;
	ZpRef		missing;
	bool		taken;

	if (ZP_UNLIKELY(size > pool->small_bytes))
		return false;
	class = &pool->classes[zp_pool_size_class(pool, size)];
	if (ZP_UNLIKELY(!zp_mutex_try_lock(&class->mutex)))
	{
		zp_pool_contended(map, pool, 1);
		return false;
	}
	taken = ZP_LIKELY(!zp_class_is_lock_free(class)) &&
		ZP_LIKELY(zp_class_take(map, class, ref, &missing) == ZP_OK);
	zp_mutex_unlock(&class->mutex);
	return taken;
}

static inline bool
zp_fast_mutex_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	uint32_t	size_class;
	ZpPoolClass *class;
	bool		given;

	if (ZP_UNLIKELY(size - 1 >= pool->small_bytes))
		return false;
	size_class = zp_pool_size_class(pool, size);
	class = &pool->classes[size_class];
	if (ZP_UNLIKELY(!zp_mutex_try_lock(&class->mutex)))
	{
		zp_pool_contended(map, pool, 1);
		return false;
	}
	given = ZP_LIKELY(!zp_class_is_lock_free(class)) &&
		(ZP_LIKELY(zp_fast_free_guessed(map, class, ref)) ||
		 zp_fast_free_found(map, pool, size_class, ref));
	zp_mutex_unlock(&class->mutex);
	return given;
}

/* ---- local_cache ---- */

/* The participant's record, if it is in the table of its map; else NULL. */
static inline ZpPoolRecord *
zp_fast_record(ZpArenaMap *map, const ZpPool *pool)
{
	const ZpRecordSlot *slot = zp_record_slot(map, pool);

	return ZP_LIKELY(slot->pool == pool && slot->serial == pool->serial) ? slot->record : NULL;
}

/* Sets a clear mark of the slab of a magazine, and takes the promise of it. */
static inline bool
zp_fast_take_promised(ZpArenaMap *map, ZpMagazine *magazine, ZpRef *ref)
{
	uint32_t	promised = zp_load_relaxed_u32(&magazine->promised);
	ZpRef		slab = zp_load_relaxed_u32(&magazine->slab);
	ZpChunk    *chunk;
	uint32_t	word;
	uint64_t	marks;
	uint32_t	bit;

	if (promised == 0 || ZP_UNLIKELY(!zp_is_mapped(map, slab)))
		return false;
	chunk = zp_at(map, slab);
	word = zp_load_relaxed_u32(&chunk->hint);
	marks = zp_load_relaxed_u64(&chunk->taken[word]);
	if (ZP_UNLIKELY((uint32_t) marks == UINT32_MAX))
		return false;
	bit = (uint32_t) __builtin_ctz(~(uint32_t) marks);
	if (ZP_UNLIKELY(!zp_cas_acquire_u64(&chunk->taken[word], &marks, marks | (uint64_t) 1 << bit)))
		return false;
	zp_store_relaxed_u32(&magazine->promised, promised - 1);
	*ref = slab + zp_slab_distance(chunk, word, bit);
	return true;
}

static inline bool
zp_fast_local_cache_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	ZpPoolRecord *record = zp_fast_record(map, pool);
	uint32_t	size_class;

	if (ZP_UNLIKELY(record == NULL || size > pool->small_bytes))
		return false;
	size_class = zp_pool_size_class(pool, size);
	if (ZP_UNLIKELY(!zp_fast_take_promised(map, &record->classes[size_class].magazines[0], ref)) &&
		!zp_fast_take_promised(map, &record->classes[size_class].magazines[1], ref))
		return false;
	zp_count(&record->hits, 1);
	zp_count(&record->classes[size_class].allocations, 1);
	return true;
}

/* Clears the mark of a block of the slab of a magazine, and keeps the promise of it there. */
static inline bool
zp_fast_give_promised(ZpArenaMap *map, ZpMagazine *magazine, ZpRef ref)
{
	uint32_t	promised = zp_load_relaxed_u32(&magazine->promised);
	ZpRef		slab = zp_load_relaxed_u32(&magazine->slab);
	ZpChunk    *chunk;
	uint32_t	block;
	uint32_t	word;
	uint64_t	mark;
	uint64_t	marks;

	/* Without a promise the slab may be gone. */
	if (promised == 0 || ZP_UNLIKELY(!zp_is_mapped(map, slab)))
		return false;
	chunk = zp_at(map, slab);
	if (!zp_slab_find(chunk, ref - slab, &block) ||
		ZP_UNLIKELY(promised >= chunk->most_promised))
		return false;
	word = block / ZP_MARKS;
	mark = (uint64_t) 1 << (block % ZP_MARKS);
	marks = zp_load_relaxed_u64(&chunk->taken[word]);
	if (ZP_UNLIKELY((marks & mark) == 0) ||
		ZP_UNLIKELY(!zp_cas_acq_rel_u64(&chunk->taken[word], &marks, marks & ~mark)))
		return false;
	if (word < zp_load_relaxed_u32(&chunk->hint))
		zp_store_relaxed_u32(&chunk->hint, word);
	zp_store_relaxed_u32(&magazine->promised, promised + 1);
	return true;
}

static inline bool
zp_fast_local_cache_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	ZpPoolRecord *record = zp_fast_record(map, pool);
	uint32_t	size_class;

	if (ZP_UNLIKELY(record == NULL || size - 1 >= pool->small_bytes))
		return false;
	size_class = zp_pool_size_class(pool, size);
	if (!zp_fast_give_promised(map, &record->classes[size_class].magazines[0], ref) &&
		!zp_fast_give_promised(map, &record->classes[size_class].magazines[1], ref))
		return false;
	zp_count(&record->classes[size_class].frees, 1);
	return true;
}

#endif							/* ZP_POOL_FAST_H */
