/*
 * delete.c
 *	  Delete: the trie becomes about what it would be had the key never been there.
 *
 * A key in a bucket dies in place, under the bucket's lock, which takes no memory and
 * cannot fail.  Only with its last key does a bucket go, and the shape changes:
 *
 *	  the holder keeps two children, or one and a key: the holder without that child;
 *	  the holder keeps one child and no key: that child takes its place, with the
 *	  holder's path before its own;
 *	  the holder keeps its key only: a bucket with that key takes its place;
 *	  the bucket was the root: the trie is empty.
 *
 * When half of a bucket has died it is written anew, together with a neighbour or
 * with all that its holder has, if they fit in half a bucket.  That is for the sake of
 * memory alone: if it fails, or somebody is in the way, it is left for a later delete.
 *
 * A key that ends at an inner node takes another inner node to go.
 */
#include "trie/change.h"
#include "trie/node_lock.h"

/* Buckets are put together if they have at most this many keys in all. */
#define MERGE_KEYS (ZP_BUCKET_ENTRIES / 2)

/* A child of a node that was met.  False: it could not be mapped. */
static bool
meet_child(ZpTrieSession *session, const ZpMet *holder, int position, ZpMet *child)
{
	child->place.slot = zp_inner_slots(holder->node) + position;
	child->place.lock = &holder->node->word;
	child->slot = zp_load_acquire_u32(child->place.slot);
	child->node = zp_node_at(session->map, child->slot);
	child->word = zp_load_relaxed_u32(&child->node->word);
	return !session->map->map_failed;
}

static ZpPiece
path_of(const ZpMet *met)
{
	size_t		bytes = zp_word_path_bytes(met->word);

	if (zp_slot_is_bucket(met->slot))
		return (ZpPiece) {zp_bucket_path(zp_met_bucket(met), bytes), bytes};
	return (ZpPiece) {zp_inner_path(met->node), bytes};
}

/* An only child takes its holder's place, with the holder's path in front. */
static ZpStatus
lift_child(ZpChange *change, const ZpMet *holder, int position)
{
	ZpMet		child;
	int			from;

	if (!meet_child(change->session, holder, position, &child))
		return ZP_MAP_FAILED;
	from = zp_change_add_old(change, &child);
	zp_change_add_parent(change, holder);
	if (zp_slot_is_bucket(child.slot))
	{
		(void) zp_change_add_bucket(change, from, zp_word_path_bytes(child.word));
		if (change->item_count == 0)
			return ZP_BUSY;
		change->top = zp_plan_subtree(change, path_of(holder), path_of(&child), 0,
									  change->item_count, 0);
	}
	else
	{
		change->top = zp_plan_copy(change, child.node, child.word);
		change->plans[change->top].path[0] = path_of(holder);
	}
	return zp_change_apply(change);
}

/* The key ends at an inner node. */
static ZpStatus
delete_terminal(ZpChange *change, const ZpDescent *descent)
{
	if (zp_word_children(descent->here.word) == 1)
		return lift_child(change, &descent->here, 0);
	(void) zp_change_add_old(change, &descent->here);
	change->top = zp_plan_copy(change, descent->here.node, descent->here.word);
	change->plans[change->top].keep_terminal = false;
	return zp_change_apply(change);
}

/* The bucket's last key goes, and the bucket with it. */
static ZpStatus
delete_bucket(ZpChange *change, const ZpDescent *descent, uint32_t state)
{
	const ZpMet *holder = &descent->holder;
	uint32_t	children = zp_word_children(holder->word);
	bool		terminal = zp_word_is_terminal(holder->word);
	int			from = zp_change_add_old(change, &descent->here);

	change->old[from].state = state;
	if (holder->node == NULL)
		return zp_change_apply(change);
	if (children == 2 && !terminal)
		return lift_child(change, holder, 1 - descent->position);
	zp_change_add_parent(change, holder);
	if (children == 1)
	{
		zp_change_add_terminal(change, change->parent);
		change->top = zp_plan_subtree(change, path_of(holder), zp_no_piece, 0, 1, 0);
	}
	else
	{
		change->top = zp_plan_copy(change, holder->node, holder->word);
		change->plans[change->top].remove = descent->position;
	}
	return zp_change_apply(change);
}

