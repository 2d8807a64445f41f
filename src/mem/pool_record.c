/*
 * pool_record.c
 *	  What each participant counts and keeps in a pool whose classes have no lock.
 *
 * A record is a page of shared memory.  Its participant writes it with plain stores, so
 * counting costs no atomic instruction and no cache line of others; statistics add the
 * records up.  At level local_cache it also holds the magazines (pool_local_cache.c).
 *
 * The participant finds its record by a small table in its ZpArenaMap, by the pool's address
 * and serial number, so a pool that came to lie where another was is not mistaken for it.
 * All records of a pool hang in a list, under records_lock, so that whoever cleans up after
 * a participant that is gone, or destroys the pool, finds them.
 *
 * A record that goes adds its counts to those of the classes.  Without memory for a record
 * its participant counts there at once, with atomic instructions, and has no magazines.
 *
 * Weak: a page for each participant and pool that it uses; a participant that ends without
 * zp_pool_forget leaves its page, and in it at most two slabs' promises a class.
 */
#include <string.h>

#include "mem/pool_internal.h"
#include "port/point.h"

static void
lock_records(ZpPool *pool)
{
	(void) zp_mutex_lock(&pool->records_lock, NULL, NULL);
}

static void
unlock_records(ZpPool *pool)
{
	zp_mutex_unlock(&pool->records_lock);
}

/*
 * Finds a participant's record, with records_lock held: null, or its ref.  *missing is
 * not null if one on the way is not mapped here: unlock, map it, and try again.
 */
static ZpRef
find_locked(ZpArenaMap *map, ZpPool *pool, uint32_t participant, ZpRef *missing)
{
	*missing = ZP_NULL_REF;
	for (ZpRef ref = pool->records; ref != ZP_NULL_REF;)
	{
		ZpPoolRecord *record;

		if (!zp_is_mapped(map, ref))
		{
			*missing = ref;
			return ZP_NULL_REF;
		}
		record = zp_at(map, ref);
		if (record->participant == participant)
			return ref;
		ref = record->next;
	}
	return ZP_NULL_REF;
}

