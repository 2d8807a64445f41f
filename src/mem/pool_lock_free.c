/*
 * pool_lock_free.c
 *	  Level 3: any participants, no lock where a block is taken from a slab or given
 *	  back to one.
 *
 * Promises.  A slab's anchor counts the blocks that are out.  A block is out when it is
 * promised to somebody, who then looks for a clear mark in the slab and sets it: since
 * there are never fewer clear marks than promises, he finds one.  A slab with a block
 * out is not given back, so whoever has a promise may touch it.  This is Michael's
 * allocator ("Scalable Lock-Free Dynamic Memory Allocation", PLDI 2004), with his credits, but
 * with marks in the place of free lists: nothing is ever read from a free block, and a
 * wrong or double free is told by its mark.
 *
 * Where a slab with free blocks is:
 *
 *	  ACTIVE	Its free blocks were all promised at once, to the word of a stripe: (slab,
 *				promises left).  To allocate is to take one promise from the word by
 *				compare-and-swap, without looking at the slab.  Participants are
 *				spread over four stripes by their numbers.
 *	  LISTED	In the class's stack (tagged.h).  An empty word is filled with the top.
 *	  FULL		Nowhere.  Who frees a block of it puts it on the stack.
 *
 * Who takes a word's last promise says what becomes of the slab: FULL, or LISTED if
 * blocks were freed meanwhile.
 *
 * A free clears the mark by compare-and-swap, which settles who was first of two that
 * free the same block, and then takes 1 from the anchor.
 *
 * Giving back.  When the last block of an active slab is freed, the promises left in the
 * word are all that is out: who sees this takes the word and with it the slab.  A slab
 * that becomes empty in the stack is counted (empties); when a quarter of the stack is
 * empty, whoever counted takes slab by slab off, gives the empty ones back and puts
 * the others on again (reap).  So all of them are gone when all blocks are, and each empty
 * one has paid for looking at four.
 *
 * Locks.  None for a block, but a chunk comes from the arena and goes back to it: then the
 * arena's lock is taken, and for the list of all chunks the class's mutex.
 *
 * Costs: three to four atomic instructions for a pair of allocation and free.
 *
 * Weak: an allocation that needs memory while another participant looks through the stack
 * looks again some times, and then may be refused though a block was free.  The
 * blocks of a slab are shared among all, so participants on other cores write the same
 * cache lines when they free what others allocated.  A double free at the very time at
 * which the slab goes back to the arena is told by the life in the marks: it is missed if
 * the memory's next owner writes just that 64-bit value in just that place within nanoseconds.
 */
#include "mem/pool_internal.h"

#include "port/backoff.h"
#include "port/point.h"

/* Tries before an allocation gives up while others hold the stack. */
#define ZP_REAP_WAITS	50

/* Active word: ref, promises left, tag. */
static inline uint64_t
active_word(ZpRef run, uint32_t promises, uint64_t before)
{
	return (uint64_t) run << 32 | (uint64_t) promises << 16 | (uint16_t) (before + 1);
}

static inline ZpRef
active_run(uint64_t word)
{
	return (ZpRef) (word >> 32);
}

static inline uint32_t
active_promises(uint64_t word)
{
	return (uint32_t) (word >> 16) & 0xffff;
}

static inline uint32_t
own_stripe(const ZpArenaMap *map)
{
	return map->participant % ZP_STRIPES;
}

static bool reap(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, bool all);

/* Whether so many slabs of the stack are empty that it is worth looking through it. */
static inline bool
worth_reaping(const ZpPoolClass *class, bool all)
{
	int32_t		empties = (int32_t) zp_load_relaxed_u32(&class->empties);

	return empties > 0 &&
		(all || (uint32_t) empties * 4 >= zp_load_relaxed_u32(&class->listed));
}

static inline void
reap_if_worth(ZpArenaMap *map, ZpPool *pool, uint32_t size_class)
{
	/* Pairs with the fence in reap: one of the two sees the other's slab. */
	zp_fence_seq_cst();
	if (ZP_UNLIKELY(worth_reaping(&pool->classes[size_class], false)))
		(void) reap(map, pool, size_class, false);
}

static inline ZpAtomicU32 *
link_of(ZpArenaMap *map, ZpRef run)
{
	return &((ZpChunk *) zp_at(map, run))->link;
}

/*
 * Puts a slab on the stack; its anchor says LISTED already, so nobody gives it back before it
 * is there.  The run is mapped.
 */
