/*
 * test_port_local.c
 *	  Backend-local storage: ids that are used again, destructors, other processes.
 */
#include "port_fixture.h"

#include "port/local_storage.h"

#define ROUNDS 20000

typedef struct Shared
{
	ZpLocalKeyTable table;
	ZpLocalKey	key;			/* written before the children start */
	ZpLocalKey	second_key;		/* written by one participant while others wait */
	ZpAtomicU32 step;			/* where the two participants are; a futex */
	ZpAtomicU32 owners[ZP_LOCAL_KEYS];	/* number + 1 of who has the id; 0: nobody */
} Shared;

static TwiceMapped mapped;
static Shared *here;
static Shared *there;
static ZpLocalStorage storage;
static int	destroyed;			/* calls of count_destroyed; of one thread */
static void *last_destroyed;

static int
set_up(void **state)
{
	(void) state;
	mapped = map_twice(8192);
	here = mapped.first;
	there = mapped.second;
	/* Not all zeros, to see that the initialisers do their work. */
	memset(&here->table, 0xff, sizeof(here->table));
	memset(&storage, 0xff, sizeof(storage));
	zp_local_table_init(&here->table);
	zp_local_storage_init(&storage, &here->table);
	destroyed = 0;
	last_destroyed = NULL;
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
count_destroyed(void *value)
{
	destroyed++;
	last_destroyed = value;
}

static void
test_get_and_set(void **state)
{
	ZpLocalKey	key;
	int			one;
	int			two;

	(void) state;
	assert_int_equal(zp_local_key_alloc(&here->table, &key), ZP_OK);
	assert_true(zp_local_key_is_live(&here->table, key));
	assert_int_equal(zp_local_keys_in_use(&here->table), 1);
	assert_null(zp_local_get(&storage, key));
	assert_int_equal(zp_local_set(&storage, key, &one, count_destroyed), ZP_OK);
	assert_ptr_equal(zp_local_get(&storage, key), &one);

	/* The same again is no end of it. */
	assert_int_equal(zp_local_set(&storage, key, &one, count_destroyed), ZP_OK);
	assert_int_equal(destroyed, 0);
	assert_int_equal(zp_local_set(&storage, key, &two, NULL), ZP_OK);
	assert_int_equal(destroyed, 1);
	assert_ptr_equal(last_destroyed, &one);
	assert_ptr_equal(zp_local_get(&storage, key), &two);

	/* No destructor: nothing is called. */
	assert_int_equal(zp_local_set(&storage, key, &one, count_destroyed), ZP_OK);
	assert_int_equal(destroyed, 1);
	assert_int_equal(zp_local_set(&storage, key, NULL, count_destroyed), ZP_OK);
	assert_int_equal(destroyed, 2);
	assert_null(zp_local_get(&storage, key));
	assert_int_equal(zp_local_free_all(&storage), 0);
	assert_int_equal(destroyed, 2);
}

static void
test_bad_keys(void **state)
{
	ZpLocalKey	never = {.generation = 1, .id = 3};
	ZpLocalKey	none = {0};
	ZpLocalKey	outside = {.generation = 1, .id = ZP_LOCAL_KEYS};
	ZpLocalKey	bad[] = {never, none, outside};
	int			value;

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		assert_false(zp_local_key_is_live(&here->table, bad[i]));
		assert_int_equal(zp_local_key_release(&here->table, bad[i]), ZP_BAD_ARGUMENT);
		assert_int_equal(zp_local_set(&storage, bad[i], &value, NULL), ZP_BAD_ARGUMENT);
		assert_null(zp_local_get(&storage, bad[i]));
	}
	assert_int_equal(zp_local_keys_in_use(&here->table), 0);
}

static void
test_all_ids(void **state)
{
	ZpLocalKey	keys[ZP_LOCAL_KEYS];
	ZpLocalKey	extra = {.generation = 99, .id = 99};
	int			values[ZP_LOCAL_KEYS];

	(void) state;
	for (uint32_t i = 0; i < ZP_LOCAL_KEYS; i++)
	{
		assert_int_equal(zp_local_key_alloc(&here->table, &keys[i]), ZP_OK);
		assert_int_equal(zp_local_set(&storage, keys[i], &values[i], count_destroyed), ZP_OK);
	}
	assert_int_equal(zp_local_key_alloc(&here->table, &extra), ZP_OVER_LIMIT);
	assert_int_equal(extra.generation, 99);
	assert_int_equal(extra.id, 99);
	for (uint32_t i = 0; i < ZP_LOCAL_KEYS; i++)
		assert_ptr_equal(zp_local_get(&storage, keys[i]), &values[i]);

	/* One goes, and one comes in its place. */
	assert_int_equal(zp_local_key_release(&here->table, keys[17]), ZP_OK);
	assert_int_equal(zp_local_keys_in_use(&here->table), ZP_LOCAL_KEYS - 1);
	assert_int_equal(zp_local_key_alloc(&here->table, &extra), ZP_OK);
	assert_int_equal(extra.id, keys[17].id);
	assert_true(extra.generation > keys[17].generation);
	assert_int_equal(zp_local_key_alloc(&here->table, &extra), ZP_OVER_LIMIT);
	assert_int_equal(zp_local_free_all(&storage), ZP_LOCAL_KEYS);
	assert_int_equal(destroyed, ZP_LOCAL_KEYS);
	assert_int_equal(zp_local_free_all(&storage), 0);

	/* The storage is as new. */
	assert_null(zp_local_get(&storage, keys[5]));
	assert_int_equal(zp_local_set(&storage, keys[5], &values[5], count_destroyed), ZP_OK);
	assert_ptr_equal(zp_local_get(&storage, keys[5]), &values[5]);
}

