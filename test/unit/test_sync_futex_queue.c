/*
 * test_sync_futex_queue.c
 *	  Futexes with exact wake-ups: the queue against a plain list; waiters that give up,
 *	  are woken and counted, in threads and processes; neighbours that cannot be mapped.
 */
#include "sync/futex_queue.h"
#include "test_mem.h"

#define NODES		12
#define WAITERS		4
#define WAITS		3000

typedef struct Ground
{
	World	   *world;
	ZpArenaMap *map;
	ZpRef		pool_ref;
	ZpPool	   *pool;
	ZpFutexQueue *queue;
	ZpRef		queue_ref;
} Ground;

static void
ground_create(Ground *ground)
{
	ground->world = world_create(0);
	ground->map = world_map(ground->world);
	ZP_REQUIRE_OK(zp_pool_create(ground->map, ZP_POOL_MUTEX, 0, &ground->pool_ref));
	ground->pool = zp_at(ground->map, ground->pool_ref);
	ZP_REQUIRE_OK(zp_pool_alloc(ground->map, ground->pool, sizeof(ZpFutexQueue),
								&ground->queue_ref));
	ground->queue = zp_at(ground->map, ground->queue_ref);
	zp_futex_queue_init(ground->queue, 0);
}

static uint32_t
wake(ZpArenaMap *map, ZpFutexQueue *queue, uint32_t n)
{
	uint32_t	woken;

	ZP_REQUIRE_OK(zp_futex_queue_wake(map, queue, n, &woken));
	return woken;
}

static bool
enter(ZpArenaMap *map, ZpFutexQueue *queue, ZpFutexNode *node, uint32_t expected)
{
	bool		entered;

	ZP_REQUIRE_OK(zp_futex_queue_enter(map, queue, node, expected, &entered));
	return entered;
}

/* Enters, leaves, wakes at random; a list of numbers says what must come of it. */
static void
the_queue_is_a_list(void **state)
{
	Ground		ground;
	ZpFutexNode *nodes[NODES];
	int			list[NODES];
	uint32_t	listed = 0;
	bool		woken[NODES] = {false};
	uint64_t	seed = 4;

	(void) state;
	ground_create(&ground);
	for (int i = 0; i < NODES; i++)
		ZP_REQUIRE_OK(zp_futex_node_alloc(ground.map, ground.pool, &nodes[i]));
	for (int step = 0; step < 200000; step++)
	{
		int			i = (int) random_below(&seed, NODES);
		uint32_t	place = 0;

		while (place < listed && list[place] != i)
			place++;
		switch (random_below(&seed, 5))
		{
			case 0:
			case 1:
				if (place < listed)
					break;
				ZP_REQUIRE(!enter(ground.map, ground.queue, nodes[i], 1));
				ZP_REQUIRE(enter(ground.map, ground.queue, nodes[i], 0));
				list[listed++] = i;
				woken[i] = false;
				break;
			case 2:
				ZP_REQUIRE(zp_futex_queue_leave(ground.map, ground.queue, nodes[i], false) ==
						   (place < listed));
				if (place == listed)
					break;
				listed--;
				memmove(&list[place], &list[place + 1], (listed - place) * sizeof(int));
				break;
			case 3:
				{
					uint32_t	n = random_below(&seed, 4);
					uint32_t	first = n < listed ? n : listed;

					ZP_REQUIRE(wake(ground.map, ground.queue, n) == first);
					for (uint32_t k = 0; k < first; k++)
						woken[list[k]] = true;
					listed -= first;
					memmove(list, list + first, listed * sizeof(int));
					break;
				}
			default:
				if (place < listed)
					ZP_REQUIRE_STATUS(zp_futex_queue_sleep(nodes[i], 0, NULL), ZP_TIMED_OUT);
				else if (woken[i])
					ZP_REQUIRE_OK(zp_futex_queue_sleep(nodes[i], 0, NULL));
				break;
		}
		ZP_REQUIRE(zp_futex_queue_waiting_relaxed(ground.queue) == listed);
	}

	/* Closed: all that wait are told, nobody enters. */
	ZP_REQUIRE(wake(ground.map, ground.queue, UINT32_MAX) == listed);
	for (int i = 0; i < NODES; i++)
		ZP_REQUIRE(enter(ground.map, ground.queue, nodes[i], 0));
	ZP_REQUIRE_OK(zp_futex_queue_close(ground.map, ground.queue));
	for (int i = 0; i < NODES; i++)
	{
		bool		entered;

		ZP_REQUIRE_STATUS(zp_futex_queue_sleep(nodes[i], ZP_WAIT_FOREVER, NULL), ZP_DROPPED);
		ZP_REQUIRE(!zp_futex_queue_leave(ground.map, ground.queue, nodes[i], true));
		ZP_REQUIRE_STATUS(zp_futex_queue_enter(ground.map, ground.queue, nodes[i], 0, &entered),
						  ZP_DROPPED);
		zp_futex_node_free(ground.map, ground.pool, nodes[i]);
	}
	ZP_REQUIRE_OK(zp_futex_queue_close(ground.map, ground.queue));
	world_destroy(ground.world);
}

