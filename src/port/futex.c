/*
 * futex.c
 *	  Sleeping on a 32-bit word in memory shared between processes.
 *
 * zp_futex_wait cuts a wait into slices, each of which is one call of a
 * platform's own sleep_once.  It asks should_stop before every slice but never
 * between a wake-up and its return: whoever was woken says ZP_OK, even if it
 * should stop as well, so a cancelled sleeper has never eaten a wake-up that was
 * meant for somebody who still wants it.  (The kernel agrees: a sleeper that was
 * taken off the queue by a wake-up reports that and not its timeout.)
 *
 * Linux: futex(2) finds sleepers by the memory object and the offset in it, not
 * by the address, so processes may map the word anywhere.  A wake-up that finds
 * nobody costs 0.3 us, handing over to a sleeping process 25 us (measured on a
 * virtual machine of two cores); a wait with a should_stop also costs 20 system
 * calls a second, the price of being cancellable although PostgreSQL's handlers
 * restart system calls.
 *
 * Elsewhere: look at the word every millisecond.  A sleeper cannot be told from
 * another there, so zp_futex_wake says 0, and a sleeper whose word did not
 * change returns ZP_OK after a slice, in case there was a wake-up.  That is all
 * that the contract promises (look again), with up to 50 ms of delay where the
 * word does not change and 1 ms where it does.
 *
 * Weak: no fairness is promised (Linux wakes in order of arrival), and priority
 * is not inherited.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* syscall and nanosleep under -std=c11 */
#endif

#include "port/futex.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#if defined(__linux__) && !defined(ZP_PORTABLE_FUTEX)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
/* x32 takes another struct than the one below; 32-bit RISC-V has no SYS_futex. */
#if defined(SYS_futex) && !(defined(__x86_64__) && defined(__ILP32__))
#define ZP_LINUX_FUTEX 1
#endif
#endif

#include "port/clock.h"

#define ZP_SLICE_US ((int64_t) ZP_WAIT_SLICE_MS * 1000)

/* How a platform's sleep ended. */
typedef enum ZpSlice
{
	ZP_SLICE_WOKEN,				/* woken, or the word had changed */
	ZP_SLICE_OVER				/* time is up, or a signal came */
} ZpSlice;

/* Sleeps a millisecond, or less if a signal comes. */
static void
nap(void)
{
	struct timespec millisecond = {0, 1000000};

	(void) nanosleep(&millisecond, NULL);
}

#ifdef ZP_LINUX_FUTEX

/* What SYS_futex takes; struct timespec may be wider on a 32-bit system. */
typedef struct ZpKernelTimespec
{
	long		seconds;
	long		nanoseconds;
} ZpKernelTimespec;

/* Sleeps up to us microseconds, or ZP_WAIT_FOREVER, while *word == expected. */
static ZpSlice
sleep_once(ZpAtomicU32 *word, uint32_t expected, int64_t us)
{
	ZpKernelTimespec limit;
	ZpKernelTimespec *limit_or_null = NULL;

	if (us >= 0)
	{
		/* A limit beyond the platform's long is cut; the caller sleeps again. */
		int64_t		seconds = us / 1000000;

		limit.seconds = seconds > LONG_MAX ? LONG_MAX : (long) seconds;
		limit.nanoseconds = (long) (us % 1000000) * 1000;
		limit_or_null = &limit;
	}
	if (syscall(SYS_futex, &word->value, FUTEX_WAIT, expected, limit_or_null, NULL, 0) == 0)
		return ZP_SLICE_WOKEN;
	switch (errno)
	{
		case EAGAIN:
			return ZP_SLICE_WOKEN;
		case EINTR:
		case ETIMEDOUT:
			return ZP_SLICE_OVER;
		default:

			/*
			 * A sandbox that forbids futex(2).  Wake-ups do not come here
			 * then, so do as the other platforms do.
			 */
			nap();
			return ZP_SLICE_WOKEN;
	}
}

static uint32_t
wake(ZpAtomicU32 *word, int n)
{
	long		woken = syscall(SYS_futex, &word->value, FUTEX_WAKE, n, NULL, NULL, 0);

	return woken > 0 ? (uint32_t) woken : 0;
}

#else							/* any POSIX system */

static ZpSlice
sleep_once(ZpAtomicU32 *word, uint32_t expected, int64_t us)
{
	bool		whole_slice = us < 0 || us >= ZP_SLICE_US;
	int64_t		end = zp_deadline_after(whole_slice ? ZP_SLICE_US : us);

	do
	{
		nap();
		if (zp_load_relaxed_u32(word) != expected)
			return ZP_SLICE_WOKEN;
	} while (zp_clock_us() < end);

	/* There may have been a wake-up without a change in so long a time. */
	return whole_slice ? ZP_SLICE_WOKEN : ZP_SLICE_OVER;
}

static uint32_t
wake(ZpAtomicU32 *word, int n)
{
	(void) word;
	(void) n;
	return 0;
}

#endif

ZpStatus
zp_futex_wait(ZpAtomicU32 *word, uint32_t expected, int64_t timeout_us,
			  const ZpWaitHooks *hooks)
{
	bool		may_stop = hooks && hooks->should_stop;
	bool		asleep = false;
	int64_t		deadline;
	ZpStatus	status;

	if (zp_load_relaxed_u32(word) != expected)
		return ZP_OK;

	deadline = zp_deadline_after(timeout_us);
	for (;;)
	{
		int64_t		left;

		if (may_stop && hooks->should_stop(hooks->context))
		{
			status = ZP_CANCELLED;
			break;
		}
		left = zp_deadline_left(deadline);
		if (left == 0)
		{
			status = ZP_TIMED_OUT;
			break;
		}
		if (!asleep)
		{
			asleep = true;
			if (hooks && hooks->sleep_begins)
				hooks->sleep_begins(hooks->context);
		}
		if (may_stop && (left < 0 || left > ZP_SLICE_US))
			left = ZP_SLICE_US;
		if (sleep_once(word, expected, left) == ZP_SLICE_WOKEN)
		{
			status = ZP_OK;
			break;
		}
	}
	if (asleep && hooks && hooks->sleep_ends)
		hooks->sleep_ends(hooks->context);
	return status;
}

uint32_t
zp_futex_wake(ZpAtomicU32 *word, uint32_t n)
{
	/* Linux takes a signed number, and wakes one where it is told to wake none. */
	if (n == 0)
		return 0;
	return wake(word, n > INT_MAX ? INT_MAX : (int) n);
}

uint32_t
zp_futex_wake_all(ZpAtomicU32 *word)
{
	return wake(word, INT_MAX);
}
