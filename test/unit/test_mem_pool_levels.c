/*
 * test_mem_pool_levels.c
 *	  The choice of a pool's level, its presets, and what all levels have in common.
 */
#include "mem/pool_internal.h"
#include "test_mem.h"

#ifdef ZP_THREAD_SANITIZER
#define STEPS(n)	((n) / 5)
#else
#define STEPS(n)	(n)
#endif

static void
test_rule_of_auto(void **state)
{
	(void) state;
	for (uint32_t cores = 0; cores < 100; cores++)
	{
		for (uint64_t capacity = 1; capacity < 1 << 30; capacity *= 7)
			assert_int_equal(zp_pool_choose_level(cores, 32768, 1 << 30, capacity, true),
							 ZP_POOL_FIXED);
	}
	assert_int_equal(zp_pool_choose_level(1, 32768, 1 << 30, 0, true), ZP_POOL_MUTEX);
	assert_int_equal(zp_pool_choose_level(1, 32768, 1 << 30, 0, false), ZP_POOL_NO_LOCK);
	for (uint32_t cores = 2; cores <= 4; cores++)
	{
		assert_int_equal(zp_pool_choose_level(cores, 16385, 1 << 30, 0, true), ZP_POOL_MUTEX);
		assert_int_equal(zp_pool_choose_level(cores, 16384, 1 << 30, 0, true),
						 ZP_POOL_LOCK_FREE);
	}
	for (uint32_t cores = 5; cores <= 16; cores++)
	{
		assert_int_equal(zp_pool_choose_level(cores, 32768, (1 << 20) + 1, 0, true),
						 ZP_POOL_LOCAL_CACHE);
		assert_int_equal(zp_pool_choose_level(cores, 32768, 1 << 20, 0, true),
						 ZP_POOL_LOCK_FREE);
	}
	assert_int_equal(zp_pool_choose_level(17, 16, 1, 0, true), ZP_POOL_LOCAL_CACHE);
	assert_int_equal(zp_pool_choose_level(1000, 16, 1, 0, true), ZP_POOL_LOCAL_CACHE);
	for (ZpPoolLevel level = ZP_POOL_AUTO; level <= ZP_POOL_FIXED; level++)
	{
		static const char *const names[] = {
			"auto", "no_lock", "mutex", "lock_free", "local_cache", "fixed"
		};

		assert_string_equal(zp_pool_level_name(level), names[level]);
	}
}

