/*
 * pool_local_cache.c
 *	  Level 4: as level 3, with magazines of promised blocks for each participant.
 *
 * A magazine (Bonwick and Adams, USENIX 2001) is here not a list of blocks but a slab and a
 * number: so many of its free blocks are promised to this participant.  A batch of promises is
 * taken from a stripe's word by one compare-and-swap, and given back to the slab's anchor
 * by one.  Between, to allocate is to take 1 from the magazine, with a plain store, and to set
 * a clear mark in the slab; to free is to clear the mark and add 1.  So the anchor and the
 * words of stripes, which others write too, are touched once a batch.
 *
 * A participant has two magazines a class.  Of a block freed into a slab that neither is
 * of, an empty magazine becomes one of that slab, so that what another allocated is given
 * back in batches as well; if none is empty, the block goes to its slab at once.  A magazine
 * that grows over the preset's size gives half of its promises back.
 *
 * Marks are the truth, here as everywhere: a block in a magazine has none, so a
 * double free is told, also between participants.
 *
 * Costs: two atomic instructions for a pair of allocation and free, on lines of the slab.
 *
 * When a participant ends, or is killed between two calls, zp_pool_forget gives its
 * promises back; nobody waits for it, only its slabs stay.
 *
 * Weak: an idle participant keeps up to two slabs a class from going back.  Blocks so large
 * that a magazine would hold less than two are not kept at all.
 */
#include "mem/pool_internal.h"

/* A block of a slab of which one is promised to us. */
static inline void
take_block(ZpArenaMap *map, ZpPool *pool, ZpPoolRecord *record, uint32_t size_class, ZpRef slab,
		   ZpRef *ref)
{
	uint32_t	failed = 0;

	*ref = slab + zp_slab_take_promised(zp_at(map, slab), &failed);
	zp_count(&record->classes[size_class].allocations, 1);
	zp_pool_contended(map, pool, failed);
}

/* Both magazines are empty: fills the first, and takes a block. */
static ZpStatus
fill_and_take(ZpArenaMap *map, ZpPool *pool, ZpPoolRecord *record, uint32_t size_class,
			  ZpRef *ref)
{
	ZpMagazine *magazine = &record->classes[size_class].magazines[0];
	uint32_t	limit = zp_magazine_limit(pool, size_class);
	uint32_t	want = limit == 0 ? 1 : (limit + 1) / 2;
	uint32_t	got;
	ZpRef		slab;
	ZpStatus	status;

	status = zp_class_promise(map, pool, size_class, want, &slab, &got);
	if (status == ZP_OUT_OF_MEMORY || status == ZP_OVER_LIMIT)
	{
		/* What we keep in other classes may be what is missing. */
		(void) zp_pool_flush(map, pool);
		status = zp_class_promise(map, pool, size_class, 1, &slab, &got);
	}
	if (status != ZP_OK)
		return status;
	if (limit != 0)
	{
		zp_store_relaxed_u32(&magazine->slab, slab);
		zp_store_relaxed_u32(&magazine->promised, got - 1);
		zp_count(&record->misses, 1);
	}
	take_block(map, pool, record, size_class, slab, ref);
	return ZP_OK;
}

ZpStatus
zp_pool_local_cache_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	ZpPoolRecord *record;
	uint32_t	size_class;

	if (size > pool->small_bytes)
		return zp_class_take_large(map, pool, size, true, ref);
	size_class = zp_pool_size_class(pool, size);
	record = zp_pool_record(map, pool, true);
	if (ZP_UNLIKELY(record == NULL))
		return zp_pool_lock_free_alloc(map, pool, size, ref);
	for (uint32_t i = 0; i < ZP_MAGAZINES; i++)
	{
		ZpMagazine *magazine = &record->classes[size_class].magazines[i];
		uint32_t	promised = zp_load_relaxed_u32(&magazine->promised);

		if (ZP_LIKELY(promised != 0))
		{
			ZpRef		slab = zp_load_relaxed_u32(&magazine->slab);

			if (ZP_UNLIKELY(!zp_is_mapped(map, slab)) && !zp_map_ref(map, slab))
				return ZP_MAP_FAILED;
			zp_store_relaxed_u32(&magazine->promised, promised - 1);
			zp_count(&record->hits, 1);
			take_block(map, pool, record, size_class, slab, ref);
			return ZP_OK;
		}
	}
	if (ZP_UNLIKELY(!zp_class_is_lock_free(&pool->classes[size_class])))
	{
		ZpStatus	status = zp_class_unlock_for_good(map, pool, size_class, map->hooks);

		if (status != ZP_OK)
			return status;
	}
	return fill_and_take(map, pool, record, size_class, ref);
}

/* One more block of a slab is promised to us: keeps it, or gives it back. */
static inline void
keep_promise(ZpArenaMap *map, ZpPool *pool, ZpPoolRecord *record, uint32_t size_class, ZpRef slab)
{
	ZpMagazine *magazines = record->classes[size_class].magazines;
	ZpMagazine *empty = NULL;
	uint32_t	limit = zp_magazine_limit(pool, size_class);

	for (uint32_t i = 0; i < ZP_MAGAZINES; i++)
	{
		uint32_t	promised = zp_load_relaxed_u32(&magazines[i].promised);

		if (promised == 0)
			empty = &magazines[i];
		if (zp_load_relaxed_u32(&magazines[i].slab) == slab && promised != 0)
		{
			if (ZP_LIKELY(promised < limit))
				zp_store_relaxed_u32(&magazines[i].promised, promised + 1);
			else
			{
				zp_store_relaxed_u32(&magazines[i].promised, promised / 2);
				zp_slab_unpromise(map, pool, size_class, slab, promised + 1 - promised / 2);
			}
			return;
		}
	}
	if (empty != NULL && limit != 0)
	{
		zp_store_relaxed_u32(&empty->slab, slab);
		zp_store_relaxed_u32(&empty->promised, 1);
	}
	else
		zp_slab_unpromise(map, pool, size_class, slab, 1);
}

ZpStatus
zp_pool_local_cache_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	ZpPoolRecord *record = zp_pool_record(map, pool, false);
	ZpBlockPlace place;
	ZpStatus	status;

	if (ZP_UNLIKELY(record == NULL))
		return zp_pool_lock_free_free(map, pool, ref, size);
	status = zp_locate_block(map, pool, ref, size, &place);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	if (ZP_UNLIKELY(place.size_class == ZP_LARGE_CLASS ||
					!zp_class_is_lock_free(&pool->classes[place.size_class])))
		return zp_pool_lock_free_free(map, pool, ref, size);
	status = zp_slab_clear_mark(map, pool, &place);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	zp_count(&record->classes[place.size_class].frees, 1);
	keep_promise(map, pool, record, place.size_class, place.run);
	return ZP_OK;
}
