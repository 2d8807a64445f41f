/*
 * tagged.h
 *	  Stack of runs without a lock: a head of ref and tag, links outside of the runs.
 *
 * Treiber's stack (IBM RJ 5118, 1986).  Who takes the top reads the link of it and
 * then puts the head there by compare-and-swap.  Two things may happen between:
 *
 *	- The run is taken by another and given back to the arena.  The link is still a
 *	  word (zp_arena_link), so what is read is of no use, but no harm.
 *	- It is taken, and put back over another run: the head's ref is the same, the link
 *	  that was read is old, and a plain compare-and-swap would succeed and bring runs
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
 * Pushes a chain of runs, linked from `first` to `last`; last_link is the word of the
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

/* Takes all; the first of the chain, or null. */
static inline ZpRef
zp_tagged_take_all(ZpAtomicU64 *head)
{
	uint64_t	word = zp_load_acquire_u64(head);

	while (zp_tagged_ref(word) != ZP_NULL_REF &&
		   !zp_cas_acq_rel_u64(head, &word, zp_tagged_word(ZP_NULL_REF, word)))
		;
	return zp_tagged_ref(word);
}

/*
 * One step of taking the top: *word is the head as it was read, `link` the link of its
 * run.  False: *word is the head as it is now, try again.
 */
static inline bool
zp_tagged_try_pop(ZpAtomicU64 *head, uint64_t *word, const ZpAtomicU32 *link)
{
	ZpRef		next = zp_load_relaxed_u32(link);

	return zp_cas_acq_rel_u64(head, word, zp_tagged_word(next, *word));
}

#endif							/* ZP_TAGGED_H */
