/*
 * test_trie_oracle.c
 *	  Random operations on a trie against a sorted array.
 *
 * ORACLE_OPERATIONS sets how many (default 200,000; the long run does 10 million),
 * ORACLE_SEED where the random numbers begin.
 */
#include <string.h>

#include "match/prefixes.h"
#include "port/point.h"
#include "trie_fixture.h"

static uint64_t
number_from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* The next key that is present, from position on in the direction; count if none. */
static size_t
next_present(Oracle *oracle, size_t position, int direction)
{
	while (position < oracle->count && !oracle->keys[position].present)
		position += (size_t) (ptrdiff_t) direction;
	return position < oracle->count ? position : oracle->count;
}

/* Some entries from a key on, both ways, with and without the key itself. */
static void
check_range(Oracle *oracle, ZpTrieSession *session, size_t from, ZpDirection direction, bool past)
{
	OracleKey  *start = &oracle->keys[from];
	size_t		position = past ? from + (size_t) (ptrdiff_t) direction : from;
	ZpEntry		entries[20];
	char		buffer[20000];
	ZpCursor	cursor;
	ZpStatus	status;
	size_t		count;
	size_t		needed;

	zp_cursor_begin(&cursor, session);
	ZP_REQUIRE_OK(zp_cursor_seek(&cursor, start->bytes, start->length, past));
	for (int batch = 0; batch < 2; batch++)
	{
		status = zp_cursor_read(&cursor, direction, entries, 20, buffer, sizeof(buffer), &count,
								&needed);
		if (status == ZP_END)
			ZP_REQUIRE(next_present(oracle, position, direction) == oracle->count);
		else
			ZP_REQUIRE_OK(status);
		for (size_t i = 0; i < count; i++)
		{
			position = next_present(oracle, position, direction);
			ZP_REQUIRE(position < oracle->count);
			ZP_REQUIRE(compare_keys(oracle->keys[position].bytes, oracle->keys[position].length,
									entries[i].key, entries[i].key_bytes) == 0);
			position += (size_t) (ptrdiff_t) direction;
		}
	}
	zp_cursor_end(&cursor);
}

/* All keys that are prefixes of a key, and the longest. */
static void
check_prefixes(Oracle *oracle, ZpTrieSession *session, size_t of)
{
	OracleKey  *query = &oracle->keys[of];
	static ZpEntry entries[700];
	size_t		count;
	size_t		needed;
	size_t		expected = 0;
	size_t		longest = 0;
	size_t		key_bytes;
	size_t		value_bytes;
	ZpStatus	status;

	status = zp_prefixes_of(session, query->bytes, query->length, 0, entries, 700, NULL, 0,
							&count, &needed);
	/* In key order, the prefixes of a string come in the order of their length. */
	for (size_t i = 0; i <= of; i++)
	{
		OracleKey  *key = &oracle->keys[i];

		if (!key->present || key->length > query->length ||
			memcmp(key->bytes, query->bytes, key->length) != 0)
			continue;
		ZP_REQUIRE(expected < count);
		ZP_REQUIRE(entries[expected].key_bytes == key->length);
		ZP_REQUIRE(entries[expected].payload == key->payload);
		longest = key->length;
		expected++;
	}
	ZP_REQUIRE(count == expected);
	ZP_REQUIRE(status == (expected > 0 ? ZP_OK : ZP_END));
	status = zp_longest_prefix(session, query->bytes, query->length, &key_bytes, NULL, NULL, 0,
							   &value_bytes);
	ZP_REQUIRE(status == (expected > 0 ? ZP_OK : ZP_NOT_FOUND));
	ZP_REQUIRE(expected == 0 || key_bytes == longest);
}

static void
set_present(Oracle *oracle, OracleKey *key, bool present)
{
	if (key->present != present)
		oracle->present += present ? 1 : (size_t) -1;
	key->present = present;
}

