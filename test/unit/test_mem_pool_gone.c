/*
 * test_mem_pool_gone.c
 *	  What is gone: participants whose records several clean up at once, and segments that
 *	  cannot be mapped here.
 */
#include "mem/pool_internal.h"
#include "port/point.h"
#include "test_mem.h"

#define GONE	7
#define CLEANERS	6
#define ROUNDS	200

/* A second cleaner at the point at which the first has just begun. */
static struct
{
	ZpArenaMap *map;
	ZpPool	   *pool;
	int			calls;
} second;

static bool
clean_up_too(const char *name)
{
	if (strcmp(name, "pool_forget") == 0 && second.calls++ == 0)
		ZP_REQUIRE_OK(zp_pool_forget(second.map, second.pool, GONE));
	return false;
}

/* A participant that keeps blocks of several classes in a pool, and is no more. */
static void
come_and_go(World *world, ZpPool *pool, ZpRef *kept, size_t *sizes, int count)
{
	ZpArenaMap *gone = world_join(world, GONE);

	for (int i = 0; i < count; i++)
	{
		ZpRef		block;

		sizes[i] = 16 + (size_t) i * 100;
		ZP_REQUIRE_OK(zp_pool_alloc(gone, pool, sizes[i], &kept[i]));
		ZP_REQUIRE_OK(zp_pool_alloc(gone, pool, sizes[i], &block));
		ZP_REQUIRE_OK(zp_pool_free(gone, pool, block, sizes[i]));
	}
	world_leave(world, gone);
}

static void
two_cleaners_take_turns(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		pool_ref;
	ZpRef		kept[20];
	size_t		sizes[20];
	ZpPoolStats stats;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_LOCAL_CACHE, 0, &pool_ref));
	second.pool = zp_at(map, pool_ref);
	second.map = world_join(world, 2);
	come_and_go(world, second.pool, kept, sizes, 20);
	ZP_REQUIRE(stats_of(map, second.pool).cached_blocks >= 20);
	zp_point_hook = clean_up_too;
	ZP_REQUIRE_OK(zp_pool_forget(map, second.pool, GONE));
	zp_point_hook = NULL;
	ZP_REQUIRE(second.calls == 1);
	stats = stats_of(map, second.pool);
	ZP_REQUIRE(stats.participants == 0 && stats.cached_blocks == 0 && stats.blocks == 20);
	ZP_REQUIRE(stats.allocations == 40 && stats.frees == 20);
	require_sound(map, second.pool);
	for (int i = 0; i < 20; i++)
		ZP_REQUIRE_OK(zp_pool_free(map, second.pool, kept[i], sizes[i]));
	ZP_REQUIRE_OK(zp_pool_forget(map, second.pool, 1));
	ZP_REQUIRE(stats_of(map, second.pool).reserved_bytes == 0);
	require_sound(map, second.pool);
	world_leave(world, second.map);
	world_destroy(world);
}

/* All clean up after the same participant, again and again, some with others' blocks in hand. */
typedef struct Shared
{
	ZpRef		pool;
	ZpAtomicU32 round;			/* cleaners begin with it */
	ZpAtomicU32 done;			/* cleaners that are through with it */
} Shared;

static int
clean_up(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpPool	   *pool = zp_at(map, shared->pool);

	if (number == 0)
	{
		for (uint32_t round = 1; round <= ROUNDS; round++)
		{
			ZpRef		kept[20];
			size_t		sizes[20];
			ZpPoolStats stats;

			come_and_go(world, pool, kept, sizes, 20);
			zp_store_relaxed_u32(&shared->done, 0);
			zp_store_release_u32(&shared->round, round);
			while (zp_load_acquire_u32(&shared->done) != CLEANERS)
				;
			stats = stats_of(map, pool);
			ZP_REQUIRE(stats.participants == 0 && stats.cached_blocks == 0);
			ZP_REQUIRE(stats.blocks == 20 && stats.allocations == round * 40);
			require_sound(map, pool);
			for (int i = 0; i < 20; i++)
				ZP_REQUIRE_OK(zp_pool_free(map, pool, kept[i], sizes[i]));
			ZP_REQUIRE_OK(zp_pool_forget(map, pool, map->participant));
			require_sound(map, pool);
		}
		return 0;
	}
	for (uint32_t round = 1; round <= ROUNDS; round++)
	{
		while (zp_load_acquire_u32(&shared->round) != round)
			;
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, GONE));
		(void) zp_fetch_add_seq_cst_u32(&shared->done, 1);
	}
	return 0;
}

static void
many_cleaners_at_once(void **state)
{
	World	   *world = world_create(0);
	Shared	   *shared = world_shared(world, sizeof(Shared));

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(world_map(world), ZP_POOL_LOCAL_CACHE, 0, &shared->pool));
	world_threads(world, CLEANERS + 1, clean_up, shared);
	world_destroy(world);
}

static const ZpSegmentOps *world_operations;

static ZpStatus
refusing_attach(void *context, uint32_t segment, size_t bytes, uint32_t handle, void **base)
{
	(void) context;
	(void) segment;
	(void) bytes;
	(void) handle;
	(void) base;
	return ZP_MAP_FAILED;
}

/*
 * A kept run in a segment that cannot be mapped here is left, another is taken, and nobody is
 * told that something failed.
 */
static void
unmapped_kept_run_is_no_failure(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpArenaMap *other = world_join(world, 2);
	ZpPoolOptions options = {.level = ZP_POOL_MUTEX};
	ZpSegmentOps operations = *map->ops;
	ZpPool	   *pool;
	ZpRef		pool_ref;
	ZpRef		room;
	ZpRef		last = ZP_NULL_REF;
	ZpRef		mine;

	(void) state;
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, zp_large_pages(100000), &room));
	ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &pool_ref));
	pool = zp_at(map, pool_ref);

	/* Large blocks, until one lies in a segment of its own; `other` maps all but that. */
	for (int count = 0; count < 10 || zp_is_mapped(other, last); count++)
	{
		if (last != ZP_NULL_REF)
			(void) zp_at(other, last);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 100000, &last));
	}
	ZP_REQUIRE_OK(zp_pool_free(map, pool, last, 100000));
	ZP_REQUIRE(stats_of(map, pool).kept_bytes == zp_large_pages(100000) * ZP_PAGE_BYTES);
	ZP_REQUIRE_OK(zp_arena_free_pages(map, room));

	world_operations = map->ops;
	operations.attach = refusing_attach;
	other->ops = &operations;
	ZP_REQUIRE(!other->map_failed);
	ZP_REQUIRE_OK(zp_pool_alloc(other, pool, 100000, &mine));
	ZP_REQUIRE(!other->map_failed);
	ZP_REQUIRE(zp_is_mapped(other, mine));
	ZP_REQUIRE(stats_of(map, pool).kept_bytes > 0);
	other->ops = world_operations;
	require_sound(map, pool);
	world_leave(world, other);
	world_destroy(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_cleaners_take_turns),
		cmocka_unit_test(many_cleaners_at_once),
		cmocka_unit_test(unmapped_kept_run_is_no_failure),
	};

	return cmocka_run_group_tests_name("what is gone", tests, NULL, NULL);
}
