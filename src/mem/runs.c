/*
 * runs.c
 *	  The pages of one segment: which are free, which belong to what run.
 *
 * The page map has an entry of 32 bits for each page, three bits of kind and 29
 * of a number:
 *
 *	  FREE	 at the first and at the last page of a free run: its length in pages
 *	  HEADER pages of the segment's own header; never part of a run
 *	  HEAD	 first page of a run in use: its length
 *	  BODY	 a further page of it: how far back the head is
 *
 * The ends of a run say all that joining neighbours takes (Knuth's boundary
 * tags, TAOCP 2.5), so taking and giving back cost the same for any length.
 * Entries inside a free run are left over from earlier runs: BODY or FREE, never
 * HEAD.  Entries inside a run in use are written by its owner after the mutex is
 * released; until then they may be left over, too.  So a BODY entry is believed
 * only if the entry that it points to is a HEAD that reaches this far; heads are
 * exact, so what passes is true.
 *
 * Free runs have a total order: by length, then by page.  A request takes the first in that
 * order that is long enough, that is, the shortest, and of equal ones the lowest; and it
 * fails only if no run is long enough.  The order is kept in bins by length (TLSF:
 * Masmano, Ripoll, Crespo, Real, ECRTS 2004), exact up to 15 pages, then eight an octave,
 * with a bitmap of those that are not empty, and in each bin a treap (Seidel and Aragon,
 * "Randomized search trees", 1996), whose priorities are a hash of the page numbers.
 * Its links are page numbers, kept in the first bytes of the free run itself.
 *
 * Costs: what is done here takes as many steps as the tree of one bin is deep, about twice
 * the logarithm of the number of free runs of like length.
 */
#include <stdio.h>

#include "mem/runs.h"

/* Of a tree; twice the logarithm of what fits a segment would be 42. */
#define ZP_TREE_MOST_DEPTH	200

/*
 * The first bytes of a free run.  Guarded by `pages`; atomic because whoever
 * checks a wrong ref (zp_pool_free) may look here for a chunk's magic meanwhile.
 * A page number is never that magic.
 */
typedef struct ZpFreeRun
{
	ZpAtomicU32 shorter;		/* subtrees of its bin; 0: none */
	ZpAtomicU32 longer;			/* or as long and higher */
} ZpFreeRun;

static inline ZpFreeRun *
free_run(const ZpSegment *segment, uint32_t page)
{
	return (ZpFreeRun *) ((char *) segment + (size_t) page * ZP_PAGE_BYTES);
}

static inline void
set_entry(ZpSegment *segment, uint32_t page, uint32_t kind, uint32_t number)
{
	zp_store_relaxed_u32(&segment->map[page], ZP_PAGE_ENTRY(kind, number));
}

uint32_t
zp_segment_pages(uint32_t number)
{
	return (uint32_t) (zp_segment_bytes(number) / ZP_PAGE_BYTES);
}

size_t
zp_segment_control_offset(uint32_t number)
{
	size_t		bytes = sizeof(ZpSegment) + zp_segment_pages(number) * sizeof(ZpAtomicU32);

	return (bytes + ZP_CACHE_LINE_BYTES - 1) & ~(size_t) (ZP_CACHE_LINE_BYTES - 1);
}

uint32_t
zp_segment_header_pages(uint32_t number, size_t control_bytes)
{
	size_t		bytes = zp_segment_control_offset(number) + control_bytes;

	return (uint32_t) ((bytes + ZP_PAGE_BYTES - 1) / ZP_PAGE_BYTES);
}

