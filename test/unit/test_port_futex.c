/*
 * test_port_futex.c
 *	  Sleeping and waking: limits, counts, cancelling, signals, processes.
 *
 * What zp_futex_wake returns and whom exactly it wakes is promised on Linux only;
 * a build with -DZP_PORTABLE_FUTEX leaves those tests out and runs the others.
 */
#include "port_fixture.h"

typedef struct Shared
{
	ZpAtomicU32 word;			/* the futex */
	ZpAtomicU32 woken;			/* sleepers that returned ZP_OK */
	ZpAtomicU32 cancelled;		/* sleepers that returned ZP_CANCELLED */
	ZpAtomicU64 cancelled_at;	/* zp_clock_us() of the last such return */
	ZpAtomicU32 signals;		/* raised by the signal handler */
	Watch		watch;
} Shared;

static TwiceMapped mapped;
static Shared *here;			/* the test's own address */
static Shared *there;			/* the children's */

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
test_word_differs(void **state)
{
	ZpWaitHooks hooks = watch_hooks(&here->watch);

	(void) state;
	zp_store_relaxed_u32(&here->word, 7);
	zp_store_relaxed_u32(&here->watch.stop, 1);
	assert_int_equal(zp_futex_wait(&here->word, 8, ZP_WAIT_FOREVER, &hooks), ZP_OK);
	assert_int_equal(zp_futex_wait(&here->word, 8, 0, NULL), ZP_OK);
	assert_int_equal(zp_load_relaxed_u32(&here->watch.asked), 0);
	assert_int_equal(zp_load_relaxed_u32(&here->watch.begun), 0);
}

/* Waits as a user does who minds being woken for no reason. */
static ZpStatus
wait_whole(int64_t timeout_us, const ZpWaitHooks *hooks)
{
	int64_t		deadline = zp_deadline_after(timeout_us);
	ZpStatus	status;

	do
		status = zp_futex_wait(&here->word, 0, zp_deadline_left(deadline), hooks);
	while (status == ZP_OK && zp_load_relaxed_u32(&here->word) == 0);
	return status;
}

static void
check_timeout(int64_t timeout_us, const ZpWaitHooks *hooks)
{
	int64_t		begin = zp_clock_us();
	int64_t		took;

	assert_int_equal(wait_whole(timeout_us, hooks), ZP_TIMED_OUT);
	took = zp_clock_us() - begin;
	assert_true(took >= timeout_us);
	assert_true(took < timeout_us + 2000000);
}

static void
test_timeouts(void **state)
{
	ZpWaitHooks hooks = watch_hooks(&here->watch);

	(void) state;
	check_timeout(0, NULL);
	check_timeout(1, NULL);
	check_timeout(30000, NULL);
	check_timeout(1100000, NULL);	/* over a second: both fields of the limit */
	check_timeout(0, &hooks);
	assert_int_equal(zp_load_relaxed_u32(&here->watch.begun), 0);
	check_timeout(20000, &hooks);
	check_timeout(170000, &hooks);	/* several slices */
	/* It sleeps in slices, but it does sleep. */
	assert_in_range(zp_load_relaxed_u32(&here->watch.asked), 6, 20);
	assert_true(zp_load_relaxed_u32(&here->watch.begun) >= 2);
	assert_int_equal(zp_load_relaxed_u32(&here->watch.begun),
					 zp_load_relaxed_u32(&here->watch.ended));
}

static void
test_deadlines(void **state)
{
	(void) state;
	assert_true(zp_deadline_after(ZP_WAIT_FOREVER) == ZP_NO_DEADLINE);
	assert_true(zp_deadline_after(INT64_MAX) == ZP_NO_DEADLINE);
	assert_true(zp_deadline_after(INT64_MIN) == ZP_NO_DEADLINE);
	assert_true(zp_deadline_left(ZP_NO_DEADLINE) == ZP_WAIT_FOREVER);
	assert_true(zp_deadline_left(zp_clock_us()) == 0);
	assert_true(zp_deadline_left(0) == 0);
	assert_true(zp_deadline_left(zp_deadline_after(HANG_US)) > HANG_US - 5000000);
	assert_true(zp_deadline_left(zp_deadline_after(HANG_US)) <= HANG_US);
}

static void
test_stop_before_sleep(void **state)
{
	ZpWaitHooks hooks = watch_hooks(&here->watch);

	(void) state;
	zp_store_relaxed_u32(&here->watch.stop, 1);
	assert_int_equal(zp_futex_wait(&here->word, 0, ZP_WAIT_FOREVER, &hooks), ZP_CANCELLED);
	assert_int_equal(zp_futex_wait(&here->word, 0, 0, &hooks), ZP_CANCELLED);
	assert_int_equal(zp_load_relaxed_u32(&here->watch.begun), 0);
	assert_int_equal(zp_load_relaxed_u32(&here->watch.ended), 0);
}

