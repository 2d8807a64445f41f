/*
 * test_trie_basic.c
 *	  What each operation of a trie says and does, one participant alone.
 */
#include <string.h>

#include "match/prefixes.h"
#include "trie_fixture.h"

static void
one_key_at_a_time(void **state)
{
	Fixture		fixture;
	ZpTrieSession *session = &fixture.session;
	uint64_t	payload = 99;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	ZP_REQUIRE_STATUS(zp_trie_lookup(session, "", 0, &payload), ZP_NOT_FOUND);
	ZP_REQUIRE_STATUS(zp_trie_delete(session, "", 0), ZP_NOT_FOUND);
	ZP_REQUIRE_OK(zp_trie_insert(session, "", 0, 1));
	ZP_REQUIRE_STATUS(zp_trie_insert(session, "", 0, 2), ZP_EXISTS);
	ZP_REQUIRE_OK(zp_trie_lookup(session, "", 0, &payload));
	ZP_REQUIRE(payload == 1);
	ZP_REQUIRE_OK(zp_trie_insert(session, "ab\0c", 4, 3));
	ZP_REQUIRE_OK(zp_trie_insert(session, "ab", 2, 4));
	ZP_REQUIRE_STATUS(zp_trie_lookup(session, "ab\0", 3, NULL), ZP_NOT_FOUND);
	ZP_REQUIRE_STATUS(zp_trie_lookup(session, "a", 1, NULL), ZP_NOT_FOUND);
	ZP_REQUIRE_OK(zp_trie_lookup(session, "ab\0c", 4, &payload));
	ZP_REQUIRE(payload == 3);
	ZP_REQUIRE_STATUS(zp_trie_upsert(session, "ab", 2, 5, &payload), ZP_EXISTS);
	ZP_REQUIRE(payload == 4);
	ZP_REQUIRE(zp_trie_count(session) == 3);
	ZP_REQUIRE_OK(zp_trie_delete(session, "ab", 2));
	ZP_REQUIRE_STATUS(zp_trie_delete(session, "ab", 2), ZP_NOT_FOUND);
	ZP_REQUIRE_OK(zp_trie_delete(session, "", 0));
	ZP_REQUIRE_OK(zp_trie_delete(session, "ab\0c", 4));
	ZP_REQUIRE(zp_trie_count(session) == 0);
	fixture_destroy(&fixture);
}

static void
increments_and_their_limits(void **state)
{
	Fixture		fixture;
	ZpTrieSession *session = &fixture.session;
	int64_t		sum;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	ZP_REQUIRE_OK(zp_trie_increment(session, "n", 1, 5, &sum));
	ZP_REQUIRE(sum == 5);
	ZP_REQUIRE_STATUS(zp_trie_increment(session, "n", 1, -8, &sum), ZP_EXISTS);
	ZP_REQUIRE(sum == -3);
	ZP_REQUIRE_STATUS(zp_trie_increment(session, "n", 1, INT64_MIN, &sum), ZP_OVERFLOW);
	ZP_REQUIRE_STATUS(zp_trie_increment(session, "n", 1, INT64_MAX, &sum), ZP_EXISTS);
	ZP_REQUIRE(sum == INT64_MAX - 3);
	ZP_REQUIRE_STATUS(zp_trie_increment(session, "n", 1, 4, &sum), ZP_OVERFLOW);
	ZP_REQUIRE_STATUS(zp_trie_increment(session, "n", 1, 0, &sum), ZP_EXISTS);
	ZP_REQUIRE(sum == INT64_MAX - 3);
	fixture_destroy(&fixture);
}

static void
a_set_has_keys_only(void **state)
{
	Fixture		fixture;
	ZpTrieSession *session = &fixture.session;
	int64_t		sum;
	uint64_t	payload = 1;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_NONE, 0);
	ZP_REQUIRE_OK(zp_trie_insert(session, "k", 1, 7));
	ZP_REQUIRE_STATUS(zp_trie_upsert(session, "k", 1, 7, NULL), ZP_EXISTS);
	ZP_REQUIRE_OK(zp_trie_lookup(session, "k", 1, &payload));
	ZP_REQUIRE(payload == 0);
	ZP_REQUIRE_STATUS(zp_trie_increment(session, "k", 1, 1, &sum), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_trie_insert_value(session, "k", 1, "v", 1), ZP_BAD_ARGUMENT);
	ZP_REQUIRE_OK(zp_trie_delete(session, "k", 1));
	fixture_destroy(&fixture);
}

