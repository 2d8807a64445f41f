/*
 * plan.c
 *	  What a change will write: items in order, and the nodes that hold them.
 */
#include "trie/change.h"

/* A bucket grows by a third, and by no less than this. */
#define LEAST_GROWTH 2
/* One that is filled in order doubles, or has room for this many. */
#define ASCENDING_CAPACITY 16

void
zp_change_begin(ZpChange *change, ZpTrieSession *session, ZpPlace place)
{
	change->session = session;
	change->place = place;
	change->old_count = 0;
	change->parent = -1;
	change->inner_at = -1;
	change->bucket_at = -1;
	change->item_count = 0;
	change->scratch_used = 0;
	change->plan_count = 0;
	change->top = -1;
	change->ascending = false;
	change->exact = false;
	change->least_capacity = ASCENDING_CAPACITY;
}

int
zp_change_add_old(ZpChange *change, const ZpMet *met)
{
	change->old[change->old_count].met = *met;
	change->old[change->old_count].state = 0;
	change->old[change->old_count].stays = false;
	return change->old_count++;
}

void
zp_change_add_parent(ZpChange *change, const ZpMet *met)
{
	change->parent = zp_change_add_old(change, met);
	change->place = met->place;
}

const unsigned char *
zp_item_at(const ZpItem *item)
{
	return item->at != NULL ? item->at : item->local;
}

/* Whether item a comes before b. */
static bool
item_less(const ZpItem *a, const ZpItem *b)
{
	int			order = memcmp(zp_item_at(a), zp_item_at(b),
							   a->bytes < b->bytes ? a->bytes : b->bytes);

	return order != 0 ? order < 0 : a->bytes < b->bytes;
}

bool
zp_change_add_bucket(ZpChange *change, int from, size_t path_from)
{
	ZpOld	   *old = &change->old[from];
	ZpBucket   *bucket = zp_met_bucket(&old->met);
	size_t		entry_bytes = zp_entry_bytes(change->session);
	size_t		path_bytes = zp_word_path_bytes(old->met.word);
	const unsigned char *path = zp_bucket_path(bucket, path_bytes) + path_from;
	size_t		scratch_used = change->scratch_used;
	int			item_count = change->item_count;
	ZpBucketOrder order;

	path_bytes -= path_from;
	old->state = zp_load_acquire_u32(&bucket->state);
	zp_bucket_order(bucket, old->state, entry_bytes, &order);
	if (item_count + (int) order.count >= ZP_CHANGE_ITEMS)
		return false;
	for (uint32_t i = 0; i < order.count; i++)
	{
		ZpItem	   *item = &change->items[change->item_count];
		uint64_t	head = order.head[i];

		item->source = ZP_ITEM_ENTRY;
		item->from = (uint8_t) from;
		item->entry = order.entry[i];
		item->at = NULL;
		item->head = 0;
		if (path_bytes == 0 && !zp_head_is_long(head))
		{
			item->bytes = zp_copy_suffix(bucket, head, item->local);
			item->head = head;
		}
		else
		{
			unsigned char *whole = change->scratch + change->scratch_used;

			item->bytes = path_bytes + zp_suffix_bytes(bucket, head);
			if (item->bytes + 8 > ZP_CHANGE_SCRATCH - change->scratch_used)
			{
				change->scratch_used = scratch_used;
				change->item_count = item_count;
				return false;
			}
			memcpy(whole, path, path_bytes);
			(void) zp_copy_suffix(bucket, head, whole + path_bytes);
			item->at = whole;
			change->scratch_used += item->bytes;
		}
		change->sorted[change->item_count++] = item;
	}
	return true;
}

void
zp_change_add_terminal(ZpChange *change, int from)
{
	ZpItem	   *item = &change->items[change->item_count];

	*item = (ZpItem) {.source = ZP_ITEM_TERMINAL,.from = (uint8_t) from};
	change->sorted[change->item_count++] = item;
}

void
zp_change_add_key(ZpChange *change, const unsigned char *at, size_t bytes, uint64_t payload)
{
	ZpItem	   *item = &change->items[change->item_count];
	int			position = change->item_count++;

	*item = (ZpItem) {.at = at,.bytes = bytes,.source = ZP_ITEM_NEW};
	change->payload = payload;
	while (position > 0 && item_less(item, change->sorted[position - 1]))
	{
		change->sorted[position] = change->sorted[position - 1];
		position--;
	}
	change->sorted[position] = item;
}