/* A sleeper that returns when the word is no longer 0. */
static void
sleep_until_changed(int number, void *argument)
{
	Shared	   *shared = argument;

	(void) number;
	while (zp_load_acquire_u32(&shared->word) == 0)
		ZP_REQUIRE_OK(zp_futex_wait(&shared->word, 0, HANG_US, NULL));
	(void) zp_fetch_add_seq_cst_u32(&shared->woken, 1);
}

static void
test_change_wakes_processes(void **state)
{
	Children	children = start_children(4, sleep_until_changed, there);

	(void) state;
	for (int i = 0; i < 4; i++)
		wait_until_asleep(children.pids[i]);
	zp_store_release_u32(&here->word, 1);
	(void) zp_futex_wake_all(&here->word);
	join_children(&children);
	assert_int_equal(zp_load_relaxed_u32(&here->woken), 4);
}

/* A sleeper that must be cancelled, and says when it was. */
static void
sleep_until_cancelled(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpWaitHooks hooks = watch_hooks(&shared->watch);
	ZpStatus	status;

	(void) number;
	do
		status = zp_futex_wait(&shared->word, 0, ZP_WAIT_FOREVER, &hooks);
	while (status == ZP_OK);
	ZP_REQUIRE(status == ZP_CANCELLED);
	(void) zp_exchange_seq_cst_u64(&shared->cancelled_at, (uint64_t) zp_clock_us());
	(void) zp_fetch_add_seq_cst_u32(&shared->cancelled, 1);
}

/* The promise is 100 ms; a busy machine may be late, but not five times in a row. */
static void
test_stop_within_100_ms(void **state)
{
	int64_t		best = INT64_MAX;

	(void) state;
	for (uint32_t try = 1; try <= 5; try++)
	{
		Children	children = start_children(1, sleep_until_cancelled, there);
		int64_t		stopped_at;
		int64_t		took;

		wait_for_count(&here->watch.begun, try);
		wait_until_asleep(children.pids[0]);
		stopped_at = zp_clock_us();
		zp_store_release_u32(&here->watch.stop, 1);
		join_children(&children);
		took = (int64_t) zp_load_relaxed_u64(&here->cancelled_at) - stopped_at;
		assert_true(took < 2000000);
		if (took < best)
			best = took;
		zp_store_release_u32(&here->watch.stop, 0);
	}
	assert_int_equal(zp_load_relaxed_u32(&here->cancelled), 5);
	assert_true(best < 100000);
	assert_int_equal(zp_load_relaxed_u32(&here->watch.begun),
					 zp_load_relaxed_u32(&here->watch.ended));
}

static Shared *signal_shared;

static void
count_signal(int signal_number)
{
	(void) signal_number;
	(void) zp_fetch_add_relaxed_u32(&signal_shared->signals, 1);
}

static void
handle_signals(Shared *shared, int flags)
{
	struct sigaction action = {.sa_handler = count_signal, .sa_flags = flags};

	signal_shared = shared;
	ZP_REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
}

/* A sleeper under a rain of signals, whose time limit must hold all the same. */
static void
sleep_under_signals(int number, void *argument)
{
	Shared	   *shared = argument;
	int64_t		begin = zp_clock_us();
	int64_t		deadline = zp_deadline_after(150000);
	ZpStatus	status;

	/* The first as PostgreSQL does it, the second so that every call is cut. */
	handle_signals(shared, number == 0 ? SA_RESTART : 0);
	do
	{
		status = zp_futex_wait(&shared->word, 0, zp_deadline_left(deadline), NULL);
#ifndef ZP_PORTABLE_FUTEX
		/* Nobody wakes it, so it has no reason to say so. */
		ZP_REQUIRE(status == ZP_TIMED_OUT);
#endif
	} while (status == ZP_OK);
	ZP_REQUIRE(status == ZP_TIMED_OUT);
	ZP_REQUIRE(zp_clock_us() - begin >= 150000);
	(void) zp_fetch_add_seq_cst_u32(&shared->woken, 1);
}

static void
test_signals_do_not_end_waits(void **state)
{
	Children	children;
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction before;

	(void) state;

	/* Until the children have their handlers. */
	ZP_REQUIRE(sigaction(SIGUSR1, &ignore, &before) == 0);
	children = start_children(2, sleep_under_signals, there);
	while (zp_load_acquire_u32(&here->woken) < 2)
	{
		/* A child that has ended stays a zombie until it is joined. */
		ZP_REQUIRE(kill(children.pids[0], SIGUSR1) == 0);
		ZP_REQUIRE(kill(children.pids[1], SIGUSR1) == 0);
		sleep_ms(2);
	}
	join_children(&children);
	assert_true(zp_load_relaxed_u32(&here->signals) > 10);
	ZP_REQUIRE(sigaction(SIGUSR1, &before, NULL) == 0);
}

