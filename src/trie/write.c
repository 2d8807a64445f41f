/*
 * write.c
 *	  Insert, upsert and increment: one walk, three endings.
 *
 * A new key is appended to its bucket, in place, under the bucket's lock.  Only
 * when the bucket has no room, or the key leaves its path, or there is no bucket, does
 * the trie change its shape (change.h):
 *
 *	  the bucket is full: a larger one; or two, split at a byte; or, if all its keys
 *	  share the next byte, an inner node in its place with the buckets below;
 *	  the key leaves the bucket's path: the same, with a shorter path;
 *	  no child stands for the key's byte: the next child's range begins earlier if it
 *	  is a bucket, or else the inner node gets a child more;
 *	  the key ends behind an inner node's path: that node with a key;
 *	  the key leaves an inner node's path: a new inner node above it.
 *
 * A key that is there has its payload replaced in place, under its node's lock.
 */
#include "trie/append.h"
#include "trie/change.h"
#include "trie/node_lock.h"

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
	bool		stored;			/* the value has its block */
	uint64_t	old;			/* what was replaced */
	uint64_t	now;			/* what is there now */
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

/* Puts the request's value into a block, if it has one.  Before any lock. */
static ZpStatus
prepare_value(ZpTrieSession *session, WriteRequest *request)
{
	ZpStatus	status = ZP_OK;

	if (request->value != NULL && !request->stored)
	{
		status = store_value(session, request->value, request->value_bytes, &request->payload);
		request->stored = status == ZP_OK;
	}
	return status;
}

/*
 * The key was found: its payload is replaced.  The node is not locked; `head` is the
 * entry's head in a bucket, NULL in an inner node.
 */
