/*
 * tagged.h
 *	  Stack of slabs without a lock: a head of ref and tag, a link in each.
 *
 * Treiber's stack (IBM RJ 5118, 1986).  Who takes the top reads the link of it and
 * then puts the head there by compare-and-swap.  Two things may happen between:
 *
 *	- The slab is taken by another and given back to the arena, and is another's memory now.
 *	  What is read as the link is of no use, but no harm: the head has changed.  That there
 *	  is memory to read is the work of zp_arena_hold.
 *	- It is taken, and put back over another slab: the head's ref is the same, the link
 *	  that was read is old, and a plain compare-and-swap would succeed and bring slabs
 *	  into the stack that are somebody's (ABA).  So each change of the head adds 1 to its
 *	  tag, and a head is the same only if nothing happened.
 *
 * Weak: the tag has 32 bits.  It fails if a participant sleeps between the two steps for
 * exactly a multiple of 2^32 changes of one head.
 */
#ifndef ZP_TAGGED_H
#define ZP_TAGGED_H

#include "mem/ref.h"
#include "port/atomic.h"

static inline uint64_t
zp_tagged_word(ZpRef ref, uint64_t before)
{
	return (uint64_t) ref << 32 | (uint32_t) (before + 1);
}

static inline ZpRef
zp_tagged_ref(uint64_t word)
{
	return (ZpRef) (word >> 32);
}

/*
 * Pushes a chain of slabs, linked from `first` to `last`; last_link is the word of the
 * last.  Returns how often another was faster.
 */
static inline uint32_t
zp_tagged_push(ZpAtomicU64 *head, ZpRef first, ZpAtomicU32 *last_link)
{
	uint64_t	word = zp_load_relaxed_u64(head);
	uint32_t	failed = 0;

	for (;;)
	{
		zp_store_relaxed_u32(last_link, zp_tagged_ref(word));
		if (zp_cas_acq_rel_u64(head, &word, zp_tagged_word(first, word)))
			return failed;
		failed++;
	}
}

/*
 * One step of taking the top: *word is the head as it was read, `next` what was then read as
 * the link of its slab.  False: *word is the head as it is now, try again.
 */
static inline bool
zp_tagged_try_pop(ZpAtomicU64 *head, uint64_t *word, ZpRef next)
{
	return zp_cas_acq_rel_u64(head, word, zp_tagged_word(next, *word));
}

#endif							/* ZP_TAGGED_H */
