/*
 * barrier.h
 *	  A full fence for all who take part, paid for by the one who seldom needs it.
 *
 * Dekker's pattern (store mine, then look at yours, on both sides) takes a full fence
 * on each side.  Where one side is hot and the other rare, the rare side can impose
 * the fence on the hot one: membarrier(2), MEMBARRIER_CMD_GLOBAL_EXPEDITED (Linux
 * 4.16), makes every processor that runs a process which asked for it execute a fence.
 * Then the hot side needs only to keep the compiler from moving its accesses.  (Dice,
 * Huang, Yang, "Asymmetric Dekker synchronization", 2001.)
 *
 * Cost: 0.4 us if no such process runs elsewhere, else about 10 us here, on a virtual
 * machine of two processors, and an interrupt for each processor that is hit.
 */
#ifndef ZP_BARRIER_H
#define ZP_BARRIER_H

#include "port/atomic.h"

/*
 * Asks for the fences of others, for the whole process and for good.  False: they
 * cannot be had here (another system or processor, an old kernel, a sandbox), and this
 * process must use zp_fence_seq_cst on the hot side too.
 */
extern bool zp_barrier_register(void);

/* A full fence here, and in all processes that have registered.  False: not in those. */
extern bool zp_barrier_all(void);

/* The hot side of one that has registered: nothing but the compiler is held. */
static inline void
zp_barrier_light(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

#endif							/* ZP_BARRIER_H */
