/*
 * test_mem_pool_many.c
 *	  Pools as many participants use them at once: threads, then processes.
 *
 * Each participant takes blocks of random sizes, marks every 16 bytes of them as
 * its own in a map outside of the arena, fills them, and later verifies and frees
 * them, or posts them for any other to free.  Between, it makes every mistake that
 * cannot hit a good block.  At the end the books must be exact.  Participants end without
 * a word, as if they were killed, and what they kept is given back for them.
 */
#include "mem/pool_internal.h"
#include "test_mem.h"

#define MAP_UNITS	(1u << 23)	/* 128 MB of arena */
#define SLOTS		150
#define MAILBOXES	16

/* ThreadSanitizer sees a race without meeting it, and takes its time. */
#ifdef ZP_THREAD_SANITIZER
#define STEPS(n)	((n) / 5)
#else
#define STEPS(n)	(n)
#endif

/* Shared by all participants of a run. */
typedef struct Shared
{
	OwnerMap	owners;
	ZpRef		pool;
	ZpRef		other_pool;
	ZpRef		other_block;	/* in other_pool, 64 bytes */
	int			steps;
	ZpAtomicU64 *mailboxes;		/* ref and size of a block that whoever comes frees */
	ZpAtomicU64 *refused;		/* bad frees, all participants */
} Shared;

static uint64_t
counted(size_t size)
{
	return size > zp_presets[ZP_PRESET_BALANCED].small_bytes ? size :
		zp_size_class_bytes(zp_size_class(size));
}

/* Gives back what participants kept that are no more. */
static void
forget_all(ZpArenaMap *map, ZpPool *pool)
{
	ZpPoolStats stats;

	for (uint32_t participant = 1; participant <= 20; participant++)
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, participant));
	zp_pool_stats(map, pool, &stats);
	ZP_REQUIRE(stats.participants == 0 && stats.cached_blocks == 0);
}

static void
take_back(ZpArenaMap *map, const Shared *shared, ZpPool *pool, ZpRef ref, size_t size)
{
	verify_block(map, ref, size);
	/* Every owner marks with the same number, so that a posted block is anybody's. */
	owner_release(&shared->owners, ref, counted(size), 1);
	ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, size));
}

/* Wrong frees that are wrong whatever the others do. */
static void
make_mistakes(ZpArenaMap *map, const Shared *shared, ZpPool *pool, uint64_t *seed, ZpRef ref,
			  size_t size)
{
	ZpStatus	status;

	ZP_REQUIRE_STATUS(zp_pool_free(map, pool, ref + 1, 64), ZP_BAD_REF);
	ZP_REQUIRE_STATUS(zp_pool_free(map, pool, ref, size + 5000), ZP_BAD_SIZE);
	ZP_REQUIRE_STATUS(zp_pool_free(map, pool, shared->other_block, 64), ZP_BAD_REF);
	ZP_REQUIRE_STATUS(zp_pool_free(map, pool, (ZpRef) random_below(seed, ZP_FIRST_REF), 64),
					  ZP_BAD_REF);

	/* Anywhere in the arena, with a size that no block has. */
	status = zp_pool_free(map, pool, ZP_FIRST_REF + random_below(seed, ZP_FIRST_REF << 2), 0);
	ZP_REQUIRE(status == ZP_BAD_REF || status == ZP_BAD_SIZE ||
			   (status == ZP_DOUBLE_FREE &&
				zp_load_relaxed_u32(&pool->level) == ZP_POOL_FIXED));
	(void) zp_fetch_add_relaxed_u64(shared->refused, 5);
}

static int
churn(World *world, ZpArenaMap *map, int number, void *argument)
{
	const Shared *shared = argument;
	ZpPool	   *pool = zp_at(map, shared->pool);
	uint64_t	seed = 31 + (uint64_t) number;
	ZpRef		refs[SLOTS] = {0};
	size_t		sizes[SLOTS] = {0};

	(void) world;
	for (int step = 0; step < shared->steps; step++)
	{
		uint32_t	i = random_below(&seed, SLOTS);
		uint32_t	kind = random_below(&seed, 100);

		if (refs[i] == ZP_NULL_REF)
		{
			uint32_t	most = kind < 80 ? 300 : kind < 97 ? 6000 : kind < 99 ? 40000 : 150000;

			sizes[i] = 1 + random_below(&seed, most);
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, sizes[i], &refs[i]));
			owner_claim(&shared->owners, refs[i], counted(sizes[i]), 1);
			fill_block(map, refs[i], sizes[i]);
			if (kind % 8 == 0 && sizes[i] > 16 && sizes[i] < 20000)
				make_mistakes(map, shared, pool, &seed, refs[i], sizes[i]);
			continue;
		}
		if (kind < 30)
		{
			/* Post it and take what was there. */
			uint64_t	letter = (uint64_t) sizes[i] << 32 | refs[i];

			letter = zp_exchange_seq_cst_u64(&shared->mailboxes[kind % MAILBOXES], letter);
			if (letter != 0)
				take_back(map, shared, pool, (ZpRef) letter, (size_t) (letter >> 32));
		}
		else
			take_back(map, shared, pool, refs[i], sizes[i]);
		refs[i] = ZP_NULL_REF;
	}
	for (uint32_t i = 0; i < SLOTS; i++)
	{
		if (refs[i] != ZP_NULL_REF)
			take_back(map, shared, pool, refs[i], sizes[i]);
	}
	ZP_REQUIRE(!map->map_failed);
	return 0;
}

