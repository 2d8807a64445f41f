/*
 * cursor.c
 *	  Ordered reading of a trie, both ways, in batches.
 *
 * A batch acquires the token, walks down to where the cursor stands, and then
 * from node to node: a stack of frames, one for each inner node on the way, and below
 * them one bucket, whose entries are put in order when it is reached.  It copies what
 * it finds and releases the token.  The nodes that it meets were each part of the trie
 * at some moment since the token was acquired; those that are replaced meanwhile
 * keep their contents, so a key that stays is met once.
 *
 * Cost: one descent a batch, a bucket's lines, and a comparison a key.  The stack
 * takes 32 bytes a level; a trie can be as deep as its longest key.
 */
#include "trie/cursor.h"

#include <stdlib.h>

#include "trie/bucket.h"

/* What of an inner node comes next, apart from the positions of its children (0 and up). */
#define OWN_KEY	(-1)
#define DONE	(-2)				/* backward: the own key comes last */

struct ZpCursorFrame
{
	ZpNode	   *node;
	uint32_t	word;
	int			next;			/* OWN_KEY, DONE, or the position of a child */
	size_t		key_bytes;		/* of the walk, the node's path included */
};

typedef struct ZpCursorBucket
{
	ZpBucket   *bucket;			/* NULL: the walk is at none */
	size_t		key_bytes;		/* of the walk, the bucket's path included */
	int			next;			/* position in the order; out of range: nothing is left */
	bool		fresh;			/* none of its keys was met yet */
	ZpBucketOrder order;
} ZpCursorBucket;

/* A key that was met. */
typedef struct Met
{
	size_t		key_bytes;		/* of the walk, then the suffix */
	size_t		suffix_bytes;
	uint64_t	payload;
	bool		first;			/* of its node in this walk */
	unsigned char suffix[ZP_SUFFIX_MOST_BYTES];
} Met;

static bool
grow(void **memory, size_t *capacity, size_t wanted, size_t unit)
{
	size_t		larger = *capacity < 64 ? 64 : *capacity;
	void	   *moved;

	if (wanted <= *capacity)
		return true;
	while (larger < wanted)
		larger *= 2;
	moved = realloc(*memory, larger * unit);
	if (moved == NULL)
		return false;
	*memory = moved;
	*capacity = larger;
	return true;
}

void
zp_cursor_begin(ZpCursor *cursor, ZpTrieSession *session)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->session = session;
	cursor->position = ZP_CURSOR_FIRST;
}

void
zp_cursor_end(ZpCursor *cursor)
{
	free(cursor->key);
	free(cursor->walk);
	free(cursor->frames);
	free(cursor->bucket);
	memset(cursor, 0, sizeof(*cursor));
}

void
zp_cursor_rewind(ZpCursor *cursor)
{
	cursor->position = ZP_CURSOR_FIRST;
}

ZpStatus
zp_cursor_seek(ZpCursor *cursor, const void *key, size_t key_bytes, bool past)
{
	if (key_bytes > ZP_MAX_KEY_BYTES)
		return ZP_KEY_TOO_LONG;
	if (!grow((void **) &cursor->key, &cursor->key_capacity, key_bytes + 1, 1))
		return ZP_OUT_OF_MEMORY;
	if (key_bytes > 0)
		memcpy(cursor->key, key, key_bytes);
	cursor->key_bytes = key_bytes;
	cursor->position = past ? ZP_CURSOR_PAST : ZP_CURSOR_AT;
	return ZP_OK;
}

/*
 * Bytes that copy_pieces may read and write behind the last one that counts.  They are there behind
 * every walk, and the buffer of a batch is not filled to its end by copy_bucket.
 */
#define PIECE	32

/* Copies in pieces of a fixed size, which takes no call. */
static inline void
copy_pieces(unsigned char *to, const unsigned char *from, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += PIECE)
		memcpy(to + i, from + i, PIECE);
}