/* What options come to, or are refused for. */
static void
test_options(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		ref;

	static const struct
	{
		ZpPoolOptions options;
		ZpStatus	status;
		ZpPoolLevel level;
	}			cases[] = {
		{{.cores = 2}, ZP_OK, ZP_POOL_MUTEX},
		{{.cores = 2,.preset = ZP_PRESET_PERFORMANCE}, ZP_OK, ZP_POOL_MUTEX},
		{{.cores = 2,.preset = ZP_PRESET_MEMORY}, ZP_OK, ZP_POOL_LOCK_FREE},
		{{.cores = 2,.preset = ZP_PRESET_REALTIME}, ZP_OK, ZP_POOL_FIXED},
		{{.cores = 2,.preset = ZP_PRESET_REALTIME,.max_bytes = 1 << 22}, ZP_OK,
		ZP_POOL_LOCK_FREE},
		{{.cores = 8}, ZP_OK, ZP_POOL_LOCAL_CACHE},
		{{.cores = 8,.preset = ZP_PRESET_PERFORMANCE}, ZP_OK, ZP_POOL_LOCAL_CACHE},
		{{.cores = 8,.preset = ZP_PRESET_MEMORY}, ZP_OK, ZP_POOL_LOCK_FREE},
		{{.cores = 8,.max_bytes = 1 << 20}, ZP_OK, ZP_POOL_LOCK_FREE},
		{{.cores = 8,.preset = ZP_PRESET_REALTIME,.max_bytes = 512 << 10}, ZP_OK,
		ZP_POOL_LOCK_FREE},
		{{.cores = 64,.preset = ZP_PRESET_MEMORY}, ZP_OK, ZP_POOL_LOCAL_CACHE},
		{{.cores = 1}, ZP_OK, ZP_POOL_MUTEX},
		{{.capacity = 100}, ZP_OK, ZP_POOL_FIXED},
		{{.level = ZP_POOL_FIXED,.capacity = 100}, ZP_OK, ZP_POOL_FIXED},
		{{.level = ZP_POOL_FIXED,.preset = ZP_PRESET_REALTIME}, ZP_OK, ZP_POOL_FIXED},
		{{.level = ZP_POOL_FIXED}, ZP_BAD_ARGUMENT, 0},
		{{.level = ZP_POOL_FIXED,.max_bytes = 100}, ZP_BAD_ARGUMENT, 0},
		{{.level = ZP_POOL_FIXED,.capacity = 100,.max_bytes = 100}, ZP_BAD_ARGUMENT, 0},
		{{.level = ZP_POOL_FIXED,.capacity = ZP_LARGEST_CAPACITY + 1}, ZP_BAD_ARGUMENT, 0},
		{{.level = ZP_POOL_MUTEX,.capacity = 100}, ZP_BAD_ARGUMENT, 0},
		{{.level = ZP_POOL_LOCAL_CACHE,.capacity = 100}, ZP_BAD_ARGUMENT, 0},
		{{.level = (ZpPoolLevel) 6}, ZP_BAD_ARGUMENT, 0},
		{{.preset = (ZpPresetName) ZP_PRESETS}, ZP_BAD_ARGUMENT, 0},
		{{.preset = (ZpPresetName) -1}, ZP_BAD_ARGUMENT, 0},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		ZpPoolStats stats;

		ZP_REQUIRE_STATUS(zp_pool_create_with(map, &cases[i].options, &ref), cases[i].status);
		if (cases[i].status != ZP_OK)
			continue;
		stats = stats_of(map, zp_at(map, ref));
		ZP_REQUIRE(stats.level == cases[i].level);
		ZP_REQUIRE(stats.preset == cases[i].options.preset);
		ZP_REQUIRE(stats.adaptive == (cases[i].options.level == ZP_POOL_AUTO));
		ZP_REQUIRE(stats.raises == 0 && stats.raised_from == ZP_POOL_AUTO);
		require_sound(map, zp_at(map, ref));
		ZP_REQUIRE_OK(zp_pool_destroy(map, ref));
	}
	require_arena_sound(map);
	world_destroy(world);
}

/* What a pool has in chunks, and not kept for them. */
static uint64_t
in_chunks(ZpArenaMap *map, ZpPool *pool)
{
	ZpPoolStats stats = stats_of(map, pool);

	return stats.reserved_bytes - stats.kept_bytes;
}

