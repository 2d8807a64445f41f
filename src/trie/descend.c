/*
 * descend.c
 *	  The way of a writer from the root to where a key is or would be.
 *
 * It is a reader's way: what it finds was so at some moment of the descent, and
 * must be looked at again once the nodes are locked.
 */
#include "trie/descend.h"

void
zp_descend(ZpTrieSession *session, const unsigned char *key, size_t key_bytes,
		   ZpDescent *descent)
{
	ZpTrie	   *trie = session->trie;
	ZpPlace    *place = &descent->place;

	descent->above = (ZpPlace) {0};
	*place = (ZpPlace) {
		.slot = &trie->root,
		.lock = &trie->root_word
	};
	descent->used = 0;
	descent->matched = 0;

	for (;;)
	{
		const unsigned char *rest = key + descent->used;
		size_t		rest_bytes = key_bytes - descent->used;
		size_t		path_bytes;
		ZpAtomicU32 *slot;

		descent->ref = zp_load_acquire_u32(place->slot);
		if (descent->ref == ZP_NULL_REF)
		{
			descent->node = NULL;
			descent->end = ZP_DESCENT_EMPTY;
			return;
		}
		descent->node = zp_node_at(session->map, descent->ref);
		descent->word = zp_load_relaxed_u32(&descent->node->word);
		path_bytes = zp_word_path_bytes(descent->word);
		descent->matched = zp_common_prefix(zp_node_path(descent->node), rest,
											path_bytes < rest_bytes ? path_bytes : rest_bytes);
		if (descent->matched < path_bytes)
		{
			descent->end = ZP_DESCENT_SPLIT;
			return;
		}
		if (rest_bytes == path_bytes)
		{
			descent->end = ZP_DESCENT_HERE;
			return;
		}
		slot = zp_node_find_slot(descent->node, descent->word, rest[path_bytes]);
		if (slot == NULL)
		{
			descent->end = ZP_DESCENT_NO_CHILD;
			return;
		}
		descent->above = *place;
		*place = (ZpPlace) {
			.slot = slot,
			.lock = &descent->node->word,
			.holder = descent->node,
			.holder_ref = descent->ref,
			.holder_word = descent->word
		};
		descent->used += path_bytes + 1;
	}
}
