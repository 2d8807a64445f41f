/*
 * futex_queue.c
 *	  A futex with exact wake-ups: a queue of nodes; see futex_queue.h.
 *
 * What Linux does inside futex(2) (Franke, Russell, Kirkwood, "Fuss, Futexes and
 * Furwocks", 2002), done outside, so that a waiter keeps its place while it looks at
 * interrupts.  A waiter compares the value and enters with the lock held; a waker has
 * stored the value before it takes the lock.  So either the waiter entered first, and the
 * waker finds it, or it comes after the waker and sees the new value: no wake-up is lost.
 *
 * A node leaves the queue when its state changes from WAITING, with the lock held; from then
 * on its owner may use it for something else, although the waker has yet to make its system
 * call.  That then wakes somebody for no reason, and everybody who sleeps on a futex looks
 * again.
 *
 * A neighbour's node may lie in a segment that cannot be mapped here (address space
 * exhausted).  Entering and waking then fail with nothing changed.  Leaving cannot fail:
 * the node is marked LEFT and stays, until a waker comes to it; its memory is given up.
 */
#include "sync/futex_queue.h"

#include "port/clock.h"

enum
{
	ZP_NODE_IDLE = 0,			/* in no queue */
	ZP_NODE_WAITING = 1,		/* in a queue */
	ZP_NODE_WOKEN = 2,			/* taken out by a wake-up */
	ZP_NODE_CLOSED = 3,			/* taken out because the queue was closed */
	ZP_NODE_LEFT = 4			/* in a queue, its owner has gone */
};

/* Woken with one hold of the lock: the system calls come after it. */
#define ZP_WAKE_BATCH 16

ZpStatus
zp_futex_node_alloc(ZpArenaMap *map, ZpPool *pool, ZpFutexNode **node)
{
	ZpRef		ref;
	ZpStatus	status = zp_pool_alloc(map, pool, sizeof(ZpFutexNode), &ref);

	if (status != ZP_OK)
		return status;
	map->map_failed = false;
	*node = zp_at(map, ref);
	if (map->map_failed)
	{
		(void) zp_pool_free(map, pool, ref, sizeof(ZpFutexNode));
		return ZP_MAP_FAILED;
	}
	zp_store_relaxed_u32(&(*node)->state, ZP_NODE_IDLE);
	(*node)->self = ref;
	(*node)->next = ZP_NULL_REF;
	(*node)->previous = ZP_NULL_REF;
	return ZP_OK;
}

void
zp_futex_node_free(ZpArenaMap *map, ZpPool *pool, ZpFutexNode *node)
{
	if (!zp_futex_node_is_lost(node))
		(void) zp_pool_free(map, pool, node->self, sizeof(ZpFutexNode));
}

bool
zp_futex_node_is_lost(const ZpFutexNode *node)
{
	return zp_load_relaxed_u32(&node->state) == ZP_NODE_LEFT;
}

void
zp_futex_queue_init(ZpFutexQueue *queue, uint32_t value)
{
	zp_mutex_init(&queue->lock);
	zp_store_relaxed_u32(&queue->value, value);
	zp_store_relaxed_u32(&queue->waiting, 0);
	queue->closed = 0;
	queue->first = ZP_NULL_REF;
	queue->last = ZP_NULL_REF;
}

/* A neighbour, or NULL if there is none; map->map_failed if it cannot be looked at. */
static inline ZpFutexNode *
node_at(ZpArenaMap *map, ZpRef ref)
{
	return ref == ZP_NULL_REF ? NULL : zp_at(map, ref);
}

/* Takes a node out; the lock is held.  False: a neighbour cannot be mapped; nothing changed. */
static bool
unlink_node(ZpArenaMap *map, ZpFutexQueue *queue, ZpFutexNode *node)
{
	ZpFutexNode *previous;
	ZpFutexNode *next;

	map->map_failed = false;
	previous = node_at(map, node->previous);
	next = node_at(map, node->next);
	if (map->map_failed)
		return false;
	if (previous != NULL)
		previous->next = node->next;
	else
		queue->first = node->next;
	if (next != NULL)
		next->previous = node->previous;
	else
		queue->last = node->previous;
	node->next = ZP_NULL_REF;
	node->previous = ZP_NULL_REF;
	return true;
}

/* With the lock held, once a node no longer counts as waiting. */
static inline void
count_one_less(ZpFutexQueue *queue)
{
	zp_store_relaxed_u32(&queue->waiting, zp_load_relaxed_u32(&queue->waiting) - 1);
}

ZpStatus
zp_futex_queue_enter(ZpArenaMap *map, ZpFutexQueue *queue, ZpFutexNode *node, uint32_t expected,
					 bool *entered)
{
	ZpStatus	status;

	*entered = false;
	status = zp_mutex_lock(&queue->lock, map->hooks, NULL);
	if (status != ZP_OK)
		return status;
	if (queue->closed)
		status = ZP_DROPPED;
	else if (zp_load_acquire_u32(&queue->value) == expected)
	{
		ZpFutexNode *last;

		map->map_failed = false;
		last = node_at(map, queue->last);
		if (map->map_failed)
			status = ZP_MAP_FAILED;
		else
		{
			node->next = ZP_NULL_REF;
			node->previous = queue->last;
			if (last != NULL)
				last->next = node->self;
			else
				queue->first = node->self;
			queue->last = node->self;
			zp_store_relaxed_u32(&node->state, ZP_NODE_WAITING);
			zp_store_relaxed_u32(&queue->waiting, zp_load_relaxed_u32(&queue->waiting) + 1);
			*entered = true;
		}
	}
	zp_mutex_unlock(&queue->lock);
	return status;
}

