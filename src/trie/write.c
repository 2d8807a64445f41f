/*
 * write.c
 *	  Insert, upsert and increment: one walk, three endings.
 *
 * A key that is new takes one of four ways, by where the descent ended:
 *
 *	  an empty slot (of the root, or of a direct node): put a leaf into it;
 *	  no child for the next byte: replace the node by one with a child more;
 *	  at the end of a node without a key: replace it by one with a key;
 *	  inside a path: replace the node by a branch that has the path's common
 *	  part, and below it the node with the rest of its path, and the new leaf.
 *
 * A key that is there has its payload replaced in place, under the node's lock.
 */
#include "trie/descend.h"
#include "trie/node_build.h"
#include "trie/node_lock.h"
#include "trie/replace.h"

#include <string.h>

typedef enum WriteMode
{
	WRITE_INSERT,
	WRITE_UPSERT,
	WRITE_INCREMENT
} WriteMode;

typedef struct WriteRequest
{
	WriteMode	mode;
	const unsigned char *key;
	size_t		key_bytes;
	uint64_t	payload;		/* INCREMENT: what is added; BLOCK: once the value is stored */
	const void *value;			/* BLOCK: what to store; else NULL */
	size_t		value_bytes;
	bool		stored;			/* payload is the value's block */
	uint64_t	old;			/* out: what was there */
	uint64_t	now;			/* out: what is there */
} WriteRequest;

/* Puts a value into a block of its own. */
static ZpStatus
store_value(ZpTrieSession *session, const void *value, size_t value_bytes, uint64_t *payload)
{
	ZpRef		ref = ZP_NULL_REF;
	void	   *block;
	ZpStatus	status;

	if (value_bytes > 0)
	{
		status = zp_pool_alloc(session->map, session->pool, value_bytes, &ref);
		if (status != ZP_OK)
			return status;
		block = zp_at(session->map, ref);
		if (session->map->map_failed)
		{
			(void) zp_pool_free(session->map, session->pool, ref, value_bytes);
			return ZP_MAP_FAILED;
		}
		memcpy(block, value, value_bytes);
	}
	*payload = zp_make_block_payload(ref, value_bytes);
	return ZP_OK;
}

/*
 * Takes what a change of the trie will need, other than nodes: room to retire
 * what it replaces, and a block for the value.  Before any lock.
 */
static ZpStatus
prepare(ZpTrieSession *session, WriteRequest *request)
{
	ZpStatus	status = zp_lazy_reserve(session->map, session->pool, session->token);

	if (status == ZP_OK && request->value != NULL && !request->stored)
	{
		status = store_value(session, request->value, request->value_bytes, &request->payload);
		request->stored = status == ZP_OK;
	}
	return status;
}

/* The node of the key was found, with a key. */
static ZpStatus
write_existing(ZpTrieSession *session, WriteRequest *request, ZpDescent *descent)
{
	ZpAtomicU64 *payload = zp_node_payload(descent->node, descent->word);
	ZpAtomicU32 *lock = &descent->node->word;
	ZpStatus	status;

	if (request->mode == WRITE_INSERT || session->payload_kind == ZP_PAYLOAD_NONE)
		return ZP_EXISTS;

	if (session->payload_kind == ZP_PAYLOAD_BLOCK)
	{
		status = prepare(session, request);
		if (status != ZP_OK)
			return status;
	}
	status = zp_node_lock_all(&lock, 1, session->map->hooks);
	if (status != ZP_OK)
		return status;
	request->old = zp_load_relaxed_u64(payload);
	request->now = request->payload;
	if (request->mode == WRITE_INCREMENT)
	{
		int64_t		sum;

		if (__builtin_add_overflow((int64_t) request->old, (int64_t) request->payload, &sum))
		{
			zp_node_unlock(lock);
			return ZP_OVERFLOW;
		}
		request->now = (uint64_t) sum;
	}
	zp_store_release_u64(payload, request->now);
	zp_node_unlock(lock);
	zp_retire_payload(session, request->old);
	return ZP_EXISTS;
}

