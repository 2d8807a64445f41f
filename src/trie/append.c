/*
 * append.c
 *	  The common case of an insert: the key's bucket has room for it.
 *
 * A reader's walk, one lock, four stores.  Keys that come in order are appended to the
 * same bucket again and again; then there is not even a walk: see ZpFinger.
 *
 * Why the finger may be trusted.  The session found the bucket in use while the current
 * version was v.  Now its token carries a version again, and the current version, read
 * after that, is still v.  So nobody has begun to free memory in between, and whoever
 * begins to now sees the token: the bucket's block is what it was.  Whether the bucket
 * is still part of the trie is told by its lock.  If it is, then it stands for the same
 * keys or more: the range of a bucket in use never shrinks but at its upper end, where
 * its bound tells it.
 */
#include "trie/append.h"

#include "trie/node_lock.h"
#include "trie/walk.h"

/* The smallest label of an inner node that is greater than a byte; 256: there is none. */
static uint32_t
next_label(ZpNode *node, uint32_t word, unsigned char byte)
{
	int			position = zp_inner_route(node, word, byte) + 1;

	return position < (int) zp_word_children(word)
		? zp_inner_label(node, word, (uint32_t) position) : 256;
}

/* Remembers where a key was appended behind all others. */
static void
set_finger(ZpTrieSession *session, const ZpWalk *walk, const unsigned char *key)
{
	ZpFinger   *finger = &session->finger;

	finger->bucket = NULL;
	finger->bytes = (size_t) (walk->path_at - key);
	if (finger->bytes > ZP_FINGER_BYTES)
		return;
	memcpy(finger->prefix, key, finger->bytes);
	finger->low = 0;
	finger->high = 256;
	if (walk->holder != NULL)
	{
		finger->low = *walk->path_at;
		finger->high = next_label(walk->holder, walk->holder_word, *walk->path_at);
	}
	finger->version = zp_load_relaxed_u64(&session->token->version);
	finger->bucket = (ZpBucket *) walk->node;
}

/* Whether the finger's bucket is the key's; then the walk is as if it had led there. */
ZP_ALWAYS_INLINE bool
follow_finger(ZpTrieSession *session, ZpRest key, ZpWalk *walk)
{
	const ZpFinger *finger = &session->finger;
	const unsigned char *at;
	const unsigned char *end = key.at + key.bytes;
	size_t		path_bytes;

	if (key.bytes <= finger->bytes)
		return false;
	at = key.at + finger->bytes;
	if (*at < finger->low || *at >= finger->high ||
		zp_load_acquire_u64(&session->trie->versions.current) != finger->version ||
		!zp_has_path(key.at, end, finger->prefix, finger->bytes))
		return false;
	*walk = (ZpWalk) {.node = (ZpNode *) finger->bucket,.is_bucket = true,.path_at = at};
	path_bytes = zp_word_path_bytes(zp_load_relaxed_u32(&finger->bucket->word));
	if (!zp_has_path(at, end, zp_bucket_path(finger->bucket, path_bytes), path_bytes))
		return false;
	at += path_bytes;
	if (at > end)
		return false;
	walk->rest = (ZpRest) {at, (size_t) (end - at)};
	return true;
}

ZP_ALWAYS_INLINE ZpStatus
append_key(ZpTrieSession *session, const unsigned char *key, size_t key_bytes, uint64_t payload,
		   ZpFound *found)
{
	size_t		entry_bytes = zp_entry_bytes(session);
	ZpShortKey	room;
	ZpRest		rest = zp_rest_begin(key, key_bytes, &room);
	ZpWalk		walk;
	ZpBucket   *bucket;
	ZpSuffix	suffix;
	uint32_t	state;
	uint32_t	count;
	bool		by_finger;
	int			entry;

	by_finger = session->finger.bucket != NULL && follow_finger(session, rest, &walk);
	if (!by_finger)
		zp_walk(session, rest, &walk);
	if (ZP_UNLIKELY(session->map->map_failed))
		return ZP_MAP_FAILED;
	if (ZP_UNLIKELY(walk.node == NULL || !walk.is_bucket))
		return ZP_NOT_FOUND;

	bucket = (ZpBucket *) walk.node;
	state = zp_load_acquire_u32(&bucket->state);
	count = zp_state_count(state);
	__builtin_prefetch(zp_bucket_head(bucket, count, entry_bytes), 1);
	suffix = zp_rest_suffix(&walk.rest);
	entry = zp_bucket_find(bucket, count, entry_bytes, &suffix);
	if (entry >= 0)
	{
		if (found != NULL)
			*found = (ZpFound) {bucket, (uint32_t) entry};
		/* What the finger leads to may have been replaced, and the key deleted since. */
		return by_finger && (zp_load_relaxed_u32(&bucket->word) & ZP_NODE_OBSOLETE)
			? ZP_NOT_FOUND : ZP_EXISTS;
	}
	if (!zp_bucket_has_room(bucket, count, &suffix) || !zp_node_try_lock(&bucket->word))
	{
		if (by_finger)
			session->finger.bucket = NULL;
		return ZP_NOT_FOUND;
	}
	/* A key that came meanwhile may be this one, or have taken the room. */
	if (ZP_UNLIKELY(zp_load_relaxed_u32(&bucket->state) != state ||
					!zp_bucket_admits(bucket, &suffix)))
	{
		zp_node_unlock(&bucket->word);
		session->finger.bucket = NULL;
		return ZP_NOT_FOUND;
	}
	zp_bucket_append(bucket, entry_bytes, &suffix, payload);
	state = zp_load_relaxed_u32(&bucket->state);
	zp_node_unlock(&bucket->word);
	zp_token_count_add(session->token, 1);
	if (!by_finger && zp_state_sorted(state) == count + 1 && count >= ZP_ASCENDING_KEYS)
		set_finger(session, &walk, rest.at);
	return ZP_OK;
}

ZP_X86_64_V3 static ZpStatus
append_key_v3(ZpTrieSession *session, const unsigned char *key, size_t key_bytes,
			  uint64_t payload, ZpFound *found)
{
	return append_key(session, key, key_bytes, payload, found);
}

ZpStatus
zp_append_key(ZpTrieSession *session, const unsigned char *key, size_t key_bytes,
			  uint64_t payload, ZpFound *found)
{
	if (ZP_HAVE_X86_64_V3())
		return append_key_v3(session, key, key_bytes, payload, found);
	return append_key(session, key, key_bytes, payload, found);
}
