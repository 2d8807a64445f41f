/*
 * pool.c
 *	  Allocator of blocks by size class: the interface, and the life of a pool.
 *
 * Every call goes to the pool's level (pool_no_lock.c, pool_mutex.c); slabs, large
 * blocks and checks are the same for all (pool_class.c).  The pool itself is a run
 * of two pages with a cache line per class, so an empty pool takes 8 KB.
 *
 * The bound of a pool is on the bytes of its chunks.  They are counted before the
 * arena is asked, so the bound is never passed, not even for a moment.
 *
 * Statistics are sums of counters that are read without locks.  Each counter is
 * exact; together they are of one moment only if nobody is using the pool.
 */
#include <string.h>

#include "mem/pool_internal.h"
#include "port/point.h"

ZpStatus
zp_pool_create(ZpArenaMap *map, ZpPoolLevel level, uint64_t max_bytes, ZpRef *ref)
{
	uint32_t	pages = (sizeof(ZpPool) + ZP_PAGE_BYTES - 1) / ZP_PAGE_BYTES;
	ZpPool	   *pool;
	ZpRef		run;
	ZpStatus	status;

	if (level != ZP_POOL_NO_LOCK && level != ZP_POOL_MUTEX)
		return ZP_BAD_ARGUMENT;
	status = zp_arena_alloc_pages(map, pages, &run);
	if (status != ZP_OK)
		return status;
	if (!zp_map_ref(map, run))
	{
		(void) zp_arena_free_pages(map, run);
		return ZP_MAP_FAILED;
	}
	pool = zp_at(map, run);

	/* Who checks a wrong ref may look at the first three fields meanwhile. */
	memset((char *) pool + offsetof(ZpPool, owner), 0,
		   sizeof(ZpPool) - offsetof(ZpPool, owner));
	zp_store_relaxed_u32(&pool->self, run);
	zp_store_relaxed_u32(&pool->level, level);
	pool->owner = map->participant;
	zp_store_relaxed_u64(&pool->max_bytes, max_bytes);
	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
		zp_mutex_init(&pool->classes[number].mutex);
	zp_store_release_u32(&pool->magic, ZP_POOL_MAGIC);
	*ref = run;
	return ZP_OK;
}

/* The pool at a ref, for calls that take any number. */
static ZpStatus
find_pool(ZpArenaMap *map, ZpRef ref, ZpPool **pool)
{
	ZpRef		run;
	uint32_t	pages;
	ZpStatus	status;

	status = zp_arena_find_run(map, ref, &run, &pages);
	if (status != ZP_OK)
		return status;
	*pool = zp_at(map, run);
	if (run != ref || zp_load_acquire_u32(&(*pool)->magic) != ZP_POOL_MAGIC ||
		zp_load_relaxed_u32(&(*pool)->self) != ref)
		return ZP_BAD_REF;
	return ZP_OK;
}

ZpStatus
zp_pool_destroy(ZpArenaMap *map, ZpRef ref)
{
	ZpPool	   *pool;
	ZpStatus	status;

	status = find_pool(map, ref, &pool);
	if (status != ZP_OK)
		return status;
	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
	{
		ZpPoolClass *class = &pool->classes[number];

		class->partial = ZP_NULL_REF;
		while (class->chunks != ZP_NULL_REF)
		{
			ZpRef		run = class->chunks;
			ZpChunk    *chunk;

			if (!zp_map_ref(map, run))
				return ZP_MAP_FAILED;
			chunk = zp_at(map, run);
			class->chunks = chunk->next;
			zp_store_relaxed_u32(&chunk->magic, 0);
			zp_pool_put_run(map, pool, run, chunk->pages);
		}
	}
	zp_store_relaxed_u32(&pool->magic, 0);
	return zp_arena_free_pages(map, ref);
}

ZpStatus
zp_pool_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	ZpStatus	status;

	if (ZP_UNLIKELY(ZP_FAIL_POINT("pool_alloc")))
		status = ZP_OUT_OF_MEMORY;
	else if (ZP_UNLIKELY(size == 0 || size > ZP_LARGEST_BLOCK_BYTES))
		status = ZP_BAD_ARGUMENT;
	else if (zp_load_relaxed_u32(&pool->level) == ZP_POOL_NO_LOCK)
		status = zp_pool_no_lock_alloc(map, pool, size, ref);
	else
		status = zp_pool_mutex_alloc(map, pool, size, ref);
	if (ZP_UNLIKELY(status != ZP_OK))
		(void) zp_fetch_add_relaxed_u64(&pool->failures, 1);
	return status;
}

ZpStatus
zp_pool_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	ZpStatus	status;

	if (zp_load_relaxed_u32(&pool->level) == ZP_POOL_NO_LOCK)
		status = zp_pool_no_lock_free(map, pool, ref, size);
	else
		status = zp_pool_mutex_free(map, pool, ref, size);
	if (ZP_UNLIKELY(status != ZP_OK))
		(void) zp_fetch_add_relaxed_u64(&pool->bad_frees, 1);
	return status;
}

ZpStatus
zp_pool_reserve(ZpArenaMap *map, ZpPool *pool, uint32_t n, const size_t *sizes, ZpRef *refs)
{
	for (uint32_t i = 0; i < n; i++)
	{
		ZpStatus	status = zp_pool_alloc(map, pool, sizes[i], &refs[i]);

		if (status == ZP_OK)
			continue;

		/* What was just taken is mapped here; giving it back succeeds. */
		while (i-- > 0)
			(void) zp_pool_free(map, pool, refs[i], sizes[i]);
		return status;
	}
	return ZP_OK;
}

void
zp_pool_set_limit(ZpPool *pool, uint64_t max_bytes)
{
	zp_store_relaxed_u64(&pool->max_bytes, max_bytes);
}

void
zp_pool_stats(ZpArenaMap *map, ZpPool *pool, ZpPoolStats *stats)
{
	(void) map;					/* all counters are in the pool itself */
	memset(stats, 0, sizeof(*stats));
	stats->level = (ZpPoolLevel) zp_load_relaxed_u32(&pool->level);
	stats->max_bytes = zp_load_relaxed_u64(&pool->max_bytes);
	stats->reserved_bytes = zp_load_relaxed_u64(&pool->reserved_bytes);
	stats->failures = zp_load_relaxed_u64(&pool->failures);
	stats->bad_frees = zp_load_relaxed_u64(&pool->bad_frees);
	stats->sleeps = zp_load_relaxed_u64(&pool->sleeps);
	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
	{
		ZpPoolClass *class = &pool->classes[number];
		uint64_t	frees = zp_load_acquire_u64(&class->frees);
		uint64_t	allocations = zp_load_relaxed_u64(&class->allocations);
		uint64_t	blocks = zp_load_relaxed_u64(&class->blocks);
		uint64_t	used = allocations > frees ? allocations - frees : 0;

		stats->chunks += zp_load_relaxed_u32(&class->chunk_count);
		stats->allocations += allocations;
		stats->frees += frees;
		stats->blocks += used;
		if (number == ZP_LARGE_CLASS)
		{
			stats->large_blocks = used;
			stats->large_bytes = zp_load_relaxed_u64(&class->large_bytes);
			stats->used_bytes += stats->large_bytes;
		}
		else
		{
			stats->used_bytes += used * zp_size_class_bytes(number);
			if (blocks > used)
				stats->free_bytes += (blocks - used) * zp_size_class_bytes(number);
		}
	}
}
