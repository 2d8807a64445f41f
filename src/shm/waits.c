/*
 * waits.c
 *	  Waits that obey cancel, terminate and timeouts, and that can be seen.
 *
 * The core sleeps on a futex in slices of ZP_WAIT_SLICE_MS and asks should_stop
 * before each.  We answer yes for any pending interrupt that CHECK_FOR_INTERRUPTS
 * would service now, not only for a cancel: the operation then returns
 * ZP_CANCELLED with nothing held, its caller services the interrupt, and if that
 * returns (a barrier, a request to log memory contexts) begins the operation
 * again.  Where interrupts are held off, with an LWLock held say, the wait goes on.
 */
#include "compat.h"

#include "pgstat.h"
#include "storage/latch.h"

#include "shm/waits.h"

static uint32 futex_wait_event;

static bool
should_stop(void *context)
{
	return InterruptPending && INTERRUPTS_CAN_BE_PROCESSED();
}

static void
sleep_begins(void *context)
{
	pgstat_report_wait_start(futex_wait_event);
}

static void
sleep_ends(void *context)
{
	pgstat_report_wait_end();
}

const ZpWaitHooks zp_wait_hooks = {should_stop, sleep_begins, sleep_ends, NULL};

void
zp_waits_start(void)
{
	futex_wait_event = ZP_NEW_WAIT_EVENT("ZiporaFutex");
}

void
zp_pause(long milliseconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
					 futex_wait_event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}
