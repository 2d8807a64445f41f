/*
 * token_internal.h
 *	  The layout of lazy free lists; for src/sync and the trie's checker.
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

/*
 * A full fence here and for every participant that has a token, but for the owner of
 * `own` (may be NULL).  False: not everybody could be reached, or a token not be
 * looked at (map->map_failed); then nothing may be concluded from tokens.
 */
extern bool zp_fence_for_all(ZpArenaMap *map, ZpVersions *versions, const ZpToken *own);

/*
 * Advances the version and returns the oldest that a token carries: nobody can see what was
 * stamped before that one.  0: it cannot be told (see zp_fence_for_all).
 */
extern uint64_t zp_oldest_version(ZpArenaMap *map, ZpVersions *versions, const ZpToken *own);

#endif							/* ZP_TOKEN_INTERNAL_H */
