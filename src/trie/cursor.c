/*
 * cursor.c
 *	  Ordered reading of a trie, both ways, in batches.
 *
 * A batch acquires the token, walks down to where the cursor stands, and then
 * from node to node with a stack of frames, one a level.  It copies what it finds
 * and releases the token.  The nodes that it meets were each part of the trie at
 * some moment since the token was acquired; those that are replaced meanwhile
 * keep their contents, so a key that stays is met once.
 *
 * Cost: one descent a batch, then about one node a key.  The stack takes 32
 * bytes a level; a trie can be as deep as its longest key.
 */
#include "trie/cursor.h"

#include <stdlib.h>
#include <string.h>

#include "trie/node.h"

/* What of a node comes next, apart from the positions of its children (0 and up). */
#define OWN_KEY	(-1)
#define DONE	(-2)				/* backward: the own key comes last */

struct ZpCursorFrame
{
	ZpNode	   *node;
	uint32_t	word;
	int			next;			/* OWN_KEY, DONE, or the position of a child */
	size_t		key_bytes;		/* of the walk, the node's path included */
};

/* Positions of children: of a label for sparse nodes, the label itself for direct ones. */

static inline int
positions(uint32_t word)
{
	return zp_word_is_direct(word) ? 256 : (int) zp_word_children(word);
}

static inline unsigned char
label_at(const ZpCursorFrame *frame, int position)
{
	if (zp_word_is_direct(frame->word))
		return (unsigned char) position;
	return zp_node_labels(frame->node, frame->word)[position];
}

static inline ZpRef
child_at(const ZpCursorFrame *frame, int position)
{
	return zp_load_acquire_u32(&zp_node_children(frame->node, frame->word)[position]);
}

/*
 * Asks for the nodes that the walk will meet a little later: children of one node
 * lie anywhere, and waiting for each in turn is most of what a scan costs.
 */
#define LOOK_AHEAD 4

static inline void
prefetch_child(ZpArenaMap *map, const ZpCursorFrame *frame, int position)
{
	ZpRef		child;

	if (position < 0 || position >= positions(frame->word))
		return;
	child = zp_load_relaxed_u32(&zp_node_children(frame->node, frame->word)[position]);
	if (child != ZP_NULL_REF && map->biased[zp_ref_segment(child)] != 0)
		__builtin_prefetch(zp_at(map, child));
}

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
	if (!grow((void **) &cursor->key, &cursor->key_capacity, key_bytes, 1))
		return ZP_OUT_OF_MEMORY;
	if (key_bytes > 0)
		memcpy(cursor->key, key, key_bytes);
	cursor->key_bytes = key_bytes;
	cursor->position = past ? ZP_CURSOR_PAST : ZP_CURSOR_AT;
	return ZP_OK;
}

/*
 * Puts a node on the stack, as yet untouched; its path goes behind the first
 * walk_bytes bytes of the walk.
 */
static ZpStatus
push_node(ZpCursor *cursor, ZpRef ref, size_t walk_bytes, ZpDirection direction)
{
	ZpNode	   *node = zp_node_at(cursor->session->map, ref);
	uint32_t	word = zp_load_relaxed_u32(&node->word);
	size_t		path_bytes = zp_word_path_bytes(word);
	ZpCursorFrame *frame;

	if (!grow((void **) &cursor->walk, &cursor->walk_capacity, walk_bytes + path_bytes + 1, 1) ||
		!grow((void **) &cursor->frames, &cursor->frame_capacity, cursor->frame_count + 1,
			  sizeof(ZpCursorFrame)))
		return ZP_OUT_OF_MEMORY;
	memcpy(cursor->walk + walk_bytes, zp_node_path(node), path_bytes);
	frame = &cursor->frames[cursor->frame_count++];
	frame->node = node;
	frame->word = word;
	frame->next = direction == ZP_FORWARD ? OWN_KEY : positions(word) - 1;
	frame->key_bytes = walk_bytes + path_bytes;
	for (int ahead = 1; ahead < LOOK_AHEAD; ahead++)
		prefetch_child(cursor->session->map, frame, direction == ZP_FORWARD ? ahead
					   : positions(word) - 1 - ahead);
	return ZP_OK;
}

/* Puts the child at a position of the topmost node on the stack. */
static ZpStatus
push_child(ZpCursor *cursor, int position, ZpRef child, ZpDirection direction)
{
	ZpCursorFrame *frame = &cursor->frames[cursor->frame_count - 1];

	/* push_node always leaves room for one byte behind the path. */
	cursor->walk[frame->key_bytes] = label_at(frame, position);
	return push_node(cursor, child, frame->key_bytes + 1, direction);
}

/*
 * Fills the stack so that advance() next finds the first key that the position
 * allows, in the direction.
 */
