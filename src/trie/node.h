/*
 * node.h
 *	  The layout of a trie and of its nodes.
 *
 * Two kinds of nodes, each one block of the pool, in whole cache lines:
 *
 * An INNER node routes by one byte.  Its path is what all keys below share behind
 * the parent's path.  The byte after the path chooses the child: the one with the
 * largest label that is not greater.  So a child stands for a range of bytes, and
 * the label is not consumed: the child's own path begins with the byte.
 *
 *	  word            4 bytes: lock bits, and the shape, which never changes
 *	  slots           4 bytes: offset of the children
 *	  path            0 to 65,536 bytes
 *	  sparse:         labels (ascending, one byte a child)
 *	  wide:           padding to 8 and 4 more; how many labels there are below 0, 64, 128,
 *	                  192, one byte each; a bitmap of the labels, 32 bytes
 *	  padding to 4,
 *	  children        one slot a child
 *	  padding to 8,
 *	  payload         8 bytes, if a key ends behind the path and the trie has payloads
 *
 * An inner node with 1 to 32 children is sparse, with more it is wide.  Where no
 * key ends there are two children or more.
 *
 * A BUCKET holds up to 32 keys: behind its path, which all of them share, each has
 * a suffix.  An entry is a head (the suffix's first bytes and its length, in one
 * word) and a payload; suffixes of over 7 bytes lie in the heap of the bucket.  Keys
 * are appended in place until the bucket is full.  See bucket.h.
 *
 * A slot is the ref of the child with two bits of what it is (ZP_SLOT_*): blocks
 * of whole lines begin at a line, so the low two bits of their refs are free.
 *
 * Immutable, once a node can be reached: everything but the lock bits, the slots,
 * the payloads, and of a bucket its state, its unused entries and the heads of those
 * that die.  These are atomic (or published by the state), and changed only by the
 * holder of the node's lock.  A node that is marked obsolete never changes again.
 */
#ifndef ZP_NODE_H
#define ZP_NODE_H

#include <string.h>

#include "port/bytesearch.h"
#include "trie/trie.h"

#define ZP_TRIE_MAGIC			0x5A505452	/* "ZPTR" */
#define ZP_TRIE_VERSION			4

#define ZP_SPARSE_MAX_CHILDREN	ZP_BYTES_SEARCHED

/* Bits of the word. */
#define ZP_NODE_LOCKED			0x01u	/* a writer is at it */
#define ZP_NODE_WAITED			0x02u	/* somebody may sleep until it is unlocked */
#define ZP_NODE_OBSOLETE		0x04u	/* replaced: readers may finish, writers go back */
#define ZP_NODE_TERMINAL		0x08u	/* inner: a key ends behind the path */
#define ZP_NODE_BUCKET			0x10u
#define ZP_NODE_WIDE			0x20u	/* inner: labels are a bitmap */
#define ZP_NODE_CHILDREN_SHIFT	6	/* 9 bits; 0 for buckets */
#define ZP_NODE_CHILDREN_MASK	0x1FFu
#define ZP_NODE_PATH_SHIFT		15	/* 17 bits */

/* Low bits of a slot: an inner node, or a bucket and how much of it there is to prefetch. */
#define ZP_SLOT_KIND			3u
#define ZP_SLOT_INNER			0u
#define ZP_SLOT_SMALL_BUCKET	1u	/* up to 5 cache lines */
#define ZP_SLOT_BUCKET			2u

/* Offset of an inner node's path. */
#define ZP_PATH_OFFSET			8

