/*
 * test_mem_pool.c
 *	  Pools as one participant sees them: books, bounds, refusals, failures.
 */
#include "mem/pool_internal.h"
#include "port/point.h"
#include "test_mem.h"

/* fixed, which is of another make, has test_mem_pool_fixed.c. */
static const ZpPoolLevel levels[] = {
	ZP_POOL_NO_LOCK, ZP_POOL_MUTEX, ZP_POOL_LOCK_FREE, ZP_POOL_LOCAL_CACHE
};

#define LEVELS	(sizeof(levels) / sizeof(levels[0]))

/* What chunks take once nothing is kept in magazines. */
static uint64_t
reserved_of(ZpArenaMap *map, ZpPool *pool)
{
	ZP_REQUIRE_OK(zp_pool_flush(map, pool));
	return stats_of(map, pool).reserved_bytes;
}

static uint64_t
arena_used(ZpArenaMap *map)
{
	ZpArenaStats stats;

	zp_arena_stats(map, &stats);
	return stats.used_bytes;
}

static uint64_t
arena_reserved(ZpArenaMap *map)
{
	ZpArenaStats stats;

	zp_arena_stats(map, &stats);
	return stats.reserved_bytes;
}

/* What a block of this size counts as. */
static uint64_t
counted(size_t size)
{
	return size > zp_presets[ZP_PRESET_BALANCED].small_bytes ? size :
		zp_size_class_bytes(zp_size_class(size));
}

/* One block of every class and some large ones: alignment, contents, books. */
static void
test_every_class(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);

	(void) state;
	for (size_t l = 0; l < LEVELS; l++)
	{
		ZpRef		pool_ref;
		ZpPool	   *pool;
		ZpRef		refs[ZP_SIZE_CLASSES + 3];
		size_t		sizes[ZP_SIZE_CLASSES + 3];
		uint64_t	used = 0;
		uint32_t	count = 0;
		uint32_t	large = 0;
		uint64_t	large_bytes = 0;

		ZP_REQUIRE_OK(zp_pool_create(map, levels[l], 0, &pool_ref));
		pool = zp_at(map, pool_ref);
		for (; count < ZP_SIZE_CLASSES; count++)
			sizes[count] = zp_size_class_bytes(count) - count % 16;
		sizes[count++] = ZP_LARGEST_SMALL_BYTES + 1;
		sizes[count++] = 100000;
		sizes[count++] = 3 << 20;
		for (uint32_t i = 0; i < count; i++)
		{
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, sizes[i], &refs[i]));
			if (sizes[i] > zp_presets[ZP_PRESET_BALANCED].small_bytes)
			{
				large++;
				large_bytes += sizes[i];
			}
			if (sizes[i] > zp_presets[ZP_PRESET_BALANCED].small_bytes ||
				counted(sizes[i]) % 64 == 0)
				ZP_REQUIRE((uintptr_t) zp_at(map, refs[i]) % 64 == 0);
			fill_block(map, refs[i], sizes[i]);
			used += counted(sizes[i]);
		}
		require_sound(map, pool);
		ZP_REQUIRE(stats_of(map, pool).level == levels[l]);
		ZP_REQUIRE(stats_of(map, pool).used_bytes == used);
		ZP_REQUIRE(stats_of(map, pool).blocks == count);
		ZP_REQUIRE(stats_of(map, pool).large_blocks == large);
		ZP_REQUIRE(stats_of(map, pool).large_bytes == large_bytes);
		ZP_REQUIRE(stats_of(map, pool).chunks == count);
		ZP_REQUIRE(stats_of(map, pool).reserved_bytes >= used);
		for (uint32_t i = 0; i < count; i++)
		{
			verify_block(map, refs[i], sizes[i]);
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
		}
		require_sound(map, pool);
		ZP_REQUIRE(stats_of(map, pool).used_bytes == 0);
		ZP_REQUIRE(reserved_of(map, pool) == 0);
		ZP_REQUIRE(stats_of(map, pool).chunks == 0);
		ZP_REQUIRE(stats_of(map, pool).cached_blocks == 0);
		require_sound(map, pool);
		ZP_REQUIRE(stats_of(map, pool).allocations == count);
		ZP_REQUIRE(stats_of(map, pool).frees == count);
		ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
	}
	world_destroy(world);
}

