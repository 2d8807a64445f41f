/*
 * test_mem_pool_room.c
 *	  Room that a pool has is found, wherever it is; and what it says of itself holds.
 */
#include <string.h>

#include "mem/pool_internal.h"
#include "test_mem.h"

#define BLOCK_BYTES 1024
#define MOST_BLOCKS 4000
#define MOST_SLABS 400

/* A pool's blocks of one size, by slab. */
typedef struct Filling
{
	ZpArenaMap *map;
	ZpPool	   *pool;
	int			count;
	ZpRef		blocks[MOST_BLOCKS];	/* null: freed */
	int			slab_of[MOST_BLOCKS];
	int			slabs;
	ZpRef		runs[MOST_SLABS];
	int			in_slab[MOST_SLABS];
} Filling;

static Filling filling;

static ZpPool *
create(World *world, const ZpPoolOptions *options)
{
	ZpArenaMap *map = world_map(world);
	ZpRef		pool;

	ZP_REQUIRE_OK(zp_pool_create_with(map, options, &pool));
	filling.map = map;
	filling.pool = zp_at(map, pool);
	filling.count = 0;
	filling.slabs = 0;
	return filling.pool;
}

static int
slab_number(ZpRef block)
{
	ZpRef		run;
	uint32_t	pages;
	int			slab = 0;

	ZP_REQUIRE_OK(zp_arena_find_run(filling.map, block, &run, &pages));
	while (slab < filling.slabs && filling.runs[slab] != run)
		slab++;
	if (slab == filling.slabs)
	{
		ZP_REQUIRE(slab < MOST_SLABS);
		filling.runs[slab] = run;
		filling.in_slab[slab] = 0;
		filling.slabs++;
	}
	return slab;
}

static ZpStatus
take_block(void)
{
	ZpRef		block;
	ZpStatus	status = zp_pool_alloc(filling.map, filling.pool, BLOCK_BYTES, &block);

	if (status != ZP_OK)
		return status;
	ZP_REQUIRE(filling.count < MOST_BLOCKS);
	filling.blocks[filling.count] = block;
	filling.slab_of[filling.count] = slab_number(block);
	filling.in_slab[filling.slab_of[filling.count++]]++;
	return ZP_OK;
}

/* Frees up to `most` blocks of a slab; -1: all. */
static void
free_in_slab(int slab, int most)
{
	for (int i = 0; i < filling.count && most != 0; i++)
	{
		if (filling.slab_of[i] != slab || filling.blocks[i] == ZP_NULL_REF)
			continue;
		ZP_REQUIRE_OK(zp_pool_free(filling.map, filling.pool, filling.blocks[i], BLOCK_BYTES));
		filling.blocks[i] = ZP_NULL_REF;
		most--;
	}
}

/* Slabs of one class that are wholly empty make room for other sizes, small and large. */
static void
empty_slabs_make_room(void **state)
{
	static const size_t wanted[] = {2048, 40000};

	(void) state;
	for (size_t i = 0; i < 2; i++)
	{
		ZpPoolOptions options = {.level = ZP_POOL_LOCK_FREE,.max_bytes = 1 << 20};
		World	   *world = world_create(0);
		int			emptied = 0;
		ZpRef		block;

		(void) create(world, &options);
		while (take_block() == ZP_OK)
			;
		/* All of them have room for a block; three large ones have nothing else. */
		for (int slab = 0; slab < filling.slabs; slab++)
			free_in_slab(slab, 1);
		for (int slab = 0; slab < filling.slabs && emptied < 3; slab++)
		{
			if (filling.in_slab[slab] < 60)
				continue;
			free_in_slab(slab, -1);
			emptied++;
		}
		ZP_REQUIRE(emptied == 3);
		ZP_REQUIRE_OK(zp_pool_alloc(filling.map, filling.pool, wanted[i], &block));
		require_sound(filling.map, filling.pool);
		world_destroy(world);
	}
}

/* So does what a participant keeps in its magazines. */
static void
magazines_make_room(void **state)
{
	ZpPoolOptions options = {.level = ZP_POOL_LOCAL_CACHE,.max_bytes = 150000};
	World	   *world = world_create(0);
	ZpPoolStats stats;
	ZpRef		block;

	(void) state;
	(void) create(world, &options);
	for (uint32_t size_class = 0; size_class < 70; size_class++)
	{
		size_t		bytes = zp_size_class_bytes(size_class);

		if (zp_pool_alloc(filling.map, filling.pool, bytes, &block) == ZP_OK)
			ZP_REQUIRE_OK(zp_pool_free(filling.map, filling.pool, block, bytes));
	}
	zp_pool_stats(filling.map, filling.pool, &stats);
	ZP_REQUIRE(stats.blocks == 0 && stats.reserved_bytes + 100000 > options.max_bytes);
	ZP_REQUIRE_OK(zp_pool_alloc(filling.map, filling.pool, 100000, &block));
	require_sound(filling.map, filling.pool);
	world_destroy(world);
}