static void
test_stale_key_and_stale_value(void **state)
{
	ZpLocalKey	old;
	ZpLocalKey	new;
	int			one;
	int			two;

	(void) state;
	assert_int_equal(zp_local_key_alloc(&here->table, &old), ZP_OK);
	assert_int_equal(zp_local_set(&storage, old, &one, count_destroyed), ZP_OK);
	assert_int_equal(zp_local_key_release(&here->table, old), ZP_OK);
	assert_int_equal(zp_local_key_release(&here->table, old), ZP_NOT_FOUND);
	assert_false(zp_local_key_is_live(&here->table, old));
	assert_int_equal(destroyed, 0);

	/* Released: not to be had, even before the id is used again. */
	assert_null(zp_local_get(&storage, old));
	assert_int_equal(destroyed, 1);
	assert_ptr_equal(last_destroyed, &one);
	assert_int_equal(zp_local_set(&storage, old, &two, count_destroyed), ZP_DROPPED);
	assert_int_equal(destroyed, 1);

	/* The next life of the id does not see the last one's value ... */
	assert_int_equal(zp_local_key_alloc(&here->table, &old), ZP_OK);
	assert_int_equal(zp_local_set(&storage, old, &one, count_destroyed), ZP_OK);
	assert_int_equal(zp_local_key_release(&here->table, old), ZP_OK);
	assert_int_equal(zp_local_key_alloc(&here->table, &new), ZP_OK);
	assert_int_equal(new.id, old.id);
	assert_null(zp_local_get(&storage, new));
	assert_int_equal(destroyed, 2);

	/* ... and the last one's key has no hold on the next one's value. */
	assert_int_equal(zp_local_set(&storage, new, &two, count_destroyed), ZP_OK);
	assert_null(zp_local_get(&storage, old));
	assert_int_equal(zp_local_set(&storage, old, &one, count_destroyed), ZP_DROPPED);
	assert_int_equal(zp_local_key_release(&here->table, old), ZP_NOT_FOUND);
	assert_ptr_equal(zp_local_get(&storage, new), &two);
	assert_int_equal(destroyed, 2);

	/* Set without a look: the value of the life before goes first. */
	assert_int_equal(zp_local_key_release(&here->table, new), ZP_OK);
	assert_int_equal(zp_local_key_alloc(&here->table, &new), ZP_OK);
	assert_int_equal(zp_local_set(&storage, new, &two, count_destroyed), ZP_OK);
	assert_int_equal(destroyed, 3);
	assert_ptr_equal(zp_local_get(&storage, new), &two);
}

static void
test_sweep(void **state)
{
	ZpLocalKey	keys[3];
	int			values[3];

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(zp_local_key_alloc(&here->table, &keys[i]), ZP_OK);
		assert_int_equal(zp_local_set(&storage, keys[i], &values[i], count_destroyed), ZP_OK);
	}
	assert_int_equal(zp_local_sweep(&storage), 0);
	assert_int_equal(zp_local_key_release(&here->table, keys[1]), ZP_OK);
	assert_int_equal(zp_local_sweep(&storage), 1);
	assert_ptr_equal(last_destroyed, &values[1]);
	assert_int_equal(zp_local_sweep(&storage), 0);
	assert_ptr_equal(zp_local_get(&storage, keys[2]), &values[2]);
	assert_int_equal(zp_local_free_all(&storage), 2);
	assert_int_equal(destroyed, 3);
}

static ZpLocalKey nosy_key;
static ZpStatus nosy_status;
static void *nosy_saw;

/* A destructor that looks for its own value and sets it anew. */
static void
look_and_set(void *value)
{
	destroyed++;
	nosy_saw = zp_local_get(&storage, nosy_key);
	if (nosy_saw == NULL)
		nosy_status = zp_local_set(&storage, nosy_key, value, count_destroyed);
}

static void
test_destructor_uses_storage(void **state)
{
	int			one;
	int			two;

	(void) state;
	assert_int_equal(zp_local_key_alloc(&here->table, &nosy_key), ZP_OK);

	/* It does not find the value that is on its way out, but the next one. */
	assert_int_equal(zp_local_set(&storage, nosy_key, &one, look_and_set), ZP_OK);
	assert_int_equal(zp_local_set(&storage, nosy_key, &two, look_and_set), ZP_OK);
	assert_int_equal(destroyed, 1);
	assert_ptr_equal(nosy_saw, &two);

	/* When all is freed it cannot bring the value back. */
	assert_int_equal(zp_local_free_all(&storage), 1);
	assert_int_equal(destroyed, 2);
	assert_null(nosy_saw);
	assert_int_equal(nosy_status, ZP_DROPPED);
	assert_null(zp_local_get(&storage, nosy_key));
}

