/*
 * pool_internal.h
 *	  What the files of the pool share: its struct, and the work on one size class.
 *
 * Private to src/mem (and to what tests it).
 */
#ifndef ZP_POOL_INTERNAL_H
#define ZP_POOL_INTERNAL_H

#include "mem/chunk.h"
#include "mem/runs.h"
#include "mem/tagged.h"

#define ZP_POOL_MAGIC	0x5a70506c
#define ZP_RECORD_MAGIC	0x5a705265

/* Participants take small blocks from one of so many slabs of a class, by their numbers. */
#define ZP_STRIPES		4

/* Free runs that a pool keeps at most, how long one may be, and from what size of pool on. */
#define ZP_KEPT_RUNS		32
#define ZP_KEPT_RUN_PAGES	64
#define ZP_KEEPING_BYTES	((uint64_t) 256 << 10)

/* In ZpPoolClass.reaping: the low part counts who is there, the rest who ever came. */
#define ZP_REAP_ENTRY		((uint32_t) 1 << 16)

/* How the slabs of a class are kept. */
typedef enum ZpClassMode
{
	ZP_CLASS_LOCKED = 0,		/* lists, under the mutex; or the owner's alone */
	ZP_CLASS_LOCK_FREE = 1		/* anchors, stripes and a stack; never changes back */
} ZpClassMode;

/*
 * Shared, a cache line.  In mode LOCKED all is guarded by mutex (level mutex), or used
 * by the owner alone (level no_lock).  The counters are atomic only so that
 * zp_pool_stats may read them without the lock; they are not changed by atomic
 * read-modify-writes.
 *
 * In mode LOCK_FREE the mutex guards chunks, chunk_count and blocks, that is, the coming
 * and going of chunks; the other fields are changed by atomic operations of anybody.
 */
typedef struct ZpPoolClass
{
	ZpMutex		mutex;			/* level no_lock: unused */
	ZpRef		chunks;			/* all chunks of the class */
	ZpRef		partial;		/* LOCKED: slabs with free blocks */
	ZpAtomicU32 chunk_count;
	ZpAtomicU64 blocks;			/* in all chunks, free or not */
	ZpAtomicU64 allocations;	/* but for those in records */
	ZpAtomicU64 frees;
	union
	{
		ZpAtomicU64 large_bytes;	/* handed out; large class only */
		struct
		{
			ZpAtomicU32 listed; /* LOCK_FREE: slabs in the stack */
			ZpAtomicU32 empties;	/* of them, without a block that is out; signed */
		};
	};
	ZpAtomicU64 stack;			/* LOCK_FREE: slabs with free blocks; tagged.h */
	ZpAtomicU32 mode;			/* ZpClassMode; set under mutex, read by anybody */
	ZpAtomicU32 reaping;		/* who holds slabs of the stack to look at them; ZP_REAP_ENTRY */
} ZpPoolClass;

_Static_assert(sizeof(ZpPoolClass) == ZP_CACHE_LINE_BYTES, "a class is a cache line");

/* A slab of which blocks are promised to one participant.  Written by that one only. */
typedef struct ZpMagazine
{
	ZpAtomicU32 slab;
	ZpAtomicU32 promised;
} ZpMagazine;

#define ZP_MAGAZINES	2

/*
 * Shared, a page of its own: what one participant counts and keeps in a pool whose classes
 * have no lock.  Written by the participant alone, without read-modify-writes, and
 * read by anybody; when it is gone, by whoever cleans up after it.
 */
typedef struct ZpPoolRecord
{
	/* Constant, but for next, which the pool's records_lock guards. */
	uint32_t	magic;
	uint32_t	participant;
	ZpRef		self;
	ZpRef		next;

	ZpAtomicU64 hits;			/* allocations out of a magazine */
	ZpAtomicU64 misses;			/* those that had to fill one first */
	struct
	{
		ZpAtomicU64 allocations;
		ZpAtomicU64 frees;
		ZpMagazine	magazines[ZP_MAGAZINES];
	}			classes[ZP_SIZE_CLASSES];
} ZpPoolRecord;

_Static_assert(sizeof(ZpPoolRecord) <= ZP_PAGE_BYTES, "a record is a page");

/* What is counted since a pool was made. */
typedef struct ZpPoolCounters
{
	uint64_t	allocations;
	uint64_t	frees;
	uint64_t	failures;
	uint64_t	bad_frees;
	uint64_t	sleeps;
	uint64_t	contention;
	uint64_t	hits;
	uint64_t	misses;
} ZpPoolCounters;

