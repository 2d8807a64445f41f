/*
 * test_mem_arena.c
 *	  Runs of pages: nobody's twice, joined when free, given back, bounded.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "mem/runs.h"
#include "test_mem.h"

#define MAP_PAGES		(1u << 14)	/* 64 MB of arena */
#define SLOTS			64

typedef struct Run
{
	ZpRef		ref;
	uint32_t	pages;
} Run;

static ZpArenaStats
arena_stats_of(ZpArenaMap *map)
{
	ZpArenaStats stats;

	zp_arena_stats(map, &stats);
	return stats;
}

/* The owner map has an entry a page here: page n of the arena passes as its unit n. */
static ZpRef
page_unit(ZpRef ref)
{
	return ZP_FIRST_REF + (ref - ZP_FIRST_REF) / (ZpRef) ZP_PAGE_REFS;
}

/* Takes, verifies and gives back random runs; all are back at the end. */
static int
churn(World *world, ZpArenaMap *map, int number, void *argument)
{
	const OwnerMap *owners = argument;
	uint64_t	seed = 1000 + (uint64_t) number;
	uint32_t	who = map->participant;
	Run			runs[SLOTS] = {0};

	(void) world;
	for (int step = 0; step < 3000 + SLOTS; step++)
	{
		Run		   *run = &runs[step < 3000 ? random_below(&seed, SLOTS) : (uint32_t) step - 3000];

		if (run->ref != ZP_NULL_REF)
		{
			ZpRef		inside = run->ref + random_below(&seed, run->pages * ZP_PAGE_REFS);
			ZpRef		found;
			uint32_t	pages;

			ZP_REQUIRE_OK(zp_arena_find_run(map, inside, &found, &pages));
			ZP_REQUIRE(found == run->ref && pages == run->pages);
			if (inside != run->ref)
				ZP_REQUIRE_STATUS(zp_arena_free_pages(map, inside), ZP_BAD_REF);
			verify_block(map, run->ref, 64);
			verify_block(map, run->ref + (run->pages - 1) * (ZpRef) ZP_PAGE_REFS, 64);
			owner_release(owners, page_unit(run->ref), run->pages * ZP_UNIT_BYTES, who);
			ZP_REQUIRE_OK(zp_arena_free_pages(map, run->ref));
			run->ref = ZP_NULL_REF;
		}
		else if (step < 3000)
		{
			uint32_t	most = random_below(&seed, 10) == 0 ? 150 : 12;

			run->pages = 1 + random_below(&seed, most);
			ZP_REQUIRE_OK(zp_arena_alloc_pages(map, run->pages, &run->ref));
			ZP_REQUIRE(run->ref % ZP_PAGE_REFS == 0);
			ZP_REQUIRE((uintptr_t) zp_at(map, run->ref) % ZP_PAGE_BYTES == 0);
			owner_claim(owners, page_unit(run->ref), run->pages * ZP_UNIT_BYTES, who);
			fill_block(map, run->ref, 64);
			if (run->pages > 1)
				fill_block(map, run->ref + (run->pages - 1) * (ZpRef) ZP_PAGE_REFS, 64);
		}
	}
	ZP_REQUIRE(!map->map_failed);
	return 0;
}

/* Nothing in use but headers, and no memory but segment 0 and headers. */
static void
require_all_given_back(World *world, ZpArenaMap *map)
{
	ZpArenaStats stats;
	uint64_t	headers = 0;
	uint64_t	segment = 0;

	require_arena_sound(map);
	stats = arena_stats_of(map);
	for (; segment < stats.segments; segment++)
		headers += zp_segment_header_pages((uint32_t) segment, 0) * (uint64_t) ZP_PAGE_BYTES;
	ZP_REQUIRE(stats.used_bytes == headers);
	ZP_REQUIRE(stats.reserved_bytes == headers + zp_segment_bytes(0) - ZP_PAGE_BYTES);
	ZP_REQUIRE(world_resident_bytes(world) <= stats.reserved_bytes);
}

