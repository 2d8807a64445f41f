/*
 * delete.c
 *	  Delete: the trie becomes what it would be had the key never been there.
 *
 * By what the key's node N and its parent P have besides:
 *
 *	  N has two children or more: N without its key;
 *	  N has one child C: C with N's path before its own, in N's place;
 *	  N is a leaf, P is direct and large enough: P's slot is emptied in place;
 *	  N is a leaf, P keeps a key or two children: P without that child;
 *	  N is a leaf, P keeps one child C and no key: C with P's path before its own;
 *	  N is the root: the trie is empty.
 */
#include "trie/node_lock.h"
#include "trie/replace.h"

/* Puts the node that plan describes in the place of old[0], and drops the old nodes. */
static ZpStatus
put_in_place(ZpTrieSession *session, const ZpPlace *place, ZpNodePlan *plan,
			 const ZpOldNode *old, int old_count)
{
	ZpNodePlan *const plans[] = {plan};
	ZpRef		ref;
	ZpNode	   *node;
	ZpStatus	status;

	status = zp_reserve_nodes(session, plans, 1, &ref, &node);
	if (status != ZP_OK)
		return status;
	status = zp_replace(session, place, ref, plan, node, old, old_count);
	if (status != ZP_OK)
		zp_return_nodes(session, plans, 1, &ref);
	return status;
}

/* An only child takes its parent's place, with the parent's path and its label in front. */
static ZpStatus
merge_only_child(ZpTrieSession *session, const ZpPlace *place, const ZpOldNode *parent,
				 unsigned char label, ZpRef child_ref, const ZpOldNode *leaf)
{
	ZpOldNode	old[3] = {*parent};
	int			old_count = 1;
	ZpNode	   *child = zp_node_at(session->map, child_ref);
	uint32_t	child_word = zp_load_relaxed_u32(&child->word);
	ZpNodePlan	plan = zp_plan_copy(child, child_word);

	if (session->map->map_failed)
		return ZP_MAP_FAILED;
	plan.lead = zp_node_path(parent->node);
	plan.lead_bytes = zp_word_path_bytes(parent->word);
	plan.joint = label;
	if (leaf != NULL)
		old[old_count++] = *leaf;
	old[old_count++] = (ZpOldNode) {child, child_ref, child_word};
	return put_in_place(session, place, &plan, old, old_count);
}

/* The key's node has children. */
static ZpStatus
delete_inner(ZpTrieSession *session, ZpDescent *descent)
{
	ZpOldNode	old = {descent->node, descent->ref, descent->word};
	ZpNodePlan	plan;

	if (!zp_word_is_direct(descent->word) && zp_word_children(descent->word) == 1)
		return merge_only_child(session, &descent->place, &old,
								zp_node_labels(descent->node, descent->word)[0],
								zp_load_acquire_u32(zp_node_children(descent->node,
																	 descent->word)),
								NULL);
	plan = zp_plan_copy(descent->node, descent->word);
	plan.terminal = false;
	plan.keep_payload = false;
	return put_in_place(session, &descent->place, &plan, &old, 1);
}

/* The key's node is a leaf below a direct node that stays direct without it. */
static ZpStatus
empty_direct_slot(ZpTrieSession *session, ZpDescent *descent, const ZpOldNode *leaf)
{
	ZpPlace    *place = &descent->place;
	ZpAtomicU32 *count = zp_node_direct_count(place->holder, place->holder_word);
	ZpAtomicU32 *const words[] = {place->lock, &leaf->node->word};
	ZpStatus	status;

	status = zp_node_lock_all(words, 2, session->map->hooks);
	if (status != ZP_OK)
		return status;
	if (zp_load_relaxed_u32(place->slot) != leaf->ref ||
		zp_load_relaxed_u32(count) <= ZP_DIRECT_MIN_CHILDREN)
	{
		zp_node_unlock(words[1]);
		zp_node_unlock(words[0]);
		return ZP_BUSY;
	}
	zp_store_release_u32(place->slot, ZP_NULL_REF);
	zp_store_relaxed_u32(count, zp_load_relaxed_u32(count) - 1);
	zp_node_unlock_obsolete(words[1]);
	zp_node_unlock(words[0]);
	zp_retire_node(session, leaf);
	return ZP_OK;
}

