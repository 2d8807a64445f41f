/*
 * lookup.c
 *	  The way of a reader: no lock, no wait, no second try.
 *
 * Every node on the way was part of the trie at some moment since the token was
 * acquired (a slot of a replaced node keeps what it held when the node was
 * replaced), and a bucket is read as it was when its state was loaded, or later; so
 * what is found, or not found, was true at some moment of the call.
 */
#include "trie/walk.h"

/* The payload of a key; the token is held.  ZP_OK, ZP_NOT_FOUND. */
ZP_ALWAYS_INLINE ZpStatus
find_payload(ZpTrieSession *session, const unsigned char *key, size_t key_bytes,
			 uint64_t *payload)
{
	size_t		entry_bytes = zp_entry_bytes(session);
	ZpShortKey	room;
	ZpWalk		walk;
	ZpBucket   *bucket;
	ZpSuffix	suffix;
	int			entry;

	zp_walk(session, zp_rest_begin(key, key_bytes, &room), &walk);
	if (walk.node == NULL)
		return ZP_NOT_FOUND;
	if (ZP_UNLIKELY(!walk.is_bucket))
	{
		if (!zp_word_is_terminal(walk.word))
			return ZP_NOT_FOUND;
		*payload = entry_bytes == 8 ? 0
			: zp_load_acquire_u64(zp_inner_payload(walk.node, walk.word));
		return ZP_OK;
	}
	bucket = (ZpBucket *) walk.node;
	suffix = zp_rest_suffix(&walk.rest);
	entry = zp_bucket_find(bucket, zp_state_count(zp_load_acquire_u32(&bucket->state)),
						   entry_bytes, &suffix);
	if (entry < 0)
		return ZP_NOT_FOUND;
	*payload = entry_bytes == 8 ? 0
		: zp_load_acquire_u64(zp_bucket_payload(bucket, (uint32_t) entry));
	return ZP_OK;
}

ZP_ALWAYS_INLINE ZpStatus
end_lookup(ZpTrieSession *session, ZpStatus status, uint64_t found, uint64_t *payload)
{
	if (ZP_UNLIKELY(session->map->map_failed))
		return ZP_MAP_FAILED;
	if (payload != NULL)
		*payload = session->payload_kind == ZP_PAYLOAD_FIXED ? found : 0;
	return status;
}

/* For any session. */
ZP_ALWAYS_INLINE ZpStatus
look_up(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t *payload)
{
	uint64_t	found = 0;
	ZpStatus	status = zp_begin_read(session, key_bytes);

	if (ZP_UNLIKELY(status != ZP_OK))
		return status;
	status = find_payload(session, key, key_bytes, &found);
	zp_pass_end_read(&session->pass);
	return end_lookup(session, status, found, payload);
}

typedef ZpStatus (*LookUp) (ZpTrieSession *session, const void *key, size_t key_bytes,
							uint64_t *payload);

/* For one that does not stand, at the level that it knows; else it is done otherwise. */
ZP_ALWAYS_INLINE ZpStatus
look_up_fast(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t *payload,
			 LookUp otherwise)
{
	uint64_t	found = 0;
	ZpStatus	status;

	if (ZP_UNLIKELY(key_bytes > ZP_MAX_KEY_BYTES))
		return ZP_KEY_TOO_LONG;
	session->map->map_failed = false;
	if (ZP_UNLIKELY(session->pass.standing != 0) ||
		ZP_UNLIKELY(!zp_pass_try_read(&session->pass, &session->trie->versions)))
		return otherwise(session, key, key_bytes, payload);
	status = find_payload(session, key, key_bytes, &found);
	zp_token_release(session->token);
	return end_lookup(session, status, found, payload);
}

static __attribute__((noinline)) ZpStatus
look_up_otherwise(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t *payload)
{
	return look_up(session, key, key_bytes, payload);
}

ZP_X86_64_V3 static __attribute__((noinline)) ZpStatus
look_up_otherwise_v3(ZpTrieSession *session, const void *key, size_t key_bytes,
					 uint64_t *payload)
{
	return look_up(session, key, key_bytes, payload);
}

ZP_X86_64_V3 static ZpStatus
look_up_v3(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t *payload)
{
	return look_up_fast(session, key, key_bytes, payload, look_up_otherwise_v3);
}

ZpStatus
zp_trie_lookup(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t *payload)
{
	if (ZP_HAVE_X86_64_V3())
		return look_up_v3(session, key, key_bytes, payload);
	return look_up_fast(session, key, key_bytes, payload, look_up_otherwise);
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
	status = zp_begin_read(session, key_bytes);
	if (status != ZP_OK)
		return status;
	status = find_payload(session, key, key_bytes, &payload);
	if (status == ZP_OK)
	{
		*value_bytes = zp_payload_bytes(payload);
		status = zp_copy_payload(session, payload, buffer, buffer_bytes);
	}
	zp_pass_end_read(&session->pass);
	return session->map->map_failed ? ZP_MAP_FAILED : status;
}
