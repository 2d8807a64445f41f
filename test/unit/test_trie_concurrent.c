/*
 * test_trie_concurrent.c
 *	  Many participants at once: in threads (where ThreadSanitizer looks on), and in
 *	  processes that map the memory at different addresses.
 *
 * The workloads are those on which other concurrent tries broke.
 */
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "trie_fixture.h"

#define WORKERS 8

#ifdef ZP_THREAD_SANITIZER
#define SCALE 1
#else
#define SCALE 4
#endif

typedef int (*Body) (World *world, ZpArenaMap *map, int number, void *argument);
typedef void (*Runner) (World *world, int workers, Body body, void *argument);

/* What all workers of a test share. */
typedef struct Shared
{
	ZpRef		trie;
	ZpAtomicU64 new_keys;		/* inserts that said so */
	ZpAtomicU64 removed_keys;
	ZpAtomicU32 stop;
	ZpAtomicU32 started;
} Shared;

static Shared *
share(Fixture *fixture)
{
	Shared	   *shared = world_shared(fixture->world, sizeof(Shared));

	shared->trie = fixture->trie;
	return shared;
}

/* All workers begin together. */
static void
meet(Shared *shared, uint32_t workers)
{
	zp_fetch_add_relaxed_u32(&shared->started, 1);
	while (zp_load_acquire_u32(&shared->started) < workers)
		sched_yield();
}

/* All 510 strings over {a,b} of length 1 to 8, nested in each other. */
#define NESTED_KEYS 510

static size_t
nested_key(uint32_t number, char *key)
{
	uint32_t	code = number + 2;	/* 2..511: a leading 1 and the letters */
	size_t		length = 31 - (size_t) __builtin_clz(code);

	for (size_t i = 0; i < length; i++)
		key[i] = (char) ('a' + ((code >> (length - 1 - i)) & 1));
	return length;
}

static int
insert_nested(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	/* Odd steps are coprime to 510 if not divisible by 3, 5, 17. */
	static const uint32_t steps[WORKERS] = {1, 7, 11, 13, 19, 23, 29, 31};
	ZpTrieSession session;
	uint64_t	new_keys = 0;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	for (uint32_t i = 0; i < NESTED_KEYS; i++)
	{
		uint32_t	at = (i * steps[number] + (uint32_t) number * 61) % NESTED_KEYS;
		char		key[8];
		size_t		length = nested_key(at, key);
		ZpStatus	status = zp_trie_insert(&session, key, length, at);

		ZP_REQUIRE(status == ZP_OK || status == ZP_EXISTS);
		new_keys += status == ZP_OK;
		ZP_REQUIRE_OK(zp_trie_lookup(&session, key, length, NULL));
	}
	zp_fetch_add_relaxed_u64(&shared->new_keys, new_keys);
	zp_trie_close(&session);
	return 0;
}

static int
delete_nested(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	uint64_t	removed = 0;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	for (uint32_t i = 0; i < NESTED_KEYS; i++)
	{
		char		key[8];
		size_t		length = nested_key((i + (uint32_t) number * 64) % NESTED_KEYS, key);
		ZpStatus	status = zp_trie_delete(&session, key, length);

		ZP_REQUIRE(status == ZP_OK || status == ZP_NOT_FOUND);
		removed += status == ZP_OK;
	}
	zp_fetch_add_relaxed_u64(&shared->removed_keys, removed);
	zp_trie_close(&session);
	return 0;
}

