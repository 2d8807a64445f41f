/*
 * torture_trie.c
 *	  Random work of eight participants on one trie, for TORTURE_SECONDS (default 5)
 *	  in threads and as long in processes that map it at different addresses.
 *
 * Every participant owns the keys that end in its letter and knows what must be
 * there; the nodes are everybody's.  At the end the checker looks at the trie,
 * everything is deleted, and nothing may be left.
 */
#include <string.h>
#include <time.h>

#include "../unit/trie_fixture.h"

#define WORKERS 8
#define OWN_KEYS 1500

static double
now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double) at.tv_sec + 1e-9 * (double) at.tv_nsec;
}

static double
seconds_to_run(void)
{
	const char *text = getenv("TORTURE_SECONDS");

	return text != NULL ? atof(text) : 5;
}

typedef struct Shared
{
	ZpRef		trie;
	ZpAtomicU64 operations;
} Shared;

/* The keys that end in this participant's letter. */
static void
own_keys(Oracle *oracle, int number)
{
	oracle_create(oracle, 17, OWN_KEYS);
	for (size_t i = 0; i < oracle->count; i++)
		oracle->keys[i].bytes[oracle->keys[i].length++] = (unsigned char) ('A' + number);
}

static void
check_own_key(ZpTrieSession *session, OracleKey *key)
{
	unsigned char value[64];
	size_t		bytes;
	ZpStatus	status;

	status = zp_trie_lookup_value(session, key->bytes, key->length, value, sizeof(value), &bytes);
	ZP_REQUIRE_STATUS(status, key->present ? ZP_OK : ZP_NOT_FOUND);
	if (!key->present)
		return;
	ZP_REQUIRE(bytes == key->payload % 60);
	for (size_t i = 0; i < bytes; i++)
		ZP_REQUIRE(value[i] == (unsigned char) key->payload);
}

/* A few entries from a random place: in order, and none of ours that should not be there. */
static void
look_around(ZpTrieSession *session, Oracle *oracle, Random *random, int number)
{
	OracleKey  *start = &oracle->keys[random_below(random, (uint32_t) oracle->count)];
	ZpDirection direction = random_below(random, 2) ? ZP_FORWARD : ZP_BACKWARD;
	ZpEntry		entries[50];
	char		buffer[40000];
	size_t		count;
	size_t		needed;
	ZpCursor	cursor;
	ZpStatus	status;

	zp_cursor_begin(&cursor, session);
	ZP_REQUIRE_OK(zp_cursor_seek(&cursor, start->bytes, start->length, false));
	status = zp_cursor_read(&cursor, direction, entries, 50, buffer, sizeof(buffer), &count,
							&needed);
	ZP_REQUIRE(status == ZP_OK || status == ZP_END);
	for (size_t i = 0; i < count; i++)
	{
		OracleKey	wanted = {(unsigned char *) entries[i].key, entries[i].key_bytes, false, 0};
		size_t		low = 0;
		size_t		high = oracle->count;

		if (i > 0)
			ZP_REQUIRE(compare_keys(entries[i - 1].key, entries[i - 1].key_bytes, entries[i].key,
									entries[i].key_bytes) * (int) direction < 0);
		if (wanted.length == 0 || wanted.bytes[wanted.length - 1] != 'A' + number)
			continue;
		/* The letter at the end has upset their order: look at each. */
		while (low < high)
		{
			if (oracle->keys[low].length == wanted.length &&
				memcmp(oracle->keys[low].bytes, wanted.bytes, wanted.length) == 0)
				break;
			low++;
		}
		ZP_REQUIRE(low == high || oracle->keys[low].present);
	}
	zp_cursor_end(&cursor);
}

static int
work(World *world, ZpArenaMap *map, int number, void *argument)
{
	Shared	   *shared = argument;
	double		end = now() + seconds_to_run();
	Random		random = {(uint64_t) number * 7919 + 1};
	uint64_t	operations = 0;
	ZpTrieSession session;
	Oracle		oracle;

	(void) world;
	own_keys(&oracle, number);
	ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
	while (operations % 256 != 0 || now() < end)
	{
		OracleKey  *key = &oracle.keys[random_below(&random, (uint32_t) oracle.count)];
		uint32_t	choice = random_below(&random, 100);
		uint64_t	payload = random_next(&random) >> 40;
		char		value[64];

		operations++;
		memset(value, (int) payload, sizeof(value));
		if (choice < 35)
		{
			ZP_REQUIRE_STATUS(zp_trie_upsert_value(&session, key->bytes, key->length, value,
												   payload % 60),
							  key->present ? ZP_EXISTS : ZP_OK);
			key->payload = payload;
			key->present = true;
		}
		else if (choice < 65)
		{
			ZP_REQUIRE_STATUS(zp_trie_delete(&session, key->bytes, key->length),
							  key->present ? ZP_OK : ZP_NOT_FOUND);
			key->present = false;
		}
		else if (choice < 97)
			check_own_key(&session, key);
		else if (choice < 99)
			look_around(&session, &oracle, &random, number);
		else if (random_below(&random, 20) == 0)
		{
			/* Leave and come back: what was pending goes to whoever comes next. */
			zp_trie_close(&session);
			ZP_REQUIRE_OK(zp_trie_open(map, shared->trie, &session));
		}
	}
	for (size_t i = 0; i < oracle.count; i++)
		check_own_key(&session, &oracle.keys[i]);
	for (size_t i = 0; i < oracle.count; i++)
	{
		/* Half of the workers clear up after themselves, while the others still work. */
		if (number % 2 == 0 && oracle.keys[i].present)
			ZP_REQUIRE_OK(zp_trie_delete(&session, oracle.keys[i].bytes, oracle.keys[i].length));
	}
	zp_trie_close(&session);
	zp_fetch_add_relaxed_u64(&shared->operations, operations);
	oracle_destroy(&oracle);
	return 0;
}

static void
torture(bool processes)
{
	Fixture		fixture;
	Shared	   *shared;
	uint64_t	new_bytes;
	ZpCursor	cursor;
	ZpEntry		entry;
	char		buffer[4096];
	size_t		count;
	size_t		needed;

	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	new_bytes = fixture_used_bytes(&fixture.session);
	shared = world_shared(fixture.world, sizeof(Shared));
	shared->trie = fixture.trie;
	if (processes)
		world_fork(fixture.world, WORKERS, work, shared);
	else
		world_threads(fixture.world, WORKERS, work, shared);
	fixture_check(&fixture.session);
	printf("%llu operations\n",
		   (unsigned long long) zp_load_relaxed_u64(&shared->operations));

	zp_cursor_begin(&cursor, &fixture.session);
	while (zp_cursor_read(&cursor, ZP_FORWARD, &entry, 1, buffer, sizeof(buffer), &count,
						  &needed) == ZP_OK)
		ZP_REQUIRE_OK(zp_trie_delete(&fixture.session, entry.key, entry.key_bytes));
	zp_cursor_end(&cursor);
	ZP_REQUIRE(fixture_check(&fixture.session).nodes == 0);
	ZP_REQUIRE(fixture_used_bytes(&fixture.session) == new_bytes);
	fixture_destroy(&fixture);
}

static void
random_work_in_threads(void **state)
{
	(void) state;
	torture(false);
}

static void
random_work_in_processes(void **state)
{
	(void) state;
	torture(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_work_in_threads),
		cmocka_unit_test(random_work_in_processes),
	};

	return cmocka_run_group_tests_name("trie torture", tests, NULL, NULL);
}
