/*
 * bucket.h
 *	  The node that holds keys: up to 32 of them behind a common path.
 *
 *	  header          16 bytes
 *	  fingerprints    32 bytes: of each entry's suffix, for zp_match_bytes
 *	  path            16 bytes; a longer one lies behind the heap instead
 *	  entries         capacity times: head, and payload if the trie has payloads
 *	  heap            of suffixes of over 7 bytes: the length in 1 or 2 bytes, then what the
 *	                  head does not have
 *
 * A reader finds a key with two cache lines, header and entry, if its suffix has no
 * more than 7 bytes (Leis, Kemper, Neumann, ICDE 2013, would need a node a byte; the
 * fingerprints are those of the FPTree, Oukid et al., SIGMOD 2016; leaves that hold
 * many suffixes those of burst tries, Heinz, Zobel, Williams, ACM TOIS 2002).
 *
 * Entries are appended.  An entry is written before `state` counts it, so whoever
 * has loaded the state (acquire) may read that many.  To delete is to store 0 into
 * the head; the place is not used again.  The first `sorted` entries ascend, dead
 * ones among them left out; the rest is in the order of its arrival.
 *
 * When keys come in ascending order a full bucket is left as it is, and the holder gets
 * a new child for what follows.  The bucket's range shrinks then, which otherwise it
 * never does: `bound` tells those who found their way before that they come too late.
 *
 * A head is the suffix's first bytes, the first in the highest bits, zeros behind,
 * and in the lowest byte its length plus 1; so heads compare as their suffixes do.
 * Of a suffix of over 7 bytes it has 5, then 2 bytes of the place in the heap where the
 * others are, and ZP_HEAD_LONG.
 */
#ifndef ZP_BUCKET_H
#define ZP_BUCKET_H

#include "trie/node.h"

#define ZP_BUCKET_ENTRIES		32
/* A heap has no more bytes; keys that need more are kept in several buckets. */
#define ZP_BUCKET_HEAP_BYTES	2048
#define ZP_BUCKET_SHORT_PATH	16
/* So many keys that came in order make it likely that the next ones do too. */
#define ZP_ASCENDING_KEYS		4

#define ZP_HEAD_DEAD			((uint64_t) 0)
#define ZP_HEAD_LONG			((uint64_t) 0xFF)
#define ZP_HEAD_SHORT_BYTES		7
#define ZP_HEAD_LONG_BYTES		5	/* of a long suffix that its head has */

/* No suffix in a heap is longer; room for one, and what zp_copy_suffix may write behind it. */
#define ZP_SUFFIX_MOST_BYTES	(ZP_BUCKET_HEAP_BYTES + 8)
/* The part of two long heads that can be compared. */
#define ZP_HEAD_LONG_MASK		(~UINT64_C(0xFFFF00))

/* Shared. */
typedef struct ZpBucket
{
	ZpAtomicU32 word;			/* as every node's */
	ZpAtomicU32 state;			/* ZpBucketState, packed; written with the lock held */
	ZpAtomicU32 heap_used;		/* offset of the heap's first free byte; likewise */
	uint8_t		capacity;		/* constant, as all below that is in use, but for: */
	uint8_t		bound;			/* no key whose first byte is this or more may come in; 0: any;
								 * read and written with the lock held */
	uint16_t	heap_end;		/* offset of the first byte behind the heap */
	unsigned char fingerprints[ZP_BUCKET_ENTRIES];
	unsigned char path[ZP_BUCKET_SHORT_PATH];
	unsigned char entries[];
} ZpBucket;

_Static_assert(sizeof(ZpBucket) == ZP_CACHE_LINE_BYTES && ZP_BYTES_SEARCHED == ZP_BUCKET_ENTRIES,
			   "what a search looks at first is one cache line");

/* What `state` says, unpacked.  Live entries: count less dead. */

static inline uint32_t
zp_state_count(uint32_t state)
{
	return state & 0xFF;
}

static inline uint32_t
zp_state_sorted(uint32_t state)
{
	return (state >> 8) & 0xFF;
}

static inline uint32_t
zp_state_dead(uint32_t state)
{
	return (state >> 16) & 0xFF;
}

