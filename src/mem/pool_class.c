/*
 * pool_class.c
 *	  The chunks of one size class of a pool: lists, new chunks, checked frees.
 *
 * A class has a list of all its chunks and one of its slabs with free blocks.
 * Blocks are taken from the first of these; a slab that fills up leaves the list,
 * and comes to its front when a block in it is freed.  A chunk whose last block is
 * freed leaves both lists and goes back to the arena.  Large blocks are a class of
 * their own, whose chunks hold one block and are never in the second list.
 *
 * With a class locked nobody maps a segment, takes pages or gives them back: those
 * may wait.  Each step here first looks whether the chunks that it will touch are
 * mapped, and says which is not, so that the caller can unlock, map it and try
 * again from the start.
 *
 * A free trusts nothing.  The page map says which run the ref lies in; the run's
 * first bytes say whether it is a chunk, whose, and of what class and shape; then the class
 * is locked and it is looked whether that chunk is still there.  A chunk's magic is there exactly
 * while it is in the lists, so under the lock the answer is final for whatever is a
 * chunk of this pool.
 *
 * A class without a lock (pool_lock_free.c) comes here for chunks only: they are linked
 * and unlinked under the class's mutex, which nobody who finds a block in a slab touches.
 *
 * Runs of chunks that are given up are kept for the next chunk of the same length, a few of
 * them and up to a share of the pool's memory that the preset says, so a class whose only
 * block comes and goes does not go to the arena for it.  The smaller the pool, the less is
 * kept; below 256 KB nothing.
 *
 * The preset may have the pool take some memory at creation, in one run.  Chunks are cut off
 * its end while it lasts, so until then no allocation waits for the arena to grow, and nobody
 * else can take that memory.  What is cut off and given up goes the way of other runs; the
 * rest goes back when memory is short, and with the pool.
 *
 * Weak: a class whose only block comes and goes makes a chunk and gives it up each
 * time.  When several participants find no free block at once, each makes a slab.
 * A wrong ref into a run that changes hands between two looks could pass for a block
 * if somebody forged a chunk's header in his own data, at the start of that very page;
 * and it faults if its segment is decommitted between them and the operating system
 * refuses to read what was given back.
 */
#include <string.h>

#include "mem/pool_internal.h"
#include "port/point.h"

ZpStatus
zp_class_lock(ZpPool *pool, ZpPoolClass *class, const ZpWaitHooks *hooks)
{
	uint32_t	sleeps = 0;
	ZpStatus	status = zp_mutex_lock(&class->mutex, hooks, &sleeps);

	if (ZP_UNLIKELY(sleeps != 0))
		(void) zp_fetch_add_relaxed_u64(&pool->sleeps, sleeps);
	return status;
}

static inline ZpStatus
lock_if(bool locking, ZpPool *pool, ZpPoolClass *class, const ZpWaitHooks *hooks)
{
	return locking ? zp_class_lock(pool, class, hooks) : ZP_OK;
}

static inline void
unlock_if(bool locking, ZpPoolClass *class)
{
	if (locking)
		zp_mutex_unlock(&class->mutex);
}

/* Whether a chunk (or none) can be touched here; else it is *missing. */
static bool
reachable(const ZpArenaMap *map, ZpRef chunk, ZpRef *missing)
{
	if (chunk == ZP_NULL_REF || zp_is_mapped(map, chunk))
		return true;
	*missing = chunk;
	return false;
}

/* Takes a run of just that length that was kept; false: there is none. */
static bool
take_kept(ZpArenaMap *map, ZpPool *pool, uint32_t pages, ZpRef *run)
{
	if (zp_load_relaxed_u64(&pool->kept_bytes) == 0)
		return false;
	for (uint32_t slot = 0; slot < ZP_KEPT_RUNS; slot++)
	{
		uint64_t	word = zp_load_acquire_u64(&pool->kept[slot]);

		if (word == 0 || (uint32_t) word != pages || !zp_map_ref(map, (ZpRef) (word >> 32)) ||
			!zp_cas_acq_rel_u64(&pool->kept[slot], &word, 0))
			continue;
		(void) zp_fetch_sub_relaxed_u64(&pool->kept_bytes, (uint64_t) pages * ZP_PAGE_BYTES);
		*run = (ZpRef) (word >> 32);
		return true;
	}
	return false;
}

