/*
 * pool.c
 *	  One measurement of an allocator: pairs of allocation and free a second.
 *
 *	pool pairs <allocator> <set> <threads|processes> <many>
 *		M pairs a second, all participants together.  Each has a ring of 64 live blocks,
 *		frees the oldest and allocates a new one, and writes its first byte.
 *	pool latency <allocator> <set>
 *		Median and 99.99th percentile of one pair, in nanoseconds, one participant.
 *	pool fragmentation <allocator> <operations>
 *		Random allocations and frees in a pool of 64 MB that is kept 80 % full; then:
 *		what its accounting calls free, and how much can be allocated until it refuses.
 *
 * Allocators: no_lock, mutex, lock_free, local_cache, fixed: a pool in memory that processes
 * share.  malloc: the C library's, or what LD_PRELOAD puts in its place.
 * Sets: small (16 to 128 bytes), mixed (16 bytes to 64 KB, the small ones more often).
 *
 * run makes the table of them.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem/pool.h"
#include "world.h"

#define RING			64
#define SIZES			4096
#define SECONDS			0.25
#define BATCH			256		/* pairs between two looks at the clock */
#define SAMPLES			1000000
#define FULL_BYTES		((uint64_t) 64 << 20)

static const char *const level_names[] = {
	"", "no_lock", "mutex", "lock_free", "local_cache", "fixed"
};

/* What all participants share. */
typedef struct Job
{
	ZpPoolLevel level;			/* AUTO: malloc */
	ZpRef		pool;			/* null: each makes its own (no_lock) */
	uint32_t	sizes[SIZES];
	ZpAtomicU64 *pairs;			/* of all */
	ZpAtomicU32 *waiting;		/* participants that are not ready yet */
} Job;

static void
fail(const char *what)
{
	fprintf(stderr, "pool: %s\n", what);
	exit(1);
}

static void
must(ZpStatus status)
{
	if (status != ZP_OK)
		fail(zp_status_name(status));
}

static uint64_t
random_next(uint64_t *state)
{
	uint64_t	x = (*state += 0x9e3779b97f4a7c15u);

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double) time.tv_sec + (double) time.tv_nsec * 1e-9;
}

static void
fill_sizes(uint32_t *sizes, const char *set)
{
	uint64_t	seed = 1;

	for (int i = 0; i < SIZES; i++)
	{
		if (strcmp(set, "small") == 0)
			sizes[i] = 16 + (uint32_t) (random_next(&seed) % 113);
		else if (strcmp(set, "mixed") == 0)
		{
			/* Each octave from 16 to 32768 is as likely as the others. */
			uint32_t	octave = 16u << (random_next(&seed) % 12);

			sizes[i] = octave + (uint32_t) (random_next(&seed) % octave);
		}
		else
			fail("sets: small, mixed");
	}
}

/* One live block. */
typedef union Block
{
	void	   *address;
	ZpRef		ref;
} Block;

static inline void
take(const Job *job, ZpArenaMap *map, ZpPool *pool, uint32_t size, Block *block)
{
	if (job->level == ZP_POOL_AUTO)
	{
		block->address = malloc(size);
		if (block->address == NULL)
			fail("malloc");
		*(volatile char *) block->address = 1;
	}
	else
	{
		must(zp_pool_alloc(map, pool, size, &block->ref));
		*(volatile char *) zp_at(map, block->ref) = 1;
	}
}

static inline void
give(const Job *job, ZpArenaMap *map, ZpPool *pool, uint32_t size, Block *block)
{
	if (job->level == ZP_POOL_AUTO)
		free(block->address);
	else
		must(zp_pool_free(map, pool, block->ref, size));
}

static ZpPool *
pool_of(const Job *job, ZpArenaMap *map)
{
	ZpRef		ref = job->pool;

	if (job->level == ZP_POOL_AUTO)
		return NULL;
	if (ref == ZP_NULL_REF)
		must(zp_pool_create(map, job->level, 0, &ref));
	return zp_at(map, ref);
}

