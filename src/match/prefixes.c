/*
 * prefixes.c
 *	  The keys of a trie that are prefixes of a given string, in one walk down.
 *
 * They all lie on the one way that the string takes from the root, in the order
 * of their length.  Cost: one lookup, however many there are.
 */
#include "match/prefixes.h"

#include "trie/bucket.h"

/* A walk along the query. */
typedef struct PrefixWalk
{
	ZpTrieSession *session;
	ZpShortKey	room;
	ZpRest		rest;			/* of the query */
	size_t		used;			/* bytes of the query before it */
	uint32_t	slot;			/* the next node; null: there is none */

	/* The keys of the bucket at the end that are prefixes, shortest first. */
	ZpBucket   *bucket;
	uint32_t	found;
	uint32_t	given;
	uint8_t		entry[ZP_BUCKET_ENTRIES];
	size_t		suffix_bytes[ZP_BUCKET_ENTRIES];

	/* What was found. */
	size_t		key_bytes;
	uint64_t	payload;
} PrefixWalk;

static void
begin_walk(PrefixWalk *walk, ZpTrieSession *session, const void *query, size_t query_bytes)
{
	walk->session = session;
	walk->rest = zp_rest_begin(query, query_bytes, &walk->room);
	walk->used = 0;
	walk->slot = zp_load_acquire_u32(&session->trie->root);
	walk->found = 0;
	walk->given = 0;
}

/* Goes over a path; false: the query does not. */
static bool
pass_path(PrefixWalk *walk, const unsigned char *path, size_t path_bytes)
{
	if (!zp_rest_has_path(&walk->rest, path, path_bytes))
		return false;
	zp_rest_skip(&walk->rest, path_bytes);
	walk->used += path_bytes;
	return true;
}

/* Bytes of an entry's suffix if the rest of the query begins with it, else -1. */
static ptrdiff_t
suffix_in_rest(const PrefixWalk *walk, uint64_t head, uint64_t window)
{
	size_t		bytes;
	const unsigned char *behind;

	if (head == ZP_HEAD_DEAD)
		return -1;
	if (zp_head_is_long(head))
	{
		if ((head ^ window) >> 24 != 0)
			return -1;
		behind = zp_heap_rest(walk->bucket, head, &bytes);
		return bytes <= walk->rest.bytes &&
			memcmp(behind, walk->rest.at + ZP_HEAD_LONG_BYTES, bytes - ZP_HEAD_LONG_BYTES) == 0
			? (ptrdiff_t) bytes : -1;
	}
	bytes = (head & 0xFF) - 1;
	if (bytes > walk->rest.bytes ||
		(head ^ window) >> (4 * (8 - bytes)) >> (4 * (8 - bytes)) != 0)
		return -1;
	return (ptrdiff_t) bytes;
}

/* A key that went and came again while we read is met twice: the later entry counts. */
static bool
is_found(PrefixWalk *walk, size_t bytes, uint32_t entry)
{
	for (uint32_t i = 0; i < walk->found; i++)
	{
		if (walk->suffix_bytes[i] == bytes)
		{
			walk->entry[i] = (uint8_t) entry;
			return true;
		}
	}
	return false;
}

static void
search_bucket(PrefixWalk *walk)
{
	size_t		entry_bytes = zp_entry_bytes(walk->session);
	uint32_t	count = zp_state_count(zp_load_acquire_u32(&walk->bucket->state));
	uint64_t	window = zp_rest_window(&walk->rest);

	for (uint32_t entry = 0; entry < count; entry++)
	{
		uint64_t	head = zp_load_relaxed_u64(zp_bucket_head(walk->bucket, entry, entry_bytes));
		ptrdiff_t	bytes = suffix_in_rest(walk, head, window);
		uint32_t	at = walk->found;

		if (bytes < 0 || is_found(walk, (size_t) bytes, entry))
			continue;
		while (at > 0 && walk->suffix_bytes[at - 1] > (size_t) bytes)
		{
			walk->suffix_bytes[at] = walk->suffix_bytes[at - 1];
			walk->entry[at] = walk->entry[at - 1];
			at--;
		}
		walk->suffix_bytes[at] = (size_t) bytes;
		walk->entry[at] = (uint8_t) entry;
		walk->found++;
	}
}

/* Goes to the next key that is a prefix; false: there is none. */
static bool
next_prefix(PrefixWalk *walk)
{
	bool		has_payload = walk->session->payload_kind != ZP_PAYLOAD_NONE;

	while (walk->slot != ZP_NULL_REF)
	{
		ZpNode	   *node = zp_node_at(walk->session->map, walk->slot);
		uint32_t	word = zp_load_relaxed_u32(&node->word);
		int			position = -1;

		if (zp_slot_is_bucket(walk->slot))
		{
			walk->slot = ZP_NULL_REF;
			walk->bucket = (ZpBucket *) node;
			if (pass_path(walk, zp_bucket_path(walk->bucket, zp_word_path_bytes(word)),
						  zp_word_path_bytes(word)))
				search_bucket(walk);
			break;
		}
		walk->slot = ZP_NULL_REF;
		if (!pass_path(walk, zp_inner_path(node), zp_word_path_bytes(word)))
			return false;
		if (walk->rest.bytes > 0)
			position = zp_inner_route(node, word, *walk->rest.at);
		if (position >= 0)
			walk->slot = zp_load_acquire_u32(zp_inner_slots(node) + position);
		if (zp_word_is_terminal(word))
		{
			walk->key_bytes = walk->used;
			walk->payload = has_payload ? zp_load_acquire_u64(zp_inner_payload(node, word)) : 0;
			return true;
		}
	}

	if (walk->given == walk->found)
		return false;
	walk->key_bytes = walk->used + walk->suffix_bytes[walk->given];
	walk->payload = has_payload
		? zp_load_acquire_u64(zp_bucket_payload(walk->bucket, walk->entry[walk->given])) : 0;
	walk->given++;
	return true;
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
	status = zp_pass_begin_read(&session->pass, &session->trie->versions);
	if (status != ZP_OK)
		return status;
	status = ZP_NOT_FOUND;
	begin_walk(&walk, session, query, query_bytes);
	while (next_prefix(&walk))
	{
		status = ZP_OK;
		*key_bytes = walk.key_bytes;
		found = walk.payload;
	}
	if (status == ZP_OK && session->payload_kind == ZP_PAYLOAD_BLOCK)
	{
		*value_bytes = zp_payload_bytes(found);
		status = zp_copy_payload(session, found, buffer, buffer_bytes);
	}
	zp_pass_end_read(&session->pass);
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
	status = zp_pass_begin_read(&session->pass, &session->trie->versions);
	if (status != ZP_OK)
		return status;
	begin_walk(&walk, session, query, query_bytes);
	while (status == ZP_OK && *count < max_entries && next_prefix(&walk))
	{
		uint64_t	payload = walk.payload;
		ZpEntry		entry = {.key = query,.key_bytes = walk.key_bytes};

		if (walk.key_bytes >= min_bytes)
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
	}
	zp_pass_end_read(&session->pass);
	if (session->map->map_failed)
	{
		*count = 0;
		return ZP_MAP_FAILED;
	}
	if (*count > 0)
		return ZP_OK;
	return status == ZP_OK ? ZP_END : status;
}
