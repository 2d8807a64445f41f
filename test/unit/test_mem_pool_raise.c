/*
 * test_mem_pool_raise.c
 *	  Pools that are raised while they are in use, and what a participant leaves that is
 *	  killed.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "mem/pool_internal.h"
#include "test_mem.h"

#ifdef ZP_THREAD_SANITIZER
#define STEPS(n)	((n) / 5)
#else
#define STEPS(n)	(n)
#endif

#define MAP_UNITS	(1u << 23)
#define SLOTS		100

/* Shared by the participants of a churn. */
typedef struct Shared
{
	OwnerMap	owners;
	ZpRef		pool;
	int			steps;
	ZpPoolLevel raise_to;		/* the first participant raises it half-way; AUTO: nobody does */
} Shared;

static int
churn(World *world, ZpArenaMap *map, int number, void *argument)
{
	const Shared *shared = argument;
	ZpPool	   *pool = zp_at(map, shared->pool);
	uint64_t	seed = 77 + (uint64_t) number;
	ZpRef		refs[SLOTS] = {0};
	size_t		sizes[SLOTS] = {0};

	(void) world;
	for (int step = 0; step < shared->steps; step++)
	{
		uint32_t	i = random_below(&seed, SLOTS);

		if (number == 0 && shared->raise_to != ZP_POOL_AUTO && step == shared->steps / 2)
			ZP_REQUIRE_OK(zp_pool_raise(pool, shared->raise_to));
		if (refs[i] == ZP_NULL_REF)
		{
			sizes[i] = 1 + random_below(&seed, step % 10 == 0 ? 40000 : 200);
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, sizes[i], &refs[i]));
			owner_claim(&shared->owners, refs[i], sizes[i], map->participant);
			fill_block(map, refs[i], sizes[i]);
		}
		else
		{
			verify_block(map, refs[i], sizes[i]);
			owner_release(&shared->owners, refs[i], sizes[i], map->participant);
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
			refs[i] = ZP_NULL_REF;
		}
	}
	for (uint32_t i = 0; i < SLOTS; i++)
	{
		if (refs[i] == ZP_NULL_REF)
			continue;
		verify_block(map, refs[i], sizes[i]);
		owner_release(&shared->owners, refs[i], sizes[i], map->participant);
		ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
	}
	return 0;
}

typedef void (*Runner) (World *world, int many,
						int (*body) (World *world, ZpArenaMap *map, int number, void *argument),
						void *argument);

/* Blocks from before the raise are freed after it; nothing is lost. */
static void
raise_in_use(ZpPoolLevel from, ZpPoolLevel to, Runner runner)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	Shared	   *shared = world_shared(world, sizeof(Shared));
	static ZpRef old[2000];
	uint64_t	seed = 3;
	ZpPool	   *pool;
	ZpPoolStats stats;

	shared->owners = owner_map(world, MAP_UNITS);
	shared->steps = STEPS(10000);
	shared->raise_to = to;
	ZP_REQUIRE_OK(zp_pool_create(map, from, 0, &shared->pool));
	pool = zp_at(map, shared->pool);
	for (int i = 0; i < 2000; i++)
	{
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 1 + (size_t) i % 500, &old[i]));
		owner_claim(&shared->owners, old[i], 1 + (size_t) i % 500, 1);
		fill_block(map, old[i], 1 + (size_t) i % 500);
	}
	runner(world, 8, churn, shared);
	require_sound(map, pool);
	stats = stats_of(map, pool);
	ZP_REQUIRE(stats.level == to);
	ZP_REQUIRE(stats.raises == (uint32_t) (to - from) && stats.raised_from == to - 1);
	ZP_REQUIRE(stats.raised_at > (int64_t) 1600000000 * 1000000);
	ZP_REQUIRE(stats.blocks == 2000);
	for (int left = 2000; left > 0; left--)
	{
		uint32_t	i = random_below(&seed, (uint32_t) left);
		size_t		size;

		/* What was handed out at the old level is checked at the new one. */
		for (size = 1; size <= 500; size++)
		{
			if (zp_pool_free(map, pool, old[i], size) == ZP_OK)
				break;
		}
		ZP_REQUIRE(size <= 500);
		ZP_REQUIRE(zp_pool_free(map, pool, old[i], size) != ZP_OK);
		old[i] = old[left - 1];
	}
	for (uint32_t participant = 1; participant < 12; participant++)
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, participant));
	require_sound(map, pool);
	stats = stats_of(map, pool);
	ZP_REQUIRE(stats.blocks == 0 && stats.reserved_bytes == 0 && stats.failures == 0);
	ZP_REQUIRE(stats.allocations == stats.frees);
	ZP_REQUIRE_OK(zp_pool_destroy(map, shared->pool));
	world_destroy(world);
}

