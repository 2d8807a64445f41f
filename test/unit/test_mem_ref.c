/*
 * test_mem_ref.c
 *	  The arithmetic of refs, size classes, bins of runs and slabs.
 */
#include "mem/chunk.h"
#include "mem/runs.h"
#include "test_mem.h"

/* The segments tile the refs from ZP_FIRST_REF to 2^32, and each knows its own ends. */
static void
test_segments_tile_the_refs(void **state)
{
	uint64_t	next = ZP_FIRST_REF;

	(void) state;
	for (uint32_t segment = 0; segment < ZP_SEGMENTS; segment++)
	{
		ZpRef		first = zp_segment_first_ref(segment);
		uint64_t	units = zp_segment_bytes(segment) / ZP_UNIT_BYTES;
		ZpRef		last = (ZpRef) (first + units - 1);

		assert_int_equal(first, next);
		assert_int_equal(zp_ref_segment(first), segment);
		assert_int_equal(zp_ref_segment(last), segment);
		assert_int_equal(zp_ref_segment((ZpRef) (first + units / 2)), segment);
		assert_int_equal(zp_segment_bytes(segment) % ZP_PAGE_BYTES, 0);
		assert_int_equal(first % ZP_PAGE_REFS, 0);
		next = first + units;
	}
	assert_true(next == (uint64_t) 1 << 32);
	assert_int_equal(zp_segment_bytes(0), 256 << 10);
	assert_true(zp_segment_bytes(ZP_SEGMENTS - 1) == (size_t) 8 << 30);
}

static void
test_headers_fit(void **state)
{
	(void) state;
	for (uint32_t segment = 0; segment < ZP_SEGMENTS; segment++)
	{
		uint32_t	pages = zp_segment_pages(segment);
		uint32_t	header = zp_segment_header_pages(segment, 0);

		assert_true(sizeof(ZpSegment) + (size_t) pages * 4 <= (size_t) header * ZP_PAGE_BYTES);
		assert_true(header <= 1 + pages / 1000);
		assert_true(zp_run_bin(pages - header) < ZP_RUN_BINS);
	}
}

static void
test_bins_are_ordered(void **state)
{
	uint32_t	before = 0;

	(void) state;
	for (uint32_t pages = 1; pages < zp_segment_pages(ZP_SEGMENTS - 1); pages++)
	{
		uint32_t	bin = zp_run_bin(pages);

		assert_true(bin == before || bin == before + 1);
		if (pages < 16)
			assert_int_equal(bin, pages);
		before = bin;
	}
}

/* Every size is in the smallest class that holds it. */
static void
test_every_size_has_its_class(void **state)
{
	uint32_t	size_class = 0;

	(void) state;
	for (size_t size = 1; size <= ZP_LARGEST_SMALL_BYTES; size++)
	{
		if (size > zp_size_class_bytes(size_class))
			size_class++;
		assert_int_equal(zp_size_class(size), size_class);
		assert_true(size <= zp_size_class_bytes(size_class));
		assert_int_equal(zp_size_class_bytes(size_class) % ZP_UNIT_BYTES, 0);
		/* At most an eighth is lost, beyond the first steps. */
		if (size > 512)
			assert_true(zp_size_class_bytes(size_class) - size < size / 8 + 1);
	}
	assert_int_equal(size_class, ZP_SIZE_CLASSES - 1);
	assert_int_equal(zp_size_class_bytes(size_class), ZP_LARGEST_SMALL_BYTES);
}

/* Slabs of every class and every step: shape, and exact positions of all blocks. */
static void
test_slab_positions(void **state)
{
	ZpChunk    *chunk = aligned_alloc(ZP_PAGE_BYTES, 128 * ZP_PAGE_BYTES);

	(void) state;
	assert_non_null(chunk);
	for (uint32_t number = 0; number < ZP_PRESETS * ZP_SIZE_CLASSES; number++)
	{
		const ZpPreset *preset = &zp_presets[number % ZP_PRESETS];
		uint32_t	size_class = number / ZP_PRESETS;

		for (uint32_t slabs = 0; slabs < 6; slabs++)
		{
			ZpSlabPlan	plan = zp_slab_plan(size_class, slabs, preset->first_slab_bytes,
											preset->slab_bytes);
			size_t		block_bytes = zp_size_class_bytes(size_class);
			uint32_t	end = plan.pages * (uint32_t) ZP_PAGE_REFS;
			uint32_t	block = 0;
			uint32_t	found = 0;

			assert_true(plan.pages <= 65);
			assert_true(plan.blocks >= (slabs < 3 ? 1u << slabs : block_bytes > 32768 ? 4 : 8));
			assert_true(plan.first + plan.blocks * plan.units <= end);
			if (block_bytes % 64 == 0)
				assert_int_equal(plan.first % 4, 0);
			assert_true(plan.pages <= preset->slab_bytes / ZP_PAGE_BYTES ||
						plan.blocks <= 9);
			zp_slab_init(chunk, 1, size_class, &plan, 4711);
			for (uint32_t distance = 0; distance < end; distance++)
			{
				bool		begins = distance >= plan.first &&
					(distance - plan.first) % plan.units == 0 &&
					(distance - plan.first) / plan.units < plan.blocks;

				assert_int_equal(zp_slab_find(chunk, distance, &block), begins);
				if (begins)
					assert_int_equal(block, found++);
			}
			assert_int_equal(found, plan.blocks);
			/* A slab gives each block once, in order. */
			for (uint32_t i = 0; i < plan.blocks; i++)
				assert_int_equal(zp_slab_take(chunk), plan.first + i * plan.units);
			assert_int_equal(chunk->used, chunk->blocks);
			/* And again the one that comes back. */
			zp_slab_give(chunk, plan.blocks / 2);
			assert_int_equal(zp_slab_take(chunk), plan.first + plan.blocks / 2 * plan.units);
		}
	}
	free(chunk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments_tile_the_refs),
		cmocka_unit_test(test_headers_fit),
		cmocka_unit_test(test_bins_are_ordered),
		cmocka_unit_test(test_every_size_has_its_class),
		cmocka_unit_test(test_slab_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
