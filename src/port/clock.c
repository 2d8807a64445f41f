/*
 * clock.c
 *	  Time limits that survive being woken too early; see clock.h.
 *
 * clock_gettime(CLOCK_MONOTONIC) costs about 25 ns without a system call on
 * Linux.  Nothing asks for the time unless it is about to sleep.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* clock_gettime under -std=c11 */
#endif

#include "port/clock.h"

#include <time.h>

#include "port/futex.h"

int64_t
zp_clock_us(void)
{
	struct timespec now;

	/* Cannot fail: every POSIX system that we build for has this clock. */
	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
zp_clock_wall_us(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
zp_deadline_after(int64_t timeout_us)
{
	int64_t		now;

	if (timeout_us < 0)
		return ZP_NO_DEADLINE;
	now = zp_clock_us();
	return timeout_us > ZP_NO_DEADLINE - now ? ZP_NO_DEADLINE : now + timeout_us;
}

int64_t
zp_deadline_left(int64_t deadline_us)
{
	int64_t		now;

	if (deadline_us == ZP_NO_DEADLINE)
		return ZP_WAIT_FOREVER;
	now = zp_clock_us();
	return now >= deadline_us ? 0 : deadline_us - now;
}
