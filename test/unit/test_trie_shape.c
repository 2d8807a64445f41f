/*
 * test_trie_shape.c
 *	  Families of keys that lead a trie through every shape: what buckets and inner
 *	  nodes become when keys come in one order and go in another.
 *
 * After each operation the checker looks at the whole trie; now and then all keys and
 * the whole order are compared.
 */
#include <string.h>

#include "port/barrier.h"
#include "trie/bucket.h"
#include "trie_fixture.h"

typedef size_t (*MakeKey) (uint32_t number, unsigned char *key);

/* Big-endian numbers: full buckets that are left behind when keys ascend. */
static size_t
numbers(uint32_t number, unsigned char *key)
{
	uint64_t	word = __builtin_bswap64((uint64_t) number);

	memcpy(key, &word, 8);
	return 8;
}

/* A step of 37: bytes of all sizes on two levels. */
static size_t
sparse_numbers(uint32_t number, unsigned char *key)
{
	return numbers(number * 37, key);
}

static size_t
scattered(uint32_t number, unsigned char *key)
{
	uint64_t	word = (number + 1) * UINT64_C(0x9E3779B97F4A7C15);

	memcpy(key, &word, 8);
	return 8;
}

static size_t
decimal(uint32_t number, unsigned char *key)
{
	return (size_t) sprintf((char *) key, "key_%06u", number);
}

/* Suffixes for the heap, with seven bytes, eight, nine, and many more. */
static size_t
long_suffixes(uint32_t number, unsigned char *key)
{
	size_t		bytes = 5 + number * 7 % 90;

	sprintf((char *) key, "%03u", number * 13 % 1000);
	memset(key + 3, 'x', bytes);
	sprintf((char *) key + 3 + bytes, "%u", number);
	return strlen((char *) key);
}

/* The same first bytes, so that heads and fingerprints must look further. */
static size_t
alike(uint32_t number, unsigned char *key)
{
	memset(key, 'a', 40);
	sprintf((char *) key + 20 + number % 3, "%u", number);
	return 30;
}

/* Suffixes of about 300 bytes: a bucket holds only a few. */
static size_t
very_long_suffixes(uint32_t number, unsigned char *key)
{
	key[0] = (unsigned char) (number * 59);
	key[1] = (unsigned char) number;
	memset(key + 2, 'v', 300);
	sprintf((char *) key + 290, "%u", number);
	return 300;
}

/* A path of over 16 bytes, that is left at each of its bytes. */
static size_t
long_path(uint32_t number, unsigned char *key)
{
	memset(key, 'p', 100);
	if (number % 5 == 0)
		key[number % 100] = 'q';
	sprintf((char *) key + 90, "%u", number);
	return 97;
}

/* Runs of one byte: each is a prefix of all that follow. */
static size_t
nested(uint32_t number, unsigned char *key)
{
	memset(key, 'n', number);
	return number;
}

/* Short strings of awkward bytes, the empty one too. */
static size_t
awkward(uint32_t number, unsigned char *key)
{
	static const unsigned char corners[] = {0x00, 0xFF, 0x01, 0x80};
	size_t		bytes = 0;

	while (number > 0)
	{
		key[bytes++] = corners[number % 4];
		number /= 4;
	}
	return bytes;
}

/* Now and then a key of thousands of bytes among short ones. */
static size_t
giants(uint32_t number, unsigned char *key)
{
	size_t		bytes = (size_t) sprintf((char *) key, "g%u", number * 7 % 100);

	if (number % 9 != 0)
		return bytes + (size_t) sprintf((char *) key + bytes, "_%u", number);
	memset(key + bytes, 'G', 5000);
	return bytes + 5000 + (size_t) sprintf((char *) key + bytes + 5000, "%u", number);
}

/* 200 children of one node, and more below each. */
static size_t
wide(uint32_t number, unsigned char *key)
{
	memcpy(key, "wide", 4);
	key[4] = (unsigned char) (number * 101 % 200);
	key[5] = (unsigned char) (number / 200 * 77);
	memcpy(key + 6, "end", 3);
	return number % 11 == 0 ? 5 : 9;
}

/* Each of 40 bytes has 40 keys below: inner nodes that become wide and narrow again. */
static size_t
fans(uint32_t number, unsigned char *key)
{
	key[0] = (unsigned char) (number % 40 * 6);
	key[1] = (unsigned char) (number / 40 * 6);
	key[2] = 'f';
	return 3;
}

typedef struct Family
{
	const char *name;
	MakeKey		make;
	uint32_t	count;
} Family;

static const Family families[] = {
	{"numbers", numbers, 700},
	{"sparse numbers", sparse_numbers, 700},
	{"scattered", scattered, 700},
	{"decimal", decimal, 700},
	{"long suffixes", long_suffixes, 500},
	{"alike", alike, 300},
	{"very long suffixes", very_long_suffixes, 250},
	{"long path", long_path, 400},
	{"nested", nested, 300},
	{"awkward", awkward, 700},
	{"giants", giants, 200},
	{"wide", wide, 600},
	{"fans", fans, 1600},
};