/* Each number of a preset's row, seen from outside, but for those of auto and of raising. */
static void
test_numbers_of_presets(void **state)
{
	(void) state;
	for (uint32_t name = 0; name < ZP_PRESETS; name++)
	{
		const ZpPreset *preset = &zp_presets[name];
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpPoolOptions options = {.level = ZP_POOL_LOCAL_CACHE,.preset = (ZpPresetName) name};
		static ZpRef refs[200000];
		ZpRef		pool_ref;
		ZpPool	   *pool;
		uint32_t	count = 0;
		uint64_t	largest_step = 0;
		uint64_t	kept;
		ZpPoolStats stats;

		ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &pool_ref));
		pool = zp_at(map, pool_ref);

		/* small_bytes */
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, preset->small_bytes, &refs[0]));
		ZP_REQUIRE(stats_of(map, pool).large_blocks == 0);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, preset->small_bytes + 1, &refs[1]));
		ZP_REQUIRE(stats_of(map, pool).large_blocks == 1);
		ZP_REQUIRE_STATUS(zp_pool_free(map, pool, refs[1], preset->small_bytes), ZP_BAD_SIZE);
		ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[0], preset->small_bytes));
		ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[1], preset->small_bytes + 1));
		ZP_REQUIRE_OK(zp_pool_flush(map, pool));
		ZP_REQUIRE(stats_of(map, pool).chunks == 0);

		/* alignment, of sizes that have no other reason for it */
		for (uint32_t size = 1; size <= 2000; size += 61)
		{
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, size, &refs[0]));
			ZP_REQUIRE((uintptr_t) zp_at(map, refs[0]) % preset->alignment == 0);
			ZP_REQUIRE(stats_of(map, pool).used_bytes % preset->alignment == 0);
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[0], size));
		}
		ZP_REQUIRE_OK(zp_pool_flush(map, pool));

		/* first_slab_bytes and slab_bytes: what the pool grows by */
		for (; count < 100000; count++)
		{
			uint64_t	before = in_chunks(map, pool);
			uint64_t	step;

			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 64, &refs[count]));
			step = in_chunks(map, pool) - before;
			if (count == 0)
				ZP_REQUIRE(step == preset->first_slab_bytes);
			if (step > largest_step)
				largest_step = step;
		}
		ZP_REQUIRE(largest_step == preset->slab_bytes);

		/* kept_percent: every other slab becomes free, and so much of them stays reserved */
		for (uint32_t i = 0; i < 100000; i++)
		{
			if (i / 4096 % 2 == 0)
				ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], 64));
		}
		ZP_REQUIRE_OK(zp_pool_flush(map, pool));
		stats = stats_of(map, pool);
		kept = zp_load_relaxed_u64(&pool->kept_bytes);
		ZP_REQUIRE((kept > 0) == (preset->kept_percent > 0));
		ZP_REQUIRE(kept * 100 <= stats.reserved_bytes * preset->kept_percent);
		require_sound(map, pool);
		for (uint32_t i = 0; i < 100000; i++)
		{
			if (i / 4096 % 2 == 0)
				ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 64, &refs[i]));
		}

		/* magazine_blocks and magazine_bytes: what stays behind of frees into many slabs */
		while (count > 0)
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[--count], 64));
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.cached_blocks == stats.own_cached_blocks);
		ZP_REQUIRE(stats.cached_blocks > preset->magazine_blocks / 2);
		ZP_REQUIRE(stats.cached_blocks <= ZP_MAGAZINES * preset->magazine_blocks);
		ZP_REQUIRE_OK(zp_pool_flush(map, pool));
		ZP_REQUIRE(stats_of(map, pool).cached_blocks == 0);
		for (; count < 200; count++)
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 2048, &refs[count]));
		while (count > 0)
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[--count], 2048));
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.cached_bytes > 0);
		ZP_REQUIRE(stats.cached_bytes <= ZP_MAGAZINES * preset->magazine_bytes);
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, map->participant));
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.chunks == 0 && stats.reserved_bytes == stats.kept_bytes);
		ZP_REQUIRE(stats.reserved_bytes <= preset->initial_bytes);
		require_sound(map, pool);
		ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));

		/* capacity */
		options.level = ZP_POOL_FIXED;
		if (preset->capacity != 0)
		{
			ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &pool_ref));
			ZP_REQUIRE(stats_of(map, zp_at(map, pool_ref)).capacity == preset->capacity);
		}
		else
			ZP_REQUIRE_STATUS(zp_pool_create_with(map, &options, &pool_ref), ZP_BAD_ARGUMENT);
		world_destroy(world);
	}
}

/*
 * initial_bytes: what a pool has from its creation on cannot be taken by others, is what its
 * blocks come from first, at whatever level, and is there for one large block as well.
 */