static void
random_operation(Oracle *oracle, ZpTrieSession *session, Random *random, uint32_t delete_share)
{
	size_t		position = random_below(random, (uint32_t) oracle->count);
	OracleKey  *key = &oracle->keys[position];
	uint32_t	choice = random_below(random, 100);
	uint64_t	payload = random_next(random) >> 8;
	ZpStatus	if_present = key->present ? ZP_EXISTS : ZP_OK;

	if (choice < delete_share)
	{
		ZP_REQUIRE_STATUS(zp_trie_delete(session, key->bytes, key->length),
						  key->present ? ZP_OK : ZP_NOT_FOUND);
		set_present(oracle, key, false);
	}
	else if (choice < 70)
	{
		ZP_REQUIRE_STATUS(zp_trie_insert(session, key->bytes, key->length, payload), if_present);
		if (!key->present)
			key->payload = payload;
		set_present(oracle, key, true);
	}
	else if (choice < 78)
	{
		uint64_t	old = 0;

		ZP_REQUIRE_STATUS(zp_trie_upsert(session, key->bytes, key->length, payload, &old),
						  if_present);
		ZP_REQUIRE(!key->present || old == key->payload);
		key->payload = payload;
		set_present(oracle, key, true);
	}
	else if (choice < 84)
	{
		int64_t		sum;

		ZP_REQUIRE_STATUS(zp_trie_increment(session, key->bytes, key->length, -7, &sum),
						  if_present);
		key->payload = key->present ? key->payload - 7 : (uint64_t) INT64_C(-7);
		ZP_REQUIRE((uint64_t) sum == key->payload);
		set_present(oracle, key, true);
	}
	else if (choice < 98)
	{
		uint64_t	found;

		ZP_REQUIRE_STATUS(zp_trie_lookup(session, key->bytes, key->length, &found),
						  key->present ? ZP_OK : ZP_NOT_FOUND);
		ZP_REQUIRE(!key->present || found == key->payload);
	}
	else if (choice == 98)
		check_range(oracle, session, position, random_below(random, 2) ? ZP_FORWARD : ZP_BACKWARD,
					random_below(random, 2) != 0);
	else
		check_prefixes(oracle, session, position);
}

static void
random_operations_match_a_sorted_array(void **state)
{
	uint64_t	operations = number_from_environment("ORACLE_OPERATIONS", 200000);
	uint64_t	seed = number_from_environment("ORACLE_SEED", 1);
	Random		random = {seed * 977 + 3};
	Fixture		fixture;
	Oracle		oracle;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	oracle_create(&oracle, seed, 4000);
	for (uint64_t done = 0; done < operations; done++)
	{
		/* Tides, so that nodes grow and shrink all the way. */
		uint32_t	delete_share = (done / 10000) % 3 == 2 ? 62 : 25;

		random_operation(&oracle, &fixture.session, &random, delete_share);
		if (done % 50000 == 49999)
		{
			oracle_compare(&oracle, &fixture.session);
			fixture_check(&fixture.session);
		}
	}
	oracle_compare(&oracle, &fixture.session);
	fixture_destroy(&fixture);
	oracle_destroy(&oracle);
}

/* How many allocations until one fails; it fails once. */
static long allocations_left;

static bool
fail_allocation(const char *name)
{
	return strcmp(name, "pool_alloc") == 0 && --allocations_left == 0;
}

/*
 * Each operation is tried with its first, second, third ... allocation failing,
 * until it succeeds; after each failure everything is as it was.
 */