/* Orders in which keys come and go. */
typedef enum Order
{
	ASCENDING, DESCENDING, SHUFFLED, FROM_THE_MIDDLE, ORDERS
} Order;

static void
make_order(Order order, uint32_t count, uint32_t *positions, Random *random)
{
	for (uint32_t i = 0; i < count; i++)
	{
		positions[i] = order == DESCENDING ? count - 1 - i
			: order == FROM_THE_MIDDLE ? (i + count / 2) % count : i;
	}
	for (uint32_t i = count; order == SHUFFLED && i > 1; i--)
	{
		uint32_t	other = random_below(random, i);
		uint32_t	kept = positions[i - 1];

		positions[i - 1] = positions[other];
		positions[other] = kept;
	}
}

static void
make_family(const Family *family, Oracle *oracle)
{
	static unsigned char key[8192];

	oracle->keys = calloc(family->count, sizeof(OracleKey));
	ZP_REQUIRE(oracle->keys != NULL);
	oracle->present = 0;
	for (uint32_t i = 0; i < family->count; i++)
	{
		oracle->keys[i].length = family->make(i, key);
		oracle->keys[i].bytes = malloc(oracle->keys[i].length + 1);
		ZP_REQUIRE(oracle->keys[i].bytes != NULL);
		memcpy(oracle->keys[i].bytes, key, oracle->keys[i].length);
	}
	oracle_sort(oracle, family->count);
}

static void
set_key(Oracle *oracle, ZpTrieSession *session, uint32_t position, bool present, uint64_t payload)
{
	OracleKey  *key = &oracle->keys[position];

	if (present)
		ZP_REQUIRE_OK(zp_trie_insert(session, key->bytes, key->length, payload));
	else
		ZP_REQUIRE_OK(zp_trie_delete(session, key->bytes, key->length));
	ZP_REQUIRE_STATUS(zp_trie_lookup(session, key->bytes, key->length, NULL),
					  present ? ZP_OK : ZP_NOT_FOUND);
	key->present = present;
	key->payload = payload;
	oracle->present += present ? 1 : (size_t) -1;
}

static void
come_and_go(const Family *family, ZpPayloadKind kind, Order in, Order out)
{
	static uint32_t coming[2000];
	static uint32_t going[2000];
	Random		random = {(uint64_t) in * 7 + (uint64_t) out + 1};
	ZpTrieReport report;
	uint64_t	new_bytes;
	Fixture		fixture;
	Oracle		oracle;

	fixture_create(&fixture, kind, 0);
	new_bytes = fixture_used_bytes(&fixture.session);
	make_family(family, &oracle);
	make_order(in, (uint32_t) oracle.count, coming, &random);
	make_order(out, (uint32_t) oracle.count, going, &random);
	for (uint32_t i = 0; i < oracle.count; i++)
	{
		set_key(&oracle, &fixture.session, coming[i], true, i);
		fixture_check(&fixture.session);
		if (i % 97 == 96)
			oracle_compare(&oracle, &fixture.session);
	}
	oracle_compare(&oracle, &fixture.session);
	for (uint32_t i = 0; i < oracle.count; i++)
	{
		set_key(&oracle, &fixture.session, going[i], false, 0);
		report = fixture_check(&fixture.session);
		if (i % 97 == 96)
			oracle_compare(&oracle, &fixture.session);

		/* One in four comes back for a while. */
		if (i % 4 == 0)
		{
			set_key(&oracle, &fixture.session, going[i], true, i);
			fixture_check(&fixture.session);
			set_key(&oracle, &fixture.session, going[i], false, 0);
			report = fixture_check(&fixture.session);
		}
	}
	ZP_REQUIRE(report.nodes == 0);
	ZP_REQUIRE(fixture_used_bytes(&fixture.session) == new_bytes);
	fixture_destroy(&fixture);
	oracle_destroy(&oracle);
}

static void
every_family_in_every_order(void **state)
{
	(void) state;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
	{
		for (int in = 0; in < ORDERS; in++)
			come_and_go(&families[i], ZP_PAYLOAD_FIXED, (Order) in, (Order) ((in + i) % ORDERS));
		come_and_go(&families[i], ZP_PAYLOAD_NONE, SHUFFLED, SHUFFLED);
	}
}

/* Keys in ascending order fill buckets to the brim; others at least half. */
static void
buckets_are_filled(void **state)
{
	Fixture		fixture;
	ZpTrieReport report;
	unsigned char key[8];

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	for (uint32_t i = 0; i < 256 * 32; i++)
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, numbers(i, key), i));
	report = fixture_check(&fixture.session);
	ZP_REQUIRE(report.buckets == 256 && report.fills[ZP_BUCKET_ENTRIES] == 256);
	fixture_destroy(&fixture);

	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	for (uint32_t i = 0; i < 20000; i++)
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, scattered(i, key), i));
	report = fixture_check(&fixture.session);
	ZP_REQUIRE(report.buckets < 20000 / 16);
	fixture_destroy(&fixture);
}

