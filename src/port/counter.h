/*
 * counter.h
 *	  A signed 64-bit counter in memory shared between processes.
 *
 * One atomic instruction an operation, no lock.  The relaxed operations order
 * nothing else: of all that touch one counter each gets a place in one sequence,
 * which is all that counting needs.  The value is kept as an unsigned number, so
 * that wrapping around is defined.
 *
 * Weak: all participants write one cache line.  What is counted in the middle of
 * a hot path belongs into a field per participant that is summed when read.
 */
#ifndef ZP_COUNTER_H
#define ZP_COUNTER_H

#include "port/atomic.h"
#include "port/status.h"

typedef struct ZpCounter
{
	ZpAtomicU64 value;			/* changed by atomic operations only, by anybody */
} ZpCounter;

static inline int64_t
zp_counter_get_relaxed(const ZpCounter *counter)
{
	return (int64_t) zp_load_relaxed_u64(&counter->value);
}

/* Gives the counter its first value, before others can see it. */
static inline void
zp_counter_init(ZpCounter *counter, int64_t value)
{
	zp_store_relaxed_u64(&counter->value, (uint64_t) value);
}

/* Adds delta and returns the new value, which wraps around at the ends of int64. */
static inline int64_t
zp_counter_add_relaxed(ZpCounter *counter, int64_t delta)
{
	uint64_t	old = zp_fetch_add_relaxed_u64(&counter->value, (uint64_t) delta);

	return (int64_t) (old + (uint64_t) delta);
}

/* Sets the counter to 0 and returns what it was; no addition is lost in between. */
static inline int64_t
zp_counter_reset_acquire(ZpCounter *counter)
{
	return (int64_t) zp_exchange_acquire_u64(&counter->value, 0);
}

/*
 * The same as zp_counter_add_relaxed for numbers that a user chose: ZP_OVERFLOW,
 * and nothing changed, instead of wrapping around.  *sum is the new value; on
 * ZP_OVERFLOW it is not written.
 */
static inline ZpStatus
zp_counter_add_checked_acq_rel(ZpCounter *counter, int64_t delta, int64_t *sum)
{
	uint64_t	old = zp_load_relaxed_u64(&counter->value);
	int64_t		wanted;

	do
	{
		if (__builtin_add_overflow((int64_t) old, delta, &wanted))
			return ZP_OVERFLOW;
	} while (!zp_cas_acq_rel_u64(&counter->value, &old, (uint64_t) wanted));
	*sum = wanted;
	return ZP_OK;
}

#endif							/* ZP_COUNTER_H */