static void
test_random_runs(void **state)
{
	World	   *world = world_create(0);
	OwnerMap	owners = owner_map(world, MAP_PAGES);

	(void) state;
	churn(world, world_map(world), 0, &owners);
	require_all_given_back(world, world_map(world));
	assert_true(arena_stats_of(world_map(world)).decommits > 0);
	world_destroy(world);
}

static void
test_random_runs_in_threads(void **state)
{
	World	   *world = world_create(0);
	OwnerMap	owners = owner_map(world, MAP_PAGES);

	(void) state;
	world_threads(world, 8, churn, &owners);
	require_all_given_back(world, world_map(world));
	world_destroy(world);
}

static void
test_random_runs_in_processes(void **state)
{
	World	   *world = world_create(0);
	OwnerMap	owners = owner_map(world, MAP_PAGES);

	(void) state;
	world_fork(world, 4, churn, &owners);
	require_all_given_back(world, world_map(world));
	world_destroy(world);
}

/* Fills to the limit, frees in random order: all joins up to one run a segment. */
static void
test_free_neighbours_join(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	uint64_t	seed = 7;
	static Run	runs[4096];
	uint32_t	count = 0;
	ZpRef		ref;
	ZpStatus	status;
	uint64_t	limit = 2 << 20;

	(void) state;
	zp_arena_set_limit(map, limit);
	for (;;)
	{
		uint32_t	pages = 1 + random_below(&seed, 9);

		status = zp_arena_alloc_pages(map, pages, &ref);
		if (status != ZP_OK)
			break;
		runs[count].ref = ref;
		runs[count++].pages = pages;
	}
	ZP_REQUIRE(status == ZP_OVER_LIMIT);
	while (zp_arena_alloc_pages(map, 1, &ref) == ZP_OK)
	{
		runs[count].ref = ref;
		runs[count++].pages = 1;
	}
	ZP_REQUIRE(arena_stats_of(map).used_bytes == arena_stats_of(map).reserved_bytes);
	ZP_REQUIRE(arena_stats_of(map).reserved_bytes <= limit);
	ZP_REQUIRE(arena_stats_of(map).largest_free_bytes == 0);
	ZP_REQUIRE(arena_stats_of(map).failures >= 2);
	require_arena_sound(map);

	/* All is full: what is freed can be had again at once, at just that length. */
	for (int step = 0; step < 1000; step++)
	{
		uint32_t	i = random_below(&seed, count);

		ZP_REQUIRE_OK(zp_arena_free_pages(map, runs[i].ref));
		ZP_REQUIRE(arena_stats_of(map).largest_free_bytes == runs[i].pages * (uint64_t) ZP_PAGE_BYTES);
		ZP_REQUIRE_OK(zp_arena_alloc_pages(map, runs[i].pages, &runs[i].ref));
	}

	for (uint32_t left = count; left > 0; left--)
	{
		uint32_t	i = random_below(&seed, left);

		ZP_REQUIRE_OK(zp_arena_free_pages(map, runs[i].ref));
		ZP_REQUIRE_STATUS(zp_arena_free_pages(map, runs[i].ref), ZP_BAD_REF);
		runs[i] = runs[left - 1];
		if (left % 50 == 0)
			require_arena_sound(map);
	}
	require_all_given_back(world, map);

	/* One run of the whole of segment 0, then of the whole of another. */
	ZP_REQUIRE(arena_stats_of(map).largest_free_bytes == zp_segment_bytes(0) - ZP_PAGE_BYTES);
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, zp_segment_pages(0) - 1, &ref));
	ZP_REQUIRE(ref == ZP_FIRST_REF + ZP_PAGE_REFS);
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, zp_segment_pages(4) - 1, &runs[0].ref));
	ZP_REQUIRE(runs[0].ref == zp_segment_first_ref(4) + ZP_PAGE_REFS);
	ZP_REQUIRE_OK(zp_arena_free_pages(map, ref));
	ZP_REQUIRE_OK(zp_arena_free_pages(map, runs[0].ref));
	require_all_given_back(world, map);
	world_destroy(world);
}

