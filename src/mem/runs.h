/*
 * runs.h
 *	  The pages of one segment: which are free, which belong to what run.
 *
 * Private to src/mem.  The functions that say "locked" want the arena's `pages`
 * mutex held; none of them waits, maps or fails half-way.
 */
#ifndef ZP_RUNS_H
#define ZP_RUNS_H

#include "mem/arena.h"

/* Enough for the longest run of the largest segment; see zp_run_bin. */
#define ZP_RUN_BINS			152
#define ZP_RUN_BIN_WORDS	((ZP_RUN_BINS + 63) / 64)

#define ZP_SEGMENT_MAGIC	0x5a705368	/* bump with any change of this layout */

/* Shared.  The first bytes of every segment. */
typedef struct ZpSegment
{
	/* Written before the segment is published, then only read. */
	uint32_t	magic;
	uint32_t	number;
	uint32_t	pages;			/* of the whole segment */
	uint32_t	header_pages;	/* of this struct, its map, and the control block */

	/* The rest, but for the map's inner entries, is guarded by `pages`. */
	uint32_t	free_pages;
	uint32_t	padding;
	uint64_t	filled[ZP_RUN_BIN_WORDS];	/* bit b: bins[b] is not empty */
	ZpAtomicU32 bins[ZP_RUN_BINS];	/* root of a tree of free runs: first page of one; 0: none */

	/*
	 * One entry a page.  The entries of the first and last page of every run
	 * are written under `pages`; those between, by the run's owner alone.  Read
	 * by anybody at any time (zp_run_find).
	 */
	ZpAtomicU32 map[];
} ZpSegment;

/* An entry of the map; runs.c says what they mean. */
#define ZP_PAGE_KIND_SHIFT		29
#define ZP_PAGE_NUMBER_MASK		(((uint32_t) 1 << ZP_PAGE_KIND_SHIFT) - 1)

#define ZP_PAGE_FREE		0
#define ZP_PAGE_HEADER		1
#define ZP_PAGE_HEAD		2
#define ZP_PAGE_BODY		3

#define ZP_PAGE_ENTRY(kind, number)	(((uint32_t) (kind) << ZP_PAGE_KIND_SHIFT) | (number))
#define ZP_PAGE_ENTRY_KIND(entry)	((entry) >> ZP_PAGE_KIND_SHIFT)
#define ZP_PAGE_ENTRY_NUMBER(entry)	((entry) & ZP_PAGE_NUMBER_MASK)

static inline uint32_t
zp_run_entry(const ZpSegment *segment, uint32_t page)
{
	return zp_load_relaxed_u32(&segment->map[page]);
}

/* Pages of a segment, and of its header if control_bytes follow the map. */
extern uint32_t zp_segment_pages(uint32_t number);
extern uint32_t zp_segment_header_pages(uint32_t number, size_t control_bytes);

/* Where the control block lies in segment 0: bytes from the segment's start. */
extern size_t zp_segment_control_offset(uint32_t number);

/* Writes the header: all of the body free, no run in any bin. */
extern void zp_segment_init(ZpSegment *segment, uint32_t number, size_t control_bytes);

static inline uint32_t
zp_segment_body_pages(const ZpSegment *segment)
{
	return segment->pages - segment->header_pages;
}

/* Bin of a run's length.  Bins below 16 hold one length each, the others eight an octave. */
static inline uint32_t
zp_run_bin(uint32_t pages)
{
	uint32_t	order;

	if (pages < 8)
		return pages;
	order = 31 - (uint32_t) __builtin_clz(pages);
	return ((order - 2) << 3) + ((pages >> (order - 3)) & 7);
}

/* Locked.  Puts the wholly free body into its bin, and takes it out again. */
extern void zp_runs_open(ZpSegment *segment);
extern void zp_runs_close(ZpSegment *segment);

/* Locked.  Takes a run; false: no free run is long enough. */
extern bool zp_run_take(ZpSegment *segment, uint32_t pages, uint32_t *first);

