/*
 * mutex.c
 *	  A mutex on one futex word; Drepper's third mutex with a spin before it.
 *
 * States: 0 free, 1 held, 2 held and somebody may sleep.  Who has had to sleep
 * takes the mutex as 2, because it cannot know whether others sleep, too; its
 * unlock then makes a wake-up that may find nobody.  Uncontended, lock and
 * unlock are one read-modify-write each, about 5 ns a pair in cache.
 *
 * A waiter that gives up leaves 2 behind.  No wake-up is lost by that: 2 only
 * means one more look by the holder's unlock, and zp_futex_wait never answers
 * ZP_CANCELLED to somebody who was woken.
 *
 * Weak: not fair (a newcomer may pass those who sleep, which is what makes it
 * fast when held briefly); the priority of a sleeper is not inherited; the spin
 * is wasted on a machine with one core.
 */
#include "port/mutex.h"

#include "port/backoff.h"

void
zp_mutex_init(ZpMutex *mutex)
{
	zp_store_release_u32(&mutex->state, ZP_MUTEX_FREE);
}

ZpStatus
zp_mutex_lock(ZpMutex *mutex, const ZpWaitHooks *hooks, uint32_t *sleeps)
{
	ZpBackoff	backoff = ZP_BACKOFF_INIT;

	if (ZP_LIKELY(zp_mutex_try_lock(mutex)))
		return ZP_OK;

	/* Look before each try: a compare-and-swap would take the holder's cache line. */
	while (zp_backoff_pause(&backoff))
	{
		if (zp_load_relaxed_u32(&mutex->state) == ZP_MUTEX_FREE && zp_mutex_try_lock(mutex))
			return ZP_OK;
	}

	while (zp_exchange_acquire_u32(&mutex->state, ZP_MUTEX_CONTENDED) != ZP_MUTEX_FREE)
	{
		ZpStatus	status;

		if (sleeps)
			++*sleeps;
		status = zp_futex_wait(&mutex->state, ZP_MUTEX_CONTENDED, ZP_WAIT_FOREVER, hooks);
		if (status != ZP_OK)
			return status;
	}
	return ZP_OK;
}