/* Fills slabs of one class far and wide, frees in random order. */
static void
test_many_blocks_of_a_class(void **state)
{
	static const size_t sizes[] = {16, 48, 64, 200, 1024, 5000, 32768};
	static ZpRef refs[20000];

	(void) state;
	for (size_t l = 0; l < LEVELS; l++)
	{
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		{
			World	   *world = world_create(0);
			ZpArenaMap *map = world_map(world);
			OwnerMap	owners = owner_map(world, 1u << 22);
			uint64_t	seed = sizes[s];
			uint32_t	count = sizes[s] > 2000 ? 300 : 20000;
			uint64_t	bytes = counted(sizes[s]);
			ZpRef		pool_ref;
			ZpPool	   *pool;
			ZpPoolStats stats;

			ZP_REQUIRE_OK(zp_pool_create(map, levels[l], 0, &pool_ref));
			pool = zp_at(map, pool_ref);
			for (uint32_t i = 0; i < count; i++)
			{
				ZP_REQUIRE_OK(zp_pool_alloc(map, pool, sizes[s], &refs[i]));
				owner_claim(&owners, refs[i], bytes, 1);
			}
			require_sound(map, pool);
			stats = stats_of(map, pool);
			ZP_REQUIRE(stats.used_bytes == count * bytes);
			/* What is in chunks is blocks, free or not, but for an eighth. */
			ZP_REQUIRE(stats.used_bytes + stats.free_bytes <= stats.reserved_bytes);
			ZP_REQUIRE((stats.used_bytes + stats.free_bytes) * 8 > stats.reserved_bytes * 7);

			for (uint32_t left = count; left > 0; left--)
			{
				uint32_t	i = random_below(&seed, left);

				owner_release(&owners, refs[i], bytes, 1);
				ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[s]));
				refs[i] = refs[left - 1];
				if (left % 4000 == 0)
					require_sound(map, pool);
			}
			require_sound(map, pool);
			ZP_REQUIRE(reserved_of(map, pool) == 0);
			ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
			require_arena_sound(map);
			world_destroy(world);
		}
	}
}

/* A pool that is used little takes little: its own pages and one page for a class. */
static void
test_small_pool_is_small(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	uint64_t	before = arena_used(map);
	ZpRef		pool_ref;
	ZpRef		ref;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool_ref));
	ZP_REQUIRE(arena_used(map) - before == 3 * ZP_PAGE_BYTES);
	for (int i = 0; i < 50; i++)
		ZP_REQUIRE_OK(zp_pool_alloc(map, zp_at(map, pool_ref), 64, &ref));
	ZP_REQUIRE(arena_used(map) - before == 4 * ZP_PAGE_BYTES);
	ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
	ZP_REQUIRE(arena_used(map) == before);
	world_destroy(world);
}

static void
test_destroy_returns_everything(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	uint64_t	seed = 5;

	(void) state;
	for (size_t l = 0; l < LEVELS; l++)
	{
		ZpRef		pool_ref;
		ZpRef		ref = ZP_NULL_REF;
		uint32_t	size = 0;
		uint64_t	used;
		ZpRef		keeper;

		/* Headers of segments stay; so let the first round make the segments. */
		for (int round = 0; round < 2; round++)
		{
			uint64_t	round_seed = 77;

			used = arena_used(map);
			ZP_REQUIRE_OK(zp_pool_create(map, levels[l], 0, &pool_ref));
			for (int i = 0; i < 3000; i++)
			{
				size = 1 + random_below(&round_seed, i % 20 == 0 ? 200000 : 600);
				ZP_REQUIRE_OK(zp_pool_alloc(map, zp_at(map, pool_ref), size, &ref));
			}
			ZP_REQUIRE(arena_used(map) > used + (8 << 20));
			ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
			require_arena_sound(map);
			if (round == 1)
				ZP_REQUIRE(arena_used(map) == used);
		}
		ZP_REQUIRE(arena_reserved(map) < 512 << 10);
		ZP_REQUIRE(world_resident_bytes(world) <= arena_reserved(map));

		/* The dead pool's ref is no pool, also when its pages are something else's. */
		ZP_REQUIRE_STATUS(zp_pool_destroy(map, pool_ref), ZP_BAD_REF);
		ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 2, &keeper));
		ZP_REQUIRE_STATUS(zp_pool_destroy(map, keeper), ZP_BAD_REF);
		ZP_REQUIRE_OK(zp_arena_free_pages(map, keeper));
		for (int i = 0; i < 10000; i++)
			ZP_REQUIRE_STATUS(zp_pool_destroy(map, (ZpRef) random_next(&seed)), ZP_BAD_REF);
	}
	world_destroy(world);
}