/* The keys of n children as items.  False: they are not buckets, or too full to be one. */
static bool
gather_buckets(ZpChange *change, const ZpMet *holder, int first, int n)
{
	for (int i = first; i < first + n; i++)
	{
		ZpMet		child;

		if (!meet_child(change->session, holder, i, &child) || !zp_slot_is_bucket(child.slot) ||
			!zp_change_add_bucket(change, zp_change_add_old(change, &child), 0))
			return false;
	}
	return change->item_count > 0 && change->item_count <= MERGE_KEYS &&
		zp_items_fit(change, 0, change->item_count,
					 zp_items_common(change, 0, change->item_count, 0));
}

/* The holder and its one or two buckets become one bucket, if it is half empty then. */
static ZpStatus
merge_holder(ZpChange *change, const ZpDescent *descent)
{
	const ZpMet *holder = &descent->holder;
	uint32_t	children = zp_word_children(holder->word);

	if (children > 2)
		return ZP_NOT_FOUND;
	zp_change_add_parent(change, holder);
	if (zp_word_is_terminal(holder->word))
		zp_change_add_terminal(change, change->parent);
	if (!gather_buckets(change, holder, 0, (int) children))
		return ZP_NOT_FOUND;
	change->top = zp_plan_subtree(change, path_of(holder), zp_no_piece, 0, change->item_count, 0);
	return zp_change_apply(change);
}

/* The buckets at two neighbouring positions become one, if it is half empty then. */
static ZpStatus
merge_neighbours(ZpChange *change, const ZpDescent *descent, int left)
{
	const ZpMet *holder = &descent->holder;
	int			merged;

	if (left < 0 || left + 1 >= (int) zp_word_children(holder->word) ||
		zp_word_children(holder->word) < 3)
		return ZP_NOT_FOUND;
	zp_change_add_parent(change, holder);
	if (!gather_buckets(change, holder, left, 2))
		return ZP_NOT_FOUND;
	merged = zp_plan_subtree(change, zp_no_piece, zp_no_piece, 0, change->item_count, 0);
	change->top = zp_plan_copy(change, holder->node, holder->word);
	change->plans[change->top].replace = left;
	change->plans[change->top].replacement = merged;
	change->plans[change->top].remove = left + 1;
	return zp_change_apply(change);
}

/* The bucket alone, as large as it needs to be. */
static ZpStatus
shrink_bucket(ZpChange *change, const ZpDescent *descent)
{
	size_t		path_bytes = zp_word_path_bytes(descent->here.word);

	(void) zp_change_add_old(change, &descent->here);
	(void) zp_change_add_bucket(change, 0, path_bytes);
	if (change->item_count == 0)
		return ZP_BUSY;
	if (!zp_items_fit(change, 0, change->item_count, 0))
		return ZP_NOT_FOUND;
	change->top = zp_plan_subtree(change, path_of(&descent->here), zp_no_piece, 0,
								  change->item_count, 0);
	return zp_change_apply(change);
}

/* Half of the bucket has died.  Whatever comes of this, the key was deleted. */
static void
tidy_up(ZpTrieSession *session, const ZpDescent *descent)
{
	ZpChange	change;
	ZpStatus	status = ZP_NOT_FOUND;

	for (int way = 0; way < 4 && status == ZP_NOT_FOUND; way++)
	{
		if (way < 3 && descent->holder.node == NULL)
			continue;
		zp_change_begin(&change, session, descent->here.place);
		if (way == 0)
			status = merge_holder(&change, descent);
		else if (way < 3)
			status = merge_neighbours(&change, descent, descent->position + way - 2);
		else
			status = shrink_bucket(&change, descent);
	}
}