typedef void (*Runner) (World *world, int many,
						int (*body) (World *world, ZpArenaMap *map, int number, void *argument),
						void *argument);

static void
run_one(World *world, int many,
		int (*body) (World *world, ZpArenaMap *map, int number, void *argument), void *argument)
{
	ZP_REQUIRE(many == 1);
	ZP_REQUIRE(body(world, world_map(world), 0, argument) == 0);
}

static void
churn_with(ZpPoolLevel level, Runner runner, int many, int steps)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	Shared	   *shared = world_shared(world, sizeof(Shared));
	ZpPool	   *pool;
	ZpPoolStats stats;
	ZpArenaStats before;
	ZpArenaStats after;

	shared->owners = owner_map(world, MAP_UNITS);
	shared->mailboxes = world_shared(world, MAILBOXES * sizeof(ZpAtomicU64));
	shared->refused = world_shared(world, sizeof(ZpAtomicU64));
	shared->steps = STEPS(steps);
	ZP_REQUIRE_OK(zp_pool_create(map, level, level == ZP_POOL_FIXED ? 12 << 20 : 0,
								 &shared->pool));
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &shared->other_pool));
	ZP_REQUIRE_OK(zp_pool_alloc(map, zp_at(map, shared->other_pool), 64, &shared->other_block));
	zp_arena_stats(map, &before);
	pool = zp_at(map, shared->pool);

	/* Twice, so that the second finds what the first left. */
	for (int round = 0; round < 2; round++)
	{
		runner(world, many, churn, shared);
		require_sound(map, pool);
		if (round == 0)
			zp_pool_stats(map, pool, &stats);
	}
	if (level == ZP_POOL_LOCAL_CACHE)
	{
		ZP_REQUIRE(stats.participants == (uint64_t) many);
		ZP_REQUIRE(stats.cached_blocks > 0 && stats.cache_hits > stats.cache_misses);
	}
	for (int i = 0; i < MAILBOXES; i++)
	{
		uint64_t	letter = zp_exchange_seq_cst_u64(&shared->mailboxes[i], 0);

		if (letter != 0)
			take_back(map, shared, pool, (ZpRef) letter, (size_t) (letter >> 32));
	}

	forget_all(map, pool);
	require_sound(map, pool);
	zp_pool_stats(map, pool, &stats);
	ZP_REQUIRE(stats.allocations == stats.frees);
	ZP_REQUIRE(stats.allocations > (uint64_t) many * (uint64_t) STEPS(steps) / 2);
	ZP_REQUIRE(stats.blocks == 0 && stats.used_bytes == 0);
	ZP_REQUIRE(stats.large_bytes == 0 && stats.large_blocks == 0);
	if (level == ZP_POOL_FIXED)
		ZP_REQUIRE(stats.free_bytes == stats.capacity &&
				   stats.largest_free_bytes == stats.capacity);
	else
		ZP_REQUIRE(stats.chunks == 0 && stats.reserved_bytes == 0 && stats.free_bytes == 0);
	ZP_REQUIRE(stats.failures == 0);
	ZP_REQUIRE(stats.bad_frees == zp_load_relaxed_u64(shared->refused));
	ZP_REQUIRE(stats.bad_frees > 0);
	zp_arena_stats(map, &after);
	ZP_REQUIRE(after.reserved_bytes - before.reserved_bytes < 1 << 20);
	ZP_REQUIRE(world_resident_bytes(world) <= after.reserved_bytes);
	ZP_REQUIRE_OK(zp_pool_destroy(map, shared->pool));
	require_sound(map, zp_at(map, shared->other_pool));
	world_destroy(world);
}

static void
test_no_lock_alone(void **state)
{
	(void) state;
	churn_with(ZP_POOL_NO_LOCK, run_one, 1, 40000);
}

