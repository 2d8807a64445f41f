/*
 * lazy_free.c
 *	  Lazy free lists: blocks that were unlinked and wait until nobody sees them.
 *
 * Each token has a list of its own, in the order of retirement and so of stamps:
 * batches of 63 entries, a queue with one producer (the owner) and one consumer
 * at a time.  Retiring is two plain stores and a release store, no lock.  The
 * owner frees in bulk when ZP_LAZY_BULK blocks wait; when a reader holds them
 * back, it tries again only after as many more.  Lists of tokens that nobody
 * owns are freed by zp_lazy_reclaim_all, or by the token's next owner.
 *
 * Reclaiming is itself inside the object, with a token of the version that it
 * has just begun: it does not hold back what it frees, and a drop waits for it.  Where
 * the caller holds a token from call to call, that one is left as it is, and counts.
 */
#include "sync/token_internal.h"

static inline ZpLazyBatch *
batch_at(ZpArenaMap *map, ZpRef ref)
{
	return zp_at(map, ref);
}

ZpStatus
zp_lazy_reserve(ZpArenaMap *map, ZpPool *pool, ZpToken *token)
{
	ZpRef		tail_ref = zp_load_relaxed_u32(&token->tail);
	ZpRef		ref;
	ZpLazyBatch *batch;
	ZpStatus	status;

	/* Only the owner moves the tail, so what is seen here stays so. */
	if (tail_ref != ZP_NULL_REF)
	{
		ZpRef		spare = zp_load_relaxed_u32(&token->spare);

		/* Both are touched here, so that retiring finds them mapped. */
		batch = batch_at(map, tail_ref);
		if (spare != ZP_NULL_REF)
			(void) batch_at(map, spare);
		if (map->map_failed)
			return ZP_MAP_FAILED;
		if (spare != ZP_NULL_REF ||
			zp_load_relaxed_u32(&batch->filled) + ZP_RETIRES_PER_RESERVE <= ZP_LAZY_BATCH_ENTRIES)
			return ZP_OK;
	}

	status = zp_pool_alloc(map, pool, sizeof(ZpLazyBatch), &ref);
	if (status != ZP_OK)
		return status;
	batch = batch_at(map, ref);
	if (map->map_failed)
	{
		(void) zp_pool_free(map, pool, ref, sizeof(ZpLazyBatch));
		return ZP_MAP_FAILED;
	}
	zp_store_relaxed_u32(&batch->next, ZP_NULL_REF);
	zp_store_relaxed_u32(&batch->filled, 0);
	batch->unused = 0;
	zp_fetch_add_relaxed_u32(&token->batches, 1);

	if (tail_ref == ZP_NULL_REF)
	{
		/* The queue is empty and has no batch: the head is the consumer's. */
		(void) zp_mutex_lock(&token->reclaim_lock, NULL, NULL);
		token->head = ref;
		token->head_entry = 0;
		zp_mutex_unlock(&token->reclaim_lock);
		zp_store_relaxed_u32(&token->tail, ref);
	}
	else
		zp_store_relaxed_u32(&token->spare, ref);	/* for entries that no longer fit */
	return ZP_OK;
}

void
zp_lazy_retire(ZpArenaMap *map, ZpVersions *versions, ZpToken *token, ZpRef ref, size_t bytes)
{
	ZpLazyBatch *batch = batch_at(map, zp_load_relaxed_u32(&token->tail));
	uint32_t	filled = zp_load_relaxed_u32(&batch->filled);
	ZpRetired  *entry;

	if (filled == ZP_LAZY_BATCH_ENTRIES)
	{
		ZpRef		spare = zp_load_relaxed_u32(&token->spare);

		/* The consumer may free the full batch as soon as it sees its `next`. */
		zp_store_relaxed_u32(&token->spare, ZP_NULL_REF);
		zp_store_relaxed_u32(&token->tail, spare);
		zp_store_release_u32(&batch->next, spare);
		batch = batch_at(map, spare);
		filled = 0;
	}
	entry = &batch->entries[filled];

	/* The block is out of reach before the version is read: see token.c. */
	zp_fence_seq_cst();
	entry->stamp = zp_load_relaxed_u64(&versions->current);
	entry->ref = ref;
	entry->bytes = (uint32_t) bytes;
	zp_store_relaxed_u64(&token->retired, zp_load_relaxed_u64(&token->retired) + 1);
	zp_store_relaxed_u64(&token->weight, zp_load_relaxed_u64(&token->weight) + 1 +
						 bytes / ZP_LAZY_WEIGHT_BYTES);
	zp_store_release_u32(&batch->filled, filled + 1);
}