static void
list_slab(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef run)
{
	ZpPoolClass *class = &pool->classes[size_class];

	(void) zp_fetch_add_relaxed_u32(&class->listed, 1);
	(void) zp_tagged_push(&class->stack, run, link_of(map, run));
}

/*
 * A slab is in the caller's hand, active but in no stripe, with n promises that he does
 * not want and one at least that he keeps.  Afterwards it is full or listed.
 */
static void
let_go(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef run, uint32_t n)
{
	ZpChunk    *chunk = zp_at(map, run);
	uint32_t	anchor = zp_load_relaxed_u32(&chunk->anchor);
	uint32_t	out;

	do
		out = ZP_ANCHOR_OUT(anchor) - n;
	while (!zp_cas_acq_rel_u32(&chunk->anchor, &anchor,
							   ZP_ANCHOR(out, out < chunk->blocks ? ZP_SLAB_LISTED :
										 ZP_SLAB_FULL, 0)));
	if (out < chunk->blocks)
	{
		list_slab(map, pool, size_class, run);
		reap_if_worth(map, pool, size_class);
	}
}

/* The same, where no promise is kept: the slab may be empty now. */
static void
put_down(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef run, uint32_t n)
{
	ZpPoolClass *class = &pool->classes[size_class];
	ZpChunk    *chunk = zp_at(map, run);
	uint32_t	anchor = zp_load_relaxed_u32(&chunk->anchor);
	uint32_t	out;

	do
		out = ZP_ANCHOR_OUT(anchor) - n;
	while (!zp_cas_acq_rel_u32(&chunk->anchor, &anchor, ZP_ANCHOR(out, ZP_SLAB_LISTED, 0)));
	if (out != 0 || !zp_class_release_slab(map, pool, size_class, run))
	{
		list_slab(map, pool, size_class, run);
		if (out == 0)
			(void) zp_fetch_add_relaxed_u32(&class->empties, 1);
	}

	/* Also if it is gone: slabs were taken from the stack since it was looked at. */
	reap_if_worth(map, pool, size_class);
}

/* Takes the top of the stack into the caller's hand; false: there is none that is mapped. */
static bool
unlist_slab(ZpArenaMap *map, ZpPoolClass *class, ZpRef *run, uint32_t *failed)
{
	uint64_t	word = zp_load_relaxed_u64(&class->stack);
	bool		found = false;

	if (zp_tagged_ref(word) == ZP_NULL_REF)
		return false;
	zp_arena_hold(map);
	word = zp_load_acquire_u64(&class->stack);
	while (!found && (*run = zp_tagged_ref(word)) != ZP_NULL_REF && zp_map_ref(map, *run))
	{
		/* If another has it by now, this may be anything, and the head has changed. */
		found = zp_tagged_try_pop(&class->stack, &word, zp_look(link_of(map, *run)));
		if (!found)
			++*failed;
	}
	zp_arena_let_go(map);
	if (found)
		(void) zp_fetch_sub_relaxed_u32(&class->listed, 1);
	return found;
}

/*
 * Looks through the stack and gives empty slabs back; true if there was one.  A slab that is
 * listed changes its anchor only by frees, so that an empty one in our hand stays empty.
 *
 * One that becomes empty in our hand, after we looked at it, is not on the stack for who
 * emptied it to find.  He comes in here, though, and that is counted: then we look again.
 */
static bool
reap(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, bool all)
{
	ZpPoolClass *class = &pool->classes[size_class];
	bool		released_any = false;
	bool		again = true;

	(void) zp_fetch_add_seq_cst_u32(&class->reaping, ZP_REAP_ENTRY + 1);
	while (again && worth_reaping(class, all))
	{
		uint32_t	entries = zp_load_seq_cst_u32(&class->reaping) / ZP_REAP_ENTRY;
		uint32_t	left = zp_load_relaxed_u32(&class->listed) + 1;
		uint32_t	kept = 0;
		uint32_t	failed = 0;
		ZpRef		first = ZP_NULL_REF;
		ZpAtomicU32 *last_link = NULL;
		ZpRef		run;

		again = false;
		while (left-- > 0 && unlist_slab(map, class, &run, &failed))
		{
			const ZpChunk *chunk = zp_at(map, run);

			if (ZP_ANCHOR_OUT(zp_load_acquire_u32(&chunk->anchor)) == 0 &&
				zp_class_release_slab(map, pool, size_class, run))
			{
				(void) zp_fetch_sub_relaxed_u32(&class->empties, 1);
				released_any = again = true;
				continue;
			}
			zp_store_relaxed_u32(link_of(map, run), first);
			first = run;
			if (last_link == NULL)
				last_link = link_of(map, run);
			kept++;
		}
		if (first != ZP_NULL_REF)
		{
			(void) zp_fetch_add_relaxed_u32(&class->listed, kept);
			(void) zp_tagged_push(&class->stack, first, last_link);
		}

		/* Pairs with the fence in reap_if_worth. */
		zp_fence_seq_cst();
		if (zp_load_seq_cst_u32(&class->reaping) / ZP_REAP_ENTRY != entries)
			again = true;
	}
	(void) zp_fetch_sub_relaxed_u32(&class->reaping, 1);
	return released_any;
}

