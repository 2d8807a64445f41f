/*
 * pool_fixed.c
 *	  Level 5: all memory at creation, never more.
 *
 * The pool's one run holds a header, a map and the blocks.  Blocks are cut in units of 64
 * bytes, small ones and large ones from the same memory, so the pool refuses a block only
 * if no free run of units is long enough for it: with blocks of one size exactly when as many
 * as fit into the capacity are out.
 *
 * The map has 8 bytes for each unit; no link or length lies in a block, so a program
 * that writes after it freed damages its own data at most:
 *
 *	  USED		first unit of a block: its units; the size that a free must give
 *	  FREE_HEAD, FREE_TAIL	the ends of a free run: its length in both, and two links
 *	  FREE_ONE	a free run of one unit: two links
 *	  FREED		inside of a free run, where a block began
 *	  NONE		anything else
 *
 * The first and the last entry of each run are right at any time, so neighbours are joined
 * at once (Knuth's boundary tags).  Free runs hang in bins by length, one a length up to
 * 511 units (32 KB), eight an octave beyond, with two levels of bitmaps to find the next
 * that is filled (TLSF: Masmano, Ripoll, Crespo, Real, ECRTS 2004).  Of lengths that small
 * blocks have a bin is a list; beyond it is a treap, as in runs.c, so that the runs for large
 * blocks have a total order, by length and then by place: a large block is taken from the
 * shortest that is long enough, and of equal ones from the lowest.
 *
 * A sixteenth of the capacity, but at most 64 KB, is there in addition for participants that
 * may pass limits (exempt_from_limits): those who give back more than they take.
 *
 * Costs: one mutex.  For a small block it is held for a number of steps that does not depend
 * on how many blocks there are, unless its neighbour is a long free run: for that one, and for
 * a large block, the steps grow with the logarithm of the number of long free runs.  The map
 * is an eighth of the capacity, in addition to it.
 *
 * Weak: a block takes whole units.  All participants share one mutex; who waits for it waits
 * for another's step, which is short, unless that one loses its core.
 */
#include <stdio.h>
#include <string.h>

#include "mem/pool_internal.h"
#include "port/point.h"

#define ZP_FIXED_MAGIC		0x5a704678

#define ZP_UNIT				64
#define ZP_UNIT_REFS		(ZP_UNIT / (uint32_t) ZP_UNIT_BYTES)

/* Lists: lengths below 512 have one each; 8 an octave up to 2^26 units (4 GB) and a bit. */
#define ZP_EXACT_ORDER		9
#define ZP_EXACT_LISTS		(1 << ZP_EXACT_ORDER)
#define ZP_FIXED_LISTS		(ZP_EXACT_LISTS + 8 * 18)
#define ZP_FIXED_WORDS		((ZP_FIXED_LISTS + 63) / 64)

/* A tree is broken if it is deeper; twice the logarithm of the most units would be 54. */
#define ZP_TREE_MOST_DEPTH	200

#define ZP_NO_UNIT			UINT32_MAX

/* Most that is reserved for the exempt. */
#define ZP_RESERVE_UNITS	1024

enum
{
	ZP_KIND_NONE = 0,
	ZP_KIND_USED = 1,
	ZP_KIND_FREE_ONE = 2,
	ZP_KIND_FREE_HEAD = 3,
	ZP_KIND_FREE_TAIL = 4,
	ZP_KIND_FREED = 5
};

#define ZP_KIND_SHIFT		29
#define ZP_NUMBER_MASK		(((uint32_t) 1 << ZP_KIND_SHIFT) - 1)

/*
 * kind and a number; a second number.  FREE_ONE: next, previous.  FREE_HEAD: length,
 * next.  FREE_TAIL: length, previous.  Next and previous are units + 1; 0: none.  In a tree
 * they are its subtrees: next what is shorter, or as long and lower, previous the rest.
 */
typedef struct FixedEntry
{
	uint32_t	kind_and_number;
	uint32_t	other;
} FixedEntry;

/*
 * Shared; the first bytes of the run.  The first three fields lie where a chunk's do.  All
 * else but the constants is guarded by mutex.
 */
