/*
 * chunk.h
 *	  A run of pages that a pool owns: a slab of equal blocks, or one large block.
 *
 * Private to src/mem.  The functions of a slab say what they need locked.
 */
#ifndef ZP_CHUNK_H
#define ZP_CHUNK_H

#include "mem/pool.h"

#define ZP_CHUNK_MAGIC		0x5a704368

/* Chunks that hold one large block are of this "class", after the real ones. */
#define ZP_LARGE_CLASS		ZP_SIZE_CLASSES
#define ZP_POOL_CLASSES		(ZP_SIZE_CLASSES + 1)

/* Slabs of a class double, and hold at least 1, 2, 4, then 8 blocks, if those fit the most. */
#define ZP_SLAB_MAX_DOUBLINGS	12
#define ZP_SLAB_MAX_LEAST		3

/* The largest that a slab may be asked to be; one of the largest blocks may be a page larger. */
#define ZP_SLAB_MOST_BYTES		((uint32_t) 1 << 18)

/* Blocks that one word of marks tells of; its other half is the slab's life. */
#define ZP_MARKS				32

/* Where a slab is; in its anchor.  Only in classes without a lock. */
typedef enum ZpSlabPlace
{
	ZP_SLAB_ACTIVE = 0,			/* in the word of a stripe, or with who took its last block */
	ZP_SLAB_FULL = 1,			/* nowhere: who frees a block of it lists it */
	ZP_SLAB_LISTED = 2			/* in the class's stack, or with who took it from there */
} ZpSlabPlace;

/* Anchor: blocks that are out (taken, or promised to somebody), place, stripe. */
#define ZP_ANCHOR(out, place, stripe) \
	((uint32_t) (out) | (uint32_t) (place) << 16 | (uint32_t) (stripe) << 18)
#define ZP_ANCHOR_OUT(anchor)		((anchor) & 0xffff)
#define ZP_ANCHOR_PLACE(anchor)		((ZpSlabPlace) ((anchor) >> 16 & 3))
#define ZP_ANCHOR_STRIPE(anchor)	((anchor) >> 18)

/*
 * Shared.  The first cache line of a chunk.  Where the class has a lock everything
 * is guarded by it, but for the first three fields, which anybody may read who looks
 * at a wrong ref: magic is set when the chunk is linked and cleared when it is
 * unlinked, both under the lock.  In a class without a lock the lock still guards
 * magic, next and previous; anchor and marks are changed by compare-and-swap by whoever
 * holds a block of the slab, or the promise of one.
 */
typedef struct ZpChunk
{
	ZpAtomicU32 magic;
	ZpAtomicU32 pool;			/* ref of the pool */
	ZpAtomicU32 size_class;		/* or ZP_LARGE_CLASS */

	uint32_t	pages;			/* constant while linked, as all down to `used` but the anchor */
	uint32_t	first;			/* units from here to the first block */
	uint32_t	units;			/* of a block */
	uint32_t	reciprocal;		/* 2^31 / units, rounded up */
	uint32_t	blocks;
	union
	{
		uint64_t	large_bytes;	/* of a large block, as asked */
		struct
		{
			ZpAtomicU32 anchor; /* without a lock: ZP_ANCHOR */
			uint32_t	life;	/* number of the slab, also in each word of marks */
		};
	};

	uint32_t	used;			/* blocks handed out; without a lock: unused */
	ZpAtomicU32 hint;			/* with a lock: no word before it has a clear mark; else a guess */

	/*
	 * Lists of the class, all its chunks and those with free blocks.  `previous`
	 * means nothing in the first chunk of a list, so that the first can be
	 * taken off, and looked at, without touching another.
	 */
	ZpRef		next;
	ZpRef		previous;
	union
	{
		ZpRef		next_partial;
		ZpAtomicU32 link;		/* without a lock: the next in the stack; see tagged.h */
	};
	union
	{
		ZpRef		previous_partial;
		uint32_t	most_promised;	/* without a lock: to one magazine; constant */
	};

	/*
	 * Slab: a word for each 32 blocks.  Low half: mark b: block b is handed out;
	 * marks past the last block are set.  High half: the slab's life.
	 */
	ZpAtomicU64 taken[];
} ZpChunk;

_Static_assert(offsetof(ZpChunk, taken) == ZP_CACHE_LINE_BYTES, "a large block follows");

#define ZP_LARGE_OFFSET_REFS	(ZP_CACHE_LINE_BYTES / (uint32_t) ZP_UNIT_BYTES)

/* Shape of a slab, before it exists. */
typedef struct ZpSlabPlan
{
	uint32_t	pages;
	uint32_t	first;			/* units */
	uint32_t	units;
	uint32_t	blocks;
} ZpSlabPlan;