static void
nested_keys_are_new_once(Runner run)
{
	Fixture		fixture;
	Shared	   *shared;

	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	for (int round = 0; round < 5 * SCALE; round++)
	{
		shared = share(&fixture);
		run(fixture.world, WORKERS, insert_nested, shared);
		ZP_REQUIRE(zp_load_acquire_u64(&shared->new_keys) == NESTED_KEYS);
		ZP_REQUIRE(fixture_check(&fixture.session).keys == NESTED_KEYS);
		for (uint32_t i = 0; i < NESTED_KEYS; i++)
		{
			char		key[8];
			size_t		length = nested_key(i, key);
			uint64_t	payload;

			ZP_REQUIRE_OK(zp_trie_lookup(&fixture.session, key, length, &payload));
			ZP_REQUIRE(payload == i);
		}
		shared = share(&fixture);
		run(fixture.world, WORKERS, delete_nested, shared);
		ZP_REQUIRE(zp_load_acquire_u64(&shared->removed_keys) == NESTED_KEYS);
		ZP_REQUIRE(fixture_check(&fixture.session).nodes == 0);
		ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	}
	fixture_destroy(&fixture);
}

/* The 256 one-byte keys and the empty one: everybody at the root. */
static int
race_at_the_root(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	uint64_t	new_keys = 0;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	for (uint32_t i = 0; i < 257; i++)
	{
		uint32_t	at = (i + (uint32_t) number * 32) % 257;
		unsigned char key = (unsigned char) at;

		new_keys += zp_trie_insert(&session, &key, at < 256 ? 1 : 0, at) == ZP_OK;
	}
	zp_fetch_add_relaxed_u64(&shared->new_keys, new_keys);
	zp_trie_close(&session);
	return 0;
}

static void
the_root_race_has_257_winners(Runner run)
{
	for (int round = 0; round < 5 * SCALE; round++)
	{
		Fixture		fixture;
		Shared	   *shared;

		fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
		shared = share(&fixture);
		run(fixture.world, WORKERS, race_at_the_root, shared);
		ZP_REQUIRE(zp_load_acquire_u64(&shared->new_keys) == 257);
		ZP_REQUIRE(fixture_check(&fixture.session).keys == 257);
		fixture_destroy(&fixture);
	}
}

/* Values of 16 bytes that are all 0xAA or all 0x55, never mixed. */
static int
tear_values(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	unsigned char value[16];
	size_t		bytes;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	for (int i = 0; i < 1500 * SCALE; i++)
	{
		char		key[16];
		size_t		length = (size_t) sprintf(key, "torn%d", i % 3);
		ZpStatus	status;

		if (number < WORKERS / 2)
		{
			memset(value, (i + number) % 2 ? 0xAA : 0x55, sizeof(value));
			if (i % 16 == 15)
				status = zp_trie_delete(&session, key, length);
			else
				status = zp_trie_upsert_value(&session, key, length, value, sizeof(value));
			ZP_REQUIRE(status == ZP_OK || status == ZP_EXISTS || status == ZP_NOT_FOUND);
			continue;
		}
		status = zp_trie_lookup_value(&session, key, length, value, sizeof(value), &bytes);
		if (status == ZP_NOT_FOUND)
			continue;
		ZP_REQUIRE_OK(status);
		ZP_REQUIRE(bytes == 16 && (value[0] == 0xAA || value[0] == 0x55));
		for (int at = 1; at < 16; at++)
			ZP_REQUIRE(value[at] == value[0]);
	}
	zp_trie_close(&session);
	return 0;
}

static void
values_are_never_torn(Runner run)
{
	Fixture		fixture;

	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	run(fixture.world, WORKERS, tear_values, share(&fixture));
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	fixture_destroy(&fixture);
}

/* Shared prefixes, contested: contest_00017_3. */
static int
contest_prefixes(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	uint64_t	new_keys = 0;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	for (int i = 0; i < 300 * SCALE; i++)
	{
		char		key[32];
		size_t		length = (size_t) sprintf(key, "contest_%05d_%d", i, number);

		new_keys += zp_trie_insert(&session, key, length, (uint64_t) i) == ZP_OK;
		if (i % 3 == 2)
		{
			length = (size_t) sprintf(key, "contest_%05d_%d", i - 1, number);
			ZP_REQUIRE_OK(zp_trie_delete(&session, key, length));
			new_keys--;
		}
	}
	zp_fetch_add_relaxed_u64(&shared->new_keys, new_keys);
	zp_trie_close(&session);
	return 0;
}

