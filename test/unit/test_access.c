/*
 * test_access.c
 *	  Access levels: what each admits, tokens by scope, changes of a live trie's level,
 *	  exclusivity, and the exactness of the oldest version.
 *
 * ACCESS_SECONDS and ACCESS_STEPS make the long tests longer.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "port/point.h"
#include "sync/token_internal.h"
#include "trie/compact.h"
#include "trie_fixture.h"

#ifdef ZP_THREAD_SANITIZER
#define SCALE 1
#else
#define SCALE 5
#endif

static uint64_t
setting(const char *name, uint64_t usual)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : usual;
}

static double
now(void)
{
	struct timespec time;

	(void) clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

/* Changes the level; waits for those who are inside. */
static void
set_level(ZpTrieSession *session, ZpAccessLevel level)
{
	ZpStatus	status;

	ZP_REQUIRE_OK(zp_trie_change_begin(session));
	while ((status = zp_trie_change_ready(session)) == ZP_BUSY)
		sched_yield();
	ZP_REQUIRE_OK(status);
	zp_trie_change_end(session, level);
}

/* Another participant with a session of the trie. */
typedef struct Other
{
	ZpArenaMap *map;
	ZpTrieSession session;
} Other;

static void
other_join(Fixture *fixture, Other *other)
{
	other->map = world_join(fixture->world, 2);
	ZP_REQUIRE_OK(zp_trie_open(other->map, fixture->trie, &other->session));
}

static void
other_leave(Fixture *fixture, Other *other)
{
	zp_trie_close(&other->session);
	world_leave(fixture->world, other->map);
}

static void
each_level_admits_whom_it_says(void **state)
{
	Fixture		fixture;
	Other		other;
	ZpTrieSession *one = &fixture.session;
	ZpTrieSession *two = &other.session;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	other_join(&fixture, &other);
	ZP_REQUIRE_OK(zp_trie_insert(one, "a", 1, 1));
	for (int from = 0; from < ZP_ACCESS_LEVELS; from++)
	{
		for (int to = 0; to < ZP_ACCESS_LEVELS; to++)
		{
			bool		single = to == ZP_ACCESS_SINGLE_STRICT || to == ZP_ACCESS_SINGLE_SHARED;
			ZpStatus	write_one = to == ZP_ACCESS_READ_ONLY ? ZP_READ_ONLY : ZP_EXISTS;
			ZpStatus	write_two = single ? ZP_OWNED : write_one;
			ZpStatus	deleted = to == ZP_ACCESS_READ_ONLY ? ZP_READ_ONLY : ZP_NOT_FOUND;
			ZpHold		token;

			set_level(one, (ZpAccessLevel) from);
			ZP_REQUIRE_OK(zp_trie_lookup(one, "a", 1, NULL));
			zp_trie_rest(one);
			set_level(one, (ZpAccessLevel) to);
			ZP_REQUIRE(zp_trie_access_level(one) == (ZpAccessLevel) to);
			for (int round = 0; round < 3; round++)
			{
				ZP_REQUIRE_STATUS(zp_trie_upsert(one, "a", 1, 1, NULL), write_one);
				ZP_REQUIRE_STATUS(zp_trie_upsert(two, "a", 1, 1, NULL), write_two);
				ZP_REQUIRE_STATUS(zp_trie_insert(two, "a", 1, 1), write_two);
				ZP_REQUIRE_STATUS(zp_trie_delete(one, "b", 1), deleted);
				ZP_REQUIRE_OK(zp_trie_lookup(one, "a", 1, NULL));
				ZP_REQUIRE_STATUS(zp_trie_lookup(two, "a", 1, NULL), single ? ZP_OWNED : ZP_OK);
			}
			ZP_REQUIRE_STATUS(zp_trie_begin_writer_token(two, &token),
							  to == ZP_ACCESS_READ_ONLY ? ZP_READ_ONLY : single ? ZP_OWNED : ZP_OK);
			zp_trie_end_token(&token);
			ZP_REQUIRE_STATUS(zp_trie_begin_reader_token(two, &token), single ? ZP_OWNED : ZP_OK);
			zp_trie_end_token(&token);
			zp_trie_rest(one);
			zp_trie_rest(two);
		}
	}
	other_leave(&fixture, &other);
	fixture_destroy(&fixture);
}

static void
an_owner_who_leaves_makes_room(void **state)
{
	Fixture		fixture;
	Other		other;

	(void) state;
	for (int level = ZP_ACCESS_SINGLE_STRICT; level <= ZP_ACCESS_SINGLE_SHARED; level++)
	{
		fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
		other_join(&fixture, &other);
		set_level(&other.session, (ZpAccessLevel) level);
		ZP_REQUIRE_OK(zp_trie_insert(&other.session, "a", 1, 1));
		ZP_REQUIRE_STATUS(zp_trie_lookup(&fixture.session, "a", 1, NULL), ZP_OWNED);
		other_leave(&fixture, &other);
		ZP_REQUIRE_OK(zp_trie_lookup(&fixture.session, "a", 1, NULL));
		other_join(&fixture, &other);
		ZP_REQUIRE_STATUS(zp_trie_lookup(&other.session, "a", 1, NULL), ZP_OWNED);
		/* Whoever looks only is let in. */
		ZP_REQUIRE_OK(zp_trie_enter(&other.session));
		zp_trie_leave(&other.session);
		other_leave(&fixture, &other);
		zp_trie_rest(&fixture.session);
		fixture_destroy(&fixture);
	}
}

