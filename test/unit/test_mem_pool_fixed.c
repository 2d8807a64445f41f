/*
 * test_mem_pool_fixed.c
 *	  Level fixed: full exactly at its capacity, never growing, whole again when it is
 *	  empty, every wrong free refused.
 */
#include "mem/pool_internal.h"
#include "test_mem.h"

/* What a block takes of the capacity. */
static uint64_t
taken(size_t size)
{
	uint64_t	bytes = size > zp_presets[ZP_PRESET_BALANCED].small_bytes ? size :
		zp_size_class_bytes(zp_size_class(size));

	return (bytes + 63) / 64 * 64;
}

/* As many blocks as fit into the capacity, and not one more; again and again. */
static void
test_full_exactly(void **state)
{
	static const size_t sizes[] = {1, 16, 64, 65, 100, 512, 513, 4096, 10000, 32768, 32769, 100000};
	static ZpRef refs[70000];

	(void) state;
	for (uint64_t capacity = 4096; capacity <= 4 << 20; capacity = capacity * 5 + 64)
	{
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		{
			World	   *world = world_create(0);
			ZpArenaMap *map = world_map(world);
			uint32_t	fits = (uint32_t) ((capacity + 63) / 64 * 64 / taken(sizes[s]));
			ZpArenaStats before;
			ZpArenaStats after;
			ZpRef		pool_ref;
			ZpPool	   *pool;
			ZpRef		ref;

			ZP_REQUIRE(fits < 70000);
			ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_FIXED, capacity, &pool_ref));
			pool = zp_at(map, pool_ref);
			zp_arena_stats(map, &before);
			for (int round = 0; round < 2; round++)
			{
				for (uint32_t i = 0; i < fits; i++)
				{
					ZP_REQUIRE_OK(zp_pool_alloc(map, pool, sizes[s], &refs[i]));
					ZP_REQUIRE((uintptr_t) zp_at(map, refs[i]) % 64 == 0);
				}
				ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, sizes[s], &ref), ZP_OVER_LIMIT);
				ZP_REQUIRE(stats_of(map, pool).blocks == fits);
				ZP_REQUIRE(stats_of(map, pool).used_bytes == fits * taken(sizes[s]));
				require_sound(map, pool);

				/* One back is one more, wherever it lay. */
				if (fits > 0)
				{
					ref = refs[fits / 2];
					ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, sizes[s]));
					ZP_REQUIRE_OK(zp_pool_alloc(map, pool, sizes[s], &refs[fits / 2]));
					ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, sizes[s], &ref),
									  ZP_OVER_LIMIT);
				}
				for (uint32_t i = 0; i < fits; i++)
					ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i],
											   sizes[s]));
				require_sound(map, pool);
			}
			zp_arena_stats(map, &after);
			ZP_REQUIRE(memcmp(&before, &after, sizeof(before)) == 0);
			ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
			require_arena_sound(map);
			world_destroy(world);
		}
	}
}

/* Random blocks with an owner map; the checker after each few; whole at the end. */
static void
test_random_blocks(void **state)
{
	static ZpRef refs[3000];
	static size_t sizes[3000];
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	OwnerMap	owners = owner_map(world, 1u << 23);
	ZpRef		pool_ref;
	ZpPool	   *pool;
	uint64_t	seed = 1;
	uint64_t	refused = 0;
	uint64_t	used = 0;
	ZpRef		ref;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_FIXED, 2 << 20, &pool_ref));
	pool = zp_at(map, pool_ref);
	for (int step = 0; step < 200000; step++)
	{
		uint32_t	i = random_below(&seed, 3000);

		if (refs[i] == ZP_NULL_REF)
		{
			ZpStatus	status;

			sizes[i] = 1 + random_below(&seed, step % 50 == 0 ? 100000 : 2000);
			status = zp_pool_alloc(map, pool, sizes[i], &refs[i]);
			if (status != ZP_OK)
			{
				ZP_REQUIRE(status == ZP_OVER_LIMIT);
				ZP_REQUIRE(stats_of(map, pool).largest_free_bytes < taken(sizes[i]));
				refs[i] = ZP_NULL_REF;
				refused++;
				continue;
			}
			owner_claim(&owners, refs[i], taken(sizes[i]), 1);
			fill_block(map, refs[i], sizes[i]);
			used += taken(sizes[i]);
		}
		else
		{
			verify_block(map, refs[i], sizes[i]);
			owner_release(&owners, refs[i], taken(sizes[i]), 1);
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
			used -= taken(sizes[i]);
			refs[i] = ZP_NULL_REF;
		}
		if (step % 1000 == 0)
		{
			require_sound(map, pool);
			ZP_REQUIRE(stats_of(map, pool).used_bytes == used);
		}
	}
	ZP_REQUIRE(refused > 0);
	ZP_REQUIRE(stats_of(map, pool).failures == refused);
	for (uint32_t i = 0; i < 3000; i++)
	{
		if (refs[i] != ZP_NULL_REF)
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
	}
	require_sound(map, pool);
	ZP_REQUIRE(stats_of(map, pool).largest_free_bytes == 2 << 20);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 2 << 20, &ref));
	world_destroy(world);
}