static inline uint32_t
zp_state_live(uint32_t state)
{
	return zp_state_count(state) - zp_state_dead(state);
}

static inline uint32_t
zp_make_state(uint32_t count, uint32_t sorted, uint32_t dead)
{
	return count | sorted << 8 | dead << 16;
}

/* A suffix, ready to be looked for. */
typedef struct ZpSuffix
{
	uint64_t	head;			/* long: without the place */
	const unsigned char *at;
	size_t		bytes;
	unsigned char fingerprint;
} ZpSuffix;

static inline bool
zp_head_is_long(uint64_t head)
{
	return (head & 0xFF) == ZP_HEAD_LONG;
}

/* From its first and (if it has more than eight bytes) last eight bytes. */
static inline ZpSuffix
zp_make_suffix(const unsigned char *at, size_t bytes, uint64_t first, uint64_t last)
{
	ZpSuffix	suffix = {.at = at,.bytes = bytes};
	uint64_t	hash;

	if (ZP_LIKELY(bytes <= ZP_HEAD_SHORT_BYTES))
	{
		suffix.head = first | (bytes + 1);
		hash = suffix.head;
	}
	else
	{
		suffix.head = (first & ~UINT64_C(0xFFFFFF)) | ZP_HEAD_LONG;
		hash = first ^ (last * UINT64_C(0x9E3779B97F4A7C15)) ^ bytes;
	}
	/* Multiplicative hashing: Knuth, vol. 3, 6.4. */
	suffix.fingerprint = (unsigned char) ((hash * UINT64_C(0xD6E8FEB86659FD93)) >> 56);
	return suffix;
}

static inline ZpSuffix
zp_rest_suffix(const ZpRest *rest)
{
	return zp_make_suffix(rest->at, rest->bytes, zp_rest_window(rest),
						  rest->bytes > 8 ? zp_load_big_endian(rest->at + rest->bytes - 8) : 0);
}

/* Parts of a bucket; entry_bytes is that of the trie, 8 or 16. */

static inline size_t
zp_entry_bytes(const ZpTrieSession *session)
{
	return session->entry_bytes;
}

static inline ZpAtomicU64 *
zp_bucket_head(ZpBucket *bucket, uint32_t entry, size_t entry_bytes)
{
	return (ZpAtomicU64 *) (bucket->entries + entry * entry_bytes);
}

/* Only if the trie has payloads. */
static inline ZpAtomicU64 *
zp_bucket_payload(ZpBucket *bucket, uint32_t entry)
{
	return (ZpAtomicU64 *) (bucket->entries + 16 * (size_t) entry + 8);
}

static inline const unsigned char *
zp_bucket_path(const ZpBucket *bucket, size_t path_bytes)
{
	return path_bytes <= ZP_BUCKET_SHORT_PATH ? bucket->path
		: (const unsigned char *) bucket + bucket->heap_end;
}

/* Bytes of a bucket's block. */
static inline size_t
zp_bucket_bytes(const ZpBucket *bucket, uint32_t word)
{
	size_t		path_bytes = zp_word_path_bytes(word);

	return zp_whole_lines(bucket->heap_end +
						  (path_bytes <= ZP_BUCKET_SHORT_PATH ? 0 : path_bytes));
}

/* What a slot says of a bucket of so many bytes: see zp_bucket_prefetch. */
static inline uint32_t
zp_bucket_kind(size_t bytes)
{
	return bytes <= 5 * ZP_CACHE_LINE_BYTES ? ZP_SLOT_SMALL_BUCKET : ZP_SLOT_BUCKET;
}

/*
 * What of a long suffix is in the heap: a length below 128 in one byte; else its high bits
 * with 128 in the first byte, its low 8 bits in the second.  Then the bytes behind the head's.
 */
static inline size_t
zp_heap_bytes(size_t suffix_bytes)
{
	return (suffix_bytes < 128 ? 1 : 2) + suffix_bytes - ZP_HEAD_LONG_BYTES;
}

static inline const unsigned char *
zp_heap_place(const ZpBucket *bucket, uint64_t head)
{
	return (const unsigned char *) bucket + ((head >> 8) & 0xFFFF);
}

