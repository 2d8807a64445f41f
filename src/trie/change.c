/*
 * change.c
 *	  How a trie changes its shape: reserve, lock, look, write, publish, retire.
 *
 * While locks are held there are only copies of memory, so a writer holds them
 * briefly.  New nodes are private until the slot is set (release), so everything
 * that writes them is a plain or relaxed store.
 */
#include "trie/change.h"

#include "port/point.h"
#include "trie/node_lock.h"

void
zp_retire_block(ZpTrieSession *session, ZpRef ref, size_t bytes)
{
	zp_lazy_retire(session->map, &session->trie->versions, session->token, ref, bytes);
}

void
zp_retire_payload(ZpTrieSession *session, uint64_t payload)
{
	if (session->payload_kind == ZP_PAYLOAD_BLOCK && zp_payload_ref(payload) != ZP_NULL_REF)
		zp_retire_block(session, zp_payload_ref(payload), zp_payload_bytes(payload));
}

void
zp_end_write(ZpTrieSession *session)
{
	zp_pass_end_write(&session->pass);
	if (zp_lazy_is_due(session->token))
		zp_pass_reclaim(&session->pass, session->pool);
}

/* What a plan's node will be; its size is known before anything is locked. */
static void
shape_plan(ZpChange *change, ZpPlan *plan)
{
	size_t		path_bytes = plan->path[0].bytes + plan->path[1].bytes + plan->path[2].bytes;
	uint32_t	children;

	if (plan->kind == ZP_PLAN_BUCKET)
	{
		size_t		behind = path_bytes <= ZP_BUCKET_SHORT_PATH ? 0 : path_bytes;

		plan->word = zp_make_bucket_word(path_bytes);
		plan->bytes = zp_whole_lines(plan->heap_end + behind);
		if (behind == 0)
			plan->bytes = zp_size_class_bytes(zp_size_class(plan->bytes));
		/* What rounding leaves is the heap's. */
		plan->heap_end = plan->bytes - behind;
		return;
	}
	children = (uint32_t) plan->added;
	if (plan->kind == ZP_PLAN_COPY)
		children += zp_word_children(plan->source_word) - (plan->remove >= 0);
	plan->word = zp_make_inner_word(plan->keep_terminal || plan->terminal_item >= 0, children,
									path_bytes);
	plan->bytes = zp_inner_bytes(plan->word, zp_session_payload_bytes(change->session));
}

size_t
zp_plan_bytes(ZpChange *change, int plan)
{
	shape_plan(change, &change->plans[plan]);
	return change->plans[plan].bytes;
}

/* Gives the plans' blocks back, which nobody has seen. */
static void
return_blocks(ZpChange *change)
{
	ZpTrieSession *session = change->session;

	for (int i = 0; i < change->plan_count; i++)
		(void) zp_pool_free(session->map, session->pool, zp_slot_ref(change->plans[i].slot),
							change->plans[i].bytes);
}

static ZpStatus
reserve_blocks(ZpChange *change)
{
	ZpTrieSession *session = change->session;
	size_t		sizes[ZP_CHANGE_PLANS];
	ZpRef		refs[ZP_CHANGE_PLANS];
	ZpStatus	status;

	for (int i = 0; i < change->plan_count; i++)
	{
		shape_plan(change, &change->plans[i]);
		sizes[i] = change->plans[i].bytes;
	}
	status = zp_pool_reserve(session->map, session->pool, (uint32_t) change->plan_count, sizes,
							 refs);
	if (status != ZP_OK)
		return status;
	for (int i = 0; i < change->plan_count; i++)
	{
		ZpPlan	   *plan = &change->plans[i];

		plan->node = zp_at(session->map, refs[i]);
		plan->slot = refs[i] | (plan->kind == ZP_PLAN_BUCKET ? zp_bucket_kind(plan->bytes)
								: ZP_SLOT_INNER);
	}
	if (session->map->map_failed)
	{
		return_blocks(change);
		return ZP_MAP_FAILED;
	}
	return ZP_OK;
}