/* The next slab of a class that has `slabs` already; sizes as in ZpPreset. */
extern ZpSlabPlan zp_slab_plan(uint32_t size_class, uint32_t slabs, uint32_t first_bytes,
							   uint32_t most_bytes);

/* Pages of the chunk of a large block. */
extern uint32_t zp_large_pages(size_t size);

/* Writes all but magic and links, in a run that nobody else knows. */
extern void zp_slab_init(ZpChunk *chunk, ZpRef pool, uint32_t size_class,
						 const ZpSlabPlan *plan, uint32_t life);
extern void zp_large_init(ZpChunk *chunk, ZpRef pool, uint32_t pages, size_t size);

static inline uint32_t
zp_slab_words(const ZpChunk *chunk)
{
	return (chunk->blocks + ZP_MARKS - 1) / ZP_MARKS;
}

/* The marks of a word, 1: taken. */
static inline uint32_t
zp_slab_marks(const ZpChunk *chunk, uint32_t word)
{
	return (uint32_t) zp_load_relaxed_u64(&chunk->taken[word]);
}

static inline uint32_t
zp_slab_distance(const ZpChunk *chunk, uint32_t word, uint32_t bit)
{
	return chunk->first + (word * ZP_MARKS + bit) * chunk->units;
}

/* Locked.  A free block; there must be one.  Its distance from the chunk, in units. */
static inline uint32_t
zp_slab_take(ZpChunk *chunk)
{
	uint32_t	start = zp_load_relaxed_u32(&chunk->hint);
	uint32_t	word = start;
	uint64_t	marks;
	uint32_t	bit;

	while ((uint32_t) (marks = zp_load_relaxed_u64(&chunk->taken[word])) == UINT32_MAX)
		word++;
	bit = (uint32_t) __builtin_ctz(~(uint32_t) marks);
	zp_store_relaxed_u64(&chunk->taken[word], marks | (uint64_t) 1 << bit);
	if (word != start)
		zp_store_relaxed_u32(&chunk->hint, word);
	chunk->used++;
	return zp_slab_distance(chunk, word, bit);
}

/*
 * Not locked.  A free block of a slab in which one is promised to the caller, so there
 * is one, though others take and free at the same time.  *failed grows by the number of
 * times that another was faster.
 */
static inline uint32_t
zp_slab_take_promised(ZpChunk *chunk, uint32_t *failed)
{
	uint32_t	words = zp_slab_words(chunk);
	uint32_t	start = zp_load_relaxed_u32(&chunk->hint);
	uint32_t	word = start;

	for (;;)
	{
		uint64_t	marks = zp_load_relaxed_u64(&chunk->taken[word]);

		while ((uint32_t) marks != UINT32_MAX)
		{
			uint32_t	bit = (uint32_t) __builtin_ctz(~(uint32_t) marks);

			if (zp_cas_acquire_u64(&chunk->taken[word], &marks, marks | (uint64_t) 1 << bit))
			{
				if (word != start)
					zp_store_relaxed_u32(&chunk->hint, word);
				return zp_slab_distance(chunk, word, bit);
			}
			++*failed;
		}
		if (++word == words)
			word = 0;
	}
}

/* Locked.  Number of the block that begins `distance` units from the chunk; false: none. */
static inline bool
zp_slab_find(const ZpChunk *chunk, uint32_t distance, uint32_t *block)
{
	uint32_t	offset = distance - chunk->first;
	uint32_t	number;

	/*
	 * Exact for every offset in a slab: it is less than 2^15 and the reciprocal
	 * less than 1 too large, so the quotient grows by less than 2^-16, and units
	 * is at most 2^12.  Beyond the slab, and before it, where the offset is huge, it is
	 * large enough to be refused.
	 */
	number = (uint32_t) (((uint64_t) offset * chunk->reciprocal) >> 31);
	if (ZP_UNLIKELY(number >= chunk->blocks || number * chunk->units != offset))
		return false;
	*block = number;
	return true;
}

static inline bool
zp_slab_is_taken(const ZpChunk *chunk, uint32_t block)
{
	return (zp_slab_marks(chunk, block / ZP_MARKS) >> (block % ZP_MARKS)) & 1;
}

/* Locked.  The block is taken. */
static inline void
zp_slab_give(ZpChunk *chunk, uint32_t block)
{
	uint32_t	word = block / ZP_MARKS;
	uint64_t	marks = zp_load_relaxed_u64(&chunk->taken[word]);

	zp_store_relaxed_u64(&chunk->taken[word], marks & ~((uint64_t) 1 << (block % ZP_MARKS)));
	if (word < zp_load_relaxed_u32(&chunk->hint))
		zp_store_relaxed_u32(&chunk->hint, word);
	chunk->used--;
}

#endif							/* ZP_CHUNK_H */
