/*
 * test_mem.h
 *	  What the tests of src/mem share: random numbers and a map of who owns what.
 */
#ifndef ZP_TEST_MEM_H
#define ZP_TEST_MEM_H

#include <string.h>

#include "mem/pool.h"
#include "unit.h"
#include "world.h"

/* splitmix64: good enough, and the same on every run. */
static inline uint64_t
random_next(uint64_t *state)
{
	uint64_t	x = (*state += 0x9e3779b97f4a7c15u);

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* 0 .. below - 1 */
static inline uint32_t
random_below(uint64_t *state, uint32_t below)
{
	return (uint32_t) (random_next(state) % below);
}

/* One entry for each unit of the first units of the arena; 0: nobody's. */
typedef struct OwnerMap
{
	ZpAtomicU32 *owner;
	uint32_t	units;
} OwnerMap;

static inline OwnerMap
owner_map(World *world, uint32_t units)
{
	OwnerMap	map = {world_shared(world, units * sizeof(ZpAtomicU32)), units};

	return map;
}

/* Every unit of it must be nobody's; then they are all `who`'s. */
static inline void
owner_claim(const OwnerMap *map, ZpRef ref, size_t bytes, uint32_t who)
{
	uint32_t	first = ref - ZP_FIRST_REF;
	uint32_t	units = (uint32_t) ((bytes + ZP_UNIT_BYTES - 1) / ZP_UNIT_BYTES);

	ZP_REQUIRE(ref >= ZP_FIRST_REF && first + units <= map->units);
	for (uint32_t unit = first; unit < first + units; unit++)
		ZP_REQUIRE(zp_exchange_acquire_u32(&map->owner[unit], who) == 0);
}

static inline void
owner_release(const OwnerMap *map, ZpRef ref, size_t bytes, uint32_t who)
{
	uint32_t	first = ref - ZP_FIRST_REF;
	uint32_t	units = (uint32_t) ((bytes + ZP_UNIT_BYTES - 1) / ZP_UNIT_BYTES);

	for (uint32_t unit = first; unit < first + units; unit++)
		ZP_REQUIRE(zp_exchange_release_u32(&map->owner[unit], 0) == who);
}

/* Contents that depend on the place and on every byte's position. */
static inline void
fill_block(ZpArenaMap *map, ZpRef ref, size_t bytes)
{
	unsigned char *p = zp_at(map, ref);

	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char) (ref * 31 + i * 7 + (i >> 8));
}

static inline void
verify_block(ZpArenaMap *map, ZpRef ref, size_t bytes)
{
	const unsigned char *p = zp_at(map, ref);

	for (size_t i = 0; i < bytes; i++)
		ZP_REQUIRE(p[i] == (unsigned char) (ref * 31 + i * 7 + (i >> 8)));
}

static inline void
require_arena_sound(ZpArenaMap *map)
{
	char		why[256];

	if (zp_arena_check(map, why, sizeof(why)) != ZP_OK)
	{
		fprintf(stderr, "arena: %s\n", why);
		abort();
	}
}

static inline ZpPoolStats
stats_of(ZpArenaMap *map, ZpPool *pool)
{
	ZpPoolStats stats;

	zp_pool_stats(map, pool, &stats);
	return stats;
}

/* The pool and the arena below it. */
static inline void
require_sound(ZpArenaMap *map, ZpPool *pool)
{
	char		why[256];

	if (zp_pool_check(map, pool, why, sizeof(why)) != ZP_OK)
	{
		fprintf(stderr, "pool: %s\n", why);
		abort();
	}
	require_arena_sound(map);
}

#endif							/* ZP_TEST_MEM_H */