static uint64_t
item_payload(ZpChange *change, const ZpItem *item)
{
	ZpMet	   *met = &change->old[item->from].met;

	switch (item->source)
	{
		case ZP_ITEM_ENTRY:
			return zp_load_relaxed_u64(zp_bucket_payload(zp_met_bucket(met), item->entry));
		case ZP_ITEM_TERMINAL:
			return zp_load_relaxed_u64(zp_inner_payload(met->node, met->word));
		default:
			return change->payload;
	}
}

static void
write_path(const ZpPlan *plan, unsigned char *path)
{
	for (int i = 0; i < ZP_PATH_PIECES; i++)
	{
		if (plan->path[i].bytes > 0)
			memcpy(path, plan->path[i].at, plan->path[i].bytes);
		path += plan->path[i].bytes;
	}
}

/* The suffix of an item behind its first `skip` bytes; no byte but its own is read. */
static ZpSuffix
item_suffix(const ZpItem *item, size_t skip)
{
	const unsigned char *at = zp_item_at(item) + skip;
	size_t		bytes = item->bytes - skip;
	uint64_t	first = 0;

	if (item->head != 0)
		return zp_make_suffix(at, bytes, (item->head & ~UINT64_C(0xFF)) << (8 * skip), 0);
	if (bytes > 8)
		return zp_make_suffix(at, bytes, zp_load_big_endian(at), zp_load_big_endian(at + bytes - 8));
	for (size_t i = 0; i < bytes; i++)
		first |= (uint64_t) at[i] << (56 - 8 * i);
	return zp_make_suffix(at, bytes, first, 0);
}

/*
 * The live entries of the old bucket, as they stand there: putting them in order can wait
 * for the bucket's end, or for somebody who wants the order.
 */
static void
write_grown(ZpChange *change, ZpBucket *bucket)
{
	ZpBucket   *source = zp_met_bucket(&change->old[0].met);
	uint32_t	state = change->old[0].state;
	size_t		entry_bytes = zp_entry_bytes(change->session);
	uint32_t	place = zp_load_relaxed_u32(&bucket->heap_used);
	uint32_t	count = 0;
	uint32_t	sorted = 0;

	for (uint32_t entry = 0; entry < zp_state_count(state); entry++)
	{
		uint64_t	head = zp_load_relaxed_u64(zp_bucket_head(source, entry, entry_bytes));

		if (head == ZP_HEAD_DEAD)
			continue;
		if (zp_head_is_long(head))
		{
			size_t		bytes = zp_heap_bytes(zp_suffix_bytes(source, head));

			memcpy((char *) bucket + place, zp_heap_place(source, head), bytes);
			head = (head & ZP_HEAD_LONG_MASK) | (uint64_t) place << 8;
			place += (uint32_t) bytes;
		}
		bucket->fingerprints[count] = source->fingerprints[entry];
		zp_store_relaxed_u64(zp_bucket_head(bucket, count, entry_bytes), head);
		if (entry_bytes > 8)
			zp_store_relaxed_u64(zp_bucket_payload(bucket, count),
								 zp_load_relaxed_u64(zp_bucket_payload(source, entry)));
		count++;
		if (entry < zp_state_sorted(state))
			sorted = count;
	}
	zp_store_relaxed_u32(&bucket->heap_used, place);
	zp_store_relaxed_u32(&bucket->state, zp_make_state(count, sorted, 0));
	zp_bucket_append(bucket, entry_bytes, &change->suffix, change->payload);
}