static int
turn_ring(World *world, ZpArenaMap *map, int number, void *argument)
{
	const Job  *job = argument;
	ZpPool	   *pool = pool_of(job, map);
	Block		ring[RING];
	uint32_t	sizes[RING];
	uint32_t	next = (uint32_t) number * 997;
	uint64_t	pairs = 0;
	double		end;

	(void) world;
	for (int i = 0; i < RING; i++)
	{
		sizes[i] = job->sizes[next++ % SIZES];
		take(job, map, pool, sizes[i], &ring[i]);
	}
	(void) zp_fetch_sub_relaxed_u32(job->waiting, 1);
	while (zp_load_acquire_u32(job->waiting) != 0)
		;
	end = now() + SECONDS;
	do
	{
		for (int i = 0; i < BATCH; i++)
		{
			uint32_t	place = (uint32_t) i % RING;

			give(job, map, pool, sizes[place], &ring[place]);
			sizes[place] = job->sizes[next++ % SIZES];
			take(job, map, pool, sizes[place], &ring[place]);
		}
		pairs += BATCH;
	} while (now() < end);
	(void) zp_fetch_add_relaxed_u64(job->pairs, pairs);
	for (int i = 0; i < RING; i++)
		give(job, map, pool, sizes[i], &ring[i]);
	return 0;
}

static void
measure_pairs(World *world, Job *job, const char *how, int many)
{
	zp_store_relaxed_u32(job->waiting, (uint32_t) many);
	if (strcmp(how, "threads") == 0)
		world_threads(world, many, turn_ring, job);
	else if (strcmp(how, "processes") == 0)
		world_fork(world, many, turn_ring, job);
	else
		fail("threads or processes");
	printf("%.2f\n", (double) zp_load_relaxed_u64(job->pairs) / SECONDS / 1e6);
}

static int
compare(const void *a, const void *b)
{
	double		left = *(const double *) a;
	double		right = *(const double *) b;

	return (left > right) - (left < right);
}

/* Each sample is one pair; the clock's own cost, about 20 ns, is in it. */
static void
measure_latency(World *world, Job *job)
{
	ZpArenaMap *map = world_map(world);
	ZpPool	   *pool = pool_of(job, map);
	double	   *samples = calloc(SAMPLES, sizeof(double));
	Block		ring[RING];
	uint32_t	sizes[RING];

	if (samples == NULL)
		fail("memory");
	for (uint32_t i = 0; i < RING; i++)
	{
		sizes[i] = job->sizes[i];
		take(job, map, pool, sizes[i], &ring[i]);
	}
	for (uint32_t i = 0; i < SAMPLES; i++)
	{
		uint32_t	place = i % RING;
		double		begun = now();

		give(job, map, pool, sizes[place], &ring[place]);
		sizes[place] = job->sizes[i % SIZES];
		take(job, map, pool, sizes[place], &ring[place]);
		samples[i] = now() - begun;
	}
	qsort(samples, SAMPLES, sizeof(double), compare);
	printf("%.0f %.0f\n", samples[SAMPLES / 2] * 1e9, samples[SAMPLES / 10000 * 9999] * 1e9);
	free(samples);
}

static uint64_t
used_bytes(ZpArenaMap *map, ZpPool *pool)
{
	ZpPoolStats stats;

	zp_pool_stats(map, pool, &stats);
	return stats.used_bytes;
}

/* What a block adds to used_bytes. */
static uint64_t
counted(ZpPoolLevel level, uint32_t size)
{
	uint64_t	bytes = zp_size_class_bytes(zp_size_class(size));

	return level == ZP_POOL_FIXED ? (bytes + 63) / 64 * 64 : bytes;
}