/* The slot of the key is empty: the root's, or a direct node's. */
static ZpStatus
write_into_empty_slot(ZpTrieSession *session, WriteRequest *request, ZpDescent *descent)
{
	ZpPlace    *place = &descent->place;
	ZpNodePlan	leaf = zp_plan_new(request->key + descent->used,
								   request->key_bytes - descent->used);
	ZpNodePlan *const plans[] = {&leaf};
	ZpRef		ref;
	ZpNode	   *node;
	ZpStatus	status;

	leaf.terminal = true;
	leaf.payload = request->payload;
	status = zp_reserve_nodes(session, plans, 1, &ref, &node);
	if (status != ZP_OK)
		return status;
	(void) zp_build_node(&leaf, node, zp_session_payload_bytes(session));

	status = zp_node_lock_all(&place->lock, 1, session->map->hooks);
	if (status == ZP_OK)
	{
		if (zp_load_relaxed_u32(place->slot) != ZP_NULL_REF)
			status = ZP_BUSY;
		else
		{
			zp_store_release_u32(place->slot, ref);
			if (place->holder != NULL)
			{
				ZpAtomicU32 *count = zp_node_direct_count(place->holder, place->holder_word);

				zp_store_relaxed_u32(count, zp_load_relaxed_u32(count) + 1);
			}
		}
		zp_node_unlock(place->lock);
	}
	if (status != ZP_OK)
		zp_return_nodes(session, plans, 1, &ref);
	return status;
}

/* The node stays what it is, with a child or a key more. */
static ZpStatus
write_extended_node(ZpTrieSession *session, WriteRequest *request, ZpDescent *descent)
{
	ZpOldNode	old = {descent->node, descent->ref, descent->word};
	ZpNodePlan	copy = zp_plan_copy(descent->node, descent->word);
	size_t		used = descent->used + descent->matched;
	ZpNodePlan	leaf;
	ZpNodePlan *plans[2] = {&copy, &leaf};
	int			n = 1;
	ZpRef		refs[2];
	ZpNode	   *nodes[2];
	ZpStatus	status;

	if (descent->end == ZP_DESCENT_HERE)
	{
		copy.terminal = true;
		copy.payload = request->payload;
	}
	else
	{
		leaf = zp_plan_new(request->key + used + 1, request->key_bytes - used - 1);
		leaf.terminal = true;
		leaf.payload = request->payload;
		copy.label[0] = request->key[used];
		copy.added = 1;
		n = 2;
	}
	status = zp_reserve_nodes(session, plans, n, refs, nodes);
	if (status != ZP_OK)
		return status;
	if (n == 2)
	{
		(void) zp_build_node(&leaf, nodes[1], zp_session_payload_bytes(session));
		copy.child[0] = refs[1];
	}
	status = zp_replace(session, &descent->place, refs[0], &copy, nodes[0], &old, 1);
	if (status != ZP_OK)
		zp_return_nodes(session, plans, n, refs);
	return status;
}

/* The key leaves the node's path, or ends inside it. */
static ZpStatus
write_split_node(ZpTrieSession *session, WriteRequest *request, ZpDescent *descent)
{
	ZpOldNode	old = {descent->node, descent->ref, descent->word};
	const unsigned char *path = zp_node_path(descent->node);
	size_t		used = descent->used + descent->matched;
	ZpNodePlan	branch = zp_plan_new(path, descent->matched);
	ZpNodePlan	lower = zp_plan_copy(descent->node, descent->word);
	ZpNodePlan	leaf;
	ZpNodePlan *plans[3] = {&lower, &branch, &leaf};
	unsigned char lower_label = path[descent->matched];
	int			n = 2;
	ZpRef		refs[3];
	ZpNode	   *nodes[3];
	ZpStatus	status;

	lower.tail_from = descent->matched + 1;
	branch.added = 1;
	if (used == request->key_bytes)
	{
		branch.terminal = true;
		branch.payload = request->payload;
		branch.label[0] = lower_label;
	}
	else
	{
		leaf = zp_plan_new(request->key + used + 1, request->key_bytes - used - 1);
		leaf.terminal = true;
		leaf.payload = request->payload;
		branch.added = 2;
		n = 3;
	}
	status = zp_reserve_nodes(session, plans, n, refs, nodes);
	if (status != ZP_OK)
		return status;
	if (n == 2)
		branch.child[0] = refs[0];
	else
	{
		int			lower_position = lower_label < request->key[used] ? 0 : 1;

		branch.label[lower_position] = lower_label;
		branch.child[lower_position] = refs[0];
		branch.label[1 - lower_position] = request->key[used];
		branch.child[1 - lower_position] = refs[2];
		(void) zp_build_node(&leaf, nodes[2], zp_session_payload_bytes(session));
	}
	(void) zp_build_node(&branch, nodes[1], zp_session_payload_bytes(session));

	/* The branch is done; its lower child is copied once the node is locked. */
	status = zp_replace(session, &descent->place, refs[1], &lower, nodes[0], &old, 1);
	if (status != ZP_OK)
		zp_return_nodes(session, plans, n, refs);
	return status;
}

