/*
 * test_port_sync.c
 *	  The small ones: statuses, points, backoff, counter, flag, futex with waiters.
 */
#include "port_fixture.h"

#include "port/backoff.h"
#include "port/counter.h"
#include "port/flag.h"
#include "port/point.h"
#include "port/waiter.h"

#define ADDITIONS 100000
#ifndef ZP_PORTABLE_FUTEX
#define TURNS 5000
#else
#define TURNS 300				/* of a millisecond each */
#endif

typedef struct Shared
{
	ZpCounter	counter;
	ZpCounter	taken;			/* sum of what resets returned */
	ZpFlag		flag;
	ZpFlag		other_flag;
	ZpFutexWaiter ping;
	ZpFutexWaiter pong;
	uint64_t	message;		/* handed over through flag or ping: no other protection */
	ZpAtomicU32 done;			/* participants that have ended their wait */
	Watch		watch;
} Shared;

static TwiceMapped mapped;
static Shared *here;
static Shared *there;

static int
set_up(void **state)
{
	(void) state;
	mapped = map_twice(4096);
	here = mapped.first;
	there = mapped.second;
	return 0;
}

static int
tear_down(void **state)
{
	(void) state;
	unmap_twice(&mapped);
	return 0;
}

static void
test_status_names(void **state)
{
	(void) state;
	assert_string_equal(zp_status_name(ZP_OK), "ZP_OK");
	assert_string_equal(zp_status_name(ZP_BUSY), "ZP_BUSY");
	assert_string_equal(zp_status_name(ZP_CORRUPTED), "ZP_CORRUPTED");
	for (int i = 0; i <= ZP_CORRUPTED; i++)
	{
		assert_memory_equal(zp_status_name((ZpStatus) i), "ZP_", 3);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(zp_status_name((ZpStatus) i), zp_status_name((ZpStatus) j));
	}
	assert_string_equal(zp_status_name((ZpStatus) (ZP_CORRUPTED + 1)), "not a ZpStatus");
	assert_string_equal(zp_status_name((ZpStatus) 1000), "not a ZpStatus");
}

#ifdef ZP_POINTS

static const char *last_point;

static bool
remember_point(const char *name)
{
	last_point = name;
	return strcmp(name, "fail here") == 0;
}

static void
test_points(void **state)
{
	(void) state;
	assert_false(ZP_FAIL_POINT("fail here"));
	zp_point_hook = remember_point;
	ZP_POINT("pass by");
	assert_string_equal(last_point, "pass by");
	assert_false(ZP_FAIL_POINT("go on"));
	assert_string_equal(last_point, "go on");
	assert_true(ZP_FAIL_POINT("fail here"));
	zp_point_hook = NULL;
	ZP_POINT("unseen");
	assert_string_equal(last_point, "fail here");
}

#else

/* A release build does not even look at the name. */
static void
test_points(void **state)
{
	int			looked = 0;

	(void) state;
	ZP_POINT((looked++, "unseen"));
	assert_false(ZP_FAIL_POINT((looked++, "unseen")));
	assert_int_equal(looked, 0);
}

#endif

static void
test_backoff(void **state)
{
	ZpBackoff	backoff = ZP_BACKOFF_INIT;
	ZpBackoff	zeroed = {0};
	ZpBackoff	wild = {UINT32_MAX};
	int			pauses = 0;

	(void) state;
	for (uint32_t spins = 1; spins < ZP_BACKOFF_MAX_SPINS; spins *= 2)
	{
		assert_int_equal(backoff.spins, spins);
		assert_true(zp_backoff_pause(&backoff));
		pauses++;
	}
	assert_int_equal(pauses, 6);
	for (int i = 0; i < 3; i++)
		assert_false(zp_backoff_pause(&backoff));
	assert_true(zp_backoff_pause(&zeroed));
	assert_int_equal(zeroed.spins, 2);
	assert_false(zp_backoff_pause(&wild));
	assert_int_equal(wild.spins, ZP_BACKOFF_MAX_SPINS);
}

