/*
 * waiter.c
 *	  A futex that knows whether anybody waits; see waiter.h.
 *
 * A waiter adds itself to `waiting` and then looks at the value; a waker has
 * stored the value and then looks at `waiting`.  With a full fence between the
 * two on both sides at least one of them sees what the other wrote (Dekker's
 * argument): either the waker sees the waiter and wakes, or the waiter sees the
 * new value and does not sleep.
 *
 * A wake-up without a store is for those who slept before it.  A participant
 * between its addition and its sleep may miss it, as with a bare futex.
 *
 * A participant that is killed inside a wait leaves `waiting` one too high; wakes
 * then cost a system call each, and nothing else is wrong.
 */
#include "port/waiter.h"

void
zp_waiter_init(ZpFutexWaiter *waiter, uint32_t value)
{
	zp_store_relaxed_u32(&waiter->waiting, 0);
	zp_futex_store_release(&waiter->futex, value);
}

void
zp_waiter_store_release(ZpFutexWaiter *waiter, uint32_t value)
{
	zp_futex_store_release(&waiter->futex, value);
}

uint32_t
zp_waiter_load_acquire(const ZpFutexWaiter *waiter)
{
	return zp_futex_load_acquire(&waiter->futex);
}

ZpStatus
zp_waiter_wait(ZpFutexWaiter *waiter, uint32_t expected, int64_t timeout_us,
			   const ZpWaitHooks *hooks)
{
	ZpStatus	status;

	/* The fence is the waiter's half of the argument above. */
	(void) zp_fetch_add_relaxed_u32(&waiter->waiting, 1);
	zp_fence_seq_cst();
	status = zp_futex_wait(&waiter->futex.value, expected, timeout_us, hooks);
	(void) zp_fetch_sub_relaxed_u32(&waiter->waiting, 1);
	return status;
}

uint32_t
zp_waiter_wake(ZpFutexWaiter *waiter, uint32_t n)
{
	/* The waker's half: the caller's store before, the load after. */
	zp_fence_seq_cst();
	if (zp_load_relaxed_u32(&waiter->waiting) == 0)
		return 0;
	return zp_futex_wake(&waiter->futex.value, n);
}

uint32_t
zp_waiter_wake_all(ZpFutexWaiter *waiter)
{
	return zp_waiter_wake(waiter, UINT32_MAX);
}

uint32_t
zp_waiter_count_relaxed(const ZpFutexWaiter *waiter)
{
	return zp_load_relaxed_u32(&waiter->waiting);
}
