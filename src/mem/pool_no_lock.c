/*
 * pool_no_lock.c
 *	  Level 1: one participant, checked.
 *
 * Only the participant that made the pool may take or free blocks; everybody else
 * is told ZP_NOT_OWNER before anything is looked at.  Taking and freeing a block
 * is a few plain loads and stores: no lock and no atomic read-modify-write.  Those
 * happen only where a chunk comes from the arena or goes back, and where a call
 * is refused.
 */
#include "mem/pool_fast.h"

ZpStatus
zp_pool_no_lock_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	uint32_t	size_class;

	if (ZP_UNLIKELY(map->participant != pool->owner))
		return ZP_NOT_OWNER;
	if (size > pool->small_bytes)
		return zp_class_take_large(map, pool, size, false, ref);
	size_class = zp_pool_size_class(pool, size);
	for (;;)
	{
		ZpRef		missing = ZP_NULL_REF;
		ZpStatus	status = zp_class_take(map, &pool->classes[size_class], ref, &missing);

		if (ZP_LIKELY(status == ZP_OK))
			return ZP_OK;
		if (status == ZP_NOT_FOUND)
			return zp_class_refill(map, pool, size_class, false, ref);
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
}

ZpStatus
zp_pool_no_lock_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	ZpBlockPlace place;
	uint32_t	released;
	ZpStatus	status;

	if (ZP_UNLIKELY(map->participant != pool->owner))
		return ZP_NOT_OWNER;
	if (ZP_LIKELY(size - 1 < pool->small_bytes) &&
		zp_fast_free_found(map, pool, zp_pool_size_class(pool, size), ref))
		return ZP_OK;
	status = zp_locate_block(map, pool, ref, size, &place);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	for (;;)
	{
		ZpRef		missing = ZP_NULL_REF;

		status = zp_class_give(map, pool, &place, ref, size, &released, &missing);
		if (status != ZP_MAP_FAILED)
			break;
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
	if (released != 0)
		zp_pool_put_run(map, pool, place.run, released);
	return status;
}