ZpStatus
zp_futex_queue_sleep(ZpFutexNode *node, int64_t timeout_us, const ZpWaitHooks *hooks)
{
	int64_t		deadline = zp_deadline_after(timeout_us);

	for (;;)
	{
		uint32_t	state = zp_load_acquire_u32(&node->state);
		ZpStatus	status;

		if (state != ZP_NODE_WAITING)
			return state == ZP_NODE_WOKEN ? ZP_OK : ZP_DROPPED;
		status = zp_futex_wait(&node->state, ZP_NODE_WAITING, zp_deadline_left(deadline), hooks);
		if (status != ZP_OK)
			return status;
	}
}

/*
 * Takes up to n out, the first first, and gives each that waits the new state; the lock is
 * held.  Returns how many there are in `nodes`; fewer if one cannot be mapped.
 */
static uint32_t
take_out(ZpArenaMap *map, ZpFutexQueue *queue, uint32_t n, uint32_t new_state,
		 ZpFutexNode **nodes)
{
	uint32_t	count = 0;

	while (count < n && queue->first != ZP_NULL_REF)
	{
		ZpFutexNode *node;
		bool		waits;

		map->map_failed = false;
		node = zp_at(map, queue->first);
		if (map->map_failed || !unlink_node(map, queue, node))
			break;
		waits = zp_load_relaxed_u32(&node->state) == ZP_NODE_WAITING;
		if (!waits)
			continue;			/* LEFT */
		count_one_less(queue);
		zp_store_release_u32(&node->state, new_state);
		nodes[count++] = node;
	}
	return count;
}

bool
zp_futex_queue_leave(ZpArenaMap *map, ZpFutexQueue *queue, ZpFutexNode *node, bool pass_on)
{
	ZpFutexNode *next;
	uint32_t	state;
	uint32_t	passed = 0;

	(void) zp_mutex_lock(&queue->lock, NULL, NULL);
	state = zp_load_relaxed_u32(&node->state);
	if (state == ZP_NODE_WAITING)
	{
		count_one_less(queue);
		zp_store_relaxed_u32(&node->state, unlink_node(map, queue, node) ?
							 ZP_NODE_IDLE : ZP_NODE_LEFT);
	}
	else if (state == ZP_NODE_WOKEN && pass_on)
	{
		/* In the same hold of the lock: to get it once more could be refused. */
		passed = take_out(map, queue, 1, ZP_NODE_WOKEN, &next);
	}
	zp_mutex_unlock(&queue->lock);
	if (passed > 0)
		(void) zp_futex_wake(&next->state, 1);
	return state == ZP_NODE_WAITING;
}

/* Wakes up to n with a new state; CLOSED also closes the queue, in the first hold of the lock. */
static ZpStatus
wake(ZpArenaMap *map, ZpFutexQueue *queue, uint32_t n, uint32_t new_state, uint32_t *woken)
{
	ZpFutexNode *nodes[ZP_WAKE_BATCH];
	bool		begun = false;

	*woken = 0;
	while (!begun || *woken < n)
	{
		/* Once some are woken it must end: who is to be woken waits for us. */
		ZpStatus	status = zp_mutex_lock(&queue->lock, begun ? NULL : map->hooks, NULL);
		uint32_t	wanted;
		uint32_t	count;
		bool		failed;

		if (status != ZP_OK)
			return status;
		if (!begun)
		{
			/* Who enters after this moment is not meant. */
			if (n > zp_load_relaxed_u32(&queue->waiting))
				n = zp_load_relaxed_u32(&queue->waiting);
			if (new_state == ZP_NODE_CLOSED)
				queue->closed = 1;
			begun = true;
		}
		wanted = n - *woken < ZP_WAKE_BATCH ? n - *woken : ZP_WAKE_BATCH;
		map->map_failed = false;
		count = take_out(map, queue, wanted, new_state, nodes);
		failed = map->map_failed;
		zp_mutex_unlock(&queue->lock);
		for (uint32_t i = 0; i < count; i++)
			(void) zp_futex_wake(&nodes[i]->state, 1);
		*woken += count;
		if (count < wanted)		/* others left or were woken meanwhile, or a map failed */
			return failed && *woken == 0 ? ZP_MAP_FAILED : ZP_OK;
	}
	return ZP_OK;
}

ZpStatus
zp_futex_queue_wake(ZpArenaMap *map, ZpFutexQueue *queue, uint32_t n, uint32_t *woken)
{
	return wake(map, queue, n, ZP_NODE_WOKEN, woken);
}

ZpStatus
zp_futex_queue_close(ZpArenaMap *map, ZpFutexQueue *queue)
{
	uint32_t	woken;

	return wake(map, queue, UINT32_MAX, ZP_NODE_CLOSED, &woken);
}
