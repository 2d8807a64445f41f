/*
 * test_mem_best_fit.c
 *	  Free runs have one order, by length and then by place: what is taken is the shortest
 *	  that is long enough, and of equal ones the lowest, compared with a plain search.
 */
#include "mem/pool_internal.h"
#include "mem/runs.h"
#include "test_mem.h"

#ifdef ZP_THREAD_SANITIZER
#define STEPS	20000
#else
#define STEPS	100000
#endif

#define MOST_PLACES	70000
#define MOST_TAKEN	4000

/* Places (pages or units), and which of them are taken. */
typedef struct Oracle
{
	uint32_t	first;
	uint32_t	end;
	bool		taken[MOST_PLACES];
} Oracle;

static Oracle oracle;

static void
oracle_begin(uint32_t first, uint32_t end)
{
	ZP_REQUIRE(end <= MOST_PLACES);
	memset(&oracle, 0, sizeof(oracle));
	oracle.first = first;
	oracle.end = end;
}

/* Where a run of this length is to be taken; UINT32_MAX: nowhere. */
static uint32_t
best_fit(uint32_t length)
{
	uint32_t	best = UINT32_MAX;
	uint32_t	best_length = UINT32_MAX;

	for (uint32_t place = oracle.first; place < oracle.end;)
	{
		uint32_t	here = place;

		while (here < oracle.end && !oracle.taken[here])
			here++;
		if (here - place >= length && here - place < best_length)
		{
			best = place;
			best_length = here - place;
		}
		place = here + 1;
	}
	return best;
}

static void
oracle_set(uint32_t place, uint32_t length, bool taken)
{
	for (uint32_t i = place; i < place + length; i++)
	{
		ZP_REQUIRE(oracle.taken[i] != taken);
		oracle.taken[i] = taken;
	}
}

/* Many short runs and some long ones, so that there are both equal and different ones. */
static uint32_t
random_length(uint64_t *seed)
{
	static const uint32_t most[] = {2, 5, 5, 17, 17, 40, 40, 130};

	return 1 + random_below(seed, most[random_below(seed, 8)]);
}

/* The pages of a segment. */
static void
runs_of_a_segment(void **state)
{
	uint32_t	number = 14;	/* 3 MB */
	ZpSegment  *segment = aligned_alloc(ZP_PAGE_BYTES, zp_segment_bytes(number));
	uint64_t	seed = 5;
	uint32_t	pages[MOST_TAKEN];
	uint32_t	count = 0;
	bool		filling = true;
	char		why[200];
	uint32_t	body;
	uint32_t	page;

	(void) state;
	assert_non_null(segment);
	zp_segment_init(segment, number, 0);
	zp_runs_open(segment);
	body = zp_segment_body_pages(segment);
	oracle_begin(segment->header_pages, segment->pages);
	for (int step = 0; step < STEPS; step++)
	{
		if (count == 0 || (filling && count < MOST_TAKEN && random_below(&seed, 10) < 7) ||
			(!filling && random_below(&seed, 10) < 4))
		{
			uint32_t	length = random_length(&seed);
			uint32_t	wanted = best_fit(length);

			if (!zp_run_take(segment, length, &page))
			{
				assert_true(wanted == UINT32_MAX);
				filling = false;
				continue;
			}
			zp_run_mark(segment, page, length);
			assert_int_equal(page, wanted);
			oracle_set(page, length, true);
			pages[count++] = page;
		}
		else
		{
			uint32_t	victim = random_below(&seed, count);
			uint32_t	length;

			page = pages[victim];
			length = zp_run_give(segment, page);
			assert_true(length > 0);
			oracle_set(page, length, false);
			pages[victim] = pages[--count];
			if (count < 20)
				filling = true;
		}
		if (step % 500 == 0)
			assert_int_equal(zp_runs_check(segment, true, why, sizeof(why)), ZP_OK);
	}
	while (count > 0)
		(void) zp_run_give(segment, pages[--count]);
	assert_int_equal(zp_runs_check(segment, true, why, sizeof(why)), ZP_OK);
	assert_int_equal(zp_runs_longest(segment), body);
	assert_true(zp_run_take(segment, body, &page));
	assert_int_equal(page, segment->header_pages);
	free(segment);
}

