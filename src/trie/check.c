/*
 * check.c
 *	  Walks a whole trie and says what is wrong with it.
 */
#include "trie/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/token_internal.h"
#include "trie/bucket.h"

/* A node still to be looked at. */
typedef struct Pending
{
	uint32_t	slot;
	uint32_t	depth;			/* nodes from the root, this one included */
	size_t		key_bytes;		/* of the key before its path */
	int			low;			/* first byte of its path, or of all keys: from... */
	int			high;			/* ...below; low -1: any, or none (the root) */
} Pending;

typedef struct Walk
{
	ZpTrieSession *session;
	ZpTrieReport *report;
	Pending    *stack;
	size_t		count;
	size_t		capacity;
	uint64_t	blocks;			/* nodes and values met */
} Walk;

static ZpStatus
complain(Walk *walk, const char *format,...) __attribute__((format(printf, 2, 3)));

static ZpStatus
complain(Walk *walk, const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	(void) vsnprintf(walk->report->why, sizeof(walk->report->why), format, arguments);
	va_end(arguments);
	return ZP_CORRUPTED;
}

static ZpStatus
push(Walk *walk, Pending pending)
{
	if (walk->count == walk->capacity)
	{
		size_t		larger = walk->capacity == 0 ? 1024 : 2 * walk->capacity;
		Pending    *moved = realloc(walk->stack, larger * sizeof(Pending));

		if (moved == NULL)
			return ZP_OUT_OF_MEMORY;
		walk->stack = moved;
		walk->capacity = larger;
	}
	walk->stack[walk->count++] = pending;
	return ZP_OK;
}

/* The block of a ref, if it is one of the arena's. */
static ZpStatus
look_up_block(Walk *walk, ZpRef ref, const char *what, void **block)
{
	ZpArenaMap *map = walk->session->map;
	ZpRef		run;
	uint32_t	pages;

	if (zp_arena_find_run(map, ref, &run, &pages) != ZP_OK)
		return complain(walk, "%s %u lies in no chunk", what, ref);
	*block = zp_at(map, ref);
	return map->map_failed ? ZP_MAP_FAILED : ZP_OK;
}

static ZpStatus
check_payload(Walk *walk, ZpRef ref, uint64_t payload)
{
	void	   *block;
	ZpStatus	status;

	if (walk->session->payload_kind != ZP_PAYLOAD_BLOCK)
		return ZP_OK;
	if ((zp_payload_ref(payload) == ZP_NULL_REF) != (zp_payload_bytes(payload) == 0))
		return complain(walk, "node %u has a value of %zu bytes at %u", ref,
						zp_payload_bytes(payload), zp_payload_ref(payload));
	if (zp_payload_ref(payload) == ZP_NULL_REF)
		return ZP_OK;
	status = look_up_block(walk, zp_payload_ref(payload), "value", &block);
	walk->report->value_bytes += zp_pool_counted_bytes(walk->session->pool, zp_payload_bytes(payload));
	walk->blocks++;
	return status;
}

static ZpStatus
check_inner(Walk *walk, const Pending *pending, ZpNode *node, uint32_t word)
{
	ZpTrieReport *report = walk->report;
	ZpRef		ref = zp_slot_ref(pending->slot);
	uint32_t	children = zp_word_children(word);
	bool		terminal = zp_word_is_terminal(word);
	size_t		path_bytes = zp_word_path_bytes(word);

	report->node_bytes += zp_pool_counted_bytes(walk->session->pool, zp_inner_bytes(word,
														 zp_session_payload_bytes(walk->session)));
	if (children < (terminal ? 1 : 2) || children > 256)
		return complain(walk, "inner node %u has %u children and %s key", ref, children,
						terminal ? "a" : "no");
	if (zp_word_is_wide(word) != (children > ZP_SPARSE_MAX_CHILDREN))
		return complain(walk, "inner node %u has the wrong shape for %u children", ref, children);
	if (pending->low >= 0 && (path_bytes == 0 || zp_inner_path(node)[0] != pending->low))
		return complain(walk, "the path of inner node %u does not begin with its label", ref);
	report->widths[children]++;
	if (terminal)
	{
		ZpStatus	status = walk->session->payload_kind == ZP_PAYLOAD_NONE ? ZP_OK
			: check_payload(walk, ref, zp_load_relaxed_u64(zp_inner_payload(node, word)));

		if (status != ZP_OK)
			return status;
		report->keys++;
	}
	for (uint32_t i = 0; i < children; i++)
	{
		int			label = zp_inner_label(node, word, i);
		int			next = i + 1 < children ? zp_inner_label(node, word, i + 1) : 256;
		Pending		child = {
			.slot = zp_load_acquire_u32(&zp_inner_slots(node)[i]),
			.depth = pending->depth + 1,
			.key_bytes = pending->key_bytes + path_bytes,
			.low = label,
			.high = next
		};
		ZpStatus	status;

		if (label >= next)
			return complain(walk, "labels of inner node %u are out of order at %u", ref, i);
		if (zp_inner_route(node, word, (unsigned char) label) != (int) i ||
			zp_inner_route(node, word, (unsigned char) (next - 1)) != (int) i)
			return complain(walk, "inner node %u does not lead to its child %u", ref, i);
		if (child.slot == ZP_NULL_REF)
			return complain(walk, "child %u of inner node %u is null", i, ref);
		status = push(walk, child);
		if (status != ZP_OK)
			return status;
	}
	return ZP_OK;
}