/* Puts a path behind the first walk_bytes bytes of the walk. */
static inline bool
walk_path(ZpCursor *cursor, size_t walk_bytes, const unsigned char *path, size_t path_bytes)
{
	if (ZP_UNLIKELY(!grow((void **) &cursor->walk, &cursor->walk_capacity,
						  walk_bytes + path_bytes + PIECE, 1)))
		return false;
	memcpy(cursor->walk + walk_bytes, path, path_bytes);
	return true;
}

/*
 * Goes to a child, as yet untouched: an inner node is put on the stack, a bucket's
 * keys are put in order.
 */
static ZpStatus
enter_node(ZpCursor *cursor, uint32_t slot, size_t walk_bytes, ZpDirection direction)
{
	ZpTrieSession *session = cursor->session;
	ZpNode	   *node = zp_node_at(session->map, slot);
	uint32_t	word = zp_load_relaxed_u32(&node->word);
	size_t		path_bytes = zp_word_path_bytes(word);
	ZpCursorFrame *frame;

	if (zp_slot_is_bucket(slot))
	{
		ZpCursorBucket *at = cursor->bucket;

		at->bucket = (ZpBucket *) node;
		if (!walk_path(cursor, walk_bytes, zp_bucket_path(at->bucket, path_bytes), path_bytes))
			return ZP_OUT_OF_MEMORY;
		at->key_bytes = walk_bytes + path_bytes;
		zp_bucket_order(at->bucket, zp_load_acquire_u32(&at->bucket->state),
						zp_entry_bytes(session), &at->order);
		at->next = direction == ZP_FORWARD ? 0 : (int) at->order.count - 1;
		at->fresh = true;
		return ZP_OK;
	}
	if (!walk_path(cursor, walk_bytes, zp_inner_path(node), path_bytes) ||
		!grow((void **) &cursor->frames, &cursor->frame_capacity, cursor->frame_count + 1,
			  sizeof(ZpCursorFrame)))
		return ZP_OUT_OF_MEMORY;
	frame = &cursor->frames[cursor->frame_count++];
	frame->node = node;
	frame->word = word;
	frame->next = direction == ZP_FORWARD ? OWN_KEY : (int) zp_word_children(word) - 1;
	frame->key_bytes = walk_bytes + path_bytes;
	return ZP_OK;
}

/*
 * Asks for the child at a position: while the walk is in one bucket, the next one's
 * lines come.
 */
static inline void
prefetch_child(ZpArenaMap *map, const ZpCursorFrame *frame, int position)
{
	uint32_t	slot;

	if (position < 0 || position >= (int) zp_word_children(frame->word))
		return;
	slot = zp_load_relaxed_u32(&zp_inner_slots(frame->node)[position]);
	if (map->biased[zp_ref_segment(slot)] != 0)
		zp_bucket_prefetch(zp_node_at(map, slot), slot);
}

/* Goes to the child at a position of the topmost node; `next` is moved behind it. */
static ZpStatus
enter_child(ZpCursor *cursor, int position, ZpDirection direction)
{
	ZpCursorFrame *frame = &cursor->frames[cursor->frame_count - 1];
	uint32_t	slot = zp_load_acquire_u32(&zp_inner_slots(frame->node)[position]);

	/* Going back below position 0 is just OWN_KEY. */
	frame->next = position + (int) direction;
	prefetch_child(cursor->session->map, frame, frame->next);
	return enter_node(cursor, slot, frame->key_bytes, direction);
}

/* Where in a bucket's order the rest of the cursor's key is or would be. */
static void
seek_in_bucket(ZpCursor *cursor, size_t used, ZpDirection direction)
{
	ZpCursorBucket *at = cursor->bucket;
	size_t		bytes = cursor->key_bytes - used;
	const unsigned char *rest = cursor->key + used;
	int			position = 0;
	int			high = (int) at->order.count;
	bool		there;

	while (position < high)
	{
		int			middle = position + (high - position) / 2;

		if (zp_head_compare(at->bucket, at->order.head[middle], rest, bytes) < 0)
			position = middle + 1;
		else
			high = middle;
	}
	there = position < (int) at->order.count &&
		zp_head_compare(at->bucket, at->order.head[position], rest, bytes) == 0;

	/* Now the entry at `position`, if any, is the first that is not less. */
	if (there)
	{
		if (cursor->position == ZP_CURSOR_PAST)
			position += (int) direction;
	}
	else if (direction == ZP_BACKWARD)
		position--;
	at->next = position;
}