static void
failing_allocations_change_nothing(void **state)
{
	Random		random = {42};
	uint64_t	failures = 0;
	Fixture		fixture;
	Oracle		oracle;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	oracle_create(&oracle, 5, 600);
	zp_point_hook = fail_allocation;
	for (int i = 0; i < 40000; i++)
	{
		OracleKey  *key = &oracle.keys[random_below(&random, (uint32_t) oracle.count)];
		bool		deleting = (i / 2000) % 2 == 1 ? random_below(&random, 4) > 0
			: random_below(&random, 4) == 0;
		ZpStatus	status;

		for (long n = 1;; n++)
		{
			allocations_left = n;
			status = deleting ? zp_trie_delete(&fixture.session, key->bytes, key->length)
				: zp_trie_insert(&fixture.session, key->bytes, key->length, (uint64_t) i);
			if (status != ZP_OUT_OF_MEMORY)
				break;
			failures++;
			allocations_left = 0;
			ZP_REQUIRE_STATUS(zp_trie_lookup(&fixture.session, key->bytes, key->length, NULL),
							  key->present ? ZP_OK : ZP_NOT_FOUND);
			if (failures % 16 == 0)
			{
				fixture_check(&fixture.session);
				oracle_compare(&oracle, &fixture.session);
			}
		}
		allocations_left = 0;
		if (deleting)
			ZP_REQUIRE(status == (key->present ? ZP_OK : ZP_NOT_FOUND));
		else
		{
			ZP_REQUIRE(status == (key->present ? ZP_EXISTS : ZP_OK));
			if (!key->present)
				key->payload = (uint64_t) i;
		}
		set_present(&oracle, key, !deleting);
	}
	zp_point_hook = NULL;
	ZP_REQUIRE(failures > 3000);
	oracle_compare(&oracle, &fixture.session);
	fixture_destroy(&fixture);
	oracle_destroy(&oracle);
}

static void
an_emptied_trie_is_as_small_as_a_new_one(void **state)
{
	Random		random = {77};
	uint64_t	new_bytes;
	uint64_t	full_bytes;
	Fixture		fixture;
	Oracle		oracle;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	oracle_create(&oracle, 9, 20000);
	new_bytes = fixture_used_bytes(&fixture.session);
	for (int round = 0; round < 3; round++)
	{
		for (size_t i = 0; i < oracle.count; i++)
			ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, oracle.keys[i].bytes,
										 oracle.keys[i].length, i));
		full_bytes = fixture_used_bytes(&fixture.session);
		ZP_REQUIRE(full_bytes > new_bytes + oracle.count * 16);
		/* In a random order. */
		for (size_t i = oracle.count; i > 1; i--)
		{
			size_t		other = random_below(&random, (uint32_t) i);
			OracleKey	key = oracle.keys[i - 1];

			oracle.keys[i - 1] = oracle.keys[other];
			oracle.keys[other] = key;
		}
		for (size_t i = 0; i < oracle.count; i++)
			ZP_REQUIRE_OK(zp_trie_delete(&fixture.session, oracle.keys[i].bytes,
										 oracle.keys[i].length));
		ZP_REQUIRE(fixture_check(&fixture.session).nodes == 0);
		/* Within one percent, counting the pool's own memory. */
		ZP_REQUIRE(fixture_used_bytes(&fixture.session) == new_bytes);
	}
	fixture_destroy(&fixture);
	oracle_destroy(&oracle);
}

static void
a_full_trie_can_be_emptied(void **state)
{
	Fixture		fixture;
	char		key[32];
	int			keys = 0;
	ZpStatus	status;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	zp_pool_set_limit(fixture.session.pool, 300000);
	for (;; keys++)
	{
		status = zp_trie_insert(&fixture.session, key, (size_t) sprintf(key, "%07d", keys * 7919), 1);
		if (status != ZP_OK)
			break;
	}
	ZP_REQUIRE_STATUS(status, ZP_OVER_LIMIT);
	ZP_REQUIRE(keys > 3000);
	ZP_REQUIRE(fixture_check(&fixture.session).keys == (uint64_t) keys);
	for (int i = 0; i < keys; i++)
		ZP_REQUIRE_OK(zp_trie_delete(&fixture.session, key, (size_t) sprintf(key, "%07d", i * 7919)));
	ZP_REQUIRE(fixture_check(&fixture.session).nodes == 0);
	ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, "again", 5, 1));
	fixture_destroy(&fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_match_a_sorted_array),
		cmocka_unit_test(failing_allocations_change_nothing),
		cmocka_unit_test(an_emptied_trie_is_as_small_as_a_new_one),
		cmocka_unit_test(a_full_trie_can_be_emptied),
	};

	return cmocka_run_group_tests_name("trie against an oracle", tests, NULL, NULL);
}