/* Every wrong free is refused by name, and counted, and changes nothing. */
static void
test_wrong_frees(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);

	(void) state;
	for (size_t l = 0; l < LEVELS; l++)
	{
		ZpRef		pool_ref;
		ZpRef		other_ref;
		ZpPool	   *pool;
		ZpPool	   *other;
		ZpRef		small;
		ZpRef		neighbour;
		ZpRef		large;
		ZpRef		foreign;
		ZpRef		gone;
		ZpRef		pages;
		ZpPoolStats before;
		ZpPoolStats after;
		uint64_t	seed = 11;
		uint64_t	refused = 0;

		ZP_REQUIRE_OK(zp_pool_create(map, levels[l], 0, &pool_ref));
		ZP_REQUIRE_OK(zp_pool_create(map, levels[l], 0, &other_ref));
		pool = zp_at(map, pool_ref);
		other = zp_at(map, other_ref);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 96, &small));
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 96, &neighbour));
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 50000, &large));
		ZP_REQUIRE_OK(zp_pool_alloc(map, other, 96, &foreign));
		ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 1, &pages));
		memset(zp_at(map, pages), 0xff, ZP_PAGE_BYTES);
		fill_block(map, small, 96);
		fill_block(map, neighbour, 96);
		fill_block(map, large, 50000);
		before = stats_of(map, pool);

#define REFUSED(ref, size, status) \
	do { \
		ZP_REQUIRE_STATUS(zp_pool_free(map, pool, ref, size), status); \
		refused++; \
	} while (0)

		REFUSED(ZP_NULL_REF, 96, ZP_BAD_REF);
		REFUSED(ZP_FIRST_REF - 1, 96, ZP_BAD_REF);
		REFUSED(ZP_FIRST_REF, 96, ZP_BAD_REF);	/* the arena's header */
		REFUSED(UINT32_MAX, 96, ZP_BAD_REF);
		REFUSED(foreign, 96, ZP_BAD_REF);
		REFUSED(pages, 96, ZP_BAD_REF);
		REFUSED(pool_ref, 96, ZP_BAD_REF);
		REFUSED(other_ref + 7, 96, ZP_BAD_REF);
		/* Not where a block begins; in the slab's header; past its last block. */
		REFUSED(small + 1, 96, ZP_BAD_REF);
		REFUSED(small + 5, 96, ZP_BAD_REF);
		REFUSED(large + 1, 50000, ZP_BAD_REF);
		REFUSED(large - 1, 50000, ZP_BAD_REF);
		REFUSED(large + ZP_PAGE_REFS, 50000, ZP_BAD_REF);
		REFUSED(small & ~(ZpRef) (ZP_PAGE_REFS - 1), 96, ZP_BAD_REF);
		REFUSED(small | (ZpRef) (ZP_PAGE_REFS - 1), 96, ZP_BAD_REF);
		/* Another class, or no class at all. */
		REFUSED(small, 80, ZP_BAD_SIZE);
		REFUSED(small, 97, ZP_BAD_SIZE);
		REFUSED(small, 0, ZP_BAD_SIZE);
		REFUSED(small, SIZE_MAX, ZP_BAD_SIZE);
		REFUSED(large, 49999, ZP_BAD_SIZE);
		REFUSED(large, 96, ZP_BAD_SIZE);
		/* Not handed out: the next block of the slab. */
		REFUSED(neighbour + 6, 96, ZP_DOUBLE_FREE);
		/* Any number at all; 0 is no size of a block. */
		for (int i = 0; i < 100000; i++)
		{
			ZpRef		any = (ZpRef) random_next(&seed);
			ZpStatus	status;

			if (i % 2)
				any = ZP_FIRST_REF + any % ZP_FIRST_REF;
			status = zp_pool_free(map, pool, any, 0);
			ZP_REQUIRE(status == ZP_BAD_REF || status == ZP_BAD_SIZE);
			refused++;
		}

		after = stats_of(map, pool);
		ZP_REQUIRE(after.bad_frees == refused);
		after.bad_frees = before.bad_frees;
		ZP_REQUIRE(memcmp(&before.max_bytes, &after.max_bytes,
						  sizeof(before) - offsetof(ZpPoolStats, max_bytes)) == 0);
		verify_block(map, small, 96);
		verify_block(map, neighbour, 96);
		verify_block(map, large, 50000);
		require_sound(map, pool);
		require_sound(map, other);

		/* The whole class is as good as the size: 81 .. 96. */
		ZP_REQUIRE_OK(zp_pool_free(map, pool, small, 81));
		ZP_REQUIRE_STATUS(zp_pool_free(map, pool, small, 96), ZP_DOUBLE_FREE);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 90, &gone));
		ZP_REQUIRE(gone == small);
		ZP_REQUIRE_OK(zp_pool_free(map, pool, gone, 96));
		ZP_REQUIRE_OK(zp_pool_free(map, pool, neighbour, 96));
		/* Now the slab is gone, too, once it is in no magazine. */
		if (levels[l] == ZP_POOL_LOCAL_CACHE)
			ZP_REQUIRE_STATUS(zp_pool_free(map, pool, neighbour, 96), ZP_DOUBLE_FREE);
		ZP_REQUIRE_OK(zp_pool_flush(map, pool));
		ZP_REQUIRE_STATUS(zp_pool_free(map, pool, neighbour, 96), ZP_BAD_REF);
		ZP_REQUIRE_OK(zp_pool_free(map, pool, large, 50000));
		ZP_REQUIRE_STATUS(zp_pool_free(map, pool, large, 50000), ZP_BAD_REF);
		require_sound(map, pool);
		ZP_REQUIRE(reserved_of(map, pool) == 0);
		ZP_REQUIRE_OK(zp_pool_free(map, other, foreign, 96));
		ZP_REQUIRE_OK(zp_arena_free_pages(map, pages));
		ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
		ZP_REQUIRE_OK(zp_pool_destroy(map, other_ref));
	}
	world_destroy(world);
}

