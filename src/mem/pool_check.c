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
	uint64_t	partial;		/* of them with free blocks (LOCK_FREE: listed) */
	uint64_t	empties;		/* LOCK_FREE: of these without a block out */
	uint64_t	blocks;
	uint64_t	used;
	uint64_t	promised;		/* LOCK_FREE: out but not used */
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

/* What is wrong with a slab's shape or marks; NULL: nothing.  *used: how many are set. */
static const char *
slab_fault(const ZpChunk *chunk, uint32_t size_class, bool lock_free, uint32_t *used)
{
	uint32_t	words = zp_slab_words(chunk);

	*used = 0;
	if (chunk->blocks == 0 ||
		(size_t) chunk->units * ZP_UNIT_BYTES != zp_size_class_bytes(size_class) ||
		sizeof(ZpChunk) + words * sizeof(uint64_t) > chunk->first * ZP_UNIT_BYTES ||
		(uint64_t) chunk->first + (uint64_t) chunk->blocks * chunk->units >
		(uint64_t) chunk->pages * ZP_PAGE_REFS)
		return "slab has a bad shape";
	for (uint32_t word = 0; word < words; word++)
	{
		uint64_t	both = zp_load_relaxed_u64(&chunk->taken[word]);
		uint32_t	marks = (uint32_t) both;

		if ((uint32_t) (both >> 32) != chunk->life)
			return "marks of another life";
		if (!lock_free && word < zp_load_relaxed_u32(&chunk->hint) && marks != UINT32_MAX)
			return "free block before the hint";
		if (word == words - 1 && chunk->blocks % ZP_MARKS != 0)
		{
			uint32_t	past = UINT32_MAX << (chunk->blocks % ZP_MARKS);

			if ((marks & past) != past)
				return "clear mark past the last block";
			marks &= ~past;
		}
		*used += (uint32_t) __builtin_popcount(marks);
	}
	if (lock_free)
	{
		uint32_t	anchor = zp_load_relaxed_u32(&chunk->anchor);
		uint32_t	out = ZP_ANCHOR_OUT(anchor);

		if (out > chunk->blocks || out < *used)
			return "count of blocks that are out is wrong";
		if (ZP_ANCHOR_PLACE(anchor) == ZP_SLAB_FULL && out != chunk->blocks)
			return "slab with free blocks says that it is full";
		if (ZP_ANCHOR_PLACE(anchor) == ZP_SLAB_ACTIVE && out != chunk->blocks &&
			ZP_ANCHOR_STRIPE(anchor) >= ZP_STRIPES)
			return "no such stripe";
		return NULL;
	}
	if (*used != chunk->used)
		return "count of used blocks is wrong";
	if (chunk->used == 0 || chunk->used > chunk->blocks)
		return "slab is empty or more than full";
	return NULL;
}

