/*
 * pool_stats.c
 *	  What a pool counts.
 *
 * Statistics are sums of counters that are read without locks, but for the list of
 * records.  Each counter is exact; together they are of one moment only if nobody is using
 * the pool.
 */
#include <string.h>

#include "mem/pool_internal.h"

/* Sums by class; the last is the large class. */
typedef struct Sums
{
	uint64_t	allocations[ZP_POOL_CLASSES];
	uint64_t	frees[ZP_POOL_CLASSES];
	uint64_t	cached[ZP_SIZE_CLASSES];
	uint64_t	own_cached;
	uint64_t	hits;
	uint64_t	misses;
	uint64_t	participants;
	uint32_t	participant;	/* who asks */
	const ZpPool *pool;
} Sums;

static void
begin_sums(Sums *sums)
{
	const ZpPool *pool = sums->pool;

	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
	{
		sums->frees[number] = zp_load_acquire_u64(&pool->classes[number].frees);
		sums->allocations[number] = zp_load_relaxed_u64(&pool->classes[number].allocations);
	}
	sums->hits = zp_load_relaxed_u64(&pool->hits);
	sums->misses = zp_load_relaxed_u64(&pool->misses);
}

static void
add_record(const ZpPoolRecord *record, void *argument)
{
	Sums	   *sums = argument;

	if (record == NULL)
	{
		begin_sums(sums);
		return;
	}
	sums->participants++;
	sums->hits += zp_load_relaxed_u64(&record->hits);
	sums->misses += zp_load_relaxed_u64(&record->misses);
	for (uint32_t number = 0; number < ZP_SIZE_CLASSES; number++)
	{
		sums->frees[number] += zp_load_relaxed_u64(&record->classes[number].frees);
		sums->allocations[number] += zp_load_relaxed_u64(&record->classes[number].allocations);
		for (uint32_t i = 0; i < ZP_MAGAZINES; i++)
		{
			uint32_t	promised;

			promised = zp_load_relaxed_u32(&record->classes[number].magazines[i].promised);
			sums->cached[number] += promised;
			if (record->participant == sums->participant)
				sums->own_cached += promised;
		}
	}
}

static void
add_up(ZpArenaMap *map, ZpPool *pool, Sums *sums)
{
	memset(sums, 0, sizeof(*sums));
	sums->participant = map->participant;
	sums->pool = pool;
	if (zp_pool_records_visit(map, pool, add_record, sums) != ZP_OK)
	{
		begin_sums(sums);
		map->map_failed = true;
	}
}

uint64_t
zp_pool_operations(ZpArenaMap *map, ZpPool *pool)
{
	bool		map_failed = map->map_failed;
	uint64_t	operations = 0;
	Sums		sums;

	add_up(map, pool, &sums);
	map->map_failed = map_failed;
	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
		operations += sums.allocations[number];
	return operations;
}

/* The counters that a reset sets to 0, since the pool was made. */
static void
count_all(ZpPool *pool, const Sums *sums, ZpPoolCounters *counters)
{
	memset(counters, 0, sizeof(*counters));
	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
	{
		counters->allocations += sums->allocations[number];
		counters->frees += sums->frees[number];
	}
	counters->failures = zp_load_relaxed_u64(&pool->failures);
	counters->bad_frees = zp_load_relaxed_u64(&pool->bad_frees);
	counters->sleeps = zp_load_relaxed_u64(&pool->sleeps);
	counters->contention = zp_load_relaxed_u64(&pool->contention);
	counters->hits = sums->hits;
	counters->misses = sums->misses;
}

/* A record that cannot be mapped may have been counted at the reset. */
static inline uint64_t
since(uint64_t now, uint64_t base)
{
	return now > base ? now - base : 0;
}