/* Whether a pool of so many bytes may keep so many of them. */
static inline bool
may_keep(const ZpPool *pool, uint64_t reserved, uint64_t kept)
{
	return reserved >= ZP_KEEPING_BYTES &&
		kept * 100 <= reserved * zp_pool_preset(pool)->kept_percent;
}

/* Keeps a run, if that is not too much; false: it is, or all slots are filled. */
static bool
keep_run(ZpPool *pool, ZpRef run, uint32_t pages)
{
	uint64_t	bytes = (uint64_t) pages * ZP_PAGE_BYTES;

	if (pages > ZP_KEPT_RUN_PAGES ||
		!may_keep(pool, zp_load_relaxed_u64(&pool->reserved_bytes),
				  zp_load_relaxed_u64(&pool->kept_bytes) + bytes))
		return false;
	for (uint32_t slot = 0; slot < ZP_KEPT_RUNS; slot++)
	{
		uint64_t	none = 0;

		if (zp_load_relaxed_u64(&pool->kept[slot]) != 0)
			continue;

		/* Counted first, so that the count never falls below 0. */
		(void) zp_fetch_add_relaxed_u64(&pool->kept_bytes, bytes);
		if (zp_cas_acq_rel_u64(&pool->kept[slot], &none, (uint64_t) run << 32 | pages))
			return true;
		(void) zp_fetch_sub_relaxed_u64(&pool->kept_bytes, bytes);
	}
	return false;
}

static void
give_run(ZpArenaMap *map, ZpPool *pool, ZpRef run, uint32_t pages)
{
	/* It came from the arena and is mapped here, so this cannot fail. */
	(void) zp_arena_free_pages(map, run);
	(void) zp_fetch_sub_relaxed_u64(&pool->reserved_bytes, (uint64_t) pages * ZP_PAGE_BYTES);
}

/* Gives kept runs back until the pool may keep the others, or all; true if there was one. */
static bool
release_kept(ZpArenaMap *map, ZpPool *pool, bool all)
{
	bool		released = false;

	for (uint32_t slot = 0; slot < ZP_KEPT_RUNS; slot++)
	{
		uint64_t	word = zp_load_acquire_u64(&pool->kept[slot]);
		uint32_t	pages = (uint32_t) word;

		if (zp_load_relaxed_u64(&pool->kept_bytes) == 0 ||
			(!all && may_keep(pool, zp_load_relaxed_u64(&pool->reserved_bytes),
							  zp_load_relaxed_u64(&pool->kept_bytes))))
			break;
		if (word == 0 || !zp_map_ref(map, (ZpRef) (word >> 32)) ||
			!zp_cas_acq_rel_u64(&pool->kept[slot], &word, 0))
			continue;
		(void) zp_fetch_sub_relaxed_u64(&pool->kept_bytes, (uint64_t) pages * ZP_PAGE_BYTES);
		give_run(map, pool, (ZpRef) (word >> 32), pages);
		released = true;
	}
	return released;
}

/* Cuts a run off what is left of the pool's initial one; false: that is not long enough. */
static bool
cut_initial(ZpArenaMap *map, ZpPool *pool, uint32_t pages, ZpRef *run)
{
	ZpRef		initial = zp_load_relaxed_u32(&pool->initial);
	bool		cut = false;

	if (initial == ZP_NULL_REF || zp_load_relaxed_u32(&pool->initial_pages) <= pages ||
		!zp_map_ref(map, initial))
		return false;
	(void) zp_mutex_lock(&pool->initial_lock, NULL, NULL);
	if (zp_load_relaxed_u32(&pool->initial) == initial)
		cut = zp_arena_cut(map, initial, pages, run) == ZP_OK;
	if (cut)
		(void) zp_fetch_sub_relaxed_u32(&pool->initial_pages, pages);
	zp_mutex_unlock(&pool->initial_lock);
	return cut;
}

/* Gives the rest of the initial run back; false: there is none, or it cannot be mapped. */
static bool
release_initial(ZpArenaMap *map, ZpPool *pool)
{
	ZpRef		initial = zp_load_relaxed_u32(&pool->initial);
	uint32_t	pages = 0;

	if (initial == ZP_NULL_REF || !zp_map_ref(map, initial))
		return false;
	(void) zp_mutex_lock(&pool->initial_lock, NULL, NULL);
	if (zp_load_relaxed_u32(&pool->initial) == initial)
	{
		pages = zp_load_relaxed_u32(&pool->initial_pages);
		zp_store_relaxed_u32(&pool->initial, ZP_NULL_REF);
		zp_store_relaxed_u32(&pool->initial_pages, 0);
	}
	zp_mutex_unlock(&pool->initial_lock);
	if (pages != 0)
		give_run(map, pool, initial, pages);
	return pages != 0;
}

