/*
 * prefixes.c
 *	  The keys of a trie that are prefixes of a given string, in one walk down.
 *
 * They all lie on the one way that the string takes from the root, in the order
 * of their length.  Cost: one lookup, however many there are.
 */
#include "match/prefixes.h"

#include "trie/node.h"

#include <string.h>

/* A walk along the query. */
typedef struct PrefixWalk
{
	ZpTrieSession *session;
	const unsigned char *query;
	size_t		query_bytes;
	size_t		used;			/* bytes of the query down to the node's end */
	ZpRef		ref;			/* the next node */
	ZpNode	   *node;
	uint32_t	word;
} PrefixWalk;

static void
begin_walk(PrefixWalk *walk, ZpTrieSession *session, const void *query, size_t query_bytes)
{
	walk->session = session;
	walk->query = query;
	walk->query_bytes = query_bytes;
	walk->used = 0;
	walk->ref = zp_load_acquire_u32(&session->trie->root);
}

/* Goes to the next node whose key is there and is a prefix; false: there is none. */
static bool
next_prefix(PrefixWalk *walk)
{
	while (walk->ref != ZP_NULL_REF)
	{
		size_t		path_bytes;
		ZpAtomicU32 *slot = NULL;

		walk->node = zp_node_at(walk->session->map, walk->ref);
		walk->word = zp_load_relaxed_u32(&walk->node->word);
		walk->ref = ZP_NULL_REF;
		path_bytes = zp_word_path_bytes(walk->word);
		if (path_bytes > walk->query_bytes - walk->used ||
			memcmp(zp_node_path(walk->node), walk->query + walk->used, path_bytes) != 0)
			return false;
		walk->used += path_bytes;
		if (walk->used < walk->query_bytes)
			slot = zp_node_find_slot(walk->node, walk->word, walk->query[walk->used]);
		if (slot != NULL)
			walk->ref = zp_load_acquire_u32(slot);
		if (zp_word_is_terminal(walk->word))
			return true;
		walk->used++;
	}
	return false;
}

/* Steps over the label after a prefix was given. */
static void
pass_prefix(PrefixWalk *walk)
{
	walk->used++;
}

static uint64_t
read_payload(PrefixWalk *walk)
{
	return walk->session->payload_kind == ZP_PAYLOAD_NONE ? 0
		: zp_load_acquire_u64(zp_node_payload(walk->node, walk->word));
}

ZpStatus
zp_longest_prefix(ZpTrieSession *session, const void *query, size_t query_bytes,
				  size_t *key_bytes, uint64_t *payload,
				  void *buffer, size_t buffer_bytes, size_t *value_bytes)
{
	PrefixWalk	walk;
	uint64_t	found = 0;
	ZpStatus	status;

	session->map->map_failed = false;
	*value_bytes = 0;
	status = zp_token_acquire(&session->trie->versions, session->token);
	if (status != ZP_OK)
		return status;
	status = ZP_NOT_FOUND;
	begin_walk(&walk, session, query, query_bytes);
	while (next_prefix(&walk))
	{
		status = ZP_OK;
		*key_bytes = walk.used;
		found = read_payload(&walk);
		pass_prefix(&walk);
	}
	if (status == ZP_OK && session->payload_kind == ZP_PAYLOAD_BLOCK)
	{
		*value_bytes = zp_payload_bytes(found);
		status = zp_copy_payload(session, found, buffer, buffer_bytes);
	}
	zp_token_release(session->token);
	if (payload != NULL)
		*payload = session->payload_kind == ZP_PAYLOAD_FIXED ? found : 0;
	return session->map->map_failed ? ZP_MAP_FAILED : status;
}

ZpStatus
zp_prefixes_of(ZpTrieSession *session, const void *query, size_t query_bytes,
			   size_t min_bytes, ZpEntry *entries, size_t max_entries,
			   void *buffer, size_t buffer_bytes, size_t *count, size_t *needed)
{
	unsigned char *bytes = buffer;
	size_t		used = 0;
	PrefixWalk	walk;
	ZpStatus	status;

	*count = 0;
	*needed = 0;
	if (max_entries == 0)
		return ZP_BAD_ARGUMENT;
	session->map->map_failed = false;
	status = zp_token_acquire(&session->trie->versions, session->token);
	if (status != ZP_OK)
		return status;
	begin_walk(&walk, session, query, query_bytes);
	while (status == ZP_OK && *count < max_entries && next_prefix(&walk))
	{
		uint64_t	payload = read_payload(&walk);
		ZpEntry		entry = {.key = query,.key_bytes = walk.used};

		if (walk.used >= min_bytes)
		{
			if (session->payload_kind == ZP_PAYLOAD_FIXED)
				entry.payload = payload;
			else if (session->payload_kind == ZP_PAYLOAD_BLOCK)
			{
				size_t		gap = -(uintptr_t) (bytes + used) & 7;

				*needed = gap + zp_payload_bytes(payload);
				if (*needed > buffer_bytes - used)
				{
					status = ZP_BUFFER_TOO_SMALL;
					break;
				}
				entry.value = bytes + used + gap;
				entry.value_bytes = zp_payload_bytes(payload);
				status = zp_copy_payload(session, payload, bytes + used + gap,
										 entry.value_bytes);
				used += *needed;
			}
			entries[(*count)++] = entry;
		}
		pass_prefix(&walk);
	}
	zp_token_release(session->token);
	if (session->map->map_failed)
	{
		*count = 0;
		return ZP_MAP_FAILED;
	}
	if (*count > 0)
		return ZP_OK;
	return status == ZP_OK ? ZP_END : status;
}