static ZpStatus
write_existing(ZpTrieSession *session, WriteRequest *request, ZpNode *node, ZpAtomicU64 *payload,
			   const ZpAtomicU64 *head)
{
	ZpAtomicU32 *lock = &node->word;
	ZpStatus	status;

	if (request->mode == WRITE_INSERT || session->payload_kind == ZP_PAYLOAD_NONE)
		return ZP_EXISTS;

	if (session->payload_kind == ZP_PAYLOAD_BLOCK)
	{
		status = zp_lazy_reserve(session->map, session->pool, session->token);
		if (status == ZP_OK)
			status = prepare_value(session, request);
		if (status != ZP_OK)
			return status;
	}
	status = zp_node_lock_all(&lock, 1, session->map->hooks);
	if (status != ZP_OK)
		return status;
	if (head != NULL && zp_load_relaxed_u64(head) == ZP_HEAD_DEAD)
	{
		zp_node_unlock(lock);
		return ZP_BUSY;
	}
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

/* The trie is empty. */
static ZpStatus
write_first(ZpChange *change, WriteRequest *request, const ZpDescent *descent)
{
	zp_change_add_key(change, descent->rest.at, descent->rest.bytes, request->payload);
	change->top = zp_plan_subtree(change, zp_no_piece, zp_no_piece, 0, 1, 0);
	return zp_change_apply(change);
}

/* The key ends behind an inner node's path, where no key ends yet. */
static ZpStatus
write_terminal(ZpChange *change, WriteRequest *request, const ZpDescent *descent)
{
	(void) zp_change_add_old(change, &descent->here);
	zp_change_add_key(change, NULL, 0, request->payload);
	change->top = zp_plan_copy(change, descent->here.node, descent->here.word);
	change->plans[change->top].terminal_item = 0;
	return zp_change_apply(change);
}

/*
 * The holder is replaced too: a plan of it without descent->here, for which one child or
 * several will come in.
 */
static int
plan_holder(ZpChange *change, const ZpDescent *descent)
{
	zp_change_add_parent(change, &descent->holder);
	change->top = zp_plan_copy(change, descent->holder.node, descent->holder.word);
	change->plans[change->top].remove = descent->position;
	return change->top;
}

/*
 * Puts the subtree change->top in the place of descent->here.  An inner node's label
 * in its holder is the first byte of its path, which a bucket's need not be.
 */
static ZpStatus
put_subtree(ZpChange *change, const ZpDescent *descent, unsigned char first_byte)
{
	const ZpMet *holder = &descent->holder;
	int			subtree = change->top;

	if (holder->node == NULL || change->plans[subtree].kind == ZP_PLAN_BUCKET ||
		zp_inner_label(holder->node, holder->word, (uint32_t) descent->position) == first_byte)
		return zp_change_apply(change);
	zp_plan_add_child(&change->plans[plan_holder(change, descent)], first_byte, subtree);
	return zp_change_apply(change);
}

/*
 * Puts a branch where two nodes part: its path is that of the old node as far as the
 * key has it.  `lower` is the plan of the old node with the rest of its path; the key
 * is the last item.
 */
static ZpStatus
write_branch(ZpChange *change, const ZpDescent *descent, const unsigned char *path, int lower)
{
	ZpPiece		shared = {path, descent->matched};
	unsigned char lower_label = path[descent->matched];
	int			last = change->item_count - 1;
	ZpItem	   *item = &change->items[last];
	unsigned char label;
	int			leaf;

	change->top = zp_plan_branch(change, shared, zp_no_piece);
	if (item->bytes == 0)
	{
		change->plans[change->top].terminal_item = last;
		zp_plan_add_child(&change->plans[change->top], lower_label, lower);
		return put_subtree(change, descent, path[0]);
	}
	leaf = zp_plan_subtree(change, zp_no_piece, zp_no_piece, last, last + 1, 0);
	label = zp_item_at(item)[0];
	if (label < lower_label)
		zp_plan_add_child(&change->plans[change->top], label, leaf);
	zp_plan_add_child(&change->plans[change->top], lower_label, lower);
	if (label > lower_label)
		zp_plan_add_child(&change->plans[change->top], label, leaf);
	return put_subtree(change, descent, path[0]);
}

/* The key leaves an inner node's path, or ends inside it. */
static ZpStatus
write_split(ZpChange *change, WriteRequest *request, const ZpDescent *descent)
{
	const unsigned char *path = zp_inner_path(descent->here.node);
	size_t		matched = descent->matched;
	int			lower;

	(void) zp_change_add_old(change, &descent->here);
	zp_change_add_key(change, descent->rest.at + matched, descent->rest.bytes - matched,
					  request->payload);
	lower = zp_plan_copy(change, descent->here.node, descent->here.word);
	change->plans[lower].path[2].at += matched;
	change->plans[lower].path[2].bytes -= matched;
	return write_branch(change, descent, path, lower);
}

/*
 * No child of the inner node stands for the key's byte.  If the next child is a
 * bucket, its range is made to begin there, and ZP_BUSY returned: begin again.
 */
static ZpStatus
write_into_gap(ZpChange *change, WriteRequest *request, const ZpDescent *descent)
{
	ZpNode	   *node = descent->here.node;
	uint32_t	word = descent->here.word;
	size_t		path_bytes = zp_word_path_bytes(word);
	unsigned char label = descent->rest.at[path_bytes];
	int			next = descent->gap + 1;
	ZpStatus	status;
	int			leaf;

	(void) zp_change_add_old(change, &descent->here);
	change->top = zp_plan_copy(change, node, word);
	change->inner_at = descent->gap;
	if (next < (int) zp_word_children(word) &&
		zp_slot_is_bucket(zp_load_acquire_u32(&zp_inner_slots(node)[next])))
	{
		change->plans[change->top].relabel = next;
		change->plans[change->top].new_label = label;
		change->bucket_at = next;
		status = zp_change_apply(change);
		return status == ZP_OK ? ZP_BUSY : status;
	}
	zp_change_add_key(change, descent->rest.at + path_bytes, descent->rest.bytes - path_bytes,
					  request->payload);
	leaf = zp_plan_subtree(change, zp_no_piece, zp_no_piece, 0, 1, 0);
	zp_plan_add_child(&change->plans[change->top], label, leaf);
	return zp_change_apply(change);
}

/* The first of these children stands for all bytes for which the bucket did, if it can. */
static void
keep_first_label(ZpChange *change, const ZpDescent *descent)
{
	ZpPlan	   *copy = &change->plans[change->top];

	if (change->plans[copy->added_plan[0]].kind == ZP_PLAN_BUCKET)
		copy->added_label[0] = zp_inner_label(descent->holder.node, descent->holder.word,
											  (uint32_t) descent->position);
}

/*
 * The suffixes would be too long with what the key lacks of the bucket's path: the
 * bucket keeps the rest of its path.
 */
static ZpStatus
write_beside_bucket(ZpChange *change, WriteRequest *request, const ZpDescent *descent)
{
	size_t		matched = descent->matched;
	size_t		path_bytes = zp_word_path_bytes(descent->here.word);
	const unsigned char *path = zp_bucket_path(zp_met_bucket(&descent->here), path_bytes);
	ZpPiece		rest_of_path = {path + matched, path_bytes - matched};
	ZpItem	   *item;
	unsigned char label;
	int			keys;
	int			lower;
	int			leaf;
	int			holder;

	(void) zp_change_add_bucket(change, 0, path_bytes);
	keys = change->item_count;
	if (keys == 0)
		return ZP_BUSY;
	lower = zp_plan_subtree(change, rest_of_path, zp_no_piece, 0, keys, 0);

	/* Behind all others, whatever its order among them is. */
	item = &change->items[keys];
	*item = (ZpItem) {.at = descent->rest.at + matched,.bytes = descent->rest.bytes - matched,
	.source = ZP_ITEM_NEW};
	change->sorted[change->item_count++] = item;
	change->payload = request->payload;
	if (matched > 0 || descent->holder.node == NULL)
		return write_branch(change, descent, path, lower);
	leaf = zp_plan_subtree(change, zp_no_piece, zp_no_piece, keys, keys + 1, 0);
	label = descent->rest.at[0];
	holder = plan_holder(change, descent);
	if (label < path[0])
		zp_plan_add_child(&change->plans[holder], label, leaf);
	zp_plan_add_child(&change->plans[holder], path[0], lower);
	if (label > path[0])
		zp_plan_add_child(&change->plans[holder], label, leaf);
	keep_first_label(change, descent);
	return zp_change_apply(change);
}

/*
 * A full bucket was filled in ascending order, and the key comes behind all that it has,
 * in its first byte: the bucket stays, and the holder gets a child for what follows.
 * ZP_NOT_FOUND: it is not so.
 */
static ZpStatus
write_behind_bucket(ZpChange *change, WriteRequest *request, const ZpDescent *descent)
{
	ZpBucket   *bucket = zp_met_bucket(&descent->here);
	uint32_t	count = zp_state_count(change->old[0].state);
	unsigned char label = *descent->rest.at;
	uint64_t	last = zp_load_relaxed_u64(zp_bucket_head(bucket, count - 1,
														  zp_entry_bytes(change->session)));
	int			leaf;

	if (count < ZP_BUCKET_ENTRIES || zp_state_sorted(change->old[0].state) != count ||
		zp_state_dead(change->old[0].state) != 0 || descent->holder.node == NULL ||
		zp_word_path_bytes(descent->here.word) != 0 ||
		last >> 56 >= label)
		return ZP_NOT_FOUND;
	zp_change_add_key(change, descent->rest.at, descent->rest.bytes, request->payload);
	change->ascending = true;
	change->least_capacity = ZP_BUCKET_ENTRIES;
	change->old[0].stays = true;
	change->old[0].bound = label;
	leaf = zp_plan_subtree(change, zp_no_piece, zp_no_piece, 0, 1, 0);
	zp_change_add_parent(change, &descent->holder);
	change->top = zp_plan_copy(change, descent->holder.node, descent->holder.word);
	zp_plan_add_child(&change->plans[change->top], label, leaf);
	return zp_change_apply(change);
}

/* The bucket has no room for the key, or another path: its keys get other nodes. */
static ZpStatus
write_beyond_bucket(ZpChange *change, WriteRequest *request, const ZpDescent *descent,
					const ZpSuffix *suffix, uint32_t state)
{
	ZpBucket   *bucket = zp_met_bucket(&descent->here);
	size_t		matched = descent->matched;
	size_t		path_bytes = zp_word_path_bytes(descent->here.word);
	ZpPiece		shared = {zp_bucket_path(bucket, path_bytes), matched};
	int			n;

	(void) zp_change_add_old(change, &descent->here);
	if (matched == path_bytes)
	{
		change->top = zp_plan_grown(change, suffix, request->payload);
		/* The key was not there then. */
		if (change->old[0].state != state)
			return ZP_BUSY;
		if (change->top >= 0)
			return zp_change_apply(change);
		if (matched == 0)
		{
			ZpStatus	status = write_behind_bucket(change, request, descent);

			if (status != ZP_NOT_FOUND)
				return status;
		}
	}
	if (!zp_change_add_bucket(change, 0, matched))
		return write_beside_bucket(change, request, descent);
	if (matched == path_bytes && change->old[0].state != state)
		return ZP_BUSY;
	zp_change_add_key(change, descent->rest.at + matched, descent->rest.bytes - matched,
					  request->payload);
	n = change->item_count;
	change->ascending = n > ZP_ASCENDING_KEYS &&
		zp_state_sorted(change->old[0].state) == (uint32_t) n - 1 &&
		change->sorted[n - 1]->source == ZP_ITEM_NEW;
	if (n > ZP_BUCKET_ENTRIES)
		change->least_capacity = ZP_BUCKET_ENTRIES;

	if (descent->holder.node != NULL && matched + zp_items_common(change, 0, n, 0) == 0 &&
		!zp_items_fit(change, 0, n, 0))
	{
		zp_plan_children(change, plan_holder(change, descent), 0, n, 0);
		keep_first_label(change, descent);
		return zp_change_apply(change);
	}
	change->top = zp_plan_subtree(change, shared, zp_no_piece, 0, n, 0);
	return put_subtree(change, descent, matched > 0 ? shared.at[0]
					   : zp_item_at(change->sorted[0])[0]);
}

/* The key's bucket was found, and has its path. */
static ZpStatus
write_into_bucket(ZpTrieSession *session, WriteRequest *request, const ZpDescent *descent,
				  const ZpSuffix *suffix, uint32_t state)
{
	ZpBucket   *bucket = zp_met_bucket(&descent->here);
	ZpAtomicU32 *lock = &bucket->word;
	ZpStatus	status;

	status = zp_node_lock_all(&lock, 1, session->map->hooks);
	if (status != ZP_OK)
		return status;
	/* A key that came meanwhile may be this one, or have taken the room. */
	if (zp_load_relaxed_u32(&bucket->state) != state || !zp_bucket_admits(bucket, suffix))
		status = ZP_BUSY;
	else
		zp_bucket_append(bucket, zp_entry_bytes(session), suffix, request->payload);
	zp_node_unlock(lock);
	return status;
}

/*
 * The key is not there, and is not just appended.  If its bucket has its path: its
 * suffix, and the bucket's state when it was searched.
 */
static ZpStatus
write_shape(ZpTrieSession *session, WriteRequest *request, const ZpDescent *descent,
			const ZpSuffix *suffix, uint32_t state)
{
	ZpChange	change;
	ZpStatus	status = zp_lazy_reserve(session->map, session->pool, session->token);

	if (status != ZP_OK)
		return status;
	zp_change_begin(&change, session, descent->here.place);
	switch (descent->end)
	{
		case ZP_DESCENT_EMPTY:
			return write_first(&change, request, descent);
		case ZP_DESCENT_SPLIT:
			return write_split(&change, request, descent);
		case ZP_DESCENT_HERE:
			return write_terminal(&change, request, descent);
		case ZP_DESCENT_GAP:
			return write_into_gap(&change, request, descent);
		default:
			return write_beyond_bucket(&change, request, descent, suffix, state);
	}
}

/* ZP_OK (new), ZP_EXISTS, ZP_BUSY (begin again), or an error. */
static ZpStatus
attempt_write(ZpTrieSession *session, WriteRequest *request)
{
	ZpShortKey	room;
	ZpDescent	descent;
	ZpSuffix	suffix = {0};
	uint32_t	state = 0;
	bool		append = false;
	ZpStatus	status;

	zp_descend(session, zp_rest_begin(request->key, request->key_bytes, &room), &descent);
	if (ZP_UNLIKELY(session->map->map_failed))
		return ZP_MAP_FAILED;
	if (descent.end == ZP_DESCENT_HERE && zp_word_is_terminal(descent.here.word))
		return write_existing(session, request, descent.here.node,
							  zp_inner_payload(descent.here.node, descent.here.word), NULL);
	if (descent.end == ZP_DESCENT_BUCKET &&
		descent.matched == zp_word_path_bytes(descent.here.word))
	{
		ZpBucket   *bucket = zp_met_bucket(&descent.here);
		int			entry = zp_descent_find(session, &descent, &suffix, &state);

		if (entry >= 0)
			return write_existing(session, request, descent.here.node,
								  zp_bucket_payload(bucket, (uint32_t) entry),
								  zp_bucket_head(bucket, (uint32_t) entry,
												 zp_entry_bytes(session)));
		append = zp_bucket_has_room(bucket, zp_state_count(state), &suffix);
	}

	status = prepare_value(session, request);
	if (status != ZP_OK)
		return status;
	if (append)
		status = write_into_bucket(session, request, &descent, &suffix, state);
	else
		status = write_shape(session, request, &descent, &suffix, state);
	if (status == ZP_OK)
	{
		request->now = request->payload;
		zp_token_count_add(session->token, 1);
	}
	return status;
}

/* The short way: the payload is at hand, and the key's bucket has it, or room for it. */
static ZpStatus
attempt_append(ZpTrieSession *session, WriteRequest *request)
{
	ZpFound		found;
	ZpStatus	status = zp_append_key(session, request->key, request->key_bytes,
									   request->payload, &found);

	if (status == ZP_OK)
		request->now = request->payload;
	else if (status == ZP_EXISTS)
		status = write_existing(session, request, (ZpNode *) found.bucket,
								zp_bucket_payload(found.bucket, found.entry),
								zp_bucket_head(found.bucket, found.entry,
											   zp_entry_bytes(session)));
	return status;
}

/* The token is held; released when it ends. */
static ZpStatus
write_long_way(ZpTrieSession *session, WriteRequest *request)
{
	ZpStatus	status;

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

static ZpStatus
write_key(ZpTrieSession *session, WriteRequest *request)
{
	ZpStatus	status;

	status = zp_begin_write(session, request->key_bytes);
	if (status != ZP_OK)
		return status;
	if (request->value == NULL)
	{
		status = attempt_append(session, request);
		if (status != ZP_NOT_FOUND && status != ZP_BUSY)
		{
			zp_end_write(session);
			return status;
		}
	}
	return write_long_way(session, request);
}

ZpStatus
zp_trie_insert(ZpTrieSession *session, const void *key, size_t key_bytes, uint64_t payload)
{
	WriteRequest request;
	ZpStatus	status;

	if (session->payload_kind == ZP_PAYLOAD_BLOCK)
		return ZP_BAD_ARGUMENT;
	status = zp_begin_write(session, key_bytes);
	if (status != ZP_OK)
		return status;

	/* The short way first, for it is the most frequent by far. */
	status = zp_append_key(session, key, key_bytes, payload, NULL);
	if (ZP_LIKELY(status != ZP_NOT_FOUND))
	{
		zp_pass_end_write(&session->pass);
		return status;
	}
	request = (WriteRequest) {.mode = WRITE_INSERT,.key = key,.key_bytes = key_bytes,
	.payload = payload};
	return write_long_way(session, &request);
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