bool
zp_pool_reap(ZpArenaMap *map, ZpPool *pool)
{
	bool		released = false;

	for (uint32_t number = 0; number < ZP_SIZE_CLASSES; number++)
	{
		ZpPoolClass *class = &pool->classes[number];

		if (zp_class_is_lock_free(class) && worth_reaping(class, true) &&
			reap(map, pool, number, true))
			released = true;
	}
	return released;
}

void
zp_slab_unpromise(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef run, uint32_t n)
{
	ZpPoolClass *class = &pool->classes[size_class];
	ZpChunk    *chunk = zp_at(map, run);
	uint32_t	anchor = zp_load_relaxed_u32(&chunk->anchor);
	uint32_t	failed = 0;
	uint32_t	out;
	ZpSlabPlace place;

	for (;;)
	{
		out = ZP_ANCHOR_OUT(anchor) - n;
		place = ZP_ANCHOR_PLACE(anchor);
		if (ZP_LIKELY(zp_cas_acq_rel_u32(&chunk->anchor, &anchor,
										 ZP_ANCHOR(out, place == ZP_SLAB_FULL ?
												   ZP_SLAB_LISTED : place,
												   ZP_ANCHOR_STRIPE(anchor)))))
			break;
		failed++;
	}

	/* From here on others may give the slab back: only its ref is used, unless it is ours. */
	if (place == ZP_SLAB_ACTIVE)
	{
		ZpAtomicU64 *active = &pool->active[ZP_ANCHOR_STRIPE(anchor)][size_class];
		uint64_t	word = zp_load_relaxed_u64(active);

		if (ZP_UNLIKELY(active_run(word) == run && active_promises(word) == out) &&
			zp_cas_acq_rel_u64(active, &word, active_word(ZP_NULL_REF, 0, word)))
			put_down(map, pool, size_class, run, out);
	}
	else
	{
		if (place == ZP_SLAB_FULL)
			list_slab(map, pool, size_class, run);
		if (out == 0)
			(void) zp_fetch_add_relaxed_u32(&class->empties, 1);
		if (place == ZP_SLAB_FULL || out == 0)
			reap_if_worth(map, pool, size_class);
	}
	zp_pool_contended(map, pool, failed);
}

/* Takes up to `want` promises from a stripe's word. */
static inline bool
take_promises(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, uint32_t stripe,
			  uint32_t want, ZpRef *run, uint32_t *got, uint32_t *failed)
{
	ZpAtomicU64 *active = &pool->active[stripe][size_class];
	uint64_t	word = zp_load_acquire_u64(active);
	uint32_t	left;

	for (;;)
	{
		*run = active_run(word);
		left = active_promises(word);
		if (ZP_UNLIKELY(*run == ZP_NULL_REF))
			return false;
		if (ZP_UNLIKELY(!zp_is_mapped(map, *run)) && !zp_map_ref(map, *run))
			return false;
		*got = left < want ? left : want;
		if (ZP_LIKELY(zp_cas_acq_rel_u64(active, &word,
										 active_word(*got < left ? *run : ZP_NULL_REF,
													 left - *got, word))))
			break;
		++*failed;
	}
	if (ZP_UNLIKELY(*got == left))
		let_go(map, pool, size_class, *run, 0);
	return true;
}

/*
 * The slab is in the caller's hand, and *got blocks of it, all that were free, are
 * promised to him.  He keeps `want` of them and puts the others into his stripe's word.
 */
static void
share_promises(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef run, uint32_t want,
			   uint32_t *got)
{
	ZpAtomicU64 *active = &pool->active[own_stripe(map)][size_class];
	uint64_t	word = zp_load_relaxed_u64(active);
	uint32_t	rest;

	if (*got <= want)
	{
		let_go(map, pool, size_class, run, 0);
		return;
	}
	rest = *got - want;
	*got = want;
	if (active_run(word) != ZP_NULL_REF ||
		!zp_cas_acq_rel_u64(active, &word, active_word(run, rest, word)))
		let_go(map, pool, size_class, run, rest);
}