static void
test_arguments(void **state)
{
	World	   *world = world_create(4 << 20);
	ZpArenaMap *map = world_map(world);
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpRef		ref = 12345;

	(void) state;
	ZP_REQUIRE_STATUS(zp_pool_create(map, (ZpPoolLevel) -1, 0, &pool_ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_pool_create(map, (ZpPoolLevel) 6, 0, &pool_ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool_ref));
	pool = zp_at(map, pool_ref);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 0, &ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, ZP_LARGEST_BLOCK_BYTES + 1, &ref),
					  ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, SIZE_MAX, &ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, ZP_LARGEST_BLOCK_BYTES, &ref), ZP_OUT_OF_MEMORY);
	ZP_REQUIRE(stats_of(map, pool).failures == 4);
	ZP_REQUIRE(reserved_of(map, pool) == 0);
	require_sound(map, pool);
	world_destroy(world);
}

/* The largest block there is, without touching its memory. */
static void
test_largest_block(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpRef		ref;
	unsigned char *bytes;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool_ref));
	pool = zp_at(map, pool_ref);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, ZP_LARGEST_BLOCK_BYTES, &ref));
	bytes = zp_at(map, ref);
	bytes[0] = 1;
	bytes[ZP_LARGEST_BLOCK_BYTES - 1] = 2;
	require_sound(map, pool);
	ZP_REQUIRE(stats_of(map, pool).used_bytes == ZP_LARGEST_BLOCK_BYTES);
	ZP_REQUIRE(bytes[0] == 1 && bytes[ZP_LARGEST_BLOCK_BYTES - 1] == 2);
	ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, ZP_LARGEST_BLOCK_BYTES));
	require_sound(map, pool);
	world_destroy(world);
}

