/*
 * token.c
 *	  Tokens: who is inside a shared object, and since which version.
 *
 * Acquiring stores the current version into the participant's own token and
 * fences; releasing stores 0.  Versions only grow.  A reclaimer first advances
 * the current version, fences, and takes the smallest version that any token
 * carries: what was stamped before that one is out of everybody's reach.
 *
 * The fence of acquiring is the reclaimer's to make, where the system lets it
 * (port/barrier.h): then a reader has no fence, and one lookup's misses overlap with
 * the next one's.
 *
 * Why the fences suffice.  Let a reader R have met a block that a writer W
 * unlinked and stamped s, and a reclaimer C scan the tokens.  R stored its
 * version V and fenced before it met the block; W unlinked, fenced and then read
 * s.  R's fence comes before W's (else R would have missed the block), so W read
 * s >= V; C's fence comes after W's, so C sees R's token: V, a later one (R
 * released meanwhile) or 0.  V <= s keeps the block.
 *
 * If R's fence is C's barrier: either R had stored V when the barrier hit its
 * processor, and C, which looks after that, sees it; or R stored V, and so met what
 * it met, after the barrier, when the unlinking, which came before the barrier, was
 * there for all to see.  That W read s >= V then rests on stores that all processors
 * see at once: R had seen the version become V, so it was V for W, who read it later.
 * (zp_barrier_register says no where that is not so.)  Whoever gets a token after C
 * looked whether there is anybody to be hit has fenced once, in attaching, and met
 * nothing before that.
 *
 * Cost: a load, a store and (where the reclaimer cannot make it) a fence to acquire, a
 * store to release; a scan of all tokens, and a barrier if others have tokens, for each
 * ZP_LAZY_BULK retired blocks.  Weak: a participant that stays inside holds back
 * everything that is retired meanwhile.
 */
#include "sync/access.h"
#include "sync/token_internal.h"

#include <string.h>

void
zp_versions_init(ZpVersions *versions)
{
	memset(versions, 0, sizeof(*versions));
	zp_store_relaxed_u64(&versions->current, 1);
	zp_store_relaxed_u32(&versions->access, ZP_ACCESS_GENERATION | ZP_ACCESS_MULTI_WRITER);
}

bool
zp_fence_for_all(ZpArenaMap *map, ZpVersions *versions, const ZpToken *own)
{
	ZpToken    *token;

	zp_fence_seq_cst();
	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
	{
		if (token != own && zp_load_acquire_u32(&token->owner) != 0 &&
			zp_load_relaxed_u32(&token->light))
			return zp_barrier_all();
	}
	return !map->map_failed;
}

ZpStatus
zp_versions_close(ZpArenaMap *map, ZpVersions *versions)
{
	ZpToken    *token;
	bool		busy = false;
	bool		kept = true;

	(void) zp_fetch_or_relaxed_u32(&versions->access, ZP_ACCESS_CLOSED);
	(void) zp_futex_wake_all(&versions->access);

	/* Whoever acquires after this barrier sees `closed`; the others we see. */
	map->map_failed = false;
	if (!zp_fence_for_all(map, versions, NULL))
		return map->map_failed ? ZP_MAP_FAILED : ZP_BUSY;
	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
	{
		if (zp_load_acquire_u64(&token->version) == 0)
			continue;
		busy = true;
		/* Whoever is told to stand sees `closed` at its next operation. */
		if (zp_load_acquire_u32(&token->standing) == 0)
			kept = false;
	}
	if (map->map_failed)
		return ZP_MAP_FAILED;
	return !busy ? ZP_OK : kept ? ZP_HELD : ZP_BUSY;
}