static void
test_raise_in_use(void **state)
{
	(void) state;
	raise_in_use(ZP_POOL_MUTEX, ZP_POOL_LOCK_FREE, world_threads);
	raise_in_use(ZP_POOL_MUTEX, ZP_POOL_LOCAL_CACHE, world_threads);
	raise_in_use(ZP_POOL_LOCK_FREE, ZP_POOL_LOCAL_CACHE, world_threads);
	raise_in_use(ZP_POOL_MUTEX, ZP_POOL_LOCK_FREE, world_fork);
	raise_in_use(ZP_POOL_MUTEX, ZP_POOL_LOCAL_CACHE, world_fork);
}

static void
test_raise_is_refused(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		ref;

	(void) state;
	for (ZpPoolLevel from = ZP_POOL_NO_LOCK; from <= ZP_POOL_FIXED; from++)
	{
		for (ZpPoolLevel to = ZP_POOL_AUTO; to <= ZP_POOL_FIXED; to++)
		{
			bool		right = (from == ZP_POOL_MUTEX || from == ZP_POOL_LOCK_FREE) &&
				to > from && to != ZP_POOL_FIXED;

			ZP_REQUIRE_OK(zp_pool_create(map, from, from == ZP_POOL_FIXED ? 4096 : 0, &ref));
			ZP_REQUIRE_STATUS(zp_pool_raise(zp_at(map, ref), to),
							  right ? ZP_OK : ZP_BAD_ARGUMENT);
			ZP_REQUIRE(stats_of(map, zp_at(map, ref)).level == (right ? to : from));
			ZP_REQUIRE_OK(zp_pool_destroy(map, ref));
		}
	}
	world_destroy(world);
}

/*
 * Contention raises a pool that was made as auto, and only that, after as many events as
 * its preset says, and only if they are a good part of the operations.
 */
static void
test_contention_raises(void **state)
{
	static const struct
	{
		ZpPoolLevel level;
		ZpPresetName preset;
		uint64_t	operations; /* for each event */
		uint32_t	events;
		ZpPoolLevel becomes;
	}			cases[] = {
		{ZP_POOL_AUTO, ZP_PRESET_BALANCED, 1, 999, ZP_POOL_MUTEX},
		{ZP_POOL_AUTO, ZP_PRESET_BALANCED, 1, 1000, ZP_POOL_LOCK_FREE},
		{ZP_POOL_AUTO, ZP_PRESET_BALANCED, 1, 1999, ZP_POOL_LOCK_FREE},
		{ZP_POOL_AUTO, ZP_PRESET_BALANCED, 1, 2000, ZP_POOL_LOCAL_CACHE},
		{ZP_POOL_AUTO, ZP_PRESET_BALANCED, 1, 5000, ZP_POOL_LOCAL_CACHE},
		{ZP_POOL_AUTO, ZP_PRESET_BALANCED, 45, 1000, ZP_POOL_LOCK_FREE},
		{ZP_POOL_AUTO, ZP_PRESET_BALANCED, 60, 5000, ZP_POOL_MUTEX},
		{ZP_POOL_AUTO, ZP_PRESET_PERFORMANCE, 1, 99, ZP_POOL_MUTEX},
		{ZP_POOL_AUTO, ZP_PRESET_PERFORMANCE, 1, 100, ZP_POOL_LOCK_FREE},
		{ZP_POOL_AUTO, ZP_PRESET_MEMORY, 1, 9999, ZP_POOL_LOCK_FREE},
		{ZP_POOL_AUTO, ZP_PRESET_MEMORY, 1, 10000, ZP_POOL_LOCAL_CACHE},
		{ZP_POOL_AUTO, ZP_PRESET_REALTIME, 1, 100000, ZP_POOL_LOCK_FREE},
		{ZP_POOL_MUTEX, ZP_PRESET_BALANCED, 1, 100000, ZP_POOL_MUTEX},
	};
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		ZpPoolOptions options = {
			.level = cases[i].level,.preset = cases[i].preset,.cores = 2,.max_bytes = 1 << 24
		};
		ZpPool	   *pool;
		ZpRef		ref;
		ZpRef		block;
		ZpPoolStats stats;

		ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &ref));
		pool = zp_at(map, ref);
		for (uint32_t event = 0; event < cases[i].events; event++)
		{
			for (uint64_t n = 0; n < cases[i].operations; n++)
			{
				ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 64, &block));
				ZP_REQUIRE_OK(zp_pool_free(map, pool, block, 64));
			}
			zp_pool_contended(map, pool, 1);
		}
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.contention == cases[i].events);
		if (stats.level != cases[i].becomes)
		{
			fprintf(stderr, "case %zu: %s\n", i, zp_pool_level_name(stats.level));
			abort();
		}
		if (stats.raises > 0)
		{
			ZP_REQUIRE(stats.raised_events >= zp_presets[cases[i].preset].raise_events);
			ZP_REQUIRE(stats.raised_operations <= stats.raised_events * 50);
			ZP_REQUIRE(stats.raised_at > 0);
		}
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, map->participant));
		require_sound(map, pool);
		ZP_REQUIRE_OK(zp_pool_destroy(map, ref));
	}
	world_destroy(world);
}