static void
test_wrong_frees(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		pool_ref;
	ZpRef		other_ref;
	ZpRef		mutex_ref;
	ZpPool	   *pool;
	ZpRef		small;
	ZpRef		neighbour;
	ZpRef		large;
	ZpRef		foreign;
	ZpRef		slab_block;
	ZpPoolStats before;
	ZpPoolStats after;
	uint64_t	refused = 0;
	uint64_t	seed = 9;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_FIXED, 1 << 20, &pool_ref));
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_FIXED, 1 << 20, &other_ref));
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_LOCK_FREE, 0, &mutex_ref));
	pool = zp_at(map, pool_ref);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 96, &small));
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 200, &neighbour));
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 50000, &large));
	ZP_REQUIRE_OK(zp_pool_alloc(map, zp_at(map, other_ref), 96, &foreign));
	ZP_REQUIRE_OK(zp_pool_alloc(map, zp_at(map, mutex_ref), 96, &slab_block));
	fill_block(map, small, 96);
	fill_block(map, neighbour, 200);
	fill_block(map, large, 50000);
	before = stats_of(map, pool);

#define REFUSED(ref, size, status) \
	do { \
		ZP_REQUIRE_STATUS(zp_pool_free(map, pool, ref, size), status); \
		refused++; \
	} while (0)

	REFUSED(ZP_NULL_REF, 96, ZP_BAD_REF);
	REFUSED(ZP_FIRST_REF, 96, ZP_BAD_REF);
	REFUSED(UINT32_MAX, 96, ZP_BAD_REF);
	REFUSED(foreign, 96, ZP_BAD_REF);
	REFUSED(slab_block, 96, ZP_BAD_REF);
	REFUSED(pool_ref, 96, ZP_BAD_REF);
	REFUSED(pool->fixed, 96, ZP_BAD_REF);
	REFUSED(small - 1, 96, ZP_BAD_REF);
	REFUSED(small + 1, 96, ZP_BAD_REF);
	REFUSED(small + 4, 96, ZP_BAD_REF);	/* its second unit */
	REFUSED(large + 4, 50000, ZP_BAD_REF);
	REFUSED(large + 400, 50000, ZP_BAD_REF);
	REFUSED(small, 80, ZP_BAD_SIZE);
	REFUSED(small, 97, ZP_BAD_SIZE);
	REFUSED(small, 4096, ZP_BAD_SIZE);	/* more than it is */
	REFUSED(small, 0, ZP_BAD_SIZE);
	REFUSED(small, SIZE_MAX, ZP_BAD_SIZE);
	REFUSED(large, 49999, ZP_BAD_SIZE);
	REFUSED(large, 96, ZP_BAD_SIZE);
	for (int i = 0; i < 20000; i++)
	{
		ZpStatus	status = zp_pool_free(map, pool, pool->fixed + random_below(&seed, 80000), 0);

		ZP_REQUIRE(status == ZP_BAD_REF || status == ZP_BAD_SIZE || status == ZP_DOUBLE_FREE);
		refused++;
	}

	/* The others' frees of ours. */
	ZP_REQUIRE_STATUS(zp_pool_free(map, zp_at(map, other_ref), small, 96), ZP_BAD_REF);
	ZP_REQUIRE_STATUS(zp_pool_free(map, zp_at(map, mutex_ref), small, 96), ZP_BAD_REF);

	after = stats_of(map, pool);
	ZP_REQUIRE(after.bad_frees == refused);
	after.bad_frees = before.bad_frees;
	ZP_REQUIRE(memcmp(&before, &after, sizeof(before)) == 0);
	verify_block(map, small, 96);
	verify_block(map, neighbour, 200);
	verify_block(map, large, 50000);
	require_sound(map, pool);

	/* Double frees, at once and after the units were joined with others. */
	ZP_REQUIRE_OK(zp_pool_free(map, pool, neighbour, 200));
	ZP_REQUIRE_STATUS(zp_pool_free(map, pool, neighbour, 200), ZP_DOUBLE_FREE);
	ZP_REQUIRE_OK(zp_pool_free(map, pool, small, 90));
	ZP_REQUIRE_STATUS(zp_pool_free(map, pool, small, 96), ZP_DOUBLE_FREE);
	ZP_REQUIRE_STATUS(zp_pool_free(map, pool, neighbour, 200), ZP_DOUBLE_FREE);
	ZP_REQUIRE_OK(zp_pool_free(map, pool, large, 50000));
	ZP_REQUIRE_STATUS(zp_pool_free(map, pool, large, 50000), ZP_DOUBLE_FREE);
	require_sound(map, pool);
	ZP_REQUIRE(stats_of(map, pool).blocks == 0);
	ZP_REQUIRE(stats_of(map, pool).largest_free_bytes == 1 << 20);
	world_destroy(world);
}

