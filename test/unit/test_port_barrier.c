/*
 * test_port_barrier.c
 *	  Each of two processes stores into its own word and then looks at the other's.
 *	  With a full fence in between, one of them sees the other's store: always.
 *
 * The hot side has no fence; the rare side makes it.  The same is done without the rare
 * side's barrier, to see whether it would go wrong here.
 */
#include "port_fixture.h"

#include <sched.h>

#include "port/barrier.h"
#include "port/clock.h"

#define ROUNDS 20000

/* On a machine that is busy with other things the two seldom run at once. */
#define SECONDS 1

/* Lines that both sides write before their own: stores wait for these, in their order. */
#define BALLAST 8

/* Shared; a line for each side, a line for whose turn it is. */
typedef struct Cells
{
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 hot;
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 rare;
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 round;	/* from 1; begun by the rare side */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 ready;	/* the hot side has seen this round */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 finished; /* last round of the hot side */
	ZpAtomicU32 seen;			/* by the hot side, in that round */
	ZpAtomicU32 registered;		/* 0: not yet known, 1: no, 2: yes */
	struct
	{
		_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 word;
	}			ballast[BALLAST];
} Cells;

#define LAST_ROUND UINT32_MAX

/* Waits until a word is what it should be, or says that all is over. */
static uint32_t
await(const ZpAtomicU32 *word, uint32_t wanted)
{
	uint32_t	seen;

	for (uint32_t tries = 1; (seen = zp_load_acquire_u32(word)) != wanted && seen != LAST_ROUND;
		 tries++)
	{
		if (tries % 1024 == 0)
			sched_yield();
	}
	return seen;
}

/* So that the two do not go in step. */
static void
pause_for(uint32_t steps)
{
	for (volatile uint32_t step = 0; step < steps; step++)
		;
}

static void
write_ballast(Cells *cells, uint32_t round)
{
	for (int i = 0; i < BALLAST; i++)
		zp_store_relaxed_u32(&cells->ballast[i].word, round);
}

static void
hot_side(int number, void *argument)
{
	Cells	   *cells = argument;

	(void) number;
	zp_store_release_u32(&cells->registered, zp_barrier_register() ? 2 : 1);
	for (uint32_t round = 1; await(&cells->round, round) == round; round++)
	{
		uint32_t	seen;

		zp_store_release_u32(&cells->ready, round);
		pause_for(round * 7 % 96);
		write_ballast(cells, round);
		zp_store_relaxed_u32(&cells->hot, round);
		zp_barrier_light();
		seen = zp_load_relaxed_u32(&cells->rare);
		zp_store_relaxed_u32(&cells->seen, seen);
		zp_store_release_u32(&cells->finished, round);
	}
}

/* Rounds in which neither side saw the other; -1: the system cannot make others fence. */
static int
blind_rounds(bool with_barrier)
{
	Cells	   *cells = mmap(NULL, sizeof(Cells), PROT_READ | PROT_WRITE,
							 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	Children	children;
	int			blind = 0;
	bool		able;
	int64_t		end;

	ZP_REQUIRE(cells != MAP_FAILED);
	children = start_children(1, hot_side, cells);
	while (zp_load_acquire_u32(&cells->registered) == 0)
		sleep_ms(1);
	able = zp_load_acquire_u32(&cells->registered) == 2;
	end = zp_clock_us() + SECONDS * INT64_C(1000000);
	for (uint32_t round = 1; zp_clock_us() < end; round++)
	{
		uint32_t	seen;

		zp_store_release_u32(&cells->round, round);
		(void) await(&cells->ready, round);
		pause_for(round % 32);
		write_ballast(cells, round);
		zp_store_relaxed_u32(&cells->rare, round);
		if (with_barrier)
			able = zp_barrier_all() && able;
		else
			zp_barrier_light();
		seen = zp_load_relaxed_u32(&cells->hot);
		(void) await(&cells->finished, round);
		blind += seen != round && zp_load_relaxed_u32(&cells->seen) != round;
		if (with_barrier ? round == ROUNDS : blind > 0)
			break;
	}
	zp_store_release_u32(&cells->round, LAST_ROUND);
	join_children(&children);
	ZP_REQUIRE(munmap(cells, sizeof(Cells)) == 0);
	return able || !with_barrier ? blind : -1;
}

static void
test_one_sees_the_other(void **state)
{
	int			blind = blind_rounds(true);

	(void) state;
	/* On one processor, or a busy one, they may hardly meet: then this says little. */
	print_message("# without the barrier: %s\n", blind_rounds(false) > 0 ? "blind" : "not seen");
	/* Where it cannot be had, it says so. */
	if (blind < 0)
		skip();
	assert_int_equal(blind, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_sees_the_other),
	};

	return cmocka_run_group_tests_name("port: barrier", tests, start_watchdog, NULL);
}
