/*
 * backoff.c
 *	  Exponential backoff between two tries of a lock-free operation.
 *
 * Pauses of 1, 2, 4, ... ZP_BACKOFF_MAX_SPINS relaxes: 127 in all, 3.4 us where it
 * was measured, from 1 to 6 us elsewhere (a pause takes 40 to 140 cycles).  To
 * spin as long as a sleep would cost is at most twice as dear as the best choice
 * (Karlin, Manasse, McGeoch, Owicki, "Competitive randomized algorithms for
 * nonuniform problems", 1994).  A sleep costs 5 to 25 us; we stay below, because
 * a sleeper leaves its core to others, perhaps to the holder.
 *
 * Weak: the pauses are not random, so participants that collide may collide
 * again; with a handful of participants the caches' own jitter parts them.
 */
#include "port/backoff.h"

int
zp_backoff_pause(ZpBackoff *backoff)
{
	uint32_t	spins = backoff->spins;

	/* Memory that was only zeroed is a fresh backoff, too. */
	if (spins == 0)
		spins = 1;
	if (spins > ZP_BACKOFF_MAX_SPINS)
		spins = ZP_BACKOFF_MAX_SPINS;
	for (uint32_t i = 0; i < spins; i++)
		zp_cpu_relax();
	if (spins == ZP_BACKOFF_MAX_SPINS)
	{
		backoff->spins = spins;
		return 0;
	}
	backoff->spins = spins * 2;
	return 1;
}
