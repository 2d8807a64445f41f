/*
 * trie_fixture.c
 *	  A trie in a world of its own, keys that collide, and an oracle.
 */
#include "trie_fixture.h"

#include <string.h>

void
fixture_create(Fixture *fixture, ZpPayloadKind kind, size_t max_bytes)
{
	fixture->world = world_create(max_bytes);
	fixture->map = world_map(fixture->world);
	ZP_REQUIRE_OK(zp_pool_create(fixture->map, ZP_POOL_MUTEX, 0, &fixture->control_pool));
	ZP_REQUIRE_OK(zp_pool_create(fixture->map, ZP_POOL_MUTEX, 0, &fixture->pool));
	ZP_REQUIRE_OK(zp_trie_create(fixture->map, fixture->control_pool, fixture->pool, kind,
								 &fixture->trie));
	ZP_REQUIRE_OK(zp_trie_open(fixture->map, fixture->trie, &fixture->session));
}

void
fixture_destroy(Fixture *fixture)
{
	ZpPoolStats stats;
	char		why[256];

	fixture_check(&fixture->session);
	ZP_REQUIRE_OK(zp_trie_close_for_all(fixture->map, fixture->trie));
	ZP_REQUIRE_STATUS(zp_trie_insert(&fixture->session, "x", 1, 0),
					  fixture->session.payload_kind == ZP_PAYLOAD_BLOCK ? ZP_BAD_ARGUMENT
					  : ZP_DROPPED);
	ZP_REQUIRE_STATUS(zp_trie_lookup(&fixture->session, "x", 1, NULL), ZP_DROPPED);
	ZP_REQUIRE_OK(zp_pool_destroy(fixture->map, fixture->pool));
	zp_trie_close(&fixture->session);
	ZP_REQUIRE_OK(zp_trie_free(fixture->map, fixture->trie));
	zp_pool_stats(fixture->map, zp_at(fixture->map, fixture->control_pool), &stats);
	ZP_REQUIRE(stats.blocks == 0);
	ZP_REQUIRE_OK(zp_pool_destroy(fixture->map, fixture->control_pool));
	if (zp_arena_check(fixture->map, why, sizeof(why)) != ZP_OK)
	{
		fprintf(stderr, "arena: %s\n", why);
		abort();
	}
	world_destroy(fixture->world);
}

ZpTrieReport
fixture_check(ZpTrieSession *session)
{
	ZpTrieReport report;
	char		why[256];
	ZpStatus	status = zp_trie_check(session, &report);

	if (status == ZP_OK)
	{
		status = zp_pool_check(session->map, session->pool, why, sizeof(why));
		if (status != ZP_OK)
			memcpy(report.why, why, sizeof(why));
	}
	if (status != ZP_OK)
	{
		fprintf(stderr, "check: %s: %s\n", zp_status_name(status), report.why);
		abort();
	}
	return report;
}

