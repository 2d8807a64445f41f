/*
 * waiter.h
 *	  A futex with a value of the user's own, for memory shared between processes.
 *
 * ZpFutex is the bare word with its value; sleeping and waking on it are those of
 * futex.h, one system call each.  ZpFutexWaiter counts besides who waits, so that
 * a wake-up for which nobody waits costs a fence and a load but no system call.
 *
 * The usual use: one side waits while the value is the old one; the other stores
 * the new value and then wakes.  A wake without a store works as well.
 */
#ifndef ZP_WAITER_H
#define ZP_WAITER_H

#include "port/futex.h"

typedef struct ZpFutex
{
	ZpAtomicU32 value;			/* changed by atomic operations only, by anybody */
} ZpFutex;

static inline void
zp_futex_store_release(ZpFutex *futex, uint32_t value)
{
	zp_store_release_u32(&futex->value, value);
}

static inline uint32_t
zp_futex_load_acquire(const ZpFutex *futex)
{
	return zp_load_acquire_u32(&futex->value);
}

typedef struct ZpFutexWaiter
{
	ZpFutex		futex;

	/* Participants inside zp_waiter_wait; each adds and takes away its own 1. */
	ZpAtomicU32 waiting;
} ZpFutexWaiter;

extern void zp_waiter_init(ZpFutexWaiter *waiter, uint32_t value);
extern void zp_waiter_store_release(ZpFutexWaiter *waiter, uint32_t value);
extern uint32_t zp_waiter_load_acquire(const ZpFutexWaiter *waiter);

/*
 * As zp_futex_wait: sleeps while the value is `expected`.  What the storer wrote
 * before its store is seen once zp_waiter_load_acquire gives the new value.
 */
extern ZpStatus zp_waiter_wait(ZpFutexWaiter *waiter, uint32_t expected, int64_t timeout_us,
							   const ZpWaitHooks *hooks);

/* Wakes up to n of those who wait, or all; returns how many (see futex.h). */
extern uint32_t zp_waiter_wake(ZpFutexWaiter *waiter, uint32_t n);
extern uint32_t zp_waiter_wake_all(ZpFutexWaiter *waiter);

/* How many wait now; a figure to look at, old when it is returned. */
extern uint32_t zp_waiter_count_relaxed(const ZpFutexWaiter *waiter);

#endif							/* ZP_WAITER_H */
