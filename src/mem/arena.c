/*
 * arena.c
 *	  One shared address space made of segments: which exist, and who grows it.
 *
 * The control block lies in the header of segment 0.  A segment is in one of
 * four states, told by three sets of bits:
 *
 *	  absent		not in `made`
 *	  in service	in `made` and `in_service`: runs are taken from it
 *	  empty			in `made` and `empty`: all its pages were freed; no run is
 *					taken from it until somebody with `grow` either gives its
 *					memory back or puts it into service again.  Empty segments are kept
 *					while they are little: see empty_to_give
 *	  decommitted	in `made` only: its body has no memory; its header has
 *
 * A run is taken from the lowest segment that has one long enough, so that the
 * upper segments drain and go back to the operating system.  Each segment's free
 * runs hang in lists of its own (runs.c), not in lists across segments: so a
 * participant that frees a run touches only the segment that the run is in, which
 * it has mapped, and one that cannot map some segment can still use the others.
 *
 * Growth.  Who finds no run locks `grow` (cancellable: making a segment of a
 * gigabyte takes a large part of a second), looks again, because somebody else may
 * have grown it meanwhile, and then takes the lowest of: an empty segment, a
 * decommitted one, an absent one, with a large enough body.  It carves its own run
 * in the same breath that puts the segment into service, so nobody can snatch it
 * away.  Nothing that can block is called with `pages` held: the ops only under
 * `grow`.
 *
 * Giving back.  Freeing must neither fail nor wait for somebody's growth.  Who
 * frees the last run of a segment (other than segment 0) marks it empty, under
 * `pages`, and, if too much is empty now, only tries `grow`.  If it is held, its holder
 * does the work: everybody looks for empty segments after releasing `grow` (settle).  None is
 * forgotten: a look that misses the mark was made under `pages` before the mark
 * was, so `grow` was free by the time of the try.
 *
 * The limit counts committed bytes: whole segments, but of decommitted (and not
 * of empty) ones only the header.
 *
 * Costs: taking or giving a run locks `pages` twice at most and looks at one byte
 * per segment and at up to 32 free runs; then one store a page to mark the run,
 * outside the lock.  The map of a segment is 0.1 % of it.
 *
 * Weak: a program whose use swings widely and back pays for commit and decommit each
 * time.  There is one `pages` mutex; pools come here only for chunks, so
 * it is rarely contended.
 */
#include <stdio.h>
#include <string.h>

#include "mem/runs.h"
#include "port/backoff.h"
#include "port/barrier.h"

#define ZP_ARENA_MAGIC		0x5a704172
#define ZP_ARENA_LAYOUT		4	/* bump with any change of a struct in src/mem */

#define ZP_KEPT_EMPTY_BYTES		((uint64_t) 1 << 20)

/* Shared; in segment 0, after its page map. */
struct ZpArena
{
	/* Written before anybody can attach, then only read. */
	uint32_t	magic;
	uint32_t	layout;

	ZpAtomicU32 root;			/* the user's; released and acquired */
	uint32_t	padding;

	ZpAtomicU64 serial;			/* last number given by zp_arena_next_serial */
	/* Participants between zp_arena_hold and zp_arena_let_go; each adds and takes its own 1. */
	ZpAtomicU32 holders;

	/*
	 * Bit s: segment s exists, now and until the end.  Set under `grow` and
	 * `pages`, with release, after handles[s] and the segment's header are
	 * written; read with acquire by anybody.
	 */
	ZpAtomicU64 made;
	uint32_t	handles[ZP_SEGMENTS];

	/* Held while a segment is made, committed or decommitted. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpMutex grow;

	/* Guards all below, and the page maps and lists of all segments. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpMutex pages;

	uint64_t	in_service;		/* bit s; see above.  Set only with `grow` held, too */
	uint64_t	empty;
	uint64_t	limit_bytes;
	uint64_t	committed_bytes;
	uint64_t	used_bytes;		/* in runs and headers */
	uint64_t	growths;
	uint64_t	decommits;
	uint64_t	failures;
	uint8_t		top_bin[ZP_SEGMENTS];	/* highest bin with a run; 0: none */
};

