/*
 * pool.c
 *	  Allocator of blocks by size class: the interface, and the life of a pool.
 *
 * Every call goes to the pool's level (pool_no_lock.c, pool_mutex.c, pool_lock_free.c,
 * pool_local_cache.c, pool_fixed.c); slabs, large blocks and checks are the same for the
 * first four (pool_class.c).  The pool itself is a run of three pages with a cache line per class
 * and a few words for each stripe, so an empty pool takes 12 KB.
 *
 * The bound of a pool is on the bytes of its chunks.  They are counted before the
 * arena is asked, so the bound is never passed, not even for a moment.
 *
 * A pool whose level is raised tells those who still go by the old level with ZP_BUSY; they
 * look at the level again.
 */
#include <string.h>

#include "mem/pool_fast.h"
#include "port/point.h"

/* The level and capacity that the options come to. */
static ZpStatus
settle_options(const ZpPoolOptions *options, ZpPoolLevel *level, uint64_t *capacity)
{
	const ZpPreset *preset;

	if ((int) options->preset < 0 || options->preset >= ZP_PRESETS)
		return ZP_BAD_ARGUMENT;
	preset = &zp_presets[options->preset];
	*level = options->level;
	*capacity = options->capacity;
	if (*capacity == 0 && options->max_bytes == 0 &&
		(*level == ZP_POOL_FIXED || *level == ZP_POOL_AUTO))
		*capacity = preset->capacity;
	if (*level == ZP_POOL_AUTO)
		*level = zp_pool_choose_level(options->cores != 0 ? options->cores : zp_pool_cores(),
									  preset->small_bytes,
									  options->max_bytes != 0 ? options->max_bytes :
									  preset->arena_bytes, *capacity, true);
	switch (*level)
	{
		case ZP_POOL_NO_LOCK:
		case ZP_POOL_MUTEX:
		case ZP_POOL_LOCK_FREE:
		case ZP_POOL_LOCAL_CACHE:
			return *capacity == 0 ? ZP_OK : ZP_BAD_ARGUMENT;
		case ZP_POOL_FIXED:
			return *capacity != 0 && *capacity <= ZP_LARGEST_CAPACITY &&
				options->max_bytes == 0 ? ZP_OK : ZP_BAD_ARGUMENT;
		default:
			return ZP_BAD_ARGUMENT;
	}
}

ZpStatus
zp_pool_create_with(ZpArenaMap *map, const ZpPoolOptions *options, ZpRef *ref)
{
	uint32_t	pages = (sizeof(ZpPool) + ZP_PAGE_BYTES - 1) / ZP_PAGE_BYTES;
	ZpPoolLevel level;
	uint64_t	capacity;
	ZpPool	   *pool;
	ZpRef		run;
	ZpStatus	status;

	status = settle_options(options, &level, &capacity);
	if (status != ZP_OK)
		return status;
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
	pool->preset = options->preset;
	pool->small_bytes = zp_presets[options->preset].small_bytes;
	pool->align_mask = zp_presets[options->preset].alignment - 1;
	pool->adaptive = options->level == ZP_POOL_AUTO;
	pool->clean = options->clean;
	pool->serial = zp_arena_next_serial(map);
	pool->capacity = capacity;
	zp_store_relaxed_u64(&pool->max_bytes, options->max_bytes);
	zp_mutex_init(&pool->records_lock);
	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
	{
		zp_mutex_init(&pool->classes[number].mutex);
		if (number != ZP_LARGE_CLASS &&
			(level == ZP_POOL_LOCK_FREE || level == ZP_POOL_LOCAL_CACHE))
			zp_store_relaxed_u32(&pool->classes[number].mode, ZP_CLASS_LOCK_FREE);
	}
	zp_mutex_init(&pool->initial_lock);
	status = level == ZP_POOL_FIXED ? zp_pool_fixed_create(map, pool) :
		zp_pool_take_initial(map, pool);
	if (status != ZP_OK)
	{
		(void) zp_arena_free_pages(map, run);
		return status;
	}
	zp_store_release_u32(&pool->magic, ZP_POOL_MAGIC);
	*ref = run;
	return ZP_OK;
}

ZpStatus
zp_pool_create(ZpArenaMap *map, ZpPoolLevel level, uint64_t max_bytes, ZpRef *ref)
{
	ZpPoolOptions options = {.level = level};

	if (level == ZP_POOL_FIXED)
		options.capacity = max_bytes;
	else
		options.max_bytes = max_bytes;
	return zp_pool_create_with(map, &options, ref);
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
	status = zp_pool_records_free(map, pool);
	if (status == ZP_OK && zp_load_relaxed_u32(&pool->level) == ZP_POOL_FIXED)
		status = zp_pool_fixed_destroy(map, pool);
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
	(void) zp_pool_release_kept(map, pool);
	zp_store_relaxed_u32(&pool->magic, 0);
	return zp_arena_free_pages(map, ref);
}

static inline ZpStatus
alloc_at_level(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	switch ((ZpPoolLevel) zp_load_relaxed_u32(&pool->level))
	{
		case ZP_POOL_NO_LOCK:
			return zp_pool_no_lock_alloc(map, pool, size, ref);
		case ZP_POOL_MUTEX:
			return zp_pool_mutex_alloc(map, pool, size, ref);
		case ZP_POOL_LOCK_FREE:
			return zp_pool_lock_free_alloc(map, pool, size, ref);
		case ZP_POOL_LOCAL_CACHE:
			return zp_pool_local_cache_alloc(map, pool, size, ref);
		case ZP_POOL_FIXED:
			return zp_pool_fixed_alloc(map, pool, size, ref);
		default:
			return ZP_CORRUPTED;
	}
}

