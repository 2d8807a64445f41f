/*
 * clock.h
 *	  Time limits that survive being woken too early.
 *
 * A wait may end for no reason and begin again, so a time limit is turned into
 * a deadline once and what is left is asked before each sleep.  The clock is
 * CLOCK_MONOTONIC, as in futex(2): setting the system's clock moves nothing.
 */
#ifndef ZP_CLOCK_H
#define ZP_CLOCK_H

#include <stdint.h>

/* A deadline that never comes. */
#define ZP_NO_DEADLINE INT64_MAX

/* Microseconds since some moment in the past; never goes back. */
extern int64_t zp_clock_us(void);

/* Microseconds since 1970 by the system's clock, which may be set: to be shown only. */
extern int64_t zp_clock_wall_us(void);

/* The deadline in timeout_us microseconds; ZP_NO_DEADLINE if that is negative or too far. */
extern int64_t zp_deadline_after(int64_t timeout_us);

/*
 * What is left until a deadline, as a timeout for zp_futex_wait: 0 once it has
 * passed, ZP_WAIT_FOREVER for ZP_NO_DEADLINE.
 */
extern int64_t zp_deadline_left(int64_t deadline_us);

#endif							/* ZP_CLOCK_H */