static void
test_counter(void **state)
{
	ZpCounter	counter;
	int64_t		sum = 77;

	(void) state;
	zp_counter_init(&counter, -5);
	assert_true(zp_counter_get_relaxed(&counter) == -5);
	assert_true(zp_counter_add_relaxed(&counter, 8) == 3);
	assert_true(zp_counter_add_relaxed(&counter, -13) == -10);
	assert_true(zp_counter_reset_acquire(&counter) == -10);
	assert_true(zp_counter_get_relaxed(&counter) == 0);
	assert_true(zp_counter_reset_acquire(&counter) == 0);

	zp_counter_init(&counter, INT64_MAX);
	assert_int_equal(zp_counter_add_checked_acq_rel(&counter, 1, &sum), ZP_OVERFLOW);
	assert_true(sum == 77);
	assert_true(zp_counter_get_relaxed(&counter) == INT64_MAX);
	assert_int_equal(zp_counter_add_checked_acq_rel(&counter, INT64_MIN, &sum), ZP_OK);
	assert_true(sum == -1);
	assert_true(zp_counter_get_relaxed(&counter) == -1);
	assert_int_equal(zp_counter_add_checked_acq_rel(&counter, INT64_MIN, &sum), ZP_OVERFLOW);
	assert_true(zp_counter_get_relaxed(&counter) == -1);

	zp_counter_init(&counter, INT64_MAX);
	assert_true(zp_counter_add_relaxed(&counter, 1) == INT64_MIN);
}

static void
add_and_reset(int number, void *argument)
{
	Shared	   *shared = argument;
	int64_t		taken = 0;
	int64_t		sum;

	for (int i = 0; i < ADDITIONS; i++)
	{
		if (number % 2 == 0)
			(void) zp_counter_add_relaxed(&shared->counter, 3);
		else
			ZP_REQUIRE_OK(zp_counter_add_checked_acq_rel(&shared->counter, 3, &sum));
		if (i % 1000 == number)
			taken += zp_counter_reset_acquire(&shared->counter);
	}
	(void) zp_counter_add_relaxed(&shared->taken, taken);
}

static void
check_nothing_lost(void)
{
	int64_t		left = zp_counter_reset_acquire(&here->counter);
	int64_t		taken = zp_counter_reset_acquire(&here->taken);

	assert_true(left >= 0);
	assert_true(taken > 0);
	assert_true(left + taken == (int64_t) 4 * ADDITIONS * 3);
}

static void
test_counter_loses_nothing(void **state)
{
	Workers		workers;
	Children	children;

	(void) state;
	start_workers(&workers, 4, add_and_reset, here);
	join_workers(&workers);
	check_nothing_lost();
	children = start_children(4, add_and_reset, there);
	join_children(&children);
	check_nothing_lost();
}

static void
test_flag(void **state)
{
	ZpWaitHooks hooks = watch_hooks(&here->watch);
	int64_t		begin;

	(void) state;
	zp_flag_init(&here->flag, true);
	assert_true(zp_flag_test_acquire(&here->flag));
	zp_flag_init(&here->flag, false);
	assert_false(zp_flag_test_acquire(&here->flag));
	assert_false(zp_flag_clear_acq_rel(&here->flag));
	assert_false(zp_flag_set_acq_rel(&here->flag));
	assert_true(zp_flag_set_acq_rel(&here->flag));
	assert_true(zp_flag_test_acquire(&here->flag));

	/* A set flag is there for who should stop and for who has no time. */
	zp_store_relaxed_u32(&here->watch.stop, 1);
	assert_int_equal(zp_flag_wait_acquire(&here->flag, 0, &hooks), ZP_OK);
	assert_true(zp_flag_clear_acq_rel(&here->flag));
	assert_false(zp_flag_clear_acq_rel(&here->flag));
	assert_int_equal(zp_flag_wait_acquire(&here->flag, ZP_WAIT_FOREVER, &hooks), ZP_CANCELLED);
	assert_int_equal(zp_flag_wait_acquire(&here->flag, 0, NULL), ZP_TIMED_OUT);
	begin = zp_clock_us();
	assert_int_equal(zp_flag_wait_acquire(&here->flag, 60000, NULL), ZP_TIMED_OUT);
	assert_true(zp_clock_us() - begin >= 60000);

	/* What a waiter that gave up left behind does not look like a set flag. */
	assert_false(zp_flag_test_acquire(&here->flag));
	assert_false(zp_flag_clear_acq_rel(&here->flag));
	assert_false(zp_flag_set_acq_rel(&here->flag));
	assert_true(zp_flag_clear_acq_rel(&here->flag));
}