static void
write_bucket(ZpChange *change, const ZpPlan *plan)
{
	ZpBucket   *bucket = (ZpBucket *) plan->node;
	size_t		entry_bytes = zp_entry_bytes(change->session);
	size_t		path_bytes = zp_word_path_bytes(plan->word);
	uint32_t	place = (uint32_t) (sizeof(ZpBucket) + plan->capacity * entry_bytes);
	uint32_t	count;

	memset(bucket, 0, sizeof(ZpBucket));
	zp_store_relaxed_u32(&bucket->word, plan->word);
	zp_store_relaxed_u32(&bucket->heap_used, place);
	bucket->capacity = (uint8_t) plan->capacity;
	bucket->heap_end = (uint16_t) plan->heap_end;
	write_path(plan, (unsigned char *) zp_bucket_path(bucket, path_bytes));
	if (plan->grown)
	{
		write_grown(change, bucket);
		return;
	}
	for (int i = plan->low; i < plan->high; i++)
	{
		const ZpItem *item = change->sorted[i];
		ZpSuffix	suffix = item_suffix(item, plan->skip);
		uint32_t	entry = (uint32_t) (i - plan->low);

		if (zp_head_is_long(suffix.head))
			suffix.head = zp_bucket_put_suffix(bucket, &place, suffix.head, suffix.at, suffix.bytes);
		bucket->fingerprints[entry] = suffix.fingerprint;
		zp_store_relaxed_u64(zp_bucket_head(bucket, entry, entry_bytes), suffix.head);
		if (entry_bytes > 8)
			zp_store_relaxed_u64(zp_bucket_payload(bucket, entry), item_payload(change, item));
	}
	zp_store_relaxed_u32(&bucket->heap_used, place);
	count = (uint32_t) (plan->high - plan->low);
	zp_store_relaxed_u32(&bucket->state, zp_make_state(count, count, 0));
}

/* Where the next child of a new inner node goes. */
typedef struct ChildWriter
{
	unsigned char *labels;		/* sparse; NULL: wide */
	uint64_t   *bitmap;
	ZpAtomicU32 *slots;
	uint32_t	count;
} ChildWriter;

static inline void
write_child(ChildWriter *writer, unsigned char label, uint32_t slot)
{
	if (writer->labels != NULL)
		writer->labels[writer->count] = label;
	else
		writer->bitmap[label >> 6] |= (uint64_t) 1 << (label & 63);
	zp_store_relaxed_u32(&writer->slots[writer->count++], slot);
}

/* The source's children, in order, with what the plan changes. */
static void
copy_children(ZpChange *change, const ZpPlan *plan, ChildWriter *writer)
{
	uint32_t	word = plan->source_word;
	int			children = (int) zp_word_children(word);
	bool		wide = zp_word_is_wide(word);
	ZpAtomicU32 *slots = zp_inner_slots(plan->source);
	int			added = 0;
	int			byte = -1;

	for (int i = 0; i < children; i++)
	{
		unsigned char label;
		uint32_t	slot = zp_load_relaxed_u32(&slots[i]);

		if (wide)
		{
			const uint64_t *bitmap = zp_inner_bitmap(plan->source);

			do
				byte++;
			while (!(bitmap[byte >> 6] >> (byte & 63) & 1));
			label = (unsigned char) byte;
		}
		else
			label = zp_inner_labels(plan->source, word)[i];

		while (added < plan->added && plan->added_label[added] < label)
		{
			write_child(writer, plan->added_label[added],
						change->plans[plan->added_plan[added]].slot);
			added++;
		}
		if (i == plan->remove)
			continue;
		if (i == plan->replace)
			slot = change->plans[plan->replacement].slot;
		if (i == plan->relabel)
			label = plan->new_label;
		write_child(writer, label, slot);
	}
	for (; added < plan->added; added++)
		write_child(writer, plan->added_label[added],
					change->plans[plan->added_plan[added]].slot);
}

static void
write_inner(ZpChange *change, const ZpPlan *plan)
{
	ZpNode	   *node = plan->node;
	uint32_t	word = plan->word;
	ChildWriter writer = {0};

	zp_store_relaxed_u32(&node->word, word);
	node->slots = (uint32_t) zp_word_slots_offset(word);
	writer.slots = zp_inner_slots(node);
	write_path(plan, zp_inner_path(node));
	if (zp_word_is_wide(word))
	{
		writer.bitmap = zp_inner_bitmap(node);
		memset(writer.bitmap, 0, 32);
	}
	else
		writer.labels = zp_inner_labels(node, word);

	if (plan->kind == ZP_PLAN_COPY)
		copy_children(change, plan, &writer);
	else
	{
		for (int i = 0; i < plan->added; i++)
			write_child(&writer, plan->added_label[i], change->plans[plan->added_plan[i]].slot);
	}
	if (zp_word_is_wide(word))
	{
		uint32_t	rank = 0;

		*zp_inner_ranks(node) = 0;
		for (int i = 0; i < 4; i++)
		{
			*zp_inner_ranks(node) |= rank << (8 * i);
			rank += (uint32_t) __builtin_popcountll(writer.bitmap[i]);
		}
	}
	if (zp_word_is_terminal(word) && change->session->payload_kind != ZP_PAYLOAD_NONE)
		zp_store_relaxed_u64(zp_inner_payload(node, word), plan->terminal_item >= 0
							 ? item_payload(change, change->sorted[plan->terminal_item])
							 : zp_load_relaxed_u64(zp_inner_payload(plan->source,
																	plan->source_word)));
}