_Static_assert(ZP_RUN_BINS <= UINT8_MAX, "top_bin holds a bin");

/* What zp_at gives if a segment cannot be mapped. */
static const _Alignas(ZP_CACHE_LINE_BYTES) unsigned char void_block[64];

static inline uint64_t
bit_of(uint32_t segment)
{
	return (uint64_t) 1 << segment;
}

static inline bool
is_mapped(const ZpArenaMap *map, uint32_t segment)
{
	return map->biased[segment] != 0;
}

/* The header of a segment that is mapped here. */
static inline ZpSegment *
header_of(const ZpArenaMap *map, uint32_t segment)
{
	ZpRef		first = zp_segment_first_ref(segment);

	return (ZpSegment *) (map->biased[segment] + ((uintptr_t) first << ZP_REF_SHIFT));
}

static inline void *
body_of(const ZpSegment *segment)
{
	return (char *) segment + (size_t) segment->header_pages * ZP_PAGE_BYTES;
}

static inline size_t
body_bytes(const ZpSegment *segment)
{
	return (size_t) zp_segment_body_pages(segment) * ZP_PAGE_BYTES;
}

static inline size_t
control_bytes(uint32_t segment)
{
	return segment == 0 ? sizeof(ZpArena) : 0;
}

static inline uint32_t
body_pages_of(uint32_t segment)
{
	return zp_segment_pages(segment) -
		zp_segment_header_pages(segment, control_bytes(segment));
}

static void
lock_pages(ZpArena *arena)
{
	/* Without hooks it cannot be cancelled. */
	(void) zp_mutex_lock(&arena->pages, NULL, NULL);
}

static void
unlock_pages(ZpArena *arena)
{
	zp_mutex_unlock(&arena->pages);
}

/* Notes where a segment is mapped.  False at the one address that reads as "not mapped". */
static bool
set_mapped(ZpArenaMap *map, uint32_t segment, void *base)
{
	ZpRef		first = zp_segment_first_ref(segment);

	map->biased[segment] = (uintptr_t) base - ((uintptr_t) first << ZP_REF_SHIFT);
	return map->biased[segment] != 0;
}

/* Maps a segment.  ZP_OK, ZP_MAP_FAILED, ZP_BAD_REF if there is no such segment. */
static ZpStatus
map_segment(ZpArenaMap *map, uint32_t segment)
{
	size_t		bytes = zp_segment_bytes(segment);
	void	   *base;

	if (is_mapped(map, segment))
		return ZP_OK;
	if ((zp_load_acquire_u64(&map->arena->made) & bit_of(segment)) == 0)
		return ZP_BAD_REF;
	if (map->ops->attach(map->ops_context, segment, bytes, map->arena->handles[segment],
						 &base) != ZP_OK)
		return ZP_MAP_FAILED;
	if (!set_mapped(map, segment, base))
	{
		map->ops->detach(map->ops_context, segment, bytes, base);
		return ZP_MAP_FAILED;
	}
	return ZP_OK;
}

bool
zp_map_slow(ZpArenaMap *map, ZpRef ref)
{
	return ref >= ZP_FIRST_REF && map_segment(map, zp_ref_segment(ref)) == ZP_OK;
}

void *
zp_at_slow(ZpArenaMap *map, ZpRef ref)
{
	if (zp_map_slow(map, ref))
		return (void *) (map->biased[zp_ref_segment(ref)] + ((uintptr_t) ref << ZP_REF_SHIFT));
	map->map_failed = true;
	return (void *) void_block;
}

static void
map_init(ZpArenaMap *map, const ZpSegmentOps *ops, void *ops_context,
		 const ZpWaitHooks *hooks, uint32_t participant)
{
	memset(map, 0, sizeof(*map));
	map->ops = ops;
	map->ops_context = ops_context;
	map->hooks = hooks;
	map->participant = participant;
	map->light_fences = zp_barrier_register();
}