/* The one run of its bin that is long enough is found behind many shorter ones. */
static void
test_fit_behind_many_short_runs(void **state)
{
	uint32_t	number = 24;
	ZpSegment  *segment = aligned_alloc(ZP_PAGE_BYTES, zp_segment_bytes(number));
	uint32_t	runs[81];
	uint32_t	page;
	uint32_t	rest;
	char		why[256];

	(void) state;
	assert_non_null(segment);
	zp_segment_init(segment, number, 0);
	zp_runs_open(segment);

	/* All in the bin of 64 .. 71 pages: one of 71, then 40 of 64, with a page between. */
	for (int i = 0; i <= 80; i++)
	{
		uint32_t	pages = i % 2 ? 1 : i == 0 ? 71 : 64;

		assert_true(zp_run_take(segment, pages, &runs[i]));
		zp_run_mark(segment, runs[i], pages);
	}
	rest = segment->free_pages;
	assert_true(zp_run_take(segment, rest, &page));
	zp_run_mark(segment, page, rest);
	for (int i = 0; i <= 80; i += 2)
		assert_int_equal(zp_run_give(segment, runs[i]), i == 0 ? 71 : 64);
	assert_int_equal(zp_runs_check(segment, true, why, sizeof(why)), ZP_OK);
	assert_int_equal(zp_runs_longest(segment), 71);

	assert_true(zp_run_take(segment, 71, &page));
	assert_int_equal(page, runs[0]);
	assert_false(zp_run_take(segment, 65, &page));
	for (int i = 2; i <= 80; i += 2)
		assert_true(zp_run_take(segment, 64, &page));
	assert_int_equal(segment->free_pages, 0);
	assert_false(zp_run_take(segment, 1, &page));
	free(segment);
}

static void
test_decommit_gives_memory_back(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	uint32_t	pages = 4000;
	size_t		bytes = (size_t) pages * ZP_PAGE_BYTES;
	ZpRef		ref;

	(void) state;
	for (int round = 0; round < 3; round++)
	{
		size_t		before = world_resident_bytes(world);

		ZP_REQUIRE_OK(zp_arena_alloc_pages(map, pages, &ref));
		memset(zp_at(map, ref), 0xee, bytes);
		ZP_REQUIRE(world_resident_bytes(world) >= before + bytes);
		ZP_REQUIRE_OK(zp_arena_free_pages(map, ref));
		ZP_REQUIRE(world_resident_bytes(world) < before + bytes / 100);
		require_arena_sound(map);
	}
	ZP_REQUIRE(arena_stats_of(map).decommits == 3);
	/* The same segment each time. */
	ZP_REQUIRE(arena_stats_of(map).segments == 2);
	ZP_REQUIRE(arena_stats_of(map).growths == 4);
	world_destroy(world);
}

static void
test_arguments(void **state)
{
	World	   *world = world_create(1 << 20);
	ZpArenaMap *map = world_map(world);
	uint64_t	seed = 3;
	ZpRef		ref;
	ZpRef		run;
	uint32_t	pages;

	(void) state;
	ZP_REQUIRE_STATUS(zp_arena_alloc_pages(map, 0, &ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_arena_alloc_pages(map, zp_segment_pages(63), &ref), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_arena_alloc_pages(map, 1 << 20, &ref), ZP_OUT_OF_MEMORY);
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 3, &ref));
	ZP_REQUIRE_STATUS(zp_arena_free_pages(map, ref + ZP_PAGE_REFS), ZP_BAD_REF);
	ZP_REQUIRE_STATUS(zp_arena_free_pages(map, ref + 1), ZP_BAD_REF);
	ZP_REQUIRE_STATUS(zp_arena_free_pages(map, ZP_FIRST_REF), ZP_BAD_REF);
	for (int i = 0; i < 200000; i++)
	{
		ZpRef		any = (ZpRef) random_next(&seed);

		if (i % 2)
			any %= 2 * ZP_FIRST_REF;
		if (any >= ref && any < ref + 3 * ZP_PAGE_REFS)
			continue;
		ZP_REQUIRE_STATUS(zp_arena_find_run(map, any, &run, &pages), ZP_BAD_REF);
		ZP_REQUIRE_STATUS(zp_arena_free_pages(map, any), ZP_BAD_REF);
	}
	ZP_REQUIRE(zp_arena_root(map) == ZP_NULL_REF);
	zp_arena_set_root(map, ref);
	ZP_REQUIRE(zp_arena_root(map) == ref);
	ZP_REQUIRE_OK(zp_arena_free_pages(map, ref));
	require_all_given_back(world, map);
	world_destroy(world);
}

