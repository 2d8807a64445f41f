/*
 * trie_fixture.h
 *	  A trie in a world of its own, keys that collide, and an oracle.
 */
#ifndef ZP_TRIE_FIXTURE_H
#define ZP_TRIE_FIXTURE_H

#include "trie/check.h"
#include "trie/cursor.h"
#include "trie/trie.h"
#include "unit.h"
#include "world.h"

typedef struct Fixture
{
	World	   *world;
	ZpArenaMap *map;
	ZpRef		control_pool;
	ZpRef		pool;
	ZpRef		trie;
	ZpTrieSession session;		/* the first participant's */
} Fixture;

extern void fixture_create(Fixture *fixture, ZpPayloadKind kind, size_t max_bytes);

/* Checks the trie, and that dropping it gives back all that it took. */
extern void fixture_destroy(Fixture *fixture);

/* Aborts with the reason unless the trie is sound; returns the report. */
extern ZpTrieReport fixture_check(ZpTrieSession *session);

/* Bytes in use of the trie's pool, once nothing is pending. */
extern uint64_t fixture_used_bytes(ZpTrieSession *session);

/* A small fast generator, seeded: the same numbers everywhere. */
typedef struct Random
{
	uint64_t	state;
} Random;

extern uint64_t random_next(Random *random);
extern uint32_t random_below(Random *random, uint32_t bound);

/* A key, and in the oracle what the trie must say of it. */
typedef struct OracleKey
{
	unsigned char *bytes;
	size_t		length;
	bool		present;
	uint64_t	payload;
} OracleKey;

/* A sorted array of distinct keys. */
typedef struct Oracle
{
	OracleKey  *keys;
	size_t		count;
	size_t		present;
} Oracle;

/*
 * Keys chosen to collide: prefixes of each other, shared prefixes, the empty key,
 * NUL and 0xFF bytes, runs of 254 to 257 bytes, fans of up to 256 children.
 */
extern void oracle_create(Oracle *oracle, uint64_t seed, size_t about);
extern void oracle_destroy(Oracle *oracle);

/* Puts the first count keys in order, and frees those that are there twice. */
extern void oracle_sort(Oracle *oracle, size_t count);

/* Compares every key, and the whole order both ways. */
extern void oracle_compare(Oracle *oracle, ZpTrieSession *session);

extern int	compare_keys(const void *a, size_t a_bytes, const void *b, size_t b_bytes);

#endif							/* ZP_TRIE_FIXTURE_H */