void
zp_segment_init(ZpSegment *segment, uint32_t number, size_t control_bytes)
{
	segment->number = number;
	segment->pages = zp_segment_pages(number);
	segment->header_pages = zp_segment_header_pages(number, control_bytes);
	segment->free_pages = segment->pages - segment->header_pages;
	segment->padding = 0;
	for (uint32_t word = 0; word < ZP_RUN_BIN_WORDS; word++)
		segment->filled[word] = 0;
	for (uint32_t bin = 0; bin < ZP_RUN_BINS; bin++)
		zp_store_relaxed_u32(&segment->bins[bin], 0);
	for (uint32_t page = 0; page < segment->pages; page++)
		set_entry(segment, page, page < segment->header_pages ? ZP_PAGE_HEADER : ZP_PAGE_FREE,
				  0);
	set_entry(segment, segment->header_pages, ZP_PAGE_FREE, segment->free_pages);
	set_entry(segment, segment->pages - 1, ZP_PAGE_FREE, segment->free_pages);
	segment->magic = ZP_SEGMENT_MAGIC;
}

static inline uint32_t
run_length(const ZpSegment *segment, uint32_t page)
{
	return ZP_PAGE_ENTRY_NUMBER(zp_run_entry(segment, page));
}

/* No two pages have the same: the factor is odd. */
static inline uint32_t
priority_of(uint32_t page)
{
	return page * 0x9e3779b1u;
}

/* Whether the free run at page a comes before one of so many pages at page b. */
static inline bool
comes_before(const ZpSegment *segment, uint32_t a, uint32_t b_pages, uint32_t b)
{
	uint32_t	a_pages = run_length(segment, a);

	return a_pages < b_pages || (a_pages == b_pages && a < b);
}

/* Makes pages first .. first + pages - 1 a free run, in its bin. */
static void
link_run(ZpSegment *segment, uint32_t first, uint32_t pages)
{
	uint32_t	bin = zp_run_bin(pages);
	ZpFreeRun  *run = free_run(segment, first);
	ZpAtomicU32 *link = &segment->bins[bin];
	ZpAtomicU32 *shorter = &run->shorter;
	ZpAtomicU32 *longer = &run->longer;
	uint32_t	page;

	set_entry(segment, first, ZP_PAGE_FREE, pages);
	set_entry(segment, first + pages - 1, ZP_PAGE_FREE, pages);

	/* Below all that have a higher priority. */
	while ((page = zp_load_relaxed_u32(link)) != 0 && priority_of(page) > priority_of(first))
		link = comes_before(segment, page, pages, first) ? &free_run(segment, page)->longer :
			&free_run(segment, page)->shorter;
	zp_store_relaxed_u32(link, first);

	/* The tree that was there is split into what comes before and what comes after. */
	while (page != 0)
	{
		if (comes_before(segment, page, pages, first))
		{
			zp_store_relaxed_u32(shorter, page);
			shorter = &free_run(segment, page)->longer;
			page = zp_load_relaxed_u32(shorter);
		}
		else
		{
			zp_store_relaxed_u32(longer, page);
			longer = &free_run(segment, page)->shorter;
			page = zp_load_relaxed_u32(longer);
		}
	}
	zp_store_relaxed_u32(shorter, 0);
	zp_store_relaxed_u32(longer, 0);
	segment->filled[bin / 64] |= (uint64_t) 1 << (bin % 64);
}

static void
unlink_run(ZpSegment *segment, uint32_t first, uint32_t pages)
{
	uint32_t	bin = zp_run_bin(pages);
	ZpAtomicU32 *link = &segment->bins[bin];
	uint32_t	page;
	uint32_t	shorter;
	uint32_t	longer;

	while ((page = zp_load_relaxed_u32(link)) != first)
		link = comes_before(segment, page, pages, first) ? &free_run(segment, page)->longer :
			&free_run(segment, page)->shorter;

	/* Its two subtrees become one. */
	shorter = zp_load_relaxed_u32(&free_run(segment, first)->shorter);
	longer = zp_load_relaxed_u32(&free_run(segment, first)->longer);
	while (shorter != 0 && longer != 0)
	{
		if (priority_of(shorter) > priority_of(longer))
		{
			zp_store_relaxed_u32(link, shorter);
			link = &free_run(segment, shorter)->longer;
			shorter = zp_load_relaxed_u32(link);
		}
		else
		{
			zp_store_relaxed_u32(link, longer);
			link = &free_run(segment, longer)->shorter;
			longer = zp_load_relaxed_u32(link);
		}
	}
	zp_store_relaxed_u32(link, shorter != 0 ? shorter : longer);
	if (zp_load_relaxed_u32(&segment->bins[bin]) == 0)
		segment->filled[bin / 64] &= ~((uint64_t) 1 << (bin % 64));
}