static void
wait_for_step(Shared *shared, uint32_t step)
{
	uint32_t	now;

	while ((now = zp_load_acquire_u32(&shared->step)) < step)
		ZP_REQUIRE_OK(zp_futex_wait(&shared->step, now, HANG_US, NULL));
}

static void
set_step(Shared *shared, uint32_t step)
{
	zp_store_release_u32(&shared->step, step);
	(void) zp_futex_wake_all(&shared->step);
}

/* The child's own values for the parent's keys. */
static void
child_of_two(int number, void *argument)
{
	Shared	   *shared = argument;
	int			mine;

	(void) number;
	zp_local_storage_init(&storage, &shared->table);
	ZP_REQUIRE(zp_local_get(&storage, shared->key) == NULL);
	ZP_REQUIRE_OK(zp_local_set(&storage, shared->key, &mine, count_destroyed));
	set_step(shared, 1);
	wait_for_step(shared, 2);

	/* The parent released the key, and took the id for another. */
	ZP_REQUIRE(shared->second_key.id == shared->key.id);
	ZP_REQUIRE(zp_local_get(&storage, shared->second_key) == NULL);
	ZP_REQUIRE(destroyed == 1 && last_destroyed == &mine);
	ZP_REQUIRE(zp_local_get(&storage, shared->key) == NULL);
	ZP_REQUIRE_OK(zp_local_set(&storage, shared->second_key, &mine, NULL));
	ZP_REQUIRE_OK(zp_local_key_release(&shared->table, shared->second_key));
	set_step(shared, 3);
}

static void
test_two_processes(void **state)
{
	Children	children;
	int			mine;

	(void) state;
	assert_int_equal(zp_local_key_alloc(&here->table, &here->key), ZP_OK);
	children = start_children(1, child_of_two, there);
	wait_for_step(here, 1);

	/* The child set a value under the key; there is none here. */
	assert_null(zp_local_get(&storage, here->key));
	assert_int_equal(zp_local_key_release(&here->table, here->key), ZP_OK);
	assert_int_equal(zp_local_key_alloc(&here->table, &here->second_key), ZP_OK);
	assert_int_equal(zp_local_set(&storage, here->second_key, &mine, count_destroyed), ZP_OK);
	set_step(here, 2);
	wait_for_step(here, 3);
	join_children(&children);
	assert_null(zp_local_get(&storage, here->second_key));
	assert_int_equal(destroyed, 1);
	assert_int_equal(zp_local_keys_in_use(&here->table), 0);
}

/* Takes and gives back ids; nobody else may have one that it has. */
static void
take_and_release(int number, void *argument)
{
	Shared	   *shared = argument;
	ZpLocalKey	keys[24];
	uint32_t	held = 0;
	unsigned int seed = (unsigned int) number + 1;

	for (int i = 0; i < ROUNDS; i++)
	{
		if (held < 24 && rand_r(&seed) % 2 == 0)
		{
			ZpStatus	status = zp_local_key_alloc(&shared->table, &keys[held]);

			if (status == ZP_OK)
			{
				ZP_REQUIRE(zp_exchange_seq_cst_u32(&shared->owners[keys[held].id],
												   (uint32_t) number + 1) == 0);
				held++;
			}
			else
				ZP_REQUIRE(status == ZP_OVER_LIMIT);
		}
		else if (held > 0)
		{
			uint32_t	victim = (uint32_t) rand_r(&seed) % held;
			ZpLocalKey	key = keys[victim];

			ZP_REQUIRE(zp_exchange_seq_cst_u32(&shared->owners[key.id], 0) ==
					   (uint32_t) number + 1);
			ZP_REQUIRE_OK(zp_local_key_release(&shared->table, key));
			ZP_REQUIRE_STATUS(zp_local_key_release(&shared->table, key), ZP_NOT_FOUND);
			keys[victim] = keys[--held];
		}
	}
	while (held > 0)
	{
		held--;
		ZP_REQUIRE(zp_exchange_seq_cst_u32(&shared->owners[keys[held].id], 0) ==
				   (uint32_t) number + 1);
		ZP_REQUIRE_OK(zp_local_key_release(&shared->table, keys[held]));
	}
}

static void
test_ids_are_exclusive(void **state)
{
	Workers		workers;
	Children	children;

	(void) state;
	start_workers(&workers, 4, take_and_release, here);
	join_workers(&workers);
	assert_int_equal(zp_local_keys_in_use(&here->table), 0);
	children = start_children(4, take_and_release, there);
	join_children(&children);
	assert_int_equal(zp_local_keys_in_use(&here->table), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_get_and_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_ids, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale_key_and_stale_value, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_destructor_uses_storage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_processes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ids_are_exclusive, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("port: local storage", tests, start_watchdog, NULL);
}