/*
 * Makes advance() next find the first key that the position allows, in the
 * direction.
 */
static ZpStatus
seek_position(ZpCursor *cursor, ZpDirection direction)
{
	const unsigned char *key = cursor->key;
	size_t		used = 0;		/* bytes of the key before the current node's path */
	uint32_t	root = zp_load_acquire_u32(&cursor->session->trie->root);
	ZpStatus	status;

	cursor->frame_count = 0;
	cursor->bucket->bucket = NULL;
	if (root == ZP_NULL_REF)
		return ZP_OK;
	status = enter_node(cursor, root, 0, direction);
	if (status != ZP_OK || cursor->position == ZP_CURSOR_FIRST)
		return status;

	for (;;)
	{
		bool		in_bucket = cursor->bucket->bucket != NULL;
		ZpCursorFrame *frame = in_bucket ? NULL : &cursor->frames[cursor->frame_count - 1];
		size_t		path_bytes = (in_bucket ? cursor->bucket->key_bytes : frame->key_bytes) - used;
		const unsigned char *path = cursor->walk + used;
		size_t		rest = cursor->key_bytes - used;
		size_t		matched = zp_common_prefix(path, key + used,
											   path_bytes < rest ? path_bytes : rest);
		int			position;

		if (matched < path_bytes)
		{
			/* All keys below are greater than the key, or all are less. */
			bool		greater = matched == rest || path[matched] > key[used + matched];

			if (greater == (direction == ZP_FORWARD))
				return ZP_OK;
			if (in_bucket)
				cursor->bucket->bucket = NULL;
			else
				cursor->frame_count--;
			return ZP_OK;
		}
		used += matched;
		if (in_bucket)
		{
			seek_in_bucket(cursor, used, direction);
			return ZP_OK;
		}
		if (matched == rest)
		{
			/* This node's own key is the key; those below are greater. */
			if (direction == ZP_FORWARD)
				frame->next = cursor->position == ZP_CURSOR_AT ? OWN_KEY : 0;
			else
				frame->next = cursor->position == ZP_CURSOR_AT ? OWN_KEY : DONE;
			return ZP_OK;
		}

		/* The key goes on: the children on one side of its byte's, then that child. */
		position = zp_inner_route(frame->node, frame->word, key[used]);
		if (position < 0)
		{
			frame->next = direction == ZP_FORWARD ? 0 : OWN_KEY;
			return ZP_OK;
		}
		status = enter_child(cursor, position, direction);
		if (status != ZP_OK)
			return status;
	}
}

/* Goes to the next key.  ZP_OK, ZP_END, ZP_OUT_OF_MEMORY. */
static ZpStatus
advance(ZpCursor *cursor, ZpDirection direction, Met *met)
{
	ZpTrieSession *session = cursor->session;
	ZpCursorBucket *at = cursor->bucket;

	for (;;)
	{
		ZpCursorFrame *frame;
		ZpStatus	status;

		if (at->bucket != NULL)
		{
			uint32_t	entry;
			uint64_t	head;

			if (at->next < 0 || at->next >= (int) at->order.count)
			{
				at->bucket = NULL;
				continue;
			}
			entry = at->order.entry[at->next];
			head = at->order.head[at->next];
			at->next += (int) direction;
			met->first = at->fresh;
			at->fresh = false;
			met->key_bytes = at->key_bytes;
			met->suffix_bytes = zp_copy_suffix(at->bucket, head, met->suffix);
			met->payload = session->payload_kind == ZP_PAYLOAD_NONE ? 0
				: zp_load_acquire_u64(zp_bucket_payload(at->bucket, entry));
			return ZP_OK;
		}
		if (cursor->frame_count == 0)
			return ZP_END;

		frame = &cursor->frames[cursor->frame_count - 1];
		if (frame->next == OWN_KEY)
		{
			frame->next = direction == ZP_FORWARD ? 0 : DONE;
			if (!zp_word_is_terminal(frame->word))
				continue;
			met->first = true;
			met->key_bytes = frame->key_bytes;
			met->suffix_bytes = 0;
			met->payload = session->payload_kind == ZP_PAYLOAD_NONE ? 0
				: zp_load_acquire_u64(zp_inner_payload(frame->node, frame->word));
			return ZP_OK;
		}
		if (frame->next == DONE || frame->next >= (int) zp_word_children(frame->word))
		{
			cursor->frame_count--;
			continue;
		}
		status = enter_child(cursor, frame->next, direction);
		if (status != ZP_OK)
			return status;
	}
}

