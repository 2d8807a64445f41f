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
 *	  FREE_HEAD, FREE_TAIL	the ends of a free run: its length in both; next, previous
 *	  FREE_ONE	a free run of one unit: next and previous
 *	  FREED		inside of a free run, where a block began
 *	  NONE		anything else
 *
 * The first and the last entry of each run are right at any time, so neighbours are joined
 * at once (Knuth's boundary tags).  Free runs hang in lists by length, one a length up to
 * 511 units (32 KB), eight an octave beyond, with two levels of bitmaps to find the next
 * that is filled (TLSF: Masmano, Ripoll, Crespo, Real, ECRTS 2004).
 *
 * A sixteenth of the capacity, but at most 64 KB, is there in addition for participants that
 * may pass limits (exempt_from_limits): those who give back more than they take.
 *
 * Costs: one mutex, held for a number of steps that does not depend on how many blocks
 * there are.  The map is an eighth of the capacity, in addition to it.
 *
 * Weak: a block takes whole units.  A request of more than 32 KB for which no list above its own
 * has a run looks through its own list, which may be long.  All participants share one
 * mutex; who waits for it waits for another's step, which is short, unless that one loses
 * its core.
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

/* Runs of a list that a request looks at. */
#define ZP_FIXED_LOOKS		16

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
 * next.  FREE_TAIL: length, previous.  Next and previous are units + 1; 0: none.
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

	ZpMutex		mutex;
	uint32_t	free_units;
	uint32_t	large_blocks;
	uint64_t	summary;		/* bit w: filled[w] is not 0 */
	uint64_t	filled[ZP_FIXED_WORDS]; /* bit l: lists[l] is not empty */
	uint32_t	lists[ZP_FIXED_LISTS];	/* unit + 1 of a free run; 0: none */
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

static void
link_run(ZpFixed *fixed, uint32_t unit, uint32_t length)
{
	uint32_t	list = list_of(length);
	uint32_t	next = fixed->lists[list];

	if (length == 1)
		set_entry(fixed, unit, ZP_KIND_FREE_ONE, next, 0);
	else
	{
		set_entry(fixed, unit, ZP_KIND_FREE_HEAD, length, next);
		set_entry(fixed, unit + length - 1, ZP_KIND_FREE_TAIL, length, 0);
	}
	if (next != 0)
		set_previous(fixed, next - 1, unit + 1);
	fixed->lists[list] = unit + 1;
	fixed->filled[list / 64] |= (uint64_t) 1 << (list % 64);
	fixed->summary |= (uint64_t) 1 << (list / 64);
}

static void
unlink_run(ZpFixed *fixed, uint32_t unit)
{
	uint32_t	list = list_of(run_length(fixed, unit));
	uint32_t	next = next_of(fixed, unit);
	uint32_t	previous = previous_of(fixed, unit);

	if (next != 0)
		set_previous(fixed, next - 1, previous);
	if (previous != 0)
		set_next(fixed, previous - 1, next);
	else
	{
		fixed->lists[list] = next;
		if (next == 0)
		{
			fixed->filled[list / 64] &= ~((uint64_t) 1 << (list % 64));
			if (fixed->filled[list / 64] == 0)
				fixed->summary &= ~((uint64_t) 1 << (list / 64));
		}
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

/* The best run among the first of a list; with `whole`, else the first further on that fits. */
static uint32_t
fit_in_list(const ZpFixed *fixed, uint32_t list, uint32_t length, bool whole)
{
	uint32_t	best = ZP_NO_UNIT;
	uint32_t	best_length = UINT32_MAX;
	uint32_t	looks = 0;

	for (uint32_t place = fixed->lists[list]; place != 0; place = next_of(fixed, place - 1))
	{
		uint32_t	here = run_length(fixed, place - 1);

		if (looks++ >= ZP_FIXED_LOOKS && (best != ZP_NO_UNIT || !whole))
			break;
		if (here < length)
			continue;
		if (here < best_length || (here == best_length && place - 1 < best))
		{
			best = place - 1;
			best_length = here;
		}
		if (list < ZP_EXACT_LISTS)
			break;
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
	uint32_t	unit = fit_in_list(fixed, list, length, false);
	uint32_t	found;

	if (unit == ZP_NO_UNIT)
	{
		uint32_t	higher = next_filled(fixed, list + 1);

		if (higher < ZP_FIXED_LISTS)
			unit = fit_in_list(fixed, higher, length, false);
		else
			unit = fit_in_list(fixed, list, length, true);
	}
	if (unit == ZP_NO_UNIT)
		return unit;
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

/* What a block of a size counts as, in bytes: what a free must agree with. */
static inline uint32_t
counted_size(const ZpPool *pool, size_t size)
{
	if (size > pool->small_bytes)
		return (uint32_t) size;
	return (uint32_t) zp_size_class_bytes(zp_pool_size_class(pool, size));
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
	uint32_t	counted = counted_size(pool, size);
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
				counted_size(pool, size) != fixed->map[unit].other)
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

		for (uint32_t place = fixed->lists[list]; place != 0; place = next_of(fixed, place - 1))
		{
			uint32_t	length = run_length(fixed, place - 1);

			if (length > longest)
				longest = length;
			if (list < ZP_EXACT_LISTS)
				break;
		}
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

static ZpStatus
check_lists(const ZpFixed *fixed, const RunSums *sums, char *why, size_t why_bytes)
{
	uint64_t	listed = 0;

	for (uint32_t list = 0; list < ZP_FIXED_LISTS; list++)
	{
		bool		filled = (fixed->filled[list / 64] >> (list % 64)) & 1;
		uint32_t	previous = 0;

		if (filled != (fixed->lists[list] != 0) ||
			((fixed->summary >> (list / 64)) & 1) != (fixed->filled[list / 64] != 0))
			return wrong(why, why_bytes, list, "bitmap of lists is wrong");
		for (uint32_t place = fixed->lists[list]; place != 0;
			 place = next_of(fixed, place - 1))
		{
			if (place > fixed->units || !is_free_head(kind_of(fixed, place - 1)) ||
				list_of(run_length(fixed, place - 1)) != list)
				return wrong(why, why_bytes, place - 1, "in the wrong list");
			if (previous_of(fixed, place - 1) != previous)
				return wrong(why, why_bytes, place - 1, "list is not linked both ways");
			if (++listed > sums->free_runs)
				return wrong(why, why_bytes, place - 1, "too many runs in lists");
			previous = place;
		}
	}
	if (listed != sums->free_runs)
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
