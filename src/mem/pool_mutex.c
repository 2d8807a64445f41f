/*
 * pool_mutex.c
 *	  Level 2: any participants, a futex mutex per size class.
 *
 * Each class has its mutex, list heads and counters in one cache line, so two
 * participants meet only if they use the same class at the same time.  The mutex
 * is held for the few dozen instructions that find a bit and change it; chunks are
 * taken from the arena and given back without it.
 *
 * A pool that adapts may be raised at any moment.  Then its classes lose their locks one
 * by one (pool_lock_free.c); whoever gets a mutex looks first whether it still counts.
 *
 * Waiting for the mutex can be cancelled when taking a block.  It cannot when
 * freeing one, which must not fail; the holder has no reason to stay.
 */
#include "mem/pool_internal.h"

ZpStatus
zp_pool_mutex_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	ZpPoolClass *class;
	uint32_t	size_class;

	if (size > pool->small_bytes)
		return zp_class_take_large(map, pool, size, true, ref);
	size_class = zp_pool_size_class(pool, size);
	class = &pool->classes[size_class];
	for (;;)
	{
		ZpRef		missing = ZP_NULL_REF;
		ZpStatus	status = ZP_OK;
		bool		contended = !zp_mutex_try_lock(&class->mutex);

		if (ZP_UNLIKELY(contended))
			status = zp_class_lock(pool, class, map->hooks);
		if (ZP_UNLIKELY(status != ZP_OK))
			return status;
		if (ZP_UNLIKELY(zp_class_is_lock_free(class)))
		{
			zp_mutex_unlock(&class->mutex);
			return ZP_BUSY;
		}
		status = zp_class_take(map, class, ref, &missing);
		zp_mutex_unlock(&class->mutex);
		if (ZP_UNLIKELY(contended))
			zp_pool_contended(map, pool, 1);
		if (ZP_LIKELY(status == ZP_OK))
			return ZP_OK;
		if (status == ZP_NOT_FOUND)
			return zp_class_refill(map, pool, size_class, true, ref);
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
}

ZpStatus
zp_pool_mutex_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	ZpBlockPlace place;
	ZpStatus	status;

	status = zp_locate_block(map, pool, ref, size, &place);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	return zp_class_give_locking(map, pool, &place, ref, size);
}