/* Where waits are seen to elsewhere, standing is asked for first. */
static void
standing_is_asked_for(void **state)
{
	Fixture		fixture;
	ZpHold		token;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	fixture.session.pass.asks = true;
	set_level(&fixture.session, ZP_ACCESS_SINGLE_STRICT);
	ZP_REQUIRE_STATUS(zp_trie_insert(&fixture.session, "a", 1, 1), ZP_ASK_FIRST);
	ZP_REQUIRE_STATUS(zp_trie_begin_reader_token(&fixture.session, &token), ZP_ASK_FIRST);
	ZP_REQUIRE(token.pass == NULL);
	fixture.session.pass.asked = true;
	ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, "a", 1, 1));
	zp_trie_rest(&fixture.session);
	fixture_destroy(&fixture);
}

static void
levels_without_token_work_do_none(void **state)
{
	Fixture		fixture;
	ZpToken		before;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, "a", 1, 1));
	for (int level = ZP_ACCESS_READ_ONLY; level <= ZP_ACCESS_SINGLE_STRICT; level++)
	{
		set_level(&fixture.session, (ZpAccessLevel) level);
		ZP_REQUIRE_OK(zp_trie_lookup(&fixture.session, "a", 1, NULL));
		memcpy(&before, fixture.session.token, sizeof(before));
		for (int i = 0; i < 100; i++)
		{
			ZP_REQUIRE_OK(zp_trie_lookup(&fixture.session, "a", 1, NULL));
			if (level == ZP_ACCESS_SINGLE_STRICT)
				ZP_REQUIRE_STATUS(zp_trie_upsert(&fixture.session, "a", 1, 1, NULL), ZP_EXISTS);
		}
		ZP_REQUIRE(memcmp(&before, fixture.session.token, sizeof(before)) == 0);
	}
	set_level(&fixture.session, ZP_ACCESS_MULTI_WRITER);
	fixture_destroy(&fixture);
}

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
a_token_holds_back_what_came_after_it(void **state)
{
	Fixture		fixture;
	Other		other;
	ZpHold		first;
	ZpHold		second;
	ZpHold		third;
	uint64_t	blocks;
	uint64_t	bytes;
	ZpTokenInfo info;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	other_join(&fixture, &other);
	replace_value(&fixture.session, 1);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	ZP_REQUIRE_OK(zp_trie_begin_reader_token(&other.session, &first));
	replace_value(&fixture.session, 1000);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 1000);
	ZP_REQUIRE(zp_trie_held_back(&fixture.session, first.version, &blocks, &bytes));
	ZP_REQUIRE(blocks == 1000 && bytes == 64000);

	ZP_REQUIRE_OK(zp_trie_begin_reader_token(&other.session, &second));
	ZP_REQUIRE(second.version > first.version);
	replace_value(&fixture.session, 500);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 1500);
	ZP_REQUIRE(zp_trie_held_back(&fixture.session, second.version, &blocks, &bytes));
	ZP_REQUIRE(blocks == 500);
	ZP_REQUIRE(zp_trie_token_list(&fixture.session, &info, 1) == 1);
	ZP_REQUIRE(info.participant == 2 && info.held[0].count == 2 && info.held[1].count == 0);
	ZP_REQUIRE(info.held[0].version == first.version);

	/* Its operations do not move what it holds. */
	ZP_REQUIRE_OK(zp_trie_begin_reader_token(&other.session, &third));
	replace_value(&other.session, 10);
	ZP_REQUIRE(zp_trie_reclaim(&other.session) == 1510);
	zp_trie_end_token(&third);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 1510);

	/* The oldest goes: what only it held back is free.  Then the other. */
	zp_trie_end_token(&first);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 510);
	zp_trie_end_token(&second);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);

	/* A session that ends has none. */
	ZP_REQUIRE_OK(zp_trie_begin_reader_token(&other.session, &first));
	other_leave(&fixture, &other);
	ZP_REQUIRE(first.pass == NULL);
	replace_value(&fixture.session, 10);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	fixture_destroy(&fixture);
}

/* Who reads at read_only is not overtaken when the level changes. */
static void
a_standing_reader_is_not_overtaken(void **state)
{
	Fixture		fixture;
	Other		other;
	char		value[64];
	size_t		bytes;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	other_join(&fixture, &other);
	replace_value(&fixture.session, 1);
	set_level(&fixture.session, ZP_ACCESS_READ_ONLY);
	ZP_REQUIRE_OK(zp_trie_lookup_value(&other.session, "k", 1, value, sizeof(value), &bytes));
	ZP_REQUIRE(other.session.pass.standing == ZP_STANDING_LEVEL);

	/* It does not hold up the change, but all that is replaced since is kept for it. */
	set_level(&fixture.session, ZP_ACCESS_MULTI_WRITER);
	replace_value(&fixture.session, 1000);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 1000);

	/* Its next operation sees the level, and it holds back nothing any more. */
	ZP_REQUIRE_OK(zp_trie_lookup_value(&other.session, "k", 1, value, sizeof(value), &bytes));
	ZP_REQUIRE(other.session.pass.standing == 0);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);

	/* Or it rests. */
	set_level(&fixture.session, ZP_ACCESS_READ_ONLY);
	ZP_REQUIRE_OK(zp_trie_lookup_value(&other.session, "k", 1, value, sizeof(value), &bytes));
	set_level(&fixture.session, ZP_ACCESS_MULTI_WRITER);
	replace_value(&fixture.session, 1000);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 1000);
	zp_trie_rest(&other.session);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	other_leave(&fixture, &other);
	fixture_destroy(&fixture);
}