/* Shared; in a run of its own. */
struct ZpPool
{
	/*
	 * At the places of a chunk's first fields, which whoever looks at a wrong
	 * ref may read.  Constant from the end of creation on, but for level, which an
	 * adaptive pool raises under records_lock.
	 */
	ZpAtomicU32 magic;
	ZpAtomicU32 self;			/* the pool's own ref */
	ZpAtomicU32 level;			/* ZpPoolLevel */
	uint32_t	owner;			/* participant that made it; matters at no_lock */
	uint32_t	small_bytes;	/* of the preset */
	uint32_t	align_mask;		/* alignment - 1 */
	uint32_t	preset;			/* ZpPresetName */
	uint16_t	adaptive;		/* 1: made as auto */
	uint16_t	clean;			/* 1: no block shows what another pool wrote */
	uint64_t	serial;			/* of all pools of the arena, ever */
	ZpRef		fixed;			/* level fixed: its run; see pool_fixed.c */
	ZpAtomicU32 lives;			/* last slab's life; not constant */
	uint64_t	capacity;		/* level fixed */

	/* 0: none; set by anybody at any time. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU64 max_bytes;
	ZpAtomicU64 reserved_bytes; /* counted before a chunk is taken; compare-and-swap */

	/* Rare events; added to by anybody. */
	ZpAtomicU64 failures;
	ZpAtomicU64 bad_frees;
	ZpAtomicU64 sleeps;
	ZpAtomicU64 contention;		/* lost compare-and-swaps, mutexes found locked */

	/* Bytes of large blocks for which huge pages were asked, and were given. */
	ZpAtomicU64 huge_asked;
	ZpAtomicU64 huge_granted;

	/* Of records that are gone. */
	ZpAtomicU64 hits;
	ZpAtomicU64 misses;

	/* The list of records; and what zp_pool_raise and zp_pool_stats_reset write. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpMutex records_lock;
	ZpRef		records;
	uint32_t	raises;
	uint32_t	raised_from;
	uint64_t	raised_events;	/* contention and operations that were the reason */
	uint64_t	raised_operations;
	int64_t		raised_at;		/* microseconds since 1970 */
	ZpAtomicU64 seen_events;	/* contention when it was last looked at; read by anybody */
	uint64_t	seen_operations;
	ZpPoolCounters base;		/* at the last reset */

	/* Runs that are kept: ref and pages; 0: none.  Taken and put by compare-and-swap. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU64 kept[ZP_KEPT_RUNS];
	ZpAtomicU64 kept_bytes;		/* of them; may lag behind for a moment */

	/*
	 * The rest of the run that the preset's initial bytes were taken as; new runs are cut off
	 * its end.  Guarded by initial_lock; read by anybody.  Null and 0: there is none.
	 */
	ZpMutex		initial_lock;
	ZpAtomicU32 initial;
	ZpAtomicU32 initial_pages;