/* The key's node is a leaf. */
static ZpStatus
delete_leaf(ZpTrieSession *session, ZpDescent *descent, unsigned char label)
{
	ZpPlace    *place = &descent->place;
	ZpOldNode	leaf = {descent->node, descent->ref, descent->word};
	ZpOldNode	old[2];
	ZpNodePlan	plan;

	if (place->holder == NULL)
		return zp_replace(session, place, ZP_NULL_REF, NULL, NULL, &leaf, 1);

	old[0] = (ZpOldNode) {place->holder, place->holder_ref, place->holder_word};
	old[1] = leaf;
	if (zp_word_is_direct(place->holder_word))
	{
		if (zp_node_count_children(place->holder, place->holder_word) > ZP_DIRECT_MIN_CHILDREN)
			return empty_direct_slot(session, descent, &leaf);
	}
	else if (zp_word_children(place->holder_word) == 2 &&
			 !zp_word_is_terminal(place->holder_word))
	{
		unsigned char *labels = zp_node_labels(place->holder, place->holder_word);
		int			other = labels[0] == label ? 1 : 0;
		ZpAtomicU32 *children = zp_node_children(place->holder, place->holder_word);

		return merge_only_child(session, &descent->above, &old[0], labels[other],
								zp_load_acquire_u32(&children[other]), &leaf);
	}

	plan = zp_plan_copy(place->holder, place->holder_word);
	plan.remove_label = label;
	return put_in_place(session, &descent->above, &plan, old, 2);
}

/* ZP_OK, ZP_NOT_FOUND, ZP_BUSY (begin again), or an error. */
static ZpStatus
attempt_delete(ZpTrieSession *session, const unsigned char *key, size_t key_bytes)
{
	ZpDescent	descent;
	ZpAtomicU64 *payload;
	ZpStatus	status;

	zp_descend(session, key, key_bytes, &descent);
	if (session->map->map_failed)
		return ZP_MAP_FAILED;
	if (descent.end != ZP_DESCENT_HERE || !zp_word_is_terminal(descent.word))
		return ZP_NOT_FOUND;
	if (zp_word_is_direct(descent.word) || zp_word_children(descent.word) > 0)
		status = delete_inner(session, &descent);
	else
		status = delete_leaf(session, &descent, descent.used > 0 ? key[descent.used - 1] : 0);
	if (status != ZP_OK)
		return status;

	/* The node is obsolete, and our token keeps it: its payload is the last one. */
	if (session->payload_kind == ZP_PAYLOAD_BLOCK)
	{
		payload = zp_node_payload(descent.node, descent.word);
		zp_retire_payload(session, zp_load_relaxed_u64(payload));
	}
	zp_token_count_add(session->token, -1);
	return ZP_OK;
}

ZpStatus
zp_trie_delete(ZpTrieSession *session, const void *key, size_t key_bytes)
{
	bool		exempt = session->map->exempt_from_limits;
	ZpStatus	status;

	if (key_bytes > ZP_MAX_KEY_BYTES)
		return ZP_KEY_TOO_LONG;
	session->map->map_failed = false;
	status = zp_token_acquire(&session->trie->versions, session->token);
	if (status != ZP_OK)
		return status;
	/* A full trie must be able to shrink. */
	session->map->exempt_from_limits = true;
	status = zp_lazy_reserve(session->map, session->pool, session->token);
	if (status == ZP_OK)
	{
		do
			status = attempt_delete(session, key, key_bytes);
		while (status == ZP_BUSY);
	}
	session->map->exempt_from_limits = exempt;
	zp_end_write(session);
	return status;
}