typedef struct ZpFixed
{
	ZpAtomicU32 magic;
	ZpAtomicU32 pool;
	uint32_t	units;			/* with the reserve; constant */
	uint32_t	capacity;		/* units without it; constant */
	uint32_t	first;			/* refs from the run's start to unit 0; constant */
	uint32_t	pages;			/* constant */
	uint32_t	tree_from;		/* bins from this on are trees; constant */

	ZpMutex		mutex;
	uint32_t	free_units;
	uint32_t	large_blocks;
	uint64_t	summary;		/* bit w: filled[w] is not 0 */
	uint64_t	filled[ZP_FIXED_WORDS]; /* bit l: lists[l] is not empty */
	uint32_t	lists[ZP_FIXED_LISTS];	/* first or root: unit + 1 of a free run; 0: none */
	FixedEntry	map[];
} ZpFixed;

_Static_assert(ZP_FIXED_WORDS <= 64, "one word tells which words are filled");

static inline uint32_t
kind_of(const ZpFixed *fixed, uint32_t unit)
{
	return fixed->map[unit].kind_and_number >> ZP_KIND_SHIFT;
}

static inline uint32_t
number_of(const ZpFixed *fixed, uint32_t unit)
{
	return fixed->map[unit].kind_and_number & ZP_NUMBER_MASK;
}

static inline void
set_entry(ZpFixed *fixed, uint32_t unit, uint32_t kind, uint32_t number, uint32_t other)
{
	fixed->map[unit] = (FixedEntry) {kind << ZP_KIND_SHIFT | number, other};
}

static inline bool
is_free_head(uint32_t kind)
{
	return kind == ZP_KIND_FREE_ONE || kind == ZP_KIND_FREE_HEAD;
}

/* Length of the free run that begins at a unit. */
static inline uint32_t
run_length(const ZpFixed *fixed, uint32_t unit)
{
	return kind_of(fixed, unit) == ZP_KIND_FREE_ONE ? 1 : number_of(fixed, unit);
}

static inline uint32_t
next_of(const ZpFixed *fixed, uint32_t unit)
{
	return kind_of(fixed, unit) == ZP_KIND_FREE_ONE ? number_of(fixed, unit) :
		fixed->map[unit].other;
}

static void
set_next(ZpFixed *fixed, uint32_t unit, uint32_t next)
{
	if (kind_of(fixed, unit) == ZP_KIND_FREE_ONE)
		set_entry(fixed, unit, ZP_KIND_FREE_ONE, next, fixed->map[unit].other);
	else
		fixed->map[unit].other = next;
}

static inline uint32_t
previous_of(const ZpFixed *fixed, uint32_t unit)
{
	return fixed->map[unit + run_length(fixed, unit) - 1].other;
}

static inline void
set_previous(ZpFixed *fixed, uint32_t unit, uint32_t previous)
{
	fixed->map[unit + run_length(fixed, unit) - 1].other = previous;
}

static inline uint32_t
list_of(uint32_t length)
{
	uint32_t	order;

	if (length < ZP_EXACT_LISTS)
		return length;
	order = 31 - (uint32_t) __builtin_clz(length);
	return ZP_EXACT_LISTS + (order - ZP_EXACT_ORDER) * 8 + ((length >> (order - 3)) & 7);
}

/* No two units have the same: the factor is odd. */
static inline uint32_t
priority_of(uint32_t unit)
{
	return unit * 0x9e3779b1u;
}

/* Whether the free run at unit a comes before one of so many units at unit b. */
static inline bool
comes_before(const ZpFixed *fixed, uint32_t a, uint32_t b_length, uint32_t b)
{
	uint32_t	a_length = run_length(fixed, a);

	return a_length < b_length || (a_length == b_length && a < b);
}

/* A place in a tree: the root of a list, or a side of a run. */
typedef struct TreeLink
{
	uint32_t	list;
	uint32_t	parent;			/* ZP_NO_UNIT: the root */
	bool		longer;			/* which subtree of it */
} TreeLink;

static inline uint32_t
read_link(const ZpFixed *fixed, TreeLink link)
{
	if (link.parent == ZP_NO_UNIT)
		return fixed->lists[link.list];
	return link.longer ? previous_of(fixed, link.parent) : next_of(fixed, link.parent);
}