static ZpStatus
check_bucket(Walk *walk, const Pending *pending, ZpBucket *bucket, uint32_t word)
{
	ZpTrieReport *report = walk->report;
	ZpRef		ref = zp_slot_ref(pending->slot);
	size_t		entry_bytes = zp_entry_bytes(walk->session);
	uint32_t	state = zp_load_acquire_u32(&bucket->state);
	uint32_t	count = zp_state_count(state);
	uint32_t	live = 0;
	uint32_t	heap_used = zp_load_relaxed_u32(&bucket->heap_used);
	size_t		heap_begin = sizeof(ZpBucket) + bucket->capacity * entry_bytes;
	size_t		path_bytes = zp_word_path_bytes(word);
	const unsigned char *path = zp_bucket_path(bucket, path_bytes);
	size_t		bytes = zp_bucket_bytes(bucket, word);
	uint64_t	last = ZP_HEAD_DEAD;
	ZpBucketOrder order;

	report->node_bytes += zp_pool_counted_bytes(walk->session->pool, bytes);
	report->buckets++;
	if (count > bucket->capacity || bucket->capacity > ZP_BUCKET_ENTRIES ||
		zp_state_sorted(state) > count || heap_begin > heap_used || heap_used > bucket->heap_end)
		return complain(walk, "bucket %u has %u of %u entries and its heap from %zu to %u of %u",
						ref, count, bucket->capacity, heap_begin, heap_used, bucket->heap_end);
	if ((pending->slot & ZP_SLOT_KIND) != zp_bucket_kind(bytes))
		return complain(walk, "the slot of bucket %u tells another size", ref);
	for (uint32_t i = 0; i < count; i++)
	{
		uint64_t	head = zp_load_relaxed_u64(zp_bucket_head(bucket, i, entry_bytes));
		unsigned char suffix[ZP_SUFFIX_MOST_BYTES] = {0};
		size_t		suffix_bytes;
		ZpSuffix	made;
		ZpStatus	status;
		int			first;

		if (head == ZP_HEAD_DEAD)
			continue;
		live++;
		if (zp_head_is_long(head) &&
			(((head >> 8) & 0xFFFF) < heap_begin || ((head >> 8) & 0xFFFF) + 2 > heap_used))
			return complain(walk, "entry %u of bucket %u has no place in the heap", i, ref);
		suffix_bytes = zp_suffix_bytes(bucket, head);
		if (zp_head_is_long(head)
			? suffix_bytes <= ZP_HEAD_SHORT_BYTES ||
			((head >> 8) & 0xFFFF) + zp_heap_bytes(suffix_bytes) > heap_used
			: suffix_bytes > ZP_HEAD_SHORT_BYTES)
			return complain(walk, "entry %u of bucket %u has a suffix of %zu bytes", i, ref,
							suffix_bytes);
		(void) zp_copy_suffix(bucket, head, suffix);
		made = zp_head_is_long(head) ?
			zp_make_suffix(suffix, suffix_bytes, zp_load_big_endian(suffix),
						   suffix_bytes > 8 ? zp_load_big_endian(suffix + suffix_bytes - 8) : 0)
			: zp_make_suffix(suffix, suffix_bytes, head & ~UINT64_C(0xFF), 0);
		if (made.fingerprint != bucket->fingerprints[i] ||
			zp_bucket_find(bucket, count, entry_bytes, &made) != (int) i)
			return complain(walk, "entry %u of bucket %u is not found", i, ref);
		if (pending->key_bytes + path_bytes + suffix_bytes > ZP_MAX_KEY_BYTES)
			return complain(walk, "a key of bucket %u is too long", ref);
		first = path_bytes > 0 ? path[0] : suffix_bytes > 0 ? suffix[0] : -1;
		if (bucket->bound != 0 && first >= bucket->bound)
			return complain(walk, "entry %u of bucket %u is out of its bound", i, ref);
		if (pending->low >= 0 && (first < pending->low || first >= pending->high))
			return complain(walk, "entry %u of bucket %u does not belong below its label", i, ref);
		if (i < zp_state_sorted(state))
		{
			if (last != ZP_HEAD_DEAD && !zp_head_less(bucket, last, head))
				return complain(walk, "entry %u of bucket %u is not in order", i, ref);
			last = head;
		}
		status = entry_bytes == 8 ? ZP_OK
			: check_payload(walk, ref, zp_load_relaxed_u64(zp_bucket_payload(bucket, i)));
		if (status != ZP_OK)
			return status;
	}
	if (live == 0 || live != zp_state_live(state))
		return complain(walk, "bucket %u has %u keys and says %u", ref, live,
						zp_state_live(state));
	zp_bucket_order(bucket, state, entry_bytes, &order);
	for (uint32_t i = 1; i < order.count; i++)
	{
		if (!zp_head_less(bucket, order.head[i - 1], order.head[i]))
			return complain(walk, "bucket %u has a key twice, or out of order", ref);
	}
	report->keys += live;
	report->fills[live]++;
	return ZP_OK;
}

