/*
 * arena.h
 *	  One shared address space made of segments, cut into pages of 4 KB.
 *
 * The arena hands out runs of pages.  Each segment begins with a header and a
 * page map (one 32-bit entry a page) that says of every page whether it is free,
 * the head of a run, or inside one; free neighbours are joined at once.  Free
 * runs hang in lists by size.
 *
 * A segment, once made, keeps its number and its place in everybody's mapping
 * until the server stops.  When all its pages are free they are given back to
 * the operating system (decommit) and committed again before they are used, so
 * no participant can meet a mapping that went stale.
 *
 * Locks: `grow` (held while a segment is made or committed; waiting for it can be
 * cancelled), then `pages` (short; not cancellable).  Nothing else is locked
 * while either is held.
 */
#ifndef ZP_ARENA_H
#define ZP_ARENA_H

#include <stdbool.h>

#include "mem/ref.h"
#include "port/futex.h"
#include "port/mutex.h"

#define ZP_PAGE_BYTES		4096
#define ZP_PAGE_REFS		(ZP_PAGE_BYTES / ZP_UNIT_BYTES)

/*
 * Where segments come from: PostgreSQL's dynamic shared memory, or a file in
 * memory under test.  None of these may throw.
 */
typedef struct ZpSegmentOps
{
	/*
	 * Makes a segment of zeroed bytes, backed by real memory, mapped here at
	 * *base.  *handle lets every other participant attach it.
	 */
	ZpStatus	(*create) (void *context, uint32_t segment, size_t bytes,
						   uint32_t *handle, void **base);
	ZpStatus	(*attach) (void *context, uint32_t segment, size_t bytes,
						   uint32_t handle, void **base);
	void		(*detach) (void *context, uint32_t segment, size_t bytes, void *base);

	/* Gives the memory of whole pages back; they read as zeros or fault after. */
	ZpStatus	(*decommit) (void *context, void *base, size_t bytes);
	/* Backs whole pages with zeroed memory again: ZP_OK or ZP_OUT_OF_MEMORY. */
	ZpStatus	(*commit) (void *context, void *base, size_t bytes);

	/*
	 * Asks for huge pages behind whole pages that have memory.  ZP_OK: they are there;
	 * else not, or not all.  May be NULL: there are none.
	 */
	ZpStatus	(*huge) (void *context, void *base, size_t bytes);
} ZpSegmentOps;

typedef struct ZpArena ZpArena; /* shared; lives in segment 0; see arena.c */

/* Where this participant's record in a pool is mapped; see pool_record.c. */
typedef struct ZpRecordSlot
{
	const void *pool;			/* its address here */
	uint64_t	serial;			/* of the pool: another may come to lie there */
	void	   *record;
} ZpRecordSlot;

#define ZP_RECORD_SLOTS 16

/* One participant's view of an arena; private to it, used by one thread. */
typedef struct ZpArenaMap
{
	/*
	 * Mapped address of each segment less 16 * its first ref, so that an
	 * address is one addition; 0: not mapped yet.
	 */
	uintptr_t	biased[ZP_SEGMENTS];
	ZpArena    *arena;
	const ZpSegmentOps *ops;
	void	   *ops_context;
	const ZpWaitHooks *hooks;	/* for cancellable waits; may be NULL */
	uint32_t	participant;	/* this participant's number, never 0 */
	bool		light_fences;	/* this process lets others make its fences (port/barrier.h) */

	/*
	 * Set when a segment could not be mapped and zp_at() returned the void
	 * block instead.  An operation clears it first and looks at it last.
	 */
	bool		map_failed;

	/*
	 * While set, this participant may pass the bounds of pools and arena: for
	 * work that gives back more than it takes.
	 */
	bool		exempt_from_limits;

	/* The pools that were used last, by a few bits of their addresses. */
	ZpRecordSlot records[ZP_RECORD_SLOTS];
} ZpArenaMap;

/*
 * Makes an arena (segment 0 and the control block in it) and maps it; *handle
 * is what zp_arena_attach needs.  ZP_OUT_OF_MEMORY.
 */
extern ZpStatus zp_arena_create(ZpArenaMap *map, const ZpSegmentOps *ops, void *ops_context,
								const ZpWaitHooks *hooks, uint32_t participant,
								uint32_t *handle);