static ZpStatus
seek_position(ZpCursor *cursor, ZpDirection direction)
{
	const unsigned char *key = cursor->key;
	size_t		used = 0;		/* bytes of the key before the topmost node's path */
	ZpRef		root = zp_load_acquire_u32(&cursor->session->trie->root);
	ZpStatus	status;

	cursor->frame_count = 0;
	if (root == ZP_NULL_REF)
		return ZP_OK;
	status = push_node(cursor, root, 0, direction);
	if (status != ZP_OK || cursor->position == ZP_CURSOR_FIRST)
		return status;

	for (;;)
	{
		ZpCursorFrame *frame = &cursor->frames[cursor->frame_count - 1];
		size_t		path_bytes = zp_word_path_bytes(frame->word);
		const unsigned char *path = zp_node_path(frame->node);
		size_t		rest = cursor->key_bytes - used;
		size_t		matched = zp_common_prefix(path, key + used,
											   path_bytes < rest ? path_bytes : rest);
		unsigned char label;
		uint32_t	position;

		if (matched < path_bytes)
		{
			/* All keys below are greater than the key, or all are less. */
			bool		greater = matched == rest || path[matched] > key[used + matched];

			if (greater != (direction == ZP_FORWARD))
				cursor->frame_count--;
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

		/* The key goes on: the children on one side of its label, then that child. */
		label = key[used + matched];
		used += matched + 1;
		position = zp_word_is_direct(frame->word) ? label
			: zp_lower_bound_byte(zp_node_labels(frame->node, frame->word),
								  zp_word_children(frame->word), label);
		frame->next = direction == ZP_FORWARD ? (int) position : (int) position - 1;
		if ((int) position < positions(frame->word) && label_at(frame, (int) position) == label)
		{
			ZpRef		child = child_at(frame, (int) position);

			if (direction == ZP_FORWARD)
				frame->next++;
			if (child == ZP_NULL_REF)
				return ZP_OK;
			status = push_child(cursor, (int) position, child, direction);
			if (status != ZP_OK)
				return status;
		}
		else
			return ZP_OK;
	}
}

/* Goes to the next node with a key: it is then on top.  ZP_OK, ZP_END, ZP_OUT_OF_MEMORY. */
static ZpStatus
advance(ZpCursor *cursor, ZpDirection direction)
{
	while (cursor->frame_count > 0)
	{
		ZpCursorFrame *frame = &cursor->frames[cursor->frame_count - 1];
		int			end = positions(frame->word);
		int			position = frame->next;
		ZpRef		child = ZP_NULL_REF;
		ZpStatus	status;

		if (position == OWN_KEY)
		{
			frame->next = direction == ZP_FORWARD ? 0 : DONE;
			if (zp_word_is_terminal(frame->word))
				return ZP_OK;
			continue;
		}
		while (position >= 0 && position < end)
		{
			child = child_at(frame, position);
			if (child != ZP_NULL_REF)
				break;
			position += direction;
		}
		if (child != ZP_NULL_REF)
		{
			/* Going back below position 0 is just OWN_KEY. */
			frame->next = position + direction;
			prefetch_child(cursor->session->map, frame, position + LOOK_AHEAD * direction);
			status = push_child(cursor, position, child, direction);
			if (status != ZP_OK)
				return status;
		}
		else if (direction == ZP_BACKWARD && position == OWN_KEY)
			frame->next = OWN_KEY;
		else
			cursor->frame_count--;
	}
	return ZP_END;
}

/* The caller's buffer. */
typedef struct BatchBuffer
{
	unsigned char *bytes;
	size_t		capacity;
	size_t		used;
} BatchBuffer;

/* Copies the topmost node's key and payload.  ZP_BUFFER_TOO_SMALL and what it takes. */
static ZpStatus
copy_entry(ZpCursor *cursor, BatchBuffer *buffer, ZpEntry *entry, size_t *needed)
{
	ZpTrieSession *session = cursor->session;
	ZpCursorFrame *frame = &cursor->frames[cursor->frame_count - 1];
	uint64_t	payload = session->payload_kind == ZP_PAYLOAD_NONE ? 0
		: zp_load_acquire_u64(zp_node_payload(frame->node, frame->word));
	size_t		value_bytes = session->payload_kind == ZP_PAYLOAD_BLOCK
		? zp_payload_bytes(payload) : 0;
	size_t		gap = -(uintptr_t) (buffer->bytes + buffer->used) & 7;
	ZpStatus	status;

	*needed = gap + value_bytes + frame->key_bytes;
	if (*needed > buffer->capacity - buffer->used)
		return ZP_BUFFER_TOO_SMALL;
	*entry = (ZpEntry) {0};
	if (session->payload_kind == ZP_PAYLOAD_FIXED)
		entry->payload = payload;
	else if (session->payload_kind == ZP_PAYLOAD_BLOCK)
	{
		unsigned char *value = buffer->bytes + buffer->used + gap;

		status = zp_copy_payload(session, payload, value, value_bytes);
		if (status != ZP_OK)
			return status;
		entry->value = value;
		entry->value_bytes = value_bytes;
	}
	entry->key = buffer->bytes + buffer->used + gap + value_bytes;
	entry->key_bytes = frame->key_bytes;
	memcpy(buffer->bytes + buffer->used + gap + value_bytes, cursor->walk, frame->key_bytes);
	buffer->used += *needed;
	return ZP_OK;
}

/* Copies entries until the trie, the entries or the buffer are at their end. */
static ZpStatus
copy_batch(ZpCursor *cursor, ZpDirection direction, ZpEntry *entries, size_t max_entries,
		   BatchBuffer *buffer, size_t *count, size_t *needed)
{
	ZpStatus	status = seek_position(cursor, direction);

	while (status == ZP_OK && *count < max_entries)
	{
		status = advance(cursor, direction);
		if (status == ZP_OK)
			status = copy_entry(cursor, buffer, &entries[*count], needed);
		if (status == ZP_OK)
			++*count;
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
	session->map->map_failed = false;
	status = zp_token_acquire(&session->trie->versions, session->token);
	if (status != ZP_OK)
		return status;
	status = copy_batch(cursor, direction, entries, max_entries, &batch, count, needed);
	zp_token_release(session->token);
	if (session->map->map_failed)
	{
		*count = 0;
		return ZP_MAP_FAILED;
	}
	if (*count == 0)
		return status;

	/* Something was read: what stopped the batch shows again at the next one. */
	return zp_cursor_seek(cursor, entries[*count - 1].key, entries[*count - 1].key_bytes, true);
}