ZpStatus
zp_versions_free(ZpArenaMap *map, ZpVersions *versions, ZpPool *control_pool)
{
	ZpRef		ref = zp_load_acquire_u32(&versions->tokens);
	ZpToken    *token;

	map->map_failed = false;
	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
		;
	if (map->map_failed)
		return ZP_MAP_FAILED;
	while (ref != ZP_NULL_REF)
	{
		ZpRef		next;

		token = zp_at(map, ref);
		next = zp_load_relaxed_u32(&token->next);
		(void) zp_pool_free(map, control_pool, ref, sizeof(ZpToken));
		ref = next;
	}
	zp_store_relaxed_u32(&versions->tokens, ZP_NULL_REF);
	return ZP_OK;
}

/* The token is in the list and has us as its owner: now it can be used. */
static ZpToken *
own_token(ZpArenaMap *map, ZpToken *token)
{
	zp_store_relaxed_u32(&token->light, map->light_fences ? 1 : 0);
	/* Either a reclaimer sees that we are there, or we see all that it did before. */
	zp_fence_seq_cst();
	return token;
}

ZpStatus
zp_token_attach(ZpArenaMap *map, ZpVersions *versions, ZpPool *control_pool, ZpToken **token)
{
	ZpToken    *candidate;
	ZpRef		ref;
	uint32_t	head;
	ZpStatus	status;

	map->map_failed = false;
	for (candidate = zp_first_token(map, versions); candidate != NULL;
		 candidate = zp_next_token(map, candidate))
	{
		uint32_t	nobody = 0;

		if (map->map_failed)
			return ZP_MAP_FAILED;
		if (zp_load_relaxed_u32(&candidate->owner) == 0 &&
			zp_cas_acquire_u32(&candidate->owner, &nobody, map->participant))
		{
			*token = own_token(map, candidate);
			return ZP_OK;
		}
	}

	status = zp_pool_alloc(map, control_pool, sizeof(ZpToken), &ref);
	if (status != ZP_OK)
		return status;
	candidate = zp_at(map, ref);
	if (map->map_failed)
	{
		(void) zp_pool_free(map, control_pool, ref, sizeof(ZpToken));
		return ZP_MAP_FAILED;
	}
	memset(candidate, 0, sizeof(*candidate));
	zp_mutex_init(&candidate->reclaim_lock);
	zp_store_relaxed_u32(&candidate->owner, map->participant);
	zp_store_relaxed_u64(&candidate->reclaim_at, ZP_LAZY_BULK);

	head = zp_load_relaxed_u32(&versions->tokens);
	do
		zp_store_relaxed_u32(&candidate->next, head);
	while (!zp_cas_release_u32(&versions->tokens, &head, ref));
	zp_fetch_add_relaxed_u32(&versions->token_count, 1);
	*token = own_token(map, candidate);
	return ZP_OK;
}

void
zp_token_detach(ZpArenaMap *map, ZpVersions *versions, ZpPool *pool, ZpToken *token)
{
	zp_lazy_reclaim(map, versions, pool, token);
	zp_store_release_u32(&token->owner, 0);
}

void
zp_token_count_add(ZpToken *token, int64_t delta)
{
	/* Only the owner writes it, so no read-modify-write is needed. */
	zp_store_relaxed_u64(&token->count,
						 zp_load_relaxed_u64(&token->count) + (uint64_t) delta);
}

int64_t
zp_token_sum(ZpArenaMap *map, ZpVersions *versions)
{
	ZpToken    *token;
	uint64_t	sum = 0;

	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
		sum += zp_load_relaxed_u64(&token->count);
	return (int64_t) sum;
}

/* The counters of one token, added up. */
static void
add_counters(ZpTokenCounters *sum, const ZpToken *token)
{
	/* Freed first: it never overtakes retired, whenever the two are read. */
	sum->freed += zp_load_acquire_u64(&token->freed);
	sum->retired += zp_load_relaxed_u64(&token->retired);
	sum->acquired += zp_load_relaxed_u64(&token->acquired);
	sum->misses += zp_load_relaxed_u64(&token->misses);
	sum->invalidations += zp_load_relaxed_u64(&token->invalidations);
	sum->waits += zp_load_relaxed_u64(&token->waits);
}