static void
contested_prefixes_lose_nothing(Runner run)
{
	Fixture		fixture;
	Shared	   *shared;

	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	shared = share(&fixture);
	run(fixture.world, WORKERS, contest_prefixes, shared);
	ZP_REQUIRE(fixture_check(&fixture.session).keys == zp_load_acquire_u64(&shared->new_keys));
	ZP_REQUIRE(zp_load_acquire_u64(&shared->new_keys) == (uint64_t) WORKERS * 200 * SCALE);
	fixture_destroy(&fixture);
}

/* Counters: no increment is lost while the nodes around them are replaced. */
static int
increment_and_disturb(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	for (int i = 0; i < 1000 * SCALE; i++)
	{
		char		key[32];
		int64_t		sum;
		ZpStatus	status;

		if (number < WORKERS / 2)
		{
			status = zp_trie_increment(&session, "counter", 7, 1, &sum);
			ZP_REQUIRE(status == ZP_OK || status == ZP_EXISTS);
			continue;
		}
		/* Children come and go below the counter's node, and its path is split. */
		sprintf(key, "counter%c%d", 'a' + i % 20, number);
		if (i / 20 % 2 == 0)
			ZP_REQUIRE_OK(zp_trie_insert(&session, key, 9, 0));
		else
			ZP_REQUIRE_OK(zp_trie_delete(&session, key, 9));
		key[3] = (char) ('0' + number);
		if (i % 2 == 0)
			ZP_REQUIRE_OK(zp_trie_insert(&session, key, 4, 0));
		else
			ZP_REQUIRE_OK(zp_trie_delete(&session, key, 4));
	}
	zp_trie_close(&session);
	return 0;
}

static void
no_increment_is_lost(Runner run)
{
	Fixture		fixture;
	uint64_t	payload;

	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	run(fixture.world, WORKERS, increment_and_disturb, share(&fixture));
	ZP_REQUIRE_OK(zp_trie_lookup(&fixture.session, "counter", 7, &payload));
	ZP_REQUIRE(payload == (uint64_t) WORKERS / 2 * 1000 * SCALE);
	fixture_destroy(&fixture);
}

/*
 * Some write; the others scan both ways and must meet every key that stays, once,
 * in order.
 */
#define STAYING 400

static int
scan_and_disturb(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	Random		random = {(uint64_t) number * 31 + 7};

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	for (int round = 0; number >= WORKERS / 2 && round < 4 * SCALE; round++)
	{
		ZpDirection direction = round % 2 ? ZP_BACKWARD : ZP_FORWARD;
		ZpEntry		entries[37];
		char		buffer[4096];
		unsigned char last[32];
		size_t		last_bytes = 0;
		size_t		count;
		size_t		needed;
		uint32_t	staying = 0;
		bool		first = true;
		ZpCursor	cursor;
		ZpStatus	status;

		zp_cursor_begin(&cursor, &session);
		while ((status = zp_cursor_read(&cursor, direction, entries, 37, buffer, sizeof(buffer),
										&count, &needed)) == ZP_OK)
		{
			for (size_t i = 0; i < count; i++)
			{
				if (!first)
					ZP_REQUIRE(compare_keys(last, last_bytes, entries[i].key,
											entries[i].key_bytes) * (int) direction < 0);
				first = false;
				last_bytes = entries[i].key_bytes;
				memcpy(last, entries[i].key, last_bytes);
				staying += entries[i].payload == 1;
			}
		}
		ZP_REQUIRE_STATUS(status, ZP_END);
		ZP_REQUIRE(staying == STAYING);
		zp_cursor_end(&cursor);
		if (round == 4 * SCALE - 1)
			zp_fetch_add_relaxed_u32(&shared->stop, 1);
	}
	while (number < WORKERS / 2 && zp_load_acquire_u32(&shared->stop) < WORKERS / 2)
	{
		char		key[32];
		uint32_t	at = random_below(&random, STAYING);
		size_t		length = (size_t) sprintf(key, "stay%04u%c", at,
											  'a' + (char) random_below(&random, 3));

		if (random_below(&random, 2))
			length = (size_t) sprintf(key, "st%u", at);
		if (random_below(&random, 2))
			(void) zp_trie_insert(&session, key, length, 0);
		else
			(void) zp_trie_delete(&session, key, length);
	}
	zp_trie_close(&session);
	return 0;
}