typedef struct ZpNode
{
	ZpAtomicU32 word;
	uint32_t	slots;			/* offset of the children */
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

/* Blocks of nodes are whole cache lines. */
static inline size_t
zp_whole_lines(size_t bytes)
{
	return (bytes + ZP_CACHE_LINE_BYTES - 1) & ~(size_t) (ZP_CACHE_LINE_BYTES - 1);
}

/* What a word says, unpacked. */

static inline bool
zp_word_is_terminal(uint32_t word)
{
	return (word & ZP_NODE_TERMINAL) != 0;
}

static inline bool
zp_word_is_bucket(uint32_t word)
{
	return (word & ZP_NODE_BUCKET) != 0;
}

static inline bool
zp_word_is_wide(uint32_t word)
{
	return (word & ZP_NODE_WIDE) != 0;
}

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
zp_make_inner_word(bool terminal, uint32_t children, size_t path_bytes)
{
	return (terminal ? ZP_NODE_TERMINAL : 0) |
		(children > ZP_SPARSE_MAX_CHILDREN ? ZP_NODE_WIDE : 0) |
		(children << ZP_NODE_CHILDREN_SHIFT) | ((uint32_t) path_bytes << ZP_NODE_PATH_SHIFT);
}

static inline uint32_t
zp_make_bucket_word(size_t path_bytes)
{
	return ZP_NODE_BUCKET | ((uint32_t) path_bytes << ZP_NODE_PATH_SHIFT);
}

/* Offsets in an inner node from its address, by shape. */

/* Of the labels, or the bitmap. */
static inline size_t
zp_word_labels_offset(uint32_t word)
{
	size_t		offset = ZP_PATH_OFFSET + zp_word_path_bytes(word);

	return zp_word_is_wide(word) ? ((offset + 7) & ~(size_t) 7) + 8 : offset;
}

static inline size_t
zp_word_slots_offset(uint32_t word)
{
	if (zp_word_is_wide(word))
		return zp_word_labels_offset(word) + 32;
	return (zp_word_labels_offset(word) + zp_word_children(word) + 3) & ~(size_t) 3;
}

static inline size_t
zp_word_payload_offset(uint32_t word)
{
	size_t		offset = zp_word_slots_offset(word) + 4 * (size_t) zp_word_children(word);

	return (offset + 7) & ~(size_t) 7;
}

/*
 * Bytes of a whole inner node; payload_bytes is the trie's: 0 or 8.  At least
 * ZP_BYTES_SEARCHED bytes follow the begin of the labels (see bytesearch.h).
 */
static inline size_t
zp_inner_bytes(uint32_t word, size_t payload_bytes)
{
	size_t		bytes = zp_word_slots_offset(word) + 4 * (size_t) zp_word_children(word);
	size_t		readable = zp_word_labels_offset(word) + ZP_BYTES_SEARCHED;

	if (zp_word_is_terminal(word) && payload_bytes != 0)
		bytes = zp_word_payload_offset(word) + payload_bytes;
	return zp_whole_lines(bytes < readable ? readable : bytes);
}

/* Parts of an inner node; `word` is its word. */

static inline unsigned char *
zp_inner_path(ZpNode *node)
{
	return node->body;
}

static inline unsigned char *
zp_inner_labels(ZpNode *node, uint32_t word)
{
	return (unsigned char *) node + zp_word_labels_offset(word);
}

/* Of a node that has been written. */
static inline ZpAtomicU32 *
zp_inner_slots(ZpNode *node)
{
	return (ZpAtomicU32 *) ((char *) node + node->slots);
}

/* Of a wide node. */
static inline uint64_t *
zp_inner_bitmap(ZpNode *node)
{
	return (uint64_t *) zp_inner_slots(node) - 4;
}

/* Of a wide node: labels below 0, 64, 128, 192. */
static inline uint32_t *
zp_inner_ranks(ZpNode *node)
{
	return (uint32_t *) zp_inner_slots(node) - 9;
}

static inline ZpAtomicU64 *
zp_inner_payload(ZpNode *node, uint32_t word)
{
	return (ZpAtomicU64 *) ((char *) node + zp_word_payload_offset(word));
}

/* Position of the child that stands for a byte, or -1: it is less than all labels. */
static inline int
zp_inner_route(ZpNode *node, uint32_t word, unsigned char byte)
{
	uint32_t	children = zp_word_children(word);
	uint64_t	bits;
	uint32_t	before;

	if (ZP_LIKELY(!zp_word_is_wide(word)))
		return (int) zp_count_at_most(zp_inner_labels(node, word), children, byte) - 1;
	if (children == 256)
		return byte;
	bits = zp_inner_bitmap(node)[byte >> 6] & (UINT64_MAX >> (63 - (byte & 63)));
	before = (*zp_inner_ranks(node) >> (8 * (byte >> 6))) & 0xFF;
	return (int) (before + (uint32_t) __builtin_popcountll(bits)) - 1;
}

/* Label of the child at a position. */
static inline unsigned char
zp_inner_label(ZpNode *node, uint32_t word, uint32_t position)
{
	const uint64_t *bitmap;
	uint64_t	bits;
	uint32_t	part = 0;

	if (!zp_word_is_wide(word))
		return zp_inner_labels(node, word)[position];
	bitmap = zp_inner_bitmap(node);
	while (part < 3 && position >= ((*zp_inner_ranks(node) >> (8 * (part + 1))) & 0xFF))
		part++;
	position -= (*zp_inner_ranks(node) >> (8 * part)) & 0xFF;
	bits = bitmap[part];
	while (position-- > 0)
		bits &= bits - 1;
	return (unsigned char) (64 * part + (uint32_t) __builtin_ctzll(bits));
}

/* A slot's parts. */

static inline ZpRef
zp_slot_ref(uint32_t slot)
{
	return slot & ~ZP_SLOT_KIND;
}

static inline bool
zp_slot_is_bucket(uint32_t slot)
{
	return (slot & ZP_SLOT_KIND) != ZP_SLOT_INNER;
}

static inline ZpNode *
zp_node_at(ZpArenaMap *map, uint32_t slot)
{
	return zp_at(map, zp_slot_ref(slot));
}

/* Bytes of two runs that are the same from the start on. */
static inline size_t
zp_common_prefix(const unsigned char *a, const unsigned char *b, size_t bytes)
{
	size_t		i = 0;

	while (i < bytes && a[i] == b[i])
		i++;
	return i;
}

/*
 * The rest of a key, for looking at eight bytes at a time.  The eight bytes that
 * end where the key ends can be read, whatever its length (zp_rest_begin).
 */
typedef struct ZpRest
{
	const unsigned char *at;
	size_t		bytes;
} ZpRest;

/* Room for a key that is too short to be read in place. */
typedef struct ZpShortKey
{
	unsigned char bytes[16];
} ZpShortKey;

static inline ZpRest
zp_rest_begin(const unsigned char *key, size_t key_bytes, ZpShortKey *room)
{
	if (ZP_LIKELY(key_bytes >= 8))
		return (ZpRest) {key, key_bytes};
	memset(room->bytes, 0, 8);
	for (size_t i = 0; i < key_bytes; i++)
		room->bytes[8 + i] = key[i];
	return (ZpRest) {room->bytes + 8, key_bytes};
}

static inline void
zp_rest_skip(ZpRest *rest, size_t bytes)
{
	rest->at += bytes;
	rest->bytes -= bytes;
}

/* Eight bytes as a number in the order of the bytes. */
static inline uint64_t
zp_load_big_endian(const unsigned char *bytes)
{
	uint64_t	word;

	memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline void
zp_store_big_endian(unsigned char *bytes, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	memcpy(bytes, &word, 8);
}

/* The first eight bytes of the rest, with zeros behind a shorter one. */
static inline uint64_t
zp_rest_window(const ZpRest *rest)
{
	size_t		bytes = rest->bytes;

	if (bytes >= 8)
		return zp_load_big_endian(rest->at);
	/* Two shifts, for one of 64 bits is undefined. */
	return zp_load_big_endian(rest->at + bytes - 8) << (4 * (8 - bytes)) << (4 * (8 - bytes));
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && !defined(ZP_THREAD_SANITIZER)
#define ZP_PATHS_AS_WORDS 1

/* The first so many bytes of eight. */
static const uint64_t zp_first_bytes[9] = {
	0, UINT64_C(0xFF), UINT64_C(0xFFFF), UINT64_C(0xFFFFFF), UINT64_C(0xFFFFFFFF),
	UINT64_C(0xFFFFFFFFFF), UINT64_C(0xFFFFFFFFFFFF), UINT64_C(0xFFFFFFFFFFFFFF), UINT64_MAX
};
#endif

/*
 * Whether the bytes from `at` to `end` begin with a path, or are too few to tell (at +
 * path_bytes > end: ask).  The 8 bytes before `end` can be read, and of `path` 8 bytes,
 * whatever its length.
 */
static inline bool
zp_has_path(const unsigned char *at, const unsigned char *end, const unsigned char *path,
			size_t path_bytes)
{
#ifdef ZP_PATHS_AS_WORDS
	if (ZP_LIKELY(path_bytes <= 8))
	{
		const unsigned char *from = at < end - 8 ? at : end - 8;
		uint64_t	ours;
		uint64_t	theirs;

		/* The path's load may cover slots that others write; their bytes are masked out. */
		memcpy(&ours, from, 8);
		memcpy(&theirs, path, 8);
		/* Nothing is left of the key: 8 bytes too many, and the caller asks. */
		return (((ours >> (8 * (at - from) & 63)) ^ theirs) & zp_first_bytes[path_bytes]) == 0;
	}
#endif
	return (ptrdiff_t) path_bytes <= end - at && memcmp(path, at, path_bytes) == 0;
}

/* Whether the rest begins with a path. */
static inline bool
zp_rest_has_path(const ZpRest *rest, const unsigned char *path, size_t path_bytes)
{
	return path_bytes <= rest->bytes &&
		zp_has_path(rest->at, rest->at + rest->bytes, path, path_bytes);
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

/* Bytes of payload of a key in this trie. */
static inline size_t
zp_session_payload_bytes(const ZpTrieSession *session)
{
	return session->payload_kind == ZP_PAYLOAD_NONE ? 0 : 8;
}

/* The begin of an operation that reads a key: the token is held after ZP_OK. */
static inline ZpStatus
zp_begin_read(ZpTrieSession *session, size_t key_bytes)
{
	if (ZP_UNLIKELY(key_bytes > ZP_MAX_KEY_BYTES))
		return ZP_KEY_TOO_LONG;
	session->map->map_failed = false;
	return zp_pass_begin_read(&session->pass, &session->trie->versions);
}

/* The same for one that writes; it ends with zp_end_write (change.h). */
static inline ZpStatus
zp_begin_write(ZpTrieSession *session, size_t key_bytes)
{
	if (ZP_UNLIKELY(key_bytes > ZP_MAX_KEY_BYTES))
		return ZP_KEY_TOO_LONG;
	session->map->map_failed = false;
	return zp_pass_begin_write(&session->pass, &session->trie->versions);
}

/*
 * Copies the value of a BLOCK payload; the token is held.  ZP_OK,
 * ZP_BUFFER_TOO_SMALL, ZP_MAP_FAILED.
 */
extern ZpStatus zp_copy_payload(ZpTrieSession *session, uint64_t payload, void *buffer,
								size_t buffer_bytes);

#endif							/* ZP_NODE_H */