/*
 * Locked.  Cuts the last pages off the run in use that begins at a page: they become a run of
 * their own at *cut.  False: no run begins there, or it has no page more than that.
 */
extern bool zp_run_cut(ZpSegment *segment, uint32_t first, uint32_t pages, uint32_t *cut);

/* Finishes what zp_run_take or zp_run_cut began; by the run's owner, not locked. */
extern void zp_run_mark(ZpSegment *segment, uint32_t first, uint32_t pages);

/* Locked.  Frees the run that begins at page first; its length, or 0: none does. */
extern uint32_t zp_run_give(ZpSegment *segment, uint32_t first);

/* Not locked.  The run in use that a page lies in; false: none. */
static inline bool
zp_run_find(const ZpSegment *segment, uint32_t page, uint32_t *first, uint32_t *pages)
{
	uint32_t	entry;
	uint32_t	back = 0;

	if (ZP_UNLIKELY(page >= segment->pages))
		return false;
	entry = zp_run_entry(segment, page);
	if (ZP_PAGE_ENTRY_KIND(entry) == ZP_PAGE_BODY)
	{
		back = ZP_PAGE_ENTRY_NUMBER(entry);
		if (ZP_UNLIKELY(back > page))
			return false;
		entry = zp_run_entry(segment, page - back);
	}
	if (ZP_UNLIKELY(ZP_PAGE_ENTRY_KIND(entry) != ZP_PAGE_HEAD ||
					ZP_PAGE_ENTRY_NUMBER(entry) <= back))
		return false;
	*first = page - back;
	*pages = ZP_PAGE_ENTRY_NUMBER(entry);
	return true;
}

/* The same for a ref, if its segment is mapped here; else, and if there is none, false. */
static inline bool
zp_find_mapped_run(const ZpArenaMap *map, ZpRef ref, ZpRef *run, uint32_t *pages)
{
	uint32_t	order;
	uintptr_t	biased;
	ZpRef		offset;
	const ZpSegment *segment;
	uint32_t	page;
	uint32_t	entry;
	uint32_t	back;

	if (ZP_UNLIKELY(ref < ZP_FIRST_REF))
		return false;
	order = zp_ref_order(ref);
	biased = map->biased[zp_ref_segment_of_order(ref, order)];
	if (ZP_UNLIKELY(biased == 0))
		return false;

	/* As zp_run_find, where the page is one of the segment for sure, and without a branch. */
	offset = ref & (((ZpRef) 1 << order) - 1);
	segment = (const ZpSegment *) (biased + ((uintptr_t) (ref - offset) << ZP_REF_SHIFT));
	page = offset / (uint32_t) ZP_PAGE_REFS;
	entry = zp_run_entry(segment, page);
	back = ZP_PAGE_ENTRY_KIND(entry) == ZP_PAGE_BODY ? ZP_PAGE_ENTRY_NUMBER(entry) : 0;
	if (ZP_UNLIKELY(back > page))
		return false;
	entry = zp_run_entry(segment, page - back);
	if (ZP_UNLIKELY(ZP_PAGE_ENTRY_KIND(entry) != ZP_PAGE_HEAD ||
					ZP_PAGE_ENTRY_NUMBER(entry) <= back))
		return false;
	*run = (ref & ~(ZpRef) (ZP_PAGE_REFS - 1)) - back * (ZpRef) ZP_PAGE_REFS;
	*pages = ZP_PAGE_ENTRY_NUMBER(entry);
	return true;
}

/* Locked.  Highest bin that holds a run, 0: none; and the longest run. */
extern uint32_t zp_runs_top_bin(const ZpSegment *segment);
extern uint32_t zp_runs_longest(const ZpSegment *segment);

/* Locked.  ZP_CORRUPTED and why. */
extern ZpStatus zp_runs_check(const ZpSegment *segment, bool in_service,
							  char *why, size_t why_bytes);

#endif							/* ZP_RUNS_H */