static void
test_initial_bytes(void **state)
{
	(void) state;
	for (uint32_t number = 0; number < ZP_PRESETS * 4; number++)
	{
		const ZpPreset *preset = &zp_presets[number / 4];
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpPoolOptions options = {
			.level = ZP_POOL_NO_LOCK + number % 4,.preset = (ZpPresetName) (number / 4)
		};
		uint64_t	initial = preset->initial_bytes;
		uint64_t	seed = number;
		static ZpRef refs[60000];
		static uint32_t sizes[60000];
		uint32_t	count = 0;
		ZpArenaStats before;
		ZpArenaStats after;
		ZpPoolStats stats;
		ZpRef		pool_ref;
		ZpRef		other;
		ZpRef		ref;
		ZpPool	   *pool;

		ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &pool_ref));
		pool = zp_at(map, pool_ref);
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.reserved_bytes == initial && stats.kept_bytes == initial);
		require_sound(map, pool);

		/* Others take all that there is. */
		zp_arena_stats(map, &before);
		zp_arena_set_limit(map, before.reserved_bytes);
		while (zp_arena_alloc_pages(map, 1, &other) == ZP_OK)
			;
		while (zp_pool_alloc(map, pool, sizes[count] = 961 + random_below(&seed, 64),
							 &refs[count]) == ZP_OK)
		{
			fill_block(map, refs[count], sizes[count]);
			ZP_REQUIRE(++count < 60000);
		}
		zp_arena_stats(map, &after);
		ZP_REQUIRE(after.growths == before.growths);
		ZP_REQUIRE(stats_of(map, pool).used_bytes * 10 >= initial * 8);
		ZP_REQUIRE(stats_of(map, pool).reserved_bytes <= initial);
		require_sound(map, pool);
		while (count-- > 0)
		{
			verify_block(map, refs[count], sizes[count]);
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[count], sizes[count]));
		}
		ZP_REQUIRE_OK(zp_pool_forget(map, pool, map->participant));
		require_sound(map, pool);
		if (initial > 0)
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, initial - 64, &ref));
		zp_arena_set_limit(map, 0);
		ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));

		/* The bound counts, and one large block may have all of it. */
		options.max_bytes = 128 << 10;
		ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &pool_ref));
		pool = zp_at(map, pool_ref);
		ZP_REQUIRE(stats_of(map, pool).reserved_bytes == (initial > 0 ? 128 << 10 : 0));
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, (128 << 10) - 64, &ref));
		require_sound(map, pool);

		/* What cannot be had is not promised. */
		zp_arena_stats(map, &before);
		zp_arena_set_limit(map, before.reserved_bytes);
		while (zp_arena_alloc_pages(map, 4, &other) == ZP_OK)
			;
		options.max_bytes = 0;
		ZP_REQUIRE_STATUS(zp_pool_create_with(map, &options, &other),
						  initial > 0 ? ZP_OVER_LIMIT : ZP_OK);
		require_arena_sound(map);
		world_destroy(world);
	}
}

/* Huge pages are asked for where the preset says so, and it is told whether they came. */
static void
test_huge_pages(void **state)
{
	(void) state;
	for (uint32_t name = 0; name < ZP_PRESETS; name++)
	{
		const ZpPreset *preset = &zp_presets[name];
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpPoolOptions options = {.level = ZP_POOL_MUTEX,.preset = (ZpPresetName) name};
		size_t		size = preset->huge_bytes != 0 ? preset->huge_bytes : 8 << 20;
		ZpRef		pool_ref;
		ZpPool	   *pool;
		ZpRef		ref;
		ZpPoolStats stats;

		ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &pool_ref));
		pool = zp_at(map, pool_ref);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, size - 1, &ref));
		if (preset->huge_bytes != 0)
			ZP_REQUIRE(stats_of(map, pool).huge_asked_bytes == 0);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, size, &ref));
		stats = stats_of(map, pool);
		ZP_REQUIRE((stats.huge_asked_bytes >= size) == (preset->huge_bytes != 0));
		ZP_REQUIRE(stats.huge_granted_bytes == 0 ||
				   stats.huge_granted_bytes == stats.huge_asked_bytes);
		fill_block(map, ref, size);
		verify_block(map, ref, size);
		world_destroy(world);
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

/* A participant that gives up in the middle of an allocation: nothing is lost. */
static void
test_cancelled(void **state)
{
	const ZpWaitHooks hooks = {always_stop, no_sleep_hook, no_sleep_hook, NULL};
	uint32_t	size_class = zp_size_class(100);

	(void) state;
	for (ZpPoolLevel level = ZP_POOL_MUTEX; level <= ZP_POOL_FIXED; level++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpMutex    *mutex;
		ZpPool	   *pool;
		ZpRef		pool_ref;
		ZpRef		ref;
		uint64_t	reserved;

		ZP_REQUIRE_OK(zp_pool_create(map, level, level == ZP_POOL_FIXED ? 1 << 20 : 0,
									 &pool_ref));
		pool = zp_at(map, pool_ref);
		reserved = stats_of(map, pool).reserved_bytes;

		/* What a new slab, or at level fixed a block, needs. */
		mutex = level == ZP_POOL_FIXED ? zp_pool_fixed_mutex(map, pool) :
			&pool->classes[size_class].mutex;
		map->hooks = &hooks;
		ZP_REQUIRE_OK(zp_mutex_lock(mutex, NULL, NULL));
		for (int i = 0; i < 3; i++)
			ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 100, &ref), ZP_CANCELLED);
		zp_mutex_unlock(mutex);
		if (level != ZP_POOL_FIXED)
		{
			mutex = &pool->classes[ZP_LARGE_CLASS].mutex;
			ZP_REQUIRE_OK(zp_mutex_lock(mutex, NULL, NULL));
			for (int i = 0; i < 3; i++)
				ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 100000, &ref), ZP_CANCELLED);
			zp_mutex_unlock(mutex);
		}
		map->hooks = NULL;
		require_sound(map, pool);
		ZP_REQUIRE(stats_of(map, pool).blocks == 0);
		ZP_REQUIRE(stats_of(map, pool).reserved_bytes == reserved);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 100, &ref));
		ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, 100));
		ZP_REQUIRE_OK(zp_pool_flush(map, pool));
		ZP_REQUIRE(stats_of(map, pool).reserved_bytes == reserved);
		world_destroy(world);
	}
}