static void
scans_meet_what_stays(Runner run)
{
	Fixture		fixture;

	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	for (int i = 0; i < STAYING; i++)
	{
		char		key[32];
		size_t		length = (size_t) sprintf(key, "stay%04d", i);

		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, length, 1));
	}
	run(fixture.world, WORKERS, scan_and_disturb, share(&fixture));
	fixture_destroy(&fixture);
}

/*
 * Keys in ascending order, from all at once: the last bucket is everybody's, is left
 * behind when it is full, and its neighbours are emptied meanwhile.
 */
#define ASCENDING (2000 * SCALE)

static size_t
ascending_key(uint32_t position, int number, unsigned char *key)
{
	uint64_t	word = __builtin_bswap64((uint64_t) position * WORKERS + (uint64_t) number);

	memcpy(key, &word, 8);
	return 8;
}

static int
append_and_delete(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	unsigned char key[8];
	uint64_t	payload;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	for (uint32_t i = 0; i < ASCENDING; i++)
	{
		ZP_REQUIRE_OK(zp_trie_insert(&session, key, ascending_key(i, number, key), i));
		ZP_REQUIRE_STATUS(zp_trie_insert(&session, key, 8, i), ZP_EXISTS);
		/* Runs of what was appended go again, so that ranges grow and shrink. */
		if (i >= 40 && (i - 40) / 50 % 2 == 0)
		{
			ZP_REQUIRE_OK(zp_trie_delete(&session, key, ascending_key(i - 40, number, key)));
			ZP_REQUIRE_STATUS(zp_trie_lookup(&session, key, 8, NULL), ZP_NOT_FOUND);
		}
		else if (i >= 40)
		{
			ZP_REQUIRE_OK(zp_trie_lookup(&session, key, ascending_key(i - 40, number, key),
										 &payload));
			ZP_REQUIRE(payload == i - 40);
		}
	}
	/* Some come back, behind what others appended meanwhile and between it. */
	for (uint32_t i = 0; i + 40 < ASCENDING; i += 3)
	{
		if (i / 50 % 2 == 0)
			ZP_REQUIRE_OK(zp_trie_insert(&session, key, ascending_key(i, number, key), i));
	}
	zp_trie_close(&session);
	return 0;
}

static void
ascending_keys_lose_nothing(Runner run)
{
	Fixture		fixture;
	unsigned char key[8];
	uint64_t	keys = 0;

	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	run(fixture.world, WORKERS, append_and_delete, share(&fixture));
	for (uint32_t i = 0; i < ASCENDING; i++)
	{
		bool		stays = i + 40 >= ASCENDING || i / 50 % 2 == 1 || i % 3 == 0;

		for (int number = 0; number < WORKERS; number++)
		{
			ZP_REQUIRE_STATUS(zp_trie_lookup(&fixture.session, key,
											 ascending_key(i, number, key), NULL),
							  stays ? ZP_OK : ZP_NOT_FOUND);
			keys += stays;
		}
	}
	ZP_REQUIRE(fixture_check(&fixture.session).keys == keys);
	fixture_destroy(&fixture);
}

/*
 * Ranges of buckets grow and shrink on both sides of where the others seek: what they
 * read first must be on the right side all the same.
 */