static void
a_change_waits_for_writers_only(void **state)
{
	Fixture		fixture;
	Other		other;
	ZpHold		token;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	other_join(&fixture, &other);
	ZP_REQUIRE_OK(zp_trie_begin_writer_token(&other.session, &token));
	ZP_REQUIRE_OK(zp_trie_change_begin(&fixture.session));
	for (int i = 0; i < 3; i++)
		ZP_REQUIRE_STATUS(zp_trie_change_ready(&fixture.session), ZP_BUSY);
	/* Whose token is in the way goes on with it meanwhile. */
	ZP_REQUIRE_OK(zp_trie_insert(&other.session, "a", 1, 1));
	ZP_REQUIRE_OK(zp_trie_lookup(&other.session, "a", 1, NULL));
	zp_trie_change_undo(&fixture.session);
	ZP_REQUIRE_STATUS(zp_trie_insert(&fixture.session, "a", 1, 1), ZP_EXISTS);
	ZP_REQUIRE_OK(zp_trie_change_begin(&fixture.session));
	ZP_REQUIRE_STATUS(zp_trie_change_ready(&fixture.session), ZP_BUSY);
	zp_trie_end_token(&token);
	ZP_REQUIRE_OK(zp_trie_change_ready(&fixture.session));
	/* Readers go on. */
	ZP_REQUIRE_OK(zp_trie_lookup(&other.session, "a", 1, NULL));
	zp_trie_change_end(&fixture.session, ZP_ACCESS_READ_ONLY);

	ZP_REQUIRE_STATUS(zp_trie_insert(&other.session, "b", 1, 1), ZP_READ_ONLY);
	ZP_REQUIRE_OK(zp_trie_begin_reader_token(&other.session, &token));
	set_level(&fixture.session, ZP_ACCESS_ONE_WRITER);
	ZP_REQUIRE_OK(zp_trie_lookup(&other.session, "a", 1, NULL));
	zp_trie_end_token(&token);

	/* A changer with a writer's token would wait for itself; one that ends undoes it. */
	ZP_REQUIRE_OK(zp_trie_begin_writer_token(&other.session, &token));
	ZP_REQUIRE_STATUS(zp_trie_change_begin(&other.session), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_trie_insert(&fixture.session, "b", 1, 1), ZP_HELD);
	zp_trie_end_token(&token);
	ZP_REQUIRE_OK(zp_trie_change_begin(&other.session));
	other_leave(&fixture, &other);
	ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, "b", 1, 1));
	ZP_REQUIRE(zp_trie_access_level(&fixture.session) == ZP_ACCESS_ONE_WRITER);
	fixture_destroy(&fixture);
}

static void
a_drop_says_who_only_keeps_a_token(void **state)
{
	Fixture		fixture;
	Other		other;
	ZpHold		token;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	other_join(&fixture, &other);
	ZP_REQUIRE_OK(zp_trie_begin_reader_token(&other.session, &token));
	ZP_REQUIRE_STATUS(zp_trie_close_for_all(fixture.map, fixture.trie), ZP_HELD);
	ZP_REQUIRE_STATUS(zp_trie_lookup(&other.session, "a", 1, NULL), ZP_DROPPED);
	ZP_REQUIRE_STATUS(zp_trie_close_for_all(fixture.map, fixture.trie), ZP_HELD);
	zp_trie_end_token(&token);
	ZP_REQUIRE_OK(zp_trie_close_for_all(fixture.map, fixture.trie));
	ZP_REQUIRE_STATUS(zp_trie_change_begin(&other.session), ZP_DROPPED);
	ZP_REQUIRE_STATUS(zp_trie_begin_writer_token(&other.session, &token), ZP_DROPPED);
	other_leave(&fixture, &other);
	zp_trie_close(&fixture.session);
	ZP_REQUIRE_OK(zp_pool_destroy(fixture.map, fixture.pool));
	ZP_REQUIRE_OK(zp_trie_free(fixture.map, fixture.trie));
	ZP_REQUIRE_OK(zp_pool_destroy(fixture.map, fixture.control_pool));
	world_destroy(fixture.world);
}

static ZpStatus
count_calls(ZpTrieSession *session, const ZpHold *token, void *context)
{
	(void) session;
	ZP_REQUIRE(token->pass == &session->pass);
	++*(int *) context;
	return ZP_NOT_FOUND;
}

