/*
 * pool_adapt.c
 *	  Which level a pool begins with, and when it is raised.
 *
 * A pool that was made as auto begins with what zp_pool_choose_level says.  From then on
 * what counts is measured: each lost compare-and-swap and each mutex that was found locked is
 * an event.  After raise_events of them (preset.c) the participant that met the last one
 * compares them with the allocations in the same time; if at least one in
 * ZP_RAISE_SHARE had an event, the pool goes up a level, else counting begins anew.
 *
 *	  mutex -> lock_free		pool->level says so at once.  Each class turns when it is
 *							next used, under its mutex (zp_class_unlock_for_good); those who
 *							were waiting for the mutex find it turned and go the other way.
 *	  lock_free -> local_cache	pool->level says so.  Nothing needs to be turned: magazines
 *							hold promises, which is all that a slab knows of.
 *
 * So no participant waits for a raise but for the look at the slabs of the class that it wants,
 * and blocks handed out before are freed like any other.  A pool never goes down: what it
 * had to be raised for may come again, and nothing is lost by staying.
 *
 * no_lock is not raised: its one owner is what makes it right.  fixed is not, either.
 *
 * Weak: the measure is of the whole pool, not of a class.
 */
#include <unistd.h>

#include "mem/pool_internal.h"
#include "port/clock.h"

/* One event in so many allocations is reason enough. */
#define ZP_RAISE_SHARE	50

ZpPoolLevel
zp_pool_choose_level(uint32_t cores, uint64_t small_bytes, uint64_t arena_bytes,
					 uint64_t capacity, bool shared)
{
	if (capacity != 0)
		return ZP_POOL_FIXED;
	if (cores <= 1)
		return shared ? ZP_POOL_MUTEX : ZP_POOL_NO_LOCK;
	if (cores <= 4)
		return small_bytes > 16384 ? ZP_POOL_MUTEX : ZP_POOL_LOCK_FREE;
	if (cores <= 16)
		return arena_bytes > 1 << 20 ? ZP_POOL_LOCAL_CACHE : ZP_POOL_LOCK_FREE;
	return ZP_POOL_LOCAL_CACHE;
}

const char *
zp_pool_level_name(ZpPoolLevel level)
{
	switch (level)
	{
		case ZP_POOL_AUTO:
			return "auto";
		case ZP_POOL_NO_LOCK:
			return "no_lock";
		case ZP_POOL_MUTEX:
			return "mutex";
		case ZP_POOL_LOCK_FREE:
			return "lock_free";
		case ZP_POOL_LOCAL_CACHE:
			return "local_cache";
		case ZP_POOL_FIXED:
			return "fixed";
	}
	return "not a ZpPoolLevel";
}

/* Raises by one level; records_lock is held. */
static void
raise_locked(ZpPool *pool, uint64_t events, uint64_t operations)
{
	uint32_t	level = zp_load_relaxed_u32(&pool->level);

	pool->raised_from = level;
	pool->raised_events = events;
	pool->raised_operations = operations;
	pool->raised_at = zp_clock_wall_us();
	pool->raises++;
	zp_store_release_u32(&pool->level, level + 1);
}

void
zp_pool_contended_slow(ZpArenaMap *map, ZpPool *pool, uint32_t events)
{
	uint64_t	all = zp_fetch_add_relaxed_u64(&pool->contention, events) + events;
	uint32_t	wanted = zp_pool_preset(pool)->raise_events;
	uint64_t	operations;
	uint64_t	seen;
	uint32_t	level;

	if (!pool->adaptive || wanted == 0 ||
		zp_load_relaxed_u32(&pool->level) >= ZP_POOL_LOCAL_CACHE ||
		all < zp_load_relaxed_u64(&pool->seen_events) + wanted)
		return;
	operations = zp_pool_operations(map, pool);
	if (!zp_mutex_try_lock(&pool->records_lock))
		return;

	/* Another may have looked meanwhile. */
	level = zp_load_relaxed_u32(&pool->level);
	seen = zp_load_relaxed_u64(&pool->seen_events);
	if (all >= seen + wanted && operations >= pool->seen_operations &&
		(level == ZP_POOL_MUTEX || level == ZP_POOL_LOCK_FREE))
	{
		if ((all - seen) * ZP_RAISE_SHARE >= operations - pool->seen_operations)
			raise_locked(pool, all - seen, operations - pool->seen_operations);
		zp_store_relaxed_u64(&pool->seen_events, all);
		pool->seen_operations = operations;
	}
	zp_mutex_unlock(&pool->records_lock);
}

ZpStatus
zp_pool_raise(ZpPool *pool, ZpPoolLevel level)
{
	uint32_t	now;

	if (level != ZP_POOL_LOCK_FREE && level != ZP_POOL_LOCAL_CACHE)
		return ZP_BAD_ARGUMENT;
	(void) zp_mutex_lock(&pool->records_lock, NULL, NULL);
	now = zp_load_relaxed_u32(&pool->level);
	if (now != ZP_POOL_NO_LOCK && now < (uint32_t) level)
	{
		while (zp_load_relaxed_u32(&pool->level) < (uint32_t) level)
			raise_locked(pool, 0, 0);
		now = ZP_POOL_AUTO;
	}
	zp_mutex_unlock(&pool->records_lock);
	return now == ZP_POOL_AUTO ? ZP_OK : ZP_BAD_ARGUMENT;
}

/* The cores that the operating system lets run; at least 1. */
uint32_t
zp_pool_cores(void)
{
	long		cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores < 1 ? 1 : (uint32_t) cores;
}
