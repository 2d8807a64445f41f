/*
 * tokens.c
 *	  What tokens and access levels cost.  From the top: make bench-sync.
 *
 * All ratios are of one run, and each is the median of rounds in which what is compared is
 * measured in turn, so that what else the machine does hits all alike.  Processes map the
 * memory at addresses of their own, as servers do.
 *
 * SECONDS: of a measurement with several processes (default 1).  ROUNDS (default 9).
 */
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "trie/compact.h"
#include "trie/trie.h"
#include "world.h"

#define KEYS		1000000
#define LOOKS		500000
#define INSERTS		300000
#define PAIRS		20000000
#define MOST_ROUNDS	99
#define PROCESSES	3

static int	rounds = 9;
static double seconds = 1;

static void
require(ZpStatus status)
{
	if (status > ZP_END)
	{
		fprintf(stderr, "%s\n", zp_status_name(status));
		exit(1);
	}
}

static double
clock_of(clockid_t id)
{
	struct timespec time;

	(void) clock_gettime(id, &time);
	return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

static double
wall(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

/* Of this process only: what others do on the machine counts less. */
static double
cpu(void)
{
	return clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static double
median(double *values, int count)
{
	qsort(values, (size_t) count, sizeof(double), compare);
	return values[count / 2];
}

/* 64 bits that look random, a different one for each i. */
static uint64_t
mix(uint64_t i)
{
	i = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
	i = (i ^ (i >> 32)) * UINT64_C(0xD6E8FEB86659FD93);
	return i ^ (i >> 32);
}

typedef struct Bed
{
	World	   *world;
	ZpArenaMap *map;
	ZpRef		control_pool;
	ZpRef		pool;
	ZpRef		trie;
	ZpTrieSession session;
} Bed;

static void
bed_create(Bed *bed)
{
	bed->world = world_create(0);
	bed->map = world_map(bed->world);
	require(zp_pool_create(bed->map, ZP_POOL_LOCK_FREE, 0, &bed->control_pool));
	require(zp_pool_create(bed->map, ZP_POOL_LOCK_FREE, 0, &bed->pool));
	require(zp_trie_create(bed->map, bed->control_pool, bed->pool, ZP_PAYLOAD_FIXED, &bed->trie));
	require(zp_trie_open(bed->map, bed->trie, &bed->session));
}

static void
bed_destroy(Bed *bed)
{
	zp_trie_close(&bed->session);
	world_destroy(bed->world);
}

static void
set_level(ZpTrieSession *session, ZpAccessLevel level)
{
	ZpStatus	status;

	require(zp_trie_change_begin(session));
	while ((status = zp_trie_change_ready(session)) == ZP_BUSY)
		sched_yield();
	require(status);
	zp_trie_change_end(session, level);
}

static void
insert_keys(ZpTrieSession *session, uint64_t from, uint64_t count)
{
	for (uint64_t i = from; i < from + count; i++)
	{
		uint64_t	key = mix(i);

		require(zp_trie_insert(session, &key, sizeof(key), i));
	}
}

static uint64_t
look_up(ZpTrieSession *session, uint64_t from, uint64_t count)
{
	uint64_t	found = 0;

	for (uint64_t i = from; i < from + count; i++)
	{
		uint64_t	key = mix(i % KEYS);

		found += zp_trie_lookup(session, &key, sizeof(key), NULL) == ZP_OK;
	}
	if (found != count)
	{
		fprintf(stderr, "a key is missing\n");
		exit(1);
	}
	return found;
}

/* Lines "level, nanoseconds, ratio of throughput to the base level's". */
static void
print_levels(const char *what, double times[ZP_ACCESS_LEVELS][MOST_ROUNDS], const char *aim)
{
	printf("%s, ns of processor time; throughput against single_strict (%s)\n", what, aim);
	for (int level = ZP_ACCESS_LEVELS - 1; level >= 0; level--)
	{
		double		ratios[MOST_ROUNDS];
		double		own[MOST_ROUNDS];
		bool		measured = times[level][0] > 0;

		if (!measured)
			continue;
		for (int round = 0; round < rounds; round++)
		{
			ratios[round] = times[ZP_ACCESS_SINGLE_STRICT][round] / times[level][round];
			own[round] = times[level][round];
		}
		printf("  %-14s %7.1f   %5.3f\n", zp_access_level_name((ZpAccessLevel) level),
			   median(own, rounds), median(ratios, rounds));
	}
}

static void
measure_levels(void)
{
	static double looks[ZP_ACCESS_LEVELS][MOST_ROUNDS];
	static double writes[ZP_ACCESS_LEVELS][MOST_ROUNDS];
	static double replaces[ZP_ACCESS_LEVELS][MOST_ROUNDS];
	Bed			bed;

	bed_create(&bed);
	insert_keys(&bed.session, 0, KEYS);
	for (int round = 0; round < rounds; round++)
	{
		for (int i = 0; i < ZP_ACCESS_LEVELS; i++)
		{
			int			level = (i + round) % ZP_ACCESS_LEVELS;
			double		begin;

			set_level(&bed.session, (ZpAccessLevel) level);
			(void) look_up(&bed.session, 0, 1000);
			begin = cpu();
			(void) look_up(&bed.session, 0, LOOKS);
			looks[level][round] = (cpu() - begin) / LOOKS * 1e9;
		}
	}
	bed_destroy(&bed);
	print_levels("lookups of 1 M random keys", looks, "aim at multi_writer: over 0.95");

	for (int round = 0; round < rounds; round++)
	{
		for (int i = 0; i < ZP_ACCESS_LEVELS; i++)
		{
			int			level = (i + round) % ZP_ACCESS_LEVELS;
			double		begin;

			if (level == ZP_ACCESS_READ_ONLY)
				continue;
			bed_create(&bed);
			set_level(&bed.session, (ZpAccessLevel) level);
			insert_keys(&bed.session, KEYS, 1000);
			begin = cpu();
			insert_keys(&bed.session, 0, INSERTS);
			writes[level][round] = (cpu() - begin) / INSERTS * 1e9;
			begin = cpu();
			for (uint64_t j = 0; j < INSERTS; j++)
			{
				uint64_t	key = mix(j);

				require(zp_trie_upsert(&bed.session, &key, sizeof(key), j, NULL));
			}
			replaces[level][round] = (cpu() - begin) / INSERTS * 1e9;
			bed_destroy(&bed);
		}
	}
	print_levels("inserts of 300 k random keys", writes, "aim at one_writer: 0.90");
	print_levels("replacing their values", replaces, "aim at one_writer: 0.90");
}

/* ---- several processes ---- */

typedef enum Work
{
	WORK_LOOK,
	WORK_WRITE,
	WORK_ACQUIRE
} Work;

typedef struct Crew
{
	ZpRef		trie;
	Work		work[PROCESSES];
	ZpAtomicU32 started;
	uint32_t	members;
	double		rate[PROCESSES];	/* per second of processor time */
	double		wall_rate[PROCESSES];
} Crew;

static int
do_work(World *world, ZpArenaMap *map, int number, void *argument)
{
	Crew	   *crew = argument;
	ZpTrieSession session;
	double		begin;
	double		cpu_begin;
	uint64_t	done = 0;

	(void) world;
	require(zp_trie_open(map, crew->trie, &session));
	(void) look_up(&session, (uint64_t) number * 1000, 10000);
	zp_fetch_add_relaxed_u32(&crew->started, 1);
	while (zp_load_acquire_u32(&crew->started) < crew->members)
		sched_yield();
	begin = wall();
	cpu_begin = cpu();
	do
	{
		switch (crew->work[number])
		{
			case WORK_LOOK:
				done += look_up(&session, done + (uint64_t) number * 333333, 20000);
				break;
			case WORK_WRITE:
				/* New keys come, and go again. */
				for (uint64_t i = 0; i < 5000; i++)
				{
					uint64_t	key = mix(KEYS + i);

					require(zp_trie_insert(&session, &key, sizeof(key), i));
				}
				for (uint64_t i = 0; i < 5000; i++)
				{
					uint64_t	key = mix(KEYS + i);

					require(zp_trie_delete(&session, &key, sizeof(key)));
				}
				done += 10000;
				break;
			case WORK_ACQUIRE:
				for (int i = 0; i < 100000; i++)
				{
					require(zp_pass_begin_read(&session.pass, session.pass.versions));
					zp_pass_end_read(&session.pass);
				}
				done += 100000;
				break;
		}
	} while (wall() - begin < seconds);
	crew->rate[number] = (double) done / (cpu() - cpu_begin);
	crew->wall_rate[number] = (double) done / (wall() - begin);
	zp_trie_close(&session);
	return 0;
}

/* What the members of a crew that do `counted` get done together; by wall time, too. */
static double
run_crew(Bed *bed, uint32_t members, const Work *work, Work counted, double *by_wall)
{
	Crew	   *crew = world_shared(bed->world, sizeof(Crew));
	double		rate = 0;

	memset(crew, 0, sizeof(*crew));
	crew->trie = bed->trie;
	crew->members = members;
	memcpy(crew->work, work, members * sizeof(Work));
	world_fork(bed->world, (int) members, do_work, crew);
	*by_wall = 0;
	for (uint32_t i = 0; i < members; i++)
	{
		if (crew->work[i] != counted)
			continue;
		rate += crew->rate[i];
		*by_wall += crew->wall_rate[i];
	}
	return rate;
}

/* One process and two in turn: medians of both, and of the ratio. */
static void
measure_scaling(Bed *bed, const char *what, Work work, bool beside_a_writer, const char *aim)
{
	Work		crew[PROCESSES] = {work, work, WORK_WRITE};
	Work		crew_of_one[PROCESSES] = {work, WORK_WRITE};
	int			repeats = rounds < 5 ? rounds : 5;
	double		one[MOST_ROUNDS];
	double		two[MOST_ROUNDS];
	double		ratio[MOST_ROUNDS];
	double		wall_ratio[MOST_ROUNDS];

	for (int round = 0; round < repeats; round++)
	{
		double		wall_one;
		double		wall_two;

		one[round] = run_crew(bed, beside_a_writer ? 2 : 1, crew_of_one, work, &wall_one);
		two[round] = run_crew(bed, beside_a_writer ? 3 : 2, crew, work, &wall_two);
		ratio[round] = two[round] / one[round];
		wall_ratio[round] = wall_two / wall_one;
	}
	printf("%-38s %8.2f M/s, %8.2f M/s: %.2f (by wall time %.2f; %s)\n", what,
		   median(one, repeats) / 1e6, median(two, repeats) / 1e6, median(ratio, repeats),
		   median(wall_ratio, repeats), aim);
}

static void
measure_processes(void)
{
	Bed			bed;
	ZpTokenStats stats;

	bed_create(&bed);
	insert_keys(&bed.session, 0, KEYS);
	printf("1 and 2 processes, per second of processor time, on %ld processors\n",
		   sysconf(_SC_NPROCESSORS_ONLN));
	zp_trie_token_stats_reset(&bed.session, 1);
	measure_scaling(&bed, "  lookups at multi_writer", WORK_LOOK, false, "aim 1.9");
	measure_scaling(&bed, "  lookups beside a busy writer", WORK_LOOK, true, "aim 1.9");
	zp_trie_token_stats(&bed.session, &stats);
	printf("token cache: %llu acquired, %llu misses: hit rate %.5f (aim 0.80)\n",
		   (unsigned long long) stats.counters.acquired, (unsigned long long) stats.counters.misses,
		   1 - (double) stats.counters.misses / (double) stats.counters.acquired);
	measure_scaling(&bed, "  cached tokens", WORK_ACQUIRE, false, "aim 100 M/s and 1.9");
	set_level(&bed.session, ZP_ACCESS_ONE_WRITER);
	measure_scaling(&bed, "  lookups at one_writer", WORK_LOOK, false, "aim 1.9");
	bed_destroy(&bed);
}

static void
measure_memory(void)
{
	Bed			bed;
	ZpTrieSession sessions[64];
	ZpTokenStats tokens;
	ZpPoolStats pool;

	bed_create(&bed);
	insert_keys(&bed.session, 0, 100000);
	for (int i = 0; i < 64; i++)
		require(zp_trie_open(bed.map, bed.trie, &sessions[i]));
	for (int i = 0; i < 64; i++)
		insert_keys(&sessions[i], 100000 + (uint64_t) i * 1000, 1000);
	zp_trie_token_stats(&bed.session, &tokens);
	zp_pool_stats(bed.map, bed.session.pool, &pool);
	printf("memory of versions, tokens, statistics and lazy free lists, 164 k keys, 65 sessions that write: "
		   "%.1f kB of %.1f kB: %.1f %% (aim under 10 %%)\n", (double) tokens.token_bytes / 1024,
		   (double) pool.used_bytes / 1024, 100 * (double) tokens.token_bytes / (double) pool.used_bytes);
	for (int i = 0; i < 64; i++)
		zp_trie_close(&sessions[i]);
	bed_destroy(&bed);
}

static void
measure_freezing(void)
{
	Bed			bed;
	ZpPoolStats before;
	ZpPoolStats after;
	ZpCompaction compaction;
	ZpStatus	status;
	double		begin;

	bed_create(&bed);
	insert_keys(&bed.session, 0, KEYS);
	for (uint64_t i = 0; i < KEYS; i += 3)
	{
		uint64_t	key = mix(i);

		require(zp_trie_delete(&bed.session, &key, sizeof(key)));
	}
	(void) zp_trie_reclaim(&bed.session);
	zp_pool_stats(bed.map, bed.session.pool, &before);
	begin = cpu();
	require(zp_trie_change_begin(&bed.session));
	require(zp_trie_change_ready(&bed.session));
	zp_compact_begin(&compaction, &bed.session);
	while ((status = zp_compact_step(&compaction)) == ZP_OK)
		;
	require(status);
	zp_compact_end(&compaction);
	zp_trie_change_end(&bed.session, ZP_ACCESS_READ_ONLY);
	begin = cpu() - begin;
	zp_pool_stats(bed.map, bed.session.pool, &after);
	printf("freezing 667 k keys left of 1 M: %.2f s, %llu of %llu buckets written anew; in use %.1f MB -> %.1f MB, "
		   "taken %.1f MB -> %.1f MB (of it free blocks %.1f MB, kept %.1f MB)\n", begin, (unsigned long long) compaction.rewritten,
		   (unsigned long long) compaction.buckets, (double) before.used_bytes / 1e6,
		   (double) after.used_bytes / 1e6, (double) before.reserved_bytes / 1e6,
		   (double) after.reserved_bytes / 1e6, (double) after.free_bytes / 1e6, (double) after.kept_bytes / 1e6);
	bed_destroy(&bed);
}

int
main(void)
{
	const char *text = getenv("ROUNDS");

	if (text != NULL && atoi(text) > 0 && atoi(text) <= MOST_ROUNDS)
		rounds = atoi(text);
	text = getenv("SECONDS");
	if (text != NULL && atof(text) > 0)
		seconds = atof(text);
	measure_levels();
	measure_processes();
	measure_memory();
	measure_freezing();
	return 0;
}