/* Half of what was put into the bucket is dead. */
static inline bool
is_half_dead(uint32_t state)
{
	return 2 * zp_state_dead(state) >= zp_state_count(state);
}

/* The key's bucket was found, and has its path. */
static ZpStatus
delete_from_bucket(ZpTrieSession *session, const ZpDescent *descent, uint64_t *payload)
{
	ZpBucket   *bucket = zp_met_bucket(&descent->here);
	size_t		entry_bytes = zp_entry_bytes(session);
	ZpAtomicU32 *lock = &bucket->word;
	uint32_t	state;
	ZpSuffix	suffix;
	ZpChange	change;
	ZpStatus	status;
	int			entry = zp_descent_find(session, descent, &suffix, &state);

	if (entry < 0)
		return ZP_NOT_FOUND;

	if (zp_state_live(state) <= 1)
	{
		zp_change_begin(&change, session, descent->here.place);
		status = delete_bucket(&change, descent, state);
		/* It is obsolete, and our token keeps it: its payload is the last one. */
		if (status == ZP_OK && entry_bytes > 8)
			*payload = zp_load_relaxed_u64(zp_bucket_payload(bucket, (uint32_t) entry));
		return status;
	}

	status = zp_node_lock_all(&lock, 1, session->map->hooks);
	if (status != ZP_OK)
		return status;
	if (zp_load_relaxed_u32(&bucket->state) != state)
		status = ZP_BUSY;
	else
	{
		if (entry_bytes > 8)
			*payload = zp_load_relaxed_u64(zp_bucket_payload(bucket, (uint32_t) entry));
		zp_bucket_kill(bucket, entry_bytes, (uint32_t) entry);
		state = zp_load_relaxed_u32(&bucket->state);
	}
	zp_node_unlock(lock);
	if (status == ZP_OK && is_half_dead(state))
		tidy_up(session, descent);
	return status;
}

/* ZP_OK, ZP_NOT_FOUND, ZP_BUSY (begin again), or an error. */
static ZpStatus
attempt_delete(ZpTrieSession *session, const unsigned char *key, size_t key_bytes)
{
	ZpShortKey	room;
	ZpDescent	descent;
	ZpChange	change;
	uint64_t	payload = 0;
	ZpStatus	status = ZP_NOT_FOUND;

	zp_descend(session, zp_rest_begin(key, key_bytes, &room), &descent);
	if (session->map->map_failed)
		return ZP_MAP_FAILED;
	if (descent.end == ZP_DESCENT_HERE && zp_word_is_terminal(descent.here.word))
	{
		zp_change_begin(&change, session, descent.here.place);
		status = delete_terminal(&change, &descent);
		if (status == ZP_OK && session->payload_kind != ZP_PAYLOAD_NONE)
			payload = zp_load_relaxed_u64(zp_inner_payload(descent.here.node,
														   descent.here.word));
	}
	else if (descent.end == ZP_DESCENT_BUCKET &&
			 descent.matched == zp_word_path_bytes(descent.here.word))
		status = delete_from_bucket(session, &descent, &payload);
	if (status != ZP_OK)
		return status;
	zp_retire_payload(session, payload);
	zp_token_count_add(session->token, -1);
	return ZP_OK;
}

ZpStatus
zp_trie_delete(ZpTrieSession *session, const void *key, size_t key_bytes)
{
	bool		exempt = session->map->exempt_from_limits;
	ZpStatus	status;

	status = zp_begin_write(session, key_bytes);
	if (status != ZP_OK)
		return status;
	/* A full trie must be able to shrink. */
	session->map->exempt_from_limits = true;
	status = zp_lazy_reserve(session->map, session->pool, session->token);
	if (status == ZP_OK)
	{
		do
			status = attempt_delete(session, key, key_bytes);
		while (status == ZP_BUSY);
	}
	session->map->exempt_from_limits = exempt;
	zp_end_write(session);
	return status;
}