ZpStatus
zp_arena_create(ZpArenaMap *map, const ZpSegmentOps *ops, void *ops_context,
				const ZpWaitHooks *hooks, uint32_t participant, uint32_t *handle)
{
	ZpSegment  *segment;
	ZpArena    *arena;
	void	   *base;
	ZpStatus	status;

	map_init(map, ops, ops_context, hooks, participant);
	status = ops->create(ops_context, 0, zp_segment_bytes(0), handle, &base);
	if (status != ZP_OK)
		return status;
	if (!set_mapped(map, 0, base))
	{
		ops->detach(ops_context, 0, zp_segment_bytes(0), base);
		return ZP_OUT_OF_MEMORY;
	}

	segment = base;
	zp_segment_init(segment, 0, sizeof(ZpArena));
	zp_runs_open(segment);

	arena = (ZpArena *) ((char *) base + zp_segment_control_offset(0));
	memset(arena, 0, sizeof(*arena));
	zp_mutex_init(&arena->grow);
	zp_mutex_init(&arena->pages);
	arena->handles[0] = *handle;
	arena->in_service = bit_of(0);
	arena->committed_bytes = zp_segment_bytes(0);
	arena->used_bytes = (uint64_t) segment->header_pages * ZP_PAGE_BYTES;
	arena->growths = 1;
	arena->top_bin[0] = (uint8_t) zp_runs_top_bin(segment);
	arena->layout = ZP_ARENA_LAYOUT;
	arena->magic = ZP_ARENA_MAGIC;
	zp_store_release_u64(&arena->made, bit_of(0));
	map->arena = arena;
	return ZP_OK;
}

ZpStatus
zp_arena_attach(ZpArenaMap *map, const ZpSegmentOps *ops, void *ops_context,
				const ZpWaitHooks *hooks, uint32_t participant, uint32_t handle)
{
	ZpArena    *arena;
	void	   *base;

	map_init(map, ops, ops_context, hooks, participant);
	if (ops->attach(ops_context, 0, zp_segment_bytes(0), handle, &base) != ZP_OK)
		return ZP_MAP_FAILED;
	if (!set_mapped(map, 0, base))
	{
		ops->detach(ops_context, 0, zp_segment_bytes(0), base);
		return ZP_MAP_FAILED;
	}
	arena = (ZpArena *) ((char *) base + zp_segment_control_offset(0));
	if (((ZpSegment *) base)->magic != ZP_SEGMENT_MAGIC ||
		arena->magic != ZP_ARENA_MAGIC || arena->layout != ZP_ARENA_LAYOUT)
	{
		zp_arena_detach(map);
		return ZP_CORRUPTED;
	}
	map->arena = arena;
	return ZP_OK;
}

void
zp_arena_detach(ZpArenaMap *map)
{
	for (uint32_t segment = 0; segment < ZP_SEGMENTS; segment++)
	{
		if (!is_mapped(map, segment))
			continue;
		map->ops->detach(map->ops_context, segment, zp_segment_bytes(segment),
						 header_of(map, segment));
		map->biased[segment] = 0;
	}
	map->arena = NULL;
}

void
zp_arena_set_limit(ZpArenaMap *map, uint64_t bytes)
{
	lock_pages(map->arena);
	map->arena->limit_bytes = bytes;
	unlock_pages(map->arena);
}

ZpRef
zp_arena_root(ZpArenaMap *map)
{
	return zp_load_acquire_u32(&map->arena->root);
}

void
zp_arena_set_root(ZpArenaMap *map, ZpRef root)
{
	zp_store_release_u32(&map->arena->root, root);
}

uint64_t
zp_arena_next_serial(ZpArenaMap *map)
{
	return zp_fetch_add_relaxed_u64(&map->arena->serial, 1) + 1;
}