/* Where a long suffix goes on behind its head, and how long all of it is. */
static inline const unsigned char *
zp_heap_rest(const ZpBucket *bucket, uint64_t head, size_t *suffix_bytes)
{
	const unsigned char *place = zp_heap_place(bucket, head);

	if (ZP_LIKELY(place[0] < 128))
	{
		*suffix_bytes = place[0];
		return place + 1;
	}
	*suffix_bytes = (size_t) (place[0] & 127) << 8 | place[1];
	return place + 2;
}

/* The length of a suffix whose head is not dead. */
static inline size_t
zp_suffix_bytes(const ZpBucket *bucket, uint64_t head)
{
	size_t		bytes = (head & 0xFF) - 1;

	if (zp_head_is_long(head))
		(void) zp_heap_rest(bucket, head, &bytes);
	return bytes;
}

/*
 * Copies a suffix whose head is not dead, and returns its length.  If that is less than 8, 8
 * bytes are written all the same.
 */
static inline size_t
zp_copy_suffix(const ZpBucket *bucket, uint64_t head, unsigned char *to)
{
	size_t		bytes = (head & 0xFF) - 1;

	zp_store_big_endian(to, head);
	if (zp_head_is_long(head))
	{
		const unsigned char *rest = zp_heap_rest(bucket, head, &bytes);

		memcpy(to + ZP_HEAD_LONG_BYTES, rest, bytes - ZP_HEAD_LONG_BYTES);
	}
	return bytes;
}

/* The entry among the first `count` that has the suffix and lives; -1: there is none. */
static inline int
zp_bucket_find(ZpBucket *bucket, uint32_t count, size_t entry_bytes, const ZpSuffix *suffix)
{
	uint32_t	candidates = zp_match_bytes(bucket->fingerprints, count, suffix->fingerprint);

	while (candidates != 0)
	{
		uint32_t	entry = (uint32_t) __builtin_ctz(candidates);
		uint64_t	head = zp_load_relaxed_u64(zp_bucket_head(bucket, entry, entry_bytes));

		if (ZP_LIKELY(head == suffix->head) && !zp_head_is_long(head))
			return (int) entry;
		if (zp_head_is_long(suffix->head) && (head & ZP_HEAD_LONG_MASK) == suffix->head)
		{
			size_t		bytes;
			const unsigned char *rest = zp_heap_rest(bucket, head, &bytes);

			if (bytes == suffix->bytes && memcmp(rest, suffix->at + ZP_HEAD_LONG_BYTES,
												 bytes - ZP_HEAD_LONG_BYTES) == 0)
				return (int) entry;
		}
		candidates &= candidates - 1;
	}
	return -1;
}

/*
 * The order of a suffix, whose head is not dead, and a byte string: less than, equal to or greater
 * than 0.
 */
extern int	zp_head_compare(const ZpBucket *bucket, uint64_t head, const unsigned char *at,
							size_t bytes);

extern bool zp_head_less_long(const ZpBucket *bucket, uint64_t a, uint64_t b);

/* Whether a's suffix comes before b's; neither is dead. */
static inline bool
zp_head_less(const ZpBucket *bucket, uint64_t a, uint64_t b)
{
	/* Five bytes that differ, or no long suffix: the numbers say it. */
	if (ZP_LIKELY((a ^ b) >> 24 != 0 || (!zp_head_is_long(a) && !zp_head_is_long(b))))
		return a < b;
	return zp_head_less_long(bucket, a, b);
}

/* A bucket's live entries in order, at one moment. */
typedef struct ZpBucketOrder
{
	uint32_t	count;
	uint8_t		entry[ZP_BUCKET_ENTRIES];
	uint64_t	head[ZP_BUCKET_ENTRIES];
} ZpBucketOrder;

extern void zp_bucket_order(ZpBucket *bucket, uint32_t state, size_t entry_bytes,
							ZpBucketOrder *order);