/*
 * ABA.  One participant has read the top A and its next, B, when another takes A, takes B,
 * and puts A back.  A list without a tag lets the first go on, and so B, which is
 * the other's, is in the list again.
 */
static void
test_tag_against_aba(void **state)
{
	ZpAtomicU32 links[4] = {0}; /* of the runs 1, 2, 3 */
	ZpAtomicU64 plain_head;
	ZpAtomicU64 tagged_head;
	uint64_t	seen;
	uint32_t	next;

	(void) state;

	/* 1, 2, 3, in a list whose head is the ref alone. */
	zp_store_relaxed_u32(&links[1], 2);
	zp_store_relaxed_u32(&links[2], 3);
	zp_store_relaxed_u64(&plain_head, 1);
	seen = zp_load_acquire_u64(&plain_head);
	next = zp_load_relaxed_u32(&links[seen]);
	zp_store_relaxed_u64(&plain_head, 2);	/* the other takes 1, */
	zp_store_relaxed_u64(&plain_head, 3);	/* takes 2, */
	zp_store_relaxed_u32(&links[1], 3);
	zp_store_relaxed_u64(&plain_head, 1);	/* puts 1 back */
	assert_true(zp_cas_acq_rel_u64(&plain_head, &seen, next));
	assert_int_equal(zp_load_relaxed_u64(&plain_head), 2);	/* 2 is twice out: broken */

	/* The same steps on ours. */
	zp_store_relaxed_u64(&tagged_head, 0);
	for (uint32_t run = 3; run >= 1; run--)
		assert_int_equal(zp_tagged_push(&tagged_head, run, &links[run]), 0);
	seen = zp_load_acquire_u64(&tagged_head);
	assert_int_equal(zp_tagged_ref(seen), 1);
	{
		uint64_t	other = seen;

		assert_true(zp_tagged_try_pop(&tagged_head, &other, zp_load_relaxed_u32(&links[1])));
		other = zp_load_acquire_u64(&tagged_head);
		assert_int_equal(zp_tagged_ref(other), 2);
		assert_true(zp_tagged_try_pop(&tagged_head, &other, zp_load_relaxed_u32(&links[2])));
		assert_int_equal(zp_tagged_push(&tagged_head, 1, &links[1]), 0);
	}
	assert_int_equal(zp_tagged_ref(zp_load_relaxed_u64(&tagged_head)), 1);
	assert_int_equal(next, 2);
	assert_false(zp_tagged_try_pop(&tagged_head, &seen, next));
	assert_int_equal(zp_tagged_ref(seen), 1);
	assert_true(zp_tagged_try_pop(&tagged_head, &seen, zp_load_relaxed_u32(&links[1])));
	assert_int_equal(zp_tagged_ref(zp_load_relaxed_u64(&tagged_head)), 3);
}

/* Threads that take and put back tops of one stack; what each holds is its own alone. */
#define STACK_RUNS	16

typedef struct Stack
{
	ZpAtomicU64 head;
	ZpAtomicU32 links[STACK_RUNS + 1];
	ZpAtomicU32 owners[STACK_RUNS + 1];
} Stack;

