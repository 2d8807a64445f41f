/*
 * chunk.c
 *	  The shape of slabs and of large blocks.
 *
 * A slab is a header of one cache line, a bitmap, and the blocks, the first one
 * on a cache line if the class is a multiple of one.  There is nothing in a block
 * that the pool reads: whether it is free is told by its bit (Bonwick's slabs,
 * USENIX Summer 1994, with the free list replaced by a bitmap), so a program that
 * writes after it freed damages its own data at most.
 *
 * Size.  A class that is used little must not take much, and one that is used a
 * lot should come here seldom.  So the slab number n of a class has the preset's first
 * size << n, up to its largest (4 KB and 64 KB in the preset balanced), but never fewer
 * than 1, 2, 4, then 8 blocks (4 if they are larger than 32 KB).  Pages that this adds are filled with blocks.
 *
 * Marks.  A word holds the marks of 32 blocks and the number of the slab's life.  So
 * whoever changes a mark by compare-and-swap changes it in the slab that he looked at,
 * not in what has come to lie there since.
 *
 * Weak: at the start of a class up to half of the first slabs of a large class is
 * lost (one block of 4608 bytes in two pages); from the fourth on at most 12 %.
 */
#include "mem/chunk.h"

/* Units before the first block of a slab of so many blocks. */
static uint32_t
first_of(uint32_t blocks, size_t block_bytes)
{
	size_t		words = (blocks + ZP_MARKS - 1) / ZP_MARKS;
	size_t		align = block_bytes % ZP_CACHE_LINE_BYTES == 0 ?
		ZP_CACHE_LINE_BYTES : ZP_UNIT_BYTES;
	size_t		bytes = sizeof(ZpChunk) + words * sizeof(uint64_t);

	return (uint32_t) (((bytes + align - 1) & ~(align - 1)) / ZP_UNIT_BYTES);
}

ZpSlabPlan
zp_slab_plan(uint32_t size_class, uint32_t slabs, uint32_t first_bytes, uint32_t most_bytes)
{
	size_t		block_bytes = zp_size_class_bytes(size_class);
	uint32_t	doublings = slabs < ZP_SLAB_MAX_DOUBLINGS ? slabs : ZP_SLAB_MAX_DOUBLINGS;
	uint32_t	least = 1U << (slabs < ZP_SLAB_MAX_LEAST ? slabs : ZP_SLAB_MAX_LEAST);
	size_t		bytes = (size_t) first_bytes << doublings;
	size_t		least_bytes;
	ZpSlabPlan	plan;

	while (least * block_bytes > ZP_SLAB_MOST_BYTES)
		least /= 2;
	least_bytes = first_of(least, block_bytes) * ZP_UNIT_BYTES + least * block_bytes;
	if (bytes > most_bytes)
		bytes = most_bytes;
	if (bytes < least_bytes)
		bytes = least_bytes;
	plan.pages = (uint32_t) ((bytes + ZP_PAGE_BYTES - 1) / ZP_PAGE_BYTES);
	bytes = (size_t) plan.pages * ZP_PAGE_BYTES;
	plan.units = (uint32_t) (block_bytes / ZP_UNIT_BYTES);

	/* As many blocks as leave room for their own bits. */
	plan.blocks = (uint32_t) ((bytes - sizeof(ZpChunk)) / block_bytes);
	while (first_of(plan.blocks, block_bytes) * ZP_UNIT_BYTES + plan.blocks * block_bytes > bytes)
		plan.blocks--;
	plan.first = first_of(plan.blocks, block_bytes);
	return plan;
}

uint32_t
zp_large_pages(size_t size)
{
	return (uint32_t) ((sizeof(ZpChunk) + size + ZP_PAGE_BYTES - 1) / ZP_PAGE_BYTES);
}

static void
init_header(ZpChunk *chunk, ZpRef pool, uint32_t size_class, uint32_t pages)
{
	zp_store_relaxed_u32(&chunk->magic, 0);
	zp_store_relaxed_u32(&chunk->pool, pool);
	zp_store_relaxed_u32(&chunk->size_class, size_class);
	chunk->pages = pages;
	chunk->used = 0;
	zp_store_relaxed_u32(&chunk->hint, 0);
	chunk->next = ZP_NULL_REF;
	chunk->previous = ZP_NULL_REF;
	chunk->next_partial = ZP_NULL_REF;
	chunk->previous_partial = ZP_NULL_REF;
}

void
zp_slab_init(ZpChunk *chunk, ZpRef pool, uint32_t size_class, const ZpSlabPlan *plan,
			 uint32_t life)
{
	uint32_t	words = (plan->blocks + ZP_MARKS - 1) / ZP_MARKS;

	init_header(chunk, pool, size_class, plan->pages);
	chunk->first = plan->first;
	chunk->units = plan->units;
	chunk->reciprocal = (uint32_t) ((((uint64_t) 1 << 31) + plan->units - 1) / plan->units);
	chunk->blocks = plan->blocks;
	chunk->life = life;
	zp_store_relaxed_u32(&chunk->anchor, ZP_ANCHOR(0, ZP_SLAB_FULL, 0));
	for (uint32_t word = 0; word < words; word++)
		zp_store_relaxed_u64(&chunk->taken[word], (uint64_t) life << 32);
	if (plan->blocks % ZP_MARKS != 0)
		zp_store_relaxed_u64(&chunk->taken[words - 1], (uint64_t) life << 32 |
							 (UINT32_MAX << (plan->blocks % ZP_MARKS)));
}

void
zp_large_init(ZpChunk *chunk, ZpRef pool, uint32_t pages, size_t size)
{
	init_header(chunk, pool, ZP_LARGE_CLASS, pages);
	chunk->first = ZP_LARGE_OFFSET_REFS;
	chunk->units = (uint32_t) ((size + ZP_UNIT_BYTES - 1) / ZP_UNIT_BYTES);
	chunk->reciprocal = 0;
	chunk->blocks = 1;
	chunk->large_bytes = size;
}