size_t
zp_items_common(const ZpChange *change, int low, int high, size_t skip)
{
	const ZpItem *first = change->sorted[low];
	const ZpItem *last = change->sorted[high - 1];
	size_t		bytes = first->bytes < last->bytes ? first->bytes : last->bytes;

	return zp_common_prefix(zp_item_at(first) + skip, zp_item_at(last) + skip, bytes - skip);
}

/* Bytes of heap that the items take. */
static size_t
heap_bytes(const ZpChange *change, int low, int high, size_t skip)
{
	size_t		sum = 0;

	for (int i = low; i < high; i++)
	{
		size_t		bytes = change->sorted[i]->bytes - skip;

		if (bytes > ZP_HEAD_SHORT_BYTES)
			sum += zp_heap_bytes(bytes);
	}
	return sum;
}

bool
zp_items_fit(const ZpChange *change, int low, int high, size_t skip)
{
	return high - low <= ZP_BUCKET_ENTRIES &&
		heap_bytes(change, low, high, skip) <= ZP_BUCKET_HEAP_BYTES;
}

/* Where to cut items that differ in the byte behind `skip`: first item of the upper half. */
static int
cut_items(const ZpChange *change, int low, int high, size_t skip)
{
	int			middle = low + (high - low) / 2;
	int			best = -1;

	for (int i = low + 1; i < high; i++)
	{
		if (zp_item_at(change->sorted[i])[skip] == zp_item_at(change->sorted[i - 1])[skip])
			continue;
		/* What was filled in order stays full, and what comes next goes to a new one. */
		if (change->ascending || best < 0 ||
			(i < middle ? middle - i : i - middle) < (best < middle ? middle - best
													  : best - middle))
			best = i;
	}
	return best;
}

static int
new_plan(ZpChange *change, ZpPlanKind kind, ZpPiece a, ZpPiece b)
{
	ZpPlan	   *plan = &change->plans[change->plan_count];

	plan->kind = kind;
	plan->path[0] = a;
	plan->path[1] = b;
	plan->path[2] = zp_no_piece;
	plan->grown = false;
	plan->added = 0;
	plan->terminal_item = -1;
	plan->source = NULL;
	plan->keep_terminal = false;
	plan->remove = -1;
	plan->replace = -1;
	plan->relabel = -1;
	return change->plan_count++;
}

int
zp_plan_branch(ZpChange *change, ZpPiece a, ZpPiece b)
{
	return new_plan(change, ZP_PLAN_BRANCH, a, b);
}

int
zp_plan_copy(ZpChange *change, ZpNode *source, uint32_t source_word)
{
	int			plan = new_plan(change, ZP_PLAN_COPY, zp_no_piece, zp_no_piece);

	change->plans[plan].path[2] = (ZpPiece) {zp_inner_path(source),
	zp_word_path_bytes(source_word)};
	change->plans[plan].source = source;
	change->plans[plan].source_word = source_word;
	change->plans[plan].keep_terminal = zp_word_is_terminal(source_word);
	return plan;
}

void
zp_plan_add_child(ZpPlan *plan, unsigned char label, int child)
{
	plan->added_label[plan->added] = label;
	plan->added_plan[plan->added++] = (uint8_t) child;
}

/* Entries that a new bucket has room for. */
static uint32_t
choose_capacity(const ZpChange *change, uint32_t count, size_t entry_bytes)
{
	uint32_t	growth = count / 3 > LEAST_GROWTH ? count / 3 : LEAST_GROWTH;
	uint32_t	a_line = (uint32_t) (ZP_CACHE_LINE_BYTES / entry_bytes);
	uint32_t	capacity = count + growth;

	if (change->ascending)
		capacity = 2 * count < change->least_capacity ? change->least_capacity : 2 * count;
	capacity = (capacity + a_line - 1) / a_line * a_line;
	return capacity < ZP_BUCKET_ENTRIES ? capacity : ZP_BUCKET_ENTRIES;
}

/* As much heap for each entry to come as those that there are take on average. */
static void
set_heap(ZpPlan *plan, size_t heap, uint32_t count, size_t entry_bytes)
{
	heap += heap * (plan->capacity - count) / count;
	if (heap > ZP_BUCKET_HEAP_BYTES)
		heap = ZP_BUCKET_HEAP_BYTES;
	plan->heap_end = sizeof(ZpBucket) + plan->capacity * entry_bytes + heap;
}

