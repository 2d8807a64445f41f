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

/* Slabs of a class double from one page to this. */
#define ZP_SLAB_MAX_DOUBLINGS	4
/* And hold at least 1, 2, 4, then 8 blocks. */
#define ZP_SLAB_MAX_LEAST		3

/*
 * Shared.  The first cache line of a chunk.  Everything is guarded by the class
 * lock of the pool that owns it, but for the first three fields, which anybody
 * may read who looks at a wrong ref: magic is set when the chunk is linked and
 * cleared when it is unlinked, both under the lock.
 */
typedef struct ZpChunk
{
	ZpAtomicU32 magic;
	ZpAtomicU32 pool;			/* ref of the pool */
	ZpAtomicU32 size_class;		/* or ZP_LARGE_CLASS */

	uint32_t	pages;			/* constant while linked, as all down to large_bytes */
	uint32_t	first;			/* units from here to the first block */
	uint32_t	units;			/* of a block */
	uint32_t	reciprocal;		/* 2^31 / units, rounded up */
	uint32_t	blocks;
	uint64_t	large_bytes;	/* as asked; of a slab: 0 */

	uint32_t	used;			/* blocks handed out */
	uint32_t	hint;			/* no word of taken[] before this has a clear bit */

	/*
	 * Lists of the class, all its chunks and those with free blocks.  `previous`
	 * means nothing in the first chunk of a list, so that the first can be
	 * taken off, and looked at, without touching another.
	 */
	ZpRef		next;
	ZpRef		previous;
	ZpRef		next_partial;
	ZpRef		previous_partial;

	/* Slab: bit b: block b is handed out.  Bits past the last block are set. */
	uint64_t	taken[];
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

/* The next slab of a class that has `slabs` already. */
extern ZpSlabPlan zp_slab_plan(uint32_t size_class, uint32_t slabs);

/* Pages of the chunk of a large block. */
extern uint32_t zp_large_pages(size_t size);

/* Writes all but magic and links, in a run that nobody else knows. */
extern void zp_slab_init(ZpChunk *chunk, ZpRef pool, uint32_t size_class,
						 const ZpSlabPlan *plan);
extern void zp_large_init(ZpChunk *chunk, ZpRef pool, uint32_t pages, size_t size);

/* Locked.  A free block; there must be one.  Its distance from the chunk, in units. */
static inline uint32_t
zp_slab_take(ZpChunk *chunk)
{
	uint32_t	word = chunk->hint;
	uint32_t	bit;

	while (chunk->taken[word] == UINT64_MAX)
		word++;
	bit = (uint32_t) __builtin_ctzll(~chunk->taken[word]);
	chunk->taken[word] |= (uint64_t) 1 << bit;
	chunk->hint = word;
	chunk->used++;
	return chunk->first + (word * 64 + bit) * chunk->units;
}

/* Locked.  Number of the block that begins `distance` units from the chunk; false: none. */
static inline bool
zp_slab_find(const ZpChunk *chunk, uint32_t distance, uint32_t *block)
{
	uint32_t	offset = distance - chunk->first;
	uint32_t	number;

	if (ZP_UNLIKELY(distance < chunk->first))
		return false;

	/*
	 * Exact for every offset in a slab: it is less than 2^15 and the reciprocal
	 * less than 1 too large, so the quotient grows by less than 2^-16, and units
	 * is at most 2^11.  Beyond the slab it is large enough to be refused.
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
	return (chunk->taken[block / 64] >> (block % 64)) & 1;
}

/* Locked.  The block is taken. */
static inline void
zp_slab_give(ZpChunk *chunk, uint32_t block)
{
	uint32_t	word = block / 64;

	chunk->taken[word] &= ~((uint64_t) 1 << (block % 64));
	if (word < chunk->hint)
		chunk->hint = word;
	chunk->used--;
}

#endif							/* ZP_CHUNK_H */