void
zp_arena_hold(ZpArenaMap *map)
{
	(void) zp_fetch_add_seq_cst_u32(&map->arena->holders, 1);
	/* Pairs with the fence in settle. */
	zp_fence_seq_cst();
}

void
zp_arena_let_go(ZpArenaMap *map)
{
	(void) zp_fetch_add_seq_cst_u32(&map->arena->holders, (uint32_t) -1);
}

/* Takes a run from a mapped segment in service; `pages` is held. */
static bool
take_locked(ZpArenaMap *map, uint32_t number, uint32_t pages, uint32_t *first)
{
	ZpArena    *arena = map->arena;
	ZpSegment  *segment = header_of(map, number);

	if (!zp_run_take(segment, pages, first))
		return false;
	arena->top_bin[number] = (uint8_t) zp_runs_top_bin(segment);
	arena->used_bytes += (uint64_t) pages * ZP_PAGE_BYTES;
	return true;
}

/* The caller's part of taking a run, after `pages` is released. */
static ZpRef
finish_run(ZpArenaMap *map, uint32_t number, uint32_t first, uint32_t pages)
{
	zp_run_mark(header_of(map, number), first, pages);
	return zp_segment_first_ref(number) + first * (ZpRef) ZP_PAGE_REFS;
}

/* A run from the segments in service: ZP_OK or ZP_NOT_FOUND. */
static ZpStatus
take_run(ZpArenaMap *map, uint32_t pages, ZpRef *ref)
{
	ZpArena    *arena = map->arena;
	uint32_t	bin = zp_run_bin(pages);
	uint64_t	skip = 0;		/* segments that cannot be mapped here */

	for (;;)
	{
		uint32_t	missing = ZP_SEGMENTS;

		lock_pages(arena);
		for (uint64_t left = arena->in_service & ~skip; left != 0; left &= left - 1)
		{
			uint32_t	number = (uint32_t) __builtin_ctzll(left);
			uint32_t	first;

			if (arena->top_bin[number] < bin)
				continue;
			if (!is_mapped(map, number))
			{
				missing = number;
				break;
			}
			if (take_locked(map, number, pages, &first))
			{
				unlock_pages(arena);
				*ref = finish_run(map, number, first, pages);
				return ZP_OK;
			}
		}
		unlock_pages(arena);
		if (missing == ZP_SEGMENTS)
			return ZP_NOT_FOUND;
		if (map_segment(map, missing) != ZP_OK)
			skip |= bit_of(missing);
	}
}

/* Puts a wholly free segment into service; `grow` and `pages` are held. */
static void
open_segment(ZpArenaMap *map, uint32_t number)
{
	ZpSegment  *segment = header_of(map, number);

	zp_runs_open(segment);
	map->arena->in_service |= bit_of(number);
	map->arena->top_bin[number] = (uint8_t) zp_runs_top_bin(segment);
}

/* Counts bytes against the limit before the operating system is asked; `grow` is held. */
static bool
reserve_committed(ZpArenaMap *map, uint64_t bytes)
{
	ZpArena    *arena = map->arena;
	bool		fits;

	lock_pages(arena);
	fits = bytes == 0 || arena->limit_bytes == 0 || map->exempt_from_limits ||
		(arena->committed_bytes < arena->limit_bytes &&
		 arena->limit_bytes - arena->committed_bytes >= bytes);
	if (fits)
		arena->committed_bytes += bytes;
	unlock_pages(arena);
	return fits;
}

static void
unreserve_committed(ZpArena *arena, uint64_t bytes)
{
	lock_pages(arena);
	arena->committed_bytes -= bytes;
	unlock_pages(arena);
}

