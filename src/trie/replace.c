/*
 * replace.c
 *	  The one way in which a trie changes its shape: a slot gets another node.
 *
 * Everything that can fail happens before the first lock.  While locks are held
 * there are only copies of memory, so a writer holds them briefly.
 */
#include "trie/replace.h"

#include "port/point.h"
#include "trie/node_lock.h"

ZpStatus
zp_reserve_nodes(ZpTrieSession *session, ZpNodePlan *const *plans, int n,
				 ZpRef *refs, ZpNode **nodes)
{
	size_t		sizes[ZP_REPLACE_MAX] = {0};
	ZpStatus	status;

	for (int i = 0; i < n; i++)
	{
		zp_plan_node(plans[i], zp_session_payload_bytes(session));
		sizes[i] = plans[i]->bytes;
	}
	status = zp_pool_reserve(session->map, session->pool, (uint32_t) n, sizes, refs);
	if (status != ZP_OK)
		return status;
	for (int i = 0; i < n; i++)
		nodes[i] = zp_node_at(session->map, refs[i]);
	if (session->map->map_failed)
	{
		zp_return_nodes(session, plans, n, refs);
		return ZP_MAP_FAILED;
	}
	return ZP_OK;
}

void
zp_return_nodes(ZpTrieSession *session, ZpNodePlan *const *plans, int n, const ZpRef *refs)
{
	for (int i = 0; i < n; i++)
		(void) zp_pool_free(session->map, session->pool, refs[i], plans[i]->bytes);
}

void
zp_retire_node(ZpTrieSession *session, const ZpOldNode *old)
{
	zp_lazy_retire(session->map, &session->trie->versions, session->token, old->ref,
				   zp_word_node_bytes(old->word, zp_session_payload_bytes(session)));
}

void
zp_retire_payload(ZpTrieSession *session, uint64_t payload)
{
	if (session->payload_kind == ZP_PAYLOAD_BLOCK && zp_payload_ref(payload) != ZP_NULL_REF)
		zp_lazy_retire(session->map, &session->trie->versions, session->token,
					   zp_payload_ref(payload), zp_payload_bytes(payload));
}

void
zp_end_write(ZpTrieSession *session)
{
	zp_token_release(session->token);
	if (zp_lazy_is_due(session->token))
		zp_lazy_reclaim(session->map, &session->trie->versions, session->pool, session->token);
}

ZpStatus
zp_replace(ZpTrieSession *session, const ZpPlace *place, ZpRef replacement,
		   const ZpNodePlan *plan, ZpNode *built, const ZpOldNode *old, int old_count)
{
	ZpAtomicU32 *words[1 + ZP_REPLACE_MAX];
	ZpStatus	status;

	words[0] = place->lock;
	for (int i = 0; i < old_count; i++)
		words[i + 1] = &old[i].node->word;
	status = zp_node_lock_all(words, old_count + 1, session->map->hooks);
	if (status != ZP_OK)
		return status;
	ZP_POINT("replace_locked");

	if (zp_load_relaxed_u32(place->slot) != (old_count > 0 ? old[0].ref : ZP_NULL_REF))
		status = ZP_BUSY;
	else if (plan != NULL)
		status = zp_build_node(plan, built, zp_session_payload_bytes(session));
	if (status != ZP_OK)
	{
		for (int i = old_count; i >= 0; i--)
			zp_node_unlock(words[i]);
		return status;
	}

	zp_store_release_u32(place->slot, replacement);
	for (int i = old_count; i > 0; i--)
		zp_node_unlock_obsolete(words[i]);
	zp_node_unlock(words[0]);

	for (int i = 0; i < old_count; i++)
		zp_retire_node(session, &old[i]);
	return ZP_OK;
}