static void
test_pool_limit(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);

	(void) state;
	for (size_t l = 0; l < LEVELS; l++)
	{
		ZpRef		pool_ref;
		ZpPool	   *pool;
		ZpRef		first;
		ZpRef		ref;
		uint32_t	count = 1;

		/* Ten pages: slabs of 1, 2 and 4 pages, then of what still fits. */
		ZP_REQUIRE_OK(zp_pool_create(map, levels[l], 10 * ZP_PAGE_BYTES, &pool_ref));
		pool = zp_at(map, pool_ref);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 64, &first));
		while (zp_pool_alloc(map, pool, 64, &ref) == ZP_OK)
			count++;
		ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 64, &ref), ZP_OVER_LIMIT);
		ZP_REQUIRE(stats_of(map, pool).reserved_bytes == 10 * ZP_PAGE_BYTES);
		ZP_REQUIRE(stats_of(map, pool).failures == 2);
		ZP_REQUIRE(count > 600);
		require_sound(map, pool);

		/* What was freed can be had again; another class cannot. */
		ZP_REQUIRE_OK(zp_pool_free(map, pool, first, 64));
		ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 65, &ref), ZP_OVER_LIMIT);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 64, &ref));
		ZP_REQUIRE(ref == first);
		ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 40000, &ref), ZP_OVER_LIMIT);
		zp_pool_set_limit(pool, 20 * ZP_PAGE_BYTES + 1);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 10 * ZP_PAGE_BYTES - 64, &ref));
		ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 65, &first), ZP_OVER_LIMIT);
		zp_pool_set_limit(pool, ZP_PAGE_BYTES);
		ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 65, &first), ZP_OVER_LIMIT);
		ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, 10 * ZP_PAGE_BYTES - 64));
		zp_pool_set_limit(pool, 0);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 65, &first));
		require_sound(map, pool);
		ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
	}
	world_destroy(world);
}

/* All or none, and the pool as it was. */
static void
test_reserve(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	size_t		sizes[40];
	ZpRef		refs[40];

	(void) state;
	for (uint32_t i = 0; i < 40; i++)
		sizes[i] = 1 + i * 1000;
	for (size_t l = 0; l < LEVELS; l++)
	{
		ZpRef		pool_ref;
		ZpPool	   *pool;
		uint64_t	enough;

		ZP_REQUIRE_OK(zp_pool_create(map, levels[l], 0, &pool_ref));
		pool = zp_at(map, pool_ref);
		ZP_REQUIRE_OK(zp_pool_reserve(map, pool, 40, sizes, refs));
		enough = stats_of(map, pool).reserved_bytes;
		for (uint32_t i = 0; i < 40; i++)
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
		for (uint64_t limit = ZP_PAGE_BYTES; limit < enough; limit += ZP_PAGE_BYTES)
		{
			zp_pool_set_limit(pool, limit);
			ZP_REQUIRE_STATUS(zp_pool_reserve(map, pool, 40, sizes, refs), ZP_OVER_LIMIT);
			ZP_REQUIRE(stats_of(map, pool).blocks == 0);
			ZP_REQUIRE(reserved_of(map, pool) == 0);
		}
		zp_pool_set_limit(pool, enough);
		ZP_REQUIRE_OK(zp_pool_reserve(map, pool, 40, sizes, refs));
		ZP_REQUIRE_OK(zp_pool_reserve(map, pool, 0, NULL, NULL));
		require_sound(map, pool);
		ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
	}
	world_destroy(world);
}

/* Only who made a no_lock pool may use it; anybody may look at it and destroy it. */
static void
test_no_lock_has_one_owner(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpArenaMap *other = world_join(world, 2);
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpRef		ref;
	ZpRef		none;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_NO_LOCK, 0, &pool_ref));
	pool = zp_at(map, pool_ref);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 10, &ref));
	ZP_REQUIRE_STATUS(zp_pool_alloc(other, zp_at(other, pool_ref), 10, &none), ZP_NOT_OWNER);
	ZP_REQUIRE_STATUS(zp_pool_alloc(other, zp_at(other, pool_ref), 99999, &none), ZP_NOT_OWNER);
	ZP_REQUIRE_STATUS(zp_pool_free(other, zp_at(other, pool_ref), ref, 10), ZP_NOT_OWNER);
	ZP_REQUIRE(stats_of(other, zp_at(other, pool_ref)).blocks == 1);
	ZP_REQUIRE(stats_of(other, zp_at(other, pool_ref)).failures == 2);
	ZP_REQUIRE(stats_of(other, zp_at(other, pool_ref)).bad_frees == 1);
	ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, 10));
	require_sound(map, pool);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 10, &ref));
	ZP_REQUIRE_OK(zp_pool_destroy(other, pool_ref));
	require_arena_sound(map);
	world_leave(world, other);
	world_destroy(world);
}