/* Makes an absent segment, not in service yet; `grow` is held, its bytes are reserved. */
static ZpStatus
make_segment(ZpArenaMap *map, uint32_t number)
{
	ZpArena    *arena = map->arena;
	size_t		bytes = zp_segment_bytes(number);
	ZpSegment  *segment;
	uint32_t	handle;
	void	   *base;
	ZpStatus	status;

	status = map->ops->create(map->ops_context, number, bytes, &handle, &base);
	if (status != ZP_OK)
		return status;
	if (!set_mapped(map, number, base))
	{
		map->ops->detach(map->ops_context, number, bytes, base);
		return ZP_OUT_OF_MEMORY;
	}
	segment = base;
	zp_segment_init(segment, number, 0);
	arena->handles[number] = handle;
	lock_pages(arena);
	arena->used_bytes += (uint64_t) segment->header_pages * ZP_PAGE_BYTES;
	zp_store_release_u64(&arena->made, zp_load_relaxed_u64(&arena->made) | bit_of(number));
	unlock_pages(arena);
	return ZP_OK;
}

/*
 * Brings one more segment into service and takes a run from it; `grow` is held.
 * After a failure to make or to commit a segment no other is made or committed,
 * for those are larger still; one that is empty and still committed will do.
 */
static ZpStatus
grow_and_take(ZpArenaMap *map, uint32_t pages, ZpRef *ref)
{
	ZpArena    *arena = map->arena;
	ZpStatus	failure = ZP_OUT_OF_MEMORY;
	bool		may_take_memory = true;

	for (uint32_t number = 0; number < ZP_SEGMENTS; number++)
	{
		uint64_t	made = zp_load_acquire_u64(&arena->made);
		uint64_t	in_service;
		uint64_t	empty;
		uint64_t	bytes;
		uint32_t	first;
		ZpStatus	status;
		bool		is_empty;

		if (body_pages_of(number) < pages)
			continue;
		lock_pages(arena);
		in_service = arena->in_service;
		empty = arena->empty;
		unlock_pages(arena);
		if ((in_service & bit_of(number)) != 0)
			continue;

		/* What it adds to the committed bytes. */
		is_empty = (empty & bit_of(number)) != 0;
		if ((made & bit_of(number)) == 0)
		{
			bytes = zp_segment_bytes(number);
		}
		else
		{
			if (map_segment(map, number) != ZP_OK)
				continue;
			bytes = is_empty ? 0 : body_bytes(header_of(map, number));
		}
		if (bytes != 0 && !may_take_memory)
			continue;
		if (!reserve_committed(map, bytes))
		{
			failure = ZP_OVER_LIMIT;
			continue;
		}

		if ((made & bit_of(number)) == 0)
		{
			status = make_segment(map, number);
			if (status != ZP_OK)
			{
				unreserve_committed(arena, bytes);
				failure = status;
				may_take_memory = false;
				continue;
			}
		}
		else if (!is_empty)
		{
			ZpSegment  *segment = header_of(map, number);

			status = map->ops->commit(map->ops_context, body_of(segment), body_bytes(segment));
			if (status != ZP_OK)
			{
				unreserve_committed(arena, bytes);
				failure = status;
				may_take_memory = false;
				continue;
			}
		}

		/* Nobody else touches a segment that is out of service: `grow` is ours. */
		lock_pages(arena);
		arena->empty &= ~bit_of(number);
		open_segment(map, number);
		if (bytes != 0)
			arena->growths++;
		(void) take_locked(map, number, pages, &first);
		unlock_pages(arena);
		*ref = finish_run(map, number, first, pages);
		return ZP_OK;
	}

	lock_pages(arena);
	arena->failures++;
	unlock_pages(arena);
	return failure;
}

/*
 * The empty segments that are too much, or all; `pages` is held.  An eighth of what is in
 * use may be empty, and in addition twice as much as is in use, up to 1 MB, so that a
 * program that uses little does not go to the operating system again and again.
 */
static uint64_t
empty_to_give(const ZpArena *arena, bool all)
{
	uint64_t	bytes = 0;
	uint64_t	may_keep;

	for (uint64_t left = arena->empty; left != 0; left &= left - 1)
		bytes += (uint64_t) body_pages_of((uint32_t) __builtin_ctzll(left)) * ZP_PAGE_BYTES;
	may_keep = arena->used_bytes / 8 +
		(arena->used_bytes < ZP_KEPT_EMPTY_BYTES / 2 ? arena->used_bytes * 2 :
		 ZP_KEPT_EMPTY_BYTES);
	return all || bytes > may_keep ? arena->empty : 0;
}

