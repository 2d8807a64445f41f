/*
 * pool_mutex.c
 *	  Level 2: any participants, a futex mutex per size class.
 *
 * Each class has its mutex, list heads and counters in one cache line, so two
 * participants meet only if they use the same class at the same time.  The mutex
 * is held for the few dozen instructions that find a bit and change it; chunks are
 * taken from the arena and given back without it.
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

	if (size > ZP_LARGEST_SMALL_BYTES)
		return zp_class_take_large(map, pool, size, true, ref);
	size_class = zp_size_class(size);
	class = &pool->classes[size_class];
	for (;;)
	{
		ZpRef		missing = ZP_NULL_REF;
		ZpStatus	status = zp_class_lock(pool, class, map->hooks);

		if (ZP_UNLIKELY(status != ZP_OK))
			return status;
		status = zp_class_take(map, class, ref, &missing);
		zp_mutex_unlock(&class->mutex);
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
	ZpRef		run;
	uint32_t	size_class;
	uint32_t	released;
	ZpStatus	status;

	status = zp_pool_find_chunk(map, pool, ref, &run, &size_class);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	for (;;)
	{
		ZpPoolClass *class = &pool->classes[size_class];
		ZpRef		missing = ZP_NULL_REF;

		(void) zp_class_lock(pool, class, NULL);
		status = zp_class_give(map, pool, size_class, run, ref, size, &released, &missing);
		zp_mutex_unlock(&class->mutex);
		if (ZP_LIKELY(status != ZP_MAP_FAILED))
			break;
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
	if (released != 0)
		zp_pool_put_run(map, pool, run, released);
	return status;
}
