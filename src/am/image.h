/*
 * image.h
 *	  The image of an index: a trie in shared memory that holds what the log holds.
 *
 * An image is a cache.  A scan that gets none reads the log itself.  Nothing here raises an
 * error because memory is short; errors come from reading pages, and from interrupts.
 */
#ifndef ZP_IMAGE_H
#define ZP_IMAGE_H

#include "compat.h"

#include "am/key.h"
#include "am/options.h"
#include "log/log.h"
#include "shm/backend.h"
#include "shm/image_state.h"
#include "shm/registry.h"
#include "trie/cursor.h"

/*
 * Keys of the trie.  An index key has at most one primary entry, under the key itself; all
 * others are secondary ones, under key || TID.  Since no index key is a prefix of another
 * one, secondary entries stand right behind the primary one.  In an index with
 * included attributes all are secondary, and their values follow the TID.
 *
 * Payload: bits 0..47 the TID (block << 16 | offset; offset 0: no row, only others follow), bits
 * 48..60 the length of the index key, bit 61 secondary, bit 62 (of a primary entry) there are,
 * or may be, secondary ones.
 */
#define ZP_PAYLOAD_SECONDARY	((uint64) 1 << 61)
#define ZP_PAYLOAD_MORE			((uint64) 1 << 62)
#define ZP_PAYLOAD_TID_MASK		(((uint64) 1 << 48) - 1)

static inline uint64
zp_payload_of_tid(ItemPointer tid, size_t key_bytes)
{
	return (uint64) ItemPointerGetBlockNumberNoCheck(tid) << 16 |
		ItemPointerGetOffsetNumberNoCheck(tid) | (uint64) key_bytes << 48;
}

static inline bool
zp_payload_has_row(uint64 payload)
{
	return (payload & 0xFFFF) != 0;
}

static inline void
zp_payload_tid(uint64 payload, ItemPointer tid)
{
	ItemPointerSet(tid, (BlockNumber) (payload >> 16 & 0xFFFFFFFF),
				   (OffsetNumber) (payload & 0xFFFF));
}

static inline size_t
zp_payload_key_bytes(uint64 payload)
{
	return payload >> 48 & 0x1FFF;
}

/* The longest key of the trie. */
#define ZP_IMAGE_KEY_BYTES	(8192 + ZP_TID_BYTES)

/* Which file an image is of; the key of this backend's table of images. */
typedef struct ZpImageKey
{
	Oid			space;
	Oid			file;
	int32		backend;
} ZpImageKey;

/* This backend's grip on an image. */
typedef struct ZpImage
{
	ZpImageKey	key;
	Oid			relation;
	bool		suspect;		/* its index may have been dropped, or have another file */
	uint64		incarnation;
	ZpObject   *object;			/* pinned; NULL: closed */
	ZpImageState *state;
	bool		open;			/* session can be used */
	bool		written;		/* in this transaction */
	ZpTrieSession session;

	/* Not yet added to the state. */
	uint32		scans;
	uint32		log_scans;
} ZpImage;

/* Grows when an image is closed: a pointer kept from before may be stale. */
extern uint64 zp_image_generation;

/* image.c */

/*
 * The image of an index, complete: it holds all that the log holds now.  NULL: there is none,
 * read the log.  Loads it if need be.
 */
extern ZpImage *zp_image_get(Relation index, const ZpIndexOptions *options);

/*
 * Lets an image follow the log, if it is there and ready; for who inserts, and for compaction.
 * Without wait, not if somebody else is at it.
 */
extern void zp_image_follow(Relation index, bool wait);

/* An image is in use: it is not evicted for others' sake for a while. */
extern void zp_image_touch(ZpImage *image);

/* Why this backend has no shared memory at all; ZP_REASON_NONE: it has, or does not know yet. */
extern ZpImageReason zp_image_start_failed(void);

/* The state of an image that is there already; NULL: none.  For the planner and statistics. */
extern ZpImage *zp_image_peek(Relation index, uint64 incarnation);

/* Takes an image away; whether there was one. */
extern bool zp_image_evict(Relation index, ZpImageReason reason);

/* The session is told that the image is gone: closes it. */
extern void zp_image_close(ZpImage *image);

/*
 * Takes entries out whose rows a scan found dead to all.  removals is the state's figure from
 * before the scan read them: if it has changed, they may be others, and nothing is done.
 */
extern void zp_image_kill(ZpImage *image, uint64 removals, const ZpKeyLayout *layout,
						  const ZpRecord *records, int count);

/* Counts a scan; from_log: it was answered from the log. */
extern void zp_image_count_scan(Relation index, bool from_log);

/* Drops the images of this database whose files no catalog knows any more; returns how many. */
extern int	zp_images_sweep(void);

extern const char *const zp_image_reason_names[ZP_IMAGE_REASONS];

/* image_apply.c: changes to the trie; the caller holds state->apply */
extern ZpStatus zp_image_insert(ZpImage *image, bool has_included, const ZpLogEntry *entry);
extern ZpStatus zp_image_remove(ZpImage *image, bool has_included, const ZpLogEntry *entry);

#endif							/* ZP_IMAGE_H */
