/*
 * walk.h
 *	  The way of a reader down to a key's bucket.
 *
 * Inline, and with as few instructions as can be, for it is most of what a lookup
 * costs, and decides how many lookups a processor works on at a time.
 */
#ifndef ZP_WALK_H
#define ZP_WALK_H

#include "trie/bucket.h"

/* Where a walk ended. */
typedef struct ZpWalk
{
	ZpNode	   *node;			/* a bucket, or an inner node where the key ends; NULL: none */
	bool		is_bucket;
	uint32_t	word;			/* of an inner node */
	ZpRest		rest;			/* of the key, behind the node's path */

	/* A bucket's holder, NULL: none, and where in the key the bucket's path begins. */
	ZpNode	   *holder;
	uint32_t	holder_word;
	const unsigned char *path_at;
} ZpWalk;

/*
 * Goes as far as there are nodes whose paths the key has; node is NULL if that is not
 * far enough.  The token is held; the rest is from zp_rest_begin.
 */
ZP_ALWAYS_INLINE void
zp_walk(ZpTrieSession *session, ZpRest key, ZpWalk *walk)
{
	ZpArenaMap *map = session->map;
	uint32_t	slot = zp_load_acquire_u32(&session->trie->root);
	const unsigned char *at = key.at;
	const unsigned char *end = key.at + key.bytes;
	ZpBucket   *bucket;
	size_t		path_bytes;

	*walk = (ZpWalk) {0};
	if (ZP_UNLIKELY(slot == ZP_NULL_REF))
		return;
	while (!zp_slot_is_bucket(slot))
	{
		ZpNode	   *node = zp_node_at(map, slot);
		uint32_t	word = zp_load_relaxed_u32(&node->word);
		int			position;

		path_bytes = zp_word_path_bytes(word);
		if (!zp_has_path(at, end, zp_inner_path(node), path_bytes))
			return;
		at += path_bytes;
		if (ZP_UNLIKELY(at >= end))
		{
			if (at > end)
				return;
			walk->node = node;
			walk->word = word;
			walk->is_bucket = false;
			return;
		}
		position = zp_inner_route(node, word, *at);
		if (ZP_UNLIKELY(position < 0))
			return;
		slot = zp_load_acquire_u32(zp_inner_slots(node) + position);
		walk->holder = node;
		walk->holder_word = word;
	}

	bucket = (ZpBucket *) zp_node_at(map, slot);
	zp_bucket_prefetch(bucket, slot);
	path_bytes = zp_word_path_bytes(zp_load_relaxed_u32(&bucket->word));
	if (!zp_has_path(at, end, zp_bucket_path(bucket, path_bytes), path_bytes))
		return;
	walk->path_at = at;
	at += path_bytes;
	if (ZP_UNLIKELY(at > end))
		return;
	walk->node = (ZpNode *) bucket;
	walk->is_bucket = true;
	walk->rest = (ZpRest) {at, (size_t) (end - at)};
}

#endif							/* ZP_WALK_H */
