/*
 * mutex.h
 *	  A mutex on one futex word, for memory shared between processes.
 *
 * Drepper, "Futexes Are Tricky" (2011), the third mutex: 0 free, 1 held, 2 held
 * and somebody may sleep.  Spins briefly before it sleeps.  Not recursive.  A
 * holder must not throw, sleep or look at interrupts.  It is not robust against
 * kill -9: PostgreSQL then resets all shared memory (FACTS.md 3).
 */
#ifndef ZP_MUTEX_H
#define ZP_MUTEX_H

#include "port/futex.h"

enum
{
	ZP_MUTEX_FREE = 0,
	ZP_MUTEX_HELD = 1,
	ZP_MUTEX_CONTENDED = 2
};

typedef struct ZpMutex
{
	ZpAtomicU32 state;
} ZpMutex;

extern void zp_mutex_init(ZpMutex *mutex);

/*
 * Cancellable if hooks is not NULL: ZP_OK or ZP_CANCELLED.  *sleeps, if not NULL,
 * grows by the number of times that the caller went to sleep.
 */
extern ZpStatus zp_mutex_lock(ZpMutex *mutex, const ZpWaitHooks *hooks, uint32_t *sleeps);

static inline bool
zp_mutex_try_lock(ZpMutex *mutex)
{
	uint32_t	expected = ZP_MUTEX_FREE;

	return zp_cas_acquire_u32(&mutex->state, &expected, ZP_MUTEX_HELD);
}

static inline void
zp_mutex_unlock(ZpMutex *mutex)
{
	if (ZP_UNLIKELY(zp_exchange_release_u32(&mutex->state, ZP_MUTEX_FREE) == ZP_MUTEX_CONTENDED))
		(void) zp_futex_wake(&mutex->state, 1);
}

#endif							/* ZP_MUTEX_H */