/* The caller's buffer. */
typedef struct BatchBuffer
{
	unsigned char *bytes;
	size_t		capacity;
	size_t		used;
} BatchBuffer;

/* Copies a key and its payload.  ZP_BUFFER_TOO_SMALL and what it takes. */
static ZpStatus
copy_entry(ZpCursor *cursor, const Met *met, BatchBuffer *buffer, ZpEntry *entry, size_t *needed)
{
	ZpTrieSession *session = cursor->session;
	size_t		value_bytes = session->payload_kind == ZP_PAYLOAD_BLOCK
		? zp_payload_bytes(met->payload) : 0;
	size_t		gap = session->payload_kind == ZP_PAYLOAD_BLOCK
		? -(uintptr_t) (buffer->bytes + buffer->used) & 7 : 0;
	unsigned char *key;
	ZpStatus	status;

	*needed = gap + value_bytes + met->key_bytes + met->suffix_bytes;
	if (*needed > buffer->capacity - buffer->used)
		return ZP_BUFFER_TOO_SMALL;
	*entry = (ZpEntry) {0};
	if (session->payload_kind == ZP_PAYLOAD_FIXED)
		entry->payload = met->payload;
	else if (session->payload_kind == ZP_PAYLOAD_BLOCK)
	{
		unsigned char *value = buffer->bytes + buffer->used + gap;

		status = zp_copy_payload(session, met->payload, value, value_bytes);
		if (status != ZP_OK)
			return status;
		entry->value = value;
		entry->value_bytes = value_bytes;
	}
	key = buffer->bytes + buffer->used + gap + value_bytes;
	entry->key = key;
	entry->key_bytes = met->key_bytes + met->suffix_bytes;
	memcpy(key, cursor->walk, met->key_bytes);
	if (met->suffix_bytes > 0)
		memcpy(key + met->key_bytes, met->suffix, met->suffix_bytes);
	buffer->used += *needed;
	return ZP_OK;
}

/*
 * Copies what is left in the walk's bucket, up to where entries or buffer end; the rest is for
 * copy_entry.  Not for payloads that are blocks.
 */
static size_t
copy_bucket(ZpCursor *cursor, ZpDirection direction, BatchBuffer *buffer, ZpEntry *entries,
			size_t max_entries)
{
	ZpCursorBucket *at = cursor->bucket;
	bool		has_payload = cursor->session->payload_kind == ZP_PAYLOAD_FIXED;
	size_t		path_bytes = at->key_bytes;
	size_t		copied = 0;

	while (copied < max_entries && at->next >= 0 && at->next < (int) at->order.count)
	{
		uint64_t	head = at->order.head[at->next];
		unsigned char *key = buffer->bytes + buffer->used;
		ZpEntry    *entry = &entries[copied];
		size_t		suffix_bytes = zp_suffix_bytes(at->bucket, head);

		if (path_bytes + suffix_bytes + PIECE > buffer->capacity - buffer->used)
			break;
		copy_pieces(key, cursor->walk, path_bytes);
		(void) zp_copy_suffix(at->bucket, head, key + path_bytes);
		entry->key = key;
		entry->key_bytes = path_bytes + suffix_bytes;
		entry->payload = has_payload
			? zp_load_acquire_u64(zp_bucket_payload(at->bucket, at->order.entry[at->next])) : 0;
		entry->value = NULL;
		entry->value_bytes = 0;
		buffer->used += path_bytes + suffix_bytes;
		at->next += (int) direction;
		copied++;
	}
	return copied;
}