static ZpStatus
find_record(ZpArenaMap *map, ZpPool *pool, uint32_t participant, ZpRef *found)
{
	ZpRef		missing;

	for (;;)
	{
		lock_records(pool);
		*found = find_locked(map, pool, participant, &missing);
		unlock_records(pool);
		if (missing == ZP_NULL_REF)
			return *found != ZP_NULL_REF ? ZP_OK : ZP_NOT_FOUND;
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
}

static void
link_record(ZpPool *pool, ZpPoolRecord *record)
{
	lock_records(pool);
	record->next = pool->records;
	pool->records = record->self;
	unlock_records(pool);
}

ZpPoolRecord *
zp_pool_record_slow(ZpArenaMap *map, ZpPool *pool, bool may_grow)
{
	ZpRecordSlot *slot = zp_record_slot(map, pool);
	ZpPoolRecord *record;
	ZpRef		ref;
	ZpStatus	status;

	status = find_record(map, pool, map->participant, &ref);
	if (status == ZP_NOT_FOUND)
	{
		status = may_grow ? zp_arena_alloc_pages(map, 1, &ref) :
			zp_arena_take_pages(map, 1, &ref);
		if (status == ZP_OK && !zp_map_ref(map, ref))
		{
			(void) zp_arena_free_pages(map, ref);
			status = ZP_MAP_FAILED;
		}
		if (status == ZP_OK)
		{
			record = zp_at(map, ref);
			memset(record, 0, sizeof(*record));
			record->participant = map->participant;
			record->self = ref;
			link_record(pool, record);
		}
	}
	if (status != ZP_OK)
		return NULL;
	record = zp_at(map, ref);
	slot->pool = pool;
	slot->serial = pool->serial;
	slot->record = record;
	return record;
}

/* Gives the promises of a record's magazines back; false: a slab cannot be mapped. */
static bool
empty_magazines(ZpArenaMap *map, ZpPool *pool, ZpPoolRecord *record)
{
	bool		emptied = true;

	for (uint32_t number = 0; number < ZP_SIZE_CLASSES; number++)
	{
		for (uint32_t i = 0; i < ZP_MAGAZINES; i++)
		{
			ZpMagazine *magazine = &record->classes[number].magazines[i];
			uint32_t	promised = zp_load_relaxed_u32(&magazine->promised);
			ZpRef		slab = zp_load_relaxed_u32(&magazine->slab);

			if (promised == 0)
				continue;
			if (!zp_map_ref(map, slab))
			{
				emptied = false;
				continue;
			}
			zp_store_relaxed_u32(&magazine->promised, 0);
			zp_slab_unpromise(map, pool, number, slab, promised);
		}
	}
	return emptied;
}

ZpStatus
zp_pool_flush(ZpArenaMap *map, ZpPool *pool)
{
	ZpRef		ref;
	ZpStatus	status = find_record(map, pool, map->participant, &ref);

	if (status == ZP_NOT_FOUND)
		return ZP_OK;
	if (status != ZP_OK)
		return status;
	return empty_magazines(map, pool, zp_at(map, ref)) ? ZP_OK : ZP_MAP_FAILED;
}

/* Moves a record's counts to those that stay. */
static void
move_counts(ZpPool *pool, ZpPoolRecord *record)
{
	for (uint32_t number = 0; number < ZP_SIZE_CLASSES; number++)
	{
		(void) zp_fetch_add_relaxed_u64(&pool->classes[number].allocations,
										zp_load_relaxed_u64(&record->classes[number].allocations));
		(void) zp_fetch_add_relaxed_u64(&pool->classes[number].frees,
										zp_load_relaxed_u64(&record->classes[number].frees));
		zp_store_relaxed_u64(&record->classes[number].allocations, 0);
		zp_store_relaxed_u64(&record->classes[number].frees, 0);
	}
	(void) zp_fetch_add_relaxed_u64(&pool->hits, zp_load_relaxed_u64(&record->hits));
	(void) zp_fetch_add_relaxed_u64(&pool->misses, zp_load_relaxed_u64(&record->misses));
	zp_store_relaxed_u64(&record->hits, 0);
	zp_store_relaxed_u64(&record->misses, 0);
}

/*
 * Takes a participant's record off the list, with its counts, in one step for those who add
 * them up.  Of several who clean up after one participant, one gets the record, and all that
 * is kept in it is his to give back; the others find none.
 */
static ZpStatus
unlink_record(ZpArenaMap *map, ZpPool *pool, uint32_t participant, ZpPoolRecord **taken)
{
	for (;;)
	{
		ZpRef		missing;
		ZpRef		gone;

		lock_records(pool);
		gone = find_locked(map, pool, participant, &missing);
		if (gone != ZP_NULL_REF)
		{
			ZpPoolRecord *record = *taken = zp_at(map, gone);

			/* Those before it are mapped: they were looked at. */
			if (pool->records == gone)
				pool->records = record->next;
			else
			{
				ZpPoolRecord *before = zp_at(map, pool->records);

				while (before->next != gone)
					before = zp_at(map, before->next);
				before->next = record->next;
			}
			move_counts(pool, record);
		}
		unlock_records(pool);
		if (gone != ZP_NULL_REF)
			return ZP_OK;
		if (missing == ZP_NULL_REF)
			return ZP_NOT_FOUND;
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
}

ZpStatus
zp_pool_forget(ZpArenaMap *map, ZpPool *pool, uint32_t participant)
{
	ZpPoolRecord *record;
	ZpStatus	status = unlink_record(map, pool, participant, &record);

	if (status != ZP_OK)
		return status == ZP_NOT_FOUND ? ZP_OK : status;
	ZP_POINT("pool_forget");
	if (!empty_magazines(map, pool, record))
	{
		/* For the next one who tries. */
		link_record(pool, record);
		return ZP_MAP_FAILED;
	}
	if (participant == map->participant)
	{
		ZpRecordSlot *slot = zp_record_slot(map, pool);

		if (slot->pool == pool)
			slot->pool = NULL;
	}
	return zp_arena_free_pages(map, record->self);
}

ZpStatus
zp_pool_records_free(ZpArenaMap *map, ZpPool *pool)
{
	while (pool->records != ZP_NULL_REF)
	{
		ZpRef		ref = pool->records;

		if (!zp_map_ref(map, ref))
			return ZP_MAP_FAILED;
		pool->records = ((ZpPoolRecord *) zp_at(map, ref))->next;
		(void) zp_arena_free_pages(map, ref);
	}
	return ZP_OK;
}

ZpStatus
zp_pool_records_visit(ZpArenaMap *map, ZpPool *pool,
					  void (*visit) (const ZpPoolRecord *record, void *argument), void *argument)
{
	for (;;)
	{
		ZpRef		missing;

		/* No participant has the number 0: this looks at all of them. */
		lock_records(pool);
		(void) find_locked(map, pool, 0, &missing);
		if (missing == ZP_NULL_REF)
		{
			const ZpPoolRecord *record;

			visit(NULL, argument);
			for (ZpRef ref = pool->records; ref != ZP_NULL_REF; ref = record->next)
			{
				record = zp_at(map, ref);
				visit(record, argument);
			}
		}
		unlock_records(pool);
		if (missing == ZP_NULL_REF)
			return ZP_OK;
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
}
