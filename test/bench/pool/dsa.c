/*
 * dsa.c
 *	  PostgreSQL's own allocator in dynamic shared memory under the load of pool.c: a
 *	  library for a throw-away server, loaded by run.
 */
#include "postgres.h"

#include "fmgr.h"
#include "portability/instr_time.h"
#include "storage/lwlock.h"
#include "utils/dsa.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(bench_dsa_create);
PG_FUNCTION_INFO_V1(bench_dsa_pairs);

#define RING	64
#define SIZES	4096
#define BATCH	256

static dsa_area *area = NULL;

static uint64
random_next(uint64 *state)
{
	uint64		x = (*state += UINT64CONST(0x9e3779b97f4a7c15));

	x = (x ^ (x >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* The same sizes as in pool.c. */
static void
fill_sizes(uint32 *sizes, bool mixed)
{
	uint64		seed = 1;

	for (int i = 0; i < SIZES; i++)
	{
		if (!mixed)
			sizes[i] = 16 + (uint32) (random_next(&seed) % 113);
		else
		{
			uint32		octave = 16u << (random_next(&seed) % 12);

			sizes[i] = octave + (uint32) (random_next(&seed) % octave);
		}
	}
}

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (double) time.tv_sec + (double) time.tv_nsec * 1e-9;
}

/* Makes an area that stays; its handle. */
PGDLLEXPORT Datum
bench_dsa_create(PG_FUNCTION_ARGS)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	int			tranche = LWLockNewTrancheId();

	LWLockRegisterTranche(tranche, "bench_dsa");
	area = dsa_create(tranche);
	dsa_pin(area);
	dsa_pin_mapping(area);
	MemoryContextSwitchTo(old);
	PG_RETURN_INT64((int64) dsa_get_handle(area));
}

static inline dsa_pointer
take(uint32 size)
{
	dsa_pointer block = dsa_allocate(area, size);

	*(volatile char *) dsa_get_address(area, block) = 1;
	return block;
}

/* Pairs a second, from start (seconds since 1970) on, for so many seconds. */
PGDLLEXPORT Datum
bench_dsa_pairs(PG_FUNCTION_ARGS)
{
	dsa_handle	handle = (dsa_handle) PG_GETARG_INT64(0);
	bool		mixed = PG_GETARG_BOOL(1);
	double		start = PG_GETARG_FLOAT8(2);
	double		seconds = PG_GETARG_FLOAT8(3);
	uint32		next = (uint32) PG_GETARG_INT32(4) * 997;
	static uint32 all_sizes[SIZES];
	dsa_pointer ring[RING];
	uint32		sizes[RING];
	uint64		pairs = 0;
	double		begun;
	double		ended;

	if (area == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		area = dsa_attach(handle);
		dsa_pin_mapping(area);
		MemoryContextSwitchTo(old);
	}
	fill_sizes(all_sizes, mixed);
	for (int i = 0; i < RING; i++)
	{
		sizes[i] = all_sizes[next++ % SIZES];
		ring[i] = take(sizes[i]);
	}
	while (now() < start)
		;
	begun = now();
	do
	{
		for (int i = 0; i < BATCH; i++)
		{
			int			place = i % RING;

			dsa_free(area, ring[place]);
			sizes[place] = all_sizes[next++ % SIZES];
			ring[place] = take(sizes[place]);
		}
		pairs += BATCH;
		ended = now();
	} while (ended < begun + seconds);
	for (int i = 0; i < RING; i++)
		dsa_free(area, ring[i]);
	PG_RETURN_FLOAT8((double) pairs / (ended - begun));
}