/*
 * Whether a key comes behind what was given last in the direction; while nothing was, whether
 * the cursor's position allows it.
 */
static bool
is_behind(const ZpCursor *cursor, const Met *met, const ZpEntry *last, ZpDirection direction)
{
	const unsigned char *key = last != NULL ? last->key : cursor->key;
	size_t		key_bytes = last != NULL ? last->key_bytes : cursor->key_bytes;
	size_t		met_bytes = met->key_bytes + met->suffix_bytes;
	size_t		bytes = key_bytes < met->key_bytes ? key_bytes : met->key_bytes;
	int			order;

	if (last == NULL && cursor->position == ZP_CURSOR_FIRST)
		return true;
	order = memcmp(cursor->walk, key, bytes);
	if (order == 0 && key_bytes > bytes && met->suffix_bytes > 0)
	{
		bytes = key_bytes - met->key_bytes;
		order = memcmp(met->suffix, key + met->key_bytes,
					   bytes < met->suffix_bytes ? bytes : met->suffix_bytes);
	}
	if (order == 0)
		order = met_bytes < key_bytes ? -1 : met_bytes > key_bytes;
	if (order == 0)
		return last == NULL && cursor->position == ZP_CURSOR_AT;
	return order * (int) direction > 0;
}

/*
 * Copies entries until the trie, the entries or the buffer are at their end.
 *
 * A bucket's range grows when its neighbour is removed.  If the walk still has their
 * holder as it was, it meets a key that has come into that range since, and the
 * neighbour as it was too, in the wrong order.  Neither the key nor what the neighbour
 * had was there all the time, so whatever comes too late is left out.
 */
static ZpStatus
copy_batch(ZpCursor *cursor, ZpDirection direction, ZpEntry *entries, size_t max_entries,
		   BatchBuffer *buffer, size_t *count, size_t *needed)
{
	ZpStatus	status = seek_position(cursor, direction);
	bool		in_doubt = false;
	Met			met;

	while (status == ZP_OK && *count < max_entries)
	{
		status = advance(cursor, direction, &met);
		if (status != ZP_OK)
			break;
		if (met.first || in_doubt)
		{
			in_doubt = !is_behind(cursor, &met, *count > 0 ? &entries[*count - 1] : NULL,
								  direction);
			if (in_doubt)
				continue;
		}
		status = copy_entry(cursor, &met, buffer, &entries[*count], needed);
		if (status != ZP_OK)
			break;
		++*count;
		if (cursor->bucket->bucket != NULL &&
			cursor->session->payload_kind != ZP_PAYLOAD_BLOCK)
			*count += copy_bucket(cursor, direction, buffer, &entries[*count],
								  max_entries - *count);
	}
	return status;
}

ZpStatus
zp_cursor_read(ZpCursor *cursor, ZpDirection direction, ZpEntry *entries, size_t max_entries,
			   void *buffer, size_t buffer_bytes, size_t *count, size_t *needed)
{
	ZpTrieSession *session = cursor->session;
	BatchBuffer batch = {buffer, buffer_bytes, 0};
	ZpStatus	status;

	*count = 0;
	*needed = 0;
	if (max_entries == 0)
		return ZP_BAD_ARGUMENT;
	if (cursor->bucket == NULL)
		cursor->bucket = malloc(sizeof(ZpCursorBucket));
	if (cursor->bucket == NULL)
		return ZP_OUT_OF_MEMORY;
	session->map->map_failed = false;
	status = zp_pass_begin_read(&session->pass, &session->trie->versions);
	if (status != ZP_OK)
		return status;
	status = copy_batch(cursor, direction, entries, max_entries, &batch, count, needed);
	zp_pass_end_read(&session->pass);
	if (session->map->map_failed)
	{
		*count = 0;
		return ZP_MAP_FAILED;
	}
	if (*count == 0)
		return status;

	/* Something was read: what stopped the batch shows again at the next one. */
	status = zp_cursor_seek(cursor, entries[*count - 1].key, entries[*count - 1].key_bytes, true);
	if (status != ZP_OK)
		*count = 0;
	return status;
}