/*
 * Whether nobody is left who found a run in an empty segment while it was one.  They hold
 * for some instructions only; if one has lost its core, the segment stays for the next
 * one who looks for empty ones.
 */
static bool
wait_for_holders(const ZpArena *arena)
{
	ZpBackoff	backoff = ZP_BACKOFF_INIT;

	/* Pairs with the fence in zp_arena_hold. */
	zp_fence_seq_cst();
	while (zp_load_seq_cst_u32(&arena->holders) != 0)
	{
		if (!zp_backoff_pause(&backoff))
			return false;
	}
	return true;
}

/*
 * Gives the memory of empty segments back until it is not too much that is kept, or all of
 * it; or leaves it to the holder of `grow`.
 */
static void
settle(ZpArenaMap *map, bool all)
{
	ZpArena    *arena = map->arena;
	uint64_t	skip = 0;		/* cannot be mapped here: the next one does it */

	for (;;)
	{
		uint64_t	empty;
		uint32_t	number;
		ZpSegment  *segment;
		ZpStatus	status;

		lock_pages(arena);
		empty = empty_to_give(arena, all) & ~skip;
		unlock_pages(arena);
		if (empty == 0 || !zp_mutex_try_lock(&arena->grow))
			return;

		/* Another may have settled it before we got `grow`.  The largest goes first. */
		lock_pages(arena);
		empty = empty_to_give(arena, all) & ~skip;
		unlock_pages(arena);
		if (empty != 0 && !wait_for_holders(arena))
		{
			zp_mutex_unlock(&arena->grow);
			return;
		}
		if (empty != 0)
		{
			number = 63 - (uint32_t) __builtin_clzll(empty);
			if (map_segment(map, number) != ZP_OK)
				skip |= bit_of(number);
			else
			{
				segment = header_of(map, number);
				status = map->ops->decommit(map->ops_context, body_of(segment),
											body_bytes(segment));
				lock_pages(arena);
				arena->empty &= ~bit_of(number);
				if (status == ZP_OK)
				{
					arena->committed_bytes -= body_bytes(segment);
					arena->decommits++;
				}
				else
					open_segment(map, number);
				unlock_pages(arena);
			}
		}
		zp_mutex_unlock(&arena->grow);
	}
}

/* A run, by growth if need be. */
static ZpStatus
take_or_grow(ZpArenaMap *map, uint32_t pages, ZpRef *ref)
{
	ZpArena    *arena = map->arena;
	ZpStatus	status;

	status = zp_mutex_lock(&arena->grow, map->hooks, NULL);
	if (status != ZP_OK)
		return status;
	status = take_run(map, pages, ref);
	if (status != ZP_OK)
		status = grow_and_take(map, pages, ref);
	zp_mutex_unlock(&arena->grow);
	settle(map, false);
	return status;
}

ZpStatus
zp_arena_alloc_pages(ZpArenaMap *map, uint32_t pages, ZpRef *ref)
{
	ZpArena    *arena = map->arena;
	uint64_t	empty;
	ZpStatus	status;

	if (pages == 0 || pages > body_pages_of(ZP_SEGMENTS - 1))
		return ZP_BAD_ARGUMENT;
	if (take_run(map, pages, ref) == ZP_OK)
		return ZP_OK;
	status = take_or_grow(map, pages, ref);
	if (status != ZP_OUT_OF_MEMORY && status != ZP_OVER_LIMIT)
		return status;

	/* What is empty, but too short, may be what is missing. */
	lock_pages(arena);
	empty = arena->empty;
	unlock_pages(arena);
	if (empty == 0)
		return status;
	settle(map, true);
	return take_or_grow(map, pages, ref);
}