/* The last block of the last slab takes all slabs with it, in whatever order they emptied. */
static void
an_empty_pool_has_no_slabs(void **state)
{
	ZpPoolOptions options = {.level = ZP_POOL_LOCK_FREE,.preset = ZP_PRESET_MEMORY};
	World	   *world = world_create(0);
	ZpPool	   *pool = create(world, &options);
	uint32_t	size_class = zp_pool_size_class(pool, BLOCK_BYTES);
	ZpPoolStats stats;
	int			last;

	(void) state;
	for (int i = 0; i < 400; i++)
		ZP_REQUIRE_OK(take_block());
	/* No promises are left over from the slab that is in use. */
	while (zp_load_relaxed_u64(&pool->active[filling.map->participant % ZP_STRIPES][size_class])
		   >> 32)
		ZP_REQUIRE_OK(take_block());
	last = filling.slabs - 1;
	for (int slab = 0; slab < last - 4; slab++)
		free_in_slab(slab, -1);

	/* Five are left, all with room; the lowest in the stack is empty, which is too few to look. */
	free_in_slab(last, 1);
	for (int slab = last - 4; slab < last; slab++)
		free_in_slab(slab, 3);
	free_in_slab(last, -1);
	for (int i = 0; i < 4; i++)
	{
		ZP_REQUIRE_OK(take_block());
		free_in_slab(filling.slab_of[filling.count - 1], -1);
	}
	for (int slab = 0; slab < filling.slabs; slab++)
		free_in_slab(slab, -1);
	zp_pool_stats(filling.map, pool, &stats);
	ZP_REQUIRE(stats.blocks == 0);
	ZP_REQUIRE(stats.chunks == 0);
	require_sound(filling.map, filling.pool);
	world_destroy(world);
}

typedef struct Shared
{
	ZpRef		pool;
	ZpAtomicU32 stop;
} Shared;

static int
work_or_reset(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpPool	   *pool = zp_at(map, shared->pool);
	ZpPoolStats stats;
	ZpRef		block;

	(void) world;
	for (int i = 0; number == 0 && zp_load_acquire_u32(&shared->stop) == 0; i++)
	{
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 64, &block));
		ZP_REQUIRE_OK(zp_pool_free(map, pool, block, 64));
		if (i % 1000 == 999)
			(void) zp_pool_forget(map, pool, map->participant);
	}
	for (int i = 0; number != 0 && i < 20000; i++)
	{
		if (number == 1)
			zp_pool_stats_reset(map, pool);
		zp_pool_stats(map, pool, &stats);
		ZP_REQUIRE(stats.allocations < (uint64_t) 1 << 62 && stats.frees < (uint64_t) 1 << 62);
		ZP_REQUIRE(stats.cache_hits < (uint64_t) 1 << 62 && stats.cache_misses < (uint64_t) 1 << 62);
	}
	if (number == 1)
		zp_store_release_u32(&shared->stop, 1);
	return 0;
}

/* Counters are read while others count, reset and leave: they are never below zero. */
static void
counters_never_go_below_zero(void **state)
{
	World	   *world = world_create(0);
	Shared	   *shared = world_shared(world, sizeof(Shared));

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(world_map(world), ZP_POOL_LOCAL_CACHE, 0, &shared->pool));
	world_threads(world, 3, work_or_reset, shared);
	world_destroy(world);
}

/* A clean pool shows nobody what another pool had in the same memory. */
static void
clean_pools_show_nothing(void **state)
{
	static const size_t sizes[] = {16, 1000, 20000, 100000, 3000000};

	(void) state;
	for (int level = ZP_POOL_NO_LOCK; level <= ZP_POOL_FIXED; level++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpPoolOptions options = {
			.level = (ZpPoolLevel) level,.capacity = level == ZP_POOL_FIXED ? 8 << 20 : 0
		};

		for (int clean = 0; clean < 2; clean++)
		{
			ZpRef		pool;

			options.clean = clean == 1;
			ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &pool));
			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			{
				ZpRef		ref;
				unsigned char *block;

				ZP_REQUIRE_OK(zp_pool_alloc(map, zp_at(map, pool), sizes[i], &ref));
				block = zp_at(map, ref);
				for (size_t at = 0; clean == 1 && at < sizes[i]; at++)
					ZP_REQUIRE(block[at] == 0);
				memset(block, 0x5A, sizes[i]);
			}
			ZP_REQUIRE_OK(zp_pool_destroy(map, pool));
		}
		world_destroy(world);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_slabs_make_room),
		cmocka_unit_test(magazines_make_room),
		cmocka_unit_test(an_empty_pool_has_no_slabs),
		cmocka_unit_test(counters_never_go_below_zero),
		cmocka_unit_test(clean_pools_show_nothing),
	};

	return cmocka_run_group_tests_name("room in pools", tests, NULL, NULL);
}