#ifndef ZP_PORTABLE_FUTEX

static void
test_wake_nobody(void **state)
{
	(void) state;
	assert_int_equal(zp_futex_wake(&here->word, 0), 0);
	assert_int_equal(zp_futex_wake(&here->word, 1), 0);
	assert_int_equal(zp_futex_wake(&here->word, UINT32_MAX), 0);
	assert_int_equal(zp_futex_wake_all(&here->word), 0);
}

/* A sleeper that returns when it is woken, though the word stays as it is. */
static void
sleep_until_woken(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpWaitHooks hooks = watch_only_hooks(&shared->watch);

	(void) number;
	ZP_REQUIRE_OK(zp_futex_wait(&shared->word, 0, HANG_US, &hooks));
	(void) zp_fetch_add_seq_cst_u32(&shared->woken, 1);
}

static void
wait_until_all_sleep(const Children *children)
{
	wait_for_count(&here->watch.begun, (uint32_t) children->count);
	for (int i = 0; i < children->count; i++)
		wait_until_asleep(children->pids[i]);
}

/* Wakes some, and sees that those and no others return. */
static void
check_wake(uint32_t n, uint32_t expected, uint32_t woken_in_all)
{
	assert_int_equal(zp_futex_wake(&here->word, n), expected);
	wait_for_count(&here->woken, woken_in_all);
	sleep_ms(30);
	assert_int_equal(zp_load_acquire_u32(&here->woken), woken_in_all);
}

static void
test_wake_wakes_exactly_n(void **state)
{
	Children	children = start_children(8, sleep_until_woken, there);

	(void) state;
	wait_until_all_sleep(&children);
	check_wake(0, 0, 0);
	check_wake(1, 1, 1);
	check_wake(3, 3, 4);
	check_wake(100, 4, 8);
	check_wake(1, 0, 8);
	join_children(&children);
	assert_int_equal(zp_load_relaxed_u32(&here->watch.ended), 8);
}

static void
test_wake_all_processes(void **state)
{
	Children	children = start_children(16, sleep_until_woken, there);

	(void) state;
	wait_until_all_sleep(&children);
	assert_int_equal(zp_futex_wake_all(&here->word), 16);
	join_children(&children);
	assert_int_equal(zp_load_relaxed_u32(&here->woken), 16);
}

static void
test_wake_all_threads(void **state)
{
	Workers		workers;

	(void) state;
	start_workers(&workers, 16, sleep_until_woken, here);
	wait_for_count(&here->watch.begun, 16);
	for (int i = 0; i < 16; i++)
		wait_until_worker_asleep(&workers, i);

	/* The largest number is not minus one. */
	assert_int_equal(zp_futex_wake(&here->word, UINT32_MAX), 16);
	join_workers(&workers);
	assert_int_equal(zp_load_relaxed_u32(&here->woken), 16);
}

/* A sleeper that takes what comes: cancelled or woken. */
static void
sleep_either_way(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpWaitHooks hooks = watch_hooks(&shared->watch);
	ZpStatus	status = zp_futex_wait(&shared->word, 0, HANG_US, &hooks);

	(void) number;
	if (status == ZP_OK)
		(void) zp_fetch_add_seq_cst_u32(&shared->woken, 1);
	else
	{
		ZP_REQUIRE(status == ZP_CANCELLED);
		(void) zp_fetch_add_seq_cst_u32(&shared->cancelled, 1);
	}
}

/* A wake-up that found a sleeper is never turned into a cancellation. */
static void
test_cancelled_sleeper_eats_no_wake(void **state)
{
	uint32_t	handed_out = 0;

	(void) state;
	for (uint32_t try = 1; try <= 20; try++)
	{
		Children	children = start_children(1, sleep_either_way, there);

		wait_for_count(&here->watch.begun, try);
		wait_until_asleep(children.pids[0]);
		zp_store_release_u32(&here->watch.stop, 1);
		handed_out += zp_futex_wake(&here->word, 1);
		join_children(&children);
		zp_store_release_u32(&here->watch.stop, 0);
		assert_int_equal(zp_load_relaxed_u32(&here->woken), handed_out);
		assert_int_equal(zp_load_relaxed_u32(&here->cancelled), try - handed_out);
	}
	assert_true(handed_out > 0);
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_word_differs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timeouts, set_up, tear_down),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test_setup_teardown(test_stop_before_sleep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_change_wakes_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stop_within_100_ms, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signals_do_not_end_waits, set_up, tear_down),
#ifndef ZP_PORTABLE_FUTEX
		cmocka_unit_test_setup_teardown(test_wake_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wake_wakes_exactly_n, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wake_all_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wake_all_threads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancelled_sleeper_eats_no_wake, set_up,
										tear_down),
#endif
	};

	return cmocka_run_group_tests_name("port: futex", tests, start_watchdog, NULL);
}
