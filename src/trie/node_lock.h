/*
 * node_lock.h
 *	  The lock in a node's word.
 *
 * A writer waits for one lock only, while it holds none; every further one it
 * tries, and if that fails it lets go of all.  So there is no deadlock, and a
 * sleeping writer blocks nobody.  Nodes are locked from the root down.
 */
#ifndef ZP_NODE_LOCK_H
#define ZP_NODE_LOCK_H

#include "port/futex.h"
#include "trie/node.h"

/*
 * Locks n words, in the order from the root down: waits for the first, tries the
 * others.  ZP_OK: all are locked.  ZP_BUSY: none is; one was locked by another
 * writer (and has been waited for) or is obsolete: begin again from the root.
 * ZP_CANCELLED: none is.
 */
extern ZpStatus zp_node_lock_all(ZpAtomicU32 *const *words, int n, const ZpWaitHooks *hooks);

/* Locks one word if that takes no wait.  False: locked by another, or obsolete. */
static inline bool
zp_node_try_lock(ZpAtomicU32 *word)
{
	uint32_t	seen = zp_load_relaxed_u32(word);

	return !(seen & (ZP_NODE_LOCKED | ZP_NODE_OBSOLETE)) &&
		zp_cas_acquire_u32(word, &seen, seen | ZP_NODE_LOCKED);
}

static inline void
zp_node_unlock(ZpAtomicU32 *word)
{
	uint32_t	seen = zp_fetch_and_release_u32(word,
											   ~(uint32_t) (ZP_NODE_LOCKED | ZP_NODE_WAITED));

	if (ZP_UNLIKELY(seen & ZP_NODE_WAITED))
		(void) zp_futex_wake_all(word);
}

/* Marks it obsolete for ever and lets everybody who waits look elsewhere. */
extern void zp_node_unlock_obsolete(ZpAtomicU32 *word);

#endif							/* ZP_NODE_LOCK_H */