uint64_t
zp_lazy_pending(const ZpToken *token)
{
	uint64_t	freed = zp_load_acquire_u64(&token->freed);

	return zp_load_relaxed_u64(&token->retired) - freed;
}

bool
zp_lazy_is_due(const ZpToken *token)
{
	return zp_load_relaxed_u64(&token->weight) >= zp_load_relaxed_u64(&token->reclaim_at);
}

uint64_t
zp_oldest_version(ZpArenaMap *map, ZpVersions *versions, const ZpToken *own)
{
	uint64_t	oldest = zp_fetch_add_seq_cst_u64(&versions->current, 1) + 1;
	ZpToken    *token;

	if (!zp_fence_for_all(map, versions, own))
		return 0;
	for (token = zp_first_token(map, versions); token != NULL; token = zp_next_token(map, token))
	{
		uint64_t	version = zp_load_acquire_u64(&token->version);

		if (version != 0 && version < oldest)
			oldest = version;
	}
	/* A token that cannot be looked at may carry any version. */
	return map->map_failed ? 0 : oldest;
}

static ZpStatus
free_batch(ZpArenaMap *map, ZpPool *pool, ZpToken *token, ZpRef ref)
{
	ZpStatus	status = zp_pool_free(map, pool, ref, sizeof(ZpLazyBatch));

	if (status == ZP_OK)
		zp_fetch_sub_relaxed_u32(&token->batches, 1);
	return status;
}

/*
 * Frees what was stamped before `oldest`; reclaim_lock is held.  Stops at the first
 * block that cannot be freed here (another participant's no_lock pool, a segment
 * that cannot be mapped): it stays pending.
 */
static void
free_older(ZpArenaMap *map, ZpPool *pool, ZpToken *token, uint64_t oldest)
{
	uint64_t	freed = 0;
	ZpStatus	status = ZP_OK;

	while (status == ZP_OK && token->head != ZP_NULL_REF)
	{
		ZpLazyBatch *batch = batch_at(map, token->head);
		uint32_t	filled;
		ZpRef		next;

		if (map->map_failed)
			break;
		filled = zp_load_acquire_u32(&batch->filled);
		while (token->head_entry < filled && batch->entries[token->head_entry].stamp < oldest)
		{
			ZpRetired  *entry = &batch->entries[token->head_entry];

			status = zp_pool_free(map, pool, entry->ref, entry->bytes);
			if (status != ZP_OK)
				break;
			token->head_entry++;
			freed++;
		}
		if (token->head_entry < ZP_LAZY_BATCH_ENTRIES)
			break;
		next = zp_load_acquire_u32(&batch->next);
		if (next == ZP_NULL_REF)
			break;				/* the tail: its owner may still look at it */
		status = free_batch(map, pool, token, token->head);
		if (status == ZP_OK)
		{
			token->head = next;
			token->head_entry = 0;
		}
	}
	zp_store_release_u64(&token->freed, zp_load_relaxed_u64(&token->freed) + freed);
}

/*
 * Gives the batches of an empty list back: the spare, and one that is head and
 * tail.  By the token's owner, with reclaim_lock held.
 */
static void
free_batches(ZpArenaMap *map, ZpPool *pool, ZpToken *token)
{
	ZpRef		spare = zp_load_relaxed_u32(&token->spare);

	if (zp_lazy_pending(token) != 0 || token->head == ZP_NULL_REF)
		return;
	if (spare != ZP_NULL_REF)
	{
		if (free_batch(map, pool, token, spare) != ZP_OK)
			return;
		zp_store_relaxed_u32(&token->spare, ZP_NULL_REF);
	}
	if (free_batch(map, pool, token, token->head) != ZP_OK)
		return;
	token->head = ZP_NULL_REF;
	token->head_entry = 0;
	zp_store_relaxed_u32(&token->tail, ZP_NULL_REF);
}