static void
wait_for_flag(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpWaitHooks hooks = watch_hooks(&shared->watch);

	ZP_REQUIRE_OK(zp_flag_wait_acquire(&shared->flag, HANG_US, number % 2 ? &hooks : NULL));
	ZP_REQUIRE(shared->message == 42);
	(void) zp_fetch_add_seq_cst_u32(&shared->done, 1);
}

static void
test_flag_wakes_everybody(void **state)
{
	Children	children;
	Workers		workers;

	(void) state;
	zp_flag_init(&here->flag, false);
	children = start_children(8, wait_for_flag, there);
	for (int i = 0; i < 8; i++)
		wait_until_asleep(children.pids[i]);
	start_workers(&workers, 8, wait_for_flag, here);
	for (int i = 0; i < 8; i++)
		wait_until_worker_asleep(&workers, i);
	assert_int_equal(zp_load_acquire_u32(&here->done), 0);
	here->message = 42;
	assert_false(zp_flag_set_acq_rel(&here->flag));
	join_workers(&workers);
	join_children(&children);
	assert_int_equal(zp_load_relaxed_u32(&here->done), 16);
	assert_true(zp_flag_test_acquire(&here->flag));
}

/* Two participants hand a message to and fro; number 0 begins. */
static void
play_with_flags(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpFlag	   *mine = number == 0 ? &shared->flag : &shared->other_flag;
	ZpFlag	   *theirs = number == 0 ? &shared->other_flag : &shared->flag;

	for (uint64_t turn = 0; turn < TURNS; turn++)
	{
		ZP_REQUIRE_OK(zp_flag_wait_acquire(mine, HANG_US, NULL));
		ZP_REQUIRE(zp_flag_clear_acq_rel(mine));
		ZP_REQUIRE(shared->message == 2 * turn + (uint64_t) number);
		shared->message++;
		ZP_REQUIRE(!zp_flag_set_acq_rel(theirs));
	}
}

static void
test_flags_hand_over(void **state)
{
	Workers		workers;
	Children	children;

	(void) state;
	zp_flag_init(&here->flag, true);
	zp_flag_init(&here->other_flag, false);
	start_workers(&workers, 2, play_with_flags, here);
	join_workers(&workers);
	assert_int_equal(here->message, 2 * TURNS);

	here->message = 0;
	children = start_children(2, play_with_flags, there);
	join_children(&children);
	assert_int_equal(here->message, 2 * TURNS);
}

static void
test_waiter(void **state)
{
	ZpWaitHooks hooks = watch_hooks(&here->watch);

	(void) state;
	zp_waiter_init(&here->ping, 9);
	assert_int_equal(zp_waiter_load_acquire(&here->ping), 9);
	assert_int_equal(zp_waiter_count_relaxed(&here->ping), 0);
	assert_int_equal(zp_waiter_wake(&here->ping, 1), 0);
	assert_int_equal(zp_waiter_wake_all(&here->ping), 0);
	assert_int_equal(zp_waiter_wait(&here->ping, 8, ZP_WAIT_FOREVER, NULL), ZP_OK);
	assert_int_equal(zp_waiter_wait(&here->ping, 9, 20000, NULL), ZP_TIMED_OUT);
	zp_store_relaxed_u32(&here->watch.stop, 1);
	assert_int_equal(zp_waiter_wait(&here->ping, 9, ZP_WAIT_FOREVER, &hooks), ZP_CANCELLED);
	assert_int_equal(zp_waiter_count_relaxed(&here->ping), 0);
	zp_waiter_store_release(&here->ping, 10);
	assert_int_equal(zp_waiter_load_acquire(&here->ping), 10);

	/* The bare futex is the same without the count. */
	zp_futex_store_release(&here->ping.futex, 11);
	assert_int_equal(zp_futex_load_acquire(&here->ping.futex), 11);
}

