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

/* Bits of ZpVersions.access; see access.h. */
#define ZP_ACCESS_LEVEL			0x07u	/* ZpAccessLevel */
#define ZP_ACCESS_CHANGING		0x08u	/* writers wait until the level has changed */
#define ZP_ACCESS_CLOSED		0x10u	/* the object is being dropped; never goes back */
#define ZP_ACCESS_GENERATION	0x20u	/* one more with each change: no value comes twice */

/* Counters of a token that are summed up; a reset remembers the sum as it is then. */
typedef struct ZpTokenCounters
{
	uint64_t	acquired;		/* operations and holds that began with token work */
	uint64_t	misses;			/* of them, those whose cached admission was not good any more */
	uint64_t	invalidations;	/* of these, because the level had changed */
	uint64_t	waits;			/* times that somebody waited to be admitted */
	uint64_t	retired;		/* blocks */
	uint64_t	freed;
} ZpTokenCounters;

/* Shared.  One per object that is read without locks. */
typedef struct ZpVersions
{
	/* The current version, from 1; grows when somebody tries to reclaim. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU64 current;

	/* ZP_ACCESS_*; changed by compare-and-swap; a futex of those who wait for a change. */
	ZpAtomicU32 access;

	/*
	 * Participant that the object belongs to at level single_*, 0: nobody.  Taken by
	 * compare-and-swap, given up by it; set by who changes the level.
	 */
	ZpAtomicU32 owner;

	/* When the counters were reset last, as the caller counts; 0: never. */
	ZpAtomicU64 reset_at;

	/*
	 * First token (a ref), the newest.  Tokens are only ever pushed, by
	 * compare-and-swap; they live as long as the object.
	 */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 tokens;
	ZpAtomicU32 token_count;

	/* Level one_writer: the lock of the one writer; see access.c. */
	ZpAtomicU32 writer;
	uint32_t	unused;

	/* The sums of the counters when they were reset; by whoever resets. */
	ZpAtomicU64 reset_sums[6];
} ZpVersions;

_Static_assert(sizeof(ZpVersions) == 2 * ZP_CACHE_LINE_BYTES, "versions are two cache lines");

/* Tokens of one kind that their owner holds from call to call; written by it. */
typedef struct ZpHeldTokens
{
	ZpAtomicU64 version;		/* of the oldest */
	ZpAtomicU64 since;			/* of the oldest, as the caller counts */
	ZpAtomicU32 count;
	uint32_t	unused;
} ZpHeldTokens;

/* Shared, in cache lines of its own. */
typedef struct ZpToken
{
	/* First line: written by the owner at every operation, read by reclaimers. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU64 version;	/* 0: not held */
	ZpAtomicU64 acquired;		/* see ZpTokenCounters; the owner's */
	ZpAtomicU64 count;			/* zp_token_count_add; written by the owner */
	ZpAtomicU64 retired;		/* blocks, ever; written by the owner */
	ZpAtomicU64 weight;			/* what was retired, ever: see zp_lazy_retire; the owner's */
	ZpAtomicU64 reclaim_at;		/* weight at which the owner tries next; the owner's */
	ZpAtomicU32 tail;			/* last batch, 0: none; the owner's */
	ZpAtomicU32 spare;			/* batch that goes behind the tail, 0: none; the owner's */
	ZpAtomicU32 writing;		/* 1: the owner may be changing the object; the owner's */
	uint32_t	unused;

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
	ZpAtomicU32 standing;		/* ZP_STANDING_*; the owner's, for those who look */
	ZpAtomicU64 misses;			/* see ZpTokenCounters; the owner's, as the next two */
	ZpAtomicU64 invalidations;
	ZpAtomicU64 waits;

	/* Third line: what is held from call to call, readers' and writers'. */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpHeldTokens held[2];
} ZpToken;

_Static_assert(sizeof(ZpToken) == 3 * ZP_CACHE_LINE_BYTES, "a token is three cache lines");

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
 * From here to the release nothing that can be reached is reused.  Not recursive.  The
 * bare token, whatever the level is; operations begin with zp_pass_begin_read or _write.
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
	if (ZP_UNLIKELY(zp_load_acquire_u32(&versions->access) & ZP_ACCESS_CLOSED))
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

/*
 * Frees what nobody can see any more of this token's list.  If the owner holds the token
 * that counts like anybody's; it refers to nothing that it has retired itself.
 */
extern void zp_lazy_reclaim(ZpArenaMap *map, ZpVersions *versions, ZpPool *pool, ZpToken *token);

/*
 * The same for every token's list; token is the caller's own.
 * Returns how many blocks are still pending.
 */
extern uint64_t zp_lazy_reclaim_all(ZpArenaMap *map, ZpVersions *versions, ZpPool *pool,
									ZpToken *token);

/*
 * What a token of this version holds back, of all lists: blocks and bytes that were retired
 * since.  Others may hold it back too.  False: a list could not be mapped.
 */
extern bool zp_lazy_held_back(ZpArenaMap *map, ZpVersions *versions, uint64_t version,
							  uint64_t *blocks, uint64_t *bytes);

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
	uint64_t	held;			/* in use now: they carry a version */
	uint64_t	pending;		/* retired blocks, all tokens */
	uint64_t	retired;		/* since the object was made */
	uint64_t	freed;
	int64_t		count;			/* sum of zp_token_count_add over all tokens */
	uint64_t	token_bytes;	/* memory of tokens and lazy free lists */
	uint32_t	access;			/* ZpVersions.access */
	uint32_t	owner;			/* at level single_*; 0: nobody */
	ZpTokenCounters counters;	/* since they were reset */
	uint64_t	reset_at;		/* 0: never */
} ZpTokenStats;

extern void zp_token_stats(ZpArenaMap *map, ZpVersions *versions, ZpTokenStats *stats);

/* Lets the counters begin at 0 again; `now` is what reset_at tells. */
extern void zp_token_stats_reset(ZpArenaMap *map, ZpVersions *versions, uint64_t now);

/* One token that carries a version, or is held. */
typedef struct ZpTokenInfo
{
	uint32_t	participant;
	uint32_t	standing;		/* ZP_STANDING_*: kept between operations */
	bool		writing;
	uint64_t	version;
	struct
	{
		uint32_t	count;
		uint64_t	version;
		uint64_t	since;
	}			held[2];		/* readers', writers' */
} ZpTokenInfo;

/* Up to max of the tokens in use; returns how many there are. */
extern size_t zp_token_list(ZpArenaMap *map, ZpVersions *versions, ZpTokenInfo *infos, size_t max);

/* Only the sum of zp_token_count_add: cheaper than zp_token_stats. */
extern int64_t zp_token_sum(ZpArenaMap *map, ZpVersions *versions);

#endif							/* ZP_TOKEN_H */