void
zp_runs_open(ZpSegment *segment)
{
	link_run(segment, segment->header_pages, segment->free_pages);
}

void
zp_runs_close(ZpSegment *segment)
{
	unlink_run(segment, segment->header_pages, segment->free_pages);
}

/* First filled bin from `bin` on, or ZP_RUN_BINS. */
static uint32_t
next_filled_bin(const ZpSegment *segment, uint32_t bin)
{
	uint32_t	word = bin / 64;
	uint64_t	bits;

	if (bin >= ZP_RUN_BINS)
		return ZP_RUN_BINS;
	bits = segment->filled[word] & (~(uint64_t) 0 << (bin % 64));
	while (bits == 0)
	{
		if (++word == ZP_RUN_BIN_WORDS)
			return ZP_RUN_BINS;
		bits = segment->filled[word];
	}
	return word * 64 + (uint32_t) __builtin_ctzll(bits);
}

/* The first run of a bin, in the order, of at least so many pages; 0: none. */
static uint32_t
fit_in_bin(const ZpSegment *segment, uint32_t bin, uint32_t pages)
{
	uint32_t	page = zp_load_relaxed_u32(&segment->bins[bin]);
	uint32_t	best = 0;

	while (page != 0)
	{
		const ZpFreeRun *run = free_run(segment, page);

		if (run_length(segment, page) >= pages)
		{
			best = page;
			page = zp_load_relaxed_u32(&run->shorter);
		}
		else
			page = zp_load_relaxed_u32(&run->longer);
	}
	return best;
}

bool
zp_run_take(ZpSegment *segment, uint32_t pages, uint32_t *first)
{
	uint32_t	bin = zp_run_bin(pages);
	uint32_t	page;
	uint32_t	length;

	page = fit_in_bin(segment, bin, pages);
	if (page == 0)
	{
		bin = next_filled_bin(segment, bin + 1);
		if (bin == ZP_RUN_BINS)
			return false;
		page = fit_in_bin(segment, bin, pages);
	}

	length = run_length(segment, page);
	unlink_run(segment, page, length);
	if (length > pages)
		link_run(segment, page + pages, length - pages);
	segment->free_pages -= pages;

	/* The ends now, for those who join neighbours; the rest in zp_run_mark. */
	if (pages > 1)
		set_entry(segment, page + pages - 1, ZP_PAGE_BODY, pages - 1);
	set_entry(segment, page, ZP_PAGE_HEAD, pages);
	*first = page;
	return true;
}

bool
zp_run_cut(ZpSegment *segment, uint32_t first, uint32_t pages, uint32_t *cut)
{
	uint32_t	entry = zp_run_entry(segment, first);
	uint32_t	left;

	if (ZP_PAGE_ENTRY_KIND(entry) != ZP_PAGE_HEAD || ZP_PAGE_ENTRY_NUMBER(entry) <= pages)
		return false;
	left = ZP_PAGE_ENTRY_NUMBER(entry) - pages;
	*cut = first + left;

	/* From here on the BODY entries behind point to a head that does not reach them. */
	set_entry(segment, first, ZP_PAGE_HEAD, left);
	if (pages > 1)
		set_entry(segment, *cut + pages - 1, ZP_PAGE_BODY, pages - 1);
	set_entry(segment, *cut, ZP_PAGE_HEAD, pages);
	return true;
}

void
zp_run_mark(ZpSegment *segment, uint32_t first, uint32_t pages)
{
	for (uint32_t page = 1; page + 1 < pages; page++)
		set_entry(segment, first + page, ZP_PAGE_BODY, page);
}

