/*
 * node_lock.c
 *	  The lock in a node's word: two bits, spinning first, then a futex.
 *
 * The holder wakes all sleepers when it unlocks: they are few, most of them will
 * find another node in this one's place, and the word cannot say how many they
 * are.  Spinning is short, for a writer holds a node for well under a
 * microsecond unless it lost its processor; then only sleep helps.
 */
#include "trie/node_lock.h"

#include "port/backoff.h"

/* ZP_OK, ZP_BUSY, or ZP_NOT_FOUND if it is obsolete. */
static ZpStatus
try_lock(ZpAtomicU32 *word)
{
	uint32_t	seen = zp_load_relaxed_u32(word);

	while (!(seen & (ZP_NODE_LOCKED | ZP_NODE_OBSOLETE)))
	{
		if (zp_cas_acquire_u32(word, &seen, seen | ZP_NODE_LOCKED))
			return ZP_OK;
	}
	return (seen & ZP_NODE_OBSOLETE) ? ZP_NOT_FOUND : ZP_BUSY;
}

/* Sleeps until it may be unlocked.  ZP_OK or ZP_CANCELLED. */
static ZpStatus
wait_for(ZpAtomicU32 *word, const ZpWaitHooks *hooks)
{
	ZpBackoff	backoff = ZP_BACKOFF_INIT;
	uint32_t	seen;
	ZpStatus	status;

	for (;;)
	{
		seen = zp_load_relaxed_u32(word);
		if (!(seen & ZP_NODE_LOCKED))
			return ZP_OK;
		if (!zp_backoff_pause(&backoff))
			break;
	}
	if (!(seen & ZP_NODE_WAITED))
	{
		if (!zp_cas_acquire_u32(word, &seen, seen | ZP_NODE_WAITED))
			return ZP_OK;		/* it changed: look again */
		seen |= ZP_NODE_WAITED;
	}
	status = zp_futex_wait(word, seen, ZP_WAIT_FOREVER, hooks);
	return status == ZP_CANCELLED ? ZP_CANCELLED : ZP_OK;
}

void
zp_node_unlock_obsolete(ZpAtomicU32 *word)
{
	uint32_t	seen = zp_load_relaxed_u32(word);

	while (!zp_cas_release_u32(word, &seen,
							   (seen & ~(uint32_t) (ZP_NODE_LOCKED | ZP_NODE_WAITED)) |
							   ZP_NODE_OBSOLETE))
		;
	if (ZP_UNLIKELY(seen & ZP_NODE_WAITED))
		(void) zp_futex_wake_all(word);
}

ZpStatus
zp_node_lock_all(ZpAtomicU32 *const *words, int n, const ZpWaitHooks *hooks)
{
	for (int i = 0; i < n; i++)
	{
		ZpStatus	status = try_lock(words[i]);

		while (status == ZP_BUSY && i == 0)
		{
			status = wait_for(words[i], hooks);
			if (status != ZP_OK)
				return status;
			status = try_lock(words[i]);
		}
		if (status == ZP_OK)
			continue;

		for (int held = i - 1; held >= 0; held--)
			zp_node_unlock(words[held]);
		if (status == ZP_BUSY && wait_for(words[i], hooks) != ZP_OK)
			return ZP_CANCELLED;
		return ZP_BUSY;
	}
	return ZP_OK;
}
