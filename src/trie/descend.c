/*
 * descend.c
 *	  The way of a writer from the root to where a key is or would be.
 *
 * It is a reader's way: what it finds was so at some moment of the descent, and
 * must be looked at again once the nodes are locked.
 */
#include "trie/descend.h"

/* Bytes of a path that the rest begins with. */
static inline size_t
matched_bytes(const ZpRest *rest, const unsigned char *path, size_t path_bytes)
{
	if (ZP_LIKELY(zp_rest_has_path(rest, path, path_bytes)))
		return path_bytes;
	return zp_common_prefix(path, rest->at, path_bytes < rest->bytes ? path_bytes : rest->bytes);
}

void
zp_descend(ZpTrieSession *session, ZpRest rest, ZpDescent *descent)
{
	ZpTrie	   *trie = session->trie;
	ZpMet	   *here = &descent->here;

	descent->holder.node = NULL;
	here->place = (ZpPlace) {&trie->root, &trie->root_word};
	here->slot = zp_load_acquire_u32(here->place.slot);
	if (here->slot == ZP_NULL_REF)
	{
		here->node = NULL;
		descent->rest = rest;
		descent->matched = 0;
		descent->end = ZP_DESCENT_EMPTY;
		return;
	}

	for (;;)
	{
		size_t		path_bytes;
		ZpAtomicU32 *slot;
		uint32_t	child;
		int			position;

		here->node = zp_node_at(session->map, here->slot);
		if (zp_slot_is_bucket(here->slot))
			break;
		here->word = zp_load_relaxed_u32(&here->node->word);
		path_bytes = zp_word_path_bytes(here->word);
		descent->matched = matched_bytes(&rest, zp_inner_path(here->node), path_bytes);
		if (descent->matched < path_bytes || rest.bytes == path_bytes)
		{
			descent->rest = rest;
			descent->end = descent->matched < path_bytes ? ZP_DESCENT_SPLIT : ZP_DESCENT_HERE;
			return;
		}
		position = zp_inner_route(here->node, here->word, rest.at[path_bytes]);
		if (position >= 0)
		{
			slot = zp_inner_slots(here->node) + position;
			child = zp_load_acquire_u32(slot);
		}
		if (position < 0 ||
			(!zp_slot_is_bucket(child) &&
			 zp_inner_path(zp_node_at(session->map, child))[0] != rest.at[path_bytes]))
		{
			descent->gap = position;
			descent->rest = rest;
			descent->end = ZP_DESCENT_GAP;
			return;
		}
		descent->holder = *here;
		descent->position = position;
		here->place = (ZpPlace) {slot, &descent->holder.node->word};
		here->slot = child;
		zp_rest_skip(&rest, path_bytes);
	}

	here->word = zp_load_relaxed_u32(&here->node->word);
	descent->matched = matched_bytes(&rest, zp_bucket_path(zp_met_bucket(here),
														   zp_word_path_bytes(here->word)),
									 zp_word_path_bytes(here->word));
	descent->rest = rest;
	descent->end = ZP_DESCENT_BUCKET;
}
