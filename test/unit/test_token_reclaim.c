/*
 * test_token_reclaim.c
 *	  Tokens and lazy free lists at their edges: tokens that change hands, readers
 *	  that hold back, memory that cannot be mapped, pools that are full.
 */
#include <string.h>

#include "sync/token_internal.h"
#include "trie_fixture.h"

/* Replaces one value n times: each retires a block. */
static void
replace_value(ZpTrieSession *session, int n)
{
	char		value[64] = "value";

	for (int i = 0; i < n; i++)
	{
		ZpStatus	status = zp_trie_upsert_value(session, "k", 1, value, sizeof(value));

		ZP_REQUIRE(status == ZP_OK || status == ZP_EXISTS);
	}
}

static void
an_owner_reclaims_whatever_others_did_with_its_list(void **state)
{
	Fixture		fixture;
	ZpArenaMap *map;
	ZpTrieSession reader;
	uint64_t	most = 0;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	map = world_join(fixture.world, 2);
	ZP_REQUIRE_OK(zp_trie_open(map, fixture.trie, &reader));
	ZP_REQUIRE_OK(zp_trie_enter(&reader));
	replace_value(&fixture.session, 5000);
	zp_trie_leave(&reader);
	ZP_REQUIRE(zp_lazy_pending(fixture.session.token) > 4000);
	ZP_REQUIRE(zp_trie_reclaim(&reader) == 0);
	for (int i = 0; i < 6000; i++)
	{
		uint64_t	pending;

		replace_value(&fixture.session, 1);
		pending = zp_lazy_pending(fixture.session.token);
		most = pending > most ? pending : most;
	}
	ZP_REQUIRE(most <= 2 * ZP_LAZY_BULK);
	zp_trie_close(&reader);
	world_leave(fixture.world, map);
	fixture_destroy(&fixture);
}

/* Large values are given back soon, few as they are. */
static void
large_blocks_weigh_more(void **state)
{
	Fixture		fixture;
	static char value[4 << 20];

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	for (int i = 0; i < 20; i++)
	{
		ZpPoolStats stats;

		ZP_REQUIRE_STATUS(zp_trie_upsert_value(&fixture.session, "k", 1, value, sizeof(value)),
						  i == 0 ? ZP_OK : ZP_EXISTS);
		zp_pool_stats(fixture.map, fixture.session.pool, &stats);
		ZP_REQUIRE(stats.large_blocks <= 2);
	}
	fixture_destroy(&fixture);
}

/* A no_lock pool belongs to one participant; another's token must not lose its blocks. */
static void
blocks_that_another_may_not_free_stay_pending(void **state)
{
	World	   *world = world_create(0);
	ZpArenaMap *map = world_map(world);
	ZpArenaMap *other_map = world_join(world, 2);
	ZpTrieSession owner;
	ZpTrieSession reader;
	ZpRef		control_pool;
	ZpRef		pool;
	ZpRef		trie;
	ZpPoolStats stats;

	(void) state;
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &control_pool));
	ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_NO_LOCK, 0, &pool));
	ZP_REQUIRE_OK(zp_trie_create(map, control_pool, pool, ZP_PAYLOAD_BLOCK, &trie));
	ZP_REQUIRE_OK(zp_trie_open(map, trie, &owner));
	ZP_REQUIRE_OK(zp_trie_open(other_map, trie, &reader));
	ZP_REQUIRE_OK(zp_trie_enter(&reader));
	replace_value(&owner, 20);
	zp_trie_close(&owner);
	zp_trie_leave(&reader);
	ZP_REQUIRE(zp_trie_reclaim(&reader) > 0);
	zp_trie_close(&reader);

	ZP_REQUIRE_OK(zp_trie_open(map, trie, &owner));
	fixture_check(&owner);
	ZP_REQUIRE(zp_trie_reclaim(&owner) == 0);
	fixture_check(&owner);
	zp_pool_stats(map, owner.pool, &stats);
	ZP_REQUIRE(stats.blocks == 2);	/* the node and the value */
	zp_trie_close(&owner);
	world_leave(world, other_map);
	world_destroy(world);
}

static const ZpSegmentOps *real_ops;

static ZpStatus
refuse_to_attach(void *context, uint32_t segment, size_t bytes, uint32_t handle, void **base)
{
	if (segment > 0)
		return ZP_MAP_FAILED;
	return real_ops->attach(context, segment, bytes, handle, base);
}