/* Growth fails at every n-th place in turn: the call says so, the pool stays sound. */
static void
test_every_growth_can_fail(void **state)
{
	static ZpRef refs[600];
	static size_t sizes[600];

	(void) state;
	for (size_t l = 0; l < LEVELS; l++)
	{
		for (int n = 1; n <= 8; n++)
		{
			World	   *world = world_create(0);
			ZpArenaMap *map = world_map(world);
			uint64_t	seed = (uint64_t) n;
			uint32_t	count = 0;
			uint64_t	failures = 0;
			ZpRef		pool_ref;
			ZpPool	   *pool;

			ZP_REQUIRE_OK(zp_pool_create(map, levels[l], 0, &pool_ref));
			pool = zp_at(map, pool_ref);
			world_fail_growth(world, n);
			while (count < 600)
			{
				ZpStatus	status;

				sizes[count] = 1 + random_below(&seed, count % 3 == 0 ? 60000 : 700);
				status = zp_pool_alloc(map, pool, sizes[count], &refs[count]);
				if (status == ZP_OK)
				{
					fill_block(map, refs[count], sizes[count]);
					count++;
					continue;
				}
				ZP_REQUIRE(status == ZP_OUT_OF_MEMORY);
				failures++;
				require_sound(map, pool);
				ZP_REQUIRE(stats_of(map, pool).blocks == count);
			}

			/* One slab that is refused may be made up for by a smaller one. */
			ZP_REQUIRE(failures <= 1);
			ZP_REQUIRE(stats_of(map, pool).failures == failures);
			for (uint32_t i = 0; i < count; i++)
			{
				verify_block(map, refs[i], sizes[i]);
				ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
			}
			require_sound(map, pool);
			ZP_REQUIRE(reserved_of(map, pool) == 0);
			world_destroy(world);
		}
	}
}

static bool
always_stop(void *context)
{
	(void) context;
	return true;
}

static void
no_sleep_hook(void *context)
{
	(void) context;
}

/* A wait for a class can be cancelled; with the memory in hand already, it is given back. */
static void
test_cancel(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	const ZpWaitHooks hooks = {always_stop, no_sleep_hook, no_sleep_hook, NULL};
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpRef		ref;
	uint32_t	size_class = zp_size_class(100);

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool_ref));
	pool = zp_at(map, pool_ref);
	map->hooks = &hooks;
	ZP_REQUIRE_OK(zp_mutex_lock(&pool->classes[size_class].mutex, NULL, NULL));
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 100, &ref), ZP_CANCELLED);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 200, &ref));
	ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, 200));
	zp_mutex_unlock(&pool->classes[size_class].mutex);
	ZP_REQUIRE_OK(zp_mutex_lock(&pool->classes[ZP_LARGE_CLASS].mutex, NULL, NULL));
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 100000, &ref), ZP_CANCELLED);
	zp_mutex_unlock(&pool->classes[ZP_LARGE_CLASS].mutex);
	map->hooks = NULL;
	require_sound(map, pool);
	ZP_REQUIRE(reserved_of(map, pool) == 0);
	ZP_REQUIRE(stats_of(map, pool).failures == 2);
	world_destroy(world);
}

static bool refuse_attach;
static const ZpSegmentOps *world_operations;

static ZpStatus
refusing_attach(void *context, uint32_t segment, size_t bytes, uint32_t handle, void **base)
{
	if (refuse_attach)
		return ZP_OUT_OF_MEMORY;
	return world_operations->attach(context, segment, bytes, handle, base);
}

/*
 * A participant that cannot map a segment is told so and changes nothing, wherever
 * in the lists of a class that segment's chunks are; it goes on once it can.
 */
