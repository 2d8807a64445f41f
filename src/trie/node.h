/*
 * node.h
 *	  The layout of a trie and of its nodes.
 *
 * A node is one block of the pool, exactly as large as it needs to be:
 *
 *	  word            4 bytes: lock bits, and the shape, which never changes
 *	  path            0 to 65,536 bytes that all keys below share
 *	  sparse:         labels (sorted, one byte a child), padding to 4,
 *	                  children (one ref a label)
 *	  direct:         padding to 4, number of children, 256 refs by label
 *	  padding to 8,
 *	  payload         8 bytes, if a key ends here and the trie has payloads
 *
 * A node without children is a leaf; with 1 to 64 it is sparse; with 49 to 256 it
 * is direct (in between it stays what it is).  A node where no key ends has two
 * children or more.  Everything is immutable but: the lock bits, the children's
 * refs, the number of children of a direct node, and the payload.  These are
 * atomic, and changed only by the holder of the node's lock; a node that is
 * marked obsolete never changes again.
 */
#ifndef ZP_NODE_H
#define ZP_NODE_H

#include "port/bytesearch.h"
#include "trie/trie.h"

#define ZP_TRIE_MAGIC			0x5A505452	/* "ZPTR" */
#define ZP_TRIE_VERSION			1

#define ZP_SPARSE_MAX_CHILDREN	64
#define ZP_DIRECT_MIN_CHILDREN	49

/* Bits of the word. */
#define ZP_NODE_LOCKED			0x01u	/* a writer is at it */
#define ZP_NODE_WAITED			0x02u	/* somebody may sleep until it is unlocked */
#define ZP_NODE_OBSOLETE		0x04u	/* replaced: readers may finish, writers go back */
#define ZP_NODE_TERMINAL		0x08u	/* a key ends here */
#define ZP_NODE_DIRECT			0x10u
#define ZP_NODE_CHILDREN_SHIFT	5	/* 8 bits; 0 for direct nodes */
#define ZP_NODE_CHILDREN_MASK	0xFFu
#define ZP_NODE_PATH_SHIFT		13	/* 17 bits */
#define ZP_NODE_SHAPE			(~(ZP_NODE_LOCKED | ZP_NODE_WAITED | ZP_NODE_OBSOLETE))

typedef struct ZpNode
{
	ZpAtomicU32 word;
	unsigned char body[];
} ZpNode;

struct ZpTrie
{
	/* Never change. */
	uint32_t	magic;
	uint32_t	version;
	uint32_t	payload_kind;	/* ZpPayloadKind */
	ZpRef		control_pool;
	ZpRef		pool;

	ZpVersions	versions;

	/*
	 * The slot of the first node, and a word that locks it as a node's word
	 * locks the node's slots.  Once the first node has stopped to change its
	 * shape these are only read.
	 */
	_Alignas(ZP_CACHE_LINE_BYTES) ZpAtomicU32 root_word;
	ZpAtomicU32 root;
};

_Static_assert(sizeof(ZpTrie) == 4 * ZP_CACHE_LINE_BYTES,
			   "a trie fills a size class whose blocks begin at a cache line");

/* What a word says, unpacked. */

static inline bool
zp_word_is_terminal(uint32_t word)
{
	return (word & ZP_NODE_TERMINAL) != 0;
}

static inline bool
zp_word_is_direct(uint32_t word)
{
	return (word & ZP_NODE_DIRECT) != 0;
}

/* Children of a sparse node or leaf; 0 for a direct node. */
static inline uint32_t
zp_word_children(uint32_t word)
{
	return (word >> ZP_NODE_CHILDREN_SHIFT) & ZP_NODE_CHILDREN_MASK;
}

static inline size_t
zp_word_path_bytes(uint32_t word)
{
	return word >> ZP_NODE_PATH_SHIFT;
}

static inline uint32_t
zp_node_make_word(bool terminal, bool direct, uint32_t children, size_t path_bytes)
{
	return (terminal ? ZP_NODE_TERMINAL : 0) | (direct ? ZP_NODE_DIRECT : 0) |
		(children << ZP_NODE_CHILDREN_SHIFT) | ((uint32_t) path_bytes << ZP_NODE_PATH_SHIFT);
}

/* Offsets from the node's address, by shape. */