static ZpRef
pop_tagged(Stack *stack)
{
	uint64_t	word = zp_load_acquire_u64(&stack->head);

	while (zp_tagged_ref(word) != ZP_NULL_REF)
	{
		ZpRef		run = zp_tagged_ref(word);

		if (zp_tagged_try_pop(&stack->head, &word, zp_load_relaxed_u32(&stack->links[run])))
			return run;
	}
	return ZP_NULL_REF;
}

static int
juggle(World *world, ZpArenaMap *map, int number, void *argument)
{
	Stack	   *stack = argument;

	(void) world;
	(void) map;
	(void) number;
	for (int step = 0; step < STEPS(200000); step++)
	{
		ZpRef		mine[3];
		int			count = 0;

		while (count < 3 && (mine[count] = pop_tagged(stack)) != ZP_NULL_REF)
		{
			ZP_REQUIRE(zp_exchange_acquire_u32(&stack->owners[mine[count]], 1) == 0);
			count++;
		}
		while (count > 0)
		{
			ZpRef		run = mine[--count];

			(void) zp_exchange_release_u32(&stack->owners[run], 0);
			(void) zp_tagged_push(&stack->head, run, &stack->links[run]);
		}
	}
	return 0;
}

static void
test_tag_under_load(void **state)
{
	World	   *world = world_create(0);
	Stack	   *stack = world_shared(world, sizeof(Stack));
	uint32_t	count = 0;

	(void) state;
	for (uint32_t run = 1; run <= STACK_RUNS; run++)
		(void) zp_tagged_push(&stack->head, run, &stack->links[run]);
	world_threads(world, 8, juggle, stack);
	while (pop_tagged(stack) != ZP_NULL_REF)
		count++;
	ZP_REQUIRE(count == STACK_RUNS);
	world_destroy(world);
}

/* All is freed, in any order, at any level: then all can be had as one block. */
static void
test_whole_again(void **state)
{
	static ZpRef refs[300000];
	static uint32_t sizes[300000];

	(void) state;
	for (ZpPoolLevel level = ZP_POOL_NO_LOCK; level <= ZP_POOL_FIXED; level++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		uint64_t	whole = level == ZP_POOL_FIXED ? 4 << 20 : (4 << 20) - 64;
		ZpRef		pool_ref;
		ZpPool	   *pool;
		ZpRef		ref;

		ZP_REQUIRE_OK(zp_pool_create(map, level, 4 << 20, &pool_ref));
		pool = zp_at(map, pool_ref);
		for (uint64_t seed = 1; seed < 6; seed++)
		{
			uint64_t	random = seed;
			uint32_t	count = 0;

			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, whole, &ref));
			ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 1, &refs[0]), ZP_OVER_LIMIT);
			ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, whole));
			for (;;)
			{
				sizes[count] = 1 + random_below(&random, seed == 1 ? 64 : 60000);
				if (zp_pool_alloc(map, pool, sizes[count], &refs[count]) != ZP_OK)
					break;
				count++;
			}
			ZP_REQUIRE(count > 50);
			while (count > 0)
			{
				uint32_t	i = random_below(&random, count);

				ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], sizes[i]));
				refs[i] = refs[--count];
				sizes[i] = sizes[count];
			}
			ZP_REQUIRE_OK(zp_pool_flush(map, pool));
			require_sound(map, pool);
		}
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, whole, &ref));
		ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, whole));
		world_destroy(world);
	}
}

/* A reset sets what is counted to 0, and what there is stays. */
static void
test_stats_reset(void **state)
{
	(void) state;
	for (ZpPoolLevel level = ZP_POOL_NO_LOCK; level <= ZP_POOL_FIXED; level++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpRef		pool_ref;
		ZpPool	   *pool;
		ZpRef		refs[20];
		ZpPoolStats stats;

		ZP_REQUIRE_OK(zp_pool_create(map, level, 1 << 20, &pool_ref));
		pool = zp_at(map, pool_ref);
		for (int i = 0; i < 20; i++)
			ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 100, &refs[i]));
		for (int i = 0; i < 5; i++)
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[i], 100));
		ZP_REQUIRE_STATUS(zp_pool_free(map, pool, refs[0], 100), ZP_DOUBLE_FREE);
		ZP_REQUIRE_STATUS(zp_pool_alloc(map, pool, 2 << 20, &refs[0]), ZP_OVER_LIMIT);
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.allocations == 20 && stats.frees == 5 && stats.blocks == 15);
		ZP_REQUIRE(stats.failures == 1 && stats.bad_frees == 1);
		if (level == ZP_POOL_LOCAL_CACHE)
			ZP_REQUIRE(stats.cache_hits + stats.cache_misses == 20 && stats.cache_misses > 0);
		zp_pool_stats_reset(map, pool);
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.allocations == 0 && stats.frees == 0 && stats.blocks == 15);
		ZP_REQUIRE(stats.failures == 0 && stats.bad_frees == 0);
		ZP_REQUIRE(stats.cache_hits == 0 && stats.cache_misses == 0);
		ZP_REQUIRE(stats.used_bytes >= 1500);
		ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[10], 100));
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 100, &refs[10]));
		stats = stats_of(map, pool);
		ZP_REQUIRE(stats.allocations == 1 && stats.frees == 1 && stats.blocks == 15);
		require_sound(map, pool);
		world_destroy(world);
	}
}