/* Who leaves with a wake-up that it will not use gives it to the next, if there is one. */
static void
a_wake_up_is_passed_on(void **state)
{
	Ground		ground;
	ZpFutexNode *nodes[3];

	(void) state;
	ground_create(&ground);
	for (int i = 0; i < 3; i++)
	{
		ZP_REQUIRE_OK(zp_futex_node_alloc(ground.map, ground.pool, &nodes[i]));
		ZP_REQUIRE(enter(ground.map, ground.queue, nodes[i], 0));
	}
	ZP_REQUIRE(wake(ground.map, ground.queue, 1) == 1);
	ZP_REQUIRE(!zp_futex_queue_leave(ground.map, ground.queue, nodes[0], true));
	ZP_REQUIRE_OK(zp_futex_queue_sleep(nodes[1], 0, NULL));
	ZP_REQUIRE(zp_futex_queue_leave(ground.map, ground.queue, nodes[2], true));
	ZP_REQUIRE(wake(ground.map, ground.queue, 1) == 0);
	world_destroy(ground.world);
}

/* What waiters and waker share. */
typedef struct Count
{
	ZpRef		queue;
	ZpRef		pool;
	ZpAtomicU32 ready;
	ZpAtomicU32 finished;
	ZpAtomicU64 told;			/* the waker was told that they woke */
	ZpAtomicU64 woken;			/* they say that they woke */
	ZpAtomicU64 gave_up;
} Count;

static bool
stop_sometimes(void *context)
{
	return random_below(context, 3) == 0;
}

/* Number 0 wakes, the others wait, with short timeouts, hooks that stop, or without limit. */
static int
wait_or_wake(World *world, ZpArenaMap *map, int number, void *argument)
{
	Count	   *count = argument;
	ZpFutexQueue *queue = zp_at(map, count->queue);
	ZpPool	   *pool = zp_at(map, count->pool);
	uint64_t	seed = (uint64_t) number + 77;
	ZpFutexNode *node;

	(void) world;
	if (number == 0)
	{
		while (zp_load_acquire_u32(&count->finished) < WAITERS)
		{
			uint32_t	n = random_below(&seed, WAITERS + 2);
			uint32_t	woken = wake(map, queue, n);

			ZP_REQUIRE(woken <= n);
			(void) zp_fetch_add_relaxed_u64(&count->told, woken);
		}
		return 0;
	}
	ZP_REQUIRE_OK(zp_futex_node_alloc(map, pool, &node));
	for (int i = 0; i < WAITS; i++)
	{
		ZpWaitHooks hooks = {stop_sometimes, NULL, NULL, &seed};
		uint32_t	kind = random_below(&seed, 3);
		ZpStatus	status;

		ZP_REQUIRE(enter(map, queue, node, 0));
		status = zp_futex_queue_sleep(node, kind == 0 ? (int64_t) random_below(&seed, 60) :
									  ZP_WAIT_FOREVER,
									  kind == 1 ? &hooks : NULL);
		if (status == ZP_OK || !zp_futex_queue_leave(map, queue, node, false))
			(void) zp_fetch_add_relaxed_u64(&count->woken, 1);
		else
		{
			ZP_REQUIRE(status == ZP_TIMED_OUT || status == ZP_CANCELLED);
			(void) zp_fetch_add_relaxed_u64(&count->gave_up, 1);
		}
	}
	zp_futex_node_free(map, pool, node);
	zp_fetch_add_seq_cst_u32(&count->finished, 1);
	return 0;
}

static void
wake_ups_are_counted_exactly(bool processes)
{
	Ground		ground;
	Count	   *count;

	ground_create(&ground);
	count = world_shared(ground.world, sizeof(Count));
	count->queue = ground.queue_ref;
	count->pool = ground.pool_ref;
	if (processes)
		world_fork(ground.world, WAITERS + 1, wait_or_wake, count);
	else
		world_threads(ground.world, WAITERS + 1, wait_or_wake, count);
	ZP_REQUIRE(zp_load_relaxed_u64(&count->told) == zp_load_relaxed_u64(&count->woken));
	ZP_REQUIRE(zp_load_relaxed_u64(&count->woken) + zp_load_relaxed_u64(&count->gave_up) ==
			   (uint64_t) WAITERS * WAITS);
	ZP_REQUIRE(zp_load_relaxed_u64(&count->woken) > 0);
	ZP_REQUIRE(zp_futex_queue_waiting_relaxed(ground.queue) == 0);
	world_destroy(ground.world);
}

static void
wake_ups_are_counted_exactly_in_threads(void **state)
{
	(void) state;
	wake_ups_are_counted_exactly(false);
}

static void
wake_ups_are_counted_exactly_in_processes(void **state)
{
	(void) state;
	wake_ups_are_counted_exactly(true);
}

#define PASSES 5000