static void
test_levels_alone(void **state)
{
	(void) state;
	for (ZpPoolLevel level = ZP_POOL_MUTEX; level <= ZP_POOL_FIXED; level++)
		churn_with(level, run_one, 1, 20000);
}

static void
test_levels_in_threads(void **state)
{
	(void) state;
	for (ZpPoolLevel level = ZP_POOL_MUTEX; level <= ZP_POOL_FIXED; level++)
		churn_with(level, world_threads, 8, 10000);
}

static void
test_levels_in_processes(void **state)
{
	(void) state;
	for (ZpPoolLevel level = ZP_POOL_MUTEX; level <= ZP_POOL_FIXED; level++)
		churn_with(level, world_fork, 8, 10000);
}

/* A pool each, no_lock, made, used, verified and destroyed by each for itself. */
static int
own_pool(World *world, ZpArenaMap *map, int number, void *argument)
{
	const Shared *outer = argument;
	Shared		mine = *outer;
	ZpAtomicU64 mailboxes[MAILBOXES] = {0};
	ZpPool	   *pool;
	char		why[256];

	mine.mailboxes = mailboxes;
	for (int round = 0; round < 5; round++)
	{
		ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_NO_LOCK, 0, &mine.pool));
		pool = zp_at(map, mine.pool);
		ZP_REQUIRE(churn(world, map, number + round * 100, &mine) == 0);
		ZP_REQUIRE_OK(zp_pool_check(map, pool, why, sizeof(why)));
		for (int i = 0; i < MAILBOXES; i++)
		{
			uint64_t	letter = zp_exchange_seq_cst_u64(&mailboxes[i], 0);

			if (letter != 0)
				owner_release(&mine.owners, (ZpRef) letter, counted((size_t) (letter >> 32)), 1);
		}
		/* With what the mailboxes held still in it. */
		ZP_REQUIRE_OK(zp_pool_destroy(map, mine.pool));
	}
	return 0;
}

static void
own_pools_with(Runner runner, int many)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	Shared	   *shared = world_shared(world, sizeof(Shared));
	ZpArenaStats before;
	ZpArenaStats after;

	shared->owners = owner_map(world, MAP_UNITS);
	shared->refused = world_shared(world, sizeof(ZpAtomicU64));
	shared->steps = STEPS(2000);
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &shared->other_pool));
	ZP_REQUIRE_OK(zp_pool_alloc(map, zp_at(map, shared->other_pool), 64, &shared->other_block));
	zp_arena_stats(map, &before);
	runner(world, many, own_pool, shared);
	require_sound(map, zp_at(map, shared->other_pool));
	zp_arena_stats(map, &after);
	ZP_REQUIRE(after.reserved_bytes - before.reserved_bytes < 1 << 20);
	world_destroy(world);
}

static void
test_own_pools_in_threads(void **state)
{
	(void) state;
	own_pools_with(world_threads, 8);
}

static void
test_own_pools_in_processes(void **state)
{
	(void) state;
	own_pools_with(world_fork, 4);
}

/* Frees the same block as everybody else: exactly one succeeds. */
static int
free_same(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpPool	   *pool = zp_at(map, shared->pool);

	(void) world;
	(void) number;
	for (int i = 0; i < shared->steps; i++)
	{
		uint64_t	letter = zp_load_relaxed_u64(&shared->mailboxes[i]);
		ZpStatus	status = zp_pool_free(map, pool, (ZpRef) letter, (size_t) (letter >> 32));

		if (status == ZP_OK)
			(void) zp_fetch_add_relaxed_u64(shared->refused, 1);
		else
			ZP_REQUIRE(status == ZP_DOUBLE_FREE || status == ZP_BAD_REF);
	}
	return 0;
}

/*
 * In a class without a lock a double free at the time at which its slab goes back reads
 * what is another's by then (see pool_lock_free.c).  ThreadSanitizer minds, rightly,
 * so for it a second block of each size keeps the slabs.
 */
#ifdef ZP_THREAD_SANITIZER
#define KEEPS_SLABS		true
#else
#define KEEPS_SLABS		false
#endif