static inline void
write_link(ZpFixed *fixed, TreeLink link, uint32_t place)
{
	if (link.parent == ZP_NO_UNIT)
		fixed->lists[link.list] = place;
	else if (link.longer)
		set_previous(fixed, link.parent, place);
	else
		set_next(fixed, link.parent, place);
}

/* The run has its entries; puts it into the tree of a list. */
static void
tree_insert(ZpFixed *fixed, uint32_t list, uint32_t unit, uint32_t length)
{
	TreeLink	link = {list, ZP_NO_UNIT, false};
	TreeLink	shorter = {list, unit, false};
	TreeLink	longer = {list, unit, true};
	uint32_t	place;

	/* Below all that have a higher priority. */
	while ((place = read_link(fixed, link)) != 0 && priority_of(place - 1) > priority_of(unit))
		link = (TreeLink) {list, place - 1, comes_before(fixed, place - 1, length, unit)};
	write_link(fixed, link, unit + 1);

	/* The tree that was there is split into what comes before and what comes after. */
	while (place != 0)
	{
		if (comes_before(fixed, place - 1, length, unit))
		{
			write_link(fixed, shorter, place);
			shorter = (TreeLink) {list, place - 1, true};
			place = read_link(fixed, shorter);
		}
		else
		{
			write_link(fixed, longer, place);
			longer = (TreeLink) {list, place - 1, false};
			place = read_link(fixed, longer);
		}
	}
	write_link(fixed, shorter, 0);
	write_link(fixed, longer, 0);
}

static void
tree_remove(ZpFixed *fixed, uint32_t list, uint32_t unit)
{
	TreeLink	link = {list, ZP_NO_UNIT, false};
	uint32_t	length = run_length(fixed, unit);
	uint32_t	shorter = next_of(fixed, unit);
	uint32_t	longer = previous_of(fixed, unit);
	uint32_t	place;

	while ((place = read_link(fixed, link)) != unit + 1)
		link = (TreeLink) {list, place - 1, comes_before(fixed, place - 1, length, unit)};

	/* Its two subtrees become one. */
	while (shorter != 0 && longer != 0)
	{
		if (priority_of(shorter - 1) > priority_of(longer - 1))
		{
			write_link(fixed, link, shorter);
			link = (TreeLink) {list, shorter - 1, true};
			shorter = read_link(fixed, link);
		}
		else
		{
			write_link(fixed, link, longer);
			link = (TreeLink) {list, longer - 1, false};
			longer = read_link(fixed, link);
		}
	}
	write_link(fixed, link, shorter != 0 ? shorter : longer);
}

static void
link_run(ZpFixed *fixed, uint32_t unit, uint32_t length)
{
	uint32_t	list = list_of(length);
	bool		is_tree = list >= fixed->tree_from;
	uint32_t	next = is_tree ? 0 : fixed->lists[list];

	if (length == 1)
		set_entry(fixed, unit, ZP_KIND_FREE_ONE, next, 0);
	else
	{
		set_entry(fixed, unit, ZP_KIND_FREE_HEAD, length, next);
		set_entry(fixed, unit + length - 1, ZP_KIND_FREE_TAIL, length, 0);
	}
	if (is_tree)
		tree_insert(fixed, list, unit, length);
	else
	{
		if (next != 0)
			set_previous(fixed, next - 1, unit + 1);
		fixed->lists[list] = unit + 1;
	}
	fixed->filled[list / 64] |= (uint64_t) 1 << (list % 64);
	fixed->summary |= (uint64_t) 1 << (list / 64);
}

static void
unlink_run(ZpFixed *fixed, uint32_t unit)
{
	uint32_t	list = list_of(run_length(fixed, unit));

	if (list >= fixed->tree_from)
		tree_remove(fixed, list, unit);
	else
	{
		uint32_t	next = next_of(fixed, unit);
		uint32_t	previous = previous_of(fixed, unit);

		if (next != 0)
			set_previous(fixed, next - 1, previous);
		if (previous != 0)
			set_next(fixed, previous - 1, next);
		else
			fixed->lists[list] = next;
	}
	if (fixed->lists[list] == 0)
	{
		fixed->filled[list / 64] &= ~((uint64_t) 1 << (list % 64));
		if (fixed->filled[list / 64] == 0)
			fixed->summary &= ~((uint64_t) 1 << (list / 64));
	}
}