static void
tokens_by_scope(void **state)
{
	Fixture		fixture;
	int			calls = 0;
	ZpTokenStats stats;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	ZP_REQUIRE_STATUS(zp_with_reader_token(&fixture.session, count_calls, &calls), ZP_NOT_FOUND);
	ZP_REQUIRE_STATUS(zp_with_writer_token(&fixture.session, count_calls, &calls), ZP_NOT_FOUND);
	ZP_REQUIRE(calls == 2 && fixture.session.pass.holds == NULL);
	set_level(&fixture.session, ZP_ACCESS_READ_ONLY);
	ZP_REQUIRE_STATUS(zp_with_writer_token(&fixture.session, count_calls, &calls), ZP_READ_ONLY);
	ZP_REQUIRE(calls == 2);
	zp_trie_rest(&fixture.session);
	zp_trie_token_stats(&fixture.session, &stats);
	ZP_REQUIRE(stats.held == 0 && stats.counters.acquired == 2 && stats.counters.misses == 1);
	set_level(&fixture.session, ZP_ACCESS_MULTI_WRITER);
	for (int i = 0; i < 1000; i++)
		ZP_REQUIRE_STATUS(zp_trie_lookup(&fixture.session, "a", 1, NULL), ZP_NOT_FOUND);
	zp_trie_token_stats(&fixture.session, &stats);
	ZP_REQUIRE(stats.counters.acquired == 1002 && stats.counters.misses == 2 &&
			   stats.counters.invalidations == 1);
	zp_trie_token_stats_reset(&fixture.session, 7);
	zp_trie_token_stats(&fixture.session, &stats);
	ZP_REQUIRE(stats.counters.acquired == 0 && stats.counters.misses == 0 && stats.reset_at == 7);
	fixture_destroy(&fixture);
}

/* A trie that is made smaller has the same keys, and can grow again. */
static void
freezing_makes_it_small(void **state)
{
	Fixture		fixture;
	Oracle		oracle;
	ZpCompaction compaction;
	ZpPoolStats before;
	ZpPoolStats after;
	ZpStatus	status;
	Random		random = {4711};

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	oracle_create(&oracle, 17, 20000);
	for (size_t i = 0; i < oracle.count; i++)
	{
		OracleKey  *key = &oracle.keys[i];

		key->payload = i;
		key->present = true;
		oracle.present++;
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key->bytes, key->length, i));
	}
	for (size_t i = 0; i < oracle.count; i++)
	{
		OracleKey  *key = &oracle.keys[i];

		if (random_below(&random, 3) != 0)
			continue;
		key->present = false;
		oracle.present--;
		ZP_REQUIRE_OK(zp_trie_delete(&fixture.session, key->bytes, key->length));
	}
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	zp_pool_stats(fixture.map, fixture.session.pool, &before);
	ZP_REQUIRE_OK(zp_trie_change_begin(&fixture.session));
	ZP_REQUIRE_OK(zp_trie_change_ready(&fixture.session));
	zp_compact_begin(&compaction, &fixture.session);
	do
		status = zp_compact_step(&compaction);
	while (status == ZP_OK);
	ZP_REQUIRE_STATUS(status, ZP_END);
	zp_compact_end(&compaction);
	zp_trie_change_end(&fixture.session, ZP_ACCESS_READ_ONLY);
	zp_pool_stats(fixture.map, fixture.session.pool, &after);
	ZP_REQUIRE(compaction.rewritten > 0 && after.used_bytes < before.used_bytes);
	ZP_REQUIRE(after.reserved_bytes <= before.reserved_bytes);
	oracle_compare(&oracle, &fixture.session);
	(void) fixture_check(&fixture.session);

	/* It grows again. */
	set_level(&fixture.session, ZP_ACCESS_MULTI_WRITER);
	for (size_t i = 0; i < oracle.count; i++)
	{
		OracleKey  *key = &oracle.keys[i];

		if (key->present)
			continue;
		key->present = true;
		oracle.present++;
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key->bytes, key->length, key->payload));
	}
	oracle_compare(&oracle, &fixture.session);
	oracle_destroy(&oracle);
	fixture_destroy(&fixture);
}

/* Memory that ends in the middle of it leaves a sound trie, and the old level. */
static void
freezing_survives_the_end_of_memory(void **state)
{
	Fixture		fixture;
	Other		other;
	ZpHold		token;
	ZpCompaction compaction;
	ZpStatus	status = ZP_OK;
	uint64_t	count = 0;
	uint64_t	kept;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 8 << 20);
	other_join(&fixture, &other);
	while (status == ZP_OK)
	{
		uint64_t	key = (count + 1) * UINT64_C(0x9E3779B97F4A7C15);

		status = zp_trie_insert(&fixture.session, &key, sizeof(key), count);
		count += status == ZP_OK;
	}
	ZP_REQUIRE_STATUS(status, ZP_OUT_OF_MEMORY);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);

	kept = count;

	/* What is replaced stays, so that new memory is needed. */
	for (int round = 0; round < 2; round++)
	{
		ZP_REQUIRE_OK(zp_trie_begin_reader_token(&other.session, &token));
		ZP_REQUIRE_OK(zp_trie_change_begin(&fixture.session));
		ZP_REQUIRE_OK(zp_trie_change_ready(&fixture.session));
		zp_compact_begin(&compaction, &fixture.session);
		while ((status = zp_compact_step(&compaction)) == ZP_OK)
			;
		ZP_REQUIRE_STATUS(status, ZP_END);
		ZP_REQUIRE(round == 0 ? compaction.left > 0 : compaction.rewritten > 0);
		zp_compact_end(&compaction);
		zp_trie_change_undo(&fixture.session);
		(void) fixture_check(&fixture.session);
		ZP_REQUIRE(zp_trie_count(&fixture.session) == count);
		zp_trie_end_token(&token);
		ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);

		/* Some room: then some can be made smaller. */
		for (uint64_t i = 0; round == 0 && i < count; i += 2)
		{
			uint64_t	key = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);

			status = zp_trie_delete(&fixture.session, &key, sizeof(key));
			ZP_REQUIRE(status == ZP_OK || status == ZP_OUT_OF_MEMORY);
			kept -= status == ZP_OK;
		}
		count = kept;
	}
	ZP_REQUIRE(zp_trie_access_level(&fixture.session) == ZP_ACCESS_MULTI_WRITER);
	ZP_REQUIRE(zp_trie_count(&fixture.session) == count);
	ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, "new", 3, 0));
	other_leave(&fixture, &other);
	fixture_destroy(&fixture);
}