/* Puts a long suffix at *place in the heap, which moves behind it; returns the whole head. */
static inline uint64_t
zp_bucket_put_suffix(ZpBucket *bucket, uint32_t *place, uint64_t head, const unsigned char *at,
					 size_t bytes)
{
	unsigned char *to = (unsigned char *) bucket + *place;

	head |= (uint64_t) *place << 8;
	if (bytes >= 128)
		*to++ = (unsigned char) (128 | bytes >> 8);
	*to++ = (unsigned char) bytes;
	memcpy(to, at + ZP_HEAD_LONG_BYTES, bytes - ZP_HEAD_LONG_BYTES);
	*place += (uint32_t) zp_heap_bytes(bytes);
	return head;
}

/*
 * Appends an entry; the bucket is locked, has room for it (zp_bucket_has_room), and
 * does not have the suffix.
 */
static inline void
zp_bucket_append(ZpBucket *bucket, size_t entry_bytes, const ZpSuffix *suffix, uint64_t payload)
{
	uint32_t	state = zp_load_relaxed_u32(&bucket->state);
	uint32_t	count = zp_state_count(state);
	uint64_t	head = suffix->head;

	if (ZP_UNLIKELY(zp_head_is_long(head)))
	{
		uint32_t	place = zp_load_relaxed_u32(&bucket->heap_used);

		head = zp_bucket_put_suffix(bucket, &place, head, suffix->at, suffix->bytes);
		zp_store_relaxed_u32(&bucket->heap_used, place);
	}
	if (zp_state_sorted(state) == count)
	{
		uint64_t	last = count == 0 ? 0
			: zp_load_relaxed_u64(zp_bucket_head(bucket, count - 1, entry_bytes));

		/* Behind a dead one the order is not known. */
		if (count == 0 || (last != ZP_HEAD_DEAD && zp_head_less(bucket, last, head)))
			state += 1 << 8;
	}
	bucket->fingerprints[count] = suffix->fingerprint;
	zp_store_relaxed_u64(zp_bucket_head(bucket, count, entry_bytes), head);
	if (entry_bytes > 8)
		zp_store_relaxed_u64(zp_bucket_payload(bucket, count), payload);
	zp_store_release_u32(&bucket->state, state + 1);
}

/* The first byte, behind the holder's path, of a key in the bucket; its suffix is not empty
 * if the path is. */
static inline unsigned char
zp_bucket_first_byte(const ZpBucket *bucket, size_t path_bytes, const ZpSuffix *suffix)
{
	return path_bytes > 0 ? zp_bucket_path(bucket, path_bytes)[0] : *suffix->at;
}

/*
 * Whether a key may come in; the bucket is locked.  Only full buckets have a bound, so
 * this refuses none that found room in the bucket as it is.
 */
static inline bool
zp_bucket_admits(const ZpBucket *bucket, const ZpSuffix *suffix)
{
	size_t		path_bytes = zp_word_path_bytes(zp_load_relaxed_u32(&bucket->word));

	return bucket->bound == 0 || zp_bucket_first_byte(bucket, path_bytes, suffix) < bucket->bound;
}

static inline bool
zp_bucket_has_room(ZpBucket *bucket, uint32_t count, const ZpSuffix *suffix)
{
	if (count >= bucket->capacity)
		return false;
	return !zp_head_is_long(suffix->head) ||
		zp_load_relaxed_u32(&bucket->heap_used) + zp_heap_bytes(suffix->bytes) <=
		bucket->heap_end;
}

/* Marks a live entry as dead; the bucket is locked. */
extern void zp_bucket_kill(ZpBucket *bucket, size_t entry_bytes, uint32_t entry);

/* Asks for the cache lines of a bucket that a search may need. */
static inline void
zp_bucket_prefetch(const void *bucket, uint32_t slot)
{
	const char *line = bucket;

	__builtin_prefetch(line);
	__builtin_prefetch(line + 64);
	__builtin_prefetch(line + 128);
	__builtin_prefetch(line + 192);
	__builtin_prefetch(line + 256);

	/* The other half, if there is one, else some again: a branch would be guesswork. */
	line += (slot & ZP_SLOT_BUCKET) * 128;
	__builtin_prefetch(line + 64);
	__builtin_prefetch(line + 128);
	__builtin_prefetch(line + 192);
	__builtin_prefetch(line + 256);
}

#endif							/* ZP_BUCKET_H */