static ZpStatus
check_node(Walk *walk, const Pending *pending)
{
	ZpRef		ref = zp_slot_ref(pending->slot);
	uint32_t	word;
	void	   *block;
	ZpNode	   *node;
	ZpStatus	status;

	status = look_up_block(walk, ref, "node", &block);
	if (status != ZP_OK)
		return status;
	node = block;
	word = zp_load_relaxed_u32(&node->word);
	if (word & (ZP_NODE_LOCKED | ZP_NODE_WAITED | ZP_NODE_OBSOLETE))
		return complain(walk, "node %u is %s", ref,
						word & ZP_NODE_OBSOLETE ? "obsolete" : "locked");
	if (zp_word_is_bucket(word) != zp_slot_is_bucket(pending->slot))
		return complain(walk, "the slot of node %u tells another kind", ref);
	if (pending->key_bytes + zp_word_path_bytes(word) > ZP_MAX_KEY_BYTES)
		return complain(walk, "node %u ends a key of %zu bytes", ref,
						pending->key_bytes + zp_word_path_bytes(word));
	walk->report->nodes++;
	walk->blocks++;
	if (pending->depth > walk->report->depth)
		walk->report->depth = pending->depth;
	return zp_word_is_bucket(word) ? check_bucket(walk, pending, block, word)
		: check_inner(walk, pending, node, word);
}

/* What the walk met against what the tokens and the pool say. */
static ZpStatus
check_books(Walk *walk)
{
	ZpTrieSession *session = walk->session;
	ZpTrieReport *report = walk->report;
	ZpTokenStats tokens;
	ZpPoolStats pool;
	ZpToken    *token;
	uint64_t	batches = 0;

	zp_token_stats(session->map, &session->trie->versions, &tokens);
	zp_pool_stats(session->map, session->pool, &pool);
	for (token = zp_first_token(session->map, &session->trie->versions); token != NULL;
		 token = zp_next_token(session->map, token))
		batches += zp_load_relaxed_u32(&token->batches);
	if (session->map->map_failed)
		return ZP_MAP_FAILED;

	if (tokens.count != (int64_t) report->keys)
		return complain(walk, "%llu keys are counted, %llu are there",
						(unsigned long long) tokens.count, (unsigned long long) report->keys);
	if (pool.blocks != walk->blocks + tokens.pending + batches)
		return complain(walk, "the pool has %llu blocks in use, not %llu of nodes and values, "
						"%llu pending and %llu of lazy free lists",
						(unsigned long long) pool.blocks, (unsigned long long) walk->blocks,
						(unsigned long long) tokens.pending, (unsigned long long) batches);
	return ZP_OK;
}

ZpStatus
zp_trie_check(ZpTrieSession *session, ZpTrieReport *report)
{
	Walk		walk = {.session = session,.report = report};
	ZpRef		root;
	ZpStatus	status;

	memset(report, 0, sizeof(*report));
	session->map->map_failed = false;
	status = zp_trie_enter(session);
	if (status != ZP_OK)
		return status;
	if (zp_load_relaxed_u32(&session->trie->root_word) & (ZP_NODE_LOCKED | ZP_NODE_WAITED))
		status = complain(&walk, "the slot of the root is locked");
	root = zp_load_acquire_u32(&session->trie->root);
	if (status == ZP_OK && root != ZP_NULL_REF)
		status = push(&walk, (Pending) {.slot = root,.depth = 1,.low = -1});
	while (status == ZP_OK && walk.count > 0)
	{
		Pending		pending = walk.stack[--walk.count];

		status = check_node(&walk, &pending);
	}
	if (status == ZP_OK)
		status = check_books(&walk);
	zp_trie_leave(session);
	free(walk.stack);
	return session->map->map_failed ? ZP_MAP_FAILED : status;
}