bool
zp_pool_release_kept(ZpArenaMap *map, ZpPool *pool)
{
	bool		released = release_kept(map, pool, true);

	return release_initial(map, pool) || released;
}

/* From the arena; *run is mapped. */
static ZpStatus
take_run(ZpArenaMap *map, ZpPool *pool, uint32_t pages, ZpRef *run)
{
	uint64_t	bytes = (uint64_t) pages * ZP_PAGE_BYTES;
	uint64_t	reserved = zp_load_relaxed_u64(&pool->reserved_bytes);
	uint64_t	max_bytes;
	ZpStatus	status;

	do
	{
		max_bytes = zp_load_relaxed_u64(&pool->max_bytes);
		if (max_bytes != 0 && !map->exempt_from_limits &&
			(reserved > max_bytes || max_bytes - reserved < bytes))
			return ZP_OVER_LIMIT;
	} while (!zp_cas_acq_rel_u64(&pool->reserved_bytes, &reserved, reserved + bytes));

	status = zp_arena_alloc_pages(map, pages, run);
	if (status == ZP_OK && !zp_map_ref(map, *run))
	{
		(void) zp_arena_free_pages(map, *run);
		status = ZP_MAP_FAILED;
	}
	if (status != ZP_OK)
		(void) zp_fetch_sub_relaxed_u64(&pool->reserved_bytes, bytes);
	else if (pool->clean)
		memset(zp_at(map, *run), 0, bytes);
	return status;
}

ZpStatus
zp_pool_take_initial(ZpArenaMap *map, ZpPool *pool)
{
	uint64_t	bytes = zp_pool_preset(pool)->initial_bytes;
	uint64_t	max_bytes = zp_load_relaxed_u64(&pool->max_bytes);
	uint32_t	pages;
	ZpRef		run;
	ZpStatus	status;

	if (max_bytes != 0 && bytes > max_bytes)
		bytes = max_bytes;
	pages = (uint32_t) (bytes / ZP_PAGE_BYTES);
	if (pages == 0)
		return ZP_OK;
	status = take_run(map, pool, pages, &run);
	if (status == ZP_OK)
	{
		zp_store_relaxed_u32(&pool->initial, run);
		zp_store_relaxed_u32(&pool->initial_pages, pages);
	}
	return status;
}

ZpStatus
zp_pool_get_run(ZpArenaMap *map, ZpPool *pool, uint32_t pages, ZpRef *run)
{
	ZpStatus	status;

	if (take_kept(map, pool, pages, run) || cut_initial(map, pool, pages, run))
		return ZP_OK;
	status = take_run(map, pool, pages, run);

	/* What is kept may be what is missing. */
	if ((status == ZP_OVER_LIMIT || status == ZP_OUT_OF_MEMORY) &&
		zp_pool_release_kept(map, pool))
		status = take_run(map, pool, pages, run);
	return status;
}

void
zp_pool_put_run(ZpArenaMap *map, ZpPool *pool, ZpRef run, uint32_t pages)
{
	if (!keep_run(pool, run, pages))
		give_run(map, pool, run, pages);

	/*
	 * The less there is, the less is kept; in the end nothing.  Of one that keeps a run and one
	 * that gives the last other one back, at least one sees what both have done.
	 */
	zp_fence_seq_cst();
	(void) release_kept(map, pool, false);
}

/* Locked.  Puts a chunk to the front of the slabs with free blocks. */
static void
push_partial(ZpArenaMap *map, ZpPoolClass *class, ZpRef run, ZpChunk *chunk)
{
	chunk->next_partial = class->partial;
	if (class->partial != ZP_NULL_REF)
		((ZpChunk *) zp_at(map, class->partial))->previous_partial = run;
	class->partial = run;
}

