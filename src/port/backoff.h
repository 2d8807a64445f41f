/*
 * backoff.h
 *	  What to do between two tries of a lock-free operation.
 */
#ifndef ZP_BACKOFF_H
#define ZP_BACKOFF_H

#include <stdint.h>

/* Tells the processor that this is a spin loop. */
static inline void
zp_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

typedef struct ZpBackoff
{
	uint32_t	spins;			/* relaxes of the next pause; doubles */
} ZpBackoff;

#define ZP_BACKOFF_INIT {1}

/* Rounds of zp_backoff_pause after which a caller does better to sleep. */
#define ZP_BACKOFF_MAX_SPINS 64

/*
 * Pauses twice as long as the last time.  Returns false once the pauses have
 * reached ZP_BACKOFF_MAX_SPINS: sleep on a futex instead.
 */
extern int	zp_backoff_pause(ZpBackoff *backoff);

#endif							/* ZP_BACKOFF_H */