uint32_t
zp_run_give(ZpSegment *segment, uint32_t first)
{
	uint32_t	entry;
	uint32_t	given;
	uint32_t	start = first;
	uint32_t	end;

	if (first >= segment->pages)
		return 0;
	entry = zp_run_entry(segment, first);
	if (ZP_PAGE_ENTRY_KIND(entry) != ZP_PAGE_HEAD)
		return 0;
	given = ZP_PAGE_ENTRY_NUMBER(entry);
	end = first + given;

	/* Page 0 is a HEADER, so there is always a page before. */
	entry = zp_run_entry(segment, first - 1);
	if (ZP_PAGE_ENTRY_KIND(entry) == ZP_PAGE_FREE)
	{
		start = first - ZP_PAGE_ENTRY_NUMBER(entry);
		unlink_run(segment, start, first - start);
		/* No HEAD may stay inside a free run. */
		set_entry(segment, first, ZP_PAGE_FREE, 0);
	}
	if (end < segment->pages)
	{
		entry = zp_run_entry(segment, end);
		if (ZP_PAGE_ENTRY_KIND(entry) == ZP_PAGE_FREE)
		{
			unlink_run(segment, end, ZP_PAGE_ENTRY_NUMBER(entry));
			end += ZP_PAGE_ENTRY_NUMBER(entry);
		}
	}
	link_run(segment, start, end - start);
	segment->free_pages += given;
	return given;
}

uint32_t
zp_runs_top_bin(const ZpSegment *segment)
{
	for (uint32_t word = ZP_RUN_BIN_WORDS; word-- > 0;)
	{
		uint64_t	bits = segment->filled[word];

		if (bits != 0)
			return word * 64 + 63 - (uint32_t) __builtin_clzll(bits);
	}
	return 0;
}

uint32_t
zp_runs_longest(const ZpSegment *segment)
{
	uint32_t	page = zp_load_relaxed_u32(&segment->bins[zp_runs_top_bin(segment)]);
	uint32_t	longest = 0;

	for (; page != 0; page = zp_load_relaxed_u32(&free_run(segment, page)->longer))
		longest = run_length(segment, page);
	return longest;
}

static ZpStatus
wrong(const ZpSegment *segment, char *why, size_t why_bytes, uint32_t page, const char *what)
{
	snprintf(why, why_bytes, "segment %u, page %u: %s", segment->number, page, what);
	return ZP_CORRUPTED;
}

/* A walk through the tree of a bin, in order. */
typedef struct TreeWalk
{
	const ZpSegment *segment;
	uint32_t	bin;
	uint32_t	most;			/* runs that there are in all bins */
	uint32_t	seen;			/* so far, in all bins */
	uint32_t	before;			/* the page that was seen last in this bin; 0: none */
	uint32_t	wrong;			/* page at which something is */
} TreeWalk;

/* What is wrong below a page; NULL: nothing. */
static const char *
tree_fault(TreeWalk *walk, uint32_t page, uint32_t depth)
{
	const ZpSegment *segment = walk->segment;
	const char *fault;
	uint32_t	children[2];
	uint32_t	entry;

	walk->wrong = page;
	if (page < segment->header_pages || page >= segment->pages)
		return "tree leaves the segment";
	entry = zp_run_entry(segment, page);
	if (ZP_PAGE_ENTRY_KIND(entry) != ZP_PAGE_FREE || ZP_PAGE_ENTRY_NUMBER(entry) == 0 ||
		zp_run_bin(ZP_PAGE_ENTRY_NUMBER(entry)) != walk->bin)
		return "in the wrong tree";
	if (++walk->seen > walk->most || depth > ZP_TREE_MOST_DEPTH)
		return "too many runs in trees, or a tree is too deep";
	children[0] = zp_load_relaxed_u32(&free_run(segment, page)->shorter);
	children[1] = zp_load_relaxed_u32(&free_run(segment, page)->longer);
	for (int i = 0; i < 2; i++)
	{
		if (children[i] != 0 && priority_of(children[i]) > priority_of(page))
			return "priorities of a tree are wrong";
	}
	if (children[0] != 0 && (fault = tree_fault(walk, children[0], depth + 1)) != NULL)
		return fault;
	if (walk->before != 0 && !comes_before(segment, walk->before,
										   ZP_PAGE_ENTRY_NUMBER(entry), page))
	{
		walk->wrong = page;
		return "tree is not in order";
	}
	walk->before = page;
	return children[1] == 0 ? NULL : tree_fault(walk, children[1], depth + 1);
}

