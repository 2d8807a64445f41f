/*
 * futex.h
 *	  Sleeping on a 32-bit word in memory shared between processes.
 *
 * Linux: futex(2) without FUTEX_PRIVATE_FLAG.  Elsewhere: sleep and look again
 * (right, only slower), so that the core builds on any POSIX system.
 *
 * PostgreSQL's signal handlers restart system calls, and a signal that arrives
 * just before the system call is not seen by it, so a wait with hooks is cut
 * into slices of at most ZP_WAIT_SLICE_MS, and should_stop is asked before each.
 */
#ifndef ZP_FUTEX_H
#define ZP_FUTEX_H

#include "port/atomic.h"
#include "port/status.h"

#define ZP_WAIT_SLICE_MS 50
#define ZP_WAIT_FOREVER (-1)

/* What a participant wants done around its sleeps; shared by all its waits. */
typedef struct ZpWaitHooks
{
	bool		(*should_stop) (void *context); /* true: give up now */
	void		(*sleep_begins) (void *context);
	void		(*sleep_ends) (void *context);
	void	   *context;
} ZpWaitHooks;

/*
 * Sleeps while *word == expected, until a wake, the timeout (microseconds, or
 * ZP_WAIT_FOREVER) or hooks->should_stop.  hooks may be NULL: not cancellable.
 * ZP_OK: woken, or *word differed, or for no reason at all: look again.
 * ZP_TIMED_OUT, ZP_CANCELLED: as they say.
 */
extern ZpStatus zp_futex_wait(ZpAtomicU32 *word, uint32_t expected, int64_t timeout_us,
							  const ZpWaitHooks *hooks);

/* Wakes up to n sleepers; returns how many. */
extern uint32_t zp_futex_wake(ZpAtomicU32 *word, uint32_t n);

/* Wakes every sleeper; returns how many. */
extern uint32_t zp_futex_wake_all(ZpAtomicU32 *word);

#endif							/* ZP_FUTEX_H */