/* Each waits for its number, without a limit: a wake-up lost would stop them for ever. */
static int
play(World *world, ZpArenaMap *map, int number, void *argument)
{
	Count	   *count = argument;
	ZpFutexQueue *queue = zp_at(map, count->queue);
	uint32_t	me = (uint32_t) number;
	ZpFutexNode *node;

	(void) world;
	ZP_REQUIRE_OK(zp_futex_node_alloc(map, zp_at(map, count->pool), &node));
	for (int i = 0; i < PASSES; i++)
	{
		while (zp_futex_queue_load_acquire(queue) != me)
		{
			if (enter(map, queue, node, 1 - me))
				ZP_REQUIRE_OK(zp_futex_queue_sleep(node, ZP_WAIT_FOREVER, NULL));
		}
		ZP_REQUIRE(zp_futex_queue_exchange_seq_cst(queue, 1 - me) == me);
		(void) wake(map, queue, 1);
	}
	return 0;
}

static void
ping_pong_never_stands_still(void **state)
{
	Ground		ground;
	Count	   *count;

	(void) state;
	ground_create(&ground);
	count = world_shared(ground.world, sizeof(Count));
	count->queue = ground.queue_ref;
	count->pool = ground.pool_ref;
	world_threads(ground.world, 2, play, count);
	world_fork(ground.world, 2, play, count);
	world_destroy(ground.world);
}

static const ZpSegmentOps *real_ops;

static ZpStatus
refuse_to_attach(void *context, uint32_t segment, size_t bytes, uint32_t handle, void **base)
{
	if (segment > 0)
		return ZP_MAP_FAILED;
	return real_ops->attach(context, segment, bytes, handle, base);
}

/*
 * A neighbour's node cannot be mapped: entering and waking fail and change nothing; leaving
 * works, and the node is taken out by who can.
 */
static void
neighbours_that_cannot_be_mapped(void **state)
{
	Ground		ground;
	ZpArenaMap *other;
	ZpSegmentOps ops;
	ZpFutexNode *near;
	ZpFutexNode *near_there;
	ZpFutexNode *far[2];
	ZpRef		filling;
	uint32_t	woken;
	bool		entered;

	(void) state;
	ground_create(&ground);
	ZP_REQUIRE_OK(zp_futex_node_alloc(ground.map, ground.pool, &near));
	/* The next ones in another segment. */
	do
		ZP_REQUIRE_OK(zp_pool_alloc(ground.map, ground.pool, sizeof(ZpFutexNode), &filling));
	while (zp_ref_segment(filling) == 0);
	ZP_REQUIRE_OK(zp_futex_node_alloc(ground.map, ground.pool, &far[0]));
	ZP_REQUIRE_OK(zp_futex_node_alloc(ground.map, ground.pool, &far[1]));
	ZP_REQUIRE(zp_ref_segment(far[0]->self) > 0 && zp_ref_segment(far[1]->self) > 0);

	other = world_join(ground.world, 2);
	real_ops = other->ops;
	ops = *real_ops;
	ops.attach = refuse_to_attach;
	other->ops = &ops;
	near_there = zp_at(other, near->self);

	ZP_REQUIRE(enter(ground.map, ground.queue, far[0], 0));
	ZP_REQUIRE_STATUS(zp_futex_queue_enter(other, ground.queue, near_there, 0, &entered),
					  ZP_MAP_FAILED);
	ZP_REQUIRE(!entered);
	ZP_REQUIRE_STATUS(zp_futex_queue_wake(other, ground.queue, 1, &woken), ZP_MAP_FAILED);
	ZP_REQUIRE(woken == 0 && zp_futex_queue_waiting_relaxed(ground.queue) == 1);

	/* It stands between two that it cannot reach, and leaves. */
	ZP_REQUIRE(enter(ground.map, ground.queue, near, 0));
	ZP_REQUIRE(enter(ground.map, ground.queue, far[1], 0));
	ZP_REQUIRE(zp_futex_queue_leave(other, ground.queue, near_there, true));
	ZP_REQUIRE(zp_futex_node_is_lost(near_there));
	ZP_REQUIRE(zp_futex_queue_waiting_relaxed(ground.queue) == 2);
	ZP_REQUIRE(wake(ground.map, ground.queue, UINT32_MAX) == 2);
	ZP_REQUIRE_OK(zp_futex_queue_sleep(far[0], 0, NULL));
	ZP_REQUIRE_OK(zp_futex_queue_sleep(far[1], 0, NULL));
	ZP_REQUIRE(ground.queue->first == ZP_NULL_REF && ground.queue->last == ZP_NULL_REF);
	zp_futex_node_free(other, zp_at(other, ground.pool_ref), near_there);
	other->ops = real_ops;
	world_leave(ground.world, other);
	world_destroy(ground.world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_queue_is_a_list),
		cmocka_unit_test(a_wake_up_is_passed_on),
		cmocka_unit_test(wake_ups_are_counted_exactly_in_threads),
		cmocka_unit_test(wake_ups_are_counted_exactly_in_processes),
		cmocka_unit_test(ping_pong_never_stands_still),
		cmocka_unit_test(neighbours_that_cannot_be_mapped),
	};

	return cmocka_run_group_tests_name("futexes with exact wake-ups", tests, NULL, NULL);
}