/* A pool that comes to lie where another was has nothing of it. */
static void
test_place_used_again(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		first = ZP_NULL_REF;

	(void) state;
	for (int i = 0; i < 50; i++)
	{
		ZpRef		pool_ref;
		ZpRef		ref;
		ZpPool	   *pool;

		ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_LOCAL_CACHE, 0, &pool_ref));
		if (i == 0)
			first = pool_ref;
		ZP_REQUIRE(pool_ref == first);
		pool = zp_at(map, pool_ref);
		ZP_REQUIRE(stats_of(map, pool).participants == 0);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 100, &ref));
		ZP_REQUIRE_OK(zp_pool_free(map, pool, ref, 100));
		ZP_REQUIRE(stats_of(map, pool).allocations == 1);
		require_sound(map, pool);
		ZP_REQUIRE_OK(zp_pool_destroy(map, pool_ref));
		require_arena_sound(map);
	}
	world_destroy(world);
}

/* How large blocks are, and what are none, at every level. */
static void
test_block_bytes(void **state)
{
	(void) state;
	for (ZpPoolLevel level = ZP_POOL_NO_LOCK; level <= ZP_POOL_FIXED; level++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		uint64_t	seed = 17;
		ZpRef		pool_ref;
		ZpPool	   *pool;
		ZpRef		keeper;
		ZpRef		small;
		ZpRef		large;
		size_t		bytes = 0;

		ZP_REQUIRE_OK(zp_pool_create(map, level, 1 << 20, &pool_ref));
		pool = zp_at(map, pool_ref);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 600, &keeper));
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 600, &small));
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 50000, &large));
		ZP_REQUIRE_OK(zp_pool_block_bytes(map, pool, small, &bytes));
		ZP_REQUIRE(bytes == 640);
		ZP_REQUIRE_OK(zp_pool_block_bytes(map, pool, large, &bytes));
		ZP_REQUIRE(bytes == 50000);
		ZP_REQUIRE_STATUS(zp_pool_block_bytes(map, pool, small + 1, &bytes), ZP_BAD_REF);
		ZP_REQUIRE_STATUS(zp_pool_block_bytes(map, pool, large + 64, &bytes), ZP_BAD_REF);
		ZP_REQUIRE_STATUS(zp_pool_block_bytes(map, pool, pool_ref, &bytes), ZP_BAD_REF);
		for (int i = 0; i < 20000; i++)
		{
			ZpRef		any = ZP_FIRST_REF + random_below(&seed, 1 << 18);

			if (any != keeper && any != small && any != large)
				ZP_REQUIRE(zp_pool_block_bytes(map, pool, any, &bytes) != ZP_OK);
		}
		ZP_REQUIRE_OK(zp_pool_free(map, pool, small, 600));
		ZP_REQUIRE_STATUS(zp_pool_block_bytes(map, pool, small, &bytes), ZP_DOUBLE_FREE);
		world_destroy(world);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule_of_auto),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_numbers_of_presets),
		cmocka_unit_test(test_initial_bytes),
		cmocka_unit_test(test_huge_pages),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_tag_against_aba),
		cmocka_unit_test(test_tag_under_load),
		cmocka_unit_test(test_whole_again),
		cmocka_unit_test(test_stats_reset),
		cmocka_unit_test(test_place_used_again),
		cmocka_unit_test(test_block_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