static void
next_turn(ZpFutexWaiter *waiter, uint32_t value)
{
	zp_waiter_store_release(waiter, value);
	(void) zp_waiter_wake(waiter, 1);
}

/* As play_with_flags; a wake-up that is lost is a time limit that is reached. */
static void
play_with_waiters(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpFutexWaiter *mine = number == 0 ? &shared->ping : &shared->pong;
	ZpFutexWaiter *theirs = number == 0 ? &shared->pong : &shared->ping;

	for (uint32_t turn = 1; turn <= TURNS; turn++)
	{
		while (zp_waiter_load_acquire(mine) != turn)
			ZP_REQUIRE_OK(zp_waiter_wait(mine, turn - 1, HANG_US, NULL));
		ZP_REQUIRE(shared->message == 2 * (uint64_t) (turn - 1) + (uint64_t) number);
		shared->message++;
		next_turn(theirs, number == 0 ? turn : turn + 1);
	}
}

static void
begin_play(void)
{
	here->message = 0;
	zp_waiter_init(&here->ping, 1);
	zp_waiter_init(&here->pong, 0);
}

static void
test_waiters_hand_over(void **state)
{
	Workers		workers;
	Children	children;

	(void) state;
	begin_play();
	start_workers(&workers, 2, play_with_waiters, here);
	join_workers(&workers);
	assert_int_equal(here->message, 2 * TURNS);
	assert_int_equal(zp_waiter_count_relaxed(&here->ping), 0);

	begin_play();
	children = start_children(2, play_with_waiters, there);
	join_children(&children);
	assert_int_equal(here->message, 2 * TURNS);
	assert_int_equal(zp_waiter_count_relaxed(&here->ping), 0);
	assert_int_equal(zp_waiter_count_relaxed(&here->pong), 0);
}

#ifndef ZP_PORTABLE_FUTEX

static void
wait_until_woken(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpWaitHooks hooks = watch_only_hooks(&shared->watch);

	(void) number;
	ZP_REQUIRE_OK(zp_waiter_wait(&shared->ping, 0, HANG_US, &hooks));
	(void) zp_fetch_add_seq_cst_u32(&shared->done, 1);
}

static void
test_waiter_wakes_exactly_n(void **state)
{
	Children	children;

	(void) state;
	zp_waiter_init(&here->ping, 0);
	children = start_children(6, wait_until_woken, there);
	wait_for_count(&here->watch.begun, 6);
	for (int i = 0; i < 6; i++)
		wait_until_asleep(children.pids[i]);
	assert_int_equal(zp_waiter_count_relaxed(&here->ping), 6);
	assert_int_equal(zp_waiter_wake(&here->ping, 0), 0);
	assert_int_equal(zp_waiter_wake(&here->ping, 2), 2);
	wait_for_count(&here->done, 2);
	sleep_ms(30);
	assert_int_equal(zp_load_acquire_u32(&here->done), 2);
	assert_int_equal(zp_waiter_count_relaxed(&here->ping), 4);
	assert_int_equal(zp_waiter_wake_all(&here->ping), 4);
	join_children(&children);
	assert_int_equal(zp_waiter_count_relaxed(&here->ping), 0);
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_names),
		cmocka_unit_test(test_points),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_counter),
		cmocka_unit_test_setup_teardown(test_counter_loses_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flag, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flag_wakes_everybody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flags_hand_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_waiter, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_waiters_hand_over, set_up, tear_down),
#ifndef ZP_PORTABLE_FUTEX
		cmocka_unit_test_setup_teardown(test_waiter_wakes_exactly_n, set_up, tear_down),
#endif
	};

	return cmocka_run_group_tests_name("port: sync", tests, start_watchdog, NULL);
}