static void
test_bad_sizes(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpRef		ref;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_FIXED, 10000, &pool_ref));
	pool = zp_at(map, pool_ref);
	ZP_REQUIRE(stats_of(map, pool).capacity == (10000 + 63) / 64 * 64);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 0, &ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, SIZE_MAX, &ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, (size_t) -1000, &ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, ZP_LARGEST_BLOCK_BYTES, &ref), ZP_OVER_LIMIT);
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 10241, &ref), ZP_OVER_LIMIT);
	ZP_REQUIRE(stats_of(map, pool).failures == 5);
	zp_pool_set_limit(pool, 1);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 5000, &ref));
	world_destroy(world);
}

/* All the memory is taken when it is made, or it is not made. */
static void
test_creation_can_fail(void **state)
{
	World	   *world = world_create(2 << 20);
	ZpArenaMap *map = world_map(world);
	ZpArenaStats before;
	ZpArenaStats after;
	ZpRef		pool_ref;

	(void) state;
	zp_arena_stats(map, &before);
	ZP_REQUIRE_STATUS(zp_pool_create(map, ZP_POOL_FIXED, 4 << 20, &pool_ref), ZP_OUT_OF_MEMORY);
	zp_arena_stats(map, &after);
	ZP_REQUIRE(before.used_bytes == after.used_bytes);
	require_arena_sound(map);
	for (int n = 1; n <= 2; n++)
	{
		ZpStatus	status;

		world_fail_growth(world, n);
		status = zp_pool_create(map, ZP_POOL_FIXED, 300000, &pool_ref);
		ZP_REQUIRE(status == (n == 1 ? ZP_OUT_OF_MEMORY : ZP_OK));
		world_fail_growth(world, 0);
		require_arena_sound(map);
		if (status == ZP_OK)
			ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
	}
	world_destroy(world);
}

/* The largest pool there is: only its header and map are touched. */
static void
test_large_capacity(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpRef		a;
	ZpRef		b;
	ZpRef		c;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_FIXED, 256 << 20, &pool_ref));
	pool = zp_at(map, pool_ref);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 100 << 20, &a));
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 100 << 20, &b));
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 100 << 20, &c), ZP_OVER_LIMIT);
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 56 << 20, &c));
	ZP_REQUIRE_OK(zp_pool_free(map, pool, a, 100 << 20));
	ZP_REQUIRE_OK(zp_pool_free(map, pool, c, 56 << 20));
	ZP_REQUIRE(stats_of(map, pool).largest_free_bytes == 100 << 20);
	ZP_REQUIRE_OK(zp_pool_free(map, pool, b, 100 << 20));
	ZP_REQUIRE(stats_of(map, pool).largest_free_bytes == 256 << 20);
	require_sound(map, pool);
	world_destroy(world);
}

/* Who may pass limits finds a little more, and nobody else does. */
static void
test_reserve_for_the_exempt(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	static ZpRef refs[20000];
	uint32_t	count = 0;
	uint32_t	fits = (1 << 20) / 128;
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpRef		ref;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_FIXED, 1 << 20, &pool_ref));
	pool = zp_at(map, pool_ref);
	while (zp_pool_alloc(map, pool, 128, &refs[count]) == ZP_OK)
		count++;
	ZP_REQUIRE(count == fits);
	map->exempt_from_limits = true;
	while (zp_pool_alloc(map, pool, 128, &refs[count]) == ZP_OK)
		count++;
	map->exempt_from_limits = false;
	ZP_REQUIRE(count == fits + (64 << 10) / 128);
	ZP_REQUIRE(stats_of(map, pool).free_bytes == 0);
	require_sound(map, pool);
	while (count > fits)
	{
		ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[--count], 128));
		ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 1, &ref), ZP_OVER_LIMIT);
	}
	while (count > 0)
		ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[--count], 128));
	ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 1 << 20, &ref));
	ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 1, &refs[0]), ZP_OVER_LIMIT);
	require_sound(map, pool);
	world_destroy(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_exactly),
		cmocka_unit_test(test_random_blocks),
		cmocka_unit_test(test_wrong_frees),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_creation_can_fail),
		cmocka_unit_test(test_large_capacity),
		cmocka_unit_test(test_reserve_for_the_exempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