ZpStatus
zp_runs_check(const ZpSegment *segment, bool in_service, char *why, size_t why_bytes)
{
	uint32_t	free_pages = 0;
	uint32_t	free_runs = 0;
	TreeWalk	walk = {.segment = segment};
	bool		free_before = false;

	if (segment->magic != ZP_SEGMENT_MAGIC || segment->number >= ZP_SEGMENTS ||
		segment->pages != zp_segment_pages(segment->number) ||
		segment->header_pages == 0 || segment->header_pages >= segment->pages)
		return wrong(segment, why, why_bytes, 0, "bad header");

	/* The map, from run to run. */
	for (uint32_t page = 0; page < segment->header_pages; page++)
	{
		if (ZP_PAGE_ENTRY_KIND(zp_run_entry(segment, page)) != ZP_PAGE_HEADER)
			return wrong(segment, why, why_bytes, page, "not marked as header");
	}
	for (uint32_t page = segment->header_pages; page < segment->pages;)
	{
		uint32_t	entry = zp_run_entry(segment, page);
		uint32_t	kind = ZP_PAGE_ENTRY_KIND(entry);
		uint32_t	length = ZP_PAGE_ENTRY_NUMBER(entry);

		if ((kind != ZP_PAGE_FREE && kind != ZP_PAGE_HEAD) || length == 0 ||
			length > segment->pages - page)
			return wrong(segment, why, why_bytes, page, "no run begins here");
		if (kind == ZP_PAGE_FREE)
		{
			if (free_before)
				return wrong(segment, why, why_bytes, page, "free neighbours not joined");
			if (zp_run_entry(segment, page + length - 1) != entry)
				return wrong(segment, why, why_bytes, page, "ends of a free run differ");
			for (uint32_t inner = 1; inner < length; inner++)
			{
				kind = ZP_PAGE_ENTRY_KIND(zp_run_entry(segment, page + inner));
				if (kind != ZP_PAGE_FREE && kind != ZP_PAGE_BODY)
					return wrong(segment, why, why_bytes, page + inner, "head in a free run");
			}
			free_pages += length;
			free_runs++;
			free_before = true;
		}
		else
		{
			for (uint32_t inner = 1; inner < length; inner++)
			{
				if (zp_run_entry(segment, page + inner) != ZP_PAGE_ENTRY(ZP_PAGE_BODY, inner))
					return wrong(segment, why, why_bytes, page + inner, "not marked as body");
			}
			free_before = false;
		}
		page += length;
	}
	if (free_pages != segment->free_pages)
		return wrong(segment, why, why_bytes, 0, "count of free pages is wrong");
	if (!in_service && free_pages != zp_segment_body_pages(segment))
		return wrong(segment, why, why_bytes, 0, "out of service but not free");

	/* The trees: as many runs as the map has, each in its bin. */
	walk.most = free_runs;
	for (walk.bin = 0; walk.bin < ZP_RUN_BINS; walk.bin++)
	{
		bool		filled = (segment->filled[walk.bin / 64] >> (walk.bin % 64)) & 1;
		uint32_t	root = zp_load_relaxed_u32(&segment->bins[walk.bin]);
		const char *fault = NULL;

		if (filled != (root != 0))
			return wrong(segment, why, why_bytes, root, "bitmap of bins is wrong");
		walk.before = 0;
		if (root != 0)
			fault = tree_fault(&walk, root, 1);
		if (fault != NULL)
			return wrong(segment, why, why_bytes, walk.wrong, fault);
	}
	if (walk.seen != (in_service ? free_runs : 0))
		return wrong(segment, why, why_bytes, 0, "free runs in no tree");
	return ZP_OK;
}