/* First filled list from `list` on; ZP_FIXED_LISTS: none. */
static uint32_t
next_filled(const ZpFixed *fixed, uint32_t list)
{
	uint32_t	word = list / 64;
	uint64_t	bits;

	if (list >= ZP_FIXED_LISTS)
		return ZP_FIXED_LISTS;
	bits = fixed->filled[word] & (UINT64_MAX << (list % 64));
	if (bits == 0)
	{
		uint64_t	words = word == 63 ? 0 : fixed->summary & (UINT64_MAX << (word + 1));

		if (words == 0)
			return ZP_FIXED_LISTS;
		word = (uint32_t) __builtin_ctzll(words);
		bits = fixed->filled[word];
	}
	return word * 64 + (uint32_t) __builtin_ctzll(bits);
}

/* The first run of a list that is long enough; ZP_NO_UNIT: none. */
static uint32_t
fit_in_list(const ZpFixed *fixed, uint32_t list, uint32_t length)
{
	uint32_t	place = fixed->lists[list];
	uint32_t	best = ZP_NO_UNIT;

	/* A list that is no tree has runs of one length. */
	if (list < fixed->tree_from)
		return place == 0 ? ZP_NO_UNIT : place - 1;
	while (place != 0)
	{
		if (run_length(fixed, place - 1) >= length)
		{
			best = place - 1;
			place = next_of(fixed, best);
		}
		else
			place = previous_of(fixed, place - 1);
	}
	return best;
}

static inline uint32_t
used_units(const ZpFixed *fixed)
{
	return fixed->units - fixed->free_units;
}

/* Locked.  ZP_NO_UNIT: no run is long enough. */
static uint32_t
take_run(ZpFixed *fixed, uint32_t length)
{
	uint32_t	list = list_of(length);
	uint32_t	unit = fit_in_list(fixed, list, length);
	uint32_t	found;

	if (unit == ZP_NO_UNIT)
	{
		list = next_filled(fixed, list + 1);
		if (list == ZP_FIXED_LISTS)
			return ZP_NO_UNIT;
		unit = fit_in_list(fixed, list, length);
	}
	found = run_length(fixed, unit);
	unlink_run(fixed, unit);
	if (found > length)
		link_run(fixed, unit + length, found - length);
	fixed->free_units -= length;
	return unit;
}

/* Locked.  The units of a block that is freed. */
static void
give_run(ZpFixed *fixed, uint32_t unit, uint32_t length)
{
	uint32_t	start = unit;
	uint32_t	end = unit + length;

	fixed->free_units += length;
	set_entry(fixed, unit, ZP_KIND_FREED, 0, 0);
	if (start > 0)
	{
		uint32_t	kind = kind_of(fixed, start - 1);

		if (kind == ZP_KIND_FREE_ONE || kind == ZP_KIND_FREE_TAIL)
		{
			start -= kind == ZP_KIND_FREE_ONE ? 1 : number_of(fixed, start - 1);
			unlink_run(fixed, start);
		}
	}
	if (end < fixed->units && is_free_head(kind_of(fixed, end)))
	{
		uint32_t	after = run_length(fixed, end);

		unlink_run(fixed, end);
		end += after;
	}
	link_run(fixed, start, end - start);
}

static inline uint32_t
units_of(uint32_t counted)
{
	return counted / ZP_UNIT + (counted % ZP_UNIT != 0);
}

/* The header, mapped; NULL: it cannot be. */
static inline ZpFixed *
fixed_of(ZpArenaMap *map, ZpPool *pool)
{
	if (ZP_UNLIKELY(!zp_is_mapped(map, pool->fixed)) && !zp_map_ref(map, pool->fixed))
		return NULL;
	return zp_at(map, pool->fixed);
}

static ZpStatus
lock_fixed(ZpPool *pool, ZpFixed *fixed, const ZpWaitHooks *hooks)
{
	uint32_t	sleeps = 0;
	ZpStatus	status;

	if (ZP_LIKELY(zp_mutex_try_lock(&fixed->mutex)))
		return ZP_OK;
	(void) zp_fetch_add_relaxed_u64(&pool->contention, 1);
	status = zp_mutex_lock(&fixed->mutex, hooks, &sleeps);
	if (sleeps != 0)
		(void) zp_fetch_add_relaxed_u64(&pool->sleeps, sleeps);
	return status;
}