/* The limit holds to the byte, and is no hindrance to what is there already. */
static void
test_limit(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	uint64_t	two = zp_segment_bytes(0) + zp_segment_bytes(1);
	ZpRef		first;
	ZpRef		second;
	ZpRef		ref;

	(void) state;
	zp_arena_set_limit(map, two - 1);
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 63, &first));
	ZP_REQUIRE_STATUS(zp_arena_alloc_pages(map, 1, &ref), ZP_OVER_LIMIT);
	zp_arena_set_limit(map, two);
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 63, &second));
	ZP_REQUIRE_STATUS(zp_arena_alloc_pages(map, 1, &ref), ZP_OVER_LIMIT);
	ZP_REQUIRE(arena_stats_of(map).reserved_bytes == two);

	/* A decommitted segment counts its header only, and comes back under the limit. */
	ZP_REQUIRE_OK(zp_arena_free_pages(map, second));
	ZP_REQUIRE_OK(zp_arena_free_pages(map, first));
	ZP_REQUIRE(arena_stats_of(map).reserved_bytes == zp_segment_bytes(0) + ZP_PAGE_BYTES);
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 63, &first));
	zp_arena_set_limit(map, two - 1);
	ZP_REQUIRE_STATUS(zp_arena_alloc_pages(map, 1, &ref), ZP_OVER_LIMIT);
	zp_arena_set_limit(map, two);
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 1, &ref));
	ZP_REQUIRE(arena_stats_of(map).segments == 2);
	ZP_REQUIRE(arena_stats_of(map).failures == 3);
	require_arena_sound(map);
	world_destroy(world);
}

/* The n-th growth fails, for every n: the call says so, nothing is lost, the next works. */
static void
test_every_growth_can_fail(void **state)
{
	(void) state;
	for (int n = 1; n <= 12; n++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpRef		refs[400];
		uint32_t	count = 0;
		int			failures = 0;

		world_fail_growth(world, n);
		for (int round = 0; round < 2; round++)
		{
			while (count < 400)
			{
				ZpStatus	status = zp_arena_alloc_pages(map, 10, &refs[count]);

				if (status == ZP_OK)
				{
					fill_block(map, refs[count], 64);
					count++;
					continue;
				}
				ZP_REQUIRE(status == ZP_OUT_OF_MEMORY);
				failures++;
				require_arena_sound(map);
			}
			while (count > 0)
			{
				verify_block(map, refs[count - 1], 64);
				ZP_REQUIRE_OK(zp_arena_free_pages(map, refs[--count]));
			}
		}
		/* A refused new segment may be made up for by a decommitted one. */
		ZP_REQUIRE(failures == 1);
		ZP_REQUIRE(arena_stats_of(map).failures == 1);
		require_all_given_back(world, map);
		world_destroy(world);
	}
}

/* A participant whose operations are partly replaced, on top of the world's. */
typedef struct Detour
{
	const ZpSegmentOps *below;
	ZpSegmentOps ops;
	ZpAtomicU32 in_create;		/* 1: in there; 2: may go on */
	ZpAtomicU32 refuse_attach;
} Detour;

static Detour detour;

static ZpStatus
slow_create(void *context, uint32_t segment, size_t bytes, uint32_t *handle, void **base)
{
	zp_store_release_u32(&detour.in_create, 1);
	while (zp_load_acquire_u32(&detour.in_create) != 2)
		sched_yield();
	return detour.below->create(context, segment, bytes, handle, base);
}

static ZpStatus
refusing_attach(void *context, uint32_t segment, size_t bytes, uint32_t handle, void **base)
{
	if (zp_load_acquire_u32(&detour.refuse_attach) != 0)
		return ZP_OUT_OF_MEMORY;
	return detour.below->attach(context, segment, bytes, handle, base);
}

