/*
 * flag.h
 *	  A yes or no in memory shared between processes, with waiting for the yes.
 *
 * One futex word: 0 clear, 1 set, 2 clear and somebody may sleep until it is set.
 * Setting a flag for which nobody waits makes no system call.  Setting a flag,
 * and clearing one that was set, release what was written before and acquire
 * what the previous change released, so that a flag may hand data over both
 * ways.  Clearing a flag that is clear does nothing.
 *
 * The flag is a level, not a pulse: who sleeps while it is set and cleared at
 * once may miss it and go on sleeping.
 */
#ifndef ZP_FLAG_H
#define ZP_FLAG_H

#include "port/futex.h"

typedef struct ZpFlag
{
	ZpAtomicU32 word;			/* changed by atomic operations only, by anybody */
} ZpFlag;

extern void zp_flag_init(ZpFlag *flag, bool set);

/* Sets the flag and wakes all who wait for it; returns whether it was set already. */
extern bool zp_flag_set_acq_rel(ZpFlag *flag);

/* Clears the flag; returns whether it was set. */
extern bool zp_flag_clear_acq_rel(ZpFlag *flag);

extern bool zp_flag_test_acquire(const ZpFlag *flag);

/*
 * Sleeps until the flag is set (acquire): ZP_OK, ZP_TIMED_OUT, ZP_CANCELLED.  Timeout and
 * hooks as in zp_futex_wait; if the flag is set neither is looked at.
 */
extern ZpStatus zp_flag_wait_acquire(ZpFlag *flag, int64_t timeout_us,
									 const ZpWaitHooks *hooks);

#endif							/* ZP_FLAG_H */