ZpStatus
zp_pool_fixed_create(ZpArenaMap *map, ZpPool *pool)
{
	uint32_t	capacity = (uint32_t) ((pool->capacity + ZP_UNIT - 1) / ZP_UNIT);
	uint32_t	reserve = capacity / 16 < ZP_RESERVE_UNITS ? capacity / 16 : ZP_RESERVE_UNITS;
	uint32_t	units = capacity + reserve;
	size_t		header = (sizeof(ZpFixed) + (size_t) units * sizeof(FixedEntry) + ZP_UNIT - 1) &
		~(size_t) (ZP_UNIT - 1);
	uint32_t	pages = (uint32_t) ((header + (size_t) units * ZP_UNIT + ZP_PAGE_BYTES - 1) /
									ZP_PAGE_BYTES);
	ZpFixed    *fixed;
	ZpRef		run;
	ZpStatus	status;

	status = zp_pool_get_run(map, pool, pages, &run);
	if (status != ZP_OK)
		return status;
	fixed = zp_at(map, run);
	zp_store_relaxed_u32(&fixed->magic, ZP_FIXED_MAGIC);
	zp_store_relaxed_u32(&fixed->pool, zp_load_relaxed_u32(&pool->self));
	memset((char *) fixed + offsetof(ZpFixed, units), 0,
		   sizeof(ZpFixed) - offsetof(ZpFixed, units) + (size_t) units * sizeof(FixedEntry));
	fixed->units = units;
	fixed->capacity = capacity;
	fixed->first = (uint32_t) (header / ZP_UNIT_BYTES);
	fixed->pages = pages;
	fixed->tree_from = pool->small_bytes / ZP_UNIT + 1 < ZP_EXACT_LISTS ?
		pool->small_bytes / ZP_UNIT + 1 : ZP_EXACT_LISTS;
	fixed->free_units = units;
	zp_mutex_init(&fixed->mutex);
	link_run(fixed, 0, units);
	pool->fixed = run;
	return ZP_OK;
}

ZpStatus
zp_pool_fixed_destroy(ZpArenaMap *map, ZpPool *pool)
{
	ZpFixed    *fixed;

	if (pool->fixed == ZP_NULL_REF)
		return ZP_OK;
	fixed = fixed_of(map, pool);
	if (fixed == NULL)
		return ZP_MAP_FAILED;
	zp_store_relaxed_u32(&fixed->magic, 0);
	zp_pool_put_run(map, pool, pool->fixed, fixed->pages);
	pool->fixed = ZP_NULL_REF;
	return ZP_OK;
}

ZpStatus
zp_pool_fixed_alloc(ZpArenaMap *map, ZpPool *pool, size_t size, ZpRef *ref)
{
	uint32_t	counted = (uint32_t) zp_pool_counted_bytes(pool, size);
	ZpPoolClass *class = &pool->classes[size > pool->small_bytes ? ZP_LARGE_CLASS : 0];
	ZpFixed    *fixed = fixed_of(map, pool);
	uint32_t	unit;
	ZpStatus	status;

	if (ZP_UNLIKELY(fixed == NULL))
		return ZP_MAP_FAILED;
	status = lock_fixed(pool, fixed, map->hooks);
	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	unit = ZP_NO_UNIT;
	if (ZP_LIKELY((uint64_t) used_units(fixed) + units_of(counted) <= fixed->capacity) ||
		map->exempt_from_limits)
		unit = take_run(fixed, units_of(counted));
	if (ZP_LIKELY(unit != ZP_NO_UNIT))
	{
		uint32_t	last = unit + units_of(counted) - 1;

		if (last != unit)
			set_entry(fixed, last, ZP_KIND_NONE, 0, 0);
		set_entry(fixed, unit, ZP_KIND_USED, units_of(counted), counted);
		zp_count(&class->allocations, 1);
		if (size > pool->small_bytes)
		{
			fixed->large_blocks++;
			zp_count(&class->large_bytes, counted);
		}
	}
	zp_mutex_unlock(&fixed->mutex);
	if (ZP_UNLIKELY(unit == ZP_NO_UNIT))
		return ZP_OVER_LIMIT;
	*ref = pool->fixed + fixed->first + unit * ZP_UNIT_REFS;
	return ZP_OK;
}