uint64_t
fixture_used_bytes(ZpTrieSession *session)
{
	ZpPoolStats stats;

	ZP_REQUIRE(zp_trie_reclaim(session) == 0);
	zp_pool_stats(session->map, session->pool, &stats);
	return stats.reserved_bytes;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators" (2016). */
uint64_t
random_next(Random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * UINT64_C(2685821657736338717);
}

uint32_t
random_below(Random *random, uint32_t bound)
{
	return (uint32_t) ((random_next(random) >> 33) % bound);
}

int
compare_keys(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	size_t		common = a_bytes < b_bytes ? a_bytes : b_bytes;
	int			order = common > 0 ? memcmp(a, b, common) : 0;

	if (order != 0)
		return order;
	return a_bytes < b_bytes ? -1 : a_bytes > b_bytes;
}

static int
compare_oracle_keys(const void *a, const void *b)
{
	const OracleKey *left = a;
	const OracleKey *right = b;

	return compare_keys(left->bytes, left->length, right->bytes, right->length);
}

/* One key of a random family. */
static size_t
make_key(Random *random, unsigned char *key)
{
	static const unsigned char corners[] = {0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, 'a', 'b'};
	size_t		length = 0;

	switch (random_below(random, 8))
	{
		case 0:					/* short strings over a small alphabet: prefixes of each other */
			length = random_below(random, 9);
			for (size_t i = 0; i < length; i++)
				key[i] = (unsigned char) ('a' + random_below(random, 2));
			break;
		case 1:					/* the same with awkward bytes */
			length = random_below(random, 6);
			for (size_t i = 0; i < length; i++)
				key[i] = corners[random_below(random, 8)];
			break;
		case 2:					/* a run of about 255 bytes, and what may follow */
			length = 250 + random_below(random, 10);
			memset(key, 'r', length);
			if (random_below(random, 2))
				key[random_below(random, (uint32_t) length)] = corners[random_below(random, 8)];
			break;
		case 3:					/* nested runs */
			length = random_below(random, 600);
			memset(key, 'a', length);
			break;
		case 4:					/* a fan: up to 256 children of one node, and below it */
			memcpy(key, "fan:", 4);
			key[4] = (unsigned char) random_below(random, 256);
			length = 5;
			if (random_below(random, 3) == 0)
				key[length++] = (unsigned char) random_below(random, 256);
			break;
		case 5:					/* the widths around which nodes change */
			memcpy(key, "width", 5);
			key[5] = (unsigned char) ('0' + random_below(random, 6));
			key[6] = (unsigned char) random_below(random, 70);
			length = 7;
			break;
		case 6:					/* numbers */
			length = (size_t) sprintf((char *) key, "key_%08u", random_below(random, 3000));
			break;
		default:				/* eight random bytes */
			length = 8;
			for (size_t i = 0; i < length; i++)
				key[i] = (unsigned char) random_below(random, 256);
			break;
	}
	return length;
}

void
oracle_sort(Oracle *oracle, size_t count)
{
	size_t		kept = 0;

	qsort(oracle->keys, count, sizeof(OracleKey), compare_oracle_keys);
	for (size_t i = 0; i < count; i++)
	{
		if (kept > 0 && compare_oracle_keys(&oracle->keys[kept - 1], &oracle->keys[i]) == 0)
			free(oracle->keys[i].bytes);
		else
			oracle->keys[kept++] = oracle->keys[i];
	}
	oracle->count = kept;
}

void
oracle_create(Oracle *oracle, uint64_t seed, size_t about)
{
	Random		random = {seed * 2 + 1};
	unsigned char buffer[1024];

	oracle->keys = calloc(about, sizeof(OracleKey));
	ZP_REQUIRE(oracle->keys != NULL);
	oracle->present = 0;
	for (size_t i = 0; i < about; i++)
	{
		OracleKey  *key = &oracle->keys[i];

		key->length = make_key(&random, buffer);
		key->bytes = malloc(key->length + 1);
		ZP_REQUIRE(key->bytes != NULL);
		memcpy(key->bytes, buffer, key->length);
	}
	oracle_sort(oracle, about);
}

void
oracle_destroy(Oracle *oracle)
{
	for (size_t i = 0; i < oracle->count; i++)
		free(oracle->keys[i].bytes);
	free(oracle->keys);
}

static void
compare_order(Oracle *oracle, ZpTrieSession *session, ZpDirection direction)
{
	static ZpEntry entries[100];
	static char buffer[1 << 16];
	size_t		position = direction == ZP_FORWARD ? 0 : oracle->count - 1;
	size_t		seen = 0;
	ZpCursor	cursor;
	ZpStatus	status;
	size_t		count;
	size_t		needed;

	zp_cursor_begin(&cursor, session);
	while ((status = zp_cursor_read(&cursor, direction, entries, 100, buffer, sizeof(buffer),
									&count, &needed)) == ZP_OK)
	{
		for (size_t i = 0; i < count; i++)
		{
			OracleKey  *key;

			while (position < oracle->count && !oracle->keys[position].present)
				position += (size_t) (ptrdiff_t) direction;
			ZP_REQUIRE(position < oracle->count);
			key = &oracle->keys[position];
			ZP_REQUIRE(compare_keys(key->bytes, key->length, entries[i].key,
									entries[i].key_bytes) == 0);
			if (session->payload_kind == ZP_PAYLOAD_FIXED)
				ZP_REQUIRE(entries[i].payload == key->payload);
			position += (size_t) (ptrdiff_t) direction;
			seen++;
		}
	}
	ZP_REQUIRE(status == ZP_END);
	ZP_REQUIRE(seen == oracle->present);
	zp_cursor_end(&cursor);
}

void
oracle_compare(Oracle *oracle, ZpTrieSession *session)
{
	for (size_t i = 0; i < oracle->count; i++)
	{
		OracleKey  *key = &oracle->keys[i];
		uint64_t	payload;

		ZP_REQUIRE_STATUS(zp_trie_lookup(session, key->bytes, key->length, &payload),
						  key->present ? ZP_OK : ZP_NOT_FOUND);
		if (key->present && session->payload_kind == ZP_PAYLOAD_FIXED)
			ZP_REQUIRE(payload == key->payload);
	}
	ZP_REQUIRE(zp_trie_count(session) == oracle->present);
	compare_order(oracle, session, ZP_FORWARD);
	compare_order(oracle, session, ZP_BACKWARD);
}