static void
measure_fragmentation(World *world, Job *job, uint64_t operations)
{
	ZpArenaMap *map = world_map(world);
	uint32_t	most = 1 << 20;
	Block	   *blocks = calloc(most, sizeof(Block));
	uint32_t   *sizes = calloc(most, sizeof(uint32_t));
	uint32_t	count = 0;
	uint64_t	used = 0;
	uint64_t	seed = 7;
	uint64_t	before;
	uint64_t	called_free;
	ZpPool	   *pool;
	ZpPoolStats stats;
	ZpRef		ref;

	if (blocks == NULL || sizes == NULL)
		fail("memory");
	must(zp_pool_create(map, job->level, FULL_BYTES, &ref));
	pool = zp_at(map, ref);
	for (uint64_t i = 0; i < operations; i++)
	{
		/* Towards 80 % of the bytes, then around it. */
		if (count == 0 || (used < FULL_BYTES / 5 * 4 && count < most))
		{
			uint32_t	size = job->sizes[random_next(&seed) % SIZES];

			if (zp_pool_alloc(map, pool, size, &blocks[count].ref) == ZP_OK)
			{
				sizes[count++] = size;
				used += counted(job->level, size);
				continue;
			}
		}
		{
			uint32_t	victim = (uint32_t) (random_next(&seed) % count);

			must(zp_pool_free(map, pool, blocks[victim].ref, sizes[victim]));
			used -= counted(job->level, sizes[victim]);
			blocks[victim] = blocks[--count];
			sizes[victim] = sizes[count];
		}
	}
	must(zp_pool_flush(map, pool));
	zp_pool_stats(map, pool, &stats);
	if (stats.used_bytes != used)
		fail("accounting is wrong");
	called_free = job->level == ZP_POOL_FIXED ? stats.free_bytes :
		FULL_BYTES - stats.reserved_bytes + stats.free_bytes;
	before = used;
	for (uint32_t misses = 0; misses < 64;)
	{
		if (zp_pool_alloc(map, pool, job->sizes[random_next(&seed) % SIZES], &ref) != ZP_OK)
			misses++;
	}
	printf("%.1f %.1f %.1f\n", (double) used / (1 << 20), (double) called_free / (1 << 20),
		   (double) (used_bytes(map, pool) - before) / (double) called_free * 100);
	free(blocks);
	free(sizes);
}

int
main(int argc, char **argv)
{
	World	   *world = world_create(0);
	Job		   *job = world_shared(world, sizeof(Job));

	if (argc < 4)
		fail("pairs|latency|fragmentation allocator set ...");
	job->pairs = world_shared(world, sizeof(ZpAtomicU64));
	job->waiting = world_shared(world, sizeof(ZpAtomicU32));
	for (int level = ZP_POOL_NO_LOCK; level <= ZP_POOL_FIXED; level++)
	{
		if (strcmp(argv[2], level_names[level]) == 0)
			job->level = (ZpPoolLevel) level;
	}
	if (job->level == ZP_POOL_AUTO && strcmp(argv[2], "malloc") != 0)
		fail("allocators: no_lock, mutex, lock_free, local_cache, fixed, malloc");
	fill_sizes(job->sizes, strcmp(argv[1], "fragmentation") == 0 ? "small" : argv[3]);
	if (strcmp(argv[1], "fragmentation") == 0)
	{
		if (job->level == ZP_POOL_AUTO)
			fail("fragmentation is measured in pools");
		measure_fragmentation(world, job, strtoull(argv[3], NULL, 10));
		exit(0);
	}
	if (job->level > ZP_POOL_NO_LOCK)
		must(zp_pool_create(world_map(world), job->level,
							job->level == ZP_POOL_FIXED ? FULL_BYTES : 0, &job->pool));
	else if (job->level == ZP_POOL_NO_LOCK && strcmp(argv[1], "latency") == 0)
		must(zp_pool_create(world_map(world), ZP_POOL_NO_LOCK, 0, &job->pool));
	if (strcmp(argv[1], "latency") == 0)
		measure_latency(world, job);
	else if (strcmp(argv[1], "pairs") == 0 && argc == 6 && atoi(argv[5]) > 0)
		measure_pairs(world, job, argv[4], atoi(argv[5]));
	else
		fail("pairs allocator set threads|processes many");
	exit(0);
}