/* The unit that begins at a ref; ZP_NO_UNIT: none does. */
static inline uint32_t
unit_at(const ZpPool *pool, const ZpFixed *fixed, ZpRef ref)
{
	ZpRef		start = pool->fixed + fixed->first;

	if (ref < start || (ref - start) % ZP_UNIT_REFS != 0 ||
		(ref - start) / ZP_UNIT_REFS >= fixed->units)
		return ZP_NO_UNIT;
	return (ref - start) / ZP_UNIT_REFS;
}

/* Locked.  Whether a block of this size begins at a unit. */
static ZpStatus
check_block(const ZpPool *pool, const ZpFixed *fixed, uint32_t unit, size_t size)
{
	switch (kind_of(fixed, unit))
	{
		case ZP_KIND_USED:
			if (size == 0 || size > ZP_LARGEST_BLOCK_BYTES ||
				zp_pool_counted_bytes(pool, size) != fixed->map[unit].other)
				return ZP_BAD_SIZE;
			return ZP_OK;
		case ZP_KIND_NONE:
			return ZP_BAD_REF;
		default:
			return ZP_DOUBLE_FREE;
	}
}

ZpStatus
zp_pool_fixed_free(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t size)
{
	ZpFixed    *fixed = fixed_of(map, pool);
	uint32_t	unit;
	ZpStatus	status;

	if (ZP_UNLIKELY(fixed == NULL))
		return ZP_MAP_FAILED;
	unit = unit_at(pool, fixed, ref);
	if (ZP_UNLIKELY(unit == ZP_NO_UNIT))
		return ZP_BAD_REF;
	(void) lock_fixed(pool, fixed, NULL);
	status = check_block(pool, fixed, unit, size);
	if (ZP_LIKELY(status == ZP_OK))
	{
		ZpPoolClass *class = &pool->classes[size > pool->small_bytes ? ZP_LARGE_CLASS : 0];

		zp_count(&class->frees, 1);
		if (size > pool->small_bytes)
		{
			fixed->large_blocks--;
			zp_count(&class->large_bytes, -(uint64_t) size);
		}
		give_run(fixed, unit, number_of(fixed, unit));
	}
	zp_mutex_unlock(&fixed->mutex);
	return status;
}

ZpStatus
zp_pool_fixed_block_bytes(ZpArenaMap *map, ZpPool *pool, ZpRef ref, size_t *bytes)
{
	ZpFixed    *fixed = fixed_of(map, pool);
	uint32_t	unit;
	ZpStatus	status = ZP_OK;

	if (fixed == NULL)
		return ZP_MAP_FAILED;
	unit = unit_at(pool, fixed, ref);
	if (unit == ZP_NO_UNIT)
		return ZP_BAD_REF;
	(void) lock_fixed(pool, fixed, NULL);
	if (kind_of(fixed, unit) == ZP_KIND_USED)
		*bytes = fixed->map[unit].other;
	else
		status = kind_of(fixed, unit) == ZP_KIND_NONE ? ZP_BAD_REF : ZP_DOUBLE_FREE;
	zp_mutex_unlock(&fixed->mutex);
	return status;
}

ZpMutex *
zp_pool_fixed_mutex(ZpArenaMap *map, ZpPool *pool)
{
	ZpFixed    *fixed = fixed_of(map, pool);

	return fixed == NULL ? NULL : &fixed->mutex;
}

void
zp_pool_fixed_stats(ZpArenaMap *map, ZpPool *pool, ZpPoolStats *stats)
{
	ZpFixed    *fixed = fixed_of(map, pool);
	uint32_t	longest = 0;

	if (fixed == NULL)
	{
		map->map_failed = true;
		return;
	}
	(void) lock_fixed(pool, fixed, NULL);
	if (fixed->summary != 0)
	{
		uint32_t	word = 63 - (uint32_t) __builtin_clzll(fixed->summary);
		uint32_t	list = word * 64 + 63 - (uint32_t) __builtin_clzll(fixed->filled[word]);

		uint32_t	place = fixed->lists[list];

		do
			longest = run_length(fixed, place - 1);
		while (list >= fixed->tree_from && (place = previous_of(fixed, place - 1)) != 0);
	}
	stats->capacity = (uint64_t) fixed->capacity * ZP_UNIT;
	stats->used_bytes = (uint64_t) used_units(fixed) * ZP_UNIT;
	stats->free_bytes = stats->used_bytes < stats->capacity ?
		stats->capacity - stats->used_bytes : 0;
	stats->large_blocks = fixed->large_blocks;
	stats->largest_free_bytes = (uint64_t) longest * ZP_UNIT;
	if (stats->largest_free_bytes > stats->free_bytes)
		stats->largest_free_bytes = stats->free_bytes;
	zp_mutex_unlock(&fixed->mutex);
	stats->chunks = 1;
}