ZpStatus
zp_arena_take_pages(ZpArenaMap *map, uint32_t pages, ZpRef *ref)
{
	return take_run(map, pages, ref);
}

/* The mapped segment that a ref lies in, and its page there. */
static ZpStatus
locate(ZpArenaMap *map, ZpRef ref, uint32_t *number, uint32_t *page)
{
	if (ref < ZP_FIRST_REF)
		return ZP_BAD_REF;
	*number = zp_ref_segment(ref);
	*page = (ref - zp_segment_first_ref(*number)) / (uint32_t) ZP_PAGE_REFS;
	if (ZP_LIKELY(is_mapped(map, *number)))
		return ZP_OK;
	return map_segment(map, *number);
}

ZpStatus
zp_arena_cut(ZpArenaMap *map, ZpRef run, uint32_t pages, ZpRef *ref)
{
	uint32_t	number;
	uint32_t	page;
	uint32_t	first;
	bool		cut;
	ZpStatus	status;

	status = locate(map, run, &number, &page);
	if (status != ZP_OK)
		return status;
	if (run % ZP_PAGE_REFS != 0 || pages == 0)
		return ZP_BAD_REF;
	lock_pages(map->arena);
	cut = zp_run_cut(header_of(map, number), page, pages, &first);
	unlock_pages(map->arena);
	if (!cut)
		return ZP_NOT_FOUND;
	*ref = finish_run(map, number, first, pages);
	return ZP_OK;
}

ZpStatus
zp_arena_free_pages(ZpArenaMap *map, ZpRef ref)
{
	ZpArena    *arena = map->arena;
	ZpSegment  *segment;
	uint32_t	number;
	uint32_t	page;
	uint32_t	given;
	bool		too_much = false;
	ZpStatus	status;

	status = locate(map, ref, &number, &page);
	if (status != ZP_OK)
		return status;
	if (ref % ZP_PAGE_REFS != 0)
		return ZP_BAD_REF;

	segment = header_of(map, number);
	lock_pages(arena);
	given = zp_run_give(segment, page);
	if (given != 0)
	{
		arena->used_bytes -= (uint64_t) given * ZP_PAGE_BYTES;
		if (number != 0 && segment->free_pages == zp_segment_body_pages(segment))
		{
			zp_runs_close(segment);
			arena->in_service &= ~bit_of(number);
			arena->empty |= bit_of(number);
		}
		arena->top_bin[number] = (uint8_t) zp_runs_top_bin(segment);
		too_much = arena->empty != 0 && empty_to_give(arena, false) != 0;
	}
	unlock_pages(arena);
	if (too_much)
		settle(map, false);
	return given != 0 ? ZP_OK : ZP_BAD_REF;
}

ZpStatus
zp_arena_find_run(ZpArenaMap *map, ZpRef ref, ZpRef *run, uint32_t *pages)
{
	uint32_t	number;
	uint32_t	page;
	uint32_t	first;
	ZpStatus	status;

	status = locate(map, ref, &number, &page);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	if (ZP_UNLIKELY(!zp_run_find(header_of(map, number), page, &first, pages)))
		return ZP_BAD_REF;
	*run = zp_segment_first_ref(number) + first * (ZpRef) ZP_PAGE_REFS;
	return ZP_OK;
}