void
zp_lazy_reclaim(ZpArenaMap *map, ZpVersions *versions, ZpPool *pool, ZpToken *token)
{
	bool		held = zp_load_relaxed_u64(&token->version) != 0;
	uint64_t	oldest;

	if (zp_load_relaxed_u32(&token->tail) == ZP_NULL_REF)
		return;
	map->map_failed = false;
	oldest = zp_oldest_version(map, versions, token);
	if (!held && zp_token_acquire(versions, token) != ZP_OK)
		return;					/* dropped: the pool goes as a whole */
	(void) zp_mutex_lock(&token->reclaim_lock, NULL, NULL);
	free_older(map, pool, token, oldest);
	free_batches(map, pool, token);
	zp_mutex_unlock(&token->reclaim_lock);
	zp_store_relaxed_u64(&token->reclaim_at,
						 zp_load_relaxed_u64(&token->weight) + ZP_LAZY_BULK);
	if (!held)
		zp_token_release(token);
}

uint64_t
zp_lazy_reclaim_all(ZpArenaMap *map, ZpVersions *versions, ZpPool *pool, ZpToken *token)
{
	bool		held = zp_load_relaxed_u64(&token->version) != 0;
	uint64_t	oldest;
	uint64_t	pending = 0;
	ZpToken    *other;

	zp_lazy_reclaim(map, versions, pool, token);

	map->map_failed = false;
	oldest = zp_oldest_version(map, versions, token);
	if (!held && zp_token_acquire(versions, token) != ZP_OK)
		return 0;
	pending = zp_lazy_pending(token);
	for (other = zp_first_token(map, versions); other != NULL; other = zp_next_token(map, other))
	{
		uint32_t	nobody = 0;
		bool		adopted;

		if (other == token)
			continue;
		/* Batches of an empty list are for the owner to free, if there is one. */
		if (map->map_failed ||
			(zp_lazy_pending(other) == 0 &&
			 (zp_load_relaxed_u32(&other->batches) == 0 ||
			  zp_load_relaxed_u32(&other->owner) != 0)))
		{
			pending += zp_lazy_pending(other);
			continue;
		}
		/* A list without an owner is ours meanwhile, its last batch too. */
		adopted = zp_cas_acquire_u32(&other->owner, &nobody, map->participant);
		(void) zp_mutex_lock(&other->reclaim_lock, NULL, NULL);
		free_older(map, pool, other, oldest);
		if (adopted)
			free_batches(map, pool, other);
		zp_mutex_unlock(&other->reclaim_lock);
		pending += zp_lazy_pending(other);
		if (adopted)
			zp_store_release_u32(&other->owner, 0);
	}
	if (!held)
		zp_token_release(token);
	return pending;
}

bool
zp_lazy_held_back(ZpArenaMap *map, ZpVersions *versions, uint64_t version, uint64_t *blocks,
				  uint64_t *bytes)
{
	ZpToken    *token;

	*blocks = 0;
	*bytes = 0;
	map->map_failed = false;
	for (token = zp_first_token(map, versions); token != NULL && !map->map_failed;
		 token = zp_next_token(map, token))
	{
		ZpRef		ref;
		uint32_t	entry;

		/* Nobody frees a batch of it meanwhile. */
		(void) zp_mutex_lock(&token->reclaim_lock, NULL, NULL);
		ref = token->head;
		entry = token->head_entry;
		while (ref != ZP_NULL_REF)
		{
			ZpLazyBatch *batch = batch_at(map, ref);
			uint32_t	filled;

			if (map->map_failed)
				break;
			filled = zp_load_acquire_u32(&batch->filled);
			for (; entry < filled; entry++)
			{
				if (batch->entries[entry].stamp < version)
					continue;
				++*blocks;
				*bytes += batch->entries[entry].bytes;
			}
			entry = 0;
			ref = zp_load_acquire_u32(&batch->next);
		}
		zp_mutex_unlock(&token->reclaim_lock);
	}
	return !map->map_failed;
}
