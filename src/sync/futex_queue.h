/*
 * futex_queue.h
 *	  A futex with a value of the user's whose wake-ups are exact.
 *
 * A bare futex (port/waiter.h) whose waits are cut into slices misses who is between two
 * slices: the waker is told that nobody slept, and a wake-up without a new value is lost.
 * Here each waiter stands in a queue, in order of arrival, with a node of its own that it
 * sleeps on.  Who was in the queue when a wake-up came is woken, and counted, exactly once,
 * whether it sleeps or not.
 *
 * A wait, with a node that is nobody else's meanwhile:
 *
 *		enter; then again and again sleep, until it says ZP_OK or ZP_DROPPED;
 *		or leave, when it said ZP_TIMED_OUT or ZP_CANCELLED and that was enough.
 *
 * The caller may do anything between two sleeps, and keeps its place.
 */
#ifndef ZP_FUTEX_QUEUE_H
#define ZP_FUTEX_QUEUE_H

#include "mem/pool.h"

/* Shared. */
typedef struct ZpFutexQueue
{
	ZpMutex		lock;			/* held for a few instructions; nothing is locked inside */
	ZpAtomicU32 value;			/* changed by atomic operations only, by anybody, without lock */
	ZpAtomicU32 waiting;		/* nodes in the queue; changed with lock held, read by anybody */

	/* The rest is guarded by lock. */
	uint32_t	closed;			/* 1: dropped, nobody enters any more */
	ZpRef		first;			/* the node that has waited longest; null: none */
	ZpRef		last;
} ZpFutexQueue;

/* Shared: one participant's place in a queue. */
typedef struct ZpFutexNode
{
	/* Slept on by the owner; changed with the lock held of the queue that it is in. */
	ZpAtomicU32 state;
	ZpRef		self;			/* constant */

	/* Guarded by the lock of the queue that it is in. */
	ZpRef		next;
	ZpRef		previous;
} ZpFutexNode;

/* A node of the participant's, from and to a pool. */
extern ZpStatus zp_futex_node_alloc(ZpArenaMap *map, ZpPool *pool, ZpFutexNode **node);
extern void zp_futex_node_free(ZpArenaMap *map, ZpPool *pool, ZpFutexNode *node);

/*
 * Whether the node cannot be used any more: its owner left a queue whose other nodes could
 * not be mapped.  Freeing it is left undone.
 */
extern bool zp_futex_node_is_lost(const ZpFutexNode *node);

extern void zp_futex_queue_init(ZpFutexQueue *queue, uint32_t value);

static inline uint32_t
zp_futex_queue_load_acquire(const ZpFutexQueue *queue)
{
	return zp_load_acquire_u32(&queue->value);
}

/* Stores a value and returns the one before it; wakes nobody. */
static inline uint32_t
zp_futex_queue_exchange_seq_cst(ZpFutexQueue *queue, uint32_t value)
{
	return zp_exchange_seq_cst_u32(&queue->value, value);
}

/*
 * Puts the node at the end of the queue if the value is `expected`.  *entered: whether it
 * was.  ZP_OK, ZP_DROPPED (closed), ZP_MAP_FAILED, ZP_CANCELLED (while waiting for the lock).
 */
extern ZpStatus zp_futex_queue_enter(ZpArenaMap *map, ZpFutexQueue *queue, ZpFutexNode *node,
									 uint32_t expected, bool *entered);

/*
 * Sleeps while the node is in the queue.  ZP_OK: woken; ZP_DROPPED: the queue was closed;
 * both have taken it out.  ZP_TIMED_OUT, ZP_CANCELLED: it is in the queue still.
 */
extern ZpStatus zp_futex_queue_sleep(ZpFutexNode *node, int64_t timeout_us,
									 const ZpWaitHooks *hooks);

/*
 * Takes the node out.  False: it had been woken (or the queue closed) meanwhile.  With
 * pass_on, a wake-up that it got is given to who is first now: for one who leaves for
 * good and will not act on it.  Not cancellable; the lock is held for short times only.
 */
extern bool zp_futex_queue_leave(ZpArenaMap *map, ZpFutexQueue *queue, ZpFutexNode *node,
								 bool pass_on);

/*
 * Wakes up to n, those who came first; *woken is how many.  ZP_OK, or ZP_CANCELLED or
 * ZP_MAP_FAILED if *woken is 0.
 */
extern ZpStatus zp_futex_queue_wake(ZpArenaMap *map, ZpFutexQueue *queue, uint32_t n,
									uint32_t *woken);

/* Wakes all with ZP_DROPPED; nobody enters any more.  Status as of a wake. */
extern ZpStatus zp_futex_queue_close(ZpArenaMap *map, ZpFutexQueue *queue);

static inline uint32_t
zp_futex_queue_waiting_relaxed(const ZpFutexQueue *queue)
{
	return zp_load_relaxed_u32(&queue->waiting);
}

#endif							/* ZP_FUTEX_QUEUE_H */