/* Locked.  Makes a new chunk one of the class's. */
static ZpStatus
link_chunk(ZpArenaMap *map, ZpPoolClass *class, ZpRef run, ZpRef *missing)
{
	ZpChunk    *chunk = zp_at(map, run);
	bool		is_partial = !zp_class_is_lock_free(class) && chunk->used < chunk->blocks;

	if (!reachable(map, class->chunks, missing) ||
		(is_partial && !reachable(map, class->partial, missing)))
		return ZP_MAP_FAILED;

	chunk->next = class->chunks;
	if (class->chunks != ZP_NULL_REF)
		((ZpChunk *) zp_at(map, class->chunks))->previous = run;
	class->chunks = run;
	if (is_partial)
		push_partial(map, class, run, chunk);
	zp_store_relaxed_u32(&class->chunk_count, zp_load_relaxed_u32(&class->chunk_count) + 1);
	zp_count(&class->blocks, chunk->blocks);
	zp_store_relaxed_u32(&chunk->magic, ZP_CHUNK_MAGIC);
	return ZP_OK;
}

/* Locked.  The reverse, for a chunk whose last block is being freed. */
static ZpStatus
unlink_chunk(ZpArenaMap *map, ZpPoolClass *class, ZpRef run, ZpRef *missing)
{
	ZpChunk    *chunk = zp_at(map, run);
	bool		is_partial = !zp_class_is_lock_free(class) && chunk->used < chunk->blocks;

	if (class->chunks != run &&
		(!reachable(map, chunk->previous, missing) || !reachable(map, chunk->next, missing)))
		return ZP_MAP_FAILED;
	if (is_partial && class->partial != run &&
		(!reachable(map, chunk->previous_partial, missing) ||
		 !reachable(map, chunk->next_partial, missing)))
		return ZP_MAP_FAILED;

	if (class->chunks == run)
		class->chunks = chunk->next;
	else
	{
		((ZpChunk *) zp_at(map, chunk->previous))->next = chunk->next;
		if (chunk->next != ZP_NULL_REF)
			((ZpChunk *) zp_at(map, chunk->next))->previous = chunk->previous;
	}
	if (is_partial)
	{
		if (class->partial == run)
			class->partial = chunk->next_partial;
		else
		{
			((ZpChunk *) zp_at(map, chunk->previous_partial))->next_partial = chunk->next_partial;
			if (chunk->next_partial != ZP_NULL_REF)
				((ZpChunk *) zp_at(map, chunk->next_partial))->previous_partial =
					chunk->previous_partial;
		}
	}
	zp_store_relaxed_u32(&class->chunk_count, zp_load_relaxed_u32(&class->chunk_count) - 1);
	zp_count(&class->blocks, -(uint64_t) chunk->blocks);
	zp_store_relaxed_u32(&chunk->magic, 0);
	return ZP_OK;
}

ZpStatus
zp_class_give(ZpArenaMap *map, ZpPool *pool, const ZpBlockPlace *place, ZpRef ref, size_t size,
			  uint32_t *released, ZpRef *missing)
{
	uint32_t	size_class = place->size_class;
	ZpPoolClass *class = &pool->classes[size_class];
	ZpChunk    *chunk = place->chunk;
	ZpRef		run = place->run;

	*released = 0;
	if (ZP_UNLIKELY(!zp_chunk_is_there(chunk, pool, size_class)))
		return ZP_BAD_REF;
	if (size_class == ZP_LARGE_CLASS)
	{
		if (ref - run != chunk->first)
			return ZP_BAD_REF;
		if (size != chunk->large_bytes)
			return ZP_BAD_SIZE;
	}
	else
	{
		if (ZP_UNLIKELY(chunk->life != place->life))
			return ZP_BAD_REF;
		if (ZP_UNLIKELY(!zp_slab_is_taken(chunk, place->block)))
			return ZP_DOUBLE_FREE;
	}

	if (chunk->used == 1)
	{
		if (unlink_chunk(map, class, run, missing) != ZP_OK)
			return ZP_MAP_FAILED;
		*released = chunk->pages;
		if (size_class == ZP_LARGE_CLASS)
			zp_count(&class->large_bytes, -(uint64_t) size);
	}
	else
	{
		if (chunk->used == chunk->blocks)
		{
			if (!reachable(map, class->partial, missing))
				return ZP_MAP_FAILED;
			push_partial(map, class, run, chunk);
		}
		zp_slab_give(chunk, place->block);
	}
	zp_count(&class->frees, 1);
	return ZP_OK;
}