static ZpStatus
wrong(char *why, size_t why_bytes, uint32_t unit, const char *what)
{
	snprintf(why, why_bytes, "unit %u: %s", unit, what);
	return ZP_CORRUPTED;
}

/* What the runs add up to. */
typedef struct RunSums
{
	uint64_t	free_units;
	uint64_t	free_runs;
	uint64_t	blocks;
	uint64_t	large_blocks;
	uint64_t	large_bytes;
} RunSums;

/* From run to run. */
static ZpStatus
check_runs(const ZpPool *pool, const ZpFixed *fixed, RunSums *sums, char *why, size_t why_bytes)
{
	bool		free_before = false;

	for (uint32_t unit = 0; unit < fixed->units;)
	{
		uint32_t	kind = kind_of(fixed, unit);
		uint32_t	length = is_free_head(kind) ? run_length(fixed, unit) :
			number_of(fixed, unit);

		if ((!is_free_head(kind) && kind != ZP_KIND_USED) || length == 0 ||
			length > fixed->units - unit)
			return wrong(why, why_bytes, unit, "no run begins here");
		for (uint32_t inner = unit + 1; inner < unit + length; inner++)
		{
			if (kind_of(fixed, inner) == ZP_KIND_USED)
				return wrong(why, why_bytes, inner, "block inside of another run");
		}
		if (is_free_head(kind))
		{
			if (free_before)
				return wrong(why, why_bytes, unit, "free neighbours not joined");
			if (length > 1 && (kind_of(fixed, unit + length - 1) != ZP_KIND_FREE_TAIL ||
							   number_of(fixed, unit + length - 1) != length))
				return wrong(why, why_bytes, unit, "ends of a free run differ");
			sums->free_units += length;
			sums->free_runs++;
		}
		else
		{
			uint32_t	counted = fixed->map[unit].other;

			if (units_of(counted) != length)
				return wrong(why, why_bytes, unit, "size of a block and its units differ");
			if (length > 1 && kind_of(fixed, unit + length - 1) != ZP_KIND_NONE)
				return wrong(why, why_bytes, unit, "end of a block is not marked");
			sums->blocks++;
			if (counted > pool->small_bytes)
			{
				sums->large_blocks++;
				sums->large_bytes += counted;
			}
		}
		free_before = is_free_head(kind);
		unit += length;
	}
	return ZP_OK;
}

/* A walk through the free runs of all lists, in a tree in its order. */
typedef struct ListWalk
{
	const ZpFixed *fixed;
	uint32_t	list;
	uint64_t	most;			/* runs that there are */
	uint64_t	seen;
	uint32_t	before;			/* place that was seen last in this list; 0: none */
	uint32_t	wrong;			/* unit at which something is */
} ListWalk;

/* What is wrong with a run as one of a list; NULL: nothing. */
static const char *
listed_fault(ListWalk *walk, uint32_t place)
{
	const ZpFixed *fixed = walk->fixed;

	walk->wrong = place - 1;
	if (place > fixed->units || !is_free_head(kind_of(fixed, place - 1)) ||
		list_of(run_length(fixed, place - 1)) != walk->list)
		return "in the wrong list";
	if (++walk->seen > walk->most)
		return "too many runs in lists";
	return NULL;
}

static const char *
list_fault(ListWalk *walk)
{
	const ZpFixed *fixed = walk->fixed;

	for (uint32_t place = fixed->lists[walk->list]; place != 0; place = next_of(fixed, place - 1))
	{
		const char *fault = listed_fault(walk, place);

		if (fault != NULL)
			return fault;
		if (previous_of(fixed, place - 1) != walk->before)
			return "list is not linked both ways";
		walk->before = place;
	}
	return NULL;
}