/* The same in the order of reset_sums. */
static void
as_array(const ZpTokenCounters *counters, uint64_t *array)
{
	array[0] = counters->acquired;
	array[1] = counters->misses;
	array[2] = counters->invalidations;
	array[3] = counters->waits;
	array[4] = counters->retired;
	array[5] = counters->freed;
}

void
zp_token_stats_reset(ZpArenaMap *map, ZpVersions *versions, uint64_t now)
{
	ZpTokenCounters sum = {0};
	uint64_t	sums[6];
	ZpToken    *token;

	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
		add_counters(&sum, token);
	as_array(&sum, sums);
	for (int i = 0; i < 6; i++)
		zp_store_relaxed_u64(&versions->reset_sums[i], sums[i]);
	zp_store_relaxed_u64(&versions->reset_at, now);
}

/* What came since the reset; a counter that was read before another reset's end is 0. */
static uint64_t
since_reset(const ZpVersions *versions, int i, uint64_t sum)
{
	uint64_t	before = zp_load_relaxed_u64(&versions->reset_sums[i]);

	return sum > before ? sum - before : 0;
}

void
zp_token_stats(ZpArenaMap *map, ZpVersions *versions, ZpTokenStats *stats)
{
	ZpToken    *token;
	ZpTokenCounters sum = {0};
	uint64_t	count = 0;

	memset(stats, 0, sizeof(*stats));
	stats->version = zp_load_acquire_u64(&versions->current);
	stats->oldest = stats->version;
	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
	{
		uint64_t	version = zp_load_acquire_u64(&token->version);

		stats->tokens++;
		if (zp_load_relaxed_u32(&token->owner) != 0)
			stats->owned++;
		if (version != 0)
		{
			stats->held++;
			if (version < stats->oldest)
				stats->oldest = version;
		}
		add_counters(&sum, token);
		count += zp_load_relaxed_u64(&token->count);
		stats->token_bytes += sizeof(ZpToken) +
			(uint64_t) zp_load_relaxed_u32(&token->batches) * sizeof(ZpLazyBatch);
	}
	stats->retired = sum.retired;
	stats->freed = sum.freed;
	stats->pending = sum.retired - sum.freed;
	stats->count = (int64_t) count;
	stats->access = zp_load_acquire_u32(&versions->access);
	stats->owner = zp_load_relaxed_u32(&versions->owner);
	stats->reset_at = zp_load_relaxed_u64(&versions->reset_at);
	stats->counters.acquired = since_reset(versions, 0, sum.acquired);
	stats->counters.misses = since_reset(versions, 1, sum.misses);
	stats->counters.invalidations = since_reset(versions, 2, sum.invalidations);
	stats->counters.waits = since_reset(versions, 3, sum.waits);
	stats->counters.retired = since_reset(versions, 4, sum.retired);
	stats->counters.freed = since_reset(versions, 5, sum.freed);
}

size_t
zp_token_list(ZpArenaMap *map, ZpVersions *versions, ZpTokenInfo *infos, size_t max)
{
	size_t		count = 0;
	ZpToken    *token;

	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
	{
		ZpTokenInfo info = {0};

		info.version = zp_load_acquire_u64(&token->version);
		if (info.version == 0)
			continue;
		info.participant = zp_load_relaxed_u32(&token->owner);
		info.standing = zp_load_relaxed_u32(&token->standing);
		info.writing = zp_load_relaxed_u32(&token->writing) != 0;
		for (int kind = 0; kind < 2; kind++)
		{
			info.held[kind].count = zp_load_acquire_u32(&token->held[kind].count);
			info.held[kind].version = zp_load_relaxed_u64(&token->held[kind].version);
			info.held[kind].since = zp_load_relaxed_u64(&token->held[kind].since);
		}
		if (count < max)
			infos[count] = info;
		count++;
	}
	return count;
}