static ZpStatus
check_chunks(ZpArenaMap *map, const ZpPool *pool, uint32_t size_class, ClassSum *sum,
			 char *why, size_t why_bytes)
{
	const ZpPoolClass *class = &pool->classes[size_class];
	uint32_t	count = zp_load_relaxed_u32(&class->chunk_count);
	bool		lock_free = zp_class_is_lock_free(class);
	ZpRef		previous = ZP_NULL_REF;
	ZpChunk    *chunk;

	for (ZpRef ref = class->chunks; ref != ZP_NULL_REF; ref = chunk->next)
	{
		const char *fault = NULL;
		uint32_t	used = 1;

		if (sum->chunks == count)
			return wrong(why, why_bytes, size_class, ref, "more chunks than counted");
		if (!chunk_at(map, pool, size_class, ref, &chunk))
			return wrong(why, why_bytes, size_class, ref, "not a chunk of this class");
		if (previous != ZP_NULL_REF && chunk->previous != previous)
			return wrong(why, why_bytes, size_class, ref, "chunks not linked both ways");
		if (size_class != ZP_LARGE_CLASS)
			fault = slab_fault(chunk, size_class, lock_free, &used);
		else if (chunk->used != 1 || chunk->blocks != 1 ||
				 chunk->first != ZP_LARGE_OFFSET_REFS ||
				 chunk->pages != zp_large_pages(chunk->large_bytes))
			fault = "large block has a bad shape";
		if (fault != NULL)
			return wrong(why, why_bytes, size_class, ref, fault);
		sum->chunks++;
		sum->blocks += chunk->blocks;
		sum->used += used;
		sum->bytes += (uint64_t) chunk->pages * ZP_PAGE_BYTES;
		if (size_class == ZP_LARGE_CLASS)
			sum->large_bytes += chunk->large_bytes;
		if (lock_free)
		{
			uint32_t	anchor = zp_load_relaxed_u32(&chunk->anchor);

			sum->promised += ZP_ANCHOR_OUT(anchor) - used;
			sum->partial += ZP_ANCHOR_PLACE(anchor) == ZP_SLAB_LISTED;
			sum->empties += ZP_ANCHOR_PLACE(anchor) == ZP_SLAB_LISTED &&
				ZP_ANCHOR_OUT(anchor) == 0;
		}
		else
			sum->partial += chunk->used < chunk->blocks;
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

/* The stack of a class without a lock. */
static ZpStatus
check_stack(ZpArenaMap *map, const ZpPool *pool, uint32_t size_class, const ClassSum *sum,
			char *why, size_t why_bytes)
{
	const ZpPoolClass *class = &pool->classes[size_class];
	uint64_t	listed = 0;
	ZpChunk    *chunk;

	for (ZpRef ref = zp_tagged_ref(zp_load_relaxed_u64(&class->stack)); ref != ZP_NULL_REF;
		 ref = zp_load_relaxed_u32(&chunk->link))
	{
		if (++listed > sum->partial)
			return wrong(why, why_bytes, size_class, ref, "more slabs listed than say so");
		if (!chunk_at(map, pool, size_class, ref, &chunk))
			return wrong(why, why_bytes, size_class, ref, "listed, but not a chunk");
		if (ZP_ANCHOR_PLACE(zp_load_relaxed_u32(&chunk->anchor)) != ZP_SLAB_LISTED)
			return wrong(why, why_bytes, size_class, ref, "listed, but says that it is not");
	}
	if (listed != sum->partial)
		return wrong(why, why_bytes, size_class, 0, "slab says that it is listed, but is not");
	if (listed != zp_load_relaxed_u32(&class->listed) ||
		sum->empties != zp_load_relaxed_u32(&class->empties))
		return wrong(why, why_bytes, size_class, 0, "counts of listed slabs are wrong");
	if (zp_load_relaxed_u32(&class->reaping) % ZP_REAP_ENTRY != 0)
		return wrong(why, why_bytes, size_class, 0, "somebody looks through the stack");
	return ZP_OK;
}

/* What the records say of one class. */
typedef struct RecordSum
{
	uint64_t	allocations[ZP_SIZE_CLASSES];
	uint64_t	frees[ZP_SIZE_CLASSES];
	uint64_t	promised[ZP_SIZE_CLASSES];
} RecordSum;

static void
add_record(const ZpPoolRecord *record, void *argument)
{
	RecordSum  *sum = argument;

	if (record == NULL)
		return;
	for (uint32_t number = 0; number < ZP_SIZE_CLASSES; number++)
	{
		sum->allocations[number] += zp_load_relaxed_u64(&record->classes[number].allocations);
		sum->frees[number] += zp_load_relaxed_u64(&record->classes[number].frees);
		for (uint32_t i = 0; i < ZP_MAGAZINES; i++)
			sum->promised[number] +=
				zp_load_relaxed_u32(&record->classes[number].magazines[i].promised);
	}
}

/* All promises of a class are in the words of stripes and in magazines. */
static ZpStatus
check_promises(const ZpPool *pool, uint32_t size_class, const ClassSum *sum,
			   const RecordSum *records, char *why, size_t why_bytes)
{
	uint64_t	promised = records->promised[size_class];

	for (uint32_t stripe = 0; stripe < ZP_STRIPES; stripe++)
		promised += zp_load_relaxed_u64(&pool->active[stripe][size_class]) >> 16 & 0xffff;
	if (promised != sum->promised)
		return wrong(why, why_bytes, size_class, 0, "promised blocks are lost or made up");
	return ZP_OK;
}

/* Adds the bytes of the runs that are kept, each of which must be one. */
static bool
kept_runs_are_right(ZpArenaMap *map, const ZpPool *pool, uint64_t *bytes)
{
	uint64_t	kept = 0;

	for (uint32_t slot = 0; slot < ZP_KEPT_RUNS; slot++)
	{
		uint64_t	word = zp_load_relaxed_u64(&pool->kept[slot]);
		ZpRef		run;
		uint32_t	pages;

		if (word == 0)
			continue;
		if (zp_arena_find_run(map, (ZpRef) (word >> 32), &run, &pages) != ZP_OK ||
			run != (ZpRef) (word >> 32) || pages != (uint32_t) word)
			return false;
		kept += (uint64_t) pages * ZP_PAGE_BYTES;
	}
	if (zp_load_relaxed_u32(&pool->initial) != ZP_NULL_REF)
	{
		ZpRef		initial = zp_load_relaxed_u32(&pool->initial);
		ZpRef		run;
		uint32_t	pages;

		if (zp_arena_find_run(map, initial, &run, &pages) != ZP_OK || run != initial ||
			pages != zp_load_relaxed_u32(&pool->initial_pages))
			return false;
		*bytes += (uint64_t) pages * ZP_PAGE_BYTES;
	}
	*bytes += kept;
	return kept == zp_load_relaxed_u64(&pool->kept_bytes);
}

ZpStatus
zp_pool_check(ZpArenaMap *map, ZpPool *pool, char *why, size_t why_bytes)
{
	uint64_t	bytes = 0;
	RecordSum	records = {0};

	if (why_bytes > 0)
		why[0] = '\0';
	if (zp_load_relaxed_u32(&pool->magic) != ZP_POOL_MAGIC)
	{
		snprintf(why, why_bytes, "not a pool");
		return ZP_CORRUPTED;
	}
	if (zp_load_relaxed_u32(&pool->level) == ZP_POOL_FIXED)
		return zp_pool_fixed_check(map, pool, why, why_bytes);
	if (zp_pool_records_visit(map, pool, add_record, &records) != ZP_OK)
	{
		snprintf(why, why_bytes, "record of a participant: cannot be mapped");
		return ZP_MAP_FAILED;
	}
	for (uint32_t number = 0; number < ZP_POOL_CLASSES; number++)
	{
		const ZpPoolClass *class = &pool->classes[number];
		bool		lock_free = zp_class_is_lock_free(class);
		uint64_t	used = zp_load_relaxed_u64(&class->allocations) -
			zp_load_relaxed_u64(&class->frees);
		ClassSum	sum = {0};
		ZpStatus	status;

		if (number != ZP_LARGE_CLASS)
			used += records.allocations[number] - records.frees[number];
		status = check_chunks(map, pool, number, &sum, why, why_bytes);
		if (status == ZP_OK && lock_free)
			status = check_stack(map, pool, number, &sum, why, why_bytes);
		else if (status == ZP_OK)
			status = check_partial(map, pool, number, &sum, why, why_bytes);
		if (status == ZP_OK && lock_free)
			status = check_promises(pool, number, &sum, &records, why, why_bytes);
		if (status != ZP_OK)
			return status;
		if (sum.chunks != zp_load_relaxed_u32(&class->chunk_count) ||
			sum.blocks != zp_load_relaxed_u64(&class->blocks) ||
			sum.used != used ||
			(number == ZP_LARGE_CLASS &&
			 sum.large_bytes != zp_load_relaxed_u64(&class->large_bytes)))
			return wrong(why, why_bytes, number, 0, "counters differ from the chunks");
		bytes += sum.bytes;
	}
	if (!kept_runs_are_right(map, pool, &bytes))
	{
		snprintf(why, why_bytes, "runs that are kept are not what is counted");
		return ZP_CORRUPTED;
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