/* A token is inherited, with room for retired blocks where its new owner cannot reach. */
static void
room_that_cannot_be_mapped_is_no_room(void **state)
{
	Fixture		fixture;
	ZpArenaMap *reader_map;
	ZpArenaMap *heir_map;
	ZpSegmentOps ops;
	ZpTrieSession reader;
	ZpTrieSession heir;
	ZpLazyBatch *tail;
	ZpRef		ref;
	ZpRef		filling[2000];
	int			filled = 0;
	ZpStatus	status = ZP_OK;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	reader_map = world_join(fixture.world, 2);
	ZP_REQUIRE_OK(zp_trie_open(reader_map, fixture.trie, &reader));
	replace_value(&fixture.session, 1);
	ZP_REQUIRE_OK(zp_trie_enter(&reader));
	/* Almost fill a batch, then make the next one lie in another segment. */
	do
	{
		replace_value(&fixture.session, 1);
		tail = zp_at(fixture.map, zp_load_relaxed_u32(&fixture.session.token->tail));
	} while (zp_load_relaxed_u32(&tail->filled) < ZP_LAZY_BATCH_ENTRIES - 7);
	do
	{
		ZP_REQUIRE_OK(zp_pool_alloc(fixture.map, fixture.session.pool, sizeof(ZpLazyBatch), &ref));
		filling[filled++] = ref;
	} while (zp_ref_segment(ref) == 0);
	replace_value(&fixture.session, 1);
	ZP_REQUIRE(zp_ref_segment(zp_load_relaxed_u32(&fixture.session.token->spare)) > 0);
	zp_trie_close(&fixture.session);

	heir_map = world_join(fixture.world, 3);
	ZP_REQUIRE_OK(zp_trie_open(heir_map, fixture.trie, &heir));
	real_ops = heir_map->ops;
	ops = *real_ops;
	ops.attach = refuse_to_attach;
	heir_map->ops = &ops;
	for (int i = 0; i < 20 && status != ZP_MAP_FAILED; i++)
		status = zp_trie_upsert_value(&heir, "k", 1, "v", 1);
	ZP_REQUIRE_STATUS(status, ZP_MAP_FAILED);

	/* Nothing was changed or lost by that. */
	heir_map->ops = real_ops;
	zp_trie_leave(&reader);
	for (int i = 0; i < filled; i++)
		ZP_REQUIRE_OK(zp_pool_free(fixture.map, reader.pool, filling[i], sizeof(ZpLazyBatch)));
	ZP_REQUIRE_STATUS(zp_trie_upsert_value(&heir, "k", 1, "v", 1), ZP_EXISTS);
	zp_trie_close(&heir);
	zp_trie_close(&reader);
	world_leave(fixture.world, heir_map);
	world_leave(fixture.world, reader_map);
	ZP_REQUIRE_OK(zp_trie_open(fixture.map, fixture.trie, &fixture.session));
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	fixture_destroy(&fixture);
}

/* What needs no memory works when there is none. */
static void
a_full_trie_still_counts(void **state)
{
	Fixture		fixture;
	char		key[32];
	ZpRef		ref;
	int64_t		sum;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	for (int i = 0; i < 1000; i++)
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, (size_t) sprintf(key, "%04d", i), 0));
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	zp_pool_set_limit(fixture.session.pool, 1);
	for (size_t size = 16; size <= 2048; size += 16)
	{
		while (zp_pool_alloc(fixture.map, fixture.session.pool, size, &ref) == ZP_OK)
			;
	}
	ZP_REQUIRE_STATUS(zp_trie_insert(&fixture.session, "new", 3, 0), ZP_OVER_LIMIT);
	ZP_REQUIRE_STATUS(zp_trie_increment(&fixture.session, "0007", 4, 5, &sum), ZP_EXISTS);
	ZP_REQUIRE(sum == 5);
	ZP_REQUIRE_STATUS(zp_trie_insert(&fixture.session, "0007", 4, 0), ZP_EXISTS);
	ZP_REQUIRE_STATUS(zp_trie_upsert(&fixture.session, "0007", 4, 9, NULL), ZP_EXISTS);
	zp_trie_close(&fixture.session);
	world_destroy(fixture.world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_owner_reclaims_whatever_others_did_with_its_list),
		cmocka_unit_test(large_blocks_weigh_more),
		cmocka_unit_test(blocks_that_another_may_not_free_stay_pending),
		cmocka_unit_test(room_that_cannot_be_mapped_is_no_room),
		cmocka_unit_test(a_full_trie_still_counts),
	};

	return cmocka_run_group_tests_name("tokens and lazy free lists", tests, NULL, NULL);
}
