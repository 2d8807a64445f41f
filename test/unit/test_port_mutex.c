/*
 * test_port_mutex.c
 *	  The shared mutex: exclusion among threads and processes, giving up, sleeps.
 */
#include "port_fixture.h"

#include "port/backoff.h"
#include "port/mutex.h"

#define ROUNDS 20000

typedef struct Shared
{
	ZpMutex		mutex;
	uint64_t	guarded[2];		/* protected by mutex: always equal outside it */
	ZpAtomicU32 got;			/* participants that got the mutex, or rounds */
	ZpAtomicU32 gave_up;		/* those that were cancelled */
	ZpAtomicU32 sleeps;			/* as zp_mutex_lock counted them */
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
	zp_mutex_init(&here->mutex);
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
test_one_participant(void **state)
{
	uint32_t	sleeps = 5;
	ZpWaitHooks hooks = watch_hooks(&here->watch);

	(void) state;
	assert_true(zp_mutex_try_lock(&here->mutex));
	assert_false(zp_mutex_try_lock(&here->mutex));
	zp_mutex_unlock(&here->mutex);

	/* A free mutex is given even to somebody who should stop. */
	zp_store_relaxed_u32(&here->watch.stop, 1);
	assert_int_equal(zp_mutex_lock(&here->mutex, &hooks, &sleeps), ZP_OK);
	assert_int_equal(sleeps, 5);
	assert_false(zp_mutex_try_lock(&here->mutex));

	/* A held one is not. */
	assert_int_equal(zp_mutex_lock(&here->mutex, &hooks, &sleeps), ZP_CANCELLED);
	assert_int_equal(sleeps, 6);
	assert_false(zp_mutex_try_lock(&here->mutex));
	zp_mutex_unlock(&here->mutex);
	assert_true(zp_mutex_try_lock(&here->mutex));
	zp_mutex_unlock(&here->mutex);
	assert_int_equal(zp_mutex_lock(&here->mutex, NULL, NULL), ZP_OK);
	zp_mutex_unlock(&here->mutex);
	zp_mutex_init(&here->mutex);
	assert_true(zp_mutex_try_lock(&here->mutex));
}

static void
add_under_mutex(Shared *shared)
{
	ZP_REQUIRE(shared->guarded[0] == shared->guarded[1]);
	shared->guarded[0]++;
	zp_cpu_relax();
	shared->guarded[1]++;
}

static void
add_many(int number, void *argument)
{
	Shared	   *shared = argument;
	uint32_t	sleeps = 0;

	(void) number;
	for (int i = 0; i < ROUNDS; i++)
	{
		ZP_REQUIRE_OK(zp_mutex_lock(&shared->mutex, NULL, &sleeps));
		add_under_mutex(shared);
		zp_mutex_unlock(&shared->mutex);
	}
	(void) zp_fetch_add_relaxed_u32(&shared->sleeps, sleeps);
}

static void
test_exclusion_8_threads(void **state)
{
	Workers		workers;

	(void) state;
	start_workers(&workers, 8, add_many, here);
	join_workers(&workers);
	assert_int_equal(here->guarded[0], 8 * ROUNDS);
	assert_int_equal(here->guarded[1], 8 * ROUNDS);
	assert_true(zp_mutex_try_lock(&here->mutex));
}

static void
test_exclusion_4_processes(void **state)
{
	Children	children = start_children(4, add_many, there);

	(void) state;
	join_children(&children);
	assert_int_equal(here->guarded[0], 4 * ROUNDS);
	assert_int_equal(here->guarded[1], 4 * ROUNDS);
	assert_true(zp_mutex_try_lock(&here->mutex));
}

/* Waits for a mutex that is held; the first child gives up, the others do not. */
static void
wait_for_mutex(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpWaitHooks hooks = watch_hooks(&shared->watch);
	ZpWaitHooks patient = watch_only_hooks(&shared->watch);
	uint32_t	sleeps = 0;

	if (number == 0)
	{
		ZP_REQUIRE_STATUS(zp_mutex_lock(&shared->mutex, &hooks, &sleeps), ZP_CANCELLED);
		(void) zp_fetch_add_seq_cst_u32(&shared->gave_up, 1);
	}
	else
	{
		ZP_REQUIRE_OK(zp_mutex_lock(&shared->mutex, &patient, &sleeps));
		(void) zp_fetch_add_seq_cst_u32(&shared->got, 1);
		zp_mutex_unlock(&shared->mutex);
	}
	ZP_REQUIRE(sleeps >= 1);
	(void) zp_fetch_add_seq_cst_u32(&shared->sleeps, sleeps);
}

static void
test_one_gives_up_others_get_it(void **state)
{
	Children	children;

	(void) state;
	assert_int_equal(zp_mutex_lock(&here->mutex, NULL, NULL), ZP_OK);
	children = start_children(3, wait_for_mutex, there);
	wait_for_count(&here->watch.begun, 3);
	zp_store_release_u32(&here->watch.stop, 1);
	wait_for_count(&here->gave_up, 1);

	/* It left, and neither took the mutex nor let anybody else have it. */
	assert_int_equal(zp_load_acquire_u32(&here->got), 0);
	assert_false(zp_mutex_try_lock(&here->mutex));
	zp_mutex_unlock(&here->mutex);
	join_children(&children);
	assert_int_equal(zp_load_relaxed_u32(&here->got), 2);
	assert_int_equal(zp_load_relaxed_u32(&here->gave_up), 1);
	assert_true(zp_load_relaxed_u32(&here->sleeps) >= 3);
	assert_true(zp_mutex_try_lock(&here->mutex));
}

/* Says stop every third time that it is asked. */
static bool
often_stop(void *context)
{
	uint32_t   *asked = context;

	return ++*asked % 3 == 0;
}

static void
add_or_give_up(int number, void *argument)
{
	Shared	   *shared = argument;
	uint32_t	asked = (uint32_t) number;
	ZpWaitHooks hooks = {.should_stop = often_stop, .context = &asked};
	uint32_t	got = 0;
	uint32_t	gave_up = 0;

	for (int i = 0; i < ROUNDS; i++)
	{
		/* Every second participant is patient: only a wake-up ends its sleep. */
		ZpStatus	status = zp_mutex_lock(&shared->mutex, number % 2 ? NULL : &hooks, NULL);

		if (status == ZP_OK)
		{
			add_under_mutex(shared);
			/* Held over a time slice now and then, so that others do sleep. */
			if (i % 512 == 0)
				sleep_ms(1);
			zp_mutex_unlock(&shared->mutex);
			got++;
		}
		else
		{
			ZP_REQUIRE(status == ZP_CANCELLED);
			gave_up++;
		}
	}
	(void) zp_fetch_add_relaxed_u32(&shared->got, got);
	(void) zp_fetch_add_relaxed_u32(&shared->gave_up, gave_up);
}

/* Nobody who gives up eats a wake-up (the patient would hang) or gets in by it. */
static void
test_giving_up_under_load(void **state)
{
	Children	children = start_children(6, add_or_give_up, there);

	(void) state;
	join_children(&children);
	assert_int_equal(here->guarded[0], zp_load_relaxed_u32(&here->got));
	assert_int_equal(here->guarded[1], zp_load_relaxed_u32(&here->got));
	assert_int_equal(zp_load_relaxed_u32(&here->got) + zp_load_relaxed_u32(&here->gave_up),
					 6 * ROUNDS);
	assert_true(zp_load_relaxed_u32(&here->gave_up) > 0);
	assert_true(zp_mutex_try_lock(&here->mutex));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_participant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_exclusion_8_threads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_exclusion_4_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_gives_up_others_get_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_giving_up_under_load, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("port: mutex", tests, start_watchdog, NULL);
}
