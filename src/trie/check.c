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
#include "trie/node.h"

/* A node still to be looked at. */
typedef struct Pending
{
	ZpRef		ref;
	uint32_t	depth;			/* nodes from the root, this one included */
	size_t		key_bytes;		/* of the key before its path */
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
push(Walk *walk, ZpRef ref, uint32_t depth, size_t key_bytes)
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
	walk->stack[walk->count++] = (Pending) {ref, depth, key_bytes};
	return ZP_OK;
}

/* Bytes that the pool gives for a request. */
static uint64_t
allocated_bytes(size_t bytes)
{
	return bytes <= ZP_LARGEST_SMALL_BYTES ? zp_size_class_bytes(zp_size_class(bytes)) : bytes;
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
check_payload(Walk *walk, ZpRef ref, ZpNode *node, uint32_t word)
{
	uint64_t	payload;
	void	   *block;
	ZpStatus	status;

	if (walk->session->payload_kind != ZP_PAYLOAD_BLOCK)
		return ZP_OK;
	payload = zp_load_relaxed_u64(zp_node_payload(node, word));
	if ((zp_payload_ref(payload) == ZP_NULL_REF) != (zp_payload_bytes(payload) == 0))
		return complain(walk, "node %u has a value of %zu bytes at %u", ref,
						zp_payload_bytes(payload), zp_payload_ref(payload));
	if (zp_payload_ref(payload) == ZP_NULL_REF)
		return ZP_OK;
	status = look_up_block(walk, zp_payload_ref(payload), "value", &block);
	walk->report->value_bytes += allocated_bytes(zp_payload_bytes(payload));
	walk->blocks++;
	return status;
}

static ZpStatus
check_node(Walk *walk, const Pending *pending)
{
	ZpTrieReport *report = walk->report;
	size_t		payload_bytes = zp_session_payload_bytes(walk->session);
	size_t		key_bytes;
	uint32_t	word;
	uint32_t	children;
	void	   *block;
	ZpNode	   *node;
	ZpStatus	status;

	status = look_up_block(walk, pending->ref, "node", &block);
	if (status != ZP_OK)
		return status;
	node = block;
	word = zp_load_relaxed_u32(&node->word);
	children = zp_node_count_children(node, word);
	key_bytes = pending->key_bytes + zp_word_path_bytes(word);

	if (word & (ZP_NODE_LOCKED | ZP_NODE_WAITED | ZP_NODE_OBSOLETE))
		return complain(walk, "node %u is %s", pending->ref,
						word & ZP_NODE_OBSOLETE ? "obsolete" : "locked");
	if (key_bytes > ZP_MAX_KEY_BYTES)
		return complain(walk, "node %u ends a key of %zu bytes", pending->ref, key_bytes);
	if (!zp_word_is_terminal(word) && children < 2)
		return complain(walk, "node %u has no key and %u children", pending->ref, children);
	if (!zp_word_is_direct(word) && children > ZP_SPARSE_MAX_CHILDREN)
		return complain(walk, "sparse node %u has %u children", pending->ref, children);

	report->nodes++;
	report->node_bytes += allocated_bytes(zp_word_node_bytes(word, payload_bytes));
	report->widths[children <= 256 ? children : 256]++;
	walk->blocks++;
	if (pending->depth > report->depth)
		report->depth = pending->depth;
	if (zp_word_is_terminal(word))
	{
		report->keys++;
		status = check_payload(walk, pending->ref, node, word);
		if (status != ZP_OK)
			return status;
	}

	if (zp_word_is_direct(word))
	{
		uint32_t	met = 0;

		for (int label = 0; label < 256; label++)
		{
			ZpRef		child = zp_load_acquire_u32(&zp_node_children(node, word)[label]);

			if (child == ZP_NULL_REF)
				continue;
			met++;
			status = push(walk, child, pending->depth + 1, key_bytes + 1);
			if (status != ZP_OK)
				return status;
		}
		if (met != children || met < ZP_DIRECT_MIN_CHILDREN)
			return complain(walk, "direct node %u counts %u children and has %u",
							pending->ref, children, met);
		return ZP_OK;
	}
	for (uint32_t i = 0; i < children; i++)
	{
		unsigned char *labels = zp_node_labels(node, word);
		ZpRef		child = zp_load_acquire_u32(&zp_node_children(node, word)[i]);

		if (i > 0 && labels[i - 1] >= labels[i])
			return complain(walk, "labels of node %u are out of order at %u", pending->ref, i);
		if (child == ZP_NULL_REF)
			return complain(walk, "child %u of sparse node %u is null", i, pending->ref);
		status = push(walk, child, pending->depth + 1, key_bytes + 1);
		if (status != ZP_OK)
			return status;
	}
	return ZP_OK;
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
	status = zp_token_acquire(&session->trie->versions, session->token);
	if (status != ZP_OK)
		return status;
	if (zp_load_relaxed_u32(&session->trie->root_word) & (ZP_NODE_LOCKED | ZP_NODE_WAITED))
		status = complain(&walk, "the slot of the root is locked");
	root = zp_load_acquire_u32(&session->trie->root);
	if (status == ZP_OK && root != ZP_NULL_REF)
		status = push(&walk, root, 1, 0);
	while (status == ZP_OK && walk.count > 0)
	{
		Pending		pending = walk.stack[--walk.count];

		status = check_node(&walk, &pending);
	}
	if (status == ZP_OK)
		status = check_books(&walk);
	zp_token_release(session->token);
	free(walk.stack);
	return session->map->map_failed ? ZP_MAP_FAILED : status;
}