	/* LOCK_FREE: ref, promises left, tag; see pool_lock_free.c.  Compare-and-swap by anybody. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU64 active[ZP_STRIPES][ZP_SIZE_CLASSES];

	_Alignas(ZP_CACHE_LINE_BYTES) ZpPoolClass classes[ZP_POOL_CLASSES];
};

_Static_assert(sizeof(ZpPool) <= 3 * ZP_PAGE_BYTES, "an empty pool takes three pages");

static inline const ZpPreset *
zp_pool_preset(const ZpPool *pool)
{
	return &zp_presets[pool->preset];
}

/* Class of a size, rounded up to the alignment; 1 <= size <= ZP_LARGEST_SMALL_BYTES. */
static inline uint32_t
zp_pool_size_class(const ZpPool *pool, size_t size)
{
	return zp_size_class_of_last((uint32_t) (size - 1) | pool->align_mask);
}

/* Whether the segment of a ref is mapped here. */
static inline bool
zp_is_mapped(const ZpArenaMap *map, ZpRef ref)
{
	return map->biased[zp_ref_segment(ref)] != 0;
}

/*
 * Maps it; not with a lock held.  Whoever cannot says so by his status, if it comes to that:
 * map_failed is for those who use zp_at.
 */
static inline bool
zp_map_ref(ZpArenaMap *map, ZpRef ref)
{
	return zp_is_mapped(map, ref) || zp_map_slow(map, ref);
}

/* Adds to a counter that only one participant writes at a time. */
static inline void
zp_count(ZpAtomicU64 *counter, uint64_t delta)
{
	zp_store_relaxed_u64(counter, zp_load_relaxed_u64(counter) + delta);
}

/* Whether a class has no lock; once true, it stays. */
static inline bool
zp_class_is_lock_free(const ZpPoolClass *class)
{
	return zp_load_acquire_u32(&class->mode) == ZP_CLASS_LOCK_FREE;
}

/*
 * One of the first fields of a run that a ref may lie in.  If the ref is wrong, the
 * run may be changing hands this moment, and then this reads what another block's
 * owner writes.  Whatever it reads is refused or looked at again, so ThreadSanitizer
 * is told not to mind.
 */
#ifdef ZP_THREAD_SANITIZER
static __attribute__((noinline, unused, no_sanitize_thread)) uint32_t
zp_look(const void *field)
#else
static inline uint32_t
zp_look(const void *field)
#endif
{
	return *(const volatile uint32_t *) field;
}

/* Whether, as it looks now, a chunk of this pool and class is there. */
static inline bool
zp_chunk_is_there(const ZpChunk *chunk, const ZpPool *pool, uint32_t size_class)
{
	return zp_look(&chunk->magic) == ZP_CHUNK_MAGIC &&
		zp_look(&chunk->pool) == zp_load_relaxed_u32(&pool->self) &&
		zp_look(&chunk->size_class) == size_class;
}

/* Where a block is that is to be freed. */
typedef struct ZpBlockPlace
{
	ZpRef		run;
	ZpChunk    *chunk;
	uint32_t	size_class;		/* ZP_LARGE_CLASS: all below means nothing */
	uint32_t	block;
	uint32_t	life;			/* of the slab, when it was looked at */
} ZpBlockPlace;

/*
 * Not locked.  The chunk of this pool that ref lies in and, in a slab, the block that begins
 * there: ZP_OK, ZP_BAD_REF, ZP_MAP_FAILED.  A slab is then looked at again by its life: it
 * has one that no other slab of the pool ever has.
 */
static inline ZpStatus
zp_locate(ZpArenaMap *map, const ZpPool *pool, ZpRef ref, ZpBlockPlace *place)
{
	const ZpChunk *chunk;
	uint32_t	pages;
	uint32_t	first;
	uint32_t	units;
	uint32_t	offset;

	if (ZP_UNLIKELY(!zp_find_mapped_run(map, ref, &place->run, &pages)))
	{
		ZpStatus	status = zp_arena_find_run(map, ref, &place->run, &pages);

		if (status != ZP_OK)
			return status;
	}
	chunk = place->chunk = zp_at(map, place->run);
	place->size_class = zp_look(&chunk->size_class);
	if (ZP_UNLIKELY(zp_look(&chunk->magic) != ZP_CHUNK_MAGIC ||
					zp_look(&chunk->pool) != zp_load_relaxed_u32(&pool->self) ||
					place->size_class > ZP_LARGE_CLASS))
		return ZP_BAD_REF;
	if (ZP_UNLIKELY(place->size_class == ZP_LARGE_CLASS))
		return ZP_OK;

	/* As zp_slab_find; and not outside of the run, whatever is read. */
	first = zp_look(&chunk->first);
	units = zp_look(&chunk->units);
	place->life = zp_look(&chunk->life);
	offset = ref - place->run - first;
	place->block = (uint32_t) (((uint64_t) offset * zp_look(&chunk->reciprocal)) >> 31);
	if (ZP_UNLIKELY(ref - place->run < first || place->block >= zp_look(&chunk->blocks) ||
					place->block * units != offset ||
					place->block / ZP_MARKS >= pages * (ZP_PAGE_BYTES / sizeof(uint64_t)) -
					sizeof(ZpChunk) / sizeof(uint64_t)))
		return ZP_BAD_REF;
	return ZP_OK;
}

/* The same, and ZP_BAD_SIZE if a block of a slab is not of that size. */
static inline ZpStatus
zp_locate_block(ZpArenaMap *map, const ZpPool *pool, ZpRef ref, size_t size, ZpBlockPlace *place)
{
	ZpStatus	status = zp_locate(map, pool, ref, place);

	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	if (ZP_UNLIKELY(place->size_class != ZP_LARGE_CLASS &&
					(size == 0 || size > pool->small_bytes ||
					 zp_pool_size_class(pool, size) != place->size_class)))
		return ZP_BAD_SIZE;
	return ZP_OK;
}

/*
 * Work on one class in mode LOCKED.  "Locked": the class is the caller's.  These never
 * wait; if they need a segment that is not mapped, they change nothing, set *missing to a
 * ref in it and return ZP_MAP_FAILED: unlock, zp_map_ref, and try again.
 */

/* Locked.  A block of a slab that there is: ZP_OK, ZP_NOT_FOUND. */
static inline ZpStatus
zp_class_take(ZpArenaMap *map, ZpPoolClass *class, ZpRef *ref, ZpRef *missing)
{
	ZpRef		slab = class->partial;
	ZpChunk    *chunk;

	if (ZP_UNLIKELY(slab == ZP_NULL_REF))
		return ZP_NOT_FOUND;
	if (ZP_UNLIKELY(!zp_is_mapped(map, slab)))
	{
		*missing = slab;
		return ZP_MAP_FAILED;
	}
	chunk = zp_at(map, slab);
	*ref = slab + zp_slab_take(chunk);
	if (ZP_UNLIKELY(chunk->used == chunk->blocks))
		class->partial = chunk->next_partial;
	zp_count(&class->allocations, 1);
	return ZP_OK;
}

/*
 * Locked.  Frees the block at a place, after all checks that need the lock.  If that was
 * the chunk's last block, the chunk is no longer in the pool and *released says how many
 * pages the caller has to give back (zp_pool_put_run); else 0.
 */
extern ZpStatus zp_class_give(ZpArenaMap *map, ZpPool *pool, const ZpBlockPlace *place, ZpRef ref,
							  size_t size, uint32_t *released, ZpRef *missing);

/*
 * Not locked.  Makes a new slab and takes a block from it; locks if `locking`.  ZP_BUSY:
 * the class has no lock any more.
 */
extern ZpStatus zp_class_refill(ZpArenaMap *map, ZpPool *pool, uint32_t size_class,
								bool locking, ZpRef *ref);

/*
 * For classes in mode LOCK_FREE.  Not locked.  A slab in hand: all its blocks are
 * promised to the caller; and the reverse, for a slab in nobody's hand but the caller's,
 * none of whose blocks is out (false: it cannot be unlinked here, nothing changed).
 */
extern ZpStatus zp_class_new_slab(ZpArenaMap *map, ZpPool *pool, uint32_t size_class,
								  ZpRef *run);
extern bool zp_class_release_slab(ZpArenaMap *map, ZpPool *pool, uint32_t size_class,
								  ZpRef run);

/* Not locked.  A large block; and its end. */
extern ZpStatus zp_class_take_large(ZpArenaMap *map, ZpPool *pool, size_t size,
									bool locking, ZpRef *ref);
extern ZpStatus zp_class_give_locking(ZpArenaMap *map, ZpPool *pool, const ZpBlockPlace *place,
									  ZpRef ref, size_t size);

/*
 * Takes the preset's initial bytes, but no more than the bound, for a pool that nobody knows
 * yet; as zp_arena_alloc_pages.
 */
extern ZpStatus zp_pool_take_initial(ZpArenaMap *map, ZpPool *pool);

/* Not locked.  Pages from the arena and back, counted against the pool's bound. */
extern ZpStatus zp_pool_get_run(ZpArenaMap *map, ZpPool *pool, uint32_t pages, ZpRef *run);
extern void zp_pool_put_run(ZpArenaMap *map, ZpPool *pool, ZpRef run, uint32_t pages);

/* Size of the block handed out at a place; not at level fixed. */
extern ZpStatus zp_class_block_bytes(ZpPool *pool, const ZpBlockPlace *place, ZpRef ref,
									 size_t *bytes);

/* Locks a class.  ZP_OK, or ZP_CANCELLED if hooks are given. */
extern ZpStatus zp_class_lock(ZpPool *pool, ZpPoolClass *class, const ZpWaitHooks *hooks);

/* Counts contention; may raise the level of a pool that adapts.  Not with a lock held. */
extern void zp_pool_contended_slow(ZpArenaMap *map, ZpPool *pool, uint32_t events);

static inline void
zp_pool_contended(ZpArenaMap *map, ZpPool *pool, uint32_t events)
{
	if (ZP_UNLIKELY(events != 0))
		zp_pool_contended_slow(map, pool, events);
}

/*
 * The participant's record; NULL: there is no memory for one.  A free must not wait for
 * the arena to grow, nor make it: may_grow is false.
 */
extern ZpPoolRecord *zp_pool_record_slow(ZpArenaMap *map, ZpPool *pool, bool may_grow);

/* Where the participant's map notes its record in a pool. */
static inline ZpRecordSlot *
zp_record_slot(ZpArenaMap *map, const ZpPool *pool)
{
	return &map->records[((uintptr_t) pool / ZP_PAGE_BYTES) % ZP_RECORD_SLOTS];
}

static inline ZpPoolRecord *
zp_pool_record(ZpArenaMap *map, ZpPool *pool, bool may_grow)
{
	ZpRecordSlot *slot = zp_record_slot(map, pool);

	if (ZP_LIKELY(slot->pool == pool && slot->serial == pool->serial))
		return slot->record;
	return zp_pool_record_slow(map, pool, may_grow);
}

/* The cores that the operating system lets run; at least 1. */
extern uint32_t zp_pool_cores(void);

/* Allocations so far, by anybody. */
extern uint64_t zp_pool_operations(ZpArenaMap *map, ZpPool *pool);

/* All records are given back; nobody may be using the pool. */
extern ZpStatus zp_pool_records_free(ZpArenaMap *map, ZpPool *pool);

/*
 * Calls visit with NULL and then for each record, with records_lock held, so visit must be
 * short.  A record that goes takes its counts to the classes under that lock: who adds both
 * up reads those of the classes when called with NULL.
 * ZP_MAP_FAILED if a record cannot be mapped: then it was called for none.
 */
extern ZpStatus zp_pool_records_visit(ZpArenaMap *map, ZpPool *pool,
									  void (*visit) (const ZpPoolRecord *record, void *argument),
									  void *argument);

/* How many promises a magazine of a class holds at most; 0: none. */
static inline uint32_t
zp_magazine_limit(const ZpPool *pool, uint32_t size_class)
{
	const ZpPreset *preset = zp_pool_preset(pool);
	uint32_t	fits = preset->magazine_bytes / (uint32_t) zp_size_class_bytes(size_class);

	if (fits < 2)
		return 0;
	return fits < preset->magazine_blocks ? fits : preset->magazine_blocks;
}

/* Of a magazine and active words: gives n promised blocks of a slab back.  pool_lock_free.c. */
extern void zp_slab_unpromise(ZpArenaMap *map, ZpPool *pool, uint32_t size_class, ZpRef run,
							  uint32_t n);

/*
 * Promises up to `want` blocks of a slab: *run is mapped, *got at least 1.  ZP_OK, or
 * why there is no slab: as zp_pool_alloc.
 */
extern ZpStatus zp_class_promise(ZpArenaMap *map, ZpPool *pool, uint32_t size_class,
								 uint32_t want, ZpRef *run, uint32_t *got);

/* Clears the mark of a block that zp_locate_block found; it is then promised to the caller. */
extern ZpStatus zp_slab_clear_mark(ZpArenaMap *map, ZpPool *pool, const ZpBlockPlace *place);

/* Turns a class to mode LOCK_FREE: ZP_OK, ZP_MAP_FAILED, ZP_CANCELLED (hooks). */
extern ZpStatus zp_class_unlock_for_good(ZpArenaMap *map, ZpPool *pool, uint32_t size_class,
										 const ZpWaitHooks *hooks);

/* Gives back all slabs of the pool that have no block out; true if there was one. */
extern bool zp_pool_reap(ZpArenaMap *map, ZpPool *pool);

/* The levels. */
extern ZpStatus zp_pool_no_lock_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref);
extern ZpStatus zp_pool_no_lock_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size);
extern ZpStatus zp_pool_mutex_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref);
extern ZpStatus zp_pool_mutex_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size);
extern ZpStatus zp_pool_lock_free_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref);
extern ZpStatus zp_pool_lock_free_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size);
extern ZpStatus zp_pool_local_cache_alloc(ZpArenaMap *map, ZpPool *pool, size_t size,
										  ZpRef *ref);
extern ZpStatus zp_pool_local_cache_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size);
extern ZpStatus zp_pool_fixed_create(ZpArenaMap *map, ZpPool *pool);
extern ZpStatus zp_pool_fixed_destroy(ZpArenaMap *map, ZpPool *pool);
extern ZpStatus zp_pool_fixed_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref);
extern ZpStatus zp_pool_fixed_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size);
extern ZpStatus zp_pool_fixed_block_bytes(ZpArenaMap *map, ZpPool *pool, ZpRef ref,
										   size_t *bytes);
extern ZpMutex *zp_pool_fixed_mutex(ZpArenaMap *map, ZpPool *pool);
extern void zp_pool_fixed_stats(ZpArenaMap *map, ZpPool *pool, ZpPoolStats *stats);
extern ZpStatus zp_pool_fixed_check(ZpArenaMap *map, ZpPool *pool, char *why, size_t why_bytes);

#endif							/* ZP_POOL_INTERNAL_H */