/*
 * Eight threads on one size class; the first sleeps again and again while it has the
 * mutex, so that the others meet it locked on a machine of any size.
 */
static int
fight(World *world, ZpArenaMap *map, int number, void *argument)
{
	const Shared *shared = argument;
	ZpPool	   *pool = zp_at(map, shared->pool);

	ZpMutex    *mutex = &pool->classes[zp_pool_size_class(pool, 64)].mutex;
	const struct timespec moment = {0, 100000};

	(void) world;
	for (int step = 0; step < 20000; step++)
	{
		ZpRef		ref;

		if (number == 0)
		{
			ZP_REQUIRE_OK(zp_mutex_lock(mutex, NULL, NULL));
			(void) nanosleep(&moment, NULL);
			zp_mutex_unlock(mutex);
		}
		else
		{
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 64, &ref));
			ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, 64));
		}
		(void) sched_yield();
		if (zp_load_relaxed_u32(&pool->level) != ZP_POOL_MUTEX)
			return 0;
	}
	return 0;
}

static void
test_fight_raises(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	Shared	   *shared = world_shared(world, sizeof(Shared));
	ZpPoolOptions options = {.preset = ZP_PRESET_PERFORMANCE,.cores = 2};
	ZpPoolStats stats;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &shared->pool));
	ZP_REQUIRE(stats_of(map, zp_at(map, shared->pool)).level == ZP_POOL_MUTEX);
	world_threads(world, 8, fight, shared);
	stats = stats_of(map, zp_at(map, shared->pool));
	ZP_REQUIRE(stats.level > ZP_POOL_MUTEX && stats.raises > 0);
	ZP_REQUIRE(stats.raised_events >= 100);
	ZP_REQUIRE(stats.blocks == 0);
	for (uint32_t participant = 1; participant < 12; participant++)
		ZP_REQUIRE_OK(zp_pool_forget(map, zp_at(map, shared->pool), participant));
	require_sound(map, zp_at(map, shared->pool));
	stats = stats_of(map, zp_at(map, shared->pool));
	ZP_REQUIRE(stats.chunks == 0 && stats.reserved_bytes == stats.kept_bytes);
	world_destroy(world);
}

/* A process that is killed with blocks in its hands and in its magazines. */
static void
test_killed(void **state)
{
	(void) state;
	for (ZpPoolLevel level = ZP_POOL_MUTEX; level <= ZP_POOL_FIXED; level++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpRef	   *kept = world_shared(world, 300 * sizeof(ZpRef));
		ZpPool	   *pool;
		ZpRef		pool_ref;
		ZpPoolStats stats;
		pid_t		child;
		int			result;

		ZP_REQUIRE_OK(zp_pool_create(map, level, level == ZP_POOL_FIXED ? 1 << 20 : 0,
									 &pool_ref));
		pool = zp_at(map, pool_ref);
		child = fork();
		ZP_REQUIRE(child >= 0);
		if (child == 0)
		{
			ZpArenaMap *own = world_join(world, 50);

			for (int i = 0; i < 300; i++)
				ZP_REQUIRE_OK(zp_pool_alloc(own, zp_at(own, pool_ref), 1 + (size_t) i % 200,
											&kept[i]));
			for (int i = 0; i < 300; i += 2)
			{
				ZP_REQUIRE_OK(zp_pool_free(own, zp_at(own, pool_ref), kept[i],
										   1 + (size_t) i % 200));
				kept[i] = ZP_NULL_REF;
			}
			(void) kill(getpid(), SIGKILL);
		}
		ZP_REQUIRE(waitpid(child, &result, 0) == child);
		ZP_REQUIRE(WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL);

		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.blocks == 150);
		ZP_REQUIRE(stats.cached_blocks > 0 || level != ZP_POOL_LOCAL_CACHE);
		ZP_REQUIRE(stats.own_cached_blocks == 0);
		require_sound(map, pool);
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, 50));
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, 50));
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, 51));
		require_sound(map, pool);
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.cached_blocks == 0 && stats.participants == 0);
		ZP_REQUIRE(stats.allocations == 300 && stats.frees == 150 && stats.blocks == 150);

		/* Whoever owns what it had frees that. */
		for (int i = 1; i < 300; i += 2)
			ZP_REQUIRE_OK(zp_pool_free(map, pool, kept[i], 1 + (size_t) i % 200));
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, 1));
		require_sound(map, pool);
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.blocks == 0);
		if (level == ZP_POOL_FIXED)
			ZP_REQUIRE(stats.largest_free_bytes == stats.capacity);
		else
			ZP_REQUIRE(stats.reserved_bytes == 0);
		world_destroy(world);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_raise_in_use),
		cmocka_unit_test(test_raise_is_refused),
		cmocka_unit_test(test_contention_raises),
		cmocka_unit_test(test_fight_raises),
		cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
