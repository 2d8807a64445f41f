/*
 * lookup.c
 *	  The way of a reader: no lock, no wait, no second try.
 *
 * Every node on the way was part of the trie at some moment since the token was
 * acquired (a slot of a replaced node keeps what it held when the node was
 * replaced), so what is found, or not found, was true at some moment of the call.
 */
#include "trie/node.h"

#include <string.h>

/* A path of a few bytes is not worth a call. */
static inline bool
same_bytes(const unsigned char *a, const unsigned char *b, size_t bytes)
{
	if (bytes > 16)
		return memcmp(a, b, bytes) == 0;
	while (bytes > 0)
	{
		if (*a++ != *b++)
			return false;
		bytes--;
	}
	return true;
}

/* The payload of a key; the token is held.  ZP_OK, ZP_NOT_FOUND. */
static inline ZpStatus
find_payload(ZpTrieSession *session, const unsigned char *key, size_t key_bytes,
			 uint64_t *payload)
{
	ZpRef		ref = zp_load_acquire_u32(&session->trie->root);

	while (ref != ZP_NULL_REF)
	{
		ZpNode	   *node = zp_node_at(session->map, ref);
		uint32_t	word = zp_load_relaxed_u32(&node->word);
		size_t		path_bytes = zp_word_path_bytes(word);
		ZpAtomicU32 *slot;

		if (path_bytes > key_bytes || !same_bytes(zp_node_path(node), key, path_bytes))
			return ZP_NOT_FOUND;
		key += path_bytes;
		key_bytes -= path_bytes;
		if (key_bytes == 0)
		{
			if (!zp_word_is_terminal(word))
				return ZP_NOT_FOUND;
			*payload = session->payload_kind == ZP_PAYLOAD_NONE ? 0
				: zp_load_acquire_u64(zp_node_payload(node, word));
			return ZP_OK;
		}
		slot = zp_node_find_slot(node, word, *key);
		if (slot == NULL)
			return ZP_NOT_FOUND;
		ref = zp_load_acquire_u32(slot);
		key++;
		key_bytes--;
	}
	return ZP_NOT_FOUND;
}

ZpStatus
zp_trie_lookup(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t *payload)
{
	uint64_t	found = 0;
	ZpStatus	status;

	if (key_bytes > ZP_MAX_KEY_BYTES)
		return ZP_KEY_TOO_LONG;
	session->map->map_failed = false;
	status = zp_token_acquire(&session->trie->versions, session->token);
	if (status != ZP_OK)
		return status;
	status = find_payload(session, key, key_bytes, &found);
	zp_token_release(session->token);
	if (ZP_UNLIKELY(session->map->map_failed))
		return ZP_MAP_FAILED;
	if (payload != NULL)
		*payload = session->payload_kind == ZP_PAYLOAD_FIXED ? found : 0;
	return status;
}

ZpStatus
zp_trie_lookup_value(ZpTrieSession *session, const void *key, size_t key_bytes,
					 void *buffer, size_t buffer_bytes, size_t *value_bytes)
{
	uint64_t	payload = 0;
	ZpStatus	status;

	*value_bytes = 0;
	if (session->payload_kind != ZP_PAYLOAD_BLOCK)
		return ZP_BAD_ARGUMENT;
	if (key_bytes > ZP_MAX_KEY_BYTES)
		return ZP_KEY_TOO_LONG;
	session->map->map_failed = false;
	status = zp_token_acquire(&session->trie->versions, session->token);
	if (status != ZP_OK)
		return status;
	status = find_payload(session, key, key_bytes, &payload);
	if (status == ZP_OK)
	{
		*value_bytes = zp_payload_bytes(payload);
		status = zp_copy_payload(session, payload, buffer, buffer_bytes);
	}
	zp_token_release(session->token);
	return session->map->map_failed ? ZP_MAP_FAILED : status;
}
