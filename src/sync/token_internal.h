/*
 * token_internal.h
 *	  The layout of tokens and lazy free lists; for src/sync and the trie's checker.
 */
#ifndef ZP_TOKEN_INTERNAL_H
#define ZP_TOKEN_INTERNAL_H

#include "sync/token.h"

/* One retired block. */
typedef struct ZpRetired
{
	uint64_t	stamp;			/* the version when it was unlinked */
	ZpRef		ref;
	uint32_t	bytes;
} ZpRetired;

#define ZP_LAZY_BATCH_ENTRIES 63

/*
 * A piece of a lazy free list: one producer (the token's owner), one consumer at
 * a time (the holder of reclaim_lock).  An entry is written before `filled`
 * counts it, and never changes after.
 */
typedef struct ZpLazyBatch
{
	ZpAtomicU32 next;			/* ref; set once, by the producer, when it has left this batch */
	ZpAtomicU32 filled;			/* by the producer; release/acquire */
	uint64_t	unused;			/* keeps the entries 16-byte aligned */
	ZpRetired	entries[ZP_LAZY_BATCH_ENTRIES];
} ZpLazyBatch;

_Static_assert(sizeof(ZpLazyBatch) == 1024, "a lazy batch fills a size class");

struct ZpToken
{
	/* First line: written by the owner at every operation, read by reclaimers. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU64 version;	/* 0: not held */
	ZpAtomicU64 count;			/* zp_token_count_add; written by the owner */
	ZpAtomicU64 retired;		/* blocks, ever; written by the owner */
	ZpAtomicU64 weight;			/* what was retired, ever: see zp_lazy_retire; the owner's */
	ZpAtomicU64 reclaim_at;		/* weight at which the owner tries next; the owner's */
	ZpAtomicU32 tail;			/* last batch, 0: none; the owner's */
	ZpAtomicU32 spare;			/* batch that goes behind the tail, 0: none; the owner's */

	/* Second line: rarely touched. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 owner;	/* participant, 0: nobody; taken by
														 * compare-and-swap */
	ZpAtomicU32 next;			/* next token of the object; never changes */
	ZpMutex		reclaim_lock;	/* the consumer's; protects head and head_entry */
	ZpRef		head;			/* first batch; set by the owner with reclaim_lock */
	uint32_t	head_entry;		/* first entry of it not freed yet */
	ZpAtomicU32 batches;		/* changed with reclaim_lock held, or by the owner */
	ZpAtomicU64 freed;			/* blocks, ever; written with reclaim_lock held */
};

_Static_assert(sizeof(ZpToken) == 2 * ZP_CACHE_LINE_BYTES, "a token is two cache lines");

static inline ZpToken *
zp_first_token(ZpArenaMap *map, ZpVersions *versions)
{
	ZpRef		ref = zp_load_acquire_u32(&versions->tokens);

	return ref == ZP_NULL_REF ? NULL : zp_at(map, ref);
}

/* If a token's segment cannot be mapped, the void block's next is null and ends the walk. */
static inline ZpToken *
zp_next_token(ZpArenaMap *map, ZpToken *token)
{
	ZpRef		ref = zp_load_relaxed_u32(&token->next);

	return ref == ZP_NULL_REF ? NULL : zp_at(map, ref);
}

#endif							/* ZP_TOKEN_INTERNAL_H */