ZpStatus
zp_class_block_bytes(ZpPool *pool, const ZpBlockPlace *place, ZpRef ref, size_t *bytes)
{
	ZpPoolClass *class = &pool->classes[place->size_class];
	const ZpChunk *chunk = place->chunk;
	ZpStatus	status = ZP_OK;

	/* A class without a lock has one for the coming and going of its slabs. */
	(void) zp_class_lock(pool, class, NULL);
	if (!zp_chunk_is_there(chunk, pool, place->size_class))
		status = ZP_BAD_REF;
	else if (place->size_class == ZP_LARGE_CLASS)
	{
		if (ref - place->run != chunk->first)
			status = ZP_BAD_REF;
		else
			*bytes = chunk->large_bytes;
	}
	else if (chunk->life != place->life)
		status = ZP_BAD_REF;
	else if (!zp_slab_is_taken(chunk, place->block))
		status = ZP_DOUBLE_FREE;
	else
		*bytes = zp_size_class_bytes(place->size_class);
	zp_mutex_unlock(&class->mutex);
	return status;
}

ZpStatus
zp_class_give_locking(ZpArenaMap *map, ZpPool *pool, const ZpBlockPlace *place, ZpRef ref,
					  size_t size)
{
	ZpPoolClass *class = &pool->classes[place->size_class];
	uint32_t	released = 0;
	ZpStatus	status;

	for (;;)
	{
		ZpRef		missing = ZP_NULL_REF;
		bool		contended = !zp_mutex_try_lock(&class->mutex);

		if (ZP_UNLIKELY(contended))
			(void) zp_class_lock(pool, class, NULL);
		if (ZP_UNLIKELY(zp_class_is_lock_free(class)))
			status = ZP_BUSY;
		else
			status = zp_class_give(map, pool, place, ref, size, &released, &missing);
		zp_mutex_unlock(&class->mutex);
		zp_pool_contended(map, pool, contended);
		if (ZP_LIKELY(status != ZP_MAP_FAILED))
			break;
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
	if (released != 0)
		zp_pool_put_run(map, pool, place->run, released);
	return status;
}

/*
 * Links a chunk that the caller has made, and takes what it was made for, unless it is a
 * slab of a class without a lock.  On failure the chunk goes back to the arena.
 */
static ZpStatus
add_chunk(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, bool locking, ZpClassMode mode,
		  ZpRef run, ZpRef *ref)
{
	ZpPoolClass *class = &pool->classes[size_class];
	ZpChunk    *chunk = zp_at(map, run);
	uint32_t	pages = chunk->pages;
	ZpStatus	status;

	for (;;)
	{
		ZpRef		missing = ZP_NULL_REF;

		status = lock_if(locking, pool, class, map->hooks);
		if (status != ZP_OK)
			break;
		if (ZP_UNLIKELY(zp_load_relaxed_u32(&class->mode) != (uint32_t) mode))
			status = ZP_BUSY;
		else
			status = link_chunk(map, class, run, &missing);
		if (status == ZP_OK)
		{
			if (size_class == ZP_LARGE_CLASS)
			{
				*ref = run + chunk->first;
				zp_count(&class->allocations, 1);
				zp_count(&class->large_bytes, chunk->large_bytes);
			}
			else if (mode == ZP_CLASS_LOCKED)
				status = zp_class_take(map, class, ref, &missing);
		}
		unlock_if(locking, class);
		if (status == ZP_OK)
			return ZP_OK;
		if (status != ZP_MAP_FAILED || !zp_map_ref(map, missing))
			break;
	}
	zp_pool_put_run(map, pool, run, pages);
	return status;
}

/* A run for the next slab of a class, and the slab's shape in it, not linked yet. */
static ZpStatus
make_slab(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef *run)
{
	const ZpPreset *preset = zp_pool_preset(pool);
	uint32_t	slabs = zp_load_relaxed_u32(&pool->classes[size_class].chunk_count);
	ZpSlabPlan	plan = zp_slab_plan(size_class, slabs, preset->first_slab_bytes,
									preset->slab_bytes);
	uint32_t	wanted = plan.pages;
	uint32_t	life;
	ZpStatus	status;

	status = zp_pool_get_run(map, pool, plan.pages, run);
	if (status == ZP_OUT_OF_MEMORY || status == ZP_OVER_LIMIT)
	{
		/* The smallest slab may still fit. */
		plan = zp_slab_plan(size_class, 0, ZP_PAGE_BYTES, ZP_PAGE_BYTES);
		if (plan.pages < wanted)
			status = zp_pool_get_run(map, pool, plan.pages, run);
	}
	if (status != ZP_OK)
		return status;

	/* So that another pool's slab in the same place has another number, mostly. */
	life = zp_fetch_add_relaxed_u32(&pool->lives, 1) + (uint32_t) pool->serial * 0x9e3779b1u;
	zp_slab_init(zp_at(map, *run), zp_load_relaxed_u32(&pool->self), size_class, &plan, life);
	ZP_POINT("pool_refill");
	return ZP_OK;
}

ZpStatus
zp_class_refill(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, bool locking, ZpRef *ref)
{
	ZpRef		run;
	ZpStatus	status;

	status = make_slab(map, pool, size_class, &run);
	if (status != ZP_OK)
		return status;
	return add_chunk(map, pool, size_class, locking, ZP_CLASS_LOCKED, run, ref);
}

ZpStatus
zp_class_new_slab(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef *run)
{
	ZpChunk    *chunk;
	ZpStatus	status;

	status = make_slab(map, pool, size_class, run);
	if (status != ZP_OK)
		return status;
	chunk = zp_at(map, *run);
	chunk->most_promised = zp_magazine_limit(pool, size_class);
	zp_store_relaxed_u32(&chunk->anchor, ZP_ANCHOR(chunk->blocks, ZP_SLAB_ACTIVE,
												   map->participant % ZP_STRIPES));
	return add_chunk(map, pool, size_class, true, ZP_CLASS_LOCK_FREE, *run, NULL);
}

bool
zp_class_release_slab(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef run)
{
	ZpPoolClass *class = &pool->classes[size_class];
	uint32_t	pages = ((ZpChunk *) zp_at(map, run))->pages;
	ZpStatus	status;

	do
	{
		ZpRef		missing = ZP_NULL_REF;

		(void) zp_class_lock(pool, class, NULL);
		status = unlink_chunk(map, class, run, &missing);
		zp_mutex_unlock(&class->mutex);
		if (status != ZP_OK && !zp_map_ref(map, missing))
			return false;
	} while (status != ZP_OK);
	zp_pool_put_run(map, pool, run, pages);
	return true;
}

/* Asks for huge pages for a run, if the pool's preset wants them for a block of this size. */
static void
ask_for_huge_pages(ZpArenaMap *map, ZpPool *pool, void *base, uint32_t pages, size_t size)
{
	uint32_t	from = zp_pool_preset(pool)->huge_bytes;
	size_t		bytes = (size_t) pages * ZP_PAGE_BYTES;

	if (from == 0 || size < from)
		return;
	(void) zp_fetch_add_relaxed_u64(&pool->huge_asked, bytes);
	if (map->ops->huge != NULL && map->ops->huge(map->ops_context, base, bytes) == ZP_OK)
		(void) zp_fetch_add_relaxed_u64(&pool->huge_granted, bytes);
}

ZpStatus
zp_class_take_large(ZpArenaMap *map, ZpPool *pool, size_t size, bool locking, ZpRef *ref)
{
	uint32_t	pages = zp_large_pages(size);
	ZpChunk    *chunk;
	ZpRef		run;
	ZpStatus	status;

	status = zp_pool_get_run(map, pool, pages, &run);
	if (status == ZP_OUT_OF_MEMORY || status == ZP_OVER_LIMIT)
	{
		/* What classes without a lock keep may be what is missing. */
		if (zp_load_relaxed_u32(&pool->level) == ZP_POOL_LOCAL_CACHE)
			(void) zp_pool_flush(map, pool);
		(void) zp_pool_reap(map, pool);
		status = zp_pool_get_run(map, pool, pages, &run);
	}
	if (status != ZP_OK)
		return status;
	chunk = zp_at(map, run);
	ask_for_huge_pages(map, pool, chunk, pages, size);
	zp_large_init(chunk, zp_load_relaxed_u32(&pool->self), pages, size);
	chunk->used = 1;
	return add_chunk(map, pool, ZP_LARGE_CLASS, locking, ZP_CLASS_LOCKED, run, ref);
}