void
zp_pool_stats(ZpArenaMap *map, ZpPool *pool, ZpPoolStats *stats)
{
	Sums		sums;
	ZpPoolCounters counters;
	ZpPoolCounters base;

	memset(stats, 0, sizeof(*stats));
	stats->max_bytes = zp_load_relaxed_u64(&pool->max_bytes);
	stats->reserved_bytes = zp_load_relaxed_u64(&pool->reserved_bytes);
	stats->kept_bytes = zp_load_relaxed_u64(&pool->kept_bytes) +
		(uint64_t) zp_load_relaxed_u32(&pool->initial_pages) * ZP_PAGE_BYTES;
	stats->preset = (ZpPresetName) pool->preset;
	stats->adaptive = pool->adaptive != 0;
	stats->capacity = pool->capacity;
	stats->huge_asked_bytes = zp_load_relaxed_u64(&pool->huge_asked);
	stats->huge_granted_bytes = zp_load_relaxed_u64(&pool->huge_granted);

	/* The last reset before the sums, so that none of them is less than it was then. */
	(void) zp_mutex_lock(&pool->records_lock, NULL, NULL);
	stats->level = (ZpPoolLevel) zp_load_relaxed_u32(&pool->level);
	stats->raises = pool->raises;
	stats->raised_from = (ZpPoolLevel) pool->raised_from;
	stats->raised_events = pool->raised_events;
	stats->raised_operations = pool->raised_operations;
	stats->raised_at = pool->raised_at;
	base = pool->base;
	zp_mutex_unlock(&pool->records_lock);
	add_up(map, pool, &sums);

	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
	{
		ZpPoolClass *class = &pool->classes[number];
		uint64_t	blocks = zp_load_relaxed_u64(&class->blocks);
		uint64_t	used = sums.allocations[number] > sums.frees[number] ?
			sums.allocations[number] - sums.frees[number] : 0;

		stats->chunks += zp_load_relaxed_u32(&class->chunk_count);
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
			stats->cached_blocks += sums.cached[number];
			stats->cached_bytes += sums.cached[number] * zp_size_class_bytes(number);
		}
	}
	stats->own_cached_blocks = sums.own_cached;
	stats->participants = sums.participants;

	count_all(pool, &sums, &counters);
	stats->allocations = since(counters.allocations, base.allocations);
	stats->frees = since(counters.frees, base.frees);
	stats->failures = since(counters.failures, base.failures);
	stats->bad_frees = since(counters.bad_frees, base.bad_frees);
	stats->sleeps = since(counters.sleeps, base.sleeps);
	stats->contention = since(counters.contention, base.contention);
	stats->cache_hits = since(counters.hits, base.hits);
	stats->cache_misses = since(counters.misses, base.misses);
	if (stats->level == ZP_POOL_FIXED)
		zp_pool_fixed_stats(map, pool, stats);
}

/* The caches that have been visited. */
typedef struct CacheList
{
	ZpPoolCache *caches;
	uint32_t	most;
	uint32_t	count;
} CacheList;

static void
add_cache(const ZpPoolRecord *record, void *argument)
{
	CacheList  *list = argument;
	ZpPoolCache *cache;

	if (record == NULL)
	{
		list->count = 0;
		return;
	}
	if (list->count++ >= list->most)
		return;
	cache = &list->caches[list->count - 1];
	memset(cache, 0, sizeof(*cache));
	cache->participant = record->participant;
	cache->hits = zp_load_relaxed_u64(&record->hits);
	cache->misses = zp_load_relaxed_u64(&record->misses);
	for (uint32_t number = 0; number < ZP_SIZE_CLASSES; number++)
	{
		cache->frees += zp_load_relaxed_u64(&record->classes[number].frees);
		cache->allocations += zp_load_relaxed_u64(&record->classes[number].allocations);
		for (uint32_t i = 0; i < ZP_MAGAZINES; i++)
		{
			uint32_t	promised;

			promised = zp_load_relaxed_u32(&record->classes[number].magazines[i].promised);
			cache->cached_blocks += promised;
			cache->cached_bytes += promised * zp_size_class_bytes(number);
		}
	}
}

ZpStatus
zp_pool_caches(ZpArenaMap *map, ZpPool *pool, ZpPoolCache *caches, uint32_t most, uint32_t *count)
{
	CacheList	list = {caches, most, 0};
	ZpStatus	status = zp_pool_records_visit(map, pool, add_cache, &list);

	*count = list.count;
	return status;
}

void
zp_pool_stats_reset(ZpArenaMap *map, ZpPool *pool)
{
	Sums		sums;
	ZpPoolCounters counters;

	add_up(map, pool, &sums);
	count_all(pool, &sums, &counters);
	(void) zp_mutex_lock(&pool->records_lock, NULL, NULL);
	pool->base = counters;
	zp_mutex_unlock(&pool->records_lock);
}