static void
values_of_any_length(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 1000, 32768, 32769, 100000, 3000000};
	Fixture		fixture;
	ZpTrieSession *session = &fixture.session;
	char	   *value = malloc(3000000);
	char	   *back = malloc(3000000);
	size_t		bytes;
	uint64_t	empty_bytes;

	(void) state;
	ZP_REQUIRE(value != NULL && back != NULL);
	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	empty_bytes = fixture_used_bytes(session);
	ZP_REQUIRE_STATUS(zp_trie_insert(session, "k", 1, 1), ZP_BAD_ARGUMENT);
	for (int round = 0; round < 2; round++)
	{
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		{
			memset(value, (int) ('A' + i), sizes[i]);
			ZP_REQUIRE_STATUS(zp_trie_upsert_value(session, "k", 1, value, sizes[i]),
							  round + i == 0 ? ZP_OK : ZP_EXISTS);
			ZP_REQUIRE_STATUS(zp_trie_insert_value(session, "k", 1, "other", 5), ZP_EXISTS);
			if (sizes[i] > 0)
				ZP_REQUIRE_STATUS(zp_trie_lookup_value(session, "k", 1, back, sizes[i] - 1,
													   &bytes), ZP_BUFFER_TOO_SMALL);
			ZP_REQUIRE_OK(zp_trie_lookup_value(session, "k", 1, back, sizes[i], &bytes));
			ZP_REQUIRE(bytes == sizes[i] && memcmp(value, back, bytes) == 0);
		}
	}
	fixture_check(session);
	ZP_REQUIRE_OK(zp_trie_delete(session, "k", 1));
	ZP_REQUIRE(fixture_used_bytes(session) == empty_bytes);
	fixture_destroy(&fixture);
	free(value);
	free(back);
}

static void
keys_of_any_length(void **state)
{
	Fixture		fixture;
	ZpTrieSession *session = &fixture.session;
	char	   *key = malloc(ZP_MAX_KEY_BYTES + 1);
	static const size_t lengths[] = {ZP_MAX_KEY_BYTES, 65535, 40000, 1, 0, 257, 256, 255, 254, 253};
	size_t		n = sizeof(lengths) / sizeof(lengths[0]);
	uint64_t	payload;

	(void) state;
	ZP_REQUIRE(key != NULL);
	memset(key, 'k', ZP_MAX_KEY_BYTES + 1);
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	ZP_REQUIRE_STATUS(zp_trie_insert(session, key, ZP_MAX_KEY_BYTES + 1, 0), ZP_KEY_TOO_LONG);
	ZP_REQUIRE_STATUS(zp_trie_lookup(session, key, ZP_MAX_KEY_BYTES + 1, NULL), ZP_KEY_TOO_LONG);
	ZP_REQUIRE_STATUS(zp_trie_delete(session, key, ZP_MAX_KEY_BYTES + 1), ZP_KEY_TOO_LONG);
	for (size_t i = 0; i < n; i++)
	{
		ZP_REQUIRE_OK(zp_trie_insert(session, key, lengths[i], lengths[i]));
		fixture_check(session);
	}
	/* One that leaves each long path at its very end, and one in its middle. */
	key[65535] = 'z';
	ZP_REQUIRE_OK(zp_trie_insert(session, key, ZP_MAX_KEY_BYTES, 1));
	key[65535] = 'k';
	key[50000] = 0;
	ZP_REQUIRE_OK(zp_trie_insert(session, key, ZP_MAX_KEY_BYTES, 2));
	fixture_check(session);
	ZP_REQUIRE_OK(zp_trie_delete(session, key, ZP_MAX_KEY_BYTES));
	key[50000] = 'k';
	for (size_t i = 0; i < n; i++)
	{
		ZP_REQUIRE_OK(zp_trie_lookup(session, key, lengths[i], &payload));
		ZP_REQUIRE(payload == lengths[i]);
		ZP_REQUIRE_OK(zp_trie_delete(session, key, lengths[i]));
		fixture_check(session);
	}
	fixture_destroy(&fixture);
	free(key);
}

/* A node gets its children one by one, and loses them again, in every order. */
static void
every_width_both_ways(void **state)
{
	Fixture		fixture;
	ZpTrieSession *session = &fixture.session;
	Random		random = {11};
	uint64_t	payload;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	for (int own_key = 0; own_key < 2; own_key++)
	{
		for (int round = 0; round < 4; round++)
		{
			unsigned char order[256];
			bool		present[256] = {false};

			for (int i = 0; i < 256; i++)
				order[i] = (unsigned char) (round == 1 ? 255 - i : i);
			for (int i = 255; i > 0 && round >= 2; i--)
			{
				int			other = (int) random_below(&random, (uint32_t) i + 1);
				unsigned char kept = order[i];

				order[i] = order[other];
				order[other] = kept;
			}
			if (own_key)
				ZP_REQUIRE_OK(zp_trie_insert(session, "node", 4, 1000));
			for (int step = 0; step < 512; step++)
			{
				/* Up, down; the second half in the opposite order on odd rounds. */
				int			at = step < 256 ? step : round % 2 ? 511 - step : step - 256;
				unsigned char key[6] = {'n', 'o', 'd', 'e', order[at], 'x'};

				if (step < 256)
					ZP_REQUIRE_OK(zp_trie_insert(session, key, 6, order[at]));
				else
					ZP_REQUIRE_OK(zp_trie_delete(session, key, 6));
				present[order[at]] = step < 256;
				fixture_check(session);
				for (int label = 0; label < 256; label += 1 + (int) random_below(&random, 7))
				{
					key[4] = (unsigned char) label;
					ZP_REQUIRE_STATUS(zp_trie_lookup(session, key, 6, &payload),
									  present[label] ? ZP_OK : ZP_NOT_FOUND);
					ZP_REQUIRE(!present[label] || payload == (uint64_t) label);
				}
			}
			if (own_key)
				ZP_REQUIRE_OK(zp_trie_delete(session, "node", 4));
		}
	}
	fixture_destroy(&fixture);
}