static inline ZpStatus
free_at_level(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	switch ((ZpPoolLevel) zp_load_relaxed_u32(&pool->level))
	{
		case ZP_POOL_NO_LOCK:
			return zp_pool_no_lock_free(map, pool, ref, size);
		case ZP_POOL_MUTEX:
			return zp_pool_mutex_free(map, pool, ref, size);
		case ZP_POOL_LOCK_FREE:
			return zp_pool_lock_free_free(map, pool, ref, size);
		case ZP_POOL_LOCAL_CACHE:
			return zp_pool_local_cache_free(map, pool, ref, size);
		case ZP_POOL_FIXED:
			return zp_pool_fixed_free(map, pool, ref, size);
		default:
			return ZP_CORRUPTED;
	}
}

/* The whole way, with its errors. */
static __attribute__((noinline)) ZpStatus
alloc_slowly(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	ZpStatus	status = alloc_at_level(map, pool, size, ref);

	/* The class lost its lock while we came by the level that has one. */
	if (ZP_UNLIKELY(status == ZP_BUSY))
		status = zp_pool_lock_free_alloc(map, pool, size, ref);
	if (ZP_UNLIKELY(status != ZP_OK))
		(void) zp_fetch_add_relaxed_u64(&pool->failures, 1);
	return status;
}

static __attribute__((noinline)) ZpStatus
free_slowly(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	ZpStatus	status = free_at_level(map, pool, ref, size);

	if (ZP_UNLIKELY(status == ZP_BUSY))
		status = zp_pool_lock_free_free(map, pool, ref, size);
	if (ZP_UNLIKELY(status != ZP_OK))
		(void) zp_fetch_add_relaxed_u64(&pool->bad_frees, 1);
	return status;
}

static ZpStatus
refuse(ZpPool *pool, ZpStatus status)
{
	(void) zp_fetch_add_relaxed_u64(&pool->failures, 1);
	return status;
}

/*
 * The levels that have a fast way.  Functions of their own, so that each saves only the
 * registers that it uses, and the call of it is a jump.
 */
#define ZP_DEFINE_FAST(level) \
static __attribute__((noinline)) ZpStatus \
level##_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref) \
{ \
	if (ZP_LIKELY(zp_fast_##level##_alloc(map, pool, size, ref))) \
		return ZP_OK; \
	return alloc_slowly(map, pool, size, ref); \
} \
static __attribute__((noinline)) ZpStatus \
level##_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size) \
{ \
	if (ZP_LIKELY(zp_fast_##level##_free(map, pool, ref, size))) \
		return ZP_OK; \
	return free_slowly(map, pool, ref, size); \
}

ZP_DEFINE_FAST(no_lock)
ZP_DEFINE_FAST(mutex)
ZP_DEFINE_FAST(local_cache)

#undef ZP_DEFINE_FAST

ZpStatus
zp_pool_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	if (ZP_UNLIKELY(ZP_FAIL_POINT("pool_alloc")))
		return refuse(pool, ZP_OUT_OF_MEMORY);
	if (ZP_UNLIKELY(size - 1 >= ZP_LARGEST_BLOCK_BYTES))
		return refuse(pool, ZP_BAD_ARGUMENT);
	switch ((ZpPoolLevel) zp_load_relaxed_u32(&pool->level))
	{
		case ZP_POOL_NO_LOCK:
			return no_lock_alloc(map, pool, size, ref);
		case ZP_POOL_MUTEX:
			return mutex_alloc(map, pool, size, ref);
		case ZP_POOL_LOCAL_CACHE:
			return local_cache_alloc(map, pool, size, ref);
		default:
			return alloc_slowly(map, pool, size, ref);
	}
}

ZpStatus
zp_pool_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	switch ((ZpPoolLevel) zp_load_relaxed_u32(&pool->level))
	{
		case ZP_POOL_NO_LOCK:
			return no_lock_free(map, pool, ref, size);
		case ZP_POOL_MUTEX:
			return mutex_free(map, pool, ref, size);
		case ZP_POOL_LOCAL_CACHE:
			return local_cache_free(map, pool, ref, size);
		default:
			return free_slowly(map, pool, ref, size);
	}
}

ZpStatus
zp_pool_block_bytes(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t *bytes)
{
	uint32_t	level = zp_load_relaxed_u32(&pool->level);
	ZpBlockPlace place;
	ZpStatus	status;

	if (level == ZP_POOL_FIXED)
		return zp_pool_fixed_block_bytes(map, pool, ref, bytes);
	if (level == ZP_POOL_NO_LOCK && map->participant != pool->owner)
		return ZP_NOT_OWNER;
	status = zp_locate(map, pool, ref, &place);
	if (status != ZP_OK)
		return status;
	return zp_class_block_bytes(pool, &place, ref, bytes);
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

size_t
zp_pool_counted_bytes(const ZpPool *pool, size_t size)
{
	return size > pool->small_bytes ? size : zp_size_class_bytes(zp_pool_size_class(pool, size));
}

void
zp_pool_set_limit(ZpPool *pool, uint64_t max_bytes)
{
	zp_store_relaxed_u64(&pool->max_bytes, max_bytes);
}