/* ZP_OK (new), ZP_EXISTS, ZP_BUSY (begin again), or an error. */
static ZpStatus
attempt_write(ZpTrieSession *session, WriteRequest *request)
{
	ZpDescent	descent;
	ZpStatus	status;

	zp_descend(session, request->key, request->key_bytes, &descent);
	if (session->map->map_failed)
		return ZP_MAP_FAILED;
	if (descent.end == ZP_DESCENT_HERE && zp_word_is_terminal(descent.word))
		return write_existing(session, request, &descent);

	status = prepare(session, request);
	if (status != ZP_OK)
		return status;
	if (descent.end == ZP_DESCENT_EMPTY)
		status = write_into_empty_slot(session, request, &descent);
	else if (descent.end == ZP_DESCENT_SPLIT)
		status = write_split_node(session, request, &descent);
	else
		status = write_extended_node(session, request, &descent);
	if (status == ZP_OK)
	{
		request->now = request->payload;
		zp_token_count_add(session->token, 1);
	}
	return status;
}

static ZpStatus
write_key(ZpTrieSession *session, WriteRequest *request)
{
	ZpStatus	status;

	if (request->key_bytes > ZP_MAX_KEY_BYTES)
		return ZP_KEY_TOO_LONG;
	session->map->map_failed = false;
	status = zp_token_acquire(&session->trie->versions, session->token);
	if (status != ZP_OK)
		return status;
	do
		status = attempt_write(session, request);
	while (status == ZP_BUSY);

	/* A value that found no place is still ours alone. */
	if (request->stored && zp_payload_ref(request->payload) != ZP_NULL_REF &&
		status != ZP_OK && !(status == ZP_EXISTS && request->mode == WRITE_UPSERT))
		(void) zp_pool_free(session->map, session->pool, zp_payload_ref(request->payload),
							request->value_bytes);
	zp_end_write(session);
	return status;
}

ZpStatus
zp_trie_insert(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t payload)
{
	WriteRequest request = {.mode = WRITE_INSERT,.key = key,.key_bytes = key_bytes,
	.payload = payload};

	if (session->payload_kind == ZP_PAYLOAD_BLOCK)
		return ZP_BAD_ARGUMENT;
	return write_key(session, &request);
}

ZpStatus
zp_trie_upsert(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t payload,
			   uint64_t *old)
{
	WriteRequest request = {.mode = WRITE_UPSERT,.key = key,.key_bytes = key_bytes,
	.payload = payload};
	ZpStatus	status;

	if (session->payload_kind == ZP_PAYLOAD_BLOCK)
		return ZP_BAD_ARGUMENT;
	status = write_key(session, &request);
	if (old != NULL)
		*old = request.old;
	return status;
}

ZpStatus
zp_trie_increment(ZpTrieSession *session, const void *key, size_t key_bytes, int64_t delta,
				  int64_t *sum)
{
	WriteRequest request = {.mode = WRITE_INCREMENT,.key = key,.key_bytes = key_bytes,
	.payload = (uint64_t) delta};
	ZpStatus	status;

	if (session->payload_kind != ZP_PAYLOAD_FIXED)
		return ZP_BAD_ARGUMENT;
	status = write_key(session, &request);
	if (sum != NULL && (status == ZP_OK || status == ZP_EXISTS))
		*sum = (int64_t) request.now;
	return status;
}

ZpStatus
zp_trie_insert_value(ZpTrieSession *session, const void *key, size_t key_bytes,
					 const void *value, size_t value_bytes)
{
	WriteRequest request = {.mode = WRITE_INSERT,.key = key,.key_bytes = key_bytes};

	if (session->payload_kind != ZP_PAYLOAD_BLOCK || value == NULL ||
		value_bytes > ZP_MAX_VALUE_BYTES)
		return ZP_BAD_ARGUMENT;
	request.value = value;
	request.value_bytes = value_bytes;
	return write_key(session, &request);
}

ZpStatus
zp_trie_upsert_value(ZpTrieSession *session, const void *key, size_t key_bytes,
					 const void *value, size_t value_bytes)
{
	WriteRequest request = {.mode = WRITE_UPSERT,.key = key,.key_bytes = key_bytes};

	if (session->payload_kind != ZP_PAYLOAD_BLOCK || value == NULL ||
		value_bytes > ZP_MAX_VALUE_BYTES)
		return ZP_BAD_ARGUMENT;
	request.value = value;
	request.value_bytes = value_bytes;
	return write_key(session, &request);
}