static int
seek_and_disturb(World *world, ZpArenaMap *map, int number, void *argument)
{
	static const char *const coming[] = {"60", "70", "20", "4507", "47"};
	Shared	   *shared = argument;
	ZpTrieSession session;
	uint32_t	done = 0;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS);
	while (number < 2 && zp_load_acquire_u32(&shared->stop) < WORKERS - 2)
	{
		/* The two share the keys, so that each finds some of the other's. */
		for (size_t i = 0; i < 5; i++)
			(void) zp_trie_insert(&session, coming[i], strlen(coming[i]), 0);
		for (size_t i = 5; i > 0; i--)
			(void) zp_trie_delete(&session, coming[(i + 2) % 5], strlen(coming[(i + 2) % 5]));
	}
	for (; number >= 2 && done < 20000 * SCALE; done++)
	{
		ZpDirection direction = done % 2 ? ZP_BACKWARD : ZP_FORWARD;
		const char *from = done % 4 < 2 ? "3" : "46";
		size_t		from_bytes = strlen(from);
		char		buffer[64];
		ZpEntry		entry;
		ZpCursor	cursor;
		size_t		count;
		size_t		needed;

		zp_cursor_begin(&cursor, &session);
		ZP_REQUIRE_OK(zp_cursor_seek(&cursor, from, from_bytes, false));
		ZP_REQUIRE_OK(zp_cursor_read(&cursor, direction, &entry, 1, buffer, sizeof(buffer),
									 &count, &needed));
		ZP_REQUIRE(compare_keys(entry.key, entry.key_bytes, from, from_bytes) *
				   (int) direction >= 0);
		zp_cursor_end(&cursor);
	}
	zp_fetch_add_relaxed_u32(&shared->stop, number >= 2);
	zp_trie_close(&session);
	return 0;
}

static void
a_seek_is_kept(Runner run)
{
	Fixture		fixture;

	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	for (int i = 0; i < 60; i++)
	{
		char		key[32];

		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, (size_t) sprintf(key, "1%03d", i), 1));
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, (size_t) sprintf(key, "9%03d", i), 1));
	}
	run(fixture.world, WORKERS, seek_and_disturb, share(&fixture));
	fixture_destroy(&fixture);
}

/* A reader that stays inside holds memory back; when it leaves all of it goes. */
static void
a_pinned_reader_holds_memory_back(void **state)
{
	Fixture		fixture;
	ZpArenaMap *map;
	ZpTrieSession reader;
	ZpTokenStats stats;
	uint64_t	pending;
	char		key[32];

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	map = world_join(fixture.world, 2);
	ZP_REQUIRE_OK(zp_trie_open(map, fixture.trie, &reader));
	ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, "pinned", 6, 1));
	ZP_REQUIRE_OK(zp_trie_enter(&reader));
	for (int i = 0; i < 200; i++)
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key,
									 (size_t) sprintf(key, "pin%d", i), 1));
	/* A bucket is replaced when it grows or is split: more than once in its sixteen keys. */
	pending = zp_trie_reclaim(&fixture.session);
	ZP_REQUIRE(pending >= 200 / 16);
	zp_trie_token_stats(&fixture.session, &stats);
	ZP_REQUIRE(stats.held == 1 && stats.pending == pending && stats.oldest < stats.version);
	zp_trie_leave(&reader);
	ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
	fixture_check(&fixture.session);
	zp_trie_close(&reader);
	world_leave(fixture.world, map);
	fixture_destroy(&fixture);
}

/* Everybody works on; the trie is dropped under their feet. */
static int
work_until_dropped(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpTrieSession session;
	Random		random = {(uint64_t) number + 1};
	ZpStatus	status = ZP_OK;

	(void) world;
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	meet(shared, WORKERS + 1);
	while (status != ZP_DROPPED)
	{
		char		key[32];
		size_t		length = (size_t) sprintf(key, "%u", random_below(&random, 1000));

		status = random_below(&random, 2) ? zp_trie_insert(&session, key, length, 1)
			: zp_trie_delete(&session, key, length);
	}
	/* The pool may be gone by now: giving the token back must not touch it. */
	zp_trie_close(&session);
	return 0;
}