/* The same for the top of the stack. */
static bool
take_listed(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, uint32_t want, ZpRef *run,
			uint32_t *got, uint32_t *failed)
{
	ZpPoolClass *class = &pool->classes[size_class];
	ZpChunk    *chunk;
	uint32_t	anchor;

	if (!unlist_slab(map, class, run, failed))
		return false;
	chunk = zp_at(map, *run);
	anchor = zp_load_relaxed_u32(&chunk->anchor);
	while (!zp_cas_acq_rel_u32(&chunk->anchor, &anchor,
							   ZP_ANCHOR(chunk->blocks, ZP_SLAB_ACTIVE, own_stripe(map))))
		++*failed;
	if (ZP_ANCHOR_OUT(anchor) == 0)
		(void) zp_fetch_sub_relaxed_u32(&class->empties, 1);
	*got = chunk->blocks - ZP_ANCHOR_OUT(anchor);
	share_promises(map, pool, size_class, *run, want, got);
	return true;
}

/* From any stripe, or the stack again: there is no more memory. */
static bool
take_from_anywhere(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, uint32_t want,
				   ZpRef *run, uint32_t *got, uint32_t *failed)
{
	for (uint32_t stripe = 0; stripe < ZP_STRIPES; stripe++)
	{
		if (take_promises(map, pool, size_class, stripe, want, run, got, failed))
			return true;
	}
	return take_listed(map, pool, size_class, want, run, got, failed);
}

/* No block is promised in our stripe or listed. */
static ZpStatus
promise_more(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, uint32_t want,
			 ZpRef *run, uint32_t *got, uint32_t *failed)
{
	for (uint32_t attempt = 0;; attempt++)
	{
		ZpBackoff	backoff = ZP_BACKOFF_INIT;
		uint32_t	before = zp_load_acquire_u32(&pool->classes[size_class].reaping);
		ZpStatus	status = zp_class_new_slab(map, pool, size_class, run);

		if (status == ZP_OK)
		{
			*got = ((ZpChunk *) zp_at(map, *run))->blocks;
			share_promises(map, pool, size_class, *run, want, got);
			return ZP_OK;
		}
		if (status != ZP_OUT_OF_MEMORY && status != ZP_OVER_LIMIT)
			return status;
		if (take_from_anywhere(map, pool, size_class, want, run, got, failed))
			return ZP_OK;
		if (zp_pool_reap(map, pool))
			continue;

		/* Somebody may just have it all in his hands, or may have had it when we looked. */
		if (attempt >= ZP_REAP_WAITS ||
			(before % ZP_REAP_ENTRY == 0 &&
			 zp_load_acquire_u32(&pool->classes[size_class].reaping) == before))
			return status;
		while (zp_backoff_pause(&backoff))
			;
	}
}

ZpStatus
zp_class_promise(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, uint32_t want,
				 ZpRef *run, uint32_t *got)
{
	uint32_t	failed = 0;
	ZpStatus	status = ZP_OK;

	if (!take_promises(map, pool, size_class, own_stripe(map), want, run, got, &failed) &&
		!take_listed(map, pool, size_class, want, run, got, &failed))
		status = promise_more(map, pool, size_class, want, run, got, &failed);
	zp_pool_contended(map, pool, failed);
	return status;
}

ZpStatus
zp_slab_clear_mark(ZpArenaMap *map, ZpPool *pool, const ZpBlockPlace *place)
{
	ZpChunk    *chunk = place->chunk;
	ZpAtomicU64 *word = &chunk->taken[place->block / ZP_MARKS];
	uint64_t	mark = (uint64_t) 1 << (place->block % ZP_MARKS);
	uint64_t	marks = zp_load_acquire_u64(word);
	uint32_t	failed = 0;

	/* The slab that we looked at was there when the marks were read; its life tells the rest. */
	if (ZP_UNLIKELY(!zp_chunk_is_there(chunk, pool, place->size_class)))
		return ZP_BAD_REF;
	for (;;)
	{
		if (ZP_UNLIKELY((uint32_t) (marks >> 32) != place->life))
			return ZP_BAD_REF;
		if (ZP_UNLIKELY((marks & mark) == 0))
			return ZP_DOUBLE_FREE;
		if (ZP_LIKELY(zp_cas_acq_rel_u64(word, &marks, marks & ~mark)))
			break;
		failed++;
	}
	zp_pool_contended(map, pool, failed);
	return ZP_OK;
}

/*
 * The class's lock is taken once more.  The slabs get anchors, those with free blocks go
 * on the stack; then the lock no longer counts.  Others wait for as long as it takes to
 * look at each slab of the class once.
 */