/* One that is wrong is seen. */
static void
check_sees_disorder(void **state)
{
	uint32_t	number = 8;
	ZpSegment  *segment = aligned_alloc(ZP_PAGE_BYTES, zp_segment_bytes(number));
	uint32_t	pages[60];
	char		why[200];
	uint32_t	bin = zp_run_bin(1);
	uint32_t	root;
	ZpAtomicU32 *links;
	uint32_t	shorter;

	(void) state;
	assert_non_null(segment);
	zp_segment_init(segment, number, 0);
	zp_runs_open(segment);
	for (int i = 0; i < 60; i++)
		assert_true(zp_run_take(segment, 1, &pages[i]));
	for (int i = 0; i < 60; i += 2)
		assert_int_equal(zp_run_give(segment, pages[i]), 1);
	assert_int_equal(zp_runs_check(segment, true, why, sizeof(why)), ZP_OK);
	root = zp_load_relaxed_u32(&segment->bins[bin]);
	links = (ZpAtomicU32 *) ((char *) segment + (size_t) root * ZP_PAGE_BYTES);
	shorter = zp_load_relaxed_u32(&links[0]);
	assert_true(shorter != 0 || zp_load_relaxed_u32(&links[1]) != 0);
	zp_store_relaxed_u32(&links[0], zp_load_relaxed_u32(&links[1]));
	zp_store_relaxed_u32(&links[1], shorter);
	assert_int_equal(zp_runs_check(segment, true, why, sizeof(why)), ZP_CORRUPTED);
	free(segment);
}

/* Large blocks at level fixed, with small ones between them. */
static void
large_blocks_at_level_fixed(void **state)
{
	static ZpRef refs[MOST_TAKEN];
	static size_t sizes[MOST_TAKEN];

	(void) state;
	for (uint32_t preset = 0; preset < ZP_PRESETS; preset++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		ZpPoolOptions options = {
			.level = ZP_POOL_FIXED,.preset = (ZpPresetName) preset,.capacity = 4 << 20
		};
		uint32_t	small = zp_presets[preset].small_bytes;
		uint64_t	seed = 77 + preset;
		uint32_t	count = 0;
		uint64_t	used = 0;
		ZpRef		start;
		ZpRef		pool_ref;
		ZpPool	   *pool;

		ZP_REQUIRE_OK(zp_pool_create_with(map, &options, &pool_ref));
		pool = zp_at(map, pool_ref);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 4 << 20, &start));
		ZP_REQUIRE_OK(zp_pool_free(map, pool, start, 4 << 20));

		/* With the reserve for the exempt, which is a sixteenth, at most 64 KB. */
		oracle_begin(0, (4 << 20) / 64 + 1024);
		for (int step = 0; step < STEPS / 10; step++)
		{
			bool		full = used > (uint64_t) 7 << 19;

			if (count == 0 || (random_below(&seed, 100) < (full ? 30u : 60u) && count < MOST_TAKEN))
			{
				bool		large = random_below(&seed, 2) == 0;
				size_t		size = large ? small + 1 + random_below(&seed, 4 * 64) * 64 :
					1 + random_below(&seed, 2000);
				uint32_t	length = (uint32_t) ((size + 63) / 64);
				uint32_t	wanted = large ? best_fit(length) : 0;
				ZpStatus	status = zp_pool_alloc(map, pool, size, &refs[count]);
				size_t		bytes;

				if (status != ZP_OK)
				{
					ZP_REQUIRE(status == ZP_OVER_LIMIT);
					ZP_REQUIRE(!large || wanted == UINT32_MAX ||
							   used + length * 64 > 4 << 20);
					continue;
				}
				if (large)
					ZP_REQUIRE((refs[count] - start) / 4 == wanted);
				ZP_REQUIRE_OK(zp_pool_block_bytes(map, pool, refs[count], &bytes));
				sizes[count] = (bytes + 63) / 64 * 64;
				oracle_set((refs[count] - start) / 4, (uint32_t) (sizes[count] / 64), true);
				used += sizes[count];
				sizes[count++] = size;
			}
			else
			{
				uint32_t	victim = random_below(&seed, count);
				size_t		bytes;

				ZP_REQUIRE_OK(zp_pool_block_bytes(map, pool, refs[victim], &bytes));
				bytes = (bytes + 63) / 64 * 64;
				ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[victim], sizes[victim]));
				oracle_set((refs[victim] - start) / 4, (uint32_t) (bytes / 64), false);
				used -= bytes;
				refs[victim] = refs[--count];
				sizes[victim] = sizes[count];
			}
			if (step % 200 == 0)
				require_sound(map, pool);
		}
		while (count-- > 0)
			ZP_REQUIRE_OK(zp_pool_free(map, pool, refs[count], sizes[count]));
		require_sound(map, pool);
		ZP_REQUIRE_OK(zp_pool_alloc(map, pool, 4 << 20, &start));
		world_destroy(world);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_of_a_segment),
		cmocka_unit_test(check_sees_disorder),
		cmocka_unit_test(large_blocks_at_level_fixed),
	};

	return cmocka_run_group_tests_name("best fit", tests, NULL, NULL);
}
