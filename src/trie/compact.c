/*
 * compact.c
 *	  Making a trie as small as its contents: for one that will only be read.
 *
 * Buckets have room for keys to come, and for those that went.  Each is written anew, just
 * as large as what it holds, if that makes its block smaller.  Inner nodes and values are
 * always exact.  What gets free goes back to the pool, and whole slabs to the arena.
 *
 * A smaller block may need a new slab, and memory that is full has none: then what was
 * replaced is freed, and the bucket tried once more; after that it stays as large as it is.
 *
 * The caller is the only writer, so the inner nodes on the way stay, and only slots that
 * lead to buckets change.  Readers go on as ever.
 */
#include "trie/compact.h"

#include <stdlib.h>

#include "trie/change.h"

/* Buckets of a step. */
#define STEP_BUCKETS 64

struct ZpCompactFrame
{
	ZpNode	   *node;
	uint32_t	word;
	uint32_t	next;			/* child to look at next */
};

void
zp_compact_begin(ZpCompaction *compaction, ZpTrieSession *session)
{
	*compaction = (ZpCompaction) {.session = session};
}

void
zp_compact_end(ZpCompaction *compaction)
{
	free(compaction->frames);
	compaction->frames = NULL;
	compaction->frame_count = compaction->frame_capacity = 0;
}

static ZpStatus
push_inner(ZpCompaction *compaction, ZpNode *node)
{
	if (compaction->frame_count == compaction->frame_capacity)
	{
		size_t		larger = compaction->frame_capacity == 0 ? 64 : 2 * compaction->frame_capacity;
		struct ZpCompactFrame *moved = realloc(compaction->frames, larger * sizeof(*moved));

		if (moved == NULL)
			return ZP_OUT_OF_MEMORY;
		compaction->frames = moved;
		compaction->frame_capacity = larger;
	}
	compaction->frames[compaction->frame_count++] = (struct ZpCompactFrame) {
		.node = node,.word = zp_load_relaxed_u32(&node->word)
	};
	return ZP_OK;
}

/* Writes a bucket anew if it gets smaller. */
static ZpStatus
shrink(ZpCompaction *compaction, const ZpMet *met)
{
	ZpTrieSession *session = compaction->session;
	ZpBucket   *bucket = zp_met_bucket(met);
	size_t		path_bytes = zp_word_path_bytes(met->word);
	ZpPiece		path = {zp_bucket_path(bucket, path_bytes), path_bytes};
	ZpChange	change;
	ZpStatus	status = zp_lazy_reserve(session->map, session->pool, session->token);

	if (status != ZP_OK)
		return status;
	compaction->buckets++;
	zp_change_begin(&change, session, met->place);
	change.exact = true;
	(void) zp_change_add_old(&change, met);
	(void) zp_change_add_bucket(&change, 0, path_bytes);
	if (change.item_count == 0 || !zp_items_fit(&change, 0, change.item_count, 0))
		return ZP_OK;
	change.top = zp_plan_subtree(&change, path, zp_no_piece, 0, change.item_count, 0);
	if (zp_pool_counted_bytes(session->pool, zp_plan_bytes(&change, change.top)) >=
		zp_pool_counted_bytes(session->pool, zp_bucket_bytes(bucket, met->word)))
		return ZP_OK;
	status = zp_change_apply(&change);
	if (status == ZP_OK)
		compaction->rewritten++;
	return status;
}

/* What a slot leads to: an inner node is to be walked, a bucket shrinks. */
static ZpStatus
visit(ZpCompaction *compaction, ZpPlace place)
{
	ZpTrieSession *session = compaction->session;
	ZpMet		met = {.place = place,.slot = zp_load_acquire_u32(place.slot)};

	met.node = zp_node_at(session->map, met.slot);
	if (session->map->map_failed)
		return ZP_MAP_FAILED;
	met.word = zp_load_relaxed_u32(&met.node->word);
	if (!zp_slot_is_bucket(met.slot))
		return push_inner(compaction, met.node);
	return shrink(compaction, &met);
}

/* One place further.  ZP_END: there is none. */
static ZpStatus
advance(ZpCompaction *compaction)
{
	ZpTrie	   *trie = compaction->session->trie;
	struct ZpCompactFrame *frame;
	ZpStatus	status;
	size_t		at;

	if (!compaction->begun)
	{
		status = zp_load_acquire_u32(&trie->root) == ZP_NULL_REF ? ZP_OK
			: visit(compaction, (ZpPlace) {&trie->root, &trie->root_word});
		compaction->begun = status == ZP_OK;
		return status;
	}
	if (compaction->frame_count == 0)
		return ZP_END;
	at = compaction->frame_count - 1;
	frame = &compaction->frames[at];
	if (frame->next == zp_word_children(frame->word))
	{
		compaction->frame_count--;
		return ZP_OK;
	}
	status = visit(compaction, (ZpPlace) {zp_inner_slots(frame->node) + frame->next,
										  &frame->node->word});
	/* Visiting may have moved the frames. */
	if (status == ZP_OK)
	{
		compaction->frames[at].next++;
		compaction->retried = false;
	}
	return status;
}

/* There is no memory for what comes next: once more, or without it. */
static void
retry_or_leave(ZpCompaction *compaction)
{
	compaction->retried = !compaction->retried;
	if (compaction->retried)
		return;
	compaction->left++;
	if (compaction->frame_count > 0)
		compaction->frames[compaction->frame_count - 1].next++;
	else
		compaction->begun = true;
}

ZpStatus
zp_compact_step(ZpCompaction *compaction)
{
	ZpTrieSession *session = compaction->session;
	bool		exempt = session->map->exempt_from_limits;
	uint64_t	limit = compaction->buckets + STEP_BUCKETS;
	ZpStatus	status;

	session->map->map_failed = false;
	status = zp_trie_enter(session);
	if (status != ZP_OK)
		return status;
	/* A full trie must be able to shrink. */
	session->map->exempt_from_limits = true;
	do
		status = advance(compaction);
	while (status == ZP_OK && compaction->buckets < limit);
	session->map->exempt_from_limits = exempt;
	zp_trie_leave(session);
	if (status == ZP_OUT_OF_MEMORY || status == ZP_OVER_LIMIT)
	{
		zp_trie_reclaim_own(session);
		retry_or_leave(compaction);
		return ZP_OK;
	}
	if (zp_lazy_is_due(session->token))
		zp_trie_reclaim_own(session);
	if (status == ZP_END)
	{
		(void) zp_trie_reclaim(session);
		(void) zp_pool_flush(session->map, session->pool);
		(void) zp_pool_release_kept(session->map, session->pool);
	}
	return status == ZP_BUSY ? ZP_OK : status;
}