static void
test_map_failure(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpArenaMap *other = world_join(world, 2);
	ZpSegmentOps operations = *map->ops;
	static ZpRef refs[600];
	uint64_t	seed = 99;
	int			failed = 0;
	ZpRef		pool_ref;
	ZpPool	   *pool;

	(void) state;
	world_operations = other->ops;
	operations.attach = refusing_attach;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool_ref));
	pool = zp_at(map, pool_ref);
	for (int i = 0; i < 600; i++)
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 4000, &refs[i]));

	/* Frees by a participant that forgets what it mapped, mostly cannot map, then can. */
	for (int left = 600; left > 0; left--)
	{
		uint32_t	i = random_below(&seed, (uint32_t) left);
		ZpStatus	status;
		ZpPoolStats before = stats_of(map, pool);

		world_leave(world, other);
		other = world_join(world, 2);
		other->ops = &operations;
		(void) zp_at(other, refs[i]);
		refuse_attach = true;
		status = zp_pool_free(other, zp_at(other, pool_ref), refs[i], 4000);
		if (status == ZP_MAP_FAILED)
		{
			ZpPoolStats after = stats_of(map, pool);

			failed++;
			ZP_REQUIRE(after.frees == before.frees && after.blocks == before.blocks);
			if (failed % 16 == 0)
				require_sound(map, pool);
			refuse_attach = false;
			status = zp_pool_free(other, zp_at(other, pool_ref), refs[i], 4000);
		}
		refuse_attach = false;
		ZP_REQUIRE(status == ZP_OK);
		refs[i] = refs[left - 1];
		if (left % 100 == 0)
			require_sound(map, pool);
	}
	ZP_REQUIRE(failed > 0);
	require_sound(map, pool);
	ZP_REQUIRE(reserved_of(map, pool) == 0);
	other->ops = world_operations;
	world_leave(world, other);
	world_destroy(world);
}

/* The checker sees what it is there for. */
static void
test_check_sees_damage(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpChunk    *chunk;
	ZpRef		slab;
	ZpRef		ref;
	char		why[256];

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool_ref));
	pool = zp_at(map, pool_ref);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 64, &ref));
	slab = ref & ~(ZpRef) (ZP_PAGE_REFS - 1);
	chunk = zp_at(map, slab);
	require_sound(map, pool);

#define DAMAGE(field, bits, words) \
	do { \
		(field) ^= (bits); \
		ZP_REQUIRE_STATUS(zp_pool_check(map, pool, why, sizeof(why)), ZP_CORRUPTED); \
		ZP_REQUIRE(strstr(why, words) != NULL); \
		(field) ^= (bits); \
		require_sound(map, pool); \
	} while (0)

	DAMAGE(chunk->used, 3, "count of used");
	DAMAGE(chunk->taken[0].value, 2, "count of used");
	DAMAGE(chunk->taken[0].value, (uint64_t) 1 << 40, "another life");
	DAMAGE(chunk->hint.value, 1, "before the hint");
	DAMAGE(chunk->units, 1, "bad shape");
	DAMAGE(chunk->pages, 2, "not a chunk");
	DAMAGE(chunk->next, pool_ref, "more chunks");
	DAMAGE(chunk->next_partial, pool_ref, "more slabs");
	DAMAGE(pool->classes[3].partial, slab, "not listed");
	DAMAGE(pool->classes[3].chunks, 1 << 20, "not a chunk");
	DAMAGE(chunk->taken[(chunk->blocks - 1) / ZP_MARKS].value, (uint64_t) 1 << 31, "past the last");
	world_destroy(world);
}

#ifdef ZP_POINTS
static int	fail_countdown;

static bool
fail_pool_alloc(const char *name)
{
	return strcmp(name, "pool_alloc") == 0 && --fail_countdown == 0;
}

static void
test_fail_point(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	const size_t sizes[] = {10, 20, 30};
	ZpRef		refs[3];
	ZpRef		pool_ref;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool_ref));
	zp_point_hook = fail_pool_alloc;
	for (int n = 1; n <= 3; n++)
	{
		fail_countdown = n;
		ZP_REQUIRE_STATUS(zp_pool_reserve(map, zp_at(map, pool_ref), 3, sizes, refs),
						  ZP_OUT_OF_MEMORY);
		ZP_REQUIRE(stats_of(map, zp_at(map, pool_ref)).blocks == 0);
	}
	ZP_REQUIRE_OK(zp_pool_reserve(map, zp_at(map, pool_ref), 3, sizes, refs));
	zp_point_hook = NULL;
	require_sound(map, zp_at(map, pool_ref));
	world_destroy(world);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_class),
		cmocka_unit_test(test_many_blocks_of_a_class),
		cmocka_unit_test(test_small_pool_is_small),
		cmocka_unit_test(test_destroy_returns_everything),
		cmocka_unit_test(test_wrong_frees),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_largest_block),
		cmocka_unit_test(test_pool_limit),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_no_lock_has_one_owner),
		cmocka_unit_test(test_every_growth_can_fail),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_map_failure),
		cmocka_unit_test(test_check_sees_damage),
#ifdef ZP_POINTS
		cmocka_unit_test(test_fail_point),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
