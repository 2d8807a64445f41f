/*
 * futex_wait.h
 *	  Waiting on a named futex.
 */
#ifndef ZP_FUTEX_WAIT_H
#define ZP_FUTEX_WAIT_H

#include "postgres.h"

#include "shm/handle.h"
#include "shm/local.h"

typedef enum ZpFutexOutcome
{
	ZP_FUTEX_WOKEN,
	ZP_FUTEX_TIMED_OUT,
	ZP_FUTEX_DIFFERS,			/* the value was not the expected one: did not wait */
	ZP_FUTEX_DROPPED			/* before it was woken */
} ZpFutexOutcome;

/*
 * Waits while nobody wakes it, if the value is `expected`; timeout in microseconds or
 * ZP_WAIT_FOREVER.  Services interrupts, and may raise the error that one is.
 */
extern ZpFutexOutcome zp_futex_wait_on(ZpHandle *handle, uint32 expected, int64 timeout_us);

/* At the end of the backend: it waits no more, wherever it was. */
extern void zp_futex_wait_abandon(void);

extern void zp_futex_node_figures(ZpLocalFigures *figures);

#endif							/* ZP_FUTEX_WAIT_H */