/* ---- many at once ---- */

#define WORKERS 8

typedef struct Shared
{
	ZpRef		trie;
	ZpAtomicU32 started;
	ZpAtomicU32 stop;
	ZpAtomicU32 inside;			/* writers, who hold a token at one_writer */
	ZpAtomicU64 overlaps;
	ZpAtomicU64 grants;
	ZpAtomicU64 added;
	ZpAtomicU64 changes;
	ZpAtomicU32 frozen;			/* 1: the level is read_only, and a change to another has not begun */
	uint64_t	plain;			/* changed only by who is inside */
} Shared;

/* Grants at one_writer, by tokens and by plain writes, never overlap. */
static int
write_alone(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	double		end;
	Random		random = {(uint64_t) number + 1};

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	zp_fetch_add_relaxed_u32(&shared->started, 1);
	while (zp_load_acquire_u32(&shared->started) < WORKERS)
		sched_yield();
	end = now() + (double) setting("ACCESS_SECONDS", 1);
	while (now() < end)
	{
		for (int i = 0; i < 50; i++)
		{
			ZpHold		token;
			ZpStatus	status;

			if (random_below(&random, 4) == 0)
			{
				status = zp_trie_increment(&session, "n", 1, 1, NULL);
				if (status == ZP_HELD)
				{
					sched_yield();
					continue;
				}
				ZP_REQUIRE_STATUS(status, ZP_EXISTS);
				zp_fetch_add_relaxed_u64(&shared->added, 1);
				continue;
			}
			status = zp_trie_begin_writer_token(&session, &token);
			if (status == ZP_HELD)
			{
				sched_yield();
				continue;
			}
			ZP_REQUIRE_OK(status);
			if (zp_fetch_add_relaxed_u32(&shared->inside, 1) != 0)
				zp_fetch_add_relaxed_u64(&shared->overlaps, 1);
			shared->plain++;
			ZP_REQUIRE_STATUS(zp_trie_increment(&session, "n", 1, 1, NULL), ZP_EXISTS);
			zp_fetch_sub_relaxed_u32(&shared->inside, 1);
			zp_trie_end_token(&token);
			zp_fetch_add_relaxed_u64(&shared->added, 1);
			zp_fetch_add_relaxed_u64(&shared->grants, 1);
		}
	}
	zp_trie_close(&session);
	return 0;
}


typedef int (*Body) (World *world, ZpArenaMap *map, int number, void *argument);
typedef void (*Runner) (World *world, int workers, Body body, void *argument);

static void
one_writer_is_alone(Runner run)
{
	Fixture		fixture;
	Shared	   *shared;
	uint64_t	payload;

	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	shared = world_shared(fixture.world, sizeof(Shared));
	shared->trie = fixture.trie;
	ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, "n", 1, 0));
	set_level(&fixture.session, ZP_ACCESS_ONE_WRITER);
	run(fixture.world, WORKERS, write_alone, shared);
	ZP_REQUIRE(zp_load_acquire_u64(&shared->overlaps) == 0);
	ZP_REQUIRE(shared->plain == zp_load_acquire_u64(&shared->grants) && shared->plain > 100);
	ZP_REQUIRE_OK(zp_trie_lookup(&fixture.session, "n", 1, &payload));
	ZP_REQUIRE(payload == zp_load_acquire_u64(&shared->added));
	printf("# %llu grants, %llu overlaps\n", (unsigned long long) shared->plain,
		   (unsigned long long) zp_load_acquire_u64(&shared->overlaps));
	fixture_destroy(&fixture);
}

static void
one_writer_is_alone_in_threads(void **state)
{
	(void) state;
	one_writer_is_alone(world_threads);
}

static void
one_writer_is_alone_in_processes(void **state)
{
	(void) state;
	one_writer_is_alone(world_fork);
}

/* Values are one byte, over and over: a block that was reused shows. */
#define KEYS		32
#define VALUE_BYTES	200

static bool
is_whole(const char *value, size_t bytes)
{
	for (size_t i = 1; i < bytes; i++)
	{
		if (value[i] != value[0])
			return false;
	}
	return true;
}