static void
cursors_and_small_buffers(void **state)
{
	Fixture		fixture;
	ZpTrieSession *session = &fixture.session;
	ZpCursor	cursor;
	ZpEntry		entries[4];
	char		buffer[256];
	size_t		count;
	size_t		needed;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_BLOCK, 0);
	zp_cursor_begin(&cursor, session);
	ZP_REQUIRE_STATUS(zp_cursor_read(&cursor, ZP_FORWARD, entries, 4, buffer, 256, &count, &needed),
					  ZP_END);
	ZP_REQUIRE_OK(zp_trie_insert_value(session, "a", 1, "1", 1));
	ZP_REQUIRE_OK(zp_trie_insert_value(session, "ab", 2, "a longer value", 14));
	ZP_REQUIRE_OK(zp_trie_insert_value(session, "b", 1, "", 0));
	ZP_REQUIRE_STATUS(zp_cursor_read(&cursor, ZP_FORWARD, entries, 0, buffer, 256, &count, &needed),
					  ZP_BAD_ARGUMENT);
	ZP_REQUIRE_STATUS(zp_cursor_read(&cursor, ZP_FORWARD, entries, 4, buffer, 1, &count, &needed),
					  ZP_BUFFER_TOO_SMALL);
	ZP_REQUIRE(count == 0 && needed >= 2);
	/* Room for the first, not for the second. */
	ZP_REQUIRE_OK(zp_cursor_read(&cursor, ZP_FORWARD, entries, 4, buffer, 12, &count, &needed));
	ZP_REQUIRE(count == 1 && entries[0].key_bytes == 1 && entries[0].value_bytes == 1);
	ZP_REQUIRE_OK(zp_cursor_read(&cursor, ZP_FORWARD, entries, 4, buffer, 256, &count, &needed));
	ZP_REQUIRE(count == 2 && memcmp(entries[0].key, "ab", 2) == 0);
	ZP_REQUIRE(entries[0].value_bytes == 14 && memcmp(entries[0].value, "a longer value", 14) == 0);
	ZP_REQUIRE(entries[1].value_bytes == 0);
	ZP_REQUIRE_STATUS(zp_cursor_read(&cursor, ZP_FORWARD, entries, 4, buffer, 256, &count, &needed),
					  ZP_END);
	/* And back from where it stands: behind "b". */
	ZP_REQUIRE_OK(zp_cursor_read(&cursor, ZP_BACKWARD, entries, 1, buffer, 256, &count, &needed));
	ZP_REQUIRE(entries[0].key_bytes == 2 && memcmp(entries[0].key, "ab", 2) == 0);
	zp_cursor_rewind(&cursor);
	ZP_REQUIRE_OK(zp_cursor_read(&cursor, ZP_BACKWARD, entries, 1, buffer, 256, &count, &needed));
	ZP_REQUIRE(memcmp(entries[0].key, "b", 1) == 0);
	zp_cursor_end(&cursor);
	fixture_destroy(&fixture);
}

/* A checker that finds nothing proves nothing: break things and see. */
static void
the_checker_sees_what_is_wrong(void **state)
{
	Fixture		fixture;
	ZpTrieSession *session = &fixture.session;
	ZpTrieReport report;
	ZpRef		stray;

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	ZP_REQUIRE_OK(zp_trie_insert(session, "one", 3, 1));
	ZP_REQUIRE_OK(zp_trie_insert(session, "other", 5, 1));
	fixture_check(session);

	ZP_REQUIRE_OK(zp_pool_alloc(session->map, session->pool, 16, &stray));
	ZP_REQUIRE_STATUS(zp_trie_check(session, &report), ZP_CORRUPTED);
	ZP_REQUIRE(strstr(report.why, "blocks in use") != NULL);
	ZP_REQUIRE_OK(zp_pool_free(session->map, session->pool, stray, 16));

	zp_token_count_add(session->token, 1);
	ZP_REQUIRE_STATUS(zp_trie_check(session, &report), ZP_CORRUPTED);
	ZP_REQUIRE(strstr(report.why, "are counted") != NULL);
	zp_token_count_add(session->token, -1);
	fixture_destroy(&fixture);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_key_at_a_time),
		cmocka_unit_test(increments_and_their_limits),
		cmocka_unit_test(a_set_has_keys_only),
		cmocka_unit_test(values_of_any_length),
		cmocka_unit_test(keys_of_any_length),
		cmocka_unit_test(every_width_both_ways),
		cmocka_unit_test(cursors_and_small_buffers),
		cmocka_unit_test(the_checker_sees_what_is_wrong),
	};

	return cmocka_run_group_tests_name("trie", tests, NULL, NULL);
}