void
zp_arena_stats(ZpArenaMap *map, ZpArenaStats *stats)
{
	ZpArena    *arena = map->arena;
	uint64_t	made = zp_load_acquire_u64(&arena->made);
	uint64_t	mapped_bytes = 0;
	uint32_t	longest = 0;

	for (uint32_t number = 0; number < ZP_SEGMENTS; number++)
	{
		if (is_mapped(map, number))
			mapped_bytes += zp_segment_bytes(number);
	}

	/*
	 * Only the longest run needs the segments' own headers.  One that cannot be
	 * mapped is left out: for this participant it is not usable either.
	 */
	for (uint64_t left = made; left != 0; left &= left - 1)
		(void) map_segment(map, (uint32_t) __builtin_ctzll(left));

	lock_pages(arena);
	for (uint64_t left = arena->in_service; left != 0; left &= left - 1)
	{
		uint32_t	number = (uint32_t) __builtin_ctzll(left);
		uint32_t	length;

		if (!is_mapped(map, number))
			continue;
		length = zp_runs_longest(header_of(map, number));
		if (length > longest)
			longest = length;
	}
	stats->limit_bytes = arena->limit_bytes;
	stats->segments = (uint64_t) __builtin_popcountll(zp_load_relaxed_u64(&arena->made));
	stats->reserved_bytes = arena->committed_bytes;
	stats->used_bytes = arena->used_bytes;
	stats->largest_free_bytes = (uint64_t) longest * ZP_PAGE_BYTES;
	stats->mapped_bytes = mapped_bytes;
	stats->growths = arena->growths;
	stats->decommits = arena->decommits;
	stats->failures = arena->failures;
	unlock_pages(arena);
}

/* The check of the control block and every segment; `pages` is held, all are mapped. */
static ZpStatus
check_locked(ZpArenaMap *map, uint64_t made, char *why, size_t why_bytes)
{
	ZpArena    *arena = map->arena;
	uint64_t	committed = 0;
	uint64_t	used = 0;

	if (arena->magic != ZP_ARENA_MAGIC || (made & bit_of(0)) == 0 ||
		(arena->in_service & ~made) != 0 || (arena->empty & ~made) != 0 ||
		(arena->in_service & arena->empty) != 0 || (arena->in_service & bit_of(0)) == 0)
	{
		snprintf(why, why_bytes, "control block: states of segments contradict each other");
		return ZP_CORRUPTED;
	}
	for (uint64_t left = made; left != 0; left &= left - 1)
	{
		uint32_t	number = (uint32_t) __builtin_ctzll(left);
		ZpSegment  *segment = header_of(map, number);
		bool		in_service = (arena->in_service & bit_of(number)) != 0;
		ZpStatus	status;

		status = zp_runs_check(segment, in_service, why, why_bytes);
		if (status != ZP_OK)
			return status;
		if (segment->number != number ||
			segment->header_pages != zp_segment_header_pages(number, control_bytes(number)) ||
			arena->top_bin[number] != (in_service ? zp_runs_top_bin(segment) : 0))
		{
			snprintf(why, why_bytes, "segment %u: control block and header differ", number);
			return ZP_CORRUPTED;
		}
		used += (uint64_t) (segment->pages - segment->free_pages) * ZP_PAGE_BYTES;
		committed += (uint64_t) segment->header_pages * ZP_PAGE_BYTES;
		if (in_service || (arena->empty & bit_of(number)) != 0)
			committed += body_bytes(segment);
	}
	if (committed != arena->committed_bytes || used != arena->used_bytes)
	{
		snprintf(why, why_bytes,
				 "control block: %llu bytes committed and %llu used, segments say %llu and %llu",
				 (unsigned long long) arena->committed_bytes,
				 (unsigned long long) arena->used_bytes,
				 (unsigned long long) committed, (unsigned long long) used);
		return ZP_CORRUPTED;
	}
	return ZP_OK;
}

ZpStatus
zp_arena_check(ZpArenaMap *map, char *why, size_t why_bytes)
{
	ZpArena    *arena = map->arena;
	uint64_t	made = zp_load_acquire_u64(&arena->made);
	ZpStatus	status;

	if (why_bytes > 0)
		why[0] = '\0';
	for (uint64_t left = made; left != 0; left &= left - 1)
	{
		uint32_t	number = (uint32_t) __builtin_ctzll(left);

		if (map_segment(map, number) != ZP_OK)
		{
			snprintf(why, why_bytes, "segment %u: cannot be mapped", number);
			return ZP_MAP_FAILED;
		}
	}
	lock_pages(arena);
	status = check_locked(map, made, why, why_bytes);
	unlock_pages(arena);
	return status;
}