/* What is left after most keys have gone takes as little as if they had never been. */
static void
sparse_remains_are_put_together(void **state)
{
	Fixture		fixture;
	ZpTrieReport report;
	unsigned char key[8];

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	for (uint32_t i = 0; i < 20000; i++)
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, scattered(i, key), i));
	for (uint32_t i = 0; i < 20000; i++)
	{
		if (i % 50 != 0)
			ZP_REQUIRE_OK(zp_trie_delete(&fixture.session, key, scattered(i, key)));
	}
	report = fixture_check(&fixture.session);
	ZP_REQUIRE(report.keys == 400);
	ZP_REQUIRE(report.buckets < 400 / 4);
	fixture_destroy(&fixture);
}

/*
 * A session remembers the bucket where it appended.  Others fill it, replace it, empty
 * it, and its memory goes to something else: it must not be misled.
 */
static void
a_finger_is_not_trusted_too_long(void **state)
{
	Fixture		fixture;
	ZpArenaMap *map;
	ZpTrieSession other;
	unsigned char key[8];
	unsigned char other_key[8];

	(void) state;
	fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
	map = world_join(fixture.world, 2);
	ZP_REQUIRE_OK(zp_trie_open(map, fixture.trie, &other));
	for (uint32_t i = 0; i < 3000; i++)
	{
		ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, numbers(2 * i, key), i));
		switch (i % 6)
		{
			case 0:				/* the key between, into the same bucket */
				ZP_REQUIRE_OK(zp_trie_insert(&other, other_key, numbers(2 * i + 1, other_key), 0));
				break;
			case 1:				/* many behind it: the bucket is left behind */
				for (uint32_t ahead = 0; ahead < 80; ahead++)
				{
					(void) zp_trie_insert(&other, other_key, numbers(2 * (i + ahead) + 1, other_key),
										  0);
				}
				break;
			case 3:				/* and they go again, the bucket's key too */
				for (uint32_t ahead = 0; ahead < 80; ahead++)
					(void) zp_trie_delete(&other, other_key, numbers(2 * (i + ahead) + 1, other_key));
				ZP_REQUIRE_OK(zp_trie_delete(&other, key, 8));
				ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, 8, i));
				break;
			case 4:				/* what was replaced is freed and used anew */
				ZP_REQUIRE(zp_trie_reclaim(&other) == 0);
				for (uint32_t more = 0; more < 60; more++)
					(void) zp_trie_insert(&other, other_key, scattered(i * 60 + more, other_key), 0);
				break;
			default:
				break;
		}
		fixture_check(&fixture.session);
		ZP_REQUIRE_OK(zp_trie_lookup(&other, key, 8, NULL));
	}
	for (uint32_t i = 0; i < 3000; i++)
		ZP_REQUIRE_OK(zp_trie_lookup(&other, key, numbers(2 * i, key), NULL));
	zp_trie_close(&other);
	world_leave(fixture.world, map);
	fixture_destroy(&fixture);
}

/* Whatever this system can do, memory must come back, with light fences or without. */
static void
with_and_without_light_fences(void **state)
{
	(void) state;
	for (int mode = 0; mode < 4; mode++)
	{
		Fixture		fixture;
		ZpArenaMap *map;
		ZpTrieSession other;
		unsigned char key[8];

		fixture_create(&fixture, ZP_PAYLOAD_FIXED, 0);
		zp_trie_close(&fixture.session);
		fixture.map->light_fences = (mode & 1) != 0 && zp_barrier_register();
		ZP_REQUIRE_OK(zp_trie_open(fixture.map, fixture.trie, &fixture.session));
		map = world_join(fixture.world, 2);
		map->light_fences = (mode & 2) != 0 && zp_barrier_register();
		ZP_REQUIRE_OK(zp_trie_open(map, fixture.trie, &other));
		ZP_REQUIRE_OK(zp_trie_enter(&other));
		for (uint32_t i = 0; i < 2000; i++)
			ZP_REQUIRE_OK(zp_trie_insert(&fixture.session, key, scattered(i, key), i));
		ZP_REQUIRE(zp_trie_reclaim(&fixture.session) > 100);
		zp_trie_leave(&other);
		ZP_REQUIRE(zp_trie_reclaim(&fixture.session) == 0);
		zp_trie_close(&other);
		world_leave(fixture.world, map);
		fixture_destroy(&fixture);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_family_in_every_order),
		cmocka_unit_test(buckets_are_filled),
		cmocka_unit_test(sparse_remains_are_put_together),
		cmocka_unit_test(a_finger_is_not_trusted_too_long),
		cmocka_unit_test(with_and_without_light_fences),
	};

	return cmocka_run_group_tests_name("shapes of a trie", tests, NULL, NULL);
}
