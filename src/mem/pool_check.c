/*
 * pool_check.c
 *	  Walks all chunks of a pool and says what is wrong.
 *
 * Takes no lock, and may follow any ref that it finds: each is looked up in the
 * page map first, and no list is followed further than the class says it is long.
 */
#include <stdio.h>

#include "mem/pool_internal.h"

/* What a class's chunks add up to. */
typedef struct ClassSum
{
	uint64_t	chunks;
	uint64_t	partial;		/* of them with free blocks */
	uint64_t	blocks;
	uint64_t	used;
	uint64_t	bytes;			/* of the runs */
	uint64_t	large_bytes;
} ClassSum;

static ZpStatus
wrong(char *why, size_t why_bytes, uint32_t size_class, ZpRef ref, const char *what)
{
	snprintf(why, why_bytes, "size class %u, ref %u: %s", size_class, ref, what);
	return ZP_CORRUPTED;
}

/* Whether a chunk of the class begins at ref. */
static bool
chunk_at(ZpArenaMap *map, const ZpPool *pool, uint32_t size_class, ZpRef ref, ZpChunk **chunk)
{
	ZpRef		run;
	uint32_t	pages;

	if (zp_arena_find_run(map, ref, &run, &pages) != ZP_OK || run != ref)
		return false;
	*chunk = zp_at(map, ref);
	return zp_load_relaxed_u32(&(*chunk)->magic) == ZP_CHUNK_MAGIC &&
		zp_load_relaxed_u32(&(*chunk)->pool) == zp_load_relaxed_u32(&pool->self) &&
		zp_load_relaxed_u32(&(*chunk)->size_class) == size_class &&
		(*chunk)->pages == pages;
}

/* What is wrong with a slab's shape or bits; NULL: nothing. */
static const char *
slab_fault(const ZpChunk *chunk, uint32_t size_class)
{
	uint32_t	words = (chunk->blocks + 63) / 64;
	uint64_t	set = 0;

	if (chunk->blocks == 0 ||
		(size_t) chunk->units * ZP_UNIT_BYTES != zp_size_class_bytes(size_class) ||
		sizeof(ZpChunk) + words * sizeof(uint64_t) > chunk->first * ZP_UNIT_BYTES ||
		(uint64_t) chunk->first + (uint64_t) chunk->blocks * chunk->units >
		(uint64_t) chunk->pages * ZP_PAGE_REFS)
		return "slab has a bad shape";
	if (chunk->used == 0 || chunk->used > chunk->blocks)
		return "slab is empty or more than full";
	for (uint32_t word = 0; word < words; word++)
	{
		uint64_t	bits = chunk->taken[word];

		if (word < chunk->hint && bits != UINT64_MAX)
			return "free block before the hint";
		if (word == words - 1 && chunk->blocks % 64 != 0)
		{
			uint64_t	past = UINT64_MAX << (chunk->blocks % 64);

			if ((bits & past) != past)
				return "clear bit past the last block";
			bits &= ~past;
		}
		set += (uint64_t) __builtin_popcountll(bits);
	}
	if (set != chunk->used)
		return "count of used blocks is wrong";
	return NULL;
}