/* Maps an arena that exists.  ZP_MAP_FAILED, ZP_CORRUPTED (not an arena, or another layout). */
extern ZpStatus zp_arena_attach(ZpArenaMap *map, const ZpSegmentOps *ops, void *ops_context,
								const ZpWaitHooks *hooks, uint32_t participant,
								uint32_t handle);

/* Unmaps every segment; the arena lives on. */
extern void zp_arena_detach(ZpArenaMap *map);

/* Limit on the bytes of committed segments; 0: none.  Holds from the next growth on. */
extern void zp_arena_set_limit(ZpArenaMap *map, uint64_t bytes);

/* A ref that the arena's user can find again: the root of everything else.  Null at first. */
extern ZpRef zp_arena_root(ZpArenaMap *map);
extern void zp_arena_set_root(ZpArenaMap *map, ZpRef root);

/*
 * A run of whole pages, contents undefined, page aligned.  ZP_OUT_OF_MEMORY,
 * ZP_OVER_LIMIT, ZP_CANCELLED, ZP_BAD_ARGUMENT (0 pages, or over the largest segment).
 */
extern ZpStatus zp_arena_alloc_pages(ZpArenaMap *map, uint32_t pages, ZpRef *ref);

/* The same from what is in service, without growth or a wait for it; ZP_NOT_FOUND. */
extern ZpStatus zp_arena_take_pages(ZpArenaMap *map, uint32_t pages, ZpRef *ref);

/*
 * Cuts the last pages off a run that is the caller's: they are a run of their own then.
 * ZP_NOT_FOUND: the run would have no page left.  ZP_MAP_FAILED, ZP_BAD_REF.
 */
extern ZpStatus zp_arena_cut(ZpArenaMap *map, ZpRef run, uint32_t pages, ZpRef *ref);

/*
 * Gives a run back.  Never fails on a run that zp_arena_alloc_pages gave, unless its
 * segment cannot be mapped here (ZP_MAP_FAILED, nothing changed).  ZP_BAD_REF: no run.
 */
extern ZpStatus zp_arena_free_pages(ZpArenaMap *map, ZpRef ref);

/*
 * First page of the run that ref lies in, for any 32-bit number; ZP_BAD_REF if
 * it lies in no run that is in use.  ZP_MAP_FAILED.
 */
extern ZpStatus zp_arena_find_run(ZpArenaMap *map, ZpRef ref, ZpRef *run, uint32_t *pages);

/*
 * Between these two no memory goes back to the operating system: what was a run when it was
 * found after zp_arena_hold can be read, though it may be another's by then.  Short; not
 * for what waits.
 */
extern void zp_arena_hold(ZpArenaMap *map);
extern void zp_arena_let_go(ZpArenaMap *map);

/* A number that this arena never gave before; not 0. */
extern uint64_t zp_arena_next_serial(ZpArenaMap *map);

/* Maps the segment of ref; false: it cannot be.  For those who have another way then. */
extern bool zp_map_slow(ZpArenaMap *map, ZpRef ref);

/* The same, or sets map_failed and returns a block of zeros. */
extern void *zp_at_slow(ZpArenaMap *map, ZpRef ref);

/*
 * The address of a ref that this arena handed out.  If the segment cannot be
 * mapped: a read-only block of 64 zeros, and map->map_failed is set.
 */
static inline void *
zp_at(ZpArenaMap *map, ZpRef ref)
{
	uintptr_t	biased = map->biased[zp_ref_segment(ref)];

	if (ZP_UNLIKELY(biased == 0))
		return zp_at_slow(map, ref);
	return (void *) (biased + ((uintptr_t) ref << ZP_REF_SHIFT));
}

typedef struct ZpArenaStats
{
	uint64_t	limit_bytes;	/* 0: none */
	uint64_t	segments;		/* made so far */
	uint64_t	reserved_bytes; /* committed: what the operating system has given */
	uint64_t	used_bytes;		/* in runs, and in headers */
	uint64_t	largest_free_bytes;
	uint64_t	mapped_bytes;	/* by this participant */
	uint64_t	growths;		/* segments made or committed again */
	uint64_t	decommits;		/* segments given back */
	uint64_t	failures;		/* growths that were refused */
} ZpArenaStats;

extern void zp_arena_stats(ZpArenaMap *map, ZpArenaStats *stats);

/* Walks all page maps and lists; ZP_CORRUPTED and why.  Nobody else may allocate meanwhile. */
extern ZpStatus zp_arena_check(ZpArenaMap *map, char *why, size_t why_bytes);

#endif							/* ZP_ARENA_H */