static int
use_whatever_the_level(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	Random		random = {(uint64_t) number + 1};
	ZpHold		token = {0};

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	while (!zp_load_acquire_u32(&shared->stop))
	{
		char		key = (char) random_below(&random, KEYS);
		char		value[VALUE_BYTES];
		size_t		bytes = 0;
		ZpStatus	status;

		switch (random_below(&random, 8))
		{
			case 0:
			case 1:
				memset(value, (int) random_below(&random, 256), sizeof(value));
				status = zp_trie_upsert_value(&session, &key, 1, value, sizeof(value));
				break;
			case 2:
				status = zp_trie_delete(&session, &key, 1);
				break;
			case 3:
				zp_trie_end_token(&token);
				status = random_below(&random, 2) == 0
					? zp_trie_begin_reader_token(&session, &token)
					: zp_trie_begin_writer_token(&session, &token);
				break;
			case 4:
				zp_trie_end_token(&token);
				zp_trie_rest(&session);
				status = ZP_OK;
				break;
			default:
				status = zp_trie_lookup_value(&session, &key, 1, value, sizeof(value), &bytes);
				ZP_REQUIRE(status != ZP_READ_ONLY && status != ZP_HELD);
				ZP_REQUIRE(status != ZP_OK || (bytes == sizeof(value) && is_whole(value, bytes)));
		}
		if (status == ZP_OWNED || status == ZP_READ_ONLY || status == ZP_HELD)
		{
			zp_trie_end_token(&token);
			sched_yield();
		}
		else
			ZP_REQUIRE(status == ZP_OK || status == ZP_EXISTS || status == ZP_NOT_FOUND);
	}
	zp_trie_close(&session);
	return 0;
}

/* All that there is, as one number. */
static uint64_t
digest(ZpTrieSession *session)
{
	uint64_t	sum = 14695981039346656037u;

	for (int key = 0; key < KEYS; key++)
	{
		char		name = (char) key;
		char		value[VALUE_BYTES];
		size_t		bytes = 0;
		ZpStatus	status = zp_trie_lookup_value(session, &name, 1, value, sizeof(value), &bytes);

		ZP_REQUIRE(status == ZP_OK || status == ZP_NOT_FOUND);
		ZP_REQUIRE(status != ZP_OK || is_whole(value, bytes));
		sum = (sum ^ (status == ZP_OK ? (unsigned char) value[0] : 256u)) * 1099511628211u;
	}
	return sum;
}

static int
change_levels(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	Random		random = {99};
	uint64_t	changes = 0;
	double		end = now() + (double) setting("ACCESS_SECONDS", 1);

	if (number > 0)
		return use_whatever_the_level(world, map, number, argument);
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	while (now() < end)
	{
		ZpAccessLevel level = (ZpAccessLevel) random_below(&random, ZP_ACCESS_LEVELS);

		if (random_below(&random, 8) == 0)
		{
			ZpCompaction compaction;
			ZpStatus	status;

			ZP_REQUIRE_OK(zp_trie_change_begin(&session));
			while ((status = zp_trie_change_ready(&session)) == ZP_BUSY)
				sched_yield();
			ZP_REQUIRE_OK(status);
			zp_compact_begin(&compaction, &session);
			while ((status = zp_compact_step(&compaction)) == ZP_OK)
				;
			ZP_REQUIRE_STATUS(status, ZP_END);
			zp_compact_end(&compaction);
			level = ZP_ACCESS_READ_ONLY;
			zp_trie_change_end(&session, level);
		}
		else
			set_level(&session, level);
		changes++;
		if (level <= ZP_ACCESS_SINGLE_SHARED)
		{
			/* Nobody else writes, from the very moment of the change. */
			uint64_t	before = digest(&session);

			for (int i = 0; i < 3; i++)
			{
				sched_yield();
				ZP_REQUIRE(digest(&session) == before);
			}
			if (level != ZP_ACCESS_READ_ONLY)
			{
				char		value[VALUE_BYTES];
				size_t		bytes;

				for (int i = 0; i < 300; i++)
				{
					char		key = (char) random_below(&random, KEYS);
					ZpStatus	status;

					memset(value, i, sizeof(value));
					status = zp_trie_upsert_value(&session, &key, 1, value, sizeof(value));
					ZP_REQUIRE(status == ZP_OK || status == ZP_EXISTS);
					ZP_REQUIRE_OK(zp_trie_lookup_value(&session, &key, 1, value, sizeof(value), &bytes));
					ZP_REQUIRE(value[0] == (char) i);
				}
				zp_trie_rest(&session);
			}
		}
		else
			sched_yield();
	}
	zp_store_relaxed_u64(&shared->changes, changes);
	zp_store_release_u32(&shared->stop, 1);
	/* Nobody waits for a change for ever. */
	set_level(&session, ZP_ACCESS_MULTI_WRITER);
	zp_trie_close(&session);
	return 0;
}

static void
levels_change_under_load(Runner run)
{
	Fixture		fixture;
	Shared	   *shared;

	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	shared = world_shared(fixture.world, sizeof(Shared));
	shared->trie = fixture.trie;
	run(fixture.world, 4, change_levels, shared);
	printf("# %llu changes\n", (unsigned long long) zp_load_relaxed_u64(&shared->changes));
	ZP_REQUIRE(zp_load_relaxed_u64(&shared->changes) > 20);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	fixture_destroy(&fixture);
}

static void
levels_change_under_load_in_threads(void **state)
{
	(void) state;
	levels_change_under_load(world_threads);
}

static void
levels_change_under_load_in_processes(void **state)
{
	(void) state;
	levels_change_under_load(world_fork);
}

/* ---- the oldest version ---- */

#define HOLDERS		8
#define HOLDS		4

/*
 * Tokens come and go at random, of several participants and several of one; the shadow knows
 * the version of each.  The oldest is the least of them, or the current one: never later, and
 * never earlier because of who has only a cached token.
 */