static const char *
tree_fault(ListWalk *walk, uint32_t place, uint32_t depth)
{
	const ZpFixed *fixed = walk->fixed;
	uint32_t	unit = place - 1;
	const char *fault = listed_fault(walk, place);
	uint32_t	children[2];

	if (fault != NULL)
		return fault;
	if (depth > ZP_TREE_MOST_DEPTH)
		return "tree is too deep";
	children[0] = next_of(fixed, unit);
	children[1] = previous_of(fixed, unit);
	for (int i = 0; i < 2; i++)
	{
		if (children[i] != 0 && priority_of(children[i] - 1) > priority_of(unit))
			return "priorities of a tree are wrong";
	}
	if (children[0] != 0 && (fault = tree_fault(walk, children[0], depth + 1)) != NULL)
		return fault;
	if (walk->before != 0 &&
		!comes_before(fixed, walk->before - 1, run_length(fixed, unit), unit))
	{
		walk->wrong = unit;
		return "tree is not in order";
	}
	walk->before = place;
	return children[1] == 0 ? NULL : tree_fault(walk, children[1], depth + 1);
}

static ZpStatus
check_lists(const ZpFixed *fixed, const RunSums *sums, char *why, size_t why_bytes)
{
	ListWalk	walk = {.fixed = fixed,.most = sums->free_runs};

	for (walk.list = 0; walk.list < ZP_FIXED_LISTS; walk.list++)
	{
		uint32_t	list = walk.list;
		bool		filled = (fixed->filled[list / 64] >> (list % 64)) & 1;
		const char *fault = NULL;

		if (filled != (fixed->lists[list] != 0) ||
			((fixed->summary >> (list / 64)) & 1) != (fixed->filled[list / 64] != 0))
			return wrong(why, why_bytes, list, "bitmap of lists is wrong");
		walk.before = 0;
		if (list < fixed->tree_from)
			fault = list_fault(&walk);
		else if (filled)
			fault = tree_fault(&walk, fixed->lists[list], 1);
		if (fault != NULL)
			return wrong(why, why_bytes, walk.wrong, fault);
	}
	if (walk.seen != sums->free_runs)
		return wrong(why, why_bytes, 0, "free runs in no list");
	return ZP_OK;
}

ZpStatus
zp_pool_fixed_check(ZpArenaMap *map, ZpPool *pool, char *why, size_t why_bytes)
{
	const ZpPoolClass *small = &pool->classes[0];
	const ZpPoolClass *large = &pool->classes[ZP_LARGE_CLASS];
	ZpFixed    *fixed = fixed_of(map, pool);
	RunSums		sums = {0};
	ZpStatus	status;

	if (fixed == NULL)
	{
		snprintf(why, why_bytes, "memory of the pool: cannot be mapped");
		return ZP_MAP_FAILED;
	}
	if (zp_load_relaxed_u32(&fixed->magic) != ZP_FIXED_MAGIC ||
		zp_load_relaxed_u32(&fixed->pool) != zp_load_relaxed_u32(&pool->self) ||
		fixed->capacity != (pool->capacity + ZP_UNIT - 1) / ZP_UNIT ||
		fixed->units < fixed->capacity)
		return wrong(why, why_bytes, 0, "bad header");
	status = check_runs(pool, fixed, &sums, why, why_bytes);
	if (status == ZP_OK)
		status = check_lists(fixed, &sums, why, why_bytes);
	if (status != ZP_OK)
		return status;
	if (sums.free_units != fixed->free_units ||
		sums.blocks != zp_load_relaxed_u64(&small->allocations) +
		zp_load_relaxed_u64(&large->allocations) - zp_load_relaxed_u64(&small->frees) -
		zp_load_relaxed_u64(&large->frees) ||
		sums.large_blocks != fixed->large_blocks ||
		sums.large_bytes != zp_load_relaxed_u64(&large->large_bytes) ||
		(uint64_t) fixed->pages * ZP_PAGE_BYTES != zp_load_relaxed_u64(&pool->reserved_bytes))
		return wrong(why, why_bytes, 0, "counters differ from the runs");
	return ZP_OK;
}