/* A bucket for items that share `skip` bytes, which its path ends with. */
static int
plan_bucket(ZpChange *change, ZpPiece a, ZpPiece b, ZpPiece c, int low, int high, size_t skip)
{
	int			number = new_plan(change, ZP_PLAN_BUCKET, a, b);
	ZpPlan	   *plan = &change->plans[number];
	size_t		entry_bytes = zp_entry_bytes(change->session);
	uint32_t	count = (uint32_t) (high - low);
	bool		is_last = change->sorted[high - 1]->source == ZP_ITEM_NEW;
	size_t		heap = heap_bytes(change, low, high, skip);

	plan->path[2] = c;
	plan->low = low;
	plan->high = high;
	plan->skip = skip;
	/* Of keys that come in order the next ones go where the last one is. */
	if (change->exact || (change->ascending && !is_last))
		plan->capacity = count;
	else
		plan->capacity = choose_capacity(change, count, entry_bytes);

	set_heap(plan, heap, count, entry_bytes);
	return number;
}

int
zp_plan_grown(ZpChange *change, const ZpSuffix *suffix, uint64_t payload)
{
	ZpOld	   *old = &change->old[0];
	ZpBucket   *bucket = zp_met_bucket(&old->met);
	size_t		entry_bytes = zp_entry_bytes(change->session);
	size_t		path_bytes = zp_word_path_bytes(old->met.word);
	ZpPiece		path = {zp_bucket_path(bucket, path_bytes), path_bytes};
	size_t		heap = suffix->bytes > ZP_HEAD_SHORT_BYTES ? zp_heap_bytes(suffix->bytes) : 0;
	ZpPlan	   *plan;
	uint32_t	count;
	int			number;

	old->state = zp_load_acquire_u32(&bucket->state);
	count = zp_state_live(old->state) + 1;
	for (uint32_t entry = 0; entry < zp_state_count(old->state); entry++)
	{
		uint64_t	head = zp_load_relaxed_u64(zp_bucket_head(bucket, entry, entry_bytes));

		if (zp_head_is_long(head))
			heap += zp_heap_bytes(zp_suffix_bytes(bucket, head));
	}
	if (count > ZP_BUCKET_ENTRIES || heap > ZP_BUCKET_HEAP_BYTES)
		return -1;

	number = new_plan(change, ZP_PLAN_BUCKET, path, zp_no_piece);
	plan = &change->plans[number];
	plan->grown = true;
	change->suffix = *suffix;
	change->payload = payload;
	change->ascending = count > ZP_ASCENDING_KEYS && zp_state_sorted(old->state) == count - 1;
	plan->capacity = choose_capacity(change, count, entry_bytes);
	set_heap(plan, heap, count, entry_bytes);
	return number;
}

int
zp_plan_subtree(ZpChange *change, ZpPiece a, ZpPiece b, int low, int high, size_t skip)
{
	const ZpItem *first = change->sorted[low];
	size_t		common = zp_items_common(change, low, high, skip);
	ZpPiece		c = {zp_item_at(first) + skip, common};
	int			number;

	/* What comes next would only have to take the path away again. */
	if (change->ascending && high - low == 1 && first->source == ZP_ITEM_NEW &&
		common <= ZP_HEAD_SHORT_BYTES)
		common = c.bytes = 0;
	skip += common;
	if (zp_items_fit(change, low, high, skip))
		return plan_bucket(change, a, b, c, low, high, skip);

	number = zp_plan_branch(change, a, b);
	change->plans[number].path[2] = c;
	if (change->sorted[low]->bytes == skip)
		change->plans[number].terminal_item = low++;
	zp_plan_children(change, number, low, high, skip);
	return number;
}

void
zp_plan_children(ZpChange *change, int plan, int low, int high, size_t skip)
{
	size_t		common = zp_items_common(change, low, high, skip);
	unsigned char label = zp_item_at(change->sorted[low])[skip];
	int			cut;

	if (common > 0 || zp_items_fit(change, low, high, skip))
	{
		int			child = zp_plan_subtree(change, zp_no_piece, zp_no_piece, low, high, skip);

		zp_plan_add_child(&change->plans[plan], label, child);
		return;
	}
	cut = cut_items(change, low, high, skip);
	zp_plan_children(change, plan, low, cut, skip);
	zp_plan_children(change, plan, cut, high, skip);
}