static void
the_oldest_version_is_exact(void **state)
{
	Fixture		fixture;
	ZpArenaMap *maps[HOLDERS];
	ZpTrieSession sessions[HOLDERS];
	ZpHold		tokens[HOLDERS][HOLDS];
	ZpVersions *versions;
	Random		random = {setting("ACCESS_SEED", 1)};
	uint64_t	steps = setting("ACCESS_STEPS", 200000 * SCALE);
	uint64_t	held_steps = 0;

	(void) state;
	memset(tokens, 0, sizeof(tokens));
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	versions = fixture.session.pass.versions;
	for (int i = 0; i < HOLDERS; i++)
	{
		maps[i] = world_join(fixture.world, (uint32_t) i + 2);
		ZP_REQUIRE_OK(zp_trie_open(maps[i], fixture.trie, &sessions[i]));
	}
	for (uint64_t step = 0; step < steps; step++)
	{
		uint32_t	holder = random_below(&random, HOLDERS);
		ZpHold	   *token = &tokens[holder][random_below(&random, HOLDS)];
		uint64_t	least = UINT64_MAX;
		uint64_t	oldest;
		uint32_t	dice = random_below(&random, 16);

		/* Long times with few of them, and with many. */
		if (token->pass != NULL && dice < (step / 1000 % 2 == 0 ? 2u : 12u))
			zp_trie_end_token(token);
		else if (token->pass == NULL && dice < (step / 1000 % 2 == 0 ? 8u : 1u))
			ZP_REQUIRE_OK((dice & 1) ? zp_trie_begin_writer_token(&sessions[holder], token)
						  : zp_trie_begin_reader_token(&sessions[holder], token));
		else if (dice < 14)
			ZP_REQUIRE_STATUS(zp_trie_lookup(&sessions[holder], "a", 1, NULL), ZP_NOT_FOUND);

		for (int i = 0; i < HOLDERS; i++)
		{
			for (int j = 0; j < HOLDS; j++)
			{
				if (tokens[i][j].pass != NULL && tokens[i][j].version < least)
					least = tokens[i][j].version;
			}
		}
		oldest = zp_oldest_version(fixture.map, versions, fixture.session.token);
		held_steps += least != UINT64_MAX;
		ZP_REQUIRE(oldest == (least != UINT64_MAX ? least : zp_load_relaxed_u64(&versions->current)));
	}
	ZP_REQUIRE(held_steps > steps / 10 && held_steps < steps - steps / 100);
	printf("# %llu steps, %llu of them with tokens held\n", (unsigned long long) steps,
		   (unsigned long long) held_steps);
	for (int i = 0; i < HOLDERS; i++)
	{
		zp_trie_close(&sessions[i]);
		world_leave(fixture.world, maps[i]);
	}
	fixture_destroy(&fixture);
}

typedef struct Shadows
{
	ZpRef		trie;
	ZpAtomicU32 stop;
	ZpAtomicU64 versions[HOLDERS];	/* of a token that is held; 0: none */
	ZpAtomicU64 steps;
	ZpAtomicU64 looks;
	ZpAtomicU64 compared;
} Shadows;

static int
hold_and_look(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shadows    *shadows = argument;
	ZpTrieSession session;
	ZpHold		token;
	uint64_t	steps = 0;
	uint64_t	most = setting("ACCESS_STEPS", 20000 * SCALE) / 3;
	uint64_t	compared = 0;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shadows->trie, &session));
	if (number > 0)
	{
		while (steps < most)
		{
			ZP_REQUIRE_OK(zp_trie_begin_reader_token(&session, &token));
			zp_store_release_u64(&shadows->versions[number], token.version);
			if (steps % 8 == 0)
				sched_yield();
			zp_store_release_u64(&shadows->versions[number], 0);
			zp_trie_end_token(&token);
			steps++;
		}
		zp_fetch_add_relaxed_u64(&shadows->steps, steps);
		zp_fetch_add_seq_cst_u32(&shadows->stop, 1);
		zp_trie_close(&session);
		return 0;
	}
	while (zp_load_acquire_u32(&shadows->stop) < 3)
	{
		uint64_t	before[HOLDERS];
		uint64_t	oldest;

		for (int i = 0; i < HOLDERS; i++)
			before[i] = zp_load_acquire_u64(&shadows->versions[i]);
		oldest = zp_oldest_version(map, session.pass.versions, session.token);
		steps++;
		for (int i = 0; i < HOLDERS; i++)
		{
			if (before[i] == 0 || zp_load_acquire_u64(&shadows->versions[i]) != before[i])
				continue;
			compared++;
			ZP_REQUIRE(oldest <= before[i]);
		}
	}
	zp_fetch_add_relaxed_u64(&shadows->looks, steps);
	zp_fetch_add_relaxed_u64(&shadows->compared, compared);
	zp_trie_close(&session);
	return 0;
}

static void
the_oldest_version_never_overtakes(void **state)
{
	Fixture		fixture;
	Shadows    *shadows;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	shadows = world_shared(fixture.world, sizeof(Shadows));
	shadows->trie = fixture.trie;
	world_fork(fixture.world, 4, hold_and_look, shadows);
	printf("# %llu tokens, %llu looks, %llu comparisons with a live token\n",
		   (unsigned long long) zp_load_relaxed_u64(&shadows->steps),
		   (unsigned long long) zp_load_relaxed_u64(&shadows->looks),
		   (unsigned long long) zp_load_relaxed_u64(&shadows->compared));
	ZP_REQUIRE(zp_load_relaxed_u64(&shadows->compared) > 0);
	fixture_destroy(&fixture);
}