static void
double_frees_race(ZpPoolLevel level)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	Shared	   *shared = world_shared(world, sizeof(Shared));
	bool		keep = KEEPS_SLABS && level != ZP_POOL_MUTEX && level != ZP_POOL_FIXED;
	uint64_t	seed = 4;
	ZpPool	   *pool;
	ZpPoolStats stats;
	uint64_t	kept = 0;

	shared->steps = STEPS(20000);
	shared->mailboxes = world_shared(world, (size_t) shared->steps * sizeof(ZpAtomicU64));
	shared->refused = world_shared(world, sizeof(ZpAtomicU64));
	ZP_REQUIRE_OK(zp_pool_create(map, level, level == ZP_POOL_FIXED ? 64 << 20 : 0,
								 &shared->pool));
	pool = zp_at(map, shared->pool);
	for (int i = 0; i < shared->steps; i++)
	{
		size_t		size = 1 + random_below(&seed, i % 50 == 0 && !keep ? 50000 : 1000);
		ZpRef		ref;

		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, size, &ref));
		zp_store_relaxed_u64(&shared->mailboxes[i], (uint64_t) size << 32 | ref);
		if (keep)
		{
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, size, &ref));
			kept++;
		}
	}
	world_threads(world, 8, free_same, shared);
	require_sound(map, pool);
	forget_all(map, pool);
	require_sound(map, pool);
	zp_pool_stats(map, pool, &stats);
	ZP_REQUIRE(zp_load_relaxed_u64(shared->refused) == (uint64_t) shared->steps);
	ZP_REQUIRE(stats.frees == (uint64_t) shared->steps);
	ZP_REQUIRE(stats.bad_frees == (uint64_t) shared->steps * 7);
	ZP_REQUIRE(stats.blocks == kept);
	if (kept == 0)
		ZP_REQUIRE(level == ZP_POOL_FIXED ? stats.free_bytes == stats.capacity :
				   stats.reserved_bytes == 0);
	world_destroy(world);
}

static void
test_double_frees_race(void **state)
{
	(void) state;
	for (ZpPoolLevel level = ZP_POOL_MUTEX; level <= ZP_POOL_FIXED; level++)
		double_frees_race(level);
}

/* The bound of a pool, less than one of them wants, holds while many press against it. */
static int
press(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpPool	   *pool = zp_at(map, shared->pool);
	uint64_t	seed = 900 + (uint64_t) number;
	ZpRef		refs[400] = {0};
	size_t		sizes[400] = {0};
	uint64_t	refused = 0;

	(void) world;
	for (int step = 0; step < shared->steps; step++)
	{
		uint32_t	i = random_below(&seed, 400);
		ZpPoolStats stats;
		ZpStatus	status;

		if (refs[i] != ZP_NULL_REF)
		{
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
			refs[i] = ZP_NULL_REF;
			continue;
		}
		sizes[i] = 1 + random_below(&seed, 3000);
		status = zp_pool_alloc(map, pool, sizes[i], &refs[i]);
		if (status != ZP_OK)
		{
			ZP_REQUIRE(status == ZP_OVER_LIMIT);
			refs[i] = ZP_NULL_REF;
			refused++;
		}
		zp_pool_stats(map, pool, &stats);
		ZP_REQUIRE(stats.reserved_bytes <= stats.max_bytes);
	}
	for (uint32_t i = 0; i < 400; i++)
	{
		if (refs[i] != ZP_NULL_REF)
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
	}
	(void) zp_fetch_add_relaxed_u64(shared->refused, refused);
	return 0;
}

static void
limit_under_pressure(ZpPoolLevel level)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	Shared	   *shared = world_shared(world, sizeof(Shared));
	ZpPool	   *pool;
	ZpPoolStats stats;

	shared->steps = 3000;
	shared->refused = world_shared(world, sizeof(ZpAtomicU64));
	ZP_REQUIRE_OK(zp_pool_create(map, level, 1 << 17, &shared->pool));
	pool = zp_at(map, shared->pool);
	world_threads(world, 4, press, shared);
	require_sound(map, pool);
	forget_all(map, pool);
	require_sound(map, pool);
	zp_pool_stats(map, pool, &stats);
	ZP_REQUIRE(stats.reserved_bytes == 0 && stats.blocks == 0);
	ZP_REQUIRE(stats.failures == zp_load_relaxed_u64(shared->refused));
	ZP_REQUIRE(stats.failures > 0);
	world_destroy(world);
}

static void
test_limit_under_pressure(void **state)
{
	(void) state;
	for (ZpPoolLevel level = ZP_POOL_MUTEX; level <= ZP_POOL_LOCAL_CACHE; level++)
		limit_under_pressure(level);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_lock_alone),
		cmocka_unit_test(test_levels_alone),
		cmocka_unit_test(test_levels_in_threads),
		cmocka_unit_test(test_levels_in_processes),
		cmocka_unit_test(test_own_pools_in_threads),
		cmocka_unit_test(test_own_pools_in_processes),
		cmocka_unit_test(test_double_frees_race),
		cmocka_unit_test(test_limit_under_pressure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