static int
drop_or_work(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	ZpStatus	status;
	ZpRef		pool;

	if (number != WORKERS)
		return work_until_dropped(world, map, number, argument);
	meet(shared, WORKERS + 1);
	usleep(20000);
	pool = (ZpRef) zp_load_acquire_u64(&shared->new_keys);
	while ((status = zp_trie_close_for_all(map, shared->trie)) == ZP_BUSY)
		sched_yield();
	ZP_REQUIRE_OK(status);
	ZP_REQUIRE_OK(zp_pool_destroy(map, pool));
	return 0;
}

static void
a_drop_waits_for_those_inside(Runner run)
{
	for (int round = 0; round < 3 * SCALE; round++)
	{
		World	   *world = world_create(0);
		ZpArenaMap *map = world_map(world);
		Shared	   *shared = world_shared(world, sizeof(Shared));
		ZpRef		control_pool;
		ZpRef		pool;
		ZpArenaStats before;
		ZpArenaStats after;
		char		why[256];

		ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &control_pool));
		zp_arena_stats(map, &before);
		ZP_REQUIRE_OK(zp_pool_create(map, ZP_POOL_MUTEX, 0, &pool));
		ZP_REQUIRE_OK(zp_trie_create(map, control_pool, pool, ZP_PAYLOAD_FIXED, &shared->trie));
		zp_store_relaxed_u64(&shared->new_keys, pool);
		run(world, WORKERS + 1, drop_or_work, shared);
		ZP_REQUIRE_OK(zp_trie_free(map, shared->trie));
		zp_arena_stats(map, &after);
		/* Segments are kept; the header of one of up to 2 MB takes a page. */
		ZP_REQUIRE(after.segments <= 16);
		ZP_REQUIRE(after.used_bytes ==
				   before.used_bytes + (after.segments - before.segments) * ZP_PAGE_BYTES);
		ZP_REQUIRE(zp_arena_check(map, why, sizeof(why)) == ZP_OK);
		world_destroy(world);
	}
}

#define BOTH_WAYS(test) \
static void test##_threads(void **state) { (void) state; test(world_threads); } \
static void test##_processes(void **state) { (void) state; test(world_fork); }

BOTH_WAYS(nested_keys_are_new_once)
BOTH_WAYS(the_root_race_has_257_winners)
BOTH_WAYS(values_are_never_torn)
BOTH_WAYS(contested_prefixes_lose_nothing)
BOTH_WAYS(no_increment_is_lost)
BOTH_WAYS(ascending_keys_lose_nothing)
BOTH_WAYS(a_seek_is_kept)
BOTH_WAYS(scans_meet_what_stays)
BOTH_WAYS(a_drop_waits_for_those_inside)

#define UNIT_BOTH_WAYS(test) \
	cmocka_unit_test(test##_threads), cmocka_unit_test(test##_processes)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_BOTH_WAYS(nested_keys_are_new_once),
		UNIT_BOTH_WAYS(the_root_race_has_257_winners),
		UNIT_BOTH_WAYS(values_are_never_torn),
		UNIT_BOTH_WAYS(contested_prefixes_lose_nothing),
		UNIT_BOTH_WAYS(no_increment_is_lost),
		UNIT_BOTH_WAYS(ascending_keys_lose_nothing),
		UNIT_BOTH_WAYS(a_seek_is_kept),
		UNIT_BOTH_WAYS(scans_meet_what_stays),
		UNIT_BOTH_WAYS(a_drop_waits_for_those_inside),
		cmocka_unit_test(a_pinned_reader_holds_memory_back),
	};

	return cmocka_run_group_tests_name("trie, many at once", tests, NULL, NULL);
}