/*
 * Two sessions of one participant at single_*: when the one that took the object leaves, the
 * other is no owner by mere habit.
 */
static void
two_sessions_are_one_owner(void **state)
{
	(void) state;
	for (int level = ZP_ACCESS_SINGLE_STRICT; level <= ZP_ACCESS_SINGLE_SHARED; level++)
	{
		Fixture		fixture;
		ZpArenaMap *map;
		ZpTrieSession first;
		ZpTrieSession second;
		ZpStatus	other;
		ZpStatus	own;

		fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
		map = world_join(fixture.world, 2);
		ZP_REQUIRE_OK(zp_trie_open(map, fixture.trie, &first));
		ZP_REQUIRE_OK(zp_trie_open(map, fixture.trie, &second));
		set_level(&first, (ZpAccessLevel) level);
		ZP_REQUIRE_OK(zp_trie_insert(&first, "a", 1, 1));
		ZP_REQUIRE_OK(zp_trie_insert(&second, "b", 1, 1));

		/* The one that did not take it leaves: nothing changes. */
		zp_trie_close(&second);
		ZP_REQUIRE(zp_trie_insert(&fixture.session, "c", 1, 1) == ZP_OWNED);
		ZP_REQUIRE_OK(zp_trie_insert(&first, "d", 1, 1));

		/* The one that did: whoever comes next has it, and nobody else. */
		ZP_REQUIRE_OK(zp_trie_open(map, fixture.trie, &second));
		ZP_REQUIRE_OK(zp_trie_insert(&second, "e", 1, 1));
		zp_trie_close(&first);
		other = zp_trie_insert(&fixture.session, "f", 1, 1);
		own = zp_trie_insert(&second, "g", 1, 1);
		ZP_REQUIRE(other == ZP_OK && own == ZP_OWNED);
		zp_trie_close(&second);
		zp_trie_rest(&fixture.session);
		world_leave(fixture.world, map);
		fixture_destroy(&fixture);
	}
}

/* A drop in the moment in which a standing token has let go in order to reclaim. */
static struct
{
	ZpArenaMap *map;
	ZpRef		trie;
	bool		done;
	ZpStatus	status;
}			drop_in_gap;

static bool
drop_at_point(const char *name)
{
	if (strcmp(name, "reclaim_standing") == 0 && !drop_in_gap.done)
	{
		drop_in_gap.done = true;
		drop_in_gap.status = zp_trie_close_for_all(drop_in_gap.map, drop_in_gap.trie);
	}
	return false;
}

static void
a_standing_token_does_not_outlive_a_drop(void **state)
{
	Fixture		fixture;
	uint64_t	key = 0;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	set_level(&fixture.session, ZP_ACCESS_SINGLE_STRICT);
	drop_in_gap.map = world_join(fixture.world, 2);
	drop_in_gap.trie = fixture.trie;
	drop_in_gap.done = false;
	zp_point_hook = drop_at_point;
	while (!drop_in_gap.done && key < 1000000)
	{
		(void) zp_trie_insert(&fixture.session, &key, sizeof(key), key);
		key++;
	}
	zp_point_hook = NULL;
	ZP_REQUIRE(drop_in_gap.done && drop_in_gap.status == ZP_OK);
	/* Who drops destroys the pool now: nobody may look at it any more. */
	ZP_REQUIRE(zp_trie_enter(&fixture.session) == ZP_DROPPED);
	ZP_REQUIRE_OK(zp_trie_close_for_all(drop_in_gap.map, fixture.trie));
	zp_trie_close(&fixture.session);
	ZP_REQUIRE_OK(zp_pool_destroy(fixture.map, fixture.pool));
	ZP_REQUIRE_OK(zp_trie_free(fixture.map, fixture.trie));
	ZP_REQUIRE_OK(zp_pool_destroy(fixture.map, fixture.control_pool));
	world_leave(fixture.world, drop_in_gap.map);
	world_destroy(fixture.world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_level_admits_whom_it_says),
		cmocka_unit_test(an_owner_who_leaves_makes_room),
		cmocka_unit_test(two_sessions_are_one_owner),
		cmocka_unit_test(standing_is_asked_for),
		cmocka_unit_test(levels_without_token_work_do_none),
		cmocka_unit_test(a_token_holds_back_what_came_after_it),
		cmocka_unit_test(a_standing_reader_is_not_overtaken),
		cmocka_unit_test(a_change_waits_for_writers_only),
		cmocka_unit_test(a_drop_says_who_only_keeps_a_token),
		cmocka_unit_test(a_standing_token_does_not_outlive_a_drop),
		cmocka_unit_test(tokens_by_scope),
		cmocka_unit_test(freezing_makes_it_small),
		cmocka_unit_test(freezing_survives_the_end_of_memory),
		cmocka_unit_test(one_writer_is_alone_in_threads),
		cmocka_unit_test(one_writer_is_alone_in_processes),
		cmocka_unit_test(levels_change_under_load_in_threads),
		cmocka_unit_test(levels_change_under_load_in_processes),
		cmocka_unit_test(the_oldest_version_is_exact),
		cmocka_unit_test(the_oldest_version_never_overtakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
