/*
 * token.h
 *	  Versions, tokens and lazy free lists: when may a block be reused?
 *
 * Epoch-based reclamation (Fraser, "Practical lock-freedom", 2004) with one
 * record a participant (Michael, "Hazard Pointers", 2004, for the list of
 * records).  A shared object that is read without locks owns a ZpVersions.
 * Each participant that uses it owns one ZpToken there.  While it reads or
 * writes, its token carries the version at which it began.  A block that was
 * unlinked is retired with a stamp, the version of that moment, and is freed
 * once every token in use carries a later version.
 *
 * A reader writes nothing shared but its own token, and never waits.
 */
#ifndef ZP_TOKEN_H
#define ZP_TOKEN_H

#include "mem/pool.h"
#include "port/barrier.h"

/* Most blocks that may be retired between two calls of zp_lazy_reserve. */
#define ZP_RETIRES_PER_RESERVE	8
/*
 * Retired blocks of one token after which its owner tries to free them; a large
 * block counts as one more for each ZP_LAZY_WEIGHT_BYTES.
 */
#define ZP_LAZY_BULK			128
#define ZP_LAZY_WEIGHT_BYTES	16384

/* Shared.  One per object that is read without locks. */
typedef struct ZpVersions
{
	/* The current version, from 1; grows when somebody tries to reclaim. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU64 current;

	/* 1 once the object is being dropped; never goes back. */
	ZpAtomicU32 closed;

	/*
	 * First token (a ref), the newest.  Tokens are only ever pushed, by
	 * compare-and-swap; they live as long as the object.
	 */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 tokens;
	ZpAtomicU32 token_count;
} ZpVersions;

/* Shared, in cache lines of its own. */
typedef struct ZpToken
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
	ZpAtomicU32 light;			/* 1: the owner leaves fences to reclaimers; set as it attaches */
} ZpToken;

_Static_assert(sizeof(ZpToken) == 2 * ZP_CACHE_LINE_BYTES, "a token is two cache lines");

extern void zp_versions_init(ZpVersions *versions);

/*
 * No operation begins from now on.  ZP_BUSY while some are still under way: ask
 * again; ZP_OK once nobody is inside, so that what the object holds may go.
 */
extern ZpStatus zp_versions_close(ZpArenaMap *map, ZpVersions *versions);

/* Gives the tokens themselves back; nobody may own one.  ZP_MAP_FAILED: nothing is freed. */
extern ZpStatus zp_versions_free(ZpArenaMap *map, ZpVersions *versions, ZpPool *control_pool);

/*
 * Gives the participant of the map a token of its own: one that nobody owns any
 * more, or a new one from control_pool.  ZP_OUT_OF_MEMORY, ZP_OVER_LIMIT, ...
 */
extern ZpStatus zp_token_attach(ZpArenaMap *map, ZpVersions *versions, ZpPool *control_pool,
								ZpToken **token);

/* Frees what can be freed and leaves the token (and what is pending) to others. */
extern void zp_token_detach(ZpArenaMap *map, ZpVersions *versions, ZpPool *pool,
							ZpToken *token);

/*
 * From here to the release nothing that can be reached is reused.  Not recursive.
 * ZP_OK, or ZP_DROPPED (then it is not held).
 */
static inline void
zp_token_release(ZpToken *token)
{
	zp_store_release_u64(&token->version, 0);
}

static inline ZpStatus
zp_token_acquire(ZpVersions *versions, ZpToken *token)
{
	/* Release: who sees it has also seen what the token's last owner did. */
	zp_store_release_u64(&token->version, zp_load_acquire_u64(&versions->current));
	/* The version must be seen by reclaimers before we load any link. */
	if (ZP_LIKELY(zp_load_relaxed_u32(&token->light)))
		zp_barrier_light();
	else
		zp_fence_seq_cst();
	if (ZP_UNLIKELY(zp_load_acquire_u32(&versions->closed)))
	{
		zp_token_release(token);
		return ZP_DROPPED;
	}
	return ZP_OK;
}

/*
 * Makes room for ZP_RETIRES_PER_RESERVE retired blocks, so that retiring cannot
 * fail.  Call it before any lock is taken.
 */
extern ZpStatus zp_lazy_reserve(ZpArenaMap *map, ZpPool *pool, ZpToken *token);

/*
 * The block was unlinked: free it when nobody can see it any more.  The caller
 * holds the token, and unlinked the block before the call.  Cannot fail after
 * zp_lazy_reserve.
 */
extern void zp_lazy_retire(ZpArenaMap *map, ZpVersions *versions, ZpToken *token, ZpRef ref,
						   size_t bytes);

/* Whether the owner has enough retired blocks to try and free some. */
extern bool zp_lazy_is_due(const ZpToken *token);

/* Frees what nobody can see any more of this token's list; the token is not held. */
extern void zp_lazy_reclaim(ZpArenaMap *map, ZpVersions *versions, ZpPool *pool, ZpToken *token);

/*
 * The same for every token's list; token is the caller's own, not held.
 * Returns how many blocks are still pending.
 */
extern uint64_t zp_lazy_reclaim_all(ZpArenaMap *map, ZpVersions *versions, ZpPool *pool,
									ZpToken *token);

/* Retired by this token and not freed yet. */
extern uint64_t zp_lazy_pending(const ZpToken *token);

/* A counter of the token's owner, e.g. keys added less keys removed.  See zp_token_sum. */
extern void zp_token_count_add(ZpToken *token, int64_t delta);

typedef struct ZpTokenStats
{
	uint64_t	version;		/* the current one */
	uint64_t	oldest;			/* carried by a token in use; current if none */
	uint64_t	tokens;			/* ever made */
	uint64_t	owned;			/* that belong to a participant now */
	uint64_t	held;			/* in use now */
	uint64_t	pending;		/* retired blocks, all tokens */
	uint64_t	retired;		/* since the object was made */
	uint64_t	freed;
	int64_t		count;			/* sum of zp_token_count_add over all tokens */
	uint64_t	token_bytes;	/* memory of tokens and lazy free lists */
} ZpTokenStats;

extern void zp_token_stats(ZpArenaMap *map, ZpVersions *versions, ZpTokenStats *stats);

/* Only the sum of zp_token_count_add: cheaper than zp_token_stats. */
extern int64_t zp_token_sum(ZpArenaMap *map, ZpVersions *versions);

#endif							/* ZP_TOKEN_H */