static ZpStatus
refusing_decommit(void *context, void *base, size_t bytes)
{
	(void) context;
	(void) base;
	(void) bytes;
	return ZP_BAD_ARGUMENT;
}

static void
detour_through(ZpArenaMap *map)
{
	memset(&detour, 0, sizeof(detour));
	detour.below = map->ops;
	detour.ops = *map->ops;
	map->ops = &detour.ops;
}

/* Something to wait for `grow` with. */
typedef struct Grower
{
	ZpArenaMap *map;
	uint32_t	pages;
	ZpRef		ref;
} Grower;

static void *
take_pages(void *argument)
{
	Grower	   *grower = argument;

	ZP_REQUIRE_OK(zp_arena_alloc_pages(grower->map, grower->pages, &grower->ref));
	return NULL;
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

/*
 * While one participant makes a segment, another's wait for it is cancelled, and
 * its frees go through without any wait: what they emptied is given back by the one
 * who grows.  Who waited for the growth uses it, and does not grow once more.
 */
static void
test_growth_is_cancellable_and_free_never_waits(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpArenaMap *slow = world_join(world, 9);
	ZpArenaMap *patient = world_join(world, 10);
	const ZpWaitHooks hooks = {always_stop, no_sleep_hook, no_sleep_hook, NULL};
	const struct timespec while_it_waits = {0, 50 * 1000 * 1000};
	Grower		growers[2] = {{slow, 300, 0}, {patient, 100, 0}};
	pthread_t	threads[2];
	ZpRef		emptied;
	ZpRef		filling;
	ZpRef		ref;

	(void) state;
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 63, &filling));
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 63, &emptied));
	detour_through(slow);
	detour.ops.create = slow_create;
	assert_int_equal(pthread_create(&threads[0], NULL, take_pages, &growers[0]), 0);
	while (zp_load_acquire_u32(&detour.in_create) != 1)
		sched_yield();
	assert_int_equal(pthread_create(&threads[1], NULL, take_pages, &growers[1]), 0);
	nanosleep(&while_it_waits, NULL);

	map->hooks = &hooks;
	ZP_REQUIRE_STATUS(zp_arena_alloc_pages(map, 64, &ref), ZP_CANCELLED);
	ZP_REQUIRE_OK(zp_arena_free_pages(map, emptied));
	ZP_REQUIRE(arena_stats_of(map).decommits == 0);
	map->hooks = NULL;

	zp_store_release_u32(&detour.in_create, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	/* It is little beside what is in use; the less that is, the less is kept. */
	ZP_REQUIRE(arena_stats_of(map).decommits == 0);
	ZP_REQUIRE(arena_stats_of(map).segments == 3);
	ZP_REQUIRE(zp_ref_segment(growers[0].ref) == zp_ref_segment(growers[1].ref));
	ZP_REQUIRE_OK(zp_arena_free_pages(map, growers[0].ref));
	ZP_REQUIRE_OK(zp_arena_free_pages(map, growers[1].ref));
	ZP_REQUIRE(arena_stats_of(map).decommits == 1);
	ZP_REQUIRE_OK(zp_arena_free_pages(map, filling));
	ZP_REQUIRE(arena_stats_of(map).decommits == 2);
	require_arena_sound(map);
	ZP_REQUIRE(world_resident_bytes(world) <= arena_stats_of(map).reserved_bytes);
	world_leave(world, slow);
	world_leave(world, patient);
	world_destroy(world);
}

/* Where the system cannot take memory back, the segment stays and is used again. */
static void
test_decommit_may_be_refused(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpRef		ref;

	(void) state;
	detour_through(map);
	detour.ops.decommit = refusing_decommit;
	for (int round = 0; round < 3; round++)
	{
		ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 100, &ref));
		ZP_REQUIRE_OK(zp_arena_free_pages(map, ref));
		require_arena_sound(map);
	}
	ZP_REQUIRE(arena_stats_of(map).decommits == 0);
	ZP_REQUIRE(arena_stats_of(map).growths == 2);
	ZP_REQUIRE(arena_stats_of(map).reserved_bytes == zp_segment_bytes(0) + zp_segment_bytes(4));
	map->ops = detour.below;
	world_destroy(world);
}