/* Whether everything that the change was planned from is still so; all is locked. */
static bool
still_holds(const ZpChange *change)
{
	const ZpMet *first = &change->old[0].met;
	ZpAtomicU32 *slots;

	if (change->old_count == 0)
		return zp_load_relaxed_u32(change->place.slot) == ZP_NULL_REF;
	for (int i = 0; i < change->old_count; i++)
	{
		const ZpOld *old = &change->old[i];

		if (zp_load_relaxed_u32(old->met.place.slot) != old->met.slot)
			return false;
		if (zp_slot_is_bucket(old->met.slot) &&
			zp_load_relaxed_u32(&zp_met_bucket(&old->met)->state) != old->state)
			return false;
	}
	if (change->inner_at < 0 && change->bucket_at < 0)
		return true;
	slots = zp_inner_slots(first->node);
	if (change->inner_at >= 0 && zp_slot_is_bucket(zp_load_relaxed_u32(&slots[change->inner_at])))
		return false;
	if (change->bucket_at >= 0 && !zp_slot_is_bucket(zp_load_relaxed_u32(&slots[change->bucket_at])))
		return false;
	return true;
}

ZpStatus
zp_change_apply(ZpChange *change)
{
	ZpTrieSession *session = change->session;
	ZpAtomicU32 *words[1 + ZP_CHANGE_OLD];
	int			n = 0;
	ZpStatus	status;

	status = reserve_blocks(change);
	if (status != ZP_OK)
		return status;

	/* From the root down. */
	words[n++] = change->place.lock;
	if (change->parent >= 0)
		words[n++] = &change->old[change->parent].met.node->word;
	for (int i = 0; i < change->old_count; i++)
	{
		if (i != change->parent)
			words[n++] = &change->old[i].met.node->word;
	}
	status = zp_node_lock_all(words, n, session->map->hooks);
	if (status != ZP_OK)
	{
		return_blocks(change);
		return status;
	}
	ZP_POINT("replace_locked");
	if (!still_holds(change))
	{
		while (--n >= 0)
			zp_node_unlock(words[n]);
		return_blocks(change);
		return ZP_BUSY;
	}

	for (int i = 0; i < change->plan_count; i++)
	{
		if (change->plans[i].kind == ZP_PLAN_BUCKET)
			write_bucket(change, &change->plans[i]);
		else
			write_inner(change, &change->plans[i]);
	}
	for (int i = 0; i < change->old_count; i++)
	{
		if (change->old[i].stays)
			zp_met_bucket(&change->old[i].met)->bound = change->old[i].bound;
	}
	zp_store_release_u32(change->place.slot,
						 change->top < 0 ? ZP_NULL_REF : change->plans[change->top].slot);
	for (int i = 0; i < change->old_count; i++)
	{
		const ZpMet *met = &change->old[i].met;

		if (change->old[i].stays)
			zp_node_unlock(&met->node->word);
		else
			zp_node_unlock_obsolete(&met->node->word);
	}
	zp_node_unlock(words[0]);

	for (int i = 0; i < change->old_count; i++)
	{
		const ZpMet *met = &change->old[i].met;

		if (change->old[i].stays)
			continue;
		zp_retire_block(session, zp_slot_ref(met->slot),
						zp_slot_is_bucket(met->slot) ? zp_bucket_bytes(zp_met_bucket(met), met->word)
						: zp_inner_bytes(met->word, zp_session_payload_bytes(session)));
	}
	return ZP_OK;
}