static ZpStatus
check_chunks(ZpArenaMap *map, const ZpPool *pool, uint32_t size_class, ClassSum *sum,
			 char *why, size_t why_bytes)
{
	const ZpPoolClass *class = &pool->classes[size_class];
	uint32_t	count = zp_load_relaxed_u32(&class->chunk_count);
	ZpRef		previous = ZP_NULL_REF;
	ZpChunk    *chunk;

	for (ZpRef ref = class->chunks; ref != ZP_NULL_REF; ref = chunk->next)
	{
		const char *fault = NULL;

		if (sum->chunks == count)
			return wrong(why, why_bytes, size_class, ref, "more chunks than counted");
		if (!chunk_at(map, pool, size_class, ref, &chunk))
			return wrong(why, why_bytes, size_class, ref, "not a chunk of this class");
		if (previous != ZP_NULL_REF && chunk->previous != previous)
			return wrong(why, why_bytes, size_class, ref, "chunks not linked both ways");
		if (size_class != ZP_LARGE_CLASS)
			fault = slab_fault(chunk, size_class);
		else if (chunk->used != 1 || chunk->blocks != 1 ||
				 chunk->first != ZP_LARGE_OFFSET_REFS ||
				 chunk->pages != zp_large_pages(chunk->large_bytes))
			fault = "large block has a bad shape";
		if (fault != NULL)
			return wrong(why, why_bytes, size_class, ref, fault);
		sum->chunks++;
		sum->partial += chunk->used < chunk->blocks;
		sum->blocks += chunk->blocks;
		sum->used += chunk->used;
		sum->bytes += (uint64_t) chunk->pages * ZP_PAGE_BYTES;
		sum->large_bytes += chunk->large_bytes;
		previous = ref;
	}
	return ZP_OK;
}

static ZpStatus
check_partial(ZpArenaMap *map, const ZpPool *pool, uint32_t size_class, const ClassSum *sum,
			  char *why, size_t why_bytes)
{
	const ZpPoolClass *class = &pool->classes[size_class];
	uint64_t	partial = 0;
	ZpRef		previous = ZP_NULL_REF;
	ZpChunk    *chunk;

	for (ZpRef ref = class->partial; ref != ZP_NULL_REF; ref = chunk->next_partial)
	{
		if (++partial > sum->partial)
			return wrong(why, why_bytes, size_class, ref, "more slabs listed than have room");
		if (!chunk_at(map, pool, size_class, ref, &chunk))
			return wrong(why, why_bytes, size_class, ref, "listed, but not a chunk");
		if (chunk->used >= chunk->blocks)
			return wrong(why, why_bytes, size_class, ref, "listed, but full");
		if (previous != ZP_NULL_REF && chunk->previous_partial != previous)
			return wrong(why, why_bytes, size_class, ref, "slabs not linked both ways");
		previous = ref;
	}
	if (partial != sum->partial)
		return wrong(why, why_bytes, size_class, 0, "slab with room is not listed");
	return ZP_OK;
}

ZpStatus
zp_pool_check(ZpArenaMap *map, ZpPool *pool, char *why, size_t why_bytes)
{
	uint64_t	bytes = 0;

	if (why_bytes > 0)
		why[0] = '\0';
	if (zp_load_relaxed_u32(&pool->magic) != ZP_POOL_MAGIC)
	{
		snprintf(why, why_bytes, "not a pool");
		return ZP_CORRUPTED;
	}
	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
	{
		const ZpPoolClass *class = &pool->classes[number];
		ClassSum	sum = {0};
		ZpStatus	status;

		status = check_chunks(map, pool, number, &sum, why, why_bytes);
		if (status == ZP_OK)
			status = check_partial(map, pool, number, &sum, why, why_bytes);
		if (status != ZP_OK)
			return status;
		if (sum.chunks != zp_load_relaxed_u32(&class->chunk_count) ||
			sum.blocks != zp_load_relaxed_u64(&class->blocks) ||
			sum.used != zp_load_relaxed_u64(&class->allocations) -
			zp_load_relaxed_u64(&class->frees) ||
			sum.large_bytes != zp_load_relaxed_u64(&class->large_bytes))
			return wrong(why, why_bytes, number, 0, "counters differ from the chunks");
		bytes += sum.bytes;
	}
	if (bytes != zp_load_relaxed_u64(&pool->reserved_bytes))
	{
		snprintf(why, why_bytes, "chunks of %llu bytes, but %llu counted",
				 (unsigned long long) bytes,
				 (unsigned long long) zp_load_relaxed_u64(&pool->reserved_bytes));
		return ZP_CORRUPTED;
	}
	return ZP_OK;
}