/* A segment that cannot be mapped: zeros and a flag, other segments still serve. */
static void
test_map_failure(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpArenaMap *other = world_join(world, 2);
	const unsigned char *bytes;
	ZpRef		ref;
	ZpRef		mine;
	ZpRef		run;
	uint32_t	pages;

	(void) state;
	ZP_REQUIRE_OK(zp_arena_alloc_pages(map, 100, &ref));
	fill_block(map, ref, 64);
	detour_through(other);
	detour.ops.attach = refusing_attach;
	zp_store_release_u32(&detour.refuse_attach, 1);

	bytes = zp_at(other, ref);
	ZP_REQUIRE(other->map_failed);
	for (int i = 0; i < 64; i++)
		ZP_REQUIRE(bytes[i] == 0);
	ZP_REQUIRE_STATUS(zp_arena_find_run(other, ref, &run, &pages), ZP_MAP_FAILED);
	ZP_REQUIRE_STATUS(zp_arena_free_pages(other, ref), ZP_MAP_FAILED);

	/* More than segment 0 has: the other's segment has room, but not for us. */
	ZP_REQUIRE_OK(zp_arena_alloc_pages(other, 63, &mine));
	ZP_REQUIRE_OK(zp_arena_alloc_pages(other, 20, &run));
	ZP_REQUIRE(zp_ref_segment(run) != zp_ref_segment(ref));
	ZP_REQUIRE_OK(zp_arena_free_pages(other, run));
	ZP_REQUIRE_OK(zp_arena_free_pages(other, mine));

	zp_store_release_u32(&detour.refuse_attach, 0);
	other->map_failed = false;
	verify_block(other, ref, 64);
	ZP_REQUIRE(!other->map_failed);
	ZP_REQUIRE_OK(zp_arena_free_pages(other, ref));
	require_arena_sound(map);
	other->ops = detour.below;
	world_leave(world, other);
	world_destroy(world);
}

static void
test_attach_checks_what_it_finds(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpArenaMap	other;
	uint32_t   *magic = (uint32_t *) ((char *) zp_at(map, ZP_FIRST_REF) +
									  zp_segment_control_offset(0));
	uint32_t	handle = 0x5a000000;
	char		why[256];

	(void) state;
	ZP_REQUIRE_STATUS(zp_arena_attach(&other, map->ops, map->ops_context, NULL, 2, handle + 1),
					  ZP_MAP_FAILED);
	magic[0] ^= 1;
	ZP_REQUIRE_STATUS(zp_arena_attach(&other, map->ops, map->ops_context, NULL, 2, handle),
					  ZP_CORRUPTED);
	magic[0] ^= 1;
	magic[1] += 1;
	ZP_REQUIRE_STATUS(zp_arena_attach(&other, map->ops, map->ops_context, NULL, 2, handle),
					  ZP_CORRUPTED);
	magic[1] -= 1;
	ZP_REQUIRE_OK(zp_arena_attach(&other, map->ops, map->ops_context, NULL, 2, handle));
	zp_arena_detach(&other);

	/* And the checker sees a damaged page map. */
	zp_store_relaxed_u32(&((ZpSegment *) zp_at(map, ZP_FIRST_REF))->map[5], 0x40000001);
	ZP_REQUIRE_STATUS(zp_arena_check(map, why, sizeof(why)), ZP_CORRUPTED);
	ZP_REQUIRE(strstr(why, "page 5") != NULL);
	world_destroy(world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_runs),
		cmocka_unit_test(test_random_runs_in_threads),
		cmocka_unit_test(test_random_runs_in_processes),
		cmocka_unit_test(test_free_neighbours_join),
		cmocka_unit_test(test_fit_behind_many_short_runs),
		cmocka_unit_test(test_decommit_gives_memory_back),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_every_growth_can_fail),
		cmocka_unit_test(test_growth_is_cancellable_and_free_never_waits),
		cmocka_unit_test(test_decommit_may_be_refused),
		cmocka_unit_test(test_map_failure),
		cmocka_unit_test(test_attach_checks_what_it_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