ZpStatus
zp_class_unlock_for_good(ZpArenaMap *map, ZpPool *pool, uint32_t size_class,
						 const ZpWaitHooks *hooks)
{
	ZpPoolClass *class = &pool->classes[size_class];

	for (;;)
	{
		ZpStatus	status = zp_class_lock(pool, class, hooks);
		ZpRef		missing = ZP_NULL_REF;
		ZpChunk    *chunk;

		if (status != ZP_OK)
			return status;
		if (zp_class_is_lock_free(class))
		{
			zp_mutex_unlock(&class->mutex);
			return ZP_OK;
		}
		for (ZpRef run = class->chunks; run != ZP_NULL_REF; run = chunk->next)
		{
			if (!zp_is_mapped(map, run))
			{
				missing = run;
				break;
			}
			chunk = zp_at(map, run);
		}
		if (missing == ZP_NULL_REF)
		{
			zp_store_relaxed_u32(&class->listed, 0);
			zp_store_relaxed_u32(&class->empties, 0);
			for (ZpRef run = class->chunks; run != ZP_NULL_REF; run = chunk->next)
			{
				chunk = zp_at(map, run);
				chunk->most_promised = zp_magazine_limit(pool, size_class);
				zp_store_relaxed_u32(&chunk->anchor,
									 ZP_ANCHOR(chunk->used, chunk->used < chunk->blocks ?
											   ZP_SLAB_LISTED : ZP_SLAB_FULL, 0));
				if (chunk->used < chunk->blocks)
					list_slab(map, pool, size_class, run);
			}
			class->partial = ZP_NULL_REF;
			zp_store_release_u32(&class->mode, ZP_CLASS_LOCK_FREE);
		}
		zp_mutex_unlock(&class->mutex);
		if (missing == ZP_NULL_REF)
			return ZP_OK;
		if (!zp_map_ref(map, missing))
			return ZP_MAP_FAILED;
	}
}

ZpStatus
zp_pool_lock_free_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	ZpPoolClass *class;
	ZpPoolRecord *record;
	uint32_t	size_class;
	uint32_t	failed = 0;
	uint32_t	got;
	ZpRef		run;
	ZpStatus	status;

	if (size > pool->small_bytes)
		return zp_class_take_large(map, pool, size, true, ref);
	size_class = zp_pool_size_class(pool, size);
	class = &pool->classes[size_class];
	if (ZP_UNLIKELY(!zp_class_is_lock_free(class)))
	{
		status = zp_class_unlock_for_good(map, pool, size_class, map->hooks);
		if (status != ZP_OK)
			return status;
	}
	status = zp_class_promise(map, pool, size_class, 1, &run, &got);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	*ref = run + zp_slab_take_promised(zp_at(map, run), &failed);
	zp_pool_contended(map, pool, failed);
	record = zp_pool_record(map, pool, true);
	if (ZP_LIKELY(record != NULL))
		zp_count(&record->classes[size_class].allocations, 1);
	else
		(void) zp_fetch_add_relaxed_u64(&class->allocations, 1);
	return ZP_OK;
}

/* The rest of a free at a level without locks; the block was found. */
static inline ZpStatus
free_at(ZpArenaMap *map, ZpPool *pool, const ZpBlockPlace *place, ZpRef ref, size_t size)
{
	ZpPoolClass *class = &pool->classes[place->size_class];
	ZpPoolRecord *record;
	ZpStatus	status;

	if (ZP_UNLIKELY(place->size_class == ZP_LARGE_CLASS))
		return zp_class_give_locking(map, pool, place, ref, size);

	/* A free need not wait for the class to lose its lock, and cannot fail for it. */
	if (ZP_UNLIKELY(!zp_class_is_lock_free(class)))
	{
		status = zp_class_give_locking(map, pool, place, ref, size);
		if (status != ZP_BUSY)
			return status;
	}
	status = zp_slab_clear_mark(map, pool, place);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	record = zp_pool_record(map, pool, false);
	if (ZP_LIKELY(record != NULL))
		zp_count(&record->classes[place->size_class].frees, 1);
	else
		(void) zp_fetch_add_relaxed_u64(&class->frees, 1);
	zp_slab_unpromise(map, pool, place->size_class, place->run, 1);
	return ZP_OK;
}

ZpStatus
zp_pool_lock_free_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	ZpBlockPlace place;
	ZpStatus	status = zp_locate_block(map, pool, ref, size, &place);

	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	return free_at(map, pool, &place, ref, size);
}