static inline size_t
zp_word_labels_offset(uint32_t word)
{
	return sizeof(ZpAtomicU32) + zp_word_path_bytes(word);
}

/* Of the first child's ref; a direct node's number of children lies before it. */
static inline size_t
zp_word_children_offset(uint32_t word)
{
	size_t		offset = zp_word_labels_offset(word) + zp_word_children(word);

	offset = (offset + 3) & ~(size_t) 3;
	return zp_word_is_direct(word) ? offset + 4 : offset;
}

static inline size_t
zp_word_payload_offset(uint32_t word)
{
	size_t		offset = zp_word_children_offset(word) +
		4 * (size_t) (zp_word_is_direct(word) ? 256 : zp_word_children(word));

	return (offset + 7) & ~(size_t) 7;
}

/* Bytes of the whole node; payload_bytes is the trie's: 0 or 8. */
static inline size_t
zp_word_node_bytes(uint32_t word, size_t payload_bytes)
{
	if (zp_word_is_terminal(word) && payload_bytes != 0)
		return zp_word_payload_offset(word) + payload_bytes;
	return zp_word_children_offset(word) +
		4 * (size_t) (zp_word_is_direct(word) ? 256 : zp_word_children(word));
}

/* Parts of a node; `word` is its word. */

static inline unsigned char *
zp_node_path(ZpNode *node)
{
	return node->body;
}

static inline unsigned char *
zp_node_labels(ZpNode *node, uint32_t word)
{
	return (unsigned char *) node + zp_word_labels_offset(word);
}

static inline ZpAtomicU32 *
zp_node_children(ZpNode *node, uint32_t word)
{
	return (ZpAtomicU32 *) ((char *) node + zp_word_children_offset(word));
}

/* Number of children of a direct node; written with its lock held. */
static inline ZpAtomicU32 *
zp_node_direct_count(ZpNode *node, uint32_t word)
{
	return zp_node_children(node, word) - 1;
}

static inline ZpAtomicU64 *
zp_node_payload(ZpNode *node, uint32_t word)
{
	return (ZpAtomicU64 *) ((char *) node + zp_word_payload_offset(word));
}

/* Children of any node. */
static inline uint32_t
zp_node_count_children(ZpNode *node, uint32_t word)
{
	return zp_word_is_direct(word) ? zp_load_relaxed_u32(zp_node_direct_count(node, word))
		: zp_word_children(word);
}

/*
 * The slot of a label's child.  NULL: a sparse node does not have it.  A direct
 * node has a slot for each, which may hold null.
 */
static inline ZpAtomicU32 *
zp_node_find_slot(ZpNode *node, uint32_t word, unsigned char label)
{
	int			position;

	if (zp_word_is_direct(word))
		return zp_node_children(node, word) + label;
	position = zp_find_byte(zp_node_labels(node, word), zp_word_children(word), label);
	return position < 0 ? NULL : zp_node_children(node, word) + position;
}

static inline ZpNode *
zp_node_at(ZpArenaMap *map, ZpRef ref)
{
	return zp_at(map, ref);
}

/* Bytes of two short runs that are the same from the start on. */
static inline size_t
zp_common_prefix(const unsigned char *a, const unsigned char *b, size_t bytes)
{
	size_t		i = 0;

	while (i < bytes && a[i] == b[i])
		i++;
	return i;
}

/* A BLOCK payload: where the value lies, and its length; a null ref: no bytes. */

static inline uint64_t
zp_make_block_payload(ZpRef ref, size_t bytes)
{
	return (uint64_t) ref << 32 | (uint32_t) bytes;
}

static inline ZpRef
zp_payload_ref(uint64_t payload)
{
	return (ZpRef) (payload >> 32);
}

static inline size_t
zp_payload_bytes(uint64_t payload)
{
	return (uint32_t) payload;
}

/* Bytes of payload in a terminal node of this trie. */
static inline size_t
zp_session_payload_bytes(const ZpTrieSession *session)
{
	return session->payload_kind == ZP_PAYLOAD_NONE ? 0 : 8;
}

/*
 * Copies the value of a BLOCK payload; the token is held.  ZP_OK,
 * ZP_BUFFER_TOO_SMALL, ZP_MAP_FAILED.
 */
extern ZpStatus zp_copy_payload(ZpTrieSession *session, uint64_t payload, void *buffer,
								size_t buffer_bytes);

#endif							/* ZP_NODE_H */
